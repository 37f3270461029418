package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// dataTypes are those that Codat reads from a ledger here, in Codat's spelling.
var dataTypes = []string{"company", "chartOfAccounts", "bankAccounts", "suppliers", "taxRates", "trackingCategories", "directCosts", "directIncomes"}

// pull is one read of a data type from the ledger into Codat's cache (Codat's PullOperation).
type pull struct {
	ID           string    `json:"id"`
	CompanyID    string    `json:"companyId"`
	ConnectionID string    `json:"connectionId"`
	DataType     string    `json:"dataType"`
	Status       string    `json:"status"`
	Requested    time.Time `json:"requested"`
	Completed    time.Time `json:"completed,omitzero"`
	DueAt        time.Time `json:"dueAt"`
	Initial      bool      `json:"initial,omitempty"` // the first ever, after linking
}

type pullReply struct {
	ID                string `json:"id"`
	CompanyID         string `json:"companyId"`
	ConnectionID      string `json:"connectionId"`
	DataType          string `json:"dataType"`
	Status            string `json:"status"`
	StatusDescription string `json:"statusDescription"`
	ErrorMessage      string `json:"errorMessage,omitempty"`
	Requested         string `json:"requested"`
	Completed         string `json:"completed,omitempty"`
	Progress          int    `json:"progress"`
	IsCompleted       bool   `json:"isCompleted"`
	IsErrored         bool   `json:"isErrored"`
}

func (p *pull) reply() pullReply {
	r := pullReply{ID: p.ID, CompanyID: p.CompanyID, ConnectionID: p.ConnectionID, DataType: p.DataType, Status: p.Status, Requested: utc(p.Requested)}
	if p.Completed.IsZero() {
		return r
	}
	r.Completed, r.Progress = utc(p.Completed), 100
	r.IsCompleted = p.Status == "Complete"
	if r.IsErrored = !r.IsCompleted; r.IsErrored {
		r.ErrorMessage = lostAccess
	}
	return r
}

// accounting is the connection whose books the company's data comes from: the linked one, or else the newest.
func (tx *tx) accounting(c *company) *connection {
	var newest *connection
	for _, k := range tx.connectionsOf(c.ID) {
		if k.Status == "Linked" {
			return k
		}
		newest = k
	}
	return newest
}

func dataQueue(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	k := tx.accounting(c)
	if id := r.URL.Query().Get("connectionId"); id != "" {
		k = tx.s.state.connections[id]
		if k == nil || k.Deleted || k.CompanyID != c.ID {
			return nil, noConnection(id)
		}
	}
	dataType := r.PathValue("dataType")
	switch {
	case !slices.Contains(dataTypes, dataType):
		return nil, refuse(http.StatusBadRequest, "Data type %s can not be refreshed.", dataType)
	case k == nil:
		return nil, refuse(http.StatusBadRequest, "Company %s has no data connection.", c.ID)
	case k.Status != "Linked":
		return nil, refuse(http.StatusBadRequest, "Data connection %s is not linked: its status is %s.", k.ID, k.Status)
	case tx.reading(k, dataType):
		return nil, refuse(http.StatusBadRequest,
			"Data cannot be refreshed while a read operation is in progress. Allow the read to complete before attempting to refresh.")
	}
	return tx.queue(k, dataType, false).reply(), nil
}

func (tx *tx) reading(k *connection, dataType string) bool {
	for _, p := range tx.s.state.pulls {
		if p.ConnectionID == k.ID && p.DataType == dataType && p.Completed.IsZero() {
			return true
		}
	}
	return false
}

// firstReading reports whether Codat is still at the reading of everything that follows the first approval.
func (tx *tx) firstReading(k *connection) bool {
	for _, p := range tx.s.state.pulls {
		if p.ConnectionID == k.ID && p.Initial && p.Completed.IsZero() {
			return true
		}
	}
	return false
}

func (tx *tx) queue(k *connection, dataType string, initial bool) *pull {
	p := &pull{ID: uuid.NewString(), CompanyID: k.CompanyID, ConnectionID: k.ID, DataType: dataType, Status: "Queued", Requested: tx.now(),
		DueAt: tx.s.soon(), Initial: initial}
	tx.put(change{Pull: p})
	tx.tasks = append(tx.tasks, task{at: p.DueAt, pull: p.ID})
	return p
}

// finish ends a read: Codat now has what the ledger has, or finds that it is shut out.
func (tx *tx) finish(id string) {
	old := tx.s.state.pulls[id]
	if old == nil || !old.Completed.IsZero() {
		return
	}
	k := tx.s.state.connections[old.ConnectionID]
	p := *old
	p.Completed, p.Status = tx.now(), "Complete"
	modified := false
	switch {
	case k.Deleted || tx.s.state.companies[k.CompanyID].Deleted || k.Status == "Unlinked":
		p.Status = "Cancelled"
	case k.Severed || k.Status != "Linked":
		p.Status = "AuthError"
		tx.deauthorize(k)
	default:
		modified = tx.s.state.books[k.ID].changed(p.DataType)
		tx.put(change{On: k.ID, Read: p.DataType})
	}
	tx.put(change{Pull: &p})
	if p.Status == "Complete" && !tx.firstReading(k) {
		linked := *k
		linked.LastSync = tx.now()
		tx.put(change{Connection: &linked})
	}
	if p.Status != "Cancelled" {
		tx.readNews(&p, modified)
	}
}

func (b *books) changed(dataType string) bool {
	switch dataType {
	case "chartOfAccounts":
		return b.accounts.changed()
	case "bankAccounts":
		return b.banks.changed()
	case "suppliers":
		return b.suppliers.changed()
	case "taxRates":
		return b.taxRates.changed()
	case "trackingCategories":
		return b.tracking.changed()
	case "directCosts":
		return b.costs.changed()
	case "directIncomes":
		return b.incomes.changed()
	}
	return !b.info
}

func dataHistory(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	p := tx.s.state.pulls[r.PathValue("pull")]
	if p == nil || p.CompanyID != c.ID {
		return nil, refuse(http.StatusNotFound, "No data set was found with ID %s", r.PathValue("pull"))
	}
	return p.reply(), nil
}

func dataInfo(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	k := tx.accounting(c)
	if k == nil || !tx.s.state.books[k.ID].info {
		return nil, noData("company", c.ID)
	}
	return map[string]any{"companyName": c.Name, "companyLegalName": c.Name, "accountingPlatformRef": k.SourceID, "addresses": []any{},
		"phoneNumbers": []any{}, "webLinks": []any{}, "baseCurrency": k.Currencies[0], "createdDate": platformTime(c.Created),
		"sourceUrls": map[string]string{}}, nil
}

func noData(dataType, companyID string) *refusal {
	return refuse(http.StatusNotFound, "No data available for %s for ID %s", dataType, companyID)
}

// companyData answers with what Codat last read of a data type of the company. Until it has read those of the linked connection, that is
// what it read through the one before.
func companyData[T any](dataType string, of func(*books) *table[T]) endpoint {
	return func(tx *tx, r *request) (any, error) {
		c, err := tx.company(r)
		if err != nil {
			return nil, err
		}
		k := tx.accounting(c)
		if k == nil {
			return nil, noData(dataType, c.ID)
		}
		if !of(tx.s.state.books[k.ID]).read {
			for _, before := range tx.connectionsOf(c.ID) {
				if of(tx.s.state.books[before.ID]).read {
					k = before
				}
			}
		}
		return cachedPage(tx, r, k, dataType, of)
	}
}

// connectionData answers with what Codat last read of a data type through one connection.
func connectionData[T any](dataType string, of func(*books) *table[T]) endpoint {
	return func(tx *tx, r *request) (any, error) {
		k, err := tx.connection(r)
		if err != nil {
			return nil, err
		}
		return cachedPage(tx, r, k, dataType, of)
	}
}

func cachedPage[T any](tx *tx, r *request, k *connection, dataType string, of func(*books) *table[T]) (any, error) {
	t := of(tx.s.state.books[k.ID])
	if !t.read {
		return nil, noData(dataType, k.CompanyID)
	}
	return paged(r, t.cached, func(e entry[T]) any { return e.Record })
}

func costsOf(b *books) *table[cost]   { return &b.costs }
func incomesOf(b *books) *table[cost] { return &b.incomes }

func costList(dataType string, of func(*books) *table[cost]) endpoint {
	return func(tx *tx, r *request) (any, error) {
		k, err := tx.connection(r)
		if err != nil {
			return nil, err
		}
		t := of(tx.s.state.books[k.ID])
		if !t.read {
			return nil, noData(dataType, k.CompanyID)
		}
		return paged(r, t.cached, func(e entry[cost]) any { return costReply(e) })
	}
}

func costRead(dataType string, of func(*books) *table[cost]) endpoint {
	return func(tx *tx, r *request) (any, error) {
		k, err := tx.connection(r)
		if err != nil {
			return nil, err
		}
		id := r.PathValue("cost")
		e, ok := of(tx.s.state.books[k.ID]).findCached(id)
		if !ok {
			return nil, refuse(http.StatusNotFound, "No record of %s was found with ID %s", dataType, id)
		}
		return costReply(e), nil
	}
}

// costReply is a record as Codat shows it: what was sent, and what the platform added. A directIncome is what was sent with
// its sign turned.
func costReply(e entry[cost]) map[string]any {
	m := e.Record.fields()
	if e.Record.DataType == "directIncomes" {
		turn(m)
	}
	m["id"], m["modifiedDate"], m["sourceModifiedDate"] = e.ID, platformTime(e.WrittenAt), platformTime(e.WrittenAt)
	m["metadata"] = metadata{}
	return m
}

// turn makes money that went out money that came in, all the way down.
func turn(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			turn(item)
		}
	case map[string]any:
		for name, field := range v {
			n, isNumber := field.(json.Number)
			switch {
			case isNumber && slices.Contains([]string{"subTotal", "taxAmount", "totalAmount", "discountAmount", "quantity"}, name):
				v[name] = negated(n)
			case !isNumber:
				turn(field)
			}
		}
	}
}

func negated(n json.Number) json.Number {
	if positive, ok := strings.CutPrefix(n.String(), "-"); ok {
		return json.Number(positive)
	}
	if strings.Trim(n.String(), "0.") == "" {
		return n
	}
	return "-" + n
}

// fields are those that were sent, numbers as they were written.
func (c cost) fields() map[string]any {
	m := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return map[string]any{} // it was decoded when it came
	}
	return m
}

func optionsRead(tx *tx, r *request) (any, error) {
	k, err := tx.connection(r)
	if err != nil {
		return nil, err
	}
	p, _ := platformOf(k.Platform)
	model := p.options(r.PathValue("dataType"))
	if model == nil {
		return nil, unsupported(p, r.PathValue("dataType"))
	}
	return model, nil
}

func unsupported(p platform, dataType string) *refusal {
	return refuse(http.StatusNotFound, "Data type %s is not supported for %s.", dataType, p.Name)
}
