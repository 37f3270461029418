-- +goose Up

-- What proves a connection: a write that reached the ledger, or Codat's having read from it. A check has Codat read from it now.
ALTER TABLE connections
  ADD read_at        timestamptz,                     -- when the newest reading of it that holds was asked; older ones never undo it
  ADD wrote_at       timestamptz,                     -- the last write that reached the ledger; proven_at is that, or a later reading
  ADD checking_since timestamptz,                     -- a check is under way since then; any process may follow it
  ADD check_next_at  timestamptz,                     -- when it is looked at next
  ADD check_asked    int NOT NULL DEFAULT 0,          -- how often that was done
  ADD check_queued   boolean NOT NULL DEFAULT false,  -- Codat reads
  ADD check_sync_id  text NOT NULL DEFAULT '',        -- Codat's id of that reading, '' where it gave none: another one was under way
  ADD check_reason   text NOT NULL DEFAULT '' CHECK (check_reason IN ('', 'person', 'quiet', 'bulk', 'push')),
  ADD checked_at     timestamptz,                     -- the last check ended, and
  ADD check_result   text NOT NULL DEFAULT '' CHECK (check_result IN ('', 'proven', 'down', 'failed', 'unanswered', 'unasked')),
  ADD check_said     text NOT NULL DEFAULT '',        -- in Codat's words; of one under way, why Codat could not be asked last
  ADD CHECK ((checking_since IS NULL) = (check_next_at IS NULL)),
  ADD CHECK (check_sync_id = '' OR check_queued),
  ADD CHECK ((checked_at IS NULL) = (check_result = ''));
UPDATE connections SET wrote_at = proven_at;
CREATE INDEX connections_checked ON connections (check_next_at) WHERE check_next_at IS NOT NULL;

-- Every status a connection had, and what else was heard of it.
CREATE TABLE connection_history (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id    bigint NOT NULL REFERENCES companies,
  connection_id bigint NOT NULL REFERENCES connections ON DELETE CASCADE,
  status        text NOT NULL CHECK (status <> ''),   -- as Codat spells it
  deleted       boolean NOT NULL DEFAULT false,       -- whatever its status says
  said_at       timestamptz,                          -- since when, as Codat says; null when it does not
  heard_at      timestamptz NOT NULL DEFAULT clock(), -- by our clock
  at            timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(said_at, heard_at)) STORED,
  late          boolean NOT NULL DEFAULT false,       -- older than what was known: it changed nothing
  source        text NOT NULL CHECK (source IN ('start', 'webhook', 'reading', 'sync', 'push')),
  event         text NOT NULL DEFAULT '',             -- the webhook's type
  delivery_id   bigint REFERENCES deliveries ON DELETE SET NULL,
  actor         text NOT NULL DEFAULT '',             -- a person's email, Codat, or Tallylight
  cause         text NOT NULL DEFAULT '',             -- in Codat's words
  CHECK (event = '' OR source = 'webhook'),
  CHECK (delivery_id IS NULL OR source = 'webhook')
);
CREATE INDEX connection_history_by_time ON connection_history (connection_id, at DESC, id DESC);
CREATE INDEX connection_history_by_delivery ON connection_history (delivery_id) WHERE delivery_id IS NOT NULL;

INSERT INTO connection_history (company_id, connection_id, status, deleted, said_at, heard_at, source)
SELECT company_id, id, status, deleted_at IS NOT NULL, status_at, changed_at, 'start' FROM connections;

-- News of connections of companies that nobody knew, which are applied when the company is.
CREATE INDEX deliveries_of_strangers ON deliveries (company) WHERE verdict = 'not_ours' AND connection <> '' AND operation_key = '';
