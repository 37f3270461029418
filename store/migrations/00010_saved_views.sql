-- +goose Up

-- Lists of expenses that people keep by a name. The query is that of the list's address.
CREATE TABLE saved_views (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id  bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  name     text NOT NULL CHECK (name = btrim(name) AND char_length(name) BETWEEN 1 AND 40),
  query    text NOT NULL CHECK (char_length(query) <= 4000),
  saved_at timestamptz NOT NULL DEFAULT clock()
);
CREATE UNIQUE INDEX saved_views_name ON saved_views (user_id, lower(name));
