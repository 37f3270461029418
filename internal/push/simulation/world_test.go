package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"github.com/jmoiron/sqlx"

	"tallylight/store"
	"tallylight/store/storetest"
)

// stage is a database in which histories happen, one after the other.
type stage struct {
	store *store.Store
	db    *sqlx.DB // one connection
	kept  map[string]*sqlx.Stmt
	by    store.User
}

func newStage(t testing.TB) *stage {
	t.Helper()
	dsn := storetest.DSN(t)
	s := &stage{db: storetest.DB(t, dsn), kept: map[string]*sqlx.Stmt{}}
	s.db.SetMaxOpenConns(1)
	_, err := s.db.Exec(`
		DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET plan_cache_mode = force_generic_plan'; END $$; -- any plan will do for a few rows
		CREATE TABLE simulated_clock (at timestamptz NOT NULL);
		INSERT INTO simulated_clock VALUES (now());
		CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT at FROM simulated_clock); END $$`)
	if err != nil {
		t.Fatal(err)
	}
	if s.store, err = store.Open(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	if s.by, err = s.store.SaveUser(t.Context(), "ann@example.com", "hash", store.Finance); err != nil {
		t.Fatal(err)
	}
	return s
}

// clear makes the stage as if nothing had ever happened on it. It is much quicker than TRUNCATE.
func (s *stage) clear() error {
	_, err := s.db.Exec(`
		SET session_replication_role = replica; -- no triggers
		DO $$ DECLARE t text; BEGIN
			FOREACH t IN ARRAY ARRAY['companies', 'connections', 'connection_history', 'ledger_accounts', 'suppliers', 'tax_rates', 'expenses', 'expense_lines', 'push_steps', 'pushes',
				'push_needs', 'push_attempts', 'send_pauses', 'codat_quota', 'foreign_operations', 'deliveries', 'activity', 'notices',
				'expense_texts', 'expense_counts', 'receipts', 'bulk_plan_items', 'bulk_plans'] LOOP
				EXECUTE 'DELETE FROM ' || t;
			END LOOP;
			PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
		END $$`)
	return err
}

// statement is one that is asked again and again: planning it takes longer than carrying it out, and is done once.
func (s *stage) statement(query string) *sqlx.Stmt {
	stmt := s.kept[query]
	if stmt == nil {
		var err error
		if stmt, err = s.db.Preparex(query); err != nil {
			panic(err)
		}
		s.kept[query] = stmt
	}
	return stmt
}

// world is one history.
type world struct {
	*stage
	ctx       context.Context
	chance    *rand.Rand
	cloud     *cloud
	began     time.Time
	written   time.Time // the clock of the database
	processes []*process
	routines  []*routine // that wait to go on
	dead      []*routine // that were killed, and go on never more
	running   *routine
	back      chan bool // a routine waits or (true) has ended
	expenses  []*expense
	receipts  []*receipt
	told      []string // what happened
	wrong     []string // what must not have
	straight  bool     // nothing is interrupted
	hasty     bool     // the person does not wait for receipts that may still arrive
}

// expense is one that the person of this history entered. Its note says which one it is, whatever else is edited; so does the
// beginning of its reference.
type expense struct {
	id      int64
	note    string
	company *company
	refs    int
}

func newWorld(ctx context.Context, s *stage, chance *rand.Rand) *world {
	w := &world{stage: s, ctx: ctx, chance: chance, began: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), back: make(chan bool), hasty: often(chance, 15)}
	w.cloud = newCloud(chance, w.began)
	w.cloud.say = w.say
	return w
}

func (w *world) say(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf("%12s  ", w.cloud.now.Sub(w.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	w.say("WRONG: "+format, args...)
}

// must notes an error of our own: there is no reason for any.
func (w *world) must(err error) {
	if err != nil {
		w.fail("error: %v", err)
	}
}

// story is what happened, and how things stand in the database.
func (w *world) story() string {
	lines := append(slices.Clone(w.told), "", fmt.Sprintf("habits of Codat: %+v", w.cloud.habits), "")
	lines = append(lines, w.strings(`SELECT 'step ' || row_to_json(s)::text FROM (SELECT id, connection_id AS link, kind, label, code, state, doubt, attempts, operation_key AS op,
		record_id AS record, wait_reason AS waits, sync_id AS sync, retired, resynced FROM push_steps ORDER BY id) s`)...)
	lines = append(lines, w.strings(`SELECT 'push ' || row_to_json(p)::text FROM (SELECT id, expense_id AS expense, connection_id AS link, cost_step_id AS cost, state, cause, subject,
		(SELECT array_agg(step_id) FROM push_needs WHERE push_id = pushes.id) AS needs FROM pushes ORDER BY id) p`)...)
	lines = append(lines, w.strings(`SELECT 'link ' || row_to_json(c)::text FROM (SELECT id, company_id AS company, codat_id, status, deleted_at FROM connections ORDER BY id) c`)...)
	lines = append(lines, w.strings(`SELECT 'receipt ' || row_to_json(r)::text FROM (SELECT id, expense_id AS expense, name, step_id AS step, cause, subject FROM receipts ORDER BY id) r`)...)
	return strings.Join(append(lines, w.wrong...), "\n")
}

// pass lets time go by; the database learns of it before it is asked anything.
func (w *world) pass(d time.Duration) { w.cloud.pass(w.cloud.now.Add(d)) }

func (w *world) tellTime() {
	if w.written != w.cloud.now {
		w.written = w.cloud.now
		if _, err := w.db.Exec(`UPDATE simulated_clock SET at = $1`, w.written); err != nil {
			w.fail("set the clock: %v", err)
		}
	}
}

// begin fills the stage: companies with books that we have read, and expenses.
func (w *world) begin(companies, expenses int) {
	w.tellTime()
	w.must(w.clear())
	for range companies {
		co := w.cloud.addCompany()
		w.cloud.readAll(w.cloud.connect(co, newBooks()))
	}
	w.cloud.bag = nil
	calm := w.cloud.calm
	w.cloud.calm, w.straight = true, true
	w.processes = []*process{newProcess(w, "A"), newProcess(w, "B")}
	w.run("A reads everything", func() { w.must(w.processes[0].reader.ReadAll(w.ctx)) })
	w.cloud.calm, w.straight = calm, false
	for range expenses {
		w.enter(pick(w.chance, w.cloud.companies), pick(w.chance, categories), pick(w.chance, supplierNames))
	}
}

var (
	categories    = []string{"Travel", "401", "Software", "software ", "Parking", "Gifts", "Gifts"}
	supplierNames = []string{"", "Acme", "Pret", "pret", "Uber"}
	amounts       = []string{"10.00", "10.00", "12.34", "99.99", "1200.00"}
)

// enter adds an expense.
func (w *world) enter(co *company, category, supplier string) *expense {
	e := &expense{note: fmt.Sprintf("expense-%d", len(w.expenses)+1), company: co}
	w.tellTime()
	n := w.newExpense(e, category, supplier)
	ids, err := w.store.AddExpenses(w.ctx, w.by, []store.NewExpense{n})
	if err != nil {
		w.fail("enter: %v", err)
		return e
	}
	e.id = ids[0]
	w.expenses = append(w.expenses, e)
	w.say("person: enters %s (%s, %s, %s)", e.note, n.Reference, category, supplier)
	if often(w.chance, 40) {
		for range 1 + w.chance.IntN(2) {
			w.addReceiptTo(e)
		}
	}
	return e
}

func (w *world) newExpense(e *expense, category, supplier string) store.NewExpense {
	e.refs++
	return store.NewExpense{CompanyID: w.companyID(e.company), Reference: fmt.Sprintf("%s.%d", e.note, e.refs), Note: e.note, IssueDate: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC),
		Supplier: supplier, Currency: "GBP", Source: "form",
		Lines: []store.Line{{Description: "Line", Category: category, Net: decimal.MustParse(pick(w.chance, amounts)), Tax: decimal.MustParse("0")}}}
}

func (w *world) companyID(co *company) int64 {
	c, err := w.store.CompanyByCodatID(w.ctx, co.id)
	w.must(err)
	return c.ID
}

// status is the badge of an expense.
func (w *world) status(e *expense) store.ExpenseStatus {
	x, err := w.store.Expense(w.ctx, e.id)
	w.must(err)
	return x.Status
}
