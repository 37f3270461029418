package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

// listen returns what Listen hears, and stops it when the test ends. The first nil has been heard.
func (w *world) listen() <-chan []store.Change {
	w.t.Helper()
	heard := make(chan []store.Change, 1000)
	ctx, stop := context.WithCancel(w.t.Context())
	var listening errgroup.Group
	listening.Go(func() error { return w.Listen(ctx, func(cs []store.Change) { heard <- cs }) })
	w.t.Cleanup(func() {
		stop()
		if err := listening.Wait(); err != nil {
			w.t.Error(err)
		}
	})
	if cs := <-heard; cs != nil {
		w.t.Fatalf("first heard %v", cs)
	}
	return heard
}

// until reads what is heard until it holds the change, and returns all of it.
func until(t *testing.T, heard <-chan []store.Change, want store.Change) []store.Change {
	t.Helper()
	var all []store.Change
	for !slices.Contains(all, want) {
		select {
		case cs := <-heard:
			all = append(all, cs...)
		case <-t.Context().Done():
			t.Fatal("not heard")
		}
	}
	return all
}

func TestChangesAreHeardWithTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	never := errors.New("never mind")
	err := w.InTx(t.Context(), func(tx *store.Tx) error {
		if _, _, err := tx.SaveConnection(t.Context(), w.company, store.ConnectionNews{CodatID: "northwind-link", Status: "Unlinked", At: w.now()}); err != nil {
			return err
		}
		return never
	})
	if !errors.Is(err, never) {
		t.Fatal(err)
	}
	ids := w.enter(w.company, 3)
	all := until(t, heard, store.Change{Kind: store.ExpenseChanged, ID: ids[2]})
	for _, c := range all {
		if c.Kind != store.ExpenseChanged {
			t.Errorf("heard of what was rolled back: %v", all)
		}
	}
	w.press(ids[0])
	all = until(t, heard, store.Change{Kind: store.WorkChanged})
	if !slices.Contains(all, store.Change{Kind: store.ExpenseChanged, ID: ids[0]}) {
		t.Errorf("heard %v", all)
	}
	w.connect(w.company, "northwind-link", "Deauthorized", 0)
	until(t, heard, store.Change{Kind: store.ConnectionChanged, ID: w.connection})
	w.record(delivery("1", "", "nobody's"))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess})
	until(t, heard, store.Change{Kind: store.DeliveryChanged, ID: 1})
}

func TestManyChangesAtOnceAreAllHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	ids := w.enter(w.company, 2500)
	var all []store.Change
	for len(all) < len(ids) {
		all = append(all, <-heard...)
	}
	for i, c := range all {
		if c != (store.Change{Kind: store.ExpenseChanged, ID: ids[i]}) {
			t.Fatalf("change %d is %v", i, c)
		}
	}
}

func TestListenComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	var ended int
	if err := w.sql().Get(&ended, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND query ILIKE 'LISTEN%'`); err != nil || ended != 1 {
		t.Fatalf("ended %d listeners, error %v", ended, err)
	}
	if cs := <-heard; cs != nil {
		t.Fatalf("heard %v, want nil: read everything again", cs)
	}
	ids := w.enter(w.company, 1)
	until(t, heard, store.Change{Kind: store.ExpenseChanged, ID: ids[0]})
}
