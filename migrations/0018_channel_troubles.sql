-- +goose Up

-- Who has seen that a channel does not deliver, and an index for the pages, each
-- of which says so until somebody has. docs/decisions/0026-channel-secrets.md.
SET LOCAL ROLE errata_owner;

ALTER TABLE channels
  ADD COLUMN dismissed_at timestamptz, -- what was dead by then has been seen
  ADD COLUMN dismissed_by text NOT NULL DEFAULT '';

CREATE INDEX deliveries_dead ON deliveries (workspace_id, channel_id, ended_at DESC) WHERE state = 'dead' AND kind <> 'test';

RESET ROLE;
