package push

import (
	"context"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

const (
	lookFor = 30 * time.Minute // how long a cost in doubt is looked for before a person has to
	giveUp  = 6 * time.Hour    // how long an account or supplier that Codat stopped waiting for may still appear
)

// patience is when to look for a step again: ever later, a quarter of the time since it was sent, within bounds.
func patience(sw store.Sweep, step store.SweepStep, least, most time.Duration) time.Duration {
	if step.SentAt == nil {
		return least
	}
	return min(max(sw.Now.Sub(*step.SentAt)/4, least), most)
}

// lookForCosts looks in the company's history for costs in doubt. What may be one of them is an operation of its connection and
// kind that no step holds, requested since it was first sent, and not failed. A cost takes an operation for its own only after
// its record was read, when reference, total, date and currency are equal, and of exactly one. It was never accepted when
// nothing may be it in two readings a minute apart, the first a minute after the last send. Everything else needs a person.
func (s *Sweeper) lookForCosts(ctx context.Context, sw store.Sweep, costs []store.SweepStep, h history) error {
	// Those that can be told are told first, so that what is left is left for the others.
	undecided := costs[:0:0]
	for _, step := range costs {
		key, decided, err := s.adopt(ctx, sw, step, h.candidates(step))
		if err != nil {
			return err
		}
		if key != "" {
			h.claimed[key] = step.ID
		}
		if !decided {
			undecided = append(undecided, step)
		}
	}
	for _, step := range undecided {
		if err := s.resign(ctx, sw, step, h.candidates(step)); err != nil {
			return err
		}
	}
	return nil
}

// history is a company's operations as Codat has them, back past the first send of what is looked for.
type history struct {
	operations []codat.PushOperation
	claimed    map[string]int64 // those that a step of ours holds, by their keys
}

// candidates are the operations that may be that step.
func (h history) candidates(step store.SweepStep) []codat.PushOperation {
	return slices.DeleteFunc(h.since(step), func(op codat.PushOperation) bool {
		return len(op.Changes) > 0 && (op.Changes[0].Type == "Deleted" || op.Changes[0].Type == "AttachmentUploaded") // of the same data type, and no new record
	})
}

// since are the operations of a step's connection and data type that no step holds, requested since it was first sent, and not failed.
func (h history) since(step store.SweepStep) []codat.PushOperation {
	var ops []codat.PushOperation
	for _, op := range h.operations {
		at := op.RequestedOnUTC.Ptr()
		_, taken := h.claimed[op.PushOperationKey]
		if taken || op.ConnectionID != step.Connection || op.DataType != "" && op.DataType != kindOf(step.Kind).dataType ||
			op.Status == codat.PushFailed || at != nil && step.FirstSentAt != nil && !at.After(step.FirstSentAt.Add(-before)) {
			continue
		}
		ops = append(ops, op)
	}
	return ops
}

// late is true of a step that has been looked for long enough.
func late(sw store.Sweep, step store.SweepStep) bool {
	return step.SentAt != nil && sw.Now.Sub(*step.SentAt) > lookFor
}

// open reports whether something may still become of one of the operations.
func open(ops []codat.PushOperation) bool {
	return slices.ContainsFunc(ops, func(op codat.PushOperation) bool { return op.Status != codat.PushSuccess })
}

// adopt takes the one candidate whose record is what the cost asked for, after having the ledger read, and returns its key. It
// is decided, too, while the ledger is being read.
func (s *Sweeper) adopt(ctx context.Context, sw store.Sweep, step store.SweepStep, candidates []codat.PushOperation) (key string, decided bool, err error) {
	var written []codat.PushOperation
	for _, op := range candidates {
		if op.Status == codat.PushSuccess && len(op.Changes) > 0 {
			written = append(written, op)
		}
	}
	switch {
	case len(written) == 0, platformOf(step.PlatformKey).dropsReference:
		return "", false, nil
	case open(candidates) && !late(sw, step): // our own, sent twice, may be both
		return "", true, s.Store.Synced(ctx, step.ID, "", patience(sw, step, time.Minute, 30*time.Minute))
	}
	dataTypes := []string{kindOf(step.Kind).dataType}
	for _, op := range written {
		if t := op.Changes[0].RecordRef.DataType; t != "" && !slices.Contains(dataTypes, t) {
			dataTypes = append(dataTypes, t) // Xero makes a directIncome of a negative cost
		}
	}
	if done, err := s.synced(ctx, sw, step, dataTypes...); !done || err != nil {
		return "", !late(sw, step), err
	}
	var mine []codat.PushOperation
	for _, op := range written {
		record, err := s.Codat.Cost(ctx, sw.Company, step.Connection, op.Changes[0].RecordRef)
		if notFound(err) && late(sw, step) { // gone again
			continue
		}
		if notFound(err) { // written since the ledger was read
			return "", true, s.Store.Synced(ctx, step.ID, "", patience(sw, step, time.Minute, 30*time.Minute))
		}
		if err != nil {
			return "", true, err
		}
		if same(step.Body, record) {
			mine = append(mine, op)
		}
	}
	if len(mine) != 1 {
		return "", false, nil
	}
	key = mine[0].PushOperationKey
	return key, true, s.Store.Adopt(ctx, step.ID, key, outcome(mine[0], step.Kind, step.PlatformName, "history"))
}

// resign settles a cost that is none of the candidates for certain: without any it is absent; while one is still open it is looked
// for again; otherwise a person must look.
func (s *Sweeper) resign(ctx context.Context, sw store.Sweep, step store.SweepStep, candidates []codat.PushOperation) error {
	switch {
	case len(candidates) == 0:
		_, err := s.Store.Absent(ctx, step.ID, sw.Now)
		return err
	case open(candidates) && !late(sw, step):
		return s.Store.Synced(ctx, step.ID, "", patience(sw, step, time.Minute, 30*time.Minute))
	}
	return s.Store.GiveUp(ctx, step.ID, known(explain.CauseLostReply, ""))
}

// same reports whether a record of the ledger is what body asked for: reference, total, date and currency are equal.
func same(body []byte, record codat.DirectCostRecord) bool {
	reference, day, currency, total, ok := asked(body)
	if !ok || len(record.IssueDate) < len(day) {
		return false
	}
	booked, err := decimal.Parse(record.TotalAmount.String())
	return err == nil && booked.CmpAbs(total) == 0 && reference == record.Reference &&
		day == string(record.IssueDate[:len(day)]) && currency == record.Currency
}

// lookForRecords looks in the ledger for accounts and suppliers in doubt: Codat is asked to read it, then we read what it has.
// One record of that name or code is the one; several are for a person to choose from; none, twice, a minute apart, means that
// it was never accepted, unless an operation in the history may be it. One whose operation is known may still appear, and is not
// made again.
func (s *Sweeper) lookForRecords(ctx context.Context, sw store.Sweep, steps []store.SweepStep, h history) error {
	read := false
	for _, step := range steps {
		done, err := s.synced(ctx, sw, step, kindOf(step.Kind).dataType)
		if err != nil || !done {
			if err != nil {
				return err
			}
			continue
		}
		if !read {
			if err := s.ReadLedger(ctx, sw.CompanyID); err != nil {
				return err
			}
			read = true
		}
		if err := s.lookForRecord(ctx, sw, step, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) lookForRecord(ctx context.Context, sw store.Sweep, step store.SweepStep, h history) error {
	matches, cause := s.Store.AccountsNamed, explain.CauseAmbiguousAccount // not what a person says the name means: the record itself
	if step.Kind == store.SupplierStep {
		matches, cause = s.Store.SuppliersNamed, explain.CauseAmbiguousSupplier
	}
	found, err := matches(ctx, step.ConnectionID, step.Label)
	if err != nil {
		return err
	}
	if len(found) > 1 && step.Code != nil {
		coded, err := matches(ctx, step.ConnectionID, *step.Code)
		if err != nil {
			return err
		}
		if both := slices.DeleteFunc(coded, func(id string) bool { return !slices.Contains(found, id) }); len(both) == 1 {
			found = both
		}
	}
	switch {
	case len(found) == 1:
		return s.Store.Found(ctx, step.ID, found[0])
	case len(found) > 1:
		return s.Store.NotFound(ctx, step.ID, known(cause, step.Label))
	case step.OperationKey == nil && len(h.candidates(step)) == 0:
		_, err = s.Store.Absent(ctx, step.ID, sw.Now)
		return err
	case step.SentAt != nil && sw.Now.Sub(*step.SentAt) > giveUp:
		return s.Store.NotFound(ctx, step.ID, known(explain.CauseTimedOut, step.Label))
	}
	return s.Store.Synced(ctx, step.ID, "", patience(sw, step, time.Minute, 30*time.Minute))
}
