// Package config turns flags and environment into one value: the Command that the program is to carry out, with its
// settings checked, or a refusal that names everything that is wrong at once.
//
// The struct tags below are the whole list of settings: the flag's name is the field's, "from" is the environment variable.
// A flag goes before its variable, and an empty variable is one that is not set. Secrets have flags too, but a variable is
// the better place: other people on the machine can read a command line.
package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// ErrHelp says that help was asked for and printed, and that there is nothing to do.
var ErrHelp = errors.New("help was asked for")

// Command is what the program is to do: a Serve, Sandbox, Import, Seed, UserAdd or Migrate.
type Command interface {
	check(*problems)
}

// Database is where the data is: at DatabaseURL, or, when that is empty, in the private PostgreSQL in the folder Data.
type Database struct {
	DatabaseURL Secret `from:"DATABASE_URL" help:"PostgreSQL, as postgres://user:password@host/name. Without it a private one is used."`
	Data        string `from:"TALLYLIGHT_DATA" default:"data" help:"Folder of the private database."`
}

// Webhook is what proves that a webhook comes from Codat. Each setting takes several values separated by commas, so that
// credentials can be changed without a gap; the values themselves hold no comma.
type Webhook struct {
	WebhookBasic   Secrets `from:"CODAT_WEBHOOK_BASIC" placeholder:"USER:PASSWORD" help:"Basic credentials that webhooks carry, comma separated."`
	WebhookBearer  Secrets `from:"CODAT_WEBHOOK_BEARER" placeholder:"TOKEN" help:"Bearer tokens that webhooks carry, comma separated."`
	WebhookSecrets Secrets `from:"CODAT_WEBHOOK_SECRETS" placeholder:"WHSEC_..." help:"Secrets that webhooks are signed with, comma separated."`
}

// Serve runs the server. PublicURL is read with Origin.
type Serve struct {
	Addr          string  `from:"TALLYLIGHT_ADDR" default:"127.0.0.1:8080" help:"Address to listen on."`
	PublicURL     string  `from:"TALLYLIGHT_PUBLIC_URL" placeholder:"URL" help:"Address that people use, if not the one it listens on: https, or http on this machine."`
	SessionKeys   Secrets `from:"TALLYLIGHT_SESSION_KEYS" placeholder:"KEY" help:"Texts of 32 bytes or more that sign sessions, comma separated, newest first."`
	AdminPassword Secret  `from:"TALLYLIGHT_ADMIN_PASSWORD" help:"First run only: the password of admin@example.com."`
	CodatAPIKey   Secret  `name:"codat-api-key" from:"CODAT_API_KEY" help:"Codat's API key."`
	CodatBaseURL  string  `name:"codat-base-url" from:"CODAT_BASE_URL" default:"${codat}" help:"Codat's address."`
	CodatRate     float64 `from:"TALLYLIGHT_CODAT_RATE" default:"15" help:"Most requests a second to Codat."`
	WebhookLegacy bool    `from:"CODAT_WEBHOOK_LEGACY" default:"true" negatable:"" help:"Accept the older generation of webhooks, which are never signed."`
	Webhook
	Database
}

// Sandbox runs only the simulator of Codat.
type Sandbox struct {
	Addr        string        `default:"127.0.0.1:8081" help:"Address to listen on."`
	Hook        string        `placeholder:"URL" help:"Where webhooks go. Without it none are sent."`
	Generation  string        `default:"current" enum:"current,legacy,both" help:"Webhooks to send: current, legacy or both."`
	Delay       time.Duration `default:"3s" help:"How long a push takes to land, about."`
	File        string        `placeholder:"FILE" help:"Where it remembers. Without it, in memory."`
	CodatAPIKey Secret        `name:"codat-api-key" from:"CODAT_API_KEY" help:"The API key that requests must carry. Without it one is made up and printed."`
	Webhook                   // the first of each is sent
}

// Import reads expenses from a CSV file.
type Import struct {
	File string `arg:"" help:"A CSV file of expenses."`
	Database
}

// Seed tops up the demo expenses.
type Seed struct {
	Expenses int `required:"" placeholder:"N" help:"How many there should be."`
	Database
}

// UserAdd makes a user, or gives an existing one a new password and role.
type UserAdd struct {
	Email         string `arg:"" help:"The person's email."`
	Role          string `required:"" enum:"viewer,finance,admin" placeholder:"ROLE" help:"viewer, finance or admin."`
	PasswordStdin bool   `required:"" help:"Read the password from standard input: the first line."`
	Database
}

// Migrate brings the database's schema up to date.
type Migrate struct {
	Database
}

type grammar struct {
	Serve   Serve   `cmd:"" default:"withargs" help:"Run the server, bringing its database up to date first (the default)."`
	Sandbox Sandbox `cmd:"" help:"Run only the simulator of Codat."`
	Import  Import  `cmd:"" help:"Read expenses from a CSV file."`
	Seed    Seed    `cmd:"" help:"Top up the demo expenses, which are never sent."`
	User    struct {
		Add UserAdd `cmd:"" help:"Make a user, or give an existing one a new password and role."`
	} `cmd:"" help:"Look after the people who sign in."`
	Migrate Migrate `cmd:"" help:"Bring the database's schema up to date."`
}

const codatAPI = "https://api.codat.io"

// Parse reads the arguments after the program's name, and environ as os.Environ gives it. Help goes to stdout. The error is
// ErrHelp, or text for the person who started the program: a sentence a line, without any secret in it.
func Parse(args, environ []string, stdout, stderr io.Writer) (Command, error) {
	var g grammar
	helped := false
	k, err := kong.New(&g,
		kong.Name("tallylight"),
		kong.Description("Tallylight tells finance staff, live, whether each expense has reached the ledger."),
		kong.Vars{"codat": codatAPI},
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(environment(environ)),
		kong.ValueFormatter(withVariable),
	)
	if err != nil {
		return nil, fmt.Errorf("describe the command line: %w", err)
	}
	ctx, err := k.Parse(args)
	if helped {
		return nil, ErrHelp
	}
	if err != nil {
		return nil, fmt.Errorf("%w; tallylight --help lists what there is", err)
	}
	cmd, ok := reflect.Indirect(ctx.Selected().Target).Interface().(Command)
	if !ok {
		return nil, fmt.Errorf("%s is not a command by itself; tallylight --help lists what there is", ctx.Command())
	}
	var p problems
	cmd.check(&p)
	if len(p) > 0 {
		return nil, errors.New(strings.Join(p, "\n"))
	}
	return cmd, nil
}

func environment(environ []string) kong.Resolver {
	values := map[string]string{}
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); value != "" {
			values[name] = value
		}
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if value, ok := values[flag.Tag.Get("from")]; ok {
			return value, nil
		}
		return nil, nil
	})
}

func withVariable(v *kong.Value) string {
	if name := v.Tag.Get("from"); name != "" {
		return v.Help + " ($" + name + ")"
	}
	return v.Help
}
