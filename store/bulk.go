package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/govalues/decimal"
	"github.com/lib/pq"
)

// BulkAction is what a plan does with its expenses.
type BulkAction string

const (
	BulkPush     BulkAction = "push"
	BulkRetry    BulkAction = "retry"
	BulkWithdraw BulkAction = "withdraw"
	BulkHandled  BulkAction = "handled" // marks them as handled outside
	BulkUndo     BulkAction = "undo"    // of that
)

// PlanState is how a plan stands.
type PlanState string

const (
	PlanDraft   PlanState = "draft"   // until who made it starts it, for a day at most
	PlanRunning PlanState = "running" // workers take its expenses, a batch at a time
	PlanPaused  PlanState = "paused"  // by a person, who may resume it
	PlanStopped PlanState = "stopped" // by a person: what was not done stays as it was
	PlanDone    PlanState = "done"
)

// Plan is what a person wants done with many expenses. It holds the ones that were chosen, and never takes in others.
type Plan struct {
	ID        int64
	Action    BulkAction
	State     PlanState
	Reason    string     // of BulkHandled
	Anyway    bool       // those too that are known to fail
	UserID    *int64     `db:"user_id"`
	Actor     string     // the email of who made it
	CreatedAt time.Time  `db:"created_at"`
	StartedAt *time.Time `db:"started_at"`
	EndedAt   *time.Time `db:"ended_at"`
	Size      int        // how many expenses were chosen
	Looked    int        // of how many of those it is foreseen what becomes of them
	BatchAt   *time.Time `db:"batch_at"` // its last batch; the next one where that is still to come, as the last one failed
}

// MovedBy reports whether that person may start, pause and stop the plan: who made it may, and, once it was started, an administrator.
func (p Plan) MovedBy(u User) bool {
	return p.UserID != nil && *p.UserID == u.ID || u.Role == Admin && (p.State == PlanRunning || p.State == PlanPaused)
}

// Pushes reports whether the plan sends anything.
func (p Plan) Pushes() bool { return p.Action == BulkPush || p.Action == BulkRetry }

const planColumns = `id, action, state, reason, anyway, user_id, actor, created_at, started_at, ended_at, size, looked, batch_at`

// MostPlanned is how many expenses one plan holds at most.
const MostPlanned = 100_000

// What is wrong with a choice of expenses.
var (
	ErrNothingChosen = errors.New("no expense was chosen")
	ErrTooMany       = errors.New("too many expenses for one plan")
)

// Choice says which expenses a plan is about: those with these ids, or all that a filter chooses now.
type Choice struct {
	IDs []int64
	All *ExpenseFilter
}

// CreatePlan keeps the expenses that are chosen now. Whatever becomes of the filter, the plan stays about these. It is ErrNothingChosen
// or ErrTooMany when there are none, or more than MostPlanned.
func (s *Store) CreatePlan(ctx context.Context, by User, action BulkAction, c Choice) (id int64, err error) {
	where, args := []string{"id = ANY($1)"}, []any{int64s(c.IDs)}
	if c.All != nil {
		where, args = c.All.where()
	}
	condition := ""
	if len(where) > 0 {
		condition = "WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, action, by.ID, by.Email)
	err = s.InTx(ctx, func(tx *Tx) error {
		var n int
		err := tx.QueryRowContext(ctx, fmt.Sprintf(`
			INSERT INTO bulk_plans (action, user_id, actor, chosen, size)
			SELECT $%d, $%d::bigint, $%d, ids, cardinality(ids) FROM (
				SELECT coalesce(array_agg(id ORDER BY company_id, id), '{}') AS ids
				FROM (SELECT id, company_id FROM expenses %s LIMIT %d) all_of_them) chosen
			RETURNING id, size`, len(args)-2, len(args)-1, len(args), condition, MostPlanned+1), args...).Scan(&id, &n)
		switch {
		case err != nil:
			return fmt.Errorf("choose for plan: %w", err)
		case n == 0:
			return ErrNothingChosen
		case n > MostPlanned:
			return ErrTooMany
		}
		tx.changed(PlanChanged, id)
		return nil
	})
	return id, err
}

// Plan returns a plan, or ErrNotFound.
func (s *Store) Plan(ctx context.Context, id int64) (Plan, error) {
	var p Plan
	if err := s.db.GetContext(ctx, &p, `SELECT `+planColumns+` FROM bulk_plans WHERE id = $1`, id); err != nil {
		return p, fmt.Errorf("read plan %d: %w", id, err)
	}
	return p, nil
}

// RecentPlans are the plans that may still change: those under way, and those of the last two days.
func (s *Store) RecentPlans(ctx context.Context) ([]int64, error) {
	var ids []int64
	err := s.db.SelectContext(ctx, &ids, `SELECT id FROM bulk_plans
		WHERE state IN ('running', 'paused') OR coalesce(ended_at, started_at, created_at) > clock() - interval '2 days' ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	return ids, nil
}

// NewestPlans are the newest plans below an id (0 = of all), as many as limit: those that were started, and the drafts of that person.
func (s *Store) NewestPlans(ctx context.Context, of User, below int64, limit int) ([]Plan, error) {
	var ps []Plan
	err := s.db.SelectContext(ctx, &ps, `SELECT `+planColumns+` FROM bulk_plans
		WHERE ($1::bigint = 0 OR id < $1) AND (state <> 'draft' OR user_id = $2) ORDER BY id DESC LIMIT $3`, below, of.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	return ps, nil
}

// StartPlan has the workers carry a plan out, and reports whether it could be started: by who made it, once, when all of it is foreseen.
func (s *Store) StartPlan(ctx context.Context, by User, id int64, anyway bool, reason string) (bool, error) {
	return s.movePlan(ctx, by, id, "started", `
		WITH plan AS (
			UPDATE bulk_plans SET state = 'running', started_at = clock(), anyway = $3, reason = $4
			WHERE id = $1 AND user_id = $2 AND state = 'draft' AND (action <> 'handled' OR $4 <> '') AND looked = size AND size > 0
			RETURNING id),
		forecast AS (UPDATE bulk_plan_items i SET why = '', insist = false FROM plan WHERE i.plan_id = plan.id AND i.why <> '')
		SELECT id FROM plan`, anyway, reason)
}

// PausePlan has a plan that runs wait, and reports whether it did. The batch that is under way is finished first.
func (s *Store) PausePlan(ctx context.Context, by User, id int64) (bool, error) {
	return s.movePlan(ctx, by, id, "paused", `
		UPDATE bulk_plans SET state = 'paused' WHERE id = $1 AND (user_id = $2 OR $3) AND state = 'running' RETURNING id`, by.Role == Admin)
}

// ResumePlan has a paused plan go on.
func (s *Store) ResumePlan(ctx context.Context, by User, id int64) (bool, error) {
	return s.movePlan(ctx, by, id, "resumed", `
		UPDATE bulk_plans SET state = 'running' WHERE id = $1 AND (user_id = $2 OR $3) AND state = 'paused' RETURNING id`, by.Role == Admin)
}

// StopPlan ends a plan: what was not done yet stays as it was.
func (s *Store) StopPlan(ctx context.Context, by User, id int64) (bool, error) {
	return s.movePlan(ctx, by, id, "stopped", `
		UPDATE bulk_plans SET state = 'stopped', ended_at = clock()
		WHERE id = $1 AND (user_id = $2 OR $3) AND state IN ('running', 'paused') RETURNING id`, by.Role == Admin)
}

func (s *Store) movePlan(ctx context.Context, by User, id int64, verb, update string, args ...any) (moved bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		var ids []int64
		if err := tx.SelectContext(ctx, &ids, update, append([]any{id, by.ID}, args...)...); err != nil {
			return fmt.Errorf("plan %d is to be %s: %w", id, verb, err)
		}
		if moved = len(ids) == 1; !moved {
			return nil
		}
		tx.changed(PlanChanged, id)
		return tx.Record(ctx, Activity{UserID: &by.ID, Actor: by.Email, Verb: verb, SubjectKind: "plan", SubjectID: &id})
	})
	return moved, err
}

// RemoveOldPlans removes plans that nobody started within a day.
func (s *Store) RemoveOldPlans(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM bulk_plans WHERE state = 'draft' AND created_at < clock() - interval '1 day'`)
	if err != nil {
		return fmt.Errorf("remove old plans: %w", err)
	}
	return nil
}

// PlanItem is one expense of a plan.
type PlanItem struct {
	Position  int
	ExpenseID int64 `db:"expense_id"`
	CompanyID int64 `db:"company_id"`
	Company   string
	Reference string
	Currency  string
	Total     decimal.Decimal
	State     string // waiting, done, left_out
	Why       string
	Became    string // as in PlanItemFilter
	Alike     *int64
}

// PlanItemFilter chooses expenses of a plan. Zero fields do not choose.
type PlanItemFilter struct {
	Why    string // why they are left out
	Became string // the state of the push they got (on_hold while its connection is down), or else their own: waiting, done, left_out
	Alike  bool   // those that look like another
}

// PlanItems calls each with the expenses of a plan after a position, in its order, until it has had them all or limit (0 = no limit).
func (s *Store) PlanItems(ctx context.Context, planID int64, f PlanItemFilter, after, limit int, each func(PlanItem) error) error {
	rows, err := s.db.QueryxContext(ctx, `
		SELECT i.position, i.expense_id, i.company_id, co.name AS company, i.reference, i.currency, i.total, i.state, i.why, i.alike,
			b.became
		FROM bulk_plan_items i JOIN companies co ON co.id = i.company_id LEFT JOIN pushes p ON p.id = i.push_id
			LEFT JOIN expenses e ON p.state = 'open' AND e.id = i.expense_id AND e.status = 'on_hold',
			LATERAL (SELECT coalesce(e.status, p.state, i.state) AS became) b
		WHERE i.plan_id = $1 AND i.position > $2::bigint AND ($3 = '' OR i.why = $3) AND (NOT $4 OR i.alike IS NOT NULL)
			AND ($6 = '' OR b.became = $6)
		ORDER BY i.position LIMIT nullif($5, 0)`, planID, after, f.Why, f.Alike, limit, f.Became)
	if err != nil {
		return fmt.Errorf("list plan %d: %w", planID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var i PlanItem
		if err := rows.StructScan(&i); err != nil {
			return fmt.Errorf("list plan %d: %w", planID, err)
		}
		if err := each(i); err != nil {
			return err
		}
	}
	return rows.Err()
}

// PlanBatch are the next expenses of a plan, which is locked until the transaction ends.
type PlanBatch struct {
	Plan
	Items []int64 // the ids of the expenses
}

// UnjudgedBatch returns expenses of which nobody has foreseen yet what becomes of them, of that plan or (0) of any; ErrNotFound when there
// are none.
func (tx *Tx) UnjudgedBatch(ctx context.Context, plan int64, limit int) (PlanBatch, error) {
	return tx.planBatch(ctx, limit, `SELECT unnest(chosen[looked + 1:looked + $2]) FROM bulk_plans WHERE id = $1`,
		`state = 'draft' AND looked < size AND ($1::bigint = 0 OR id = $1)`, plan)
}

// WaitingBatch returns expenses that a running plan is to do next, none when its end is to come, and ErrNotFound when no plan may go on.
// Plans that push wait while mostQueued steps are due already: so they can be stopped, and what others push meanwhile is not behind them.
func (tx *Tx) WaitingBatch(ctx context.Context, limit, mostQueued int) (PlanBatch, error) {
	return tx.planBatch(ctx, limit, `SELECT expense_id FROM bulk_plan_items WHERE plan_id = $1 AND state = 'waiting' ORDER BY position LIMIT $2`,
		`state = 'running' AND (action NOT IN ('push', 'retry') OR (SELECT count(*) FROM (SELECT 1 FROM `+dueSteps+` LIMIT $1) due) < $1)`, mostQueued)
}

// dueSteps are the steps s that are sent as soon as there is room.
const dueSteps = `push_steps s JOIN connections cn ON cn.id = s.connection_id
	WHERE s.state = 'ready' AND s.next_try_at <= clock() AND cn.status = 'Linked' AND cn.deleted_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM send_pauses z WHERE z.company_id = s.company_id AND z.until > clock())`

func (tx *Tx) planBatch(ctx context.Context, limit int, items, plans string, args ...any) (PlanBatch, error) {
	var b PlanBatch
	err := tx.GetContext(ctx, &b.Plan, `SELECT `+planColumns+` FROM bulk_plans WHERE `+plans+` AND (batch_at IS NULL OR batch_at <= clock())
		ORDER BY coalesce(batch_at, started_at, created_at), id LIMIT 1 FOR UPDATE SKIP LOCKED`, args...)
	if err != nil {
		return b, fmt.Errorf("find a plan: %w", err)
	}
	err = tx.SelectContext(ctx, &b.Items, `WITH turn AS (UPDATE bulk_plans SET batch_at = clock() WHERE id = $1) `+items, b.ID, limit)
	if err != nil {
		return b, fmt.Errorf("read the next of plan %d: %w", b.ID, err)
	}
	return b, nil
}

// RestPlan has a plan of which a batch failed wait before the next try, so that others have their turn.
func (s *Store) RestPlan(ctx context.Context, id int64, d time.Duration) error {
	return s.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE bulk_plans SET batch_at = clock() + $2 * interval '1 second' WHERE id = $1`, id, d.Seconds())
		if err != nil {
			return fmt.Errorf("have plan %d wait: %w", id, err)
		}
		tx.changed(PlanChanged, id)
		return nil
	})
}

// LockPlanned locks the expenses of a batch that are to be pushed, and returns those that are for another sum than the plan says.
func (tx *Tx) LockPlanned(ctx context.Context, b PlanBatch) (changed []int64, err error) {
	if err := tx.lockToPush(ctx, b.Items); err != nil {
		return nil, err
	}
	err = tx.SelectContext(ctx, &changed, `SELECT e.id FROM bulk_plan_items i JOIN expenses e ON e.id = i.expense_id
		WHERE i.plan_id = $1 AND i.expense_id = ANY($2) AND (e.total, e.currency) <> (i.total, i.currency)`, b.ID, int64s(b.Items))
	if err != nil {
		return nil, fmt.Errorf("find what changed since plan %d: %w", b.ID, err)
	}
	return changed, nil
}

// Standing is how an expense stands, for actions that send nothing.
type Standing struct {
	ID     int64
	Status ExpenseStatus
	Unsent bool // nothing of its cost was sent yet: the push can be withdrawn
}

// Standings returns how the expenses with those ids stand.
func (tx *Tx) Standings(ctx context.Context, ids []int64) ([]Standing, error) {
	var all []Standing
	err := tx.SelectContext(ctx, &all, `
		SELECT e.id, e.status, coalesce(p.state = 'open' AND s.state IN ('waiting', 'ready') AND s.first_sent_at IS NULL, false) AS unsent
		FROM expenses e LEFT JOIN pushes p ON p.id = e.push_id LEFT JOIN push_steps s ON s.id = p.cost_step_id WHERE e.id = ANY($1)`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read how expenses stand: %w", err)
	}
	return all, nil
}

// Foreseen is what would become of an expense of a plan, or what became of it.
type Foreseen struct {
	ExpenseID int64    `json:"id"`
	Why       string   `json:"why"` // it is left out, "" when it is not
	Insist    bool     `json:"insist"`
	Held      bool     `json:"held"`
	Makes     []string `json:"makes"` // each is one account or supplier of one connection
}

// KeepForeseen keeps what would become of a batch of UnjudgedBatch, and looks for others that look the same: pushed ones first. Those that
// were deleted since they were chosen are not of the plan any more.
func (tx *Tx) KeepForeseen(ctx context.Context, b PlanBatch, fs []Foreseen) error {
	j, err := json.Marshal(fs)
	if err != nil {
		return fmt.Errorf("keep what is foreseen: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		WITH looked AS (UPDATE bulk_plans SET looked = looked + cardinality($4::bigint[]) WHERE id = $1)
		INSERT INTO bulk_plan_items (plan_id, position, expense_id, company_id, reference, currency, total, why, insist, held, makes, alike)
		SELECT $1, $5 + o.n, e.id, e.company_id, e.reference, e.currency, e.total, f.why, f.insist, f.held,
			coalesce(ARRAY(SELECT jsonb_array_elements_text(nullif(f.makes, 'null'))), '{}'),
			CASE WHEN $3 AND (f.why = '' OR f.insist)
				THEN (SELECT (array_agg(d.id ORDER BY d.status IN ('not_pushed', 'failed'), d.id))[1] FROM expenses d WHERE `+alike+`) END
		FROM unnest($4::bigint[]) WITH ORDINALITY AS o (id, n) JOIN expenses e USING (id)
			JOIN jsonb_to_recordset($2) AS f (id bigint, why text, insist boolean, held boolean, makes jsonb) USING (id)`,
		b.ID, string(j), b.Pushes(), int64s(b.Items), b.Looked)
	if err != nil {
		return fmt.Errorf("keep what is foreseen of plan %d: %w", b.ID, err)
	}
	tx.changed(PlanChanged, b.ID)
	return nil
}

// KeepDone keeps which expenses of a plan were done, in this transaction, and why others were not.
func (tx *Tx) KeepDone(ctx context.Context, p Plan, done []int64, left []Foreseen) error {
	j, err := json.Marshal(append([]Foreseen{}, left...))
	if err != nil {
		return fmt.Errorf("keep what was done: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		WITH left_out AS (
			UPDATE bulk_plan_items i SET state = 'left_out', why = f.why, insist = f.insist
			FROM jsonb_to_recordset($3) AS f (id bigint, why text, insist boolean) WHERE i.plan_id = $1 AND i.expense_id = f.id)
		UPDATE bulk_plan_items i SET state = 'done', why = '', reference = e.reference, currency = e.currency, total = e.total,
			push_id = CASE WHEN $4 THEN e.push_id END
		FROM expenses e WHERE i.plan_id = $1 AND i.expense_id = ANY($2) AND e.id = i.expense_id`,
		p.ID, pq.Array(done), string(j), p.Pushes())
	if err != nil {
		return fmt.Errorf("keep what was done of plan %d: %w", p.ID, err)
	}
	tx.changed(PlanChanged, p.ID)
	return nil
}

// EndPlan ends a plan of which nothing is left to do.
func (tx *Tx) EndPlan(ctx context.Context, id int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE bulk_plans SET state = 'done', ended_at = clock() WHERE id = $1 AND state = 'running'`, id); err != nil {
		return fmt.Errorf("end plan %d: %w", id, err)
	}
	tx.changed(PlanChanged, id)
	return nil
}
