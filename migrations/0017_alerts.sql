-- +goose Up

-- Alerts: rules, what they found, and who was told. docs/decisions/0022-alerts.md.
SET LOCAL ROLE errata_owner;

-- A series is what is judged: the failures of one family of a service, of one of
-- its endpoints, or of a new code. In the tables below it is these columns: rule_id,
-- family, environment, service, method, endpoint and code.

CREATE TABLE alert_rules (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL, -- zeros: the rule that every workspace has, once it was changed
  name         text        NOT NULL CHECK (name <> ''),
  query        text        NOT NULL, -- which failures, in the language of searches; '': all
  sensitivity  text        NOT NULL CHECK (sensitivity IN ('low', 'normal', 'high')),
  settings     jsonb       NOT NULL, -- the numbers that are not as the sensitivity has them
  level        text        NOT NULL CHECK (level IN ('page', 'ticket', 'notify')), -- the loudest it may be
  channels     uuid[]      NOT NULL, -- none: all
  runbook      text        NOT NULL,
  enabled      boolean     NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  updated_by   text        NOT NULL, -- the actor's label
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, name)
);

-- The last minute that was judged. One row: whoever locks it judges the next.
CREATE TABLE alert_clock (
  one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
  minute timestamptz NOT NULL,
  at     timestamptz NOT NULL
);

-- Minutes that nobody judged, because nobody was there for longer than is caught up with.
CREATE TABLE alert_gaps (
  from_minute timestamptz PRIMARY KEY,
  to_minute   timestamptz NOT NULL,
  at          timestamptz NOT NULL DEFAULT now()
);

-- What is remembered of a series from minute to minute, unless it is nothing.
CREATE TABLE alert_states (
  workspace_id integer     NOT NULL,
  rule_id      uuid        NOT NULL,
  family       smallint    NOT NULL, -- 0: 5xx, 1: 429
  environment  text        NOT NULL,
  service      text        NOT NULL,
  method       text        NOT NULL, -- '' with endpoint
  endpoint     text        NOT NULL, -- '': the whole service
  code         text        NOT NULL, -- '': all of them
  state        jsonb       NOT NULL,
  PRIMARY KEY (workspace_id, rule_id, family, environment, service, method, endpoint, code)
);

CREATE TABLE incidents (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL,
  number       integer     NOT NULL, -- INC-12
  family       smallint    NOT NULL,
  environment  text        NOT NULL,
  service      text        NOT NULL, -- '' where it is a provider's
  provider     text        NOT NULL,
  phase        text        NOT NULL CHECK (phase IN ('firing', 'recovering', 'stale', 'resolved')),
  level        text        NOT NULL CHECK (level IN ('page', 'ticket', 'notify')),
  rule_id      uuid        NOT NULL, -- whose level it is
  why          jsonb       NOT NULL, -- the numbers that made that rule hold
  started_at   timestamptz NOT NULL, -- when the failures began
  opened_at    timestamptz NOT NULL, -- when a rule held first
  fired_at     timestamptz NOT NULL, -- when it reached its level
  resolved_at  timestamptz,
  reason       text        NOT NULL DEFAULT '', -- of its end
  peak         double precision NOT NULL DEFAULT 0, -- the largest share of requests in five minutes
  errors       bigint      NOT NULL DEFAULT 0,      -- while it lasted
  facts        jsonb       NOT NULL,                -- customers, codes, samples, releases: as of the last message
  seq          integer     NOT NULL DEFAULT 0,      -- of the last message, as the next four
  told_at      timestamptz,
  told_phase   text        NOT NULL DEFAULT '',
  told_level   text        NOT NULL DEFAULT '',
  told_members integer     NOT NULL DEFAULT 0,
  acked_at     timestamptz,
  acked_by     text        NOT NULL DEFAULT '',
  useful       text        NOT NULL DEFAULT '' CHECK (useful IN ('', 'yes', 'noisy', 'late')),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, number)
);
CREATE INDEX incidents_open ON incidents (workspace_id, environment, service, family) WHERE phase <> 'resolved';
CREATE INDEX incidents_time ON incidents (workspace_id, opened_at DESC);

-- The series of an incident, and since when their minutes are not normal.
CREATE TABLE incident_members (
  workspace_id integer     NOT NULL,
  incident_id  uuid        NOT NULL,
  rule_id      uuid        NOT NULL,
  family       smallint    NOT NULL,
  environment  text        NOT NULL,
  service      text        NOT NULL,
  method       text        NOT NULL,
  endpoint     text        NOT NULL,
  code         text        NOT NULL,
  n            integer     NOT NULL, -- in order of joining
  phase        text        NOT NULL,
  level        text        NOT NULL,
  why          jsonb       NOT NULL,
  peak         double precision NOT NULL,
  errors       bigint      NOT NULL,
  mask_from    timestamptz NOT NULL,
  started_at   timestamptz NOT NULL,
  fired_at     timestamptz NOT NULL,
  resolved_at  timestamptz,
  normal       boolean     NOT NULL DEFAULT false, -- somebody said that this is how it is now
  PRIMARY KEY (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code)
);
CREATE INDEX incident_members_masks ON incident_members (workspace_id, environment, service, family, mask_from);

-- What happened to an incident, oldest first by id (UUIDv7).
CREATE TABLE incident_events (
  workspace_id integer     NOT NULL,
  incident_id  uuid        NOT NULL,
  id           uuid        NOT NULL,
  at           timestamptz NOT NULL,
  kind         text        NOT NULL,
  actor_label  text        NOT NULL DEFAULT '', -- '': nobody did it
  data         jsonb       NOT NULL DEFAULT '{}',
  PRIMARY KEY (workspace_id, incident_id, id)
);

-- Silences: who is not told about what, and why.
CREATE TABLE silences (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL,
  environment  text        NOT NULL, -- '': any, as below
  service      text        NOT NULL,
  method       text        NOT NULL,
  endpoint     text        NOT NULL,
  code         text        NOT NULL,
  customer     text        NOT NULL,
  family       text        NOT NULL CHECK (family IN ('', '5xx', '429')),
  rule_id      uuid,
  reason       text        NOT NULL CHECK (reason <> ''),
  cron         text        NOT NULL DEFAULT '', -- a maintenance window: when it begins, again and again
  minutes      integer     NOT NULL DEFAULT 0,  -- how long a maintenance window is
  time_zone    text        NOT NULL DEFAULT 'UTC',
  starts_at    timestamptz NOT NULL,
  ends_at      timestamptz NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  created_by   text        NOT NULL,
  muted        bigint      NOT NULL DEFAULT 0, -- messages so far
  PRIMARY KEY (workspace_id, id),
  CHECK (ends_at > starts_at)
);
CREATE INDEX silences_end ON silences (workspace_id, ends_at);

CREATE TABLE channels (
  workspace_id  integer     NOT NULL,
  id            uuid        NOT NULL,
  name          text        NOT NULL CHECK (name <> ''),
  kind          text        NOT NULL,
  settings      jsonb       NOT NULL,
  secrets       jsonb       NOT NULL, -- never shown
  level         text        NOT NULL CHECK (level IN ('page', 'ticket', 'notify')), -- the quietest it is told about
  fallback      uuid,       -- the channel that is told when this one cannot be
  hourly        integer     NOT NULL DEFAULT 20, -- messages; more are one digest
  enabled       boolean     NOT NULL DEFAULT true,
  disabled_why  text        NOT NULL DEFAULT '',
  failing_since timestamptz,
  last_error    text        NOT NULL DEFAULT '',
  last_sent_at  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  updated_by    text        NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, name)
);

-- One message to one channel, whatever it takes.
CREATE TABLE deliveries (
  workspace_id integer     NOT NULL,
  id           uuid        NOT NULL, -- UUIDv7; stays the same however often it is tried
  channel_id   uuid        NOT NULL,
  incident_id  uuid,       -- NULL: a test
  seq          integer     NOT NULL,
  kind         text        NOT NULL,
  dedup_key    text        NOT NULL,
  message      jsonb       NOT NULL,
  state        text        NOT NULL CHECK (state IN ('waiting', 'sent', 'dead', 'dropped')),
  why          text        NOT NULL DEFAULT '', -- of a state that is not sent
  attempts     integer     NOT NULL DEFAULT 0,
  created_at   timestamptz NOT NULL,
  next_at      timestamptz NOT NULL,
  ended_at     timestamptz,
  handle       text        NOT NULL DEFAULT '', -- what the receiver calls it
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, dedup_key)
);
CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_channel ON deliveries (workspace_id, channel_id, id DESC);
CREATE INDEX deliveries_incident ON deliveries (workspace_id, incident_id, channel_id, seq);

CREATE TABLE delivery_attempts (
  workspace_id integer     NOT NULL,
  delivery_id  uuid        NOT NULL,
  n            integer     NOT NULL,
  at           timestamptz NOT NULL,
  took_ms      integer     NOT NULL,
  outcome      text        NOT NULL,
  error        text        NOT NULL,
  request      jsonb       NOT NULL, -- without secrets
  response     jsonb       NOT NULL,
  PRIMARY KEY (workspace_id, delivery_id, n)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON alert_rules, alert_clock, alert_gaps, alert_states, incidents, incident_members, incident_events,
  silences, channels, deliveries, delivery_attempts TO errata_app;

RESET ROLE;
