package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// replayFor is how long the first reply to an idempotency key is repeated (Codat's documentation of idempotency).
const replayFor = 90 * time.Minute

const maxBody = 12 << 20 // an attachment and some

// reply is the first answer to an idempotency key.
type reply struct {
	Key     string    `json:"key"`
	Request string    `json:"request"` // digest of what was asked
	At      time.Time `json:"at"`
	Answer  answer    `json:"answer"`
}

// request is what an endpoint is given: the body has been read and the key was right.
type request struct {
	*http.Request
	body     []byte
	scenario *scenario // never nil
}

// endpoint answers one kind of request within one transaction. It returns what is to be encoded, or a *refusal.
type endpoint func(tx *tx, r *request) (any, error)

// call serves e. dataType is what it writes to a ledger, for scenarios to match; empty for all that is no push.
func (s *Sandbox) call(dataType string, e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.quota(w, r)
		if !s.authorized(r) {
			refuse(http.StatusUnauthorized, "%s", usual[401]).answer().send(w)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				refuse(http.StatusRequestEntityTooLarge, "The request is too large.").answer().send(w)
			}
			return
		}
		req := &request{Request: r, body: body, scenario: &scenario{}}
		key, asked := r.Header.Get("Idempotency-Key"), fingerprint(r, body)
		if r.Method != http.MethodPost && r.Method != http.MethodPatch {
			key = ""
		}
		if key != "" {
			first, claimed := s.claim(key, asked)
			if !claimed {
				first.send(w)
				return
			}
			defer s.release(key)
		}
		if dataType != "" {
			if found := s.scenarios.take(r.PathValue("company"), dataType, body); found != nil {
				req.scenario = found
			}
		}
		answering := e
		switch sc := req.scenario; sc.Effect {
		case effectDrop:
			panic(http.ErrAbortHandler)
		case effectHang:
			s.hang(r.Context())
			panic(http.ErrAbortHandler)
		case effectRefuse:
			answering = sc.refuse
		}
		var a answer
		tx, n := s.begin(func(tx *tx) {
			a = render(answering(tx, req))
			if req.scenario.Effect == effectAcceptThen && req.scenario.Then == "" && a.Status == http.StatusOK {
				a = render(req.scenario.refuse(tx, req))
			}
			if key != "" && a.Status != http.StatusTooManyRequests {
				tx.put(change{Reply: &reply{Key: key, Request: asked, At: tx.now(), Answer: a}})
			}
		})
		if req.scenario.Webhooks.Early && s.journal.wait(n) == nil {
			s.tellFirst(r.Context(), tx)
		}
		if err := s.commit(n, tx); err != nil {
			s.log.Error("answer", "method", r.Method, "path", r.URL.Path, "error", err)
			refuse(http.StatusServiceUnavailable, "%s", usual[503]).answer().send(w)
			return
		}
		if req.scenario.Effect == effectAcceptThen && a.Status == http.StatusOK {
			switch req.scenario.Then {
			case "hang":
				s.release(key) // Codat is done; it is the network that hangs
				s.hang(r.Context())
				panic(http.ErrAbortHandler)
			case "drop":
				panic(http.ErrAbortHandler)
			}
		}
		a.send(w)
	}
}

// tellFirst sends the news of tx before its answer. What is not taken then is sent later, as usual.
func (s *Sandbox) tellFirst(ctx context.Context, tx *tx) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	for _, m := range s.sender.first(ctx, tx.messages...) {
		s.sent(m)
		tx.messages = slices.DeleteFunc(tx.messages, func(other *message) bool { return other == m })
	}
}

// hang waits until the client gives up or the sandbox stops.
func (s *Sandbox) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.life.Done():
	}
}

func (s *Sandbox) authorized(r *http.Request) bool {
	given := sha256.Sum256([]byte(r.Header.Get("Authorization")))
	return subtle.ConstantTimeCompare(given[:], s.key[:]) == 1
}

func fingerprint(r *http.Request, body []byte) string {
	h := sha256.New()
	io.WriteString(h, r.Method+" "+r.URL.RequestURI()+"\n")
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// claim makes the key the caller's. Otherwise it returns what to answer: the first reply once more, 409 while there is none
// yet, or 422 when the first request was another one.
func (s *Sandbox) claim(key, asked string) (first answer, claimed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.forget(s.now().Add(-replayFor))
	if r := s.state.replies[key]; r != nil {
		if r.Request != asked {
			return refuse(http.StatusUnprocessableEntity, "%s", usual[422]).answer(), false
		}
		return r.Answer, false
	}
	if s.inFlight[key] {
		return refuse(http.StatusConflict, "A request with this Idempotency-Key is still being processed.").answer(), false
	}
	s.inFlight[key] = true
	return answer{}, true
}

func (s *Sandbox) release(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inFlight, key)
}

// quota tells what is left of the day's requests: 1000 and 1000 more for every active company. It is counted, not enforced.
func (s *Sandbox) quota(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = cmp.Or(s.base, "http://"+r.Host)
	now := s.now().UTC()
	if day := now.Format(time.DateOnly); day != s.quotaDay {
		s.quotaDay, s.used = day, 0
	}
	s.used++
	limit := 1000
	for _, c := range s.state.companies {
		if c.Deleted {
			continue
		}
		for _, id := range s.state.links[c.ID] {
			if s.state.connections[id].Status == "Linked" {
				limit += 1000
				break
			}
		}
	}
	h := w.Header()
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(max(0, limit-s.used)))
	h.Set("X-Rate-Limit-Reset", now.Truncate(24*time.Hour).Add(24*time.Hour).Format(time.RFC3339))
}
