-- +goose Up

-- The IDs of a day's Events meet in small stretches of its indexes, in the order in
-- which they arrived: docs/decisions/0042-segments.md.
SET LOCAL ROLE errata_owner;

ALTER TABLE events ADD COLUMN segment smallint NOT NULL DEFAULT 0;

-- Which process has written to which segment of a day. The highest of a day is open,
-- the others take no more keys; a day that nobody wrote to has 0.
CREATE TABLE event_segments (
  day     date     NOT NULL,
  segment smallint NOT NULL CHECK (segment >= 0),
  writer  uuid     NOT NULL,
  PRIMARY KEY (day, segment, writer)
);

-- All segments that any day has, for look-ups by ID. Its only row has a list of
-- numbers from 0 on.
CREATE TABLE known_segments (
  list smallint[] NOT NULL
);
CREATE UNIQUE INDEX known_segments_one ON known_segments ((true));
INSERT INTO known_segments VALUES ('{0}');

-- Is called at the end of a transaction that writes Events, with the segments that it
-- takes for the open ones of all days that it looked at. None of them is sealed before
-- it ends.
-- +goose StatementBegin
CREATE FUNCTION errata_write_segments(days integer[], segments smallint[], written boolean[], by uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
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
-- +goose StatementEnd

-- Opens the next segment of a day, if that one is open still.
-- +goose StatementBegin
CREATE FUNCTION errata_seal_segment(d integer, s smallint, by uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '100ms'
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
-- +goose StatementEnd

-- Forgets the segments of days whose Events have gone: what stays of them has none.
-- +goose StatementBegin
CREATE FUNCTION errata_forget_segments(before integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
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
-- +goose StatementEnd

-- Days from now on have the segment before IDs in their indexes. Days that are there
-- keep those that they have, which answer the same questions.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION errata_index_keys(child text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
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
-- +goose StatementEnd

-- The index on span IDs was one of the whole table, and no day could have another. A
-- partition that goes and comes back keeps its own. Its rows are known to be of its day
-- since the migration before, so that nobody waits for a check of them.
-- +goose StatementBegin
DO $$
DECLARE
  p record;
BEGIN
  PERFORM errata_mend_days();
  CREATE TEMP TABLE errata_days ON COMMIT DROP AS
    SELECT c.relname AS child, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass;
  FOR p IN SELECT * FROM errata_days LOOP
    EXECUTE format('ALTER TABLE public.events DETACH PARTITION public.%I', p.child);
  END LOOP;
  DROP INDEX public.events_span;
  FOR p IN SELECT * FROM errata_days LOOP
    EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I %s', p.child, p.bound);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT IF EXISTS of_the_day', p.child);
  END LOOP;
END
$$;
-- +goose StatementEnd

-- As before, with one index more.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION errata_pack_day(parent text, d date, most bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '2s'
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
-- +goose StatementEnd

-- As before; what stays of a day has no segment.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION errata_drop_day(parent text, d date, expected bigint) RETURNS text
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
$$;
-- +goose StatementEnd

RESET ROLE;
