// Package devdb runs a private PostgreSQL for first runs and for tests, out of the server binaries that the machine has.
//
// Everything lives in one folder: postgres/ (the data, and the unix socket, which is the only way in), postgres.log (what
// the server said since its last start) and postgres.lock (held by the one program that may use the folder). The server
// is a child process: it ends with Stop, and by itself when the program that started it dies in any other way.
//
// Read devdb.go for what happens in which order, binaries.go for where PostgreSQL is found, cluster.go for the data on
// disk and process.go for the child process. It works on Linux.
package devdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/lib/pq" // to ask whether the server answers
)

const (
	dataFolder   = "postgres"
	superuser    = "tallylight"
	lockTimeout  = time.Second // for a program that was just killed to be gone
	startTimeout = time.Minute // recovery after a crash included
	stopTimeout  = 10 * time.Second
	maxSocketDir = 107 - len("/.s.PGSQL.5432") // what sun_path leaves
)

// ErrInUse is wrapped by Start when another program, or another Server of this one, uses the folder.
var ErrInUse = errors.New("another Tallylight is using this folder")

// Config says where the data lives and how precious it is.
type Config struct {
	Dir    string // made if missing; used by one Server at a time
	Unsafe bool   // quick and small, and lost with the machine: for tests
}

// Server is a running PostgreSQL. It is safe for concurrent use.
type Server struct {
	socketDir string
	process   *process // nil: not started, or another program's
	release   []func() // undone in reverse order once the process has ended
	stop      sync.Once
}

// Start makes the database in c.Dir on the first call, starts the server and returns when it answers a query. ctx bounds
// the starting only: the server runs until Stop. As root the server runs as the owner of the data, at first the user
// postgres or else nobody. The error is a sentence or two for the person who started the program.
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	s := &Server{}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	unlock, err := lock(ctx, filepath.Join(dir, "postgres.lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
	}
	s.release = append(s.release, unlock)

	cl, err := openCluster(ctx, dir, c.Unsafe)
	if err != nil {
		return nil, err
	}
	defer cl.folder.Close()
	if err := s.makeSocketDir(dir); err != nil {
		return nil, err
	}
	if s.process, err = cl.serve(c.Unsafe); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := s.ready(ctx); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w%s", err, tail(cl.log))
	}
	return s, nil
}

// Join is Start for a program that is soon done: where another program holds the folder, it uses that one's server, which
// Stop then leaves alone.
func Join(ctx context.Context, c Config) (*Server, error) {
	s, err := Start(ctx, c)
	if !errors.Is(err, ErrInUse) {
		return s, err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	s = &Server{}
	if err := s.makeSocketDir(dir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("join the running PostgreSQL: %w", err)
	}
	return s, nil
}

// DSN is where the database of that name is, as a postgres:// URL. "postgres" exists from the start.
func (s *Server) DSN(database string) string {
	q := url.Values{"host": {s.socketDir}, "port": {"5432"}, "sslmode": {"disable"}}
	return "postgres://" + superuser + "@/" + url.PathEscape(database) + "?" + q.Encode()
}

// Stop ends every connection, stops the server in order and waits for it. Calling it again does nothing.
func (s *Server) Stop() {
	s.stop.Do(func() {
		if s.process != nil {
			s.process.end(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL) // fast shutdown, immediate, none
		}
		for i := len(s.release) - 1; i >= 0; i-- {
			s.release[i]()
		}
	})
}

// makeSocketDir settles the path by which clients find the socket. It is in the data folder; where that path is too long
// for a socket address, a link in the temporary folder leads there.
func (s *Server) makeSocketDir(dir string) error {
	s.socketDir = filepath.Join(dir, dataFolder)
	if len(s.socketDir) <= maxSocketDir {
		return nil
	}
	tmp, err := os.MkdirTemp("/tmp", "tallylight-socket-")
	if err != nil {
		return fmt.Errorf("make a short path to the database's socket: %w", err)
	}
	s.release = append(s.release, func() { os.RemoveAll(tmp) })
	link := filepath.Join(tmp, "s")
	if err := os.Symlink(s.socketDir, link); err != nil {
		return fmt.Errorf("make a short path to the database's socket: %w", err)
	}
	s.socketDir = link
	return nil
}

func (s *Server) ready(ctx context.Context) error {
	var ended <-chan struct{}
	if s.process != nil {
		ended = s.process.done
	}
	db, err := sql.Open("postgres", s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := db.ExecContext(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended at once: %w", s.process.err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// lock takes the file for this process alone. The kernel frees it when the process dies, however it dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Close()
			return nil, ErrInUse
		}
	}
}

// tail is the end of a log as a person may read it under an error.
func tail(path string) string {
	const lines = 8
	b, err := os.ReadFile(path)
	text := strings.TrimSpace(string(b))
	if err != nil || text == "" {
		return ""
	}
	all := strings.Split(text, "\n")
	return "\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
}
