-- +goose Up
-- What people ruled of findings. It is kept apart from what reports say, and outlives it: a finding that a correction
-- removes and a later file brings back is still ruled.

CREATE TABLE finding_ruling (
  finding       BLOB PRIMARY KEY,
  disposition   TEXT NOT NULL,            -- '', false-positive, accepted-risk
  until         BIGINT NOT NULL,          -- the last day of an accepted risk; -1 without
  reason        TEXT NOT NULL,            -- of the disposition
  assignee      BIGINT NOT NULL,          -- an account; 0: nobody
  assignee_name TEXT NOT NULL,
  act           BIGINT NOT NULL           -- finding_act that made it so; 0: as it was before any
) WITHOUT ROWID;

-- What people did with findings, one row however many findings it was done with.
CREATE TABLE finding_act (
  id            INTEGER PRIMARY KEY,
  at            BIGINT NOT NULL,          -- world clock
  actor         TEXT NOT NULL,            -- kind:id
  name          TEXT NOT NULL,
  verb          TEXT NOT NULL,
  reason        TEXT NOT NULL,
  until         BIGINT NOT NULL,          -- of an accepted risk; -1
  assignee      BIGINT NOT NULL,
  assignee_name TEXT NOT NULL,
  constituent   BIGINT NOT NULL,          -- the right owner; 0
  filter        TEXT NOT NULL,            -- what was asked for, as in an address; '' for a choice by hand
  findings      BIGINT NOT NULL,          -- how many it was done with
  skipped       BIGINT NOT NULL,          -- how many it could not be done with
  undone_at     BIGINT NOT NULL DEFAULT 0,
  undone_by     TEXT NOT NULL DEFAULT '',
  undone_left   BIGINT NOT NULL DEFAULT 0 -- how many somebody had changed since, and so were left
);

CREATE TABLE finding_act_item (
  act     BIGINT NOT NULL,
  finding BLOB NOT NULL,
  earlier TEXT NOT NULL,                  -- JSON: what it replaced
  PRIMARY KEY (act, finding)
) WITHOUT ROWID;
CREATE INDEX finding_act_item_finding ON finding_act_item (finding, act);

CREATE TABLE finding_note (
  id           INTEGER PRIMARY KEY,
  finding      BLOB NOT NULL,
  act          BIGINT NOT NULL,
  at           BIGINT NOT NULL,
  author       TEXT NOT NULL,             -- kind:id
  name         TEXT NOT NULL,
  body         TEXT NOT NULL,
  retracted_at BIGINT NOT NULL DEFAULT 0,
  retracted_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX finding_note_finding ON finding_note (finding, id);
CREATE INDEX finding_note_act ON finding_note (act);

-- Lists that people saved: a page of the console with its query.
CREATE TABLE saved_view (
  id     INTEGER PRIMARY KEY,
  owner  BIGINT NOT NULL,                 -- an account; 0: of the command line and of machines without one
  name   TEXT NOT NULL,
  path   TEXT NOT NULL,
  query  TEXT NOT NULL,
  shared INTEGER NOT NULL DEFAULT 0,
  place  BIGINT NOT NULL                  -- among its owner's
);
CREATE INDEX saved_view_owner ON saved_view (owner, place);

-- +goose Down
