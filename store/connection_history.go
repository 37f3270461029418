package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// NewsSource is where something about a connection was heard.
type NewsSource string

const (
	FromStart   NewsSource = "start"   // it was known before there was a history
	FromWebhook NewsSource = "webhook" // Codat told us
	FromReading NewsSource = "reading" // we read the connection from Codat
	FromSync    NewsSource = "sync"    // we had Codat read the ledger, to find out
	FromPush    NewsSource = "push"    // a push failed, for want of access
)

// ConnectionMoment is one line of a connection's history.
type ConnectionMoment struct {
	ID         int64
	Status     string     // as Codat spells it
	Deleted    bool       // whatever Status says
	SaidAt     *time.Time `db:"said_at"`  // since when, as Codat says; nil when it does not
	HeardAt    time.Time  `db:"heard_at"` // by our clock
	Late       bool       // older than what was known by then: it changed nothing
	Source     NewsSource
	Event      string // the webhook's type
	DeliveryID *int64 `db:"delivery_id"` // nil when that was removed since
	Actor      string // a person's email, Codat, or Tallylight
	Cause      string // in Codat's words
}

// ConnectionHistory returns the history of a connection, newest first, by when things happened rather than by when they were heard:
// at most limit lines, those before the one with that id (0 = the newest).
func (s *Store) ConnectionHistory(ctx context.Context, connectionID, before int64, limit int) ([]ConnectionMoment, error) {
	var ms []ConnectionMoment
	err := s.db.SelectContext(ctx, &ms, `
		SELECT id, status, deleted, said_at, heard_at, late, source, event, delivery_id, actor, cause FROM connection_history
		WHERE connection_id = $1 AND ($2::bigint = 0 OR (at, id) < (SELECT at, id FROM connection_history WHERE id = $2 AND connection_id = $1))
		ORDER BY at DESC, id DESC LIMIT $3`, connectionID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list the history of connection %d: %w", connectionID, err)
	}
	return ms, nil
}

func (n ConnectionNews) source() NewsSource {
	switch {
	case n.Source != "":
		return n.Source
	case n.Read:
		return FromReading
	}
	return FromWebhook
}

func (n ConnectionNews) saidAt() *time.Time {
	if n.Read || n.Untimed {
		return nil
	}
	return &n.At
}

// heard adds news to the history that turned the connection, or that Codat tells a new trouble with.
func (tx *Tx) heard(ctx context.Context, c Connection, n ConnectionNews, turned bool) error {
	cause := ""
	if c.Status != Linked {
		cause = troubleOf(n.Errors)
	}
	if !turned && (n.Read || cause == "") {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO connection_history (company_id, connection_id, status, deleted, said_at, source, event, delivery_id, actor, cause)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
		WHERE $11 OR (SELECT cause FROM connection_history WHERE connection_id = $2 ORDER BY at DESC, id DESC LIMIT 1) IS DISTINCT FROM $10`,
		c.CompanyID, c.ID, c.Status, c.DeletedAt != nil, n.saidAt(), n.source(), n.Event, n.DeliveryID, n.Actor, cause, turned)
	if err != nil {
		return fmt.Errorf("keep the history of connection %d: %w", c.ID, err)
	}
	if !turned {
		tx.changed(ConnectionChanged, c.ID)
	}
	return nil
}

// heardLate adds news to the history that came too late to change anything; once, however often Codat tells it.
func (tx *Tx) heardLate(ctx context.Context, companyID, connectionID int64, now string, n ConnectionNews) error {
	status := n.Status
	if status == "" {
		status = now
	}
	added, err := tx.ExecContext(ctx, `
		INSERT INTO connection_history (company_id, connection_id, status, deleted, said_at, late, source, event, delivery_id, actor, cause)
		SELECT $1, $2, $3, $4, $5, true, $6, $7, $8, $9, $10
		WHERE NOT EXISTS (SELECT 1 FROM connection_history WHERE connection_id = $2 AND status = $3 AND deleted = $4 AND said_at = $5)`,
		companyID, connectionID, status, n.Deleted, n.saidAt(), n.source(), n.Event, n.DeliveryID, n.Actor, troubleOf(n.Errors))
	if err != nil {
		return fmt.Errorf("keep the history of connection %d: %w", connectionID, err)
	}
	if rows, err := added.RowsAffected(); err != nil || rows == 0 {
		return err
	}
	tx.changed(ConnectionChanged, connectionID)
	return nil
}

// pushFailed adds to the history that a push found no way through the connection, whose status Codat has not changed.
func (tx *Tx) pushFailed(ctx context.Context, connectionID int64, cause string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO connection_history (company_id, connection_id, status, deleted, source, actor, cause)
		SELECT company_id, id, status, deleted_at IS NOT NULL, 'push', 'Codat', $2 FROM connections WHERE id = $1`, connectionID, clipText(cause, 500))
	if err != nil {
		return fmt.Errorf("keep the history of connection %d: %w", connectionID, err)
	}
	return nil
}

// deletedWithCompany adds to the history of connections that Codat has deleted their company, and ends their checks.
func (tx *Tx) deletedWithCompany(ctx context.Context, connectionIDs []int64) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO connection_history (company_id, connection_id, status, deleted, source, actor)
		SELECT company_id, id, status, true, 'reading', 'Codat' FROM connections WHERE id = ANY($1) ORDER BY id`, int64s(connectionIDs))
	if err != nil {
		return fmt.Errorf("keep the history of deleted connections: %w", err)
	}
	return tx.endChecks(ctx, connectionIDs, CheckDown, "")
}

// troubleOf is the newest of Codat's dataConnectionErrors that still holds, in its words.
func troubleOf(errs json.RawMessage) string {
	var all []struct{ StatusText, ErrorMessage, Status string }
	if json.Unmarshal(errs, &all) != nil {
		return ""
	}
	for i := len(all) - 1; i >= 0; i-- {
		e := all[i]
		if text := clipText(e.ErrorMessage, 500); text != "" && e.Status != "Resolved" {
			return text
		}
		if text := clipText(e.StatusText, 500); text != "" && e.Status != "Resolved" {
			return text
		}
	}
	return ""
}
