-- +goose Up

-- Service level objectives: what share of its requests a service, or one of its
-- endpoints, answers without failing on its own side. docs/decisions/0019-slos.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE slos (
  workspace_id integer          NOT NULL,
  id           uuid             NOT NULL,
  service      text             NOT NULL CHECK (service <> ''),
  environment  text             NOT NULL, -- '': all of them together
  method       text             NOT NULL, -- '': whichever
  endpoint     text             NOT NULL, -- '': the whole service
  objective    double precision NOT NULL CHECK (objective >= 50 AND objective < 100), -- percent
  window_days  integer          NOT NULL CHECK (window_days BETWEEN 1 AND 90),
  created_at   timestamptz      NOT NULL DEFAULT now(),
  updated_at   timestamptz      NOT NULL DEFAULT now(),
  updated_by   text             NOT NULL, -- the actor's label
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, service, environment, method, endpoint),
  CHECK (method = '' OR endpoint <> '')
);

GRANT SELECT, INSERT, UPDATE, DELETE ON slos TO errata_app;

RESET ROLE;
