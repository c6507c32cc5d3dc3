package situation

import "testing"

// What leaves has no count below the least, no sum from which one follows, and the same numbers as the picture elsewhere.
func TestSharedPictureHidesSmallCellsAndWhatTellsThem(t *testing.T) {
	p := &Shared{Least: 5, Sectors: []SharedSector{
		{"energy", lineOf(Severities{0, 0, 10, 20, 2, 40})},
		{"health", lineOf(Severities{0, 0, 11, 21, 31, 41})},
		{"water", lineOf(Severities{0, 0, 12, 22, 32, 42})}},
		Open: lineOf(Severities{0, 0, 33, 63, 65, 123})}
	p.hide()
	if c := p.Sectors[0].Open.By[4]; !c.Hidden || c.N != 0 {
		t.Errorf("the count of 2 is shown: %+v", c)
	}
	for i := range p.Open.By { // no line with its sum shown has a single hidden cell
		n := 0
		for _, s := range p.Sectors {
			if s.Open.By[i].Hidden {
				n++
			}
		}
		if n == 1 && !p.Open.By[i].Hidden {
			t.Errorf("column %d gives its hidden count away", i)
		}
	}
	for _, s := range p.Sectors {
		n := 0
		for _, c := range s.Open.By {
			if c.Hidden {
				n++
			}
		}
		if n == 1 && !s.Open.Total.Hidden {
			t.Errorf("%s gives its hidden count away", s.ID)
		}
	}
	if p.Sectors[1].Open.By[5].N != 41 || p.Open.By[2].N != 33 {
		t.Errorf("what could be shown changed: %+v", p)
	}
}

// Four hidden sums below five that stand in their order, against that of the ids, are 4, 3, 2 and 1.
func TestPlaceInTheListTellsNoHiddenSum(t *testing.T) {
	p := &Shared{Least: 5, Open: lineOf(Severities{0, 0, 0, 0, 0, 30})}
	for i, id := range []string{"a", "b", "c", "d"} {
		p.Sectors = append(p.Sectors, SharedSector{id, lineOf(Severities{0, 0, 0, 0, 0, int64(i + 1)})})
	}
	p.Sectors = append(p.Sectors, SharedSector{"e", lineOf(Severities{0, 0, 0, 0, 0, 20})})
	p.hide()
	p.order()
	order := ""
	for _, s := range p.Sectors {
		order += s.ID
		if s.Open.Total.Hidden == (s.ID == "e") {
			t.Errorf("%s: hidden %t", s.ID, s.Open.Total.Hidden)
		}
	}
	if order != "eabcd" {
		t.Errorf("the order is %s", order)
	}
}
