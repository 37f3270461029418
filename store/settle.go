package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

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
	Unknown        bool // the ledger did not know a record that the step refers to: it may just have been made
	Shut           bool // Codat was not let into the ledger
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
	Outcome      Outcome       // how that stands; Success without an operation is done, with nothing to follow
	Again        time.Duration // send again after this long, because of Reason; > 0
	Failed       *Failure      // it is not in the ledger
	Look         bool          // it may be in the ledger: look for it at Codat
	Unknown      *Failure      // it may be in the ledger, and only a person can tell

	Reason string
	Doubt  bool // with Again: this send may have been accepted
	Pause  *Pause
}

// SettleAttempt ends an attempt and moves its step on. An operation's key is kept whoever holds the lease by now: it is the
// truth. Anything else counts only while the claim holds; after that what came back is kept, and ErrLeaseLost returned.
func (s *Store) SettleAttempt(ctx context.Context, c Claim, attemptID int64, st Settlement) error {
	err := s.settleAttempt(ctx, c, attemptID, st)
	if e := pq.As(err, pqerror.UniqueViolation); e != nil && e.Constraint == "push_steps_operation_key_key" {
		// Another step took this operation for its own. Only a person can tell which of the two is in the ledger.
		st.OperationKey, st.Unknown = "", &Failure{Fact: json.RawMessage(`{}`), Cause: "operation_claimed_twice"}
		return s.settleAttempt(ctx, c, attemptID, st)
	}
	return err
}

func (s *Store) settleAttempt(ctx context.Context, c Claim, attemptID int64, st Settlement) error {
	var lost error
	err := s.InTx(ctx, func(tx *Tx) error {
		lost = nil
		err := tx.settleAttempt(ctx, c, attemptID, st)
		if errors.Is(err, ErrLeaseLost) {
			lost = err
			return nil
		}
		return err
	})
	return firstError(err, lost)
}

func (tx *Tx) settleAttempt(ctx context.Context, c Claim, attemptID int64, st Settlement) error {
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
	case st.Outcome.Status == OutcomeSuccess:
		if err := tx.sentAgain(ctx, c.CompanyID); err != nil {
			return err
		}
		_, err := tx.FinishStep(ctx, c.ID, st.Outcome)
		return err
	case st.Failed != nil:
		return tx.settleClaim(ctx, c, StepFailed, *st.Failed)
	case st.Unknown != nil:
		return tx.settleClaim(ctx, c, StepNeedsChecking, *st.Unknown)
	case st.Look:
		return tx.lookFor(ctx, c.ID, &c.Lease)
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE push_steps SET state = 'ready', lease = NULL, lease_until = NULL, doubt = doubt OR $3,
			next_try_at = clock() + make_interval(secs => $4), wait_reason = $5
		WHERE id = $1 AND lease = $2 AND state = 'sending'`, c.ID, c.Lease, st.Doubt, st.Again.Seconds(), st.Reason)
	if err != nil {
		return fmt.Errorf("postpone step: %w", err)
	}
	tx.changed(WorkChanged, 0)
	if err := tx.holdIfDown(ctx, c.ID); err != nil {
		return err
	}
	return tx.expensesChanged(ctx, c.ID)
}

// accepted keeps an operation's key, and wakes the deliveries that came before it. A step that was given up meanwhile is
// taken up again; for one that a person declared not to be in the ledger, the key lets a late Success be noticed.
func (tx *Tx) accepted(ctx context.Context, c Claim, key string, o Outcome) error {
	if err := tx.lockOperations(ctx, []string{key}); err != nil {
		return err
	}
	var now struct {
		State, Was StepState
		Told       bool // by a delivery that came first
		Paused     bool // until a send has come through
		Expenses   pq.Int64Array
	}
	err := tx.GetContext(ctx, &now, `
		WITH was AS (SELECT id, state FROM push_steps WHERE id = $1 AND operation_key IS NULL FOR UPDATE)
		UPDATE push_steps s SET operation_key = $2, wait_reason = '', lease = NULL, lease_until = NULL, doubt = false, sync_id = NULL, asked = 0,
			state = CASE WHEN s.state IN ('success', 'failed', 'withdrawn') THEN s.state ELSE 'pending' END,
			settled_at = CASE WHEN s.state IN ('success', 'failed', 'withdrawn') THEN s.settled_at END,
			ask_at = clock() + CASE WHEN s.state IN ('success', 'failed', 'withdrawn') THEN interval '0' ELSE `+usualTime+` END
		FROM was WHERE s.id = was.id
		RETURNING s.state, was.state AS was, EXISTS (SELECT 1 FROM deliveries WHERE operation_key = $2 AND verdict IN ('unmatched', 'not_ours')) AS told,
			EXISTS (SELECT 1 FROM send_pauses WHERE NOT by_person AND until <= clock()) AS paused, `+expensesOfStep+` AS expenses`, c.ID, key)
	if errors.Is(err, ErrNotFound) {
		return tx.secondOperation(ctx, c.ID, key, o)
	}
	if err != nil {
		return fmt.Errorf("keep operation key: %w", err)
	}
	if now.Paused {
		if err := tx.sentAgain(ctx, c.CompanyID); err != nil {
			return err
		}
	}
	if now.State == StepPending && now.Was == StepNeedsChecking {
		if err := tx.reopenPush(ctx, c.ID); err != nil {
			return err
		}
	}
	if now.Told {
		if err := tx.wakeDeliveries(ctx, key); err != nil {
			return err
		}
	}
	tx.changed(ExpenseChanged, now.Expenses...)
	_, err = tx.FinishStep(ctx, c.ID, o)
	return err
}

// secondOperation does nothing about a key that is the step's already, for Codat replays its replies. Another one means that
// the step was accepted twice.
func (tx *Tx) secondOperation(ctx context.Context, stepID int64, key string, o Outcome) error {
	if o.Status == OutcomeFailed {
		return nil
	}
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH said AS (
			INSERT INTO notices (company_id, expense_id, kind, detail)
			SELECT s.company_id, p.expense_id, CASE s.kind WHEN 'directCost' THEN 'may_be_booked_twice' ELSE 'may_be_made_twice' END,
				jsonb_build_object('step', s.id, 'was', s.state, 'record', $3::text, 'other', s.record_id, 'label', s.label, 'kind', s.kind, 'operation', $2::text)
			FROM push_steps s LEFT JOIN pushes p ON p.cost_step_id = s.id
			WHERE s.id = $1 AND s.operation_key <> $2 AND NOT EXISTS (SELECT 1 FROM notices WHERE detail->>'operation' = $2)
			RETURNING expense_id)
		SELECT expense_id FROM said WHERE expense_id IS NOT NULL`, stepID, key, o.RecordID)
	if err != nil {
		return fmt.Errorf("note second operation: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	tx.changed(NoticeChanged, 0)
	return nil
}

// usualTime is how long an operation usually takes, some to spare; after that it is asked for.
const usualTime = `interval '2 min'`

// reopenPush takes up a push that needed checking, whose operation we know now.
func (tx *Tx) reopenPush(ctx context.Context, stepID int64) error {
	_, err := tx.ExecContext(ctx, `
		WITH push AS (
			UPDATE pushes SET state = 'open', settled_at = NULL, cause = '', subject = '' WHERE cost_step_id = $1 AND state = 'needs_checking'
			RETURNING id, expense_id)
		UPDATE expenses e SET status = 'in_progress', status_at = clock() FROM push WHERE e.id = push.expense_id AND e.push_id = push.id`, stepID)
	if err != nil {
		return fmt.Errorf("take push up again: %w", err)
	}
	return nil
}

func (tx *Tx) wakeDeliveries(ctx context.Context, key string) error {
	var woken []int64
	err := tx.SelectContext(ctx, &woken, `
		UPDATE deliveries SET verdict = 'new', tries = 0, next_try_at = clock() WHERE operation_key = $1 AND verdict IN ('unmatched', 'not_ours') RETURNING id`, key)
	if err != nil {
		return fmt.Errorf("wake early deliveries: %w", err)
	}
	if len(woken) > 0 {
		tx.changed(InboxChanged, 0)
	}
	return nil
}

// lockOperations makes the saving of an operation's key and the search for it wait for each other, so that a delivery that
// comes at that very moment is matched by one of the two. Several keys are in order.
func (tx *Tx) lockOperations(ctx context.Context, keys []string) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(key, 7242002)) FROM unnest($1::text[]) AS key`, pq.Array(keys))
	if err != nil {
		return fmt.Errorf("lock operations: %w", err)
	}
	return nil
}

func (tx *Tx) settleClaim(ctx context.Context, c Claim, state StepState, f Failure) error {
	var step settledStep
	err := tx.GetContext(ctx, &step, `
		UPDATE push_steps SET state = $3, lease = NULL, lease_until = NULL, settled_at = clock(), error = $4::jsonb, wait_reason = '',
			doubt = $3 = 'needs_checking' AND first_sent_at IS NOT NULL
		WHERE id = $1 AND lease = $2 AND state = 'sending' RETURNING `+settledColumns, c.ID, c.Lease, state, jsonOrNull(f.Fact))
	if errors.Is(err, ErrNotFound) {
		return ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("settle step: %w", err)
	}
	return tx.settled(ctx, step, f)
}

// OutcomeStatus is how an operation stands, in Codat's words. Unknown ones count as Pending.
type OutcomeStatus string

const (
	OutcomePending  OutcomeStatus = "Pending"
	OutcomeTimedOut OutcomeStatus = "TimedOut"
	OutcomeFailed   OutcomeStatus = "Failed"
	OutcomeSuccess  OutcomeStatus = "Success"
)

// Outcome is news of an operation: from the HTTP reply, a webhook, a reading of it, or a person who looked in the ledger.
type Outcome struct {
	Status     OutcomeStatus
	RecordID   string // "" when not told
	RecordType string
	Warnings   json.RawMessage
	Failure    Failure
	Source     string // reply, webhook, reading, history, person
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
//
// An account or supplier is not done before its record's id is known, for others wait to use it: a Success without one has
// its operation read.
func (tx *Tx) FinishStep(ctx context.Context, stepID int64, o Outcome) (bool, error) {
	if o.rank() == 0 {
		return false, nil
	}
	var s struct {
		settledStep
		RecordID *string `db:"record_id"`
	}
	err := tx.GetContext(ctx, &s, `SELECT `+settledColumns+`, record_id FROM push_steps WHERE id = $1 FOR UPDATE`, stepID)
	if err != nil {
		return false, fmt.Errorf("read step %d: %w", stepID, err)
	}
	switch now := stepRank(s.State); {
	case now < 2 && o.Status == OutcomeSuccess && o.RecordID == "" && s.Kind.shared():
		switch {
		case s.State == StepLooking: // by its name, already
			return false, nil
		case o.Source == "reading" || o.Source == "history": // not even the operation says which record it made
			return true, tx.lookFor(ctx, stepID, nil)
		}
		return true, tx.ask(ctx, stepID)
	case now < 2 && o.rank() > now:
		if o.Status == OutcomeTimedOut && s.Kind != DirectCostStep {
			return true, tx.lookFor(ctx, stepID, nil) // all but a cost can be found by their names
		}
		state := map[OutcomeStatus]StepState{OutcomeTimedOut: StepNeedsChecking, OutcomeFailed: StepFailed, OutcomeSuccess: StepSuccess}[o.Status]
		return true, tx.finish(ctx, state, []finishing{{s.settledStep, o}})
	case s.State == StepSuccess && o.Status == OutcomeSuccess && s.RecordID == nil && o.RecordID != "":
		_, err := tx.ExecContext(ctx, `UPDATE push_steps SET record_id = $2, record_type = nullif($3, ''), ask_at = NULL WHERE id = $1`, stepID, o.RecordID, o.RecordType)
		if err != nil {
			return false, fmt.Errorf("keep record id: %w", err)
		}
		if err := tx.receiptsReady(ctx, stepID); err != nil {
			return false, err
		}
		return true, tx.expensesChanged(ctx, stepID)
	case (s.State == StepFailed || s.State == StepWithdrawn) && o.Status == OutcomeSuccess && s.RecordID == nil && s.Kind == AttachmentStep:
		return true, tx.lateReceipt(ctx, s.settledStep, o)
	case (s.State == StepFailed || s.State == StepWithdrawn) && o.Status == OutcomeSuccess && s.RecordID == nil:
		return true, tx.lateSuccess(ctx, s.settledStep, o)
	}
	return false, nil
}

func stepRank(s StepState) int {
	switch s {
	case StepNeedsChecking, StepLooking:
		return 1
	case StepSuccess, StepFailed, StepWithdrawn:
		return 2
	}
	return 0
}

// finishing is a step and the news that ends it.
type finishing struct {
	settledStep
	Outcome
}

// finish ends steps, all of one kind, in one way.
func (tx *Tx) finish(ctx context.Context, state StepState, all []finishing) error {
	n := len(all)
	if n == 0 {
		return nil
	}
	ids, recordIDs, recordTypes, sources := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	facts, warnings := make([]*string, n), make([]*string, n)
	for i, f := range all {
		ids[i], recordIDs[i], recordTypes[i], sources[i] = f.ID, f.RecordID, f.RecordType, f.Source
		facts[i], warnings[i] = jsonOrNull(f.Failure.Fact), jsonOrNull(f.Warnings)
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE push_steps s SET state = $2, settled_at = clock(), lease = NULL, lease_until = NULL, doubt = false, sync_id = NULL,
			record_id = coalesce(nullif(n.record_id, ''), s.record_id), record_type = coalesce(nullif(n.record_type, ''), s.record_type),
			error = coalesce(n.fact::jsonb, CASE WHEN $2 = 'success' THEN NULL ELSE s.error END), warnings = coalesce(n.warnings::jsonb, s.warnings),
			told_by = n.source, ask_at = CASE WHEN s.operation_key IS NULL THEN NULL
				WHEN $2 = 'success' AND n.record_id = '' THEN clock() WHEN $2 = 'needs_checking' THEN clock() + interval '8 min' END
		FROM unnest($1::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS n (id, record_id, record_type, fact, warnings, source)
		WHERE s.id = n.id`,
		pq.Array(ids), state, pq.Array(recordIDs), pq.Array(recordTypes), pq.Array(facts), pq.Array(warnings), pq.Array(sources))
	if err != nil {
		return fmt.Errorf("finish %d steps: %w", n, err)
	}
	if state == StepSuccess {
		if err := tx.connectionsProven(ctx, all); err != nil {
			return err
		}
	}
	if all[0].Kind == DirectCostStep && state == StepSuccess {
		return tx.settlePushes(ctx, ids, state, Failure{})
	}
	for _, f := range all {
		f.State = state
		if err := tx.settled(ctx, f.settledStep, f.Failure); err != nil {
			return err
		}
	}
	return nil
}

// settledStep is what must be known of a step to tell those who wait for it.
type settledStep struct {
	ID           int64
	CompanyID    int64 `db:"company_id"`
	ConnectionID int64 `db:"connection_id"`
	Kind         StepKind
	State        StepState
}

const settledColumns = `id, company_id, connection_id, kind, state`

// settled tells the pushes that need a step how it ended.
func (tx *Tx) settled(ctx context.Context, s settledStep, f Failure) error {
	if s.State == StepFailed && f.Shut {
		if err := tx.checkAfterPush(ctx, s.ConnectionID, f); err != nil {
			return err
		}
	}
	switch {
	case s.Kind == DirectCostStep && s.State == StepFailed && f.Unknown:
		if again, err := tx.sendAfterSync(ctx, s); again || err != nil {
			return err
		}
		return tx.settlePushes(ctx, []int64{s.ID}, s.State, f)
	case s.Kind == DirectCostStep:
		return tx.settlePushes(ctx, []int64{s.ID}, s.State, f)
	case s.Kind == AttachmentStep:
		return tx.receiptSettled(ctx, s, f)
	case s.State == StepSuccess:
		return tx.recordMade(ctx, s)
	case s.State == StepFailed, s.State == StepNeedsChecking:
		return tx.failDependents(ctx, s, f)
	}
	return nil
}

// settlePushes moves the pushes whose costs these steps are, all in one state, and the expenses' badges.
func (tx *Tx) settlePushes(ctx context.Context, stepIDs []int64, state StepState, f Failure) error {
	push := map[StepState]PushState{StepNeedsChecking: PushNeedsChecking, StepFailed: PushFailed, StepSuccess: PushComplete}[state]
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH settled AS (
			UPDATE pushes SET state = $2, settled_at = clock(), cause = $3, subject = $4, rules = $5
			WHERE cost_step_id = ANY($1) AND state IN ('open', 'needs_checking') RETURNING id, expense_id, company_id),
		`+badgeOfSettled+`
		SELECT expense_id FROM settled`, pq.Array(stepIDs), push, f.Cause, f.Subject, f.Rules)
	if err != nil {
		return fmt.Errorf("settle pushes: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	if push != PushComplete {
		return nil
	}
	if err := tx.asBooked(ctx, ids); err != nil {
		return err
	}
	return tx.uploadReceipts(ctx, ids)
}

// asBooked gives expenses that were changed after they were pushed the values that are in the ledger; the record of changes keeps
// the others. One that was changed and pushed at once has these values.
func (tx *Tx) asBooked(ctx context.Context, expenseIDs []int64) error {
	_, err := tx.ExecContext(ctx, `
		WITH booked AS (
			SELECT e.id, e.company_id, e.reference AS now_called, p.snapshot AS s FROM expenses e JOIN pushes p ON p.id = e.push_id
			WHERE e.id = ANY($1) AND EXISTS (
				SELECT 1 FROM activity a WHERE a.subject_kind = 'expense' AND a.subject_id = e.id AND a.verb = 'changed' AND a.at > p.created_at)),
		old AS (DELETE FROM expense_lines l USING booked WHERE l.expense_id = booked.id),
		back AS (
			UPDATE expenses e SET issue_date = (s->>'issue_date')::date, supplier = s->>'supplier', note = s->>'note', currency = s->>'currency',
				rate = (s->>'rate')::numeric, paid_from = s->>'paid_from', net = (s->>'net')::numeric, tax = (s->>'tax')::numeric, total = (s->>'total')::numeric,
				description = coalesce(s->'lines'->0->>'description', ''),
				reference = CASE WHEN EXISTS (SELECT 1 FROM expenses o WHERE o.company_id = e.company_id AND o.reference = s->>'reference' AND o.id <> e.id)
					THEN e.reference ELSE s->>'reference' END
			FROM booked WHERE e.id = booked.id)
		INSERT INTO activity (company_id, actor, verb, subject_kind, subject_id, subject)
		SELECT company_id, 'Tallylight', 'kept as booked', 'expense', id, now_called FROM booked`, int64s(expenseIDs))
	if err != nil {
		return fmt.Errorf("keep expense as booked: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO expense_lines (expense_id, company_id, position, description, category, tax_rate, net, tax)
		SELECT e.id, e.company_id, l.n, l.doc->>'description', l.doc->>'category', l.doc->>'tax_rate', (l.doc->>'net')::numeric, (l.doc->>'tax')::numeric
		FROM expenses e JOIN pushes p ON p.id = e.push_id, jsonb_array_elements(p.snapshot->'lines') WITH ORDINALITY AS l (doc, n)
		WHERE e.id = ANY($1) AND NOT EXISTS (SELECT 1 FROM expense_lines x WHERE x.expense_id = e.id)`, int64s(expenseIDs))
	if err != nil {
		return fmt.Errorf("keep lines as booked: %w", err)
	}
	return nil
}

// badgeOfSettled gives the expenses of the settled pushes the badge $2, and tells the record.
const badgeOfSettled = `
	badge AS (
		UPDATE expenses e SET status = $2, status_at = clock(), handled_was = NULL, handled_reason = '' FROM settled WHERE e.id = settled.expense_id AND e.push_id = settled.id
		RETURNING e.id, e.reference, e.company_id),
	told AS (
		INSERT INTO activity (company_id, actor, verb, subject_kind, subject_id, subject)
		SELECT company_id, 'Codat', 'push ' || replace($2, '_', ' '), 'expense', id, reference FROM badge)`

// failDependents fails every push that waits for an account or supplier that could not be made.
func (tx *Tx) failDependents(ctx context.Context, s settledStep, f Failure) error {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH waiting AS (
			SELECT p.id, p.cost_step_id FROM push_needs n JOIN pushes p ON p.id = n.push_id WHERE n.step_id = $1 AND p.state = 'open'),
		cost AS (
			UPDATE push_steps SET state = 'failed', settled_at = clock(), wait_reason = '' FROM waiting
			WHERE push_steps.id = waiting.cost_step_id AND push_steps.state = 'waiting' RETURNING push_steps.id),
		settled AS (
			UPDATE pushes SET state = $2, settled_at = clock(), cause = $3, subject = $4, rules = $5, failed_step_id = $1
			FROM cost WHERE pushes.cost_step_id = cost.id AND pushes.state = 'open' RETURNING pushes.id, expense_id, company_id),
		`+badgeOfSettled+`
		SELECT expense_id FROM settled`, s.ID, PushFailed, f.Cause, f.Subject, f.Rules)
	if err != nil {
		return fmt.Errorf("fail those who wait: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	return tx.withdrawUnneeded(ctx, s.CompanyID)
}

// recordMade keeps the record that an account or supplier step made, and lets those go on who waited for it.
func (tx *Tx) recordMade(ctx context.Context, s settledStep) error {
	table := `INSERT INTO ledger_accounts (company_id, connection_id, codat_id, nominal_code, name, type, status, made_at)
		SELECT company_id, connection_id, record_id, coalesce(code, ''), label, 'Expense', 'Active', clock() FROM push_steps WHERE id = $1
		ON CONFLICT (connection_id, codat_id) DO UPDATE SET gone_at = NULL`
	if s.Kind == SupplierStep {
		table = `INSERT INTO suppliers (company_id, connection_id, codat_id, name, status, made_at)
		SELECT company_id, connection_id, record_id, label, 'Active', clock() FROM push_steps WHERE id = $1
		ON CONFLICT (connection_id, codat_id) DO UPDATE SET gone_at = NULL`
	}
	if _, err := tx.ExecContext(ctx, table, s.ID); err != nil {
		return fmt.Errorf("keep new %s: %w", s.Kind, err)
	}
	// Two records that one push waits for may be made at the same moment: whoever is second must see the first.
	_, err := tx.ExecContext(ctx, `
		SELECT 1 FROM push_needs n JOIN pushes p ON p.id = n.push_id JOIN push_steps c ON c.id = p.cost_step_id
		WHERE n.step_id = $1 AND p.state = 'open' AND c.state = 'waiting' ORDER BY c.id FOR UPDATE OF c`, s.ID)
	if err != nil {
		return fmt.Errorf("lock those who wait: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE push_steps c SET state = 'ready', next_try_at = clock() FROM pushes p JOIN push_needs n ON n.push_id = p.id
		WHERE n.step_id = $1 AND p.state = 'open' AND c.id = p.cost_step_id AND c.state = 'waiting' AND NOT EXISTS (
			SELECT 1 FROM push_needs m JOIN push_steps w ON w.id = m.step_id
			WHERE m.push_id = p.id AND w.id <> c.id AND w.kind <> 'directCost' AND w.state <> 'success')`, s.ID)
	if err != nil {
		return fmt.Errorf("let those go on who waited: %w", err)
	}
	tx.changed(WorkChanged, 0)
	tx.changed(LedgerChanged, s.CompanyID)
	return tx.expensesChanged(ctx, s.ID)
}

// sendAfterSync gives a push whose cost was refused because the ledger did not know a record that we have just made one
// more cost step, which waits until Codat has read the ledger again. It does so once a push.
func (tx *Tx) sendAfterSync(ctx context.Context, s settledStep) (bool, error) {
	var push struct {
		ID int64
		settledStep
		Subject, Label string
	}
	err := tx.GetContext(ctx, &push.ID, `
		SELECT p.id FROM pushes p JOIN push_steps c ON c.id = p.cost_step_id
		WHERE p.cost_step_id = $1 AND p.state = 'open' AND NOT c.resynced AND EXISTS (
			SELECT 1 FROM push_needs n JOIN push_steps w ON w.id = n.step_id
			WHERE n.push_id = p.id AND w.kind <> 'directCost' AND w.state = 'success' AND w.settled_at > clock() - interval '1 day')`, s.ID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for fresh records: %w", err)
	}
	var next int64
	err = tx.GetContext(ctx, &next, `
		WITH step AS (
			INSERT INTO push_steps (company_id, connection_id, kind, subject, label, state, resynced, next_try_at, wait_reason, ask_at)
			SELECT company_id, connection_id, kind, subject, label, 'ready', true, clock() + interval '10 min', 'ledger_sync', clock()
			FROM push_steps WHERE id = $1 RETURNING id, company_id),
		need AS (
			INSERT INTO push_needs (push_id, step_id, company_id, position) SELECT $2, id, company_id, 1001 FROM step)
		UPDATE pushes SET cost_step_id = step.id FROM step WHERE pushes.id = $2 RETURNING cost_step_id`, s.ID, push.ID)
	if err != nil {
		return false, fmt.Errorf("send after sync: %w", err)
	}
	if err := tx.holdIfDown(ctx, next); err != nil {
		return false, err
	}
	tx.changed(WorkChanged, 0)
	return true, tx.expensesChanged(ctx, s.ID)
}

// lateSuccess notes that a step which we gave up has succeeded after all. An expense that was not pushed again is in the ledger then,
// and says so, though somebody may have booked it by hand or handled it outside meanwhile.
func (tx *Tx) lateSuccess(ctx context.Context, s settledStep, o Outcome) error {
	kind := "may_be_booked_twice"
	if s.Kind != DirectCostStep {
		kind = "may_be_made_twice"
	}
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH late AS (
			UPDATE push_steps SET record_id = coalesce(nullif($2, ''), 'unknown'), ask_at = NULL WHERE id = $1 AND record_id IS NULL
			RETURNING id, company_id, state, label, kind),
		said AS (
			INSERT INTO notices (company_id, expense_id, kind, detail)
			SELECT late.company_id, p.expense_id, $3, jsonb_build_object('step', late.id, 'was', late.state, 'record', $2::text, 'label', late.label,
				'kind', late.kind, 'other', (SELECT s.record_id FROM expenses e JOIN pushes np ON np.id = e.push_id JOIN push_steps s ON s.id = np.cost_step_id
					WHERE e.id = p.expense_id AND s.id <> late.id))
			FROM late LEFT JOIN pushes p ON p.id = (SELECT n.push_id FROM push_needs n WHERE n.step_id = late.id AND late.kind = 'directCost' LIMIT 1)
			RETURNING expense_id)
		SELECT expense_id FROM said WHERE expense_id IS NOT NULL`, s.ID, o.RecordID, kind)
	if err != nil {
		return fmt.Errorf("note late success: %w", err)
	}
	if s.Kind == DirectCostStep {
		var booked []int64
		err := tx.SelectContext(ctx, &booked, `
			WITH settled AS (
				UPDATE pushes p SET state = $2, cause = '', subject = '' FROM expenses e
				WHERE p.cost_step_id = $1 AND p.state = 'failed' AND e.push_id = p.id AND e.status IN ('failed', 'handled')
				RETURNING p.id, p.expense_id, p.company_id),
			step AS (
				UPDATE push_steps SET state = 'success', error = NULL, told_by = $3, record_id = nullif($4, ''), record_type = nullif($5, ''),
					ask_at = CASE WHEN $4 = '' AND operation_key IS NOT NULL THEN clock() END
				WHERE id = $1 AND state = 'failed' AND EXISTS (SELECT 1 FROM settled)),
			`+badgeOfSettled+`
			SELECT expense_id FROM settled`, s.ID, PushComplete, o.Source, o.RecordID, o.RecordType)
		if err != nil {
			return fmt.Errorf("complete after all: %w", err)
		}
		if err := tx.asBooked(ctx, booked); err != nil { // it could be changed while it showed as failed
			return err
		}
		if err := tx.uploadReceipts(ctx, ids); err != nil {
			return err
		}
	}
	tx.changed(ExpenseChanged, ids...)
	tx.changed(NoticeChanged, 0)
	return nil
}

// expensesOfStep are the expenses whose open pushes need step $1, and that whose receipt it uploads.
const expensesOfStep = `ARRAY(SELECT p.expense_id FROM push_needs n JOIN pushes p ON p.id = n.push_id
	WHERE n.step_id = $1 AND p.state IN ('open', 'needs_checking') UNION ALL SELECT expense_id FROM receipts WHERE step_id = $1)`

// expensesChanged says that the expenses whose open pushes need a step look different now.
func (tx *Tx) expensesChanged(ctx context.Context, stepID int64) error {
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, `SELECT unnest(`+expensesOfStep+`)`, stepID); err != nil {
		return fmt.Errorf("find expenses of step: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	return nil
}

func jsonOrNull(j json.RawMessage) *string {
	if len(j) == 0 {
		return nil
	}
	s := string(j)
	return &s
}
