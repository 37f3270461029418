package sandbox

import (
	"cmp"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"
)

// company is a customer's business, as Codat keeps it. A deleted one is kept so that its ledger can still be looked at.
type company struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Created     time.Time         `json:"created"`
	Deleted     bool              `json:"deleted,omitempty"`
}

// connection links a company to a platform. Its Currencies are those that the books know, the base currency first.
type connection struct {
	ID         string            `json:"id"`
	CompanyID  string            `json:"companyId"`
	Platform   string            `json:"platform"`
	SourceID   string            `json:"sourceId"`
	Status     string            `json:"status"`
	Created    time.Time         `json:"created"`
	LastSync   time.Time         `json:"lastSync,omitzero"`
	Errors     []connectionError `json:"errors,omitempty"`
	Currencies []string          `json:"currencies,omitempty"`
	Severed    bool              `json:"severed,omitempty"` // on the platform's side; Codat does not know yet
	Deleted    bool              `json:"deleted,omitempty"`
}

// change is one thing that became different. A state is the sum of its changes, in order; the journal is a list of them.
type change struct {
	Company    *company    `json:"company,omitempty"`
	Connection *connection `json:"connection,omitempty"`

	On       string                   `json:"on,omitempty"` // the connection whose books the next ones are about
	Account  *entry[account]          `json:"account,omitempty"`
	Bank     *entry[bankAccount]      `json:"bank,omitempty"`
	Supplier *entry[supplier]         `json:"supplier,omitempty"`
	TaxRate  *entry[taxRate]          `json:"taxRate,omitempty"`
	Tracking *entry[trackingCategory] `json:"tracking,omitempty"`
	Cost     *entry[cost]             `json:"cost,omitempty"`
	Read     string                   `json:"read,omitempty"` // the data type that Codat has read now

	Operation *operation `json:"operation,omitempty"`
	Pull      *pull      `json:"pull,omitempty"`
	Reply     *reply     `json:"reply,omitempty"`
	Message   *message   `json:"message,omitempty"`
	Sent      string     `json:"sent,omitempty"` // the message that is done
}

// state is all that a Codat and the platforms behind it remember. What is in it never changes in place: a change puts a new
// value where the old one was.
type state struct {
	companies   map[string]*company
	connections map[string]*connection
	books       map[string]*books   // by connection
	links       map[string][]string // connections by company
	operations  map[string]*operation
	history     map[string][]string // operation keys by company, oldest first
	pulls       map[string]*pull
	replies     map[string]*reply // by idempotency key
	replied     []*reply          // oldest first
	messages    map[string]*message
	order       []string // companies, oldest first
}

func newState() *state {
	return &state{companies: map[string]*company{}, connections: map[string]*connection{}, books: map[string]*books{}, links: map[string][]string{},
		operations: map[string]*operation{}, history: map[string][]string{}, pulls: map[string]*pull{}, replies: map[string]*reply{},
		messages: map[string]*message{}}
}

func (s *state) apply(c change) {
	if c.Company != nil {
		if s.companies[c.Company.ID] == nil {
			s.order = append(s.order, c.Company.ID)
		}
		s.companies[c.Company.ID] = c.Company
	}
	if k := c.Connection; k != nil {
		if s.connections[k.ID] == nil {
			s.links[k.CompanyID] = append(s.links[k.CompanyID], k.ID)
			s.books[k.ID] = &books{}
		}
		s.connections[k.ID] = k
	}
	if b := s.books[c.On]; b != nil {
		b.apply(c)
	}
	if o := c.Operation; o != nil {
		if s.operations[o.Key] == nil {
			s.history[o.CompanyID] = append(s.history[o.CompanyID], o.Key)
		}
		s.operations[o.Key] = o
	}
	if c.Pull != nil {
		s.pulls[c.Pull.ID] = c.Pull
	}
	if c.Reply != nil {
		s.replies[c.Reply.Key] = c.Reply
		s.replied = append(s.replied, c.Reply)
	}
	if c.Message != nil {
		s.messages[c.Message.ID] = c.Message
	}
	delete(s.messages, c.Sent)
}

func (b *books) apply(c change) {
	if c.Account != nil {
		b.accounts.put(*c.Account)
		b.counted(c.Account.ID)
	}
	if c.Bank != nil {
		b.banks.put(*c.Bank)
	}
	if c.Supplier != nil {
		b.suppliers.put(*c.Supplier)
		b.counted(c.Supplier.ID)
	}
	if c.TaxRate != nil {
		b.taxRates.put(*c.TaxRate)
	}
	if c.Tracking != nil {
		b.tracking.put(*c.Tracking)
		b.counted(c.Tracking.ID)
	}
	if c.Cost != nil {
		if c.Cost.Record.DataType == "directIncomes" {
			b.incomes.put(*c.Cost)
		} else {
			b.costs.put(*c.Cost)
		}
		b.counted(c.Cost.ID)
	}
	switch c.Read {
	case "chartOfAccounts":
		b.accounts.sync()
	case "bankAccounts":
		b.banks.sync()
	case "suppliers":
		b.suppliers.sync()
	case "taxRates":
		b.taxRates.sync()
	case "trackingCategories":
		b.tracking.sync()
	case "directCosts":
		b.costs.sync()
	case "directIncomes":
		b.incomes.sync()
	case "company":
		b.info = true
	}
}

// forget drops the replies that are too old to be repeated.
func (s *state) forget(before time.Time) {
	for len(s.replied) > 0 && s.replied[0].At.Before(before) {
		if old := s.replied[0]; s.replies[old.Key] == old {
			delete(s.replies, old.Key)
		}
		s.replied = s.replied[1:]
	}
}

// changes are the fewest that lead to this state.
func (s *state) changes() iter.Seq[change] {
	return func(yield func(change) bool) {
		for _, id := range s.order {
			if !yield(change{Company: s.companies[id]}) {
				return
			}
			for _, link := range s.links[id] {
				if !yield(change{Connection: s.connections[link]}) || !s.books[link].changes(link, yield) {
					return
				}
			}
			for _, key := range s.history[id] {
				if !yield(change{Operation: s.operations[key]}) {
					return
				}
			}
		}
		for _, p := range s.pulls {
			if p.Completed.IsZero() && !yield(change{Pull: p}) {
				return
			}
		}
		for _, r := range s.replied {
			if s.replies[r.Key] == r && !yield(change{Reply: r}) {
				return
			}
		}
		for _, m := range slices.SortedFunc(maps.Values(s.messages), inOrder) {
			if !yield(change{Message: m}) {
				return
			}
		}
	}
}

func inOrder(a, b *message) int { return cmp.Compare(a.Number, b.Number) }

func (b *books) changes(on string, yield func(change) bool) bool {
	return changesOf(&b.accounts, "chartOfAccounts", on, func(e *entry[account]) change { return change{Account: e} }, yield) &&
		changesOf(&b.banks, "bankAccounts", on, func(e *entry[bankAccount]) change { return change{Bank: e} }, yield) &&
		changesOf(&b.suppliers, "suppliers", on, func(e *entry[supplier]) change { return change{Supplier: e} }, yield) &&
		changesOf(&b.taxRates, "taxRates", on, func(e *entry[taxRate]) change { return change{TaxRate: e} }, yield) &&
		changesOf(&b.tracking, "trackingCategories", on, func(e *entry[trackingCategory]) change { return change{Tracking: e} }, yield) &&
		changesOf(&b.costs, "directCosts", on, func(e *entry[cost]) change { return change{Cost: e} }, yield) &&
		changesOf(&b.incomes, "directIncomes", on, func(e *entry[cost]) change { return change{Cost: e} }, yield) &&
		(!b.info || yield(change{On: on, Read: "company"}))
}

// changesOf first tells what Codat has read, then what is different in the ledger.
func changesOf[T any](t *table[T], dataType, on string, told func(*entry[T]) change, yield func(change) bool) bool {
	tell := func(e *entry[T]) bool {
		c := told(e)
		c.On = on
		return yield(c)
	}
	for i := range t.cached {
		if !tell(&t.cached[i]) {
			return false
		}
	}
	if t.read && !yield(change{On: on, Read: dataType}) {
		return false
	}
	for i := range t.live {
		if i < len(t.cached) && reflect.DeepEqual(t.live[i], t.cached[i]) {
			continue
		}
		if !tell(&t.live[i]) {
			return false
		}
	}
	return true
}
