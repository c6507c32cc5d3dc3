package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/event"
	"tocsin/internal/platform/clock"
	"tocsin/internal/world"
)

// observer asks a world for its figures whenever it is scraped.
type observer struct {
	w   *world.World
	log *slog.Logger
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tocsin_"+name, help, labels, nil)
}

var (
	upDesc           = describe("database_up", "1 when the records answer.")
	answerDesc       = describe("database_answer_seconds", "Time the records took to answer this scrape.")
	jobsDesc         = describe("jobs", "Background jobs by state.", "state")
	filesDesc        = describe("files", "Source files by state.", "state")
	rowsDesc         = describe("rows", "Rows of the live source files.")
	eventsDesc       = describe("events", "Events of the live source files.")
	rejectedDesc     = describe("rows_rejected", "Rejected rows of the live source files.")
	unattributedDesc = describe("events_unattributed", "Events of the live source files that were nobody's.")
	receivedDesc     = describe("last_file_timestamp_seconds", "When the latest source file came.")
	segmentsDesc     = describe("segments", "Live segment files.")
	segmentBytesDesc = describe("segment_bytes", "Size of the live segment files.")
	archiveBytesDesc = describe("archive_bytes", "Size of the live archived files.")
	incompleteDesc   = describe("feed_days_incomplete", "Feed days of the last thirty that are not complete.")
	openDesc         = describe("findings_open", "Open findings.")
)

// Describe implements prometheus.Collector.
func (o *observer) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, answerDesc, jobsDesc, filesDesc, rowsDesc, eventsDesc, rejectedDesc, unattributedDesc,
		receivedDesc, segmentsDesc, segmentBytesDesc, archiveBytesDesc, incompleteDesc, openDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (o *observer) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	watch := clock.Start()
	f, err := o.w.Figures(ctx)
	if err != nil {
		o.log.Error("read the figures for monitoring", "error", err)
		gauge(upDesc, 0)
		return
	}
	gauge(upDesc, 1)
	gauge(answerDesc, watch.Elapsed().Seconds())
	for _, state := range []string{"ready", "running", "done", "dead"} {
		gauge(jobsDesc, float64(f.Jobs[state]), state)
	}
	for _, state := range []string{event.Live, event.Superseded, event.Older, event.Failed} {
		gauge(filesDesc, float64(f.Files[state]), state)
	}
	gauge(rowsDesc, float64(f.Rows))
	gauge(eventsDesc, float64(f.Events))
	gauge(rejectedDesc, float64(f.Rejected))
	gauge(unattributedDesc, float64(f.Unattributed))
	gauge(receivedDesc, float64(f.Received)/1e6)
	gauge(segmentsDesc, float64(f.Segments))
	gauge(segmentBytesDesc, float64(f.SegmentBytes))
	gauge(archiveBytesDesc, float64(f.ArchiveBytes))
	gauge(incompleteDesc, float64(f.Incomplete))
	if n, err := o.w.Findings.Count(ctx, event.Filter{}); err == nil {
		gauge(openDesc, float64(n))
	}
}
