package handlers

import (
	"path"
	"time"
	_ "time/tzdata" // people choose zones whatever the machine knows

	"tallylight/store"
)

const longestZone = 64

// zoneNamed is the zone of a name that the IANA gives: "Europe/Berlin". Names that a machine has beside those are none.
func zoneNamed(name string) (*time.Location, bool) {
	if name == "" || len(name) > longestZone || name == "Local" || name[0] < 'A' || name[0] > 'Z' || path.Clean(name) != name {
		return nil, false
	}
	in, err := time.LoadLocation(name)
	return in, err == nil
}

// zoneName is how a zone is called, where the machine says it. Pages say it, and their streams.
func zoneName(in *time.Location) string {
	switch name := in.String(); {
	case in == time.Local && name == "Local":
		return "the zone of the server"
	case name == "Etc/UTC":
		return "UTC"
	default:
		return name
	}
}

// in is the zone that zoneName calls so, else the installation's.
func (h *Handlers) in(name string) *time.Location {
	if in, ok := h.zones.Load(name); ok {
		return in.(*time.Location)
	}
	in, ok := zoneNamed(name)
	if !ok || name == zoneName(h.Location) {
		return h.Location
	}
	h.zones.Store(name, in)
	return in
}

// zoneOf is the zone that a person is told times in.
func (h *Handlers) zoneOf(who store.User) *time.Location { return h.in(who.Zone) }
