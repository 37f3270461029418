package store

import (
	"context"
	"fmt"
	"time"

	"github.com/govalues/decimal"
	"github.com/lib/pq"
)

// A month's expenses are those whose date lies in it. Those handled outside count as done: a person says that they are in the ledger.

// MonthSum is what a company's expenses of one month come to, of one currency and status.
type MonthSum struct {
	Currency string
	Status   ExpenseStatus
	Count    int
	Total    decimal.Decimal // as the expenses say
	Booked   decimal.Decimal // as the ledger took them: what was sent and completed
}

// MonthSums are the sums of a company's month, whose first day is given.
func (s *Store) MonthSums(ctx context.Context, companyID int64, first time.Time) ([]MonthSum, error) {
	var sums []MonthSum
	err := s.db.SelectContext(ctx, &sums, `
		SELECT e.currency, e.status, count(*), sum(e.total) AS total, coalesce(sum(`+booked+`) FILTER (WHERE e.status = 'complete'), 0) AS booked
		FROM expenses e LEFT JOIN pushes p ON p.id = e.push_id AND p.state = 'complete'
		WHERE e.company_id = $1 AND e.issue_date >= $2::date AND e.issue_date < $2::date + interval '1 month'
		GROUP BY 1, 2 ORDER BY 1, 2`, companyID, first.Format(time.DateOnly))
	if err != nil {
		return nil, fmt.Errorf("sum month of company %d: %w", companyID, err)
	}
	return sums, nil
}

// booked is what the ledger took for expense e by its complete push p. Expenses of demo companies have none.
const booked = `coalesce((p.snapshot->>'total')::numeric, e.total)`

// MonthDifference is an expense of a month that is not in the ledger, or not as it should be.
type MonthDifference struct {
	ID        int64
	Reference string
	IssueDate time.Time `db:"issue_date"`
	Supplier  string
	Currency  string
	Total     decimal.Decimal
	Status    ExpenseStatus
	Booked    decimal.NullDecimal // where the ledger took another amount
	Twice     bool                // an open notice says that it may be booked twice
}

// MonthDifferences are a company's expenses of a month that are not in the ledger as they should be, by date; at most limit.
func (s *Store) MonthDifferences(ctx context.Context, companyID int64, first time.Time, limit int) ([]MonthDifference, error) {
	var ds []MonthDifference
	err := s.db.SelectContext(ctx, &ds, `
		SELECT * FROM (
			SELECT e.id, e.reference, e.issue_date, e.supplier, e.currency, e.total, e.status,
				CASE WHEN e.status = 'complete' AND `+booked+` <> e.total THEN `+booked+` END AS booked,
				EXISTS (SELECT 1 FROM notices n WHERE n.expense_id = e.id AND n.closed_at IS NULL) AS twice
			FROM expenses e LEFT JOIN pushes p ON p.id = e.push_id AND p.state = 'complete'
			WHERE e.company_id = $1 AND e.issue_date >= $2::date AND e.issue_date < $2::date + interval '1 month') d
		WHERE status NOT IN ('complete', 'handled') OR booked IS NOT NULL OR twice
		ORDER BY issue_date, id LIMIT $3`, companyID, first.Format(time.DateOnly), limit)
	if err != nil {
		return nil, fmt.Errorf("list differences of company %d: %w", companyID, err)
	}
	return ds, nil
}

// MonthCount is how far a company is with a month.
type MonthCount struct {
	CompanyID int64 `db:"company_id"`
	Company   string
	First     time.Time // of the month
	Expenses  int
	Missing   int // of them, neither in the ledger nor handled outside
}

// CompanyMonths are a company's months from the one that begins with first, newest first; those without expenses are left out.
func (s *Store) CompanyMonths(ctx context.Context, companyID int64, first time.Time) ([]MonthCount, error) {
	var ms []MonthCount
	err := s.db.SelectContext(ctx, &ms, `
		SELECT e.company_id, co.name AS company, date_trunc('month', e.issue_date)::date AS first, count(*) AS expenses,
			count(*) FILTER (WHERE e.status NOT IN ('complete', 'handled')) AS missing
		FROM expenses e JOIN companies co ON co.id = e.company_id
		WHERE e.company_id = $1 AND e.issue_date >= $2::date GROUP BY 1, 2, 3 ORDER BY 3 DESC`, companyID, first.Format(time.DateOnly))
	if err != nil {
		return nil, fmt.Errorf("list months of company %d: %w", companyID, err)
	}
	return ms, nil
}

// OpenMonths are the companies that lack expenses of a month in their ledgers, the one that lacks most first, at most limit; done is
// how many companies lack none.
func (s *Store) OpenMonths(ctx context.Context, first time.Time, limit int) (open []MonthCount, done int, err error) {
	var all []MonthCount
	err = s.db.SelectContext(ctx, &all, `
		SELECT m.company_id, co.name AS company, $1::date AS first, m.expenses, m.missing
		FROM (SELECT company_id, count(*) AS expenses, count(*) FILTER (WHERE status NOT IN ('complete', 'handled')) AS missing
			FROM expenses WHERE status = ANY($2) AND issue_date >= $1::date AND issue_date < $1::date + interval '1 month' GROUP BY 1) m -- for the index
		JOIN companies co ON co.id = m.company_id ORDER BY m.missing DESC, co.name`, first.Format(time.DateOnly), pq.Array(Statuses))
	if err != nil {
		return nil, 0, fmt.Errorf("list companies of a month: %w", err)
	}
	for _, m := range all {
		switch {
		case m.Missing == 0:
			done++
		case len(open) < limit:
			open = append(open, m)
		}
	}
	return open, done, nil
}
