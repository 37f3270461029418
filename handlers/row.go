package handlers

import (
	"cmp"
	"strings"
	"time"

	"tallylight/internal/explain"
	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
)

var statusWords = map[store.ExpenseStatus]string{
	store.NotPushed:     "Not pushed",
	store.InProgress:    "Push in progress",
	store.Complete:      "Push complete",
	store.Failed:        "Push failed",
	store.NeedsChecking: "Needs checking",
	store.OnHold:        "On hold",
	store.Handled:       "Handled outside",
}

// expenseRow is an expense in a list. It is the same for everybody in a zone, and may stay on a screen for hours: its times are times
// of day, not "4 min ago".
func expenseRow(i store.ExpenseItem, in *time.Location) views.Row {
	c := clock{i.Now, in}
	return views.Row{
		ID: i.ID, Badge: expenseBadge(i, c), Reference: i.Reference, Date: day(i.IssueDate), Supplier: i.Supplier,
		Description: i.Description, CompanyID: i.CompanyID, Company: i.Company, Ledger: ledgerOf(i, c),
		Amount: store.FormatAmount(i.Total, i.Currency), Action: rowAction(i),
	}
}

func expenseBadge(i store.ExpenseItem, c clock) views.Badge {
	return views.Badge{Status: i.Status, Word: statusWords[i.Status], Sub: andNow(i, c)}
}

func rowAction(i store.ExpenseItem) string {
	switch i.Status {
	case store.NotPushed:
		if _, can := push.Forecast(platformOr(i.Platform), i.PlatformKey, i.Facts); !can {
			return "Fix"
		}
		return "Push"
	case store.Failed:
		return "Retry"
	case store.NeedsChecking:
		return "Check"
	}
	return ""
}

// andNow is the second line of a badge: what it waits for, or how it ended.
func andNow(i store.ExpenseItem, c clock) string {
	switch i.Status {
	case store.NotPushed:
		words, can := push.Forecast(platformOr(i.Platform), i.PlatformKey, i.Facts)
		switch {
		case i.ConnectionStatus == "":
			return "no accounting connection"
		case i.ConnectionStatus != store.Linked && can:
			return connectionTrouble(i, c)
		case i.PushedAt != nil:
			words = "withdrawn · " + cmp.Or(words, "ready again")
		}
		return looksLike(cmp.Or(words, "ready"), i)
	case store.InProgress:
		return underWay(i, c)
	case store.Complete:
		if i.SettledAt != nil && i.PushedAt != nil {
			return c.at(*i.SettledAt) + " · took " + took(i.SettledAt.Sub(*i.PushedAt))
		}
		return c.at(i.StatusAt)
	case store.Failed, store.NeedsChecking:
		if i.Cause == "" {
			return looksLike(c.at(i.StatusAt), i)
		}
		kind, _, _ := strings.Cut(i.FailedStep, " ")
		short := explain.Explain(explain.Cause(i.Cause), i.Subject, explain.Fact{Platform: i.Platform, Kind: kind}).Short
		if i.FailedStep != "" {
			short = capital(i.FailedStep) + " · " + short
		}
		return looksLike(short, i)
	case store.Handled:
		return i.Handled
	case store.OnHold:
		switch i.ConnectionStatus {
		case "":
			return "its connection is gone"
		case store.Linked:
			return "its former connection is down"
		}
		return connectionTrouble(i, c)
	}
	return ""
}

// looksLike adds to what is said of an expense that another looks the same, which is to be known before it is pushed.
func looksLike(said string, i store.ExpenseItem) string {
	if i.Alike == "" {
		return said
	}
	return said + " · looks like " + i.Alike
}

func connectionTrouble(i store.ExpenseItem, c clock) string {
	platform := platformOr(i.Platform)
	if i.ConnectionStatus == "PendingAuth" {
		return "the customer has not linked " + platform + " yet"
	}
	if i.ConnectionChangedAt == nil {
		return platform + " connection is down"
	}
	return platform + " connection down since " + c.at(*i.ConnectionChangedAt)
}

// unusual is how long Codat usually takes at the very most; then the second line says why it may take longer.
const unusual = 10 * time.Minute

func underWay(i store.ExpenseItem, c clock) string {
	switch {
	case i.Checking && i.Unsent && !i.Paused && (i.WaitsFor == "" || i.WaitsState == store.StepReady):
		return "first checking that " + platformOr(i.Platform) + " can be reached"
	case i.WaitsFor != "" && i.WaitsState == store.StepLooking:
		return "no answer · looking for " + i.WaitsFor + " in " + platformOr(i.Platform)
	case i.WaitsFor != "" && i.Paused && i.WaitsState == store.StepReady:
		return "sending is paused · waiting for " + i.WaitsFor
	case i.WaitsFor != "":
		return "waiting for " + i.WaitsFor
	case i.Asking:
		return "reading the reason"
	case i.StepState == store.StepPending && i.SentAt != nil:
		sent := "sent " + c.at(*i.SentAt)
		switch {
		case i.ConnectionStatus != store.Linked && i.ConnectionStatus != "":
			return sent + " · " + platformOr(i.Platform) + " connection is down"
		case c.now.Sub(*i.SentAt) < unusual:
			return sent + " · usually under 2 min"
		case desktop(i.Platform):
			return sent + " · waits for the customer’s computer"
		}
		return sent + " · longer than usual; being looked after"
	case i.StepState == store.StepSending:
		return "being sent"
	case i.StepState == store.StepLooking:
		return "no answer from Codat · looking in its history"
	case i.StepState == store.StepReady && i.Paused:
		return "sending is paused"
	case i.StepState == store.StepReady && i.WaitReason == ledgerSync:
		return beingRead(i.Platform)
	case i.StepState == store.StepReady && i.NextTryAt != nil && i.NextTryAt.After(c.now):
		return nextTry(i.WaitReason, c.at(*i.NextTryAt))
	}
	return "waiting to be sent"
}

func nextTry(reason, at string) string {
	switch reason {
	case "no_answer":
		return "no answer yet; asking again " + at
	case "in_flight":
		return "Codat is at work on it; asking again " + at
	case "rate_limited":
		return "next try " + at + " · Codat asked us to slow down"
	case "unreachable":
		return "next try " + at + " · Codat cannot be reached"
	case "unauthorized":
		return "next try " + at + " · Codat refuses our key"
	case "payment_required":
		return "next try " + at + " · the Codat plan does not cover it"
	case "forbidden":
		return "next try " + at + " · Codat does not allow it"
	}
	return "next try " + at
}

// ledgerSync is the wait reason of a cost that was refused because the ledger did not know a record that we had just made.
const ledgerSync = "ledger_sync"

func beingRead(platform string) string {
	return platformOr(platform) + " is being read again, then sent once more"
}

// desktop reports whether a package runs on the customer's own computer, and is written to only while that is on.
func desktop(platform string) bool {
	return strings.Contains(platform, "Desktop") || strings.HasPrefix(platform, "Sage 50")
}

func ledgerOf(i store.ExpenseItem, c clock) string {
	switch {
	case i.ConnectionStatus == "":
		return "No accounting connection"
	case i.ConnectionStatus == "PendingAuth":
		return platformOr(i.Platform) + " · not linked yet"
	case i.ConnectionStatus != store.Linked:
		return platformOr(i.Platform) + " · down"
	case i.ProvenAt == nil:
		return platformOr(i.Platform)
	}
	return platformOr(i.Platform) + " · proven " + c.at(*i.ProvenAt)
}

func platformOr(name string) string {
	if name == "" {
		return "Accounting"
	}
	return name
}
