package store

import (
	"context"
	"errors"
	"fmt"
)

// Upload is what an attachment's step sends, and where to.
type Upload struct {
	ReceiptID  int64 `db:"receipt_id"`
	Name       string
	Type       string
	Size       int
	Digest     string  // sha256, in hex
	RecordID   *string `db:"record_id"` // of the expense in the ledger
	RecordType string  `db:"record_type"`
	Reference  string
}

// Upload returns what the attachment's step is to send, or ErrNotFound when its receipt was removed.
func (s *Store) Upload(ctx context.Context, stepID int64) (Upload, error) {
	var u Upload
	err := s.db.GetContext(ctx, &u, `
		SELECT r.id AS receipt_id, r.name, r.type, r.size, encode(r.digest, 'hex') AS digest, c.record_id, coalesce(c.record_type, '') AS record_type, e.reference
		FROM receipts r JOIN expenses e ON e.id = r.expense_id JOIN push_needs n ON n.step_id = r.step_id
			JOIN pushes p ON p.id = n.push_id JOIN push_steps c ON c.id = p.cost_step_id
		WHERE r.step_id = $1`, stepID)
	if err != nil {
		return u, fmt.Errorf("read upload %d: %w", stepID, err)
	}
	return u, nil
}

// ReceiptContent returns the content of a receipt, or ErrNotFound.
func (s *Store) ReceiptContent(ctx context.Context, id int64) ([]byte, error) {
	var content []byte
	if err := s.db.GetContext(ctx, &content, `SELECT content FROM receipts WHERE id = $1`, id); err != nil {
		return nil, fmt.Errorf("read content of receipt %d: %w", id, err)
	}
	return content, nil
}

// uploadReceipts makes the steps of the receipts of those expenses that are in the ledger by now, and whose package takes receipts.
// Where Codat is still asked which record an expense became, they wait for that. Which record it is must not be a person's word: a
// number typed in may be the id of another record.
func (tx *Tx) uploadReceipts(ctx context.Context, expenseIDs []int64) error {
	var made []int64
	err := tx.SelectContext(ctx, &made, `
		WITH due AS (
			SELECT r.id, r.company_id, r.name, r.expense_id, p.id AS push_id, p.connection_id, c.record_id IS NOT NULL OR c.ask_at IS NULL AS known
			FROM receipts r JOIN expenses e ON e.id = r.expense_id AND e.status = 'complete'
				JOIN pushes p ON p.id = e.push_id AND p.state = 'complete' AND p.takes_receipts JOIN push_steps c ON c.id = p.cost_step_id
			WHERE r.expense_id = ANY($1) AND r.step_id IS NULL AND c.told_by <> 'person'),
		step AS (
			INSERT INTO push_steps (company_id, connection_id, kind, subject, label, state)
			SELECT company_id, connection_id, 'attachment', id::text, name, CASE WHEN known THEN 'ready' ELSE 'waiting' END FROM due ORDER BY id
			RETURNING id, subject),
		need AS (
			INSERT INTO push_needs (push_id, step_id, company_id, position)
			SELECT due.push_id, step.id, due.company_id, 2000 FROM step JOIN due ON due.id = step.subject::bigint)
		UPDATE receipts r SET step_id = step.id FROM step WHERE r.id = step.subject::bigint RETURNING r.expense_id`, int64s(expenseIDs))
	if err != nil {
		return fmt.Errorf("plan uploads of receipts: %w", err)
	}
	if len(made) > 0 {
		tx.changed(ExpenseChanged, made...)
		tx.changed(WorkChanged, 0)
	}
	return nil
}

// receiptsReady lets the receipts of a cost go on that waited for its record's id: it is known, or nobody will tell.
func (tx *Tx) receiptsReady(ctx context.Context, costStepID int64) error {
	res, err := tx.ExecContext(ctx, `
		UPDATE push_steps s SET state = 'ready', next_try_at = clock() FROM pushes p JOIN push_needs n ON n.push_id = p.id
		WHERE p.cost_step_id = $1 AND s.id = n.step_id AND s.kind = 'attachment' AND s.state = 'waiting'`, costStepID)
	if err != nil {
		return fmt.Errorf("let receipts go on: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.changed(WorkChanged, 0)
	return nil
}

// receiptSettled keeps why an upload ended as it did. Its expense stays as it is: that is booked.
func (tx *Tx) receiptSettled(ctx context.Context, s settledStep, f Failure) error {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		WITH receipt AS (
			UPDATE receipts SET cause = $2, subject = $3 WHERE step_id = $1 RETURNING company_id, expense_id, name)
		INSERT INTO activity (company_id, actor, verb, subject_kind, subject_id, subject, detail)
		SELECT r.company_id, 'Codat', 'receipt ' || replace($4, '_', ' '), 'expense', e.id, e.reference, jsonb_build_object('receipt', r.name)
		FROM receipt r JOIN expenses e ON e.id = r.expense_id RETURNING subject_id`, s.ID, f.Cause, f.Subject, s.State)
	if err != nil {
		return fmt.Errorf("settle receipt: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	return nil
}

// lateReceipt is news that an upload which was given up has succeeded after all. It stands, unless the receipt was uploaded once more
// or removed since: then a person must look.
func (tx *Tx) lateReceipt(ctx context.Context, s settledStep, o Outcome) error {
	var stands bool
	err := tx.GetContext(ctx, &stands, `
		UPDATE push_steps s SET record_id = coalesce(nullif($2, ''), 'unknown'), ask_at = NULL, told_by = $3,
			state = CASE WHEN state = 'failed' AND r.id IS NOT NULL THEN 'success' ELSE state END,
			error = CASE WHEN state = 'failed' AND r.id IS NOT NULL THEN NULL ELSE error END
		FROM (SELECT $1::bigint AS id) this LEFT JOIN receipts r ON r.step_id = this.id
		WHERE s.id = this.id RETURNING s.state = 'success'`, s.ID, o.RecordID, o.Source)
	if err != nil {
		return fmt.Errorf("take late upload: %w", err)
	}
	if stands {
		s.State = StepSuccess
		return tx.receiptSettled(ctx, s, Failure{})
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO notices (company_id, kind, detail)
		SELECT company_id, 'may_be_made_twice', jsonb_build_object('step', id, 'was', state, 'label', label, 'kind', kind) FROM push_steps WHERE id = $1`, s.ID)
	if err != nil {
		return fmt.Errorf("note late upload: %w", err)
	}
	tx.changed(NoticeChanged, 0)
	return nil
}

// CutOffReceipts fails the receipts of which nothing was accepted and whose connection is deleted, or replaced by another one that is
// Linked. In the books behind that, the same id may be another expense's.
func (s *Store) CutOffReceipts(ctx context.Context, f Failure) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var cut []settledStep
		err := tx.SelectContext(ctx, &cut, `
			UPDATE push_steps SET state = 'failed', settled_at = clock(), wait_reason = '', ask_at = NULL, error = $1::jsonb
			WHERE id IN (
				SELECT s.id FROM connections old JOIN companies co ON co.id = old.company_id
					JOIN push_steps s ON s.connection_id = old.id AND s.state = 'ready' AND s.kind = 'attachment' AND NOT s.doubt
				WHERE old.deleted_at IS NOT NULL
					OR old.status <> 'Linked' AND EXISTS (SELECT 1 FROM `+accountingOf+` cn WHERE cn.status = 'Linked' AND cn.id <> old.id)
				ORDER BY s.id FOR UPDATE OF s SKIP LOCKED)
			RETURNING `+settledColumns, jsonOrNull(f.Fact))
		if err != nil {
			return fmt.Errorf("cut off receipts: %w", err)
		}
		for _, step := range cut {
			if err := tx.receiptSettled(ctx, step, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// RetryReceipt uploads a receipt once more whose upload failed, under a new key; ErrReceiptSettled when it has not.
func (s *Store) RetryReceipt(ctx context.Context, by User, expenseID, id int64) error {
	return s.withReceipt(ctx, expenseID, id, func(tx *Tx, e Expense, r Receipt) error {
		if r.State != StepFailed {
			return ErrReceiptSettled
		}
		return tx.uploadAgain(ctx, by, e, r)
	})
}

// ReceiptAbsent uploads a receipt once more that needs checking: that person did not see it in the ledger. f says so.
func (s *Store) ReceiptAbsent(ctx context.Context, by User, expenseID, id int64, f Failure) error {
	return s.withReceipt(ctx, expenseID, id, func(tx *Tx, e Expense, r Receipt) error {
		if r.State != StepNeedsChecking {
			return ErrReceiptSettled
		}
		if _, err := tx.FinishStep(ctx, *r.StepID, Outcome{Status: OutcomeFailed, Failure: f, Source: "person"}); err != nil {
			return err
		}
		if err := tx.askLater(ctx, *r.StepID); err != nil {
			return err
		}
		return tx.uploadAgain(ctx, by, e, r)
	})
}

// ReceiptFound says of a receipt that needs checking that this person saw it in the ledger.
func (s *Store) ReceiptFound(ctx context.Context, by User, expenseID, id int64) error {
	return s.withReceipt(ctx, expenseID, id, func(tx *Tx, e Expense, r Receipt) error {
		if r.State != StepNeedsChecking {
			return ErrReceiptSettled
		}
		if err := tx.receiptRecord(ctx, by, e, "found in the ledger the receipt", r.Name); err != nil {
			return err
		}
		_, err := tx.FinishStep(ctx, *r.StepID, Outcome{Status: OutcomeSuccess, Source: "person"})
		return err
	})
}

func (tx *Tx) uploadAgain(ctx context.Context, by User, e Expense, r Receipt) error {
	var step int64
	err := tx.GetContext(ctx, &step, `
		WITH step AS (
			INSERT INTO push_steps (company_id, connection_id, kind, subject, label, state)
			SELECT company_id, connection_id, kind, subject, label, 'ready' FROM push_steps WHERE id = $1 AND state = 'failed' RETURNING id, company_id),
		need AS (
			INSERT INTO push_needs (push_id, step_id, company_id, position)
			SELECT n.push_id, step.id, step.company_id, n.position + 1 FROM step, push_needs n WHERE n.step_id = $1)
		UPDATE receipts SET step_id = step.id, cause = '', subject = '' FROM step WHERE receipts.id = $2 RETURNING step_id`, r.StepID, r.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrReceiptSettled
	}
	if err != nil {
		return fmt.Errorf("upload receipt %d again: %w", r.ID, err)
	}
	tx.changed(WorkChanged, 0)
	return tx.receiptRecord(ctx, by, e, "uploaded again the receipt", r.Name)
}
