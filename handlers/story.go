package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tallylight/store"
	"tallylight/views"
)

// moment is one thing that happened to an expense.
type moment struct {
	at         time.Time
	icon, text string
	link       views.Link
}

// story is all that happened to an expense, oldest first: what people did, what was sent, and what Codat said.
func story(activities []store.Activity, pushes []store.Push, deliveries []store.Delivery, may views.Rights, c clock) []views.StoryLine {
	var moments []moment
	for _, a := range activities {
		icon := "i-user"
		if a.UserID == nil {
			icon = "i-in"
		}
		moments = append(moments, moment{at: a.At, icon: icon, text: activityText(a, pushes)})
	}
	for _, p := range slices.Backward(pushes) {
		for _, s := range p.Steps {
			for _, a := range s.Attempts {
				moments = append(moments, attemptMoments(a, s, platformOr(p.Platform))...)
			}
		}
	}
	for _, d := range slices.Backward(deliveries) {
		m := moment{at: d.ReceivedAt, icon: "i-in", text: "Codat sent " + or(d.Type, "a message")}
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
		line := views.StoryLine{Time: at.Format("15:04:05"), Full: at.Format(time.RFC3339), Icon: m.icon, Text: m.text, Link: m.link}
		if d := day(at); d != today {
			line.Day, today = d, d
		}
		lines = append(lines, line)
	}
	return lines
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
	case "changed":
		return a.Actor + " changed " + changes(a.Detail)
	case "found it in the ledger":
		return a.Actor + " found it in the ledger, as record " + detailOf(a.Detail).Record
	case "closed a notice":
		return a.Actor + " put it right that it may be booked twice"
	case "push complete":
		if record := recordAt(a.At, pushes); record != "" {
			return "It is in the ledger, as record " + record
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

type activityDetail struct {
	Record  string
	Receipt string
	Changed []store.Difference
}

func detailOf(j json.RawMessage) activityDetail {
	var d activityDetail
	_ = json.Unmarshal(j, &d) // what cannot be read is left out
	return d
}

// fewChanges is how many changed fields the story tells in full.
const fewChanges = 4

// changes are the fields a person changed: "supplier from “Pret” to “Itsu”".
func changes(detail json.RawMessage) string {
	changed := detailOf(detail).Changed
	var words []string
	for n, d := range changed {
		if n == fewChanges {
			words = append(words, number(len(changed)-n)+" more")
			break
		}
		words = append(words, fmt.Sprintf("%s from %s to %s", d.Field, quoted(d.Was), quoted(d.Now)))
	}
	return or(and(words), "it")
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return "“" + clipped(s, 60) + "”"
}

// recordAt is the id of the record that the push that was settled at that time made.
func recordAt(at time.Time, pushes []store.Push) string {
	for _, p := range pushes {
		if p.SettledAt == nil || !p.SettledAt.Equal(at) {
			continue
		}
		for _, s := range p.Steps {
			if s.ID == p.CostStepID {
				return orNone(s.RecordID)
			}
		}
	}
	return ""
}

func attemptMoments(a store.Attempt, s store.Step, platform string) []moment {
	what := "Expense"
	if s.Kind != store.DirectCostStep {
		what = or(stepKinds[s.Kind], string(s.Kind)) + " " + s.Label
	}
	sent := what + " sent to " + platform
	if a.Number > 1 {
		sent += fmt.Sprintf(" again, attempt %d", a.Number)
	}
	moments := []moment{{at: a.StartedAt, icon: "i-send", text: sent}}
	if a.FinishedAt == nil {
		return moments
	}
	return append(moments, moment{at: *a.FinishedAt, icon: "i-in", text: answered(a)})
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
