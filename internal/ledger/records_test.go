package ledger_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tallylight/store"
)

// ask sends the sandbox a request of its own.
func (l *life) ask(path, body string) string {
	l.t.Helper()
	w := httptest.NewRecorder()
	l.box.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	if w.Code >= 300 {
		l.t.Fatalf("POST %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestReadingTracking(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	_, conn := l.linked("Northwind Bikes")
	hs, err := l.Store.Headings(t.Context(), conn.ID)
	if err != nil || len(hs) != 1 || hs[0].Name != "Department" {
		t.Fatalf("headings are %+v, %v", hs, err)
	}
	rs, _, err := l.Store.FindRecords(t.Context(), conn.ID, store.TrackingMapping, hs[0].CodatID, "", 50)
	if err != nil || len(rs) != 2 || rs[0].Name != "Operations" || rs[1].Detail != "Department" {
		t.Errorf("of Department are %+v, %v", rs, err)
	}
}

func TestReadingWhatAccountsTake(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	running.Go(func() { l.box.Run(ctx) })
	defer running.Wait()
	defer stop()
	c, conn := l.linked("Northwind Bikes")
	l.ask("/_sandbox/ledger/"+c.CodatID, `{"accounts":[
		{"name":"Takes","nominalCode":"9901","validDatatypeLinks":[{"property":"Id","links":["Transfer.From.AccountRef.Id","DirectCost.LineItems.AccountRef.Id"]}]},
		{"name":"Takes none","nominalCode":"9902","validDatatypeLinks":[{"property":"Id","links":["Bill.LineItems.AccountRef.Id"]}]},
		{"name":"Does not say","nominalCode":"9903","validDatatypeLinks":[]},
		{"name":"Pays","nominalCode":"9904","type":"Liability","validDatatypeLinks":[{"property":"Id","links":["DirectCost.PaymentAllocations.Payment.AccountRef.Id"]}]}]}`)
	if _, err := l.Codat.QueueSync(t.Context(), c.CodatID, "chartOfAccounts", ""); err != nil {
		t.Fatal(err)
	}
	usable := func() string {
		t.Helper()
		var found []string
		for _, k := range []store.MappingKind{store.AccountMapping, store.BankMapping} {
			rs, _, err := l.Store.FindRecords(t.Context(), conn.ID, k, "", "990", 50)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rs {
				found = append(found, string(k)+" "+r.Name)
			}
		}
		return strings.Join(found, ", ")
	}
	const want = "account Does not say, account Takes, bank Pays"
	for end := time.Now().Add(10 * time.Second); usable() != want; { // the sandbox syncs when it does
		if err := l.ReadLedger(t.Context(), c.ID); err != nil || time.Now().After(end) {
			t.Fatalf("usable are %q, %v", usable(), err)
		}
	}
}

func TestReadingABigLedger(t *testing.T) { // alone: it measures memory
	l := newLife(t)
	var made struct{ CompanyID string }
	if err := json.Unmarshal([]byte(l.ask("/_sandbox/companies", `{"name":"Litware","accounts":10000,"suppliers":20000}`)), &made); err != nil {
		t.Fatal(err)
	}
	var c store.Company
	err := l.Store.InTx(t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.SaveCompany(t.Context(), made.CompanyID, "Litware", "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	most, before := int64(0), heap()
	l.set(func(_ http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		if strings.Contains(r.URL.Path, "/data/") {
			most = max(most, heap()-before)
		}
		return false
	})
	if err := l.ReadLedger(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Store.AccountingConnection(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	known, err := l.Store.LedgerCounts(t.Context(), conn.ID)
	if err != nil || known.Accounts < 10_000 || known.Suppliers < 20_000 {
		t.Errorf("known are %+v, %v", known, err)
	}
	if pages := l.times("GET /companies/" + made.CompanyID + "/data/suppliers"); pages != 21 {
		t.Errorf("the suppliers came in %d pages", pages)
	}
	// Thirty thousand records would take about thirty megabytes, as Codat sends them.
	if t.Logf("the reading held %d KB at most", most>>10); most > 8<<20 {
		t.Errorf("the reading held %d KB", most>>10)
	}
}
