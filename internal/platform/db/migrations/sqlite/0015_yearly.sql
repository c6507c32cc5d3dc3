-- +goose Up
-- Statistics of all incidents of a year, as operators return them, and the register of special CERTs.

CREATE TABLE yearly_return (
  id           INTEGER PRIMARY KEY,
  year         BIGINT NOT NULL,
  constituent  BIGINT NOT NULL,
  state        TEXT NOT NULL,    -- draft, submitted
  no_incidents INTEGER NOT NULL, -- there were no incidents
  downtime     BIGINT NOT NULL,  -- minutes
  cost         BIGINT NOT NULL,  -- whole units of the currency; -1: not said
  currency     TEXT NOT NULL,
  note         TEXT NOT NULL,
  submitted    BIGINT NOT NULL,  -- 0: not yet
  submitted_by TEXT NOT NULL,
  changed      BIGINT NOT NULL,
  changed_by   TEXT NOT NULL,
  version      BIGINT NOT NULL,
  UNIQUE (year, constituent)
);
CREATE INDEX yearly_return_constituent ON yearly_return (constituent, year);

CREATE TABLE yearly_count (
  return_id BIGINT NOT NULL,
  class     TEXT NOT NULL,       -- RSIT
  severity  INTEGER NOT NULL,    -- 0 unrated, 1 info … 5 critical
  incidents BIGINT NOT NULL,
  PRIMARY KEY (return_id, class, severity)
);

-- What a return said before it was corrected.
CREATE TABLE yearly_correction (
  id        INTEGER PRIMARY KEY,
  return_id BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  name      TEXT NOT NULL,
  reason    TEXT NOT NULL,
  earlier   TEXT NOT NULL        -- JSON
);
CREATE INDEX yearly_correction_return ON yearly_correction (return_id, id);

CREATE TABLE yearly_reminder (
  year        BIGINT NOT NULL,
  constituent BIGINT NOT NULL,
  kind        TEXT NOT NULL,     -- open, soon, late
  at          BIGINT NOT NULL,
  letters     BIGINT NOT NULL,
  PRIMARY KEY (year, constituent, kind)
);

CREATE TABLE special_cert (
  id           INTEGER PRIMARY KEY,
  name         TEXT NOT NULL,
  organisation TEXT NOT NULL,    -- whose CERT it is
  scope        TEXT NOT NULL,    -- whom it serves
  mail         TEXT NOT NULL,
  phone        TEXT NOT NULL,
  website      TEXT NOT NULL,
  rfc2350      TEXT NOT NULL,    -- URL of its description
  fingerprint  TEXT NOT NULL,    -- of the public key
  public_key   TEXT NOT NULL,
  note         TEXT NOT NULL,    -- for the staff
  approved     INTEGER NOT NULL, -- the contact data may be published
  approval     TEXT NOT NULL,    -- who allowed it, and how
  since        BIGINT NOT NULL,  -- day
  until        BIGINT NOT NULL,  -- day, the first on which it is none any more
  changed      BIGINT NOT NULL,
  changed_by   TEXT NOT NULL,
  version      BIGINT NOT NULL
);
CREATE INDEX special_cert_name ON special_cert (name, id);

-- +goose Down
DROP TABLE special_cert;
DROP TABLE yearly_reminder;
DROP TABLE yearly_correction;
DROP TABLE yearly_count;
DROP TABLE yearly_return;
