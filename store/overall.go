package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Overall is how things stand, as every page says it, read in one go. What it says is there can then be asked for.
type Overall struct {
	Now     time.Time // the database's clock
	Counts  StatusCount
	Down    bool // a connection is not Linked
	Paused  bool // sending rests
	Noticed bool // a notice is open
	Unheard bool // a push has finished lately of which no webhook told
}

// StatusCount is how many expenses of each status there are; a status without any is left out.
type StatusCount map[ExpenseStatus]int

// Scan reads a JSON object.
func (c *StatusCount) Scan(src any) error {
	*c = StatusCount{}
	if src == nil {
		return nil
	}
	data, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("scan counts: unexpected %T", src)
	}
	return json.Unmarshal(data, (*map[ExpenseStatus]int)(c))
}

// Overall reads how things stand for all companies.
func (s *Store) Overall(ctx context.Context) (Overall, error) {
	var st Overall
	err := s.db.GetContext(ctx, &st, `WITH `+unheard+`
		SELECT clock() AS now,
			(SELECT jsonb_object_agg(status, n) FROM (
				SELECT status, sum(count) AS n FROM expense_counts WHERE company_id = 0 GROUP BY status HAVING sum(count) <> 0) c) AS counts,
			EXISTS (SELECT 1 FROM connections cn JOIN companies co ON co.id = cn.company_id WHERE `+downNow+`) AS down,
			EXISTS (SELECT 1 FROM send_pauses p WHERE `+inForce+`) AS paused,
			EXISTS (SELECT 1 FROM notices WHERE closed_at IS NULL) AS noticed,
			EXISTS (SELECT 1 FROM unheard) AS unheard`, TestEvent)
	if err != nil {
		return st, fmt.Errorf("read how things stand: %w", err)
	}
	return st, nil
}
