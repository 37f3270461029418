package store

import (
	"context"
	"fmt"
)

// KeepCode keeps the nominal code that a person has chosen for a new account with its step, so that the account can be found by it.
// A code that the step has already stays.
func (s *Store) KeepCode(ctx context.Context, c Claim, chosen string) (code string, err error) {
	err = s.db.GetContext(ctx, &code, `UPDATE push_steps SET code = coalesce(code, $2) WHERE id = $1 RETURNING code`, c.ID, chosen)
	if err != nil {
		return "", fmt.Errorf("keep code of account: %w", err)
	}
	return code, nil
}
