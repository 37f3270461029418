package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
)

// Former is a mapping of the connection that another one took the place of, or of another business's books behind the same one. Its
// record's id is worth nothing any more; its name and code are.
type Former struct {
	Kind     MappingKind
	Subject  string
	Label    string
	Action   string
	Name     string // of the record that was used, or that was to be created
	Code     string
	Category string
	Heading  string // of tracking: the heading's name
}

// Carry says whose mappings wait to be confirmed for a connection.
type Carry struct {
	FromID       int64     `db:"from_id"` // the connection itself where another business's books came behind it
	PlatformName string    `db:"platform_name"`
	CreatedAt    time.Time `db:"created_at"`
	Waiting      int       // mappings
}

// formers selects from_id and the Former mappings of connection $1 that nobody has said anything of since: of the connection that was
// mapped last before it, and of other books behind it.
const formers = `
	WITH old AS (
		SELECT cn.id FROM connections me JOIN connections cn ON cn.company_id = me.company_id AND cn.id <> me.id
		WHERE me.id = $1 AND cn.source_type IN ('Accounting', '') AND EXISTS (SELECT 1 FROM mappings m WHERE m.connection_id = cn.id)
		ORDER BY (SELECT max(m.set_at) FROM mappings m WHERE m.connection_id = cn.id) DESC, cn.id DESC LIMIT 1),
	was AS (
		SELECT m.connection_id AS from_id, m.kind, m.subject, m.label, m.action, CASE WHEN m.action = 'use' THEN r.name ELSE m.name END AS name,
			CASE WHEN m.action = 'use' THEN r.code ELSE m.code END AS code, m.category, CASE WHEN m.kind = 'tracking' THEN r.detail ELSE '' END AS heading
		FROM old JOIN mappings m ON m.connection_id = old.id
			LEFT JOIN LATERAL (SELECT * FROM ledger_records r
				WHERE r.connection_id = m.connection_id AND r.kind = m.kind AND r.codat_id = m.codat_id LIMIT 1) r ON true -- one look-up each
		WHERE m.action = 'create' OR r.codat_id IS NOT NULL
		UNION ALL
		SELECT f.connection_id, f.kind, f.subject, f.label, f.action, f.name, f.code, f.category, f.heading FROM former_mappings f WHERE f.connection_id = $1)
	SELECT was.* FROM was
	WHERE NOT EXISTS (SELECT 1 FROM mapping_carries c WHERE c.connection_id = $1 AND c.from_id = was.from_id
			AND c.kind = was.kind AND c.subject = was.subject AND c.heading = was.heading)
		AND NOT EXISTS (
			SELECT 1 FROM mappings m LEFT JOIN tracking_categories h ON h.connection_id = $1 AND h.codat_id = m.part
			WHERE m.connection_id = $1 AND m.kind = was.kind AND m.subject = was.subject AND coalesce(h.name, '') = was.heading)`

// Carries returns whose mappings wait to be confirmed for a connection, mostly nobody's.
func (s *Store) Carries(ctx context.Context, connectionID int64) ([]Carry, error) {
	var cs []Carry
	err := s.db.SelectContext(ctx, &cs, `
		SELECT cn.id AS from_id, cn.platform_name, cn.created_at, count(*) AS waiting
		FROM (`+formers+`) f JOIN connections cn ON cn.id = f.from_id GROUP BY cn.id, cn.platform_name, cn.created_at ORDER BY cn.id`, connectionID)
	if err != nil {
		return nil, fmt.Errorf("find mappings to carry: %w", err)
	}
	return cs, nil
}

// FormerMapping is a former mapping and what it would be on the new connection.
type FormerMapping struct {
	Former
	FromID   int64        `db:"from_id"`
	Platform string       // the key of the former connection's
	Now      LedgerRecord // the zero record where there is none, or several
}

// Exact reports whether the new record is the old one in all that people know it by.
func (f FormerMapping) Exact() bool {
	return strings.EqualFold(f.Name, f.Now.Name) && (f.Code == "" || f.Now.Code == "" || strings.EqualFold(f.Code, f.Now.Code))
}

// FormerMappings returns what waits to be confirmed for a connection with what each would be there: the one usable record with the
// same code and the same name, else the one with the same code, else the one with the same name.
func (s *Store) FormerMappings(ctx context.Context, connectionID int64) ([]FormerMapping, error) {
	// Thousands of suppliers, hundreds of mappings: each is two look-ups by index, not a scan of everything of its kind.
	var fs []FormerMapping
	err := s.db.SelectContext(ctx, &fs, `
		WITH f AS MATERIALIZED (`+formers+`)
		SELECT f.*, cn.platform_key AS platform, coalesce(n.codat_id, '') AS "now.codat_id", coalesce(n.name, '') AS "now.name", coalesce(n.code, '') AS "now.code",
			coalesce(n.sort, '') AS "now.sort", coalesce(n.detail, '') AS "now.detail", coalesce(n.currency, '') AS "now.currency",
			coalesce(n.status, '') AS "now.status", n.gone_at AS "now.gone_at", coalesce(n.usable, false) AS "now.usable", coalesce(n.heading_id, '') AS "now.heading_id"
		FROM f JOIN connections cn ON cn.id = f.from_id LEFT JOIN LATERAL (
			SELECT c.* FROM (
				SELECT r.*, k.rank, count(*) OVER (PARTITION BY k.rank) AS alike
				FROM (
					SELECT a.codat_id FROM ledger_accounts a WHERE f.kind IN ('account', 'bank') AND f.name <> '' AND a.connection_id = $1 AND lower(a.name) = lower(f.name)
					UNION SELECT a.codat_id FROM ledger_accounts a
						WHERE f.kind IN ('account', 'bank') AND f.code <> '' AND a.connection_id = $1 AND lower(a.nominal_code) = lower(f.code)
					UNION SELECT s.codat_id FROM suppliers s WHERE f.kind = 'supplier' AND f.name <> '' AND s.connection_id = $1 AND lower(s.name) = lower(f.name)
					UNION SELECT t.codat_id FROM tax_rates t WHERE f.kind = 'tax_rate' AND f.name <> '' AND t.connection_id = $1 AND lower(t.name) = lower(f.name)
					UNION SELECT t.codat_id FROM tax_rates t WHERE f.kind = 'tax_rate' AND f.code <> '' AND t.connection_id = $1 AND lower(t.code) = lower(f.code)
					UNION SELECT t.codat_id FROM tracking_categories t
						WHERE f.kind = 'tracking' AND f.name <> '' AND t.connection_id = $1 AND lower(t.name) = lower(f.name)) alike
				CROSS JOIN LATERAL (SELECT * FROM ledger_records r WHERE r.connection_id = $1 AND r.kind = f.kind AND r.codat_id = alike.codat_id LIMIT 1) r
				CROSS JOIN LATERAL (
					SELECT CASE WHEN f.code = '' OR lower(r.code) <> lower(f.code) THEN 3 WHEN lower(r.name) <> lower(f.name) THEN 2 ELSE 1 END AS rank) k
				WHERE f.action = 'use' AND r.usable AND (f.kind <> 'tracking' OR lower(r.detail) = lower(f.heading))) c
			WHERE c.alike = 1 ORDER BY c.rank LIMIT 1) n ON true
		ORDER BY f.kind, f.subject, f.heading`, connectionID)
	if err != nil {
		return nil, fmt.Errorf("list mappings to carry: %w", err)
	}
	return fs, nil
}

// CarryMappings keeps those that a person has confirmed, and asks no more about what is settled. A record that has left the ledger
// since is ErrRecordGone, and nothing is changed.
func (s *Store) CarryMappings(ctx context.Context, by User, conn Connection, confirmed []Mapping, settled []FormerMapping) error {
	type kept struct {
		Kind    MappingKind `json:"kind"`
		Subject string      `json:"subject"`
		Record  string      `json:"record"` // "" where one is to be created
	}
	return s.InTx(ctx, func(tx *Tx) error {
		said := []kept{}
		for _, m := range confirmed {
			subject, err := tx.keepMapping(ctx, by, m)
			if err != nil {
				return err
			}
			said = append(said, kept{m.Kind, subject, m.CodatID})
		}
		from, kinds, subjects, headings := make([]int64, len(settled)), make([]string, len(settled)), make([]string, len(settled)), make([]string, len(settled))
		for i, f := range settled {
			from[i], kinds[i], subjects[i], headings[i] = f.FromID, string(f.Kind), f.Subject, f.Heading
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO mapping_carries (connection_id, from_id, kind, subject, heading, settled_by)
			SELECT $1, t.*, $6 FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) t ON CONFLICT DO NOTHING`,
			conn.ID, int64s(from), pq.StringArray(kinds), pq.StringArray(subjects), pq.StringArray(headings), by.ID)
		if err != nil {
			return fmt.Errorf("settle mappings to carry: %w", err)
		}
		tx.changed(LedgerChanged, conn.CompanyID)
		detail, err := json.Marshal(map[string]any{"mappings": said})
		if err != nil {
			return fmt.Errorf("record carried mappings: %w", err)
		}
		subject := fmt.Sprintf("%d of the mappings of the connection before", len(confirmed))
		return tx.Record(ctx, Activity{CompanyID: &conn.CompanyID, UserID: &by.ID, Actor: by.Email, Verb: "confirmed",
			SubjectKind: "company", SubjectID: &conn.CompanyID, Subject: subject, Detail: detail})
	})
}

// SetBooksOf notes which business's books are behind a connection. Where they are another's than before, no id of the former ones means
// anything: its mappings are put aside for a person to confirm or not, and its records are gone until they are read.
func (s *Store) SetBooksOf(ctx context.Context, connectionID int64, business string) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var was struct {
			CompanyID int64  `db:"company_id"`
			BooksOf   string `db:"books_of"`
		}
		err := tx.GetContext(ctx, &was, `SELECT company_id, books_of FROM connections WHERE id = $1 FOR UPDATE`, connectionID)
		if err != nil {
			return fmt.Errorf("read whose books are behind connection %d: %w", connectionID, err)
		}
		if business == "" || business == was.BooksOf {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE connections SET books_of = $2 WHERE id = $1`, connectionID, business); err != nil {
			return fmt.Errorf("note whose books are behind connection %d: %w", connectionID, err)
		}
		if was.BooksOf == "" {
			return nil
		}
		return tx.otherBooks(ctx, was.CompanyID, connectionID)
	})
}

func (tx *Tx) otherBooks(ctx context.Context, companyID, connectionID int64) error {
	steps := []string{
		// What nobody has said anything of yet waits on.
		`DELETE FROM former_mappings f USING mapping_carries c
			WHERE f.connection_id = $1 AND c.connection_id = $1 AND c.from_id = $1 AND c.kind = f.kind AND c.subject = f.subject AND c.heading = f.heading`,
		`DELETE FROM mapping_carries WHERE connection_id = $1 AND from_id = $1`,
		`INSERT INTO former_mappings (connection_id, kind, subject, label, action, name, code, category, heading)
			SELECT DISTINCT ON (m.kind, m.subject, h.name) m.connection_id, m.kind, m.subject, m.label, m.action, CASE WHEN m.action = 'use' THEN r.name ELSE m.name END,
				CASE WHEN m.action = 'use' THEN r.code ELSE m.code END, m.category, h.name
			FROM mappings m LEFT JOIN ledger_records r ON r.connection_id = m.connection_id AND r.kind = m.kind AND r.codat_id = m.codat_id
				CROSS JOIN LATERAL (SELECT CASE WHEN m.kind = 'tracking' THEN r.detail ELSE '' END AS name) h
			WHERE m.connection_id = $1 AND (m.action = 'create' OR r.codat_id IS NOT NULL)
			ORDER BY m.kind, m.subject, h.name, m.set_at DESC, m.part -- two headings may have the same name
			ON CONFLICT (connection_id, kind, subject, heading) DO UPDATE SET label = excluded.label, action = excluded.action, name = excluded.name,
				code = excluded.code, category = excluded.category`,
		`DELETE FROM mappings WHERE connection_id = $1`,
		`UPDATE connections SET books_read_at = NULL WHERE id = $1`,
		`UPDATE ledger_accounts SET gone_at = clock() WHERE connection_id = $1 AND gone_at IS NULL`,
		`UPDATE suppliers SET gone_at = clock() WHERE connection_id = $1 AND gone_at IS NULL`,
		`UPDATE tax_rates SET gone_at = clock() WHERE connection_id = $1 AND gone_at IS NULL`,
		`UPDATE tracking_categories SET gone_at = clock() WHERE connection_id = $1 AND gone_at IS NULL`,
		`UPDATE push_steps SET retired = true WHERE connection_id = $1 AND kind IN ('account', 'supplier') AND state = 'success' AND NOT retired`,
	}
	for _, step := range steps {
		if _, err := tx.ExecContext(ctx, step, connectionID); err != nil {
			return fmt.Errorf("put aside what was known of connection %d: %w", connectionID, err)
		}
	}
	tx.changed(LedgerChanged, companyID)
	return tx.Record(ctx, Activity{CompanyID: &companyID, Actor: "Codat", Verb: "found the books of another business behind",
		SubjectKind: "company", SubjectID: &companyID, Subject: "the connection"})
}
