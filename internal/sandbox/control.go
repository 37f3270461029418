package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/google/uuid"
)

// control serves e to whoever asks.
func (s *Sandbox) control(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return
		}
		var a answer
		if err := s.transact(func(tx *tx) { a = render(e(tx, &request{Request: r, body: body})) }); err != nil {
			s.log.Error("answer", "path", r.URL.Path, "error", err)
			a = refuse(http.StatusServiceUnavailable, "%s", usual[503]).answer()
		}
		a.send(w)
	}
}

// ledgerRead lists what was written into the books of a company, even of a deleted one, whether Codat knows it or not.
func ledgerRead(tx *tx, r *request) (any, error) {
	id := r.PathValue("company")
	if tx.s.state.companies[id] == nil {
		return nil, noCompany(id)
	}
	costs, accounts, suppliers := []any{}, []any{}, []any{}
	for _, link := range tx.s.state.links[id] {
		b := tx.s.state.books[link]
		for _, e := range slices.Concat(b.costs.live, b.incomes.live) {
			m := e.Record.fields()
			m["dataType"], m["attachments"] = e.Record.DataType, append([]attachment{}, e.Record.Attachments...)
			costs = append(costs, written(m, link, e))
		}
		for _, e := range b.accounts.live {
			if e.OperationKey != "" {
				accounts = append(accounts, written(fieldsOf(e.Record), link, e))
			}
		}
		for _, e := range b.suppliers.live {
			if e.OperationKey != "" {
				suppliers = append(suppliers, written(fieldsOf(e.Record), link, e))
			}
		}
	}
	return map[string]any{"companyId": id, "directCosts": costs, "accounts": accounts, "suppliers": suppliers}, nil
}

func fieldsOf(record any) map[string]any { return cost{Body: encode(record)}.fields() }

func written[T any](m map[string]any, link string, e entry[T]) map[string]any {
	m["id"], m["connectionId"], m["operationKey"], m["writtenAt"] = e.ID, link, e.OperationKey, utc(e.WrittenAt)
	return m
}

// ledgerEdit changes the books as their owner would, behind Codat's back: a record with a known id takes on the fields given,
// one without is added.
func ledgerEdit(tx *tx, r *request) (any, error) {
	c, err := tx.company(r)
	if err != nil {
		return nil, err
	}
	k := tx.accounting(c)
	var b struct{ Accounts, Suppliers []json.RawMessage }
	if json.Unmarshal(r.body, &b) != nil || k == nil {
		return nil, refuse(http.StatusBadRequest, "%s", usual[400])
	}
	var edits []change
	for _, raw := range b.Accounts {
		id, err := given(raw)
		if err != nil {
			return nil, err
		}
		a, known := tx.s.state.books[k.ID].accounts.find(id)
		if !known {
			a = newAccount("", "", "", "Active")
			a.Currency, a.ModifiedDate = k.Currencies[0], platformTime(tx.now())
		}
		if json.Unmarshal(raw, &a) != nil {
			return nil, refuse(http.StatusBadRequest, "%s", usual[400])
		}
		a.ID, a.Type, a.SourceModifiedDate = cmp.Or(id, uuid.NewString()), cmp.Or(a.Type, "Expense"), platformTime(tx.now())
		old := tx.s.state.books[k.ID].accounts.entryOf(a.ID)
		edits = append(edits, change{On: k.ID, Account: &entry[account]{ID: a.ID, Record: a, OperationKey: old.OperationKey, WrittenAt: tx.now()}})
	}
	for _, raw := range b.Suppliers {
		id, err := given(raw)
		if err != nil {
			return nil, err
		}
		s, known := tx.s.state.books[k.ID].suppliers.find(id)
		if !known {
			s = supplier{Status: "Active", Addresses: json.RawMessage("[]"), DefaultCurrency: k.Currencies[0], ModifiedDate: platformTime(tx.now())}
		}
		if json.Unmarshal(raw, &s) != nil {
			return nil, refuse(http.StatusBadRequest, "%s", usual[400])
		}
		s.ID, s.SourceModifiedDate = cmp.Or(id, uuid.NewString()), platformTime(tx.now())
		old := tx.s.state.books[k.ID].suppliers.entryOf(s.ID)
		edits = append(edits, change{On: k.ID, Supplier: &entry[supplier]{ID: s.ID, Record: s, OperationKey: old.OperationKey, WrittenAt: tx.now()}})
	}
	ids := []string{}
	for _, e := range edits {
		tx.put(e)
		if e.Account != nil {
			ids = append(ids, e.Account.ID)
		} else {
			ids = append(ids, e.Supplier.ID)
		}
	}
	return map[string]any{"ids": ids}, nil
}

func given(raw json.RawMessage) (id string, err error) {
	var b struct{ ID string }
	if json.Unmarshal(raw, &b) != nil {
		return "", refuse(http.StatusBadRequest, "%s", usual[400])
	}
	return b.ID, nil
}

func connectionSever(tx *tx, r *request) (any, error) {
	old := tx.s.state.connections[r.PathValue("connection")]
	if old == nil || old.Deleted {
		return nil, noConnection(r.PathValue("connection"))
	}
	k := *old
	k.Severed = true
	tx.put(change{Connection: &k})
	return nothing(http.StatusNoContent), nil
}

func (s *Sandbox) companyAdd(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Name, PlatformKey, Currency string
		Accounts, Suppliers         int
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&b) != nil || b.Name == "" {
		refuse(http.StatusBadRequest, "%s", usual[400]).answer().send(w)
		return
	}
	companyID, connectionID, err := s.AddCompany(b.Name, cmp.Or(b.PlatformKey, "gbol"), b.Currency)
	if err == nil && (b.Accounts > 0 || b.Suppliers > 0) {
		err = s.Grow(connectionID, b.Accounts, b.Suppliers)
	}
	render(map[string]string{"companyId": companyID, "connectionId": connectionID}, err).send(w)
}

func (s *Sandbox) scenarioList(w http.ResponseWriter, _ *http.Request) {
	render(map[string]any{"scenarios": s.scenarios.left()}, nil).send(w)
}

// scenarioAdd takes one scenario or a list of them.
func (s *Sandbox) scenarioAdd(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return
	}
	list := []json.RawMessage{body}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		if err := json.Unmarshal(body, &list); err != nil {
			refuse(http.StatusBadRequest, "Scenario: %s", err).answer().send(w)
			return
		}
	}
	var parsed []*scenario
	for _, raw := range list {
		sc, err := parseScenario(raw)
		if err != nil {
			refuse(http.StatusBadRequest, "Scenario: %s", err).answer().send(w)
			return
		}
		parsed = append(parsed, sc)
	}
	s.scenarios.add(parsed...)
	s.scenarioList(w, r)
}

func (s *Sandbox) scenarioClear(w http.ResponseWriter, _ *http.Request) {
	s.scenarios.clear()
	nothingLeft := answer{Status: http.StatusNoContent}
	nothingLeft.send(w)
}
