package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tallylight/internal/sandbox"
)

// TestPeculiarRefusals has what one platform alone wants. Each body is one that the platform takes, edited; want is the itemId and a
// part of the message, empty for Success.
func TestPeculiarRefusals(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	n := func(s string) json.Number { return json.Number(s) }
	id := func(s string) map[string]any { return map[string]any{"id": s} }
	companies := map[string]*company{}
	for _, key := range []string{"akxx", "pqsw", "knfz", "trji", "rwuv", "fbrh", "hbql"} {
		companies[key] = b.company(key, "")
	}
	// body has what the platform's model asks for.
	body := func(key string) map[string]any {
		c := companies[key]
		if key == "hbql" {
			department := results(b.get("/companies/" + c.id + "/data/trackingCategories"))[1]["id"].(string)
			return map[string]any{"reference": "A", "issueDate": "2026-01-05T00:00:00", "currency": c.currency, "currencyRate": n("1"), "accountRef": id(c.bank),
				"subTotal": n("10"), "taxAmount": n("2"), "totalAmount": n("12"), "lineItems": []any{map[string]any{"accountRef": id("5000"), "unitAmount": n("10"), "quantity": n("1"),
					"subTotal": n("10"), "taxAmount": n("2"), "totalAmount": n("12"), "taxCode": n("1"), "trackingCategoryRefs": id(department)}}}
		}
		full := c.cost("A", "note", "Fourth Coffee")
		line := full["lineItems"].([]any)[0].(map[string]any)
		account, rate, bank := line["accountRef"], id(c.tax), full["paymentAllocations"].([]any)[0].(map[string]any)["payment"].(map[string]any)["accountRef"]
		paid := func(payment map[string]any, allocation any) []any {
			payment["accountRef"] = bank
			p := map[string]any{"payment": payment}
			if allocation != nil {
				p["allocation"] = allocation
			}
			return []any{p}
		}
		day := full["issueDate"]
		switch key {
		case "akxx":
			return map[string]any{"note": "A", "contactRef": id(c.suppliers["Fourth Coffee"]), "issueDate": day, "currency": c.currency, "currencyRate": n("1"),
				"lineItems":          []any{map[string]any{"unitAmount": n("10"), "quantity": n("1"), "accountRef": account}},
				"paymentAllocations": paid(map[string]any{}, map[string]any{})}
		case "pqsw":
			return map[string]any{"issueDate": day, "taxAmount": n("0"), "lineItems": []any{map[string]any{"description": "Taxi", "unitAmount": n("10"), "quantity": n("1"),
				"taxAmount": n("0"), "accountRef": account, "trackingCategoryRefs": []any{}}},
				"paymentAllocations": paid(map[string]any{"id": "A", "note": "A", "currency": c.currency, "currencyRate": n("1"), "paidOnDate": day, "totalAmount": n("10")}, nil)}
		case "knfz":
			return map[string]any{"note": "Fourth Coffee", "reference": "A", "currency": c.currency,
				"lineItems":          []any{map[string]any{"unitAmount": n("10"), "taxRateRef": rate, "accountRef": account, "taxAmount": n("2"), "totalAmount": n("12"), "subTotal": n("10")}},
				"paymentAllocations": paid(map[string]any{"paidOnDate": day, "totalAmount": n("12")}, map[string]any{"totalAmount": n("12")}), "totalAmount": n("12")}
		case "trji":
			return map[string]any{"reference": "A", "issueDate": day, "currency": c.currency,
				"lineItems":          []any{map[string]any{"subTotal": n("10"), "totalAmount": n("12"), "accountRef": account, "taxRateRef": rate}},
				"paymentAllocations": paid(map[string]any{}, map[string]any{})}
		case "rwuv":
			return map[string]any{"issueDate": day, "currency": c.currency, "lineItems": []any{map[string]any{"subTotal": n("10"), "totalAmount": n("11"), "accountRef": account}},
				"paymentAllocations": paid(map[string]any{}, map[string]any{})}
		}
		return full
	}
	twice := func(body map[string]any) any { l := body["lineItems"].([]any); return []any{l[0], l[0]} }
	for name, tc := range map[string]struct {
		key   string
		edits func(body map[string]any) []any
		want  string
	}{
		"netsuite":                    {"akxx", nil, ""},
		"netsuite without a rate":     {"akxx", func(map[string]any) []any { return []any{"currencyRate", gone{}} }, "CurrencyRate: Must be provided."},
		"netsuite with a reference":   {"akxx", func(map[string]any) []any { return []any{"reference", "A"} }, "Reference: Is not supported."},
		"netsuite without a contact":  {"akxx", func(map[string]any) []any { return []any{"contactRef", gone{}} }, "ContactRef: Must be provided."},
		"netsuite to the bank":        {"akxx", func(map[string]any) []any { return []any{"lineItems.accountRef.id", companies["akxx"].bank} }, "LineItems[0].AccountRef: Should not be a bank account"},
		"desktop":                     {"pqsw", nil, ""},
		"desktop long note":           {"pqsw", func(map[string]any) []any { return []any{"note", strings.Repeat("x", 4097)} }, "Note: Max length of 4096"},
		"desktop without description": {"pqsw", func(map[string]any) []any { return []any{"lineItems.description", ""} }, "LineItems[0].Description: Must be provided."},
		"intacct":                     {"knfz", nil, ""},
		"intacct long payee":          {"knfz", func(map[string]any) []any { return []any{"note", strings.Repeat("x", 81)} }, "Note: Must be used to provide payee's name"},
		"intacct no payee":            {"knfz", func(map[string]any) []any { return []any{"note", ""} }, "Note: Must be provided."},
		"intacct long reference":      {"knfz", func(map[string]any) []any { return []any{"reference", strings.Repeat("x", 46)} }, "Reference: Must not contain no more than 45"},
		"intacct no date of payment":  {"knfz", func(map[string]any) []any { return []any{"paymentAllocations.payment.paidOnDate", gone{}} }, "PaymentAllocations[0].Payment.PaidOnDate: Must be provided."},
		"intacct no tax rate":         {"knfz", func(map[string]any) []any { return []any{"lineItems.taxRateRef", gone{}} }, "LineItems[0].TaxRateRef: Must be provided."},
		"dynamics":                    {"trji", nil, ""},
		"dynamics two lines":          {"trji", func(b map[string]any) []any { return []any{"lineItems", twice(b)} }, "LineItems: Only one line is supported"},
		"dynamics no rate":            {"trji", func(map[string]any) []any { return []any{"currency", "EUR"} }, "CurrencyRate: Required if the currency is not the base currency"},
		"zoho":                        {"rwuv", nil, ""},
		"zoho money back": {"rwuv", func(map[string]any) []any {
			return []any{"lineItems.totalAmount", n("-11"), "lineItems.subTotal", n("-10")}
		},
			"ContactRef: Required when pushing a negative direct cost"},
		"freeagent":              {"fbrh", nil, ""},
		"freeagent no note":      {"fbrh", func(map[string]any) []any { return []any{"note", ""} }, "Note: must be provided"},
		"freeagent in future":    {"fbrh", func(map[string]any) []any { return []any{"issueDate", "2099-01-01T00:00:00"} }, "IssueDate: Dated on can't be in the future"},
		"sage 50":                {"hbql", nil, ""},
		"sage 50 two of it":      {"hbql", func(map[string]any) []any { return []any{"lineItems.quantity", n("2"), "lineItems.unitAmount", n("5")} }, "LineItems[0].quantity: Must be 1 or -1."},
		"sage 50 no department":  {"hbql", func(map[string]any) []any { return []any{"lineItems.trackingCategoryRefs", gone{}} }, "LineItems[0].TrackingCategoryRefs: Must be provided."},
		"sage 50 no such code":   {"hbql", func(map[string]any) []any { return []any{"lineItems.taxCode", n("77")} }, "LineItems[0].taxCode: Must match"},
		"sage 50 not from there": {"hbql", func(map[string]any) []any { return []any{"accountRef.id", "5000"} }, "accountRef.id: Must match the ID of an existing bank account"},
	} {
		c, sent := companies[tc.key], body(tc.key)
		if tc.edits != nil {
			edits := tc.edits(sent)
			for i := 0; i < len(edits); i += 2 {
				edit(sent, edits[i].(string), edits[i+1])
			}
		}
		o := c.landed("directCosts", sent)
		got := strings.Join(problemsOf(o), "\n")
		if tc.want == "" && o["status"] != "Success" || !strings.Contains(got, tc.want) || tc.want != "" && o["status"] != "Failed" {
			t.Errorf("%s: %v %s, want %q", name, o["status"], got, tc.want)
		}
	}
}
