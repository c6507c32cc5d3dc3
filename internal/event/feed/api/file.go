package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

func (r *room) fileRoutes() []api.Route {
	return []api.Route{
		api.Operation[filesInput, api.Page[SourceFile]]{Method: http.MethodGet, Path: "/api/files", ID: "list-files",
			Summary: "List source files, the last received first", Permission: readFiles, Handle: r.files},
		api.Operation[FileID, SourceFile]{Method: http.MethodGet, Path: "/api/files/{id}", ID: "get-file",
			Summary: "One source file and what became of it", Permission: readFiles, Handle: r.file},
		api.Operation[errorsInput, api.Page[feed.FileError]]{Method: http.MethodGet, Path: "/api/files/{id}/errors", ID: "list-file-errors",
			Summary: "The rows of a file that could not be read", Permission: readFiles, Handle: r.errors},
		api.Download[FileID]{Path: "/api/files/{id}/original", ID: "get-file-original", Summary: "The original content of a file",
			Permission: readFiles, Types: []string{"application/octet-stream"}, Handle: r.original},
		api.Operation[uploadInput, IntakeRun]{Method: http.MethodPost, Path: "/api/files", ID: "upload-files", MaxBytes: maxUpload,
			Summary: "Take files in", Permission: ingest, Handle: r.upload,
			Description: "Send the file as the body with its name in `name`, or several as multipart/form-data. Files may be plain, gzip or zip; their names say what they are. A file that cannot be taken in is an outcome, not an error."},
		api.Operation[struct{}, api.Page[IntakeRun]]{Method: http.MethodGet, Path: "/api/intakes", ID: "list-intakes",
			Summary: "What is being taken in, and what was lately", Permission: ingest, Handle: r.intakes},
		api.Operation[oneIntake, IntakeRun]{Method: http.MethodGet, Path: "/api/intakes/{id}", ID: "get-intake",
			Summary: "How far an intake is", Permission: ingest, Handle: r.intake},
	}
}

type filesInput struct {
	api.Paging
	Feed     string `query:"feed" maxLength:"64"`
	Type     string `query:"type" maxLength:"200" doc:"Report type"`
	State    string `query:"state" enum:"live,superseded,older,failed"`
	Name     string `query:"name" maxLength:"200" doc:"A part of the file's name"`
	From     string `query:"from" format:"date" doc:"First report day"`
	To       string `query:"to" format:"date" doc:"Last report day"`
	Rejected bool   `query:"rejected" doc:"Only files with rejected rows"`
}

// SourceFile is a source file.
type SourceFile struct {
	ID           int64      `json:"id"`
	Feed         string     `json:"feed"`
	Name         string     `json:"name"`
	Type         string     `json:"type,omitempty" doc:"Report type"`
	Day          string     `json:"day,omitempty" doc:"Report day"`
	Subscription string     `json:"subscription,omitempty"`
	Delayed      bool       `json:"delayed,omitempty"`
	Delta        bool       `json:"delta,omitempty" doc:"Only what is new"`
	Issued       *time.Time `json:"issued,omitempty"`
	Received     *time.Time `json:"received,omitempty"`
	Actor        string     `json:"actor"`
	SHA256       string     `json:"sha256,omitempty" doc:"Of the decompressed content"`
	State        string     `json:"state" enum:"live,superseded,older,failed"`
	Outcome      string     `json:"outcome"`
	Bytes        int64      `json:"bytes"`
	Stored       int64      `json:"stored" doc:"Bytes on disk"`
	Rows         int64      `json:"rows"`
	Events       int64      `json:"events"`
	Repeated     int64      `json:"repeated" doc:"Rows that another subscription's file had"`
	Rejected     int64      `json:"rejected"`
	Unattributed int64      `json:"unattributed"`
}

func view(f feed.File) SourceFile {
	return SourceFile{f.ID, f.Feed, f.Name, f.Type, f.Date(), f.Subscription, f.Delayed, f.Delta, at(f.Issued), at(f.Received), f.Actor,
		f.SHA256, f.State, f.Outcome, f.Bytes, f.Stored, f.Rows, f.Events, f.Repeated, f.Rejected, f.Unattributed}
}

type place struct {
	After int64 `json:"a"`
}

func (r *room) files(ctx context.Context, _ api.Caller, in *filesInput) (*api.Page[SourceFile], error) {
	q := feed.FileFilter{Feed: in.Feed, Type: in.Type, State: in.State, Name: in.Name, Rejected: in.Rejected, Limit: in.Limit}
	var from, to event.Day
	if err := readDay("from", in.From, &from); err != nil {
		return nil, err
	}
	if err := readDay("to", in.To, &to); err != nil {
		return nil, err
	}
	q.From, q.To = int64(from), int64(to)
	var p place
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return nil, err
		}
	}
	q.Before = p.After
	files, next, err := r.Feeds.Files(ctx, q)
	if err != nil {
		return nil, err
	}
	var views []SourceFile
	for _, f := range files {
		views = append(views, view(f))
	}
	cursor, err := cursorOf(next)
	return api.NewPage(views, cursor), err
}

func cursorOf(after int64) (string, error) {
	if after == 0 {
		return "", nil
	}
	return api.Cursor(place{after})
}

// FileID is the path of one file.
type FileID struct {
	ID int64 `path:"id" minimum:"1"`
}

func (r *room) file(ctx context.Context, _ api.Caller, in *FileID) (*SourceFile, error) {
	f, err := r.Feeds.FileByID(ctx, in.ID)
	v := view(f)
	return &v, err
}

type errorsInput struct {
	FileID
	api.Paging
}

func (r *room) errors(ctx context.Context, _ api.Caller, in *errorsInput) (*api.Page[feed.FileError], error) {
	if _, err := r.Feeds.FileByID(ctx, in.ID); err != nil {
		return nil, err
	}
	p := place{}
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return nil, err
		}
	}
	errs, err := r.Feeds.FileErrors(ctx, in.ID, p.After-1, in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(errs) > in.Limit {
		if next, err = cursorOf(errs[in.Limit].Seq); err != nil {
			return nil, err
		}
		errs = errs[:in.Limit]
	}
	return api.NewPage(errs, next), nil
}

func (r *room) original(ctx context.Context, _ api.Caller, in *FileID) (*api.Stream, error) {
	f, err := r.Feeds.FileByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if f.Archive == 0 {
		return nil, fault.NotFoundf("the original of file %d is not kept", f.ID)
	}
	name := strings.TrimSuffix(strings.TrimSuffix(f.Name, ".gz"), ".zip")
	return &api.Stream{ContentType: "application/octet-stream", Name: name, Write: func(ctx context.Context, w io.Writer) error {
		rd, err := r.Original(ctx, f.ID)
		if err != nil {
			return fmt.Errorf("read file %d from the archive: %w", f.ID, err)
		}
		defer rd.Close()
		_, err = io.Copy(w, rd)
		return err
	}}, nil
}

type uploadInput struct {
	Feed  string `query:"feed" required:"true" maxLength:"64" doc:"The feed that the files belong to"`
	Name  string `query:"name" maxLength:"255" doc:"The file's name, when the body is the file itself"`
	Wait  bool   `query:"wait" default:"true" doc:"false answers as soon as all has come; ask for the intake then"`
	Files api.Upload
}

func (r *room) upload(ctx context.Context, c api.Caller, in *uploadInput) (*IntakeRun, error) {
	u, err := r.Collect.Upload(ctx, in.Feed)
	if err != nil {
		return nil, err
	}
	if err := in.Files.Each(u.Add); err != nil {
		u.Close()
		return nil, err
	}
	if !in.Wait {
		id, err := u.Start(c.Actor)
		if err != nil {
			return nil, err
		}
		return r.intake(ctx, c, &oneIntake{id})
	}
	run, err := u.Finish(ctx, c.Actor)
	if err != nil {
		return nil, err
	}
	v := intakeOf(run)
	return &v, nil
}

// IntakeRun is one intake.
type IntakeRun struct {
	ID            string          `json:"id"`
	Feed          string          `json:"feed"`
	Actor         string          `json:"actor"`
	Stage         collect.Stage   `json:"stage" enum:"taking,done,failed"`
	Begun         time.Time       `json:"begun"`
	Seconds       float64         `json:"seconds"`
	RowsPerSecond int64           `json:"rows_per_second"`
	Files         int             `json:"files"`
	FilesDone     int             `json:"files_done"`
	Bytes         int64           `json:"bytes"`
	BytesDone     int64           `json:"bytes_done"`
	Rows          int64           `json:"rows"`
	Events        int64           `json:"events"`
	Repeated      int64           `json:"repeated"`
	Rejected      int64           `json:"rejected"`
	Unattributed  int64           `json:"unattributed"`
	Error         string          `json:"error,omitempty" doc:"Why it broke off; what was committed before stays"`
	Outcomes      []IntakeOutcome `json:"outcomes,omitempty" doc:"What became of each file, when it is done"`
}

// IntakeOutcome is what became of one file.
type IntakeOutcome struct {
	Name         string       `json:"name"`
	File         int64        `json:"file,omitempty" doc:"Its id; absent when nothing is recorded"`
	Type         string       `json:"type,omitempty"`
	Day          string       `json:"day,omitempty"`
	State        string       `json:"state" enum:"live,superseded,older,duplicate,failed"`
	Outcome      string       `json:"outcome,omitempty"`
	Rows         int64        `json:"rows"`
	Events       int64        `json:"events"`
	Repeated     int64        `json:"repeated"`
	Rejected     int64        `json:"rejected"`
	Unattributed int64        `json:"unattributed"`
	Problems     []RowProblem `json:"problems,omitempty" doc:"The first rows that could not be read"`
}

// RowProblem is a row that could not be read, and where.
type RowProblem struct {
	File    string `json:"file,omitempty"`
	Line    int64  `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func intakeOf(r collect.Run) IntakeRun {
	p, s := r.Progress, r.Summary
	v := IntakeRun{ID: r.ID, Feed: r.Feed, Actor: r.Actor, Stage: r.Stage, Begun: r.Begun, Seconds: r.Seconds, RowsPerSecond: r.RowsPerSecond,
		Files: max(p.Files, s.Files), FilesDone: p.FilesDone, Bytes: p.Bytes, BytesDone: p.BytesDone, Rows: p.Rows,
		Events: s.Events, Repeated: s.Repeated, Rejected: s.Rejected, Unattributed: s.Unattributed}
	if r.Stage != collect.Taking { // while it runs, rows that are read once more for a replay count as work
		v.Rows, v.FilesDone = s.Rows, s.Files
	}
	if r.Err != nil {
		v.Error = "internal error: the log has the details"
		if fault.KindOf(r.Err) != fault.Internal {
			v.Error = r.Err.Error()
		}
	}
	for _, o := range s.Outcomes {
		day := ""
		if o.Day > 0 {
			day = o.Day.String()
		}
		var problems []RowProblem
		for _, p := range o.Problems {
			problems = append(problems, RowProblem(p))
		}
		v.Outcomes = append(v.Outcomes, IntakeOutcome{o.Name, o.FileID, o.Type, day, o.State, o.Outcome, o.Rows, o.Events, o.Repeated, o.Rejected,
			o.Unattributed, problems})
	}
	return v
}

func (r *room) intakes(context.Context, api.Caller, *struct{}) (*api.Page[IntakeRun], error) {
	var views []IntakeRun
	for _, run := range r.Collect.Runs().List() {
		v := intakeOf(run)
		v.Outcomes = nil // one intake's own operation tells them
		views = append(views, v)
	}
	return api.NewPage(views, ""), nil
}

type oneIntake struct {
	ID string `path:"id" maxLength:"64"`
}

func (r *room) intake(_ context.Context, _ api.Caller, in *oneIntake) (*IntakeRun, error) {
	run, err := r.Collect.Runs().ByID(in.ID)
	v := intakeOf(run)
	return &v, err
}
