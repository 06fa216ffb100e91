-- +goose Up

-- What every report writes, made smaller and cheaper; the reasons and figures
-- are in docs/decisions/0005-lean-writes.md.
SET LOCAL ROLE errata_owner;

-- Counts per customer are only ever added: a batch appends what it counted, a
-- reader sums. Most batches name each customer once, so that looking for a row
-- to add to cost more than the row.
ALTER TABLE customer_minutes DROP CONSTRAINT customer_minutes_pkey;
ALTER TABLE customer_minutes DROP COLUMN key, DROP COLUMN slot;
-- Rows come in by time, which is what BRIN is for.
CREATE INDEX customer_minutes_minute ON customer_minutes USING brin (minute) WITH (pages_per_range = 16, autosummarize = on);

-- 0 as it came, 1 zstd (RFC 8878). PostgreSQL itself compresses from 2 kB on,
-- which most stack traces do not reach. The hash is of the content itself.
ALTER TABLE bodies ADD COLUMN codec smallint NOT NULL DEFAULT 0;

RESET ROLE;
