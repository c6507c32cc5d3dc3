-- +goose Up
-- From which address a file came by mail that nobody vouches for; '' when somebody does, or it came another way. What strangers mail has a
-- bound of its own, so that it takes no room from what the staff keeps.
ALTER TABLE incident_file ADD COLUMN sender TEXT NOT NULL DEFAULT '';
UPDATE incident_file SET sender = '?' WHERE owner = -1;

-- +goose Down
ALTER TABLE incident_file DROP COLUMN sender;
