package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// account is a nominal account as Codat shows it.
type account struct {
	ID                     string      `json:"id"`
	NominalCode            string      `json:"nominalCode,omitempty"`
	Name                   string      `json:"name"`
	Description            string      `json:"description,omitempty"`
	FullyQualifiedCategory string      `json:"fullyQualifiedCategory,omitempty"`
	FullyQualifiedName     string      `json:"fullyQualifiedName,omitempty"`
	Currency               string      `json:"currency,omitempty"`
	CurrentBalance         json.Number `json:"currentBalance"`
	Type                   string      `json:"type"`
	Status                 string      `json:"status"`
	IsBankAccount          bool        `json:"isBankAccount"`
	ModifiedDate           string      `json:"modifiedDate"`
	SourceModifiedDate     string      `json:"sourceModifiedDate"`
	ValidDatatypeLinks     []link      `json:"validDatatypeLinks"`
	Metadata               metadata    `json:"metadata"`
}

type link struct {
	Property string   `json:"property"`
	Links    []string `json:"links"`
}

type metadata struct {
	IsDeleted bool `json:"isDeleted"`
}

type bankAccount struct {
	ID                 string      `json:"id"`
	AccountName        string      `json:"accountName"`
	AccountType        string      `json:"accountType"`
	NominalCode        string      `json:"nominalCode,omitempty"`
	AccountNumber      string      `json:"accountNumber,omitempty"`
	SortCode           string      `json:"sortCode,omitempty"`
	Currency           string      `json:"currency"`
	Balance            json.Number `json:"balance"`
	Status             string      `json:"status"`
	ModifiedDate       string      `json:"modifiedDate"`
	SourceModifiedDate string      `json:"sourceModifiedDate"`
	Metadata           metadata    `json:"metadata"`
}

type supplier struct {
	ID                 string          `json:"id"`
	SupplierName       string          `json:"supplierName"`
	ContactName        string          `json:"contactName,omitempty"`
	EmailAddress       string          `json:"emailAddress,omitempty"`
	Phone              string          `json:"phone,omitempty"`
	Addresses          json.RawMessage `json:"addresses"`
	RegistrationNumber string          `json:"registrationNumber,omitempty"`
	TaxNumber          string          `json:"taxNumber,omitempty"`
	Status             string          `json:"status"`
	DefaultCurrency    string          `json:"defaultCurrency,omitempty"`
	ModifiedDate       string          `json:"modifiedDate"`
	SourceModifiedDate string          `json:"sourceModifiedDate"`
	Metadata           metadata        `json:"metadata"`
}

type taxRate struct {
	ID                 string         `json:"id"`
	Name               string         `json:"name"`
	Code               string         `json:"code"`
	Status             string         `json:"status"`
	EffectiveTaxRate   json.Number    `json:"effectiveTaxRate"`
	TotalTaxRate       json.Number    `json:"totalTaxRate"`
	Components         []taxComponent `json:"components"`
	ValidDatatypeLinks []link         `json:"validDatatypeLinks"`
	ModifiedDate       string         `json:"modifiedDate"`
	SourceModifiedDate string         `json:"sourceModifiedDate"`
}

type taxComponent struct {
	Name       string      `json:"name"`
	Rate       json.Number `json:"rate"`
	IsCompound bool        `json:"isCompound"`
}

type trackingCategory struct {
	ID                 string `json:"id"`
	Name               string `json:"name"`
	ParentID           string `json:"parentId,omitempty"`
	HasChildren        bool   `json:"hasChildren"`
	Status             string `json:"status"`
	ModifiedDate       string `json:"modifiedDate"`
	SourceModifiedDate string `json:"sourceModifiedDate"`
}

// cost is one directCost in the ledger: what was sent, to the letter, and what the platform made of it.
type cost struct {
	ID          string          `json:"id"`
	DataType    string          `json:"dataType"` // directCosts, or directIncomes for money that came back
	Body        json.RawMessage `json:"body"`
	Attachments []attachment    `json:"attachments,omitempty"`
}

type attachment struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	FileSize    int64  `json:"fileSize"`
}

// entry is a record and how it came to be there. OperationKey is empty for what was not pushed.
type entry[T any] struct {
	ID           string    `json:"id"`
	Record       T         `json:"record"`
	OperationKey string    `json:"operationKey,omitempty"`
	WrittenAt    time.Time `json:"writtenAt"`
}

// table holds the records of one data type twice: as the ledger has them, and as Codat last read them.
type table[T any] struct {
	live   []entry[T]
	cached []entry[T]
	read   bool // whether Codat ever read them
	at     map[string]int
}

func (t *table[T]) put(e entry[T]) {
	if t.at == nil {
		t.at = map[string]int{}
	}
	if i, ok := t.at[e.ID]; ok {
		t.live = slices.Clone(t.live) // what Codat read earlier stays as it was
		t.live[i] = e
		return
	}
	t.at[e.ID] = len(t.live)
	t.live = append(t.live, e)
}

func (t *table[T]) sync() {
	t.cached, t.read = t.live[:len(t.live):len(t.live)], true
}

func (t *table[T]) find(id string) (T, bool) {
	_, ok := t.at[id]
	return t.entryOf(id).Record, ok
}

// entryOf is the zero entry for an id that is not there.
func (t *table[T]) entryOf(id string) entry[T] {
	i, ok := t.at[id]
	if !ok {
		return entry[T]{}
	}
	return t.live[i]
}

// findCached finds what Codat last read.
func (t *table[T]) findCached(id string) (entry[T], bool) {
	i, ok := t.at[id]
	if !ok || i >= len(t.cached) {
		return entry[T]{}, false
	}
	return t.cached[i], true
}

// changed tells whether the ledger has something that Codat has not read.
func (t *table[T]) changed() bool {
	return len(t.live) != len(t.cached) || len(t.live) > 0 && &t.live[0] != &t.cached[0]
}

// books is the ledger behind one connection.
type books struct {
	accounts  table[account]
	banks     table[bankAccount]
	suppliers table[supplier]
	taxRates  table[taxRate]
	tracking  table[trackingCategory]
	costs     table[cost]
	incomes   table[cost] // directCosts that the platform took as money received
	info      bool        // whether Codat ever read the company's own details
	highest   int         // of the numeric ids, where the platform counts
}

// counted keeps numeric ids unique.
func (b *books) counted(id string) {
	if n, err := strconv.Atoi(id); err == nil {
		b.highest = max(b.highest, n)
	}
}

func (b *books) accountNamed(name string) (account, bool) {
	for _, e := range b.accounts.live {
		if strings.EqualFold(e.Record.Name, name) {
			return e.Record, true
		}
	}
	return account{}, false
}

func (b *books) accountCoded(code string) (account, bool) {
	for _, e := range b.accounts.live {
		if code != "" && e.Record.NominalCode == code {
			return e.Record, true
		}
	}
	return account{}, false
}

func (b *books) supplierNamed(name string) (supplier, bool) {
	for _, e := range b.suppliers.live {
		if strings.EqualFold(e.Record.SupplierName, name) {
			return e.Record, true
		}
	}
	return supplier{}, false
}
