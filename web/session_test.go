package web

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memoryRows are sessions in memory.
type memoryRows struct {
	mu      sync.Mutex
	rows    map[string]memoryRow
	reads   int
	touches int
	err     error
}

type memoryRow struct {
	userID int64
	values []byte
}

func (m *memoryRows) LoadSession(_ context.Context, hash []byte, touch bool) (int64, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if touch {
		m.touches++
	}
	row, ok := m.rows[string(hash)]
	if m.err != nil {
		return 0, nil, m.err
	}
	if !ok {
		return 0, nil, fmt.Errorf("load session: %w", sql.ErrNoRows)
	}
	return row.userID, row.values, nil
}

func (m *memoryRows) AddSession(_ context.Context, hash []byte, userID int64, values []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[string(hash)] = memoryRow{userID, values}
	return m.err
}

func (m *memoryRows) SaveSession(_ context.Context, hash []byte, values []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if row, ok := m.rows[string(hash)]; ok {
		m.rows[string(hash)] = memoryRow{row.userID, values}
	}
	return m.err
}

func (m *memoryRows) DeleteSession(_ context.Context, hash []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, string(hash))
	return m.err
}

func (m *memoryRows) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *memoryRows) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

var oldKey, newKey = strings.Repeat("old key ", 4), strings.Repeat("new key ", 4)

func testSessions(t *testing.T, rows SessionRows, secure bool, keys ...string) *Sessions {
	t.Helper()
	s, err := NewSessions(rows, keys, secure)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serveSessions has a route for each thing that can be done with a session.
func serveSessions(t *testing.T, s *Sessions) *httptest.Server {
	t.Helper()
	a := Adapter{Log: new(logbook).log()}
	mux := http.NewServeMux()
	mux.Handle("/in/{user}", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		id, err := strconv.ParseInt(r.PathValue("user"), 10, 64)
		if err != nil {
			return err
		}
		return s.SignIn(w, r, id)
	}))
	mux.Handle("/out", a.Handle(s.SignOut))
	mux.Handle("/who", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := s.UserID(r, true); err != nil {
			return err
		}
		id, err := s.UserID(r, true)
		fmt.Fprintf(w, "%d %d", id, len(s.TokenHash(r)))
		return err
	}))
	mux.Handle("/peek", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		id, err := s.UserID(r, false)
		fmt.Fprint(w, id)
		return err
	}))
	mux.Handle("/say/{text}", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return s.Flash(w, r, r.PathValue("text"))
	}))
	mux.Handle("/said", a.Handle(func(w http.ResponseWriter, r *http.Request) error {
		texts, err := s.Flashes(w, r)
		io.WriteString(w, strings.Join(texts, "|"))
		return err
	}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.Client().Jar = jar
	return srv
}

func page(t *testing.T, srv *httptest.Server, path string) string {
	t.Helper()
	_, body := do(t, srv.Client(), "GET", srv.URL+path, nil)
	return body
}

func TestSessionFromSignInToSignOut(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	srv := serveSessions(t, testSessions(t, rows, false, newKey))

	for path, want := range map[string]string{"/who": "0 0", "/said": "", "/say/hi": "", "/out": ""} {
		if got := page(t, srv, path); got != want {
			t.Errorf("a visitor's %s: %q", path, got)
		}
	}
	if rows.count() != 0 || rows.reads != 0 {
		t.Errorf("a visit made %d rows and %d reads", rows.count(), rows.reads)
	}

	res, _ := do(t, srv.Client(), "GET", srv.URL+"/in/7", nil)
	first := res.Cookies()[0]
	if first.Name != "tallylight" || !first.HttpOnly || first.SameSite != http.SameSiteLaxMode || first.Path != "/" ||
		first.Secure || first.MaxAge != 0 || !first.Expires.IsZero() || first.Domain != "" {
		t.Errorf("cookie %s", res.Header.Get("Set-Cookie"))
	}
	if got := page(t, srv, "/who"); got != "7 32" || rows.reads != 1 || rows.touches != 1 {
		t.Errorf("signed in: %s with %d reads, %d touches", got, rows.reads, rows.touches)
	}
	if got := page(t, srv, "/peek"); got != "7" || rows.touches != 1 {
		t.Errorf("a stream's look: %s, %d touches", got, rows.touches)
	}

	res, _ = do(t, srv.Client(), "GET", srv.URL+"/in/8", nil)
	if second := res.Cookies()[0]; second.Value == first.Value || rows.count() != 1 {
		t.Errorf("signing in again kept the token, or the old row: %d rows", rows.count())
	}
	if got := page(t, srv, "/who"); got != "8 32" {
		t.Errorf("signed in again: %s", got)
	}
	_, got := do(t, http.DefaultClient, "GET", srv.URL+"/who", http.Header{"Cookie": {"tallylight=" + first.Value}})
	if got != "0 0" {
		t.Errorf("the old token still is %s", got)
	}

	res, _ = do(t, srv.Client(), "GET", srv.URL+"/out", nil)
	if gone := res.Cookies()[0]; gone.MaxAge >= 0 || gone.Value != "" || rows.count() != 0 || page(t, srv, "/who") != "0 0" {
		t.Errorf("signed out: %d rows, cookie %s", rows.count(), res.Header.Get("Set-Cookie"))
	}
}

func TestSessionCannotBePlanted(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	srv := serveSessions(t, testSessions(t, rows, false, newKey))
	thief, _ := do(t, http.DefaultClient, "GET", srv.URL+"/in/6", nil)
	planted := "tallylight=" + thief.Cookies()[0].Value
	do(t, http.DefaultClient, "GET", srv.URL+"/in/7", http.Header{"Cookie": {planted}})
	if _, got := do(t, http.DefaultClient, "GET", srv.URL+"/who", http.Header{"Cookie": {planted}}); got != "0 0" {
		t.Errorf("after the victim signed in the planted token is %s", got)
	}
}

func TestGarbageCookies(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	srv := serveSessions(t, testSessions(t, rows, false, newKey))
	res, _ := do(t, http.DefaultClient, "GET", srv.URL+"/in/7", nil)
	good := res.Cookies()[0].Value
	for _, garbage := range []string{"", "x", "%00%ff", strings.Repeat("A", 9000), good[:len(good)-2], "MTIz|AAAA|BBBB", good + good} {
		cookie := http.Header{"Cookie": {"tallylight=" + garbage}}
		if res, got := do(t, http.DefaultClient, "GET", srv.URL+"/who", cookie); res.StatusCode != 200 || got != "0 0" {
			t.Errorf("cookie %.20q…: %d %s", garbage, res.StatusCode, got)
		}
		res, _ := do(t, http.DefaultClient, "GET", srv.URL+"/in/9", cookie)
		if res.StatusCode != 200 || len(res.Cookies()) != 1 {
			t.Errorf("cookie %.20q…: sign-in %d", garbage, res.StatusCode)
		}
	}
	both := http.Header{"Cookie": {"tallylight=garbage; tallylight=" + good}}
	if _, got := do(t, http.DefaultClient, "GET", srv.URL+"/who", both); got != "7 32" {
		t.Errorf("garbage before the good one: %s", got)
	}
}

func TestFlashIsShownOnce(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	srv := serveSessions(t, testSessions(t, rows, false, newKey))
	page(t, srv, "/in/7")
	page(t, srv, "/say/EXP-1 is on its way.")
	page(t, srv, "/say/☂")
	if got := page(t, srv, "/said"); got != "EXP-1 is on its way.|☂" {
		t.Errorf("flashes %q", got)
	}
	if got := page(t, srv, "/said"); got != "" || page(t, srv, "/who") != "7 32" {
		t.Errorf("a second time: %q", got)
	}
	rows.set(func() {
		for hash := range rows.rows {
			rows.rows[hash] = memoryRow{7, []byte("not values")}
		}
	})
	if got := page(t, srv, "/said"); got != "" || page(t, srv, "/who") != "7 32" {
		t.Errorf("with values that cannot be read: %q", got)
	}
}

func TestSessionKeysRotate(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	before := serveSessions(t, testSessions(t, rows, false, oldKey))
	during := serveSessions(t, testSessions(t, rows, false, newKey, oldKey))
	after := serveSessions(t, testSessions(t, rows, false, newKey))
	who := func(srv *httptest.Server, cookie string) string {
		_, got := do(t, http.DefaultClient, "GET", srv.URL+"/who", http.Header{"Cookie": {"tallylight=" + cookie}})
		return got
	}
	signIn := func(srv *httptest.Server) string {
		res, _ := do(t, http.DefaultClient, "GET", srv.URL+"/in/7", nil)
		return res.Cookies()[0].Value
	}
	old, fresh := signIn(before), signIn(during)
	if who(during, old) != "7 32" || who(after, old) != "0 0" {
		t.Errorf("the old key: %s during, %s after", who(during, old), who(after, old))
	}
	if who(before, fresh) != "0 0" || who(after, fresh) != "7 32" {
		t.Errorf("the new key: %s before, %s after", who(before, fresh), who(after, fresh))
	}
}

func TestSessionOverHTTPS(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	srv := serveSessions(t, testSessions(t, rows, true, newKey))
	for _, path := range []string{"/in/7", "/out"} {
		res, _ := do(t, http.DefaultClient, "GET", srv.URL+path, nil)
		c := res.Cookies()[0]
		if c.Name != "__Host-tallylight" || !c.Secure || c.Path != "/" || c.Domain != "" || !c.HttpOnly {
			t.Errorf("%s: cookie %s", path, res.Header.Get("Set-Cookie"))
		}
	}
}

func TestSessionsWithoutTheirRows(t *testing.T) {
	t.Parallel()
	rows := &memoryRows{rows: map[string]memoryRow{}}
	s := testSessions(t, rows, false, newKey)
	srv := serveSessions(t, s)
	res, _ := do(t, srv.Client(), "GET", srv.URL+"/in/7", nil)

	r := httptest.NewRequest("GET", "/live", nil)
	r.AddCookie(res.Cookies()[0])
	alive := s.Alive(r)
	if !alive(t.Context()) {
		t.Error("a session that is there is not alive")
	}
	rows.set(func() { rows.err = errors.New("database away") })
	if res, _ := do(t, srv.Client(), "GET", srv.URL+"/who", nil); res.StatusCode != 500 {
		t.Errorf("who: %d", res.StatusCode)
	}
	if res, _ := do(t, srv.Client(), "GET", srv.URL+"/in/7", nil); res.StatusCode != 500 || len(res.Cookies()) != 0 {
		t.Errorf("sign-in: %d %v", res.StatusCode, res.Cookies())
	}
	if !alive(t.Context()) {
		t.Error("a session ended with the database")
	}
	rows.set(func() { rows.err, rows.rows = nil, map[string]memoryRow{} })
	if alive(t.Context()) {
		t.Error("a session that has ended is alive")
	}
	if s.Alive(httptest.NewRequest("GET", "/live", nil))(t.Context()) {
		t.Error("no session is alive")
	}
}

func TestSessionLastsAsLongAsItsRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := testSessions(t, &memoryRows{rows: map[string]memoryRow{}}, false, newKey)
		w := httptest.NewRecorder()
		if err := s.SignIn(w, httptest.NewRequest("POST", "/login", nil), 7); err != nil {
			t.Fatal(err)
		}
		pass(365 * 24 * time.Hour)
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(w.Result().Cookies()[0])
		if id, err := s.UserID(r, true); id != 7 || err != nil {
			t.Errorf("a year later: %d, %v", id, err)
		}
	})
}

func TestSessionKeysMustBeLong(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{nil, {""}, {newKey, "short"}} {
		if _, err := NewSessions(&memoryRows{}, keys, false); err == nil {
			t.Errorf("keys %q were taken", keys)
		}
	}
}
