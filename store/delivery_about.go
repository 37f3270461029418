package store

import (
	"context"
	"fmt"

	"github.com/lib/pq"
)

// DeliveriesAbout returns the newest deliveries about an expense, and about the operations with those keys: an account or supplier
// that it needs may be that of others too, and is nobody's then. They come without headers and bodies.
func (s *Store) DeliveriesAbout(ctx context.Context, expenseID int64, operationKeys []string, limit int) ([]Delivery, error) {
	var ds []Delivery
	err := s.db.SelectContext(ctx, &ds, `
		SELECT `+deliveryItem+` FROM deliveries WHERE id IN (
			(SELECT id FROM deliveries WHERE expense_id = $1 ORDER BY id DESC LIMIT $3)
			UNION (SELECT id FROM deliveries WHERE verdict <> 'new' AND subject = ANY($2) ORDER BY id DESC LIMIT $3))
		ORDER BY id DESC LIMIT $3`, expenseID, pq.Array(operationKeys), limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries about expense %d: %w", expenseID, err)
	}
	return ds, nil
}
