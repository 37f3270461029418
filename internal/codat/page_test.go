package codat_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"tallylight/internal/codat"
)

// readAll reads a company's accounts to the end and returns their ids.
func readAll(t *testing.T, c *codat.Client) (ids []string, err error) {
	t.Helper()
	accounts := func(ctx context.Context, page int) (codat.Page[codat.Account], error) {
		return c.Accounts(ctx, "co", page)
	}
	for page, err := range codat.Pages(t.Context(), accounts) {
		if err != nil {
			return ids, err
		}
		for _, a := range page {
			ids = append(ids, a.ID)
		}
	}
	return ids, nil
}

func TestPages(t *testing.T) {
	t.Parallel()
	const next = `,"_links":{"self":{"href":"/s"},"next":{"href":"/n"}}`
	const last = `,"_links":{"self":{"href":"/s"}}`
	results := func(ids ...string) string {
		var records []string
		for _, id := range ids {
			records = append(records, fmt.Sprintf(`{"id":%q}`, id))
		}
		return `{"pageSize":2,"results":[` + strings.Join(records, ",") + `]`
	}
	tests := map[string]struct {
		pages []string // the last one is served for ever
		want  string
		reads int
		fails bool
	}{
		"to the last":             {[]string{results("1", "2") + next, results("3", "4") + next, results("5") + last}, "1 2 3 4 5", 3, false},
		"full last page":          {[]string{results("1", "2") + next, results("3", "4") + last}, "1 2 3 4", 2, false},
		"empty":                   {[]string{results() + last}, "", 1, false},
		"ends in an empty page":   {[]string{results("1", "2") + next, results() + next}, "1 2", 2, false},
		"no links":                {[]string{results("1", "2"), results("3")}, "1 2 3", 2, false},
		"short page with a next":  {[]string{results("1") + next, results("2") + last}, "1 2", 2, false},
		"one page links itself":   {[]string{results("1") + next}, "1", 2, false},
		"full page links itself":  {[]string{results("1", "2") + next}, "1 2", 2, true},
		"a failure on the way":    {[]string{results("1", "2") + next, "oops"}, "1 2", 2, true},
		"a null where a list was": {[]string{results("1", "2") + next, `{"results":null`}, "1 2", 2, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reads := 0
			c := served(t, func(w http.ResponseWriter, r *http.Request) {
				reads++
				if page := r.URL.Query().Get("page"); page != fmt.Sprint(reads) {
					t.Errorf("asked for page %s at read %d", page, reads)
				}
				io.WriteString(w, test.pages[min(reads, len(test.pages))-1]+"}")
			})
			ids, err := readAll(t, c)
			if got := strings.Join(ids, " "); got != test.want || (err != nil) != test.fails || reads != test.reads {
				t.Errorf("got %q in %d reads, error %v", got, reads, err)
			}
		})
	}
}

func TestPagesEnd(t *testing.T) {
	t.Parallel()
	endless := func(_ context.Context, page int) (codat.Page[int], error) {
		return codat.Page[int]{Results: []int{page % 2}, Next: true}, nil
	}
	var last error
	reads := 0
	for _, err := range codat.Pages(t.Context(), endless) {
		reads++
		last = err
	}
	if last == nil || reads > 20_000 {
		t.Errorf("ended after %d pages with %v", reads, last)
	}
}

func TestHistoryWithoutOrder(t *testing.T) {
	t.Parallel()
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("orderBy") {
			w.WriteHeader(400)
			w.Write(sample(t, "errors/error.response-400.Unresolved-property.platform-oas.json"))
			return
		}
		io.WriteString(w, `{"results":[{"pushOperationKey":"op"}]}`)
	})
	page, err := c.PushOperations(t.Context(), "co", 1)
	if err != nil || len(page.Results) != 1 || page.Results[0].PushOperationKey != "op" {
		t.Errorf("got %+v, %v", page, err)
	}
}
