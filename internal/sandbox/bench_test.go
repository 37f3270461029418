package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tallylight/internal/sandbox"
)

func benchmarkPush(b *testing.B, s *sandbox.Sandbox) {
	id, link, err := s.AddCompany("Litware", "gbol", "")
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	c := (&box{t: &testing.T{}, url: server.URL})
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
