package sandbox

import "net/http"

// routes is everything there is to ask for. The first part is Codat's; the link pages and all below /_sandbox want no key.
func (s *Sandbox) routes() *http.ServeMux {
	m := http.NewServeMux()
	codat := func(pattern string, e endpoint) { m.HandleFunc(pattern, s.call("", e)) }
	push := func(path, dataType string, e endpoint) {
		m.HandleFunc("POST /companies/{company}/connections/{connection}/push/"+path, s.call(dataType, e))
	}

	codat("GET /companies", companyList)
	codat("POST /companies", companyCreate)
	codat("GET /companies/{company}", companyRead)
	codat("PUT /companies/{company}", companyReplace)
	codat("PATCH /companies/{company}", companyUpdate)
	codat("DELETE /companies/{company}", companyDelete)

	codat("GET /companies/{company}/connections", connectionList)
	codat("POST /companies/{company}/connections", connectionCreate)
	codat("GET /companies/{company}/connections/{connection}", connectionRead)
	codat("PATCH /companies/{company}/connections/{connection}", connectionUpdate)
	codat("DELETE /companies/{company}/connections/{connection}", connectionDelete)

	codat("GET /companies/{company}/data/info", dataInfo)
	codat("GET /companies/{company}/data/accounts", companyData("accounts", func(b *books) *table[account] { return &b.accounts }))
	codat("GET /companies/{company}/data/suppliers", companyData("suppliers", func(b *books) *table[supplier] { return &b.suppliers }))
	codat("GET /companies/{company}/data/taxRates", companyData("taxRates", func(b *books) *table[taxRate] { return &b.taxRates }))
	codat("GET /companies/{company}/data/trackingCategories",
		companyData("trackingCategories", func(b *books) *table[trackingCategory] { return &b.tracking }))
	codat("GET /companies/{company}/connections/{connection}/data/bankAccounts",
		connectionData("bankAccounts", func(b *books) *table[bankAccount] { return &b.banks }))
	codat("GET /companies/{company}/connections/{connection}/data/directCosts", costList("directCosts", costsOf))
	codat("GET /companies/{company}/connections/{connection}/data/directCosts/{cost}", costRead("directCosts", costsOf))
	codat("GET /companies/{company}/connections/{connection}/data/directIncomes", costList("directIncomes", incomesOf))
	codat("GET /companies/{company}/connections/{connection}/data/directIncomes/{cost}", costRead("directIncomes", incomesOf))
	codat("POST /companies/{company}/data/queue/{dataType}", dataQueue)
	codat("GET /companies/{company}/data/history/{pull}", dataHistory)

	codat("GET /companies/{company}/connections/{connection}/options/{dataType}", optionsRead)
	push("directCosts", "directCosts", pushCreate("directCosts"))
	push("accounts", "chartOfAccounts", pushCreate("chartOfAccounts"))
	push("suppliers", "suppliers", pushCreate("suppliers"))
	push("directCosts/{cost}/attachment", "attachments", pushAttachment(costsOf))
	push("directIncomes/{cost}/attachment", "attachments", pushAttachment(incomesOf))
	codat("GET /companies/{company}/connections/{connection}/data/directCosts/{cost}/attachments", attachmentList(costsOf))
	codat("GET /companies/{company}/connections/{connection}/data/directIncomes/{cost}/attachments", attachmentList(incomesOf))
	codat("GET /companies/{company}/push", pushList)
	codat("GET /companies/{company}/push/{operation}", pushRead)
	codat("/", func(_ *tx, r *request) (any, error) {
		return nil, refuse(http.StatusNotFound, "%s %s was not found", r.Method, r.URL.Path)
	})

	m.HandleFunc("GET /company/{company}", s.companyPage)
	m.HandleFunc("POST /company/{company}", s.companyConnect)
	m.HandleFunc("GET /companies/{company}/connections/{connection}/start", s.linkPage)
	m.HandleFunc("POST /companies/{company}/connections/{connection}/start", s.linkAnswer)

	m.HandleFunc("GET /_sandbox/ledger/{company}", s.control(ledgerRead))
	m.HandleFunc("POST /_sandbox/ledger/{company}", s.control(ledgerEdit))
	m.HandleFunc("POST /_sandbox/companies", s.companyAdd)
	m.HandleFunc("POST /_sandbox/connections/{connection}/sever", s.control(connectionSever))
	m.HandleFunc("GET /_sandbox/scenarios", s.scenarioList)
	m.HandleFunc("POST /_sandbox/scenarios", s.scenarioAdd)
	m.HandleFunc("DELETE /_sandbox/scenarios", s.scenarioClear)
	return m
}
