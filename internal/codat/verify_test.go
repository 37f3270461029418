package codat_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tallylight/internal/codat"
)

const (
	basic    = "codat:s3cret:with colon"
	bearer   = "an-opaque-token"
	secret   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	older    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	legacy   = `{"AlertId":"a","RuleType":"Sync Failed"}`
	current  = `{"id":"x","eventType":"read.completed"}`
	sentUnix = 1_800_000_000
)

func basicHeader(pair string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

func verifier(t testing.TB, c codat.VerifierConfig, now int64) *codat.Verifier {
	t.Helper()
	c.Now = func() time.Time { return time.Unix(now, 999_999_999) }
	v, err := codat.NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign returns the headers with which a message is sent.
func sign(t testing.TB, secret, body string) http.Header {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign("msg_1", time.Unix(sentUnix, 0), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {strconv.Itoa(sentUnix)}, "Webhook-Signature": {signature}}
}

func with(h http.Header, name, value string) http.Header {
	h = h.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set(name, value)
	if value == "" {
		h.Del(name)
	}
	return h
}

func svix(h http.Header) http.Header {
	return http.Header{"Svix-Id": h["Webhook-Id"], "Svix-Timestamp": h["Webhook-Timestamp"], "Svix-Signature": h["Webhook-Signature"]}
}

func TestDocumentedSignature(t *testing.T) {
	t.Parallel()
	var vector map[string]string
	if err := json.Unmarshal(sample(t, "signature.json"), &vector); err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		h.Set(name, vector[name])
	}
	v := verifier(t, codat.VerifierConfig{Secrets: []string{vector["secret"]}}, 1614265330)
	if err := v.Verify(h, []byte(vector["body"])); err != nil {
		t.Error(err)
	}
	if err := v.Verify(h, []byte(vector["body"]+" ")); err == nil {
		t.Error("one more byte is accepted")
	}
	if got := codat.MessageID(h); got != vector["webhook-id"] {
		t.Errorf("its id is %q", got)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	static := codat.VerifierConfig{Basic: []string{"old:one", basic}, Bearer: []string{bearer}, Legacy: true}
	signed := codat.VerifierConfig{Secrets: []string{older, secret}, Legacy: true}
	both := codat.VerifierConfig{Basic: static.Basic, Bearer: static.Bearer, Secrets: signed.Secrets, Legacy: true}
	strict := both
	strict.Legacy = false
	strictStatic, strictSigned := static, signed
	strictStatic.Legacy, strictSigned.Legacy = false, false

	authz := func(value string) http.Header { return http.Header{"Authorization": {value}} }
	signature := sign(t, secret, current)
	bothHeaders := with(signature, "Authorization", "Bearer "+bearer)
	value := signature.Get("webhook-signature")

	tests := []struct {
		name    string
		config  codat.VerifierConfig
		headers http.Header
		body    string
		now     int64  // after it was sent
		reason  string // "" is accepted
	}{
		{"basic", static, authz(basicHeader(basic)), current, 0, ""},
		{"basic, the other one", static, authz(basicHeader("old:one")), current, 0, ""},
		{"basic, scheme in small letters", static, authz(strings.Replace(basicHeader(basic), "Basic", "basic", 1)), current, 0, ""},
		{"basic, wrong", static, authz(basicHeader("codat:wrong")), current, 0, "wrong credential"},
		{"basic, longer", static, authz(basicHeader(basic + "x")), current, 0, "wrong credential"},
		{"basic, no base64", static, authz("Basic codat:s3cret"), current, 0, "malformed credential"},
		{"bearer", static, authz("Bearer " + bearer), current, 0, ""},
		{"bearer, wrong", static, authz("Bearer " + bearer[1:]), current, 0, "wrong credential"},
		{"bearer as basic", static, authz(basicHeader(bearer)), current, 0, "wrong credential"},
		{"basic as bearer", static, authz("Bearer " + basic), current, 0, "wrong credential"},
		{"another scheme", static, authz("Digest " + bearer), current, 0, "wrong credential"},
		{"token alone", static, authz(bearer), current, 0, "wrong credential"},
		{"nothing", static, nil, current, 0, "missing credential"},
		{"empty bearer", static, authz("Bearer "), current, 0, "wrong credential"},
		{"a signature is no credential", static, signature, current, 0, "missing credential"},
		{"legacy with basic", static, authz(basicHeader(basic)), legacy, 0, ""},

		{"signed", signed, signature, current, 0, ""},
		{"signed with the older secret", signed, sign(t, older, current), current, 0, ""},
		{"signed under svix names", signed, svix(signature), current, 0, ""},
		{"signed by somebody else", signed, sign(t, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", current), current, 0, "bad signature"},
		{"another body", signed, signature, current + "\n", 0, "bad signature"},
		{"another id", signed, with(signature, "webhook-id", "msg_2"), current, 0, "bad signature"},
		{"another time", signed, with(signature, "webhook-timestamp", strconv.Itoa(sentUnix+1)), current, 0, "bad signature"},
		{"several signatures", signed, with(signature, "webhook-signature", "v1a,xx v1,AAAA "+value+" v2,yy"), current, 0, ""},
		{"several, none right", signed, with(signature, "webhook-signature", "v1,AAAA v1,BBBB"), current, 0, "bad signature"},
		{"version 2 alone", signed, with(signature, "webhook-signature", strings.Replace(value, "v1,", "v2,", 1)), current, 0, "bad signature"},
		{"no signature header", signed, with(signature, "webhook-signature", ""), current, 0, "bad signature"},
		{"no id header", signed, with(signature, "webhook-id", ""), current, 0, "bad signature"},
		{"no time header", signed, with(signature, "webhook-timestamp", ""), current, 0, "malformed timestamp"},
		{"time is no number", signed, with(signature, "webhook-timestamp", "now"), current, 0, "malformed timestamp"},
		{"time is absurd", signed, with(signature, "webhook-timestamp", "-9223372036854775808"), current, 0, "timestamp too old"},
		{"five minutes old", signed, signature, current, 300, ""},
		{"older", signed, signature, current, 301, "timestamp too old"},
		{"five minutes early", signed, signature, current, -300, ""},
		{"earlier", signed, signature, current, -301, "timestamp too new"},
		{"unsigned", signed, authz("Bearer " + bearer), current, 0, "missing signature"},
		{"unsigned legacy, nothing else to go by", signed, nil, legacy, 0, "missing signature"},

		{"both", both, bothHeaders, current, 0, ""},
		{"both, credential missing", both, signature, current, 0, "missing credential"},
		{"both, credential wrong", both, with(signature, "Authorization", "Bearer x"), current, 0, "wrong credential"},
		{"both, signature missing", both, authz("Bearer " + bearer), current, 0, "missing signature"},
		{"both, signature wrong", both, with(bothHeaders, "webhook-signature", "v1,AAAA"), current, 0, "bad signature"},
		{"both, legacy", both, authz("Bearer " + bearer), legacy, 0, ""},
		{"both, legacy without credential", both, nil, legacy, 0, "missing credential"},
		{"both, legacy with a wrong signature", both, with(bothHeaders, "webhook-signature", "v1,AAAA"), legacy, 0, "bad signature"},
		{"both, legacy that is current too", both, authz("Bearer " + bearer), `{"RuleType":"x",` + current[1:], 0, "missing signature"},
		{"both, unreadable", both, authz("Bearer " + bearer), `{"RuleType":`, 0, "missing signature"},
		{"both, legacy not allowed", strict, authz("Bearer " + bearer), legacy, 0, "missing signature"},
		{"both, signed legacy not allowed", strict, with(sign(t, secret, legacy), "Authorization", "Bearer "+bearer), legacy, 0, "legacy message"},
		{"both, current where legacy is not allowed", strict, bothHeaders, current, 0, ""},
		{"basic, legacy not allowed", strictStatic, authz(basicHeader(basic)), legacy, 0, "legacy message"},
		{"basic, current where legacy is not allowed", strictStatic, authz(basicHeader(basic)), current, 0, ""},
		{"basic, unreadable where legacy is not allowed", strictStatic, authz(basicHeader(basic)), "{", 0, ""},
		{"signed, legacy not allowed", strictSigned, sign(t, secret, legacy), legacy, 0, "legacy message"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := verifier(t, test.config, sentUnix+test.now)
			err := v.Verify(test.headers, []byte(test.body))
			if _, early := v.VerifyHeaders(test.headers); early != nil && (err == nil || err.Error() != early.Error()) {
				t.Errorf("its headers are refused with %v, the message with %v", early, err)
			}
			used := slices.ContainsFunc(v.Credentials(), func(c codat.Credential) bool { return !c.Used.IsZero() })
			if used != (err == nil) {
				t.Errorf("a credential was used: %t, error %v", used, err)
			}
			if test.reason == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused, ok := errors.AsType[*codat.Refused](err)
			if !ok || refused.Reason != test.reason {
				t.Errorf("got %v, want refused for %q", err, test.reason)
			}
		})
	}
}

// What can be told without the body is told without it.
func TestVerifyHeaders(t *testing.T) {
	t.Parallel()
	both := verifier(t, codat.VerifierConfig{Basic: []string{basic}, Secrets: []string{secret}, Legacy: true}, sentUnix)
	signed := verifier(t, codat.VerifierConfig{Secrets: []string{secret}, Legacy: true}, sentUnix+301)
	for name, test := range map[string]struct {
		v       *codat.Verifier
		headers http.Header
		static  bool
		reason  string
	}{
		"nothing":                 {both, nil, false, "webhook refused: missing credential"},
		"wrong":                   {both, http.Header{"Authorization": {"Bearer x"}}, false, "webhook refused: wrong credential"},
		"legacy, perhaps":         {both, http.Header{"Authorization": {basicHeader(basic)}}, true, ""},
		"signed by anybody":       {both, with(sign(t, older, current), "Authorization", basicHeader(basic)), true, ""},
		"old":                     {signed, sign(t, secret, current), false, "webhook refused: timestamp too old"},
		"unsigned and not static": {signed, nil, false, "webhook refused: missing signature"},
	} {
		static, err := test.v.VerifyHeaders(test.headers)
		if static != test.static || (err == nil) != (test.reason == "") || err != nil && err.Error() != test.reason {
			t.Errorf("%s: static %t, error %v", name, static, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	v := verifier(t, codat.VerifierConfig{Basic: []string{basic}, Bearer: []string{"first", bearer}, Secrets: []string{older, secret}}, sentUnix)
	h := with(sign(t, secret, current), "Authorization", "Bearer "+bearer)
	if err := v.Verify(h, []byte(current)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range v.Credentials() {
		got = append(got, fmt.Sprintf("%s %d %s used %t", c.Sort, c.Number, c.Fingerprint, c.Used.Equal(time.Unix(sentUnix, 999_999_999))))
	}
	want := []string{ // printf %s TEXT | sha256sum
		"Basic 1 ff017142 used false", "Bearer 1 a7937b64 used false", "Bearer 2 793e0fad used true",
		"Signature 1 96ad2ccd used false", "Signature 2 2dd745ff used true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("credentials %q", got)
	}
	for _, text := range []string{basic, bearer, "first", older, secret, basicHeader(basic)} {
		if strings.Contains(fmt.Sprintf("%+v", v.Credentials()), text) {
			t.Errorf("they show %q", text)
		}
	}
}

// A message of our own goes the same way as one of Codat's.
func TestSign(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]codat.VerifierConfig{
		"basic": {Basic: []string{basic, "other:one"}}, "bearer": {Bearer: []string{bearer}}, "secret": {Secrets: []string{secret, older}},
		"all": {Basic: []string{basic}, Bearer: []string{bearer}, Secrets: []string{older}},
	} {
		v, h := verifier(t, c, sentUnix), http.Header{}
		if err := v.Sign(h, "msg_7", []byte(current)); err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(h, []byte(current)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(c.Secrets) > 0 && codat.MessageID(h) != "msg_7" {
			t.Errorf("%s: its id is %q", name, codat.MessageID(h))
		}
	}
}

func TestVerifierConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]codat.VerifierConfig{
		"nothing":           {Legacy: true},
		"no password":       {Basic: []string{"codat:"}},
		"no user":           {Basic: []string{":hunter2"}},
		"no colon":          {Basic: []string{"hunter2"}},
		"one of two":        {Basic: []string{basic, ""}},
		"empty bearer":      {Bearer: []string{""}},
		"bearer with space": {Bearer: []string{"hunter2 "}},
		"no prefix":         {Secrets: []string{"C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}},
		"prefix alone":      {Secrets: []string{"whsec_"}},
		"no base64":         {Secrets: []string{"whsec_hunter2-hunter2"}},
		"junk appended":     {Secrets: []string{older + "XXXX="}},
	} {
		_, err := codat.NewVerifier(c)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]http.Header{
		"a": {"Webhook-Id": {"a"}, "Svix-Id": {"b"}},
		"b": {"Svix-Id": {"b"}},
		"":  {"Webhook-Id": {strings.Repeat("x", 201)}},
	} {
		if got := codat.MessageID(h); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := codat.MessageID(nil); got != "" {
		t.Errorf("got %q", got)
	}
}

// Nobody without a secret gets a message in, whatever the headers.
func FuzzVerify(f *testing.F) {
	for _, file := range names(f, "webhooks") {
		f.Add(sample(f, "webhooks/"+file), basicHeader("codat:wrong"), "msg_1", strconv.Itoa(sentUnix), "v1,AAAA")
	}
	f.Add([]byte(current), "Bearer "+bearer, "", "", "")
	f.Add([]byte(current), "Bearer "+bearer, "msg_1", "x", "v1,")
	f.Add([]byte(legacy), "Bearer", "", "", " , ")
	config := codat.VerifierConfig{Secrets: []string{secret}, Legacy: true}
	signed := verifier(f, config, sentUnix)
	config.Basic, config.Bearer = []string{basic}, []string{bearer}
	both := verifier(f, config, sentUnix)
	f.Fuzz(func(t *testing.T, body []byte, authz, id, timestamp, signature string) {
		h := http.Header{}
		h.Set("Authorization", authz)
		for name, value := range map[string]string{"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature} {
			if value != "" {
				h.Set(name, value)
			}
		}
		if signed.Verify(h, body) == nil {
			t.Error("accepted without the secret")
		}
		if both.Verify(h, body) == nil {
			if e, err := codat.ParseEvent(body); err != nil || e.Generation != codat.Legacy || !strings.Contains(authz, " ") {
				t.Errorf("accepted with %q: %+v", authz, e)
			}
		}
		genuine := sign(t, secret, string(body))
		if err := signed.Verify(genuine, body); err != nil {
			t.Errorf("a genuine message is refused: %v", err)
		}
	})
}
