package push

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"github.com/jmoiron/sqlx"

	"tallylight/internal/codat"
	"tallylight/internal/ledger"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

// desk is a store and a sandbox that judges what is sent: a company of every platform that takes costs, mapped as a person would.
type desk struct {
	*testing.T
	store   *store.Store
	db      *sqlx.DB
	by      store.User
	url     string
	worker  *Worker
	offices map[string]*office // by Codat's key of the platform
	entered int
}

type office struct {
	company store.Company
	conn    store.Connection
	base    string // currency of its books; they have EUR beside it
}

const deskKey = "a-key-for-tests"

func newDesk(t *testing.T) *desk {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{APIKey: deskKey, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := box.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	dsn := storetest.DSN(t)
	d := &desk{T: t, url: server.URL, db: storetest.DB(t, dsn), offices: map[string]*office{}}
	// Any plan will do for a few rows, and one that is made for each expense takes longer than what it plans.
	if _, err := d.db.Exec(`DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET plan_cache_mode = force_generic_plan'; END $$`); err != nil {
		t.Fatal(err)
	}
	if d.store, err = store.Open(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.store.Close() })
	if d.by, err = d.store.SaveUser(t.Context(), "ann@example.com", "hash", store.Finance); err != nil {
		t.Fatal(err)
	}
	base := map[string]string{"gbol": "GBP", "hbql": "GBP", "fbrh": "GBP", "mqjo": "GBP", "trji": "GBP"}
	ids := map[string]string{}
	for _, key := range golden {
		currency := cmp.Or(base[key], "USD")
		id, _, err := box.AddCompany("Office "+key, key, currency+",EUR")
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = key
	}
	d.post("/_sandbox/scenarios", `{"effect":"final","times":1000000}`) // every write is settled at once
	client := codat.New(codat.Config{BaseURL: server.URL, APIKey: deskKey})
	d.worker = &Worker{Store: d.store, Codat: client, Log: slog.New(slog.DiscardHandler), InFlight: 1}
	reader := &ledger.Reader{Store: d.store, Codat: client, Log: slog.New(slog.DiscardHandler)}
	if err := reader.ReadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, key := range ids {
		o := &office{base: cmp.Or(base[key], "USD")}
		if o.company, err = d.store.CompanyByCodatID(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if o.conn, err = d.store.AccountingConnection(t.Context(), o.company.ID); err != nil {
			t.Fatal(err)
		}
		d.offices[key] = o
	}
	d.mapAll()
	return d
}

func (d *desk) post(path, body string) {
	d.Helper()
	resp, err := http.Post(d.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		d.Fatalf("POST %s: %d", path, resp.StatusCode)
	}
}

// one is one value of the database.
func (d *desk) one(query string, args ...any) (s string) {
	d.Helper()
	if err := d.db.GetContext(d.Context(), &s, query, args...); err != nil {
		d.Fatalf("%s %v: %v", query, args, err)
	}
	return s
}

func (d *desk) account(o *office, name string) string {
	return d.one(`SELECT codat_id FROM ledger_accounts WHERE connection_id = $1 AND (name = $2 OR nominal_code = $2) LIMIT 1`, o.conn.ID, name)
}

// use maps a text to a record; subject "*" is for the rest, and "" for none.
func (d *desk) use(o *office, kind store.MappingKind, text, id string) {
	d.usePart(o, kind, text, "", id)
}

func (d *desk) usePart(o *office, kind store.MappingKind, text, part, id string) {
	d.Helper()
	m := store.Mapping{ConnectionID: o.conn.ID, CompanyID: o.company.ID, Kind: kind, Label: text, Part: part, Action: store.UseRecord, CodatID: id}
	if text == "" || text == store.TheRest {
		m.Label, m.Subject = "", text
	}
	if err := d.store.SetMapping(d.Context(), d.by, m); err != nil {
		d.Fatalf("map %s %q to %q: %v", kind, text, id, err)
	}
}

// mapAll maps what every company has to: its bank account, the rates for lines with tax and without, and Sage 50's department.
func (d *desk) mapAll() {
	for key, o := range d.offices {
		d.use(o, store.BankMapping, "", d.one(`SELECT codat_id FROM ledger_accounts WHERE connection_id = $1 AND is_bank AND gone_at IS NULL ORDER BY name LIMIT 1`, o.conn.ID))
		d.use(o, store.TaxRateMapping, store.TheRest, d.one(`SELECT codat_id FROM tax_rates WHERE connection_id = $1 AND gone_at IS NULL ORDER BY effective_rate DESC, codat_id DESC LIMIT 1`, o.conn.ID))
		d.use(o, store.TaxRateMapping, "", d.one(`SELECT codat_id FROM tax_rates WHERE connection_id = $1 AND gone_at IS NULL ORDER BY effective_rate, codat_id LIMIT 1`, o.conn.ID))
		if key == "hbql" {
			d.usePart(o, store.TrackingMapping, store.TheRest, "department", d.tracking(o, "Sales"))
		}
	}
}

func (d *desk) tracking(o *office, name string) string {
	return d.one(`SELECT codat_id FROM tracking_categories WHERE connection_id = $1 AND name = $2`, o.conn.ID, name)
}

// plainExpense is one that every platform takes.
func (d *desk) plainExpense(o *office) store.NewExpense {
	d.entered++
	return store.NewExpense{CompanyID: o.company.ID, Reference: fmt.Sprintf("EXP-%05d", d.entered), IssueDate: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC),
		Supplier: "Fourth Coffee", Currency: o.base, Source: "form",
		Lines: []store.Line{{Description: "Taxi", Category: d.anyAccount(o), Net: decimal.MustParse("100.10"), Tax: decimal.MustParse("20.02")}}}
}

func (d *desk) anyAccount(o *office) string {
	return d.one(`SELECT name FROM ledger_accounts WHERE connection_id = $1 AND type = 'Expense' AND status = 'Active' ORDER BY name LIMIT 1`, o.conn.ID)
}

// press enters an expense and presses Push, and then, if it was refused, Push anyway; all is sent to its end. Refused is the code of
// what would fail; status and cause are what became of it.
func (d *desk) press(e store.NewExpense) (refused string, status store.ExpenseStatus, cause, said string) {
	d.Helper()
	ids, err := d.store.AddExpenses(d.Context(), d.by, []store.NewExpense{e})
	if err != nil {
		d.Fatal(err)
	}
	pressed, err := Press(d.Context(), d.store, d.by, Push, ids)
	if err != nil {
		d.Fatal(err)
	}
	if len(pressed.Refused) > 0 {
		if pressed.Refused[0].Problem == nil {
			d.Fatalf("refused without a problem: %s", pressed.Refused[0].Sentence)
		}
		refused, said = pressed.Refused[0].Problem.Code, pressed.Refused[0].Sentence
		if pressed, err = PressAnyway(d.Context(), d.store, d.by, Push, ids); err != nil || len(pressed.Started) != 1 {
			d.Fatalf("pressed anyway: %+v %v", pressed, err)
		}
	}
	for d.worker.SendNext(d.Context()) {
	}
	items, err := d.store.ExpenseItems(d.Context(), ids)
	if err != nil {
		d.Fatal(err)
	}
	i := items[0]
	return refused, i.Status, i.Cause, said
}

// gone is a record that we know of, that a person has chosen, and that is not in the ledger any more.
func (d *desk) gone(o *office, kind store.MappingKind, text string) {
	d.Helper()
	r, err := d.store.ReadLedger(d.Context(), o.conn)
	if err != nil {
		d.Fatal(err)
	}
	id, table := uuid.NewString(), "ledger_accounts"
	switch kind {
	case store.SupplierMapping:
		err, table = r.Suppliers(d.Context(), []store.Supplier{{CodatID: id, Name: "Former", Status: "Active"}}), "suppliers"
	case store.TaxRateMapping:
		err, table = r.TaxRates(d.Context(), []store.TaxRate{{CodatID: id, Name: "Former", Status: "Active"}}), "tax_rates"
	case store.TrackingMapping:
		_, err = d.db.Exec(`INSERT INTO tracking_categories (company_id, connection_id, codat_id, name) VALUES ($1, $2, $3, 'Former')`, o.company.ID, o.conn.ID, id)
		table = "tracking_categories"
	default:
		err = r.Accounts(d.Context(), []store.Account{{CodatID: id, Name: "Former", Type: "Expense", Status: "Active", IsBank: kind == store.BankMapping, Currency: o.base}})
	}
	if err != nil {
		d.Fatal(err)
	}
	part := ""
	if kind == store.TrackingMapping {
		part = "former"
	}
	d.usePart(o, kind, text, part, id)
	if _, err := d.db.Exec(`UPDATE `+table+` SET gone_at = clock() WHERE codat_id = $1`, id); err != nil {
		d.Fatal(err)
	}
}

// archive archives a record in the ledger, and lets us know.
func (d *desk) archive(o *office, kind store.MappingKind, id string) {
	d.Helper()
	r, err := d.store.ReadLedger(d.Context(), o.conn)
	if err != nil {
		d.Fatal(err)
	}
	if kind == store.SupplierMapping {
		d.post("/_sandbox/ledger/"+o.company.CodatID, `{"suppliers":[{"id":"`+id+`","status":"Archived"}]}`)
		err = r.Suppliers(d.Context(), []store.Supplier{{CodatID: id, Name: "Proseware", Status: "Archived"}})
	} else {
		d.post("/_sandbox/ledger/"+o.company.CodatID, `{"accounts":[{"id":"`+id+`","status":"Archived"}]}`)
		err = r.Accounts(d.Context(), []store.Account{{CodatID: id, Name: "Closed", Type: "Asset", Status: "Archived", IsBank: kind == store.BankMapping}})
	}
	if err != nil {
		d.Fatal(err)
	}
}

// provoked are the recorded failures that depend on the expense, on the mapping or on the ledger: each as an expense that would fail
// so. Those without one cannot be known beforehand; why says what nobody tells us.
var provoked = []struct {
	cause, platform string
	expense         func(d *desk, o *office, e *store.NewExpense)
	why             string
}{
	{"account_archived", "gbol", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "Fax Services" }, ""},
	{"account_inactive", "qhyg", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "Yellow Pages" }, ""},
	{"account_missing", "gbol", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "" }, ""},
	{"account_missing", "qhyg", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "" }, ""},
	{"account_missing", "fbrh", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "" }, ""},
	{"account_not_found", "gbol", goneAccount, ""},
	{"account_not_found", "qhyg", goneAccount, ""},
	{"account_not_found", "akxx", goneAccount, ""},
	{"account_not_found", "hbql", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "9999" }, ""},
	{"account_type", "qhyg", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = "Notes Payable" }, ""},
	{"account_type", "akxx", func(d *desk, o *office, e *store.NewExpense) {
		d.use(o, store.AccountMapping, "Cash", d.account(o, "Savings"))
		e.Lines[0].Category = "Cash"
	}, ""},
	{"account_type", "gbol", nil, "Xero does not say which of its accounts a document may name"},
	{"amount_negative", "rwuv", func(_ *desk, _ *office, e *store.NewExpense) { negate(e); e.Supplier = "" }, ""},
	{"amount_negative", "qhyg", nil, "the model of QuickBooks Online does not say so, and it takes money back on most accounts"},
	{"amount_zero", "hbql", zeroLine, ""},
	{"amount_zero", "qhyg", zeroLine, ""},
	{"bank_account_inactive", "gbol", func(d *desk, o *office, e *store.NewExpense) {
		id := d.account(o, "Business Savings Account")
		d.archive(o, store.BankMapping, id)
		d.use(o, store.BankMapping, "Old card", id)
		e.PaidFrom = "Old card"
	}, ""},
	{"bank_account_missing", "fbrh", func(d *desk, o *office, _ *store.NewExpense) {
		if _, err := d.db.Exec(`DELETE FROM mappings WHERE connection_id = $1 AND kind = 'bank'`, o.conn.ID); err != nil {
			d.Fatal(err)
		}
	}, ""},
	{"bank_account_not_found", "gbol", func(_ *desk, _ *office, e *store.NewExpense) { e.PaidFrom = "Nobody's account" }, ""},
	{"bank_account_not_found", "akxx", goneBank, ""},
	{"bank_account_not_found", "hbql", goneBank, ""},
	{"bank_account_type", "gbol", func(d *desk, o *office, e *store.NewExpense) {
		d.use(o, store.BankMapping, "Till", d.account(o, "Rent"))
		e.PaidFrom = "Till"
	}, ""},
	{"bank_account_type", "qhyg", func(d *desk, o *office, e *store.NewExpense) {
		d.use(o, store.BankMapping, "Card", d.account(o, "Corporate Credit Card"))
		e.PaidFrom = "Card"
	}, ""},
	{"currency_mismatch", "trji", foreign, ""},
	{"currency_mismatch", "hbql", foreign, ""},
	{"currency_mismatch", "qhyg", nil, "our bodies name a payment's currency only where it is the company's; the currency of a supplier is warned of"},
	{"currency_not_enabled", "gbol", nil, "Codat does not tell which currencies the books have"},
	{"currency_not_enabled", "qhyg", nil, "Codat does not tell which currencies the books have"},
	{"currency_not_enabled", "pqsw", nil, "Codat does not tell which currencies the books have"},
	{"currency_not_enabled", "knfz", nil, "Codat does not tell which currencies the books have"},
	{"currency_not_enabled", "akxx", nil, "Codat does not tell which currencies the books have"},
	{"date_in_future", "fbrh", func(_ *desk, _ *office, e *store.NewExpense) {
		e.IssueDate = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	}, ""},
	{"date_too_early", "fbrh", nil, "Codat does not tell when the books begin"},
	{"description_too_long", "gbol", longDescription(4001), ""},
	{"description_too_long", "qhyg", longDescription(4000), ""},
	{"description_too_long", "knfz", longDescription(1001), ""},
	{"field_wanted", "hbql", func(d *desk, o *office, _ *store.NewExpense) {
		if _, err := d.db.Exec(`DELETE FROM mappings WHERE connection_id = $1 AND kind = 'tracking'`, o.conn.ID); err != nil {
			d.Fatal(err)
		}
	}, ""},
	{"field_wanted", "akxx", nil, "which fields a NetSuite account adds to the form is its own"},
	{"lines_too_many", "trji", twoLines, ""},
	{"lines_too_many", "fbrh", twoLines, ""},
	{"note_missing", "knfz", func(_ *desk, _ *office, e *store.NewExpense) { e.Supplier = "" }, ""},
	{"note_too_long", "pqsw", func(_ *desk, _ *office, e *store.NewExpense) { e.Note = strings.Repeat("x", 4097) }, ""},
	{"period_closed", "gbol", nil, "Codat does not tell which periods are closed"},
	{"period_closed", "qhyg", nil, "Codat does not tell which periods are closed"},
	{"period_closed", "knfz", nil, "Codat does not tell which periods are closed"},
	{"period_closed", "trji", nil, "Codat does not tell which periods are closed"},
	{"rate_missing", "trji", func(d *desk, o *office, e *store.NewExpense) {
		d.bankIn(o, "EUR", "Euro account")
		e.Currency, e.PaidFrom = "EUR", "Euro account"
	}, ""},
	{"record_inactive", "qhyg", archivedSupplier, ""},
	{"reference_taken", "gbol", nil, "the ledger's own references are not read"},
	{"reference_taken", "qhyg", nil, "the ledger's own references are not read"},
	{"reference_taken", "trji", nil, "the ledger's own references are not read"},
	{"reference_too_long", "gbol", longReference(256), ""},
	{"reference_too_long", "qhyg", longReference(22), ""},
	{"reference_too_long", "knfz", longReference(46), ""},
	{"signs_mixed", "akxx", func(_ *desk, _ *office, e *store.NewExpense) {
		e.Lines = append(e.Lines, e.Lines[0])
		e.Lines[1].Net, e.Lines[1].Tax = decimal.MustParse("-1"), decimal.MustParse("0")
	}, ""},
	{"signs_mixed", "gbol", nil, "Codat says both that Xero takes a mix and that it does not: it is warned of"},
	{"supplier_inactive", "gbol", archivedSupplier, ""},
	{"supplier_missing", "gbol", func(_ *desk, _ *office, e *store.NewExpense) { e.Supplier = "" }, ""},
	{"supplier_missing", "qhyg", func(_ *desk, _ *office, e *store.NewExpense) { e.Supplier = "" }, ""},
	{"supplier_missing", "rwuv", func(_ *desk, _ *office, e *store.NewExpense) { negate(e); e.Supplier = "" }, ""},
	{"supplier_not_found", "gbol", goneSupplier, ""},
	{"supplier_not_found", "qhyg", goneSupplier, ""},
	{"tax_rate_missing", "qhyg", noTaxMapping, ""},
	{"tax_rate_missing", "hbql", noTaxMapping, ""},
	{"tax_rate_missing", "gbol", nil, "Xero's model says that the account's own rate holds; which accounts have none is not told"},
	{"tax_rate_not_allowed", "gbol", nil, "which rates go with which accounts is not told"},
	{"tax_rate_not_allowed", "qhyg", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].TaxRate = "20% VAT" }, ""},
	{"tax_rate_not_found", "gbol", func(d *desk, o *office, e *store.NewExpense) {
		d.gone(o, store.TaxRateMapping, "Former")
		e.Lines[0].TaxRate = "Former"
	}, ""},
	{"tax_rate_not_found", "knfz", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].TaxRate = "VAT 19%" }, ""},
	{"text_too_long", "qhyg", longReference(30), ""},
	{"tracking_conflict", "gbol", func(d *desk, o *office, e *store.NewExpense) {
		e.Lines[0].Category = "Rent"
		d.usePart(o, store.TrackingMapping, "Rent", "one", d.tracking(o, "Sales"))
		d.usePart(o, store.TrackingMapping, "Rent", "two", d.tracking(o, "Operations"))
	}, ""},
	{"tracking_conflict", "qhyg", func(d *desk, o *office, e *store.NewExpense) {
		e.Lines[0].Category = "Utilities"
		d.usePart(o, store.TrackingMapping, "Utilities", "one", d.tracking(o, "Stores"))
		d.usePart(o, store.TrackingMapping, "Utilities", "two", d.tracking(o, "Online"))
	}, ""},
	{"tracking_not_found", "qhyg", goneTracking, ""},
	{"tracking_not_found", "akxx", goneTracking, ""},
	{"account_name_too_long", "pqsw", func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Category = strings.Repeat("x", 32) }, ""},
	{"supplier_name_form", "pqsw", func(_ *desk, _ *office, e *store.NewExpense) { e.Supplier = strings.Repeat("x", 42) }, ""},
	{"account_code_taken", "gbol", nil, "a code that was free when we last read is taken since"},
	{"account_code_taken", "qhyg", nil, "a code that was free when we last read is taken since"},
	{"account_code_taken", "hbql", nil, "a code that was free when we last read is taken since"},
	{"account_code_taken", "knfz", nil, "a code that was free when we last read is taken since"},
	{"account_name_taken", "gbol", nil, "a name that was free when we last read is taken since"},
	{"account_name_taken", "qhyg", nil, "a name that was free when we last read is taken since"},
	{"supplier_name_taken", "gbol", nil, "a name that was free when we last read is taken since"},
	{"supplier_name_taken", "qhyg", nil, "a name that was free when we last read is taken since"},
	{"supplier_name_taken", "hbql", nil, "a name that was free when we last read is taken since"},
	{"supplier_name_taken", "knfz", nil, "a name that was free when we last read is taken since"},
}

// neverSent are recorded failures that cannot happen to a body of ours, whatever the expense: TestGoldenBodies and the good expenses
// below show it.
var neverSent = []string{"totals_differ", "payment_malformed", "lines_missing", "tax_amount_uneven", "date_missing", "currency_invalid",
	"description_missing", "field_missing", "note_missing fbrh", "account_code_too_long", "account_code_form", "account_code_missing", "account_category"}

func goneAccount(d *desk, o *office, e *store.NewExpense) {
	d.gone(o, store.AccountMapping, "Old travel")
	e.Lines[0].Category = "Old travel"
}

func goneBank(d *desk, o *office, e *store.NewExpense) {
	d.gone(o, store.BankMapping, "Old bank")
	e.PaidFrom = "Old bank"
}

func goneSupplier(d *desk, o *office, e *store.NewExpense) {
	d.gone(o, store.SupplierMapping, "Old supplier")
	e.Supplier = "Old supplier"
}

func goneTracking(d *desk, o *office, e *store.NewExpense) {
	d.gone(o, store.TrackingMapping, e.Lines[0].Category)
}

func archivedSupplier(d *desk, o *office, e *store.NewExpense) {
	d.archive(o, store.SupplierMapping, d.one(`SELECT codat_id FROM suppliers WHERE connection_id = $1 AND name = 'Proseware'`, o.conn.ID))
	e.Supplier = "Proseware"
}

func noTaxMapping(d *desk, o *office, _ *store.NewExpense) {
	if _, err := d.db.Exec(`DELETE FROM mappings WHERE connection_id = $1 AND kind = 'tax_rate'`, o.conn.ID); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) bankIn(o *office, currency, name string) {
	id := uuid.NewString()
	d.post("/_sandbox/ledger/"+o.company.CodatID, `{"accounts":[{"id":"`+id+`","name":"`+name+`","type":"Asset","isBankAccount":true,"currency":"`+currency+`"}]}`)
	r, err := d.store.ReadLedger(d.Context(), o.conn)
	if err == nil {
		err = r.Accounts(d.Context(), []store.Account{{CodatID: id, Name: name, Type: "Asset", Status: "Active", IsBank: true, Currency: currency}})
	}
	if err != nil {
		d.Fatal(err)
	}
}

func foreign(_ *desk, _ *office, e *store.NewExpense) {
	e.Currency, e.Rate = "EUR", decimal.NullDecimal{Decimal: decimal.MustParse("0.85"), Valid: true}
}

func negate(e *store.NewExpense) {
	for i := range e.Lines {
		e.Lines[i].Net, e.Lines[i].Tax = e.Lines[i].Net.Neg(), e.Lines[i].Tax.Neg()
	}
}

func zeroLine(_ *desk, _ *office, e *store.NewExpense) {
	e.Lines[0].Net, e.Lines[0].Tax = decimal.MustParse("0"), decimal.MustParse("0")
}

func twoLines(_ *desk, _ *office, e *store.NewExpense) { e.Lines = append(e.Lines, e.Lines[0]) }

func longDescription(n int) func(*desk, *office, *store.NewExpense) {
	return func(_ *desk, _ *office, e *store.NewExpense) { e.Lines[0].Description = strings.Repeat("x", n) }
}

func longReference(n int) func(*desk, *office, *store.NewExpense) {
	return func(_ *desk, _ *office, e *store.NewExpense) {
		e.Reference += strings.Repeat("x", n-len(e.Reference))
	}
}

// platformsNamed are the platforms of recorded failures. The others publish no model of a cost.
var platformsNamed = map[string]string{"Xero": "gbol", "QuickBooks Online": "qhyg", "QuickBooks Desktop": "pqsw", "Oracle NetSuite": "akxx", "Sage Intacct": "knfz",
	"Dynamics 365 Business Central": "trji", "FreeAgent": "fbrh", "Zoho Books": "rwuv", "Sage 50 UK": "hbql", "Sandbox": "mqjo"}

// recordedClasses are the recorded failures as kinds: what went wrong, and where.
func recordedClasses(t *testing.T) map[[2]string]int {
	t.Helper()
	b, err := os.ReadFile("../explain/testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Platform, WantCause string }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	classes := map[[2]string]int{}
	for _, r := range list {
		if key, ok := platformsNamed[r.Platform]; ok {
			classes[[2]string{r.WantCause, key}]++
		}
	}
	return classes
}

// TestRecordedFailuresAreStopped provokes every recorded failure that depends on the expense, on the mapping or on the ledger, and
// counts those that are stopped before a call. The sandbox is the judge: sent anyway, each of them fails.
func TestRecordedFailuresAreStopped(t *testing.T) {
	t.Parallel()
	classes := recordedClasses(t)
	covered := map[[2]string]bool{}
	depends := map[string]bool{}
	type tally struct{ stopped, all int }
	byClass, byCause := tally{}, map[string]*tally{}
	var unknown []string
	d := newDesk(t)
	for _, c := range provoked {
		depends[c.cause] = true
		class := [2]string{c.cause, c.platform}
		covered[class] = true
		if classes[class] == 0 {
			t.Errorf("%s on %s was never recorded", c.cause, c.platform)
		}
		if byCause[c.cause] == nil {
			byCause[c.cause] = &tally{}
		}
		byClass.all++
		byCause[c.cause].all++
		if c.expense == nil {
			unknown = append(unknown, fmt.Sprintf("%s on %s: %s", c.cause, c.platform, c.why))
			continue
		}
		o := d.offices[c.platform]
		e := d.plainExpense(o)
		c.expense(d, o, &e)
		refused, status, cause, said := d.press(e)
		switch {
		case refused == "":
			t.Errorf("%s on %s is not stopped, and became %s %s", c.cause, c.platform, status, cause)
			continue
		case status == store.Complete:
			t.Errorf("%s on %s is stopped for %s, and the sandbox takes it", c.cause, c.platform, refused)
		}
		byClass.stopped++
		byCause[c.cause].stopped++
		t.Logf("%-22s %s  %s [sent anyway: %s %s]", c.cause, c.platform, said, status, cause)
		if _, err := d.db.Exec(`DELETE FROM mappings`); err != nil { // what this case has said
			t.Fatal(err)
		}
		d.mapAll()
	}
	outside := map[string]int{}
	for class, n := range classes {
		switch {
		case covered[class] || slices.Contains(neverSent, class[0]), slices.Contains(neverSent, class[0]+" "+class[1]):
		case depends[class[0]]:
			t.Errorf("%s on %s was recorded, and is neither provoked nor excused", class[0], class[1])
		default:
			outside[class[0]] += n
		}
	}
	causes := tally{}
	for _, c := range byCause {
		causes.all++
		if c.stopped > 0 {
			causes.stopped++
		}
	}
	for _, u := range unknown {
		t.Logf("not knowable: %s", u)
	}
	t.Logf("cannot happen to our bodies: %s", strings.Join(neverSent, ", "))
	t.Logf("do not depend on the expense: %v", slices.Sorted(maps.Keys(outside)))
	t.Logf("stopped before a call: %d of %d causes; %d of %d causes on a platform, %d of which nobody can know", causes.stopped, causes.all,
		byClass.stopped, byClass.all, len(unknown))
	if causes.stopped*100 < causes.all*80 {
		t.Errorf("%d of %d causes are stopped, fewer than 80 %%", causes.stopped, causes.all)
	}
	if provokable := byClass.all - len(unknown); byClass.stopped*100 < provokable*80 {
		t.Errorf("%d of %d failures that can be provoked are stopped", byClass.stopped, provokable)
	}
}

// TestGoodExpensesPass enters expenses at random, for every platform, and has them all sent. Good is what the sandbox takes.
func TestGoodExpensesPass(t *testing.T) {
	t.Parallel()
	goodExpensesPass(t, 40)
}

// goodExpensesPass enters so many expenses of each platform.
func goodExpensesPass(t *testing.T, each int) {
	d := newDesk(t)
	chance := rand.New(rand.NewPCG(5, 0))
	good, blocked, bad, stopped := 0, 0, 0, 0
	why := map[string]int{}
	for _, key := range slices.Sorted(maps.Values(golden)) {
		o := d.offices[key]
		taken := 0
		for range each {
			refused, status, cause, said := d.press(d.random(chance, o))
			switch {
			case status == store.Complete && refused == "":
				good++
				taken++
			case status == store.Complete:
				good++
				blocked++
				t.Logf("%s: blocked, and the sandbox takes it: %s", key, said)
			case status == store.Failed && refused == "":
				bad++
				why[key+" "+cause]++
			case status == store.Failed:
				bad++
				stopped++
			default:
				t.Fatalf("%s: %s %s", key, status, cause)
			}
		}
		if taken < each/4 {
			t.Errorf("%s: only %d of %d were good", key, taken, each)
		}
	}
	t.Logf("%d good expenses, %d of them blocked; %d bad ones, %d of them stopped; the others: %v", good, blocked, bad, stopped, why)
	if blocked*100 > good {
		t.Errorf("%d of %d good expenses are blocked, more than 1 %%", blocked, good)
	}
	if stopped*100 < bad*80 {
		t.Errorf("%d of %d bad expenses are stopped", stopped, bad)
	}
}

// random is an expense as people enter them, whatever their accounting package takes.
func (d *desk) random(chance *rand.Rand, o *office) store.NewExpense {
	often := func(percent int) bool { return chance.IntN(100) < percent }
	e := d.plainExpense(o)
	e.IssueDate = time.Date(2026, 1, 1+chance.IntN(300), 0, 0, 0, 0, time.UTC)
	e.Supplier = []string{"City Cabs", "Consolidated Messenger", "fourth coffee", "Margie's Travel"}[chance.IntN(4)]
	switch {
	case often(4):
		e.Supplier = ""
	case often(4):
		e.Supplier = fmt.Sprintf("New Supplier %d", chance.IntN(5))
	}
	if often(30) {
		e.Note = strings.Repeat("To the client, and back. ", 1+chance.IntN(8))
	}
	if often(3) {
		e.Reference += strings.Repeat("-long", 1+chance.IntN(10))
	}
	if often(6) {
		foreign(d, o, &e)
	}
	accounts := []string{}
	if err := d.db.SelectContext(d.Context(), &accounts, `SELECT coalesce(nullif(nominal_code, ''), name) FROM ledger_accounts
		WHERE connection_id = $1 AND type = 'Expense' AND status = 'Active' ORDER BY name`, o.conn.ID); err != nil {
		d.Fatal(err)
	}
	line := func() store.Line {
		l := store.Line{Description: "Taxi", Category: accounts[chance.IntN(len(accounts))], Net: decimal.MustNew(int64(1+chance.IntN(100000)), 2), Tax: decimal.MustParse("0")}
		if often(3) {
			l.Category = fmt.Sprintf("New account %d", chance.IntN(4))
		}
		if often(20) {
			l.Description = ""
		}
		if often(2) {
			l.Description = strings.Repeat("long ", 100+chance.IntN(900))
		}
		if often(50) {
			l.Tax = decimal.MustNew(int64(1+chance.IntN(2000)), 2)
		}
		return l
	}
	e.Lines = []store.Line{line()}
	for often(20) {
		e.Lines = append(e.Lines, line())
	}
	if often(5) {
		negate(&e)
	}
	return e
}

// TestPreflightWords shows that every problem has all its words, and that they are filled in.
func TestPreflightWords(t *testing.T) {
	t.Parallel()
	for code, w := range problemWords {
		i := inspector{name: "Xero", f: store.Facts{Linked: true}}
		i.stop(code, "{platform}")
		p := i.forecast.findings[0].problem()
		for _, s := range []string{p.Short, p.Sentence, p.Do, p.One, p.Many} {
			if s == "" || strings.Contains(s, "{subject}") || strings.ContainsAny(s, "\n'") {
				t.Errorf("%s: %q", code, s)
			}
		}
		if !strings.HasSuffix(p.Sentence, ".") || strings.HasSuffix(p.Short, ".") || !strings.HasSuffix(p.Do, ".") || w.where == "" {
			t.Errorf("%s: %+v", code, p)
		}
		if strings.Contains(w.short, "{subject}") && !strings.Contains(p.Short, "{platform}") { // values are not read again
			t.Errorf("%s: %q", code, p.Short)
		}
	}
}
