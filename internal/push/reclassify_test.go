package push

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// What older rules said of a failure is found anew; what we knew ourselves stays.
func TestReclassify(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), storetest.New(t)
	by, err := s.SaveUser(ctx, "ann@example.com", "hash", store.Finance)
	if err != nil {
		t.Fatal(err)
	}
	var company store.Company
	err = s.InTx(ctx, func(tx *store.Tx) error {
		if company, err = tx.SaveCompany(ctx, "co", "Northwind", ""); err != nil {
			return err
		}
		_, _, err := tx.SaveConnection(ctx, company.ID, store.ConnectionNews{CodatID: "link", PlatformName: "FreeAgent", PlatformKey: "fbrh",
			SourceType: "Accounting", Status: "Linked", At: time.Now()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	fact := explain.Fact{Kind: "directCost", Platform: "Xero", OperationStatus: "Failed",
		Problems: []explain.Problem{{ItemID: "LineItems[0].AccountRef.Id", Message: "Account code '429' has been archived"}}}
	told, err := json.Marshal(fact)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for i, f := range []store.Failure{{Fact: told, Cause: "of_old", Subject: "?"}, {Fact: json.RawMessage(`{}`), Cause: string(explain.CauseNoBankAccount), Subject: "Till"}} {
		added, err := s.AddExpenses(ctx, by, []store.NewExpense{{CompanyID: company.ID, Reference: []string{"A", "B"}[i], IssueDate: time.Now(), Currency: "GBP", Source: "form",
			Lines: []store.Line{{Category: "Travel", Net: decimal.MustParse("1")}}}})
		if err != nil {
			t.Fatal(err)
		}
		err = s.InTx(ctx, func(tx *store.Tx) error {
			ps, err := tx.LockPushables(ctx, added)
			if err != nil {
				return err
			}
			p := plan(ps[0], Push, forecast{})
			p.Steps = p.Steps[len(p.Steps)-1:] // the cost alone
			return tx.CreatePushes(ctx, by, []store.PlannedPush{p})
		})
		if err != nil {
			t.Fatal(err)
		}
		claims, err := s.ClaimSteps(ctx, 1, 1, time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatalf("claims %+v, error %v", claims, err)
		}
		if err := s.SettleAttempt(ctx, claims[0], 0, store.Settlement{Failed: &f}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, added[0])
	}
	if err := reclassify(ctx, s); err != nil {
		t.Fatal(err)
	}
	cause, subject := explain.Classify(fact)
	for i, want := range []struct{ cause, subject string }{{string(cause), subject}, {string(explain.CauseNoBankAccount), "Till"}} {
		ps, err := s.Pushes(ctx, ids[i])
		if err != nil || ps[0].Cause != want.cause || ps[0].Subject != want.subject {
			t.Errorf("push %d: %+v, want %+v; error %v", i, ps, want, err)
		}
	}
	if old, err := s.OldCauses(ctx, explain.Version, 10); err != nil || len(old) > 0 {
		t.Errorf("still old: %+v, error %v", old, err)
	}
}
