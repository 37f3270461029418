package sandbox_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

const apiKey = "a-key-for-tests"

// box is a running sandbox and a client for it.
type box struct {
	t    *testing.T
	s    *sandbox.Sandbox
	url  string
	stop func() // ends it as a shutdown would
}

func start(t *testing.T, cfg sandbox.Config) *box {
	t.Helper()
	cfg.APIKey = apiKey
	cfg.Log = slog.New(slog.DiscardHandler)
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	b := &box{t: t, s: s, url: server.URL}
	b.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

type response struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r response) json(t *testing.T) map[string]any {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return decode(t, r.body)
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return m
}

// do sends one request. A body that is no string or []byte is sent as JSON; key is the Idempotency-Key.
func (b *box) do(method, path string, body any, key string) response {
	return b.doContext(b.t.Context(), method, path, body, key)
}

func (b *box) doContext(ctx context.Context, method, path string, body any, key string) response {
	var r io.Reader
	switch v := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(v)
	case []byte:
		r = bytes.NewReader(v)
	default:
		j, err := json.Marshal(v)
		if err != nil {
			return response{err: err}
		}
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, r)
	if err != nil {
		return response{err: err}
	}
	req.GetBody = nil // net/http would send again by itself
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(apiKey)))
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{err: err}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, got, err}
}

func (b *box) get(path string) map[string]any {
	b.t.Helper()
	r := b.do("GET", path, nil, "")
	if r.status != 200 {
		b.t.Fatalf("GET %s: %d %s", path, r.status, r.body)
	}
	return r.json(b.t)
}

func (b *box) scenario(json string) {
	b.t.Helper()
	if r := b.do("POST", "/_sandbox/scenarios", json, ""); r.status != 200 {
		b.t.Fatalf("scenario %s: %d %s", json, r.status, r.body)
	}
}

// company is a linked company and what its books offer.
type company struct {
	b         *box
	id        string
	link      string
	currency  string
	accounts  map[string]string // ids by name
	suppliers map[string]string
	bank      string
	tax       string // a rate's id
}

func (b *box) company(platform, currency string) *company {
	b.t.Helper()
	id, link, err := b.s.AddCompany("Litware Ltd", platform, currency)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.known(id, link)
}

func (b *box) known(id, link string) *company {
	b.t.Helper()
	c := &company{b: b, id: id, link: link, accounts: map[string]string{}, suppliers: map[string]string{}}
	c.currency = b.get("/companies/" + id + "/data/info")["baseCurrency"].(string)
	for _, a := range results(b.get("/companies/" + id + "/data/accounts?pageSize=5000")) {
		c.accounts[a["name"].(string)] = a["id"].(string)
	}
	for _, s := range results(b.get("/companies/" + id + "/data/suppliers")) {
		if s["status"] == "Active" {
			c.suppliers[s["supplierName"].(string)] = s["id"].(string)
		}
	}
	c.bank = results(b.get("/companies/" + id + "/connections/" + link + "/data/bankAccounts"))[0]["id"].(string)
	c.tax = results(b.get("/companies/" + id + "/data/taxRates"))[0]["id"].(string)
	return c
}

func results(page map[string]any) []map[string]any {
	var found []map[string]any
	for _, r := range page["results"].([]any) {
		found = append(found, r.(map[string]any))
	}
	return found
}

// cost is a directCost of 100.10 and 20.02 tax that the platform takes. edits are dotted paths and values.
func (c *company) cost(reference string, edits ...any) map[string]any {
	n := func(s string) json.Number { return json.Number(s) }
	account := slices.Sorted(maps.Keys(c.accounts))
	body := map[string]any{
		"reference": reference, "issueDate": "2026-01-05T00:00:00", "currency": c.currency, "currencyRate": n("1"),
		"contactRef": map[string]any{"id": c.suppliers["Fourth Coffee"], "dataType": "suppliers"},
		"lineItems": []any{map[string]any{"description": "Taxi", "quantity": n("1"), "unitAmount": n("100.10"), "subTotal": n("100.10"),
			"taxAmount": n("20.02"), "totalAmount": n("120.12"), "taxRateRef": map[string]any{"id": c.tax},
			"accountRef": map[string]any{"id": c.accounts[account[slices.IndexFunc(account, func(s string) bool { return strings.HasPrefix(s, "Entertainment") })]]}}},
		"paymentAllocations": []any{map[string]any{
			"payment":    map[string]any{"accountRef": map[string]any{"id": c.bank}, "currency": c.currency, "totalAmount": n("120.12")},
			"allocation": map[string]any{"currency": c.currency, "totalAmount": n("120.12")}}},
		"subTotal": n("100.10"), "taxAmount": n("20.02"), "totalAmount": n("120.12"),
	}
	for i := 0; i < len(edits); i += 2 {
		edit(body, edits[i].(string), edits[i+1])
	}
	return body
}

// gone as a value removes a field.
type gone struct{}

func edit(at any, path string, value any) {
	name, rest, deeper := strings.Cut(path, ".")
	switch v := at.(type) {
	case []any:
		edit(v[0], path, value)
	case map[string]any:
		if deeper {
			edit(v[name], rest, value)
		} else if _, remove := value.(gone); remove {
			delete(v, name)
		} else {
			v[name] = value
		}
	}
}

func (c *company) path(rest string) string {
	return "/companies/" + c.id + "/connections/" + c.link + "/" + rest
}

func (c *company) push(dataType string, body any) response {
	return c.b.do("POST", c.path("push/"+dataType), body, uuid.NewString())
}

// landed pushes and follows the operation to its end.
func (c *company) landed(dataType string, body any) map[string]any {
	c.b.t.Helper()
	r := c.push(dataType, body)
	if r.status != 200 {
		c.b.t.Fatalf("push: %d %s", r.status, r.body)
	}
	return c.follow(r.json(c.b.t)["pushOperationKey"].(string), "Pending")
}

// follow asks for the operation until its status is another one.
func (c *company) follow(key, not string) map[string]any {
	c.b.t.Helper()
	for c.b.t.Context().Err() == nil {
		if o := c.b.get("/companies/" + c.id + "/push/" + key); o["status"] != not {
			return o
		}
	}
	c.b.t.Fatal("the operation never ended")
	return nil
}

func (c *company) ledger(kind string) []map[string]any {
	c.b.t.Helper()
	l := c.b.get("/_sandbox/ledger/" + c.id)
	return results(map[string]any{"results": l[kind]})
}

// sync has Codat read a data type and waits until it has.
func (c *company) sync(dataType string) map[string]any {
	c.b.t.Helper()
	r := c.b.do("POST", "/companies/"+c.id+"/data/queue/"+dataType, nil, "")
	if r.status != 200 {
		c.b.t.Fatalf("queue %s: %d %s", dataType, r.status, r.body)
	}
	id := r.json(c.b.t)["id"].(string)
	for c.b.t.Context().Err() == nil {
		if p := c.b.get("/companies/" + c.id + "/data/history/" + id); p["completed"] != nil {
			return p
		}
	}
	c.b.t.Fatal("the read never ended")
	return nil
}

func problemsOf(o map[string]any) []string {
	var found []string
	if v, ok := o["validation"].(map[string]any); ok {
		for _, e := range v["errors"].([]any) {
			p := e.(map[string]any)
			found = append(found, p["itemId"].(string)+": "+p["message"].(string))
		}
	}
	return found
}

func recordID(o map[string]any) string {
	return o["changes"].([]any)[0].(map[string]any)["recordRef"].(map[string]any)["id"].(string)
}

// sameShape checks that got has the fields of Codat's sample, of the same types and no others. Fields in optional may be missing.
func sameShape(t *testing.T, sample string, got map[string]any, optional ...string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + sample)
	if err != nil {
		t.Fatal(err)
	}
	compareShape(t, sample, decode(t, b), got, optional)
}

func compareShape(t *testing.T, at string, want, got any, optional []string) {
	t.Helper()
	if want == nil || got == nil {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, not an object", at, got)
			return
		}
		if strings.HasSuffix(at, ".tags") {
			return
		}
		for name, v := range w {
			if _, has := g[name]; !has && !slices.Contains(optional, name) {
				t.Errorf("%s.%s is missing", at, name)
			}
			compareShape(t, at+"."+name, v, g[name], optional)
		}
		for name := range g {
			if _, has := w[name]; !has && !slices.Contains(optional, name) {
				t.Errorf("%s.%s is not in the sample", at, name)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %T, not a list", at, got)
			return
		}
		if len(w) > 0 && len(g) > 0 {
			compareShape(t, at+"[0]", w[0], g[0], optional)
		}
	case string:
		if _, ok := got.(string); !ok {
			t.Errorf("%s is %T, not text", at, got)
		}
	case json.Number:
		if _, ok := got.(json.Number); !ok {
			t.Errorf("%s is %T, not a number", at, got)
		}
	case bool:
		if _, ok := got.(bool); !ok {
			t.Errorf("%s is %T, not true or false", at, got)
		}
	}
}

// receiver takes webhooks. answer decides the status of each; nil means 204.
type receiver struct {
	url      string
	received chan delivery
	kept     []delivery // seen by waitFor, and not what it waited for
}

type delivery struct {
	header http.Header
	body   []byte
	json   map[string]any
}

func receive(t *testing.T, answer func(w http.ResponseWriter, d delivery)) *receiver {
	t.Helper()
	r := &receiver{received: make(chan delivery, 1000)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		d := delivery{req.Header, body, map[string]any{}}
		if err := json.Unmarshal(body, &d.json); err != nil {
			t.Errorf("webhook is no JSON: %v", err)
		}
		if answer != nil {
			answer(w, d)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
		r.received <- d
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// kind is the eventType or RuleType.
func (d delivery) kind() string {
	if s, ok := d.json["eventType"].(string); ok {
		return s
	}
	s, _ := d.json["RuleType"].(string)
	return s
}

func (d delivery) payload() map[string]any { return d.json["payload"].(map[string]any) }

func (r *receiver) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-r.received:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("no webhook came")
		return delivery{}
	}
}

// waitFor is the first delivery of that kind; others are kept for later, since no order is promised.
func (r *receiver) waitFor(t *testing.T, kind string) delivery {
	t.Helper()
	for i := 0; ; i++ {
		if i == len(r.kept) {
			r.kept = append(r.kept, r.next(t))
		}
		if d := r.kept[i]; d.kind() == kind {
			r.kept = slices.Delete(r.kept, i, i+1)
			return d
		}
	}
}
