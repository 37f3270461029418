-- +goose Up

-- When each webhook credential last proved a message. Of a credential only its fingerprint is kept.
CREATE TABLE credential_uses (
  fingerprint text PRIMARY KEY,
  used_at     timestamptz NOT NULL
);

-- For lists and searches. What is new is in neither of them: the intake, which is in a hurry, has no work with them.
CREATE INDEX deliveries_by_subject ON deliveries (subject, id) WHERE verdict <> 'new';
CREATE INDEX deliveries_by_type ON deliveries (type, id) WHERE verdict <> 'new';
