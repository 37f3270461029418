package views

import "strings"

// ImportsPage is where a file of expenses is uploaded.
type ImportsPage struct {
	Frame
	Problem string
	Recent  []ImportItem
}

// ImportItem is a file that was uploaded lately.
type ImportItem struct {
	Name string
	Href string
	Tone string
	Icon string
	Word string // "Draft", "Being imported", "Imported"
	Sub  string // "by anna@example.com, 14:02"
}

// ImportPage is one uploaded file: a draft, one whose expenses are being entered, or one that is done with.
type ImportPage struct {
	Frame
	ID      int64
	Name    string
	By      string // "Uploaded by anna@example.com, 14:02"
	Trouble string // why the last try to enter it came to nothing
	State   string // draft, running, done

	// Of one that is running or done.
	Said     string
	Done, Of int

	// Of a draft.
	Verdict  string
	Fit      bool // it can be imported
	Bad      bool // something is to be mended
	Download bool // all of the file could be read, and leaves with its problems
	Button   string
	Notes    []string // what else is to be known: here already, left out, columns that are not used
	Faults   []Fault
	More     string // that there are more faults than are shown
	Fixes    []ImportFix
	Comes    string // "Totals"
	Sums     []ImportSum
	First    []ImportSample
	Shown    string // "The first 10 of 412, as they would be"
	Dates    []Choice
	Decimals []Choice
	Letters  []Choice
	Separate []Option
	Columns  []ColumnChoice
	Missing  bool // a column is: their choice is open
	Whose    []Option
}

// Fault is one mistake of a file, in however many lines it is.
type Fault struct {
	Key    string
	Where  string // "In 5,000 lines: 2, 3, 4 and more", "Line 7"
	Column string // "" when it is about the whole line
	Text   string
	Value  string // of the cell
	Label  string // of the field: "company in 5,000 lines"
	Change bool   // the cell can be changed
	Choose []Option
	Lines  []Option // all of them, or one
	Leave  string   // the button that leaves these expenses out, "" for none
}

// ImportFix is something that was changed in a file.
type ImportFix struct {
	ID   int64
	Text string
	By   string
}

// ImportSum is what a company's expenses in one currency come to.
type ImportSum struct{ Company, Expenses, Total string }

// ImportSample is an expense as it would be entered.
type ImportSample struct{ Reference, Date, Supplier, Description, Company, Category, Total, Lines string }

// Choice is one way to read a file, with what it makes of cells of the file.
type Choice struct {
	Option
	Sample string
}

// ColumnChoice is one of our columns, and which of the file's it is.
type ColumnChoice struct {
	Name    string
	Meaning string
	Options []Option
	Missing bool
}

// importPath is where an uploaded file lives, and what can be done to it.
func importPath(id int64, action ...string) string {
	return "/expenses/import/" + strings.Join(append([]string{digits(id)}, action...), "/")
}

// importColumns are the columns of a file, for who makes one.
var importColumns = []struct{ name, meaning string }{
	{"company", "A name as on the page Companies, or Codat’s id"},
	{"reference", "Its own for each expense of a company"},
	{"date", "Such as 2026-01-31"},
	{"supplier", "May be empty"},
	{"description", "May be empty"},
	{"category", "An account’s name or code"},
	{"currency", "Such as GBP"},
	{"net", "Such as 1204.50"},
	{"tax", "Empty for none"},
	{"paid_from", "A bank or card account; empty for the usual one"},
	{"tax_rate", "May be left out"},
	{"rate", "Only when the currency is not that of the books"},
	{"note", "May be left out"},
}

// ColumnMeaning is what is in a column, for who chooses it.
func ColumnMeaning(name string) string {
	for _, c := range importColumns {
		if c.name == name {
			return c.meaning
		}
	}
	return ""
}
