package devdb

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// childDir makes this test program a program that holds the database in that folder until its input ends.
const childDir = "DEVDB_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

func TestStopAndStartKeepsTheData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data") // missing, and as root below a folder that only root may enter
	s := start(t, Config{Dir: dir})
	db := open(t, s, "postgres")
	mustExec(t, db, `CREATE DATABASE "with space"`)
	mustExec(t, open(t, s, "with space"), `CREATE TABLE kept AS SELECT 'Straße' AS word`)
	pid := serverPID(t, dir)
	if pgid, err := syscall.Getpgid(pid); err != nil || pgid == syscall.Getpgrp() {
		t.Errorf("the server is in process group %d, %v: a Ctrl-C would reach it", pgid, err)
	}
	s.Stop()
	s.Stop()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the server lives after Stop: %v", err)
	}
	if err := db.Ping(); err == nil {
		t.Error("the database answers after Stop")
	}

	s = start(t, Config{Dir: dir})
	if got := word(t, open(t, s, "with space"), `SELECT upper(word) FROM kept`); got != "STRASSE" && got != "STRAßE" {
		t.Errorf("kept %q", got)
	}
	if got := word(t, open(t, s, "postgres"), `SHOW fsync`); got != "on" {
		t.Errorf("fsync is %s for data that is kept", got)
	}
}

func TestAKilledProgramLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	dsn, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start its database: %v", err)
	}
	db, err := sql.Open("postgres", strings.TrimSpace(dsn))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mustExec(t, db, `CREATE TABLE kept AS SELECT 'committed' AS word`)

	if s, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		if err == nil {
			s.Stop()
		}
		t.Fatalf("while the child holds the folder: %v, want %v", err, ErrInUse)
	}

	guest, err := Join(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if got := word(t, open(t, guest, "postgres"), `SELECT word FROM kept`); got != "committed" {
		t.Errorf("the guest reads %q", got)
	}
	guest.Stop()
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("the guest stopped its host: %v", err)
	}

	pid := serverPID(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{Dir: dir}) // at once: the old server may still be about to end
	if got := word(t, open(t, s, "postgres"), `SELECT word FROM kept`); got != "committed" {
		t.Errorf("kept %q", got)
	}
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil { // a zombie has none
		t.Errorf("the first server outlived its program: %s", exe)
	}
	_ = cmd.Wait()
}

func child(dir string) int {
	s, err := Start(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Stop()
	fmt.Println(s.DSN("postgres"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func TestAPIDFileThatNamesSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir, Unsafe: true})
	s.Stop()

	info, err := os.Stat(filepath.Join(dir, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "600")
	other.Dir = "/"
	if st := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 { // PostgreSQL minds only processes of its own user
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	for _, name := range []string{"postmaster.pid", ".s.PGSQL.5432.lock"} {
		path := filepath.Join(dir, "postgres", name)
		if err := os.WriteFile(path, []byte(strconv.Itoa(other.Process.Pid)+"\n"+ourFolder+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s = start(t, Config{Dir: dir, Unsafe: true})
	if got := word(t, open(t, s, "postgres"), `SELECT 'here'`); got != "here" {
		t.Error(got)
	}
}

func TestALongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	s := start(t, Config{Dir: dir, Unsafe: true})
	if got := word(t, open(t, s, "postgres"), `SHOW fsync`); got != "off" {
		t.Errorf("fsync is %s for data that is not kept", got)
	}
	s.Stop()
	if _, err := os.Lstat(s.socketDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the short path is left behind: %v", err)
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir, Unsafe: true})
	s.Stop()
	if err := os.WriteFile(filepath.Join(dir, "postgres", "postgresql.conf"), []byte("work_mem = 'plenty'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir, Unsafe: true})
	if err == nil || !strings.Contains(err.Error(), "work_mem") {
		t.Errorf("%v, want PostgreSQL's own words about work_mem", err)
	}
	if unlock, err := lock(t.Context(), filepath.Join(dir, "postgres.lock")); err != nil {
		t.Errorf("the folder stays locked: %v", err)
	} else {
		unlock()
	}
}

func TestDataOfAVersionThatIsNotInstalled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte("7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "PostgreSQL 7, which is not installed") {
		t.Errorf("%v", err)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	install := func(version, banner string) string {
		bin := filepath.Join(root, version, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"initdb", "postgres"} {
			if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho '"+banner+"'\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return bin
	}
	nine := install("9", "postgres (PostgreSQL) 9.6")
	fifteen := install("15", "postgres (PostgreSQL) 15.18 (Debian 15.18-0)")
	seventeen := install("17", "postgres (PostgreSQL) 17beta1")
	empty := t.TempDir()
	glob := filepath.Join(root, "*", "bin")

	for _, c := range []struct {
		name  string
		in    places
		major string
		want  string // the folder, or a part of the error
	}{
		{"the newest by number", places{glob: glob}, "", seventeen},
		{"PG_BIN goes before", places{bin: nine, glob: glob}, "", nine},
		{"PG_BIN alone", places{bin: empty, glob: glob}, "", "PG_BIN is " + empty},
		{"PATH last", places{glob: empty + "/*", path: "relative:" + empty + ":" + fifteen}, "", fifteen},
		{"the data's version", places{glob: glob}, "15", fifteen},
		{"a version that is missing", places{glob: glob}, "16", "postgresql-16"},
		{"nowhere", places{glob: empty + "/*", path: empty}, "", "the package is postgresql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.in.find(t.Context(), c.major)
			if err != nil {
				got = err.Error()
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func open(t *testing.T, s *Server, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", s.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func word(t *testing.T, db *sql.DB, query string) (w string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&w); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return w
}

func serverPID(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
