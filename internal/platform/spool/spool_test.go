package spool

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/platform/fault"
)

func TestHeldStreamIsReadTwiceAndLeavesNoName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	f, err := Dir(dir).Hold(strings.NewReader("content"), 7)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != "content" || f.Size() != 7 {
			t.Errorf("got %q, %v", b, err)
		}
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Errorf("a crash would leave %v", names)
	}
}

func TestStreamOverTheLimitIsRefused(t *testing.T) {
	if _, err := Dir(t.TempDir()).Hold(strings.NewReader("content"), 6); fault.KindOf(err) != fault.Invalid {
		t.Errorf("got %v", err)
	}
}
