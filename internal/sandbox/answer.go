package sandbox

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// problem is one thing that is wrong with a record, or worth knowing about it.
type problem struct {
	ItemID        string `json:"itemId"`
	Message       string `json:"message"`
	ValidatorName string `json:"validatorName"`
}

type validation struct {
	Errors   []problem `json:"errors"`
	Warnings []problem `json:"warnings"`
}

// refusal is an answer with Codat's ErrorMessage. It is an error so that endpoints can return it from anywhere.
type refusal struct {
	status     int
	service    string
	text       string
	problems   []problem
	retryAfter int // seconds
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, service: "PublicApi", text: fmt.Sprintf(format, args...)}
}

func invalid(problems ...problem) *refusal {
	r := refuse(http.StatusBadRequest, "Validation failed: see validation for more information")
	r.problems = problems
	return r
}

func noCompany(id string) *refusal {
	r := refuse(http.StatusNotFound, "No company was found with ID %s", id)
	r.service = "ClientsApi"
	return r
}

func noConnection(id string) *refusal {
	return refuse(http.StatusNotFound, "Data connection %s not found", id)
}

// usual are the texts of Codat's documented answers, for scenarios that name a status alone.
var usual = map[int]string{
	400: "Error processing request - not valid.",
	401: "Unauthorized",
	402: "You have exceeded the 50-company limit that applies to a Free plan. We recommend that you delete any companies you no longer need and retry the request.",
	403: "You are using an outdated API key or a key not associated with that resource.",
	404: "Not found",
	409: "The data set has not been requested.",
	422: "The Idempotency-Key was used before with a different request.",
	429: "You have made too many requests in a given amount of time; please retry later.",
	451: "This platform is not available for compliance reasons.",
	500: "There is a problem with our server. Please try again later.",
	503: "The Codat API is temporarily offline for maintenance. Please try again later.",
}

// bodyStatus are the answers whose body names another status than the answer itself, as Codat's examples do.
var bodyStatus = map[int]int{402: 429, 503: 500}

// answer is a reply ready to be sent, and to be kept for whoever asks again.
type answer struct {
	Status     int    `json:"status"`
	RetryAfter int    `json:"retryAfter,omitempty"`
	Body       []byte `json:"body,omitempty"`
}

// nothing is an answer without a body.
type nothing int

// render turns what an endpoint returned into an answer.
func render(result any, err error) answer {
	if err != nil {
		r, ok := errors.AsType[*refusal](err)
		if !ok {
			r = refuse(http.StatusInternalServerError, "%s", usual[500])
		}
		return r.answer()
	}
	if status, ok := result.(nothing); ok {
		return answer{Status: int(status)}
	}
	return answer{Status: http.StatusOK, Body: encode(result)}
}

func (r *refusal) answer() answer {
	status := r.status
	if s, ok := bodyStatus[status]; ok {
		status = s
	}
	body := struct {
		StatusCode        int         `json:"statusCode"`
		Service           string      `json:"service"`
		Error             string      `json:"error"`
		CorrelationID     string      `json:"correlationId"`
		Validation        *validation `json:"validation,omitempty"`
		CanBeRetried      string      `json:"canBeRetried"`
		DetailedErrorCode int         `json:"detailedErrorCode"`
	}{StatusCode: status, Service: r.service, Error: r.text, CorrelationID: correlation(), CanBeRetried: "Unknown"}
	if len(r.problems) > 0 {
		body.Validation = &validation{Errors: r.problems, Warnings: []problem{}}
	}
	return answer{Status: r.status, RetryAfter: r.retryAfter, Body: encode(body)}
}

func (a answer) send(w http.ResponseWriter) {
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.RetryAfter))
	}
	if len(a.Body) > 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err)) // our own structs
	}
	return b.Bytes()
}

func correlation() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// utc is a time as Codat writes it, with seven digits of a second.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// platformTime is a time as the records of accounting packages have it, to the second.
func platformTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// eventTime is a time as webhooks have it.
func eventTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
