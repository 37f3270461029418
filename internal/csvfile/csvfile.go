// Package csvfile reads expenses from a CSV file.
//
// The header names the columns, in any order and case: company, reference, date, supplier, description, category, currency,
// net, tax and paid_from, and where wanted tax_rate, rate and note. Rows with the same company and reference are the lines of
// one expense. Company, date, amounts and currency can be wrong; category, supplier, tax rate and paid from stay as typed, and
// are resolved when the expense is pushed.
//
// A file is taken as a whole or not at all. Read says everything that is wrong with it, line by line; Import enters it. What is in
// the books already, with the same content, is left as it is.
//
// A file that is uploaded may be written otherwise: Format says how, Guess finds that out, and a person may change it, and cells of
// the file too. An Importer previews such files and enters them.
package csvfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tallylight/store"
)

// Problem is one reason to refuse the file, in a sentence for the person who made it.
type Problem struct {
	Line   int    // of the file, from 1
	Column string // the name in the header, "" when it is about the whole line
	Text   string

	value string // of the cell
	entry *entry // nil when it is of none
}

// String is "Line 3, date: …", for those who read it without a table.
func (p Problem) String() string {
	if p.Column == "" {
		return fmt.Sprintf("Line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("Line %d, %s: %s", p.Line, p.Column, p.Text)
}

// Read returns the expenses of a file for those companies, in the order in which they first appear, or what is wrong with it,
// by line. Where there are problems the expenses are not fit to be entered. Books are not looked into: which expenses are here
// already, Import finds out.
func Read(r io.Reader, companies []store.Company) ([]store.NewExpense, []Problem) {
	b, _ := read(r, Format{}, nil, companies)
	return newExpenses(b.entries), byLine(b.problems)
}

// Import enters the expenses of a file, all of them or, where there are problems, none, and returns their ids. Those that are here
// already with the same content are no problem: here counts them, and nothing is done to them.
func Import(ctx context.Context, s *store.Store, by store.User, r io.Reader) (added []int64, here int, problems []Problem, err error) {
	companies, err := s.Companies(ctx)
	if err != nil {
		return nil, 0, nil, err
	}
	b, _ := read(r, Format{}, nil, companies)
	entries := b.entries
	for {
		fresh, problems, err := compare(ctx, s, entries)
		if err != nil {
			return nil, 0, nil, err
		}
		if problems = append(problems, b.problems...); len(problems) > 0 {
			return nil, 0, byLine(problems), nil
		}
		ids, err := s.AddExpenses(ctx, by, newExpenses(fresh))
		if _, taken := errors.AsType[*store.ReferenceTakenError](err); taken { // since we looked
			continue
		}
		return ids, len(entries) - len(fresh), nil, err
	}
}

// read gathers the expenses of a file as it was changed, and says how many are left out.
func read(r io.Reader, f Format, changed fixes, companies []store.Company) (b *book, leftOut int) {
	b = newBook(f, companies)
	var h header
	whole := records(r, f, func(found header) bool {
		h = found
		b.problems = h.place(f)
		b.header = h.names
		return len(b.problems) == 0
	}, func(line int, fields []string, p *Problem) {
		if p != nil {
			b.problems = append(b.problems, *p)
			return
		}
		fixed, out := changed.at(line)
		b.add(row{line, h.column, fields, fixed, out})
	})
	if whole != nil {
		b.problems = append(b.problems, *whole)
		b.unread = true
	}
	b.check()
	return b, b.close()
}

// compare finds the entries that are not here yet. One that is, with other content, is a problem.
func compare(ctx context.Context, s *store.Store, entries []*entry) (fresh []*entry, problems []Problem, err error) {
	var known []*entry
	for _, e := range entries {
		if e.CompanyID != 0 && e.Reference != "" && !e.wrong {
			known = append(known, e)
		}
	}
	here, err := s.Entered(ctx, newExpenses(known))
	if err != nil {
		return nil, nil, err
	}
	same := map[*entry]bool{}
	for i, e := range known {
		ds, found := here[i]
		switch {
		case !found:
		case len(ds) == 0:
			same[e] = true
		default:
			e.wrong = true
			problems = append(problems, Problem{Line: e.lines[0], Column: reference, value: e.Reference, entry: e, Text: fmt.Sprintf(
				"%s is in %s already, with another content: %s.", clip(e.Reference), e.company, differing(ds))})
		}
	}
	for _, e := range entries {
		if !same[e] {
			fresh = append(fresh, e)
		}
	}
	return fresh, problems, nil
}

// differing is "date 2026-01-30 there, 2026-01-31 here; supplier …".
func differing(ds []store.Difference) string {
	var words []string
	for _, d := range ds[:min(len(ds), 3)] {
		words = append(words, fmt.Sprintf("%s %s there, %s in the file", d.Field, orNothing(d.Was), orNothing(d.Now)))
	}
	if len(ds) > 3 {
		words = append(words, "and more")
	}
	return strings.Join(words, "; ")
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return clip(s)
}

func newExpenses(entries []*entry) []store.NewExpense {
	expenses := make([]store.NewExpense, 0, len(entries))
	for _, e := range entries {
		expenses = append(expenses, e.NewExpense)
	}
	return expenses
}

func byLine(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return problems
}

// fixes are the cells of a file that were changed, and the lines that are left out, by line.
type fixes map[int]fix

type fix struct {
	cells map[string]string
	out   bool
}

// columns are those of which a cell was changed, by name.
func (fs fixes) columns() []string {
	named := map[string]bool{}
	for _, f := range fs {
		for name := range f.cells {
			named[name] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

func (fs fixes) at(line int) (cells map[string]string, out bool) {
	f := fs[line]
	return f.cells, f.out
}

func newFixes(made []store.ImportFix) fixes {
	fs := fixes{}
	for _, m := range made {
		for _, line := range m.Lines {
			f := fs[int(line)]
			if m.Becomes == nil {
				f.out = true
			} else {
				if f.cells == nil {
					f.cells = map[string]string{}
				}
				f.cells[m.Cell] = *m.Becomes
			}
			fs[int(line)] = f
		}
	}
	return fs
}
