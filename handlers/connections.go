package handlers

import (
	"net/http"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

func (h *Handlers) connectionList(w http.ResponseWriter, r *http.Request, who store.User) error {
	s, err := h.frame(w, r, who, "/connections", "Connections")
	if err != nil {
		return err
	}
	foreign, err := h.foreignNotices(r.Context(), 0)
	if err != nil {
		return err
	}
	s.Notices = append(s.Notices, foreign...)
	page := views.ConnectionsPage{Frame: s.Frame, Paused: paused(s.pauses, 0)}
	page.Live = connectionsTopic
	for _, i := range s.connections {
		page.Connections = append(page.Connections, connectionRow(i, s.held[i.ID], s.clock))
	}
	return web.Render(w, r, http.StatusOK, views.Connections(page))
}
