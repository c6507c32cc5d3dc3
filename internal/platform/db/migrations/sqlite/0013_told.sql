-- +goose Up
-- Webhooks that constituents make themselves, and what opening a protected message told.

ALTER TABLE webhook ADD COLUMN own INTEGER NOT NULL DEFAULT 0;            -- 1: somebody of the constituent made it; it leads to public addresses only
ALTER TABLE mailbox_message ADD COLUMN protection TEXT NOT NULL DEFAULT ''; -- JSON: how it was protected, by whose key; '': it was not

-- +goose Down
ALTER TABLE mailbox_message DROP COLUMN protection;
ALTER TABLE webhook DROP COLUMN own;
