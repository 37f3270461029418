package handlers

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"tallylight/internal/explain"
	"tallylight/store"
)

// accepted is a send that Codat took, as that operation.
func accepted(key string, o store.OutcomeStatus) store.Settlement {
	return store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: key, Outcome: store.Outcome{Status: o, Source: "reply",
		Failure: store.Failure{Fact: []byte(`{}`), Cause: string(explain.CauseTimedOut), Rules: explain.Version}}}
}

// lost is a send after which only a person can tell.
func lost() store.Settlement {
	return store.Settlement{Reply: store.Reply{Error: "closed"}, Unknown: &store.Failure{Fact: []byte(`{}`), Cause: string(explain.CauseLostReply), Rules: explain.Version}}
}

// doubtful pushes n expenses of a company and lets each need checking.
func (v *visitor) doubtful(c store.Company, n int) []int64 {
	v.t.Helper()
	ids := v.expenses(v.user, c, n)
	for _, id := range ids {
		v.post(expenseURL(id) + "/push")
		v.settle(lost())
	}
	return ids
}

func (s *site) status(id int64) store.ExpenseStatus {
	s.t.Helper()
	e, err := s.store.Expense(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return e.Status
}

func (s *site) pushes(id int64) []store.Push {
	s.t.Helper()
	ps, err := s.store.Pushes(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return ps
}

func TestTheCheckPageSaysWhatToLookFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	id := v.doubtful(s.company("Northwind", "GBP", store.Linked), 1)[0]
	mustContain(t, v.page("/expenses"), expenseURL(id)+"/check")
	mustContain(t, v.page(expenseURL(id)), expenseURL(id)+"/check", "What needs checking")
	page := v.page(expenseURL(id) + "/check")
	mustContain(t, page, "Northwind-1", "GBP 10.00", "1 Jan 2026", "Supplier 0", "Business card", "not known: no usable answer came", "&#34;reference&#34;",
		"I looked in Xero for Northwind-1, GBP 10.00 on 1 Jan 2026, and it is not there.", "booked a second time", "/found", "/not-there", "/ask")
	mustNotContain(t, page, "<script>alert")
	page = viewer.page(expenseURL(id) + "/check")
	mustContain(t, page, "Northwind-1", "Somebody in finance")
	mustNotContain(t, page, "/found", "/not-there", "/ask")
	if got := v.get("/expenses/999/check"); got.status != http.StatusNotFound {
		t.Errorf("check of an expense that is not there: %d", got.status)
	}
}

func TestAPersonFindsIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	ids := v.doubtful(s.company("Northwind", "GBP", store.Linked), 2)
	for typed, want := range map[string]string{" ": "Enter the id or number", strings.Repeat("x", 256): "not an id or number", "a\x00b": "not an id or number"} {
		got := v.post(expenseURL(ids[0])+"/found", "record", typed)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("record %q: %d", typed, got.status)
		}
		mustContain(t, got.body, want)
	}
	if got := v.post(expenseURL(ids[0])+"/found", "record", " 4f1a "); got.location != expenseURL(ids[0]) {
		t.Fatalf("found: %d to %q", got.status, got.location)
	}
	mustContain(t, v.page(expenseURL(ids[0])), "Push complete", "Northwind-1 is in the ledger, as record 4f1a.", "finance@example.com found it in the ledger, as record 4f1a")

	got := v.post(expenseURL(ids[1])+"/found", "record", "4f1a")
	if got.status != http.StatusUnprocessableEntity || s.status(ids[1]) != store.NeedsChecking {
		t.Errorf("a record that is taken: %d, the expense is %s", got.status, s.status(ids[1]))
	}
	mustContain(t, got.body, "That record is Northwind-1 already.", `value="4f1a"`)

	for _, late := range []answer{
		v.post(expenseURL(ids[0])+"/found", "record", "77c0"),
		v.post(expenseURL(ids[0])+"/not-there", "looked", "yes"),
		v.post(expenseURL(ids[0]) + "/ask"),
	} {
		if late.location != expenseURL(ids[0]) {
			t.Errorf("a decision that comes late: %d to %q", late.status, late.location)
		}
	}
	if page := v.page(expenseURL(ids[0])); strings.Count(page, "Somebody, or late news, was quicker: Northwind-1 is “Push complete”.") != 3 {
		t.Errorf("late decisions are not told: %s", page)
	}
	mustContain(t, v.page(expenseURL(ids[0])+"/check"), "does not need checking any more")
	if got := v.post("/expenses/999/found", "record", "1"); got.status != http.StatusNotFound {
		t.Errorf("found of an expense that is not there: %d", got.status)
	}
}

func TestAPersonDoesNotFindIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, colleague := s.person(store.Finance), s.person(store.Admin)
	id := v.doubtful(s.company("Northwind", "GBP", store.Linked), 1)[0]
	got := v.post(expenseURL(id) + "/not-there")
	if got.status != http.StatusUnprocessableEntity || len(s.pushes(id)) != 1 {
		t.Fatalf("without having looked: %d, %d pushes", got.status, len(s.pushes(id)))
	}
	mustContain(t, got.body, "Look there first, then tick the box.")
	var pressing sync.WaitGroup
	for _, who := range []*visitor{v, v, colleague} {
		pressing.Go(func() { who.post(expenseURL(id)+"/not-there", "looked", "yes") })
	}
	pressing.Wait()
	if n := len(s.pushes(id)); n != 2 || s.status(id) != store.InProgress {
		t.Errorf("three presses made %d pushes; it is %s", n-1, s.status(id))
	}
	mustContain(t, v.page(expenseURL(id)), "did not find it in the ledger", "Push in progress")
	s.settle(accepted("op-1", store.OutcomeSuccess))
	other := v.doubtful(s.company("Fabrikam", "GBP", store.Linked), 1)[0]
	v.post(expenseURL(other)+"/not-there", "looked", "yes")
	v.post(expenseURL(other)+"/not-there", "looked", "yes")
	mustContain(t, v.page(expenseURL(other)), "It was not in the ledger. Fabrikam-1 is on its way.", "was quicker: Fabrikam-1 is “Push in progress”.")
}

func TestCodatIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	id := v.doubtful(c, 1)[0]
	mustContain(t, v.page(expenseURL(id)+"/check"), "history of the company once more")
	v.post(expenseURL(id) + "/ask")
	mustContain(t, v.page(expenseURL(id)), "Codat is being asked again.", "Push in progress", "no answer from Codat · looking in its history")

	timedOut := s.named(v.user, c, "Late", 1)[0]
	v.post(expenseURL(timedOut) + "/push")
	s.settle(accepted("op-1", store.OutcomeTimedOut))
	mustContain(t, v.page(expenseURL(timedOut)+"/check"), "op-1", "how the operation ended")
	v.post(expenseURL(timedOut) + "/ask")
	if sweep, err := s.store.ClaimSweep(t.Context()); err != nil || len(sweep.Steps) == 0 {
		t.Errorf("nothing is asked: %+v, %v", sweep, err)
	}
	if s.status(timedOut) != store.NeedsChecking {
		t.Errorf("until Codat answers it is %s", s.status(timedOut))
	}
}
