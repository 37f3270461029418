package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
)

// Claim is a step that this process may send until the lease runs out.
type Claim struct {
	ID             int64
	Kind           StepKind
	Subject        string
	Label          string
	Lease          uuid.UUID
	Body           []byte // nil before the first send
	IdempotencyKey string `db:"idempotency_key"`
	Doubt          bool
	Attempts       int           // sends before this one
	Age            time.Duration `db:"-"` // since the key was first used; 0 before that
	AgeSeconds     float64       `db:"age"`
	CompanyID      int64         `db:"company_id"`
	Company        string        // Codat's company id
	ConnectionID   int64         `db:"connection_id"`
	Connection     string        // Codat's connection id
	PlatformName   string        `db:"platform_name"`
	PlatformKey    string        `db:"platform_key"`
	Snapshot       []byte        // the push's, for a directCost
}

// ResendFor is how long after its first use an idempotency key may be used again for a step in doubt. Codat replays the
// first reply for 90 minutes (its documentation of idempotency); after that the same bytes would be booked again.
const ResendFor = 75 * time.Minute

// claimLock lets one process at a time claim, so that the limit of each company holds over all of them.
const claimLock = 7242001

// keySpent is true of a step in doubt whose key must not be used any more; s is the step's alias.
const keySpent = `((s.doubt OR s.state = 'sending') AND coalesce(s.key_sent_at <= clock() - interval '75 min', false))`

// ClaimSteps hands out steps that are due: at most limit, and so that no company has more than perCompany in the air over
// all processes; each company in turn. A step whose lease ran out is due again, in doubt if it may have been sent. While
// Codat has refused us altogether, one step at a time probes whether it still does.
func (s *Store) ClaimSteps(ctx context.Context, limit, perCompany int, lease time.Duration) ([]Claim, error) {
	var claims []Claim
	err := s.InTx(ctx, func(tx *Tx) error {
		claims = nil
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, claimLock); err != nil {
			return fmt.Errorf("lock claims: %w", err)
		}
		return tx.SelectContext(ctx, &claims, `
			WITH RECURSIVE ready (connection_id) AS ( -- the connections that have something ready, one index probe each
				(SELECT connection_id FROM push_steps WHERE state = 'ready' ORDER BY connection_id LIMIT 1)
				UNION ALL
				SELECT (SELECT connection_id FROM push_steps WHERE state = 'ready' AND connection_id > ready.connection_id ORDER BY connection_id LIMIT 1)
				FROM ready WHERE connection_id IS NOT NULL),
			pause AS (
				SELECT company_id, until > clock() AS holds, reason <> 'rate_limited' AND NOT by_person AS refused FROM send_pauses),
			flying AS (
				SELECT company_id, count(*) AS n FROM push_steps WHERE state = 'sending' AND lease_until >= clock() GROUP BY company_id),
			lane AS (
				SELECT cn.id, cn.company_id,
					CASE WHEN EXISTS (SELECT 1 FROM pause WHERE refused AND company_id = cn.company_id) THEN 1 ELSE $2::int END
						- coalesce((SELECT n FROM flying WHERE flying.company_id = cn.company_id), 0) AS room
				FROM connections cn JOIN companies co ON co.id = cn.company_id
				WHERE cn.id IN (SELECT connection_id FROM ready UNION SELECT connection_id FROM push_steps WHERE state = 'sending' AND lease_until < clock())
					AND cn.status = 'Linked' AND cn.deleted_at IS NULL AND co.deleted_at IS NULL AND NOT co.example
					AND NOT `+askedFirst+`
					AND NOT EXISTS (SELECT 1 FROM pause WHERE holds AND (company_id IS NULL OR company_id = cn.company_id))),
			candidate AS (
				SELECT lane.company_id, lane.room, d.id, d.next_try_at
				FROM lane, LATERAL (
					SELECT s.id, s.next_try_at FROM push_steps s
					WHERE s.state = 'ready' AND s.connection_id = lane.id AND s.next_try_at <= clock() AND NOT `+keySpent+`
					ORDER BY s.next_try_at, s.id LIMIT greatest(lane.room, 0)) d
				UNION ALL
				SELECT lane.company_id, lane.room, s.id, s.next_try_at FROM push_steps s JOIN lane ON lane.id = s.connection_id
				WHERE s.state = 'sending' AND s.lease_until < clock() AND NOT `+keySpent+`),
			due AS (
				SELECT id, next_try_at, room, row_number() OVER (PARTITION BY company_id ORDER BY next_try_at, id) AS nth FROM candidate),
			chosen AS (
				SELECT id FROM due WHERE nth <= room ORDER BY nth, next_try_at, id
				LIMIT CASE WHEN EXISTS (SELECT 1 FROM pause WHERE refused AND company_id IS NULL)
					THEN greatest(0, 1 - (SELECT coalesce(sum(n), 0) FROM flying)) ELSE $1 END),
			free AS (
				SELECT id FROM push_steps WHERE id IN (SELECT id FROM chosen)
					AND (state = 'ready' OR state = 'sending' AND lease_until < clock()) FOR UPDATE SKIP LOCKED),
			claimed AS (
				UPDATE push_steps s SET state = 'sending', lease = gen_random_uuid(), lease_until = clock() + make_interval(secs => $3),
					doubt = s.doubt OR s.state = 'sending' AND s.key_sent_at IS NOT NULL
				FROM free WHERE s.id = free.id RETURNING s.*)
			SELECT s.id, s.kind, s.subject, s.label, s.lease, s.body, s.idempotency_key, s.doubt, s.attempts,
				coalesce(extract(epoch FROM clock() - s.key_sent_at), 0)::float8 AS age,
				s.company_id, co.codat_id AS company, s.connection_id, cn.codat_id AS connection, cn.platform_name, cn.platform_key, p.snapshot
			FROM claimed s JOIN companies co ON co.id = s.company_id JOIN connections cn ON cn.id = s.connection_id
				LEFT JOIN pushes p ON p.cost_step_id = s.id
			ORDER BY s.next_try_at, s.id`, limit, perCompany, lease.Seconds())
	})
	if err != nil {
		return nil, fmt.Errorf("claim steps: %w", err)
	}
	for i := range claims {
		claims[i].Age = time.Duration(claims[i].AgeSeconds * float64(time.Second))
	}
	return claims, nil
}

// ErrLeaseLost means that another process has taken a step up, or that it has been settled: do not send it.
var ErrLeaseLost = errors.New("the lease on the step was lost")

// BeginAttempt commits, before anything is sent, that the claim's step is being sent with exactly these bytes. The first
// bytes a step was sent with are the ones it keeps. It returns ErrLeaseLost when the claim no longer holds.
func (s *Store) BeginAttempt(ctx context.Context, c Claim, path string, body []byte) (attemptID int64, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		var begun struct {
			ID       int64
			Expenses pq.Int64Array
		}
		err := tx.GetContext(ctx, &begun, `
			WITH step AS (
				UPDATE push_steps SET body = coalesce(body, $3), attempts = attempts + 1, sent_at = clock(),
					first_sent_at = coalesce(first_sent_at, clock()), key_sent_at = coalesce(key_sent_at, clock()), wait_reason = ''
				WHERE id = $1 AND lease = $2 AND lease_until > clock() -- which also says that it is sending, and is found by its id
				RETURNING id, company_id, attempts, idempotency_key, body)
			INSERT INTO push_attempts (company_id, step_id, number, idempotency_key, path, request)
			SELECT company_id, id, attempts, idempotency_key, $4, body FROM step
			RETURNING id, `+expensesOfStep+` AS expenses`, c.ID, c.Lease, body, path)
		if errors.Is(err, ErrNotFound) {
			return ErrLeaseLost
		}
		if err != nil {
			return fmt.Errorf("begin attempt: %w", err)
		}
		attemptID = begun.ID
		tx.changed(ExpenseChanged, begun.Expenses...)
		return nil
	})
	return attemptID, err
}

// ChooseCode gives a new account the nominal code it will have: the next free number after the highest of the connection's
// expense accounts, of at most maxLen digits, "" when there is none. A code chosen before is kept.
func (s *Store) ChooseCode(ctx context.Context, c Claim, maxLen int) (code string, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		// One at a time per connection, so that two accounts on their way do not choose the same one.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7242003, $1::int)`, c.ConnectionID%(1<<31)); err != nil {
			return fmt.Errorf("lock codes: %w", err)
		}
		err := tx.GetContext(ctx, &code, `
			WITH used AS (
				SELECT nominal_code AS code, type = 'Expense' AS expense FROM ledger_accounts WHERE connection_id = $2
				UNION ALL
				SELECT code, true FROM push_steps WHERE connection_id = $2 AND kind = 'account' AND code IS NOT NULL AND id <> $1),
			number AS (SELECT code::numeric AS n, expense FROM used WHERE code ~ '^[0-9]{1,18}$' AND length(code) <= $3),
			highest AS (SELECT coalesce(max(n), 99) AS n FROM number WHERE expense),
			free AS (
				SELECT highest.n + g AS n FROM highest, generate_series(1, (SELECT count(*) FROM number) + 1) AS g
				WHERE NOT EXISTS (SELECT 1 FROM number WHERE number.n = highest.n + g) ORDER BY 1 LIMIT 1)
			UPDATE push_steps SET code = coalesce(code, (SELECT n::text FROM free WHERE length(n::text) <= $3))
			WHERE id = $1 RETURNING coalesce(code, '')`, c.ID, c.ConnectionID, maxLen)
		if err != nil {
			return fmt.Errorf("choose code: %w", err)
		}
		return nil
	})
	return code, err
}
