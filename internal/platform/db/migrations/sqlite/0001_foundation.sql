-- +goose Up
-- Times are UTC microseconds, days are days since 1970-01-01, flags 0/1. JSON is opaque text.

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
  id     INTEGER PRIMARY KEY,
  at     BIGINT NOT NULL,
  actor  TEXT NOT NULL,
  name   TEXT NOT NULL,
  verb   TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_object ON audit (object, id);

CREATE TABLE job (
  id         INTEGER PRIMARY KEY,
  kind       TEXT NOT NULL,
  uniq       TEXT NOT NULL,             -- one waiting job per (kind, uniq)
  payload    TEXT NOT NULL,
  state      TEXT NOT NULL,             -- ready, running, done, dead
  due        BIGINT NOT NULL,           -- world clock
  lease      BIGINT NOT NULL,           -- real clock; 0 when nobody holds it
  attempts   INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  created    BIGINT NOT NULL,
  finished   BIGINT NOT NULL
);
CREATE UNIQUE INDEX job_ready ON job (kind, uniq) WHERE state = 'ready';
CREATE INDEX job_running ON job (kind, uniq) WHERE state = 'running';
CREATE INDEX job_due ON job (due, id) WHERE state IN ('ready', 'running');

CREATE TABLE constituent (
  id          INTEGER PRIMARY KEY,
  ref         TEXT NOT NULL UNIQUE,     -- the nation's own name for it: "dso1", "ORG-EX1-RIPE"
  parent      BIGINT REFERENCES constituent (id),
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,            -- operator, institution, isp, sector-cert, special-cert, authority, other
  sector      TEXT NOT NULL,
  designation TEXT NOT NULL,            -- special-importance, important, other
  delegate    BIGINT REFERENCES constituent (id), -- the CERT that looks after this branch
  language    TEXT NOT NULL,
  note        TEXT NOT NULL,
  source      TEXT NOT NULL,            -- manual, automatic
  origin      TEXT NOT NULL,            -- which registry, for automatic ones
  valid_from  BIGINT NOT NULL,          -- day; 0 is always
  valid_until BIGINT NOT NULL           -- first day that is no longer valid; 9999999 is open
);
CREATE INDEX constituent_name ON constituent (name);

CREATE TABLE contact (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL REFERENCES constituent (id),
  role        TEXT NOT NULL,            -- abuse, security, technical, management, press, other
  name        TEXT NOT NULL,
  mail        TEXT NOT NULL,
  phone       TEXT NOT NULL,
  language    TEXT NOT NULL,
  keys        TEXT NOT NULL,            -- JSON list of {type, fingerprint, key}
  clearance   TEXT NOT NULL,            -- the highest TLP label
  source      TEXT NOT NULL,
  origin      TEXT NOT NULL,
  valid_from  BIGINT NOT NULL,
  valid_until BIGINT NOT NULL
);
CREATE INDEX contact_constituent ON contact (constituent, id);

CREATE TABLE asset (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL REFERENCES constituent (id),
  kind        TEXT NOT NULL,            -- address, prefix, asn, domain, product
  value       TEXT NOT NULL,            -- canonical text
  also_notify INTEGER NOT NULL,         -- wants a copy of what a more exact owner is told
  source      TEXT NOT NULL,
  origin      TEXT NOT NULL,
  valid_from  BIGINT NOT NULL,
  valid_until BIGINT NOT NULL
);
CREATE INDEX asset_constituent ON asset (constituent, id);
CREATE INDEX asset_value ON asset (kind, value);

-- The country fallback: prefixes delegated to the nation.
CREATE TABLE national_prefix (
  prefix TEXT PRIMARY KEY,
  origin TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE registry_refresh (
  id     INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  at     BIGINT NOT NULL,
  added  BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  removed BIGINT NOT NULL,
  diff   TEXT NOT NULL                  -- JSON
);

CREATE TABLE feed (
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL UNIQUE,
  format    TEXT NOT NULL,              -- shadowserver, idf, generic
  title     TEXT NOT NULL,
  marking   TEXT NOT NULL,              -- default TLP
  audience  TEXT NOT NULL,              -- owner, owner+also-notify, staff
  collector TEXT NOT NULL,              -- JSON: how files come
  settings  TEXT NOT NULL,              -- JSON: usual types, delta weekday, mapping …
  enabled   INTEGER NOT NULL
);

CREATE TABLE report_type (
  id         BIGINT PRIMARY KEY,        -- from the feed's and the type's name; the same everywhere
  feed       BIGINT NOT NULL REFERENCES feed (id),
  name       TEXT NOT NULL,
  title      TEXT NOT NULL,
  class      TEXT NOT NULL,             -- RSIT class (taxonomy)
  kind       TEXT NOT NULL,             -- RSIT type
  identifier TEXT NOT NULL,
  severity   INTEGER NOT NULL,          -- 0 unknown … 5 critical
  subject    TEXT NOT NULL,             -- service, address, name
  closing    TEXT NOT NULL,             -- snapshot, observation, manual
  known      INTEGER NOT NULL,          -- 0: flagged for a person
  first_day  BIGINT NOT NULL,           -- of its full reports; 0 before any
  last_day   BIGINT NOT NULL,
  cutoff     BIGINT NOT NULL,           -- last seen on or before it: no longer seen
  closed_on  BIGINT NOT NULL,           -- the day that moved the cutoff last
  version    BIGINT NOT NULL            -- counts the changes of its reports; the lock of intake
);
CREATE INDEX report_type_feed ON report_type (feed, name);

-- The findings that the latest full report of a type still has: what the next one is compared with.
CREATE TABLE presence (
  type BIGINT NOT NULL REFERENCES report_type (id),
  part INTEGER NOT NULL,
  ids  BLOB NOT NULL,
  PRIMARY KEY (type, part)
) WITHOUT ROWID;

CREATE TABLE feed_day (
  feed     BIGINT NOT NULL REFERENCES feed (id),
  day      BIGINT NOT NULL,
  types    INTEGER NOT NULL,            -- report types that came
  expected INTEGER NOT NULL,            -- of how many usual or listed ones
  missing  TEXT NOT NULL,               -- JSON list of the usual types that did not
  complete INTEGER NOT NULL,
  listing  TEXT NOT NULL,               -- JSON list of types by the feed's own listing, '' without one
  ruled    INTEGER NOT NULL,            -- a person said: 1 complete, 0 incomplete, -1 nobody said
  PRIMARY KEY (feed, day)
) WITHOUT ROWID;

CREATE TABLE archive (
  id       INTEGER PRIMARY KEY,
  sha256   BLOB,                        -- of the decompressed content; null while pending
  path     TEXT NOT NULL,
  size     BIGINT NOT NULL,             -- decompressed
  stored   BIGINT NOT NULL,             -- on disk
  state    TEXT NOT NULL,               -- pending, live, condemned
  lease    BIGINT NOT NULL              -- real clock
);
CREATE UNIQUE INDEX archive_sha256 ON archive (sha256) WHERE state = 'live';
CREATE INDEX archive_state ON archive (state, lease) WHERE state <> 'live';

CREATE TABLE source_file (
  id           INTEGER PRIMARY KEY,
  feed         BIGINT NOT NULL REFERENCES feed (id),
  name         TEXT NOT NULL,
  type         BIGINT REFERENCES report_type (id),
  day          BIGINT NOT NULL,
  subscription TEXT NOT NULL,
  delayed      INTEGER NOT NULL,
  delta        INTEGER NOT NULL,
  issued       BIGINT NOT NULL,         -- newness among files of one identity
  archive      BIGINT REFERENCES archive (id),
  sha256       BLOB,
  state        TEXT NOT NULL,           -- live, superseded, older, failed
  outcome      TEXT NOT NULL,           -- for people: what became of it
  bytes        BIGINT NOT NULL,
  rows         BIGINT NOT NULL,
  events       BIGINT NOT NULL,
  repeated     BIGINT NOT NULL,         -- rows another subscription had already
  rejected     BIGINT NOT NULL,
  unattributed BIGINT NOT NULL,
  received     BIGINT NOT NULL,
  actor        TEXT NOT NULL
);
CREATE UNIQUE INDEX source_file_identity ON source_file (type, day, subscription, delayed, sha256) WHERE state IN ('live', 'superseded', 'older');
CREATE INDEX source_file_day ON source_file (feed, day, id);
CREATE INDEX source_file_received ON source_file (received, id);

CREATE TABLE file_error (
  file    BIGINT NOT NULL REFERENCES source_file (id),
  seq     INTEGER NOT NULL,
  line    BIGINT NOT NULL,
  col     INTEGER NOT NULL,
  field   TEXT NOT NULL,
  reason  TEXT NOT NULL,
  PRIMARY KEY (file, seq)
) WITHOUT ROWID;

-- One day of one report type, made from its winning files. A change makes a new row and retires the old one.
CREATE TABLE report (
  id      INTEGER PRIMARY KEY,
  type    BIGINT NOT NULL REFERENCES report_type (id),
  day     BIGINT NOT NULL,
  delta   INTEGER NOT NULL,
  events  BIGINT NOT NULL,
  live    INTEGER NOT NULL
);
CREATE UNIQUE INDEX report_live ON report (type, day) WHERE live = 1;

CREATE TABLE segment (
  id      INTEGER PRIMARY KEY,
  path    TEXT NOT NULL,
  state   TEXT NOT NULL,                -- pending, live, retired, condemned
  lease   BIGINT NOT NULL,              -- real clock: pending until, retired until
  level   INTEGER NOT NULL,
  rows    BIGINT NOT NULL,
  bytes   BIGINT NOT NULL,
  day_min BIGINT NOT NULL,
  day_max BIGINT NOT NULL
);
CREATE INDEX segment_state ON segment (state, level, day_min);

CREATE TABLE segment_report (
  segment BIGINT NOT NULL REFERENCES segment (id),
  report  BIGINT NOT NULL REFERENCES report (id),
  rows    BIGINT NOT NULL,
  PRIMARY KEY (segment, report)
) WITHOUT ROWID;
CREATE INDEX segment_report_report ON segment_report (report);

-- A backup or a long query keeps what was retired since it began.
CREATE TABLE pin (
  id    INTEGER PRIMARY KEY,
  what  TEXT NOT NULL,
  lease BIGINT NOT NULL
);

CREATE TABLE explanation (
  id     INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  body   TEXT NOT NULL                  -- JSON of constituency.Verdict
);

-- id: type (4) | family (1) address (4/16/0) | port (2) | transport (1) | [digest of identifier and name (16)].
CREATE TABLE finding (
  id          BLOB PRIMARY KEY,
  type        BIGINT NOT NULL,
  address     BLOB,                     -- family byte and address
  port        INTEGER NOT NULL,         -- -1 where it is no part of the identity
  transport   TEXT NOT NULL,
  name        TEXT NOT NULL DEFAULT '',            -- the subject where it is a name
  identifier  TEXT NOT NULL DEFAULT '',            -- where it differs from the type's
  severity    INTEGER NOT NULL,
  owner       BIGINT NOT NULL,          -- 0: nobody
  explanation BIGINT NOT NULL,
  first_seen  BIGINT NOT NULL,          -- time.source of the first event
  first_day   BIGINT NOT NULL,
  run_from    BIGINT NOT NULL,          -- the latest run of reports that had it, with this owner and severity
  run_to      BIGINT NOT NULL DEFAULT 9999999,          -- 9999999: the latest report still has it
  closed_day  BIGINT NOT NULL DEFAULT -1           -- closed by a person on that day; -1 when not
) WITHOUT ROWID;
CREATE INDEX finding_gone ON finding (type, run_to, owner) WHERE run_to < 9999999;

-- Earlier runs of a finding: seen in every report from run_from to run_to.
CREATE TABLE finding_run (
  finding  BLOB NOT NULL,
  run_from BIGINT NOT NULL,
  run_to   BIGINT NOT NULL,
  owner    BIGINT NOT NULL,
  severity INTEGER NOT NULL,
  PRIMARY KEY (finding, run_from)
) WITHOUT ROWID;

CREATE TABLE daily_count (
  type        BIGINT NOT NULL,
  day         BIGINT NOT NULL,
  owner       BIGINT NOT NULL,
  events      BIGINT NOT NULL,
  fresh       BIGINT NOT NULL,          -- new
  ongoing     BIGINT NOT NULL,
  gone        BIGINT NOT NULL,          -- no longer seen
  reopened    BIGINT NOT NULL,
  transferred BIGINT NOT NULL,          -- arrived here from another owner
  handed_over BIGINT NOT NULL,          -- left here to another owner
  PRIMARY KEY (type, day, owner)
) WITHOUT ROWID;
CREATE INDEX daily_count_owner ON daily_count (owner, day);
CREATE INDEX daily_count_day ON daily_count (day);

-- +goose Down
