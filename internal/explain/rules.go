package explain

import "regexp"

// rule is one explanation: what it is recognised by, and its words, which speaker.say fills in.
type rule struct {
	cause Cause
	when  []pattern // any of them; none: callers name the cause, Classify does not find it
	text  string    // Explanation.Cause
	short string    // Explanation.Short, "" = text
	do    string
	who   string
	link  Link
}

// Who can do it.
const (
	anyone      = "Anyone in finance"
	ledgerAdmin = "An administrator of {platform}"
	ledgerUser  = "Whoever uses {platform} on its computer"
	admin       = "An administrator of Tallylight"
)

// Parts of expressions that many rules share.
const (
	missing = `must be (?:provided|set|specified|supplied)|(?:is|are) (?:required|mandatory|missing)` +
		`|\brequired\b|\bmissing\b` +
		`|(?:can(?:not|'t)|must not) be (?:blank|empty|null)|must not be (?:empty|null)` +
		`|should be (?:provided|specified)`
	notFound = `must match the id of an existing|must be an existing|(?:does|do) not exist` +
		`|(?:was |were |is |be )?not (?:be )?found|must be a valid (?:guid|id)|must be valid`
	tooLong = `(?:longer than|exceed|max(?:imum)? (?:length|of)(?: of)?|at most|no (?:greater|more|longer) than|between \d+ and)` +
		`\D{0,3}(\d+)|is too long`
	under  = `less than (\d+) characters`
	unique = `must be unique|already (?:exists|in use|used|taken|assigned|been used)|duplicate` +
		`|unique (?:code|name)|already using`
	accountNamed = `(?:account|nominal)(?: code| number| account)? (?:['"]([^'"]+)['"]|([\w.\-/]*\d[\w.\-/]*))`
	taxNamed     = `tax ?(?:type|rate|code)(?: code)? ['"]?([^;]+?)['"]? `
	lineField    = `^(?:lineitems.*\.)?accountref`
	bankField    = `payment.*accountref|^bankaccount`
)

var desktop = regexp.MustCompile(`(?i)desktop|sage 50|sage 200|myob accountright live`)

// rules is the table of explanations, the most telling first: when a failure names several problems, the first rule that
// knows one of them explains it.
var rules = []rule{
	// It may have landed.
	{
		cause: "desktop_timed_out",
		when:  []pattern{{operation: "TimedOut", platform: desktop}},
		text:  "{Platform} did not answer Codat in time, so {record} may or may not be there.",
		short: "No answer in time; may be in {platform}",
		do:    "Open {platform} on its computer and check that it is online. Look for {record} in it, then say whether it is there.",
		who:   ledgerUser, link: LinkNone,
	},
	{
		cause: CauseTimedOut,
		when:  []pattern{{operation: "TimedOut"}},
		text:  "{Platform} did not answer Codat in time, so {record} may or may not be there.",
		short: "No answer in time; may be in {platform}",
		do:    "Look for it in {platform}, then say whether it is there.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: CauseLostReply,
		text:  "No clear answer came back from Codat, so {record} may or may not be in {platform}.",
		short: "No clear answer; may be in {platform}",
		do:    "Look for it in {platform}, then say whether it is there.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: CauseBug422,
		text:  "Tallylight made a mistake while it sent {record}, which may or may not be in {platform}.",
		short: "Sent wrongly; may be in {platform}",
		do:    "Look for it in {platform}, then say whether it is there. Tell an administrator of Tallylight too.",
		who:   anyone, link: LinkNone,
	},

	// Nothing was sent.
	{
		cause: CauseNotInLedger,
		text:  "A person looked in {platform} and did not find {record} there.",
		short: "Not found in {platform} by a person",
		do:    "Retry pushes it again.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseReplaced,
		text:  "The connection to the ledger was replaced after {record} had been sent through the old one.",
		short: "Sent through a connection that was replaced",
		do:    "Look for it in the ledger, then say whether it is there.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseClaimedTwice,
		text:  "Two pushes were answered with the same write, so it cannot be told which of them is in {platform}.",
		short: "May be in {platform}: look there",
		do:    "Look for {record} in {platform}, then say whether it is there.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseNoSupplier,
		text:  "There is no supplier[ called {subject}] in {platform}.",
		short: "No supplier[ {subject}] in {platform}",
		do:    "Retry: the supplier will be created first. Or choose another one.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseNoFreeCode,
		text:  "There is no free code left for a new account[ {subject}] in {platform}.",
		short: "No free code for account[ {subject}]",
		do:    "Add the account in {platform} with a code of your choice, then retry.",
		who:   ledgerAdmin, link: LinkExpense,
	},
	{
		cause: CauseNoAccount,
		text:  "There is no account[ called {subject}] in {platform}.",
		short: "No account[ {subject}] in {platform}",
		do:    "Choose another category for the expense, or add the account in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseAmbiguousAccount,
		text:  "More than one account in {platform} [is called {subject}|has this name].",
		short: "Several accounts[ {subject}] in {platform}",
		do:    "Give the account's code as the category, or rename one of the accounts in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseNoBankAccount,
		text:  "There is no bank account [called {subject} in {platform}|in {platform} to pay this expense from].",
		short: "No bank account[ {subject}] in {platform}",
		do:    "Choose the account the expense was paid from, or add the bank account in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseAmbiguousBankAccount,
		text:  "[More than one bank account in {platform} is called {subject}|{Platform} has several bank accounts and none is chosen].",
		short: "[Several bank accounts {subject}|No bank account chosen]",
		do:    "Choose the account the expense was paid from, or the one this company usually pays from, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseAmbiguousSupplier,
		text:  "More than one supplier in {platform} [is called {subject}|has this name].",
		short: "Several suppliers[ {subject}] in {platform}",
		do:    "Give the supplier's full name, or merge the two in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseNoTaxRate,
		text:  "{Platform} has no tax rate [called {subject}|of this name], or more than one.",
		short: "No single tax rate[ {subject}] in {platform}",
		do:    "Choose another tax rate for the expense, or put it right in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// Codat does not let us.
	{
		cause: "codat_key_refused",
		when:  []pattern{answered(401)},
		text:  "Codat does not accept Tallylight's key.",
		do:    "Give Tallylight a valid Codat key. The pushes that wait then go on by themselves.",
		who:   admin, link: LinkSettings,
	},
	{
		cause: "codat_company_limit",
		when:  []pattern{says(`(\d+)[- ]company limit`)},
		text:  "The plan with Codat allows no more[ than {subject}] companies.",
		do:    "Remove companies that are no longer needed, or ask Codat for a larger plan.",
		who:   admin, link: LinkSettings,
	},
	{
		cause: "codat_plan",
		when:  []pattern{answered(402)},
		text:  "The plan with Codat does not cover this.",
		do:    "Ask Codat about the plan. The pushes that wait then go on by themselves.",
		who:   admin, link: LinkSettings,
	},
	{
		cause: "codat_forbidden",
		when:  []pattern{answered(403)},
		text:  "Codat does not let Tallylight write for this company.",
		do:    "Check that Tallylight's key belongs to the Codat account that holds this company.",
		who:   admin, link: LinkSettings,
	},
	{
		cause: "codat_daily_limit",
		when:  []pattern{says(`rate limit quota of (\d+) requests`)},
		text:  "Tallylight has used up today's[ {subject}] requests to Codat.",
		do:    "Wait until midnight UTC, or ask Codat for more.",
		who:   admin, link: LinkSettings,
	},
	{
		cause: "codat_busy",
		when:  []pattern{answered(429)},
		text:  "Codat asked Tallylight to slow down.",
		do:    "Wait a few minutes, then retry.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "platform_blocked",
		when:  []pattern{answered(451), says(`not (?:currently )?available for compliance`)},
		text:  "Codat is not allowed to write to {platform} at present, for compliance reasons.",
		short: "Codat is not allowed to write to {platform}",
		do:    "Ask Codat's support when it will be possible again.",
		who:   admin, link: LinkNone,
	},

	// The way to the ledger is shut.
	{
		cause: CauseCompanyGone,
		when:  []pattern{says(`no company was found|company (?:was )?not found`), says(`company .*(?:has been|was) deleted`)},
		text:  "Codat does not know this company any more.",
		do:    "Connect the company again.",
		who:   admin, link: LinkCompany,
	},
	{
		cause: "connection_gone",
		when:  []pattern{says(`(?:data )?connection \S+ (?:was )?not found`), says(`connection (?:has been|was) deleted`)},
		text:  "The connection to {platform} does not exist any more.",
		do:    "Connect {platform} again, then retry.",
		who:   ledgerAdmin, link: LinkConnection,
	},
	{
		cause: "subscription_ended",
		when: []pattern{says(`subscription (?:period )?(?:has |have |is )?(?:been )?(?:ended|expired|cancell?ed|lapsed)`,
			`trial (?:or subscription )?(?:period )?(?:has )?(?:ended|expired)|invalid company status`,
			`billing (?:has )?(?:expired|problem)`)},
		text: "The subscription to {platform} has ended.",
		do:   "Renew it in {platform}, then retry.",
		who:  ledgerAdmin, link: LinkConnection,
	},
	{
		cause: "platform_busy",
		when:  []pattern{says(`too many requests|rate limit|throttl|concurrent request limit|request limit exceeded`)},
		text:  "{Platform} asked Codat to slow down.",
		do:    "Wait a few minutes, then retry.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "no_permission",
		when: []pattern{says(`(?:do|does) not have (?:the )?(?:\w+ )?(?:permissions?|access|rights|privileges?)`,
			`permission violation|insufficient (?:permission|privilege|rights)|not (?:permitted|authori[sz]ed) to`,
			`lacks? (?:the )?\w* ?permission|access (?:is )?denied|\bforbidden\b`)},
		text:  "The user who connected {platform} is not allowed to do this there.",
		short: "Not allowed by {platform}",
		do:    "Give that user the permission in {platform}, or reconnect as someone who has it, then retry.",
		who:   ledgerAdmin, link: LinkConnection,
	},
	{
		cause: "connection_lost",
		when: []pattern{says(`de-?authori[sz]ed|re-?authori[sz]|re-?authenticat|invalid_(?:grant|client)`,
			`token ?(?:has |is )?(?:expired|revoked|invalid)`,
			`(?:expired|invalid|revoked) (?:access |refresh )?token`,
			`authentication ?(?:failed|failure|unsuccessful|error)|authori[sz]ation ?failure|\bunauthori[sz]ed\b`,
			`not (?:currently )?(?:in (?:a |the )?)?linked|\bunlinked\b|user cancelled`)},
		text: "Codat has lost its access to {platform}.",
		do:   "Reconnect {platform}, then retry.",
		who:  ledgerAdmin, link: LinkConnection,
	},
	{
		cause: "desktop_unreachable",
		when: []pattern{says(`modal dialog|could not (?:start|open|reach) (?:quickbooks|sage)`,
			`(?:quickbooks|sage)[^.]{0,20} (?:is )?not (?:running|open)`,
			`company (?:data )?file (?:is|could|cannot|must)|single[- ]user mode`,
			`connector (?:is |was )?(?:offline|not running|not connected)|computer .*offline`)},
		text: "Codat could not work with {platform} on its computer.",
		do:   "Open {platform} there, close any message that it shows, check that it is online, then retry.",
		who:  ledgerUser, link: LinkConnection,
	},
	{
		cause: "platform_too_old",
		when:  []pattern{says(`or below is not supported`)},
		text:  "This version of {platform} is too old for Codat.",
		do:    "Upgrade {platform}, let Codat read the company again, then retry.",
		who:   ledgerAdmin, link: LinkConnection,
	},

	// Dates.
	{
		cause: "period_closed",
		when: []pattern{
			says(`lock(?:ed)? date(?:,? (?:of|is)|:)? \(?(\d[\w /.-]{5,18}\w)`),
			says(`closing date(?: of|:)? \(?(\d[\d/.-]{5,9}\d)`),
			says(`lock(?:ed)? date|account(?:ing)? period has closed|allowed posting dates`,
				`(?:posting |accounting )?periods? [^.;]*(?:is|are|has been|that's been|been|was) (?:closed|locked)`,
				`(?:financial|fiscal) year [^.;]*(?:closed|locked)`,
				`(?:closed|locked) (?:accounting |posting |fiscal |financial )?(?:period|year)`,
				`books (?:are|have been|is) (?:closed|locked)|period (?:is )?(?:closed|locked)`),
		},
		text:  "The books in {platform} are closed for this date[: they are locked up to {subject}].",
		short: "Period closed[ to {subject}] in {platform}",
		do:    "Change the date of the expense, or reopen the period in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "date_in_future",
		when:  []pattern{says(`(?:date|dated on|issuedate).*\bfuture\b`), about(`date`, `\bfuture\b`)},
		text:  "{Platform} does not accept a date in the future.",
		do:    "Change the date of the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "date_too_early",
		when: []pattern{says(`(?:before|earlier than|prior to|on or after) [^.;]*` +
			`(?:start date|conversion date|financial year|fiscal year|accounts? start)`)},
		text: "The date is before the books in {platform} begin.",
		do:   "Change the date of the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "date_missing",
		when:  []pattern{about(`(?:issue|dated|paidon|posting)_?(?:on|date)`, missing)},
		text:  "The date is missing.",
		do:    "Give the expense a date, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// Already there, or changed meanwhile.
	{
		cause: "account_code_taken",
		when: []pattern{
			about(`nominalcode|^code$`, unique).of("account"),
			says(`with (?:the |this )?code ?['"]?([\w.-]*\d[\w.-]*)?['"]? already|nominal code .*already`).of("account"),
			says(`unique code|account (?:number|code) ?['"]?([\w.-]*\d[\w.-]*)?['"]? .*already`,
				`code ['"]?([\w.-]+)['"]? (?:is )?already`).as("$1$2").of("account"),
		},
		text: "Account code[ {subject}] is already used in {platform}.",
		do:   "Use the account that already has this code, or choose another code, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "account_name_taken",
		when: []pattern{
			about(`^(?:name|fullyqualifiedname)$`, unique).of("account"),
			says(`account (?:named|called) ['"]?([^'"]+?)['"]? already|duplicate name|name .*already|unique name`).of("account"),
		},
		text: "An account [called {subject}|of this name] is already in {platform}.",
		do:   "Choose that account as the category, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "supplier_name_taken",
		when: []pattern{
			says(`contact name (?:['"]?([^;]+?)['"]? )?is already assigned`),
			says(`contact name must be unique|another (?:vendor|supplier|customer|contact|employee) is already using this name`),
			says(`(?:supplier|vendor|contact) (?:named |called )?['"]([^'"]+)['"] already exists`),
			says(`(?:supplier|vendor|contact)\b[^.;]* already (?:exists|in use|used)`),
			says(unique).as("").of("supplier"),
		},
		text:  "Another contact in {platform} [is already called {subject}|already has this supplier's name].",
		short: "[Name {subject}|Supplier's name] already used in {platform}",
		do:    "Use that contact as the supplier, or give the supplier another name, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "reference_taken",
		when: []pattern{
			says(`docnumber=([^\s,;]+)`),
			says(`(?:document|reference|invoice|check|cheque) ?(?:no\.?|number|#)? ?['"]?([\w/-]*\d[\w/-]*)['"]? (?:is )?already`),
			says(`duplicate document number|this number has already been used`,
				`(?:invoice|reference|document|check|cheque) ?(?:#|no\.?|number)? must be unique`),
			about(`^reference$|docnumber`, unique),
		},
		text: "Reference[ {subject}] is already used in {platform}.",
		do:   "Check that this expense is not in {platform} already. If it is not, change its reference, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "record_exists",
		when: []pattern{says(`record (?:already exists|has already been)|dup_rcrd|has previously been processed`,
			`previously been processed`)},
		text: "{Platform} says that it has this record already.",
		do:   "Look for it in {platform} before you push it again.",
		who:  anyone, link: LinkNone,
	},
	{
		cause: "changed_meanwhile",
		when: []pattern{says(`stale object|working on this at the same time|record has been changed|modified by another user`,
			`another user has (?:changed|modified|deleted)`,
			`(?:locked|in use) by another user`)},
		text:  "Someone changed the same record in {platform} at the same moment.",
		short: "Changed by someone else in {platform}",
		do:    "Retry.",
		who:   anyone, link: LinkNone,
	},

	// A new account.
	{
		cause: "account_code_form",
		when:  []pattern{about(`nominalcode|^code$`, `format|numeric|number between|invalid|not valid`).as("").of("account")},
		text:  "The new account's code does not have the form that {platform} needs.",
		short: "Account code not accepted by {platform}",
		do:    "Choose another code for the account, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_code_too_long",
		when:  []pattern{about(`nominalcode|^code$`, tooLong).of("account"), says(`account code is too long\D*(\d+)`)},
		text:  "The new account's code is too long for {platform}[: {subject} characters at most].",
		short: "Account code too long[ (at most {subject})]",
		do:    "Choose a shorter code for the account, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_code_missing",
		when:  []pattern{about(`nominalcode|^code$`, missing).of("account")},
		text:  "{Platform} needs a code for the new account.",
		do:    "Give the account a code, or add it in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_name_too_long",
		when:  []pattern{about(`^(?:name|fullyqualifiedname)$`, tooLong).of("account")},
		text:  "The new account's name is too long for {platform}[: {subject} characters at most].",
		short: "Account name too long[ (at most {subject})]",
		do:    "Choose a shorter name for the account, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_category",
		when: []pattern{
			about(`fullyqualifiedcategory|^type$`).of("account"),
			says(`account ?(?:type|category) .*(?:invalid|not valid|required|must)`).of("account"),
		},
		text: "{Platform} does not accept the new account's category.",
		do:   "Add the account in {platform} itself, then retry.",
		who:  anyone, link: LinkExpense,
	},

	// The account paid from.
	{
		cause: "bank_account_type",
		when: []pattern{says(`must be a bank account|must be bank, cash or asset|(?:select|choose) a bank account`,
			`not a (?:valid )?bank account`)},
		text:  "The account this expense was paid from is not a bank account in {platform}.",
		short: "Paid from an account that is not a bank account",
		do:    "Choose a bank or card account as the one paid from, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "bank_account_not_found",
		when: []pattern{
			says(`id of an existing (?:['"]?bank|credit card|account of type 'bank')`).as(""),
			says(`(?:bank|payment) account\b[^.;]*(?:not (?:be )?found|does not exist)`),
			about(bankField, notFound),
		},
		text:  "{Platform} does not have the bank account this expense was paid from.",
		short: "Bank account not in {platform}",
		do:    "Choose another account as the one paid from, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "bank_account_missing",
		when:  []pattern{about(bankField, missing), says(`bank account (?:is required|must be|is missing)`)},
		text:  "The account this expense was paid from is missing.",
		short: "Account paid from is missing",
		do:    "Choose the account the expense was paid from, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// The account booked to.
	{
		cause: "bank_account_inactive",
		when: []pattern{
			says(`(?:bank|payment) account[^.;]*(?:archived|inactive|deactivated|deleted|closed)`),
			about(bankField, `archived|inactive|deactivated|deleted|closed`),
		},
		text:  "The account this expense was paid from is no longer active in {platform}.",
		short: "Bank account not active in {platform}",
		do:    "Choose another account as the one paid from, or make it active again in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_archived",
		when: []pattern{
			says(accountNamed + ` (?:has been|is|was) archived`).as("$1$2"),
			says(`account[^.;]*archived|archived[^.;]* account`),
			about(`account`, `archived`),
		},
		text: "{The account} is archived in {platform}.",
		do:   "Choose another category for the expense, or restore the account in {platform}, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "account_inactive",
		when: []pattern{
			says(accountNamed + ` (?:has been|is|was) (?:made )?(?:inactive|deactivated)`).as("$1$2"),
			says(`account[^.;]* (?:is|was|been) (?:inactive|deactivated)|inactive account`),
			about(`account`, `inactive|deactivated`),
		},
		text: "{The account} is no longer active in {platform}.",
		do:   "Choose another category for the expense, or make the account active again in {platform}, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "tax_rate_not_allowed",
		when: []pattern{
			says(taxNamed + `cannot be used with account(?: code)? ['"]?([\w.\-/]+)`).as("$1 with account $2"),
			says(taxNamed + `(?:does not exist or )?(?:cannot be used|is not (?:valid|allowed))`),
			says(`tax ?(?:type|rate|code) [^.;]*(?:cannot be used|is not valid for)|only 'TAX'`),
			says(taxNamed + `(?:has been |is |was )(?:archived|inactive|not active|deleted)`),
			says(`tax ?(?:type|rate|code)\b[^.;]*(?:archived|inactive|not active)`),
			says(`'TAX' \(automated sales tax\)`),
		},
		text:  "{Platform} does not allow [tax rate {subject}|this tax rate here].",
		do:    "Choose another tax rate for the expense, then retry.",
		short: "Tax rate [{subject} ]not allowed in {platform}",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_type",
		when: []pattern{
			says(`account code ['"]?([\w.\-/]+)['"]? is not (?:a )?valid(?: code)? for this`),
			says(`must be an expense or income account|should not be a bank account|invalid account type`,
				`account (?:you specified|type) [^.;]*(?:invalid|not valid|cannot be used)|account cannot be used`),
		},
		text:  "{The account} cannot be used for an expense in {platform}.",
		short: "{The account} is not for expenses in {platform}",
		do:    "Choose another category for the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "account_not_found",
		when: []pattern{
			says(accountNamed + ` (?:does not exist|(?:was |is |could |can)? ?not (?:be )?found|is not a valid code` +
				`|(?:has been|is|was) deleted)`).as("$1$2"),
			says(`accounts element id|invalid account reference key|account must be valid`),
			says(`id of an existing (?:nominal )?account`),
			says(`\baccount\b[^.;]*(?:does not exist|not (?:be )?found)`),
			about(lineField, notFound),
		},
		text: "{The account} is not in {platform}.",
		do:   "Choose another category for the expense, or add the account in {platform}, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "account_missing",
		when:  []pattern{about(lineField, missing), says(`account code must be specified|account(?: code)? is (?:required|mandatory)`)},
		text:  "{The account} is missing.",
		do:    "Choose a category for each line of the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// The supplier.
	{
		cause: "supplier_inactive",
		when: []pattern{
			says(`(?:contact|supplier|vendor) ['"]([^'"]+?)['"] (?:has been|is|was) (?:archived|inactive|deleted)`),
			says(`(?:contact|supplier|vendor)\b[^.;]*(?:archived|inactive|been deleted)`),
		},
		text: "{The supplier} is no longer active in {platform}.",
		do:   "Restore the supplier in {platform}, or choose another one, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "supplier_not_found",
		when: []pattern{
			says(`id of an existing (?:contact|supplier|customer|vendor)|names element id`,
				`invalid (?:entity|vendor) reference key`),
			says(`(?:contact|supplier|vendor)\b[^.;]*(?:does not exist|not (?:be )?found)`),
			about(`contactref|supplierref|vendorref`, notFound),
		},
		text: "The supplier of this expense is not in {platform}.",
		do:   "Choose another supplier, or add this one in {platform}, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "supplier_missing",
		when: []pattern{
			about(`contactref|supplierref|vendorref|^contact$`, missing),
			says(`must choose a (?:vendor|supplier|customer)|without a (?:vendor|supplier|customer)`),
		},
		text: "{Platform} needs a supplier for this expense.",
		do:   "Choose a supplier that is in {platform}, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "supplier_name_form",
		when:  []pattern{about(`suppliername|^name$`, tooLong).of("supplier"), says(`first and last name`).of("supplier")},
		text:  "{Platform} does not accept the supplier's name[: {subject} characters at most].",
		short: "Supplier name not accepted by {platform}",
		do:    "Write the supplier's name another way, or add the supplier in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "record_inactive",
		when:  []pattern{says(`made inactive|has been inactive`)},
		text:  "Something that {record} uses is no longer active in {platform}.",
		short: "Uses something inactive in {platform}",
		do:    "Check its account, supplier and tax rate in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// Tax.
	{
		cause: "tax_rate_not_found",
		when: []pattern{
			says(taxNamed + `(?:does not exist|(?:was |could |can)? ?not (?:be )?found)`),
			says(`existing tax (?:rate|code)|tax rate must be valid|taxcodes? element id|invalid tax ?code reference key`),
			about(`taxrate`, notFound),
		},
		text: "{The tax rate} is not in {platform}.",
		do:   "Choose another tax rate for the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "tax_rate_missing",
		when: []pattern{
			about(`taxrate`, missing),
			says(`tax(?: ?type| ?rate| ?code)?(?: field)? is (?:mandatory|required)`,
				`have an? \S{2,12} rate before you save|required for all companies except`),
		},
		text: "{Platform} needs a tax rate for each line.",
		do:   "Choose a tax rate for each line of the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "tax_amount_uneven",
		when:  []pattern{says(`specified on all line items or none`)},
		text:  "Some lines have a tax amount and others have none.",
		do:    "Give a tax amount for each line of the expense, or for none, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// Currency, and a refund, for which Zoho Books asks for one.
	{
		cause: "amount_negative",
		when: []pattern{says(`amounts? (?:must be (?:0|zero|positive)(?: or greater)?|(?:cannot|must not) be negative)`,
			`negative amounts? (?:is|are) not|pushing a negative direct cost`)},
		text: "{Platform} does not accept a negative amount here.",
		do:   "Book the refund in {platform} itself.",
		who:  anyone, link: LinkNone,
	},
	{
		cause: "currency_not_enabled",
		when: []pattern{
			says(`not subscribed to (?:the )?currency ['"]?([A-Z]{3})`),
			says(`currency ['"]?([A-Z]{3})['"]? (?:is )?not (?:enabled|supported|active|set up)`),
			says(`multi-?currency|existing,? active currency|ensure that it exists in your`),
		},
		text:  "The currency[ {subject}] is not switched on in {platform}.",
		short: "Currency[ {subject}] not switched on in {platform}",
		do:    "Add the currency in {platform}, or change the currency of the expense, then retry.",
		who:   ledgerAdmin, link: LinkExpense,
	},
	{
		cause: "rate_missing",
		when: []pattern{
			about(`currencyrate|exchangerate`, missing),
			says(`(?:exchange|currency) rate (?:is required|must be)|not the base currency`),
		},
		text: "The exchange rate is missing.",
		do:   "Give the exchange rate of the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "currency_mismatch",
		when: []pattern{
			says(`must (?:match|agree with|be the same as) the (?:currency|base currency|bank account|target account)`,
				`currency [^.;]*(?:must|does not|doesn't|should) (?:match|agree|be the same|equal)`,
				`currency of the transaction is invalid|match the target account's default currency`,
				`account[^.;]*different currency`),
		},
		text:  "The currency does not fit the accounts and supplier of this expense in {platform}.",
		short: "Currency does not fit the accounts in {platform}",
		do:    "Choose an account and a supplier in the currency of the expense, or change its currency, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "currency_invalid",
		when: []pattern{about(`currency`, missing), says(`three[- ]letter iso|(?:invalid|unknown) currency(?: code)?`,
			`currency(?: code)? is (?:invalid|not valid)`)},
		text:  "{Platform} does not accept the currency of this expense.",
		short: "Currency not accepted by {platform}",
		do:    "Change the currency of the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},

	// Amounts and lines.
	{
		cause: "totals_differ",
		when: []pattern{
			says(`summed \((-?[\d.,]*\d)\) should be the same as \w+ \((-?[\d.,]*\d)\)`).as("$1, not $2"),
			says(`line item total (-?[\d.,]*\d)\b.* must equal the transaction total (-?[\d.,]*\d)`).as("$1, not $2"),
			says(`line total (-?[\d.,]*\d) does not match the expected line total (-?[\d.,]*\d)`).as("$1, not $2"),
			says(`(?:equal|match|same as) (?:to )?the (?:sum|total) of|sum of (?:the )?line`,
				`(?:equal|match) (?:the )?(?:sub ?)?total|totals? (?:do|does|must|should) (?:not )?(?:match|equal)`),
		},
		text: "[The lines add up to {subject}|The lines do not add up to the total].",
		do:   "Correct the amounts of the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "signs_mixed",
		when:  []pattern{says(`all lines must be negative|same sign`)},
		text:  "{Platform} does not accept lines above and below zero together.",
		short: "Lines above and below zero together",
		do:    "Put the refunds into an expense of their own, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "amount_zero",
		when: []pattern{says(`cannot (?:equal|be) (?:0|zero)|as 0 for line|must (?:be greater than|not be) (?:0|zero)\b`,
			`set a transaction amount|non-?zero`)},
		text: "{Platform} does not accept an amount of zero.",
		do:   "Remove the lines of zero from the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "amount_range",
		when:  []pattern{says(`amount must be between (-?[\d.,]*\d) and (-?[\d.,]*\d)`).as("$1 and $2")},
		text:  "An amount is too small or too large[: it must be between {subject}].",
		short: "Amount not between [{subject}|the limits]",
		do:    "Correct the amounts of the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "lines_too_many",
		when:  []pattern{says(`exactly one line|only one line|(?:maximum|at most|no more than) (?:of )?\d+ lines?`)},
		text:  "{Platform} takes only one line in each expense.",
		do:    "Split the expense into one for each line, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "lines_missing",
		when: []pattern{says(`at least one line|(?:one or more )?line items? must be (?:specified|provided)`,
			`required parameter line\b`), about(`^lineitems$`, missing)},
		text: "The expense has no lines.",
		do:   "Give the expense a line, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "payment_malformed",
		when:  []pattern{says(`(?:single|exactly one) (?:payment )?allocation`)},
		text:  "Tallylight sent the payment of this expense in a way that {platform} does not accept.",
		short: "Payment sent wrongly to {platform}",
		do:    "Tell an administrator of Tallylight. Retrying will not help.",
		who:   admin, link: LinkNone,
	},

	// Tracking and other fields of the ledger's own.
	{
		cause: "tracking_not_found",
		when: []pattern{
			says(`existing tracking category|tracking [^.;]*(?:archived|inactive|not active|not (?:be )?found|does not exist)`),
			about(`tracking`, notFound),
		},
		text:  "A tracking category of this expense is not in {platform}.",
		short: "Tracking category not in {platform}",
		do:    "Choose another tracking category, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "tracking_conflict",
		when: []pattern{says(`tracking categor.*(?:same parent|be the same|only one|maximum)|maximum of (?:\d+) tracking`,
			`only one tracking category|department tracking categories`).as("")},
		text:  "{Platform} does not accept these tracking categories together.",
		short: "Tracking categories do not go together",
		do:    "Choose fewer tracking categories, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "field_wanted",
		when: []pattern{
			says(`please enter value\(s\) for:? ?([^.;]+)`),
			says(`\ba (department|location|class|project|cost code|subsidiary) is (?:a )?required`),
			says(`\b(department|location|class|project|subsidiary) (?:is (?:a )?required|must be (?:specified|provided))`),
		},
		text:  "{Platform} needs [a value for {subject}|one more value], which Tallylight does not send.",
		short: "{Platform} needs [a value for {subject}|one more value]",
		do:    "Make it optional in {platform}, or book the expense there.",
		who:   ledgerAdmin, link: LinkNone,
	},

	// Texts.
	{
		cause: "reference_too_long",
		when:  []pattern{about(`reference|docnumber`, under).lessOne(), about(`reference|docnumber`, tooLong)},
		text:  "The reference is too long for {platform}[: {subject} characters at most].",
		do:    "Shorten the reference of the expense, then retry.",
		short: "Reference too long[ (at most {subject})]",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "description_too_long",
		when:  []pattern{about(`description`, under).lessOne(), about(`description`, tooLong)},
		text:  "A description is too long for {platform}[: {subject} characters at most].",
		short: "Description too long[ (at most {subject})]",
		do:    "Shorten the descriptions of the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "note_missing",
		when:  []pattern{about(`^note$`, missing+`|payee's name`)},
		text:  "{Platform} needs a note on this expense.",
		do:    "Add a note to the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "note_too_long",
		when:  []pattern{about(`^note$`, under).lessOne(), about(`^note$`, tooLong)},
		text:  "The note is too long for {platform}[: {subject} characters at most].",
		short: "Note too long[ (at most {subject})]",
		do:    "Shorten the note of the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "description_missing",
		when: []pattern{
			about(`description`, missing),
			says(`description (?:is required|cannot be (?:blank|empty)|must be (?:provided|specified))`),
		},
		text: "{The description} is missing.",
		do:   "Give each line of the expense a description, then retry.",
		who:  anyone, link: LinkExpense,
	},
	{
		cause: "text_too_long",
		when: []pattern{
			says(`string length.*max:(\d+)`),
			says(`string length is either shorter or longer`),
			says(under).lessOne(),
			says(`(?:longer than|exceed|max(?:imum)? length(?: of)?|no (?:greater|more|longer) than|at most) (\d+) characters?`),
		},
		text:  "A text of {record} is too long for {platform}[: {subject} characters at most].",
		short: "A text is too long[ (at most {subject})]",
		do:    "Shorten the reference, the note or the description, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseNoReceipts,
		when:  []pattern{says(`(?:does not|doesn't|do not) support attachments?|attachments? (?:is|are) not supported`).of("attachment")},
		text:  "{Platform} takes no receipts through Codat.",
		short: "{Platform} takes no receipts",
		do:    "Attach it in {platform} itself.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: CauseReceiptTooLarge,
		when: []pattern{says(`(?:too (?:large|big)|exceed)[^.;]*?(\d+(?:\.\d+)? ?[KMG]B)`).of("attachment"),
			says(`(?:file|attachment)[^.;]*(?:too (?:large|big)|exceeds)`).as("").of("attachment"), answered(413).of("attachment")},
		text:  "The receipt is larger than {platform} takes[: {subject} at most].",
		short: "Receipt too large for {platform}",
		do:    "Remove it and add a smaller file, for example a photo of less detail.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: CauseReceiptNowhere,
		text:  "Codat does not say which record the expense became in {platform}, so there is nothing to attach the receipt to.",
		short: "Not known which record the expense is",
		do:    "Attach it in {platform} itself.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: CauseReceiptCutOff,
		text:  "The connection that the expense went through was replaced or deleted before the receipt was sent.",
		short: "The connection was replaced or deleted",
		do:    "Attach it in {platform} itself. If that connection comes back, retry.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "receipt_without_expense",
		when:  []pattern{says(`no direct (?:cost|income) was found|(?:record|transaction|direct cost) (?:was )?not found`).of("attachment"), answered(404).of("attachment")},
		text:  "{Platform} does not have this expense any more, so there is nothing to attach the receipt to.",
		short: "The expense is gone from {platform}",
		do:    "Look in {platform} whether somebody deleted it there.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "file_refused",
		when:  []pattern{says(`(?:file|attachment)[^.;]*(?:too (?:large|big)|exceeds|size|type|format|extension)[^.;]*`)},
		text:  "{Platform} does not accept the receipt's file: it is too large, or of another kind.",
		short: "Receipt file not accepted by {platform}",
		do:    "Attach a smaller PDF, PNG or JPEG file.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "field_missing",
		when:  []pattern{about(`^[a-z]`, missing).as("field")},
		text:  "{Platform} needs [the {subject}|one more value].",
		do:    "Complete the expense, then retry.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: "field_invalid",
		when: []pattern{
			about(`^[a-z]`, notFound, `is (?:not valid|invalid)|not a valid|invalid (?:value|format|enumeration)`).as("field"),
		},
		text: "{Platform} does not accept [the {subject}|a value].",
		do:   "Correct the expense, then retry.",
		who:  anyone, link: LinkExpense,
	},

	// The read side, and what a platform cannot do.
	{
		cause: "not_read_yet",
		when: []pattern{
			says(`no data available for (\w+)`),
			says(`data ?set has not been requested|read operation is in progress|alreadyinprogress`),
		},
		text:  "Codat has not finished reading this company's [{subject}|books] from {platform}.",
		do:    "Wait a few minutes, then retry.",
		short: "Codat is still reading {platform}",
		who:   anyone, link: LinkConnection,
	},
	{
		cause: "not_supported",
		when:  []pattern{says(`(?:is|are) not supported|(?:does not|doesn't|do not) support|unsupported operation|not implemented`)},
		text:  "Codat cannot write this to {platform}.",
		do:    "Book it in {platform} itself.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "codat_down",
		when:  []pattern{answered(503), says(`codat api is temporarily offline|problem with our server`)},
		text:  "Codat is not available at the moment.",
		do:    "Wait a few minutes, check that it is not in {platform} already, then retry.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "codat_fault",
		when:  []pattern{answered(5)},
		text:  "Codat had a fault.",
		do:    "Wait a few minutes, check that it is not in {platform} already, then retry.",
		who:   anyone, link: LinkNone,
	},
	{
		cause: "platform_down",
		when: []pattern{says(`(?:service|server|temporarily|currently) (?:is )?(?:temporarily |currently )?unavailable`,
			`is (?:currently )?offline|maintenance|bad gateway|gateway time-?out|timed? ?-?out\b`,
			`task was cancell?ed|internal (?:server )?error`,
			`connection (?:was |has been )?(?:reset|closed|refused|aborted)|unexpected error|unhandled exception`,
			`try again later|status code 5\d\d|no such host|connection attempt failed|object reference not set`)},
		text: "{Platform} had a fault or could not be reached.",
		do:   "Wait a few minutes, check that it is not in {platform} already, then retry. If it goes on, look for news of {platform}.",
		who:  anyone, link: LinkNone,
	},

	// Little or nothing was said.
	{
		cause: "not_found",
		when:  []pattern{says(`^(?:not ?found)?\.?$`).with(404)},
		text:  "Codat does not find this company or its connection.",
		do:    "Check the connection of the company, then retry.",
		who:   anyone, link: LinkConnection,
	},
	{
		cause: "bad_request",
		when:  []pattern{says(`^error (?:processing request|parsing)|unsupported property|malformed`), answered(405), answered(415)},
		text:  "Tallylight sent {record} in a way that Codat could not read.",
		short: "Codat could not read what Tallylight sent",
		do:    "Tell an administrator of Tallylight. Retrying will not help.",
		who:   admin, link: LinkNone,
	},
	{
		cause: CauseNoReason,
		text:  "{Platform} refused {record} and gave no reason.",
		short: "Refused by {platform} without a reason",
		do:    "Check the expense against what {platform} needs, then retry. Codat's support can look up why.",
		who:   anyone, link: LinkExpense,
	},
	{
		cause: CauseUnknown,
		text:  "{subject}",
		do:    "Put right what is named here, in the expense or in {platform}, then retry.",
		who:   anyone, link: LinkExpense,
	},
}

var byCause = func() map[Cause]rule {
	m := make(map[Cause]rule, len(rules))
	for _, r := range rules {
		m[r.cause] = r
	}
	return m
}()
