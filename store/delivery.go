package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
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

// recordTime is how long the storing of deliveries may take: their senders wait.
const recordTime = 5 * time.Second

// RecordDelivery stores a message before it is acknowledged, and reports whether it is new: a repeat, known by webhook id or
// dedupe key, stores nothing. It is one INSERT, committed by itself, that announces nothing: the receiving process wakes
// its own inbox.
func (s *Store) RecordDelivery(ctx context.Context, d Delivery) (isNew bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	var id int64
	err = s.db.GetContext(ctx, &id, `
		INSERT INTO deliveries (webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body, verdict, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING id`,
		d.WebhookID, d.DedupeKey, d.Generation, d.Type, d.Company, d.Connection, d.OperationKey, string(d.Headers), d.Body, d.Verdict, d.Error)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("record delivery: %w", err)
	}
	return true, nil
}

const maxDeliveryTries = 8

// Apply says what became of a delivery and fills in what it is about; what it changes commits together with its verdict.
type Apply func(tx *Tx, d *Delivery) (Verdict, error)

// ApplyDeliveries takes the oldest deliveries that are due, at most limit, and applies them in one transaction. When that fails each
// is tried by itself: an error or a panic of apply is counted, and the delivery tried again later and in the end set aside. Behind
// one that failed those about the same subject wait, in order. It returns how many it took.
func (s *Store) ApplyDeliveries(ctx context.Context, limit int, apply Apply) (int, error) {
	taken, err := s.applyBatch(ctx, limit, apply)
	switch {
	case err == nil, len(taken) == 0, Unavailable(err):
		return len(taken), err
	case len(taken) == 1:
		return 1, errors.Join(err, s.deliveryFailed(ctx, taken[0], err))
	}
	var errs []error
	for range taken {
		found, err := s.ApplyDelivery(ctx, apply)
		errs = append(errs, err)
		if !found || Unavailable(err) {
			break
		}
	}
	return len(taken), errors.Join(errs...)
}

// ApplyDelivery is ApplyDeliveries for one. It reports whether there was one.
func (s *Store) ApplyDelivery(ctx context.Context, apply Apply) (bool, error) {
	n, err := s.ApplyDeliveries(ctx, 1, apply)
	return n > 0, err
}

func (s *Store) applyBatch(ctx context.Context, limit int, apply Apply) (taken []int64, err error) {
	err = s.InTx(ctx, func(tx *Tx) (err error) {
		taken = taken[:0]
		var ds []Delivery
		err = tx.SelectContext(ctx, &ds, `
			SELECT `+deliveryColumns+` FROM deliveries d
			WHERE verdict = 'new' AND next_try_at <= clock()
				AND NOT EXISTS (SELECT 1 FROM deliveries b WHERE b.verdict = 'new' AND b.tries > 0 AND b.subject = d.subject AND b.id < d.id)
				AND pg_try_advisory_xact_lock(hashtextextended(subject, 7242004)) -- or another process has one of the same subject
			ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`, limit)
		if err != nil {
			return fmt.Errorf("take deliveries: %w", err)
		}
		for i := range ds {
			taken = append(taken, ds[i].ID)
		}
		for i := range ds {
			if err := tx.applyDelivery(ctx, &ds[i], apply); err != nil {
				return err
			}
		}
		return nil
	})
	return taken, err
}

func (tx *Tx) applyDelivery(ctx context.Context, d *Delivery, apply Apply) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("apply delivery %d: panic: %v\n%s", d.ID, p, debug.Stack())
		}
	}()
	verdict, err := apply(tx, d)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE deliveries SET verdict = $2, applied_at = clock(), tries = tries + 1, error = '', company_id = $3, expense_id = $4, connection_id = $5
		WHERE id = $1`, d.ID, verdict, d.CompanyID, d.ExpenseID, d.ConnectionID)
	if err != nil {
		return fmt.Errorf("note verdict: %w", err)
	}
	tx.changed(DeliveryChanged, d.ID)
	return nil
}

func (s *Store) deliveryFailed(ctx context.Context, id int64, cause error) error {
	return s.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE deliveries SET tries = tries + 1, error = $2, next_try_at = clock() + interval '1 s' * power(2, least(tries, 10)),
				verdict = CASE WHEN tries + 1 >= $3 THEN 'set_aside' ELSE verdict END
			WHERE id = $1 AND verdict = 'new'`, id, clipText(cause.Error(), 500), maxDeliveryTries)
		if err != nil {
			return fmt.Errorf("note failed delivery: %w", err)
		}
		tx.changed(DeliveryChanged, id)
		return nil
	})
}

// PushNews is what a delivery says of an operation.
type PushNews struct {
	OperationKey string
	Outcome      Outcome
}

// ApplyPushNews applies what a delivery says of an operation. A failure is not believed before the operation itself was
// read, which also has the reason; so it is only asked for. A key that nobody knows leaves the delivery unmatched.
func (tx *Tx) ApplyPushNews(ctx context.Context, d *Delivery, n PushNews) (Verdict, error) {
	if err := tx.lockOperation(ctx, n.OperationKey); err != nil {
		return "", err
	}
	var step struct {
		ID           int64
		CompanyID    int64  `db:"company_id"`
		ConnectionID int64  `db:"connection_id"`
		ExpenseID    *int64 `db:"expense_id"`
		State        StepState
		Asked        int
		AskedNow     bool `db:"asked_now"`
	}
	err := tx.GetContext(ctx, &step, `
		SELECT s.id, s.company_id, s.connection_id, p.expense_id, s.state, s.asked, coalesce(s.ask_at <= clock(), false) AS asked_now
		FROM push_steps s LEFT JOIN pushes p ON p.cost_step_id = s.id WHERE s.operation_key = $1 FOR UPDATE OF s`, n.OperationKey)
	if errors.Is(err, ErrNotFound) {
		return VerdictUnmatched, nil
	}
	if err != nil {
		return "", fmt.Errorf("find step of operation: %w", err)
	}
	d.CompanyID, d.ConnectionID, d.ExpenseID = &step.CompanyID, &step.ConnectionID, step.ExpenseID
	if n.Outcome.Status == OutcomeFailed {
		if stepRank(step.State) == 2 || step.AskedNow {
			return VerdictDuplicate, nil
		}
		return VerdictApplied, tx.ask(ctx, step.ID)
	}
	changed, err := tx.FinishStep(ctx, step.ID, n.Outcome)
	if err != nil {
		return "", err
	}
	if !changed {
		return VerdictDuplicate, nil
	}
	return VerdictApplied, nil
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
