package sandbox

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
)

type connectionReply struct {
	ID                   string            `json:"id"`
	IntegrationID        string            `json:"integrationId"`
	IntegrationKey       string            `json:"integrationKey"`
	SourceID             string            `json:"sourceId"`
	SourceType           string            `json:"sourceType"`
	PlatformName         string            `json:"platformName"`
	LinkURL              string            `json:"linkUrl"`
	Status               string            `json:"status"`
	LastSync             string            `json:"lastSync,omitempty"`
	Created              string            `json:"created"`
	DataConnectionErrors []connectionError `json:"dataConnectionErrors,omitempty"`
}

type connectionError struct {
	StatusCode    string `json:"statusCode"`
	StatusText    string `json:"statusText"`
	ErrorMessage  string `json:"errorMessage"`
	ErroredOnUTC  string `json:"erroredOnUtc"`
	Status        string `json:"status"`
	ResolvedOnUTC string `json:"resolvedOnUtc,omitempty"`
}

const lostAccess = "The integration de-authorized access to the connection."

func deauthorized(at time.Time) connectionError {
	return connectionError{StatusCode: "401", StatusText: lostAccess, ErrorMessage: lostAccess, ErroredOnUTC: platformTime(at), Status: "Active"}
}

func (tx *tx) connectionReply(k *connection) connectionReply {
	p, _ := platformOf(k.Platform)
	r := connectionReply{ID: k.ID, IntegrationID: p.IntegrationID, IntegrationKey: p.Key, SourceID: k.SourceID, SourceType: "Accounting",
		PlatformName: p.Name, LinkURL: tx.s.base + "/companies/" + k.CompanyID + "/connections/" + k.ID + "/start", Status: k.Status,
		Created: platformTime(k.Created), DataConnectionErrors: k.Errors}
	if !k.LastSync.IsZero() {
		r.LastSync = utc(k.LastSync)
	}
	return r
}

// connection is the one in the request's path, or 404.
func (tx *tx) connection(r *request) (*connection, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	k := tx.s.state.connections[r.PathValue("connection")]
	if k == nil || k.Deleted || k.CompanyID != c.ID {
		return nil, noConnection(r.PathValue("connection"))
	}
	return k, nil
}

func connectionList(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	return paged(r, tx.connectionsOf(c.ID), func(k *connection) any { return tx.connectionReply(k) })
}

func connectionRead(tx *tx, r *request) (any, error) {
	k, err := tx.connection(r)
	if err != nil {
		return nil, err
	}
	return tx.connectionReply(k), nil
}

func connectionCreate(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	var b struct{ PlatformKey string }
	if json.Unmarshal(r.body, &b) != nil && json.Unmarshal(r.body, &b.PlatformKey) != nil {
		return nil, refuse(http.StatusBadRequest, "%s", usual[400])
	}
	p, ok := platformOf(b.PlatformKey)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "Unknown platform %s.", b.PlatformKey)
	}
	return tx.connectionReply(tx.connect(c, p)), nil
}

// connect starts a link that somebody has yet to approve.
func (tx *tx) connect(c *company, p platform) *connection {
	k := &connection{ID: uuid.NewString(), CompanyID: c.ID, Platform: p.Key, SourceID: uuid.NewString(), Status: "PendingAuth", Created: tx.now()}
	tx.put(change{Connection: k})
	tx.connectionNews("created", k, "")
	return k
}

func connectionUpdate(tx *tx, r *request) (any, error) {
	old, err := tx.connection(r)
	if err != nil {
		return nil, err
	}
	var b struct{ Status string }
	if json.Unmarshal(r.body, &b) != nil || b.Status != "Unlinked" {
		return nil, refuse(http.StatusBadRequest, "A connection's status can only be changed to Unlinked.")
	}
	if old.Status != "Linked" {
		return nil, refuse(http.StatusBadRequest, "Data connection %s cannot be unlinked: its status is %s.", old.ID, old.Status)
	}
	k := *old
	k.Status = "Unlinked"
	tx.put(change{Connection: &k})
	tx.connectionNews("disconnected", &k, "Linked")
	return tx.connectionReply(&k), nil
}

func connectionDelete(tx *tx, r *request) (any, error) {
	old, err := tx.connection(r)
	if err != nil {
		return nil, err
	}
	k := *old
	k.Deleted = true
	tx.connectionNews("deleted", &k, "") // its status there is still what it was
	tx.put(change{Connection: &k})
	return nothing(http.StatusOK), nil
}

// deauthorize is what Codat does when it finds out that a platform lets it in no more.
func (tx *tx) deauthorize(old *connection) {
	if old.Status != "Linked" {
		return
	}
	k := *old
	k.Status = "Deauthorized"
	k.Errors = append(k.Errors[:len(k.Errors):len(k.Errors)], deauthorized(tx.now()))
	tx.put(change{Connection: &k})
	tx.connectionNews("disconnected", &k, "Linked")
}

// approve links k. The first time its books are opened, and read.
func (tx *tx) approve(old *connection) error {
	for _, other := range tx.connectionsOf(old.CompanyID) {
		if other.ID != old.ID && other.Status == "Linked" {
			return refuse(http.StatusConflict, "This company is linked to its accounting package already.")
		}
	}
	k := *old
	k.Status, k.Severed = "Linked", false
	k.Errors = nil
	for _, e := range old.Errors {
		if e.Status == "Active" {
			e.Status, e.ResolvedOnUTC = "Resolved", platformTime(tx.now())
		}
		k.Errors = append(k.Errors, e)
	}
	p, _ := platformOf(k.Platform)
	first := len(k.Currencies) == 0 || !tx.s.state.books[k.ID].accounts.read
	if len(k.Currencies) == 0 {
		k.Currencies = []string{p.currency}
	}
	tx.put(change{Connection: &k})
	if old.Status == "PendingAuth" {
		tx.connectionNews("connected", &k, old.Status)
	} else {
		tx.connectionNews("reconnected", &k, old.Status)
	}
	if first {
		tx.open(k, standard(p, k.Currencies[0]), tx.now())
		for _, dataType := range dataTypes {
			tx.queue(&k, dataType, true)
		}
	}
	return nil
}

// cancel is what is kept of a user who turned back.
func (tx *tx) cancel(old *connection) {
	k := *old
	if k.Status == "PendingAuth" {
		k.Errors = append(k.Errors[:len(k.Errors):len(k.Errors)], connectionError{StatusCode: "403", StatusText: "User cancelled linking",
			ErrorMessage: "User cancelled", ErroredOnUTC: platformTime(tx.now()), Status: "Active"})
		tx.put(change{Connection: &k})
	}
	tx.connectionNews("failed", &k, "")
}
