package main

import (
	"fmt"
	"testing"
	"time"

	"tallylight/internal/push"
	"tallylight/internal/sandbox"
)

// BenchmarkPushes sends 2,000 queued pushes of 50 companies through one tallylight, to a sandbox on the same machine that answers
// at once, until all of them are complete.
func BenchmarkPushes(b *testing.B) {
	const companies, each = 50, 40
	f := newFleet(b, companies, sandbox.Config{})
	f.runHere()
	f.until("the books were read again", time.Minute, f.settledIn)
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		if err := f.store.PauseByPerson(b.Context(), f.by, 0); err != nil {
			b.Fatal(err)
		}
		for _, c := range f.companies {
			f.press(f.expenses(c, fmt.Sprintf("R%d-%d", round, c.ID), each, nil))
		}
		b.StartTimer()
		began := time.Now()
		if err := f.store.ResumeByPerson(b.Context(), f.by, 0); err != nil {
			b.Fatal(err)
		}
		f.until("all were sent", time.Minute, func() bool {
			return f.number(`SELECT count(*) FROM (
			SELECT FROM push_steps WHERE state = 'ready' UNION ALL SELECT FROM push_steps WHERE state = 'sending' LIMIT 1) one`) == 0
		})
		sent := time.Since(began)
		f.until("all were complete", time.Minute, func() bool {
			return f.number(`SELECT count(*) FROM (SELECT FROM pushes WHERE state = 'open' LIMIT 1) one`) == 0
		})
		b.ReportMetric(companies*each/sent.Seconds(), "sent/s")
		b.ReportMetric(companies*each/time.Since(began).Seconds(), "complete/s")
	}
	if got := f.statuses(); len(got) != 1 {
		b.Errorf("not all are complete: %v", got)
	}
}

// settledIn reports whether what a start reads has been read: nobody reads a company any more.
func (f *fleet) settledIn() bool {
	return f.number(`SELECT count(*) FROM companies WHERE reading_until IS NOT NULL OR read_at < clock() - interval '1 min'`) == 0 && f.quiet()
}

func (f *fleet) number(query string, args ...any) (n int) {
	f.t.Helper()
	if err := f.db.GetContext(f.t.Context(), &n, query, args...); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// press pushes all of the expenses.
func (f *fleet) press(ids []int64) {
	f.t.Helper()
	pressed, err := push.Press(f.t.Context(), f.store, f.by, push.Push, ids)
	if err != nil || len(pressed.Started) != len(ids) {
		f.t.Fatalf("%d of %d were pushed: %v %v", len(pressed.Started), len(ids), pressed.Refused, err)
	}
}
