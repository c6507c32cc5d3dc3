package filing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// Asker is somebody of a constituent, and by which exit they are answered.
type Asker struct {
	Actor act.Actor
	Via   disclosure.Channel
}

// Choice is a constituent that somebody may report for.
type Choice struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Choices are the constituents that an actor acts for, by name.
func (c *Counter) Choices(ctx context.Context, by act.Actor) ([]Choice, error) {
	dir, err := c.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	var out []Choice
	for _, l := range dir.All() {
		if slices.Contains(by.Constituents(), l.ID) {
			out = append(out, Choice{l.ID, l.Name})
		}
	}
	return out, nil
}

// List is a part of the reports of somebody's constituents.
type List struct {
	Items []incident.Report
	Next  int64 // 0 at the end
}

// Mine lists the reports of the asker's constituents that may be shown to them, the latest first.
func (c *Counter) Mine(ctx context.Context, a Asker, f incident.MineFilter) (none egress.Cleared[*List], err error) {
	all, more, err := c.MineAll(ctx, a.Actor, f)
	if err != nil {
		return none, err
	}
	out := &List{}
	if more {
		out.Next = all[len(all)-1].ID
	}
	items := make([]*incident.Report, 0, len(all))
	for i := range all {
		items = append(items, &all[i])
	}
	var g *egress.Grant
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		cleared, _, err := disclosure.Clear(ctx, tx, c.Gate, disclosure.RecipientOf(a.Actor), a.Via, items, reporters)
		if err == nil {
			out.Items, g, err = cleared.Open()
		}
		return err
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// One shows one report of the asker's constituents. Anybody else's is not there.
func (c *Counter) One(ctx context.Context, a Asker, id int64) (none egress.Cleared[*Told], err error) {
	r, err := c.Desk.Mine(ctx, a.Actor, id)
	if err != nil {
		return none, err
	}
	return c.told(ctx, &r, disclosure.RecipientOf(a.Actor), a.Via)
}

// PapersOf are the papers of a report of the asker's constituents.
func (c *Counter) PapersOf(ctx context.Context, a Asker, id int64) (none egress.Cleared[*Papers], err error) {
	r, err := c.Desk.Mine(ctx, a.Actor, id)
	if err != nil {
		return none, err
	}
	return c.papers(ctx, &r, disclosure.RecipientOf(a.Actor), a.Via)
}

// Filed is what a constituent wants to report.
type Filed struct {
	Constituent int64
	Origin      incident.Origin // FromPortal, also when empty, or FromREST
	Draft       bool
	Key         string // the same key of the same actor is the same report; "" for none
	Filing      incident.Filing
}

const maxKey = 200

// errAgain ends an act whose report is there already.
var errAgain = errors.New("filed before")

// FileFor files a report for a constituent that the actor acts for. Asked again with the same key it gives the report that was filed; with
// the same key for something else it is a fault of kind Conflict.
func (c *Counter) FileFor(ctx context.Context, by act.Actor, f Filed) (r incident.Report, err error) {
	if f.Constituent == 0 || !slices.Contains(by.Constituents(), f.Constituent) {
		return r, fault.NotFoundf("there is no constituent with the id %d", f.Constituent)
	}
	if len(f.Key) > maxKey {
		return r, fault.Problems{{Field: "Idempotency-Key", Message: fmt.Sprintf("is longer than %d bytes", maxKey)}}
	}
	from := incident.Reporter{Origin: f.Origin, Constituent: f.Constituent, Account: by.Rights.Account, Draft: f.Draft}
	verb := "report.file"
	if f.Draft {
		verb = "report.draft"
	}
	if from.Origin == "" {
		from.Origin = incident.FromPortal
	}
	asked, err := json.Marshal(f)
	if err != nil {
		return r, err
	}
	sum := sha256.Sum256(asked)
	titled(&f.Filing)
	earlier := int64(0)
	err = c.DB.Act(ctx, act.Act{Actor: by, Verb: verb}, func(tx *db.Tx) error {
		if r, _, err = c.FileIn(ctx, tx, from, f.Filing); err != nil || f.Key == "" {
			return err
		}
		fresh, before, said, err := claimKey(tx, f.Key, r.ID, hex.EncodeToString(sum[:]), c.Clock.Now().UnixMicro())
		if err != nil || fresh {
			return err
		}
		if said != hex.EncodeToString(sum[:]) {
			return fault.Conflictf("the Idempotency-Key %.80q was used for another report: use a new one for each", f.Key)
		}
		earlier = before
		return errAgain
	})
	if errors.Is(err, errAgain) {
		return c.Desk.Mine(ctx, by, earlier)
	}
	return r, err
}

// SaveFor keeps what was written of one's own draft so far, or hands it in.
func (c *Counter) SaveFor(ctx context.Context, by act.Actor, id int64, f incident.Filing, submit bool) error {
	if _, err := c.Desk.Mine(ctx, by, id); err != nil {
		return err
	}
	titled(&f)
	var err error
	if submit {
		_, err = c.Desk.Submit(ctx, by, id, f, false)
	} else {
		_, err = c.Desk.Save(ctx, by, id, f)
	}
	return err
}

// DiscardFor removes one's own draft.
func (c *Counter) DiscardFor(ctx context.Context, by act.Actor, id int64) error {
	if _, err := c.Desk.Mine(ctx, by, id); err != nil {
		return err
	}
	return c.Discard(ctx, by, id)
}

// AddFor writes down what somebody of the constituent says later.
func (c *Counter) AddFor(ctx context.Context, by act.Actor, id int64, a incident.Addition) (incident.Addition, error) {
	if _, err := c.Desk.Mine(ctx, by, id); err != nil {
		return a, err
	}
	a.Name = by.Name
	return c.Add(ctx, by, id, a)
}

// KeepFor keeps a file that somebody of the constituent adds.
func (c *Counter) KeepFor(ctx context.Context, by act.Actor, id int64, name, media string, content io.Reader) (incident.File, error) {
	if _, err := c.Desk.Mine(ctx, by, id); err != nil {
		return incident.File{}, err
	}
	return c.Keep(ctx, by, incident.File{Report: id, Name: name, Type: media}, content)
}

// Taken is a file that its reporter takes back.
type Taken struct {
	incident.File
	Content file.Reader
}

// TakeFor opens a file of a report of the asker's constituents.
func (c *Counter) TakeFor(ctx context.Context, a Asker, report, id int64) (none egress.Cleared[*Taken], err error) {
	told, err := c.One(ctx, a, report)
	if err != nil {
		return none, err
	}
	t, g, err := told.Open()
	if err != nil {
		return none, err
	}
	if !slices.ContainsFunc(t.Files, func(f incident.File) bool { return f.ID == id }) {
		return none, fault.NotFoundf("the report %d has no file %d", report, id)
	}
	f, content, err := c.Take(ctx, a.Actor, id)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&Taken{f, content}, g)
}
