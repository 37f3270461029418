//go:build soak

package main

import (
	"slices"
	"testing"
	"time"
)

// A thousand webhooks a second for a minute, with a thousand open pages.
func TestSoakSteadyWebhooks(t *testing.T) {
	idle, busy, memory := steadyWebhooks(t, newDurable(t).dsn, 1000, time.Minute, 1000)
	if busy.rate < 950 {
		t.Errorf("only %.0f were answered a second", busy.rate)
	}
	if busy.p99 > 3*idle.p99 {
		t.Errorf("the slowest answers took %s, at an idle program %s", busy.p99, idle.p99)
	}
	third := len(memory) / 3
	if middle, end := slices.Max(memory[third:2*third]), slices.Max(memory[2*third:]); end > middle*6/5 {
		t.Errorf("memory grows: %v MB", memory)
	}
}
