package push

import (
	"context"
	"encoding/json"
	"fmt"

	"tallylight/internal/explain"
	"tallylight/store"
)

// reclassify finds the causes anew that older rules of explain chose, in batches.
func reclassify(ctx context.Context, s *store.Store) error {
	const batch = 500
	for ctx.Err() == nil {
		old, err := s.OldCauses(ctx, explain.Version, batch)
		if err != nil {
			return err
		}
		causes := make([]store.NewCause, len(old))
		for i, o := range old {
			causes[i].PushID = o.PushID
			var fact explain.Fact
			if len(o.Fact) == 0 {
				continue
			}
			if err := json.Unmarshal(o.Fact, &fact); err != nil {
				return fmt.Errorf("read the failure of push %d: %w", o.PushID, err)
			}
			if fact.HTTPStatus == 0 && fact.OperationStatus == "" { // we knew the cause ourselves
				continue
			}
			cause, subject := explain.Classify(fact)
			causes[i].Cause, causes[i].Subject = string(cause), subject
		}
		if err := s.SetCauses(ctx, explain.Version, causes); err != nil {
			return err
		}
		if len(old) < batch {
			return nil
		}
	}
	return nil
}
