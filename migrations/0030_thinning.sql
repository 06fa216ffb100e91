-- +goose Up

-- Rules that keep only some of the failures that are all alike, and what remains of
-- the IDs of those that went. docs/decisions/0039-thinning.md.
SET LOCAL ROLE errata_owner;

CREATE TABLE thinning_rules (
  workspace_id integer     NOT NULL,
  name         text        NOT NULL COLLATE "C" CHECK (name <> ''),
  match        text        NOT NULL CHECK (match <> ''), -- in the language of the search
  after_days   integer     NOT NULL CHECK (after_days >= 3),
  keep         integer     NOT NULL CHECK (keep >= 1), -- of each issue and hour
  enabled      boolean     NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  created_by   text        NOT NULL, -- the actor's label
  updated_at   timestamptz NOT NULL DEFAULT now(),
  updated_by   text        NOT NULL,
  PRIMARY KEY (workspace_id, name)
);

-- Days that a rule has been through, with what it was then, and how many rows had been
-- written to the day: as long as none of that changes, there is nothing to look for.
CREATE TABLE thinned_days (
  workspace_id integer     NOT NULL,
  day          date        NOT NULL,
  rule         text        NOT NULL COLLATE "C",
  match        text        NOT NULL,
  keep         integer     NOT NULL,
  written      bigint      NOT NULL,
  again_at     timestamptz, -- when what came in late can go, too
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, day, rule)
);

-- By which rule the IDs of a filter went; NULL: with their day.
ALTER TABLE expired_days
  ADD COLUMN rule       text,
  ADD COLUMN kept       integer,
  ADD COLUMN after_days integer,
  ADD CONSTRAINT expired_days_rule CHECK ((rule IS NULL) = (kept IS NULL) AND (rule IS NULL) = (after_days IS NULL));

GRANT SELECT, INSERT, UPDATE, DELETE ON thinning_rules, thinned_days TO errata_app;

RESET ROLE;
