-- +goose Up

-- "Is it just them?" asks for one failure (a code at an endpoint) in an hour's
-- minutes, and read all that was counted in the hour. The keys of error_minutes begin
-- with that failure now, and customer_minutes name it. docs/decisions/0033-request-page.md.
SET LOCAL ROLE errata_owner;

ALTER TABLE customer_minutes ADD COLUMN failure bigint; -- NULL: counted before
CREATE INDEX customer_minutes_failure ON customer_minutes (workspace_id, minute, failure);

-- From when on minutes are found by their failure. Collectors of the version before
-- may run beside for a day.
CREATE TABLE failure_keys (since timestamptz NOT NULL);
INSERT INTO failure_keys SELECT CASE WHEN EXISTS (SELECT FROM error_minutes) THEN now() + interval '1 day' ELSE '-infinity' END;

GRANT SELECT ON failure_keys TO errata_app;

RESET ROLE;
