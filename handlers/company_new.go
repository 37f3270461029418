package handlers

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"tallylight/internal/codat"
	"tallylight/internal/ledger"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// companyForm is the empty form for a new company.
func (h *Handlers) companyForm(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.companyFormPage(w, r, who, http.StatusOK, url.Values{}, nil)
}

// companyAdd has Codat make a company, or shows the form again with all that was typed and what is wrong with it.
func (h *Handlers) companyAdd(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	f := r.PostForm
	n, problems := newCompany(f)
	if len(problems) > 0 {
		return h.companyFormPage(w, r, who, http.StatusUnprocessableEntity, f, problems)
	}
	c, err := h.Ledger.Create(r.Context(), who, companyKey(f), n)
	if err != nil && !atCodat(err) {
		return err
	}
	if err != nil {
		h.Log.Warn("create company", "name", n.Name, "error", err)
		if !errors.Is(err, ledger.ErrUnclear) {
			f.Del("form") // Codat would answer the same for 90 minutes
		}
		return h.companyFormPage(w, r, who, http.StatusUnprocessableEntity, f, map[string]string{"": notMade(err, n.Name)})
	}
	h.ReadCompany(c.CodatID)
	return h.done(w, r, companyURL(c.ID), c.Name+" is created in Codat. Send its link to the customer.")
}

func (h *Handlers) companyFormPage(w http.ResponseWriter, r *http.Request, who store.User, status int, f url.Values, problems map[string]string) error {
	s, err := h.frame(w, r, who, "/companies", "New company")
	if err != nil {
		return err
	}
	form := f.Get("form")
	if uuid.Validate(form) != nil {
		form = uuid.NewString()
	}
	return web.Render(w, r, status, views.CompanyNew(views.CompanyForm{Frame: s.Frame, Form: form, Name: f.Get("name"),
		Description: unixLines(f.Get("description")), Tags: unixLines(f.Get("tags")), Problems: problems}))
}

// companyKey is the Idempotency-Key of a form as it was filled in: the form sent twice makes one company, one that was changed before
// it was sent again another.
func companyKey(f url.Values) string {
	form, err := uuid.Parse(f.Get("form"))
	if err != nil {
		form = uuid.New()
	}
	return uuid.NewSHA1(form, []byte(f.Get("name")+"\x00"+f.Get("description")+"\x00"+f.Get("tags"))).String()
}

const (
	longestName        = 200
	longestDescription = 1000
)

// newCompany is what was typed as a company, with a sentence for each field that is wrong. Codat would leave out signs it does not
// take in a name without a word.
func newCompany(f url.Values) (codat.NewCompany, map[string]string) {
	problems := map[string]string{}
	n := codat.NewCompany{Name: strings.Join(strings.Fields(f.Get("name")), " "), Description: plain(strings.TrimSpace(unixLines(f.Get("description"))))}
	strange := codat.StrangeSigns(n.Name)
	switch {
	case n.Name == "":
		problems["name"] = "A company needs a name."
	case len(strange) == 1:
		problems["name"] = fmt.Sprintf("Codat does not take the sign %s in a name. Write it without.", quotedSigns(strange))
	case len(strange) > 1:
		problems["name"] = fmt.Sprintf("Codat does not take the signs %s in a name. Write it without them.", quotedSigns(strange))
	case len(n.Name) > longestName:
		problems["name"] = fmt.Sprintf("A name has at most %d characters.", longestName)
	}
	if utf8.RuneCountInString(n.Description) > longestDescription {
		problems["description"] = fmt.Sprintf("A description has at most %s characters.", number(longestDescription))
	}
	tags, problem := readTags(f.Get("tags"))
	if problem != "" {
		problems["tags"] = problem
	}
	n.Tags = tags
	return n, problems
}

// quotedSigns is “ü” and “ß”; a sign that cannot be seen is said by its number.
func quotedSigns(signs []string) string {
	words := make([]string, 0, len(signs))
	for _, s := range signs {
		r, _ := utf8.DecodeRuneInString(s)
		if strings.TrimSpace(s) == "" || !unicode.IsPrint(r) {
			s = fmt.Sprintf("U+%04X", r)
		}
		words = append(words, "“"+s+"”")
	}
	return and(words)
}

// readTags reads tags, one a line: a name, a colon and a value.
func readTags(text string) (tags map[string]string, problem string) {
	for line := range strings.Lines(plain(unixLines(text))) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		_, twice := tags[name]
		switch {
		case !ok || name == "" || value == "":
			return tags, fmt.Sprintf("“%s” is no tag: write a name, a colon and a value, like region: UK.", clipped(line, 40))
		case twice:
			return tags, fmt.Sprintf("The tag %s is there twice.", clipped(name, 40))
		case utf8.RuneCountInString(value) > codat.LongestTag:
			return tags, fmt.Sprintf("The value of the tag %s has %s characters; Codat takes at most %d.", clipped(name, 40),
				number(utf8.RuneCountInString(value)), codat.LongestTag)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[name] = value
	}
	if len(tags) > codat.MostTags {
		return tags, fmt.Sprintf("There are %s tags; Codat takes at most %d.", number(len(tags)), codat.MostTags)
	}
	return tags, ""
}

// tagTexts are tags as they are shown.
func tagTexts(tags store.Tags) []string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		texts = append(texts, name+": "+tags[name])
	}
	return texts
}

// notMade says why a company was not made.
func notMade(err error, name string) string {
	if errors.Is(err, ledger.ErrUnclear) {
		return "Codat did not say whether it created " + name + ". Press “Create company” again: Tallylight then asks for the same one, so that there are not two."
	}
	if e, ok := errors.AsType[*codat.Error](err); ok {
		switch {
		case e.HTTPStatus == http.StatusPaymentRequired:
			return "Codat did not create it: your Codat account has as many companies as its plan allows. Whoever manages your Codat account can raise that, " +
				"or delete companies that are not needed."
		case e.HTTPStatus >= 500:
			return "Codat has trouble of its own, and " + name + " is not among its companies. Try again in a moment."
		}
	}
	return notDone(err) + " No company was created."
}
