package views

import "strings"

// MappingPage says what the texts of one kind of a company's expenses mean in its ledger.
type MappingPage struct {
	Frame
	ID       int64
	Company  string
	Ledger   string // "Xero", "" where the company has no accounting connection
	Unread   bool   // the ledger has not been read yet
	Tabs     []Tab
	Kind     string
	About    string // what the texts of this kind are, a sentence
	Query    string
	Column   string // what a text is: "Category"
	Defaults []MappingRow
	Rows     []MappingRow
	Next     string // href
	First    string // href, "" on the first page
}

// MappingRow is one text and what it means.
type MappingRow struct {
	Text   string
	Note   string // beneath it: "open 12 of 40 expenses"
	Means  []Meant
	Why    string
	Wrong  string // what is wrong with it, "" for nothing
	Choose bool   // a person should choose
	Change []Link // one for each of what can be changed
}

// Meant is a record that a text means, or what is said in its place.
type Meant struct {
	Heading string // of a tracking category
	Name    string
	None    bool // it is no record, but a word about there being none
}

// MappingTextPage is where a person says what one text means.
type MappingTextPage struct {
	Frame
	ID       int64
	Company  string
	Ledger   string
	Back     string // href of the list it came from
	Path     string // where its forms go
	Kind     string
	Text     string
	Part     string
	Title    string
	Row      MappingRow
	Said     bool   // there is a mapping to forget
	Forget   string // what forgetting it means, a sentence
	Query    string
	Noun     string // "account"
	Records  []MappingRecord
	More     bool // there are others
	Create   *MappingCreate
	Problems map[string]string

	Connection int64 // whose ledger it is about
}

// MappingRecord is a record that can be chosen.
type MappingRecord struct {
	ID, Name, Detail string
	Chosen           bool
}

// MappingCreate is the form for a record that is to be created by the first push that needs it.
type MappingCreate struct {
	Noun       string
	Name, Code string
	NameMost   int
	CodeMost   int // 0: it has none
	Categories []Option
	Usual      string // what is said where the package's categories are not known
	Unknown    bool   // they could not be read
	Kept       string // then: the category that was chosen before
	Chosen     bool
}

// CarryPage is where a person confirms what of a former connection's mappings holds for the new one.
type CarryPage struct {
	Frame
	ID      int64
	Company string
	Ledger  string
	About   string
	Groups  []CarryGroup

	Connection int64
}

// CarryGroup is the former mappings of one kind.
type CarryGroup struct {
	Title string
	Rows  []CarryRow
}

// CarryRow is one of them and what it would be.
type CarryRow struct {
	Value    string // for the form
	Text     string
	Was      string
	Now      string // "" where there is nothing alike
	Proposed bool   // there is something to confirm
	Sure     bool   // it is the same in all that people know it by
	Change   string // a word about how it differs
}

// mappingPath is where the texts of a kind are listed, "" for the first kind.
func mappingPath(id int64, kind string) string {
	if kind == "" {
		return companyPath(id) + "/mapping"
	}
	return companyPath(id) + "/mapping?kind=" + kind
}

// article is a noun with the article before it.
func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
