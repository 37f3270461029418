package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"github.com/jmoiron/sqlx"

	"tallylight/store"
	"tallylight/store/storetest"
)

// xeroBooks is a company linked to Xero, with that many accounts and suppliers in its books.
func xeroBooks(t testing.TB, accounts, suppliers int) (*store.Store, *sqlx.DB, store.User, store.Company) {
	t.Helper()
	dsn := storetest.DSN(t)
	s, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	db := storetest.DB(t, dsn)
	by, err := s.SaveUser(t.Context(), "ann@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	var c store.Company
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		if c, err = tx.SaveCompany(t.Context(), "co", "Northwind", "https://link.example.com"); err != nil {
			return err
		}
		_, _, err = tx.SaveConnection(t.Context(), c.ID, store.ConnectionNews{CodatID: "cn", PlatformName: "Xero", PlatformKey: "gbol", SourceType: "Accounting",
			Status: store.Linked, At: time.Now()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetBaseCurrency(t.Context(), c.ID, "GBP"); err != nil {
		t.Fatal(err)
	}
	for query, n := range map[string]int{
		`INSERT INTO ledger_accounts (company_id, connection_id, codat_id, nominal_code, name, type, status)
			SELECT $1, id, 'a' || g, (100 + g)::text, 'Account ' || g, 'Expense', 'Active' FROM connections, generate_series(1, $2) g`: accounts,
		`INSERT INTO ledger_accounts (company_id, connection_id, codat_id, name, type, currency, status, is_bank)
			SELECT $1, id, 'b' || g, 'Bank ' || g, 'Asset', 'EUR', 'Active', true FROM connections, generate_series(1, $2) g`: 2,
		`INSERT INTO suppliers (company_id, connection_id, codat_id, name, status)
			SELECT $1, id, 's' || g, 'Supplier ' || g, 'Active' FROM connections, generate_series(1, $2) g`: suppliers,
		`INSERT INTO tax_rates (company_id, connection_id, codat_id, name, status)
			SELECT $1, id, 't' || g, 'Rate ' || g, 'Active' FROM connections, generate_series(1, $2) g`: 20,
	} {
		if _, err := db.Exec(query, c.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`UPDATE connections SET books_read_at = clock()`); err != nil {
		t.Fatal(err)
	}
	return s, db, by, c
}

func TestFacts(t *testing.T) {
	t.Parallel()
	s, db, by, c := xeroBooks(t, 3, 3)
	conn, err := s.AccountingConnection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []store.Mapping{
		{Kind: store.AccountMapping, Label: "Old travel", Action: store.UseRecord, CodatID: "a2"},
		{Kind: store.AccountMapping, Label: "Taxi", Action: store.CreateRecord, Name: "Local travel", Code: "901"},
		{Kind: store.AccountMapping, Label: "Bus", Action: store.CreateRecord, Name: "local travel"},
		{Kind: store.TaxRateMapping, Subject: store.TheRest, Action: store.UseRecord, CodatID: "t2"},
	} {
		m.ConnectionID, m.CompanyID = conn.ID, c.ID
		if err := s.SetMapping(t.Context(), by, m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`UPDATE ledger_accounts SET gone_at = clock() WHERE codat_id = 'a2'`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE suppliers SET status = 'Archived' WHERE codat_id = 's1'`); err != nil {
		t.Fatal(err)
	}
	line := func(description, category, rate, net, tax string) store.Line {
		return store.Line{Description: description, Category: category, TaxRate: rate, Net: decimal.MustParse(net), Tax: decimal.MustParse(tax)}
	}
	ids, err := s.AddExpenses(t.Context(), by, []store.NewExpense{{CompanyID: c.ID, Reference: "Ré-1", Note: "Note", Currency: "USD", Source: "form", Supplier: " supplier 1 ",
		PaidFrom: "bank 2", IssueDate: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		Lines: []store.Line{
			line("Lunch", "Account 1", "rate 1", "10", "2"), line("", "old travel ", "", "5", "1"), line("Ride", "Taxi", "nothing", "-7", "0"),
			line("Ride", "bus", "", "0", "0"),
		}}})
	if err != nil {
		t.Fatal(err)
	}
	items, err := s.ExpenseItems(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	f := items[0].Facts
	if !f.Read || f.Currency != "USD" || f.Base != "GBP" || f.Rated || !f.Future || f.Sign != 1 || f.Reference != 4 || f.Note != 4 || f.Longest != 5 ||
		f.Lines != 4 || f.Plus != 2 || f.Minus != 1 || f.Zero != 1 {
		t.Errorf("facts %+v", f)
	}
	if len(f.Accounts) != 4 {
		t.Fatalf("accounts %+v", f.Accounts)
	}
	if a := f.Accounts[0]; a.Matches != 1 || a.ID != "a1" || a.Name != "Account 1" || a.Type != "Expense" || a.Gone || a.Archived() {
		t.Errorf("account %+v", a)
	}
	if a := f.Accounts[1]; a.Matches != 1 || a.ID != "a2" || !a.Gone {
		t.Errorf("account that is gone %+v", a)
	}
	if a := f.Accounts[2]; a.Matches != 0 || a.Text != "Taxi" || a.Called != "Local travel" {
		t.Errorf("account to be created %+v", a)
	}
	if m := f.Contact; m.Matches != 1 || !m.Archived() || m.Name != "Supplier 1" {
		t.Errorf("supplier %+v", m)
	}
	if m := f.Bank; m.Matches != 1 || m.ID != "b2" || m.Currency != "EUR" || !m.IsBank {
		t.Errorf("bank %+v", m)
	}
	rates := map[string]int{}
	for _, r := range f.TaxRates {
		rates[r.Text] = r.Matches
	}
	if fmt.Sprint(rates) != "map[:0 *:1 nothing:0 rate 1:1]" {
		t.Errorf("tax rates %v", rates)
	}
	if got := fmt.Sprint(f.Wants()); got != "[{account Local travel 0}]" { // both categories are to be one account
		t.Errorf("wants %s", got)
	}
}

// BenchmarkExpensePage reads the first page of expenses that are not pushed, of a company with 10,000 accounts and 20,000 suppliers.
func BenchmarkExpensePage(b *testing.B) {
	s, db, by, c := xeroBooks(b, 10_000, 20_000)
	var es []store.NewExpense
	for i := range 2000 {
		e := store.NewExpense{CompanyID: c.ID, Reference: fmt.Sprint("R", i), Currency: "GBP", Source: "form", Supplier: fmt.Sprint("Supplier ", i*7+1), PaidFrom: "Bank 1",
			IssueDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i%300)}
		for l := range 1 + i%3 {
			e.Lines = append(e.Lines, store.Line{Description: "Lunch", Category: fmt.Sprint("Account ", 1+(i*13+l)%9000), TaxRate: "Rate 3", Net: decimal.MustParse("10")})
		}
		es = append(es, e)
	}
	if _, err := s.AddExpenses(b.Context(), by, es); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(`ANALYZE`); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := s.ExpensePage(b.Context(), store.ExpenseFilter{}, "", "")
		if err != nil || len(p.Items) != store.PageSize || len(p.Items[0].Facts.Accounts) == 0 {
			b.Fatal(len(p.Items), err)
		}
	}
}
