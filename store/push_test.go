package store_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/jmoiron/sqlx"

	"tallylight/store"
)

// The promise: however many press at once, one expense is pushed once.
func TestPressAtOnceMakesOnePush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 5)
	var pushed atomic.Int64
	var presses errgroup.Group
	for range 12 {
		presses.Go(func() error {
			var n int
			err := w.InTx(t.Context(), func(tx *store.Tx) error {
				var err error
				n, err = press(t, tx, w.by, ids...)
				return err
			})
			pushed.Add(int64(n))
			return err
		})
	}
	if err := presses.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := pushed.Load(); n != 5 {
		t.Errorf("%d pushes were made, want 5", n)
	}
	for _, id := range ids {
		if ps, err := w.Pushes(t.Context(), id); err != nil || len(ps) != 1 {
			t.Errorf("expense %d has %d pushes, error %v", id, len(ps), err)
		}
	}
}

// Even code that forgets to lock cannot push twice: the schema refuses.
func TestSecondLivePushIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	plan := store.PlannedPush{ExpenseID: id, CompanyID: w.company, ConnectionID: w.connection, Verb: "pushed",
		Steps: []store.PlannedStep{{Kind: store.DirectCostStep, Subject: "1", Label: "EXP-1"}}}
	again := plan
	again.Steps = []store.PlannedStep{{Kind: store.DirectCostStep, Subject: "other", Label: "EXP-1"}}
	w.in(func(tx *store.Tx) error { return tx.CreatePushes(t.Context(), w.by, []store.PlannedPush{plan}) })
	for _, state := range []store.PushState{store.PushOpen, store.PushComplete, store.PushNeedsChecking} {
		_, err := w.sql().Exec(`UPDATE pushes SET state = $1, settled_at = CASE WHEN $1 = 'open' THEN NULL ELSE clock() END`, state)
		if err != nil {
			t.Fatal(err)
		}
		err = w.InTx(t.Context(), func(tx *store.Tx) error { return tx.CreatePushes(t.Context(), w.by, []store.PlannedPush{again}) })
		if err == nil || !strings.Contains(err.Error(), "pushes_live") {
			t.Errorf("beside a push that is %s: %v", state, err)
		}
	}
}

func TestLockPushablesSeesWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	second := make(chan store.Pushable, 1)
	var waiting errgroup.Group
	w.in(func(tx *store.Tx) error {
		if _, err := press(t, tx, w.by, id); err != nil {
			return err
		}
		waiting.Go(func() error {
			return w.InTx(t.Context(), func(tx *store.Tx) error {
				ps, err := tx.LockPushables(t.Context(), []int64{id})
				if err == nil {
					second <- ps[0]
				}
				return err
			})
		})
		return w.untilSomebodyWaits()
	})
	if err := waiting.Wait(); err != nil {
		t.Fatal(err)
	}
	if p := <-second; p.Status != store.InProgress || p.PushedBy != "ann@example.com" {
		t.Errorf("the second press sees %q, pushed by %q", p.Status, p.PushedBy)
	}
}

// untilSomebodyWaits returns when another transaction on the database waits for a lock.
func (w *world) untilSomebodyWaits() error { return w.untilSomebodyWaitsIn(w.sql()) }

func (w *world) untilSomebodyWaitsIn(db *sqlx.DB) error {
	for {
		var waits bool
		err := db.GetContext(w.t.Context(), &waits, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
		if err != nil || waits {
			return err
		}
	}
}

func TestSnapshotIsFrozen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := newExpense(w.company, "EXP-1")
	n.Note, n.PaidFrom = "said \"yes\"", "Bank"
	n.Lines = append(n.Lines, store.Line{Description: "Back", Category: "420", TaxRate: "NONE", Net: dec("-0.10"), Tax: dec("0")})
	id := w.add(n)[0]
	w.press(id)
	if _, err := w.sql().Exec(`UPDATE expenses SET supplier = 'Itsu'; UPDATE expense_lines SET net = 1`); err != nil {
		t.Fatal(err)
	}
	c := claimOne(t, w.Store)
	var s store.Snapshot
	if err := json.Unmarshal(c.Snapshot, &s); err != nil {
		t.Fatal(err)
	}
	if s.ExpenseID != id || s.Supplier != "Pret" || s.IssueDate != "2026-01-31" || s.Net != "9.9" || s.Tax != "2" || s.Total != "11.9" || s.Rate != "" ||
		s.Note != n.Note || s.PaidFrom != "Bank" || len(s.Lines) != 2 || s.Lines[1].Net != "-0.1" || s.Lines[1].TaxRate != "NONE" {
		t.Errorf("snapshot = %+v", s)
	}
	if c.Company != "northwind" || c.Connection != "northwind-link" || c.Kind != store.DirectCostStep || c.Body != nil || c.Doubt || c.Attempts != 0 || c.Age != 0 {
		t.Errorf("claim = %+v", c)
	}
}

func TestRetryIsANewPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	first := claimOne(t, w.Store)
	settle(t, w.Store, first, begin(t, w.Store, first), store.Settlement{Reply: store.Reply{Status: 400}, Failed: failure("account_archived")})
	if p, s := w.push(id); w.status(id) != store.Failed || p.State != store.PushFailed || p.Cause != "account_archived" || s.State != store.StepFailed || s.Doubt {
		t.Fatalf("after a refusal: push %+v, step %+v", p, s)
	}
	w.press(id)
	second := claimOne(t, w.Store)
	if second.ID == first.ID || second.IdempotencyKey == first.IdempotencyKey || second.Body != nil {
		t.Errorf("the retry reuses the failed step: %+v", second)
	}
	if ps, err := w.Pushes(t.Context(), id); err != nil || len(ps) != 2 || ps[0].State != store.PushOpen || w.status(id) != store.InProgress {
		t.Errorf("pushes %+v, error %v", ps, err)
	}
}
