package digest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
)

// TestMain is also the process that the crash test kills: it decides about what is due, and delivers it.
func TestMain(m *testing.M) {
	if os.Getenv("TOCSIN_CRASH_URL") != "" {
		if err := crashChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// ahead is the machine's clock some time ahead: the leases of those that were killed before are over.
type ahead time.Duration

func (a ahead) Now() time.Time { return clock.Real().Now().Add(time.Duration(a)) }

// crashChild works until everything is decided and no letter is under way.
func crashChild() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	number := func(name string) int64 { n, _ := strconv.ParseInt(os.Getenv(name), 10, 64); return n }
	now := clock.NewManual(time.UnixMicro(number("TOCSIN_CRASH_NOW")))
	d, err := db.Open(ctx, os.Getenv("TOCSIN_CRASH_URL"), os.Getenv("TOCSIN_CRASH_WORLD"), audit.Recorder(now))
	if err != nil {
		return err
	}
	defer d.Close()
	server := mail.Config{Host: "127.0.0.1", Port: int(number("TOCSIN_CRASH_PORT")), TLS: mail.None, From: "CERT Ruritania <cert@cert.example>"}
	desk, err := openDesk(d, os.Getenv("TOCSIN_CRASH_DIR"), egress.Open(egress.Policy{}), server, now, ahead(time.Duration(number("TOCSIN_CRASH_RUN"))*20*time.Minute))
	if err != nil {
		return err
	}
	if _, err := desk.Collect(ctx); err != nil {
		return err
	}
	if _, err := desk.Dispatch(ctx); err != nil {
		return err
	}
	go func() {
		for ctx.Err() == nil {
			if s, err := desk.Outbox.Status(ctx); err == nil && s.States["queued"]+s.States["rendered"] == 0 {
				cancel()
			}
			<-time.After(5 * time.Millisecond)
		}
	}()
	desk.Outbox.Work(ctx)
	return nil
}

func TestKilledAnywhereEveryoneIsToldEachFindingOnce(t *testing.T) {
	const people, each = 25, 2
	types := []string{"scan_rdp", "scan_smb", "scan_telnet", "scan_vnc", "scan_ftp", "scan_dns", "scan_ntp", "scan_snmp", "scan_ssdp", "scan_tftp", "scan_mongodb", "scan_redis",
		"scan_mysql", "scan_postgres", "scan_elasticsearch", "scan_cwmp", "scan_ipmi", "scan_mdns", "scan_memcached", "scan_netbios", "scan_portmapper", "scan_qotd", "scan_chargen",
		"scan_isakmp", "scan_xdmcp", "scan_db2", "scan_rsync", "scan_afp", "scan_amqp", "scan_mqtt", "scan_coap", "scan_ipp", "scan_cisco_smart_install", "scan_adb", "scan_hadoop", "scan_couchdb"}
	var list []string
	for i := range people {
		list = append(list, fmt.Sprintf(`{"ref":"c%d","name":"C %d","kind":"operator","sector":"health","contacts":[{"role":"abuse","mail":"abuse@c%d.example"}],
			"assets":[{"kind":"prefix","value":"203.0.%d.0/24"}]}`, i, i, i, i))
	}
	dbtest.EachURL(t, func(t *testing.T, url, world string) {
		ctx, dir := context.Background(), t.TempDir()
		d := dbtest.Open(t, url, world, audit.Recorder(clock.NewManual(monday)))
		w := newTownOf(t, d, `{"constituents":[`+strings.Join(list, ",")+`]}`, dir)
		w.report("scan_ssh", "203.0.1.1 22 high") // the first intake, of which nobody is told
		w.collect()
		w.next(2)
		w.report("scan_ssh", "203.0.1.1 22 high")
		w.collect()
		w.ok(w.Outbox.Start(ctx, officer, "test"))
		want, killed, rounds, run := dbtest.Kills(t, 10), 0, 0, 0
		after := 300 * time.Millisecond // within which it is killed
		r := rand.New(rand.NewPCG(5, 10))
		for ; killed < want && rounds < len(types); rounds++ {
			var rows []string
			for i := range people * each {
				rows = append(rows, fmt.Sprintf("203.0.%d.%d 80 critical", i%people, 10+i/people))
			}
			w.report(types[rounds], rows...)
			for done := false; !done; run++ {
				at := time.Duration(0)
				if killed < want {
					at = time.Duration(r.Int64N(int64(after)))
				}
				begun := time.Now()
				if w.child(url, world, dir, run, at) {
					killed++
					after += after / 8 // it gets on, however slow the machine is
				} else {
					after = max(time.Since(begun)/3, 50*time.Millisecond)
				}
				n, err := w.Outbox.ReleaseAll(ctx, officer)
				w.ok(err)
				s, err := w.Outbox.Status(ctx)
				w.ok(err)
				done = n+s.States["queued"]+s.States["rendered"] == 0 && s.States["handed-over"] >= int64((rounds+1)*people)
			}
		}
		doubled := w.once(rounds, people, each)
		if killed < want {
			t.Errorf("killed %d times only", killed)
		}
		t.Logf("%d digests in %d rounds, killed %d times, %d doubled", rounds*people, rounds, killed, doubled)
	})
}

// child runs a process that is killed after a time, 0 for never, and tells whether it was.
func (w *town) child(url, world, dir string, run int, after time.Duration) bool {
	w.t.Helper()
	return dbtest.Killed(w.t, after, "TOCSIN_CRASH_URL="+url, "TOCSIN_CRASH_WORLD="+world, "TOCSIN_CRASH_DIR="+filepath.Clean(dir), fmt.Sprintf("TOCSIN_CRASH_RUN=%d", run),
		fmt.Sprintf("TOCSIN_CRASH_NOW=%d", w.clock.Now().UnixMicro()), fmt.Sprintf("TOCSIN_CRASH_PORT=%d", w.server.Config().Port))
}

// once checks that everybody was told each finding in one message, which arrived, and again only as the same message.
func (w *town) once(rounds, people, each int) (doubled int) {
	w.t.Helper()
	raws := map[string]string{}
	for _, g := range w.server.Got() {
		if was, ok := raws[g.ID]; ok {
			doubled++
			if was != g.Raw {
				w.t.Errorf("two messages are %s", g.ID)
			}
		}
		raws[g.ID] = g.Raw
	}
	var f notify.Filter
	letters := 0
	for f.Limit = 1000; ; {
		ls, next, err := w.Outbox.List(context.Background(), f)
		w.ok(err)
		for _, l := range ls {
			letters++
			if raws[l.MessageID] == "" || l.State != notify.Handed {
				w.t.Errorf("letter %d is %s, and arrived: %t", l.ID, l.State, raws[l.MessageID] != "")
			}
		}
		if f.Before = next; next == 0 {
			break
		}
	}
	if letters != rounds*people || len(raws) != letters {
		w.t.Errorf("%d letters and %d messages for %d rounds of %d", letters, len(raws), rounds, people)
	}
	var told, twice, waiting int64
	w.ok(w.DB.View(context.Background(), func(tx *db.Tx) error {
		if err := tx.Row(`SELECT count(*) FROM digest_item`).Scan(&told); err != nil {
			return err
		}
		if err := tx.Row(`SELECT count(*) FROM (SELECT i.finding FROM digest_item i GROUP BY i.finding HAVING count(*) > 1) x`).Scan(&twice); err != nil {
			return err
		}
		return tx.Row(`SELECT count(*) FROM digest_directive WHERE due > 0 AND frequency = 'immediate'`).Scan(&waiting)
	}))
	if told != int64(rounds*people*each) || twice > 0 || waiting > 0 {
		w.t.Errorf("%d findings were told, %d of them twice, %d wait; want %d", told, twice, waiting, rounds*people*each)
	}
	return doubled
}
