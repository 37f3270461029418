package store

import (
	"context"
	"errors"
	"fmt"
)

// CompanyOfNews is CompanyByCodatID for news of a connection. Where the company is not known and the news is put aside as not ours,
// whoever adds the company at that moment has it applied after all.
func (tx *Tx) CompanyOfNews(ctx context.Context, codatID string) (Company, error) {
	c, err := tx.CompanyByCodatID(ctx, codatID)
	if !errors.Is(err, ErrNotFound) {
		return c, err
	}
	if err := tx.lockStranger(ctx, codatID); err != nil {
		return c, err
	}
	return tx.CompanyByCodatID(ctx, codatID)
}

// companyKnown has news applied of the connections of a company that came before anybody knew the company.
func (tx *Tx) companyKnown(ctx context.Context, codatID string) error {
	if err := tx.lockStranger(ctx, codatID); err != nil {
		return err
	}
	var woken []int64
	err := tx.SelectContext(ctx, &woken, `
		UPDATE deliveries SET verdict = 'new', next_try_at = clock()
		WHERE company = $1 AND verdict = 'not_ours' AND connection <> '' AND operation_key = '' RETURNING id`, codatID)
	if err != nil {
		return fmt.Errorf("wake news of company %q: %w", codatID, err)
	}
	if len(woken) > 0 {
		tx.changed(DeliveryChanged, woken...)
		tx.changed(InboxChanged, 0)
	}
	return nil
}

// lockStranger makes the adding of a company and the search for it wait for each other.
func (tx *Tx) lockStranger(ctx context.Context, codatID string) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7242007))`, codatID); err != nil {
		return fmt.Errorf("lock company %q: %w", codatID, err)
	}
	return nil
}
