package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	dsn = "postgres://tally:pass@db.internal/tally"
	key = "0123456789abcdef0123456789abcdef"
)

func production() []string {
	return []string{"DATABASE_URL=" + dsn, "CODAT_API_KEY=k", "CODAT_WEBHOOK_BASIC=u:p", "TALLYLIGHT_SESSION_KEYS=" + key}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	defaults := Serve{
		Addr: "127.0.0.1:8080", CodatBaseURL: "https://api.codat.io", CodatRate: 15, WebhookLegacy: true,
		Database: Database{Data: "data"},
	}
	full := Serve{
		Addr: "0.0.0.0:80", PublicURL: "https://tally.example.com", SessionKeys: Secrets{"new" + key, "old" + key},
		CodatAPIKey: "k", CodatBaseURL: "http://127.0.0.1:9000", CodatRate: 2.5,
		Webhook:  Webhook{WebhookBasic: Secrets{"a:1", "b:2:3"}, WebhookBearer: Secrets{"t"}, WebhookSecrets: Secrets{"whsec_c2VjcmV0"}},
		Database: Database{DatabaseURL: dsn, Data: "/var/lib/tallylight"},
	}
	moved := defaults
	moved.Addr, moved.WebhookLegacy, moved.AdminPassword = "127.0.0.1:0", false, "flag"

	for _, c := range []struct {
		args    string
		environ []string
		want    Command
	}{
		{"", nil, defaults},
		{"serve", []string{"CODAT_API_KEY=", "HOME=/root", "odd"}, defaults},
		{"--addr 127.0.0.1:0 --no-webhook-legacy --admin-password flag", []string{"TALLYLIGHT_ADDR=:1", "TALLYLIGHT_ADMIN_PASSWORD=env"}, moved},
		{"serve --codat-rate=2.5", []string{
			"TALLYLIGHT_ADDR=0.0.0.0:80", "TALLYLIGHT_PUBLIC_URL=https://tally.example.com", "TALLYLIGHT_DATA=/var/lib/tallylight",
			"TALLYLIGHT_SESSION_KEYS=new" + key + ", old" + key + ",", "TALLYLIGHT_CODAT_RATE=9", "DATABASE_URL=" + dsn,
			"CODAT_API_KEY=k", "CODAT_BASE_URL=http://127.0.0.1:9000", "CODAT_WEBHOOK_BASIC=a:1,b:2:3", "CODAT_WEBHOOK_BEARER=t",
			"CODAT_WEBHOOK_SECRETS=whsec_c2VjcmV0", "CODAT_WEBHOOK_LEGACY=false",
		}, full},
		{"sandbox", []string{"TALLYLIGHT_ADDR=:1"}, Sandbox{Addr: "127.0.0.1:8081", Generation: "current", Delay: 3 * time.Second}},
		{
			"sandbox --addr :9000 --hook http://127.0.0.1:8080/webhooks/codat --generation both --delay 0s --file f",
			[]string{"CODAT_API_KEY=k", "CODAT_WEBHOOK_BASIC=u:p"},
			Sandbox{
				Addr: ":9000", Hook: "http://127.0.0.1:8080/webhooks/codat", Generation: "both", File: "f", CodatAPIKey: "k",
				Webhook: Webhook{WebhookBasic: Secrets{"u:p"}},
			},
		},
		{"import --data d expenses.csv", []string{"CODAT_API_KEY=k"}, Import{File: "expenses.csv", Database: Database{Data: "d"}}},
		{"seed --expenses 500", []string{"DATABASE_URL=" + dsn}, Seed{Expenses: 500, Database: Database{DatabaseURL: dsn, Data: "data"}}},
		{
			"user add anna@example.com --role admin --password-stdin", []string{"DATABASE_URL=host=/run/postgresql dbname=tally"},
			UserAdd{
				Email: "anna@example.com", Role: "admin", PasswordStdin: true,
				Database: Database{DatabaseURL: "host=/run/postgresql dbname=tally", Data: "data"},
			},
		},
		{"migrate", nil, Migrate{Database{Data: "data"}}},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(strings.Fields(c.args), c.environ, io.Discard, io.Discard)
			if s, ok := got.(Serve); ok {
				got = withoutEmpty(s)
			}
			if s, ok := got.(Sandbox); ok && !s.Webhook.isSet() {
				s.Webhook = Webhook{}
				got = s
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestHalfSet(t *testing.T) {
	t.Parallel()
	names := []string{"DATABASE_URL", "CODAT_API_KEY", "CODAT_WEBHOOK_BASIC", "TALLYLIGHT_SESSION_KEYS"}
	for set := range 1 << len(names) {
		var environ, missing []string
		for i, e := range production() {
			if set&(1<<i) != 0 {
				environ = append(environ, e)
			} else {
				missing = append(missing, names[i])
			}
		}
		t.Run(strings.Join(environ, " "), func(t *testing.T) {
			t.Parallel()
			cmd, err := Parse(nil, environ, io.Discard, io.Discard)
			if len(missing) == 0 || len(environ) == 0 {
				if err != nil || cmd.(Serve).Demo() != (len(environ) == 0) {
					t.Fatalf("%+v, %v", cmd, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("started without %v", missing)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one sentence for one thing: %v", err)
			}
			for i, name := range names {
				if said := strings.Contains(err.Error(), name); said != (set&(1<<i) == 0) {
					t.Errorf("names %s: %v, in %q", name, said, err)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args    string
		environ []string // beside production's
		want    string
	}{
		{"", []string{"TALLYLIGHT_SESSION_KEYS=short," + key + ",x"}, "key 1 has 5 bytes"},
		{"", []string{"TALLYLIGHT_SESSION_KEYS=short," + key + ",x"}, "key 3 has 1 bytes"},
		{"", []string{"TALLYLIGHT_SESSION_KEYS= , "}, "missing: TALLYLIGHT_SESSION_KEYS."},
		{"", []string{"TALLYLIGHT_CODAT_RATE=0"}, "above 0"},
		{"", []string{"TALLYLIGHT_CODAT_RATE=NaN"}, "above 0"},
		{"", []string{"TALLYLIGHT_CODAT_RATE=quick"}, "--codat-rate"},
		{"", []string{"TALLYLIGHT_ADDR=8080"}, "TALLYLIGHT_ADDR"},
		{"", []string{"TALLYLIGHT_ADDR=127.0.0.1:http"}, "TALLYLIGHT_ADDR"},
		{"", []string{"TALLYLIGHT_ADDR=192.0.2.1:80"}, "TALLYLIGHT_PUBLIC_URL is missing"},
		{"", []string{"TALLYLIGHT_PUBLIC_URL=http://tally.example.com"}, "begin with https"},
		{"", []string{"TALLYLIGHT_PUBLIC_URL=https://example.com/tally"}, "must not have a path"},
		{"", []string{"TALLYLIGHT_PUBLIC_URL=https://u:hunter2@example.com"}, "without a password"},
		{"", []string{"TALLYLIGHT_PUBLIC_URL=https://example.com/?x=1"}, "a ?"},
		{"", []string{"TALLYLIGHT_PUBLIC_URL=tally.example.com"}, "an address such as"},
		{"", []string{"CODAT_BASE_URL=http://codat.example.com"}, "CODAT_BASE_URL must begin with https"},
		{"", []string{"CODAT_BASE_URL=://"}, "CODAT_BASE_URL"},
		{"", []string{"CODAT_WEBHOOK_BASIC=u:p,hunter2"}, "credential 2 must be user:password"},
		{"", []string{"CODAT_WEBHOOK_SECRETS=hunter2"}, "secret 1 must be whsec_"},
		{"", []string{"CODAT_WEBHOOK_SECRETS=whsec_hunter2!"}, "secret 1 must be whsec_"},
		{"", []string{"DATABASE_URL=postgres://u:hunter2%@h/d"}, "%XX"},
		{"", []string{"DATABASE_URL=mysql://u:hunter2@h/d"}, "postgres://"},
		{"", []string{"DATABASE_URL=hunter2"}, "postgres://"},
		{"", []string{"CODAT_WEBHOOK_LEGACY=perhaps"}, "--webhook-legacy"},
		{"migrate", []string{"DATABASE_URL=hunter2"}, "postgres://"},
		{"sandbox --hook elsewhere", nil, "--hook must be"},
		{"sandbox --generation next", nil, "--generation"},
		{"sandbox --delay -1s", nil, "--delay"},
		{"seed", nil, "--expenses"},
		{"seed --expenses 0", nil, "1 or more"},
		{"import", nil, "<file>"},
		{"user", nil, "add"},
		{"user add anna --role admin --password-stdin", nil, `"anna" is not an email`},
		{"user add a@example.com --role owner --password-stdin", nil, "--role"},
		{"user add a@example.com --role admin", nil, "--password-stdin"},
		{"user add a@example.com --role admin --password-stdin=false", nil, "--password-stdin"},
		{"start", nil, "start"},
	} {
		t.Run(c.args+strings.Join(c.environ, " "), func(t *testing.T) {
			t.Parallel()
			cmd, err := Parse(strings.Fields(c.args), append(production(), c.environ...), io.Discard, io.Discard)
			if err == nil {
				t.Fatalf("accepted: %+v", cmd)
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %q, want %q and no secret", err, c.want)
			}
		})
	}
}

func TestABaseURLAloneIsNoDemo(t *testing.T) {
	t.Parallel()
	_, err := Parse(nil, []string{"CODAT_BASE_URL=http://localhost:9000"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "CODAT_API_KEY") {
		t.Error(err)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--help":          "sandbox",
		"serve --help":    "$CODAT_WEBHOOK_SECRETS",
		"sandbox --help":  "--hook=URL",
		"import --help":   "$TALLYLIGHT_DATA",
		"seed --help":     "--expenses=N",
		"user --help":     "add",
		"user add --help": "--password-stdin",
		"migrate --help":  "$DATABASE_URL",
	} {
		var out strings.Builder
		cmd, err := Parse(strings.Fields(args), []string{"CODAT_API_KEY=hunter2"}, &out, io.Discard)
		if cmd != nil || !errors.Is(err, ErrHelp) || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s: %v, %v, %s", args, cmd, err, out.String())
		}
	}
}

func TestEverySettingIsAVariableAndAFlag(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if _, err := Parse([]string{"serve", "--help"}, nil, &out, io.Discard); !errors.Is(err, ErrHelp) {
		t.Fatal(err)
	}
	for _, name := range []string{
		"TALLYLIGHT_ADDR", "TALLYLIGHT_PUBLIC_URL", "TALLYLIGHT_DATA", "TALLYLIGHT_SESSION_KEYS", "TALLYLIGHT_CODAT_RATE",
		"TALLYLIGHT_ADMIN_PASSWORD", "DATABASE_URL", "CODAT_API_KEY", "CODAT_BASE_URL", "CODAT_WEBHOOK_BASIC",
		"CODAT_WEBHOOK_BEARER", "CODAT_WEBHOOK_SECRETS", "CODAT_WEBHOOK_LEGACY",
	} {
		if !strings.Contains(out.String(), "($"+name+")") {
			t.Errorf("no flag stands for %s", name)
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ public, listening, want string }{
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", ":8080", "http://localhost:8080"},
		{"", "0.0.0.0:80", "http://localhost"},
		{"", "[::]:8080", "http://localhost:8080"},
		{"", "[::1]:8080", "http://[::1]:8080"},
		{"https://Tally.Example.com/", "127.0.0.1:8080", "https://tally.example.com"},
		{"https://tally.example.com:443", "127.0.0.1:8080", "https://tally.example.com"},
		{"https://tally.example.com:8443", "127.0.0.1:8080", "https://tally.example.com:8443"},
	} {
		if got := (Serve{PublicURL: c.public}).Origin(c.listening); got != c.want {
			t.Errorf("%q at %s: got %s, want %s", c.public, c.listening, got, c.want)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	cmd, err := Parse([]string{"--admin-password=hunter2"}, []string{
		"DATABASE_URL=postgres://u:hunter2@h/d", "CODAT_API_KEY=hunter2", "CODAT_WEBHOOK_BASIC=u:hunter2",
		"CODAT_WEBHOOK_BEARER=hunter2", "TALLYLIGHT_SESSION_KEYS=hunter2" + key,
	}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := cmd.(Serve)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, s.CodatAPIKey)
		fmt.Fprintf(&out, verb, &s.SessionKeys)
	}
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("config", "all", s, "one", s.CodatAPIKey, "several", s.WebhookBasic)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "all", s, "one", s.CodatAPIKey)
	if err := json.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%s is in %s", form, out.String())
		}
	}
	if got := s.SessionKeys.Texts(); len(got) != 1 || got[0] != "hunter2"+key {
		t.Errorf("the program itself reads %q", got)
	}
}

// withoutEmpty makes nil of what the parser leaves empty.
func withoutEmpty(s Serve) Serve {
	for _, list := range []*Secrets{&s.SessionKeys, &s.WebhookBasic, &s.WebhookBearer, &s.WebhookSecrets} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return s
}
