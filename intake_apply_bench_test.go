package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tallylight/internal/inbox"
	"tallylight/internal/sandbox"
	"tallylight/store"
)

// BenchmarkApply measures how many stored webhooks a second the inbox applies: those that complete a push, and those about
// operations that nobody knows here.
func BenchmarkApply(b *testing.B) {
	const n = 2000
	for _, kind := range []string{"completes", "unmatched"} {
		b.Run(kind, func(b *testing.B) {
			f := newFleet(b, 10, sandbox.Config{})
			box := &inbox.Inbox{Store: f.store, Log: slog.New(slog.DiscardHandler), ReadCompany: func(string) {}}
			var rates []float64
			for round := 0; b.Loop(); round++ {
				b.StopTimer()
				operations := make([]string, n)
				for i := range operations {
					operations[i] = uuid.NewString()
				}
				if kind == "completes" {
					operations = f.underWay(fmt.Sprint("R", round), n)
				}
				f.hear(operations)
				b.StartTimer()
				began := time.Now()
				if err := box.ApplyDue(b.Context()); err != nil {
					b.Fatal(err)
				}
				rates = append(rates, n/time.Since(began).Seconds())
				if left := f.number(`SELECT count(*) FROM deliveries WHERE verdict = 'new'`); left > 0 {
					b.Fatalf("%d are not applied", left)
				}
			}
			if kind == "completes" && f.statuses()[store.Complete] != n*len(rates) {
				b.Errorf("statuses: %v", f.statuses())
			}
			b.ReportMetric(median(rates), "applied/s")
		})
	}
}

// underWay enters that many expenses, pushes them and has them accepted, without anybody sending. It returns their operations.
func (f *fleet) underWay(prefix string, n int) (operations []string) {
	f.t.Helper()
	for _, c := range f.companies {
		f.press(f.expenses(c, fmt.Sprintf("%s-%d", prefix, c.ID), n/len(f.companies), nil))
	}
	err := f.db.SelectContext(f.t.Context(), &operations, `
		UPDATE push_steps SET state = 'pending', operation_key = gen_random_uuid(), body = '{}', first_sent_at = clock(), sent_at = clock(), ask_at = clock() + interval '1 day'
		WHERE state = 'ready' AND kind = 'directCost' RETURNING operation_key`)
	if err != nil || len(operations) != n {
		f.t.Fatalf("%d of %d are under way: %v", len(operations), n, err)
	}
	return operations
}

// hear stores the news that operations have succeeded.
func (f *fleet) hear(operations []string) {
	f.t.Helper()
	for _, o := range operations {
		m := benchSender.success(f.t, o)
		_, body, _ := strings.Cut(string(m.wire), "\r\n\r\n")
		_, err := f.store.RecordDelivery(f.t.Context(), store.Delivery{WebhookID: &m.id, Generation: "current", Type: "directCosts.write.successful",
			OperationKey: o, Headers: []byte(`{}`), Body: []byte(body), Verdict: store.VerdictNew})
		if err != nil {
			f.t.Fatal(err)
		}
	}
}
