-- +goose Up
-- What the national picture reads instead of daily_count: the same numbers without the owners. All of it follows from
-- daily_count and can be dropped and made again.

CREATE TABLE situation_count (
  type        BIGINT NOT NULL,
  day         BIGINT NOT NULL,
  sector      TEXT NOT NULL,            -- of the owner as it is now; '' without one
  owned       INTEGER NOT NULL,         -- 0: nobody's
  events      BIGINT NOT NULL,
  fresh       BIGINT NOT NULL,
  ongoing     BIGINT NOT NULL,
  gone        BIGINT NOT NULL,
  reopened    BIGINT NOT NULL,
  transferred BIGINT NOT NULL,
  handed_over BIGINT NOT NULL,
  PRIMARY KEY (type, day, sector, owned)
) WITHOUT ROWID;
CREATE INDEX situation_count_day ON situation_count (day);

-- The sum of situation_count over the types.
CREATE TABLE situation_day (
  day         BIGINT NOT NULL,
  sector      TEXT NOT NULL,
  owned       INTEGER NOT NULL,
  events      BIGINT NOT NULL,
  fresh       BIGINT NOT NULL,
  ongoing     BIGINT NOT NULL,
  gone        BIGINT NOT NULL,
  reopened    BIGINT NOT NULL,
  transferred BIGINT NOT NULL,
  handed_over BIGINT NOT NULL,
  PRIMARY KEY (day, sector, owned)
) WITHOUT ROWID;

-- How far the sums of a type are: a type whose state differs is summed again.
CREATE TABLE situation_mark (
  type      BIGINT PRIMARY KEY,
  version   BIGINT NOT NULL,            -- report_type.version
  cutoff    BIGINT NOT NULL,            -- report_type.cutoff
  reports   TEXT NOT NULL               -- JSON: day → live report
) WITHOUT ROWID;

-- +goose Down
