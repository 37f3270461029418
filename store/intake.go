package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/lib/pq"
	"golang.org/x/sync/errgroup"
)

// Intake stores deliveries of many requests at once: whatever waits while one transaction commits shares the next one. There is
// no timer: one that is alone is stored at once, by a plain statement. It needs Run.
type Intake struct {
	store   *Store
	waiting chan *waiting
	stopped chan struct{}
}

type waiting struct {
	Delivery
	done chan error
}

const (
	intakeQueue = 4096 // deliveries that may wait; one more is refused, for its sender to repeat
	intakeBatch = 256
	committers  = 2 // so that one batch is gathered while another is written
)

// ErrBusy means that so much waits to be stored that a delivery was not taken; ErrStopped that nothing is stored any more.
var (
	ErrBusy    = errors.New("too many deliveries wait to be stored")
	ErrStopped = errors.New("deliveries are not stored any more")
)

// NewIntake returns an intake of the store.
func NewIntake(s *Store) *Intake {
	return &Intake{store: s, waiting: make(chan *waiting, intakeQueue), stopped: make(chan struct{})}
}

// Record stores a delivery and returns once it is committed. A repeat, known by webhook id or dedupe key, is not stored again, and
// is no error.
func (in *Intake) Record(ctx context.Context, d Delivery) error {
	w := &waiting{Delivery: d, done: make(chan error, 1)}
	select {
	case in.waiting <- w:
	default:
		return ErrBusy
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("record delivery: %w", ctx.Err())
	case <-in.stopped:
		select {
		case err := <-w.done: // it was in the last batch
			return err
		default:
			return ErrStopped
		}
	}
}

// Run stores what waits until ctx ends.
func (in *Intake) Run(ctx context.Context) error {
	defer close(in.stopped)
	var parts errgroup.Group
	for range committers {
		parts.Go(func() error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case w := <-in.waiting:
					in.commit(context.WithoutCancel(ctx), in.gather(w))
				}
			}
		})
	}
	return parts.Wait()
}

// gather takes what waits behind first.
func (in *Intake) gather(first *waiting) []*waiting {
	batch := []*waiting{first}
	for len(batch) < intakeBatch {
		select {
		case w := <-in.waiting:
			batch = append(batch, w)
		default:
			return batch
		}
	}
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

// recordDeliveries is RecordDelivery for many: one statement, one commit.
func (s *Store) recordDeliveries(ctx context.Context, batch []*waiting) error {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
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
