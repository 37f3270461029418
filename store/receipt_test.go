package store_test

import (
	"errors"
	"testing"

	"tallylight/store"
)

func (w *world) addReceipt(expense int64, content string) error {
	w.t.Helper()
	_, err := w.AddReceipt(w.t.Context(), w.by, expense, store.NewReceipt{Name: "lunch.pdf", Type: "application/pdf", Content: []byte(content)})
	return err
}

func (w *world) receipts(expense int64) []store.Receipt {
	w.t.Helper()
	rs, err := w.Receipts(w.t.Context(), expense)
	if err != nil {
		w.t.Fatal(err)
	}
	return rs
}

// The transaction that books an expense makes the steps of its receipts; one that is added later gets its own at once. A step
// without the expense's record id waits for it.
func TestReceiptsFollowTheirExpense(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(1)
	id := expenses[0]
	if err := w.addReceipt(id, "one"); err != nil {
		t.Fatal(err)
	}
	if err := w.addReceipt(id, "one"); !errors.Is(err, store.ErrReceiptKnown) {
		t.Errorf("the same receipt twice: %v", err)
	}
	if got := claim(t, w.Store, 10); len(got) > 0 || w.receipts(id)[0].State != "" {
		t.Fatalf("uploaded before the expense is booked: %+v", got)
	}
	w.in(func(tx *store.Tx) error { // the test's plans do not say that the package takes receipts
		_, err := tx.ExecContext(t.Context(), `UPDATE pushes SET takes_receipts = true`)
		return err
	})
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess})
	if got := claim(t, w.Store, 10); len(got) > 0 || w.receipts(id)[0].State != store.StepWaiting {
		t.Fatalf("uploaded to no record: %+v", got)
	}
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"})
	first := claimOne(t, w.Store)
	if u, err := w.Upload(t.Context(), first.ID); err != nil || first.Kind != store.AttachmentStep || *u.RecordID != "r1" || u.Size != 3 {
		t.Errorf("%s %+v %v", first.Kind, u, err)
	}
	if err := w.RemoveReceipt(t.Context(), w.by, id, 1); !errors.Is(err, store.ErrReceiptSent) {
		t.Errorf("removed on its way: %v", err)
	}
	settle(t, w.Store, first, begin(t, w.Store, first), store.Settlement{Failed: failure("x")})

	// It had arrived nevertheless.
	w.finish(first.ID, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"})
	if r := w.receipts(id)[0]; r.State != store.StepSuccess || r.Cause != "" || w.status(id) != store.Complete {
		t.Errorf("late success: %+v", r)
	}

	if err := w.addReceipt(id, "two"); err != nil {
		t.Fatal(err)
	}
	second := claimOne(t, w.Store)
	if r := w.receipts(id)[1]; r.Name != "lunch (2).pdf" || *r.StepID != second.ID {
		t.Errorf("added later: %+v", r)
	}
	settle(t, w.Store, second, begin(t, w.Store, second), store.Settlement{OperationKey: "op-file", Outcome: store.Outcome{Status: store.OutcomePending}})
	d := store.Delivery{OperationKey: "op-file"}
	w.in(func(tx *store.Tx) error {
		return tx.ApplyPushNews(t.Context(), []store.PushNews{{Delivery: &d, OperationKey: "op-file", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"}}})
	})
	if r := w.receipts(id)[1]; r.State != store.StepSuccess || d.ExpenseID == nil || *d.ExpenseID != id {
		t.Errorf("told by a webhook: %+v, about %v", r, d.ExpenseID)
	}
}

// An expense that reached the ledger after all, of which nobody has said yet as which record: its receipts wait for that, and go there.
func TestReceiptsOfALateSuccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(1)
	id := expenses[0]
	w.in(func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE pushes SET takes_receipts = true`)
		return err
	})
	if err := w.addReceipt(id, "one"); err != nil {
		t.Fatal(err)
	}
	w.finish(steps[0], store.Outcome{Status: store.OutcomeFailed, Failure: *failure("period_closed")})
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, Source: "webhook"})
	p, s := w.push(id)
	if w.status(id) != store.Complete || p.State != store.PushComplete || s.RecordID != nil {
		t.Errorf("badge %s, push %s, record %v", w.status(id), p.State, s.RecordID)
	}
	if got := claim(t, w.Store, 10); len(got) > 0 || w.receipts(id)[0].State != store.StepWaiting {
		t.Errorf("uploaded to no record: %+v", got)
	}
	if sw, err := w.ClaimSweep(t.Context()); err != nil || len(sw.Steps) != 1 || sw.Steps[0].ID != steps[0] {
		t.Errorf("Codat is asked for %+v, %v", sw.Steps, err)
	}
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", RecordType: "directIncomes", Source: "reading"})
	if u, err := w.Upload(t.Context(), claimOne(t, w.Store).ID); err != nil || *u.RecordID != "r1" || u.RecordType != "directIncomes" {
		t.Errorf("%+v %v", u, err)
	}
	if ns, err := w.Notices(t.Context(), id); err != nil || len(ns) != 1 {
		t.Errorf("notices %+v, %v", ns, err)
	}
}
