-- +goose Up

-- Rules that keep only some of the failures that are all alike, and what remains of
-- the IDs of those that went. docs/decisions/0039-thinning.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE thinning_rules (
  workspace_id integer     NOT NULL,
  name         text        NOT NULL COLLATE "C" CHECK (name <> ''),
  match        text        NOT NULL CHECK (match <> ''), -- in the language of the search
  after_days   integer     NOT NULL CHECK (after_days >= 3),
  keep         integer     NOT NULL CHECK (keep >= 1), -- of each issue and hour
  enabled      boolean     NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  created_by   text        NOT NULL, -- the actor's label
  updated_at   timestamptz NOT NULL DEFAULT now(),
  updated_by   text        NOT NULL,
  PRIMARY KEY (workspace_id, name)
);

-- Days that a rule has been through, with what it was then, and how many rows had been
-- written to the day: as long as none of that changes, there is nothing to look for.
CREATE TABLE thinned_days (
  workspace_id integer     NOT NULL,
  day          date        NOT NULL,
  rule         text        NOT NULL COLLATE "C",
  match        text        NOT NULL,
  keep         integer     NOT NULL,
  written      bigint      NOT NULL,
  again_at     timestamptz, -- when what came in late can go, too
  gone         bigint      NOT NULL, -- rows that it has let go since the day was packed
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, day, rule)
);

-- By which rule the IDs of a filter went; NULL: with their day.
ALTER TABLE expired_days
  ADD COLUMN rule       text,
  ADD COLUMN kept       integer,
  ADD COLUMN after_days integer,
  ADD CONSTRAINT expired_days_rule CHECK ((rule IS NULL) = (kept IS NULL) AND (rule IS NULL) = (after_days IS NULL));

-- What is left of a day of a table goes into a table of its own, which takes the place
-- of the one whose room the rest had. Who reads waits for the exchange only, for no
-- longer than when a day goes; who writes to this very day, which is over, waits for
-- the copying, too. Whoever is in the way makes it fail: nothing has changed then.
-- +goose StatementBegin
CREATE FUNCTION errata_pack_day(parent text, d date, most bigint) RETURNS text
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
    FOREACH kind IN ARRAY ARRAY['_request', '_trace', '_item'] LOOP
      EXECUTE format('ALTER INDEX public.%I RENAME TO %I', fresh || kind, child || kind);
    END LOOP;
  END IF;
  RETURN 'packed';
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION errata_pack_day(text, date, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION errata_pack_day(text, date, bigint) TO errata_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON thinning_rules, thinned_days TO errata_app;

RESET ROLE;
