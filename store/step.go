package store

import (
	"context"
	"fmt"
	"time"
)

// StepKind is the kind of record a step writes, in Codat's spelling where Codat has one.
type StepKind string

const (
	AccountStep    StepKind = "account"
	SupplierStep   StepKind = "supplier"
	DirectCostStep StepKind = "directCost"
	AttachmentStep StepKind = "attachment" // a receipt, at a directCost that is in the ledger
)

// shared is true of records that many expenses refer to, which must be in the ledger before those.
func (k StepKind) shared() bool { return k == AccountStep || k == SupplierStep }

// StepState is how one Codat write stands. The step row is also its own queue entry.
type StepState string

const (
	StepWaiting       StepState = "waiting"        // until the steps it needs have succeeded
	StepReady         StepState = "ready"          // until a worker claims it, at next_try_at or later
	StepSending       StepState = "sending"        // a worker has it, until its lease runs out
	StepLooking       StepState = "looking"        // in doubt, and its key is spent: we look for it at Codat
	StepPending       StepState = "pending"        // Codat has accepted it and works on it
	StepNeedsChecking StepState = "needs_checking" // Codat timed out, or we cannot know; late news or a person moves it on
	StepSuccess       StepState = "success"        // the record is in the ledger
	StepFailed        StepState = "failed"         // the record is not in the ledger
	StepWithdrawn     StepState = "withdrawn"      // never sent
)

// Step is one Codat write, as pages show it.
type Step struct {
	ID            int64
	Kind          StepKind
	Label         string
	Code          *string // of a new account
	State         StepState
	Doubt         bool
	OperationKey  *string    `db:"operation_key"`
	RecordID      *string    `db:"record_id"`
	RecordType    *string    `db:"record_type"`
	Error         []byte     // the failure as Codat told it: an explain.Fact as JSON, nil when there is none
	Warnings      []byte     // Codat's validation warnings as JSON, nil when there are none
	ToldBy        string     `db:"told_by"` // how its outcome was learnt: reply, webhook, reading, history, person; "" before
	FirstSentAt   *time.Time `db:"first_sent_at"`
	SentAt        *time.Time `db:"sent_at"`
	SettledAt     *time.Time `db:"settled_at"`
	NextTryAt     time.Time  `db:"next_try_at"`
	WaitReason    string     `db:"wait_reason"`
	AttemptsCount int        `db:"attempts"`
	Attempts      []Attempt  `db:"-"`
}

// Attempt is one HTTP send of a step.
type Attempt struct {
	ID             int64
	StepID         int64 `db:"step_id"`
	Number         int
	IdempotencyKey string `db:"idempotency_key"`
	Path           string
	Request        []byte
	StartedAt      time.Time  `db:"started_at"`
	FinishedAt     *time.Time `db:"finished_at"`
	Status         *int       // HTTP; nil = no answer
	Reply          []byte
	Error          string
}

func (s *Store) stepsOf(ctx context.Context, pushID int64) ([]Step, error) {
	var steps []Step
	err := s.db.SelectContext(ctx, &steps, `
		SELECT s.id, s.kind, s.label, s.code, s.state, s.doubt, s.operation_key, s.record_id, s.record_type, s.error, s.warnings, s.told_by,
			s.first_sent_at, s.sent_at, s.settled_at, s.next_try_at, s.wait_reason, s.attempts
		FROM push_needs n JOIN push_steps s ON s.id = n.step_id WHERE n.push_id = $1 ORDER BY n.position, s.id`, pushID)
	if err != nil {
		return nil, fmt.Errorf("list steps of push %d: %w", pushID, err)
	}
	for i := range steps {
		err := s.db.SelectContext(ctx, &steps[i].Attempts, `
			SELECT id, step_id, number, idempotency_key, path, request, started_at, finished_at, status, reply, error
			FROM push_attempts WHERE step_id = $1 ORDER BY number`, steps[i].ID)
		if err != nil {
			return nil, fmt.Errorf("list attempts of step %d: %w", steps[i].ID, err)
		}
	}
	return steps, nil
}
