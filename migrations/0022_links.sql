-- +goose Up

-- Where else a failure can be looked at: templates of links to traces and logs, in the
-- order in which they are shown. docs/decisions/0033-request-page.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE link_templates (
  workspace_id integer     NOT NULL,
  position     smallint    NOT NULL CHECK (position >= 0),
  name         text        NOT NULL CHECK (name <> ''),
  url          text        NOT NULL CHECK (url <> ''),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  updated_by   text        NOT NULL, -- the actor's label
  PRIMARY KEY (workspace_id, position)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON link_templates TO errata_app;

RESET ROLE;
