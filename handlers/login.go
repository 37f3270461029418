package handlers

import (
	"errors"
	"net/http"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func (h *Handlers) loginForm(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("next"))
	_, err := h.person(r, true)
	if err == nil {
		http.Redirect(w, r, nextOr(next), http.StatusSeeOther)
		return nil
	}
	if !errors.Is(err, errNobody) {
		return err
	}
	return h.loginPage(w, r, http.StatusOK, "", next, "")
}

func (h *Handlers) loginPage(w http.ResponseWriter, r *http.Request, status int, email, next, problem string) error {
	return web.Render(w, r, status, views.Login(views.LoginPage{
		Frame: views.Frame{Title: "Sign in", Section: "/login"}, Email: email, Next: next, Problem: problem}))
}

// login signs a person in. A wrong password and an unknown email look alike, and take as long.
func (h *Handlers) login(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, email, next, address := r.Context(), plain(r.PostForm.Get("email")), localPath(r.PostForm.Get("next")), web.ClientAddress(r)
	blocked, err := h.Store.SignInTry(ctx, email, address)
	if err != nil {
		return err
	}
	if blocked {
		w.Header().Set("Retry-After", "900")
		return h.loginPage(w, r, http.StatusTooManyRequests, email, next,
			"There were too many wrong passwords. Wait a quarter of an hour, then try again.")
	}
	who, err := h.Store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	right, err := web.CheckPassword(ctx, who.PasswordHash, r.PostForm.Get("password"))
	if err != nil {
		return err
	}
	if !right {
		return h.loginPage(w, r, http.StatusUnprocessableEntity, email, next, "This email and password do not belong together.")
	}
	if err := h.Store.SignInSucceeded(ctx, email, address); err != nil {
		return err
	}
	if err := h.Sessions.SignIn(w, r, who.ID); err != nil {
		return err
	}
	if zone := r.PostForm.Get("zone"); who.Zone == "" {
		if _, ok := zoneNamed(zone); ok { // else the browser says what nobody knows
			if err := h.Store.SetZone(ctx, who.ID, zone); err != nil {
				return err
			}
		}
	}
	http.Redirect(w, r, nextOr(next), http.StatusSeeOther)
	return nil
}

func nextOr(next string) string {
	if next == "" {
		return "/expenses"
	}
	return next
}

func (h *Handlers) logout(w http.ResponseWriter, r *http.Request) error {
	if err := h.Sessions.SignOut(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// badForm is a form that could not be read: too large, or not a form.
func badForm(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	e := web.BadRequest("The form could not be read. Go back and send it again.")
	e.Cause = err
	return e
}
