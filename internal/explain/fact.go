package explain

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Fact is a failure as Codat told it. It is stored as JSON, so its names stay as they are. The zero value is a failure of
// our own, before anything was sent.
type Fact struct {
	Kind            string    `json:"kind,omitempty"`            // account, supplier, directCost
	Platform        string    `json:"platform,omitempty"`        // the accounting software's name: "Xero"
	HTTPStatus      int       `json:"httpStatus,omitempty"`      // of Codat's refusal, 0 when an operation failed
	OperationStatus string    `json:"operationStatus,omitempty"` // Failed or TimedOut, "" when Codat refused the request
	ErrorMessage    string    `json:"errorMessage,omitempty"`
	Problems        []Problem `json:"problems,omitempty"`
	CorrelationID   string    `json:"correlationId,omitempty"` // what Codat's support asks for
}

// Problem is one entry of Codat's validation.errors or validation.warnings.
type Problem struct {
	ItemID    string `json:"itemId,omitempty"` // the field it is about: "LineItems[0].AccountRef.Id"
	Message   string `json:"message,omitempty"`
	Validator string `json:"validator,omitempty"`
}

// Bounds on what others wrote, in characters and in number, far above what an honest failure needs.
const (
	maxRawLine  = 2000
	maxMessage  = 300
	maxProblems = 50
	maxReasons  = 20
	maxSubject  = 100
	maxShort    = 60
)

// Raw is all that Codat said, word for word, a problem to a line. Lines and their number are bounded; control characters
// are left out. It is plain text, and may look like HTML.
func (f Fact) Raw() string {
	var lines []string
	add := func(s string) {
		if s = tidy(s, maxRawLine); s != "" {
			lines = append(lines, s)
		}
	}
	add(f.ErrorMessage)
	for _, p := range f.Problems[:min(len(f.Problems), maxProblems)] {
		if p.ItemID != "" && p.Message != "" {
			add(p.ItemID + ": " + p.Message)
		} else {
			add(p.ItemID + p.Message)
		}
	}
	return strings.Join(lines, "\n")
}

var correlation = regexp.MustCompile(`(?i)correlation id:\s*([0-9a-z-]{8,64})\.?`)

// CorrelationID finds the id that Codat embeds in an operation's errorMessage ("Correlation ID: …"), "" when there is none.
func CorrelationID(message string) string {
	if m := correlation.FindStringSubmatch(head(message, maxRawLine)); m != nil {
		return m[1]
	}
	return ""
}

// statement is one thing that was said.
type statement struct {
	at   string // the field it is about, in Codat's spelling: "LineItems[0].AccountRef.Id"
	text string // one line, without wrapping that says nothing
}

// statements are the problems, then the message above them, each once; the first few are enough to explain a failure.
func (f Fact) statements() []statement {
	var all []statement
	add := func(at, message string) {
		s := statement{tidy(at, maxSubject), telling(message)}
		if s.text == "" {
			return
		}
		if s.at == "" {
			s.at = field(s.text)
		}
		if len(all) < maxReasons && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	seen := map[Problem]bool{}
	for _, p := range f.Problems[:min(len(f.Problems), maxProblems)] {
		if !seen[p] {
			seen[p] = true
			add(p.ItemID, p.Message)
		}
	}
	add("", f.ErrorMessage)
	return all
}

var (
	markup = regexp.MustCompile(`(?is)<(?:style|script|head)\b.*?</(?:style|script|head)>|<[a-z/!][^>]*>?`)

	// wrapping is what Codat and the platforms put around a reason.
	wrapping = regexp.MustCompile(`(?i)an error occurred in a downstream service\.?|correlation id:\s*[0-9a-z-]+\.?` +
		`|failed to push to \w+ as|push failed for \w+:?` +
		`|(?:please )?see (?:the )?validation(?: property)? for more (?:information|details?)\.?` +
		`|there are problems with the request,?|validation failed\b:?|^(?:an )?unknown error(?: has)?(?: occurred)?\.?$` +
		`|a validation exception occurred\.?|one or more validation errors occurred\.?` +
		`|an? (?:business )?validation error has occurred(?: while processing your request)?[.:]?|business validation error:?` +
		`|an error occured in a upsert request:`)

	heading = regexp.MustCompile(`(?i)^[ .:;,-]*(?:message:[ .:;,-]*)?`)

	// named is a field of Codat's in a message.
	named = regexp.MustCompile(`^(?:the )?(?:field )?['"]?([A-Z][A-Za-z]*(?:\[\d+\])?(?:\.[A-Za-z]+(?:\[\d+\])?)*)['"]?(?: field)?` +
		` (?:must|should|is|cannot|has)\b|(?i:required parameter) (\w{1,40})`)

	// spoken are the fields as the platforms say them at the beginning of a message.
	spoken = []struct {
		says  *regexp.Regexp
		field string
	}{
		{regexp.MustCompile(`(?i)^(?:the )?(?:bank|payment) account\b`), "Payment.AccountRef"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:account|nominal|expense account)\b`), "AccountRef"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:contact|supplier|vendor|payee)\b`), "ContactRef"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:tax|vat|gst) ?(?:rate|code|type)\b`), "TaxRateRef"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:exchange|currency) rate\b`), "CurrencyRate"},
		{regexp.MustCompile(`(?i)^(?:the )?currency\b`), "Currency"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:(?:issue|document|transaction|invoice) date|date|dated on)\b`), "IssueDate"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:reference|(?:document|doc|invoice) ?(?:number|no\b))`), "Reference"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:note|memo)\b`), "Note"},
		{regexp.MustCompile(`(?i)^(?:the )?(?:line )?description\b`), "Description"},
	}
)

// telling is a message as one line without its wrapping, "" when no reason is left.
func telling(message string) string {
	s := head(message, 8*maxMessage)
	if strings.Contains(s, "<") {
		s = markup.ReplaceAllString(s, " ")
	}
	s = flat(wrapping.ReplaceAllString(flat(s), " "))
	s = clip(heading.ReplaceAllString(s, ""), maxMessage)
	if strings.IndexFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return ""
	}
	return s
}

// field is the field that a message names, "" when it does not.
func field(text string) string {
	for _, s := range spoken {
		if s.says.MatchString(text) {
			return s.field
		}
	}
	if m := named.FindStringSubmatch(text); m != nil {
		return m[1] + m[2]
	}
	return ""
}

// flat is s on one line: spaces collapsed; control and formatting characters, such as those that turn the direction of
// text, and broken encoding left out.
func flat(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// tidy is s flat and in at most n characters.
func tidy(s string, n int) string { return clip(flat(head(s, 4*n)), n) }

// clip is s in at most n characters, with … where it was cut.
func clip(s string, n int) string {
	if h := head(s, n); len(h) < len(s) {
		return strings.TrimRight(head(s, n-1), " .,:;") + "…"
	}
	return s
}

// head is the first n characters of s.
func head(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
