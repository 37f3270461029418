package push

// words are how a problem is said: {platform} is the accounting package, {subject} the value it is about.
type words struct {
	short, text, do string
	where           Place
	one, many       string // of several expenses: "1 needs …", "12 need …"
}

// problemWords are the words for each problem. A new one is one more entry.
var problemWords = map[string]words{
	"books_unread": {
		"the books of {platform} are not read yet", "the books of {platform} have not been read to their end yet, so nobody can tell whether they have what the expense names.",
		"Wait until they are read; it takes minutes.", InTime,
		"waits until the books of {platform} are read", "wait until the books of {platform} are read",
	},

	// Categories.
	"account_several": {
		"several accounts in {platform} are called {subject}: choose one", "several accounts in {platform} are called {subject}.",
		"Choose the one that is meant.", InMapping,
		"names an account of which {platform} has several", "name an account of which {platform} has several",
	},
	"account_none": {
		"a line has no category", "a line has no category, so there is no account to book it to.",
		"Give it one, or choose an account for lines without.", InExpense,
		"has a line without a category", "have a line without a category",
	},
	"account_no_code": {
		"no account in {platform} has the code {subject}", "no account in {platform} has the code {subject}, and a code is no name for a new one.",
		"Choose the account that is meant.", InMapping,
		"names an account code that {platform} does not have", "name an account code that {platform} does not have",
	},
	"account_name_long": {
		"the name of a new account in {platform} may have {subject} characters at most", "the name of a new account in {platform} may have {subject} characters at most.",
		"Choose an account that is there, or a shorter name.", InMapping,
		"names a new account too long for {platform}", "name a new account too long for {platform}",
	},
	"account_not_made": {
		"{platform} has no account {subject}: choose one", "{platform} has no account called {subject}, and lets nobody make one from outside.",
		"Choose an account that is there.", InMapping,
		"names an account that {platform} does not have", "name an account that {platform} does not have",
	},
	"account_gone": {
		"the account for {subject} is gone from {platform}", "the account that was chosen for {subject} is not in {platform} any more.",
		"Choose another one.", InMapping,
		"goes to an account that is gone from {platform}", "go to an account that is gone from {platform}",
	},
	"account_archived": {
		"account {subject} is archived in {platform}", "account {subject} is archived in {platform}, and nothing can be booked to it.",
		"Choose another one, or restore it in {platform}.", InMapping,
		"goes to an archived account in {platform}", "go to an archived account in {platform}",
	},
	"account_bank": {
		"account {subject} is a bank account", "account {subject} is a bank account: {platform} does not book expenses to it.",
		"Choose an expense account.", InMapping,
		"would be booked to a bank account", "would be booked to a bank account",
	},
	"account_type": {
		"account {subject} cannot take expenses", "{platform} books expenses to expense and income accounts only, and {subject} is neither.",
		"Choose another account.", InMapping,
		"goes to an account that cannot take expenses", "go to an account that cannot take expenses",
	},
	"account_refused": {
		"account {subject} cannot take expenses", "{platform} says that nothing can be booked to account {subject} from outside.",
		"Choose another account.", InMapping,
		"goes to an account that cannot take expenses", "go to an account that cannot take expenses",
	},

	// Suppliers.
	"contact_missing": {
		"{platform} needs a contact: choose one", "{platform} books no expense without a contact, and this one names no supplier.",
		"Enter the supplier, or choose a contact for expenses without one.", InMapping,
		"needs a contact in {platform}", "need a contact in {platform}",
	},
	"supplier_several": {
		"several suppliers in {platform} are called {subject}: choose one", "several suppliers in {platform} are called {subject}.",
		"Choose the one that is meant.", InMapping,
		"names a supplier of which {platform} has several", "name a supplier of which {platform} has several",
	},
	"supplier_name_long": {
		"the name of a new supplier in {platform} may have {subject} characters at most", "the name of a new supplier in {platform} may have {subject} characters at most.",
		"Choose a supplier that is there, or a shorter name.", InMapping,
		"names a new supplier too long for {platform}", "name a new supplier too long for {platform}",
	},
	"supplier_not_made": {
		"{platform} has no supplier {subject}: choose one", "{platform} has no supplier called {subject}, and lets nobody make one from outside.",
		"Choose a supplier that is there.", InMapping,
		"names a supplier that {platform} does not have", "name a supplier that {platform} does not have",
	},
	"supplier_gone": {
		"the supplier for {subject} is gone from {platform}", "the supplier that was chosen for {subject} is not in {platform} any more.",
		"Choose another one.", InMapping,
		"goes to a supplier that is gone from {platform}", "go to a supplier that is gone from {platform}",
	},
	"supplier_archived": {
		"supplier {subject} is archived in {platform}", "supplier {subject} is archived in {platform}.",
		"Choose another one, or restore it in {platform}.", InMapping,
		"names an archived supplier in {platform}", "name an archived supplier in {platform}",
	},
	"supplier_currency": {
		"supplier {subject} has another currency", "supplier {subject} has another currency in {platform}, which may refuse the expense.",
		"Choose a supplier with this currency.", InMapping,
		"names a supplier with another currency", "name a supplier with another currency",
	},
	"payee_missing": {
		"{platform} needs the name of who was paid", "{platform} books no expense without the name of who was paid, and this one names no supplier.",
		"Enter the supplier.", InExpense,
		"needs the name of who was paid for {platform}", "need the name of who was paid for {platform}",
	},
	"payee_long": {
		"{platform} takes {subject} characters of a supplier’s name", "{platform} takes the name of who was paid with {subject} characters at most.",
		"Shorten the supplier’s name.", InExpense,
		"names a supplier too long for {platform}", "name a supplier too long for {platform}",
	},

	// What it was paid from.
	"bank_unchosen": {
		"{platform} has several bank accounts: choose one", "{platform} has several bank accounts, and it is not said which one this was paid from.",
		"Choose the company’s usual one, or enter it here.", InMapping,
		"needs a bank account in {platform}", "need a bank account in {platform}",
	},
	"bank_several": {
		"several bank accounts in {platform} are called {subject}: choose one", "several bank accounts in {platform} are called {subject}.",
		"Choose the one that is meant.", InMapping,
		"was paid from an account of which {platform} has several", "were paid from an account of which {platform} has several",
	},
	"bank_none": {
		"{platform} has no bank account", "{platform} has no bank account that this could have been paid from.",
		"Add it in {platform}, then have its books read again.", InLedger,
		"needs a bank account in {platform}", "need a bank account in {platform}",
	},
	"bank_unknown": {
		"no bank account in {platform} is called {subject}: choose one", "no bank account in {platform} is called {subject}.",
		"Choose the one that is meant.", InMapping,
		"was paid from an account that {platform} does not have", "were paid from an account that {platform} does not have",
	},
	"bank_gone": {
		"the bank account is gone from {platform}", "the bank account that was chosen for this is not in {platform} any more.",
		"Choose another one.", InMapping,
		"was paid from an account that is gone from {platform}", "were paid from an account that is gone from {platform}",
	},
	"bank_archived": {
		"bank account {subject} is archived in {platform}", "bank account {subject} is archived in {platform}, and nothing can be paid from it.",
		"Choose another one, or restore it in {platform}.", InMapping,
		"was paid from an archived account in {platform}", "were paid from an archived account in {platform}",
	},
	"bank_type": {
		"{subject} is not a bank account", "{subject} is not a bank account, so {platform} lets nothing be paid from it.",
		"Choose another one.", InMapping,
		"was paid from an account that is no bank account", "were paid from an account that is no bank account",
	},
	"bank_refused": {
		"nothing can be paid from {subject}", "{platform} says that nothing can be paid from {subject} from outside.",
		"Choose another account.", InMapping,
		"was paid from an account that cannot pay", "were paid from an account that cannot pay",
	},
	"bank_id": {
		"the code of {subject} is too long for {platform}", "{platform} takes bank accounts with a code of 8 characters at most, and that of {subject} is longer.",
		"Choose another one.", InMapping,
		"was paid from an account whose code is too long", "were paid from an account whose code is too long",
	},
	"bank_currency": {
		"the bank account is in {subject}, the expense is not", "{platform} books an expense in the currency of its bank account, which is {subject}.",
		"Choose a bank account with the currency of the expense.", InMapping,
		"is not in the currency of its bank account", "are not in the currency of their bank account",
	},

	// Tax and tracking.
	"tax_unknown": {
		"{platform} has no tax rate {subject}: choose one", "{platform} has no tax rate called {subject}.",
		"Choose the one that is meant.", InMapping,
		"names a tax rate that {platform} does not have", "name a tax rate that {platform} does not have",
	},
	"tax_several": {
		"several tax rates in {platform} are called {subject}: choose one", "several tax rates in {platform} are called {subject}.",
		"Choose the one that is meant.", InMapping,
		"names a tax rate of which {platform} has several", "name a tax rate of which {platform} has several",
	},
	"tax_gone": {
		"the tax rate {subject} is gone from {platform}", "the tax rate {subject} is not in {platform} any more.",
		"Choose another one.", InMapping,
		"has a tax rate that is gone from {platform}", "have a tax rate that is gone from {platform}",
	},
	"tax_archived": {
		"the tax rate {subject} is not active in {platform}", "the tax rate {subject} is not active in {platform}.",
		"Choose another one.", InMapping,
		"has a tax rate that is not active in {platform}", "have a tax rate that is not active in {platform}",
	},
	"tax_missing": {
		"{platform} needs a tax rate: choose one", "{platform} books no line without a tax rate, and none is chosen for lines with tax.",
		"Enter the tax rate of the line, or choose one for lines with tax.", InMapping,
		"needs a tax rate in {platform}", "need a tax rate in {platform}",
	},
	"no_tax_missing": {
		"{platform} needs a tax rate: choose one", "{platform} books no line without a tax rate, and none is chosen for lines without tax.",
		"Enter the tax rate of the line, or choose one for lines without tax.", InMapping,
		"needs a tax rate in {platform}", "need a tax rate in {platform}",
	},
	"tax_no_code": {
		"the tax rate {subject} has no code", "{platform} wants tax codes such as T1, and the tax rate {subject} has none.",
		"Choose another one.", InMapping,
		"has a tax rate without a code", "have a tax rate without a code",
	},
	"tracking_missing": {
		"{platform} needs a department for {subject}: choose one", "{platform} books no line without a department, and none is chosen for {subject}.",
		"Choose one.", InMapping,
		"needs a department in {platform}", "need a department in {platform}",
	},
	"tracking_gone": {
		"the tracking {subject} is gone from {platform}", "the tracking category {subject} is archived in {platform}, or not there any more.",
		"Choose another one.", InMapping,
		"has tracking that is gone from {platform}", "have tracking that is gone from {platform}",
	},
	"tracking_many": {
		"{platform} takes {subject} tracking at most on a line", "{platform} takes {subject} tracking at most on a line, and more are chosen.",
		"Choose fewer.", InMapping,
		"has too much tracking for {platform}", "have too much tracking for {platform}",
	},
	"tracking_twice": {
		"a line has {subject} twice", "{platform} takes one {subject} on a line, and two are chosen.",
		"Choose one.", InMapping,
		"has tracking that contradicts itself", "have tracking that contradicts itself",
	},
	"tracking_departments": {
		"the lines have different departments", "{platform} takes one department for a whole expense, and the lines have several.",
		"Choose the same for all, or split the expense.", InMapping,
		"has lines with different departments", "have lines with different departments",
	},

	// Texts, dates and amounts.
	"reference_long": {
		"{platform} takes {subject} characters of reference", "{platform} takes references of {subject} characters at most, and this one is longer.",
		"Shorten the reference.", InExpense,
		"has a reference too long for {platform}", "have a reference too long for {platform}",
	},
	"description_long": {
		"a description is too long for {platform}", "{platform} takes descriptions of {subject} characters at most, and one here is longer.",
		"Shorten the description.", InExpense,
		"has a description too long for {platform}", "have a description too long for {platform}",
	},
	"note_long": {
		"the note is too long for {platform}", "{platform} takes notes of {subject} characters at most, and this one is longer.",
		"Shorten the note.", InExpense,
		"has a note too long for {platform}", "have a note too long for {platform}",
	},
	"date_future": {
		"{platform} takes no date in the future", "{platform} takes no date in the future.",
		"Wait until then, or correct the date.", InExpense,
		"has a date in the future", "have a date in the future",
	},
	"lines_many": {
		"{platform} takes one line: this has {subject}", "{platform} takes expenses with one line only, and this one has {subject}.",
		"Make it one line, or enter the others as expenses of their own.", InExpense,
		"has several lines, of which {platform} takes one", "have several lines, of which {platform} takes one",
	},
	"signs_mixed": {
		"{platform} takes no mix of plus and minus", "{platform} wants the lines of an expense all above zero or all below, and here they are mixed.",
		"Split the expense.", InExpense,
		"mixes lines above and below zero", "mix lines above and below zero",
	},
	"line_zero": {
		"{platform} takes no line of zero", "{platform} takes no line of zero, and one here is.",
		"Leave the line out.", InExpense,
		"has a line of zero", "have a line of zero",
	},
	"total_zero": {
		"{platform} takes no expense of zero", "{platform} takes no expense of zero.",
		"Correct the amounts.", InExpense,
		"comes to zero", "come to zero",
	},
	"rate_missing": {
		"no exchange rate for {subject}", "the expense is in {subject}, which is not the currency of the books, and has no exchange rate for {platform}.",
		"Enter the exchange rate.", InExpense,
		"needs an exchange rate", "need an exchange rate",
	},
}
