-- +goose Up

-- Keys and customers at half the cost and a third of the room; the reasons and
-- figures are in docs/decisions/0005-lean-writes.md.
SET LOCAL ROLE errata_owner;

-- The keys of one report stand in one row, 64 bits each, with the workspace
-- mixed in. Each kind has a unique index of its own, made with the partition:
-- an index of the whole table would have to hold the day as well.
ALTER TABLE event_keys RENAME TO old_event_keys;
-- +goose StatementBegin
DO $$
DECLARE
  child text;
BEGIN
  FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'public.old_event_keys'::regclass LOOP
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', child, 'old_' || child);
  END LOOP;
END
$$;
-- +goose StatementEnd
CREATE TABLE event_keys (
  workspace_id integer NOT NULL,
  day          date NOT NULL,
  event_id     uuid NOT NULL,
  request_key  bigint,
  span_key     bigint,
  item_key     bigint
) PARTITION BY RANGE (day);

-- Counts per customer: one row for all customers of a batch that differ in
-- nothing else. The view has a row for each.
ALTER TABLE customer_minutes ADD COLUMN customers text[], ADD COLUMN counts integer[];
UPDATE customer_minutes SET customers = ARRAY[customer], counts = ARRAY[n::integer];
ALTER TABLE customer_minutes DROP COLUMN customer, DROP COLUMN n,
  ALTER COLUMN customers SET NOT NULL, ALTER COLUMN counts SET NOT NULL;
CREATE VIEW customer_counts AS
SELECT c.workspace_id, c.minute, c.alert_minute, c.role, c.family, c.status, c.service, c.environment, c.method, c.endpoint, c.code,
       u.customer, u.n
FROM customer_minutes c, unnest(c.customers, c.counts) AS u(customer, n);

-- As before, with the indexes of event_keys.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION errata_ensure_day(d date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  parent text;
  child  text;
  kind   text;
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
      IF parent = 'event_keys' THEN
        FOREACH kind IN ARRAY ARRAY['request_key', 'span_key', 'item_key'] LOOP
          EXECUTE format('CREATE UNIQUE INDEX ON public.%I (%I) WHERE %I IS NOT NULL', child, kind, kind);
        END LOOP;
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

-- Partitions for the days that there are, and their keys. What an old key was
-- made of is not known any more: it stands for every kind.
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
INSERT INTO event_keys (workspace_id, day, event_id, request_key, span_key, item_key)
SELECT k.workspace_id, k.day, k.event_id, h, h, h
FROM old_event_keys k, LATERAL (SELECT ('x' || left(replace(k.key::text, '-', ''), 16))::bit(64)::bigint # k.workspace_id::bigint) AS x(h)
ON CONFLICT DO NOTHING;
DROP TABLE old_event_keys;

RESET ROLE;
