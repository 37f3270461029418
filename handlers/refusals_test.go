package handlers

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tallylight/internal/codat"
)

func TestAnAddressWithManyRefusalsIsLimited(t *testing.T) {
	t.Parallel()
	r, now := newRefusals(), time.Now()
	enter := func(address string) (leave func(), ok bool) { return r.enter(address, now) }
	for range refusalsMost - 1 {
		r.note("192.0.2.1", now)
		r.note("2001:db8::1", now)
	}
	var leaves []func()
	for range 2 * limitedAtOnce {
		leave, ok := enter("192.0.2.1")
		if !ok {
			t.Fatal("limited too early")
		}
		leaves = append(leaves, leave)
	}
	for _, leave := range leaves {
		leave()
	}
	r.note("192.0.2.1", now)
	r.note("2001:db8::2", now) // the same network
	leaves = nil
	for range limitedAtOnce {
		leave, ok := enter("192.0.2.1")
		if !ok {
			t.Fatal("nothing of a limited address is read at all")
		}
		leaves = append(leaves, leave)
	}
	if _, ok := enter("192.0.2.1"); ok {
		t.Error("as many as it likes are read at once")
	}
	if leave, ok := enter("192.0.2.2"); !ok {
		t.Error("another address is limited")
	} else {
		leave()
	}
	for range limitedAtOnce {
		enter("2001:db8::3")
	}
	if _, ok := enter("2001:db8::4"); ok {
		t.Error("a network of many addresses is not limited")
	}
	leaves[0]()
	if _, ok := enter("192.0.2.1"); !ok {
		t.Error("one that has been read makes no room")
	}
	now = now.Add(refusalsWithin + time.Second)
	if _, ok := enter("192.0.2.1"); !ok {
		t.Error("it is limited for longer than a minute")
	}
}

func TestRefusalsTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	r, now := newRefusals(), time.Now()
	for i := range 3 * addressesMost {
		r.note(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
	}
	if len(r.of) > addressesMost {
		t.Errorf("%d addresses are remembered", len(r.of))
	}
	for i := range addressesMost {
		r.note(fmt.Sprintf("172.%d.%d.1", i>>8, i&255), now.Add(2*refusalsWithin))
	}
	if len(r.of) > addressesMost {
		t.Errorf("%d addresses are remembered", len(r.of))
	}
}

// What the headers show to be wrong is answered before a byte of the body has come.
func TestABodyThatProvesNothingIsNotRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /webhooks/codat HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 1000000\r\n\r\n", basic("codat:wrong"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %v, %v", resp, err)
	}
}

// signedSite takes messages by their signature alone: only the whole message shows whether it is right.
func signedSite(t *testing.T) (s *site, sign func(body, id string) []string) {
	t.Helper()
	const secret = "whsec_dGhlIHNpZ25pbmcgc2VjcmV0IG9mIHRoZSB0ZXN0cw=="
	s = newSite(t)
	verifier, err := codat.NewVerifier(codat.VerifierConfig{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	s.handlers.Verifier = verifier
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s, func(body, id string) []string {
		now := time.Now()
		signature, err := signer.Sign(id, now, []byte(body))
		if err != nil {
			t.Error(err)
		}
		return []string{"Webhook-Id", id, "Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10), "Webhook-Signature", signature}
	}
}

func TestAFloodDoesNotKeepGoodOnesOut(t *testing.T) {
	t.Parallel()
	s, sign := signedSite(t)
	bodies := map[string]bool{}
	for i := range refusalsMost + 20 {
		got := s.deliver(strings.NewReader(success+" "), sign(success, fmt.Sprint("bad", i))...)
		if got.status != http.StatusUnauthorized {
			t.Fatalf("a wrong signature: %d, want 401", got.status)
		}
		bodies[got.body] = true
	}
	// The address is limited now: as many as are read at once hang, and others are refused unread, but with the same words.
	var hanging []net.Conn
	for i := range limitedAtOnce {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		hanging = append(hanging, conn)
		h := sign(success, fmt.Sprint("slow", i))
		fmt.Fprintf(conn, "POST /webhooks/codat HTTP/1.1\r\nHost: x\r\n%s: %s\r\n%s: %s\r\n%s: %s\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n", h[0], h[1], h[2], h[3], h[4], h[5])
		// The server asks for the body when it begins to read it.
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	got := s.deliver(strings.NewReader(success+" "), sign(success, "one more")...)
	bodies[got.body] = true
	if got.status != http.StatusUnauthorized || len(bodies) != 1 {
		t.Errorf("%d, the refusals say %v", got.status, bodies)
	}
	numbers := s.stranger().page("/metrics")
	mustContain(t, numbers, `tallylight_webhooks_refused_total{reason="bad signature"} `+fmt.Sprint(refusalsMost+20),
		`tallylight_webhooks_refused_total{reason="too many refused"} 1`)
	for _, conn := range hanging {
		conn.Close()
	}
	// A good one comes through as soon as there is room, even from there; ten at once as well, in their turn.
	s.untilRoom()
	if got := s.deliver(strings.NewReader(success), sign(success, "good")...); got.status != http.StatusNoContent {
		t.Errorf("a good one: %d, want 204", got.status)
	}
}

// untilRoom waits until no message of a limited address is being read.
func (s *site) untilRoom() {
	r := &s.handlers.refusals
	r.mu.Lock()
	all := slices.Collect(maps.Values(r.of))
	r.mu.Unlock()
	for _, one := range all {
		for range limitedAtOnce {
			one.slots <- struct{}{}
		}
		for range limitedAtOnce {
			<-one.slots
		}
	}
}

// A right Authorization header goes before everything that its address has done.
func TestAFloodFromBehindTheSameProxy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var flood sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		flood.Go(func() {
			v := s.stranger()
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := http.NewRequest(http.MethodPost, s.url+"/webhooks/codat", strings.NewReader(success))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := v.client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("a flood is answered %d", resp.StatusCode)
					return
				}
			}
		})
	}
	for i := range 50 {
		if got := s.deliver(strings.NewReader(success), "Webhook-Id", fmt.Sprint(i)); got.status != http.StatusNoContent {
			t.Errorf("a good one amid a flood: %d, want 204", got.status)
		}
	}
	close(stop)
	flood.Wait()
}
