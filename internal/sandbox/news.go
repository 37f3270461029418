package sandbox

import (
	"cmp"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// message is one webhook on its way. Copies of one message share a body.
type message struct {
	ID         string      `json:"id"`
	Number     int64       `json:"number"` // in the order in which they were written
	Generation Generations `json:"generation"`
	WebhookID  string      `json:"webhookId"` // the same for every attempt
	Body       []byte      `json:"body"`
	Held       bool        `json:"held,omitempty"` // until a later one was delivered
}

// event is the envelope of the current generation.
type event struct {
	ID            string `json:"id"`
	EventType     string `json:"eventType"`
	GeneratedDate string `json:"generatedDate"`
	Payload       any    `json:"payload"`
}

// alert is the envelope of the legacy generation.
type alert struct {
	AlertID          string `json:"AlertId"`
	RuleID           string `json:"RuleId"`
	RuleType         string `json:"RuleType"`
	ClientID         string `json:"ClientId"`
	ClientName       string `json:"ClientName"`
	CompanyID        string `json:"CompanyId"`
	DataConnectionID string `json:"DataConnectionId,omitempty"`
	Message          string `json:"Message"`
	Data             any    `json:"Data,omitempty"`
}

var clientID = seedID("client")

func newAlert(rule string, k *connection, data any, format string, args ...any) alert {
	return alert{AlertID: uuid.NewString(), RuleID: seedID("rule", rule), RuleType: rule, ClientID: clientID, ClientName: "Sandbox",
		CompanyID: k.CompanyID, DataConnectionID: k.ID, Message: fmt.Sprintf(format, args...), Data: data}
}

// tell sends news in the generations that are asked for.
func (tx *tx) tell(how webhooks, eventType string, payload any, alerts ...alert) {
	if tx.s.cfg.Hook.URL == "" || how.Never {
		return
	}
	generation := cmp.Or(how.Generation, tx.s.cfg.Hook.Generations, Current)
	if generation != Legacy {
		e := event{ID: uuid.NewString(), EventType: eventType, GeneratedDate: eventTime(tx.now()), Payload: payload}
		tx.post(how, Current, encode(e))
	}
	if generation != Current {
		for _, a := range alerts {
			tx.post(how, Legacy, encode(a))
		}
	}
}

// post queues a message as often as it is to arrive: the second copy like a delivery whose answer was lost, the others like
// ones that somebody sent again.
func (tx *tx) post(how webhooks, generation Generations, body []byte) {
	id := "msg_" + correlation()
	for i := range max(1, how.Copies) {
		if i > 1 {
			id = "msg_" + correlation()
		}
		tx.s.messages++
		m := &message{ID: uuid.NewString(), Number: tx.s.messages, Generation: generation, WebhookID: id, Body: body, Held: how.Reordered}
		tx.put(change{Message: m})
		tx.messages = append(tx.messages, m)
	}
}

func (tx *tx) pushNews(o *operation) {
	how := o.Scenario.Webhooks
	how.Reordered = how.Reordered && o.firstNews()
	c, k := tx.s.state.companies[o.CompanyID], tx.s.state.connections[o.ConnectionID]
	payload := map[string]any{"id": o.Key, "type": "Create", "referenceCompany": c.reference(), "connectionId": o.ConnectionID,
		"requestedOnDate": eventTime(o.RequestedOn), "status": o.Status}
	if !o.CompletedOn.IsZero() {
		payload["completedOnDate"] = eventTime(o.CompletedOn)
	}
	outcome := "unsuccessful"
	if o.Status == "Success" || o.Status == "Pending" {
		outcome = "successful"
	}
	if o.Status == "Success" || o.Attachment != "" {
		payload["record"] = map[string]string{"id": o.RecordID}
	}
	if o.Attachment != "" {
		payload["type"] = "UploadAttachment"
		if o.Status == "Success" {
			payload["attachmentId"] = o.Attachment
		}
	}
	alerts := []alert{newAlert("Push Operation Status Changed()", k,
		map[string]string{"dataType": o.DataType, "status": o.Status, "pushOperationKey": o.Key},
		"%s triggered notification for PushOperationStatusChanged at %s", o.DataType, eventTime(tx.now()))}
	if o.Status == "TimedOut" {
		alerts = append(alerts, newAlert("Push Operation Timed Out", k,
			map[string]string{"dataType": o.DataType, "pushOperationKey": o.Key, "pushOperationGuid": o.Key},
			"ERROR: pushing %s never finished in time, timing out at %s", o.DataType, tx.now().Format("2006-01-02T15:04:05")))
	}
	tx.tell(how, o.DataType+".write."+outcome, payload, alerts...)
}

// firstNews tells whether nothing was said of the operation before.
func (o *operation) firstNews() bool {
	late := o.Status == "Success" && o.Scenario.Effect == effectTimeoutThenLand
	return !late && (o.Status == "Pending" || !o.Scenario.Webhooks.Pending)
}

func (tx *tx) connectionNews(verb string, k *connection, oldStatus string) {
	payload := map[string]any{"referenceCompany": tx.s.state.companies[k.CompanyID].reference(), "connection": tx.connectionReply(k)}
	var alerts []alert
	if verb != "failed" && verb != "deleted" {
		p, _ := platformOf(k.Platform)
		data := map[string]string{"dataConnectionId": k.ID, "newStatus": k.Status, "platformKey": k.Platform}
		if oldStatus != "" {
			data["oldStatus"] = oldStatus
		}
		alerts = append(alerts, newAlert("DataConnectionStatusChanged", k, data, "Data connection for %s status changed from %s to %s", p.Name,
			cmp.Or(oldStatus, "none"), k.Status))
	}
	tx.tell(webhooks{}, "connection."+verb, payload, alerts...)
}

func (tx *tx) companyNews(verb string, c *company) {
	r := tx.companyReply(c)
	payload := map[string]any{"id": c.ID, "name": c.Name, "description": c.Description, "redirect": r.Redirect, "created": r.Created}
	if r.LastSync != "" {
		payload["lastSync"] = r.LastSync
	}
	if len(c.Tags) > 0 {
		payload["tags"] = c.Tags
	}
	tx.tell(webhooks{}, "company."+verb, payload)
}

func (tx *tx) readNews(p *pull, modified bool) {
	c, k := tx.s.state.companies[p.CompanyID], tx.s.state.connections[p.ConnectionID]
	payload := map[string]any{"referenceCompany": c.reference(), "modifiedFromDate": eventTime(p.Requested.Add(-24 * time.Hour)),
		"dataTypes": []any{map[string]any{"connectionId": k.ID, "dataType": p.DataType, "recordsModified": modified, "status": p.Status, "issues": []any{}}}}
	data := map[string]string{"dataType": p.DataType, "datasetId": p.ID}
	var alerts []alert
	if p.Status == "Complete" {
		alerts = append(alerts, newAlert("Data sync completed", k, data, "Data sync of type %s completed for company %s", p.DataType, c.ID))
		if modified {
			alerts = append(alerts, newAlert("Dataset data changed", k, data, "Data has changed for dataset type %s, company %s", p.DataType, c.ID))
		}
	} else {
		failed := map[string]string{"dataType": p.DataType, "datasetId": p.ID, "datasetStatus": p.Status}
		alerts = append(alerts, newAlert("Data Sync Status Changed To Error", k, failed, "ERROR: syncing %s triggered a %s notification at %s.",
			p.DataType, p.Status, utc(tx.now())))
	}
	eventType := "read.completed"
	if p.Initial {
		eventType = "read.completed.initial"
		if p.DataType == "company" {
			alerts = append(alerts, newAlert("New company synchronized", k, map[string]string{"companyName": c.Name, "sourceType": "Accounting"},
				"Company %s synced for the first time", c.ID))
		}
	}
	tx.tell(webhooks{}, eventType, payload, alerts...)
}
