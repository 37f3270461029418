package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
)

func TestSettingsSayWhatCodatNeeds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	page := admin.page("/settings")
	mustContain(t, page, s.url+"/webhooks/codat", "Codat cannot reach this address", "Basic credential 1", "CODAT_WEBHOOK_BASIC", "Never used",
		"connection.disconnected", "directCosts.write.unsuccessful", "are accepted by", `action="/settings/test"`)
	mustNotContain(t, page, "long webhook password", hookCredential, basic(hookCredential)[6:], "Signing secret")

	s.deliver(strings.NewReader(success))
	mustNotContain(t, admin.page("/settings"), "Never used")
	// Another process, or this one after it was started again, knows it from the database.
	s.handlers.writeUses(t.Context(), map[string]time.Time{})
	verifier, err := codat.NewVerifier(codat.VerifierConfig{Basic: []string{hookCredential}, Bearer: []string{"a new token"}})
	if err != nil {
		t.Fatal(err)
	}
	s.handlers.Verifier = verifier
	page = admin.page("/settings")
	mustContain(t, page, "Bearer token 1", "are refused")
	if strings.Count(page, "Never used") != 1 || !strings.Contains(page, "last ") {
		t.Errorf("uses that are in the database are not shown: %s", page)
	}
	mustNotContain(t, page, "a new token")
}

func TestUsesAreKeptWhenTheProgramEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deliver(strings.NewReader(success))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.handlers.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if uses, err := s.store.CredentialUses(t.Context()); err != nil || len(uses) != 1 {
		t.Errorf("uses %v, error %v", uses, err)
	}
}

func TestEveryTypeToTickIsUnderstood(t *testing.T) {
	t.Parallel()
	for _, eventType := range codatTypes() {
		if e, err := codat.ParseEvent([]byte(`{"eventType":"` + eventType + `"}`)); err != nil || e.Kind == codat.KindOther {
			t.Errorf("%s is of kind %q, %v", eventType, e.Kind, err)
		}
	}
}

func TestATestEventTravelsTheRealWay(t *testing.T) {
	t.Parallel()
	s, _ := signedSite(t)
	s.listen()
	admin := s.person(store.Admin)
	got := admin.post("/settings/test")
	if got.status != http.StatusSeeOther || got.location != "/settings?test=1#test" {
		t.Fatalf("%d to %q\n%s", got.status, got.location, admin.page("/settings"))
	}
	mustContain(t, admin.page("/settings?test=1"), "It has arrived", `<tr id="delivery-1"`, `data-status="new"`, "tallylight.test")
	events := admin.watch("topics=deliveries&show=1")
	s.apply()
	row := await(t, events, "the delivery", func(e event) bool { return e.name == "delivery" })
	mustContain(t, row.data, `<tr id="delivery-1"`, `data-status="ignored"`)
	mustContain(t, admin.page("/deliveries/1"), "Webhook-Signature", "test_")
	mustContain(t, admin.page("/settings?test=99"), "Send a test event")
	mustNotContain(t, admin.page("/settings?test=99"), "It has arrived")
	mustNotContain(t, admin.page("/settings"), "Never used")
}

// Why a test event did not arrive is said plainly.
func TestATestEventThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	answers := func(h http.HandlerFunc) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	status := func(code int) string {
		return answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	for name, test := range map[string]struct{ url, want string }{
		"refused":         {status(http.StatusUnauthorized), "was refused (HTTP 401)"},
		"elsewhere":       {status(http.StatusNotFound), "answered HTTP 404. It does not lead to Tallylight"},
		"redirect":        {answers(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }), "redirects (HTTP 302)"},
		"busy":            {status(http.StatusServiceUnavailable), "was not taken just now"},
		"another program": {status(http.StatusOK), "answered HTTP 200, but the test event did not arrive here"},
		"nobody":          {closed.URL, "could not be sent to " + closed.URL + "/webhooks/codat: nothing listens there."},
		"no such name":    {"http://nobody.invalid", "no such name is known"},
		"bad certificate": {tls.URL, "its certificate is from an authority that nobody knows."},
		"hangs up": {answers(func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}), "the connection broke"},
	} {
		s.handlers.PublicURL = test.url
		if got := admin.post("/settings/test"); got.location != "/settings#test" {
			t.Errorf("%s: %d to %q", name, got.status, got.location)
		}
		page := admin.page("/settings")
		mustContain(t, page, `class="flash bad"`, test.want)
		mustNotContain(t, page, "dial tcp", "lookup ", "x509", "It has arrived")
	}
	if n := len(s.deliveries("")); n != 0 {
		t.Errorf("%d deliveries", n)
	}
}
