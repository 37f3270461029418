package web

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes in memory, so that a server runs on the clock of a synctest bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// site is a program with a hub, as Serve runs it. user and alive are those of every stream. /slow answers after 59
// seconds.
type site struct {
	hub    *Hub
	pipes  *pipes
	client *http.Client
	log    logbook
	user   int64
	alive  func(context.Context) bool
	stop   func() error // returns what Serve returned
}

func newSite(t *testing.T) *site {
	s := &site{
		hub:   NewHub(),
		pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})},
		alive: func(context.Context) bool { return true },
	}
	transport := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return s.pipes.dial(ctx) },
		DisableKeepAlives: true,
	}
	s.client = &http.Client{Transport: transport}
	a := Adapter{Log: s.log.log()}
	mux := http.NewServeMux()
	mux.Handle("GET /live", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return s.hub.Stream(w, r, s.user, r.URL.Query().Get("zone"), s.alive)
	}))
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(59 * time.Second):
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, s.pipes, mux, s.hub, s.log.log()) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	return s
}

// pass lets time go by, and everything happen that happens meanwhile.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// browser reads a stream as browsers do.
type browser struct {
	res   *http.Response
	leave func()

	mu     sync.Mutex
	events []message
	blocks int // parts that are no events: heartbeats, ids alone
	lastID string
	over   bool
	cut    error // why it is over, if it did not end properly
}

type message struct{ id, name, data string }

func (s *site) open(t *testing.T, query string, header http.Header) *browser {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://pipe/live?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{res: res, leave: cancel}
	t.Cleanup(func() { cancel(); res.Body.Close() })
	go b.read()
	synctest.Wait()
	return b
}

func (b *browser) read() {
	lines := bufio.NewScanner(b.res.Body)
	var m message
	var data []string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		b.mu.Lock()
		switch field {
		case "id":
			b.lastID = value
		case "event":
			m.name = value
		case "data":
			data = append(data, value)
		case "":
			if lines.Text() != "" {
				break
			}
			if data == nil {
				b.blocks++
				break
			}
			m.id, m.data = b.lastID, strings.Join(data, "\n")
			b.events = append(b.events, m)
			m, data = message{}, nil
		}
		b.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over, b.cut = true, lines.Err()
}

// heard returns the events since the last call, as "name data".
func (b *browser) heard() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var texts []string
	for _, m := range b.events {
		texts = append(texts, m.name+" "+m.data)
	}
	b.events = nil
	return strings.Join(texts, ", ")
}

func (b *browser) ended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

func expectHeard(t *testing.T, who string, b *browser, want string) {
	t.Helper()
	if got := b.heard(); got != want {
		t.Errorf("%s heard %q, want %q", who, got, want)
	}
}

// refused returns the status of a stream that is not to be.
func (s *site) refused(t *testing.T, query string) int {
	t.Helper()
	res, _ := do(t, s.client, "GET", "http://pipe/live?"+query, nil)
	return res.StatusCode
}
