package store

import (
	"context"
	"strings"
)

// Plans returns how PostgreSQL would read the first page of a list, and a deep one, if a company's few expenses were many.
func (s *Store) Plans(ctx context.Context, f ExpenseFilter) (plans []string, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off`); err != nil {
			return err
		}
		places, err := s.places(ctx, f, nil, false, 20)
		if err != nil {
			return err
		}
		for _, from := range []*place{nil, &places[len(places)-1]} {
			query, args := newListing(f, from, false).inOrder(PageSize + 1)
			var lines []string
			if err := tx.SelectContext(ctx, &lines, "EXPLAIN "+query, args...); err != nil {
				return err
			}
			plans = append(plans, strings.Join(lines, "\n"))
		}
		return nil
	})
	return plans, err
}

// SearchPlan returns how PostgreSQL would read what is not among the next expenses in a list's order.
func (s *Store) SearchPlan(ctx context.Context, f ExpenseFilter) (string, error) {
	query, args := newListing(f, nil, false).sorted(PageSize + 1)
	var lines []string
	err := s.db.SelectContext(ctx, &lines, "EXPLAIN "+query, args...)
	return strings.Join(lines, "\n"), err
}
