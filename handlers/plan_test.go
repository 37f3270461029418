package handlers

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/store/storetest"
	"tallylight/views"
)

// carryOut has all that plans have to do done.
func (s *site) carryOut() {
	s.t.Helper()
	b := &push.Bulk{Store: s.store, Log: s.handlers.Log}
	for b.Next(s.t.Context()) {
	}
}

// choose makes a plan for these expenses and returns where it is.
func (v *visitor) choose(do string, ids ...int64) string {
	v.t.Helper()
	form := []string{"do", do}
	for _, id := range ids {
		form = append(form, "id", fmt.Sprint(id))
	}
	a := v.post("/expenses/plan", form...)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/plans/") {
		v.t.Fatalf("plan: %d to %q %s", a.status, a.location, a.body)
	}
	return a.location
}

func TestAPlanIsSaidThenCarriedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer, other := s.person(store.Finance), s.person(store.Viewer), s.person(store.Admin)
	c := s.company("Northwind", "GBP", store.Linked)
	good, bad := s.expenses(v.user, c, 3), s.nameless(v.user, c, "Bad", 5)
	twin := s.nameless(v.user, c, "Twin", 1)
	plan := v.choose("push", append(append(append([]int64{}, good...), bad...), twin...)...)

	for range 2 { // reading it changes nothing
		page := v.page(plan)
		mustContain(t, page, "Push 9 expenses", "Nothing is done yet", "3 expenses can go, GBP 30.00.", "Push 3 expenses",
			"6 cannot go as they are", "Xero needs a contact: choose one", "Bad-1", "All 6", "Send the 6 that would fail as well",
			"2 look like others", ">Bad-1<", ">Twin-1<", "also chosen", "Requests to Codat", "15 requests a second", "not told yet by Codat")
		mustNotContain(t, page, "Receipt")
	}
	if got := s.statusOf(good[0]); got != store.NotPushed {
		t.Fatalf("looking at a plan makes it %s", got)
	}
	mustContain(t, v.page(plan+"/items?why=Xero+needs+a+contact%3A+choose+one"), "Bad-5", "Twin-1", "GBP 10.00")
	mustContain(t, viewer.page(plan), `class="plan"`)
	for _, who := range []*visitor{viewer, other} {
		if a := who.post(plan + "/start"); a.status != http.StatusForbidden {
			t.Errorf("%s starts somebody else's plan: %d", who.user.Role, a.status)
		}
	}

	mustNotContain(t, v.page(plan), "data-ends-selection")
	mustContain(t, v.page("/plans"), `href="`+plan+`"`, "not started")
	mustNotContain(t, viewer.page("/plans"), plan)
	for range 2 {
		if a := v.post(plan + "/start"); a.location != plan {
			t.Fatalf("start: %d to %q", a.status, a.location)
		}
	}
	mustContain(t, v.page(plan), "data-ends-selection", "Under way", "0 of 9 settled", "Waiting their turn", plan+"/pause", "Stop: leave the other 9 as they are")
	db := storetest.DB(t, s.dsn)
	db.MustExec(`UPDATE bulk_plans SET batch_at = clock() + interval '1 hour'`)
	s.carryOut()
	mustContain(t, v.page(plan), "0 of 9 settled", "The last try broke off; it is tried again at ")
	db.MustExec(`UPDATE bulk_plans SET batch_at = clock()`)
	s.carryOut()
	page := v.page(plan)
	held := s.company("Adatum", "GBP", "Deauthorized")
	down := v.choose("push", s.expenses(v.user, held, 2)...)
	v.post(down + "/start")
	s.carryOut()
	mustContain(t, v.page(down), "2 expenses pushed. 2 wait until their connection is back.", "On hold", `items?became=on_hold">2<`)
	mustContain(t, v.page(down+"/items?became=on_hold"), "Adatum-1", "waits for its connection")
	mustContain(t, page, "Almost there", "3 are still on their way.", "6 of 9 settled", "6 left out", "Xero needs a contact", "GBP 30.00")
	for range 3 {
		s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-" + fmt.Sprint(s.pushWoke.Add(1)), Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "r"}})
	}
	mustContain(t, v.page(plan), "Done", "3 expenses pushed.", "9 of 9 settled")
	if a := other.post(plan + "/pause"); a.location != plan {
		t.Errorf("an administrator who comes too late to pause it: %d", a.status)
	}
	left := v.page(plan + "/items?became=left_out")
	mustContain(t, v.page(plan), `href="`+plan+`/items?became=left_out">6<`, `href="`+plan+`/items?became=complete">3<`)
	mustContain(t, left, "Bad-5", "Twin-1", "Left out")
	mustNotContain(t, left, "Northwind-1")
	mustContain(t, v.page(plan+"/items?became=complete"), "Northwind-3")
	mustContain(t, viewer.page("/plans"), plan, "Push 9 expenses", "ended", "finance@example.com")
	receipt := v.get(plan + "/receipt.csv")
	mustContain(t, receipt.body, "reference,company,amount,currency,outcome,reason", "Northwind-1,Northwind,10.00,GBP,complete,,push,finance@example.com,",
		"Bad-1,Northwind,10.00,GBP,left out,Xero needs a contact: choose one,push")
	if n := strings.Count(receipt.body, "\n"); n != 10 {
		t.Errorf("the receipt has %d lines", n)
	}

	plan = v.choose("push", append(bad, good[0])...)
	v.post(expenseURL(bad[1]), filled(v.page(expenseURL(bad[1])+"/edit"), "line_net", "1000")...)
	v.post(plan+"/start", "anyway", "1")
	s.carryOut()
	if got := s.statusOf(bad[0]); got != store.InProgress {
		t.Errorf("pushed anyway by a plan: %s", got)
	}
	if got := s.statusOf(bad[1]); got != store.NotPushed {
		t.Errorf("for another sum than the plan says: %s", got)
	}
	mustContain(t, v.page(plan), "2 left out", "In the ledger already", "Amount changed since the plan was made", "pushed all the same")
	mustContain(t, v.page(expenseURL(bad[0])), "pressed Push anyway: it was said what would fail")
}

// What is said of the expenses that wait counts them as people do: one, and none.
func TestWhatIsLeftOfAPlan(t *testing.T) {
	t.Parallel()
	for waiting, want := range map[int][2]string{
		0: {"What was pushed already goes on.", "3 expenses pushed."},
		1: {"What was pushed already goes on. The other one waits until somebody resumes the plan.", "3 expenses pushed. The other one stayed as it was."},
		2: {"What was pushed already goes on. The other 2 wait until somebody resumes the plan.", "3 expenses pushed. The other 2 stayed as they were."},
	} {
		for i, state := range []store.PlanState{store.PlanPaused, store.PlanStopped} {
			var part views.Plan
			planProgress(store.Plan{Action: store.BulkPush, State: state}, store.PlanTally{All: 3 + waiting, Done: 3, Waiting: waiting}, &part)
			if part.Lead != want[i] {
				t.Errorf("%d wait, %s: %q", waiting, state, part.Lead)
			}
		}
	}
}

// What the day's quota does not let through goes on as many days as it takes.
func TestWhenAPlanIsDoneWithinTheQuota(t *testing.T) {
	t.Parallel()
	reset := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	c := clock{reset.Add(-6 * time.Hour), time.UTC}
	for over, want := range map[int]string{
		1:     "after 28 Nov, 00:00: the quota does not suffice before",
		5000:  "after 28 Nov, 00:00: the quota does not suffice before",
		5001:  "about 29 Nov 2026: the quota lets through 5,000 requests a day",
		89522: "about 15 Dec 2026: the quota lets through 5,000 requests a day",
	} {
		if got := overQuota(over, store.Quota{Limit: 5000, ResetAt: &reset}, c); got != want {
			t.Errorf("%d over: %q", over, got)
		}
	}
}

// A filter that is lost, or that cannot be read, chooses nothing rather than everything.
func TestALostFilterDoesNotWidenAPlan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 3)
	for name, value := range map[string]string{"status": "fine", "company": "999", "from": "yesterday", "to": "31.1.2026", "min": "1,5", "max": "a lot", "currency": "pounds", "subject": "429"} {
		if a := v.postFrom("/expenses", "/expenses/plan", "do", "push", "all", "1", "q", "Northwind", name, value); a.location != "/expenses" {
			t.Errorf("%s=%s: %d to %q", name, value, a.status, a.location)
		}
		mustContain(t, v.page("/expenses"), "the filter "+name+" could not be read")
	}
	v.postFrom("/expenses", "/expenses/plan", "do", "push", "all", "1", "status", "not_pushed", "cause", "", "subject", "")
	mustContain(t, v.page("/expenses"), "the filter cause could not be read")
	for _, form := range [][]string{{"do", "push"}, {"do", "push", "all", "yes"}, {"do", "retry", "all", "1", "q", "nothing is called that"}} {
		if a := v.postFrom("/expenses", "/expenses/plan", form...); a.location != "/expenses" {
			t.Errorf("%v: %d to %q", form, a.status, a.location)
		}
		mustContain(t, v.page("/expenses"), "No expense was chosen")
	}
	if a := v.post("/expenses/plan", "do", "delete", "all", "1"); a.status != http.StatusBadRequest {
		t.Errorf("what nobody knows is planned: %d", a.status)
	}
	a := v.post("/expenses/plan", "do", "push", "all", "1", "q", "Northwind-1", "status", "not_pushed", "company", "1")
	mustContain(t, v.page(a.location), "Push 1 expense")
}

func TestHandledOutside(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	ids := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 4)
	path := expenseURL(ids[0])
	mustContain(t, v.page(path), "Mark as handled outside")
	mustNotContain(t, viewer.page(path), "Mark as handled outside")
	v.post(path+"/handled", "reason", " ")
	mustContain(t, v.page(path), "Say why it was handled outside")
	v.post(path+"/handled", "reason", strings.Repeat("x", 301))
	mustContain(t, v.page(path), "The reason has 301 characters; 300 are the most.")
	opened := path + "?list=q%3DNorthwind" // from a list, which it leads back to
	if a := v.postFrom(opened, path+"/handled", "reason", "Booked by <hand>"); a.location != opened {
		t.Errorf("handled leads to %q", a.location)
	}
	page := v.page(path)
	mustContain(t, page, "Handled outside", "Booked by &lt;hand&gt;", "finance@example.com marked it as handled outside", path+"/unhandled")
	mustNotContain(t, page, path+"/push", path+"/edit", path+"/delete")
	mustContain(t, v.page("/expenses?status=handled"), `data-status="handled"`, "Booked by &lt;hand&gt;")
	v.post(path + "/push")
	mustContain(t, v.page(path), "Northwind-1 was handled outside. Undo that first.")
	if a := v.get(path + "/edit"); a.status != http.StatusSeeOther {
		t.Errorf("edit: %d", a.status)
	}
	mustContain(t, v.page(path), "Northwind-1 was handled outside. Undo that first; then it can be changed.")
	v.post(path + "/delete")
	mustContain(t, v.page(path), "Northwind-1 was handled outside, so it stays.")

	plan := v.choose("handled", ids...)
	page = v.page(plan)
	mustContain(t, page, "Mark 4 expenses as handled outside", `name="reason"`, "1 cannot go as it is", "Handled outside already")
	v.post(plan + "/start")
	mustContain(t, v.page(plan), "Say why it was handled outside", "Nothing is done yet")
	v.post(plan+"/start", "reason", "Year end")
	s.carryOut()
	mustContain(t, v.page(plan), "3 expenses marked as handled outside.", "Year end")
	mustContain(t, v.get(plan+"/receipt.csv").body, "marked as handled outside,Year end")

	v.post(path + "/unhandled")
	mustContain(t, v.page(path), "Northwind-1 is again what it was: not pushed.", "undid that it was handled outside")
	mustContain(t, v.page("/expenses?status=handled"), `name="do" value="undo"`)
	mustNotContain(t, v.page("/expenses"), `name="do" value="undo"`)
	plan = v.choose("undo", ids...)
	v.post(plan + "/start")
	s.carryOut()
	mustContain(t, v.page(plan), "3 expenses no longer handled outside.")
}

func TestFailuresByCause(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	c := s.company("Northwind", "GBP", store.Linked)
	mustContain(t, v.page("/expenses/causes"), "No push has failed")
	ids := s.expenses(v.user, c, 3)
	for _, id := range ids {
		v.post(expenseURL(id) + "/push")
		f := &store.Failure{Fact: []byte(`{}`), Cause: "account_archived", Subject: "429", Rules: 1}
		if id == ids[2] {
			f.Subject = ""
		}
		s.settle(store.Settlement{Reply: store.Reply{Status: 400}, Failed: f})
	}
	page := v.page("/expenses/causes")
	mustContain(t, page, "2 expenses of 1 company", "GBP 20.00", "Account 429 is archived in Xero.", "Retry both", "Mapping of Northwind", "Retry it",
		`name="subject" value="429"`, "/expenses?status=failed&amp;cause=account_archived&amp;subject=429")
	list := v.page("/expenses?status=failed&cause=account_archived&subject=")
	mustContain(t, page, `href="/expenses?status=failed&amp;cause=account_archived&amp;subject="`)
	mustContain(t, list, "Northwind-3", ", not said which<", `<input type="hidden" name="subject" value="">`)
	mustNotContain(t, list, "Northwind-1", "Northwind-2")
	mustNotContain(t, viewer.page("/expenses/causes"), "Retry")
	mustContain(t, v.page("/expenses/causes?q=nothing"), "None of these has failed")
	a := v.post("/expenses/plan", "do", "retry", "all", "1", "status", "failed", "cause", "account_archived", "subject", "")
	mustContain(t, v.page(a.location), "Retry 1 expense")
	a = v.post("/expenses/plan", "do", "retry", "all", "1", "status", "failed", "cause", "account_archived", "subject", "429")
	mustContain(t, v.page(a.location), "Retry 2 expenses", "2 expenses can go")

	for _, name := range []string{"Adatum", "Fabrikam", "Tailspin"} {
		s.company(name, "GBP", store.Linked)
	}
	storetest.DB(t, s.dsn).MustExec(`INSERT INTO expenses (company_id, reference, issue_date, currency, net, tax, total, source, status, cause, cause_subject)
		SELECT c.id, x.cause, '2026-01-01', 'GBP', 1, 0, 1, 'example', 'failed', x.cause, x.subject
		FROM companies c, (VALUES ('account_archived', '500'), ('period_closed', '')) AS x (cause, subject)`)
	page = v.page("/expenses/causes")
	mustContain(t, page, "4 expenses of 4 companies", "1 more company", "Mapping of Adatum", "Mapping of Fabrikam", "Mapping of Tailspin", "Edit them one by one")
	edit := html.UnescapeString(regexp.MustCompile(`href="(/expenses/\d+/edit\?list=[^"]+)"`).FindStringSubmatch(page)[1])
	mustContain(t, v.page(edit), `value="period_closed"`, `name="list" value="cause=period_closed&amp;status=failed&amp;subject="`)
	mustNotContain(t, viewer.page("/expenses/causes"), "Edit them")
}
