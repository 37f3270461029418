// Package demo has the expenses of a first run: expenses.csv, in the format of package csvfile, for the companies of the
// sandbox. Most can be pushed, the newest of all to be sure; a few show what a ledger refuses, or wait for a connection.
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"tallylight/internal/csvfile"
	"tallylight/store"
)

//go:embed expenses.csv
var file []byte

// Load enters the demo expenses, once: all of them together, or, when they are there already, none. The companies must be
// known. The dates are moved so that the newest is yesterday.
func Load(ctx context.Context, s *store.Store, by store.User) error {
	companies, err := s.Companies(ctx)
	if err != nil {
		return fmt.Errorf("load demo expenses: %w", err)
	}
	expenses, problems := csvfile.Read(bytes.NewReader(file), companies)
	counts, err := s.StatusCounts(ctx, 0)
	if err != nil {
		return fmt.Errorf("load demo expenses: %w", err)
	}
	if len(problems) > 0 && len(counts) > 0 { // the companies have changed since they were loaded
		return nil
	}
	if len(problems) > 0 {
		return fmt.Errorf("load demo expenses: line %d: %s", problems[0].Line, problems[0].Text)
	}
	taken, err := s.ReferencesTaken(ctx, expenses)
	if err != nil {
		return fmt.Errorf("load demo expenses: %w", err)
	}
	if len(taken) > 0 {
		return nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return fmt.Errorf("load demo expenses: %w", err)
	}
	move(expenses, now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1))
	_, err = s.AddExpenses(ctx, by, expenses)
	if _, taken := errors.AsType[*store.ReferenceTakenError](err); taken { // by another process, just now
		return nil
	}
	if err != nil {
		return fmt.Errorf("load demo expenses: %w", err)
	}
	return chooseDepartment(ctx, s, by, companies)
}

// move shifts all dates by as many days, so that the newest becomes that day.
func move(expenses []store.NewExpense, newest time.Time) {
	var was time.Time
	for _, e := range expenses {
		if e.IssueDate.After(was) {
			was = e.IssueDate
		}
	}
	for i, e := range expenses {
		expenses[i].IssueDate = newest.Add(e.IssueDate.Sub(was))
	}
}
