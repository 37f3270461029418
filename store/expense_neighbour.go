package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// neighbourPatience is how long PostgreSQL may look for a neighbour, in milliseconds: a page is not kept waiting for a link.
const neighbourPatience = 500

// Neighbours returns the expenses before and after e in the list that f chooses, 0 where there is none or it takes too long to find.
// e itself need not be chosen any more: its place in the list's order is what counts.
func (s *Store) Neighbours(ctx context.Context, f ExpenseFilter, e ExpenseItem) (previous, next int64, err error) {
	where, args := f.where()
	o := f.order()
	args = append(args, o.of(e), e.ID)
	neighbour := func(forward bool) string {
		order, compare := o.toward(forward)
		beyond := fmt.Sprintf("(%s, id) %s ($%d::%s, $%d::bigint)", o.column, compare, len(args)-1, o.sqlType, len(args))
		return fmt.Sprintf("coalesce((SELECT id FROM expenses WHERE %s ORDER BY %s %s, id %[3]s LIMIT 1), 0)",
			strings.Join(append(where[:len(where):len(where)], beyond), " AND "), o.column, order)
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, neighbourPatience)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, fmt.Sprintf("SELECT %s, %s", neighbour(false), neighbour(true)), args...).Scan(&previous, &next)
	})
	if pq.As(err, pqerror.QueryCanceled) != nil && ctx.Err() == nil {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("find the neighbours of expense %d: %w", e.ID, err)
	}
	return previous, next, nil
}

// listOrder is how a list runs: by a column and then by id, both the same way.
type listOrder struct {
	column, sqlType string
	descending      bool
	of              func(ExpenseItem) any // the column's value
}

// toward is how to read and compare to go from a row to those that come after it, or before it.
func (o listOrder) toward(forward bool) (order, compare string) {
	if o.descending == forward {
		return "DESC", "<"
	}
	return "ASC", ">"
}

func (f ExpenseFilter) order() listOrder {
	return listOrder{"issue_date", "date", true, func(e ExpenseItem) any { return e.IssueDate.Format(time.DateOnly) }}
}
