package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// OldCause is a failed push whose cause was chosen by older rules.
type OldCause struct {
	PushID int64  `db:"push_id"`
	Fact   []byte // the failure as Codat told it; nil or {} when we knew the cause ourselves
}

// OldCauses returns pushes that failed or need checking and whose cause older rules than version chose.
func (s *Store) OldCauses(ctx context.Context, version, limit int) ([]OldCause, error) {
	var cs []OldCause
	err := s.db.SelectContext(ctx, &cs, `
		SELECT p.id AS push_id, s.error AS fact FROM pushes p JOIN push_steps s ON s.id = coalesce(p.failed_step_id, p.cost_step_id)
		WHERE p.state IN ('failed', 'needs_checking') AND p.rules < $1 ORDER BY p.id DESC LIMIT $2`, version, limit)
	if err != nil {
		return nil, fmt.Errorf("find old causes: %w", err)
	}
	return cs, nil
}

// NewCause is what newer rules say of a push; an empty Cause leaves the one it has.
type NewCause struct {
	PushID  int64  `json:"push_id"`
	Cause   string `json:"cause"`
	Subject string `json:"subject"`
}

// SetCauses keeps what the rules of that version say.
func (s *Store) SetCauses(ctx context.Context, version int, causes []NewCause) error {
	j, err := json.Marshal(causes)
	if err != nil {
		return fmt.Errorf("keep new causes: %w", err)
	}
	return s.InTx(ctx, func(tx *Tx) error {
		var ids []int64
		err := tx.SelectContext(ctx, &ids, `
			UPDATE pushes p SET rules = $1, cause = CASE WHEN r.cause = '' THEN p.cause ELSE r.cause END,
				subject = CASE WHEN r.cause = '' THEN p.subject ELSE r.subject END
			FROM jsonb_to_recordset($2) AS r (push_id bigint, cause text, subject text) WHERE p.id = r.push_id RETURNING p.expense_id`, version, string(j))
		if err != nil {
			return fmt.Errorf("keep new causes: %w", err)
		}
		tx.changed(ExpenseChanged, ids...)
		return nil
	})
}

// Siblings returns the expenses that still show as failed because of the same failed account or supplier as a push of this one,
// without itself.
func (s *Store) Siblings(ctx context.Context, expenseID int64) ([]int64, error) {
	var ids []int64
	err := s.db.SelectContext(ctx, &ids, `
		SELECT DISTINCT e.id FROM pushes mine JOIN pushes o ON o.failed_step_id = mine.failed_step_id AND o.state = 'failed'
			JOIN expenses e ON e.push_id = o.id AND e.status = 'failed'
		WHERE mine.expense_id = $1 AND e.id <> $1 ORDER BY e.id LIMIT 10000`, expenseID)
	if err != nil {
		return nil, fmt.Errorf("find siblings of expense %d: %w", expenseID, err)
	}
	return ids, nil
}
