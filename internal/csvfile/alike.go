package csvfile

import (
	"context"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"tallylight/store"
)

// Alike is an expense of the file that looks the same as another: company, supplier, date and amount.
type Alike struct {
	Reference string `json:"reference"`
	Other     string `json:"other"`
	Here      bool   `json:"here"` // the other is not of the file
}

const mostAlike = 5 // that are named

// alike finds those that look the same as one that is here, or as one before them in the file; the first of them are named.
func alike(ctx context.Context, s *store.Store, entries []*entry) (n int, first []Alike, err error) {
	var readable []*entry
	var totals []decimal.Decimal
	for _, e := range entries {
		if total, err := e.total(); err == nil && e.CompanyID != 0 && !e.unread && !e.wrong {
			readable, totals = append(readable, e), append(totals, total)
		}
	}
	here, err := s.AlikeEntered(ctx, newExpenses(readable), totals)
	if err != nil {
		return 0, nil, err
	}
	type look struct {
		company                         int64
		date, total, currency, supplier string
	}
	seen := map[look]string{}
	for i, e := range readable {
		l := look{e.CompanyID, e.IssueDate.Format(time.DateOnly), totals[i].Trim(0).String(), e.Currency, strings.ToLower(e.Supplier)}
		a := Alike{Reference: e.Reference, Other: here[i], Here: true}
		if a.Other == "" {
			a.Other, a.Here = seen[l], false
		}
		if seen[l] == "" {
			seen[l] = e.Reference
		}
		if a.Other == "" {
			continue
		}
		if n++; len(first) < mostAlike {
			first = append(first, a)
		}
	}
	return n, first, nil
}
