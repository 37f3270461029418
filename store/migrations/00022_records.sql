-- +goose Up
-- Whose a record of a ledger is, for a person who says which one an expense became.
CREATE INDEX push_steps_by_record ON push_steps (record_id, connection_id) WHERE kind = 'directCost' AND record_id IS NOT NULL;
