package store

import (
	"context"
	"fmt"
	"time"
)

// A session ends by itself after half an hour without use, and half a day after sign-in.
const (
	sessionIdle = 30 * time.Minute
	sessionLife = 12 * time.Hour
)

const sessionAlive = `used_at > clock() - make_interval(secs => $2) AND created_at > clock() - make_interval(secs => $3)`

// LoadSession returns the live session of that token hash: its person (0 = nobody signed in yet) and its values. It wraps
// ErrNotFound when there is none, or it has ended. With touch the reading counts as use.
func (s *Store) LoadSession(ctx context.Context, hash []byte, touch bool) (userID int64, values []byte, err error) {
	q := `SELECT coalesce(user_id, 0), data FROM sessions WHERE token_hash = $1 AND ` + sessionAlive
	if touch {
		// Written at most once a minute: a page may make many requests.
		q = `WITH used AS (UPDATE sessions SET used_at = clock()
		        WHERE token_hash = $1 AND ` + sessionAlive + ` AND used_at < clock() - interval '1 min')
		     ` + q
	}
	err = s.db.QueryRowContext(ctx, q, hash, sessionIdle.Seconds(), sessionLife.Seconds()).Scan(&userID, &values)
	if err != nil {
		return 0, nil, fmt.Errorf("load session: %w", err)
	}
	return userID, values, nil
}

// AddSession begins the session of that token hash. Ended sessions are swept out on the way.
func (s *Store) AddSession(ctx context.Context, hash []byte, userID int64, values []byte) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO sessions (token_hash, user_id, data) VALUES ($1, nullif($2, 0), coalesce($3, ''::bytea))`, hash, userID, values)
	if err != nil {
		return fmt.Errorf("add session: %w", err)
	}
	_, err = s.db.ExecContext(ctx, `
		DELETE FROM sessions WHERE token_hash IN (
			SELECT token_hash FROM sessions WHERE used_at < clock() - make_interval(secs => $1) LIMIT 100 FOR UPDATE SKIP LOCKED)`,
		sessionLife.Seconds())
	if err != nil {
		return fmt.Errorf("sweep sessions: %w", err)
	}
	return nil
}

// SaveSession keeps the values of the session of that token hash. One that has been ended meanwhile stays so.
func (s *Store) SaveSession(ctx context.Context, hash []byte, values []byte) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE sessions SET data = coalesce($2, ''::bytea) WHERE token_hash = $1`, hash, values); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// DeleteSession ends a session. One that is not there has ended already.
func (s *Store) DeleteSession(ctx context.Context, hash []byte) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// Wrong passwords allowed in a quarter of an hour, for one account and from one address.
const (
	triesPerAccount = 10
	triesPerAddress = 50
)

// SignInBlocked reports whether there were too many wrong passwords lately for that email or from that address.
func (s *Store) SignInBlocked(ctx context.Context, email, address string) (bool, error) {
	var blocked bool
	err := s.db.GetContext(ctx, &blocked, `
		SELECT (SELECT count(*) FROM sign_in_failures WHERE who = $1 AND at > clock() - interval '15 min') >= $3
		    OR (SELECT count(*) FROM sign_in_failures WHERE who = $2 AND at > clock() - interval '15 min') >= $4`,
		"account "+NormalEmail(email), "address "+address, triesPerAccount, triesPerAddress)
	if err != nil {
		return false, fmt.Errorf("count wrong passwords: %w", err)
	}
	return blocked, nil
}

// SignInFailed counts a wrong password.
func (s *Store) SignInFailed(ctx context.Context, email, address string) error {
	_, err := s.db.ExecContext(ctx, `
		WITH old AS (DELETE FROM sign_in_failures WHERE at < clock() - interval '1 day')
		INSERT INTO sign_in_failures (who) VALUES ($1), ($2)`, "account "+NormalEmail(email), "address "+address)
	if err != nil {
		return fmt.Errorf("count wrong password: %w", err)
	}
	return nil
}

// SignInSucceeded forgets the wrong passwords of that account.
func (s *Store) SignInSucceeded(ctx context.Context, email string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM sign_in_failures WHERE who = $1`, "account "+NormalEmail(email))
	if err != nil {
		return fmt.Errorf("forget wrong passwords: %w", err)
	}
	return nil
}
