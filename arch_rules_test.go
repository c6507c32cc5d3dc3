package tocsin_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is one parsed Go file.
type source struct {
	path, dir         string
	layer, capability string
	test              bool
	fset              *token.FileSet
	file              *ast.File
	report            func(pos token.Pos, format string, args ...any)
}

// inspect returns every violation of the house plan in the tree, as "file:line: what".
func inspect(tree fs.FS) []string {
	var out []string
	documented := map[string]bool{}
	err := fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tocsin-data") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || path.Dir(p) == "." {
			return nil
		}
		data, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		s := &source{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), fset: token.NewFileSet()}
		s.layer, s.capability = layerOf(s.dir)
		s.report = func(pos token.Pos, format string, args ...any) {
			out = append(out, fmt.Sprintf("%s:%d: %s", p, s.fset.Position(pos).Line, fmt.Sprintf(format, args...)))
		}
		if s.file, err = parser.ParseFile(s.fset, p, data, parser.ParseComments); err != nil {
			out = append(out, err.Error())
			return nil
		}
		if !s.test {
			documented[s.dir] = documented[s.dir] || s.file.Doc != nil
		}
		s.check(strings.Count(string(data), "\n"))
		return nil
	})
	if err != nil {
		out = append(out, err.Error())
	}
	for dir, ok := range documented {
		if !ok {
			out = append(out, dir+": no package comment")
		}
	}
	slices.Sort(out)
	return out
}

func (s *source) check(lines int) {
	if s.layer == "" {
		s.report(s.file.Pos(), "%s has no room in the house plan: add it to the tables of arch_test.go", s.dir)
	}
	if slices.Contains([]string{"util", "utils", "common", "helpers", "models", "types", "misc", "base"}, path.Base(s.dir)) {
		s.report(s.file.Pos(), "%s says nothing: choose a name from the CERT's own language", s.dir)
	}
	s.checkComments()
	s.checkCalls()
	if s.test {
		return
	}
	if lines > 600 {
		s.report(s.file.Pos(), "%d lines: review at 400, split by 600", lines)
	}
	s.checkImports()
	s.checkSQL()
	s.checkExported()
	s.checkState()
}

func (s *source) checkImports() {
	for _, imp := range s.file.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		switch {
		case p == module || strings.HasPrefix(p, module+"/"):
			s.checkInside(imp.Pos(), strings.TrimPrefix(p, module+"/"))
		case strings.Contains(strings.Split(p, "/")[0], "."):
			s.checkModule(imp.Pos(), p)
		case s.layer == "capability" && slices.Contains(notForCapabilities, p):
			s.report(imp.Pos(), "a capability does not import %s: platform owns it", p)
		}
	}
}

func (s *source) checkInside(pos token.Pos, target string) {
	layer, capability := layerOf(target)
	ok := slices.Contains(arrows[s.layer], layer)
	if ok && s.capability != "" && capability != "" {
		ok = slices.Index(capabilities, capability) <= slices.Index(capabilities, s.capability)
	}
	if s.layer == "capability" && slices.Contains(processOnly, target) {
		ok = false
	}
	if strings.HasSuffix(target, "test") && layer == "platform" {
		ok = strings.HasSuffix(path.Base(s.dir), "test") // test support is for tests
	}
	if !ok {
		s.report(pos, "%s (%s) may not import %s (%s)", s.dir, s.layer, target, layer)
	}
}

func (s *source) checkModule(pos token.Pos, p string) {
	for mod, places := range thirdParty {
		if p != mod && !strings.HasPrefix(p, mod+"/") {
			continue
		}
		for _, place := range places {
			if place == "layer:"+s.layer || s.dir == place || strings.HasPrefix(s.dir, place+"/") {
				return
			}
		}
		s.report(pos, "%s may not import %s: only %s", s.dir, mod, strings.Join(places, ", "))
		return
	}
	s.report(pos, "%s has no place in the house plan: write an ADR and add it to the table in arch_test.go", p)
}

var sqlText = regexp.MustCompile(`(?s)^\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|INDEX)\s|WITH\s+\w+\s+AS\s)`)

func (s *source) checkSQL() {
	base := path.Base(s.path)
	if base == "store.go" || strings.HasSuffix(base, "_store.go") || strings.HasPrefix(s.dir, "internal/platform/db") || s.layer == "tool" {
		return
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && sqlText.MatchString(text) {
				s.report(lit.Pos(), "SQL stands in store.go or *_store.go only")
			}
		}
		return true
	})
}

// checkCalls finds uses of functions that have one home, under whatever name the package was imported.
func (s *source) checkCalls() {
	names := map[string]string{}
	for _, imp := range s.file.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		name := path.Base(p)
		if imp.Name != nil {
			name = imp.Name.Name
		}
		names[name] = p
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok || x.Obj != nil {
			return true
		}
		switch call := names[x.Name] + "." + sel.Sel.Name; call {
		case "time.Now", "time.Since", "time.Until":
			if !s.test && s.dir != "internal/platform/clock" {
				s.report(sel.Pos(), "%s: the time comes from platform/clock", call)
			}
		case "time.Sleep":
			s.report(sel.Pos(), "%s: wait for a condition instead of sleeping", call)
		case "tocsin/internal/platform/egress.MakeCleared":
			if s.dir != "internal/disclosure" && s.dir != "internal/platform/egress" && !(s.test && s.layer == "platform") {
				s.report(sel.Pos(), "only the gate clears: call disclosure.Clear")
			}
		case "log/slog.SetDefault", "flag.Parse", "net/http.Handle", "net/http.HandleFunc",
			"github.com/prometheus/client_golang/prometheus.MustRegister", "github.com/prometheus/client_golang/prometheus.Register":
			if s.layer != "tool" && s.file.Name.Name != "main" {
				s.report(sel.Pos(), "%s: state of the whole process", call)
			}
		}
		return true
	})
}

func (s *source) checkState() {
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			if len(v.Values) == 0 && !embedded(g.Doc) && !embedded(v.Doc) {
				s.report(v.Pos(), "%s: no package-level mutable state", v.Names[0].Name)
			}
		}
	}
}

func embedded(c *ast.CommentGroup) bool {
	return c != nil && slices.ContainsFunc(c.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed") })
}

// checkExported wants a doc comment on every exported function, type and method of an exported type.
func (s *source) checkExported() {
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || receiverExported(d.Recv)) {
				s.report(d.Pos(), "%s has no doc comment", d.Name.Name)
			}
		case *ast.GenDecl:
			if d.Doc != nil || d.Tok == token.IMPORT {
				continue
			}
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() && spec.Doc == nil {
						s.report(spec.Pos(), "%s has no doc comment", spec.Name.Name)
					}
				case *ast.ValueSpec:
					if spec.Names[0].IsExported() && spec.Doc == nil && spec.Comment == nil {
						s.report(spec.Pos(), "%s has no doc comment", spec.Names[0].Name)
					}
				}
			}
		}
	}
}

func receiverExported(r *ast.FieldList) bool {
	t := r.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if idx, ok := t.(*ast.IndexExpr); ok {
		t = idx.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func (s *source) checkComments() {
	for _, g := range s.file.Comments {
		if unfinished.MatchString(g.Text()) {
			s.report(g.Pos(), "unfinished work in a comment")
		}
	}
}
