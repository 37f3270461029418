package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Some is a number of expenses; with More there are more than these.
type Some struct {
	N    int
	More bool
}

const (
	countMost  = 200  // that are counted of a status
	countAhead = 400  // that are read of a status to find those that an index does not know
	countFound = 1000 // that have a text
)

// CountsWithin counts the expenses of each status that f chooses, whatever its status, as far as that takes no more than a look: a status
// that is not counted is left out.
func (s *Store) CountsWithin(ctx context.Context, f ExpenseFilter) (map[ExpenseStatus]Some, error) {
	f.Status, f.Sort = "", SortDate
	if f.From.IsZero() && f.To.IsZero() && (f.Min.Valid || f.Max.Valid) {
		f.Sort = SortAmount
	}
	l := newListing(f, nil, false)
	var read []struct {
		Status     ExpenseStatus
		Read, Hits int
	}
	most := countMost
	if len(l.others) > 0 {
		most = countAhead
	}
	query, args := l.tally(most + 1)
	if err := s.db.SelectContext(ctx, &read, query, args...); err != nil {
		return nil, fmt.Errorf("count what a filter chooses: %w", err)
	}
	counts, hits := map[ExpenseStatus]Some{}, 0
	for _, status := range Statuses {
		if !slices.Contains(f.statuses(), status) {
			counts[status] = Some{}
		}
	}
	for _, r := range read {
		hits += r.Hits
		switch {
		case r.Hits > countMost:
			counts[r.Status] = Some{countMost, true}
		case r.Read <= most:
			counts[r.Status] = Some{N: r.Hits}
		}
	}
	if len(counts) == len(Statuses) || len(f.patterns()) == 0 || hits >= PageSize { // what is frequent is too much to be found by its text
		return counts, nil
	}
	return s.countsFound(ctx, f, counts)
}

// tally counts what an index in the list's order serves and what of that the other conditions choose, of each status in its first n.
func (l listing) tally(n int) (query string, args []any) {
	where, args := l.where(l.ordered)
	others := []string{"true"}
	for _, c := range l.others {
		others, args = c.join(others, args)
	}
	var parts []string
	for _, s := range l.statuses() {
		parts = append(parts, fmt.Sprintf(`
			SELECT '%s' AS status, count(*) AS read, count(*) FILTER (WHERE %s) AS hits FROM (SELECT * FROM expenses WHERE %s %s LIMIT %d) e`,
			s, strings.Join(others, " AND "), strings.Join(append([]string{"status = '" + string(s) + "'"}, where...), " AND "), l.order(), n))
	}
	return strings.Join(parts, " UNION ALL "), args
}

// countsFound counts by the texts, unless too many are like those.
func (s *Store) countsFound(ctx context.Context, f ExpenseFilter, counts map[ExpenseStatus]Some) (map[ExpenseStatus]Some, error) {
	where, args := f.where()
	found, args := f.found(args)
	var rows []struct {
		Status ExpenseStatus
		N      int
	}
	err := s.db.SelectContext(ctx, &rows, fmt.Sprintf(`WITH %s, few AS MATERIALIZED (SELECT id FROM found LIMIT %d)
		SELECT status, count(*) AS n FROM few JOIN expenses USING (id) WHERE %s GROUP BY status UNION ALL SELECT '', count(*) FROM few`,
		found, countFound+1, strings.Join(where, " AND ")), args...)
	if err != nil {
		return nil, fmt.Errorf("count what has a text: %w", err)
	}
	exact := map[ExpenseStatus]Some{}
	for _, status := range Statuses {
		exact[status] = Some{}
	}
	for _, r := range rows {
		if r.Status == "" && r.N > countFound {
			return counts, nil
		}
		if r.Status != "" {
			exact[r.Status] = Some{N: r.N}
		}
	}
	return exact, nil
}
