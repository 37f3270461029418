package handlers

import (
	"net/url"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
)

// preflight is what would fail if an expense that can be pushed were pushed as it is, nil when nothing would.
func preflight(i store.ExpenseItem, may views.Rights) *views.Preflight {
	button := push.Push
	switch i.Status {
	case store.NotPushed:
	case store.Failed:
		button = push.Retry
	default:
		return nil
	}
	problems := push.Preflight(platformOr(i.Platform), i.PlatformKey, i.Facts)
	if len(problems) == 0 {
		return nil
	}
	p := &views.Preflight{Title: "What would fail"}
	if problems[0].Stops {
		p.Anyway = anyway(button, []int64{i.ID})
		p.Anyway.Button = buttonWords[button] + " anyway"
	}
	if !problems[0].Stops {
		p.Title = "What may fail"
	}
	for _, problem := range problems {
		item := views.PreflightItem{Stops: problem.Stops, Sentence: problem.Sentence, Do: problem.Do}
		switch problem.Where {
		case push.InMapping:
			item.Link = views.Link{Text: "Open the mapping", Href: problemURL(i.CompanyID, problem)}
		case push.InExpense:
			if may.Enter {
				item.Link = views.Link{Text: "Edit the expense", Href: expenseURL(i.ID) + "/edit"}
			}
		case push.InLedger:
			item.Link = views.Link{Text: "Open the company", Href: companyURL(i.CompanyID)}
		}
		p.Items = append(p.Items, item)
	}
	return p
}

// problemURL is where the mapping says what the text of a problem means. What a category is tracked by stands in several places: there it
// is their list.
func problemURL(company int64, p push.Problem) string {
	if p.Kind != store.TrackingMapping {
		return mappingTextURL(company, p.Kind, p.Text, "")
	}
	return mappingURL(company, p.Kind) + "&" + url.Values{"q": {p.Text}}.Encode()
}

var buttonWords = map[push.Button]string{push.Push: "Push", push.Retry: "Retry"}

// anyway is the button that sends expenses although they will fail. Without ids there is none.
func anyway(button push.Button, ids []int64) views.Anyway {
	if len(ids) == 0 {
		return views.Anyway{}
	}
	a := views.Anyway{IDs: ids, Path: "/expenses/" + string(button), Button: buttonWords[button] + " it anyway"}
	if len(ids) > 1 {
		a.Button = buttonWords[button] + " these " + number(len(ids)) + " anyway"
	}
	return a
}

// refusedSentences say why expenses were not pushed. Those that would fail alike are one sentence: "12 need a contact in Xero."
func refusedSentences(refused []push.Refused) []string {
	type alike struct {
		problem push.Problem
		n       int
	}
	var groups []*alike
	byWords := map[string]*alike{}
	for _, r := range refused {
		if r.Problem == nil {
			continue
		}
		g := byWords[r.Problem.Many]
		if g == nil {
			g = &alike{problem: *r.Problem}
			byWords[r.Problem.Many] = g
			groups = append(groups, g)
		}
		g.n++
	}
	var said []string
	single := 0
	for _, r := range refused {
		switch {
		case r.Problem != nil && (byWords[r.Problem.Many].n > 1 || len(groups) > fewRefusals):
		default:
			if single++; single <= fewRefusals {
				said = append(said, r.Sentence)
			}
		}
	}
	if single > fewRefusals {
		said = append(said, number(single-fewRefusals)+" more could not be sent either.")
	}
	for _, g := range groups {
		switch {
		case g.n > 1:
			said = append(said, number(g.n)+" "+g.problem.Many+".")
		case len(groups) > fewRefusals:
			said = append(said, "1 "+g.problem.One+".")
		}
	}
	return said
}
