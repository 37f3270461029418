package csvfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"tallylight/store"
	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// withCompanies returns an empty database that knows two companies.
func withCompanies(t *testing.T) *store.Store {
	t.Helper()
	s := storetest.New(t)
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		for _, name := range []string{"Northwind Ltd", "Fabrikam"} {
			if _, err := tx.SaveCompany(t.Context(), "id of "+name, name, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func count(t *testing.T, s *store.Store) int {
	t.Helper()
	counts, err := s.StatusCounts(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return counts[store.NotPushed]
}

const two = headerLine +
	"Northwind Ltd,EXP-1,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n" +
	"Northwind Ltd,EXP-1,2026-01-31,Pret,Coffee,420,GBP,3.00,0.60,Bank\n" +
	"id of fabrikam,EXP-2,2026-01-31,Pret,Lunch,420,EUR,10.00,2.00,Bank\n"

func TestImport(t *testing.T) {
	t.Parallel()
	s := withCompanies(t)
	added, _, problems, err := Import(t.Context(), s, store.User{Email: "ann@example.com"}, strings.NewReader(two))
	if err != nil || len(problems) > 0 || len(added) != 2 {
		t.Fatalf("added %d, problems %+v, error %v", added, problems, err)
	}
	page, err := s.ExpensePage(t.Context(), store.ExpenseFilter{Text: "EXP-1"}, "", "")
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%d expenses, error %v", len(page.Items), err)
	}
	e, err := s.Expense(t.Context(), page.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if e.Status != store.NotPushed || e.Source != "csv" || e.Total.String() != "15.6000" || len(e.Lines) != 2 || e.Lines[1].Description != "Coffee" {
		t.Errorf("entered %+v", e)
	}
	story, err := s.ActivityOf(t.Context(), "expense", e.ID)
	if err != nil || len(story) != 1 || story[0].Actor != "ann@example.com" {
		t.Errorf("story %+v, error %v", story, err)
	}

	added, here, problems, err := Import(t.Context(), s, store.User{}, strings.NewReader(two))
	if err != nil || len(added) != 0 || here != 2 || len(problems) != 0 {
		t.Errorf("again: added %d, %d here, problems %+v, error %v", added, here, problems, err)
	}
	if n := count(t, s); n != 2 {
		t.Errorf("%d expenses after the second import", n)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := withCompanies(t)
	if _, _, problems, err := Import(t.Context(), s, store.User{}, strings.NewReader(two)); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	file := headerLine +
		"Northwind Ltd,EXP-3,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n" +
		"Fabrikam,EXP-1,2026-01-31,Pret,Lunch,420,EUR,10.00,2.00,Bank\n" + // free in this company
		"Fabrikam,EXP-2,2026-01-30,Pret,Lunch,420,EUR,10.00,2.00,Bank\n" + // another date
		"Fabrikam,EXP-4,2026-13-31,Pret,Lunch,420,EUR,10.00,2.00,Bank\n"
	added, _, problems, err := Import(t.Context(), s, store.User{}, strings.NewReader(file))
	if err != nil || len(added) != 0 || len(problems) != 2 || problems[0].Line != 4 || problems[1].Line != 5 {
		t.Errorf("added %d, problems %+v, error %v", added, problems, err)
	}
	if n := count(t, s); n != 2 {
		t.Errorf("%d expenses, want the 2 of before", n)
	}
}

func TestImportTwiceAtOnce(t *testing.T) {
	t.Parallel()
	s := withCompanies(t)
	var b strings.Builder
	b.WriteString(headerLine)
	for i := range 2500 { // more than one batch
		fmt.Fprintf(&b, "Northwind Ltd,EXP-%d,2026-01-31,Pret,Lunch,420,GBP,10.00,2.00,Bank\n", i)
	}
	added := make([]int, 3)
	var imports errgroup.Group
	for i := range added {
		imports.Go(func() error {
			ids, here, problems, err := Import(t.Context(), s, store.User{}, strings.NewReader(b.String()))
			if err == nil && len(ids)+here != 2500 {
				err = fmt.Errorf("added %d, %d here, problems %v", len(ids), here, problems)
			}
			added[i] = len(ids)
			return err
		})
	}
	if err := imports.Wait(); err != nil {
		t.Fatal(err)
	}
	if sum := added[0] + added[1] + added[2]; sum != 2500 || count(t, s) != 2500 {
		t.Errorf("added %v, there are %d", added, count(t, s))
	}
}

// A file that is discarded while it is read is not half a file for who downloads it.
func TestProblemsOfAFileThatIsGone(t *testing.T) {
	t.Parallel()
	s := withCompanies(t)
	i := &Importer{Store: s}
	id, err := s.AddImport(t.Context(), store.User{Email: "ann@example.com"}, "x.csv", strings.NewReader(two))
	if err != nil {
		t.Fatal(err)
	}
	im, _, err := s.Import(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(i.Guess(t.Context(), im, ""), s.DropImport(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	im.Format = []byte(`{}`)
	var out strings.Builder
	if err := i.WriteProblems(t.Context(), &out, im, nil); err == nil || out.Len() > 0 {
		t.Errorf("%q was written, error %v", out.String(), err)
	}
}
