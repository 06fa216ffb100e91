-- +goose Up

-- IDs that somebody waits for, and links that show a request to anybody who has
-- them. docs/decisions/0034-desk.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE request_watches (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL, -- v7
  value        text COLLATE "C" NOT NULL,
  channel_id   uuid,                 -- NULL: it is only shown
  actor_kind   text        NOT NULL,
  actor_id     text        NOT NULL,
  actor_label  text        NOT NULL,
  created_at   timestamptz NOT NULL,
  ends_at      timestamptz NOT NULL,
  arrived_at   timestamptz,          -- when that was noticed
  event_id     uuid,                 -- NULL: it came in and was rejected
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX request_watches_open ON request_watches (ends_at) WHERE arrived_at IS NULL;

-- Without a row there are no public links.
CREATE TABLE desk_settings (
  workspace_id integer PRIMARY KEY,
  public_links boolean NOT NULL
);

CREATE TABLE request_shares (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL, -- v7
  hash         bytea       NOT NULL UNIQUE, -- SHA-256 of the secret in the link
  event_id     uuid        NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL,
  revoked_at   timestamptz,
  created_by   text        NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX request_shares_event ON request_shares (workspace_id, event_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON request_watches, desk_settings, request_shares TO errata_app;

RESET ROLE;
