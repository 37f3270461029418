package handlers

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// troubles say in plain words what Codat had with a connection. The first that fits is taken; one that says nothing of a text or
// of a status fits any.
var troubles = []struct {
	status string // as Codat gives it; 5 stands for all from 500
	says   *regexp.Regexp
	plain  string // %s is the accounting software
}{
	{"", regexp.MustCompile(`(?i)cancel`), "The customer turned back before the link was finished."},
	{"", regexp.MustCompile(`(?i)mismatch|different (?:compan|organi[sz]ation|tenant|file)`), "The customer chose other books than those that were linked before."},
	{"", regexp.MustCompile(`(?i)subscription|trial|billing`), "The customer’s subscription to %s does not allow it, or has ended."},
	{"", regexp.MustCompile(`(?i)offline|not (?:been )?(?:seen|responding|running)|connector`), "The connector on the customer’s computer cannot be reached. The computer may be off."},
	{"401", nil, "%s does not accept Codat’s sign-in any more: access was withdrawn there, or it ran out."},
	{"", regexp.MustCompile(`(?i)de-?authori[sz]|unauthori[sz]|token|expired|revoked|withdrawn`), "%s does not accept Codat’s sign-in any more: access was withdrawn there, or it ran out."},
	{"403", nil, "%s does not allow it to the person who linked it."},
	{"429", nil, "%s asked Codat to slow down."},
	{"5", nil, "%s had a trouble of its own, or Codat had."},
}

const fewTroubles = 3

// connectionTroubles are Codat's dataConnectionErrors that still hold, each once and the newest first: in plain words, and in Codat's.
func connectionTroubles(j json.RawMessage, platform string) []string {
	var errs []struct{ StatusCode, StatusText, ErrorMessage, Status string }
	if json.Unmarshal(j, &errs) != nil {
		return nil
	}
	var out []string
	for _, e := range slices.Backward(errs) {
		text := cmp.Or(e.ErrorMessage, e.StatusText)
		said := strings.TrimSpace(plainTrouble(e.StatusCode, e.StatusText+" "+e.ErrorMessage, platform) + codatSaid(text))
		if e.Status != "Resolved" && said != "" && !slices.Contains(out, said) && len(out) < fewTroubles {
			out = append(out, said)
		}
	}
	return out
}

func plainTrouble(status, text, platform string) string {
	for _, t := range troubles {
		if (t.status == "" || t.status == status || len(status) == 3 && t.status == status[:1]) && (t.says == nil || t.says.MatchString(text)) {
			return strings.ReplaceAll(t.plain, "%s", platform)
		}
	}
	return ""
}
