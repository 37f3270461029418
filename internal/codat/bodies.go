package codat

import (
	"context"
	"encoding/json"
)

// DirectCost is the body of a push to directCosts: a cost paid at once. Amounts are exact JSON numbers in Currency. What is empty
// is left out: platforms differ in what they take and require, and their PushOptions say. Totals are the sums of the lines, and of
// the allocation.
type DirectCost struct {
	Reference          string              `json:"reference,omitempty"`
	Note               string              `json:"note,omitempty"`
	ContactRef         *ContactRef         `json:"contactRef,omitempty"`
	IssueDate          string              `json:"issueDate,omitempty"` // 2026-01-05T00:00:00, without a zone: the company's own day
	Currency           string              `json:"currency,omitempty"`  // ISO 4217
	CurrencyRate       json.Number         `json:"currencyRate,omitempty"`
	LineItems          []LineItem          `json:"lineItems"`
	PaymentAllocations []PaymentAllocation `json:"paymentAllocations"`
	SubTotal           json.Number         `json:"subTotal,omitempty"`
	TaxAmount          json.Number         `json:"taxAmount,omitempty"`
	TotalAmount        json.Number         `json:"totalAmount,omitempty"`
}

// LineItem is one line of a cost.
type LineItem struct {
	Description          string      `json:"description,omitempty"`
	Quantity             json.Number `json:"quantity,omitempty"`
	UnitAmount           json.Number `json:"unitAmount,omitempty"`
	SubTotal             json.Number `json:"subTotal,omitempty"` // before tax
	TaxAmount            json.Number `json:"taxAmount,omitempty"`
	TotalAmount          json.Number `json:"totalAmount,omitempty"`
	AccountRef           *Ref        `json:"accountRef,omitempty"`
	TaxRateRef           *Ref        `json:"taxRateRef,omitempty"`
	TrackingCategoryRefs []Ref       `json:"trackingCategoryRefs,omitzero"` // an empty one is said
}

// PaymentAllocation says how a cost was paid.
type PaymentAllocation struct {
	Payment    Payment     `json:"payment"`
	Allocation *Allocation `json:"allocation,omitempty"`
}

// Payment is what left the account paid from.
type Payment struct {
	ID           string      `json:"id,omitempty"`
	Note         string      `json:"note,omitempty"`
	Reference    string      `json:"reference,omitempty"`
	AccountRef   *Ref        `json:"accountRef,omitempty"` // a bank or card account
	Currency     string      `json:"currency,omitempty"`
	CurrencyRate json.Number `json:"currencyRate,omitempty"`
	PaidOnDate   string      `json:"paidOnDate,omitempty"`
	TotalAmount  json.Number `json:"totalAmount,omitempty"`
}

// Allocation is how much of the payment is for this cost.
type Allocation struct {
	Currency     string      `json:"currency,omitempty"`
	CurrencyRate json.Number `json:"currencyRate,omitempty"`
	TotalAmount  json.Number `json:"totalAmount,omitempty"`
}

// BankPayment is a directCost in the shape that Sage 50 (UK) has for it: the account paid from is the cost's own, a line has a tax
// code and one department.
type BankPayment struct {
	Reference    string            `json:"reference,omitempty"`
	IssueDate    string            `json:"issueDate"`
	Currency     string            `json:"currency"`
	CurrencyRate json.Number       `json:"currencyRate,omitempty"`
	AccountRef   Ref               `json:"accountRef"`
	SubTotal     json.Number       `json:"subTotal"`
	TaxAmount    json.Number       `json:"taxAmount"`
	TotalAmount  json.Number       `json:"totalAmount"`
	LineItems    []BankPaymentLine `json:"lineItems"`
}

// BankPaymentLine is one line of a BankPayment.
type BankPaymentLine struct {
	Description          string      `json:"description,omitempty"`
	AccountRef           Ref         `json:"accountRef"`
	UnitAmount           json.Number `json:"unitAmount"` // never negative
	Quantity             json.Number `json:"quantity"`   // 1 or -1
	SubTotal             json.Number `json:"subTotal"`
	TaxAmount            json.Number `json:"taxAmount"`
	TotalAmount          json.Number `json:"totalAmount"`
	TaxCode              json.Number `json:"taxCode,omitempty"`
	TrackingCategoryRefs *Ref        `json:"trackingCategoryRefs,omitempty"`
}

// Ref names another record of the same ledger by its id.
type Ref struct {
	ID string `json:"id"`
}

// ContactRef names a supplier or a customer.
type ContactRef struct {
	ID       string `json:"id"`
	DataType string `json:"dataType,omitempty"` // suppliers or customers
}

// AccountBody is the body of a push to accounts. What is required depends on the platform: its PushOptions say.
type AccountBody struct {
	NominalCode            string `json:"nominalCode,omitempty"`
	Name                   string `json:"name,omitempty"`
	Description            string `json:"description,omitempty"`
	FullyQualifiedCategory string `json:"fullyQualifiedCategory,omitempty"` // Expense.Overhead in Xero; every platform has its own
	Currency               string `json:"currency,omitempty"`
	Type                   string `json:"type,omitempty"`   // Asset, Expense, Income, Liability, Equity
	Status                 string `json:"status,omitempty"` // Active, Archived
}

// SupplierBody is the body of a push to suppliers.
type SupplierBody struct {
	SupplierName    string `json:"supplierName"`
	Status          string `json:"status"` // Active, Archived
	DefaultCurrency string `json:"defaultCurrency,omitempty"`
}

// DirectCostRecord is a cost as the ledger has it.
type DirectCostRecord struct {
	ID          string      `json:"id"`
	Reference   string      `json:"reference"`
	Note        string      `json:"note"`
	IssueDate   Date        `json:"issueDate"`
	Currency    string      `json:"currency"`
	SubTotal    json.Number `json:"subTotal"`
	TaxAmount   json.Number `json:"taxAmount"`
	TotalAmount json.Number `json:"totalAmount"`
	ContactRef  struct {
		ID string `json:"id"`
	} `json:"contactRef"`
	Metadata Metadata `json:"metadata"`
}

// Cost reads the record that a push to directCosts made, as last synced. One that was written since then is a 404: queue a sync
// first. Xero keeps a negative cost as a directIncome, so the reference says which kind it became.
func (c *Client) Cost(ctx context.Context, company, connection string, ref RecordRef) (DirectCostRecord, error) {
	dataType := "directCosts"
	if ref.DataType == "directIncomes" {
		dataType = ref.DataType
	}
	r := get("companies", company, "connections", connection, "data", dataType, ref.ID)
	return identified(ctx, c, r, func(v DirectCostRecord) string { return v.ID })
}
