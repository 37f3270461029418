package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Sweep is what must be asked of Codat about one company: operations that are overdue, steps in doubt to be looked for, and
// readings of the ledger to be waited for. While it is held no other process reads from Codat about this company.
type Sweep struct {
	CompanyID int64
	Company   string // Codat's company id
	Now       time.Time
	Steps     []SweepStep
}

// SweepStep is one step of a Sweep.
type SweepStep struct {
	ID           int64
	Kind         StepKind
	State        StepState
	Label        string
	Code         *string
	Doubt        bool
	ConnectionID int64      `db:"connection_id"`
	Connection   string     // Codat's connection id
	PlatformName string     `db:"platform_name"`
	PlatformKey  string     `db:"platform_key"`
	OperationKey *string    `db:"operation_key"`
	FirstSentAt  *time.Time `db:"first_sent_at"`
	SentAt       *time.Time `db:"sent_at"`
	SyncID       *string    `db:"sync_id"`
	AbsentAt     *time.Time `db:"absent_at"`
	Asked        int
	WaitReason   string `db:"wait_reason"`
	Body         []byte
}

// quotaLow is true when so little of the day's requests is left that they are kept for pushes. What a webhook told is still asked for.
const quotaLow = `EXISTS (SELECT 1 FROM codat_quota WHERE remaining < day_limit / 10 AND read_at > clock() - interval '1 day' AND (reset_at IS NULL OR reset_at > clock()))`

// readLease is how long one process may read about a company before another one takes over.
const readLease = 2 * time.Minute

// ClaimSweep hands out a company about which something is due to be asked, or ErrNotFound. Each of its steps is put off, ever
// further the longer it has been waiting. End it with EndReading.
func (s *Store) ClaimSweep(ctx context.Context) (Sweep, error) {
	var sw Sweep
	err := s.InTx(ctx, func(tx *Tx) error {
		sw = Sweep{}
		err := tx.QueryRowContext(ctx, `
			WITH due AS (
				SELECT c.id FROM (
					SELECT company_id, min(ask_at) AS at FROM push_steps WHERE ask_at <= clock() AND (asked = 0 OR NOT `+quotaLow+`) GROUP BY company_id) d
					JOIN companies c ON c.id = d.company_id
				WHERE NOT c.example AND c.deleted_at IS NULL AND (c.reading_until IS NULL OR c.reading_until < clock())
					AND NOT EXISTS (SELECT 1 FROM send_pauses p WHERE NOT p.by_person AND p.until > clock() AND (p.company_id IS NULL OR p.company_id = c.id))
				ORDER BY d.at LIMIT 1 FOR UPDATE OF c SKIP LOCKED)
			UPDATE companies c SET reading_until = clock() + make_interval(secs => $1) FROM due WHERE c.id = due.id
			RETURNING c.id, c.codat_id, clock()`, readLease.Seconds()).Scan(&sw.CompanyID, &sw.Company, &sw.Now)
		if err != nil {
			return fmt.Errorf("claim sweep: %w", err)
		}
		err = tx.SelectContext(ctx, &sw.Steps, `
			WITH due AS (
				SELECT id FROM push_steps WHERE company_id = $1 AND ask_at <= clock() + interval '10 s' ORDER BY ask_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
			asked AS (
				UPDATE push_steps s SET asked = asked + 1, ask_at = clock() + least(
						greatest((clock() - coalesce(s.sent_at, s.created_at)) / 2, interval '1 min'),
						CASE WHEN coalesce(s.sent_at, s.created_at) > clock() - interval '2 h' THEN interval '8 min'
							WHEN coalesce(s.sent_at, s.created_at) > clock() - interval '1 day' THEN interval '30 min' ELSE interval '6 h' END)
				FROM due WHERE s.id = due.id RETURNING s.*)
			SELECT s.id, s.kind, s.state, s.label, s.code, s.doubt, s.connection_id, cn.codat_id AS connection, cn.platform_name, cn.platform_key,
				s.operation_key, s.first_sent_at, s.sent_at, s.sync_id, s.absent_at, s.asked, s.wait_reason, s.body
			FROM asked s JOIN connections cn ON cn.id = s.connection_id ORDER BY s.id`, sw.CompanyID)
		if err != nil {
			return fmt.Errorf("claim sweep of company %d: %w", sw.CompanyID, err)
		}
		return nil
	})
	return sw, err
}

// BeginReading takes the right to read about a company from Codat, and reports whether it was free.
func (s *Store) BeginReading(ctx context.Context, companyID int64) (bool, error) {
	res, err := s.db.ExecContext(ctx, `UPDATE companies SET reading_until = clock() + make_interval(secs => $2)
		WHERE id = $1 AND (reading_until IS NULL OR reading_until < clock())`, companyID, readLease.Seconds())
	if err != nil {
		return false, fmt.Errorf("begin reading: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// EndReading gives the right to read about a company back.
func (s *Store) EndReading(ctx context.Context, companyID int64) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE companies SET reading_until = NULL WHERE id = $1`, companyID); err != nil {
		return fmt.Errorf("end reading: %w", err)
	}
	return nil
}

// NextAsk is how long until something is due to be asked, at most limit. Nothing is asked about a deleted company.
func (s *Store) NextAsk(ctx context.Context, limit time.Duration) (time.Duration, error) {
	var secs float64
	err := s.db.GetContext(ctx, &secs, `SELECT coalesce((
		SELECT extract(epoch FROM s.ask_at - clock()) FROM push_steps s JOIN companies c ON c.id = s.company_id
		WHERE s.ask_at IS NOT NULL AND c.deleted_at IS NULL ORDER BY s.ask_at LIMIT 1), $1)::float8`, limit.Seconds())
	if err != nil {
		return limit, fmt.Errorf("find what is due to be asked: %w", err)
	}
	return min(limit, max(0, time.Duration(secs*float64(time.Second)))), nil
}

// LookForSpent has every step looked for at Codat that is in doubt and whose key is too old to be sent again. One that its process
// gave up before sending it is ready again.
func (s *Store) LookForSpent(ctx context.Context) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var ids []int64
		err := tx.SelectContext(ctx, &ids, `UPDATE push_steps SET state = 'ready', lease = NULL, lease_until = NULL
			WHERE state = 'sending' AND lease_until < clock() AND key_sent_at IS NULL RETURNING id`)
		if err != nil {
			return fmt.Errorf("free unsent steps: %w", err)
		}
		for _, id := range ids {
			if err := tx.holdIfDown(ctx, id); err != nil {
				return err
			}
		}
		ids = nil
		err = tx.SelectContext(ctx, &ids, `SELECT id FROM push_steps s
			WHERE (s.state = 'ready' AND s.doubt OR s.state = 'sending' AND s.lease_until < clock()) AND `+keySpent+` FOR UPDATE SKIP LOCKED`)
		if err != nil {
			return fmt.Errorf("find spent keys: %w", err)
		}
		for _, id := range ids {
			if err := tx.lookFor(ctx, id, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// lookFor has a step in doubt looked for at Codat: a cost in its history, an account or supplier in the ledger; not before a
// minute after the last send. With a lease it does so only while that holds.
func (tx *Tx) lookFor(ctx context.Context, stepID int64, lease *uuid.UUID) error {
	var id int64
	err := tx.GetContext(ctx, &id, `
		UPDATE push_steps SET state = 'looking', doubt = true, lease = NULL, lease_until = NULL, settled_at = NULL, wait_reason = '', asked = 0,
			sync_id = NULL, absent_at = NULL, ask_at = greatest(clock(), sent_at + interval '60 s')
		WHERE id = $1 AND ($2::uuid IS NULL OR lease = $2 AND state = 'sending') RETURNING id`, stepID, lease)
	if errors.Is(err, ErrNotFound) {
		return ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("look for step: %w", err)
	}
	tx.changed(WorkChanged, 0)
	return tx.expensesChanged(ctx, stepID)
}

// ask has a step's operation read from Codat now.
func (tx *Tx) ask(ctx context.Context, stepID int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = clock(), asked = 0 WHERE id = $1 AND operation_key IS NOT NULL`, stepID); err != nil {
		return fmt.Errorf("ask for operation: %w", err)
	}
	tx.changed(WorkChanged, 0)
	return tx.expensesChanged(ctx, stepID)
}

// Answered applies what a reading of a step's operation said. A step that is not final is asked for again later.
func (s *Store) Answered(ctx context.Context, stepID int64, o Outcome) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.FinishStep(ctx, stepID, o); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = NULL
			WHERE id = $1 AND (state = 'success' OR state IN ('failed', 'withdrawn') AND $2 IN ('Success', 'Failed'))`, stepID, o.Status)
		if err != nil {
			return fmt.Errorf("end question: %w", err)
		}
		if o.Status == OutcomeSuccess && o.RecordID == "" {
			return tx.receiptsReady(ctx, stepID)
		}
		return nil
	})
}

// ClaimedOperations returns those of the operation keys that a step of ours holds, with the step's id.
func (s *Store) ClaimedOperations(ctx context.Context, keys []string) (map[string]int64, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT operation_key, id FROM push_steps WHERE operation_key = ANY($1)`, stringArray(keys))
	if err != nil {
		return nil, fmt.Errorf("look for claimed operations: %w", err)
	}
	defer rows.Close()
	claimed := map[string]int64{}
	for rows.Next() {
		var key string
		var id int64
		if err := rows.Scan(&key, &id); err != nil {
			return nil, fmt.Errorf("look for claimed operations: %w", err)
		}
		claimed[key] = id
	}
	return claimed, rows.Err()
}

// Adopt gives a step that was looked for the operation it turned out to be.
func (s *Store) Adopt(ctx context.Context, stepID int64, key string, o Outcome) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockOperations(ctx, []string{key}); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE push_steps SET operation_key = $2 WHERE id = $1 AND operation_key IS NULL AND state = 'looking'`, stepID, key)
		if err != nil {
			return fmt.Errorf("adopt operation: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if err := tx.wakeDeliveries(ctx, key); err != nil {
			return err
		}
		_, err = tx.FinishStep(ctx, stepID, o)
		return err
	})
}

// Found finishes an account or supplier step that was looked for with the record that turned out to be it.
func (s *Store) Found(ctx context.Context, stepID int64, recordID string) error {
	return s.stillLooking(ctx, stepID, func(tx *Tx) error {
		_, err := tx.FinishStep(ctx, stepID, Outcome{Status: OutcomeSuccess, RecordID: recordID, Source: "history"})
		return err
	})
}

// NotFound ends a look for an account or supplier: it failed with f.
func (s *Store) NotFound(ctx context.Context, stepID int64, f Failure) error {
	return s.stillLooking(ctx, stepID, func(tx *Tx) error {
		_, err := tx.FinishStep(ctx, stepID, Outcome{Status: OutcomeFailed, Failure: f, Source: "history"})
		return err
	})
}

func (s *Store) stillLooking(ctx context.Context, stepID int64, fn func(tx *Tx) error) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var state StepState
		if err := tx.GetContext(ctx, &state, `SELECT state FROM push_steps WHERE id = $1 FOR UPDATE`, stepID); err != nil {
			return fmt.Errorf("read step %d: %w", stepID, err)
		}
		if state != StepLooking {
			return nil
		}
		return fn(tx)
	})
}

// Synced notes, for a step that is looked for or waits for it, the reading of the ledger that Codat was asked for ("" = none any
// more), and when to come back. A cost for which the ledger is read is not absent: something may be it.
func (s *Store) Synced(ctx context.Context, stepID int64, syncID string, back time.Duration) error {
	_, err := s.db.ExecContext(ctx, `UPDATE push_steps SET sync_id = nullif($2, ''), ask_at = clock() + make_interval(secs => $3),
			absent_at = CASE WHEN kind <> 'directCost' THEN absent_at END
		WHERE id = $1 AND (state = 'looking' OR wait_reason = 'ledger_sync')`, stepID, syncID, back.Seconds())
	if err != nil {
		return fmt.Errorf("note ledger sync: %w", err)
	}
	return nil
}

// LedgerSynced sends a step on that waited for the ledger to be read.
func (s *Store) LedgerSynced(ctx context.Context, stepID int64) error {
	return s.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE push_steps SET next_try_at = clock(), wait_reason = '', sync_id = NULL, ask_at = NULL
			WHERE id = $1 AND state = 'ready' AND wait_reason = 'ledger_sync'`, stepID)
		if err != nil {
			return fmt.Errorf("send on after ledger sync: %w", err)
		}
		tx.changed(WorkChanged, 0)
		return nil
	})
}

// absentApart is how far two readings must be apart, and the first one from the last send, before what neither found was
// never accepted.
const absentApart = 60 * time.Second

// Absent notes that a reading did not find a step that is looked for, nor anything that might be it. The second such reading, a
// minute after the first, proves that it was never accepted: it is sent again, under a new key. It reports whether it is.
func (s *Store) Absent(ctx context.Context, stepID int64, read time.Time) (bool, error) {
	var again bool
	err := s.stillLooking(ctx, stepID, func(tx *Tx) error {
		err := tx.GetContext(ctx, &again, `
			UPDATE push_steps SET
				absent_at = CASE WHEN $2::timestamptz >= sent_at + make_interval(secs => $3) THEN least(absent_at, $2::timestamptz) END,
				sync_id = NULL, ask_at = clock() + make_interval(secs => $3)
			WHERE id = $1 RETURNING coalesce(absent_at <= $2::timestamptz - make_interval(secs => $3), false)`, stepID, read, absentApart.Seconds())
		if err != nil || !again {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE push_steps SET state = 'ready', doubt = false, idempotency_key = gen_random_uuid(), key_sent_at = NULL, absent_at = NULL,
				ask_at = NULL, asked = 0, next_try_at = clock() WHERE id = $1`, stepID)
		if err != nil {
			return err
		}
		tx.changed(WorkChanged, 0)
		if err := tx.holdIfDown(ctx, stepID); err != nil {
			return err
		}
		return tx.expensesChanged(ctx, stepID)
	})
	if err != nil {
		return false, fmt.Errorf("note absence of step: %w", err)
	}
	return again, nil
}

// GiveUp ends a look for a cost that nobody but a person can find: it needs checking.
func (s *Store) GiveUp(ctx context.Context, stepID int64, f Failure) error {
	return s.stillLooking(ctx, stepID, func(tx *Tx) error { return tx.giveUp(ctx, stepID, f) })
}

// OperationLost ends the following of an operation that Codat does not know any more: a cost needs checking, an account or supplier is
// looked for by its name.
func (s *Store) OperationLost(ctx context.Context, stepID int64, f Failure) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var step settledStep
		if err := tx.GetContext(ctx, &step, `SELECT `+settledColumns+` FROM push_steps WHERE id = $1 FOR UPDATE`, stepID); err != nil {
			return fmt.Errorf("read step %d: %w", stepID, err)
		}
		switch {
		case step.State != StepPending:
			if _, err := tx.ExecContext(ctx, `UPDATE push_steps SET ask_at = NULL WHERE id = $1 AND state <> 'looking'`, stepID); err != nil {
				return err
			}
			return tx.receiptsReady(ctx, stepID)
		case step.Kind == DirectCostStep:
			return tx.giveUp(ctx, stepID, f)
		}
		return tx.lookFor(ctx, stepID, nil)
	})
}

func (tx *Tx) giveUp(ctx context.Context, stepID int64, f Failure) error {
	var step settledStep
	err := tx.GetContext(ctx, &step, `
		UPDATE push_steps SET state = 'needs_checking', settled_at = clock(), lease = NULL, lease_until = NULL, error = $2::jsonb, wait_reason = '',
			sync_id = NULL, absent_at = NULL, ask_at = CASE WHEN kind = 'attachment' AND operation_key IS NOT NULL THEN clock() + interval '8 min' END
		WHERE id = $1 RETURNING `+settledColumns, stepID, jsonOrNull(f.Fact))
	if err != nil {
		return fmt.Errorf("give up step: %w", err)
	}
	return tx.settled(ctx, step, f)
}

// ForeignOperation is a write in a company's history that nobody here sent.
type ForeignOperation struct {
	OperationKey string     `db:"operation_key" json:"operation_key"`
	Connection   string     `json:"connection"`
	DataType     string     `db:"data_type" json:"data_type"`
	Status       string     `json:"status"`
	RecordID     string     `db:"record_id" json:"record_id"`
	RequestedAt  *time.Time `db:"requested_at" json:"requested_at"`
	SeenAt       time.Time  `db:"seen_at" json:"-"`
}

// SawForeign keeps operations that no step of ours holds, for a person to look at.
func (s *Store) SawForeign(ctx context.Context, companyID int64, ops []ForeignOperation) error {
	if len(ops) == 0 {
		return nil
	}
	j, err := json.Marshal(ops)
	if err != nil {
		return fmt.Errorf("keep foreign operations: %w", err)
	}
	return s.InTx(ctx, func(tx *Tx) error {
		var fresh []bool
		err := tx.SelectContext(ctx, &fresh, `
			INSERT INTO foreign_operations (company_id, operation_key, connection, data_type, status, record_id, requested_at)
			SELECT $1::bigint, r.* FROM jsonb_to_recordset($2) AS r (operation_key text, connection text, data_type text, status text, record_id text, requested_at timestamptz)
			WHERE NOT EXISTS (SELECT 1 FROM push_steps s WHERE s.operation_key = r.operation_key)
			ON CONFLICT (operation_key) DO UPDATE SET status = excluded.status, record_id = excluded.record_id
			RETURNING xmax = 0`, companyID, string(j))
		if err != nil {
			return fmt.Errorf("keep foreign operations: %w", err)
		}
		if slices.Contains(fresh, true) {
			tx.changed(NoticeChanged, 0)
		}
		return nil
	})
}

// ForeignOperations returns what was seen of a company (0 = of all) and not dismissed, but for what turned out to be ours.
func (s *Store) ForeignOperations(ctx context.Context, companyID int64) ([]ForeignOperation, error) {
	var ops []ForeignOperation
	err := s.db.SelectContext(ctx, &ops, `
		SELECT operation_key, connection, data_type, status, record_id, requested_at, seen_at FROM foreign_operations f
		WHERE ($1 = 0 OR company_id = $1) AND dismissed_at IS NULL AND NOT EXISTS (SELECT 1 FROM push_steps s WHERE s.operation_key = f.operation_key)
		ORDER BY requested_at DESC NULLS LAST LIMIT 100`, companyID)
	if err != nil {
		return nil, fmt.Errorf("list foreign operations: %w", err)
	}
	return ops, nil
}

// ForeignCount is how many foreign operations of a company nobody has looked at.
type ForeignCount struct {
	CompanyID int64 `db:"company_id"`
	Company   string
	Count     int
}

// ForeignCounts counts what ForeignOperations returns, for each company that has any, or for one (0 = all).
func (s *Store) ForeignCounts(ctx context.Context, companyID int64) ([]ForeignCount, error) {
	var cs []ForeignCount
	err := s.db.SelectContext(ctx, &cs, `
		SELECT f.company_id, co.name AS company, count(*) FROM foreign_operations f JOIN companies co ON co.id = f.company_id
		WHERE ($1 = 0 OR f.company_id = $1) AND f.dismissed_at IS NULL AND NOT EXISTS (SELECT 1 FROM push_steps s WHERE s.operation_key = f.operation_key)
		GROUP BY f.company_id, co.name ORDER BY lower(co.name), f.company_id`, companyID)
	if err != nil {
		return nil, fmt.Errorf("count foreign operations: %w", err)
	}
	return cs, nil
}

// DismissForeign says that a person has looked at the foreign operations of a company that were seen until then.
func (s *Store) DismissForeign(ctx context.Context, by User, companyID int64, until time.Time) error {
	return s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE foreign_operations SET dismissed_at = clock(), dismissed_by = $2
			WHERE company_id = $1 AND dismissed_at IS NULL AND seen_at <= $3`, companyID, by.ID, until)
		if err != nil {
			return fmt.Errorf("dismiss foreign operations: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		tx.changed(NoticeChanged, 0)
		return tx.Record(ctx, Activity{CompanyID: &companyID, UserID: &by.ID, Actor: by.Email, Verb: "looked at the writes of others", SubjectKind: "company", SubjectID: &companyID})
	})
}
