package store

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/lib/pq"
)

// Account is a record of the customer's chart of accounts, or a bank account. CodatID means nothing on another connection.
type Account struct {
	CodatID     string `db:"codat_id" json:"codat_id"`
	NominalCode string `db:"nominal_code" json:"nominal_code"`
	Name        string `db:"name" json:"name"`
	Type        string `db:"type" json:"type"`         // Asset Expense Income Liability Equity Unknown, or newer
	Category    string `db:"category" json:"category"` // Codat's fullyQualifiedCategory
	Currency    string `db:"currency" json:"currency"`
	Status      string `db:"status" json:"status"` // Active Archived Pending Unknown, or newer
	IsBank      bool   `db:"is_bank" json:"is_bank"`

	TakesCosts *bool `db:"takes_costs" json:"takes_costs"` // a line of an expense can be booked to it; nil when the package does not say
	PaysCosts  *bool `db:"pays_costs" json:"pays_costs"`   // an expense can be paid from it; nil likewise
}

// Supplier is whom the customer buys from.
type Supplier struct {
	CodatID  string `db:"codat_id" json:"codat_id"`
	Name     string `db:"name" json:"name"`
	Currency string `db:"currency" json:"currency"`
	Status   string `db:"status" json:"status"`
}

// TaxRate is a rate the customer's ledger knows. EffectiveRate is a percentage as decimal text, "" when not told.
type TaxRate struct {
	CodatID       string `db:"codat_id" json:"codat_id"`
	Name          string `db:"name" json:"name"`
	Code          string `db:"code" json:"code"`
	EffectiveRate string `db:"effective_rate" json:"effective_rate"`
	Status        string `db:"status" json:"status"`
}

// TrackingCategory is a dimension of the customer's ledger, or one of its values: Department, and under it Sales.
type TrackingCategory struct {
	CodatID     string `db:"codat_id" json:"codat_id"`
	Name        string `db:"name" json:"name"`
	ParentID    string `db:"parent_id" json:"parent_id"`
	HasChildren bool   `db:"has_children" json:"has_children"`
	Status      string `db:"status" json:"status"`
}

// LedgerReading writes what one reading of a connection's ledger finds, page by page; what is known already is not written again.
// Records that a reading to the end did not meet are marked gone.
type LedgerReading struct {
	s       *Store
	conn    Connection
	started time.Time
	met     map[LedgerTable]map[uint64]struct{} // hashes of ids: eight bytes a record is all that a reading holds
	banks   map[string]bool                     // ids of those that were met as bank accounts
}

// ReadLedger begins a reading of one connection's ledger.
func (s *Store) ReadLedger(ctx context.Context, conn Connection) (*LedgerReading, error) {
	r := &LedgerReading{s: s, conn: conn, met: map[LedgerTable]map[uint64]struct{}{}, banks: map[string]bool{}}
	if err := s.db.GetContext(ctx, &r.started, `SELECT clock()`); err != nil {
		return nil, fmt.Errorf("begin ledger reading: %w", err)
	}
	return r, nil
}

// Accounts writes one page of accounts. A bank account met again as an ordinary one stays a bank account.
func (r *LedgerReading) Accounts(ctx context.Context, page []Account) error {
	page = slices.Clone(page)
	for i, a := range page {
		r.banks[a.CodatID] = r.banks[a.CodatID] || a.IsBank
		page[i].IsBank = r.banks[a.CodatID]
	}
	r.meet(LedgerAccounts, ids(page, func(a Account) string { return a.CodatID }))
	return r.write(ctx, "accounts", page, `
		INSERT INTO ledger_accounts (company_id, connection_id, codat_id, nominal_code, name, type, category, currency, status, is_bank,
			takes_costs, pays_costs, read_at)
		SELECT DISTINCT ON (codat_id) $1::bigint, $2::bigint, codat_id, nominal_code, name, type, category, currency, status, is_bank,
			takes_costs, pays_costs, $3::timestamptz
		FROM jsonb_to_recordset($4) AS r (codat_id text, nominal_code text, name text, type text, category text, currency text, status text, is_bank boolean,
			takes_costs boolean, pays_costs boolean)
		WHERE codat_id <> '' AND NOT EXISTS (
			SELECT 1 FROM ledger_accounts a WHERE a.connection_id = $2 AND a.codat_id = r.codat_id AND a.gone_at IS NULL AND a.made_at IS NULL
				AND a.name = r.name AND r.nominal_code IN ('', a.nominal_code) AND r.type IN ('', a.type) AND r.category IN ('', a.category)
				AND r.currency IN ('', a.currency) AND r.status IN ('', a.status) AND a.is_bank = r.is_bank
				AND (r.takes_costs IS NULL OR r.takes_costs IS NOT DISTINCT FROM a.takes_costs) AND (r.pays_costs IS NULL OR r.pays_costs IS NOT DISTINCT FROM a.pays_costs))
		ON CONFLICT (connection_id, codat_id) DO UPDATE SET
			nominal_code = coalesce(nullif(excluded.nominal_code, ''), ledger_accounts.nominal_code), name = excluded.name,
			type = coalesce(nullif(excluded.type, ''), ledger_accounts.type),
			category = coalesce(nullif(excluded.category, ''), ledger_accounts.category),
			currency = coalesce(nullif(excluded.currency, ''), ledger_accounts.currency),
			status = coalesce(nullif(excluded.status, ''), ledger_accounts.status), is_bank = excluded.is_bank,
			takes_costs = coalesce(excluded.takes_costs, ledger_accounts.takes_costs), pays_costs = coalesce(excluded.pays_costs, ledger_accounts.pays_costs),
			read_at = greatest(excluded.read_at, ledger_accounts.read_at), gone_at = NULL, made_at = NULL`)
}

// Suppliers writes one page of suppliers.
func (r *LedgerReading) Suppliers(ctx context.Context, page []Supplier) error {
	r.meet(LedgerSuppliers, ids(page, func(s Supplier) string { return s.CodatID }))
	return r.write(ctx, "suppliers", page, `
		INSERT INTO suppliers (company_id, connection_id, codat_id, name, currency, status, read_at)
		SELECT DISTINCT ON (codat_id) $1::bigint, $2::bigint, codat_id, name, currency, status, $3::timestamptz
		FROM jsonb_to_recordset($4) AS r (codat_id text, name text, currency text, status text)
		WHERE codat_id <> '' AND NOT EXISTS (
			SELECT 1 FROM suppliers s WHERE s.connection_id = $2 AND s.codat_id = r.codat_id AND s.gone_at IS NULL AND s.made_at IS NULL
				AND (s.name, s.currency, s.status) = (r.name, r.currency, r.status))
		ON CONFLICT (connection_id, codat_id) DO UPDATE SET
			name = excluded.name, currency = excluded.currency, status = excluded.status,
			read_at = greatest(excluded.read_at, suppliers.read_at), gone_at = NULL, made_at = NULL`)
}

// TaxRates writes one page of tax rates.
func (r *LedgerReading) TaxRates(ctx context.Context, page []TaxRate) error {
	r.meet(LedgerTaxRates, ids(page, func(t TaxRate) string { return t.CodatID }))
	return r.write(ctx, "tax rates", page, `
		INSERT INTO tax_rates (company_id, connection_id, codat_id, name, code, effective_rate, status, read_at)
		SELECT DISTINCT ON (codat_id) $1::bigint, $2::bigint, codat_id, name, code, nullif(effective_rate, '')::numeric, status, $3::timestamptz
		FROM jsonb_to_recordset($4) AS r (codat_id text, name text, code text, effective_rate text, status text) WHERE codat_id <> ''
		ON CONFLICT (connection_id, codat_id) DO UPDATE SET
			name = excluded.name, code = excluded.code, effective_rate = excluded.effective_rate, status = excluded.status,
			read_at = greatest(excluded.read_at, tax_rates.read_at), gone_at = NULL`)
}

// Tracking writes one page of tracking categories.
func (r *LedgerReading) Tracking(ctx context.Context, page []TrackingCategory) error {
	r.meet(LedgerTracking, ids(page, func(t TrackingCategory) string { return t.CodatID }))
	return r.write(ctx, "tracking categories", page, `
		INSERT INTO tracking_categories (company_id, connection_id, codat_id, name, parent_id, has_children, status, read_at)
		SELECT DISTINCT ON (codat_id) $1::bigint, $2::bigint, codat_id, name, parent_id, has_children, status, $3::timestamptz
		FROM jsonb_to_recordset($4) AS r (codat_id text, name text, parent_id text, has_children boolean, status text)
		WHERE codat_id <> '' AND NOT EXISTS (
			SELECT 1 FROM tracking_categories t WHERE t.connection_id = $2 AND t.codat_id = r.codat_id AND t.gone_at IS NULL
				AND (t.name, t.parent_id, t.has_children, t.status) = (r.name, r.parent_id, r.has_children, r.status))
		ON CONFLICT (connection_id, codat_id) DO UPDATE SET
			name = excluded.name, parent_id = excluded.parent_id, has_children = excluded.has_children, status = excluded.status,
			read_at = greatest(excluded.read_at, tracking_categories.read_at), gone_at = NULL`)
}

func (r *LedgerReading) meet(t LedgerTable, ids []string) {
	if r.met[t] == nil {
		r.met[t] = map[uint64]struct{}{}
	}
	for _, id := range ids {
		r.met[t][hashOf(id)] = struct{}{}
	}
}

func hashOf(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

func ids[T any](page []T, of func(T) string) []string {
	ids := make([]string, len(page))
	for i, record := range page {
		ids[i] = of(record)
	}
	return ids
}

// absent are the ids of a table that the reading did not meet, and that nobody has written since it began.
func (r *LedgerReading) absent(ctx context.Context, tx *Tx, t LedgerTable) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT codat_id FROM `+string(t)+` WHERE connection_id = $1 AND read_at < $2 AND gone_at IS NULL`, r.conn.ID, r.started)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var absent []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if _, met := r.met[t][hashOf(id)]; !met {
			absent = append(absent, id)
		}
	}
	return absent, rows.Err()
}

func (r *LedgerReading) write(ctx context.Context, what string, page any, query string) error {
	j, err := json.Marshal(page)
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	if string(j) == "null" { // an empty page
		return nil
	}
	if _, err := r.s.db.ExecContext(ctx, query, r.conn.CompanyID, r.conn.ID, r.started, string(j)); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// A LedgerTable is one kind of record that was read to the end.
type LedgerTable string

const (
	LedgerAccounts  LedgerTable = "ledger_accounts"
	LedgerSuppliers LedgerTable = "suppliers"
	LedgerTaxRates  LedgerTable = "tax_rates"
	LedgerTracking  LedgerTable = "tracking_categories"
)

// Ended says that a table was read to the end: what was not met is gone from the ledger, and may be made again; so may what we made
// and somebody has renamed since. What we have made ourselves is given until Codat has synced, and a day: its copy of the ledger
// does not have it before.
func (r *LedgerReading) Ended(ctx context.Context, t LedgerTable) error {
	return r.s.InTx(ctx, func(tx *Tx) error {
		absent, err := r.absent(ctx, tx, t)
		if err != nil {
			return fmt.Errorf("find what is gone from %s: %w", t, err)
		}
		if t == LedgerTaxRates || t == LedgerTracking {
			_, err := tx.ExecContext(ctx, `UPDATE `+string(t)+` SET gone_at = clock() WHERE connection_id = $1 AND codat_id = ANY($2)`, r.conn.ID, pq.StringArray(absent))
			if err != nil {
				return fmt.Errorf("mark what is gone from %s: %w", t, err)
			}
			if t == LedgerTracking {
				return r.headings(ctx, tx)
			}
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE `+string(t)+` SET gone_at = clock()
			WHERE connection_id = $1 AND codat_id = ANY($4) AND (made_at IS NULL OR made_at < $2::timestamptz - interval '1 day' AND made_at < $3::timestamptz)`,
			r.conn.ID, r.started, r.conn.LastSyncAt, pq.StringArray(absent))
		if err != nil {
			return fmt.Errorf("mark what is gone from %s: %w", t, err)
		}
		kind, named := AccountStep, "accounts_named"
		if t == LedgerSuppliers {
			kind, named = SupplierStep, "suppliers_named"
		}
		_, err = tx.ExecContext(ctx, `UPDATE push_steps s SET retired = true
			WHERE connection_id = $1 AND kind = $2 AND state = 'success' AND NOT retired
				AND NOT EXISTS (SELECT 1 FROM `+named+`(s.connection_id, s.label))`, r.conn.ID, kind)
		if err != nil {
			return fmt.Errorf("retire what is gone from %s: %w", t, err)
		}
		if t != LedgerAccounts {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE connections SET books_read_at = clock() WHERE id = $1`, r.conn.ID); err != nil {
			return fmt.Errorf("note that the books were read: %w", err)
		}
		return nil
	})
}

// BooksRead reports whether the accounts of the books behind a connection now were read to the end.
func (s *Store) BooksRead(ctx context.Context, connectionID int64) (bool, error) {
	var read bool
	if err := s.db.GetContext(ctx, &read, `SELECT books_read_at IS NOT NULL FROM connections WHERE id = $1`, connectionID); err != nil {
		return false, fmt.Errorf("read whether the books of connection %d are known: %w", connectionID, err)
	}
	return read, nil
}

// headings finds the topmost of what each tracking category stands under; one that stands alone has none.
func (r *LedgerReading) headings(ctx context.Context, tx *Tx) error {
	_, err := tx.ExecContext(ctx, `
		WITH RECURSIVE under AS (
			SELECT codat_id, codat_id AS heading_id, 0 AS depth FROM tracking_categories WHERE connection_id = $1 AND parent_id = ''
			UNION ALL
			SELECT t.codat_id, u.heading_id, u.depth + 1 FROM under u JOIN tracking_categories t ON t.connection_id = $1 AND t.parent_id = u.codat_id
			WHERE u.depth < 20)
		UPDATE tracking_categories t SET heading_id = h.heading_id
		FROM (SELECT codat_id, CASE WHEN depth = 0 THEN '' ELSE heading_id END AS heading_id FROM under) h
		WHERE t.connection_id = $1 AND t.codat_id = h.codat_id AND t.heading_id <> h.heading_id`, r.conn.ID)
	if err != nil {
		return fmt.Errorf("find the headings of tracking categories: %w", err)
	}
	return nil
}

const accountColumns = `codat_id, nominal_code, name, type, category, currency, status, is_bank, takes_costs, pays_costs`

// AccountMatches returns Codat's ids of the accounts of a connection that the category of a line means: what a person has mapped it
// to, else those of that name, code or id in whatever case, else the account for the rest. One is a match, several are for a person
// to choose from, none is an account that does not exist yet.
func (s *Store) AccountMatches(ctx context.Context, connectionID int64, category string) ([]string, error) {
	return s.matches(ctx, "account_matches", connectionID, category)
}

// SupplierMatches is the same for the supplier an expense names, or none ("").
func (s *Store) SupplierMatches(ctx context.Context, connectionID int64, name string) ([]string, error) {
	return s.matches(ctx, "supplier_matches", connectionID, name)
}

// BankMatches is the same for the account an expense says it was paid from; "" means the default, or the only bank account.
func (s *Store) BankMatches(ctx context.Context, connectionID int64, paidFrom string) ([]string, error) {
	return s.matches(ctx, "bank_matches", connectionID, paidFrom)
}

// TaxRateMatches is the same for a tax treatment: the text of a line; "" of one without tax that names none; "*" of one with tax
// that names none.
func (s *Store) TaxRateMatches(ctx context.Context, connectionID int64, treatment string) ([]string, error) {
	return s.matches(ctx, "tax_rate_matches", connectionID, treatment)
}

// TrackingOf returns Codat's ids of the tracking categories of a line of that category, one for each heading.
func (s *Store) TrackingOf(ctx context.Context, connectionID int64, category string) ([]string, error) {
	return s.matches(ctx, "tracking_of", connectionID, category)
}

func (s *Store) matches(ctx context.Context, function string, connectionID int64, text string) ([]string, error) {
	var ids []string
	if err := s.db.SelectContext(ctx, &ids, `SELECT codat_id FROM `+function+`($1, $2)`, connectionID, text); err != nil {
		return nil, fmt.Errorf("%s of %q: %w", function, text, err)
	}
	return ids, nil
}

// BankAccounts returns the accounts of a connection that an expense can be paid from.
func (s *Store) BankAccounts(ctx context.Context, connectionID int64) ([]Account, error) {
	var as []Account
	err := s.db.SelectContext(ctx, &as, `SELECT `+accountColumns+` FROM ledger_accounts
		WHERE connection_id = $1 AND gone_at IS NULL AND is_bank AND status NOT IN ('Archived') ORDER BY name, codat_id`, connectionID)
	if err != nil {
		return nil, fmt.Errorf("list bank accounts: %w", err)
	}
	return as, nil
}

// ExpenseAccounts returns the Active expense accounts of some companies' connections, for suggestions: by name, at most limit.
func (s *Store) ExpenseAccounts(ctx context.Context, connectionID int64, limit int) ([]Account, error) {
	var as []Account
	err := s.db.SelectContext(ctx, &as, `SELECT `+accountColumns+` FROM ledger_accounts
		WHERE connection_id = $1 AND gone_at IS NULL AND NOT is_bank AND type = 'Expense' AND status = 'Active'
		ORDER BY lower(name), codat_id LIMIT $2`, connectionID, limit)
	if err != nil {
		return nil, fmt.Errorf("list expense accounts: %w", err)
	}
	return as, nil
}

// Suppliers returns the Active suppliers of a connection, for suggestions: by name, at most limit.
func (s *Store) Suppliers(ctx context.Context, connectionID int64, limit int) ([]Supplier, error) {
	var out []Supplier
	err := s.db.SelectContext(ctx, &out, `SELECT codat_id, name, currency, status FROM suppliers
		WHERE connection_id = $1 AND gone_at IS NULL AND status <> 'Archived' AND name <> '' ORDER BY lower(name), codat_id LIMIT $2`, connectionID, limit)
	if err != nil {
		return nil, fmt.Errorf("list suppliers: %w", err)
	}
	return out, nil
}

const taxRateColumns = `codat_id, name, code, coalesce(effective_rate::text, '') AS effective_rate, status`

// TaxRates returns the Active tax rates of a connection, for suggestions: by name, at most limit.
func (s *Store) TaxRates(ctx context.Context, connectionID int64, limit int) ([]TaxRate, error) {
	var out []TaxRate
	err := s.db.SelectContext(ctx, &out, `SELECT `+taxRateColumns+` FROM tax_rates
		WHERE connection_id = $1 AND gone_at IS NULL AND status IN ('Active', '') ORDER BY lower(name), codat_id LIMIT $2`, connectionID, limit)
	if err != nil {
		return nil, fmt.Errorf("list tax rates: %w", err)
	}
	return out, nil
}

// LedgerCounts says how many records of each kind were read from a connection's ledger.
type LedgerCounts struct{ Accounts, Banks, Suppliers, TaxRates int }

// LedgerCounts counts what is known of a connection's ledger.
func (s *Store) LedgerCounts(ctx context.Context, connectionID int64) (LedgerCounts, error) {
	var c LedgerCounts
	err := s.db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM ledger_accounts WHERE connection_id = $1 AND gone_at IS NULL AND NOT is_bank),
		(SELECT count(*) FROM ledger_accounts WHERE connection_id = $1 AND gone_at IS NULL AND is_bank),
		(SELECT count(*) FROM suppliers WHERE connection_id = $1 AND gone_at IS NULL),
		(SELECT count(*) FROM tax_rates WHERE connection_id = $1 AND gone_at IS NULL)`, connectionID).
		Scan(&c.Accounts, &c.Banks, &c.Suppliers, &c.TaxRates)
	if err != nil {
		return c, fmt.Errorf("count ledger records: %w", err)
	}
	return c, nil
}

func int64s(ids []int64) pq.Int64Array { return pq.Int64Array(ids) }
