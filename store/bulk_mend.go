package store

import (
	"context"
	"fmt"
	"strings"
)

// CausePlace is a company in which expenses failed for a cause: where that may be mended.
type CausePlace struct {
	Cause, Subject string
	CompanyID      int64 `db:"company_id"`
	Company        string
	Expenses       int
	ExpenseID      int64 `db:"-"` // the first of them all, where they are mended one by one
}

// CausePlaces returns for each cause of the failed expenses that a filter chooses the few companies that have most of them.
func (s *Store) CausePlaces(ctx context.Context, f ExpenseFilter, few int) ([]CausePlace, error) {
	f.Status = Failed
	where, args := f.where()
	args = append(args, few)
	var ps []CausePlace
	err := s.db.SelectContext(ctx, &ps, fmt.Sprintf(`
		WITH place AS (
			SELECT cause, cause_subject AS subject, company_id, count(*) AS expenses FROM expenses WHERE %s GROUP BY 1, 2, 3),
		ranked AS (SELECT *, row_number() OVER (PARTITION BY cause, subject ORDER BY expenses DESC, company_id) AS nth FROM place)
		SELECT r.cause, r.subject, r.company_id, co.name AS company, r.expenses
		FROM ranked r JOIN companies co ON co.id = r.company_id
		WHERE r.nth <= $%d ORDER BY r.cause, r.subject, r.nth`, strings.Join(where, " AND "), len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("find where causes may be mended: %w", err)
	}
	return ps, nil
}
