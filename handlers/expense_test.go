package handlers

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tallylight/internal/explain"
	"tallylight/store"
)

var hrefPattern = regexp.MustCompile(`href="([^"]*)"`)

// hrefs are the links of a page that hold text.
func hrefs(page, text string) []string {
	var out []string
	for _, m := range hrefPattern.FindAllStringSubmatch(page, -1) {
		if href := html.UnescapeString(m[1]); strings.Contains(href, text) {
			out = append(out, href)
		}
	}
	return out
}

func TestListPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	want := s.expenses(v.user, c, 120)
	slices.Reverse(want) // the newest date first
	address := "/expenses?status=not_pushed&company=" + strconv.FormatInt(c.ID, 10)
	var got, pages []string
	for address != "" {
		page := v.page(address)
		ids, _ := rows(page)
		got, pages = append(got, ids...), append(pages, address)
		next := hrefs(page, "after=")
		if previous := hrefs(page, "before="); len(previous) != min(1, len(pages)-1) {
			t.Errorf("%s: links back: %q", address, previous)
		}
		switch {
		case len(next) > 1:
			t.Fatalf("%s: links on: %q", address, next)
		case len(next) == 0:
			address = ""
		default:
			if address = next[0]; !strings.HasPrefix(address, "/expenses?") || !strings.Contains(address, "status=not_pushed") {
				t.Fatalf("the next page is %q", address)
			}
		}
	}
	if len(pages) != 3 || len(got) != 120 {
		t.Fatalf("%d rows on %d pages", len(got), len(pages))
	}
	for i, id := range got {
		if id != strconv.FormatInt(want[i], 10) {
			t.Fatalf("row %d is %s, want %d", i, id, want[i])
		}
	}
	back := hrefs(v.page(pages[2]), "before=")
	if ids, _ := rows(v.page(back[0])); !slices.Equal(ids, got[50:100]) {
		t.Errorf("the page before the last shows %v", ids)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	northwind, fabrikam := s.company("Northwind", "GBP", store.Linked), s.company("Fabrikam", "GBP", "")
	s.expenses(v.user, northwind, 10)
	s.expenses(v.user, fabrikam, 5)
	v.post(expenseURL(1) + "/push")
	for query, want := range map[string]int{
		"":                           15,
		"status=in_progress":         1,
		"status=complete":            0,
		"status=nonsense":            15,
		"company=1":                  10,
		"company=company-Fabrikam":   5,
		"company=99999":              15,
		"company=x'":                 15,
		"q=northwind-1":              2,
		"q=supplier+2":               4,
		"q=su":                       15, // begins with it
		"q=th":                       0,
		"q=a%00b%ff":                 0,
		"from=2026-01-04":            9,
		"to=2026-01-02":              4,
		"from=2026-01-02&to=bad":     13,
		"from=2026-01-05&company=2":  1,
		"after=nonsense&before=_1_2": 15,
	} {
		ids, _ := rows(v.page("/expenses?" + query))
		if len(ids) != want {
			t.Errorf("?%s shows %d rows, want %d", query, len(ids), want)
		}
	}
	mustContain(t, v.page("/expenses?q=su"), "Begins with: su", "With three letters or digits in a row, a search finds them anywhere.")
	mustContain(t, v.page("/expenses?q=%25"), "Begins with: %", "No expense matches")
	page := v.page("/expenses?company=2&q=fab&from=2026-01-01&status=complete")
	mustContain(t, page, "Company: Fabrikam", "Text: fab", "From 1 Jan 2026")
	for _, text := range []string{"/expenses?status=complete&q=fab&from=2026-01-01", "/expenses?company=2&q=fab&from=2026-01-01"} {
		if !slices.Contains(hrefs(page, ""), text) {
			t.Errorf("no link to %s", text)
		}
	}
}

func TestPressPush(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, colleague := s.person(store.Finance), s.person(store.Admin)
	linked, cut, bare := s.company("Northwind", "GBP", store.Linked), s.company("Adatum", "GBP", "Deauthorized"), s.company("Bare", "GBP", "")
	id := s.expenses(v.user, linked, 1)[0]

	var pressing sync.WaitGroup
	for _, who := range []*visitor{v, v, colleague, colleague} {
		pressing.Go(func() {
			if a := who.post(expenseURL(id) + "/push"); a.status != http.StatusSeeOther || a.location != expenseURL(id) {
				t.Errorf("push: %d to %q", a.status, a.location)
			}
		})
	}
	pressing.Wait()
	if pushes, err := s.store.Pushes(t.Context(), id); err != nil || len(pushes) != 1 {
		t.Fatalf("four presses made %d pushes, %v", len(pushes), err)
	}
	if s.pushWoke.Load() == 0 {
		t.Error("nobody woke the worker")
	}
	v.page("/expenses") // takes the flashes
	v.post(expenseURL(id) + "/push")
	mustContain(t, v.page(expenseURL(id)), "Northwind-1 is on its way already: pushed by ", "Push in progress", "waiting to be sent")

	many := append(s.named(v.user, linked, "More", 12), s.expenses(v.user, cut, 3)...)
	form := []string{"id", "nonsense", "id", "99999"}
	for _, id := range many {
		form = append(form, "id", strconv.FormatInt(id, 10), "id", strconv.FormatInt(id, 10))
	}
	if a := v.postFrom("/expenses?status=not_pushed", "/expenses/push", form...); a.location != "/expenses?status=not_pushed" {
		t.Errorf("the push of many leads to %q", a.location)
	}
	page := v.page("/expenses")
	mustContain(t, page, "12 expenses are on their way; 3 wait for their connection. This expense is not here any more.",
		"Adatum’s Xero connection has been down since", "3 expenses, GBP 30.00, wait for it.", "Open the reconnect link")
	_, statuses := rows(page)
	if n := counted(statuses, "in_progress"); n != 13 {
		t.Errorf("%d in progress, want 13", n)
	}
	if n := counted(statuses, "on_hold"); n != 3 {
		t.Errorf("%d on hold, want 3", n)
	}
	form = nil
	for _, id := range s.expenses(v.user, bare, 5) {
		form = append(form, "id", strconv.FormatInt(id, 10))
	}
	v.post("/expenses/push", form...)
	mustContain(t, v.page("/expenses"), "Bare-1 cannot go anywhere: its company has no accounting connection.", "2 more could not be sent either.")
	v.post("/expenses/retry", "id", strconv.FormatInt(id, 10))
	mustContain(t, v.page("/expenses"), "Northwind-1 is on its way already")
	v.post("/expenses/push")
	mustContain(t, v.page("/expenses"), "Nothing was ticked")
	for _, referer := range []string{"https://evil.example/expenses", "", "/login?next=/x"} {
		r, _ := http.NewRequest(http.MethodPost, v.url+"/expenses/push", nil)
		if strings.HasPrefix(referer, "/") {
			referer = v.url + referer
		}
		r.Header.Set("Referer", referer)
		if a := v.do(r); a.location != "/expenses" {
			t.Errorf("an action from %q leads to %q", referer, a.location)
		}
	}
}

func counted(all []string, one string) int {
	n := 0
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// named enters n expenses whose references start with name.
func (s *site) named(by store.User, c store.Company, name string, n int) []int64 {
	c.Name = name
	return s.expenses(by, c, n)
}

// settle sends the one step that is due, and settles it so.
func (s *site) settle(st store.Settlement) {
	s.t.Helper()
	claims, err := s.store.ClaimSteps(s.t.Context(), 1, 10, time.Minute)
	if err != nil || len(claims) != 1 {
		s.t.Fatalf("claimed %d steps, %v", len(claims), err)
	}
	attempt, err := s.store.BeginAttempt(s.t.Context(), claims[0], "directCosts", []byte(`{"reference":"<script>alert(1)</script>"}`))
	if err == nil {
		err = s.store.SettleAttempt(s.t.Context(), claims[0], attempt, st)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestAFailedPushIsExplainedAndRetried(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, admin := s.person(store.Finance), s.person(store.Admin)
	id := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	v.post(expenseURL(id) + "/push")
	s.settle(store.Settlement{
		Reply: store.Reply{Status: 400, Body: []byte(`{"error":"<b>no</b>"}`), Error: "400"},
		Failed: &store.Failure{Fact: []byte(`{"errorMessage":"<b>No such account</b>","correlationId":"c-1"}`), Cause: string(explain.CauseNoAccount),
			Subject: "<i>Meals</i>", Rules: explain.Version},
	})
	page := v.page(expenseURL(id))
	mustContain(t, page, "Push failed", "Why it failed", "&lt;i&gt;Meals&lt;/i&gt;", "&lt;b&gt;No such account&lt;/b&gt;", "correlation c-1",
		"pressed Push", "Expense sent to Xero", "Codat refused it (HTTP 400)", "The push failed", "HTTP 400", expenseURL(id)+"/retry", "Who can do it")
	mustNotContain(t, page, "<i>Meals", "<b>No", "<script>alert")
	list := v.page("/expenses?status=failed")
	mustContain(t, list, explain.Explain(explain.CauseNoAccount, "", explain.Fact{Platform: "Xero"}).Short[:5], ">Retry<")
	v.post(expenseURL(id) + "/push")
	mustContain(t, v.page("/expenses"), "Northwind-1 failed before. Press Retry to push it again.")

	var pressing sync.WaitGroup
	for _, who := range []*visitor{v, v, admin} {
		pressing.Go(func() { who.post(expenseURL(id) + "/retry") })
	}
	pressing.Wait()
	if pushes, err := s.store.Pushes(t.Context(), id); err != nil || len(pushes) != 2 {
		t.Fatalf("three retries made %d pushes, %v", len(pushes)-1, err)
	}
	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-1",
		Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "record-1", Source: "reply"}})
	page = v.page(expenseURL(id))
	mustContain(t, page, "Push complete", "pressed Retry", "It is in the ledger, as record record-1", "op-1", " · took ")
	mustNotContain(t, page, "Why it failed", expenseURL(id)+"/retry", expenseURL(id)+`/push"`)
}

func TestAPushWaitsForANewAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	got := v.post("/expenses", "company", strconv.FormatInt(c.ID, 10), "reference", "R-1", "date", "2026-01-31", "currency", "GBP",
		"supplier", "Supplier 0", "line_category", "Travel", "line_net", "10")
	mustContain(t, v.page("/expenses"), "will create account Travel in Xero")
	v.post(got.location + "/push")
	mustContain(t, v.page("/expenses"), "waiting for account Travel")
	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-1", Outcome: store.Outcome{Status: store.OutcomePending, Source: "reply"}})
	mustContain(t, v.page(got.location), "Account Travel sent to Xero", "Codat accepted it", "waits for the steps before it")

	// Of one account that two expenses need, each tells what was while it waited, and who comes later nothing.
	other := func(reference string) string {
		got := v.post("/expenses", "company", strconv.FormatInt(c.ID, 10), "reference", reference, "date", "2026-01-31", "currency", "GBP",
			"supplier", "Supplier 0", "line_category", "Travel", "line_net", "10")
		v.post(got.location + "/push")
		return got.location
	}
	second := other("R-2")
	err := s.store.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.FinishStep(t.Context(), s.pushes(1)[0].Steps[0].ID, store.Outcome{Status: store.OutcomeSuccess, RecordID: "a-9", Source: "webhook"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	third := v.page(other("R-3"))
	mustContain(t, v.page(got.location), "Account Travel is in Xero, as record a-9", "after it was sent")
	mustContain(t, v.page(second), "Account Travel sent to Xero, for another expense", "Account Travel is in Xero, as record a-9")
	mustNotContain(t, third, "Account Travel sent", "Account Travel is in Xero")
}

func TestCompanies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	c := s.company("Northwind", "GBP", store.Linked)
	s.expenses(admin.user, c, 2)
	mustContain(t, admin.page("/companies"), "Northwind", "Books in GBP", "Linked", "/expenses?status=not_pushed&amp;company=1", "books not read yet")
	mustContain(t, admin.page("/companies/1"), "https://link.example.com/company/Northwind", "<dt>Bank accounts</dt><dd><bdi>1</bdi></dd><dt>Suppliers</dt><dd><bdi>3</bdi></dd>", `href="/companies/1/mapping?kind=bank"`)
	if a := admin.postFrom("/connections", "/companies/1/refresh"); a.location != "/connections" || <-s.asked != "company-Northwind" {
		t.Errorf("refresh: %d to %q", a.status, a.location)
	}
}

func TestNewExpense(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("<script>alert('Co')</script>", "GBP", store.Linked)
	company := strconv.FormatInt(c.ID, 10)
	mustContain(t, v.page("/expenses/new"), `value="GBP"`, `name="line_net"`)
	long := strings.Repeat("lång text ", 400)
	n := 0
	good := func(over ...string) []string {
		n++
		form := map[string]string{"company": company, "reference": fmt.Sprintf("R-%d", n), "date": "2026-01-31", "supplier": "Café <b>", "currency": "GBP",
			"line_description": "Lunch", "line_category": "Meals", "line_net": "10.00", "line_tax": "2"}
		for i := 0; i < len(over); i += 2 {
			form[over[i]] = over[i+1]
		}
		var out []string
		for name, value := range form {
			out = append(out, name, value)
		}
		return out
	}
	for name, test := range map[string]struct {
		form []string
		want []string
	}{
		"pounds":      {good(), []string{"GBP 12.00", "31 Jan 2026", "Café &lt;b&gt;", "Not pushed", "finance@example.com entered it"}},
		"yen":         {good("currency", "jpy", "rate", "0.0051", "line_net", "12400", "line_tax", ""), []string{"JPY 12,400", "0.0051"}},
		"dinars":      {good("currency", "KWD", "rate", "2.6", "line_net", "1.234", "line_tax", "0.001"), []string{"KWD 1.235"}},
		"a penny":     {good("line_net", "0.01", "line_tax", "0"), []string{"GBP 0.01"}},
		"very much":   {good("line_net", "99999999999.99", "line_tax", ""), []string{"GBP 99,999,999,999.99"}},
		"a refund":    {good("line_net", "-22.50", "line_tax", ""), []string{"GBP −22.50"}},
		"a long text": {good("line_description", long[:4000], "note", "two\r\nlines"), []string{long[:4000][:3000], "two\nlines"}},
	} {
		got := v.post("/expenses", test.form...)
		if got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, "/expenses/") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
			continue
		}
		page := v.page(got.location)
		mustContain(t, page, test.want...)
		mustContain(t, page, "Push it when it is ready.", "&lt;script&gt;alert(&#39;Co&#39;)&lt;/script&gt;")
		mustNotContain(t, page, "<script>alert", "Café <b>")
	}
	taken := good()
	v.post("/expenses", taken...)
	for want, form := range map[string][]string{
		"has an expense with the reference": taken,
		"Choose the company.":               good("company", ""),
		"The reference is missing.":         good("reference", " "),
		"The date is missing.":              good("date", ""),
		"is not a date":                     good("date", "31/01/2026"),
		"is not between 1990":               good("date", "0026-01-31"),
		"is not a currency":                 good("currency", "POUND"),
		"The rate is missing":               good("currency", "EUR"),
		"is not a rate":                     good("currency", "EUR", "rate", "a lot"),
		"No rate is needed":                 good("rate", "1.2"),
		"The amount is missing.":            good("line_net", ""),
		"is not an amount":                  good("line_net", "ten"),
		"has too many decimals":             good("line_net", "1.005"),
		"is too large":                      good("line_net", "99999999999999"),
		"The category is missing.":          good("line_category", ""),
		"come to nothing":                   good("line_net", "0", "line_tax", "0"),
		"different signs":                   good("line_net", "-1", "line_tax", "1"),
		"longer than 4000 characters":       good("line_description", strings.Repeat("x", 4001)),
		"cannot be read":                    good("supplier", "a\x00b"),
	} {
		form = append(form, "paid_from", "kept <as> typed")
		got := v.post("/expenses", form...)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d to %q", want, got.status, got.location)
			continue
		}
		mustContain(t, got.body, want, "kept &lt;as&gt; typed")
		mustNotContain(t, got.body, "<script>alert", "pq:")
	}
}

func TestNewExpenseWithSeveralLines(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "", store.Linked)
	form := []string{"company", strconv.FormatInt(c.ID, 10), "reference", "R-1", "date", "2026-01-31", "currency", "GBP",
		"line_description", "One", "line_category", "Meals", "line_tax_rate", "20%", "line_net", "1", "line_tax", "0.2",
		"line_description", "Two", "line_category", "Travel", "line_tax_rate", "", "line_net", "oops", "line_tax", ""}
	got := v.post("/expenses", append(form, "more", "1")...)
	if n := strings.Count(got.body, `name="line_net"`); got.status != http.StatusOK || n != 3 {
		t.Fatalf("more: %d with %d lines", got.status, n)
	}
	mustContain(t, got.body, `value="Two"`, `value="oops"`, `value="20%"`)
	empty := []string{"line_description", "", "line_category", "", "line_tax_rate", "", "line_net", "", "line_tax", ""}
	got = v.post("/expenses", append(form, empty...)...)
	if got.status != http.StatusUnprocessableEntity {
		t.Fatalf("a wrong second line: %d", got.status)
	}
	mustContain(t, got.body, "lines-2-net", "&#34;oops&#34; is not an amount")
	mustNotContain(t, got.body, "lines-3-net-problem")
	form[slices.Index(form, "oops")] = "2.30"
	got = v.post("/expenses", append(form, empty...)...)
	e, err := s.store.Expense(t.Context(), 1)
	if err != nil || len(e.Lines) != 2 || store.FormatAmount(e.Total, e.Currency) != "GBP 3.50" {
		t.Errorf("%d: %+v, %v", got.status, e, err)
	}
}

func TestTooLargeAForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	got := v.post("/expenses", "note", strings.Repeat("x", 2<<20))
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB: %d, want 413", got.status)
	}
}

func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	s.store.Close()
	got := v.get("/expenses")
	if got.status < 500 {
		t.Errorf("without a database: %d", got.status)
	}
	mustNotContain(t, got.body, "sql:")
}

func TestSecondLines(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 12, 14, 2, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	under := store.ExpenseItem{Status: store.InProgress, Platform: "Xero", ConnectionStatus: store.Linked, Now: now}
	with := func(i store.ExpenseItem, change func(i *store.ExpenseItem)) store.ExpenseItem { change(&i); return i }
	for want, i := range map[string]store.ExpenseItem{
		"ready":                    {Status: store.NotPushed, ConnectionStatus: store.Linked},
		"no accounting connection": {Status: store.NotPushed},
		"Xero connection down since 09:12": {Status: store.NotPushed, Platform: "Xero", ConnectionStatus: "Deauthorized",
			ConnectionChangedAt: ago(4*time.Hour + 50*time.Minute), Now: now},
		"Xero connection down since 11 Jan, 14:02": {Status: store.OnHold, Platform: "Xero", ConnectionStatus: "Unlinked",
			ConnectionChangedAt: ago(24 * time.Hour), Now: now},
		"the customer has not linked Xero yet":               {Status: store.OnHold, Platform: "Xero", ConnectionStatus: "PendingAuth", Now: now},
		"its connection is gone":                             {Status: store.OnHold, Now: now},
		"waiting for account Travel":                         with(under, func(i *store.ExpenseItem) { i.WaitsFor = "account Travel" }),
		"waiting to be sent":                                 with(under, func(i *store.ExpenseItem) { i.StepState, i.NextTryAt = store.StepReady, ago(0) }),
		"being sent":                                         with(under, func(i *store.ExpenseItem) { i.StepState, i.SentAt = store.StepSending, ago(0) }),
		"sent 14:01 · usually under 2 min":                   with(under, func(i *store.ExpenseItem) { i.StepState, i.SentAt = store.StepPending, ago(time.Minute) }),
		"sent 13:02 · longer than usual; being looked after": with(under, func(i *store.ExpenseItem) { i.StepState, i.SentAt = store.StepPending, ago(time.Hour) }),
		"sent 13:02 · waits for the customer’s computer": with(under, func(i *store.ExpenseItem) {
			i.StepState, i.SentAt, i.Platform = store.StepPending, ago(time.Hour), "QuickBooks Desktop"
		}),
		"next try 14:05 · Codat asked us to slow down": with(under, func(i *store.ExpenseItem) {
			i.StepState, i.NextTryAt, i.WaitReason = store.StepReady, ago(-3*time.Minute), "rate_limited"
		}),
		"no answer yet; asking again 14:05": with(under, func(i *store.ExpenseItem) {
			i.StepState, i.NextTryAt, i.WaitReason = store.StepReady, ago(-3*time.Minute), "no_answer"
		}),
		"no answer from Codat · looking in its history":  with(under, func(i *store.ExpenseItem) { i.StepState, i.SentAt = store.StepLooking, ago(time.Hour) }),
		"no answer · looking for account Travel in Xero": with(under, func(i *store.ExpenseItem) { i.WaitsFor, i.WaitsState = "account Travel", store.StepLooking }),
		"Xero is being read again, then sent once more": with(under, func(i *store.ExpenseItem) {
			i.StepState, i.NextTryAt, i.WaitReason = store.StepReady, ago(-3*time.Minute), "ledger_sync"
		}),
		"sending is paused": with(under, func(i *store.ExpenseItem) { i.StepState, i.Paused = store.StepReady, true }),
		"sending is paused · waiting for account Travel": with(under, func(i *store.ExpenseItem) {
			i.WaitsFor, i.WaitsState, i.Paused = "account Travel", store.StepReady, true
		}),
		"withdrawn · ready again": {Status: store.NotPushed, ConnectionStatus: store.Linked, PushedAt: ago(time.Hour)},
		"Account Travel · Account code 429 is already used in Xero": {Status: store.Failed, Cause: "account_code_taken", Subject: "429",
			FailedStep: "account Travel", Platform: "Xero"},
		"reading the reason":      with(under, func(i *store.ExpenseItem) { i.Asking, i.StepState, i.SentAt = true, store.StepPending, ago(0) }),
		"14:01 · took 38 s":       {Status: store.Complete, SettledAt: ago(time.Minute), PushedAt: ago(98 * time.Second), Now: now},
		"14:01 · took 1 min 12 s": {Status: store.Complete, SettledAt: ago(time.Minute), PushedAt: ago(132 * time.Second), Now: now},
	} {
		if got := andNow(i, clock{now, time.UTC}); got != want {
			t.Errorf("%s: %q, want %q", i.Status, got, want)
		}
	}
	for _, s := range store.Statuses {
		if statusWords[s] == "" || tabWords[s] == "" {
			t.Errorf("%s has no word", s)
		}
	}
}

func TestRawTextIsBounded(t *testing.T) {
	t.Parallel()
	if got := raw([]byte(`{"a":[1]}`)); got != "{\n  \"a\": [\n    1\n  ]\n}" {
		t.Errorf("raw JSON is %q", got)
	}
	if got := raw([]byte("not\x00 json\xff")); got != "not� json�" {
		t.Errorf("raw text is %q", got)
	}
	if got := raw([]byte(strings.Repeat("x", rawShown+1234))); len(got) > rawShown+100 || !strings.HasSuffix(got, "… and 1,234 bytes more") {
		t.Errorf("raw text has %d bytes", len(got))
	}
}

func TestListAddress(t *testing.T) {
	t.Parallel()
	f := store.ExpenseFilter{Status: store.Failed, CompanyID: 3, Text: "a&b=c d"}
	u, err := url.Parse(listURL(f, "after", "2026-01-01_7"))
	if err != nil {
		t.Fatal(err)
	}
	got := readFilter(u.Query(), []store.Company{{ID: 3}})
	if got != f || u.Query().Get("after") != "2026-01-01_7" {
		t.Errorf("%s is read as %+v", u, got)
	}
}
