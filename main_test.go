package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		flag.Set("test.parallel", "4") // they wait more than they work
	}
	code := storetest.Main(m)
	closeChromium()
	os.Exit(code)
}

const (
	password = "correct horse battery"

	codatKey   = "an API key of the tests"
	hookBearer = "a bearer token of the tests"
	hookSecret = "whsec_dGhlIHNpZ25pbmcgc2VjcmV0IG9mIHRoZSB0ZXN0cw=="

	patience = 45 * time.Second // after which what a test waits for will not come
)

// world is everything around the program: a database, a Codat, and the wire that webhooks come by.
type world struct {
	t     testing.TB
	dsn   string
	store *store.Store
	codat string // the sandbox's address
	wire  *wire
}

// newWorld makes a world whose Codat takes about delay for a push and sends webhooks of those generations.
func newWorld(t testing.TB, delay time.Duration, generations sandbox.Generations) *world {
	t.Helper()
	w := &world{t: t, dsn: storetest.DSN(t), wire: newWire(t)}
	s, err := store.Open(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.store = s

	box, err := sandbox.New(sandbox.Config{APIKey: codatKey, Seed: true, Delay: delay, Scale: 0.01, Log: slog.New(slog.DiscardHandler),
		Hook: sandbox.Hook{URL: w.wire.url + "/webhooks/codat", Bearer: hookBearer, Secret: hookSecret, Generations: generations}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { box.Run(ctx) })
	server := httptest.NewServer(box)
	w.codat = server.URL
	t.Cleanup(func() {
		stop()
		server.CloseClientConnections()
		server.Close()
		running.Wait()
		box.Close()
	})
	return w
}

// environ is that of a real installation.
func (w *world) environ(more ...string) []string {
	return append([]string{
		"DATABASE_URL=" + w.dsn, "CODAT_API_KEY=" + codatKey, "CODAT_BASE_URL=" + w.codat, "CODAT_WEBHOOK_BEARER=" + hookBearer,
		"CODAT_WEBHOOK_SECRETS=" + hookSecret, "TALLYLIGHT_SESSION_KEYS=" + strings.Repeat("k", 40), "TALLYLIGHT_ADDR=127.0.0.1:0",
		"TALLYLIGHT_CODAT_RATE=1000",
	}, more...)
}

// program is a running Tallylight.
type program struct {
	t    testing.TB
	url  string
	said string // on standard output, up to now
	log  *lockedBuffer
	stop func() error // ends it as a signal does, waits, and returns what run returned
}

// serve starts the program and sends the webhooks of this world to it from now on.
func (w *world) serve(more ...string) *program {
	w.t.Helper()
	p := startProgram(w.t, w.environ(more...))
	w.wire.lead(p.url)
	return p
}

// startProgram runs the server until its stop is called or the test ends, and returns when it has said where it is.
func startProgram(t testing.TB, environ []string) *program {
	t.Helper()
	p := &program{t: t, log: &lockedBuffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, nil, environ, strings.NewReader(""), writer, p.log)
		writer.Close()
		ended <- err
	}()
	p.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return fmt.Errorf("the program does not end")
		}
	})
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("the program ended with: %v", err)
		}
		if t.Failed() {
			t.Logf("the program's log:\n%s", p.log)
		}
	})

	out := bufio.NewReader(reader)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("the program said %q and ended: %v\n%s", line, p.stop(), p.log)
	}
	var ok bool
	if p.url, ok = strings.CutPrefix(strings.TrimSpace(line), "Tallylight is at "); !ok {
		t.Fatalf("the program said %q first, not where it is", line)
	}
	rest := make([]byte, out.Buffered()) // firstRun writes all in one
	io.ReadFull(out, rest)
	p.said = line + string(rest)
	go io.Copy(io.Discard, out)
	return p
}

// do carries out a verb of the program and returns what it said.
func (w *world) do(in string, args ...string) string {
	w.t.Helper()
	var out, errOut lockedBuffer
	if err := run(w.t.Context(), args, []string{"DATABASE_URL=" + w.dsn}, strings.NewReader(in), &out, &errOut); err != nil {
		w.t.Fatalf("tallylight %s: %v\n%s%s", strings.Join(args, " "), err, &out, &errOut)
	}
	return out.String()
}

func (w *world) addUser(email string, role store.Role) {
	w.t.Helper()
	w.do(password+"\n", "user", "add", email, "--role", string(role), "--password-stdin")
}

// enter imports expenses of Northwind Ltd, whose ledger is Xero: each a reference and a category.
func (w *world) enter(expenses ...[2]string) {
	w.t.Helper()
	w.booksRead("Northwind Ltd")
	var csv strings.Builder
	fmt.Fprintln(&csv, "company,reference,date,supplier,description,category,currency,net,tax,paid_from")
	for _, e := range expenses {
		fmt.Fprintf(&csv, "Northwind Ltd,%s,2026-01-31,Northern Rail,Train to York,%s,GBP,71.20,0.00,Business Current Account\n", e[0], e[1])
	}
	file := filepath.Join(w.t.TempDir(), "expenses.csv")
	if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.do("", "import", file)
}

// until waits for is to hold, asking whenever something in the database has changed.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), patience)
	defer stop()
	met := false
	err := w.store.Listen(ctx, func([]store.Change) {
		if met = met || is(); met {
			stop()
		}
	})
	if !met {
		w.t.Fatalf("waited in vain for %s: %v", what, err)
	}
}

// booksRead waits until the program has read the ledger of a company.
func (w *world) booksRead(name string) {
	w.t.Helper()
	w.until("the books of "+name, func() bool { return w.company(name).ReadAt != nil })
}

func (w *world) company(name string) (c store.Company) {
	w.t.Helper()
	companies, err := w.store.Companies(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range companies {
		if c.Name == name {
			return c
		}
	}
	return c
}

func (w *world) connection(company string) store.Connection {
	w.t.Helper()
	c, err := w.store.AccountingConnection(w.t.Context(), w.company(company).ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// ask makes a request to the sandbox and returns the answer's body.
func (w *world) ask(method, path, body string) []byte {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.codat+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(codatKey)))
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(body, "answer=") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %v %s", method, path, resp.StatusCode, err, reply)
	}
	return reply
}

// scenario makes the next writes misbehave; package sandbox says how.
func (w *world) scenario(json string) {
	w.t.Helper()
	w.ask(http.MethodPost, "/_sandbox/scenarios", json)
}

// unlink switches the connection of a company off in Codat.
func (w *world) unlink(company string) {
	w.t.Helper()
	w.ask(http.MethodPatch, w.connectionPath(company), `{"status":"Unlinked"}`)
}

// relink links it again, as its customer would.
func (w *world) relink(company string) {
	w.t.Helper()
	w.ask(http.MethodPost, w.connectionPath(company)+"/start", "answer=approve")
}

func (w *world) connectionPath(company string) string {
	w.t.Helper()
	return "/companies/" + w.company(company).CodatID + "/connections/" + w.connection(company).CodatID
}

// record is what was written into a customer's books.
type record struct {
	ID, Reference, Name, OperationKey string
	Attachments                       []struct{ Name string }
}

// written is what was pushed into the books of a company.
func (w *world) written(company string) (costs, accounts []record) {
	w.t.Helper()
	var ledger struct{ DirectCosts, Accounts []record }
	if err := json.Unmarshal(w.ask(http.MethodGet, "/_sandbox/ledger/"+w.company(company).CodatID, ""), &ledger); err != nil {
		w.t.Fatal(err)
	}
	return ledger.DirectCosts, ledger.Accounts
}

// bookedOnce checks that the books of Northwind Ltd have each of the references once, and nothing else.
func (w *world) bookedOnce(references ...string) {
	w.t.Helper()
	costs, _ := w.written("Northwind Ltd")
	times := map[string]int{}
	for _, c := range costs {
		times[c.Reference]++
	}
	for _, r := range references {
		if times[r] != 1 {
			w.t.Errorf("%s is in the books %d times", r, times[r])
		}
	}
	if len(costs) != len(references) {
		w.t.Errorf("%d expenses are in the books, want %d: %v", len(costs), len(references), times)
	}
}

// wire is where Codat sends its webhooks. It notes when each message arrives and hands it to the program at once.
type wire struct {
	url    string
	client *http.Client

	mu       sync.Mutex
	to       string
	arrivals map[string]time.Time // of the first message that tells of an operation's success, by its key
}

func newWire(t testing.TB) *wire {
	h := &wire{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}, arrivals: map[string]time.Time{}}
	server := httptest.NewServer(h)
	h.url = server.URL
	t.Cleanup(func() { server.Close(); h.client.CloseIdleConnections() })
	return h
}

func (h *wire) lead(to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.to = to
}

func (h *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var message struct{ Payload struct{ ID, Status string } }
	_ = json.Unmarshal(body, &message) // the older generation has no payload, and is not timed
	h.mu.Lock()
	to := h.to
	if m := message.Payload; m.ID != "" && m.Status == "Success" && h.arrivals[m.ID].IsZero() {
		h.arrivals[m.ID] = at
	}
	h.mu.Unlock()
	if to == "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	on, err := http.NewRequestWithContext(r.Context(), r.Method, to+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	on.Header = r.Header.Clone()
	resp, err := h.client.Do(on)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	w.WriteHeader(resp.StatusCode)
}

// arrived is when the program was told of an operation's success.
func (h *wire) arrived(operationKey string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.arrivals[operationKey]
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
