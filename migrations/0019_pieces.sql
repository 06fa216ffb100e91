-- +goose Up

-- Who looks at an hour that is not over reads again those pieces of it in which
-- something was counted since. docs/decisions/0016-rollup-blocks.md.
SET LOCAL ROLE errata_owner;

ALTER TABLE rollup_marks
  ADD COLUMN pieces smallint NOT NULL DEFAULT -1,                -- of five minutes, a bit for each
  ADD COLUMN xid    xid8     NOT NULL DEFAULT pg_current_xact_id(),
  ADD COLUMN folded boolean  NOT NULL DEFAULT false;             -- stands for others

RESET ROLE;
