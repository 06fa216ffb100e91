-- +goose Up

SET LOCAL ROLE errata_owner;

-- When which release of a service was first seen failing.
CREATE TABLE releases (
  workspace_id integer     NOT NULL,
  service      text        NOT NULL,
  environment  text        NOT NULL,
  release      text        NOT NULL,
  first_seen   timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, service, environment, release)
);

-- What was reported by POST /v1/deploys. A release can be deployed again.
CREATE TABLE deploys (
  workspace_id integer     NOT NULL,
  service      text        NOT NULL,
  environment  text        NOT NULL,
  deployed_at  timestamptz NOT NULL,
  release      text        NOT NULL,
  url          text        NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, service, environment, deployed_at, release)
);
CREATE INDEX deploys_time ON deploys (workspace_id, deployed_at);
CREATE INDEX releases_time ON releases (workspace_id, first_seen);

INSERT INTO releases (workspace_id, service, environment, release, first_seen)
SELECT workspace_id, service, environment, release, min(minute) FROM error_minutes WHERE release <> '' AND role = 0 GROUP BY 1, 2, 3, 4;

GRANT SELECT, INSERT, UPDATE, DELETE ON releases, deploys TO errata_app;

RESET ROLE;
