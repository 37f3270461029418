package handlers

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tallylight/internal/inbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

// apply applies what was delivered, as the program does.
func (s *site) apply() {
	s.t.Helper()
	box := &inbox.Inbox{Store: s.store, Log: s.handlers.Log, ReadCompany: func(string) {}}
	if err := box.ApplyDue(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// told is a message that says how an operation ended.
func told(event, operation, company, outcome string) string {
	name := map[string]string{"Success": "successful"}[outcome]
	return fmt.Sprintf(`{"id":"%s","eventType":"directCosts.write.%s","payload":{"id":"%s","referenceCompany":{"id":"%s"},"status":"%s","record":{"id":"r-1"}}}`,
		event, cmp.Or(name, "unsuccessful"), operation, company, outcome)
}

var deliveryPattern = regexp.MustCompile(`<tr id="delivery-(\d+)"[^>]* data-status="(\w+)"`)

// listed are the ids of the deliveries on a page, and their verdicts.
func listed(page string) string {
	var words []string
	for _, m := range deliveryPattern.FindAllStringSubmatch(page, -1) {
		words = append(words, m[1]+" "+m[2])
	}
	return strings.Join(words, ", ")
}

func TestDeliveriesAreChosenByTheAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	c := s.company("Northwind", "GBP", store.Linked)
	connection, err := s.store.AccountingConnection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	id := s.expenses(admin.user, c, 1)[0]
	admin.post(expenseURL(id) + "/push")
	s.settle(accepted("op-1", store.OutcomePending))
	s.deliver(strings.NewReader(told("e-1", "op-1", "company-Northwind", "Success")))
	s.deliver(strings.NewReader(told("e-2", "op-1", "company-Northwind", "Success")))
	s.deliver(strings.NewReader(told("e-3", "op-<b>", "company-Northwind", "Success")))
	s.deliver(strings.NewReader(`{"id":"e-4","eventType":"tea.ready","payload":{"referenceCompany":{"id":"nobody"}}}`))
	s.deliver(strings.NewReader(`{`))
	s.apply()
	if _, err := storetest.DB(t, s.dsn).Exec(`UPDATE deliveries SET received_at = '2026-01-12 23:59:59Z' WHERE id = 4`); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                                    "5 unreadable, 4 ignored, 3 unmatched, 2 duplicate, 1 applied",
		"?verdict=duplicate":                  "2 duplicate",
		"?verdict=nonsense&before=x":          "5 unreadable, 4 ignored, 3 unmatched, 2 duplicate, 1 applied",
		"?before=3":                           "2 duplicate, 1 applied",
		"?type=tea.ready":                     "4 ignored",
		"?company=company-Northwind":          "3 unmatched, 2 duplicate, 1 applied",
		"?company=" + strconv.Itoa(int(c.ID)): "3 unmatched, 2 duplicate, 1 applied",
		"?connection=connection-Northwind":    "2 duplicate, 1 applied",
		"?connection=" + strconv.FormatInt(connection.ID, 10) + "&verdict=applied": "1 applied",
		"?expense=" + strconv.FormatInt(id, 10):                                    "2 duplicate, 1 applied",
		"?q=op-1":                                                                  "2 duplicate, 1 applied",
		"?q=op-%3Cb%3E":                                                            "3 unmatched",
		"?q=e-4":                                                                   "4 ignored",
		"?q=nothing":                                                               "",
		"?from=2026-01-12&to=2026-01-12":                                           "4 ignored",
		"?to=2026-01-11":                                                           "",
	} {
		page := admin.page("/deliveries" + query)
		if got := listed(page); got != want {
			t.Errorf("/deliveries%s lists %q, want %q", query, got, want)
		}
		mustNotContain(t, page, "<b>")
	}
	page := admin.page("/deliveries?verdict=applied&expense=" + strconv.FormatInt(id, 10) + "&type=directCosts.write.successful")
	mustContain(t, page, "Expense: Northwind-1", "Type: directCosts.write.successful", `href="/deliveries?verdict=applied&amp;type=directCosts.write.successful"`,
		`name="verdict" value="applied"`, `href="`+expenseURL(id)+`"`)
	mustNotContain(t, page, `data-first="delivery"`)
	mustContain(t, admin.page("/deliveries?verdict=unmatched&company=company-Northwind"), `data-first="delivery"`, `data-only-status="unmatched"`,
		">Northwind<", "op-&lt;b&gt;")

	// And back.
	mustContain(t, admin.page(expenseURL(id)), "/deliveries/1", "/deliveries?expense="+strconv.FormatInt(id, 10))
	mustContain(t, admin.page("/connections"), "/deliveries?connection="+strconv.FormatInt(connection.ID, 10), "may-admin")
	viewer := s.person(store.Viewer)
	mustNotContain(t, viewer.page(expenseURL(id)), "/deliveries")
	mustNotContain(t, viewer.page("/connections"), "may-admin", `href="/settings"`)
}

func TestDeliveriesArePaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	for i := range deliveriesShown + 2 {
		s.deliver(strings.NewReader(fmt.Sprintf(`{"id":"%d","eventType":"tea.ready"}`, i)))
	}
	page := admin.page("/deliveries?type=tea.ready")
	mustContain(t, page, `id="delivery-52"`, `id="delivery-3"`, `href="/deliveries?type=tea.ready&amp;before=3"`)
	mustNotContain(t, page, `id="delivery-2"`, ">Newest<")
	page = admin.page("/deliveries?type=tea.ready&before=3")
	if got := listed(page); got != "2 new, 1 new" {
		t.Errorf("the second page lists %q", got)
	}
	mustContain(t, page, `href="/deliveries?type=tea.ready">Newest`)
	mustNotContain(t, page, ">Next<")
}

func TestADeliverySaysWhatItChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	c := s.company("Northwind", "GBP", store.Linked)
	ids := s.expenses(admin.user, c, 2)
	for i, id := range ids {
		admin.post(expenseURL(id) + "/push")
		s.settle(accepted(fmt.Sprintf("op-%d", i+1), store.OutcomePending))
	}
	for i, body := range []string{
		told("e-1", "op-1", "company-Northwind", "Success"),
		told("e-2", "op-1", "company-Northwind", "Success"),
		told("e-3", "op-2", "company-Northwind", "Failed"),
		told("e-4", "op-9", "company-Northwind", "Success"),
		`{"id":"e-5","eventType":"connection.disconnected","generatedDate":"2099-01-01T00:00:00Z","payload":{"referenceCompany":{"id":"company-Northwind"},
			"connection":{"id":"connection-Northwind","status":"Deauthorized"}}}`,
		`{"id":"e-6","eventType":"client.rateLimit.reached","payload":{"quotaRemaining":0,"expiryDate":"2099-01-01T00:00:00Z"}}`,
		`{"id":"e-7","eventType":"read.completed","payload":{"referenceCompany":{"id":"company-Northwind"},"dataTypes":[{"dataType":"suppliers","status":"Complete"}]}}`,
		`{"id":"e-8","eventType":"tea.ready"}`,
		`{"id":"e-9","eventType":"company.deleted","payload":{"id":"company-Northwind"}}`,
		`not json`,
	} {
		if got := s.deliver(strings.NewReader(body), "X-Codat-ClientId", "client-1"); got.status != http.StatusNoContent {
			t.Fatal(got)
		}
		if i == 0 {
			mustContain(t, admin.page("/deliveries/1"), "Nothing yet. It waits to be applied.")
			mustNotContain(t, admin.page("/deliveries/1"), "/deliveries/1/apply")
		}
		s.apply()
	}
	for id, want := range []string{
		"It is in the ledger.", "was known already", "gives no reason", "Nobody here knows its operation so far", "The connection is Deauthorized.",
		"Sending was paused", "Codat was asked how things stand now.", "is kept and left alone", "Nothing is sent for Northwind any more", "Nothing.",
	} {
		mustContain(t, admin.page(deliveryURL(int64(id+1))), want, "/apply", `data-page-row="delivery-`)
	}
	page := admin.page("/deliveries/1")
	mustContain(t, page, `href="`+expenseURL(ids[0])+`"`, `href="`+companyURL(c.ID)+`"`, "All messages about it", "X-Codat-Clientid: client-1", "Authorization: (kept out)",
		"op-1", "directCosts.write.successful")
	mustNotContain(t, page, basic(hookCredential)[6:], "long webhook password")
}

func TestADeliveryIsAppliedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin, finance := s.person(store.Admin), s.person(store.Finance)
	id := s.expenses(admin.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	admin.post(expenseURL(id) + "/push")
	s.settle(accepted("op-1", store.OutcomePending))
	s.deliver(strings.NewReader(told("e-1", "op-1", "company-Northwind", "Success")))
	s.apply()
	if got := finance.post("/deliveries/1/apply"); got.status != http.StatusForbidden {
		t.Errorf("as finance: %d, want 403", got.status)
	}
	if got := admin.post("/deliveries/99/apply"); got.status != http.StatusNotFound {
		t.Errorf("one that is not there: %d, want 404", got.status)
	}
	s.listen() // only now: a company that is new makes pages read themselves, in place of rows
	shown, others := admin.watch("topics=deliveries&show=1"), admin.watch("topics=deliveries&show=0")
	woken := s.woken.Load()
	if got := admin.post("/deliveries/1/apply"); got.status != http.StatusSeeOther || got.location != "/deliveries/1" || s.woken.Load() == woken {
		t.Fatalf("%d to %q, the inbox was woken: %t", got.status, got.location, s.woken.Load() > woken)
	}
	admin.post("/deliveries/1/apply")
	mustContain(t, admin.page("/deliveries/1"), "being applied again", "waits to be applied already", "Applied again", "admin@example.com")
	s.apply()
	row := await(t, shown, "the row", func(e event) bool { return e.name == "delivery" && strings.Contains(e.data, "Duplicate") })
	mustContain(t, row.data, `<tr id="delivery-1"`, `data-status="duplicate"`)
	s.deliver(strings.NewReader(`{"id":"e-2","eventType":"tea.ready"}`))
	s.apply()
	await(t, others, "a new row", func(e event) bool { return e.name == "delivery" && strings.Contains(e.data, `id="delivery-2"`) })
	if s.status(id) != store.Complete {
		t.Errorf("the expense is %s", s.status(id))
	}
	if pushes := s.pushes(id); len(pushes) != 1 {
		t.Errorf("%d pushes", len(pushes))
	}
}

func TestSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin, viewer := s.person(store.Admin), s.person(store.Viewer)
	id := s.expenses(admin.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	admin.post(expenseURL(id) + "/push")
	s.settle(accepted("op-1", store.OutcomePending))
	steps := s.pushes(id)[0].Steps
	if err := s.store.Answered(t.Context(), steps[0].ID, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r-1", Source: "reading"}); err != nil {
		t.Fatal(err)
	}
	mustNotContain(t, admin.page("/expenses"), "No webhook")
	if _, err := storetest.DB(t, s.dsn).Exec(`UPDATE push_steps SET settled_at = settled_at - interval '20 min'`); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/expenses", "/connections", "/deliveries"} {
		mustContain(t, admin.page(path), "No webhook has ever come, though 1 push finished.", "5 days", `<a href="/settings">Open the settings</a>`)
	}
	mustContain(t, viewer.page("/expenses"), "No webhook has ever come")
	mustNotContain(t, viewer.page("/expenses"), "Open the settings")
	mustNotContain(t, admin.page("/companies"), "No webhook")
	s.deliver(strings.NewReader(`{"id":"e-1","eventType":"tea.ready"}`))
	mustNotContain(t, admin.page("/expenses"), "No webhook")
}
