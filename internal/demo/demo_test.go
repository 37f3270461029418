package demo

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// companies are the sandbox's, each with the currency of its books.
var companies = map[string]string{"Northwind Ltd": "GBP", "Contoso Retail Inc": "USD", "Fabrikam Espresso GmbH": "EUR",
	"Adatum Builders": "GBP", "Tailspin Tours KK": "JPY", "Wide World Importers": ""}

func known(t *testing.T) *store.Store {
	t.Helper()
	s := storetest.New(t)
	for name, currency := range companies {
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.SaveCompany(t.Context(), "id of "+name, name, "")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if currency == "" {
			continue
		}
		c, err := s.CompanyByCodatID(t.Context(), "id of "+name)
		if err == nil {
			err = s.SetBaseCurrency(t.Context(), c.ID, currency)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func all(t *testing.T, s *store.Store, f store.ExpenseFilter) []store.ExpenseItem {
	t.Helper()
	var items []store.ExpenseItem
	for after := ""; ; {
		page, err := s.ExpensePage(t.Context(), f, after, "")
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
		if after = page.After; after == "" {
			return items
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	s := known(t)
	if err := Load(t.Context(), s, store.User{}); err != nil {
		t.Fatal(err)
	}
	items := all(t, s, store.ExpenseFilter{Status: store.NotPushed})
	if n := len(items); n < 60 || n > 90 || n != len(all(t, s, store.ExpenseFilter{})) {
		t.Fatalf("%d expenses are not pushed, of %d", n, len(all(t, s, store.ExpenseFilter{})))
	}
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	today := now.UTC().Truncate(24 * time.Hour)
	first, last := items[0], items[len(items)-1]
	if first.Company != "Northwind Ltd" || first.Currency != "GBP" || !first.IssueDate.Equal(today.AddDate(0, 0, -1)) || !items[1].IssueDate.Before(first.IssueDate) {
		t.Errorf("the first row is %s of %s, %s", first.Reference, first.Company, first.IssueDate)
	}
	if last.IssueDate.Before(today.AddDate(0, 0, -60)) {
		t.Errorf("the oldest is of %s", last.IssueDate)
	}
	seen := map[string]bool{}
	for _, i := range items {
		seen[i.Company], seen[i.Currency] = true, true
		if i.Total.IsNeg() {
			seen["refund"] = true
		}
	}
	for _, want := range []string{"Adatum Builders", "Wide World Importers", "JPY", "CHF", "USD", "EUR", "refund"} {
		if !seen[want] {
			t.Errorf("there is no expense with %s", want)
		}
	}
}

func TestLoadOnce(t *testing.T) {
	t.Parallel()
	s := known(t)
	var loads errgroup.Group
	for range 4 {
		loads.Go(func() error { return Load(t.Context(), s, store.User{}) })
	}
	if err := errors.Join(loads.Wait(), Load(t.Context(), s, store.User{})); err != nil {
		t.Fatal(err)
	}
	references := map[string]bool{}
	for _, i := range all(t, s, store.ExpenseFilter{}) {
		if references[i.Reference] {
			t.Errorf("%s is there twice", i.Reference)
		}
		references[i.Reference] = true
	}
	if len(references) < 60 {
		t.Errorf("%d expenses", len(references))
	}
}

func TestLoadWithoutCompanies(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if err := Load(t.Context(), s, store.User{}); err == nil {
		t.Error("expenses of nobody were loaded")
	}
	if n := len(all(t, s, store.ExpenseFilter{})); n != 0 {
		t.Errorf("%d expenses are there", n)
	}
}
