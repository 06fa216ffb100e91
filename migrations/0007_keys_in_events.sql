-- +goose Up

-- The keys of an Event stand in its own row, behind the IDs that they were made
-- from; the reasons and figures are in docs/decisions/0010-keys-in-events.md.
-- All partitions get new indexes: on a large database this takes a while.
SET LOCAL ROLE errata_owner;

ALTER TABLE events ADD COLUMN request_key bigint, ADD COLUMN span_key bigint, ADD COLUMN item_key bigint;

-- Keys are unique within a day. An index of the whole table would have to hold
-- the day as well, so each partition has its own; NULLs are never equal.
DROP INDEX events_request, events_trace;

-- Keys as the program makes them (internal/identity, internal/store).
-- +goose StatementBegin
CREATE FUNCTION errata_key_of(workspace integer, kind text, a text, b text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT ('x' || encode(substring(sha256(convert_to(kind, 'UTF8')
           || int4send(octet_length(a)) || convert_to(a, 'UTF8')
           || int4send(octet_length(b)) || convert_to(b, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint # workspace::bigint
$$;
-- +goose StatementEnd

-- What a registered key was made from: by the Event itself, or by one of the
-- reports that it was merged from; those of a folded Event are with the one that
-- it was folded into. An Event's ID begins with its time.
CREATE TABLE old_keys AS
SELECT k.workspace_id, k.day, k.event_id, m.kind, m.h, m.source, m.made_from
FROM (SELECT *, DATE '1970-01-01' + (('x' || left(replace(event_id::text, '-', ''), 12))::bit(48)::bigint / 86400000)::integer AS home FROM event_keys) AS k
CROSS JOIN LATERAL (SELECT coalesce((SELECT merged_into FROM events e WHERE e.workspace_id = k.workspace_id AND e.day = k.home AND e.id = k.event_id), k.event_id) AS holder) AS f
CROSS JOIN LATERAL (SELECT DATE '1970-01-01' + (('x' || left(replace(f.holder::text, '-', ''), 12))::bit(48)::bigint / 86400000)::integer AS holder_day) AS g
CROSS JOIN LATERAL (
  SELECT 'request' AS kind, k.request_key AS h, 0 AS source, e.request_id AS made_from FROM events e
    WHERE e.workspace_id = k.workspace_id AND e.day = k.home AND e.id = k.event_id AND k.request_key = errata_key_of(k.workspace_id, 'request', e.request_id, e.service)
  UNION ALL
  SELECT 'span', k.span_key, 0, e.trace_id::text FROM events e
    WHERE e.workspace_id = k.workspace_id AND e.day = k.home AND e.id = k.event_id
      AND k.span_key = errata_key_of(k.workspace_id, 'span', replace(e.trace_id::text, '-', ''), lpad(to_hex(e.span_id), 16, '0'))
  UNION ALL
  SELECT 'request', k.request_key, 1, p.record->'event'->>'request_id' FROM event_parts p
    WHERE p.workspace_id = k.workspace_id AND p.day = g.holder_day AND p.event_id = f.holder
      AND k.request_key = errata_key_of(k.workspace_id, 'request', p.record->'event'->>'request_id', p.record->'event'->>'service')
  UNION ALL
  SELECT 'span', k.span_key, 1, p.record->'event'->>'trace_id' FROM event_parts p
    WHERE p.workspace_id = k.workspace_id AND p.day = g.holder_day AND p.event_id = f.holder
      AND k.span_key = errata_key_of(k.workspace_id, 'span', p.record->'event'->>'trace_id', p.record->'event'->>'span_id')
  UNION ALL
  SELECT 'item', k.item_key, 0, NULL WHERE k.item_key IS NOT NULL
) AS m;

-- Into the row of the Event, where it is of that day and says so itself …
UPDATE events e SET request_key = k.h FROM old_keys k
WHERE k.kind = 'request' AND k.source = 0 AND e.workspace_id = k.workspace_id AND e.day = k.day AND e.id = k.event_id;
UPDATE events e SET span_key = k.h FROM old_keys k
WHERE k.kind = 'span' AND k.source = 0 AND e.workspace_id = k.workspace_id AND e.day = k.day AND e.id = k.event_id;
UPDATE events e SET item_key = k.h FROM old_keys k
WHERE k.kind = 'item' AND e.workspace_id = k.workspace_id AND e.day = k.day AND e.id = k.event_id;

-- … and the others into rows that only lead to it.
INSERT INTO events (workspace_id, day, id, occurred_at, received_at, merged_into, request_id, trace_id, request_key, span_key, item_key, issue_id,
                    role, family, sources, fp_version, endpoint_other, parts, service, environment, release, method, endpoint, path, customer,
                    provider, raw_code, code, message)
SELECT workspace_id, day, ('00000000-0000' || substr(gen_random_uuid()::text, 14))::uuid, day, day, event_id,
       CASE kind WHEN 'request' THEN made_from END, CASE kind WHEN 'span' THEN made_from::uuid END,
       CASE kind WHEN 'request' THEN h END, CASE kind WHEN 'span' THEN h END, CASE kind WHEN 'item' THEN h END,
       '00000000-0000-0000-0000-000000000000', 0, 0, 0, 0, false, 0, '', '', '', '', '', '', '', '', '', '', ''
FROM (SELECT DISTINCT ON (workspace_id, day, kind, h) * FROM old_keys ORDER BY workspace_id, day, kind, h, source) k
WHERE NOT EXISTS (SELECT FROM events e WHERE e.workspace_id = k.workspace_id AND e.day = k.day AND e.id = k.event_id
                    AND k.h = CASE k.kind WHEN 'request' THEN e.request_key WHEN 'span' THEN e.span_key ELSE e.item_key END);
DROP TABLE event_keys, old_keys;
DROP FUNCTION errata_key_of(integer, text, text, text);

-- The unique indexes of a partition of events.
-- +goose StatementBegin
CREATE FUNCTION errata_index_keys(child text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (translate(lower(request_id), ''oil'', ''011''), request_key) WHERE request_id IS NOT NULL',
                 child || '_request', child);
  EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (trace_id, span_key) WHERE trace_id IS NOT NULL', child || '_trace', child);
  EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (item_key) WHERE item_key IS NOT NULL', child || '_item', child);
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION errata_index_keys(text) FROM PUBLIC;

-- +goose StatementBegin
DO $$
DECLARE
  child text;
BEGIN
  FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass ORDER BY 1 LOOP
    PERFORM errata_index_keys(child);
  END LOOP;
END
$$;
-- +goose StatementEnd

-- As before, with the keys in events.
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
  FOREACH parent IN ARRAY ARRAY['events', 'event_parts', 'aliases', 'bodies',
                                'error_minutes', 'customer_minutes', 'issue_hours',
                                'request_minutes', 'request_keys'] LOOP
    child := parent || '_' || to_char(d, 'YYYYMMDD');
    IF to_regclass('public.' || child) IS NULL THEN
      by_day := parent IN ('events', 'event_parts', 'aliases', 'bodies', 'request_keys');
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

RESET ROLE;
