package explain

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// recorded is a failure, and what the rules must make of it. Source tells where the words of the message are from: facts
// (Codat's documentation), spec (the validation texts of Codat's models, which say what a platform checks), sample (Codat's
// own examples), public (documentation and open source of the platforms and of their users), constructed (ours). What is
// around a message of spec and public, such as the field it is about, is ours too.
type recorded struct {
	Source, Where string
	Fact
	WantCause   Cause
	WantSubject string
}

func recordedList(t *testing.T) []recorded {
	t.Helper()
	b, err := os.ReadFile("testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []recorded
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	list, unexplained, found := recordedList(t), 0, map[Cause]bool{}
	sources := []string{"facts", "spec", "sample", "public", "constructed"}
	for _, r := range list {
		if !slices.Contains(sources, r.Source) || r.Where == "" {
			t.Errorf("%s: no honest source", r.Raw())
		}
		cause, subject := Classify(r.Fact)
		if cause != r.WantCause || subject != r.WantSubject {
			t.Errorf("%s, %s: %s\ngot  %s %q\nwant %s %q", r.Platform, r.Source, r.Raw(), cause, subject, r.WantCause, r.WantSubject)
		}
		if cause == CauseUnknown || cause == CauseNoReason {
			unexplained++
		}
		found[cause] = true
		checkWords(t, cause, Explain(cause, subject, r.Fact))
	}
	for _, r := range rules {
		if len(r.when) > 0 && !found[r.cause] {
			t.Errorf("no recorded message leads to %s", r.cause)
		}
	}
	if explained := len(list) - unexplained; len(list) < 70 || explained*100 < len(list)*95 {
		t.Errorf("%d of %d messages are explained, want 95 %% of at least 70", explained, len(list))
	}
}

var (
	code   = regexp.MustCompile(`^[a-z0-9_]+$`)
	jargon = regexp.MustCompile(`(?i)\b(?:ops?|payload|null|nil|undefined|https?|json|api|webhook|guid|oops|sorry)\b` +
		`|something went wrong|you (?:failed|forgot)`)
)

// checkWords is what every explanation must be, whatever is in it.
func checkWords(t *testing.T, cause Cause, e Explanation) {
	t.Helper()
	for name, s := range map[string]string{"cause": e.Cause, "do": e.Do, "who": e.Who, "short": e.Short} {
		switch {
		case strings.TrimSpace(s) != s || s == "":
			t.Errorf("%s: %s is %q", cause, name, s)
		case strings.Contains(s, "  ") || strings.ContainsAny(s, "\r\n\t"):
			t.Errorf("%s: %s is not one line of words: %q", cause, name, s)
		case utf8.RuneCountInString(s) > 500 || !utf8.ValidString(s):
			t.Errorf("%s: %s is %d characters", cause, name, utf8.RuneCountInString(s))
		}
		if cause == CauseUnknown && (name == "cause" || name == "short") {
			continue // others' words
		}
		if strings.ContainsAny(s, "{}[]|") || jargon.MatchString(s) {
			t.Errorf("%s: %s is %q", cause, name, s)
		}
		if first, _ := utf8.DecodeRuneInString(s); !unicode.IsUpper(first) {
			t.Errorf("%s: %s begins small: %q", cause, name, s)
		}
		if name == "cause" || name == "do" {
			if !strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
				t.Errorf("%s: %s is no sentence: %q", cause, name, s)
			}
		}
	}
	if utf8.RuneCountInString(e.Short) > 60 || strings.HasSuffix(e.Short, ".") {
		t.Errorf("%s: short is %q", cause, e.Short)
	}
	if (e.Link.Text() == "") != (e.Link == LinkNone) {
		t.Errorf("%s: no text for link %q", cause, e.Link)
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	t.Parallel()
	seen := map[Cause]bool{}
	for _, r := range rules {
		if seen[r.cause] || !code.MatchString(string(r.cause)) {
			t.Errorf("cause %q: twice, or not a code", r.cause)
		}
		seen[r.cause] = true
		for _, platform := range []string{"", "Xero", "QuickBooks Online", "Dynamics 365 Business Central"} {
			for _, kind := range []string{"directCost", "supplier"} {
				for _, subject := range []string{"", "429", "Travel costs"} {
					e := Explain(r.cause, subject, Fact{Platform: platform, Kind: kind})
					checkWords(t, r.cause, e)
					if strings.Contains(r.text, "{subject}") && subject != "" && !strings.Contains(e.Cause, subject) {
						t.Errorf("%s: the value is not in %q", r.cause, e.Cause)
					}
					if platform == "QuickBooks Online" && subject != "Travel costs" && strings.Contains(e.Short, "…") {
						t.Errorf("%s: short does not fit: %q", r.cause, e.Short)
					}
				}
			}
		}
	}
	for _, c := range []Cause{CauseLostReply, CauseBug422, CauseNoAccount, CauseAmbiguousAccount, CauseNoBankAccount,
		CauseAmbiguousBankAccount, CauseAmbiguousSupplier, CauseNoTaxRate, CauseTimedOut, CauseNoReason, CauseUnknown} {
		if !seen[c] {
			t.Errorf("no words for %s", c)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	xero := Fact{Platform: "Xero"}
	for _, c := range []struct {
		cause   Cause
		subject string
		want    Explanation
	}{
		{"account_archived", "429", Explanation{
			Cause: "Account 429 is archived in Xero.", Short: "Account 429 is archived in Xero", Who: "Anyone in finance", Link: LinkExpense,
			Do: "Choose another category for the expense, or restore the account in Xero, then retry.",
		}},
		{"account_archived", "line 2", Explanation{
			Cause: "The account on line 2 is archived in Xero.", Short: "The account on line 2 is archived in Xero", Who: "Anyone in finance",
			Do: "Choose another category for the expense, or restore the account in Xero, then retry.", Link: LinkExpense,
		}},
		{"connection_lost", "", Explanation{
			Cause: "Codat has lost its access to Xero.", Short: "Codat has lost its access to Xero", Who: "An administrator of Xero",
			Do: "Reconnect Xero, then retry.", Link: LinkConnection,
		}},
		{CauseNoBankAccount, "", Explanation{
			Cause: "There is no bank account in Xero to pay this expense from.", Short: "No bank account in Xero", Who: "Anyone in finance",
			Do: "Choose the account the expense was paid from, or add the bank account in Xero, then retry.", Link: LinkExpense,
		}},
	} {
		if got := Explain(c.cause, c.subject, xero); got != c.want {
			t.Errorf("%s %q:\ngot  %+v\nwant %+v", c.cause, c.subject, got, c.want)
		}
	}
}

func TestSeveralProblems(t *testing.T) {
	t.Parallel()
	f := Fact{Kind: "directCost", Platform: "Xero", OperationStatus: "Failed", ErrorMessage: "A validation exception occurred", Problems: []Problem{
		{ItemID: "LineItems[0].Description", Message: "Must be provided."},
		{ItemID: "LineItems[0].TaxRateRef.Id", Message: "Must match the ID of an existing tax rate."},
		{Message: "Account code '429' has been archived."},
		{Message: "Account code '429' has been archived."},
	}}
	for range len(f.Problems) {
		f.Problems = append(slices.Clone(f.Problems[1:]), f.Problems[0])
		cause, subject := Classify(f)
		if cause != "account_archived" || subject != "429" {
			t.Fatalf("got %s %q, want the account first whatever the order", cause, subject)
		}
		if got, want := Explain(cause, subject, f).Cause, "Account 429 is archived in Xero. There are 2 more problems."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f.Problems = f.Problems[:1]
	f.Problems[0] = Problem{Message: "Account code '429' has been archived."}
	if got, want := Explain("account_archived", "429", f).Cause, "Account 429 is archived in Xero."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	f := Fact{Platform: "Xero", OperationStatus: "Failed", ErrorMessage: "An error occurred in a downstream service. Correlation ID: " +
		"72e161a142c17bb5b3e480f873df0b21. Message: The moon is in the wrong house"}
	cause, subject := Classify(f)
	if cause != CauseUnknown {
		t.Fatalf("got %s", cause)
	}
	const want = "The moon is in the wrong house"
	for name, e := range map[string]Explanation{
		"with its fact":             Explain(cause, subject, f),
		"in a list":                 Explain(cause, subject, Fact{Platform: "Xero"}),
		"of rules not yet known":    Explain("a_later_cause", "", f),
		"of rules no longer known ": Explain("an_older_cause", want, Fact{Platform: "Xero"}),
	} {
		if e.Cause != want || e.Short != want || e.Do == "" || e.Who == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	f = Fact{Platform: "Xero", Problems: []Problem{{Message: "The moon is full"}, {Message: "The tide is high"}}}
	cause, subject = Classify(f)
	if got, want := Explain(cause, subject, f).Cause, "The moon is full. There is 1 more problem."; got != want {
		t.Errorf("two of them: got %q, want %q", got, want)
	}
	if got, want := Explain("a_later_cause", "", Fact{}).Cause, "The accounting software refused this expense and gave no reason."; got != want {
		t.Errorf("nothing known: got %q, want %q", got, want)
	}
}

// dirty reports whether s could upset a page or a terminal.
func dirty(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\x1b\u202e\u2028")
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"html":        `<script>alert(1)</script><img src=x onerror="alert(2)"> Account code '<b>429</b>' has been archived`,
		"unclosed":    `The page <script>alert(1)`,
		"long":        strings.Repeat("Account code '429' must be unique and ", 3000),
		"one word":    strings.Repeat("a", 100_000),
		"angles":      strings.Repeat("<", 100_000),
		"newlines":    "Account\r\ncode '429'\nhas\u2028been archived\n\n\n",
		"control":     "Account code '4\x0029' \x1b[31mhas been archived\u202e\u200b",
		"encoding":    "Account code '\xff\xfe429' has been archived \xc3",
		"templates":   "Account code '{platform}[x|y]{subject}' has been archived",
		"case":        "Message: " + strings.Repeat("İ", 200) + " message: Account code '429' has been archived",
		"only spaces": "\n\t \u00a0",
		"only marks":  "<<<>>> … !!!",
	} {
		problems := slices.Repeat([]Problem{{ItemID: s, Message: s, Validator: s}}, 100)
		for _, f := range []Fact{
			{Platform: s, ErrorMessage: s, OperationStatus: "Failed"},
			{Kind: s, Platform: "Xero", Problems: problems, CorrelationID: s},
			{Platform: "Xero", ErrorMessage: s, HTTPStatus: 400, OperationStatus: s, Problems: problems[:1]},
		} {
			cause, subject := Classify(f)
			if n := utf8.RuneCountInString(subject); n > 200 || dirty(subject) {
				t.Errorf("%s: subject of %d characters: %.80q", name, n, subject)
			}
			for _, e := range []Explanation{
				Explain(cause, subject, f), Explain(cause, s, f), Explain(CauseUnknown, s, f), Explain(CauseNoAccount, s, f),
			} {
				for _, text := range []string{e.Cause, e.Short, e.Do, e.Who} {
					if n := utf8.RuneCountInString(text); n == 0 || n > 800 || dirty(text) {
						t.Errorf("%s: text of %d characters: %.80q", name, n, text)
					}
				}
				if n := utf8.RuneCountInString(e.Short); n > 60 {
					t.Errorf("%s: short of %d characters", name, n)
				}
			}
			raw := f.Raw()
			if len(raw) > 500_000 || dirty(strings.ReplaceAll(raw, "\n", "")) {
				t.Errorf("%s: raw of %d bytes: %.80q", name, len(raw), raw)
			}
			CorrelationID(s)
		}
	}
	cause, subject := Classify(Fact{Platform: "Xero", ErrorMessage: "Account code '<b>429</b>' has been archived"})
	if cause != "account_archived" || subject != "429" {
		t.Errorf("markup: got %s %q", cause, subject)
	}
	if got := Explain("account_archived", "{platform}", Fact{Platform: "Xero"}).Cause; got != "Account {platform} is archived in Xero." {
		t.Errorf("a value is read as a template: %q", got)
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	f := Fact{ErrorMessage: "Push failed for DirectCost:\nsee validation", Problems: []Problem{
		{ItemID: "LineItems[0].AccountRef.Id", Message: "Must match the ID of an existing account.", Validator: "DirectCost"},
		{Message: "Account code '429' has been archived."},
		{},
	}}
	const want = "Push failed for DirectCost: see validation\n" +
		"LineItems[0].AccountRef.Id: Must match the ID of an existing account.\n" +
		"Account code '429' has been archived."
	if got := f.Raw(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Fact{}).Raw(); got != "" {
		t.Errorf("nothing said: %q", got)
	}
}

func TestCorrelationID(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"An error occurred in a downstream service. Correlation ID: 72e161a142c17bb5b3e480f873df0b21. Message: Push failed": "72e161a142c17bb5b3e480f873df0b21",
		"correlation id: 0a40c2f3-1fc8-f992-fb88-b0853e4166f3":                                                              "0a40c2f3-1fc8-f992-fb88-b0853e4166f3",
		"Correlation ID: ":          "",
		"Account has been archived": "",
		"":                          "",
	} {
		if got := CorrelationID(message); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

// A stored fact must be read for as long as there are rows.
func TestFactJSON(t *testing.T) {
	t.Parallel()
	f := Fact{
		Kind: "directCost", Platform: "Xero", HTTPStatus: 400, OperationStatus: "Failed", ErrorMessage: "no", CorrelationID: "72e1",
		Problems: []Problem{{ItemID: "Note", Message: "too long", Validator: "DirectCost"}},
	}
	const want = `{"kind":"directCost","platform":"Xero","httpStatus":400,"operationStatus":"Failed","errorMessage":"no",` +
		`"problems":[{"itemId":"Note","message":"too long","validator":"DirectCost"}],"correlationId":"72e1"}`
	got, err := json.Marshal(f)
	if err != nil || string(got) != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
	if got, err := json.Marshal(Fact{}); err != nil || string(got) != "{}" {
		t.Errorf("zero fact: %s %v", got, err)
	}
}
