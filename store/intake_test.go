package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tallylight/store"
)

func runIntake(t *testing.T, s *store.Store) *store.Intake {
	t.Helper()
	in := store.NewIntake(s)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := in.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return in
}

func TestIntakeStoresEachMessageOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := runIntake(t, w.Store)
	const messages, copies = 40, 25
	var senders sync.WaitGroup
	for m := range messages {
		for range copies {
			senders.Go(func() {
				d := delivery(fmt.Sprintf("msg-%d", m), fmt.Sprintf("body-%d", m), "op")
				if m%4 == 0 {
					d.WebhookID = nil // of the older generation
				}
				if err := in.Record(context.Background(), d); err != nil {
					t.Error(err)
				}
			})
		}
	}
	senders.Wait()
	ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{}, 1000)
	if err != nil || len(ds) != messages {
		t.Errorf("%d of %d messages are stored, error %v", len(ds), messages, err)
	}
}

func TestIntakeKeepsABadMessageToItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := runIntake(t, w.Store)
	var senders sync.WaitGroup
	for m := range 100 {
		senders.Go(func() {
			d := delivery(fmt.Sprintf("msg-%d", m), fmt.Sprintf("body-%d", m), "op")
			if m == 50 {
				d.Type = "a NUL \x00 that PostgreSQL refuses"
			}
			if err := in.Record(context.Background(), d); (err != nil) != (m == 50) {
				t.Errorf("message %d: %v", m, err)
			}
		})
	}
	senders.Wait()
	if ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{}, 1000); err != nil || len(ds) != 99 {
		t.Errorf("%d messages are stored, error %v", len(ds), err)
	}
}

func TestIntakeRefusesWhatItCannotStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := store.NewIntake(w.Store) // does not run: everything waits
	patient, giveUp := context.WithCancel(t.Context())
	giveUp()
	var full error
	for n := 0; full == nil && n < 100_000; n++ {
		if err := in.Record(patient, delivery(fmt.Sprint(n), fmt.Sprint(n), "op")); !errors.Is(err, context.Canceled) {
			full = err
		}
	}
	if !errors.Is(full, store.ErrBusy) {
		t.Errorf("a full queue answers %v", full)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	other := store.NewIntake(w.Store)
	if err := other.Run(stopped); err != nil {
		t.Fatal(err)
	}
	if err := other.Record(t.Context(), delivery("late", "late", "op")); !errors.Is(err, store.ErrStopped) {
		t.Errorf("a stopped intake answers %v", err)
	}
}
