package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/govalues/decimal"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// A key that Codat is still working on is waited for that long, and one that refuses us altogether is probed that often.
const (
	conflictFor = 5 * time.Minute
	probeEvery  = 5 * time.Minute
)

// judge is the table of what a send means for its step. A send without a usable answer puts the step in doubt, and a refusal
// of a later send does not end that: the first may have been accepted.
func judge(c store.Claim, r codat.PushReply, err error) store.Settlement {
	if err == nil && r.Operation.PushOperationKey == "" { // of a file: it is attached, and there is nothing to follow
		return store.Settlement{Reply: store.Reply{Status: r.Status, Body: r.Body}, Outcome: store.Outcome{Status: store.OutcomeSuccess, Source: "reply"}}
	}
	if err == nil {
		return store.Settlement{
			Reply:        store.Reply{Status: r.Status, Body: r.Body},
			OperationKey: r.Operation.PushOperationKey,
			Outcome:      outcome(r.Operation, c.Kind, c.PlatformName, "reply"),
		}
	}
	st := store.Settlement{}
	e, answered := errors.AsType[*codat.Error](err)
	if !answered {
		st.Reply.Error = err.Error()
		if codat.Unsent(err) {
			st.Again, st.Reason = backoff(c.Attempts), "unreachable"
			return st
		}
		return doubtful(st, c, "no_answer")
	}
	st.Reply = store.Reply{Status: e.HTTPStatus, Body: e.Body, Error: e.Error()}
	switch status := e.HTTPStatus; {
	case status >= 200 && status < 400: // a reply that cannot be read, or leads elsewhere
		return doubtful(st, c, "no_answer")
	case status == http.StatusRequestTimeout, status >= 500:
		st.Look = true
	case status == http.StatusConflict:
		if c.Age < conflictFor {
			st.Again, st.Reason, st.Doubt = backoff(c.Attempts), "in_flight", true
			return st
		}
		st.Look = true
	case status == http.StatusUnprocessableEntity && c.Kind != store.DirectCostStep:
		st.Look = true
	case status == http.StatusUnprocessableEntity:
		st.Unknown = unknown(explain.CauseBug422, c, e)
	case status == http.StatusTooManyRequests:
		st.Again, st.Reason = max(e.RetryAfter, backoff(c.Attempts)), "rate_limited"
		st.Pause = &store.Pause{For: st.Again, Reason: "rate_limited"}
	case status == http.StatusUnauthorized:
		st.Again, st.Reason = probeEvery, "unauthorized"
		st.Pause = &store.Pause{For: probeEvery, Reason: st.Reason}
	case status == http.StatusPaymentRequired:
		st.Again, st.Reason = probeEvery, "payment_required"
		st.Pause = &store.Pause{For: probeEvery, Reason: st.Reason}
	case status == http.StatusForbidden:
		st.Again, st.Reason = probeEvery, "forbidden"
		st.Pause = &store.Pause{Company: c.CompanyID, For: probeEvery, Reason: st.Reason}
	case c.Doubt:
		st.Look = true
	default:
		st.Failed = failure(factOf(c.Kind, c.PlatformName, e))
	}
	return st
}

// doubtful sends the same bytes with the same key again, while Codat replays its first reply to it.
func doubtful(st store.Settlement, c store.Claim, reason string) store.Settlement {
	if c.Age < store.ResendFor {
		st.Again, st.Reason, st.Doubt = backoff(c.Attempts), reason, true
	} else {
		st.Look = true
	}
	return st
}

// backoff is 1, 2, 4 … s, at most a minute.
func backoff(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 6), time.Minute)
}

func unknown(cause explain.Cause, c store.Claim, e *codat.Error) *store.Failure {
	f := failure(factOf(c.Kind, c.PlatformName, e))
	f.Cause, f.Subject = string(cause), ""
	return f
}

func factOf(kind store.StepKind, platform string, e *codat.Error) explain.Fact {
	return explain.Fact{Kind: string(kind), HTTPStatus: e.HTTPStatus, ErrorMessage: e.Message, Problems: problems(e.Validation.Errors), Platform: platform,
		CorrelationID: e.CorrelationID}
}

func failure(f explain.Fact) *store.Failure {
	cause, subject := explain.Classify(f)
	j, err := json.Marshal(f)
	if err != nil { // a struct of strings and numbers
		panic(fmt.Sprintf("marshal fact: %v", err))
	}
	return &store.Failure{Fact: j, Cause: string(cause), Subject: subject, Rules: explain.Version, Unknown: cause.UnknownRecord(), Shut: cause.Shut()}
}

func problems(items []codat.ValidationItem) []explain.Problem {
	var ps []explain.Problem
	for _, i := range items {
		ps = append(ps, explain.Problem{ItemID: i.ItemID, Message: i.Message, Validator: i.ValidatorName})
	}
	return ps
}

// outcome is how an operation stands, for store.FinishStep. Statuses that nobody here knows count as Pending.
func outcome(op codat.PushOperation, kind store.StepKind, platform, source string) store.Outcome {
	o := store.Outcome{Status: store.OutcomeStatus(op.Status), Source: source}
	if len(op.Changes) > 0 {
		o.RecordID, o.RecordType = op.Changes[0].RecordRef.ID, op.Changes[0].RecordRef.DataType
	}
	if len(op.Validation.Warnings) > 0 {
		o.Warnings, _ = json.Marshal(problems(op.Validation.Warnings))
	}
	switch o.Status {
	case store.OutcomeFailed, store.OutcomeTimedOut:
		o.Failure = *failure(explain.Fact{Kind: string(kind), OperationStatus: string(op.Status), ErrorMessage: op.ErrorMessage,
			Problems: problems(op.Validation.Errors), Platform: platform, CorrelationID: explain.CorrelationID(op.ErrorMessage)})
	}
	return o
}

// sum adds two exact numbers.
func sum(a, b json.Number) (json.Number, error) {
	x, err := decimal.Parse(a.String())
	if err != nil {
		return "", fmt.Errorf("add amounts: %w", err)
	}
	y, err := decimal.Parse(b.String())
	if err != nil {
		return "", fmt.Errorf("add amounts: %w", err)
	}
	z, err := x.Add(y)
	if err != nil {
		return "", fmt.Errorf("add amounts: %w", err)
	}
	return json.Number(z.Trim(0).String()), nil
}
