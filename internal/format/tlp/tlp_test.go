package tlp

import "testing"

func TestLabelsReadWhatPeopleWrite(t *testing.T) {
	for in, want := range map[string]Label{"": None, "amber": Amber, "TLP:AMBER+STRICT": AmberStrict, " tlp: Red ": Red,
		"WHITE": Clear, "TLP:WHITE": Clear, "green": Green} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"TLP", "PURPLE", "TLP:", "AMBER-STRICT"} {
		if l, err := Parse(in); err == nil {
			t.Errorf("%q is read as %v", in, l)
		}
	}
}

func TestStricterIsGreater(t *testing.T) {
	ls := Labels()
	for i, a := range ls {
		for j, b := range ls {
			if got, want := a.Permits(b), j <= i; got != want {
				t.Errorf("%v permits %v: %v", a, b, got)
			}
		}
	}
	if Red.Permits(None) || None.Permits(Green) || !None.Permits(Clear) {
		t.Error("no label is for nobody, and no clearance permits only CLEAR")
	}
	if Strictest(Green, Red, Amber) != Red || Strictest(Green, None) != None || Strictest() != None {
		t.Error("strictest")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("TLP:AMBER+STRICT")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(l.String()); err != nil || again != l {
			t.Errorf("%q → %q → %v, %v", s, l, again, err)
		}
	})
}
