package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// PushState is how our job to get one expense into the ledger stands. A push that is not failed or withdrawn forbids
// another one of the same expense; the schema sees to that.
type PushState string

const (
	PushOpen          PushState = "open"           // until its cost's step is settled
	PushComplete      PushState = "complete"       // the expense is in the ledger
	PushFailed        PushState = "failed"         // it is not; a person may push again
	PushNeedsChecking PushState = "needs_checking" // it may be; until late news or a person settles it
	PushWithdrawn     PushState = "withdrawn"      // never sent
)

// Push is our job to get one expense into the ledger, as pages show it.
type Push struct {
	ID          int64
	ExpenseID   int64  `db:"expense_id"`
	CostStepID  int64  `db:"cost_step_id"`
	FailedStep  *int64 `db:"failed_step_id"` // the account or supplier that failed it
	State       PushState
	Cause       string
	Subject     string
	Snapshot    json.RawMessage
	By          string     // the email of who pressed the button, or the API token's name; "" when unknown
	CreatedAt   time.Time  `db:"created_at"`
	SettledAt   *time.Time `db:"settled_at"`
	Platform    string
	PlatformKey string `db:"platform_key"`
	Steps       []Step `db:"-"`
}

// Snapshot is an expense as it was when its push was planned. Numbers are exact decimals.
type Snapshot struct {
	ExpenseID    int64          `json:"expense_id"`
	Company      string         `json:"company"`
	BaseCurrency string         `json:"base_currency"`
	Reference    string         `json:"reference"`
	IssueDate    string         `json:"issue_date"` // 2026-01-31
	Supplier     string         `json:"supplier"`
	Note         string         `json:"note"`
	Currency     string         `json:"currency"`
	Rate         json.Number    `json:"rate"` // "" (null) when none
	PaidFrom     string         `json:"paid_from"`
	Net          json.Number    `json:"net"`
	Tax          json.Number    `json:"tax"`
	Total        json.Number    `json:"total"`
	Lines        []SnapshotLine `json:"lines"`
}

// SnapshotLine is one line of a Snapshot.
type SnapshotLine struct {
	Description string      `json:"description"`
	Category    string      `json:"category"`
	TaxRate     string      `json:"tax_rate"`
	Net         json.Number `json:"net"`
	Tax         json.Number `json:"tax"`
}

// Pushable is an expense that Push or Retry was pressed for, locked until the transaction ends, with what a plan needs.
type Pushable struct {
	ID               int64
	CompanyID        int64 `db:"company_id"`
	Reference        string
	Status           ExpenseStatus
	Example          bool
	CompanyGone      bool       `db:"company_gone"`  // from Codat
	ConnectionID     *int64     `db:"connection_id"` // nil: the company has no accounting connection
	ConnectionStatus string     `db:"connection_status"`
	PlatformName     string     `db:"platform_name"`
	PlatformKey      string     `db:"platform_key"`
	PushedBy         string     `db:"pushed_by"` // who started the newest push
	PushedAt         *time.Time `db:"pushed_at"`
	Facts            Facts
}

// Linked reports whether the expense can be sent now.
func (p Pushable) Linked() bool { return p.ConnectionStatus == Linked }

// LockPushables reads and locks the expenses with those ids, in the order of their ids, so that two people who press the
// same button are served one after the other.
func (tx *Tx) LockPushables(ctx context.Context, ids []int64) ([]Pushable, error) {
	if err := tx.lockToPush(ctx, ids); err != nil {
		return nil, err
	}
	return tx.Pushables(ctx, ids)
}

func (tx *Tx) lockToPush(ctx context.Context, ids []int64) error {
	// Their connections too, so that one which goes down meanwhile finds the new push and holds it.
	if _, err := tx.ExecContext(ctx, `SELECT 1 FROM connections WHERE company_id IN (SELECT company_id FROM expenses WHERE id = ANY($1))
		ORDER BY id FOR SHARE`, int64s(ids)); err != nil {
		return fmt.Errorf("lock connections to push through: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `SELECT 1 FROM expenses WHERE id = ANY($1) ORDER BY id FOR UPDATE`, int64s(ids)); err != nil {
		return fmt.Errorf("lock expenses to push: %w", err)
	}
	return nil
}

// pushedBy is who started push p, and is user u unless another system did: then the record has its token's name.
const pushedBy = `coalesce(u.email, (SELECT a.actor FROM activity a WHERE a.subject_kind = 'expense' AND a.subject_id = p.expense_id AND a.at = p.created_at
	AND a.verb IN ('pushed', 'retried', 'pushed anyway', 'retried anyway') ORDER BY a.id LIMIT 1), '')`

// Pushables reads the expenses with those ids without locking them: for a forecast.
func (tx *Tx) Pushables(ctx context.Context, ids []int64) ([]Pushable, error) {
	var ps []Pushable
	err := tx.SelectContext(ctx, &ps, `
		SELECT e.id, e.company_id, e.reference, e.status, co.example, co.deleted_at IS NOT NULL AS company_gone,
			cn.id AS connection_id, coalesce(cn.status, '') AS connection_status,
			coalesce(cn.platform_name, '') AS platform_name, coalesce(cn.platform_key, '') AS platform_key,
			`+pushedBy+` AS pushed_by, p.created_at AS pushed_at
		FROM expenses e JOIN companies co ON co.id = e.company_id LEFT JOIN `+accountingOf+` cn ON true
			LEFT JOIN pushes p ON p.id = e.push_id LEFT JOIN users u ON u.id = p.created_by
		WHERE e.id = ANY((SELECT $1::bigint[])::bigint[]) ORDER BY e.id`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read expenses to push: %w", err)
	}
	through := map[int64]int64{}
	for _, p := range ps {
		if p.ConnectionID != nil {
			through[p.ID] = *p.ConnectionID
		}
	}
	facts, err := readFacts(ctx, tx, through)
	for i := range ps {
		ps[i].Facts = facts[ps[i].ID]
	}
	return ps, err
}

// PlannedPush is a push to be created: of a locked expense, through one connection, with the steps it needs.
type PlannedPush struct {
	ExpenseID    int64
	CompanyID    int64
	ConnectionID int64
	Held         bool   // the connection is down: the push waits
	Verb         string // for the record: pushed, retried
	Receipts     bool   // the accounting package takes receipts
	Steps        []PlannedStep
}

// PlannedStep is one Codat write of a plan. Steps come in the order they must happen; the directCost is the last. An account
// or supplier that is already on its way, or was made before, is joined, not repeated.
type PlannedStep struct {
	Kind    StepKind
	Subject string // what makes it one and the same: a normalised name; the expense's id for a directCost
	Label   string // the same for people
}

type plannedStep struct {
	ExpenseID    int64    `json:"expense_id"`
	CompanyID    int64    `json:"company_id"`
	ConnectionID int64    `json:"connection_id"`
	Kind         StepKind `json:"kind"`
	Subject      string   `json:"subject"`
	Label        string   `json:"label"`
	Position     int      `json:"position"`
	Held         bool     `json:"held"`
	Verb         string   `json:"verb"`
	Receipts     bool     `json:"receipts"`
}

// CreatePushes freezes the expenses, plans their steps and queues what can run. The expenses are locked and may be pushed.
func (tx *Tx) CreatePushes(ctx context.Context, by User, plans []PlannedPush) error {
	needs, costs := []plannedStep{}, []plannedStep{} // never null in JSON
	ids := make([]int64, len(plans))
	for i, p := range plans {
		ids[i] = p.ExpenseID
		for n, s := range p.Steps {
			step := plannedStep{p.ExpenseID, p.CompanyID, p.ConnectionID, s.Kind, s.Subject, s.Label, n, p.Held, p.Verb, p.Receipts}
			if s.Kind == DirectCostStep {
				costs = append(costs, step)
			} else {
				needs = append(needs, step)
			}
		}
	}
	if err := tx.joinSteps(ctx, needs); err != nil {
		return err
	}
	needsJSON, err := json.Marshal(needs)
	if err != nil {
		return fmt.Errorf("create pushes: %w", err)
	}
	costsJSON, err := json.Marshal(costs)
	if err != nil {
		return fmt.Errorf("create pushes: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		WITH plan AS (
			SELECT * FROM jsonb_to_recordset($1) AS r (expense_id bigint, company_id bigint, connection_id bigint, subject text, label text, held boolean, verb text, receipts boolean)),
		want AS (
			SELECT r.expense_id, r.position, s.id AS step_id, s.state
			FROM jsonb_to_recordset($4) AS r (expense_id bigint, connection_id bigint, kind text, subject text, position int)
				JOIN push_steps s ON s.connection_id = r.connection_id AND s.kind = r.kind AND s.subject = r.subject
					AND s.state NOT IN ('failed', 'withdrawn') AND NOT s.retired),
		step AS (
			INSERT INTO push_steps (company_id, connection_id, kind, subject, label, state)
			SELECT company_id, connection_id, 'directCost', subject, label,
				CASE WHEN EXISTS (SELECT 1 FROM want WHERE want.expense_id = plan.expense_id AND want.state <> 'success') THEN 'waiting' ELSE 'ready' END
			FROM plan ORDER BY expense_id
			RETURNING id, connection_id, subject),
		push AS (
			INSERT INTO pushes (company_id, connection_id, expense_id, cost_step_id, snapshot, created_by, takes_receipts)
			SELECT plan.company_id, plan.connection_id, plan.expense_id, step.id, `+snapshotOf+`, nullif($2, 0), plan.receipts
			FROM plan JOIN step USING (connection_id, subject) JOIN expenses e ON e.id = plan.expense_id JOIN companies co ON co.id = e.company_id
			RETURNING id, company_id, expense_id, cost_step_id),
		need AS (
			INSERT INTO push_needs (push_id, step_id, company_id, position)
			SELECT id, cost_step_id, company_id, 1000 FROM push
			UNION ALL
			SELECT push.id, want.step_id, push.company_id, want.position FROM want JOIN push USING (expense_id)),
		badge AS (
			UPDATE expenses e SET push_id = push.id, status = CASE WHEN plan.held THEN 'on_hold' ELSE 'in_progress' END, status_at = clock()
			FROM push JOIN plan USING (expense_id) WHERE e.id = push.expense_id)
		INSERT INTO activity (company_id, user_id, actor, verb, subject_kind, subject_id, subject)
		SELECT company_id, nullif($2, 0), $3, verb, 'expense', expense_id, label FROM plan`, string(costsJSON), by.ID, by.Email, string(needsJSON))
	if err != nil {
		return fmt.Errorf("create pushes: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	tx.changed(WorkChanged, 0)
	return nil
}

// joinSteps makes the account and supplier steps that are not live yet, and keeps all of them from ending until the
// transaction does, so that nobody joins a step that has just failed.
func (tx *Tx) joinSteps(ctx context.Context, needs []plannedStep) error {
	if len(needs) == 0 {
		return nil
	}
	j, err := json.Marshal(needs)
	if err != nil {
		return fmt.Errorf("join steps: %w", err)
	}
	const wanted = `(SELECT DISTINCT ON (connection_id, kind, subject) * FROM jsonb_to_recordset($1)
		AS r (company_id bigint, connection_id bigint, kind text, subject text, label text) ORDER BY connection_id, kind, subject)`
	for {
		_, err = tx.ExecContext(ctx, `
			INSERT INTO push_steps (company_id, connection_id, kind, subject, label, state)
			SELECT company_id, connection_id, kind, subject, label, 'ready' FROM `+wanted+` w ORDER BY connection_id, kind, subject
			ON CONFLICT (connection_id, kind, subject) WHERE state NOT IN ('failed', 'withdrawn') AND NOT retired DO NOTHING`, string(j))
		if err != nil {
			return fmt.Errorf("make steps: %w", err)
		}
		var missing int
		err = tx.GetContext(ctx, &missing, `
			WITH held AS MATERIALIZED (
				SELECT s.id, s.connection_id, s.kind, s.subject FROM push_steps s JOIN `+wanted+` w USING (connection_id, kind, subject)
				WHERE s.state NOT IN ('failed', 'withdrawn') AND NOT s.retired ORDER BY s.id FOR SHARE OF s)
			SELECT count(*) FROM `+wanted+` w LEFT JOIN held USING (connection_id, kind, subject) WHERE held.id IS NULL`, string(j))
		if err != nil {
			return fmt.Errorf("join steps: %w", err)
		}
		if missing == 0 {
			return nil
		}
	}
}

// snapshotOf is the Snapshot of expense e of company co.
const snapshotOf = `jsonb_build_object('expense_id', e.id, 'company', co.name, 'base_currency', coalesce(co.base_currency, ''),
	'reference', e.reference, 'issue_date', e.issue_date, 'supplier', e.supplier,
	'note', e.note, 'currency', e.currency, 'rate', trim_scale(e.rate), 'paid_from', e.paid_from,
	'net', trim_scale(e.net), 'tax', trim_scale(e.tax), 'total', trim_scale(e.total),
	'lines', (SELECT jsonb_agg(jsonb_build_object('description', l.description, 'category', l.category, 'tax_rate', l.tax_rate,
		'net', trim_scale(l.net), 'tax', trim_scale(l.tax)) ORDER BY l.position) FROM expense_lines l WHERE l.expense_id = e.id))`

// Pushes returns the pushes of an expense, newest first, each with its steps and their attempts.
func (s *Store) Pushes(ctx context.Context, expenseID int64) ([]Push, error) {
	var ps []Push
	err := s.db.SelectContext(ctx, &ps, `
		SELECT p.id, p.expense_id, p.cost_step_id, p.failed_step_id, p.state, p.cause, p.subject, p.snapshot, `+pushedBy+` AS by,
			p.created_at, p.settled_at, cn.platform_name AS platform, cn.platform_key
		FROM pushes p JOIN connections cn ON cn.id = p.connection_id LEFT JOIN users u ON u.id = p.created_by
		WHERE p.expense_id = $1 ORDER BY p.id DESC`, expenseID)
	if err != nil {
		return nil, fmt.Errorf("list pushes of expense %d: %w", expenseID, err)
	}
	for i := range ps {
		if ps[i].Steps, err = s.stepsOf(ctx, ps[i].ID); err != nil {
			return nil, err
		}
	}
	return ps, nil
}
