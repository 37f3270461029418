package store_test

import (
	"errors"
	"testing"
	"time"

	"tallylight/store"
)

func TestSweepIsClaimedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(3)
	if _, err := w.ClaimSweep(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("fresh operations are asked for: %v", err)
	}
	later := w.later(10 * time.Minute)
	if wait, err := later.NextAsk(t.Context(), time.Minute); err != nil || wait != 0 {
		t.Errorf("next ask in %s, error %v", wait, err)
	}
	sweep, err := later.ClaimSweep(t.Context())
	if err != nil || sweep.Company != "northwind" || len(sweep.Steps) != 3 || *sweep.Steps[0].OperationKey != "op-1" || sweep.Steps[0].State != store.StepPending {
		t.Fatalf("sweep %+v, error %v", sweep, err)
	}
	if _, err := later.ClaimSweep(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one company is read twice at once: %v", err)
	}
	if free, err := later.BeginReading(t.Context(), w.company); err != nil || free {
		t.Errorf("free %t, error %v", free, err)
	}
	if err := errors.Join(later.EndReading(t.Context(), w.company), later.Answered(t.Context(), steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "reading"})); err != nil {
		t.Fatal(err)
	}
	if _, err := later.ClaimSweep(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("asked again at once: %v", err)
	}
	if sweep, err = w.later(time.Hour).ClaimSweep(t.Context()); err != nil || len(sweep.Steps) != 2 {
		t.Errorf("asked again later: %+v, error %v", sweep, err)
	}
	claimed, err := w.ClaimedOperations(t.Context(), []string{"op-1", "op-2", "else"})
	if err != nil || len(claimed) != 2 || claimed["op-1"] != steps[0] {
		t.Errorf("claimed %v, error %v", claimed, err)
	}
}

func TestPersonDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(3)
	for _, s := range steps {
		w.finish(s, store.Outcome{Status: store.OutcomeTimedOut, Failure: *failure("timed_out")})
	}
	found, absent, asked := expenses[0], expenses[1], expenses[2]
	w.in(func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE pushes SET takes_receipts = true`)
		return err
	})
	if err := w.addReceipt(found, "one"); err != nil {
		t.Fatal(err)
	}
	if err := w.FoundByPerson(t.Context(), w.by, found, "r1"); err != nil || w.status(found) != store.Complete {
		t.Errorf("found: badge %s, error %v", w.status(found), err)
	}
	if got := w.receipts(found)[0]; got.State != "" {
		t.Errorf("a receipt goes to a record that a person named: %+v", got)
	}
	if err := w.FoundByPerson(t.Context(), w.by, found, "r1"); !errors.Is(err, store.ErrDecided) {
		t.Errorf("decided twice: %v", err)
	}
	err := w.FoundByPerson(t.Context(), w.by, absent, "r1")
	if taken, ok := errors.AsType[*store.RecordTakenError](err); !ok || taken.Reference != "EXP-1" {
		t.Errorf("one record is two expenses: %v", err)
	}
	w.in(func(tx *store.Tx) error {
		if err := tx.AbsentByPerson(t.Context(), w.by, absent, *failure("not_there")); err != nil {
			return err
		}
		_, err := press(t, tx, w.by, absent)
		return err
	})
	if w.status(absent) != store.InProgress {
		t.Errorf("pushed again: badge %s", w.status(absent))
	}
	if !w.finish(steps[1], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r2"}) {
		t.Error("a late success after a person said no is not told")
	}
	if err := w.AskAgain(t.Context(), w.by, asked); err != nil {
		t.Error(err)
	}
	sweep, err := w.ClaimSweep(t.Context())
	if err != nil || len(sweep.Steps) != 1 || sweep.Steps[0].ID != steps[2] {
		t.Errorf("asked: %+v, error %v", sweep, err)
	}
}

func TestLookForAnAccount(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		do    func(w *world, step int64) error
		badge store.ExpenseStatus
	}{
		"found":     {func(w *world, step int64) error { return w.Found(w.t.Context(), step, "a1") }, store.InProgress},
		"not found": {func(w *world, step int64) error { return w.NotFound(w.t.Context(), step, *failure("two_of_them")) }, store.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.enter(w.company, 1)[0]
			if err := w.pressNeeding(id); err != nil {
				t.Fatal(err)
			}
			c := w.accountClaim()
			code, err := w.ChooseCode(t.Context(), c, 4)
			if err != nil || code != "100" {
				t.Errorf("code %q, error %v", code, err)
			}
			settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Look: true})
			if err := w.Synced(t.Context(), c.ID, "sync", time.Minute); err != nil {
				t.Fatal(err)
			}
			for range 2 { // again changes nothing
				if err := end.do(w, c.ID); err != nil || w.status(id) != end.badge {
					t.Errorf("badge %s, error %v", w.status(id), err)
				}
			}
			if due := len(claim(t, w.Store, 10)); due == 1 != (end.badge == store.InProgress) {
				t.Errorf("%d steps are due", due)
			}
		})
	}
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Look: true})
	if err := w.GiveUp(t.Context(), c.ID, *failure("lost")); err != nil {
		t.Fatal(err)
	}
	if p, s := w.push(id); w.status(id) != store.NeedsChecking || p.Cause != "lost" || !s.Doubt {
		t.Errorf("badge %s, push %+v", w.status(id), p)
	}
	if err := w.AskAgain(t.Context(), w.by, id); err != nil || w.status(id) != store.InProgress {
		t.Errorf("looked for again: badge %s, error %v", w.status(id), err)
	}
}

func TestForeignOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accept(1)
	now := w.now()
	ops := []store.ForeignOperation{{OperationKey: "op-1", Status: "Success"}, {OperationKey: "theirs", DataType: "directCosts", Status: "Pending", RequestedAt: &now}}
	for range 2 {
		if err := w.SawForeign(t.Context(), w.company, ops); err != nil {
			t.Fatal(err)
		}
		ops[1].Status = "Success"
	}
	seen, err := w.ForeignOperations(t.Context(), w.company)
	if err != nil || len(seen) != 1 || seen[0].OperationKey != "theirs" || seen[0].Status != "Success" {
		t.Errorf("seen %+v, error %v", seen, err)
	}
}

func TestStranded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 2)
	w.press(ids...)
	sent := claim(t, w.Store, 1)[0]
	settle(t, w.Store, sent, begin(t, w.Store, sent), store.Settlement{Again: time.Minute, Reason: "no_answer", Doubt: true})
	stranded := func() (all []store.Stranded) {
		w.in(func(tx *store.Tx) (err error) {
			all, err = tx.Stranded(t.Context(), 10)
			return err
		})
		return all
	}
	w.connect(w.company, "northwind-link", "Unlinked", 0)
	if all := stranded(); len(all) != 0 {
		t.Errorf("stranded without another connection: %+v", all)
	}
	replacement := w.connect(w.company, "new", "Linked", 0)
	if all := stranded(); len(all) != 1 || !all[0].Sent {
		t.Errorf("stranded before the new books were read: %+v", all)
	}
	w.read(replacement, nil, nil)
	mapping := store.Mapping{ConnectionID: w.connection, CompanyID: w.company, Kind: store.AccountMapping, Label: "Fun", Action: store.CreateRecord, Name: "Team events"}
	by, err := w.UserByEmail(t.Context(), "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetMapping(t.Context(), by, mapping); err != nil {
		t.Fatal(err)
	}
	if all := stranded(); len(all) != 1 || !all[0].Sent {
		t.Errorf("stranded before anybody said which mappings hold for the new books: %+v", all)
	}
	mapping.ConnectionID = replacement
	if err := w.SetMapping(t.Context(), by, mapping); err != nil {
		t.Fatal(err)
	}
	all := stranded()
	if len(all) != 2 || all[0].Email != "ann@example.com" || all[0].Sent == all[1].Sent {
		t.Fatalf("stranded %+v", all)
	}
	for _, s := range all {
		if s.Sent {
			w.in(func(tx *store.Tx) error { return tx.Strand(t.Context(), s.StepID, *failure("replaced")) })
			if w.status(s.ExpenseID) != store.NeedsChecking {
				t.Errorf("badge %s", w.status(s.ExpenseID))
			}
		}
	}
}

func TestPauseByPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 1)...)
	for range 2 {
		if err := w.PauseByPerson(t.Context(), w.by, w.company); err != nil {
			t.Fatal(err)
		}
	}
	pauses, err := w.Pauses(t.Context())
	if err != nil || len(pauses) != 1 || pauses[0].Until != nil || pauses[0].By != "ann@example.com" || pauses[0].Reason != "person" {
		t.Errorf("pauses %+v, error %v", pauses, err)
	}
	if claims := claim(t, w.later(1000*time.Hour), 10); len(claims) != 0 {
		t.Errorf("claimed during a person's pause: %+v", claims)
	}
	if err := w.ResumeByPerson(t.Context(), w.by, w.company); err != nil {
		t.Fatal(err)
	}
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Reply: store.Reply{Status: 401}, Again: 5 * time.Minute, Reason: "unauthorized",
		Pause: &store.Pause{For: 5 * time.Minute, Reason: "unauthorized"}})
	if claims := claim(t, w.Store, 10); len(claims) != 0 {
		t.Errorf("claimed while refused: %+v", claims)
	}
	if err := w.ProbeNow(t.Context(), w.by); err != nil {
		t.Fatal(err)
	}
	if probe := claimOne(t, w.Store); probe.IdempotencyKey != c.IdempotencyKey {
		t.Errorf("the probe is %+v", probe)
	}
}
