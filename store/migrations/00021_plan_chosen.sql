-- +goose Up

-- A plan holds the ids of what was chosen from its first moment. An expense gets a row of its own when it is foreseen what becomes of it, a
-- batch at a time: to choose a hundred thousand is one quick statement.
ALTER TABLE bulk_plans
  ADD chosen bigint[] NOT NULL DEFAULT '{}', -- in the plan's order
  ADD size   int NOT NULL DEFAULT 0,         -- how many they are
  ADD looked int NOT NULL DEFAULT 0;         -- how many of them were looked at: the others have no row yet
UPDATE bulk_plans p SET chosen = i.chosen, size = i.size, looked = i.looked FROM (
  SELECT plan_id, array_agg(expense_id ORDER BY position) AS chosen, count(*) AS size, count(*) FILTER (WHERE judged) AS looked
  FROM bulk_plan_items GROUP BY plan_id) i WHERE p.id = i.plan_id;
DELETE FROM bulk_plan_items WHERE NOT judged;
ALTER TABLE bulk_plan_items DROP judged;
ALTER TABLE bulk_plans ADD CHECK (looked BETWEEN 0 AND size), ADD CHECK (state = 'draft' OR looked = size);
