package inbox

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// world is an inbox on a database with one company, Northwind, that has a Linked connection.
type world struct {
	*Inbox
	t          *testing.T
	dsn        string
	company    int64
	connection int64

	mu   sync.Mutex
	read []string // companies that were to be read
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dsn: storetest.DSN(t)}
	s, err := store.Open(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.Inbox = &Inbox{Store: s, Log: slog.New(slog.DiscardHandler), ReadCompany: func(id string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.read = append(w.read, id)
	}}
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		c, err := tx.SaveCompany(t.Context(), "northwind", "Northwind", "")
		if err != nil {
			return err
		}
		w.company = c.ID
		w.connection, _, err = tx.SaveConnection(t.Context(), c.ID, store.ConnectionNews{CodatID: "xero", PlatformName: "Xero", SourceType: "Accounting",
			Status: "Linked", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Actor: "Codat"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// receive stores a message as the webhook's route does, applies it, and returns what became of it.
func (w *world) receive(body string) store.Delivery {
	w.t.Helper()
	w.keep(body)
	return w.applyAll()
}

// keep keeps a message that is to be applied.
func (w *world) keep(body string) {
	w.t.Helper()
	e, err := codat.ParseEvent([]byte(body))
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.Store.RecordDelivery(w.t.Context(), store.Delivery{Generation: e.Generation, Type: e.Type, Company: e.CompanyID, Connection: e.ConnectionID,
		OperationKey: e.OperationKey, Headers: []byte(`{}`), Body: []byte(body), Verdict: store.VerdictNew})
	if err != nil {
		w.t.Fatal(err)
	}
}

// applyAll applies what waits, and returns the newest delivery.
func (w *world) applyAll() store.Delivery {
	w.t.Helper()
	if err := w.ApplyDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ds, err := w.Store.Deliveries(w.t.Context(), store.DeliveryFilter{}, 1)
	if err != nil || len(ds) != 1 {
		w.t.Fatalf("deliveries %v, error %v", ds, err)
	}
	return ds[0]
}

// asked are the companies that were to be read since the last call.
func (w *world) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	read := w.read
	w.read = nil
	return read
}

func (w *world) pauses() []store.SendPause {
	w.t.Helper()
	ps, err := w.Store.Pauses(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return ps
}

// Every message of Codat's documentation has a place: it is applied, or kept and left alone.
func TestEverySampleHasAPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, err := filepath.Glob("../codat/testdata/webhooks/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := w.receive(string(body))
		if !slices.Contains([]store.Verdict{store.VerdictApplied, store.VerdictIgnored, store.VerdictUnmatched, store.VerdictNotOurs, store.VerdictDuplicate}, d.Verdict) {
			t.Errorf("%s is %s: %s", filepath.Base(file), d.Verdict, d.Error)
		}
		if strings.Contains(file, ".write.") && d.Verdict != store.VerdictUnmatched {
			t.Errorf("%s, about an operation that nobody knows, is %s", filepath.Base(file), d.Verdict)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body    string
		verdict store.Verdict
		asked   bool // the company is read
		company bool // it is known which company it is about
	}{
		"unknown type":      {`{"id":"1","eventType":"tea.ready","payload":{"referenceCompany":{"id":"northwind"}}}`, store.VerdictIgnored, false, true},
		"unknown rule":      {`{"AlertId":"1","RuleType":"Tea Ready","CompanyId":"northwind"}`, store.VerdictIgnored, false, true},
		"neither":           {`{"test":1}`, store.VerdictIgnored, false, false},
		"a test of our own": {`{"id":"1","eventType":"tallylight.test","payload":{}}`, store.VerdictIgnored, false, false},
		"expenses sync": {`{"id":"1","eventType":"expenses.sync.unsuccessful","payload":{"referenceCompany":{"id":"northwind"},"transactions":[]}}`,
			store.VerdictIgnored, false, true},
		"product": {`{"id":"1","eventType":"company.product.added","payload":{"id":"northwind"}}`, store.VerdictIgnored, false, true},
		"push of nobody's": {`{"id":"1","eventType":"directCosts.write.successful","payload":{"id":"op","status":"Success","referenceCompany":{"id":"northwind"}}}`,
			store.VerdictUnmatched, false, true},
		"push of nobody's company": {`{"id":"1","eventType":"directCosts.write.successful","payload":{"id":"op","status":"Success","referenceCompany":{"id":"x"}}}`,
			store.VerdictUnmatched, false, false},
		"access lost": {`{"id":"1","eventType":"read.completed","payload":{"referenceCompany":{"id":"northwind"},
			"dataTypes":[{"connectionId":"xero","dataType":"invoices","status":"AuthError"}]}}`, store.VerdictApplied, true, true},
		"chart read": {`{"id":"1","eventType":"read.completed","payload":{"referenceCompany":{"id":"northwind"},
			"dataTypes":[{"connectionId":"xero","dataType":"invoices","status":"Complete"},{"dataType":"chartOfAccounts","status":"Complete"}]}}`,
			store.VerdictApplied, true, true},
		"invoices read": {`{"id":"1","eventType":"read.completed","payload":{"referenceCompany":{"id":"northwind"},
			"dataTypes":[{"connectionId":"xero","dataType":"invoices","status":"RateLimitError"}]}}`, store.VerdictIgnored, false, true},
		"access lost, legacy": {`{"AlertId":"1","RuleType":"Data Sync Status Changed To Error","CompanyId":"northwind","DataConnectionId":"xero",
			"Data":{"dataType":"bills","datasetStatus":"AuthError"}}`, store.VerdictApplied, true, true},
		"read of nobody's":            {`{"id":"1","eventType":"read.completed","payload":{"referenceCompany":{"id":"x"},"dataTypes":[]}}`, store.VerdictNotOurs, false, false},
		"company read first, legacy":  {`{"AlertId":"1","RuleType":"New company synchronized","CompanyId":"fabrikam"}`, store.VerdictApplied, true, false},
		"a connection gone, legacy":   {`{"AlertId":"1","RuleType":"Sync Connection Deleted","CompanyId":"northwind"}`, store.VerdictApplied, true, true},
		"company created":             {`{"id":"1","eventType":"company.created","payload":{"id":"fabrikam","name":"Fabrikam"}}`, store.VerdictApplied, true, true},
		"company deleted":             {`{"id":"1","eventType":"company.deleted","payload":{"id":"northwind"}}`, store.VerdictApplied, false, true},
		"nobody's company deleted":    {`{"id":"1","eventType":"company.deleted","payload":{"id":"x"}}`, store.VerdictNotOurs, false, false},
		"connection of nobody's":      {`{"id":"1","eventType":"connection.connected","payload":{"referenceCompany":{"id":"x"},"connection":{"id":"y","status":"Linked"}}}`, store.VerdictNotOurs, true, false},
		"reset without a pause":       {`{"id":"1","eventType":"client.rateLimit.reset","payload":{}}`, store.VerdictIgnored, false, false},
		"a quota that ended long ago": {`{"id":"1","eventType":"client.rateLimit.reached","payload":{"expiryDate":"2024-09-01T12:14:14Z"}}`, store.VerdictIgnored, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			d := w.receive(test.body)
			if d.Verdict != test.verdict || (d.CompanyID != nil) != test.company {
				t.Errorf("%s about company %v, want %s about a company: %t", d.Verdict, d.CompanyID, test.verdict, test.company)
			}
			if asked := w.asked(); (len(asked) > 0) != test.asked {
				t.Errorf("companies to be read: %v", asked)
			}
			if strings.Contains(test.body, `AuthError`) && (d.ConnectionID == nil || *d.ConnectionID != w.connection) {
				t.Errorf("it is about connection %v, want %d", d.ConnectionID, w.connection)
			}
		})
	}
}

func TestConnectionNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"id":"%s","eventType":"connection.%s","generatedDate":"%s","payload":{"referenceCompany":{"id":"northwind"},
		"connection":{"id":"xero","status":"%s","dataConnectionErrors":[{"statusText":"Unauthorized","errorMessage":"Access was withdrawn."}]}}}`
	status := func() (store.Connection, string) {
		items, err := w.Store.ConnectionItems(t.Context(), []int64{w.connection})
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		return items[0].Connection, items[0].Status
	}
	if d := w.receive(fmt.Sprintf(body, "2", "disconnected", "2026-02-01T00:00:00Z", "Deauthorized")); d.Verdict != store.VerdictApplied || *d.ConnectionID != w.connection {
		t.Errorf("%+v", d)
	}
	if c, now := status(); now != "Deauthorized" || !strings.Contains(string(c.Errors), "withdrawn") {
		t.Errorf("connection %+v", c)
	}
	// What happened before comes after.
	if d := w.receive(fmt.Sprintf(body, "1", "reconnected", "2026-01-31T00:00:00Z", "Linked")); d.Verdict != store.VerdictDuplicate {
		t.Errorf("%+v", d)
	}
	if _, now := status(); now != "Deauthorized" {
		t.Errorf("old news made it %s", now)
	}
	if d := w.receive(fmt.Sprintf(body, "3", "deleted", "2026-03-01T00:00:00Z", "Linked")); d.Verdict != store.VerdictApplied {
		t.Errorf("%+v", d)
	}
	if c, _ := status(); c.DeletedAt == nil {
		t.Error("a deleted connection, which still says Linked, is there")
	}
}

func TestTheQuotaPausesSending(t *testing.T) {
	t.Parallel()
	tomorrow := time.Now().UTC().Add(10 * time.Hour).Format(time.RFC3339)
	for name, bodies := range map[string][2]string{
		"current": {`{"id":"1","eventType":"client.rateLimit.reached","payload":{"dailyQuota":1000,"quotaRemaining":0,"expiryDate":"` + tomorrow + `"}}`,
			`{"id":"2","eventType":"client.rateLimit.reset","payload":{"dailyQuota":1000,"quotaRemaining":1000,"expiryDate":"` + tomorrow + `"}}`},
		"legacy": {`{"AlertId":"1","RuleType":"Rate Limit Reached","Data":{"DailyQuota":1000,"ExpiresUtc":"` + tomorrow + `"}}`,
			`{"AlertId":"2","RuleType":"Rate Limit Reset","Data":{"QuotaRemaining":1000,"DailyQuota":1000,"ExpiresUtc":"` + tomorrow + `"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if d := w.receive(bodies[0]); d.Verdict != store.VerdictApplied {
				t.Errorf("reached is %s", d.Verdict)
			}
			ps := w.pauses()
			if len(ps) != 1 || ps[0].Reason != "rate_limited" || ps[0].CompanyID != nil || time.Until(*ps[0].Until) < 9*time.Hour {
				t.Errorf("pauses %+v", ps)
			}
			if d := w.receive(bodies[1]); d.Verdict != store.VerdictApplied || len(w.pauses()) != 0 {
				t.Errorf("reset is %s, pauses %+v", d.Verdict, w.pauses())
			}
		})
	}
}

// Old news that is applied again undoes nothing that has happened since.
func TestOldNewsIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tomorrow := time.Now().UTC().Add(10 * time.Hour).Format(time.RFC3339)
	w.receive(`{"id":"1","eventType":"client.rateLimit.reached","payload":{"quotaRemaining":0,"expiryDate":"` + tomorrow + `"}}`)
	w.receive(`{"id":"2","eventType":"company.deleted","payload":{"id":"northwind"}}`)
	db := storetest.DB(t, w.dsn)
	for _, statement := range []string{`DELETE FROM send_pauses`, `UPDATE companies SET deleted_at = NULL`, `UPDATE deliveries SET received_at = received_at - interval '61 min'`} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	w.asked()
	by, err := w.Store.SaveUser(t.Context(), "ada@example.com", "hash", store.Admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{1, 2} {
		if asked, err := w.Store.ApplyAgain(t.Context(), by, id); err != nil || !asked {
			t.Fatal(asked, err)
		}
	}
	w.applyAll()
	if ps := w.pauses(); len(ps) != 0 {
		t.Errorf("pauses %+v", ps)
	}
	if c, err := w.Store.Company(t.Context(), w.company); err != nil || c.DeletedAt != nil {
		t.Errorf("company %+v, error %v", c, err)
	}
	if asked := w.asked(); !slices.Equal(asked, []string{"northwind"}) {
		t.Errorf("companies to be read: %v", asked)
	}
}

// Older news of the quota undoes nothing; a company that is known, or gone, already is no news.
func TestLateNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tomorrow := time.Now().UTC().Add(10 * time.Hour).Format(time.RFC3339)
	for _, test := range []struct {
		body    string
		verdict store.Verdict
	}{
		{`{"id":"1","eventType":"client.rateLimit.reached","generatedDate":"2026-01-01T10:00:00Z","payload":{"quotaRemaining":0,"expiryDate":"` + tomorrow + `"}}`, store.VerdictApplied},
		{`{"id":"2","eventType":"client.rateLimit.reset","generatedDate":"2026-01-01T10:05:00Z","payload":{}}`, store.VerdictApplied},
		{`{"id":"3","eventType":"client.rateLimit.reached","generatedDate":"2026-01-01T10:01:00Z","payload":{"quotaRemaining":0,"expiryDate":"` + tomorrow + `"}}`, store.VerdictDuplicate},
		{`{"id":"4","eventType":"company.created","payload":{"id":"northwind","name":"An older name"}}`, store.VerdictDuplicate},
		{`{"id":"5","eventType":"company.created","payload":{"id":"litware","name":"Litware"}}`, store.VerdictApplied},
		{`{"id":"6","eventType":"company.deleted","payload":{"id":"northwind"}}`, store.VerdictApplied},
		{`{"id":"7","eventType":"company.deleted","payload":{"id":"northwind"}}`, store.VerdictDuplicate},
	} {
		if d := w.receive(test.body); d.Verdict != test.verdict {
			t.Errorf("%s is %s, want %s", test.body, d.Verdict, test.verdict)
		}
	}
	if ps := w.pauses(); len(ps) != 0 {
		t.Errorf("pauses %+v", ps)
	}
	if c, err := w.Store.Company(t.Context(), w.company); err != nil || c.Name != "Northwind" {
		t.Errorf("company %+v, error %v", c, err)
	}
}
