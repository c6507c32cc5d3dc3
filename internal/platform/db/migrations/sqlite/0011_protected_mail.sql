-- +goose Up
-- Contacts to whom nothing is sent in clear, the team's own keys, which sign its mail, and the order in which reports came in, for
-- those who pull.

ALTER TABLE contact ADD COLUMN encrypt INTEGER NOT NULL DEFAULT 0; -- 1: what cannot be encrypted to it is held back
CREATE INDEX contact_mail ON contact (lower(mail));

CREATE TABLE mail_key (
  id          INTEGER PRIMARY KEY,
  type        TEXT NOT NULL,            -- smime, openpgp
  fingerprint TEXT NOT NULL UNIQUE,     -- in capitals
  holder      TEXT NOT NULL,
  addresses   TEXT NOT NULL,            -- mail addresses, with a space between
  begins      BIGINT NOT NULL,
  expires     BIGINT NOT NULL,          -- 0: never
  public      TEXT NOT NULL,            -- PEM, or an armored OpenPGP public key
  sealed      TEXT NOT NULL,            -- the private half under the seal whose key is a file; '' once retired
  at          BIGINT NOT NULL,
  subject     TEXT NOT NULL,            -- who brought it: local:local
  name        TEXT NOT NULL,
  retired     BIGINT NOT NULL           -- 0: signs
);

ALTER TABLE report ADD COLUMN published BIGINT NOT NULL DEFAULT 0; -- the intake that made it live, in the order of commits
CREATE INDEX report_published ON report (published, id) WHERE live = 1;

-- +goose Down
DROP INDEX report_published;
ALTER TABLE report DROP COLUMN published;
DROP TABLE mail_key;
DROP INDEX contact_mail;
ALTER TABLE contact DROP COLUMN encrypt;
