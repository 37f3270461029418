package codat_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tallylight/internal/codat"
)

// kindOf is what a sample's file name says it is about.
func kindOf(file string) codat.Kind {
	for _, rule := range []struct {
		part string
		kind codat.Kind
	}{
		{".write.", codat.KindPush}, {"PushOperation", codat.KindPush}, {"Push-Operation", codat.KindPush},
		{"conneected", codat.KindOther}, {"Sync-Connection", codat.KindCompanyChanged}, {"SyncConnection", codat.KindCompanyChanged},
		{"new.connection.", codat.KindConnection}, {"connection.", codat.KindConnection}, {"DataConnectionStatusChanged", codat.KindConnection},
		{"company.created", codat.KindCompanyCreated}, {"company.deleted", codat.KindCompanyDeleted},
		{"read.completed", codat.KindRead}, {"Data-sync-completed", codat.KindRead}, {"DataSync", codat.KindRead}, {"Data-Sync", codat.KindRead},
		{"Dataset", codat.KindRead}, {"New-company", codat.KindCompanyChanged}, {"NewCompany", codat.KindCompanyChanged},
		{"rateLimit", codat.KindRateLimit}, {"RateLimit", codat.KindRateLimit}, {"Rate-Limit", codat.KindRateLimit},
		{"expenses.sync", codat.KindExpensesSync}, {"Sync-", codat.KindExpensesSync},
		{"SyncCompleted", codat.KindExpensesSync}, {"SyncFailed", codat.KindExpensesSync},
	} {
		if strings.Contains(file, rule.part) {
			return rule.kind
		}
	}
	return codat.KindOther
}

func TestEventSamples(t *testing.T) {
	t.Parallel()
	files := names(t, "webhooks")
	if len(files) < 110 {
		t.Fatalf("only %d samples", len(files))
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body := sample(t, "webhooks/"+file)
			e, err := codat.ParseEvent(body)
			if err != nil {
				t.Fatal(err)
			}
			if want := kindOf(file); e.Kind != want {
				t.Errorf("%s is of kind %q, want %q", e.Type, e.Kind, want)
			}
			var raw struct{ ID, EventType, Type, AlertID, RuleType string }
			if err := json.Unmarshal(body, &raw); err != nil {
				t.Fatal(err)
			}
			if e.ID != raw.ID+raw.AlertID || e.ID == "" || e.Type != raw.EventType+raw.Type+raw.RuleType || e.DedupeKey == "" {
				t.Errorf("read id %q, type %q, dedupe key %q", e.ID, e.Type, e.DedupeKey)
			}
			legacy := raw.AlertID != ""
			if legacy != (e.Generation == codat.Legacy) || legacy == (e.Generation == codat.Current) || legacy != e.Generated.IsZero() {
				t.Errorf("generation %q at %s", e.Generation, e.Generated)
			}
			if e.CompanyID == "" && e.Kind != codat.KindRateLimit {
				t.Error("it has no company")
			}
			switch e.Kind {
			case codat.KindPush:
				if e.Push == nil || e.Push.Key == "" || e.Push.Key != e.OperationKey || e.Push.DataType == "" || e.ConnectionID == "" {
					t.Errorf("push is %+v of %+v", e.Push, e)
				}
			case codat.KindConnection:
				if c := e.Connection; c == nil || c.ID == "" || c.ID != e.ConnectionID || c.Verb == "" || c.Status == "" || c.PlatformKey == "" {
					t.Errorf("connection is %+v", e.Connection)
				}
			case codat.KindCompanyCreated, codat.KindCompanyDeleted:
				if e.Company == nil || e.Company.ID != e.CompanyID || e.Company.Name != "Bank of Dave" {
					t.Errorf("company is %+v", e.Company)
				}
			case codat.KindRead:
				for _, r := range e.Reads {
					if r.DataType == "" || r.Status == "" || r.ConnectionID == "" {
						t.Errorf("read is %+v", r)
					}
				}
				if len(e.Reads) == 0 {
					t.Error("no reads")
				}
			case codat.KindRateLimit:
				if e.RateLimit == nil || e.RateLimit.Until.IsZero() && !strings.Contains(string(body), ":99Z") {
					t.Errorf("rate limit is %+v", e.RateLimit)
				}
			}
		})
	}
}

func parse(t *testing.T, body string) codat.Event {
	t.Helper()
	e, err := codat.ParseEvent([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return e
}

func TestPushEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       codat.PushEvent
	}{
		{"success", `{"eventType":"directCosts.write.successful","payload":{"id":"k","type":"Create","status":"Success","record":{"id":"r"}}}`,
			codat.PushEvent{Key: "k", Status: codat.PushSuccess, RecordID: "r", DataType: "directCosts", Type: "Create"}},
		{"failure", `{"eventType":"directCosts.write.unsuccessful","payload":{"id":"k","status":"Failed"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushFailed, DataType: "directCosts"}},
		{"timed out", `{"eventType":"directCosts.write.unsuccessful","payload":{"id":"k","status":"TimedOut"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushTimedOut, DataType: "directCosts"}},
		{"timed out in a success", `{"eventType":"invoices.write.successful","payload":{"id":"k","status":"TimedOut","record":null}}`,
			codat.PushEvent{Key: "k", Status: codat.PushTimedOut, DataType: "invoices"}},
		{"success in a failure", `{"eventType":"directCosts.write.unsuccessful","payload":{"id":"k","status":"Success","record":{"id":"r"}}}`,
			codat.PushEvent{Key: "k", Status: codat.PushFailed, RecordID: "r", DataType: "directCosts"}},
		{"failure in a success", `{"eventType":"directCosts.write.successful","payload":{"id":"k","status":"Failed"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushFailed, DataType: "directCosts"}},
		{"success without a status", `{"eventType":"directCosts.write.successful","payload":{"id":"k","record":{"id":"r"}}}`,
			codat.PushEvent{Key: "k", Status: codat.PushFailed, RecordID: "r", DataType: "directCosts"}},
		{"a status of tomorrow", `{"eventType":"directCosts.write.successful","payload":{"id":"k","status":"Booked"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushFailed, DataType: "directCosts"}},
		{"odd types", `{"eventType":"directCosts.write.successful","payload":{"id":12345678901234567890,"status":"Success",
			"type":{},"record":"r","connectionId":[1]}}`,
			codat.PushEvent{Key: "12345678901234567890", Status: codat.PushSuccess, DataType: "directCosts"}},
		{"legacy success", `{"AlertId":"a","RuleType":"Push Operation Status Changed()",
			"Data":{"dataType":"bills","status":"Success","pushOperationKey":"k"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushSuccess, DataType: "bills"}},
		{"legacy pending", `{"AlertId":"a","RuleType":"Push Operation Status Changed()",
			"Data":{"status":"Pending","pushOperationKey":"k"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushPending}},
		{"legacy, misspelt", `{"AlertId":"a","RuleType":"Push Operation Status Changed()",
			"Data":{"status":"Successful","pushOperationKey":"k"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushFailed}},
		{"legacy timeout", `{"AlertId":"a","RuleType":"Push Operation Timed Out","Data":{"dataType":"bills","pushOperationGuid":"k"}}`,
			codat.PushEvent{Key: "k", Status: codat.PushTimedOut, DataType: "bills"}},
		{"absurd key", `{"eventType":"directCosts.write.successful","payload":{"id":"` + strings.Repeat("k", 201) + `","status":"Success"}}`,
			codat.PushEvent{Status: codat.PushSuccess, DataType: "directCosts"}},
		{"no payload", `{"eventType":"directCosts.write.successful","payload":"none"}`,
			codat.PushEvent{Status: codat.PushFailed, DataType: "directCosts"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := parse(t, test.body)
			if e.Kind != codat.KindPush || e.Push == nil || *e.Push != test.want || e.OperationKey != test.want.Key {
				t.Errorf("got %+v with %+v, want %+v", e, e.Push, test.want)
			}
		})
	}
}

func TestConnectionEvents(t *testing.T) {
	t.Parallel()
	for change, verb := range map[string]string{
		`"newStatus":"PendingAuth"`:                           "created",
		`"oldStatus":null,"newStatus":"PendingAuth"`:          "created",
		`"oldStatus":"PendingAuth","newStatus":"Linked"`:      "connected",
		`"oldStatus":"Linked","newStatus":"Deauthorized"`:     "disconnected",
		`"oldStatus":"Linked","newStatus":"Unlinked"`:         "disconnected",
		`"oldStatus":"Deauthorized","newStatus":"Linked"`:     "reconnected",
		`"oldStatus":"Linked","newStatus":"Sleeping"`:         "",
		`"oldStatus":"Deauthorized","newStatus":["Unlinked"]`: "",
	} {
		e := parse(t, `{"AlertId":"a","CompanyId":"co","RuleType":"DataConnectionStatusChanged",
			"Data":{"dataConnectionId":"cn","platformKey":"gbol",`+change+`}}`)
		c := *e.Connection
		if c.Verb != verb || c.ID != "cn" || c.PlatformKey != "gbol" || c.Connection != nil || e.Kind != codat.KindConnection || e.ConnectionID != "cn" {
			t.Errorf("%s is %+v of %+v", change, c, e)
		}
	}

	e := parse(t, string(sample(t, "webhooks/connection.deleted.Deleted.platform-oas.json")))
	generated := time.Date(2024, 8, 8, 17, 10, 34, 15e6, time.UTC)
	if e.Connection.Verb != "deleted" || e.Connection.Status != codat.Linked || !e.Generated.Equal(generated) {
		t.Errorf("deleted is %+v of %+v", e.Connection, e)
	}
	e = parse(t, string(sample(t, "webhooks/connection.disconnected.De-authorized.webhooks-oas.json")))
	if e.Connection.Status != codat.Deauthorized || e.Connection.Connection.Errors[0].StatusCode != "401" {
		t.Errorf("disconnected is %+v", e.Connection)
	}
}

func TestRateLimitEvents(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 1, 13, 0, 0, 0, 0, time.UTC)
	for body, want := range map[string]codat.RateLimitEvent{
		`{"eventType":"client.rateLimit.reached","payload":{"dailyQuota":1000,"quotaRemaining":0,"expiryDate":"2026-01-13T00:00:00Z"}}`:   {Reached: true, Until: end},
		`{"eventType":"client.rateLimit.reached","payload":{"expiryDate":"soon"}}`:                                                        {Reached: true},
		`{"eventType":"client.rateLimit.reached","payload":{"quotaRemaining":1000,"expiryDate":"2026-01-13T00:00:00Z"}}`:                  {Until: end},
		`{"eventType":"client.rateLimit.reset","payload":{"quotaRemaining":0,"expiryDate":"2026-01-13T00:00:00Z"}}`:                       {Until: end},
		`{"AlertId":"a","RuleType":"Rate Limit Reached","Data":{"DailyQuota":1000,"ExpiresUtc":"2026-01-13T00:00:00Z"}}`:                  {Reached: true, Until: end},
		`{"AlertId":"a","RuleType":"Rate Limit Reset","Data":{"QuotaRemaining":1000,"DailyQuota":1000,"ExpiresUtc":"2026-01-13T00:00Z"}}`: {},
	} {
		if e := parse(t, body); e.Kind != codat.KindRateLimit || e.RateLimit == nil || *e.RateLimit != want {
			t.Errorf("%s is %+v, want %+v", body, e.RateLimit, want)
		}
	}
}

func TestDedupeKeys(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"eventType":"company.created","id":"x"}`:                                                 "e:x",
		`{"eventType":"company.created"}`:                                                          "",
		`{"AlertId":"a","RuleType":"Push Operation Status Changed()","Data":{"status":"Failed"}}`:  "a|Push Operation Status Changed()|Failed",
		`{"AlertId":"a","RuleType":"Push Operation Status Changed()","Data":{"status":"Success"}}`: "a|Push Operation Status Changed()|Success",
		`{"AlertId":"a","RuleType":"DataConnectionStatusChanged","Data":{"newStatus":"Linked"}}`:   "a|DataConnectionStatusChanged|Linked",
		`{"AlertId":"a","RuleType":"Sync Failed"}`:                                                 "a|Sync Failed|",
		`{"RuleType":"Sync Failed"}`:                                                               "",
		`{"eventType":"company.created","id":"` + strings.Repeat("x", 201) + `"}`:                  "",
		`{"hello":"world"}`: "",
	} {
		if e := parse(t, body); e.DedupeKey != want {
			t.Errorf("%s has the key %q, want %q", body, e.DedupeKey, want)
		}
	}
}

func TestUnknownEvents(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]codat.Event{
		`{}`:                             {Kind: codat.KindOther},
		`{"test":1}`:                     {Kind: codat.KindOther},
		`{"eventType":{},"RuleType":[]}`: {Kind: codat.KindOther},
		`{"eventType":"tea.ready","id":"x","payload":{"referenceCompany":{"id":"co"}}}`: {
			Kind: codat.KindOther, Type: "tea.ready", Generation: codat.Current, ID: "x", DedupeKey: "e:x", CompanyID: "co"},
		`{"RuleType":"Tea Ready","AlertId":7,"CompanyId":"co"}`: {
			Kind: codat.KindOther, Type: "Tea Ready", Generation: codat.Legacy, ID: "7", DedupeKey: "7|Tea Ready|", CompanyID: "co"},
	} {
		got := parse(t, body)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("%s is %s, want %s", body, a, b)
		}
	}
}

// A legacy message may come without a signature, so nothing in it is read as a current one.
func TestLegacyIsNotReadAsCurrent(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"AlertId":"a","RuleType":"directCosts.write.successful",
		"payload":{"id":"k","status":"Success"},"Data":{"pushOperationKey":"k"}}`)
	if e.Generation != codat.Legacy || e.OperationKey != "" {
		t.Errorf("read %+v with %+v", e, e.Push)
	}
}

func TestUnreadableEvents(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "[]", `"x"`, "7", "{", `{"a":1}x`, `{"a":1}{"a":2}`, "<html>", "\x00",
		strings.Repeat("[", 100_000)} {
		if e, err := codat.ParseEvent([]byte(body)); err == nil {
			t.Errorf("%.20q is %+v", body, e)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, file := range names(f, "webhooks") {
		f.Add(sample(f, "webhooks/"+file))
	}
	f.Add([]byte(`{"eventType":"a.write.b","payload":{"id":"\u0000"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := codat.ParseEvent(body)
		if (err == nil) != (e.Kind != "") {
			t.Errorf("kind %q with error %v", e.Kind, err)
		}
		for _, s := range []string{e.ID, e.CompanyID, e.ConnectionID, e.OperationKey, e.Type} {
			if len(s) > 200 || strings.Contains(s, "\x00") {
				t.Errorf("read %q", s)
			}
		}
		if (e.Kind == codat.KindPush) != (e.Push != nil) || (e.Kind == codat.KindConnection) != (e.Connection != nil) {
			t.Errorf("%s has %+v, %+v", e.Kind, e.Push, e.Connection)
		}
		if e.Connection != nil && e.Connection.Connection != nil {
			if _, err := json.Marshal(e.Connection.Connection.Errors); err != nil {
				t.Error(err)
			}
		}
	})
}
