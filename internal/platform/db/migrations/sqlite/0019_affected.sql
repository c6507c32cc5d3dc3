-- +goose Up
-- Who must be told of a case, what was decided about each, and what each was told.

CREATE TABLE incident_affected (
  id          INTEGER PRIMARY KEY,
  case_id     BIGINT NOT NULL,
  kind        TEXT NOT NULL,    -- entity, persons
  constituent BIGINT NOT NULL,  -- 0: not of the registry
  name        TEXT NOT NULL,    -- of an entity outside the registry, or who the persons are
  mail        TEXT NOT NULL,    -- of an entity outside the registry
  language    TEXT NOT NULL,
  source      TEXT NOT NULL,    -- hand, party, indicator, finding
  why         TEXT NOT NULL,
  persons     BIGINT NOT NULL,  -- how many; 0: unknown
  state       TEXT NOT NULL,    -- open, told, not-told
  reason      TEXT NOT NULL,    -- why nobody is told
  at          BIGINT NOT NULL,
  by_name     TEXT NOT NULL,
  decided     BIGINT NOT NULL,
  decided_by  TEXT NOT NULL,
  UNIQUE (case_id, kind, constituent, name)
);
CREATE INDEX incident_affected_constituent ON incident_affected (constituent, case_id);

-- One telling is one message to one of them, or one call. Nothing of it is changed.
CREATE TABLE incident_telling (
  id       INTEGER PRIMARY KEY,
  case_id  BIGINT NOT NULL,
  affected BIGINT NOT NULL,     -- 0: an authority got the list of all
  receiver BIGINT NOT NULL,     -- the constituent that got it; 0
  name     TEXT NOT NULL,       -- of who got it
  at       BIGINT NOT NULL,
  by_name  TEXT NOT NULL,
  channel  TEXT NOT NULL,       -- mail, phone, visit, letter, press
  address  TEXT NOT NULL,
  contact  TEXT NOT NULL,       -- why that contact: its role
  letter   BIGINT NOT NULL,     -- of the outbox; 0: it went another way
  language TEXT NOT NULL,
  tlp      INTEGER NOT NULL,
  lowered  TEXT NOT NULL,       -- why it may travel further than the case; '' it may not
  subject  TEXT NOT NULL,
  body     TEXT NOT NULL        -- what was said
);
CREATE INDEX incident_telling_case ON incident_telling (case_id, id);

-- +goose Down
DROP TABLE incident_telling;
DROP TABLE incident_affected;
