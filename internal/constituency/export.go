package constituency

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/platform/db"
)

// The shapes of the JSON document; the order of the fields is the order in the file.
type (
	constituentJSON struct {
		Ref         string `json:"ref"`
		Parent      string `json:"parent"`
		Name        string `json:"name"`
		Kind        string `json:"kind"`
		Sector      string `json:"sector"`
		Designation string `json:"designation"`
		Delegate    string `json:"delegate"`
		Language    string `json:"language"`
		Note        string `json:"note"`
		ValidFrom   string `json:"valid_from"`
		ValidUntil  string `json:"valid_until"`
	}
	contactJSON struct {
		Role       string `json:"role"`
		Name       string `json:"name"`
		Mail       string `json:"mail"`
		Phone      string `json:"phone"`
		Language   string `json:"language"`
		Keys       []Key  `json:"keys"`
		Encrypt    bool   `json:"encrypt"`
		Clearance  string `json:"clearance"`
		ValidFrom  string `json:"valid_from"`
		ValidUntil string `json:"valid_until"`
	}
	assetJSON struct {
		Kind       string `json:"kind"`
		Value      string `json:"value"`
		AlsoNotify bool   `json:"also_notify"`
		ValidFrom  string `json:"valid_from"`
		ValidUntil string `json:"valid_until"`
	}
)

// exporter writes records in a fixed order, so that equal registries give equal files.
type exporter interface {
	constituent(h *holdings, c *Constituent, contacts []Contact, assets []Asset) error
	national(ps []netip.Prefix) error
	close() error
}

// Export writes what people entered, with everything that has ended; what came from registries comes from them again.
// Importing the result into an empty registry and exporting that gives the same bytes.
func (s *Store) Export(ctx context.Context, w io.Writer, f Format) error {
	var h *holdings
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		h, err = readHoldings(tx, Manual, "*")
		return err
	})
	if err != nil {
		return fmt.Errorf("export the registry: %w", err)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	var e exporter = &jsonWriter{w: b}
	if f == CSV {
		e = newCSVWriter(b)
	}
	if err := h.export(e); err != nil {
		return fmt.Errorf("export the registry: %w", err)
	}
	return b.Flush()
}

func (h *holdings) export(e exporter) error {
	var cs []*Constituent
	named := h.named()
	for _, c := range h.byRef {
		if c.Source == Manual || len(h.contacts[c.ID])+len(h.assets[c.ID]) > 0 || named[c.ID] {
			cs = append(cs, c)
		}
	}
	slices.SortFunc(cs, func(a, b *Constituent) int { return cmp.Compare(a.Ref, b.Ref) })
	for _, c := range cs {
		contacts, assets := h.contacts[c.ID], h.assets[c.ID]
		slices.SortFunc(contacts, func(a, b Contact) int {
			return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Mail, b.Mail), cmp.Compare(a.Name, b.Name),
				cmp.Compare(a.ValidFrom, b.ValidFrom), cmp.Compare(a.Phone, b.Phone), cmp.Compare(a.ValidUntil, b.ValidUntil))
		})
		slices.SortFunc(assets, func(a, b Asset) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value), cmp.Compare(a.ValidFrom, b.ValidFrom),
				cmp.Compare(a.ValidUntil, b.ValidUntil))
		})
		if err := e.constituent(h, c, contacts, assets); err != nil {
			return err
		}
	}
	var national []netip.Prefix
	for p, origin := range h.national {
		if origin == string(Manual) {
			national = append(national, p)
		}
	}
	slices.SortFunc(national, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	if err := e.national(national); err != nil {
		return err
	}
	return e.close()
}

// named lists what manual constituents refer to as parent or delegate, and what is above those in turn.
func (h *holdings) named() map[int64]bool {
	out := map[int64]bool{}
	var add func(id int64)
	add = func(id int64) {
		c := h.byID[id]
		if c == nil || out[id] {
			return
		}
		out[id] = true
		add(c.Parent)
		add(c.Delegate)
	}
	for id, c := range h.byID {
		if c.Source == Manual || len(h.contacts[id])+len(h.assets[id]) > 0 {
			add(id)
		}
	}
	return out
}

type jsonWriter struct {
	w     *bufio.Writer
	count int
}

func (j *jsonWriter) constituent(h *holdings, c *Constituent, contacts []Contact, assets []Asset) error {
	if j.count++; j.count == 1 {
		j.w.WriteString(`{"constituents":[` + "\n")
	} else {
		j.w.WriteString(",\n")
	}
	head, err := marshal(constituentJSON{c.Ref, h.ref(c.Parent), c.Name, string(c.Kind), c.Sector, string(c.Designation),
		h.ref(c.Delegate), c.Language, c.Note, c.ValidFrom.String(), c.ValidUntil.String()})
	if err != nil {
		return err
	}
	j.w.WriteString(strings.TrimSuffix(head, "}") + ",\n \"contacts\":[")
	for i, k := range contacts {
		keys := k.Keys
		if keys == nil {
			keys = []Key{}
		}
		if err := j.item(i, contactJSON{k.Role, k.Name, k.Mail, k.Phone, k.Language, keys, k.Encrypt, k.Clearance, k.ValidFrom.String(),
			k.ValidUntil.String()}); err != nil {
			return err
		}
	}
	j.w.WriteString("],\n \"assets\":[")
	for i, a := range assets {
		if err := j.item(i, assetJSON{string(a.Kind), a.Value, a.AlsoNotify, a.ValidFrom.String(), a.ValidUntil.String()}); err != nil {
			return err
		}
	}
	_, err = j.w.WriteString("]}")
	return err
}

func (j *jsonWriter) item(i int, v any) error {
	if i > 0 {
		j.w.WriteByte(',')
	}
	s, err := marshal(v)
	if err == nil {
		_, err = j.w.WriteString("\n  " + s)
	}
	return err
}

func marshal(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func (j *jsonWriter) national(ps []netip.Prefix) error {
	if j.count == 0 {
		j.w.WriteString(`{"constituents":[`)
	}
	j.w.WriteString("\n],\"national_prefixes\":[")
	for i, p := range ps {
		if err := j.item(i, p.String()); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonWriter) close() error {
	_, err := j.w.WriteString("]}\n")
	return err
}

type csvWriter struct{ w *csv.Writer }

func newCSVWriter(w io.Writer) csvWriter {
	c := csvWriter{csv.NewWriter(w)}
	c.w.Write(csvColumns)
	return c
}

func (c csvWriter) row(values map[string]string) error {
	row := make([]string, len(csvColumns))
	for i, name := range csvColumns {
		row[i] = values[name]
	}
	return c.w.Write(row)
}

func (c csvWriter) constituent(h *holdings, x *Constituent, contacts []Contact, assets []Asset) error {
	if err := c.row(map[string]string{"record": "constituent", "ref": x.Ref, "parent": h.ref(x.Parent), "name": x.Name,
		"kind": string(x.Kind), "sector": x.Sector, "designation": string(x.Designation), "delegate": h.ref(x.Delegate),
		"language": x.Language, "note": x.Note, "valid_from": x.ValidFrom.String(), "valid_until": x.ValidUntil.String()}); err != nil {
		return err
	}
	for _, k := range contacts {
		if err := c.row(map[string]string{"record": "contact", "ref": x.Ref, "role": k.Role, "name": k.Name, "mail": k.Mail,
			"phone": k.Phone, "language": k.Language, "keys": keysText(k.Keys), "encrypt": strconv.FormatBool(k.Encrypt), "clearance": k.Clearance,
			"valid_from": k.ValidFrom.String(), "valid_until": k.ValidUntil.String()}); err != nil {
			return err
		}
	}
	for _, a := range assets {
		if err := c.row(map[string]string{"record": "asset", "ref": x.Ref, "kind": string(a.Kind), "value": a.Value,
			"also_notify": strconv.FormatBool(a.AlsoNotify), "valid_from": a.ValidFrom.String(),
			"valid_until": a.ValidUntil.String()}); err != nil {
			return err
		}
	}
	return nil
}

func (c csvWriter) national(ps []netip.Prefix) error {
	for _, p := range ps {
		if err := c.row(map[string]string{"record": "national_prefix", "value": p.String()}); err != nil {
			return err
		}
	}
	return nil
}

func (c csvWriter) close() error {
	c.w.Flush()
	return c.w.Error()
}
