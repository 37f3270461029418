// Package handlers answers each route: it reads the request, asks store or push, and renders a view.
//
// Start with routes.go, the table of contents. person.go says who is asking and what surrounds a page for them; row.go turns
// an expense into what a list shows; live.go sends that same row to the browsers that watch; webhook.go is where Codat comes in.
package handlers

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"tallylight/internal/codat"
	"tallylight/internal/csvfile"
	"tallylight/internal/ledger"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// Config is what the handlers work with. All of it is needed.
type Config struct {
	Store    *store.Store
	Intake   *store.Intake
	Sessions *web.Sessions
	Hub      *web.Hub
	Verifier *codat.Verifier
	Ledger   *ledger.Reader // makes, unlinks and deletes at Codat
	Imports  *csvfile.Importer
	Metrics  *web.Metrics
	Log      *slog.Logger

	PublicURL string         // where people reach us: "https://tallylight.example.com"
	Location  *time.Location // the zone that times are told in to people who have none of their own
	CodatRate float64        // requests a second to Codat at most

	Wake        func()               // a delivery was stored
	WakePush    func()               // a push was planned
	ReadCompany func(codatID string) // have this company's books read again
}

// Handlers answer the routes, and send changed rows to the browsers.
type Handlers struct {
	Config
	errors web.Adapter
	news   news

	newestDelivery int64 // that was announced; Run's

	exports exports
	zones   sync.Map // that somebody is told times in, by name

	refusals     refusals               // of webhooks
	badTokens    refusals               // of the API
	pace         *pace                  // of each token
	unusual      chan struct{}          // held while a body larger than usual is read
	uploads      chan struct{}          // held while files are read
	refusedTotal *prometheus.CounterVec // by reason
	refusedLog   rate.Sometimes
}

// New returns the handlers. Routes serves them; Run and Announce keep open pages live.
func New(c Config) *Handlers {
	h := &Handlers{
		Config: c, news: newNews(), refusals: newRefusals(), badTokens: newRefusals(), pace: newPace(apiRate, apiBurst),
		unusual: make(chan struct{}, unusualMost), uploads: make(chan struct{}, receiptUploads),
		refusedTotal: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallylight_webhooks_refused_total", Help: "Webhooks that did not prove to be Codat's, by reason.",
		}, []string{"reason"}),
		refusedLog: rate.Sometimes{First: refusalFirst, Interval: refusalPause},
	}
	c.Metrics.Registry.MustRegister(h.refusedTotal)
	h.errors = web.Adapter{Render: h.errorPage, Unavailable: store.Unavailable, Log: c.Log}
	return h
}

// errorPage tells a person, in the frame of their pages where possible, what could not be done.
func (h *Handlers) errorPage(w http.ResponseWriter, r *http.Request, status int, sentence string) error {
	frame := views.Frame{Title: http.StatusText(status)}
	if who, err := h.person(r, false); err == nil {
		frame.Email, frame.May = who.Email, rights(who)
	}
	return web.Render(w, r, status, views.Error(views.ErrorPage{Frame: frame, Status: status, Sentence: sentence}))
}
