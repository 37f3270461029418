-- +goose Up

-- For the list of a stretch of time. What is new is not in it: the intake, which is in a hurry, has no work with it.
CREATE INDEX deliveries_by_time ON deliveries (received_at) WHERE verdict <> 'new';
