package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// visitor is a browser without a screen: it keeps cookies, and shows redirects instead of following them.
type visitor struct {
	t      testing.TB
	url    string
	client *http.Client
}

// visit signs somebody in.
func (p *program) visit(email, password string) *visitor {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := &http.Transport{}
	p.t.Cleanup(transport.CloseIdleConnections)
	v := &visitor{t: p.t, url: p.url, client: &http.Client{Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	v.post("/login", "email", email, "password", password)
	return v
}

func (v *visitor) send(r *http.Request) (status int, body string) {
	v.t.Helper()
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// page gets a page that must be there.
func (v *visitor) page(path string) string {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	status, body := v.send(r)
	if status != http.StatusOK {
		v.t.Fatalf("GET %s: %d %s", path, status, plain(body))
	}
	return body
}

// post sends a form of names and values in turn, which must lead on to a page.
func (v *visitor) post(path string, form ...string) {
	v.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if status, body := v.send(r); status != http.StatusSeeOther {
		v.t.Fatalf("POST %s: %d %s", path, status, plain(body))
	}
}

// receipt adds a file to an expense, as its page does.
func (v *visitor) receipt(expense, name, content string) {
	v.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err != nil || form.Close() != nil {
		v.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.url+"/expenses/"+expense+"/receipts", &b)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if status, body := v.send(r); status != http.StatusSeeOther {
		v.t.Fatalf("add %s: %d %s", name, status, plain(body))
	}
}

var rowPattern = regexp.MustCompile(`(?s)<tr id="expense-(\d+)"[^>]* data-status="(\w+)".*?</tr>`)

// row is the one expense with that reference, as the list shows it.
func (v *visitor) row(reference string) (id, status, html string) {
	v.t.Helper()
	page := v.page("/expenses?q=" + url.QueryEscape(reference))
	found := rowPattern.FindAllStringSubmatch(page, -1)
	if len(found) != 1 {
		v.t.Fatalf("%d rows are found by %s:\n%s", len(found), reference, plain(page))
	}
	return found[0][1], found[0][2], found[0][0]
}

func (v *visitor) id(reference string) string {
	v.t.Helper()
	id, _, _ := v.row(reference)
	return id
}

func (v *visitor) push(reference string) {
	v.t.Helper()
	v.post("/expenses/" + v.id(reference) + "/push")
}

func (v *visitor) retry(reference string) {
	v.t.Helper()
	v.post("/expenses/" + v.id(reference) + "/retry")
}

// event is one of the live stream.
type event struct {
	name, data string
	at         time.Time
	status     string // of the row it brings
}

// stream is an open page's live stream.
type stream struct {
	t      testing.TB
	of     *visitor
	events chan event       // closed when the stream has ended
	latest map[string]event // of each row, by its id in the DOM
}

// live opens the stream, and returns when it is open.
func (v *visitor) live(query string) *stream {
	v.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+"/live?"+query, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		v.t.Fatalf("GET /live?%s: %d", query, resp.StatusCode)
	}
	s := &stream{t: v.t, of: v, events: make(chan event, 1000), latest: map[string]event{}}
	ended := make(chan struct{})
	v.t.Cleanup(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		defer close(s.events)
		defer resp.Body.Close()
		s.read(resp.Body)
	}()
	return s
}

func (s *stream) read(body io.Reader) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if e.name != "" {
				e.at = time.Now()
				s.events <- e
			}
			e = event{}
		case field == "event":
			e.name = value
		case field == "data":
			e.data += value + "\n"
		}
	}
}

var rowsPattern = regexp.MustCompile(`(?s)<(tr|li) id="((?:expense|connection)-[^"]*)"[^>]* data-status="([^"]*)".*?</(?:tr|li)>`)

// await waits until a row has turned: id is that of the DOM, status its data-status. As a page does, it reads everything again
// when it is told that it may have missed something.
func (s *stream) await(id, status string) event {
	s.t.Helper()
	limit := time.After(patience)
	for {
		if e := s.latest[id]; e.status == status {
			return e
		}
		select {
		case e, open := <-s.events:
			switch {
			case !open:
				s.t.Fatalf("the stream ended before %s was %s; the latest of it: %s", id, status, plain(s.latest[id].data))
			case e.name == "resync":
				s.keep(event{at: e.at, data: s.of.page("/expenses") + s.of.page("/connections")})
			default:
				s.keep(e)
			}
		case <-limit:
			s.t.Fatalf("%s did not become %s; the latest of it: %s", id, status, plain(s.latest[id].data))
		}
	}
}

// keep notes the rows that an event brings; counts and the like bring none.
func (s *stream) keep(e event) {
	for _, row := range rowsPattern.FindAllStringSubmatch(e.data, -1) {
		s.latest[row[2]] = event{name: e.name, data: row[0], at: e.at, status: row[3]}
	}
}

func (s *stream) awaitExpense(id, status string) event {
	s.t.Helper()
	return s.await("expense-"+id, status)
}

func mustContain(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, plain(text))
		}
	}
}

var tags = regexp.MustCompile(`<[^>]*>|\s+`)

// plain is what can be read of a page, or the beginning of it.
func plain(html string) string {
	text := strings.Join(strings.Fields(tags.ReplaceAllString(html, " ")), " ")
	return text[:min(len(text), 1500)]
}
