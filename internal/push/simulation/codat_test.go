package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cloud is a random Codat. What it does follows from its source of chance alone; nothing in it knows what our side believes.
type cloud struct {
	chance    *rand.Rand
	now       time.Time
	habits    habits
	calm      bool // no faults any more
	companies []*company
	ops       []*operation // oldest first
	requests  map[string]*request
	agenda    []appointment
	bag       []message // what is on its way to us
	told      int       // messages written so far
	attached  int       // files taken so far
	pulls     map[string]*pull
	refusing  int // every request gets this status …
	until     time.Time
	wrong     []string // what must never be asked of it
	travels   []string // the bodies of requests that it has not taken up yet, and will
	say       func(format string, args ...any)

	// What a history thought up by hand wants of the next pushes.
	faults []fault
	plans  []plan
}

// habits are what one Codat does all the time, and another never.
type habits struct {
	generations   []string      // of its webhooks
	skew          time.Duration // of its clock
	page          int           // the most records on a page
	unsorted      bool          // it refuses to sort its history, and tells it oldest first
	unique        bool          // the ledger refuses a name or code that is taken
	knowsOnlyRead bool          // what a cost refers to must have been read by Codat, not only be in the ledger
	platform      string        // its key
	wordless      bool          // an operation does not say which record it made

	attachesAtOnce bool // an upload has no operation
	hidesFiles     bool // it does not list the files at a record
}

var platformNames = map[string]string{"gbol": "Xero", "qhyg": "QuickBooks Online", "fbrh": "FreeAgent"}

func (h habits) dropsReference() bool { return h.platform == "fbrh" }

type company struct {
	id, name    string
	deleted     bool
	connections []*connection
}

type connection struct {
	id      string
	company *company
	status  string
	severed bool // on the platform's side, unnoticed
	deleted bool
	created time.Time
	books   *books
	synced  time.Time            // Codat last read something
	read    map[string][]*record // Codat's copy of the books, by data type; nil before the first sync
}

// books are what a customer's accounting software holds.
type books struct{ records []*record }

// record is an account, bank account, supplier, tax rate or directCost in the books.
type record struct {
	id, dataType              string
	name, code                string
	reference, date, currency string
	total                     json.Number
	note                      string // of a cost: which expense it is, whatever became of its reference
	gone                      bool   // deleted in the accounting software
	files                     []*file
	op                        *operation
}

// operation is one accepted write.
type operation struct {
	key        string
	connection *connection
	dataType   string
	status     string
	requested  time.Time
	completed  time.Time
	content    record // what it is to write
	accounts   []string
	supplier   string
	made       *record
	problem    [2]string // field and message
	open       bool      // more is to come of it

	file *file  // of an upload, and
	to   string // the cost it is for
}

// request is what Codat keeps of a key.
type request struct {
	body     string
	answered time.Time
	running  time.Time // until then
	answer   answer
}

type answer struct {
	status int
	body   []byte
	header map[string]string
}

// pull is one reading of a data type.
type pull struct {
	id, dataType string
	connection   *connection
	done, failed bool
}

type appointment struct {
	at time.Time
	do func()
}

// message is a webhook.
type message struct {
	id   string // its header
	body []byte
	what string
}

func newCloud(chance *rand.Rand, now time.Time) *cloud {
	c := &cloud{chance: chance, now: now, requests: map[string]*request{}, pulls: map[string]*pull{}, say: func(string, ...any) {}}
	c.habits = habits{
		generations: pick(chance, [][]string{{"current"}, {"legacy"}, {"current", "legacy"}}),
		skew:        time.Duration(chance.IntN(240)-120) * time.Second,
		page:        pick(chance, []int{2, 3, 1000, 1000}),
		unsorted:    chance.IntN(4) == 0, unique: chance.IntN(3) > 0, knowsOnlyRead: chance.IntN(3) == 0,
		platform: pick(chance, []string{"gbol", "gbol", "qhyg", "qhyg", "fbrh"}),
		wordless: chance.IntN(12) == 0, attachesAtOnce: chance.IntN(5) == 0, hidesFiles: chance.IntN(8) == 0,
	}
	return c
}

func pick[T any](chance *rand.Rand, of []T) T { return of[chance.IntN(len(of))] }

// often is true n times in a hundred.
func often(chance *rand.Rand, n int) bool { return chance.IntN(100) < n }

// between is a random span.
func between(chance *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(chance.Int64N(int64(most-least)+1))
}

// later has something happen.
func (c *cloud) later(after time.Duration, do func()) {
	a := appointment{c.now.Add(after), do}
	at, _ := slices.BinarySearchFunc(c.agenda, a.at, func(b appointment, t time.Time) int {
		if b.at.After(t) {
			return 1
		}
		return -1
	})
	c.agenda = slices.Insert(c.agenda, at, a)
}

// takeUp has a request served some time after it was sent.
func (c *cloud) takeUp(after time.Duration, body []byte, serve func()) {
	c.travels = append(c.travels, string(body))
	c.later(after, func() {
		i := slices.Index(c.travels, string(body))
		c.travels = slices.Delete(c.travels, i, i+1)
		serve()
	})
}

// pass lets time go by.
func (c *cloud) pass(to time.Time) {
	for len(c.agenda) > 0 && !c.agenda[0].at.After(to) {
		next := c.agenda[0]
		c.agenda = c.agenda[1:]
		c.now = next.at
		next.do()
	}
	c.now = to
}

// stamp is a time as Codat writes it, by its own clock.
func (c *cloud) stamp(t time.Time) string {
	return t.Add(c.habits.skew).UTC().Format("2006-01-02T15:04:05.0000000Z")
}

// Companies, connections and their books --------------------------------------------------------------------------------------

func (c *cloud) addCompany() *company {
	co := &company{id: fmt.Sprintf("company-%d", len(c.companies)+1), name: fmt.Sprintf("Company %d", len(c.companies)+1)}
	c.companies = append(c.companies, co)
	return co
}

func newBooks() *books {
	return &books{[]*record{
		{id: "acc-travel", dataType: "chartOfAccounts", name: "Travel", code: "400"},
		{id: "acc-meals", dataType: "chartOfAccounts", name: "Meals", code: "401"},
		{id: "bank-1", dataType: "bankAccounts", name: "Current account", code: "090"},
		{id: "sup-acme", dataType: "suppliers", name: "Acme"},
		{id: "NONE", dataType: "taxRates", name: "No tax", code: "NONE"},
	}}
}

// connect links a company to books through a new connection. Codat reads them soon.
func (c *cloud) connect(co *company, b *books) *connection {
	cn := &connection{id: fmt.Sprintf("%s-link-%d", co.id, len(co.connections)+1), company: co, status: "PendingAuth", created: c.now, books: b, read: map[string][]*record{}}
	co.connections = append(co.connections, cn)
	c.tellConnection(cn, "created", "")
	c.turn(cn, "Linked")
	c.later(between(c.chance, 0, 30*time.Second), func() { c.readAll(cn) })
	return cn
}

func (c *cloud) readAll(cn *connection) {
	for _, t := range dataTypes {
		c.readNow(cn, t, cn.copyOf(t))
	}
}

var dataTypes = []string{"chartOfAccounts", "bankAccounts", "suppliers", "taxRates", "directCosts"}

func (cn *connection) copyOf(dataType string) []*record {
	list := []*record{}
	for _, r := range cn.books.records {
		if r.dataType == dataType && !r.gone {
			list = append(list, r)
		}
	}
	return list
}

func (cn *connection) usable() bool {
	return cn.status == "Linked" && !cn.deleted && !cn.company.deleted
}

// turn gives a connection another status.
func (c *cloud) turn(cn *connection, status string) {
	was := cn.status
	if was == status || cn.deleted {
		return
	}
	cn.status = status
	if status == "Linked" {
		cn.severed = false
	}
	verb := "disconnected"
	switch {
	case status == "Linked" && was == "PendingAuth":
		verb = "connected"
	case status == "Linked":
		verb = "reconnected"
	}
	c.say("Codat: %s is %s", cn.id, status)
	c.tellConnection(cn, verb, was)
}

// notice finds out whether the platform still lets Codat in.
func (c *cloud) notice(cn *connection) bool {
	if cn.severed && cn.status == "Linked" {
		c.turn(cn, "Deauthorized")
	}
	return cn.usable()
}

func (c *cloud) delete(cn *connection) {
	cn.deleted = true
	c.say("Codat: %s is deleted", cn.id)
	c.tellConnection(cn, "deleted", cn.status)
}

func (c *cloud) deleteCompany(co *company) {
	co.deleted = true
	c.say("Codat: %s is deleted", co.id)
	c.tell("current", map[string]any{"eventType": "company.deleted", "generatedDate": c.stamp(c.now), "payload": map[string]any{"id": co.id, "name": co.name}}, "company.deleted")
}

// accounting is the connection that a company's data are read through.
func (co *company) accounting() *connection {
	var best *connection
	for _, cn := range co.connections {
		if !cn.deleted && (best == nil || cn.status == "Linked" || best.status != "Linked") {
			best = cn
		}
	}
	return best
}

func (c *cloud) company(id string) *company {
	for _, co := range c.companies {
		if co.id == id && !co.deleted {
			return co
		}
	}
	return nil
}

func (co *company) connection(id string) *connection {
	for _, cn := range co.connections {
		if cn.id == id && !cn.deleted {
			return cn
		}
	}
	return nil
}

// Reading ---------------------------------------------------------------------------------------------------------------------

// queue begins a reading. What the books held at some time before its end is what it finds.
func (c *cloud) queue(cn *connection, dataType string) *pull {
	p := &pull{id: fmt.Sprintf("pull-%d", len(c.pulls)+1), dataType: dataType, connection: cn}
	c.pulls[p.id] = p
	took := between(c.chance, time.Second, 2*time.Minute)
	looked := between(c.chance, 0, took)
	if c.calm {
		looked = took
	}
	var found []*record
	c.later(looked, func() { found = cn.copyOf(dataType) })
	c.later(took, func() {
		p.done = true
		if !c.notice(cn) || !c.calm && often(c.chance, 5) {
			p.failed = true
			c.tellRead(cn, dataType, "AuthError")
			return
		}
		c.readNow(cn, dataType, found)
	})
	return p
}

func (c *cloud) readNow(cn *connection, dataType string, found []*record) {
	cn.read[dataType], cn.synced = found, c.now
	c.tellRead(cn, dataType, "Complete")
}

func (c *cloud) reading(cn *connection, dataType string) bool {
	for _, p := range c.pulls {
		if p.connection == cn && p.dataType == dataType && !p.done {
			return true
		}
	}
	return false
}

// Webhooks --------------------------------------------------------------------------------------------------------------------

func (c *cloud) tell(generation string, body map[string]any, what string) {
	if !slices.Contains(c.habits.generations, generation) {
		return
	}
	c.told++
	m := message{id: fmt.Sprintf("msg-%d", c.told), what: fmt.Sprintf("%s (%s, msg-%d)", what, generation, c.told)}
	if generation == "current" {
		body["id"] = fmt.Sprintf("event-%d", c.told)
	} else {
		body["AlertId"] = fmt.Sprintf("alert-%d", c.told)
		m.id = ""
	}
	m.body = marshal(body)
	c.bag = append(c.bag, m)
}

func (c *cloud) tellWrite(op *operation, status string) {
	what := fmt.Sprintf("%s of %s", status, op.key)
	ending, kind := "unsuccessful", "Create"
	if op.file != nil {
		kind = "UploadAttachment"
	}
	payload := map[string]any{"id": op.key, "type": kind, "referenceCompany": map[string]any{"id": op.connection.company.id}, "connectionId": op.connection.id,
		"requestedOnDate": c.stamp(op.requested), "status": status}
	if status == "Success" {
		ending = "successful"
		if op.made != nil && !c.habits.wordless {
			payload["record"] = map[string]any{"id": op.made.id}
		}
	}
	if op.file != nil && !c.habits.wordless { // its cost, whatever became of it
		payload["record"], payload["attachmentId"] = map[string]any{"id": op.to}, op.file.id
	}
	if status != "Pending" {
		c.tell("current", map[string]any{"eventType": op.dataType + ".write." + ending, "generatedDate": c.stamp(c.now), "payload": payload}, what)
	}
	legacy := func(rule string, data map[string]any) {
		data["dataType"], data["pushOperationKey"] = op.dataType, op.key
		c.tell("legacy", map[string]any{"RuleType": rule, "CompanyId": op.connection.company.id, "DataConnectionId": op.connection.id, "Data": data}, what)
	}
	legacy("Push Operation Status Changed()", map[string]any{"status": status})
	if status == "TimedOut" {
		legacy("Push Operation Timed Out", map[string]any{})
	}
}

func (c *cloud) tellConnection(cn *connection, verb, was string) {
	status := cn.status
	if verb == "deleted" {
		status = "Linked" // as Codat's own example says
	}
	what := cn.id + " " + verb
	c.tell("current", map[string]any{"eventType": "connection." + verb, "generatedDate": c.stamp(c.now), "payload": map[string]any{
		"referenceCompany": map[string]any{"id": cn.company.id}, "connection": c.connectionJSON(cn, status)}}, what)
	if verb != "deleted" {
		data := map[string]any{"dataConnectionId": cn.id, "newStatus": status, "platformKey": c.habits.platform}
		if was != "" {
			data["oldStatus"] = was
		}
		c.tell("legacy", map[string]any{"RuleType": "DataConnectionStatusChanged", "CompanyId": cn.company.id, "DataConnectionId": cn.id, "Data": data}, what)
	}
}

func (c *cloud) tellRead(cn *connection, dataType, status string) {
	c.tell("current", map[string]any{"eventType": "read.completed", "generatedDate": c.stamp(c.now), "payload": map[string]any{
		"referenceCompany": map[string]any{"id": cn.company.id}, "dataTypes": []any{map[string]any{"connectionId": cn.id, "dataType": dataType, "status": status}}}},
		"read of "+dataType)
	rule, data := "Data sync completed", map[string]any{"dataType": dataType}
	if status != "Complete" {
		rule, data["datasetStatus"] = "Data Sync Status Changed To Error", status
	}
	c.tell("legacy", map[string]any{"RuleType": rule, "CompanyId": cn.company.id, "DataConnectionId": cn.id, "Data": data}, "read of "+dataType)
}

// What is asked of it ---------------------------------------------------------------------------------------------------------

// answer serves a request that has arrived.
func (c *cloud) answer(req *http.Request, body []byte, f fault) answer {
	if c.refusing != 0 && c.now.Before(c.until) {
		if c.refusing == http.StatusUnauthorized || req.Method == http.MethodGet {
			return refusal(c.refusing, "not now")
		}
		f = refused // Codat keeps such a reply for its key
	}
	path := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	if path[0] != "companies" {
		return refusal(404, "no such path")
	}
	if len(path) == 1 {
		return c.page(req, len(c.companies), func(i int) any {
			if c.companies[i].deleted {
				return nil
			}
			return c.companyJSON(c.companies[i])
		})
	}
	co := c.company(path[1])
	if co == nil {
		return refusal(404, "No company was found with ID "+path[1])
	}
	switch rest := path[2:]; {
	case len(rest) == 0:
		return jsonAnswer(c.companyJSON(co))
	case rest[0] == "connections" && len(rest) == 1:
		return c.page(req, len(co.connections), func(i int) any {
			if co.connections[i].deleted {
				return nil
			}
			return c.connectionJSON(co.connections[i], co.connections[i].status)
		})
	case rest[0] == "connections":
		cn := co.connection(rest[1])
		if cn == nil {
			return refusal(404, "Data connection "+rest[1]+" not found")
		}
		if rest[2] == "push" {
			return c.push(cn, strings.Join(rest[3:], "/"), req.Header.Get("Idempotency-Key"), body, f)
		}
		if len(rest) == 6 {
			return c.files(cn, rest[4])
		}
		if len(rest) == 5 {
			return c.one(cn, rest[3], rest[4])
		}
		return c.records(req, cn, rest[3])
	case rest[0] == "push" && len(rest) == 2:
		for _, op := range c.ops {
			if op.key == rest[1] && op.connection.company == co {
				return jsonAnswer(c.opJSON(op))
			}
		}
		return refusal(404, "no operation "+rest[1])
	case rest[0] == "push":
		return c.history(req, co)
	case rest[1] == "queue":
		cn := co.connection(req.URL.Query().Get("connectionId"))
		if cn == nil || cn.status != "Linked" {
			return refusal(404, "Data connection not found")
		}
		if c.reading(cn, rest[2]) {
			return refusal(400, "DatasetAlreadyInProgressException")
		}
		return jsonAnswer(c.pullJSON(c.queue(cn, rest[2])))
	case rest[1] == "history":
		if p := c.pulls[rest[2]]; p != nil {
			return jsonAnswer(c.pullJSON(p))
		}
		return refusal(404, "no reading "+rest[2])
	case rest[1] == "info":
		return jsonAnswer(map[string]any{"companyName": co.name, "baseCurrency": "GBP"})
	default:
		cn := co.accounting()
		if cn == nil {
			return refusal(404, "No data available")
		}
		return c.records(req, cn, rest[1])
	}
}

func (c *cloud) history(req *http.Request, co *company) answer {
	var ops []*operation
	for _, op := range c.ops {
		if op.connection.company == co {
			ops = append(ops, op)
		}
	}
	if by := req.URL.Query().Get("orderBy"); by != "" {
		if c.habits.unsorted {
			return refusal(400, "Could not resolve property requestedOnUtc")
		}
		slices.Reverse(ops)
	}
	return c.page(req, len(ops), func(i int) any { return c.opJSON(ops[i]) })
}

func (c *cloud) records(req *http.Request, cn *connection, dataType string) answer {
	if dataType == "accounts" {
		dataType = "chartOfAccounts"
	}
	list, ok := cn.read[dataType]
	if !ok {
		return refusal(404, "No data available for "+dataType)
	}
	return c.page(req, len(list), func(i int) any { return recordJSON(list[i]) })
}

func (c *cloud) one(cn *connection, dataType, id string) answer {
	for _, r := range cn.read[dataType] {
		if r.id == id {
			a := recordJSON(r)
			if c.habits.dropsReference() {
				delete(a, "reference")
			}
			return jsonAnswer(a)
		}
	}
	return refusal(404, "no record "+id)
}

// page answers with one page of n records; record i is left out when at says nil.
func (c *cloud) page(req *http.Request, n int, at func(i int) any) answer {
	q := req.URL.Query()
	number, _ := strconv.Atoi(q.Get("page"))
	size := c.habits.page
	results := []any{}
	for i := (number - 1) * size; i < min(n, number*size); i++ {
		if r := at(i); r != nil {
			results = append(results, r)
		}
	}
	links := map[string]any{}
	if number*size < n {
		links["next"] = map[string]any{"href": "more"}
	}
	return jsonAnswer(map[string]any{"results": results, "pageNumber": number, "pageSize": size, "totalResults": n, "_links": links})
}

func (c *cloud) companyJSON(co *company) map[string]any {
	return map[string]any{"id": co.id, "name": co.name, "redirect": "https://link.example/" + co.id}
}

func (c *cloud) connectionJSON(cn *connection, status string) map[string]any {
	j := map[string]any{"id": cn.id, "integrationKey": c.habits.platform, "platformName": platformNames[c.habits.platform], "sourceType": "Accounting",
		"status": status, "linkUrl": "https://link.example/" + cn.id, "created": c.stamp(cn.created), "dataConnectionErrors": []any{}}
	if !cn.synced.IsZero() {
		j["lastSync"] = c.stamp(cn.synced)
	}
	return j
}

func (c *cloud) pullJSON(p *pull) map[string]any {
	return map[string]any{"id": p.id, "companyId": p.connection.company.id, "connectionId": p.connection.id, "dataType": p.dataType,
		"isCompleted": p.done && !p.failed, "isErrored": p.failed, "status": "Fetching"}
}

func (c *cloud) opJSON(op *operation) map[string]any {
	j := map[string]any{"pushOperationKey": op.key, "companyId": op.connection.company.id, "dataConnectionKey": op.connection.id, "dataType": op.dataType,
		"status": op.status, "statusCode": 202, "requestedOnUtc": c.stamp(op.requested), "changes": nil}
	if !op.completed.IsZero() {
		j["completedOnUtc"] = c.stamp(op.completed)
	}
	switch op.status {
	case "Success":
		j["statusCode"] = 200
		if op.made != nil && !c.habits.wordless {
			j["changes"] = []any{map[string]any{"type": "Created", "recordRef": map[string]any{"id": op.made.id, "dataType": op.dataType}}}
		}
		if op.file != nil && !c.habits.wordless {
			j["changes"] = []any{map[string]any{"type": "AttachmentUploaded", "recordRef": map[string]any{"id": op.to, "dataType": op.dataType}, "attachmentId": op.file.id}}
		}
	case "Failed":
		j["statusCode"], j["errorMessage"] = 400, "Push failed: see validation for more information"
		j["validation"] = map[string]any{"errors": []any{map[string]any{"itemId": op.problem[0], "message": op.problem[1]}}}
	}
	return j
}

func recordJSON(r *record) map[string]any {
	switch r.dataType {
	case "chartOfAccounts":
		return map[string]any{"id": r.id, "name": r.name, "nominalCode": r.code, "type": "Expense", "status": "Active"}
	case "bankAccounts":
		return map[string]any{"id": r.id, "accountName": r.name, "nominalCode": r.code, "currency": "GBP", "status": "Active"}
	case "suppliers":
		return map[string]any{"id": r.id, "supplierName": r.name, "status": "Active"}
	case "taxRates":
		return map[string]any{"id": r.id, "name": r.name, "code": r.code, "status": "Active"}
	}
	return map[string]any{"id": r.id, "reference": r.reference, "note": r.note, "issueDate": r.date, "currency": r.currency, "totalAmount": r.total}
}

func jsonAnswer(v any) answer { return answer{status: 200, body: marshal(v)} }

func refusal(status int, text string) answer {
	return answer{status: status, body: marshal(map[string]any{"statusCode": status, "error": text, "canBeRetried": "Unknown"})}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
