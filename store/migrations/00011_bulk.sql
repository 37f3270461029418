-- +goose Up

-- An expense that somebody has dealt with outside, with what it was before and why.
ALTER TABLE expenses DROP CONSTRAINT expenses_status_check, DROP CONSTRAINT expenses_check1;
ALTER TABLE expenses
  ADD handled_was    text CHECK (handled_was IN ('not_pushed', 'failed')), -- its status before; undo gives it back
  ADD handled_reason text NOT NULL DEFAULT '' CHECK (length(handled_reason) <= 300),
  ADD CONSTRAINT expenses_status_check CHECK (status IN ('not_pushed', 'in_progress', 'complete', 'failed', 'needs_checking', 'on_hold', 'handled')),
  ADD CONSTRAINT expenses_pushed_check CHECK (status IN ('not_pushed', 'handled') OR push_id IS NOT NULL OR source = 'example'),
  ADD CONSTRAINT expenses_handled_check CHECK ((status = 'handled') = (handled_was IS NOT NULL) AND (status = 'handled') = (handled_reason <> ''));

-- What one person was paid for once looks so.
CREATE INDEX expenses_alike ON expenses (company_id, issue_date, total, currency, lower(supplier));

-- What a person wants done with many expenses. It holds those that were chosen: no filter is read again.
CREATE TABLE bulk_plans (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  action     text NOT NULL CHECK (action IN ('push', 'retry', 'withdraw', 'handled', 'undo')),
  state      text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'running', 'paused', 'stopped', 'done')),
  reason     text NOT NULL DEFAULT '' CHECK (length(reason) <= 300), -- of handled
  anyway     boolean NOT NULL DEFAULT false,          -- those too that are known to fail
  user_id    bigint REFERENCES users ON DELETE SET NULL,
  actor      text NOT NULL,                           -- the email of who made it
  created_at timestamptz NOT NULL DEFAULT clock(),
  started_at timestamptz,
  batch_at   timestamptz,                             -- its last batch: plans take turns
  ended_at   timestamptz,
  CHECK ((state = 'draft') = (started_at IS NULL)),
  CHECK ((state IN ('stopped', 'done')) = (ended_at IS NOT NULL))
);
CREATE INDEX bulk_plans_running ON bulk_plans (id) WHERE state = 'running';
CREATE INDEX bulk_plans_draft ON bulk_plans (created_at) WHERE state = 'draft';

-- One chosen expense of a plan, in the plan's order: by company. It stays as a receipt when the expense is deleted.
CREATE TABLE bulk_plan_items (
  plan_id    bigint NOT NULL REFERENCES bulk_plans ON DELETE CASCADE,
  position   int NOT NULL,
  expense_id bigint NOT NULL,
  company_id bigint NOT NULL REFERENCES companies,
  reference  text NOT NULL,
  currency   text NOT NULL,
  total      numeric(19, 4) NOT NULL,
  judged     boolean NOT NULL DEFAULT false,          -- it was foreseen what becomes of it
  state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'left_out')),
  why        text NOT NULL DEFAULT '',                -- it was left out, or would be
  insist     boolean NOT NULL DEFAULT false,          -- it would be done if a person insists
  held       boolean NOT NULL DEFAULT false,          -- it would wait for its connection
  makes      text[] NOT NULL DEFAULT '{}',            -- the accounts and suppliers that would be made first
  alike      bigint,                                  -- another expense that looks the same
  push_id    bigint REFERENCES pushes,                -- the push it got
  PRIMARY KEY (plan_id, position),
  UNIQUE (plan_id, expense_id),
  CHECK (state <> 'left_out' OR why <> ''),
  CHECK (push_id IS NULL OR state = 'done')
);
CREATE INDEX bulk_plan_items_unjudged ON bulk_plan_items (plan_id, position) WHERE NOT judged;
CREATE INDEX bulk_plan_items_waiting ON bulk_plan_items (plan_id, position) WHERE state = 'waiting';
