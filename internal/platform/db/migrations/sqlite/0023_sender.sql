-- +goose Up
-- An address that its reporter confirmed is one whatever was decided about the report meanwhile. Of older reports the receipt tells: it
-- left when the address was confirmed.
ALTER TABLE incident_report ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 0;
UPDATE incident_report SET confirmed = receipted WHERE origin = 'public' AND receipted <> 0;

-- Whose a file is that came by mail: a constituent's, -1: of somebody who proved nothing; 0: it travels as its report or case does.
ALTER TABLE incident_file ADD COLUMN owner BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE incident_file DROP COLUMN owner;
ALTER TABLE incident_report DROP COLUMN confirmed;
