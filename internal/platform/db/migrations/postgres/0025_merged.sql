-- +goose Up
-- Which cases became part of a case, for its conversations.
CREATE INDEX incident_case_merged ON incident_case (merged_into) WHERE merged_into <> 0;

-- +goose Down
DROP INDEX incident_case_merged;
