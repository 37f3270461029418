package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/store"
	"tallylight/store/storetest"
)

// mapped is a company with books worth mapping to, and expenses that say things.
func (s *site) mapped(by store.User) store.Company {
	s.t.Helper()
	c := s.company("Northwind", "GBP", "Linked")
	conn, err := s.store.AccountingConnection(s.t.Context(), c.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ledgerOf(conn)
	e := func(ref, supplier, from, category, rate string) store.NewExpense {
		return store.NewExpense{CompanyID: c.ID, Reference: ref, Currency: "GBP", Source: "form", Supplier: supplier, PaidFrom: from,
			IssueDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Lines: []store.Line{{Description: "x", Category: category, TaxRate: rate, Net: decimal.MustParse("10")}}}
	}
	if _, err := s.store.AddExpenses(s.t.Context(), by, []store.NewExpense{
		e("E-1", "Supplier 0", "", "Taxi", ""), e("E-2", "Somebody", "Visa", "taxi", "17"), e("E-3", "", "", "Meals", ""), e("E-4", "", "", "Twin", ""), e("E-5", "", "", "493", ""),
	}); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// ledgerOf gives a connection accounts of each sort, rates and tracking.
func (s *site) ledgerOf(conn store.Connection, accounts ...store.Account) {
	s.t.Helper()
	no := false
	reading, err := s.store.ReadLedger(s.t.Context(), conn)
	if err != nil {
		s.t.Fatal(err)
	}
	accounts = append(accounts,
		store.Account{CodatID: "a-2", NominalCode: "493", Name: "Travel <National>", Type: "Expense", Category: "Expense.Overhead", Status: "Active"},
		store.Account{CodatID: "a-3", Name: "Twin", Type: "Expense", Status: "Active"}, store.Account{CodatID: "a-4", Name: "Twin", Type: "Expense", Status: "Active"},
		store.Account{CodatID: "a-5", NominalCode: "200", Name: "Sales", Type: "Income", Status: "Active", TakesCosts: &no},
		store.Account{CodatID: "b-2", NominalCode: "091", Name: "Savings", Type: "Asset", Status: "Active", IsBank: true})
	for _, err := range []error{
		reading.Accounts(s.t.Context(), accounts),
		reading.TaxRates(s.t.Context(), []store.TaxRate{{CodatID: "INPUT2", Name: "20% VAT", Code: "INPUT2", EffectiveRate: "20.0", Status: "Active"}}),
		reading.Tracking(s.t.Context(), []store.TrackingCategory{{CodatID: "dept", Name: "Department", HasChildren: true}, {CodatID: "sales", Name: "Sales", ParentID: "dept"}}),
		reading.Ended(s.t.Context(), store.LedgerTracking),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// follow is the page that an action leads to.
func (v *visitor) follow(a answer) string {
	v.t.Helper()
	if a.status != http.StatusSeeOther {
		v.t.Fatalf("answered %d\n%s\n%s", a.status, clipped(a.body, 2000), v.log)
	}
	return v.page(a.location)
}

var markup = regexp.MustCompile(`<[^>]*>|\s+`)

// rowOf is the text of the table's row that begins so.
func rowOf(t testing.TB, page, text string) string {
	t.Helper()
	for _, part := range strings.Split(page, "<tr>")[1:] {
		part, _, _ = strings.Cut(part, "</tr>")
		if words := strings.Join(strings.Fields(markup.ReplaceAllString(part, " ")), " "); strings.HasPrefix(words, text) {
			return words
		}
	}
	t.Errorf("no row begins with %q:\n%s", text, clipped(page, 4000))
	return ""
}

func TestMappingPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.mapped(v.user)
	path := companyURL(c.ID) + "/mapping"
	row := func(kind, text string, words ...string) {
		t.Helper()
		got := rowOf(t, v.page(path+"?kind="+kind), text)
		for _, w := range words {
			if !strings.Contains(got, w) {
				t.Errorf("%s %s: %q does not say %q", kind, text, got, w)
			}
		}
	}
	row("account", "Taxi", "2 expenses to push", "will be created by its name")
	row("account", "Meals", "1 expense to push", "same name")
	row("account", "493", "493 Travel &lt;National&gt;", "same code")
	row("account", "Twin", "Several accounts in Xero are called that")
	row("account", "Every other category", "will be created by its name")
	row("bank", "Expenses that do not say it", "4 expenses to push", "several bank accounts")
	row("bank", "Visa", "No bank account in Xero is called that")
	row("supplier", "Supplier 0", "same name")
	row("supplier", "Somebody", "will be created by its name")
	row("supplier", "Expenses without a supplier", "3 expenses to push", "no supplier")
	row("tax_rate", "17", "No tax rate in Xero is called that")
	row("tax_rate", "Lines without tax", "4 expenses to push")
	row("tracking", "Taxi", "no tracking", "Department")
	mustContain(t, v.page(path+"?q=EA"), "Meals")
	mustNotContain(t, v.page(path+"?q=EA"), "Taxi")
	mustContain(t, v.page(path+"?q=nope"), "Nothing has “nope”")

	viewer := s.person(store.Viewer)
	mustNotContain(t, viewer.page(path), "row-act")
	mustNotContain(t, viewer.page(mappingTextURL(c.ID, store.AccountMapping, "Taxi", "")), ">Use<", "Create it when needed")
	if a := viewer.post(path+"/text", "connection", "1", "kind", "account", "text", "Taxi", "do", "use", "record", "a-1"); a.status != http.StatusForbidden {
		t.Errorf("a viewer maps: %d", a.status)
	}
	for _, bad := range []string{path + "?kind=colour", "/companies/999/mapping", path + "/text?kind=bank&text=*", path + "/text?kind=tracking&text=Taxi&part=nowhere"} {
		if a := v.get(bad); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	none := s.company("Lonely", "GBP", "")
	mustContain(t, v.page(companyURL(none.ID)+"/mapping"), "Not connected yet")
}

func TestMappingForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	codat := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/options/chartOfAccounts") {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"type":"Object","properties":{"fullyQualifiedCategory":{"type":"String","options":[{"value":"Asset.Current","displayName":"Current asset"},
			{"value":"Income.Sales","displayName":"Sales"},{"value":"Expense.DirectCosts","displayName":"Direct costs"},{"value":"Expense.Overhead","displayName":"Overhead"}]}}}`)
	}))
	s.codat.Store(&codat)
	v := s.person(store.Finance)
	c := s.mapped(v.user)
	path, text := companyURL(c.ID)+"/mapping", companyURL(c.ID)+"/mapping/text"
	conn, err := s.store.AccountingConnection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	cid := fmt.Sprint(conn.ID)

	// Search, and use what is found.
	page := v.page(mappingTextURL(c.ID, store.AccountMapping, "Taxi", "") + "&q=trav")
	mustContain(t, page, "493 Travel &lt;National&gt;", `value="a-2"`, "2 expenses to push", "Current asset", "Direct costs", `selected>Overhead`)
	mustNotContain(t, page, "Meals", ">Sales<")
	mustNotContain(t, v.page(mappingTextURL(c.ID, store.AccountMapping, "Taxi", "")), `value="a-5"`, `value="b-1"`)
	mustContain(t, v.page(mappingTextURL(c.ID, store.AccountMapping, "Taxi", "")+"&q=zzz"), "Nothing that can be used is called “zzz”")
	page = v.follow(v.post(text, "connection", cid, "kind", "account", "text", "Taxi", "do", "use", "record", "a-2"))
	mustContain(t, page, "Taxi: 2 expenses now mean account 493 Travel &lt;National&gt;.")
	if got := rowOf(t, page, "Taxi"); !strings.Contains(got, "mapped by finance@example.com") {
		t.Error(got)
	}

	// What cannot be used is not taken, whoever sends it.
	for _, id := range []string{"a-5", "b-1", "nowhere", ""} {
		page = v.follow(v.post(text, "connection", cid, "kind", "account", "text", "Taxi", "do", "use", "record", id))
		mustContain(t, page, "That account is not in Xero any more, or cannot be used. Nothing was changed.")
	}

	// To be created.
	bad := v.post(text, "connection", cid, "kind", "account", "text", "Taxi", "do", "create", "name", strings.Repeat("x", 151), "code", "12345678901")
	if bad.status != http.StatusUnprocessableEntity {
		t.Errorf("a name too long: %d", bad.status)
	}
	mustContain(t, bad.body, "The name may have 150 characters at most.", "The code may have 10 characters at most.", `value="12345678901"`)
	page = v.follow(v.post(text, "connection", cid, "kind", "account", "text", "Taxi", "do", "create", "name", "Local travel", "code", "494", "category", "Expense.DirectCosts"))
	mustContain(t, page, "2 expenses now mean the new account 494 Local travel.")
	mustSay(t, rowOf(t, page, "Taxi"), "Will be created: 494 Local travel")
	if m, err := s.store.MappingOf(t.Context(), conn.ID, store.AccountMapping, "taxi"); err != nil || m.Category != "Expense.DirectCosts" || m.Code != "494" || m.Action != store.CreateRecord {
		t.Errorf("kept %+v, %v", m, err)
	}
	v.follow(v.post(text, "connection", cid, "kind", "account", "text", "Taxi", "do", "create", "name", "Local travel", "category", "Made.Up"))
	if m, err := s.store.MappingOf(t.Context(), conn.ID, store.AccountMapping, "taxi"); err != nil || m.Category != "" {
		t.Errorf("a category that the package does not have is kept: %+v, %v", m, err)
	}
	if a := v.post(text, "connection", cid, "kind", "tax_rate", "text", "17", "do", "create", "name", "17"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a tax rate is created: %d", a.status)
	}

	// Forgotten.
	page = v.follow(v.post(text, "connection", cid, "kind", "account", "text", "Taxi", "do", "forget"))
	mustContain(t, page, "Taxi is not mapped any more.")
	mustSay(t, rowOf(t, page, "Taxi"), "will be created by its name")

	// Each of the defaults, and the other kinds.
	for _, f := range []struct{ kind, text, part, record, row, says string }{
		{"account", "*", "", "a-1", "Every other category", "account Meals"},
		{"account", "", "", "a-1", "Lines without a category", "account Meals"},
		{"bank", "", "", "b-2", "Expenses that do not say it", "4 expenses now mean bank account 091 Savings"},
		{"bank", "Visa", "", "b-1", "Visa", "1 expense now means bank account Business card"},
		{"supplier", "", "", "s-1", "Expenses without a supplier", "3 expenses now mean supplier Supplier 1"},
		{"supplier", "*", "", "s-2", "Every other supplier", "1 expense now means supplier Supplier 2"},
		{"supplier", "Somebody", "", "s-0", "Somebody", "1 expense now means supplier Supplier 0"},
		{"tax_rate", "", "", "INPUT2", "Lines without tax", "4 expenses now mean tax rate 20% VAT"},
		{"tax_rate", "*", "", "INPUT2", "Lines with tax", "tax rate 20% VAT"},
		{"tax_rate", "17", "", "INPUT2", "17", "1 expense now means tax rate 20% VAT"},
		{"tracking", "*", "dept", "sales", "Every line", "5 expenses now mean tracking category Sales"},
		{"tracking", "Taxi", "dept", "sales", "Taxi", "2 expenses now mean tracking category Sales"},
	} {
		mustContain(t, v.page(mappingTextURL(c.ID, store.MappingKind(f.kind), f.text, f.part)), `value="`+f.record+`"`)
		page := v.follow(v.post(text, "connection", cid, "kind", f.kind, "text", f.text, "part", f.part, "do", "use", "record", f.record))
		mustContain(t, page, f.says)
		mustSay(t, rowOf(t, page, f.row), "mapped by finance@example.com")
	}
	if ids, err := s.store.TrackingOf(t.Context(), conn.ID, "anything"); err != nil || len(ids) != 1 || ids[0] != "sales" {
		t.Errorf("every line is tracked by %v, %v", ids, err)
	}
	as, err := s.store.ActivityOf(t.Context(), "company", c.ID)
	if err != nil || len(as) < 12 {
		t.Fatalf("recorded %d, %v", len(as), err)
	}

	// Codat cannot be reached: the usual type is used, and said. Of an hour ago it is known still.
	broken := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	s.codat.Store(&broken)
	mustContain(t, v.page(mappingTextURL(c.ID, store.AccountMapping, "Taxi", "")), "Direct costs")
	other := s.company("Contoso", "GBP", "Linked")
	mustContain(t, v.page(mappingTextURL(other.ID, store.AccountMapping, "Taxi", "")), "cannot be read just now: its usual one for expenses is used")

	// What was chosen while they could be read is kept, also by a form that is sent again.
	second, err := s.store.AccountingConnection(t.Context(), other.ID)
	if err != nil {
		t.Fatal(err)
	}
	otherText := companyURL(other.ID) + "/mapping/text"
	v.follow(v.post(otherText, "connection", fmt.Sprint(second.ID), "kind", "account", "text", "Taxi", "do", "create", "name", "Cabs", "category", "Expense.DirectCosts"))
	if m, err := s.store.MappingOf(t.Context(), second.ID, store.AccountMapping, "taxi"); err != nil || m.Category != "Expense.DirectCosts" {
		t.Errorf("kept %+v, %v", m, err)
	}
	mustContain(t, v.page(mappingTextURL(other.ID, store.AccountMapping, "Taxi", "")), "the one that was chosen before is used", `name="category" value="Expense.DirectCosts"`)

	// A form about another connection changes nothing.
	for _, stale := range []string{cid, ""} {
		mustContain(t, v.follow(v.post(otherText, "connection", stale, "kind", "account", "text", "Taxi", "do", "forget")), "Another connection, to Xero, has become the company’s", "Will be created: Cabs")
	}

	// What is archived meanwhile is flagged where it is used.
	storetest.DB(t, s.dsn).MustExec(`UPDATE ledger_accounts SET status = 'Archived' WHERE codat_id = 'b-2'`)
	storetest.DB(t, s.dsn).MustExec(`UPDATE suppliers SET gone_at = clock() WHERE codat_id = 's-0'`)
	page = v.page(path + "?kind=bank")
	mustContain(t, page, "Paid from: 1 to mend", "Suppliers: 1 to mend")
	mustSay(t, rowOf(t, page, "Expenses that do not say it"), "4 expenses to push", "It is archived in Xero")
	mustSay(t, rowOf(t, v.page(path+"?kind=supplier"), "Somebody"), "It is not in Xero any more")
}

// Codat is asked for the types of new accounts only for who may choose one, and not again in the minute after it could not say.
func TestMappingTypesAreAskedForOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var asked atomic.Int32
	codat := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/options/chartOfAccounts") {
			asked.Add(1)
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	s.codat.Store(&codat)
	c := s.company("Northwind", "GBP", "Linked")
	at := mappingTextURL(c.ID, store.AccountMapping, "Taxi", "")
	s.person(store.Viewer).page(at)
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times for a viewer", n)
	}
	v := s.person(store.Finance)
	for range 3 {
		mustContain(t, v.page(at), "cannot be read just now")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// What an accounting package has no place for is not promised.
func TestMappingWithoutEffect(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.mapped(v.user)
	path := companyURL(c.ID) + "/mapping"
	mustNotContain(t, v.page(path+"?kind=tax_rate"), "no effect")
	s.exec(`UPDATE connections SET platform_key = 'fbrh', platform_name = 'FreeAgent'`)
	for kind, text := range map[string]string{"supplier": "Somebody", "tax_rate": "17", "tracking": "Taxi"} {
		page := v.page(path + "?kind=" + kind)
		mustContain(t, page, "What is said here has no effect in FreeAgent.")
		mustNotContain(t, page, "will be created", "choose one")
		mustSay(t, rowOf(t, page, text), "has no effect in FreeAgent")
	}
	mustNotContain(t, v.page(mappingTextURL(c.ID, store.SupplierMapping, "Somebody", "")), "Create it when needed")
	s.exec(`UPDATE connections SET platform_key = 'knfz', platform_name = 'Sage Intacct'`)
	mustContain(t, v.page(path+"?kind=supplier"), "has no effect in Sage Intacct")
	mustNotContain(t, v.page(path+"?kind=tax_rate"), "no effect")
}

func TestMappingPagesOfTexts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", "Linked")
	var es []store.NewExpense
	for i := range 120 {
		es = append(es, store.NewExpense{CompanyID: c.ID, Reference: fmt.Sprint(i), Currency: "GBP", Source: "form", IssueDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			Lines: []store.Line{{Category: fmt.Sprintf("Text %03d", i), Net: decimal.MustParse("1")}}})
	}
	if _, err := s.store.AddExpenses(t.Context(), v.user, es); err != nil {
		t.Fatal(err)
	}
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`)
	seen, at := map[string]bool{}, companyURL(c.ID)+"/mapping?q=text"
	for pages := 1; ; pages++ {
		page := v.page(at)
		found := regexp.MustCompile(`<bdi>(Text \d+)</bdi>`).FindAllStringSubmatch(page, -1)
		if len(found) > 50 {
			t.Errorf("page %d has %d rows", pages, len(found))
		}
		for _, f := range found {
			seen[f[1]] = true
		}
		m := next.FindStringSubmatch(page)
		if m == nil {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		at = strings.ReplaceAll(m[1], "&amp;", "&")
	}
	if len(seen) != 120 {
		t.Errorf("%d texts were on the pages", len(seen))
	}
}

func TestMappingCarry(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.mapped(v.user)
	text := companyURL(c.ID) + "/mapping/text"
	former, err := s.store.AccountingConnection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range [][]string{
		{"kind", "account", "text", "Taxi", "do", "use", "record", "a-2"}, {"kind", "account", "text", "Twin", "do", "use", "record", "a-1"},
		{"kind", "bank", "text", "", "do", "use", "record", "b-2"}, {"kind", "tracking", "text", "*", "part", "dept", "do", "use", "record", "sales"},
		{"kind", "supplier", "text", "Somebody", "do", "create", "name", "Somebody Ltd"},
	} {
		v.follow(v.post(text, append(f, "connection", fmt.Sprint(former.ID))...))
	}
	s.exec(`UPDATE mappings SET category = 'Expense.DirectCosts' WHERE action = 'create'`)
	mustNotContain(t, v.page(companyURL(c.ID)+"/mapping"), "wait to be confirmed")

	news := connectionNews("Northwind", store.Linked)
	news.CodatID = "connection-new"
	news.At = time.Now().Add(time.Second)
	err = s.store.InTx(t.Context(), func(tx *store.Tx) error {
		if _, _, err := tx.SaveConnection(t.Context(), c.ID, store.ConnectionNews{CodatID: "connection-Northwind", At: news.At, Deleted: true, Actor: "Codat"}); err != nil {
			return err
		}
		_, _, err := tx.SaveConnection(t.Context(), c.ID, news)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.store.AccountingConnection(t.Context(), c.ID)
	if err != nil || conn.CodatID != "connection-new" {
		t.Fatalf("the connection is %+v, %v", conn, err)
	}
	path := companyURL(c.ID) + "/mapping/carry"
	// Before the new books were read to the end nothing is offered, and nothing can be settled.
	page := v.page(companyURL(c.ID) + "/mapping")
	mustContain(t, page, "The books have not been read yet")
	mustNotContain(t, page, "wait to be confirmed")
	page = v.page(path)
	mustContain(t, page, "The books have not been read to the end yet")
	mustNotContain(t, page, "<form method=\"post\" action=\""+path)
	mustContain(t, v.follow(v.post(path, "connection", fmt.Sprint(conn.ID), "do", "none", "shown", fmt.Sprintf("%d\naccount\ntaxi\n\n", former.ID))), "Nothing was changed.")
	s.ledgerOf(conn)
	s.exec(fmt.Sprintf(`UPDATE connections SET books_read_at = clock() WHERE id = %d`, conn.ID))
	mustContain(t, v.page(companyURL(c.ID)+"/mapping"), "5 mappings of the old connection wait to be confirmed", path)

	page = v.page(path)
	boxes := regexp.MustCompile(`<input type="checkbox" name="confirm" value="([^"]*)"( checked)?`).FindAllStringSubmatch(page, -1)
	shown := regexp.MustCompile(`name="shown" value="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(boxes) != 4 || len(shown) != 5 { // Meals is not in the new books
		t.Fatalf("offered are %q\n%s", boxes, page)
	}
	mustSay(t, rowOf(t, page, "Twin"), "nothing like it")
	// Where nobody can create a supplier from outside, one that was to be created is not carried.
	s.exec(fmt.Sprintf(`UPDATE connections SET platform_key = 'rwuv', platform_name = 'Zoho Books' WHERE id = %d`, conn.ID))
	zoho := v.page(path)
	mustSay(t, rowOf(t, zoho, "Somebody"), "to be created: Somebody Ltd", "Zoho Books takes no new suppliers: choose one that it has")
	mustNotContain(t, zoho, `aria-label="Confirm Somebody"`)
	s.exec(fmt.Sprintf(`UPDATE connections SET platform_key = 'gbol', platform_name = 'Xero' WHERE id = %d`, conn.ID))
	var ticked []string
	sent := strings.NewReplacer("&#xA;", "\n", "\n", "\r\n", "&lt;", "<", "&gt;", ">")
	for _, b := range boxes {
		if b[2] != "" {
			ticked = append(ticked, "confirm", sent.Replace(b[1]))
		}
	}
	if len(ticked) != 8 {
		t.Errorf("ticked are %q", ticked)
	}
	// One of them has changed since the page was shown.
	form := append([]string{"do", "confirm", "connection", fmt.Sprint(conn.ID)}, ticked...)
	for _, s := range shown {
		form = append(form, "shown", sent.Replace(s[1]))
	}
	mustContain(t, v.follow(v.post(path, append(form, "confirm", fmt.Sprintf("%d\naccount\ntwin\n\na-9", former.ID))...)), "The ledger has changed meanwhile")
	mustContain(t, v.follow(v.post(path, append([]string{"do", "confirm", "connection", fmt.Sprint(former.ID)}, form[4:]...)...)), "Another connection, to Xero", "Nothing was changed.")
	page = v.follow(v.post(path, form...))
	mustContain(t, page, "4 mappings of the connection before hold for this one now.")
	// What nothing is like yet waits on, until a person wants none of it.
	mustContain(t, page, "1 mapping of the old connection waits to be confirmed")
	mustSay(t, rowOf(t, page, "Taxi"), "493 Travel", "mapped by")
	page = v.follow(v.post(path, "do", "none", "connection", fmt.Sprint(conn.ID), "shown", fmt.Sprintf("%d\naccount\ntwin\n\n", former.ID)))
	mustNotContain(t, page, "to be confirmed")
	mustContain(t, v.page(path), "No mapping waits to be confirmed.")
	if m, err := s.store.MappingOf(t.Context(), conn.ID, store.SupplierMapping, "somebody"); err != nil || m.Name != "Somebody Ltd" || m.Category != "Expense.DirectCosts" {
		t.Errorf("carried %+v, %v", m, err)
	}
}

func TestMappingCarryDismissed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.mapped(v.user)
	conn, err := s.store.AccountingConnection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	v.follow(v.post(companyURL(c.ID)+"/mapping/text", "connection", fmt.Sprint(conn.ID), "kind", "account", "text", "Taxi", "do", "use", "record", "a-2"))
	for _, business := range []string{"org-1", "org-2"} {
		if err := s.store.SetBooksOf(t.Context(), conn.ID, business); err != nil {
			t.Fatal(err)
		}
	}
	mustNotContain(t, v.page(companyURL(c.ID)+"/mapping"), "to be confirmed")
	s.exec(fmt.Sprintf(`UPDATE connections SET books_read_at = clock() WHERE id = %d`, conn.ID))
	mustContain(t, v.page(companyURL(c.ID)+"/mapping"), "1 mapping of the books that were behind this connection before waits to be confirmed")
	page := v.follow(v.post(companyURL(c.ID)+"/mapping/carry", "do", "none", "connection", fmt.Sprint(conn.ID),
		"shown", fmt.Sprintf("%d\naccount\ntaxi\n\n", conn.ID), "confirm", "account\ntaxi\n\na-2"))
	mustContain(t, page, "None of the mappings of the connection before is used.")
	mustNotContain(t, page, "to be confirmed")
	if _, err := s.store.MappingOf(t.Context(), conn.ID, store.AccountMapping, "taxi"); err == nil {
		t.Error("a mapping that nobody confirmed holds")
	}
}

// BenchmarkMappingPage reads the mapping pages of a company with 10,000 accounts, 20,000 suppliers and 20,000 expenses, and searches its
// records.
func BenchmarkMappingPage(b *testing.B) {
	s := newSite(b)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", "Linked")
	conn, err := s.store.AccountingConnection(b.Context(), c.ID)
	if err != nil {
		b.Fatal(err)
	}
	db := storetest.DB(b, s.dsn)
	db.MustExec(`INSERT INTO ledger_accounts (company_id, connection_id, codat_id, nominal_code, name, type, status)
		SELECT $1, $2, 'acc-' || n, 7000000 + n, (ARRAY['Travel', 'Meals', 'Training', 'Software'])[n % 4 + 1] || ', department ' || n, 'Expense', 'Active' FROM generate_series(1, 10000) n`, c.ID, conn.ID)
	db.MustExec(`INSERT INTO suppliers (company_id, connection_id, codat_id, name, status)
		SELECT $1, $2, 'sup-' || n, (ARRAY['Bakery', 'Taxi', 'Hotel', 'Courier'])[n % 4 + 1] || ' ' || n || ' Ltd', 'Active' FROM generate_series(1, 20000) n`, c.ID, conn.ID)
	db.MustExec(`WITH e AS (INSERT INTO expenses (company_id, reference, issue_date, supplier, currency, paid_from, net, tax, total, status, source)
			SELECT $1, 'E-' || n, DATE '2026-01-01' + n % 300, (ARRAY['Bakery', 'Taxi', 'Hotel', 'Courier'])[n % 4 + 1] || ' ' || n % 5000 || ' Ltd', 'GBP',
				'Card ' || n % 40, 10, 2, 12, CASE WHEN n % 10 = 0 THEN 'not_pushed' ELSE 'complete' END, 'example' FROM generate_series(1, 20000) n RETURNING id)
		INSERT INTO expense_lines (expense_id, company_id, position, category, tax_rate, net, tax)
		SELECT id, $1, p, (ARRAY['Travel', 'Meals', 'Training', 'Software'])[id % 4 + 1] || ', department ' || id % 1500, 'VAT ' || id % 9, 5, 1 FROM e, generate_series(1, 2) p`, c.ID)
	db.MustExec(`INSERT INTO mappings (connection_id, company_id, kind, subject, label, action, codat_id)
		SELECT $2, $1, 'account', 'text ' || n, 'Text ' || n, 'use', 'acc-' || n FROM generate_series(1, 300) n`, c.ID, conn.ID)
	db.MustExec(`VACUUM (ANALYZE) ledger_accounts, suppliers, expenses, expense_lines, mappings`)
	path := companyURL(c.ID) + "/mapping"
	for name, at := range map[string]string{
		"categories": path, "suppliers": path + "?kind=supplier", "tax": path + "?kind=tax_rate", "tracking": path + "?kind=tracking", "narrowed": path + "?q=travel",
		"search accounts":  path + "/text?" + url.Values{"kind": {"account"}, "text": {"Travel, department 12"}, "q": {"depart"}}.Encode(),
		"search suppliers": path + "/text?" + url.Values{"kind": {"supplier"}, "text": {"*"}, "q": {"19"}}.Encode(),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v.page(at)
			}
		})
	}
}

func mustSay(t testing.TB, row string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(row, w) {
			t.Errorf("%q does not say %q", row, w)
		}
	}
}
