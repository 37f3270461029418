package config

import (
	"encoding/base64"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const minSessionKey = 32 // bytes

// problems are sentences, for the person who started the program.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// Demo reports whether nothing of the outside world is set, so that the program brings a world of its own: a private
// database, the sandbox and example data.
func (s Serve) Demo() bool {
	return s.DatabaseURL == "" && s.CodatAPIKey == "" && s.CodatBaseURL == codatAPI && len(s.SessionKeys) == 0 && !s.Webhook.isSet() &&
		!strings.HasPrefix(s.PublicURL, "https://")
}

func (w Webhook) isSet() bool {
	return len(w.WebhookBasic)+len(w.WebhookBearer)+len(w.WebhookSecrets) > 0
}

// Origin is where people reach the program, such as "https://tally.example.com", without a slash at the end: PublicURL, or
// else what follows from the address it listens on.
func (s Serve) Origin(listening string) string {
	if s.PublicURL != "" {
		if u, err := url.Parse(s.PublicURL); err == nil {
			return origin(u)
		}
		return s.PublicURL
	}
	host, port, _ := net.SplitHostPort(listening)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return origin(&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)})
}

// origin spells u as browsers do in an Origin header.
func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else {
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}

func (s Serve) check(p *problems) {
	s.checkComplete(p)
	s.Database.check(p)
	s.Webhook.check(p)
	checkAddr(p, "TALLYLIGHT_ADDR", s.Addr)
	s.checkPublicURL(p)
	checkAddress(p, "CODAT_BASE_URL", s.CodatBaseURL)
	for i, key := range s.SessionKeys {
		if len(key) < minSessionKey {
			p.add("TALLYLIGHT_SESSION_KEYS: key %d has %d bytes, and needs %d.", i+1, len(key), minSessionKey)
		}
	}
	if !(s.CodatRate > 0) || math.IsInf(s.CodatRate, 0) {
		p.add("TALLYLIGHT_CODAT_RATE is %v, and must be above 0.", s.CodatRate)
	}
}

func (s Serve) checkComplete(p *problems) {
	if s.Demo() {
		return
	}
	var missing []string
	if s.DatabaseURL == "" {
		missing = append(missing, "DATABASE_URL")
	}
	if s.CodatAPIKey == "" {
		missing = append(missing, "CODAT_API_KEY")
	}
	if !s.Webhook.isSet() {
		missing = append(missing, "a webhook credential (CODAT_WEBHOOK_BASIC, CODAT_WEBHOOK_BEARER or CODAT_WEBHOOK_SECRETS)")
	}
	if len(s.SessionKeys) == 0 {
		missing = append(missing, "TALLYLIGHT_SESSION_KEYS")
	}
	if len(missing) > 0 {
		p.add("Some settings of a real installation are set, and others are missing: %s. "+
			"Set them all, or none for a first run with example data.", strings.Join(missing, ", "))
	}
}

func (s Serve) checkPublicURL(p *problems) {
	if s.PublicURL == "" {
		if u, err := url.Parse(s.Origin(s.Addr)); err == nil && !isLoopback(u.Hostname()) {
			p.add("TALLYLIGHT_PUBLIC_URL is missing: people on other machines reach %s only by an https address.", s.Addr)
		}
		return
	}
	u := checkAddress(p, "TALLYLIGHT_PUBLIC_URL", s.PublicURL)
	if u != nil && strings.Trim(u.Path, "/") != "" {
		p.add("TALLYLIGHT_PUBLIC_URL must not have a path: Tallylight needs a host name of its own.")
	}
}

func (s Sandbox) check(p *problems) {
	checkAddr(p, "--addr", s.Addr)
	s.Webhook.check(p)
	if s.Hook != "" {
		if u, err := url.Parse(s.Hook); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			p.add("--hook must be the address that webhooks go to, such as http://127.0.0.1:8080/webhooks/codat.")
		}
	}
	if s.Delay < 0 {
		p.add("--delay must not be negative.")
	}
}

func (s Seed) check(p *problems) {
	s.Database.check(p)
	if s.Expenses < 1 {
		p.add("--expenses must be 1 or more.")
	}
}

func (u UserAdd) check(p *problems) {
	u.Database.check(p)
	name, domain, _ := strings.Cut(u.Email, "@")
	if name == "" || domain == "" || strings.ContainsAny(u.Email, " \t\r\n") {
		p.add("%q is not an email.", u.Email)
	}
	if !u.PasswordStdin {
		p.add("The password comes from standard input: say --password-stdin.")
	}
}

// check never repeats the value: it holds a password.
func (d Database) check(p *problems) {
	text := string(d.DatabaseURL)
	if text == "" {
		return
	}
	if !strings.Contains(text, "://") {
		if !strings.Contains(text, "=") {
			p.add("DATABASE_URL must be like postgres://user:password@host/name.")
		}
		return
	}
	if u, err := url.Parse(text); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		p.add("DATABASE_URL must be like postgres://user:password@host/name, with special characters in the password written as %%XX.")
	}
}

func (w Webhook) check(p *problems) {
	for i, text := range w.WebhookBasic {
		if user, password, _ := strings.Cut(string(text), ":"); user == "" || password == "" {
			p.add("CODAT_WEBHOOK_BASIC: credential %d must be user:password.", i+1)
		}
	}
	for i, text := range w.WebhookSecrets {
		key, found := strings.CutPrefix(string(text), "whsec_")
		if b, err := base64.StdEncoding.DecodeString(key); !found || err != nil || len(b) == 0 {
			p.add("CODAT_WEBHOOK_SECRETS: secret %d must be whsec_ and base64, as Codat shows it.", i+1)
		}
	}
}

func checkAddr(p *problems, name, addr string) {
	_, port, err := net.SplitHostPort(addr)
	if _, errPort := strconv.ParseUint(port, 10, 16); err != nil || errPort != nil {
		p.add("%s is %q, and must be a host and a port, such as 127.0.0.1:8080.", name, addr)
	}
}

// checkAddress wants https, or http where nobody can listen on the way. It returns nil when it has found a problem.
func checkAddress(p *problems, name, text string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		p.add("%s must be an address such as https://example.com.", name)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		p.add("%s must be an address without a password, a ? or a #.", name)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		p.add("%s must begin with https: http is only for this machine.", name)
	default:
		return u
	}
	return nil
}

func isLoopback(host string) bool {
	host = strings.ToLower(host)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}
