package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Role is what a person may do. Each may do what the ones before it may.
type Role string

const (
	Viewer  Role = "viewer"  // reads
	Finance Role = "finance" // enters, pushes, retries
	Admin   Role = "admin"   // everything
)

// May reports whether a person of role r may do what needs role least.
func (r Role) May(least Role) bool { return rank(r) >= rank(least) }

func rank(r Role) int {
	switch r {
	case Viewer:
		return 1
	case Finance:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// User is a person who signs in. Email is lower case.
type User struct {
	ID           int64
	Email        string
	PasswordHash string `db:"password_hash"`
	Role         Role
	Zone         string    // that they are told times in, by the IANA's name; "" is the installation's
	CreatedAt    time.Time `db:"created_at"`
}

const userColumns = `id, email, password_hash, role, coalesce(zone, '') AS zone, created_at`

// NormalEmail is how an email is stored and compared.
func NormalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// User returns one person, or ErrNotFound.
func (s *Store) User(ctx context.Context, id int64) (User, error) {
	var u User
	if err := s.db.GetContext(ctx, &u, `SELECT `+userColumns+` FROM users WHERE id = $1`, id); err != nil {
		return u, fmt.Errorf("read user %d: %w", id, err)
	}
	return u, nil
}

// UserByEmail returns the person with that email, or ErrNotFound.
func (s *Store) UserByEmail(ctx context.Context, email string) (User, error) {
	var u User
	if err := s.db.GetContext(ctx, &u, `SELECT `+userColumns+` FROM users WHERE email = $1`, NormalEmail(email)); err != nil {
		return u, fmt.Errorf("read user by email: %w", err)
	}
	return u, nil
}

// HasUsers reports whether anybody can sign in at all.
func (s *Store) HasUsers(ctx context.Context) (bool, error) {
	var yes bool
	if err := s.db.GetContext(ctx, &yes, `SELECT EXISTS (SELECT 1 FROM users)`); err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	return yes, nil
}

// SaveUser adds a person; an email that is there already gets the new password and role, and is signed out everywhere.
func (s *Store) SaveUser(ctx context.Context, email, passwordHash string, role Role) (User, error) {
	var u User
	err := s.InTx(ctx, func(tx *Tx) error {
		err := tx.GetContext(ctx, &u, `
			INSERT INTO users (email, password_hash, role) VALUES ($1, $2, $3)
			ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role
			RETURNING `+userColumns, NormalEmail(email), passwordHash, role)
		if err != nil {
			return fmt.Errorf("save user: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, u.ID); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return tx.Record(ctx, Activity{Actor: "Tallylight", Verb: "saved user", SubjectKind: "user", SubjectID: &u.ID, Subject: u.Email})
	})
	return u, err
}

// ChangePassword sets a person's own password and ends their sessions, but for the one whose token hash is kept.
func (s *Store) ChangePassword(ctx context.Context, u User, passwordHash string, keep []byte) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET password_hash = $2 WHERE id = $1`, u.ID, passwordHash); err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1 AND token_hash IS DISTINCT FROM $2`, u.ID, keep); err != nil {
			return fmt.Errorf("end other sessions: %w", err)
		}
		return tx.Record(ctx, Activity{UserID: &u.ID, Actor: u.Email, Verb: "changed password", SubjectKind: "user", SubjectID: &u.ID, Subject: u.Email})
	})
}

// SetZone keeps which zone a person is told times in; "" is the installation's.
func (s *Store) SetZone(ctx context.Context, userID int64, zone string) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE users SET zone = nullif($2, '') WHERE id = $1`, userID, zone); err != nil {
		return fmt.Errorf("set zone of user %d: %w", userID, err)
	}
	return nil
}
