package codat

import (
	"context"
	"encoding/json"
	"net/url"
)

// RecordStatus is Active, Archived, Pending or Unknown. Others may come.
type RecordStatus string

// Metadata is what Codat knows about a record beside its content.
type Metadata struct {
	IsDeleted bool `json:"isDeleted"` // deleted in the ledger; Codat still lists it
}

// Account is an account of a company's chart of accounts. Codes and names are not unique.
type Account struct {
	ID                     string       `json:"id"`
	NominalCode            string       `json:"nominalCode"`
	Name                   string       `json:"name"`
	Description            string       `json:"description"`
	FullyQualifiedCategory string       `json:"fullyQualifiedCategory"` // such as Expense.Overhead; "" when Type is Unknown
	Currency               string       `json:"currency"`
	Type                   string       `json:"type"` // Asset, Expense, Income, Liability, Equity, Unknown
	Status                 RecordStatus `json:"status"`
	IsBankAccount          bool         `json:"isBankAccount"`
	ValidDatatypeLinks     []DataLinks  `json:"validDatatypeLinks"` // what it can be used for; often none is told, which proves nothing
	Metadata               Metadata     `json:"metadata"`
}

// DataLinks are the properties of other records that may name a property of this one.
type DataLinks struct {
	Property string   `json:"property"` // Id
	Links    []string `json:"links"`    // such as DirectCost.LineItems.AccountRef.Id
}

// BankAccount is an account that money is paid from.
type BankAccount struct {
	ID          string       `json:"id"`
	AccountName string       `json:"accountName"`
	AccountType string       `json:"accountType"` // Credit, Debit, Unknown
	NominalCode string       `json:"nominalCode"`
	Currency    string       `json:"currency"`
	Status      RecordStatus `json:"status"`
	Metadata    Metadata     `json:"metadata"`
}

// Supplier is somebody a company buys from.
type Supplier struct {
	ID              string       `json:"id"`
	SupplierName    string       `json:"supplierName"`
	DefaultCurrency string       `json:"defaultCurrency"`
	Status          RecordStatus `json:"status"`
	Metadata        Metadata     `json:"metadata"`
}

// TaxRate is a tax that a line can bear, in per cent.
type TaxRate struct {
	ID               string       `json:"id"`
	Name             string       `json:"name"`
	Code             string       `json:"code"`
	EffectiveTaxRate json.Number  `json:"effectiveTaxRate"` // "" when the platform does not say
	Status           RecordStatus `json:"status"`
	Metadata         Metadata     `json:"metadata"`
}

// TrackingCategory is a dimension of a ledger, or a value of one that stands under it.
type TrackingCategory struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	ParentID    string       `json:"parentId"`
	HasChildren bool         `json:"hasChildren"`
	Status      RecordStatus `json:"status"`
	Metadata    Metadata     `json:"metadata"`
}

// Accounts reads a page of the chart of accounts as last synced. Before the first sync it is a 404 or a 409, like all records.
func (c *Client) Accounts(ctx context.Context, company string, page int) (Page[Account], error) {
	return list[Account](ctx, c, get("companies", company, "data", "accounts"), page)
}

// BankAccounts reads a page of a connection's bank accounts as last synced. Some platforms have none: a 404.
func (c *Client) BankAccounts(ctx context.Context, company, connection string, page int) (Page[BankAccount], error) {
	return list[BankAccount](ctx, c, get("companies", company, "connections", connection, "data", "bankAccounts"), page)
}

// Suppliers reads a page of the suppliers as last synced.
func (c *Client) Suppliers(ctx context.Context, company string, page int) (Page[Supplier], error) {
	return list[Supplier](ctx, c, get("companies", company, "data", "suppliers"), page)
}

// TaxRates reads a page of the tax rates as last synced.
func (c *Client) TaxRates(ctx context.Context, company string, page int) (Page[TaxRate], error) {
	return list[TaxRate](ctx, c, get("companies", company, "data", "taxRates"), page)
}

// TrackingCategories reads a page of the tracking categories as last synced.
func (c *Client) TrackingCategories(ctx context.Context, company string, page int) (Page[TrackingCategory], error) {
	return list[TrackingCategory](ctx, c, get("companies", company, "data", "trackingCategories"), page)
}

// PullOperation is one reading by Codat of one data type from the ledger.
type PullOperation struct {
	ID           string `json:"id"`
	CompanyID    string `json:"companyId"`
	ConnectionID string `json:"connectionId"`
	DataType     string `json:"dataType"`
	Status       string `json:"status"` // Initial, Queued, Fetching, Complete, AuthError and more
	ErrorMessage string `json:"errorMessage"`
	Requested    Time   `json:"requested"`
	IsCompleted  bool   `json:"isCompleted"`
	IsErrored    bool   `json:"isErrored"`
}

// QueueSync has Codat read a data type ("company", "chartOfAccounts", "directCosts" …) from the ledger anew: through that
// connection, or all of the company's when connection is "". While one is under way it is a 400.
func (c *Client) QueueSync(ctx context.Context, company, dataType, connection string) (PullOperation, error) {
	r := post(nil, "companies", company, "data", "queue", dataType)
	if connection != "" {
		r.query = url.Values{"connectionId": {connection}}
	}
	return identified(ctx, c, r, pullID)
}

// PullOperation reads how far Codat is with a reading that QueueSync asked for.
func (c *Client) PullOperation(ctx context.Context, company, pull string) (PullOperation, error) {
	return identified(ctx, c, get("companies", company, "data", "history", pull), pullID)
}

func pullID(v PullOperation) string { return v.ID }
