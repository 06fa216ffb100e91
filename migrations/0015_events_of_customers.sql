-- +goose Up

-- What happened to a customer is asked for every day, and most customers are
-- rare. Values repeat, so that an entry takes some ten bytes. Without the
-- workspace, so that lists about anything else do not take it for theirs.
SET LOCAL ROLE errata_owner;

CREATE INDEX events_customer ON events (customer);

RESET ROLE;
