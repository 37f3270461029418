package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	b := start(t, sandbox.Config{File: file})
	c := b.company("qhyg", "")
	done := c.landed("directCosts", c.cost("done"))
	c.sync("directCosts")
	made := recordID(c.landed("accounts", map[string]any{"name": "New", "fullyQualifiedCategory": "Expense.Expense.Travel"})) // not read by Codat yet
	key := uuid.NewString()
	first := b.do("POST", c.path("push/directCosts"), c.cost("kept"), key)
	c.follow(first.json(t)["pushOperationKey"].(string), "Pending")
	b.scenario(`{"delay":"1h"}`)
	pending := c.push("directCosts", c.cost("pending")).json(t)["pushOperationKey"].(string)
	ledger, history := b.do("GET", "/_sandbox/ledger/"+c.id, nil, ""), b.do("GET", "/companies/"+c.id+"/push", nil, "")
	accounts := b.do("GET", "/companies/"+c.id+"/data/accounts", nil, "")
	if _, err := sandbox.New(sandbox.Config{APIKey: apiKey, File: file}); err == nil {
		t.Error("two sandboxes opened one journal")
	}

	for range 2 { // the second time from a rewritten journal
		b.stop()
		b = start(t, sandbox.Config{File: file})
		c.b = b
		if r := b.do("GET", "/_sandbox/ledger/"+c.id, nil, ""); string(r.body) != string(ledger.body) {
			t.Errorf("ledger was %s and is %s", ledger.body, r.body)
		}
		if r := b.do("GET", "/companies/"+c.id+"/push", nil, ""); string(r.body) != string(history.body) {
			t.Errorf("history was %s and is %s", history.body, r.body)
		}
		if r := b.do("GET", "/companies/"+c.id+"/data/accounts", nil, ""); string(r.body) != string(accounts.body) || strings.Contains(string(r.body), `"New"`) {
			t.Error("the cache is another one")
		}
		if r := b.do("POST", c.path("push/directCosts"), c.cost("kept"), key); string(r.body) != string(first.body) {
			t.Errorf("the reply was %s and is %s", first.body, r.body)
		}
	}
	if o := b.get("/companies/" + c.id + "/push/" + pending); o["status"] != "Pending" {
		t.Errorf("pending: %v", o)
	}
	if id := recordID(c.landed("directCosts", c.cost("next"))); id <= made || id == recordID(done) {
		t.Errorf("the next id is %s after %s", id, made)
	}
}

func TestPendingLandsAfterARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	hook := receive(t, nil)
	b := start(t, sandbox.Config{File: file, Hook: sandbox.Hook{URL: hook.url}})
	c := b.company("gbol", "")
	b.scenario(`{"delay":"300ms"}`)
	key := c.push("directCosts", c.cost("A")).json(t)["pushOperationKey"].(string)
	b.stop()
	c.b = start(t, sandbox.Config{File: file, Hook: sandbox.Hook{URL: hook.url}})
	if d := hook.next(t); d.payload()["id"] != key {
		t.Errorf("%s", d.body)
	}
	if o := c.follow(key, "Pending"); o["status"] != "Success" || len(c.ledger("directCosts")) != 1 {
		t.Errorf("%v", o)
	}
}

func TestUnsentWebhooksAreSentAfterARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	var up atomic.Bool
	hook := receive(t, func(w http.ResponseWriter, _ delivery) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	b := start(t, sandbox.Config{File: file, Hook: sandbox.Hook{URL: hook.url}})
	c := b.company("gbol", "")
	c.push("directCosts", c.cost("A"))
	refused := hook.next(t)
	b.stop()
	up.Store(true)
	b = start(t, sandbox.Config{File: file, Hook: sandbox.Hook{URL: hook.url}})
	if d := hook.next(t); string(d.body) != string(refused.body) || d.header.Get("webhook-id") != refused.header.Get("webhook-id") {
		t.Errorf("%s and %s", refused.body, d.body)
	}
	c.b = b
	c.landed("directCosts", c.cost("B"))
	hook.next(t)
	b.stop()
	start(t, sandbox.Config{File: file, Hook: sandbox.Hook{URL: hook.url}}).stop()
	select {
	case d := <-hook.received:
		t.Errorf("sent again: %s", d.body)
	default:
	}
}

func TestTornJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, sandbox.Config{File: filepath.Join(dir, "journal")})
	c := b.company("gbol", "")
	for i := range 3 {
		c.landed("directCosts", c.cost(fmt.Sprint(i)))
	}
	whole, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	lastLine := strings.LastIndex(strings.TrimSuffix(string(whole), "\n"), "\n") + 1
	open := func(name, content string) (*box, error) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := sandbox.New(sandbox.Config{APIKey: apiKey, File: file})
		if err != nil {
			return nil, err
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return start(t, sandbox.Config{File: file}), nil
	}
	for i, content := range []string{string(whole[:lastLine+10]), string(whole[:len(whole)-1]), string(whole[:lastLine]) + "\x00\x00\x00", string(whole[:lastLine]) + "{torn\n"} {
		torn, err := open(fmt.Sprint("torn", i), content)
		if err != nil {
			t.Errorf("torn %d: %v", i, err)
			continue
		}
		// The last line was the landing of the third: it lands again, once.
		var n int
		until(t, func() bool {
			n = len(torn.get("/_sandbox/ledger/" + c.id)["directCosts"].([]any))
			return n >= 3
		})
		if n != 3 {
			t.Errorf("torn %d: %d costs", i, n)
		}
	}
	if _, err := open("damaged", "[{\n"+string(whole)); err == nil {
		t.Error("a damaged line in the middle went unnoticed")
	}
}

// TestKilled kills a sandbox in the middle of its work again and again. Every push is sent with one key until it is answered;
// each is booked once, and no answer is forgotten.
func TestKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	s, err := sandbox.New(sandbox.Config{APIKey: apiKey, File: file, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	id, link, err := s.AddCompany("Litware", "gbol", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	type place struct {
		url  string
		left chan struct{} // closed when there is another
	}
	var at atomic.Pointer[place]
	at.Store(&place{left: make(chan struct{})})
	run := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "SANDBOX_TEST_FILE="+file)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("the sandbox did not start: %v", err)
		}
		close(at.Swap(&place{strings.TrimSpace(line), make(chan struct{})}).left)
		return cmd
	}
	cmd := run()
	c := (&box{t: t, url: at.Load().url}).known(id, link)

	const pushes, kills = 300, 4
	answered := make(chan string, pushes)
	var clients sync.WaitGroup
	work := make(chan int)
	var operations sync.Map
	for range 16 {
		clients.Go(func() {
			for n := range work {
				body, _ := json.Marshal(c.cost(fmt.Sprint("EXP-", n)))
				key := uuid.NewString()
				for t.Context().Err() == nil {
					p := at.Load()
					r := (&box{t: t, url: p.url}).do("POST", c.path("push/directCosts"), body, key)
					if r.err == nil && r.status == 200 {
						var o struct{ PushOperationKey string }
						if json.Unmarshal(r.body, &o) == nil && o.PushOperationKey != "" {
							operations.Store(fmt.Sprint("EXP-", n), o.PushOperationKey)
							answered <- o.PushOperationKey
							break
						}
					}
					if r.err != nil {
						select {
						case <-p.left:
						case <-t.Context().Done():
						}
					}
				}
			}
		})
	}
	go func() {
		for n := range pushes {
			work <- n
		}
		close(work)
	}()
	for k := range kills {
		for range pushes / (kills + 1) {
			<-answered
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(k, err)
		}
		cmd.Wait()
		cmd = run()
	}
	clients.Wait()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	c.b = &box{t: t, url: at.Load().url}
	operations.Range(func(_, key any) bool {
		if o := c.follow(key.(string), "Pending"); o["status"] != "Success" {
			t.Errorf("%v", o)
		}
		return true
	})
	booked := map[string]int{}
	for _, e := range c.ledger("directCosts") {
		booked[e["reference"].(string)]++
		if key, _ := operations.Load(e["reference"]); key != e["operationKey"] {
			t.Errorf("%v was answered %v and booked by %v", e["reference"], key, e["operationKey"])
		}
	}
	for n := range pushes {
		if b := booked[fmt.Sprint("EXP-", n)]; b != 1 {
			t.Errorf("EXP-%d was booked %d times", n, b)
		}
	}
}

// TestMain serves a sandbox instead of testing when TestKilled asks for one.
func TestMain(m *testing.M) {
	file := os.Getenv("SANDBOX_TEST_FILE")
	if file == "" {
		os.Exit(m.Run())
	}
	s, err := sandbox.New(sandbox.Config{APIKey: apiKey, File: file})
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = s.Run(context.Background()) }()
	fmt.Println("http://" + l.Addr().String())
	panic(http.Serve(l, s))
}
