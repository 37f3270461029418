package codat

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Company is a customer's business as Codat knows it.
type Company struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Redirect    string            `json:"redirect"` // the page of Codat's where the customer links an accounting package
	LastSync    Time              `json:"lastSync"`
	Created     Time              `json:"created"`
	Tags        map[string]string `json:"tags"`
	Connections []Connection      `json:"dataConnections"`
}

// Companies reads a page of all companies.
func (c *Client) Companies(ctx context.Context, page int) (Page[Company], error) {
	return list[Company](ctx, c, get("companies"), page)
}

// Company reads one company. One that was deleted is a 404.
func (c *Client) Company(ctx context.Context, company string) (Company, error) {
	return identified(ctx, c, get("companies", company), func(v Company) string { return v.ID })
}

// NewCompany is a company to be made.
type NewCompany struct {
	Name        string            `json:"name"` // of signs that Codat takes; see StrangeSigns
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// What Codat takes of tags.
const (
	MostTags    = 10
	LongestTag  = 100        // characters of a value
	nameSigns   = `-',&@.?!` // beside letters, digits and spaces
	nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 "
)

// StrangeSigns are the signs of a company's name that Codat would leave out without a word, each once.
func StrangeSigns(name string) []string {
	var strange []string
	for _, sign := range name {
		if !strings.ContainsRune(nameLetters+nameSigns, sign) && !slices.Contains(strange, string(sign)) {
			strange = append(strange, string(sign))
		}
	}
	return strange
}

// CreateCompany makes a company. For 90 minutes Codat answers the same company again under the same key.
func (c *Client) CreateCompany(ctx context.Context, key string, company NewCompany) (Company, error) {
	r := call{method: http.MethodPost, path: []string{"companies"}, key: key, body: marshal(company)}
	return identified(ctx, c, r, func(v Company) string { return v.ID })
}

// DeleteCompany deletes a company with its connections, at Codat and for good.
func (c *Client) DeleteCompany(ctx context.Context, company string) error {
	_, _, err := c.send(ctx, call{method: http.MethodDelete, path: []string{"companies", company}})
	return err
}

// Info is what a company's ledger says of the company.
type Info struct {
	CompanyName  string `json:"companyName"`
	BaseCurrency string `json:"baseCurrency"`          // ISO 4217
	PlatformRef  string `json:"accountingPlatformRef"` // what the accounting package calls the business, "" where it does not say
}

// Info reads the company's details as last synced. Before the first sync it is a 404.
func (c *Client) Info(ctx context.Context, company string) (Info, error) {
	return read[Info](ctx, c, get("companies", company, "data", "info"))
}

// identified makes a call whose reply is one T that has an id; one without is an *Error.
func identified[T any](ctx context.Context, c *Client, r call, idOf func(T) string) (T, error) {
	status, body, err := c.send(ctx, r)
	var v T
	if err != nil {
		return v, err
	}
	err = decode(body, &v)
	if err == nil && id(idOf(v)) == "" {
		err = errors.New("the reply has no id")
	}
	if err != nil {
		var none T
		return none, c.unreadable(r, status, body, err)
	}
	return v, nil
}
