package web

import (
	"crypto/rand"
	"errors"
	"net/http"

	"tocsin/internal/platform/fault"
)

// trouble is what the error page shows.
type trouble struct {
	Status    int
	Key       string // of the layout's catalogue: what sort of trouble
	Message   string // for people, from the fault
	Problems  fault.Problems
	Reference string // of the log entry, for what is nobody's business here
}

var troubles = map[fault.Kind]trouble{
	fault.Invalid:     {Status: http.StatusBadRequest, Key: "error.invalid"},
	fault.NotFound:    {Status: http.StatusNotFound, Key: "error.not-found"},
	fault.Conflict:    {Status: http.StatusConflict, Key: "error.conflict"},
	fault.Forbidden:   {Status: http.StatusForbidden, Key: "error.forbidden"},
	fault.Unavailable: {Status: http.StatusServiceUnavailable, Key: "error.unavailable"},
}

// fail answers an error: a fault with its message, anything else with a reference to the log.
func (a *App) fail(w http.ResponseWriter, r *http.Request, v Visitor, m *mounted, err error) {
	if r.Context().Err() != nil {
		return // nobody is waiting any more
	}
	t, known := troubles[fault.KindOf(err)]
	switch {
	case known:
		var ps fault.Problems
		if errors.As(err, &ps) {
			t.Problems = ps
		} else {
			t.Message = err.Error()
		}
		if t.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "10")
		}
	default:
		t = trouble{Status: http.StatusInternalServerError, Key: "error.internal", Reference: a.report(m.pattern, err)}
	}
	v.Printer = a.base.printers[v.Lang()]
	a.problem(w, r, v, t)
}

// report logs what went wrong under a new reference. The pattern stands for the page: a path may carry what a log must not.
func (a *App) report(pattern string, err error) string {
	reference := rand.Text()[:8]
	a.cfg.Log.Error("page", "route", pattern, "reference", reference, "error", err)
	return reference
}

func (a *App) problem(w http.ResponseWriter, r *http.Request, v Visitor, t trouble) {
	a.write(w, r, a.base, "error.html", v.T(t.Key), t.Status, View{Visitor: v, Data: t})
}
