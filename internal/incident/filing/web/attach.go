package web

import (
	"io"
	"strings"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// What is said of files that were not kept travels in a cookie, which has little room.
const (
	mostSaid   = 4
	nameSaid   = 40  // characters
	reasonSaid = 200 // bytes
)

// each takes the files of a form one after the other, and leads back to the page that they were sent from: whatever is wrong with one of
// them, the others are kept and its sender, who may have nothing but the page's address, is told which is not, and why. Only when they may
// not be on that page, or it is not there, they do not come back to it.
func (r *room) each(v web.Visitor, files *web.Uploads, back string, take func(*web.Upload) error) (web.Done, error) {
	kept, refused, more := 0, []string(nil), 0
	not := func(what string, err error) {
		if len(refused) == mostSaid {
			more++
			return
		}
		refused = append(refused, what+r.reason(v, err))
	}
	for {
		u, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil { // nothing can be read after it; when a file broke off it was said already
			if len(refused) == 0 {
				not("", err)
			}
			break
		}
		switch err := take(u); {
		case err == nil:
			kept++
		case fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Forbidden:
			return web.Done{}, err
		default:
			not(short(u.Name)+": ", err)
		}
	}
	switch {
	case len(refused) > 0:
		if more > 0 {
			refused = append(refused, v.T("file.and-more", more))
		}
		return web.Done{To: back, Flash: "done.attached-some", Args: []any{kept, strings.Join(refused, "; ")}, Grave: true}, nil
	case kept == 0:
		return web.Done{To: back, Flash: "done.attached-none", Grave: true}, nil
	}
	return web.Done{To: back, Flash: "done.attached", Args: []any{kept}}, nil
}

// reason is why a file was not kept, as its sender may read it.
func (r *room) reason(v web.Visitor, err error) string {
	if fault.KindOf(err) == fault.Internal {
		r.counter.Log.Error("keep a file of a reporter", "error", err)
		return v.T("file.our-fault")
	}
	s := strings.ToValidUTF8(err.Error(), "")
	if len(s) > reasonSaid {
		s = strings.ToValidUTF8(s[:reasonSaid], "") + "…"
	}
	return s
}

func short(name string) string {
	if utf8.RuneCountInString(name) > nameSaid {
		return string([]rune(name)[:nameSaid]) + "…"
	}
	return name
}
