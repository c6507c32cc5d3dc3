package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle []byte

type docs struct {
	Title, Version, Description string
	Groups                      []docsGroup
	Kinds                       []docsKind
	Schemas                     []docsSchema
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	Method, Path, ID, Summary, Description, Permission string
	Params                                             []docsField
	Body, Answer                                       []docsContent
}

type docsContent struct{ Status, Type, Schema string }

type docsKind struct {
	ID, Title string
	Status    int
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, Where, Type, Schema, Doc string
	Required                       bool
}

// docsPage renders the OpenAPI document as one page without script.
func docsPage(o *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	d := docs{Title: o.Info.Title, Version: o.Info.Version, Description: o.Info.Description}
	for kind, status := range statuses {
		d.Kinds = append(d.Kinds, docsKind{kind.String(), titles[kind.String()], status})
	}
	slices.SortFunc(d.Kinds, func(a, b docsKind) int { return a.Status - b.Status })
	groups := map[string][]docsOperation{}
	for path, item := range o.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				groups[op.Tags[0]] = append(groups[op.Tags[0]], describe(path, op))
			}
		}
	}
	for name, ops := range groups {
		slices.SortFunc(ops, func(a, b docsOperation) int {
			return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
		})
		d.Groups = append(d.Groups, docsGroup{name, ops})
	}
	slices.SortFunc(d.Groups, func(a, b docsGroup) int { return strings.Compare(a.Name, b.Name) })
	for name, schema := range o.Components.Schemas.Map() {
		d.Schemas = append(d.Schemas, docsSchema{name, properties(schema)})
	}
	slices.SortFunc(d.Schemas, func(a, b docsSchema) int { return strings.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	err = t.Execute(&b, d)
	return b.Bytes(), err
}

func describe(path string, op *huma.Operation) docsOperation {
	permission, _ := op.Extensions["x-permission"].(string)
	d := docsOperation{Method: op.Method, Path: path, ID: op.OperationID, Summary: op.Summary, Description: op.Description,
		Permission: permission}
	for _, p := range op.Parameters {
		f := field(p.Name, p.Schema, p.Required)
		f.Where = p.In
		d.Params = append(d.Params, f)
	}
	if op.RequestBody != nil {
		d.Body = contents("", op.RequestBody.Content)
	}
	for status, r := range op.Responses {
		if status == "default" {
			continue
		}
		list := contents(status, r.Content)
		if len(list) == 0 {
			list = []docsContent{{Status: status}}
		}
		d.Answer = append(d.Answer, list...)
	}
	return d
}

func contents(status string, m map[string]*huma.MediaType) []docsContent {
	var list []docsContent
	for t, media := range m {
		c := docsContent{Status: status, Type: t}
		if media.Schema != nil {
			c.Schema = strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b docsContent) int { return strings.Compare(a.Type, b.Type) })
	return list
}

func properties(s *huma.Schema) []docsField {
	var list []docsField
	for name, p := range s.Properties {
		list = append(list, field(name, p, slices.Contains(s.Required, name)))
	}
	slices.SortFunc(list, func(a, b docsField) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func field(name string, s *huma.Schema, required bool) docsField {
	f := docsField{Name: name, Required: required}
	if s == nil {
		return f
	}
	f.Doc, f.Type = s.Description, s.Type
	if s.Format != "" {
		f.Type += " " + s.Format
	}
	inner := s
	if s.Items != nil {
		inner = s.Items
		f.Type = "list of " + s.Items.Type
	}
	if inner.Ref != "" {
		f.Schema = strings.TrimPrefix(inner.Ref, "#/components/schemas/")
	}
	for i, v := range inner.Enum {
		if text, ok := v.(string); ok {
			if i > 0 {
				f.Type += " |"
			}
			f.Type += " " + text
		}
	}
	return f
}
