package shadowserver

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"tocsin/internal/event"
)

// benchFile is a file of n rows of a type with its real columns.
func benchFile(typ string, n int, row func(i int) map[string]string) string {
	t, _ := Builtin().Type(typ)
	var b strings.Builder
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q", c)
	}
	b.WriteByte('\n')
	for i := range n {
		values := row(i)
		for j, c := range t.Columns {
			if j > 0 {
				b.WriteByte(',')
			}
			if v := values[c]; v != "" {
				fmt.Fprintf(&b, "\"%s\"", v)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func scanRow(i int) map[string]string {
	return map[string]string{"timestamp": fmt.Sprintf("2026-01-01 %02d:%02d:%02d", i/3600%24, i/60%60, i%60), "severity": "medium",
		"ip": fmt.Sprintf("198.18.%d.%d", i/250%250, 1+i%250), "protocol": "tcp", "port": "8080",
		"hostname": fmt.Sprintf("host-%d.dyn.example.net", i), "tag": "http", "asn": "64500", "geo": "RS", "region": "BEOGRAD",
		"city": []string{"BEOGRAD", "ZEMUN", "NOVI BEOGRAD"}[i%3], "naics": "517311", "hostname_source": "ptr", "sector": "Information",
		"http": "HTTP/1.1", "http_code": "200", "http_reason": "OK", "content_type": "text/html", "connection": "keep-alive",
		"server": "lighttpd/1.4.53", "http_date": "Thu, 01 Jan 2026 00:02:28 GMT"}
}

func sinkholeRow(i int) map[string]string {
	return map[string]string{"timestamp": fmt.Sprintf("2026-01-01 %02d:%02d:%02d", i/3600%24, i/60%60, i%60), "severity": "high",
		"src_ip": fmt.Sprintf("198.18.%d.%d", i/250%250, 1+i%250), "protocol": "tcp", "src_port": fmt.Sprint(1024 + i%60000),
		"src_hostname": fmt.Sprintf("host-%d.dyn.example.net", i), "src_asn": "64500", "src_geo": "RS", "src_region": "BEOGRAD",
		"src_city": "ZEMUN", "src_naics": "517311", "src_sector": "Information", "dst_ip": "192.0.2.7", "dst_port": "80",
		"dst_asn": "64496", "dst_geo": "DE", "dst_region": "HESSEN", "dst_city": "FRANKFURT AM MAIN", "infection": "andromeda",
		"family": "andromeda", "tag": "avalanche", "public_source": "lab"}
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		typ string
		row func(int) map[string]string
	}{{"scan_http", scanRow}, {"event4_sinkhole", sinkholeRow}} {
		b.Run(c.typ, func(b *testing.B) {
			const rows = 20_000
			in := benchFile(c.typ, rows, c.row)
			f := New(Builtin())
			id, err := f.Identify("2026-01-01-" + c.typ + "-bench.csv")
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(in) / rows))
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; {
				r, err := f.Open(id, strings.NewReader(in))
				if err != nil {
					b.Fatal(err)
				}
				var e event.Event
				for n < b.N {
					err := r.Next(&e)
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
