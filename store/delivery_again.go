package store

import (
	"context"
	"errors"
	"fmt"
)

// ApplyAgain has a delivery applied once more, as if it had just been stored, and records who asked for it. It reports whether it
// was not waiting to be applied already; a delivery that is not there is ErrNotFound.
func (s *Store) ApplyAgain(ctx context.Context, by User, id int64) (bool, error) {
	asked := false
	err := s.InTx(ctx, func(tx *Tx) error {
		var d struct {
			Type      string
			Was       Verdict
			CompanyID *int64 `db:"company_id"`
		}
		err := tx.GetContext(ctx, &d, `
			UPDATE deliveries d SET verdict = 'new', tries = 0, failed_at = NULL, error = '', next_try_at = clock(), applied_at = NULL
			FROM (SELECT id, verdict FROM deliveries WHERE id = $1 FOR UPDATE) was
			WHERE d.id = was.id AND (was.verdict <> 'new' OR d.failed_at IS NOT NULL) RETURNING d.type, was.verdict AS was, d.company_id`, id)
		if asked = !errors.Is(err, ErrNotFound); !asked {
			return tx.GetContext(ctx, &id, `SELECT id FROM deliveries WHERE id = $1`, id)
		}
		if err != nil {
			return fmt.Errorf("apply delivery %d again: %w", id, err)
		}
		tx.changed(DeliveryChanged, id)
		tx.changed(InboxChanged, 0)
		return tx.Record(ctx, Activity{CompanyID: d.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: "had a message applied again",
			SubjectKind: "delivery", SubjectID: &id, Subject: d.Type, Detail: fmt.Appendf(nil, `{"was":%q}`, d.Was)})
	})
	return asked, err
}
