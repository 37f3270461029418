package push

import (
	"context"
	"encoding/json"
	"fmt"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// kind is one kind of Codat write. A new one is one more entry in kinds.
type kind struct {
	step     store.StepKind
	path     string // of the record of attempts
	dataType string // what Codat calls it in operations and syncs
	// body builds the bytes to send. A *cannotSend error means that the step fails without a call to Codat,
	// store.ErrLeaseLost that it is not to be sent any more.
	body func(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error)
	send func(ctx context.Context, w *Worker, c store.Claim, body []byte) (codat.PushReply, error)
}

// kinds are the steps a push can have, in the order in which they happen.
var kinds = []kind{
	{store.AccountStep, string(codat.PushAccounts), "chartOfAccounts", accountBody, sendRecord(codat.PushAccounts)},
	{store.SupplierStep, string(codat.PushSuppliers), "suppliers", supplierBody, sendRecord(codat.PushSuppliers)},
	{store.DirectCostStep, string(codat.PushDirectCosts), "directCosts", directCostBody, sendRecord(codat.PushDirectCosts)},
	{store.AttachmentStep, "directCosts/attachment", "directCosts", attachmentBody, sendAttachment},
}

// sendRecord sends a body as the JSON document that it is.
func sendRecord(path codat.PushPath) func(context.Context, *Worker, store.Claim, []byte) (codat.PushReply, error) {
	return func(ctx context.Context, w *Worker, c store.Claim, body []byte) (codat.PushReply, error) {
		return w.Codat.Push(ctx, c.IdempotencyKey, c.Company, c.Connection, path, body)
	}
}

func kindOf(step store.StepKind) kind {
	for _, k := range kinds {
		if k.step == step {
			return k
		}
	}
	panic(fmt.Sprintf("no kind of step is %q", step)) // the schema knows more kinds than this list
}

// cannotSend is why a step fails before anything is sent.
type cannotSend struct {
	cause   explain.Cause
	subject string
}

func (e *cannotSend) Error() string { return fmt.Sprintf("cannot send: %s %q", e.cause, e.subject) }

func (e *cannotSend) failure() store.Failure { return known(e.cause, e.subject) }

// known is a failure whose cause we know ourselves.
func known(cause explain.Cause, subject string) store.Failure {
	return store.Failure{Fact: json.RawMessage(`{}`), Cause: string(cause), Subject: subject, Rules: explain.Version}
}
