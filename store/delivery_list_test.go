package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tallylight/store"
)

func TestDeliveriesAreChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, _ := w.accept(1)
	other, otherConnection := w.addCompany("other")
	push := delivery("m1", "e:e1", "op-1")
	w.record(push)
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", Source: "webhook"})
	read := store.Delivery{Type: "read.completed", Company: "other", Headers: []byte(`{}`), Body: []byte(`{}`), Verdict: store.VerdictNew}
	turned := store.Delivery{Type: "connection.connected", Company: "other", Connection: "other-link", Headers: []byte(`{}`), Body: []byte(`{}`), Verdict: store.VerdictNew}
	w.record(read)
	w.record(turned)
	for ignoreOne(t, w.Store) {
	}
	w.record(delivery("m4", "", "op-1")) // waits
	if _, err := w.sql().Exec(`UPDATE deliveries SET received_at = '2026-01-12 14:00Z' WHERE id = 2`); err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 1, 12, 14, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		filter store.DeliveryFilter
		want   []int64
	}{
		"all":                      {store.DeliveryFilter{}, []int64{4, 3, 2, 1}},
		"older":                    {store.DeliveryFilter{Before: 3}, []int64{2, 1}},
		"waiting":                  {store.DeliveryFilter{Verdict: store.VerdictNew}, []int64{4}},
		"ignored":                  {store.DeliveryFilter{Verdict: store.VerdictIgnored}, []int64{3, 2}},
		"type":                     {store.DeliveryFilter{Type: "directCosts.write.successful"}, []int64{4, 1}},
		"type and verdict":         {store.DeliveryFilter{Type: "directCosts.write.successful", Verdict: store.VerdictApplied}, []int64{1}},
		"company":                  {store.DeliveryFilter{CompanyID: other}, []int64{3, 2}},
		"connection":               {store.DeliveryFilter{ConnectionID: otherConnection}, []int64{3}},
		"expense":                  {store.DeliveryFilter{ExpenseID: expenses[0]}, []int64{1}},
		"from":                     {store.DeliveryFilter{From: noon, To: noon.Add(time.Second)}, []int64{2}},
		"until":                    {store.DeliveryFilter{To: noon}, nil},
		"operation key":            {store.DeliveryFilter{Text: "op-1"}, []int64{4, 1}},
		"Codat's company":          {store.DeliveryFilter{Text: "other"}, []int64{3, 2}},
		"Codat's connection":       {store.DeliveryFilter{Text: "other-link"}, []int64{3}},
		"message":                  {store.DeliveryFilter{Text: "m1"}, []int64{1}},
		"event":                    {store.DeliveryFilter{Text: "e1"}, []int64{1}},
		"text that nobody wrote":   {store.DeliveryFilter{Text: "%"}, nil},
		"text and another expense": {store.DeliveryFilter{Text: "op-1", ExpenseID: 999}, nil},
	} {
		ds, err := w.Deliveries(t.Context(), test.filter, 10)
		var got []int64
		for _, d := range ds {
			got = append(got, d.ID)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v; error %v", name, got, test.want, err)
		}
	}
	if ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{}, 2); err != nil || len(ds) != 2 || ds[0].ID != 4 {
		t.Errorf("the newest two are %+v, error %v", ds, err)
	}
	if ds, err := w.DeliveryItems(t.Context(), []int64{3, 1, 99}); err != nil || len(ds) != 2 || ds[0].ID != 1 || len(ds[0].Body) != 0 {
		t.Errorf("by ids: %+v, error %v", ds, err)
	}
	if id, err := w.DeliveryByDedupeKey(t.Context(), "e:e1"); err != nil || id != 1 {
		t.Errorf("by key: %d, error %v", id, err)
	}
	if _, err := w.DeliveryByDedupeKey(t.Context(), "e:none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("by a key that is not there: %v", err)
	}
}

func TestWhatADeliveryChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accept(1)
	w.record(delivery("m1", "", "op-1"))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", Source: "webhook"})
	d, err := w.Delivery(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if as, err := w.ActivityWith(t.Context(), d); err != nil || len(as) != 1 || as[0].Verb != "push complete" {
		t.Errorf("recorded with it: %+v, error %v", as, err)
	}
	if step, err := w.StepOfDelivery(t.Context(), d); err != nil || step.State != store.StepSuccess || !step.SettledAt.Equal(*d.AppliedAt) {
		t.Errorf("its step is %+v, error %v", step, err)
	}
	d.OperationKey = ""
	if _, err := w.StepOfDelivery(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the step of no operation: %v", err)
	}
}

// However often a message is applied, what it tells happens once.
func TestApplyAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expenses, _ := w.accept(1)
	heard := w.listen()
	w.record(delivery("m1", "", "op-1"))
	success := store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", Source: "webhook"}
	if asked, err := w.ApplyAgain(t.Context(), w.by, 1); err != nil || asked {
		t.Errorf("one that waits is asked for: %t, error %v", asked, err)
	}
	applyNews(t, w.Store, success)
	for range 2 {
		if asked, err := w.ApplyAgain(t.Context(), w.by, 1); err != nil || !asked {
			t.Fatalf("asked %t, error %v", asked, err)
		}
		until(t, heard, store.Change{Kind: store.InboxChanged})
		if !applyNews(t, w.Store, success) {
			t.Fatal("it is not applied again")
		}
	}
	d, err := w.Delivery(t.Context(), 1)
	if err != nil || d.Verdict != store.VerdictDuplicate || d.Tries != 1 {
		t.Errorf("delivery %+v, error %v", d, err)
	}
	if w.status(expenses[0]) != store.Complete {
		t.Errorf("badge %s", w.status(expenses[0]))
	}
	completed := 0
	as, err := w.ActivityOf(t.Context(), "expense", expenses[0])
	for _, a := range as {
		if a.Verb == "push complete" {
			completed++
		}
	}
	if err != nil || completed != 1 {
		t.Errorf("it was completed %d times, error %v", completed, err)
	}
	as, err = w.ActivityOf(t.Context(), "delivery", 1)
	if err != nil || len(as) != 2 || as[0].Actor != w.by.Email || string(as[0].Detail) != `{"was": "applied"}` {
		t.Errorf("recorded %+v, error %v", as, err)
	}
	if _, err := w.ApplyAgain(t.Context(), w.by, 99); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestCredentialUses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.now()
	for _, at := range []time.Time{now, now.Add(time.Hour), now.Add(-time.Hour)} {
		if err := w.CredentialUsed(t.Context(), "0123abcd", at); err != nil {
			t.Fatal(err)
		}
	}
	uses, err := w.CredentialUses(t.Context())
	if err != nil || len(uses) != 1 || !uses["0123abcd"].Equal(now.Add(time.Hour)) {
		t.Errorf("uses %v, error %v", uses, err)
	}
}
