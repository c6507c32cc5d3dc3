-- +goose Up
-- What may leave past the rules, who belongs to which community, and what left.

CREATE TABLE circle (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,   -- what markings name: "energy-eu"
  title   TEXT NOT NULL
);

CREATE TABLE circle_member (
  circle  BIGINT NOT NULL REFERENCES circle (id),
  subject TEXT NOT NULL,          -- "constituent:7", "person:12", "service:4"
  name    TEXT NOT NULL,
  since   BIGINT NOT NULL,
  PRIMARY KEY (circle, subject)
) WITHOUT ROWID;
CREATE INDEX circle_member_subject ON circle_member (subject);

CREATE TABLE override_request (
  id                INTEGER PRIMARY KEY,
  item              TEXT NOT NULL,   -- "finding:12"
  recipient         TEXT NOT NULL,   -- "constituent:7", "person:12"
  channel           TEXT NOT NULL,
  reason            TEXT NOT NULL,
  hours             INTEGER NOT NULL,          -- how long it is to hold once it is approved
  emergency         INTEGER NOT NULL,
  state             TEXT NOT NULL,   -- requested, approved, refused, ended
  requested_at      BIGINT NOT NULL,
  requested_by      TEXT NOT NULL,
  requested_name    TEXT NOT NULL,
  requested_account BIGINT NOT NULL,           -- 0 without: a token of the requester is the requester
  decided_at        BIGINT NOT NULL,           -- 0: not yet
  decided_by        TEXT NOT NULL,
  decided_name      TEXT NOT NULL,
  decision          TEXT NOT NULL,   -- why it was refused
  expires           BIGINT NOT NULL,           -- 0 until it is approved
  review_due        BIGINT NOT NULL,           -- 0: none
  reviewed_at       BIGINT NOT NULL,
  reviewed_by       TEXT NOT NULL,
  reviewed_name     TEXT NOT NULL,
  justified         INTEGER NOT NULL,
  review            TEXT NOT NULL
);
CREATE INDEX override_request_live ON override_request (recipient, channel, state, expires);
CREATE INDEX override_request_review ON override_request (reviewed_at, review_due);

-- One row for every push, poll, download and export; one for all views of a page by a session on a day.
CREATE TABLE egress_ledger (
  id        INTEGER PRIMARY KEY,
  sum_key   TEXT UNIQUE,             -- of views that are summed up; NULL for all others
  at        BIGINT NOT NULL,                   -- of the first view
  last      BIGINT NOT NULL,                   -- of the last one
  recipient TEXT NOT NULL,
  name      TEXT NOT NULL,
  kind      TEXT NOT NULL,           -- of recipient
  channel   TEXT NOT NULL,
  session   BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  rules     TEXT NOT NULL,           -- JSON: those that let the items through
  objects   TEXT NOT NULL,           -- the items' kinds: "contact finding"
  views     BIGINT NOT NULL,
  items     BIGINT NOT NULL,
  withheld  BIGINT NOT NULL,
  why       TEXT NOT NULL,           -- JSON: rule → how many it withheld
  highest   INTEGER NOT NULL,                  -- format/tlp
  refs      TEXT NOT NULL,           -- JSON: the first items; views have none
  digest    TEXT NOT NULL            -- hex SHA-256 over all items' names, a line each; views have none
);
CREATE INDEX egress_ledger_recipient ON egress_ledger (recipient, id);
CREATE INDEX egress_ledger_at ON egress_ledger (at, id);

-- +goose Down
