package web

import "net/http"

// statusGone is what the log and the metrics say of a request whose reader left before the answer.
const statusGone = 499

// response is a ResponseWriter that remembers what was answered.
type response struct {
	http.ResponseWriter
	status int // 0 = not begun
	bytes  int64
}

// record returns w as a response, the same one for all who ask within a request.
func record(w http.ResponseWriter) *response {
	if res, ok := w.(*response); ok {
		return res
	}
	return &response{ResponseWriter: w}
}

func (w *response) begun() bool { return w.status != 0 }

func (w *response) gone() {
	if !w.begun() {
		w.status = statusGone
	}
}

func (w *response) WriteHeader(status int) {
	if status >= 200 && !w.begun() { // 1xx go ahead of the answer
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if !w.begun() {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// FlushError is how http.ResponseController flushes.
func (w *response) FlushError() error {
	if !w.begun() {
		w.status = http.StatusOK
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the deadlines.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
