-- +goose Up
-- What the staff works with: lists of reports and cases in the orders that pages show.

CREATE INDEX incident_report_received ON incident_report (received, id);
CREATE INDEX incident_case_severity ON incident_case (severity, id);
CREATE INDEX incident_case_changed ON incident_case (changed, id);
CREATE INDEX incident_case_opened ON incident_case (opened, id);

-- What reports and cases are found by: every word that was said of them.
CREATE TABLE incident_word (
  kind INTEGER NOT NULL,             -- 1 of a report, 2 of a case
  word TEXT COLLATE "C" NOT NULL,
  id   BIGINT NOT NULL,
  PRIMARY KEY (kind, word, id)
);

-- +goose Down
DROP TABLE incident_word;
DROP INDEX incident_case_opened;
DROP INDEX incident_case_changed;
DROP INDEX incident_case_severity;
DROP INDEX incident_report_received;
