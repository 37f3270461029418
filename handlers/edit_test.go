package handlers

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tallylight/internal/explain"
	"tallylight/store"
)

var (
	inputPattern = regexp.MustCompile(`<(?:input|textarea)[^>]* name="([^"]+)"[^>]*>`)
	valuePattern = regexp.MustCompile(` value="([^"]*)"`)
)

// filled is the form on a page, as a browser would send it.
func filled(page string, over ...string) []string {
	values := map[string]string{}
	var form []string
	for i := 0; i < len(over); i += 2 {
		values[over[i]] = over[i+1]
	}
	for _, m := range inputPattern.FindAllStringSubmatch(page, -1) {
		value := ""
		if set := valuePattern.FindStringSubmatch(m[0]); set != nil {
			value = html.UnescapeString(set[1])
		}
		if v, ok := values[m[1]]; ok {
			value = v
		}
		form = append(form, m[1], value)
	}
	return form
}

func TestEditing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, colleague := s.person(store.Finance), s.person(store.Admin)
	c := s.company("Northwind", "GBP", store.Linked)
	ids := s.expenses(v.user, c, 2)
	path := expenseURL(ids[0])
	mustContain(t, v.page(path), path+"/edit", path+"/delete")
	page := v.page(path + "/edit")
	mustContain(t, page, `value="Northwind-1"`, `value="2026-01-01"`, `value="10.00"`, `value="Lunch"`, `<option value="Supplier 1">`, `action="`+path+`"`)
	mustNotContain(t, page, "Save and retry")

	if got := v.post(path, filled(page)...); got.location != path {
		t.Errorf("nothing changed: %d to %q", got.status, got.location)
	}
	got := v.post(path, filled(page, "supplier", "Supplier 2", "line_net", "12.5", "company", "999")...)
	if got.location != path {
		t.Fatalf("change: %d %s", got.status, got.body)
	}
	shown := v.page(path)
	mustContain(t, shown, "Northwind-1 is changed.", "GBP 12.50", "Supplier 2", "<dt><bdi>Supplier</bdi></dt>", "<bdi>Supplier 0</bdi>", "<dt><bdi>Line 1, net</bdi></dt>",
		"<bdi>10.00</bdi>", "<bdi>12.50</bdi>")
	if strings.Count(shown, "finance@example.com changed it") != 1 {
		t.Error("saving without a change is told as one")
	}

	got = colleague.post(path, filled(page, "supplier", "Supplier 1")...)
	if got.status != http.StatusConflict {
		t.Fatalf("a change of what a colleague has changed meanwhile: %d", got.status)
	}
	mustContain(t, got.body, "finance@example.com changed this expense meanwhile.", `value="Supplier 1"`)
	if got := colleague.post(path, filled(got.body)...); got.location != path {
		t.Errorf("saving it again: %d", got.status)
	}
	e, err := s.store.Expense(t.Context(), ids[0])
	if err != nil || e.Supplier != "Supplier 1" || e.CompanyID != c.ID {
		t.Errorf("%+v, %v", e, err)
	}

	page = v.page(path + "/edit")
	for want, over := range map[string][]string{
		"has an expense with the reference Northwind-2": {"reference", "Northwind-2"},
		"The date is missing.":                          {"date", ""},
		"is not an amount":                              {"line_net", "ten"},
		"cannot be read":                                {"supplier", "a\x00"},
	} {
		got := v.post(path, filled(page, over...)...)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", want, got.status)
		}
		mustContain(t, got.body, want, `action="`+path+`"`)
	}
	got = v.post(path, append(filled(page, "supplier", "typed"), "more", "1")...)
	if n := strings.Count(got.body, `name="line_net"`); got.status != http.StatusOK || n != 2 {
		t.Errorf("one more line: %d with %d", got.status, n)
	}
	mustContain(t, got.body, `value="typed"`)
	if got := v.get("/expenses/999/edit"); got.status != http.StatusNotFound {
		t.Errorf("edit of what is not there: %d", got.status)
	}
}

// A push locks the expense, and one that failed is edited and retried in one go. Who comes too late loses nothing that they typed.
func TestEditingAroundAPush(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	id := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	path := expenseURL(id)
	form := filled(v.page(path + "/edit"))
	v.post(path + "/push")
	late := func(why string) {
		t.Helper()
		got := v.post(path, append(slices.Clone(form), "line_category", "typed by hand")...)
		if got.status != http.StatusConflict {
			t.Errorf("saving what is locked: %d", got.status)
		}
		mustContain(t, got.body, why, "what you typed is below", `value="typed by hand"`, "Back to the expense")
		mustNotContain(t, got.body, ">Save expense<", "Save and retry", "Add a line")
		if got := v.get(path + "/edit"); got.status != http.StatusSeeOther || got.location != path {
			t.Errorf("the form of what is locked: %d to %q", got.status, got.location)
		}
		page := v.page(path)
		mustContain(t, page, why)
		mustNotContain(t, page, path+"/edit")
	}
	late("is locked while it is on its way")

	s.settle(store.Settlement{Reply: store.Reply{Status: 400}, Failed: &store.Failure{Fact: []byte(`{}`), Cause: string(explain.CauseNoAccount), Subject: "Meals", Rules: explain.Version}})
	mustContain(t, v.page(path), "Edit and retry", path+`/edit"`)
	page := v.page(path + "/edit")
	mustContain(t, page, "Save and retry", ">Save<", "Why it failed", "Meals")

	// Nothing of a refused reference is saved, and what would fail again is saved and not sent.
	s.named(v.user, store.Company{ID: 1, Name: "Northwind"}, "Taken", 1)
	if got := v.post(path, append(filled(page, "reference", "Taken-1"), "then", "retry")...); got.status != http.StatusUnprocessableEntity || len(s.pushes(id)) != 1 {
		t.Errorf("save and retry under a used reference: %d, %d pushes", got.status, len(s.pushes(id)))
	}
	if got := v.post(path, append(filled(page, "supplier", ""), "then", "retry")...); got.location != path || len(s.pushes(id)) != 1 {
		t.Errorf("save and retry what would fail: %d to %q, %d pushes", got.status, got.location, len(s.pushes(id)))
	}
	mustContain(t, v.page(path), "Northwind-1 is changed. Northwind-1 cannot be pushed", "anyway")
	page = v.page(path + "/edit")
	if got := v.post(path, append(filled(page, "line_net", "77", "supplier", "Supplier 1"), "then", "retry")...); got.location != path {
		t.Fatalf("save and retry: %d %s", got.status, got.body)
	}
	var sent store.Snapshot
	pushes := s.pushes(id)
	if err := json.Unmarshal(pushes[0].Snapshot, &sent); err != nil || sent.Total != "77" || len(pushes) != 2 {
		t.Errorf("%d pushes, the last takes %s, %v", len(pushes), sent.Total, err)
	}
	mustContain(t, v.page(path), "Northwind-1 is changed. Northwind-1 is on its way.")

	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-1",
		Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "record-op-1", Source: "reply"}})
	late("Northwind-1 is in the ledger. Change it there")
	mustNotContain(t, v.page(path), "It shows again what was booked") // for it was changed before it was pushed
	mustContain(t, v.page(path), "To change or reverse it", "In Xero, open the Spend Money transaction Northwind-1 (GBP 77.00, 1 Jan 2026, Supplier 1).", "record-op-1", "/expenses/new?copy=")
	again := v.page("/expenses/new?copy=" + strconv.FormatInt(id, 10))
	mustContain(t, again, `value="Northwind-1-2"`, `value="77.00"`, `value="2026-01-01"`)
	if e, err := s.store.Expense(t.Context(), id); err != nil || e.Total.Trim(0).String() != "77" {
		t.Errorf("%+v, %v", e, err)
	}
}

// Whoever saves and whoever retries at the same time, there is one more push, and it sends what the expense shows.
func TestSavingAndRetryingAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v, colleague := s.person(store.Finance), s.person(store.Admin)
	id := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	path := expenseURL(id)
	v.post(path + "/push")
	s.settle(store.Settlement{Reply: store.Reply{Status: 400}, Failed: &store.Failure{Fact: []byte(`{}`), Cause: string(explain.CauseNoAccount), Subject: "Meals", Rules: explain.Version}})
	form := filled(v.page(path + "/edit"))
	form = slices.Delete(form, slices.Index(form, "seen"), slices.Index(form, "seen")+2)
	var all sync.WaitGroup
	for n := range 6 {
		all.Go(func() {
			who := []*visitor{v, colleague}[n%2]
			net := strconv.Itoa(100 + n)
			form := slices.Clone(form)
			form[slices.Index(form, "line_net")+1] = net
			switch n {
			case 0, 1:
				who.post(path + "/retry")
			case 2, 3:
				form = append(form, "then", "retry")
				fallthrough
			default:
				got := who.post(path, form...)
				if got.status != http.StatusSeeOther && got.status != http.StatusConflict {
					t.Errorf("saving: %d", got.status)
				}
				if got.status == http.StatusConflict {
					mustContain(t, got.body, `value="`+net+`"`)
				}
			}
		})
	}
	all.Wait()
	var sent store.Snapshot
	pushes := s.pushes(id)
	e, err := s.store.Expense(t.Context(), id)
	if err == nil {
		err = json.Unmarshal(pushes[0].Snapshot, &sent)
	}
	if err != nil || len(pushes) != 2 || e.Status != store.InProgress || e.Total.Trim(0).String() != sent.Total.String() {
		t.Errorf("%d pushes, %s, sent %s of %s, %v", len(pushes), e.Status, sent.Total, e.Total, err)
	}
}

func TestDeleting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.listen()
	v := s.person(store.Finance)
	ids := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 2)
	v.post(expenseURL(ids[0]) + "/push")
	v.post(expenseURL(ids[0]) + "/withdraw")
	mustNotContain(t, v.page(expenseURL(ids[0])), expenseURL(ids[0])+"/delete")
	if got := v.post(expenseURL(ids[0]) + "/delete"); got.location != expenseURL(ids[0]) {
		t.Errorf("delete after a push: %d to %q", got.status, got.location)
	}
	mustContain(t, v.page(expenseURL(ids[0])), "has been pushed before, so it stays")
	watched := v.watch("topics=expenses&show=" + strconv.FormatInt(ids[1], 10))
	if got := v.post(expenseURL(ids[1]) + "/delete"); got.location != "/expenses" {
		t.Errorf("delete: %d to %q", got.status, got.location)
	}
	await(t, watched, "a resync", func(e event) bool { return e.name == "resync" })
	v.post(expenseURL(ids[1]) + "/delete")
	mustContain(t, v.page("/expenses"), "Northwind-2 is deleted.", "That expense is not here any more.")
	if got := v.post(expenseURL(ids[1]) + "/push"); got.location != "/expenses" {
		t.Errorf("push of a deleted expense: %d to %q", got.status, got.location)
	}
	got := v.post(expenseURL(ids[1]), "reference", "typed by hand", "line_net", "10")
	if got.status != http.StatusConflict {
		t.Errorf("saving a deleted expense: %d", got.status)
	}
	mustContain(t, got.body, "deleted meanwhile", `value="typed by hand"`, `action="/expenses"`)
	if got := v.get(expenseURL(ids[1])); got.status != http.StatusNotFound {
		t.Errorf("a deleted expense: %d", got.status)
	}
}
