package handlers

import (
	"net/http"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func (h *Handlers) accountForm(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.accountPage(w, r, who, http.StatusOK, "")
}

func (h *Handlers) accountPage(w http.ResponseWriter, r *http.Request, who store.User, status int, problem string) error {
	s, err := h.frame(w, r, who, "/account", "Change password")
	if err != nil {
		return err
	}
	return web.Render(w, r, status, views.Account(views.AccountPage{Frame: s.Frame, Problem: problem}))
}

// accountChange changes a person's own password. Their other sessions end.
func (h *Handlers) accountChange(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, password, address := r.Context(), r.PostForm.Get("password"), web.ClientAddress(r)
	refuse := func(problem string) error { return h.accountPage(w, r, who, http.StatusUnprocessableEntity, problem) }
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
