package codat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// PushPath names a kind of write in the path of a push.
type PushPath string

const (
	PushDirectCosts PushPath = "directCosts"
	PushAccounts    PushPath = "accounts" // its operations, options and webhooks say chartOfAccounts (Codat)
	PushSuppliers   PushPath = "suppliers"
)

// PushStatus is how a write stands. Others may come; they count as Pending.
type PushStatus string

const (
	PushPending  PushStatus = "Pending"
	PushFailed   PushStatus = "Failed"
	PushSuccess  PushStatus = "Success"
	PushTimedOut PushStatus = "TimedOut" // Codat stopped waiting; the record may still be created
)

// PushOperation is Codat's own record of one write.
type PushOperation struct {
	PushOperationKey string     `json:"pushOperationKey"`
	CompanyID        string     `json:"companyId"`
	ConnectionID     string     `json:"dataConnectionKey"`
	DataType         string     `json:"dataType"`
	Status           PushStatus `json:"status"`
	StatusCode       string     `json:"statusCode"` // the operation's, not that of the reply it came in
	ErrorMessage     string     `json:"errorMessage"`
	Validation       Validation `json:"validation"`
	Changes          []Change   `json:"changes"` // none or one
	RequestedOnUTC   Time       `json:"requestedOnUtc"`
	CompletedOnUTC   Time       `json:"completedOnUtc"`
}

// Change is what a write did in the ledger.
type Change struct {
	Type         string    `json:"type"` // Created, Modified, Deleted, AttachmentUploaded, Unknown
	RecordRef    RecordRef `json:"recordRef"`
	AttachmentID string    `json:"attachmentId"`
}

// RecordRef names the written record. Its data type may differ from the push's: Xero turns a negative directCost into a
// directIncome.
type RecordRef struct {
	ID       string `json:"id"`
	DataType string `json:"dataType"`
}

// PushReply is Codat's reply to a write that it accepted. The operation may be final already, and may have failed.
type PushReply struct {
	Status    int    // HTTP
	Body      []byte // as it came
	Operation PushOperation
}

// Push sends body, a JSON document, to be written through a connection. Codat replays its first reply to an idempotency key
// for 90 minutes, so the same key with the same bytes is safe to repeat, and a lost reply is got back that way. A 2xx that
// holds no operation is an *Error with that status: the write may have been accepted.
func (c *Client) Push(ctx context.Context, key, company, connection string, path PushPath, body []byte) (PushReply, error) {
	r := call{method: http.MethodPost, path: []string{"companies", company, "connections", connection, "push", string(path)},
		body: body, key: key, patience: pushPatience}
	if key == "" {
		return PushReply{}, &unsentError{errors.New("push without an idempotency key")}
	}
	status, reply, err := c.send(ctx, r)
	if err != nil {
		return PushReply{}, err
	}
	var op PushOperation
	if err := decode(reply, &op); err != nil {
		return PushReply{}, c.unreadable(r, status, reply, err)
	}
	if id(op.PushOperationKey) == "" {
		return PushReply{}, c.unreadable(r, status, reply, errors.New("the reply has no pushOperationKey"))
	}
	return PushReply{Status: status, Body: reply, Operation: op}, nil
}

// PushOperation reads how a write stands.
func (c *Client) PushOperation(ctx context.Context, company, key string) (PushOperation, error) {
	return identified(ctx, c, get("companies", company, "push", key), func(v PushOperation) string { return v.PushOperationKey })
}

// PushOperations reads a page of a company's writes, through all its connections: newest first, where Codat can sort them so.
func (c *Client) PushOperations(ctx context.Context, company string, page int) (Page[PushOperation], error) {
	r := get("companies", company, "push")
	r.query = url.Values{"orderBy": {"-requestedOnUtc"}}
	p, err := list[PushOperation](ctx, c, r, page)
	if e, ok := errors.AsType[*Error](err); ok && e.HTTPStatus == http.StatusBadRequest { // what it sorts by is not documented
		return list[PushOperation](ctx, c, get("companies", company, "push"), page)
	}
	return p, err
}

// PushOption describes what a platform takes in a write: one field, or an object or array of fields.
type PushOption struct {
	Type        string                `json:"type"` // Array, Object, String, Number, Boolean, DateTime, File, MultiPart
	DisplayName string                `json:"displayName"`
	Description string                `json:"description"`
	Required    bool                  `json:"required"`
	Properties  map[string]PushOption `json:"properties"`
	Options     []PushChoice          `json:"options"` // the only values it takes; any when there are none
	Validation  struct {
		Warnings    []PushRule `json:"warnings"`
		Information []PushRule `json:"information"`
	} `json:"validation"`
}

// PushChoice is one value that a field takes.
type PushChoice struct {
	Value       string `json:"value"`
	DisplayName string `json:"displayName"`
	Description string `json:"description"`
}

// PushRule is a rule of the platform in words.
type PushRule struct {
	Field   string `json:"field"`
	Details string `json:"details"`
}

// PushOptions reads what a connection's platform takes in a write of a data type: directCosts, chartOfAccounts (not
// "accounts"), suppliers. A platform that cannot write it is a 404.
func (c *Client) PushOptions(ctx context.Context, company, connection, dataType string) (PushOption, error) {
	return read[PushOption](ctx, c, get("companies", company, "connections", connection, "options", dataType))
}
