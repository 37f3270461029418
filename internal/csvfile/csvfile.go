// Package csvfile reads expenses from a CSV file.
//
// The header names the columns, in any order and case: company, reference, date, supplier, description, category, currency,
// net, tax and paid_from, and where wanted tax_rate, rate and note. Rows with the same company and reference are the lines of
// one expense. Company, date, amounts and currency can be wrong; category, supplier, tax rate and paid from stay as typed, and
// are resolved when the expense is pushed.
//
// A file is taken as a whole or not at all. Read says everything that is wrong with it, line by line; Import enters it.
package csvfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"tallylight/store"
)

// Problem is one reason to refuse the file, in a sentence for the person who made it.
type Problem struct {
	Line   int    // of the file, from 1
	Column string // the name in the header, "" when it is about the whole line
	Text   string
}

// String is "Line 3, date: …", for those who read it without a table.
func (p Problem) String() string {
	if p.Column == "" {
		return fmt.Sprintf("Line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("Line %d, %s: %s", p.Line, p.Column, p.Text)
}

// Read returns the expenses of a file for those companies, in the order in which they first appear, or what is wrong with it,
// by line. Where there are problems the expenses are not fit to be entered. Books are not looked into: whether a reference is
// used already, Import finds out.
func Read(r io.Reader, companies []store.Company) ([]store.NewExpense, []Problem) {
	entries, problems := read(r, companies)
	return newExpenses(entries), byLine(problems)
}

// Import enters the expenses of a file, all of them or, where there are problems, none, and returns their ids.
func Import(ctx context.Context, s *store.Store, by store.User, r io.Reader) (added []int64, problems []Problem, err error) {
	companies, err := s.Companies(ctx)
	if err != nil {
		return nil, nil, err
	}
	entries, problems := read(r, companies)
	used, err := usedReferences(ctx, s, entries)
	if err != nil {
		return nil, nil, err
	}
	if problems = append(problems, used...); len(problems) > 0 {
		return nil, byLine(problems), nil
	}
	ids, err := s.AddExpenses(ctx, by, newExpenses(entries))
	if _, taken := errors.AsType[*store.ReferenceTakenError](err); taken { // since we looked
		problems, err = usedReferences(ctx, s, entries)
	}
	return ids, problems, err
}

func read(r io.Reader, companies []store.Company) ([]*entry, []Problem) {
	rows, problems := readRows(r)
	b := newBook(companies)
	for _, row := range rows {
		b.add(row)
	}
	b.check()
	return b.entries, append(problems, b.problems...)
}

// usedReferences says of each entry whose reference its company has used already that it has.
func usedReferences(ctx context.Context, s *store.Store, entries []*entry) ([]Problem, error) {
	ofCompany := map[int64][]store.NewExpense{}
	for _, e := range entries {
		if e.CompanyID != 0 && e.Reference != "" {
			ofCompany[e.CompanyID] = append(ofCompany[e.CompanyID], e.NewExpense)
		}
	}
	used := map[key]bool{}
	for id, expenses := range ofCompany {
		references, err := s.ReferencesTaken(ctx, expenses)
		if err != nil {
			return nil, err
		}
		for _, r := range references {
			used[key{id, r}] = true
		}
	}
	var problems []Problem
	for _, e := range entries {
		if used[key{e.CompanyID, e.Reference}] {
			problems = append(problems, Problem{e.lines[0], reference, "The reference " + e.Reference + " is used already in " + e.company + "."})
		}
	}
	return problems, nil
}

func newExpenses(entries []*entry) []store.NewExpense {
	var expenses []store.NewExpense
	for _, e := range entries {
		expenses = append(expenses, e.NewExpense)
	}
	return expenses
}

func byLine(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return problems
}
