// Package storetest gives each test a database of its own on one private PostgreSQL a test program.
package storetest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"

	"tallylight/internal/devdb"
	"tallylight/store"
)

var (
	server *devdb.Server
	admin  *sqlx.DB
	number atomic.Int64
)

const template = "tallylight_template"

// Main starts the server, runs the tests and stops it. A package that calls New has this TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	stop, err := start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	return m.Run()
}

func start(ctx context.Context) (stop func(), err error) {
	memory := "/dev/shm" // where making a database takes a fifth of the time
	if _, err := os.Stat(memory); err != nil {
		memory = ""
	}
	dir, err := os.MkdirTemp(memory, "tallylight-test-")
	if err != nil {
		return nil, fmt.Errorf("make folder for the test database: %w", err)
	}
	server, err = devdb.Start(ctx, devdb.Config{Dir: dir, Unsafe: true})
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("start the test database: %w", err)
	}
	stop = func() {
		if admin != nil {
			admin.Close()
		}
		server.Stop()
		os.RemoveAll(dir)
	}
	if admin, err = sqlx.ConnectContext(ctx, "postgres", server.DSN("postgres")); err == nil {
		_, err = admin.ExecContext(ctx, `CREATE DATABASE `+template)
	}
	if err == nil {
		var s *store.Store
		if s, err = store.Open(ctx, server.DSN(template)); err == nil {
			err = s.Migrate(ctx)
			s.Close()
		}
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("prepare the test database: %w", err)
	}
	return stop, nil
}

// New returns an empty, migrated database that is dropped when the test ends.
func New(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// DSN makes an empty, migrated database that is dropped when the test ends, and returns where it is.
func DSN(t testing.TB) string {
	t.Helper()
	if admin == nil {
		t.Fatal("the test's package has no TestMain that calls storetest.Main")
	}
	name := fmt.Sprintf("t%d", number.Add(1))
	if _, err := admin.ExecContext(t.Context(), `CREATE DATABASE `+name+` TEMPLATE `+template+` STRATEGY file_copy`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil && !strings.Contains(err.Error(), "does not exist") {
			t.Log(err)
		}
	})
	return server.DSN(name)
}

// DB opens the database of a test for what only a test does: moving times, counting rows.
func DB(t testing.TB, dsn string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.ConnectContext(t.Context(), "postgres", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
