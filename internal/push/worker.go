package push

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
)

const (
	perCompany = 9                     // Codat's limit is 10 requests at once for one company; one is kept for reading
	lease      = 45 * time.Second      // the client's deadline of 30 s, and some
	tick       = time.Second           // correctness; Wake is for speed
	gather     = 25 * time.Millisecond // places that become free within that are filled by one claim, which all processes wait for
	drain      = 10 * time.Second      // how long sends under way may take at shutdown
)

// Worker sends the steps that are due. Any number of workers, in any number of processes, share the work.
type Worker struct {
	Store    *store.Store
	Codat    *codat.Client
	Log      *slog.Logger
	InFlight int // sends at once in this process

	wake chan struct{}
	once sync.Once
}

func (w *Worker) wakes() chan struct{} {
	w.once.Do(func() { w.wake = make(chan struct{}, 1) })
	return w.wake
}

// Wake makes the worker look for work now.
func (w *Worker) Wake() {
	select {
	case w.wakes() <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends, then lets the sends under way finish. One that does not finish in time is in doubt, and will be
// repeated with its own key.
func (w *Worker) Run(ctx context.Context) error {
	sending, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	slots, freed := make(chan struct{}, w.InFlight), make(chan struct{}, 1)
	var sends sync.WaitGroup
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		for _, c := range w.claim(ctx, w.InFlight-len(slots)) {
			slots <- struct{}{}
			sends.Go(func() {
				defer func() {
					<-slots
					select {
					case freed <- struct{}{}:
					default:
					}
				}()
				w.send(sending, c)
			})
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-w.wakes():
		case <-freed:
			select {
			case <-ctx.Done():
			case <-time.After(gather):
			case <-w.wakes():
			}
		}
	}
	timer := time.AfterFunc(drain, abort)
	defer timer.Stop()
	sends.Wait()
	return nil
}

// SendNext sends one step that is due, and reports whether there was one.
func (w *Worker) SendNext(ctx context.Context) bool {
	claimed := w.claim(ctx, 1)
	for _, c := range claimed {
		w.send(ctx, c)
	}
	return len(claimed) > 0
}

func (w *Worker) claim(ctx context.Context, free int) []store.Claim {
	if free <= 0 {
		return nil
	}
	claims, err := w.Store.ClaimSteps(ctx, free, perCompany, lease)
	if err != nil && ctx.Err() == nil {
		w.Log.Error("claim steps", "error", err)
	}
	return claims
}

// send makes one attempt at one step. Nothing is sent before it is written down what will be.
func (w *Worker) send(ctx context.Context, c store.Claim) {
	log := w.Log.With("step", c.ID, "kind", c.Kind)
	k := kindOf(c.Kind)
	body := c.Body
	if body == nil {
		var err error
		body, err = k.body(ctx, w.Store, c)
		if cannot, ok := errors.AsType[*cannotSend](err); ok {
			f := cannot.failure()
			w.settle(ctx, log, c, 0, store.Settlement{Failed: &f})
			return
		}
		if errors.Is(err, store.ErrLeaseLost) {
			return
		}
		if err != nil {
			log.Error("build body", "error", err)
			w.settle(ctx, log, c, 0, store.Settlement{Again: backoff(c.Attempts + 2)})
			return
		}
	}
	began := time.Now().Round(0) // by the clock on the wall, which goes on while the machine sleeps
	attempt, err := w.Store.BeginAttempt(ctx, c, k.path, body)
	if errors.Is(err, store.ErrLeaseLost) {
		return
	}
	if err != nil {
		log.Error("begin attempt", "error", err) // unsent; the lease runs out
		return
	}
	if time.Now().Round(0).Sub(began) > lease {
		return // long asleep: somebody else has taken the step up
	}
	reply, err := k.send(ctx, w, c, body)
	if err != nil {
		log.Warn("push was not accepted", "attempt", attempt, "error", err)
	}
	w.settle(ctx, log, c, attempt, judge(c, reply, err))
}

// settle keeps what a send meant even while shutting down. When it cannot, the lease runs out and the step is repeated with
// its own key.
func (w *Worker) settle(ctx context.Context, log *slog.Logger, c store.Claim, attempt int64, st store.Settlement) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := w.Store.SettleAttempt(ctx, c, attempt, st)
	if err != nil && !errors.Is(err, store.ErrLeaseLost) {
		log.Error("settle attempt", "attempt", attempt, "error", err)
	}
}
