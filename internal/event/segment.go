package event

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"tocsin/internal/platform/file"
)

// segmentRow is one event as it stands in a segment: a Parquet file whose columns have IDF names (docs/segments.md). The
// address stands twice: as text for people and their tools, and as the two halves of its 16-byte form (IPv4 mapped) for
// pruning by page index and bloom filter.
type segmentRow struct {
	Owner      int64  `parquet:"tocsin.owner"`
	Feed       string `parquet:"feed.name,dict"`
	Type       string `parquet:"feed.report,dict"`
	Day        int32  `parquet:"feed.day,date"`
	IPHi       int64  `parquet:"source.ip_hi,delta"`
	IPLo       int64  `parquet:"source.ip_lo,delta"`
	IP         string `parquet:"source.ip,delta"`
	Port       int32  `parquet:"source.port"`
	Report     int64  `parquet:"tocsin.report,dict"`
	File       int64  `parquet:"tocsin.file,dict"`
	Row        int64  `parquet:"tocsin.row,delta"`
	Time       int64  `parquet:"time.source,timestamp(microsecond:utc),delta"`
	Observed   int64  `parquet:"time.observation,timestamp(microsecond:utc),dict"`
	ASN        int64  `parquet:"source.asn,dict"`
	CC         string `parquet:"source.geolocation.cc,dict"`
	Region     string `parquet:"source.geolocation.region,dict"`
	City       string `parquet:"source.geolocation.city,dict"`
	ReverseDNS string `parquet:"source.reverse_dns,delta"`
	FQDN       string `parquet:"source.fqdn,dict"`
	URL        string `parquet:"source.url,dict"`
	Account    string `parquet:"source.account,dict"`
	Network    string `parquet:"source.network,dict"`

	DestinationIP   string `parquet:"destination.ip,dict"`
	DestinationPort int32  `parquet:"destination.port,dict"`
	DestinationASN  int64  `parquet:"destination.asn,dict"`
	DestinationCC   string `parquet:"destination.geolocation.cc,dict"`
	DestinationFQDN string `parquet:"destination.fqdn,dict"`
	DestinationURL  string `parquet:"destination.url,dict"`

	Transport       string `parquet:"protocol.transport,dict"`
	Application     string `parquet:"protocol.application,dict"`
	Class           string `parquet:"classification.taxonomy,dict"`
	Kind            string `parquet:"classification.type,dict"`
	Identifier      string `parquet:"classification.identifier,dict"`
	Malware         string `parquet:"malware.name,dict"`
	Vendor          string `parquet:"product.vendor,dict"`
	Product         string `parquet:"product.name,dict"`
	Version         string `parquet:"product.version,dict"`
	Vulnerabilities string `parquet:"product.vulnerabilities,dict"`
	Severity        int32  `parquet:"severity,dict"`
	Status          string `parquet:"status,dict"`
	Text            string `parquet:"event_description.text,dict"`
	Extra           string `parquet:"extra"`
}

const (
	rowGroupRows = 32 << 10 // what is sorted together and held in memory
	segmentRows  = 64 << 10 // a segment of at least this size is never compacted again: a large day pays for none of it
)

func (r *segmentRow) set(e *Event, owner int64) {
	*r = segmentRow{Owner: owner, Port: e.Port, Row: e.Row, Time: e.Time, Observed: e.Observed, ASN: int64(e.ASN), CC: e.CC,
		Region: e.Region, City: e.City, ReverseDNS: e.ReverseDNS, FQDN: e.FQDN, URL: e.URL, Account: e.Account, Network: e.Network,
		DestinationPort: e.DestinationPort, DestinationASN: int64(e.DestinationASN), DestinationCC: e.DestinationCC,
		DestinationFQDN: e.DestinationFQDN, DestinationURL: e.DestinationURL, Transport: e.Transport, Application: e.Application,
		Class: e.Class, Kind: e.Kind, Identifier: e.Identifier, Malware: e.Malware, Vendor: e.Vendor, Product: e.Product,
		Version: e.Version, Vulnerabilities: e.Vulnerabilities, Severity: int32(e.Severity), Status: e.Status, Text: e.Text,
		Extra: e.Extra}
	if e.IP.IsValid() {
		r.IPHi, r.IPLo = halves(e.IP)
		r.IP = e.IP.String()
	}
	if e.DestinationIP.IsValid() {
		r.DestinationIP = e.DestinationIP.String()
	}
}

func (r *segmentRow) event() StoredEvent {
	e := StoredEvent{Feed: r.Feed, Type: r.Type, Day: Day(r.Day), File: r.File, Owner: r.Owner, report: r.Report, Event: Event{
		Row: r.Row, Port: r.Port, Time: r.Time, Observed: r.Observed, ASN: uint32(r.ASN), CC: r.CC,
		Region: r.Region, City: r.City, ReverseDNS: r.ReverseDNS, FQDN: r.FQDN, URL: r.URL, Account: r.Account, Network: r.Network,
		DestinationPort: r.DestinationPort, DestinationASN: uint32(r.DestinationASN), DestinationCC: r.DestinationCC,
		DestinationFQDN: r.DestinationFQDN, DestinationURL: r.DestinationURL, Transport: r.Transport, Application: r.Application,
		Class: r.Class, Kind: r.Kind, Identifier: r.Identifier, Malware: r.Malware, Vendor: r.Vendor, Product: r.Product,
		Version: r.Version, Vulnerabilities: r.Vulnerabilities, Severity: Severity(r.Severity), Status: r.Status, Text: r.Text,
		Extra: r.Extra}}
	e.IP, _ = netip.ParseAddr(r.IP)
	e.DestinationIP, _ = netip.ParseAddr(r.DestinationIP)
	return e
}

func halves(a netip.Addr) (hi, lo int64) {
	b := a.As16()
	return int64(binary.BigEndian.Uint64(b[:8])), int64(binary.BigEndian.Uint64(b[8:]))
}

// compare orders rows by owner, type and address, then by where they came from, so that the order is total.
func (r *segmentRow) compare(o *segmentRow) int {
	return cmp.Or(cmp.Compare(r.Owner, o.Owner), strings.Compare(r.Feed, o.Feed), strings.Compare(r.Type, o.Type),
		cmp.Compare(uint64(r.IPHi), uint64(o.IPHi)), cmp.Compare(uint64(r.IPLo), uint64(o.IPLo)),
		cmp.Compare(r.File, o.File), cmp.Compare(r.Row, o.Row))
}

// segmentWriter writes one segment. Rows come in any order; every row group is sorted by itself.
type segmentWriter struct {
	dst    *file.Pending
	w      *parquet.GenericWriter[segmentRow]
	buf    []segmentRow
	rows   int64
	sorted bool // rows already come in order
}

// writers keeps the buffers of a segment for the next one.
type writers struct{ free chan *segmentWriter }

func newWriters() *writers { return &writers{free: make(chan *segmentWriter, 2)} }

func (ws *writers) get(dst *file.Pending) *segmentWriter {
	select {
	case s := <-ws.free:
		s.dst, s.rows, s.sorted = dst, 0, false
		s.w.Reset(dst)
		return s
	default:
	}
	w := parquet.NewGenericWriter[segmentRow](dst,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
		parquet.BloomFilters(parquet.SplitBlockFilter(10, "source.ip_lo")),
		parquet.PageBufferSize(64<<10), parquet.DataPageStatistics(false),
		parquet.SkipPageBounds("extra"), parquet.SkipPageBounds("event_description.text"),
		parquet.SkipPageBounds("source.reverse_dns"), parquet.ColumnIndexSizeLimit(func([]string) int { return 16 }),
		parquet.CreatedBy("Tocsin", "1", ""))
	return &segmentWriter{dst: dst, w: w, buf: make([]segmentRow, 0, rowGroupRows)}
}

// put gives the buffers of a finished segment back.
func (ws *writers) put(s *segmentWriter) {
	select {
	case ws.free <- s:
	default:
	}
}

func (s *segmentWriter) add() *segmentRow {
	s.buf = s.buf[:len(s.buf)+1]
	return &s.buf[len(s.buf)-1]
}

func (s *segmentWriter) full() bool { return len(s.buf) == cap(s.buf) }

// flush writes the rows gathered as a row group.
func (s *segmentWriter) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	if !s.sorted {
		order := make([]int32, len(s.buf))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(a, b int32) int { return s.buf[a].compare(&s.buf[b]) })
		s.permute(order)
	}
	const batch = 1024
	for b := s.buf; len(b) > 0; {
		n := min(batch, len(b))
		if _, err := s.w.Write(b[:n]); err != nil {
			return fmt.Errorf("write a segment: %w", err)
		}
		b = b[n:]
	}
	s.rows += int64(len(s.buf))
	clear(s.buf)
	s.buf = s.buf[:0]
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("write a segment: %w", err)
	}
	return nil
}

// permute puts the rows into the order, cycle by cycle, without a second buffer.
func (s *segmentWriter) permute(order []int32) {
	for i := range order {
		if order[i] < 0 {
			continue
		}
		first, j := s.buf[i], int32(i)
		for {
			k := order[j]
			order[j] = -1
			if k == int32(i) {
				s.buf[j] = first
				break
			}
			s.buf[j] = s.buf[k]
			j = k
		}
	}
}

func (s *segmentWriter) finish() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.w.Close(); err != nil {
		return fmt.Errorf("finish a segment: %w", err)
	}
	return s.dst.Commit()
}

// clone copies the row's strings out of the buffers they share with other rows.
func (e *StoredEvent) clone() {
	for _, s := range []*string{&e.Feed, &e.Type, &e.CC, &e.Region, &e.City, &e.ReverseDNS, &e.FQDN, &e.URL, &e.Account,
		&e.Network, &e.DestinationCC, &e.DestinationFQDN, &e.DestinationURL, &e.Transport, &e.Application, &e.Class, &e.Kind,
		&e.Identifier, &e.Malware, &e.Vendor, &e.Product, &e.Version, &e.Vulnerabilities, &e.Status, &e.Text, &e.Extra} {
		*s = strings.Clone(*s)
	}
}

// StoredEvent is an event read back from a segment.
type StoredEvent struct {
	Event
	Feed   string
	Type   string // report type
	Day    Day    // report date
	File   int64  // source file; Row says which row of it
	Owner  int64  // as of intake
	report int64
}
