-- As pg_dump 15 writes it.

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE TYPE public.river_job_state AS ENUM (
    'available',
    'cancelled',
    'completed',
    'discarded',
    'pending',
    'retryable',
    'running',
    'scheduled'
);

CREATE FUNCTION public.errata_compact_minutes(d date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
DECLARE
  child text;
BEGIN
  PERFORM errata_lock_minutes(d);
  IF EXISTS (SELECT FROM rollup_marks WHERE level = 1 AND start >= d::text::timestamp AT TIME ZONE 'UTC' AND start < (d + 1)::text::timestamp AT TIME ZONE 'UTC') THEN
    RETURN false;
  END IF;
  FOREACH child IN ARRAY ARRAY['error_minutes', 'customer_minutes', 'request_minutes'] LOOP
    child := child || '_' || to_char(d, 'YYYYMMDD');
    IF to_regclass('public.' || child) IS NOT NULL THEN
      EXECUTE format('TRUNCATE TABLE ONLY public.%I', child);
    END IF;
  END LOOP;
  INSERT INTO rollup_compacted (day) VALUES (d) ON CONFLICT (day) DO NOTHING;
  RETURN true;
END
$$;

CREATE FUNCTION public.errata_drop_day(parent text, d date, expected bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $_$
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
    WHERE a.attrelid = to_regclass('public.' || parent) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('request_key', 'span_key', 'item_key', 'segment');
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
$_$;

CREATE FUNCTION public.errata_ensure_day(d date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.errata_forget_audit(before timestamp with time zone, batch integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.errata_forget_segments(before integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
DECLARE
  gone date[] := ARRAY(SELECT DISTINCT g.day FROM event_segments g
                       WHERE g.day < DATE '1970-01-01' + before AND to_regclass('public.events_' || to_char(g.day, 'YYYYMMDD')) IS NULL);
BEGIN
  IF cardinality(gone) = 0 THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(7233);
  DELETE FROM event_segments g WHERE g.day = ANY (gone);
  UPDATE known_segments k SET list = ARRAY(SELECT generate_series(0, (SELECT coalesce(max(g.segment), 0) FROM event_segments g)));
END
$$;

CREATE FUNCTION public.errata_index_keys(child text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
  EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (segment, translate(lower(request_id), ''oil'', ''011''), request_key) WHERE request_id IS NOT NULL',
                 child || '_request', child);
  EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (segment, trace_id, span_key) WHERE trace_id IS NOT NULL', child || '_trace', child);
  EXECUTE format('CREATE INDEX %I ON public.%I (segment, span_id) WHERE span_id IS NOT NULL', child || '_span', child);
  EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (item_key) WHERE item_key IS NOT NULL', child || '_item', child);
  -- A day of ten million is analysed for each million that comes otherwise, beside
  -- those that come.
  EXECUTE format('ALTER TABLE public.%I SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_vacuum_insert_scale_factor = 1)', child);
END
$$;

CREATE FUNCTION public.errata_lock_minutes(d date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
DECLARE
  child text;
BEGIN
  FOREACH child IN ARRAY ARRAY['error_minutes', 'customer_minutes', 'request_minutes'] LOOP
    child := child || '_' || to_char(d, 'YYYYMMDD');
    IF to_regclass('public.' || child) IS NOT NULL THEN
      EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE', child);
    END IF;
  END LOOP;
END
$$;

CREATE FUNCTION public.errata_mend_days() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
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

CREATE FUNCTION public.errata_pack_day(parent text, d date, most bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
  child   text := parent || '_' || to_char(d, 'YYYYMMDD');
  fresh   text := parent || '_' || to_char(d, 'YYYYMMDD') || '_packed';
  kind    text;
  columns text;
  held    bigint;
BEGIN
  IF parent NOT IN ('events', 'event_parts', 'aliases') THEN
    RAISE EXCEPTION '% is not packed', parent;
  END IF;
  PERFORM pg_advisory_xact_lock(7204, hashtext(parent));
  IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = to_regclass('public.' || child) AND i.inhparent = to_regclass('public.' || parent)) THEN
    RETURN 'gone';
  END IF;
  EXECUTE format('SELECT count(*) FROM (SELECT FROM public.%I LIMIT %s) x', child, most + 1) INTO held;
  IF held > most THEN
    RETURN 'large';
  END IF;
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute a
  WHERE a.attrelid = to_regclass('public.' || parent) AND a.attnum > 0 AND NOT a.attisdropped;
  -- Autovacuum gives way after a second, to a lock that nobody else minds.
  EXECUTE format('LOCK TABLE ONLY public.%I IN SHARE UPDATE EXCLUSIVE MODE', child);
  PERFORM set_config('lock_timeout', '100ms', true);
  EXECUTE format('LOCK TABLE ONLY public.%I IN SHARE MODE', child);
  EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL, CONSTRAINT of_the_day CHECK (day IS NOT NULL AND day >= %L AND day < %L))', fresh, parent, d, d + 1);
  EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM public.%I', fresh, columns, columns, child);
  IF parent = 'events' THEN
    PERFORM errata_index_keys(fresh);
  END IF;
  EXECUTE format('ANALYZE public.%I', fresh);
  FOR try IN 1 .. 5 LOOP
    BEGIN
      EXECUTE format('LOCK TABLE ONLY public.%I, ONLY public.%I IN ACCESS EXCLUSIVE MODE', parent, child);
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      IF try = 5 THEN
        RAISE;
      END IF;
    END;
    PERFORM pg_sleep(0.05 * try);
  END LOOP;
  EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', parent, child);
  EXECUTE format('DROP TABLE public.%I', child);
  EXECUTE format('ALTER TABLE public.%I RENAME TO %I', fresh, child);
  EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', parent, child, d, d + 1);
  EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT of_the_day', child);
  IF parent = 'events' THEN
    FOREACH kind IN ARRAY ARRAY['_request', '_trace', '_span', '_item'] LOOP
      EXECUTE format('ALTER INDEX public.%I RENAME TO %I', fresh || kind, child || kind);
    END LOOP;
  END IF;
  RETURN 'packed';
END
$$;

CREATE FUNCTION public.errata_seal_segment(d integer, s smallint, by uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '100ms'
    AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7233);
  IF EXISTS (SELECT FROM event_segments g WHERE g.day = DATE '1970-01-01' + d AND g.segment > s) THEN
    RETURN;
  END IF;
  INSERT INTO event_segments (day, segment, writer) VALUES (DATE '1970-01-01' + d, s + 1, by);
  UPDATE known_segments k SET list = k.list || (s + 1)::smallint WHERE NOT (s + 1)::smallint = ANY (k.list);
END
$$;

CREATE FUNCTION public.errata_write_segments(days integer[], segments smallint[], written boolean[], by uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7233);
  -- A statement of its own, which sees what was committed before the lock was had.
  IF EXISTS (SELECT FROM unnest(days, segments) AS u(d, s)
             WHERE u.s <> (SELECT coalesce(max(g.segment), 0) FROM event_segments g WHERE g.day = DATE '1970-01-01' + u.d)) THEN
    RAISE EXCEPTION 'a segment is not the open one' USING ERRCODE = 'ER001';
  END IF;
  INSERT INTO event_segments (day, segment, writer)
  SELECT DATE '1970-01-01' + u.d, u.s, by FROM unnest(days, segments, written) AS u(d, s, w) WHERE u.w ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION public.report_requests(from_time timestamp with time zone, to_time timestamp with time zone) RETURNS TABLE(workspace_id integer, "time" timestamp with time zone, service text, environment text, method text, endpoint text, requests double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
  WITH present AS (
    SELECT q.workspace_id, q.service, q.environment, date_trunc('hour', q.minute, 'UTC') AS hour, bit_or(1 << q.source) AS sources
    FROM request_minutes q
    WHERE q.minute >= date_trunc('hour', from_time, 'UTC') AND q.minute < date_trunc('hour', to_time, 'UTC') + interval '1 hour'
    GROUP BY 1, 2, 3, 4
  )
  SELECT r.workspace_id, r.minute, r.service, r.environment, r.method, r.endpoint, sum(r.n)
  FROM (
    SELECT m.workspace_id, m.minute, m.service, m.environment, m.method, m.endpoint, m.source, m.n FROM request_minutes m
    WHERE m.minute >= from_time AND m.minute < to_time
    UNION ALL
    SELECT e.workspace_id, e.minute, e.service, e.environment, e.method, e.endpoint, 7, e.n FROM error_minutes e
    WHERE e.minute >= from_time AND e.minute < to_time AND e.role = 0
  ) r JOIN present p ON p.workspace_id = r.workspace_id AND p.service = r.service AND p.environment = r.environment AND p.hour = date_trunc('hour', r.minute, 'UTC')
  WHERE CASE
    WHEN p.sources & 2 <> 0 THEN r.source = 1
    WHEN p.sources & (4 | 8 | 16 | 32) <> 0 THEN
      r.source = CASE WHEN p.sources & 4 <> 0 THEN 2 ELSE 3 END OR r.source = CASE WHEN p.sources & 16 <> 0 THEN 4 ELSE 5 END
    WHEN p.sources & 64 <> 0 THEN r.source = 6
    ELSE r.source = 7
  END
  GROUP BY 1, 2, 3, 4, 5, 6
$$;

COMMENT ON FUNCTION public.report_requests(from_time timestamp with time zone, to_time timestamp with time zone) IS 'Requests by minute, counted by the best source of each service and hour.';

CREATE FUNCTION public.river_job_state_in_bitmask(bitmask bit, state public.river_job_state) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
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

CREATE TABLE public.alert_clock (
    one boolean DEFAULT true NOT NULL,
    minute timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT alert_clock_one_check CHECK (one)
);

CREATE TABLE public.alert_gaps (
    from_minute timestamp with time zone NOT NULL,
    to_minute timestamp with time zone NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.alert_rules (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    sensitivity text NOT NULL,
    settings jsonb NOT NULL,
    level text NOT NULL,
    channels uuid[] NOT NULL,
    runbook text NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT alert_rules_level_check CHECK ((level = ANY (ARRAY['page'::text, 'ticket'::text, 'notify'::text]))),
    CONSTRAINT alert_rules_name_check CHECK ((name <> ''::text)),
    CONSTRAINT alert_rules_sensitivity_check CHECK ((sensitivity = ANY (ARRAY['low'::text, 'normal'::text, 'high'::text])))
);

CREATE TABLE public.alert_states (
    workspace_id integer NOT NULL,
    rule_id uuid NOT NULL,
    family smallint NOT NULL,
    environment text NOT NULL,
    service text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    code text NOT NULL,
    state jsonb NOT NULL
);

CREATE TABLE public.aliases (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    value text NOT NULL COLLATE pg_catalog."C",
    event_id uuid NOT NULL,
    kind text NOT NULL
)
PARTITION BY RANGE (day);

CREATE TABLE public.aliases_old (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    value text NOT NULL COLLATE pg_catalog."C",
    event_id uuid NOT NULL,
    kind text NOT NULL
);

CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    workspace_id integer NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_scopes CHECK ((scopes <@ '{ingest,support,read,admin}'::text[]))
);

CREATE TABLE public.audit (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_label text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    details jsonb
);

CREATE TABLE public.bodies (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    hash uuid NOT NULL,
    content bytea NOT NULL,
    codec smallint DEFAULT 0 NOT NULL,
    base uuid
)
PARTITION BY RANGE (day);

CREATE TABLE public.bodies_old (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    hash uuid NOT NULL,
    content bytea NOT NULL,
    codec smallint DEFAULT 0 NOT NULL,
    base uuid
);

CREATE TABLE public.catalog_books (
    workspace_id integer NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE public.catalog_entries (
    workspace_id integer NOT NULL,
    service text NOT NULL,
    code text NOT NULL,
    version integer NOT NULL,
    size integer NOT NULL,
    entry jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT catalog_entries_code_check CHECK ((code <> ''::text)),
    CONSTRAINT catalog_entries_version_check CHECK ((version > 0))
);

CREATE TABLE public.catalog_history (
    workspace_id integer NOT NULL,
    service text NOT NULL,
    code text NOT NULL,
    version integer NOT NULL,
    act text NOT NULL,
    entry jsonb,
    fields text[] NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_label text NOT NULL,
    CONSTRAINT catalog_history_act_check CHECK ((act = ANY (ARRAY['save'::text, 'import'::text, 'revert'::text, 'remove'::text])))
);

CREATE TABLE public.channels (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    settings jsonb NOT NULL,
    secrets jsonb NOT NULL,
    level text NOT NULL,
    fallback uuid,
    hourly integer DEFAULT 20 NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    disabled_why text DEFAULT ''::text NOT NULL,
    failing_since timestamp with time zone,
    last_error text DEFAULT ''::text NOT NULL,
    last_sent_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    dismissed_at timestamp with time zone,
    dismissed_by text DEFAULT ''::text NOT NULL,
    CONSTRAINT channels_level_check CHECK ((level = ANY (ARRAY['page'::text, 'ticket'::text, 'notify'::text]))),
    CONSTRAINT channels_name_check CHECK ((name <> ''::text))
);

CREATE TABLE public.collectors (
    id uuid NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    spool_bytes bigint NOT NULL,
    spool_max bigint NOT NULL,
    spool_items bigint NOT NULL,
    spool_oldest timestamp with time zone,
    spool_damaged bigint NOT NULL,
    database_away interval NOT NULL
);

CREATE TABLE public.customer_minutes (
    workspace_id integer NOT NULL,
    minute timestamp with time zone NOT NULL,
    alert_minute timestamp with time zone NOT NULL,
    role smallint NOT NULL,
    family smallint NOT NULL,
    status smallint,
    service text NOT NULL,
    environment text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    code text NOT NULL,
    customers text[] NOT NULL,
    counts integer[] NOT NULL,
    durations smallint[] DEFAULT '{}'::smallint[] NOT NULL,
    duration_counts integer[] DEFAULT '{}'::integer[] NOT NULL,
    failure bigint
)
PARTITION BY RANGE (minute);

CREATE VIEW public.customer_counts AS
 SELECT c.workspace_id,
    c.minute,
    c.alert_minute,
    c.role,
    c.family,
    c.status,
    c.service,
    c.environment,
    c.method,
    c.endpoint,
    c.code,
    u.customer,
    u.n
   FROM public.customer_minutes c,
    LATERAL UNNEST(c.customers, c.counts) u(customer, n);

CREATE TABLE public.customers (
    workspace_id integer NOT NULL,
    customer text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    folded text NOT NULL COLLATE pg_catalog."C",
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT customers_customer_check CHECK ((customer <> ''::text)),
    CONSTRAINT customers_name_check CHECK ((name <> ''::text))
);

CREATE TABLE public.deliveries (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    incident_id uuid,
    seq integer NOT NULL,
    kind text NOT NULL,
    dedup_key text NOT NULL,
    message jsonb NOT NULL,
    state text NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    next_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    handle text DEFAULT ''::text NOT NULL,
    CONSTRAINT deliveries_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'dead'::text, 'dropped'::text])))
);

CREATE TABLE public.delivery_attempts (
    workspace_id integer NOT NULL,
    delivery_id uuid NOT NULL,
    n integer NOT NULL,
    at timestamp with time zone NOT NULL,
    took_ms integer NOT NULL,
    outcome text NOT NULL,
    error text NOT NULL,
    request jsonb NOT NULL,
    response jsonb NOT NULL
);

CREATE TABLE public.deploys (
    workspace_id integer NOT NULL,
    service text NOT NULL,
    environment text NOT NULL,
    deployed_at timestamp with time zone NOT NULL,
    release text NOT NULL,
    url text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.desk_settings (
    workspace_id integer NOT NULL,
    public_links boolean NOT NULL
);

CREATE TABLE public.endpoints (
    workspace_id integer NOT NULL,
    service text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.error_minutes (
    workspace_id integer NOT NULL,
    minute timestamp with time zone NOT NULL,
    key uuid NOT NULL,
    slot smallint NOT NULL,
    alert_minute timestamp with time zone NOT NULL,
    role smallint NOT NULL,
    family smallint NOT NULL,
    status smallint,
    n bigint NOT NULL,
    n_late bigint NOT NULL,
    service text NOT NULL,
    environment text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    code text NOT NULL,
    provider text NOT NULL,
    release text NOT NULL
)
PARTITION BY RANGE (minute);

CREATE TABLE public.event_parts (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    part_id uuid NOT NULL,
    source smallint NOT NULL,
    record jsonb NOT NULL
)
PARTITION BY RANGE (day);

CREATE TABLE public.event_parts_old (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    part_id uuid NOT NULL,
    source smallint NOT NULL,
    record jsonb NOT NULL
);

CREATE TABLE public.event_segments (
    day date NOT NULL,
    segment smallint NOT NULL,
    writer uuid NOT NULL,
    CONSTRAINT event_segments_segment_check CHECK ((segment >= 0))
);

CREATE TABLE public.events (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    trace_id uuid,
    span_id bigint,
    parent_span_id bigint,
    body_hash uuid,
    stack_hash uuid,
    issue_id uuid NOT NULL,
    merged_into uuid,
    duration_ms double precision,
    weight double precision,
    status smallint,
    attempt smallint,
    role smallint NOT NULL,
    family smallint NOT NULL,
    sources smallint NOT NULL,
    fp_version smallint NOT NULL,
    endpoint_other boolean NOT NULL,
    parts smallint NOT NULL,
    request_id text COLLATE pg_catalog."C",
    service text NOT NULL,
    environment text NOT NULL,
    release text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    path text NOT NULL,
    customer text NOT NULL,
    provider text NOT NULL,
    raw_code text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    details jsonb,
    extra jsonb,
    exception smallint,
    request_key bigint,
    span_key bigint,
    item_key bigint,
    segment smallint DEFAULT 0 NOT NULL
)
PARTITION BY RANGE (day);

CREATE TABLE public.events_old (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    trace_id uuid,
    span_id bigint,
    parent_span_id bigint,
    body_hash uuid,
    stack_hash uuid,
    issue_id uuid NOT NULL,
    merged_into uuid,
    duration_ms double precision,
    weight double precision,
    status smallint,
    attempt smallint,
    role smallint NOT NULL,
    family smallint NOT NULL,
    sources smallint NOT NULL,
    fp_version smallint NOT NULL,
    endpoint_other boolean NOT NULL,
    parts smallint NOT NULL,
    request_id text COLLATE pg_catalog."C",
    service text NOT NULL,
    environment text NOT NULL,
    release text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    path text NOT NULL,
    customer text NOT NULL,
    provider text NOT NULL,
    raw_code text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    details jsonb,
    extra jsonb,
    exception smallint,
    request_key bigint,
    span_key bigint,
    item_key bigint,
    segment smallint DEFAULT 0 NOT NULL
);

CREATE TABLE public.exemplars (
    workspace_id integer NOT NULL,
    issue_id uuid NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    body_hash uuid,
    stack_hash uuid
);

CREATE TABLE public.expired_days (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    part smallint NOT NULL,
    blocks integer NOT NULL,
    bits integer NOT NULL,
    ids bigint NOT NULL,
    made_at timestamp with time zone NOT NULL,
    rule text,
    kept integer,
    after_days integer,
    CONSTRAINT expired_days_rule CHECK ((((rule IS NULL) = (kept IS NULL)) AND ((rule IS NULL) = (after_days IS NULL))))
);

CREATE TABLE public.expired_ids (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    part smallint NOT NULL,
    block integer NOT NULL,
    bits bytea NOT NULL
);
ALTER TABLE ONLY public.expired_ids ALTER COLUMN bits SET STORAGE EXTERNAL;

CREATE TABLE public.failure_keys (
    since timestamp with time zone NOT NULL
);

CREATE TABLE public.incident_events (
    workspace_id integer NOT NULL,
    incident_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    actor_label text DEFAULT ''::text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE public.incident_members (
    workspace_id integer NOT NULL,
    incident_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    family smallint NOT NULL,
    environment text NOT NULL,
    service text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    code text NOT NULL,
    n integer NOT NULL,
    phase text NOT NULL,
    level text NOT NULL,
    why jsonb NOT NULL,
    peak double precision NOT NULL,
    errors bigint NOT NULL,
    mask_from timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    fired_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    normal boolean DEFAULT false NOT NULL
);

CREATE TABLE public.incidents (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    number integer NOT NULL,
    family smallint NOT NULL,
    environment text NOT NULL,
    service text NOT NULL,
    provider text NOT NULL,
    phase text NOT NULL,
    level text NOT NULL,
    rule_id uuid NOT NULL,
    why jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    fired_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    reason text DEFAULT ''::text NOT NULL,
    peak double precision DEFAULT 0 NOT NULL,
    errors bigint DEFAULT 0 NOT NULL,
    facts jsonb NOT NULL,
    seq integer DEFAULT 0 NOT NULL,
    told_at timestamp with time zone,
    told_phase text DEFAULT ''::text NOT NULL,
    told_level text DEFAULT ''::text NOT NULL,
    told_members integer DEFAULT 0 NOT NULL,
    acked_at timestamp with time zone,
    acked_by text DEFAULT ''::text NOT NULL,
    useful text DEFAULT ''::text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT incidents_level_check CHECK ((level = ANY (ARRAY['page'::text, 'ticket'::text, 'notify'::text]))),
    CONSTRAINT incidents_phase_check CHECK ((phase = ANY (ARRAY['firing'::text, 'recovering'::text, 'stale'::text, 'resolved'::text]))),
    CONSTRAINT incidents_useful_check CHECK ((useful = ANY (ARRAY[''::text, 'yes'::text, 'noisy'::text, 'late'::text])))
);

CREATE TABLE public.integrations (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    account text NOT NULL,
    customers boolean DEFAULT false NOT NULL,
    unfurl boolean DEFAULT true NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    secrets jsonb NOT NULL,
    token_hash bytea,
    token_at timestamp with time zone,
    last_used_at timestamp with time zone,
    last_error text DEFAULT ''::text NOT NULL,
    last_error_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT integrations_account_check CHECK ((account <> ''::text)),
    CONSTRAINT integrations_kind_check CHECK ((kind = ANY (ARRAY['slack'::text, 'zendesk'::text]))),
    CONSTRAINT integrations_name_check CHECK ((name <> ''::text))
);

CREATE TABLE public.issue_comments (
    workspace_id integer NOT NULL,
    issue_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_label text NOT NULL,
    body text NOT NULL
);

CREATE TABLE public.issue_customers (
    workspace_id integer NOT NULL,
    issue_id uuid NOT NULL,
    customer text NOT NULL
);

CREATE TABLE public.issue_hours (
    workspace_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    issue_id uuid NOT NULL,
    slot smallint NOT NULL,
    n bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    release text DEFAULT ''::text NOT NULL,
    samples uuid[]
)
PARTITION BY RANGE (hour);

CREATE TABLE public.issue_seen (
    workspace_id integer NOT NULL,
    issue_id uuid NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.issue_tickets (
    workspace_id integer NOT NULL,
    issue_id uuid NOT NULL,
    url text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.issues (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    fp_version smallint NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    resolved_at timestamp with time zone,
    first_at timestamp with time zone NOT NULL,
    role smallint NOT NULL,
    family smallint NOT NULL,
    service text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    status smallint,
    code text NOT NULL,
    title text NOT NULL,
    state_at timestamp with time zone,
    resolved_in text,
    regressed_at timestamp with time zone,
    ignored_at timestamp with time zone,
    ignore_until timestamp with time zone,
    ignore_events bigint,
    ignore_customers integer,
    ignore_base bigint,
    assignee text DEFAULT ''::text NOT NULL,
    merged_into uuid,
    merged_under uuid,
    provider text DEFAULT ''::text NOT NULL,
    exception text DEFAULT ''::text NOT NULL,
    template text DEFAULT ''::text NOT NULL,
    reasons jsonb,
    haystack text GENERATED ALWAYS AS (((((((((((((((title || '
'::text) || template) || '
'::text) || code) || '
'::text) || service) || '
'::text) || method) || ' '::text) || endpoint) || '
'::text) || exception) || '
'::text) || provider)) STORED NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, translate(((((((((((((title || ' '::text) || template) || ' '::text) || code) || ' '::text) || service) || ' '::text) || endpoint) || ' '::text) || exception) || ' '::text) || provider), '_./:-{}<>()[]*#@=,;&?'::text, '                      '::text))) STORED NOT NULL,
    CONSTRAINT issues_state_check CHECK ((state = ANY (ARRAY['open'::text, 'acknowledged'::text, 'resolved'::text, 'regressed'::text, 'ignored'::text])))
);

CREATE TABLE public.job_runs (
    name text NOT NULL,
    every interval NOT NULL,
    known_since timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    succeeded_at timestamp with time zone,
    failed_at timestamp with time zone,
    failures bigint DEFAULT 0 NOT NULL,
    error text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.known_segments (
    list smallint[] NOT NULL
);

CREATE TABLE public.link_templates (
    workspace_id integer NOT NULL,
    "position" smallint NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT link_templates_name_check CHECK ((name <> ''::text)),
    CONSTRAINT link_templates_position_check CHECK (("position" >= 0)),
    CONSTRAINT link_templates_url_check CHECK ((url <> ''::text))
);

CREATE TABLE public.login_links (
    hash bytea NOT NULL,
    workspace_id integer NOT NULL,
    label text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    scope text DEFAULT 'admin'::text NOT NULL,
    CONSTRAINT login_links_scope CHECK ((scope = ANY (ARRAY['support'::text, 'read'::text, 'admin'::text])))
);

CREATE TABLE public.old_partitions (
    name text NOT NULL,
    until date NOT NULL
);

CREATE TABLE public.refusals (
    workspace_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    key_id text NOT NULL,
    key_name text NOT NULL,
    service text NOT NULL,
    reason text NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE public.rejections (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    request_id text COLLATE pg_catalog."C",
    service text,
    preview text NOT NULL,
    details jsonb,
    item bytea,
    replayed_at timestamp with time zone
);

CREATE TABLE public.releases (
    workspace_id integer NOT NULL,
    service text NOT NULL,
    environment text NOT NULL,
    release text NOT NULL,
    first_seen timestamp with time zone NOT NULL
);

CREATE VIEW public.report_customers AS
 SELECT c.workspace_id,
    c.minute AS "time",
    c.service,
    c.environment,
    c.method,
    c.endpoint,
    c.status,
    (ARRAY['caller'::text, 'limits'::text, 'us'::text, 'upstream'::text])[(c.family + 1)] AS family,
    c.code,
    (ARRAY['primary'::text, 'upstream'::text, 'context'::text])[(c.role + 1)] AS role,
    u.customer,
    sum(u.n) AS errors
   FROM public.customer_minutes c,
    LATERAL UNNEST(c.customers, c.counts) u(customer, n)
  GROUP BY c.workspace_id, c.minute, c.service, c.environment, c.method, c.endpoint, c.status, c.family, c.code, c.role, u.customer
 HAVING (sum(u.n) <> 0);

COMMENT ON VIEW public.report_customers IS 'Failures by minute and customer.';

CREATE VIEW public.report_deploys AS
 SELECT deploys.workspace_id,
    deploys.deployed_at AS "time",
    deploys.service,
    deploys.environment,
    deploys.release,
    deploys.url,
    true AS reported
   FROM public.deploys
UNION ALL
 SELECT r.workspace_id,
    r.first_seen AS "time",
    r.service,
    r.environment,
    r.release,
    ''::text AS url,
    false AS reported
   FROM public.releases r
  WHERE ((NOT (EXISTS ( SELECT
           FROM public.deploys d
          WHERE ((d.workspace_id = r.workspace_id) AND (d.service = r.service) AND (d.environment = r.environment) AND (d.release = r.release))))) AND (EXISTS ( SELECT
           FROM public.releases o
          WHERE ((o.workspace_id = r.workspace_id) AND (o.service = r.service) AND (o.environment = r.environment) AND (o.first_seen < r.first_seen)))));

COMMENT ON VIEW public.report_deploys IS 'Deploys as reported, and releases when they were first seen failing.';

CREATE VIEW public.report_errors AS
 SELECT error_minutes.workspace_id,
    error_minutes.minute AS "time",
    error_minutes.service,
    error_minutes.environment,
    error_minutes.method,
    error_minutes.endpoint,
    error_minutes.status,
    (ARRAY['caller'::text, 'limits'::text, 'us'::text, 'upstream'::text])[(error_minutes.family + 1)] AS family,
    error_minutes.code,
    error_minutes.provider,
    error_minutes.release,
    (ARRAY['primary'::text, 'upstream'::text, 'context'::text])[(error_minutes.role + 1)] AS role,
    (sum(error_minutes.n))::bigint AS errors
   FROM public.error_minutes
  GROUP BY error_minutes.workspace_id, error_minutes.minute, error_minutes.service, error_minutes.environment, error_minutes.method, error_minutes.endpoint, error_minutes.status, error_minutes.family, error_minutes.code, error_minutes.provider, error_minutes.release, error_minutes.role;

COMMENT ON VIEW public.report_errors IS 'Failures by minute. Error rates are about role primary.';

CREATE VIEW public.report_events AS
 SELECT events.workspace_id,
    events.occurred_at AS "time",
    events.day,
    events.id AS event_id,
    events.request_id,
    replace((events.trace_id)::text, '-'::text, ''::text) AS trace_id,
    events.service,
    events.environment,
    events.method,
    events.endpoint,
    events.path,
    events.status,
    (ARRAY['caller'::text, 'limits'::text, 'us'::text, 'upstream'::text])[(events.family + 1)] AS family,
    events.code,
    events.provider,
    events.release,
    events.customer,
    (ARRAY['primary'::text, 'upstream'::text, 'context'::text])[(events.role + 1)] AS role,
    events.message,
    events.duration_ms,
    events.issue_id
   FROM public.events
  WHERE (events.merged_into IS NULL);

COMMENT ON VIEW public.report_events IS 'Single failures. Always narrow by day as well as by time: events are partitioned by day.';

CREATE TABLE public.request_keys (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    key uuid NOT NULL
)
PARTITION BY RANGE (day);

CREATE TABLE public.request_minutes (
    workspace_id integer NOT NULL,
    minute timestamp with time zone NOT NULL,
    key uuid NOT NULL,
    n double precision NOT NULL,
    source smallint NOT NULL,
    slot smallint NOT NULL,
    status smallint,
    service text NOT NULL,
    environment text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL
)
PARTITION BY RANGE (minute);

CREATE TABLE public.request_notes (
    workspace_id integer NOT NULL,
    event_id uuid NOT NULL,
    id uuid NOT NULL,
    day date NOT NULL,
    request_id text COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_label text NOT NULL,
    body text NOT NULL
);

CREATE TABLE public.request_shares (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    hash bytea NOT NULL,
    event_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    created_by text NOT NULL,
    opened integer DEFAULT 0 NOT NULL,
    first_opened_at timestamp with time zone,
    last_opened_at timestamp with time zone
);

CREATE TABLE public.request_states (
    workspace_id integer NOT NULL,
    event_id uuid NOT NULL,
    day date NOT NULL,
    request_id text COLLATE pg_catalog."C",
    status text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_label text NOT NULL,
    CONSTRAINT request_states_status_check CHECK ((status = ANY (ARRAY['new'::text, 'investigating'::text, 'answered'::text, 'escalated'::text, 'known_issue'::text])))
);

CREATE TABLE public.request_tickets (
    workspace_id integer NOT NULL,
    event_id uuid NOT NULL,
    url text NOT NULL,
    day date NOT NULL,
    request_id text COLLATE pg_catalog."C",
    issue_id uuid NOT NULL,
    system text NOT NULL,
    key text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_label text NOT NULL
);

CREATE TABLE public.request_watches (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    value text NOT NULL COLLATE pg_catalog."C",
    channel_id uuid,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_label text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    arrived_at timestamp with time zone,
    event_id uuid
);

CREATE TABLE public.river_job (
    id bigint NOT NULL,
    state public.river_job_state DEFAULT 'available'::public.river_job_state NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 25 NOT NULL,
    attempted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finalized_at timestamp with time zone,
    scheduled_at timestamp with time zone DEFAULT now() NOT NULL,
    priority smallint DEFAULT 1 NOT NULL,
    args jsonb NOT NULL,
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    tags character varying(255)[] DEFAULT '{}'::character varying[] NOT NULL,
    unique_key bytea,
    unique_states bit(8),
    CONSTRAINT finalized_or_finalized_at_null CHECK ((((finalized_at IS NULL) AND (state <> ALL (ARRAY['cancelled'::public.river_job_state, 'completed'::public.river_job_state, 'discarded'::public.river_job_state]))) OR ((finalized_at IS NOT NULL) AND (state = ANY (ARRAY['cancelled'::public.river_job_state, 'completed'::public.river_job_state, 'discarded'::public.river_job_state]))))),
    CONSTRAINT kind_length CHECK (((char_length(kind) > 0) AND (char_length(kind) < 128))),
    CONSTRAINT max_attempts_is_positive CHECK ((max_attempts > 0)),
    CONSTRAINT priority_in_range CHECK (((priority >= 1) AND (priority <= 4))),
    CONSTRAINT queue_length CHECK (((char_length(queue) > 0) AND (char_length(queue) < 128)))
);

CREATE SEQUENCE public.river_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.river_job_id_seq OWNED BY public.river_job.id;

CREATE UNLOGGED TABLE public.river_leader (
    elected_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    leader_id text NOT NULL,
    name text DEFAULT 'default'::text NOT NULL,
    CONSTRAINT leader_id_length CHECK (((char_length(leader_id) > 0) AND (char_length(leader_id) < 128))),
    CONSTRAINT name_length CHECK ((name = 'default'::text))
);

CREATE TABLE public.river_migration (
    line text NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT line_length CHECK (((char_length(line) > 0) AND (char_length(line) < 128))),
    CONSTRAINT version_gte_1 CHECK ((version >= 1))
);

CREATE TABLE public.river_notification (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    payload text NOT NULL,
    topic text NOT NULL,
    CONSTRAINT topic_length CHECK (((length(topic) > 0) AND (length(topic) < 128)))
);

CREATE SEQUENCE public.river_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.river_notification_id_seq OWNED BY public.river_notification.id;

CREATE TABLE public.river_queue (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE public.rollup_blocks (
    workspace_id integer NOT NULL,
    level smallint NOT NULL,
    start timestamp with time zone NOT NULL,
    cube smallint NOT NULL,
    service text NOT NULL,
    content bytea NOT NULL
);
ALTER TABLE ONLY public.rollup_blocks ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE public.rollup_compacted (
    day date NOT NULL,
    compacted_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.rollup_marks (
    workspace_id integer NOT NULL,
    level smallint NOT NULL,
    start timestamp with time zone NOT NULL,
    pieces smallint DEFAULT '-1'::integer NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    folded boolean DEFAULT false NOT NULL
);

CREATE TABLE public.rollup_spans (
    workspace_id integer NOT NULL,
    level smallint NOT NULL,
    start timestamp with time zone NOT NULL,
    upto timestamp with time zone NOT NULL,
    built_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.sessions (
    token text NOT NULL,
    data bytea NOT NULL,
    expiry timestamp with time zone NOT NULL
);

CREATE TABLE public.silences (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    environment text NOT NULL,
    service text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    code text NOT NULL,
    customer text NOT NULL,
    family text NOT NULL,
    rule_id uuid,
    reason text NOT NULL,
    cron text DEFAULT ''::text NOT NULL,
    minutes integer DEFAULT 0 NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by text NOT NULL,
    muted bigint DEFAULT 0 NOT NULL,
    CONSTRAINT silences_check CHECK ((ends_at > starts_at)),
    CONSTRAINT silences_family_check CHECK ((family = ANY (ARRAY[''::text, '5xx'::text, '429'::text]))),
    CONSTRAINT silences_reason_check CHECK ((reason <> ''::text))
);

CREATE TABLE public.slos (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    service text NOT NULL,
    environment text NOT NULL,
    method text NOT NULL,
    endpoint text NOT NULL,
    objective double precision NOT NULL,
    window_days integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT slos_check CHECK (((method = ''::text) OR (endpoint <> ''::text))),
    CONSTRAINT slos_objective_check CHECK (((objective >= (50)::double precision) AND (objective < (100)::double precision))),
    CONSTRAINT slos_service_check CHECK ((service <> ''::text)),
    CONSTRAINT slos_window_days_check CHECK (((window_days >= 1) AND (window_days <= 90)))
);

CREATE TABLE public.stacks (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    hash uuid NOT NULL,
    content bytea NOT NULL,
    codec smallint DEFAULT 0 NOT NULL,
    base uuid
)
PARTITION BY RANGE (day);

CREATE TABLE public.stacks_old (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    hash uuid NOT NULL,
    content bytea NOT NULL,
    codec smallint DEFAULT 0 NOT NULL,
    base uuid
);

CREATE TABLE public.thinned_days (
    workspace_id integer NOT NULL,
    day date NOT NULL,
    rule text NOT NULL COLLATE pg_catalog."C",
    match text NOT NULL,
    keep integer NOT NULL,
    written bigint NOT NULL,
    again_at timestamp with time zone,
    gone bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.thinning_rules (
    workspace_id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    match text NOT NULL,
    after_days integer NOT NULL,
    keep integer NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT thinning_rules_after_days_check CHECK ((after_days >= 3)),
    CONSTRAINT thinning_rules_keep_check CHECK ((keep >= 1)),
    CONSTRAINT thinning_rules_match_check CHECK ((match <> ''::text)),
    CONSTRAINT thinning_rules_name_check CHECK ((name <> ''::text))
);

CREATE TABLE public.workspaces (
    id integer NOT NULL,
    name text NOT NULL,
    retention_days integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workspaces_retention_days_check CHECK (((retention_days >= 1) AND (retention_days <= 400)))
);

ALTER TABLE ONLY public.aliases ATTACH PARTITION public.aliases_old FOR VALUES FROM (MINVALUE) TO ('1970-01-01');

ALTER TABLE ONLY public.bodies ATTACH PARTITION public.bodies_old FOR VALUES FROM (MINVALUE) TO ('1970-01-01');

ALTER TABLE ONLY public.event_parts ATTACH PARTITION public.event_parts_old FOR VALUES FROM (MINVALUE) TO ('1970-01-01');

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_old FOR VALUES FROM (MINVALUE) TO ('1970-01-01');

ALTER TABLE ONLY public.stacks ATTACH PARTITION public.stacks_old FOR VALUES FROM (MINVALUE) TO ('1970-01-01');

ALTER TABLE ONLY public.river_job ALTER COLUMN id SET DEFAULT nextval('public.river_job_id_seq'::regclass);

ALTER TABLE ONLY public.river_notification ALTER COLUMN id SET DEFAULT nextval('public.river_notification_id_seq'::regclass);

ALTER TABLE ONLY public.alert_clock
    ADD CONSTRAINT alert_clock_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.alert_gaps
    ADD CONSTRAINT alert_gaps_pkey PRIMARY KEY (from_minute);

ALTER TABLE ONLY public.alert_rules
    ADD CONSTRAINT alert_rules_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.alert_rules
    ADD CONSTRAINT alert_rules_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.alert_states
    ADD CONSTRAINT alert_states_pkey PRIMARY KEY (workspace_id, rule_id, family, environment, service, method, endpoint, code);

ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT aliases_pkey PRIMARY KEY (workspace_id, day, value, event_id, kind);

ALTER TABLE ONLY public.aliases_old
    ADD CONSTRAINT aliases_old_pkey PRIMARY KEY (workspace_id, day, value, event_id, kind);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.bodies
    ADD CONSTRAINT bodies_pkey PRIMARY KEY (workspace_id, day, hash);

ALTER TABLE ONLY public.bodies_old
    ADD CONSTRAINT bodies_old_pkey PRIMARY KEY (workspace_id, day, hash);

ALTER TABLE ONLY public.catalog_books
    ADD CONSTRAINT catalog_books_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.catalog_entries
    ADD CONSTRAINT catalog_entries_pkey PRIMARY KEY (workspace_id, service, code);

ALTER TABLE ONLY public.catalog_history
    ADD CONSTRAINT catalog_history_pkey PRIMARY KEY (workspace_id, service, code, version);

ALTER TABLE ONLY public.channels
    ADD CONSTRAINT channels_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.channels
    ADD CONSTRAINT channels_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.collectors
    ADD CONSTRAINT collectors_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (workspace_id, customer);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_workspace_id_dedup_key_key UNIQUE (workspace_id, dedup_key);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_pkey PRIMARY KEY (workspace_id, delivery_id, n);

ALTER TABLE ONLY public.deploys
    ADD CONSTRAINT deploys_pkey PRIMARY KEY (workspace_id, service, environment, deployed_at, release);

ALTER TABLE ONLY public.desk_settings
    ADD CONSTRAINT desk_settings_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (workspace_id, service, method, endpoint);

ALTER TABLE ONLY public.error_minutes
    ADD CONSTRAINT error_minutes_pkey PRIMARY KEY (workspace_id, minute, key, slot);

ALTER TABLE ONLY public.event_parts
    ADD CONSTRAINT event_parts_pkey PRIMARY KEY (workspace_id, day, event_id, part_id);

ALTER TABLE ONLY public.event_parts_old
    ADD CONSTRAINT event_parts_old_pkey PRIMARY KEY (workspace_id, day, event_id, part_id);

ALTER TABLE ONLY public.event_segments
    ADD CONSTRAINT event_segments_pkey PRIMARY KEY (day, segment, writer);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (workspace_id, day, id);

ALTER TABLE ONLY public.events_old
    ADD CONSTRAINT events_old_pkey PRIMARY KEY (workspace_id, day, id);

ALTER TABLE ONLY public.exemplars
    ADD CONSTRAINT exemplars_pkey PRIMARY KEY (workspace_id, issue_id);

ALTER TABLE ONLY public.expired_days
    ADD CONSTRAINT expired_days_pkey PRIMARY KEY (workspace_id, day, part);

ALTER TABLE ONLY public.expired_ids
    ADD CONSTRAINT expired_ids_pkey PRIMARY KEY (workspace_id, day, part, block);

ALTER TABLE ONLY public.incident_events
    ADD CONSTRAINT incident_events_pkey PRIMARY KEY (workspace_id, incident_id, id);

ALTER TABLE ONLY public.incident_members
    ADD CONSTRAINT incident_members_pkey PRIMARY KEY (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code);

ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT incidents_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT incidents_workspace_id_number_key UNIQUE (workspace_id, number);

ALTER TABLE ONLY public.integrations
    ADD CONSTRAINT integrations_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.integrations
    ADD CONSTRAINT integrations_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.issue_comments
    ADD CONSTRAINT issue_comments_pkey PRIMARY KEY (workspace_id, issue_id, id);

ALTER TABLE ONLY public.issue_customers
    ADD CONSTRAINT issue_customers_pkey PRIMARY KEY (workspace_id, issue_id, customer);

ALTER TABLE ONLY public.issue_hours
    ADD CONSTRAINT issue_hours_pkey PRIMARY KEY (workspace_id, issue_id, hour, slot, release);

ALTER TABLE ONLY public.issue_seen
    ADD CONSTRAINT issue_seen_pkey PRIMARY KEY (workspace_id, issue_id);

ALTER TABLE ONLY public.issue_tickets
    ADD CONSTRAINT issue_tickets_pkey PRIMARY KEY (workspace_id, issue_id, url);

ALTER TABLE ONLY public.issues
    ADD CONSTRAINT issues_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.job_runs
    ADD CONSTRAINT job_runs_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.link_templates
    ADD CONSTRAINT link_templates_pkey PRIMARY KEY (workspace_id, "position");

ALTER TABLE ONLY public.login_links
    ADD CONSTRAINT login_links_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.old_partitions
    ADD CONSTRAINT old_partitions_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT refusals_pkey PRIMARY KEY (workspace_id, hour, key_id, service, reason);

ALTER TABLE ONLY public.rejections
    ADD CONSTRAINT rejections_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.releases
    ADD CONSTRAINT releases_pkey PRIMARY KEY (workspace_id, service, environment, release);

ALTER TABLE ONLY public.request_keys
    ADD CONSTRAINT request_keys_pkey PRIMARY KEY (workspace_id, day, key);

ALTER TABLE ONLY public.request_minutes
    ADD CONSTRAINT request_minutes_pkey PRIMARY KEY (workspace_id, minute, key, source, slot);

ALTER TABLE ONLY public.request_notes
    ADD CONSTRAINT request_notes_pkey PRIMARY KEY (workspace_id, event_id, id);

ALTER TABLE ONLY public.request_shares
    ADD CONSTRAINT request_shares_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.request_shares
    ADD CONSTRAINT request_shares_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.request_states
    ADD CONSTRAINT request_states_pkey PRIMARY KEY (workspace_id, event_id);

ALTER TABLE ONLY public.request_tickets
    ADD CONSTRAINT request_tickets_pkey PRIMARY KEY (workspace_id, event_id, url);

ALTER TABLE ONLY public.request_watches
    ADD CONSTRAINT request_watches_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.river_job
    ADD CONSTRAINT river_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.river_leader
    ADD CONSTRAINT river_leader_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.river_migration
    ADD CONSTRAINT river_migration_pkey PRIMARY KEY (line, version);

ALTER TABLE ONLY public.river_notification
    ADD CONSTRAINT river_notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.river_queue
    ADD CONSTRAINT river_queue_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.rollup_blocks
    ADD CONSTRAINT rollup_blocks_pkey PRIMARY KEY (workspace_id, level, start, cube, service);

ALTER TABLE ONLY public.rollup_compacted
    ADD CONSTRAINT rollup_compacted_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.rollup_spans
    ADD CONSTRAINT rollup_spans_pkey PRIMARY KEY (workspace_id, level, start);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token);

ALTER TABLE ONLY public.silences
    ADD CONSTRAINT silences_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.slos
    ADD CONSTRAINT slos_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.slos
    ADD CONSTRAINT slos_workspace_id_service_environment_method_endpoint_key UNIQUE (workspace_id, service, environment, method, endpoint);

ALTER TABLE ONLY public.stacks
    ADD CONSTRAINT stacks_pkey PRIMARY KEY (workspace_id, day, hash);

ALTER TABLE ONLY public.stacks_old
    ADD CONSTRAINT stacks_old_pkey PRIMARY KEY (workspace_id, day, hash);

ALTER TABLE ONLY public.thinned_days
    ADD CONSTRAINT thinned_days_pkey PRIMARY KEY (workspace_id, day, rule);

ALTER TABLE ONLY public.thinning_rules
    ADD CONSTRAINT thinning_rules_pkey PRIMARY KEY (workspace_id, name);

ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT workspaces_pkey PRIMARY KEY (id);

CREATE INDEX aliases_value ON ONLY public.aliases USING btree (workspace_id, translate(lower(value), 'oil'::text, '011'::text));

CREATE INDEX aliases_old_workspace_id_translate_idx ON public.aliases_old USING btree (workspace_id, translate(lower(value), 'oil'::text, '011'::text));

CREATE INDEX api_keys_workspace ON public.api_keys USING btree (workspace_id);

CREATE INDEX audit_at ON public.audit USING brin (at);

CREATE INDEX audit_issue ON public.audit USING btree (workspace_id, target, at) WHERE (action ~~ 'issue.%'::text);

CREATE INDEX audit_looks ON public.audit USING btree (workspace_id, actor_id, id) WHERE (action = ANY (ARRAY['request.view'::text, 'request.unmask'::text]));

CREATE INDEX customer_minutes_failure ON ONLY public.customer_minutes USING btree (workspace_id, minute, failure);

CREATE INDEX customer_minutes_minute ON ONLY public.customer_minutes USING brin (minute) WITH (pages_per_range='16');

CREATE INDEX customers_folded ON public.customers USING btree (workspace_id, folded, customer);

CREATE INDEX deliveries_channel ON public.deliveries USING btree (workspace_id, channel_id, id DESC);

CREATE INDEX deliveries_dead ON public.deliveries USING btree (workspace_id, channel_id, ended_at DESC) WHERE ((state = 'dead'::text) AND (kind <> 'test'::text));

CREATE INDEX deliveries_incident ON public.deliveries USING btree (workspace_id, incident_id, channel_id, seq);

CREATE INDEX deliveries_waiting ON public.deliveries USING btree (next_at) WHERE (state = 'waiting'::text);

CREATE INDEX deploys_time ON public.deploys USING btree (workspace_id, deployed_at);

CREATE INDEX error_minutes_alert ON ONLY public.error_minutes USING btree (workspace_id, alert_minute);

CREATE INDEX event_parts_part ON ONLY public.event_parts USING btree (workspace_id, part_id);

CREATE INDEX event_parts_old_workspace_id_part_id_idx ON public.event_parts_old USING btree (workspace_id, part_id);

CREATE INDEX events_customer ON ONLY public.events USING btree (customer);

CREATE INDEX events_old_customer_idx ON public.events_old USING btree (customer);

CREATE INDEX events_old_item ON public.events_old USING btree (item_key) WHERE (item_key IS NOT NULL);

CREATE INDEX events_old_request ON public.events_old USING btree (translate(lower(request_id), 'oil'::text, '011'::text), request_key) WHERE (request_id IS NOT NULL);

CREATE INDEX events_old_span_id_idx ON public.events_old USING btree (span_id) WHERE (span_id IS NOT NULL);

CREATE INDEX events_old_trace ON public.events_old USING btree (trace_id, span_key) WHERE (trace_id IS NOT NULL);

CREATE INDEX exemplars_day ON public.exemplars USING btree (day, workspace_id, event_id);

CREATE INDEX incident_members_masks ON public.incident_members USING btree (workspace_id, environment, service, family, mask_from);

CREATE INDEX incidents_open ON public.incidents USING btree (workspace_id, environment, service, family) WHERE (phase <> 'resolved'::text);

CREATE INDEX incidents_time ON public.incidents USING btree (workspace_id, opened_at DESC);

CREATE INDEX integrations_id ON public.integrations USING btree (id);

CREATE INDEX issues_first ON public.issues USING btree (workspace_id, first_at);

CREATE INDEX issues_ignored ON public.issues USING btree (workspace_id, id) WHERE (state = 'ignored'::text);

CREATE INDEX issues_merged ON public.issues USING btree (workspace_id, merged_into) WHERE (merged_into IS NOT NULL);

CREATE INDEX issues_search ON public.issues USING gin (words, haystack public.gin_trgm_ops, template public.gin_trgm_ops);

CREATE UNIQUE INDEX known_segments_one ON public.known_segments USING btree ((true));

CREATE INDEX rejections_received ON public.rejections USING brin (received_at);

CREATE INDEX rejections_request ON public.rejections USING btree (workspace_id, request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX releases_time ON public.releases USING btree (workspace_id, first_seen);

CREATE INDEX request_notes_day ON public.request_notes USING btree (day);

CREATE INDEX request_notes_request ON public.request_notes USING btree (workspace_id, request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX request_shares_event ON public.request_shares USING btree (workspace_id, event_id);

CREATE INDEX request_states_day ON public.request_states USING btree (day);

CREATE INDEX request_states_request ON public.request_states USING btree (workspace_id, request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX request_tickets_day ON public.request_tickets USING btree (day);

CREATE INDEX request_tickets_issue ON public.request_tickets USING btree (workspace_id, issue_id);

CREATE INDEX request_tickets_request ON public.request_tickets USING btree (workspace_id, request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX request_watches_event ON public.request_watches USING btree (workspace_id, event_id) WHERE (event_id IS NOT NULL);

CREATE INDEX request_watches_open ON public.request_watches USING btree (ends_at) WHERE (arrived_at IS NULL);

CREATE INDEX request_watches_value ON public.request_watches USING btree (workspace_id, value);

CREATE INDEX river_job_args_index ON public.river_job USING gin (args);

CREATE INDEX river_job_kind ON public.river_job USING btree (kind);

CREATE INDEX river_job_metadata_index ON public.river_job USING gin (metadata);

CREATE INDEX river_job_prioritized_fetching_index ON public.river_job USING btree (state, queue, priority, scheduled_at, id);

CREATE INDEX river_job_state_and_finalized_at_index ON public.river_job USING btree (state, finalized_at) WHERE (finalized_at IS NOT NULL);

CREATE UNIQUE INDEX river_job_unique_idx ON public.river_job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND (unique_states IS NOT NULL) AND public.river_job_state_in_bitmask(unique_states, state));

CREATE INDEX river_notification_created_at_idx ON public.river_notification USING btree (created_at);

CREATE INDEX river_notification_topic_id_idx ON public.river_notification USING btree (topic, id);

CREATE INDEX sessions_expiry ON public.sessions USING btree (expiry);

CREATE INDEX silences_end ON public.silences USING btree (workspace_id, ends_at);

ALTER INDEX public.aliases_pkey ATTACH PARTITION public.aliases_old_pkey;

ALTER INDEX public.aliases_value ATTACH PARTITION public.aliases_old_workspace_id_translate_idx;

ALTER INDEX public.bodies_pkey ATTACH PARTITION public.bodies_old_pkey;

ALTER INDEX public.event_parts_pkey ATTACH PARTITION public.event_parts_old_pkey;

ALTER INDEX public.event_parts_part ATTACH PARTITION public.event_parts_old_workspace_id_part_id_idx;

ALTER INDEX public.events_customer ATTACH PARTITION public.events_old_customer_idx;

ALTER INDEX public.events_pkey ATTACH PARTITION public.events_old_pkey;

ALTER INDEX public.stacks_pkey ATTACH PARTITION public.stacks_old_pkey;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.login_links
    ADD CONSTRAINT login_links_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

REVOKE ALL ON FUNCTION public.errata_compact_minutes(d date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_compact_minutes(d date) TO errata_app;

REVOKE ALL ON FUNCTION public.errata_drop_day(parent text, d date, expected bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_drop_day(parent text, d date, expected bigint) TO errata_app;

REVOKE ALL ON FUNCTION public.errata_ensure_day(d date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_ensure_day(d date) TO errata_app;

REVOKE ALL ON FUNCTION public.errata_forget_audit(before timestamp with time zone, batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_forget_audit(before timestamp with time zone, batch integer) TO errata_app;

REVOKE ALL ON FUNCTION public.errata_index_keys(child text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.errata_lock_minutes(d date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_lock_minutes(d date) TO errata_app;

REVOKE ALL ON FUNCTION public.errata_mend_days() FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_mend_days() TO errata_app;

REVOKE ALL ON FUNCTION public.errata_pack_day(parent text, d date, most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.errata_pack_day(parent text, d date, most bigint) TO errata_app;

REVOKE ALL ON FUNCTION public.report_requests(from_time timestamp with time zone, to_time timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.report_requests(from_time timestamp with time zone, to_time timestamp with time zone) TO errata_app;
GRANT ALL ON FUNCTION public.report_requests(from_time timestamp with time zone, to_time timestamp with time zone) TO errata_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_clock TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_gaps TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_rules TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_states TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.aliases TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.aliases_old TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO errata_app;

GRANT SELECT,INSERT ON TABLE public.audit TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bodies TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bodies_old TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.catalog_books TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.catalog_entries TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.catalog_history TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.channels TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.collectors TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.customer_minutes TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.customer_counts TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.customers TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.delivery_attempts TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deploys TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.desk_settings TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.endpoints TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.error_minutes TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.event_parts TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.event_parts_old TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.event_segments TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events_old TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.exemplars TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.expired_days TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.expired_ids TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.failure_keys TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.incident_events TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.incident_members TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.incidents TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.integrations TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issue_comments TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issue_customers TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issue_hours TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issue_seen TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issue_tickets TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.issues TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.job_runs TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.known_segments TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.link_templates TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login_links TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.old_partitions TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.refusals TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rejections TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.releases TO errata_app;

GRANT SELECT ON TABLE public.report_customers TO errata_app;
GRANT SELECT ON TABLE public.report_customers TO errata_reader;

GRANT SELECT ON TABLE public.report_deploys TO errata_app;
GRANT SELECT ON TABLE public.report_deploys TO errata_reader;

GRANT SELECT ON TABLE public.report_errors TO errata_app;
GRANT SELECT ON TABLE public.report_errors TO errata_reader;

GRANT SELECT ON TABLE public.report_events TO errata_app;
GRANT SELECT ON TABLE public.report_events TO errata_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_keys TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_minutes TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_notes TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_shares TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_states TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_tickets TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_watches TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.river_job TO errata_app;

GRANT SELECT,USAGE ON SEQUENCE public.river_job_id_seq TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.river_leader TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.river_migration TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.river_notification TO errata_app;

GRANT SELECT,USAGE ON SEQUENCE public.river_notification_id_seq TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.river_queue TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollup_blocks TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollup_compacted TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollup_marks TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollup_spans TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sessions TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.silences TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.slos TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stacks TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stacks_old TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.thinned_days TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.thinning_rules TO errata_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspaces TO errata_app;
