package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// message is one webhook as Codat sends it, ready for the wire.
type message struct {
	id   string // its webhook id
	wire []byte // the whole request
}

// sender writes messages with the credentials of an installation.
type sender struct {
	authorization string // header
	secret        string // whsec_…
}

// success is a message that says that an operation has written a record. Its body has 1 KB.
func (s sender) success(t testing.TB, operation string) message {
	t.Helper()
	id := uuid.NewString()
	body := fmt.Sprintf(`{"id":%q,"eventType":"directCosts.write.successful","generatedDate":"2026-01-12T14:02:00.000Z","payload":{"id":%q,`+
		`"type":"Create","connectionId":"12571faf-0898-47e7-afdd-0fe9eb0a9bf5","requestedOnDate":"2026-01-12T14:01:37.000Z",`+
		`"completedOnDate":"2026-01-12T14:02:00.000Z","status":"Success","record":{"id":"record of %s"},`+
		`"referenceCompany":{"id":"70af3071-65d9-4ec3-b3cb-5283e8d55dac","name":"Toft stores","description":"`, id, operation, operation)
	const end = `"}}}`
	body += strings.Repeat("x", 1024-len(body)-len(end)) + end
	signer, err := standardwebhooks.NewWebhook(s.secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Sign("msg_"+id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	wire := fmt.Appendf(nil, "POST /webhooks/codat HTTP/1.1\r\nHost: tallylight.example.com\r\nUser-Agent: Svix-Webhooks/1.62.0\r\nAuthorization: %s\r\n"+
		"Content-Type: application/json\r\nWebhook-Id: msg_%s\r\nWebhook-Timestamp: %d\r\nWebhook-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
		s.authorization, id, now.Unix(), signature, len(body), body)
	return message{"msg_" + id, wire}
}

func basicAuth(credential string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credential))
}

// caller is one kept-alive connection to a server. It costs far less than net/http's client, which would cost more than the server.
type caller struct {
	address string // host:port
	conn    net.Conn
	in      *bufio.Reader
}

// reply is what came back.
type reply struct {
	status     int
	retryAfter string
}

// send sends one message and reads the answer. After an error the next send connects anew.
func (c *caller) send(wire []byte, patience time.Duration) (r reply, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.address, patience); err != nil {
			return r, err
		}
		c.in = bufio.NewReaderSize(c.conn, 4096)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return r, err
	}
	if _, err := c.conn.Write(wire); err != nil {
		return r, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return r, err
	}
	if len(line) < len("HTTP/1.1 204") {
		return r, fmt.Errorf("answered %q", line)
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return r, err
	}
	length, last := 0, false
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return r, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		switch name, value, _ := bytes.Cut(line, []byte(": ")); string(name) {
		case "Content-Length":
			length, err = strconv.Atoi(string(value))
		case "Retry-After":
			r.retryAfter = string(value)
		case "Connection":
			last = string(value) == "close"
		}
		if err != nil {
			return r, err
		}
	}
	if _, err := c.in.Discard(length); err != nil {
		return r, err
	}
	if last {
		c.close()
	}
	return r, nil
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// timing is how a volley went.
type timing struct {
	rate        float64 // answers a second
	median, p99 time.Duration
}

// volley sends all the messages, each once, over that many connections as fast as they are answered. Each must be answered 204.
func volley(t testing.TB, address string, messages []message, connections int) timing {
	t.Helper()
	took := make([]time.Duration, len(messages))
	errs := make([]error, connections)
	callers := make([]*caller, connections)
	for i := range callers { // they connect before the clock runs
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		callers[i] = &caller{address, conn, bufio.NewReaderSize(conn, 4096)}
		defer callers[i].close()
	}
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for i, c := range callers {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(messages) {
					return
				}
				sent := time.Now()
				r, err := c.send(messages[n].wire, time.Minute)
				if err == nil && r.status != 204 {
					err = fmt.Errorf("answered %d", r.status)
				}
				if err != nil {
					errs[i] = err
					return
				}
				took[n] = time.Since(sent)
			}
		})
	}
	all.Wait()
	whole := time.Since(began)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(took)
	return timing{float64(len(took)) / whole.Seconds(), quantile(took, 0.5), quantile(took, 0.99)}
}

// quantile is of sorted values.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func median[T cmp.Ordered](values []T) T {
	return quantile(slices.Sorted(slices.Values(values)), 0.5)
}
