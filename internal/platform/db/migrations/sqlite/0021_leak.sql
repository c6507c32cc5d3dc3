-- +goose Up
-- Lists of addresses in leaked data. Only the hashes of the addresses are kept, under the world's seal.

CREATE TABLE incident_leak (
  id           INTEGER PRIMARY KEY,
  case_id      BIGINT NOT NULL,
  title        TEXT NOT NULL,
  told         TEXT NOT NULL,    -- what those in it are told
  permit       TEXT NOT NULL,    -- who allowed that owners of domains get the addresses in clear; '' nobody
  addresses    BIGINT NOT NULL,
  skipped      BIGINT NOT NULL,  -- lines without an address
  at           BIGINT NOT NULL,
  by_name      TEXT NOT NULL,
  withdrawn    BIGINT NOT NULL,  -- 0: not
  withdrawn_by TEXT NOT NULL
);
CREATE INDEX incident_leak_case ON incident_leak (case_id, id);

-- The hashes of a list whose first 16 bits are the same, sorted, sealed.
CREATE TABLE incident_leak_bucket (
  leak   BIGINT NOT NULL,
  prefix BIGINT NOT NULL,
  sealed TEXT NOT NULL,
  PRIMARY KEY (leak, prefix)
) WITHOUT ROWID;
CREATE INDEX incident_leak_bucket_prefix ON incident_leak_bucket (prefix, leak);

-- How many addresses of a list are in a domain of the registry.
CREATE TABLE incident_leak_domain (
  leak      BIGINT NOT NULL,
  domain    TEXT NOT NULL,
  addresses BIGINT NOT NULL,
  PRIMARY KEY (leak, domain)
) WITHOUT ROWID;

-- The addresses themselves, sealed, of lists that were loaded with that permission.
CREATE TABLE incident_leak_plain (
  leak   BIGINT NOT NULL,
  domain TEXT NOT NULL,
  part   BIGINT NOT NULL,
  sealed TEXT NOT NULL,
  PRIMARY KEY (leak, domain, part)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE incident_leak_plain;
DROP TABLE incident_leak_domain;
DROP TABLE incident_leak_bucket;
DROP TABLE incident_leak;
