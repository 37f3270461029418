package web

import (
	"fmt"
	"net/http"
	"net/url"
)

// SameOrigin refuses requests that change something and that a page of another site made, with a 403. Programs that are not
// browsers pass. publicURL is where people reach us, as their browsers spell it; only its scheme and host count.
func (a Adapter) SameOrigin(publicURL string, next http.Handler) (http.Handler, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	p := http.NewCrossOriginProtection()
	if err := p.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	p.SetDenyHandler(a.Handle(func(http.ResponseWriter, *http.Request) error {
		return Forbidden("This came from another website, so nothing was done. Open Tallylight itself and try again.")
	}))
	return p.Handler(next), nil
}
