package affected

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

func TestCaseIsExportedAsFarAsTheGateLetsIt(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, _, _, _ := w.opened()
		_, err := w.Judge(ctx, officer, c.ID, incident.Confirmed, nil, "seen: 192.0.2.66 and evil[.]example")
		w.ok(err)
		// The case is AMBER: a partner gets nothing of it.
		_, err = w.Export(ctx, officer, c.ID, disclosure.Partner)
		w.refused(err, fault.Forbidden, "may not leave to partner")
		green := tlp.Green
		_, err = w.Edit(ctx, officer, c.ID, 0, incident.Change{Label: &green, Reason: "partners see it too"})
		w.ok(err)
		_, err = w.Export(ctx, officer, c.ID, disclosure.Public)
		w.refused(err, fault.Forbidden, "GREEN")
		out, err := w.Export(ctx, officer, c.ID, disclosure.Partner)
		w.ok(err)
		text := string(out.Bundle)
		if !strings.Contains(text, "192.0.2.66") || !strings.Contains(text, `"name": "Leak"`) && !strings.Contains(text, `"name":"Leak"`) {
			t.Errorf("the bundle lacks what may leave: %s", text)
		}
		if strings.Contains(text, "Hospital") || strings.Contains(text, "Shop") || len(out.Withheld) != 2 {
			t.Errorf("who is affected left, or is not told as withheld: %q in %s", out.Withheld, text)
		}
		own, err := w.Export(ctx, officer, c.ID, disclosure.Staff)
		w.ok(err)
		if !strings.Contains(string(own.Bundle), "Hospital") || len(own.Withheld) != 0 {
			t.Errorf("the staff does not get it whole: %q", own.Withheld)
		}
		var bundle struct {
			Type    string
			Objects []struct{ Type, ID string }
		}
		w.ok(json.Unmarshal(out.Bundle, &bundle))
		again, err := w.Export(ctx, officer, c.ID, disclosure.Partner)
		w.ok(err)
		if bundle.Type != "bundle" || string(again.Bundle) != text {
			t.Error("the same case is not the same bundle")
		}
		reader := act.Actor{Kind: act.Person, ID: "9", Rights: &act.Rights{Staff: true, Permissions: map[act.Permission]bool{"incident.read": true}}}
		_, err = w.Export(ctx, reader, c.ID, disclosure.Partner)
		w.refused(err, fault.Forbidden, "incident.rule")
		_, err = w.Export(ctx, officer, c.ID, "cat")
		w.refused(err, fault.Invalid, "nobody")
	})
}
