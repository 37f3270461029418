package codat

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// VerifierConfig says what proves that a webhook message is Codat's. At least one credential is needed. Several of a sort are
// for changing one without losing messages: any of them will do.
type VerifierConfig struct {
	Basic   []string // user:password, for the Authorization header that was set in Codat's portal
	Bearer  []string // tokens, for the same header
	Secrets []string // signing secrets, whsec_…
	Legacy  bool     // a legacy message, which Codat never signs, needs no signature if it has the right Authorization header
	Now     func() time.Time
}

// Verifier tells Codat's webhook messages from anybody else's.
type Verifier struct {
	credentials [][sha256.Size]byte
	signers     []*standardwebhooks.Webhook
	legacy      bool
	now         func() time.Time
}

// Refused is why a message was not accepted, for the log; it holds no credential. The sender is told nothing of it.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return "webhook refused: " + r.Reason }

// clockSkew is how far a signature's time may be from ours, as in the Standard Webhooks specification.
const clockSkew = 5 * time.Minute

// NewVerifier refuses a configuration without any credential, or with one that nothing could match.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	v := &Verifier{legacy: c.Legacy, now: c.Now}
	if v.now == nil {
		v.now = time.Now
	}
	for _, pair := range c.Basic {
		if user, password, ok := strings.Cut(pair, ":"); !ok || user == "" || password == "" {
			return nil, errors.New("a webhook credential is not user:password")
		}
		v.credentials = append(v.credentials, digest("basic", pair))
	}
	for _, token := range c.Bearer {
		if token == "" || strings.TrimSpace(token) != token {
			return nil, errors.New("a webhook bearer token is empty or has spaces around it")
		}
		v.credentials = append(v.credentials, digest("bearer", token))
	}
	for _, secret := range c.Secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil || !strings.HasPrefix(secret, "whsec_") || len(secret) == len("whsec_") {
			return nil, errors.New("a webhook signing secret is not whsec_ and base64") // the library's error may quote from it
		}
		v.signers = append(v.signers, signer)
	}
	if len(v.credentials) == 0 && len(v.signers) == 0 {
		return nil, errors.New("no webhook credential is set")
	}
	return v, nil
}

// Verify returns nil for a message that Codat sent, and a *Refused otherwise. The body must be as it came, byte for byte.
// Where both an Authorization header and signatures are configured, a message needs both.
func (v *Verifier) Verify(h http.Header, body []byte) error {
	if len(v.credentials) > 0 {
		if reason := v.credential(h.Get("Authorization")); reason != "" {
			return &Refused{reason}
		}
	}
	if len(v.signers) == 0 {
		return nil
	}
	signed := signatureHeaders(h)
	if len(signed) == 0 {
		if v.legacy && len(v.credentials) > 0 {
			if e, err := ParseEvent(body); err == nil && e.Generation == Legacy {
				return nil
			}
		}
		return &Refused{"missing signature"}
	}
	if reason := v.signature(signed, body); reason != "" {
		return &Refused{reason}
	}
	return nil
}

// credential compares digests, so that neither content nor length of a credential shows in the time it takes.
func (v *Verifier) credential(header string) string {
	scheme, said, _ := strings.Cut(strings.TrimSpace(header), " ")
	scheme, said = strings.ToLower(scheme), strings.TrimSpace(said)
	switch scheme {
	case "":
		return "missing credential"
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(said)
		if err != nil {
			return "malformed credential"
		}
		said = string(pair)
	}
	presented, matches := digest(scheme, said), 0
	for _, expected := range v.credentials {
		matches |= subtle.ConstantTimeCompare(presented[:], expected[:])
	}
	if matches == 0 {
		return "wrong credential"
	}
	return ""
}

func digest(scheme, credential string) [sha256.Size]byte {
	return sha256.Sum256([]byte(scheme + " " + credential))
}

func (v *Verifier) signature(h http.Header, body []byte) string {
	sent, err := strconv.ParseInt(h.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	switch now, skew := v.now().Unix(), int64(clockSkew/time.Second); {
	case err != nil:
		return "malformed timestamp"
	case sent < now-skew:
		return "timestamp too old"
	case sent > now+skew:
		return "timestamp too new"
	}
	for _, signer := range v.signers {
		if signer.VerifyIgnoringTimestamp(body, h) == nil { // the library knows no clock but the machine's
			return ""
		}
	}
	return "bad signature"
}

// signatureHeaders returns the three headers that sign a message under their standard names; they may also be called svix-id
// and so on. It is empty for a message that has none of them.
func signatureHeaders(h http.Header) http.Header {
	for _, prefix := range []string{"webhook-", "svix-"} {
		found := http.Header{}
		for _, name := range []string{"id", "timestamp", "signature"} {
			if value := h.Get(prefix + name); value != "" {
				found.Set("webhook-"+name, value)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// MessageID returns the id that Codat gives a message and keeps over its own retries of it; "" when there is none. Legacy
// messages have none.
func MessageID(h http.Header) string {
	return id(signatureHeaders(h).Get(standardwebhooks.HeaderWebhookID))
}
