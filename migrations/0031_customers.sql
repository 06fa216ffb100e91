-- +goose Up

-- What a workspace calls its customers: services report IDs only.
-- docs/decisions/0040-names-of-customers.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE customers (
  workspace_id integer     NOT NULL,
  customer     text COLLATE "C" NOT NULL CHECK (customer <> ''), -- the ID, as Events have it
  name         text        NOT NULL CHECK (name <> ''),
  folded       text COLLATE "C" NOT NULL, -- the name as it is looked for
  updated_at   timestamptz NOT NULL DEFAULT now(),
  updated_by   text        NOT NULL, -- the actor's label
  PRIMARY KEY (workspace_id, customer)
);
CREATE INDEX customers_folded ON customers (workspace_id, folded, customer);

GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO errata_app;

RESET ROLE;
