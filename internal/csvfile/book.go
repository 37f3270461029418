package csvfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"tallylight/store"
)

// entry is one expense of the file.
type entry struct {
	store.NewExpense
	company string // its name
	base    string // the currency of its books, "" when not known
	lines   []int  // where each of its lines is
	first   row
	unread  bool // some of its amounts could not be read
	out     bool // it is left out
	wrong   bool // something is wrong with it
	repeats bool // two of its lines are the same
}

// key tells the expenses of a file apart.
type key struct {
	company   string // its id, or what the file says where there is none of that name
	reference string
}

// book gathers the rows of a file into expenses.
type book struct {
	format   Format
	names    store.CompanyNames
	only     store.Company // whose expenses they are, where no column says so
	known    map[key]*entry
	entries  []*entry
	problems []Problem
	told     map[place]bool
	rows     int
	header   []string            // the names of its columns
	unread   bool                // the file could not be read to its end
	seen     map[string][]string // samples of dates and amounts
}

type place struct {
	line   int
	column string
}

func newBook(f Format, companies []store.Company) *book {
	b := &book{format: f, names: store.NamesOf(companies), known: map[key]*entry{}, told: map[place]bool{}, seen: map[string][]string{}}
	for _, c := range companies {
		if c.ID == f.CompanyID {
			b.only = c
		}
	}
	return b
}

// problem tells the first thing that is wrong at a place; what follows from it is not worth telling.
func (b *book) problem(e *entry, line int, column, value, format string, args ...any) {
	at := place{line, column}
	if b.told[at] {
		return
	}
	b.told[at] = true
	if e != nil {
		e.wrong = true
	}
	b.problems = append(b.problems, Problem{Line: line, Column: column, Text: visible(fmt.Sprintf(format, args...)), value: visible(value), entry: e})
}

// add takes one row: a new expense, or one more line of one that is known.
func (b *book) add(r row) {
	b.rows++
	b.show(date, r.field(date))
	b.show(net, r.field(net))
	c, complaint := b.company(r)
	k := key{strconv.FormatInt(c.ID, 10), r.field(reference)}
	if c.ID == 0 {
		k.company = "? " + strings.ToLower(r.field(company))
	}
	e := b.known[k]
	if begins := e == nil || k.reference == "" || k.company == "? "; begins {
		e = b.begin(r, c)
		b.known[k] = e
		b.entries = append(b.entries, e)
	} else {
		b.compare(e, r)
	}
	e.out = e.out || r.out
	if complaint != "" {
		b.problem(e, r.line, company, r.field(company), "%s", complaint)
	}
	for _, column := range Columns {
		switch text := r.field(column); {
		case !utf8.ValidString(text):
			b.problem(e, r.line, column, text, "This is not UTF-8 text. Save the file as CSV UTF-8.")
		case strings.ContainsRune(text, 0):
			b.problem(e, r.line, column, text, "This holds a NUL byte, which is no text.")
		}
	}
	line := store.Line{
		Description: r.field(description), Category: r.field(category), TaxRate: r.field(taxRate),
		Net: b.amount(e, r, net), Tax: b.amount(e, r, tax),
	}
	e.repeats = e.repeats || len(e.Lines) < mostCompared && slices.Contains(e.Lines, line)
	e.lines = append(e.lines, r.line)
	e.Lines = append(e.Lines, line)
}

const (
	mostCompared = 200 // lines of an expense, which may not have more
	mostShown    = 3
)

// show keeps a cell as a sample: different ones, and those that can be read in one way only before the others.
func (b *book) show(column, text string) {
	seen, text := b.seen[column], visible(text)
	if text == "" || b.rows > 2000 || slices.Contains(seen, text) {
		return
	}
	if len(seen) < mostShown {
		b.seen[column] = append(seen, clip(text))
		return
	}
	if i := slices.IndexFunc(seen, func(s string) bool { return !telling(column, s) }); i >= 0 && telling(column, text) {
		seen[i] = clip(text)
	}
}

// telling reports whether a cell says by itself how it is to be read.
func telling(column, text string) bool {
	ways := 0
	if column == date {
		for _, order := range []Dates{YearFirst, DayFirst, MonthFirst} {
			if _, ok := ReadDate(text, order); ok {
				ways++
			}
		}
		return ways == 1
	}
	for _, mark := range []string{".", ","} {
		if _, ok := ReadNumber(text, mark, true); ok {
			ways++
		}
	}
	return ways == 1
}

// company is whose expense a row is of, or why that is not known.
func (b *book) company(r row) (c store.Company, complaint string) {
	text := r.field(company)
	if text == "" && b.only.ID != 0 {
		return b.only, ""
	}
	return b.names.Find(text)
}

func (b *book) begin(r row, c store.Company) *entry {
	e := &entry{company: c.Name, first: r}
	if c.BaseCurrency != nil {
		e.base = *c.BaseCurrency
	}
	e.NewExpense = store.NewExpense{
		CompanyID: c.ID, Reference: r.field(reference), Supplier: r.field(supplier), Note: r.field(note),
		Currency: r.field(currency), PaidFrom: r.field(paidFrom), Source: "csv",
	}
	if text := r.field(date); text != "" {
		var ok bool
		if e.IssueDate, ok = ReadDate(text, b.format.Dates); !ok {
			b.problem(e, r.line, date, text, "%q is not a date: write it like %s.", clip(text), b.format.Dates.example())
		}
	}
	if text := r.field(rate); text != "" {
		if plain, ok := ReadNumber(text, b.format.Decimal, false); !ok {
			b.problem(e, r.line, rate, text, "%q is not a rate: write it like 1%s1725.", clip(text), b.format.Decimal)
		} else if read, err := store.ParseRate(plain); err != nil {
			b.problem(e, r.line, rate, text, "%s.", sentence(err))
		} else {
			e.Rate = decimal.NullDecimal{Decimal: read, Valid: true}
		}
	}
	return e
}

type sharedColumn struct{ column, what string }

// shared are the columns that belong to the whole expense, so that all its lines must agree on them.
var shared = []sharedColumn{
	{date, "date"}, {supplier, "supplier"}, {currency, "currency"}, {paidFrom, "account paid from"}, {rate, "rate"}, {note, "note"},
}

func (b *book) compare(e *entry, r row) {
	for _, s := range shared {
		if here, there := r.field(s.column), e.first.field(s.column); here != there {
			b.problem(e, r.line, s.column, here, "The %s is %q here and %q on line %d, but both are lines of %s.",
				s.what, clip(here), clip(there), e.first.line, clip(e.Reference))
		}
	}
}

// amount reads an amount in the expense's currency. No tax is a tax of 0.
func (b *book) amount(e *entry, r row, column string) decimal.Decimal {
	text := r.field(column)
	if column == tax && text == "" {
		return decimal.Zero
	}
	if !store.KnownCurrency(e.Currency) { // told elsewhere; how many decimals are right, nobody can say
		e.unread = true
		return decimal.Zero
	}
	plain, ok := ReadNumber(text, b.format.Decimal, true)
	if !ok && text != "" {
		e.unread = true
		b.problem(e, r.line, column, text, "%q is not an amount: write it like 1204%s50.", clip(text), b.format.Decimal)
		return decimal.Zero
	}
	d, err := store.ParseAmount(plain, e.Currency)
	if err != nil {
		e.unread = true
		b.problem(e, r.line, column, text, "%s.", sentence(err))
	}
	return d
}

// check asks of each expense whether it can be entered.
func (b *book) check() {
	for _, e := range b.entries {
		if e.out {
			continue
		}
		for _, p := range e.Problems(e.base) {
			line, column := e.lines[0], p.Field
			if p.Field == "lines" {
				if e.unread {
					continue
				}
				column = ""
			} else if n, of, ok := strings.Cut(strings.TrimPrefix(p.Field, "lines."), "."); ok {
				i, err := strconv.Atoi(n)
				if err != nil || i < 1 || i > len(e.lines) {
					continue
				}
				line, column = e.lines[i-1], of
			}
			value := ""
			if column != "" {
				value = b.cell(e, line, column)
			}
			b.problem(e, line, column, value, "%s", p.Text)
		}
	}
}

// cell is what the file says in a column of an expense.
func (b *book) cell(e *entry, line int, column string) string {
	if line == e.first.line || slices.ContainsFunc(shared, func(s sharedColumn) bool { return s.column == column }) {
		return e.first.field(column)
	}
	i := slices.Index(e.lines, line)
	switch column {
	case description:
		return e.Lines[i].Description
	case category:
		return e.Lines[i].Category
	case taxRate:
		return e.Lines[i].TaxRate
	case net:
		return e.Lines[i].Net.String()
	case tax:
		return e.Lines[i].Tax.String()
	}
	return ""
}

// close leaves out what is to be left out, with all that is wrong with it.
func (b *book) close() (leftOut int) {
	b.problems = slices.DeleteFunc(b.problems, func(p Problem) bool { return p.entry != nil && p.entry.out })
	kept := slices.DeleteFunc(b.entries, func(e *entry) bool { return e.out })
	leftOut = len(b.entries) - len(kept)
	b.entries = kept
	return leftOut
}

func sentence(err error) string {
	text := err.Error()
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
