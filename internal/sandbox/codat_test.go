package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

func TestNewRefusesHalfAConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sandbox.Config{
		"no key":          {},
		"two credentials": {APIKey: "k", Hook: sandbox.Hook{URL: "http://localhost/", Basic: "a:b", Bearer: "c"}},
		"no address":      {APIKey: "k", Hook: sandbox.Hook{Basic: "a:b"}},
		"bad secret":      {APIKey: "k", Hook: sandbox.Hook{URL: "http://localhost/", Secret: "whsec_!"}},
		"bad generation":  {APIKey: "k", Hook: sandbox.Hook{URL: "http://localhost/", Generations: "future"}},
	} {
		if _, err := sandbox.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	for _, header := range []string{"", "Basic " + apiKey, "Basic YS1rZXktZm9yLXRlc3RzOg==", "Bearer x"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", b.url+"/companies", nil)
		req.Header.Set("Authorization", header)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("%q: %d", header, resp.StatusCode)
		}
		if resp.Header.Get("X-Rate-Limit-Remaining") == "" {
			t.Error("no quota headers")
		}
	}
	r := b.do("GET", "/companies/x/nowhere", nil, "")
	if r.status != 404 {
		t.Errorf("unknown path: %d", r.status)
	}
	sameShape(t, "error.json", r.json(t))
}

func TestCompanies(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url}})
	made := b.do("POST", "/companies", `{"name":"A <b>Firm</b> & Sons","tags":{"region":"uk"}}`, "").json(t)
	if made["name"] != "A bFirmb & Sons" {
		t.Errorf("name: %v", made["name"])
	}
	id := made["id"].(string)
	created := hook.waitFor(t, "company.created")
	sameShape(t, "company.created.Company-created.json", created.json, "lastSync")
	for _, bad := range []string{`{}`, `{"name":"<>"}`, `no`, `{"name":"x","tags":{"k":"` + strings.Repeat("v", 101) + `"}}`} {
		if r := b.do("POST", "/companies", bad, ""); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	if c := b.do("PATCH", "/companies/"+id, `{"description":"d"}`, "").json(t); c["tags"] == nil || c["description"] != "d" {
		t.Errorf("PATCH lost something: %v", c)
	}
	if c := b.do("PUT", "/companies/"+id, `{"name":"Firm"}`, "").json(t); c["tags"] != nil || c["description"] != "" {
		t.Errorf("PUT kept something: %v", c)
	}
	for i := range 4 {
		b.do("POST", "/companies", fmt.Sprintf(`{"name":"Firm %d"}`, i), "")
	}
	p := b.get("/companies?page=2&pageSize=2")
	if len(results(p)) != 2 || p["totalResults"].(json.Number) != "5" {
		t.Errorf("page 2: %v", p)
	}
	sameShape(t, "list-companies.json", p, "next", "previous", "lastSync")
	if links := p["_links"].(map[string]any); links["next"].(map[string]any)["href"] != "/companies?page=3&pageSize=2" || links["previous"] == nil {
		t.Errorf("links: %v", links)
	}
	if p := b.get("/companies?query=name~firm%203"); len(results(p)) != 1 {
		t.Errorf("query: %v", p)
	}
	for _, bad := range []string{"page=0", "pageSize=5001", "page=x"} {
		if r := b.do("GET", "/companies?"+bad, nil, ""); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	if r := b.do("DELETE", "/companies/"+id, nil, ""); r.status != 204 || len(r.body) != 0 {
		t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	sameShape(t, "company.deleted.Company-deleted.json", hook.waitFor(t, "company.deleted").json, "lastSync", "tags")
	for _, path := range []string{"", "/connections", "/push", "/data/info", "/data/accounts"} {
		if r := b.do("GET", "/companies/"+id+path, nil, ""); r.status != 404 || !strings.Contains(string(r.body), "No company was found with ID "+id) {
			t.Errorf("%s after DELETE: %d %s", path, r.status, r.body)
		}
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url}})
	id := b.do("POST", "/companies", `{"name":"Firm"}`, "").json(t)["id"].(string)
	made := b.do("POST", "/companies/"+id+"/connections", `{"platformKey":"gbol"}`, "").json(t)
	sameShape(t, "connection.json", made, "lastSync")
	if made["status"] != "PendingAuth" || made["sourceType"] != "Accounting" || made["integrationKey"] != "gbol" {
		t.Errorf("made: %v", made)
	}
	sameShape(t, "connection.created.Connection-created.json", hook.waitFor(t, "connection.created").json, "lastSync", "tags")
	c := &company{b: b, id: id, link: made["id"].(string)}
	if r := c.push("directCosts", `{}`); r.status != 400 || !strings.Contains(string(r.body), "PendingAuth") {
		t.Errorf("push before linking: %d %s", r.status, r.body)
	}
	if r := b.do("GET", "/companies/"+id+"/data/accounts", nil, ""); r.status != 404 || !strings.Contains(string(r.body), "No data available for accounts") {
		t.Errorf("accounts before linking: %d %s", r.status, r.body)
	}

	answer := func(what string) int {
		start := made["linkUrl"].(string)
		if page, err := http.Get(start); err != nil || page.StatusCode != 200 {
			t.Fatal(err)
		} else {
			page.Body.Close()
		}
		resp, err := http.PostForm(start, map[string][]string{"answer": {what}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	answer("cancel")
	sameShape(t, "connection.failed.Connection-failed.json", hook.waitFor(t, "connection.failed").json, "tags")
	answer("approve")
	sameShape(t, "connection.connected.Connection-connected.json", hook.waitFor(t, "connection.connected").json, "lastSync", "tags", "dataConnectionErrors")
	read := map[any]bool{}
	for range 8 {
		read[hook.waitFor(t, "read.completed.initial").payload()["dataTypes"].([]any)[0].(map[string]any)["dataType"]] = true
	}
	if len(read) != 8 {
		t.Errorf("read: %v", read)
	}
	known := b.known(id, c.link)
	if o := known.landed("directCosts", known.cost("A")); o["status"] != "Success" {
		t.Errorf("push after linking: %v", o)
	}

	if r := b.do("PATCH", "/companies/"+id+"/connections/"+c.link, `{"status":"Linked"}`, ""); r.status != 400 {
		t.Errorf("PATCH Linked: %d", r.status)
	}
	if k := b.do("PATCH", "/companies/"+id+"/connections/"+c.link, `{"status":"Unlinked"}`, "").json(t); k["status"] != "Unlinked" {
		t.Errorf("unlinked: %v", k)
	}
	sameShape(t, "connection.disconnected.Unlinked.json", hook.waitFor(t, "connection.disconnected").json, "tags", "dataConnectionErrors")
	if r := b.do("PATCH", "/companies/"+id+"/connections/"+c.link, `{"status":"Unlinked"}`, ""); r.status != 400 {
		t.Errorf("unlinked twice: %d", r.status)
	}
	b.get("/companies/" + id + "/data/accounts") // old data stays readable
	if r := b.do("POST", "/companies/"+id+"/data/queue/suppliers", nil, ""); r.status != 400 {
		t.Errorf("sync while unlinked: %d", r.status)
	}
	answer("approve")
	sameShape(t, "connection.reconnected.Reconnected.json", hook.waitFor(t, "connection.reconnected").json, "tags", "dataConnectionErrors")
	if r := b.do("DELETE", "/companies/"+id+"/connections/"+c.link, nil, ""); r.status != 200 || len(r.body) != 0 {
		t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	deleted := hook.waitFor(t, "connection.deleted")
	sameShape(t, "connection.deleted.Deleted.json", deleted.json, "tags", "dataConnectionErrors")
	if s := deleted.payload()["connection"].(map[string]any)["status"]; s != "Linked" {
		t.Errorf("deleted says %v", s)
	}
	if r := b.do("GET", "/companies/"+id+"/connections/"+c.link, nil, ""); r.status != 404 || !strings.Contains(string(r.body), "Data connection") {
		t.Errorf("after DELETE: %d %s", r.status, r.body)
	}
}

func TestSevered(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"sync", "push"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			hook := receive(t, nil)
			b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url}})
			c := b.company("gbol", "")
			if r := b.do("POST", "/_sandbox/connections/"+c.link+"/sever", nil, ""); r.status != 204 {
				t.Fatalf("sever: %d", r.status)
			}
			if k := b.get("/companies/" + c.id + "/connections/" + c.link); k["status"] != "Linked" {
				t.Errorf("seen too early: %v", k)
			}
			if by == "sync" {
				if p := c.sync("suppliers"); p["status"] != "AuthError" || p["isErrored"] != true {
					t.Errorf("sync: %v", p)
				}
			} else if o := c.landed("directCosts", c.cost("A")); o["status"] != "Failed" || len(c.ledger("directCosts")) != 0 {
				t.Errorf("push: %v", o)
			}
			d := hook.waitFor(t, "connection.disconnected")
			sameShape(t, "connection.disconnected.De-authorized.json", d.json, "tags")
			if k := b.get("/companies/" + c.id + "/connections/" + c.link); k["status"] != "Deauthorized" || k["dataConnectionErrors"] == nil {
				t.Errorf("afterwards: %v", k)
			}
			if r := c.push("directCosts", c.cost("B")); r.status != 400 {
				t.Errorf("push afterwards: %d", r.status)
			}
		})
	}
}

func TestDataComesFromTheCache(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url}})
	c := b.company("gbol", "")
	o := c.landed("accounts", map[string]any{"nominalCode": "431", "name": "Travel", "fullyQualifiedCategory": "Expense.Overhead"})
	if o["status"] != "Success" || o["dataType"] != "chartOfAccounts" {
		t.Fatalf("account: %v", o)
	}
	if d := hook.waitFor(t, "chartOfAccounts.write.successful"); d.payload()["record"].(map[string]any)["id"] != recordID(o) {
		t.Errorf("webhook: %s", d.body)
	}
	// The ledger has it at once, Codat after a sync.
	if o := c.landed("directCosts", c.cost("A", "lineItems.accountRef.id", recordID(o))); o["status"] != "Success" {
		t.Errorf("cost to the new account: %v", o)
	}
	if _, ok := b.known(c.id, c.link).accounts["Travel"]; ok {
		t.Error("listed before a sync")
	}
	if p := c.sync("chartOfAccounts"); p["status"] != "Complete" {
		t.Errorf("sync: %v", p)
	}
	read := hook.waitFor(t, "read.completed")
	sameShape(t, "read.completed.Read-completed-without-issues.json", read.json)
	if d := read.payload()["dataTypes"].([]any)[0].(map[string]any); d["recordsModified"] != true || d["connectionId"] != c.link {
		t.Errorf("read: %v", d)
	}
	if b.known(c.id, c.link).accounts["Travel"] != recordID(o) {
		t.Error("not listed after a sync")
	}
	sameShape(t, "list-accounts.json", b.get("/companies/"+c.id+"/data/accounts?pageSize=2"), "next", "description")

	cost := c.ledger("directCosts")[0]
	path := c.path("data/directCosts/" + cost["id"].(string))
	if r := b.do("GET", path, nil, ""); r.status != 404 {
		t.Errorf("cost before a sync: %d", r.status)
	}
	p := c.sync("directCosts")
	sameShape(t, "pull.json", p, "completed")
	if got := b.get(path); got["reference"] != "A" || got["totalAmount"].(json.Number) != "120.12" || got["issueDate"] != "2026-01-05T00:00:00" {
		t.Errorf("cost: %v", got)
	}
	if n := len(results(b.get(c.path("data/directCosts")))); n != 1 {
		t.Errorf("%d costs", n)
	}
	c.landed("suppliers", map[string]any{"supplierName": "New Cafe", "status": "Active"})
	c.sync("suppliers")
	sameShape(t, "list-suppliers.json", b.get("/companies/"+c.id+"/data/suppliers"), "next", "metadata", "contactName")
	if _, ok := b.known(c.id, c.link).suppliers["New Cafe"]; !ok {
		t.Error("supplier is not listed after a sync")
	}
	if r := b.do("POST", "/companies/"+c.id+"/data/queue/nonsense", nil, ""); r.status != 400 {
		t.Errorf("queue nonsense: %d", r.status)
	}
}

func TestQueueWhileReading(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{Delay: 1 << 40}) // some 18 minutes
	c := b.company("gbol", "")
	if r := b.do("POST", "/companies/"+c.id+"/data/queue/suppliers", nil, ""); r.status != 200 {
		t.Fatal(r.status)
	}
	if r := b.do("POST", "/companies/"+c.id+"/data/queue/suppliers", nil, ""); r.status != 400 || !strings.Contains(string(r.body), "in progress") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	for platform, want := range map[string][3]int{"gbol": {200, 200, 200}, "qhyg": {200, 200, 200}, "mqjo": {200, 200, 200}, "hbql": {200, 404, 200}} {
		c := b.company(platform, "")
		for i, dataType := range []string{"directCosts", "chartOfAccounts", "suppliers"} {
			if r := b.do("GET", c.path("options/"+dataType), nil, ""); r.status != want[i] {
				t.Errorf("%s %s: %d", platform, dataType, r.status)
			}
		}
	}
}

func TestPushOperationShapes(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	r := c.push("directCosts", c.cost("A"))
	pending := r.json(t)
	sameShape(t, "push-operation.Pending.json", pending)
	if pending["status"] != "Pending" || pending["statusCode"].(json.Number) != "202" || pending["changes"] != nil {
		t.Errorf("pending: %v", pending)
	}
	sameShape(t, "push-operation.Success.json", c.follow(pending["pushOperationKey"].(string), "Pending"))
	failed := c.landed("directCosts", c.cost("B", "lineItems.accountRef.id", uuid.NewString()))
	sameShape(t, "push-operation.Failed-validation.json", failed)
	b.scenario(`{"effect":"timeout"}`)
	sameShape(t, "push-operation.TimedOut.json", c.landed("directCosts", c.cost("C")))

	page := b.get("/companies/" + c.id + "/push?pageSize=2")
	if got := results(page); len(got) != 2 || got[0]["status"] != "TimedOut" || got[1]["status"] != "Failed" || page["totalResults"].(json.Number) != "3" {
		t.Errorf("history: %v", page)
	}
	if got := results(b.get("/companies/" + c.id + "/push?orderBy=requestedOnUtc")); got[0]["status"] != "Success" {
		t.Errorf("history, oldest first: %v", got)
	}
	if r := b.do("GET", "/companies/"+c.id+"/push/"+uuid.NewString(), nil, ""); r.status != 404 {
		t.Errorf("unknown operation: %d", r.status)
	}
	other := b.company("gbol", "")
	if r := b.do("GET", "/companies/"+other.id+"/push/"+pending["pushOperationKey"].(string), nil, ""); r.status != 404 {
		t.Errorf("another company's operation: %d", r.status)
	}
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	hook := receive(t, nil)
	b := start(t, sandbox.Config{Hook: sandbox.Hook{URL: hook.url}})
	c := b.company("gbol", "")
	id := recordID(c.landed("directCosts", c.cost("A")))
	hook.next(t)
	form := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"r.pdf\"\r\nContent-Type: application/pdf\r\n\r\nreceipt\r\n--x--\r\n"
	req, _ := http.NewRequestWithContext(t.Context(), "POST", b.url+c.path("push/directCosts/"+id+"/attachment"), strings.NewReader(form))
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	req.Header.Set("Authorization", "Basic YS1rZXktZm9yLXRlc3Rz")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var o map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode, err)
	}
	sameShape(t, "push-operation.AttachmentUploaded.json", c.follow(o["pushOperationKey"].(string), "Pending"))
	sameShape(t, "directCosts.write.successful.Attachment.json", hook.next(t).json, "links")
	if a := c.ledger("directCosts")[0]["attachments"].([]any); len(a) != 1 || a[0].(map[string]any)["name"] != "r.pdf" {
		t.Errorf("attachments: %v", a)
	}
	if r := c.push("directCosts/"+uuid.NewString()+"/attachment", form); r.status != 404 {
		t.Errorf("unknown record: %d", r.status)
	}
}

func TestXeroNegative(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{})
	c := b.company("gbol", "")
	sample, err := os.ReadFile("testdata/xero-negative.json")
	if err != nil {
		t.Fatal(err)
	}
	body := decode(t, sample)
	edit(body, "contactRef.id", c.suppliers["Fourth Coffee"])
	edit(body, "lineItems.accountRef.id", c.accounts["Entertainment"])
	edit(body, "paymentAllocations.payment.accountRef.id", c.bank)
	o := c.landed("directCosts", body)
	if o["status"] != "Success" || o["changes"].([]any)[0].(map[string]any)["recordRef"].(map[string]any)["dataType"] != "directIncomes" {
		t.Errorf("%v", o)
	}
	c.sync("directCosts")
	if n := len(results(b.get(c.path("data/directCosts")))); n != 0 {
		t.Errorf("%d directCosts", n)
	}
	c.sync("directIncomes")
	got := b.get(c.path("data/directIncomes/" + recordID(o)))
	line := got["lineItems"].([]any)[0].(map[string]any)
	if got["totalAmount"].(json.Number) != "35" || line["quantity"].(json.Number) != "1" || line["unitAmount"].(json.Number) != "35" || got["taxAmount"].(json.Number) != "0" {
		t.Errorf("income: %v", got)
	}
	if l := c.ledger("directCosts"); len(l) != 1 || l[0]["dataType"] != "directIncomes" || l[0]["totalAmount"].(json.Number) != "-35" {
		t.Errorf("ledger: %v", l)
	}
}

func TestSeedIsTheSameAfterEveryStart(t *testing.T) {
	t.Parallel()
	first := start(t, sandbox.Config{Seed: true}).get("/companies")
	second := start(t, sandbox.Config{Seed: true}).get("/companies")
	statuses := map[string]string{}
	for i, c := range results(first) {
		if c["id"] != results(second)[i]["id"] {
			t.Errorf("%v has another id", c["name"])
		}
		for _, k := range c["dataConnections"].([]any) {
			statuses[c["name"].(string)] = k.(map[string]any)["status"].(string)
		}
	}
	if len(statuses) != 6 || statuses["Northwind Ltd"] != "Linked" || statuses["Adatum Builders"] != "Deauthorized" || statuses["Wide World Importers"] != "PendingAuth" {
		t.Errorf("%v", statuses)
	}
	if id := results(first)[0]["id"]; id != "526c7702-f7b8-5f85-89da-68bb12859eda" {
		t.Errorf("Northwind's id is %v", id)
	}
}

func TestSeededCompaniesTakeACost(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Config{Seed: true})
	for _, s := range results(b.get("/companies")) {
		k := s["dataConnections"].([]any)[0].(map[string]any)
		if k["status"] != "Linked" {
			continue
		}
		c := b.known(s["id"].(string), k["id"].(string))
		n := len(c.accounts)
		if n < 40 || n > 80 || len(c.suppliers) < 15 || len(c.suppliers) > 30 {
			t.Errorf("%v has %d accounts and %d suppliers", s["name"], n, len(c.suppliers))
		}
		for _, id := range c.suppliers {
			c.suppliers["Fourth Coffee"] = id
		}
		body := c.cost("A")
		if c.currency == "JPY" {
			for _, path := range []string{"lineItems.unitAmount", "lineItems.subTotal", "subTotal"} {
				edit(body, path, 100)
			}
			for _, path := range []string{"lineItems.taxAmount", "taxAmount"} {
				edit(body, path, 10)
			}
			for _, path := range []string{"lineItems.totalAmount", "totalAmount", "paymentAllocations.payment.totalAmount", "paymentAllocations.allocation.totalAmount"} {
				edit(body, path, 110)
			}
		}
		if o := c.landed("directCosts", body); o["status"] != "Success" {
			t.Errorf("%v: %v", s["name"], o)
		}
	}
}
