-- +goose Up

-- For the list of a stretch of time. What is new is not in it: the intake, which is in a hurry, has no work with it.
CREATE INDEX deliveries_by_time ON deliveries (received_at) WHERE verdict <> 'new';

-- When applying one failed last, while it waits to be tried again: those about the same subject wait behind it. They are found by an
-- index that has nothing else in it, however many others wait.
ALTER TABLE deliveries ADD COLUMN failed_at timestamptz;
UPDATE deliveries SET failed_at = next_try_at WHERE verdict = 'new' AND tries > 0;
DROP INDEX deliveries_failed, deliveries_new;
CREATE INDEX deliveries_new ON deliveries (id) WHERE verdict = 'new' AND failed_at IS NULL;
CREATE INDEX deliveries_blocking ON deliveries (subject, id) WHERE failed_at IS NOT NULL;

-- When Codat last told of the day's quota of requests, by its clock: one row. Older news never undoes newer.
CREATE TABLE quota_news (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  told_at timestamptz NOT NULL
);
