package handlers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallylight/store"
)

// apiMost is how many expenses one request may enter.
const apiMost = 1000

// entry is an expense of a request.
type entry struct {
	store.NewExpense
	at      string // its JSON pointer
	company store.Company
	push    bool
}

// entries reads a request: one expense, or many under "expenses". Where there are problems, which name every field that is wrong,
// the entries are not fit to be entered.
func entries(doc any, companies []store.Company) (es []entry, many bool, problems []fieldProblem) {
	names := store.NamesOf(companies)
	root, ok := doc.(object)
	if !ok {
		return nil, false, []fieldProblem{{"", `The request must be an expense, {"company": …}, or many, {"expenses": […]}.`}}
	}
	if _, many = root["expenses"]; !many {
		e := newEntry(fields{"", root, &problems}, names)
		return []entry{e}, false, problems
	}
	f := fields{"", root, &problems}
	f.only("expenses")
	list, ok := root["expenses"].([]any)
	switch {
	case !ok || len(list) == 0:
		f.problem("expenses", "This must be a list of expenses, at least one.")
	case len(list) > apiMost:
		f.problem("expenses", "There are %s expenses: send at most %s in one request.", number(len(list)), number(apiMost))
		return nil, true, problems
	}
	known := map[string]string{}
	for i, v := range list {
		at := "/expenses/" + strconv.Itoa(i)
		o, ok := v.(object)
		if !ok {
			problems = append(problems, fieldProblem{at, "This must be an expense."})
			continue
		}
		f := fields{at, o, &problems}
		e := newEntry(f, names)
		if e.CompanyID != 0 && e.Reference != "" {
			key := strconv.FormatInt(e.CompanyID, 10) + " " + e.Reference
			if first, twice := known[key]; twice {
				f.problem("reference", "%s has the same company and reference. The lines of one expense go into its lines.", first)
			} else {
				known[key] = at
			}
		}
		es = append(es, e)
	}
	return es, true, problems
}

// newEntry reads one expense.
func newEntry(f fields, names store.CompanyNames) entry {
	before := len(*f.problems)
	f.only("company", "reference", "date", "supplier", "currency", "rate", "paid_from", "note", "lines", "push")
	e := entry{at: f.at, push: f.truth("push")}
	if text, ok := f.text("company"); ok {
		var problem string
		if e.company, problem = names.Find(text); problem != "" {
			f.problem("company", "%s", problem)
		}
	}
	e.CompanyID, e.Source = e.company.ID, "api"
	text := func(name string) string { s, _ := f.text(name); return s }
	e.Reference = strings.TrimSpace(text("reference"))
	e.Supplier, e.Currency, e.PaidFrom, e.Note = text("supplier"), text("currency"), text("paid_from"), text("note")
	var err error
	if day := text("date"); day != "" {
		if e.IssueDate, err = time.Parse(time.DateOnly, day); err != nil {
			f.problem("date", "%q is not a date: write it like 2026-01-31.", clipped(day, 40))
		}
	}
	if rate, ok := f.number("rate"); ok && rate != "" {
		if e.Rate.Decimal, err = store.ParseRate(rate); err != nil {
			f.problem("rate", "%s", sentence(err.Error()))
		}
		e.Rate.Valid = err == nil
	}
	e.Lines = entryLines(f, e.Currency)
	told := map[string]bool{}
	unread := len(e.Lines) > 0 && !store.KnownCurrency(e.Currency) // a sum of amounts that could not be read says nothing
	for _, p := range (*f.problems)[before:] {
		told[p.Pointer] = true
		unread = unread || strings.HasPrefix(p.Pointer, f.at+"/lines/")
	}
	for _, p := range e.Problems(orNone(e.company.BaseCurrency)) {
		at := f.at + entryPointer(p.Field)
		of := at[:strings.LastIndexByte(at, '/')]
		if !told[at] && !told[of] && !(unread && p.Field == "lines") {
			*f.problems = append(*f.problems, fieldProblem{at, p.Text})
		}
	}
	return e
}

// entryPointer is the JSON pointer of a field of an expense: /lines/1/net of lines.2.net.
func entryPointer(field string) string {
	steps := strings.Split(field, ".")
	if len(steps) == 3 {
		if n, err := strconv.Atoi(steps[1]); err == nil {
			steps[1] = strconv.Itoa(n - 1)
		}
	}
	return "/" + strings.Join(steps, "/")
}

func entryLines(f fields, currency string) []store.Line {
	list, ok := f.of["lines"].([]any)
	if !ok && f.of["lines"] != nil {
		f.problem("lines", "This must be a list of lines.")
	}
	var lines []store.Line
	for i, v := range list {
		at := f.at + "/lines/" + strconv.Itoa(i)
		o, ok := v.(object)
		if !ok {
			*f.problems = append(*f.problems, fieldProblem{at, "This must be a line."})
			lines = append(lines, store.Line{})
			continue
		}
		l := fields{at, o, f.problems}
		l.only("description", "category", "tax_rate", "net", "tax")
		text := func(name string) string { s, _ := l.text(name); return s }
		line := store.Line{Description: text("description"), Category: text("category"), TaxRate: text("tax_rate")}
		for _, amount := range []string{"net", "tax"} {
			written, ok := l.number(amount)
			if !ok || amount == "tax" && written == "" || !store.KnownCurrency(currency) { // told elsewhere; how many decimals are right, nobody can say
				continue
			}
			d, err := store.ParseAmount(written, currency)
			if err != nil {
				l.problem(amount, "%s", sentence(err.Error()))
			}
			if amount == "net" {
				line.Net = d
			} else {
				line.Tax = d
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// newExpenses are the expenses of a request as they are entered.
func newExpenses(es []entry) []store.NewExpense {
	out := make([]store.NewExpense, len(es))
	for i, e := range es {
		out[i] = e.NewExpense
	}
	return out
}

// wrong is what is said above a list of problems.
func wrong(n int) string {
	if n == 1 {
		return "One thing is wrong, so nothing was entered."
	}
	return fmt.Sprintf("%s things are wrong, so nothing was entered.", number(n))
}

// problemsMost is how many problems one answer tells.
const problemsMost = 1000

func few(problems []fieldProblem) []fieldProblem {
	return slices.Clip(problems[:min(len(problems), problemsMost)])
}
