package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// CauseGroup are the failed expenses that have one cause.
type CauseGroup struct {
	Cause     string
	Subject   string
	Companies int
	Expenses  int
	Sums      []Sum
}

// CauseGroups groups the failed expenses that a filter chooses by why they failed, the most first.
func (s *Store) CauseGroups(ctx context.Context, f ExpenseFilter) ([]CauseGroup, error) {
	f.Status = Failed
	where, args := f.where()
	var rows []struct {
		Cause, Subject string
		Companies      pq.Int64Array
		Sum
	}
	err := s.db.SelectContext(ctx, &rows, `
		WITH e AS (SELECT * FROM expenses WHERE `+strings.Join(where, " AND ")+`)
		SELECT coalesce(p.cause, '') AS cause, coalesce(p.subject, '') AS subject, e.currency, array_agg(DISTINCT e.company_id) AS companies,
			sum(e.total) AS total, count(*) AS count
		FROM e LEFT JOIN pushes p ON p.id = e.push_id GROUP BY 1, 2, 3 ORDER BY count(*) DESC, e.currency`, args...)
	if err != nil {
		return nil, fmt.Errorf("group failures by cause: %w", err)
	}
	type key struct{ cause, subject string }
	var groups []CauseGroup
	index, companies := map[key]int{}, map[key]map[int64]bool{}
	for _, r := range rows {
		k := key{r.Cause, r.Subject}
		n, ok := index[k]
		if !ok {
			n = len(groups)
			index[k], companies[k] = n, map[int64]bool{}
			groups = append(groups, CauseGroup{Cause: r.Cause, Subject: r.Subject})
		}
		for _, id := range r.Companies {
			companies[k][id] = true
		}
		groups[n].Companies = len(companies[k])
		groups[n].Expenses += r.Count
		groups[n].Sums = append(groups[n].Sums, r.Sum)
	}
	slices.SortStableFunc(groups, func(a, b CauseGroup) int { return b.Expenses - a.Expenses })
	return groups, nil
}
