package main

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"github.com/jmoiron/sqlx"

	"tallylight/internal/devdb"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

// loadSender has the credentials of a fleet that was told of hookSecret, too.
var loadSender = sender{"Bearer " + hookWord, hookSecret}

const tooLate = 5 * time.Second // for an answer

// post is a Codat that sends messages again until they are acknowledged, over connections of its own, until stop is closed. It
// returns the ids of those that were. Whatever is not acknowledged must be asked for again, in time.
func post(t *testing.T, address func() string, connections int, stop <-chan struct{}, acknowledged func(int)) (ids []string) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			c := &caller{}
			defer c.close()
			for {
				m := loadSender.success(t, uuid.NewString())
				for again := time.NewTicker(20 * time.Millisecond); ; <-again.C {
					select {
					case <-stop:
						return
					default:
					}
					if to := strings.TrimPrefix(address(), "http://"); to != c.address {
						c.close()
						c.address = to
					}
					sent := time.Now()
					r, err := c.send(m.wire, 30*time.Second)
					if took := time.Since(sent); took > tooLate {
						t.Errorf("an answer took %s", took)
					}
					if err != nil {
						continue // it was killed, and is not back yet
					}
					if r.status == http.StatusNoContent {
						break
					}
					if r.status != http.StatusServiceUnavailable || r.retryAfter == "" {
						t.Errorf("answered %d, Retry-After %q", r.status, r.retryAfter)
						return
					}
				}
				mu.Lock()
				ids = append(ids, m.id)
				acknowledged(len(ids))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return ids
}

// mustHave checks that the database has every one of the messages.
func mustHave(t *testing.T, db *sqlx.DB, ids []string) {
	t.Helper()
	var stored []string
	if err := db.Select(&stored, `SELECT webhook_id FROM deliveries`); err != nil {
		t.Fatal(err)
	}
	slices.Sort(stored)
	lost := 0
	for _, id := range ids {
		if _, found := slices.BinarySearch(stored, id); !found {
			lost++
		}
	}
	if lost > 0 || len(ids) == 0 {
		t.Errorf("%d of %d acknowledged messages are lost", lost, len(ids))
	}
}

// A process that is killed at any moment has acknowledged nothing that is not stored, and the next one applies it.
func TestKilledProcessesLoseNoWebhook(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, sandbox.Config{})
	f.env = append(f.env, "CODAT_WEBHOOK_SECRETS="+hookSecret)
	p := f.start()
	var mu sync.Mutex
	address, stop, enough := p.address, make(chan struct{}), make(chan struct{}, 1)
	const lives, each = 4, 150
	due := each
	var ids []string
	var posting sync.WaitGroup
	posting.Go(func() {
		ids = post(t, func() string { mu.Lock(); defer mu.Unlock(); return address }, 16, stop, func(n int) {
			if n == due {
				due += each
				enough <- struct{}{}
			}
		})
	})
	for range lives {
		select {
		case <-enough:
		case <-time.After(patience):
			t.Fatal("messages are not acknowledged")
		}
		p.kill()
		p = f.start()
		mu.Lock()
		address = p.address
		mu.Unlock()
	}
	close(stop)
	posting.Wait()
	mustHave(t, f.db, ids)
	f.until("all are applied", patience, func() bool { return f.number(`SELECT count(*) FROM deliveries WHERE verdict = 'new'`) == 0 })
}

// The database goes away and comes back. Webhooks meanwhile are a 503 that asks for them again; pages that are open find their way.
func TestTheDatabaseGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	config := devdb.Config{Dir: t.TempDir(), Unsafe: true}
	server, err := devdb.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Stop() }()
	codat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer codat.Close()
	w := &world{t: t, dsn: server.DSN("postgres"), codat: codat.URL}
	w.addUser("fay@example.com", store.Finance)
	p := startProgram(t, w.environ("CODAT_WEBHOOK_BEARER="+hookWord))
	if w.store, err = store.Open(t.Context(), w.dsn); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	stream := p.visit("fay@example.com", password).live("topics=expenses")

	stop, some, more := make(chan struct{}), make(chan struct{}), make(chan struct{})
	before := 0
	gone := make(chan struct{})
	var ids []string
	var posting sync.WaitGroup
	posting.Go(func() {
		ids = post(t, func() string { return p.url }, 8, stop, func(n int) {
			select {
			case <-gone:
				if before++; before == 200 {
					close(more)
				}
			default:
				if n == 200 {
					close(some)
				}
			}
		})
	})
	wait := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(patience):
			t.Fatalf("waited in vain until %s", what)
		}
	}
	wait("messages were acknowledged", some)
	server.Stop()
	caller := &caller{address: strings.TrimPrefix(p.url, "http://")}
	defer caller.close()
	r, err := caller.send(loadSender.success(t, "op").wire, patience)
	if err != nil || r.status != http.StatusServiceUnavailable || r.retryAfter == "" {
		t.Errorf("without a database: %+v, error %v", r, err)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		resp, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s without a database: %d, want %d", path, resp.StatusCode, want)
		}
	}
	close(gone)
	if server, err = devdb.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	wait("messages were acknowledged again", more)
	close(stop)
	posting.Wait()
	mustHave(t, storetest.DB(t, w.dsn), ids)

	// What happens now reaches the page that was open all the time.
	fay, err := w.store.UserByEmail(t.Context(), "fay@example.com")
	if err != nil {
		t.Fatal(err)
	}
	err = w.store.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.SaveCompany(t.Context(), "c-1", "Northwind Ltd", "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	added, err := w.store.AddExpenses(t.Context(), fay, []store.NewExpense{{CompanyID: w.company("Northwind Ltd").ID, Reference: "AFTER", IssueDate: time.Now(),
		Currency: "GBP", Source: "form", Lines: []store.Line{{Description: "Lunch", Category: "Meals", Net: decimal.MustParse("10")}}}})
	if err != nil {
		t.Fatal(err)
	}
	stream.awaitExpense(strconv.FormatInt(added[0], 10), string(store.NotPushed))
	w.until("all are applied", func() bool {
		ds, err := w.store.Deliveries(t.Context(), store.DeliveryFilter{Verdict: store.VerdictNew}, 1)
		return err == nil && len(ds) == 0
	})
}

// However a message is lost to us, its sender is asked for it again, in time: when every connection to the database is taken, and
// when the rows cannot be written.
func TestNoRoomInTheDatabase(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, sandbox.Config{})
	f.env = append(f.env, "CODAT_WEBHOOK_SECRETS="+hookSecret)
	p := f.start()
	browser := f.signIn(p)
	for _, table := range []string{"deliveries", "expenses"} { // the one we write, the one that pages read
		lock := f.db.MustBegin()
		defer lock.Rollback()
		lock.MustExec(`LOCK TABLE ` + table + ` IN ACCESS EXCLUSIVE MODE`)
		var pages sync.WaitGroup
		if table == "expenses" {
			for range 60 {
				pages.Go(func() {
					if resp, err := browser.Get(p.address + "/expenses"); err == nil {
						resp.Body.Close()
					}
				})
			}
			f.until("all connections are taken", patience, func() bool {
				return f.number(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= 20
			})
		}
		c := &caller{address: strings.TrimPrefix(p.address, "http://")}
		defer c.close()
		sent := time.Now()
		m := loadSender.success(t, uuid.NewString())
		r, err := c.send(m.wire, patience)
		if took := time.Since(sent); err != nil || r.status != http.StatusServiceUnavailable || r.retryAfter == "" || took > tooLate {
			t.Errorf("%s: %+v after %s, error %v; want a 503 with Retry-After", table, r, took, err)
		}
		lock.Rollback()
		pages.Wait()
		if r, err := c.send(m.wire, patience); err != nil || r.status != http.StatusNoContent {
			t.Errorf("%s: afterwards %+v, error %v", table, r, err)
		}
	}
}

// A database that does not answer, without going away, keeps nobody waiting; and when it goes on everything does.
func TestTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := devdb.Start(t.Context(), devdb.Config{Dir: dir, Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	codat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer codat.Close()
	w := &world{t: t, dsn: server.DSN("postgres"), codat: codat.URL}
	p := startProgram(t, w.environ("CODAT_WEBHOOK_BEARER="+hookWord))
	db := storetest.DB(t, w.dsn)
	send := func() reply {
		c := &caller{address: strings.TrimPrefix(p.url, "http://")}
		defer c.close()
		r, err := c.send(loadSender.success(t, uuid.NewString()).wire, patience)
		if err != nil {
			t.Error(err)
		}
		return r
	}
	if r := send(); r.status != http.StatusNoContent {
		t.Fatalf("at first %+v", r)
	}
	var pids []int
	if err := db.Select(&pids, `SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "postgres", ".s.PGSQL.5432.lock"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	pids = append(pids, postmaster)
	all := func(signal syscall.Signal) {
		for _, pid := range pids {
			syscall.Kill(pid, signal) // some have ended by themselves
		}
	}
	all(syscall.SIGSTOP)
	defer all(syscall.SIGCONT)
	var asking sync.WaitGroup
	for range 5 {
		asking.Go(func() {
			sent := time.Now()
			if r, took := send(), time.Since(sent); r.status != http.StatusServiceUnavailable || r.retryAfter == "" || took > tooLate {
				t.Errorf("answered %+v after %s", r, took)
			}
		})
	}
	asking.Go(func() {
		sent := time.Now()
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		if took := time.Since(sent); resp.StatusCode != http.StatusServiceUnavailable || took > tooLate {
			t.Errorf("/readyz: %d after %s", resp.StatusCode, took)
		}
	})
	asking.Wait()
	all(syscall.SIGCONT)
	for end := time.Now().Add(patience); send().status != http.StatusNoContent; {
		if time.Now().After(end) {
			t.Fatal("messages are not taken again")
		}
	}
}

// A sender that ends its own side after the request is told the truth: 204 for what is stored, 503 for what is not.
func TestHalfClosedSenders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, sandbox.Current)
	p := w.serve()
	db := storetest.DB(t, w.dsn)
	half := func() (status int, id string) {
		m := sender{"Bearer " + hookBearer, hookSecret}.success(t, uuid.NewString())
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(m.wire); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("no answer: %v", err)
			return 0, m.id
		}
		resp.Body.Close()
		return resp.StatusCode, m.id
	}
	var acknowledged []string
	for range 50 {
		status, id := half()
		if status != http.StatusNoContent {
			t.Errorf("answered %d", status)
		}
		acknowledged = append(acknowledged, id)
	}
	mustHave(t, db, acknowledged)
	lock := db.MustBegin()
	defer lock.Rollback()
	lock.MustExec(`LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE`)
	if status, _ := half(); status != http.StatusServiceUnavailable {
		t.Errorf("what cannot be stored is answered %d", status)
	}
}

// At the end of the program the messages that are being stored are acknowledged, and no others.
func TestShutdownAnswersThoseWhoWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, sandbox.Current)
	p := w.serve()
	db := storetest.DB(t, w.dsn)
	lock := db.MustBegin()
	defer lock.Rollback()
	lock.MustExec(`LOCK TABLE deliveries IN SHARE MODE`)
	var mu sync.Mutex
	var acknowledged []string
	var waiting sync.WaitGroup
	for range 20 {
		m := sender{"Bearer " + hookBearer, hookSecret}.success(t, uuid.NewString())
		c := &caller{address: strings.TrimPrefix(p.url, "http://")}
		waiting.Go(func() {
			defer c.close()
			switch r, err := c.send(m.wire, patience); {
			case err != nil: // it came too late
			case r.status == http.StatusNoContent:
				mu.Lock()
				defer mu.Unlock()
				acknowledged = append(acknowledged, m.id)
			case r.status != http.StatusServiceUnavailable || r.retryAfter == "":
				t.Errorf("answered %+v", r)
			}
		})
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for n := 0; n == 0; <-again.C {
		if err := db.Get(&n, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
			t.Fatal(err)
		}
	}
	var stopping sync.WaitGroup
	stopping.Go(func() { p.stop() })
	for refused := false; !refused; <-again.C { // it takes no more
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if refused = err != nil; !refused {
			conn.Close()
		}
	}
	lock.Rollback()
	waiting.Wait()
	stopping.Wait()
	mustHave(t, db, acknowledged)
}

// Copies of one message, and other messages that say the same, do once what one does.
func TestHundredCopiesChangeAPageOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, sandbox.Config{})
	f.env = append(f.env, "CODAT_WEBHOOK_SECRETS="+hookSecret)
	operations := f.underWay("COPIES", 2)
	p := f.start()
	f.until("the books were read again", patience, f.settledIn) // or pages would read themselves meanwhile
	v := &visitor{t: t, url: p.address, client: f.signIn(p)}
	stream := v.live("topics=expenses")
	row := func(operation string) string {
		return strconv.Itoa(f.number(`SELECT p.expense_id FROM pushes p JOIN push_steps s ON s.id = p.cost_step_id WHERE s.operation_key = $1`, operation))
	}
	first, second := row(operations[0]), row(operations[1])

	const copies, others = 100, 20
	messages := slices.Repeat([]message{loadSender.success(t, operations[0])}, copies)
	for range others {
		messages = append(messages, loadSender.success(t, operations[0]))
	}
	volley(t, strings.TrimPrefix(p.address, "http://"), messages, len(messages))
	f.until("all are applied", patience, func() bool { return f.number(`SELECT count(*) FROM deliveries WHERE verdict = 'new'`) == 0 })
	volley(t, strings.TrimPrefix(p.address, "http://"), []message{loadSender.success(t, operations[1])}, 1)
	changes, limit := 0, time.After(patience)
	again := false // pages were told to read everything again, which stands for any number of changes
	for done := false; !done; {
		select {
		case e := <-stream.events:
			if again = again || e.name == "resync"; again {
				done = f.number(`SELECT count(*) FROM expenses WHERE id = $1 AND status = 'complete'`, second) == 1
			}
			for _, r := range rowsPattern.FindAllStringSubmatch(e.data, -1) {
				if r[2] == "expense-"+first && r[3] == string(store.Complete) {
					changes++
				}
				done = done || r[2] == "expense-"+second
			}
		case <-limit:
			t.Fatal("the second row did not come")
		}
	}
	if changes != 1 && !(again && changes == 0) {
		t.Errorf("the row changed %d times on the page", changes)
	}
	for query, want := range map[string]int{
		`SELECT count(*) FROM deliveries WHERE expense_id = $1`:                                                       1 + others,
		`SELECT count(*) FROM deliveries WHERE expense_id = $1 AND verdict = 'applied'`:                               1,
		`SELECT count(*) FROM deliveries WHERE expense_id = $1 AND verdict = 'duplicate'`:                             others,
		`SELECT count(*) FROM activity WHERE subject_kind = 'expense' AND subject_id = $1 AND verb = 'push complete'`: 1,
		`SELECT count(*) FROM expenses WHERE id = $1 AND status = 'complete'`:                                         1,
	} {
		if got := f.number(query, first); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}
