package handlers

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/google/uuid"

	"tallylight/store"
)

const (
	testTime = 5 * time.Second
)

// settingsTest sends a message to ourselves the way that Codat's come: to the public address, with the credentials. The page that
// follows shows it arrive, or says why it did not.
func (h *Handlers) settingsTest(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, trouble, err := h.testEvent(r.Context())
	if err != nil {
		return err
	}
	if trouble != "" {
		h.Log.Warn("test event", "by", who.Email, "trouble", trouble)
		return h.tell(w, r, "/settings#test", flash{Said: trouble, Bad: true})
	}
	http.Redirect(w, r, "/settings?test="+strconv.FormatInt(id, 10)+"#test", http.StatusSeeOther)
	return nil
}

// testEvent sends the message and returns the delivery it became, or in a sentence why there is none.
func (h *Handlers) testEvent(ctx context.Context) (deliveryID int64, trouble string, err error) {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	id, address := uuid.NewString(), h.PublicURL+webhookPath
	body, err := json.Marshal(map[string]any{
		"id": id, "eventType": store.TestEvent, "generatedDate": time.Now().UTC().Format(time.RFC3339), "payload": map[string]any{},
	})
	if err != nil {
		return 0, "", fmt.Errorf("write the test event: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, "", fmt.Errorf("make the test event's request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Tallylight")
	if err := h.Verifier.Sign(r.Header, "test_"+id, body); err != nil {
		return 0, "", err
	}
	resp, err := followNothing.Do(r)
	if err != nil {
		return 0, "The test event could not be sent to " + address + ": " + unreached(err), nil
	}
	resp.Body.Close()
	if trouble := refusedTest(resp, address); trouble != "" {
		return 0, trouble, nil
	}
	deliveryID, err = h.Store.DeliveryByDedupeKey(ctx, "e:"+id)
	if errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Sprintf("%s answered HTTP %d, but the test event did not arrive here: that address leads to another program, or to a Tallylight with another database.",
			address, resp.StatusCode), nil
	}
	return deliveryID, "", err
}

// followNothing sends as Codat does, which takes a redirect for a failure.
var followNothing = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// refusedTest is what an answer other than yes means, "" for yes.
func refusedTest(resp *http.Response, address string) string {
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return ""
	case code == http.StatusUnauthorized:
		return "The test event was refused (HTTP 401). What arrived is not what was sent: something on the way to " + address +
			" drops or changes the Authorization or webhook headers, or another Tallylight with other credentials answers there."
	case code/100 == 3:
		return fmt.Sprintf("%s redirects (HTTP %d). Codat takes that for a failure: set TALLYLIGHT_PUBLIC_URL to where it leads.", address, code)
	case code == http.StatusServiceUnavailable:
		return "The test event was not taken just now (HTTP 503): Tallylight or its database is busy. Codat would send it again; try once more in a moment."
	default:
		return fmt.Sprintf("%s answered HTTP %d. It does not lead to Tallylight: look at the proxy in front of it and at TALLYLIGHT_PUBLIC_URL.", address, code)
	}
}

// unreached is why nobody answered, in plain words.
func unreached(err error) string {
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		return "no such name is known to this machine."
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens there."
	}
	if os.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer came within 5 s."
	}
	if _, bad := errors.AsType[x509.UnknownAuthorityError](err); bad {
		return "its certificate is from an authority that nobody knows."
	}
	if _, bad := errors.AsType[x509.HostnameError](err); bad {
		return "its certificate is for another name."
	}
	if _, bad := errors.AsType[x509.CertificateInvalidError](err); bad {
		return "its certificate is not valid, or not any more."
	}
	return "the connection broke before an answer came."
}
