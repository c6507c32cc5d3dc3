package constituency

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Propose asks for changes of a constituent that the actor acts for. For one that they do not act for there is no such
// constituent.
func (s *Store) Propose(ctx context.Context, actor act.Actor, constituent int64, steps []ChangeStep, note string) (q ChangeRequest, err error) {
	if !reaches(actor, constituent) {
		return q, noConstituent(constituent)
	}
	if note = text(note); utf8.RuneCountInString(note) > maxAsked {
		return q, fault.Problems{{Field: "note", Message: fmt.Sprintf("is longer than %d characters", maxAsked)}}
	}
	err = s.db.Act(ctx, act.Act{Actor: actor, Verb: "change.propose"}, func(tx *db.Tx) error {
		if err := lock(tx); err != nil {
			return err
		}
		now := s.clock.Now()
		h, err := readHolding(tx, constituent)
		if err != nil {
			return err
		}
		q = ChangeRequest{Constituent: constituent, Subject: actor.Subject(), By: actor.Name, At: now.UnixMicro(), State: Pending, Note: note}
		if q.Steps, err = prepare(steps, h, now); err != nil {
			return err
		}
		var open int64
		if err := tx.Row(`SELECT COUNT(*) FROM change_request WHERE constituent = $1 AND state = 'open'`, constituent).Scan(&open); err != nil {
			return err
		}
		if open >= maxRequests {
			return fault.Conflictf("%d requests are waiting already: withdraw some, or wait until they are decided", open)
		}
		b, err := json.Marshal(q.Steps)
		if err != nil {
			return err
		}
		err = tx.Row(`INSERT INTO change_request (constituent, subject, name, at, state, note, steps, decided_by, decided_as,
			decided_at, reason) VALUES ($1, $2, $3, $4, 'open', $5, $6, '', '', 0, '') RETURNING id`, constituent, q.Subject, q.By, q.At,
			note, string(b)).Scan(&q.ID)
		if err != nil {
			return err
		}
		detail, err := json.Marshal(q.detail(h.self.Ref))
		tx.Note(requestObject(q.ID), string(detail))
		return err
	})
	return q, err
}

func requestObject(id int64) string { return "change_request:" + strconv.FormatInt(id, 10) }

// detail is what the audit keeps: what was asked for, not the words, which may name persons.
func (q *ChangeRequest) detail(ref string) map[string]any {
	ops := make([]Op, len(q.Steps))
	for i, st := range q.Steps {
		ops[i] = st.Op
	}
	return map[string]any{"constituent": ref, "steps": ops}
}

// Withdraw takes back an open request of a constituent that the actor acts for.
func (s *Store) Withdraw(ctx context.Context, actor act.Actor, id int64) error {
	return s.db.Act(ctx, act.Act{Actor: actor, Verb: "change.withdraw", Object: requestObject(id)}, func(tx *db.Tx) error {
		q, err := readRequest(tx, id)
		if err != nil {
			return err
		}
		if !reaches(actor, q.Constituent) {
			return NoRequest(id)
		}
		return decide(tx, q, actor, Withdrawn, "", s.clock.Now())
	})
}

// Refuse refuses an open request; the reason is told to who asked.
func (s *Store) Refuse(ctx context.Context, actor act.Actor, id int64, reason string) error {
	if reason = text(reason); reason == "" || utf8.RuneCountInString(reason) > maxAsked {
		return fault.Problems{{Field: "reason", Message: fmt.Sprintf("needs a reason of at most %d characters: who asked will read it", maxAsked)}}
	}
	if err := mayDecide(actor); err != nil {
		return err
	}
	return s.db.Act(ctx, act.Act{Actor: actor, Verb: "change.refuse", Object: requestObject(id)}, func(tx *db.Tx) error {
		q, err := readRequest(tx, id)
		if err != nil {
			return err
		}
		return decide(tx, q, actor, Refused, reason, s.clock.Now())
	})
}

// Approve does what an open request asks, in one act with its decision. Seen is that of the review the approver looked at:
// when the registry has moved since, nothing is done.
func (s *Store) Approve(ctx context.Context, actor act.Actor, id int64, seen, reason string) error {
	if reason = text(reason); utf8.RuneCountInString(reason) > maxAsked {
		return fault.Problems{{Field: "reason", Message: fmt.Sprintf("is longer than %d characters", maxAsked)}}
	}
	if err := mayDecide(actor); err != nil {
		return err
	}
	return s.change(ctx, actor, "change.approve", func(tx *db.Tx) (string, any, error) {
		today := DayOf(s.clock.Now())
		q, err := readRequest(tx, id)
		if err != nil {
			return "", nil, err
		}
		if q.Subject == actor.Subject() {
			return "", nil, fault.New(fault.Forbidden, "who asked for a change does not approve it: leave it to somebody else")
		}
		h, err := readHolding(tx, q.Constituent)
		if err != nil {
			return "", nil, err
		}
		r, err := h.review(tx, q, today)
		switch {
		case err != nil:
			return "", nil, err
		case q.State != Pending:
			return "", nil, decided(q)
		case r.Blocked():
			return "", nil, fault.Conflictf("the request can no longer be done as it was asked: refuse it and say why")
		case r.Seen != seen:
			return "", nil, fault.Conflictf("what the request would change is no longer what you saw: look at it again")
		}
		if err := r.apply(tx, h, today); err != nil {
			return "", nil, err
		}
		if err := decide(tx, q, actor, Approved, reason, s.clock.Now()); err != nil {
			return "", nil, err
		}
		return requestObject(id), q.detail(h.self.Ref), nil
	})
}

func mayDecide(actor act.Actor) error {
	if !staff(actor) || !identity.Allowed(actor, "constituency.approve") {
		return fault.New(fault.Forbidden, "change requests are decided by staff who may approve them")
	}
	return nil
}

// NoRequest is the fault that there is no such change request, or none that the asker may see.
func NoRequest(id int64) error {
	return fault.NotFoundf("there is no change request with the id %d", id)
}

func decided(q ChangeRequest) error {
	return fault.Conflictf("the request is %s already", q.State)
}

func decide(tx *db.Tx, q ChangeRequest, by act.Actor, state RequestState, reason string, now time.Time) error {
	n, err := tx.Exec(`UPDATE change_request SET state = $1, decided_by = $2, decided_as = $3, decided_at = $4, reason = $5
		WHERE id = $6 AND state = 'open'`, string(state), by.Subject(), by.Name, now.UnixMicro(), reason, q.ID)
	if err == nil && n == 0 {
		return decided(q)
	}
	return err
}

const requestColumns = `SELECT id, constituent, subject, name, at, state, note, steps, decided_by, decided_as, decided_at, reason
	FROM change_request `

func eachRequest(tx *db.Tx, where string, args []any) (out []ChangeRequest, err error) {
	err = tx.Each(requestColumns+where, args, func(scan func(...any) error) error {
		var q ChangeRequest
		var steps string
		if err := scan(&q.ID, &q.Constituent, &q.Subject, &q.By, &q.At, &q.State, &q.Note, &steps, &q.DecidedBy, &q.DecidedAs,
			&q.DecidedAt, &q.Reason); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(steps), &q.Steps); err != nil {
			return fmt.Errorf("steps of change request %d: %w", q.ID, err)
		}
		out = append(out, q)
		return nil
	})
	return out, err
}

func readRequest(tx *db.Tx, id int64) (q ChangeRequest, err error) {
	qs, err := eachRequest(tx, `WHERE id = $1`, []any{id})
	if err == nil && len(qs) == 0 {
		return q, NoRequest(id)
	}
	if err != nil {
		return q, err
	}
	return qs[0], nil
}

// RequestFilter narrows a list of change requests.
type RequestFilter struct {
	State  RequestState // "" is every one
	Before int64        // id of the last one on the page before
	Limit  int          // 100 when 0, at most 1,000
}

// ChangeRequests lists requests, the newest first; more tells that there are others after the last. With constituents, only
// theirs; no constituents are nobody's requests, and nil is everybody's.
func (s *Store) ChangeRequests(ctx context.Context, constituents []int64, f RequestFilter) (out []ChangeRequest, more bool, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	before := f.Before
	if before <= 0 {
		before = 1<<63 - 1
	}
	args := []any{before, string(f.State), limit + 1}
	where := `WHERE id < $1 AND (CAST($2 AS TEXT) = '' OR state = $2)`
	if constituents != nil {
		var in string
		in, args = oneOf(constituents, args)
		where += ` AND constituent IN (` + in + `)`
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out, err = eachRequest(tx, where+` ORDER BY id DESC LIMIT $3`, args)
		return err
	})
	if len(out) > limit {
		return out[:limit], true, err
	}
	return out, false, err
}

// oneOf writes the placeholders of a list of ids after the arguments there are; an empty list matches nothing.
func oneOf(ids []int64, args []any) (string, []any) {
	if len(ids) == 0 {
		return "NULL", args
	}
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteString(", ")
		}
		args = append(args, id)
		b.WriteString("$" + strconv.Itoa(len(args)))
	}
	return b.String(), args
}

// ChangeRequest finds a request of one of the constituents; anybody else's does not exist.
func (s *Store) ChangeRequest(ctx context.Context, constituents []int64, id int64) (q ChangeRequest, err error) {
	in, args := oneOf(constituents, []any{id})
	err = s.db.View(ctx, func(tx *db.Tx) error {
		qs, err := eachRequest(tx, `WHERE id = $1 AND constituent IN (`+in+`)`, args)
		if err == nil && len(qs) == 0 {
			return NoRequest(id)
		}
		if err == nil {
			q = qs[0]
		}
		return err
	})
	return q, err
}

// Review compares a request with the registry as it is now. It names other constituents: it is for staff.
func (s *Store) Review(ctx context.Context, id int64) (r *Review, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		q, err := readRequest(tx, id)
		if err != nil {
			return err
		}
		h, err := readHolding(tx, q.Constituent)
		if err != nil {
			return err
		}
		r, err = h.review(tx, q, DayOf(s.clock.Now()))
		return err
	})
	return r, err
}

func readHolding(tx *db.Tx, constituent int64) (*holding, error) {
	h := &holding{contacts: map[int64]*Contact{}, assets: map[int64]*Asset{}}
	cs, err := readConstituents(tx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(cs, func(c Constituent) bool { return c.ID == constituent })
	if i < 0 {
		return nil, noConstituent(constituent)
	}
	h.self = &cs[i]
	err = eachContact(tx, `WHERE constituent = $1 ORDER BY id`, []any{constituent}, func(c Contact) { h.contacts[c.ID] = &c })
	if err != nil {
		return nil, err
	}
	return h, eachAsset(tx, `WHERE constituent = $1 ORDER BY id`, []any{constituent}, func(a Asset) { h.assets[a.ID] = &a })
}

// othersWith finds what other constituents have that meets an asset, the first few by id.
func othersWith(tx *db.Tx, self int64, want Record, today Day) (out []Objection, err error) {
	kinds := []any{string(want.Kind), string(want.Kind)}
	switch want.Kind {
	case AddressAsset, PrefixAsset:
		kinds = []any{string(AddressAsset), string(PrefixAsset)}
	case ProductAsset:
		return nil, nil
	}
	err = eachAsset(tx, `WHERE constituent <> $1 AND valid_until > $2 AND kind IN ($3, $4) ORDER BY id`,
		append([]any{self, int64(today)}, kinds...), func(a Asset) {
			if k := meets(want, a.record()); k != "" && len(out) < maxObjections {
				out = append(out, Objection{Kind: k, Constituent: a.Constituent, Value: a.Value})
			}
		})
	for i := range out {
		if err == nil {
			err = tx.Row(`SELECT ref, name FROM constituent WHERE id = $1`, out[i].Constituent).Scan(&out[i].Ref, &out[i].Name)
		}
	}
	return out, err
}
