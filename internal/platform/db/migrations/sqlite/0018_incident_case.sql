-- +goose Up
-- What the staff works with: lists of reports and cases in the orders that pages show.

CREATE INDEX incident_report_received ON incident_report (received, id);
CREATE INDEX incident_case_severity ON incident_case (severity, id);
CREATE INDEX incident_case_changed ON incident_case (changed, id);
CREATE INDEX incident_case_opened ON incident_case (opened, id);

-- What reports and cases are found by: every word that was said of them.
CREATE TABLE incident_word (
  kind INTEGER NOT NULL,             -- 1 of a report, 2 of a case
  word TEXT NOT NULL,
  id   BIGINT NOT NULL,
  PRIMARY KEY (kind, word, id)
) WITHOUT ROWID;

CREATE TABLE incident_task (
  id            INTEGER PRIMARY KEY,
  case_id       BIGINT NOT NULL,
  title         TEXT NOT NULL,
  assignee      BIGINT NOT NULL,     -- account; 0
  assignee_name TEXT NOT NULL,
  due           BIGINT NOT NULL,     -- 0: no day
  done          BIGINT NOT NULL,     -- 0: not yet
  done_by       TEXT NOT NULL,
  created       BIGINT NOT NULL,
  name          TEXT NOT NULL        -- of who wrote it down
);
CREATE INDEX incident_task_case ON incident_task (case_id, id);
CREATE INDEX incident_task_open ON incident_task (done, due, id);

-- What stands in the texts of a case, and what people say of it.
CREATE TABLE incident_indicator (
  case_id BIGINT NOT NULL,
  type    TEXT NOT NULL,
  value   TEXT NOT NULL,             -- in its normal form
  verdict TEXT NOT NULL,             -- proposed, confirmed, refused
  source  TEXT NOT NULL,             -- report:1, entry:7, file:3, hand
  at      BIGINT NOT NULL,
  name    TEXT NOT NULL,             -- of who gave the verdict; ''
  PRIMARY KEY (case_id, type, value)
) WITHOUT ROWID;
CREATE INDEX incident_indicator_value ON incident_indicator (value, case_id);

CREATE TABLE incident_link (
  case_id BIGINT NOT NULL,
  object  TEXT NOT NULL,             -- finding:…, case:…
  title   TEXT NOT NULL,
  at      BIGINT NOT NULL,
  name    TEXT NOT NULL,
  PRIMARY KEY (case_id, object)
) WITHOUT ROWID;
CREATE INDEX incident_link_object ON incident_link (object, case_id);

-- Who from outside takes part in a case, and which of its files they may take.
CREATE TABLE incident_participant (
  case_id  BIGINT NOT NULL,
  account  BIGINT NOT NULL,
  name     TEXT NOT NULL,
  until    BIGINT NOT NULL,
  note     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  by_name  TEXT NOT NULL,            -- of who invited them
  ended    BIGINT NOT NULL,          -- 0: not before its time
  ended_by TEXT NOT NULL,
  PRIMARY KEY (case_id, account)
) WITHOUT ROWID;
CREATE INDEX incident_participant_account ON incident_participant (account, case_id);

CREATE TABLE incident_share (
  case_id BIGINT NOT NULL,
  file    BIGINT NOT NULL,
  PRIMARY KEY (case_id, file)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE incident_share;
DROP TABLE incident_participant;
DROP TABLE incident_link;
DROP TABLE incident_indicator;
DROP TABLE incident_task;
DROP TABLE incident_word;
DROP INDEX incident_case_opened;
DROP INDEX incident_case_changed;
DROP INDEX incident_case_severity;
DROP INDEX incident_report_received;
