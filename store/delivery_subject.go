package store

import (
	"context"
	"errors"
	"fmt"
)

// FindConnection says that a delivery is about the connection with Codat's id, if it is known.
func (tx *Tx) FindConnection(ctx context.Context, d *Delivery, codatID string) error {
	err := tx.GetContext(ctx, &d.ConnectionID, `SELECT id FROM connections WHERE codat_id = $1`, codatID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("find the connection of delivery %d: %w", d.ID, err)
	}
	return nil
}
