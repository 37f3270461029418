package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Withdraw takes back the pushes of those expenses of which nothing was sent yet, and returns the expenses' ids.
func (s *Store) Withdraw(ctx context.Context, by User, expenseIDs []int64) (withdrawn []int64, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		withdrawn, err = tx.Withdraw(ctx, by, expenseIDs)
		return err
	})
	return withdrawn, err
}

// Withdraw is Store.Withdraw within the transaction.
func (tx *Tx) Withdraw(ctx context.Context, by User, expenseIDs []int64) ([]int64, error) {
	if _, err := tx.ExecContext(ctx, `SELECT 1 FROM expenses WHERE id = ANY($1) ORDER BY id FOR UPDATE`, int64s(expenseIDs)); err != nil {
		return nil, fmt.Errorf("lock expenses to withdraw: %w", err)
	}
	var back []struct{ ID, CompanyID int64 }
	err := tx.SelectContext(ctx, &back, `
		WITH cost AS (
			UPDATE push_steps s SET state = 'withdrawn', settled_at = clock(), wait_reason = '', ask_at = NULL
			FROM expenses e JOIN pushes p ON p.id = e.push_id AND p.state = 'open'
			WHERE e.id = ANY($1) AND s.id = p.cost_step_id AND s.state IN ('waiting', 'ready') AND s.first_sent_at IS NULL
			RETURNING s.id),
		push AS (
			UPDATE pushes SET state = 'withdrawn', settled_at = clock() FROM cost WHERE cost_step_id = cost.id RETURNING pushes.id, expense_id),
		badge AS (
			UPDATE expenses e SET status = 'not_pushed', status_at = clock() FROM push WHERE e.id = push.expense_id RETURNING e.id, e.company_id, e.reference),
		told AS (
			INSERT INTO activity (company_id, user_id, actor, verb, subject_kind, subject_id, subject)
			SELECT company_id, nullif($2, 0), $3, 'withdrew', 'expense', id, reference FROM badge)
		SELECT id, company_id AS companyid FROM badge ORDER BY id`, int64s(expenseIDs), by.ID, by.Email)
	if err != nil {
		return nil, fmt.Errorf("withdraw pushes: %w", err)
	}
	ids := make([]int64, len(back))
	companies := map[int64]bool{}
	for i, b := range back {
		ids[i] = b.ID
		companies[b.CompanyID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(companies)) { // in order: whoever else does so waits
		if err := tx.withdrawUnneeded(ctx, id); err != nil {
			return nil, err
		}
	}
	tx.changed(ExpenseChanged, ids...)
	return ids, nil
}

// withdrawUnneeded takes back the accounts and suppliers of a company that were not sent and that no push waits for any more.
func (tx *Tx) withdrawUnneeded(ctx context.Context, companyID int64) error {
	// A push that is being planned holds the steps it joins: wait for it, so that what it needs is seen.
	_, err := tx.ExecContext(ctx, `SELECT 1 FROM push_steps WHERE company_id = $1 AND kind IN ('account', 'supplier') AND state = 'ready' AND first_sent_at IS NULL
		ORDER BY id FOR UPDATE`, companyID)
	if err != nil {
		return fmt.Errorf("lock what nobody needs: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE push_steps s SET state = 'withdrawn', settled_at = clock()
		WHERE company_id = $1 AND kind IN ('account', 'supplier') AND state = 'ready' AND first_sent_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM push_needs n JOIN pushes p ON p.id = n.push_id WHERE n.step_id = s.id AND p.state = 'open')`, companyID)
	if err != nil {
		return fmt.Errorf("withdraw what nobody needs: %w", err)
	}
	return nil
}

// ErrDecided means that a push does not need checking any more: somebody, or late news, was quicker.
var ErrDecided = errors.New("the push does not need checking any more")

// RecordTakenError says that a ledger record is known to be another expense.
type RecordTakenError struct{ Reference string }

func (e *RecordTakenError) Error() string { return "the record is expense " + e.Reference }

// FoundByPerson completes a push that needs checking: that person saw its record in the ledger.
func (s *Store) FoundByPerson(ctx context.Context, by User, expenseID int64, recordID string) error {
	return s.decide(ctx, by, expenseID, "found it in the ledger", recordID, func(tx *Tx, stepID int64) error {
		var other string
		err := tx.GetContext(ctx, &other, `
			SELECT e.reference FROM push_steps s JOIN push_steps mine ON mine.id = $1 AND mine.connection_id = s.connection_id
				JOIN pushes p ON p.cost_step_id = s.id JOIN expenses e ON e.id = p.expense_id
			WHERE s.kind = 'directCost' AND s.record_id = $2 AND s.id <> $1 LIMIT 1`, stepID, recordID)
		if err == nil {
			return &RecordTakenError{other}
		}
		if !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("look for record %q: %w", recordID, err)
		}
		_, err = tx.FinishStep(ctx, stepID, Outcome{Status: OutcomeSuccess, RecordID: recordID, Source: "person"})
		return err
	})
}

// AbsentByPerson fails a push that needs checking: that person did not see it in the ledger. A Success that comes after all raises
// a notice. It is for a transaction that pushes the expense again.
func (tx *Tx) AbsentByPerson(ctx context.Context, by User, expenseID int64, f Failure) error {
	return tx.decide(ctx, by, expenseID, "did not find it in the ledger", "", func(tx *Tx, stepID int64) error {
		if _, err := tx.FinishStep(ctx, stepID, Outcome{Status: OutcomeFailed, Failure: f, Source: "person"}); err != nil {
			return err
		}
		return tx.askLater(ctx, stepID)
	})
}

// askLater has Codat asked about a step that a person declared not to be in the ledger: it may succeed after all.
func (tx *Tx) askLater(ctx context.Context, stepID int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = clock() + interval '5 min' WHERE id = $1 AND operation_key IS NOT NULL`, stepID)
	return err
}

// AskAgain has Codat asked once more about a push that needs checking: for its operation, or by looking for it.
func (s *Store) AskAgain(ctx context.Context, by User, expenseID int64) error {
	return s.decide(ctx, by, expenseID, "asked Codat again", "", func(tx *Tx, stepID int64) error {
		var known bool
		if err := tx.GetContext(ctx, &known, `SELECT operation_key IS NOT NULL FROM push_steps WHERE id = $1`, stepID); err != nil {
			return fmt.Errorf("read step %d: %w", stepID, err)
		}
		if known {
			return tx.ask(ctx, stepID)
		}
		if err := tx.lookFor(ctx, stepID, nil); err != nil {
			return err
		}
		return tx.reopenPush(ctx, stepID)
	})
}

func (s *Store) decide(ctx context.Context, by User, expenseID int64, verb, record string, fn func(tx *Tx, stepID int64) error) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.decide(ctx, by, expenseID, verb, record, fn) })
}

func (tx *Tx) decide(ctx context.Context, by User, expenseID int64, verb, record string, fn func(tx *Tx, stepID int64) error) error {
	var push struct {
		StepID    int64 `db:"cost_step_id"`
		CompanyID int64 `db:"company_id"`
		Reference string
	}
	err := tx.GetContext(ctx, &push, `
		SELECT p.cost_step_id, e.company_id, e.reference FROM expenses e JOIN pushes p ON p.id = e.push_id
		WHERE e.id = $1 AND p.state = 'needs_checking' FOR UPDATE OF e, p`, expenseID)
	if errors.Is(err, ErrNotFound) {
		return ErrDecided
	}
	if err != nil {
		return fmt.Errorf("read push of expense %d: %w", expenseID, err)
	}
	detail, err := json.Marshal(map[string]string{"record": record})
	if err != nil {
		return fmt.Errorf("record decision: %w", err)
	}
	err = tx.Record(ctx, Activity{CompanyID: &push.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: verb, SubjectKind: "expense",
		SubjectID: &expenseID, Subject: push.Reference, Detail: detail})
	if err != nil {
		return err
	}
	tx.changed(ExpenseChanged, expenseID)
	return fn(tx, push.StepID)
}

// Stranded is an expense whose open push goes through a connection that another one has replaced.
type Stranded struct {
	ExpenseID int64 `db:"expense_id"`
	StepID    int64 `db:"step_id"`
	Sent      bool  // something of its cost was sent: a person must look
	UserID    int64 `db:"user_id"`
	Email     string
}

// Stranded returns expenses on their way through a connection that is not Linked, of companies that have another accounting
// connection which is; but for those whose operation is known, which are followed to their end. What was not sent waits until the
// new ledger was read, and a person has said which mappings hold there.
func (tx *Tx) Stranded(ctx context.Context, limit int) ([]Stranded, error) {
	var out []Stranded
	err := tx.SelectContext(ctx, &out, `
		SELECT p.expense_id, s.id AS step_id, s.first_sent_at IS NOT NULL AS sent, coalesce(u.id, 0) AS user_id, coalesce(u.email, 'Tallylight') AS email
		FROM connections old JOIN companies co ON co.id = old.company_id AND co.deleted_at IS NULL
			JOIN `+accountingOf+` cn ON cn.status = 'Linked' AND cn.id <> old.id
			JOIN pushes p ON p.connection_id = old.id AND p.state = 'open'
			JOIN push_steps s ON s.id = p.cost_step_id AND s.state IN ('waiting', 'ready', 'looking')
			LEFT JOIN users u ON u.id = p.created_by
		WHERE (old.status <> 'Linked' OR old.deleted_at IS NOT NULL)
			AND (s.first_sent_at IS NOT NULL OR cn.books_read_at IS NOT NULL AND NOT EXISTS (
				SELECT 1 FROM mappings m WHERE m.connection_id = old.id
					AND (m.action = 'create' OR EXISTS (SELECT 1 FROM ledger_records r WHERE r.connection_id = m.connection_id AND r.kind = m.kind AND r.codat_id = m.codat_id))
					AND NOT EXISTS (SELECT 1 FROM mappings n WHERE n.connection_id = cn.id AND n.kind = m.kind AND n.subject = m.subject)
					AND NOT EXISTS (SELECT 1 FROM mapping_carries c WHERE c.connection_id = cn.id AND c.kind = m.kind AND c.subject = m.subject)))
		ORDER BY p.expense_id LIMIT $1 FOR UPDATE OF p SKIP LOCKED`, limit)
	if err != nil {
		return nil, fmt.Errorf("find stranded pushes: %w", err)
	}
	return out, nil
}

// Strand ends a push through a replaced connection of which something was sent: it needs checking.
func (tx *Tx) Strand(ctx context.Context, stepID int64, f Failure) error {
	return tx.giveUp(ctx, stepID, f)
}
