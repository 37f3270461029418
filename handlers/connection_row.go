package handlers

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

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

// stale is a Linked connection through which nothing has gone for a day.
var stale = connectionState{"good", "complete", "Linked",
	"Codat has noticed nothing wrong, but nothing has gone through it for a day. A check finds out whether it still works."}

// readOnce is a connection that has done what it was made for.
var readOnce = connectionState{"idle", "not_pushed", "Read once",
	"%s was read once, and the connector on the customer’s computer then signed off by itself, as it is set to. Nothing is wrong. " +
		"To push expenses, the customer must link it again with a connector that stays installed."}

func stateOf(i store.ConnectionItem, now time.Time) connectionState {
	c := i.Connection
	if c.DeletedAt != nil {
		return connectionState{"bad", "failed", "Deleted", "Codat no longer has this connection."}
	}
	s, known := connectionStates[c.Status]
	switch {
	case !known:
		s = connectionState{"doubt", "needs_checking", c.Status,
			"Codat calls it " + c.Status + ". Nothing is written until it is Linked."}
	case signedOff(i):
		s = readOnce
	case c.Stale(now):
		s = stale
	}
	s.meaning = strings.ReplaceAll(s.meaning, "%s", platformOr(c.PlatformName))
	return s
}

// onDesktop are Codat's keys of QuickBooks Desktop and Sage 50, whose connectors can be set to read once and then to remove themselves.
var onDesktop = []string{"pqsw", "hbql"}

// signsOffWithin is how soon after its one reading a connector that was to read only once has removed itself.
const signsOffWithin = 15 * time.Minute

// signedOff reports whether a connection is Deauthorized because its connector was to read only once. One that wrote, that still read a
// day after it was begun, or that was lost a while after it had read was no such one; and where expenses wait, it is broken in any case.
func signedOff(i store.ConnectionItem) bool {
	c := i.Connection
	return i.OnHold == 0 && c.Status == "Deauthorized" && c.DeletedAt == nil && slices.Contains(onDesktop, c.PlatformKey) && c.WroteAt == nil &&
		c.LastSyncAt != nil && c.LastSyncAt.Sub(c.CreatedAt) < 24*time.Hour && c.StatusAt.Sub(*c.LastSyncAt) < signsOffWithin
}

// connectionRow is a connection in a list; held is what waits for it, per currency.
func connectionRow(i store.ConnectionItem, held []store.Sum, c clock) views.ConnectionRow {
	state := stateOf(i, c.now)
	row := views.ConnectionRow{
		ID: i.ID, CodatID: i.CodatID, Platform: platformOr(i.PlatformName), CompanyID: i.CompanyID, Company: i.Company, Status: i.Status,
		Tone: state.tone, Icon: state.icon, Word: state.word, Meaning: state.meaning,
		Since: "since " + c.at(i.ChangedAt), Checked: checked(i, c), Gone: i.DeletedAt != nil,
		Messages: deliveriesURL(store.DeliveryFilter{ConnectionID: i.ID}),
	}
	row.Proven, row.ProvenAgo = proven(i.Connection, c)
	if i.Status != store.Linked && !signedOff(i) {
		row.Errors = connectionTroubles(i.Errors, row.Platform)
	}
	if i.CheckingSince != nil {
		row.Checking = "Being checked since " + c.at(*i.CheckingSince)
	}
	if n := count(held); n > 0 {
		row.OnHold = fmt.Sprintf("%s, %s, %s for it", expenses(n), money(held), wait(n))
		row.OnHoldTo = listURL(store.ExpenseFilter{Status: store.OnHold, CompanyID: i.CompanyID})
	}
	row.Mend = mend(i)
	return row
}

// mend is the link at which the customer makes a connection work: its own one, or, where Codat has cut it, that of the company.
func mend(i store.ConnectionItem) views.Link {
	switch {
	case i.DeletedAt != nil, i.Status == store.Linked:
		return views.Link{}
	case i.Status == "PendingAuth":
		return views.Link{Text: "Open the link to finish", Href: webURL(i.LinkURL, i.Redirect)}
	case i.Status == "Unlinked":
		return views.Link{Text: "Open the reconnect link", Href: webURL(i.Redirect, i.LinkURL)}
	}
	return views.Link{Text: "Open the reconnect link", Href: webURL(i.LinkURL, i.Redirect)}
}

// proven says by what Codat last reached the ledger through a connection, and when.
func proven(c store.Connection, at clock) (string, views.Ago) {
	if c.ProvenAt == nil {
		return "Never proven", views.Ago{}
	}
	by := "read from "
	if c.WroteAt != nil && !c.WroteAt.Before(*c.ProvenAt) {
		by = "wrote to "
	}
	return "Last proven: " + by + platformOr(c.PlatformName), ago(*c.ProvenAt, at)
}

func ago(t time.Time, at clock) views.Ago {
	words := "just now"
	if d := at.now.Sub(t); d >= time.Minute {
		words = coarse(d) + " ago"
	}
	return views.Ago{Text: words, Time: t.UTC().Format(time.RFC3339), Full: at.full(t)}
}

// checked says how the last check of a connection ended, when nothing has gone through it since.
func checked(i store.ConnectionItem, at clock) string {
	c := i.Connection
	if c.CheckedAt == nil || c.CheckingSince != nil || c.DeletedAt != nil || c.ProvenAt != nil && c.ProvenAt.After(*c.CheckedAt) {
		return ""
	}
	when, platform := "Checked "+at.at(*c.CheckedAt)+": ", platformOr(c.PlatformName)
	switch c.CheckResult {
	case store.CheckDown:
		if c.Status == store.Linked || signedOff(i) {
			return "" // it is back since
		}
		if c.Status == "PendingAuth" {
			return when + "the customer has not finished."
		}
		return when + "it does not work."
	case store.CheckFailed:
		return when + "Codat could not read from " + platform + "." + codatSaid(c.CheckSaid)
	case store.CheckUnasked:
		if c.CheckSaid == "" {
			return when + "Codat could not be asked within 10 min: it could not be reached, or had us wait."
		}
		return when + "Codat could not be asked within 10 min." + codatSaid(c.CheckSaid)
	case store.CheckUnanswered:
		if slices.Contains(onDesktop, c.PlatformKey) {
			return when + "no answer within 10 min. The customer’s computer may be off."
		}
		return when + "no answer within 10 min. Codat may still be reading from " + platform + "; check again later."
	}
	return ""
}

func codatSaid(words string) string {
	if words == "" {
		return ""
	}
	return " Codat said: " + words
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

// webURL is the first of some addresses from outside that may be put into a link, "" when none may.
func webURL(addresses ...string) string {
	for _, a := range addresses {
		if u, err := url.Parse(a); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
			return a
		}
	}
	return ""
}
