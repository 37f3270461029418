package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tallylight/store"
)

// An expense opened from a list leads through that list and back to it, whatever was done to it meanwhile.
func TestAnExpenseLeadsThroughItsList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	c := s.company("Northwind", "GBP", store.Linked)
	ids := s.expenses(v.user, c, 4)
	v.post(expenseURL(ids[2]) + "/push")
	list := fmt.Sprintf("company=%d&status=not_pushed", c.ID)
	keep := "?list=" + url.QueryEscape(list)

	got := v.request(http.MethodGet, expenseURL(ids[1]), nil, "Referer", v.url+"/expenses?"+list)
	if got.status != http.StatusSeeOther || got.location != expenseURL(ids[1])+keep {
		t.Fatalf("opened from a list: %d to %q", got.status, got.location)
	}
	page := v.page(got.location)
	for rel, id := range map[string]int64{"prev": ids[3], "next": ids[0]} {
		if want := fmt.Sprintf(`rel="%s" href="%s"`, rel, expenseURL(id)+keep); !strings.Contains(page, want) {
			t.Errorf("no %s in %v", want, hrefs(page, "list="))
		}
	}
	mustContain(t, page, `href="/expenses?company=`, expenseURL(ids[1])+"/edit"+keep)
	form := filled(v.page(expenseURL(ids[1])+"/edit"+keep), "supplier", "Supplier 2")
	for path, form := range map[string][]string{"": form, "/push": {"list", list}, "/withdraw": {"list", list}} {
		if got := v.post(expenseURL(ids[1])+path, form...); got.location != expenseURL(ids[1])+keep {
			t.Errorf("%s: %d to %q", path, got.status, got.location)
		}
	}
	if got := v.post(expenseURL(ids[0])+"/delete", "list", list); got.location != "/expenses?"+list {
		t.Errorf("deleted: to %q", got.location)
	}
	first := v.page(expenseURL(ids[3]) + "?list=")
	mustContain(t, first, `rel="next"`)
	mustNotContain(t, first, `rel="prev"`)

	for _, hostile := range []string{"https://evil.example/", "//evil.example", "%zz", strings.Repeat("q=a&", 1000), "after=%00&q=%ff<script>"} {
		page := v.page(expenseURL(ids[1]) + "?list=" + url.QueryEscape(hostile))
		for _, href := range hrefs(page, "evil") {
			if !strings.HasPrefix(href, "/expenses") {
				t.Errorf("list=%s leads to %s", hostile, href)
			}
		}
		mustNotContain(t, page, "<script>")
	}
	mustNotContain(t, v.page(expenseURL(ids[1])), `rel="next"`)
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"accessToken":"abc\"d","name":"Tokens \"a\""}`:                        `{"accessToken":"••••","name":"Tokens \"a\""}`,
		`{"Authorization": "Basic YWRhOnNlY3JldHNlY3JldA=="}`:                   `{"Authorization": "••••"}`,
		`{"message":"{\"access_token\":\"ab\\u002Bcd\\\"ef\",\"name\":\"a\"}"}`: `{"message":"{\"access_token\":\"••••\",\"name\":\"a\"}"}`,
		`{"message":"{\"access_token\":\"abc\",\"name\":\"a\"}"}`:               `{"message":"{\"access_token\":\"••••\",\"name\":\"a\"}"}`,
		"sent Bearer eyJhbGciOi.J9-x_y.zzz to it":                               "sent Bearer •••• to it",
		"https://ada:hunter2@example.com/?code=1234&page=2":                     "https://ada:••••@example.com/?code=••••&page=2",
		"key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw rejected":                   "key whsec_•••• rejected",
		"A basic membership, and bearer of news":                                "A basic membership, and bearer of news",
		`{"nominalCode":"429","reference":"EXP-1"}`:                             `{"nominalCode":"429","reference":"EXP-1"}`,
	} {
		if got := masked(text); got != want {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}
