-- +goose Up
-- Who is told what about findings, when, and what they answered. Times are UTC microseconds, days are days since 1970-01-01.

CREATE TABLE digest_policy (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL,            -- 0: any
  sector      TEXT NOT NULL,              -- '': any
  type        TEXT NOT NULL,              -- name of a report type; '': any
  severity    INTEGER NOT NULL,           -- -1: any
  frequency   TEXT NOT NULL,              -- immediate, daily, weekly, none
  reason      TEXT NOT NULL,
  at          BIGINT NOT NULL,
  actor       TEXT NOT NULL,
  name        TEXT NOT NULL
);
CREATE UNIQUE INDEX digest_policy_case ON digest_policy (constituent, sector, type, severity);

-- What is not told for a time. It is stored and counted all the same.
CREATE TABLE digest_suppression (
  id        INTEGER PRIMARY KEY,
  kind      TEXT NOT NULL,                -- constituent, prefix, asn, type, feed
  value     TEXT NOT NULL,
  day_from  BIGINT NOT NULL,
  day_until BIGINT NOT NULL,              -- the last day
  reason    TEXT NOT NULL,
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  name      TEXT NOT NULL,
  ended_at  BIGINT NOT NULL,              -- 0: nobody ended it early
  ended_by  TEXT NOT NULL
);
CREATE INDEX digest_suppression_until ON digest_suppression (day_until, id);

-- How a constituent wants to be told; who has no row is told as the nation is.
CREATE TABLE digest_setting (
  constituent BIGINT PRIMARY KEY,
  zone        TEXT NOT NULL,              -- IANA name; '': the nation's
  weekdays    INTEGER NOT NULL,           -- bit 0 is Sunday; 0: Monday to Friday
  hour        INTEGER NOT NULL,           -- local; -1: 8
  frequency   TEXT NOT NULL,              -- daily or weekly in place of what is less urgent than at once; '': as policies say
  channel     TEXT NOT NULL,              -- mail, none
  at          BIGINT NOT NULL,
  actor       TEXT NOT NULL
) WITHOUT ROWID;

-- A feed's first intake is known and never told: what came until this day in the first day of its life here.
CREATE TABLE digest_feed (
  feed        TEXT PRIMARY KEY,
  since       BIGINT NOT NULL,
  known_until BIGINT NOT NULL
) WITHOUT ROWID;

-- Which state of a report type the directives were made from.
CREATE TABLE digest_type (
  type    BIGINT PRIMARY KEY,
  version BIGINT NOT NULL,
  rules   BIGINT NOT NULL,
  day     BIGINT NOT NULL
) WITHOUT ROWID;

-- What is to be told of a finding to a recipient, and what was. One at a time for each pair.
CREATE TABLE digest_directive (
  finding     BLOB NOT NULL,
  constituent BIGINT NOT NULL,
  owner       BIGINT NOT NULL,            -- of the finding; another one than the recipient for a copy
  severity    INTEGER NOT NULL,
  since       BIGINT NOT NULL,            -- day: theirs and open without a break
  state       TEXT NOT NULL,              -- waiting, told, known, silent, suppressed
  presence    TEXT NOT NULL,              -- open, gone, ruled, left
  gone_day    BIGINT NOT NULL,            -- -1: not gone
  gone_at     BIGINT NOT NULL,
  rule        TEXT NOT NULL,              -- what decided: policy:3, default:high, suppression:2, backlog
  frequency   TEXT NOT NULL,
  pending     TEXT NOT NULL,              -- new, again, gone; '': nothing
  due         BIGINT NOT NULL,            -- 0: nothing is pending
  told_at     BIGINT NOT NULL,            -- of this stretch; 0: not
  message     BIGINT NOT NULL,            -- that told it first; 0
  answer      TEXT NOT NULL,              -- the latest; '': none
  answered_at BIGINT NOT NULL,
  fixed_at    BIGINT NOT NULL,            -- when first said to be fixed; 0
  PRIMARY KEY (finding, constituent)
) WITHOUT ROWID;
CREATE INDEX digest_directive_due ON digest_directive (constituent, due) WHERE due > 0;
CREATE INDEX digest_directive_state ON digest_directive (presence, state, rule);
CREATE INDEX digest_directive_constituent ON digest_directive (constituent, state, presence);

CREATE TABLE digest_message (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  frequency   TEXT NOT NULL,              -- immediate, daily, weekly: the most urgent in it
  period      TEXT NOT NULL,              -- 2026-11-25
  day_from    BIGINT NOT NULL,            -- report days of the rows that are attached
  day_until   BIGINT NOT NULL,
  fresh       BIGINT NOT NULL,
  still       BIGINT NOT NULL,
  gone        BIGINT NOT NULL,
  letters     BIGINT NOT NULL,            -- to how many addresses
  ticket      TEXT NOT NULL,
  secret      TEXT NOT NULL,              -- sealed: of the answer link
  token       BLOB NOT NULL,            -- SHA-256 of the answer link's secret
  expires     BIGINT NOT NULL,
  revoked_at  BIGINT NOT NULL,            -- 0: not
  revoked_by  TEXT NOT NULL
);
CREATE INDEX digest_message_constituent ON digest_message (constituent, id);
CREATE UNIQUE INDEX digest_message_token ON digest_message (token);

CREATE TABLE digest_item (
  message BIGINT NOT NULL REFERENCES digest_message (id),
  finding BLOB NOT NULL,
  what    TEXT NOT NULL,                  -- new, again, gone
  PRIMARY KEY (message, finding)
) WITHOUT ROWID;
CREATE INDEX digest_item_finding ON digest_item (finding, message);

-- What recipients answered; never changed. A claim that something is not theirs is decided by an analyst.
CREATE TABLE digest_answer (
  id          INTEGER PRIMARY KEY,
  at          BIGINT NOT NULL,
  constituent BIGINT NOT NULL,
  message     BIGINT NOT NULL,            -- 0: from the portal without one
  answer      TEXT NOT NULL,              -- seen, fixed, not-ours, help
  note        TEXT NOT NULL,
  findings    BIGINT NOT NULL,
  via         TEXT NOT NULL,              -- link, portal
  actor       TEXT NOT NULL,
  name        TEXT NOT NULL,
  state       TEXT NOT NULL,              -- '' or of a claim: open, approved, refused
  decided_at  BIGINT NOT NULL,
  decided_by  TEXT NOT NULL,
  decision    TEXT NOT NULL               -- why, or the right constituent
);
CREATE INDEX digest_answer_constituent ON digest_answer (constituent, id);
CREATE INDEX digest_answer_message ON digest_answer (message, id);
CREATE INDEX digest_answer_state ON digest_answer (state, id) WHERE state <> '';

CREATE TABLE digest_answer_item (
  answer  BIGINT NOT NULL REFERENCES digest_answer (id),
  finding BLOB NOT NULL,
  PRIMARY KEY (answer, finding)
) WITHOUT ROWID;
CREATE INDEX digest_answer_item_finding ON digest_answer_item (finding, answer);

-- +goose Down
