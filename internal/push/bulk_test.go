package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"golang.org/x/sync/errgroup"

	"tallylight/store"
	"tallylight/store/storetest"
)

// books makes a company whose connection has that status and whose ledger has the account Meals, a bank and the supplier Pret.
func books(t *testing.T, s *store.Store, name, status string) store.Company {
	t.Helper()
	ctx := t.Context()
	var c store.Company
	err := s.InTx(ctx, func(tx *store.Tx) (err error) {
		if c, err = tx.SaveCompany(ctx, name, name, ""); err != nil {
			return err
		}
		_, _, err = tx.SaveConnection(ctx, c.ID, store.ConnectionNews{CodatID: name + "-link", PlatformName: "Xero", PlatformKey: "gbol", SourceType: "Accounting",
			Status: status, At: time.Now(), Actor: "Codat"})
		return err
	})
	conn, readErr := s.AccountingConnection(ctx, c.ID)
	reading, beginErr := s.ReadLedger(ctx, conn)
	if err := errors.Join(err, readErr, beginErr); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		reading.Accounts(ctx, []store.Account{{CodatID: "a-1", Name: "Meals", Type: "Expense", Status: "Active"}, {CodatID: "b-1", Name: "Bank", Type: "Asset", Status: "Active", IsBank: true}}),
		reading.Suppliers(ctx, []store.Supplier{{CodatID: "s-1", Name: "Pret", Status: "Active"}}),
		reading.Ended(ctx, store.LedgerAccounts))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func enter(t *testing.T, s *store.Store, by store.User, c store.Company, n int) []int64 {
	t.Helper()
	es := make([]store.NewExpense, n)
	for i := range es {
		es[i] = store.NewExpense{CompanyID: c.ID, Reference: fmt.Sprintf("%s-%d", c.Name, i), IssueDate: time.Date(2026, 1, 1+i%28, 0, 0, 0, 0, time.UTC), Supplier: "Pret",
			Currency: "GBP", Source: "csv", Lines: []store.Line{{Description: "Lunch", Category: "Meals", Net: decimal.MustNew(int64(1000+i), 2)}}}
	}
	ids, err := s.AddExpenses(t.Context(), by, es)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Ten thousand at once, by three processes of which one is killed again and again: each expense is done once, and none is lost.
func TestTenThousandAtOnce(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), storetest.New(t)
	by, err := s.SaveUser(ctx, "ann@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	// The connection is down: what is pressed is held, and the queue stays empty.
	enter(t, s, by, books(t, s, "northwind", "Deauthorized"), 10_000)
	log := slog.New(slog.DiscardHandler)
	for _, test := range []struct {
		action store.BulkAction
		filter store.ExpenseFilter
		n      int
		then   store.ExpenseStatus
	}{
		{store.BulkPush, store.ExpenseFilter{To: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}, 1074, store.OnHold}, // fewer, as a push is more work
		{store.BulkHandled, store.ExpenseFilter{}, 10_000 - 1074, store.Handled},
	} {
		plan, err := s.CreatePlan(ctx, by, test.action, store.Choice{All: &test.filter})
		if err != nil {
			t.Fatal(err)
		}
		for (&Bulk{Store: s, Log: log}).Next(ctx) {
		}
		if tally, err := s.PlanTally(ctx, plan); err != nil || tally.Ready != test.n {
			t.Fatalf("%s is foreseen as %+v, %v", test.action, tally, err)
		}
		if moved, err := s.StartPlan(ctx, by, plan, false, "by hand"); err != nil || !moved {
			t.Fatal(moved, err)
		}
		var processes errgroup.Group
		for n := range 3 {
			processes.Go(func() error {
				for i := 0; ; i++ {
					if p, err := s.Plan(ctx, plan); err != nil || p.State == store.PlanDone {
						return err
					}
					mine, kill := context.WithCancel(ctx)
					if n == 0 {
						mine, kill = context.WithTimeout(ctx, time.Duration(i%40)*time.Millisecond)
					}
					(&Bulk{Store: s, Log: log}).Next(mine)
					kill()
				}
			})
		}
		if err := processes.Wait(); err != nil {
			t.Fatal(err)
		}
		counts, countErr := s.StatusCounts(ctx, 0)
		tally, err := s.PlanTally(ctx, plan)
		if err := errors.Join(err, countErr); err != nil || tally.Done != test.n || counts[test.then] != test.n {
			t.Errorf("%s ends as %+v, the badges say %v, %v", test.action, tally, counts, err)
		}
	}
}

// A plan presses no more than is sent soon, so that it can be stopped, and others' pushes go in between; what does not push goes on.
func TestAPlanDoesNotFloodTheQueue(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), storetest.New(t)
	by, err := s.SaveUser(ctx, "ann@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	ids := enter(t, s, by, books(t, s, "northwind", store.Linked), bulkAhead+bulkBatch+100)
	b := &Bulk{Store: s, Log: slog.New(slog.DiscardHandler)}
	start := func(action store.BulkAction, reason string, ids []int64) int64 {
		t.Helper()
		plan, err := s.CreatePlan(ctx, by, action, store.Choice{IDs: ids})
		if err != nil {
			t.Fatal(err)
		}
		for b.Next(ctx) {
		}
		if moved, err := s.StartPlan(ctx, by, plan, false, reason); err != nil || !moved {
			t.Fatal(moved, err)
		}
		for b.Next(ctx) {
		}
		return plan
	}
	plan := start(store.BulkPush, "", ids)
	if tally, err := s.PlanTally(ctx, plan); err != nil || tally.Done != bulkAhead || tally.Waiting != bulkBatch+100 {
		t.Errorf("pressed ahead: %+v, %v", tally, err)
	}
	last := ids[len(ids)-1:]
	handled := start(store.BulkHandled, "by hand", last)
	if p, err := s.Plan(ctx, handled); err != nil || p.State != store.PlanDone {
		t.Errorf("a plan that sends nothing waits behind one that does: %+v, %v", p, err)
	}
	if moved, err := s.StopPlan(ctx, by, plan); err != nil || !moved {
		t.Fatal(moved, err)
	}
	for b.Next(ctx) {
	}
	counts, err := s.StatusCounts(ctx, 0)
	if err != nil || counts[store.InProgress] != bulkAhead || counts[store.NotPushed] != bulkBatch+99 || counts[store.Handled] != 1 {
		t.Errorf("after the stop: %v, %v", counts, err)
	}
}

// A plan whose batches fail leaves the others their turn, and is not tried without a break; when they fail no more it goes on.
func TestAPlanThatFailsIsNotInTheWay(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storetest.DSN(t)
	s, err := store.Open(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	by, err := s.SaveUser(ctx, "ann@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	ids := enter(t, s, by, books(t, s, "northwind", store.Linked), 2)
	db := storetest.DB(t, dsn)
	db.MustExec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not this one'; END$$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON bulk_plan_items FOR EACH ROW WHEN (NEW.plan_id = 1) EXECUTE FUNCTION refuse()`)
	var log strings.Builder
	b := &Bulk{Store: s, Log: slog.New(slog.NewTextHandler(&log, nil))}
	var plans []int64
	for _, id := range ids {
		plan, err := s.CreatePlan(ctx, by, store.BulkHandled, store.Choice{IDs: []int64{id}})
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	all := func() {
		t.Helper()
		for b.Next(ctx) {
		}
	}
	done := func(plan int64) bool {
		t.Helper()
		p, err := s.Plan(ctx, plan)
		if err != nil {
			t.Fatal(err)
		}
		return p.State == store.PlanDone
	}
	start := func(plan int64) {
		t.Helper()
		if moved, err := s.StartPlan(ctx, by, plan, false, "by hand"); err != nil || !moved {
			t.Fatal(moved, err)
		}
		all()
	}
	all()
	start(plans[1])
	if n := strings.Count(log.String(), "not this one"); !done(plans[1]) || n != 1 {
		t.Errorf("beside a plan that cannot be foreseen, which was tried %d times, the other is done: %v", n, done(plans[1]))
	}
	db.MustExec(`DROP TRIGGER refuse ON bulk_plan_items; UPDATE bulk_plans SET batch_at = clock()`)
	all()
	start(plans[0])
	if !done(plans[0]) {
		t.Error("what can be done at last is not done")
	}
}
