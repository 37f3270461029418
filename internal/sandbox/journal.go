package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// journal is a file of one line of JSON per transaction. A line counts once it ends in a newline and is on the disk; any
// number of writers that wait at the same time share one fsync. Without a file everything counts at once.
type journal struct {
	file *os.File
	lock *os.File

	mu       sync.Mutex
	done     sync.Cond
	waiting  []byte // lines not written yet
	appended int64  // lines
	synced   int64
	syncing  bool
	err      error // the first failure; nothing is written after it
}

// openJournal reads the changes in the file into st, writes the fewest changes that lead there in its place, and opens it.
func openJournal(path string, st *state) (*journal, error) {
	j := &journal{}
	j.done.L = &j.mu
	if path == "" {
		return j, nil
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock journal: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock journal: another program uses %s: %w", path, err)
	}
	j.lock = lock
	if err := replay(path, st); err != nil {
		lock.Close()
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if j.file, err = rewrite(path, st); err != nil {
		lock.Close()
		return nil, fmt.Errorf("rewrite journal: %w", err)
	}
	return j, nil
}

// replay applies every whole line. What follows the last newline was never answered for, and is dropped.
func replay(path string, st *state) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var changes []change
		if err := json.Unmarshal(line, &changes); err != nil {
			if _, err := r.Peek(1); err == io.EOF {
				return nil // torn, though it has a newline
			}
			return fmt.Errorf("line %d: %w", n, err)
		}
		for _, c := range changes {
			st.apply(c)
		}
	}
}

func rewrite(path string, st *state) (*os.File, error) {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for c := range st.changes() {
		line, err := json.Marshal([]change{c})
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		w.Write(append(line, '\n'))
	}
	if err := errors.Join(w.Flush(), f.Sync(), os.Rename(path+".new", path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, errors.Join(dir.Sync(), dir.Close())
}

// append adds a transaction and returns the number to wait for. With no changes that is the number of the last one.
func (j *journal) append(changes []change) int64 {
	if j.file == nil {
		return 0
	}
	var line []byte
	var err error
	if len(changes) > 0 {
		line, err = json.Marshal(changes)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil && j.err == nil {
		j.err = err
	}
	if len(changes) > 0 {
		j.waiting = append(append(j.waiting, bytes.TrimSpace(line)...), '\n')
		j.appended++
	}
	return j.appended
}

// wait returns when line n and all before it are on the disk. One of those who wait writes for all of them.
func (j *journal) wait(n int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.synced < n && j.err == nil {
		if j.syncing {
			j.done.Wait()
			continue
		}
		lines, upTo := j.waiting, j.appended
		j.waiting, j.syncing = nil, true
		j.mu.Unlock()
		_, err := j.file.Write(lines)
		err = errors.Join(err, j.file.Sync())
		j.mu.Lock()
		j.syncing = false
		if err != nil {
			j.err = fmt.Errorf("write journal: %w", err)
		} else {
			j.synced = upTo
		}
		j.done.Broadcast()
	}
	if j.synced >= n {
		return nil
	}
	return j.err
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.wait(j.append(nil))
	// A child that is just being started may still hold a copy of the descriptor, so closing it is not enough.
	return errors.Join(err, j.file.Close(), syscall.Flock(int(j.lock.Fd()), syscall.LOCK_UN), j.lock.Close())
}
