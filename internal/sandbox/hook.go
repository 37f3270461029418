package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Generations says which kinds of webhook are sent: Codat's events, its old rules, or every piece of news as both.
type Generations string

// The generations of webhooks. An empty Generations means Current.
const (
	Current Generations = "current"
	Legacy  Generations = "legacy"
	Both    Generations = "both"
)

func (g Generations) known() bool { return g == "" || g == Current || g == Legacy || g == Both }

// Hook is where webhooks go, and how they prove that they are ours. Basic ("user:password") or Bearer is sent as the
// Authorization header of both generations; Secret ("whsec_" and base64) signs the current one, as Standard Webhooks has it.
type Hook struct {
	URL         string
	Basic       string
	Bearer      string
	Secret      string
	Generations Generations
}

// The waits before each attempt at one message, the first being the time it was written (Codat's documentation of webhooks:
// 15 seconds to answer, eight attempts; of legacy rules: three more within two minutes, after some statuses only).
var (
	currentWaits = []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}
	legacyWaits  = []time.Duration{0, 10 * time.Second, 30 * time.Second, 60 * time.Second}
	legacyAgain  = []int{408, 420, 429, 460, 502, 503, 504, 522, 524}
)

const (
	attemptTimeout = 15 * time.Second
	attemptsAtOnce = 32
	heldFor        = 2 * time.Second // how long a held message waits for a later one, at most
)

// sender delivers messages, several at once, each until it is taken or given up.
type sender struct {
	hook          Hook
	authorization string
	signer        *standardwebhooks.Webhook
	scale         float64
	log           *slog.Logger
	client        *http.Client // of events; a redirect is a failure
	legacy        *http.Client // of rules; redirects are followed
	slots         chan struct{}

	mu      sync.Mutex
	queue   []*message
	wake    chan struct{}
	latest  int64         // the highest number of the messages delivered that were not held
	release chan struct{} // closed and replaced when latest rises
}

func newSender(h Hook, scale float64, log *slog.Logger) (*sender, error) {
	s := &sender{hook: h, scale: cmp.Or(scale, 1), log: log, slots: make(chan struct{}, attemptsAtOnce), wake: make(chan struct{}, 1),
		release: make(chan struct{})}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = attemptsAtOnce
	s.legacy = &http.Client{Transport: transport, Timeout: attemptTimeout}
	s.client = &http.Client{Transport: transport, Timeout: attemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if h == (Hook{}) {
		return s, nil
	}
	if u, err := url.Parse(h.URL); err != nil || u.Host == "" {
		return nil, errors.New("sandbox: the hook's URL is not absolute")
	}
	switch {
	case h.Basic != "" && h.Bearer != "":
		return nil, errors.New("sandbox: the hook has both a Basic and a Bearer credential")
	case h.Basic != "":
		s.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(h.Basic))
	case h.Bearer != "":
		s.authorization = "Bearer " + h.Bearer
	}
	if !h.Generations.known() {
		return nil, fmt.Errorf("sandbox: the hook's generations are %q, not current, legacy or both", h.Generations)
	}
	if h.Secret == "" {
		return s, nil
	}
	var err error
	if s.signer, err = standardwebhooks.NewWebhook(h.Secret); err != nil {
		return nil, errors.New("sandbox: the hook's secret is not whsec_ and base64")
	}
	return s, nil
}

// send queues messages for run to deliver.
func (s *sender) send(messages ...*message) {
	if len(messages) == 0 {
		return
	}
	slices.SortFunc(messages, inOrder)
	s.mu.Lock()
	s.queue = append(s.queue, messages...)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run delivers what is queued until ctx ends; done is told of every message that needs no more attempts.
func (s *sender) run(ctx context.Context, done func(*message)) {
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	for {
		s.mu.Lock()
		queue := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, m := range queue {
			deliveries.Go(func() {
				if s.deliver(ctx, m) {
					done(m)
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
	}
}

// deliver tells whether m is done with: taken, or given up. It is not when ctx ended.
func (s *sender) deliver(ctx context.Context, m *message) bool {
	waits := currentWaits
	if m.Generation == Legacy {
		waits = legacyWaits
	}
	if m.Held {
		s.hold(ctx, m)
	}
	for i, wait := range waits {
		if !s.pause(ctx, wait) {
			return false
		}
		status, after, err := s.attempt(ctx, m)
		if ctx.Err() != nil {
			return false
		}
		if err == nil && status >= 200 && status < 300 {
			if !m.Held {
				s.letGo(m)
			}
			return true
		}
		s.log.Debug("webhook not taken", "id", m.WebhookID, "attempt", i+1, "status", status, "error", err)
		if m.Generation == Legacy {
			if err == nil && !slices.Contains(legacyAgain, status) {
				break // final: the news is lost
			}
			if after > 0 && i+1 < len(waits) {
				waits = slices.Clone(waits)
				waits[i+1] = after
			}
		}
	}
	s.log.Warn("webhook given up", "id", m.WebhookID)
	return true
}

// hold waits for the delivery of a message that was written after m.
func (s *sender) hold(ctx context.Context, m *message) {
	timer := time.NewTimer(heldFor)
	defer timer.Stop()
	for {
		s.mu.Lock()
		latest, release := s.latest, s.release
		s.mu.Unlock()
		if latest > m.Number {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-release:
		case <-timer.C:
			return
		}
	}
}

// letGo lets go the messages held for one as late as m.
func (s *sender) letGo(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Number > s.latest {
		s.latest = m.Number
		close(s.release)
		s.release = make(chan struct{})
	}
}

func (s *sender) pause(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(time.Duration(float64(wait) * s.scale))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// first makes one attempt at each message, in order, and returns those that were taken.
func (s *sender) first(ctx context.Context, messages ...*message) (taken []*message) {
	for _, m := range messages {
		if status, _, err := s.attempt(ctx, m); err == nil && status >= 200 && status < 300 {
			taken = append(taken, m)
		}
	}
	return taken
}

// attempt sends m once and returns the status, and the Retry-After if there was one.
func (s *sender) attempt(ctx context.Context, m *message) (status int, after time.Duration, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.hook.URL, bytes.NewReader(m.Body))
	if err != nil {
		return 0, 0, fmt.Errorf("make webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if s.authorization != "" {
		r.Header.Set("Authorization", s.authorization)
	}
	client := s.client
	if m.Generation == Legacy {
		client = s.legacy
		r.Header.Set("X-Codat-ClientId", clientID)
	} else {
		now := time.Now() // as the wire has it, whatever the sandbox's own date
		r.Header.Set(standardwebhooks.HeaderWebhookID, m.WebhookID)
		r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		if s.signer != nil {
			signature, err := s.signer.Sign(m.WebhookID, now, m.Body)
			if err != nil {
				return 0, 0, fmt.Errorf("sign webhook: %w", err)
			}
			r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		after = time.Duration(n) * time.Second
	}
	return resp.StatusCode, after, nil
}
