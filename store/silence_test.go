package store_test

import (
	"testing"
	"time"

	"tallylight/store"
)

func TestSilence(t *testing.T) {
	t.Parallel()
	reading := store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "reading"}
	w := newWorld(t)
	_, steps := w.accept(3)
	silence := func(later time.Duration) *store.Silence {
		t.Helper()
		s, err := w.later(later).Silence(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := silence(time.Hour); s != nil {
		t.Errorf("nothing has finished, and yet: %+v", s)
	}
	if err := w.Answered(t.Context(), steps[0], reading); err != nil {
		t.Fatal(err)
	}
	if s := silence(14 * time.Minute); s != nil {
		t.Errorf("too early: %+v", s)
	}
	if s := silence(16 * time.Minute); s == nil || s.Finished != 1 || s.Since != nil || s.For < 15*time.Minute {
		t.Errorf("a push that only asking ended is %+v", s)
	}
	if s := silence(25 * time.Hour); s != nil {
		t.Errorf("the next day: %+v", s)
	}
	w.record(delivery("m1", "", "something else"))
	if s := silence(16 * time.Minute); s != nil {
		t.Errorf("a webhook has come since, and yet: %+v", s)
	}
	if err := w.Answered(t.Context(), steps[1], reading); err != nil {
		t.Fatal(err)
	}
	if s := silence(16 * time.Minute); s == nil || s.Finished != 1 || s.Since == nil {
		t.Errorf("another one, after a webhook, is %+v", s)
	}
}

// A message that tells of a failure is not believed before the operation was read: that is no silence.
func TestAFailureThatAWebhookToldOfIsNoSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, steps := w.accept(1)
	w.record(delivery("m1", "", "op-1"))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeFailed, Source: "webhook"})
	if err := w.Answered(t.Context(), steps[0], store.Outcome{Status: store.OutcomeFailed, Failure: *failure("refused"), Source: "reading"}); err != nil {
		t.Fatal(err)
	}
	if s, err := w.later(time.Hour).Silence(t.Context()); err != nil || s != nil {
		t.Errorf("silence %+v, error %v", s, err)
	}
}
