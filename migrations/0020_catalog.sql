-- +goose Up

-- What a workspace writes into the catalogue of codes. What is built in is part of
-- the program, and not in here. docs/decisions/0032-catalogue.md.
SET LOCAL ROLE errata_owner;

-- Goes up with every change, so that whoever has read the entries of a workspace
-- knows with one look whether they still are as they were.
CREATE TABLE catalog_books (
  workspace_id integer PRIMARY KEY,
  version      bigint  NOT NULL
);

CREATE TABLE catalog_entries (
  workspace_id integer     NOT NULL,
  service      text        NOT NULL, -- '': any
  code         text        NOT NULL CHECK (code <> ''),
  version      integer     NOT NULL CHECK (version > 0),
  size         integer     NOT NULL, -- of the entry, in bytes
  entry        jsonb       NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  updated_by   text        NOT NULL, -- the actor's label
  PRIMARY KEY (workspace_id, service, code)
);

-- Every version that there has been, the present one included.
CREATE TABLE catalog_history (
  workspace_id integer     NOT NULL,
  service      text        NOT NULL,
  code         text        NOT NULL,
  version      integer     NOT NULL,
  act          text        NOT NULL CHECK (act IN ('save', 'import', 'revert', 'remove')),
  entry        jsonb,               -- NULL: it was removed
  fields       text[]      NOT NULL, -- that differ from the version before
  at           timestamptz NOT NULL DEFAULT now(),
  actor_kind   text        NOT NULL,
  actor_id     text        NOT NULL,
  actor_label  text        NOT NULL,
  PRIMARY KEY (workspace_id, service, code, version)
);

GRANT SELECT, INSERT, UPDATE ON catalog_books TO errata_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalog_entries TO errata_app;
GRANT SELECT, INSERT ON catalog_history TO errata_app;

RESET ROLE;
