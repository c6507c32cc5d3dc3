package indicator

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// domain takes a name that stands alone, by the rules of Extract.
func (s *scanner) domain(w *word, text string, from, to int) bool {
	name, ok := nameOf(text)
	if !ok {
		return false
	}
	labels := strings.Split(name, ".")
	n := len(labels)
	last := labels[n-1]
	dot := from + strings.LastIndexByte(text, '.')
	if w.defanged[dot] {
		if !topLevel(last, true) {
			return false
		}
		s.add(w, Domain, name, from, to)
		return true
	}
	written, second := text[dot-from+1:], labels[n-2]
	switch {
	case !topLevel(last, false),
		n == 2 && written != strings.ToLower(written) && text != strings.ToUpper(text),                  // end.It
		to < len(w.b) && (w.b[to] == '(' || w.b[to] == '\\'),                                            // a call, a path
		from > 0 && (w.b[from-1] == '\\' || w.b[from-1] == '$' || w.b[from-1] == '_'),                   // a path, a variable
		from > 0 && w.b[from-1] == '/' && (from < 2 || w.b[from-2] != '/'),                              // a path
		n == 2 && slices.Contains(fileEndings, last),                                                    // run.sh
		n == 2 && last == "rs" && (slices.Contains(rustFiles, second) || strings.Contains(second, "_")), // main.rs
		n == 2 && last == "net" && slices.Contains(frameworks, second),                                  // ASP.NET
		slices.Contains(codeWords, labels[0]),                                                           // this.id
		len(second) == 1 && !slices.Contains([]string{"com", "net", "org", "co"}, last),                 // e.g.
		len(second) < 3 && strings.Trim(second, "0123456789") == "":                                     // 10.am
		return false
	}
	s.add(w, Domain, name, from, to)
	return true
}

// nameOf is a domain name in its normal form, if it may be one (RFC 1123 section 2.1, and underscores before the last two labels).
func nameOf(text string) (string, bool) {
	if len(text) > 253 || !strings.Contains(text, ".") || !utf8.ValidString(text) {
		return "", false
	}
	labels := strings.Split(strings.ToLower(text), ".")
	for i, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || i > len(labels)-3 && strings.Contains(l, "_") {
			return "", false
		}
		for k := range len(l) {
			if !plain(l[k]) && l[k] != '-' && l[k] != '_' {
				return "", false
			}
		}
		a, ok := aLabel(l)
		if !ok {
			return "", false
		}
		labels[i] = a
	}
	name := strings.Join(labels, ".")
	return name, len(name) <= 253
}

// topLevel tells whether a label may end a name. What was defanged need only look like one.
func topLevel(label string, defanged bool) bool {
	if strings.HasPrefix(label, "xn--") {
		return len(label) > 5
	}
	if len(label) < 2 || strings.ContainsFunc(label, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return false
	}
	return defanged || generic[label] || len(label) == 2 && countries[label]
}

// fileEndings are top-level domains that files end in more often than names of two labels do.
var fileEndings = []string{"ai", "app", "bz", "cab", "cc", "cfd", "la", "md", "ml", "mov", "name", "pl", "pm",
	"ps", "py", "sc", "sh", "so", "st", "tf", "vi", "zip"}

// rustFiles are the usual names of source files that end like names of Serbia.
var rustFiles = []string{"main", "lib", "mod", "build", "tests", "test", "error", "types", "utils", "config"}

// frameworks are products that are called like names.
var frameworks = []string{"ado", "asp", "dot", "ml", "system", "vb"}

// codeWords begin an expression of a program.
var codeWords = []string{"this", "self", "super", "window", "document", "console", "math", "os", "sys", "fmt", "java", "javax", "std"}

// generic are the generic top-level domains that names are often under, and those reserved by RFC 2606, RFC 6761 and RFC 7686.
var generic = set(`academy agency app art arpa asia associates audio auction bank bar best bet bid biz blog blue boats bond build
	business buzz cab cafe cam camera capital cards care cash casino cat center cfd chat church click cloud club codes coffee com community
	company computer consulting contact cool coop country credit cyou dad dance date day deals delivery design dev digital direct directory
	domains download earth education edu email energy engineering enterprises equipment estate eu events exchange expert express family fans
	farm finance financial fit foundation fun fund fyi gallery game games garden gay global gold gov graphics group guide guru health help
	holdings homes host hosting house how icu immo inc industries info ink institute insurance int international investments jobs land
	law legal life limited link live loan loans lol love ltd management market marketing markets mba media men mil mobi moda moe mom money
	monster mov museum name net network news ninja one onion online ooo org page partners parts party pharmacy photo photography photos
	pics pictures pizza place plus porn post press pro productions promo properties pub quest race realty recipes red rehab rent rentals
	repair report rest restaurant review reviews rip rocks run sale sbs school science security select services shop shopping show site ski
	social software solar solutions space store stream studio style supply support surf systems tax team tech technology tel tickets tips
	today tools top tours town toys trade training travel tube university uno vacations vc ventures video vip vision wang watch webcam website
	wiki win wine work works world wtf xin xyz yachts zip zone
	example invalid localhost test`)

// countries are the country-code top-level domains in use.
var countries = set(`ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci
 ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt
 gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma
 mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt
 pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua
 ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw`)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}
