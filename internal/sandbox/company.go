package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

type companyReply struct {
	ID                           string            `json:"id"`
	Name                         string            `json:"name"`
	Description                  string            `json:"description"`
	Platform                     string            `json:"platform"`
	Redirect                     string            `json:"redirect"`
	LastSync                     string            `json:"lastSync,omitempty"`
	DataConnections              []connectionReply `json:"dataConnections"`
	Created                      string            `json:"created"`
	CreatedByUserName            string            `json:"createdByUserName"`
	Products                     []string          `json:"products"`
	Tags                         map[string]string `json:"tags,omitempty"`
	ReferenceSubsidiaryCompanies []any             `json:"referenceSubsidiaryCompanies"`
}

func (tx *tx) companyReply(c *company) companyReply {
	r := companyReply{ID: c.ID, Name: c.Name, Description: c.Description, Redirect: tx.s.base + "/company/" + c.ID, DataConnections: []connectionReply{},
		Created: utc(c.Created), CreatedByUserName: "Sandbox", Products: []string{}, Tags: c.Tags, ReferenceSubsidiaryCompanies: []any{}}
	for _, k := range tx.connectionsOf(c.ID) {
		r.DataConnections = append(r.DataConnections, tx.connectionReply(k))
		if !k.LastSync.IsZero() {
			r.LastSync = max(r.LastSync, utc(k.LastSync))
		}
	}
	return r
}

// company is the one in the request's path, or 404.
func (tx *tx) company(r *request) (*company, error) {
	id := r.PathValue("company")
	c := tx.s.state.companies[id]
	if c == nil || c.Deleted {
		return nil, noCompany(id)
	}
	return c, nil
}

func companyList(tx *tx, r *request) (any, error) {
	var found []*company
	for _, id := range tx.s.state.order {
		if c := tx.s.state.companies[id]; !c.Deleted && tagged(c, r.URL.Query().Get("tags")) {
			found = append(found, c)
		}
	}
	return paged(r, found, func(c *company) any { return tx.companyReply(c) })
}

// tagged tells whether c has one of the tags in a list such as region:uk,region:us.
func tagged(c *company, tags string) bool {
	if tags == "" {
		return true
	}
	for tag := range strings.SplitSeq(tags, ",") {
		if name, value, ok := strings.Cut(tag, ":"); ok && c.Tags[name] == value {
			return true
		}
	}
	return false
}

func companyRead(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	return tx.companyReply(c), nil
}

type companyBody struct {
	Name        *string           `json:"name"`
	Description *string           `json:"description"`
	Tags        map[string]string `json:"tags"`
}

var strange = regexp.MustCompile(`[^A-Za-z0-9\s\-',&@.?!]`)

// parse checks the body. Signs that Codat does not take in a name are left out without a word.
func (b *companyBody) parse(body []byte) error {
	if err := json.Unmarshal(body, b); err != nil {
		return refuse(http.StatusBadRequest, "%s", usual[400])
	}
	if b.Name != nil {
		clean := strings.TrimSpace(strange.ReplaceAllString(*b.Name, ""))
		if clean == "" {
			return refuse(http.StatusBadRequest, "Company name must be provided.")
		}
		b.Name = &clean
	}
	if len(b.Tags) > 10 {
		return refuse(http.StatusBadRequest, "A company can have no more than 10 tags.")
	}
	for name, value := range b.Tags {
		if name == "" || len(name) > 27 || len(value) > 100 {
			return refuse(http.StatusBadRequest, "Tag %s is too long.", name)
		}
	}
	return nil
}

func companyCreate(tx *tx, r *request) (any, error) {
	var b companyBody
	if err := b.parse(r.body); err != nil {
		return nil, err
	}
	if b.Name == nil {
		return nil, refuse(http.StatusBadRequest, "Company name must be provided.")
	}
	c := &company{ID: uuid.NewString(), Created: tx.now()}
	c.replace(b)
	tx.put(change{Company: c})
	tx.companyNews("created", c)
	return tx.companyReply(c), nil
}

func (c *company) replace(b companyBody) {
	c.Name, c.Description, c.Tags = *b.Name, "", b.Tags
	if b.Description != nil {
		c.Description = *b.Description
	}
}

func companyReplace(tx *tx, r *request) (any, error) {
	old, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	var b companyBody
	if err := b.parse(r.body); err != nil {
		return nil, err
	}
	if b.Name == nil {
		return nil, refuse(http.StatusBadRequest, "Company name must be provided.")
	}
	c := *old
	c.replace(b)
	tx.put(change{Company: &c})
	return tx.companyReply(&c), nil
}

func companyUpdate(tx *tx, r *request) (any, error) {
	old, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	var b companyBody
	if err := b.parse(r.body); err != nil {
		return nil, err
	}
	c := *old
	if b.Name != nil {
		c.Name = *b.Name
	}
	if b.Description != nil {
		c.Description = *b.Description
	}
	if b.Tags != nil {
		c.Tags = b.Tags
	}
	tx.put(change{Company: &c})
	return tx.companyReply(&c), nil
}

func companyDelete(tx *tx, r *request) (any, error) {
	old, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	c := *old
	c.Deleted = true
	tx.companyNews("deleted", &c)
	tx.put(change{Company: &c})
	return nothing(http.StatusNoContent), nil
}

// AddCompany makes a company that is linked to the platform with that key of Codat's ("gbol" for Xero, "qhyg" for QuickBooks
// Online), with a standard chart of accounts, some suppliers, and books in currency (empty means the platform's usual one; more
// may follow after commas). Codat has read them already.
func (s *Sandbox) AddCompany(name, platformKey, currency string) (companyID, connectionID string, err error) {
	p, ok := platformOf(platformKey)
	if !ok {
		return "", "", refuse(http.StatusBadRequest, "Unknown platform %s.", platformKey)
	}
	if currency == "" {
		currency = p.currency
	}
	err = s.transact(func(tx *tx) {
		c := &company{ID: uuid.NewString(), Name: name, Created: tx.now()}
		k := connection{ID: uuid.NewString(), CompanyID: c.ID, Platform: p.Key, SourceID: uuid.NewString(), Status: "Linked", Created: tx.now(),
			LastSync: tx.now(), Currencies: strings.Split(currency, ",")}
		companyID, connectionID = c.ID, k.ID
		tx.put(change{Company: c})
		tx.put(change{Connection: &k})
		tx.fill(k, standard(p, k.Currencies[0]), tx.now())
	})
	return companyID, connectionID, err
}

// Grow adds that many expense accounts and suppliers to the books behind a connection, as of a customer who has been at it for long.
// Codat has read them already.
func (s *Sandbox) Grow(connectionID string, accounts, suppliers int) error {
	var err error
	failed := s.transact(func(tx *tx) {
		k := tx.s.state.connections[connectionID]
		if k == nil {
			err = noConnection(connectionID)
			return
		}
		day := platformTime(tx.now())
		for i := range accounts {
			a := newAccount(fmt.Sprintf("7%05d", i), fmt.Sprintf("%s, department %d", duties[i%len(duties)], i/len(duties)+1), "Expense.Overhead", "Active")
			a.ID, a.Currency, a.ModifiedDate, a.SourceModifiedDate = seedID(k.ID, "account", i), k.Currencies[0], day, day
			tx.put(change{On: k.ID, Account: &entry[account]{ID: a.ID, Record: a, WrittenAt: tx.now()}})
		}
		for i := range suppliers {
			v := supplier{ID: seedID(k.ID, "supplier", i), SupplierName: fmt.Sprintf("%s %d Ltd", trades[i%len(trades)], i/len(trades)+1), Addresses: json.RawMessage("[]"),
				Status: "Active", DefaultCurrency: k.Currencies[0], ModifiedDate: day, SourceModifiedDate: day}
			tx.put(change{On: k.ID, Supplier: &entry[supplier]{ID: v.ID, Record: v, WrittenAt: tx.now()}})
		}
		tx.put(change{On: k.ID, Read: "chartOfAccounts"})
		tx.put(change{On: k.ID, Read: "suppliers"})
	})
	return errors.Join(err, failed)
}

var (
	duties = []string{"Travel", "Meals", "Training", "Software", "Freight", "Cleaning", "Repairs", "Stationery", "Telephone", "Advertising"}
	trades = []string{"Bakery", "Taxi", "Hotel", "Courier", "Printer", "Garage", "Florist", "Electrician"}
)

// reference is how webhooks speak of a company.
func (c *company) reference() map[string]any {
	r := map[string]any{"id": c.ID, "name": c.Name, "description": c.Description,
		"links": map[string]string{"portal": "https://app.codat.io/companies/" + c.ID + "/summary"}}
	if len(c.Tags) > 0 {
		r["tags"] = maps.Clone(c.Tags)
	}
	return r
}

// connectionsOf are a company's connections, oldest first.
func (tx *tx) connectionsOf(companyID string) []*connection {
	var found []*connection
	for _, id := range tx.s.state.links[companyID] {
		if k := tx.s.state.connections[id]; !k.Deleted {
			found = append(found, k)
		}
	}
	return slices.Clip(found)
}
