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

func TestSeedIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	var first []store.ExpenseItem
	for range 2 {
		w := newWorld(t)
		if _, err := w.Seed(t.Context(), 40); err != nil {
			t.Fatal(err)
		}
		page, err := w.ExpensePage(t.Context(), store.ExpenseFilter{}, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = page.Items
			continue
		}
		for i, e := range page.Items {
			if f := first[i]; e.Reference != f.Reference || e.Company != f.Company || e.Total.Cmp(f.Total) != 0 || e.Status != f.Status || e.Supplier != f.Supplier {
				t.Errorf("%+v is not %+v", e, f)
			}
		}
	}
}
