package ledger

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
)

// Prover finds out whether connections work. Codat notices that a ledger has shut it out only when it next talks to it; so a check
// has it read something small from the ledger, and follows that: by the webhook that tells of it, which the inbox applies, and by
// asking where none comes. How far a check is stands in the connection's row, so that any process may follow it.
type Prover struct {
	Store  *store.Store
	Codat  *codat.Client
	Log    *slog.Logger
	Reader *Reader

	wake chan struct{}
	once sync.Once
}

func (p *Prover) wakes() chan struct{} {
	p.once.Do(func() { p.wake = make(chan struct{}, 1) })
	return p.wake
}

// Wake makes the prover look for what is due now.
func (p *Prover) Wake() {
	select {
	case p.wakes() <- struct{}{}:
	default:
	}
}

const (
	proofsAtOnce = 4
	lookEvery    = 15 * time.Second // for quiet connections
)

// Run proves until ctx ends.
func (p *Prover) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := p.ProveDue(ctx); err != nil && ctx.Err() == nil {
			p.Log.Error("prove connections", "error", err)
		}
		idle, err := p.Store.NextCheck(ctx, lookEvery)
		if err != nil {
			idle = lookEvery
		}
		timer := time.NewTimer(max(idle, time.Second)) // Wake is for speed
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.wakes():
		}
		timer.Stop()
	}
	return nil
}

// ProveDue begins the checks that nobody need ask for, and moves on all that are due.
func (p *Prover) ProveDue(ctx context.Context) error {
	if err := p.Store.CheckQuiet(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, proofsAtOnce)
	for i := range errs {
		wg.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				c, err := p.Store.ClaimCheck(ctx)
				if errors.Is(err, store.ErrNotFound) {
					return
				}
				if err != nil {
					errs[i] = err
					return
				}
				errs[i] = p.prove(ctx, c)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// prove moves one check on. What goes wrong is tried again, until the check is given up.
func (p *Prover) prove(ctx context.Context, c store.Check) error {
	err := p.moveOn(ctx, c)
	back := patience(c)
	if ctx.Err() != nil {
		back = 0 // for another process, or the next one
	} else if err != nil {
		p.Log.Warn("check connection", "connection", c.Connection, "error", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err != nil {
		if c.Said = ""; ctx.Err() == nil {
			c.Said = whyNot(err)
		}
		if e, ok := errors.AsType[*codat.Error](err); ok && e.HTTPStatus == http.StatusTooManyRequests {
			back = max(back, e.RetryAfter)
			if err := p.Store.PauseSending(ctx, store.Pause{For: max(e.RetryAfter, time.Second), Reason: "rate_limited"}); err != nil {
				return err
			}
		}
		if err := p.Store.FollowCheck(ctx, c, back); err != nil {
			return err
		}
	}
	return p.Store.EndReading(ctx, c.CompanyID)
}

// whyNot is why Codat could not be asked, in its words; "" when it said nothing.
func whyNot(err error) string {
	e, answered := errors.AsType[*codat.Error](err)
	switch {
	case !answered:
		return ""
	case e.Message != "":
		return e.Message
	}
	return strings.TrimSpace(strconv.Itoa(e.HTTPStatus) + " " + http.StatusText(e.HTTPStatus))
}

// patience is 5, 10, 20 s, at most 30 s: a webhook is to be quicker.
func patience(c store.Check) time.Duration {
	return min(5*time.Second<<min(c.Asked, 3), 30*time.Second)
}

func (p *Prover) moveOn(ctx context.Context, c store.Check) error {
	switch {
	case c.Now.Sub(c.Since) >= store.CheckFor && !c.Queued:
		return p.Store.EndCheck(ctx, c, store.CheckUnasked, c.Said)
	case c.Now.Sub(c.Since) >= store.CheckFor:
		return p.Store.EndCheck(ctx, c, store.CheckUnanswered, "")
	case c.SyncID != "":
		return p.follow(ctx, c)
	case c.Queued || c.Status != store.Linked: // what reads has no name, or nothing can
		if up, err := p.look(ctx, c); !up || err != nil {
			return err
		}
	}
	return p.queue(ctx, c)
}

// light are data types that are small and that every accounting package has, the smallest first.
var light = []string{"company", "chartOfAccounts"}

// books are the data types, beside the accounts, that Codat is to have read before we copy a ledger for the first time.
var books = []string{"suppliers", "bankAccounts", "taxRates", "trackingCategories"}

// queue has Codat read something from the ledger; all that we copy where it has read nothing yet.
func (p *Prover) queue(ctx context.Context, c store.Check) error {
	c.Queued, c.SyncID = true, ""
	dataTypes := light
	if c.Unsynced {
		dataTypes = []string{"chartOfAccounts"} // not only to get at the books: to have them
		for _, dataType := range books {
			_, err := p.Codat.QueueSync(ctx, c.Company, dataType, c.Connection)
			if e, answered := errors.AsType[*codat.Error](err); err != nil && !(answered && unfit(e)) {
				return err
			}
		}
	}
	for _, dataType := range dataTypes {
		op, err := p.Codat.QueueSync(ctx, c.Company, dataType, c.Connection)
		e, answered := errors.AsType[*codat.Error](err)
		switch {
		case err == nil:
			c.SyncID = op.ID
			return p.Store.FollowCheck(ctx, c, patience(c))
		case !answered || !unfit(e):
			return err
		case underWay.MatchString(e.Message): // it proves as much as ours would
			return p.Store.FollowCheck(ctx, c, time.Minute)
		}
	}
	if up, err := p.look(ctx, c); !up || err != nil {
		return err
	}
	return p.Store.FollowCheck(ctx, c, time.Minute) // Codat did not say why not: it may be reading
}

// underWay recognises Codat's refusal to read what it is reading already; its status is that of other refusals, too.
var underWay = regexp.MustCompile(`(?i)in ?progress`)

// unfit reports whether Codat refused this data type, or all of them, rather than us.
func unfit(e *codat.Error) bool {
	switch e.HTTPStatus {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
		return true
	}
	return false
}

// follow asks how far Codat's reading is.
func (p *Prover) follow(ctx context.Context, c store.Check) error {
	op, err := p.Codat.PullOperation(ctx, c.Company, c.SyncID)
	switch {
	case notFound(err):
		c.SyncID = ""
	case err != nil:
		return err
	case op.IsErrored || op.Status == "AuthError":
		up, err := p.look(ctx, c)
		if !up || err != nil {
			return err
		}
		if op.Status != "AuthError" { // else the connection is to follow
			return p.Store.EndCheck(ctx, c, store.CheckFailed, cmp.Or(op.ErrorMessage, op.Status))
		}
	case op.IsCompleted:
		return p.Store.EndCheck(ctx, c, store.CheckProven, "")
	}
	return p.Store.FollowCheck(ctx, c, patience(c))
}

// look reads the company's connections, which ends the check where they answer it, and reports whether it is to go on: the connection is
// Linked, as far as Codat has noticed.
func (p *Prover) look(ctx context.Context, c store.Check) (up bool, err error) {
	err = p.Reader.connections(ctx, store.Company{ID: c.CompanyID, CodatID: c.Company}, store.FromSync)
	if notFound(err) {
		_, err = p.Reader.lookUp(ctx, c.Company) // gone, most likely
	}
	if err != nil {
		return false, err
	}
	now, err := p.Store.ConnectionItems(ctx, []int64{c.ConnectionID})
	if err != nil {
		return false, err
	}
	if len(now) == 1 && now[0].CheckingSince == nil {
		return false, nil
	}
	if len(now) == 1 && now[0].Status == store.Linked && now[0].DeletedAt == nil {
		return true, nil
	}
	return false, p.Store.EndCheck(ctx, c, store.CheckDown, "")
}
