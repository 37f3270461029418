package store

import (
	"context"
	"fmt"
	"time"
)

// CredentialUsed keeps that the webhook credential with that fingerprint proved a message. An earlier time changes nothing.
func (s *Store) CredentialUsed(ctx context.Context, fingerprint string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO credential_uses (fingerprint, used_at) VALUES ($1, $2)
		ON CONFLICT (fingerprint) DO UPDATE SET used_at = excluded.used_at WHERE credential_uses.used_at < excluded.used_at`, fingerprint, at)
	if err != nil {
		return fmt.Errorf("keep use of a webhook credential: %w", err)
	}
	return nil
}

// CredentialUses returns when each webhook credential was last used, by fingerprint.
func (s *Store) CredentialUses(ctx context.Context) (map[string]time.Time, error) {
	var uses []struct {
		Fingerprint string
		UsedAt      time.Time `db:"used_at"`
	}
	if err := s.db.SelectContext(ctx, &uses, `SELECT fingerprint, used_at FROM credential_uses`); err != nil {
		return nil, fmt.Errorf("read uses of webhook credentials: %w", err)
	}
	all := make(map[string]time.Time, len(uses))
	for _, u := range uses {
		all[u.Fingerprint] = u.UsedAt
	}
	return all, nil
}
