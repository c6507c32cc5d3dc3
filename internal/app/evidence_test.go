package app_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/app"
	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
)

func TestEvidenceGoesThroughTheRoomsInBoundedMemory(t *testing.T) {
	t.Run("64 MiB", func(t *testing.T) { evidence(t, 64<<20, 32<<20) })
	t.Run("2 GiB", func(t *testing.T) {
		if os.Getenv("TOCSIN_TEST_LARGE") == "" {
			t.Skip("moves 2 GiB over the disk: set TOCSIN_TEST_LARGE=1 (.ci/run does)")
		}
		evidence(t, 2<<30, 64<<20)
	})
}

// evidence sends a file of some size by the form of a case, takes it again, and allows the heap to grow by some bytes meanwhile.
func evidence(t *testing.T, size, most int64) {
	w := openWorld(t)
	s, _ := startWith(t, w, app.Options{Listen: "127.0.0.1:0"})
	c, err := w.Incidents.Open(t.Context(), identity.LocalActor, incident.Opening{Title: "An image of a disk"})
	if err != nil {
		t.Fatal(err)
	}
	cookie, _ := cookies.Load(s.URL())
	grown := watchHeap()
	sent := sha256.New()
	body, to := io.Pipe()
	form := multipart.NewWriter(to)
	go func() {
		part, err := form.CreateFormFile("file", "../../disk.img")
		if err == nil {
			_, err = io.Copy(io.MultiWriter(part, sent), io.LimitReader(&counting{}, size))
		}
		if err == nil {
			err = form.Close()
		}
		to.CloseWithError(err)
	}()
	begun := time.Now()
	a := send(t, http.MethodPost, s.URL()+fmt.Sprintf("/cases/%d/files", c.ID), body, cookie.(string), form.FormDataContentType())
	if a.Body.Close(); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("the upload: %s", a.Status)
	}
	taken := time.Since(begun)
	files, err := w.Incidents.FilesOf(t.Context(), c.ID, 0)
	if err != nil || len(files) != 1 || files[0].Bytes != size || files[0].Name != "disk.img" || files[0].SHA256 != sum(sent) {
		t.Fatalf("kept %+v, %v; sent %s", files, err, sum(sent))
	}
	got := sha256.New()
	begun = time.Now()
	a = send(t, http.MethodGet, s.URL()+fmt.Sprintf("/evidence/%d", files[0].ID), nil, cookie.(string), "")
	n, err := io.Copy(got, a.Body)
	if a.Body.Close(); err != nil || n != size || sum(got) != sum(sent) || a.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("took %d bytes of %s, %v, want %d: %s", n, sum(got), err, size, a.Status)
	}
	given := time.Since(begun)
	if g := grown(); g > most {
		t.Errorf("the heap grew by %d MiB", g>>20)
	} else {
		t.Logf("%d MiB: taken in %.1f s, given in %.1f s, the heap of server and client grew by %d MiB", size>>20, taken.Seconds(), given.Seconds(), g>>20)
	}
	for verb, by := range map[string]string{"evidence.keep": "person:1", "evidence.take": "person:1"} {
		es, _, err := w.Audit.List(t.Context(), audit.Filter{Verb: verb}, 0, 10)
		if err != nil || len(es) != 1 || es[0].Actor != by || es[0].Object != fmt.Sprintf("evidence:%d", files[0].ID) || verb == "evidence.keep" && !strings.Contains(es[0].Detail, sum(sent)) {
			t.Errorf("%s: %+v %v", verb, es, err)
		}
	}
}

func send(t *testing.T, method, url string, body io.Reader, cookie, media string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	a, err := noFollow.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// counting is a file without end, of which no block is like another.
type counting struct{ n uint64 }

func (c *counting) Read(b []byte) (int, error) {
	for i := 0; i+8 <= len(b); i += 8 {
		c.n++
		binary.LittleEndian.PutUint64(b[i:], c.n*0x9e3779b97f4a7c15)
	}
	return len(b) &^ 7, nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// watchHeap looks at the heap again and again, and tells by how much it has grown at most.
func watchHeap() (grown func() int64) {
	heap := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	runtime.GC()
	first := heap()
	var peak atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.Tick(5 * time.Millisecond); ; {
			peak.Store(max(peak.Load(), heap()))
			select {
			case <-stop:
				return
			case <-tick:
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return peak.Load() - first
	}
}
