package push

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"tallylight/internal/codat"
	"tallylight/store"
)

// The table of what a send means, row by row.
func TestJudge(t *testing.T) {
	t.Parallel()
	refused := func(status int, after time.Duration) error {
		return &codat.Error{HTTPStatus: status, RetryAfter: after, Message: "no"}
	}
	fresh := store.Claim{Kind: store.DirectCostStep, CompanyID: 7}
	doubt := store.Claim{Kind: store.DirectCostStep, CompanyID: 7, Doubt: true, Age: time.Minute}
	old := store.Claim{Kind: store.DirectCostStep, CompanyID: 7, Doubt: true, Age: store.ResendFor}
	account := store.Claim{Kind: store.AccountStep, CompanyID: 7}
	waited := store.Claim{Kind: store.DirectCostStep, CompanyID: 7, Age: conflictFor}
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		claim store.Claim
		err   error
		want  string
	}{
		"no answer":                     {fresh, lost, "again in doubt"},
		"no answer, key spent":          {old, lost, "look"},
		"3xx":                           {fresh, refused(302, 0), "again in doubt"},
		"2xx unreadable":                {fresh, refused(200, 0), "again in doubt"},
		"2xx unreadable, key spent":     {old, refused(200, 0), "look"},
		"408":                           {fresh, refused(408, 0), "look"},
		"500":                           {fresh, refused(500, 0), "look"},
		"503":                           {doubt, refused(503, 0), "look"},
		"409":                           {fresh, refused(409, 0), "again in doubt"},
		"409 for five minutes":          {waited, refused(409, 0), "look"},
		"422":                           {fresh, refused(422, 0), "person"},
		"422 of an account":             {account, refused(422, 0), "look"},
		"429":                           {fresh, refused(429, 30*time.Second), "again pause all"},
		"401":                           {fresh, refused(401, 0), "again pause all"},
		"402":                           {fresh, refused(402, 0), "again pause all"},
		"403":                           {fresh, refused(403, 0), "again pause company"},
		"400":                           {fresh, refused(400, 0), "failed"},
		"404":                           {fresh, refused(404, 0), "failed"},
		"451":                           {fresh, refused(451, 0), "failed"},
		"400 in doubt":                  {doubt, refused(400, 0), "look"},
		"404 in doubt":                  {doubt, refused(404, 0), "look"},
		"429 in doubt: the doubt stays": {doubt, refused(429, time.Second), "again pause all"},
		"401 in doubt: the doubt stays": {doubt, refused(401, 0), "again pause all"},
	} {
		st := judge(c.claim, codat.PushReply{}, c.err)
		got := ""
		switch {
		case st.Failed != nil:
			got = "failed"
		case st.Unknown != nil:
			got = "person"
		case st.Look:
			got = "look"
		case st.Again > 0:
			got = "again"
		}
		if st.Doubt {
			got += " in doubt"
		}
		if st.Pause != nil && st.Pause.Company == 0 {
			got += " pause all"
		} else if st.Pause != nil {
			got += " pause company"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if st.OperationKey != "" {
			t.Errorf("%s: keeps an operation", name)
		}
	}
	if st := judge(fresh, codat.PushReply{}, refused(http.StatusTooManyRequests, 40*time.Second)); st.Again != 40*time.Second || st.Pause.For != st.Again {
		t.Errorf("Retry-After is not kept: %+v", st)
	}
	if st := judge(fresh, codat.PushReply{Status: 200, Operation: codat.PushOperation{PushOperationKey: "op", Status: "Simmering"}}, nil); st.OperationKey != "op" {
		t.Errorf("an operation of unknown status is not kept: %+v", st)
	}
}
