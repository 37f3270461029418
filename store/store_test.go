package store_test

import (
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"github.com/jmoiron/sqlx"

	"tallylight/store"
	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// world is a database with one company that has a Linked connection, and somebody who presses buttons.
type world struct {
	*store.Store
	t          *testing.T
	dsn        string
	by         store.User
	company    int64
	connection int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dsn: storetest.DSN(t)}
	var err error
	if w.Store, err = store.Open(t.Context(), w.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if w.by, err = w.SaveUser(t.Context(), "ann@example.com", "hash", store.Finance); err != nil {
		t.Fatal(err)
	}
	w.company, w.connection = w.addCompany("northwind")
	return w
}

// later is the same database, so much later.
func (w *world) later(d time.Duration) *store.Store {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), w.dsn+"&"+url.Values{"tallylight.ahead": {fmt.Sprintf("%f s", d.Seconds())}}.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	return s
}

func (w *world) sql() *sqlx.DB { return storetest.DB(w.t, w.dsn) }

// in runs fn in a transaction that must commit.
func (w *world) in(fn func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.InTx(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addCompany(codatID string) (company, connection int64) {
	w.t.Helper()
	w.in(func(tx *store.Tx) error {
		c, err := tx.SaveCompany(w.t.Context(), codatID, "The "+codatID, "")
		company = c.ID
		return err
	})
	return company, w.connect(company, codatID+"-link", "Linked", time.Hour)
}

// connect applies news of a connection that are so old.
func (w *world) connect(company int64, codatID, status string, age time.Duration) int64 {
	w.t.Helper()
	id, _ := w.news(company, store.ConnectionNews{CodatID: codatID, PlatformName: "Xero", PlatformKey: "gbol", SourceType: "Accounting",
		Status: status, At: w.now().Add(-age), Actor: "Codat"})
	return id
}

func (w *world) news(company int64, n store.ConnectionNews) (id int64, applied bool) {
	w.t.Helper()
	w.in(func(tx *store.Tx) error {
		var err error
		id, applied, err = tx.SaveConnection(w.t.Context(), company, n)
		return err
	})
	return id, applied
}

func (w *world) now() time.Time {
	w.t.Helper()
	now, err := w.Now(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

func dec(s string) decimal.Decimal { return decimal.MustParse(s) }

func newExpense(company int64, reference string) store.NewExpense {
	return store.NewExpense{CompanyID: company, Reference: reference, IssueDate: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Supplier: "Pret",
		Currency: "GBP", Source: "form", Lines: []store.Line{{Description: "Lunch", Category: "420", Net: dec("10.00"), Tax: dec("2.00")}}}
}

// enter adds n expenses of a company.
func (w *world) enter(company int64, n int) []int64 {
	w.t.Helper()
	es := make([]store.NewExpense, n)
	for i := range es {
		es[i] = newExpense(company, fmt.Sprintf("EXP-%d", i+1))
	}
	return w.add(es...)
}

func (w *world) add(es ...store.NewExpense) []int64 {
	w.t.Helper()
	ids, err := w.AddExpenses(w.t.Context(), w.by, es)
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// press pushes those of the expenses that are not pushed or failed, within tx, and returns how many.
func press(t *testing.T, tx *store.Tx, by store.User, ids ...int64) (int, error) {
	ps, err := tx.LockPushables(t.Context(), ids)
	if err != nil {
		return 0, err
	}
	var plans []store.PlannedPush
	for _, p := range ps {
		if p.Status == store.NotPushed || p.Status == store.Failed {
			plans = append(plans, planned(p))
		}
	}
	if len(plans) == 0 {
		return 0, nil
	}
	return len(plans), tx.CreatePushes(t.Context(), by, plans)
}

func planned(p store.Pushable) store.PlannedPush {
	return store.PlannedPush{ExpenseID: p.ID, CompanyID: p.CompanyID, ConnectionID: *p.ConnectionID, Held: !p.Linked(), Verb: "pushed",
		Steps: []store.PlannedStep{{Kind: store.DirectCostStep, Subject: strconv.FormatInt(p.ID, 10), Label: p.Reference}}}
}

func (w *world) press(ids ...int64) {
	w.t.Helper()
	w.in(func(tx *store.Tx) error {
		n, err := press(w.t, tx, w.by, ids...)
		if err == nil && n != len(ids) {
			err = fmt.Errorf("%d of %d could be pushed", n, len(ids))
		}
		return err
	})
}

const (
	lease      = 45 * time.Second
	perCompany = 10
)

func claim(t *testing.T, s *store.Store, limit int) []store.Claim {
	t.Helper()
	claims, err := s.ClaimSteps(t.Context(), limit, perCompany, lease)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// claimOne claims the one step that is due.
func claimOne(t *testing.T, s *store.Store) store.Claim {
	t.Helper()
	claims := claim(t, s, 10)
	if len(claims) != 1 {
		t.Fatalf("%d steps are due, want 1", len(claims))
	}
	return claims[0]
}

func begin(t *testing.T, s *store.Store, c store.Claim) int64 {
	t.Helper()
	id, err := s.BeginAttempt(t.Context(), c, "push/directCosts", []byte(`{"reference":"EXP-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func settle(t *testing.T, s *store.Store, c store.Claim, attempt int64, st store.Settlement) {
	t.Helper()
	if err := s.SettleAttempt(t.Context(), c, attempt, st); err != nil {
		t.Fatal(err)
	}
}

// accept enters and pushes n expenses that Codat has accepted under the keys op-{expense's id}.
func (w *world) accept(n int) (expenses, steps []int64) {
	w.t.Helper()
	expenses = w.enter(w.company, n)
	w.press(expenses...)
	for len(steps) < n {
		for _, c := range claim(w.t, w.Store, n) {
			settle(w.t, w.Store, c, begin(w.t, w.Store, c), store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-" + c.Subject,
				Outcome: store.Outcome{Status: store.OutcomePending, Source: "reply"}})
			steps = append(steps, c.ID)
		}
	}
	return expenses, steps
}

func (w *world) finish(step int64, o store.Outcome) (changed bool) {
	w.t.Helper()
	w.in(func(tx *store.Tx) error {
		var err error
		changed, err = tx.FinishStep(w.t.Context(), step, o)
		return err
	})
	return changed
}

func (w *world) status(expense int64) store.ExpenseStatus {
	w.t.Helper()
	e, err := w.Expense(w.t.Context(), expense)
	if err != nil {
		w.t.Fatal(err)
	}
	return e.Status
}

// push returns the newest push of an expense and its cost's step.
func (w *world) push(expense int64) (store.Push, store.Step) {
	w.t.Helper()
	ps, err := w.Pushes(w.t.Context(), expense)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(ps) == 0 {
		w.t.Fatalf("expense %d has no push", expense)
	}
	for _, s := range ps[0].Steps {
		if s.ID == ps[0].CostStepID {
			return ps[0], s
		}
	}
	w.t.Fatalf("push %d has no cost", ps[0].ID)
	return ps[0], store.Step{}
}

func failure(cause string) *store.Failure {
	return &store.Failure{Fact: []byte(`{"message":"` + cause + `"}`), Cause: cause, Rules: 1}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db := w.sql()
	err := w.InTx(t.Context(), func(tx *store.Tx) error {
		var pid int
		if err := tx.GetContext(t.Context(), &pid, `SELECT pg_backend_pid()`); err != nil {
			return err
		}
		if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend($1, 5000)`, pid); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), `SELECT 1`)
		return err
	})
	if !store.Unavailable(err) {
		t.Errorf("a lost connection is not Unavailable: %v", err)
	}
	for _, away := range []error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, syscall.EPIPE} {
		if !store.Unavailable(fmt.Errorf("read company: %w", away)) {
			t.Errorf("%v is not Unavailable", away)
		}
	}
	closed, err := store.Open(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if _, err := closed.Company(t.Context(), 1); !store.Unavailable(err) {
		t.Errorf("a closed pool is not Unavailable: %v", err)
	}
	_, err = w.Company(t.Context(), 0)
	if store.Unavailable(err) {
		t.Errorf("a company that is not there is Unavailable: %v", err)
	}
}
