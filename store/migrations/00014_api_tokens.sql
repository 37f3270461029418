-- +goose Up

-- What other systems prove themselves with. A revoked one stays, for the record.
CREATE TABLE api_tokens (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL CHECK (name <> '' AND name = btrim(name)),
  hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32), -- the SHA-256; the token itself is kept nowhere
  scopes     text[] NOT NULL CHECK (scopes <> '{}' AND scopes <@ ARRAY['expenses:write', 'expenses:push', 'expenses:read']),
  created_by bigint REFERENCES users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT clock(),
  used_at    timestamptz,
  revoked_at timestamptz
);
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (lower(name)) WHERE revoked_at IS NULL;
