// Package web is the HTTP kit: what any small web program needs and net/http leaves open. It knows nothing of expenses.
//
// Read it in the order a request meets it:
//
//   - server.go serves a listener until its context ends, then lets requests finish.
//   - observe.go logs and counts each request; metrics.go holds the numbers.
//   - headers.go, limit.go and origin.go are the guards: security headers, body size, no requests from other sites.
//   - handler.go turns a handler's error into a status and one plain sentence; page.go renders a templ component whole.
//   - session.go says who is asking; password.go checks that it is them.
//   - hub.go and stream.go send events to the browsers that watch (server-sent events).
package web
