package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Activity is one line of the append-only record: who did what to what, and when. Actor is an email, or "Codat", or
// "Tallylight".
type Activity struct {
	ID          int64
	At          time.Time
	CompanyID   *int64 `db:"company_id"`
	UserID      *int64 `db:"user_id"`
	Actor       string
	Verb        string
	SubjectKind string `db:"subject_kind"`
	SubjectID   *int64 `db:"subject_id"`
	Subject     string
	Detail      json.RawMessage
}

const activityColumns = `id, at, company_id, user_id, actor, verb, subject_kind, subject_id, subject, detail`

// Record adds a line to the record.
func (tx *Tx) Record(ctx context.Context, a Activity) error {
	if a.Detail == nil {
		a.Detail = json.RawMessage(`{}`)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO activity (company_id, user_id, actor, verb, subject_kind, subject_id, subject, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.CompanyID, a.UserID, a.Actor, a.Verb, a.SubjectKind, a.SubjectID, a.Subject, string(a.Detail))
	if err != nil {
		return fmt.Errorf("record activity: %w", err)
	}
	return nil
}

// Activities returns the newest lines before the one with id before (0 = from the newest).
func (s *Store) Activities(ctx context.Context, before int64, limit int) ([]Activity, error) {
	var as []Activity
	err := s.db.SelectContext(ctx, &as, `SELECT `+activityColumns+` FROM activity
		WHERE $1 = 0 OR id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list activity: %w", err)
	}
	return as, nil
}

// ActivityOf returns every line about one thing, oldest first.
func (s *Store) ActivityOf(ctx context.Context, subjectKind string, id int64) ([]Activity, error) {
	var as []Activity
	err := s.db.SelectContext(ctx, &as, `SELECT `+activityColumns+` FROM activity
		WHERE subject_kind = $1 AND subject_id = $2 ORDER BY id`, subjectKind, id)
	if err != nil {
		return nil, fmt.Errorf("list activity of %s %d: %w", subjectKind, id, err)
	}
	return as, nil
}
