package main

import (
	"context"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var notPushed = regexp.MustCompile(`<tr id="expense-(\d+)"[^>]* data-status="not_pushed"`)

// TestFirstRun has nothing but the program: it brings its own database, its own Codat and expenses to push.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	environ := []string{"TALLYLIGHT_DATA=" + filepath.Join(t.TempDir(), "data"), "TALLYLIGHT_ADDR=127.0.0.1:0", "TALLYLIGHT_ADMIN_PASSWORD=" + password}
	p := startProgram(t, environ)
	mustContain(t, p.said, "Sign in as admin@example.com")
	if strings.Contains(p.said, password) {
		t.Errorf("the password that was set is printed: %s", p.said)
	}
	v := p.visit("admin@example.com", password)
	list := v.page("/expenses")
	first := notPushed.FindStringSubmatch(list)
	if first == nil {
		t.Fatalf("nothing to push on the first page:\n%s", plain(list))
	}
	live := v.live("topics=expenses")
	v.post("/expenses/" + first[1] + "/push")
	live.awaitExpense(first[1], "complete")
	all := total(t, list)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	p = startProgram(t, environ)
	v = p.visit("admin@example.com", password)
	list = v.page("/expenses")
	if n := total(t, list); n != all {
		t.Errorf("%s expenses at the second start, %s at the first", n, all)
	}
	mustContain(t, v.page("/expenses/"+first[1]), "Push complete")
}

var totalPattern = regexp.MustCompile(`<data value="(\d+)"`)

// total is how many expenses there are: the number on the list's first tab.
func total(t *testing.T, list string) string {
	t.Helper()
	m := totalPattern.FindStringSubmatch(list)
	if m == nil {
		t.Fatalf("no number of expenses in:\n%s", plain(list))
	}
	return m[1]
}

func TestAHalfSetInstallationIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		missing []string
	}{
		{[]string{"DATABASE_URL=postgres://u:p@127.0.0.1/x"}, []string{"CODAT_API_KEY", "CODAT_WEBHOOK_BEARER", "TALLYLIGHT_SESSION_KEYS"}},
		{[]string{"CODAT_API_KEY=k", "CODAT_WEBHOOK_BEARER=b"}, []string{"DATABASE_URL", "TALLYLIGHT_SESSION_KEYS"}},
		{[]string{"TALLYLIGHT_SESSION_KEYS=" + strings.Repeat("k", 40)}, []string{"DATABASE_URL", "CODAT_API_KEY"}},
	} {
		err := run(context.Background(), nil, c.environ, strings.NewReader(""), io.Discard, io.Discard)
		if err == nil {
			t.Fatalf("the program starts with %s alone", c.environ)
		}
		mustContain(t, err.Error(), c.missing...)
		if strings.Contains(err.Error(), "u:p") || strings.Contains(err.Error(), "kkkk") {
			t.Errorf("a secret is told: %v", err)
		}
	}
}
