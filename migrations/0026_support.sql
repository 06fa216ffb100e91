-- +goose Up

-- What keys and sign-in links may do, now that there is a scope for support.
-- docs/decisions/0036-support-role.md.
SET LOCAL ROLE errata_owner;

ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes CHECK (scopes <@ '{ingest,support,read,admin}'::text[]);

-- A link is for whoever runs Errata unless it says otherwise, as all were so far.
ALTER TABLE login_links
  ADD COLUMN scope text NOT NULL DEFAULT 'admin' CONSTRAINT login_links_scope CHECK (scope IN ('support', 'read', 'admin'));

RESET ROLE;
