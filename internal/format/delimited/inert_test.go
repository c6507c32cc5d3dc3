package delimited

import "testing"

func TestNoCellIsAFormula(t *testing.T) {
	for in, want := range map[string]string{"": "", "a=1": "a=1", "-12.5": "-12.5", "+49 30 1234": "+49 30 1234", "=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)",
		"-2+3+cmd|' /C calc'!A0": "'-2+3+cmd|' /C calc'!A0", "+A1": "'+A1", "\t=1": "'\t=1", "-": "-"} {
		if got := Inert(in); got != want {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
}
