package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says what a Sandbox is like. Only APIKey is needed.
type Config struct {
	APIKey    string           // of its one client; sent as "Authorization: Basic " and the base64 of the key alone
	File      string           // keeps all it knows over restarts; empty means memory only
	Hook      Hook             // where webhooks go; the zero Hook sends none
	Delay     time.Duration    // how long a write or a read of the ledger takes on average; half of it to half more
	Scale     float64          // makes the waits between webhook attempts longer or shorter; 0 means 1, Codat's own
	Now       func() time.Time // for dates and for how long a reply is kept; nil means time.Now
	Seed      bool             // starts with the demo companies, if it is new
	PublicURL string           // its address for browsers, such as http://127.0.0.1:9090; empty means as in the requests
	Log       *slog.Logger     // nil means slog.Default
}

// Sandbox is a Codat with accounting packages behind it. Make one with New, serve it over HTTP, and Run it: without Run no
// push lands and no webhook leaves.
type Sandbox struct {
	cfg     Config
	now     func() time.Time
	log     *slog.Logger
	key     [sha256.Size]byte // digest of the Authorization header that is right
	mux     *http.ServeMux
	journal *journal
	sender  *sender
	agenda  *agenda
	life    context.Context // ends when the sandbox stops; requests that hang wait for it
	stop    func()

	scenarios scenarios

	mu       sync.Mutex // guards all below
	state    *state
	inFlight map[string]bool // idempotency keys being worked on
	messages int64           // so far, which numbers them
	quotaDay string
	used     int    // of the day's quota
	base     string // its address, without a path
}

// New makes a Sandbox and reads its File. It fails when the API key is missing, the Hook is half set or the File damaged or
// in use.
func New(cfg Config) (*Sandbox, error) {
	if cfg.APIKey == "" {
		return nil, errors.New("sandbox: an API key is needed")
	}
	s := &Sandbox{cfg: cfg, now: cfg.Now, log: cfg.Log, state: newState(), inFlight: map[string]bool{}, base: strings.TrimRight(cfg.PublicURL, "/"),
		agenda: newAgenda()}
	s.life, s.stop = context.WithCancel(context.Background())
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.key = sha256.Sum256([]byte("Basic " + base64.StdEncoding.EncodeToString([]byte(cfg.APIKey))))
	var err error
	if s.sender, err = newSender(cfg.Hook, cfg.Scale, s.log); err != nil {
		return nil, err
	}
	if s.journal, err = openJournal(cfg.File, s.state); err != nil {
		return nil, err
	}
	s.state.forget(s.now().Add(-replayFor))
	if cfg.Seed && len(s.state.order) == 0 {
		if err := s.transact(func(tx *tx) { tx.seed() }); err != nil {
			return nil, errors.Join(err, s.journal.close())
		}
	}
	s.resume()
	s.mux = s.routes()
	return s, nil
}

// resume takes up what an earlier run left undone.
func (s *Sandbox) resume() {
	for _, o := range s.state.operations {
		if !o.LandAt.IsZero() {
			s.agenda.add(task{at: o.LandAt, operation: o.Key})
		}
	}
	for _, p := range s.state.pulls {
		if p.Completed.IsZero() {
			s.agenda.add(task{at: p.DueAt, pull: p.ID})
		}
	}
	var left []*message
	for _, m := range s.state.messages {
		s.messages = max(s.messages, m.Number)
		left = append(left, m)
	}
	s.sender.send(left...)
}

// ServeHTTP answers as Codat does.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Run lands pushes, finishes reads and sends webhooks until ctx ends. It then lets go of the requests that hang.
func (s *Sandbox) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { s.sender.run(ctx, s.sent) })
	parts.Go(func() { s.work(ctx) })
	<-ctx.Done()
	s.stop()
	parts.Wait()
	return nil
}

// Close writes out what is left and closes the file. Call it after Run has returned and the HTTP server is down.
func (s *Sandbox) Close() error {
	s.stop()
	return s.journal.close()
}

// work does what is due until ctx ends. What is due together is written to the disk together.
func (s *Sandbox) work(ctx context.Context) {
	for s.agenda.wait(ctx) {
		for due := s.agenda.due(time.Now()); len(due) > 0; due = s.agenda.due(time.Now()) {
			var done []*tx
			var last int64
			for _, t := range due {
				tx, n := s.begin(func(tx *tx) { tx.do(t) })
				done, last = append(done, tx), n
			}
			if err := s.commit(last, done...); err != nil {
				s.log.Error("land", "error", err)
				return
			}
		}
	}
}

// soon is when something that starts now will be done.
func (s *Sandbox) soon() time.Time {
	if s.cfg.Delay <= 0 {
		return time.Now()
	}
	return time.Now().Add(s.cfg.Delay/2 + rand.N(s.cfg.Delay))
}

// sent forgets a message that has been delivered or given up.
func (s *Sandbox) sent(m *message) {
	s.begin(func(tx *tx) { tx.put(change{Sent: m.ID}) }) // not waited for: sent twice is better than never
}

// tx is one transaction: it sees and changes the state alone, and all of it or none is on the disk.
type tx struct {
	s        *Sandbox
	changes  []change
	tasks    []task
	messages []*message
}

func (tx *tx) put(c change) {
	tx.s.state.apply(c)
	tx.changes = append(tx.changes, c)
}

func (tx *tx) now() time.Time { return tx.s.now().UTC() }

// begin runs f alone and puts its changes into the journal, for commit to wait for.
func (s *Sandbox) begin(f func(*tx)) (*tx, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &tx{s: s}
	f(tx)
	return tx, s.journal.append(tx.changes)
}

// commit waits until line n is on the disk, then lets what follows from the transactions begin.
func (s *Sandbox) commit(n int64, done ...*tx) error {
	if err := s.journal.wait(n); err != nil {
		return err
	}
	for _, tx := range done {
		s.agenda.add(tx.tasks...)
		s.sender.send(tx.messages...)
	}
	return nil
}

// transact runs f alone and returns when what it saw and changed is on the disk.
func (s *Sandbox) transact(f func(*tx)) error {
	tx, n := s.begin(f)
	return s.commit(n, tx)
}
