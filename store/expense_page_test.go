package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"golang.org/x/sync/errgroup"

	"tallylight/store"
)

// Whatever is filtered, sorted and turned to, forward, back or once more, a page is what its filter and cursor say: held against the
// same list made here from the expenses themselves.
func TestEveryListIsWhatItsAddressSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Seed(t.Context(), 7000); err != nil { // more than is read ahead
		t.Fatal(err)
	}
	type row struct {
		ID                                                         int64
		CompanyID                                                  int64     `db:"company_id"`
		IssueDate                                                  time.Time `db:"issue_date"`
		StatusAt                                                   time.Time `db:"status_at"`
		Total                                                      decimal.Decimal
		Status                                                     store.ExpenseStatus
		Reference, Supplier, Description, Currency, Cause, Subject string
	}
	var rows []row
	err := w.sql().Select(&rows, `SELECT id, company_id, issue_date, status_at, total, status, reference, supplier, description, currency, cause, cause_subject AS subject FROM expenses`)
	if err != nil {
		t.Fatal(err)
	}
	orders := map[store.ExpenseSort]func(a, b row) int{
		store.SortDateOldest:     func(a, b row) int { return cmp.Or(a.IssueDate.Compare(b.IssueDate), cmp.Compare(a.ID, b.ID)) },
		store.SortAmountSmallest: func(a, b row) int { return cmp.Or(a.Total.Cmp(b.Total), cmp.Compare(a.ID, b.ID)) },
		store.SortChangedOldest:  func(a, b row) int { return cmp.Or(a.StatusAt.Compare(b.StatusAt), cmp.Compare(a.ID, b.ID)) },
	}
	for up, down := range map[store.ExpenseSort]store.ExpenseSort{
		store.SortDateOldest: store.SortDate, store.SortAmountSmallest: store.SortAmount, store.SortChangedOldest: store.SortChanged} {
		orders[down] = func(a, b row) int { return orders[up](b, a) }
	}
	chosen := func(f store.ExpenseFilter, r row) bool {
		return (f.Status == "" || r.Status == f.Status) && (f.CompanyID == 0 || r.CompanyID == f.CompanyID) &&
			(f.From.IsZero() || !r.IssueDate.Before(f.From) && !r.IssueDate.After(f.To)) &&
			(!f.Min.Valid || r.Total.Cmp(f.Min.Decimal) >= 0 && r.Total.Cmp(f.Max.Decimal) <= 0) && (f.Currency == "" || r.Currency == f.Currency) &&
			(f.Supplier == "" || strings.EqualFold(r.Supplier, f.Supplier)) && (f.Cause == "" || r.Cause == f.Cause) && (f.Subject == "" || r.Subject == f.Subject) &&
			(f.Text == "" || strings.Contains("\n"+strings.ToLower(r.Reference+"\n"+r.Supplier+"\n"+r.Description), begins(f)+strings.ToLower(f.Text)))
	}
	counted := 0
	texts := []string{"", "", "e", "tr", "train", "EX-00012", "Return", "nothing like it", "qz", "a customer", "10%", "_"}
	suppliers := []string{"", "", "", "PROSEWARE", "northern rail", "Nobody"}
	causes := [][2]string{{}, {}, {}, {"account_archived", ""}, {"account_archived", "429"}, {"period_closed", ""}, {"none", ""}}
	random := rand.New(rand.NewPCG(6, 9))
	pick := func(n int) bool { return random.IntN(n) == 0 }
	for range 120 {
		one := rows[random.IntN(len(rows))]
		f := store.ExpenseFilter{Sort: store.Sorts[random.IntN(len(store.Sorts))], Text: texts[random.IntN(len(texts))], Supplier: suppliers[random.IntN(len(suppliers))]}
		cause := causes[random.IntN(len(causes))]
		f.Cause, f.Subject = cause[0], cause[1]
		if pick(3) {
			f.Status = one.Status
		}
		if pick(4) {
			f.CompanyID = one.CompanyID
		}
		if pick(4) {
			f.From, f.To = one.IssueDate.AddDate(0, 0, -random.IntN(90)), one.IssueDate
		}
		if pick(4) {
			f.Min, f.Max = decimal.NullDecimal{Decimal: decimal.MustParse("-20"), Valid: true}, decimal.NullDecimal{Decimal: one.Total.Abs(), Valid: true}
		}
		if pick(4) {
			f.Currency = one.Currency
		}
		var want []int64
		slices.SortFunc(rows, orders[f.Sort])
		for _, r := range rows {
			if chosen(f, r) {
				want = append(want, r.ID)
			}
		}
		counts, err := w.CountsWithin(t.Context(), f)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		all := f
		all.Status = ""
		counted += len(counts)
		exactly := map[store.ExpenseStatus]int{}
		for _, r := range rows {
			if chosen(all, r) {
				exactly[r.Status]++
			}
		}
		for status, some := range counts {
			n := exactly[status]
			if some != (store.Some{N: min(n, 200), More: n > 200}) && some != (store.Some{N: n}) {
				t.Fatalf("%+v: %d are %s, counted as %+v", all, n, status, some)
			}
		}
		after, before, at := "", "", 0
		for range 5 {
			p, err := w.ExpensePage(t.Context(), f, after, before)
			if err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			if got := idsOf(p); !slices.Equal(got, want[at:min(at+store.PageSize, len(want))]) || (p.Before != "") != (at > 0) || (p.After != "") != (at+store.PageSize < len(want)) {
				t.Fatalf("%+v, after %q before %q: %d expenses of %d from %d on, cursors %q %q", f, after, before, len(got), len(want), at, p.Before, p.After)
			}
			switch {
			case p.After != "" && (p.Before == "" || !pick(3)):
				after, before, at = p.After, "", at+store.PageSize
			case p.Before != "":
				after, before, at = "", p.Before, at-store.PageSize
			}
		}
		other, err := w.ExpensePage(t.Context(), f, "2026-01-31_1_nonsense", after+"_x")
		if err != nil || !slices.Equal(idsOf(other), want[:min(store.PageSize, len(want))]) {
			t.Fatalf("%+v: a cursor of no sort does not show the first page: %v", f, err)
		}
	}
	if counted < 120*len(store.Statuses)*9/10 {
		t.Errorf("only %d of %d tabs were counted", counted, 120*len(store.Statuses))
	}
}

// begins is what stands before a text that is too short to be found anywhere.
func begins(f store.ExpenseFilter) string {
	if f.TextBegins() {
		return "\n"
	}
	return ""
}

// The counts are what counting gives, whatever was done at once, undone, or done by several statements of one transaction.
func TestCountsAreExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, _ := w.addCompany("other")
	companies := []int64{w.company, other}
	undone := errors.New("changed my mind")
	var people errgroup.Group
	for p := range 6 {
		random := rand.New(rand.NewPCG(4, uint64(p)))
		people.Go(func() error {
			for n := range 12 {
				var es []store.NewExpense
				for i := range 1 + random.IntN(4) {
					es = append(es, newExpense(companies[random.IntN(2)], fmt.Sprintf("P%d-%d-%d", p, n, i)))
				}
				ids, err := w.AddExpenses(t.Context(), w.by, es)
				if err != nil {
					return err
				}
				err = w.InTx(t.Context(), func(tx *store.Tx) error {
					for _, id := range ids { // several statements, over both companies in any order
						if _, err := press(t, tx, w.by, id); err != nil {
							return err
						}
					}
					if n%3 == 0 {
						return undone
					}
					return nil
				})
				if err != nil && !errors.Is(err, undone) {
					return err
				}
				if n%3 == 0 {
					if err := w.DeleteExpense(t.Context(), w.by, ids[0]); err != nil {
						return err
					}
				}
				if n%3 == 1 {
					if err := w.InTx(t.Context(), func(tx *store.Tx) error { _, err := tx.Withdraw(t.Context(), w.by, ids); return err }); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := people.Wait(); err != nil {
		t.Fatal(err)
	}
	want := map[int64]map[store.ExpenseStatus]int{}
	var counted []struct {
		CompanyID int64 `db:"company_id"`
		Status    store.ExpenseStatus
		N         int
	}
	db := w.sql()
	if err := db.Select(&counted, `SELECT coalesce(company_id, 0) AS company_id, status, count(*) AS n FROM expenses GROUP BY GROUPING SETS ((company_id, status), (status))`); err != nil {
		t.Fatal(err)
	}
	for _, c := range counted {
		if want[c.CompanyID] == nil {
			want[c.CompanyID] = map[store.ExpenseStatus]int{}
		}
		want[c.CompanyID][c.Status] = c.N
	}
	got, err := w.StatusCountsByCompany(t.Context(), []int64{0, w.company, other})
	if err != nil || !reflect.DeepEqual(got, want) || len(want[0]) < 2 {
		t.Errorf("counts %v, want %v, error %v", got, want, err)
	}
	rows, stray := 1000, 0
	for n := range 1000 { // now and then somebody puts them together
		w.add(newExpense(companies[n%2], fmt.Sprintf("MORE-%d", n)))
		if err := db.Get(&rows, `SELECT count(*) FROM expense_counts`); err != nil {
			t.Fatal(err)
		}
		if rows < 50 {
			break
		}
	}
	if rows >= 50 {
		t.Errorf("%d rows of counts were not put together", rows)
	}
	err = db.Get(&stray, `SELECT count(*) FROM expenses e FULL JOIN expense_texts t ON t.expense_id = e.id
		WHERE t.text IS DISTINCT FROM expense_text(e.reference, e.supplier, e.description, e.currency)`)
	if err != nil || stray > 0 {
		t.Errorf("%d texts are not their expenses': %v", stray, err)
	}
}

// An expense has the cause of its newest push for as long as it shows as failed, and groups are made of that.
func TestCauseFollowsThePush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.enter(w.company, 3)
	w.press(ids...)
	db := w.sql()
	cause := func() (c string) {
		t.Helper()
		if err := db.Get(&c, `SELECT cause || ' ' || cause_subject FROM expenses WHERE id = $1`, ids[0]); err != nil {
			t.Fatal(err)
		}
		return c
	}
	step := func(sql string) {
		t.Helper()
		if _, err := db.Exec(sql, ids[0]); err != nil {
			t.Fatal(err)
		}
	}
	step(`WITH p AS (UPDATE pushes SET state = 'failed', settled_at = clock(), cause = 'account_archived', subject = '429' WHERE expense_id = $1 RETURNING id, expense_id)
		UPDATE expenses e SET status = 'failed' FROM p WHERE p.expense_id = e.id`)
	if got := cause(); got != "account_archived 429" {
		t.Errorf("failed: %q", got)
	}
	groups, err := w.CauseGroups(t.Context(), store.ExpenseFilter{CompanyID: w.company})
	if err != nil || len(groups) != 1 || groups[0].Cause != "account_archived" || groups[0].Companies != 1 || groups[0].Expenses != 1 || groups[0].Platform != "Xero" ||
		len(groups[0].Sums) != 1 || groups[0].Sums[0].Total.Cmp(dec("12")) != 0 {
		t.Errorf("groups %+v, error %v", groups, err)
	}
	step(`UPDATE pushes SET cause = 'account_inactive', subject = '' WHERE expense_id = $1`) // newer rules
	if got := cause(); got != "account_inactive " {
		t.Errorf("by newer rules: %q", got)
	}
	step(`UPDATE expenses SET status = 'in_progress' WHERE id = $1`)
	if got := cause(); got != " " {
		t.Errorf("pushed again: %q", got)
	}
	step(`UPDATE expenses SET status = 'failed' WHERE id = $1`) // as it was
	if got := cause(); got != "account_inactive " {
		t.Errorf("as it was: %q", got)
	}
}

// No list of the pages' filters and sorts is sorted or read whole.
func TestListsAreReadInTheirOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Seed(t.Context(), 6000); err != nil {
		t.Fatal(err)
	}
	var company int64
	if err := w.sql().Get(&company, `SELECT min(company_id) FROM expenses`); err != nil {
		t.Fatal(err)
	}
	for _, sort := range store.Sorts {
		for _, f := range []store.ExpenseFilter{{}, {Status: store.Failed}, {CompanyID: company}, {CompanyID: company, Status: store.Complete}} {
			f.Sort = sort
			plans, err := w.Plans(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, plan := range plans {
				if strings.Contains(plan, "Sort  (") || strings.Contains(plan, "Seq Scan") {
					t.Errorf("%+v:\n%s", f, plan)
				}
			}
		}
	}
}

// However short a search is, it is found by an index: what no index finds is not looked for.
func TestShortSearchesReadNoMoreThanTheyFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Seed(t.Context(), 6000); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"q", "qz", "tr", "t-1", "é"} {
		plan, err := w.SearchPlan(t.Context(), store.ExpenseFilter{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "expense_texts_by_part") || strings.Contains(plan, "Seq Scan on expense_texts") {
			t.Errorf("%q:\n%s", text, plan)
		}
	}
}
