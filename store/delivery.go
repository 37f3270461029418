package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
)

// Verdict is what became of a delivery.
type Verdict string

const (
	VerdictNew        Verdict = "new"        // stored, not yet applied
	VerdictApplied    Verdict = "applied"    // it changed something
	VerdictDuplicate  Verdict = "duplicate"  // it told what was known already
	VerdictUnmatched  Verdict = "unmatched"  // its operation is not known (yet): a webhook may beat our own reply
	VerdictNotOurs    Verdict = "not_ours"   // about something that nobody here knows
	VerdictIgnored    Verdict = "ignored"    // of a kind that changes nothing here
	VerdictUnreadable Verdict = "unreadable" // authentic, but not JSON we can read
	VerdictSetAside   Verdict = "set_aside"  // applying it failed again and again
)

// Delivery is one webhook message received. Body is as it came; Headers are without credentials.
type Delivery struct {
	ID           int64
	ReceivedAt   time.Time `db:"received_at"`
	WebhookID    *string   `db:"webhook_id"`
	DedupeKey    *string   `db:"dedupe_key"`
	Generation   string    // current, legacy
	Type         string
	Company      string // Codat's ids, as said
	Connection   string
	OperationKey string `db:"operation_key"`
	Headers      json.RawMessage
	Body         []byte
	CompanyID    *int64 `db:"company_id"` // what it is about here, once applied
	ExpenseID    *int64 `db:"expense_id"`
	ConnectionID *int64 `db:"connection_id"`
	Verdict      Verdict
	Tries        int
	Error        string
	AppliedAt    *time.Time `db:"applied_at"`
}

const deliveryColumns = `id, received_at, webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body,
	company_id, expense_id, connection_id, verdict, tries, error, applied_at`

// RecordDelivery stores a message before it is acknowledged, and reports whether it is new: a repeat, known by webhook id or
// dedupe key, stores nothing. It is one INSERT, committed by itself, that announces nothing: the receiving process wakes
// its own inbox.
func (s *Store) RecordDelivery(ctx context.Context, d Delivery) (isNew bool, err error) {
	stored, err := s.execCount(ctx, `
		INSERT INTO deliveries (webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body, verdict, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		d.WebhookID, d.DedupeKey, d.Generation, d.Type, d.Company, d.Connection, d.OperationKey, string(d.Headers), d.Body, d.Verdict, d.Error)
	if err != nil {
		return false, fmt.Errorf("record delivery: %w", err)
	}
	return stored == 1, nil
}

const maxDeliveryTries = 8

// Apply says by its Verdict what became of each delivery, and fills in what it is about; what it changes commits together with that.
type Apply func(tx *Tx, ds []*Delivery) error

// ApplyDeliveries takes the oldest deliveries that are due, at most limit, and applies them in one transaction. When that fails each
// is tried by itself: an error or a panic of apply is counted, and the delivery tried again later and in the end set aside. Behind
// one that failed those about the same subject wait, in order. It returns how many it took.
func (s *Store) ApplyDeliveries(ctx context.Context, limit int, apply Apply) (int, error) {
	taken, err := s.applyBatch(ctx, limit, apply)
	if err == nil || len(taken) <= 1 || Unavailable(err) {
		return len(taken), err
	}
	var errs []error
	for range taken {
		n, err := s.ApplyDeliveries(ctx, 1, apply)
		errs = append(errs, err)
		if n == 0 || Unavailable(err) {
			break
		}
	}
	return len(taken), errors.Join(errs...)
}

// applyBatch applies what it takes. One that is alone and cannot be applied is marked as failed, in the same transaction: nobody may
// take one about the same subject in between.
func (s *Store) applyBatch(ctx context.Context, limit int, apply Apply) (taken []int64, err error) {
	var failed error
	err = s.InTx(ctx, func(tx *Tx) error {
		taken, failed = taken[:0], nil
		ds, err := tx.takeDeliveries(ctx, limit)
		if err != nil || len(ds) == 0 {
			return err
		}
		for _, d := range ds {
			taken = append(taken, d.ID)
		}
		if len(ds) > 1 {
			return tx.applyTaken(ctx, ds, apply)
		}
		failed = tx.attempt(ctx, func() error { return tx.applyTaken(ctx, ds, apply) })
		if failed == nil || Unavailable(failed) || again(failed) {
			return failed
		}
		return tx.deliveryFailed(ctx, ds[0], failed)
	})
	if err == nil {
		err = failed
	}
	return taken, err
}

// blocked is whether delivery d waits behind one about the same subject that could not be applied. What is about nothing in
// particular waits for nobody.
const blocked = `d.subject <> '' AND EXISTS (SELECT 1 FROM deliveries b WHERE b.failed_at IS NOT NULL AND b.subject = d.subject AND b.id < d.id)`

// takeDeliveries takes the oldest that are due and whose subject no other process has. Only when it has locked the subjects does it
// see what others have made of deliveries about them; so it looks twice.
func (tx *Tx) takeDeliveries(ctx context.Context, limit int) ([]*Delivery, error) {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH due AS MATERIALIZED (
			SELECT * FROM (
				(SELECT id, subject FROM deliveries d WHERE verdict = 'new' AND failed_at IS NULL AND NOT (`+blocked+`) ORDER BY id LIMIT $1 * 4)
				UNION ALL
				(SELECT id, subject FROM deliveries d WHERE failed_at IS NOT NULL AND next_try_at <= clock() AND NOT (`+blocked+`) ORDER BY id LIMIT $1 * 4)) r
			ORDER BY id)
		SELECT id FROM due WHERE subject = '' OR pg_try_advisory_xact_lock(hashtextextended(subject, 7242004)) LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("lock subjects of deliveries: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var ds []*Delivery
	err = tx.SelectContext(ctx, &ds, `
		WITH mine AS MATERIALIZED (SELECT * FROM deliveries WHERE id = ANY($1) FOR UPDATE)
		SELECT `+deliveryColumns+` FROM mine d WHERE verdict = 'new' AND next_try_at <= clock() AND NOT (`+blocked+`) ORDER BY id`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("take deliveries: %w", err)
	}
	return ds, nil
}

func (tx *Tx) applyTaken(ctx context.Context, ds []*Delivery, apply Apply) error {
	for _, d := range ds {
		d.Error = ""
	}
	if err := guarded(apply, tx, ds); err != nil {
		return fmt.Errorf("apply %d deliveries from %d on: %w", len(ds), ds[0].ID, err)
	}
	return tx.noteVerdicts(ctx, ds)
}

// guarded makes a panic of apply an error.
func guarded(apply Apply, tx *Tx, ds []*Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return apply(tx, ds)
}

// noteVerdicts keeps what became of deliveries. Of one whose subject is not known, the company and the connection that it names.
func (tx *Tx) noteVerdicts(ctx context.Context, ds []*Delivery) error {
	n := len(ds)
	ids, verdicts, companies, expenses, connections := make([]int64, n), make([]string, n), make([]*int64, n), make([]*int64, n), make([]*int64, n)
	errs := make([]string, n)
	for i, d := range ds {
		if d.Verdict == VerdictNew {
			return fmt.Errorf("delivery %d has no verdict", d.ID)
		}
		ids[i], verdicts[i], errs[i], companies[i], expenses[i], connections[i] = d.ID, string(d.Verdict), d.Error, d.CompanyID, d.ExpenseID, d.ConnectionID
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE deliveries d SET verdict = v.verdict, applied_at = clock(), tries = tries + 1, failed_at = NULL, error = v.error, expense_id = v.expense_id,
			company_id = coalesce(v.company_id, (SELECT id FROM companies WHERE codat_id = d.company)),
			connection_id = coalesce(v.connection_id, CASE WHEN v.company_id IS NULL THEN (SELECT id FROM connections WHERE codat_id = d.connection) END)
		FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
			AS v (id, verdict, company_id, expense_id, connection_id, error)
		WHERE d.id = v.id`, pq.Array(ids), pq.Array(verdicts), pq.Array(companies), pq.Array(expenses), pq.Array(connections), pq.Array(errs))
	if err != nil {
		return fmt.Errorf("note verdicts: %w", err)
	}
	tx.changed(DeliveryChanged, ids...)
	return nil
}

// deliveryFailed has a delivery tried again later, or sets it aside.
func (tx *Tx) deliveryFailed(ctx context.Context, d *Delivery, cause error) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE deliveries SET tries = tries + 1, error = $2, next_try_at = clock() + interval '1 s' * power(2, least(tries, 10)),
			verdict = CASE WHEN tries + 1 >= $3 THEN 'set_aside' ELSE verdict END,
			failed_at = CASE WHEN tries + 1 < $3 THEN clock() END
		WHERE id = $1`, d.ID, clipText(cause.Error(), 500), maxDeliveryTries)
	if err != nil {
		return fmt.Errorf("note failed delivery: %w", err)
	}
	tx.changed(DeliveryChanged, d.ID)
	return nil
}

// PushNews is what a delivery says of an operation.
type PushNews struct {
	Delivery     *Delivery
	OperationKey string
	Outcome      Outcome
}

// ApplyPushNews applies what deliveries say of operations, in order about each. A failure is not believed before the operation
// itself was read, which also has the reason; so it is only asked for. A key that nobody knows leaves the delivery unmatched.
func (tx *Tx) ApplyPushNews(ctx context.Context, news []PushNews) error {
	steps, err := tx.stepsOfOperations(ctx, news)
	if err != nil {
		return err
	}
	var booked []finishing
	var others []PushNews
	met := map[string]bool{}
	for _, n := range news {
		s, known := steps[n.OperationKey]
		if !known {
			n.Delivery.Verdict = VerdictUnmatched
			continue
		}
		n.Delivery.CompanyID, n.Delivery.ConnectionID, n.Delivery.ExpenseID = &s.CompanyID, &s.ConnectionID, s.ExpenseID
		if s.Kind == DirectCostStep && stepRank(s.State) < 2 && n.Outcome.Status == OutcomeSuccess && !met[n.OperationKey] {
			n.Delivery.Verdict = VerdictApplied
			booked = append(booked, finishing{s.settledStep, n.Outcome})
		} else {
			others = append(others, n)
		}
		met[n.OperationKey] = true
	}
	if err := tx.finish(ctx, StepSuccess, booked); err != nil { // what FinishStep does, for many at once
		return err
	}
	for _, n := range others {
		changed, err := tx.applyOtherNews(ctx, steps[n.OperationKey].ID, n.Outcome)
		if err != nil {
			return err
		}
		n.Delivery.Verdict = VerdictDuplicate
		if changed {
			n.Delivery.Verdict = VerdictApplied
		}
	}
	return nil
}

type newsStep struct {
	settledStep
	OperationKey string `db:"operation_key"`
	ExpenseID    *int64 `db:"expense_id"`
}

// stepsOfOperations locks the operations that are told of, and returns the steps that have them, by their keys.
func (tx *Tx) stepsOfOperations(ctx context.Context, news []PushNews) (map[string]newsStep, error) {
	keys := make([]string, len(news))
	for i, n := range news {
		keys[i] = n.OperationKey
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if err := tx.lockOperations(ctx, keys); err != nil {
		return nil, err
	}
	var found []newsStep
	err := tx.SelectContext(ctx, &found, `
		SELECT s.id, s.company_id, s.connection_id, s.kind, s.state, s.operation_key, CASE WHEN s.kind = 'attachment'
			THEN (SELECT o.expense_id FROM push_needs n JOIN pushes o ON o.id = n.push_id WHERE n.step_id = s.id LIMIT 1) ELSE p.expense_id END AS expense_id
		FROM push_steps s LEFT JOIN pushes p ON p.cost_step_id = s.id WHERE s.operation_key = ANY($1) ORDER BY s.id FOR UPDATE OF s`, pq.Array(keys))
	if err != nil {
		return nil, fmt.Errorf("find steps of operations: %w", err)
	}
	steps := make(map[string]newsStep, len(found))
	for _, s := range found {
		steps[s.OperationKey] = s
	}
	return steps, nil
}

// applyOtherNews reports whether anything changed.
func (tx *Tx) applyOtherNews(ctx context.Context, stepID int64, o Outcome) (bool, error) {
	if o.Status != OutcomeFailed {
		return tx.FinishStep(ctx, stepID, o)
	}
	var step struct {
		State    StepState
		AskedNow bool `db:"asked_now"`
	}
	err := tx.GetContext(ctx, &step, `SELECT state, coalesce(ask_at <= clock(), false) AS asked_now FROM push_steps WHERE id = $1`, stepID)
	if err != nil {
		return false, fmt.Errorf("read step %d: %w", stepID, err)
	}
	if stepRank(step.State) == 2 || step.AskedNow {
		return false, nil
	}
	return true, tx.ask(ctx, stepID)
}

// Delivery returns one delivery, or ErrNotFound.
func (s *Store) Delivery(ctx context.Context, id int64) (Delivery, error) {
	var d Delivery
	if err := s.db.GetContext(ctx, &d, `SELECT `+deliveryColumns+` FROM deliveries WHERE id = $1`, id); err != nil {
		return d, fmt.Errorf("read delivery %d: %w", id, err)
	}
	return d, nil
}

// clipText makes a text that PostgreSQL takes of any bytes, of at most n characters.
func clipText(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
