package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/lib/pq"
)

// EnteredExpense is what became of an expense that was entered once.
type EnteredExpense struct {
	ID     int64
	Status ExpenseStatus
	Made   bool // now; otherwise it was there already, the same
}

// ContentDiffersError says which of the expenses entered are there already, by company and reference, with other content. Nothing
// was entered.
type ContentDiffersError struct{ Of []ContentDiffers }

// ContentDiffers is one expense that is there already with other content.
type ContentDiffers struct {
	Index  int      // of what was entered
	Fields []string // that differ: "supplier", "line 2 net"
}

func (e *ContentDiffersError) Error() string {
	return fmt.Sprintf("%d expenses are there already with other content", len(e.Of))
}

// enterTries is how often others may be quicker with one of the references.
const enterTries = 10

// EnterOnce enters the expenses that are not there yet, by company and reference, all of them or none, and says in the same order
// what became of each. Those that are there already with the same content are left as they are; with other content it is a
// *ContentDiffersError. No two of es have the same company and reference; the caller has looked for Problems.
func (s *Store) EnterOnce(ctx context.Context, by User, es []NewExpense) ([]EnteredExpense, error) {
	for try := 1; ; try++ {
		var entered []EnteredExpense
		err := s.InTx(ctx, func(tx *Tx) (err error) {
			entered, err = tx.enterOnce(ctx, by, es)
			return err
		})
		if isReferenceTaken(err) && try < enterTries {
			continue // somebody else entered one of them meanwhile: look again
		}
		return entered, err
	}
}

func (tx *Tx) enterOnce(ctx context.Context, by User, es []NewExpense) ([]EnteredExpense, error) {
	there, err := tx.expensesByReference(ctx, es)
	if err != nil {
		return nil, err
	}
	entered := make([]EnteredExpense, len(es))
	var differing []ContentDiffers
	var fresh []NewExpense
	for i, e := range es {
		was, ok := there[keyOf(e.CompanyID, e.Reference)]
		if !ok {
			fresh = append(fresh, e)
			continue
		}
		entered[i] = EnteredExpense{ID: was.ID, Status: was.Status}
		fields, err := was.differsFrom(e)
		if err != nil {
			return nil, fmt.Errorf("compare with expense %d: %w", was.ID, err)
		}
		if len(fields) > 0 {
			differing = append(differing, ContentDiffers{i, fields})
		}
	}
	if len(differing) > 0 {
		return nil, &ContentDiffersError{differing}
	}
	ids, err := tx.addExpenses(ctx, by, fresh)
	if err != nil {
		return nil, err
	}
	for i := range entered {
		if entered[i].ID == 0 {
			entered[i], ids = EnteredExpense{ID: ids[0], Status: NotPushed, Made: true}, ids[1:]
		}
	}
	return entered, nil
}

type referenceKey struct {
	companyID int64
	reference string
}

func keyOf(companyID int64, reference string) referenceKey {
	return referenceKey{companyID, strings.TrimSpace(reference)}
}

// expensesByReference are those that are there, with their lines; locked, so that the two belong together.
func (tx *Tx) expensesByReference(ctx context.Context, es []NewExpense) (map[referenceKey]*Expense, error) {
	companies, references := make([]int64, len(es)), make([]string, len(es))
	for i, e := range es {
		companies[i], references[i] = e.CompanyID, strings.TrimSpace(e.Reference)
	}
	var found []*Expense
	err := tx.SelectContext(ctx, &found, `SELECT `+expenseColumns+` FROM unnest($1::bigint[], $2::text[]) AS n (company_id, reference)
		JOIN expenses e ON e.company_id = n.company_id AND e.reference = n.reference ORDER BY e.id FOR SHARE OF e`,
		int64s(companies), pq.StringArray(references))
	if err != nil {
		return nil, fmt.Errorf("look for expenses by reference: %w", err)
	}
	there, byID, ids := make(map[referenceKey]*Expense, len(found)), make(map[int64]*Expense, len(found)), make([]int64, len(found))
	for i, e := range found {
		there[keyOf(e.CompanyID, e.Reference)], byID[e.ID], ids[i] = e, e, e.ID
	}
	var lines []struct {
		ExpenseID int64 `db:"expense_id"`
		Line
	}
	err = tx.SelectContext(ctx, &lines, `SELECT expense_id, description, category, tax_rate, net, tax FROM expense_lines
		WHERE expense_id = ANY($1) ORDER BY expense_id, position`, int64s(ids))
	if err != nil {
		return nil, fmt.Errorf("read lines of expenses: %w", err)
	}
	for _, l := range lines {
		byID[l.ExpenseID].Lines = append(byID[l.ExpenseID].Lines, l.Line)
	}
	return there, nil
}

// differsFrom names the fields in which an expense differs from what is entered.
func (e Expense) differsFrom(n NewExpense) ([]string, error) {
	was, err := e.Entered().record()
	if err != nil {
		return nil, err
	}
	now, err := n.record()
	if err != nil {
		return nil, err
	}
	var fields []string
	for _, d := range differences(was, now) {
		fields = append(fields, d.Field)
	}
	return fields, nil
}

// ExpenseByReference returns the id of a company's expense, or ErrNotFound.
func (s *Store) ExpenseByReference(ctx context.Context, companyID int64, reference string) (id int64, err error) {
	err = s.db.GetContext(ctx, &id, `SELECT id FROM expenses WHERE company_id = $1 AND reference = $2`, companyID, strings.TrimSpace(reference))
	if err != nil {
		return 0, fmt.Errorf("find expense by reference: %w", err)
	}
	return id, nil
}
