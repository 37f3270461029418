package devdb

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child process. err may be read once done is closed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// run starts cmd on a thread that lives as long as the child, because Linux takes the death of the thread that started it
// for the death of the parent.
func run(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// end sends one signal after the other until the process has ended.
func (p *process) end(signals ...syscall.Signal) {
	for _, sig := range signals {
		_ = p.cmd.Process.Signal(sig) // fails only when it has ended already
		select {
		case <-p.done:
			return
		case <-time.After(stopTimeout):
		}
	}
	<-p.done
}
