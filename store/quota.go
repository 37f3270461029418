package store

import (
	"context"
	"fmt"
	"time"
)

// Quota is how many of the day's requests Codat says are left, of all companies together.
type Quota struct {
	Limit     int `db:"day_limit"`
	Remaining int
	ResetAt   *time.Time `db:"reset_at"`
	ReadAt    time.Time  `db:"read_at"`
}

// SaveQuota keeps what Codat said last.
func (s *Store) SaveQuota(ctx context.Context, q Quota) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO codat_quota (day_limit, remaining, reset_at) VALUES ($1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET day_limit = excluded.day_limit, remaining = excluded.remaining, reset_at = excluded.reset_at, read_at = clock()`,
		q.Limit, q.Remaining, q.ResetAt)
	if err != nil {
		return fmt.Errorf("keep quota: %w", err)
	}
	return nil
}

// Quota returns what Codat said last, or ErrNotFound when it has not said anything yet.
func (s *Store) Quota(ctx context.Context) (Quota, error) {
	var q Quota
	if err := s.db.GetContext(ctx, &q, `SELECT day_limit, remaining, reset_at, read_at FROM codat_quota`); err != nil {
		return q, fmt.Errorf("read quota: %w", err)
	}
	return q, nil
}
