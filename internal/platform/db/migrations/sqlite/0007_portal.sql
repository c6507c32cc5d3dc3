-- +goose Up
-- What constituents ask to have changed in the registry, and when they last said that their contacts are right.

CREATE TABLE change_request (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL REFERENCES constituent (id),
  subject     TEXT NOT NULL,            -- who asked: person:12
  name        TEXT NOT NULL,            -- for people to read
  at          BIGINT NOT NULL,
  state       TEXT NOT NULL,            -- open, approved, refused, withdrawn
  note        TEXT NOT NULL,            -- why, in the words of who asked
  steps       TEXT NOT NULL,            -- JSON: what to change, with what was there
  decided_by  TEXT NOT NULL,            -- subject; '' while open
  decided_as  TEXT NOT NULL,            -- the name
  decided_at  BIGINT NOT NULL,          -- 0 while open
  reason      TEXT NOT NULL
);
CREATE INDEX change_request_state ON change_request (state, id);
CREATE INDEX change_request_constituent ON change_request (constituent, id);

CREATE TABLE contact_confirmation (
  id          INTEGER PRIMARY KEY,
  constituent BIGINT NOT NULL REFERENCES constituent (id),
  at          BIGINT NOT NULL,
  subject     TEXT NOT NULL,
  name        TEXT NOT NULL
);
CREATE INDEX contact_confirmation_constituent ON contact_confirmation (constituent, at);

-- +goose Down
DROP TABLE contact_confirmation;
DROP TABLE change_request;
