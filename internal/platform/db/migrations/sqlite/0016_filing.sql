-- +goose Up
-- The reporters' side of incidents: links, keys of programs, advice.

CREATE TABLE filing_link (
  report BIGINT PRIMARY KEY,
  secret TEXT NOT NULL        -- of the reporter's page, sealed: letters that are written later lead there
) WITHOUT ROWID;

-- Idempotency-Key: a program that asks again gets what it filed the first time.
CREATE TABLE filing_key (
  actor  TEXT NOT NULL,
  name   TEXT NOT NULL,
  report BIGINT NOT NULL,
  sha256 TEXT NOT NULL,       -- of what was asked
  at     BIGINT NOT NULL,
  PRIMARY KEY (actor, name)
) WITHOUT ROWID;
CREATE INDEX filing_key_at ON filing_key (at);

-- What the CERT advised a reporter. Nothing of it is changed.
CREATE TABLE filing_advice (
  id      INTEGER PRIMARY KEY,
  report  BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  actor   TEXT NOT NULL,
  name    TEXT NOT NULL,
  subject TEXT NOT NULL,
  body    TEXT NOT NULL,
  tlp     INTEGER NOT NULL,
  letter  BIGINT NOT NULL     -- of the outbox; 0: the reporter reads it on their page only
);
CREATE INDEX filing_advice_report ON filing_advice (report, id);

-- +goose Down
DROP TABLE filing_advice;
DROP TABLE filing_key;
DROP TABLE filing_link;
