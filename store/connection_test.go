package store_test

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

func TestHoldAndRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 4)
	unsent, sent, accepted, idle := ids[0], ids[1], ids[2], ids[3]
	w.press(unsent, sent, accepted)
	for _, c := range claim(t, w.Store, 3) {
		switch e := w.expenseOf(c); e {
		case sent:
			settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{Again: time.Nanosecond, Reason: "no_answer", Doubt: true})
		case accepted:
			settle(t, w.Store, c, begin(t, w.Store, c), store.Settlement{OperationKey: "op", Outcome: store.Outcome{Status: store.OutcomePending}})
		default:
			settle(t, w.Store, c, 0, store.Settlement{Again: time.Nanosecond, Reason: "unreachable"})
		}
	}
	want := func(when string, badges map[int64]store.ExpenseStatus) {
		t.Helper()
		for id, badge := range badges {
			if got := w.status(id); got != badge {
				t.Errorf("%s: expense %d is %s, want %s", when, id, got, badge)
			}
		}
	}
	down := map[int64]store.ExpenseStatus{unsent: store.OnHold, sent: store.InProgress, accepted: store.InProgress, idle: store.NotPushed}
	up := map[int64]store.ExpenseStatus{unsent: store.InProgress, sent: store.InProgress, accepted: store.InProgress, idle: store.NotPushed}

	w.connect(w.company, "northwind-link", "Deauthorized", 30*time.Minute)
	want("down", down)
	w.press(idle)
	down[idle], up[idle] = store.OnHold, store.InProgress
	want("pushed while down", down)
	items, err := w.Connections(t.Context(), w.company)
	if err != nil || len(items) != 1 || items[0].OnHold != 2 {
		t.Errorf("connections %+v, error %v", items, err)
	}
	sums, err := w.HeldSums(t.Context())
	if err != nil || len(sums[w.connection]) != 1 || sums[w.connection][0].Total.Cmp(dec("24")) != 0 || sums[w.connection][0].Count != 2 {
		t.Errorf("held sums %+v, error %v", sums, err)
	}
	w.connect(w.company, "northwind-link", "Linked", 20*time.Minute)
	want("up", up)
	w.connect(w.company, "northwind-link", "Unlinked", 25*time.Minute) // older news, late
	want("after old news", up)
	if claims := claim(t, w.later(time.Second), 10); len(claims) != 3 {
		t.Errorf("%d steps are due again, want 3", len(claims))
	}
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", At: w.now(), Deleted: true, Actor: "Codat"})
	c, err := w.ConnectionItems(t.Context(), []int64{w.connection})
	if err != nil || len(c) != 1 || c[0].DeletedAt == nil || c[0].Status != "Linked" {
		t.Errorf("deleted connection %+v, error %v", c, err)
	}
	if _, applied := w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Linked", At: w.now(), Actor: "Codat"}); applied {
		t.Error("news revives a deleted connection")
	}
	if _, err := w.AccountingConnection(t.Context(), w.company); err == nil {
		t.Error("a deleted connection is used")
	}
}

func (w *world) expenseOf(c store.Claim) int64 {
	w.t.Helper()
	var id int64
	if err := w.sql().Get(&id, `SELECT expense_id FROM pushes WHERE cost_step_id = $1`, c.ID); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestConnectionNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.now()
	read := func(age time.Duration) *store.Connection {
		c, err := w.AccountingConnection(t.Context(), w.company)
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	// Reading the same status later does not make Codat's own news look old.
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Linked", At: now, Read: true})
	if c := read(0); now.Sub(c.StatusAt) < 30*time.Minute {
		t.Errorf("a reading of the same status moved status_at to %s", c.StatusAt)
	}
	if _, applied := w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Deauthorized", At: now.Add(-time.Minute)}); !applied {
		t.Error("news that is older than a reading of the same status is dropped")
	}
	// A reading that began before the news does not undo it.
	if _, applied := w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Linked", At: now.Add(-2 * time.Minute), Read: true}); applied {
		t.Error("an older reading undoes news")
	}
	// Empty fields leave what is known; unknown statuses are kept as spelled.
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Hibernating", At: now, Errors: []byte(`[{"statusText":"x"}]`)})
	w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", At: now.Add(time.Second)})
	if c := read(0); c.PlatformName != "Xero" || c.Status != "Hibernating" || string(c.Errors) != `[{"statusText": "x"}]` {
		t.Errorf("connection %+v", c)
	}
}

func TestConnectionThatIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.news(w.company, store.ConnectionNews{CodatID: "bank", SourceType: "Banking", Status: "Linked", At: w.now()})
	w.connect(w.company, "waiting", "PendingAuth", 0)
	if c, err := w.AccountingConnection(t.Context(), w.company); err != nil || c.ID != w.connection {
		t.Errorf("%s is used, error %v", c.CodatID, err)
	}
	// A webhook does not say what kind of connection a new one is.
	w.news(w.company, store.ConnectionNews{CodatID: "who knows", Status: "Linked", At: w.now()})
	if c, err := w.AccountingConnection(t.Context(), w.company); err != nil || c.ID != w.connection {
		t.Errorf("%s is used, error %v", c.CodatID, err)
	}
	w.connect(w.company, "northwind-link", "Unlinked", 0)
	if c, err := w.AccountingConnection(t.Context(), w.company); err != nil || c.CodatID != "who knows" {
		t.Errorf("%s is used, error %v", c.CodatID, err)
	}
}

// A push and the loss of its connection, at once, end on hold.
func TestPressWhileTheConnectionGoesDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	var down errgroup.Group
	w.in(func(tx *store.Tx) error {
		ps, err := tx.LockPushables(t.Context(), []int64{id})
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		down.Go(func() error {
			err := w.InTx(t.Context(), func(tx *store.Tx) error {
				_, _, err := tx.SaveConnection(t.Context(), w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Deauthorized", At: time.Now()})
				return err
			})
			done <- err
			return err
		})
		select { // it waits for us, or is through already
		case err = <-w.somebodyWaits():
		case err = <-done:
		}
		if err != nil {
			return err
		}
		return tx.CreatePushes(t.Context(), w.by, []store.PlannedPush{planned(ps[0])})
	})
	if err := down.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := w.status(id); s != store.OnHold {
		t.Errorf("badge %s", s)
	}
}

func TestConnectionsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.company, "other", "Linked", time.Hour)
	asked := w.now()
	w.connect(w.company, "new", "Linked", -time.Second) // linked after we asked
	w.in(func(tx *store.Tx) error {
		return tx.ConnectionsGone(t.Context(), w.company, []string{"other"}, asked)
	})
	var left []string
	cs, err := w.Connections(t.Context(), w.company)
	for _, c := range cs {
		left = append(left, c.CodatID)
	}
	if err != nil || len(left) != 2 || left[0] != "other" || left[1] != "new" {
		t.Errorf("left: %v, error %v", left, err)
	}
	w.in(func(tx *store.Tx) error {
		return tx.ConnectionsGone(t.Context(), w.company, nil, w.now().Add(time.Minute))
	})
	if cs, err := w.Connections(t.Context(), w.company); err != nil || len(cs) != 0 {
		t.Errorf("left where Codat lists none: %+v, error %v", cs, err)
	}
}

// A reading that was asked before the company was deleted, or while it is, brings nothing back.
func TestReadingOfADeletedCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	asked := w.now()
	w.in(func(tx *store.Tx) error { return tx.CompanyDeleted(t.Context(), "northwind", *failure("company_gone")) })
	for when, at := range map[string]time.Time{"before": asked, "after": w.now().Add(time.Second)} {
		for _, name := range []string{"northwind-link", "northwind-new"} {
			if _, applied := w.news(w.company, store.ConnectionNews{CodatID: name, Status: "Linked", At: at, Read: true}); applied {
				t.Errorf("a reading of %s that was asked %s changes something", name, when)
			}
		}
		if c := w.standing(); c.DeletedAt == nil || w.status(id) != store.OnHold {
			t.Errorf("asked %s: the expense is %s, the connection %+v", when, w.status(id), c)
		}
	}
	// The company was deleted and is back: what was asked before that is old.
	w.in(func(tx *store.Tx) error { return tx.CompanyListed(t.Context(), w.company, w.now().Add(time.Second)) })
	if _, applied := w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Linked", At: asked, Read: true}); applied || w.standing().DeletedAt == nil {
		t.Error("an older reading brings the connection back")
	}
	if _, applied := w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Linked", At: w.now().Add(time.Second), Read: true}); !applied || w.status(id) != store.InProgress {
		t.Errorf("a newer reading changes nothing: the expense is %s", w.status(id))
	}
}

// A connection that is as it was does not release pushes of a company that is deleted.
func TestNothingIsReleasedOfADeletedCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	if _, err := w.sql().Exec(`UPDATE companies SET deleted_at = clock()`); err != nil {
		t.Fatal(err)
	}
	w.connect(w.company, "northwind-link", "Unlinked", time.Minute)
	w.connect(w.company, "northwind-link", "Linked", 0)
	if got := w.status(id); got != store.OnHold {
		t.Errorf("it is %s", got)
	}
}

func TestAnOlderReadingUndoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := w.now()
	reading := func(status string, at time.Time) bool {
		_, applied := w.news(w.company, store.ConnectionNews{CodatID: "northwind-link", Status: status, At: at, Read: true})
		return applied
	}
	if !reading("Unlinked", asked.Add(time.Millisecond)) {
		t.Error("the unlinking is not applied")
	}
	if reading("Linked", asked) || w.standing().Status != "Unlinked" {
		t.Error("an older reading undoes it")
	}
	if !reading("Linked", w.now()) {
		t.Error("a newer reading is not applied")
	}
	asked = w.now()
	w.told("deleted", "Linked", w.now(), "")
	if reading("Linked", asked) || w.standing().DeletedAt == nil {
		t.Error("an older reading of the same status undoes the deletion")
	}
	if !reading("Linked", w.now()) || w.standing().DeletedAt != nil {
		t.Error("a newer reading does not bring it back")
	}
}

func TestADeletionThatIsToldTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.told("deleted", "Linked", w.now(), "")
	before := w.standing()
	w.told("deleted", "Linked", w.now().Add(time.Second), "")
	if now := w.standing(); !now.ChangedAt.Equal(before.ChangedAt) || !now.DeletedAt.Equal(*before.DeletedAt) {
		t.Errorf("told again it is deleted since %s and %s, was %s", now.ChangedAt, now.DeletedAt, before.ChangedAt)
	}
}
