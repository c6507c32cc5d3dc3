package notify

import "regexp"

// concealed stands where a secret does, in what people are shown.
const concealed = "…"

// Conceal has what a pattern finds shown to nobody here: the links and codes by which the reader of a letter speaks for themselves. The first
// group of the pattern stays, so that people see what stood there. What leaves has it all: only the mail server and its reader get it. A
// pattern holds for all kinds: the secrets of one come back in the messages that quote it, and in the answers to them. Call it before Work.
func (o *Outbox) Conceal(p *regexp.Regexp) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secrets = append(o.secrets, p)
}

// Concealed is a text as people here may read it.
func (o *Outbox) Concealed(s string) string {
	o.mu.Lock()
	ps := o.secrets
	o.mu.Unlock()
	for _, p := range ps {
		s = p.ReplaceAllString(s, "${1}"+concealed)
	}
	return s
}

// shown is a content as people here may read it. Files stay as they are.
func (o *Outbox) shown(c *Content) *Content {
	c.Subject, c.Text, c.HTML = o.Concealed(c.Subject), o.Concealed(c.Text), o.Concealed(c.HTML)
	return c
}
