package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tallylight/store"
)

// plan makes a plan, foreseen as far as nothing stops it.
func (w *world) plan(action store.BulkAction, c store.Choice) int64 {
	w.t.Helper()
	id, err := w.CreatePlan(w.t.Context(), w.by, action, c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.foresee()
	return id
}

// foresee has all plans foreseen.
func (w *world) foresee() {
	w.t.Helper()
	for {
		err := w.InTx(w.t.Context(), func(tx *store.Tx) error {
			b, err := tx.UnjudgedBatch(w.t.Context(), 0, 5000)
			if err != nil {
				return err
			}
			all := make([]store.Foreseen, len(b.Items))
			for i, e := range b.Items {
				all[i] = store.Foreseen{ExpenseID: e}
			}
			return tx.KeepForeseen(w.t.Context(), b, all)
		})
		if errors.Is(err, store.ErrNotFound) {
			return
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) tally(plan int64) store.PlanTally {
	w.t.Helper()
	t, err := w.PlanTally(w.t.Context(), plan)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// A plan is about what was chosen when it was made, whatever the filter would choose later.
func TestAPlanNeverWidens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ids := w.enter(w.company, 3)
	other, _ := w.addCompany("fabrikam")
	w.enter(other, 2)
	id := w.plan(store.BulkHandled, store.Choice{All: &store.ExpenseFilter{CompanyID: w.company}})
	w.add(newExpense(w.company, "LATE"))
	if got := w.tally(id); got.All != 3 || got.Ready != 3 {
		t.Errorf("the plan holds %+v", got)
	}
	early, err := w.CreatePlan(ctx, w.by, store.BulkHandled, store.Choice{All: &store.ExpenseFilter{CompanyID: w.company}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteExpense(ctx, w.by, w.add(newExpense(w.company, "LATER"))[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteExpense(ctx, w.by, ids[1]); err != nil {
		t.Fatal(err)
	}
	w.foresee()
	if got := w.tally(early); got.All != 3 || got.Ready != 3 { // of four
		t.Errorf("the plan of which one is deleted before it is looked at holds %+v", got)
	}
	if moved, err := w.StartPlan(ctx, w.by, early, false, "by hand"); err != nil || !moved {
		t.Errorf("it is started: %v, %v", moved, err)
	}
	if _, err := w.CreatePlan(ctx, w.by, store.BulkPush, store.Choice{}); !errors.Is(err, store.ErrNothingChosen) {
		t.Errorf("no ids: %v", err)
	}
	if _, err := w.CreatePlan(ctx, w.by, store.BulkPush, store.Choice{All: &store.ExpenseFilter{Text: "nothing is called that"}}); !errors.Is(err, store.ErrNothingChosen) {
		t.Errorf("a filter that chooses nothing: %v", err)
	}
	if _, err := w.sql().Exec(fmt.Sprintf(`BEGIN;
		SET LOCAL session_replication_role = replica; -- quicker, as no trigger runs
		INSERT INTO expenses (company_id, reference, issue_date, currency, net, tax, total, source)
		SELECT %d, 'M-' || n, '2026-01-01', 'GBP', 1, 0, 1, 'csv' FROM generate_series(1, 100001) n;
		COMMIT`, other)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CreatePlan(ctx, w.by, store.BulkPush, store.Choice{All: &store.ExpenseFilter{CompanyID: other}}); !errors.Is(err, store.ErrTooMany) {
		t.Errorf("more than the most: %v", err)
	}
}

// Who made a plan starts it, once, when it is foreseen; an administrator may halt it; one that was not started goes after a day.
func TestWhoMayMoveAPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	stranger, err := w.SaveUser(ctx, "eve@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := w.SaveUser(ctx, "ada@example.com", "hash", store.Admin)
	if err != nil {
		t.Fatal(err)
	}
	ids := w.enter(w.company, 2)
	unseen, err := w.CreatePlan(ctx, w.by, store.BulkHandled, store.Choice{IDs: ids})
	if err != nil {
		t.Fatal(err)
	}
	if moved, err := w.StartPlan(ctx, w.by, unseen, false, "by hand"); err != nil || moved {
		t.Errorf("started before it was foreseen: %v, %v", moved, err)
	}
	id := w.plan(store.BulkHandled, store.Choice{IDs: ids})
	step := func(what string, want bool, do func() (bool, error)) {
		t.Helper()
		if got, err := do(); err != nil || got != want {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	step("a stranger starts", false, func() (bool, error) { return w.StartPlan(ctx, stranger, id, false, "by hand") })
	step("an administrator starts", false, func() (bool, error) { return w.StartPlan(ctx, admin, id, false, "by hand") })
	step("without a reason", false, func() (bool, error) { return w.StartPlan(ctx, w.by, id, false, "") })
	step("start", true, func() (bool, error) { return w.StartPlan(ctx, w.by, id, false, "by hand") })
	step("start again", false, func() (bool, error) { return w.StartPlan(ctx, w.by, id, false, "by hand") })
	step("a stranger pauses", false, func() (bool, error) { return w.PausePlan(ctx, stranger, id) })
	step("an administrator pauses", true, func() (bool, error) { return w.PausePlan(ctx, admin, id) })
	step("an administrator resumes", true, func() (bool, error) { return w.ResumePlan(ctx, admin, id) })
	step("pause", true, func() (bool, error) { return w.PausePlan(ctx, w.by, id) })
	w.in(func(tx *store.Tx) error {
		if b, err := tx.WaitingBatch(ctx, 10, 100); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a paused plan goes on: %+v, %v", b, err)
		}
		return nil
	})
	step("resume", true, func() (bool, error) { return w.ResumePlan(ctx, w.by, id) })
	step("stop", true, func() (bool, error) { return w.StopPlan(ctx, w.by, id) })
	step("resume a stopped one", false, func() (bool, error) { return w.ResumePlan(ctx, w.by, id) })
	if w.status(ids[0]) != store.NotPushed {
		t.Error("a stopped plan has done something")
	}
	if err := w.later(25 * time.Hour).RemoveOldPlans(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Plan(ctx, unseen); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a draft of yesterday is still there: %v", err)
	}
	if p, err := w.Plan(ctx, id); err != nil || p.State != store.PlanStopped {
		t.Errorf("a plan that was started: %+v, %v", p, err)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second, capital, other := newExpense(w.company, "D-1"), newExpense(w.company, "D-2"), newExpense(w.company, "D-3"), newExpense(w.company, "D-4")
	capital.Supplier = "PRET"
	other.IssueDate = other.IssueDate.AddDate(0, 0, 1)
	ids := w.add(first, second, capital, other)
	ds, err := w.Duplicates(t.Context(), ids[0], 10)
	if err != nil || len(ds) != 2 || ds[0].Reference != "D-2" || ds[1].Reference != "D-3" {
		t.Errorf("duplicates of D-1: %+v, %v", ds, err)
	}
	if ds, err := w.Duplicates(t.Context(), ids[3], 10); err != nil || len(ds) != 0 {
		t.Errorf("duplicates of D-4: %+v, %v", ds, err)
	}
	items, err := w.ExpenseItems(t.Context(), ids)
	if err != nil || items[0].Alike != "D-2" || items[1].Alike != "D-1" || items[3].Alike != "" {
		t.Errorf("%+v, %v", items, err)
	}
	id := w.plan(store.BulkPush, store.Choice{IDs: ids[1:]})
	pairs, err := w.PlanPairs(t.Context(), id, 10)
	if err != nil || len(pairs) != 2 || pairs[0].Other != ids[0] || pairs[0].Within || w.tally(id).Alike != 2 {
		t.Errorf("pairs of the plan: %+v, %v", pairs, err)
	}
}

// A handled expense is neither pushed, changed nor deleted until that is undone, and is then what it was.
func TestHandledOutside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ids := w.enter(w.company, 3)
	w.press(ids[1], ids[2])
	for _, c := range claim(t, w.Store, 2) {
		st := store.Settlement{Reply: store.Reply{Status: 400}, Failed: failure("account_archived")}
		if c.Label == "EXP-3" {
			st = store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op-3", Outcome: store.Outcome{Status: store.OutcomePending}}
		}
		settle(t, w.Store, c, begin(t, w.Store, c), st)
	}
	marked, err := w.MarkHandled(ctx, w.by, ids, "booked by hand")
	if err != nil || len(marked) != 2 || w.status(ids[0]) != store.Handled || w.status(ids[1]) != store.Handled || w.status(ids[2]) != store.InProgress {
		t.Fatalf("marked %v, %v", marked, err)
	}
	if again, err := w.MarkHandled(ctx, w.by, ids, "again"); err != nil || len(again) != 0 {
		t.Errorf("marked twice: %v, %v", again, err)
	}
	if err := w.UpdateExpense(ctx, w.by, store.Expense{ID: ids[0]}, newExpense(w.company, "NEW")); !errors.Is(err, store.ErrLocked) {
		t.Errorf("changed: %v", err)
	}
	if err := w.DeleteExpense(ctx, w.by, ids[0]); !errors.Is(err, store.ErrLocked) {
		t.Errorf("deleted: %v", err)
	}
	undone, err := w.UndoHandled(ctx, w.by, ids)
	if err != nil || len(undone) != 2 || w.status(ids[0]) != store.NotPushed || w.status(ids[1]) != store.Failed {
		t.Errorf("undone %v, %v", undone, err)
	}
	as, err := w.ActivityOf(ctx, "expense", ids[1])
	if err != nil || len(as) < 2 || as[len(as)-2].Verb != "handled outside" || string(as[len(as)-2].Detail) != `{"reason": "booked by hand"}` {
		t.Errorf("the record says %+v, %v", as, err)
	}
}

// What a person has dealt with outside and what then reaches the ledger after all may be booked twice.
func TestALateSuccessOfAHandledOneIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(1)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeFailed, Failure: *failure("period_closed")})
	if _, err := w.MarkHandled(t.Context(), w.by, expenses, "booked by hand"); err != nil {
		t.Fatal(err)
	}
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r-1", Source: "webhook"})
	ns, err := w.Notices(t.Context(), expenses[0])
	if err != nil || len(ns) != 1 || ns[0].Kind != "may_be_booked_twice" {
		t.Errorf("notices %+v, %v", ns, err)
	}
	if got := w.status(expenses[0]); got != store.Complete {
		t.Errorf("what is in the ledger is %s", got)
	}
	if undone, err := w.UndoHandled(t.Context(), w.by, expenses); err != nil || len(undone) != 0 {
		t.Errorf("undone after it reached the ledger: %v, %v", undone, err)
	}
}

func TestCauseGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("fabrikam")
	usd := newExpense(other, "U-1")
	usd.Currency = "USD"
	ids := append(w.enter(w.company, 2), w.add(usd, newExpense(other, "F-2"))...)
	w.press(ids...)
	for _, c := range claim(t, w.Store, 10) {
		f := failure("account_archived")
		f.Subject = "429"
		if c.Label == "F-2" {
			f.Subject = ""
		}
		settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Reply: store.Reply{Status: 400}, Failed: f})
	}
	groups, err := w.CauseGroups(t.Context(), store.ExpenseFilter{})
	if err != nil || len(groups) != 2 || groups[0].Subject != "429" || groups[0].Expenses != 3 || groups[0].Companies != 2 || sums(groups[0].Sums) != "GBP 24.00 in 2, USD 12.00 in 1" {
		t.Errorf("groups %+v, %v", groups, err)
	}
	places, err := w.CausePlaces(t.Context(), store.ExpenseFilter{}, 1)
	if err != nil || len(places) != 2 || places[1].CompanyID != w.company {
		t.Errorf("places %+v, %v", places, err)
	}
	// A group whose cause has no value does not take in those that have one.
	id := w.plan(store.BulkRetry, store.Choice{All: &store.ExpenseFilter{Status: store.Failed, Cause: "account_archived", NoSubject: true}})
	if got := w.tally(id); got.All != 1 {
		t.Errorf("the plan holds %+v", got)
	}
	// Examples have no push, and failed for a reason all the same.
	w.sql().MustExec(`INSERT INTO expenses (company_id, reference, issue_date, currency, net, tax, total, source, status, cause)
		VALUES ($1, 'EX-1', '2026-01-01', 'GBP', 1, 0, 1, 'example', 'failed', 'period_closed')`, other)
	places, err = w.CausePlaces(t.Context(), store.ExpenseFilter{CompanyID: other, Cause: "period_closed"}, 1)
	if err != nil || len(places) != 1 || places[0].Cause != "period_closed" {
		t.Errorf("places of examples %+v, %v", places, err)
	}
	id = w.plan(store.BulkHandled, store.Choice{All: &store.ExpenseFilter{Status: store.Failed, Cause: "period_closed", NoSubject: true}})
	if got := w.tally(id); got.All != 1 {
		t.Errorf("the plan of examples holds %+v", got)
	}
}
