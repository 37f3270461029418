package handlers

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"
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
	mustNotContain(t, page, "Save and retry", "the next one takes your change")

	if got := v.post(path, filled(page)...); got.location != path {
		t.Errorf("nothing changed: %d to %q", got.status, got.location)
	}
	got := v.post(path, filled(page, "supplier", "Supplier 2", "line_net", "12.5", "company", "999")...)
	if got.location != path {
		t.Fatalf("change: %d %s", got.status, got.body)
	}
	shown := v.page(path)
	mustContain(t, shown, "Northwind-1 is changed.", "GBP 12.50", "Supplier 2", "changed supplier from “Supplier 0” to “Supplier 2” and line 1 net from “10” to “12.5”")
	if strings.Count(shown, "finance@example.com changed ") != 1 {
		t.Error("saving without a change is told as one")
	}

	got = colleague.post(path, filled(page, "supplier", "Supplier 1")...)
	if got.status != http.StatusUnprocessableEntity {
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

func TestEditingDuringAPush(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	id := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	path := expenseURL(id)
	v.post(path + "/push")
	page := v.page(path + "/edit")
	mustContain(t, page, underWayTold)
	v.post(path, filled(page, "line_net", "99")...)
	mustContain(t, v.page(path), "Northwind-1 is changed. "+underWayTold, "GBP 99.00")
	var sent store.Snapshot
	if err := json.Unmarshal(s.pushes(id)[0].Snapshot, &sent); err != nil || sent.Total != "10" {
		t.Errorf("the push takes %s, %v", sent.Total, err)
	}

	s.settle(store.Settlement{Reply: store.Reply{Status: 400}, Failed: &store.Failure{Fact: []byte(`{}`), Cause: string(explain.CauseNoAccount), Subject: "Meals", Rules: explain.Version}})
	mustContain(t, v.page(path), "Edit the expense", path+`/edit"`)
	page = v.page(path + "/edit")
	mustContain(t, page, "Save and retry")
	if got := v.post(path, append(filled(page, "line_net", "77"), "then", "retry")...); got.location != path {
		t.Fatalf("save and retry: %d %s", got.status, got.body)
	}
	pushes := s.pushes(id)
	if err := json.Unmarshal(pushes[0].Snapshot, &sent); err != nil || sent.Total != "77" || len(pushes) != 2 {
		t.Errorf("%d pushes, the last takes %s, %v", len(pushes), sent.Total, err)
	}
	mustContain(t, v.page(path), "Northwind-1 is changed. Northwind-1 is on its way.")

	page = v.page(path + "/edit")
	s.settle(accepted("op-1", store.OutcomeSuccess))
	for _, got := range []answer{v.get(path + "/edit"), v.post(path, filled(page, "line_net", "1")...)} {
		if got.status != http.StatusConflict {
			t.Errorf("editing what is in the ledger: %d", got.status)
		}
		mustContain(t, got.body, "Northwind-1 is in the ledger. Change it there")
	}
	if e, err := s.store.Expense(t.Context(), id); err != nil || e.Total.Trim(0).String() != "77" {
		t.Errorf("%+v, %v", e, err)
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
	if got := v.get(expenseURL(ids[1])); got.status != http.StatusNotFound {
		t.Errorf("a deleted expense: %d", got.status)
	}
}
