package handlers

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"tallylight/store"
)

// readFilter reads what the address chooses: status, company (our id or Codat's), from, to, min, max, currency, supplier, cause,
// subject and q. What cannot be understood does not choose.
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
	if c := strings.ToUpper(strings.TrimSpace(q.Get("currency"))); len(c) == 3 {
		f.Currency = plain(c)
	}
	f.Supplier = plain(strings.TrimSpace(q.Get("supplier")))
	if f.Cause = plain(q.Get("cause")); f.Cause != "" {
		f.Subject = plain(q.Get("subject"))
	}
	f.Text = plain(strings.TrimSpace(q.Get("q")))
	return f
}

// readDate reads 2026-01-31; the zero time is "not a date".
func readDate(s string) time.Time {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(s))
	if err != nil || t.Year() < 1 {
		return time.Time{}
	}
	return t
}

// readAmount reads 12.5; an invalid one does not choose.
func readAmount(s string) decimal.NullDecimal {
	d, err := decimal.Parse(strings.TrimSpace(s))
	return decimal.NullDecimal{Decimal: d, Valid: err == nil}
}

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

// listURL is the address of the list that f chooses, with a cursor's name and value if need be.
func listURL(f store.ExpenseFilter, cursor ...string) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+url.QueryEscape(value))
		}
	}
	add("status", string(f.Status))
	if f.CompanyID != 0 {
		add("company", strconv.FormatInt(f.CompanyID, 10))
	}
	add("q", f.Text)
	add("from", dateOrNone(f.From))
	add("to", dateOrNone(f.To))
	add("min", amountOrNone(f.Min))
	add("max", amountOrNone(f.Max))
	add("currency", f.Currency)
	add("supplier", f.Supplier)
	add("cause", f.Cause)
	add("subject", f.Subject)
	if len(cursor) == 2 {
		add(cursor[0], cursor[1])
	}
	if len(parts) == 0 {
		return "/expenses"
	}
	return "/expenses?" + strings.Join(parts, "&")
}
