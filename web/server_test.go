package web

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestShutdownEndsStreamsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		a, b := s.open(t, "", nil), s.open(t, "topics=expenses", nil)
		pass(heartbeat + slowest + time.Second)
		began := time.Now()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("shutdown took %v", took)
		}
		if !a.ended() || !b.ended() || s.hub.Open() != 0 {
			t.Errorf("streams ended: %v, %v; open %d", a.ended(), b.ended(), s.hub.Open())
		}
		if a.cut != nil || b.cut != nil {
			t.Errorf("streams were cut off: %v, %v", a.cut, b.cut)
		}
	})
}

func TestShutdownWaitsForRequestsButNotForEver(t *testing.T) {
	t.Parallel()
	for begun, finishes := range map[time.Duration]bool{55 * time.Second: true, 30 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			answered := make(chan error, 1)
			go func() {
				req, err := http.NewRequestWithContext(t.Context(), "GET", "http://pipe/slow", nil)
				if err != nil {
					answered <- err
					return
				}
				res, err := s.client.Do(req)
				if err == nil {
					res.Body.Close()
				}
				answered <- err
			}()
			pass(begun)
			stopping := time.Now()
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			if took := time.Since(stopping); took > stopTimeout+time.Second {
				t.Errorf("shutdown took %v", took)
			}
			if err := <-answered; (err == nil) != finishes {
				t.Errorf("a request %v from its end: %v", 59*time.Second-begun, err)
			}
			if cut := strings.Contains(s.log.String(), "cut off"); cut == finishes {
				t.Errorf("log: %s", s.log.String())
			}
		})
	}
}

func TestClosedHubTakesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		b := s.open(t, "", nil)
		s.hub.Close()
		s.hub.Close()
		synctest.Wait()
		if got := s.refused(t, ""); got != 503 || !b.ended() {
			t.Errorf("after Close: %d, the stream before ended %v", got, b.ended())
		}
	})
}

func TestServeSaysWhenItsListenerFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(context.Background(), l, http.NotFoundHandler(), NewHub(), new(logbook).log()); err == nil {
		t.Error("served a closed listener")
	}
}
