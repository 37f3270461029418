package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const longestTokenName = 60

var scopeWords = map[store.Scope]struct{ box, may string }{
	store.ScopeWrite: {"Enter expenses", "enter expenses"},
	store.ScopePush:  {"Push the expenses it enters", "push the expenses it enters"},
	store.ScopeRead:  {"Read expenses and how they stand", "read expenses and how they stand"},
}

// emptyTokenForm ticks what most systems need. That expenses go into the ledger unseen is for a person to choose.
var emptyTokenForm = tokenForm("", []store.Scope{store.ScopeWrite, store.ScopeRead}, nil)

func tokenForm(name string, ticked []store.Scope, problems map[string]string) views.TokenForm {
	f := views.TokenForm{Name: name, Problems: problems}
	for _, s := range store.Scopes {
		f.Scopes = append(f.Scopes, views.ScopeBox{Scope: string(s), Words: scopeWords[s].box, Ticked: slices.Contains(ticked, s)})
	}
	return f
}

func (h *Handlers) tokensCard(ctx context.Context, form views.TokenForm, c clock) (views.TokensCard, error) {
	card := views.TokensCard{Form: form, Example: h.apiExample("TOKEN")}
	tokens, err := h.Store.APITokens(ctx)
	if err != nil {
		return card, err
	}
	for _, t := range tokens {
		row := views.TokenRow{ID: t.ID, Name: t.Name, May: mayWords(t.Scopes), Made: c.full(t.CreatedAt),
			Revoke: "/settings/tokens/" + strconv.FormatInt(t.ID, 10) + "/revoke"}
		if t.By != "" {
			row.Made += " by " + t.By
		}
		if t.UsedAt != nil {
			row.Used = c.full(*t.UsedAt)
		}
		card.Tokens = append(card.Tokens, row)
	}
	return card, nil
}

func mayWords(scopes []store.Scope) string {
	var words []string
	for _, s := range store.Scopes {
		if slices.Contains(scopes, s) {
			words = append(words, scopeWords[s].may)
		}
	}
	return and(words)
}

// apiExample is a request that enters an expense, for a shell.
func (h *Handlers) apiExample(token string) string {
	return `curl ` + h.PublicURL + `/api/expenses \
  -H "Authorization: Bearer ` + token + `" \
  -H "Content-Type: application/json" \
  -d '{"company": "COMPANY", "reference": "CARD-1001", "date": "2026-01-31",
       "supplier": "Pret A Manger", "currency": "GBP",
       "lines": [{"description": "Lunch", "category": "Meals", "net": 12.50, "tax": 2.50}]}'`
}

// tokensSeen is what is left of the page that showed a new token, once.
func (h *Handlers) tokensSeen(w http.ResponseWriter, r *http.Request, _ store.User) error {
	http.Redirect(w, r, "/settings#tokens", http.StatusSeeOther)
	return nil
}

// tokenMake makes a token and shows it. It answers with the page itself: a token that had to wait for the next page would have to be
// kept somewhere until then.
func (h *Handlers) tokenMake(w http.ResponseWriter, r *http.Request, who store.User) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	var scopes []store.Scope
	for _, s := range store.Scopes {
		if slices.Contains(r.PostForm["scope"], string(s)) {
			scopes = append(scopes, s)
		}
	}
	problems := map[string]string{}
	switch {
	case name == "":
		problems["name"] = "Give it a name, so that you know later which system uses it."
	case utf8.RuneCountInString(name) > longestTokenName:
		problems["name"] = fmt.Sprintf("The name is longer than %d characters.", longestTokenName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		problems["name"] = "The name holds characters that cannot be read."
	}
	if len(scopes) == 0 {
		problems["scope"] = "Tick what it may do."
	}
	if slices.Contains(scopes, store.ScopePush) && !slices.Contains(scopes, store.ScopeWrite) {
		problems["scope"] = "It pushes only what it enters: tick that too."
	}
	token := newToken()
	if len(problems) == 0 {
		err := h.Store.AddAPIToken(r.Context(), who, name, scopes, tokenHash(token))
		if err != nil && !errors.Is(err, store.ErrNameTaken) {
			return err
		}
		if err != nil {
			problems["name"] = "There is a token with this name. Revoke that one first, or choose another name."
		}
	}
	if len(problems) > 0 {
		return h.settingsWith(w, r, who, http.StatusUnprocessableEntity, tokenForm(name, scopes, problems))
	}
	s, err := h.frame(w, r, who, "/settings", "Token "+name)
	if err != nil {
		return err
	}
	return web.Render(w, r, http.StatusOK, views.TokenMade(views.TokenPage{Frame: s.Frame, Name: name, May: mayWords(scopes), Token: token,
		Example: h.apiExample(token)}))
}

// tokenRevoke ends a token for good.
func (h *Handlers) tokenRevoke(w http.ResponseWriter, r *http.Request, who store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	name, err := h.Store.RevokeAPIToken(r.Context(), who, id)
	if errors.Is(err, store.ErrNotFound) {
		return h.done(w, r, "/settings#tokens", "That token was revoked already.")
	}
	if err != nil {
		return err
	}
	return h.done(w, r, "/settings#tokens", "The token "+name+" is revoked.")
}
