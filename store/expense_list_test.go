package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tallylight/store"
)

// Forward to the end and back again, the pages show every expense that was asked for once, newest date first.
func TestPagesShowEveryExpenseOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("other")
	random := rand.New(rand.NewPCG(1, 2))
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	var all []store.NewExpense
	for i := range 330 {
		e := newExpense([]int64{w.company, w.company, other}[random.IntN(3)], fmt.Sprintf("EXP-%d", i))
		e.IssueDate = day.AddDate(0, 0, -random.IntN(9)) // few, so that pages break within a date
		e.Supplier = []string{"Pret", "100% Wool_Co"}[random.IntN(2)]
		all = append(all, e)
	}
	ids := w.add(all...)
	w.press(ids[:60]...)
	type row struct {
		store.NewExpense
		id     int64
		status store.ExpenseStatus
	}
	rows := make([]row, len(all))
	for i, e := range all {
		rows[i] = row{e, ids[i], store.NotPushed}
		if i < 60 {
			rows[i].status = store.InProgress
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(b.IssueDate.Compare(a.IssueDate), cmp.Compare(b.id, a.id)) })

	filters := map[string]struct {
		filter store.ExpenseFilter
		holds  func(row) bool
	}{
		"all":      {store.ExpenseFilter{}, func(row) bool { return true }},
		"status":   {store.ExpenseFilter{Status: store.NotPushed}, func(r row) bool { return r.status == store.NotPushed }},
		"company":  {store.ExpenseFilter{CompanyID: other}, func(r row) bool { return r.CompanyID == other }},
		"one page": {store.ExpenseFilter{Status: store.InProgress, CompanyID: other}, func(r row) bool { return r.status == store.InProgress && r.CompanyID == other }},
		"no page":  {store.ExpenseFilter{Status: store.Complete}, func(row) bool { return false }},
		"dates": {store.ExpenseFilter{From: day.AddDate(0, 0, -5), To: day.AddDate(0, 0, -2)}, func(r row) bool {
			return !r.IssueDate.Before(day.AddDate(0, 0, -5)) && !r.IssueDate.After(day.AddDate(0, 0, -2))
		}},
		"text":      {store.ExpenseFilter{Text: " wool_co "}, func(r row) bool { return r.Supplier != "Pret" }},
		"wildcards": {store.ExpenseFilter{Text: "0% wool"}, func(r row) bool { return r.Supplier != "Pret" }},
		"begins":    {store.ExpenseFilter{Text: "10"}, func(r row) bool { return r.Supplier != "Pret" }},
		"middle":    {store.ExpenseFilter{Text: "re"}, func(row) bool { return false }},
		"no letter": {store.ExpenseFilter{Text: "%"}, func(row) bool { return false }},
		"reference": {store.ExpenseFilter{Text: "exp-1"}, func(r row) bool { return strings.HasPrefix(r.Reference, "EXP-1") }},
		"nul":       {store.ExpenseFilter{Text: "pr\x00et"}, func(r row) bool { return r.Supplier == "Pret" }},
	}
	for name, tt := range filters {
		var want []int64
		for _, r := range rows {
			if tt.holds(r) {
				want = append(want, r.id)
			}
		}
		page := func(after, before string) store.ExpensePage {
			t.Helper()
			p, err := w.ExpensePage(t.Context(), tt.filter, after, before)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return p
		}
		p := page("", "")
		if p.Before != "" {
			t.Errorf("%s: the first page has one before it", name)
		}
		forward := idsOf(p)
		for p.After != "" {
			if len(p.Items) != store.PageSize {
				t.Errorf("%s: a page of %d has one after it", name, len(p.Items))
			}
			p = page(p.After, "")
			forward = append(forward, idsOf(p)...)
		}
		if !slices.Equal(forward, want) {
			t.Errorf("%s, forward: %d rows, want %d in order", name, len(forward), len(want))
		}
		back := idsOf(p)
		for p.Before != "" {
			p = page("", p.Before)
			back = append(idsOf(p), back...)
		}
		if !slices.Equal(back, want) {
			t.Errorf("%s, back: %d rows, want %d in order", name, len(back), len(want))
		}
	}

	first, err := w.ExpensePage(t.Context(), store.ExpenseFilter{}, "no cursor", "2026-99-99_x")
	if err != nil || len(first.Items) != store.PageSize || first.Items[0].ID != rows[0].id {
		t.Errorf("a cursor that cannot be read: %d rows, error %v", len(first.Items), err)
	}
	counts, err := w.StatusCounts(t.Context(), 0)
	if err != nil || counts[store.InProgress] != 60 || counts[store.NotPushed] != 270 {
		t.Errorf("counts %v, error %v", counts, err)
	}
}

func idsOf(p store.ExpensePage) []int64 {
	var ids []int64
	for _, i := range p.Items {
		ids = append(ids, i.ID)
	}
	return ids
}
