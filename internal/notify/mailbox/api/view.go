package api

import (
	"time"

	"tocsin/internal/format/eml"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/mail/protect"
)

// Message is what came by mail.
type Message struct {
	ID          int64            `json:"id"`
	Taken       time.Time        `json:"taken"`
	Received    *time.Time       `json:"received,omitempty" doc:"By the mail server"`
	Sent        *time.Time       `json:"sent,omitempty" doc:"As the message says"`
	FromName    string           `json:"from_name,omitempty"`
	From        string           `json:"from"`
	ReplyTo     string           `json:"reply_to,omitempty"`
	Subject     string           `json:"subject"`
	Text        string           `json:"text"`
	Kind        string           `json:"kind" enum:"letter,automatic,bounce,delivery,list,own"`
	AutomaticBy string           `json:"automatic_by,omitempty" doc:"The field by which it says that no person wrote it"`
	MessageID   string           `json:"message_id,omitempty"`
	Deliveries  []eml.Delivery   `json:"deliveries,omitempty"`
	Protection  *protect.Verdict `json:"protection,omitempty" doc:"How it was encrypted and signed, and what that is worth"`
	Flaws       []eml.Flaw       `json:"flaws,omitempty" doc:"What is wrong with it, or was left out of it"`
	Ticket      string           `json:"ticket,omitempty"`
	Letter      int64            `json:"letter,omitempty" doc:"Of the outbox that it is about"`
	Constituent int64            `json:"constituent,omitempty"`
	Threaded    string           `json:"threaded,omitempty" enum:"reference,ticket,report,hand"`
	Verified    bool             `json:"verified" doc:"The sender's address is one that we write to, and our mail server does not deny it"`
	Authentic   int              `json:"authentic" enum:"-1,0,1" doc:"Whether our own mail server vouches for the sender's domain; 0: it was not asked"`
	State       string           `json:"state" enum:"waiting,open,done,dismissed"`
	Reason      string           `json:"reason,omitempty"`
	Answer      int64            `json:"answer,omitempty" doc:"The letter that answers it"`
	Size        int64            `json:"size"`
	Stored      int64            `json:"stored" doc:"Less than size: only the beginning was kept"`
	SHA256      string           `json:"sha256"`
	Files       []MessageFile    `json:"files,omitempty"`
}

// MessageFile is an attachment, or a link to a report.
type MessageFile struct {
	Number  int    `json:"number"`
	Name    string `json:"name"`
	Type    string `json:"type,omitempty"`
	URL     string `json:"url,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	Feed    string `json:"feed,omitempty"`
	State   string `json:"state" enum:"kept,queued,taken,failed"`
	Outcome string `json:"outcome,omitempty"`
}

func messageOf(m *mailbox.Message) *Message {
	out := &Message{ID: m.ID, Taken: time.UnixMicro(m.Taken).UTC(), Received: at(m.Received), Sent: at(m.Sent), FromName: m.FromName, From: m.From,
		ReplyTo: m.ReplyTo, Subject: m.Subject, Text: m.Text, Kind: string(m.Kind), AutomaticBy: m.AutomaticBy, MessageID: m.MessageID, Flaws: m.Flaws, Protection: m.Protection,
		Ticket: m.Ticket, Letter: m.Letter, Constituent: m.Constituent, Threaded: m.Threaded, Verified: m.Verified, Authentic: int(m.Authentic), State: string(m.State),
		Reason: m.Reason, Answer: m.Answer, Size: m.Size, Stored: m.Stored, SHA256: m.SHA256}
	if m.Report != nil {
		out.Deliveries = m.Report.Recipients
	}
	for _, f := range m.Files {
		out.Files = append(out.Files, MessageFile{f.Number, f.Name, f.Type, f.URL, f.Bytes, f.SHA256, f.Feed, string(f.State), f.Outcome})
	}
	return out
}

func at(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}

// Conversation is all that went to and fro under one ticket.
type Conversation struct {
	Ticket      string              `json:"ticket"`
	Subject     string              `json:"subject"`
	Constituent int64               `json:"constituent,omitempty"`
	Entries     []ConversationEntry `json:"entries" nullable:"false"`
}

// ConversationEntry is a letter of ours or a message of theirs.
type ConversationEntry struct {
	At      time.Time   `json:"at"`
	Letter  *SentLetter `json:"letter,omitempty"`
	Message *Message    `json:"message,omitempty"`
}

// SentLetter is a letter of ours.
type SentLetter struct {
	ID      int64  `json:"id"`
	State   string `json:"state"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text,omitempty"`
}

func conversationOf(c *mailbox.Conversation) *Conversation {
	out := &Conversation{Ticket: c.Ticket, Subject: c.Subject, Constituent: c.Constituent, Entries: []ConversationEntry{}}
	for _, e := range c.Entries {
		v := ConversationEntry{At: time.UnixMicro(e.At).UTC()}
		if e.Message != nil {
			v.Message = messageOf(e.Message)
		} else {
			v.Letter = &SentLetter{e.Letter.ID, string(e.Letter.State), e.Letter.To, e.Letter.Subject, e.Text}
		}
		out.Entries = append(out.Entries, v)
	}
	return out
}

// Overview is how the mailbox stands.
type Overview struct {
	Waiting   int64     `json:"waiting"`
	Open      int64     `json:"open"`
	Done      int64     `json:"done"`
	Dismissed int64     `json:"dismissed"`
	Mailboxes []Mailbox `json:"mailboxes" nullable:"false"`
}

// Mailbox is how the reading of a mailbox goes.
type Mailbox struct {
	Name    string     `json:"name"`
	Looked  *time.Time `json:"looked,omitempty"`
	Trouble string     `json:"trouble,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Taken   int64      `json:"taken"`
}

func overviewOf(c mailbox.Counts, ss []mailbox.Status) *Overview {
	out := &Overview{c.Waiting, c.Open, c.Done, c.Dismissed, []Mailbox{}}
	for _, s := range ss {
		out.Mailboxes = append(out.Mailboxes, Mailbox{s.Name, at(s.Looked), s.Trouble, at(s.Since), s.Taken})
	}
	return out
}
