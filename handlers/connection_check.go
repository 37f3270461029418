package handlers

import (
	"net/http"

	"tallylight/store"
)

// connectionCheck has a connection checked: Codat is to read something from the ledger. The result comes by itself.
func (h *Handlers) connectionCheck(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	i, err := h.connection(r.Context(), id)
	if err != nil {
		return err
	}
	begun, err := h.Store.CheckConnection(r.Context(), who, id)
	if err != nil {
		return err
	}
	name, to := i.Company+", "+platformOr(i.PlatformName), back(r, connectionURL(id))
	switch {
	case begun:
		return h.done(w, r, to, name+", is being checked. The result appears here by itself.")
	case i.CheckingSince != nil:
		return h.done(w, r, to, name+", is being checked already. The result appears here by itself.")
	}
	return h.done(w, r, to, name+", cannot be checked: Codat does not have it.")
}
