package devdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ourFolder is how the child names the data folder: by the descriptor it inherits. A user without rights on the folders
// above it, say under root's home, still gets there.
const ourFolder = "/proc/self/fd/3"

// cluster is PostgreSQL's data on disk.
type cluster struct {
	path   string   // absolute
	folder *os.File // the same, open
	log    string
	bin    string
	owner  *syscall.Credential // whom the server runs as; nil: as ourselves
}

// openCluster makes the data on the first call, and waits until no other server works on it.
func openCluster(ctx context.Context, dir string, unsafe bool) (*cluster, error) {
	cl := &cluster{path: filepath.Join(dir, dataFolder), log: filepath.Join(dir, "postgres.log")}
	major, err := os.ReadFile(filepath.Join(cl.path, "PG_VERSION"))
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return nil, fmt.Errorf("read the data's version: %w", err)
	}
	if cl.bin, err = machine().find(ctx, strings.TrimSpace(string(major))); err != nil {
		return nil, err
	}
	if isNew {
		if err := cl.make(ctx, unsafe); err != nil {
			return nil, fmt.Errorf("make the database: %w", err)
		}
	}
	if cl.folder, err = os.Open(cl.path); err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	if err := cl.claim(ctx); err != nil {
		cl.folder.Close()
		return nil, err
	}
	return cl, nil
}

// make runs initdb beside the final place and renames, so that half a database is never taken for a whole one.
func (cl *cluster) make(ctx context.Context, unsafe bool) error {
	owner, err := newOwner()
	if err != nil {
		return err
	}
	tmp := cl.path + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	if owner != nil {
		if err := os.Chown(tmp, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	folder, err := os.Open(tmp)
	if err != nil {
		return err
	}
	defer folder.Close()
	args := []string{"--pgdata=" + ourFolder, "--username=" + superuser, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"}
	if unsafe {
		args = append(args, "--no-sync")
	}
	p, err := cl.start("initdb", args, folder, owner, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.end(syscall.SIGKILL)
		return ctx.Err()
	}
	if p.err != nil {
		return fmt.Errorf("initdb: %w%s", p.err, tail(cl.log))
	}
	return os.Rename(tmp, cl.path)
}

// newOwner is whom a new cluster belongs to: PostgreSQL refuses to run as root, and needs a user with a name.
func newOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errU, errG); err != nil {
			return nil, fmt.Errorf("read the ids of the user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody to run it as")
}

// claim settles whom the server will run as, and that nobody else serves this data. Its caller holds the lock, so a server
// at work is one whose program was killed and that is about to end; only then is what it left behind removed, since the
// process id in there may by now be somebody else's, and PostgreSQL would refuse to start.
func (cl *cluster) claim(ctx context.Context) error {
	info, err := cl.folder.Stat()
	if err != nil {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		cl.owner = &syscall.Credential{Uid: st.Uid, Gid: st.Gid}
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		pid := tenant(info)
		if pid == 0 {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("another PostgreSQL (process %d) already serves %s: stop it first", pid, cl.path)
		}
	}
	for _, name := range []string{"postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"} {
		if err := os.Remove(filepath.Join(cl.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what an earlier server left: %w", err)
		}
	}
	return nil
}

// tenant is a process that works in the folder, as every process of a PostgreSQL server does in its data's; 0 if none.
func tenant(folder os.FileInfo) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is ours
	for _, cwd := range dirs {
		at, err := os.Stat(cwd)
		if err != nil || !os.SameFile(at, folder) { // gone meanwhile, or another user's
			continue
		}
		process := filepath.Dir(cwd)
		if exe, err := os.Readlink(filepath.Join(process, "exe")); err != nil || !strings.HasPrefix(filepath.Base(exe), "postgres") {
			continue // a person's shell
		}
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil {
			return pid
		}
	}
	return 0
}

func (cl *cluster) serve(unsafe bool) (*process, error) {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": ourFolder,
		"port":                    "5432",
		"max_connections":         "200",
		"timezone":                "UTC",
		"logging_collector":       "off",
	}
	if unsafe {
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			settings[name] = "off"
		}
		settings["wal_level"], settings["max_wal_senders"] = "minimal", "0"
		settings["shared_buffers"] = "64MB"
	}
	args := []string{"-D", ourFolder}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return cl.start("postgres", args, cl.folder, cl.owner, syscall.SIGQUIT) // immediate: certain to end, and recovers
}

// start runs one of PostgreSQL's programs on the folder, its words going to a fresh log. atDeath is the signal it gets when
// this process dies.
func (cl *cluster) start(
	program string, args []string, folder *os.File, owner *syscall.Credential, atDeath syscall.Signal,
) (*process, error) {
	log, err := os.OpenFile(cl.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(cl.bin, program), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + cl.bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"} // none of ours: PGDATA, PGPORT, secrets
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{folder}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true, // a Ctrl-C at the terminal is ours to handle
		Pdeathsig:  atDeath,
		Credential: owner,
	}
	return run(cmd)
}
