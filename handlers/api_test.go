package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"tallylight/internal/explain"
	"tallylight/store"
)

var described = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(openAPI) })

var addresses = sync.OnceValues(func() (routers.Router, error) {
	doc, err := described()
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc, openapi3.EnableExamplesValidation())
})

// system is another system with a token. What it is answered must be as the description says, and so must what it asks, where that is
// answered with a 2xx.
type system struct {
	*site
	token string
}

// system makes a token as an administrator does.
func (v *visitor) system(name string, scopes ...store.Scope) system {
	v.t.Helper()
	form := []string{"name", name}
	for _, s := range scopes {
		form = append(form, "scope", string(s))
	}
	a := v.post("/settings/tokens", form...)
	token := regexp.MustCompile(tokenWord + `\w+`).FindString(a.body)
	if a.status != http.StatusOK || token == "" {
		v.t.Fatalf("make a token: %d %s", a.status, a.body)
	}
	return system{v.site, token}
}

func (s system) call(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a := s.stranger().do(r)
	if a.header.Get("Set-Cookie") != "" {
		s.t.Errorf("%s %s: a cookie: %s", method, path, a.header)
	}
	s.asDescribed(r, body, a)
	return a
}

func (s system) post(body string) answer { return s.call(http.MethodPost, "/api/expenses", body) }

func (s system) asDescribed(r *http.Request, body string, a answer) {
	s.t.Helper()
	router, err := addresses()
	if err != nil {
		s.t.Fatal(err)
	}
	asked, err := http.NewRequestWithContext(s.t.Context(), r.Method, r.URL.RequestURI(), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	asked.Header = r.Header
	route, params, err := router.FindRoute(asked)
	if err != nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			s.t.Errorf("%s %s is not described, and answered %d", r.Method, r.URL, a.status)
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if a.status/100 == 2 {
		if err := openapi3filter.ValidateRequest(s.t.Context(), in); err != nil {
			s.t.Errorf("%s %s is taken, but not as described: %v", r.Method, r.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header,
		Body: io.NopCloser(strings.NewReader(a.body)), Options: in.Options}
	if err := openapi3filter.ValidateResponse(s.t.Context(), out); err != nil {
		s.t.Errorf("%s %s: the answer is not as described: %v", r.Method, r.URL, err)
	}
}

// pointers are where things are wrong, in the answer's order.
func (a answer) pointers(t *testing.T) []string {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	var out []string
	for _, e := range p.Errors {
		out = append(out, e.Pointer)
	}
	return out
}

func read[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return v
}

const lunch = `{"company":"northwind","reference":"CARD-1","date":"2026-01-31","supplier":"Pret","currency":"GBP",
	"lines":[{"description":"Lunch","category":"Meals","net":12.50,"tax":"2.5"},{"category":"Travel","net":9007199254740993.1}]}`

func TestAnotherSystemEntersAnExpense(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	s.company("Northwind", "GBP", store.Linked)
	spendesk := admin.system("Spendesk", store.ScopeWrite, store.ScopeRead)
	if got := spendesk.post(lunch); got.status != http.StatusUnprocessableEntity { // 16 digits and a fraction: more than we take, so not less exactly
		t.Fatalf("%d %s", got.status, got.body)
	}
	small := strings.Replace(lunch, "9007199254740993.1", "9007199254741.13", 1) // which a float64 would make .129
	first := spendesk.post(small)
	made := read[receipt](t, first)
	if first.status != http.StatusCreated || !made.Made || made.Status != store.NotPushed || first.location != apiExpenseURL(made.ID) || made.URL != s.url+expenseURL(made.ID) {
		t.Fatalf("%d to %s: %s", first.status, first.location, first.body)
	}
	e, err := s.store.Expense(t.Context(), made.ID)
	if err != nil || e.Source != "api" || e.CreatedBy != nil || len(e.Lines) != 2 || exactly(e.Total, "GBP") != "9007199254756.13" {
		t.Errorf("entered %+v, %v", e, err)
	}
	mustContain(t, admin.page(expenseURL(made.ID)), "API token ‘Spendesk’ entered it")

	// The same in other spelling is the same.
	same := strings.NewReplacer("12.50", `"12.5"`, "northwind", "company-Northwind", `"CARD-1"`, `" CARD-1"`, "9007199254741.13", "9.00719925474113e12").Replace(small)
	if again := spendesk.post(same); again.status != http.StatusOK || read[receipt](t, again).ID != made.ID || read[receipt](t, again).Made {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	other := spendesk.post(strings.NewReplacer("Pret", "Itsu", `"2.5"`, `"2.4"`).Replace(small))
	if other.status != http.StatusConflict || !slices.Equal(other.pointers(t), []string{"/reference"}) {
		t.Errorf("other content: %d %s", other.status, other.body)
	}
	mustContain(t, other.body, "CARD-1 is in Northwind already, and differs in supplier and line 1 tax.")

	many := func(references ...string) string {
		var es []string
		for _, r := range references {
			es = append(es, strings.Replace(small, "CARD-1", r, 1))
		}
		return `{"expenses":[` + strings.Join(es, ",") + `]}`
	}
	batch := spendesk.post(many("CARD-2", "CARD-1", "CARD-3"))
	receipts := read[map[string][]receipt](t, batch)["expenses"]
	if batch.status != http.StatusCreated || len(receipts) != 3 || !receipts[0].Made || receipts[1].ID != made.ID || receipts[1].Made || receipts[2].Reference != "CARD-3" {
		t.Errorf("batch: %d %s", batch.status, batch.body)
	}
	if again := spendesk.post(many("CARD-2", "CARD-1", "CARD-3")); again.status != http.StatusOK {
		t.Errorf("batch again: %d %s", again.status, again.body)
	}
	refused := spendesk.post(strings.Replace(many("CARD-4", "CARD-3"), "Pret", "Itsu", 2))
	if got := refused.pointers(t); refused.status != http.StatusConflict || !slices.Equal(got, []string{"/expenses/1/reference"}) {
		t.Errorf("batch with a conflict: %d %s", refused.status, refused.body)
	}
	if got := spendesk.call(http.MethodGet, "/api/expenses?company=Northwind&reference=CARD-4", ""); got.status != http.StatusNotFound {
		t.Errorf("of a refused batch something was entered: %d %s", got.status, got.body)
	}
}

// Whatever is wrong is named, all of it, and nothing is entered.
func TestAnAPIRequestThatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.handlers.pace = newPace(1000, 1000)
	s.company("Northwind", "GBP", store.Linked)
	spendesk := s.person(store.Admin).system("Spendesk", store.ScopeWrite)
	const line = `{"category":"Meals","net":10}`
	expense := func(rest string) string {
		return `{"company":"Northwind","reference":"R","date":"2026-01-31","currency":"GBP","lines":[` + line + `]` + rest + `}`
	}
	for name, test := range map[string]struct {
		body   string
		status int
		want   []string // pointers
	}{
		"all at once": {`{"company":"Nortwind","date":"31.01.2026","currency":"pound","rate":"1,2","net":10,"supplier":7,"lines":[{"net":"x","tax":true,"account":"429"}],"push":"yes"}`, 422,
			[]string{"/company", "/currency", "/date", "/lines/0/account", "/lines/0/category", "/lines/0/tax", "/net", "/push", "/rate", "/reference", "/supplier"}},
		"amounts":               {expense(`,"lines":[{"category":"Meals","net":"10.005","tax":1e400},{"category":"Meals","net":10.000000000000000000000001}]`), 422, []string{"/lines", "/lines/0/net", "/lines/0/tax", "/lines/1/net"}},
		"no amount":             {expense(`,"note":null,"lines":[{"category":"Meals"}]`), 422, []string{"/lines", "/lines/0/net"}},
		"nothing":               {`{}`, 422, []string{"/company", "/currency", "/date", "/lines", "/reference"}},
		"no line":               {`{"company":"Northwind","reference":"R","date":"2026-01-31","currency":"GBP","lines":[]}`, 422, []string{"/lines"}},
		"line that is none":     {`{"company":"Northwind","reference":"R","date":"2026-01-31","currency":"GBP","lines":[7,` + line + `,{"net":1}]}`, 422, []string{"/lines/0", "/lines/2/category"}},
		"twice":                 {expense(`,"reference":"S"`), 422, []string{"/reference"}},
		"rate not needed":       {expense(`,"rate":1.1`), 422, []string{"/rate"}},
		"NUL":                   {expense(`,"note":"a\u0000b"`), 422, []string{"/note"}},
		"name with a slash":     {expense(`,"a/b~c":1`), 422, []string{"/a~1b~0c"}},
		"list":                  {`[` + expense("") + `]`, 422, []string{""}},
		"no expenses":           {`{"expenses":[]}`, 422, []string{"/expenses"}},
		"beside expenses":       {`{"expenses":[` + expense("") + `],"dry_run":true}`, 422, []string{"/dry_run"}},
		"reference twice":       {`{"expenses":[` + expense("") + `,` + expense("") + `]}`, 422, []string{"/expenses/1/reference"}},
		"some wrong":            {`{"expenses":[` + expense("") + `,7,` + strings.Replace(expense(""), "GBP", "EUR", 1) + `]}`, 422, []string{"/expenses/1", "/expenses/2/rate", "/expenses/2/reference"}},
		"too many":              {`{"expenses":[0` + strings.Repeat(",0", apiMost) + `]}`, 422, []string{"/expenses"}},
		"empty":                 {" ", 400, nil},
		"cut off":               {expense("")[:50], 400, nil},
		"two":                   {expense("") + expense(""), 400, nil},
		"no UTF-8":              {expense(",\"note\":\"\xff\""), 400, nil},
		"deep":                  {strings.Repeat(`{"expenses":[`, 5000) + strings.Repeat(`]}`, 5000), 400, nil},
		"too deep for a reader": {strings.Repeat("[", 500_000), 400, nil},
		"too large":             {expense(`,"note":"` + strings.Repeat("x", apiLimit) + `"`), 413, nil},
	} {
		got := spendesk.post(test.body)
		pointers := got.pointers(t)
		slices.Sort(pointers)
		if got.status != test.status || !slices.Equal(slices.Compact(pointers), test.want) {
			t.Errorf("%s: %d %q\n%s", name, got.status, pointers, clipped(got.body, 2000))
		}
		if got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: is %s", name, got.header.Get("Content-Type"))
		}
	}
	for _, headers := range [][]string{{"Content-Type", "text/csv"}, {"Content-Type", "application/json; charset=latin1"}, {"Content-Encoding", "gzip"}} {
		if got := spendesk.call(http.MethodPost, "/api/expenses", expense(""), headers...); got.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d", headers, got.status)
		}
	}
	for path, want := range map[string]int{"/api/expenses": 405, "/api/expenses/1": 405, "/api/nothing": 404} {
		got := spendesk.call(http.MethodDelete, path, "")
		if got.status != want || got.header.Get("Content-Type") != "application/problem+json" || want == 405 && got.header.Get("Allow") == "" {
			t.Errorf("DELETE %s: %d %s", path, got.status, got.body)
		}
	}
	if counts, err := s.store.StatusCounts(t.Context(), 0); err != nil || counts[store.NotPushed] != 0 {
		t.Errorf("entered: %v, %v", counts, err)
	}
	mustNotContain(t, s.log.String(), "level=ERROR", spendesk.token)
}

func TestParallelDuplicatesMakeOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.company("Northwind", "GBP", store.Linked)
	spendesk := s.person(store.Admin).system("Spendesk", store.ScopeWrite, store.ScopePush)
	one := func(n int) string {
		return fmt.Sprintf(`{"company":"Northwind","reference":"P-%d","date":"2026-01-31","supplier":"Supplier 1","currency":"GBP","push":true,
			"lines":[{"category":"Meals","net":10}]}`, n)
	}
	bodies := []string{`{"expenses":[` + one(1) + `,` + one(2) + `,` + one(3) + `]}`, `{"expenses":[` + one(3) + `,` + one(2) + `,` + one(1) + `]}`,
		`{"expenses":[` + one(2) + `]}`}
	var mu sync.Mutex
	made, ids := 0, map[int64]bool{}
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			got := spendesk.post(bodies[n%len(bodies)])
			if got.status/100 != 2 {
				t.Errorf("%d %s", got.status, got.body)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, r := range read[map[string][]receipt](t, got)["expenses"] {
				if ids[r.ID] = true; r.Made {
					made++
				}
			}
		})
	}
	all.Wait()
	if made != 3 || len(ids) != 3 {
		t.Errorf("made %d, of them %d", made, len(ids))
	}
	for id := range ids {
		pushes, err := s.store.Pushes(t.Context(), id)
		if err != nil || len(pushes) != 1 {
			t.Errorf("%d has %d pushes, %v", id, len(pushes), err)
		}
	}
}

func TestAnotherSystemAsksHowAnExpenseStands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	s.company("Northwind", "GBP", store.Linked)
	s.company("Adatum", "", "")
	spendesk := admin.system("Spendesk", store.Scopes...)
	enter := func(reference, rest string) receipt {
		got := spendesk.post(`{"company":"Northwind","reference":"` + reference + `","date":"2026-01-31","supplier":"Supplier 1","currency":"EUR","rate":"0.85",
			"lines":[{"category":"Meals","net":10,"tax_rate":null}]` + rest + `}`)
		if got.status != http.StatusCreated {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return read[receipt](t, got)
	}
	ask := func(id int64) apiExpenseItem {
		got := spendesk.call(http.MethodGet, apiExpenseURL(id), "")
		if got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return read[apiExpenseItem](t, got)
	}
	resting := enter("A", "")
	if a := ask(resting.ID); a.Status != store.NotPushed || a.Explanation != nil || a.Ledger != nil || *a.Rate != "0.85" || a.Total != "10.00" || a.Company != "company-Northwind" {
		t.Errorf("not pushed: %+v", a)
	}
	failed := enter("B", `,"push":true`)
	if failed.Status != store.InProgress || s.pushWoke.Load() != 1 {
		t.Errorf("pushed: %+v", failed)
	}
	s.settle(store.Settlement{Reply: store.Reply{Status: 400, Body: []byte(`{}`), Error: "400"}, OperationKey: "op-1", Outcome: store.Outcome{
		Status: store.OutcomeFailed, Source: "reply", Failure: store.Failure{Fact: []byte(`{}`), Cause: string(explain.CauseNotInLedger), Rules: explain.Version}}})
	if a := ask(failed.ID); a.Status != store.Failed || a.StatusWord != "Push failed" || a.Explanation == nil || a.Explanation.Cause == "" || a.Explanation.Who == "" {
		t.Errorf("failed: %+v", a)
	}
	admin.post(expenseURL(failed.ID)+"/handled", "reason", "Paid back")
	if a := ask(failed.ID); a.Status != store.Handled || a.Explanation != nil {
		t.Errorf("handled outside: %+v", a)
	}
	complete := enter("C & C/1", `,"push":true`)
	s.settle(store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-2", Outcome: store.Outcome{Status: store.OutcomeSuccess, Source: "reply", RecordID: "r-7"}})
	if a := ask(complete.ID); a.Status != store.Complete || a.Ledger == nil || *a.Ledger != (apiRecord{"Xero", "r-7"}) {
		t.Errorf("complete: %+v", a)
	}
	mustContain(t, admin.page(expenseURL(complete.ID)), "API token ‘Spendesk’ entered it", "API token ‘Spendesk’ pressed Push", " by API token ‘Spendesk’: complete")
	for query, want := range map[string]int{
		"?company=northwind&reference=C+%26+C%2F1": 200, "?company=company-Northwind&reference=A": 200, "?company=Northwind&reference=D": 404, "?company=Nobody&reference=A": 404,
		"?company=Northwind&reference=%00%ff": 404, "?company=Northwind": 400, "?company=Northwind&reference=A&status=failed": 400, "?company=Northwind&reference=A&reference=B": 400,
		"/0": 404, "/99999": 404, "/99999999999999999999": 404, "/-1": 404, "/A": 404,
	} {
		if got := spendesk.call(http.MethodGet, "/api/expenses"+query, ""); got.status != want {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	// What cannot be pushed is entered all the same, and says why.
	got := spendesk.post(`{"company":"Adatum","reference":"A","date":"2026-01-31","currency":"EUR","push":true,"lines":[{"category":"Meals","net":10}]}`)
	if r := read[receipt](t, got); got.status != http.StatusCreated || r.Status != store.NotPushed || !strings.Contains(r.NotPushed, "no accounting connection") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.person(store.Admin)
	c := s.company("Northwind", "GBP", store.Linked)
	mustContain(t, admin.page("/settings"), "There is no token yet", "curl "+s.url+"/api/expenses", `href="/api/openapi.yaml"`)
	spendesk := admin.system("Spendesk", store.ScopeWrite)
	page := admin.page("/settings")
	mustContain(t, page, "Spendesk", "Never used", "May enter expenses.", "by admin@example.com")
	mustNotContain(t, page, spendesk.token)
	if again := admin.get("/settings/tokens"); again.status != http.StatusSeeOther || again.location != "/settings#tokens" {
		t.Errorf("the page of a new token, again: %d %s", again.status, again.location)
	}
	for want, form := range map[string][]string{
		"Give it a name":           {"name", " ", "scope", "expenses:read"},
		"longer than 60":           {"name", strings.Repeat("x", 61), "scope", "expenses:read"},
		"cannot be read":           {"name", "a\x00b", "scope", "expenses:read"},
		"Tick what it may do":      {"name", "Other", "scope", "everything"},
		"tick that too":            {"name", "Other", "scope", "expenses:push"},
		"a token with this name":   {"name", "SPENDESK ", "scope", "expenses:read"},
		`value="&lt;i&gt;`:         {"name", "<i>"},
		`value="expenses:push" ch`: {"name", "", "scope", "expenses:push"},
	} {
		if a := admin.post("/settings/tokens", form...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) {
			t.Errorf("%q: %d, without %q", form, a.status, want)
		}
	}
	if a := s.person(store.Finance).post("/settings/tokens", "name", "Mine", "scope", "expenses:read"); a.status != http.StatusForbidden {
		t.Errorf("finance makes a token: %d", a.status)
	}

	const body = `{"company":"Northwind","reference":"R","date":"2026-01-31","currency":"GBP","lines":[{"category":"Meals","net":10}]%s}`
	plainly, pushing := fmt.Sprintf(body, ""), fmt.Sprintf(body, `,"push":true`)
	// Neither what is not a token, nor a session, nor another scope lets anybody in.
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Basic " + spendesk.token, "Bearer " + newToken(), "Bearer " + spendesk.token + "x", "Bearer " + strings.Repeat("x", 30_000)} {
		got := spendesk.call(http.MethodPost, "/api/expenses", plainly, "Authorization", authorization)
		if got.status != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%.50q: %d %s", authorization, got.status, got.header)
		}
	}
	if got := admin.get("/api/expenses/1"); got.status != http.StatusUnauthorized {
		t.Errorf("with a session: %d", got.status)
	}
	id := s.expenses(admin.user, c, 1)[0]
	for what, got := range map[string]answer{"expenses:read": spendesk.call(http.MethodGet, apiExpenseURL(id), ""), "expenses:push": spendesk.post(pushing)} {
		if got.status != http.StatusForbidden || !strings.Contains(got.body, what) || !strings.Contains(got.header.Get("WWW-Authenticate"), `scope="`+what+`"`) {
			t.Errorf("without %s: %d %s %s", what, got.status, got.body, got.header)
		}
	}
	if got := spendesk.post(plainly); got.status != http.StatusCreated { // so that what was forbidden entered nothing
		t.Errorf("%d %s", got.status, got.body)
	}
	page = admin.page("/settings")
	mustContain(t, page, "Last used")
	revoke := regexp.MustCompile(`/settings/tokens/\d+/revoke`).FindString(page)
	if a := admin.post(revoke); a.status != http.StatusSeeOther {
		t.Fatalf("revoke: %d", a.status)
	}
	mustContain(t, admin.page("/settings"), "The token Spendesk is revoked.", "There is no token yet")
	admin.post(revoke)
	mustContain(t, admin.page("/settings"), "was revoked already")
	if got := spendesk.post(plainly); got.status != http.StatusUnauthorized {
		t.Errorf("with a revoked token: %d", got.status)
	}
	admin.system("Spendesk", store.ScopeRead) // its name is free again
	mustNotContain(t, s.log.String(), spendesk.token)
}

func TestTheAPIIsNotFlooded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.handlers.pace = newPace(0.5, 2)
	admin := s.person(store.Admin)
	eager, other := admin.system("Eager", store.ScopeRead), admin.system("Other", store.ScopeRead)
	for n, want := range []int{404, 404, 429, 429} {
		got := eager.call(http.MethodGet, "/api/expenses/1", "")
		if got.status != want || want == 429 && got.header.Get("Retry-After") != "2" {
			t.Errorf("request %d: %d %s", n, got.status, got.header)
		}
	}
	if got := other.call(http.MethodGet, "/api/expenses/1", ""); got.status != http.StatusNotFound {
		t.Errorf("another token: %d", got.status)
	}
	s.store.Close()
	if got := other.call(http.MethodGet, "/api/expenses/1", ""); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("without a database: %d %s", got.status, got.body)
	}
}

func TestTheAPIDescribesItself(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.stranger().get("/api/openapi.yaml")
	if got.status != http.StatusOK || !bytes.Equal([]byte(got.body), openAPI) || got.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("%d %s", got.status, got.header)
	}
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	var statuses []store.ExpenseStatus
	for _, v := range doc.Components.Schemas["Status"].Value.Enum {
		statuses = append(statuses, store.ExpenseStatus(v.(string)))
	}
	if !slices.Equal(statuses, store.Statuses) {
		t.Errorf("the description knows the statuses %q", statuses)
	}
	if paths := slices.Sorted(maps.Keys(doc.Paths.Map())); !slices.Equal(paths, []string{"/api/expenses", "/api/expenses/{id}"}) {
		t.Errorf("it describes %q", paths)
	}
}
