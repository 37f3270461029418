package store

import (
	"context"
	"fmt"
	"time"
)

// MadeCompany is a company that Codat has made for a person here.
type MadeCompany struct {
	CodatID, Name, RedirectURL, Description string
	Tags                                    Tags
	Key                                     string // the Idempotency-Key it was made with
}

// CompanyMadeBy returns the company that was made with an Idempotency-Key, or ErrNotFound.
func (s *Store) CompanyMadeBy(ctx context.Context, key string) (Company, error) {
	var c Company
	if err := s.db.GetContext(ctx, &c, `SELECT `+companyColumns+` FROM companies WHERE made_by_key = $1`, key); err != nil {
		return c, fmt.Errorf("read company made with %s: %w", key, err)
	}
	return c, nil
}

// CompanyTaken reports whether a company of Codat's is not the one that was asked for under that key at that time: it was known here by
// then, or made under another key.
func (s *Store) CompanyTaken(ctx context.Context, codatID, key string, asked time.Time) (bool, error) {
	var taken bool
	err := s.db.GetContext(ctx, &taken, `SELECT EXISTS (SELECT 1 FROM companies
		WHERE codat_id = $1 AND made_by_key IS DISTINCT FROM $2::uuid AND (made_by_key IS NOT NULL OR created_at < $3))`, codatID, key, asked)
	if err != nil {
		return false, fmt.Errorf("look for company %q: %w", codatID, err)
	}
	return taken, nil
}

// CompanyMade keeps a company that somebody has made, and the record of it; the same one again changes nothing.
func (s *Store) CompanyMade(ctx context.Context, by User, m MadeCompany) (c Company, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		if c, err = tx.SaveCompany(ctx, m.CodatID, m.Name, m.RedirectURL); err != nil {
			return err
		}
		if err := tx.DescribeCompany(ctx, c.ID, m.Description, m.Tags); err != nil {
			return err
		}
		c.Description, c.Tags = m.Description, m.Tags
		res, err := tx.ExecContext(ctx, `UPDATE companies SET made_by_key = $2 WHERE id = $1 AND made_by_key IS NULL`, c.ID, m.Key)
		if err != nil {
			return fmt.Errorf("keep how company %d was made: %w", c.ID, err)
		}
		if fresh, err := res.RowsAffected(); err != nil || fresh == 0 {
			return err
		}
		return tx.recordCompany(ctx, by, "created", c)
	})
	return c, err
}

// DescribeCompany keeps what Codat has of a company beside its name.
func (tx *Tx) DescribeCompany(ctx context.Context, id int64, description string, tags Tags) error {
	_, err := tx.ExecContext(ctx, `UPDATE companies SET description = $2, tags = $3 WHERE id = $1`, id, description, tags.json())
	if err != nil {
		return fmt.Errorf("describe company %d: %w", id, err)
	}
	return nil
}

// CompanyDeletedBy is CompanyDeleted for somebody who had Codat do it.
func (s *Store) CompanyDeletedBy(ctx context.Context, by User, c Company, f Failure) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.recordCompany(ctx, by, "deleted", c); err != nil {
			return err
		}
		return tx.CompanyDeleted(ctx, c.CodatID, f)
	})
}

// RecordCompany adds to the record that somebody did something about a company of which nothing else here tells.
func (s *Store) RecordCompany(ctx context.Context, by User, verb string, c Company) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.recordCompany(ctx, by, verb, c) })
}

func (tx *Tx) recordCompany(ctx context.Context, by User, verb string, c Company) error {
	return tx.Record(ctx, Activity{CompanyID: &c.ID, UserID: &by.ID, Actor: by.Email, Verb: verb, SubjectKind: "company", SubjectID: &c.ID, Subject: c.Name})
}

// ConnectionUnlinkedBy applies what Codat says of a connection that somebody had it unlink. It reports whether that is the newest
// that is known.
func (s *Store) ConnectionUnlinkedBy(ctx context.Context, by User, c Connection, n ConnectionNews) (applied bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		if err := tx.recordConnection(ctx, by, "unlinked", c); err != nil {
			return err
		}
		_, applied, err = tx.SaveConnection(ctx, c.CompanyID, n)
		return err
	})
	return applied, err
}

// RecordConnection is RecordCompany for a connection.
func (s *Store) RecordConnection(ctx context.Context, by User, verb string, c Connection) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.recordConnection(ctx, by, verb, c) })
}

func (tx *Tx) recordConnection(ctx context.Context, by User, verb string, c Connection) error {
	return tx.Record(ctx, Activity{CompanyID: &c.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: verb, SubjectKind: "connection",
		SubjectID: &c.ID, Subject: c.PlatformName})
}
