package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrLocked means that an expense is on its way to the ledger, or is, or may be, in it, so that it cannot be changed; or, of one to be
// deleted, that it has been pushed before.
var ErrLocked = errors.New("the expense is locked")

// Editable reports whether an expense can be changed: nothing of it is on its way to the ledger, or may be there.
func (s ExpenseStatus) Editable() bool { return s == NotPushed || s == Failed }

// UpdateExpense changes an expense that is Editable; ErrLocked otherwise. Its company stays. A reference that the company has used
// already is a *ReferenceTakenError. The caller has looked for Problems.
func (s *Store) UpdateExpense(ctx context.Context, by User, id int64, n NewExpense) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.UpdateExpense(ctx, by, id, n) })
}

// UpdateExpense is Store.UpdateExpense within a transaction, which an error ends.
func (tx *Tx) UpdateExpense(ctx context.Context, by User, id int64, n NewExpense) error {
	was, err := tx.lockExpense(ctx, id)
	if err != nil {
		return err
	}
	if !was.Status.Editable() {
		return ErrLocked
	}
	r, err := n.record()
	if err != nil {
		return fmt.Errorf("change expense %d: %w", id, err)
	}
	now, err := was.Entered().record()
	if err != nil {
		return fmt.Errorf("change expense %d: %w", id, err)
	}
	changed := differences(now, r)
	if len(changed) == 0 {
		return nil
	}
	lines, err := json.Marshal(r.Lines)
	if err != nil {
		return fmt.Errorf("change expense %d: %w", id, err)
	}
	_, err = tx.ExecContext(ctx, `
		WITH old AS (DELETE FROM expense_lines WHERE expense_id = $1)
		UPDATE expenses SET reference = $2, issue_date = $3, supplier = $4, description = $5, note = $6, currency = $7, rate = $8::numeric,
			paid_from = $9, net = $10::numeric, tax = $11::numeric, total = $10::numeric + $11::numeric WHERE id = $1`,
		id, r.Reference, r.IssueDate, r.Supplier, r.Description, r.Note, r.Currency, r.Rate, r.PaidFrom, r.Net, r.Tax)
	if isReferenceTaken(err) {
		return &ReferenceTakenError{[]string{n.Reference}}
	}
	if err != nil {
		return fmt.Errorf("change expense %d: %w", id, err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO expense_lines (expense_id, company_id, position, description, category, tax_rate, net, tax)
		SELECT $1::bigint, $2::bigint, l.* FROM jsonb_to_recordset($3) AS l (position int, description text, category text, tax_rate text, net numeric, tax numeric)`,
		id, was.CompanyID, string(lines))
	if err != nil {
		return fmt.Errorf("change lines of expense %d: %w", id, err)
	}
	detail, err := json.Marshal(map[string]any{"changed": changed, "currency": r.Currency})
	if err != nil {
		return fmt.Errorf("record change: %w", err)
	}
	tx.changed(ExpenseChanged, id)
	return tx.Record(ctx, Activity{CompanyID: &was.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: "changed", SubjectKind: "expense",
		SubjectID: &id, Subject: r.Reference, Detail: detail})
}

// DeleteExpense removes an expense that was never pushed nor handled outside; ErrLocked otherwise.
func (s *Store) DeleteExpense(ctx context.Context, by User, id int64) error {
	return s.InTx(ctx, func(tx *Tx) error {
		was, err := tx.lockExpense(ctx, id)
		if err != nil {
			return err
		}
		if was.PushID != nil || was.Status == Handled {
			return ErrLocked
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM expenses WHERE id = $1`, id); err != nil {
			return fmt.Errorf("delete expense %d: %w", id, err)
		}
		tx.changed(ExpenseChanged, id)
		return tx.Record(ctx, Activity{CompanyID: &was.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: "deleted", SubjectKind: "expense",
			SubjectID: &id, Subject: was.Reference})
	})
}

func (tx *Tx) lockExpense(ctx context.Context, id int64) (Expense, error) {
	var e Expense
	if err := tx.GetContext(ctx, &e, `SELECT `+expenseColumns+` FROM expenses e WHERE id = $1 FOR UPDATE`, id); err != nil {
		return e, fmt.Errorf("lock expense %d: %w", id, err)
	}
	err := tx.SelectContext(ctx, &e.Lines, `SELECT description, category, tax_rate, net, tax FROM expense_lines
		WHERE expense_id = $1 ORDER BY position`, id)
	if err != nil {
		return e, fmt.Errorf("read lines of expense %d: %w", id, err)
	}
	return e, nil
}

// Entered is the expense as a form shows it.
func (e Expense) Entered() NewExpense {
	return NewExpense{CompanyID: e.CompanyID, Reference: e.Reference, IssueDate: e.IssueDate, Supplier: e.Supplier, Note: e.Note,
		Currency: e.Currency, Rate: e.Rate, PaidFrom: e.PaidFrom, Source: e.Source, Lines: e.Lines}
}

// Difference is what a field was and what it became.
type Difference struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Now   string `json:"now"`
}

func differences(a, b expenseRecord) []Difference {
	var ds []Difference
	differ := func(field, was, now string) {
		if was != now {
			ds = append(ds, Difference{field, was, now})
		}
	}
	differ("reference", a.Reference, b.Reference)
	differ("date", a.IssueDate, b.IssueDate)
	differ("supplier", a.Supplier, b.Supplier)
	differ("note", a.Note, b.Note)
	differ("currency", a.Currency, b.Currency)
	differ("rate", orEmpty(a.Rate), orEmpty(b.Rate))
	differ("paid from", a.PaidFrom, b.PaidFrom)
	for i := range max(len(a.Lines), len(b.Lines)) {
		var was, now lineRecord
		if i < len(a.Lines) {
			was = a.Lines[i]
		}
		if i < len(b.Lines) {
			now = b.Lines[i]
		}
		line := fmt.Sprintf("line %d ", i+1)
		differ(line+"description", was.Description, now.Description)
		differ(line+"category", was.Category, now.Category)
		differ(line+"tax rate", was.TaxRate, now.TaxRate)
		differ(line+"net", was.Net, now.Net)
		differ(line+"tax", was.Tax, now.Tax)
	}
	return ds
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
