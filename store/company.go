package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Company is a customer's business, as Codat knows it.
type Company struct {
	ID           int64
	CodatID      string `db:"codat_id"`
	Name         string
	BaseCurrency *string `db:"base_currency"`
	RedirectURL  string  `db:"redirect_url"` // where the customer links and mends their connections
	Description  string
	Tags         Tags
	Example      bool       // made by seed: never sent
	ReadAt       *time.Time `db:"read_at"`
	ReadError    string     `db:"read_error"`
	CreatedAt    time.Time  `db:"created_at"`
	DeletedAt    *time.Time `db:"deleted_at"`
}

const companyColumns = `id, codat_id, name, base_currency, redirect_url, description, tags, example, read_at, read_error, created_at, deleted_at`

// Companies returns every company that Codat has not deleted, by name.
func (s *Store) Companies(ctx context.Context) ([]Company, error) {
	var cs []Company
	err := s.db.SelectContext(ctx, &cs, `SELECT `+companyColumns+` FROM companies WHERE deleted_at IS NULL ORDER BY lower(name), id`)
	if err != nil {
		return nil, fmt.Errorf("list companies: %w", err)
	}
	return cs, nil
}

// CompanyNames returns the ids and the names of the same, for every page that offers them all.
func (s *Store) CompanyNames(ctx context.Context) ([]Company, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, codat_id, name FROM companies WHERE deleted_at IS NULL ORDER BY lower(name), id`)
	if err != nil {
		return nil, fmt.Errorf("list names of companies: %w", err)
	}
	defer rows.Close()
	var cs []Company
	for rows.Next() {
		var c Company
		if err := rows.Scan(&c.ID, &c.CodatID, &c.Name); err != nil {
			return nil, fmt.Errorf("list names of companies: %w", err)
		}
		cs = append(cs, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list names of companies: %w", err)
	}
	return cs, nil
}

// Company returns one company, deleted or not, or ErrNotFound.
func (s *Store) Company(ctx context.Context, id int64) (Company, error) {
	var c Company
	if err := s.db.GetContext(ctx, &c, `SELECT `+companyColumns+` FROM companies WHERE id = $1`, id); err != nil {
		return c, fmt.Errorf("read company %d: %w", id, err)
	}
	return c, nil
}

// CompanyByCodatID returns the company with Codat's id, or ErrNotFound.
func (s *Store) CompanyByCodatID(ctx context.Context, codatID string) (Company, error) {
	var c Company
	if err := s.db.GetContext(ctx, &c, `SELECT `+companyColumns+` FROM companies WHERE codat_id = $1`, codatID); err != nil {
		return c, fmt.Errorf("read company %q: %w", codatID, err)
	}
	return c, nil
}

// CompanyByCodatID is Store.CompanyByCodatID within the transaction.
func (tx *Tx) CompanyByCodatID(ctx context.Context, codatID string) (Company, error) {
	var c Company
	if err := tx.GetContext(ctx, &c, `SELECT `+companyColumns+` FROM companies WHERE codat_id = $1`, codatID); err != nil {
		return c, fmt.Errorf("read company %q: %w", codatID, err)
	}
	return c, nil
}

// SaveCompany adds or updates a company by Codat's id, and returns it. An empty name or redirect leaves what is known.
func (tx *Tx) SaveCompany(ctx context.Context, codatID, name, redirectURL string) (Company, error) {
	var saved struct {
		Company
		Fresh bool
	}
	err := tx.GetContext(ctx, &saved, `
		INSERT INTO companies (codat_id, name, redirect_url) VALUES ($1, $2, $3)
		ON CONFLICT (codat_id) DO UPDATE SET
			name = coalesce(nullif(excluded.name, ''), companies.name),
			redirect_url = coalesce(nullif(excluded.redirect_url, ''), companies.redirect_url)
		RETURNING `+companyColumns+`, xmax = 0 AS fresh`, codatID, name, redirectURL)
	if err != nil {
		return saved.Company, fmt.Errorf("save company %q: %w", codatID, err)
	}
	if !saved.Fresh {
		return saved.Company, nil
	}
	tx.changed(LedgerChanged, saved.ID)
	return saved.Company, tx.companyKnown(ctx, codatID)
}

// CompanyListed notes that Codat had a company when asked at that time: one that was taken for deleted before is back, and so are the
// questions about what is under way for it.
func (tx *Tx) CompanyListed(ctx context.Context, id int64, asked time.Time) error {
	var codatID string
	err := tx.GetContext(ctx, &codatID, `UPDATE companies SET deleted_at = NULL WHERE id = $1 AND deleted_at < $2 RETURNING codat_id`, id, asked)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take company %d back: %w", id, err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE push_steps SET ask_at = clock(), asked = 0 WHERE id IN (
			SELECT id FROM push_steps WHERE company_id = $1 AND ask_at IS NULL
				AND (state IN ('pending', 'looking') OR state = 'success' AND record_id IS NULL AND operation_key IS NOT NULL)
			ORDER BY id FOR UPDATE)`, id)
	if err != nil {
		return fmt.Errorf("ask again about company %d: %w", id, err)
	}
	tx.changed(WorkChanged, 0)
	return tx.companyKnown(ctx, codatID)
}

// CompanyDeleted notes that Codat no longer has a company. Everything of ours stays; nothing is sent or asked any more, and nobody can
// say any more what became of what was sent: f is the cause of that.
func (tx *Tx) CompanyDeleted(ctx context.Context, codatID string, f Failure) error {
	var c Company
	err := tx.GetContext(ctx, &c, `UPDATE companies SET deleted_at = clock() WHERE codat_id = $1 AND deleted_at IS NULL RETURNING `+companyColumns, codatID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete company %q: %w", codatID, err)
	}
	tx.changed(LedgerChanged, c.ID)
	if err := tx.Record(ctx, Activity{CompanyID: &c.ID, Actor: "Codat", Verb: "company was deleted", SubjectKind: "company", SubjectID: &c.ID, Subject: c.Name}); err != nil {
		return err
	}
	var connections []int64
	err = tx.SelectContext(ctx, &connections, `UPDATE connections SET deleted_at = clock(), changed_at = clock()
		WHERE company_id = $1 AND deleted_at IS NULL RETURNING id`, c.ID)
	if err != nil {
		return fmt.Errorf("delete connections of company %q: %w", codatID, err)
	}
	tx.changed(ConnectionChanged, connections...)
	if err := tx.deletedWithCompany(ctx, connections); err != nil {
		return err
	}
	for _, connection := range connections {
		if err := tx.holdOrRelease(ctx, connection); err != nil {
			return err
		}
	}
	var sent []int64
	err = tx.SelectContext(ctx, &sent, `SELECT id FROM push_steps WHERE company_id = $1 AND kind IN ('directCost', 'attachment')
		AND state IN ('ready', 'sending', 'looking', 'pending') AND first_sent_at IS NOT NULL ORDER BY id FOR UPDATE`, c.ID)
	if err != nil {
		return fmt.Errorf("find what was sent for company %q: %w", codatID, err)
	}
	for _, step := range sent {
		if err := tx.giveUp(ctx, step, f); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = NULL WHERE id IN (
		SELECT id FROM push_steps WHERE company_id = $1 AND ask_at IS NOT NULL ORDER BY id FOR UPDATE)`, c.ID)
	if err != nil {
		return fmt.Errorf("end the questions about company %q: %w", codatID, err)
	}
	return nil
}

// SetBaseCurrency keeps the currency the company's books are in.
func (s *Store) SetBaseCurrency(ctx context.Context, companyID int64, code string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE companies SET base_currency = $2 WHERE id = $1`, companyID, code)
	if err != nil {
		return fmt.Errorf("set base currency: %w", err)
	}
	return nil
}

// LedgerRead notes how the reading of a company's ledger ended: trouble is "" when it was read to the end.
func (s *Store) LedgerRead(ctx context.Context, companyID int64, trouble string) error {
	return s.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE companies SET read_at = CASE WHEN $2 = '' THEN clock() ELSE read_at END, read_error = $2 WHERE id = $1`, companyID, trouble)
		if err != nil {
			return fmt.Errorf("note ledger reading: %w", err)
		}
		tx.changed(LedgerChanged, companyID)
		return nil
	})
}
