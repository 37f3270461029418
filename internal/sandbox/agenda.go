package sandbox

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// task is a push to land or a read to finish.
type task struct {
	at        time.Time
	operation string
	pull      string
}

// agenda is what has to be done when.
type agenda struct {
	mu    sync.Mutex
	tasks tasks
	wake  chan struct{}
}

func newAgenda() *agenda { return &agenda{wake: make(chan struct{}, 1)} }

func (a *agenda) add(ts ...task) {
	if len(ts) == 0 {
		return
	}
	a.mu.Lock()
	for _, t := range ts {
		heap.Push(&a.tasks, t)
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// due takes out what is due, at most as much as fits well into one write.
func (a *agenda) due(now time.Time) []task {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []task
	for len(a.tasks) > 0 && !a.tasks[0].at.After(now) && len(due) < 256 {
		due = append(due, heap.Pop(&a.tasks).(task))
	}
	return due
}

// wait returns true when something is due and false when ctx ends.
func (a *agenda) wait(ctx context.Context) bool {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		left := time.Hour
		a.mu.Lock()
		if len(a.tasks) > 0 {
			left = time.Until(a.tasks[0].at)
		}
		a.mu.Unlock()
		if left <= 0 {
			return true
		}
		timer.Reset(left)
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-timer.C:
		}
	}
	return false
}

type tasks []task

func (t tasks) Len() int           { return len(t) }
func (t tasks) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t tasks) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)        { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}
