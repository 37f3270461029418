package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		srv := httptest.NewServer(SecurityHeaders(https, http.NotFoundHandler()))
		res, _ := do(t, srv.Client(), "GET", srv.URL, nil)
		srv.Close()
		policy := res.Header.Get("Content-Security-Policy")
		for _, need := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
			"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains("; "+policy+";", "; "+need+";") {
				t.Errorf("policy lacks %q: %s", need, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("policy is loose: %s", policy)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("headers: %v", res.Header)
		}
		if got := res.Header.Get("Strict-Transport-Security") != ""; got != https {
			t.Errorf("https %v: HSTS %v", https, got)
		}
	}
}

func TestRequestsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	var l logbook
	done := 0
	act := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { done++ })
	h, err := testAdapter(&l).SameOrigin("https://tally.example/app/", act)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, site, origin string
		status                     int
	}{
		{"form of another site", "POST", "cross-site", "https://evil.example", 403},
		{"form of a sister site", "POST", "same-site", "https://evil.tally.example", 403},
		{"sandboxed frame", "POST", "cross-site", "null", 403},
		{"old browser, other site", "POST", "", "https://evil.example", 403},
		{"delete", "DELETE", "cross-site", "https://evil.example", 403},
		{"own form", "POST", "same-origin", "https://tally.example", 200},
		{"own form behind a proxy that renames the host", "POST", "", "https://tally.example", 200},
		{"typed by the person", "POST", "none", "", 200},
		{"no browser", "POST", "", "", 200},
		{"link from another site", "GET", "cross-site", "", 200},
	}
	for _, test := range tests {
		r := httptest.NewRequest(test.method, "http://127.0.0.1:8080/expenses", nil)
		if test.site != "" {
			r.Header.Set("Sec-Fetch-Site", test.site)
		}
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		before, w := done, httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status || (done > before) != (test.status == 200) {
			t.Errorf("%s: %d %q", test.name, w.Code, w.Body)
		}
	}
	for _, bad := range []string{"", "tally.example", "/", "http://%zz"} {
		if _, err := testAdapter(&l).SameOrigin(bad, http.NotFoundHandler()); err == nil {
			t.Errorf("public URL %q was taken", bad)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	var l logbook
	srv := httptest.NewServer(LimitBody(10, testAdapter(&l).Handle(func(w http.ResponseWriter, r *http.Request) error {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			w.Write(b)
		}
		return err
	})))
	defer srv.Close()
	for _, length := range []bool{true, false} { // announced, chunked
		for body, status := range map[string]int{"0123456789": 200, "0123456789x": 413} {
			var src io.Reader = strings.NewReader(body)
			if !length {
				src = io.MultiReader(src)
			}
			res, err := srv.Client().Post(srv.URL, "text/plain", src)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != status {
				t.Errorf("%d bytes: %d, want %d", len(body), res.StatusCode, status)
			}
		}
	}
}

func TestRequestsAreLoggedAndCounted(t *testing.T) {
	t.Parallel()
	var l logbook
	m := NewMetrics(NewHub())
	a := testAdapter(new(logbook))
	mux := http.NewServeMux()
	mux.Handle("GET /things/{id}", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		switch r.PathValue("id") {
		case "1":
			io.WriteString(w, "hello")
			return nil
		case "2":
			return errors.New("broken")
		case "3":
			return nil
		}
		return NotFound("No such thing.")
	}))
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", streamType)
	})
	srv := httptest.NewServer(Observe(l.log(), m, mux))
	for _, path := range []string{"/live", "/things/1?q=secret", "/things/2?token=secret", "/things/3", "/things/4", "/elsewhere/secret"} {
		do(t, srv.Client(), "GET", srv.URL+path, http.Header{"Authorization": {"secret"}})
	}
	srv.Close()
	log := l.String()
	for _, want := range []string{
		`"level":"DEBUG","msg":"request","method":"GET","route":"GET /things/{id}","status":200,"ms":\d+,"bytes":5`,
		`"level":"INFO","msg":"request","method":"GET","route":"GET /things/{id}","status":500`,
		`"route":"GET /things/{id}","status":200,"ms":\d+,"bytes":0`,
		`"route":"GET /things/{id}","status":404`,
		`"route":"unmatched","status":404`,
	} {
		if !regexp.MustCompile(want).MatchString(log) {
			t.Errorf("log lacks %s:\n%s", want, log)
		}
	}
	if l.lines() != 6 || strings.Contains(log, "secret") {
		t.Errorf("log: %s", log)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`tallylight_http_requests_total{route="GET /things/{id}",status="200"} 2`,
		`tallylight_http_requests_total{route="GET /things/{id}",status="500"} 1`,
		`tallylight_http_requests_total{route="unmatched",status="404"} 1`,
		`tallylight_http_request_seconds_count{route="GET /things/{id}"} 4`,
		`tallylight_streams_open 0`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(w.Body.String(), `seconds_count{route="GET /live"}`) {
		t.Error("a stream's time is counted as an answer's")
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.7:4711", "198.51.100.1", "192.0.2.7"}, // anybody can write the header
		{"[2001:db8::1]:80", "198.51.100.1", "2001:db8::1"},
		{"127.0.0.1:4711", "203.0.113.9, 198.51.100.1", "198.51.100.1"}, // a proxy appends the last
		{"10.0.0.3:4711", "2001:db8::1", "2001:db8::1"},
		{"[::1]:4711", "", ""},
		{"127.0.0.1:4711", "198.51.100.1, unknown", ""},
		{"pipe", "", "pipe"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if got := ClientAddress(r); got != c.want {
			t.Errorf("%s for %q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}
