package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// CheckReason is why a connection is checked.
type CheckReason string

const (
	CheckForPerson CheckReason = "person" // somebody asked
	CheckQuiet     CheckReason = "quiet"  // nothing has gone through it for a day
	CheckForBulk   CheckReason = "bulk"   // nothing has for a day, and many expenses are to
	CheckAfterPush CheckReason = "push"   // a push failed, for want of access
)

// CheckResult is how a check ended.
type CheckResult string

const (
	CheckProven     CheckResult = "proven"     // Codat has read from the ledger
	CheckDown       CheckResult = "down"       // the connection is not Linked: its status says why
	CheckFailed     CheckResult = "failed"     // Codat could not read from the ledger, and has not given the connection up
	CheckUnanswered CheckResult = "unanswered" // nobody could tell in time
	CheckUnasked    CheckResult = "unasked"    // Codat could not be asked to read from the ledger
)

// CheckFor is how long a check is followed at the most.
const CheckFor = 10 * time.Minute

// Check is a check of a connection that is to be moved on. While it is held no other process reads from Codat about the company; end
// it with EndReading.
type Check struct {
	ConnectionID int64     `db:"connection_id"`
	Connection   string    // Codat's connection id
	CompanyID    int64     `db:"company_id"`
	Company      string    // Codat's company id
	Status       string    // of the connection
	Since        time.Time // the check began
	Queued       bool      // Codat reads from the ledger
	SyncID       string    `db:"check_sync_id"` // Codat's id of that reading, "" when it gave none
	Said         string    `db:"check_said"`    // why Codat could not be asked last, in its words
	Unsynced     bool      // Codat has read nothing through the connection yet, as far as it told
	Asked        int       // how often this check was moved on before
	Now          time.Time
}

// CheckConnection has a connection checked because a person asked, and reports whether a check begins: there may be one already, or
// the connection is gone.
func (s *Store) CheckConnection(ctx context.Context, by User, id int64) (begun bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		ids, err := tx.beginChecks(ctx, CheckForPerson, []int64{id})
		if begun = len(ids) > 0; err != nil || !begun {
			return err
		}
		var c Connection
		if err := tx.GetContext(ctx, &c, `SELECT `+connectionColumns+` FROM connections WHERE id = $1`, id); err != nil {
			return fmt.Errorf("read connection %d: %w", id, err)
		}
		return tx.Record(ctx, Activity{CompanyID: &c.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: "had a connection checked", SubjectKind: "connection",
			SubjectID: &id, Subject: c.PlatformName})
	})
	return begun, err
}

// manyExpenses are so many of one connection that it is worth to know first whether it works.
const manyExpenses = 4

// askedFirst is a connection through which nothing is sent, because it is asked first whether it works; cn is its alias.
const askedFirst = `coalesce(cn.check_reason = 'bulk' AND cn.checking_since > clock() - interval '2 min', false)`

// CheckBeforePush has the connections checked that many of the expenses go through, where nothing has for a day. Nothing is sent
// through them meanwhile, for two minutes at most: hundreds would fail one by one.
func (tx *Tx) CheckBeforePush(ctx context.Context, expenseIDs []int64) error {
	if len(expenseIDs) < manyExpenses {
		return nil
	}
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		SELECT cn.id FROM expenses e JOIN pushes p ON p.id = e.push_id JOIN connections cn ON cn.id = p.connection_id
		WHERE e.id = ANY($1) AND `+stale+` GROUP BY cn.id HAVING count(*) >= $2`, int64s(expenseIDs), manyExpenses)
	if err != nil {
		return fmt.Errorf("find unproven connections: %w", err)
	}
	_, err = tx.beginChecks(ctx, CheckForBulk, ids)
	return err
}

const (
	quietAtOnce = 5       // checks of quiet connections that are under way together, over all processes
	quietLock   = 7242008 // one process at a time counts them
)

// unsynced is a connection of which Codat has not told within a minute that it reads the books behind it, as it does of itself when one is
// linked, unless it is set not to; cn is the connection's alias.
const unsynced = `(cn.status = 'Linked' AND cn.deleted_at IS NULL AND cn.last_sync_at IS NULL AND cn.check_result <> 'proven'
	AND cn.changed_at < clock() - interval '1 min')`

// CheckQuiet has connections checked that nothing has gone through for a day, or nothing yet: a few at a time, one of a company, the quietest first,
// and none while Codat has us wait or little of the day's quota is left. One whose check proved nothing is left alone for six hours.
func (s *Store) CheckQuiet(ctx context.Context) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var free bool
		if err := tx.GetContext(ctx, &free, `SELECT pg_try_advisory_xact_lock($1)`, quietLock); err != nil || !free {
			return err
		}
		var ids []int64
		err := tx.SelectContext(ctx, &ids, `
			WITH quiet AS (
				SELECT DISTINCT ON (cn.company_id) cn.id, greatest(cn.proven_at, cn.changed_at) AS at
				FROM connections cn JOIN companies co ON co.id = cn.company_id
				WHERE (`+stale+` OR `+unsynced+`) AND cn.checking_since IS NULL AND cn.source_type IN ('Accounting', '') AND co.deleted_at IS NULL AND NOT co.example
					AND (cn.checked_at IS NULL OR cn.checked_at < clock() - interval '6 h')
					AND NOT EXISTS (SELECT 1 FROM send_pauses p WHERE NOT p.by_person AND p.until > clock() AND (p.company_id IS NULL OR p.company_id = co.id))
					AND NOT `+quotaLow+`
				ORDER BY cn.company_id, at)
			SELECT id FROM quiet ORDER BY at, id
			LIMIT greatest(0, $1 - (SELECT count(*) FROM connections WHERE checking_since IS NOT NULL AND check_reason = 'quiet'))`, quietAtOnce)
		if err != nil {
			return fmt.Errorf("find quiet connections: %w", err)
		}
		_, err = tx.beginChecks(ctx, CheckQuiet, ids)
		return err
	})
}

// checkAfterPush has a connection checked through which a push failed for want of access, and adds that to its history. One that was
// checked in the last minutes is not checked again for every push that fails.
func (tx *Tx) checkAfterPush(ctx context.Context, connectionID int64, f Failure) error {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `SELECT id FROM connections
		WHERE id = $1 AND status = 'Linked' AND (checked_at IS NULL OR checked_at < clock() - interval '5 min')`, connectionID)
	if err != nil {
		return fmt.Errorf("look at the connection of a failed push: %w", err)
	}
	begun, err := tx.beginChecks(ctx, CheckAfterPush, ids)
	if err != nil || len(begun) == 0 {
		return err
	}
	var fact struct {
		ErrorMessage string
		Problems     []struct{ Message string }
	}
	_ = json.Unmarshal(f.Fact, &fact) // what cannot be read is left out
	if fact.ErrorMessage == "" && len(fact.Problems) > 0 {
		fact.ErrorMessage = fact.Problems[0].Message
	}
	return tx.pushFailed(ctx, connectionID, fact.ErrorMessage)
}

// beginChecks begins a check of those connections that none is under way of, and returns which they are.
func (tx *Tx) beginChecks(ctx context.Context, why CheckReason, ids []int64) (begun []int64, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = tx.SelectContext(ctx, &begun, `
		UPDATE connections SET checking_since = clock(), check_next_at = clock(), check_asked = 0, check_queued = false, check_sync_id = '', check_said = '', check_reason = $2
		WHERE id IN (
			SELECT cn.id FROM connections cn JOIN companies co ON co.id = cn.company_id
			WHERE cn.id = ANY($1) AND cn.checking_since IS NULL AND cn.deleted_at IS NULL AND co.deleted_at IS NULL AND NOT co.example
			ORDER BY cn.id FOR UPDATE OF cn)
		RETURNING id`, int64s(ids), why)
	if err != nil {
		return nil, fmt.Errorf("begin checks: %w", err)
	}
	tx.changed(ConnectionChanged, begun...)
	if len(begun) > 0 {
		tx.changed(CheckChanged, 0)
	}
	return begun, nil
}

// ClaimCheck hands out a check that is due to be moved on, or ErrNotFound. While Codat has us wait only those are due that are to be
// given up. It is due again after the lease, when its process dies.
func (s *Store) ClaimCheck(ctx context.Context) (Check, error) {
	var c Check
	err := s.db.GetContext(ctx, &c, `
		WITH due AS (
			SELECT cn.id, co.id AS company_id, co.codat_id AS company FROM connections cn JOIN companies co ON co.id = cn.company_id
			WHERE cn.check_next_at <= clock() AND co.deleted_at IS NULL AND (co.reading_until IS NULL OR co.reading_until < clock())
				AND (cn.checking_since <= clock() - make_interval(secs => $2) OR NOT EXISTS (
					SELECT 1 FROM send_pauses p WHERE NOT p.by_person AND p.until > clock() AND (p.company_id IS NULL OR p.company_id = co.id)))
			ORDER BY cn.check_next_at LIMIT 1 FOR NO KEY UPDATE OF co, cn SKIP LOCKED),
		reading AS (UPDATE companies c SET reading_until = clock() + make_interval(secs => $1) FROM due WHERE c.id = due.company_id)
		UPDATE connections cn SET check_next_at = clock() + make_interval(secs => $1), check_asked = check_asked + 1 FROM due WHERE cn.id = due.id
		RETURNING cn.id AS connection_id, cn.codat_id AS connection, due.company_id, due.company, cn.status, cn.checking_since AS since,
			cn.check_queued AS queued, cn.check_sync_id, cn.check_said, cn.last_sync_at IS NULL AS unsynced, cn.check_asked - 1 AS asked, clock() AS now`, readLease.Seconds(), CheckFor.Seconds())
	if err != nil {
		return c, fmt.Errorf("claim check: %w", err)
	}
	return c, nil
}

// NextCheck is how long until a check is due to be moved on, at most limit.
func (s *Store) NextCheck(ctx context.Context, limit time.Duration) (time.Duration, error) {
	var secs float64
	err := s.db.GetContext(ctx, &secs, `SELECT coalesce(extract(epoch FROM min(check_next_at) - clock()), $1)::float8 FROM connections
		WHERE check_next_at IS NOT NULL`, limit.Seconds())
	if err != nil {
		return limit, fmt.Errorf("find checks: %w", err)
	}
	return min(limit, max(0, time.Duration(secs*float64(time.Second)))), nil
}

// FollowCheck says when a check that has not ended is moved on next, and what is known of Codat's reading by now.
func (s *Store) FollowCheck(ctx context.Context, c Check, back time.Duration) error {
	_, err := s.db.ExecContext(ctx, `UPDATE connections SET check_queued = $3, check_sync_id = $4, check_next_at = clock() + make_interval(secs => $5), check_said = $6
		WHERE id = $1 AND checking_since = $2`, c.ConnectionID, c.Since, c.Queued, c.SyncID, back.Seconds(), clipText(c.Said, 500))
	if err != nil {
		return fmt.Errorf("follow check of connection %d: %w", c.ConnectionID, err)
	}
	return nil
}

// EndCheck ends a check that has not ended otherwise.
func (s *Store) EndCheck(ctx context.Context, c Check, r CheckResult, said string) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var still int64
		err := tx.GetContext(ctx, &still, `SELECT id FROM connections WHERE id = $1 AND checking_since = $2 FOR UPDATE`, c.ConnectionID, c.Since)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("end check of connection %d: %w", c.ConnectionID, err)
		}
		return tx.endChecks(ctx, []int64{c.ConnectionID}, r, said)
	})
}

// endChecks ends the checks of those connections that are checked. One that is proven was reached just now.
func (tx *Tx) endChecks(ctx context.Context, ids []int64, r CheckResult, said string) error {
	var ended []int64
	err := tx.SelectContext(ctx, &ended, `
		UPDATE connections SET checking_since = NULL, check_next_at = NULL, check_queued = false, check_sync_id = '', checked_at = clock(),
			check_result = $2, check_said = $3, proven_at = CASE WHEN $2 = 'proven' THEN clock() ELSE proven_at END
		WHERE id = ANY($1) AND checking_since IS NOT NULL RETURNING id`, int64s(ids), r, clipText(said, 500))
	if err != nil {
		return fmt.Errorf("end checks: %w", err)
	}
	if len(ended) == 0 {
		return nil
	}
	var heldBack []int64
	err = tx.SelectContext(ctx, &heldBack, `
		SELECT e.id FROM connections cn JOIN pushes p ON p.connection_id = cn.id AND p.state = 'open' JOIN expenses e ON e.push_id = p.id
		WHERE cn.id = ANY($1) AND cn.check_reason = 'bulk' AND e.status = 'in_progress'`, int64s(ended))
	if err != nil {
		return fmt.Errorf("find what was held back for a check: %w", err)
	}
	tx.changed(ConnectionChanged, ended...)
	tx.changed(ExpenseChanged, heldBack...)
	tx.changed(WorkChanged, 0)
	return nil
}

// answerCheck ends the check of a connection that its own row answers.
func (tx *Tx) answerCheck(ctx context.Context, c Connection) error {
	switch {
	case c.CheckingSince == nil:
		return nil
	case c.Status != Linked || c.DeletedAt != nil:
		return tx.endChecks(ctx, []int64{c.ID}, CheckDown, troubleOf(c.Errors))
	case c.LastSyncAt != nil && !c.LastSyncAt.Before(*c.CheckingSince):
		return tx.endChecks(ctx, []int64{c.ID}, CheckProven, "")
	}
	return nil
}

// ConnectionRead notes that Codat has read from the ledger through a connection, as of that time, and ends a check that waits for it.
// It reports whether that was news.
func (tx *Tx) ConnectionRead(ctx context.Context, codatID string, at time.Time) (bool, error) {
	var c struct {
		ID       int64
		Answers  bool
		WasStale bool `db:"was_stale"`
	}
	err := tx.GetContext(ctx, &c, `
		WITH was AS (SELECT cn.id, `+stale+` AS stale FROM connections cn WHERE codat_id = $1 FOR UPDATE)
		UPDATE connections cn SET proven_at = greatest(proven_at, least($2, clock())) FROM was
		WHERE cn.id = was.id AND cn.deleted_at IS NULL AND (cn.proven_at IS NULL OR cn.proven_at < least($2, clock()) - interval '5 s' OR cn.checking_since IS NOT NULL)
		RETURNING cn.id, was.stale AS was_stale, coalesce($2 > cn.checking_since - interval '1 min', false) AS answers`, codatID, at)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("note that connection %q was read from: %w", codatID, err)
	}
	if c.WasStale {
		tx.changed(ConnectionChanged, c.ID)
	}
	if !c.Answers {
		return true, nil
	}
	return true, tx.endChecks(ctx, []int64{c.ID}, CheckProven, "")
}

// ConnectionShut has a check moved on at once that is under way of a connection of which Codat said that it was not let in.
func (tx *Tx) ConnectionShut(ctx context.Context, codatID string) error {
	res, err := tx.ExecContext(ctx, `UPDATE connections SET check_next_at = clock() WHERE codat_id = $1 AND checking_since IS NOT NULL`, codatID)
	if err != nil {
		return fmt.Errorf("move check of connection %q on: %w", codatID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.changed(CheckChanged, 0)
	return nil
}

// connectionsProven notes that Codat has just written into the ledgers through the connections of these steps. A few seconds more or
// less do not matter: who proves one would have to wait for all the others who do. A check goes on: the write may be older than it.
func (tx *Tx) connectionsProven(ctx context.Context, steps []finishing) error {
	ids := make([]int64, len(steps))
	for i, s := range steps {
		ids[i] = s.ConnectionID
	}
	var proven []int64 // that were stale
	err := tx.SelectContext(ctx, &proven, `
		WITH was AS (
			SELECT cn.id, `+stale+` AS stale FROM connections cn
			WHERE id = ANY($1) AND (wrote_at IS NULL OR wrote_at < clock() - interval '5 s') ORDER BY id FOR UPDATE),
		proven AS (UPDATE connections cn SET proven_at = clock(), wrote_at = clock() FROM was WHERE cn.id = was.id RETURNING cn.id, was.stale)
		SELECT id FROM proven WHERE stale`, pq.Array(ids))
	if err != nil {
		return fmt.Errorf("note proven connections: %w", err)
	}
	tx.changed(ConnectionChanged, proven...)
	return nil
}
