package codat

import "context"

// Option is a platform's model of what can be written (Codat's PushOption), as far as we use it: a tree of properties, with the
// values that one may have.
type Option struct {
	DisplayName string            `json:"displayName"`
	Properties  map[string]Option `json:"properties"`
	Options     []OptionChoice    `json:"options"`
	Required    bool              `json:"required"`
}

// OptionChoice is a value that a property may have.
type OptionChoice struct {
	Value       string `json:"value"`
	DisplayName string `json:"displayName"`
	Description string `json:"description"`
}

// Options reads what the platform behind a connection takes for a new record of that data type: "chartOfAccounts", "directCosts".
// One that it does not take is a 404.
func (c *Client) Options(ctx context.Context, company, connection, dataType string) (Option, error) {
	return read[Option](ctx, c, get("companies", company, "connections", connection, "options", dataType))
}
