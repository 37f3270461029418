package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

func BenchmarkPush(b *testing.B) {
	for name, file := range map[string]string{"memory": "", "file": filepath.Join(b.TempDir(), "journal")} {
		b.Run(name, func(b *testing.B) {
			if file != "" {
				file += fmt.Sprint(b.N)
			}
			s, err := sandbox.New(sandbox.Config{APIKey: apiKey, File: file, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = s.Run(ctx) })
			defer func() { cancel(); running.Wait(); s.Close() }()
			benchmarkPush(b, s)
		})
	}
}

func benchmarkPush(b *testing.B, s *sandbox.Sandbox) {
	id, link, err := s.AddCompany("Litware", "gbol", "")
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	c := &box{url: server.URL}
	get := func(path string) string {
		r := c.doContext(b.Context(), "GET", path, nil, "")
		var page struct{ Results []struct{ ID, Name string } }
		if err := json.Unmarshal(r.body, &page); err != nil {
			b.Fatal(err)
		}
		for _, rec := range page.Results {
			if rec.Name == "" || rec.Name == "Rent" || strings.HasPrefix(rec.Name, "20%") {
				return rec.ID
			}
		}
		return ""
	}
	co := &company{b: c, id: id, link: link, currency: "GBP", suppliers: map[string]string{"Fourth Coffee": get("/companies/" + id + "/data/suppliers")},
		accounts: map[string]string{"Entertainment": get("/companies/" + id + "/data/accounts")},
		bank:     get("/companies/" + id + "/connections/" + link + "/data/bankAccounts"), tax: get("/companies/" + id + "/data/taxRates")}
	body, err := json.Marshal(co.cost("A"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r := c.doContext(b.Context(), "POST", co.path("push/directCosts"), body, uuid.NewString()); r.status != 200 {
				b.Errorf("%d %s %v", r.status, r.body, r.err)
			}
		}
	})
}
