package push

import (
	"encoding/json"
	"slices"
	"testing"

	"tallylight/internal/codat"
	"tallylight/store"
)

// sent is the newest body of a kind of step that was sent of a company.
func (d *desk) sent(o *office, kind store.StepKind, into any) {
	d.Helper()
	var body []byte
	if err := d.db.GetContext(d.Context(), &body, `SELECT body FROM push_steps WHERE company_id = $1 AND kind = $2 ORDER BY id DESC LIMIT 1`, o.company.ID, kind); err != nil {
		d.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		d.Fatal(err)
	}
}

// What a person has chosen reaches the bodies: the code and category of a new account, the contact of an expense without a supplier,
// and tracking.
func TestTheMappingReachesTheBodies(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	o := d.offices["gbol"]
	err := d.store.SetMapping(t.Context(), d.by, store.Mapping{ConnectionID: o.conn.ID, CompanyID: o.company.ID, Kind: store.AccountMapping, Label: "Fun",
		Action: store.CreateRecord, Name: "Team events", Code: "9042", Category: "Expense.DirectCosts"})
	if err != nil {
		t.Fatal(err)
	}
	contact := d.one(`SELECT codat_id FROM suppliers WHERE connection_id = $1 AND name = 'Proseware'`, o.conn.ID)
	d.use(o, store.SupplierMapping, "", contact)
	d.usePart(o, store.TrackingMapping, "Fun", "department", d.tracking(o, "Sales"))
	e := d.plainExpense(o)
	e.Supplier, e.Lines[0].Category = "", "Fun"
	if refused, status, cause, said := d.press(e); refused != "" || status != store.Complete {
		t.Fatalf("%s %s %s", status, cause, said)
	}
	var account codat.AccountBody
	if d.sent(o, store.AccountStep, &account); account.Name != "Team events" || account.NominalCode != "9042" || account.FullyQualifiedCategory != "Expense.DirectCosts" {
		t.Errorf("account %+v", account)
	}
	if code := d.one(`SELECT code FROM push_steps WHERE kind = 'account' ORDER BY id DESC LIMIT 1`); code != "9042" {
		t.Errorf("the step has the code %s", code)
	}
	var cost codat.DirectCost
	d.sent(o, store.DirectCostStep, &cost)
	if cost.ContactRef == nil || cost.ContactRef.ID != contact || !slices.Equal(cost.LineItems[0].TrackingCategoryRefs, []codat.Ref{{ID: d.tracking(o, "Sales")}}) {
		t.Errorf("cost %+v", cost)
	}
}

// A package that takes no new accounts says so beforehand; who insists has it tried, and is refused.
func TestNoNewAccountWhereNoneIsTaken(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, key := range []string{"akxx", "trji", "fbrh", "rwuv", "hbql"} {
		e := d.plainExpense(d.offices[key])
		e.Lines[0].Category = "Team events"
		if refused, status, cause, _ := d.press(e); refused != "account_not_made" || status != store.Failed {
			t.Errorf("%s: %q, then %s %s", key, refused, status, cause)
		}
	}
	if n := d.one(`SELECT count(*)::text FROM activity WHERE verb = 'pushed anyway'`); n != "5" {
		t.Errorf("it is recorded %s times that a person insisted", n)
	}
}
