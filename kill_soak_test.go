//go:build soak

package main

import (
	"testing"
	"time"
)

func TestSoakKilledProcessesBookOnce(t *testing.T) { killProcesses(t, time.Minute) }
