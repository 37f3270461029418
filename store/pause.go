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
	Until     *time.Time // nil where a person paused; past while we probe whether Codat still refuses
	Reason    string     // person, rate_limited, unauthorized, payment_required, forbidden
	By        string     // the email of the person who paused
	Since     time.Time
}

// pause sends nothing until at least that long from now. A pause that is there is prolonged, never shortened.
func (tx *Tx) pause(ctx context.Context, p Pause) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO send_pauses (company_id, by_person, until, reason) VALUES (nullif($3, 0), false, clock() + make_interval(secs => $1), $2)
		ON CONFLICT (company_id, by_person) DO UPDATE SET
			until = greatest(send_pauses.until, excluded.until),
			reason = CASE WHEN send_pauses.until > excluded.until THEN send_pauses.reason ELSE excluded.reason END,
			since = CASE WHEN send_pauses.until < clock() - interval '10 min' THEN clock() ELSE send_pauses.since END`, p.For.Seconds(), p.Reason, p.Company)
	if err != nil {
		return fmt.Errorf("pause sending: %w", err)
	}
	tx.changed(PauseChanged, p.Company)
	return nil
}

// sentAgain ends the pauses that a probe has just outlived.
func (tx *Tx) sentAgain(ctx context.Context, companyID int64) error {
	var ended []int64
	err := tx.SelectContext(ctx, &ended, `DELETE FROM send_pauses WHERE NOT by_person AND until <= clock() AND (company_id IS NULL OR company_id = $1)
		RETURNING coalesce(company_id, 0)`, companyID)
	if err != nil {
		return fmt.Errorf("end pause: %w", err)
	}
	tx.changed(PauseChanged, ended...)
	return nil
}

// inForce chooses the pauses p in force, and those whose end a probe has yet to confirm.
const inForce = `(p.until > clock() OR p.reason NOT IN ('person', 'rate_limited'))`

// Pauses returns the pauses in force, and those whose end a probe has yet to confirm.
func (s *Store) Pauses(ctx context.Context) ([]SendPause, error) {
	var ps []SendPause
	err := s.db.SelectContext(ctx, &ps, `
		SELECT p.company_id, co.name AS company, CASE WHEN NOT p.by_person THEN p.until END AS until, p.reason, coalesce(u.email, '') AS by, p.since
		FROM send_pauses p LEFT JOIN companies co ON co.id = p.company_id LEFT JOIN users u ON u.id = p.user_id
		WHERE `+inForce+` ORDER BY p.company_id NULLS FIRST, p.by_person DESC`)
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	return ps, nil
}

// PauseSending asks all processes to send nothing for a while.
func (s *Store) PauseSending(ctx context.Context, p Pause) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.pause(ctx, p) })
}

// PauseByPerson stops sending until the same or another person resumes it: of one company, or of all (0).
func (s *Store) PauseByPerson(ctx context.Context, by User, companyID int64) error {
	return s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO send_pauses (company_id, by_person, until, reason, user_id)
			VALUES (nullif($1, 0), true, 'infinity', 'person', $2) ON CONFLICT DO NOTHING`, companyID, by.ID)
		if err != nil {
			return fmt.Errorf("pause sending: %w", err)
		}
		return tx.pauseTold(ctx, by, companyID, res, "paused sending")
	})
}

// ResumeByPerson ends a pause that a person made, and probes at once where Codat had refused us.
func (s *Store) ResumeByPerson(ctx context.Context, by User, companyID int64) error {
	return s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM send_pauses WHERE by_person AND company_id IS NOT DISTINCT FROM nullif($1, 0)`, companyID)
		if err != nil {
			return fmt.Errorf("resume sending: %w", err)
		}
		return tx.pauseTold(ctx, by, companyID, res, "resumed sending")
	})
}

// ProbeNow has the next step sent at once that finds out whether Codat still refuses us.
func (s *Store) ProbeNow(ctx context.Context, by User) error {
	return s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE send_pauses SET until = clock() WHERE NOT by_person AND reason <> 'rate_limited' AND until > clock()`)
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE push_steps SET next_try_at = clock()
			WHERE state = 'ready' AND wait_reason IN ('unauthorized', 'payment_required', 'forbidden')`); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		return tx.pauseTold(ctx, by, 0, res, "asked Codat again")
	})
}

func (tx *Tx) pauseTold(ctx context.Context, by User, companyID int64, res interface{ RowsAffected() (int64, error) }, verb string) error {
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.changed(PauseChanged, companyID)
	tx.changed(WorkChanged, 0)
	a := Activity{UserID: &by.ID, Actor: by.Email, Verb: verb, SubjectKind: "sending"}
	if companyID != 0 {
		a.CompanyID, a.SubjectKind, a.SubjectID = &companyID, "company", &companyID
	}
	return tx.Record(ctx, a)
}

func stringArray(ss []string) pq.StringArray { return pq.StringArray(ss) }
