package handlers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"tallylight/store"
	"tallylight/views"
)

// moment is one thing that happened to an expense.
type moment struct {
	at         time.Time
	icon, text string
	took       string
	changes    []views.Change
	link       views.Link
}

// story is all that happened to an expense, oldest first: what people did, what was sent, and what Codat said.
func story(e store.Expense, activities []store.Activity, pushes []store.Push, deliveries []store.Delivery, may views.Rights, c clock) []views.StoryLine {
	moments := activityMoments(e, activities, pushes)
	about := map[string]string{} // by the keys of operations
	for _, n := range needed(pushes) {
		for _, a := range n.Attempts {
			moments = append(moments, attemptMoments(a, n)...)
		}
		if m, ok := endMoment(n); ok {
			moments = append(moments, m)
		}
		if key := orNone(n.OperationKey); key != "" && n.Kind != store.DirectCostStep {
			about[key] = " about " + stepName(n.Step)
		}
	}
	for _, d := range slices.Backward(deliveries) {
		m := moment{at: d.ReceivedAt, icon: "i-in", text: "Codat sent a message" + about[d.OperationKey]}
		if d.Verdict == store.VerdictDuplicate {
			m.text += ", which was known already"
		}
		if may.Admin {
			m.link = views.Link{Text: "See the message", Href: deliveryURL(d.ID)}
		}
		moments = append(moments, m)
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return a.at.Compare(b.at) })
	return storyLines(moments, c)
}

func storyLines(moments []moment, c clock) []views.StoryLine {
	var lines []views.StoryLine
	today := ""
	for _, m := range moments {
		at := m.at.In(c.in)
		line := views.StoryLine{Time: at.Format("15:04:05"), Full: at.Format(time.RFC3339), Icon: m.icon, Text: m.text, Took: m.took, Changes: m.changes, Link: m.link}
		if d := day(at); d != today {
			line.Day, today = d, d
		}
		lines = append(lines, line)
	}
	return lines
}

// enteredFrom says where an expense came from, by its source.
var enteredFrom = map[string]string{"csv": ", from a file", "api": ", through the API", "example": ", as an example"}

// activityMoments are what the record says. An example has no line there of how it was entered.
func activityMoments(e store.Expense, activities []store.Activity, pushes []store.Push) []moment {
	var moments []moment
	if !slices.ContainsFunc(activities, func(a store.Activity) bool { return a.Verb == "entered" }) {
		moments = append(moments, moment{at: e.CreatedAt, icon: "i-in", text: "It was entered" + enteredFrom[e.Source]})
	}
	for _, a := range activities {
		m := moment{at: a.At, icon: "i-user", text: activityText(a, pushes)}
		if a.UserID == nil {
			m.icon = "i-in"
		}
		switch a.Verb {
		case "entered":
			m.text += enteredFrom[e.Source]
		case "changed":
			m.changes = changes(a.Detail, e.Currency)
		case "push complete", "push failed", "push needs checking":
			if p, ok := endedAt(a.At, pushes); ok {
				m.took = took(a.At.Sub(p.CreatedAt)) + " after it was pushed"
			}
		}
		moments = append(moments, m)
	}
	return moments
}

func activityText(a store.Activity, pushes []store.Push) string {
	switch a.Verb {
	case "entered":
		return a.Actor + " entered it"
	case "pushed":
		return a.Actor + " pressed Push"
	case "retried":
		return a.Actor + " pressed Retry"
	case "pushed anyway":
		return a.Actor + " pressed Push anyway: it was said what would fail"
	case "retried anyway":
		return a.Actor + " pressed Retry anyway: it was said what would fail"
	case "planned anew":
		return "Its connection was replaced, and the push was planned anew for the new one"
	case "withdrew":
		return a.Actor + " withdrew the push: nothing of it was on its way"
	case "handled outside":
		return a.Actor + " marked it as handled outside: " + detailOf(a.Detail).Reason
	case "undid handled outside":
		return a.Actor + " undid that it was handled outside"
	case "changed":
		return a.Actor + " changed it"
	case "kept as booked":
		return "It shows again what was booked: it had been changed meanwhile"
	case "found it in the ledger":
		return a.Actor + " found it in the ledger, as record " + detailOf(a.Detail).Record
	case "closed a notice":
		return a.Actor + " put it right that it may be booked twice"
	case "push complete":
		if p, ok := endedAt(a.At, pushes); ok && orNone(costOf(p).RecordID) != "" {
			return "It is in the ledger, as record " + orNone(costOf(p).RecordID)
		}
		return "It is in the ledger"
	case "push failed":
		return "The push failed: it is not in the ledger"
	case "added the receipt", "removed the receipt", "uploaded again the receipt", "found in the ledger the receipt":
		return a.Actor + " " + a.Verb + " " + detailOf(a.Detail).Receipt
	case "receipt success":
		return "The receipt " + detailOf(a.Detail).Receipt + " is in the ledger"
	case "receipt failed":
		return "The receipt " + detailOf(a.Detail).Receipt + " could not be uploaded"
	case "receipt needs checking":
		return "Nobody can tell whether the receipt " + detailOf(a.Detail).Receipt + " was uploaded"
	case "push needs checking":
		return "Nobody can tell whether it reached the ledger"
	}
	return a.Actor + " " + a.Verb
}

// endedAt is the push that ended at that time.
func endedAt(at time.Time, pushes []store.Push) (store.Push, bool) {
	for _, p := range pushes {
		if p.SettledAt != nil && p.SettledAt.Equal(at) {
			return p, true
		}
	}
	return store.Push{}, false
}

// costOf is the step of a push that writes the expense itself.
func costOf(p store.Push) store.Step {
	i := slices.IndexFunc(p.Steps, func(s store.Step) bool { return s.ID == p.CostStepID })
	if i < 0 {
		return store.Step{}
	}
	return p.Steps[i]
}

type activityDetail struct {
	Changed  []store.Difference
	Currency string
	Record   string
	Receipt  string
	Reason   string
}

func detailOf(j json.RawMessage) activityDetail {
	var d activityDetail
	_ = json.Unmarshal(j, &d) // what cannot be read is left out
	return d
}

// changedShown is how much of a changed text is shown.
const changedShown = 200

// changes are the fields that a person changed. Amounts are in the currency that they were saved in, else in the expense's.
func changes(detail json.RawMessage, currency string) []views.Change {
	d := detailOf(detail)
	var out []views.Change
	for _, c := range d.Changed {
		was, now := changedText(c.Field, c.Was, cmp.Or(d.Currency, currency)), changedText(c.Field, c.Now, cmp.Or(d.Currency, currency))
		out = append(out, views.Change{Field: changedField(c.Field), Was: was, Now: now})
	}
	return out
}

// changedField is "Line 2, net".
func changedField(field string) string {
	var n int
	var rest string
	if _, err := fmt.Sscanf(field, "line %d %s", &n, &rest); err != nil {
		return capital(field)
	}
	prefix := "line " + strconv.Itoa(n)
	return capital(prefix) + "," + field[len(prefix):]
}

func changedText(field, s, currency string) string {
	if field == "date" {
		if date, err := time.Parse(time.DateOnly, s); err == nil {
			return day(date)
		}
	}
	if strings.HasSuffix(field, " net") || strings.HasSuffix(field, " tax") {
		if amount, err := decimal.Parse(s); err == nil {
			return store.FormatNumber(amount, currency)
		}
	}
	return clipped(s, changedShown)
}

// needs is a step with the push that needed it first.
type needs struct {
	store.Step
	push store.Push
}

// needed are the steps of an expense's pushes, each once, oldest push first. What was in the ledger before a push began is none of
// its story.
func needed(pushes []store.Push) []needs {
	var out []needs
	for _, p := range slices.Backward(pushes) {
		for _, s := range p.Steps {
			known := slices.ContainsFunc(out, func(n needs) bool { return n.ID == s.ID })
			if !known && !beforehand(s, p) {
				out = append(out, needs{s, p})
			}
		}
	}
	return out
}

// beforehand reports whether a step of a push had ended before the push began.
func beforehand(s store.Step, p store.Push) bool {
	return s.SettledAt != nil && s.SettledAt.Before(p.CreatedAt)
}

// stepName is "account Travel", or "expense EXP-1".
func stepName(s store.Step) string {
	return strings.ToLower(cmp.Or(stepKinds[s.Kind], string(s.Kind))) + " " + s.Label
}

func attemptMoments(a store.Attempt, n needs) []moment {
	what := "Expense"
	if n.Kind != store.DirectCostStep {
		what = capital(stepName(n.Step))
	}
	sent := what + " sent to " + platformOr(n.push.Platform)
	if a.Number > 1 {
		sent += fmt.Sprintf(" again, attempt %d", a.Number)
	}
	if a.StartedAt.Before(n.push.CreatedAt) {
		sent += ", for another expense"
	}
	moments := []moment{{at: a.StartedAt, icon: "i-send", text: sent}}
	if a.FinishedAt == nil {
		return moments
	}
	return append(moments, moment{at: *a.FinishedAt, icon: "i-in", text: answered(a), took: took(a.FinishedAt.Sub(a.StartedAt)) + " after it was sent"})
}

// endMoment is how an account or supplier ended. That of the expense itself is in the record.
func endMoment(n needs) (moment, bool) {
	if n.Kind == store.DirectCostStep || n.SettledAt == nil {
		return moment{}, false
	}
	platform, what := platformOr(n.push.Platform), stepName(n.Step)
	m := moment{at: *n.SettledAt, icon: "i-in"}
	switch n.State {
	case store.StepSuccess:
		m.text = capital(what) + " is in " + platform
		if record := orNone(n.RecordID); record != "" {
			m.text += ", as record " + record
		}
	case store.StepFailed:
		m.text = capital(what) + " could not be created in " + platform
	case store.StepNeedsChecking:
		m.text = "Nobody can tell whether " + what + " reached " + platform
	default:
		return moment{}, false
	}
	if n.FirstSentAt != nil {
		m.took = took(n.SettledAt.Sub(*n.FirstSentAt)) + " after it was sent"
	}
	return m, true
}

// answered is what came back from one send.
func answered(a store.Attempt) string {
	switch {
	case a.Status == nil:
		return "No answer came from Codat"
	case *a.Status < 300 && a.Error == "":
		return "Codat accepted it"
	case *a.Status == http.StatusTooManyRequests:
		return "Codat asked us to slow down"
	case *a.Status < 500 && *a.Status >= 400:
		return fmt.Sprintf("Codat refused it (HTTP %d)", *a.Status)
	}
	return fmt.Sprintf("Codat gave no usable answer (HTTP %d)", *a.Status)
}
