package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
	"tocsin/internal/world"
)

// observeWorld registers what a scrape asks a world.
func observeWorld(r prometheus.Registerer, w *world.World) { r.MustRegister(&observer{w: w}) }

type observer struct{ w *world.World }

var (
	jobsDesc = prometheus.NewDesc("tocsin_jobs", "Background jobs by state.", []string{"state"}, nil)
	upDesc   = prometheus.NewDesc("tocsin_database_up", "1 when the database answers.", nil, nil)
	pingDesc = prometheus.NewDesc("tocsin_database_ping_seconds", "Time the database takes to answer a small question.", nil, nil)
)

// Describe implements prometheus.Collector.
func (o *observer) Describe(ch chan<- *prometheus.Desc) {
	ch <- jobsDesc
	ch <- upDesc
	ch <- pingDesc
}

// Collect implements prometheus.Collector.
func (o *observer) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	watch := clock.Start()
	var counts map[string]int64
	err := o.w.DB().View(ctx, func(tx *db.Tx) (err error) {
		counts, err = job.Counts(tx)
		return err
	})
	ch <- prometheus.MustNewConstMetric(pingDesc, prometheus.GaugeValue, watch.Elapsed().Seconds())
	up := 1.0
	if err != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up)
	for _, state := range []string{"ready", "running", "done", "dead"} {
		ch <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(counts[state]), state)
	}
}
