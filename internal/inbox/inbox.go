// Package inbox applies stored webhook deliveries, once each: a delivery's verdict commits together with what it changed.
// The receiving route only stores; Run does the rest, woken by that route and, after a crash or from other processes, by
// its tick. What each kind of event means is one line in the table of events.go.
package inbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tallylight/store"
)

// Inbox applies deliveries. Any number of processes may run one on the same database.
type Inbox struct {
	Store *store.Store
	Log   *slog.Logger

	// ReadCompany has the ledger of the company with Codat's id read again soon, or all companies when it is not known here.
	ReadCompany func(codatID string)

	wake chan struct{}
	once sync.Once
}

func (i *Inbox) wakes() chan struct{} {
	i.once.Do(func() { i.wake = make(chan struct{}, 1) })
	return i.wake
}

// Wake makes the inbox look for deliveries now.
func (i *Inbox) Wake() {
	select {
	case i.wakes() <- struct{}{}:
	default:
	}
}

// Run applies deliveries until ctx ends.
func (i *Inbox) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	tidy := time.NewTimer(tidySoon)
	defer tidy.Stop()
	for {
		if err := i.ApplyDue(ctx); err != nil && ctx.Err() == nil {
			i.Log.Error("apply deliveries", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-i.wakes():
		case <-tidy.C:
			more, err := i.Store.TidyDeliveries(ctx)
			if err == nil {
				err = i.Store.TidyAPITokens(ctx)
			}
			if err != nil && ctx.Err() == nil {
				i.Log.Error("tidy what is old", "error", err)
			}
			if more {
				tidy.Reset(tidySoon)
			} else {
				tidy.Reset(tidyEvery)
			}
		}
	}
}

const (
	batch     = 100 // deliveries that share a transaction
	tidyEvery = 10 * time.Minute
	tidySoon  = time.Second // where there is more: news comes first
)

// ApplyDue applies all deliveries that are due. An error is that of the last one that failed; the others are applied.
func (i *Inbox) ApplyDue(ctx context.Context) error {
	var failed error
	for ctx.Err() == nil {
		n, err := i.Store.ApplyDeliveries(ctx, batch, func(tx *store.Tx, ds []*store.Delivery) error { return i.apply(ctx, tx, ds) })
		if err != nil {
			failed = err
		}
		if n == 0 || store.Unavailable(err) {
			return failed
		}
	}
	return failed
}
