package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// ExpensePage is one page of a list. Before and After are cursors, "" where there is no such page.
type ExpensePage struct {
	Items         []ExpenseItem
	Before, After string
}

// PageSize is how many expenses a page shows.
const PageSize = 50

// ExpensePage returns the page of the expenses that f chooses, after or before a cursor ("" and "" = the first). A cursor that cannot
// be read, or is of another sort, shows the first page.
func (s *Store) ExpensePage(ctx context.Context, f ExpenseFilter, after, before string) (ExpensePage, error) {
	from, backwards := parseCursor(after, f.Sort), false
	if from == nil {
		from = parseCursor(before, f.Sort)
		backwards = from != nil
	}
	places, err := s.places(ctx, f, from, backwards, PageSize+1) // one more shows whether there is a further page
	if err != nil {
		return ExpensePage{}, err
	}
	further := len(places) > PageSize
	places = places[:min(len(places), PageSize)]
	if len(places) == 0 {
		return ExpensePage{}, nil
	}
	if backwards {
		slices.Reverse(places)
	}
	var page ExpensePage
	if from != nil && !backwards || backwards && further {
		page.Before = places[0].cursor(f.Sort)
	}
	if backwards || further {
		page.After = places[len(places)-1].cursor(f.Sort)
	}
	page.Items, err = s.itemsAt(ctx, places)
	return page, err
}

// FirstExpense returns the first expense of the list that f chooses, 0 of an empty one.
func (s *Store) FirstExpense(ctx context.Context, f ExpenseFilter) (int64, error) {
	places, err := s.places(ctx, f, nil, false, 1)
	if err != nil || len(places) == 0 {
		return 0, err
	}
	return places[0].ID, nil
}

func (s *Store) itemsAt(ctx context.Context, places []place) ([]ExpenseItem, error) {
	ids, at := make([]int64, len(places)), make(map[int64]int, len(places))
	for i, p := range places {
		ids[i], at[p.ID] = p.ID, i
	}
	items, err := s.ExpenseItems(ctx, ids)
	slices.SortFunc(items, func(a, b ExpenseItem) int { return at[a.ID] - at[b.ID] })
	return items, err
}

// Neighbours returns the expenses before and after one in the list that f chooses, 0 where there is none. It need not be chosen itself
// any more: its place is what counts.
func (s *Store) Neighbours(ctx context.Context, f ExpenseFilter, e ExpenseItem) (previous, next int64, err error) {
	key, _ := f.Sort.key()
	at := place{ID: e.ID}
	if err := s.db.GetContext(ctx, &at.Key, `SELECT `+key.write+` FROM expenses WHERE id = $1`, e.ID); err != nil {
		return 0, 0, fmt.Errorf("find the place of expense %d: %w", e.ID, err)
	}
	for _, way := range []struct {
		backwards bool
		id        *int64
	}{{true, &previous}, {false, &next}} {
		places, err := s.places(ctx, f, &at, way.backwards, 1)
		if err != nil {
			return 0, 0, err
		}
		if len(places) > 0 {
			*way.id = places[0].ID
		}
	}
	return previous, next, nil
}

// readAhead is how many expenses are read in a list's order to find those that an index in that order does not know. What is frequent
// is found among them; what is not is looked for by other means, and is not much.
const readAhead = 4000

// places returns the first n of the expenses that f chooses, from one on or from the list's beginning, in its order or backwards.
func (s *Store) places(ctx context.Context, f ExpenseFilter, from *place, backwards bool, n int) ([]place, error) {
	l := newListing(f, from, backwards)
	if f.nothing() {
		return nil, nil
	}
	var places []place
	query, args := l.inOrder(n)
	if len(l.others) > 0 {
		query, args = l.ahead(n)
	}
	err := s.db.SelectContext(ctx, &places, query, args...)
	if err == nil && slices.ContainsFunc(places, func(p place) bool { return p.Key == "" }) { // there was more to read
		places = nil
		query, args = l.sorted(n)
		err = s.db.SelectContext(ctx, &places, query, args...)
	}
	if err != nil {
		return nil, fmt.Errorf("list expenses: %w", err)
	}
	return places, nil
}

// listing is a list to be read one way, from a place on.
type listing struct {
	ExpenseFilter
	key             sortKey
	descending      bool
	from            *place
	ordered, others []condition // those that an index in the list's order serves, and those that none does
}

func newListing(f ExpenseFilter, from *place, backwards bool) listing {
	l := listing{ExpenseFilter: f, from: from}
	l.key, l.descending = f.Sort.key()
	l.descending = l.descending != backwards
	for _, c := range f.conditions() {
		if c.column == "company_id" || c.column == l.key.column {
			l.ordered = append(l.ordered, c)
		} else {
			l.others = append(l.others, c)
		}
	}
	return l
}

func (l listing) order() string {
	way := "ASC"
	if l.descending {
		way = "DESC"
	}
	return fmt.Sprintf("ORDER BY %s %s, id %[2]s", l.key.column, way)
}

// where joins conditions with where to begin.
func (l listing) where(conditions []condition) (where []string, args []any) {
	for _, c := range conditions {
		where, args = c.join(where, args)
	}
	if l.from != nil {
		compare := ">"
		if l.descending {
			compare = "<"
		}
		args = append(args, l.from.Key, l.from.ID)
		where = append(where, fmt.Sprintf("(%s, id) %s ("+l.key.read+", $%d::bigint)", l.key.column, compare, len(args)-1, len(args)))
	}
	return where, args
}

// rows reads columns of the first n in order, without the other conditions: each status by its index, merged.
func (l listing) rows(columns string, n int) (query string, args []any) {
	where, args := l.where(l.ordered)
	var parts []string
	for _, s := range l.statuses() {
		parts = append(parts, fmt.Sprintf("(SELECT %s FROM expenses WHERE %s %s LIMIT %d)",
			columns, strings.Join(append([]string{"status = '" + string(s) + "'"}, where...), " AND "), l.order(), n))
	}
	return fmt.Sprintf("SELECT * FROM (%s) e %s LIMIT %d", strings.Join(parts, " UNION ALL "), l.order(), n), args
}

// inOrder reads what the index knows: the expenses themselves are read afterwards, once.
func (l listing) inOrder(n int) (query string, args []any) {
	query, args = l.rows("id, "+l.key.column, n)
	return "SELECT id, " + l.key.write + " AS key FROM (" + query + ") e", args
}

// ahead finds the first n among the next rows in order. A place without a key says that those were not all.
func (l listing) ahead(n int) (query string, args []any) {
	query, args = l.rows("*", readAhead)
	var where []string
	for _, c := range l.others {
		where, args = c.join(where, args)
	}
	return fmt.Sprintf(`
		SELECT id, CASE WHEN n < %d THEN %s ELSE '' END AS key
		FROM (SELECT *, row_number() OVER (%s) AS n FROM (%s) e) e WHERE n = %[1]d OR %[5]s %[3]s LIMIT %[6]d`,
		readAhead, l.key.write, l.order(), query, strings.Join(where, " AND "), n), args
}

// sorted finds all there are, by what finds the fewest, and sorts them.
func (l listing) sorted(n int) (query string, args []any) {
	where, args := l.where(slices.Concat(l.ordered, l.others))
	where = append(where, statusIn(l.statuses()))
	found, from := "", "expenses"
	if len(l.patterns()) > 0 {
		found, args = l.found(args)
		found, from = found+", ", "found JOIN expenses USING (id)"
	}
	return fmt.Sprintf(`WITH %shit AS MATERIALIZED (SELECT id, %s FROM %s WHERE %s) SELECT id, %s AS key FROM hit %s LIMIT %d`,
		found, l.key.column, from, strings.Join(where, " AND "), l.key.write, l.order(), n), args
}
