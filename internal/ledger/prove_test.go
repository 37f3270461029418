package ledger_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/inbox"
	"tallylight/internal/ledger"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

// proof is a database with one company, whose connection is Linked, and a running sandbox that plays its Codat over HTTP.
type proof struct {
	t          *testing.T
	store      *store.Store
	dsn        string
	url        string
	client     *codat.Client
	box        *sandbox.Sandbox
	inbox      *inbox.Inbox
	by         store.User
	company    store.Company
	connection store.Connection

	mu     sync.Mutex
	refuse map[string]int // status by the end of a path
	queued []string       // data types that Codat was asked to read
	silent bool           // Codat tells of no sync
}

// newProof begins a proof: with webhooks, or without any; a reading of the ledger takes that long.
func newProof(t *testing.T, webhooks bool, delay time.Duration) *proof {
	t.Helper()
	p := &proof{t: t, dsn: storetest.DSN(t), refuse: map[string]int{}}
	p.store = p.at(0)
	var err error
	if p.by, err = p.store.SaveUser(t.Context(), "ada@example.com", "hash", store.Finance); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(p)
	p.url = front.URL
	cfg := sandbox.Config{APIKey: "key", Delay: delay, Scale: 0.01, Log: slog.New(slog.DiscardHandler)}
	if webhooks {
		cfg.Hook = sandbox.Hook{URL: front.URL + "/webhook"}
	}
	if p.box, err = sandbox.New(cfg); err != nil {
		t.Fatal(err)
	}
	p.client = codat.New(codat.Config{BaseURL: front.URL, APIKey: "key"})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	p.inbox = &inbox.Inbox{Store: p.store, Log: slog.New(slog.DiscardHandler), ReadCompany: func(string) {}}
	running.Go(func() { p.box.Run(ctx) })
	running.Go(func() { p.inbox.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait(); front.Close(); p.box.Close() })

	companyID, _, err := p.box.AddCompany("Northwind", "gbol", "GBP")
	if err != nil {
		t.Fatal(err)
	}
	prover := p.prover(0)
	if err := prover.Reader.ReadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.company, err = p.store.CompanyByCodatID(t.Context(), companyID); err != nil {
		t.Fatal(err)
	}
	if p.connection, err = p.store.AccountingConnection(t.Context(), p.company.ID); err != nil {
		t.Fatal(err)
	}
	return p
}

// at is the database so much later.
func (p *proof) at(ahead time.Duration) *store.Store {
	p.t.Helper()
	s, err := store.Open(p.t.Context(), p.dsn+"&"+url.Values{"tallylight.ahead": {fmt.Sprintf("%f s", ahead.Seconds())}}.Encode())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { s.Close() })
	return s
}

func (p *proof) prover(ahead time.Duration) *ledger.Prover {
	s, log := p.at(ahead), slog.New(slog.DiscardHandler)
	return &ledger.Prover{Store: s, Codat: p.client, Log: log, Reader: &ledger.Reader{Store: s, Codat: p.client, Log: log}}
}

// prove moves on what is due so much later.
func (p *proof) prove(ahead time.Duration) {
	p.t.Helper()
	if err := p.prover(ahead).ProveDue(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// run lets a prover run until the test ends.
func (p *proof) run(ahead time.Duration) {
	prover := p.prover(ahead)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { prover.Run(ctx) })
	p.t.Cleanup(func() { stop(); running.Wait() })
}

func (p *proof) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/webhook" {
		p.hear(w, r)
		return
	}
	p.mu.Lock()
	if _, dataType, ok := strings.Cut(r.URL.Path, "/data/queue/"); ok {
		p.queued = append(p.queued, dataType)
	}
	status := 0
	for end, s := range p.refuse {
		if strings.HasSuffix(r.URL.Path, end) {
			status = s
		}
	}
	silent := p.silent
	p.mu.Unlock()
	if silent && strings.HasSuffix(r.URL.Path, "/connections") {
		a := httptest.NewRecorder()
		p.box.ServeHTTP(a, r)
		io.WriteString(w, lastSync.ReplaceAllString(a.Body.String(), ""))
		return
	}
	if status != 0 {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(status)
		io.WriteString(w, `{"error":"Not this one."}`)
		return
	}
	p.box.ServeHTTP(w, r)
}

var lastSync = regexp.MustCompile(`"lastSync":"[^"]*",`)

// hear keeps a webhook, as its route does.
func (p *proof) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		var e codat.Event
		if e, err = codat.ParseEvent(body); err == nil {
			_, err = p.store.RecordDelivery(r.Context(), store.Delivery{DedupeKey: &e.DedupeKey, Generation: e.Generation, Type: e.Type, Company: e.CompanyID,
				Connection: e.ConnectionID, OperationKey: e.OperationKey, Headers: []byte(`{}`), Body: body, Verdict: store.VerdictNew})
		}
	}
	if err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	p.inbox.Wake()
}

func (p *proof) refuses(end string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = map[string]int{end: status}
}

func (p *proof) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.queued)
}

// sever cuts the connection as the accounting package would: nobody tells.
func (p *proof) sever() {
	p.t.Helper()
	resp, err := http.Post(p.url+"/_sandbox/connections/"+p.connection.CodatID+"/sever", "", nil)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		p.t.Fatal(resp, err)
	}
	resp.Body.Close()
}

func (p *proof) check() {
	p.t.Helper()
	if begun, err := p.store.CheckConnection(p.t.Context(), p.by, p.connection.ID); err != nil || !begun {
		p.t.Fatal(begun, err)
	}
}

func (p *proof) now() store.Connection {
	p.t.Helper()
	items, err := p.store.ConnectionItems(p.t.Context(), []int64{p.connection.ID})
	if err != nil || len(items) != 1 {
		p.t.Fatal(items, err)
	}
	return items[0].Connection
}

// until waits for something to become true of the connection.
func (p *proof) until(what string, holds func(store.Connection) bool) store.Connection {
	p.t.Helper()
	tick, late := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		c := p.now()
		if holds(c) {
			return c
		}
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatalf("it never came true that %s: %+v", what, c)
		}
	}
}

// synced waits until Codat has ended the reading that the check asked for.
func (p *proof) synced() {
	p.t.Helper()
	var sync string
	if err := storetest.DB(p.t, p.dsn).Get(&sync, `SELECT check_sync_id FROM connections WHERE id = $1`, p.connection.ID); err != nil || sync == "" {
		p.t.Fatalf("no reading is known: %q, %v", sync, err)
	}
	tick, late := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		op, err := p.client.PullOperation(p.t.Context(), p.company.CodatID, sync)
		if err != nil {
			p.t.Fatal(err)
		}
		if op.IsCompleted || op.IsErrored {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatal("the reading never ends")
		}
	}
}

func ended(c store.Connection) bool { return c.CheckingSince == nil }

func TestACheckProves(t *testing.T) {
	t.Parallel()
	p := newProof(t, true, 0)
	before := p.now()
	p.check()
	if c := p.now(); c.CheckingSince == nil {
		t.Error("it does not say that it is being checked")
	}
	p.run(0)
	c := p.until("the check ends", ended)
	if c.CheckResult != store.CheckProven || c.ProvenAt == nil || before.ProvenAt != nil && !c.ProvenAt.After(*before.ProvenAt) || c.WroteAt != nil || c.Status != store.Linked {
		t.Errorf("connection %+v", c)
	}
	if asked := p.asked(); len(asked) != 1 {
		t.Errorf("Codat was asked to read %v", asked)
	}
}

func TestACheckFindsWhatIsSevered(t *testing.T) {
	t.Parallel()
	p := newProof(t, true, 0)
	p.sever()
	p.check()
	p.run(0)
	c := p.until("the check ends", ended)
	if c.CheckResult != store.CheckDown || c.Status != "Deauthorized" {
		t.Errorf("connection %+v", c)
	}
	ms, err := p.store.ConnectionHistory(t.Context(), c.ID, 0, 10)
	if err != nil || len(ms) == 0 || !slices.ContainsFunc(ms, func(m store.ConnectionMoment) bool {
		return m.Status == "Deauthorized" && strings.Contains(m.Cause, "de-authorized access")
	}) {
		t.Errorf("history %+v, %v", ms, err)
	}
	// Once more: it is still lost, and nothing is read for that.
	n := len(p.asked())
	p.check()
	if c := p.until("the check ends", ended); c.CheckResult != store.CheckDown || len(p.asked()) != n {
		t.Errorf("result %s, asked %v", c.CheckResult, p.asked())
	}
}

// No webhook comes: Codat is asked how the reading went.
func TestACheckWithoutWebhooks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		severed bool
		result  store.CheckResult
		status  string
	}{
		"works":   {false, store.CheckProven, "Linked"},
		"severed": {true, store.CheckDown, "Deauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProof(t, false, 0)
			if test.severed {
				p.sever()
			}
			p.check()
			p.prove(0)
			p.synced()
			p.prove(0) // not yet
			if c := p.now(); c.CheckingSince == nil {
				t.Error("Codat is asked without end")
			}
			p.prove(11 * time.Second)
			c := p.now()
			if c.CheckResult != test.result || c.Status != test.status || c.CheckingSince != nil {
				t.Errorf("connection %+v", c)
			}
			if test.severed {
				ms, err := p.store.ConnectionHistory(t.Context(), c.ID, 0, 10)
				if err != nil || ms[0].Source != store.FromSync || ms[0].Cause == "" || ms[0].SaidAt != nil {
					t.Errorf("history %+v, %v", ms, err)
				}
			}
		})
	}
}

// Nobody asks: what has been quiet for a day is proven by itself.
func TestTheScheduleFindsWhatIsSevered(t *testing.T) {
	t.Parallel()
	p := newProof(t, false, 0)
	p.sever()
	p.prove(23 * time.Hour)
	if asked := p.asked(); len(asked) != 0 {
		t.Errorf("Codat was asked to read %v within a day", asked)
	}
	p.prove(25 * time.Hour)
	if c := p.now(); c.CheckReason != store.CheckQuiet || len(p.asked()) != 1 {
		t.Fatalf("nothing is checked: %+v", c)
	}
	p.synced()
	p.prove(25*time.Hour + 11*time.Second)
	if c := p.now(); c.Status != "Deauthorized" || c.CheckResult != store.CheckDown {
		t.Errorf("connection %+v", c)
	}
	p.prove(60 * time.Hour)
	if len(p.asked()) != 1 {
		t.Error("what is lost is read again")
	}
}

// relinked links the company anew, through another connection, whose books Codat reads at once.
func (p *proof) relinked() {
	p.t.Helper()
	if _, err := p.client.Unlink(p.t.Context(), p.company.CodatID, p.connection.CodatID); err != nil {
		p.t.Fatal(err)
	}
	fresh, err := p.client.CreateConnection(p.t.Context(), p.company.CodatID, "gbol")
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.PostForm(p.url+"/companies/"+p.company.CodatID+"/connections/"+fresh.ID+"/start", url.Values{"answer": {"approve"}})
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// The records that Codat tells of a company may be those behind its former connection, until it has read those behind the new one.
func TestRecordsOfANewConnectionWaitForItsFirstSync(t *testing.T) {
	t.Parallel()
	p := newProof(t, false, 0)
	p.mu.Lock()
	p.silent = true
	p.mu.Unlock()
	former := p.connection.ID
	p.relinked()
	read := func() bool {
		t.Helper()
		if err := p.prover(0).Reader.ReadAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := p.store.AccountingConnection(t.Context(), p.company.ID)
		if err != nil || c.ID == former {
			t.Fatal(c, err)
		}
		p.connection = c
		is, err := p.store.BooksRead(t.Context(), c.ID)
		counts, err2 := p.store.LedgerCounts(t.Context(), c.ID)
		if err != nil || err2 != nil || is != (counts.Accounts > 0) {
			t.Fatal(is, counts, err, err2)
		}
		return is
	}
	if read() {
		t.Fatal("its records are read before Codat has told that it read them")
	}
	p.prove(30 * time.Second)
	if asked := p.asked(); len(asked) != 0 {
		t.Errorf("Codat was asked to read %v at once: it does so by itself", asked)
	}
	p.prove(2 * time.Minute)
	if asked := p.asked(); !slices.Contains(asked, "chartOfAccounts") || !slices.Contains(asked, "suppliers") {
		t.Fatalf("Codat was asked to read %v, which are not the books", asked)
	}
	p.synced()
	p.prove(2*time.Minute + 11*time.Second)
	if !read() {
		t.Errorf("its records are never read: %+v", p.now())
	}
}

// What Codat reads already is waited for, and in the end given up.
func TestACheckWhileCodatReads(t *testing.T) {
	t.Parallel()
	p := newProof(t, false, time.Hour)
	if _, err := p.client.QueueSync(t.Context(), p.company.CodatID, "company", p.connection.CodatID); err != nil {
		t.Fatal(err)
	}
	p.check()
	p.prove(0)
	if asked := p.asked(); !slices.Equal(asked, []string{"company", "company"}) {
		t.Errorf("Codat was asked to read %v", asked)
	}
	if c := p.now(); c.CheckingSince == nil || c.Status != store.Linked {
		t.Errorf("connection %+v", c)
	}
	p.prove(2 * time.Minute)
	p.prove(9*time.Minute + 50*time.Second)
	if c := p.now(); c.CheckingSince == nil {
		t.Error("it is given up early")
	}
	p.prove(12 * time.Minute)
	if c := p.now(); c.CheckResult != store.CheckUnanswered || c.CheckingSince != nil {
		t.Errorf("connection %+v", c)
	}
}

func TestACheckThatIsRefused(t *testing.T) {
	t.Parallel()
	t.Run("a data type that the platform does not have", func(t *testing.T) {
		t.Parallel()
		p := newProof(t, false, 0)
		p.refuses("/queue/company", http.StatusNotFound)
		p.check()
		p.prove(0)
		p.synced()
		p.prove(11 * time.Second)
		if c := p.now(); c.CheckResult != store.CheckProven || !slices.Equal(p.asked(), []string{"company", "chartOfAccounts"}) {
			t.Errorf("result %q, asked %v", c.CheckResult, p.asked())
		}
	})
	t.Run("a connection that is gone", func(t *testing.T) {
		t.Parallel()
		p := newProof(t, false, 0)
		if err := p.client.DeleteConnection(t.Context(), p.company.CodatID, p.connection.CodatID); err != nil {
			t.Fatal(err)
		}
		p.check()
		p.prove(0)
		if c := p.now(); c.CheckResult != store.CheckDown || c.DeletedAt == nil {
			t.Errorf("connection %+v", c)
		}
	})
	t.Run("a company that is gone", func(t *testing.T) {
		t.Parallel()
		p := newProof(t, false, 0)
		if err := p.client.DeleteCompany(t.Context(), p.company.CodatID); err != nil {
			t.Fatal(err)
		}
		p.check()
		p.prove(0)
		if c := p.now(); c.CheckResult != store.CheckDown || c.DeletedAt == nil {
			t.Errorf("connection %+v", c)
		}
	})
	t.Run("too many requests", func(t *testing.T) {
		t.Parallel()
		p := newProof(t, false, 0)
		p.refuses("/queue/company", http.StatusTooManyRequests)
		p.check()
		p.prove(0)
		p.prove(45 * time.Second)
		if c := p.now(); c.CheckingSince == nil || len(p.asked()) != 1 {
			t.Errorf("asked %v although Codat has us wait; %+v", p.asked(), c)
		}
		p.refuses("", 0)
		p.prove(75 * time.Second)
		p.synced()
		p.prove(2 * time.Minute)
		if c := p.now(); c.CheckResult != store.CheckProven {
			t.Errorf("connection %+v", c)
		}
	})
	t.Run("Codat out of order", func(t *testing.T) {
		t.Parallel()
		p := newProof(t, false, 0)
		p.refuses("/queue/company", http.StatusInternalServerError)
		p.check()
		p.prove(0)
		p.prove(time.Minute)
		if c := p.now(); c.CheckingSince == nil || len(p.asked()) < 2 {
			t.Errorf("asked %v, %+v", p.asked(), c)
		}
		p.prove(10*time.Minute + time.Second)
		p.prove(12 * time.Minute)
		if c := p.now(); c.CheckResult != store.CheckUnasked || c.CheckSaid != "Not this one." {
			t.Errorf("connection %+v", c)
		}
	})
}

// A process that dies in the middle of a check loses nothing: another one follows it.
func TestACheckSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	p := newProof(t, false, 0)
	p.sever()
	p.check()
	if _, err := p.store.ClaimCheck(t.Context()); err != nil { // and no more is heard of it
		t.Fatal(err)
	}
	p.prove(time.Minute)
	if len(p.asked()) != 0 {
		t.Error("two processes move a check on")
	}
	p.prove(3 * time.Minute)
	p.synced()
	p.prove(4 * time.Minute)
	if c := p.now(); c.CheckResult != store.CheckDown || c.Status != "Deauthorized" {
		t.Errorf("connection %+v", c)
	}
}
