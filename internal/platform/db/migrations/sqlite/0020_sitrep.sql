-- +goose Up
-- Situation reports. One that was approved is not changed any more: what follows is another edition of the same number.
CREATE TABLE sitrep (
  id           INTEGER PRIMARY KEY,
  year         INTEGER NOT NULL,
  serial       INTEGER NOT NULL,  -- in its year
  edition      INTEGER NOT NULL,  -- from 1
  replaces     BIGINT NOT NULL,   -- the edition that it corrects; 0: none
  slot         BIGINT UNIQUE,     -- of a draft what it replaces: there is one draft of each, and one new one; NULL: no draft any more
  day          BIGINT NOT NULL,   -- of the nation's calendar, on which it was drafted
  since        BIGINT NOT NULL,
  until        BIGINT NOT NULL,
  tlp          INTEGER NOT NULL,
  state        TEXT NOT NULL,     -- draft, approved, replaced, withdrawn
  body         TEXT NOT NULL,     -- JSON: languages, figures, texts
  sha256       TEXT NOT NULL,     -- of the record that was approved; '' of a draft
  version      BIGINT NOT NULL,
  drafted      BIGINT NOT NULL,
  drafted_by   TEXT NOT NULL,
  edited       BIGINT NOT NULL,   -- 0: by nobody
  edited_by    TEXT NOT NULL,
  editor       TEXT NOT NULL,     -- as the audit log names them
  approved     BIGINT NOT NULL,
  approved_by  TEXT NOT NULL,
  withdrawn    BIGINT NOT NULL,
  withdrawn_by TEXT NOT NULL,
  withdrawal   TEXT NOT NULL,     -- why it was withdrawn
  reason       TEXT NOT NULL,     -- why it corrects
  UNIQUE (year, serial, edition)
);
CREATE INDEX sitrep_state ON sitrep (state, id);

-- Who was sent a situation report: an address once.
CREATE TABLE sitrep_recipient (
  id          INTEGER PRIMARY KEY,
  sitrep      BIGINT NOT NULL,
  address     TEXT NOT NULL,      -- small letters
  name        TEXT NOT NULL,
  constituent BIGINT NOT NULL,    -- 0: of the staff
  recipient   TEXT NOT NULL,      -- JSON: to whom it leaves, for the gate
  language    TEXT NOT NULL,
  encrypt     INTEGER NOT NULL,
  letter      BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  by_name     TEXT NOT NULL,
  UNIQUE (sitrep, address)
);

-- +goose Down
DROP TABLE sitrep_recipient;
DROP TABLE sitrep;
