package handlers

import (
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tallylight/store"
	"tallylight/web"
)

const (
	apiLimit  = 1 << 20 // bytes of a body
	apiRate   = 10      // requests a second of one token …
	apiBurst  = 60      // … and at once, before that
	apiAtOnce = 4       // of one token are worked on at the same time; more wait
)

// tokened is a handler for another system whose token may do what the route is for.
type tokened func(w http.ResponseWriter, r *http.Request, t store.APIToken) error

// withToken lets in other systems whose token has the scope. It takes no cookie and gives none.
func (h *Handlers) withToken(scope store.Scope, do tokened) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		t, err := h.apiToken(w, r)
		if err != nil {
			return err
		}
		leave, err := h.pace.enter(w, r, t.ID)
		if err != nil {
			return err
		}
		defer leave()
		if !t.May(scope) {
			return notInScope(w, scope)
		}
		r.Body = http.MaxBytesReader(w, r.Body, apiLimit)
		return do(w, r, t)
	}
}

func notInScope(w http.ResponseWriter, scope store.Scope) error {
	w.Header().Set("WWW-Authenticate", `Bearer realm="Tallylight", error="insufficient_scope", scope="`+string(scope)+`"`)
	return web.Forbidden("This token may not do that: it has no scope " + string(scope) + ". Nothing was done.")
}

// apiToken is the token that a request carries.
func (h *Handlers) apiToken(w http.ResponseWriter, r *http.Request) (store.APIToken, error) {
	refuse := func(challenge, sentence string) (store.APIToken, error) {
		w.Header().Set("WWW-Authenticate", challenge)
		return store.APIToken{}, web.Unauthorized(sentence)
	}
	const challenge = `Bearer realm="Tallylight"`
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return refuse(challenge, "A token is needed: send the header Authorization: Bearer TOKEN. An administrator makes one on the page Settings.")
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return refuse(challenge, "The header Authorization must be Bearer and a token, once.")
	}
	from := web.ClientAddress(r)
	leave, ok := h.badTokens.enter(from, time.Now())
	if !ok {
		w.Header().Set("Retry-After", "60")
		return store.APIToken{}, &web.Error{Status: http.StatusTooManyRequests, Sentence: "Too many wrong tokens came from this address. Wait a minute."}
	}
	defer leave()
	if token = strings.TrimSpace(token); tokenLike(token) {
		t, err := h.Store.UseAPIToken(r.Context(), tokenHash(token))
		if !errors.Is(err, store.ErrNotFound) {
			return t, err
		}
	}
	h.badTokens.note(from, time.Now())
	return refuse(challenge+`, error="invalid_token"`, "This token is not known, or was revoked.")
}

// A token is a word that secret scanners can look for, and 256 random bits.
const tokenWord = "tallylight_"

func newToken() string { return tokenWord + rand.Text() + rand.Text() }

var tokenLength = len(newToken())

func tokenLike(s string) bool { return len(s) == tokenLength && strings.HasPrefix(s, tokenWord) }

func tokenHash(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

// pace keeps each token from taking all there is of this process.
type pace struct {
	mu    sync.Mutex
	of    map[int64]*tokenPace
	limit rate.Limit
	burst int
}

type tokenPace struct {
	rate  *rate.Limiter
	slots chan struct{}
}

func newPace(limit rate.Limit, burst int) *pace {
	return &pace{of: map[int64]*tokenPace{}, limit: limit, burst: burst}
}

func (p *pace) token(id int64) *tokenPace {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.of[id]
	if t == nil {
		t = &tokenPace{rate.NewLimiter(p.limit, p.burst), make(chan struct{}, apiAtOnce)}
		p.of[id] = t
	}
	return t
}

// enter waits until the request's turn comes; leave ends it. Who asks too often is told when to come back.
func (p *pace) enter(w http.ResponseWriter, r *http.Request, id int64) (leave func(), err error) {
	t := p.token(id)
	now := time.Now()
	turn := t.rate.ReserveN(now, 1)
	if wait := turn.DelayFrom(now); wait > 0 {
		turn.CancelAt(now)
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return nil, &web.Error{Status: http.StatusTooManyRequests, Sentence: fmt.Sprintf(
			"That is too fast: a token may make %s requests a second. Send many expenses in one request.", strconv.FormatFloat(float64(p.limit), 'f', -1, 64))}
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// problem is an answer of application/problem+json (RFC 9457).
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Errors []fieldProblem `json:"errors,omitempty"`
}

// fieldProblem is one thing that is wrong, with the JSON pointer (RFC 6901) of where in the request it is.
type fieldProblem struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// apiProblem tells another system what could not be done.
func (h *Handlers) apiProblem(w http.ResponseWriter, _ *http.Request, status int, sentence string) error {
	return writeProblem(w, status, sentence, nil)
}

func writeProblem(w http.ResponseWriter, status int, sentence string, errs []fieldProblem) error {
	return writeJSON(w, status, "application/problem+json", problem{"about:blank", http.StatusText(status), status, sentence, errs})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // fails only when the reader has gone
	return nil
}

//go:embed openapi.yaml
var openAPI []byte

// apiDescription is the API as a document for programs.
func apiDescription(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(openAPI) // fails only when the reader has gone
	return nil
}

func apiNothingHere(http.ResponseWriter, *http.Request) error {
	return web.NotFound("There is no such address. /api/openapi.yaml says which there are.")
}

// apiOtherMethod answers a method that an address does not have.
func apiOtherMethod(allowed string) web.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", allowed)
		return &web.Error{Status: http.StatusMethodNotAllowed, Sentence: "This address takes " + strings.ReplaceAll(allowed, ", ", " and ") + " only."}
	}
}
