package codat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"strconv"
)

// pageSize is what we ask for: Codat's default is 100 and its most 5000 (2000 in another place of its schema); a thousand
// records are about a megabyte.
const pageSize = 1000

// maxPages ends a list that would not end by itself.
const maxPages = 10_000

// Page is one page of a list.
type Page[T any] struct {
	Results []T
	Next    bool // Codat says that there is another
	Short   bool // fewer results than were asked for
}

// Pages reads a list from its first page to its last. It ends at an error, which it yields; a list that repeats itself is
// one, since what is missing from it would look deleted.
func Pages[T any](ctx context.Context, read func(ctx context.Context, page int) (Page[T], error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var before []T
		for number := 1; number <= maxPages; number++ {
			page, err := read(ctx, number)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page.Results) == 0 {
				return
			}
			if reflect.DeepEqual(page.Results, before) {
				if !page.Short { // a short page that leads to itself is all there is
					yield(nil, fmt.Errorf("page %d of a list is the same as the one before", number))
				}
				return
			}
			if !yield(page.Results, nil) || !page.Next {
				return
			}
			before = page.Results
		}
		yield(nil, errors.New("a list does not end"))
	}
}

// list makes a call whose reply is one page. Where Codat gives no links, a full page means that there is another.
func list[T any](ctx context.Context, c *Client, r call, page int) (Page[T], error) {
	if r.query == nil {
		r.query = url.Values{}
	}
	r.query.Set("page", strconv.Itoa(page))
	r.query.Set("pageSize", strconv.Itoa(pageSize))
	status, body, err := c.send(ctx, r)
	if err != nil {
		return Page[T]{}, err
	}
	var said struct {
		Results  *[]T `json:"results"`
		PageSize int  `json:"pageSize"`
		Links    *struct {
			Next struct {
				Href string `json:"href"`
			} `json:"next"`
		} `json:"_links"`
	}
	if err := decode(body, &said); err != nil {
		return Page[T]{}, c.unreadable(r, status, body, err)
	}
	if said.Results == nil {
		return Page[T]{}, c.unreadable(r, status, body, errors.New("the reply is no list"))
	}
	size := said.PageSize
	if size <= 0 {
		size = pageSize
	}
	p := Page[T]{Results: *said.Results, Short: len(*said.Results) < size}
	p.Next = !p.Short
	if said.Links != nil {
		p.Next = said.Links.Next.Href != ""
	}
	return p, nil
}
