package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// MostReason is how many characters the reason may have why an expense was handled outside.
const MostReason = 300

// MarkHandled says of expenses that are not pushed or have failed that a person has dealt with them outside, and why. It returns those it
// is said of now. They are neither pushed nor changed until that is undone.
func (s *Store) MarkHandled(ctx context.Context, by User, ids []int64, reason string) (marked []int64, err error) {
	err = s.InTx(ctx, func(tx *Tx) (err error) {
		marked, err = tx.MarkHandled(ctx, by, ids, reason)
		return err
	})
	return marked, err
}

// MarkHandled is Store.MarkHandled as a part of something larger.
func (tx *Tx) MarkHandled(ctx context.Context, by User, ids []int64, reason string) ([]int64, error) {
	detail, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return nil, fmt.Errorf("record why it was handled: %w", err)
	}
	return tx.setHandled(ctx, by, ids, "handled outside", string(detail), `
		UPDATE expenses e SET status = 'handled', handled_was = status, handled_reason = $5, status_at = clock() FROM held
		WHERE e.id = held.id AND e.status IN ('not_pushed', 'failed')`, reason)
}

// UndoHandled gives expenses that were handled outside the status back that they had before, and returns which.
func (s *Store) UndoHandled(ctx context.Context, by User, ids []int64) (undone []int64, err error) {
	err = s.InTx(ctx, func(tx *Tx) (err error) {
		undone, err = tx.UndoHandled(ctx, by, ids)
		return err
	})
	return undone, err
}

// UndoHandled is Store.UndoHandled as a part of something larger.
func (tx *Tx) UndoHandled(ctx context.Context, by User, ids []int64) ([]int64, error) {
	return tx.setHandled(ctx, by, ids, "undid handled outside", `{}`, `
		UPDATE expenses e SET status = handled_was, handled_was = NULL, handled_reason = '', status_at = clock() FROM held
		WHERE e.id = held.id AND e.status = 'handled'`)
}

func (tx *Tx) setHandled(ctx context.Context, by User, ids []int64, verb, detail, update string, args ...any) ([]int64, error) {
	var changed []int64
	err := tx.SelectContext(ctx, &changed, `
		WITH held AS MATERIALIZED (SELECT id FROM expenses WHERE id = ANY($1) ORDER BY id FOR UPDATE),
		badge AS (`+update+` RETURNING e.id, e.company_id, e.reference),
		told AS (
			INSERT INTO activity (company_id, user_id, actor, verb, subject_kind, subject_id, subject, detail)
			SELECT company_id, nullif($2, 0), $3, '`+verb+`', 'expense', id, reference, $4::jsonb FROM badge)
		SELECT id FROM badge ORDER BY id`, append([]any{int64s(ids), by.ID, by.Email, detail}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	tx.changed(ExpenseChanged, changed...)
	return changed, nil
}
