-- +goose Up

-- Where people ask from who are not in the pages: Slack and Zendesk.
-- docs/decisions/0035-slack-and-zendesk.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE integrations (
  workspace_id  integer     NOT NULL,
  id            uuid        NOT NULL, -- in the address that the other side asks
  kind          text        NOT NULL CHECK (kind IN ('slack', 'zendesk')),
  name          text        NOT NULL CHECK (name <> ''),
  account       text        NOT NULL CHECK (account <> ''), -- Slack's team, Zendesk's subdomain: nobody else is answered
  customers     boolean     NOT NULL DEFAULT false, -- names are shown; else masked
  unfurl        boolean     NOT NULL DEFAULT true,  -- Slack: links are
  enabled       boolean     NOT NULL DEFAULT true,
  secrets       jsonb       NOT NULL, -- encrypted; never shown
  token_hash    bytea,      -- Zendesk: SHA-256 of the token; NULL: there is none
  token_at      timestamptz, -- when it was made
  last_used_at  timestamptz, -- by a request that was the other side's
  last_error    text        NOT NULL DEFAULT '', -- since then
  last_error_at timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  updated_by    text        NOT NULL, -- the actor's label
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, name)
);

-- A request has nothing but the ID; whose it is is found by it.
CREATE INDEX integrations_id ON integrations (id);

GRANT SELECT, INSERT, UPDATE, DELETE ON integrations TO errata_app;

RESET ROLE;
