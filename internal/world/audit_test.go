package world_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/world"
)

// TestAuditLogVerifiesAfterARestore goes on with the log where the backup was taken: the restore is its next act, and the key that
// signed before stays known without being in the backup.
func TestAuditLogVerifiesAfterARestore(t *testing.T) {
	each(t, func(t *testing.T, cfg world.Config, another func() world.Config) {
		ctx := context.Background()
		w := open(t, cfg)
		for range 5 {
			if err := w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "test.act"}, func(*db.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		kept, err := w.Audit.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "backup")
		if _, err := w.Backup(ctx, identity.LocalActor, dir, nil); err != nil {
			t.Fatal(err)
		}
		after, err := w.Audit.Checkpoint(ctx) // has the act of the backup itself, which the backup has not
		if err != nil {
			t.Fatal(err)
		}
		if found, err := filepath.Glob(filepath.Join(dir, "*", "*.key")); err != nil || len(found) > 0 {
			t.Errorf("the backup has a key: %v %v", found, err)
		}
		to := another()
		if _, err := world.Restore(ctx, identity.LocalActor, to, dir, nil); err != nil {
			t.Fatal(err)
		}
		restored := open(t, to)
		if _, err := os.Stat(filepath.Join(to.Dir, "audit.key")); err == nil {
			t.Error("the key was restored")
		}
		if _, err := restored.Audit.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		es, _, err := restored.Audit.List(ctx, audit.Filter{}, 0, 100)
		if err != nil || es[0].Verb != "world.restore" || es[0].ID != kept.Size+1 {
			t.Errorf("%v %+v", err, es)
		}
		verify := func(name string, c audit.Checkpoint) audit.Report {
			r, err := restored.Audit.Verify(ctx, audit.Verification{Checkpoints: []audit.Given{{Name: name, Data: []byte(c.Note)}}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := verify("kept", kept); r.Err() != nil || r.Checkpoints != 3 {
			t.Errorf("%+v", r)
		}
		if r := verify("after", after); r.Err() == nil {
			t.Error("a checkpoint from after the backup agrees with what was restored")
		}
	})
}
