package codat

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is a reply of Codat that is not the one hoped for: any status but 2xx, or a 2xx that could not be read. Only
// HTTPStatus decides; the status in the body may differ (Codat's own example of a 402 says 429).
type Error struct {
	HTTPStatus    int
	Method, Path  string
	Message       string // in Codat's words, "" when it gave none
	CorrelationID string // for Codat's support
	Validation    Validation
	CanBeRetried  string        // "Unknown", as a rule
	RetryAfter    time.Duration // 0 when Codat named none
	Body          []byte        // as it came, cut at 64 KiB
	cause         error         // why the reply could not be read, nil when it could
}

// Validation is what Codat, or the accounting package, objected to. Warnings can accompany a success.
type Validation struct {
	Errors   []ValidationItem `json:"errors"`
	Warnings []ValidationItem `json:"warnings"`
}

// ValidationItem is one objection. ItemID is mostly the field's path, such as LineItems[0].AccountRef.Id.
type ValidationItem struct {
	ItemID        string `json:"itemId"`
	Message       string `json:"message"`
	ValidatorName string `json:"validatorName"`
}

// Error names the request, the status and Codat's words. It never holds the API key.
func (e *Error) Error() string {
	said := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.HTTPStatus, http.StatusText(e.HTTPStatus))
	if e.Message != "" {
		said += ": " + e.Message
	}
	if e.cause != nil {
		said += ": " + e.cause.Error()
	}
	return said
}

// Unwrap returns why the reply could not be read.
func (e *Error) Unwrap() error { return e.cause }

// refused makes the error of a reply that is no success, or broke off.
func (c *Client) refused(r call, resp *http.Response, body []byte, cause error) *Error {
	e := c.unreadable(r, resp.StatusCode, body, cause)
	e.RetryAfter = retryAfter(resp.Header)
	var said struct {
		Error         string     `json:"error" alias:"errorMessage"` // errorMessage is a push operation's word for it
		CorrelationID string     `json:"correlationId"`
		Validation    Validation `json:"validation"`
		CanBeRetried  string     `json:"canBeRetried"`
	}
	if decode(e.Body, &said) == nil { // a proxy's page is no JSON
		e.Message, e.CorrelationID, e.Validation, e.CanBeRetried = said.Error, said.CorrelationID, said.Validation, said.CanBeRetried
	}
	return e
}

// unreadable makes the error of a reply that is not what was asked for.
func (c *Client) unreadable(r call, status int, body []byte, cause error) *Error {
	body = body[:min(len(body), maxErrorReply)]
	return &Error{HTTPStatus: status, Method: r.method, Path: r.url(), Body: []byte(c.redact.Replace(string(body))), cause: cause}
}

// retryAfter reads the header in either of its forms, seconds or a date, which is compared with the reply's own date. It is
// at most a day: Codat's quota starts anew at midnight UTC.
func retryAfter(h http.Header) time.Duration {
	said := strings.TrimSpace(h.Get("Retry-After"))
	if said == "" {
		return 0
	}
	const day = 24 * time.Hour
	if seconds, err := strconv.ParseInt(said, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(day/time.Second))) * time.Second
	}
	at, err := http.ParseTime(said)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), day)
}

// unsentError is a request that never left this machine.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return "not sent: " + e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// Unsent reports whether err proves that the request never left: no connection could be made, or it was given up while
// waiting for its turn. False means that Codat may have got it.
func Unsent(err error) bool {
	_, ok := errors.AsType[*unsentError](err)
	return ok
}
