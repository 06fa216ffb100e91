-- +goose Up

-- What somebody looked at last, for the page where they look things up.
SET LOCAL ROLE errata_owner;

CREATE INDEX audit_looks ON audit (workspace_id, actor_id, id) WHERE action IN ('request.view', 'request.unmask');

RESET ROLE;
