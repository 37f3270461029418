// Package store holds Tallylight's nouns and every line of its SQL.
//
// Read it in this order: expense.go (what is to be booked), push.go (our job to book it), step.go (one Codat write,
// which is also the queue entry), delivery.go (one webhook message) and change.go (how a committed change reaches the
// open browsers). The schema is in migrations, and refuses nonsense by itself.
//
// Writes happen in a Tx. Whoever changes a row says so with Tx.changed; the announcement leaves with the commit, or not
// at all. Times are the database's: clock() in the SQL.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// ErrNotFound is wrapped by every read of one thing that is not there. It is sql.ErrNoRows.
var ErrNotFound = sql.ErrNoRows

// Store is a PostgreSQL database of ours. It is safe for concurrent use.
type Store struct {
	db  *sqlx.DB
	dsn string
}

// Open connects to the database at dsn, a postgres:// URL or a lib/pq key=value string. Where dsn does not say, TLS is
// used when the server offers it.
func Open(ctx context.Context, dsn string) (*Store, error) {
	dsn = withSSLMode(dsn)
	c, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	c.Dialer(dialer{})
	db := sqlx.NewDb(sql.OpenDB(connector{c}), "postgres")
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(24)
	db.SetMaxIdleConns(24) // each keeps its statements
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &Store{db: db, dsn: dsn}, nil
}

// Close closes every connection.
func (s *Store) Close() error { return s.db.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	answered := make(chan error, 1)
	go func() { answered <- s.db.PingContext(ctx) }() // which waits for a server that hangs, however long
	select {
	case err := <-answered:
		if err != nil {
			return fmt.Errorf("reach database: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("reach database: %w", ctx.Err())
	}
}

// Now is the database's clock.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.db.GetContext(ctx, &now, `SELECT clock()`); err != nil {
		return now, fmt.Errorf("read the clock: %w", err)
	}
	return now, nil
}

func withSSLMode(dsn string) string {
	if strings.Contains(dsn, "sslmode=") {
		return dsn
	}
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		q := u.Query()
		q.Set("sslmode", "prefer")
		u.RawQuery = q.Encode()
		return u.String()
	}
	return dsn + " sslmode=prefer"
}

// Unavailable reports whether err says that the database cannot answer now, rather than that the question was wrong.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, ErrNotFound) {
		return false
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch e.Code.Class() {
		case "08", "53", "57", "58": // connection, resources, operator intervention, system
			return true
		}
		return false
	}
	var op interface{ Timeout() bool } // net.Error, context.DeadlineExceeded
	if errors.As(err, &op) {
		return true
	}
	for _, gone := range []error{sql.ErrConnDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return strings.HasSuffix(err.Error(), "sql: database is closed") // database/sql does not export it
}

// Tx is one transaction. Its methods are the writes that must happen together with others.
type Tx struct {
	*sqlx.Tx
	changes []Change
}

// InTx runs fn in one transaction and commits when fn returns nil. What fn changed is announced with the commit. Where two
// transactions wait for each other PostgreSQL ends one; that one is run again, so fn must start afresh each time.
func (s *Store) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	for n := 0; ; n++ {
		err := s.inTx(ctx, fn)
		if n < 5 && again(err) {
			continue
		}
		return err
	}
}

// again reports whether PostgreSQL ended a transaction because of others, so that it is to be run once more.
func again(err error) bool {
	return pq.As(err, pqerror.TRDeadlockDetected) != nil || pq.As(err, pqerror.TRSerializationFailure) != nil
}

// attempt runs fn so that its error leaves the transaction as it was before.
func (tx *Tx) attempt(ctx context.Context, fn func() error) error {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT attempt`); err != nil {
		return fmt.Errorf("begin attempt: %w", err)
	}
	before := len(tx.changes)
	failed := fn()
	if failed == nil {
		return nil
	}
	tx.changes = tx.changes[:before]
	if _, err := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT attempt`); err != nil {
		return errors.Join(failed, fmt.Errorf("undo attempt: %w", err))
	}
	return failed
}

func (s *Store) inTx(ctx context.Context, fn func(tx *Tx) error) error {
	t, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{Tx: t}
	defer t.Rollback() // does nothing after Commit
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.announce(ctx); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
