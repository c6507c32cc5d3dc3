-- +goose Up
-- An address that its reporter confirmed is one whatever was decided about the report meanwhile. Of older reports the receipt tells: it
-- left when the address was confirmed.
ALTER TABLE incident_report ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 0;
UPDATE incident_report SET confirmed = receipted WHERE origin = 'public' AND receipted <> 0;

-- +goose Down
ALTER TABLE incident_report DROP COLUMN confirmed;
