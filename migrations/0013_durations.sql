-- +goose Up

-- How long failures took, beside the customers who had them: how many fell into
-- which bucket of a logarithmic scale (internal/rollup/duration.go).
SET LOCAL ROLE errata_owner;

ALTER TABLE customer_minutes
  ADD COLUMN durations       smallint[] NOT NULL DEFAULT '{}',
  ADD COLUMN duration_counts integer[]  NOT NULL DEFAULT '{}';

RESET ROLE;
