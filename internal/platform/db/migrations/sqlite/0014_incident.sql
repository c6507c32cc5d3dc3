-- +goose Up
-- A report stays what the reporter said; a case is what the CERT makes of it.

CREATE TABLE incident_report (
  id           INTEGER PRIMARY KEY,
  number       TEXT NOT NULL UNIQUE, -- on the receipt; it cannot be guessed
  secret       BLOB UNIQUE,          -- hash of the secret of the reporter's link; NULL without one
  origin       TEXT NOT NULL,        -- portal, public, rest, mail, staff, partner
  state        TEXT NOT NULL,        -- draft, unconfirmed, received, rejected, duplicate, merged, accepted
  constituent  BIGINT NOT NULL,      -- whose report it is; 0
  account      BIGINT NOT NULL,      -- that handed it in; 0
  name         TEXT NOT NULL,        -- of the reporter
  organisation TEXT NOT NULL,
  mail         TEXT NOT NULL,
  phone        TEXT NOT NULL,
  language     TEXT NOT NULL,
  title        TEXT NOT NULL,
  body         TEXT NOT NULL,
  guess        TEXT NOT NULL,        -- RSIT type, as the reporter sees it; ''
  details      TEXT NOT NULL,        -- JSON
  tlp          INTEGER NOT NULL,
  happened     BIGINT NOT NULL,      -- 0: unknown
  aware        BIGINT NOT NULL,      -- when the reporter became aware
  reported     BIGINT NOT NULL,      -- when it was sent, or said
  received     BIGINT NOT NULL,      -- when Tocsin had it; of a draft when it began
  receipted    BIGINT NOT NULL,      -- 0: not yet
  step         TEXT NOT NULL,        -- the statutory step that it takes, as the reporter says; ''
  sha256       TEXT NOT NULL,        -- of what was handed in; '' of a draft
  case_id      BIGINT NOT NULL,
  same_as      BIGINT NOT NULL,      -- the report that it repeats
  decided      BIGINT NOT NULL,
  decided_by   TEXT NOT NULL,
  reason       TEXT NOT NULL,
  version      BIGINT NOT NULL
);
CREATE INDEX incident_report_state ON incident_report (state, received, id);
CREATE INDEX incident_report_constituent ON incident_report (constituent, id);
CREATE INDEX incident_report_case ON incident_report (case_id, id);

-- What a reporter said later. Nothing of it is changed.
CREATE TABLE incident_addition (
  id      INTEGER PRIMARY KEY,
  report  BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  via     TEXT NOT NULL,             -- portal, link, rest, mail, staff
  actor   TEXT NOT NULL,
  name    TEXT NOT NULL,
  step    TEXT NOT NULL,
  body    TEXT NOT NULL,
  details TEXT NOT NULL,             -- JSON; ''
  sha256  TEXT NOT NULL
);
CREATE INDEX incident_addition_report ON incident_addition (report, id);

CREATE TABLE incident_year (
  year BIGINT PRIMARY KEY,
  last BIGINT NOT NULL               -- number of a case
);

CREATE TABLE incident_case (
  id           INTEGER PRIMARY KEY,
  number       TEXT NOT NULL UNIQUE, -- 2026-0042
  title        TEXT NOT NULL,
  summary      TEXT NOT NULL,
  state        TEXT NOT NULL,        -- open, containment, eradication, recovery, resolved, closed, merged
  class        TEXT NOT NULL,        -- RSIT
  type         TEXT NOT NULL,
  edition      TEXT NOT NULL,        -- of the taxonomy
  impact       TEXT NOT NULL,        -- of the nation's matrix; ''
  reach        TEXT NOT NULL,
  severity     INTEGER NOT NULL,     -- 0 unrated, 1 info … 5 critical
  tlp          INTEGER NOT NULL,
  pap          INTEGER NOT NULL,
  cross_border INTEGER NOT NULL,
  personal     INTEGER NOT NULL,     -- personal data is concerned
  lead         BIGINT NOT NULL,      -- account; 0
  lead_name    TEXT NOT NULL,
  aware        BIGINT NOT NULL,      -- of its first report
  opened       BIGINT NOT NULL,
  changed      BIGINT NOT NULL,
  resolved     BIGINT NOT NULL,      -- 0: it is not
  closed       BIGINT NOT NULL,
  reopened     BIGINT NOT NULL,      -- how often
  merged_into  BIGINT NOT NULL,
  version      BIGINT NOT NULL
);
CREATE INDEX incident_case_state ON incident_case (state, severity, id);

-- The constituents that a case is about.
CREATE TABLE incident_party (
  case_id     BIGINT NOT NULL,
  constituent BIGINT NOT NULL,
  part        TEXT NOT NULL,         -- reporter, victim, source, helper
  at          BIGINT NOT NULL,
  name        TEXT NOT NULL,         -- of who added it
  PRIMARY KEY (case_id, constituent, part)
) WITHOUT ROWID;
CREATE INDEX incident_party_constituent ON incident_party (constituent, case_id);

-- The timeline of a case. Nothing of it is changed.
CREATE TABLE incident_entry (
  id      INTEGER PRIMARY KEY,
  case_id BIGINT NOT NULL,
  at      BIGINT NOT NULL,           -- when it happened
  written BIGINT NOT NULL,
  kind    TEXT NOT NULL,             -- note, handover, state, change, report, addition, evidence, merge, split …
  body    TEXT NOT NULL,             -- a person's words; ''
  detail  TEXT NOT NULL,             -- JSON, what the kind needs
  shared  INTEGER NOT NULL,          -- 1: participants from outside see it
  actor   TEXT NOT NULL,
  name    TEXT NOT NULL
);
CREATE INDEX incident_entry_case ON incident_entry (case_id, at, id);

-- Files as they came. They are in the data directory, named by their hash.
CREATE TABLE incident_file (
  id       INTEGER PRIMARY KEY,
  case_id  BIGINT NOT NULL,          -- 0: of a report only
  report   BIGINT NOT NULL,          -- 0: of a case only
  addition BIGINT NOT NULL,
  name     TEXT NOT NULL,
  type     TEXT NOT NULL,
  bytes    BIGINT NOT NULL,
  sha256   TEXT NOT NULL,
  path     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  actor    TEXT NOT NULL,
  by_name  TEXT NOT NULL,
  note     TEXT NOT NULL
);
CREATE INDEX incident_file_case ON incident_file (case_id, id);
CREATE INDEX incident_file_report ON incident_file (report, id);

-- Files that are being written. One whose lease is over was left by a crash, and is removed.
CREATE TABLE incident_pending (
  path  TEXT PRIMARY KEY,
  lease BIGINT NOT NULL              -- real clock
);

-- +goose Down
DROP TABLE incident_pending;
DROP TABLE incident_file;
DROP TABLE incident_entry;
DROP TABLE incident_party;
DROP TABLE incident_case;
DROP TABLE incident_year;
DROP TABLE incident_addition;
DROP TABLE incident_report;
