package store_test

import (
	"maps"
	"testing"
	"time"

	"tallylight/store"
)

// What Overall says is there is what can then be asked for, no more and no less.
func TestOverall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check := func(when string, s *store.Store, counts store.StatusCount) store.Overall {
		t.Helper()
		got, err := s.Overall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		down, err := s.DownConnections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pauses, err := s.Pauses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		notices, err := s.Notices(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		silence, err := s.Silence(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Down != (len(down) > 0) || got.Paused != (len(pauses) > 0) || got.Noticed != (len(notices) > 0) || silence != nil && !got.Unheard {
			t.Errorf("%s: %+v, but down %v, pauses %v, notices %v, silence %v", when, got, down, pauses, notices, silence)
		}
		if !maps.Equal(got.Counts, counts) || got.Now.IsZero() {
			t.Errorf("%s: %+v, want counts %v", when, got, counts)
		}
		return got
	}
	check("in the beginning", w.Store, store.StatusCount{})
	_, steps := w.accept(2)
	check("under way", w.Store, store.StatusCount{store.InProgress: 2})
	reading := store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "reading"}
	if err := w.Answered(t.Context(), steps[0], reading); err != nil {
		t.Fatal(err)
	}
	if o := check("without a webhook", w.later(time.Hour), store.StatusCount{store.InProgress: 1, store.Complete: 1}); !o.Unheard || o.Down || o.Paused || o.Noticed {
		t.Errorf("without a webhook: %+v", o)
	}
	if err := w.PauseByPerson(t.Context(), w.by, 0); err != nil {
		t.Fatal(err)
	}
	check("paused", w.Store, store.StatusCount{store.InProgress: 1, store.Complete: 1})
	w.connect(w.company, "northwind-link", "Deauthorized", 0)
	check("down", w.Store, store.StatusCount{store.InProgress: 1, store.Complete: 1})
	if down, err := w.DownConnections(t.Context()); err != nil || len(down) != 1 || down[0].ID != w.connection {
		t.Errorf("down are %+v, %v", down, err)
	}
	w.sql().MustExec(`INSERT INTO notices (company_id, kind, detail) VALUES ($1, 'may_be_made_twice', '{}')`, w.company)
	if o := check("a notice", w.Store, store.StatusCount{store.InProgress: 1, store.Complete: 1}); !o.Down || !o.Paused || !o.Noticed {
		t.Errorf("all at once: %+v", o)
	}
}
