package views

import "strconv"

// Receipts are the files of an expense.
type Receipts struct {
	Items  []Receipt
	Add    bool   // more can be added
	Hint   string // what can be added: "PDF, PNG or JPEG, at most 4 MB each"
	Accept string // the same for the browser's dialog
	Told   string // what becomes of them, a sentence
}

// Receipt is one file and how its upload to the ledger stands.
type Receipt struct {
	ID       int64
	Name     string
	Detail   string // "PDF, 120 KB"
	Added    string // "fay@example.com, 12 Jan 2026, 14:02"
	Tone     string // of its lamp
	Icon     string
	Word     string       // "Uploaded"
	Sub      string       // "waits for the connection"
	Why      *Explanation // why it failed, or what needs checking
	Retry    bool
	Decide   bool // a person has to say whether it is in the ledger
	Remove   bool
	LookedAt string // what they confirm: "It is in Xero"
}

func receiptPath(expense, receipt int64, action string) string {
	p := expensePath(expense, "receipts") + "/" + strconv.FormatInt(receipt, 10)
	if action != "" {
		p += "/" + action
	}
	return p
}
