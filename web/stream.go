package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	streamType = "text/event-stream"

	flushPause   = 250 * time.Millisecond // between two flushes of a stream
	heartbeat    = 15 * time.Second
	aliveEvery   = time.Minute
	aliveTimeout = 5 * time.Second
	slowest      = 10 * time.Second // that a reader may take over one flush

	pendingMost = 200 // events of different slots; more are one resync
	topicsMost  = 20
	shownMost   = 1000
)

// Stream answers with the events of the hub, until the reader goes, is too slow, or alive says that the session has ended.
// alive is asked once a minute. The query of r says what it takes:
//
//	topics=expenses,connections  the topics; none means all
//	show=12,13,14                the rows its page shows; absent means every row, empty means none
//	since=…                      the Position at which the page was made
//
// zone is that of the page's times.
//
// The first event is sent at once, those that follow within 250 ms together, the newest of each name and key. The stream
// starts with a "resync" when events were missed: since has passed, or the browser comes back (Last-Event-ID). A page that
// gets one reads itself again. One person may have 20 streams open; more are a 503, as is any stream after Close.
func (h *Hub) Stream(w http.ResponseWriter, r *http.Request, user int64, zone string, alive func(context.Context) bool) error {
	s, err := newStream(user, zone, r.URL.Query())
	if err != nil {
		return err
	}
	if err := h.join(s, r.URL.Query().Get("since"), r.Header.Get("Last-Event-ID") != ""); err != nil {
		return err
	}
	defer h.leave(s)
	w.Header().Set("Content-Type", streamType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		return nil
	}
	out := http.NewResponseController(w)
	moreTime := func() error { return out.SetWriteDeadline(time.Now().Add(slowest)) }
	send := func(b []byte) bool {
		if moreTime() != nil {
			return false
		}
		if _, err := w.Write(b); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	// The id alone is no event. It makes a browser that lost its stream before the first event say so.
	if !send(fmt.Appendf(nil, "retry: %d\nid: %d\n\n", 1000+rand.IntN(2000), s.joined)) {
		return nil
	}
	s.run(r.Context(), h.stop, send, alive)
	moreTime() // to end the answer properly
	return nil
}

// stream is one browser's place in the hub.
type stream struct {
	user   int64
	zone   string
	topics []string        // "" = all
	whole  bool            // takes every row
	shown  map[string]bool // else these rows
	joined uint64          // the latest id when it joined

	wake chan struct{} // holds a token while there is something to send

	mu      sync.Mutex
	pending map[slot]frame
	lost    uint64 // not 0 = a resync with this id is due, in place of everything else
}

func newStream(user int64, zone string, query url.Values) (*stream, error) {
	s := &stream{user: user, zone: zone, whole: !query.Has("show"), wake: make(chan struct{}, 1), pending: map[slot]frame{}}
	s.topics = words(query.Get("topics"))
	if len(s.topics) == 0 {
		s.topics = []string{""}
	}
	s.shown = map[string]bool{}
	for _, key := range words(query.Get("show")) {
		s.shown[key] = true
	}
	if len(s.topics) > topicsMost || len(s.shown) > shownMost {
		return nil, BadRequest("That is too much to watch at once.")
	}
	return s, nil
}

// words are the different words of a comma-separated list.
func words(list string) []string {
	all := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
	slices.Sort(all)
	return slices.Compact(all)
}

// offer leaves f to be sent, in place of an older one of its slot.
func (s *stream) offer(of slot, f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != 0 {
		return // the page will read itself after this
	}
	s.pending[of] = f
	if len(s.pending) > pendingMost {
		s.lose(f.id)
	}
	s.rouse()
}

// resyncAt leaves a resync to be sent in place of all that is pending.
func (s *stream) resyncAt(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose(id)
	s.rouse()
}

func (s *stream) lose(id uint64) {
	s.lost = id
	clear(s.pending)
}

func (s *stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be sent now, in the order in which it happened.
func (s *stream) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	if s.lost != 0 {
		b.Write(newFrame(s.lost, resync, []byte(resync)).bytes)
		s.lost = 0
		return b.Bytes()
	}
	for _, f := range slices.SortedFunc(maps.Values(s.pending), func(a, b frame) int { return cmp.Compare(a.id, b.id) }) {
		b.Write(f.bytes)
	}
	clear(s.pending)
	return b.Bytes()
}

// run sends what is offered until one of its ends comes.
func (s *stream) run(ctx context.Context, stop <-chan struct{}, send func([]byte) bool, alive func(context.Context) bool) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	check := time.NewTicker(aliveEvery)
	defer check.Stop()
	wake := s.wake
	var rested <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-stop:
			return
		case <-wake:
			news := s.take()
			if len(news) == 0 {
				continue // it went with what was sent before
			}
			if !send(news) {
				return
			}
			wake, rested = nil, time.After(flushPause)
		case <-rested:
			wake, rested = s.wake, nil
		case <-beat.C:
			if !send(fmt.Appendf(nil, "event: beat\nid: %d\ndata:\n\n", s.joined)) {
				return
			}
		case <-check.C:
			ask, cancel := context.WithTimeout(ctx, aliveTimeout)
			ok := alive(ask)
			cancel()
			if !ok {
				return
			}
		}
	}
}
