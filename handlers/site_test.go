package handlers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/codat"
	"tallylight/internal/csvfile"
	"tallylight/internal/ledger"
	"tallylight/store"
	"tallylight/store/storetest"
	"tallylight/web"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const (
	hookCredential = "codat:a long webhook password"
	password       = "correct horse battery"
	codatKey       = "an API key of the tests"
)

// passwordHash is made once: it is meant to be slow.
var passwordHash = sync.OnceValue(func() string {
	hash, err := web.HashPassword(context.Background(), password)
	if err != nil {
		panic(err)
	}
	return hash
})

// site is the whole of handlers on a database of its own, over HTTP.
type site struct {
	t        testing.TB
	store    *store.Store
	dsn      string
	handlers *Handlers
	url      string
	log      *lockedBuffer
	woken    atomic.Int64 // inbox
	pushWoke atomic.Int64
	asked    chan string                  // companies to be read
	codat    atomic.Pointer[http.Handler] // answers in Codat's place; nobody unless a test says who
	codatURL string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, log: &lockedBuffer{}, asked: make(chan string, 100)}
	s.dsn = storetest.DSN(t)
	var err error
	if s.store, err = store.Open(t.Context(), s.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	sessions, err := web.NewSessions(s.store, []string{strings.Repeat("k", 32)}, false)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := codat.NewVerifier(codat.VerifierConfig{Basic: []string{hookCredential}, Legacy: true})
	if err != nil {
		t.Fatal(err)
	}
	codatServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := s.codat.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(codatServer.Close)
	s.codatURL = codatServer.URL
	log := slog.New(slog.NewTextHandler(s.log, nil))
	reader := &ledger.Reader{Store: s.store, Codat: codat.New(codat.Config{BaseURL: codatServer.URL, APIKey: codatKey}), Log: log}
	hub := web.NewHub()
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String()
	s.handlers = New(Config{
		Store: s.store, Intake: store.NewIntake(s.store), Sessions: sessions, Hub: hub, Verifier: verifier, Ledger: reader, Metrics: web.NewMetrics(hub),
		Imports: &csvfile.Importer{Store: s.store, Log: log}, Log: log, PublicURL: s.url, Location: time.UTC, CodatRate: 15,
		Wake: func() { s.woken.Add(1) }, WakePush: func() { s.pushWoke.Add(1) }, ReadCompany: func(id string) { s.asked <- id },
	})
	if server.Config.Handler, err = s.handlers.Routes(); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(hub.Close)
	return s
}

// listen keeps open pages live, as the program does, until the test ends.
func (s *site) listen() {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	heard := make(chan struct{})
	var once sync.Once
	var running sync.WaitGroup
	running.Go(func() { s.handlers.Run(ctx) })
	running.Go(func() {
		err := s.store.Listen(ctx, func(changes []store.Change) {
			s.handlers.Announce(changes)
			once.Do(func() { close(heard) })
		})
		if err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() { stop(); running.Wait() })
	<-heard
}

// visitor is a browser: it keeps cookies, and shows redirects instead of following them.
type visitor struct {
	*site
	client *http.Client
	user   store.User
}

func (s *site) stranger() *visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor{site: s, client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// person signs in as somebody of that role.
func (s *site) person(role store.Role) *visitor {
	s.t.Helper()
	email := string(role) + "@example.com"
	user, err := s.store.SaveUser(s.t.Context(), email, passwordHash(), role)
	if err != nil {
		s.t.Fatal(err)
	}
	v := s.stranger()
	v.user = user
	if a := v.post("/login", "email", email, "password", password); a.status != http.StatusSeeOther {
		s.t.Fatalf("sign in: %d %s", a.status, a.body)
	}
	return v
}

type answer struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (v *visitor) do(r *http.Request) answer {
	v.t.Helper()
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), resp.Header, string(body)}
}

func (v *visitor) request(method, path string, body io.Reader, headers ...string) answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return v.do(r)
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	return v.request(http.MethodGet, path, nil)
}

// page gets a page that must be there.
func (v *visitor) page(path string) string {
	v.t.Helper()
	a := v.get(path)
	if a.status != http.StatusOK {
		v.t.Fatalf("GET %s: %d %s\n%s", path, a.status, a.location, v.log)
	}
	return a.body
}

// post sends a form of names and values in turn.
func (v *visitor) post(path string, form ...string) answer {
	v.t.Helper()
	return v.postFrom("", path, form...)
}

// postFrom sends a form from one of our pages.
func (v *visitor) postFrom(page, path string, form ...string) answer {
	v.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	headers := []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}
	if page != "" {
		headers = append(headers, "Referer", v.url+page)
	}
	return v.request(http.MethodPost, path, strings.NewReader(values.Encode()), headers...)
}

// company makes a company with a connection of that status, "" for none. Its ledger has what expenses name.
func (s *site) company(name, currency, status string) store.Company {
	s.t.Helper()
	var c store.Company
	err := s.store.InTx(s.t.Context(), func(tx *store.Tx) error {
		var err error
		if c, err = tx.SaveCompany(s.t.Context(), "company-"+name, name, "https://link.example.com/company/"+url.PathEscape(name)); err != nil || status == "" {
			return err
		}
		_, _, err = tx.SaveConnection(s.t.Context(), c.ID, connectionNews(name, status))
		return err
	})
	if err == nil && currency != "" {
		err = s.store.SetBaseCurrency(s.t.Context(), c.ID, currency)
	}
	if err == nil && status != "" {
		err = s.books(c)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *site) books(c store.Company) error {
	connection, err := s.store.AccountingConnection(s.t.Context(), c.ID)
	if err != nil {
		return err
	}
	reading, err := s.store.ReadLedger(s.t.Context(), connection)
	if err != nil {
		return err
	}
	if err := reading.Accounts(s.t.Context(), []store.Account{
		{CodatID: "a-1", Name: "Meals", Type: "Expense", Status: "Active"},
		{CodatID: "b-1", Name: "Business card", Type: "Asset", Status: "Active", IsBank: true},
	}); err != nil {
		return err
	}
	if err := reading.Suppliers(s.t.Context(), []store.Supplier{
		{CodatID: "s-0", Name: "Supplier 0", Status: "Active"}, {CodatID: "s-1", Name: "Supplier 1", Status: "Active"}, {CodatID: "s-2", Name: "Supplier 2", Status: "Active"},
	}); err != nil {
		return err
	}
	return reading.Ended(s.t.Context(), store.LedgerAccounts)
}

func connectionNews(company, status string) store.ConnectionNews {
	return store.ConnectionNews{CodatID: "connection-" + company, PlatformName: "Xero", PlatformKey: "gbol", SourceType: "Accounting",
		Status: status, At: time.Now(), Actor: "Codat"}
}

// turn changes the status of a company's connection.
func (s *site) turn(c store.Company, status string) {
	s.t.Helper()
	err := s.store.InTx(s.t.Context(), func(tx *store.Tx) error {
		_, _, err := tx.SaveConnection(s.t.Context(), c.ID, connectionNews(c.Name, status))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// expenses enters n expenses of a company, a day apart, the last one the newest.
func (s *site) expenses(by store.User, c store.Company, n int) []int64 {
	s.t.Helper()
	var es []store.NewExpense
	for i := range n {
		es = append(es, store.NewExpense{
			CompanyID: c.ID, Reference: fmt.Sprintf("%s-%d", c.Name, i+1), Currency: "GBP", Source: "form", Supplier: fmt.Sprintf("Supplier %d", i%3),
			IssueDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i),
			Lines:     []store.Line{{Description: "Lunch", Category: "Meals", Net: decimal.MustParse("10")}},
		})
	}
	ids, err := s.store.AddExpenses(s.t.Context(), by, es)
	if err != nil {
		s.t.Fatal(err)
	}
	return ids
}

var rowPattern = regexp.MustCompile(`<tr id="expense-(\d+)"[^>]* data-status="(\w+)"`)

// rows are the ids and statuses of the expenses on a page, in their order.
func rows(page string) (ids, statuses []string) {
	for _, m := range rowPattern.FindAllStringSubmatch(page, -1) {
		ids, statuses = append(ids, m[1]), append(statuses, m[2])
	}
	return ids, statuses
}

func mustContain(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("page does not contain %q:\n%s", text, clipped(page, 4000))
		}
	}
}

func mustNotContain(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("page contains %q:\n%s", text, clipped(page, 4000))
		}
	}
}
