package handlers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/store/storetest"
)

// Whatever is chosen, in whatever order, forth and back: the list shows what its address says.
func TestTheListIsWhatItsAddressSays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	companies := []store.Company{s.company("Northwind", "GBP", store.Linked), s.company("Fabrikam", "EUR", store.Linked)}
	random := rand.New(rand.NewPCG(6, 1))
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var es []store.NewExpense
	for i := range 160 {
		es = append(es, store.NewExpense{
			CompanyID: companies[random.IntN(2)].ID, Reference: fmt.Sprintf("L-%d", i), IssueDate: day.AddDate(0, 0, random.IntN(5)), Source: "form",
			Currency: []string{"GBP", "EUR"}[random.IntN(2)], Rate: decimal.NullDecimal{Decimal: decimal.MustParse("1.2"), Valid: true},
			Supplier: []string{"Pret A Manger", "Wool & Co", ""}[random.IntN(3)],
			Lines:    []store.Line{{Description: "Lunch", Category: "Meals", Net: decimal.MustNew(int64(random.IntN(12)*50), 2)}},
		})
		if e := &es[i]; (e.CompanyID == companies[0].ID) == (e.Currency == "GBP") { // the currency of the books
			e.Rate = decimal.NullDecimal{}
		}
	}
	ids, err := s.store.AddExpenses(t.Context(), v.user, es)
	if err != nil {
		t.Fatal(err)
	}
	at := map[int64]store.NewExpense{}
	for i, id := range ids {
		at[id] = es[i]
	}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	for range 25 {
		q := url.Values{}
		for name, value := range map[string]string{
			"company": pick("", "", strconv.FormatInt(companies[0].ID, 10), "nonsense"), "currency": pick("", "", "eur", "€", "POUND"),
			"from": pick("", "", "2026-03-02", "yesterday"), "to": pick("", "", "2026-03-04"), "min": pick("", "", "1.5", "much"), "max": pick("", "4.00", "1,000"),
			"supplier": pick("", "", "wool & co"), "q": pick("", "", "pret", "L-1"), "sort": pick("", "date", "-amount", "amount", "-changed", "; DROP"),
			"cause": pick("", "made_up"), "cols": pick("", "amount,supplier", "reference", "all"), "status": pick("", "not_pushed", "fine"),
		} {
			if value != "" {
				q.Set(name, value)
			}
		}
		f := readFilter(q, companies)
		var want []string
		for _, id := range chosen(at, f) {
			want = append(want, strconv.FormatInt(id, 10))
		}
		var got, last []string
		for address := "/expenses?" + q.Encode(); address != ""; {
			page := v.page(address)
			shown, _ := rows(page)
			if back := hrefs(page, "before="); len(back) == 1 {
				if before, _ := rows(v.page(back[0])); !slices.Equal(before, last) {
					t.Fatalf("%s: the page before shows %v, it showed %v", address, before, last)
				}
			}
			got, last, address = append(got, shown...), shown, ""
			if next := hrefs(page, "after="); len(next) == 1 {
				address = next[0]
			}
		}
		if f.Sort == store.SortChanged { // all changed at once
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("?%s shows %d expenses, want %d:\n%v\n%v", q.Encode(), len(got), len(want), got, want)
		}
		again, err := url.Parse(readExpenseQuery(q, companies).url())
		if err != nil || readExpenseQuery(again.Query(), companies) != readExpenseQuery(q, companies) {
			t.Errorf("?%s is written as %s, which is another list", q.Encode(), again)
		}
	}
}

// chosen are the expenses of f in its order.
func chosen(all map[int64]store.NewExpense, f store.ExpenseFilter) (ids []int64) {
	for id, e := range all {
		total := e.Lines[0].Net
		text := strings.ToLower(e.Reference + "\n" + e.Supplier)
		if (f.CompanyID == 0 || f.CompanyID == e.CompanyID) && (f.Currency == "" || f.Currency == e.Currency) &&
			!e.IssueDate.Before(f.From) && (f.To.IsZero() || !e.IssueDate.After(f.To)) &&
			(!f.Min.Valid || total.Cmp(f.Min.Decimal) >= 0) && (!f.Max.Valid || total.Cmp(f.Max.Decimal) <= 0) &&
			(f.Supplier == "" || strings.EqualFold(f.Supplier, e.Supplier)) && strings.Contains(text, strings.ToLower(f.Text)) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b int64) int {
		x, y := all[a], all[b]
		byDate, byAmount := cmp.Or(x.IssueDate.Compare(y.IssueDate), cmp.Compare(a, b)), cmp.Or(x.Lines[0].Net.Cmp(y.Lines[0].Net), cmp.Compare(a, b))
		switch f.Sort {
		case store.SortDateOldest:
			return byDate
		case store.SortAmountSmallest:
			return byAmount
		case store.SortAmount:
			return -byAmount
		}
		return -byDate
	})
	return ids
}

func TestListState(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	s.expenses(v.user, c, 60)
	page := v.page("/expenses?sort=-amount&cols=supplier,amount&min=5&currency=gbp&cause=account_archived&subject=429&q=north")
	mustContain(t, page, "At least 5.00", "Currency: GBP", "Cause: "+explain.Explain("account_archived", "429", explain.Fact{}).Short,
		"No expense matches", "Drop this one, and there are expenses", `href="/expenses/export.csv?q=north&amp;min=5&amp;currency=GBP&amp;cause=account_archived&amp;subject=429&amp;sort=-amount"`)
	mustNotContain(t, page, "cols=reference&amp;sort")
	if n := strings.Count(page, "/expenses?q=north&amp;min=5&amp;currency=GBP&amp;sort=-amount&amp;cols=supplier%2Camount"); n != 2 {
		t.Errorf("the cause can be dropped in %d places, want its chip and the empty list", n)
	}
	mustContain(t, v.page("/expenses?sort=-amount&cols=supplier&cols=amount"), `scope="col" aria-sort="descending"><a class="sort" href="/expenses?sort=amount&amp;cols=supplier%2Camount"`,
		`class="sheet no-company no-details"`)
	mustContain(t, v.page("/expenses?company=1"), "All 60 that match", `<input type="hidden" name="company" value="1">`, "Times in UTC")
	mustContain(t, v.page("/expenses?q=north"), "All that match, on every page")
	for address, want := range map[string]string{
		"":                                    "All 60, Not pushed 60, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
		"?company=1&status=failed":            "All 60, Not pushed 60, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
		"?q=northwind-1&status=failed":        "All 11, Not pushed 11, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
		"?from=2026-01-03&to=2026-01-04&q=5n": "All 0, Not pushed 0, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
		"?from=2026-01-03&to=2026-01-04":      "All 2, Not pushed 2, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
		"?min=11":                             "All 0, Not pushed 0, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
		"?cause=account_archived":             "All 0, Not pushed 0, In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0",
	} {
		if got := tabsOf(v.page("/expenses" + address)); got != want {
			t.Errorf("the tabs of %q are %q, want %q", address, got, want)
		}
	}
	storetest.DB(t, s.dsn).MustExec(`INSERT INTO expenses (company_id, reference, issue_date, currency, net, tax, total, source, status)
		SELECT 1, CASE WHEN n <= 2100 THEN 'more ' ELSE 'zebra ' END || n, date '2025-01-01' + CASE WHEN n <= 2100 THEN 365 ELSE 0 END, 'GBP', 10, 0, 10, 'example',
			CASE n WHEN 1 THEN 'failed' ELSE 'not_pushed' END FROM generate_series(1, 6200) n`)
	if got := tabsOf(v.page("/expenses?min=5")); !strings.HasPrefix(got, "All 201+, Not pushed 200+, In progress 0, Complete 0, Failed 1,") {
		t.Errorf("tabs that lead to many are %q", got)
	}
	if got := tabsOf(v.page("/expenses?currency=GBP&from=2026-01-01&q=mor")); !strings.HasPrefix(got, "All 201+, Not pushed 200+, In progress 0,") {
		t.Errorf("tabs that lead to many, as far as they were read, are %q", got)
	}
	if got := tabsOf(v.page("/expenses?q=zebra")); got != "All , Not pushed , In progress 0, Complete 0, Failed 0, Needs checking 0, On hold 0, Handled outside 0" {
		t.Errorf("tabs that nobody can count in a moment are %q", got)
	}
	mustNotContain(t, v.page("/expenses?q=northwind-60"), "that match")
	page = v.page("/expenses?after=1990-01-01_1")
	mustContain(t, page, "That was the last page")
	mustNotContain(t, page, "No expenses yet")

	// A list that cannot be read is not an empty one.
	if _, err := storetest.DB(t, s.dsn).Exec(`ALTER TABLE push_needs RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	got := v.get("/expenses?q=north&status=not_pushed")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a list that cannot be read: %d", got.status)
	}
	mustContain(t, got.body, "The list could not be loaded", `href="/expenses?q=north&amp;status=not_pushed"`, `data-topics="expenses"`, "Sign out")
	mustNotContain(t, got.body, "No expense", "push_needs")
	if n := strings.Count(s.log.String(), "push_needs"); n != 1 {
		t.Errorf("the cause is logged %d times", n)
	}
}

var tabPattern = regexp.MustCompile(`(?s)<a href="/expenses[^"]*"(?: aria-current="page")?>([A-Z][a-z ]+?)\s*(?:<data[^>]*>([^<]*)</data>)?</a>`)

// tabsOf are the tabs of the list with what they say of their number.
func tabsOf(page string) string {
	_, page, _ = strings.Cut(page, `<div id="tabs"`)
	page, _, _ = strings.Cut(page, "</nav>")
	var tabs []string
	for _, m := range tabPattern.FindAllStringSubmatch(page, -1) {
		tabs = append(tabs, m[1]+" "+m[2])
	}
	return strings.Join(tabs, ", ")
}

func TestSavedViews(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	s.company("Northwind", "GBP", store.Linked)
	got := v.post("/views", "name", " Month  end ", "query", "status=failed&company=1&after=2026-01-01_1&evil=//elsewhere&cols=amount")
	if got.status != http.StatusSeeOther || got.location != "/expenses?status=failed&company=1&cols=amount" {
		t.Fatalf("saving leads to %d %q", got.status, got.location)
	}
	page := v.page(got.location)
	mustContain(t, page, "The view “Month end” is saved.", `href="/expenses?status=failed&amp;company=1&amp;cols=amount" aria-current="page"><bdi>Month end`)
	for name, said := range map[string]string{"": "A view needs a name.", strings.Repeat("ä", 41): "has 41 characters", "MONTH end": "shows this list from now on"} {
		if got := v.post("/views", "name", name, "query", "//elsewhere.example"); got.location != "/expenses" {
			t.Errorf("%q leads to %q", name, got.location)
		}
		mustContain(t, v.page("/expenses"), said)
	}
	v.post("/views", "name", "<b>Other", "query", "%zz")
	page = v.page("/views")
	mustContain(t, page, "&lt;b&gt;Other", `action="/views/1/rename"`, "MONTH end")
	for _, act := range []string{"/views/1/rename", "/views/1/delete"} {
		if got := viewer.post(act, "name", "Mine"); got.status != http.StatusNotFound {
			t.Errorf("somebody else's %s: %d", act, got.status)
		}
	}
	mustNotContain(t, viewer.page("/expenses"), "MONTH end")
	v.post("/views/1/rename", "name", "<B>other")
	mustContain(t, v.page("/views"), "You have another view called", "MONTH end")
	v.post("/views/1/rename", "name", "Year end")
	v.post("/views/1/delete")
	page = v.page("/views")
	mustContain(t, page, "The view is called “Year end” now.", "The view “Year end” is deleted.")
	mustNotContain(t, page, "/views/1/")
}
