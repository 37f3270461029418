package store

import (
	"context"
	"fmt"
)

// StatusCounts counts the expenses of each status that has any, of one company (0 = of all).
func (s *Store) StatusCounts(ctx context.Context, companyID int64) (map[ExpenseStatus]int, error) {
	counts, err := s.StatusCountsByCompany(ctx, []int64{companyID})
	if err != nil {
		return nil, err
	}
	if counts[companyID] == nil {
		return map[ExpenseStatus]int{}, nil
	}
	return counts[companyID], nil
}

// StatusCountsByCompany counts the expenses of each status for each of these companies that has any.
func (s *Store) StatusCountsByCompany(ctx context.Context, companyIDs []int64) (map[int64]map[ExpenseStatus]int, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT company_id, status, sum(count) FROM expense_counts WHERE company_id = ANY($1) GROUP BY company_id, status HAVING sum(count) <> 0`, int64s(companyIDs))
	if err != nil {
		return nil, fmt.Errorf("count expenses: %w", err)
	}
	defer rows.Close()
	counts := map[int64]map[ExpenseStatus]int{}
	for rows.Next() {
		var id int64
		var status ExpenseStatus
		var n int
		if err := rows.Scan(&id, &status, &n); err != nil {
			return nil, fmt.Errorf("count expenses: %w", err)
		}
		if counts[id] == nil {
			counts[id] = map[ExpenseStatus]int{}
		}
		counts[id][status] = n
	}
	return counts, rows.Err()
}
