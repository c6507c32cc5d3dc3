package disclosure

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func saveCircle(tx *db.Tx, name, title string) error {
	_, err := tx.Exec(`INSERT INTO circle (name, title) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET title = excluded.title`,
		name, title)
	return err
}

const circleColumns = `SELECT c.id, c.name, c.title, (SELECT count(*) FROM circle_member m WHERE m.circle = c.id) FROM circle c `

func circleByName(tx *db.Tx, name string) (c Circle, err error) {
	err = tx.Row(circleColumns+`WHERE c.name = $1`, name).Scan(&c.ID, &c.Name, &c.Title, &c.Members)
	if fault.KindOf(err) == fault.NotFound {
		return c, fault.NotFoundf("there is no circle %q", name)
	}
	return c, err
}

func listCircles(tx *db.Tx) (cs []Circle, err error) {
	err = tx.Each(circleColumns+`ORDER BY c.name LIMIT 1000`, nil, func(scan func(...any) error) error {
		var c Circle
		err := scan(&c.ID, &c.Name, &c.Title, &c.Members)
		cs = append(cs, c)
		return err
	})
	return cs, err
}

func joinCircle(tx *db.Tx, circle int64, m Member) error {
	_, err := tx.Exec(`INSERT INTO circle_member (circle, subject, name, since) VALUES ($1, $2, $3, $4)
		ON CONFLICT (circle, subject) DO UPDATE SET name = excluded.name`, circle, m.Subject, m.Name, m.Since)
	return err
}

func leaveCircle(tx *db.Tx, c Circle, subject string) error {
	n, err := tx.Exec(`DELETE FROM circle_member WHERE circle = $1 AND subject = $2`, c.ID, subject)
	if err == nil && n == 0 {
		err = fault.NotFoundf("%s is no member of the circle %q", subject, c.Name)
	}
	return err
}

func listMembers(tx *db.Tx, circle int64, after string, limit int) (ms []Member, err error) {
	err = tx.Each(`SELECT subject, name, since FROM circle_member WHERE circle = $1 AND subject > $2 ORDER BY subject LIMIT $3`,
		[]any{circle, after, limit}, func(scan func(...any) error) error {
			var m Member
			err := scan(&m.Subject, &m.Name, &m.Since)
			ms = append(ms, m)
			return err
		})
	return ms, err
}

// circlesOf are the names of the circles that a subject is a member of.
func circlesOf(tx *db.Tx, subject string) (names []string, err error) {
	err = tx.Each(`SELECT c.name FROM circle_member m JOIN circle c ON c.id = m.circle WHERE m.subject = $1 ORDER BY c.name LIMIT 1000`,
		[]any{subject}, func(scan func(...any) error) error {
			var n string
			err := scan(&n)
			names = append(names, n)
			return err
		})
	return names, err
}
