package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// operation is one write and how it stands (Codat's PushOperation). It moves from Pending to Success, Failed or TimedOut, and
// from TimedOut, when a scenario says so, to Success.
type operation struct {
	Key              string    `json:"key"`
	CompanyID        string    `json:"companyId"`
	ConnectionID     string    `json:"connectionId"`
	DataType         string    `json:"dataType"`
	Attachment       string    `json:"attachment,omitempty"` // set for an upload; the record is RecordID
	Status           string    `json:"status"`
	StatusCode       int       `json:"statusCode"`
	ErrorMessage     string    `json:"errorMessage,omitempty"`
	Errors           []problem `json:"errors,omitempty"`
	Warnings         []problem `json:"warnings,omitempty"`
	RequestedOn      time.Time `json:"requestedOn"`
	CompletedOn      time.Time `json:"completedOn,omitzero"`
	TimeoutInMinutes *int      `json:"timeoutInMinutes,omitempty"`
	RecordID         string    `json:"recordId,omitempty"`
	RecordType       string    `json:"recordType,omitempty"`

	LandAt   time.Time       `json:"landAt,omitzero"` // zero when nothing more will happen to it
	Body     json.RawMessage `json:"body,omitempty"`  // until it has landed
	Scenario scenario        `json:"scenario,omitzero"`
}

type operationReply struct {
	Changes           []operationChange `json:"changes"`
	DataType          string            `json:"dataType"`
	CompanyID         string            `json:"companyId"`
	PushOperationKey  string            `json:"pushOperationKey"`
	DataConnectionKey string            `json:"dataConnectionKey"`
	RequestedOnUTC    string            `json:"requestedOnUtc"`
	CompletedOnUTC    string            `json:"completedOnUtc,omitempty"`
	TimeoutInMinutes  *int              `json:"timeoutInMinutes"`
	TimeoutInSeconds  *int              `json:"timeoutInSeconds"`
	Status            string            `json:"status"`
	ErrorMessage      *string           `json:"errorMessage"`
	Validation        *validation       `json:"validation,omitempty"`
	StatusCode        int               `json:"statusCode"`
}

type operationChange struct {
	Type         string    `json:"type"`
	RecordRef    recordRef `json:"recordRef"`
	AttachmentID *string   `json:"attachmentId"`
}

type recordRef struct {
	ID       string `json:"id"`
	DataType string `json:"dataType"`
}

func (o *operation) reply() operationReply {
	r := operationReply{DataType: o.DataType, CompanyID: o.CompanyID, PushOperationKey: o.Key, DataConnectionKey: o.ConnectionID,
		RequestedOnUTC: utc(o.RequestedOn), TimeoutInMinutes: o.TimeoutInMinutes, Status: o.Status, StatusCode: o.StatusCode}
	if !o.CompletedOn.IsZero() {
		r.CompletedOnUTC = utc(o.CompletedOn)
	}
	if o.ErrorMessage != "" {
		r.ErrorMessage = &o.ErrorMessage
	}
	switch o.Status {
	case "Success":
		c := operationChange{Type: "Created", RecordRef: recordRef{o.RecordID, o.RecordType}}
		if o.Attachment != "" {
			c.Type, c.AttachmentID = "AttachmentUploaded", &o.Attachment
		}
		r.Changes = []operationChange{c}
		r.Validation = &validation{[]problem{}, append([]problem{}, o.Warnings...)}
	case "Failed":
		r.Validation = &validation{append([]problem{}, o.Errors...), append([]problem{}, o.Warnings...)}
	}
	return r
}

// pushCreate takes a write of a data type that the platform's rules will judge when it lands.
func pushCreate(dataType string) endpoint {
	return func(tx *tx, r *request) (any, error) {
		k, err := tx.pushable(r)
		if err != nil {
			return nil, err
		}
		p, _ := platformOf(k.Platform)
		if p.options(dataType) == nil {
			return nil, unsupported(p, dataType)
		}
		if err := wellFormed(p, dataType, r.body); err != nil {
			return nil, err
		}
		o := &operation{Key: uuid.NewString(), DataType: dataType, Body: bytes.Clone(r.body)}
		return tx.accept(r, k, o)
	}
}

// pushable is the connection in the request's path, when it takes writes.
func (tx *tx) pushable(r *request) (*connection, error) {
	k, err := tx.connection(r)
	if err != nil {
		return nil, err
	}
	if k.Status != "Linked" {
		return nil, refuse(http.StatusBadRequest, "Data connection %s is not linked: its status is %s.", k.ID, k.Status)
	}
	return k, nil
}

// accept puts o into the queue. Its reply says Pending, unless the scenario has it final at once.
func (tx *tx) accept(r *request, k *connection, o *operation) (any, error) {
	if v := r.URL.Query().Get("timeoutInMinutes"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return nil, refuse(http.StatusBadRequest, "%s", usual[400])
		}
		o.TimeoutInMinutes = &n
	}
	o.CompanyID, o.ConnectionID, o.Scenario = k.CompanyID, k.ID, *r.scenario
	o.Status, o.StatusCode, o.RequestedOn, o.LandAt = "Pending", http.StatusAccepted, tx.now(), tx.s.soon()
	if d := time.Duration(o.Scenario.Delay); d > 0 {
		o.LandAt = time.Now().Add(d)
	}
	if o.TimeoutInMinutes != nil {
		if end := time.Now().Add(time.Duration(*o.TimeoutInMinutes) * time.Minute); end.Before(o.LandAt) {
			o.LandAt, o.Scenario.Effect = end, effectTimeout
		}
	}
	tx.put(change{Operation: o})
	if o.Scenario.Webhooks.Pending {
		tx.pushNews(o)
	}
	if o.Scenario.Effect == effectFinal {
		tx.land(o.Key)
		return tx.s.state.operations[o.Key].reply(), nil
	}
	if o.Scenario.Webhooks.Early {
		tx.land(o.Key)
	} else {
		tx.tasks = append(tx.tasks, task{at: o.LandAt, operation: o.Key})
	}
	return o.reply(), nil
}

func (tx *tx) do(t task) {
	if t.operation != "" {
		tx.land(t.operation)
	} else {
		tx.finish(t.pull)
	}
}

// land decides what becomes of an operation, and does it: its record and its new status are one transaction.
func (tx *tx) land(key string) {
	old := tx.s.state.operations[key]
	if old == nil || old.LandAt.IsZero() {
		return
	}
	o := *old
	o.CompletedOn, o.LandAt = tx.now(), time.Time{}
	if o.Status == "Pending" && tx.timedOut(&o) {
		return
	}
	k := tx.s.state.connections[o.ConnectionID]
	if tx.s.state.companies[o.CompanyID].Deleted {
		o.CompletedOn = old.CompletedOn // nobody works on it any more
		tx.put(change{Operation: &o})
		return
	}
	switch {
	case k.Deleted || k.Status == "Unlinked":
		o.fail(http.StatusBadRequest, fmt.Sprintf("Data connection %s is not linked.", k.ID))
	case k.Severed || k.Status != "Linked":
		o.fail(http.StatusUnauthorized, lostAccess)
		tx.deauthorize(k)
	case o.Scenario.Effect == effectFail:
		tx.failAsTold(&o)
	default:
		tx.write(k, &o)
	}
	o.Body = nil
	if w := o.Scenario.Warning; w != "" && o.Status == "Success" {
		o.Warnings = append(o.Warnings, problem{"Reference", w, modelName[o.DataType]})
	}
	tx.put(change{Operation: &o})
	tx.pushNews(&o)
}

// timedOut makes o TimedOut if a scenario says so, and tells whether it did. Its record may be written all the same, at once
// or later.
func (tx *tx) timedOut(o *operation) bool {
	if e := o.Scenario.Effect; e != effectTimeout && e != effectTimeoutBooked && e != effectTimeoutThenLand {
		return false
	}
	switch o.Scenario.Effect {
	case effectTimeoutBooked:
		written := *o
		tx.write(tx.s.state.connections[o.ConnectionID], &written)
	case effectTimeoutThenLand:
		o.LandAt = tx.s.soon()
		if late := time.Duration(o.Scenario.Late); late > 0 {
			o.LandAt = time.Now().Add(late)
		}
		tx.tasks = append(tx.tasks, task{at: o.LandAt, operation: o.Key})
	}
	o.Status, o.StatusCode = "TimedOut", http.StatusRequestTimeout
	if o.LandAt.IsZero() {
		o.Body = nil
	}
	tx.put(change{Operation: o})
	tx.pushNews(o)
	return true
}

func (o *operation) fail(statusCode int, message string, problems ...problem) {
	o.Status, o.StatusCode, o.Errors = "Failed", statusCode, problems
	o.ErrorMessage = fmt.Sprintf("An error occurred in a downstream service. Correlation ID: %s. Message: %s", correlation(), message)
}

// modelName is what Codat calls a record of a data type in messages.
var modelName = map[string]string{"directCosts": "DirectCost", "chartOfAccounts": "Account", "suppliers": "Supplier"}

// refused fails o because of what is wrong with its record.
func (o *operation) refused(problems []problem) {
	o.fail(http.StatusBadRequest, "Push failed for "+modelName[o.DataType]+": see validation for more information", problems...)
}

func (tx *tx) failAsTold(o *operation) {
	problems := slices.Clone(o.Scenario.Problems)
	for i := range problems {
		problems[i].ValidatorName = cmp.Or(problems[i].ValidatorName, modelName[o.DataType])
	}
	switch {
	case o.Scenario.Message == "" && len(problems) == 0:
		problems = []problem{{"LineItems[0].AccountRef.Id", "Must match the ID of an existing account.", modelName[o.DataType]}}
		fallthrough
	case o.Scenario.Message == "":
		o.refused(problems)
	default:
		o.fail(http.StatusBadRequest, o.Scenario.Message, problems...)
	}
}

// write puts the record into the ledger, or fails o for the platform's reasons.
func (tx *tx) write(k *connection, o *operation) {
	o.RecordType = o.DataType
	switch {
	case o.Attachment != "":
		tx.writeAttachment(k, o)
	case o.DataType == "chartOfAccounts":
		tx.writeAccount(k, o)
	case o.DataType == "suppliers":
		tx.writeSupplier(k, o)
	default:
		tx.writeCost(k, o)
	}
	if o.Status != "Failed" {
		o.Status, o.StatusCode = "Success", http.StatusOK
	}
}

func (tx *tx) writeCost(k *connection, o *operation) {
	p, _ := platformOf(k.Platform)
	b := tx.s.state.books[k.ID]
	c := parseCost(o.Body)
	var problems []problem
	problems, o.Warnings = costProblems(p, k, b, o.Body, tx.now())
	if len(problems) > 0 {
		o.refused(problems)
		return
	}
	if p.xero() && c.TotalAmount.rat().Sign() < 0 {
		o.RecordType = "directIncomes" // Xero takes money that came back as an income
	}
	body := o.Body
	if p.dropsReference() && c.Reference != "" {
		fields := cost{Body: body}.fields()
		delete(fields, "reference")
		body = encode(fields)
	}
	o.RecordID = tx.newID(k)
	tx.put(change{On: k.ID, Cost: &entry[cost]{ID: o.RecordID, Record: cost{ID: o.RecordID, DataType: o.RecordType, Body: body}, OperationKey: o.Key,
		WrittenAt: tx.now()}})
}

func (tx *tx) writeAccount(k *connection, o *operation) {
	p, _ := platformOf(k.Platform)
	a := parseAccount(o.Body)
	if problems := accountProblems(p, tx.s.state.books[k.ID], a); len(problems) > 0 {
		o.refused(problems)
		return
	}
	made := newAccount(a.NominalCode, a.Name, a.FullyQualifiedCategory, cmp.Or(a.Status, "Active"))
	made.ID, made.Description, made.Currency = tx.newID(k), a.Description, cmp.Or(a.Currency, k.Currencies[0])
	made.Type = cmp.Or(made.Type, a.Type, "Unknown")
	made.IsBankAccount = strings.HasPrefix(a.FullyQualifiedCategory, "Asset.Bank")
	made.ModifiedDate, made.SourceModifiedDate = platformTime(tx.now()), platformTime(tx.now())
	o.RecordID = made.ID
	tx.put(change{On: k.ID, Account: &entry[account]{ID: made.ID, Record: made, OperationKey: o.Key, WrittenAt: tx.now()}})
}

func (tx *tx) writeSupplier(k *connection, o *operation) {
	p, _ := platformOf(k.Platform)
	s := parseSupplier(o.Body)
	if problems := supplierProblems(p, tx.s.state.books[k.ID], s); len(problems) > 0 {
		o.refused(problems)
		return
	}
	s.ID, s.Status, s.DefaultCurrency = tx.newID(k), cmp.Or(s.Status, "Active"), cmp.Or(s.DefaultCurrency, k.Currencies[0])
	if len(s.Addresses) == 0 {
		s.Addresses = json.RawMessage("[]")
	}
	s.ModifiedDate, s.SourceModifiedDate = platformTime(tx.now()), platformTime(tx.now())
	o.RecordID = s.ID
	tx.put(change{On: k.ID, Supplier: &entry[supplier]{ID: s.ID, Record: s, OperationKey: o.Key, WrittenAt: tx.now()}})
}

// newID is the next id in a ledger: a GUID, or a number where the platform counts.
func (tx *tx) newID(k *connection) string {
	if p, _ := platformOf(k.Platform); p.numbered {
		return strconv.Itoa(tx.s.state.books[k.ID].highest + 1)
	}
	return uuid.NewString()
}

func pushRead(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	o := tx.s.state.operations[r.PathValue("operation")]
	if o == nil || o.CompanyID != c.ID {
		return nil, refuse(http.StatusNotFound, "No push operation was found with ID %s", r.PathValue("operation"))
	}
	return o.reply(), nil
}

// pushList is the history, newest first unless orderBy=requestedOnUtc.
func pushList(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	keys := slices.Clone(tx.s.state.history[c.ID])
	switch order := r.URL.Query().Get("orderBy"); order {
	case "", "-requestedOnUtc":
		slices.Reverse(keys)
	case "requestedOnUtc":
	default:
		return nil, refuse(http.StatusBadRequest, "Error parsing query - Could not resolve property %s on PushOperation", strings.TrimPrefix(order, "-"))
	}
	return paged(r, keys, func(key string) any { return tx.s.state.operations[key].reply() })
}
