-- +goose Up
-- What came by mail. The originals are files of the data directory, named by their hash.

CREATE TABLE mailbox_source (
  name     TEXT PRIMARY KEY,         -- user@host/folder
  validity BIGINT NOT NULL,          -- UIDVALIDITY of what uid counts in
  uid      BIGINT NOT NULL,          -- the last message that was dealt with
  looked   BIGINT NOT NULL,          -- when it was last read
  trouble  TEXT NOT NULL,            -- why it could not be; '' it could
  since    BIGINT NOT NULL,          -- of the trouble
  taken    BIGINT NOT NULL           -- messages so far
);

CREATE TABLE mailbox_message (
  id           INTEGER PRIMARY KEY,
  sha256       TEXT NOT NULL UNIQUE, -- of what is kept
  path         TEXT NOT NULL,        -- of the original below the folder of mail
  stored       BIGINT NOT NULL,      -- bytes kept
  size         BIGINT NOT NULL,      -- bytes as the server has it
  content      TEXT NOT NULL,        -- hash of what follows the header
  message_id   TEXT NOT NULL,        -- without brackets; '' without one
  source       TEXT NOT NULL,
  taken        BIGINT NOT NULL,      -- when Tocsin took it
  received     BIGINT NOT NULL,      -- when the server did
  sent         BIGINT NOT NULL,      -- as it says itself; 0
  from_name    TEXT NOT NULL,
  from_address TEXT NOT NULL,
  reply_to     TEXT NOT NULL,        -- an address that answers should go to, when it is another one
  subject      TEXT NOT NULL,
  body         TEXT NOT NULL,
  kind         TEXT NOT NULL,        -- letter, automatic, bounce, delivery, list, own
  automatic    TEXT NOT NULL,        -- the field by which it says so
  report       TEXT NOT NULL,        -- JSON of a delivery report; ''
  flaws        TEXT NOT NULL,        -- JSON
  earlier      TEXT NOT NULL,        -- JSON: the Message-IDs that it refers to, the latest last
  ticket       TEXT NOT NULL,        -- of its conversation; '' without one
  letter       BIGINT NOT NULL,      -- of the outbox that it is about; 0
  constituent  BIGINT NOT NULL,      -- of that letter; 0
  threaded     TEXT NOT NULL,        -- by what it was: reference, ticket, report, hand; ''
  verified     INTEGER NOT NULL,     -- 1: the sender's address is one of those we write to; of a bounce: it names our letter and its address
  authentic    INTEGER NOT NULL,     -- 1: our own mail server vouches for the domain of the sender, -1: it does not; 0: nobody asked it
  state        TEXT NOT NULL,        -- waiting, open, done, dismissed
  reason       TEXT NOT NULL,        -- why it was dismissed
  answer       BIGINT NOT NULL       -- the letter that answers it; 0
);
CREATE INDEX mailbox_message_message ON mailbox_message (message_id, content);
CREATE INDEX mailbox_message_ticket ON mailbox_message (ticket, id);
CREATE INDEX mailbox_message_state ON mailbox_message (state, id);

CREATE TABLE mailbox_file (
  message BIGINT NOT NULL,
  number  INTEGER NOT NULL,          -- from 1: attachments in the order of the message, then links
  name    TEXT NOT NULL,
  type    TEXT NOT NULL,
  url     TEXT NOT NULL,             -- of a link; '' of an attachment
  bytes   BIGINT NOT NULL,           -- decoded; 0 of a link
  sha256  TEXT NOT NULL,
  feed    TEXT NOT NULL,             -- whose report it is, by its name; ''
  state   TEXT NOT NULL,             -- kept, queued, taken, failed
  outcome TEXT NOT NULL,
  PRIMARY KEY (message, number)
) WITHOUT ROWID;

-- Originals that are being written. One whose lease is over was left by a crash, and its file is removed.
CREATE TABLE mailbox_pending (
  path  TEXT PRIMARY KEY,
  lease BIGINT NOT NULL              -- real clock
);

-- Conversations that began with a message of theirs.
CREATE TABLE mailbox_ticket (
  ticket      TEXT PRIMARY KEY,
  subject     TEXT NOT NULL,
  constituent BIGINT NOT NULL,
  created     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE mailbox_ticket;
DROP TABLE mailbox_pending;
DROP TABLE mailbox_file;
DROP TABLE mailbox_message;
DROP TABLE mailbox_source;
