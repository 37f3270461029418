-- +goose Up

-- Receipts of expenses, with their content. One is uploaded by a step of its own once its expense is in the ledger.
CREATE TABLE receipts (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id bigint NOT NULL REFERENCES companies,
  expense_id bigint NOT NULL REFERENCES expenses ON DELETE CASCADE,
  name       text NOT NULL CHECK (name <> ''),
  type       text NOT NULL CHECK (type IN ('application/pdf', 'image/png', 'image/jpeg')),
  content    bytea NOT NULL CHECK (content <> ''),
  size       int NOT NULL GENERATED ALWAYS AS (octet_length(content)) STORED,
  digest     bytea NOT NULL GENERATED ALWAYS AS (sha256(content)) STORED,
  step_id    bigint REFERENCES push_steps,            -- its newest upload
  cause      text NOT NULL DEFAULT '',                -- why that failed or needs checking: explain's code, and the value in it
  subject    text NOT NULL DEFAULT '',
  added_by   bigint REFERENCES users ON DELETE SET NULL,
  added_at   timestamptz NOT NULL DEFAULT clock(),
  UNIQUE (expense_id, digest),
  UNIQUE (expense_id, name)                           -- in the ledger they are told apart by their names
);
ALTER TABLE receipts ALTER content SET STORAGE EXTERNAL; -- it is compressed already
CREATE INDEX receipts_by_step ON receipts (step_id) WHERE step_id IS NOT NULL;

-- Whether the accounting package takes receipts, as it was planned.
ALTER TABLE pushes ADD takes_receipts boolean NOT NULL DEFAULT true;
