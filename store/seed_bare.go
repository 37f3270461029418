package store

import (
	"context"
	"fmt"
)

// seedBare adds the same as addSeeds, in a fraction of the time: the tables are bare of indexes, references and the trigger that
// tells counts and texts, and get them back at the end. The database says what they are, so that they come back as they were.
func (tx *Tx) seedBare(ctx context.Context, seeded, added int) error {
	if _, err := tx.ExecContext(ctx, `LOCK TABLE companies, expenses, expense_lines, expense_texts, expense_counts IN ACCESS EXCLUSIVE MODE`); err != nil {
		return fmt.Errorf("lock expenses: %w", err)
	}
	var last int64
	if err := tx.GetContext(ctx, &last, `SELECT coalesce(max(id), 0) FROM expenses`); err != nil {
		return fmt.Errorf("read the last expense: %w", err)
	}
	var parts []struct{ Remove, Restore string }
	err := tx.SelectContext(ctx, &parts, `
		WITH bare AS (SELECT unnest('{expenses, expense_lines, expense_texts}'::regclass[]) AS id)
		SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS remove,
			format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(c.oid)) AS restore
		FROM pg_constraint c JOIN bare ON bare.id = conrelid WHERE contype = 'f'
		UNION ALL
		SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
		FROM pg_index JOIN bare ON bare.id = indrelid WHERE NOT indisunique
		UNION ALL
		VALUES ('ALTER TABLE expenses DISABLE TRIGGER expenses_added', 'ALTER TABLE expenses ENABLE TRIGGER expenses_added')`)
	if err != nil {
		return fmt.Errorf("read what expenses are bare of: %w", err)
	}
	for _, p := range parts {
		if _, err := tx.ExecContext(ctx, p.Remove); err != nil {
			return fmt.Errorf("%s: %w", p.Remove, err)
		}
	}
	for n := 0; n < added; n += seedBatch {
		if err := tx.addSeeds(ctx, seeded+n, min(added-n, seedBatch)); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO expense_texts SELECT id, expense_text(reference, supplier, description, currency) FROM expenses WHERE id > $1`, last)
	if err != nil {
		return fmt.Errorf("add texts: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO expense_counts (company_id, status, count)
		SELECT coalesce(company_id, 0), status, count(*) FROM expenses WHERE id > $1 GROUP BY GROUPING SETS ((company_id, status), (status))`, last)
	if err != nil {
		return fmt.Errorf("add counts: %w", err)
	}
	for _, p := range parts {
		if _, err := tx.ExecContext(ctx, p.Restore); err != nil {
			return fmt.Errorf("%s: %w", p.Restore, err)
		}
	}
	return nil
}
