package store

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// MappingUse is a text of a company's expenses, and how many have it.
type MappingUse struct {
	Subject string // in small letters; "" or TheRest as for a Mapping
	Label   string // as typed
	Broken  bool   // a person has mapped it to a record that is archived, gone, or takes no costs
	Open    int    // expenses that would use what it is mapped to now: not pushed, failed, or begun
	Begun   int    // of those: on hold or in progress, and nothing was sent of the cost
	Total   int
}

// MappingUses asks for the texts of one kind.
type MappingUses struct {
	Connection Connection
	Kind       MappingKind
	Query      string      // only texts that contain it
	After      *MappingUse // only those that come after that one
	Limit      int
}

// text is where the texts of one kind are.
type text struct {
	from    string // of expenses e
	subject string
	label   string
}

var texts = map[MappingKind]text{
	AccountMapping:  category,
	TrackingMapping: category,
	TaxRateMapping: {`JOIN expense_lines l ON l.expense_id = e.id`,
		`CASE WHEN btrim(l.tax_rate) <> '' THEN lower(btrim(l.tax_rate)) WHEN l.tax = 0 THEN '' ELSE '*' END`, `btrim(l.tax_rate)`},
	SupplierMapping: {``, `lower(btrim(e.supplier))`, `btrim(e.supplier)`},
	BankMapping:     {``, `lower(btrim(e.paid_from))`, `btrim(e.paid_from)`},
}

var category = text{`JOIN expense_lines l ON l.expense_id = e.id`, `lower(btrim(l.category))`, `btrim(l.category)`}

// A push takes what a text means then when it makes the body of its cost.
const (
	isBegun = `(e.status IN ('on_hold', 'in_progress')
		AND EXISTS (SELECT 1 FROM pushes p JOIN push_steps s ON s.id = p.cost_step_id WHERE p.id = e.push_id AND p.state = 'open' AND s.body IS NULL))`
	isOpen = `(e.status IN ('not_pushed', 'failed') OR ` + isBegun + `)`
)

// uses selects subject, id, open and begun of each text of each expense of which where holds, once.
func (t text) uses(where string) string {
	return `SELECT DISTINCT ` + t.subject + ` AS subject, e.id, ` + isOpen + ` AS open, ` + isBegun + ` AS begun FROM expenses e ` + t.from + ` WHERE ` + where
}

// labelled selects the text of expense u.sample as typed.
func (t text) labelled() string {
	return `(SELECT ` + t.label + ` FROM expenses e ` + t.from + ` WHERE e.id = u.sample AND ` + t.subject + ` = u.subject LIMIT 1)`
}

// usesCounted is the texts of company $1 with their counts and, of connection $2, what people have mapped although no expense has it.
func usesCounted(kind MappingKind) string {
	return `
		WITH used AS (
			SELECT subject, min(id) AS sample, count(*) FILTER (WHERE open) AS open, count(*) FILTER (WHERE begun) AS begun, count(*) AS total
			FROM (` + texts[kind].uses(`e.company_id = $1`) + `) u GROUP BY subject),
		said AS (
			SELECT m.subject, min(m.label) AS label, bool_or(m.action = 'use' AND NOT coalesce(r.usable, false)) AS broken
			FROM mappings m LEFT JOIN LATERAL (SELECT usable FROM ledger_records r
				WHERE r.connection_id = $2 AND r.kind = '` + string(kind) + `' AND r.codat_id = m.codat_id LIMIT 1) r ON true
			WHERE m.connection_id = $2 AND m.kind = '` + string(kind) + `' GROUP BY m.subject)
		SELECT coalesce(used.subject, said.subject) AS subject, used.sample, coalesce(said.label, '') AS label, coalesce(said.broken, false) AS broken,
			coalesce(used.open, 0) AS open, coalesce(used.begun, 0) AS begun, coalesce(used.total, 0) AS total
		FROM used FULL JOIN said ON said.subject = used.subject`
}

// MappingUses returns the texts that a company's expenses have, and those that people have mapped: what needs a person first, then
// what most of the expenses that are not pushed or failed have. What is said where there is no text, and of the rest, comes apart:
// all of it, with its counts where an expense or a line says so itself.
func (s *Store) MappingUses(ctx context.Context, q MappingUses) (defaults, uses []MappingUse, more bool, err error) {
	after := q.After
	if after == nil {
		after = &MappingUse{Broken: true, Open: 1 << 30}
	}
	var all []MappingUse
	err = s.db.SelectContext(ctx, &all, `
		WITH uses AS MATERIALIZED (`+usesCounted(q.Kind)+`)
		SELECT u.subject, coalesce(`+texts[q.Kind].labelled()+`, u.label) AS label, u.broken, u.open, u.begun, u.total FROM (
			SELECT * FROM uses WHERE subject IN ('', '*')
			UNION ALL (
				SELECT * FROM uses
				WHERE subject NOT IN ('', '*') AND strpos(subject, lower(btrim($3))) > 0
					AND ((broken::int, open, total) < ($4::boolean::int, $5::bigint, $6::bigint)
						OR (broken::int, open, total) = ($4::boolean::int, $5::bigint, $6::bigint) AND subject > $7)
				ORDER BY broken DESC, open DESC, total DESC, subject LIMIT $8)) u
		ORDER BY u.subject NOT IN ('', '*'), u.broken DESC, u.open DESC, u.total DESC, u.subject`,
		q.Connection.CompanyID, q.Connection.ID, q.Query, after.Broken, after.Open, after.Total, after.Subject, q.Limit+1)
	if err != nil {
		return nil, nil, false, fmt.Errorf("list %s texts: %w", q.Kind, err)
	}
	for _, u := range all {
		if u.Subject == "" || u.Subject == TheRest {
			defaults = append(defaults, u)
		} else {
			uses = append(uses, u)
		}
	}
	if len(uses) > q.Limit {
		return defaults, uses[:q.Limit], true, nil
	}
	return defaults, uses, false, nil
}

// BrokenMappings counts, by kind, the texts that are mapped to records which are archived, gone, or take no costs.
func (s *Store) BrokenMappings(ctx context.Context, connectionID int64) (map[MappingKind]int, error) {
	var rows []struct {
		Kind MappingKind
		N    int
	}
	err := s.db.SelectContext(ctx, &rows, `
		SELECT m.kind, count(DISTINCT m.subject) AS n FROM mappings m
			LEFT JOIN LATERAL (SELECT usable FROM ledger_records r WHERE r.connection_id = $1 AND r.kind = m.kind AND r.codat_id = m.codat_id LIMIT 1) r ON true
		WHERE m.connection_id = $1 AND m.action = 'use' AND NOT coalesce(r.usable, false) GROUP BY m.kind`, connectionID)
	if err != nil {
		return nil, fmt.Errorf("count broken mappings: %w", err)
	}
	counts := map[MappingKind]int{}
	for _, r := range rows {
		counts[r.Kind] = r.N
	}
	return counts, nil
}

// Concerned counts the expenses that have a text and would use what it is mapped to now, and how many of them have begun; of the rest,
// those with a text that is neither mapped nor the name of a record.
func (s *Store) Concerned(ctx context.Context, connectionID int64, kind MappingKind, subject string) (open, begun int, err error) {
	return concerned(ctx, s.db, connectionID, kind, subject)
}

// concerned looks only at open expenses.
func concerned(ctx context.Context, q sqlx.QueryerContext, connectionID int64, kind MappingKind, subject string) (open, begun int, err error) {
	is := `u.subject = $2`
	switch {
	case subject == TheRest && kind == AccountMapping:
		is = `$2 = '*' AND u.subject IN (` + theRest("account", "accounts_named", "") + `)`
	case subject == TheRest && kind == SupplierMapping:
		is = `$2 = '*' AND u.subject IN (` + theRest("supplier", "suppliers_named", `WHERE subject <> ''`) + `)`
	case subject == TheRest && kind == TrackingMapping:
		is = `$2 = '*'`
	}
	found := texts[kind].uses(`e.company_id = (SELECT company_id FROM connections WHERE id = $1)
		AND e.status IN ('not_pushed', 'failed', 'on_hold', 'in_progress') AND ` + isOpen)
	err = q.QueryRowxContext(ctx, `WITH texts AS MATERIALIZED (`+found+`)
		SELECT count(DISTINCT u.id), count(DISTINCT u.id) FILTER (WHERE begun) FROM texts u WHERE `+is, connectionID, subject).Scan(&open, &begun)
	if err != nil {
		return 0, 0, fmt.Errorf("count expenses with %s %q: %w", kind, subject, err)
	}
	return open, begun, nil
}

// theRest selects those of texts that are neither mapped nor the name of a record.
func theRest(kind, named, where string) string {
	return `SELECT t.subject FROM (SELECT DISTINCT subject FROM texts ` + where + `) t
		WHERE NOT EXISTS (SELECT 1 FROM mappings m WHERE m.connection_id = $1 AND m.kind = '` + kind + `' AND m.subject = t.subject)
			AND (t.subject = '' OR NOT EXISTS (SELECT 1 FROM ` + named + `($1, t.subject)))`
}
