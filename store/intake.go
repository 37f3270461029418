package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lib/pq"
)

// Intake stores deliveries of many requests at once: whatever waits while one transaction commits shares the next one. There is
// no timer: a request whose turn it is has what waits stored, its own delivery and the others'. One that is alone is stored at once,
// by a plain statement.
type Intake struct {
	store *Store
	turns chan struct{} // held by those who store

	mu      sync.Mutex
	waiting []*waiting
	bytes   int // of the bodies that wait
}

type waiting struct {
	Delivery
	taken bool // somebody stores it
	done  chan error
}

// identity is what copies of a message have in common.
func (w *waiting) identity() string {
	switch {
	case w.DedupeKey != nil:
		return *w.DedupeKey
	case w.WebhookID != nil:
		return *w.WebhookID
	}
	return ""
}

const (
	intakeQueue = 4096     // deliveries that may wait; one more is refused, for its sender to repeat
	intakeBytes = 64 << 20 // and bytes of bodies
	intakeBatch = 256
	batchBytes  = 4 << 20
	batchTime   = 4 * time.Second
	intakeTurns = 2 // so that one batch is gathered while another is written
)

// ErrBusy means that so much waits to be stored that a delivery was not taken.
var ErrBusy = errors.New("too many deliveries wait to be stored")

// NewIntake returns an intake of the store.
func NewIntake(s *Store) *Intake {
	return &Intake{store: s, turns: make(chan struct{}, intakeTurns)}
}

// Record stores a delivery and returns once it is committed, or the deadline of ctx has passed. A repeat, known by webhook id or
// dedupe key, is not stored again, and is no error.
func (in *Intake) Record(ctx context.Context, d Delivery) error {
	w := &waiting{Delivery: d, done: make(chan error, 1)}
	if !in.enter(w) {
		return ErrBusy
	}
	turns := in.turns
	for {
		select {
		case err := <-w.done:
			return err
		case <-ctx.Done():
			in.leave(w)
			return fmt.Errorf("record delivery: %w", ctx.Err())
		case turns <- struct{}{}:
			turns = nil // its turn is over when everybody knows what became of the batch
			go in.storeWaiting(context.WithoutCancel(ctx), w)
		}
	}
}

func (in *Intake) enter(w *waiting) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.waiting) >= intakeQueue || in.bytes+len(w.Body) > intakeBytes {
		return false
	}
	in.waiting = append(in.waiting, w)
	in.bytes += len(w.Body)
	return true
}

func (in *Intake) leave(w *waiting) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !w.taken {
		in.waiting = slices.DeleteFunc(in.waiting, func(other *waiting) bool { return other == w })
		in.bytes -= len(w.Body)
	}
}

// storeWaiting is a turn of the request that w belongs to. A batch has a time of its own: its senders neither cut it off by going
// away, nor wait longer than they want to for a database that hangs.
func (in *Intake) storeWaiting(ctx context.Context, w *waiting) {
	defer func() { <-in.turns }()
	batch := in.take(w)
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	in.commit(ctx, batch)
}

// take takes those who have waited longest, or nobody when w is taken already.
func (in *Intake) take(w *waiting) []*waiting {
	in.mu.Lock()
	defer in.mu.Unlock()
	if w.taken {
		return nil
	}
	n, bytes := 0, 0
	for n < min(len(in.waiting), intakeBatch) && (n == 0 || bytes+len(in.waiting[n].Body) <= batchBytes) {
		bytes += len(in.waiting[n].Body)
		in.waiting[n].taken = true
		n++
	}
	batch := slices.Clone(in.waiting[:n])
	in.waiting = slices.Delete(in.waiting, 0, n)
	in.bytes -= bytes
	return batch
}

// commit stores a batch and tells its requests. When one of several cannot be stored each is tried by itself, so that it does not
// take the others with it.
func (in *Intake) commit(ctx context.Context, batch []*waiting) {
	if len(batch) > 1 {
		err := in.store.recordDeliveries(ctx, batch)
		if err == nil || Unavailable(err) {
			for _, w := range batch {
				w.done <- err
			}
			return
		}
	}
	for _, w := range batch {
		_, err := in.store.RecordDelivery(ctx, w.Delivery)
		w.done <- err
	}
}

// recordDeliveries is RecordDelivery for many: one statement, one commit. Two that store copies of the same messages do so in the
// same order, lest they wait for each other.
func (s *Store) recordDeliveries(ctx context.Context, batch []*waiting) error {
	slices.SortStableFunc(batch, func(a, b *waiting) int { return cmp.Compare(a.identity(), b.identity()) })
	n := len(batch)
	webhookIDs, dedupeKeys := make([]*string, n), make([]*string, n)
	generations, types, companies, connections := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	operations, headers, verdicts, errs := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	bodies := make([][]byte, n)
	for i, w := range batch {
		webhookIDs[i], dedupeKeys[i], generations[i], types[i] = w.WebhookID, w.DedupeKey, w.Generation, w.Type
		companies[i], connections[i], operations[i] = w.Company, w.Connection, w.OperationKey
		headers[i], bodies[i], verdicts[i], errs[i] = string(w.Headers), w.Body, string(w.Verdict), w.Error
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO deliveries (webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body, verdict, error)
		SELECT a, b, c, d, e, f, g, h::jsonb, i, j, k FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::bytea[], $10::text[], $11::text[]) AS r (a, b, c, d, e, f, g, h, i, j, k)
		ON CONFLICT DO NOTHING`,
		pq.Array(webhookIDs), pq.Array(dedupeKeys), pq.Array(generations), pq.Array(types), pq.Array(companies), pq.Array(connections),
		pq.Array(operations), pq.Array(headers), pq.ByteaArray(bodies), pq.Array(verdicts), pq.Array(errs))
	if err != nil {
		return fmt.Errorf("record %d deliveries: %w", n, err)
	}
	return nil
}
