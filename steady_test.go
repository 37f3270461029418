package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

func TestSteadyWebhooksReachOpenPages(t *testing.T) {
	t.Parallel()
	steadyWebhooks(t, storetest.DSN(t), 150, 4*time.Second, 40)
}

// steadyWebhooks sends signed webhooks at that rate, one in twenty of them twice, to a program whose pages are open, each with fifty
// expenses. Every one of them must be stored once and be applied once, and in the end every page must show what is true. It returns
// how long the answers took, at an idle program and at this one, and what memory the program held, second by second.
func steadyWebhooks(t *testing.T, dsn string, rate int, while time.Duration, pages int) (idle, busy timing, memory []int) {
	const companies, rows = 20, 50
	f := newFleetOn(t, dsn, companies, sandbox.Config{})
	f.env = append(f.env, "CODAT_WEBHOOK_SECRETS="+hookSecret)
	all := int(while.Seconds() * float64(rate))
	different := max(all*19/20, pages*rows) / companies * companies
	operations := f.underWay("STEADY", different)
	messages := make([]message, 0, all)
	for i := range all {
		if i%20 == 19 {
			messages = append(messages, messages[i-1-i%13]) // again
		} else {
			messages = append(messages, loadSender.success(t, operations[i-i/20]))
		}
	}
	told := all - all/20
	p := f.start()
	f.until("the books were read again", patience, f.settledIn)

	var idling []message
	for range 2 * rate {
		idling = append(idling, loadSender.success(t, uuid.NewString()))
	}
	drip(t, p.address, idling[:len(idling)/2], 100) // connections are opened, statements prepared
	idle = drip(t, p.address, idling[len(idling)/2:], 100)

	watch := newWatch(t, f, p, pages)
	ended := make(chan struct{})
	var measuring sync.WaitGroup
	measuring.Go(func() {
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				memory = append(memory, resident(t, p.cmd.Process.Pid))
			case <-ended:
				return
			}
		}
	})
	before := watch.resyncs.Load()
	busy = drip(t, p.address, messages, rate)
	close(ended)
	measuring.Wait()
	f.until("all are applied", patience, func() bool { return f.number(`SELECT count(*) FROM deliveries WHERE verdict = 'new'`) == 0 })
	during := watch.resyncs.Load() - before

	for query, want := range map[string]int{
		`SELECT count(*) FROM deliveries WHERE expense_id IS NOT NULL`: told,
		`SELECT count(*) FROM deliveries WHERE verdict = 'applied'`:    told,
		`SELECT count(*) FROM expenses WHERE status = 'complete'`:      told,
		`SELECT count(*) FROM activity WHERE verb = 'push complete'`:   told,
		`SELECT count(*) FROM deliveries WHERE verdict <> 'applied'`:   len(idling),
		`SELECT count(*) FROM notices`:                                 0,
	} {
		if got := f.number(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	watch.mustShow(store.Complete, told)
	t.Logf("%d messages at %d a second, %d pages open: %.0f/s, median %s, p99 %s (idle: median %s, p99 %s); pages read themselves %d times; memory %v MB",
		all, rate, pages, busy.rate, busy.median, busy.p99, idle.median, idle.p99, during, memory)
	return idle, busy, memory
}

// drip sends the messages at that rate over 64 connections. Each must be answered 204; its time runs from when it was due.
func drip(t *testing.T, address string, messages []message, rate int) timing {
	t.Helper()
	type due struct {
		at time.Time
		n  int
	}
	line := make(chan due, len(messages))
	took := make([]time.Duration, len(messages))
	began := time.Now()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			c := &caller{address: strings.TrimPrefix(address, "http://")}
			defer c.close()
			for d := range line {
				r, err := c.send(messages[d.n].wire, patience)
				if err != nil || r.status != http.StatusNoContent {
					t.Errorf("answered %+v, error %v", r, err)
				}
				took[d.n] = time.Since(d.at)
			}
		})
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; n < len(messages); {
		now := <-tick.C
		for ; n < len(messages) && time.Duration(n)*time.Second/time.Duration(rate) <= now.Sub(began); n++ {
			line <- due{now, n}
		}
	}
	close(line)
	all.Wait()
	whole := time.Since(began)
	slices.Sort(took)
	return timing{float64(len(took)) / whole.Seconds(), quantile(took, 0.5), quantile(took, 0.99)}
}

// resident is the memory of a process, in MB.
func resident(t *testing.T, pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Error(err)
	}
	return kb / 1024
}

// watch is a number of open pages.
type watch struct {
	t       *testing.T
	f       *fleet
	pages   []*openPage
	resyncs atomic.Int64
}

// openPage is what a browser shows of one page of the list. It does as live.js does.
type openPage struct {
	path   string
	client *http.Client

	mu       sync.Mutex
	statuses map[string]string // by the id of the row
	catching bool              // it is being read
	held     [][]byte          // what came meanwhile, which is newer
}

var (
	nextPattern = regexp.MustCompile(`href="(/expenses\?[^"]*after=[^"]*)"`)
	showPattern = regexp.MustCompile(`data-show="([^"]*)"`)
)

// newWatch opens the first pages of the list, as different people.
func newWatch(t *testing.T, f *fleet, p *process, pages int) *watch {
	t.Helper()
	w := &watch{t: t, f: f}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	path := "/expenses"
	var client *http.Client
	opened := make(chan struct{}, pages)
	for n := range pages {
		if n%15 == 0 { // a person may have twenty pages open
			client = f.person(p, fmt.Sprintf("person%d@example.com", n/15))
		}
		page := &openPage{path: p.address + path, client: client, statuses: map[string]string{}}
		html, err := page.read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		show := showPattern.FindSubmatch(html)
		if show == nil {
			t.Fatalf("%s shows nothing", path)
		}
		if next := nextPattern.FindSubmatch(html); next != nil {
			path = strings.ReplaceAll(string(next[1]), "&amp;", "&")
		} else {
			path = "/expenses"
		}
		w.pages = append(w.pages, page)
		running.Go(func() { page.watch(ctx, w, p.address+"/live?topics=expenses&show="+string(show[1]), opened) })
	}
	for range pages {
		select {
		case <-opened:
		case <-time.After(patience):
			t.Fatal("not all pages open")
		}
	}
	return w
}

// person adds somebody and signs them in.
func (f *fleet) person(p *process, email string) *http.Client {
	f.t.Helper()
	var hash string
	if err := f.db.Get(&hash, `SELECT password_hash FROM users WHERE id = $1`, f.by.ID); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.store.SaveUser(f.t.Context(), email, hash, store.Finance); err != nil {
		f.t.Fatal(err)
	}
	return f.signInAs(p, email)
}

// read reads the page as it is now.
func (p *openPage) read(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	p.catching = true
	p.mu.Unlock()
	html, err := p.request(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep(html)
	for _, row := range p.held {
		p.keep(row)
	}
	p.catching, p.held = false, nil
	return html, err
}

// heard takes a row from the stream.
func (p *openPage) heard(row []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.catching {
		p.held = append(p.held, bytes.Clone(row))
	} else {
		p.keep(row)
	}
}

func (p *openPage) keep(html []byte) {
	for _, row := range rowPattern.FindAllSubmatch(html, -1) {
		p.statuses[string(row[1])] = string(row[2])
	}
}

func (p *openPage) request(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	html, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d", p.path, resp.StatusCode)
	}
	return html, err
}

// watch keeps the page as it is now, until ctx ends.
func (p *openPage) watch(ctx context.Context, w *watch, live string, opened chan<- struct{}) {
	behind := make(chan struct{}, 1)
	var catching sync.WaitGroup
	defer catching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	catching.Go(func() {
		for first := true; ; first = false {
			select {
			case <-ctx.Done():
				return
			case <-behind:
			}
			if _, err := p.read(ctx); err != nil && ctx.Err() == nil {
				w.t.Error(err)
			}
			if first {
				opened <- struct{}{}
			}
		}
	})
	missedSome := func() {
		select {
		case behind <- struct{}{}:
		default:
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, live, nil)
	if err != nil {
		w.t.Error(err)
		return
	}
	resp, err := p.client.Do(r)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Errorf("live: %d", resp.StatusCode)
		return
	}
	missedSome()
	var e []byte
	buffer := make([]byte, 4<<10)
	for {
		n, err := resp.Body.Read(buffer)
		for e = append(e, buffer[:n]...); ; {
			one, rest, whole := bytes.Cut(e, []byte("\n\n"))
			if !whole {
				break
			}
			switch {
			case bytes.Contains(one, []byte("event: resync")):
				w.resyncs.Add(1)
				missedSome()
			case bytes.Contains(one, []byte("event: expense\n")):
				p.heard(one)
			}
			e = append(e[:0], rest...)
		}
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				w.t.Errorf("the stream ended: %v", err)
			}
			return
		}
	}
}

// mustShow waits until the pages show what is true: that many expenses of the database have the status, and each row its own.
func (w *watch) mustShow(status store.ExpenseStatus, inAll int) {
	w.t.Helper()
	var ids []string
	if err := w.f.db.Select(&ids, `SELECT id::text FROM expenses WHERE status = $1`, status); err != nil || len(ids) != inAll {
		w.t.Fatalf("%d are %s, want %d; error %v", len(ids), status, inAll, err)
	}
	is := map[string]bool{}
	for _, id := range ids {
		is[id] = true
	}
	wrong, shown := 0, 0
	defer func() {
		if wrong > 0 {
			w.t.Errorf("%d of %d badges are wrong", wrong, shown)
		}
	}()
	w.f.until("every badge is right", patience, func() bool {
		wrong, shown = 0, 0
		for _, p := range w.pages {
			p.mu.Lock()
			for id, s := range p.statuses {
				shown++
				if (s == string(status)) != is[id] {
					wrong++
				}
			}
			p.mu.Unlock()
		}
		return wrong == 0
	})
	if shown < len(w.pages)*50 {
		w.t.Errorf("%d pages show %d rows", len(w.pages), shown)
	}
}
