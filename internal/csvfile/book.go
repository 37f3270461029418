package csvfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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
}

// key tells the expenses of a file apart.
type key struct {
	companyID int64
	reference string
}

// book gathers the rows of a file into expenses.
type book struct {
	byName   map[string][]store.Company
	byID     map[string]store.Company
	known    map[key]*entry
	entries  []*entry
	problems []Problem
	told     map[place]bool
}

type place struct {
	line   int
	column string
}

func newBook(companies []store.Company) *book {
	b := &book{byName: map[string][]store.Company{}, byID: map[string]store.Company{}, known: map[key]*entry{}, told: map[place]bool{}}
	for _, c := range companies {
		name := strings.ToLower(strings.TrimSpace(c.Name))
		b.byName[name] = append(b.byName[name], c)
		b.byID[strings.ToLower(c.CodatID)] = c
	}
	return b
}

// problem tells the first thing that is wrong at a place; what follows from it is not worth telling.
func (b *book) problem(line int, column, format string, args ...any) {
	at := place{line, column}
	if b.told[at] {
		return
	}
	b.told[at] = true
	b.problems = append(b.problems, Problem{line, column, fmt.Sprintf(format, args...)})
}

// add takes one row: a new expense, or one more line of one that is known.
func (b *book) add(r row) {
	for _, column := range columns {
		switch text := r.field(column); {
		case !utf8.ValidString(text):
			b.problem(r.line, column, "This is not UTF-8 text. Save the file as CSV UTF-8.")
		case strings.ContainsRune(text, 0):
			b.problem(r.line, column, "This holds a NUL byte, which is no text.")
		}
	}
	c := b.company(r)
	k := key{c.ID, r.field(reference)}
	e := b.known[k]
	if e == nil || k.companyID == 0 || k.reference == "" {
		e = b.begin(r, c)
		b.known[k] = e
		b.entries = append(b.entries, e)
	} else {
		b.compare(e, r)
	}
	e.lines = append(e.lines, r.line)
	e.Lines = append(e.Lines, store.Line{
		Description: r.field(description), Category: r.field(category), TaxRate: r.field(taxRate),
		Net: b.amount(e, r, net), Tax: b.amount(e, r, tax),
	})
}

func (b *book) company(r row) store.Company {
	text := r.field(company)
	if c, ok := b.byID[strings.ToLower(text)]; ok {
		return c
	}
	found := b.byName[strings.ToLower(text)]
	switch {
	case text == "":
		b.problem(r.line, company, "The company is missing.")
	case len(found) == 0:
		b.problem(r.line, company, "There is no company %q.", clip(text))
	case len(found) > 1:
		b.problem(r.line, company, "%d companies are called %q: use Codat's id of the one you mean.", len(found), clip(text))
	default:
		return found[0]
	}
	return store.Company{}
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
	var err error
	if text := r.field(date); text != "" {
		if e.IssueDate, err = time.Parse(time.DateOnly, text); err != nil {
			b.problem(r.line, date, "%q is not a date: write it like 2026-01-31.", clip(text))
		}
	}
	if text := r.field(rate); text != "" {
		if e.Rate.Decimal, err = decimal.Parse(text); err != nil || strings.ContainsAny(text, "eE") {
			b.problem(r.line, rate, "%q is not a rate: write it like 1.1725.", clip(text))
		}
		e.Rate.Valid = err == nil
	}
	return e
}

// shared are the columns that belong to the whole expense, so that all its lines must agree on them.
var shared = []struct{ column, what string }{
	{date, "date"}, {supplier, "supplier"}, {currency, "currency"}, {paidFrom, "account paid from"}, {rate, "rate"}, {note, "note"},
}

func (b *book) compare(e *entry, r row) {
	for _, s := range shared {
		if here, there := r.field(s.column), e.first.field(s.column); here != there {
			b.problem(r.line, s.column, "The %s is %q here and %q on line %d, but both are lines of %s.",
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
	d, err := store.ParseAmount(text, e.Currency)
	if err != nil {
		e.unread = true
		b.problem(r.line, column, "%s.", sentence(err))
	}
	return d
}

// check asks of each expense whether it can be entered.
func (b *book) check() {
	for _, e := range b.entries {
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
			b.problem(line, column, "%s", p.Text)
		}
	}
}

func sentence(err error) string {
	text := err.Error()
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
