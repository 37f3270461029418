package store_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"tallylight/store"
)

// check has northwind's connection checked.
func (w *world) check() {
	w.t.Helper()
	if begun, err := w.CheckConnection(w.t.Context(), w.by, w.connection); err != nil || !begun {
		w.t.Fatal(begun, err)
	}
}

// standing is northwind's connection as it stands.
func (w *world) standing() store.Connection {
	w.t.Helper()
	items, err := w.ConnectionItems(w.t.Context(), []int64{w.connection})
	if err != nil || len(items) != 1 {
		w.t.Fatal(items, err)
	}
	return items[0].Connection
}

func (w *world) claimCheck(s *store.Store) (store.Check, bool) {
	w.t.Helper()
	c, err := s.ClaimCheck(w.t.Context())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		w.t.Fatal(err)
	}
	return c, err == nil
}

func TestACheckIsFollowedByOneProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check()
	if begun, err := w.CheckConnection(t.Context(), w.by, w.connection); err != nil || begun {
		t.Error("a second check begins", err)
	}
	c, ok := w.claimCheck(w.Store)
	if !ok || c.ConnectionID != w.connection || c.Connection != "northwind-link" || c.Company != "northwind" || c.Status != "Linked" || c.Queued || c.Asked != 0 {
		t.Fatalf("claim %t %+v", ok, c)
	}
	if _, ok := w.claimCheck(w.Store); ok {
		t.Error("two processes follow it")
	}
	if free, err := w.BeginReading(t.Context(), w.company); err != nil || free {
		t.Error("another process may read about the company", err)
	}
	// A process that dies: another one takes over.
	if again, ok := w.claimCheck(w.later(3 * time.Minute)); !ok || again.Asked != 1 || !again.Since.Equal(c.Since) {
		t.Errorf("nobody takes over: %t %+v", ok, again)
	}
	c.Queued, c.SyncID = true, "sync"
	if err := errors.Join(w.FollowCheck(t.Context(), c, 10*time.Second), w.EndReading(t.Context(), w.company)); err != nil {
		t.Fatal(err)
	}
	if next, err := w.NextCheck(t.Context(), time.Minute); err != nil || next < 5*time.Second || next > 10*time.Second {
		t.Errorf("next %s, %v", next, err)
	}
	if again, ok := w.claimCheck(w.later(11 * time.Second)); !ok || !again.Queued || again.SyncID != "sync" {
		t.Errorf("what is known of the reading is lost: %t %+v", ok, again)
	}
	if err := w.EndCheck(t.Context(), c, store.CheckFailed, "Out of order"); err != nil {
		t.Fatal(err)
	}
	if now := w.standing(); now.CheckingSince != nil || now.CheckResult != store.CheckFailed || now.CheckSaid != "Out of order" || now.CheckedAt == nil || now.ProvenAt != nil {
		t.Errorf("connection %+v", now)
	}
	// The end of an earlier check does not end the next one.
	w.check()
	if err := w.EndCheck(t.Context(), c, store.CheckProven, ""); err != nil || w.standing().CheckingSince == nil {
		t.Error("a check is ended by an earlier one", err)
	}
}

func TestWhatEndsACheck(t *testing.T) {
	t.Parallel()
	read := func(at time.Duration) func(w *world) {
		return func(w *world) {
			w.in(func(tx *store.Tx) error {
				_, err := tx.ConnectionRead(t.Context(), "northwind-link", w.now().Add(at))
				return err
			})
		}
	}
	reading := func(status string, sync time.Duration) func(w *world) {
		return func(w *world) {
			at := w.now().Add(sync)
			w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: status, At: w.now(), Read: true, LastSyncAt: &at})
		}
	}
	for name, test := range map[string]struct {
		happens func(w *world)
		result  store.CheckResult // "": it goes on
		proven  bool
	}{
		"Codat has read":              {read(0), store.CheckProven, true},
		"Codat had read before":       {read(-2 * time.Hour), "", true},
		"it synced since":             {reading("Linked", time.Second), store.CheckProven, true},
		"it synced before":            {reading("Linked", -time.Hour), "", true},
		"it is lost":                  {reading("Deauthorized", -time.Hour), store.CheckDown, false},
		"Codat tells that it is lost": {func(w *world) { w.told("disconnected", "Deauthorized", w.now(), "") }, store.CheckDown, false},
		"it is deleted":               {func(w *world) { w.told("deleted", "Linked", w.now(), "") }, store.CheckDown, false},
		"Codat tells what is known":   {func(w *world) { w.told("connected", "Linked", w.now(), "") }, "", false},
		"a write, which may be an older": {func(w *world) {
			_, steps := w.accept(1)
			w.finish(steps[0], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r"})
		}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.check()
			test.happens(w)
			c := w.standing()
			if c.CheckResult != test.result || (c.CheckingSince == nil) != (test.result != "") || (c.ProvenAt != nil) != test.proven {
				t.Errorf("result %q, checking since %v, proven %v", c.CheckResult, c.CheckingSince, c.ProvenAt)
			}
		})
	}
}

func TestWhatProvesAConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(2)
	w.finish(steps[0], store.Outcome{Status: store.OutcomeFailed})
	if c := w.standing(); c.ProvenAt != nil {
		t.Error("a failure proves it")
	}
	w.finish(steps[1], store.Outcome{Status: store.OutcomeSuccess, RecordID: "r"})
	wrote := w.standing()
	if wrote.ProvenAt == nil || wrote.WroteAt == nil || !wrote.ProvenAt.Equal(*wrote.WroteAt) {
		t.Fatalf("a write: %+v", wrote)
	}
	w.in(func(tx *store.Tx) error {
		if news, err := tx.ConnectionRead(t.Context(), "northwind-link", w.now().Add(-time.Hour)); err != nil || news {
			t.Errorf("an older reading is news: %t, %v", news, err)
		}
		_, err := tx.ConnectionRead(t.Context(), "nobody's", w.now())
		return err
	})
	if c := w.standing(); !c.ProvenAt.Equal(*wrote.ProvenAt) {
		t.Errorf("an older reading moved %s to %s", wrote.ProvenAt, c.ProvenAt)
	}
	err := w.later(time.Hour).InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ConnectionRead(t.Context(), "northwind-link", w.now().Add(time.Hour))
		return err
	})
	if c := w.standing(); err != nil || !c.ProvenAt.After(*wrote.ProvenAt) || !c.WroteAt.Equal(*wrote.WroteAt) {
		t.Errorf("a reading: %+v, %v", c, err)
	}
}

func TestQuietConnectionsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		w.addCompany(name)
	}
	w.connect(w.company, "second", "Linked", 0) // one of a company at a time
	w.connect(w.company, "bank", "Linked", 0)
	down, _ := w.addCompany("down")
	w.connect(down, "down-link", "Deauthorized", 0)
	gone, _ := w.addCompany("gone")
	if _, err := w.sql().Exec(`UPDATE connections SET last_sync_at = clock(), source_type = CASE WHEN codat_id = 'bank' THEN 'Banking' ELSE source_type END;
		UPDATE companies SET deleted_at = clock() WHERE id = ` + strconv.FormatInt(gone, 10)); err != nil {
		t.Fatal(err)
	}
	under := func() (n int) {
		if err := w.sql().Get(&n, `SELECT count(*) FROM connections WHERE checking_since IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	begin := func(ahead time.Duration) int {
		t.Helper()
		if err := w.later(ahead).CheckQuiet(t.Context()); err != nil {
			t.Fatal(err)
		}
		return under()
	}
	if n := begin(23 * time.Hour); n != 0 {
		t.Errorf("%d are checked within a day", n)
	}
	for what, statement := range map[string][2]string{
		"while Codat has us wait":    {`INSERT INTO send_pauses (by_person, until, reason) VALUES (false, clock() + interval '2 days', 'rate_limited')`, `DELETE FROM send_pauses`},
		"while little quota is left": {`INSERT INTO codat_quota (day_limit, remaining, read_at) VALUES (1000, 99, clock() + interval '25 h')`, `DELETE FROM codat_quota`},
	} {
		if _, err := w.sql().Exec(statement[0]); err != nil {
			t.Fatal(err)
		}
		if n := begin(25 * time.Hour); n != 0 {
			t.Errorf("%d are checked %s", n, what)
		}
		if _, err := w.sql().Exec(statement[1]); err != nil {
			t.Fatal(err)
		}
	}
	if n := begin(25 * time.Hour); n != 5 {
		t.Errorf("%d are checked at once, want 5", n)
	}
	if n := begin(25 * time.Hour); n != 5 {
		t.Errorf("%d are checked at once, want 5", n)
	}
	if _, err := w.sql().Exec(`UPDATE connections SET checking_since = NULL, check_next_at = NULL, checked_at = clock() + interval '25 h', check_result = 'unanswered'
		WHERE checking_since IS NOT NULL`); err != nil {
		t.Fatal(err)
	}
	if n := begin(25 * time.Hour); n != 4 {
		t.Errorf("%d of the others are checked, want 4: the three left, and the second one of a company whose first was tried", n)
	}
	if _, err := w.sql().Exec(`UPDATE connections SET checking_since = NULL, check_next_at = NULL`); err != nil {
		t.Fatal(err)
	}
	if n := begin(32 * time.Hour); n != 5 {
		t.Errorf("%d are checked again six hours later", n)
	}
}

func TestABulkPushChecksAQuietConnectionFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pushed int
		ahead  time.Duration
		want   bool
	}{
		"many after a day": {4, 25 * time.Hour, true},
		"few after a day":  {3, 25 * time.Hour, false},
		"many at once":     {10, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ids := w.enter(w.company, test.pushed)
			w.press(ids...)
			later := w.later(test.ahead)
			if err := later.InTx(t.Context(), func(tx *store.Tx) error { return tx.CheckBeforePush(t.Context(), ids) }); err != nil {
				t.Fatal(err)
			}
			c := w.standing()
			if (c.CheckingSince != nil) != test.want || test.want && c.CheckReason != store.CheckForBulk {
				t.Errorf("checking since %v because of %q", c.CheckingSince, c.CheckReason)
			}
			if claims, err := later.ClaimSteps(t.Context(), 1, 10, time.Minute); err != nil || (len(claims) == 0) != test.want {
				t.Errorf("%d are sent while it is checked, error %v", len(claims), err)
			}
			if claims, err := w.later(test.ahead+3*time.Minute).ClaimSteps(t.Context(), 1, 10, time.Minute); err != nil || len(claims) != 1 {
				t.Errorf("%d are sent after two minutes, error %v", len(claims), err)
			}
		})
	}
}

func TestAPushWithoutAccessChecksTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(3)
	shut := store.Outcome{Status: store.OutcomeFailed, Failure: store.Failure{Fact: []byte(`{"errorMessage":"The token was revoked."}`), Cause: "connection_lost", Shut: true}}
	other := shut
	other.Failure.Shut = false
	w.finish(steps[0], other)
	if w.standing().CheckingSince != nil {
		t.Error("any failure has it checked")
	}
	w.finish(steps[1], shut)
	if c := w.standing(); c.CheckingSince == nil || c.CheckReason != store.CheckAfterPush {
		t.Errorf("connection %+v", c)
	}
	w.finish(steps[2], shut)
	if got := w.history(); got != "Linked by webhook\nLinked by push: The token was revoked." {
		t.Errorf("history:\n%s", got)
	}
	c, ok := w.claimCheck(w.Store)
	if !ok {
		t.Fatal("nothing is due")
	}
	if err := w.EndCheck(t.Context(), c, store.CheckProven, ""); err != nil {
		t.Fatal(err)
	}
}
