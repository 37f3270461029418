package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/lib/pq"
)

// connector opens connections that keep the statements they have run. Without that PostgreSQL parses and plans each statement
// every time, which takes it longer than carrying most of ours out, and lib/pq asks for it in a round trip of its own.
type connector struct{ *pq.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(pqConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a connection of type %T cannot keep statements", conn), conn.Close())
	}
	// Ours are short, whatever the planner reckons of the facts of many expenses: compiling them first took seconds.
	if _, err := whole.ExecContext(ctx, `SET jit = off`, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("set up a connection: %w", err), conn.Close())
	}
	return &keeper{pqConn: whole, kept: map[string]preparedStmt{}}, nil
}

// pqConn is what lib/pq's connections can do; database/sql asks for each of it.
type pqConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type preparedStmt interface {
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keeper is a connection that keeps its questions, and the commands with arguments: one without any is said once.
type keeper struct {
	pqConn
	kept map[string]preparedStmt // by their text
}

const keptAtMost = 300 // our texts are fewer; lists put theirs together

func (k *keeper) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	stmt, err := k.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return k.pqConn.QueryContext(ctx, query, args)
	}
	rows, err := stmt.QueryContext(ctx, args)
	return rows, k.outdated(query, err)
}

func (k *keeper) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		return k.pqConn.ExecContext(ctx, query, args)
	}
	stmt, err := k.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return k.pqConn.ExecContext(ctx, query, args)
	}
	result, err := stmt.ExecContext(ctx, args)
	return result, k.outdated(query, err)
}

// statement is the kept one with that text, made now if need be, or nil for one that is not kept.
func (k *keeper) statement(ctx context.Context, query string) (preparedStmt, error) {
	if stmt, ok := k.kept[query]; ok || len(k.kept) >= keptAtMost {
		return stmt, nil
	}
	prepared, err := k.pqConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt, ok := prepared.(preparedStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a statement of type %T cannot be kept", prepared), prepared.Close())
	}
	k.kept[query] = stmt
	return stmt, nil
}

// outdated forgets a statement that PostgreSQL cannot carry out any more: a migration has changed what it returns.
func (k *keeper) outdated(query string, err error) error {
	if e, ok := errors.AsType[*pq.Error](err); ok && (e.Code == "0A000" || e.Code == "26000") { // not supported, unknown name
		delete(k.kept, query)
	}
	return err
}
