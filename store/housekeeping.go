package store

import (
	"context"
	"fmt"
	"time"
)

const tidyBatch = 500

// TidyDeliveries lists messages about operations that nobody came to know within a day as not ours, and removes those older than
// thirteen months; a small batch at a time, so that it never slows the intake. It reports whether there may be more.
func (s *Store) TidyDeliveries(ctx context.Context) (more bool, err error) {
	var given []int64
	err = s.InTx(ctx, func(tx *Tx) error {
		given = nil
		err := tx.SelectContext(ctx, &given, `
			UPDATE deliveries SET verdict = 'not_ours' WHERE id IN (
				SELECT id FROM deliveries WHERE verdict = 'unmatched' AND received_at < clock() - interval '1 day' ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
			RETURNING id`, tidyBatch)
		if err != nil {
			return fmt.Errorf("give up unmatched deliveries: %w", err)
		}
		tx.changed(DeliveryChanged, given...)
		return nil
	})
	if err != nil {
		return false, err
	}
	removed, err := s.execCount(ctx, `
		DELETE FROM deliveries WHERE id IN (
			SELECT id FROM deliveries WHERE id IN (SELECT id FROM (SELECT id, received_at FROM deliveries ORDER BY id LIMIT $1) oldest
				WHERE received_at < clock() - interval '13 months') FOR UPDATE SKIP LOCKED)`, tidyBatch)
	if err != nil {
		return false, fmt.Errorf("remove old deliveries: %w", err)
	}
	return len(given) == tidyBatch || removed == tidyBatch, nil
}

func (s *Store) execCount(ctx context.Context, query string, args ...any) (int, error) {
	res, err := s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// TestEvent is the type of the messages that we send to ourselves. Nobody else sends it, and it changes nothing.
const TestEvent = "tallylight.test"

// Silence is how many outcomes of the last day, at most a thousand, nobody told us of since the last webhook came.
type Silence struct {
	Finished int
	Since    *time.Time // the last webhook; nil when there never was one
	For      time.Duration
}

// silenceAfter is how long no webhook may come while outcomes are found by asking, before a person is told.
const silenceAfter = 15 * time.Minute

// unheard are the steps of the last day that settled after the last webhook, and of which none told. $1 is TestEvent.
const unheard = `last AS (SELECT max(received_at) AS at FROM (SELECT received_at FROM deliveries WHERE type <> $1 ORDER BY id DESC LIMIT 100) d),
	unheard AS (
		SELECT s.settled_at FROM push_steps s, last
		WHERE s.told_by IN ('reading', 'history') AND s.settled_at > greatest(coalesce(last.at, '-infinity'), clock() - interval '1 day')
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.verdict <> 'new' AND d.subject = s.operation_key) -- a webhook had us ask
		LIMIT 1000)`

// Silence returns a silence that a person should know of, or nil.
func (s *Store) Silence(ctx context.Context) (*Silence, error) {
	var q struct {
		Finished int
		Since    *time.Time
		First    *time.Time
		Now      time.Time
	}
	err := s.db.GetContext(ctx, &q, `
		WITH `+unheard+`
		SELECT (SELECT count(*) FROM unheard) AS finished, (SELECT min(settled_at) FROM unheard) AS first, last.at AS since, clock() AS now FROM last`, TestEvent)
	if err != nil {
		return nil, fmt.Errorf("look for webhook silence: %w", err)
	}
	if q.Finished == 0 {
		return nil, nil
	}
	began := *q.First
	if q.Since != nil {
		began = *q.Since
	}
	if q.Now.Sub(began) < silenceAfter {
		return nil, nil
	}
	return &Silence{Finished: q.Finished, Since: q.Since, For: q.Now.Sub(began)}, nil
}
