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

// Tries of a password allowed in a quarter of an hour, for one account and from one address, that did not turn out right.
const (
	triesPerAccount = 10
	triesPerAddress = 50
	longestEmail    = 320
)

// SignInTry counts a try of a password, before it is judged, and reports whether there were too many lately for that email or from
// that address: then it must not be judged. An empty address is nobody's and not limited.
func (s *Store) SignInTry(ctx context.Context, email, address string) (blocked bool, err error) {
	account, from := tryKeys(email, address)
	err = s.InTx(ctx, func(tx *Tx) error {
		// Many at once are counted one after the other.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7242005)), pg_advisory_xact_lock(hashtextextended($2, 7242006))`, account, from); err != nil {
			return fmt.Errorf("lock tries: %w", err)
		}
		err := tx.GetContext(ctx, &blocked, `
			SELECT (SELECT count(*) FROM sign_in_failures WHERE who = $1 AND at > clock() - interval '15 min') >= $3
			    OR (SELECT count(*) FROM sign_in_failures WHERE who = $2 AND at > clock() - interval '15 min') >= $4`,
			account, from, triesPerAccount, triesPerAddress)
		if err != nil || blocked {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			WITH old AS (DELETE FROM sign_in_failures WHERE at < clock() - interval '1 day')
			INSERT INTO sign_in_failures (who) SELECT w FROM unnest(ARRAY[$1, $2]) w WHERE w <> ''`, account, from)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("count try: %w", err)
	}
	return blocked, nil
}

// SignInSucceeded forgets the tries of that account, and that the last one came from that address.
func (s *Store) SignInSucceeded(ctx context.Context, email, address string) error {
	account, from := tryKeys(email, address)
	_, err := s.db.ExecContext(ctx, `
		DELETE FROM sign_in_failures WHERE who = $1
			OR ctid = (SELECT ctid FROM sign_in_failures WHERE who = $2 ORDER BY at DESC LIMIT 1)`, account, from)
	if err != nil {
		return fmt.Errorf("forget tries: %w", err)
	}
	return nil
}

func tryKeys(email, address string) (account, from string) {
	if address != "" {
		from = "address " + address
	}
	return "account " + clipText(NormalEmail(email), longestEmail), from
}
