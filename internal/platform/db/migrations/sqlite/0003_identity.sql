-- +goose Up
-- Who may sign in, how, and what they may do. Secrets stand here only as digests, or sealed with a key that lies in a file.

CREATE TABLE account (
  id           INTEGER PRIMARY KEY,
  kind         TEXT NOT NULL,           -- person, service
  login        TEXT NOT NULL UNIQUE,    -- of a person the mail address in lower case, of a service its name
  name         TEXT NOT NULL,
  language     TEXT NOT NULL,
  state        TEXT NOT NULL,           -- active, disabled
  password     TEXT NOT NULL,           -- argon2id in PHC string format; '' without one
  totp         TEXT NOT NULL,           -- sealed secret; '' without one
  totp_step    BIGINT NOT NULL,         -- the last time step that was used: no code counts twice
  failures     INTEGER NOT NULL,        -- since the last success
  locked_until BIGINT NOT NULL,
  created      BIGINT NOT NULL,
  signed_in    BIGINT NOT NULL          -- last time; 0 never
);
CREATE INDEX account_name ON account (name, id);

CREATE TABLE account_role (
  account     BIGINT NOT NULL REFERENCES account (id),
  role        TEXT NOT NULL,
  constituent BIGINT NOT NULL,          -- for whom; 0 where the role is not of a constituent
  PRIMARY KEY (account, role, constituent)
) WITHOUT ROWID;
CREATE INDEX account_role_constituent ON account_role (constituent, account);

CREATE TABLE session (
  id      INTEGER PRIMARY KEY,
  digest  BLOB NOT NULL UNIQUE,         -- SHA-256 of what the browser holds
  account BIGINT NOT NULL REFERENCES account (id),
  half    INTEGER NOT NULL,             -- 1: the second factor is still to come; gives no rights
  method  TEXT NOT NULL,                -- password, password+totp, passkey, oidc, link
  created BIGINT NOT NULL,
  seen    BIGINT NOT NULL,
  address TEXT NOT NULL,
  agent   TEXT NOT NULL
);
CREATE INDEX session_account ON session (account, id);

-- A one-time link: the digest of its secret and what it does.
CREATE TABLE link (
  id          INTEGER PRIMARY KEY,
  digest      BLOB NOT NULL UNIQUE,
  kind        TEXT NOT NULL,            -- first, invitation, recovery
  account     BIGINT NOT NULL,          -- whom a recovery is for; 0 else
  login       TEXT NOT NULL,
  name        TEXT NOT NULL,
  role        TEXT NOT NULL,
  constituent BIGINT NOT NULL,
  inviter     TEXT NOT NULL,            -- kind:id of who made it
  created     BIGINT NOT NULL,
  expires     BIGINT NOT NULL,
  used        BIGINT NOT NULL           -- 0: not yet
);
CREATE INDEX link_constituent ON link (constituent, id);

CREATE TABLE token (
  id       INTEGER PRIMARY KEY,
  digest   BLOB NOT NULL UNIQUE,
  account  BIGINT NOT NULL REFERENCES account (id),
  name     TEXT NOT NULL,
  hint     TEXT NOT NULL,               -- its first characters, to know it again
  scope    TEXT NOT NULL,               -- JSON list of permissions
  created  BIGINT NOT NULL,
  expires  BIGINT NOT NULL,
  used     BIGINT NOT NULL,             -- last time, to the minute; 0 never
  revoked  BIGINT NOT NULL              -- 0: live
);
CREATE INDEX token_account ON token (account, id);

CREATE TABLE passkey (
  id         INTEGER PRIMARY KEY,
  account    BIGINT NOT NULL REFERENCES account (id),
  credential BLOB NOT NULL UNIQUE,
  body       TEXT NOT NULL,             -- JSON: public key, counter, flags
  name       TEXT NOT NULL,
  created    BIGINT NOT NULL,
  used       BIGINT NOT NULL
);
CREATE INDEX passkey_account ON passkey (account, id);

CREATE TABLE account_provider (
  issuer  TEXT NOT NULL,
  subject TEXT NOT NULL,
  account BIGINT NOT NULL REFERENCES account (id),
  created BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX account_provider_account ON account_provider (account);

CREATE TABLE certificate (
  fingerprint TEXT PRIMARY KEY,         -- SHA-256 of the certificate, hex
  account     BIGINT NOT NULL REFERENCES account (id),
  name        TEXT NOT NULL,
  created     BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX certificate_account ON certificate (account);

-- Two administrators give an account back to its owner.
CREATE TABLE recovery (
  id         INTEGER PRIMARY KEY,
  account    BIGINT NOT NULL REFERENCES account (id),
  reason     TEXT NOT NULL,
  asked_by   BIGINT NOT NULL,
  asked      BIGINT NOT NULL,
  decided_by BIGINT NOT NULL,           -- 0: open
  decided    BIGINT NOT NULL,
  approved   INTEGER NOT NULL
);
CREATE INDEX recovery_open ON recovery (decided, id);

-- +goose Down
