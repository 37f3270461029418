package handlers

import (
	"fmt"
	"net/http"
	"strings"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func (h *Handlers) accountForm(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.accountPage(w, r, who, http.StatusOK, views.AccountPage{TimesIn: who.Zone})
}

func (h *Handlers) accountPage(w http.ResponseWriter, r *http.Request, who store.User, status int, page views.AccountPage) error {
	s, err := h.frame(w, r, who, "/account", "Account")
	if err != nil {
		return err
	}
	page.Frame, page.Otherwise = s.Frame, zoneName(h.Location)
	return web.Render(w, r, status, views.Account(page))
}

// accountZone changes the zone that a person is told times in.
func (h *Handlers) accountZone(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	zone := strings.TrimSpace(plain(r.PostForm.Get("zone")))
	if _, ok := zoneNamed(zone); zone != "" && !ok {
		return h.accountPage(w, r, who, http.StatusUnprocessableEntity, views.AccountPage{TimesIn: clipped(zone, longestZone),
			Problems: map[string]string{"zone": fmt.Sprintf("There is no zone %q. Zones are called like Europe/Berlin or America/New_York.", clipped(zone, longestZone))}})
	}
	if err := h.Store.SetZone(r.Context(), who.ID, zone); err != nil {
		return err
	}
	who.Zone = zone
	return h.done(w, r, "/account", "Times are in "+zoneName(h.zoneOf(who))+" now.")
}

// accountChange changes a person's own password. Their other sessions end.
func (h *Handlers) accountChange(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, password, address := r.Context(), r.PostForm.Get("password"), web.ClientAddress(r)
	refuse := func(problem string) error {
		return h.accountPage(w, r, who, http.StatusUnprocessableEntity, views.AccountPage{TimesIn: who.Zone, Problem: problem})
	}
	blocked, err := h.Store.SignInTry(ctx, who.Email, address)
	if err != nil {
		return err
	}
	if blocked {
		return refuse("There were too many wrong passwords. Wait a quarter of an hour, then try again.")
	}
	right, err := web.CheckPassword(ctx, who.PasswordHash, r.PostForm.Get("current"))
	if err != nil {
		return err
	}
	if !right {
		return refuse("The current password is not right.")
	}
	if err := h.Store.SignInSucceeded(ctx, who.Email, address); err != nil {
		return err
	}
	if problem := web.PasswordProblem(password); problem != "" {
		return refuse(problem)
	}
	if password != r.PostForm.Get("again") {
		return refuse("The new password was not the same both times.")
	}
	hash, err := web.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	if err := h.Store.ChangePassword(ctx, who, hash, h.Sessions.TokenHash(r)); err != nil {
		return err
	}
	return h.done(w, r, "/account", "Your password is changed. You are signed out everywhere else.")
}
