package push

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"tallylight/store"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

// golden are the platforms that publish what a cost may have.
var golden = map[string]string{ // file: Codat's key
	"dynamics": "trji", "freeagent": "fbrh", "netsuite": "akxx", "quickbooks-desktop": "pqsw", "quickbooks-online": "qhyg",
	"quickbooks-online-sandbox": "ndsk", "sage-50": "hbql", "sage-intacct": "knfz", "sandbox": "mqjo", "xero": "gbol", "zoho": "rwuv",
}

// same expenses for every platform, as their snapshots are frozen.
var goldenExpenses = []struct {
	name    string
	expense store.Snapshot
}{
	{"one line", store.Snapshot{
		Company: "Litware", BaseCurrency: "GBP", Reference: "EXP-2026-00042", IssueDate: "2026-01-05", Supplier: "City Cabs", Note: "To the client",
		Currency: "GBP", Net: "100.10", Tax: "20.02", Total: "120.12",
		Lines: []store.SnapshotLine{{Description: "Taxi", Category: "Travel", TaxRate: "20%", Net: "100.10", Tax: "20.02"}},
	}},
	{"in another currency, and without a description", store.Snapshot{
		Company: "Litware", BaseCurrency: "GBP", Reference: "EXP-2026-00043", IssueDate: "2026-02-28", Supplier: "Bahnhof Taxi", Currency: "EUR", Rate: "0.853",
		Net: "40", Tax: "0", Total: "40", Lines: []store.SnapshotLine{{Category: "Travel", Net: "40", Tax: "0"}},
	}},
	{"money back", store.Snapshot{
		Company: "Litware", BaseCurrency: "GBP", Reference: "EXP-2026-00044", IssueDate: "2026-03-01", Supplier: "City Cabs", Currency: "GBP",
		Net: "-35", Tax: "-7", Total: "-42", Lines: []store.SnapshotLine{{Description: "Ride not taken", Category: "Travel", TaxRate: "20%", Net: "-35", Tax: "-7"}},
	}},
	{"several lines", store.Snapshot{
		Company: "Litware", BaseCurrency: "GBP", Reference: "EXP-2026-00045", IssueDate: "2026-03-02", Supplier: "Fourth Coffee", Note: "Team day",
		Currency: "GBP", Net: "99.99", Tax: "18", Total: "117.99",
		Lines: []store.SnapshotLine{
			{Description: "Lunch", Category: "Entertainment", TaxRate: "20%", Net: "90", Tax: "18"}, {Description: "Tip", Category: "Entertainment", Net: "9.99", Tax: "0"},
		},
	}},
}

// goldenRefs are records with ids as the platform has them.
func goldenRefs(key string, e store.Snapshot) costRefs {
	r := costRefs{bank: "35", contact: "56"}
	account, rates, tracking := "77", map[string]string{"20%": "TAX", "": "NON"}, "8"
	switch key {
	case "gbol":
		r.bank, r.contact, account, tracking = "bd9e85e0-0478-433d-ae9f-0b3c4f04bfe4", "699f0091-b127-4796-9f15-41a2f42abeb2", "02c0e212-9afb-4983-9c67-120656ff8d03",
			"dba3d4da-f9ed-4eee-8e0b-452d11fdb1fa"
		rates = map[string]string{"20%": "INPUT2", "": "NONE"}
	case "hbql":
		r.bank, account, rates, tracking = "1200", "7400", map[string]string{"20%": "T1", "": "T0"}, "1"
	}
	if platformOf(key).noContact {
		r.contact = ""
	}
	for _, l := range e.Lines {
		line := lineRefs{account: account, tracking: []string{tracking}}
		if !platformOf(key).noTaxRate {
			line.taxRate = rates[l.TaxRate]
		}
		r.lines = append(r.lines, line)
	}
	return r
}

// TestGoldenBodies compares what is sent of the same expenses to every platform with what was agreed on, and both with the model
// that the platform publishes. An expense that the platform does not take is not sent.
func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	for file, key := range golden {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			model, p := optionsOf(t, file), platformOf(key)
			bodies := map[string]json.RawMessage{}
			for _, g := range goldenExpenses {
				if p.oneLine && len(g.expense.Lines) > 1 {
					continue
				}
				body, err := costBody(p, g.expense, goldenRefs(key, g.expense))
				if err != nil {
					t.Fatalf("%s: %v", g.name, err)
				}
				for _, o := range objections(file, model, body) {
					t.Errorf("%s: %s\n%s", g.name, o, body)
				}
				bodies[g.name] = body
			}
			written, err := json.MarshalIndent(bodies, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, '\n')
			path := "testdata/golden/" + file + ".json"
			if *update {
				if err := os.WriteFile(path, written, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(written, want) {
				t.Errorf("sent\n%s\nwant\n%s", written, want)
			}
		})
	}
	if len(golden) < 10 {
		t.Errorf("%d platforms", len(golden))
	}
}

// rules are what platform.go says of a platform, beside the words of its model.
var rules = []struct {
	file, path, says string // says is a part of a sentence of the model there; "" for one that has the property, "absent" for one that has not
	holds            func(p platform) bool
}{
	{"xero", "reference", "Must not exceed 255 characters", func(p platform) bool { return p.referenceLimit == 255 }},
	{"xero", "lineItems.description", "not be longer than 4000", func(p platform) bool { return p.descriptionMost == 4000 }},
	{"xero", "contactRef", "Must be provided", func(p platform) bool { return p.contact == needed && !p.noContact }},
	{"xero", "lineItems.trackingCategoryRefs", "Maximum of 2", func(p platform) bool { return p.trackingMost == 2 }},
	{"xero", "lineItems.totalAmount", "all lines must be negative", func(p platform) bool { return p.sameSign == likely }},
	{"xero", "paymentAllocations.payment.accountRef.id", "Must be a bank account", func(p platform) bool { return p.bankIs == bankOnly }},
	{"xero", "lineItems.taxRateRef.id", "default tax rate for the line's account", func(p platform) bool { return p.taxRate == free }},
	{"xero", "note", "absent", func(p platform) bool { return given(p.takes.header, "note", "x") == "" }},
	{"quickbooks-online", "reference", "less than 22 characters", func(p platform) bool { return p.referenceLimit == 21 }},
	{"quickbooks-online", "lineItems.description", "less than 4000", func(p platform) bool { return p.descriptionMost == 3999 }},
	{"quickbooks-online", "contactRef.dataType", "", func(p platform) bool { return given(p.takes.header, "contactRef.dataType", "x") == "x" }},
	{"xero", "contactRef.dataType", "absent", func(p platform) bool { return given(p.takes.header, "contactRef.dataType", "x") == "" }},
	{"quickbooks-online", "contactRef.id", "", func(p platform) bool { return p.contact == needed }},
	{"quickbooks-online", "lineItems.taxRateRef", "Required for all companies except", func(p platform) bool { return p.taxRate == needed }},
	{"quickbooks-online", "lineItems.taxRateRef.id", "'NON' (no tax)", func(p platform) bool { return p.noTax[0] == "NON" }},
	{"quickbooks-online", "lineItems.accountRef.id", "Expense or Income account", func(p platform) bool { return len(p.accountIs) == 2 }},
	{"quickbooks-online", "lineItems.trackingCategoryRefs", "type CLASS", func(p platform) bool { return p.oneClass }},
	{"quickbooks-online", "paymentAllocations.payment.accountRef.id", "Bank, Cash or Asset", func(p platform) bool { return p.bankIs == bankOrAsset }},
	{"quickbooks-online", "paymentAllocations.payment.currency", "Must match the Currency of the company", func(p platform) bool { return p.paysInBase }},
	{"quickbooks-online", "totalAmount", "absent", func(p platform) bool { return given(p.takes.header, "totalAmount", "x") == "" }},
	{"quickbooks-online-sandbox", "reference", "less than 22 characters", func(p platform) bool { return p.referenceLimit == 21 }},
	{"quickbooks-desktop", "reference", "check number", func(p platform) bool { return p.dropsReference }},
	{"quickbooks-desktop", "note", "Max length of 4096", func(p platform) bool { return p.noteLimit == 4096 }},
	{"quickbooks-desktop", "currency", "Multicurrency", func(p platform) bool { return p.foreignOnly }},
	{"quickbooks-desktop", "lineItems.trackingCategoryRefs", "", func(p platform) bool { return p.trackingEmpty }},
	{"quickbooks-desktop", "paymentAllocations.payment.paidOnDate", "", func(p platform) bool { return given(p.takes.payment, "paidOnDate", "x") == "x" }},
	{"quickbooks-desktop", "paymentAllocations.allocation", "absent", func(p platform) bool { return p.takes.allocation[0] == absent }},
	{"netsuite", "contactRef.id", "", func(p platform) bool { return p.contact == needed }},
	{"netsuite", "currencyRate", "", func(p platform) bool { return p.rate == needed }},
	{"netsuite", "lineItems.unitAmount", "same sign across all", func(p platform) bool { return p.sameSign == needed }},
	{"netsuite", "reference", "absent", func(p platform) bool { return p.dropsReference && p.note[0] == "reference" }},
	{"sage-intacct", "note", "payee's name", func(p platform) bool { return p.payee && p.note[0] == "supplier" }},
	{"sage-intacct", "note", "no more than 80", func(p platform) bool { return p.noteLimit == 80 }},
	{"sage-intacct", "reference", "no more than 45", func(p platform) bool { return p.referenceLimit == 45 }},
	{"sage-intacct", "lineItems.description", "no more than 1000", func(p platform) bool { return p.descriptionMost == 1000 }},
	{"sage-intacct", "lineItems.taxRateRef.id", "Must be an existing tax rate", func(p platform) bool { return p.taxRate == needed }},
	{"sage-intacct", "paymentAllocations.payment.paidOnDate", "", func(p platform) bool { return given(p.takes.payment, "paidOnDate", "x") == "x" }},
	{"sage-intacct", "contactRef", "absent", func(p platform) bool { return p.noContact }},
	{"dynamics", "lineItems", "Only one line is supported", func(p platform) bool { return p.oneLine }},
	{"dynamics", "contactRef", "not supported", func(p platform) bool { return p.noContact }},
	{"dynamics", "note", "not supported", func(p platform) bool { return given(p.takes.header, "note", "x") == "" }},
	{"dynamics", "currency", "Must agree with the bank account", func(p platform) bool { return p.bankCurrency }},
	{"dynamics", "currencyRate", "Required if the currency is not the base", func(p platform) bool { return p.rate == needed }},
	{"dynamics", "lineItems.taxRateRef.id", "", func(p platform) bool { return p.taxRate == needed }},
	{"freeagent", "lineItems", "Exactly one line item", func(p platform) bool { return p.oneLine }},
	{"freeagent", "note", "must be provided", func(p platform) bool { return len(p.note) > 0 && p.note[0] == "reference" }},
	{"freeagent", "reference", "not supported by FreeAgent", func(p platform) bool { return p.dropsReference }},
	{"freeagent", "contactRef.id", "not supported by FreeAgent", func(p platform) bool { return p.noContact }},
	{"freeagent", "lineItems.taxRateRef.id", "will be ignored", func(p platform) bool { return p.noTaxRate }},
	{"freeagent", "lineItems.quantity", "will be ignored", func(p platform) bool { return given(p.takes.line, "quantity", "x") == "" }},
	{"zoho", "contactRef", "Required when pushing a negative", func(p platform) bool { return p.contact == negative }},
	{"zoho", "lineItems.description", "absent", func(p platform) bool { return p.note[0] == "description" }},
	{"sage-50", "accountRef.id", "max length of 8 characters", func(p platform) bool { return p.shape == bankPayment && p.bankIDLimit == 8 && p.bankIs == bankOnly }},
	{"sage-50", "currency", "match the target account's default currency", func(p platform) bool { return p.bankCurrency }},
	{"sage-50", "currencyRate", "", func(p platform) bool { return p.rate == needed }},
	{"sage-50", "lineItems.quantity", "Must be 1 or -1", func(p platform) bool { return p.shape == bankPayment }},
	{"sage-50", "lineItems.subTotal", "Cannot have both", func(p platform) bool { return p.noZeroLine }},
	{"sage-50", "lineItems.taxCode", "", func(p platform) bool { return p.taxRate == needed }},
	{"sage-50", "lineItems.trackingCategoryRefs.id", "A department is required", func(p platform) bool { return p.tracking == needed }},
}

func TestPlatformRules(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		o, there := optionsOf(t, r.file).at(r.path)
		switch {
		case r.says == "absent":
			if there {
				t.Errorf("the model of %s has %s", r.file, r.path)
			}
		case !there:
			t.Errorf("the model of %s has no %s", r.file, r.path)
		case r.says == "" && !o.Required:
			t.Errorf("the model of %s does not require %s", r.file, r.path)
		case r.says != "" && !strings.Contains(strings.Join(o.says(), "\n"), r.says):
			t.Errorf("the model of %s says of %s %q, not %q", r.file, r.path, o.says(), r.says)
		}
		if !r.holds(platformOf(golden[r.file])) {
			t.Errorf("%s: the rule for %s (%s) does not hold", r.file, r.path, r.says)
		}
	}
}

// TestTaxCodes has the ids of Sage 50's tax rates and their numbers.
func TestTaxCodes(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{"T1": "1", "T0": "0", "T20": "20", "9": "9", "0": "0", "": "", "T": "", "VAT": "", "T1a": "", "T1000": ""} {
		if got := taxCode(id); got.String() != want {
			t.Errorf("taxCode(%q) = %q, want %q", id, got, want)
		}
	}
}
