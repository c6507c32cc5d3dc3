package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tocsin/internal/platform/act"
)

// Download is an operation whose answer is a stream of any length: an export, an original file.
type Download[In any] struct {
	Path        string
	ID          string
	Summary     string
	Description string
	Permission  act.Permission
	Types       []string // the content types it can answer with, for the documentation
	Handle      func(ctx context.Context, c Caller, in *In) (*Stream, error)

	cleared bool
}

// Stream is the answer of a Download. Write may take as long as it needs; an error after its first 64 KiB breaks the
// connection off, so that the client cannot take a part for the whole.
type Stream struct {
	ContentType string
	Name        string            // of the file to save; "" shows it in place
	Headers     map[string]string // others: ETag, Link
	Write       func(ctx context.Context, w io.Writer) error
}

// unchanged says that the caller has the answer already.
type unchanged struct{ tag string }

// Error implements error.
func (u *unchanged) Error() string { return "not modified: " + u.tag }

// Conditional is what a Download returns as its error when the caller's If-None-Match names the tag of the answer: the answer is 304
// then, and nothing is given out. Otherwise it is nil.
func Conditional(ifNoneMatch, tag string) error {
	for t := range strings.SplitSeq(ifNoneMatch, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return &unchanged{tag}
		}
	}
	return nil
}

func (d Download[In]) declared() *declaration {
	return &declaration{http.MethodGet, d.Path, d.ID, d.Summary, d.Description, d.Permission, d.Handle != nil, 0, 0, false}
}

func (d Download[In]) mount(s *server) error {
	op := s.operation(d.declared())
	content := map[string]*huma.MediaType{}
	for _, t := range d.Types {
		content[t] = &huma.MediaType{}
	}
	op.Responses["200"] = &huma.Response{Description: "The stream", Content: content}
	huma.Register(s.api, op, func(ctx context.Context, in *In) (*huma.StreamResponse, error) {
		st, err := d.Handle(ctx, callerOf(ctx), in)
		var same *unchanged
		if errors.As(err, &same) {
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				hc.SetHeader("ETag", same.tag)
				hc.SetStatus(http.StatusNotModified)
			}}, nil
		}
		if err != nil {
			return nil, s.problem(ctx, d.ID, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			if s.Took != nil && !d.cleared {
				if err := s.Took(ctx, callerOf(ctx).Actor, r.URL.Path, r.URL.RawQuery); err != nil {
					if p, ok := s.problem(ctx, d.ID, err).(*Problem); ok {
						write(w, p)
					}
					return
				}
			}
			s.stream(ctx, d.ID, w, st)
		}}, nil
	})
	return nil
}

func (s *server) stream(ctx context.Context, id string, w http.ResponseWriter, st *Stream) {
	rc := http.NewResponseController(w)
	rc.SetWriteDeadline(time.Time{}) // an export of a million rows outlasts the deadline of a page
	out := &begun{w: w, start: func() {
		w.Header().Set("Content-Type", st.ContentType)
		for name, value := range st.Headers {
			w.Header().Set(name, value)
		}
		if st.Name != "" {
			w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": st.Name}))
		}
	}}
	b := bufio.NewWriterSize(out, 64<<10)
	err := st.Write(ctx, b)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		out.begin()
		return
	}
	if !out.done {
		if p, ok := s.problem(ctx, id, err).(*Problem); ok {
			write(w, p)
		}
		return
	}
	if ctx.Err() == nil {
		s.Log.LogAttrs(ctx, slog.LevelError, "stream broken off", slog.String("operation", id), slog.String("error", err.Error()))
	}
	panic(http.ErrAbortHandler)
}

// begun sets the headers with the first byte, so that an error before it can still be told as a problem.
type begun struct {
	w     io.Writer
	start func()
	done  bool
}

func (b *begun) begin() {
	if !b.done {
		b.done = true
		b.start()
	}
}

func (b *begun) Write(p []byte) (int, error) {
	b.begin()
	return b.w.Write(p)
}
