package store_test

import (
	"testing"
	"time"

	"tallylight/store"
)

func (w *world) pauses() []store.SendPause {
	w.t.Helper()
	ps, err := w.Pauses(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return ps
}

func TestQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.press(w.enter(w.company, 1)...)
	spent := func(until *time.Time) (paused bool) {
		w.in(func(tx *store.Tx) (err error) {
			paused, err = tx.QuotaSpent(t.Context(), until)
			return err
		})
		return paused
	}
	reset := func() (ended bool) {
		w.in(func(tx *store.Tx) (err error) {
			ended, err = tx.QuotaReset(t.Context())
			return err
		})
		return ended
	}
	now := w.now()
	past, soon, never := now.Add(-time.Hour), now.Add(2*time.Hour), now.AddDate(100, 0, 0)
	if spent(&past) || len(w.pauses()) != 0 || reset() {
		t.Errorf("a quota that has ended pauses: %+v", w.pauses())
	}
	if ps := w.pauses(); !spent(&soon) || len(w.pauses()) != 1 {
		t.Fatalf("pauses %+v", ps)
	}
	p := w.pauses()[0]
	if p.CompanyID != nil || p.Reason != "rate_limited" || p.Until.Sub(soon).Abs() > time.Minute {
		t.Errorf("pause %+v", p)
	}
	if len(claim(t, w.Store, 10)) != 0 {
		t.Error("something is sent without a quota")
	}
	if !reset() || len(w.pauses()) != 0 {
		t.Errorf("after a reset: %+v", w.pauses())
	}
	if len(claim(t, w.Store, 10)) != 1 {
		t.Error("nothing is sent after a reset")
	}
	if !spent(nil) || w.pauses()[0].Until.UTC().Format("15:04") != "00:00" {
		t.Errorf("without an end: %+v", w.pauses())
	}
	reset()
	if !spent(&never) || w.pauses()[0].Until.Sub(now) > 25*time.Hour {
		t.Errorf("with an absurd end: %+v", w.pauses())
	}
}

// A reset ends nothing but what the quota was the reason of.
func TestAResetEndsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.PauseByPerson(t.Context(), w.by, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.PauseSending(t.Context(), store.Pause{For: time.Hour, Reason: "unauthorized"}); err != nil {
		t.Fatal(err)
	}
	w.in(func(tx *store.Tx) error {
		if ended, err := tx.QuotaReset(t.Context()); err != nil || ended {
			t.Errorf("ended %t, error %v", ended, err)
		}
		return nil
	})
	if ps := w.pauses(); len(ps) != 2 {
		t.Errorf("left are %+v", ps)
	}
}
