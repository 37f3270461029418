package web

import "net/http"

// FormLimit is the most that an ordinary form may send, in bytes.
const FormLimit = 1 << 20

// LimitBody makes reading more than limit bytes of a request's body an *http.MaxBytesError, which an Adapter answers with 413.
func LimitBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}
