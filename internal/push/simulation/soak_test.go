//go:build soak

package simulation

import "testing"

func TestSoakHistories(t *testing.T) { liveThrough(t, 1, 10_000) }
