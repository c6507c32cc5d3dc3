package mailbox_test

import (
	"fmt"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/notify/mailbox/mailboxtest"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
)

// BenchmarkRead is what a reply of 4 KB costs from the server to the conversation: kept, threaded, recorded, marked.
func BenchmarkRead(b *testing.B) {
	at := clock.NewManual(begin)
	post := mailboxtest.Open(b, dbtest.Open(b, b.TempDir()+"/tocsin.db", "live", audit.Recorder(at)), at)
	raws := make([]string, b.N)
	for i := range raws {
		raws[i] = fmt.Sprintf("From: abuse@isp1.example\nMessage-ID: <r%d@isp1.example>\nIn-Reply-To: %s\n\n%04000d\n", i, post.Letter.MessageID, i)
	}
	b.ResetTimer()
	for at := 0; at < len(raws); at += 100 {
		post.Receive(raws[at:min(at+100, len(raws))]...)
	}
}
