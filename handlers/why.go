package handlers

import (
	"encoding/json"
	"strings"

	"tallylight/internal/explain"
	"tallylight/store"
	"tallylight/views"
)

// codeTaken is the cause that is about the code we chose for a new account, which the ledger need not repeat.
const codeTaken = "account_code_taken"

// why explains the newest push, when it failed or needs checking: the cause, what to do about it and where, and what Codat said. edit
// is where the expense is edited.
func why(p store.Push, i store.ExpenseItem, edit string, may views.Rights) *views.Explanation {
	if p.State != store.PushFailed && p.State != store.PushNeedsChecking {
		return nil
	}
	step := culprit(p)
	fact := failureOf(step, p.Platform)
	subject := p.Subject
	if p.Cause == codeTaken && subject == "" {
		subject = orNone(step.Code)
	}
	x := explain.Explain(explain.Cause(p.Cause), subject, fact)
	out := &views.Explanation{Title: "Why it failed", Cause: x.Cause, Do: x.Do, Who: x.Who, Raw: rawFailure(fact, step)}
	if p.State == store.PushNeedsChecking {
		out.Title = "What needs checking"
	}
	if p.FailedStep != nil {
		out.Cause = stepKinds[step.Kind] + " " + step.Label + " could not be created. " + x.Cause
	}
	switch x.Link {
	case explain.LinkConnection, explain.LinkCompany:
		out.Links = []views.Link{{Text: x.Link.Text(), Href: companyURL(i.CompanyID)}}
	case explain.LinkExpense:
		if may.Enter && p.State == store.PushFailed {
			out.Links = []views.Link{{Text: "Edit and retry", Href: edit}}
		}
	}
	return out
}

// culprit is the step that failed a push, or that needs checking.
func culprit(p store.Push) store.Step {
	id := p.CostStepID
	if p.FailedStep != nil {
		id = *p.FailedStep
	}
	for _, s := range p.Steps {
		if s.ID == id {
			return s
		}
	}
	return store.Step{}
}

// failureOf is how a step failed, as Codat told it.
func failureOf(s store.Step, platform string) explain.Fact {
	var fact explain.Fact
	_ = json.Unmarshal(s.Error, &fact) // without it the cause alone is explained
	if fact.Platform == "" {
		fact.Platform = platform
	}
	if fact.Kind == "" {
		fact.Kind = string(s.Kind)
	}
	return fact
}

// rawFailure is what Codat said, word for word, with the ids that its support asks for.
func rawFailure(fact explain.Fact, s store.Step) string {
	lines := []string{fact.Raw()}
	if key := orNone(s.OperationKey); key != "" {
		lines = append(lines, "operation "+key)
	}
	if fact.CorrelationID != "" {
		lines = append(lines, "correlation "+fact.CorrelationID)
	}
	return masked(strings.TrimSpace(strings.Join(lines, "\n")))
}
