// Package views is all of Tallylight's HTML: templ components over finished values. Nothing is fetched or formatted here:
// an amount arrives as "EUR 12.50", a time as "14:02", a link as a local path. handlers fills the values in.
//
// Start with frame.templ (what every page stands in), then expenses.templ: its Row is rendered for the page and for the
// live stream alike, so a row carries nothing personal.
package views

import "tallylight/store"

// Frame is what surrounds every page.
type Frame struct {
	Title   string // "Expenses": the window says "Expenses · Tallylight"
	Section string // the entry of the rail that is current: "/expenses", "/companies", "/connections", "/deliveries", "/settings", "/account"
	Email   string // who is signed in; "" on the sign-in page and on errors before it
	May     Rights
	Live    string   // topics of the live stream this page wants, "" for none: "expenses", "connections,deliveries"
	Show    string   // the ids of the rows it shows, comma separated, for the stream
	Failed  int      // failed or needing checking: the rail's count beside Expenses
	Down    int      // connections that are not Linked: the rail's count beside Connections
	Flashes []Flash  // told once, above the page
	Notices []Notice // what needs a person, above the page
	Zone    string   // the zone of the times: "Europe/London"
}

// Flash is what was just done, and what might be done next.
type Flash struct {
	Sentence string
	Bad      bool // it did not work
	Others   Others
	Anyway   Anyway
}

// Anyway is the button that sends expenses although it was said what would fail. Without ids there is none.
type Anyway struct {
	IDs    []int64
	Path   string
	Button string // "Push these 12 anyway"
}

// Preflight is what would fail if an expense were pushed as it is.
type Preflight struct {
	Title  string
	Items  []PreflightItem
	Anyway Anyway
}

// PreflightItem is one thing that would fail, or may.
type PreflightItem struct {
	Stops    bool // it is certain
	Sentence string
	Do       string
	Link     Link
}

// Others are expenses that failed for the same reason as one, to be retried together. Without ids there are none.
type Others struct {
	IDs    []int64
	Button string // "Retry the other 199"
}

// Rights are what the signed-in person may do; what they may not is not offered.
type Rights struct {
	Enter bool // new expenses, push, retry and all about one expense, pausing a company, reading its books again
	Admin bool // deliveries, settings, default bank, pausing everything
}

// Notice is a sentence about what needs a person, with the link or the button that mends it.
type Notice struct {
	Bad      bool // red; else violet (waiting)
	Icon     string
	Sentence string
	Link     Link
	Act      Act
}

// Act is a button and where it posts to. An empty Path is no button.
type Act struct{ Text, Path string }

// Link is a text that leads somewhere. An empty Href is no link.
type Link struct{ Text, Href string }

// Badge is a status as an icon, a word and a colour, with its second line.
type Badge struct {
	Status store.ExpenseStatus
	Word   string // "Push complete"
	Sub    string // "14:01 · took 38 s"; answers "and now?"
}

// Row is one expense in a list. It is the same for everybody: Push and Retry are in it for those who may, and hidden by the
// page's class from those who may not.
type Row struct {
	ID          int64
	Badge       Badge
	Reference   string
	Date        string // "12 Jan 2026"
	Supplier    string // "" is shown as "No supplier"
	Description string
	CompanyID   int64
	Company     string
	Ledger      string // "Xero · proven 4 min ago", "Sage 50 · down", "No accounting connection"
	Amount      string // "GBP 86.40"
	Action      string // "Push", "Retry", "Check", "Fix" or "": Push and Retry are forms, Check and Fix links to the expense
}

// ExpensesPage is the list of expenses. Hrefs are "" where there is no such list.
type ExpensesPage struct {
	Frame
	NotLoaded bool   // the list could not be read: nothing is known of it but how to try again
	Again     string // href

	Tabs      []Tab
	Status    string // what is chosen now
	CompanyID int64
	Companies []Option
	Query     string
	Begins    bool   // Query is so short that it finds only what begins with it
	From, To  string // 2026-01-31 or ""
	Min, Max  string // amounts
	Currency  string
	Supplier  string
	Kept      []Field // of the address, what the filter form does not offer and does not lose
	Chosen    []Field // of the address, what chooses expenses
	Chips     []Chip
	Rows      []Row
	Previous  string
	Next      string
	All       string // what is said of everything that is chosen, when that is more than this page: "All 1,284 that match"

	Filtered   bool   // something is chosen
	OnlyStatus bool   // of a company or all, nothing but a status is
	OwnCounts  bool   // the tabs count what is chosen, not everything
	Past       bool   // the page is behind the last one
	Drops      Drops  // of an empty list, which filters to drop
	Clear      string // href without any filter
	List       string // href of everything that is chosen, in any order: the name of a selection
	Newest     bool   // a new expense of that status and company would stand on this page

	Dated, Priced, Changed Heading  // the columns that can be sorted by
	Orders                 []Option // the same for where there is no head
	Columns                []Option
	Hidden                 []string // a class for each column that is not shown
	Address                string   // what a saved view keeps: a query
	Views                  []SavedView
	Causes, CSV, XLSX      string // hrefs of the same expenses by cause, and as files
}

// Heading is the head of a column that can be sorted by.
type Heading struct {
	Href string
	Sort string // ascending, descending or ""
}

// Field is a hidden field of a form.
type Field struct{ Name, Value string }

// Drops are filters that empty a list, as links that drop them.
type Drops struct {
	Chips []Chip
	Each  bool // without any one of them there are expenses
}

// SavedView is a list that a person keeps by a name.
type SavedView struct {
	ID      int64
	Name    string
	Href    string
	Current bool // it is the one on the page
}

// SavedViewsPage is where a person's views are renamed and deleted.
type SavedViewsPage struct {
	Frame
	Views []SavedView
}

// Tab is one status above the list.
type Tab struct {
	Word    string
	Status  string // "" = all
	Href    string
	Count   int
	Current bool
	More    bool // there are more than Count
	Unknown bool // to count them would take long
}

// Chip is one filter in force, with the link that drops it.
type Chip struct{ Text, Drop, Label string }

// Option is one choice of a select.
type Option struct {
	Value, Text string
	Chosen      bool
}

// ExpensePage is one expense.
type ExpensePage struct {
	Frame
	ID        int64
	Reference string
	Badge     Badge
	Amount    string
	Action    string       // Push, Retry, Check or ""
	Why       *Explanation // of the newest push, when it failed or needs checking
	Alike     []PlanPair   // others that look the same, of one that can be pushed
	Handled   HandledPart
	Preflight *Preflight  // what would fail if it were pushed as it is, nil for nothing
	Others    Others      // expenses that failed with it
	Creates   []Want      // what a push makes in the ledger first
	Ledger    string      // whose ledger: "Xero"
	Steps     []StepBox   // of the newest push: its way to the ledger
	Withdraw  bool        // nothing of it was sent yet: it can be withdrawn
	Edit      bool        // it can be changed
	Locked    string      // why it cannot, a sentence; "" when it can, or Withdraw or Reverse says more
	Reverse   *Reverse    // how it is taken back, when it is in the ledger
	Delete    bool        // it was never pushed
	Story     []StoryLine // oldest first
	Messages  Link        // the webhooks about it, for administrators
	Facts     []Fact      // date, supplier, company, connection, paid from, entered by
	Lines     []LineItem
	Tax       string // the sum of the lines' tax, "" when there is none
	Note      string
	Receipts  Receipts
	Pushes    []PushItem // newest first, with attempts and raw replies
	List      string     // href of the list it was opened from
	Previous  string     // hrefs of its neighbours there, "" where there is none
	Next      string
	Keep      Kept
}

// Kept is the list that an expense was opened from, as addresses and forms keep it.
type Kept struct {
	Known bool
	Query string // of the list's address
}

// Reverse is how an expense that is in the ledger is changed or taken back there.
type Reverse struct {
	Find   string // which record it is there, a sentence
	Record string // its id, "" when it is not known
	Again  string // href of a new expense like this one
}

// Want is an account or supplier that is not in the ledger yet.
type Want struct {
	Kind string // "Account", "Supplier"
	Text string
}

// CheckPage is where a person settles a push of which nobody knows whether it reached the ledger.
type CheckPage struct {
	Frame
	Keep      Kept
	ID        int64
	Reference string
	Badge     Badge
	Open      bool   // it needs checking still; else somebody, or late news, was quicker
	Ledger    string // where to look: "Xero"
	Cause     string // what happened
	Search    string // what to type into the ledger's search
	Hint      string // what is special about looking there, "" for nothing
	Sent      []Fact // the expense as it was sent
	Known     []Fact // what is known of the push
	Body      string // what was sent, word for word
	Looked    string // what a person confirms: "I looked in Xero for …, and it is not there."
	Record    string // as typed
	Asks      string // what asking again does, a sentence
	Problems  map[string]string
}

// Explanation is a failure in a finance person's words.
type Explanation struct {
	Title string // "Why it failed", "What needs checking"
	Cause string
	Do    string
	Who   string
	Links []Link
	Raw   string // what Codat said, with the operation key and correlation id; "" when it said nothing
}

// StepBox is one Codat write of a push.
type StepBox struct {
	Kind  string // "Account", "Supplier", "Expense"
	Label string
	Badge Badge
	Key   string   // Codat's key of its operation, "" before there is one
	Times []string // "sent 14:02:11", "took 28 s"
}

// StoryLine is one thing that happened to an expense.
type StoryLine struct {
	Time string // "14:02:11"
	Day  string // "12 Jan 2026", only on the first line of a day
	Full string // machine-readable, for <time datetime>
	Icon string // i-user i-send i-in i-clock
	Text string
	Took string // "2.2 s after it was pushed"
	Link Link

	Changes []Change // what a person changed
}

// Change is a field that a person changed. An empty text is none.
type Change struct{ Field, Was, Now string }

// Fact is a term and what it is here.
type Fact struct {
	Term string
	Text string
	Link string // href or ""
}

// LineItem is one line of an expense.
type LineItem struct{ Description, Category, TaxRate, Net, Tax string }

// PushItem is one push with its attempts.
type PushItem struct {
	Title    string // "Pushed 12 Jan 2026, 14:02:11 by anna@example.com: failed, took 38 s"
	Facts    []Fact // connection, operation key, record id, idempotency key
	Attempts []AttemptItem
	Warnings []string
}

// AttemptItem is one HTTP send. Request and Reply are raw text, folded away.
type AttemptItem struct {
	Title   string // "Expense EXP-1, attempt 1, 12 Jan 2026, 14:02:11, took 0.4 s: HTTP 200"
	Key     string
	Request string
	Reply   string
}

// CompaniesPage lists the companies.
type CompaniesPage struct {
	Frame
	Tabs      []Tab // those that Codat has, and those that it has deleted
	Deleted   bool  // the latter are shown
	Query     string
	Clear     string // href without the query
	Companies []CompanyRow
	Previous  string // hrefs, "" where there is none
	Next      string
}

// CompanyRow is one company in the list.
type CompanyRow struct {
	ID         int64
	Name       string
	Currency   string // "GBP", "" when unknown
	Connection *ConnectionRow
	Counts     []Tab  // per status that has expenses, with links into the list
	Read       string // "books read 4 min ago", "books not read yet"
	Trouble    string // why the last reading stopped, "" when it did not
	Gone       string // "deleted in Codat 12 Jan, 09:00", "" while it is there
}

// CompanyPage is one company.
type CompanyPage struct {
	Frame
	ID          int64
	Name        string
	Facts       []Fact
	Description string
	Tags        []string // "region: UK"
	Deleted     bool     // Codat has it no more
	Invite      Invite   // how the customer is asked to link
	Linked      bool     // nobody needs to be asked just now
	Mapping     string   // href, "" where there is nothing to map
	Ends        []Link   // for administrators: what ends a connection, or the company
	Connections []ConnectionRow
	Gone        []GoneConnection // that were deleted, the last one first
	Counts      []Tab
	Read        string
	Trouble     string
	Paused      bool      // by a person, this company alone
	Foreign     []Foreign // writes in its history that nobody here sent, newest first
	ForeignSeen string    // until when they were seen, for the form that says that somebody has looked
}

// Foreign is a write in a company's history that nobody here sent.
type Foreign struct {
	Time   string
	Kind   string // "direct cost"
	Status string // as Codat says it
	Record string
	Key    string
}

// ConnectionRow is one connection, the same for everybody; the row of the page and of the live stream.
type ConnectionRow struct {
	ID        int64
	CodatID   string
	Platform  string
	CompanyID int64
	Company   string
	Status    string // as Codat spells it: data-status
	Tone      string // good, bad, idle, doubt: the lamp
	Icon      string
	Word      string // "Linked", "Access lost", "Unlinked", "Waiting for the customer"
	Meaning   string // a sentence
	Proven    string // "Last proven: wrote to Xero", "Never proven"
	ProvenAgo Ago    // of Proven
	Since     string // "since 12 Jan, 09:12"
	Checking  string // "Being checked since 14:02", "" while no check is under way
	Checked   string // how the last check ended, when that proved nothing
	Errors    []string
	OnHold    string // "17 expenses, GBP 8,402.10, wait for it", "" when none do
	OnHoldTo  string // href of those
	Mend      Link   // where it is mended
	Messages  string // href of the webhooks about it, for administrators
	Gone      bool   // deleted: nothing can be done with it
}

// Ago is how long ago something was, which the live script keeps true. One without a Time is not shown.
type Ago struct {
	Text string // "3 h ago"
	Time string // machine-readable
	Full string // "12 Jan 2026, 14:02:11"
}

// ConnectionsPage lists the connections; those that need a person first.
type ConnectionsPage struct {
	Frame
	Tabs        []Tab // all, broken, stale, pending
	Show        string
	Connections []ConnectionRow
	First, Next string // hrefs, "" where there is none
	Paused      bool   // by a person, all of sending
}

// ConnectionPage is one connection with its history, newest first.
type ConnectionPage struct {
	Frame
	Row         ConnectionRow
	Facts       []Fact
	Moments     []ConnectionMoment
	First, Next string // hrefs, "" where there is none
}

// ConnectionMoment is something that happened to a connection, or was heard of it.
type ConnectionMoment struct {
	Time   string // "12 Jan 2026, 14:02:11": when it happened, as Codat says, or when we heard
	Full   string // machine-readable, for <time datetime>
	Heard  string // "heard 14:02:13", "" when Time is that
	Word   string
	Tone   string
	Icon   string
	Source string // "Codat told us (connection.disconnected)"
	Cause  string // in Codat’s words
	Late   bool   // it came too late to change anything
	Link   Link   // the message, for administrators
}

// LoginPage is the sign-in form.
type LoginPage struct {
	Frame
	Email   string
	Next    string // a local path
	Problem string
}

// AccountPage is where a person changes their own password, and the zone that they are told times in.
type AccountPage struct {
	Frame
	TimesIn   string // that zone, "" for none of their own
	Otherwise string // the zone of who has none: "Europe/London"
	Problems  map[string]string
	Problem   string // of the password
}

// ExpenseForm is the form for a new expense, or for one that is being changed, as filled in so far.
type ExpenseForm struct {
	Frame
	ID         int64  // of the expense that is changed, 0 for a new one
	Was        string // its reference before
	Company    string // its company, which stays
	Seen       string // which version of it the form began with
	Keep       Kept
	Locked     bool         // it cannot be saved
	Why        *Explanation // why its push failed, nil when it did not
	Then       string       // what can be done at once after saving, "retry" or ""
	Companies  []Option
	Reference  string
	Date       string
	Supplier   string
	Currency   string
	Rate       string
	PaidFrom   string
	Note       string
	Lines      []FormLine
	Problems   map[string]string // by field: reference, date, currency, lines.1.net …; "" for what is about no field
	Currencies []string          // suggestions
	Categories []string          // suggestions: the expense accounts of the chosen company
	Suppliers  []string
	Banks      []string
	TaxRates   []string
}

// FormLine is one line of the form.
type FormLine struct{ Description, Category, TaxRate, Net, Tax string }

// DeliveriesPage lists the webhook messages received.
type DeliveriesPage struct {
	Frame
	Verdicts     []Tab
	Verdict      string // what is chosen now, "" for all
	CompanyID    int64
	ConnectionID int64
	ExpenseID    int64
	Companies    []Option
	Type         string
	Types        []string // suggestions
	Query        string
	From, To     string // 2026-01-31 or ""
	Chips        []Chip
	Rows         []DeliveryRow
	Newest       bool   // new messages belong on this page, if verdict and company fit
	First        string // href of the newest ones, "" on the first page
	Next         string
}

// DeliveryRow is one message, the same for every administrator; the row of the page and of the live stream.
type DeliveryRow struct {
	ID        int64
	Time      string // "12 Jan 2026, 14:02:11"
	Type      string
	CompanyID int64  // 0 when it is not known
	About     Link   // its expense, connection or company
	Said      string // Codat's ids, where About does not say it all
	Verdict   string
	Word      string // "Applied", "Duplicate", "Unreadable" …
	Tone      string
	Note      string // the error, for unreadable and set aside
}

// DeliveryPage is one message with its raw body.
type DeliveryPage struct {
	Frame
	Row     DeliveryRow
	Facts   []Fact
	Changed []string // what it changed, in sentences
	Again   []string // when it was applied again, and by whom
	Others  Link     // the messages about the same thing
	Headers string
	Body    string
}

// SettingsPage is what belongs into Codat's portal, and whether it works.
type SettingsPage struct {
	Frame
	Address     string // where webhooks go
	Local       bool   // nobody outside this machine reaches it
	Authorized  bool   // webhooks carry an Authorization header
	Signed      bool   // they are signed
	Legacy      bool   // the older generation is accepted
	Events      []Events
	Credentials []CredentialRow
	Test        []DeliveryRow // the message of the last test, once it has arrived
	Tokens      TokensCard
}

// Events are types of Codat's events, and what they are for.
type Events struct {
	Why   string
	Types []string
}

// CredentialRow is a webhook credential; nothing of it is secret.
type CredentialRow struct {
	Name        string // "Bearer token 1"
	Setting     string // CODAT_WEBHOOK_BEARER
	Fingerprint string // the first eight digits of its SHA-256
	Used        string // "12 Jan 2026, 14:02:11", "" for never
}

// ErrorPage is what a person sees when something is not there, not allowed, or went wrong.
type ErrorPage struct {
	Frame
	Status   int
	Sentence string
}
