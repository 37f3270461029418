// Package codat is Codat's API as Go: typed calls, typed errors, the events of both generations of its webhooks, and the
// check that a webhook really comes from Codat. It knows nothing of this program's own nouns.
//
// Start at Client (one request at a time, never repeated by itself), then Error (what Codat said no to), PushOperation (how
// a write goes), ParseEvent and Verifier. Facts that are Codat's are marked as such; its documentation is at
// https://docs.codat.io and its published schemas at https://github.com/codatio/oas.
package codat

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Config is what a Client needs.
type Config struct {
	BaseURL string       // https://api.codat.io, or a sandbox's address
	APIKey  string       // as Codat's portal shows it
	Rate    float64      // requests a second, over everything the client does; 0 does not pace
	HTTP    *http.Client // nil for a client of our own; its Timeout is the deadline of one request, 30 s when it has none
}

// Client calls Codat. It paces its requests, follows no redirects, and never repeats a write by itself, nor lets net/http do so when
// a kept-alive connection turns out to be dead: that is for callers, who must know of each loss.
type Client struct {
	base   string
	authz  string
	http   http.Client
	pacer  *rate.Limiter
	redact *strings.Replacer
	quota  atomic.Pointer[Quota]
}

const (
	deadline      = 30 * time.Second
	pushPatience  = 10 * time.Second // how long a push waits for its turn, so that its sender's lease outlives it
	maxReply      = 8 << 20
	maxErrorReply = 64 << 10 // how much of a refusal is kept
)

// New returns a client. A base URL that is none shows at the first call.
func New(c Config) *Client {
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConnsPerHost = 32
		client.Transport = t
	}
	if client.Timeout == 0 {
		client.Timeout = deadline
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	limit, burst := rate.Inf, 1
	if c.Rate > 0 {
		limit, burst = rate.Limit(c.Rate), max(1, int(c.Rate))
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(c.APIKey))
	return &Client{
		base:   strings.TrimRight(c.BaseURL, "/"),
		authz:  "Basic " + encoded, // of the key alone, without a colon (Codat)
		http:   client,
		pacer:  rate.NewLimiter(limit, burst),
		redact: redactor(c.APIKey, encoded),
	}
}

// redactor takes the key out of what a server may echo. A key too short to be one of Codat's is left, since it may be part
// of any word.
func redactor(key, encoded string) *strings.Replacer {
	if len(key) < 16 {
		return strings.NewReplacer()
	}
	return strings.NewReplacer(encoded, "(key)", key, "(key)")
}

// call is one request.
type call struct {
	method   string
	path     []string // escaped when sent; an empty one is refused
	query    url.Values
	body     []byte
	kind     string        // the body's content type, "" for JSON
	key      string        // Idempotency-Key; Codat takes one on POST and PATCH
	patience time.Duration // how long to wait for the pacer; 0 for as long as ctx lasts
}

func (r call) url() string    { return "/" + strings.Join(r.path, "/") }
func (r call) String() string { return r.method + " " + r.url() }

// send makes one request. Every reply but a 2xx that could be read to its end is an *Error; an error of another type means
// that there was no reply, and Unsent tells whether Codat may have got the request.
func (c *Client) send(ctx context.Context, r call) (status int, body []byte, err error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return 0, nil, &unsentError{fmt.Errorf("%s: %w", r, err)}
	}
	if err := c.wait(ctx, r.patience); err != nil {
		return 0, nil, &unsentError{fmt.Errorf("%s: wait for its turn: %w", r, err)}
	}
	var connected atomic.Bool // by any of net/http's tries
	trace := httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	req = req.WithContext(httptrace.WithClientTrace(ctx, &trace))
	resp, err := c.http.Do(req)
	if err != nil {
		err = fmt.Errorf("%s: %w", r, err)
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && !connected.Load() {
			return 0, nil, &unsentError{err}
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	c.noteQuota(resp.Header)
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err == nil && len(body) > maxReply {
		err = fmt.Errorf("reply is longer than %d bytes", maxReply)
	}
	if err != nil || resp.StatusCode < 200 || resp.StatusCode > 299 {
		return 0, nil, c.refused(r, resp, body, err)
	}
	return resp.StatusCode, body, nil
}

func (c *Client) request(ctx context.Context, r call) (*http.Request, error) {
	path := c.base
	for _, segment := range r.path {
		if segment == "" {
			return nil, errors.New("an id is empty")
		}
		path += "/" + url.PathEscape(segment)
	}
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, path, body)
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // or net/http may send it twice unseen
	req.Header.Set("Authorization", c.authz)
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", cmp.Or(r.kind, "application/json"))
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	return req, nil
}

func (c *Client) wait(ctx context.Context, patience time.Duration) error {
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	return c.pacer.Wait(ctx)
}

// read makes a call whose reply is one T.
func read[T any](ctx context.Context, c *Client, r call) (T, error) {
	var v T
	status, body, err := c.send(ctx, r)
	if err != nil {
		return v, err
	}
	if err := decode(body, &v); err != nil {
		return v, c.unreadable(r, status, body, err)
	}
	return v, nil
}

func get(path ...string) call { return call{method: http.MethodGet, path: path} }

// post is a call under an idempotency key of its own; body is marshalled unless it is nil.
func post(body any, path ...string) call {
	return call{method: http.MethodPost, path: path, key: newKey(), body: marshal(body)}
}

func marshal(body any) []byte {
	if body == nil {
		return nil
	}
	b, err := json.Marshal(body)
	if err != nil { // our own structs of strings
		panic(fmt.Sprintf("codat: marshal %T: %v", body, err))
	}
	return b
}

// newKey returns a random UUID, which is what Codat wants an idempotency key to be.
func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
