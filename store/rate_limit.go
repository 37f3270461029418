package store

import (
	"context"
	"fmt"
	"time"
)

// QuotaSpent pauses sending until the day's quota of requests ends, as Codat says: nil means the next midnight UTC, when Codat begins
// a new one. It reports false when that time has passed.
func (tx *Tx) QuotaSpent(ctx context.Context, until *time.Time) (bool, error) {
	var seconds float64
	err := tx.GetContext(ctx, &seconds, `SELECT extract(epoch FROM least(coalesce($1, date_trunc('day', clock(), 'UTC') + interval '1 day'),
		clock() + interval '1 day') - clock())::float8`, until)
	if err != nil {
		return false, fmt.Errorf("read when the quota ends: %w", err)
	}
	if seconds <= 0 {
		return false, nil
	}
	return true, tx.pause(ctx, Pause{For: time.Duration(seconds * float64(time.Second)), Reason: "rate_limited"})
}

// QuotaReset ends the pauses that were for the quota, and reports whether there were any.
func (tx *Tx) QuotaReset(ctx context.Context) (bool, error) {
	var ended []int64
	err := tx.SelectContext(ctx, &ended, `DELETE FROM send_pauses WHERE NOT by_person AND reason = 'rate_limited' AND until > clock()
		RETURNING coalesce(company_id, 0)`)
	if err != nil {
		return false, fmt.Errorf("end pause: %w", err)
	}
	if len(ended) == 0 {
		return false, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE push_steps SET next_try_at = clock()
		WHERE state = 'ready' AND wait_reason = 'rate_limited' AND next_try_at > clock()`); err != nil {
		return false, fmt.Errorf("send what waits for the quota: %w", err)
	}
	tx.changed(PauseChanged, ended...)
	tx.changed(WorkChanged, 0)
	return true, nil
}

// Old reports whether news that was heard then is older than an hour, and so may not be true any more.
func (tx *Tx) Old(ctx context.Context, heard time.Time) (old bool, err error) {
	if err := tx.GetContext(ctx, &old, `SELECT $1::timestamptz < clock() - interval '1 hour'`, heard); err != nil {
		return false, fmt.Errorf("read the clock: %w", err)
	}
	return old, nil
}

// QuotaTold notes that Codat told of the quota at that time, and reports false for news that is older than what was told before.
func (tx *Tx) QuotaTold(ctx context.Context, at time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO quota_news (told_at) VALUES ($1)
		ON CONFLICT (one) DO UPDATE SET told_at = excluded.told_at WHERE quota_news.told_at <= excluded.told_at`, at)
	if err != nil {
		return false, fmt.Errorf("note news of the quota: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
