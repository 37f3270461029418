package codat_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"tallylight/internal/codat"
)

func TestOperationSamples(t *testing.T) {
	t.Parallel()
	const record = "e5c7f9a2-4b2a-4a52-9f0c-3a1f2d1b0c11"
	tests := map[string]struct {
		status           codat.PushStatus
		record, dataType string
		said             string // the first objection, or the first warning
	}{
		"AttachmentUploaded.CONSTRUCTED": {codat.PushSuccess, record, "directCosts", ""},
		"Failed-validation.CONSTRUCTED":  {codat.PushFailed, "", "", "Must match the ID of an existing account."},
		"Failed.docs-push-md": {codat.PushFailed, "", "",
			"Failed to push to Account as NominalCode must not be longer than 10 characters long."},
		"Pending.CONSTRUCTED":                            {codat.PushPending, "", "", ""},
		"Success-with-warning.CONSTRUCTED":               {codat.PushSuccess, record, "directCosts", "Reference is not supported and was ignored."},
		"Success.CONSTRUCTED":                            {codat.PushSuccess, record, "directCosts", ""},
		"Success.docs-push-md":                           {codat.PushSuccess, "", "", ""},
		"TimedOut.CONSTRUCTED":                           {codat.PushTimedOut, "", "", ""},
		"Xero-negative-becomes-directIncome.CONSTRUCTED": {codat.PushSuccess, "9c0d2b1e-8a52-4a6e-8a9c-0b7d2d2a5f10", "directIncomes", ""},
	}
	files, err := os.ReadDir("testdata/operations")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d samples, %d tests, %v", len(files), len(tests), err)
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := sample(t, "operations/push-operation."+name+".json")
			c := replies(t, 200, body)
			read, err := c.PushOperation(t.Context(), "co", "op")
			if err != nil {
				t.Fatal(err)
			}
			reply, err := push(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if reply.Status != 200 || string(reply.Body) != string(body) || reply.Operation.PushOperationKey != read.PushOperationKey {
				t.Errorf("the reply to a push is %+v", reply)
			}
			if read.Status != want.status || read.CompanyID == "" || read.ConnectionID == "" || read.DataType == "" ||
				read.RequestedOnUTC.IsZero() || read.CompletedOnUTC.IsZero() != (want.status == codat.PushPending) {
				t.Errorf("read %+v", read)
			}
			var ref codat.RecordRef
			if len(read.Changes) > 0 {
				ref = read.Changes[0].RecordRef
			}
			if ref != (codat.RecordRef{ID: want.record, DataType: want.dataType}) {
				t.Errorf("record is %+v", ref)
			}
			said := ""
			for _, item := range append(read.Validation.Errors, read.Validation.Warnings...) {
				said += item.Message
			}
			if said != want.said {
				t.Errorf("it says %q", said)
			}
		})
	}
}

func TestOperationIsReadLeniently(t *testing.T) {
	t.Parallel()
	c := replies(t, 201, []byte(`{"pushOperationKey":"k","status":"Queued\u0000","statusCode":"202","validation":"none",
		"changes":{"type":"Created"},
		"requestedOnUtc":12,"completedOnUtc":"soon","companyId":42,"timeoutInMinutes":{},"errorMessage":null,"new":[[{}]]}`))
	reply, err := push(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	op := reply.Operation
	if op.Status != "Queued" || op.StatusCode != "202" || op.CompanyID != "42" || op.Changes != nil || !op.RequestedOnUTC.IsZero() ||
		reply.Status != 201 {
		t.Errorf("read %+v", op)
	}
}

func TestCompanySamples(t *testing.T) {
	t.Parallel()
	for _, file := range names(t, "companies") {
		c := replies(t, 200, sample(t, "companies/"+file))
		var companies []codat.Company
		if strings.HasPrefix(file, "list") {
			page, err := c.Companies(t.Context(), 1)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			companies = page.Results
		} else {
			company, err := c.Company(t.Context(), "co")
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			companies = append(companies, company)
		}
		if len(companies) == 0 {
			t.Errorf("%s: no companies", file)
		}
		for _, company := range companies {
			if company.ID == "" || company.Name == "" || company.Created.IsZero() || !strings.HasPrefix(company.Redirect, "https://link.codat.io/") {
				t.Errorf("%s: %+v", file, company)
			}
		}
	}
}

func TestConnectionSamples(t *testing.T) {
	t.Parallel()
	for _, file := range names(t, "connections") {
		c := replies(t, 200, sample(t, "connections/"+file))
		var conn codat.Connection
		var err error
		if strings.HasPrefix(file, "list") {
			var page codat.Page[codat.Connection]
			page, err = c.Connections(t.Context(), "co", 1)
			conn = page.Results[0]
		} else {
			conn, err = c.Connection(t.Context(), "co", "cn")
		}
		if err != nil {
			t.Fatal(err)
		}
		synced := time.Date(2022, 10, 27, 10, 22, 43, 646_423_700, time.UTC)
		if conn.ID != "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd" || conn.PlatformKey != "dfxm" || conn.Status != codat.Linked ||
			conn.SourceType != "Banking" || conn.LinkURL == "" || !conn.LastSync.Equal(synced) {
			t.Errorf("%s: %+v", file, conn)
		}
	}
}

func TestConnectionErrorsMarshal(t *testing.T) {
	t.Parallel()
	c := replies(t, 200, []byte(`{"id":"cn","platformKey":"gbol","lastSync":null,"status":"Deauthorized","dataConnectionErrors":[
		{"statusCode":401,"errorMessage":"gone\u0000","erroredOnUtc":"2022-12-27T09:53:29","status":null}]}`))
	conn, err := c.Connection(t.Context(), "co", "cn")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(conn.Errors)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"statusCode":"401","statusText":"","errorMessage":"gone","erroredOnUtc":"2022-12-27T09:53:29Z"}]`
	if string(got) != want || conn.LastSync.Ptr() != nil || conn.PlatformKey != "gbol" {
		t.Errorf("got %s from %+v", got, conn)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	chart := sample(t, "accounts/list-accounts.response-200.Example-1.accounting-oas-2023.json")
	accounts, err := replies(t, 200, chart).Accounts(t.Context(), "co", 1)
	if err != nil {
		t.Fatal(err)
	}
	want := codat.Account{ID: "76d5f23b-9623-4e3b-89cd-da57228764d3", NominalCode: "611", Name: "Accounts Receivable",
		Description:            "A provision anticipating that a portion of accounts receivable will never be collected.",
		FullyQualifiedCategory: "Asset.Current", Currency: "GBP", Type: "Asset", Status: "Active", ValidDatatypeLinks: []codat.DataLinks{}}
	if len(accounts.Results) != 2 || !reflect.DeepEqual(accounts.Results[1], want) {
		t.Errorf("read %+v", accounts.Results)
	}
	deleted := 0
	for _, file := range names(t, "suppliers") {
		page, err := replies(t, 200, sample(t, "suppliers/"+file)).Suppliers(t.Context(), "co", 1)
		if err != nil || len(page.Results) == 0 {
			t.Errorf("%s: %+v, %v", file, page, err)
		}
		for _, s := range page.Results {
			if s.ID == "" || s.Status == "" {
				t.Errorf("%s: %+v", file, s)
			}
			if s.Metadata.IsDeleted {
				deleted++
			}
		}
	}
	if deleted == 0 {
		t.Error("no sample has a deleted supplier")
	}
	rates, err := replies(t, 200, []byte(`{"results":[{"id":7,"name":null,"effectiveTaxRate":12.50},
		{"id":"b","effectiveTaxRate":"20"},{"id":"c","effectiveTaxRate":"n/a"}, "d"]}`)).TaxRates(t.Context(), "co", 1)
	if err != nil || len(rates.Results) != 3 {
		t.Fatalf("read %+v, %v", rates, err)
	}
	for i, want := range []codat.TaxRate{{ID: "7", EffectiveTaxRate: "12.50"}, {ID: "b", EffectiveTaxRate: "20"}, {ID: "c"}} {
		if rates.Results[i] != want {
			t.Errorf("read %+v, want %+v", rates.Results[i], want)
		}
	}
	info, err := replies(t, 200, []byte(`{"companyName":"Codat","baseCurrency":"GBP"}`)).Info(t.Context(), "co")
	if err != nil || info.BaseCurrency != "GBP" {
		t.Errorf("read %+v, %v", info, err)
	}
}

func TestPushOptionSamples(t *testing.T) {
	t.Parallel()
	c := replies(t, 200, sample(t, "options/get-create-directCosts-model.response-200.Xero.accounting-oas-2023.json"))
	cost, err := c.PushOptions(t.Context(), "co", "cn", "directCosts")
	if err != nil {
		t.Fatal(err)
	}
	if p := cost.Properties["issueDate"]; !cost.Required || !p.Required || p.Type != "DateTime" || len(cost.Validation.Warnings) != 1 {
		t.Errorf("read %+v", cost)
	}
	c = replies(t, 200, sample(t, "options/get-create-chartOfAccounts-model.response-200.Xero.expenses-oas.json"))
	account, err := c.PushOptions(t.Context(), "co", "cn", "chartOfAccounts")
	if err != nil {
		t.Fatal(err)
	}
	if choices := account.Properties["fullyQualifiedCategory"].Options; len(choices) < 20 || choices[0].Value == "" {
		t.Errorf("categories are %+v", choices)
	}
}

func TestAmountsStayExact(t *testing.T) {
	t.Parallel()
	cost := codat.DirectCost{IssueDate: "2026-01-05T00:00:00", Currency: "GBP", CurrencyRate: "1.000000001",
		LineItems: []codat.LineItem{{Quantity: "1", UnitAmount: "99999999999.99", TaxAmount: "0", TotalAmount: "99999999999.99",
			AccountRef: &codat.Ref{ID: "a"}}},
		PaymentAllocations: []codat.PaymentAllocation{{Allocation: &codat.Allocation{}}},
		SubTotal:           "99999999999.98", TaxAmount: "0.01", TotalAmount: "99999999999.99"}
	got, err := json.Marshal(cost)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"issueDate":"2026-01-05T00:00:00","currency":"GBP","currencyRate":1.000000001,` +
		`"lineItems":[{"quantity":1,"unitAmount":99999999999.99,"taxAmount":0,"totalAmount":99999999999.99,"accountRef":{"id":"a"}}],` +
		`"paymentAllocations":[{"payment":{},"allocation":{}}],"subTotal":99999999999.98,"taxAmount":0.01,"totalAmount":99999999999.99}`
	if string(got) != want {
		t.Errorf("wrote\n%s, want\n%s", got, want)
	}

	c := replies(t, 200, []byte(`{"id":"r","reference":"EXP-42","issueDate":"2026-01-05T00:00:00+11:00","currency":"GBP",
		"totalAmount":99999999999.99,"subTotal":0.10,"taxAmount":1e2,"contactRef":{"id":"s"}}`))
	record, err := c.Cost(t.Context(), "co", "cn", codat.RecordRef{ID: "r", DataType: "directCosts"})
	if err != nil {
		t.Fatal(err)
	}
	if record.TotalAmount != "99999999999.99" || record.SubTotal != "0.10" || record.TaxAmount != "1e2" ||
		record.IssueDate != "2026-01-05" || record.ContactRef.ID != "s" {
		t.Errorf("read %+v", record)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for said, want := range map[string]time.Time{
		"2023-03-21T17:17:58.9235368Z": at("2023-03-21T17:17:58.9235368Z"),
		"2023-03-21T19:17:58+02:00":    at("2023-03-21T17:17:58Z"),
		"2022-07-09T17:16:26":          at("2022-07-09T17:16:26Z"),
		"2022-07-09T17:16:26.1234567":  at("2022-07-09T17:16:26.1234567Z"),
		"2023-02-28":                   at("2023-02-28T00:00:00Z"),
		"0001-01-01T00:00:00":          {},
		"9999-12-31T23:59:59-01:00":    {},
		"yesterday":                    {},
		"":                             {},
	} {
		info, err := replies(t, 200, []byte(`{"id":"co","created":"`+said+`"}`)).Company(t.Context(), "co")
		if err != nil || !info.Created.Equal(want) || (info.Created.Ptr() == nil) != want.IsZero() {
			t.Errorf("%q is %v, want %v (%v)", said, info.Created, want, err)
		}
	}
}

func names(t testing.TB, folder string) []string {
	t.Helper()
	files, err := os.ReadDir("testdata/" + folder)
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}
