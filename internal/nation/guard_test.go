package nation

import (
	"strings"
	"testing"
	"time"
)

func TestTwoPeopleAreNeededByDefaultForRecoveryAndTheGate(t *testing.T) {
	b, err := Shipped("ruritania")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("r.toml", b)
	if err != nil {
		t.Fatal(err)
	}
	for act, want := range map[string]bool{"identity.recover": true, "disclosure.override": true, "finding.write": false} {
		if p.NeedsTwo(act) != want {
			t.Errorf("%s: want %t", act, want)
		}
	}
	if !p.TwoPerson.Emergency || time.Duration(p.TwoPerson.Review) != 24*time.Hour || p.Disclosure.SmallCell != 5 {
		t.Errorf("got %+v %+v", p.TwoPerson, p.Disclosure)
	}
}

func TestANationSetsItsOwnTableOfTwoPersonActs(t *testing.T) {
	b, err := Shipped("ruritania")
	if err != nil {
		t.Fatal(err)
	}
	own := string(b) + "\n[two_person]\nacts = [\"feed.write\"]\nemergency = false\n\n[disclosure]\nsmall_cell = 10\n"
	p, err := Parse("r.toml", []byte(own))
	if err != nil {
		t.Fatal(err)
	}
	if p.NeedsTwo("disclosure.override") || !p.NeedsTwo("feed.write") || p.TwoPerson.Emergency || p.Disclosure.SmallCell != 10 ||
		time.Duration(p.TwoPerson.Review) != 24*time.Hour {
		t.Errorf("got %+v %+v", p.TwoPerson, p.Disclosure)
	}
	for wrong, want := range map[string]string{
		"[two_person]\nacts = [\"everything\"]": "is no act", "[two_person]\nreview = \"1m\"": "due within",
		"[disclosure]\nsmall_cell = 1": "from 2 to 1000",
	} {
		if _, err := Parse("r.toml", []byte(string(b)+"\n"+wrong)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
