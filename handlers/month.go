package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const (
	monthForm        = "2006-01"
	monthDifferences = 500 // are named on the page; lists show the others
	monthsBack       = 12
)

// companyMonth says whether a company's month is in its ledger, and names what is not. The address has the month, or it is the last
// that has ended.
func (h *Handlers) companyMonth(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	c, err := h.Store.Company(ctx, id)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/companies", "Month of "+c.Name)
	if err != nil {
		return err
	}
	today := s.clock.now.In(s.clock.in)
	first, err := time.Parse(monthForm, r.URL.Query().Get("month"))
	if err != nil || first.Year() < 1 {
		first = time.Date(today.Year(), today.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	}
	sums, err := h.Store.MonthSums(ctx, id, first)
	if err != nil {
		return err
	}
	differences, err := h.Store.MonthDifferences(ctx, id, first, monthDifferences+1)
	if err != nil {
		return err
	}
	months, err := h.Store.CompanyMonths(ctx, id, time.Date(today.Year(), today.Month()-monthsBack, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	ledger := "the ledger"
	switch connection, err := h.Store.AccountingConnection(ctx, id); {
	case err == nil:
		ledger = platformOr(connection.PlatformName)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	page := views.MonthPage{Frame: s.Frame, CompanyID: id, Company: c.Name, Name: first.Format("January 2006"), Value: first.Format(monthForm), Ledger: ledger}
	page.Live, page.Show = expensesTopic, show()
	page.Sums = monthSums(sums)
	page.Verdict, page.Done = monthVerdict(page.Name, ledger, sums, len(differences))
	inMonth := store.ExpenseFilter{CompanyID: id, From: first, To: first.AddDate(0, 1, -1)}
	page.All = listURL(inMonth)
	for _, d := range differences[:min(len(differences), monthDifferences)] {
		page.Differences = append(page.Differences, monthDifference(d, ledger))
	}
	page.Cut = len(differences) > monthDifferences
	for _, m := range months {
		line := monthLine(m, m.First.Format("January 2006"))
		line.Current = m.First.Equal(first)
		page.Months = append(page.Months, line)
	}
	return web.Render(w, r, http.StatusOK, views.Month(page))
}

// monthSums are the sums of each currency: what the expenses say, what the ledger took, and what lies between.
func monthSums(sums []store.MonthSum) []views.MonthSum {
	var out []views.MonthSum
	for i := 0; i < len(sums); {
		currency, n := sums[i].Currency, 0
		total, booked, outside := decimal.Zero, decimal.Zero, decimal.Zero
		for ; i < len(sums) && sums[i].Currency == currency; i++ {
			n += sums[i].Count
			total = added(total, sums[i].Total)
			booked = added(booked, sums[i].Booked)
			if sums[i].Status == store.Handled {
				outside = added(outside, sums[i].Total)
			}
		}
		row := views.MonthSum{Currency: currency, Count: number(n), Total: store.FormatAmount(total, currency), Booked: store.FormatAmount(booked, currency)}
		if !outside.IsZero() {
			row.Outside = store.FormatAmount(outside, currency)
		}
		if rest := added(total, added(booked, outside).Neg()); !rest.IsZero() {
			row.Difference = store.FormatAmount(rest, currency)
		}
		out = append(out, row)
	}
	return out
}

// added is a + b. Sums of the store have at most 19 digits, as decimals have; one that does not fit stays as it was.
func added(a, b decimal.Decimal) decimal.Decimal {
	sum, err := a.Add(b)
	if err != nil {
		return a
	}
	return sum
}

func monthVerdict(month, ledger string, sums []store.MonthSum, differences int) (said string, done bool) {
	all, missing, outside := 0, 0, 0
	var totals []store.Sum
	for _, s := range sums {
		all += s.Count
		switch s.Status {
		case store.Complete:
		case store.Handled:
			outside += s.Count
		default:
			missing += s.Count
		}
		if i := slices.IndexFunc(totals, func(t store.Sum) bool { return t.Currency == s.Currency }); i >= 0 {
			totals[i].Total = added(totals[i].Total, s.Total)
		} else {
			totals = append(totals, store.Sum{Currency: s.Currency, Total: s.Total})
		}
	}
	switch {
	case all == 0:
		return "There are no expenses in " + month + ".", false
	case missing == 1:
		return fmt.Sprintf("1 of %s is not in the ledger yet.", number(all)), false
	case missing > 1:
		return fmt.Sprintf("%s of %s are not in the ledger yet.", number(missing), number(all)), false
	case differences > 0:
		return "Everything was pushed, but look at what is named below.", false
	}
	where := ", all in " + ledger
	switch {
	case outside == all:
		where = ", all handled outside"
	case outside > 0:
		where = fmt.Sprintf(": %s in %s, %s handled outside", number(all-outside), ledger, number(outside))
	}
	return fmt.Sprintf("%s is complete: %s, %s%s.", month, expenses(all), money(totals), where), true
}

func monthDifference(d store.MonthDifference, ledger string) views.MonthDifference {
	var said []string
	if d.Status != store.Complete {
		said = append(said, statusWords[d.Status])
	}
	if d.Booked.Valid {
		said = append(said, ledger+" took "+store.FormatAmount(d.Booked.Decimal, d.Currency))
	}
	if d.Twice {
		said = append(said, "May be booked twice")
	}
	return views.MonthDifference{Href: expenseURL(d.ID), Reference: d.Reference, Date: day(d.IssueDate), Supplier: d.Supplier,
		Amount: store.FormatAmount(d.Total, d.Currency), Status: string(d.Status), Said: strings.Join(said, ". ")}
}

// monthLine is how far a company is with a month, with a link to it.
func monthLine(m store.MonthCount, name string) views.MonthLine {
	line := views.MonthLine{Name: name, Href: companyURL(m.CompanyID) + "/month?month=" + m.First.Format(monthForm), Done: m.Missing == 0,
		Said: fmt.Sprintf("%s of %s missing", number(m.Missing), number(m.Expenses))}
	if line.Done {
		line.Said = "all of " + number(m.Expenses)
	}
	return line
}
