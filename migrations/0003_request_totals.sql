-- +goose Up

-- How many requests there were: the denominators of error rates. The reasons
-- are in docs/decisions/0006-request-totals.md.
SET LOCAL ROLE errata_owner;

-- source: 1 totals, 2 metrics (http), 3 metrics (http, older name), 4 metrics
-- (rpc), 5 metrics (rpc, older name), 6 span metrics, 7 spans. Sources are kept
-- apart, and a reader uses one of them: they count the same requests. Those of
-- totals are absolute and have slot 0; what the others count is added, each
-- collector in a slot of its own. key is a hash of the dimensions, which stand
-- beside it in full; for totals it is of the endpoint as it was sent, so that
-- what is shown as (other) can be replaced too.
CREATE TABLE request_minutes (
  workspace_id integer NOT NULL,
  minute       timestamptz NOT NULL,
  key          uuid NOT NULL,
  n            double precision NOT NULL, -- sampled spans count for more than one
  source       smallint NOT NULL,
  slot         smallint NOT NULL,
  status       smallint, -- NULL = unknown
  service      text NOT NULL,
  environment  text NOT NULL,
  method       text NOT NULL,
  endpoint     text NOT NULL,
  PRIMARY KEY (workspace_id, minute, key, source, slot)
) PARTITION BY RANGE (minute);

-- What has been counted already: data points of metrics, and batches of spans.
-- day is that of the minute that they count in.
CREATE TABLE request_keys (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  key          uuid NOT NULL,
  PRIMARY KEY (workspace_id, day, key)
) PARTITION BY RANGE (day);

-- As before, with the two tables.
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
  FOREACH parent IN ARRAY ARRAY['events', 'event_parts', 'event_keys', 'aliases', 'bodies',
                                'error_minutes', 'customer_minutes', 'issue_hours',
                                'request_minutes', 'request_keys'] LOOP
    child := parent || '_' || to_char(d, 'YYYYMMDD');
    IF to_regclass('public.' || child) IS NULL THEN
      by_day := parent IN ('events', 'event_parts', 'event_keys', 'aliases', 'bodies', 'request_keys');
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

-- The days that there are already get the new partitions too.
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

RESET ROLE;
