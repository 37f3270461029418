package views

import (
	"strings"

	"github.com/a-h/templ"

	"tallylight/store"
)

// hostile is what somebody may type anywhere.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>` + "\u202e" + `& evil`

var (
	long     = strings.Repeat("Unbrokenlongwordthatneverends", 20)
	longText = strings.Repeat("A lengthy description of a very long journey, with detours. ", 67)
)

func sampleFrame(title, section, live string) Frame {
	return Frame{
		Title: title, Section: section, Email: "anna.lindqvist@example.com", May: Rights{Enter: true, Admin: true}, Live: live, Failed: 43, Down: 1,
	}
}

var badges = map[store.ExpenseStatus]Badge{
	store.NotPushed:     {store.NotPushed, "Not pushed", "ready"},
	store.InProgress:    {store.InProgress, "Push in progress", "sent 14:02 · usually under 2 min"},
	store.Complete:      {store.Complete, "Push complete", "14:01 · took 38 s"},
	store.Failed:        {store.Failed, "Push failed", "Account 429 is archived in Xero"},
	store.NeedsChecking: {store.NeedsChecking, "Needs checking", "Codat gave up waiting; it may be in the ledger"},
	store.OnHold:        {store.OnHold, "On hold", "Sage 50 connection down since 09:12"},
}

func sampleRow(id int64, status store.ExpenseStatus, supplier, description, company, ledger, amount, action string) Row {
	return Row{
		ID: id, Badge: badges[status], Reference: "EXP-" + digits(id), Date: "12 Jan 2026", Supplier: supplier, Description: description,
		CompanyID: 7, Company: company, Ledger: ledger, Amount: amount, Action: action,
	}
}

func sampleRows() []Row {
	waits := sampleRow(2040, store.InProgress, "Addison Lee", "Taxi to Heathrow", "Northwind Ltd", "Xero · proven 14:02", "GBP 54.00", "")
	waits.Badge.Sub = "waiting for account Travel"
	huge := sampleRow(2027, store.Complete, long, longText, long, "Xero · proven 12:10", "GBP 99,999,999,999.99", "")
	huge.Reference = long[:60]
	return []Row{
		sampleRow(2041, store.InProgress, "Trainline", "London to Leeds return, client visit", "Northwind Ltd", "Xero · proven 14:02", "GBP 86.40", ""),
		waits,
		sampleRow(2036, store.Failed, "WeWork", "Meeting room, 3 h", "Fabrikam UK", "Xero · proven 12:10", "GBP 120.00", "Retry"),
		sampleRow(2035, store.Complete, "Amazon Business", "Keyboards (4)", "Contoso Retail", "QuickBooks Online", "USD 312.16", ""),
		sampleRow(2034, store.NeedsChecking, "Shell", "Fuel, van 2", "Contoso Retail", "QuickBooks Online", "USD 71.90", "Check"),
		sampleRow(2031, store.OnHold, "Screwfix", "Fixings and sealant", "Adatum Builders", "Sage 50 · down", "GBP 1,204.55", ""),
		sampleRow(2030, store.NotPushed, "", "Team breakfast", "Northwind Ltd", "Xero · proven 14:02", "GBP 38.20", "Push"),
		sampleRow(2029, store.NotPushed, "ANA", "Tokyo flight, change fee", "Northwind Ltd", "Xero · proven 14:02", "JPY 12,400", "Push"),
		huge,
		sampleRow(2026, store.Failed, hostile, hostile, hostile, hostile, "GBP −22.50", "Retry"),
		sampleRow(2025, store.Complete, "مطعم الياسمين", "عشاء عمل مع العميل", "Northwind Ltd", "Xero · proven 14:02", "KWD 12.345", ""),
	}
}

func sampleTabs() []Tab {
	return []Tab{
		{"All", "", "/expenses", 1300, true, false, false},
		{"Not pushed", "not_pushed", "/expenses?status=not_pushed", 210, false, false, false},
		{"In progress", "in_progress", "/expenses?status=in_progress", 12, false, false, false},
		{"Complete", "complete", "/expenses?status=complete", 1018, false, false, false},
		{"Failed", "failed", "/expenses?status=failed", 41, false, false, false},
		{"Needs checking", "needs_checking", "/expenses?status=needs_checking", 2, false, false, false},
		{"On hold", "on_hold", "/expenses?status=on_hold", 17, false, false, false},
	}
}

func sampleExpenses() ExpensesPage {
	p := ExpensesPage{
		Frame: sampleFrame("Expenses", "/expenses", "expenses,connections"), Tabs: sampleTabs(), Rows: sampleRows(),
		Companies: []Option{{"7", "Northwind Ltd", false}, {"8", "Fabrikam UK", true}, {"9", hostile, false}},
		Next:      "/expenses?after=abc", Clear: "/expenses", List: "/expenses", Newest: true, All: "All 1,284 that match",
		Dated: Heading{"/expenses?sort=date", "descending"}, Priced: Heading{"/expenses?sort=-amount", ""}, Changed: Heading{"/expenses?sort=-changed", ""},
		Orders: []Option{{"", "Newest date first", true}, {"-amount", "Largest amount first", false}}, Columns: []Option{{"company", "Company", true}, {"amount", "Amount", false}},
		Hidden: []string{"no-amount"}, Causes: "/expenses/causes", CSV: "/expenses/export.csv", XLSX: "/expenses/export.xlsx",
		Views: []SavedView{{1, "Month end", "/expenses?status=failed", true}, {2, hostile, "/expenses", false}},
	}
	for i, r := range p.Rows {
		if i > 0 {
			p.Show += ","
		}
		p.Show += digits(r.ID)
	}
	p.Flashes = []Flash{
		{Sentence: "3 expenses are on their way; 1 waits for its connection."},
		{Sentence: "EXP-2036 is on its way. 2 other expenses failed for the same reason.", Others: Others{[]int64{2037, 2038}, "Retry the other 2"}},
		{Sentence: "12 need a contact in Xero.", Anyway: Anyway{[]int64{2039, 2040}, "/expenses/push", "Push these 2 anyway"}},
	}
	p.Notices = []Notice{
		{false, "on_hold", "Adatum Builders’ Sage 50 connection has been down since 09:12. 17 expenses, GBP 8,402.10, wait for it.", Link{"Send the reconnect link", "/companies/9"}, Act{}},
		{true, "failed", "EXP-1990 may be booked twice in Xero: records 4f1a and 77c0.", Link{"Look at EXP-1990", "/expenses/1990"}, Act{"It is put right", "/notices/3/close"}},
		{false, "on_hold", "anna@example.com paused sending at 14:05. Nothing is sent until somebody resumes it.", Link{}, Act{"Resume", "/sending/resume"}},
	}
	return p
}

func sampleFiltered() ExpensesPage {
	p := sampleExpenses()
	p.Notices, p.Flashes, p.Filtered, p.Query, p.From, p.CompanyID = nil, nil, true, "taxi", "2026-01-01", 7
	p.Chips = []Chip{
		{"Search: taxi", "/expenses?company=7&from=2026-01-01", "Drop the search"},
		{"Company: Northwind Ltd", "/expenses?q=taxi&from=2026-01-01", "Drop the company"},
		{"From 1 Jan 2026", "/expenses?q=taxi&company=7", "Drop the date"},
	}
	p.Previous, p.Newest, p.Address, p.List = "/expenses?before=xyz", false, "company=7&q=taxi", "/expenses?company=7&q=taxi"
	p.OwnCounts, p.Tabs[0].Unknown, p.Tabs[1].More, p.Tabs[2].Unknown = true, true, true, true
	p.Chosen, p.Kept = []Field{{"q", "taxi"}, {"company", "7"}}, []Field{{"sort", "-amount"}, {"cause", hostile}}
	return p
}

// empties are the list's four ways to be empty.
func empties() map[string]ExpensesPage {
	bare := func() ExpensesPage {
		p := sampleExpenses()
		p.Rows, p.Notices, p.Flashes, p.Next, p.Previous, p.Show = nil, nil, nil, "", "", ""
		return p
	}
	none := bare()
	for i := range none.Tabs {
		none.Tabs[i].Count = 0
	}
	none.Failed, none.Down = 0, 0
	matchless := sampleFiltered()
	matchless.Rows, matchless.Next, matchless.Previous = nil, "", ""
	matchless.Chips[0].Text = "Search: " + long[:200]
	matchless.Drops = Drops{matchless.Chips, false}
	one := matchless
	one.Drops = Drops{matchless.Chips[:1], true}
	unread := ExpensesPage{Frame: bare().Frame, NotLoaded: true, Again: "/expenses?q=taxi"}
	done := bare()
	done.Status, done.Filtered, done.OnlyStatus = "failed", true, true
	done.Tabs[0].Current, done.Tabs[4].Current, done.Tabs[4].Count = false, true, 0
	past := bare()
	past.Past = true
	return map[string]ExpensesPage{"not loaded": unread, "one filter": one, "none": none, "matchless": matchless, "done": done, "past": past}
}

func sampleExpense() ExpensePage {
	return ExpensePage{
		Frame: sampleFrame("EXP-2040", "/expenses", "expenses"), ID: 2040, Reference: "EXP-2040", Badge: badges[store.Failed],
		Amount: "GBP 54.00", Action: "Retry", Edit: true, List: "/expenses?status=failed", Previous: "/expenses/2041?list=status%3Dfailed", Next: "/expenses/2036?list=status%3Dfailed",
		Keep: Kept{true, "status=failed"},
		Preflight: &Preflight{Title: "What would fail", Items: []PreflightItem{
			{true, "Xero books no expense without a contact, and this one names no supplier.", "Enter the supplier, or choose a contact for expenses without one.", Link{"Open the mapping", "/companies/9/mapping"}},
			{false, "Supplier " + hostile + " has another currency in Xero, which may refuse the expense.", "Choose a supplier with this currency.", Link{}},
		}, Anyway: Anyway{[]int64{2040}, "/expenses/retry", "Retry anyway"}},
		Others: Others{[]int64{2037, 2038}, "Retry the other 2"}, Creates: []Want{{"Account", "Travel"}, {"Supplier", hostile}}, Ledger: "Xero",
		Why: &Explanation{
			Title: "Why it failed", Cause: "Xero has no tax rate “INPUT9”.",
			Do:  "Choose another tax rate for the line “Taxi to Heathrow”, then press Retry.",
			Who: "Anyone in finance", Links: []Link{{"Open Northwind Ltd", "/companies/7"}},
			Raw: "TaxRateRef.Id must match the ID of an existing tax rate. Value: INPUT9\noperation 3f6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41\ncorrelation 131f0225-5467-421a-b179-4531d6b4a942\n" + hostile,
		},
		Steps: []StepBox{
			{"Account", "Travel", Badge{store.Complete, "Push complete", ""}, "7d0d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d40", []string{"sent 14:02:11", "ended 14:02:34 · took 23 s"}},
			{"Supplier", "Addison Lee", Badge{store.InProgress, "Push in progress", "Codat has accepted it"}, "8e0d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d40", []string{"sent 14:02:12"}},
			{"Expense", "EXP-2040", Badge{store.Failed, "Push failed", ""}, "3f6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", []string{"sent 14:02:34", "again 14:02:39", "ended 14:03:02 · took 28 s"}},
		},
		Story: []StoryLine{
			{"09:12:40", "11 Jan 2026", "2026-01-11T09:12:40Z", "i-user", "Entered by anna@example.com", "", Link{}, nil},
			{"14:02:11", "12 Jan 2026", "2026-01-12T14:02:11Z", "i-user", "anna@example.com pressed Push", "", Link{}, nil},
			{"14:02:11", "", "2026-01-12T14:02:11Z", "i-send", "Account Travel sent to Xero", "2.2 s after it was pushed", Link{}, nil},
			{"14:02:20", "", "2026-01-12T14:02:20Z", "i-user", "ben@example.com changed it", "", Link{}, []Change{{"Supplier", "", hostile}, {"Line 2, net", "45.00", "54.00"},
				{"Note", longText[:200], long[:200]}, {"Line 3, net", "1.00", ""}, {"Line 4, net", "1.00", ""}, {"Line 5, net", "1.00", ""}, {"Line 6, net", "1.00", ""},
				{"Line 7, net", "1.00", ""}, {"Line 8, net", "1.00", ""}}},
			{"14:02:34", "", "2026-01-12T14:02:34Z", "i-in", "Codat: account created, id 4f1a…", "", Link{"message", "/deliveries/12"}, nil},
			{"14:02:34", "", "2026-01-12T14:02:34Z", "i-send", "Expense sent to Xero", "", Link{}, nil},
			{"14:03:02", "", "2026-01-12T14:03:02Z", "i-in", "Codat: refused", "", Link{"message", "/deliveries/14"}, nil},
			{"14:03:03", "", "2026-01-12T14:03:03Z", "i-clock", "Reason read: tax rate INPUT9 does not exist", "", Link{}, nil},
		},
		Facts: []Fact{
			{"Date", "12 Jan 2026", ""},
			{"Supplier", "Addison Lee", ""},
			{"Company", "Northwind Ltd", "/companies/7"},
			{"Connection", "Xero, proven 14:02", ""},
			{"Paid from", "Business card", ""},
			{"Entered by", "anna@example.com, 11 Jan", ""},
		},
		Lines: []LineItem{{"Taxi to Heathrow", "Travel", "20% VAT", "45.00", "9.00"}, {"Tip", "", "", "0.00", ""}}, Tax: "9.00",
		Note: "Client visit.\nThe train was cancelled.",
		Pushes: []PushItem{
			{
				Title:    "Pushed 12 Jan 2026, 14:02:11 by anna@example.com: failed",
				Facts:    []Fact{{"Connection", "Xero", ""}, {"Operation", "3f6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", ""}},
				Warnings: []string{"A late answer says that this push was booked after all: record 77c0. It may be booked twice."},
				Attempts: []AttemptItem{
					{"Attempt 1, 14:02:34, took 0.4 s: no answer", "0f0e6c1e-7a1c-4d4b-9f0c-0a8f0a0c0d0e", "{\n  \"reference\": \"EXP-2040\"\n}", ""},
					{"Attempt 2, 14:02:39, took 0.6 s: HTTP 200", "0f0e6c1e-7a1c-4d4b-9f0c-0a8f0a0c0d0e", "{\n  \"reference\": \"EXP-2040\"\n}", "{\n  \"status\": \"Failed\", \"x\": \"" + hostile + "\"\n}"},
				},
			},
			{Title: "Pushed 11 Jan 2026, 10:00:01 by anna@example.com: failed"},
		},
	}
}

func samplePlainExpense() ExpensePage {
	p := sampleExpense()
	p.Badge, p.Action, p.Why, p.Pushes, p.Reference = badges[store.InProgress], "", nil, nil, long[:60]
	p.Creates, p.Withdraw, p.Delete = nil, true, true
	p.Steps[2].Badge = badges[store.InProgress]
	p.Lines[0].Description, p.Note, p.Amount = longText, longText, "GBP 99,999,999,999.99"
	p.Lines[0].Net = "99,999,999,999.99"
	p.Facts[1].Text = long
	return p
}

func sampleForm() ExpenseForm {
	return ExpenseForm{
		Frame: sampleFrame("New expense", "/expenses", ""), Companies: []Option{{"7", "Northwind Ltd", true}, {"8", "Fabrikam UK", false}},
		Reference: "EXP-2042", Date: "2026-01-12", Currency: "GBP",
		Lines:      []FormLine{{"Taxi to Heathrow", "Travel", "20% VAT", "45.00", "9.00"}, {}},
		Currencies: []string{"GBP", "EUR"}, Categories: []string{"Travel", hostile}, Suppliers: []string{"Addison Lee"}, Banks: []string{"Business card"},
		TaxRates: []string{"20% VAT"},
	}
}

func sampleFormRefused() ExpenseForm {
	p := sampleForm()
	p.Supplier, p.Lines[1].Net = hostile, "12,3x"
	p.Problems = map[string]string{
		"reference":   "EXP-2042 was used already for Northwind Ltd: choose another reference.",
		"date":        "The date is missing.",
		"lines.2.net": `"12,3x" is not an amount: write it as 12.30.`,
	}
	return p
}

func sampleEdit() ExpenseForm {
	p := sampleForm()
	p.Title, p.ID, p.Was, p.Company, p.Seen, p.Then, p.Companies = "Edit EXP-2042", 2042, "EXP-2042", hostile, "abc", "retry", nil
	return p
}

func sampleCheck() CheckPage {
	return CheckPage{
		Frame: sampleFrame("Check EXP-2034", "/expenses", "expenses"), ID: 2034, Reference: "EXP-2034", Badge: badges[store.NeedsChecking], Open: true,
		Ledger: "QuickBooks Online", Cause: "QuickBooks Online did not answer Codat in time, so this expense may or may not be there.", Search: "EXP-2034",
		Hint: "FreeAgent does not keep our reference: go by amount, date and supplier.",
		Sent: []Fact{{"Reference", "EXP-2034", ""}, {"Amount", "USD 71.90", ""}, {"Date", "11 Jan 2026", ""}, {"Supplier", hostile, ""},
			{"Paid from", "Business card", ""}, {"Books of", long, ""}},
		Known: []Fact{{"Pushed by", "anna@example.com", ""}, {"First sent", "14:02:34", ""}, {"Codat’s operation", "3f6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", ""}},
		Body:  "{\n  \"reference\": \"EXP-2034\"\n}", Looked: "I looked in QuickBooks Online for EXP-2034, USD 71.90 on 11 Jan 2026, and it is not there.",
		Asks: "Codat is asked once more how the operation ended. Now and then a late answer comes.",
	}
}

func sampleConnections() []ConnectionRow {
	return []ConnectionRow{
		{
			CodatID: "6f0d9d4e-2f0c-4a52-9c0f-0b5a4f1d2c11", Platform: "Sage 50", CompanyID: 9, Company: "Adatum Builders", Status: "Deauthorized",
			Tone: "bad", Icon: "failed", Word: "Access lost", Meaning: "The customer’s accounting software no longer lets Codat in. The customer must sign in again.",
			Proven: "last proven 12 Jan, 08:55", Since: "since 12 Jan, 09:12", Errors: []string{"The desktop connector has not been seen for 5 hours.", hostile},
			OnHold: "17 expenses, GBP 8,402.10, wait for it", OnHoldTo: "/expenses?status=on_hold&company=9", Mend: Link{"Send the reconnect link", "/companies/9#link"},
		},
		{
			CodatID: "b1c2", Platform: "FreeAgent", CompanyID: 10, Company: long[:80], Status: "PendingAuth", Tone: "doubt", Icon: "needs_checking",
			Word: "Waiting for the customer", Meaning: "The customer has not finished linking it.", Proven: "never proven", Since: "since 10 Jan",
			Mend: Link{"Send the link", "/companies/10#link"},
		},
		{
			CodatID: "a0a0", Platform: "Xero", CompanyID: 7, Company: "Northwind Ltd", Status: "Linked", Tone: "good", Icon: "complete", Word: "Linked",
			Meaning: "Expenses can be pushed.", Proven: "last proven 12 Jan, 14:02", Since: "since 3 Mar 2025",
		},
		{
			CodatID: "c0c0", Platform: "QuickBooks Online", CompanyID: 8, Company: "Contoso Retail", Status: "Unlinked", Tone: "idle", Icon: "not_pushed",
			Word: "Unlinked", Meaning: "It was cut off on purpose. Nothing is pushed through it.", Proven: "last proven 3 Jan, 10:00", Since: "since 4 Jan",
		},
	}
}

func sampleConnection() ConnectionPage {
	row := sampleConnections()[0]
	row.ID, row.Checking, row.Checked = 3, "Being checked since 14:02", "Checked 12 Jan, 08:00: "+hostile
	row.Proven, row.ProvenAgo = "Last proven: wrote to Sage 50", Ago{"3 h ago", "2026-01-12T11:02:11Z", "12 Jan 2026, 11:02:11"}
	return ConnectionPage{Frame: sampleFrame("Adatum Builders · Sage 50", "/connections", "connections"), Row: row,
		Facts: []Fact{{"Company", "Adatum Builders", "/companies/9"}, {"Codat’s id", long, ""}}, First: "/connections/3", Next: "/connections/3?after=9",
		Moments: []ConnectionMoment{
			{Time: "12 Jan 2026, 09:12:00", Full: "2026-01-12T09:12:00Z", Heard: "heard 09:12:02", Word: "Access lost", Tone: "bad", Icon: "failed",
				Source: "Codat told it: connection.disconnected.", Cause: hostile, Link: Link{"Message 42", "/deliveries/42"}},
			{Time: "11 Jan 2026, 09:12:00", Full: "2026-01-11T09:12:00Z", Word: long, Tone: "doubt", Icon: "needs_checking", Source: "By " + hostile + ".", Cause: long, Late: true},
		},
	}
}

func sampleCompanies() CompaniesPage {
	cs := sampleConnections()
	return CompaniesPage{Frame: sampleFrame("Companies", "/companies", "connections,expenses"), Clear: "/companies", Next: "/companies?after=11",
		Tabs: []Tab{{"Companies", "", "/companies", 1204, true, false, false}, {"Deleted", "", "/companies?status=deleted", 1, false, false, false}},
		Companies: []CompanyRow{
			{9, "Adatum Builders", "GBP", &cs[0], sampleTabs()[5:], "books read 12 Jan, 08:55", "Codat could not reach Sage 50: the connector is offline.", ""},
			{7, "Northwind Ltd", "GBP", &cs[2], sampleTabs()[1:], "books read 12 Jan, 14:02", "", ""},
			{10, hostile, "", nil, nil, "books not read yet", "", ""},
			{11, long, "JPY", &cs[1], nil, "books not read yet", "", ""},
		}}
}

func sampleCompaniesDeleted() CompaniesPage {
	p := sampleCompanies()
	p.Deleted, p.Query, p.Clear, p.Previous, p.Next = true, hostile, "/companies?status=deleted", "/companies?status=deleted&before=12", ""
	p.Companies = []CompanyRow{{12, "Gone Ltd", "GBP", nil, sampleTabs()[1:], "books read 12 Jan, 08:55", "", "in Codat 12 Jan, 09:00"}}
	return p
}

// sampleQR is no code, but looks like one.
var sampleQR = QR{33, "M4 4h7v1h-7zM4 5h1v5h-1zM10 5h1v5h-1zM4 10h7v1h-7zM6 6h3v3h-3zM22 4h7v1h-7zM22 5h1v5h-1zM28 5h1v5h-1zM22 10h7v1h-7z"}

func sampleCompany() CompanyPage {
	return CompanyPage{
		Frame: sampleFrame("Adatum Builders", "/companies", "connections,expenses"), ID: 9, Name: "Adatum Builders",
		Facts:       []Fact{{"Currency", "GBP", ""}, {"Accounts", "84", ""}, {"Suppliers", "211", ""}},
		Invite:      Invite{"Ask the customer to connect again", "https://link.codat.io/company/8a210b68-6988-11ed-a1eb-0242ac120002?otp=1", true, sampleQR},
		Description: "Builders in Leeds\n" + hostile, Tags: []string{"region: UK", "plan: " + long}, Mapping: "/companies/9/mapping",
		Ends: []Link{{"Unlink Sage 50", "/companies/9/connections/3/unlink"}, {"Delete this company", "/companies/9/delete"}}, Connections: sampleConnections()[:1],
		Counts: sampleTabs()[1:],
		Read:   "Read 12 Jan, 08:55", Trouble: "Codat could not reach Sage 50: the connector is offline.",
		Foreign: []Foreign{
			{"12 Jan 2026, 03:00:12", "Direct cost", "Success", "77c0", "5b6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41"},
			{"11 Jan 2026, 03:00:10", hostile, "Failed", "", long},
		}, ForeignSeen: "2026-01-12T03:10:00Z",
	}
}

func sampleCompanyLinked() CompanyPage {
	p := sampleCompany()
	p.Linked, p.Invite.Once, p.Foreign = true, false, nil
	return p
}

func sampleCompanyDeleted() CompanyPage {
	return CompanyPage{Frame: sampleFrame("Gone Ltd", "/companies", "connections"), ID: 12, Name: "Gone Ltd", Deleted: true, Counts: sampleTabs()[1:],
		Read: "Read 12 Jan, 08:55", Facts: []Fact{{"Deleted in Codat", "12 Jan, 09:00 by ada@example.com", ""}}}
}

func sampleCompanyForm() CompanyForm {
	return CompanyForm{Frame: sampleFrame("New company", "/companies", ""), Form: "5b6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41"}
}

func sampleCompanyFormRefused() CompanyForm {
	p := sampleCompanyForm()
	p.Name, p.Description, p.Tags = hostile, long, "region\n"+hostile
	p.Problems = map[string]string{"name": "Codat does not take the sign “<” in a name. Write it without.", "tags": "“region” is no tag: write a name, a colon and a value, like region: UK."}
	return p
}

func sampleDelete() EndPage {
	return EndPage{Frame: sampleFrame("Delete Northwind Ltd", "/companies", ""), CompanyID: 7, Company: "Northwind Ltd", Title: "Delete Northwind Ltd",
		Means: []string{"Codat deletes the company, its connection, and all that it holds of the customer’s books. This cannot be undone."},
		Stakes: []Stake{
			{badges[store.InProgress], "3 expenses, GBP 120.00 and USD 20.00", "Sent already, and not finished."}, {badges[store.OnHold], "1 expense, GBP 8.00", "Not sent yet."},
		},
		Path: "/companies/7/delete", Button: "Delete in Codat", Confirm: "Northwind Ltd", Typed: hostile, Problems: map[string]string{"name": "That is not the name of the company."}}
}

func sampleUnlink() EndPage {
	return EndPage{Frame: sampleFrame("Unlink Xero", "/companies", ""), CompanyID: 10, Company: hostile, Title: "Unlink " + long, Means: []string{hostile},
		Path: "/companies/10/connections/3/unlink", Button: "Unlink in Codat"}
}

func sampleDeliveries() DeliveriesPage {
	return DeliveriesPage{
		Frame: sampleFrame("Deliveries", "/deliveries", "deliveries"), Next: "/deliveries?before=9", Newest: true, Types: []string{"read.completed", hostile},
		Companies: []Option{{"7", "Northwind Ltd", false}, {"9", hostile, false}},
		Verdicts:  []Tab{{"All", "", "/deliveries", 2400, true, false, false}, {"Applied", "applied", "/deliveries?verdict=applied", 2300, false, false, false}, {"Set aside", "set_aside", "/deliveries?verdict=set_aside", 1, false, false, false}},
		Rows: []DeliveryRow{
			{14, "12 Jan 2026, 14:03:02", "directCosts.write.unsuccessful", 7, Link{"EXP-2040", "/expenses/2040"}, "", "applied", "Applied", "good", ""},
			{13, "12 Jan 2026, 14:02:34", "Push Operation Status Changed()", 7, Link{"EXP-2041", "/expenses/2041"}, "", "duplicate", "Duplicate", "idle", ""},
			{12, "12 Jan 2026, 14:02:30", "", 0, Link{}, "", "unreadable", "Unreadable", "bad", "It is not JSON: unexpected end."},
			{11, "12 Jan 2026, 14:02:10", hostile, 0, Link{}, "3f6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41 · " + hostile, "unmatched", "Unmatched", "doubt", ""},
			{10, "12 Jan 2026, 14:02:09", "suppliers.write.successful", 9, Link{long, "/companies/9"}, "5b6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", "not_ours", "Not ours", "idle", ""},
		},
	}
}

func sampleDeliveriesFiltered() DeliveriesPage {
	p := sampleDeliveries()
	p.Newest, p.First, p.Verdict, p.CompanyID, p.ConnectionID, p.ExpenseID, p.Type, p.Query, p.From = false, "/deliveries", "applied", 7, 3, 2040, hostile, hostile, "2026-01-01"
	p.Chips = []Chip{{"Expense: EXP-2040", "/deliveries?verdict=applied", "Show all expenses"}, {"Text: " + long, "/deliveries", "Drop the search"}}
	return p
}

func sampleDelivery() DeliveryPage {
	return DeliveryPage{
		Frame: sampleFrame("Delivery", "/deliveries", "deliveries"), Row: sampleDeliveries().Rows[0], Others: Link{"All messages about it", "/deliveries?expense=2040"},
		Facts:   []Fact{{"Generation", "events", ""}, {"Company", "8a210b68", "/companies/7"}, {"Operation", "3f6d2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", ""}},
		Changed: []string{"It is in the ledger.", hostile}, Again: []string{"12 Jan 2026, 15:00:00, by anna@example.com"},
		Headers: "Content-Type: application/json\nWebhook-Id: msg_2y3k4l5m6n7o8p", Body: "{\n  \"eventType\": \"directCosts.write.unsuccessful\",\n  \"x\": \"" + hostile + long + "\"\n}",
	}
}

func sampleSettings() SettingsPage {
	return SettingsPage{
		Frame: sampleFrame("Settings", "/settings", "deliveries"), Address: "https://tally.example.com/webhooks/codat", Authorized: true, Signed: true, Legacy: true,
		Events: []Events{{"How pushes end", []string{"directCosts.write.successful", "directCosts.write.unsuccessful"}}, {"Companies", []string{"company.created"}}},
		Credentials: []CredentialRow{
			{"Basic credential 1", "CODAT_WEBHOOK_BASIC", "ff017142", "12 Jan 2026, 14:02:11"}, {"Bearer token 1", "CODAT_WEBHOOK_BEARER", "793e0fad", ""},
			{"Signing secret 1", "CODAT_WEBHOOK_SECRETS", "96ad2ccd", "12 Jan 2026, 14:02:11"},
		},
	}
}

func sampleSettingsTested() SettingsPage {
	p := sampleSettings()
	p.Local, p.Legacy, p.Authorized, p.Credentials = true, false, false, p.Credentials[2:]
	p.Test = []DeliveryRow{{15, "12 Jan 2026, 15:00:00", "tallylight.test", 0, Link{}, "", "ignored", "Ignored", "idle", ""}}
	return p
}

// samples are all pages in all their states, by the name of a screenshot.
func samples() map[string]templ.Component {
	viewer := sampleExpenses()
	viewer.May = Rights{}
	filtered := sampleFiltered()
	nobody := Frame{Title: "Sign in"}
	one := sampleForm()
	one.Lines, one.Companies[0].Chosen = []FormLine{{}}, false
	checked := sampleExpense()
	checked.Badge, checked.Action, checked.Pushes = badges[store.NeedsChecking], "", nil
	checked.Why = &Explanation{Title: "What needs checking", Cause: "Codat gave up waiting for Xero; the expense may be in the ledger.", Do: "Look in Xero for EXP-2040, GBP 54.00, 12 Jan 2026.", Who: "Anyone with access to Xero"}
	bareCompany := CompanyPage{Frame: sampleFrame(hostile, "/companies", "connections"), ID: 10, Name: hostile, Invite: Invite{"Ask the customer", "javascript:alert(1)", false, QR{}}, Read: "Not read yet"}
	checkRefused, checkDecided := sampleCheck(), sampleCheck()
	checkRefused.Record, checkRefused.Problems = hostile, map[string]string{"record": "That record is EXP-2033 already.", "looked": "Look there first, then tick the box."}
	checkDecided.Open, checkDecided.Badge = false, badges[store.Complete]
	meanwhile, lockedForm := sampleEdit(), sampleEdit()
	meanwhile.Why = &Explanation{Title: "Why it failed", Cause: hostile, Do: "Choose another tax rate.", Who: "Anyone in finance", Raw: hostile}
	meanwhile.Problems = map[string]string{"": "ben@example.com changed this expense meanwhile. Compare yours with it; saving again puts yours in its place."}
	lockedForm.Locked, lockedForm.Problems = true, map[string]string{"": "EXP-2040 is locked while it is on its way. Nothing was saved; what you typed is below."}
	booked := samplePlainExpense()
	booked.Badge, booked.Withdraw, booked.Delete, booked.Edit = badges[store.Complete], false, false, false
	booked.Reverse = &Reverse{"In Xero, open the Spend Money transaction " + long[:60] + ", GBP 54.00, 12 Jan 2026, " + hostile + ".", "4f1a2b0e-5a55-4a0c-8a3e-2f6f3f6a9d41", "/expenses/new?copy=2040"}
	pages := map[string]templ.Component{
		"check": Check(sampleCheck()), "check-refused": Check(checkRefused), "check-decided": Check(checkDecided),
		"edit": ExpenseNew(sampleEdit()), "edit-meanwhile": ExpenseNew(meanwhile), "edit-locked": ExpenseNew(lockedForm), "expense-booked": Expense(booked),
		"expenses": Expenses(sampleExpenses()), "expenses-filtered": Expenses(filtered), "expenses-viewer": Expenses(viewer),
		"expense": Expense(sampleExpense()), "expense-plain": Expense(samplePlainExpense()), "expense-check": Expense(checked),
		"new": ExpenseNew(sampleForm()), "new-empty": ExpenseNew(one), "new-refused": ExpenseNew(sampleFormRefused()),
		"companies": Companies(sampleCompanies()), "companies-empty": Companies(CompaniesPage{Frame: sampleFrame("Companies", "/companies", "connections")}),
		"companies-deleted": Companies(sampleCompaniesDeleted()),
		"company":           Company(sampleCompany()), "company-bare": Company(bareCompany),
		"company-linked": Company(sampleCompanyLinked()), "company-deleted": Company(sampleCompanyDeleted()),
		"company-new": CompanyNew(sampleCompanyForm()), "company-new-refused": CompanyNew(sampleCompanyFormRefused()),
		"company-delete": End(sampleDelete()), "company-unlink": End(sampleUnlink()),
		"connections":       Connections(ConnectionsPage{Frame: sampleFrame("Connections", "/connections", "connections"), Connections: sampleConnections()}),
		"connections-none":  Connections(ConnectionsPage{Frame: sampleFrame("Connections", "/connections", "connections"), Tabs: sampleTabs()[:2], Show: "stale", First: "/connections?show=stale"}),
		"connection":        Connection(sampleConnection()),
		"connections-empty": Connections(ConnectionsPage{Frame: sampleFrame("Connections", "/connections", "connections")}),
		"deliveries":        Deliveries(sampleDeliveries()), "deliveries-empty": Deliveries(DeliveriesPage{Frame: sampleFrame("Deliveries", "/deliveries", "")}),
		"deliveries-filtered": Deliveries(sampleDeliveriesFiltered()), "delivery": Delivery(sampleDelivery()),
		"settings": Settings(sampleSettings()), "settings-tested": Settings(sampleSettingsTested()),
		"login": Login(LoginPage{Frame: nobody}), "login-refused": Login(LoginPage{nobody, "anna@example.com", "/expenses?q=" + hostile, "That email and password do not belong together."}),
		"account":         Account(AccountPage{Frame: sampleFrame("Account", "/account", ""), TimesIn: "Europe/Berlin", Otherwise: "UTC"}),
		"account-refused": Account(AccountPage{sampleFrame("Account", "/account", ""), "Berlin" + hostile, "UTC", map[string]string{"zone": "There is no such zone."}, "Your password now is not right."}),
		"error":           Error(ErrorPage{sampleFrame("Not found", "", ""), 404, "There is no such expense. It may have been typed wrongly."}),
		"error-nobody":    Error(ErrorPage{nobody, 503, "The database cannot be reached just now. Nothing was lost; try again in a moment."}),
	}
	for name, p := range empties() {
		pages["expenses-"+name] = Expenses(p)
	}
	return pages
}
