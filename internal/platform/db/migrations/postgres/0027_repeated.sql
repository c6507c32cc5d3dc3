-- +goose Up
-- Which reports repeat a report: they go where it goes.
CREATE INDEX incident_report_same ON incident_report (same_as) WHERE same_as <> 0;

-- +goose Down
DROP INDEX incident_report_same;
