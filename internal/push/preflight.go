package push

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallylight/store"
)

// Problem is what would become of an expense in its ledger if it were pushed as it is.
type Problem struct {
	Code     string // stable: problems of one code are one for people
	Stops    bool   // it fails for certain, so it is not sent unless a person insists; else it likely fails, and goes
	Short    string // for a row: "Xero needs a contact: choose one"
	Sentence string // the same at length
	Do       string // what to do about it
	Where    Place  // where to do it

	// In the mapping: the text that it is about.
	Kind store.MappingKind
	Text string

	One  string // of several expenses, what one does: "needs a contact in Xero"
	Many string // and what several do: "need a contact in Xero"
}

// Place is where something can be done about a problem.
type Place string

const (
	InExpense Place = "expense" // the form of the expense
	InMapping Place = "mapping" // what the texts of the company's expenses mean
	InLedger  Place = "ledger"  // the accounting package itself
	InTime    Place = "time"    // nowhere: it passes
)

// Preflight says what would fail if an expense were pushed as it is, the certain first. Nothing is asked of Codat. That a
// connection is down is no problem: the push waits for it, and what is wrong with the mapping or in the ledger can be mended before
// it goes, so that does not stop it either.
func Preflight(platformName, platformKey string, f store.Facts) []Problem {
	var problems []Problem
	for _, found := range foresee(platformName, platformKey, f).findings {
		problems = append(problems, found.problem())
	}
	return problems
}

// forecast is what a push of an expense will make first, and what is wrong with it, the certain first.
type forecast struct {
	makes    []store.Want
	findings []finding
}

// stops is the first problem for which the expense is not pushed, nil when there is none.
func (f forecast) stops() *Problem {
	if len(f.findings) > 0 && f.findings[0].stops {
		p := f.findings[0].problem()
		return &p
	}
	return nil
}

// finding is a problem before it is put into words.
type finding struct {
	code, subject, platform string
	stops                   bool
	kind                    store.MappingKind
	text                    string
}

func (f finding) problem() Problem {
	w := problemWords[f.code]
	p := Problem{
		Code: f.code, Stops: f.stops, Where: w.where, Short: f.short(), Sentence: capital(f.fill(w.text)), Do: f.fill(w.do), One: f.fill(w.one), Many: f.fill(w.many),
	}
	if p.Where == InMapping {
		p.Kind, p.Text = f.kind, f.text
	}
	return p
}

func (f finding) short() string { return f.fill(problemWords[f.code].short) }

func (f finding) fill(words string) string {
	return strings.ReplaceAll(strings.ReplaceAll(words, "{platform}", f.platform), "{subject}", clipped(f.subject))
}

// inspector collects what is wrong with an expense.
type inspector struct {
	platform
	name     string // of the platform
	f        store.Facts
	kind     store.MappingKind // of what is looked at
	text     string
	forecast forecast
}

// foresee judges an expense by the platform's rules and by what is known of the ledger.
func foresee(platformName, platformKey string, f store.Facts) forecast {
	if f.Lines == 0 { // nothing is known of it
		return forecast{}
	}
	i := inspector{platform: platformOf(platformKey), name: cmp.Or(platformName, "the ledger"), f: f}
	i.accounts()
	i.supplier()
	i.paidFrom()
	i.taxes()
	i.tracked()
	i.texts()
	i.amounts()
	slices.SortStableFunc(i.forecast.findings, func(a, b finding) int {
		switch {
		case a.stops == b.stops:
			return 0
		case a.stops:
			return -1
		}
		return 1
	})
	return i.forecast
}

// stop notes what fails for certain, warn what likely does. The subject is the value that it is about.
func (i *inspector) stop(code, subject string) { i.found(code, subject, true) }
func (i *inspector) warn(code, subject string) { i.found(code, subject, false) }

func (i *inspector) found(code, subject string, stops bool) {
	w, ok := problemWords[code]
	if !ok {
		panic("no words for problem " + code)
	}
	stops = stops && (i.f.Linked || w.where == InExpense || w.where == InTime)
	if !slices.ContainsFunc(i.forecast.findings, func(o finding) bool { return o.code == code && o.stops == stops && o.subject == subject }) {
		i.forecast.findings = append(i.forecast.findings, finding{code, subject, i.name, stops, i.kind, i.text})
	}
}

func (i *inspector) insist(n need, code, subject string) {
	switch {
	case n == needed, n == negative && i.f.Sign < 0:
		i.stop(code, subject)
	case n == likely:
		i.warn(code, subject)
	}
}

func (i *inspector) accounts() {
	for _, a := range i.f.Accounts {
		i.kind, i.text = store.AccountMapping, a.Text
		switch {
		case a.Matches > 1:
			i.stop("account_several", a.Called)
		case a.Matches == 0 && a.Called == "":
			i.stop("account_none", "")
		case a.Matches == 0 && !i.f.Read:
			i.unread()
		case a.Matches == 0:
			i.newAccount(a.Called)
		case a.Gone:
			i.stop("account_gone", a.Text)
		case a.Archived():
			i.stop("account_archived", cmp.Or(a.Name, a.Text))
		case a.IsBank:
			i.stop("account_bank", cmp.Or(a.Name, a.Text))
		case i.accountIs != nil && a.Type != "" && a.Type != "Unknown" && !slices.Contains(i.accountIs, a.Type):
			i.stop("account_type", cmp.Or(a.Name, a.Text))
		case a.Refused:
			i.stop("account_refused", cmp.Or(a.Name, a.Text))
		}
	}
}

// unread stops an expense of which nobody can tell yet what it means: what is there already would be made once more.
func (i *inspector) unread() { i.stop("books_unread", "") }

func (i *inspector) newAccount(name string) {
	switch {
	case codeLike.MatchString(name):
		i.stop("account_no_code", name)
		return
	case utf8.RuneCountInString(name) > i.nameLimit:
		i.stop("account_name_long", strconv.Itoa(i.nameLimit))
		return
	case i.noAccounts:
		i.stop("account_not_made", name)
	}
	i.make(store.AccountStep, name)
}

// make notes that the push makes a record first. Who insists has it tried.
func (i *inspector) make(kind store.StepKind, name string) {
	w := store.Want{Kind: kind, Text: name}
	if !slices.ContainsFunc(i.forecast.makes, func(o store.Want) bool { return o.Kind == kind && strings.EqualFold(o.Text, name) }) {
		i.forecast.makes = append(i.forecast.makes, w)
	}
}

func (i *inspector) supplier() {
	if i.payee && strings.TrimSpace(i.f.Supplier) == "" {
		i.stop("payee_missing", "")
	}
	if i.payee && utf8.RuneCountInString(strings.TrimSpace(i.f.Supplier)) > i.noteLimit {
		i.stop("payee_long", strconv.Itoa(i.noteLimit))
	}
	if i.noContact {
		return
	}
	c := i.f.Contact
	i.kind, i.text = store.SupplierMapping, c.Text
	switch {
	case c.Matches > 1:
		i.stop("supplier_several", c.Called)
	case c.Matches == 0 && c.Called == "":
		i.insist(i.contact, "contact_missing", "")
	case c.Matches == 0 && !i.f.Read:
		i.unread()
	case c.Matches == 0:
		if limit := i.supplierLimit; limit > 0 && utf8.RuneCountInString(c.Called) > limit {
			i.stop("supplier_name_long", strconv.Itoa(limit))
			return
		}
		if i.noSuppliers {
			i.stop("supplier_not_made", c.Called)
		}
		i.make(store.SupplierStep, c.Called)
	case c.Gone:
		i.stop("supplier_gone", cmp.Or(c.Text, c.Name))
	case c.Archived():
		i.stop("supplier_archived", cmp.Or(c.Name, c.Text))
	case i.oneClass && c.Currency != "" && c.Currency != i.f.Currency && i.f.Currency != i.f.Base:
		i.warn("supplier_currency", cmp.Or(c.Name, c.Text))
	}
}

func (i *inspector) paidFrom() {
	b := i.f.Bank
	i.kind, i.text = store.BankMapping, b.Text
	switch {
	case b.Matches > 1 && b.Text == "":
		i.stop("bank_unchosen", "")
	case b.Matches > 1:
		i.stop("bank_several", b.Text)
	case b.Matches == 0 && !i.f.Read:
	case b.Matches == 0 && b.Text == "":
		i.stop("bank_none", "")
	case b.Matches == 0:
		i.stop("bank_unknown", b.Text)
	case b.Gone:
		i.stop("bank_gone", cmp.Or(b.Text, b.Name))
	case b.Archived():
		i.stop("bank_archived", cmp.Or(b.Name, b.Text))
	case !b.IsBank && (i.bankIs == bankOnly || i.bankIs == bankOrAsset && b.Type != "Asset" || slices.Contains([]string{"Expense", "Income", "Equity"}, b.Type)):
		i.stop("bank_type", cmp.Or(b.Name, b.Text))
	case b.Refused:
		i.stop("bank_refused", cmp.Or(b.Name, b.Text))
	case i.bankIDLimit > 0 && utf8.RuneCountInString(b.ID) > i.bankIDLimit:
		i.stop("bank_id", cmp.Or(b.Name, b.Text))
	case i.bankCurrency && b.Currency != "" && b.Currency != i.f.Currency:
		i.stop("bank_currency", b.Currency)
	}
}

func (i *inspector) taxes() {
	if i.noTaxRate || !i.f.Read {
		return
	}
	for _, t := range i.f.TaxRates {
		id := t.ID
		i.kind, i.text = store.TaxRateMapping, t.Text
		named := t.Text != "" && t.Text != "*"
		switch {
		case t.Matches == 1 && t.Gone:
			i.stop("tax_gone", cmp.Or(t.Name, t.Text))
			continue
		case t.Archived():
			i.stop("tax_archived", cmp.Or(t.Name, t.Text))
			continue
		case t.Matches > 1 && named:
			i.stop("tax_several", t.Text)
			continue
		case t.Matches != 1 && named:
			i.stop("tax_unknown", t.Text)
			continue
		case t.Matches != 1:
			id = ""
			if n := slices.IndexFunc(i.noTax, func(id string) bool { return slices.Contains(i.f.NoTax, id) }); n >= 0 && t.Text == "" {
				id = i.noTax[n]
			}
		}
		if id == "" {
			n := i.taxRate
			if n == needed && i.oneClass && i.f.Base == "EUR" {
				n = likely // not in France
			}
			if i.takes.line != nil && !slices.Contains(i.takes.line, "taxAmount") && t.Text != "" {
				n = needed // the package works the tax out by its rate: without one it would book none
			}
			code := "tax_missing"
			if t.Text == "" {
				code = "no_tax_missing"
			}
			i.insist(n, code, "")
		} else if i.shape == bankPayment && taxCode(id) == "" {
			i.stop("tax_no_code", cmp.Or(t.Name, t.Text))
		}
	}
}

func (i *inspector) tracked() {
	takesTracking := i.shape == bankPayment || i.takes.line == nil || slices.Contains(i.takes.line, "trackingCategoryRefs")
	if !takesTracking {
		return
	}
	departments := map[string]bool{}
	for _, a := range i.f.Accounts {
		n := 0
		i.kind, i.text = store.TrackingMapping, a.Text
		headings := map[string]int{}
		for _, t := range i.f.Tracking {
			if !strings.EqualFold(t.Category, a.Text) {
				continue
			}
			n++
			headings[t.Heading]++
			if t.Gone {
				i.stop("tracking_gone", cmp.Or(t.Name, a.Text))
			}
			if strings.EqualFold(t.Heading, "DEPARTMENT") {
				departments[t.ID] = true
			}
			if t.Heading != "" && headings[t.Heading] > 1 && (i.trackingMost > 0 || i.oneClass) {
				i.stop("tracking_twice", t.Heading)
			}
		}
		switch {
		case n == 0:
			i.insist(i.tracking, "tracking_missing", cmp.Or(a.Text, "every category"))
		case i.trackingMost > 0 && n > i.trackingMost, i.tracking == needed && n > 1:
			i.stop("tracking_many", strconv.Itoa(max(i.trackingMost, 1)))
		}
	}
	if i.oneClass && len(departments) > 1 {
		i.stop("tracking_departments", "")
	}
}

func (i *inspector) texts() {
	if i.referenceLimit > 0 && i.f.Reference > i.referenceLimit {
		i.stop("reference_long", strconv.Itoa(i.referenceLimit))
	}
	if i.descriptionMost > 0 && i.f.Longest > i.descriptionMost {
		i.stop("description_long", strconv.Itoa(i.descriptionMost))
	}
	if i.noteLimit > 0 && i.platform.note == nil && i.f.Note > i.noteLimit {
		i.stop("note_long", strconv.Itoa(i.noteLimit))
	}
	if i.noFuture && i.f.Future {
		i.stop("date_future", "")
	}
}

func (i *inspector) amounts() {
	if i.oneLine && i.f.Lines > 1 {
		i.stop("lines_many", strconv.Itoa(i.f.Lines))
	}
	if i.f.Plus > 0 && i.f.Minus > 0 {
		i.insist(i.sameSign, "signs_mixed", "")
	}
	if i.noZeroLine && i.f.Zero > 0 {
		i.stop("line_zero", "")
	}
	if i.noZeroTotal && i.f.Sign == 0 {
		i.stop("total_zero", "")
	}
	if i.f.Base != "" && i.f.Currency != i.f.Base && !i.f.Rated {
		i.insist(i.rate, "rate_missing", i.f.Currency)
	}
}

func clipped(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + s[n:]
}
