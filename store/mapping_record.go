package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// LedgerRecord is a record of the customer's ledger that a text can mean: an account, a supplier, a tax rate, a tracking category.
type LedgerRecord struct {
	CodatID   string `db:"codat_id"`
	Name      string
	Code      string
	Sort      string // of an account: Expense, Asset and so on
	Detail    string // an account's category, a rate's percentage, the name of a tracking category's heading
	Currency  string
	Status    string
	GoneAt    *time.Time `db:"gone_at"`
	Usable    bool       // it can be chosen
	HeadingID string     `db:"heading_id"` // of a tracking category; "" of one that stands alone
}

// Title is what people call it: "429 Travel".
func (r LedgerRecord) Title() string {
	if title := strings.TrimSpace(r.Code + " " + r.Name); title != "" && r.Code != r.CodatID {
		return title
	}
	if r.Name != "" {
		return r.Name
	}
	return r.CodatID
}

const recordColumns = `r.codat_id, r.name, r.code, r.sort, r.detail, r.currency, r.status, r.gone_at, r.usable, r.heading_id`

// LedgerRecord returns the record of that kind with Codat's id, one that is gone too, or ErrNotFound.
func (s *Store) LedgerRecord(ctx context.Context, connectionID int64, kind MappingKind, codatID string) (LedgerRecord, error) {
	return ledgerRecord(ctx, s.db, connectionID, kind, codatID)
}

func ledgerRecord(ctx context.Context, q sqlx.QueryerContext, connectionID int64, kind MappingKind, codatID string) (LedgerRecord, error) {
	var r LedgerRecord
	err := sqlx.GetContext(ctx, q, &r, `SELECT `+recordColumns+` FROM ledger_records r
		WHERE r.connection_id = $1 AND r.kind = $2 AND r.codat_id = $3`, connectionID, kind, codatID)
	if err != nil {
		return r, fmt.Errorf("read %s %q: %w", kind, codatID, err)
	}
	return r, nil
}

// FindRecords searches the usable records of a kind by name and code, those that fit best first: the exact ones, then those that
// begin so, then those with a word that does, then those that have it anywhere. Without words the most usual ones come first. Of
// tracking categories it is those of one heading. More tells that there are others beyond limit.
func (s *Store) FindRecords(ctx context.Context, connectionID int64, kind MappingKind, headingID, words string, limit int) (rs []LedgerRecord, more bool, err error) {
	// strpos and not LIKE: it needs no escaping. All records of one kind of one connection are looked at, through the index on it.
	err = s.db.SelectContext(ctx, &rs, `
		SELECT `+recordColumns+` FROM ledger_records r, LATERAL (SELECT lower(r.name) AS name, lower(r.code) AS code, lower(btrim($4)) AS words) l
		WHERE r.connection_id = $1 AND r.kind = $2 AND r.usable AND (r.kind <> 'tracking' OR r.heading_id = $3)
			AND (l.words = '' OR strpos(l.name, l.words) > 0 OR strpos(l.code, l.words) > 0)
		ORDER BY CASE WHEN l.words = '' THEN 0 WHEN l.words IN (l.name, l.code) THEN 0 WHEN starts_with(l.name, l.words) OR starts_with(l.code, l.words) THEN 1
				WHEN strpos(l.name, ' ' || l.words) > 0 THEN 2 ELSE 3 END,
			r.sort <> 'Expense', l.name, r.codat_id
		LIMIT $5`, connectionID, kind, headingID, words, limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("search %s: %w", kind, err)
	}
	if len(rs) > limit {
		return rs[:limit], true, nil
	}
	return rs, false, nil
}

// Heading is a topmost tracking category: an expense's line may have one of each. The zero heading is for those that stand alone.
type Heading struct {
	CodatID string `db:"codat_id"`
	Name    string
}

// Headings returns the headings under which a connection has something to choose.
func (s *Store) Headings(ctx context.Context, connectionID int64) ([]Heading, error) {
	var hs []Heading
	err := s.db.SelectContext(ctx, &hs, `SELECT DISTINCT r.heading_id AS codat_id, r.detail AS name FROM ledger_records r
		WHERE r.connection_id = $1 AND r.kind = 'tracking' AND r.usable ORDER BY name, codat_id`, connectionID)
	if err != nil {
		return nil, fmt.Errorf("list headings of tracking categories: %w", err)
	}
	return hs, nil
}

// TextMatch is a record that a text means.
type TextMatch struct {
	Subject string
	LedgerRecord
}

// Matches returns what texts mean in a connection's ledger now, as a push would take them: by mapping, by name, or as the rest.
func (s *Store) Matches(ctx context.Context, connectionID int64, kind MappingKind, subjects []string) ([]TextMatch, error) {
	function := map[MappingKind]string{AccountMapping: "account_matches", SupplierMapping: "supplier_matches", BankMapping: "bank_matches",
		TaxRateMapping: "tax_rate_matches", TrackingMapping: "tracking_of"}[kind]
	var ms []TextMatch
	err := s.db.SelectContext(ctx, &ms, `
		SELECT t.subject, m.codat_id, coalesce(r.name, '') AS name, coalesce(r.code, '') AS code, coalesce(r.sort, '') AS sort, coalesce(r.detail, '') AS detail,
			coalesce(r.currency, '') AS currency, coalesce(r.status, '') AS status, CASE WHEN r.codat_id IS NULL THEN clock() ELSE r.gone_at END AS gone_at,
			coalesce(r.usable, false) AS usable, coalesce(r.heading_id, '') AS heading_id
		FROM unnest($3::text[]) AS t (subject) CROSS JOIN LATERAL `+function+`($1, t.subject) m
			LEFT JOIN LATERAL (SELECT * FROM ledger_records r WHERE r.connection_id = $1 AND r.kind = $2 AND r.codat_id = m.codat_id LIMIT 1) r ON true -- one look-up each
		ORDER BY t.subject, r.detail, r.name, m.codat_id`, connectionID, kind, pq.StringArray(subjects))
	if err != nil {
		return nil, fmt.Errorf("find what %s texts mean: %w", kind, err)
	}
	return ms, nil
}
