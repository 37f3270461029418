package push

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// Sweeper asks Codat about what no webhook told, or told only in part: operations that are overdue or whose failure has no
// reason yet, steps in doubt, and readings of the ledger that steps wait for. One reading of a company's history answers for all
// of its steps.
type Sweeper struct {
	Store *store.Store
	Codat *codat.Client
	Log   *slog.Logger

	// ReadLedger reads a company's connections, accounts and suppliers into the store now.
	ReadLedger func(ctx context.Context, companyID int64) error

	wake chan struct{}
	once sync.Once
}

func (s *Sweeper) wakes() chan struct{} {
	s.once.Do(func() { s.wake = make(chan struct{}, 1) })
	return s.wake
}

// Wake makes the sweeper look for what is due now.
func (s *Sweeper) Wake() {
	select {
	case s.wakes() <- struct{}{}:
	default:
	}
}

const (
	companiesAtOnce = 4
	longestIdle     = 5 * time.Second
)

// Run asks until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	if err := reclassify(ctx, s.Store); err != nil && ctx.Err() == nil {
		s.Log.Error("find causes anew", "error", err)
	}
	for ctx.Err() == nil {
		if err := s.SweepDue(ctx, companiesAtOnce); err != nil && ctx.Err() == nil {
			s.Log.Error("sweep", "error", err)
		}
		idle, err := s.Store.NextAsk(ctx, longestIdle)
		if err != nil {
			idle = longestIdle
		}
		timer := time.NewTimer(max(idle, time.Second)) // Wake is for speed
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wakes():
		}
		timer.Stop()
	}
	return nil
}

// SweepDue asks about everything that is due now, that many companies at once.
func (s *Sweeper) SweepDue(ctx context.Context, atOnce int) error {
	if err := s.Store.LookForSpent(ctx); err != nil {
		return err
	}
	if err := replan(ctx, s.Store); err != nil {
		return err
	}
	if q, known := s.Codat.Quota(); known {
		if err := s.Store.SaveQuota(ctx, store.Quota{Limit: q.Limit, Remaining: q.Remaining, ResetAt: q.Reset.Ptr()}); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, atOnce)
	for i := range errs {
		wg.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				sw, err := s.Store.ClaimSweep(ctx)
				if errors.Is(err, store.ErrNotFound) {
					return
				}
				if err != nil {
					errs[i] = err
					return
				}
				s.sweep(ctx, sw)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// sweep asks what is due about one company. What goes wrong is asked again later: the steps were put off when claimed.
func (s *Sweeper) sweep(ctx context.Context, sw store.Sweep) {
	log := s.Log.With("company", sw.Company)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := s.Store.EndReading(ctx, sw.CompanyID); err != nil {
			log.Error("end reading", "error", err)
		}
	}()
	var known, costs, records, receipts, unknown, waiting []store.SweepStep
	for _, step := range sw.Steps {
		switch {
		case step.WaitReason == ledgerSync:
			waiting = append(waiting, step)
		case step.State == store.StepLooking && step.Kind == store.DirectCostStep:
			costs = append(costs, step)
		case step.State == store.StepLooking && step.Kind == store.AttachmentStep:
			receipts = append(receipts, step)
		case step.State == store.StepLooking:
			records = append(records, step)
		}
		switch {
		case step.OperationKey != nil:
			known = append(known, step)
		case step.State == store.StepLooking:
			unknown = append(unknown, step)
		}
	}
	var h history
	for _, part := range []func() error{
		func() (err error) { h, err = s.operations(ctx, sw, known, unknown); return err },
		func() error { return s.lookForCosts(ctx, sw, costs, h) },
		func() error { return s.lookForRecords(ctx, sw, records, h) },
		func() error { return s.lookForReceipts(ctx, sw, receipts, h) },
		func() error { return s.awaitLedger(ctx, sw, waiting) },
	} {
		if err := part(); err != nil {
			s.refused(ctx, sw, err)
			if ctx.Err() == nil {
				log.Warn("ask Codat", "error", err)
			}
			return
		}
	}
}

// refused has nothing asked or sent for a while after Codat asked for that.
func (s *Sweeper) refused(ctx context.Context, sw store.Sweep, err error) {
	e, ok := errors.AsType[*codat.Error](err)
	if !ok {
		return
	}
	var p store.Pause
	switch e.HTTPStatus {
	case http.StatusTooManyRequests:
		p = store.Pause{For: max(e.RetryAfter, time.Second), Reason: "rate_limited"}
	case http.StatusUnauthorized:
		p = store.Pause{For: probeEvery, Reason: "unauthorized"}
	case http.StatusPaymentRequired:
		p = store.Pause{For: probeEvery, Reason: "payment_required"}
	case http.StatusForbidden:
		p = store.Pause{Company: sw.CompanyID, For: probeEvery, Reason: "forbidden"}
	default:
		return
	}
	if err := s.Store.PauseSending(ctx, p); err != nil {
		s.Log.Error("pause sending", "error", err)
	}
}

// operations reads the operations of the known steps, one by itself and several from the history, which is returned for those of
// which no operation is known.
func (s *Sweeper) operations(ctx context.Context, sw store.Sweep, known, unknown []store.SweepStep) (h history, err error) {
	byKey := map[string]codat.PushOperation{}
	if len(unknown) > 0 || len(known) > 1 {
		if h, err = s.history(ctx, sw, append(unknown[:len(unknown):len(unknown)], known...)); err != nil {
			return h, err
		}
		for _, op := range h.operations {
			byKey[op.PushOperationKey] = op
		}
	}
	for _, step := range known {
		op, found := byKey[*step.OperationKey]
		if !found {
			op, err = s.Codat.PushOperation(ctx, sw.Company, *step.OperationKey)
		}
		switch {
		case notFound(err): // Codat has forgotten it
			err = s.lost(ctx, sw, step)
		case err == nil:
			err = s.answered(ctx, step, op)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

// lost gives an operation up that Codat has not known for a day.
func (s *Sweeper) lost(ctx context.Context, sw store.Sweep, step store.SweepStep) error {
	if step.SentAt == nil || sw.Now.Sub(*step.SentAt) < 24*time.Hour {
		return nil
	}
	return s.Store.OperationLost(ctx, step.ID, known(explain.CauseLostReply, ""))
}

func (s *Sweeper) answered(ctx context.Context, step store.SweepStep, op codat.PushOperation) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.Store.Answered(ctx, step.ID, outcome(op, step.Kind, step.PlatformName, "reading"))
}

// before is how much earlier than our first send an operation may say it was requested: clocks differ.
const before = 5 * time.Minute

// history reads the company's operations back past the first send of any of the steps; those of others among them are kept for a
// person to see.
func (s *Sweeper) history(ctx context.Context, sw store.Sweep, steps []store.SweepStep) (history, error) {
	oldest := sw.Now
	for _, step := range steps {
		if step.FirstSentAt != nil && step.FirstSentAt.Before(oldest) {
			oldest = *step.FirstSentAt
		}
	}
	var ops []codat.PushOperation
	for page, err := range codat.Pages(ctx, func(ctx context.Context, page int) (codat.Page[codat.PushOperation], error) {
		return s.Codat.PushOperations(ctx, sw.Company, page)
	}) {
		if err != nil {
			return history{}, err
		}
		ops = append(ops, page...)
		if past(page, oldest.Add(-before)) {
			break
		}
	}
	keys := make([]string, len(ops))
	for i, op := range ops {
		keys[i] = op.PushOperationKey
	}
	claimed, err := s.Store.ClaimedOperations(ctx, keys)
	if err != nil {
		return history{}, err
	}
	return history{ops, claimed}, s.noteForeign(ctx, sw, ops, oldest.Add(-before))
}

// past reports whether a page, and so all that follow, is older than that. Codat documents no order for the history: one that is
// not seen to be newest first is read to its end.
func past(page []codat.PushOperation, at time.Time) bool {
	var later *time.Time
	for _, op := range page {
		t := op.RequestedOnUTC.Ptr()
		if t == nil || !t.Before(at) || later != nil && t.After(*later) {
			return false
		}
		later = t
	}
	return len(page) > 1 && page[0].RequestedOnUTC.Ptr().After(*later)
}

// foreignAfter is how old an operation must be to be another program's: ours get their key within minutes.
const foreignAfter = 10 * time.Minute

func (s *Sweeper) noteForeign(ctx context.Context, sw store.Sweep, ops []codat.PushOperation, since time.Time) error {
	var foreign []store.ForeignOperation
	for _, op := range ops {
		at := op.RequestedOnUTC.Ptr()
		if at == nil || at.Before(since) || at.After(sw.Now.Add(-foreignAfter)) {
			continue
		}
		f := store.ForeignOperation{OperationKey: op.PushOperationKey, Connection: op.ConnectionID, DataType: op.DataType, Status: string(op.Status), RequestedAt: at}
		if len(op.Changes) > 0 {
			f.RecordID = op.Changes[0].RecordRef.ID
		}
		foreign = append(foreign, f)
	}
	return s.Store.SawForeign(ctx, sw.CompanyID, foreign)
}

const ledgerSync = "ledger_sync" // the wait reason of a cost that is sent again once the ledger was read

// syncEvery is how often Codat is asked whether it has read the ledger.
const syncEvery = 10 * time.Second

// awaitLedger sends the costs on whose new account or supplier the ledger did not know, once Codat has read it again.
func (s *Sweeper) awaitLedger(ctx context.Context, sw store.Sweep, steps []store.SweepStep) error {
	for _, step := range steps {
		done, err := s.synced(ctx, sw, step, kindOf(store.SupplierStep).dataType, kindOf(store.AccountStep).dataType)
		if err != nil {
			return err
		}
		if done {
			if err := s.Store.LedgerSynced(ctx, step.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// synced has Codat read data types of a step's connection, and reports whether that has ended: it asks for it the first time, and
// after how it went the next times. One that went wrong is asked for again.
func (s *Sweeper) synced(ctx context.Context, sw store.Sweep, step store.SweepStep, dataTypes ...string) (bool, error) {
	if step.SyncID != nil {
		op, err := s.Codat.PullOperation(ctx, sw.Company, *step.SyncID)
		switch {
		case notFound(err), err == nil && op.IsErrored:
			return false, s.Store.Synced(ctx, step.ID, "", patience(sw, step, time.Minute, 30*time.Minute))
		case err != nil:
			return false, err
		case op.IsCompleted:
			return true, nil
		}
		return false, s.Store.Synced(ctx, step.ID, *step.SyncID, patience(sw, step, syncEvery, 10*time.Minute))
	}
	var last codat.PullOperation
	for _, t := range dataTypes {
		op, err := s.Codat.QueueSync(ctx, sw.Company, t, step.Connection)
		if e, ok := errors.AsType[*codat.Error](err); ok && (e.HTTPStatus == http.StatusBadRequest || e.HTTPStatus == http.StatusConflict) {
			return false, s.Store.Synced(ctx, step.ID, "", patience(sw, step, time.Minute, 30*time.Minute)) // one is under way already, and may have begun too early for us
		}
		if err != nil {
			return false, err
		}
		last = op
	}
	return false, s.Store.Synced(ctx, step.ID, last.ID, syncEvery)
}

func notFound(err error) bool {
	e, ok := errors.AsType[*codat.Error](err)
	return ok && e.HTTPStatus == http.StatusNotFound
}
