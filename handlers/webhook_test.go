package handlers

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallylight/store"
)

func basic(credential string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credential))
}

// deliver sends a message as Codat does, with a name and a value of each further header.
func (s *site) deliver(body io.Reader, headers ...string) answer {
	s.t.Helper()
	return s.stranger().request(http.MethodPost, "/webhooks/codat", body, append([]string{"Authorization", basic(hookCredential)}, headers...)...)
}

func (s *site) deliveries(verdict store.Verdict) []store.Delivery {
	s.t.Helper()
	ds, err := s.store.Deliveries(s.t.Context(), store.DeliveryFilter{Verdict: verdict}, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	return ds
}

const success = `{"id":"e-1","eventType":"directCosts.write.successful","generatedDate":"2026-01-12T14:02:00Z",
	"payload":{"id":"op-1","type":"Create","referenceCompany":{"id":"c-1"},"connectionId":"x-1","status":"Success","record":{"id":"r-1"}}}`

func TestWebhooksWithoutTheCredential(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bodies := map[string]bool{}
	for _, credential := range []string{"", "Basic", "Basic !!!", basic("codat:wrong"), basic(hookCredential + "x"), basic("codat"),
		"Bearer " + hookCredential, "Basic " + hookCredential, "Digest x", strings.Repeat("x", 5000)} {
		for _, body := range []string{success, "", "not json"} {
			got := s.deliver(strings.NewReader(body), "Authorization", credential)
			if got.status != http.StatusUnauthorized {
				t.Errorf("with %q: %d, want 401", credential, got.status)
			}
			bodies[got.body] = true
		}
	}
	if len(bodies) != 1 {
		t.Errorf("refusals differ: %v", bodies)
	}
	if ds := s.deliveries(""); len(ds) != 0 || s.woken.Load() != 0 {
		t.Errorf("%d refused messages are stored, the inbox woke %d times", len(ds), s.woken.Load())
	}
	log := s.log.String()
	if !strings.Contains(log, "webhook refused") || strings.Contains(log, "long webhook password") {
		t.Errorf("the log says %s", log)
	}
	if n := strings.Count(log, `msg="webhook refused"`); n > 6 {
		t.Errorf("%d refusals are logged", n)
	}
}

func TestWebhookIsStoredOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 3 {
		if got := s.deliver(strings.NewReader(success), "Webhook-Id", "msg_1", "X-Codat-ClientId", "client", "Cookie", "secret=1"); got.status != http.StatusNoContent || got.body != "" {
			t.Fatalf("%d %q, want 204", got.status, got.body)
		}
	}
	s.deliver(strings.NewReader(success), "Webhook-Id", "msg_2") // replayed by hand: another message id, the same event
	s.deliver(strings.NewReader(`{"id":"e-2","eventType":"x"}`), "Svix-Id", "msg_1")
	ds := s.deliveries("")
	if len(ds) != 1 || s.woken.Load() == 0 {
		t.Fatalf("%d stored, want 1; the inbox woke %d times", len(ds), s.woken.Load())
	}
	d, err := s.store.Delivery(t.Context(), ds[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Body) != success || d.Type != "directCosts.write.successful" || d.OperationKey != "op-1" || d.Company != "c-1" ||
		d.Connection != "x-1" || d.Generation != "current" || *d.WebhookID != "msg_1" || d.Verdict != store.VerdictNew {
		t.Errorf("stored as %+v", d)
	}
	mustContain(t, string(d.Headers), `"Webhook-Id": "msg_1"`, `"X-Codat-Clientid": "client"`, `"User-Agent"`, `"Authorization": "(kept out)"`)
	mustNotContain(t, string(d.Headers), "secret", basic(hookCredential)[6:])
}

func TestUnreadableWebhooksAreKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bodies := []string{"", "not json", `{"id":`, `[]`, `null`, "\x00\xff", `{"a":1}{"b":2}`, `"\ud800"`}
	for _, body := range bodies {
		if got := s.deliver(strings.NewReader(body)); got.status != http.StatusNoContent {
			t.Errorf("%q: %d, want 204", body, got.status)
		}
	}
	s.apply()
	if ds := s.deliveries(store.VerdictUnreadable); len(ds) != len(bodies) {
		t.Errorf("%d of %d are kept as unreadable", len(ds), len(bodies))
	}
	admin := s.person(store.Admin)
	mustContain(t, admin.page("/deliveries?verdict=unreadable"), "Unreadable", "not JSON that can be read")
	mustContain(t, admin.page("/deliveries/6"), "��")
}

func TestHostileWebhooksAreStored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i, body := range []string{
		`{"id":"a\u0000b","eventType":"x\u0000<script>alert(1)</script>","payload":{"id":"\u0000"}}`,
		`{"id":"\ud800","eventType":"\ud800"}`,
		"{\"id\":\"raw\xff\",\"eventType\":\"raw\xff\"}",
		`{"id":"` + strings.Repeat("x", 100_000) + `","eventType":"` + strings.Repeat("y", 100_000) + `"}`,
		`{"id":12,"eventType":["no"],"payload":"no"}`,
		`{"AlertId":{"a":1},"RuleType":7,"Data":null}`,
		strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		`{"RuleType":"Push Operation Status Changed()","Data":{"pushOperationKey":"` + strings.Repeat("z", 5000) + `"}}`,
	} {
		if got := s.deliver(strings.NewReader(body), "Webhook-Id", fmt.Sprintf("msg\xff_%d", i)); got.status != http.StatusNoContent {
			t.Errorf("%.60s: %d, want 204\n%s", body, got.status, s.log)
		}
	}
	if n := len(s.deliveries("")); n != 8 {
		t.Errorf("%d of 8 are stored", n)
	}
	if got := s.deliver(strings.NewReader(`{}`), "Webhook-Id", strings.Repeat("w", 5000)); got.status != http.StatusNoContent {
		t.Errorf("with a very long id: %d", got.status)
	}
	admin := s.person(store.Admin)
	for _, page := range []string{"/deliveries", "/deliveries/1", "/deliveries/4"} {
		mustNotContain(t, admin.page(page), "<script>alert")
	}
}

func TestEverySampleIsAccepted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files, err := filepath.Glob("../internal/codat/testdata/webhooks/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.deliver(strings.NewReader(string(body)), "Webhook-Id", filepath.Base(file)); got.status != http.StatusNoContent {
			t.Errorf("%s: %d, want 204\n%s", file, got.status, s.log)
		}
	}
	for _, d := range s.deliveries(store.VerdictUnreadable) {
		t.Errorf("unreadable: %s", *d.WebhookID)
	}
}

func TestTooLargeAWebhook(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	large := strings.NewReader(`{"id":"` + strings.Repeat("x", webhookLimit) + `"}`)
	if got := s.deliver(large); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("with a length: %d, want 413", got.status)
	}
	large.Seek(0, io.SeekStart)
	if got := s.deliver(struct{ io.Reader }{large}); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: %d, want 413", got.status)
	}
	fits := `{"id":"` + strings.Repeat("x", webhookLimit-9) + `"}`
	if got := s.deliver(strings.NewReader(fits)); got.status != http.StatusNoContent {
		t.Errorf("%d bytes: %d, want 204", len(fits), got.status)
	}
	if n := len(s.deliveries("")); n != 1 {
		t.Errorf("%d stored, want the one that fits", n)
	}
}

func TestWebhooksWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.store.Close()
	got := s.deliver(strings.NewReader(success))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "5" {
		t.Errorf("%d, Retry-After %q; want 503 and 5", got.status, got.header.Get("Retry-After"))
	}
	mustNotContain(t, got.body, "sql")
	if got := s.deliver(strings.NewReader(success), "Authorization", "Basic wrong"); got.status != http.StatusUnauthorized {
		t.Errorf("without the credential: %d, want 401", got.status)
	}
}

func TestAPanicIsNeverA500ForCodat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.handlers.Wake = func() { panic("out of order") }
	if got := s.deliver(strings.NewReader(success)); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("%d, want 503 with Retry-After", got.status)
	}
}

func TestAHalfSentWebhookIsNotStored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /webhooks/codat HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 1000\r\n\r\n{", basic(hookCredential))
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && resp.StatusCode < 400 {
		t.Errorf("answered %d", resp.StatusCode)
	}
	if n := len(s.deliveries("")); n != 0 {
		t.Errorf("%d stored", n)
	}
}
