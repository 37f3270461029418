package push

import (
	"context"
	"fmt"

	"tallylight/store"
)

// Amend changes an expense whose push failed, and retries it, in one transaction: what is sent is what was just saved. Where the
// retry is refused the change stays. The errors are those of store.UpdateExpense; after one nothing has changed.
func Amend(ctx context.Context, s *store.Store, by store.User, seen store.Expense, e store.NewExpense) (Pressed, error) {
	var done Pressed
	err := s.InTx(ctx, func(tx *store.Tx) error {
		ids := []int64{seen.ID}
		if _, err := tx.LockPushables(ctx, ids); err != nil { // all in the order in which a press locks them
			return err
		}
		if err := tx.UpdateExpense(ctx, by, seen, e); err != nil {
			return err
		}
		var err error
		done, err = press(ctx, tx, by, Retry, "", ids)
		return err
	})
	if err != nil {
		return Pressed{}, fmt.Errorf("change and retry expense %d: %w", seen.ID, err)
	}
	return done, nil
}
