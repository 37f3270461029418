package web

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	streamsPerUser = 20
	streamsInAll   = 5000
)

// Hub hands events to the streams that want them. It never waits for a reader.
//
// A stream takes the events of its topics. One that says which rows it shows takes, of events with a key, only those about
// these rows and those marked Fresh. Of events with times it takes what is said in its own zone.
type Hub struct {
	tag string // tells this process's positions from others'

	mu     sync.Mutex
	closed bool
	stop   chan struct{} // closed by Close
	id     uint64        // of the latest event
	latest map[string]uint64
	byUser map[int64]int

	streams map[*stream]bool
	topics  index[string] // every stream of a topic; "" = the streams that take all topics
	whole   index[string] // those of them that take every row
	rows    index[row]    // the others, by the rows they show
}

type row struct{ topic, key string }

// index holds sets of streams.
type index[K comparable] map[K]map[*stream]bool

// put puts s into the set of key, or takes it out.
func (x index[K]) put(key K, s *stream, in bool) {
	switch set := x[key]; {
	case !in:
		if delete(set, s); len(set) == 0 {
			delete(x, key)
		}
	case set == nil:
		x[key] = map[*stream]bool{s: true}
	default:
		set[s] = true
	}
}

// NewHub returns a hub without streams.
func NewHub() *Hub {
	return &Hub{
		tag:     rand.Text()[:8],
		stop:    make(chan struct{}),
		id:      uint64(time.Now().UnixMicro()), // so that ids grow over restarts, too
		latest:  map[string]uint64{},
		byUser:  map[int64]int{},
		streams: map[*stream]bool{},
		topics:  index[string]{},
		whole:   index[string]{},
		rows:    index[row]{},
	}
}

// Publish hands e to the streams that want it.
func (h *Hub) Publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(e.Topic)
	all, zoned := newFrame(h.id, e.Name, e.Data), map[string]frame{}
	for zone, data := range e.Zoned {
		zoned[zone] = newFrame(h.id, e.Name, data)
	}
	for _, set := range h.takers(e.Topic, e.Key, e.Fresh) {
		for s := range set {
			f, said := all, true
			if e.Zoned != nil {
				f, said = zoned[s.zone]
			}
			if said {
				s.offer(slot{e.Topic, e.Name, e.Key}, f)
			} else { // it came after Wanted was asked
				s.resyncAt(h.id)
			}
		}
	}
}

// Resync tells every page to read itself again: changes may have been missed.
func (h *Hub) Resync() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note("")
	for s := range h.streams {
		s.resyncAt(h.id)
	}
}

// Wanted returns the zones of the streams that take events about that row, or with no key any event of that topic, such as one about
// a row that is new. Ask it before rendering an event, and only when there is one: when nobody wants it, the hub remembers that there
// was news on the topic, for pages that are just being opened.
func (h *Hub) Wanted(topic, key string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	zones := map[string]bool{}
	for _, set := range h.takers(topic, key, false) {
		for s := range set {
			zones[s.zone] = true
		}
	}
	if len(zones) == 0 {
		h.note(topic)
	}
	return slices.Sorted(maps.Keys(zones))
}

// Watching reports whether a stream takes any event of that topic. Otherwise like Wanted.
func (h *Hub) Watching(topic string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics[topic])+len(h.topics[""]) > 0 {
		return true
	}
	h.note(topic)
	return false
}

// Position marks this moment in the flow of events. A page takes it before it reads what it shows, and passes it to its
// stream as since.
func (h *Hub) Position() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tag + "." + strconv.FormatUint(h.id, 10)
}

// Open is how many streams there are.
func (h *Hub) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// Close ends all streams, for good.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.stop)
	}
}

// note gives the news on a topic its id.
func (h *Hub) note(topic string) {
	h.id++
	h.latest[topic] = h.id
}

// takers are the sets of streams, none of them in two, that take an event. An event without a key is for every row.
func (h *Hub) takers(topic, key string, fresh bool) []map[*stream]bool {
	switch {
	case topic == "":
		return []map[*stream]bool{h.streams}
	case key == "" || fresh:
		return []map[*stream]bool{h.topics[topic], h.topics[""]}
	default:
		return []map[*stream]bool{h.whole[topic], h.whole[""], h.rows[row{topic, key}], h.rows[row{"", key}]}
	}
}

// join adds a stream. One that is back, or whose page was made before the latest news for it, starts with a resync.
func (h *Hub) join(s *stream, since string, back bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return &Error{http.StatusServiceUnavailable, "Tallylight is restarting. Try again in a moment.", nil}
	case len(h.streams) >= streamsInAll:
		return &Error{http.StatusServiceUnavailable, "Too many live pages are open just now.", errors.New("streams: all in use")}
	case h.byUser[s.user] >= streamsPerUser:
		return &Error{http.StatusServiceUnavailable, "You have too many live pages open. Close some of them.", nil}
	}
	h.byUser[s.user]++
	h.streams[s] = true
	h.place(s, true)
	s.joined = h.id
	if back || since != "" && h.missed(s, since) {
		s.resyncAt(h.id)
	}
	return nil
}

func (h *Hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
	h.place(s, false)
	if h.byUser[s.user]--; h.byUser[s.user] == 0 {
		delete(h.byUser, s.user)
	}
}

func (h *Hub) place(s *stream, in bool) {
	for _, topic := range s.topics {
		h.topics.put(topic, s, in)
		if s.whole {
			h.whole.put(topic, s, in)
		}
		for key := range s.shown {
			h.rows.put(row{topic, key}, s, in)
		}
	}
}

// missed reports whether there was news for s after the position since, or that cannot be known.
func (h *Hub) missed(s *stream, since string) bool {
	tag, number, _ := strings.Cut(since, ".")
	id, err := strconv.ParseUint(number, 10, 64)
	if err != nil || tag != h.tag {
		return true
	}
	newest := h.latest[""]
	for _, topic := range s.topics {
		if topic == "" {
			return h.id > id
		}
		newest = max(newest, h.latest[topic])
	}
	return newest > id
}
