package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Facts are what is known of an expense before it is pushed, in the ledger that it would go to as we last read it. The zero Facts
// are those of an expense whose company has no accounting connection.
type Facts struct {
	Linked   bool   `json:"linked"` // it can be sent now
	Read     bool   `json:"read"`   // the ledger has been read: what is not known of it is not there
	Currency string `json:"currency"`
	Base     string `json:"base"`   // the company's own currency, "" when not known
	Rated    bool   `json:"rated"`  // it has an exchange rate
	Future   bool   `json:"future"` // its date is after today, wherever the company is
	Sign     int    `json:"sign"`   // of its total
	Supplier string `json:"supplier"`

	// Lengths, in characters.
	Reference int `json:"reference"`
	Note      int `json:"note"`
	Longest   int `json:"longest"` // description of a line

	// Lines: all of them, above and below zero, and without any amount.
	Lines int `json:"lines"`
	Plus  int `json:"plus"`
	Minus int `json:"minus"`
	Zero  int `json:"zero"`

	Accounts []Meaning  `json:"accounts"` // of the lines' categories, each once
	Contact  Meaning    `json:"contact"`  // of its supplier
	Bank     Meaning    `json:"bank"`     // of what it was paid from
	TaxRates []Meaning  `json:"tax_rates"`
	NoTax    []string   `json:"no_tax"` // ids of the ledger's rates that platforms have for "no tax"
	Tracking []Tracking `json:"tracking"`
}

// Meaning is what a text of an expense means in its ledger. With one match the rest tells of that record.
type Meaning struct {
	Text     string `json:"text"`   // as typed; of a tax rate also "" and *, as in Store.TaxRateMatches
	Called   string `json:"called"` // the name that it would be created with
	Matches  int    `json:"matches"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Code     string `json:"code"`
	Status   string `json:"status"`
	Type     string `json:"type"`
	Currency string `json:"currency"`
	IsBank   bool   `json:"is_bank"`
	Refused  bool   `json:"refused"` // the accounting package says that it takes no expenses, or pays none
	Gone     bool   `json:"gone"`    // it is not in the ledger any more
}

// Archived reports whether the record can no longer be used.
func (m Meaning) Archived() bool {
	return m.Matches == 1 && (m.Status == "Archived" || m.Status == "Inactive")
}

// Tracking is one tracking category that the lines of a category have.
type Tracking struct {
	Category string `json:"category"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Heading  string `json:"heading"` // its name, "CLASS"
	Gone     bool   `json:"gone"`
}

// Want is an account or supplier that an expense names and that is not exactly one record of its ledger: none, which can be
// made, or several, among which a person must choose.
type Want struct {
	Kind    StepKind
	Text    string // the name
	Matches int
}

// Wants are what the expense names that is not exactly one record of its ledger, each once.
func (f Facts) Wants() []Want {
	var wants []Want
	add := func(kind StepKind, m Meaning) {
		name := strings.TrimSpace(m.Called)
		same := func(w Want) bool { return w.Kind == kind && strings.EqualFold(w.Text, name) }
		if name != "" && m.Matches != 1 && !slices.ContainsFunc(wants, same) {
			wants = append(wants, Want{kind, name, m.Matches})
		}
	}
	for _, m := range f.Accounts {
		add(AccountStep, m)
	}
	add(SupplierStep, f.Contact)
	return wants
}

// Scan reads what factsOf selects.
func (f *Facts) Scan(src any) error {
	*f = Facts{}
	switch src := src.(type) {
	case nil:
		return nil
	case []byte:
		return json.Unmarshal(src, f)
	case string:
		return json.Unmarshal([]byte(src), f)
	}
	return fmt.Errorf("scan facts: unexpected %T", src)
}

// What a text matches, as m, is counted first and then looked up, as r: one look-up by its key, however many records there are.
const (
	matched = `count(*) AS n, coalesce(min(codat_id), '') AS id`

	meant = `'matches', m.n, 'id', m.id, 'name', coalesce(r.name, ''), 'status', coalesce(r.status, ''),
		'gone', m.n = 1 AND (r.codat_id IS NULL OR r.gone_at IS NOT NULL)`
)

// readFacts reads the Facts of expenses into what their ids lead to.
func (s *Store) readFacts(ctx context.Context, of map[int64]*Facts) error {
	if len(of) == 0 {
		return nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT e.id, `+factsOf+` FROM expenses e JOIN companies co ON co.id = e.company_id JOIN `+accountingOf+` cn ON true
		WHERE e.id = ANY($1)`, int64s(slices.Collect(maps.Keys(of))))
	if err != nil {
		return fmt.Errorf("read what is known of expenses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var f Facts
		if err := rows.Scan(&id, &f); err != nil {
			return fmt.Errorf("read what is known of expenses: %w", err)
		}
		*of[id] = f
	}
	return rows.Err()
}

// factsOf selects the Facts of expense e of company co through connection cn, NULL without one.
const factsOf = `(
	SELECT jsonb_build_object(
		'linked', cn.status = 'Linked', 'read', cn.books_read_at IS NOT NULL,
		'currency', e.currency, 'base', coalesce(co.base_currency, ''), 'rated', e.rate IS NOT NULL,
		'future', e.issue_date > (clock() AT TIME ZONE 'Pacific/Kiritimati')::date, 'sign', sign(e.total)::int, 'supplier', e.supplier,
		'reference', char_length(e.reference), 'note', char_length(e.note),
		'lines', l.lines, 'longest', l.longest, 'plus', l.plus, 'minus', l.minus, 'zero', l.zero,
		'accounts', (
			SELECT jsonb_agg(jsonb_build_object('text', t.text, 'called', coalesce((SELECT nullif(s.name, '') FROM mappings s
					WHERE s.connection_id = cn.id AND s.kind = 'account' AND s.subject = t.subject AND s.action = 'create'), t.text),
				'code', coalesce(r.nominal_code, ''), 'type', coalesce(r.type, ''), 'is_bank', coalesce(r.is_bank, false),
				'refused', r.takes_costs IS FALSE, ` + meant + `) ORDER BY t.position)
			FROM (SELECT lower(btrim(category)) AS subject, min(btrim(category)) AS text, min(position) AS position
					FROM expense_lines WHERE expense_id = e.id GROUP BY 1) t,
				LATERAL (SELECT ` + matched + ` FROM account_matches(cn.id, t.text)) m
				LEFT JOIN ledger_accounts r ON r.connection_id = cn.id AND r.codat_id = m.id),
		'contact', (
			SELECT jsonb_build_object('text', btrim(e.supplier), 'called', coalesce((SELECT nullif(s.name, '') FROM mappings s
					WHERE s.connection_id = cn.id AND s.kind = 'supplier' AND s.subject = lower(btrim(e.supplier)) AND s.action = 'create'), btrim(e.supplier)),
				'currency', coalesce(r.currency, ''), ` + meant + `)
			FROM (SELECT ` + matched + ` FROM supplier_matches(cn.id, e.supplier)) m LEFT JOIN suppliers r ON r.connection_id = cn.id AND r.codat_id = m.id),
		'bank', (
			SELECT jsonb_build_object('text', btrim(e.paid_from), 'currency', coalesce(r.currency, ''), 'type', coalesce(r.type, ''),
				'is_bank', coalesce(r.is_bank, false), 'refused', r.pays_costs IS FALSE, ` + meant + `)
			FROM (SELECT ` + matched + ` FROM bank_matches(cn.id, e.paid_from)) m LEFT JOIN ledger_accounts r ON r.connection_id = cn.id AND r.codat_id = m.id),
		'tax_rates', (
			SELECT jsonb_agg(jsonb_build_object('text', t.text, ` + meant + `) ORDER BY t.text)
			FROM (SELECT DISTINCT CASE WHEN tax_rate <> '' THEN btrim(tax_rate) WHEN tax = 0 THEN '' ELSE '*' END AS text FROM expense_lines WHERE expense_id = e.id) t,
				LATERAL (SELECT ` + matched + ` FROM tax_rate_matches(cn.id, t.text)) m
				LEFT JOIN tax_rates r ON r.connection_id = cn.id AND r.codat_id = m.id),
		'no_tax', (SELECT jsonb_agg(r.codat_id) FROM tax_rates r
			WHERE r.connection_id = cn.id AND r.codat_id IN ('NONE', 'NON', '-7', '114') AND r.gone_at IS NULL),
		'tracking', (
			SELECT jsonb_agg(jsonb_build_object('category', t.text, 'id', m.codat_id, 'name', coalesce(r.name, ''), 'heading', coalesce(h.name, ''),
				'gone', r.codat_id IS NULL OR r.gone_at IS NOT NULL OR r.status = 'Archived') ORDER BY t.text, m.codat_id)
			FROM (SELECT lower(btrim(category)) AS subject, min(btrim(category)) AS text FROM expense_lines WHERE expense_id = e.id GROUP BY 1) t,
				tracking_of(cn.id, t.text) m
				LEFT JOIN tracking_categories r ON r.connection_id = cn.id AND r.codat_id = m.codat_id
				LEFT JOIN tracking_categories h ON h.connection_id = cn.id AND h.codat_id = r.heading_id))
	FROM (SELECT count(*) AS lines, coalesce(max(char_length(description)), 0) AS longest, count(*) FILTER (WHERE net + tax > 0) AS plus,
			count(*) FILTER (WHERE net + tax < 0) AS minus, count(*) FILTER (WHERE net = 0 AND tax = 0) AS zero
		FROM expense_lines WHERE expense_id = e.id) l
	WHERE cn.id IS NOT NULL)`
