package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// ExportedExpense is an expense as a file of them has it.
type ExportedExpense struct {
	Company     string
	Reference   string
	IssueDate   time.Time
	Supplier    string
	Description string
	Category    string // the first line's
	Currency    string
	Net         decimal.Decimal
	Tax         decimal.Decimal
	Total       decimal.Decimal
	PaidFrom    string
	Status      ExpenseStatus
	StatusAt    time.Time
	Cause       string // explain's code of why the newest push failed or needs checking, "" for none
	Subject     string
	Platform    string // of the newest push
	FailedKind  string // of the account or supplier that failed it, "" when it was the cost itself
	RecordID    string // in the ledger
	Note        string
}

// Export calls each with every expense that f chooses, newest date first, until one returns an error. It is one statement, so the
// expenses are those of one moment, none missing and none twice; they are never all in memory.
func (s *Store) Export(ctx context.Context, f ExpenseFilter, each func(ExportedExpense) error) error {
	where, args := f.where()
	condition := ""
	if len(where) > 0 {
		condition = "WHERE " + strings.Join(where, " AND ")
	}
	rows, err := s.db.QueryContext(ctx, `
		WITH e AS NOT MATERIALIZED (SELECT * FROM expenses `+condition+`)
		SELECT co.name, e.reference, e.issue_date, e.supplier, e.description, coalesce(l.category, ''), e.currency, e.net, e.tax, e.total,
			e.paid_from, e.status, e.status_at,
			e.cause, e.cause_subject,
			coalesce(cn.platform_name, ''), coalesce(fs.kind, ''), coalesce(cs.record_id, ''), e.note
		FROM e
			JOIN companies co ON co.id = e.company_id
			LEFT JOIN expense_lines l ON l.expense_id = e.id AND l.position = 1
			LEFT JOIN pushes p ON p.id = e.push_id
			LEFT JOIN push_steps cs ON cs.id = p.cost_step_id
			LEFT JOIN push_steps fs ON fs.id = p.failed_step_id
			LEFT JOIN connections cn ON cn.id = p.connection_id
		ORDER BY e.issue_date DESC, e.id DESC`, args...)
	if err != nil {
		return fmt.Errorf("export expenses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var x ExportedExpense
		err := rows.Scan(&x.Company, &x.Reference, &x.IssueDate, &x.Supplier, &x.Description, &x.Category, &x.Currency, &x.Net, &x.Tax, &x.Total,
			&x.PaidFrom, &x.Status, &x.StatusAt, &x.Cause, &x.Subject, &x.Platform, &x.FailedKind, &x.RecordID, &x.Note)
		if err != nil {
			return fmt.Errorf("export expenses: %w", err)
		}
		if err := each(x); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("export expenses: %w", err)
	}
	return nil
}
