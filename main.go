// Tallylight shows finance staff, live, whether each expense has reached the customer's ledger.
//
// This file joins the parts and runs them until a signal. What a part does is in its own package: handlers/routes.go has the
// pages, store/push.go the nouns, internal/push the way of an expense into the ledger, internal/inbox that of a webhook.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tallylight/handlers"
	"tallylight/internal/codat"
	"tallylight/internal/config"
	"tallylight/internal/csvfile"
	"tallylight/internal/demo"
	"tallylight/internal/devdb"
	"tallylight/internal/inbox"
	"tallylight/internal/ledger"
	"tallylight/internal/push"
	"tallylight/internal/sandbox"
	"tallylight/store"
	"tallylight/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, config.ErrHelp) {
		fmt.Fprintln(os.Stderr, "tallylight:", err)
		os.Exit(1)
	}
}

// run carries out one command until it is done or ctx ends.
func run(ctx context.Context, args, environ []string, in io.Reader, out, errOut io.Writer) error {
	command, err := config.Parse(args, environ, out, errOut)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(errOut, nil))
	switch c := command.(type) {
	case config.Serve:
		return serve(ctx, c, out, log)
	case config.Sandbox:
		return serveSandbox(ctx, c, out, log)
	}
	var database config.Database
	var do func(s *store.Store) error
	switch c := command.(type) {
	case config.Migrate:
		database, do = c.Database, func(*store.Store) error { return nil } // opening it does
	case config.Import:
		database, do = c.Database, func(s *store.Store) error { return importFile(ctx, s, c.File, out) }
	case config.Seed:
		database, do = c.Database, func(s *store.Store) error { return seed(ctx, s, c.Expenses, out) }
	case config.UserAdd:
		database, do = c.Database, func(s *store.Store) error { return addUser(ctx, s, c, in, out) }
	default:
		return fmt.Errorf("nothing carries out %T", command)
	}
	s, done, err := openDatabase(ctx, database, true)
	if err != nil {
		return err
	}
	defer done()
	return do(s)
}

// openDatabase opens the database and brings its schema up to date: the one that is set, or a private one. With share, a private
// one that another Tallylight runs is used together with it.
func openDatabase(ctx context.Context, c config.Database, share bool) (s *store.Store, done func(), err error) {
	dsn, stop := string(c.DatabaseURL), func() {}
	if dsn == "" {
		open := devdb.Start
		if share {
			open = devdb.Join
		}
		server, err := open(ctx, devdb.Config{Dir: c.Data})
		if err != nil {
			return nil, nil, err
		}
		dsn, stop = server.DSN("postgres"), server.Stop
	}
	if s, err = store.Open(ctx, dsn); err == nil {
		if err = s.Migrate(ctx); err != nil {
			s.Close()
		}
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return s, func() { s.Close(); stop() }, nil
}

const inFlight = 32 // sends at once, over all companies

// serve runs the server until ctx ends.
func serve(ctx context.Context, c config.Serve, out io.Writer, log *slog.Logger) (err error) {
	s, done, err := openDatabase(ctx, c.Database, false)
	if err != nil {
		return err
	}
	defer done()
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	origin := c.Origin(listener.Addr().String())

	outside := outside{keys: c.SessionKeys.Texts(), codat: codat.Config{BaseURL: c.CodatBaseURL, APIKey: string(c.CodatAPIKey), Rate: c.CodatRate},
		verify: codat.VerifierConfig{Basic: c.WebhookBasic.Texts(), Bearer: c.WebhookBearer.Texts(), Secrets: c.WebhookSecrets.Texts(), Legacy: c.WebhookLegacy}}
	if c.Demo() {
		stop, err := outside.simulate(ctx, c, "http://"+listener.Addr().String(), log)
		if err != nil {
			return err
		}
		defer stop()
	}
	verifier, err := codat.NewVerifier(outside.verify)
	if err != nil {
		return fmt.Errorf("read the webhook credentials: %w", err)
	}
	sessions, err := web.NewSessions(s, outside.keys, strings.HasPrefix(origin, "https://"))
	if err != nil {
		return fmt.Errorf("read the session keys: %w", err)
	}
	client := codat.New(outside.codat)
	hub := web.NewHub()
	reader := &ledger.Reader{Store: s, Codat: client, Log: log}
	worker := &push.Worker{Store: s, Codat: client, Log: log, InFlight: inFlight}
	sweeper := &push.Sweeper{Store: s, Codat: client, Log: log, ReadLedger: reader.ReadLedger}
	bulk := &push.Bulk{Store: s, Log: log}
	prover := &ledger.Prover{Store: s, Codat: client, Log: log, Reader: reader}
	box := &inbox.Inbox{Store: s, Log: log, ReadCompany: reader.Ask}
	importer := &csvfile.Importer{Store: s, Log: log}
	site := handlers.New(handlers.Config{
		Store: s, Intake: store.NewIntake(s), Sessions: sessions, Hub: hub, Verifier: verifier, Ledger: reader, Imports: importer, Metrics: web.NewMetrics(hub), Log: log,
		PublicURL: origin, Location: zone(), CodatRate: c.CodatRate,
		Wake: box.Wake, WakePush: worker.Wake, ReadCompany: reader.Ask,
	})
	routes, err := site.Routes()
	if err != nil {
		return err
	}

	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return web.Serve(ctx, listener, routes, hub, log) })
	parts.Go(func() error {
		return s.Listen(ctx, func(changes []store.Change) {
			site.Announce(changes)
			for _, c := range changes {
				switch c.Kind {
				case store.WorkChanged:
					worker.Wake()
					sweeper.Wake()
				case store.PlanChanged:
					bulk.Wake()
				case store.CheckChanged:
					prover.Wake()
				case store.InboxChanged:
					box.Wake()
				case store.ImportChanged:
					importer.Wake()
				}
			}
		})
	})
	parts.Go(func() error { return site.Run(ctx) })
	parts.Go(func() error { return box.Run(ctx) })
	parts.Go(func() error { return worker.Run(ctx) })
	parts.Go(func() error { return bulk.Run(ctx) })
	parts.Go(func() error { return sweeper.Run(ctx) })
	parts.Go(func() error { return prover.Run(ctx) })
	parts.Go(func() error { return importer.Run(ctx) })
	parts.Go(func() error {
		signIn := ""
		if c.Demo() {
			if signIn, err = firstRun(ctx, s, reader, string(c.AdminPassword)); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "Tallylight is at %s\n%s", origin, signIn)
		if c.Demo() {
			fmt.Fprintf(out, "The sandbox that plays Codat is at %s\n", outside.codat.BaseURL)
		}
		return reader.Run(ctx)
	})
	if err := parts.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// outside is what the program has to do with: the secrets of sessions, and Codat.
type outside struct {
	keys   []string
	codat  codat.Config
	verify codat.VerifierConfig
}

// simulate fills in an outside of the program's own, for first runs: a sandbox with credentials that live as long as it does. stop
// ends it; call it after everything that talks to it.
func (o *outside) simulate(ctx context.Context, c config.Serve, hook string, log *slog.Logger) (stop func(), err error) {
	key, err := keptKey(filepath.Join(c.Data, "session.key"))
	if err != nil {
		return nil, err
	}
	o.keys = []string{key}
	o.codat.APIKey = rand.Text()
	o.verify.Bearer = []string{rand.Text()}
	box, err := sandbox.New(sandbox.Config{
		APIKey: o.codat.APIKey, File: filepath.Join(c.Data, "sandbox.journal"), Seed: true, Delay: 4 * time.Second, Scale: 0.1, Log: log,
		Hook: sandbox.Hook{URL: hook + "/webhooks/codat", Bearer: o.verify.Bearer[0]},
	})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the sandbox: %w", err)
	}
	o.codat.BaseURL = "http://" + listener.Addr().String()
	end := runSandbox(ctx, box, listener, log)
	return end, nil
}

// runSandbox runs a sandbox on a listener, beyond the end of ctx and until stop is called.
func runSandbox(ctx context.Context, box *sandbox.Sandbox, listener net.Listener, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{Handler: box, ReadHeaderTimeout: 10 * time.Second}
	var parts errgroup.Group
	parts.Go(func() error { return box.Run(ctx) })
	parts.Go(func() error { return server.Serve(listener) })
	return func() {
		cancel()
		last, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		if err := server.Shutdown(last); err != nil {
			server.Close()
		}
		if err := parts.Wait(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.Canceled) {
			log.Error("run the sandbox", "error", err)
		}
		if err := box.Close(); err != nil {
			log.Error("close the sandbox", "error", err)
		}
	}
}

// keptKey is the secret in a file that only its owner can read; it is made at the first call.
func keptKey(path string) (string, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key = []byte(rand.Text() + rand.Text())
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("keep the session key: %w", err)
	}
	return string(key), nil
}

const admin = "admin@example.com"

// firstRun gives a program without anything somebody who can sign in, the customers' books, and expenses. It returns what to
// print about signing in.
func firstRun(ctx context.Context, s *store.Store, reader *ledger.Reader, password string) (signIn string, err error) {
	user, err := s.UserByEmail(ctx, admin)
	switch {
	case errors.Is(err, store.ErrNotFound):
		shown := password
		if shown == "" {
			shown = rand.Text()
		}
		hash, err := web.HashPassword(ctx, shown)
		if err != nil {
			return "", err
		}
		if user, err = s.SaveUser(ctx, admin, hash, store.Admin); err != nil {
			return "", err
		}
		if password != "" {
			shown = "the one in TALLYLIGHT_ADMIN_PASSWORD"
		}
		signIn = fmt.Sprintf("Sign in as %s, password: %s\n", admin, shown)
	case err != nil:
		return "", err
	default:
		signIn = fmt.Sprintf("Sign in as %s with the password of the first run.\nTo set another one: echo NEW-PASSWORD | tallylight user add %s --role admin --password-stdin\n", admin, admin)
	}
	companies, err := s.Companies(ctx)
	if err != nil {
		return "", err
	}
	if len(companies) == 0 {
		if err := reader.ReadAll(ctx); err != nil {
			return "", err
		}
	}
	return signIn, demo.Load(ctx, s, user)
}

// serveSandbox runs only the simulator until ctx ends.
func serveSandbox(ctx context.Context, c config.Sandbox, out io.Writer, log *slog.Logger) error {
	key := string(c.CodatAPIKey)
	if key == "" {
		key = rand.Text()
		fmt.Fprintln(out, "CODAT_API_KEY:", key)
	}
	hook := sandbox.Hook{URL: c.Hook, Generations: sandbox.Generations(c.Generation)}
	if c.Hook != "" {
		hook.Basic, hook.Bearer, hook.Secret = first(c.WebhookBasic), first(c.WebhookBearer), first(c.WebhookSecrets)
	}
	box, err := sandbox.New(sandbox.Config{APIKey: key, File: c.File, Seed: true, Delay: c.Delay, Log: log, Hook: hook})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		box.Close()
		return fmt.Errorf("listen: %w", err)
	}
	stop := runSandbox(ctx, box, listener, log)
	fmt.Fprintf(out, "The sandbox is at http://%s\n", listener.Addr())
	<-ctx.Done()
	stop()
	return nil
}

func first(secrets config.Secrets) string {
	if len(secrets) == 0 {
		return ""
	}
	return string(secrets[0])
}

// importFile enters the expenses of a CSV file, all of them or none.
func importFile(ctx context.Context, s *store.Store, path string, out io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	defer file.Close()
	added, here, problems, err := csvfile.Import(ctx, s, store.User{Email: "An import"}, file)
	if err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(out, p)
	}
	if len(problems) > 0 {
		return fmt.Errorf("nothing was imported: %s", count(len(problems), "problem"))
	}
	fmt.Fprintln(out, count(len(added), "expense"), "imported.")
	switch {
	case here == 1:
		fmt.Fprintln(out, "1 expense was here already, with the same content.")
	case here > 1:
		fmt.Fprintln(out, count(here, "expense"), "were here already, with the same content.")
	}
	return foretell(ctx, s, added, out)
}

// foretell prints what pushing the expenses will make in the customers' ledgers first, and which cannot be pushed and why.
func foretell(ctx context.Context, s *store.Store, ids []int64, out io.Writer) error {
	expenses := map[string]int{}
	for batch := range slices.Chunk(ids, 1000) {
		items, err := s.ExpenseItems(ctx, batch)
		if err != nil {
			return err
		}
		for _, i := range items {
			if words, _ := push.Forecast(i.Platform, i.PlatformKey, i.Facts); words != "" {
				expenses[i.Company+": "+words]++
			}
		}
	}
	for _, line := range slices.Sorted(maps.Keys(expenses)) {
		fmt.Fprintf(out, "%s (%s)\n", line, count(expenses[line], "expense"))
	}
	return nil
}

func seed(ctx context.Context, s *store.Store, expenses int, out io.Writer) error {
	added, err := s.Seed(ctx, expenses)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, count(added, "demo expense"), "added.")
	return nil
}

// addUser adds a person whose password is the first line of in; an email that is there already gets the new password and role.
func addUser(ctx context.Context, s *store.Store, c config.UserAdd, in io.Reader, out io.Writer) error {
	line, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	password, _, _ := strings.Cut(string(line), "\n")
	password = strings.TrimSuffix(password, "\r")
	if problem := web.PasswordProblem(password); problem != "" {
		return errors.New(problem)
	}
	hash, err := web.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	user, err := s.SaveUser(ctx, c.Email, hash, store.Role(c.Role))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s can sign in as %s.\n", user.Email, user.Role)
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// zone is the machine's, by its name where that can be told: pages say it.
func zone() *time.Location {
	link, err := os.Readlink("/etc/localtime")
	if _, name, named := strings.Cut(link, "/zoneinfo/"); err == nil && named && time.Local.String() == "Local" {
		if z, err := time.LoadLocation(name); err == nil {
			return z
		}
	}
	return time.Local
}
