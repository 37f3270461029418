package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
)

// Render answers with a component as a whole HTML page. A component that fails leaves the answer unbegun, so the error can
// still become a clean error page. Pages are never cached: they show money.
func Render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	if err := page.Render(r.Context(), b); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	w.Write(b.Bytes()) // fails only when the reader has gone
	return nil
}
