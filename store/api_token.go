package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Scope is one thing that a token of another system may do.
type Scope string

const (
	ScopeWrite Scope = "expenses:write" // enter expenses
	ScopePush  Scope = "expenses:push"  // push those that it enters
	ScopeRead  Scope = "expenses:read"  // ask how they stand
)

// Scopes are all of them.
var Scopes = []Scope{ScopeWrite, ScopePush, ScopeRead}

// APIToken is what another system proves itself with. Only the token's hash is kept.
type APIToken struct {
	ID        int64
	Name      string
	Scopes    []Scope
	By        string // the email of who made it, "" when that person is gone
	CreatedAt time.Time
	UsedAt    *time.Time // nil for never
}

// May reports whether the token may do that.
func (t APIToken) May(s Scope) bool { return slices.Contains(t.Scopes, s) }

// Actor is the token as one who does things: nobody's, with a name for the record.
func (t APIToken) Actor() User { return User{Email: "API token ‘" + t.Name + "’"} }

// ErrNameTaken means that another token that is in use has that name.
var ErrNameTaken = errors.New("a token with that name is in use")

type apiTokenRow struct {
	ID        int64
	Name      string
	Scopes    pq.StringArray
	By        string     `db:"created_by"`
	CreatedAt time.Time  `db:"created_at"`
	UsedAt    *time.Time `db:"used_at"`
}

func (r apiTokenRow) token() APIToken {
	t := APIToken{ID: r.ID, Name: r.Name, By: r.By, CreatedAt: r.CreatedAt, UsedAt: r.UsedAt}
	for _, s := range r.Scopes {
		t.Scopes = append(t.Scopes, Scope(s))
	}
	return t
}

const apiTokens = `SELECT t.id, t.name, t.scopes, coalesce(u.email, '') AS created_by, t.created_at, t.used_at
	FROM api_tokens t LEFT JOIN users u ON u.id = t.created_by WHERE t.revoked_at IS NULL`

// APITokens returns the tokens that are in use, by name.
func (s *Store) APITokens(ctx context.Context) ([]APIToken, error) {
	var rows []apiTokenRow
	if err := s.db.SelectContext(ctx, &rows, apiTokens+` ORDER BY lower(t.name)`); err != nil {
		return nil, fmt.Errorf("list API tokens: %w", err)
	}
	var ts []APIToken
	for _, r := range rows {
		ts = append(ts, r.token())
	}
	return ts, nil
}

// UseAPIToken returns the token of that hash and notes, at most once a minute, that it was used; ErrNotFound when there is none, or
// it was revoked. It is found by its hash: how long that takes says nothing of any token.
func (s *Store) UseAPIToken(ctx context.Context, hash []byte) (APIToken, error) {
	var r apiTokenRow
	err := s.db.GetContext(ctx, &r, `
		WITH used AS (UPDATE api_tokens SET used_at = clock() WHERE hash = $1 AND revoked_at IS NULL
			AND coalesce(used_at, '-infinity') < clock() - interval '1 min')
		`+apiTokens+` AND t.hash = $1`, hash)
	if err != nil {
		return APIToken{}, fmt.Errorf("find API token: %w", err)
	}
	return r.token(), nil
}

// AddAPIToken keeps a new token by its hash. A name that is in use is ErrNameTaken.
func (s *Store) AddAPIToken(ctx context.Context, by User, name string, scopes []Scope, hash []byte) error {
	texts := make(pq.StringArray, len(scopes))
	for i, scope := range scopes {
		texts[i] = string(scope)
	}
	err := s.InTx(ctx, func(tx *Tx) error {
		var id int64
		if err := tx.GetContext(ctx, &id, `INSERT INTO api_tokens (name, hash, scopes, created_by) VALUES ($1, $2, $3, $4) RETURNING id`,
			name, hash, texts, by.ID); err != nil {
			return fmt.Errorf("add API token: %w", err)
		}
		detail, err := json.Marshal(map[string]string{"scopes": strings.Join(texts, " ")})
		if err != nil {
			return fmt.Errorf("record API token: %w", err)
		}
		return tx.Record(ctx, Activity{UserID: &by.ID, Actor: by.Email, Verb: "made an API token", SubjectKind: "api_token", SubjectID: &id,
			Subject: name, Detail: detail})
	})
	if e := pq.As(err, pqerror.UniqueViolation); e != nil && e.Constraint == "api_tokens_name" {
		return ErrNameTaken
	}
	return err
}

// RevokeAPIToken ends a token for good and returns its name; ErrNotFound when it is not in use.
func (s *Store) RevokeAPIToken(ctx context.Context, by User, id int64) (name string, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		err := tx.GetContext(ctx, &name, `UPDATE api_tokens SET revoked_at = clock() WHERE id = $1 AND revoked_at IS NULL RETURNING name`, id)
		if err != nil {
			return fmt.Errorf("revoke API token %d: %w", id, err)
		}
		return tx.Record(ctx, Activity{UserID: &by.ID, Actor: by.Email, Verb: "revoked an API token", SubjectKind: "api_token", SubjectID: &id, Subject: name})
	})
	return name, err
}

// TidyAPITokens removes tokens that were revoked more than thirteen months ago. The record has their names.
func (s *Store) TidyAPITokens(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM api_tokens WHERE revoked_at < clock() - interval '13 months'`); err != nil {
		return fmt.Errorf("remove old API tokens: %w", err)
	}
	return nil
}
