package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// Facts are what is known of an expense before it is pushed, in the ledger that it would go to as we last read it. The zero Facts
// are those of an expense whose company has no accounting connection.
type Facts struct {
	Linked   bool // it can be sent now
	Read     bool // the ledger has been read: what is not known of it is not there
	Currency string
	Base     string // the company's own currency, "" when not known
	Rated    bool   // it has an exchange rate
	Future   bool   // its date is after today, wherever the company is
	Sign     int    // of its total
	Supplier string

	// Lengths, in characters.
	Reference int
	Note      int
	Longest   int // description of a line

	// Lines: all of them, above and below zero, and without any amount.
	Lines int
	Plus  int
	Minus int
	Zero  int

	Accounts []Meaning      `db:"-"` // of the lines' categories, each once
	Contact  Meaning        `db:"-"` // of its supplier
	Bank     Meaning        `db:"-"` // of what it was paid from
	TaxRates []Meaning      `db:"-"`
	NoTax    pq.StringArray `db:"no_tax"` // ids of the ledger's rates that platforms have for "no tax"
	Tracking []Tracking     `db:"-"`
}

// Meaning is what a text of an expense means in its ledger. With one match the rest tells of that record.
type Meaning struct {
	Text     string // as typed; of a tax rate also "" and *, as in Store.TaxRateMatches
	Called   string // the name that it would be created with
	Matches  int
	ID       string
	Name     string
	Code     string
	Status   string
	Type     string
	Currency string
	IsBank   bool `db:"is_bank"`
	Refused  bool // the accounting package says that it takes no expenses, or pays none
	Gone     bool // it is not in the ledger any more
}

// Archived reports whether the record can no longer be used.
func (m Meaning) Archived() bool {
	return m.Matches == 1 && (m.Status == "Archived" || m.Status == "Inactive")
}

// Tracking is one tracking category that the lines of a category have.
type Tracking struct {
	Category string
	ID       string
	Name     string
	Heading  string // its name, "CLASS"
	Gone     bool
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

// selector is the database, or a transaction.
type selector interface {
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

// readFacts reads the Facts of expenses, each in the ledger behind the connection that it would go through. What many of them say in the
// same words is looked up once.
func readFacts(ctx context.Context, db selector, through map[int64]int64) (map[int64]Facts, error) {
	if len(through) == 0 {
		return nil, nil
	}
	ids, connections := make(pq.Int64Array, 0, len(through)), make(pq.Int64Array, 0, len(through))
	for id, connection := range through {
		ids, connections = append(ids, id), append(connections, connection)
	}
	var expenses []saying
	if err := db.SelectContext(ctx, &expenses, sayings, ids, connections); err != nil {
		return nil, fmt.Errorf("read what expenses say: %w", err)
	}
	meanings, err := readMeanings(ctx, db, expenses)
	if err != nil {
		return nil, err
	}
	facts := make(map[int64]Facts, len(expenses))
	for _, e := range expenses {
		facts[e.ID] = e.facts(meanings)
	}
	return facts, nil
}

// saying is what an expense says, with the texts that mean something in its ledger.
type saying struct {
	ID         int64
	Connection int64
	Facts
	PaidFrom   string         `db:"paid_from"`
	Categories pq.StringArray // of its lines in their order, each once however it is spelled
	Rates      pq.StringArray // of its lines
}

// sayings selects the sayings of the expenses $1 through the connections $2.
const sayings = `
	SELECT e.id, cn.id AS connection, cn.status = 'Linked' AS linked, cn.books_read_at IS NOT NULL AS read,
		e.currency, coalesce(co.base_currency, '') AS base, e.rate IS NOT NULL AS rated,
		e.issue_date > (clock() AT TIME ZONE 'Pacific/Kiritimati')::date AS future, sign(e.total)::int AS sign, e.supplier,
		btrim(e.paid_from) AS paid_from, char_length(e.reference) AS reference, char_length(e.note) AS note,
		l.lines, l.longest, l.plus, l.minus, l.zero, l.rates,
		ARRAY(SELECT text FROM (
			SELECT DISTINCT ON (lower(btrim(category))) btrim(category) AS text, position FROM expense_lines WHERE expense_id = e.id
			ORDER BY lower(btrim(category)), position) once ORDER BY position) AS categories,
		ARRAY(SELECT r.codat_id FROM tax_rates r
			WHERE r.connection_id = cn.id AND r.codat_id IN ('NONE', 'NON', '-7', '114') AND r.gone_at IS NULL) AS no_tax
	FROM unnest($1::bigint[], $2::bigint[]) x (expense, through) JOIN expenses e ON e.id = x.expense JOIN companies co ON co.id = e.company_id
		JOIN connections cn ON cn.id = x.through,
		LATERAL (
			SELECT count(*) AS lines, coalesce(max(char_length(description)), 0) AS longest, count(*) FILTER (WHERE net + tax > 0) AS plus,
				count(*) FILTER (WHERE net + tax < 0) AS minus, count(*) FILTER (WHERE net = 0 AND tax = 0) AS zero,
				array_agg(DISTINCT CASE WHEN tax_rate <> '' THEN btrim(tax_rate) WHEN tax = 0 THEN '' ELSE '*' END) AS rates
			FROM expense_lines WHERE expense_id = e.id) l`

// word is a text of some kind in a ledger.
type word struct {
	Connection int64
	Kind       MappingKind
	Text       string
}

// meaning is what a word means. A tracking category is one of what a category's lines have; then Text is the category.
type meaning struct {
	Connection int64
	Kind       MappingKind
	Meaning
	Heading string
}

// words are those of an expense.
func (e saying) words() []word {
	words := []word{e.supplier(), e.bank()}
	for _, c := range e.Categories {
		words = append(words, word{e.Connection, AccountMapping, c}, word{e.Connection, TrackingMapping, c})
	}
	for _, r := range e.Rates {
		words = append(words, word{e.Connection, TaxRateMapping, r})
	}
	return words
}

func (e saying) supplier() word {
	return word{e.Connection, SupplierMapping, strings.Trim(e.Supplier, " ")}
}
func (e saying) bank() word { return word{e.Connection, BankMapping, e.PaidFrom} }

func (e saying) facts(meanings map[word][]meaning) Facts {
	f := e.Facts
	one := func(w word) Meaning {
		for _, m := range meanings[w] {
			return m.Meaning
		}
		return Meaning{Text: w.Text}
	}
	f.Contact, f.Bank = one(e.supplier()), one(e.bank())
	for _, c := range e.Categories {
		f.Accounts = append(f.Accounts, one(word{e.Connection, AccountMapping, c}))
		for _, m := range meanings[word{e.Connection, TrackingMapping, c}] {
			f.Tracking = append(f.Tracking, Tracking{Category: c, ID: m.ID, Name: m.Name, Heading: m.Heading, Gone: m.Gone})
		}
	}
	for _, r := range e.Rates {
		f.TaxRates = append(f.TaxRates, one(word{e.Connection, TaxRateMapping, r}))
	}
	return f
}

// readMeanings looks up what the words of expenses mean, each once.
func readMeanings(ctx context.Context, db selector, expenses []saying) (map[word][]meaning, error) {
	meanings := map[word][]meaning{}
	var connections pq.Int64Array
	var kinds, texts pq.StringArray
	for _, e := range expenses {
		for _, w := range e.words() {
			if _, asked := meanings[w]; !asked {
				meanings[w] = nil
				connections, kinds, texts = append(connections, w.Connection), append(kinds, string(w.Kind)), append(texts, w.Text)
			}
		}
	}
	var found []meaning
	if err := db.SelectContext(ctx, &found, meaningsOf, connections, kinds, texts); err != nil {
		return nil, fmt.Errorf("read what texts of expenses mean: %w", err)
	}
	for _, m := range found {
		w := word{m.Connection, m.Kind, m.Text}
		meanings[w] = append(meanings[w], m)
	}
	return meanings, nil
}

// meaningsOf selects the meanings of words: connections $1, kinds $2 and texts $3. What a text matches, as m, is counted first and then
// looked up: one look-up by its key, however many records there are.
const meaningsOf = `
	WITH words AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) w (connection, kind, text))
	SELECT w.connection, w.kind, w.text, '' AS heading, m.n AS matches, m.id,
		CASE WHEN w.kind IN ('account', 'supplier') THEN coalesce((
			SELECT nullif(c.name, '') FROM mappings c
			WHERE c.connection_id = w.connection AND c.kind = w.kind AND c.subject = lower(w.text) AND c.action = 'create'), w.text) ELSE '' END AS called,
		coalesce(a.name, s.name, t.name, '') AS name, coalesce(a.nominal_code, '') AS code, coalesce(a.status, s.status, t.status, '') AS status,
		coalesce(a.type, '') AS type, coalesce(a.currency, s.currency, '') AS currency, coalesce(a.is_bank, false) AS is_bank,
		CASE WHEN w.kind = 'account' THEN a.takes_costs IS FALSE ELSE a.pays_costs IS FALSE END AS refused,
		m.n = 1 AND (coalesce(a.codat_id, s.codat_id, t.codat_id) IS NULL OR coalesce(a.gone_at, s.gone_at, t.gone_at) IS NOT NULL) AS gone
	FROM words w CROSS JOIN LATERAL (
			SELECT count(*) AS n, coalesce(min(codat_id), '') AS id FROM (
				SELECT codat_id FROM account_matches(w.connection, w.text) WHERE w.kind = 'account'
				UNION ALL SELECT codat_id FROM supplier_matches(w.connection, w.text) WHERE w.kind = 'supplier'
				UNION ALL SELECT codat_id FROM bank_matches(w.connection, w.text) WHERE w.kind = 'bank'
				UNION ALL SELECT codat_id FROM tax_rate_matches(w.connection, w.text) WHERE w.kind = 'tax_rate') x) m
		LEFT JOIN LATERAL (
			SELECT * FROM ledger_accounts WHERE w.kind IN ('account', 'bank') AND connection_id = w.connection AND codat_id = m.id LIMIT 1) a ON true
		LEFT JOIN LATERAL (SELECT * FROM suppliers WHERE w.kind = 'supplier' AND connection_id = w.connection AND codat_id = m.id LIMIT 1) s ON true
		LEFT JOIN LATERAL (SELECT * FROM tax_rates WHERE w.kind = 'tax_rate' AND connection_id = w.connection AND codat_id = m.id LIMIT 1) t ON true
	WHERE w.kind <> 'tracking'
	UNION ALL
	SELECT w.connection, w.kind, w.text, coalesce(h.name, ''), 1, m.codat_id, '', coalesce(r.name, ''), '', '', '', '', false, false,
		r.codat_id IS NULL OR r.gone_at IS NOT NULL OR r.status = 'Archived'
	FROM words w CROSS JOIN LATERAL tracking_of(w.connection, w.text) m
		LEFT JOIN tracking_categories r ON r.connection_id = w.connection AND r.codat_id = m.codat_id
		LEFT JOIN tracking_categories h ON h.connection_id = w.connection AND h.codat_id = r.heading_id
	WHERE w.kind = 'tracking'
	ORDER BY connection, kind, text, id`
