package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// The limits of receipts. An accounting package may take less of one.
const (
	ReceiptLimit = 10 << 20 // bytes of one
	ReceiptsMost = 10       // of one expense
)

// Receipt is a file that belongs to an expense, and how its newest upload stands, if there is one. Its name is the only one of that
// name at the expense.
type Receipt struct {
	ID        int64
	ExpenseID int64 `db:"expense_id"`
	Name      string
	Type      string    // application/pdf, image/png or image/jpeg
	Size      int       // bytes
	By        string    // an email, "" when unknown
	AddedAt   time.Time `db:"added_at"`

	StepID      *int64     `db:"step_id"`
	State       StepState  // "" without an upload
	FirstSentAt *time.Time `db:"first_sent_at"`
	NextTryAt   *time.Time `db:"next_try_at"`
	SettledAt   *time.Time `db:"settled_at"`
	WaitReason  string     `db:"wait_reason"`
	Down        bool       // the connection it goes through
	Paused      bool       // by a person, of all or of its company
	Cause       string     // why it failed, or needs checking
	Subject     string
	Error       []byte // an explain.Fact as JSON, nil when there is none
}

// Removable reports whether a receipt can be removed: it is not in the ledger, and not on its way.
func (r Receipt) Removable() bool {
	return r.State == "" || r.State == StepFailed || r.FirstSentAt == nil && (r.State == StepReady || r.State == StepWaiting)
}

const receiptColumns = `r.id, r.expense_id, r.name, r.type, r.size, coalesce(u.email, '') AS by, r.added_at, r.step_id, coalesce(s.state, '') AS state,
	s.first_sent_at, s.next_try_at, s.settled_at, coalesce(s.wait_reason, '') AS wait_reason, r.cause, r.subject, s.error,
	coalesce(cn.status <> 'Linked' OR cn.deleted_at IS NOT NULL, false) AS down,
	EXISTS (SELECT 1 FROM send_pauses x WHERE x.by_person AND (x.company_id IS NULL OR x.company_id = r.company_id)) AS paused`

const receiptsJoined = `receipts r LEFT JOIN users u ON u.id = r.added_by LEFT JOIN push_steps s ON s.id = r.step_id LEFT JOIN connections cn ON cn.id = s.connection_id`

// Receipts returns the receipts of an expense, without their content, oldest first.
func (s *Store) Receipts(ctx context.Context, expenseID int64) ([]Receipt, error) {
	var rs []Receipt
	if err := s.db.SelectContext(ctx, &rs, `SELECT `+receiptColumns+` FROM `+receiptsJoined+` WHERE r.expense_id = $1 ORDER BY r.id`, expenseID); err != nil {
		return nil, fmt.Errorf("list receipts of expense %d: %w", expenseID, err)
	}
	return rs, nil
}

// Receipt returns one receipt of an expense with its content, or ErrNotFound.
func (s *Store) Receipt(ctx context.Context, expenseID, id int64) (Receipt, []byte, error) {
	var r struct {
		Receipt
		Content []byte
	}
	err := s.db.GetContext(ctx, &r, `SELECT `+receiptColumns+`, r.content FROM `+receiptsJoined+` WHERE r.expense_id = $1 AND r.id = $2`, expenseID, id)
	if err != nil {
		return Receipt{}, nil, fmt.Errorf("read receipt %d: %w", id, err)
	}
	return r.Receipt, r.Content, nil
}

// NewReceipt is a file to be added to an expense. The caller has looked what it is.
type NewReceipt struct {
	Name    string
	Type    string
	Content []byte
}

var (
	// ErrReceiptKnown means that an expense has a receipt of the same content already.
	ErrReceiptKnown = errors.New("the expense has this receipt already")
	// ErrReceiptsMost means that an expense has as many receipts as it may have.
	ErrReceiptsMost = errors.New("the expense has enough receipts")
	// ErrReceiptSent means that a receipt is, or may be, in the ledger, so that it cannot be removed.
	ErrReceiptSent = errors.New("the receipt was sent")
	// ErrReceiptSettled means that nothing has to be decided about a receipt: somebody was quicker.
	ErrReceiptSettled = errors.New("the receipt needs nothing")
)

// AddReceipt adds a receipt to an expense and returns the name it has now: another one, when that was taken. One of an expense that
// is in the ledger is uploaded at once.
func (s *Store) AddReceipt(ctx context.Context, by User, expenseID int64, n NewReceipt) (name string, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		e, err := tx.lockExpense(ctx, expenseID)
		if err != nil {
			return err
		}
		var has struct {
			Names pq.StringArray
			Known bool
		}
		err = tx.GetContext(ctx, &has, `SELECT coalesce(array_agg(name), '{}') AS names, coalesce(bool_or(digest = sha256($2)), false) AS known
			FROM receipts WHERE expense_id = $1`, expenseID, n.Content)
		if err != nil {
			return fmt.Errorf("look at receipts of expense %d: %w", expenseID, err)
		}
		switch {
		case has.Known:
			return ErrReceiptKnown
		case len(has.Names) >= ReceiptsMost:
			return ErrReceiptsMost
		}
		name = freeName(n.Name, has.Names)
		_, err = tx.ExecContext(ctx, `INSERT INTO receipts (company_id, expense_id, name, type, content, added_by) VALUES ($1, $2, $3, $4, $5, nullif($6, 0))`,
			e.CompanyID, expenseID, name, n.Type, n.Content, by.ID)
		if err != nil {
			return fmt.Errorf("add receipt: %w", err)
		}
		if err := tx.receiptRecord(ctx, by, e, "added the receipt", name); err != nil {
			return err
		}
		return tx.uploadReceipts(ctx, []int64{expenseID})
	})
	return name, err
}

// freeName is a name that is not taken: "lunch (2).pdf".
func freeName(name string, taken []string) string {
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	is := func(name string) bool {
		for _, t := range taken {
			if strings.EqualFold(t, name) {
				return true
			}
		}
		return false
	}
	for n := 2; is(name); n++ {
		name = base + " (" + strconv.Itoa(n) + ")" + ext
	}
	return name
}

func (tx *Tx) receiptRecord(ctx context.Context, by User, e Expense, verb, name string) error {
	detail, err := json.Marshal(map[string]string{"receipt": name})
	if err != nil {
		return fmt.Errorf("record receipt: %w", err)
	}
	tx.changed(ExpenseChanged, e.ID)
	return tx.Record(ctx, Activity{CompanyID: &e.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: verb, SubjectKind: "expense",
		SubjectID: &e.ID, Subject: e.Reference, Detail: detail})
}

// RemoveReceipt removes a receipt that is not in the ledger and not on its way; ErrReceiptSent otherwise.
func (s *Store) RemoveReceipt(ctx context.Context, by User, expenseID, id int64) error {
	return s.withReceipt(ctx, expenseID, id, func(tx *Tx, e Expense, r Receipt) error {
		if !r.Removable() {
			return ErrReceiptSent
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM receipts WHERE id = $1`, id); err != nil {
			return fmt.Errorf("remove receipt %d: %w", id, err)
		}
		if r.StepID != nil && r.State != StepFailed {
			_, err := tx.ExecContext(ctx, `UPDATE push_steps SET state = 'withdrawn', settled_at = clock(), wait_reason = '', ask_at = NULL WHERE id = $1`, r.StepID)
			if err != nil {
				return fmt.Errorf("withdraw receipt %d: %w", id, err)
			}
		}
		return tx.receiptRecord(ctx, by, e, "removed the receipt", r.Name)
	})
}

// withReceipt runs fn with an expense, a receipt of it and its step locked.
func (s *Store) withReceipt(ctx context.Context, expenseID, id int64, fn func(tx *Tx, e Expense, r Receipt) error) error {
	return s.InTx(ctx, func(tx *Tx) error {
		// The step first, as those do who settle it.
		if _, err := tx.ExecContext(ctx, `SELECT 1 FROM push_steps WHERE id = (SELECT step_id FROM receipts WHERE id = $1) FOR UPDATE`, id); err != nil {
			return fmt.Errorf("lock upload of receipt %d: %w", id, err)
		}
		e, err := tx.lockExpense(ctx, expenseID)
		if err != nil {
			return err
		}
		var r Receipt
		err = tx.GetContext(ctx, &r, `SELECT `+receiptColumns+` FROM `+receiptsJoined+` WHERE r.expense_id = $1 AND r.id = $2 FOR UPDATE OF r`, expenseID, id)
		if err != nil {
			return fmt.Errorf("lock receipt %d: %w", id, err)
		}
		return fn(tx, e, r)
	})
}
