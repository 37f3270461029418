package store

import (
	"context"
	"fmt"
)

// alike is whether expense d looks the same as expense e: one of them may have been entered twice. Where the first of them is wanted it is
// by d.id + 0: by d.id PostgreSQL may walk through all expenses in their order until one fits.
const alike = `(d.company_id = e.company_id AND d.issue_date = e.issue_date AND d.total = e.total AND d.currency = e.currency
	AND lower(d.supplier) = lower(e.supplier) AND d.id <> e.id)`

// Duplicate is an expense that looks the same as another: company, supplier, date and amount.
type Duplicate struct {
	ID        int64
	Reference string
	Status    ExpenseStatus
}

// Duplicates returns expenses that look the same as this one, the oldest first.
func (s *Store) Duplicates(ctx context.Context, expenseID int64, limit int) ([]Duplicate, error) {
	var ds []Duplicate
	err := s.db.SelectContext(ctx, &ds, `SELECT d.id, d.reference, d.status FROM expenses e JOIN expenses d ON `+alike+`
		WHERE e.id = $1 ORDER BY d.id + 0 LIMIT $2`, expenseID, limit)
	if err != nil {
		return nil, fmt.Errorf("look for duplicates of expense %d: %w", expenseID, err)
	}
	return ds, nil
}
