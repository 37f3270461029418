package sandbox_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

func TestMalformedIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	for _, body := range []string{"", "no", "[]", "null", `"text"`, `{"currency":`, `{} {}`} {
		if r := c.push("directCosts", body); r.status != 400 {
			t.Errorf("%q: %d", body, r.status)
		}
	}
	for name, tc := range map[string]struct {
		edits []any
		item  string
	}{
		"no currency":      {[]any{"currency", gone{}}, "Currency"},
		"odd currency":     {[]any{"currency", "pounds"}, "Currency"},
		"no date":          {[]any{"issueDate", gone{}}, "IssueDate"},
		"bad date":         {[]any{"issueDate", "05/01/2026"}, "IssueDate"},
		"no such day":      {[]any{"issueDate", "2026-02-30"}, "IssueDate"},
		"no lines":         {[]any{"lineItems", []any{}}, "LineItems"},
		"total, not named": {[]any{"totalAmount", gone{}, "total", json.Number("120.12")}, "TotalAmount"},
		"no tax":           {[]any{"taxAmount", gone{}}, "TaxAmount"},
		"no allocations":   {[]any{"paymentAllocations", gone{}}, "PaymentAllocations"},
		"no payment":       {[]any{"paymentAllocations.payment", gone{}}, "PaymentAllocations[0].Payment"},
		"no allocation":    {[]any{"paymentAllocations.allocation", gone{}}, "PaymentAllocations[0].Allocation"},
		"no quantity":      {[]any{"lineItems.quantity", gone{}}, "LineItems[0].Quantity"},
	} {
		r := c.push("directCosts", c.cost("A", tc.edits...))
		got := problemsOf(r.json(t))
		if r.status != 400 || len(got) != 1 || !strings.HasPrefix(got[0], tc.item+": ") {
			t.Errorf("%s: %d %v", name, r.status, got)
		}
	}
	for _, number := range []any{"120.12", true, map[string]any{}, json.Number("1e999")} {
		if r := c.push("directCosts", c.cost("A", "totalAmount", number)); r.status != 400 {
			t.Errorf("total %v: %d", number, r.status)
		}
	}
	if n := len(c.ledger("directCosts")); n != 0 {
		t.Errorf("%d in the ledger", n)
	}
	if p := b.get("/companies/" + c.id + "/push"); len(results(p)) != 0 {
		t.Errorf("operations: %v", p)
	}
}

// TestLedgerRefusals has the platforms' reasons. want is the itemId and a part of the message; empty means Success.
func TestLedgerRefusals(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	xero, quickBooks, other, yen := b.company("gbol", "GBP,EUR"), b.company("qhyg", "USD,EUR"), b.company("mqjo", ""), b.company("gbol", "JPY")
	longest := strings.Repeat("é", 255)
	n := func(s string) json.Number { return json.Number(s) }
	whole := []any{"lineItems.unitAmount", n("100"), "lineItems.subTotal", n("100"), "lineItems.taxAmount", n("20"), "lineItems.totalAmount", n("120"),
		"subTotal", n("100"), "taxAmount", n("20"), "totalAmount", n("120"), "paymentAllocations.allocation.totalAmount", n("120")}
	for name, tc := range map[string]struct {
		c     *company
		edits []any
		want  string
	}{
		"xero":                     {xero, nil, ""},
		"xero unknown account":     {xero, []any{"lineItems.accountRef.id", uuid.NewString()}, "LineItems[0].AccountRef.Id: Must match the ID of an existing account."},
		"xero account no GUID":     {xero, []any{"lineItems.accountRef.id", "429"}, "LineItems[0].AccountRef.Id: Must be a valid GUID."},
		"xero archived account":    {xero, []any{"lineItems.accountRef.id", xero.accounts["Fax Services"]}, "LineItems[0].AccountRef.Id: Account code '427' has been archived"},
		"xero no account":          {xero, []any{"lineItems.accountRef", gone{}}, "LineItems[0].AccountRef: Must be provided."},
		"xero no contact":          {xero, []any{"contactRef", gone{}}, "ContactRef: Must be provided."},
		"xero unknown contact":     {xero, []any{"contactRef.id", uuid.NewString()}, "ContactRef.Id: Must match the ID of an existing contact."},
		"xero contact no GUID":     {xero, []any{"contactRef.id", "x"}, "ContactRef.Id: Must be a valid GUID."},
		"xero unknown bank":        {xero, []any{"paymentAllocations.payment.accountRef.id", uuid.NewString()}, "Must match the ID of an existing bank account."},
		"xero paid from no bank":   {xero, []any{"paymentAllocations.payment.accountRef.id", xero.accounts["Rent"]}, "Must be a bank account."},
		"xero no bank":             {xero, []any{"paymentAllocations.payment.accountRef", gone{}}, "PaymentAllocations[0].Payment.AccountRef: Must be provided."},
		"xero no description":      {xero, []any{"lineItems.description", ""}, "LineItems[0].Description: Must be provided."},
		"xero long description":    {xero, []any{"lineItems.description", strings.Repeat("x", 4001)}, "LineItems[0].Description: Must not be longer than 4000"},
		"xero longest reference":   {xero, []any{"reference", longest}, ""},
		"xero long reference":      {xero, []any{"reference", longest + "x"}, "Reference: Must not exceed 255 characters."},
		"xero other currency":      {xero, []any{"currency", "EUR", "paymentAllocations.payment.currency", "EUR", "paymentAllocations.allocation.currency", "EUR"}, ""},
		"xero unknown currency":    {xero, []any{"currency", "CHF", "paymentAllocations.payment.currency", "CHF", "paymentAllocations.allocation.currency", "CHF"}, "Currency: Organisation is not subscribed to currency CHF"},
		"two foreign currencies":   {xero, []any{"currency", "EUR", "paymentAllocations.payment.currency", "USD"}, "PaymentAllocations[0].Payment.Currency: Must match"},
		"xero unknown tax rate":    {xero, []any{"lineItems.taxRateRef.id", "VAT"}, "LineItems[0].TaxRateRef.Id: Must match the ID of an existing tax rate."},
		"xero default tax rate":    {xero, []any{"lineItems.taxRateRef", gone{}}, ""},
		"xero no line tax":         {xero, []any{"lineItems.taxAmount", gone{}}, "LineItems[0].TaxAmount: Must be provided."},
		"xero unknown tracking":    {xero, []any{"lineItems.trackingCategoryRefs", []any{map[string]any{"id": "x"}}}, "LineItems[0].TrackingCategoryRefs.Id: Must be a valid Id"},
		"a cent too much":          {xero, []any{"totalAmount", n("120.13")}, "TotalAmount: Must be equal to the sum of line items."},
		"tax a cent off":           {xero, []any{"taxAmount", n("20.01")}, "TaxAmount: Must be equal to the sum of line items."},
		"net a cent off":           {xero, []any{"subTotal", n("100.09")}, "SubTotal: Must be equal to the sum of line items."},
		"paid a cent less":         {xero, []any{"paymentAllocations.allocation.totalAmount", n("120.11")}, "PaymentAllocations.Allocation.TotalAmount: Must be equal to the sum of line items."},
		"paid nothing said":        {xero, []any{"paymentAllocations.allocation.totalAmount", gone{}}, "PaymentAllocations[0].Allocation.TotalAmount: Must be provided."},
		"written differently":      {xero, []any{"totalAmount", n("1.2012e2"), "taxAmount", n("20.0200")}, ""},
		"hidden in the noise":      {xero, []any{"totalAmount", n("120.12000000000000000001")}, "TotalAmount: Must be equal"},
		"yen":                      {yen, whole, ""},
		"yen with sen":             {yen, nil, "TotalAmount: Must not have more than 0 decimal places."},
		"quickbooks":               {quickBooks, nil, ""},
		"quickbooks reference":     {quickBooks, []any{"reference", strings.Repeat("x", 22)}, "Reference: Must be less than 22 characters."},
		"quickbooks 21":            {quickBooks, []any{"reference", strings.Repeat("x", 21)}, ""},
		"quickbooks no tax rate":   {quickBooks, []any{"lineItems.taxRateRef", gone{}}, "LineItems[0].TaxRateRef: Required"},
		"quickbooks contact type":  {quickBooks, []any{"contactRef.dataType", "customers"}, "ContactRef.DataType: Must be suppliers."},
		"quickbooks two payments":  {quickBooks, []any{"paymentAllocations", []any{}}, "PaymentAllocations: Must have exactly one payment allocation."},
		"quickbooks account type":  {quickBooks, []any{"lineItems.accountRef.id", quickBooks.accounts["Notes Payable"]}, "LineItems[0].AccountRef.Id: Must be an Expense or Income account"},
		"quickbooks archived":      {quickBooks, []any{"lineItems.accountRef.id", quickBooks.accounts["Yellow Pages"]}, "Account Yellow Pages is archived."},
		"quickbooks paid by card":  {quickBooks, []any{"paymentAllocations.payment.accountRef.id", quickBooks.accounts["Corporate Credit Card"]}, "Must be Bank, Cash or Asset account"},
		"quickbooks paid in asset": {quickBooks, []any{"paymentAllocations.payment.accountRef.id", quickBooks.accounts["Undeposited Funds"]}, ""},
		"other unknown account":    {other, []any{"lineItems.accountRef.id", "x"}, "Must match the ID of an existing account."},
		"other no contact":         {other, []any{"contactRef", gone{}}, ""},
	} {
		o := tc.c.landed("directCosts", tc.c.cost("A", tc.edits...))
		got := problemsOf(o)
		if tc.want == "" {
			if o["status"] != "Success" {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		if o["status"] != "Failed" || !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, tc.want) }) {
			t.Errorf("%s: %v %v, want %q", name, o["status"], got, tc.want)
		}
		if m, _ := o["errorMessage"].(string); !strings.Contains(m, "Correlation ID: ") || !strings.Contains(m, "Push failed for DirectCost") {
			t.Errorf("%s: message %q", name, m)
		}
	}
}

func TestAccountAndSupplierRules(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	xero, quickBooks := b.company("gbol", ""), b.company("qhyg", "")
	type fields map[string]any
	for name, tc := range map[string]struct {
		c    *company
		path string
		body fields
		want string
	}{
		"xero":                  {xero, "accounts", fields{"nominalCode": "9001", "name": "One", "fullyQualifiedCategory": "Expense.Overhead"}, ""},
		"xero code taken":       {xero, "accounts", fields{"nominalCode": "429", "name": "Two", "fullyQualifiedCategory": "Expense.Overhead"}, "must be unique"},
		"xero name taken":       {xero, "accounts", fields{"nominalCode": "9002", "name": "rent", "fullyQualifiedCategory": "Expense.Overhead"}, "must be unique"},
		"xero no code":          {xero, "accounts", fields{"name": "Three", "fullyQualifiedCategory": "Expense.Overhead"}, "NominalCode must be provided"},
		"xero long code":        {xero, "accounts", fields{"nominalCode": "12345678901", "name": "Four", "fullyQualifiedCategory": "Expense.Overhead"}, "NominalCode must not be longer than 10 characters long."},
		"xero category":         {xero, "accounts", fields{"nominalCode": "9003", "name": "Five", "fullyQualifiedCategory": "Expense.Fun"}, "Expense.Fun is not one of the options"},
		"xero no category":      {xero, "accounts", fields{"nominalCode": "9004", "name": "Six"}, "FullyQualifiedCategory must be provided"},
		"quickbooks":            {quickBooks, "accounts", fields{"name": "One", "fullyQualifiedCategory": "Expense.Expense.Travel"}, ""},
		"quickbooks name taken": {quickBooks, "accounts", fields{"name": "TRAVEL", "fullyQualifiedCategory": "Expense.Expense.Travel"}, "Duplicate Name Exists Error"},
		"supplier":              {xero, "suppliers", fields{"supplierName": "One"}, ""},
		"supplier no name":      {xero, "suppliers", fields{"status": "Active"}, "SupplierName: Must be provided."},
		"supplier taken":        {xero, "suppliers", fields{"supplierName": "proseware"}, "must be unique"},
		"supplier no status":    {quickBooks, "suppliers", fields{"supplierName": "One"}, "Status: Must be Active or Archived."},
	} {
		o := tc.c.landed(tc.path, tc.body)
		if got := strings.Join(problemsOf(o), "\n"); (tc.want == "") != (o["status"] == "Success") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %v %s", name, o["status"], got)
		}
	}
	if a := quickBooks.ledger("accounts"); len(a) != 1 || strings.Trim(a[0]["id"].(string), "0123456789") != "" || a[0]["type"] != "Expense" {
		t.Errorf("quickbooks accounts: %v", a)
	}
	if r := b.company("hbql", "").push("accounts", fields{"name": "x"}); r.status != 404 {
		t.Errorf("unsupported: %d", r.status)
	}
}

func TestTheLiveLedgerDecides(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	id := c.accounts["Entertainment"]
	if r := b.do("POST", "/_sandbox/ledger/"+c.id, map[string]any{"accounts": []any{map[string]any{"id": id, "status": "Archived"}}}, ""); r.status != 200 {
		t.Fatal(r.status, string(r.body))
	}
	if o := c.landed("directCosts", c.cost("A")); o["status"] != "Failed" {
		t.Errorf("pushed to an archived account: %v", o)
	}
	status := func() string {
		for _, a := range results(b.get("/companies/" + c.id + "/data/accounts?pageSize=500")) {
			if a["id"] == id {
				return a["status"].(string)
			}
		}
		return ""
	}
	if s := status(); s != "Active" {
		t.Errorf("the cache says %s before a sync", s)
	}
	c.sync("chartOfAccounts")
	if s := status(); s != "Archived" {
		t.Errorf("the cache says %s after a sync", s)
	}
}

func TestFreeAgentForgetsTheReference(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("fbrh", "")
	o := c.landed("directCosts", c.cost("A", "note", "Taxi"))
	if w := o["validation"].(map[string]any)["warnings"].([]any); o["status"] != "Success" || len(w) != 1 {
		t.Errorf("%v", o)
	}
	if l := c.ledger("directCosts"); len(l) != 1 || l[0]["reference"] != nil || l[0]["totalAmount"].(json.Number) != "120.12" {
		t.Errorf("%v", l)
	}
}
