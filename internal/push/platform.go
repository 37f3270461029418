package push

// platform says how one accounting package differs where a push has to know it. The facts are those of Codat's options models
// for chartOfAccounts, suppliers and directCosts.
type platform struct {
	category       string // the fullyQualifiedCategory of a new expense account
	codeDigits     int    // how long the nominal code of a new account may be; 0 where it needs none
	nameLimit      int    // how long the name of a new account may be
	typed          bool   // a new account says its type and status
	noContact      bool   // a cost names no supplier
	dropsReference bool   // a cost does not keep its reference, so it cannot be told from another one like it
}

// platforms by Codat's integration key.
var platforms = map[string]platform{
	"gbol": {category: "Expense.Overhead", codeDigits: 10, nameLimit: 150},                              // Xero
	"qhyg": {category: "Expense.Expense.OtherBusinessExpenses", nameLimit: 100},                         // QuickBooks Online
	"ndsk": {category: "Expense.Expense.OtherBusinessExpenses", nameLimit: 100},                         // QuickBooks Online Sandbox
	"pqsw": {category: "Expense.Expense", codeDigits: 7, nameLimit: 31, dropsReference: true},           // QuickBooks Desktop: it is the cheque's number
	"knfz": {category: "Expense", codeDigits: 24, nameLimit: 80, typed: true},                           // Sage Intacct
	"pdvj": {category: "Expense.Expense", codeDigits: 10, nameLimit: 60, typed: true},                   // MYOB
	"trji": {category: "Expense", codeDigits: 20, nameLimit: 100, typed: true, noContact: true},         // Dynamics 365 Business Central
	"fbrh": {category: "Expense", codeDigits: 3, nameLimit: 100, noContact: true, dropsReference: true}, // FreeAgent
	"hbql": {category: "Expense.Overheads", codeDigits: 8, nameLimit: 60, noContact: true},              // Sage 50 (UK)
}

func platformOf(key string) platform {
	if p, ok := platforms[key]; ok {
		return p
	}
	return platform{category: "Expense", codeDigits: 10, nameLimit: 100, typed: true}
}

// KeepsReference reports whether an accounting package keeps the reference of a cost, so that it can be found by it.
func KeepsReference(platformKey string) bool { return !platformOf(platformKey).dropsReference }
