-- +goose Up
-- The Merkle log over the rows of audit, whose id is 1 for the first entry and has no gaps from then on. Rows of an older
-- version are brought into it when the world is opened.

CREATE TABLE audit_head (
  one  INTEGER PRIMARY KEY,             -- 1
  size BIGINT NOT NULL                  -- entries in the log; the row is what acts queue on
);
INSERT INTO audit_head (one, size) VALUES (1, 0);

CREATE TABLE audit_hash (
  entry  INTEGER PRIMARY KEY,           -- audit.id
  hashes BLOB NOT NULL                  -- of the entry, and of every whole subtree that it is the last of, 32 bytes each
);

CREATE TABLE audit_checkpoint (
  size BIGINT PRIMARY KEY,
  at   BIGINT NOT NULL,
  note TEXT NOT NULL                    -- C2SP tlog-checkpoint, signed
);

-- Keys that signed checkpoints here; the private ones are files in the data directories.
CREATE TABLE audit_key (
  verifier TEXT PRIMARY KEY,
  at       BIGINT NOT NULL              -- first used
) WITHOUT ROWID;

CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_verb ON audit (verb, id);

-- +goose Down
