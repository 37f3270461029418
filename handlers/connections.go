package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// connectionShow is a choice of connections; the address names it.
type connectionShow struct {
	name, word string
	fits       func(i store.ConnectionItem, now time.Time) bool
}

var connectionShows = []connectionShow{
	{"", "All", func(store.ConnectionItem, time.Time) bool { return true }},
	{"broken", "Broken", func(i store.ConnectionItem, _ time.Time) bool {
		return i.Status != store.Linked && i.Status != "PendingAuth" && !signedOff(i)
	}},
	{"stale", "Not proven for a day", func(i store.ConnectionItem, now time.Time) bool { return i.Stale(now) }},
	{"pending", "Waiting for the customer", func(i store.ConnectionItem, _ time.Time) bool { return i.Status == "PendingAuth" }},
}

const connectionsShown = 100

// connectionList is the list of connections. Its whole state is in the address: show, and after.
func (h *Handlers) connectionList(w http.ResponseWriter, r *http.Request, who store.User) error {
	s, err := h.frame(w, r, who, "/connections", "Connections")
	if err != nil {
		return err
	}
	connections, err := h.Store.Connections(r.Context(), 0)
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
	q := r.URL.Query()
	show := connectionShows[max(0, slices.IndexFunc(connectionShows, func(c connectionShow) bool { return c.name == q.Get("show") }))]
	page.Show = show.name
	var shown []store.ConnectionItem
	for _, c := range connectionShows {
		fit := slices.DeleteFunc(slices.Clone(connections), func(i store.ConnectionItem) bool { return !c.fits(i, s.clock.now) })
		page.Tabs = append(page.Tabs, views.Tab{Word: c.word, Status: c.name, Href: connectionsURL(c.name, 0), Count: len(fit), Current: c.name == show.name})
		if c.name == show.name {
			shown = fit
		}
	}
	if after := readID(q.Get("after")); after != 0 {
		page.First = connectionsURL(show.name, 0)
		shown = shown[1+slices.IndexFunc(shown, func(i store.ConnectionItem) bool { return i.ID == after }):]
	}
	if len(shown) > connectionsShown {
		shown = shown[:connectionsShown]
		page.Next = connectionsURL(show.name, shown[connectionsShown-1].ID)
	}
	for _, i := range shown {
		page.Connections = append(page.Connections, connectionRow(i, s.held[i.ID], s.clock))
	}
	return web.Render(w, r, http.StatusOK, views.Connections(page))
}

func connectionsURL(show string, after int64) string {
	href, sign := "/connections", "?"
	if show != "" {
		href, sign = href+"?show="+show, "&"
	}
	if after != 0 {
		href += sign + "after=" + strconv.FormatInt(after, 10)
	}
	return href
}
