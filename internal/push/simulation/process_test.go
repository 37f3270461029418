package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/inbox"
	"tallylight/internal/ledger"
	"tallylight/internal/push"
)

// process is one of several programs that share the work.
type process struct {
	name    string
	worker  *push.Worker
	sweeper *push.Sweeper
	inbox   *inbox.Inbox
	reader  *ledger.Reader
}

func newProcess(w *world, name string) *process {
	log := slog.New(listener{w})
	client := codat.New(codat.Config{BaseURL: "http://codat.example", APIKey: "key", HTTP: &http.Client{Transport: line{w}}})
	reader := &ledger.Reader{Store: w.store, Codat: client, Log: log}
	return &process{name: name, reader: reader,
		worker:  &push.Worker{Store: w.store, Codat: client, Log: log},
		sweeper: &push.Sweeper{Store: w.store, Codat: client, Log: log, ReadLedger: reader.ReadLedger},
		inbox:   &inbox.Inbox{Store: w.store, Log: log, ReadCompany: reader.Ask},
	}
}

// routine is one thing that a process does. It waits wherever the process could be stopped, until the history lets it go on. One
// that is killed waits for ever: nothing of it that follows ever happens.
type routine struct {
	what  string
	where string
	goOn  chan bool // false: end now
	sends string    // the body of the request that has left, until its answer
	since time.Time
}

// start lets a routine begin; it returns when the routine waits or has ended.
func (w *world) start(what string, do func()) {
	r := &routine{what: what, goOn: make(chan bool)}
	go func() {
		defer func() {
			if p := recover(); p != nil {
				w.fail("%s: panic: %v\n%s", what, p, debug.Stack())
			}
			w.back <- true
		}()
		if <-r.goOn {
			do()
		}
	}()
	w.goOn(r)
}

// run lets a routine begin and go on to its end.
func (w *world) run(what string, do func()) {
	before := len(w.routines)
	w.start(what, do)
	for len(w.routines) > before {
		w.goOn(w.routines[len(w.routines)-1])
	}
}

// goOn lets a routine go on until it waits again or ends.
func (w *world) goOn(r *routine) {
	w.tellTime()
	w.routines = slices.DeleteFunc(w.routines, func(o *routine) bool { return o == r })
	was := w.running
	w.running = r
	r.goOn <- true
	if ended := <-w.back; !ended {
		w.routines = append(w.routines, r)
	}
	w.running = was
}

// kill ends a routine where it is.
func (w *world) kill(r *routine) {
	w.say("%s is killed where it %s", r.what, r.where)
	w.routines = slices.DeleteFunc(w.routines, func(o *routine) bool { return o == r })
	w.dead = append(w.dead, r)
}

// bury ends the routines that wait, after the history.
func (w *world) bury() {
	for _, r := range append(w.dead, w.routines...) {
		r.goOn <- false
		for !<-w.back {
			r.goOn <- false
		}
	}
	w.dead, w.routines = nil, nil
}

// wait is where a routine may be stopped.
func (w *world) wait(where string) {
	r := w.running
	if r == nil || w.straight || !often(w.chance, 35) {
		return
	}
	r.where = where
	w.back <- false
	if !<-r.goOn {
		runtime.Goexit()
	}
}

// listener hears the log. A part of a process says what it works for before it does anything about it, and may be stopped there.
type listener struct{ w *world }

func (listener) Enabled(context.Context, slog.Level) bool { return true }
func (l listener) WithGroup(string) slog.Handler          { return l }

func (l listener) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.w.wait(fmt.Sprintf("has taken %s", attrs))
	return l
}

func (l listener) Handle(_ context.Context, r slog.Record) error {
	said := r.Message
	r.Attrs(func(a slog.Attr) bool {
		said += " " + a.String()
		return true
	})
	l.w.say("log: %s", said)
	if r.Level >= slog.LevelError && !strings.Contains(said, "GET /") {
		l.w.fail("logged an error: %s", said)
	}
	return nil
}

// line is what lies between a process and Codat.
type line struct{ w *world }

const patience = 30 * time.Second // the deadline of a request

var (
	errCut      = errors.New("connection reset by peer")
	errPatience = errors.New("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
)

// reading are the requests of a reading of the books, which are not worth telling.
var reading = regexp.MustCompile(`/data/[a-zA-Z]+$|/connections$|/companies(/company-\d)?$`)

func (l line) RoundTrip(req *http.Request) (*http.Response, error) {
	w := l.w
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	what := req.Method + " " + req.URL.Path
	f := w.cloud.fault(req)
	if req.Method == http.MethodPost {
		what += fmt.Sprintf(" %.8s…", req.Header.Get("Idempotency-Key"))
	}
	if f != fine {
		what += " (" + string(f) + ")"
	}
	r, left := w.running, w.cloud.now
	r.sends, r.since = string(body), left
	w.wait("is about to send " + what)
	if w.cloud.now.Sub(left) >= patience {
		w.say("%s: %s never left in time", r.what, what)
		return nil, errPatience
	}
	w.pass(time.Duration(w.chance.IntN(200)+1) * time.Millisecond)
	told := f != fine || !reading.MatchString(req.URL.Path)
	if told {
		w.say("%s: %s", r.what, what)
	}
	switch f {
	case unreachable:
		w.tellTime()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case cut:
		w.tellTime()
		return nil, errCut
	case late:
		w.cloud.takeUp(between(w.chance, patience, patience+25*time.Second), body, func() {
			w.say("Codat: a request arrives late")
			w.cloud.answer(req, body, fine)
		})
	}
	var a answer
	if f != late {
		a = w.cloud.answer(req, body, f)
	}
	if f == late || f == slow {
		w.wait("waits in vain for the answer to " + what)
		w.pass(max(0, left.Add(patience).Sub(w.cloud.now)))
		r.sends = ""
		w.tellTime()
		return nil, errPatience
	}
	if req.Method == http.MethodGet || f != fine && a.status == 200 {
		switch f {
		case broken:
			a = refusal(500, "There is a problem with our server")
		case busy:
			a = refusal(429, "too many")
		case garbled:
			a.body = []byte("<html>")
		}
	}
	w.pass(time.Duration(w.chance.IntN(3000)+1) * time.Millisecond)
	if told || a.status != 200 {
		w.say("%s: answer %d", r.what, a.status)
	}
	w.wait("has the answer to " + what)
	r.sends = ""
	w.tellTime()
	if f == cutAfter {
		return nil, errCut
	}
	resp := &http.Response{StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: req}
	for k, v := range a.header {
		resp.Header.Set(k, v)
	}
	return resp, nil
}
