package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// ExpenseItem is an expense as lists show it: with its company, its connection and the newest push's cost step.
type ExpenseItem struct {
	ID          int64
	CompanyID   int64 `db:"company_id"`
	Company     string
	Reference   string
	IssueDate   time.Time `db:"issue_date"`
	Supplier    string
	Description string
	Currency    string
	Total       decimal.Decimal
	Status      ExpenseStatus
	StatusAt    time.Time `db:"status_at"`

	// The accounting connection that would be used now; empty when the company has none.
	Platform            string
	PlatformKey         string     `db:"platform_key"`
	ConnectionStatus    string     `db:"connection_status"`
	ConnectionChangedAt *time.Time `db:"connection_changed_at"`
	ProvenAt            *time.Time `db:"proven_at"`
	Facts               Facts      // before a push, and after one that failed

	// The newest push; empty when there is none.
	PushedAt   *time.Time `db:"pushed_at"`
	Cause      string
	Subject    string
	FailedStep string    `db:"failed_step"` // the account or supplier that failed the push: "account Travel"
	StepState  StepState `db:"step_state"`
	Doubt      bool
	SentAt     *time.Time `db:"sent_at"`
	SettledAt  *time.Time `db:"settled_at"`
	NextTryAt  *time.Time `db:"next_try_at"`
	WaitReason string     `db:"wait_reason"`
	WaitsFor   string     `db:"waits_for"`   // what must be in the ledger first: "account Travel"
	WaitsState StepState  `db:"waits_state"` // how its step stands
	Asking     bool       // a webhook told of a failure; the reason is being read
	Unsent     bool       // nothing of its cost was sent yet: the push can be withdrawn
	Paused     bool       // a person has paused sending, of all or of its company
	Now        time.Time  // the database's clock
}

const expenseItems = `
	SELECT e.id, e.company_id, co.name AS company, e.reference, e.issue_date, e.supplier, e.description, e.currency, e.total,
		e.status, e.status_at,
		coalesce(cn.platform_name, '') AS platform, coalesce(cn.platform_key, '') AS platform_key, coalesce(cn.status, '') AS connection_status,
		cn.changed_at AS connection_changed_at, cn.proven_at,
		CASE WHEN e.status IN ('not_pushed', 'failed') THEN ` + factsOf + ` END AS facts,
		coalesce((SELECT f.kind || ' ' || f.label FROM push_steps f WHERE f.id = p.failed_step_id), '') AS failed_step,
		p.created_at AS pushed_at, coalesce(p.cause, '') AS cause, coalesce(p.subject, '') AS subject,
		coalesce(s.state, '') AS step_state, coalesce(s.doubt, false) AS doubt, s.sent_at, s.settled_at, s.next_try_at,
		coalesce(s.wait_reason, '') AS wait_reason,
		coalesce(need.what, '') AS waits_for, coalesce(need.state, '') AS waits_state,
		coalesce(s.state = 'pending' AND s.ask_at <= clock(), false) AS asking,
		coalesce(p.state = 'open' AND s.state IN ('waiting', 'ready') AND s.first_sent_at IS NULL, false) AS unsent,
		e.status = 'in_progress' AND EXISTS (SELECT 1 FROM send_pauses z WHERE z.by_person AND (z.company_id IS NULL OR z.company_id = e.company_id)) AS paused,
		clock() AS now
	FROM e
		JOIN companies co ON co.id = e.company_id
		LEFT JOIN pushes p ON p.id = e.push_id
		LEFT JOIN push_steps s ON s.id = p.cost_step_id
		LEFT JOIN LATERAL (
			SELECT w.kind || ' ' || w.label AS what, w.state FROM push_needs n JOIN push_steps w ON w.id = n.step_id
			WHERE n.push_id = p.id AND p.state = 'open' AND w.kind <> 'directCost' AND w.state <> 'success' ORDER BY n.position LIMIT 1) need ON true
		LEFT JOIN ` + accountingOf + ` cn ON true`

// ExpenseSort is the order of a list of expenses.
type ExpenseSort string

const (
	SortDate           ExpenseSort = "" // the newest date first
	SortDateOldest     ExpenseSort = "date"
	SortAmount         ExpenseSort = "-amount" // the largest first
	SortAmountSmallest ExpenseSort = "amount"
	SortChanged        ExpenseSort = "-changed" // what changed last first
	SortChangedOldest  ExpenseSort = "changed"
)

// column is what is sorted by, its type and whether the greatest comes first.
func (o ExpenseSort) column() (name, kind string, descending bool) {
	switch o {
	case SortDateOldest:
		return "issue_date", "date", false
	case SortAmount, SortAmountSmallest:
		return "total", "numeric", o == SortAmount
	case SortChanged, SortChangedOldest:
		return "status_at", "timestamptz", o == SortChanged
	}
	return "issue_date", "date", true
}

// ExpenseFilter chooses expenses. Zero fields do not choose.
type ExpenseFilter struct {
	Status    ExpenseStatus
	CompanyID int64
	From, To  time.Time           // dates, both included
	Min, Max  decimal.NullDecimal // totals, both included
	Currency  string
	Supplier  string // the whole name, whatever its case
	Cause     string // explain's code of why the newest push failed
	Subject   string // the value in the cause; chooses only together with it
	Text      string // within reference, supplier or description
	Sort      ExpenseSort
}

// ExpensePage is one page of a list, newest date first. Before and After are cursors, "" where there is no such page.
type ExpensePage struct {
	Items         []ExpenseItem
	Before, After string
}

// PageSize is how many expenses a page shows.
const PageSize = 50

// ExpensePage returns the page of the expenses that filter chooses, after or before a cursor ("" and "" = the first). A
// cursor that cannot be read shows the first page.
func (s *Store) ExpensePage(ctx context.Context, f ExpenseFilter, after, before string) (ExpensePage, error) {
	where, args := f.where()
	column, kind, descending := f.Sort.column()
	backwards := false
	value, id, ok := parseCursor(after, kind)
	if !ok {
		value, id, ok = parseCursor(before, kind)
		backwards = ok
	}
	compare, order, shown := ">", "ASC", "ASC"
	if descending {
		shown = "DESC"
	}
	if descending != backwards {
		compare, order = "<", "DESC"
	}
	if ok {
		args = append(args, value, id)
		where = append(where, fmt.Sprintf("(%s, id) %s ($%d::%s, $%d::bigint)", column, compare, len(args)-1, kind, len(args)))
	}
	condition := ""
	if len(where) > 0 {
		condition = "WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, PageSize+1)
	var items []ExpenseItem
	err := s.db.SelectContext(ctx, &items, fmt.Sprintf(`
		WITH e AS (SELECT * FROM expenses %[1]s ORDER BY %[2]s %[3]s, id %[3]s LIMIT $%[4]d) %[5]s
		ORDER BY e.%[2]s %[6]s, e.id %[6]s`, condition, column, order, len(args), expenseItems, shown), args...)
	if err != nil {
		return ExpensePage{}, fmt.Errorf("list expenses: %w", err)
	}
	return cutPage(items, ok, backwards, kind), nil
}

// cutPage drops the one row that was read to see whether there is a further page, and sets the cursors.
func cutPage(items []ExpenseItem, turned, backwards bool, kind string) ExpensePage {
	further := len(items) > PageSize
	if further && backwards {
		items = items[1:]
	} else if further {
		items = items[:PageSize]
	}
	page := ExpensePage{Items: items}
	if len(items) == 0 {
		return page
	}
	if turned && !backwards || backwards && further {
		page.Before = cursor(items[0], kind)
	}
	if backwards || further {
		page.After = cursor(items[len(items)-1], kind)
	}
	return page
}

func cursor(i ExpenseItem, kind string) string {
	value := i.IssueDate.Format(time.DateOnly)
	switch kind {
	case "numeric":
		value = i.Total.String()
	case "timestamptz":
		value = i.StatusAt.UTC().Format(time.RFC3339Nano)
	}
	return value + "_" + strconv.FormatInt(i.ID, 10)
}

func parseCursor(s, kind string) (value string, id int64, ok bool) {
	value, n, ok := strings.Cut(s, "_")
	if !ok {
		return "", 0, false
	}
	var err error
	var t time.Time
	switch kind {
	case "numeric":
		_, err = decimal.Parse(value)
	case "timestamptz":
		t, err = time.Parse(time.RFC3339Nano, value)
	default:
		t, err = time.Parse(time.DateOnly, value)
	}
	if err != nil || kind != "numeric" && t.Year() < 1 {
		return "", 0, false
	}
	id, err = strconv.ParseInt(n, 10, 64)
	return value, id, err == nil
}

func (f ExpenseFilter) where() (where []string, args []any) {
	and := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.Status != "" {
		and("status = ?", f.Status)
	}
	if f.CompanyID != 0 {
		and("company_id = ?", f.CompanyID)
	}
	if !f.From.IsZero() {
		and("issue_date >= ?::date", f.From.Format(time.DateOnly))
	}
	if !f.To.IsZero() {
		and("issue_date <= ?::date", f.To.Format(time.DateOnly))
	}
	if f.Min.Valid {
		and("total >= ?", f.Min.Decimal)
	}
	if f.Max.Valid {
		and("total <= ?", f.Max.Decimal)
	}
	if f.Currency != "" {
		and("currency = ?", f.Currency)
	}
	if f.Supplier != "" {
		and("lower(supplier) = lower(?)", f.Supplier)
	}
	if f.Cause != "" {
		and("EXISTS (SELECT 1 FROM pushes p WHERE p.id = push_id AND p.cause = ?)", f.Cause)
		if f.Subject != "" {
			and("EXISTS (SELECT 1 FROM pushes p WHERE p.id = push_id AND p.subject = ?)", f.Subject)
		}
	}
	if t := strings.TrimSpace(f.Text); t != "" {
		escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ReplaceAll(t, "\x00", ""))
		and("(reference ILIKE ? OR supplier ILIKE ? OR description ILIKE ?)", "%"+escaped+"%")
	}
	return where, args
}

// ExpenseItems returns the expenses with those ids.
func (s *Store) ExpenseItems(ctx context.Context, ids []int64) ([]ExpenseItem, error) {
	var items []ExpenseItem
	err := s.db.SelectContext(ctx, &items, `WITH e AS (SELECT * FROM expenses WHERE id = ANY($1)) `+expenseItems+` ORDER BY e.id`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read expenses: %w", err)
	}
	return items, nil
}

// StatusCounts counts the expenses of each status, of one company (0 = of all).
func (s *Store) StatusCounts(ctx context.Context, companyID int64) (map[ExpenseStatus]int, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT status, count(*) FROM expenses WHERE $1 = 0 OR company_id = $1 GROUP BY status`, companyID)
	if err != nil {
		return nil, fmt.Errorf("count expenses: %w", err)
	}
	defer rows.Close()
	counts := map[ExpenseStatus]int{}
	for rows.Next() {
		var status ExpenseStatus
		var n int
		if err := rows.Scan(&status, &n); err != nil {
			return nil, fmt.Errorf("count expenses: %w", err)
		}
		counts[status] = n
	}
	return counts, rows.Err()
}

// StatusCountsByCompany counts the expenses of each status for each of these companies that has any.
func (s *Store) StatusCountsByCompany(ctx context.Context, companyIDs []int64) (map[int64]map[ExpenseStatus]int, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT company_id, status, count(*) FROM expenses WHERE company_id = ANY($1) GROUP BY company_id, status`,
		int64s(companyIDs))
	if err != nil {
		return nil, fmt.Errorf("count expenses by company: %w", err)
	}
	defer rows.Close()
	counts := map[int64]map[ExpenseStatus]int{}
	for rows.Next() {
		var id int64
		var status ExpenseStatus
		var n int
		if err := rows.Scan(&id, &status, &n); err != nil {
			return nil, fmt.Errorf("count expenses by company: %w", err)
		}
		if counts[id] == nil {
			counts[id] = map[ExpenseStatus]int{}
		}
		counts[id][status] = n
	}
	return counts, rows.Err()
}

// Sum is an amount of one currency.
type Sum struct {
	Currency string
	Total    decimal.Decimal
	Count    int
}

// HeldSums returns, per connection that is down, what waits for it per currency.
func (s *Store) HeldSums(ctx context.Context) (map[int64][]Sum, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT p.connection_id, e.currency, sum(e.total), count(*)
		FROM expenses e JOIN pushes p ON p.id = e.push_id WHERE e.status = 'on_hold' GROUP BY 1, 2 ORDER BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("sum expenses on hold: %w", err)
	}
	defer rows.Close()
	sums := map[int64][]Sum{}
	for rows.Next() {
		var id int64
		var sum Sum
		if err := rows.Scan(&id, &sum.Currency, &sum.Total, &sum.Count); err != nil {
			return nil, fmt.Errorf("sum expenses on hold: %w", err)
		}
		sums[id] = append(sums[id], sum)
	}
	return sums, rows.Err()
}
