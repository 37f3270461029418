package store

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// DayOutcomes is how many pushes ended in each way on one day.
type DayOutcomes struct {
	Day                             time.Time // its first moment
	Complete, Failed, NeedsChecking int
}

// OutcomesByDay counts the pushes that ended on each of those days, by how they ended. starts are the first moments of the days, one
// after the other without a gap; the last day ends with the present.
func (s *Store) OutcomesByDay(ctx context.Context, starts []time.Time) ([]DayOutcomes, error) {
	days := make([]DayOutcomes, len(starts))
	for i, start := range starts {
		days[i].Day = start
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT width_bucket(settled_at, $1::timestamptz[]), state, count(*) FROM pushes
		WHERE settled_at >= ($1::timestamptz[])[1] AND state IN ('complete', 'failed', 'needs_checking') GROUP BY 1, 2`, pq.Array(starts))
	if err != nil {
		return nil, fmt.Errorf("count pushes by day: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var day, n int
		var state string
		if err := rows.Scan(&day, &state, &n); err != nil {
			return nil, fmt.Errorf("count pushes by day: %w", err)
		}
		switch d := &days[day-1]; state {
		case "complete":
			d.Complete = n
		case "failed":
			d.Failed = n
		default:
			d.NeedsChecking = n
		}
	}
	return days, rows.Err()
}

// TimeToComplete is how long pushes to one accounting package took, from the press of the button to the end.
type TimeToComplete struct {
	Platform string
	Pushes   int
	Median   time.Duration
	P95      time.Duration // 95 of 100 were faster
}

// TimesToComplete are those of the pushes that completed since then, the package with the most pushes first.
func (s *Store) TimesToComplete(ctx context.Context, since time.Time) ([]TimeToComplete, error) {
	var ts []TimeToComplete
	err := s.db.SelectContext(ctx, &ts, `
		SELECT cn.platform_name AS platform, count(*) AS pushes,
			(1e9 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.settled_at - p.created_at)::float8))::bigint AS median,
			(1e9 * percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM p.settled_at - p.created_at)::float8))::bigint AS p95
		FROM pushes p JOIN connections cn ON cn.id = p.connection_id
		WHERE p.settled_at >= $1 AND p.state = 'complete' GROUP BY 1 ORDER BY 2 DESC, 1`, since)
	if err != nil {
		return nil, fmt.Errorf("measure times to complete: %w", err)
	}
	return ts, nil
}
