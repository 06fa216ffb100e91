-- +goose Up

-- Two roles: errata_owner owns the schema and migrates it; errata_app is what
-- the processes run as. Neither is a superuser, neither bypasses row-level
-- security. They may exist already (several databases in one cluster, or a
-- managed server where an administrator made them).
-- +goose StatementBegin
DO $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT * FROM (VALUES ('errata_owner', 'NOLOGIN'), ('errata_app', 'LOGIN')) AS v(name, login) LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r.name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', r.name, r.login);
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL; -- made by a neighbour just now
        WHEN insufficient_privilege THEN
          RAISE EXCEPTION 'role % does not exist and % may not create it', r.name, current_user
            USING HINT = 'Ask an administrator to run: CREATE ROLE errata_owner NOLOGIN; CREATE ROLE errata_app LOGIN; GRANT errata_owner TO <the migrating user>;';
      END;
    END IF;
  END LOOP;
  IF NOT pg_has_role(current_user, 'errata_owner', 'MEMBER') THEN
    EXECUTE format('GRANT errata_owner TO %I', current_user);
  END IF;
END
$$;
-- +goose StatementEnd

GRANT USAGE, CREATE ON SCHEMA public TO errata_owner;
GRANT USAGE ON SCHEMA public TO errata_app;
GRANT SELECT ON goose_db_version TO errata_app; -- to refuse an older schema
SET LOCAL ROLE errata_owner;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO errata_app;

-- Tenants and who may speak for them ----------------------------------------

CREATE TABLE workspaces (
  id             integer PRIMARY KEY,
  name           text NOT NULL,
  retention_days integer CHECK (retention_days BETWEEN 1 AND 400), -- may only shorten the global age
  created_at     timestamptz NOT NULL DEFAULT now()
);
INSERT INTO workspaces (id, name) VALUES (1, 'default');

CREATE TABLE api_keys (
  id           uuid PRIMARY KEY,
  workspace_id integer NOT NULL REFERENCES workspaces (id),
  name         text NOT NULL,
  prefix       text NOT NULL,
  hash         bytea NOT NULL UNIQUE, -- SHA-256 of the secret
  scopes       text[] NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at   timestamptz
);
CREATE INDEX api_keys_workspace ON api_keys (workspace_id);

CREATE TABLE login_links (
  hash         bytea PRIMARY KEY,
  workspace_id integer NOT NULL REFERENCES workspaces (id),
  label        text NOT NULL,
  expires_at   timestamptz NOT NULL,
  used_at      timestamptz
);

CREATE TABLE sessions (
  token  text PRIMARY KEY, -- hashed by the session library
  data   bytea NOT NULL,
  expiry timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expiry);

CREATE TABLE audit (
  workspace_id integer NOT NULL,
  id           uuid NOT NULL, -- v7: sorts by time
  at           timestamptz NOT NULL DEFAULT now(),
  actor_kind   text NOT NULL,
  actor_id     text NOT NULL,
  actor_label  text NOT NULL,
  action       text NOT NULL,
  target       text NOT NULL,
  details      jsonb,
  PRIMARY KEY (workspace_id, id)
);
REVOKE UPDATE, DELETE ON audit FROM errata_app;

-- Events ---------------------------------------------------------------------

-- role: 0 primary, 1 upstream, 2 context. family: 0 caller, 1 limits, 2 us,
-- 3 upstream. sources: bit 1 span, 2 log, 4 http. day is the day in the ID's
-- own time, so that an ID names its partition. The primary key is the time
-- order too: IDs are UUIDv7 over occurred_at.
CREATE TABLE events (
  workspace_id       integer NOT NULL,
  day                date NOT NULL,
  id                 uuid NOT NULL,
  occurred_at        timestamptz NOT NULL,
  received_at        timestamptz NOT NULL,
  trace_id           uuid,
  span_id            bigint,
  parent_span_id     bigint,
  body_hash          uuid,
  stack_hash         uuid,
  issue_id           uuid NOT NULL,
  merged_into        uuid, -- folded into an older Event: not counted, not shown
  duration_ms        double precision,
  weight             double precision,
  status             smallint, -- NULL = unknown
  attempt            smallint,
  role               smallint NOT NULL,
  family             smallint NOT NULL,
  sources            smallint NOT NULL,
  fp_version         smallint NOT NULL,
  endpoint_other     boolean NOT NULL, -- the roll-ups count it under (other)
  parts              smallint NOT NULL, -- > 1: the parts are in event_parts
  request_id         text COLLATE "C",
  service            text NOT NULL,
  environment        text NOT NULL,
  release            text NOT NULL,
  method             text NOT NULL,
  endpoint           text NOT NULL,
  path               text NOT NULL,
  customer           text NOT NULL,
  provider           text NOT NULL,
  raw_code           text NOT NULL,
  code               text NOT NULL,
  message            text NOT NULL,
  details            jsonb,
  extra              jsonb, -- what is shown but never searched or counted
  PRIMARY KEY (workspace_id, day, id)
) PARTITION BY RANGE (day);

-- One index finds a request ID exactly, by prefix, and by its look-alikes.
-- The expression equals event.Fold.
CREATE INDEX events_request ON events (workspace_id, translate(lower(request_id), 'oil', '011'))
  WHERE request_id IS NOT NULL;
CREATE INDEX events_trace ON events (workspace_id, trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX events_span ON events (workspace_id, span_id) WHERE span_id IS NOT NULL;

-- The reports that an Event was merged from, once there is more than one.
CREATE TABLE event_parts (
  workspace_id integer NOT NULL,
  day          date NOT NULL, -- the Event's
  event_id     uuid NOT NULL,
  part_id      uuid NOT NULL, -- the ID that the part would have as an Event of its own
  source       smallint NOT NULL,
  record       jsonb NOT NULL,
  PRIMARY KEY (workspace_id, day, event_id, part_id)
) PARTITION BY RANGE (day);
CREATE INDEX event_parts_part ON event_parts (workspace_id, part_id);

-- What identifies a report, for the de-duplication window. day is that of the
-- sender's time.
CREATE TABLE event_keys (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  key          uuid NOT NULL,
  event_id     uuid NOT NULL,
  PRIMARY KEY (workspace_id, day, key)
) PARTITION BY RANGE (day);

-- Further IDs by which an Event can be found: upstream, gateway, AWS pair, …
CREATE TABLE aliases (
  workspace_id integer NOT NULL,
  day          date NOT NULL, -- the Event's
  value        text COLLATE "C" NOT NULL,
  event_id     uuid NOT NULL,
  kind         text NOT NULL,
  PRIMARY KEY (workspace_id, day, value, event_id, kind)
) PARTITION BY RANGE (day);
CREATE INDEX aliases_value ON aliases (workspace_id, translate(lower(value), 'oil', '011'));

-- Raw bodies and stack traces, once per content and day.
CREATE TABLE bodies (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  hash         uuid NOT NULL,
  content      bytea NOT NULL,
  PRIMARY KEY (workspace_id, day, hash)
) PARTITION BY RANGE (day);

-- Issues ---------------------------------------------------------------------

-- The id is a hash of (workspace, version, fingerprint): every collector knows
-- it without asking. Counts and times are in issue_hours.
CREATE TABLE issues (
  workspace_id integer NOT NULL,
  id           uuid NOT NULL,
  fp_version   smallint NOT NULL,
  state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'resolved', 'ignored')),
  resolved_at  timestamptz,
  first_at     timestamptz NOT NULL,
  role         smallint NOT NULL,
  family       smallint NOT NULL,
  service      text NOT NULL,
  method       text NOT NULL,
  endpoint     text NOT NULL,
  status       smallint,
  code         text NOT NULL,
  title        text NOT NULL,
  PRIMARY KEY (workspace_id, id)
);

-- Roll-ups -------------------------------------------------------------------

-- slot spreads the row locks of concurrent writers; readers sum over it. key
-- is a hash of the dimensions, which stand beside it in full. minute is of
-- occurred_at; alert_minute is of received_at when the two differ by more than
-- 15 minutes (n_late counts those). Rows may reach n = 0 when a merge moved
-- what they counted.
CREATE TABLE error_minutes (
  workspace_id integer NOT NULL,
  minute       timestamptz NOT NULL,
  key          uuid NOT NULL,
  slot         smallint NOT NULL,
  alert_minute timestamptz NOT NULL,
  role         smallint NOT NULL,
  family       smallint NOT NULL,
  status       smallint, -- NULL = unknown
  n            bigint NOT NULL,
  n_late       bigint NOT NULL,
  service      text NOT NULL,
  environment  text NOT NULL,
  method       text NOT NULL,
  endpoint     text NOT NULL,
  code         text NOT NULL,
  provider     text NOT NULL,
  release      text NOT NULL,
  PRIMARY KEY (workspace_id, minute, key, slot)
) PARTITION BY RANGE (minute);
CREATE INDEX error_minutes_alert ON error_minutes (workspace_id, alert_minute);

CREATE TABLE customer_minutes (
  workspace_id integer NOT NULL,
  minute       timestamptz NOT NULL,
  key          uuid NOT NULL,
  slot         smallint NOT NULL,
  alert_minute timestamptz NOT NULL,
  role         smallint NOT NULL,
  family       smallint NOT NULL,
  status       smallint,
  n            bigint NOT NULL,
  service      text NOT NULL,
  environment  text NOT NULL,
  method       text NOT NULL,
  endpoint     text NOT NULL,
  code         text NOT NULL,
  customer     text NOT NULL,
  PRIMARY KEY (workspace_id, minute, key, slot)
) PARTITION BY RANGE (minute);

CREATE TABLE issue_hours (
  workspace_id integer NOT NULL,
  hour         timestamptz NOT NULL,
  issue_id     uuid NOT NULL,
  slot         smallint NOT NULL,
  n            bigint NOT NULL,
  first_at     timestamptz NOT NULL,
  last_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, hour, issue_id, slot)
) PARTITION BY RANGE (hour);

-- The endpoints that the roll-ups know by name; past the cap it is (other).
CREATE TABLE endpoints (
  workspace_id integer NOT NULL,
  service      text NOT NULL,
  method       text NOT NULL,
  endpoint     text NOT NULL,
  first_seen   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, service, method, endpoint)
);

-- What was refused -----------------------------------------------------------

CREATE TABLE rejections (
  workspace_id integer NOT NULL,
  id           uuid NOT NULL, -- v7
  received_at  timestamptz NOT NULL,
  source       text NOT NULL,
  reason       text NOT NULL,
  message      text NOT NULL,
  request_id   text COLLATE "C",
  service      text,
  preview      text NOT NULL, -- redacted
  details      jsonb,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX rejections_request ON rejections (workspace_id, request_id) WHERE request_id IS NOT NULL;

-- Partitions -----------------------------------------------------------------

-- Makes the partitions of one UTC day where they are missing. SECURITY
-- DEFINER, so that errata_app may ask for a day without owning tables. CREATE
-- LIKE + ATTACH takes a lock on the parent that writers do not mind.
-- +goose StatementBegin
CREATE FUNCTION errata_ensure_day(d date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  parent text;
  child  text;
  made   integer := 0;
  by_day boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(7203, d - DATE '1970-01-01');
  FOREACH parent IN ARRAY ARRAY['events', 'event_parts', 'event_keys', 'aliases', 'bodies',
                                'error_minutes', 'customer_minutes', 'issue_hours'] LOOP
    child := parent || '_' || to_char(d, 'YYYYMMDD');
    IF to_regclass('public.' || child) IS NULL THEN
      by_day := parent IN ('events', 'event_parts', 'event_keys', 'aliases', 'bodies');
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', child, parent);
      IF by_day THEN
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, d, d + 1);
      ELSE
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, d::text || ' 00:00:00+00', (d + 1)::text || ' 00:00:00+00');
      END IF;
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION errata_ensure_day(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION errata_ensure_day(date) TO errata_app;

RESET ROLE;
