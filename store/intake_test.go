package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tallylight/store"
	"tallylight/store/storetest"
)

func TestIntakeStoresEachMessageOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := store.NewIntake(w.Store)
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
	in := store.NewIntake(w.Store)
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

func TestIntakeRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	for _, queue := range []struct {
		name                string
		body, messages, fit int // fit: those that wait, and those that are being stored
	}{{"messages", 10, 5000, 4096 + 2*256}, {"bytes", 1 << 20, 100, 64 + 2*4}} {
		t.Run(queue.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := store.NewIntake(w.Store)
			lock := storetest.DB(t, w.dsn).MustBegin()
			defer lock.Rollback()
			lock.MustExec(`LOCK TABLE deliveries IN SHARE MODE`) // nothing is stored meanwhile
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			answers := make(chan error, queue.messages)
			d := delivery("", "", "op")
			d.Body = make([]byte, queue.body)
			for range queue.messages {
				go func() { answers <- in.Record(ctx, d) }()
			}
			for range queue.messages - queue.fit {
				if err := <-answers; !errors.Is(err, store.ErrBusy) {
					t.Fatalf("a full queue answers %v", err)
				}
			}
			giveUp()
			lock.Rollback()
			for range queue.fit {
				<-answers // stored or not: everybody is answered
			}
			if err := in.Record(t.Context(), delivery("after", "", "op")); err != nil {
				t.Errorf("who gave up has left no room: %v", err)
			}
		})
	}
}

// A sender that goes away takes neither its place in the queue with it nor what others sent.
func TestIntakeOutlivesASenderThatGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := store.NewIntake(w.Store)
	db := storetest.DB(t, w.dsn)
	lock, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	lock.MustExec(`LOCK TABLE deliveries IN SHARE MODE`)
	const impatient, patient = 50, 50
	ctx, leave := context.WithCancel(context.Background())
	var gone, here sync.WaitGroup
	for m := range impatient {
		gone.Go(func() {
			if err := in.Record(ctx, delivery(fmt.Sprint("gone-", m), "", "op")); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for m := range patient {
		here.Go(func() {
			if err := in.Record(context.Background(), delivery(fmt.Sprint("here-", m), "", "op")); err != nil {
				t.Error(err)
			}
		})
	}
	leave()
	lock.Rollback()
	here.Wait()
	gone.Wait()
	var rows int
	if err := db.Get(&rows, `SELECT count(*) FROM deliveries WHERE webhook_id LIKE 'here-%'`); err != nil || rows != patient {
		t.Errorf("%d of %d are stored, error %v", rows, patient, err)
	}
}
