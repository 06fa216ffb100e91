-- +goose NO TRANSACTION
-- +goose Up

-- The next migration takes each day of Events out of the table and puts it back. So
-- that its rows need not be read then, while everybody waits, they are read here, day
-- by day, while everybody goes on. It can be broken off and repeated.
SET ROLE errata_owner;

-- +goose StatementBegin
DO $$
DECLARE
  p record;
BEGIN
  FOR p IN SELECT c.relname AS child, pg_get_partition_constraintdef(c.oid) AS of
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass ORDER BY 1 LOOP
    IF NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = to_regclass('public.' || quote_ident(p.child)) AND k.conname = 'of_the_day') THEN
      EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT of_the_day CHECK %s NOT VALID', p.child, p.of);
      COMMIT;
    END IF;
    EXECUTE format('ALTER TABLE public.%I VALIDATE CONSTRAINT of_the_day', p.child);
    COMMIT;
  END LOOP;
END
$$;
-- +goose StatementEnd

RESET ROLE;
