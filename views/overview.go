package views

// OverviewPage is what needs a person, and how pushing goes.
type OverviewPage struct {
	Frame
	Failed, Checking     int
	FailedTo, CheckingTo string
	Causes               []Cause
	MoreCauses           int
	Down                 int
	DownFirst            []ConnectionRow
	Chart                Chart
	Times                []PlatformTime
	Months               []OverviewMonth
}

// PlatformTime is how long pushes to one accounting package took.
type PlatformTime struct{ Platform, Pushes, Median, P95 string }

// OverviewMonth is which companies lack expenses of a month, and how many lack none.
type OverviewMonth struct {
	Name, Done string
	Open       []MonthLine
}

// MonthLine is a month of a company, and how far it is.
type MonthLine struct {
	Name, Href, Said string
	Done, Current    bool
}

// Chart is a picture of bars; its numbers are in its own units.
type Chart struct {
	Empty bool
	Says  string // what it shows, in a sentence
	Marks []ChartMark
	Days  []ChartDay
}

// ChartMark is a line across, with its number.
type ChartMark struct{ Y, Text string }

// ChartDay is one bar, and its numbers.
type ChartDay struct {
	Day, Complete, Failed, Checking string
	Label, LabelX                   string // "" for most
	Parts                           []ChartPart
}

// ChartPart is the part of a bar that one outcome has.
type ChartPart struct{ Status, X, Y, Width, Height string }

// MonthPage is a company's month beside its ledger.
type MonthPage struct {
	Frame
	CompanyID                    int64
	Company, Name, Value, Ledger string
	Verdict                      string
	Done                         bool
	All                          string // the address of the month's expenses
	Sums                         []MonthSum
	Differences                  []MonthDifference
	Cut                          bool // there are more
	Months                       []MonthLine
}

// MonthSum is a month in one currency. Outside and Difference are "" when there is nothing of it.
type MonthSum struct{ Currency, Count, Total, Booked, Outside, Difference string }

// MonthDifference is an expense that is not in the ledger as it should be.
type MonthDifference struct{ Href, Reference, Date, Supplier, Amount, Status, Said string }
