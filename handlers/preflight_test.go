package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/push"
	"tallylight/store"
)

// nameless enters n expenses that name no supplier, which Xero does not take.
func (s *site) nameless(by store.User, c store.Company, name string, n int) []int64 {
	s.t.Helper()
	var es []store.NewExpense
	for i := range n {
		es = append(es, store.NewExpense{CompanyID: c.ID, Reference: fmt.Sprintf("%s-%d", name, i+1), Currency: "GBP", Source: "form",
			IssueDate: time.Date(2026, 2, 1+i, 0, 0, 0, 0, time.UTC), Lines: []store.Line{{Description: "Lunch", Category: "Meals", Net: decimal.MustParse("10")}}})
	}
	ids, err := s.store.AddExpenses(s.t.Context(), by, es)
	if err != nil {
		s.t.Fatal(err)
	}
	return ids
}

func (s *site) statusOf(id int64) store.ExpenseStatus {
	s.t.Helper()
	items, err := s.store.ExpenseItems(s.t.Context(), []int64{id})
	if err != nil || len(items) != 1 {
		s.t.Fatal(err)
	}
	return items[0].Status
}

func TestWhatWouldFailIsSaidBeforehand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, viewer := s.person(store.Finance), s.person(store.Viewer)
	c := s.company("Northwind", "GBP", store.Linked)
	id := s.nameless(v.user, c, "R", 1)[0]

	mustContain(t, v.page("/expenses"), "Xero needs a contact: choose one", `>Fix<span class="unseen"> R-1`)
	page := v.page(expenseURL(id))
	mustContain(t, page, "What would fail", "Xero books no expense without a contact", `href="`+companyURL(c.ID)+`/mapping/text?kind=supplier&amp;text="`, ">Push anyway<", `name="anyway" value="1"`)
	mustNotContain(t, page, expenseURL(id)+`/push"`)
	seen := viewer.page(expenseURL(id))
	mustContain(t, seen, "Xero books no expense without a contact")
	mustNotContain(t, seen, "Push anyway")

	v.postFrom(expenseURL(id), expenseURL(id)+"/push") // as from an old page
	if got := s.statusOf(id); got != store.NotPushed {
		t.Fatalf("pushed what would fail: %s", got)
	}
	mustContain(t, v.page(expenseURL(id)), "R-1 cannot be pushed: Xero needs a contact: choose one.", "Push it anyway")

	got := v.postFrom(expenseURL(id), "/expenses/push", "id", fmt.Sprint(id), "anyway", "1")
	if got.status != http.StatusSeeOther || s.statusOf(id) != store.InProgress {
		t.Fatalf("pushed anyway: %d, %s", got.status, s.statusOf(id))
	}
	mustContain(t, v.page(expenseURL(id)), "pressed Push anyway: it was said what would fail")
}

func TestManyThatWouldFailAreSaidTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	bad, good := s.nameless(v.user, c, "Bad", 12), s.expenses(v.user, c, 2)
	var form []string
	for _, id := range append(append([]int64{}, bad...), good...) {
		form = append(form, "id", fmt.Sprint(id))
	}
	v.postFrom("/expenses", "/expenses/push", form...)
	page := v.page("/expenses")
	mustContain(t, page, "2 expenses are on their way. 12 need a contact in Xero.", "Push these 12 anyway")
	if strings.Count(page, "cannot be pushed") > 0 {
		t.Error("each is told on its own")
	}
	form = []string{"anyway", "1"}
	for _, id := range bad {
		form = append(form, "id", fmt.Sprint(id))
	}
	v.postFrom("/expenses", "/expenses/push", form...)
	mustContain(t, v.page("/expenses"), "12 expenses are on their way.")
	for _, id := range bad {
		if got := s.statusOf(id); got != store.InProgress {
			t.Errorf("%d is %s", id, got)
		}
	}
}

// A connection that is down holds a push. What is wrong with the mapping can be mended before it goes; what is wrong with the expense
// itself stops it.
func TestADownConnectionHoldsAndDoesNotBlock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", "Deauthorized")
	good, bad := s.expenses(v.user, c, 1)[0], s.nameless(v.user, c, "Bad", 1)[0]
	long := s.nameless(v.user, c, "Long"+strings.Repeat("x", 260), 1)[0]
	mustContain(t, v.page(expenseURL(bad)), "What may fail", "Xero books no expense without a contact")
	v.post("/expenses/push", "id", fmt.Sprint(good), "id", fmt.Sprint(bad), "id", fmt.Sprint(long))
	if s.statusOf(good) != store.OnHold || s.statusOf(bad) != store.OnHold || s.statusOf(long) != store.NotPushed {
		t.Errorf("good is %s, bad is %s, long is %s", s.statusOf(good), s.statusOf(bad), s.statusOf(long))
	}
	mustContain(t, v.page("/expenses"), "cannot be pushed: Xero takes 255 characters of reference.")
}

func TestRefusedSentences(t *testing.T) {
	t.Parallel()
	refused := func(n int, code string) (out []push.Refused) {
		for range n {
			out = append(out, push.Refused{ID: 1, Sentence: "R-" + code + " cannot be pushed: it.", Problem: &push.Problem{Code: code, One: "lacks " + code, Many: "lack " + code}})
		}
		return out
	}
	under := push.Refused{ID: 9, Sentence: "R-9 is in the ledger already."}
	for want, list := range map[string][]push.Refused{
		"R-a cannot be pushed: it.":               refused(1, "a"),
		"2 lack a.":                               refused(2, "a"),
		"R-b cannot be pushed: it.|1,200 lack a.": append(refused(1200, "a"), refused(1, "b")...),
		"R-9 is in the ledger already.|2 lack a.": append(refused(2, "a"), under),
		"R-9 is in the ledger already.|R-9 is in the ledger already.|R-9 is in the ledger already.|2 more could not be sent either.": {under, under, under, under, under},
		"1 lacks a.|2 lack b.|1 lacks c.|1 lacks d.": append(append(append(refused(1, "a"), refused(2, "b")...), refused(1, "c")...), refused(1, "d")...),
	} {
		if got := strings.Join(refusedSentences(list), "|"); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
}
