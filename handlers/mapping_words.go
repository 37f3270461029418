package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
)

// meanings are what some texts of one kind mean in a ledger, and who said so.
type meanings struct {
	kind     mappingKind
	clock    clock
	platform string // its key
	ledger   string // its name
	matches  map[string][]store.LedgerRecord
	said     map[string][]store.Mapping
	rest     string // the record that the rest means, "" for none
	headings []store.Heading
}

func (h *Handlers) meanings(ctx context.Context, conn store.Connection, kind mappingKind, at clock, uses []store.MappingUse) (meanings, error) {
	m := meanings{kind: kind, clock: at, platform: conn.PlatformKey, ledger: platformOr(conn.PlatformName),
		matches: map[string][]store.LedgerRecord{}, said: map[string][]store.Mapping{}}
	subjects := make([]string, len(uses))
	for i, u := range uses {
		subjects[i] = u.Subject
	}
	found, err := h.Store.Matches(ctx, conn.ID, kind.kind, subjects)
	if err != nil {
		return m, err
	}
	for _, f := range found {
		m.matches[f.Subject] = append(m.matches[f.Subject], f.LedgerRecord)
	}
	said, err := h.Store.MappingsOf(ctx, conn.ID, kind.kind, append(subjects, store.TheRest))
	if err != nil {
		return m, err
	}
	for _, s := range said {
		m.said[s.Subject] = append(m.said[s.Subject], s)
		if s.Subject == store.TheRest {
			m.rest = s.CodatID
		}
	}
	if kind.kind == store.TrackingMapping {
		m.headings, err = h.Store.Headings(ctx, conn.ID)
	}
	return m, err
}

// row is a text as a list shows it.
func (m meanings) row(company int64, u store.MappingUse) views.MappingRow {
	row := views.MappingRow{Text: m.kind.title(u.Subject, u.Label), Note: usesSaid(u)}
	if m.kind.kind == store.TrackingMapping && !push.Ignores(m.platform, m.kind.kind) {
		m.tracking(&row, company, u)
		return row
	}
	m.mean(&row, u)
	if m.kind.kind == store.TrackingMapping {
		return row
	}
	text := u.Label
	if u.Subject == store.TheRest || text == "" {
		text = u.Subject
	}
	row.Change = []views.Link{{Text: "Change", Href: mappingTextURL(company, m.kind.kind, text, "")}}
	return row
}

// usesSaid is how many expenses have a text: those first that are still to be pushed.
func usesSaid(u store.MappingUse) string {
	switch {
	case u.Total == 0 && u.Subject == store.TheRest:
		return ""
	case u.Total == 0:
		return "no expense now"
	case u.Open == 0:
		return expenses(u.Total) + ", none to push"
	case u.Open == u.Total:
		return toPush(u)
	}
	return fmt.Sprintf("%s, %s in all", toPush(u), number(u.Total))
}

// toPush counts the expenses that will use what a text means: those whose push has begun too, as long as nothing was sent of them.
func toPush(u store.MappingUse) string {
	said := expenses(u.Open) + " to push"
	switch {
	case u.Begun == 0:
		return said
	case u.Begun == u.Open:
		return said + " (on hold or in progress)"
	}
	return said + fmt.Sprintf(" (%s of them on hold or in progress)", number(u.Begun))
}

// noEffect says that the costs of a ledger have no place for a kind of mapping.
func noEffect(ledger string) string { return "What is said here has no effect in " + ledger + "." }

func (m meanings) mean(row *views.MappingRow, u store.MappingUse) {
	if push.Ignores(m.platform, m.kind.kind) {
		row.Means = []views.Meant{{Name: "has no effect in " + m.ledger, None: true}}
		return
	}
	matches := m.matches[u.Subject]
	if said := m.said[u.Subject]; len(said) > 0 {
		m.meanSaid(row, said[0], matches)
		return
	}
	switch {
	case len(matches) == 1:
		row.Means = []views.Meant{{Name: matches[0].Title()}}
		row.Why = m.whyMatched(u.Subject, matches[0])
		row.Wrong = m.wrong(matches[0])
	case len(matches) > 1:
		row.Means = []views.Meant{{Name: fmt.Sprintf("%s of them", number(len(matches))), None: true}}
		row.Wrong, row.Choose = fmt.Sprintf("Several %ss in %s are called that: choose one.", m.kind.record, m.ledger), true
		if u.Subject == "" && m.kind.kind == store.BankMapping {
			row.Wrong = fmt.Sprintf("%s has several bank accounts: choose the usual one.", m.ledger)
		}
	default:
		m.meanNothing(row, u)
	}
}

// meanSaid is what a person has said.
func (m meanings) meanSaid(row *views.MappingRow, said store.Mapping, matches []store.LedgerRecord) {
	row.Why = "mapped"
	if said.SetBy != "" {
		row.Why += " by " + said.SetBy
	}
	row.Why += ", " + m.clock.at(said.SetAt)
	switch {
	case said.Action == store.UseRecord && len(matches) == 1:
		row.Means = []views.Meant{{Name: matches[0].Title()}}
		row.Wrong = m.wrong(matches[0])
	case len(matches) == 1:
		row.Means = []views.Meant{{Name: matches[0].Title()}}
		row.Why = "created as said; " + row.Why
		row.Wrong = m.wrong(matches[0])
	case len(matches) > 1:
		row.Means = []views.Meant{{Name: said.Name}}
		row.Wrong, row.Choose = fmt.Sprintf("Several %ss in %s are called %s now: choose one.", m.kind.record, m.ledger, said.Name), true
	default:
		row.Means = []views.Meant{{Name: strings.TrimSpace("Will be created: " + strings.TrimSpace(said.Code+" "+cmp.Or(said.Name, said.Label)))}}
	}
}

// whyMatched says why a text that nobody has mapped means a record.
func (m meanings) whyMatched(subject string, r store.LedgerRecord) string {
	switch {
	case strings.EqualFold(strings.TrimSpace(r.Name), subject) && subject != "":
		return "same name"
	case strings.EqualFold(r.Code, subject) && subject != "":
		return "same code"
	case strings.EqualFold(r.CodatID, subject) && subject != "":
		return "its id"
	case m.kind.kind == store.BankMapping:
		return "the only bank account"
	case r.CodatID == m.rest:
		return "as " + strings.ToLower(m.kind.rest)
	}
	return ""
}

// wrong says why a record cannot be used, "" when it can.
func (m meanings) wrong(r store.LedgerRecord) string {
	switch {
	case r.GoneAt != nil:
		return fmt.Sprintf("It is not in %s any more: choose another.", m.ledger)
	case r.Usable:
		return ""
	case r.Status == "Archived" || r.Status == "Inactive":
		return fmt.Sprintf("It is archived in %s: choose another.", m.ledger)
	case r.Status != "Active" && r.Status != "":
		return fmt.Sprintf("%s says that it is %s: choose another.", m.ledger, strings.ToLower(r.Status))
	}
	return fmt.Sprintf("%s takes no expenses on it: choose another.", m.ledger)
}

// meanNothing is what happens with a text that means no record.
func (m meanings) meanNothing(row *views.MappingRow, u store.MappingUse) {
	none := func(words string) { row.Means = []views.Meant{{Name: words, None: true}} }
	missing := func(words string) {
		none("nothing")
		row.Wrong, row.Choose = words, true
	}
	newSupplier, _ := push.NewSupplierOf(m.platform)
	switch m.kind.kind {
	case store.AccountMapping:
		switch takes := push.NewAccountOf(m.platform).Takes; {
		case u.Subject == store.TheRest && takes:
			none("will be created by its name")
		case u.Subject == store.TheRest:
			none("nothing: " + m.ledger + " takes no new accounts")
		case u.Subject == "" && u.Total > 0:
			missing("A line without a category cannot be pushed: choose its account.")
		case u.Subject == "":
			none("nothing")
		case push.CodeLike(u.Subject):
			missing(fmt.Sprintf("No account in %s has that code: choose one.", m.ledger))
		case !takes:
			missing(fmt.Sprintf("%s has no such account, and takes no new ones: choose one.", m.ledger))
		default:
			none("will be created by its name")
		}
	case store.SupplierMapping:
		switch {
		case u.Subject == "":
			none("no supplier")
		case u.Subject != store.TheRest && !newSupplier:
			missing(fmt.Sprintf("%s has no such supplier, and takes no new ones: choose one.", m.ledger))
		case !newSupplier:
			none("nothing: " + m.ledger + " takes no new suppliers")
		default:
			none("will be created by its name")
		}
	case store.BankMapping:
		if u.Subject == "" && u.Total == 0 {
			none("nothing")
			return
		}
		missing(fmt.Sprintf("No bank account in %s is called that: choose one.", m.ledger))
		if u.Subject == "" {
			row.Wrong = fmt.Sprintf("No bank account in %s is known: choose one when it is.", m.ledger)
		}
	case store.TaxRateMapping:
		switch u.Subject {
		case "":
			none("the “no tax” of " + m.ledger + ", or what it has for the account")
		case store.TheRest:
			none("what " + m.ledger + " has for the account")
		default:
			missing(fmt.Sprintf("No tax rate in %s is called that: choose one.", m.ledger))
		}
	}
}

// tracking fills in what the lines of a category are tracked by, a heading at a time.
func (m meanings) tracking(row *views.MappingRow, company int64, u store.MappingUse) {
	text := u.Label
	if text == "" {
		text = u.Subject
	}
	whys := []string{}
	for _, r := range m.matches[u.Subject] {
		row.Means = append(row.Means, views.Meant{Heading: r.Detail, Name: r.Title()})
		if wrong := m.wrong(r); wrong != "" {
			row.Wrong = r.Title() + ": " + wrong
		}
		own := slices.ContainsFunc(m.said[u.Subject], func(s store.Mapping) bool { return s.CodatID == r.CodatID })
		if !own && u.Subject != store.TheRest {
			whys = append(whys, r.Title()+" as every line")
		}
	}
	for _, s := range m.said[u.Subject] {
		why := "mapped, " + m.clock.at(s.SetAt)
		if s.SetBy != "" {
			why = "mapped by " + s.SetBy + ", " + m.clock.at(s.SetAt)
		}
		if !slices.Contains(whys, why) {
			whys = append(whys, why)
		}
	}
	row.Why = strings.Join(whys, "; ")
	if len(row.Means) == 0 {
		row.Means = []views.Meant{{Name: "no tracking", None: true}}
	}
	for _, heading := range m.headings {
		row.Change = append(row.Change, views.Link{Text: cmp.Or(heading.Name, "Change"),
			Href: mappingTextURL(company, m.kind.kind, text, heading.CodatID)})
	}
}
