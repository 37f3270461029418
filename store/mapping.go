package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
)

// MappingKind is what sort of record a text of an expense stands for.
type MappingKind string

const (
	AccountMapping  MappingKind = "account"  // of a line's category
	SupplierMapping MappingKind = "supplier" // of an expense's supplier
	BankMapping     MappingKind = "bank"     // of what an expense was paid from
	TaxRateMapping  MappingKind = "tax_rate" // of a line's tax treatment
	TrackingMapping MappingKind = "tracking" // that a line of a category has as well
)

// TheRest is the subject of a mapping for every text that is neither mapped nor the name of a record. The subject "" is that of
// an expense or a line that says nothing.
const TheRest = "*"

// Mapping says what a text of a company's expenses means in the ledger behind one connection.
type Mapping struct {
	ConnectionID int64 `db:"connection_id"`
	CompanyID    int64 `db:"company_id"`
	Kind         MappingKind
	Subject      string // the text in small letters, "", or TheRest
	Part         string // of tracking: Codat's id of the heading
	Label        string // the text as typed
	Action       string // use or create
	CodatID      string `db:"codat_id"` // of the record to use
	Name         string // of the one to create
	Code         string
	Category     string    // Codat's fullyQualifiedCategory, "" for the platform's usual one
	SetAt        time.Time `db:"set_at"`
	SetBy        string    `db:"set_by"` // an email, "" when not known
}

// What a mapping does with its subject.
const (
	UseRecord    = "use"
	CreateRecord = "create"
)

const mappingsSelect = `
	SELECT m.connection_id, m.company_id, m.kind, m.subject, m.part, m.label, m.action, coalesce(m.codat_id, '') AS codat_id, m.name, m.code, m.category,
		m.set_at, coalesce(u.email, '') AS set_by
	FROM mappings m LEFT JOIN users u ON u.id = m.set_by`

// MappingsOf returns what people have said of some texts, in small letters.
func (s *Store) MappingsOf(ctx context.Context, connectionID int64, kind MappingKind, subjects []string) ([]Mapping, error) {
	var ms []Mapping
	err := s.db.SelectContext(ctx, &ms, mappingsSelect+` WHERE m.connection_id = $1 AND m.kind = $2 AND m.subject = ANY($3) ORDER BY m.subject, m.part`,
		connectionID, kind, pq.StringArray(subjects))
	if err != nil {
		return nil, fmt.Errorf("read mappings of %s: %w", kind, err)
	}
	return ms, nil
}

// MappingOf returns what a person has said of one text, or ErrNotFound. It is not for tracking, which may have several.
func (s *Store) MappingOf(ctx context.Context, connectionID int64, kind MappingKind, text string) (Mapping, error) {
	var m Mapping
	err := s.db.GetContext(ctx, &m, mappingsSelect+` WHERE m.connection_id = $1 AND m.kind = $2 AND m.subject = lower(btrim($3)) AND m.part = ''`,
		connectionID, kind, text)
	if err != nil {
		return m, fmt.Errorf("read mapping of %s %q: %w", kind, text, err)
	}
	return m, nil
}

// CreatedAs returns the mapping that has a record of that name created, or ErrNotFound.
func (s *Store) CreatedAs(ctx context.Context, connectionID int64, kind MappingKind, name string) (Mapping, error) {
	var m Mapping
	err := s.db.GetContext(ctx, &m, mappingsSelect+` WHERE m.connection_id = $1 AND m.kind = $2 AND m.action = 'create' AND lower(m.name) = lower(btrim($3))
		ORDER BY m.set_at DESC LIMIT 1`, connectionID, kind, name)
	if err != nil {
		return m, fmt.Errorf("read mapping that creates %s %q: %w", kind, name, err)
	}
	return m, nil
}

// ErrRecordGone is returned when the record that a text is to mean is not in the ledger any more.
var ErrRecordGone = errors.New("the record is not in the ledger any more")

// SetMapping keeps what a person says; Subject is made of Label, unless that is empty. A record to use must be in the ledger:
// ErrRecordGone.
func (s *Store) SetMapping(ctx context.Context, by User, m Mapping) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.setMapping(ctx, by, m) })
}

func (tx *Tx) setMapping(ctx context.Context, by User, m Mapping) error {
	var err error
	if m.Subject, err = tx.keepMapping(ctx, by, m); err != nil {
		return err
	}
	return tx.mappingSaid(ctx, by, m, "mapped")
}

// keepMapping writes a mapping and tells nobody. It returns the subject.
func (tx *Tx) keepMapping(ctx context.Context, by User, m Mapping) (string, error) {
	err := tx.GetContext(ctx, &m.Subject, `
		INSERT INTO mappings (connection_id, company_id, kind, subject, part, label, action, codat_id, name, code, category, set_by)
		SELECT $1, $2, $3, CASE WHEN $6 = '' THEN $4 ELSE lower(btrim($6)) END, $5, $6, $7, nullif($8, ''), $9, $10, $11, $12
		WHERE $7 <> 'use' OR EXISTS (SELECT 1 FROM ledger_records r WHERE r.connection_id = $1 AND r.kind = $3 AND r.codat_id = $8 AND r.gone_at IS NULL)
		ON CONFLICT (connection_id, kind, subject, part) DO UPDATE SET label = excluded.label, action = excluded.action,
			codat_id = excluded.codat_id, name = excluded.name, code = excluded.code, category = excluded.category,
			set_by = excluded.set_by, set_at = clock()
		RETURNING subject`,
		m.ConnectionID, m.CompanyID, m.Kind, m.Subject, m.Part, m.Label, m.Action, m.CodatID, m.Name, m.Code, m.Category, by.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrRecordGone
	}
	if err != nil {
		return "", fmt.Errorf("set mapping: %w", err)
	}
	return m.Subject, nil
}

// ClearMapping forgets what a person has said of m's subject.
func (s *Store) ClearMapping(ctx context.Context, by User, m Mapping) error {
	return s.InTx(ctx, func(tx *Tx) error {
		cleared, err := tx.ExecContext(ctx, `DELETE FROM mappings WHERE connection_id = $1 AND kind = $2 AND subject = $3 AND part = $4`,
			m.ConnectionID, m.Kind, m.Subject, m.Part)
		if err != nil {
			return fmt.Errorf("clear mapping: %w", err)
		}
		if n, err := cleared.RowsAffected(); n == 0 || err != nil {
			return err
		}
		m.Action = ""
		return tx.mappingSaid(ctx, by, m, "no longer maps")
	})
}

// mappingSaid records a mapping that was made or cleared with what it means and how many expenses it concerns, and has pages that
// say what a push would do read themselves again.
func (tx *Tx) mappingSaid(ctx context.Context, by User, m Mapping, verb string) error {
	tx.changed(LedgerChanged, m.CompanyID)
	word := strings.ReplaceAll(string(m.Kind), "_", " ")
	subject := word + " " + m.Label
	switch m.Subject {
	case "":
		subject = "an expense that names no " + word
	case TheRest:
		subject = "every other " + word
	}
	means := m.Name
	if m.Action == UseRecord {
		r, err := ledgerRecord(ctx, tx, m.ConnectionID, m.Kind, m.CodatID)
		if err != nil {
			return err
		}
		means = r.Title()
	}
	concerns, _, err := concerned(ctx, tx, m.ConnectionID, m.Kind, m.Subject)
	if err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]any{"action": m.Action, "means": means, "record": m.CodatID, "part": m.Part, "expenses": concerns})
	if err != nil {
		return fmt.Errorf("record mapping: %w", err)
	}
	return tx.Record(ctx, Activity{CompanyID: &m.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: verb,
		SubjectKind: "company", SubjectID: &m.CompanyID, Subject: strings.TrimSpace(subject), Detail: detail})
}
