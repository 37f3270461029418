package store

import (
	"encoding/json"
	"fmt"
)

// Tags are names and values that a person has put on a company, kept by Codat.
type Tags map[string]string

// Scan reads a jsonb.
func (t *Tags) Scan(v any) error {
	j, ok := v.([]byte)
	if !ok {
		return fmt.Errorf("read tags from %T", v)
	}
	*t = nil
	return json.Unmarshal(j, (*map[string]string)(t))
}

func (t Tags) json() string {
	if len(t) == 0 {
		return "{}"
	}
	j, err := json.Marshal(map[string]string(t))
	if err != nil { // texts
		panic(fmt.Sprintf("store: marshal tags: %v", err))
	}
	return string(j)
}
