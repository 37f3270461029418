package web

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Observe logs and counts each request that next answers: method, route, status, milliseconds, bytes. Never the query nor
// any header. Requests that failed through a fault of ours are logged at info level, the others at debug: whoever floods us with bad
// ones floods no log.
//
// The route is the pattern of the http.ServeMux inside next, which must get the request that Observe passes on, not a copy.
func Observe(log *slog.Logger, m *Metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		res := record(w)
		defer func() {
			took := time.Since(began)
			res.gone() // aborted, or nobody answered
			route := r.Pattern
			if route == "" {
				route = "unmatched"
			}
			m.requests.WithLabelValues(route, strconv.Itoa(res.status)).Inc()
			if !isStream(res) {
				m.seconds.WithLabelValues(route).Observe(took.Seconds())
			}
			level := slog.LevelDebug
			if res.status >= 500 {
				level = slog.LevelInfo
			}
			log.Log(r.Context(), level, "request", "method", r.Method, "route", route, "status", res.status,
				"ms", took.Milliseconds(), "bytes", res.bytes)
		}()
		next.ServeHTTP(res, r)
		if !res.begun() {
			res.WriteHeader(http.StatusOK) // as net/http would
		}
	})
}

// isStream reports whether the answer was an event stream, which lasts as long as the page is open.
func isStream(w http.ResponseWriter) bool {
	return strings.HasPrefix(w.Header().Get("Content-Type"), streamType)
}

// ClientAddress is the host part of the address the request came from. A peer on this machine or in a private network is a proxy:
// what it appended to X-Forwarded-For last is believed, for nobody but it can have written that; "" when it says nothing.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() && !ip.IsPrivate() {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	last, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
	if err != nil {
		return ""
	}
	return last.String()
}
