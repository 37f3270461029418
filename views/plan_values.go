package views

import "strconv"

// PlanPage is a plan of many expenses: what it would do, how far it is, and what it did.
type PlanPage struct {
	Frame
	Mine bool // the person who looks may move it
	Plan Plan
}

// Plan is a plan, the same for everybody: the part of the page and of the live stream.
type Plan struct {
	ID       int64
	State    string // data-status: looking draft running paused stopped done
	Head     string // how it stands: "Nothing is done yet"
	Lead     string // what is to be known first, a sentence or two
	Bar      Bar
	Counts   []PlanCount
	Facts    []Fact
	Pairs    []PlanPair  // expenses that look like others, the first few
	AllPairs Link        // an empty Href: the few are all
	PairHead string      // "12 look like others"
	LeftOut  []PlanGroup // the most frequent first
	LeftHead string      // "37 cannot go"
	Start    string      // the button, "" when there is nothing to start
	Anyway   string      // the tick beside it: those too that would fail; "" when there are none
	Reason   bool        // a reason is asked for
	Pause    bool        // it can be paused
	Resume   bool
	Stop     string // the button, "" when there is nothing to stop
	Receipt  string // href of the receipt as CSV, "" before there is one
}

// Bar is how far something is. A Max of 0 is no bar.
type Bar struct {
	Value, Max int
	Text       string // "1,204 of 1,284 settled"
}

// PlanCount is how many expenses of a plan are so.
type PlanCount struct {
	Badge  Badge  // of a status, or else
	Tone   string // a lamp of its own, with
	Icon   string
	Word   string
	Number Link // of how many, to the list of them
}

// PlanPair is an expense and another that looks the same.
type PlanPair struct {
	One, Other Link
	Said       string // of the other: "also chosen", "push complete"
}

// HandledPart is whether an expense was handled outside, and what can be said of that.
type HandledPart struct {
	Is     bool
	Can    bool // it can be marked, or that can be undone
	Reason string
}

// PlanGroup are expenses that are left out for one reason.
type PlanGroup struct {
	Count  string
	Reason string
	Few    []Link
	All    Link // an empty Href: the few are all
}

// PlanItemsPage lists expenses of a plan.
type PlanItemsPage struct {
	Frame
	Plan  int64
	Of    string // the plan: "Push 1,284 expenses"
	Rows  []PlanItem
	First string
	Next  string
}

// PlansPage lists plans, the newest first.
type PlansPage struct {
	Frame
	Rows  []PlanRow
	First string
	Next  string
}

// PlanRow is a plan in a list.
type PlanRow struct {
	Plan  Link
	By    string
	State string // "under way"
	At    string // when it was started, or else made
}

// PlanItem is one expense of a plan.
type PlanItem struct {
	Expense Link
	Company Link
	Amount  string
	Said    string
}

// CausesPage has the failed expenses grouped by why they failed.
type CausesPage struct {
	Frame
	Chips  []Chip
	Clear  string
	List   string // href of the list with the same filters
	Groups []Cause
	More   string // that there are more causes, "" when there are none
}

// Cause is a group of expenses that failed for one reason.
type Cause struct {
	ID       string // on its page
	Count    string // "412 expenses of 9 companies"
	Sums     string
	Text     string // why, a sentence
	Do       string
	Who      string
	Mends    []Link  // where it can be mended: the few that have most of them
	Others   []Link  // and the others
	OthersOf string  // "6 more companies"
	Show     string  // href of the list of them
	Retry    string  // the button
	Filters  []Field // what the button's form says beside: which ones
}

func planPath(id int64, action string) string {
	path := "/plans/" + strconv.FormatInt(id, 10)
	if action != "" {
		path += "/" + action
	}
	return path
}
