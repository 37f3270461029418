package inbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tallylight/store"
)

// connectionEvent is a message of the current generation about a connection.
func connectionEvent(id, verb, company, connection, status string, generated time.Time) string {
	return fmt.Sprintf(`{"id":"%s","eventType":"connection.%s","generatedDate":"%s","payload":{"referenceCompany":{"id":"%s"},
		"connection":{"id":"%s","platformName":"Xero","sourceType":"Accounting","status":"%s"}}}`, id, verb, generated.UTC().Format(time.RFC3339Nano), company, connection, status)
}

// moments is the history of a connection, oldest first, in short.
func (w *world) moments(id int64) string {
	w.t.Helper()
	ms, err := w.Store.ConnectionHistory(w.t.Context(), id, 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, m := range slices.Backward(ms) {
		line := strings.TrimPrefix(m.Event, "connection.") + " " + m.Status
		if m.Deleted {
			line += ", deleted"
		}
		if m.Late {
			line += ", late"
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

func (w *world) standing() store.Connection {
	w.t.Helper()
	items, err := w.Store.ConnectionItems(w.t.Context(), []int64{w.connection})
	if err != nil || len(items) != 1 {
		w.t.Fatal(items, err)
	}
	return items[0].Connection
}

// In whatever order Codat tells it, the history is in the order in which it happened.
func TestConnectionNewsOutOfOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	at := func(min int) time.Time { return began.Add(time.Duration(min) * time.Minute) }
	last := w.receive(connectionEvent("4", "deleted", "northwind", "xero", "Linked", at(30)))
	for _, body := range []string{
		connectionEvent("2", "reconnected", "northwind", "xero", "Linked", at(20)),
		connectionEvent("1", "disconnected", "northwind", "xero", "Deauthorized", at(10)),
	} {
		if d := w.receive(body); d.Verdict != store.VerdictDuplicate || d.ConnectionID == nil {
			t.Errorf("old news: %+v", d)
		}
	}
	// The older generation tells the same, and not when.
	w.receive(`{"AlertId":"9","RuleType":"DataConnectionStatusChanged","CompanyId":"northwind","DataConnectionId":"xero","Data":{"dataConnectionId":"xero","newStatus":"Deauthorized","oldStatus":"Linked"}}`)
	want := "Linked\ndisconnected Deauthorized, late\nreconnected Linked, late\ndeleted Linked, deleted\nDataConnectionStatusChanged Deauthorized, late"
	if got := w.moments(w.connection); got != want {
		t.Errorf("history:\n%s\nwant:\n%s", got, want)
	}
	ms, err := w.Store.ConnectionHistory(t.Context(), w.connection, 0, 100)
	if err != nil || ms[1].DeliveryID == nil || *ms[1].DeliveryID != last.ID || ms[1].SaidAt == nil || !ms[1].SaidAt.Equal(at(30)) || ms[0].SaidAt != nil {
		t.Errorf("moments %+v, %v", ms, err)
	}
	if w.standing().DeletedAt == nil {
		t.Error("deleted does not win")
	}
}

// Messages that are applied together have each changed what it tells itself.
func TestWhatEachMessageOfABatchChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began := time.Now().Add(-time.Hour)
	w.keep(connectionEvent("1", "disconnected", "northwind", "xero", "Deauthorized", began))
	w.keep(connectionEvent("2", "reconnected", "northwind", "xero", "Linked", began.Add(time.Minute)))
	w.applyAll()
	ds, err := w.Store.Deliveries(t.Context(), store.DeliveryFilter{}, 2)
	if err != nil || len(ds) != 2 {
		t.Fatal(ds, err)
	}
	for i, want := range []string{"connection is Linked", "connection is Deauthorized"} {
		d := ds[i]
		as, err := w.Store.ActivityWith(t.Context(), d)
		if err != nil || len(as) != 1 || as[0].Verb != want {
			t.Errorf("message %d changed %+v, %v", d.ID, as, err)
		}
	}
}

// What is told of a company that nobody knows counts once the company has been read, and the message is about both.
func TestConnectionOfAStrangerIsAppliedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told := time.Now().Add(-time.Minute)
	for i, verb := range []string{"created", "connected"} {
		d := w.receive(connectionEvent(fmt.Sprint(i), verb, "fabrikam", "their-xero", map[string]string{"created": "PendingAuth", "connected": "Linked"}[verb], told.Add(time.Duration(i)*time.Second)))
		if d.Verdict != store.VerdictNotOurs {
			t.Fatalf("%+v", d)
		}
	}
	if asked := w.asked(); !slices.Equal(asked, []string{"fabrikam", "fabrikam"}) {
		t.Errorf("companies to be read: %v", asked)
	}
	var id, company int64
	err := w.Store.InTx(t.Context(), func(tx *store.Tx) error { // as reading the company does
		c, err := tx.SaveCompany(t.Context(), "fabrikam", "Fabrikam", "")
		if err != nil {
			return err
		}
		company = c.ID
		id, _, err = tx.SaveConnection(t.Context(), c.ID, store.ConnectionNews{CodatID: "their-xero", Status: "Linked", At: time.Now(), Read: true, Actor: "Tallylight"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := w.applyAll(); d.Verdict != store.VerdictApplied || d.CompanyID == nil || *d.CompanyID != company || d.ConnectionID == nil || *d.ConnectionID != id {
		t.Errorf("the message is %+v", d)
	}
	if got := w.moments(id); got != "created PendingAuth, late\nconnected Linked, late\nLinked" {
		t.Errorf("history:\n%s", got)
	}
}

func TestReadsProveAConnection(t *testing.T) {
	t.Parallel()
	body := `{"id":"%s","eventType":"read.completed","generatedDate":"%s","payload":{"referenceCompany":{"id":"northwind"},
		"dataTypes":[{"connectionId":"%s","dataType":"%s","status":"%s"}]}}`
	now := time.Now().UTC().Format(time.RFC3339Nano)
	for name, test := range map[string]struct {
		body           string
		verdict        store.Verdict
		proven, ending bool
		asked          bool
	}{
		"a reading":                 {fmt.Sprintf(body, "1", now, "xero", "company", "Complete"), store.VerdictApplied, true, true, false},
		"a reading of tracking":     {fmt.Sprintf(body, "1", now, "xero", "trackingCategories", "Complete"), store.VerdictApplied, true, true, true},
		"a reading of what we keep": {fmt.Sprintf(body, "1", now, "xero", "suppliers", "Complete"), store.VerdictApplied, true, true, true},
		"an old reading":            {fmt.Sprintf(body, "1", "2026-02-01T10:00:00Z", "xero", "company", "Complete"), store.VerdictApplied, true, false, false},
		"one that was cut short":    {fmt.Sprintf(body, "1", now, "xero", "company", "RateLimitError"), store.VerdictIgnored, false, false, false},
		"one without access":        {fmt.Sprintf(body, "1", now, "xero", "company", "AuthError"), store.VerdictApplied, false, false, true},
		"another connection's":      {fmt.Sprintf(body, "1", now, "sage", "company", "Complete"), store.VerdictIgnored, false, false, false},
		"legacy": {`{"AlertId":"1","RuleType":"Data sync completed","CompanyId":"northwind","DataConnectionId":"xero","Data":{"dataType":"company"}}`,
			store.VerdictApplied, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			by, err := w.Store.SaveUser(t.Context(), "ann@example.com", "hash", store.Finance)
			if err != nil {
				t.Fatal(err)
			}
			if begun, err := w.Store.CheckConnection(t.Context(), by, w.connection); err != nil || !begun {
				t.Fatal(begun, err)
			}
			d := w.receive(test.body)
			c := w.standing()
			if d.Verdict != test.verdict || (c.ProvenAt != nil) != test.proven || (c.CheckingSince == nil) != test.ending || (len(w.asked()) > 0) != test.asked {
				t.Errorf("%s; proven %v; checking since %v", d.Verdict, c.ProvenAt, c.CheckingSince)
			}
			if test.ending && c.CheckResult != store.CheckProven {
				t.Errorf("it ended %s", c.CheckResult)
			}
		})
	}
}
