package csvfile

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/govalues/decimal"

	"tallylight/store"
)

// Preview is what reading an uploaded file finds.
type Preview struct {
	Columns  []string `json:"columns"` // the names of the header
	Unused   []string `json:"unused,omitempty"`
	Rows     int      `json:"rows"`
	Expenses int      `json:"expenses"` // to be entered
	Lines    int      `json:"lines"`    // of those
	Here     int      `json:"here"`     // that are here already, with the same content
	LeftOut  int      `json:"left_out"`
	Sums     []Sum    `json:"sums"`    // of those to be entered, as far as they can be read
	First    []Sample `json:"first"`   // of those to be entered
	Alike    int      `json:"alike"`   // of those to be entered, that look the same as others
	Pairs    []Alike  `json:"pairs"`   // the first of them
	Repeats  []string `json:"repeats"` // references of those that have a line twice; the first of them
	Problems int      `json:"problems"`
	Groups   []Group  `json:"groups"` // at most MostGroups
	Unread   bool     `json:"unread"` // the file could not be read to its end, or not at all
	Dates    []string `json:"dates"`  // cells of the file
	Amounts  []string `json:"amounts"`
	Letters  []byte   `json:"letters"` // with letters that are not ASCII, as the file has them
}

// Sum is what a company's expenses in one currency come to.
type Sum struct {
	Company  string          `json:"company"`
	Currency string          `json:"currency"`
	Total    decimal.Decimal `json:"total"`
	Expenses int             `json:"expenses"`
}

// Sample is an expense as it would be entered.
type Sample struct {
	Company     string          `json:"company"`
	Reference   string          `json:"reference"`
	Date        string          `json:"date"` // 2026-01-31
	Supplier    string          `json:"supplier"`
	Description string          `json:"description"`
	Category    string          `json:"category"`
	Currency    string          `json:"currency"`
	Total       decimal.Decimal `json:"total"`
	Untotalled  bool            `json:"untotalled"` // it has an amount that cannot be read, or they are too large
	Lines       int             `json:"lines"`
}

// Group is one mistake, in however many lines it is.
type Group struct {
	Key    string  `json:"key"`
	Column string  `json:"column"` // "" when it is about the whole line
	Value  string  `json:"value"`  // of the cell
	Text   string  `json:"text"`
	Lines  []int32 `json:"lines"` // which a change of the cell changes
	Leave  bool    `json:"leave"` // the expenses of these lines can be left out
}

// Fixable reports whether the cell can be changed.
func (g Group) Fixable() bool { return g.Leave && g.Column != "" }

// MostGroups is how many mistakes a preview tells apart.
const MostGroups = 100

const mostSamples = 10

// preview reads an uploaded file.
func preview(ctx context.Context, s *store.Store, file io.Reader, f Format, made []store.ImportFix) (Preview, error) {
	companies, err := s.Companies(ctx)
	if err != nil {
		return Preview{}, err
	}
	letters := &lettersSeen{from: file}
	b, leftOut := read(letters, f, newFixes(made), companies)
	if letters.err != nil {
		return Preview{}, letters.err
	}
	fresh, used, err := compare(ctx, s, b.entries)
	if err != nil {
		return Preview{}, err
	}
	problems := byLine(append(b.problems, used...))
	p := Preview{Columns: b.header, Unused: unused(b.header, f.Columns), Rows: b.rows, Expenses: len(fresh), Here: len(b.entries) - len(fresh), LeftOut: leftOut,
		Problems: len(problems), Groups: groups(problems), Unread: b.unread || b.rows == 0, Sums: sums(fresh),
		Dates: b.seen[date], Amounts: b.seen[net], Letters: letters.seen}
	if p.Alike, p.Pairs, err = alike(ctx, s, fresh); err != nil {
		return Preview{}, err
	}
	for _, e := range fresh {
		p.Lines += len(e.lines)
		if e.repeats && !e.wrong && len(p.Repeats) < mostAlike {
			p.Repeats = append(p.Repeats, clip(e.Reference))
		}
		if len(p.First) < mostSamples {
			p.First = append(p.First, e.sample())
		}
	}
	return p, nil
}

func (e *entry) sample() Sample {
	s := Sample{Company: e.company, Reference: visible(e.Reference), Supplier: visible(e.Supplier), Currency: visible(e.Currency),
		Lines: len(e.lines)}
	if e.company == "" {
		s.Company = visible(e.first.field(company))
	}
	if !e.IssueDate.IsZero() {
		s.Date = e.IssueDate.Format("2006-01-02")
	}
	if len(e.Lines) > 0 {
		s.Description, s.Category = visible(e.Lines[0].Description), visible(e.Lines[0].Category)
	}
	var err error
	s.Total, err = e.total()
	s.Untotalled = e.unread || err != nil
	return s
}

func (e *entry) total() (decimal.Decimal, error) {
	var sum decimal.Decimal
	for _, l := range e.Lines {
		for _, d := range []decimal.Decimal{l.Net, l.Tax} {
			var err error
			if sum, err = sum.Add(d); err != nil {
				return decimal.Zero, fmt.Errorf("sum lines: %w", err)
			}
		}
	}
	return sum, nil
}

func sums(entries []*entry) []Sum {
	type of struct{ company, currency string }
	at := map[of]*Sum{}
	for _, e := range entries {
		total, err := e.total()
		if e.CompanyID == 0 || e.unread || err != nil {
			continue
		}
		k := of{e.company, e.Currency}
		if at[k] == nil {
			at[k] = &Sum{Company: e.company, Currency: e.Currency}
		}
		if sum, err := at[k].Total.Add(total); err == nil {
			at[k].Total = sum
			at[k].Expenses++
		}
	}
	var out []Sum
	for _, sum := range at {
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b Sum) int {
		return strings.Compare(strings.ToLower(a.Company)+"\x00"+a.Currency, strings.ToLower(b.Company)+"\x00"+b.Currency)
	})
	return out
}

// groups puts equal problems together, the one that comes first in the file first.
func groups(problems []Problem) []Group {
	type of struct{ column, value, text string }
	at := map[of]int{}
	var out []Group
	for _, p := range problems {
		k := of{p.Column, p.value, p.Text}
		i, known := at[k]
		if !known {
			if len(out) == MostGroups {
				continue
			}
			i = len(out)
			at[k] = i
			h := fnv.New64a()
			fmt.Fprintf(h, "%q %q %q", p.Column, p.value, p.Text)
			out = append(out, Group{Key: fmt.Sprintf("%x", h.Sum64()), Column: p.Column, Value: p.value, Text: p.Text, Leave: p.entry != nil})
		}
		out[i].Lines = append(out[i].Lines, p.lines()...)
	}
	for i := range out {
		slices.Sort(out[i].Lines)
		out[i].Lines = slices.Compact(out[i].Lines)
	}
	return out
}

// lines are those that have the cell: where it belongs to the whole expense, all of its lines that say the same.
func (p Problem) lines() []int32 {
	e := p.entry
	if e == nil || p.Line != e.first.line || p.Column != reference && !slices.ContainsFunc(shared, func(s sharedColumn) bool { return s.column == p.Column }) {
		return []int32{int32(p.Line)}
	}
	lines := make([]int32, len(e.lines))
	for i, line := range e.lines {
		lines[i] = int32(line)
	}
	return lines
}

func unused(names []string, used map[string]int) []string {
	var out []string
	for i, name := range names {
		taken := name == "" || strings.EqualFold(name, problemColumn)
		for _, n := range used {
			taken = taken || n == i
		}
		if !taken {
			out = append(out, name)
		}
	}
	return out
}

// lettersSeen keeps the first piece of a file that has letters that are not ASCII, as a sample of its encoding.
type lettersSeen struct {
	from io.Reader
	seen []byte
	err  error
}

func (l *lettersSeen) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if err != nil && err != io.EOF {
		l.err = err
	}
	if l.seen != nil {
		return n, err
	}
	special := func(c byte) bool { return c >= 0x80 }
	bare := p[:n]
	if len(bare) >= len(mark) && string(bare[:len(mark)]) == string(mark) {
		bare = bare[len(mark):]
	}
	i := slices.IndexFunc(bare, special)
	if i < 0 {
		return n, err
	}
	within := func(c byte) bool { return c != '\n' && c != '\r' && c != ',' && c != ';' && c != '\t' && c != '"' }
	from, to := i, i
	for from > 0 && i-from < 20 && within(bare[from-1]) {
		from--
	}
	for to < len(bare) && to-i < 20 && within(bare[to]) {
		to++
	}
	l.seen = slices.Clone(bare[from:to])
	return n, err
}
