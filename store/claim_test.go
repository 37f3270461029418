package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

func TestClaimsAreNeverShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const companies, each = 4, 8
	for i := range companies {
		company, _ := w.addCompany(fmt.Sprint("c", i))
		w.press(w.enter(company, each)...)
	}
	var mu sync.Mutex
	claimed := map[int64]int{}
	var workers errgroup.Group
	for range 8 {
		workers.Go(func() error {
			for {
				claims, err := w.ClaimSteps(t.Context(), 3, perCompany, lease)
				if err != nil || len(claims) == 0 {
					return err
				}
				mu.Lock()
				for _, c := range claims {
					claimed[c.ID]++
				}
				mu.Unlock()
			}
		})
	}
	if err := workers.Wait(); err != nil {
		t.Fatal(err)
	}
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("step %d was handed out %d times", id, n)
		}
	}
	if len(claimed) != companies*each {
		t.Errorf("%d steps were handed out, want %d", len(claimed), companies*each)
	}
}

func TestClaimsPerCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("other")
	w.press(w.enter(w.company, 25)...)
	w.press(w.enter(other, 3)...)
	claims := claim(t, w.Store, 100)
	of := map[int64]int{}
	for _, c := range claims {
		of[c.CompanyID]++
	}
	if of[w.company] != perCompany || of[other] != 3 {
		t.Fatalf("claims per company: %v", of)
	}
	if more := claim(t, w.Store, 100); len(more) != 0 {
		t.Errorf("%d more while ten are in the air", len(more))
	}
	for _, c := range claims {
		if c.CompanyID == w.company {
			settle(t, w.Store, c, 0, store.Settlement{Failed: failure("no_account")})
			break
		}
	}
	if more := claim(t, w.Store, 100); len(more) != 1 {
		t.Errorf("%d more after one of ten has ended", len(more))
	}
}

func TestClaimsAreFair(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 40)...)
	other, _ := w.addCompany("other")
	w.press(w.enter(other, 1)...)
	for _, c := range claim(t, w.Store, 2) {
		if c.CompanyID == other {
			return
		}
	}
	t.Error("a company with one push waits for one with forty")
}

func TestWhatIsNotClaimed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *world) error{
		"connection is down": func(w *world) error { w.connect(w.company, "northwind-link", "Deauthorized", 0); return nil },
		"connection is deleted": func(w *world) error {
			_, err := w.sql().Exec(`UPDATE connections SET deleted_at = clock()`)
			return err
		},
		"company is deleted":    func(w *world) error { _, err := w.sql().Exec(`UPDATE companies SET deleted_at = clock()`); return err },
		"company is an example": func(w *world) error { _, err := w.sql().Exec(`UPDATE companies SET example = true`); return err },
		"not yet due": func(w *world) error {
			_, err := w.sql().Exec(`UPDATE push_steps SET next_try_at = clock() + interval '1 min'`)
			return err
		},
		"company is paused": func(w *world) error {
			return w.PauseSending(w.t.Context(), store.Pause{Company: w.company, For: time.Minute, Reason: "forbidden"})
		},
		"client is paused": func(w *world) error {
			return w.PauseSending(w.t.Context(), store.Pause{For: time.Minute, Reason: "rate_limited"})
		},
	}
	for name, prevent := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.press(w.enter(w.company, 1)...)
			if err := prevent(w); err != nil {
				t.Fatal(err)
			}
			if claims := claim(t, w.Store, 10); len(claims) != 0 {
				t.Errorf("claimed %+v", claims)
			}
		})
	}
}

func TestLeaseRunsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 2)...)
	claims := claim(t, w.Store, 10)
	sent, unsent := claims[0], claims[1]
	begin(t, w.Store, sent)
	if again := claim(t, w.Store, 10); len(again) != 0 {
		t.Fatalf("claimed while leased: %+v", again)
	}
	later := w.later(lease + time.Second)
	again := claim(t, later, 10)
	if len(again) != 2 {
		t.Fatalf("%d steps are taken up, want 2", len(again))
	}
	for _, c := range again {
		switch c.ID {
		case sent.ID:
			if !c.Doubt || c.IdempotencyKey != sent.IdempotencyKey || string(c.Body) != `{"reference":"EXP-1"}` || c.Attempts != 1 || c.Age < lease {
				t.Errorf("what was sent is taken up as %+v", c)
			}
		case unsent.ID:
			if c.Doubt || c.Body != nil || c.Attempts != 0 {
				t.Errorf("what was not sent is taken up as %+v", c)
			}
		}
	}
	for _, old := range claims {
		if _, err := w.BeginAttempt(t.Context(), old, "p", []byte(`{}`)); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("begin on a lost lease: %v", err)
		}
	}
	if _, s := w.push(1); s.AttemptsCount != 1 || len(s.Attempts) != 1 {
		t.Errorf("a lost lease left an attempt: %+v", s)
	}
}

func TestBeginAttemptOnAnExpiredLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 1)...)
	c := claimOne(t, w.Store)
	if _, err := w.later(lease+time.Second).BeginAttempt(t.Context(), c, "p", []byte(`{}`)); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("begin on an expired lease that nobody took: %v", err)
	}
}

// A step that is settled while somebody claims is not sent again.
func TestClaimWhileSettling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 1)...)
	c := claimOne(t, w.Store)
	begin(t, w.Store, c)
	later := w.later(lease + time.Second)
	claims := make(chan []store.Claim, 1)
	var claiming errgroup.Group
	w.in(func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE push_steps SET state = 'pending', operation_key = 'op', lease = NULL, lease_until = NULL WHERE id = $1`, c.ID)
		if err != nil {
			return err
		}
		claiming.Go(func() error {
			cs, err := later.ClaimSteps(t.Context(), 10, perCompany, lease)
			claims <- cs
			return err
		})
		select { // it passes over the locked row at once, or waits for us
		case cs := <-claims:
			claims <- cs
			return nil
		case err := <-w.somebodyWaits():
			return err
		}
	})
	if err := claiming.Wait(); err != nil {
		t.Fatal(err)
	}
	if cs := <-claims; len(cs) != 0 {
		t.Errorf("claimed %+v", cs)
	}
	if _, s := w.push(1); s.State != store.StepPending {
		t.Errorf("the step is %s", s.State)
	}
}

func (w *world) somebodyWaits() <-chan error {
	db, waits := w.sql(), make(chan error, 1)
	var looking sync.WaitGroup
	looking.Go(func() { waits <- w.untilSomebodyWaitsIn(db) })
	w.t.Cleanup(looking.Wait) // before the database goes
	return waits
}

// Neither what waits for a connection nor a company with a long queue keeps others waiting.
func TestNobodyWaitsBehindThousands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, _ := w.addCompany("held")
	_, err := w.sql().Exec(`
		INSERT INTO push_steps (company_id, connection_id, kind, subject, label, state)
		SELECT c.company_id, c.id, 'directCost', c.id || '/' || n, 'x', 'ready' FROM connections c, generate_series(1, 6000) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	w.connect(held, "held-link", "Deauthorized", 0)
	last, _ := w.addCompany("last")
	w.press(w.enter(last, 1)...)
	for _, c := range claim(t, w.Store, 2) {
		if c.CompanyID == last {
			return
		}
	}
	t.Error("the last company waits behind 12,000 steps of others")
}
