-- +goose Up

-- Views for Grafana and other tools that speak SQL; docs/grafana.md describes
-- them, and their columns are a promise. They are over the minutes, which are
-- kept as long as Events are; for longer periods ask /v1/stats.
--
-- errata_reader may read these views and nothing else. Where the migrating user
-- may not create roles, an administrator can, and grant it what stands below.
-- +goose StatementBegin
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'errata_reader') THEN
    CREATE ROLE errata_reader NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL; -- made by a neighbour just now
  WHEN insufficient_privilege THEN RAISE NOTICE 'role errata_reader was not created: % may not create roles', current_user;
END
$$;
-- +goose StatementEnd

SET LOCAL ROLE errata_owner;

CREATE VIEW report_errors AS
SELECT workspace_id, minute AS time, service, environment, method, endpoint, status,
       (ARRAY['caller', 'limits', 'us', 'upstream'])[family + 1] AS family, code, provider, release,
       (ARRAY['primary', 'upstream', 'context'])[role + 1] AS role, sum(n)::bigint AS errors
FROM error_minutes
GROUP BY workspace_id, minute, service, environment, method, endpoint, status, family, code, provider, release, role;
COMMENT ON VIEW report_errors IS 'Failures by minute. Error rates are about role primary.';

-- One source for each service, environment and hour: totals, else metrics, else
-- a Collector's span metrics, else spans, with which failures are requests, too.
-- A function, because what is chosen depends on rows that a condition on a view
-- would not reach.
-- +goose StatementBegin
CREATE FUNCTION report_requests(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (workspace_id integer, "time" timestamptz, service text, environment text, method text, endpoint text, requests double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
-- +goose StatementEnd
COMMENT ON FUNCTION report_requests IS 'Requests by minute, counted by the best source of each service and hour.';

CREATE VIEW report_customers AS
SELECT c.workspace_id, c.minute AS time, c.service, c.environment, c.method, c.endpoint, c.status,
       (ARRAY['caller', 'limits', 'us', 'upstream'])[c.family + 1] AS family, c.code,
       (ARRAY['primary', 'upstream', 'context'])[c.role + 1] AS role, u.customer, sum(u.n)::bigint AS errors
FROM customer_minutes c, LATERAL unnest(c.customers, c.counts) AS u(customer, n)
GROUP BY c.workspace_id, c.minute, c.service, c.environment, c.method, c.endpoint, c.status, c.family, c.code, c.role, u.customer
HAVING sum(u.n) <> 0;
COMMENT ON VIEW report_customers IS 'Failures by minute and customer.';

CREATE VIEW report_deploys AS
SELECT workspace_id, deployed_at AS time, service, environment, release, url, true AS reported FROM deploys
UNION ALL
SELECT r.workspace_id, r.first_seen, r.service, r.environment, r.release, '', false FROM releases r
WHERE NOT EXISTS (SELECT FROM deploys d WHERE d.workspace_id = r.workspace_id AND d.service = r.service AND d.environment = r.environment AND d.release = r.release)
  AND EXISTS (SELECT FROM releases o WHERE o.workspace_id = r.workspace_id AND o.service = r.service AND o.environment = r.environment AND o.first_seen < r.first_seen);
COMMENT ON VIEW report_deploys IS 'Deploys as reported, and releases when they were first seen failing.';

CREATE VIEW report_events AS
SELECT workspace_id, occurred_at AS time, day, id AS event_id, request_id, replace(trace_id::text, '-', '') AS trace_id, service, environment, method, endpoint, path, status,
       (ARRAY['caller', 'limits', 'us', 'upstream'])[family + 1] AS family, code, provider, release, customer,
       (ARRAY['primary', 'upstream', 'context'])[role + 1] AS role, message, duration_ms, issue_id
FROM events
WHERE merged_into IS NULL;
COMMENT ON VIEW report_events IS 'Single failures. Always narrow by day as well as by time: events are partitioned by day.';

-- +goose StatementBegin
DO $$
DECLARE
  v text;
BEGIN
  FOREACH v IN ARRAY ARRAY['report_errors', 'report_customers', 'report_deploys', 'report_events'] LOOP
    EXECUTE format('REVOKE ALL ON %I FROM errata_app', v);
    EXECUTE format('GRANT SELECT ON %I TO errata_app', v);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'errata_reader') THEN
      EXECUTE format('GRANT SELECT ON %I TO errata_reader', v);
    END IF;
  END LOOP;
  REVOKE ALL ON FUNCTION report_requests FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION report_requests TO errata_app;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'errata_reader') THEN
    GRANT EXECUTE ON FUNCTION report_requests TO errata_reader;
  END IF;
END
$$;
-- +goose StatementEnd

RESET ROLE;

-- +goose StatementBegin
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'errata_reader') THEN
    GRANT USAGE ON SCHEMA public TO errata_reader;
  END IF;
END
$$;
-- +goose StatementEnd
