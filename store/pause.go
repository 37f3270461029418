package store

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// SendPause is why nothing is sent for now, for one company or (Company nil) for the whole client.
type SendPause struct {
	CompanyID *int64 `db:"company_id"`
	Company   *string
	Until     time.Time
	Reason    string // rate_limited, unauthorized, payment_required, forbidden
	Since     time.Time
}

// pause sends nothing until at least that long from now. A pause that is there is prolonged, never shortened.
func (tx *Tx) pause(ctx context.Context, p Pause) error {
	var err error
	if p.Company == 0 {
		_, err = tx.ExecContext(ctx, `
			INSERT INTO send_pauses (company_id, until, reason) VALUES (NULL, clock() + make_interval(secs => $1), $2)
			ON CONFLICT ((company_id IS NULL)) WHERE company_id IS NULL
			DO UPDATE SET until = greatest(send_pauses.until, excluded.until), reason = excluded.reason,
				since = CASE WHEN send_pauses.until < clock() - interval '10 min' THEN clock() ELSE send_pauses.since END`, p.For.Seconds(), p.Reason)
	} else {
		_, err = tx.ExecContext(ctx, `
			INSERT INTO send_pauses (company_id, until, reason) VALUES ($3, clock() + make_interval(secs => $1), $2)
			ON CONFLICT (company_id)
			DO UPDATE SET until = greatest(send_pauses.until, excluded.until), reason = excluded.reason,
				since = CASE WHEN send_pauses.until < clock() - interval '10 min' THEN clock() ELSE send_pauses.since END`, p.For.Seconds(), p.Reason, p.Company)
	}
	if err != nil {
		return fmt.Errorf("pause sending: %w", err)
	}
	return nil
}

// Pauses returns the pauses in force.
func (s *Store) Pauses(ctx context.Context) ([]SendPause, error) {
	var ps []SendPause
	err := s.db.SelectContext(ctx, &ps, `SELECT p.company_id, co.name AS company, p.until, p.reason, p.since
		FROM send_pauses p LEFT JOIN companies co ON co.id = p.company_id WHERE p.until > clock() ORDER BY p.company_id NULLS FIRST`)
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	return ps, nil
}

func stringArray(ss []string) pq.StringArray { return pq.StringArray(ss) }

// PauseSending asks all processes to send nothing for a while.
func (s *Store) PauseSending(ctx context.Context, p Pause) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.pause(ctx, p) })
}
