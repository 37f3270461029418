package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"tallylight/store"
	"tallylight/views"
)

// connectionState is what a status of Codat's means to finance staff.
type connectionState struct{ tone, icon, word, meaning string }

var connectionStates = map[string]connectionState{
	store.Linked: {"good", "complete", "Linked", "Expenses can be pushed through it."},
	"PendingAuth": {"idle", "not_pushed", "Waiting for the customer",
		"The customer has begun to link %s and has not finished. Send them the link."},
	"Deauthorized": {"bad", "failed", "Access lost",
		"%s no longer lets Codat in: access was withdrawn there, or it expired. Nothing is written until the customer links it again."},
	"Unlinked": {"bad", "failed", "Unlinked",
		"It was switched off in Codat. Nothing is written until the customer links it again."},
}

func stateOf(c store.Connection) connectionState {
	if c.DeletedAt != nil {
		return connectionState{"bad", "failed", "Deleted", "Codat no longer has this connection."}
	}
	s, known := connectionStates[c.Status]
	if !known {
		s = connectionState{"doubt", "needs_checking", c.Status,
			"Codat calls it " + c.Status + ". Nothing is written until it is Linked."}
	}
	s.meaning = strings.ReplaceAll(s.meaning, "%s", platformOr(c.PlatformName))
	return s
}

// connectionRow is a connection in a list; held is what waits for it, per currency.
func connectionRow(i store.ConnectionItem, held []store.Sum, c clock) views.ConnectionRow {
	state := stateOf(i.Connection)
	row := views.ConnectionRow{
		CodatID: i.CodatID, Platform: platformOr(i.PlatformName), CompanyID: i.CompanyID, Company: i.Company, Status: i.Status,
		Tone: state.tone, Icon: state.icon, Word: state.word, Meaning: state.meaning, Proven: "never proven",
		Since: "since " + c.at(i.ChangedAt), Errors: connectionErrors(i.Errors),
		Messages: deliveriesURL(store.DeliveryFilter{ConnectionID: i.ID}),
	}
	if i.ProvenAt != nil {
		row.Proven = "last proven " + c.at(*i.ProvenAt)
	}
	if n := count(held); n > 0 {
		row.OnHold = fmt.Sprintf("%s, %s, %s for it", expenses(n), money(held), wait(n))
		row.OnHoldTo = listURL(store.ExpenseFilter{Status: store.OnHold, CompanyID: i.CompanyID})
	}
	if i.Status != store.Linked && i.DeletedAt == nil {
		row.Mend = views.Link{Text: "Open the reconnect link", Href: webURL(i.LinkURL, i.Redirect)}
	}
	return row
}

func count(sums []store.Sum) int {
	n := 0
	for _, s := range sums {
		n += s.Count
	}
	return n
}

func wait(n int) string {
	if n == 1 {
		return "waits"
	}
	return "wait"
}

// connectionErrors are the sentences of Codat's dataConnectionErrors that still hold.
func connectionErrors(j json.RawMessage) []string {
	var errs []struct{ StatusText, ErrorMessage, Status string }
	if json.Unmarshal(j, &errs) != nil {
		return nil
	}
	var out []string
	for _, e := range errs {
		text := e.ErrorMessage
		if text == "" {
			text = e.StatusText
		}
		if text != "" && e.Status != "Resolved" {
			out = append(out, text)
		}
	}
	return out
}

// webURL is the first of some addresses from outside that may be put into a link, "" when none may.
func webURL(addresses ...string) string {
	for _, a := range addresses {
		if u, err := url.Parse(a); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
			return a
		}
	}
	return ""
}
