package constituency

import (
	"net/mail"
	"regexp"
	"slices"
	"unicode/utf8"

	"tocsin/internal/format/tlp"
)

// Roles lists the roles of contacts.
func Roles() []string {
	return []string{"abuse", "security", "technical", "management", "press", "other"}
}

// wrong reports what is wrong with a field.
type wrong func(field, format string, args ...any)

var (
	refForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)
	sectorForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	phoneForm    = regexp.MustCompile(`^[0-9+()./ xX#*,;-]{2,60}$`)
)

// clean brings a constituent's own fields (not its place in the tree) into canonical form and reports what is wrong.
func (c *Constituent) clean(bad wrong) {
	c.Ref, c.Name, c.Note = line(c.Ref), line(c.Name), text(c.Note)
	c.Sector, c.Language = line(c.Sector), line(c.Language)
	if !refForm.MatchString(c.Ref) {
		bad("ref", "%q is no reference; write up to 80 letters, digits, dots, hyphens or underscores", c.Ref)
	}
	if c.Name == "" || utf8.RuneCountInString(c.Name) > maxLine {
		bad("name", "needs a name of at most %d characters", maxLine)
	}
	if !slices.Contains(Kinds(), c.Kind) {
		bad("kind", "%q is no kind; write one of %s", c.Kind, list(Kinds()))
	}
	if !slices.Contains(Designations(), c.Designation) {
		bad("designation", "%q is no designation; write one of %s", c.Designation, list(Designations()))
	}
	if c.Sector != "" && !sectorForm.MatchString(c.Sector) {
		bad("sector", "%q is no sector id; write small letters, digits and hyphens", c.Sector)
	}
	checkLanguage(c.Language, bad)
	if utf8.RuneCountInString(c.Note) > maxNote {
		bad("note", "is longer than %d characters", maxNote)
	}
	checkPeriod(c.ValidFrom, c.ValidUntil, bad)
}

func checkLanguage(l string, bad wrong) {
	if l != "" && !languageForm.MatchString(l) {
		bad("language", "%q is no language tag like \"sr\" or \"en\"", l)
	}
}

func checkPeriod(from, until Day, bad wrong) {
	if from < 0 || until > Open {
		bad("valid_from", "is out of range")
	}
	if until < from {
		bad("valid_until", "%s is before valid_from %s", until, from)
	}
}

func (c *Contact) clean(bad wrong) {
	c.Role, c.Name, c.Mail, c.Phone, c.Language = line(c.Role), line(c.Name), line(c.Mail), line(c.Phone), line(c.Language)
	if c.Role == "" {
		c.Role = "other"
	}
	if !slices.Contains(Roles(), c.Role) {
		bad("role", "%q is no role; write one of %s", c.Role, list(Roles()))
	}
	if c.Mail == "" && c.Phone == "" {
		bad("mail", "needs a mail address or a phone number")
	}
	if c.Mail != "" {
		if a, err := mail.ParseAddress(c.Mail); err != nil || a.Address != c.Mail || len(c.Mail) > 254 {
			bad("mail", "%q is no mail address", c.Mail)
		}
	}
	if c.Phone != "" && !phoneForm.MatchString(c.Phone) {
		bad("phone", "%q is no phone number", c.Phone)
	}
	if utf8.RuneCountInString(c.Name) > maxLine {
		bad("name", "is longer than %d characters", maxLine)
	}
	checkLanguage(c.Language, bad)
	label, err := tlp.Parse(c.Clearance)
	if err != nil {
		bad("clearance", "%v", err)
	}
	c.Clearance = label.String()
	c.cleanKeys(bad)
	checkPeriod(c.ValidFrom, c.ValidUntil, bad)
}

func (a *Asset) clean(bad wrong) {
	v, err := Canonical(a.Kind, a.Value)
	if err != nil {
		field := "value"
		if !slices.Contains(AssetKinds(), a.Kind) {
			field = "kind"
		}
		bad(field, "%v", err)
		return
	}
	a.Value = v
	checkPeriod(a.ValidFrom, a.ValidUntil, bad)
}
