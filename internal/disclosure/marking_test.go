package disclosure

import (
	"reflect"
	"testing"

	"tocsin/internal/format/tlp"
)

func TestMarkingsAreEqualOnlyWhenAllOfThemIs(t *testing.T) {
	full := func() Marking {
		return Marking{tlp.Amber, tlp.Green, PAPRed, Owner, []int64{1}, []int64{2}, []string{"a"}, []string{"b"}, []string{"c"}}
	}
	if !full().Equal(full()) || !(Marking{}).Equal(Marking{}) {
		t.Error("the same is not equal")
	}
	for i := range reflect.TypeFor[Marking]().NumField() {
		m := full()
		reflect.ValueOf(&m).Elem().Field(i).SetZero()
		if m.Equal(full()) || full().Equal(m) {
			t.Errorf("equal without %s", reflect.TypeFor[Marking]().Field(i).Name)
		}
	}
}
