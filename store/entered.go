package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/govalues/decimal"
	"github.com/lib/pq"
)

// Entered looks which of the expenses are here already, by company and reference: by their place in es, in what the one that is
// here differs; nothing for one that is the same.
func (s *Store) Entered(ctx context.Context, es []NewExpense) (map[int][]Difference, error) {
	here := map[int][]Difference{}
	for from := 0; from < len(es); from += addBatch {
		batch := es[from:min(from+addBatch, len(es))]
		if err := s.entered(ctx, batch, func(i int, ds []Difference) { here[from+i] = ds }); err != nil {
			return nil, err
		}
	}
	return here, nil
}

func (s *Store) entered(ctx context.Context, es []NewExpense, found func(i int, ds []Difference)) error {
	companies, references := make([]int64, len(es)), make([]string, len(es))
	for i, e := range es {
		companies[i], references[i] = e.CompanyID, e.Reference
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT n.i - 1, e.issue_date, e.supplier, e.note, e.currency, e.rate, e.paid_from,
			(SELECT json_agg(json_build_object('position', l.position, 'description', l.description, 'category', l.category, 'tax_rate', l.tax_rate,
				'net', trim_scale(l.net)::text, 'tax', trim_scale(l.tax)::text) ORDER BY l.position) FROM expense_lines l WHERE l.expense_id = e.id)
		FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS n (company_id, reference, i) JOIN expenses e USING (company_id, reference)`,
		int64s(companies), pq.StringArray(references))
	if err != nil {
		return fmt.Errorf("look for expenses that are here: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var r expenseRecord
		var date time.Time
		var rate decimal.NullDecimal
		var lines []byte
		if err := rows.Scan(&i, &date, &r.Supplier, &r.Note, &r.Currency, &rate, &r.PaidFrom, &lines); err != nil {
			return fmt.Errorf("look for expenses that are here: %w", err)
		}
		now, err := es[i].record()
		if err != nil {
			return fmt.Errorf("compare expense %q: %w", es[i].Reference, err)
		}
		r.Reference, r.IssueDate, r.Rate = now.Reference, date.Format(time.DateOnly), rateText(rate)
		if err := json.Unmarshal(lines, &r.Lines); err != nil && lines != nil {
			return fmt.Errorf("read lines of expense %q: %w", now.Reference, err)
		}
		found(i, differences(r, now))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for expenses that are here: %w", err)
	}
	return nil
}
