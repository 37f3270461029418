package codat

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// VerifierConfig says what proves that a webhook message is Codat's. At least one credential is needed. Several of a sort are
// for changing one without losing messages: any of them will do.
type VerifierConfig struct {
	Basic   []string // user:password, for the Authorization header that was set in Codat's portal
	Bearer  []string // tokens, for the same header
	Secrets []string // signing secrets, whsec_…
	Legacy  bool     // a legacy message, which Codat never signs, is accepted by its Authorization header alone; else never
	Now     func() time.Time
}

// Verifier tells Codat's webhook messages from anybody else's.
type Verifier struct {
	static  []*proof // any of them in the Authorization header
	signing []*proof // any of them in the signature
	legacy  bool
	now     func() time.Time
}

// proof is one configured credential. Only one of digest and signer is set.
type proof struct {
	Credential
	digest [sha256.Size]byte
	header string // the Authorization header that carries it
	signer *standardwebhooks.Webhook
	used   atomic.Int64 // Unix nanoseconds, 0 for not yet
}

// Credential is a configured credential as people may see it: nothing of it is secret.
type Credential struct {
	Sort        string    // "Basic", "Bearer" or "Signature"
	Number      int       // its place in its setting, from 1
	Fingerprint string    // the first eight hexadecimal digits of the SHA-256 of its text as it is set
	Used        time.Time // when a message was last accepted by it, since the program started; zero for not yet
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
		header := "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
		v.static = append(v.static, &proof{digest: digest("basic", pair), header: header, Credential: credential("Basic", c.Basic, pair)})
	}
	for _, token := range c.Bearer {
		if token == "" || strings.TrimSpace(token) != token {
			return nil, errors.New("a webhook bearer token is empty or has spaces around it")
		}
		v.static = append(v.static, &proof{digest: digest("bearer", token), header: "Bearer " + token, Credential: credential("Bearer", c.Bearer, token)})
	}
	for _, secret := range c.Secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil || !strings.HasPrefix(secret, "whsec_") || len(secret) == len("whsec_") {
			return nil, errors.New("a webhook signing secret is not whsec_ and base64") // the library's error may quote from it
		}
		v.signing = append(v.signing, &proof{signer: signer, Credential: credential("Signature", c.Secrets, secret)})
	}
	if len(v.static) == 0 && len(v.signing) == 0 {
		return nil, errors.New("no webhook credential is set")
	}
	return v, nil
}

func credential(sort string, all []string, text string) Credential {
	sum := sha256.Sum256([]byte(text))
	return Credential{Sort: sort, Number: slices.Index(all, text) + 1, Fingerprint: hex.EncodeToString(sum[:4])}
}

// Credentials are those that are configured: Authorization headers first, then signing secrets.
func (v *Verifier) Credentials() []Credential {
	var all []Credential
	for _, p := range slices.Concat(v.static, v.signing) {
		c := p.Credential
		if at := p.used.Load(); at != 0 {
			c.Used = time.Unix(0, at)
		}
		all = append(all, c)
	}
	return all
}

// Legacy reports whether legacy messages are accepted at all.
func (v *Verifier) Legacy() bool { return v.legacy }

// VerifyHeaders returns the *Refused that Verify would return whatever the body, or nil. It costs next to nothing, so that a
// message can be refused before its body is read. Static is whether the message has a right Authorization header.
func (v *Verifier) VerifyHeaders(h http.Header) (static bool, err error) {
	c, err := v.claim(h)
	return c.static != nil, err
}

// Verify returns nil for a message that Codat sent, and a *Refused otherwise. The body must be as it came, byte for byte.
// Where both an Authorization header and signatures are configured, a message needs both.
func (v *Verifier) Verify(h http.Header, body []byte) error {
	c, err := v.claim(h)
	if err != nil {
		return err
	}
	var signing *proof
	if len(c.signed) > 0 {
		if signing = v.signature(c.signed, body); signing == nil {
			return &Refused{"bad signature"}
		}
	}
	if unsigned := len(v.signing) > 0 && signing == nil; unsigned || !v.legacy {
		e, err := ParseEvent(body)
		legacy := err == nil && e.Generation == Legacy
		switch {
		case legacy && !v.legacy:
			return &Refused{"legacy message"}
		case unsigned && !legacy:
			return &Refused{"missing signature"}
		}
	}
	for _, p := range []*proof{c.static, signing} {
		if p != nil {
			p.used.Store(v.now().UnixNano())
		}
	}
	return nil
}

// claim is what the headers of a message say, as far as it can be judged without the body.
type claim struct {
	static *proof
	signed http.Header // the signature's headers; empty where there is none to verify
}

func (v *Verifier) claim(h http.Header) (c claim, err error) {
	if len(v.static) > 0 {
		p, reason := v.authorized(h.Get("Authorization"))
		if reason != "" {
			return claim{}, &Refused{reason}
		}
		c.static = p
	}
	if len(v.signing) == 0 {
		return c, nil
	}
	if c.signed = signatureHeaders(h); len(c.signed) == 0 {
		if v.legacy && c.static != nil {
			return c, nil // a legacy message, perhaps
		}
		return claim{}, &Refused{"missing signature"}
	}
	if reason := v.timely(c.signed); reason != "" {
		return claim{}, &Refused{reason}
	}
	return c, nil
}

// authorized compares digests, so that neither content nor length of a credential shows in the time it takes.
func (v *Verifier) authorized(header string) (right *proof, reason string) {
	scheme, said, _ := strings.Cut(strings.TrimSpace(header), " ")
	scheme, said = strings.ToLower(scheme), strings.TrimSpace(said)
	switch scheme {
	case "":
		return nil, "missing credential"
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(said)
		if err != nil {
			return nil, "malformed credential"
		}
		said = string(pair)
	}
	presented := digest(scheme, said)
	for _, p := range v.static {
		if subtle.ConstantTimeCompare(presented[:], p.digest[:]) == 1 {
			right = p
		}
	}
	if right == nil {
		return nil, "wrong credential"
	}
	return right, ""
}

func digest(scheme, credential string) [sha256.Size]byte {
	return sha256.Sum256([]byte(scheme + " " + credential))
}

func (v *Verifier) timely(signed http.Header) (reason string) {
	sent, err := strconv.ParseInt(signed.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	switch now, skew := v.now().Unix(), int64(clockSkew/time.Second); {
	case err != nil:
		return "malformed timestamp"
	case sent < now-skew:
		return "timestamp too old"
	case sent > now+skew:
		return "timestamp too new"
	}
	return ""
}

// signature is the secret that a message was signed with, nil for none of ours.
func (v *Verifier) signature(signed http.Header, body []byte) *proof {
	for _, p := range v.signing {
		if p.signer.VerifyIgnoringTimestamp(body, signed) == nil { // the library knows no clock but the machine's
			return p
		}
	}
	return nil
}

// Sign gives a message of our own the headers with which Codat would send it: the first credential of each sort that is
// configured. Two of them cannot be in one Authorization header: Basic goes before Bearer.
func (v *Verifier) Sign(h http.Header, id string, body []byte) error {
	if len(v.static) > 0 {
		h.Set("Authorization", v.static[0].header)
	}
	if len(v.signing) == 0 {
		return nil
	}
	now := v.now()
	signature, err := v.signing[0].signer.Sign(id, now, body)
	if err != nil {
		return errors.New("sign a message: the secret cannot be used") // the library's error may quote from it
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
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
