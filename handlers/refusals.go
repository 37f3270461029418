package handlers

import (
	"net/netip"
	"sync"
	"time"
)

const (
	refusalsMost   = 20               // of one address within refusalsWithin; then it is limited
	refusalsWithin = time.Minute      // after the first of them
	limitedAtOnce  = 4                // messages of a limited address that are read at the same time
	addressesMost  = 10_000           // that are remembered
	refusalFirst   = 5                // refusals that are logged one by one
	refusalPause   = 10 * time.Second // between two that are logged after that
)

// refusals remember which addresses webhooks were refused from lately. An address with many is limited: only few of its messages
// are read at once, so that a flood leaves the machine to others, and good ones behind the same proxy still come through.
type refusals struct {
	mu sync.Mutex
	of map[string]*refused
}

type refused struct {
	first time.Time
	n     int
	slots chan struct{}
}

func newRefusals() refusals { return refusals{of: map[string]*refused{}} }

func (r *refusals) note(address string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := neighbourhood(address)
	one := r.of[key]
	if one == nil || now.Sub(one.first) > refusalsWithin {
		if r.tidy(now); one == nil {
			one = &refused{slots: make(chan struct{}, limitedAtOnce)}
			r.of[key] = one
		}
		one.first, one.n = now, 0
	}
	one.n++
}

// tidy makes room for one more address.
func (r *refusals) tidy(now time.Time) {
	if len(r.of) < addressesMost {
		return
	}
	for key, one := range r.of {
		if now.Sub(one.first) > refusalsWithin {
			delete(r.of, key)
		}
	}
	if len(r.of) >= addressesMost {
		clear(r.of)
	}
}

// enter reports whether a message from an address may be read now; if so, call leave after it was.
func (r *refusals) enter(address string, now time.Time) (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of[neighbourhood(address)]
	if one == nil || one.n < refusalsMost || now.Sub(one.first) > refusalsWithin {
		return func() {}, true
	}
	select {
	case one.slots <- struct{}{}:
		return func() { <-one.slots }, true
	default:
		return nil, false
	}
}

// neighbourhood is an address, or the network of an IPv6 address: one sender has all of it.
func neighbourhood(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is6() || ip.Is4In6() {
		return address
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return network.String()
}
