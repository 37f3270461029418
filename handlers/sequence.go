package handlers

import (
	"cmp"
	"slices"
	"time"

	"tallylight/store"
	"tallylight/views"
)

var stepKinds = map[store.StepKind]string{
	store.AccountStep: "Account", store.SupplierStep: "Supplier", store.DirectCostStep: "Expense", store.AttachmentStep: "Receipt",
}

// receiptWords are the badges of the steps that upload receipts.
var receiptWords = map[store.ExpenseStatus]string{
	store.NotPushed: "Not uploaded", store.InProgress: "Uploading", store.Complete: "Uploaded", store.Failed: "Not uploaded",
	store.NeedsChecking: "Needs checking", store.OnHold: "On hold",
}

// sequence is a push's way to the ledger: its steps in the order in which they happen.
func sequence(p store.Push, expense store.ExpenseStatus, c clock) []views.StepBox {
	var boxes []views.StepBox
	for n, s := range p.Steps {
		if s.Kind == store.AttachmentStep && slices.ContainsFunc(p.Steps[n+1:], func(o store.Step) bool { return o.Kind == s.Kind && o.Label == s.Label }) {
			continue // uploaded once more
		}
		boxes = append(boxes, stepBox(s, p, expense, c))
	}
	return boxes
}

func stepBox(s store.Step, p store.Push, expense store.ExpenseStatus, c clock) views.StepBox {
	status, sub := store.InProgress, ""
	switch s.State {
	case store.StepWaiting:
		sub = "waits for the steps before it"
	case store.StepReady:
		sub = "waiting to be sent"
		switch {
		case s.WaitReason == ledgerSync:
			sub = beingRead(p.Platform)
		case s.WaitReason != "" && s.NextTryAt.After(c.now):
			sub = nextTry(s.WaitReason, c.at(s.NextTryAt))
		}
		if expense == store.OnHold {
			status, sub = store.OnHold, "waits for the connection"
		}
	case store.StepSending:
		sub = "being sent"
	case store.StepLooking:
		sub = "no answer · looking for it in " + platformOr(p.Platform)
		if s.Kind == store.DirectCostStep {
			sub = "no answer from Codat · looking in its history"
		}
	case store.StepPending:
		sub = "Codat has accepted it"
	case store.StepNeedsChecking:
		status = store.NeedsChecking
	case store.StepSuccess:
		status = store.Complete
		if s.Kind != store.DirectCostStep && beforehand(s, p) {
			sub = "was there already"
		}
	case store.StepFailed:
		status = store.Failed
		switch {
		case s.FirstSentAt == nil:
			sub = "never sent"
		case s.ID != p.CostStepID && s.Kind == store.DirectCostStep:
			sub = platformOr(p.Platform) + " did not know a new record yet; sent once more"
		}
	case store.StepWithdrawn:
		status, sub = store.NotPushed, "withdrawn, never sent"
	}
	word := statusWords[status]
	if s.Kind == store.AttachmentStep {
		word = receiptWords[status]
	}
	return views.StepBox{Kind: cmp.Or(stepKinds[s.Kind], string(s.Kind)), Label: s.Label, Key: orNone(s.OperationKey), Times: stepTimes(s, c),
		Badge: views.Badge{Status: status, Word: word, Sub: sub}}
}

// stepTimes are when a step was sent, and how long it took to its end.
func stepTimes(s store.Step, c clock) []string {
	if s.FirstSentAt == nil {
		return nil
	}
	times := []string{"sent " + c.second(*s.FirstSentAt)}
	if s.SentAt != nil && s.SentAt.Sub(*s.FirstSentAt) >= time.Second {
		times = append(times, "again "+c.second(*s.SentAt))
	}
	if s.SettledAt != nil {
		times = append(times, "ended "+c.second(*s.SettledAt)+" · took "+took(s.SettledAt.Sub(*s.FirstSentAt)))
	}
	return times
}
