package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Notice is something that needs a person and does not go away by itself: a late Success says that something may be in the
// ledger twice.
type Notice struct {
	ID        int64
	At        time.Time
	CompanyID *int64 `db:"company_id"`
	ExpenseID *int64 `db:"expense_id"` // nil for an account or supplier
	Reference string
	Platform  string
	Kind      string          // may_be_booked_twice, may_be_made_twice
	Detail    json.RawMessage // {"kind":"account","label":"Travel","record":"…","other":"…"}: both records, where they are known
}

// Notices returns the open notices, of one expense (0 = all), newest first.
func (s *Store) Notices(ctx context.Context, expenseID int64) ([]Notice, error) {
	var ns []Notice
	err := s.db.SelectContext(ctx, &ns, `
		SELECT n.id, n.at, n.company_id, n.expense_id, coalesce(e.reference, '') AS reference, coalesce(cn.platform_name, '') AS platform, n.kind,
			n.detail || jsonb_strip_nulls(CASE WHEN n.detail ? 'operation'
				THEN jsonb_build_object('other', late.record_id)
				ELSE jsonb_build_object('record', nullif(late.record_id, 'unknown'), 'other', other.record_id) END) AS detail
		FROM notices n LEFT JOIN expenses e ON e.id = n.expense_id
			LEFT JOIN push_steps late ON late.id = (n.detail->>'step')::bigint LEFT JOIN connections cn ON cn.id = late.connection_id
			LEFT JOIN pushes p ON p.id = e.push_id LEFT JOIN push_steps other ON other.id = p.cost_step_id AND other.id <> late.id
		WHERE n.closed_at IS NULL AND ($1 = 0 OR n.expense_id = $1) ORDER BY n.id DESC LIMIT 50`, expenseID)
	if err != nil {
		return nil, fmt.Errorf("list notices: %w", err)
	}
	return ns, nil
}

// CloseNotice says that a person has dealt with a notice, and reports whether it was still open.
func (s *Store) CloseNotice(ctx context.Context, by User, id int64) (bool, error) {
	closed := true
	err := s.InTx(ctx, func(tx *Tx) error {
		closed = true
		var n struct {
			CompanyID *int64 `db:"company_id"`
			ExpenseID *int64 `db:"expense_id"`
			Kind      string
			Subject   string
		}
		err := tx.GetContext(ctx, &n, `
			UPDATE notices n SET closed_at = clock(), closed_by = $2 WHERE id = $1 AND closed_at IS NULL
			RETURNING company_id, expense_id, kind, coalesce((SELECT reference FROM expenses e WHERE e.id = n.expense_id), n.detail->>'label', '') AS subject`, id, by.ID)
		if errors.Is(err, ErrNotFound) {
			closed = false
			return nil
		}
		if err != nil {
			return fmt.Errorf("close notice %d: %w", id, err)
		}
		detail, err := json.Marshal(map[string]any{"notice": id, "kind": n.Kind})
		if err != nil {
			return fmt.Errorf("record closed notice: %w", err)
		}
		a := Activity{CompanyID: n.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: "closed a notice", SubjectKind: "company", SubjectID: n.CompanyID,
			Subject: n.Subject, Detail: detail}
		if n.ExpenseID != nil {
			a.SubjectKind, a.SubjectID = "expense", n.ExpenseID
			tx.changed(ExpenseChanged, *n.ExpenseID)
		}
		tx.changed(NoticeChanged, 0)
		return tx.Record(ctx, a)
	})
	return closed, err
}
