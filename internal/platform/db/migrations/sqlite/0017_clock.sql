-- +goose Up
-- What a law asks for, as the nation's profile had it when it was first asked. Nothing of it is changed.
CREATE TABLE clock_law (
  id     INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  body   TEXT NOT NULL,           -- JSON
  at     BIGINT NOT NULL
);

-- The laws that were looked at for a report when it was received, or for a constituent of a case; whether each asks for something.
CREATE TABLE clock_duty (
  id          INTEGER PRIMARY KEY,
  report      BIGINT NOT NULL,    -- 0: begun by hand
  origin      BIGINT NOT NULL,    -- case in which it was begun by hand; 0
  case_id     BIGINT NOT NULL,    -- that it belongs to; 0: none yet
  constituent BIGINT NOT NULL,    -- who owes
  law         BIGINT NOT NULL,
  designation TEXT NOT NULL,      -- of the constituent, as it was
  aware       BIGINT NOT NULL,
  applies     INTEGER NOT NULL,
  why         TEXT NOT NULL,      -- the circumstance that decides
  UNIQUE (report, origin, constituent, law)
);
CREATE INDEX clock_duty_case ON clock_duty (case_id, id);

CREATE TABLE clock (
  id           INTEGER PRIMARY KEY,
  duty         BIGINT NOT NULL,
  report       BIGINT NOT NULL,
  case_id      BIGINT NOT NULL,
  constituent  BIGINT NOT NULL,
  law          BIGINT NOT NULL,
  regime       TEXT NOT NULL,
  edition      TEXT NOT NULL,     -- the day from which the law held
  step         TEXT NOT NULL,
  owed         TEXT NOT NULL,     -- entity, cert
  cause        TEXT NOT NULL,     -- aware, or the step whose report started it
  triggered    BIGINT NOT NULL,
  started      BIGINT NOT NULL,   -- when it was written down
  due          BIGINT NOT NULL,
  alarms       TEXT NOT NULL,     -- JSON: what happens when, in order
  stage        INTEGER NOT NULL,  -- how many of them happened
  next         BIGINT NOT NULL,   -- when the next one happens; 0: none
  state        TEXT NOT NULL,     -- running, late, submitted, waived, ended
  live         INTEGER NOT NULL,  -- 1: running or late
  late         BIGINT NOT NULL,   -- when its lateness was noted; 0
  submitted    BIGINT NOT NULL,   -- when the report was there; 0
  submitted_by TEXT NOT NULL,     -- report:3, addition:7, hand
  proof        TEXT NOT NULL,
  decided      BIGINT NOT NULL,   -- when it was submitted, waived or ended, as written down; 0
  decided_by   TEXT NOT NULL,
  reason       TEXT NOT NULL,     -- of a waiver, or the circumstance that ended it
  UNIQUE (duty, step)
);
CREATE INDEX clock_next ON clock (next, id);
CREATE INDEX clock_live ON clock (live, due, id);
CREATE INDEX clock_report ON clock (report, id);
CREATE INDEX clock_case ON clock (case_id, id);
CREATE INDEX clock_constituent ON clock (constituent, live, due, id);

-- Reminders, lateness and escalations that happened. The console shows those that nobody has seen.
CREATE TABLE clock_alarm (
  id        INTEGER PRIMARY KEY,
  clock     BIGINT NOT NULL,
  n         INTEGER NOT NULL,     -- its place among the clock's alarms
  kind      TEXT NOT NULL,        -- remind, late, escalate
  planned   BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  letters   INTEGER NOT NULL,
  overtaken INTEGER NOT NULL,     -- 1: the next one was due as well, and was told instead
  seen      BIGINT NOT NULL,      -- 0: not yet
  seen_by   TEXT NOT NULL,
  UNIQUE (clock, n)
);
CREATE INDEX clock_alarm_seen ON clock_alarm (seen, id);

-- Whether an incident is significant in the law's sense, where people say so.
CREATE TABLE clock_ruling (
  report      BIGINT NOT NULL,    -- 0: of a case
  case_id     BIGINT NOT NULL,    -- 0: of a report
  significant INTEGER NOT NULL,
  reason      TEXT NOT NULL,
  at          BIGINT NOT NULL,
  name        TEXT NOT NULL,
  PRIMARY KEY (report, case_id)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE clock_ruling;
DROP TABLE clock_alarm;
DROP TABLE clock;
DROP TABLE clock_duty;
DROP TABLE clock_law;
