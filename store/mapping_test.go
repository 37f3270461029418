package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallylight/store"
)

// books are what the tests of mappings map to.
func (w *world) books(connection int64) {
	w.t.Helper()
	no := false
	r, err := w.ReadLedger(w.t.Context(), store.Connection{ID: connection, CompanyID: w.company})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(
		r.Accounts(w.t.Context(), []store.Account{
			{CodatID: "travel", NominalCode: "493", Name: "Travel", Type: "Expense", Status: "Active"},
			{CodatID: "meals", NominalCode: "420", Name: "Meals", Type: "Expense", Status: "Active"},
			{CodatID: "misc", NominalCode: "429", Name: "General 50% off", Type: "Expense", Status: "Active"},
			{CodatID: "old", NominalCode: "400", Name: "Old", Type: "Expense", Status: "Archived"},
			{CodatID: "sales", NominalCode: "200", Name: "Sales", Type: "Income", Status: "Active", TakesCosts: &no},
			{CodatID: "twin-1", Name: "Twin", Type: "Expense", Status: "Active"}, {CodatID: "twin-2", Name: "Twin", Type: "Expense", Status: "Active"},
			{CodatID: "bank", NominalCode: "090", Name: "Current", Type: "Asset", Status: "Active", IsBank: true},
			{CodatID: "card", NominalCode: "091", Name: "Card", Type: "Asset", Status: "Active", IsBank: true},
		}),
		r.Suppliers(w.t.Context(), []store.Supplier{{CodatID: "pret", Name: "Pret", Status: "Active"}, {CodatID: "various", Name: "Various", Status: "Active"},
			{CodatID: "gone", Name: "Archived Ltd", Status: "Archived"}}),
		r.TaxRates(w.t.Context(), []store.TaxRate{{CodatID: "INPUT2", Name: "20% (VAT on Expenses)", Code: "INPUT2", EffectiveRate: "20.00", Status: "Active"},
			{CodatID: "NONE", Name: "No VAT", Code: "NONE", Status: "Active"}}),
		r.Tracking(w.t.Context(), []store.TrackingCategory{
			{CodatID: "dept", Name: "Department", HasChildren: true, Status: "Active"}, {CodatID: "sales-dept", Name: "Sales", ParentID: "dept", HasChildren: true, Status: "Active"},
			{CodatID: "field", Name: "Field sales", ParentID: "sales-dept", Status: "Active"}, {CodatID: "region", Name: "Region", HasChildren: true, Status: "Active"},
			{CodatID: "north", Name: "North", ParentID: "region", Status: "Active"}, {CodatID: "lone", Name: "Project X", Status: "Active"},
		}),
		r.Ended(w.t.Context(), store.LedgerAccounts), r.Ended(w.t.Context(), store.LedgerSuppliers), r.Ended(w.t.Context(), store.LedgerTaxRates),
		r.Ended(w.t.Context(), store.LedgerTracking)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) mapTo(kind store.MappingKind, label, id string) {
	w.t.Helper()
	m := store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: kind, Label: label, Action: store.UseRecord, CodatID: id}
	if label == "*" || label == "" {
		m.Label, m.Subject = "", label
	}
	if kind == store.TrackingMapping {
		r, err := w.LedgerRecord(w.t.Context(), w.connection, kind, id)
		if err != nil {
			w.t.Fatal(err)
		}
		m.Part = r.HeadingID
	}
	if err := w.SetMapping(w.t.Context(), w.by, m); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) means(kind store.MappingKind, text string) string {
	w.t.Helper()
	var ids []string
	ms, err := w.Matches(w.t.Context(), w.connection, kind, []string{text})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range ms {
		ids = append(ids, m.CodatID)
	}
	return strings.Join(ids, " ")
}

func TestWhatTextsMean(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	check := func(kind store.MappingKind, pairs ...string) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			if got := w.means(kind, pairs[i]); got != pairs[i+1] {
				t.Errorf("%s %q means %q, want %q", kind, pairs[i], got, pairs[i+1])
			}
		}
	}
	// By name, before anybody has said anything.
	check(store.AccountMapping, "travel", "travel", " TRAVEL ", "travel", "493", "travel", "old", "old", "twin", "twin-1 twin-2", "taxi", "", "", "", "current", "")
	check(store.SupplierMapping, "pret", "pret", "archived ltd", "gone", "nobody", "", "", "")
	check(store.BankMapping, "current", "bank", "090", "bank", "", "card bank", "visa", "")
	check(store.TaxRateMapping, "input2", "INPUT2", "no vat", "NONE", "17", "", "", "", "*", "")
	check(store.TrackingMapping, "travel", "", "*", "")

	// The rest, and where there is no text.
	w.mapTo(store.AccountMapping, "*", "misc")
	w.mapTo(store.SupplierMapping, "*", "various")
	check(store.AccountMapping, "taxi", "misc", "travel", "travel", "", "misc")
	check(store.SupplierMapping, "nobody", "various", "pret", "pret", "", "")
	w.mapTo(store.AccountMapping, "", "meals")
	w.mapTo(store.SupplierMapping, "", "pret")
	w.mapTo(store.BankMapping, "", "card")
	w.mapTo(store.TaxRateMapping, "", "NONE")
	w.mapTo(store.TaxRateMapping, "*", "INPUT2")
	check(store.AccountMapping, "", "meals")
	check(store.SupplierMapping, "", "pret")
	check(store.BankMapping, "", "card", "current", "bank")
	check(store.TaxRateMapping, "", "NONE", "*", "INPUT2")

	// What a person has said holds against a name.
	w.mapTo(store.AccountMapping, "Travel", "meals")
	w.mapTo(store.SupplierMapping, "Pret", "various")
	w.mapTo(store.BankMapping, "Visa", "card")
	w.mapTo(store.TaxRateMapping, "17", "INPUT2")
	check(store.AccountMapping, "travel", "meals")
	check(store.SupplierMapping, "PRET", "various")
	check(store.BankMapping, "visa", "card")
	check(store.TaxRateMapping, "17", "INPUT2")

	// To be created: under a name of its own, until it exists; the rest does not count.
	create := store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: store.AccountMapping, Label: "Taxi", Action: store.CreateRecord, Name: "Local travel", Code: "494"}
	if err := w.SetMapping(t.Context(), w.by, create); err != nil {
		t.Fatal(err)
	}
	check(store.AccountMapping, "taxi", "")
	if m, err := w.CreatedAs(t.Context(), w.connection, store.AccountMapping, "LOCAL TRAVEL"); err != nil || m.Code != "494" {
		t.Errorf("created as %+v, %v", m, err)
	}
	create.Name = "Meals"
	if err := w.SetMapping(t.Context(), w.by, create); err != nil {
		t.Fatal(err)
	}
	check(store.AccountMapping, "taxi", "meals")

	// Tracking: one of each heading, a category's own before that of every line.
	w.mapTo(store.TrackingMapping, "*", "north")
	w.mapTo(store.TrackingMapping, "*", "sales-dept")
	w.mapTo(store.TrackingMapping, "Travel", "field")
	if got := strings.Fields(w.means(store.TrackingMapping, "travel")); !slices.Equal(got, []string{"field", "north"}) {
		t.Errorf("travel is tracked by %v", got)
	}
	if got := strings.Fields(w.means(store.TrackingMapping, "meals")); !slices.Equal(got, []string{"sales-dept", "north"}) {
		t.Errorf("meals are tracked by %v", got)
	}

	// Forgotten.
	if err := w.ClearMapping(t.Context(), w.by, store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: store.AccountMapping, Subject: "travel", Label: "Travel"}); err != nil {
		t.Fatal(err)
	}
	check(store.AccountMapping, "travel", "travel")

	// Nothing holds on another connection.
	if other := w.connect(w.company, "other", "Linked", 0); w.matchesOn(other, "493") != "[]" {
		t.Error("a mapping of one connection holds on another")
	}
	// A record that is not there is not taken.
	err := w.SetMapping(t.Context(), w.by, store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: store.AccountMapping, Label: "x", Action: store.UseRecord, CodatID: "nowhere"})
	if !errors.Is(err, store.ErrRecordGone) {
		t.Errorf("mapped to nothing: %v", err)
	}
}

func (w *world) matchesOn(connection int64, text string) string {
	w.t.Helper()
	ids, err := w.AccountMatches(w.t.Context(), connection, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(ids)
}

func TestRecordsThatCanBeChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	for _, c := range []struct {
		kind           store.MappingKind
		heading, words string
		want           string
	}{
		{store.AccountMapping, "", "", "misc meals travel twin-1 twin-2"},
		{store.AccountMapping, "", "tr", "travel"},
		{store.AccountMapping, "", "4", "misc meals travel"},
		{store.AccountMapping, "", "OFF", "misc"},
		{store.AccountMapping, "", "50%", "misc"},
		{store.AccountMapping, "", "meals", "meals"},
		{store.AccountMapping, "", "zz", ""},
		{store.BankMapping, "", "c", "card bank"},
		{store.SupplierMapping, "", "r", "various pret"},
		{store.TaxRateMapping, "", "vat", "INPUT2 NONE"},
		{store.TrackingMapping, "dept", "", "field sales-dept"},
		{store.TrackingMapping, "", "", "lone"},
	} {
		rs, _, err := w.FindRecords(t.Context(), w.connection, c.kind, c.heading, c.words, 50)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range rs {
			ids = append(ids, r.CodatID)
		}
		slices.Sort(ids)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(ids, want) {
			t.Errorf("%s %q finds %v, want %v", c.kind, c.words, ids, want)
		}
	}
	rs, more, err := w.FindRecords(t.Context(), w.connection, store.AccountMapping, "", "t", 1)
	if err != nil || !more || len(rs) != 1 || rs[0].CodatID != "travel" {
		t.Errorf("the best of many is %+v, more %v, %v", rs, more, err)
	}
	hs, err := w.Headings(t.Context(), w.connection)
	if err != nil || len(hs) != 3 || hs[1] != (store.Heading{CodatID: "dept", Name: "Department"}) {
		t.Errorf("headings are %+v, %v", hs, err)
	}
}

func TestTextsInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	expense := func(n int, supplier, from, category, rate, tax string) store.NewExpense {
		e := newExpense(w.company, fmt.Sprintf("E-%d", n))
		e.Supplier, e.PaidFrom = supplier, from
		e.Lines = []store.Line{{Category: category, TaxRate: rate, Net: dec("1"), Tax: dec(tax)}, {Category: category, TaxRate: rate, Net: dec("2"), Tax: dec(tax)}}
		return e
	}
	ids := w.add(expense(1, "Pret", "", "Travel", "", "0"), expense(2, "pret", "Visa", "travel", "", "1"), expense(3, "", "", "Meals", "INPUT2", "1"),
		expense(4, "Nobody", "", "Old", "", "0"), expense(5, "Pret", "", "Zebra", "", "0"), expense(6, "Pret", "", "Old", "", "0"))
	w.sql().MustExec(`UPDATE expenses SET status = 'complete', source = 'example' WHERE id = $1`, ids[5])
	uses := func(kind store.MappingKind, query string, limit int, after *store.MappingUse) (string, []store.MappingUse) {
		t.Helper()
		conn := store.Connection{ID: w.connection, CompanyID: w.company}
		defaults, us, more, err := w.MappingUses(t.Context(), store.MappingUses{Connection: conn, Kind: kind, Query: query, Limit: limit, After: after})
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, u := range append(defaults, us...) {
			words = append(words, fmt.Sprintf("%s=%d/%d", u.Subject, u.Open, u.Total))
		}
		if more {
			words = append(words, "…")
		}
		return strings.Join(words, " "), us
	}
	for _, c := range []struct {
		kind  store.MappingKind
		query string
		want  string
	}{
		{store.AccountMapping, "", "travel=2/2 old=1/2 meals=1/1 zebra=1/1"},
		{store.AccountMapping, "EA", "meals=1/1"},
		{store.SupplierMapping, "", "=1/1 pret=3/4 nobody=1/1"},
		{store.BankMapping, "", "=4/5 visa=1/1"},
		{store.TaxRateMapping, "", "=3/4 *=1/1 input2=1/1"},
		{store.TrackingMapping, "z", "zebra=1/1"},
	} {
		got, _ := uses(c.kind, c.query, 50, nil)
		if fields := strings.Fields(got); c.kind == store.TaxRateMapping {
			slices.Sort(fields[:2]) // of the two defaults either may be first
			got = strings.Join([]string{fields[1], fields[0], fields[2]}, " ")
		}
		if got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.kind, c.query, got, c.want)
		}
	}

	// What is mapped to a record that cannot be used comes first; what no expense has, last.
	w.mapTo(store.AccountMapping, "Zebra", "old")
	w.mapTo(store.AccountMapping, "Unused", "meals")
	if got, _ := uses(store.AccountMapping, "", 50, nil); got != "zebra=1/1 travel=2/2 old=1/2 meals=1/1 unused=0/0" {
		t.Errorf("with a broken one: %s", got)
	}
	if broken, err := w.BrokenMappings(t.Context(), w.connection); err != nil || len(broken) != 1 || broken[store.AccountMapping] != 1 {
		t.Errorf("broken are %v, %v", broken, err)
	}
	// A page at a time: every one once.
	var all []string
	var after *store.MappingUse
	for range 5 {
		got, us := uses(store.AccountMapping, "", 1, after)
		if len(us) == 0 {
			t.Fatalf("the list ends after %v", all)
		}
		all, after = append(all, got), &us[0]
	}
	if got := strings.Join(all, " "); got != "zebra=1/1 … travel=2/2 … old=1/2 … meals=1/1 … unused=0/0" {
		t.Errorf("page by page: %s", got)
	}

	for _, c := range []struct {
		kind    store.MappingKind
		subject string
		want    int
	}{
		{store.AccountMapping, "travel", 2}, {store.AccountMapping, "old", 1}, {store.AccountMapping, "*", 0}, {store.SupplierMapping, "*", 1},
		{store.SupplierMapping, "", 1}, {store.BankMapping, "", 4}, {store.TaxRateMapping, "*", 1}, {store.TrackingMapping, "*", 5},
	} {
		if n, _, err := w.Concerned(t.Context(), w.connection, c.kind, c.subject); err != nil || n != c.want {
			t.Errorf("%s %q concerns %d, want %d, %v", c.kind, c.subject, n, c.want, err)
		}
	}
	as, err := w.ActivityOf(t.Context(), "company", w.company)
	if err != nil || len(as) == 0 {
		t.Fatal(as, err)
	}
	first := as[len(as)-2]
	if first.Verb != "mapped" || first.Subject != "account Zebra" || !strings.Contains(string(first.Detail), `"means": "400 Old"`) || !strings.Contains(string(first.Detail), `"expenses": 1`) {
		t.Errorf("recorded as %s %s %s", first.Verb, first.Subject, first.Detail)
	}
}

func TestCarryMappings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	w.mapTo(store.AccountMapping, "Taxi", "travel")
	w.mapTo(store.AccountMapping, "Lunch", "meals")
	w.mapTo(store.AccountMapping, "*", "misc")
	w.mapTo(store.BankMapping, "", "card")
	w.mapTo(store.TrackingMapping, "*", "north")
	create := store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: store.AccountMapping, Label: "Gifts", Action: store.CreateRecord, Name: "Gifts given"}
	if err := w.SetMapping(t.Context(), w.by, create); err != nil {
		t.Fatal(err)
	}
	carries := func(connection int64) string {
		t.Helper()
		cs, err := w.Carries(t.Context(), connection)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, c := range cs {
			words = append(words, fmt.Sprint(c.Waiting))
		}
		return strings.Join(words, " ")
	}
	if got := carries(w.connection); got != "" {
		t.Errorf("its own mappings wait: %s", got)
	}

	w.connection = w.connect(w.company, "new", "Linked", 0)
	r, err := w.ReadLedger(t.Context(), store.Connection{ID: w.connection, CompanyID: w.company})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Accounts(t.Context(), []store.Account{
		{CodatID: "n-travel", NominalCode: "493", Name: "Travel", Type: "Expense", Status: "Active"},
		{CodatID: "n-meals", NominalCode: "420", Name: "Food", Type: "Expense", Status: "Active"},
		{CodatID: "n-card", NominalCode: "077", Name: "Card", Type: "Asset", Status: "Active", IsBank: true},
	}), r.Tracking(t.Context(), []store.TrackingCategory{{CodatID: "n-region", Name: "Region", HasChildren: true}, {CodatID: "n-north", Name: "North", ParentID: "n-region"}}),
		r.Ended(t.Context(), store.LedgerTracking)); err != nil {
		t.Fatal(err)
	}
	if got := carries(w.connection); got != "6" {
		t.Errorf("%s wait, want 6", got)
	}
	if got := w.means(store.AccountMapping, "taxi"); got != "" {
		t.Errorf("a former mapping holds by itself: %s", got)
	}
	fs, err := w.FormerMappings(t.Context(), w.connection)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var confirmed []store.Mapping
	for _, f := range fs {
		got = append(got, fmt.Sprintf("%s %s: %s, %v", f.Kind, f.Subject, f.Now.CodatID, f.Exact()))
		if f.Exact() && f.Action == store.UseRecord {
			confirmed = append(confirmed, store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: f.Kind, Subject: f.Subject, Label: f.Label,
				Action: f.Action, CodatID: f.Now.CodatID, Part: f.Now.HeadingID})
		}
	}
	slices.Sort(got)
	want := []string{"account *: , false", "account gifts: , false", "account lunch: n-meals, false", "account taxi: n-travel, true", "bank : n-card, false", "tracking *: n-north, true"}
	if !slices.Equal(got, want) {
		t.Errorf("would be %q", got)
	}
	conn := store.Connection{ID: w.connection, CompanyID: w.company}
	gone := append(slices.Clone(confirmed), store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: store.AccountMapping, Label: "x", Action: store.UseRecord, CodatID: "nowhere"})
	if err := w.CarryMappings(t.Context(), w.by, conn, gone, fs); !errors.Is(err, store.ErrRecordGone) || carries(w.connection) != "6" {
		t.Errorf("carried what is gone: %v", err)
	}
	if err := w.CarryMappings(t.Context(), w.by, conn, confirmed, fs); err != nil {
		t.Fatal(err)
	}
	if got := carries(w.connection); got != "" {
		t.Errorf("%s wait still", got)
	}
	if w.means(store.AccountMapping, "taxi") != "n-travel" || w.means(store.AccountMapping, "lunch") != "" || w.means(store.TrackingMapping, "x") != "n-north" {
		t.Error("what was confirmed does not hold, or more does")
	}
}

func TestBooksOfAnotherBusiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	w.mapTo(store.AccountMapping, "Taxi", "travel")
	waiting := func() int {
		t.Helper()
		fs, err := w.FormerMappings(t.Context(), w.connection)
		if err != nil {
			t.Fatal(err)
		}
		return len(fs)
	}
	for i, business := range []string{"org-1", "org-1", ""} {
		if err := w.SetBooksOf(t.Context(), w.connection, business); err != nil || w.means(store.AccountMapping, "taxi") != "travel" || waiting() != 0 {
			t.Errorf("%d: the same books: %v, %d wait", i, err, waiting())
		}
	}
	if err := w.SetBooksOf(t.Context(), w.connection, "org-2"); err != nil {
		t.Fatal(err)
	}
	if got := w.means(store.AccountMapping, "taxi") + w.means(store.AccountMapping, "travel"); got != "" || waiting() != 1 {
		t.Errorf("of other books: taxi means %q, %d wait", got, waiting())
	}
	// And back: what waits, waits on.
	if err := w.SetBooksOf(t.Context(), w.connection, "org-1"); err != nil || waiting() != 1 {
		t.Fatalf("of the former books again: %v, %d wait", err, waiting())
	}
	w.books(w.connection)
	fs, err := w.FormerMappings(t.Context(), w.connection)
	if err != nil || len(fs) != 1 || fs[0].Now.CodatID != "travel" || !fs[0].Exact() || fs[0].FromID != w.connection {
		t.Errorf("proposed are %+v, %v", fs, err)
	}
	if err := w.CarryMappings(t.Context(), w.by, store.Connection{ID: w.connection, CompanyID: w.company}, nil, fs); err != nil || waiting() != 0 {
		t.Errorf("dismissed: %v, %d wait", err, waiting())
	}
}

// The books of a connection are known when their accounts were read to the end, until other books come behind it.
func TestBooksRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := func(want bool) {
		t.Helper()
		if got, err := w.BooksRead(t.Context(), w.connection); err != nil || got != want {
			t.Errorf("read: %v, %v", got, err)
		}
	}
	read(false)
	w.books(w.connection)
	read(true)
	for _, business := range []string{"org-1", "org-2"} {
		if err := w.SetBooksOf(t.Context(), w.connection, business); err != nil {
			t.Fatal(err)
		}
	}
	read(false)
}

func TestCarriedIsOnlyWhatIsSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	w.mapTo(store.AccountMapping, "Taxi", "travel")
	w.mapTo(store.AccountMapping, "Lunch", "meals")
	for _, business := range []string{"org-1", "org-2"} {
		if err := w.SetBooksOf(t.Context(), w.connection, business); err != nil {
			t.Fatal(err)
		}
	}
	conn := store.Connection{ID: w.connection, CompanyID: w.company}
	fs, err := w.FormerMappings(t.Context(), w.connection)
	if err != nil || len(fs) != 2 || fs[0].Subject != "lunch" {
		t.Fatalf("waiting are %+v, %v", fs, err)
	}
	if err := w.CarryMappings(t.Context(), w.by, conn, nil, fs[:1]); err != nil {
		t.Fatal(err)
	}
	if fs, err := w.FormerMappings(t.Context(), w.connection); err != nil || len(fs) != 1 || fs[0].Subject != "taxi" {
		t.Errorf("waiting still are %+v, %v", fs, err)
	}
	// Other books once more: what waits, waits on; what is settled does not come back.
	if err := w.SetBooksOf(t.Context(), w.connection, "org-3"); err != nil {
		t.Fatal(err)
	}
	if fs, err := w.FormerMappings(t.Context(), w.connection); err != nil || len(fs) != 1 || fs[0].Subject != "taxi" {
		t.Errorf("of third books %+v wait, %v", fs, err)
	}
}

// A line may be tracked under two headings that have one name.
func TestOtherBooksWithHeadingsOfOneName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	w.sql().MustExec(`UPDATE tracking_categories SET name = 'Region' WHERE codat_id = 'dept'`)
	w.mapTo(store.TrackingMapping, "Travel", "field")
	w.mapTo(store.TrackingMapping, "Travel", "north")
	for _, business := range []string{"org-1", "org-2"} {
		if err := w.SetBooksOf(t.Context(), w.connection, business); err != nil {
			t.Fatal(err)
		}
	}
	fs, err := w.FormerMappings(t.Context(), w.connection)
	if err != nil || len(fs) != 1 || fs[0].Name != "North" {
		t.Errorf("waiting are %+v, %v", fs, err)
	}
}

// Hundreds of mappings find their like among thousands of suppliers in a moment.
func TestFormerMappingsOfManySuppliers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.connection
	db := w.sql()
	w.connection = w.connect(w.company, "new", "Linked", 0)
	for _, connection := range []int64{old, w.connection} {
		db.MustExec(`INSERT INTO suppliers (company_id, connection_id, codat_id, name, status)
			SELECT $1, $2::bigint, 'sup-' || $2::bigint || '-' || n, 'Supplier ' || n || ' Ltd', 'Active' FROM generate_series(1, 20000) n`, w.company, connection)
	}
	db.MustExec(`INSERT INTO mappings (connection_id, company_id, kind, subject, label, action, codat_id)
		SELECT $2::bigint, $1, 'supplier', 'text ' || n, 'Text ' || n, 'use', 'sup-' || $2::bigint || '-' || n FROM generate_series(1, 500) n`, w.company, old)
	db.MustExec(`ANALYZE suppliers`)
	fs, err := w.FormerMappings(t.Context(), w.connection)
	if err != nil || len(fs) != 500 || !fs[0].Exact() || !strings.HasPrefix(fs[0].Now.CodatID, fmt.Sprintf("sup-%d-", w.connection)) {
		t.Fatalf("%d wait, %v", len(fs), err)
	}
	var confirmed []store.Mapping
	for _, f := range fs {
		confirmed = append(confirmed, store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: f.Kind, Subject: f.Subject, Label: f.Label, Action: f.Action, CodatID: f.Now.CodatID})
	}
	if err := w.CarryMappings(t.Context(), w.by, store.Connection{ID: w.connection, CompanyID: w.company}, confirmed, fs); err != nil {
		t.Fatal(err)
	}
}

// A push that waits takes what a text means when it makes the cost's body, so its expense is concerned too, until then.
func TestConcernedAreThosePushedButNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.books(w.connection)
	ids := w.add(w.taxi("E-1"), w.taxi("E-2"))
	w.press(ids[0])
	check := func(open, begun int) {
		t.Helper()
		if o, b, err := w.Concerned(t.Context(), w.connection, store.AccountMapping, "taxi"); err != nil || o != open || b != begun {
			t.Errorf("concerned are %d, %d of them begun, want %d, %d, %v", o, b, open, begun, err)
		}
		_, us, _, err := w.MappingUses(t.Context(), store.MappingUses{Connection: store.Connection{ID: w.connection, CompanyID: w.company}, Kind: store.AccountMapping, Limit: 5})
		if err != nil || len(us) != 1 || us[0].Open != open || us[0].Begun != begun || us[0].Total != 2 {
			t.Errorf("in use are %+v, %v", us, err)
		}
	}
	check(2, 1)
	w.sql().MustExec(`UPDATE push_steps SET body = '{}' WHERE kind = 'directCost'`)
	check(1, 0)
}

func (w *world) taxi(reference string) store.NewExpense {
	e := newExpense(w.company, reference)
	e.Lines = []store.Line{{Category: "Taxi", Net: dec("1")}}
	return e
}
