package push

import (
	"slices"
	"strings"
)

// platform says how one accounting package differs where a push has to know it. The facts are those of Codat's options models
// for chartOfAccounts, suppliers and directCosts. The zero value of a rule is that there is none.
type platform struct {
	// A new account or supplier.
	category      string // the fullyQualifiedCategory of a new expense account
	codeDigits    int    // how long the nominal code of a new account may be; 0 where it needs none
	nameLimit     int    // how long the name of a new account may be
	typed         bool   // a new account says its type and status
	noAccounts    bool   // it takes no new accounts
	noSuppliers   bool   // it takes no new suppliers
	supplierLimit int    // how long the name of a new supplier may be

	// What the body of a cost has.
	takes         fields
	shape         shape
	note          []string // what its note is made of, in this order: reference, supplier, description, note
	noTax         []string // ids of its tax rates for "no tax"
	foreignOnly   bool     // it names a currency only where that is not the company's own
	paysInBase    bool     // a payment names a currency only where that is the company's own
	trackingEmpty bool     // a line without tracking says so

	// What a cost must be like.
	contact         need // of a supplier
	noContact       bool // a cost names no supplier
	dropsReference  bool // a cost does not keep its reference, so it cannot be told from another one like it
	payee           bool // the note is the name of who was paid, and needed
	referenceLimit  int
	descriptionMost int // characters of a line's description
	noteLimit       int
	oneLine         bool
	taxRate         need // of a line
	noTaxRate       bool // a line names no tax rate
	tracking        need // of a line: exactly one
	trackingMost    int  // of a line
	oneClass        bool // at most one tracking of CLASS on a line, and one of DEPARTMENT on all
	bankCurrency    bool // the currency is that of the account paid from
	bankIs          kindOfBank
	bankIDLimit     int
	accountIs       []string // types of the accounts a line may name
	rate            need     // where the currency is not the company's own
	sameSign        need     // all lines are positive, or all negative
	noZeroLine      bool
	noZeroTotal     bool
	noFuture        bool // no date after today

	// Receipts, by Codat's table of what can be attached.
	noReceipts    bool
	receiptMost   int    // bytes of one
	receiptFolder string // where it keeps them, where it has to be said
}

// need is how much a platform insists.
type need int

const (
	free     need = iota // it does not
	likely               // it may refuse, or book something else than was meant
	needed               // it refuses
	negative             // it refuses a cost below zero without
)

// kindOfBank is what account a cost can be paid from.
type kindOfBank int

const (
	anyBank     kindOfBank = iota
	bankOnly               // a bank account
	bankOrAsset            // a bank, cash or asset account
)

// shape is how the body of a cost is laid out.
type shape int

const (
	directCost  shape = iota // Codat's DirectCostPrototype
	bankPayment              // that of Sage 50 (UK)
)

// fields are the names that the parts of a body may have; nil means all.
type fields struct{ header, line, payment, allocation []string }

const (
	absent = "-"
	empty  = "{}"
)

// takes names the fields of a body's parts: absent is for a part that is not there, empty for one that is and has none.
func takes(header, line, payment, allocation string) fields {
	return fields{strings.Fields(header), strings.Fields(line), strings.Fields(payment), strings.Fields(allocation)}
}

// given is v when the part takes that field, and nothing otherwise.
func given[T any](part []string, field string, v T) T {
	if part != nil && !slices.Contains(part, field) {
		var nothing T
		return nothing
	}
	return v
}

// platforms by Codat's integration key.
var platforms = map[string]platform{
	"gbol": { // Xero
		category: "Expense.Overhead", codeDigits: 10, nameLimit: 150,
		takes: takes("reference contactRef issueDate currency currencyRate taxAmount totalAmount",
			"description quantity unitAmount taxAmount totalAmount accountRef taxRateRef trackingCategoryRefs", "accountRef", "totalAmount"),
		noTax: []string{"NONE"}, contact: needed, referenceLimit: 255, descriptionMost: 4000, trackingMost: 2, bankIs: bankOnly,
		receiptMost: 4_000_000, // Codat names 3, 4 and 10 MB in different places
		sameSign:    likely,    // its model says so; Codat's page on Xero says that signs may be mixed
	},
	"qhyg": quickBooksOnline,
	"ndsk": quickBooksOnline, // QuickBooks Online Sandbox
	"pqsw": { // QuickBooks Desktop
		category: "Expense.Expense", codeDigits: 7, nameLimit: 31, supplierLimit: 41,
		takes: takes("reference note contactRef contactRef.dataType issueDate currency currencyRate subTotal taxAmount totalAmount",
			"description quantity unitAmount subTotal taxAmount totalAmount accountRef taxRateRef trackingCategoryRefs",
			"id note reference accountRef currency currencyRate paidOnDate totalAmount", absent),
		noReceipts:     true,
		dropsReference: true, // it is the cheque's number
		foreignOnly:    true, trackingEmpty: true, noteLimit: 4096,
	},
	"akxx": { // Oracle NetSuite
		noAccounts: true, nameLimit: 60, dropsReference: true, note: []string{"reference", "note"},
		takes: takes("note contactRef issueDate currency currencyRate",
			"description quantity unitAmount accountRef taxRateRef trackingCategoryRefs", "accountRef", empty),
		noTax: []string{"-7", "114"}, contact: needed, rate: needed, sameSign: needed,
	},
	"knfz": { // Sage Intacct
		category: "Expense", codeDigits: 24, nameLimit: 80, typed: true, noContact: true, payee: true, note: []string{"supplier"}, noteLimit: 80,
		takes: takes("reference note currency currencyRate totalAmount",
			"description unitAmount subTotal taxAmount totalAmount accountRef taxRateRef trackingCategoryRefs", "accountRef paidOnDate totalAmount", "totalAmount"),
		referenceLimit: 45, descriptionMost: 1000, taxRate: needed, receiptFolder: "Tallylight/Receipts",
	},
	"pdvj": {category: "Expense.Expense", codeDigits: 10, nameLimit: 60, typed: true}, // MYOB: no model of its costs is published
	"trji": { // Dynamics 365 Business Central
		noAccounts: true, nameLimit: 100, noContact: true,
		takes:   takes("reference issueDate currency currencyRate", "description subTotal totalAmount accountRef taxRateRef", "accountRef", empty),
		oneLine: true, taxRate: needed, bankCurrency: true, rate: needed,
	},
	"fbrh": { // FreeAgent
		noAccounts: true, nameLimit: 100, noContact: true, dropsReference: true, note: []string{"reference", "supplier", "description", "note"},
		takes: takes("note issueDate currency subTotal taxAmount totalAmount", "subTotal taxAmount totalAmount accountRef",
			"accountRef currency paidOnDate totalAmount", "currency totalAmount"),
		oneLine: true, noTaxRate: true, bankCurrency: true, noFuture: true, receiptMost: 5_000_000,
	},
	"rwuv": { // Zoho Books
		noAccounts: true, nameLimit: 100, noSuppliers: true, note: []string{"description", "note"},
		takes: takes("reference note contactRef issueDate currency currencyRate", "subTotal totalAmount accountRef taxRateRef trackingCategoryRefs",
			"accountRef currency", "currency"),
		contact: negative, receiptMost: 5_000_000,
	},
	"hbql": { // Sage 50 (UK)
		shape: bankPayment, noAccounts: true, nameLimit: 60, noContact: true, taxRate: needed, tracking: needed, bankCurrency: true, bankIs: bankOnly,
		bankIDLimit: 8, rate: needed, noZeroLine: true,
	},
	"mqjo": {category: "Expense", codeDigits: 10, nameLimit: 100, typed: true, noTax: []string{"NONE"}}, // Codat's Sandbox: its model names everything as required
}

var quickBooksOnline = platform{
	category: "Expense.Expense.OtherBusinessExpenses", nameLimit: 100,
	takes: takes("reference note contactRef contactRef.dataType issueDate currency currencyRate",
		"description quantity unitAmount taxAmount accountRef taxRateRef trackingCategoryRefs", "accountRef currency totalAmount", "currency totalAmount"),
	noTax: []string{"NON"}, paysInBase: true, contact: needed, referenceLimit: 21, descriptionMost: 3999, taxRate: needed, oneClass: true,
	bankIs: bankOrAsset, accountIs: []string{"Expense", "Income"}, noZeroTotal: true,
	rate: likely, // left out, it is taken to be 1
}

func platformOf(key string) platform {
	if p, ok := platforms[key]; ok {
		return p
	}
	return platform{category: "Expense", codeDigits: 10, nameLimit: 100, typed: true, noTax: []string{"NONE", "NON"}}
}

// KeepsReference reports whether an accounting package keeps the reference of a cost, so that it can be found by it.
func KeepsReference(platformKey string) bool { return !platformOf(platformKey).dropsReference }
