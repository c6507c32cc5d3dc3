-- +goose Up
-- What lists of reports, cases and clocks are filtered by stands in their indexes: a page reads as many rows as it shows, however few
-- of a hundred thousand match.

DROP INDEX incident_report_constituent;
CREATE INDEX incident_report_constituent ON incident_report (constituent, id, state, account);
CREATE INDEX incident_report_of ON incident_report (constituent, received, id, state, origin);
CREATE INDEX incident_report_of_state ON incident_report (constituent, state, received, id, origin);
CREATE INDEX incident_report_origin ON incident_report (origin, received, id, state);
CREATE INDEX incident_report_origin_state ON incident_report (origin, state, received, id);
DROP INDEX incident_report_received;
CREATE INDEX incident_report_received ON incident_report (received, id, state);

DROP INDEX incident_case_state;
CREATE INDEX incident_case_state ON incident_case (state, severity, id, class, type, lead, cross_border, personal);
DROP INDEX incident_case_severity;
CREATE INDEX incident_case_severity ON incident_case (severity, id, state, class, type, lead, cross_border, personal);
DROP INDEX incident_case_changed;
CREATE INDEX incident_case_changed ON incident_case (changed, id, state, severity, class, type, lead, cross_border, personal);
DROP INDEX incident_case_opened;
CREATE INDEX incident_case_opened ON incident_case (opened, id, state, severity, class, type, lead, cross_border, personal);
CREATE INDEX incident_case_closed ON incident_case (state, closed);

DROP INDEX incident_entry_case;
CREATE INDEX incident_entry_case ON incident_entry (case_id, id);

CREATE INDEX incident_telling_affected ON incident_telling (affected, letter);

DROP INDEX clock_live;
CREATE INDEX clock_live ON clock (live, due, id, state, constituent, regime, owed);
CREATE INDEX clock_state ON clock (state, due, id, constituent, regime, owed);
CREATE INDEX clock_regime ON clock (live, regime);

-- What the returns of a year add up to is kept with them.
ALTER TABLE yearly_return ADD COLUMN incidents BIGINT NOT NULL DEFAULT 0;
UPDATE yearly_return SET incidents = COALESCE((SELECT CAST(sum(c.incidents) AS BIGINT) FROM yearly_count c WHERE c.return_id = yearly_return.id), 0);
CREATE INDEX yearly_return_state ON yearly_return (year, state, incidents);
CREATE TABLE yearly_sum (
  year      BIGINT NOT NULL,
  class     TEXT NOT NULL,
  severity  INTEGER NOT NULL,
  incidents BIGINT NOT NULL,     -- of all returns that are submitted
  PRIMARY KEY (year, class, severity)
);
INSERT INTO yearly_sum (year, class, severity, incidents)
  SELECT r.year, c.class, c.severity, CAST(sum(c.incidents) AS BIGINT) FROM yearly_return r JOIN yearly_count c ON c.return_id = r.id
  WHERE r.state = 'submitted' GROUP BY r.year, c.class, c.severity;

-- +goose Down
DROP TABLE yearly_sum;
DROP INDEX yearly_return_state;
ALTER TABLE yearly_return DROP COLUMN incidents;
DROP INDEX clock_regime;
DROP INDEX clock_state;
DROP INDEX clock_live;
CREATE INDEX clock_live ON clock (live, due, id);
DROP INDEX incident_telling_affected;
DROP INDEX incident_entry_case;
CREATE INDEX incident_entry_case ON incident_entry (case_id, at, id);
DROP INDEX incident_case_closed;
DROP INDEX incident_case_opened;
CREATE INDEX incident_case_opened ON incident_case (opened, id);
DROP INDEX incident_case_changed;
CREATE INDEX incident_case_changed ON incident_case (changed, id);
DROP INDEX incident_case_severity;
CREATE INDEX incident_case_severity ON incident_case (severity, id);
DROP INDEX incident_case_state;
CREATE INDEX incident_case_state ON incident_case (state, severity, id);
DROP INDEX incident_report_received;
CREATE INDEX incident_report_received ON incident_report (received, id);
DROP INDEX incident_report_origin_state;
DROP INDEX incident_report_origin;
DROP INDEX incident_report_of_state;
DROP INDEX incident_report_of;
DROP INDEX incident_report_constituent;
CREATE INDEX incident_report_constituent ON incident_report (constituent, id);
