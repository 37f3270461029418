package views

import "strconv"

// Invite is what is sent to the customer, so that they link their accounting software. Without a URL there is none.
type Invite struct {
	Title string // what is asked of them
	URL   string
	Once  bool // it works once, and for one day
	QR    QR
}

// QR is a picture of the link for a phone's camera. One of no size is none.
type QR struct {
	Size int    // modules on each side, with the quiet zone around them
	Path string // what is dark, as the d of an SVG path
}

func (q QR) viewBox() string {
	side := strconv.Itoa(q.Size)
	return "0 0 " + side + " " + side
}

// GoneConnection is one that Codat has deleted; its page tells its history.
type GoneConnection struct {
	Connection Link
	When       string // "deleted 14:02"
}

// CompanyForm is the form for a new company, as filled in so far.
type CompanyForm struct {
	Frame
	Form        string // which form this is: sent twice, it makes one company
	Name        string
	Description string
	Tags        string // one a line, "region: UK"
	Problems    map[string]string
}

// Stake is what an end means for some expenses.
type Stake struct {
	Badge Badge
	What  string // "3 expenses, GBP 120.00"
	Then  string // a sentence
}

// EndPage is asked before a connection is unlinked or a company deleted.
type EndPage struct {
	Frame
	CompanyID int64
	Company   string
	Title     string   // "Unlink Xero"
	Means     []string // sentences
	Stakes    []Stake
	Path      string // where it is posted to
	Button    string
	Confirm   string // what must be typed to go on, "" for nothing
	Typed     string
	Problems  map[string]string
}

// readAgain is what the button says that has a company read.
func readAgain(deleted bool) string {
	if deleted {
		return "Ask Codat again"
	}
	return "Read the books again"
}
