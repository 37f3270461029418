package handlers

import (
	"net/http"
	"strings"

	"tallylight/internal/push"
	"tallylight/static"
	"tallylight/store"
	"tallylight/web"
)

// Routes is the table of contents. Every route is authenticated and authorised unless it says why not.
func (h *Handlers) Routes() (http.Handler, error) {
	// Drafts of imports have a mux of their own: to one, /expenses/import/{id} and /expenses/{id}/edit would be the same address.
	pages, drafts := http.NewServeMux(), http.NewServeMux()
	page := func(pattern string, least store.Role, do personal) {
		mux := pages
		if strings.Contains(pattern, "/expenses/import/") {
			mux = drafts
		}
		mux.Handle(pattern, h.errors.Handle(h.only(least, do)))
	}

	page("GET /{$}", store.Viewer, h.overview)
	page("GET /expenses", store.Viewer, h.expenseList)
	page("GET /expenses/new", store.Finance, h.expenseForm)
	page("POST /expenses", store.Finance, h.expenseAdd)
	page("POST /expenses/plan", store.Finance, h.planMake)
	page("GET /plans", store.Viewer, h.planList)
	page("GET /plans/{id}", store.Viewer, h.planPage)
	page("GET /plans/{id}/items", store.Viewer, h.planItems)
	page("GET /plans/{id}/receipt.csv", store.Viewer, h.planReceipt)
	page("POST /plans/{id}/start", store.Finance, h.planStart)
	page("POST /plans/{id}/pause", store.Finance, h.planPause)
	page("POST /plans/{id}/resume", store.Finance, h.planResume)
	page("POST /plans/{id}/stop", store.Finance, h.planStop)
	page("GET /expenses/causes", store.Viewer, h.causes)
	page("GET /expenses/import", store.Finance, h.importForm)
	page("POST /expenses/import", store.Finance, h.importUpload)
	page("GET /expenses/import/{id}", store.Finance, h.importPage)
	page("POST /expenses/import/{id}", store.Finance, h.importFormat)
	page("POST /expenses/import/{id}/fix", store.Finance, h.importFix)
	page("POST /expenses/import/{id}/undo", store.Finance, h.importUndo)
	page("POST /expenses/import/{id}/start", store.Finance, h.importStart)
	page("POST /expenses/import/{id}/discard", store.Finance, h.importDiscard)
	page("GET /expenses/import/{id}/problems.csv", store.Finance, h.importProblems)
	page("/expenses/import/", store.Viewer, h.nothingHere)
	page("GET /expenses/export.csv", store.Viewer, h.export(exportCSV))
	page("GET /expenses/export.xlsx", store.Viewer, h.export(exportXLSX))
	page("GET /expenses/{id}", store.Viewer, h.expensePage)
	page("POST /expenses/{id}/handled", store.Finance, h.expenseHandled)
	page("POST /expenses/{id}/unhandled", store.Finance, h.expenseUnhandled)
	page("GET /expenses/{id}/edit", store.Finance, h.expenseEdit)
	page("POST /expenses/{id}", store.Finance, h.expenseChange)
	page("POST /expenses/{id}/delete", store.Finance, h.expenseDelete)
	page("POST /expenses/{id}/push", store.Finance, h.expensePush(push.Push))
	page("POST /expenses/{id}/retry", store.Finance, h.expensePush(push.Retry))
	page("POST /expenses/{id}/withdraw", store.Finance, h.expenseWithdraw)
	page("POST /expenses/push", store.Finance, h.expensesPush(push.Push))
	page("POST /expenses/retry", store.Finance, h.expensesPush(push.Retry))
	page("POST /expenses/withdraw", store.Finance, h.expensesWithdraw)
	page("GET /expenses/{id}/check", store.Viewer, h.expenseCheck)
	page("POST /expenses/{id}/found", store.Finance, h.expenseFound)
	page("POST /expenses/{id}/not-there", store.Finance, h.expenseNotThere)
	page("POST /expenses/{id}/ask", store.Finance, h.expenseAsk)
	page("GET /views", store.Viewer, h.viewList)
	page("POST /views", store.Viewer, h.viewSave)
	page("POST /views/{id}/rename", store.Viewer, h.viewRename)
	page("POST /views/{id}/delete", store.Viewer, h.viewDelete)
	page("POST /expenses/{id}/receipts", store.Finance, h.receiptAdd)
	page("GET /expenses/{id}/receipts/{receipt}", store.Viewer, h.receiptShow)
	page("POST /expenses/{id}/receipts/{receipt}/delete", store.Finance, h.receiptDelete)
	page("POST /expenses/{id}/receipts/{receipt}/retry", store.Finance, h.receiptRetry)
	page("POST /expenses/{id}/receipts/{receipt}/found", store.Finance, h.receiptFound)
	page("POST /expenses/{id}/receipts/{receipt}/not-there", store.Finance, h.receiptNotThere)
	page("GET /companies", store.Viewer, h.companyList)
	page("GET /companies/new", store.Admin, h.companyForm)
	page("POST /companies", store.Admin, h.companyAdd)
	page("GET /companies/{id}", store.Viewer, h.companyPage)
	page("GET /companies/{id}/delete", store.Admin, h.companyDeleteAsk)
	page("POST /companies/{id}/delete", store.Admin, h.companyDelete)
	page("GET /companies/{id}/connections/{connection}/unlink", store.Admin, h.connectionUnlinkAsk)
	page("POST /companies/{id}/connections/{connection}/unlink", store.Admin, h.connectionUnlink)
	page("GET /companies/{id}/mapping", store.Viewer, h.mappingPage)
	page("GET /companies/{id}/mapping/text", store.Viewer, h.mappingText)
	page("POST /companies/{id}/mapping/text", store.Finance, h.mappingSet)
	page("GET /companies/{id}/mapping/carry", store.Finance, h.mappingCarry)
	page("POST /companies/{id}/mapping/carry", store.Finance, h.mappingCarried)
	page("GET /companies/{id}/month", store.Viewer, h.companyMonth)
	page("POST /companies/{id}/refresh", store.Finance, h.companyRefresh)
	page("POST /companies/{id}/pause", store.Finance, h.companyPause)
	page("POST /companies/{id}/resume", store.Finance, h.companyResume)
	page("POST /companies/{id}/foreign/dismiss", store.Finance, h.foreignDismiss)
	page("GET /connections", store.Viewer, h.connectionList)
	page("GET /connections/{id}", store.Viewer, h.connectionPage)
	page("POST /connections/{id}/check", store.Finance, h.connectionCheck)
	page("POST /sending/pause", store.Admin, h.sendingPause)
	page("POST /sending/resume", store.Admin, h.sendingResume)
	page("POST /sending/probe", store.Finance, h.sendingProbe)
	page("POST /notices/{id}/close", store.Finance, h.noticeClose)
	page("GET /deliveries", store.Admin, h.deliveryList)
	page("GET /deliveries/{id}", store.Admin, h.deliveryPage)
	page("POST /deliveries/{id}/apply", store.Admin, h.deliveryApply)
	page("GET /settings", store.Admin, h.settingsPage)
	page("POST /settings/test", store.Admin, h.settingsTest)
	page("GET /settings/tokens", store.Admin, h.tokensSeen)
	page("POST /settings/tokens", store.Admin, h.tokenMake)
	page("POST /settings/tokens/{id}/revoke", store.Admin, h.tokenRevoke)
	page("GET /account", store.Viewer, h.accountForm)
	page("POST /account", store.Viewer, h.accountChange)
	page("POST /account/zone", store.Viewer, h.accountZone)
	page("/", store.Viewer, h.nothingHere)

	// It is for people with a session too, but a stream cannot be sent to the sign-in page: without one it is a 401.
	pages.Handle("GET /live", h.errors.Handle(h.live))

	// These make a session, or end one.
	pages.Handle("GET /login", h.errors.Handle(h.loginForm))
	pages.Handle("POST /login", h.errors.Handle(h.login))
	pages.Handle("POST /logout", h.errors.Handle(h.logout))

	forms, files, receipts := web.LimitBody(web.FormLimit, pages), web.LimitBody(importLimit, pages), web.LimitBody(receiptBody, pages)
	draftForms := web.LimitBody(web.FormLimit, drafts)
	bounded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		post := r.Method == http.MethodPost
		switch {
		case strings.HasPrefix(r.URL.Path, "/expenses/import/"):
			draftForms.ServeHTTP(w, r)
		case post && r.URL.Path == "/expenses/import": // a file, which goes piece by piece to the database
			files.ServeHTTP(w, r)
		case post && strings.HasPrefix(r.URL.Path, "/expenses/") && strings.HasSuffix(r.URL.Path, "/receipts"):
			receipts.ServeHTTP(w, r)
		default:
			forms.ServeHTTP(w, r)
		}
	})
	guarded, err := h.errors.SameOrigin(h.PublicURL, bounded)
	if err != nil {
		return nil, err
	}
	all := http.NewServeMux()
	all.Handle("/", guarded)

	// Other systems have no session. Each request carries a token that an administrator made, and gets no cookie.
	apiErrors := web.Adapter{Render: h.apiProblem, Unavailable: store.Unavailable, Log: h.Log}
	api := func(pattern string, scope store.Scope, do tokened) {
		all.Handle(pattern, apiErrors.Handle(h.withToken(scope, do)))
	}
	api("POST /api/expenses", store.ScopeWrite, h.apiExpensesAdd)
	api("GET /api/expenses", store.ScopeRead, h.apiExpenseFind)
	api("GET /api/expenses/{id}", store.ScopeRead, h.apiExpense)
	all.Handle("/api/expenses", apiErrors.Handle(apiOtherMethod("GET, POST")))
	all.Handle("/api/expenses/{id}", apiErrors.Handle(apiOtherMethod("GET")))
	all.Handle("GET /api/openapi.yaml", apiErrors.Handle(apiDescription)) // for whoever writes such a system: it holds no secret
	all.Handle("/api/", apiErrors.Handle(apiNothingHere))

	// Codat has no session. It proves itself with its own credential, checked before anything is read.
	all.Handle("POST "+webhookPath, web.Adapter{Mistake: http.StatusServiceUnavailable, Log: h.Log}.Handle(h.webhook))

	// Whoever runs the program asks whether it is well; the answers say no more than that.
	all.Handle("GET /healthz", h.errors.Handle(h.healthz))
	all.Handle("GET /readyz", h.errors.Handle(h.readyz))

	// Numbers for a collector on this machine, which has no session; from elsewhere only for an administrator.
	all.Handle("GET /metrics", h.errors.Handle(h.metrics))

	// The sign-in page needs them, and they are the same for everybody.
	all.Handle("GET /static/", static.Handler())
	all.Handle("GET /favicon.ico", http.RedirectHandler(static.URL("favicon.svg"), http.StatusFound))

	https := strings.HasPrefix(h.PublicURL, "https://")
	return web.Observe(h.Log, h.Metrics, web.SecurityHeaders(https, all)), nil
}
