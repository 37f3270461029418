package web

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// HandlerFunc answers a request, or returns why it could not. An Adapter makes it an http.Handler.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Error is a failure that has a status and a sentence for the person who reads the page. The cause is for the log alone.
type Error struct {
	Status   int
	Sentence string
	Cause    error // may be nil
}

// Error is the text for the log.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%d: %v", e.Status, e.Cause)
	}
	return fmt.Sprintf("%d: %s", e.Status, e.Sentence)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// BadRequest is a 400: the request itself makes no sense.
func BadRequest(sentence string) *Error {
	return &Error{Status: http.StatusBadRequest, Sentence: sentence}
}

// Unauthorized is a 401: nobody is signed in.
func Unauthorized(sentence string) *Error {
	return &Error{Status: http.StatusUnauthorized, Sentence: sentence}
}

// Forbidden is a 403: this person may not do that.
func Forbidden(sentence string) *Error {
	return &Error{Status: http.StatusForbidden, Sentence: sentence}
}

// NotFound is a 404.
func NotFound(sentence string) *Error { return &Error{Status: http.StatusNotFound, Sentence: sentence} }

// Conflict is a 409: somebody else was quicker.
func Conflict(sentence string) *Error { return &Error{Status: http.StatusConflict, Sentence: sentence} }

// Invalid is a 422: what was entered cannot be right.
func Invalid(sentence string) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Sentence: sentence}
}

// Unavailable is a 503: trouble that passes. The answer asks to try again after a few seconds.
func Unavailable(cause error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Sentence: sentenceUnavailable, Cause: cause}
}

const (
	sentenceUnavailable = "The database cannot be reached just now. Nothing was lost; try again in a moment."
	sentenceMistake     = "Tallylight made a mistake. It has been noted; if it happens again, tell your administrator."
	sentenceNotFound    = "What you looked for may have been deleted or moved, or the address is wrong."
	sentenceTooLarge    = "That is more than Tallylight takes at once."
)

// retryAfter goes with every 503, in seconds.
const retryAfter = "5"

// Adapter is the one place where errors become answers.
type Adapter struct {
	// Render writes the error page. When it is nil, or fails before it has written, the sentence is sent as plain text.
	Render func(w http.ResponseWriter, r *http.Request, status int, sentence string) error
	// Unavailable reports whether an error is trouble of the database that passes: a 503. May be nil.
	Unavailable func(error) bool
	// Mistake is the status of an error or panic that nobody foresaw; 0 means 500.
	Mistake int
	Log     *slog.Logger
}

// Handle returns h as an http.Handler. An error of h becomes its status and sentence:
//
//   - *Error: as it says
//   - sql.ErrNoRows: 404
//   - *http.MaxBytesError: 413
//   - what Unavailable knows: 503 with Retry-After
//   - anything else, and a panic: Mistake
//
// It is logged once. When the answer has begun already that is all that happens. When the reader has gone there is no answer either:
// none at all, for net/http would make a 200 of silence, and a reader that has only ended its own side would believe it.
func (a Adapter) Handle(h HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res := record(w)
		defer func() {
			if v := recover(); v == http.ErrAbortHandler {
				panic(v)
			} else if v != nil {
				a.answer(res, r, &panicError{v, debug.Stack()})
			}
		}()
		if err := h(res, r); err != nil {
			a.answer(res, r, err)
		}
	})
}

func (a Adapter) answer(w *response, r *http.Request, err error) {
	if a.readerGone(r, err) {
		w.gone()
		panic(http.ErrAbortHandler)
	}
	e, level := a.classify(err)
	attrs := []any{"method", r.Method, "route", r.Pattern, "status", e.Status, "err", err}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, "stack", string(p.stack))
	}
	a.Log.Log(r.Context(), level, "request failed", attrs...)
	if w.begun() {
		return
	}
	if e.Status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	if a.Render != nil {
		if err := a.Render(w, r, e.Status, e.Sentence); err != nil {
			a.Log.ErrorContext(r.Context(), "error page failed", "route", r.Pattern, "err", err)
		}
	}
	if !w.begun() {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, e.Sentence, e.Status)
	}
}

// readerGone reports whether err only says that nobody waits for the answer any more. A query that is cut off may say so in
// the database's words.
func (a Adapter) readerGone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && (errors.Is(err, context.Canceled) || a.unavailable(err))
}

func (a Adapter) unavailable(err error) bool { return a.Unavailable != nil && a.Unavailable(err) }

// classify returns what an error means for the reader, and how much it matters to the log.
func (a Adapter) classify(err error) (*Error, slog.Level) {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Status >= 500 {
			return e, slog.LevelWarn
		}
		return e, slog.LevelDebug
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{http.StatusRequestEntityTooLarge, sentenceTooLarge, err}, slog.LevelDebug
	}
	if errors.Is(err, sql.ErrNoRows) {
		return &Error{http.StatusNotFound, sentenceNotFound, err}, slog.LevelDebug
	}
	if a.unavailable(err) {
		return Unavailable(err), slog.LevelWarn
	}
	status := a.Mistake
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return &Error{status, sentenceMistake, err}, slog.LevelError
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
