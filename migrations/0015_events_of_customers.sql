-- +goose Up

-- What happened to a customer is asked for every day, and most customers are
-- rare. Values repeat, so that an entry takes some ten bytes.
SET LOCAL ROLE errata_owner;

CREATE INDEX events_customer ON events (workspace_id, customer);

RESET ROLE;
