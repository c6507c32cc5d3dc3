-- +goose Up
-- The outbox: what is sent, to whom, and what became of it.

CREATE TABLE outbox_letter (
  id          INTEGER PRIMARY KEY,
  uniq        TEXT NOT NULL UNIQUE,     -- the key its composer gave it: the same key is the same letter
  kind        TEXT NOT NULL,            -- digest, invitation, receipt …
  channel     TEXT NOT NULL,            -- mail, webhook
  line        TEXT NOT NULL,            -- what it goes over: mail, webhook:7
  constituent BIGINT NOT NULL,          -- 0: none
  recipient   TEXT NOT NULL,            -- JSON: to whom it leaves, for the gate
  release     TEXT NOT NULL,            -- whose release it needs: constituent:7, address:ana@isp.example; '' needs none
  address     TEXT NOT NULL,            -- to: a mail address alone, or the name of the webhook
  destination TEXT NOT NULL,            -- domain or host that rates are kept for
  name        TEXT NOT NULL,
  language    TEXT NOT NULL,
  ticket      TEXT NOT NULL,
  object      TEXT NOT NULL,            -- what it is about: kind:id
  encrypt     INTEGER NOT NULL,         -- 1: never in clear
  payload     TEXT NOT NULL,            -- for its composer
  subject     TEXT NOT NULL,            -- once it is composed
  state       TEXT NOT NULL,            -- queued, rendered, held, handed-over, answered, bounced, dead, cancelled
  hold        TEXT NOT NULL,            -- why it is held: release, encryption, gate
  reason      TEXT NOT NULL,            -- the last trouble, or why it was cancelled
  due         BIGINT NOT NULL,          -- world clock
  lease       BIGINT NOT NULL,          -- real clock; 0: nobody has it
  holder      TEXT NOT NULL,            -- who has it
  attempts    INTEGER NOT NULL,         -- hand-overs that were begun
  created     BIGINT NOT NULL,
  rendered    BIGINT NOT NULL,          -- 0: not yet
  first_try   BIGINT NOT NULL,
  handed      BIGINT NOT NULL,
  settled     BIGINT NOT NULL,          -- when it was answered, bounced, given up or cancelled
  message_id  TEXT NOT NULL,            -- in angle brackets; of a webhook its webhook-id
  bytes       BIGINT NOT NULL,          -- as it is handed over
  sha256      TEXT NOT NULL,            -- of that
  ledger      BIGINT NOT NULL           -- the row of the egress ledger; 0 before the first hand-over
);
CREATE INDEX outbox_letter_due ON outbox_letter (due, id) WHERE state IN ('queued', 'rendered');
CREATE INDEX outbox_letter_state ON outbox_letter (state, id);
CREATE INDEX outbox_letter_constituent ON outbox_letter (constituent, id);
CREATE INDEX outbox_letter_message ON outbox_letter (message_id);
CREATE INDEX outbox_letter_ticket ON outbox_letter (ticket, id);
CREATE INDEX outbox_letter_held ON outbox_letter (release, id) WHERE state = 'held';

CREATE TABLE outbox_content (
  letter  BIGINT PRIMARY KEY,
  content BLOB NOT NULL                 -- zstd over JSON: subject, texts, attachments, markings
);

CREATE TABLE outbox_message (
  letter  BIGINT PRIMARY KEY,
  message BLOB NOT NULL                 -- of what was protected: what is handed over, byte for byte; gone after the hand-over
);

CREATE TABLE outbox_release (
  recipient TEXT PRIMARY KEY,
  at        BIGINT NOT NULL,
  subject   TEXT NOT NULL,              -- who released it
  name      TEXT NOT NULL
);

CREATE TABLE outbox_switch (
  id      INTEGER PRIMARY KEY,          -- 1
  sending INTEGER NOT NULL,
  reason  TEXT NOT NULL,
  at      BIGINT NOT NULL,
  subject TEXT NOT NULL,
  name    TEXT NOT NULL
);
INSERT INTO outbox_switch (id, sending, reason, at, subject, name) VALUES (1, 0, '', 0, '', '');

CREATE TABLE outbox_line (
  name     TEXT PRIMARY KEY,            -- mail, webhook:7
  since    BIGINT NOT NULL,             -- world clock: out of order since
  next     BIGINT NOT NULL,             -- tried again then
  failures INTEGER NOT NULL,
  reason   TEXT NOT NULL
);

CREATE TABLE contact_health (
  address      TEXT PRIMARY KEY,        -- lower case, or webhook:7
  failures     INTEGER NOT NULL,        -- for good, one after the other
  last_failure BIGINT NOT NULL,
  reason       TEXT NOT NULL,
  last_success BIGINT NOT NULL,
  sent         BIGINT NOT NULL
);
CREATE INDEX contact_health_failures ON contact_health (failures, address);

CREATE TABLE webhook (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL,
  name        TEXT NOT NULL,
  url         TEXT NOT NULL,
  secret      TEXT NOT NULL,            -- sealed
  kinds       TEXT NOT NULL,            -- JSON: the kinds of letter it takes; empty: all
  enabled     INTEGER NOT NULL,
  created     BIGINT NOT NULL
);
CREATE INDEX webhook_constituent ON webhook (constituent, id);

-- +goose Down
DROP TABLE webhook;
DROP TABLE contact_health;
DROP TABLE outbox_line;
DROP TABLE outbox_switch;
DROP TABLE outbox_release;
DROP TABLE outbox_message;
DROP TABLE outbox_content;
DROP TABLE outbox_letter;
