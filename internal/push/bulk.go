package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"tallylight/store"
)

const (
	bulkBatch = 200                   // expenses that are pressed in one transaction
	bulkAhead = 600                   // steps that are due at most before more are pressed
	bulkLook  = 500                   // expenses that are looked at in one
	breath    = 20 * time.Millisecond // between two batches: others, and who presses Pause, get their turn
	rest      = 10 * time.Second      // of a plan of which a batch failed, until its next
	tidying   = time.Hour             // between two removals of plans that nobody started
)

// Bulk carries out plans of many expenses, a batch at a time: it foresees what becomes of those of a new plan, and presses those of a plan
// that was started. Each batch is pressed and noted in one transaction, so that one that a process did not live to finish is done by
// another, once. Any number of processes share the work; a plan is in one hand at a time.
type Bulk struct {
	Store *store.Store
	Log   *slog.Logger

	wake chan struct{}
	once sync.Once
}

func (b *Bulk) wakes() chan struct{} {
	b.once.Do(func() { b.wake = make(chan struct{}, 1) })
	return b.wake
}

// Wake makes it look for work now.
func (b *Bulk) Wake() {
	select {
	case b.wakes() <- struct{}{}:
	default:
	}
}

// Run carries out plans until ctx ends.
func (b *Bulk) Run(ctx context.Context) error {
	ticker, tidy := time.NewTicker(tick), time.NewTicker(tidying)
	defer ticker.Stop()
	defer tidy.Stop()
	for {
		next := time.After(breath)
		if !b.Next(ctx) {
			next = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next:
		case <-ticker.C:
		case <-b.wakes():
		case <-tidy.C:
			if err := b.Store.RemoveOldPlans(ctx); err != nil && ctx.Err() == nil {
				b.Log.Error("remove old plans", "error", err)
			}
		}
	}
}

// Next carries out one batch, and reports whether there was one.
func (b *Bulk) Next(ctx context.Context) bool {
	for _, do := range []func(context.Context, *store.Store) (int64, error){carryOut, foreseeAny} {
		plan, err := do(ctx, b.Store)
		if err != nil && ctx.Err() == nil {
			b.Log.Error("carry out a plan", "error", err)
		}
		if plan != 0 {
			return true
		}
	}
	return false
}

// Foresee looks at once at the first expenses of a new plan: a small one need not wait for a worker.
func Foresee(ctx context.Context, s *store.Store, plan int64) error {
	_, err := foreseeSome(ctx, s, plan)
	return err
}

func foreseeAny(ctx context.Context, s *store.Store) (int64, error) { return foreseeSome(ctx, s, 0) }

// foreseeSome looks at a batch of that plan, or of any (0), and returns of which it did.
func foreseeSome(ctx context.Context, s *store.Store, plan int64) (did int64, err error) {
	err = s.InTx(ctx, func(tx *store.Tx) error {
		batch, err := tx.UnjudgedBatch(ctx, plan, bulkLook)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		did = batch.ID
		foreseen, err := outlooks(ctx, tx, batch)
		if err != nil {
			return err
		}
		return tx.KeepForeseen(ctx, batch, foreseen)
	})
	return did, rested(ctx, s, did, "foresee a plan", err)
}

// rested is err with what was being done. A plan of which a batch failed is left alone for a while, so that others have their turn.
func rested(ctx context.Context, s *store.Store, plan int64, doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, err)
	if plan == 0 || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, s.RestPlan(ctx, plan, rest))
}

// outlooks are what would become of the expenses of a batch if it were carried out now.
func outlooks(ctx context.Context, tx *store.Tx, b store.PlanBatch) ([]store.Foreseen, error) {
	if !b.Pushes() {
		return notDone(ctx, tx, b, nil)
	}
	pushables, err := tx.Pushables(ctx, b.Items)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]bool, len(pushables))
	var all []store.Foreseen
	for _, p := range pushables {
		found[p.ID] = true
		all = append(all, outlook(p, Button(b.Action)))
	}
	for _, id := range b.Items {
		if !found[id] {
			all = append(all, store.Foreseen{ExpenseID: id, Why: gone})
		}
	}
	return all, nil
}

func outlook(p store.Pushable, button Button) store.Foreseen {
	f := store.Foreseen{ExpenseID: p.ID}
	no, forecast := refuse(p, button)
	if no != nil {
		f.Why, f.Insist = no.Short, no.Problem != nil
	}
	if no == nil || f.Insist {
		f.Held = !p.Linked()
		for _, w := range forecast.makes {
			f.Makes = append(f.Makes, fmt.Sprintf("%d %s %s", *p.ConnectionID, w.Kind, strings.ToLower(w.Text)))
		}
	}
	return f
}

// notDone says of the expenses of a batch that sends nothing, but for those that were done, why not.
func notDone(ctx context.Context, tx *store.Tx, b store.PlanBatch, done []int64) ([]store.Foreseen, error) {
	now, err := tx.Standings(ctx, b.Items)
	if err != nil {
		return nil, err
	}
	why := make(map[int64]string, len(b.Items))
	for _, id := range b.Items {
		why[id] = gone
	}
	for _, s := range now {
		why[s.ID] = whyNot(b.Action, s)
	}
	var all []store.Foreseen
	for _, id := range b.Items {
		if !slices.Contains(done, id) {
			all = append(all, store.Foreseen{ExpenseID: id, Why: why[id]})
		}
	}
	return all, nil
}

// whyNot is why an expense is not withdrawn, marked as handled outside or unmarked; "" when it is.
func whyNot(action store.BulkAction, s store.Standing) string {
	switch action {
	case store.BulkWithdraw:
		switch {
		case s.Unsent:
			return ""
		case s.Status == store.InProgress, s.Status == store.OnHold, s.Status == store.NeedsChecking:
			return "sent already"
		case s.Status == store.Complete:
			return "in the ledger already"
		}
		return "no push to withdraw"
	case store.BulkHandled:
		switch s.Status {
		case store.NotPushed, store.Failed:
			return ""
		case store.Handled:
			return "handled outside already"
		case store.Complete:
			return "in the ledger already"
		case store.NeedsChecking:
			return "need checking first: their Check page says how"
		}
		return "on their way"
	case store.BulkUndo:
		if s.Status != store.Handled {
			return "not handled outside"
		}
	}
	return ""
}

// carryOut does the next batch of a plan that runs.
func carryOut(ctx context.Context, s *store.Store) (did int64, err error) {
	err = s.InTx(ctx, func(tx *store.Tx) error {
		batch, err := tx.WaitingBatch(ctx, bulkBatch, bulkAhead)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		did = batch.ID
		if len(batch.Items) == 0 {
			return tx.EndPlan(ctx, batch.ID)
		}
		done, left, err := pressBatch(ctx, tx, batch)
		if err != nil {
			return err
		}
		return tx.KeepDone(ctx, batch.Plan, done, left)
	})
	return did, rested(ctx, s, did, "carry out a plan", err)
}

func pressBatch(ctx context.Context, tx *store.Tx, b store.PlanBatch) (done []int64, left []store.Foreseen, err error) {
	by := store.User{Email: b.Actor}
	if b.UserID != nil {
		by.ID = *b.UserID
	}
	switch b.Action {
	case store.BulkPush, store.BulkRetry:
		why := anyway("")
		if b.Anyway {
			why = insisted
		}
		changed, err := tx.LockPlanned(ctx, b)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range changed {
			left = append(left, store.Foreseen{ExpenseID: id, Why: "amount changed since the plan was made"})
		}
		asPlanned := slices.DeleteFunc(slices.Clone(b.Items), func(id int64) bool { return slices.Contains(changed, id) })
		pressed, err := press(ctx, tx, by, Button(b.Action), why, asPlanned)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range pressed.Refused {
			left = append(left, store.Foreseen{ExpenseID: r.ID, Why: r.Short, Insist: r.Problem != nil})
		}
		return pressed.Started, left, nil
	case store.BulkWithdraw:
		done, err = tx.Withdraw(ctx, by, b.Items)
	case store.BulkHandled:
		done, err = tx.MarkHandled(ctx, by, b.Items, b.Reason)
	case store.BulkUndo:
		done, err = tx.UndoHandled(ctx, by, b.Items)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(done) == len(b.Items) {
		return done, nil, nil
	}
	left, err = notDone(ctx, tx, b, done)
	for i := range left {
		if left[i].Why == "" { // it became so since
			left[i].Why = "changed at that very moment"
		}
	}
	return done, left, err
}
