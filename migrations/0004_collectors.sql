-- +goose Up

SET LOCAL ROLE errata_owner;

-- What each collector says about itself every few seconds: a row that is old
-- is a collector that is gone.
CREATE TABLE collectors (
  id             uuid PRIMARY KEY, -- of the process
  host           text NOT NULL,
  version        text NOT NULL,
  started_at     timestamptz NOT NULL,
  seen_at        timestamptz NOT NULL,
  spool_bytes    bigint NOT NULL,
  spool_max      bigint NOT NULL, -- 0: it has no spool
  spool_items    bigint NOT NULL,
  spool_oldest   timestamptz,
  spool_damaged  bigint NOT NULL,
  database_away  interval NOT NULL -- how long it was without the database the last time
);

-- Items that collectors did not take (too much, too often, no room), by hour:
-- the senders were told, and this tells their owner.
CREATE TABLE refusals (
  workspace_id integer NOT NULL,
  hour         timestamptz NOT NULL,
  key_id       text NOT NULL,
  key_name     text NOT NULL,
  service      text NOT NULL,
  reason       text NOT NULL,
  n            bigint NOT NULL,
  PRIMARY KEY (workspace_id, hour, key_id, service, reason)
);

-- What an operator needs to send a rejected item again: the item as it would
-- have been stored, redacted, as the collector's spool keeps it. NULL where it
-- never became that.
ALTER TABLE rejections ADD COLUMN item bytea, ADD COLUMN replayed_at timestamptz;

RESET ROLE;
