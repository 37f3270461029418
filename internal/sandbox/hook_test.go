package sandbox_test

import (
	"encoding/base64"
	"net/http"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tallylight/internal/sandbox"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestPushWebhooks(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url, Basic: "codat:a:b", Secret: secret}})
	c := b.company("gbol", "")
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ scenario, kind, sample, status string }{
		{`{"delay":"0s"}`, "directCosts.write.successful", "directCosts.write.successful.Record.json", "Success"},
		{`{"effect":"fail"}`, "directCosts.write.unsuccessful", "directCosts.write.unsuccessful.Record.json", "Failed"},
		{`{"effect":"timeout"}`, "directCosts.write.unsuccessful", "directCosts.write.unsuccessful.Record-timed-out.json", "TimedOut"},
	} {
		b.scenario(tc.scenario)
		o := c.landed("directCosts", c.cost("A"))
		d := hook.next(t)
		sameShape(t, tc.sample, d.json, "links")
		p := d.payload()
		if d.kind() != tc.kind || p["status"] != tc.status || p["id"] != o["pushOperationKey"] || p["connectionId"] != c.link || p["type"] != "Create" {
			t.Errorf("%s: %s", tc.kind, d.body)
		}
		if tc.status == "Success" && p["record"].(map[string]any)["id"] != recordID(o) {
			t.Errorf("record: %s", d.body)
		}
		if err := verify.Verify(d.body, d.header); err != nil {
			t.Errorf("signature: %v", err)
		}
		if a := d.header.Get("Authorization"); a != "Basic "+base64.StdEncoding.EncodeToString([]byte("codat:a:b")) {
			t.Errorf("Authorization: %q", a)
		}
	}
}

func TestLegacyWebhooks(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url, Bearer: "token", Secret: secret, Generations: sandbox.Legacy}})
	c := b.company("gbol", "")
	o := c.landed("directCosts", c.cost("A"))
	d := hook.next(t)
	sameShape(t, "legacy.Push-Operation-Status-Changed.docs.json", d.json)
	data := d.json["Data"].(map[string]any)
	if data["pushOperationKey"] != o["pushOperationKey"] || data["status"] != "Success" || data["dataType"] != "directCosts" || d.json["CompanyId"] != c.id {
		t.Errorf("%s", d.body)
	}
	if d.header.Get("Authorization") != "Bearer token" || d.header.Get("webhook-signature") != "" || d.header.Get("X-Codat-ClientId") == "" {
		t.Errorf("headers: %v", d.header)
	}
	b.scenario(`{"effect":"timeout"}`)
	c.landed("directCosts", c.cost("B"))
	both := map[string]delivery{}
	for range 2 {
		d := hook.next(t)
		both[d.kind()] = d
	}
	sameShape(t, "legacy.Push-Operation-Timed-Out.docs.json", both["Push Operation Timed Out"].json)
	if both["Push Operation Status Changed()"].json["Data"].(map[string]any)["status"] != "TimedOut" {
		t.Errorf("%v", both)
	}
	c.sync("suppliers")
	sameShape(t, "legacy.Data-sync-completed.docs.json", hook.next(t).json)
	b.do("PATCH", "/companies/"+c.id+"/connections/"+c.link, `{"status":"Unlinked"}`, "")
	changed := hook.next(t)
	sameShape(t, "legacy.DataConnectionStatusChanged.docs.json", changed.json)
	if data := changed.json["Data"].(map[string]any); data["oldStatus"] != "Linked" || data["newStatus"] != "Unlinked" {
		t.Errorf("%v", data)
	}
}

func TestWebhookScenarios(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url, Secret: secret}})
	c := b.company("gbol", "")

	b.scenario(`{"webhooks":{"copies":3}}`)
	c.landed("directCosts", c.cost("copies"))
	ids, bodies := map[string]int{}, map[string]bool{}
	for range 3 {
		d := hook.next(t)
		ids[d.header.Get("webhook-id")]++
		bodies[string(d.body)] = true
	}
	if len(ids) != 2 || len(bodies) != 1 {
		t.Errorf("copies: ids %v, %d bodies", ids, len(bodies))
	}

	b.scenario(`{"webhooks":{"generation":"both"}}`)
	c.landed("directCosts", c.cost("both"))
	kinds := map[string]bool{hook.next(t).kind(): true, hook.next(t).kind(): true}
	if !kinds["directCosts.write.successful"] || !kinds["Push Operation Status Changed()"] {
		t.Errorf("both: %v", kinds)
	}

	b.scenario(`[{"reference":"silent","webhooks":{"never":true}}]`)
	silent := c.landed("directCosts", c.cost("silent"))["pushOperationKey"]
	told := c.landed("directCosts", c.cost("told"))["pushOperationKey"]
	if d := hook.next(t); d.payload()["id"] != told || d.payload()["id"] == silent {
		t.Errorf("never: %s", d.body)
	}

	b.scenario(`{"webhooks":{"pending":true,"reordered":true}}`)
	c.landed("directCosts", c.cost("stale"))
	if first, second := hook.next(t), hook.next(t); first.payload()["status"] != "Success" || second.payload()["status"] != "Pending" {
		t.Errorf("reordered: %s then %s", first.body, second.body)
	}

	b.scenario(`{"effect":"timeoutThenLand","webhooks":{"reordered":true}}`)
	c.landed("directCosts", c.cost("late"))
	if first, second := hook.next(t), hook.next(t); first.payload()["status"] != "Success" || second.payload()["status"] != "TimedOut" {
		t.Errorf("reordered: %s then %s", first.body, second.body)
	}
}

func TestWebhookBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	var answered atomic.Bool
	told := make(chan bool, 1)
	hook := receive(t, func(w http.ResponseWriter, _ delivery) {
		told <- answered.Load()
		w.WriteHeader(http.StatusNoContent)
	})
	b := start(t, sandbox.Config{File: t.TempDir() + "/journal", Hook: sandbox.Hook{URL: hook.url}})
	c := b.company("gbol", "")
	b.scenario(`{"webhooks":{"early":true}}`)
	r := c.push("directCosts", c.cost("A"))
	answered.Store(true)
	if <-told {
		t.Error("told after the answer")
	}
	if o := r.json(t); o["status"] != "Pending" || o["pushOperationKey"] != hook.next(t).payload()["id"] {
		t.Errorf("%v", o)
	}
}

func TestCurrentWebhooksAreRetried(t *testing.T) {
	t.Parallel()
	for _, status := range []int{302, 400, 401, 404, 500, 503} {
		var attempts atomic.Int64
		hook := receive(t, func(w http.ResponseWriter, _ delivery) {
			if attempts.Add(1) < 8 {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			}
		})
		b := start(t, sandbox.Config{Scale: 1e-6, Hook: sandbox.Hook{URL: hook.url, Secret: secret}})
		c := b.company("gbol", "")
		c.push("directCosts", c.cost("A"))
		id := hook.next(t).header.Get("webhook-id")
		for range 7 {
			if d := hook.next(t); d.header.Get("webhook-id") != id || id == "" {
				t.Errorf("%d: another webhook-id", status)
			}
		}
	}
}

func TestLegacyWebhooksAreRetriedAfterSomeStatusesOnly(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int64{400: 1, 401: 1, 404: 1, 500: 1, 408: 4, 429: 4, 503: 4, 524: 4} {
		var attempts atomic.Int64
		hook := receive(t, func(w http.ResponseWriter, d delivery) {
			if d.json["Data"].(map[string]any)["dataType"] == "directCosts" {
				attempts.Add(1)
				w.WriteHeader(status)
			}
		})
		b := start(t, sandbox.Config{Scale: 1e-6, Hook: sandbox.Hook{URL: hook.url, Generations: sandbox.Legacy}})
		c := b.company("gbol", "")
		c.landed("directCosts", c.cost("A"))
		for range want {
			hook.next(t)
		}
		c.landed("suppliers", map[string]any{"supplierName": "One"}) // time enough for one more attempt
		hook.next(t)
		b.stop()
		if n := attempts.Load(); n != want {
			t.Errorf("%d: %d attempts, want %d", status, n, want)
		}
	}
}

func TestASlowReceiverHoldsNothingUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hook := receive(t, func(w http.ResponseWriter, _ delivery) { <-release })
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url}})
	c := b.company("gbol", "")
	for range 5 {
		if o := c.landed("directCosts", c.cost("A")); o["status"] != "Success" {
			t.Errorf("%v", o)
		}
	}
	close(release)
	for range 5 {
		hook.next(t)
	}
}
