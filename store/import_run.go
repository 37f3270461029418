package store

import (
	"context"
	"errors"
	"fmt"
)

// Entering is an import whose expenses are being entered. Nobody sees them before it ends, and nothing of them stays when it does not.
type Entering struct {
	Import
	Fixes []ImportFix
	By    User
	tx    *Tx
	s     *Store
}

// EnterImport takes an import that waits to be entered, one that no other process has in hand, and has do enter it: all in one
// transaction, so that whatever ends the process leaves nothing. It reports whether there was one.
//
// When do returns false, or an error that is not the database's trouble, the import is a draft again.
func (s *Store) EnterImport(ctx context.Context, do func(e *Entering) (entered bool, err error)) (found bool, err error) {
	var id int64
	entered := false
	err = s.InTx(ctx, func(tx *Tx) error {
		found, entered = false, false
		// Its row stays free, for who says how far it is.
		err := tx.GetContext(ctx, &id, `SELECT i.id FROM imports i JOIN import_parts p ON p.import_id = i.id AND p.n = 0
			WHERE i.state = 'running' ORDER BY i.id LIMIT 1 FOR UPDATE OF p SKIP LOCKED`)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take import: %w", err)
		}
		found = true
		e := &Entering{tx: tx, s: s}
		if e.Import, e.Fixes, err = s.Import(ctx, id); err != nil {
			return err
		}
		if e.State != ImportRunning { // it ended while it was taken
			entered = true
			return nil
		}
		e.By.Email = e.Starter
		if e.StartedBy != nil {
			e.By.ID = *e.StartedBy
		}
		if entered, err = do(e); err != nil || !entered {
			return err
		}
		tx.changed(ImportChanged, id)
		return nil
	})
	switch {
	case err != nil && (ctx.Err() != nil || Unavailable(err)):
		return found, err // it is taken up again
	case isReferenceTaken(err):
		return true, nil // by somebody who was quicker; it is read again, and then says so
	case err != nil:
		return found, errors.Join(err, s.redraft(ctx, id, "Tallylight made a mistake. It has been noted; nothing was imported."))
	case found && !entered:
		return true, s.redraft(ctx, id, "The companies, or the expenses that are here, have changed since: see what is to be mended now. Nothing was imported.")
	}
	return found, nil
}

// Add enters the expenses, batch by batch, and tells after each how far it is. here counts those that were here already.
func (e *Entering) Add(ctx context.Context, es []NewExpense, here int) error {
	const step = 5 * addBatch
	if err := e.progress(ctx, 0, len(es)); err != nil {
		return err
	}
	for from := 0; from < len(es); from += step {
		to := min(from+step, len(es))
		if _, err := e.tx.addExpenses(ctx, e.By, es[from:to]); err != nil {
			return err
		}
		if err := e.progress(ctx, to, len(es)); err != nil {
			return err
		}
	}
	_, err := e.tx.ExecContext(ctx, `WITH part AS (DELETE FROM import_parts WHERE import_id = $1)
		UPDATE imports SET state = 'done', ended_at = clock_timestamp() + (clock() - now()), total = $2, entered = $2, here = $3, preview = NULL WHERE id = $1`, e.ID, len(es), here)
	if err != nil {
		return fmt.Errorf("end import %d: %w", e.ID, err)
	}
	return nil
}

// progress is seen at once: it is not of the transaction that enters.
func (e *Entering) progress(ctx context.Context, entered, total int) error {
	return e.s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE imports SET entered = $2, total = $3 WHERE id = $1`, e.ID, entered, total); err != nil {
			return fmt.Errorf("say how far import %d is: %w", e.ID, err)
		}
		tx.changed(ImportChanged, e.ID)
		return nil
	})
}

func (s *Store) redraft(ctx context.Context, id int64, trouble string) error {
	return s.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE imports SET state = 'draft', entered = 0, preview = NULL, trouble = $2 WHERE id = $1 AND state = 'running'`, id, trouble)
		if err != nil {
			return fmt.Errorf("make import %d a draft again: %w", id, err)
		}
		tx.changed(ImportChanged, id)
		return nil
	})
}
