package web

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveLive serves the streams of a hub over TCP until the test ends.
func serveLive(tb testing.TB, hub *Hub) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	log := new(logbook).log()
	var users int64
	var mu sync.Mutex
	h := Observe(log, NewMetrics(hub), Adapter{Log: log}.Handle(func(w http.ResponseWriter, r *http.Request) error {
		mu.Lock()
		users++
		user := users
		mu.Unlock()
		return hub.Stream(w, r, user, "", func(context.Context) bool { return true })
	}))
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- Serve(ctx, l, h, hub, log) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return "http://" + l.Addr().String() + "/live?"
}

// listen opens a stream and calls heard with the data of each event.
func listen(tb testing.TB, url string, heard func(data string)) {
	res, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				heard(data)
			}
		}
	})
	tb.Cleanup(func() {
		res.Body.Close()
		reading.Wait()
	})
}

func TestLiveOverTCP(t *testing.T) {
	t.Parallel()
	hub := NewHub()
	url := serveLive(t, hub)
	heard := make(chan string, 10)
	listen(t, url+"topics=expenses&show=1", func(data string) { heard <- data })
	hub.Publish(expense("2", "not shown"))
	hub.Publish(expense("1", "a"))
	if got := <-heard; got != "a" {
		t.Errorf("first %q", got)
	}
	hub.Publish(expense("1", "b"))
	hub.Publish(expense("1", "c"))
	if got := <-heard; got != "c" {
		t.Errorf("then %q", got)
	}
}

// A thousand pages of fifty rows, of which each row is shown by ten: how long until the last of the ten has heard.
func BenchmarkThousandPages(b *testing.B) {
	hub := NewHub()
	url := serveLive(b, hub)
	const pages, shows, rows = 1000, 50, 5000
	arrived := make(chan time.Time, pages)
	for p := range pages {
		var show []string
		for n := range shows {
			show = append(show, strconv.Itoa((p*shows+n)%rows))
		}
		listen(b, url+"topics=expenses&show="+strings.Join(show, ","), func(string) { arrived <- time.Now() })
	}
	html := []byte(fmt.Sprintf("<tr>%s</tr>", strings.Repeat("<td>EUR 12.50</td>", 60)))
	var took []time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		hub.Publish(Event{Name: "expense", Topic: "expenses", Key: strconv.Itoa(n * 61 % rows), Data: html})
		var last time.Time
		for range pages * shows / rows {
			last = <-arrived
		}
		took = append(took, last.Sub(began))
		n++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
