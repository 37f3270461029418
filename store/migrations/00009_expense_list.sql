-- +goose Up

-- Lists. An index begins with the status, and one of all statuses merges as many orderly readings as there are statuses.
DROP INDEX expenses_by_date, expenses_by_company;
CREATE INDEX expenses_by_amount ON expenses (status, total, id);
CREATE INDEX expenses_by_change ON expenses (status, status_at, id);
CREATE INDEX expenses_by_company_amount ON expenses (company_id, status, total, id);
CREATE INDEX expenses_by_company_change ON expenses (company_id, status, status_at, id);

-- Causes -----------------------------------------------------------------------------------------------------------

-- Why the newest push failed or needs checking: as the push says, for lists. Of an example it is as it was made, for it has no push.
ALTER TABLE expenses
  ADD cause         text NOT NULL DEFAULT '',
  ADD cause_subject text NOT NULL DEFAULT '';
UPDATE expenses e SET cause = p.cause, cause_subject = p.subject
FROM pushes p WHERE p.id = e.push_id AND e.status IN ('failed', 'needs_checking') AND p.cause <> '';
CREATE INDEX expenses_by_cause ON expenses (cause, cause_subject) WHERE cause <> '';

-- +goose StatementBegin
CREATE FUNCTION cause_of_expense() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT p.cause, p.subject INTO NEW.cause, NEW.cause_subject FROM pushes p WHERE p.id = NEW.push_id AND NEW.status IN ('failed', 'needs_checking');
  NEW.cause := coalesce(NEW.cause, '');
  NEW.cause_subject := coalesce(NEW.cause_subject, '');
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER expenses_cause BEFORE UPDATE OF status, push_id ON expenses FOR EACH ROW
  WHEN (NEW.push_id IS NOT NULL AND (NEW.status IN ('failed', 'needs_checking') OR OLD.cause <> '')) EXECUTE FUNCTION cause_of_expense();

-- +goose StatementBegin
CREATE FUNCTION cause_of_push() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE expenses SET cause = NEW.cause, cause_subject = NEW.subject
  WHERE id = NEW.expense_id AND push_id = NEW.id AND status IN ('failed', 'needs_checking') AND (cause, cause_subject) <> (NEW.cause, NEW.subject);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER pushes_cause AFTER UPDATE OF cause, subject ON pushes FOR EACH ROW
  WHEN ((NEW.cause, NEW.subject) <> (OLD.cause, OLD.subject)) EXECUTE FUNCTION cause_of_push();

-- Texts ------------------------------------------------------------------------------------------------------------

-- What a text is looked for in. It is a table of its own because its index costs much to change: a change of status makes a new
-- version of an expense, and leaves this as it is.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE expense_texts (
  expense_id bigint PRIMARY KEY,
  text       text NOT NULL
);
-- +goose StatementBegin
CREATE FUNCTION expense_text(reference text, supplier text, description text, currency text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT chr(31) || lower(reference || chr(31) || supplier || chr(31) || description || chr(31) || currency) || chr(31) $$;
-- +goose StatementEnd
INSERT INTO expense_texts SELECT id, expense_text(reference, supplier, description, currency) FROM expenses;
CREATE INDEX expense_texts_by_part ON expense_texts USING gin (text gin_trgm_ops);

-- +goose StatementBegin
CREATE FUNCTION expense_retold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE expense_texts SET text = expense_text(NEW.reference, NEW.supplier, NEW.description, NEW.currency) WHERE expense_id = NEW.id;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER expenses_retold AFTER UPDATE OF reference, supplier, description, currency ON expenses FOR EACH ROW EXECUTE FUNCTION expense_retold();

-- Counts -----------------------------------------------------------------------------------------------------------

-- How many expenses of each status a company has: the sum of its rows. Company 0 has those of all. A change of expenses adds rows,
-- a few however many it changes, so that nobody waits for another; now and then one puts rows together.
CREATE TABLE expense_counts (
  company_id bigint NOT NULL,
  status     text NOT NULL,
  count      bigint NOT NULL CHECK (count <> 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO expense_counts (company_id, status, count)
SELECT coalesce(company_id, 0), status, count(*) FROM expenses GROUP BY GROUPING SETS ((company_id, status), (status));
CREATE INDEX expense_counts_by_company ON expense_counts (company_id);

-- +goose StatementBegin
CREATE FUNCTION expenses_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  companies bigint[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO expense_texts SELECT id, expense_text(reference, supplier, description, currency) FROM after;
    WITH made AS (
      INSERT INTO expense_counts (company_id, status, count)
      SELECT coalesce(company_id, 0), status, count(*) FROM after GROUP BY GROUPING SETS ((company_id, status), (status))
      RETURNING company_id)
    SELECT array_agg(company_id) INTO companies FROM made;
  ELSIF TG_OP = 'DELETE' THEN
    DELETE FROM expense_texts t USING before WHERE t.expense_id = before.id;
    WITH made AS (
      INSERT INTO expense_counts (company_id, status, count)
      SELECT coalesce(company_id, 0), status, -count(*) FROM before GROUP BY GROUPING SETS ((company_id, status), (status))
      RETURNING company_id)
    SELECT array_agg(company_id) INTO companies FROM made;
  ELSE
    WITH made AS (
      INSERT INTO expense_counts (company_id, status, count)
      SELECT coalesce(company_id, 0), status, sum(n)
      FROM (SELECT company_id, status, 1 AS n FROM after UNION ALL SELECT company_id, status, -1 FROM before) e
      GROUP BY GROUPING SETS ((company_id, status), (status)) HAVING sum(n) <> 0
      RETURNING company_id)
    SELECT array_agg(company_id) INTO companies FROM made;
  END IF;
  IF random() < 0.03 THEN
    WITH old AS (
      DELETE FROM expense_counts WHERE ctid = ANY(ARRAY( -- no row is ever updated, so that it stays where it is
        SELECT ctid FROM expense_counts WHERE company_id = ANY(companies) FOR UPDATE SKIP LOCKED)) -- others may be putting them together
      RETURNING company_id, status, count)
    INSERT INTO expense_counts (company_id, status, count)
    SELECT company_id, status, sum(count) FROM old GROUP BY company_id, status HAVING sum(count) <> 0;
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER expenses_added AFTER INSERT ON expenses REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION expenses_changed();
CREATE TRIGGER expenses_changed AFTER UPDATE ON expenses REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION expenses_changed();
CREATE TRIGGER expenses_removed AFTER DELETE ON expenses REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION expenses_changed();
