-- +goose Up
-- What the staff works with: lists of reports and cases in the orders that pages show.

CREATE INDEX incident_report_received ON incident_report (received, id);
CREATE INDEX incident_case_severity ON incident_case (severity, id);
CREATE INDEX incident_case_changed ON incident_case (changed, id);
CREATE INDEX incident_case_opened ON incident_case (opened, id);

-- +goose Down
DROP INDEX incident_case_opened;
DROP INDEX incident_case_changed;
DROP INDEX incident_case_severity;
DROP INDEX incident_report_received;
