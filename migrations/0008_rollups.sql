-- +goose Up

-- Hours and days of what error_minutes, customer_minutes and request_minutes
-- count, as blocks; docs/decisions/0016-rollup-blocks.md has the reasons and
-- figures, internal/rollup the format.
SET LOCAL ROLE errata_owner;

CREATE TABLE rollup_blocks (
  workspace_id integer     NOT NULL,
  level        smallint    NOT NULL,  -- 1 hour, 2 day
  start        timestamptz NOT NULL,
  cube         smallint    NOT NULL,
  service      text        NOT NULL,  -- '' in cubes over all services
  content      bytea       NOT NULL,
  PRIMARY KEY (workspace_id, level, start, cube, service)
);
-- It is compressed already.
ALTER TABLE rollup_blocks ALTER COLUMN content SET STORAGE EXTERNAL;

-- Which hours and days have blocks, and up to which minute these go.
CREATE TABLE rollup_spans (
  workspace_id integer     NOT NULL,
  level        smallint    NOT NULL,
  start        timestamptz NOT NULL,
  upto         timestamptz NOT NULL,
  built_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, level, start)
);

-- What has changed since: a row from every transaction that counted something
-- in an hour, taken away by the one that makes its blocks anew.
CREATE TABLE rollup_marks (
  workspace_id integer     NOT NULL,
  level        smallint    NOT NULL,
  start        timestamptz NOT NULL
);

INSERT INTO rollup_marks (workspace_id, level, start)
SELECT DISTINCT workspace_id, 1, date_trunc('hour', minute, 'UTC') FROM error_minutes
UNION
SELECT DISTINCT workspace_id, 1, date_trunc('hour', minute, 'UTC') FROM request_minutes;

GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_blocks, rollup_spans, rollup_marks TO errata_app;

RESET ROLE;
