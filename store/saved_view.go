package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// SavedView is a list of expenses that a person keeps by a name. Nobody else sees it.
type SavedView struct {
	ID      int64
	Name    string
	Query   string    // of the list's address: "status=failed&company=7"
	SavedAt time.Time `db:"saved_at"`
}

// What a name and a person's views are bounded by.
const (
	ViewNameMost  = 40 // characters
	ViewQueryMost = 4000
	ViewsMost     = 50
)

var (
	// ErrViewName is returned when a person has another view of that name, whatever its case.
	ErrViewName = errors.New("the person has a view of that name")
	// ErrViewsMost is returned when a person has as many views as one may have.
	ErrViewsMost = errors.New("the person has as many views as one may have")
)

// SavedViews returns a person's views by their names.
func (s *Store) SavedViews(ctx context.Context, userID int64) ([]SavedView, error) {
	var vs []SavedView
	err := s.db.SelectContext(ctx, &vs, `SELECT id, name, query, saved_at FROM saved_views WHERE user_id = $1 ORDER BY lower(name)`, userID)
	if err != nil {
		return nil, fmt.Errorf("read saved views: %w", err)
	}
	return vs, nil
}

// SaveView keeps a view, or puts the query into the person's view of that name: then it was replaced. One too many is ErrViewsMost.
func (s *Store) SaveView(ctx context.Context, userID int64, name, query string) (replaced bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`, userID); err != nil { // two savings of one person are counted one after the other
			return fmt.Errorf("lock user: %w", err)
		}
		var views int
		err := tx.GetContext(ctx, &views, `SELECT count(*) FROM saved_views WHERE user_id = $1 AND lower(name) <> lower($2)`, userID, name)
		if err != nil {
			return fmt.Errorf("count saved views: %w", err)
		}
		if views >= ViewsMost {
			return ErrViewsMost
		}
		err = tx.GetContext(ctx, &replaced, `
			INSERT INTO saved_views (user_id, name, query) VALUES ($1, $2, $3)
			ON CONFLICT (user_id, lower(name)) DO UPDATE SET name = excluded.name, query = excluded.query, saved_at = clock()
			RETURNING xmax <> 0`, userID, name, query)
		if err != nil {
			return fmt.Errorf("save view: %w", err)
		}
		return nil
	})
	return replaced, err
}

// RenameView gives a person's view another name, or returns ErrNotFound or ErrViewName.
func (s *Store) RenameView(ctx context.Context, userID, id int64, name string) error {
	err := s.db.GetContext(ctx, &id, `UPDATE saved_views SET name = $3 WHERE user_id = $1 AND id = $2 RETURNING id`, userID, id, name)
	if e := pq.As(err, pqerror.UniqueViolation); e != nil {
		return ErrViewName
	}
	if err != nil {
		return fmt.Errorf("rename saved view %d: %w", id, err)
	}
	return nil
}

// DeleteView forgets a person's view and returns its name, or ErrNotFound.
func (s *Store) DeleteView(ctx context.Context, userID, id int64) (name string, err error) {
	err = s.db.GetContext(ctx, &name, `DELETE FROM saved_views WHERE user_id = $1 AND id = $2 RETURNING name`, userID, id)
	if err != nil {
		return "", fmt.Errorf("delete saved view %d: %w", id, err)
	}
	return name, nil
}
