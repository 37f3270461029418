package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govalues/decimal"
	"github.com/lib/pq"
)

// ExpenseStatus is what the badge says. It is stored, and changed only by the transaction that settles the cost's step,
// plans a push, or holds and releases a connection's pushes.
type ExpenseStatus string

const (
	NotPushed     ExpenseStatus = "not_pushed"     // until somebody presses Push
	InProgress    ExpenseStatus = "in_progress"    // until Codat says how it went
	Complete      ExpenseStatus = "complete"       // it is in the ledger
	Failed        ExpenseStatus = "failed"         // it is not in the ledger; Retry pushes it anew
	NeedsChecking ExpenseStatus = "needs_checking" // it may be in the ledger; a person must look
	OnHold        ExpenseStatus = "on_hold"        // its connection is down; nothing of it was sent
	Handled       ExpenseStatus = "handled"        // a person has dealt with it outside; undone, it is what it was
)

// Statuses are all of them, in the order people read them.
var Statuses = []ExpenseStatus{NotPushed, InProgress, Complete, Failed, NeedsChecking, OnHold, Handled}

// Expense is one cost to be booked. IssueDate is a date: midnight UTC, never shifted. Rate is units of the company's base
// currency for one of Currency, nil when it is the same currency.
type Expense struct {
	ID          int64
	CompanyID   int64 `db:"company_id"`
	Reference   string
	IssueDate   time.Time `db:"issue_date"`
	Supplier    string
	Description string // the first line's
	Note        string
	Currency    string
	Rate        decimal.NullDecimal
	PaidFrom    string `db:"paid_from"`
	Net         decimal.Decimal
	Tax         decimal.Decimal
	Total       decimal.Decimal
	Status      ExpenseStatus
	StatusAt    time.Time `db:"status_at"`
	PushID      *int64    `db:"push_id"`
	Reason      string    `db:"handled_reason"` // why it was handled outside, "" when it was not
	Source      string
	CreatedBy   *int64    `db:"created_by"`
	CreatedAt   time.Time `db:"created_at"`
	Lines       []Line    `db:"-"`
}

// Line is one line of an expense. Category and TaxRate are as typed, and resolved when pushed.
type Line struct {
	Description string
	Category    string
	TaxRate     string `db:"tax_rate"`
	Net         decimal.Decimal
	Tax         decimal.Decimal
}

const expenseColumns = `e.id, e.company_id, e.reference, e.issue_date, e.supplier, e.description, e.note, e.currency, e.rate,
	e.paid_from, e.net, e.tax, e.total, e.status, e.status_at, e.push_id, e.handled_reason, e.source, e.created_by, e.created_at`

// NewExpense is an expense to be entered, by a form, a file or another system.
type NewExpense struct {
	CompanyID int64
	Reference string
	IssueDate time.Time
	Supplier  string
	Note      string
	Currency  string
	Rate      decimal.NullDecimal
	PaidFrom  string
	Source    string // form csv api
	Lines     []Line
}

// Problem is one thing wrong with what was entered, in a sentence for the person who entered it.
type Problem struct {
	Field string // reference date currency rate supplier note lines, or lines.2.net
	Text  string
}

// The lengths we take. The ledger's own limits are told when pushing.
const (
	maxReference   = 255
	maxName        = 255
	maxText        = 4000
	maxExpenseLine = 200
)

// Problems returns what is wrong with an expense, by itself and for a company whose books are in base ("" = not known).
func (n NewExpense) Problems(base string) []Problem {
	var ps []Problem
	add := func(field, format string, args ...any) { ps = append(ps, Problem{field, fmt.Sprintf(format, args...)}) }
	limit := func(field, what, s string, max int) {
		switch {
		case utf8.RuneCountInString(s) > max:
			add(field, "%s is longer than %d characters.", what, max)
		case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
			add(field, "%s holds characters that cannot be read.", what)
		}
	}
	if strings.TrimSpace(n.Reference) == "" {
		add("reference", "The reference is missing.")
	}
	limit("reference", "The reference", n.Reference, maxReference)
	limit("supplier", "The supplier", n.Supplier, maxName)
	limit("note", "The note", n.Note, maxText)
	limit("paid_from", "Paid from", n.PaidFrom, maxName)
	switch {
	case n.IssueDate.IsZero():
		add("date", "The date is missing.")
	case n.IssueDate.Year() < 1990 || n.IssueDate.Year() > 2100:
		add("date", "The date %s is not between 1990 and 2100.", n.IssueDate.Format(time.DateOnly))
	}
	switch {
	case n.Currency == "":
		add("currency", "The currency is missing: use a code such as GBP.")
	case !KnownCurrency(n.Currency):
		add("currency", "%q is not a currency: use a code such as GBP.", clip(n.Currency))
	}
	switch rate := n.Rate; {
	case rate.Valid && (!rate.Decimal.IsPos() || rate.Decimal.MinScale() > 9 || rate.Decimal.Cmp(decimal.MustParse("1000000")) > 0):
		add("rate", "The rate must be a positive number with at most 9 decimals.")
	case rate.Valid && n.Currency == base && rate.Decimal.Cmp(decimal.One) != 0:
		add("rate", "No rate is needed: the company's books are in %s too.", base)
	case !rate.Valid && base != "" && n.Currency != base && KnownCurrency(n.Currency):
		add("rate", "The rate is missing: how many %s is one %s?", base, n.Currency)
	}
	switch {
	case len(n.Lines) == 0:
		add("lines", "There is no line: an expense needs at least one.")
	case len(n.Lines) > maxExpenseLine:
		add("lines", "There are more than %d lines.", maxExpenseLine)
	}
	for i, l := range n.Lines {
		at := fmt.Sprintf("lines.%d.", i+1)
		limit(at+"description", "The description", l.Description, maxText)
		limit(at+"category", "The category", l.Category, maxName)
		limit(at+"tax_rate", "The tax rate", l.TaxRate, maxName)
		if strings.TrimSpace(l.Category) == "" {
			add(at+"category", "The category is missing.")
		}
		if digits := Digits(n.Currency); l.Net.MinScale() > digits || l.Tax.MinScale() > digits {
			add(at+"net", "The amounts have too many decimals: %s has %d.", n.Currency, digits)
		}
		if (l.Net.IsNeg() && l.Tax.IsPos()) || (l.Net.IsPos() && l.Tax.IsNeg()) {
			add(at+"tax", "Net and tax have different signs.")
		}
	}
	if net, tax, err := sums(n.Lines); err != nil {
		add("lines", "The amounts are too large.")
	} else if len(n.Lines) > 0 && net.IsZero() && tax.IsZero() {
		add("lines", "The lines come to nothing: there is nothing to book.")
	}
	return ps
}

func sums(lines []Line) (net, tax decimal.Decimal, err error) {
	for _, l := range lines {
		if net, err = net.Add(l.Net); err != nil {
			return net, tax, fmt.Errorf("sum lines: %w", err)
		}
		if tax, err = tax.Add(l.Tax); err != nil {
			return net, tax, fmt.Errorf("sum lines: %w", err)
		}
	}
	if total, err := net.Add(tax); err != nil || total.CmpAbs(largest) > 0 || net.CmpAbs(largest) > 0 {
		return net, tax, fmt.Errorf("sum lines: too large")
	}
	return net, tax, nil
}

// ReferenceTakenError says which of the references entered are used in that company already.
type ReferenceTakenError struct{ References []string }

func (e *ReferenceTakenError) Error() string {
	return fmt.Sprintf("reference used already: %s", strings.Join(e.References, ", "))
}

// AddExpenses enters expenses, all of them or none, and returns their ids in the same order. A reference that its company
// has used already is a *ReferenceTakenError. The caller has looked for Problems.
func (s *Store) AddExpenses(ctx context.Context, by User, es []NewExpense) ([]int64, error) {
	var ids []int64
	err := s.InTx(ctx, func(tx *Tx) error {
		var err error
		ids, err = tx.addExpenses(ctx, by, es)
		return err
	})
	if isReferenceTaken(err) {
		taken, lookErr := s.ReferencesTaken(ctx, es)
		if lookErr != nil {
			return nil, lookErr
		}
		return nil, &ReferenceTakenError{taken}
	}
	return ids, err
}

// ReferencesTaken returns the references among es that their companies have used already.
func (s *Store) ReferencesTaken(ctx context.Context, es []NewExpense) ([]string, error) {
	companies, references := make([]int64, len(es)), make([]string, len(es))
	for i, e := range es {
		companies[i], references[i] = e.CompanyID, e.Reference
	}
	var taken []string
	err := s.db.SelectContext(ctx, &taken, `SELECT e.reference FROM unnest($1::bigint[], $2::text[]) AS n (company_id, reference)
		JOIN expenses e USING (company_id, reference) ORDER BY e.reference`, int64s(companies), pq.StringArray(references))
	if err != nil {
		return nil, fmt.Errorf("look for used references: %w", err)
	}
	return taken, nil
}

type expenseRecord struct {
	CompanyID   int64        `json:"company_id"`
	Reference   string       `json:"reference"`
	IssueDate   string       `json:"issue_date"`
	Supplier    string       `json:"supplier"`
	Description string       `json:"description"`
	Note        string       `json:"note"`
	Currency    string       `json:"currency"`
	Rate        *string      `json:"rate"`
	PaidFrom    string       `json:"paid_from"`
	Net         string       `json:"net"`
	Tax         string       `json:"tax"`
	Source      string       `json:"source"`
	Lines       []lineRecord `json:"lines"`
}

type lineRecord struct {
	Position    int    `json:"position"`
	Description string `json:"description"`
	Category    string `json:"category"`
	TaxRate     string `json:"tax_rate"`
	Net         string `json:"net"`
	Tax         string `json:"tax"`
}

// record is what is kept of an expense, so that equal ones are equal texts.
func (n NewExpense) record() (expenseRecord, error) {
	net, tax, err := sums(n.Lines)
	if err != nil {
		return expenseRecord{}, err
	}
	r := expenseRecord{CompanyID: n.CompanyID, Reference: strings.TrimSpace(n.Reference), IssueDate: n.IssueDate.Format(time.DateOnly),
		Supplier: strings.TrimSpace(n.Supplier), Note: n.Note, Currency: n.Currency, PaidFrom: strings.TrimSpace(n.PaidFrom),
		Rate: rateText(n.Rate), Net: net.String(), Tax: tax.String(), Source: n.Source}
	for i, l := range n.Lines {
		r.Lines = append(r.Lines, lineRecord{i + 1, l.Description, strings.TrimSpace(l.Category), strings.TrimSpace(l.TaxRate),
			l.Net.Trim(0).String(), l.Tax.Trim(0).String()})
	}
	if len(n.Lines) > 0 {
		r.Description = n.Lines[0].Description
	}
	return r, nil
}

func rateText(rate decimal.NullDecimal) *string {
	if !rate.Valid {
		return nil
	}
	text := rate.Decimal.Trim(0).String()
	return &text
}

const addBatch = 1000

func (tx *Tx) addExpenses(ctx context.Context, by User, es []NewExpense) ([]int64, error) {
	ids := make([]int64, 0, len(es))
	for start := 0; start < len(es); start += addBatch {
		records := make([]expenseRecord, 0, addBatch)
		for _, e := range es[start:min(start+addBatch, len(es))] {
			r, err := e.record()
			if err != nil {
				return nil, fmt.Errorf("add expense %q: %w", e.Reference, err)
			}
			records = append(records, r)
		}
		j, err := json.Marshal(records)
		if err != nil {
			return nil, fmt.Errorf("add expenses: %w", err)
		}
		var batch []int64
		err = tx.SelectContext(ctx, &batch, `
			WITH entered AS (
				SELECT r.*, o.n, nextval(pg_get_serial_sequence('expenses', 'id')) AS id
				FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS o (doc, n),
					jsonb_to_record(o.doc) AS r (company_id bigint, reference text, issue_date date, supplier text, description text,
						note text, currency text, rate numeric, paid_from text, net numeric, tax numeric, source text, lines jsonb)
				ORDER BY o.n),
			expense AS (
				INSERT INTO expenses (id, company_id, reference, issue_date, supplier, description, note, currency, rate, paid_from,
					net, tax, total, source, created_by)
				OVERRIDING SYSTEM VALUE
				SELECT id, company_id, reference, issue_date, supplier, description, note, currency, rate, paid_from,
					net, tax, net + tax, source, nullif($2, 0) FROM entered
				RETURNING id),
			line AS (
				INSERT INTO expense_lines (expense_id, company_id, position, description, category, tax_rate, net, tax)
				SELECT e.id, e.company_id, l.position, l.description, l.category, l.tax_rate, l.net, l.tax
				FROM entered e, jsonb_to_recordset(e.lines) AS l (position int, description text, category text, tax_rate text, net numeric, tax numeric)),
			told AS (
				INSERT INTO activity (company_id, user_id, actor, verb, subject_kind, subject_id, subject)
				SELECT company_id, nullif($2, 0), $3, 'entered', 'expense', id, reference FROM entered)
			SELECT id FROM entered ORDER BY n`, string(j), by.ID, by.Email)
		if err != nil {
			return nil, fmt.Errorf("add expenses: %w", err)
		}
		ids = append(ids, batch...)
	}
	tx.changed(ExpenseChanged, ids...)
	return ids, nil
}

// Expense returns one expense with its lines, or ErrNotFound.
func (s *Store) Expense(ctx context.Context, id int64) (Expense, error) {
	var e Expense
	if err := s.db.GetContext(ctx, &e, `SELECT `+expenseColumns+` FROM expenses e WHERE id = $1`, id); err != nil {
		return e, fmt.Errorf("read expense %d: %w", id, err)
	}
	err := s.db.SelectContext(ctx, &e.Lines, `SELECT description, category, tax_rate, net, tax FROM expense_lines
		WHERE expense_id = $1 ORDER BY position`, id)
	if err != nil {
		return e, fmt.Errorf("read lines of expense %d: %w", id, err)
	}
	return e, nil
}
