package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/codat"
	"tallylight/internal/ledger"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/store/storetest"
)

// life is a reader whose Codat is a sandbox, with something in between that may lose or change an answer.
type life struct {
	*ledger.Reader
	t   *testing.T
	by  store.User
	box *sandbox.Sandbox

	mu      sync.Mutex
	between func(w http.ResponseWriter, r *http.Request, answer func() *httptest.ResponseRecorder) bool // reports whether it has answered
	asked   []string                                                                                    // "POST /companies"
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{t: t}
	s, err := store.Open(t.Context(), storetest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if l.by, err = s.SaveUser(t.Context(), "ada@example.com", "hash", store.Admin); err != nil {
		t.Fatal(err)
	}
	if l.box, err = sandbox.New(sandbox.Config{APIKey: "key", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l)
	t.Cleanup(func() { server.Close(); l.box.Close() })
	l.Reader = &ledger.Reader{Store: s, Codat: codat.New(codat.Config{BaseURL: server.URL, APIKey: "key"}), Log: slog.New(slog.DiscardHandler)}
	return l
}

func (l *life) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.asked = append(l.asked, r.Method+" "+r.URL.Path)
	between := l.between
	l.mu.Unlock()
	answer := func() *httptest.ResponseRecorder {
		a := httptest.NewRecorder()
		l.box.ServeHTTP(a, r)
		return a
	}
	if between != nil && between(w, r, answer) {
		return
	}
	l.box.ServeHTTP(w, r)
}

// onWrites has f answer the requests that change something.
func (l *life) onWrites(f func(w http.ResponseWriter, answer func() *httptest.ResponseRecorder)) {
	l.set(func(w http.ResponseWriter, r *http.Request, answer func() *httptest.ResponseRecorder) bool {
		if r.Method == http.MethodGet {
			return false
		}
		f(w, answer)
		return true
	})
}

func (l *life) set(between func(w http.ResponseWriter, r *http.Request, answer func() *httptest.ResponseRecorder) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.between, l.asked = between, nil
}

// times counts the requests since the last set.
func (l *life) times(request string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, a := range l.asked {
		if a == request {
			n++
		}
	}
	return n
}

// lost is an answer that never arrives, of something that was done.
func lost(_ http.ResponseWriter, answer func() *httptest.ResponseRecorder) {
	answer()
	panic(http.ErrAbortHandler)
}

func says(status int, message string) func(http.ResponseWriter, func() *httptest.ResponseRecorder) {
	return func(w http.ResponseWriter, _ func() *httptest.ResponseRecorder) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q}`, message)
	}
}

// atCodat are the names of the companies that Codat has.
func (l *life) atCodat() []string {
	l.t.Helper()
	var names []string
	for page, err := range codat.Pages(l.t.Context(), l.Codat.Companies) {
		if err != nil {
			l.t.Fatal(err)
		}
		for _, c := range page {
			names = append(names, c.Name)
		}
	}
	return names
}

// here are the companies that are known here and not deleted.
func (l *life) here() []store.Company {
	l.t.Helper()
	cs, err := l.Store.Companies(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return cs
}

// record is what is on record about something, each as "who: what".
func (l *life) record(kind string, id int64) string {
	l.t.Helper()
	as, err := l.Store.ActivityOf(l.t.Context(), kind, id)
	if err != nil {
		l.t.Fatal(err)
	}
	var lines []string
	for _, a := range as {
		lines = append(lines, a.Actor+": "+a.Verb)
	}
	return strings.Join(lines, "; ")
}

// linked makes a company that is linked to Xero, at Codat and here.
func (l *life) linked(name string) (store.Company, store.Connection) {
	l.t.Helper()
	id, _, err := l.box.AddCompany(name, "gbol", "GBP")
	if err == nil {
		err = l.ReadAll(l.t.Context())
	}
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := l.Store.CompanyByCodatID(l.t.Context(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	conn, err := l.Store.AccountingConnection(l.t.Context(), c.ID)
	if err != nil || conn.Status != store.Linked {
		l.t.Fatal(conn, err)
	}
	return c, conn
}

func (l *life) company(id int64) store.Company {
	l.t.Helper()
	c, err := l.Store.Company(l.t.Context(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func (l *life) connection(id int64) store.Connection {
	l.t.Helper()
	items, err := l.Store.ConnectionItems(l.t.Context(), []int64{id})
	if err != nil || len(items) != 1 {
		l.t.Fatal(items, err)
	}
	return items[0].Connection
}

var toft = codat.NewCompany{Name: "Toft Bikes", Description: "Bikes\nand more", Tags: map[string]string{"region": "UK"}}

func TestCreate(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	key := uuid.NewString()
	var made [4]store.Company
	var all sync.WaitGroup
	for i := range made { // somebody clicks very often
		all.Go(func() {
			var err error
			if made[i], err = l.Create(t.Context(), l.by, key, toft); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	again, err := l.Create(t.Context(), l.by, key, toft) // and once more, later
	if err != nil {
		t.Fatal(err)
	}
	if names := l.atCodat(); !slices.Equal(names, []string{"Toft Bikes"}) {
		t.Errorf("Codat has %q", names)
	}
	for _, c := range append(made[:], again) {
		if c.ID != again.ID || c.Name != "Toft Bikes" || c.Description != toft.Description || c.Tags["region"] != "UK" || !strings.HasSuffix(c.RedirectURL, "/company/"+c.CodatID) {
			t.Errorf("made %+v", c)
		}
	}
	if kept := l.company(again.ID); kept.Description != toft.Description || len(kept.Tags) != 1 || kept.Tags["region"] != "UK" {
		t.Errorf("kept %+v", kept)
	}
	if got := l.record("company", again.ID); got != "ada@example.com: created" {
		t.Errorf("the record says %q", got)
	}
	if another, err := l.Create(t.Context(), l.by, uuid.NewString(), toft); err != nil || another.ID == again.ID || len(l.atCodat()) != 2 {
		t.Errorf("another form made %+v, error %v", another, err)
	}
}

func TestCreateWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func() func(http.ResponseWriter, func() *httptest.ResponseRecorder)
		posts   int
	}{
		"the first answer is lost": {func() func(http.ResponseWriter, func() *httptest.ResponseRecorder) {
			n := 0
			return func(w http.ResponseWriter, answer func() *httptest.ResponseRecorder) {
				if n++; n == 1 {
					lost(w, answer)
				}
				io.Copy(w, answer().Body)
			}
		}, 2},
		"every answer is lost": {func() func(http.ResponseWriter, func() *httptest.ResponseRecorder) { return lost }, 4},
		"trouble after it was made": {func() func(http.ResponseWriter, func() *httptest.ResponseRecorder) {
			return func(w http.ResponseWriter, answer func() *httptest.ResponseRecorder) {
				answer()
				w.WriteHeader(http.StatusInternalServerError)
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t)
			l.onWrites(test.between())
			c, err := l.Create(t.Context(), l.by, uuid.NewString(), toft)
			if err != nil || c.Name != "Toft Bikes" || len(l.atCodat()) != 1 || len(l.here()) != 1 {
				t.Errorf("made %+v, error %v; Codat has %q", c, err, l.atCodat())
			}
			if got := l.times("POST /companies"); got != test.posts {
				t.Errorf("Codat was asked %d times, want %d", got, test.posts)
			}
		})
	}
}

func TestCreateIsRefused(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusTooManyRequests, http.StatusInternalServerError} {
		l.onWrites(says(status, "No."))
		_, err := l.Create(t.Context(), l.by, uuid.NewString(), toft)
		if e, ok := errors.AsType[*codat.Error](err); !ok || e.HTTPStatus != status || errors.Is(err, ledger.ErrUnclear) {
			t.Errorf("%d: %v", status, err)
		}
		if got := l.times("POST /companies"); got != 1 {
			t.Errorf("%d: Codat was asked %d times", status, got)
		}
	}
	if len(l.here()) != 0 {
		t.Errorf("here are %+v", l.here())
	}

	// Nobody can say whether it was made, not even the list. Asked again under the same key, it is the same one.
	l.set(func(w http.ResponseWriter, r *http.Request, answer func() *httptest.ResponseRecorder) bool {
		if r.Method == http.MethodPost {
			answer()
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	key := uuid.NewString()
	if _, err := l.Create(t.Context(), l.by, key, toft); !errors.Is(err, ledger.ErrUnclear) {
		t.Errorf("nobody knows, and the error is %v", err)
	}
	l.set(nil)
	if c, err := l.Create(t.Context(), l.by, key, toft); err != nil || len(l.atCodat()) != 1 {
		t.Errorf("made %+v, error %v, Codat has %q", c, err, l.atCodat())
	}
}

// A company of that name that is somebody else's is not taken for the one that was to be made.
func TestCreateBesideANamesake(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.linked("Toft Bikes")
	if _, err := l.Create(t.Context(), l.by, uuid.NewString(), toft); err != nil {
		t.Fatal(err)
	}
	l.onWrites(says(http.StatusInternalServerError, "No."))
	c, err := l.Create(t.Context(), l.by, uuid.NewString(), toft)
	if e, ok := errors.AsType[*codat.Error](err); !ok || e.HTTPStatus != http.StatusInternalServerError || errors.Is(err, ledger.ErrUnclear) {
		t.Errorf("made %+v, error %v", c, err)
	}
	// One that Codat made though it said otherwise is found beside them.
	l.onWrites(func(w http.ResponseWriter, answer func() *httptest.ResponseRecorder) {
		answer()
		w.WriteHeader(http.StatusInternalServerError)
	})
	if _, err := l.Create(t.Context(), l.by, uuid.NewString(), toft); err != nil || len(l.here()) != 3 {
		t.Errorf("error %v; here are %+v", err, l.here())
	}
}

func TestUnlink(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	c, conn := l.linked("Northwind")

	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound} {
		l.onWrites(says(status, "No."))
		err := l.Unlink(t.Context(), l.by, c, conn)
		if e, ok := errors.AsType[*codat.Error](err); !ok || e.HTTPStatus != status || errors.Is(err, ledger.ErrUnclear) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if l.ReadAsked(t.Context()); l.connection(conn.ID).Status != store.Linked || l.record("connection", conn.ID) != "Tallylight: connection is Linked" {
		t.Errorf("after refusals it is %s, on record %q", l.connection(conn.ID).Status, l.record("connection", conn.ID))
	}

	l.set(nil)
	if err := l.Unlink(t.Context(), l.by, c, conn); err != nil {
		t.Fatal(err)
	}
	if got := l.connection(conn.ID).Status; got != "Unlinked" {
		t.Errorf("it is %s", got)
	}
	if got := l.record("connection", conn.ID); got != "Tallylight: connection is Linked; ada@example.com: unlinked; ada@example.com: connection is Unlinked" {
		t.Errorf("the record says %q", got)
	}
	if l.ReadAsked(t.Context()); l.times("GET /companies/"+c.CodatID+"/connections") == 0 {
		t.Error("it is not read from Codat again")
	}
	if err := l.Unlink(t.Context(), l.by, c, conn); err == nil || !strings.Contains(err.Error(), "its status is Unlinked") {
		t.Errorf("unlinked twice: %v", err)
	}
}

// What Codat answers is not that it is unlinked, or it tells something newer meanwhile.
func TestUnlinkThatDoesNotHold(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	c, conn := l.linked("Northwind")
	l.onWrites(func(w http.ResponseWriter, _ func() *httptest.ResponseRecorder) {
		fmt.Fprintf(w, `{"id":%q,"status":"Linked","sourceType":"Accounting"}`, conn.CodatID)
	})
	if err := l.Unlink(t.Context(), l.by, c, conn); !errors.Is(err, ledger.ErrUnclear) {
		t.Errorf("still Linked: %v", err)
	}
	if got := l.record("connection", conn.ID); l.connection(conn.ID).Status != store.Linked || !strings.HasSuffix(got, "ada@example.com: asked Codat to unlink") {
		t.Errorf("it is %s, on record %q", l.connection(conn.ID).Status, got)
	}
	l.onWrites(func(w http.ResponseWriter, answer func() *httptest.ResponseRecorder) {
		a := answer()
		err := l.Store.InTx(t.Context(), func(tx *store.Tx) error {
			now, err := l.Store.Now(t.Context())
			if err == nil {
				_, _, err = tx.SaveConnection(t.Context(), c.ID, store.ConnectionNews{CodatID: conn.CodatID, Status: store.Linked, At: now, Actor: "Codat"})
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		io.Copy(w, a.Body)
	})
	if err := l.Unlink(t.Context(), l.by, c, conn); !errors.Is(err, ledger.ErrUnclear) {
		t.Errorf("linked again meanwhile: %v", err)
	}
	if l.ReadAsked(t.Context()); l.connection(conn.ID).Status != "Unlinked" {
		t.Errorf("read from Codat again it is %s", l.connection(conn.ID).Status)
	}
}

func TestUnlinkWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	c, conn := l.linked("Northwind")
	l.onWrites(lost)
	if err := l.Unlink(t.Context(), l.by, c, conn); !errors.Is(err, ledger.ErrUnclear) {
		t.Fatal(err)
	}
	if got := l.connection(conn.ID).Status; got != store.Linked {
		t.Errorf("without an answer it is %s", got)
	}
	if got := l.record("connection", conn.ID); !strings.HasSuffix(got, "ada@example.com: asked Codat to unlink") {
		t.Errorf("the record says %q", got)
	}
	if l.ReadAsked(t.Context()); l.connection(conn.ID).Status != "Unlinked" {
		t.Errorf("read from Codat again it is %s", l.connection(conn.ID).Status)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	c, conn := l.linked("Northwind")
	l.onWrites(says(http.StatusForbidden, "No."))
	if err := l.Delete(t.Context(), l.by, c); err == nil || errors.Is(err, ledger.ErrUnclear) {
		t.Errorf("refused: %v", err)
	}
	if l.ReadAsked(t.Context()); l.company(c.ID).DeletedAt != nil || l.record("company", c.ID) != "" {
		t.Errorf("after a refusal it is %+v, on record %q", l.company(c.ID), l.record("company", c.ID))
	}
	l.set(nil)
	if err := l.Delete(t.Context(), l.by, c); err != nil {
		t.Fatal(err)
	}
	if l.company(c.ID).DeletedAt == nil || l.connection(conn.ID).DeletedAt == nil || len(l.atCodat()) != 0 {
		t.Errorf("the company is %+v, its connection %+v; Codat has %q", l.company(c.ID), l.connection(conn.ID), l.atCodat())
	}
	if got := l.record("company", c.ID); got != "ada@example.com: deleted; Codat: company was deleted" {
		t.Errorf("the record says %q", got)
	}
}

func TestDeleteWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(http.ResponseWriter, func() *httptest.ResponseRecorder){
		"lost": lost,
		"trouble": func(w http.ResponseWriter, answer func() *httptest.ResponseRecorder) {
			answer()
			w.WriteHeader(http.StatusBadGateway)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t)
			c, _ := l.linked("Northwind")
			l.onWrites(between)
			if err := l.Delete(t.Context(), l.by, c); !errors.Is(err, ledger.ErrUnclear) {
				t.Fatal(err)
			}
			if l.company(c.ID).DeletedAt != nil || l.record("company", c.ID) != "ada@example.com: asked Codat to delete" {
				t.Errorf("without an answer it is %+v, on record %q", l.company(c.ID), l.record("company", c.ID))
			}
			if l.ReadAsked(t.Context()); l.company(c.ID).DeletedAt == nil {
				t.Error("read from Codat again it is still there")
			}
		})
	}

	// Somebody else deleted it meanwhile.
	l := newLife(t)
	c, _ := l.linked("Northwind")
	if err := l.Codat.DeleteCompany(t.Context(), c.CodatID); err != nil {
		t.Fatal(err)
	}
	err := l.Delete(t.Context(), l.by, c)
	if e, ok := errors.AsType[*codat.Error](err); !ok || e.HTTPStatus != http.StatusNotFound {
		t.Errorf("deleted twice: %v", err)
	}
	if l.ReadAsked(t.Context()); l.company(c.ID).DeletedAt == nil {
		t.Error("read from Codat again it is still there")
	}
}

// TestReadAllPages reads 250 companies from a Codat that gives a hundred at a time.
func TestReadAllPages(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	var ids []string
	for i := range 250 {
		n := codat.NewCompany{Name: fmt.Sprintf("Company %03d", i)}
		if i == 249 {
			n.Tags = map[string]string{"region": "UK"}
		}
		c, err := l.Codat.CreateCompany(t.Context(), uuid.NewString(), n)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	hundred := func(_ http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		if r.URL.Path == "/companies" {
			q := r.URL.Query()
			q.Set("pageSize", "100")
			r.URL.RawQuery = q.Encode()
		}
		return false
	}
	l.set(hundred)
	if err := l.ReadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, pages := len(l.here()), l.times("GET /companies"); got != 250 || pages != 3 {
		t.Fatalf("%d companies are here after %d pages", got, pages)
	}
	last, err := l.Store.CompanyByCodatID(t.Context(), ids[249])
	if err != nil || last.Name != "Company 249" || last.Tags["region"] != "UK" || last.ReadAt == nil {
		t.Errorf("the last is %+v, error %v", last, err)
	}

	// A list that breaks off says nothing of those that it does not come to.
	l.set(func(w http.ResponseWriter, r *http.Request, answer func() *httptest.ResponseRecorder) bool {
		if r.URL.Path == "/companies" && r.URL.Query().Get("page") == "2" {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return hundred(w, r, answer)
	})
	if err := l.ReadAll(t.Context()); err == nil || len(l.here()) != 250 {
		t.Errorf("a list that breaks off: error %v, %d companies are here", err, len(l.here()))
	}

	l.set(hundred)
	if err := l.Codat.DeleteCompany(t.Context(), ids[120]); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Codat.CreateCompany(t.Context(), uuid.NewString(), codat.NewCompany{Name: "Late"}); err != nil {
		t.Fatal(err)
	}
	if err := l.ReadAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone, err := l.Store.CompanyByCodatID(t.Context(), ids[120])
	if err != nil || gone.DeletedAt == nil || len(l.here()) != 250 || !slices.ContainsFunc(l.here(), func(c store.Company) bool { return c.Name == "Late" }) {
		t.Errorf("the deleted one is %+v, error %v, %d companies are here", gone, err, len(l.here()))
	}
}
