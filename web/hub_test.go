package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func expense(key, data string) Event {
	return Event{Name: "expense", Topic: "expenses", Key: key, Data: []byte(data)}
}

func TestStreamsTakeWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		everything := s.open(t, "", nil)
		topic := s.open(t, "topics=expenses", nil)
		shown := s.open(t, "topics=expenses,counts&show=12,13", nil)
		anyTopic := s.open(t, "show=12", nil)
		nothing := s.open(t, "topics=expenses&show=", nil)
		other := s.open(t, "topics=connections", nil)
		tell := func(e Event) {
			s.hub.Publish(e)
			pass(time.Second)
		}
		tell(expense("12", "a"))
		tell(expense("14", "b"))
		tell(Event{Name: "expense", Topic: "expenses", Key: "15", Fresh: true, Data: []byte("c")})
		tell(Event{Name: "counts", Topic: "counts", Data: []byte("d")})
		tell(Event{Name: "digest", Topic: "expenses", Data: []byte("e")})
		tell(Event{Name: "connection", Topic: "connections", Key: "12", Data: []byte("f")})
		tell(Event{Name: "digest", Data: []byte("g")})
		expectHeard(t, "everything", everything, "expense a, expense b, expense c, counts d, digest e, connection f, digest g")
		expectHeard(t, "topic", topic, "expense a, expense b, expense c, digest e, digest g")
		expectHeard(t, "shown", shown, "expense a, expense c, counts d, digest e, digest g")
		expectHeard(t, "any topic", anyTopic, "expense a, expense c, counts d, digest e, connection f, digest g")
		expectHeard(t, "nothing shown", nothing, "expense c, digest e, digest g")
		expectHeard(t, "other", other, "connection f, digest g")
	})
}

func TestTimesAreSaidInThePagesZone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		berlin := s.open(t, "topics=expenses&show=12&zone=Europe/Berlin", nil)
		tokyo := s.open(t, "topics=expenses&show=12,13&zone=Asia/Tokyo", nil)
		late := s.open(t, "topics=expenses&show=12&zone=UTC", nil)
		for key, want := range map[string]string{"12": "Asia/Tokyo Europe/Berlin UTC", "13": "Asia/Tokyo", "14": "", "": "Asia/Tokyo Europe/Berlin UTC"} {
			if got := strings.Join(s.hub.Wanted("expenses", key), " "); got != want {
				t.Errorf("row %q is wanted in %q, want %q", key, got, want)
			}
		}
		s.hub.Publish(Event{Name: "expense", Topic: "expenses", Key: "12", Zoned: map[string][]byte{"Europe/Berlin": []byte("10:00"), "Asia/Tokyo": []byte("18:00")}})
		pass(time.Second)
		expectHeard(t, "Berlin", berlin, "expense 10:00")
		expectHeard(t, "Tokyo", tokyo, "expense 18:00")
		expectHeard(t, "a page that nothing was said for", late, "resync resync")
	})
}

func TestOnlyWhatIsWatchedIsWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		check := func(when string, watching, twelve, thirteen bool) {
			t.Helper()
			h := s.hub
			if h.Watching("expenses") != watching || len(h.Wanted("expenses", "12")) > 0 != twelve || len(h.Wanted("expenses", "13")) > 0 != thirteen {
				t.Errorf("%s: watching %v, 12 %v, 13 %v", when, !watching, !twelve, !thirteen)
			}
		}
		check("nobody", false, false, false)
		one := s.open(t, "topics=expenses&show=12", nil)
		two := s.open(t, "topics=expenses&show=12", nil)
		other := s.open(t, "topics=connections", nil)
		check("two pages", true, true, false)
		one.leave()
		synctest.Wait()
		check("one page", true, true, false)
		all := s.open(t, "", nil)
		check("all topics", true, true, true)
		all.leave()
		two.leave()
		synctest.Wait()
		check("other topic", false, false, false)
		other.leave()
		synctest.Wait()
		if h := s.hub; len(h.streams)+len(h.topics)+len(h.whole)+len(h.rows)+len(h.byUser) != 0 {
			t.Errorf("the hub keeps what has gone: %v", h)
		}
	})
}

func TestEventsOnTheWire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		b := s.open(t, "", nil)
		if h := b.res.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", h)
		}
		first := b.lastID
		if first == "" || b.blocks != 1 {
			t.Errorf("a browser that hears nothing has the id %q", first)
		}
		hostile := "<tr>\n<td>a</td>\r\n</tr>\rid: 1\r\r\nevent: resync\n\ndata: x"
		s.hub.Publish(Event{Name: "expense\nevent: resync", Topic: "expenses", Key: "1", Data: []byte(hostile)})
		pass(time.Second)
		s.hub.Publish(Event{Name: "counts"})
		pass(time.Second)
		if len(b.events) != 2 {
			t.Fatalf("events: %+v", b.events)
		}
		if m := b.events[0]; m.name != "expense event: resync" || m.data != "<tr>\n<td>a</td>\n</tr>\nid: 1\n\nevent: resync\n\ndata: x" {
			t.Errorf("event %+v", m)
		}
		last := uint64(0)
		for _, id := range []string{first, b.events[0].id, b.events[1].id} {
			n, err := strconv.ParseUint(id, 10, 64)
			if err != nil || n <= last {
				t.Errorf("ids %s, %s, %s do not grow", first, b.events[0].id, b.events[1].id)
			}
			last = n
		}
		if b.events[1].data != "" {
			t.Errorf("event without data: %+v", b.events[1])
		}
	})
}

func TestTheFirstGoesAtOnceTheNextTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		b := s.open(t, "", nil)
		s.hub.Publish(expense("1", "a"))
		synctest.Wait()
		expectHeard(t, "at once", b, "expense a")
		s.hub.Publish(expense("1", "b"))
		s.hub.Publish(expense("2", "c"))
		s.hub.Publish(Event{Name: "counts", Topic: "expenses", Data: []byte("3")})
		s.hub.Publish(Event{Name: "counts", Topic: "connections", Data: []byte("4")})
		s.hub.Publish(expense("1", "d"))
		s.hub.Publish(Event{Name: "counts", Topic: "expenses", Data: []byte("5")})
		pass(flushPause - time.Millisecond)
		expectHeard(t, "too soon", b, "")
		pass(time.Millisecond)
		expectHeard(t, "together", b, "expense c, counts 4, expense d, counts 5")
		pass(flushPause)
		s.hub.Publish(expense("1", "e"))
		synctest.Wait()
		expectHeard(t, "at once again", b, "expense e")
		pass(time.Second)
		expectHeard(t, "afterwards", b, "")
	})
}

func TestTooMuchAtOnceIsOneResync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		wide := s.open(t, "", nil)
		narrow := s.open(t, "show=5", nil)
		s.hub.Publish(expense("0", "first"))
		synctest.Wait()
		expectHeard(t, "wide", wide, "expense first")
		for n := range pendingMost {
			s.hub.Publish(expense(strconv.Itoa(n), "x"))
		}
		pass(flushPause)
		if got := strings.Count(wide.heard(), "expense x"); got != pendingMost {
			t.Errorf("%d events of %d", got, pendingMost)
		}
		for n := range 3 * pendingMost {
			s.hub.Publish(expense(strconv.Itoa(n), "y"))
		}
		if most := len(onlyWide(s.hub).pending); most > pendingMost {
			t.Errorf("%d events are kept", most)
		}
		pass(time.Second)
		expectHeard(t, "wide", wide, "resync resync")
		expectHeard(t, "narrow", narrow, "expense x, expense y")
		s.hub.Publish(expense("0", "z"))
		synctest.Wait()
		expectHeard(t, "wide, later", wide, "expense z")
	})
}

func onlyWide(h *Hub) *stream {
	for s := range h.whole[""] {
		return s
	}
	return nil
}

func TestWhoMissedSomethingIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		quiet := s.hub.Position()
		expectHeard(t, "new page", s.open(t, "", nil), "")
		expectHeard(t, "page as it was made", s.open(t, "since="+quiet, nil), "")
		expectHeard(t, "back", s.open(t, "", http.Header{"Last-Event-Id": {"17"}}), "resync resync")
		expectHeard(t, "from another process", s.open(t, "since=ABCDEFGH.99999999999999999", nil), "resync resync")
		expectHeard(t, "nonsense", s.open(t, "since=x", nil), "resync resync")

		s.hub.Publish(expense("1", "a"))
		pass(time.Second)
		expectHeard(t, "late for its topic", s.open(t, "topics=expenses&since="+quiet, nil), "resync resync")
		expectHeard(t, "late for all topics", s.open(t, "since="+quiet, nil), "resync resync")
		expectHeard(t, "late for another topic", s.open(t, "topics=connections&since="+quiet, nil), "")
		expectHeard(t, "in time", s.open(t, "since="+s.hub.Position(), nil), "")
	})
}

func TestNewsThatNobodyWatchedIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		made := s.hub.Position()
		if len(s.hub.Wanted("expenses", "1")) > 0 {
			t.Fatal("nobody is there")
		}
		expectHeard(t, "page", s.open(t, "topics=expenses&since="+made, nil), "resync resync")
		made = s.hub.Position()
		if s.hub.Watching("connections") {
			t.Fatal("nobody is there")
		}
		expectHeard(t, "page", s.open(t, "topics=connections&since="+made, nil), "resync resync")
	})
}

func TestResyncForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		made := s.hub.Position()
		a, b := s.open(t, "topics=expenses&show=1", nil), s.open(t, "", nil)
		s.hub.Resync()
		pass(time.Second)
		expectHeard(t, "a", a, "resync resync")
		expectHeard(t, "b", b, "resync resync")
		expectHeard(t, "late", s.open(t, "topics=expenses&since="+made, nil), "resync resync")
	})
}

func TestSlowReaderIsDroppedAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		quick := s.open(t, "", nil)
		conn, err := s.pipes.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /live HTTP/1.1\r\nHost: pipe\r\n\r\n") // and never reads
		synctest.Wait()
		if s.hub.Open() != 2 {
			t.Fatalf("%d streams", s.hub.Open())
		}
		for n := range 1000 {
			s.hub.Publish(expense(strconv.Itoa(n%100), strings.Repeat("x", 1000)))
		}
		pass(flushPause)
		if got := strings.Count(quick.heard(), "expense"); got < 100 {
			t.Errorf("the quick reader heard %d events", got)
		}
		pass(slowest)
		if s.hub.Open() != 1 || quick.ended() {
			t.Errorf("%d streams are left", s.hub.Open())
		}
	})
}

func TestStreamOutlivesTheDeadlinesOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		b := s.open(t, "", nil)
		pass(10 * time.Minute)
		if beats := b.blocks - 1; b.ended() || beats != int(10*time.Minute/heartbeat) {
			t.Errorf("ended %v, %d heartbeats", b.ended(), beats)
		}
		s.hub.Publish(expense("1", "a"))
		synctest.Wait()
		expectHeard(t, "the page", b, "expense a")
	})
}

func TestStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var asked atomic.Int32
		s.alive = func(ctx context.Context) bool {
			_, bounded := ctx.Deadline()
			return asked.Add(1) < 3 && bounded
		}
		b := s.open(t, "", nil)
		pass(3*aliveEvery - time.Second)
		if b.ended() || asked.Load() != 2 {
			t.Errorf("ended %v, asked %d times", b.ended(), asked.Load())
		}
		pass(time.Second)
		if !b.ended() || s.hub.Open() != 0 {
			t.Errorf("ended %v, %d streams", b.ended(), s.hub.Open())
		}
	})
}

func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.user = 7
		var last *browser
		for range streamsPerUser {
			last = s.open(t, "", nil)
		}
		if got := s.refused(t, ""); got != 503 {
			t.Errorf("one too many: %d", got)
		}
		s.user = 8
		s.open(t, "", nil)
		s.user = 7
		last.leave()
		synctest.Wait()
		s.open(t, "", nil)

		many := make([]string, shownMost+1)
		for n := range many {
			many[n] = strconv.Itoa(n)
		}
		s.user = 8
		if got := s.refused(t, "show="+strings.Join(many, ",")); got != 400 {
			t.Errorf("too many rows: %d", got)
		}
		s.open(t, "show="+strings.Join(many[1:], ","), nil)
		if got := s.refused(t, "topics="+strings.Join(many[:topicsMost+1], ",")); got != 400 {
			t.Errorf("too many topics: %d", got)
		}
	})
}

func TestHeadOfAStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		res, body := do(t, s.client, "HEAD", "http://pipe/live", nil)
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || body != "" {
			t.Errorf("answer %d %v", res.StatusCode, res.Header)
		}
	})
}
