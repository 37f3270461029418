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
	path codat.PushPath
	// body builds the bytes to send. A *cannotSend error means that the step fails without a call to Codat.
	body func(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error)
}

// kinds are the steps a push can have, in the order in which they happen.
var kinds = map[store.StepKind]kind{
	store.DirectCostStep: {codat.PushDirectCosts, directCostBody},
}

// cannotSend is why a step fails before anything is sent.
type cannotSend struct {
	cause   explain.Cause
	subject string
}

func (e *cannotSend) Error() string { return fmt.Sprintf("cannot send: %s %q", e.cause, e.subject) }

func (e *cannotSend) failure() store.Failure {
	return store.Failure{Fact: json.RawMessage(`{}`), Cause: string(e.cause), Subject: e.subject, Rules: explain.Version}
}
