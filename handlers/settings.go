package handlers

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// eventsWanted are the types of Codat's events to tick in its portal, and what each group is for.
var eventsWanted = []views.Events{
	{Why: "How pushes end", Types: []string{"directCosts.write.successful", "directCosts.write.unsuccessful",
		"chartOfAccounts.write.successful", "chartOfAccounts.write.unsuccessful", "suppliers.write.successful", "suppliers.write.unsuccessful"}},
	{Why: "Connections that come and go", Types: []string{"connection.created", "connection.connected", "connection.failed",
		"connection.disconnected", "connection.reconnected", "connection.deleted"}},
	{Why: "Companies that come and go", Types: []string{"company.created", "company.deleted"}},
	{Why: "Books that were read, or could not be", Types: []string{"read.completed", "read.completed.initial"}},
	{Why: "The day’s quota of requests", Types: []string{"client.rateLimit.reached", "client.rateLimit.reset"}},
}

func codatTypes() []string {
	var all []string
	for _, group := range eventsWanted {
		all = append(all, group.Types...)
	}
	return all
}

const webhookPath = "/webhooks/codat"

// settingsPage shows what belongs into Codat's portal, whether it works, and the message of the last test.
func (h *Handlers) settingsPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.settingsWith(w, r, who, http.StatusOK, emptyTokenForm)
}

// settingsWith is the page with the form for a new token as it was filled in.
func (h *Handlers) settingsWith(w http.ResponseWriter, r *http.Request, who store.User, status int, form views.TokenForm) error {
	ctx := r.Context()
	s, err := h.frame(w, r, who, "/settings", "Settings")
	if err != nil {
		return err
	}
	uses, err := h.Store.CredentialUses(ctx)
	if err != nil {
		return err
	}
	page := views.SettingsPage{Frame: s.Frame, Address: h.PublicURL + webhookPath, Local: isLocal(h.PublicURL), Events: eventsWanted, Legacy: h.Verifier.Legacy()}
	for _, c := range h.Verifier.Credentials() {
		used := uses[c.Fingerprint]
		if c.Used.After(used) {
			used = c.Used
		}
		page.Credentials = append(page.Credentials, credentialRow(c, used, s.clock))
		page.Signed = page.Signed || c.Sort == "Signature"
		page.Authorized = page.Authorized || c.Sort != "Signature"
	}
	if page.Tokens, err = h.tokensCard(ctx, form, s.clock); err != nil {
		return err
	}
	if id := readID(r.URL.Query().Get("test")); id != 0 {
		ds, err := h.Store.DeliveryItems(ctx, []int64{id})
		if err != nil {
			return err
		}
		if page.Test, err = h.deliveryRows(ctx, ds, s.clock); err != nil {
			return err
		}
		page.Live, page.Show = deliveriesTopic, show(id)
	}
	return web.Render(w, r, status, views.Settings(page))
}

var credentialWords = map[string]struct{ name, setting string }{
	"Basic": {"Basic credential", "CODAT_WEBHOOK_BASIC"}, "Bearer": {"Bearer token", "CODAT_WEBHOOK_BEARER"}, "Signature": {"Signing secret", "CODAT_WEBHOOK_SECRETS"},
}

func credentialRow(c codat.Credential, used time.Time, at clock) views.CredentialRow {
	words := credentialWords[c.Sort]
	row := views.CredentialRow{Name: fmt.Sprintf("%s %d", words.name, c.Number), Setting: words.setting, Fingerprint: c.Fingerprint}
	if !used.IsZero() {
		row.Used = at.full(used)
	}
	return row
}

// isLocal reports whether an address leads nowhere from other machines.
func isLocal(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}
