package handlers

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/views"
)

// expenseQuery is what the address of the list of expenses says: which of them, in which order, and what is shown of each.
type expenseQuery struct {
	store.ExpenseFilter
	columns string // names of expenseColumns with commas, "" for all
}

func (l expenseQuery) url(more ...string) string {
	return listURL(l.ExpenseFilter, append([]string{"cols", l.columns}, more...)...)
}

func readExpenseQuery(q url.Values, companies []store.Company) expenseQuery {
	return expenseQuery{readFilter(q, companies), readColumns(q["cols"])}
}

// The longest texts that an address chooses by.
const (
	supplierMost = 300
	textMost     = 200
)

// readFilter reads what the address chooses: status, company (our id or Codat's), from, to, min, max, currency, supplier, cause,
// subject (empty: causes without a value) and q, and the order: sort. What cannot be understood does not choose.
func readFilter(q url.Values, companies []store.Company) store.ExpenseFilter {
	var f store.ExpenseFilter
	if s := store.ExpenseStatus(q.Get("status")); slices.Contains(store.Statuses, s) {
		f.Status = s
	}
	company := q.Get("company")
	for _, c := range companies {
		if company == c.CodatID || company == strconv.FormatInt(c.ID, 10) {
			f.CompanyID = c.ID
		}
	}
	f.From, f.To = readDate(q.Get("from")), readDate(q.Get("to"))
	f.Min, f.Max = readAmount(q.Get("min")), readAmount(q.Get("max"))
	if c := strings.ToUpper(strings.TrimSpace(q.Get("currency"))); currencyCode.MatchString(c) {
		f.Currency = c
	}
	f.Supplier = readText(q.Get("supplier"), supplierMost)
	if c := q.Get("cause"); explain.Cause(c).Known() {
		f.Cause, f.Subject = c, readText(q.Get("subject"), supplierMost)
		f.NoSubject = q.Has("subject") && strings.TrimSpace(q.Get("subject")) == ""
	}
	f.Text = readText(q.Get("q"), textMost)
	if s := store.ExpenseSort(q.Get("sort")); slices.ContainsFunc(orders, func(o order) bool { return o.sort == s }) {
		f.Sort = s
	}
	return f
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// readText is a text to look for; one that is longer than most does not choose.
func readText(s string, most int) string {
	if s = plain(strings.TrimSpace(s)); utf8.RuneCountInString(s) > most {
		return ""
	}
	return s
}

// order is an order of the list, in words.
type order struct {
	sort store.ExpenseSort
	text string
}

var orders = []order{
	{store.SortDate, "Newest date first"}, {store.SortDateOldest, "Oldest date first"},
	{store.SortAmount, "Largest amount first"}, {store.SortAmountSmallest, "Smallest amount first"},
	{store.SortChanged, "Last changed first"}, {store.SortChangedOldest, "Longest unchanged first"},
}

// expenseColumns are the parts of a row that a list can do without. The status and the reference always stand.
var expenseColumns = []struct{ name, word string }{
	{"supplier", "Supplier"}, {"company", "Company"}, {"details", "Description and ledger"}, {"amount", "Amount"},
}

// alwaysShown is a column that cannot be hidden: with it alone an address says that the others are.
const alwaysShown = "reference"

// readColumns reads the columns to show, named one by one or with commas between them.
func readColumns(cols []string) string {
	asked := strings.Split(strings.Join(cols, ","), ",")
	var shown []string
	for _, c := range expenseColumns {
		if slices.Contains(asked, c.name) {
			shown = append(shown, c.name)
		}
	}
	switch {
	case len(shown) == len(expenseColumns):
		return ""
	case len(shown) == 0 && slices.Contains(asked, alwaysShown):
		return alwaysShown
	}
	return strings.Join(shown, ",")
}

// shows reports whether a column is shown.
func (l expenseQuery) shows(column string) bool {
	return l.columns == "" || slices.Contains(strings.Split(l.columns, ","), column)
}

// readDate reads 2026-01-31; the zero time is "not a date".
func readDate(s string) time.Time {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(s))
	if err != nil || t.Year() < 1 {
		return time.Time{}
	}
	return t
}

// readAmount reads 12.5 and 1,250.00; an invalid one does not choose.
func readAmount(s string) decimal.NullDecimal {
	s = strings.TrimSpace(s)
	if thousands.MatchString(s) {
		s = strings.ReplaceAll(s, ",", "")
	}
	d, err := decimal.Parse(s)
	return decimal.NullDecimal{Decimal: d, Valid: err == nil}
}

var thousands = regexp.MustCompile(`^-?\d{1,3}(,\d{3})+(\.\d+)?$`)

func amountOrNone(a decimal.NullDecimal) string {
	if !a.Valid {
		return ""
	}
	return a.Decimal.String()
}

func dateOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// listURL is the address of the list that f chooses, with more names and values in turn: a cursor, columns.
func listURL(f store.ExpenseFilter, more ...string) string {
	var parts []string
	for _, field := range filterFields(f, more...) {
		parts = append(parts, field.Name+"="+url.QueryEscape(field.Value))
	}
	if len(parts) == 0 {
		return "/expenses"
	}
	return "/expenses?" + strings.Join(parts, "&")
}

// filterFields are what readFilter reads f from, and more, without those that are empty and say nothing by that.
func filterFields(f store.ExpenseFilter, more ...string) []views.Field {
	all := []string{"status", string(f.Status), "company", "", "q", f.Text, "from", dateOrNone(f.From), "to", dateOrNone(f.To),
		"min", amountOrNone(f.Min), "max", amountOrNone(f.Max), "currency", f.Currency, "supplier", f.Supplier,
		"cause", f.Cause, "subject", f.Subject, "sort", string(f.Sort)}
	if f.CompanyID != 0 {
		all[3] = strconv.FormatInt(f.CompanyID, 10)
	}
	var fields []views.Field
	for pair := range slices.Chunk(append(all, more...), 2) {
		if pair[1] != "" || pair[0] == "subject" && f.NoSubject {
			fields = append(fields, views.Field{Name: pair[0], Value: pair[1]})
		}
	}
	return fields
}
