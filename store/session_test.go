package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallylight/store"
)

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash := sha256.Sum256([]byte("token"))
	alive := func(s *store.Store, touch bool) bool {
		t.Helper()
		user, values, err := s.LoadSession(t.Context(), hash[:], touch)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		if err == nil && (user != w.by.ID || string(values) != "values") {
			t.Errorf("session of %d with %q", user, values)
		}
		return err == nil
	}
	if alive(w.Store, true) {
		t.Error("a session is alive before it was saved")
	}
	if err := w.AddSession(t.Context(), hash[:], w.by.ID, []byte("values")); err != nil {
		t.Fatal(err)
	}
	if !alive(w.later(29*time.Minute), false) || alive(w.later(31*time.Minute), false) {
		t.Error("an idle session does not end after half an hour")
	}
	for m := 25; m < 12*60; m += 25 { // in use
		if !alive(w.later(time.Duration(m)*time.Minute), true) {
			t.Fatalf("a session in use has ended after %d min", m)
		}
	}
	if alive(w.later(12*time.Hour+time.Minute), true) {
		t.Error("a session in use does not end after twelve hours")
	}
	if err := w.DeleteSession(t.Context(), hash[:]); err != nil || alive(w.Store, false) {
		t.Errorf("a deleted session is alive, error %v", err)
	}
	if err := w.SaveSession(t.Context(), hash[:], []byte("values")); err != nil || alive(w.Store, false) {
		t.Errorf("saving revives a session that has ended, error %v", err)
	}
	if err := w.SaveSession(t.Context(), hash[:], []byte("values")); err != nil || alive(w.Store, false) {
		t.Errorf("saving its values brings a deleted session back, error %v", err)
	}
}

func TestPasswordChangeEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := sha256.Sum256([]byte("here")), sha256.Sum256([]byte("there"))
	for _, hash := range [][32]byte{here, there} {
		if err := w.AddSession(t.Context(), hash[:], w.by.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ChangePassword(t.Context(), w.by, "new hash", here[:]); err != nil {
		t.Fatal(err)
	}
	_, _, errHere := w.LoadSession(t.Context(), here[:], false)
	_, _, errThere := w.LoadSession(t.Context(), there[:], false)
	if errHere != nil || !errors.Is(errThere, store.ErrNotFound) {
		t.Errorf("here %v, there %v", errHere, errThere)
	}
	u, err := w.SaveUser(t.Context(), " ANN@example.com ", "newest hash", store.Admin)
	if err != nil || u.ID != w.by.ID || u.Role != store.Admin {
		t.Errorf("saved %+v, error %v", u, err)
	}
	if _, _, err := w.LoadSession(t.Context(), here[:], false); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a session outlives a reset password: %v", err)
	}
}

func TestSignInLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	try := func(s *store.Store, email, address string) (blocked bool) {
		t.Helper()
		blocked, err := s.SignInTry(t.Context(), email, address)
		if err != nil {
			t.Fatal(err)
		}
		return blocked
	}
	for i := range 10 {
		if try(w.Store, "Ann@example.com", fmt.Sprintf("192.0.2.%d", i+10)) {
			t.Fatalf("blocked after %d wrong passwords", i)
		}
	}
	if !try(w.Store, "ann@example.com", "192.0.2.1") || try(w.Store, "bob@example.com", "192.0.2.10") {
		t.Error("ten wrong passwords do not block the account, and it alone")
	}
	if try(w.later(16*time.Minute), "ann@example.com", "192.0.2.1") {
		t.Error("still blocked after a quarter of an hour")
	}
	if err := w.SignInSucceeded(t.Context(), "ann@example.com", "192.0.2.1"); err != nil || try(w.Store, "ann@example.com", "192.0.2.1") {
		t.Errorf("still blocked after a right password, error %v", err)
	}
	for i := range 50 {
		try(w.Store, fmt.Sprintf("user%d@example.com", i), "198.51.100.1")
		try(w.Store, fmt.Sprintf("other%d@example.com", i), "")
	}
	if !try(w.Store, "anybody@example.com", "198.51.100.1") || try(w.Store, "anybody@example.com", "198.51.100.2") || try(w.Store, "anybody@example.com", "") {
		t.Error("fifty wrong passwords do not block the address, and it alone")
	}
	if err := w.SignInSucceeded(t.Context(), "anybody@example.com", "198.51.100.1"); err != nil || try(w.Store, "anybody@example.com", "198.51.100.1") {
		t.Errorf("a right password does not take its own try back, error %v", err)
	}
	if try(w.Store, strings.Repeat("long", 5000)+"@example.com", "") {
		t.Error("a long email is blocked")
	}
}

func TestSignInLimitHoldsAgainstABurst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var judged atomic.Int64
	var tries sync.WaitGroup
	for range 60 {
		tries.Go(func() {
			blocked, err := w.SignInTry(context.Background(), "ann@example.com", "")
			if err != nil {
				t.Error(err)
			}
			if !blocked {
				judged.Add(1)
			}
		})
	}
	tries.Wait()
	if judged.Load() != 10 {
		t.Errorf("%d passwords are judged at once, want 10", judged.Load())
	}
}
