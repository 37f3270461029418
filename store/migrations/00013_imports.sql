-- +goose Up

-- A file of expenses that somebody uploaded: a draft until its expenses are entered, all of them at once. Removed after a week.
CREATE TABLE imports (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL,                            -- of the file
  size       bigint NOT NULL DEFAULT 0,
  state      text NOT NULL DEFAULT 'uploading' CHECK (state IN ('uploading', 'draft', 'running', 'done')),
  format     jsonb NOT NULL DEFAULT '{}',              -- how its dates, amounts and columns are read
  preview    jsonb,                                    -- what reading it found; null when it is to be read again
  trouble    text NOT NULL DEFAULT '',                 -- why the last try to enter it came to nothing
  total      int NOT NULL DEFAULT 0,                   -- expenses to be entered
  entered    int NOT NULL DEFAULT 0,                   -- of them so far, and at the end
  here       int NOT NULL DEFAULT 0,                   -- that were here already, with the same content
  created_by bigint REFERENCES users ON DELETE SET NULL,
  actor      text NOT NULL,                            -- the email of who uploaded it
  created_at timestamptz NOT NULL DEFAULT clock(),
  started_by bigint REFERENCES users ON DELETE SET NULL,
  starter    text NOT NULL DEFAULT '',
  started_at timestamptz,
  ended_at   timestamptz,
  CHECK ((state = 'done') = (ended_at IS NOT NULL))
);
CREATE INDEX imports_running ON imports (id) WHERE state = 'running';

-- Its bytes as they came, in pieces. Who enters it holds the first one.
CREATE TABLE import_parts (
  import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
  n         int NOT NULL,
  bytes     bytea NOT NULL,
  PRIMARY KEY (import_id, n)
);

-- What was changed in it after the upload: a cell of some lines, or lines that are left out. Later ones hold.
CREATE TABLE import_fixes (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
  cell      text NOT NULL,                             -- the column
  lines     int[] NOT NULL,
  was       text NOT NULL,
  becomes   text,                                      -- null: the expenses of these lines are left out
  made_by   text NOT NULL,
  made_at   timestamptz NOT NULL DEFAULT clock()
);
CREATE INDEX import_fixes_by_import ON import_fixes (import_id, id);
