package sandbox

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

type href struct {
	Href string `json:"href"`
}

type page struct {
	Results      []any           `json:"results"`
	PageNumber   int             `json:"pageNumber"`
	PageSize     int             `json:"pageSize"`
	TotalResults int             `json:"totalResults"`
	Links        map[string]href `json:"_links"`
}

// paged answers one page of items, which are in Codat's own order. A query leaves some out.
func paged[T any](r *request, items []T, show func(T) any) (any, error) {
	q := r.URL.Query()
	number, size := 1, 100
	for name, n := range map[string]*int{"page": &number, "pageSize": &size} {
		if v := q.Get(name); v != "" {
			parsed, err := strconv.Atoi(v)
			if err != nil || parsed < 1 {
				return nil, refuse(http.StatusBadRequest, "%s", usual[400])
			}
			*n = parsed
		}
	}
	if size > 5000 {
		return nil, refuse(http.StatusBadRequest, "%s", usual[400])
	}
	if query := q.Get("query"); query != "" {
		var found []T
		for _, item := range items {
			ok, err := matches(query, show(item))
			if err != nil {
				return nil, refuse(http.StatusBadRequest, "Error parsing query - %s", err)
			}
			if ok {
				found = append(found, item)
			}
		}
		items = found
	}
	p := page{Results: []any{}, PageNumber: number, PageSize: size, TotalResults: len(items)}
	from := min((number-1)*size, len(items))
	to := min(from+size, len(items))
	for _, item := range items[from:to] {
		p.Results = append(p.Results, show(item))
	}
	at := func(n int) href {
		q := url.Values{"page": {strconv.Itoa(n)}, "pageSize": {strconv.Itoa(size)}}
		for _, kept := range []string{"query", "orderBy"} {
			if v := r.URL.Query().Get(kept); v != "" {
				q.Set(kept, v)
			}
		}
		return href{r.URL.Path + "?" + q.Encode()}
	}
	p.Links = map[string]href{"self": {r.URL.Path}, "current": at(number)}
	if to < len(items) {
		p.Links["next"] = at(number + 1)
	}
	if number > 1 {
		p.Links["previous"] = at(number - 1)
	}
	return p, nil
}

var operators = []string{"!=", ">=", "<=", "=", "~", ">", "<"}

// matches understands Codat's query language as far as it has no brackets: name~taxi&&status=Active||name=Rent.
func matches(query string, record any) (bool, error) {
	var fields map[string]any
	if err := json.Unmarshal(encode(record), &fields); err != nil {
		return false, fmt.Errorf("could not read %T", record)
	}
	for choice := range strings.SplitSeq(query, "||") {
		all := true
		for term := range strings.SplitSeq(choice, "&&") {
			ok, err := holds(strings.TrimSpace(term), fields)
			if err != nil {
				return false, err
			}
			all = all && ok
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

func holds(term string, fields map[string]any) (bool, error) {
	at := strings.IndexAny(term, "!=~<>")
	if at <= 0 || strings.ContainsAny(term, "{}") {
		return false, fmt.Errorf("could not parse %s", term)
	}
	name, rest := strings.TrimSpace(term[:at]), term[at:]
	for _, op := range operators {
		want, ok := strings.CutPrefix(rest, op)
		if !ok {
			continue
		}
		got := ""
		if v := field(fields, name); v != nil {
			got = fmt.Sprint(v)
		}
		return compare(got, op, strings.TrimSpace(want)), nil
	}
	return false, fmt.Errorf("could not parse %s", term)
}

func field(fields map[string]any, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	for k, v := range fields {
		if !strings.EqualFold(k, name) {
			continue
		}
		if !deeper {
			return v
		}
		if m, ok := v.(map[string]any); ok {
			return field(m, rest)
		}
	}
	return nil
}

func compare(got, op, want string) bool {
	got, want = strings.ToLower(got), strings.ToLower(want)
	order := strings.Compare(got, want)
	if a, ok := new(big.Rat).SetString(got); ok {
		if b, ok := new(big.Rat).SetString(want); ok {
			order = a.Cmp(b)
		}
	}
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "~":
		return strings.Contains(got, want)
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	}
	return order <= 0
}
