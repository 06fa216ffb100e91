-- +goose Up

SET LOCAL ROLE errata_owner;

-- Days whose minutes are gone: their counts are in blocks of hours and days only.
CREATE TABLE rollup_compacted (
  day          date        NOT NULL PRIMARY KEY,
  compacted_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON rollup_compacted TO errata_app;

-- Keeps writers out of the minutes of a day until the transaction ends.
-- +goose StatementBegin
CREATE FUNCTION errata_lock_minutes(d date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '1s' AS $$
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
-- +goose StatementEnd

-- Empties the minutes of a day, unless something in them is in no block yet.
-- Whoever is just writing to them is waited for, and has left a mark then.
-- +goose StatementBegin
CREATE FUNCTION errata_compact_minutes(d date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '1s' AS $$
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
-- +goose StatementEnd

REVOKE ALL ON FUNCTION errata_lock_minutes(date), errata_compact_minutes(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION errata_lock_minutes(date), errata_compact_minutes(date) TO errata_app;

RESET ROLE;
