package push

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
)

// Asker reads operations from Codat whose outcome a webhook told only in part (a failure without its reason, a success
// without its record's id), or did not tell in good time.
type Asker struct {
	Store *store.Store
	Codat *codat.Client
	Log   *slog.Logger

	wake chan struct{}
	once sync.Once
}

func (a *Asker) wakes() chan struct{} {
	a.once.Do(func() { a.wake = make(chan struct{}, 1) })
	return a.wake
}

// Wake makes the asker look for questions now.
func (a *Asker) Wake() {
	select {
	case a.wakes() <- struct{}{}:
	default:
	}
}

const questionsAtOnce = 8

// Run asks until ctx ends.
func (a *Asker) Run(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		questions, err := a.Store.ClaimQuestions(ctx, questionsAtOnce)
		if err != nil && ctx.Err() == nil {
			a.Log.Error("claim questions", "error", err)
		}
		var asking sync.WaitGroup
		for _, q := range questions {
			asking.Go(func() { a.ask(ctx, q) })
		}
		asking.Wait()
		if len(questions) == questionsAtOnce {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-a.wakes():
		}
	}
}

func (a *Asker) ask(ctx context.Context, q store.Question) {
	log := a.Log.With("step", q.StepID, "operation", q.OperationKey)
	op, err := a.Codat.PushOperation(ctx, q.Company, q.OperationKey)
	if err != nil {
		if e, ok := errors.AsType[*codat.Error](err); ok && e.HTTPStatus == http.StatusTooManyRequests {
			if err := a.Store.PauseSending(ctx, store.Pause{For: max(e.RetryAfter, time.Second), Reason: "rate_limited"}); err != nil {
				log.Error("pause sending", "error", err)
			}
		}
		if ctx.Err() == nil {
			log.Warn("read operation", "error", err) // asked again later
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := a.Store.Answered(ctx, q.StepID, outcome(op, q.Kind, q.Platform, "reading")); err != nil {
		log.Error("apply operation", "error", err)
	}
}
