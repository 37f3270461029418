-- +goose Up

-- Dimensions of the customer's ledger: departments, regions, classes. One without a parent may be a mere heading.
CREATE TABLE tracking_categories (
  company_id    bigint NOT NULL REFERENCES companies,
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  codat_id      text NOT NULL,
  name          text NOT NULL DEFAULT '',
  parent_id     text NOT NULL DEFAULT '',             -- Codat's id of the one it stands under
  heading_id    text NOT NULL DEFAULT '',             -- of the topmost of those: an expense may have one of each heading
  has_children  boolean NOT NULL DEFAULT false,
  status        text NOT NULL DEFAULT '',
  read_at       timestamptz NOT NULL DEFAULT clock(),
  gone_at       timestamptz,
  PRIMARY KEY (connection_id, codat_id)
);

-- What the accounting package says that an account can do; null where it does not say.
ALTER TABLE ledger_accounts
  ADD COLUMN takes_costs boolean,                     -- a line of an expense can be booked to it
  ADD COLUMN pays_costs  boolean;                     -- an expense can be paid from it; never false: of banks, packages say little

-- Few of thousands of accounts are bank accounts.
CREATE INDEX ledger_accounts_banks ON ledger_accounts (connection_id) WHERE is_bank;

-- What the texts of a company's expenses mean in its ledger, where a person has said so. Ids belong to one connection, and so does
-- a mapping: a new connection begins with none.
CREATE TABLE mappings (
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  company_id    bigint NOT NULL REFERENCES companies,
  kind          text NOT NULL CHECK (kind IN ('account', 'supplier', 'bank', 'tax_rate', 'tracking')),
  subject       text NOT NULL CHECK (subject = lower(btrim(subject))), -- the text; '' where there is none, * for the rest
  part          text NOT NULL DEFAULT '',             -- of tracking: the heading, as a line may have one of each
  label         text NOT NULL,                        -- the text as typed
  action        text NOT NULL CHECK (action IN ('use', 'create')),
  codat_id      text CHECK (codat_id <> ''),          -- the record to use
  name          text NOT NULL DEFAULT '',             -- of the one to create
  code          text NOT NULL DEFAULT '',
  category      text NOT NULL DEFAULT '',             -- Codat's fullyQualifiedCategory
  set_at        timestamptz NOT NULL DEFAULT clock(),
  set_by        bigint REFERENCES users ON DELETE SET NULL,
  PRIMARY KEY (connection_id, kind, subject, part),
  CHECK ((action = 'use') = (codat_id IS NOT NULL)),
  CHECK (action = 'use' OR kind IN ('account', 'supplier')),
  CHECK (part = '' OR kind = 'tracking')
);
CREATE INDEX mappings_by_record ON mappings (connection_id, kind, codat_id) WHERE codat_id IS NOT NULL;

INSERT INTO mappings (connection_id, company_id, kind, subject, label, action, codat_id)
SELECT a.connection_id, co.id, 'bank', '', '', 'use', a.codat_id
FROM companies co JOIN ledger_accounts a ON a.company_id = co.id AND a.codat_id = co.default_bank_id AND a.is_bank;
ALTER TABLE companies DROP COLUMN default_bank_id;

-- The mappings of a connection that another took the place of, of which a person has said whether they hold for that one too. From
-- itself: another business's books came behind it.
CREATE TABLE mapping_carries (
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  from_id       bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  kind          text NOT NULL,
  subject       text NOT NULL,
  heading       text NOT NULL,                        -- of tracking: the name of the heading
  settled_at    timestamptz NOT NULL DEFAULT clock(),
  settled_by    bigint REFERENCES users ON DELETE SET NULL,
  PRIMARY KEY (connection_id, from_id, kind, subject, heading)
);

-- Which business's books are behind a connection, as the accounting package calls it. What was said of another's is kept, for a
-- person to confirm or not.
ALTER TABLE connections
  ADD COLUMN books_of      text NOT NULL DEFAULT '',
  ADD COLUMN books_read_at timestamptz;               -- when those books' accounts were last read to the end
UPDATE connections cn SET books_read_at = co.read_at FROM companies co
WHERE co.id = cn.company_id AND EXISTS (SELECT 1 FROM ledger_accounts a WHERE a.connection_id = cn.id);

CREATE TABLE former_mappings (
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  kind          text NOT NULL,
  subject       text NOT NULL,
  label         text NOT NULL,
  action        text NOT NULL,
  name          text NOT NULL,                        -- of the record that was used, or that was to be created
  code          text NOT NULL,
  category      text NOT NULL,
  heading       text NOT NULL,                        -- of tracking: the name of the heading
  PRIMARY KEY (connection_id, kind, subject, heading)
);

-- Everything that a text can be mapped to, of every kind. Usable is what may be chosen.
CREATE VIEW ledger_records AS
  SELECT connection_id, 'account'::text AS kind, codat_id, name, nominal_code AS code, type AS sort, category AS detail, currency, status, gone_at,
    gone_at IS NULL AND status = 'Active' AND NOT is_bank AND takes_costs IS NOT FALSE AS usable, ''::text AS heading_id
  FROM ledger_accounts
  UNION ALL SELECT connection_id, 'bank', codat_id, name, nominal_code, '', '', currency, status, gone_at,
    gone_at IS NULL AND status <> 'Archived' AND (is_bank OR coalesce(pays_costs, false)), ''
  FROM ledger_accounts
  UNION ALL SELECT connection_id, 'supplier', codat_id, name, '', '', '', currency, status, gone_at, gone_at IS NULL AND status <> 'Archived', ''
  FROM suppliers
  UNION ALL SELECT connection_id, 'tax_rate', codat_id, name, code, '', coalesce(trim_scale(effective_rate)::text, ''), '', status, gone_at,
    gone_at IS NULL AND status IN ('Active', ''), ''
  FROM tax_rates
  UNION ALL SELECT t.connection_id, 'tracking', t.codat_id, t.name, '', '', coalesce(h.name, ''), '', t.status, t.gone_at,
    t.gone_at IS NULL AND t.status <> 'Archived' AND NOT (t.has_children AND t.parent_id = ''), t.heading_id
  FROM tracking_categories t LEFT JOIN tracking_categories h ON h.connection_id = t.connection_id AND h.codat_id = t.heading_id;

-- The accounts of that name, code or id, best first: Active expense accounts, else other Active ones, else ones that take no costs,
-- else archived ones.
-- +goose StatementBegin
CREATE FUNCTION accounts_named(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  SELECT m.codat_id FROM (
    SELECT a.codat_id, k.rank, min(k.rank) OVER () AS best
    FROM ledger_accounts a, LATERAL (SELECT CASE WHEN a.status <> 'Active' THEN 4 WHEN a.takes_costs IS FALSE THEN 3 WHEN a.type <> 'Expense' THEN 2 ELSE 1 END AS rank) k
    WHERE a.connection_id = conn AND a.gone_at IS NULL AND NOT a.is_bank
      AND (lower(a.name) = lower(btrim(wanted)) OR lower(a.nominal_code) = lower(btrim(wanted)) OR a.codat_id = btrim(wanted))) m
  WHERE m.rank = m.best ORDER BY m.codat_id
$$;
-- +goose StatementEnd
DROP FUNCTION account_matches(bigint, text);
ALTER FUNCTION supplier_matches(bigint, text) RENAME TO suppliers_named;

-- What a text means: what a person has said, else what has that name, else what a person has said of the rest. One row is a match,
-- several are for a person to choose from, none is a record that does not exist yet.
-- +goose StatementBegin
CREATE FUNCTION account_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  WITH said AS MATERIALIZED (
      SELECT m.action, m.codat_id, m.name FROM mappings m WHERE m.connection_id = conn AND m.kind = 'account' AND m.subject = lower(btrim(wanted))),
    named AS MATERIALIZED (
      SELECT n.codat_id FROM accounts_named(conn, coalesce((SELECT nullif(said.name, '') FROM said), wanted)) n
      WHERE btrim(wanted) <> '' AND NOT EXISTS (SELECT 1 FROM said WHERE action = 'use'))
  SELECT said.codat_id FROM said WHERE action = 'use'
  UNION ALL SELECT named.codat_id FROM named
  UNION ALL SELECT m.codat_id FROM mappings m WHERE m.connection_id = conn AND m.kind = 'account' AND m.subject = '*' AND m.action = 'use'
    AND NOT EXISTS (SELECT 1 FROM said) AND NOT EXISTS (SELECT 1 FROM named)
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION supplier_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  WITH said AS MATERIALIZED (
      SELECT m.action, m.codat_id, m.name FROM mappings m WHERE m.connection_id = conn AND m.kind = 'supplier' AND m.subject = lower(btrim(wanted))),
    named AS MATERIALIZED (
      SELECT n.codat_id FROM suppliers_named(conn, coalesce((SELECT nullif(said.name, '') FROM said), wanted)) n
      WHERE btrim(wanted) <> '' AND NOT EXISTS (SELECT 1 FROM said WHERE action = 'use'))
  SELECT said.codat_id FROM said WHERE action = 'use'
  UNION ALL SELECT named.codat_id FROM named
  UNION ALL SELECT m.codat_id FROM mappings m WHERE m.connection_id = conn AND m.kind = 'supplier' AND m.subject = '*' AND m.action = 'use'
    AND btrim(wanted) <> '' AND NOT EXISTS (SELECT 1 FROM said) AND NOT EXISTS (SELECT 1 FROM named)
$$;
-- +goose StatementEnd

-- The account an expense was paid from. Where it says nothing and nobody has said what that means, it is the only one.
-- +goose StatementBegin
CREATE FUNCTION bank_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  WITH said AS MATERIALIZED (
    SELECT m.codat_id FROM mappings m WHERE m.connection_id = conn AND m.kind = 'bank' AND m.subject = lower(btrim(wanted)))
  SELECT said.codat_id FROM said
  UNION ALL SELECT a.codat_id FROM ledger_accounts a
    WHERE a.connection_id = conn AND a.is_bank AND a.gone_at IS NULL AND a.status <> 'Archived' AND NOT EXISTS (SELECT 1 FROM said)
      AND (btrim(wanted) = '' OR lower(a.name) = lower(btrim(wanted)) OR lower(a.nominal_code) = lower(btrim(wanted)) OR a.codat_id = btrim(wanted))
$$;
-- +goose StatementEnd

-- The rate of a tax treatment: the text of a line; '' of a line without tax that names none; * of one with tax that names none.
-- +goose StatementBegin
CREATE FUNCTION tax_rate_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  WITH said AS MATERIALIZED (
    SELECT m.codat_id FROM mappings m WHERE m.connection_id = conn AND m.kind = 'tax_rate' AND m.subject = lower(btrim(wanted)))
  SELECT said.codat_id FROM said
  UNION ALL SELECT n.codat_id FROM (
    SELECT r.codat_id, r.status IN ('Active', '') AS active, bool_or(r.status IN ('Active', '')) OVER () AS any_active
    FROM tax_rates r WHERE r.connection_id = conn AND r.gone_at IS NULL AND NOT EXISTS (SELECT 1 FROM said)
      AND btrim(wanted) NOT IN ('', '*') AND (lower(r.name) = lower(btrim(wanted)) OR lower(r.code) = lower(btrim(wanted)) OR r.codat_id = btrim(wanted))) n
    WHERE n.active = n.any_active
$$;
-- +goose StatementEnd

-- The tracking of a line of that category, one for each heading.
-- +goose StatementBegin
CREATE FUNCTION tracking_of(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (m.part) m.codat_id FROM mappings m
  WHERE m.connection_id = conn AND m.kind = 'tracking' AND m.subject IN (lower(btrim(wanted)), '*') ORDER BY m.part, m.subject = '*'
$$;
-- +goose StatementEnd
