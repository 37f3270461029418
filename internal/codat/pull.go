package codat

import "context"

// PullOperation reads how far Codat is with a reading of the ledger that QueueSync asked for.
func (c *Client) PullOperation(ctx context.Context, company, id string) (PullOperation, error) {
	return read[PullOperation](ctx, c, get("companies", company, "data", "history", id))
}

// Cost reads the record that a push of a directCost made, as last synced. Xero keeps a negative one as a directIncome, so the
// reference says which kind it became.
func (c *Client) Cost(ctx context.Context, company, connection string, ref RecordRef) (DirectCostRecord, error) {
	dataType := "directCosts"
	if ref.DataType == "directIncomes" {
		dataType = ref.DataType
	}
	return read[DirectCostRecord](ctx, c, get("companies", company, "connections", connection, "data", dataType, ref.ID))
}
