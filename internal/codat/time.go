package codat

import "time"

// Time is a moment as Codat writes it: with a zone, without one (then it is UTC), or only a day. It is zero when Codat
// left it out or wrote something else.
type Time struct{ time.Time }

var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly}

func (t *Time) setText(s string) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil {
			if at = at.UTC(); at.Year() >= 1 && at.Year() <= 9999 {
				t.Time = at
			}
			return
		}
	}
}

// Ptr returns nil for the zero time, for columns that may be null.
func (t Time) Ptr() *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t.Time
}

// Date is a day in a company's books, 2006-01-02, as it was written: no zone moves it. It is "" when Codat left it out.
type Date string

func (d *Date) setText(s string) {
	if len(s) < len(time.DateOnly) {
		return
	}
	if _, err := time.Parse(time.DateOnly, s[:len(time.DateOnly)]); err == nil {
		*d = Date(s[:len(time.DateOnly)])
	}
}
