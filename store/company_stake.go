package store

import (
	"context"
	"fmt"
)

// Stake is what the end of a connection, or of a company, would mean for expenses: sums per currency. Each expense is in one of them.
type Stake struct {
	Sent          []Sum // a push is under way, and its cost may have reached the ledger
	Waiting       []Sum // a push is under way, and nothing of its cost is sent
	NeedsChecking []Sum
	NotPushed     []Sum
	Failed        []Sum
	Complete      []Sum
}

// StakeOfCompany is what deleting a company in Codat would mean, as Tx.CompanyDeleted sees it: whatever was sent once cannot be
// followed any more.
func (s *Store) StakeOfCompany(ctx context.Context, companyID int64) (Stake, error) {
	return s.stake(ctx, `e.company_id = $1`, `s.first_sent_at IS NULL AND s.state <> 'sending'`, companyID)
}

// StakeOfConnection is what unlinking a connection would mean, as Tx.holdOrRelease sees it: what is not in doubt waits. Expenses
// that are not on their way go through no connection yet.
func (s *Store) StakeOfConnection(ctx context.Context, connectionID int64) (Stake, error) {
	return s.stake(ctx, `p.connection_id = $1 AND p.state = 'open'`, `s.state IN ('waiting', 'ready') AND NOT s.doubt`, connectionID)
}

func (s *Store) stake(ctx context.Context, about, waits string, id int64) (Stake, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT CASE WHEN p.state = 'open' AND `+waits+` THEN 'waiting' WHEN p.state = 'open' THEN 'sent' ELSE e.status END AS stage,
			e.currency, sum(e.total), count(*)
		FROM expenses e LEFT JOIN pushes p ON p.id = e.push_id LEFT JOIN push_steps s ON s.id = p.cost_step_id
		WHERE `+about+` GROUP BY 1, 2 ORDER BY 1, 2`, id)
	if err != nil {
		return Stake{}, fmt.Errorf("sum what is at stake: %w", err)
	}
	defer rows.Close()
	var stake Stake
	for rows.Next() {
		var stage string
		var sum Sum
		if err := rows.Scan(&stage, &sum.Currency, &sum.Total, &sum.Count); err != nil {
			return Stake{}, fmt.Errorf("sum what is at stake: %w", err)
		}
		into := map[string]*[]Sum{"sent": &stake.Sent, "waiting": &stake.Waiting, string(NeedsChecking): &stake.NeedsChecking,
			string(NotPushed): &stake.NotPushed, string(Failed): &stake.Failed, string(Complete): &stake.Complete}[stage]
		if into != nil {
			*into = append(*into, sum)
		}
	}
	return stake, rows.Err()
}
