-- +goose Up

-- The zone that a person is told times in, by the name the IANA gives it; none is that of the installation.
ALTER TABLE users ADD zone text CHECK (zone <> '');
