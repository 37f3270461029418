package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tallylight/handlers"
	"tallylight/internal/codat"
	"tallylight/internal/devdb"
	"tallylight/internal/inbox"
	"tallylight/store"
	"tallylight/web"
)

// BenchmarkIntake measures how many webhooks of 1 KB the program stores a second, in a PostgreSQL with fsync on, and in what time:
// beside a bare handler that inserts one row a request and pgbench that inserts the same rows, in turns. The program is meant to
// store, of 64 senders, at least 1.2 times as many as the bare handler and 0.65 times as many as pgbench, with a p99 no worse than the
// bare handler's; of 256 no fewer; and to answer a sender that is alone within 1.3 times the bare handler's median.
func BenchmarkIntake(b *testing.B) {
	for _, connections := range []int{1, 64, 256} {
		b.Run(fmt.Sprint("connections=", connections), func(b *testing.B) {
			d := newDurable(b)
			rivals := []rival{d.tallylight(b, "tallylight"), d.bare(b), d.pgbench(b)}
			for b.Loop() {
				compare(b, rivals, connections, 8_000)
			}
		})
	}
}

// BenchmarkIntakeAmongAMillion is BenchmarkIntake with a million deliveries stored, beside one with none: at most a tenth slower.
func BenchmarkIntakeAmongAMillion(b *testing.B) {
	full, empty := newDurable(b), newDurable(b)
	full.fill(b, 1_000_000)
	rivals := []rival{full.tallylight(b, "million"), empty.tallylight(b, "none")}
	for b.Loop() {
		compare(b, rivals, 64, 8_000)
	}
}

// rival is something that stores deliveries.
type rival struct {
	name string
	run  func(b *testing.B, connections, messages int) timing
}

const rounds = 5

// compare lets the rivals run in turns and reports the median of each, and how the first does beside the others.
func compare(b *testing.B, rivals []rival, connections, messages int) {
	if connections == 1 {
		messages /= 8
	}
	rates, medians, p99s := map[string][]float64{}, map[string][]time.Duration{}, map[string][]time.Duration{}
	for round := range rounds + 1 {
		for _, r := range rivals {
			if r.run == nil {
				continue
			}
			t := r.run(b, connections, messages)
			if round == 0 {
				continue // connections are opened, caches filled
			}
			rates[r.name] = append(rates[r.name], t.rate)
			medians[r.name] = append(medians[r.name], t.median)
			p99s[r.name] = append(p99s[r.name], t.p99)
		}
	}
	first := rivals[0].name
	b.ReportMetric(0, "ns/op")
	for _, r := range rivals {
		if r.run == nil {
			continue
		}
		b.ReportMetric(median(rates[r.name]), r.name+"/s")
		if r.name != "pgbench" {
			b.ReportMetric(milliseconds(median(medians[r.name])), r.name+"-p50-ms")
			b.ReportMetric(milliseconds(median(p99s[r.name])), r.name+"-p99-ms")
		}
		if r.name != first {
			b.ReportMetric(median(rates[first])/median(rates[r.name]), "×"+r.name)
		}
		b.Logf("%-10s in a second, by round: %.0f", r.name, rates[r.name])
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// durable is a database that is safe from power cuts, as in production.
type durable struct {
	server *devdb.Server
	dsn    string
	store  *store.Store
	db     *sql.DB
}

func newDurable(b testing.TB) *durable {
	b.Helper()
	server, err := devdb.Start(b.Context(), devdb.Config{Dir: filepath.Join(b.TempDir(), "data")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Stop)
	d := &durable{server: server, dsn: server.DSN("postgres")}
	if d.store, err = store.Open(b.Context(), d.dsn); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.store.Close() })
	if err := d.store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if d.db, err = sql.Open("postgres", d.dsn); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.db.Close() })
	return d
}

// fill stores deliveries that have been dealt with.
func (d *durable) fill(b *testing.B, n int) {
	b.Helper()
	_, err := d.db.ExecContext(b.Context(), `
		INSERT INTO deliveries (webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body, verdict, applied_at)
		SELECT 'msg_' || gen_random_uuid(), 'e:' || gen_random_uuid(), 'current', 'directCosts.write.successful', 'company', 'connection',
			gen_random_uuid(), '{"User-Agent": "Svix-Webhooks/1.62.0"}', convert_to(repeat('x', 1024), 'UTF8'), 'unmatched', now()
		FROM generate_series(1, $1)`, n)
	if err == nil {
		_, err = d.db.ExecContext(b.Context(), `VACUUM ANALYZE deliveries`)
	}
	if err != nil {
		b.Fatal(err)
	}
}

const benchCredential = "codat:a webhook password of the benchmarks"

var benchSender = sender{basicAuth(benchCredential), hookSecret}

// over is a rival that is reached by HTTP.
func (d *durable) over(name, address string) rival {
	return rival{name, func(b *testing.B, connections, messages int) timing {
		b.Helper()
		all := make([]message, messages)
		for i := range all {
			all[i] = benchSender.success(b, uuid.NewString())
		}
		return volley(b, address, all, connections)
	}}
}

// tallylight serves the program's routes as in production. Nothing applies what is stored.
func (d *durable) tallylight(b *testing.B, name string) rival {
	b.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	sessions, err := web.NewSessions(d.store, []string{strings.Repeat("k", 32)}, false)
	if err != nil {
		b.Fatal(err)
	}
	verifier, err := codat.NewVerifier(codat.VerifierConfig{Basic: []string{benchCredential}, Secrets: []string{hookSecret}, Legacy: true})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	hub, box := web.NewHub(), &inbox.Inbox{Store: d.store, Log: log}
	routes, err := handlers.New(handlers.Config{
		Store: d.store, Intake: store.NewIntake(d.store), Sessions: sessions, Hub: hub, Verifier: verifier, Metrics: web.NewMetrics(hub), Log: log,
		PublicURL: "http://" + listener.Addr().String(), Location: time.UTC,
		Wake: box.Wake, WakePush: func() {}, ReadCompany: func(string) {},
	}).Routes()
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	var running sync.WaitGroup
	running.Go(func() { web.Serve(ctx, listener, routes, hub, log) })
	b.Cleanup(func() { stop(); running.Wait() })
	return d.over(name, listener.Addr().String())
}

// bare is a handler that does nothing but insert and commit a row for each request.
func (d *durable) bare(b *testing.B) rival {
	b.Helper()
	db, err := sql.Open("postgres", d.dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	const connections = 64 // with 24, as the program has, it is no faster
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	insert, err := db.PrepareContext(b.Context(), `
		INSERT INTO deliveries (webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body, verdict, error)
		VALUES ($1, $1, 'current', 'directCosts.write.successful', 'company', 'connection', $1, '{"User-Agent": "Svix-Webhooks/1.62.0"}', $2, 'new', '')
		ON CONFLICT DO NOTHING`)
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = insert.ExecContext(r.Context(), r.Header.Get("Webhook-Id"), body)
		}
		if err != nil {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	var running sync.WaitGroup
	running.Go(func() { server.Serve(listener) })
	b.Cleanup(func() { server.Close(); running.Wait() })
	return d.over("bare", listener.Addr().String())
}

var pgbenchRate = regexp.MustCompile(`tps = ([\d.]+) \(without`)

// pgbench is PostgreSQL's own benchmark with the same rows. It is left out where it is not installed.
func (d *durable) pgbench(b *testing.B) rival {
	b.Helper()
	program, err := exec.LookPath("pgbench")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench"); err != nil && len(found) > 0 {
		program, err = found[len(found)-1], nil
	}
	if err != nil {
		b.Log("PGBENCH IS NOT INSTALLED: nothing is compared with it")
		return rival{name: "pgbench"}
	}
	script := filepath.Join(b.TempDir(), "insert.sql")
	err = os.WriteFile(script, []byte(`INSERT INTO deliveries (webhook_id, dedupe_key, generation, type, company, connection, operation_key, headers, body, verdict, error)
VALUES ('msg_' || gen_random_uuid(), 'e:' || gen_random_uuid(), 'current', 'directCosts.write.successful', 'company', 'connection', gen_random_uuid(), '{"User-Agent": "Svix-Webhooks/1.62.0"}', :body::bytea, 'new', '') ON CONFLICT DO NOTHING;`), 0o600)
	if err != nil {
		b.Fatal(err)
	}
	return rival{"pgbench", func(b *testing.B, connections, messages int) timing {
		b.Helper()
		connections = min(connections, 100) // the private PostgreSQL takes no more
		cmd := exec.CommandContext(b.Context(), program, "--no-vacuum", "--protocol=prepared", "--file="+script, fmt.Sprint("--client=", connections),
			fmt.Sprint("--jobs=", min(connections, 2)), fmt.Sprint("--transactions=", max(messages/connections, 200)), "--define=body="+strings.Repeat("x", 1024), d.dsn)
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("pgbench: %v\n%s", err, out)
		}
		rate := pgbenchRate.FindSubmatch(out)
		if rate == nil {
			b.Fatalf("pgbench says\n%s", out)
		}
		perSecond, err := strconv.ParseFloat(string(rate[1]), 64)
		if err != nil {
			b.Fatal(err)
		}
		return timing{rate: perSecond}
	}}
}
