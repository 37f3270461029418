package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"tallylight/store"
	"tallylight/web"
)

func (h *Handlers) nothingHere(http.ResponseWriter, *http.Request, store.User) error {
	return web.NotFound("There is no such page.")
}

func (h *Handlers) healthz(w http.ResponseWriter, _ *http.Request) error {
	return ok(w)
}

func (h *Handlers) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.Store.Ping(ctx); err != nil {
		h.Log.Warn("not ready", "error", err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return nil
	}
	return ok(w)
}

func ok(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, "ok") // fails only when nobody listens any more
	return nil
}

func (h *Handlers) metrics(w http.ResponseWriter, r *http.Request) error {
	if !fromHere(r) {
		who, err := h.person(r, true)
		if errors.Is(err, errNobody) || err == nil && !who.Role.May(store.Admin) {
			return web.Forbidden("The numbers are for administrators.")
		}
		if err != nil {
			return err
		}
	}
	h.Metrics.Handler().ServeHTTP(w, r)
	return nil
}

// fromHere reports whether a request was made on this machine. What a proxy on this machine passes on was not.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().IsLoopback()
}

// pathID is the id in a path such as /expenses/42.
func pathID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, web.NotFound("There is no such page.")
	}
	return id, nil
}
