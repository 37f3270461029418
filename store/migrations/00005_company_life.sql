-- +goose Up

-- What Codat keeps of a company beside its name, and which form of ours made it.
ALTER TABLE companies
  ADD description text NOT NULL DEFAULT '',
  ADD tags        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tags) = 'object'), -- values are texts
  ADD made_by_key uuid UNIQUE;                        -- the Idempotency-Key it was made with: the same form sent again leads to it
CREATE INDEX companies_by_name ON companies (lower(name), id);
