package codat

import (
	"strings"
	"time"
)

// Kind is what an event is about.
type Kind string

const (
	KindPush           Kind = "push"       // a write moved on
	KindConnection     Kind = "connection" // a connection came, changed or went
	KindCompanyCreated Kind = "company created"
	KindCompanyDeleted Kind = "company deleted"
	KindCompanyChanged Kind = "company changed" // something about it, which only reading it tells
	KindRead           Kind = "read"            // Codat read data from a ledger, or failed to
	KindRateLimit      Kind = "rate limit"      // the day's quota is used up, or full again
	KindExpensesSync   Kind = "expenses sync"   // of Codat's own product Sync for Expenses
	KindOther          Kind = "other"           // readable, but unknown or not for us
)

// The generations of Codat's webhooks. The legacy one officially ended in January 2025 and is still met.
const (
	Current = "current"
	Legacy  = "legacy"
)

// Event is what a webhook message says happened. Fields that the message does not have are zero.
type Event struct {
	Kind         Kind
	Type         string // Codat's eventType or RuleType, as spelled
	Generation   string // Current, Legacy, or "" for a message of neither
	ID           string // the message's own id
	DedupeKey    string // the same for repeats of one message; "" when it has no id
	CompanyID    string
	ConnectionID string
	OperationKey string    // of a push
	Generated    time.Time // legacy messages do not say

	Push       *PushEvent       // of KindPush
	Connection *ConnectionEvent // of KindConnection
	Company    *Company         // of KindCompanyCreated and KindCompanyDeleted
	Reads      []Read           // of KindRead
	RateLimit  *RateLimitEvent  // of KindRateLimit
}

// PushEvent is news of a write; it never says why one failed.
//
// Status is what the message's payload says. Where that makes no sense, contradicts the event's type, or is missing, it is
// PushFailed: the one status that nobody believes before the operation itself was read.
type PushEvent struct {
	Key      string // the pushOperationKey
	Status   PushStatus
	RecordID string // current messages only
	DataType string
	Type     string // Create, Update, Delete, UploadAttachment; current messages only
}

// ConnectionEvent is news of a connection.
type ConnectionEvent struct {
	Verb        string // created, connected, failed, disconnected, reconnected, deleted, or "" when unclear
	ID          string
	Status      ConnectionStatus // a deleted one still says Linked
	OldStatus   ConnectionStatus // legacy messages only
	PlatformKey string
	Connection  *Connection // current messages only
}

// Read is one data type that Codat read, or failed to.
type Read struct {
	ConnectionID string `json:"connectionId"`
	DataType     string `json:"dataType"`
	Status       string `json:"status"` // Complete, AuthError, RateLimitError and more
}

// RateLimitEvent is news of the day's quota of requests, which all companies share.
type RateLimitEvent struct {
	Reached bool      // it is used up; else there is a new one
	Until   time.Time // when the present one ends; zero when the message does not say
}

// rules says what each type of event is about and how its content is read. A new type is one more line. The star stands for
// any data type.
var rules = map[string]struct {
	kind Kind
	read func(e *Event, m message)
}{
	"*.write.successful":         {KindPush, readWrite},
	"*.write.unsuccessful":       {KindPush, readWrite},
	"connection.created":         {KindConnection, readConnection},
	"connection.connected":       {KindConnection, readConnection},
	"connection.failed":          {KindConnection, readConnection},
	"connection.disconnected":    {KindConnection, readConnection},
	"connection.reconnected":     {KindConnection, readConnection},
	"connection.deleted":         {KindConnection, readConnection},
	"company.created":            {KindCompanyCreated, readCompany},
	"company.deleted":            {KindCompanyDeleted, readCompany},
	"read.completed":             {KindRead, readReads},
	"read.completed.initial":     {KindRead, readReads},
	"client.rateLimit.reached":   {KindRateLimit, readRateLimit},
	"client.rateLimit.reset":     {KindRateLimit, readRateLimit},
	"expenses.sync.successful":   {KindExpensesSync, readNothing},
	"expenses.sync.unsuccessful": {KindExpensesSync, readNothing},

	"Push Operation Status Changed()":   {KindPush, readLegacyPush}, // the parentheses are Codat's
	"Push Operation Timed Out":          {KindPush, readLegacyTimeout},
	"DataConnectionStatusChanged":       {KindConnection, readLegacyConnection},
	"Data sync completed":               {KindRead, readLegacyRead},
	"Dataset data changed":              {KindRead, readLegacyRead},
	"Data Sync Status Changed To Error": {KindRead, readLegacyRead},
	"New company synchronized":          {KindCompanyChanged, readNothing},
	"Sync Connection Deleted":           {KindCompanyChanged, readNothing}, // it does not say which connection
	"Rate Limit Reached":                {KindRateLimit, readLegacyRateLimit},
	"Rate Limit Reset":                  {KindRateLimit, readLegacyRateLimit},
	"Sync Completed":                    {KindExpensesSync, readNothing},
	"Sync Failed":                       {KindExpensesSync, readNothing},
}

// message is a webhook's body, of either generation.
type message struct {
	ID        string `json:"id"`
	EventType string `json:"eventType" alias:"type"` // some of Codat's own samples say type
	Generated Time   `json:"generatedDate"`
	Payload   any    `json:"payload"` // read by the event's rule

	AlertID      string `json:"AlertId"`
	RuleType     string `json:"RuleType"`
	CompanyID    string `json:"CompanyId"`
	ConnectionID string `json:"DataConnectionId"`
	Data         struct {
		DataType      string           `json:"dataType"`
		Status        PushStatus       `json:"status"`
		OperationKey  string           `json:"pushOperationKey" alias:"pushOperationGuid"`
		ConnectionID  string           `json:"dataConnectionId"`
		NewStatus     ConnectionStatus `json:"newStatus"`
		OldStatus     ConnectionStatus `json:"oldStatus"`
		PlatformKey   string           `json:"platformKey"`
		DatasetStatus string           `json:"datasetStatus"`
		Expires       Time             `json:"ExpiresUtc"`
	} `json:"Data"`
}

// ParseEvent reads a webhook message of either generation. Only a body that is not one JSON object is an error; what nobody
// here knows is a KindOther.
func ParseEvent(body []byte) (Event, error) {
	var m message
	if err := decode(body, &m); err != nil {
		return Event{}, err
	}
	var e Event
	switch {
	case m.EventType != "":
		e = m.current()
	case m.RuleType != "" || m.AlertID != "":
		e = m.legacy()
		m.Payload = nil // not a legacy message's: what may come unsigned says nothing in the current form
	}
	e.Kind = KindOther
	name := e.Type
	if _, outcome, ok := strings.Cut(name, ".write."); ok {
		name = "*.write." + outcome
	}
	if rule, ok := rules[name]; ok {
		e.Kind = rule.kind
		rule.read(&e, m)
	}
	return e, nil
}

func (m message) current() Event {
	var p struct {
		ID      string `json:"id"`
		Company struct {
			ID string `json:"id"`
		} `json:"referenceCompany"`
		ConnectionID string `json:"connectionId"`
	}
	fill(&p, m.Payload)
	e := Event{Type: id(m.EventType), Generation: Current, ID: id(m.ID), Generated: m.Generated.Time,
		CompanyID: id(p.Company.ID), ConnectionID: id(p.ConnectionID)}
	if strings.HasPrefix(e.Type, "company.") {
		e.CompanyID = id(p.ID)
	}
	if e.ID != "" {
		e.DedupeKey = "e:" + e.ID
	}
	return e
}

func (m message) legacy() Event {
	e := Event{Type: id(m.RuleType), Generation: Legacy, ID: id(m.AlertID),
		CompanyID: id(m.CompanyID), ConnectionID: id(m.ConnectionID)}
	if e.ID != "" {
		d := m.Data
		e.DedupeKey = e.ID + "|" + e.Type + "|" + id(string(d.Status)+string(d.NewStatus)+d.DatasetStatus) // it has one of them at most
	}
	return e
}

func readNothing(*Event, message) {}

func readWrite(e *Event, m message) {
	var p struct {
		Key    string     `json:"id"`
		Type   string     `json:"type"`
		Status PushStatus `json:"status"`
		Record struct {
			ID string `json:"id"`
		} `json:"record"`
	}
	fill(&p, m.Payload)
	dataType, outcome, _ := strings.Cut(e.Type, ".write.")
	status := PushFailed
	if p.Status == PushTimedOut || p.Status == PushSuccess && outcome == "successful" {
		status = p.Status
	}
	e.push(PushEvent{Key: id(p.Key), Status: status, RecordID: id(p.Record.ID), DataType: dataType, Type: p.Type})
}

func readLegacyPush(e *Event, m message) {
	status := m.Data.Status
	switch status {
	case PushPending, PushSuccess, PushTimedOut:
	default:
		status = PushFailed
	}
	e.push(PushEvent{Key: id(m.Data.OperationKey), Status: status, DataType: m.Data.DataType})
}

func readLegacyTimeout(e *Event, m message) {
	e.push(PushEvent{Key: id(m.Data.OperationKey), Status: PushTimedOut, DataType: m.Data.DataType})
}

func (e *Event) push(p PushEvent) { e.Push, e.OperationKey = &p, p.Key }

func readConnection(e *Event, m message) {
	var p struct {
		Connection Connection `json:"connection"`
	}
	fill(&p, m.Payload)
	c := p.Connection
	c.ID = id(c.ID)
	e.ConnectionID = c.ID
	e.Connection = &ConnectionEvent{Verb: strings.TrimPrefix(e.Type, "connection."), ID: c.ID, Status: c.Status,
		PlatformKey: c.PlatformKey, Connection: &c}
}

func readLegacyConnection(e *Event, m message) {
	d := m.Data
	if e.ConnectionID == "" {
		e.ConnectionID = id(d.ConnectionID)
	}
	e.Connection = &ConnectionEvent{Verb: legacyVerb(d.OldStatus, d.NewStatus), ID: e.ConnectionID, Status: d.NewStatus,
		OldStatus: d.OldStatus, PlatformKey: d.PlatformKey}
}

// legacyVerb is what the current generation calls such a change (Codat's migration guide).
func legacyVerb(was, is ConnectionStatus) string {
	switch {
	case was == "" && is == PendingAuth:
		return "created"
	case was == PendingAuth && is == Linked:
		return "connected"
	case is == Unlinked, is == Deauthorized:
		return "disconnected"
	case is == Linked && (was == Unlinked || was == Deauthorized):
		return "reconnected"
	}
	return ""
}

func readCompany(e *Event, m message) {
	var c Company
	fill(&c, m.Payload)
	c.ID = e.CompanyID
	e.Company = &c
}

func readReads(e *Event, m message) {
	var p struct {
		Reads []Read `json:"dataTypes"`
	}
	fill(&p, m.Payload)
	e.Reads = p.Reads
}

func readLegacyRead(e *Event, m message) {
	status := m.Data.DatasetStatus
	if status == "" {
		status = "Complete"
	}
	e.Reads = []Read{{ConnectionID: e.ConnectionID, DataType: m.Data.DataType, Status: status}}
}

func readRateLimit(e *Event, m message) {
	var p struct {
		Remaining int  `json:"quotaRemaining"`
		Expiry    Time `json:"expiryDate"`
	}
	fill(&p, m.Payload)
	// Codat's migration guide shows a reset under the name of reaching it.
	e.RateLimit = &RateLimitEvent{Reached: e.Type == "client.rateLimit.reached" && p.Remaining <= 0, Until: p.Expiry.Time}
}

func readLegacyRateLimit(e *Event, m message) {
	e.RateLimit = &RateLimitEvent{Reached: e.Type == "Rate Limit Reached", Until: m.Data.Expires.Time}
}
