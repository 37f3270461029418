package store

import (
	"context"
	"fmt"
	"time"

	"github.com/govalues/decimal"
	"github.com/lib/pq"
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

// AlikeEntered finds which of the expenses look the same as one that is here, under another reference: by their place in es, the oldest of
// those. totals are theirs.
func (s *Store) AlikeEntered(ctx context.Context, es []NewExpense, totals []decimal.Decimal) (map[int]string, error) {
	found := map[int]string{}
	for from := 0; from < len(es); from += addBatch {
		batch := es[from:min(from+addBatch, len(es))]
		companies := make([]int64, len(batch))
		references, dates, sums, currencies, suppliers := make(pq.StringArray, len(batch)), make(pq.StringArray, len(batch)), make(pq.StringArray, len(batch)),
			make(pq.StringArray, len(batch)), make(pq.StringArray, len(batch))
		for i, e := range batch {
			companies[i], references[i], dates[i], sums[i] = e.CompanyID, e.Reference, e.IssueDate.Format(time.DateOnly), totals[from+i].String()
			currencies[i], suppliers[i] = e.Currency, e.Supplier
		}
		var rows []struct {
			I         int
			Reference string
		}
		err := s.db.SelectContext(ctx, &rows, `
			SELECT DISTINCT ON (e.i) e.i - 1 AS i, d.reference
			FROM unnest($1::bigint[], $2::text[], $3::date[], $4::numeric[], $5::text[], $6::text[])
				WITH ORDINALITY AS e (company_id, reference, issue_date, total, currency, supplier, i)
				JOIN expenses d ON d.company_id = e.company_id AND d.issue_date = e.issue_date AND d.total = e.total AND d.currency = e.currency
					AND lower(d.supplier) = lower(e.supplier) AND d.reference <> e.reference
			ORDER BY e.i, d.id`, int64s(companies), references, dates, sums, currencies, suppliers)
		if err != nil {
			return nil, fmt.Errorf("look for expenses that look the same: %w", err)
		}
		for _, r := range rows {
			found[from+r.I] = r.Reference
		}
	}
	return found, nil
}
