package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// StepKind is the kind of record a step writes, in Codat's spelling where Codat has one.
type StepKind string

const (
	AccountStep    StepKind = "account"
	SupplierStep   StepKind = "supplier"
	DirectCostStep StepKind = "directCost"
)

// StepState is how one Codat write stands. The step row is also its own queue entry.
type StepState string

const (
	StepWaiting       StepState = "waiting"        // until the steps it needs have succeeded
	StepReady         StepState = "ready"          // until a worker claims it, at next_try_at or later
	StepSending       StepState = "sending"        // a worker has it, until its lease runs out
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
	State         StepState
	Doubt         bool
	OperationKey  *string    `db:"operation_key"`
	RecordID      *string    `db:"record_id"`
	RecordType    *string    `db:"record_type"`
	Error         []byte     // the failure as Codat told it: an explain.Fact as JSON, nil when there is none
	Warnings      []byte     // Codat's validation warnings as JSON, nil when there are none
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
		SELECT s.id, s.kind, s.label, s.state, s.doubt, s.operation_key, s.record_id, s.record_type, s.error, s.warnings,
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

// Claim is a step that this process may send until the lease runs out.
type Claim struct {
	ID             int64
	Kind           StepKind
	Subject        string
	Label          string
	Lease          uuid.UUID
	Body           []byte // nil before the first send
	IdempotencyKey string `db:"idempotency_key"`
	Doubt          bool
	Attempts       int           // sends before this one
	Age            time.Duration `db:"-"` // since the first send; 0 before it
	AgeSeconds     float64       `db:"age"`
	CompanyID      int64         `db:"company_id"`
	Company        string        // Codat's company id
	ConnectionID   int64         `db:"connection_id"`
	Connection     string        // Codat's connection id
	PlatformName   string        `db:"platform_name"`
	PlatformKey    string        `db:"platform_key"`
	Snapshot       []byte        // the push's, for a directCost
}

// claimLock lets one process at a time claim, so that the limit of each company holds over all of them.
const claimLock = 7242001

// ClaimSteps hands out steps that are due: at most limit, and so that no company has more than perCompany in the air over
// all processes. A step whose lease ran out is due again, in doubt if it may have been sent.
func (s *Store) ClaimSteps(ctx context.Context, limit, perCompany int, lease time.Duration) ([]Claim, error) {
	var claims []Claim
	err := s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, claimLock); err != nil {
			return fmt.Errorf("lock claims: %w", err)
		}
		return tx.SelectContext(ctx, &claims, `
			WITH candidate AS (
				(SELECT id, company_id, connection_id, next_try_at FROM push_steps WHERE state = 'ready' AND next_try_at <= clock()
				 ORDER BY next_try_at, id LIMIT 5000)
				UNION ALL
				SELECT id, company_id, connection_id, next_try_at FROM push_steps WHERE state = 'sending' AND lease_until < clock()),
			flying AS (
				SELECT company_id, count(*) AS n FROM push_steps WHERE state = 'sending' AND lease_until >= clock() GROUP BY company_id),
			due AS (
				SELECT s.id, s.next_try_at, s.company_id, row_number() OVER (PARTITION BY s.company_id ORDER BY s.next_try_at, s.id) AS nth
				FROM candidate s JOIN connections cn ON cn.id = s.connection_id JOIN companies co ON co.id = s.company_id
				WHERE cn.status = 'Linked' AND cn.deleted_at IS NULL AND co.deleted_at IS NULL AND NOT co.example
					AND NOT EXISTS (SELECT 1 FROM send_pauses p WHERE p.until > clock() AND (p.company_id IS NULL OR p.company_id = s.company_id))),
			chosen AS (
				SELECT due.id FROM due LEFT JOIN flying USING (company_id)
				WHERE due.nth + coalesce(flying.n, 0) <= $2 ORDER BY due.next_try_at, due.id LIMIT $1),
			claimed AS (
				UPDATE push_steps s SET state = 'sending', lease = gen_random_uuid(), lease_until = clock() + make_interval(secs => $3),
					doubt = s.doubt OR s.state = 'sending' AND s.first_sent_at IS NOT NULL
				FROM chosen WHERE s.id = chosen.id RETURNING s.*)
			SELECT s.id, s.kind, s.subject, s.label, s.lease, s.body, s.idempotency_key, s.doubt, s.attempts,
				coalesce(extract(epoch FROM clock() - s.first_sent_at), 0)::float8 AS age,
				s.company_id, co.codat_id AS company, s.connection_id, cn.codat_id AS connection, cn.platform_name, cn.platform_key, p.snapshot
			FROM claimed s JOIN companies co ON co.id = s.company_id JOIN connections cn ON cn.id = s.connection_id
				LEFT JOIN pushes p ON p.cost_step_id = s.id
			ORDER BY s.next_try_at, s.id`, limit, perCompany, lease.Seconds())
	})
	if err != nil {
		return nil, fmt.Errorf("claim steps: %w", err)
	}
	for i := range claims {
		claims[i].Age = time.Duration(claims[i].AgeSeconds * float64(time.Second))
	}
	return claims, nil
}

// Release gives claims back unsent, as they were.
func (s *Store) Release(ctx context.Context, claims []Claim) error {
	ids, leases := make([]int64, len(claims)), make([]string, len(claims))
	for i, c := range claims {
		ids[i], leases[i] = c.ID, c.Lease.String()
	}
	_, err := s.db.ExecContext(ctx, `
		UPDATE push_steps s SET state = 'ready', lease = NULL, lease_until = NULL
		FROM unnest($1::bigint[], $2::uuid[]) AS c (id, lease) WHERE s.id = c.id AND s.lease = c.lease AND s.state = 'sending'`,
		int64s(ids), stringArray(leases))
	if err != nil {
		return fmt.Errorf("release claims: %w", err)
	}
	return nil
}

// ErrLeaseLost means that another process has taken a step up, or that it has been settled: do not send it.
var ErrLeaseLost = errors.New("the lease on the step was lost")

// BeginAttempt commits, before anything is sent, that the claim's step is being sent with exactly these bytes. The first
// bytes a step was sent with are the ones it keeps. It returns ErrLeaseLost when the claim no longer holds.
func (s *Store) BeginAttempt(ctx context.Context, c Claim, path string, body []byte) (attemptID int64, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		err := tx.GetContext(ctx, &attemptID, `
			WITH step AS (
				UPDATE push_steps SET body = coalesce(body, $3), attempts = attempts + 1, sent_at = clock(),
					first_sent_at = coalesce(first_sent_at, clock()), wait_reason = ''
				WHERE id = $1 AND lease = $2 AND state = 'sending' AND lease_until > clock()
				RETURNING id, company_id, attempts, idempotency_key, body)
			INSERT INTO push_attempts (company_id, step_id, number, idempotency_key, path, request)
			SELECT company_id, id, attempts, idempotency_key, $4, body FROM step RETURNING id`, c.ID, c.Lease, body, path)
		if errors.Is(err, ErrNotFound) {
			return ErrLeaseLost
		}
		if err != nil {
			return fmt.Errorf("begin attempt: %w", err)
		}
		ids, err := tx.expensesOf(ctx, c.ID)
		tx.changed(ExpenseChanged, ids...)
		return err
	})
	return attemptID, err
}

// Reply is what came back from one send. Status 0 = no answer.
type Reply struct {
	Status int
	Body   []byte
	Error  string
}

// Failure is why a step did not succeed: the fact as Codat told it (an explain.Fact as JSON), and the cause that the rules
// of that version chose.
type Failure struct {
	Fact           json.RawMessage
	Cause, Subject string
	Rules          int
}

// Pause asks all processes to send nothing for a while: for one company, or for the whole client when Company is 0.
type Pause struct {
	Company int64
	For     time.Duration
	Reason  string // rate_limited, unauthorized, payment_required, forbidden
}

// Settlement is what one send means for its step.
type Settlement struct {
	Reply Reply

	// One of:
	OperationKey string        // Codat accepted it: its operation, and
	Outcome      Outcome       // how that stands
	Again        time.Duration // send again after this long, because of Reason; > 0
	Failed       *Failure      // it is not in the ledger
	Unknown      *Failure      // it may be in the ledger

	Reason string
	Doubt  bool // with Again: this send may have been accepted
	Pause  *Pause
}

// SettleAttempt ends an attempt and moves its step on. An operation's key is kept whoever holds the lease by now: it is the
// truth. Anything else counts only while the claim holds.
func (s *Store) SettleAttempt(ctx context.Context, c Claim, attemptID int64, st Settlement) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if attemptID != 0 {
			var status *int
			if st.Reply.Status != 0 {
				status = &st.Reply.Status
			}
			_, err := tx.ExecContext(ctx, `UPDATE push_attempts SET finished_at = clock(), status = $2, reply = $3, error = $4 WHERE id = $1`,
				attemptID, status, st.Reply.Body, st.Reply.Error)
			if err != nil {
				return fmt.Errorf("end attempt: %w", err)
			}
		}
		if st.Pause != nil {
			if err := tx.pause(ctx, *st.Pause); err != nil {
				return err
			}
		}
		switch {
		case st.OperationKey != "":
			return tx.accepted(ctx, c, st.OperationKey, st.Outcome)
		case st.Failed != nil:
			return tx.settleClaim(ctx, c, StepFailed, *st.Failed, false)
		case st.Unknown != nil:
			return tx.settleClaim(ctx, c, StepNeedsChecking, *st.Unknown, attemptID != 0 || c.Doubt)
		}
		_, err := tx.ExecContext(ctx, `
			UPDATE push_steps SET state = 'ready', lease = NULL, lease_until = NULL, doubt = doubt OR $3,
				next_try_at = clock() + make_interval(secs => $4), wait_reason = $5
			WHERE id = $1 AND lease = $2 AND state = 'sending'`, c.ID, c.Lease, st.Doubt, st.Again.Seconds(), st.Reason)
		if err != nil {
			return fmt.Errorf("postpone step: %w", err)
		}
		ids, err := tx.expensesOf(ctx, c.ID)
		tx.changed(ExpenseChanged, ids...)
		tx.changed(WorkChanged, 0)
		return err
	})
}

// accepted keeps an operation's key, and wakes the deliveries that came before it.
func (tx *Tx) accepted(ctx context.Context, c Claim, key string, o Outcome) error {
	if err := tx.lockOperation(ctx, key); err != nil {
		return err
	}
	var id int64
	err := tx.GetContext(ctx, &id, `
		UPDATE push_steps SET state = 'pending', lease = NULL, lease_until = NULL, doubt = false, operation_key = $2, wait_reason = '',
			ask_at = clock() + interval '5 min'
		WHERE id = $1 AND operation_key IS NULL AND state IN ('sending', 'ready') RETURNING id`, c.ID, key)
	if errors.Is(err, ErrNotFound) {
		return nil // the same key is known already: Codat replayed its reply
	}
	if err != nil {
		return fmt.Errorf("keep operation key: %w", err)
	}
	var woken []int64
	err = tx.SelectContext(ctx, &woken, `
		UPDATE deliveries SET verdict = 'new', next_try_at = clock() WHERE operation_key = $1 AND verdict = 'unmatched' RETURNING id`, key)
	if err != nil {
		return fmt.Errorf("wake early deliveries: %w", err)
	}
	if len(woken) > 0 {
		tx.changed(InboxChanged, 0)
	}
	changed, err := tx.FinishStep(ctx, c.ID, o)
	if err != nil || changed {
		return err
	}
	ids, err := tx.expensesOf(ctx, c.ID)
	tx.changed(ExpenseChanged, ids...)
	return err
}

// lockOperation makes the saving of an operation's key and the search for it wait for each other, so that a delivery that
// comes at that very moment is matched by one of the two.
func (tx *Tx) lockOperation(ctx context.Context, key string) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7242002))`, key); err != nil {
		return fmt.Errorf("lock operation: %w", err)
	}
	return nil
}

func (tx *Tx) settleClaim(ctx context.Context, c Claim, state StepState, f Failure, doubt bool) error {
	var id int64
	err := tx.GetContext(ctx, &id, `
		UPDATE push_steps SET state = $3, lease = NULL, lease_until = NULL, settled_at = clock(), error = $4::jsonb, wait_reason = '',
			doubt = $5 AND first_sent_at IS NOT NULL
		WHERE id = $1 AND lease = $2 AND state = 'sending' RETURNING id`, c.ID, c.Lease, state, jsonOrNull(f.Fact), doubt)
	if errors.Is(err, ErrNotFound) {
		return ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("settle step: %w", err)
	}
	return tx.settlePushes(ctx, c.ID, state, f)
}

// OutcomeStatus is how an operation stands, in Codat's words. Unknown ones count as Pending.
type OutcomeStatus string

const (
	OutcomePending  OutcomeStatus = "Pending"
	OutcomeTimedOut OutcomeStatus = "TimedOut"
	OutcomeFailed   OutcomeStatus = "Failed"
	OutcomeSuccess  OutcomeStatus = "Success"
)

// Outcome is news of an operation: from the HTTP reply, a webhook, or a reading of it.
type Outcome struct {
	Status     OutcomeStatus
	RecordID   string // "" when not told
	RecordType string
	Warnings   json.RawMessage
	Failure    Failure
	Source     string // reply, webhook, reading
}

func (o Outcome) rank() int {
	switch o.Status {
	case OutcomeTimedOut:
		return 1
	case OutcomeFailed, OutcomeSuccess:
		return 2
	}
	return 0
}

// FinishStep is the one place where news of an operation changes its step, whatever the source: Pending < TimedOut < Failed
// or Success, and repeated or reordered news changes nothing. One kind of late news is never dropped: a Success for a step
// that failed or was withdrawn leaves a notice that the expense may be booked twice. It reports whether anything changed.
func (tx *Tx) FinishStep(ctx context.Context, stepID int64, o Outcome) (bool, error) {
	var s struct {
		State        StepState
		RecordID     *string `db:"record_id"`
		CompanyID    int64   `db:"company_id"`
		ConnectionID int64   `db:"connection_id"`
	}
	err := tx.GetContext(ctx, &s, `SELECT state, record_id, company_id, connection_id FROM push_steps WHERE id = $1 FOR UPDATE`, stepID)
	if err != nil {
		return false, fmt.Errorf("read step %d: %w", stepID, err)
	}
	switch now := stepRank(s.State); {
	case now < 2 && o.rank() > now:
		return true, tx.finish(ctx, stepID, s.ConnectionID, o)
	case s.State == StepSuccess && o.Status == OutcomeSuccess && s.RecordID == nil && o.RecordID != "":
		_, err := tx.ExecContext(ctx, `UPDATE push_steps SET record_id = $2, record_type = nullif($3, ''), ask_at = NULL WHERE id = $1`, stepID, o.RecordID, o.RecordType)
		if err != nil {
			return false, fmt.Errorf("keep record id: %w", err)
		}
		ids, err := tx.expensesOf(ctx, stepID)
		tx.changed(ExpenseChanged, ids...)
		return true, err
	case (s.State == StepFailed || s.State == StepWithdrawn) && o.Status == OutcomeSuccess:
		return true, tx.mayBeBookedTwice(ctx, stepID, o)
	}
	return false, nil
}

func stepRank(s StepState) int {
	switch s {
	case StepNeedsChecking:
		return 1
	case StepSuccess, StepFailed, StepWithdrawn:
		return 2
	}
	return 0
}

func (tx *Tx) finish(ctx context.Context, stepID, connectionID int64, o Outcome) error {
	state := map[OutcomeStatus]StepState{OutcomeTimedOut: StepNeedsChecking, OutcomeFailed: StepFailed, OutcomeSuccess: StepSuccess}[o.Status]
	_, err := tx.ExecContext(ctx, `
		UPDATE push_steps SET state = $2, settled_at = clock(), lease = NULL, lease_until = NULL, doubt = false,
			record_id = coalesce(nullif($3, ''), record_id), record_type = coalesce(nullif($4, ''), record_type),
			error = coalesce($5::jsonb, CASE WHEN $2 = 'success' THEN NULL ELSE error END), warnings = coalesce($6::jsonb, warnings),
			ask_at = CASE WHEN $2 = 'success' AND $3 = '' THEN clock() WHEN $2 = 'needs_checking' THEN clock() + interval '10 min' END
		WHERE id = $1`,
		stepID, state, o.RecordID, o.RecordType, jsonOrNull(o.Failure.Fact), jsonOrNull(o.Warnings))
	if err != nil {
		return fmt.Errorf("finish step: %w", err)
	}
	if state == StepSuccess {
		if err := tx.connectionProven(ctx, connectionID); err != nil {
			return err
		}
	}
	return tx.settlePushes(ctx, stepID, state, o.Failure)
}

// settlePushes moves the push whose cost this step is, and the expense's badge.
func (tx *Tx) settlePushes(ctx context.Context, stepID int64, state StepState, f Failure) error {
	push := map[StepState]PushState{StepNeedsChecking: PushNeedsChecking, StepFailed: PushFailed, StepSuccess: PushComplete}[state]
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH settled AS (
			UPDATE pushes SET state = $2, settled_at = clock(), cause = $3, subject = $4, rules = $5
			WHERE cost_step_id = $1 AND state IN ('open', 'needs_checking') RETURNING id, expense_id, company_id),
		badge AS (
			UPDATE expenses e SET status = $2, status_at = clock() FROM settled WHERE e.id = settled.expense_id AND e.push_id = settled.id
			RETURNING e.id, e.reference, e.company_id),
		told AS (
			INSERT INTO activity (company_id, actor, verb, subject_kind, subject_id, subject)
			SELECT company_id, 'Codat', 'push ' || replace($2, '_', ' '), 'expense', id, reference FROM badge)
		SELECT expense_id FROM settled`, stepID, push, f.Cause, f.Subject, f.Rules)
	if err != nil {
		return fmt.Errorf("settle push: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	tx.changed(WorkChanged, 0)
	return nil
}

func (tx *Tx) mayBeBookedTwice(ctx context.Context, stepID int64, o Outcome) error {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH late AS (
			UPDATE push_steps SET record_id = nullif($2, '') WHERE id = $1 AND record_id IS NULL RETURNING id, company_id, state),
		said AS (
			INSERT INTO notices (company_id, expense_id, kind, detail)
			SELECT late.company_id, p.expense_id, 'may_be_booked_twice', jsonb_build_object('step', late.id, 'was', late.state, 'record', $2,
				'other', (SELECT s.record_id FROM expenses e JOIN pushes np ON np.id = e.push_id JOIN push_steps s ON s.id = np.cost_step_id
					WHERE e.id = p.expense_id AND s.id <> late.id))
			FROM late JOIN pushes p ON p.cost_step_id = late.id
			WHERE NOT EXISTS (SELECT 1 FROM notices n WHERE n.expense_id = p.expense_id AND (n.detail->>'step')::bigint = late.id)
			RETURNING expense_id)
		SELECT expense_id FROM said`, stepID, o.RecordID)
	if err != nil {
		return fmt.Errorf("note late success: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	return nil
}

func (tx *Tx) expensesOf(ctx context.Context, stepID int64) ([]int64, error) {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `SELECT p.expense_id FROM push_needs n JOIN pushes p ON p.id = n.push_id WHERE n.step_id = $1 AND p.state = 'open'`, stepID)
	if err != nil {
		return nil, fmt.Errorf("find expenses of step: %w", err)
	}
	return ids, nil
}

// Question is a step whose operation must be read from Codat, because a webhook told less than we need, or nothing.
type Question struct {
	StepID       int64 `db:"step_id"`
	Kind         StepKind
	Company      string // Codat's company id
	OperationKey string `db:"operation_key"`
	Platform     string
	Asked        int
}

// ClaimQuestions hands out the operations that are due to be read, each put off so that no other process reads it too.
func (s *Store) ClaimQuestions(ctx context.Context, limit int) ([]Question, error) {
	var qs []Question
	err := s.db.SelectContext(ctx, &qs, `
		WITH due AS (
			SELECT s.id FROM push_steps s JOIN companies co ON co.id = s.company_id
			WHERE s.ask_at <= clock() AND s.operation_key IS NOT NULL AND co.deleted_at IS NULL AND NOT co.example
				AND NOT EXISTS (SELECT 1 FROM send_pauses p WHERE p.until > clock() AND (p.company_id IS NULL OR p.company_id = s.company_id))
			ORDER BY s.ask_at LIMIT $1 FOR UPDATE OF s SKIP LOCKED),
		asked AS (
			UPDATE push_steps s SET asked = asked + 1,
				ask_at = clock() + least(interval '1 min' * power(2, least(asked, 12)), interval '6 h')
			FROM due WHERE s.id = due.id RETURNING s.*)
		SELECT s.id AS step_id, s.kind, co.codat_id AS company, s.operation_key, cn.platform_name AS platform, s.asked
		FROM asked s JOIN companies co ON co.id = s.company_id JOIN connections cn ON cn.id = s.connection_id`, limit)
	if err != nil {
		return nil, fmt.Errorf("claim questions: %w", err)
	}
	return qs, nil
}

// Answered applies what a reading of a step's operation said. A pending step is asked again later, ever less often.
func (s *Store) Answered(ctx context.Context, stepID int64, o Outcome) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.FinishStep(ctx, stepID, o); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = NULL WHERE id = $1 AND state IN ('success', 'failed', 'withdrawn')`, stepID)
		if err != nil {
			return fmt.Errorf("end question: %w", err)
		}
		return nil
	})
}

// ask has a step's operation read from Codat soon.
func (tx *Tx) ask(ctx context.Context, stepID int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = clock(), asked = 0 WHERE id = $1 AND operation_key IS NOT NULL`, stepID); err != nil {
		return fmt.Errorf("ask for operation: %w", err)
	}
	tx.changed(WorkChanged, 0)
	ids, err := tx.expensesOf(ctx, stepID)
	tx.changed(ExpenseChanged, ids...)
	return err
}

func jsonOrNull(j json.RawMessage) *string {
	if len(j) == 0 {
		return nil
	}
	s := string(j)
	return &s
}
