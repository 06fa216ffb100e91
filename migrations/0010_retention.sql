-- +goose Up

-- What it takes for old data to go: a place for what stays behind, and a queue
-- for the jobs that see to it. The reasons and figures are in
-- docs/decisions/0013-retention.md and 0017-expired-ids.md.
SET LOCAL ROLE errata_owner;

-- Stack traces go with their day, raw bodies long before: each has a table of
-- its own, so that either is dropped whole.
CREATE TABLE stacks (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  hash         uuid NOT NULL,
  content      bytea NOT NULL,
  codec        smallint NOT NULL DEFAULT 0,
  base         uuid,
  PRIMARY KEY (workspace_id, day, hash)
) PARTITION BY RANGE (day);

-- One Event stays of each open issue, when its day goes: this one. body_hash
-- and stack_hash are the Event's.
CREATE TABLE exemplars (
  workspace_id integer NOT NULL,
  issue_id     uuid NOT NULL,
  day          date NOT NULL,
  event_id     uuid NOT NULL,
  body_hash    uuid,
  stack_hash   uuid,
  PRIMARY KEY (workspace_id, issue_id)
);
CREATE INDEX exemplars_day ON exemplars (day, workspace_id, event_id);

-- Up to which day (excluded) a table has no partitions by day any more. What is
-- older and stays, or comes in much too late, is in its partition parent_old.
CREATE TABLE old_partitions (
  name  text PRIMARY KEY, -- of the table
  until date NOT NULL
);

-- The partitions of what is old. Keys are unique within a day only: here, days
-- are mixed, and so these indexes only find things.
CREATE TABLE events_old (LIKE events INCLUDING ALL);
CREATE INDEX events_old_request ON events_old (translate(lower(request_id), 'oil', '011'), request_key) WHERE request_id IS NOT NULL;
CREATE INDEX events_old_trace ON events_old (trace_id, span_key) WHERE trace_id IS NOT NULL;
CREATE INDEX events_old_item ON events_old (item_key) WHERE item_key IS NOT NULL;
CREATE TABLE event_parts_old (LIKE event_parts INCLUDING ALL);
CREATE TABLE aliases_old (LIKE aliases INCLUDING ALL);
CREATE TABLE bodies_old (LIKE bodies INCLUDING ALL);
CREATE TABLE stacks_old (LIKE stacks INCLUDING ALL);
-- +goose StatementBegin
DO $$
DECLARE
  parent text;
BEGIN
  FOREACH parent IN ARRAY ARRAY['events', 'event_parts', 'aliases', 'bodies', 'stacks'] LOOP
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (MINVALUE) TO (%L)', parent, parent || '_old', DATE '1970-01-01');
    INSERT INTO old_partitions VALUES (parent, DATE '1970-01-01');
  END LOOP;
END
$$;
-- +goose StatementEnd

-- As before, with stacks, and nothing for days that are over.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION errata_ensure_day(d date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  parent text;
  child  text;
  made   integer := 0;
  by_day boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(7203, d - DATE '1970-01-01');
  FOREACH parent IN ARRAY ARRAY['events', 'event_parts', 'aliases', 'bodies', 'stacks',
                                'error_minutes', 'customer_minutes', 'issue_hours',
                                'request_minutes', 'request_keys'] LOOP
    child := parent || '_' || to_char(d, 'YYYYMMDD');
    IF to_regclass('public.' || child) IS NULL AND NOT EXISTS (SELECT FROM old_partitions o WHERE o.name = parent AND d < o.until) THEN
      by_day := parent IN ('events', 'event_parts', 'aliases', 'bodies', 'stacks', 'request_keys');
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', child, parent);
      IF parent = 'events' THEN
        PERFORM errata_index_keys(child);
      END IF;
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

-- The days that there are get the new partitions too, and the stack traces that
-- Events and their reports name (there, a hash is a list of numbers) move into
-- them, with what they are differences from. In bodies they go with their day.
-- +goose StatementBegin
DO $$
DECLARE
  child text;
BEGIN
  FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'public.events'::regclass AND c.relname ~ '^events_[0-9]{8}$' ORDER BY 1 LOOP
    PERFORM errata_ensure_day(to_date(right(child, 8), 'YYYYMMDD'));
  END LOOP;
END
$$;
-- +goose StatementEnd
CREATE TABLE old_stacks AS
SELECT e.workspace_id, e.day, e.stack_hash AS hash FROM events e WHERE e.stack_hash IS NOT NULL
UNION
SELECT p.workspace_id, p.day, (SELECT string_agg(lpad(to_hex(b.v::integer), 2, '0'), '' ORDER BY b.i) FROM jsonb_array_elements_text(p.record->'stack') WITH ORDINALITY AS b(v, i))::uuid
FROM event_parts p WHERE jsonb_typeof(p.record->'stack') = 'array';
INSERT INTO stacks (workspace_id, day, hash, content, codec, base)
SELECT b.workspace_id, b.day, b.hash, b.content, b.codec, b.base FROM bodies b JOIN old_stacks o ON o.workspace_id = b.workspace_id AND o.day = b.day AND o.hash = b.hash;
INSERT INTO stacks (workspace_id, day, hash, content, codec, base)
SELECT b.workspace_id, b.day, b.hash, b.content, b.codec, b.base FROM bodies b
WHERE (b.workspace_id, b.day, b.hash) IN (SELECT s.workspace_id, s.day, s.base FROM stacks s WHERE s.base IS NOT NULL)
ON CONFLICT DO NOTHING;
DROP TABLE old_stacks;

-- Drops a day of a table, but for what belongs to exemplars, which moves to the
-- partition of what is old. Gives 'dropped'; 'gone' where there is no such day
-- any more; 'grown' where a day of events does not have the expected number of
-- rows: some came in since somebody looked. SECURITY DEFINER, so that errata_app
-- need not own tables.
--
-- DETACH … CONCURRENTLY, which holds nobody up, can be in no function and no
-- transaction. A plain DETACH needs the parent for itself, for a few milliseconds:
-- everybody who comes later waits in line behind it. So it stands in that line for
-- a tenth of a second at a time, and steps out of it in between.
-- +goose StatementBegin
CREATE FUNCTION errata_drop_day(parent text, d date, expected bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  child    text := parent || '_' || to_char(d, 'YYYYMMDD');
  keeps    boolean := parent IN ('events', 'event_parts', 'aliases', 'bodies', 'stacks');
  hash     text := CASE parent WHEN 'bodies' THEN 'body_hash' ELSE 'stack_hash' END;
  moves    boolean;
  held     bigint;
  columns  text;
BEGIN
  IF NOT keeps AND parent NOT IN ('error_minutes', 'customer_minutes', 'issue_hours', 'request_minutes', 'request_keys') THEN
    RAISE EXCEPTION '% has no days', parent;
  END IF;
  PERFORM pg_advisory_xact_lock(7204, hashtext(parent));
  IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = to_regclass('public.' || child) AND i.inhparent = to_regclass('public.' || parent)) THEN
    RETURN 'gone';
  END IF;
  -- Autovacuum gives way after a second, to a lock that nobody else minds.
  EXECUTE format('LOCK TABLE ONLY public.%I IN SHARE UPDATE EXCLUSIVE MODE', child);

  -- What stays is looked for before others have to wait.
  IF keeps THEN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute a
    WHERE a.attrelid = to_regclass('public.' || parent) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('request_key', 'span_key', 'item_key');
    DROP TABLE IF EXISTS pg_temp.errata_kept;
    IF parent IN ('bodies', 'stacks') THEN
      EXECUTE format('CREATE TEMP TABLE errata_kept ON COMMIT DROP AS SELECT c.* FROM public.%1$I c JOIN (
          SELECT x.workspace_id, x.%2$I AS hash FROM public.exemplars x WHERE x.day = %3$L
          UNION SELECT b.workspace_id, b.base FROM public.exemplars x JOIN public.%1$I b ON b.workspace_id = x.workspace_id AND b.day = x.day AND b.hash = x.%2$I
            WHERE x.day = %3$L) k ON k.workspace_id = c.workspace_id AND k.hash = c.hash AND c.day = %3$L', child, hash, d);
    ELSE
      EXECUTE format('CREATE TEMP TABLE errata_kept ON COMMIT DROP AS SELECT c.* FROM public.%I c JOIN public.exemplars x
        ON x.workspace_id = c.workspace_id AND x.day = c.day AND x.event_id = c.%I WHERE x.day = %L',
        child, CASE parent WHEN 'events' THEN 'id' ELSE 'event_id' END, d);
    END IF;
  END IF;

  moves := keeps AND EXISTS (SELECT FROM old_partitions o WHERE o.name = parent AND o.until <= d);
  FOR try IN 1 .. 10 LOOP
    BEGIN
      PERFORM set_config('lock_timeout', '100ms', true);
      IF parent = 'events' THEN -- counted in peace; a failed try lets writers of this day go on
        EXECUTE format('LOCK TABLE ONLY public.%I IN SHARE MODE', child);
        EXECUTE format('SELECT count(*) FROM public.%I', child) INTO held;
        IF held <> expected THEN
          RETURN 'grown';
        END IF;
      END IF;
      EXECUTE format('LOCK TABLE ONLY public.%I, ONLY public.%I IN ACCESS EXCLUSIVE MODE', parent, child);
      IF keeps THEN
        EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE', parent || '_old');
      END IF;
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      IF try = 10 THEN
        RAISE;
      END IF;
    END;
    PERFORM pg_sleep(0.05 * try);
  END LOOP;

  EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', parent, child);
  IF moves THEN
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', parent, parent || '_old');
  END IF;
  IF keeps THEN
    EXECUTE format('INSERT INTO public.%1$I (%2$s) SELECT %2$s FROM pg_temp.errata_kept ON CONFLICT DO NOTHING', parent || '_old', columns);
  END IF;
  IF moves THEN
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (MINVALUE) TO (%L)', parent, parent || '_old', d + 1);
    UPDATE old_partitions o SET until = d + 1 WHERE o.name = parent;
  END IF;
  EXECUTE format('DROP TABLE public.%I', child);
  RETURN 'dropped';
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION errata_drop_day(text, date, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION errata_drop_day(text, date, bigint) TO errata_app;

-- Puts back the days of which somebody's DETACH … CONCURRENTLY was interrupted:
-- nobody can read them, and they hold up every other DETACH. A day that was
-- detached for good is its owner's.
-- +goose StatementBegin
CREATE FUNCTION errata_mend_days() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  half record;
  made integer := 0;
BEGIN
  FOR half IN SELECT p.relname AS parent, c.relname AS child, pg_get_expr(c.relpartbound, c.oid) AS bound
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
              WHERE i.inhdetachpending AND p.relnamespace = 'public'::regnamespace AND pg_get_userbyid(p.relowner) = current_user LOOP
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I FINALIZE', half.parent, half.child);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I %s', half.parent, half.child, half.bound);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION errata_mend_days() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION errata_mend_days() TO errata_app;

-- Which IDs there were: Bloom filters, cut into blocks of which a look-up reads
-- one. An ID is in the block (its hash modulo blocks), at its places modulo bits.
CREATE TABLE expired_days (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  part         smallint NOT NULL, -- a second filter holds what came in late
  blocks       integer NOT NULL,
  bits         integer NOT NULL, -- of each block
  ids          bigint NOT NULL,
  made_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, day, part)
);
CREATE TABLE expired_ids (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  part         smallint NOT NULL,
  block        integer NOT NULL,
  bits         bytea NOT NULL,
  PRIMARY KEY (workspace_id, day, part, block)
);
ALTER TABLE expired_ids ALTER COLUMN bits SET STORAGE EXTERNAL; -- random: compression would be in vain

-- errata_app may add to the audit, and forget what is old, but nothing younger.
CREATE INDEX audit_at ON audit USING brin (at);
CREATE INDEX rejections_received ON rejections USING brin (received_at);
-- +goose StatementBegin
CREATE FUNCTION errata_forget_audit(before timestamptz, batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  IF before > now() - interval '30 days' THEN
    RAISE EXCEPTION 'the audit is kept for 30 days at least';
  END IF;
  DELETE FROM audit WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM audit a WHERE a.at < before LIMIT batch));
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION errata_forget_audit(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION errata_forget_audit(timestamptz, integer) TO errata_app;

-- How the jobs are doing, for all replicas to tell.
CREATE TABLE job_runs (
  name         text PRIMARY KEY,
  every        interval NOT NULL,
  known_since  timestamptz NOT NULL DEFAULT now(),
  started_at   timestamptz,
  succeeded_at timestamptz,
  failed_at    timestamptz,
  failures     bigint NOT NULL DEFAULT 0,
  error        text NOT NULL DEFAULT ''
);

-- River's own schema, as its migrations 1 to 8 of v0.51 add it up; a test
-- compares the two (https://riverqueue.com, MPL 2.0).
CREATE TYPE river_job_state AS ENUM ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
-- +goose StatementBegin
CREATE FUNCTION river_job_state_in_bitmask(bitmask bit(8), state river_job_state) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE state
        WHEN 'available' THEN get_bit(bitmask, 7)
        WHEN 'cancelled' THEN get_bit(bitmask, 6)
        WHEN 'completed' THEN get_bit(bitmask, 5)
        WHEN 'discarded' THEN get_bit(bitmask, 4)
        WHEN 'pending'   THEN get_bit(bitmask, 3)
        WHEN 'retryable' THEN get_bit(bitmask, 2)
        WHEN 'running'   THEN get_bit(bitmask, 1)
        WHEN 'scheduled' THEN get_bit(bitmask, 0)
        ELSE 0
    END = 1;
$$;
-- +goose StatementEnd
CREATE TABLE river_job (
  id            bigserial PRIMARY KEY,
  state         river_job_state NOT NULL DEFAULT 'available',
  attempt       smallint NOT NULL DEFAULT 0,
  max_attempts  smallint NOT NULL DEFAULT 25,
  attempted_at  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  finalized_at  timestamptz,
  scheduled_at  timestamptz NOT NULL DEFAULT now(),
  priority      smallint NOT NULL DEFAULT 1,
  args          jsonb NOT NULL,
  attempted_by  text[],
  errors        jsonb[],
  kind          text NOT NULL,
  metadata      jsonb NOT NULL DEFAULT '{}',
  queue         text NOT NULL DEFAULT 'default',
  tags          varchar(255)[] NOT NULL DEFAULT '{}',
  unique_key    bytea,
  unique_states bit(8),
  CONSTRAINT finalized_or_finalized_at_null CHECK (
    (finalized_at IS NULL AND state NOT IN ('cancelled', 'completed', 'discarded')) OR
    (finalized_at IS NOT NULL AND state IN ('cancelled', 'completed', 'discarded'))),
  CONSTRAINT max_attempts_is_positive CHECK (max_attempts > 0),
  CONSTRAINT priority_in_range CHECK (priority >= 1 AND priority <= 4),
  CONSTRAINT queue_length CHECK (char_length(queue) > 0 AND char_length(queue) < 128),
  CONSTRAINT kind_length CHECK (char_length(kind) > 0 AND char_length(kind) < 128)
);
CREATE INDEX river_job_kind ON river_job (kind);
CREATE INDEX river_job_state_and_finalized_at_index ON river_job (state, finalized_at) WHERE finalized_at IS NOT NULL;
CREATE INDEX river_job_prioritized_fetching_index ON river_job (state, queue, priority, scheduled_at, id);
CREATE INDEX river_job_args_index ON river_job USING gin (args);
CREATE INDEX river_job_metadata_index ON river_job USING gin (metadata);
CREATE UNIQUE INDEX river_job_unique_idx ON river_job (unique_key)
  WHERE unique_key IS NOT NULL AND unique_states IS NOT NULL AND river_job_state_in_bitmask(unique_states, state);
CREATE UNLOGGED TABLE river_leader (
  elected_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  leader_id  text NOT NULL,
  name       text PRIMARY KEY DEFAULT 'default',
  CONSTRAINT name_length CHECK (name = 'default'),
  CONSTRAINT leader_id_length CHECK (char_length(leader_id) > 0 AND char_length(leader_id) < 128)
);
CREATE TABLE river_queue (
  name       text PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  metadata   jsonb NOT NULL DEFAULT '{}',
  paused_at  timestamptz,
  updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE river_notification (
  id         bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  payload    text NOT NULL,
  topic      text NOT NULL,
  CONSTRAINT topic_length CHECK (length(topic) > 0 AND length(topic) < 128)
);
CREATE INDEX river_notification_created_at_idx ON river_notification (created_at);
CREATE INDEX river_notification_topic_id_idx ON river_notification (topic, id);
CREATE TABLE river_migration (
  line       text NOT NULL,
  version    bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT line_length CHECK (char_length(line) > 0 AND char_length(line) < 128),
  CONSTRAINT version_gte_1 CHECK (version >= 1),
  PRIMARY KEY (line, version)
);
INSERT INTO river_migration (line, version) SELECT 'main', v FROM generate_series(1, 8) AS v;
GRANT USAGE, SELECT ON SEQUENCE river_job_id_seq, river_notification_id_seq TO errata_app;

RESET ROLE;
