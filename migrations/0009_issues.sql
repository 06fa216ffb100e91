-- +goose Up

-- Issues that people work with: states, reasons, search, comments. What was
-- decided, and why, is in docs/decisions/0014-issues.md.

-- Substrings of an issue's texts are found by their trigrams. The extension is
-- part of PostgreSQL's contrib and trusted: whoever may create in the database
-- may create it.
-- +goose StatementBegin
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the extension pg_trgm does not exist in database % and % may not create it', current_database(), current_user
      USING HINT = 'Ask an administrator to run, in this database: CREATE EXTENSION pg_trgm; or: GRANT CREATE ON DATABASE … TO <the migrating user>;';
  WHEN undefined_file OR feature_not_supported THEN
    RAISE EXCEPTION 'this PostgreSQL has no extension pg_trgm'
      USING HINT = 'Install the contrib modules of the server: postgresql-contrib on most systems; Debian and the postgres images have them.';
END
$$;
-- +goose StatementEnd

SET LOCAL ROLE errata_owner;

ALTER TABLE issues
  DROP CONSTRAINT issues_state_check,
  ADD CONSTRAINT issues_state_check CHECK (state IN ('open', 'acknowledged', 'resolved', 'regressed', 'ignored')),
  ADD COLUMN state_at         timestamptz,
  ADD COLUMN resolved_in      text,        -- a release; NULL: at once
  ADD COLUMN regressed_at     timestamptz,
  ADD COLUMN ignored_at       timestamptz,
  ADD COLUMN ignore_until     timestamptz,
  ADD COLUMN ignore_events    bigint,
  ADD COLUMN ignore_customers integer,
  ADD COLUMN ignore_base      bigint,      -- Events of the hour of ignored_at that had come before
  ADD COLUMN assignee         text NOT NULL DEFAULT '',
  ADD COLUMN merged_into      uuid,        -- the issue that this one counts for; that one is never merged itself
  ADD COLUMN merged_under     uuid,        -- the issue that somebody merged it into: what undoing goes by
  ADD COLUMN provider         text NOT NULL DEFAULT '',
  ADD COLUMN exception        text NOT NULL DEFAULT '',
  ADD COLUMN template         text NOT NULL DEFAULT '', -- the message without what differs
  ADD COLUMN reasons          jsonb,       -- why its Events are together; NULL: not known yet
  ADD COLUMN haystack         text NOT NULL GENERATED ALWAYS AS
    (title || E'\n' || template || E'\n' || code || E'\n' || service || E'\n' || method || ' ' || endpoint || E'\n' || exception || E'\n' || provider) STORED,
  ADD COLUMN words            tsvector NOT NULL GENERATED ALWAYS AS
    (to_tsvector('simple', translate(title || ' ' || template || ' ' || code || ' ' || service || ' ' || endpoint || ' ' || exception || ' ' || provider,
                                     '_./:-{}<>()[]*#@=,;&?', '                      '))) STORED;

CREATE INDEX issues_search ON issues USING gin (words, haystack gin_trgm_ops, template gin_trgm_ops);
CREATE INDEX issues_first ON issues (workspace_id, first_at);
CREATE INDEX issues_merged ON issues (workspace_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX issues_ignored ON issues (workspace_id, id) WHERE state = 'ignored';

-- An hour's rows say by release what happened, and name the newest Events. The
-- issue comes first: a page asks for some issues, not for some hours.
ALTER TABLE issue_hours ADD COLUMN release text NOT NULL DEFAULT '', ADD COLUMN samples uuid[];
ALTER TABLE issue_hours DROP CONSTRAINT issue_hours_pkey;
ALTER TABLE issue_hours ADD PRIMARY KEY (workspace_id, issue_id, hour, slot, release);

-- When an issue was seen, to the minute: for lists. Apart from issues, whose
-- rows are long, and with room for the next version beside each.
CREATE TABLE issue_seen (
  workspace_id integer     NOT NULL,
  issue_id     uuid        NOT NULL,
  first_at     timestamptz NOT NULL,
  last_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, issue_id)
) WITH (fillfactor = 70);

INSERT INTO issue_seen (workspace_id, issue_id, first_at, last_at)
SELECT i.workspace_id, i.id, least(i.first_at, min(h.first_at)), greatest(i.first_at, max(h.last_at))
FROM issues i LEFT JOIN issue_hours h ON h.workspace_id = i.workspace_id AND h.issue_id = i.id AND h.n > 0
GROUP BY i.workspace_id, i.id;

-- When a release of a service was first seen: which of two is the newer.
CREATE TABLE releases (
  workspace_id integer     NOT NULL,
  service      text        NOT NULL,
  environment  text        NOT NULL,
  release      text        NOT NULL,
  first_seen   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, service, environment, release)
);
CREATE INDEX releases_time ON releases (workspace_id, first_seen);

INSERT INTO releases (workspace_id, service, environment, release, first_seen)
SELECT workspace_id, service, environment, release, min(minute) FROM error_minutes WHERE release <> '' GROUP BY 1, 2, 3, 4;

CREATE TABLE issue_comments (
  workspace_id integer     NOT NULL,
  issue_id     uuid        NOT NULL,
  id           uuid        NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  actor_kind   text        NOT NULL,
  actor_id     text        NOT NULL,
  actor_label  text        NOT NULL,
  body         text        NOT NULL,
  PRIMARY KEY (workspace_id, issue_id, id)
);

CREATE TABLE issue_tickets (
  workspace_id integer     NOT NULL,
  issue_id     uuid        NOT NULL,
  url          text        NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, issue_id, url)
);

-- Who met an issue that is ignored until so many customers have.
CREATE TABLE issue_customers (
  workspace_id integer NOT NULL,
  issue_id     uuid    NOT NULL,
  customer     text    NOT NULL,
  PRIMARY KEY (workspace_id, issue_id, customer)
);

CREATE INDEX audit_issue ON audit (workspace_id, target, at) WHERE action LIKE 'issue.%';

RESET ROLE;
