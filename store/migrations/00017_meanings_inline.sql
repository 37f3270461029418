-- +goose Up

-- The same meanings, written so that PostgreSQL makes them part of the query that asks: it does not do that with a function one of whose
-- arguments is a query, and calling it for every row of a list took longer than all the rest.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION account_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  WITH said AS MATERIALIZED (
      SELECT m.action, m.codat_id, m.name FROM mappings m WHERE m.connection_id = conn AND m.kind = 'account' AND m.subject = lower(btrim(wanted))),
    named AS MATERIALIZED (
      SELECT n.codat_id FROM (SELECT coalesce((SELECT nullif(said.name, '') FROM said), wanted) AS name) x, accounts_named(conn, x.name) n
      WHERE btrim(wanted) <> '' AND NOT EXISTS (SELECT 1 FROM said WHERE action = 'use'))
  SELECT said.codat_id FROM said WHERE action = 'use'
  UNION ALL SELECT named.codat_id FROM named
  UNION ALL SELECT m.codat_id FROM mappings m WHERE m.connection_id = conn AND m.kind = 'account' AND m.subject = '*' AND m.action = 'use'
    AND NOT EXISTS (SELECT 1 FROM said) AND NOT EXISTS (SELECT 1 FROM named)
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION supplier_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  WITH said AS MATERIALIZED (
      SELECT m.action, m.codat_id, m.name FROM mappings m WHERE m.connection_id = conn AND m.kind = 'supplier' AND m.subject = lower(btrim(wanted))),
    named AS MATERIALIZED (
      SELECT n.codat_id FROM (SELECT coalesce((SELECT nullif(said.name, '') FROM said), wanted) AS name) x, suppliers_named(conn, x.name) n
      WHERE btrim(wanted) <> '' AND NOT EXISTS (SELECT 1 FROM said WHERE action = 'use'))
  SELECT said.codat_id FROM said WHERE action = 'use'
  UNION ALL SELECT named.codat_id FROM named
  UNION ALL SELECT m.codat_id FROM mappings m WHERE m.connection_id = conn AND m.kind = 'supplier' AND m.subject = '*' AND m.action = 'use'
    AND btrim(wanted) <> '' AND NOT EXISTS (SELECT 1 FROM said) AND NOT EXISTS (SELECT 1 FROM named)
$$;
-- +goose StatementEnd

