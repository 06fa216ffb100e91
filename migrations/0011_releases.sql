-- +goose Up

SET LOCAL ROLE errata_owner;

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

GRANT SELECT, INSERT, UPDATE, DELETE ON deploys TO errata_app;

RESET ROLE;
