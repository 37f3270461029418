package store_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

// pressNeeding pushes expenses of the world's company that need the account Travel first.
func (w *world) pressNeeding(ids ...int64) error {
	return w.InTx(w.t.Context(), func(tx *store.Tx) error {
		ps, err := tx.LockPushables(w.t.Context(), ids)
		if err != nil {
			return err
		}
		var plans []store.PlannedPush
		for _, p := range ps {
			plan := planned(p)
			plan.Steps = append([]store.PlannedStep{{Kind: store.AccountStep, Subject: "travel", Label: "Travel"}}, plan.Steps...)
			plans = append(plans, plan)
		}
		return tx.CreatePushes(w.t.Context(), w.by, plans)
	})
}

// accountClaim is the one step that is due: of the account that everybody needs.
func (w *world) accountClaim() store.Claim {
	w.t.Helper()
	c := claimOne(w.t, w.Store)
	if c.Kind != store.AccountStep || c.Label != "Travel" || c.Snapshot != nil {
		w.t.Fatalf("claim %+v", c)
	}
	return c
}

func TestOneAccountForAllWhoNeedIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 6)
	var presses errgroup.Group
	for pair := range slices.Chunk(ids[:4], 2) {
		presses.Go(func() error { return w.pressNeeding(pair...) })
	}
	if err := presses.Wait(); err != nil {
		t.Fatal(err)
	}
	c := w.accountClaim()
	if err := w.pressNeeding(ids[4]); err != nil { // joins what is being sent
		t.Fatal(err)
	}
	items, err := w.ExpenseItems(t.Context(), ids[:5])
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.Status != store.InProgress || i.StepState != store.StepWaiting || i.WaitsFor != "account Travel" {
			t.Errorf("%s is %s, its step %s, waiting for %q", i.Reference, i.Status, i.StepState, i.WaitsFor)
		}
	}
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomeSuccess, RecordID: "a1"}})
	if err := w.pressNeeding(ids[5]); err != nil { // finds it made
		t.Fatal(err)
	}
	claims := claim(t, w.Store, 10)
	if len(claims) != 6 || slices.ContainsFunc(claims, func(c store.Claim) bool { return c.Kind != store.DirectCostStep }) {
		t.Errorf("%d claims: %+v", len(claims), claims)
	}
	if found, err := w.AccountMatches(t.Context(), w.connection, "TRAVEL"); err != nil || !slices.Equal(found, []string{"a1"}) {
		t.Errorf("the new account is found as %v, error %v", found, err)
	}

	// A ledger that does not know the account yet is read again, which has to wait while its connection is down.
	if _, err := w.sql().Exec(`UPDATE connections SET status = 'Unlinked'`); err != nil {
		t.Fatal(err)
	}
	unknown := failure("account_not_found")
	unknown.Unknown = true
	settle(t, w.Store, claims[0], begin(t, w.Store, claims[0]), store.Settlement{Failed: unknown})
	first, err := strconv.ParseInt(claims[0].Subject, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if _, s := w.push(first); w.status(first) != store.OnHold || s.State != store.StepReady || s.WaitReason != "ledger_sync" {
		t.Errorf("sent again after its ledger is read: %s, its step %+v", w.status(first), s)
	}
}

func TestAccountThatCannotBeMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 3)
	if err := w.pressNeeding(ids[:2]...); err != nil {
		t.Fatal(err)
	}
	c := w.accountClaim()
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Failed: failure("code_taken")})
	for _, id := range ids[:2] {
		p, s := w.push(id)
		if w.status(id) != store.Failed || p.State != store.PushFailed || p.Cause != "code_taken" || s.State != store.StepFailed || s.FirstSentAt != nil {
			t.Errorf("badge %s, push %+v", w.status(id), p)
		}
	}
	if claims := claim(t, w.Store, 10); len(claims) != 0 {
		t.Errorf("still to be sent: %+v", claims)
	}
	if err := w.pressNeeding(ids[2]); err != nil { // a new push makes a new step
		t.Fatal(err)
	}
	if again := w.accountClaim(); again.ID == c.ID || again.IdempotencyKey == c.IdempotencyKey {
		t.Errorf("the failed step is used again: %+v", again)
	}
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 4)
	if err := w.pressNeeding(ids[:2]...); err != nil {
		t.Fatal(err)
	}
	w.press(ids[2])
	for _, c := range claim(t, w.Store, 10) {
		if c.Kind == store.DirectCostStep {
			settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Again: time.Minute, Reason: "rate_limited"})
		} else {
			settle(t, w.Store, c, 0, store.Settlement{Again: time.Nanosecond, Reason: "unreachable"})
		}
	}
	withdrawn, err := w.Withdraw(t.Context(), w.by, []int64{ids[0], ids[2], ids[3]}) // unsent, sent, not pushed
	if err != nil || !slices.Equal(withdrawn, ids[:1]) || w.status(ids[0]) != store.NotPushed || w.status(ids[2]) != store.InProgress {
		t.Fatalf("withdrew %v, error %v", withdrawn, err)
	}
	account := func() string {
		var state string
		if err := w.sql().Get(&state, `SELECT state FROM push_steps WHERE kind = 'account'`); err != nil {
			t.Fatal(err)
		}
		return state
	}
	if s := account(); s != "ready" {
		t.Errorf("the account that somebody still needs is %s", s)
	}
	if _, err := w.Withdraw(t.Context(), w.by, ids[:2]); err != nil || account() != "withdrawn" {
		t.Errorf("the account that nobody needs is %s, error %v", account(), err)
	}
	w.press(ids[0]) // it may be pushed again
}

// Two readings a minute apart that find nothing allow one more send, under a new key; one does not.
func TestAbsentTwiceIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Reply: store.Reply{Status: 500}, Look: true})
	sent := w.now()
	for _, tt := range []struct {
		after time.Duration
		again bool
	}{{30 * time.Second, false}, {65 * time.Second, false}, {100 * time.Second, false}, {130 * time.Second, true}} {
		again, err := w.later(tt.after).Absent(t.Context(), c.ID, sent.Add(tt.after))
		if err != nil || again != tt.again {
			t.Fatalf("absent after %s: sent again %t, error %v", tt.after, again, err)
		}
	}
	next := claimOne(t, w.later(131*time.Second))
	if next.ID != c.ID || next.IdempotencyKey == c.IdempotencyKey || string(next.Body) != `{"reference":"EXP-1"}` || next.Doubt || next.Age != 0 {
		t.Errorf("sent again as %+v", next)
	}
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Look: true})
	w.record(delivery("1", "", "found"))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"}) // unmatched so far
	if err := w.Adopt(t.Context(), c.ID, "found", store.Outcome{Status: store.OutcomePending, Source: "history"}); err != nil {
		t.Fatal(err)
	}
	if !applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"}) || w.status(id) != store.Complete {
		t.Errorf("badge %s", w.status(id))
	}
}

// A key is used again for 75 minutes, and not a minute longer: then the step is looked for.
func TestSpentKeyIsNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Again: time.Second, Reason: "no_answer", Doubt: true})
	if err := w.later(74 * time.Minute).LookForSpent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, s := w.push(id); s.State != store.StepReady {
		t.Errorf("after 74 min the step is %s", s.State)
	}
	spent := w.later(76 * time.Minute)
	if claims := claim(t, spent, 10); len(claims) != 0 {
		t.Errorf("sent with a spent key: %+v", claims)
	}
	if err := spent.LookForSpent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, s := w.push(id); s.State != store.StepLooking || !s.Doubt || w.status(id) != store.InProgress {
		t.Errorf("step %+v of expense %s", s.State, strconv.FormatInt(id, 10))
	}
}
