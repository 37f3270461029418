package store_test

import (
	"fmt"
	"slices"
	"testing"

	"tallylight/store"
)

func (w *world) read(connection int64, accounts []store.Account, suppliers []store.Supplier) {
	w.t.Helper()
	r, err := w.ReadLedger(w.t.Context(), store.Connection{ID: connection, CompanyID: w.company})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range accounts {
		if err := r.Accounts(w.t.Context(), accounts[i:i+1]); err != nil { // a page each
			w.t.Fatal(err)
		}
	}
	if err := r.Suppliers(w.t.Context(), suppliers); err != nil {
		w.t.Fatal(err)
	}
	for _, table := range []store.LedgerTable{store.LedgerAccounts, store.LedgerSuppliers, store.LedgerTaxRates} {
		if err := r.Ended(w.t.Context(), table); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestWhatIsGoneFromTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	travel := store.Account{CodatID: "a1", NominalCode: "493", Name: "Travel", Type: "Expense", Status: "Active"}
	meals := store.Account{CodatID: "a2", NominalCode: "420", Name: "Meals", Type: "Expense", Status: "Active"}
	bank := store.Account{CodatID: "b1", Name: "Current", Type: "Asset", Status: "Active", IsBank: true}
	bankAgain := bank
	bankAgain.IsBank = false // Codat lists it among the accounts too
	pret := store.Supplier{CodatID: "s1", Name: "Pret", Status: "Active"}
	matches := func(connection int64, text string) string {
		t.Helper()
		ids, err := w.AccountMatches(t.Context(), connection, text)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(ids)
	}
	counts := func(want store.LedgerCounts) {
		t.Helper()
		if c, err := w.LedgerCounts(t.Context(), w.connection); err != nil || c != want {
			t.Errorf("counts %+v, want %+v, error %v", c, want, err)
		}
	}

	w.read(w.connection, []store.Account{travel, meals, bank, bankAgain}, []store.Supplier{pret, pret, {Name: "without an id"}})
	counts(store.LedgerCounts{Accounts: 2, Banks: 1, Suppliers: 1})
	for _, text := range []string{"travel", "493", "a1"} {
		if got := matches(w.connection, text); got != "[a1]" {
			t.Errorf("%q matches %s", text, got)
		}
	}
	w.read(w.connection, []store.Account{meals}, nil)
	counts(store.LedgerCounts{Accounts: 1})
	if got := matches(w.connection, "Travel"); got != "[]" {
		t.Errorf("what is gone matches: %s", got)
	}
	w.read(w.connection, []store.Account{travel, meals}, []store.Supplier{pret})
	counts(store.LedgerCounts{Accounts: 2, Suppliers: 1})

	other := w.connect(w.company, "other", "Linked", 0)
	if got := matches(other, "Travel"); got != "[]" {
		t.Errorf("an account of one connection matches on another: %s", got)
	}
	// A reading that does not come to its end makes nothing gone.
	r, err := w.ReadLedger(t.Context(), store.Connection{ID: w.connection, CompanyID: w.company})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Accounts(t.Context(), []store.Account{meals}); err != nil {
		t.Fatal(err)
	}
	counts(store.LedgerCounts{Accounts: 2, Suppliers: 1})
}

func TestWhatIsKnownIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	travel := store.Account{CodatID: "a1", NominalCode: "493", Name: "Travel", Type: "Expense", Status: "Active"}
	bank, chart := store.Account{CodatID: "b1", Name: "Current", Type: "Asset", Status: "Active", IsBank: true}, store.Account{CodatID: "b1", Name: "Current", NominalCode: "090", Type: "Asset", Status: "Active"}
	pret := store.Supplier{CodatID: "s1", Name: "Pret", Status: "Active"}
	versions := func() (v []string) {
		t.Helper()
		if err := w.sql().Select(&v, `SELECT codat_id || ' ' || ctid || ' ' || is_bank FROM ledger_accounts UNION ALL SELECT codat_id || ' ' || ctid FROM suppliers ORDER BY 1`); err != nil {
			t.Fatal(err)
		}
		return v
	}
	w.read(w.connection, []store.Account{bank, travel, chart}, []store.Supplier{pret})
	before := versions()
	w.read(w.connection, []store.Account{bank, travel, chart}, []store.Supplier{pret})
	if got := versions(); !slices.Equal(got, before) {
		t.Errorf("rows became %v from %v", got, before)
	}
	travel.Name = "Travelling"
	w.read(w.connection, []store.Account{travel, bank, chart}, []store.Supplier{pret})
	if got := versions(); slices.Equal(got, before) || !slices.Equal(got[1:], before[1:]) {
		t.Errorf("one changed: rows became %v from %v", got, before)
	}
	if m, err := w.AccountMatches(t.Context(), w.connection, "travelling"); err != nil || len(m) != 1 {
		t.Errorf("the new name matches %v, %v", m, err)
	}
	// It is no bank account any more.
	w.read(w.connection, []store.Account{travel, chart}, []store.Supplier{pret})
	if c, err := w.LedgerCounts(t.Context(), w.connection); err != nil || c.Banks != 0 || c.Accounts != 2 {
		t.Errorf("counts %+v, %v", c, err)
	}
}
