package codat_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallylight/internal/codat"
)

const apiKey = "pVbXXX0000demokey0000XXXqRs"

// served is a client of a server that answers as handler does.
func served(t *testing.T, handler http.HandlerFunc) *codat.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return codat.New(codat.Config{BaseURL: srv.URL + "/", APIKey: apiKey})
}

func sample(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// replies serves one sample.
func replies(t *testing.T, status int, body []byte) *codat.Client {
	return served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write(body)
	})
}

func push(ctx context.Context, c *codat.Client) (codat.PushReply, error) {
	return c.Push(ctx, "the-key", "co", "cn", codat.PushDirectCosts, []byte(`{"totalAmount":99999999999.99}`))
}

// typed fails unless err is an *Error with that status.
func typed(t *testing.T, err error, status int) *codat.Error {
	t.Helper()
	e, ok := errors.AsType[*codat.Error](err)
	if !ok || e.HTTPStatus != status {
		t.Fatalf("got %v, want an *Error with status %d", err, status)
	}
	if codat.Unsent(err) {
		t.Errorf("an answered request counts as unsent: %v", err)
	}
	if strings.Contains(err.Error(), apiKey) || strings.Contains(string(e.Body), apiKey) {
		t.Errorf("the key shows in %v with body %s", err, e.Body)
	}
	return e
}

// failed is the error of a call whose result does not matter.
func failed(_ any, err error) error { return err }

func TestRequests(t *testing.T) {
	t.Parallel()
	type request struct {
		method, uri, key, body string
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	page := "page=2&pageSize=1000"
	ctx := t.Context()
	tests := map[string]struct {
		call func(c *codat.Client) error
		want request
	}{
		"Companies": {func(c *codat.Client) error { return failed(c.Companies(ctx, 2)) },
			request{"GET", "/companies?" + page, "", ""}},
		"Company": {func(c *codat.Client) error { return failed(c.Company(ctx, "co")) },
			request{"GET", "/companies/co", "", ""}},
		"CreateCompany": {func(c *codat.Client) error {
			return failed(c.CreateCompany(ctx, "the-key", codat.NewCompany{Name: "Toft"}))
		},
			request{"POST", "/companies", "the-key", `{"name":"Toft"}`}},
		"CreateCompany with all": {func(c *codat.Client) error {
			return failed(c.CreateCompany(ctx, "the-key", codat.NewCompany{Name: "Toft", Description: "Bikes", Tags: map[string]string{"region": "uk"}}))
		}, request{"POST", "/companies", "the-key", `{"name":"Toft","description":"Bikes","tags":{"region":"uk"}}`}},
		"DeleteCompany": {func(c *codat.Client) error { return c.DeleteCompany(ctx, "co") },
			request{"DELETE", "/companies/co", "", ""}},
		"Connections": {func(c *codat.Client) error { return failed(c.Connections(ctx, "co", 2)) },
			request{"GET", "/companies/co/connections?" + page, "", ""}},
		"Connection": {func(c *codat.Client) error { return failed(c.Connection(ctx, "co", "cn")) },
			request{"GET", "/companies/co/connections/cn", "", ""}},
		"CreateConnection": {func(c *codat.Client) error { return failed(c.CreateConnection(ctx, "co", "gbol")) },
			request{"POST", "/companies/co/connections", "new", `{"platformKey":"gbol"}`}},
		"Unlink": {func(c *codat.Client) error { return failed(c.Unlink(ctx, "co", "cn")) },
			request{"PATCH", "/companies/co/connections/cn", "new", `{"status":"Unlinked"}`}},
		"DeleteConnection": {func(c *codat.Client) error { return c.DeleteConnection(ctx, "co", "cn") },
			request{"DELETE", "/companies/co/connections/cn", "", ""}},
		"Accounts": {func(c *codat.Client) error { return failed(c.Accounts(ctx, "co", 2)) },
			request{"GET", "/companies/co/data/accounts?" + page, "", ""}},
		"BankAccounts": {func(c *codat.Client) error { return failed(c.BankAccounts(ctx, "co", "cn", 2)) },
			request{"GET", "/companies/co/connections/cn/data/bankAccounts?" + page, "", ""}},
		"Suppliers": {func(c *codat.Client) error { return failed(c.Suppliers(ctx, "co", 2)) },
			request{"GET", "/companies/co/data/suppliers?" + page, "", ""}},
		"TaxRates": {func(c *codat.Client) error { return failed(c.TaxRates(ctx, "co", 2)) },
			request{"GET", "/companies/co/data/taxRates?" + page, "", ""}},
		"Info": {func(c *codat.Client) error { return failed(c.Info(ctx, "co")) },
			request{"GET", "/companies/co/data/info", "", ""}},
		"PushOptions": {func(c *codat.Client) error { return failed(c.PushOptions(ctx, "co", "cn", "chartOfAccounts")) },
			request{"GET", "/companies/co/connections/cn/options/chartOfAccounts", "", ""}},
		"Push": {func(c *codat.Client) error { return failed(push(ctx, c)) },
			request{"POST", "/companies/co/connections/cn/push/directCosts", "the-key", `{"totalAmount":99999999999.99}`}},
		"PushOperation": {func(c *codat.Client) error { return failed(c.PushOperation(ctx, "co", "op")) },
			request{"GET", "/companies/co/push/op", "", ""}},
		"PushOperations": {func(c *codat.Client) error { return failed(c.PushOperations(ctx, "co", 2)) },
			request{"GET", "/companies/co/push?orderBy=-requestedOnUtc&" + page, "", ""}},
		"Cost": {func(c *codat.Client) error { return failed(c.Cost(ctx, "co", "cn", codat.RecordRef{ID: "a/b ?"})) },
			request{"GET", "/companies/co/connections/cn/data/directCosts/a%2Fb%20%3F", "", ""}},
		"Cost become an income": {func(c *codat.Client) error {
			return failed(c.Cost(ctx, "co", "cn", codat.RecordRef{ID: "r", DataType: "directIncomes"}))
		},
			request{"GET", "/companies/co/connections/cn/data/directIncomes/r", "", ""}},
		"QueueSync": {func(c *codat.Client) error { return failed(c.QueueSync(ctx, "co", "company", "")) },
			request{"POST", "/companies/co/data/queue/company", "new", ""}},
		"QueueSync of a connection": {func(c *codat.Client) error { return failed(c.QueueSync(ctx, "co", "company", "cn")) },
			request{"POST", "/companies/co/data/queue/company?connectionId=cn", "new", ""}},
		"PullOperation": {func(c *codat.Client) error { return failed(c.PullOperation(ctx, "co", "pull")) },
			request{"GET", "/companies/co/data/history/pull", "", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got request
			c := served(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = request{r.Method, r.RequestURI, r.Header.Get("Idempotency-Key"), string(body)}
				if a := r.Header.Get("Authorization"); a != "Basic "+base64.StdEncoding.EncodeToString([]byte(apiKey)) {
					t.Errorf("Authorization is %q", a)
				}
				io.WriteString(w, `{"id":"x","pushOperationKey":"x","results":[]}`)
			})
			if err := test.call(c); err != nil {
				t.Fatal(err)
			}
			if test.want.key == "new" && uuid.MatchString(got.key) {
				got.key = "new"
			}
			if got != test.want {
				t.Errorf("sent %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/errors/*.json")
	if len(files) < 15 {
		t.Fatalf("found %d samples", len(files))
	}
	status := regexp.MustCompile(`response-(\d+)`)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body := sample(t, "errors/"+filepath.Base(file))
			var said struct{ Error, CorrelationID, CanBeRetried string }
			if err := json.Unmarshal(body, &said); err != nil {
				t.Fatal(err)
			}
			var want int
			if err := json.Unmarshal([]byte(status.FindStringSubmatch(file)[1]), &want); err != nil {
				t.Fatal(err)
			}
			_, err := replies(t, want, body).Company(t.Context(), "co")
			e := typed(t, err, want) // whatever the body's statusCode says: 402 says 429, 503 says 500
			if e.Message != said.Error || e.CorrelationID != said.CorrelationID || e.CanBeRetried != said.CanBeRetried ||
				string(e.Body) != string(body) {
				t.Errorf("read %+v from %s", e, body)
			}
			if !strings.Contains(e.Error(), said.Error) || !strings.Contains(e.Error(), "GET /companies/co") {
				t.Errorf("it says %q", e)
			}
		})
	}
}

func TestValidationError(t *testing.T) {
	t.Parallel()
	c := replies(t, 400, []byte(`{"statusCode":400,"error":"Push failed","validation":{"warnings":null,"errors":[null, 7,
		{"itemId":"LineItems[0].AccountRef.Id","message":"Must match an existing account.","validatorName":"DirectCost"}]}}`))
	_, err := push(t.Context(), c)
	e := typed(t, err, 400)
	want := codat.ValidationItem{ItemID: "LineItems[0].AccountRef.Id", Message: "Must match an existing account.", ValidatorName: "DirectCost"}
	if v := e.Validation; len(v.Errors) != 1 || v.Errors[0] != want || len(v.Warnings) != 0 {
		t.Errorf("read %+v", v)
	}
}

func TestStrangeErrorBodies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<html>Bad gateway</html>", "null", "[]", `{"error":`,
		`{"error":{"a":1},"validation":"no","canBeRetried":true}`} {
		_, err := replies(t, 502, []byte(body)).Company(t.Context(), "co")
		if e := typed(t, err, 502); e.Message != "" || string(e.Body) != body {
			t.Errorf("from %q: %+v", body, e)
		}
	}
}

func TestKeyIsNotRepeated(t *testing.T) {
	t.Parallel()
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		json.NewEncoder(w).Encode(map[string]string{"error": "no such key: " + apiKey + ", " + r.Header.Get("Authorization")})
	})
	_, err := c.Company(t.Context(), "co")
	if e := typed(t, err, 401); e.Message != "no such key: (key), Basic (key)" {
		t.Errorf("message is %q", e.Message)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	tests := map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-3":                            0,
		"soon":                          0,
		"99999999999999":                24 * time.Hour,
		"Wed, 21 Oct 2026 07:29:30 GMT": 90 * time.Second,
		"Wed, 21 Oct 2026 07:00:00 GMT": 0,
	}
	for header, want := range tests {
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.Header().Set("Date", "Wed, 21 Oct 2026 07:28:00 GMT")
			w.WriteHeader(429)
		})
		_, err := push(t.Context(), c)
		if e := typed(t, err, 429); e.RetryAfter != want {
			t.Errorf("%q is %s, want %s", header, e.RetryAfter, want)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		c := served(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("followed a redirect")
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		_, err := push(t.Context(), c)
		typed(t, err, status)
	}
}

func TestUnusableReplies(t *testing.T) {
	t.Parallel()
	large := strings.Repeat(" ", 9<<20)
	for name, body := range map[string]string{
		"empty":      "",
		"no JSON":    "<html>",
		"no object":  `["op"]`,
		"no key":     `{"status":"Pending"}`,
		"null key":   `{"pushOperationKey":null}`,
		"absurd key": `{"pushOperationKey":"` + strings.Repeat("x", 300) + `"}`,
		"half":       `{"pushOperationKey":"x"`,
		"too long":   `{"pushOperationKey":"x"}` + large,
	} {
		_, err := push(t.Context(), replies(t, 200, []byte(body)))
		if e := typed(t, err, 200); e.Unwrap() == nil || len(e.Body) > 64<<10 {
			t.Errorf("%s: %v with %d bytes kept", name, e, len(e.Body))
		}
	}
	_, err := replies(t, 200, []byte(`{"name":"Toft"}`)).Company(t.Context(), "co")
	typed(t, err, 200)
	_, err = replies(t, 200, []byte(`{}`)).Accounts(t.Context(), "co", 1)
	typed(t, err, 200) // not an empty list: all accounts would look deleted
	_, err = replies(t, 500, []byte(large)).Accounts(t.Context(), "co", 1)
	typed(t, err, 500)
}

func TestReplyBreaksOff(t *testing.T) {
	t.Parallel()
	c := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"pushOperationKey":"x"}`)
	})
	_, err := push(t.Context(), c)
	typed(t, err, 200)
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { <-over }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(over) })
	c := codat.New(codat.Config{BaseURL: srv.URL, APIKey: apiKey, HTTP: &http.Client{Timeout: 20 * time.Millisecond}})
	_, err := push(t.Context(), c)
	unanswered(t, err)
}

// unanswered fails unless err says that Codat may have got the request and did not answer.
func unanswered(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*codat.Error](err); err == nil || ok || codat.Unsent(err) {
		t.Errorf("got %v (%T), want an error without answer, in doubt", err, err)
	}
}

func TestConnectionClosedBeforeReply(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := served(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		hangUp(t, w)
	})
	_, err := push(t.Context(), c)
	unanswered(t, err)
	if n := requests.Load(); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func hangUp(t *testing.T, w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	conn.Close()
}

// The write may have been accepted before a kept-alive connection died under it: callers must know.
func TestWriteIsNotRepeatedOnADeadConnection(t *testing.T) {
	t.Parallel()
	var pushes atomic.Int32
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			io.Copy(io.Discard, r.Body)
			pushes.Add(1)
			hangUp(t, w)
			return
		}
		io.WriteString(w, `{"id":"co"}`)
	})
	if _, err := c.Company(t.Context(), "co"); err != nil { // now there is a connection to keep alive
		t.Fatal(err)
	}
	_, err := push(t.Context(), c)
	unanswered(t, err)
	if n := pushes.Load(); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestUnsent(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		io.WriteString(w, `{"id":"co","pushOperationKey":"x"}`)
	}))
	t.Cleanup(srv.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	paced := codat.New(codat.Config{BaseURL: srv.URL, APIKey: apiKey, Rate: 0.001}) // the next turn is in a quarter of an hour
	if _, err := paced.Company(t.Context(), "co"); err != nil {
		t.Fatal(err)
	}

	tests := map[string]func() error{
		"connection refused": func() error {
			_, err := push(t.Context(), codat.New(codat.Config{BaseURL: closed.URL, APIKey: apiKey}))
			return err
		},
		"no such host": func() error {
			_, err := push(t.Context(), codat.New(codat.Config{BaseURL: "http://codat.invalid", APIKey: apiKey}))
			return err
		},
		"no URL": func() error {
			_, err := push(t.Context(), codat.New(codat.Config{BaseURL: "://", APIKey: apiKey}))
			return err
		},
		"not its turn": func() error { _, err := push(t.Context(), paced); return err },
		"context over": func() error {
			_, err := push(ended, codat.New(codat.Config{BaseURL: srv.URL, APIKey: apiKey}))
			return err
		},
		"no key": func() error {
			_, err := codat.New(codat.Config{BaseURL: srv.URL, APIKey: apiKey}).Push(t.Context(), "", "co", "cn", codat.PushAccounts, nil)
			return err
		},
		"no company": func() error {
			_, err := codat.New(codat.Config{BaseURL: srv.URL, APIKey: apiKey}).Company(t.Context(), "")
			return err
		},
	}
	for name, try := range tests {
		t.Run(name, func(t *testing.T) {
			err := try()
			if _, ok := errors.AsType[*codat.Error](err); err == nil || ok || !codat.Unsent(err) {
				t.Errorf("got %v, want one that proves that nothing was sent", err)
			}
		})
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("the server got %d requests", n)
	}
}
