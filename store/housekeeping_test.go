package store_test

import (
	"fmt"
	"strconv"
	"testing"

	"tallylight/store"
)

// Unmatched messages are not ours after a day, all go after thirteen months, and a repeat is known as long as the first is kept.
func TestTidyDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ages := map[string]string{"fresh": "23 hours", "day": "25 hours", "quarter": "89 days", "year": "12 months 27 days", "old": "13 months 1 day"}
	for id, age := range ages {
		w.record(delivery(id, "e:"+id, "op-"+id))
		if _, err := w.sql().Exec(`UPDATE deliveries SET received_at = clock() - $2::interval WHERE webhook_id = $1`, id, age); err != nil {
			t.Fatal(err)
		}
	}
	for applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "webhook"}) {
	}
	changes := w.listen()
	if more, err := w.TidyDeliveries(t.Context()); more || err != nil {
		t.Fatal(more, err)
	}
	want := map[store.Verdict]int{store.VerdictUnmatched: 1, store.VerdictNotOurs: 3}
	if got := w.verdicts(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("verdicts %v, want %v", got, want)
	}
	ds, err := w.Deliveries(t.Context(), store.DeliveryFilter{Verdict: store.VerdictNotOurs}, 10)
	if err != nil || len(ds) != 3 {
		t.Fatal(ds, err)
	}
	for _, d := range ds {
		if d.CompanyID == nil || *d.CompanyID != w.company {
			t.Errorf("%s is about company %v, want %d", *d.WebhookID, d.CompanyID, w.company)
		}
	}
	if told := <-changes; len(told) != 4 || told[0].Kind != store.DeliveryChanged {
		t.Errorf("announced %v", told)
	}
	for id, isNew := range map[string]bool{"quarter": false, "year": false, "old": true} {
		if got := w.record(delivery("again-"+id, "e:"+id, "op-"+id)); got != isNew {
			t.Errorf("a repeat of %s is new: %t, want %t", id, got, isNew)
		}
	}
}

// More than a batch is left for the next time.
func TestTidyingTakesSmallBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.sql().Exec(`INSERT INTO deliveries (received_at, headers, body, verdict) SELECT clock() - interval '14 months', '{}', '', 'ignored' FROM generate_series(1, 700)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		more bool
		left int
	}{{true, 200}, {false, 0}} {
		more, err := w.TidyDeliveries(t.Context())
		if err != nil || more != want.more || w.verdicts()[store.VerdictIgnored] != want.left {
			t.Errorf("more: %t, left %v, error %v; want %+v", more, w.verdicts(), err, want)
		}
	}
}

// News that came more than a day before the key of its operation was saved is matched all the same.
func TestNotOursAfterAllIsMatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(delivery("early", "e:early", "op-1"))
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "webhook"})
	if _, err := w.sql().Exec(`UPDATE deliveries SET received_at = clock() - interval '2 days'`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.TidyDeliveries(t.Context()); err != nil || w.verdicts()[store.VerdictNotOurs] != 1 {
		t.Fatal(w.verdicts(), err)
	}
	expenses, _ := w.accept(1)
	applyNews(t, w.Store, store.Outcome{Status: store.OutcomeSuccess, RecordID: "r", Source: "webhook"})
	if w.verdicts()[store.VerdictApplied] != 1 || w.status(expenses[0]) != store.Complete {
		t.Errorf("verdicts %v, the expense is %s", w.verdicts(), w.status(expenses[0]))
	}
}

// However many wait, and however many of them failed, taking some reads and locks few.
func TestABacklogIsTakenInSteadySteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db := w.sql()
	for _, statement := range []string{
		`INSERT INTO deliveries (operation_key, headers, body, verdict) SELECT 'old-' || i, '{}', '', 'applied' FROM generate_series(1, 20000) i`,
		`ANALYZE deliveries`, // while nothing waits, as usual
		`INSERT INTO deliveries (operation_key, headers, body, tries, failed_at, next_try_at)
			SELECT 'failed-' || i, '{}', '', 1, clock(), clock() + interval '1 hour' FROM generate_series(1, 1000) i`,
		`INSERT INTO deliveries (operation_key, headers, body) SELECT 'op-' || i, '{}', '' FROM generate_series(1, 5000) i`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	n, err := w.ApplyDeliveries(t.Context(), 100, func(tx *store.Tx, ds []*store.Delivery) error {
		var did struct{ Read, Locks int }
		err := tx.GetContext(t.Context(), &did, `SELECT (SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'deliveries') AS read,
			(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks`)
		if err != nil {
			return err
		}
		if did.Read > 3000 || did.Locks > 100 {
			t.Errorf("it read %d rows and took %d locks", did.Read, did.Locks)
		}
		for _, d := range ds {
			d.Verdict = store.VerdictIgnored
		}
		return nil
	})
	if err != nil || n != 100 {
		t.Errorf("took %d, error %v", n, err)
	}
}

// What is about nothing in particular neither blocks nor waits.
func TestOneWithoutASubjectBlocksNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"bad", "good"} {
		d := delivery(id, "", "")
		d.Company = ""
		w.record(d)
	}
	n, err := w.ApplyDeliveries(t.Context(), 100, each(func(_ *store.Tx, d *store.Delivery) (store.Verdict, error) {
		if *d.WebhookID == "bad" {
			return "", fmt.Errorf("broken")
		}
		return store.VerdictIgnored, nil
	}))
	if err == nil || n != 2 || w.verdicts()[store.VerdictIgnored] != 1 {
		t.Errorf("took %d, verdicts %v, error %v", n, w.verdicts(), err)
	}
}

func TestTidyAPITokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, revoked := range []string{"NULL", "clock() - interval '12 months'", "clock() - interval '14 months'"} {
		w.sql().MustExec(`INSERT INTO api_tokens (name, hash, scopes, created_at, revoked_at)
			VALUES ($1::text, sha256($1::text::bytea), '{expenses:read}', clock() - interval '3 years', `+revoked+`)`, strconv.Itoa(n))
	}
	if err := w.TidyAPITokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := w.sql().Get(&left, `SELECT string_agg(name, ' ' ORDER BY name) FROM api_tokens`); err != nil || left != "0 1" {
		t.Errorf("tokens left: %q, %v", left, err)
	}
}
