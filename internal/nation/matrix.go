package nation

import "slices"

// Matrix is how the nation rates an incident: by its impact and its reach, each a list from the least to the most. A profile
// without the table has no matrix, and people rate by the scale alone.
type Matrix struct {
	Impact []Named `toml:"impact"`
	Reach  []Named `toml:"reach"`
	// Levels has a row for each impact and in it a severity level for each reach.
	Levels [][]int `toml:"levels"`
	// Significant is the level from which an incident is significant in the law's sense; 0: people say it of each.
	Significant int `toml:"significant"`
}

// SeverityOf is the severity level of an impact and a reach; false when the matrix does not have one of them.
func (p *Profile) SeverityOf(impact, reach string) (level int, ok bool) {
	is := func(id string) func(Named) bool { return func(n Named) bool { return n.ID == id } }
	i, j := slices.IndexFunc(p.Matrix.Impact, is(impact)), slices.IndexFunc(p.Matrix.Reach, is(reach))
	if i < 0 || j < 0 {
		return 0, false
	}
	return p.Matrix.Levels[i][j], true
}

// matrix checks that there is a known level for each pair, and that more impact or reach is never a lower one.
func (c *checker) matrix(p *Profile) {
	m := p.Matrix
	if len(m.Impact)+len(m.Reach)+len(m.Levels) == 0 {
		return
	}
	if m.Significant != 0 && !slices.ContainsFunc(p.Severities, func(s Severity) bool { return s.Level == m.Significant }) {
		c.add("severity_matrix.significant", "%d is no level of the nation's scale", m.Significant)
	}
	c.ids("severity_matrix.impact", p.Languages, len(m.Impact), func(i int) Named { return m.Impact[i] })
	c.ids("severity_matrix.reach", p.Languages, len(m.Reach), func(i int) Named { return m.Reach[i] })
	const key = "severity_matrix.levels"
	if len(m.Impact) == 0 || len(m.Reach) == 0 || len(m.Levels) != len(m.Impact) {
		c.add(key, "%d rows for %d impacts and %d reaches: write a row for each impact", len(m.Levels), len(m.Impact), len(m.Reach))
		return
	}
	for i, row := range m.Levels {
		if len(row) != len(m.Reach) {
			c.add(key, "row %d has %d levels for %d reaches", i+1, len(row), len(m.Reach))
			return
		}
		for j, level := range row {
			if level == 0 || !slices.ContainsFunc(p.Severities, func(s Severity) bool { return s.Level == level }) {
				c.add(key, "row %d: %d is no level of the nation's scale", i+1, level)
			}
			if j > 0 && level < row[j-1] || i > 0 && level < m.Levels[i-1][j] {
				c.add(key, "row %d: level %d of reach %q is below that of less impact or reach", i+1, level, m.Reach[j].ID)
			}
		}
	}
}
