package digest

import (
	"context"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Preview is what a constituent would be told now: all that waits, whether it is due or not, in the language asked for, or its own.
type Preview struct {
	Message    Message  `json:"message"`
	Digest     *Digest  `json:"digest"` // nil: there is nothing to tell
	Language   string   `json:"language"`
	To         []string `json:"to" nullable:"false"`       // nobody: there is no contact with an address
	Webhooks   []string `json:"webhooks" nullable:"false"` // the names of those that it is posted to
	Withheld   int      `json:"withheld"`                  // findings that the gate keeps back
	Due        int64    `json:"due"`                       // when the first of it is due; 0: nothing is
	Suppressed int64    `json:"suppressed"`
	Silent     int64    `json:"silent"`
}

// pending is what waits to be told to a constituent, and what it was told already.
type pending struct {
	office             *office
	listed             constituency.Listed
	set                Setting
	news, still        []directive
	before             Message // the latest
	to                 targets
	suppressed, silent int64
}

func (d *Desk) pending(ctx context.Context, constituent int64) (w pending, err error) {
	if w.office, err = d.office(ctx); err != nil {
		return w, err
	}
	var ok bool
	if w.listed, ok = w.office.dir.ByID(constituent); !ok {
		return w, fault.NotFoundf("there is no constituent with the id %d", constituent)
	}
	if w.set, err = d.Setting(ctx, constituent); err != nil {
		return w, err
	}
	return w, d.DB.View(ctx, func(tx *db.Tx) error {
		if w.news, err = directivesOf(tx, constituent, everything, maxEntries); err != nil {
			return err
		}
		if w.still, err = stillOpen(tx, constituent, everything, maxEntries); err != nil {
			return err
		}
		if w.before, err = latest(tx, constituent); err != nil {
			return err
		}
		if w.suppressed, w.silent, err = keptBack(tx, constituent); err != nil {
			return err
		}
		contacts, err := constituency.Reach(tx, constituent, constituency.Day(d.today()))
		if err != nil {
			return err
		}
		w.to, err = targetsOf(tx, &w.set, contacts)
		return err
	})
}

// message is the message that what waits would become, with what of it is told.
func (d *Desk) message(w *pending, all []directive) (Message, []directive) {
	news, still := split(all)
	m := d.draft(w.office, w.listed, w.set, w.before, news, int64(len(still)))
	m.secret = "…"
	if m.urgent() {
		return m, news
	}
	return m, all
}

// Preview shows what would be told to a constituent. Nothing is sent and nothing is written down.
func (d *Desk) Preview(ctx context.Context, constituent int64, language string) (*Preview, error) {
	w, err := d.pending(ctx, constituent)
	if err != nil {
		return nil, err
	}
	out := &Preview{To: []string{}, Webhooks: []string{}, Suppressed: w.suppressed, Silent: w.silent}
	for _, x := range w.news {
		if out.Due == 0 || x.due < out.Due {
			out.Due = x.due
		}
	}
	if language == "" {
		language = w.listed.Language
	}
	o := w.office
	all, withheld, to, err := d.reachAll(ctx, o, w.listed, append(w.news, w.still...), w.to)
	if err != nil {
		return nil, err
	}
	for i, c := range to.contacts {
		out.To = append(out.To, c.Mail)
		if i == 0 && language == "" {
			language = c.Language
		}
	}
	for _, h := range to.hooks {
		out.Webhooks = append(out.Webhooks, h.Name)
	}
	out.Withheld = len(withheld)
	if out.Message, all = d.message(&w, all); len(all) == 0 {
		return out, nil
	}
	list, err := d.entries(ctx, all)
	if err != nil {
		return nil, err
	}
	_, short := o.strictest(all)
	writing, err := d.begin(ctx, &out.Message, list, sender{o.profile, d.answerURL(), short, o.types}, o.language(language, ""))
	if err != nil {
		return nil, err
	}
	if err := d.read(ctx, []*wanted{&writing.wanted}); err != nil {
		return nil, err
	}
	out.Digest, err = writing.end()
	out.Language = d.speaker(o.language(language, ""), nil).Lang()
	return out, err
}
