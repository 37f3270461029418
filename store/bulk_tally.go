package store

import (
	"context"
	"fmt"

	"github.com/lib/pq"
)

// PlanTally counts the expenses of a plan.
type PlanTally struct {
	All int // those that were not deleted before they were foreseen

	// Foreseen, of those that wait.
	Ready  int // it can be done
	Insist int // it would fail: done only if a person insists
	Held   int // of Ready: they wait for their connection
	Alike  int // of Ready and Insist: they look like another

	// Since the start.
	Waiting  int
	Done     int
	LeftOut  int `db:"left_out"`
	UnderWay int `db:"under_way"` // of Done: their push is not settled
	OnHold   int `db:"on_hold"`   // of UnderWay: their connection is down
	Complete int
	Failed   int
	Checking int
}

// PlanTally counts how far a plan is.
func (s *Store) PlanTally(ctx context.Context, id int64) (PlanTally, error) {
	var t PlanTally
	err := s.db.GetContext(ctx, &t, `
		SELECT count(*) AS all, count(*) FILTER (WHERE i.why = '') AS ready, count(*) FILTER (WHERE i.insist) AS insist,
			count(*) FILTER (WHERE i.held AND i.why = '') AS held, count(i.alike) AS alike,
			count(*) FILTER (WHERE i.state = 'waiting') AS waiting, count(*) FILTER (WHERE i.state = 'done') AS done,
			count(*) FILTER (WHERE i.state = 'left_out') AS left_out,
			count(*) FILTER (WHERE p.state = 'open') AS under_way, count(*) FILTER (WHERE p.state = 'complete') AS complete,
			count(*) FILTER (WHERE p.state = 'failed') AS failed, count(*) FILTER (WHERE p.state = 'needs_checking') AS checking,
			(SELECT count(*) FROM bulk_plan_items h JOIN pushes hp ON hp.id = h.push_id AND hp.state = 'open'
				JOIN expenses e ON e.id = h.expense_id AND e.status = 'on_hold' WHERE h.plan_id = $1) AS on_hold
		FROM bulk_plan_items i LEFT JOIN pushes p ON p.id = i.push_id WHERE i.plan_id = $1`, id)
	if err != nil {
		return t, fmt.Errorf("count plan %d: %w", id, err)
	}
	return t, nil
}

// PlanSums returns the sums of a plan per currency: all that can be done, or of a plan that was started what was done.
func (s *Store) PlanSums(ctx context.Context, p Plan) ([]Sum, error) {
	var sums []Sum
	err := s.db.SelectContext(ctx, &sums, `
		SELECT currency, sum(total) AS total, count(*) AS count FROM bulk_plan_items
		WHERE plan_id = $1 AND CASE WHEN $2 THEN why = '' ELSE state = 'done' END GROUP BY currency ORDER BY count(*) DESC, currency`, p.ID, p.State == PlanDraft)
	if err != nil {
		return nil, fmt.Errorf("sum plan %d: %w", p.ID, err)
	}
	return sums, nil
}

// PlanReason is why expenses of a plan were left out, or would be, with the first few of them.
type PlanReason struct {
	Why        string
	Insist     bool
	Count      int
	IDs        pq.Int64Array
	References pq.StringArray
}

// PlanReasons returns why expenses of a plan are left out, the most frequent first.
func (s *Store) PlanReasons(ctx context.Context, id int64, few int) ([]PlanReason, error) {
	var rs []PlanReason
	err := s.db.SelectContext(ctx, &rs, `
		SELECT why, bool_or(insist) AS insist, count(*) AS count, (array_agg(expense_id ORDER BY position))[1:$2] AS ids,
			(array_agg(reference ORDER BY position))[1:$2] AS references
		FROM bulk_plan_items WHERE plan_id = $1 AND why <> '' GROUP BY why ORDER BY count(*) DESC, why LIMIT 100`, id, few)
	if err != nil {
		return nil, fmt.Errorf("list what plan %d leaves out: %w", id, err)
	}
	return rs, nil
}

// PlanPair is an expense of a plan and another that looks the same.
type PlanPair struct {
	ID             int64
	Reference      string
	Other          int64
	OtherReference string        `db:"other_reference"`
	OtherStatus    ExpenseStatus `db:"other_status"`
	Within         bool          // the other is in the plan too
}

// PlanPairs returns expenses of a plan that look like others, the first few.
func (s *Store) PlanPairs(ctx context.Context, id int64, few int) ([]PlanPair, error) {
	var ps []PlanPair
	err := s.db.SelectContext(ctx, &ps, `
		SELECT i.expense_id AS id, i.reference, d.id AS other, d.reference AS other_reference, d.status AS other_status,
			EXISTS (SELECT 1 FROM bulk_plan_items o WHERE o.plan_id = i.plan_id AND o.expense_id = d.id) AS within
		FROM bulk_plan_items i JOIN expenses d ON d.id = i.alike
		WHERE i.plan_id = $1 AND i.alike IS NOT NULL ORDER BY i.position LIMIT $2`, id, few)
	if err != nil {
		return nil, fmt.Errorf("list duplicates of plan %d: %w", id, err)
	}
	return ps, nil
}

// PlanNeeds is what a plan that is to be started takes of Codat.
type PlanNeeds struct {
	Expenses int // requests for the expenses that can go now
	Makes    int // and for accounts and suppliers that are made first
	Busiest  int // of Expenses: those of the company that has most
	Ahead    int // requests of others that are due before them
}

// PlanNeeds returns what a plan takes of Codat.
func (s *Store) PlanNeeds(ctx context.Context, id int64) (PlanNeeds, error) {
	var n PlanNeeds
	err := s.db.GetContext(ctx, &n, `
		WITH mine AS (SELECT company_id, makes FROM bulk_plan_items WHERE plan_id = $1 AND why = '' AND NOT held)
		SELECT (SELECT count(*) FROM mine) AS expenses, (SELECT count(DISTINCT m) FROM mine, unnest(makes) AS m) AS makes,
			coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM mine GROUP BY company_id) c), 0) AS busiest,
			(SELECT count(*) FROM `+dueSteps+`) AS ahead`, id)
	if err != nil {
		return n, fmt.Errorf("reckon plan %d: %w", id, err)
	}
	return n, nil
}
