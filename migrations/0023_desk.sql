-- +goose Up

-- What a team keeps beside a request: notes, a status, the tickets that it came up
-- in. Keyed by the Event, and found by its request ID too, since a request may get
-- further Events. docs/decisions/0034-desk.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE request_notes (
  workspace_id integer     NOT NULL,
  event_id     uuid        NOT NULL,
  id           uuid        NOT NULL, -- v7
  day          date        NOT NULL, -- the Event's, with which it goes
  request_id   text COLLATE "C",
  at           timestamptz NOT NULL DEFAULT now(),
  actor_kind   text        NOT NULL,
  actor_id     text        NOT NULL,
  actor_label  text        NOT NULL,
  body         text        NOT NULL,
  PRIMARY KEY (workspace_id, event_id, id)
);
CREATE INDEX request_notes_request ON request_notes (workspace_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX request_notes_day ON request_notes (day);

-- Without a row it is new.
CREATE TABLE request_states (
  workspace_id integer     NOT NULL,
  event_id     uuid        NOT NULL,
  day          date        NOT NULL,
  request_id   text COLLATE "C",
  status       text        NOT NULL CHECK (status IN ('new', 'investigating', 'answered', 'escalated', 'known_issue')),
  at           timestamptz NOT NULL DEFAULT now(),
  actor_label  text        NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
);
CREATE INDEX request_states_request ON request_states (workspace_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX request_states_day ON request_states (day);

CREATE TABLE request_tickets (
  workspace_id integer     NOT NULL,
  event_id     uuid        NOT NULL,
  url          text        NOT NULL,
  day          date        NOT NULL,
  request_id   text COLLATE "C",
  issue_id     uuid        NOT NULL,
  system       text        NOT NULL,
  key          text        NOT NULL, -- as its people call it
  at           timestamptz NOT NULL DEFAULT now(),
  actor_label  text        NOT NULL,
  PRIMARY KEY (workspace_id, event_id, url)
);
CREATE INDEX request_tickets_request ON request_tickets (workspace_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX request_tickets_issue ON request_tickets (workspace_id, issue_id);
CREATE INDEX request_tickets_day ON request_tickets (day);

GRANT SELECT, INSERT, DELETE ON request_notes, request_tickets TO errata_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON request_states TO errata_app;

RESET ROLE;
