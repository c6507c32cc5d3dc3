-- +goose Up
-- The day on which a situation report was drafted is told by when it was.
ALTER TABLE sitrep DROP COLUMN day;

-- +goose Down
ALTER TABLE sitrep ADD COLUMN day BIGINT NOT NULL DEFAULT 0;
