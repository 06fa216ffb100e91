-- +goose Up

-- How often a public link was opened, and which watches a request ended.
-- docs/decisions/0038-openings-of-public-links.md.
SET LOCAL ROLE errata_owner;

ALTER TABLE request_shares
  ADD COLUMN opened          integer NOT NULL DEFAULT 0,
  ADD COLUMN first_opened_at timestamptz,
  ADD COLUMN last_opened_at  timestamptz;

CREATE INDEX request_watches_value ON request_watches (workspace_id, value);
CREATE INDEX request_watches_event ON request_watches (workspace_id, event_id) WHERE event_id IS NOT NULL;

RESET ROLE;
