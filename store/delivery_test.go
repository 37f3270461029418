package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

func delivery(webhookID, dedupeKey, operation string) store.Delivery {
	d := store.Delivery{Generation: "current", Type: "directCosts.write.successful", Company: "northwind", OperationKey: operation,
		Headers: []byte(`{"User-Agent":["Codat"]}`), Body: []byte("{\"a\":\"\\u0000\"}\xff"), Verdict: store.VerdictNew}
	if webhookID != "" {
		d.WebhookID = &webhookID
	}
	if dedupeKey != "" {
		d.DedupeKey = &dedupeKey
	}
	return d
}

func (w *world) record(d store.Delivery) bool {
	w.t.Helper()
	isNew, err := w.RecordDelivery(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	return isNew
}

// applyNews takes one delivery and applies what it says of its operation.
func applyNews(t *testing.T, s *store.Store, o store.Outcome) bool {
	t.Helper()
	n, err := s.ApplyDeliveries(t.Context(), 1, allSay(t.Context(), o))
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// allSay applies deliveries as news of their operations, all the same.
func allSay(ctx context.Context, o store.Outcome) store.Apply {
	return func(tx *store.Tx, ds []*store.Delivery) error {
		var news []store.PushNews
		for _, d := range ds {
			news = append(news, store.PushNews{Delivery: d, OperationKey: d.OperationKey, Outcome: o})
		}
		return tx.ApplyPushNews(ctx, news)
	}
}

// each applies deliveries one by one.
func each(apply func(tx *store.Tx, d *store.Delivery) (store.Verdict, error)) store.Apply {
	return func(tx *store.Tx, ds []*store.Delivery) (err error) {
		for _, d := range ds {
			if d.Verdict, err = apply(tx, d); err != nil {
				return err
			}
		}
		return nil
	}
}

// ignoreOne applies one delivery, which changes nothing, and reports whether there was one.
func ignoreOne(t *testing.T, s *store.Store) bool {
	t.Helper()
	n, err := s.ApplyDeliveries(t.Context(), 1, each(func(*store.Tx, *store.Delivery) (store.Verdict, error) { return store.VerdictIgnored, nil }))
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func (w *world) verdicts() map[store.Verdict]int {
	w.t.Helper()
	ds, err := w.Deliveries(w.t.Context(), store.DeliveryFilter{}, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	verdicts := map[store.Verdict]int{}
	for _, d := range ds {
		verdicts[d.Verdict]++
	}
	return verdicts
}

func TestRepeatsAreStoredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		webhookID, dedupeKey string
		isNew                bool
	}{
		{"msg_1", "body_1", true},
		{"msg_1", "body_1", false},
		{"msg_1", "body_9", false}, // sent again by Codat
		{"msg_2", "body_1", false}, // another message of the same event
		{"", "body_1", false},
		{"", "body_2", true},
		{"", "", true}, // neither key: nothing to know it by
		{"", "", true},
		{"msg_3", "", true},
	}
	for _, tt := range tests {
		if isNew := w.record(delivery(tt.webhookID, tt.dedupeKey, "op")); isNew != tt.isNew {
			t.Errorf("%q/%q: new is %t", tt.webhookID, tt.dedupeKey, isNew)
		}
	}
	d, err := w.Delivery(t.Context(), 1)
	if err != nil || string(d.Body) != "{\"a\":\"\\u0000\"}\xff" {
		t.Errorf("body %q, error %v", d.Body, err)
	}
}

func TestHundredCopiesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var stored atomic.Int64
	var copies errgroup.Group
	for range 100 {
		copies.Go(func() error {
			isNew, err := w.RecordDelivery(t.Context(), delivery("msg", "body", "op"))
			if isNew {
				stored.Add(1)
			}
			return err
		})
	}
	if err := copies.Wait(); err != nil || stored.Load() != 1 {
		t.Errorf("%d were new, error %v", stored.Load(), err)
	}
}

func TestPushNews(t *testing.T) {
	t.Parallel()
	success := store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1", Source: "webhook"}
	w := newWorld(t)
	expenses, steps := w.accept(2)
	key := func(i int) string { return fmt.Sprintf("op-%d", expenses[i]) }

	w.record(delivery("1", "", key(0)))
	w.record(delivery("2", "", key(0)))
	for range 2 {
		applyNews(t, w.Store, success)
	}
	ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{ExpenseID: expenses[0]}, 10)
	if err != nil || len(ds) != 2 || ds[1].Verdict != store.VerdictApplied || ds[0].Verdict != store.VerdictDuplicate || ds[0].AppliedAt == nil ||
		*ds[0].CompanyID != w.company || *ds[0].ConnectionID != w.connection {
		t.Errorf("deliveries %+v, error %v", ds, err)
	}
	if w.status(expenses[0]) != store.Complete {
		t.Errorf("badge %s", w.status(expenses[0]))
	}

	// A failure is not believed before the operation was read.
	w.record(delivery("3", "", key(1)))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeFailed, Source: "webhook"})
	if w.status(expenses[1]) != store.InProgress {
		t.Fatalf("badge %s after a failure webhook", w.status(expenses[1]))
	}
	items, err := w.ExpenseItems(t.Context(), expenses[1:])
	if err != nil || len(items) != 1 || !items[0].Asking {
		t.Errorf("nobody is asking: %+v, error %v", items, err)
	}
	if err := w.Answered(t.Context(), steps[1], store.Outcome{Status: store.OutcomeFailed, Failure: *failure("refused"), Source: "reading"}); err != nil {
		t.Fatal(err)
	}
	if p, _ := w.push(expenses[1]); w.status(expenses[1]) != store.Failed || p.Cause != "refused" {
		t.Errorf("badge %s, cause %q", w.status(expenses[1]), p.Cause)
	}
	if applyNews(t, w.Store, success) {
		t.Error("a delivery is applied twice")
	}
}

// A webhook may beat our own reply.
func TestWebhookBeforeTheReply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.enter(w.company, 1)[0]
	w.press(id)
	c := claimOne(t, w.Store)
	attempt := begin(t, w.Store, c)
	w.record(delivery("1", "", "early"))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"})
	if v := w.verdicts(); v[store.VerdictUnmatched] != 1 || w.status(id) != store.InProgress {
		t.Fatalf("verdicts %v, badge %s", v, w.status(id))
	}
	settle(t, w.Store, c, attempt, store.Settlement{OperationKey: "early", Outcome: store.Outcome{Status: store.OutcomePending}})
	if !applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r1"}) {
		t.Fatal("the early delivery was not woken")
	}
	if v := w.verdicts(); v[store.VerdictApplied] != 1 || w.status(id) != store.Complete {
		t.Errorf("verdicts %v, badge %s", v, w.status(id))
	}
}

// However the reply and its webhook meet, one of the two finds the other.
func TestWebhookAndReplyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 10
	w.press(w.enter(w.company, n)...)
	var both errgroup.Group
	for _, c := range claim(t, w.Store, n) {
		attempt := begin(t, w.Store, c)
		key := fmt.Sprint("op-", c.Subject)
		w.record(delivery(key, "", key))
		both.Go(func() error {
			return w.SettleAttempt(t.Context(), c, attempt, store.Settlement{OperationKey: key, Outcome: store.Outcome{Status: store.OutcomePending}})
		})
		both.Go(func() error { return applyAll(t.Context(), w.Store) })
	}
	if err := errors.Join(both.Wait(), applyAll(t.Context(), w.Store)); err != nil {
		t.Fatal(err)
	}
	counts, err := w.StatusCounts(t.Context(), w.company)
	if err != nil || counts[store.Complete] != n {
		t.Errorf("counts %v, verdicts %v, error %v", counts, w.verdicts(), err)
	}
}

func applyAll(ctx context.Context, s *store.Store) error {
	for {
		n, err := s.ApplyDeliveries(ctx, 3, allSay(ctx, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r"}))
		if err != nil || n == 0 {
			return err
		}
	}
}

func TestDeliveryThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(delivery("bad", "", "op"))
	w.record(delivery("behind", "", "op")) // about the same
	w.record(delivery("good", "", "another"))
	tries := 0
	apply := func(s *store.Store) (bool, error) {
		n, err := s.ApplyDeliveries(t.Context(), 1, each(func(tx *store.Tx, d *store.Delivery) (store.Verdict, error) {
			if *d.WebhookID == "bad" {
				if _, err := tx.SaveCompany(t.Context(), "half done", "x", ""); err != nil {
					return "", err
				}
				if tries++; tries%2 == 0 {
					panic("broken")
				}
				return "", errors.New("broken \x00 \xff text")
			}
			return store.VerdictIgnored, nil
		}))
		return n > 0, err
	}
	if found, err := apply(w.Store); !found || err == nil {
		t.Fatalf("found %t, error %v", found, err)
	}
	if _, err := w.CompanyByCodatID(t.Context(), "half done"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what a failed delivery changed is kept: %v", err)
	}
	if found, err := apply(w.Store); !found || err != nil {
		t.Errorf("one about something else waits behind it: found %t, error %v", found, err)
	}
	if found, err := apply(w.Store); found || err != nil {
		t.Errorf("it, or one about the same, is tried at once: found %t, error %v", found, err)
	}
	for n := 2; n <= 8; n++ {
		if found, err := apply(w.later(time.Hour * time.Duration(n))); !found || err == nil {
			t.Fatalf("try %d: found %t, error %v", n, found, err)
		}
	}
	if found, err := apply(w.Store); !found || err != nil {
		t.Errorf("one about the same waits behind one set aside: found %t, error %v", found, err)
	}
	d, err := w.Delivery(t.Context(), 1)
	if err != nil || d.Verdict != store.VerdictSetAside || d.Tries != 8 || d.Error == "" {
		t.Errorf("delivery %+v, error %v", d, err)
	}
	ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{Verdict: store.VerdictSetAside}, 10)
	if err != nil || len(ds) != 1 {
		t.Errorf("set aside: %+v, error %v", ds, err)
	}
}

func TestABatchIsAppliedInSpiteOfOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 20 {
		w.record(delivery(fmt.Sprint(i), "", fmt.Sprintf("op-%d", i)))
	}
	brokenOne := each(func(tx *store.Tx, d *store.Delivery) (store.Verdict, error) {
		if *d.WebhookID == "7" {
			return "", errors.New("broken")
		}
		return store.VerdictIgnored, nil
	})
	n, err := w.ApplyDeliveries(t.Context(), 100, brokenOne)
	if n != 20 || err == nil {
		t.Errorf("took %d, error %v", n, err)
	}
	_, _ = w.ApplyDeliveries(t.Context(), 100, brokenOne) // where it is slow the broken one was tried twice, in another's stead
	ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{Verdict: store.VerdictIgnored}, 100)
	if err != nil || len(ds) != 19 {
		t.Errorf("%d are applied, error %v", len(ds), err)
	}
}

// Many deliveries that share a transaction do what they do one after another.
func TestManyAtOnceAreLikeOneByOne(t *testing.T) {
	t.Parallel()
	said := []struct {
		step   int // -1 for one that nobody knows
		status store.OutcomeStatus
		record string
	}{
		{0, store.OutcomeSuccess, "r0"},
		{1, store.OutcomeFailed, ""}, {1, store.OutcomeSuccess, "r1"},
		{2, store.OutcomeSuccess, "r2"}, {2, store.OutcomeSuccess, "r2"}, {2, store.OutcomeFailed, ""}, {2, store.OutcomeTimedOut, ""},
		{3, store.OutcomeTimedOut, ""}, {3, store.OutcomeSuccess, "r3"},
		{-1, store.OutcomeSuccess, "r"},
		{4, store.OutcomePending, ""}, {4, store.OutcomeTimedOut, ""},
		{5, store.OutcomeSuccess, ""}, {5, store.OutcomeSuccess, "r5"},
		{6, store.OutcomeFailed, ""}, {6, store.OutcomeFailed, ""},
		{0, store.OutcomeSuccess, "r0"},
	}
	type state struct {
		Badges   []string
		Steps    []string
		Verdicts []string
		Activity int
		Notices  int
	}
	run := func(limit int) (now state) {
		w := newWorld(t)
		expenses, _ := w.accept(7)
		for i, s := range said {
			operation := "unknown"
			if s.step >= 0 {
				operation = fmt.Sprint("op-", expenses[s.step])
			}
			w.record(delivery(fmt.Sprint(i), "", operation))
		}
		n := 0
		for {
			took, err := w.ApplyDeliveries(t.Context(), limit, func(tx *store.Tx, ds []*store.Delivery) error {
				var news []store.PushNews
				for _, d := range ds {
					s := said[n]
					n++
					news = append(news, store.PushNews{Delivery: d, OperationKey: d.OperationKey,
						Outcome: store.Outcome{Status: s.status, RecordID: s.record, Source: "webhook"}})
				}
				return tx.ApplyPushNews(t.Context(), news)
			})
			if err != nil {
				t.Fatal(err)
			}
			if took == 0 {
				break
			}
		}
		db := w.sql()
		for _, q := range []struct {
			into  any
			query string
		}{
			{&now.Badges, `SELECT status FROM expenses ORDER BY id`},
			{&now.Steps, `SELECT concat_ws(' ', state, record_id, told_by, asked, ask_at IS NULL, settled_at IS NULL) FROM push_steps ORDER BY id`},
			{&now.Verdicts, `SELECT concat_ws(' ', verdict, expense_id, company_id, connection_id, tries) FROM deliveries ORDER BY id`},
		} {
			if err := db.Select(q.into, q.query); err != nil {
				t.Fatal(err)
			}
		}
		for into, query := range map[*int]string{&now.Activity: `SELECT count(*) FROM activity`, &now.Notices: `SELECT count(*) FROM notices`} {
			if err := db.Get(into, query); err != nil {
				t.Fatal(err)
			}
		}
		return now
	}
	alone := run(1)
	for _, limit := range []int{2, 5, 100} {
		if together := run(limit); !reflect.DeepEqual(together, alone) {
			t.Errorf("%d at once:\n%+v\none by one:\n%+v", limit, together, alone)
		}
	}
}
