package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Linked is the one status in which a connection can be written through. Others are PendingAuth, Unlinked, Deauthorized,
// and whatever Codat adds.
const Linked = "Linked"

// Connection is a company's link to one accounting package.
type Connection struct {
	ID           int64
	CompanyID    int64  `db:"company_id"`
	CodatID      string `db:"codat_id"`
	PlatformName string `db:"platform_name"`
	PlatformKey  string `db:"platform_key"`
	SourceType   string `db:"source_type"`
	Status       string
	StatusAt     time.Time       `db:"status_at"`
	ChangedAt    time.Time       `db:"changed_at"`
	LinkURL      string          `db:"link_url"`
	LastSyncAt   *time.Time      `db:"last_sync_at"`
	ProvenAt     *time.Time      `db:"proven_at"`
	Errors       json.RawMessage // Codat's dataConnectionErrors
	CreatedAt    time.Time       `db:"created_at"`
	DeletedAt    *time.Time      `db:"deleted_at"`

	WroteAt       *time.Time  `db:"wrote_at"`       // what proved it was a write, when that is ProvenAt; else a reading
	CheckingSince *time.Time  `db:"checking_since"` // a check is under way
	CheckReason   CheckReason `db:"check_reason"`
	CheckedAt     *time.Time  `db:"checked_at"` // the last check ended so
	CheckResult   CheckResult `db:"check_result"`
	CheckSaid     string      `db:"check_said"` // in Codat's words
}

// quietFor is how long nothing may have gone through a connection before it is no longer known to work.
const quietFor = 24 * time.Hour

// Stale reports whether a connection is Linked as far as anybody noticed, but nothing has gone through it for a day.
func (c Connection) Stale(now time.Time) bool {
	proven := c.ChangedAt
	if c.ProvenAt != nil && c.ProvenAt.After(proven) {
		proven = *c.ProvenAt
	}
	return c.Status == Linked && c.DeletedAt == nil && now.Sub(proven) > quietFor
}

// stale is Connection.Stale in SQL; cn is the connection's alias.
const stale = `(cn.status = 'Linked' AND cn.deleted_at IS NULL AND greatest(cn.proven_at, cn.changed_at) < clock() - interval '24 h')`

const connectionColumns = `id, company_id, codat_id, platform_name, platform_key, source_type, status, status_at, changed_at,
	link_url, last_sync_at, proven_at, errors, created_at, deleted_at, wrote_at, checking_since, check_reason, checked_at, check_result, check_said`

// accountingOf picks the connection that a company's expenses go through: a Linked one first, then one that is known to be
// an accounting one before one of which that is not told yet, the newest first. It is the lateral subquery of every query
// that shows or plans a push; co is the company's alias.
const accountingOf = `LATERAL (
	SELECT * FROM connections WHERE company_id = co.id AND ` + accounting + ` ORDER BY ` + accountingFirst + ` LIMIT 1)`

const (
	accounting      = `deleted_at IS NULL AND source_type IN ('Accounting', '')`
	accountingFirst = `(status = 'Linked') DESC, (source_type = 'Accounting') DESC, created_at DESC, id DESC`
)

// ConnectionItem is a connection with its company's name and what waits for it.
type ConnectionItem struct {
	Connection
	Company  string
	Redirect string `db:"redirect_url"`
	OnHold   int    `db:"on_hold"`
}

const connectionItems = `
	SELECT cn.*, co.name AS company, co.redirect_url,
		(SELECT count(*) FROM pushes p JOIN expenses e ON e.push_id = p.id
		 WHERE p.connection_id = cn.id AND p.state = 'open' AND e.status = 'on_hold') AS on_hold
	FROM (SELECT ` + connectionColumns + ` FROM connections) cn JOIN companies co ON co.id = cn.company_id`

// Conditions on connection cn of company co.
const (
	listed  = `cn.deleted_at IS NULL AND co.deleted_at IS NULL AND NOT co.example`
	downNow = listed + ` AND cn.status <> 'Linked'`
)

// Connections returns the connections of one company (0 = of all) that are not deleted; those that need a person first.
func (s *Store) Connections(ctx context.Context, companyID int64) ([]ConnectionItem, error) {
	var cs []ConnectionItem
	err := s.db.SelectContext(ctx, &cs, connectionItems+`
		WHERE ($1 = 0 OR cn.company_id = $1) AND `+listed+` ORDER BY (cn.status = 'Linked'), lower(co.name), cn.id`, companyID)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	return cs, nil
}

// DownConnections returns those of Connections that are not Linked.
func (s *Store) DownConnections(ctx context.Context) ([]ConnectionItem, error) {
	var cs []ConnectionItem
	if err := s.db.SelectContext(ctx, &cs, connectionItems+` WHERE `+downNow+` ORDER BY lower(co.name), cn.id`); err != nil {
		return nil, fmt.Errorf("list connections that are down: %w", err)
	}
	return cs, nil
}

// DeletedConnections returns the connections that a company had, those that were deleted last first, at most limit.
func (s *Store) DeletedConnections(ctx context.Context, companyID int64, limit int) ([]Connection, error) {
	var cs []Connection
	err := s.db.SelectContext(ctx, &cs, `SELECT `+connectionColumns+` FROM connections
		WHERE company_id = $1 AND deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC LIMIT $2`, companyID, limit)
	if err != nil {
		return nil, fmt.Errorf("list deleted connections of company %d: %w", companyID, err)
	}
	return cs, nil
}

// ConnectionItems returns the connections with those ids, deleted ones too.
func (s *Store) ConnectionItems(ctx context.Context, ids []int64) ([]ConnectionItem, error) {
	var cs []ConnectionItem
	err := s.db.SelectContext(ctx, &cs, connectionItems+` WHERE cn.id = ANY($1) ORDER BY cn.id`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	return cs, nil
}

// AccountingConnection returns the connection a company's expenses go through, or ErrNotFound.
func (s *Store) AccountingConnection(ctx context.Context, companyID int64) (Connection, error) {
	var c Connection
	err := s.db.GetContext(ctx, &c, `SELECT `+connectionColumns+` FROM connections
		WHERE id = (SELECT cn.id FROM companies co JOIN `+accountingOf+` cn ON true WHERE co.id = $1)`, companyID)
	if err != nil {
		return c, fmt.Errorf("read accounting connection of company %d: %w", companyID, err)
	}
	return c, nil
}

// ConnectionNews is what somebody told us about a connection, as of At. Empty fields leave what is known.
type ConnectionNews struct {
	CodatID, PlatformName, PlatformKey, SourceType, Status, LinkURL string

	At         time.Time // when Codat says it was so; when Read, the moment before we asked
	Untimed    bool      // Codat does not say when: At is when we heard
	Read       bool      // we read it from Codat, and asked at that time of our clock: it holds against whatever was told or read before that
	LastSyncAt *time.Time
	CreatedAt  *time.Time
	Errors     json.RawMessage // nil leaves what is known
	Deleted    bool
	Actor      string // who told us, for the record

	// For the history. Without a Source it is a reading when Read, else a webhook.
	Source     NewsSource
	Event      string // the webhook's type
	DeliveryID *int64
}

// SaveConnection applies news of a company's connection. News older than what is known changes nothing and returns false, and so does a
// reading of a deleted company; the history has what Codat told all the same. A status that changes holds or releases the pushes that go
// through the connection.
func (tx *Tx) SaveConnection(ctx context.Context, companyID int64, n ConnectionNews) (id int64, applied bool, err error) {
	var errs *string
	if n.Errors != nil {
		e := string(n.Errors)
		errs = &e
	}
	var was struct {
		ID        int64
		CompanyID int64 `db:"company_id"`
		Status    string
		ProvenAt  *time.Time `db:"proven_at"`
		DeletedAt *time.Time `db:"deleted_at"`
		Older     bool
	}
	rows, err := tx.QueryxContext(ctx, `
		SELECT id, company_id, status, proven_at, deleted_at, CASE WHEN $3
			THEN coalesce($2 < greatest(read_at, deleted_at), false) OR $2 < told_at AND (status <> $4 OR deleted_at IS NOT NULL)
			ELSE $2 < status_at END AS older
		FROM connections WHERE codat_id = $1 FOR UPDATE`, n.CodatID, n.At, n.Read, n.Status)
	if err != nil {
		return 0, false, fmt.Errorf("read connection %q: %w", n.CodatID, err)
	}
	known := rows.Next()
	if known {
		err = rows.StructScan(&was)
	}
	rows.Close()
	if err := firstError(err, rows.Err()); err != nil {
		return 0, false, fmt.Errorf("read connection %q: %w", n.CodatID, err)
	}
	if n.Read {
		var gone bool // asked after the row is locked: whoever deletes the company meanwhile waits for us, and marks it then
		if err := tx.GetContext(ctx, &gone, `SELECT deleted_at IS NOT NULL FROM companies WHERE id = $1`, companyID); err != nil {
			return 0, false, fmt.Errorf("look at the company of connection %q: %w", n.CodatID, err)
		}
		if gone {
			return was.ID, false, nil
		}
	}
	if known && (was.Older || was.DeletedAt != nil && !n.Deleted && !n.Read) { // older, or about a connection that Codat has deleted
		if n.Read {
			return was.ID, false, nil
		}
		return was.ID, false, tx.heardLate(ctx, was.CompanyID, was.ID, was.Status, n)
	}
	var c Connection
	err = tx.GetContext(ctx, &c, `
		INSERT INTO connections (company_id, codat_id, platform_name, platform_key, source_type, status, status_at, link_url,
			last_sync_at, errors, created_at, deleted_at, proven_at, read_at)
		VALUES ($1, $2, $3, $4, $5, coalesce(nullif($6, ''), 'PendingAuth'), $7, $8,
			$9, coalesce($10::jsonb, '[]'), coalesce($11, clock()), CASE WHEN $12 THEN clock() END,
			CASE WHEN $6 = 'Linked' AND $9::timestamptz IS NOT NULL THEN least($9, clock()) END, -- Linked means Linked as of its last sync
			CASE WHEN $13 THEN $7::timestamptz END)
		ON CONFLICT (codat_id) DO UPDATE SET
			platform_name = coalesce(nullif(excluded.platform_name, ''), connections.platform_name),
			platform_key = coalesce(nullif(excluded.platform_key, ''), connections.platform_key),
			source_type = coalesce(nullif(excluded.source_type, ''), connections.source_type),
			status = coalesce(nullif($6, ''), connections.status),
			status_at = CASE WHEN $13 AND $6 = connections.status THEN connections.status_at ELSE excluded.status_at END,
			told_at = CASE WHEN $13 THEN connections.told_at ELSE clock() END,
			changed_at = CASE WHEN $6 NOT IN ('', connections.status) OR $12 AND connections.deleted_at IS NULL THEN clock() ELSE connections.changed_at END,
			link_url = coalesce(nullif(excluded.link_url, ''), connections.link_url),
			last_sync_at = coalesce(excluded.last_sync_at, connections.last_sync_at),
			proven_at = greatest(connections.proven_at, excluded.proven_at),
			errors = coalesce($10::jsonb, connections.errors),
			deleted_at = CASE WHEN $12 THEN coalesce(connections.deleted_at, excluded.deleted_at) END,
			read_at = greatest(connections.read_at, excluded.read_at)
		RETURNING `+connectionColumns,
		companyID, n.CodatID, n.PlatformName, n.PlatformKey, n.SourceType, n.Status, n.At, n.LinkURL, n.LastSyncAt, errs, n.CreatedAt, n.Deleted, n.Read)
	if err != nil {
		return 0, false, fmt.Errorf("save connection %q: %w", n.CodatID, err)
	}
	turned := !known || was.Status != c.Status || (was.DeletedAt == nil) != (c.DeletedAt == nil)
	if err := tx.heard(ctx, c, n, turned); err != nil {
		return 0, false, err
	}
	if err := tx.answerCheck(ctx, c); err != nil {
		return 0, false, err
	}
	if !turned {
		if c.ProvenAt != nil && (was.ProvenAt == nil || c.ProvenAt.Sub(*was.ProvenAt) > time.Hour) {
			tx.changed(ConnectionChanged, c.ID)
		}
		return c.ID, true, nil
	}
	tx.changed(ConnectionChanged, c.ID)
	verb := "connection is " + c.Status
	if c.DeletedAt != nil {
		verb = "connection was deleted"
	}
	turn := Activity{CompanyID: &c.CompanyID, Actor: n.Actor, Verb: verb, SubjectKind: "connection", SubjectID: &c.ID, Subject: c.PlatformName}
	if n.DeliveryID != nil {
		turn.Detail = fmt.Appendf(nil, `{"delivery": %d}`, *n.DeliveryID)
	}
	if err := tx.Record(ctx, turn); err != nil {
		return 0, false, err
	}
	return c.ID, true, tx.holdOrRelease(ctx, c.ID)
}

// ConnectionsGone marks the connections of a company deleted that Codat did not list when asked at that time.
func (tx *Tx) ConnectionsGone(ctx context.Context, companyID int64, listed []string, asked time.Time) error {
	var gone []string
	err := tx.SelectContext(ctx, &gone, `SELECT codat_id FROM connections
		WHERE company_id = $1 AND deleted_at IS NULL AND created_at < $3 AND NOT codat_id = ANY(coalesce($2::text[], '{}'))`, companyID, stringArray(listed), asked)
	if err != nil {
		return fmt.Errorf("look for deleted connections: %w", err)
	}
	for _, id := range gone {
		if _, _, err := tx.SaveConnection(ctx, companyID, ConnectionNews{CodatID: id, At: asked, Read: true, Deleted: true, Actor: "Tallylight"}); err != nil {
			return err
		}
	}
	return nil
}

// holdOrRelease sets the badges of the open pushes of a connection after its status changed: On hold while it cannot be
// written through and nothing of them has been sent, Push in progress again when it can.
func (tx *Tx) holdOrRelease(ctx context.Context, connectionID int64) error {
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `
		UPDATE expenses e SET status = CASE WHEN cn.up THEN 'in_progress' ELSE 'on_hold' END, status_at = clock()
		FROM pushes p JOIN push_steps s ON s.id = p.cost_step_id
			JOIN (SELECT cn.id, cn.status = 'Linked' AND cn.deleted_at IS NULL AND co.deleted_at IS NULL AS up
				FROM connections cn JOIN companies co ON co.id = cn.company_id) cn ON cn.id = p.connection_id
		WHERE p.connection_id = $1 AND p.state = 'open' AND e.push_id = p.id
			AND e.status = CASE WHEN cn.up THEN 'on_hold' ELSE 'in_progress' END
			AND (cn.up OR s.state IN ('waiting', 'ready') AND NOT s.doubt)
		RETURNING e.id`, connectionID)
	if err != nil {
		return fmt.Errorf("hold or release pushes: %w", err)
	}
	tx.changed(ExpenseChanged, ids...)
	tx.changed(WorkChanged, 0)
	return nil
}

// holdIfDown sets the badge of a cost that is ready again, and of which nothing is in doubt, while its connection is down.
func (tx *Tx) holdIfDown(ctx context.Context, stepID int64) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE expenses e SET status = 'on_hold', status_at = clock()
		FROM pushes p JOIN push_steps s ON s.id = p.cost_step_id JOIN connections cn ON cn.id = p.connection_id
		WHERE s.id = $1 AND s.state = 'ready' AND NOT s.doubt AND p.state = 'open' AND e.push_id = p.id AND e.status = 'in_progress'
			AND (cn.status <> 'Linked' OR cn.deleted_at IS NOT NULL)`, stepID)
	if err != nil {
		return fmt.Errorf("hold push: %w", err)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
