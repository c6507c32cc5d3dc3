package disclosure

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Circle is a community with a name: an item limited to it goes to its members only.
type Circle struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"` // stable; what markings name
	Title   string `json:"title"`
	Members int64  `json:"members"`
}

// Member is somebody of a circle: an organisation, a person or a program.
type Member struct {
	Subject string `json:"subject"` // "constituent:7", "person:12", "service:4"
	Name    string `json:"name"`
	Since   int64  `json:"since"` // UTC microseconds
}

var circleName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// SaveCircle makes a circle, or gives one another title.
func (g *Gate) SaveCircle(ctx context.Context, actor act.Actor, name, title string) error {
	var ps fault.Problems
	if !circleName.MatchString(name) || name == "new" {
		ps = append(ps, fault.Problem{Field: "name", Message: "use up to 64 lower-case letters, digits and hyphens"})
	}
	if title = strings.TrimSpace(title); title == "" || len(title) > 200 {
		ps = append(ps, fault.Problem{Field: "title", Message: "give the circle a title of at most 200 bytes"})
	}
	if len(ps) > 0 {
		return ps
	}
	return g.DB.Act(ctx, act.Act{Actor: actor, Verb: "circle.save", Object: "circle:" + name, Detail: detail("title", title)}, func(tx *db.Tx) error {
		return saveCircle(tx, name, title)
	})
}

// Join makes somebody a member of a circle.
func (g *Gate) Join(ctx context.Context, actor act.Actor, circle string, m Member) error {
	m.Subject, m.Name = strings.TrimSpace(m.Subject), strings.TrimSpace(m.Name)
	if !recipientName(m.Subject) {
		return fault.Problems{{Field: "subject", Message: "write constituent:7, person:12 or service:4"}}
	}
	if len(m.Name) > 200 {
		return fault.Problems{{Field: "name", Message: "longer than 200 bytes"}}
	}
	if m.Name == "" {
		name, err := g.nameOf(ctx, m.Subject)
		if err != nil {
			return err
		}
		m.Name = name
	}
	m.Since = g.Clock.Now().UnixMicro()
	return g.DB.Act(ctx, act.Act{Actor: actor, Verb: "circle.join", Object: "circle:" + circle, Detail: detail("subject", m.Subject)},
		func(tx *db.Tx) error {
			c, err := circleByName(tx, circle)
			if err != nil {
				return err
			}
			return joinCircle(tx, c.ID, m)
		})
}

// nameOf is a constituent's name; of others the subject itself.
func (g *Gate) nameOf(ctx context.Context, subject string) (string, error) {
	id, ok := strings.CutPrefix(subject, "constituent:")
	if !ok {
		return subject, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return "", fault.Problems{{Field: "subject", Message: "a constituent is named by its number: constituent:7"}}
	}
	d, err := g.Constituency.Directory(ctx)
	if err != nil {
		return "", err
	}
	l, ok := d.ByID(n)
	if !ok {
		return "", fault.Problems{{Field: "subject", Message: "there is no constituent " + id}}
	}
	return l.Name, nil
}

// Leave ends a membership.
func (g *Gate) Leave(ctx context.Context, actor act.Actor, circle, subject string) error {
	return g.DB.Act(ctx, act.Act{Actor: actor, Verb: "circle.leave", Object: "circle:" + circle, Detail: detail("subject", subject)},
		func(tx *db.Tx) error {
			c, err := circleByName(tx, circle)
			if err != nil {
				return err
			}
			return leaveCircle(tx, c, subject)
		})
}

// Circles lists the circles by name, a thousand at most.
func (g *Gate) Circles(ctx context.Context) (cs []Circle, err error) {
	err = g.DB.View(ctx, func(tx *db.Tx) error {
		cs, err = listCircles(tx)
		return err
	})
	return cs, err
}

// Circle is a circle with its members in order of their names, at most so many after a subject that was the last before.
func (g *Gate) Circle(ctx context.Context, name, after string, limit int) (c Circle, ms []Member, next string, err error) {
	limit = min(max(limit, 1), 1000)
	err = g.DB.View(ctx, func(tx *db.Tx) error {
		if c, err = circleByName(tx, name); err != nil {
			return err
		}
		ms, err = listMembers(tx, c.ID, after, limit+1)
		return err
	})
	if len(ms) > limit {
		ms = ms[:limit]
		next = ms[limit-1].Subject
	}
	return c, ms, next, err
}

// subjects are the names that memberships and overrides may know a recipient by: its own and its organisations'.
func (r Recipient) subjects() []string {
	out := []string{r.Subject}
	for _, o := range r.Organisations {
		if s := "constituent:" + strconv.FormatInt(o, 10); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// detail is a JSON object of pairs of name and value.
func detail(pairs ...any) string {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return string(b)
}
