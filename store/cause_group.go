package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/govalues/decimal"
)

// CauseGroup is what failed for one reason.
type CauseGroup struct {
	Cause    string // explain's code
	Subject  string // the value in it
	Platform string // the accounting package, when it is the same for all of them

	Companies, Expenses int
	Sums                []Sum // per currency
}

// CauseGroups groups the failed expenses that f chooses by why they failed, the most first. The filter's status does not choose.
func (s *Store) CauseGroups(ctx context.Context, f ExpenseFilter) ([]CauseGroup, error) {
	f.Status = Failed
	where, args := f.where()
	var parts []struct {
		Cause, Subject, Platform, Currency string
		CompanyID                          int64 `db:"company_id"`
		Expenses                           int
		Total                              decimal.Decimal
	}
	err := s.db.SelectContext(ctx, &parts, `
		SELECT g.cause, g.cause_subject AS subject, g.company_id, g.currency, g.expenses, g.total, coalesce(cn.platform_name, '') AS platform
		FROM (
			SELECT cause, cause_subject, company_id, currency, count(*) AS expenses, sum(total) AS total
			FROM expenses WHERE `+strings.Join(where, " AND ")+` GROUP BY cause, cause_subject, company_id, currency) g
			JOIN companies co ON co.id = g.company_id LEFT JOIN `+accountingOf+` cn ON true
		ORDER BY g.cause, g.cause_subject, g.company_id, g.currency`, args...)
	if err != nil {
		return nil, fmt.Errorf("group what failed: %w", err)
	}
	var groups []CauseGroup
	company := int64(0)
	for _, p := range parts {
		if n := len(groups); n == 0 || groups[n-1].Cause != p.Cause || groups[n-1].Subject != p.Subject {
			groups = append(groups, CauseGroup{Cause: p.Cause, Subject: p.Subject, Platform: p.Platform})
			company = 0
		}
		g := &groups[len(groups)-1]
		if company != p.CompanyID {
			company = p.CompanyID
			g.Companies++
		}
		if g.Platform != p.Platform {
			g.Platform = ""
		}
		g.Expenses += p.Expenses
		i := slices.IndexFunc(g.Sums, func(s Sum) bool { return s.Currency == p.Currency })
		if i < 0 {
			g.Sums = append(g.Sums, Sum{Currency: p.Currency})
			i = len(g.Sums) - 1
		}
		if g.Sums[i].Total, err = g.Sums[i].Total.Add(p.Total); err != nil {
			return nil, fmt.Errorf("sum what failed: %w", err)
		}
		g.Sums[i].Count += p.Expenses
	}
	slices.SortStableFunc(groups, func(a, b CauseGroup) int { return cmp.Compare(b.Expenses, a.Expenses) })
	for _, g := range groups {
		slices.SortFunc(g.Sums, func(a, b Sum) int { return cmp.Compare(a.Currency, b.Currency) })
	}
	return groups, nil
}
