-- +goose Up

-- clock() is the one source of time for decisions. It is now(), moved ahead by the session setting
-- tallylight.ahead, which only simulations set.
-- +goose StatementBegin
CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT now() + coalesce(nullif(current_setting('tallylight.ahead', true), ''), '0')::interval $$;
-- +goose StatementEnd

-- People -----------------------------------------------------------------------------------------------------------

CREATE TABLE users (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email         text NOT NULL CHECK (email = lower(email) AND email LIKE '%_@_%'),
  password_hash text NOT NULL CHECK (password_hash <> ''),
  role          text NOT NULL CHECK (role IN ('viewer', 'finance', 'admin')),
  created_at    timestamptz NOT NULL DEFAULT clock(),
  UNIQUE (email)
);

CREATE TABLE sessions (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  user_id    bigint REFERENCES users ON DELETE CASCADE,
  data       bytea NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT clock(),
  used_at    timestamptz NOT NULL DEFAULT clock()
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_use ON sessions (used_at);

-- One row a wrong password; who is a lower-cased email or an address.
CREATE TABLE sign_in_failures (
  who text NOT NULL,
  at  timestamptz NOT NULL DEFAULT clock()
);
CREATE INDEX sign_in_failures_by_who ON sign_in_failures (who, at);
CREATE INDEX sign_in_failures_by_time ON sign_in_failures (at);

-- Customers --------------------------------------------------------------------------------------------------------

CREATE TABLE companies (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  codat_id        text NOT NULL UNIQUE CHECK (codat_id <> ''),
  name            text NOT NULL,
  base_currency   text CHECK (base_currency ~ '^[A-Z]{3}$'),
  redirect_url    text NOT NULL DEFAULT '',
  default_bank_id text,                               -- the account an empty paid_from means; Codat's account id
  example         boolean NOT NULL DEFAULT false,     -- made by seed: never sent, swept or reconciled
  created_at      timestamptz NOT NULL DEFAULT clock(),
  read_at         timestamptz,                        -- its ledger was last read to the end
  read_error      text NOT NULL DEFAULT '',           -- why the last reading stopped, '' when it did not
  reading_until   timestamptz,                        -- one process reads about it from Codat, until then at the latest
  deleted_at      timestamptz
);

CREATE TABLE connections (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id    bigint NOT NULL REFERENCES companies,
  codat_id      text NOT NULL UNIQUE CHECK (codat_id <> ''),
  platform_name text NOT NULL DEFAULT '',
  platform_key  text NOT NULL DEFAULT '',
  source_type   text NOT NULL DEFAULT '',
  status        text NOT NULL CHECK (status <> ''),   -- as Codat spells it; unknown ones may come
  status_at     timestamptz NOT NULL DEFAULT clock(), -- when Codat says it became so; older news never undoes it
  changed_at    timestamptz NOT NULL DEFAULT clock(), -- when status last became another one
  told_at       timestamptz NOT NULL DEFAULT clock(), -- when Codat last told it by itself, by our clock
  link_url      text NOT NULL DEFAULT '',
  last_sync_at  timestamptz,
  proven_at     timestamptz,                          -- the last time Codat reached the ledger through it
  errors        jsonb NOT NULL DEFAULT '[]',
  created_at    timestamptz NOT NULL DEFAULT clock(),
  deleted_at    timestamptz
);
CREATE INDEX connections_by_company ON connections (company_id);

-- Records of the customer's ledger; their ids mean nothing on another connection.
CREATE TABLE ledger_accounts (
  company_id    bigint NOT NULL REFERENCES companies,
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  codat_id      text NOT NULL,
  nominal_code  text NOT NULL DEFAULT '',
  name          text NOT NULL DEFAULT '',
  type          text NOT NULL DEFAULT '',
  category      text NOT NULL DEFAULT '',
  currency      text NOT NULL DEFAULT '',
  status        text NOT NULL DEFAULT '',
  is_bank       boolean NOT NULL DEFAULT false,
  read_at       timestamptz NOT NULL DEFAULT clock(),
  gone_at       timestamptz,
  made_at       timestamptz,                          -- we made it, and no reading has met it yet
  PRIMARY KEY (connection_id, codat_id)
);
CREATE INDEX ledger_accounts_by_name ON ledger_accounts (connection_id, lower(name));
CREATE INDEX ledger_accounts_by_code ON ledger_accounts (connection_id, lower(nominal_code));

CREATE TABLE suppliers (
  company_id    bigint NOT NULL REFERENCES companies,
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  codat_id      text NOT NULL,
  name          text NOT NULL DEFAULT '',
  currency      text NOT NULL DEFAULT '',
  status        text NOT NULL DEFAULT '',
  read_at       timestamptz NOT NULL DEFAULT clock(),
  gone_at       timestamptz,
  made_at       timestamptz,                          -- we made it, and no reading has met it yet
  PRIMARY KEY (connection_id, codat_id)
);
CREATE INDEX suppliers_by_name ON suppliers (connection_id, lower(name));

CREATE TABLE tax_rates (
  company_id     bigint NOT NULL REFERENCES companies,
  connection_id  bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  codat_id       text NOT NULL,
  name           text NOT NULL DEFAULT '',
  code           text NOT NULL DEFAULT '',
  effective_rate numeric,
  status         text NOT NULL DEFAULT '',
  read_at        timestamptz NOT NULL DEFAULT clock(),
  gone_at        timestamptz,
  PRIMARY KEY (connection_id, codat_id)
);

-- The accounts that a category of that name, code or id may mean, best first: Active expense accounts, else other Active ones,
-- else archived ones. One row is a match, several are for a person to choose from, none is an account that does not exist yet.
-- +goose StatementBegin
CREATE FUNCTION account_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  SELECT m.codat_id FROM (
    SELECT a.codat_id, k.rank, min(k.rank) OVER () AS best
    FROM ledger_accounts a, LATERAL (SELECT CASE WHEN a.status <> 'Active' THEN 3 WHEN a.type <> 'Expense' THEN 2 ELSE 1 END AS rank) k
    WHERE a.connection_id = conn AND a.gone_at IS NULL AND NOT a.is_bank
      AND (lower(a.name) = lower(btrim(wanted)) OR lower(a.nominal_code) = lower(btrim(wanted)) OR a.codat_id = btrim(wanted))) m
  WHERE m.rank = m.best ORDER BY m.codat_id
$$;
-- +goose StatementEnd

-- The same for a supplier.
-- +goose StatementBegin
CREATE FUNCTION supplier_matches(conn bigint, wanted text) RETURNS TABLE (codat_id text) LANGUAGE sql STABLE AS $$
  SELECT m.codat_id FROM (
    SELECT s.codat_id, s.status = 'Archived' AS archived, bool_and(s.status = 'Archived') OVER () AS all_archived
    FROM suppliers s WHERE s.connection_id = conn AND s.gone_at IS NULL AND (lower(s.name) = lower(btrim(wanted)) OR s.codat_id = btrim(wanted))) m
  WHERE m.archived = m.all_archived ORDER BY m.codat_id
$$;
-- +goose StatementEnd

-- Expenses ---------------------------------------------------------------------------------------------------------

CREATE TABLE expenses (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id    bigint NOT NULL REFERENCES companies,
  reference     text NOT NULL CHECK (reference <> ''),
  issue_date    date NOT NULL,
  supplier      text NOT NULL DEFAULT '',
  description   text NOT NULL DEFAULT '',             -- the first line's, for lists
  note          text NOT NULL DEFAULT '',
  currency      text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  rate          numeric(18, 9) CHECK (rate > 0),      -- units of the company's base currency for one of currency
  paid_from     text NOT NULL DEFAULT '',             -- as typed; resolved when pushed
  net           numeric(19, 4) NOT NULL,
  tax           numeric(19, 4) NOT NULL,
  total         numeric(19, 4) NOT NULL CHECK (total = net + tax),
  status        text NOT NULL DEFAULT 'not_pushed'
                CHECK (status IN ('not_pushed', 'in_progress', 'complete', 'failed', 'needs_checking', 'on_hold')),
  status_at     timestamptz NOT NULL DEFAULT clock(),
  push_id       bigint,                               -- the newest push
  source        text NOT NULL CHECK (source IN ('form', 'csv', 'api', 'example')),
  created_by    bigint REFERENCES users ON DELETE SET NULL,
  created_at    timestamptz NOT NULL DEFAULT clock(),
  UNIQUE (company_id, reference),
  CHECK (status = 'not_pushed' OR push_id IS NOT NULL OR source = 'example')
);
CREATE INDEX expenses_by_date ON expenses (issue_date, id);
CREATE INDEX expenses_by_status ON expenses (status, issue_date, id);
CREATE INDEX expenses_by_company ON expenses (company_id, issue_date, id);
CREATE INDEX expenses_by_company_status ON expenses (company_id, status, issue_date, id);

CREATE TABLE expense_lines (
  expense_id  bigint NOT NULL REFERENCES expenses ON DELETE CASCADE,
  company_id  bigint NOT NULL REFERENCES companies,
  position    int NOT NULL CHECK (position > 0),
  description text NOT NULL DEFAULT '',
  category    text NOT NULL DEFAULT '',               -- as typed; resolved when pushed
  tax_rate    text NOT NULL DEFAULT '',               -- as typed; resolved when pushed
  net         numeric(19, 4) NOT NULL,
  tax         numeric(19, 4) NOT NULL,
  PRIMARY KEY (expense_id, position)
);

-- Pushes -----------------------------------------------------------------------------------------------------------

CREATE TABLE push_steps (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id      bigint NOT NULL REFERENCES companies,
  connection_id   bigint NOT NULL REFERENCES connections,
  kind            text NOT NULL CHECK (kind IN ('account', 'supplier', 'directCost', 'attachment')),
  subject         text NOT NULL CHECK (subject <> ''), -- what it writes: a normalised name, or the expense's id
  label           text NOT NULL,                       -- the same for people
  code            text,                                -- of an account: the nominal code chosen for it
  state           text NOT NULL CHECK (state IN
                  ('waiting', 'ready', 'sending', 'looking', 'pending', 'needs_checking', 'success', 'failed', 'withdrawn')),
  doubt           boolean NOT NULL DEFAULT false,      -- sent, and we do not know whether it was accepted
  body            bytea,                               -- the exact bytes, from the first send on
  idempotency_key uuid NOT NULL DEFAULT gen_random_uuid(),
  attempts        int NOT NULL DEFAULT 0,
  first_sent_at   timestamptz,
  key_sent_at     timestamptz,                         -- when the present key was first used
  sent_at         timestamptz,
  next_try_at     timestamptz NOT NULL DEFAULT clock(),
  wait_reason     text NOT NULL DEFAULT '',            -- why next_try_at is in the future
  lease_until     timestamptz,
  lease           uuid,
  operation_key   text UNIQUE,
  ask_at          timestamptz,                         -- when to read the operation, or to look for it, at Codat
  asked           int NOT NULL DEFAULT 0,
  sync_id         text,                                -- while looking: the reading of the ledger that Codat was asked for
  absent_at       timestamptz,                         -- while looking: when it was first found to be absent
  record_id       text,
  record_type     text,
  retired         boolean NOT NULL DEFAULT false,      -- its record has left the ledger: it may be made again
  resynced        boolean NOT NULL DEFAULT false,      -- sent once more after the ledger did not know a record just made
  error           jsonb,                               -- the failure as Codat told it: explain.Fact
  warnings        jsonb,
  told_by         text NOT NULL DEFAULT '',            -- how its outcome was learnt: reply, webhook, reading, history, person
  created_at      timestamptz NOT NULL DEFAULT clock(),
  settled_at      timestamptz,
  CHECK ((state IN ('needs_checking', 'success', 'failed', 'withdrawn')) = (settled_at IS NOT NULL)),
  CHECK ((state = 'sending') = (lease IS NOT NULL)),
  CHECK ((lease IS NULL) = (lease_until IS NULL)),
  CHECK (state <> 'pending' OR operation_key IS NOT NULL),
  CHECK (state <> 'looking' OR doubt),
  CHECK (state <> 'withdrawn' OR first_sent_at IS NULL),
  CHECK (first_sent_at IS NULL OR body IS NOT NULL),
  CHECK (NOT doubt OR first_sent_at IS NOT NULL)
);
-- One live step for one thing on one connection, whoever wants it.
CREATE UNIQUE INDEX push_steps_live ON push_steps (connection_id, kind, subject)
  WHERE state NOT IN ('failed', 'withdrawn') AND NOT retired;
-- No two accounts that are on their way get one code.
CREATE UNIQUE INDEX push_steps_code ON push_steps (connection_id, code)
  WHERE code IS NOT NULL AND state NOT IN ('failed', 'withdrawn') AND NOT retired;
CREATE INDEX push_steps_due ON push_steps (connection_id, next_try_at, id) WHERE state = 'ready';
CREATE INDEX push_steps_sending ON push_steps (company_id, lease_until) WHERE state = 'sending';
CREATE INDEX push_steps_doubt ON push_steps (key_sent_at) WHERE doubt AND state = 'ready';
CREATE INDEX push_steps_ask ON push_steps (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX push_steps_by_company ON push_steps (company_id, id);
CREATE INDEX push_steps_unheard ON push_steps (settled_at) WHERE told_by IN ('reading', 'history');

CREATE TABLE pushes (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id    bigint NOT NULL REFERENCES companies,
  connection_id bigint NOT NULL REFERENCES connections,
  expense_id    bigint NOT NULL REFERENCES expenses,
  cost_step_id  bigint NOT NULL UNIQUE REFERENCES push_steps,
  snapshot      jsonb NOT NULL,                        -- the expense as it was, frozen
  state         text NOT NULL DEFAULT 'open'
                CHECK (state IN ('open', 'complete', 'failed', 'needs_checking', 'withdrawn')),
  cause         text NOT NULL DEFAULT '',              -- explain's code, and the value in it
  subject       text NOT NULL DEFAULT '',
  rules         int NOT NULL DEFAULT 0,                -- the version of explain's rules that chose cause
  failed_step_id bigint REFERENCES push_steps,          -- the account or supplier that failed it, if not the cost itself
  created_by    bigint REFERENCES users ON DELETE SET NULL,
  created_at    timestamptz NOT NULL DEFAULT clock(),
  settled_at    timestamptz,
  CHECK ((state = 'open') = (settled_at IS NULL))
);
CREATE UNIQUE INDEX pushes_live ON pushes (expense_id) WHERE state NOT IN ('failed', 'withdrawn');
CREATE INDEX pushes_by_expense ON pushes (expense_id, id);
CREATE INDEX pushes_open ON pushes (connection_id) WHERE state = 'open';
CREATE INDEX pushes_by_failed_step ON pushes (failed_step_id) WHERE failed_step_id IS NOT NULL;

ALTER TABLE expenses ADD FOREIGN KEY (push_id) REFERENCES pushes DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE push_needs (
  push_id    bigint NOT NULL REFERENCES pushes,
  step_id    bigint NOT NULL REFERENCES push_steps,
  company_id bigint NOT NULL REFERENCES companies,
  position   int NOT NULL,
  PRIMARY KEY (push_id, step_id)
);
CREATE INDEX push_needs_by_step ON push_needs (step_id);

CREATE TABLE push_attempts (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id      bigint NOT NULL REFERENCES companies,
  step_id         bigint NOT NULL REFERENCES push_steps,
  number          int NOT NULL,
  idempotency_key uuid NOT NULL,
  path            text NOT NULL,
  request         bytea NOT NULL,
  started_at      timestamptz NOT NULL DEFAULT clock(),
  finished_at     timestamptz,
  status          int,                                 -- HTTP; null = no answer
  reply           bytea,
  error           text NOT NULL DEFAULT '',
  UNIQUE (step_id, number)
);

-- Why nothing is sent for now, for the whole client or one company: what Codat asked of us, and what a person decided.
CREATE TABLE send_pauses (
  company_id bigint REFERENCES companies,              -- null: the whole client
  by_person  boolean NOT NULL,
  until      timestamptz NOT NULL,                     -- infinity where a person paused
  reason     text NOT NULL CHECK (by_person = (reason = 'person')), -- or rate_limited, unauthorized, payment_required, forbidden
  user_id    bigint REFERENCES users,
  since      timestamptz NOT NULL DEFAULT clock(),
  UNIQUE NULLS NOT DISTINCT (company_id, by_person)
);

-- How much of the day's requests Codat says is left: one row.
CREATE TABLE codat_quota (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  day_limit  int NOT NULL,
  remaining  int NOT NULL,
  reset_at   timestamptz,
  read_at    timestamptz NOT NULL DEFAULT clock()
);

-- Writes in a company's history that nobody here sent: another program's, or ours from before a backup was restored.
CREATE TABLE foreign_operations (
  operation_key text PRIMARY KEY,
  company_id    bigint NOT NULL REFERENCES companies,
  connection    text NOT NULL DEFAULT '',              -- Codat's connection id
  data_type     text NOT NULL DEFAULT '',
  status        text NOT NULL DEFAULT '',
  record_id     text NOT NULL DEFAULT '',
  requested_at  timestamptz,
  seen_at       timestamptz NOT NULL DEFAULT clock(),
  dismissed_at  timestamptz,
  dismissed_by  bigint REFERENCES users
);
CREATE INDEX foreign_operations_open ON foreign_operations (company_id, seen_at) WHERE dismissed_at IS NULL;

-- Webhooks ---------------------------------------------------------------------------------------------------------

CREATE TABLE deliveries (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received_at   timestamptz NOT NULL DEFAULT clock(),
  webhook_id    text UNIQUE,                           -- the header; constant over Codat's retries of one message
  dedupe_key    text UNIQUE,                           -- the body's own id with its type and status
  generation    text NOT NULL DEFAULT '',
  type          text NOT NULL DEFAULT '',
  company       text NOT NULL DEFAULT '',              -- Codat's company id, as said
  connection    text NOT NULL DEFAULT '',              -- Codat's connection id, as said
  operation_key text NOT NULL DEFAULT '',
  headers       jsonb NOT NULL,                        -- without credentials
  body          bytea NOT NULL,
  company_id    bigint REFERENCES companies,
  expense_id    bigint REFERENCES expenses ON DELETE SET NULL,
  connection_id bigint REFERENCES connections,
  verdict       text NOT NULL DEFAULT 'new' CHECK (verdict IN
                ('new', 'applied', 'duplicate', 'unmatched', 'not_ours', 'ignored', 'unreadable', 'set_aside')),
  tries         int NOT NULL DEFAULT 0,
  next_try_at   timestamptz NOT NULL DEFAULT clock(),
  error         text NOT NULL DEFAULT '',
  applied_at    timestamptz,
  -- what it is about: deliveries about one thing are applied in order
  subject       text NOT NULL GENERATED ALWAYS AS (coalesce(nullif(operation_key, ''), nullif(connection, ''), company)) STORED
);
CREATE INDEX deliveries_new ON deliveries (id) WHERE verdict = 'new';
CREATE INDEX deliveries_failed ON deliveries (subject, id) WHERE verdict = 'new' AND tries > 0;
CREATE INDEX deliveries_unmatched ON deliveries (operation_key) WHERE verdict IN ('unmatched', 'not_ours');
CREATE INDEX deliveries_by_verdict ON deliveries (verdict, id);
CREATE INDEX deliveries_by_expense ON deliveries (expense_id, id) WHERE expense_id IS NOT NULL;
CREATE INDEX deliveries_by_connection ON deliveries (connection_id, id) WHERE connection_id IS NOT NULL;
CREATE INDEX deliveries_by_company ON deliveries (company_id, id) WHERE company_id IS NOT NULL;

-- What happened and what needs a person ----------------------------------------------------------------------------

CREATE TABLE activity (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           timestamptz NOT NULL DEFAULT clock(),
  company_id   bigint REFERENCES companies,
  user_id      bigint REFERENCES users,
  actor        text NOT NULL,                          -- an email, or Codat, or Tallylight
  verb         text NOT NULL,
  subject_kind text NOT NULL,
  subject_id   bigint,
  subject      text NOT NULL DEFAULT '',
  detail       jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX activity_by_subject ON activity (subject_kind, subject_id, id);
CREATE INDEX activity_by_company ON activity (company_id, id);

-- +goose StatementBegin
CREATE FUNCTION activity_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'activity is append-only'; END $$;
-- +goose StatementEnd
CREATE TRIGGER activity_append_only BEFORE UPDATE OR DELETE ON activity
  FOR EACH ROW EXECUTE FUNCTION activity_is_append_only();

CREATE TABLE notices (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL DEFAULT clock(),
  company_id bigint REFERENCES companies,
  expense_id bigint REFERENCES expenses,
  kind       text NOT NULL,                            -- may_be_booked_twice, may_be_made_twice
  detail     jsonb NOT NULL DEFAULT '{}',
  closed_at  timestamptz,
  closed_by  bigint REFERENCES users
);
CREATE INDEX notices_open ON notices (at) WHERE closed_at IS NULL;
