package web

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/a-h/templ"
)

var errDown = errors.New("dial tcp 10.0.0.5:5432: secret-cause")

func testAdapter(l *logbook) Adapter {
	return Adapter{
		Render: func(w http.ResponseWriter, r *http.Request, status int, sentence string) error {
			return Render(w, r, status, templ.Raw("<p>"+sentence+"</p>"))
		},
		Unavailable: func(err error) bool { return errors.Is(err, errDown) },
		Log:         l.log(),
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	t.Parallel()
	cause := errors.New("secret-cause")
	tests := map[string]struct {
		err      error
		status   int
		sentence string
		level    string
	}{
		"sentence":         {NotFound("No such expense."), 404, "No such expense.", "DEBUG"},
		"wrapped":          {fmt.Errorf("show: %w", Forbidden("Not yours.")), 403, "Not yours.", "DEBUG"},
		"bad request":      {BadRequest("What?"), 400, "What?", "DEBUG"},
		"unauthorized":     {Unauthorized("Sign in."), 401, "Sign in.", "DEBUG"},
		"conflict":         {Conflict("Too late."), 409, "Too late.", "DEBUG"},
		"invalid":          {Invalid("Wrong."), 422, "Wrong.", "DEBUG"},
		"with cause":       {&Error{502, "Codat is away.", cause}, 502, "Codat is away.", "WARN"},
		"no rows":          {fmt.Errorf("secret-cause: %w", sql.ErrNoRows), 404, sentenceNotFound, "DEBUG"},
		"too large":        {fmt.Errorf("secret-cause: %w", &http.MaxBytesError{Limit: 1}), 413, sentenceTooLarge, "DEBUG"},
		"database away":    {fmt.Errorf("read: %w", errDown), 503, sentenceUnavailable, "WARN"},
		"unavailable":      {Unavailable(cause), 503, sentenceUnavailable, "WARN"},
		"mistake":          {cause, 500, sentenceMistake, "ERROR"},
		"cancelled inside": {fmt.Errorf("secret-cause: %w", context.Canceled), 500, sentenceMistake, "ERROR"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l logbook
			srv := httptest.NewServer(testAdapter(&l).Handle(func(http.ResponseWriter, *http.Request) error { return test.err }))
			res, body := do(t, srv.Client(), "GET", srv.URL, nil)
			srv.Close()
			if res.StatusCode != test.status || body != "<p>"+test.sentence+"</p>" {
				t.Errorf("answer %d %q, want %d %q", res.StatusCode, body, test.status, test.sentence)
			}
			if got := res.Header.Get("Retry-After"); (got != "") != (test.status == 503) {
				t.Errorf("Retry-After %q with status %d", got, test.status)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("the cause reached the page: %q", body)
			}
			if l.lines() != 1 || !strings.Contains(l.String(), `"level":"`+test.level+`"`) {
				t.Errorf("log: want one line of level %s, have %s", test.level, l.String())
			}
		})
	}
}

func TestPanicBecomesAnErrorPage(t *testing.T) {
	t.Parallel()
	var l logbook
	srv := httptest.NewServer(testAdapter(&l).Handle(func(http.ResponseWriter, *http.Request) error { panic("secret-panic") }))
	defer srv.Close()
	res, body := do(t, srv.Client(), "GET", srv.URL, nil)
	if res.StatusCode != 500 || body != "<p>"+sentenceMistake+"</p>" {
		t.Errorf("answer %d %q", res.StatusCode, body)
	}
	if l.lines() != 1 || !strings.Contains(l.String(), "secret-panic") || !strings.Contains(l.String(), "handler_test.go") {
		t.Errorf("log: want one line with the panic and its stack, have %s", l.String())
	}
}

func TestAbortIsLeftToTheServer(t *testing.T) {
	t.Parallel()
	var l logbook
	srv := httptest.NewServer(testAdapter(&l).Handle(func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }))
	_, err := srv.Client().Get(srv.URL)
	srv.Close()
	if !errors.Is(err, io.EOF) {
		t.Errorf("want a cut connection, have %v", err)
	}
	if l.lines() != 0 {
		t.Errorf("logged: %s", l.String())
	}
}

func TestMistakeOfAMachineRoute(t *testing.T) {
	t.Parallel()
	var l logbook
	a := Adapter{Mistake: http.StatusServiceUnavailable, Log: l.log()}
	srv := httptest.NewServer(a.Handle(func(http.ResponseWriter, *http.Request) error { panic("no") }))
	defer srv.Close()
	res, body := do(t, srv.Client(), "POST", srv.URL, nil)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "5" || body != sentenceMistake+"\n" {
		t.Errorf("answer %d %v %q", res.StatusCode, res.Header, body)
	}
}

func TestErrorAfterTheAnswerHasBegun(t *testing.T) {
	t.Parallel()
	var l logbook
	srv := httptest.NewServer(testAdapter(&l).Handle(func(w http.ResponseWriter, r *http.Request) error {
		io.WriteString(w, "half")
		return errors.New("secret-cause")
	}))
	res, body := do(t, srv.Client(), "GET", srv.URL, nil)
	srv.Close()
	if res.StatusCode != 200 || body != "half" || l.lines() != 1 {
		t.Errorf("answer %d %q, log %s", res.StatusCode, body, l.String())
	}
}

func TestReaderWhoHasGoneIsNoError(t *testing.T) {
	t.Parallel()
	var l logbook
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{fmt.Errorf("read: %w", context.Canceled), errDown} {
		w := httptest.NewRecorder()
		h := testAdapter(&l).Handle(func(http.ResponseWriter, *http.Request) error { return err })
		aborted := func() (v any) {
			defer func() { v = recover() }()
			h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			return nil
		}()
		if aborted != http.ErrAbortHandler || w.Body.Len() != 0 || l.lines() != 0 {
			t.Errorf("%v: wrote %q, logged %s", err, w.Body, l.String())
		}
	}
}

func TestComponentThatFailsLeavesACleanErrorPage(t *testing.T) {
	t.Parallel()
	var l logbook
	broken := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		io.WriteString(w, "half a table")
		return errors.New("secret-cause")
	})
	srv := httptest.NewServer(testAdapter(&l).Handle(func(w http.ResponseWriter, r *http.Request) error {
		return Render(w, r, 200, broken)
	}))
	defer srv.Close()
	res, body := do(t, srv.Client(), "GET", srv.URL, nil)
	if res.StatusCode != 500 || body != "<p>"+sentenceMistake+"</p>" {
		t.Errorf("answer %d %q", res.StatusCode, body)
	}
}

func TestErrorPageThatFailsIsPlainText(t *testing.T) {
	t.Parallel()
	var l logbook
	a := testAdapter(&l)
	a.Render = func(http.ResponseWriter, *http.Request, int, string) error { return errors.New("secret-cause") }
	srv := httptest.NewServer(a.Handle(func(http.ResponseWriter, *http.Request) error { return NotFound("No such expense.") }))
	defer srv.Close()
	res, body := do(t, srv.Client(), "GET", srv.URL, nil)
	if res.StatusCode != 404 || body != "No such expense.\n" {
		t.Errorf("answer %d %q", res.StatusCode, body)
	}
}

func TestPageIsWholeAndNotCached(t *testing.T) {
	t.Parallel()
	var l logbook
	srv := httptest.NewServer(testAdapter(&l).Handle(func(w http.ResponseWriter, r *http.Request) error {
		return Render(w, r, 422, templ.Raw("<p>é</p>"))
	}))
	defer srv.Close()
	res, body := do(t, srv.Client(), "GET", srv.URL, nil)
	if res.StatusCode != 422 || body != "<p>é</p>" || res.ContentLength != 9 ||
		res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("answer %d %q %v", res.StatusCode, body, res.Header)
	}
}
