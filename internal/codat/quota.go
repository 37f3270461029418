package codat

import (
	"net/http"
	"strconv"
)

// Quota is how many requests of a day are left to the whole client (Codat: 1000 for each active company, and 1000 more, until
// midnight UTC).
type Quota struct {
	Limit, Remaining int
	Reset            Time // zero when not told
}

// Quota returns what the last reply that told it said, and false before there is one.
func (c *Client) Quota() (Quota, bool) {
	q := c.quota.Load()
	if q == nil {
		return Quota{}, false
	}
	return *q, true
}

func (c *Client) noteQuota(h http.Header) {
	limit, err := strconv.Atoi(h.Get("X-Rate-Limit-Limit"))
	if err != nil {
		return
	}
	remaining, err := strconv.Atoi(h.Get("X-Rate-Limit-Remaining"))
	if err != nil {
		return
	}
	q := Quota{Limit: limit, Remaining: remaining}
	q.Reset.setText(h.Get("X-Rate-Limit-Reset"))
	c.quota.Store(&q)
}
