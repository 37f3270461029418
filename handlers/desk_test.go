package handlers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/store/storetest"
)

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	viewer, finance, admin := s.person(store.Viewer), s.person(store.Finance), s.person(store.Admin)
	s.expenses(finance.user, s.company("Northwind", "GBP", store.Linked), 1)
	for path, least := range map[string]store.Role{
		"/expenses/1": store.Finance, "/expenses/1/delete": store.Finance, "/expenses/1/withdraw": store.Finance, "/expenses/withdraw": store.Finance,
		"/expenses/1/found": store.Finance, "/expenses/1/not-there": store.Finance, "/expenses/1/ask": store.Finance,
		"/companies/1/pause": store.Finance, "/companies/1/resume": store.Finance, "/companies/1/foreign/dismiss": store.Finance,
		"/sending/pause": store.Admin, "/sending/resume": store.Admin, "/sending/probe": store.Finance, "/notices/1/close": store.Finance,
	} {
		for _, who := range []*visitor{viewer, finance, admin} {
			may := who.user.Role.May(least)
			if got := who.post(path); (got.status == http.StatusForbidden) == may {
				t.Errorf("%s posts %s: %d", who.user.Role, path, got.status)
			}
		}
		if got := s.stranger().post(path); got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, "/login") {
			t.Errorf("a stranger posts %s: %d to %q", path, got.status, got.location)
		}
	}
	if got := viewer.get("/expenses/1/edit"); got.status != http.StatusForbidden {
		t.Errorf("a viewer edits: %d", got.status)
	}
}

func TestWithdrawing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	ids := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 5)
	path := expenseURL(ids[0])
	v.post(path + "/push")
	mustContain(t, v.page(path), path+"/withdraw", "Nothing of this expense is on its way yet.")
	v.post(path + "/withdraw")
	page := v.page(path)
	mustContain(t, page, "Northwind-1 is withdrawn. Nothing of it will be sent.", "Not pushed", "withdrawn · ready again", "withdrew the push", "withdrawn, never sent")
	mustNotContain(t, page, path+"/withdraw")
	v.post(path + "/withdraw")
	mustContain(t, v.page(path), "Northwind-1 has no push to withdraw.")

	v.post(path + "/push")
	s.settle(accepted("op-1", store.OutcomePending))
	mustNotContain(t, v.page(path), path+"/withdraw")
	v.post(path + "/withdraw")
	mustContain(t, v.page(path), "Northwind-1 has been sent already and goes on.")
	form := []string{"id", strconv.FormatInt(ids[0], 10), "id", "999"}
	for _, id := range ids[1:4] {
		v.post(expenseURL(id) + "/push")
		form = append(form, "id", strconv.FormatInt(id, 10))
	}
	if got := v.postFrom("/expenses?status=in_progress", "/expenses/withdraw", append(form, "id", strconv.FormatInt(ids[4], 10))...); got.location != "/expenses?status=in_progress" {
		t.Errorf("withdraw: %d to %q", got.status, got.location)
	}
	v.post("/expenses/withdraw")
	page = v.page("/expenses")
	mustContain(t, page, "3 expenses are withdrawn. Nothing of them will be sent.", "Northwind-1 has been sent already", "Northwind-5 has no push to withdraw.",
		"Nothing was ticked, so nothing was withdrawn.", `action="/expenses/plan"`, `name="do" value="withdraw"`)
	if claims, err := s.store.ClaimSteps(t.Context(), 10, 10, time.Minute); err != nil || len(claims) != 0 {
		t.Errorf("what was withdrawn is sent: %+v, %v", claims, err)
	}
}

func TestPausing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, admin, viewer := s.person(store.Finance), s.person(store.Admin), s.person(store.Viewer)
	one, other := s.company("Northwind", "GBP", store.Linked), s.company("Fabrikam", "GBP", store.Linked)
	id := s.expenses(v.user, one, 1)[0]
	v.post(expenseURL(id) + "/push")
	v.post(expenseURL(s.expenses(v.user, other, 1)[0]) + "/push")
	claims := func() (companies []int64) {
		t.Helper()
		cs, err := s.store.ClaimSteps(t.Context(), 10, 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cs {
			companies = append(companies, c.CompanyID)
			if err := s.store.SettleAttempt(t.Context(), c, 0, store.Settlement{Again: time.Nanosecond, Reason: "unreachable"}); err != nil {
				t.Fatal(err)
			}
		}
		return companies
	}
	mustContain(t, admin.page("/connections"), "Pause all sending")
	mustNotContain(t, v.page("/connections"), "Pause all sending")
	for range 2 {
		if got := admin.postFrom("/connections", "/sending/pause"); got.location != "/connections" {
			t.Errorf("pause: %d to %q", got.status, got.location)
		}
	}
	page := admin.page("/connections")
	mustContain(t, page, "admin@example.com paused sending at ", `action="/sending/resume"`)
	mustNotContain(t, page, "Pause all sending")
	page = v.page("/expenses")
	mustContain(t, page, "admin@example.com paused sending at ", "sending is paused")
	mustNotContain(t, page, `action="/sending/resume"`)
	if got := claims(); len(got) != 0 {
		t.Errorf("while all is paused %v is sent", got)
	}
	admin.post("/sending/resume")
	mustContain(t, admin.page("/expenses"), "Sending goes on.")
	if got := claims(); len(got) != 2 {
		t.Errorf("after the pause %v is sent", got)
	}

	mustContain(t, v.page(companyURL(one.ID)), "Pause sending")
	v.post(companyURL(one.ID) + "/pause")
	mustContain(t, v.page(companyURL(one.ID)), "Sending is paused for Northwind.", "finance@example.com paused sending for Northwind at ", companyURL(one.ID)+"/resume")
	mustNotContain(t, viewer.page("/expenses"), companyURL(one.ID)+"/resume")
	if got := claims(); len(got) != 1 || got[0] != other.ID {
		t.Errorf("while one is paused %v is sent", got)
	}
	v.post(companyURL(one.ID) + "/resume")
	if got := claims(); len(got) != 2 {
		t.Errorf("after the pause of one %v is sent", got)
	}
	if got := v.post("/companies/999/pause"); got.status != http.StatusNotFound {
		t.Errorf("pause of a company that is not there: %d", got.status)
	}
}

func TestCodatRefusesUs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	v.post(expenseURL(s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]) + "/push")
	s.settle(store.Settlement{Reply: store.Reply{Status: 401}, Again: 5 * time.Minute, Reason: "unauthorized", Pause: &store.Pause{For: 5 * time.Minute, Reason: "unauthorized"}})
	mustContain(t, v.page("/expenses"), "Codat has refused our API key", `action="/sending/probe"`, "Try now", "Codat refuses our key")
	mustNotContain(t, viewer.page("/expenses"), "/sending/probe")
	if cs, err := s.store.ClaimSteps(t.Context(), 10, 10, time.Minute); err != nil || len(cs) != 0 {
		t.Fatalf("%d are sent, %v", len(cs), err)
	}
	v.post("/sending/probe")
	mustContain(t, v.page("/expenses"), "One expense is being tried now.")
	s.settle(accepted("op-1", store.OutcomePending))
	mustNotContain(t, v.page("/expenses"), "Codat has refused our API key")
}

// needing enters expenses of a category that is no account yet, and pushes them.
func (v *visitor) needing(c store.Company, category string, n int) []int64 {
	v.t.Helper()
	var es []store.NewExpense
	for i := range n {
		es = append(es, store.NewExpense{CompanyID: c.ID, Reference: fmt.Sprintf("%s-%d", category, i+1), Currency: "GBP", Source: "form",
			IssueDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Supplier: "Supplier 1",
			Lines: []store.Line{{Description: "Taxi", Category: category, Net: decimal.MustParse("10")}}})
	}
	ids, err := v.store.AddExpenses(v.t.Context(), v.user, es)
	if err != nil {
		v.t.Fatal(err)
	}
	form := []string{}
	for _, id := range ids {
		form = append(form, "id", strconv.FormatInt(id, 10))
	}
	v.post("/expenses/push", form...)
	return ids
}

func TestOthersThatFailedWithIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	c := s.company("Northwind", "GBP", store.Linked)
	ids := v.needing(c, "Travel", 4)
	taken := store.Settlement{Reply: store.Reply{Status: 400}, Failed: &store.Failure{Fact: []byte(`{"kind":"account","httpStatus":400}`), Cause: "account_code_taken", Subject: "429", Rules: explain.Version}}
	s.settle(taken)
	path := expenseURL(ids[0])
	page := v.page(path)
	mustContain(t, page, "Account Travel could not be created. Account code 429 is already used in Xero.", "Retry the other 3", "never sent", "Push failed")
	if n := strings.Count(page, `name="id"`); n != 3 {
		t.Errorf("the form has %d expenses, want 3", n)
	}
	mustNotContain(t, viewer.page(path), "Retry the other")
	mustContain(t, v.page("/expenses"), "Account Travel · Account code 429 is already used in Xero")

	if got := v.postFrom("/expenses?status=failed", path+"/retry"); got.location != "/expenses?status=failed" {
		t.Errorf("retry: %d to %q", got.status, got.location)
	}
	page = v.page("/expenses?status=failed")
	mustContain(t, page, "Travel-1 is on its way. 3 other expenses failed for the same reason.", "Retry the other 3")
	var form []string
	for _, id := range ids[1:] {
		form = append(form, "id", strconv.FormatInt(id, 10))
		mustContain(t, page, fmt.Sprintf(`<input type="hidden" name="id" value="%d">`, id))
	}
	v.post("/expenses/retry", form...)
	mustContain(t, v.page("/expenses"), "3 expenses are on their way.")
	mustNotContain(t, v.page(path), "Retry the other")
	claims, err := s.store.ClaimSteps(t.Context(), 10, 10, time.Minute)
	if err != nil || len(claims) != 1 || claims[0].Kind != store.AccountStep {
		t.Errorf("the account is retried as %+v, %v", claims, err)
	}
}

func TestTheWayToTheLedger(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	e := store.NewExpense{CompanyID: c.ID, Reference: "R-1", Currency: "GBP", Source: "form", IssueDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Supplier: "New <Ltd>", Lines: []store.Line{{Description: "Taxi", Category: "Travel", Net: decimal.MustParse("10")}}}
	ids, err := s.store.AddExpenses(t.Context(), v.user, []store.NewExpense{e})
	if err != nil {
		t.Fatal(err)
	}
	path := expenseURL(ids[0])
	mustContain(t, v.page(path), "Pushing it will create first", "<bdi>Travel</bdi>", "<bdi>New &lt;Ltd&gt;</bdi>")
	v.post(path + "/push")
	page := v.page(path)
	mustNotContain(t, page, "Pushing it will create first")
	s.settle(accepted("op-account", store.OutcomePending))
	mustContain(t, v.page(path), "op-account", "waits for the steps before it", "waiting for account Travel", path+"/withdraw")
	account := s.pushes(ids[0])[0].Steps[0]
	if err := s.store.Answered(t.Context(), account.ID, store.Outcome{Status: store.OutcomeSuccess, RecordID: "a-9", Source: "reading"}); err != nil {
		t.Fatal(err)
	}
	mustContain(t, v.page(path), "waiting for supplier New", " · took ")
	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-supplier", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "s-9"}})
	s.settle(store.Settlement{Reply: store.Reply{Status: 400}, Failed: &store.Failure{Fact: []byte(`{}`), Cause: "account_not_found", Rules: explain.Version, Unknown: true}})
	page = v.page(path)
	mustContain(t, page, "Xero is being read again, then sent once more", "did not know a new record yet; sent once more", "op-supplier", "Push in progress")
	if n := strings.Count(page, `class="step"`); n != 4 {
		t.Errorf("%d steps are drawn, want account, supplier and the expense twice", n)
	}
	mustContain(t, page, path+"/withdraw")
}

func TestWritesOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	c := s.company("Northwind", "GBP", store.Linked)
	at := time.Now().Add(-time.Hour)
	err := s.store.SawForeign(t.Context(), c.ID, []store.ForeignOperation{
		{OperationKey: "op-1", DataType: "directCosts", Status: "Success", RecordID: "4f1a", RequestedAt: &at},
		{OperationKey: "op-2", DataType: "<b>", Status: "Failed", RequestedAt: &at},
	})
	if err != nil {
		t.Fatal(err)
	}
	said := "2 writes in Northwind’s history at Codat were not sent by Tallylight."
	for _, path := range []string{"/connections", companyURL(c.ID), "/expenses?company=1"} {
		mustContain(t, v.page(path), said, companyURL(c.ID)+"#foreign")
	}
	mustNotContain(t, v.page("/expenses"), said)
	page := v.page(companyURL(c.ID))
	mustContain(t, page, "Direct cost", "Success", "4f1a", "op-1", "op-2", "&lt;b&gt;", "I have looked at these")
	mustNotContain(t, viewer.page(companyURL(c.ID)), "I have looked at these")

	later := []store.ForeignOperation{{OperationKey: "op-3", DataType: "suppliers", Status: "Success", RequestedAt: &at}}
	if err := s.store.SawForeign(t.Context(), c.ID, later); err != nil {
		t.Fatal(err)
	}
	v.post(companyURL(c.ID)+"/foreign/dismiss", "seen", "nonsense")
	mustContain(t, v.page(companyURL(c.ID)), "Nothing was changed.", "op-1")
	v.post(companyURL(c.ID)+"/foreign/dismiss", filled(page)...)
	page = v.page(companyURL(c.ID))
	mustContain(t, page, "1 write in Northwind’s history at Codat was not sent by Tallylight.", "op-3")
	mustNotContain(t, page, "op-1", "op-2")
}

func TestNoticesAreClosedByName(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.listen()
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	c := s.company("Northwind", "GBP", store.Linked)
	id := v.doubtful(c, 1)[0]
	v.post(expenseURL(id)+"/not-there", "looked", "yes")
	watched := v.watch("topics=expenses&show=0")
	first := s.pushes(id)[1].Steps[0]
	if err := s.store.Answered(t.Context(), first.ID, store.Outcome{Status: store.OutcomeSuccess, RecordID: "4f1a", Source: "reading"}); err != nil {
		t.Fatal(err)
	}
	await(t, watched, "a resync", func(e event) bool { return e.name == "resync" })
	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-2", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "77c0"}})
	page := v.page("/expenses")
	mustContain(t, page, "Northwind-1 may be booked twice. Its records in Xero are 4f1a and 77c0: one of them is too many.", `action="/notices/1/close"`)
	mustNotContain(t, viewer.page("/expenses"), "/notices/1/close")
	if got := v.postFrom("/expenses", "/notices/1/close"); got.location != "/expenses" {
		t.Errorf("close: %d to %q", got.status, got.location)
	}
	page = v.page("/expenses")
	mustContain(t, page, "The notice is closed, with your name beside it.")
	mustNotContain(t, page, "may be booked twice")
	v.post("/notices/1/close")
	mustContain(t, v.page(expenseURL(id)), "Somebody has closed that notice already.", "finance@example.com put it right that it may be booked twice")
	var by string
	if err := storetest.DB(t, s.dsn).Get(&by, `SELECT email FROM notices JOIN users ON users.id = closed_by`); err != nil || by != "finance@example.com" {
		t.Errorf("closed by %q, %v", by, err)
	}

	v.needing(c, "Travel", 1)
	s.settle(accepted("op-3", store.OutcomePending))
	account := s.pushes(2)[0].Steps[0]
	err := s.store.NotFound(t.Context(), account.ID, store.Failure{})
	for _, o := range []store.Outcome{{Status: store.OutcomeFailed, Source: "reading"}, {Status: store.OutcomeSuccess, RecordID: "a-9", Source: "webhook"}} {
		if err == nil {
			err = s.store.Answered(t.Context(), account.ID, o)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, v.page("/expenses"), "Account Travel may be in Xero twice. A try that had failed made record a-9 in Xero after all.", companyURL(c.ID))
}
