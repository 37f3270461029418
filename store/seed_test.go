package store_test

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

func TestSeedTopsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.enter(w.company, 3)
	for _, tt := range []struct{ total, added int }{{1000, 1000}, {1000, 0}, {10, 0}, {1300, 300}} {
		if added, err := w.Seed(t.Context(), tt.total); err != nil || added != tt.added {
			t.Fatalf("up to %d: added %d, error %v", tt.total, added, err)
		}
	}
	companies, err := w.Companies(t.Context())
	if err != nil || len(companies) != 201 {
		t.Fatalf("%d companies, error %v", len(companies), err)
	}
	names, used := map[string]bool{}, 0
	for _, c := range companies {
		names[c.Name] = true
		counts, err := w.StatusCounts(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if c.Example && len(counts) > 0 {
			used++
		}
	}
	if len(names) != 201 || used != 200 {
		t.Errorf("%d names, %d demo companies with expenses", len(names), used)
	}
	counts, err := w.StatusCounts(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	sum := -len(mine)
	for _, status := range store.Statuses {
		sum += counts[status]
		if counts[status] == 0 && status != store.Handled {
			t.Errorf("no expense is %s", status)
		}
	}
	if sum != 1300 {
		t.Errorf("%d expenses are seeded, want 1300", sum)
	}
	page, err := w.ExpensePage(t.Context(), store.ExpenseFilter{Text: "EX-"}, "", "")
	if err != nil || len(page.Items) != store.PageSize {
		t.Fatalf("%d expenses, error %v", len(page.Items), err)
	}
	for _, i := range page.Items {
		e, err := w.Expense(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		if age := w.now().Sub(e.IssueDate); age < 3*24*time.Hour || age > 732*24*time.Hour || len(e.Lines) != 1 || e.Lines[0].Net.Cmp(e.Net) != 0 ||
			e.Net.IsZero() || e.Net.MinScale() > store.Digits(e.Currency) || e.Lines[0].Category == "" {
			t.Errorf("seeded %+v", e)
		}
	}
	w.in(func(tx *store.Tx) error {
		ps, err := tx.LockPushables(t.Context(), []int64{page.Items[0].ID})
		if err == nil && !ps[0].Example {
			t.Error("a seeded expense can be pushed")
		}
		return err
	})
}

func TestSeedsAtOnceAddNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	added := make([]int, 3)
	var seeds errgroup.Group
	for i := range added {
		seeds.Go(func() (err error) {
			added[i], err = w.Seed(t.Context(), 500)
			return err
		})
	}
	if err := seeds.Wait(); err != nil || added[0]+added[1]+added[2] != 500 {
		t.Errorf("added %v, error %v", added, err)
	}
}

// What is seeded at once is what comes in batches, whose counts and texts the triggers tell, and nothing is missing afterwards.
func TestSeedIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	var first map[string]string
	for _, totals := range [][]int{{4000}, {1500, 3000, 4000}} {
		w := newWorld(t)
		db := w.sql()
		read := func(got map[string]string, query string) {
			t.Helper()
			var s string
			if err := db.Get(&s, `SELECT coalesce(string_agg(r::text, E'\n' ORDER BY r::text COLLATE "C"), '') FROM (`+query+`) r`); err != nil {
				t.Fatal(err)
			}
			got[query] = s
		}
		schema := func() map[string]string {
			got := map[string]string{}
			read(got, `SELECT pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname LIKE 'expense%'`)
			read(got, `SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint`)
			read(got, `SELECT tgrelid::regclass, pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal`)
			return got
		}
		before := schema()
		if _, err := w.Seed(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		var mine int64
		err := db.Get(&mine, `INSERT INTO expenses (company_id, reference, issue_date, currency, net, tax, total, source)
			SELECT id, 'EX-0003999', clock()::date, 'GBP', 1, 0, 1, 'csv' FROM companies WHERE codat_id = 'example-199' RETURNING id`)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Seed(t.Context(), 4000); err == nil {
			t.Fatal("one expense is there twice")
		}
		if err := w.DeleteExpense(t.Context(), w.by, mine); err != nil {
			t.Fatal(err)
		}
		for _, total := range totals {
			if _, err := w.Seed(t.Context(), total); err != nil {
				t.Fatal(err)
			}
		}
		got := schema()
		for query, want := range before {
			if got[query] != want {
				t.Errorf("%s gives %s, before it was %s", query, got[query], want)
			}
		}
		read(got, `SELECT c.codat_id, e.reference, e.issue_date, e.supplier, e.description, e.currency, e.net, e.tax, e.total, e.status,
			e.status_at - clock()::date AS status_at, e.cause, e.cause_subject, e.source, l.position, l.category, l.net AS line_net, t.text
			FROM companies c JOIN expenses e ON e.company_id = c.id JOIN expense_lines l ON l.expense_id = e.id JOIN expense_texts t ON t.expense_id = e.id
			WHERE c.example`)
		read(got, `SELECT coalesce(c.codat_id, ''), n.status, sum(n.count) FROM expense_counts n LEFT JOIN companies c ON c.id = n.company_id GROUP BY 1, 2`)
		if first == nil {
			first = got
		}
		for query, want := range first {
			if got[query] != want {
				t.Errorf("in batches, %s gives another result", query)
			}
		}
		page, err := w.ExpensePage(t.Context(), store.ExpenseFilter{Text: "tyres"}, "", "")
		if err != nil || len(page.Items) == 0 {
			t.Errorf("%d texts are found, error %v", len(page.Items), err)
		}
	}
}
