// Package web is the room of feeds and files: which feeds there are and how their days stand, what became of every file,
// and the upload with its progress.
package web

import (
	"context"
	"embed"
	"io"

	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	readFeeds  act.Permission = "feed.read"
	writeFeeds act.Permission = "feed.write"
	readFiles  act.Permission = "file.read"
	ingest     act.Permission = "file.ingest"
)

// Config is what the room stands on.
type Config struct {
	Feeds   *feed.Store
	Collect *collect.Collector
	// Original reads a file's content back from the archive, decompressed; the caller closes it.
	Original func(ctx context.Context, file int64) (io.ReadCloser, error)
}

type room struct{ Config }

// Room returns the room.
func Room(c Config) web.Room {
	r := &room{c}
	return web.Room{Name: "feed", Templates: files, Locale: files,
		Nav: []web.NavEntry{
			{Path: "/feeds", Key: "nav.feeds", Group: "findings", Order: 50, Shortcut: "e", Permission: readFeeds},
			{Path: "/files", Key: "nav.files", Group: "findings", Order: 51, Shortcut: "i", Permission: readFiles},
			{Path: "/upload", Key: "nav.upload", Group: "findings", Order: 52, Shortcut: "u", Permission: ingest},
		},
		Routes: []web.Route{
			web.Page("GET /feeds", readFeeds, "feeds.html", r.feeds),
			web.Page("GET /feeds/new", writeFeeds, "feed-new.html", r.blank),
			web.Action("POST /feeds/new", writeFeeds, "GET /feeds/new", r.create),
			web.Page("GET /feeds/{name}", readFeeds, "feed.html", r.feed),
			web.Action("POST /feeds/{name}", writeFeeds, "GET /feeds/{name}", r.save),
			web.Action("POST /feeds/{name}/days", writeFeeds, "", r.rule),
			web.Action("POST /feeds/{name}/collect", writeFeeds, "", r.collect),
			web.Action("POST /feeds/{name}/remove", writeFeeds, "", r.remove),
			web.Page("GET /files", readFiles, "files.html", r.files),
			web.Page("GET /files/{id}", readFiles, "file-one.html", r.file),
			web.Download("GET /files/{id}/original", readFiles, r.original),
			web.Page("GET /upload", ingest, "upload.html", r.upload),
			web.Action("POST /upload", ingest, "GET /upload", r.take),
			web.Page("GET /upload/{run}", ingest, "run.html", r.run),
			web.Fragment("GET /upload/{run}/progress", ingest, "run-part.html", r.run),
		}}
}
