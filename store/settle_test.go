package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tallylight/store"
)

// What one send means for the step, its push and the badge.
func TestSettleAttempt(t *testing.T) {
	t.Parallel()
	success := store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", RecordType: "directCosts", Source: "reply"}
	tests := map[string]struct {
		settlement store.Settlement
		state      store.StepState
		doubt      bool
		push       store.PushState
		badge      store.ExpenseStatus
	}{
		"accepted and pending": {store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomePending}},
			store.StepPending, false, store.PushOpen, store.InProgress},
		"accepted, of a status nobody knows": {store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: "Simmering"}},
			store.StepPending, false, store.PushOpen, store.InProgress},
		"final already": {store.Settlement{OperationKey: "op", Outcome: success},
			store.StepSuccess, false, store.PushComplete, store.Complete},
		"failed already": {store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomeFailed, Failure: *failure("x")}},
			store.StepFailed, false, store.PushFailed, store.Failed},
		"timed out already": {store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomeTimedOut, Failure: *failure("x")}},
			store.StepNeedsChecking, false, store.PushNeedsChecking, store.NeedsChecking},
		"refused":           {store.Settlement{Failed: failure("x")}, store.StepFailed, false, store.PushFailed, store.Failed},
		"slow down":         {store.Settlement{Again: time.Minute, Reason: "rate_limited"}, store.StepReady, false, store.PushOpen, store.InProgress},
		"no answer":         {store.Settlement{Again: time.Second, Reason: "no_answer", Doubt: true}, store.StepReady, true, store.PushOpen, store.InProgress},
		"to be looked for":  {store.Settlement{Look: true}, store.StepLooking, true, store.PushOpen, store.InProgress},
		"only a person can": {store.Settlement{Unknown: failure("x")}, store.StepNeedsChecking, true, store.PushNeedsChecking, store.NeedsChecking},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.enter(w.company, 1)[0]
			w.press(id)
			c := claimOne(t, w.Store)
			tt.settlement.Reply = store.Reply{Status: 200, Body: []byte("\x00not JSON"), Error: "odd"}
			settle(t, w.Store, c, begin(t, w.Store, c), tt.settlement)
			p, s := w.push(id)
			if s.State != tt.state || s.Doubt != tt.doubt || p.State != tt.push || w.status(id) != tt.badge {
				t.Errorf("step %s (doubt %t), push %s, badge %s", s.State, s.Doubt, p.State, w.status(id))
			}
			if a := s.Attempts; len(a) != 1 || a[0].FinishedAt == nil || *a[0].Status != 200 || string(a[0].Reply) != "\x00not JSON" || a[0].IdempotencyKey != c.IdempotencyKey {
				t.Errorf("attempts %+v", a)
			}
			if tt.state == store.StepSuccess && (s.RecordID == nil || *s.RecordID != "r1") {
				t.Errorf("record %v", s.RecordID)
			}
			again := claim(t, w.Store, 1)
			if due := tt.state == store.StepReady && tt.settlement.Again <= 0; len(again) > 0 != due {
				t.Errorf("claimed again: %+v", again)
			}
			if tt.state == store.StepReady {
				next := claimOne(t, w.later(2*time.Minute))
				if next.IdempotencyKey != c.IdempotencyKey || string(next.Body) != `{"reference":"EXP-1"}` || next.Doubt != tt.doubt {
					t.Errorf("next send %+v", next)
				}
			}
		})
	}
}

func TestReplyOfAProcessThatLostItsLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	slow := claimOne(t, w.Store)
	attempt := begin(t, w.Store, slow)
	later := w.later(lease + time.Second)
	quick := claimOne(t, later)

	err := w.SettleAttempt(t.Context(), slow, attempt, store.Settlement{Reply: store.Reply{Status: 400}, Failed: failure("x")})
	if err == nil || w.status(id) != store.InProgress {
		t.Errorf("a refusal counts without a lease: %v, badge %s", err, w.status(id))
	}
	if _, s := w.push(id); len(s.Attempts) != 1 || s.Attempts[0].Status == nil || *s.Attempts[0].Status != 400 {
		t.Errorf("what came back is not kept: %+v", s.Attempts)
	}
	// What both sent was accepted once. Its key is kept whoever tells.
	settle(t, w.Store, slow, attempt, store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomePending}})
	if _, s := w.push(id); s.State != store.StepPending || s.OperationKey == nil || *s.OperationKey != "op" || s.Doubt {
		t.Errorf("step %+v", s)
	}
	if _, err := later.BeginAttempt(t.Context(), quick, "p", []byte(`{}`)); err == nil {
		t.Error("what is accepted is sent again")
	}
	settle(t, later, quick, 0, store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomePending}}) // replayed
	if _, s := w.push(id); s.State != store.StepPending {
		t.Errorf("step %+v", s)
	}
}

// A key that comes after the step was given up is the truth nevertheless.
func TestKeyOfAStepThatNeedsChecking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	slow := claimOne(t, w.Store)
	attempt := begin(t, w.Store, slow)
	later := w.later(lease + time.Second)
	quick := claimOne(t, later)
	settle(t, later, quick, begin(t, later, quick), store.Settlement{Reply: store.Reply{Status: 500}, Unknown: failure("lost_reply")})
	if w.status(id) != store.NeedsChecking {
		t.Fatalf("badge %s", w.status(id))
	}
	settle(t, w.Store, slow, attempt, store.Settlement{Reply: store.Reply{Status: 200}, OperationKey: "op",
		Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"}})
	if p, s := w.push(id); w.status(id) != store.Complete || p.State != store.PushComplete || s.Doubt {
		t.Errorf("badge %s, push %+v", w.status(id), p)
	}
}

// Pending < TimedOut < Failed or Success, whatever comes when.
func TestFinishStep(t *testing.T) {
	t.Parallel()
	outcomes := map[store.OutcomeStatus]store.Outcome{
		store.OutcomePending:  {Status: store.OutcomePending},
		store.OutcomeTimedOut: {Status: store.OutcomeTimedOut, Failure: *failure("timed_out")},
		store.OutcomeFailed:   {Status: store.OutcomeFailed, Failure: *failure("refused")},
		store.OutcomeSuccess:  {Status: store.OutcomeSuccess, RecordID: "r1", RecordType: "directCosts"},
		"Simmering":           {Status: "Simmering"},
	}
	tests := []struct {
		was, news store.OutcomeStatus
		want      store.StepState
		badge     store.ExpenseStatus
		changed   bool
	}{
		{store.OutcomePending, store.OutcomePending, store.StepPending, store.InProgress, false},
		{store.OutcomePending, "Simmering", store.StepPending, store.InProgress, false},
		{store.OutcomePending, store.OutcomeTimedOut, store.StepNeedsChecking, store.NeedsChecking, true},
		{store.OutcomePending, store.OutcomeFailed, store.StepFailed, store.Failed, true},
		{store.OutcomePending, store.OutcomeSuccess, store.StepSuccess, store.Complete, true},
		{store.OutcomeTimedOut, store.OutcomePending, store.StepNeedsChecking, store.NeedsChecking, false},
		{store.OutcomeTimedOut, store.OutcomeTimedOut, store.StepNeedsChecking, store.NeedsChecking, false},
		{store.OutcomeTimedOut, store.OutcomeFailed, store.StepFailed, store.Failed, true},
		{store.OutcomeTimedOut, store.OutcomeSuccess, store.StepSuccess, store.Complete, true},
		{store.OutcomeFailed, store.OutcomePending, store.StepFailed, store.Failed, false},
		{store.OutcomeFailed, store.OutcomeTimedOut, store.StepFailed, store.Failed, false},
		{store.OutcomeFailed, store.OutcomeFailed, store.StepFailed, store.Failed, false},
		{store.OutcomeFailed, store.OutcomeSuccess, store.StepSuccess, store.Complete, true}, // and a notice
		{store.OutcomeSuccess, store.OutcomePending, store.StepSuccess, store.Complete, false},
		{store.OutcomeSuccess, store.OutcomeTimedOut, store.StepSuccess, store.Complete, false},
		{store.OutcomeSuccess, store.OutcomeFailed, store.StepSuccess, store.Complete, false},
		{store.OutcomeSuccess, store.OutcomeSuccess, store.StepSuccess, store.Complete, false},
	}
	w := newWorld(t)
	expenses, steps := w.accept(len(tests))
	for i, tt := range tests {
		w.finish(steps[i], outcomes[tt.was])
		changed := w.finish(steps[i], outcomes[tt.news])
		_, s := w.push(expenses[i])
		if changed != tt.changed || s.State != tt.want || w.status(expenses[i]) != tt.badge {
			t.Errorf("%s after %s: changed %t, step %s, badge %s", tt.news, tt.was, changed, s.State, w.status(expenses[i]))
		}
		if w.finish(steps[i], outcomes[tt.news]) {
			t.Errorf("%s after %s, told again, changes something", tt.news, tt.was)
		}
		ns, err := w.Notices(t.Context(), expenses[i])
		if err != nil {
			t.Fatal(err)
		}
		if late := tt.was == store.OutcomeFailed && tt.news == store.OutcomeSuccess; late != (len(ns) == 1) || len(ns) > 1 {
			t.Errorf("%s after %s: notices %+v", tt.news, tt.was, ns)
		}
	}
}

// In whatever order news comes, and however often, what was booked ends as complete, said once.
func TestNewsInEveryOrder(t *testing.T) {
	t.Parallel()
	news := []store.Outcome{{Status: store.OutcomePending}, {Status: store.OutcomeTimedOut}, {Status: store.OutcomeSuccess}, {Status: store.OutcomeSuccess, RecordID: "r1"}}
	var orders [][]store.Outcome
	var permute func(done, rest []store.Outcome)
	permute = func(done, rest []store.Outcome) {
		if len(rest) == 0 {
			orders = append(orders, done)
		}
		for i := range rest {
			left := append(append([]store.Outcome{}, rest[:i]...), rest[i+1:]...)
			permute(append(append([]store.Outcome{}, done...), rest[i]), left)
		}
	}
	permute(nil, news)
	w := newWorld(t)
	expenses, steps := w.accept(len(orders))
	for i, order := range orders {
		for _, o := range order {
			w.finish(steps[i], o)
		}
		p, s := w.push(expenses[i])
		if w.status(expenses[i]) != store.Complete || p.State != store.PushComplete || s.RecordID == nil || *s.RecordID != "r1" {
			t.Errorf("%v: badge %s, push %s, record %v", order, w.status(expenses[i]), p.State, s.RecordID)
		}
		story, err := w.ActivityOf(t.Context(), "expense", expenses[i])
		if err != nil {
			t.Fatal(err)
		}
		said := 0
		for _, a := range story {
			if a.Verb == "push complete" {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%v: completed %d times in %+v", order, said, story)
		}
	}
}

// A Success for a step that failed, when the retry has succeeded too: both records are named.
func TestLateSuccessAfterARetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(1)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeFailed, Failure: *failure("refused")})
	w.press(expenses...)
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{OperationKey: "retry", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "second"}})
	late := store.Outcome{Status: store.OutcomeSuccess, RecordID: "first"}
	if !w.finish(steps[0], late) || w.finish(steps[0], late) {
		t.Error("a late success is not told once")
	}
	ns, err := w.Notices(t.Context(), 0)
	if err != nil || len(ns) != 1 || ns[0].Kind != "may_be_booked_twice" || ns[0].ExpenseID == nil || *ns[0].ExpenseID != expenses[0] {
		t.Fatalf("notices %+v, error %v", ns, err)
	}
	var detail struct{ Record, Other, Was string }
	if err := json.Unmarshal(ns[0].Detail, &detail); err != nil {
		t.Fatal(err)
	}
	if detail.Record != "first" || detail.Other != "second" || detail.Was != "failed" {
		t.Errorf("the notice says %+v", detail)
	}
	if w.status(expenses[0]) != store.Complete {
		t.Errorf("badge %s", w.status(expenses[0]))
	}
}

func TestSuccessProvesTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(1)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r"})
	c, err := w.AccountingConnection(t.Context(), w.company)
	if err != nil || c.ProvenAt == nil {
		t.Errorf("connection %+v, error %v", c, err)
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 1)...)
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Reply: store.Reply{Status: 429}, Again: 90 * time.Second, Reason: "rate_limited",
		Pause: &store.Pause{For: 90 * time.Second, Reason: "rate_limited"}})
	if err := w.PauseSending(t.Context(), store.Pause{For: time.Second, Reason: "unauthorized"}); err != nil { // shortens nothing
		t.Fatal(err)
	}
	pauses, err := w.Pauses(t.Context())
	if err != nil || len(pauses) != 1 || pauses[0].Reason != "rate_limited" || pauses[0].CompanyID != nil || pauses[0].Until == nil || pauses[0].Until.Sub(w.now()) < time.Minute {
		t.Fatalf("pauses %+v, error %v", pauses, err)
	}
	if claims := claim(t, w.later(time.Minute), 10); len(claims) != 0 {
		t.Errorf("claimed during the pause: %+v", claims)
	}
	if claims := claim(t, w.later(2*time.Minute), 10); len(claims) != 1 || claims[0].IdempotencyKey != c.IdempotencyKey || claims[0].Doubt {
		t.Errorf("after the pause: %+v", claims)
	}
}

func TestUnknownOperationIsOnePerStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 2)
	w.press(ids...)
	for _, c := range claim(t, w.Store, 2) { // both replies name one operation
		settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomePending}})
	}
	statuses := fmt.Sprint(w.status(ids[0]), " ", w.status(ids[1]))
	if statuses != "in_progress needs_checking" && statuses != "needs_checking in_progress" {
		t.Errorf("badges %s", statuses)
	}
}

// Two operations of one step are two records: somebody must look.
func TestSecondOperationOfAStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	attempt := begin(t, w.Store, c)
	for _, key := range []string{"first", "first", "second", "second"} {
		settle(t, w.Store, c, attempt, store.Settlement{OperationKey: key, Outcome: store.Outcome{Status: store.OutcomePending}})
	}
	ns, err := w.Notices(t.Context(), id)
	if err != nil || len(ns) != 1 || ns[0].Kind != "may_be_booked_twice" {
		t.Errorf("notices %+v, error %v", ns, err)
	}
	if _, s := w.push(id); *s.OperationKey != "first" || s.State != store.StepPending {
		t.Errorf("step %+v", s)
	}
}

// What a person found in the ledger stays found when the lost reply comes after all.
func TestKeyOfAStepThatAPersonFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	attempt := begin(t, w.Store, c)
	later := w.later(lease + time.Second)
	again := claimOne(t, later)
	settle(t, later, again, begin(t, later, again), store.Settlement{Unknown: failure("lost_reply")})
	if err := w.FoundByPerson(t.Context(), w.by, id, "r1"); err != nil {
		t.Fatal(err)
	}
	settle(t, w.Store, c, attempt, store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomePending}})
	if p, s := w.push(id); s.State != store.StepSuccess || p.State != store.PushComplete || *s.RecordID != "r1" || *s.OperationKey != "op" || w.status(id) != store.Complete {
		t.Errorf("badge %s, push %+v", w.status(id), p)
	}
}

// An expense is locked while it is on its way; one that was changed after its push failed, and has reached the ledger after all, shows
// what is there.
func TestAnExpenseChangedMeanwhileIsKeptAsBooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, steps := w.accept(2)
	was, err := w.Expense(t.Context(), expenses[0])
	if err != nil {
		t.Fatal(err)
	}
	change := was.Entered()
	change.Supplier, change.Reference = "Somebody else", "CHANGED"
	change.Lines = append(change.Lines[:1:1], store.Line{Description: "More", Category: "Travel", Net: was.Net, Tax: was.Tax})
	if err := w.UpdateExpense(t.Context(), w.by, was, change); !errors.Is(err, store.ErrLocked) {
		t.Errorf("changing an expense on its way: %v", err)
	}
	for _, step := range steps {
		w.finish(step, store.Outcome{Status: store.OutcomeFailed, Failure: *failure("no_reason")})
	}
	if err := w.UpdateExpense(t.Context(), w.by, was, change); err != nil {
		t.Fatal(err)
	}
	if err := w.UpdateExpense(t.Context(), w.by, was, was.Entered()); !errors.Is(err, store.ErrChanged) {
		t.Errorf("changing what somebody else has changed: %v", err)
	}
	for _, step := range steps {
		w.finish(step, store.Outcome{Status: store.OutcomeSuccess, RecordID: fmt.Sprint("r", step)})
	}
	now, err := w.Expense(t.Context(), expenses[0])
	if err != nil || now.Supplier != was.Supplier || now.Reference != was.Reference || now.Total.Cmp(was.Total) != 0 || len(now.Lines) != len(was.Lines) {
		t.Errorf("in the ledger: %+v, shown: %+v, error %v", was, now, err)
	}
	as, err := w.ActivityOf(t.Context(), "expense", expenses[0])
	if err != nil || !slices.ContainsFunc(as, func(a store.Activity) bool { return a.Verb == "kept as booked" }) {
		t.Errorf("the record says nothing of it: %+v, error %v", as, err)
	}
	as, err = w.ActivityOf(t.Context(), "expense", expenses[1])
	if err != nil || slices.ContainsFunc(as, func(a store.Activity) bool { return a.Verb == "kept as booked" }) {
		t.Errorf("one that was not changed is said to be kept: %+v, error %v", as, err)
	}
}
