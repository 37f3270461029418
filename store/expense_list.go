package store

import (
	"context"
	"fmt"
	"time"

	"github.com/govalues/decimal"
)

// ExpenseItem is an expense as lists show it: with its company, its connection and the newest push's cost step.
type ExpenseItem struct {
	ID          int64
	CompanyID   int64 `db:"company_id"`
	Company     string
	Reference   string
	IssueDate   time.Time `db:"issue_date"`
	Supplier    string
	Description string
	Currency    string
	Total       decimal.Decimal
	Status      ExpenseStatus
	StatusAt    time.Time `db:"status_at"`

	// The accounting connection that would be used now; zero when the company has none.
	ConnectionID        int64 `db:"connection_id"`
	Platform            string
	PlatformKey         string     `db:"platform_key"`
	ConnectionStatus    string     `db:"connection_status"`
	ConnectionChangedAt *time.Time `db:"connection_changed_at"`
	ProvenAt            *time.Time `db:"proven_at"`
	Facts               Facts      // before a push; of one expense by itself also after one that failed

	// The newest push; empty when there is none.
	PushedAt   *time.Time `db:"pushed_at"`
	Cause      string
	Subject    string
	FailedStep string    `db:"failed_step"` // the account or supplier that failed the push: "account Travel"
	StepState  StepState `db:"step_state"`
	Doubt      bool
	SentAt     *time.Time `db:"sent_at"`
	SettledAt  *time.Time `db:"settled_at"`
	NextTryAt  *time.Time `db:"next_try_at"`
	WaitReason string     `db:"wait_reason"`
	WaitsFor   string     `db:"waits_for"`   // what must be in the ledger first: "account Travel"
	WaitsState StepState  `db:"waits_state"` // how its step stands
	Asking     bool       // a webhook told of a failure; the reason is being read
	Alike      string     // the reference of another expense that looks the same, of one that can be pushed; "" for none
	Handled    string     `db:"handled_reason"` // why it was handled outside
	Unsent     bool       // nothing of its cost was sent yet: the push can be withdrawn
	Checking   bool       // its connection is asked first whether it works
	Paused     bool       // a person has paused sending, of all or of its company
	Now        time.Time  // the database's clock
}

const expenseItems = `
	SELECT e.id, e.company_id, co.name AS company, e.reference, e.issue_date, e.supplier, e.description, e.currency, e.total,
		e.status, e.status_at,
		coalesce(cn.id, 0) AS connection_id, coalesce(cn.platform_name, '') AS platform, coalesce(cn.platform_key, '') AS platform_key, coalesce(cn.status, '') AS connection_status,
		cn.changed_at AS connection_changed_at, cn.proven_at,
		coalesce((SELECT f.kind || ' ' || f.label FROM push_steps f WHERE f.id = p.failed_step_id), '') AS failed_step,
		p.created_at AS pushed_at, coalesce(nullif(p.cause, ''), e.cause) AS cause, coalesce(nullif(p.subject, ''), e.cause_subject) AS subject,
		coalesce(s.state, '') AS step_state, coalesce(s.doubt, false) AS doubt, s.sent_at, s.settled_at, s.next_try_at,
		coalesce(s.wait_reason, '') AS wait_reason,
		coalesce(need.what, '') AS waits_for, coalesce(need.state, '') AS waits_state,
		coalesce(s.state = 'pending' AND s.ask_at <= clock(), false) AS asking,
		coalesce(p.state = 'open' AND s.state IN ('waiting', 'ready') AND s.first_sent_at IS NULL, false) AS unsent,
		e.status = 'in_progress' AND EXISTS (SELECT 1 FROM send_pauses z WHERE z.by_person AND (z.company_id IS NULL OR z.company_id = e.company_id)) AS paused,
		` + askedFirst + ` AS checking,
		CASE WHEN e.status IN ('not_pushed', 'failed') THEN coalesce((SELECT d.reference FROM expenses d WHERE ` + alike + ` ORDER BY d.id + 0 LIMIT 1), '') ELSE '' END AS alike,
		e.handled_reason, clock() AS now
	FROM e
		JOIN companies co ON co.id = e.company_id
		LEFT JOIN pushes p ON p.id = e.push_id
		LEFT JOIN push_steps s ON s.id = p.cost_step_id
		LEFT JOIN LATERAL (
			SELECT w.kind || ' ' || w.label AS what, w.state FROM push_needs n JOIN push_steps w ON w.id = n.step_id
			WHERE n.push_id = p.id AND p.state = 'open' AND w.kind <> 'directCost' AND w.state <> 'success' ORDER BY n.position LIMIT 1) need ON true
		LEFT JOIN (
			-- accountingOf, for all companies in one go
			SELECT DISTINCT ON (company_id) * FROM connections WHERE company_id = ANY(ARRAY(SELECT company_id FROM e)) AND ` + accounting + `
			ORDER BY company_id, ` + accountingFirst + `) cn ON cn.company_id = e.company_id`

// ExpenseItems returns the expenses with those ids.
func (s *Store) ExpenseItems(ctx context.Context, ids []int64) ([]ExpenseItem, error) {
	return s.expenseItems(ctx, ids, false)
}

// ExpenseItem returns one expense, or ErrNotFound.
func (s *Store) ExpenseItem(ctx context.Context, id int64) (ExpenseItem, error) {
	items, err := s.expenseItems(ctx, []int64{id}, true)
	if err == nil && len(items) == 0 {
		err = fmt.Errorf("read expense %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return ExpenseItem{}, err
	}
	return items[0], nil
}

func (s *Store) expenseItems(ctx context.Context, ids []int64, retried bool) ([]ExpenseItem, error) {
	items := make([]ExpenseItem, 0, len(ids))
	err := s.db.SelectContext(ctx, &items, `WITH e AS (SELECT * FROM expenses WHERE id = ANY((SELECT $1::bigint[])::bigint[])) `+expenseItems+` ORDER BY e.id`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read expenses: %w", err)
	}
	through := map[int64]int64{}
	for _, e := range items {
		if e.ConnectionID != 0 && (e.Status == NotPushed || retried && e.Status == Failed) {
			through[e.ID] = e.ConnectionID
		}
	}
	facts, err := readFacts(ctx, s.db, through)
	if err != nil {
		return nil, err
	}
	for i := range items {
		items[i].Facts = facts[items[i].ID]
	}
	return items, nil
}

// Sum is an amount of one currency.
type Sum struct {
	Currency string
	Total    decimal.Decimal
	Count    int
}

// HeldSums returns, per connection that is down, what waits for it per currency.
func (s *Store) HeldSums(ctx context.Context) (map[int64][]Sum, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT p.connection_id, e.currency, sum(e.total), count(*)
		FROM expenses e JOIN pushes p ON p.id = e.push_id WHERE e.status = 'on_hold' GROUP BY 1, 2 ORDER BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("sum expenses on hold: %w", err)
	}
	defer rows.Close()
	sums := map[int64][]Sum{}
	for rows.Next() {
		var id int64
		var sum Sum
		if err := rows.Scan(&id, &sum.Currency, &sum.Total, &sum.Count); err != nil {
			return nil, fmt.Errorf("sum expenses on hold: %w", err)
		}
		sums[id] = append(sums[id], sum)
	}
	return sums, rows.Err()
}
