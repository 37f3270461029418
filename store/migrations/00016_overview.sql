-- +goose Up
-- What ended lately, for the pushes per day and how long they took.
CREATE INDEX pushes_settled ON pushes (settled_at) WHERE settled_at IS NOT NULL;
