package handlers

import (
	"context"
	"net/http"

	"tallylight/store"
)

// sendingPause stops sending altogether, until somebody resumes it.
func (h *Handlers) sendingPause(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := h.Store.PauseByPerson(r.Context(), who, 0); err != nil {
		return err
	}
	return h.done(w, r, back(r, "/connections"), "Sending is paused. What Codat has accepted already goes on.")
}

// sendingResume ends that pause.
func (h *Handlers) sendingResume(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := h.Store.ResumeByPerson(r.Context(), who, 0); err != nil {
		return err
	}
	h.WakePush()
	return h.done(w, r, back(r, "/connections"), "Sending goes on.")
}

// sendingProbe finds out at once whether Codat still refuses us.
func (h *Handlers) sendingProbe(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := h.Store.ProbeNow(r.Context(), who); err != nil {
		return err
	}
	h.WakePush()
	return h.done(w, r, back(r, "/expenses"), "One expense is being tried now. If Codat takes it, the others follow.")
}

// companyPause stops sending for one company, until somebody resumes it.
func (h *Handlers) companyPause(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.companySending(w, r, who, h.Store.PauseByPerson, "Sending is paused for ")
}

// companyResume ends that pause.
func (h *Handlers) companyResume(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.companySending(w, r, who, h.Store.ResumeByPerson, "Sending goes on for ")
}

func (h *Handlers) companySending(w http.ResponseWriter, r *http.Request, who store.User,
	do func(ctx context.Context, by store.User, companyID int64) error, said string,
) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	c, err := h.Store.Company(r.Context(), id)
	if err != nil {
		return err
	}
	if err := do(r.Context(), who, id); err != nil {
		return err
	}
	h.WakePush()
	return h.done(w, r, back(r, companyURL(id)), said+c.Name+".")
}

// paused reports whether a person has paused sending for a company alone, or (0) altogether.
func paused(pauses []store.SendPause, companyID int64) bool {
	for _, p := range pauses {
		if p.Reason == "person" && (p.CompanyID == nil && companyID == 0 || p.CompanyID != nil && *p.CompanyID == companyID) {
			return true
		}
	}
	return false
}
