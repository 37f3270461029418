package sandbox

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
)

// platform is an accounting package and the ways in which it differs from others.
type platform struct {
	Key           string // Codat's four letters
	Name          string
	IntegrationID string
	files         string // prefix of its files in options
	chart         string // its standard chart of accounts in charts
	currency      string // of a company that does not say
	numbered      bool   // records have numbers for ids, not GUIDs
	coded         bool   // accounts have their codes for ids
	taxRates      []taxRate
}

// platforms are in the order in which the linking page offers them. Keys and names are Codat's.
var platforms = []platform{
	{Key: "gbol", Name: "Xero", IntegrationID: "8a156a5a-39cb-4f9d-856e-76ef9b9a9607", files: "xero", chart: "xero.csv", currency: "GBP",
		taxRates: []taxRate{vat("INPUT2", "20% (VAT on Expenses)", "20"), vat("RRINPUT", "5% (VAT on Expenses)", "5"),
			vat("ZERORATEDINPUT", "Zero Rated Expenses", "0"), vat("EXEMPTEXPENSES", "Exempt Expenses", "0"), vat("NONE", "No VAT", "0")}},
	{Key: "qhyg", Name: "QuickBooks Online", IntegrationID: "6c81572e-8c8d-4e8e-9f5c-1c0f4e1f1a11", files: "quickbooks", chart: "quickbooks.csv", currency: "USD", numbered: true,
		taxRates: []taxRate{vat("TAX", "Automated Sales Tax", "0"), vat("NON", "No tax", "0")}},
	{Key: "ndsk", Name: "QuickBooks Online Sandbox", IntegrationID: "56b3a4e6-0d4a-4a06-9a6c-6f5f2f1f2b22", files: "quickbooks", chart: "quickbooks.csv", currency: "USD", numbered: true,
		taxRates: []taxRate{vat("TAX", "Automated Sales Tax", "0"), vat("NON", "No tax", "0")}},
	{Key: "hbql", Name: "Sage 50", IntegrationID: "b4f1c3d2-5e6f-4a7b-8c9d-0e1f2a3b4c33", files: "sage50", chart: "sage50.csv", currency: "GBP", coded: true,
		taxRates: []taxRate{vat("T1", "Standard rate", "20"), vat("T0", "Zero rate", "0"), vat("T9", "Outside the scope", "0")}},
	{Key: "fbrh", Name: "FreeAgent", IntegrationID: "c5a2d4e3-6f70-4b8c-9dae-1f203b4c5d44", files: "freeagent", chart: "xero.csv", currency: "GBP",
		taxRates: []taxRate{vat("20", "20%", "20"), vat("5", "5%", "5"), vat("0", "0%", "0")}},
	{Key: "akxx", Name: "Oracle NetSuite", IntegrationID: "e7c4f605-8192-4dae-bfc0-31425d6e7f66", files: "netsuite", chart: "xero.csv", currency: "USD", numbered: true,
		taxRates: []taxRate{vat("7", "UK standard rate", "20"), vat("-7", "Not taxable", "0")}},
	{Key: "pqsw", Name: "QuickBooks Desktop", IntegrationID: "f8d50716-92a3-4ebf-80d1-42536e7f8077", files: "quickbooksdesktop", chart: "quickbooks.csv", currency: "USD",
		taxRates: []taxRate{vat("TAX-20", "Tax", "20")}},
	{Key: "knfz", Name: "Sage Intacct", IntegrationID: "09e61827-a3b4-4fc0-91e2-53647f809188", files: "intacct", chart: "xero.csv", currency: "USD",
		taxRates: []taxRate{vat("UK Purchase Goods Standard Rate", "UK Purchase Goods Standard Rate", "20"), vat("UK Purchase Goods Exempt Rate", "UK Purchase Goods Exempt Rate", "0")}},
	{Key: "trji", Name: "Dynamics 365 Business Central", IntegrationID: "1af72938-b4c5-40d1-82f3-6475809a9299", files: "dynamics", chart: "xero.csv", currency: "GBP",
		taxRates: []taxRate{vat("VAT20", "Standard VAT", "20"), vat("ZERO", "Zero VAT", "0")}},
	{Key: "rwuv", Name: "Zoho Books", IntegrationID: "2b083a49-c5d6-41e2-9304-7586919aa3aa", files: "zoho", chart: "xero.csv", currency: "USD",
		taxRates: []taxRate{vat("460000000042001", "Sales Tax", "10")}},
	{Key: "mqjo", Name: "Sandbox", IntegrationID: "d6b3e5f4-7081-4c9d-aebf-20314c5d6e55", files: "sandbox", chart: "xero.csv", currency: "GBP",
		taxRates: []taxRate{vat("INPUT2", "20% (VAT on Expenses)", "20"), vat("NONE", "No VAT", "0")}},
}

func platformOf(key string) (platform, bool) {
	for _, p := range platforms {
		if p.Key == key {
			return p, true
		}
	}
	return platform{}, false
}

func (p platform) xero() bool       { return p.files == "xero" }
func (p platform) quickBooks() bool { return p.files == "quickbooks" }

// dropsReference is true of FreeAgent: it takes a reference and forgets it.
func (p platform) dropsReference() bool { return p.files == "freeagent" }

func vat(id, name, percent string) taxRate {
	return taxRate{ID: id, Name: name, Code: id, Status: "Active", EffectiveTaxRate: json.Number(percent), TotalTaxRate: json.Number(percent),
		Components:         []taxComponent{{Name: name, Rate: json.Number(percent)}},
		ValidDatatypeLinks: []link{{Property: "Id", Links: []string{"DirectCost.LineItems.TaxRateRef.Id", "Bill.LineItems.TaxRateRef.Id"}}}}
}

//go:embed options
var optionFiles embed.FS

// options is what the platform lets one push of that data type (Codat's published PushOption), nil where it takes none.
func (p platform) options(dataType string) json.RawMessage {
	b, err := optionFiles.ReadFile("options/" + p.files + "." + dataType + ".json")
	if err != nil {
		return nil
	}
	return b
}

// categories are the fullyQualifiedCategory values that a new account may have; none means any.
func (p platform) categories() map[string]bool {
	var model struct {
		Properties struct {
			FullyQualifiedCategory struct {
				Options []struct{ Value string }
			}
		}
	}
	if err := json.Unmarshal(p.options("chartOfAccounts"), &model); err != nil {
		return nil
	}
	found := map[string]bool{}
	for _, o := range model.Properties.FullyQualifiedCategory.Options {
		found[o.Value] = true
	}
	return found
}

//go:embed charts
var chartFiles embed.FS

// standardChart is the chart of accounts that a new company of the platform starts with, ids and dates still missing.
func (p platform) standardChart() []account {
	f, err := chartFiles.Open("charts/" + p.chart)
	if err != nil {
		panic(fmt.Sprintf("open chart: %v", err)) // embedded
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("read chart %s: %v", p.chart, err))
	}
	var chart []account
	for _, row := range rows[1:] {
		chart = append(chart, newAccount(row[0], row[1], row[2], row[3]))
	}
	return chart
}

func newAccount(code, name, category, status string) account {
	kind, _, _ := strings.Cut(category, ".")
	a := account{NominalCode: code, Name: name, FullyQualifiedCategory: category, FullyQualifiedName: strings.Trim(category+"."+name, "."),
		CurrentBalance: "0", Type: kind, Status: status, ValidDatatypeLinks: []link{}}
	if kind == "Expense" && status == "Active" {
		a.ValidDatatypeLinks = []link{{Property: "Id", Links: []string{"DirectCost.LineItems.AccountRef.Id", "Bill.LineItems.AccountRef.Id"}}}
	}
	return a
}
