package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

func TestListIsEveryMatchOnceTheLatestFirst(t *testing.T) {
	each(t, func(t *testing.T, l *Log, now *clock.Manual) {
		for range 6 {
			do(t, l, 10)
			now.Move(time.Hour)
		}
		record(t, l, act.Act{Actor: act.Machine, Verb: "tests.run", Object: "x:1"})
		hour := func(n int) int64 { return start.Add(time.Duration(n) * time.Hour).UnixMicro() }
		for _, f := range []Filter{{}, {Actor: "person:1"}, {Verb: "test.a"}, {Verb: "test."}, {Verb: "nothing."}, {Object: "thing:2"},
			{From: hour(2), Until: hour(4)}, {Actor: "person:2", Verb: "test.", Object: "thing:1", From: hour(1)}} {
			var want, got []Entry
			all, _, err := l.List(ctx, Filter{}, 0, 1000)
			if err != nil || len(all) != 61 {
				t.Fatal(len(all), err)
			}
			for _, e := range all {
				if (f.Actor == "" || e.Actor == f.Actor) && (f.Verb == "" || e.Verb == f.Verb || strings.HasSuffix(f.Verb, ".") && strings.HasPrefix(e.Verb, f.Verb)) &&
					(f.Object == "" || e.Object == f.Object) && e.At >= f.From && (f.Until == 0 || e.At < f.Until) {
					want = append(want, e)
				}
			}
			for before := int64(0); ; {
				es, next, err := l.List(ctx, f, before, 3)
				if err != nil || len(es) > 3 {
					t.Fatal(len(es), err)
				}
				got = append(got, es...)
				if before = next; next == 0 {
					break
				}
			}
			if a, b := asJSON(want), asJSON(got); a != b {
				t.Errorf("%+v:\nwant %s\ngot  %s", f, a, b)
			}
			var out bytes.Buffer
			if err := l.Export(ctx, &out, f, "jsonl"); err != nil || strings.Count(out.String(), "\n") != len(want) {
				t.Errorf("%+v: exported %d of %d lines, %v", f, strings.Count(out.String(), "\n"), len(want), err)
			}
		}
		verbs, err := l.Verbs(ctx)
		if err != nil || strings.Join(verbs, " ") != "test.a test.b test.c test.d tests.run" {
			t.Error(verbs, err)
		}
		if _, _, err := l.List(ctx, Filter{From: hour(4), Until: hour(2)}, 0, 1); fault.KindOf(err) != fault.Invalid {
			t.Error(err)
		}
	})
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func record(t testing.TB, l *Log, a act.Act) {
	t.Helper()
	if err := l.db.Act(ctx, a, nothing); err != nil {
		t.Fatal(err)
	}
}

func TestExportIsSafeToOpenInASpreadsheet(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		record(t, l, act.Act{Actor: act.Actor{Kind: act.Person, ID: "1", Name: "=HYPERLINK(\"x\")"}, Verb: "a.b", Object: "@x:1", Detail: "-1\n\"2\""})
		var out bytes.Buffer
		if err := l.Export(ctx, &out, Filter{}, "csv"); err != nil {
			t.Fatal(err)
		}
		want := "id,at,actor,name,verb,object,detail\n1,2026-11-25T08:00:00.000000Z,person:1,\"'=HYPERLINK(\"\"x\"\")\",a.b,'@x:1,\"'-1\n\"\"2\"\"\"\n"
		if out.String() != want {
			t.Errorf("got  %q\nwant %q", out.String(), want)
		}
		if err := l.Export(ctx, &out, Filter{}, "xml"); fault.KindOf(err) != fault.Invalid {
			t.Error(err)
		}
	})
}

// TestTextThatNoEngineKeepsIsRecordedLegibly has a NUL and a broken rune in what others wrote.
func TestTextThatNoEngineKeepsIsRecordedLegibly(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		record(t, l, act.Act{Actor: act.Actor{Kind: act.Person, ID: "1\x00", Name: "\xff"}, Verb: "a.b", Object: "x:\x00", Detail: "\xc3("})
		p, err := l.ByID(ctx, 1)
		if err != nil || !p.Proof.Valid || p.Entry.Name != "\uFFFD" || p.Entry.Detail != "\uFFFD(" {
			t.Errorf("%+v %v", p, err)
		}
		if r := verify(t, l, Verification{}); r.Err() != nil {
			t.Error(r.Err())
		}
	})
}

func TestEveryEntryIsProved(t *testing.T) {
	each(t, func(t *testing.T, l *Log, _ *clock.Manual) {
		do(t, l, 13)
		root := checkpoint(t, l).Root()
		for id := int64(1); id <= 13; id++ {
			p, err := l.ByID(ctx, id)
			if err != nil || !p.Proof.Valid || p.Proof.Root != root || p.Proof.Size != 13 {
				t.Errorf("%+v %v", p, err)
			}
		}
		if _, err := l.ByID(ctx, 14); fault.KindOf(err) != fault.NotFound {
			t.Error(err)
		}
		exec(t, l, `UPDATE audit SET name = 'X' WHERE id = 5`)
		exec(t, l, `DELETE FROM audit_hash WHERE entry = 8`)
		for _, id := range []int64{5, 7, 8} {
			if p, err := l.ByID(ctx, id); err != nil || p.Proof.Valid {
				t.Errorf("entry %d is proved by a damaged log: %+v %v", id, p, err)
			}
		}
	})
}

func TestOneKeyIsMadeHoweverManyAskAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 20 {
		wg.Go(func() {
			k, err := openKey(path, "tocsin/live")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[k.verifier] = true
		})
	}
	wg.Wait()
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 || len(seen) != 1 {
		t.Errorf("%v %v, %d keys", st.Mode(), err, len(seen))
	}
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if _, err := openKey(path, "tocsin/other"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a key of another log: %v", err)
	}
	if err := os.WriteFile(path, []byte("PRIVATE+KEY+x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKey(path, "tocsin/live"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a damaged key: %v", err)
	}
	if _, err := readKey(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add("tocsin/live\n12\nR4Fd3CSo0JI2zhI45yQa2xzlZCUVgJnfhZUVzC6QGzo=\n")
	f.Add("a\n0\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStatement(text)
		if err == nil && !strings.HasPrefix(text, s.String()) {
			t.Errorf("%q is read as %q", text, s)
		}
		if _, err := openCheckpoint([]byte(text), note.VerifierList()); err == nil {
			t.Error("verified without a key")
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("PRIVATE+KEY+tocsin/live+1a2b3c4d+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := parseKey(text, "file"); err == nil {
			if _, err := note.NewVerifier(k.verifier); err != nil {
				t.Errorf("%q has the verifier %q: %v", text, k.verifier, err)
			}
		}
	})
}
