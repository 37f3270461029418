package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tallylight/store"
)

func TestEveryRouteAsksWho(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.company("Northwind", "GBP", store.Linked)
	viewer, finance, admin := s.person(store.Viewer), s.person(store.Finance), s.person(store.Admin)
	expense := expenseURL(s.expenses(finance.user, c, 1)[0])
	nobody := s.stranger()
	for _, route := range []struct {
		method, path           string
		viewer, finance, admin int // what each gets
	}{
		{"GET", "/", 200, 200, 200},
		{"GET", "/expenses", 200, 200, 200},
		{"GET", "/expenses/new", 403, 200, 200},
		{"POST", "/expenses", 403, 422, 422},
		{"GET", expense, 200, 200, 200},
		{"POST", expense + "/push", 403, 303, 303},
		{"POST", expense + "/retry", 403, 303, 303},
		{"POST", "/expenses/push", 403, 303, 303},
		{"POST", "/expenses/retry", 403, 303, 303},
		{"GET", "/companies", 200, 200, 200},
		{"GET", companyURL(c.ID), 200, 200, 200},
		{"POST", companyURL(c.ID) + "/refresh", 403, 303, 303},
		{"GET", "/connections", 200, 200, 200},
		{"GET", connectionURL(1), 200, 200, 200},
		{"POST", connectionURL(1) + "/check", 403, 303, 303},
		{"GET", "/deliveries", 403, 403, 200},
		{"GET", "/deliveries/1", 403, 403, 404},
		{"POST", "/deliveries/1/apply", 403, 403, 404},
		{"GET", "/settings", 403, 403, 200},
		{"POST", "/settings/test", 403, 403, 303},
		{"GET", "/account", 200, 200, 200},
		{"POST", "/account", 422, 422, 422},
		{"GET", "/expenses/99999", 404, 404, 404},
		{"GET", "/expenses/x", 404, 404, 404},
		{"GET", "/companies/99999", 404, 404, 404},
		{"GET", "/no/such/page", 404, 404, 404},
		{"GET", "/live?topics=deliveries", 403, 403, 0},
	} {
		ask := func(v *visitor) answer {
			if route.method == "POST" {
				return v.post(route.path)
			}
			return v.get(route.path)
		}
		for _, a := range []struct {
			who  string
			v    *visitor
			want int
		}{{"viewer", viewer, route.viewer}, {"finance", finance, route.finance}, {"admin", admin, route.admin}} {
			if a.want == 0 {
				continue
			}
			if got := ask(a.v); got.status != a.want {
				t.Errorf("%s %s as %s: %d, want %d\n%s", route.method, route.path, a.who, got.status, a.want, got.body)
			}
		}
		got := ask(nobody)
		switch {
		case strings.HasPrefix(route.path, "/live"):
			if got.status != http.StatusUnauthorized {
				t.Errorf("%s without a session: %d, want 401", route.path, got.status)
			}
		case got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, "/login"):
			t.Errorf("%s %s without a session: %d to %q, want 303 to /login", route.method, route.path, got.status, got.location)
		case route.method == "GET" && route.path != "/" && got.location != "/login?next="+url.QueryEscape(route.path):
			t.Errorf("GET %s without a session leads to %q", route.path, got.location)
		}
	}
}

func TestRoutesForEverybody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.stranger()
	for path, want := range map[string]int{
		"/login": 200, "/healthz": 200, "/readyz": 200, "/favicon.ico": 302, "/static/nothing.css": 404, "/metrics": 200,
	} {
		if got := v.get(path); got.status != want {
			t.Errorf("GET %s: %d, want %d", path, got.status, want)
		}
	}
	page := v.get("/login")
	mustContain(t, page.header.Get("Content-Security-Policy"), "script-src 'self'", "style-src 'self'")
	if got := v.request("GET", "/metrics", nil, "X-Forwarded-For", "203.0.113.7"); got.status != http.StatusForbidden {
		t.Errorf("metrics through a proxy: %d, want 403", got.status)
	}
	if got := s.person(store.Admin).request("GET", "/metrics", nil, "X-Forwarded-For", "203.0.113.7"); got.status != http.StatusOK {
		t.Errorf("metrics for an administrator: %d, want 200", got.status)
	}
	s.store.Close()
	if got := v.get("/readyz"); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("readyz without a database: %d, want 503 with Retry-After", got.status)
	}
	if got := v.get("/healthz"); got.status != http.StatusOK {
		t.Errorf("healthz without a database: %d, want 200", got.status)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.person(store.Viewer)
	v := s.stranger()
	for _, wrong := range [][]string{
		{"email", "viewer@example.com", "password", "not it at all", "next", "/companies"},
		{"email", "nobody<script>@example.com", "password", password},
		{"email", "", "password", ""},
		{"email", "nul\x00\xff@example.com", "password", "x"},
	} {
		got := v.post("/login", wrong...)
		if got.status != http.StatusUnprocessableEntity {
			t.Fatalf("wrong password: %d, want 422", got.status)
		}
		mustContain(t, got.body, "do not belong together", `name="password"`)
		mustNotContain(t, got.body, "<script>@")
	}
	if got := v.get("/expenses?status=failed"); got.location != "/login?next=%2Fexpenses%3Fstatus%3Dfailed" {
		t.Fatalf("before sign-in: %d %q", got.status, got.location)
	}
	mustContain(t, v.page("/login?next=%2Fexpenses%3Fstatus%3Dfailed"), `value="/expenses?status=failed"`)
	if got := v.post("/login", "email", " Viewer@Example.com ", "password", password, "next", "/expenses?status=failed"); got.location != "/expenses?status=failed" {
		t.Fatalf("sign in: %d to %q", got.status, got.location)
	}
	v.page("/expenses")
	if got := v.get("/login?next=/companies"); got.location != "/companies" {
		t.Errorf("sign in again: %d to %q", got.status, got.location)
	}
	if got := v.post("/logout"); got.status != http.StatusSeeOther || got.location != "/login" {
		t.Errorf("sign out: %d to %q", got.status, got.location)
	}
	if got := v.get("/expenses"); got.status != http.StatusSeeOther {
		t.Errorf("after sign-out: %d, want 303", got.status)
	}
}

func TestTooManyWrongPasswords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.person(store.Viewer)
	v := s.stranger()
	for range 10 {
		if _, err := s.store.SignInTry(t.Context(), "viewer@example.com", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	got := v.post("/login", "email", "viewer@example.com", "password", password)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Fatalf("the right password after ten wrong ones: %d, want 429 with Retry-After", got.status)
	}
	mustContain(t, got.body, "quarter of an hour", `name="password"`)
}

func TestOnlyLocalPathsFollowSignIn(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/expenses?status=failed&q=a b": "/expenses?status=failed&q=a b",
		"//evil.example":                "",
		`/\evil.example`:                "",
		`/a\b`:                          "",
		"https://evil.example/":         "",
		"javascript:alert(1)":           "",
		"/\t/evil.example":              "",
		"/\n":                           "",
		"expenses":                      "",
		"":                              "",
		"/%":                            "",
	} {
		if got := localPath(next); got != want {
			t.Errorf("localPath(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	id := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if got := v.request(http.MethodPost, expenseURL(id)+"/push", nil, headers...); got.status != http.StatusForbidden {
			t.Errorf("push with %v: %d, want 403", headers, got.status)
		}
	}
	if _, statuses := rows(v.page("/expenses")); statuses[0] != "not_pushed" {
		t.Errorf("after refused pushes: %v", statuses)
	}
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Viewer)
	elsewhere := s.stranger()
	elsewhere.post("/login", "email", "viewer@example.com", "password", password)
	elsewhere.page("/expenses")
	for problem, form := range map[string][]string{
		"current password is not right": {"current", "wrong", "password", "another long one", "again", "another long one"},
		"at least 12 characters":        {"current", password, "password", "short", "again", "short"},
		"not the same":                  {"current", password, "password", "another long one", "again", "another long on"},
	} {
		got := v.post("/account", form...)
		if got.status != http.StatusUnprocessableEntity {
			t.Fatalf("%s: %d, want 422", problem, got.status)
		}
		mustContain(t, got.body, problem)
	}
	if got := v.post("/account", "current", password, "password", "another long one", "again", "another long one"); got.status != http.StatusSeeOther {
		t.Fatalf("change: %d %s", got.status, got.body)
	}
	mustContain(t, v.page("/account"), "Your password is changed.")
	if got := elsewhere.get("/expenses"); got.status != http.StatusSeeOther {
		t.Errorf("the other session: %d, want 303", got.status)
	}
	if got := s.stranger().post("/login", "email", "viewer@example.com", "password", "another long one"); got.status != http.StatusSeeOther {
		t.Errorf("sign in with the new password: %d", got.status)
	}
}

func TestCatchingUpTakesNoFlash(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.person(store.Finance)
	id := s.expenses(v.user, s.company("Northwind", "GBP", store.Linked), 1)[0]
	v.post(expenseURL(id) + "/push")
	if got := v.request("GET", "/expenses", nil, "X-Catch-Up", "1"); strings.Contains(got.body, "is on its way.") {
		t.Error("a catching-up page took the flash")
	}
	mustContain(t, v.page("/expenses"), "Northwind-1 is on its way.")
	mustNotContain(t, v.page("/expenses"), "Northwind-1 is on its way.")
}
