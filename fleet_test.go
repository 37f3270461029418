package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"github.com/jmoiron/sqlx"

	"tallylight/internal/codat"
	"tallylight/internal/ledger"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
	"tallylight/web"
)

const asProgram = "TALLYLIGHT_TEST_PROGRAM"

// init lets a test start its own file as tallylight: another process, which can be killed.
func init() {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
}

const (
	apiKey   = "an API key of the load tests"
	hookWord = "a bearer token of the load tests"
	email    = "load@example.com"
	fast     = 100_000 // requests a second: no pace
)

// fleet is any number of tallylight processes on one database, with a sandbox for Codat. Between them and the sandbox, both ways,
// stands the test: it counts what is under way for each company, and brings webhooks to a process that is alive.
type fleet struct {
	t         testing.TB
	env       []string
	store     *store.Store
	db        *sqlx.DB
	sandbox   *sandbox.Sandbox
	codat     string // the sandbox's address
	companies []store.Company
	by        store.User

	clock clock

	mu    sync.Mutex
	alive map[string]bool // addresses of the processes
	air   air
}

// air is what is under way at Codat.
type air struct {
	now, most   map[string]int // requests, by Codat's company id
	pushes      map[string]int // of now, those that write
	all, writes int

	crowd   int           // pushes wait until so many of one company are under way
	crowded chan struct{} // closed then; nil where none wait
}

// newFleet makes a database and a sandbox with that many companies, whose books are read.
func newFleet(t testing.TB, companies int, c sandbox.Config) *fleet {
	t.Helper()
	return newFleetOn(t, storetest.DSN(t), companies, c)
}

// newFleetOn is newFleet on a database that is there.
func newFleetOn(t testing.TB, dsn string, companies int, c sandbox.Config) *fleet {
	t.Helper()
	f := &fleet{t: t, alive: map[string]bool{}, air: air{now: map[string]int{}, most: map[string]int{}, pushes: map[string]int{}}}
	var err error
	if f.store, err = store.Open(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.store.Close() })
	f.db = storetest.DB(t, dsn)

	hook := httptest.NewServer(http.HandlerFunc(f.bringWebhook))
	t.Cleanup(hook.Close)
	c.APIKey, c.Now, c.Log = apiKey, f.clock.now, slog.New(slog.DiscardHandler)
	c.Hook = sandbox.Hook{URL: hook.URL + "/webhooks/codat", Bearer: hookWord}
	if f.sandbox, err = sandbox.New(c); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(f.count))
	f.codat = server.URL
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { f.sandbox.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		server.Close()
		f.sandbox.Close()
	})

	for i := range companies {
		if _, _, err := f.sandbox.AddCompany(fmt.Sprintf("Company %03d", i+1), "gbol", "GBP"); err != nil {
			t.Fatal(err)
		}
	}
	client := codat.New(codat.Config{BaseURL: f.codat, APIKey: apiKey})
	if err := (&ledger.Reader{Store: f.store, Codat: client, Log: slog.New(slog.DiscardHandler)}).ReadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.companies, err = f.store.Companies(t.Context()); err != nil || len(f.companies) != companies {
		t.Fatalf("%d companies, want %d; %v", len(f.companies), companies, err)
	}
	hash, err := web.HashPassword(t.Context(), password)
	if err == nil {
		f.by, err = f.store.SaveUser(t.Context(), email, hash, store.Finance)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.env = []string{
		"DATABASE_URL=" + dsn, "CODAT_API_KEY=" + apiKey, "CODAT_BASE_URL=" + f.codat, "CODAT_WEBHOOK_BEARER=" + hookWord,
		"TALLYLIGHT_SESSION_KEYS=" + strings.Repeat("k", 32), "TALLYLIGHT_ADDR=127.0.0.1:0", fmt.Sprintf("TALLYLIGHT_CODAT_RATE=%d", fast),
	}
	return f
}

// count serves the sandbox, and keeps count.
func (f *fleet) count(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/") // "", companies, id
	if len(parts) < 3 || parts[1] != "companies" {
		f.sandbox.ServeHTTP(w, r)
		return
	}
	company, writes := parts[2], r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/push/")
	f.enter(company, writes)
	defer f.leave(company, writes)
	if writes && f.air.crowded != nil {
		select {
		case <-f.air.crowded:
		case <-r.Context().Done():
		}
	}
	f.sandbox.ServeHTTP(w, r)
}

func (f *fleet) enter(company string, writes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &f.air
	a.all++
	a.now[company]++
	a.most[company] = max(a.most[company], a.now[company])
	if writes {
		a.writes++
		a.pushes[company]++
		if a.pushes[company] == a.crowd {
			a.crowd = -1
			close(a.crowded)
		}
	}
}

func (f *fleet) leave(company string, writes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.air.now[company]--
	if writes {
		f.air.pushes[company]--
	}
}

// quiet reports whether nothing is under way at Codat.
func (f *fleet) quiet() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.air.now {
		if n > 0 {
			return false
		}
	}
	return true
}

// bringWebhook hands a webhook to one of the living processes, as a load balancer would.
func (f *fleet) bringWebhook(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	address := ""
	for a := range f.alive { // in no order
		address = a
		break
	}
	f.mu.Unlock()
	if address == "" {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), target{}, address)))
}

type target struct{}

var proxy = &httputil.ReverseProxy{
	Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: strings.TrimPrefix(r.In.Context().Value(target{}).(string), "http://")})
	},
	Transport:    &http.Transport{MaxIdleConnsPerHost: 64},
	ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
}

// process is one tallylight.
type process struct {
	f       *fleet
	address string // http://127.0.0.1:1234
	cmd     *exec.Cmd
	said    *bytes.Buffer // on standard error; read it after kill
}

// start starts a process of its own and waits until it serves.
func (f *fleet) start() *process {
	f.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	p := &process{f: f, said: &bytes.Buffer{}}
	p.cmd = exec.Command(exe)
	p.cmd.Env, p.cmd.Stderr = append(f.env, asProgram+"=1", "PATH="+os.Getenv("PATH"), "GOCOVERDIR="+f.t.TempDir()), p.said
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	if p.address, err = listening(out); err != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		f.t.Fatalf("start tallylight: %v\n%s", err, p.said)
	}
	f.t.Cleanup(p.kill)
	f.join(p.address)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	p.f.mu.Lock()
	delete(p.f.alive, p.address)
	p.f.mu.Unlock()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// runHere runs tallylight within the test's own process, where a profile sees it, until the test ends.
func (f *fleet) runHere() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	in, out := io.Pipe()
	var said bytes.Buffer
	var running sync.WaitGroup
	running.Go(func() {
		out.CloseWithError(run(ctx, nil, f.env, nil, out, &said))
	})
	f.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	address, err := listening(in)
	if err != nil {
		f.t.Fatalf("run tallylight: %v\n%s", err, &said)
	}
	f.join(address)
}

func (f *fleet) join(address string) {
	f.mu.Lock()
	f.alive[address] = true
	f.mu.Unlock()
}

// listening reads where a tallylight is from what it prints, and reads on so that it never waits for us.
func listening(out io.Reader) (string, error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, found := strings.CutPrefix(lines.Text(), "Tallylight is at "); found {
			go io.Copy(io.Discard, out)
			return address, nil
		}
	}
	return "", errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

// clock is what the sandbox takes for now. The database's is moved with it.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// jump moves the time ahead for all, unless a living process is sending: to it, its lease must last as long as it takes. It
// reports whether it did.
func (f *fleet) jump(d time.Duration) bool {
	f.t.Helper()
	f.clock.mu.Lock()
	defer f.clock.mu.Unlock()
	tx := f.db.MustBegin()
	defer tx.Rollback()
	tx.MustExec(`SELECT pg_advisory_xact_lock(7242001)`) // nobody claims meanwhile
	var sending bool
	if err := tx.Get(&sending, `SELECT EXISTS (SELECT 1 FROM push_steps WHERE state = 'sending')`); err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	living := len(f.alive) > 0
	f.mu.Unlock()
	if living && sending {
		return false
	}
	ahead := f.clock.ahead + d
	tx.MustExec(fmt.Sprintf(`CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT now() + interval '%d ms' $$`,
		ahead.Milliseconds()))
	tx.MustExec(`SELECT pg_notify('tallylight', 'work:0')`)
	if err := tx.Commit(); err != nil {
		f.t.Fatal(err)
	}
	f.clock.ahead = ahead
	return true
}

// until waits until done says so, which it is asked again and again.
func (f *fleet) until(what string, limit time.Duration, done func() bool) {
	f.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-deadline.C:
			f.t.Fatalf("waited %v until %s\n%s", limit, what, f.state())
		case <-again.C:
		}
	}
}

// expenses enters that many expenses of a company, whose references begin with prefix.
func (f *fleet) expenses(c store.Company, prefix string, n int, edit func(*store.NewExpense)) []int64 {
	f.t.Helper()
	var es []store.NewExpense
	for i := range n {
		e := store.NewExpense{
			CompanyID: c.ID, Reference: fmt.Sprintf("%s-%04d", prefix, i+1), IssueDate: time.Date(2026, 1, 1+i%28, 0, 0, 0, 0, time.UTC),
			Supplier: "Fourth Coffee", Currency: "GBP", PaidFrom: "Business Bank Account", Source: "csv",
			Lines: []store.Line{{Description: "Beans", Category: "Entertainment", Net: decimal.MustNew(int64(1000+i), 2), Tax: decimal.MustNew(0, 2)}},
		}
		if edit != nil {
			edit(&e)
		}
		es = append(es, e)
	}
	ids, err := f.store.AddExpenses(f.t.Context(), f.by, es)
	if err != nil {
		f.t.Fatal(err)
	}
	return ids
}

// statuses counts the expenses by status.
func (f *fleet) statuses() map[store.ExpenseStatus]int {
	f.t.Helper()
	counts, err := f.store.StatusCounts(f.t.Context(), 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return counts
}

// state is for a test that has failed: the statuses, the steps that are under way, and what is wrong with those that failed.
func (f *fleet) state() string {
	var b strings.Builder
	fmt.Fprintln(&b, f.statuses())
	rows, err := f.db.QueryxContext(context.WithoutCancel(f.t.Context()), `
		SELECT s.kind, s.state, s.doubt, s.wait_reason, coalesce(p.cause, '') AS cause, count(*), min(s.label) AS example, max(s.attempts) AS attempts,
			min(s.ask_at) - clock() AS ask, min(s.next_try_at) - clock() AS next
		FROM push_steps s LEFT JOIN pushes p ON p.cost_step_id = s.id GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2`)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	for rows.Next() {
		row := map[string]any{}
		if err := rows.MapScan(row); err != nil {
			return err.Error()
		}
		for k, v := range row {
			if bytes, ok := v.([]byte); ok {
				row[k] = string(bytes)
			}
		}
		fmt.Fprintln(&b, row)
	}
	return b.String()
}

// books are what was written into the ledger of one company.
type books struct {
	Costs []struct {
		Reference   string
		Attachments []struct{ Name string }
	} `json:"directCosts"`
	Accounts  []struct{ Name string }
	Suppliers []struct{ SupplierName string }
}

func (f *fleet) books(c store.Company) books {
	f.t.Helper()
	resp, err := http.Get(f.codat + "/_sandbox/ledger/" + c.CodatID)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b books
	if err := json.NewDecoder(resp.Body).Decode(&b); err != nil {
		f.t.Fatal(err)
	}
	return b
}

// scenarios make the next writes that match them misbehave.
func (f *fleet) scenarios(list []map[string]any) {
	f.t.Helper()
	body, err := json.Marshal(list)
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := http.Post(f.codat+"/_sandbox/scenarios", "application/json", bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		f.t.Fatalf("add scenarios: %d %s", resp.StatusCode, said)
	}
}

// signIn returns a browser that is signed in at one process.
func (f *fleet) signIn(p *process) *http.Client {
	f.t.Helper()
	return f.signInAs(p, email)
}

func (f *fleet) signInAs(p *process, email string) *http.Client {
	f.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.PostForm(p.address+"/login", url.Values{"email": {email}, "password": {password}})
	if err != nil {
		f.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		f.t.Fatalf("sign in: %d", resp.StatusCode)
	}
	return browser
}

// journal is a file for the sandbox.
func journal(t testing.TB) string { return filepath.Join(t.TempDir(), "journal") }
