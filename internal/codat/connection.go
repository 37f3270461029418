package codat

import (
	"context"
	"net/http"
)

// ConnectionStatus is how a connection stands. Others may come.
type ConnectionStatus string

const (
	PendingAuth  ConnectionStatus = "PendingAuth"  // the customer has not finished linking
	Linked       ConnectionStatus = "Linked"       // usable, as far as Codat noticed
	Unlinked     ConnectionStatus = "Unlinked"     // cut on our side
	Deauthorized ConnectionStatus = "Deauthorized" // cut on the accounting package's side, or run out
)

// Connection is a company's link to one accounting package.
type Connection struct {
	ID           string            `json:"id"`
	PlatformKey  string            `json:"integrationKey" alias:"platformKey"` // four letters: gbol is Xero, qhyg QuickBooks Online
	PlatformName string            `json:"platformName"`
	SourceType   string            `json:"sourceType"` // Accounting, Banking, BankFeed, Commerce, Expense, Other, Unknown
	LinkURL      string            `json:"linkUrl"`    // where the customer authorises this connection
	Status       ConnectionStatus  `json:"status"`
	LastSync     Time              `json:"lastSync"`
	Created      Time              `json:"created"`
	Errors       []ConnectionError `json:"dataConnectionErrors"`
}

// ConnectionError is a trouble that Codat had with a connection.
type ConnectionError struct {
	StatusCode   string `json:"statusCode"` // the platform's HTTP status, as text
	StatusText   string `json:"statusText"`
	ErrorMessage string `json:"errorMessage"`
	Status       string `json:"status,omitempty"` // Active or Resolved; "" when it is not one that passes
	ErroredOn    Time   `json:"erroredOnUtc,omitzero"`
	ResolvedOn   Time   `json:"resolvedOnUtc,omitzero"`
}

func connectionID(v Connection) string { return v.ID }

// Connections reads a page of a company's connections.
func (c *Client) Connections(ctx context.Context, company string, page int) (Page[Connection], error) {
	return list[Connection](ctx, c, get("companies", company, "connections"), page)
}

// Connection reads one connection. One that was deleted is a 404.
func (c *Client) Connection(ctx context.Context, company, connection string) (Connection, error) {
	return identified(ctx, c, get("companies", company, "connections", connection), connectionID)
}

// CreateConnection starts a connection to the platform with that key; the customer finishes it at its LinkURL.
func (c *Client) CreateConnection(ctx context.Context, company, platformKey string) (Connection, error) {
	r := post(map[string]string{"platformKey": platformKey}, "companies", company, "connections")
	return identified(ctx, c, r, connectionID)
}

// Unlink cuts a connection that is Linked. What was read stays readable; nothing new can be read or written.
func (c *Client) Unlink(ctx context.Context, company, connection string) (Connection, error) {
	r := call{method: http.MethodPatch, path: []string{"companies", company, "connections", connection}, key: newKey(),
		body: marshal(map[string]ConnectionStatus{"status": Unlinked})}
	return identified(ctx, c, r, connectionID)
}

// DeleteConnection deletes a connection, for good.
func (c *Client) DeleteConnection(ctx context.Context, company, connection string) error {
	_, _, err := c.send(ctx, call{method: http.MethodDelete, path: []string{"companies", company, "connections", connection}})
	return err
}
