package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The effects that a scenario can have.
const (
	effectFail            = "fail"
	effectRefuse          = "refuse"
	effectAcceptThen      = "acceptThen"
	effectDrop            = "drop"
	effectHang            = "hang"
	effectTimeout         = "timeout"
	effectTimeoutBooked   = "timeoutBooked"
	effectTimeoutThenLand = "timeoutThenLand"
	effectFinal           = "final"
)

var effects = []string{"", effectFail, effectRefuse, effectAcceptThen, effectDrop, effectHang, effectTimeout, effectTimeoutBooked,
	effectTimeoutThenLand, effectFinal}

// scenario is what happens to the next writes that match it. The package comment explains every field.
type scenario struct {
	Company   string `json:"company,omitempty"`
	DataType  string `json:"dataType,omitempty"`
	Reference string `json:"reference,omitempty"`
	Times     *int   `json:"times,omitempty"`

	Effect     string    `json:"effect,omitempty"`
	Message    string    `json:"message,omitempty"`
	Status     int       `json:"status,omitempty"`
	RetryAfter int       `json:"retryAfter,omitempty"`
	Problems   []problem `json:"validation,omitempty"`
	Then       string    `json:"then,omitempty"`
	Delay      duration  `json:"delay,omitempty"`
	Late       duration  `json:"late,omitempty"`
	Warning    string    `json:"warning,omitempty"`
	Webhooks   webhooks  `json:"webhooks,omitzero"`
}

// webhooks is how the news of a write is told.
type webhooks struct {
	Early      bool        `json:"early,omitempty"`
	Copies     int         `json:"copies,omitempty"`
	Reordered  bool        `json:"reordered,omitempty"`
	Pending    bool        `json:"pending,omitempty"`
	Never      bool        `json:"never,omitempty"`
	Generation Generations `json:"generation,omitempty"`
}

// duration is written as Go writes them: "1.5s".
type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("%q is negative", b)
	}
	*d = duration(v)
	return err
}

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func parseScenario(body []byte) (*scenario, error) {
	sc := &scenario{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(sc); err != nil {
		return nil, err
	}
	if sc.Times == nil {
		sc.Times = new(1)
	}
	accepting := sc.Effect == effectAcceptThen
	switch {
	case !slices.Contains(effects, sc.Effect):
		return nil, fmt.Errorf("effect %q is not one of %q", sc.Effect, effects[1:])
	case *sc.Times < 0:
		return nil, fmt.Errorf("times is negative")
	case sc.Effect == effectRefuse && (sc.Status < 300 || sc.Status > 599):
		return nil, fmt.Errorf("refuse needs a status from 300 to 599")
	case sc.Then != "" && (!accepting || sc.Then != "drop" && sc.Then != "hang"):
		return nil, fmt.Errorf(`then is "drop" or "hang", and belongs to acceptThen`)
	case accepting && sc.Status != 0 && (sc.Status < 300 || sc.Status > 599):
		return nil, fmt.Errorf("acceptThen needs a status from 300 to 599, or none for 500")
	case !sc.Webhooks.Generation.known():
		return nil, fmt.Errorf("generation %q is not current, legacy or both", sc.Webhooks.Generation)
	case sc.Webhooks.Copies < 0 || sc.Webhooks.Copies > 100:
		return nil, fmt.Errorf("copies is not from 0 to 100")
	}
	return sc, nil
}

// refuse is the endpoint of a request that is turned down.
func (sc *scenario) refuse(*tx, *request) (any, error) {
	status := cmp.Or(sc.Status, http.StatusInternalServerError)
	r := refuse(status, "%s", cmp.Or(sc.Message, usual[status], http.StatusText(status)))
	r.problems, r.retryAfter = slices.Clone(sc.Problems), sc.RetryAfter
	for i := range r.problems {
		r.problems[i].ValidatorName = cmp.Or(r.problems[i].ValidatorName, "Push")
	}
	return nil, r
}

// scenarios are those that wait for a write, in the order in which they came.
type scenarios struct {
	mu   sync.Mutex
	list []*scenario
}

func (ss *scenarios) add(list ...*scenario) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.list = append(ss.list, list...)
}

func (ss *scenarios) clear() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.list = nil
}

// left are copies of those that wait, times counted down.
func (ss *scenarios) left() []scenario {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	left := []scenario{}
	for _, sc := range ss.list {
		c := *sc
		c.Times = new(*sc.Times)
		left = append(left, c)
	}
	return left
}

// take uses up the first scenario that matches the write and returns a copy of it, nil when none does.
func (ss *scenarios) take(company, dataType string, body []byte) *scenario {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.list) == 0 {
		return nil
	}
	var sent struct{ Reference, Name, SupplierName string }
	_ = json.Unmarshal(body, &sent) // one that cannot be read has no reference
	subject := cmp.Or(sent.Reference, sent.Name, sent.SupplierName)
	for i, sc := range ss.list {
		if sc.Company != "" && sc.Company != company || sc.DataType != "" && sc.DataType != dataType || sc.Reference != "" && sc.Reference != subject {
			continue
		}
		if *sc.Times > 0 {
			if *sc.Times--; *sc.Times == 0 {
				ss.list = slices.Delete(ss.list, i, i+1)
			}
		}
		taken := *sc
		taken.Times = nil
		return &taken
	}
	return nil
}
