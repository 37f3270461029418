package codat_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tallylight/internal/codat"
)

func TestQuotaIsWhatTheLastReplySaid(t *testing.T) {
	t.Parallel()
	headers := []map[string]string{
		{},
		{"X-Rate-Limit-Limit": "4000", "X-Rate-Limit-Remaining": "3999", "X-Rate-Limit-Reset": "2026-01-31T00:00:00Z"},
		{"X-Rate-Limit-Limit": "4000", "X-Rate-Limit-Remaining": "lots"},
		{"X-Rate-Limit-Limit": "4000", "X-Rate-Limit-Remaining": "0"},
	}
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range headers[n] {
			w.Header().Set(k, v)
		}
		n++
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	client := codat.New(codat.Config{BaseURL: server.URL, APIKey: "key"})

	for i, want := range []struct {
		known     bool
		remaining int
	}{{false, 0}, {true, 3999}, {true, 3999}, {true, 0}} {
		_, _ = client.Company(t.Context(), "co")
		q, known := client.Quota()
		if known != want.known || q.Remaining != want.remaining {
			t.Errorf("after reply %d: quota %+v, %v", i, q, known)
		}
		if i == 1 && !q.Reset.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("reset %v", q.Reset)
		}
	}
}
