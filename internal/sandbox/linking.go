package sandbox

import (
	"errors"
	"html/template"
	"net/http"
)

var pages = template.Must(template.New("").Parse(`
{{define "head"}}<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.}}</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.4rem 1rem;margin-right:.5rem}</style>
<h1>{{.}}</h1>{{end}}

{{define "company"}}{{template "head" .Company.Name}}
<p>Choose the accounting package of this company.</p>
<form method="post">{{range .Platforms}}<p><button name="platform" value="{{.Key}}">{{.Name}}</button></p>{{end}}</form>
{{if .Connections}}<h2>Connections</h2><ul>{{range .Connections}}<li><a href="{{.LinkURL}}">{{.PlatformName}}</a>: {{.Status}}</li>{{end}}</ul>{{end}}
{{end}}

{{define "link"}}{{template "head" .Connection.PlatformName}}
<p>May this client of the sandbox read and write the books of {{.Company.Name}}?</p>
<p>The connection is {{.Connection.Status}}.</p>
<form method="post"><button name="answer" value="approve">Approve</button><button name="answer" value="cancel">Cancel</button></form>
{{end}}

{{define "done"}}{{template "head" .}}<p>You can close this page.</p>{{end}}
`))

// show renders a page from what the state says, after f had a chance to change it.
func (s *Sandbox) show(w http.ResponseWriter, r *http.Request, name string, f func(tx *tx, r *request) (any, error)) {
	var data any
	var err error
	if failed := s.transact(func(tx *tx) { data, err = f(tx, &request{Request: r}) }); failed != nil {
		s.log.Error("show page", "path", r.URL.Path, "error", failed)
		http.Error(w, usual[503], http.StatusServiceUnavailable)
		return
	}
	if no, ok := errors.AsType[*refusal](err); ok {
		http.Error(w, no.text, no.status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		s.log.Error("show page", "path", r.URL.Path, "error", err)
	}
}

func (s *Sandbox) companyPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "company", func(tx *tx, r *request) (any, error) {
		c, err := tx.company(r)
		if err != nil {
			return nil, err
		}
		return map[string]any{"Company": c, "Platforms": platforms, "Connections": tx.companyReply(c).DataConnections}, nil
	})
}

// companyConnect starts a connection to the platform that was chosen and leads to its own page.
func (s *Sandbox) companyConnect(w http.ResponseWriter, r *http.Request) {
	var a answer
	url := ""
	err := s.transact(func(tx *tx) {
		c, err := tx.company(&request{Request: r})
		if err != nil {
			a = render(nil, err)
			return
		}
		p, ok := platformOf(r.PostFormValue("platform"))
		if !ok {
			a = refuse(http.StatusBadRequest, "%s", usual[400]).answer()
			return
		}
		url = tx.connectionReply(tx.connect(c, p)).LinkURL
	})
	switch {
	case err != nil:
		refuse(http.StatusServiceUnavailable, "%s", usual[503]).answer().send(w)
	case url == "":
		a.send(w)
	default:
		http.Redirect(w, r, url, http.StatusSeeOther)
	}
}

func (s *Sandbox) linkPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "link", func(tx *tx, r *request) (any, error) {
		k, err := tx.connection(r)
		if err != nil {
			return nil, err
		}
		return map[string]any{"Company": tx.s.state.companies[k.CompanyID], "Connection": tx.connectionReply(k)}, nil
	})
}

// linkAnswer is what the user said: answer=approve or answer=cancel.
func (s *Sandbox) linkAnswer(w http.ResponseWriter, r *http.Request) {
	said := r.PostFormValue("answer")
	s.show(w, r, "done", func(tx *tx, r *request) (any, error) {
		k, err := tx.connection(r)
		if err != nil {
			return nil, err
		}
		switch said {
		case "approve":
			return "Linked", tx.approve(k)
		case "cancel":
			tx.cancel(k)
			return "Not linked", nil
		}
		return nil, refuse(http.StatusBadRequest, "The answer is approve or cancel.")
	})
}
