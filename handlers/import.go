package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallylight/internal/csvfile"
	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

const (
	importLimit   = csvfile.MaxBytes + 1<<20 // with what a form puts around a file
	uploadMost    = 15 * time.Minute         // that an upload may take
	importsRecent = 50
)

const (
	fileTooLarge = "The file is larger than 64 MB. Split it."
	brokeOff     = "The upload broke off. Nothing was kept of it."
)

// importForm is where a file of expenses is uploaded.
func (h *Handlers) importForm(w http.ResponseWriter, r *http.Request, who store.User) error {
	return h.uploadPage(w, r, who, http.StatusOK, "")
}

func (h *Handlers) uploadPage(w http.ResponseWriter, r *http.Request, who store.User, status int, problem string) error {
	s, err := h.frame(w, r, who, "/expenses", "Import")
	if err != nil {
		return err
	}
	recent, err := h.Store.Imports(r.Context(), importsRecent)
	if err != nil {
		return err
	}
	page := views.ImportsPage{Frame: s.Frame, Problem: problem}
	for _, i := range recent {
		page.Recent = append(page.Recent, importItem(i, s.clock))
	}
	return web.Render(w, r, status, views.Imports(page))
}

func importItem(i store.Import, c clock) views.ImportItem {
	item := views.ImportItem{Name: i.Name, Href: importURL(i.ID), Sub: "by " + i.Actor + ", " + c.at(i.CreatedAt)}
	switch i.State {
	case store.ImportRunning:
		item.Tone, item.Icon, item.Word = "busy", "in_progress", "Being imported"
	case store.ImportDone:
		item.Tone, item.Icon, item.Word = "good", "complete", "Imported"
		item.Sub = expenses(i.Entered) + " · " + item.Sub
	default:
		item.Tone, item.Icon, item.Word = "idle", "not_pushed", "Draft"
	}
	return item
}

// importUpload keeps a file as a draft. It goes to the database piece by piece, as it comes.
func (h *Handlers) importUpload(w http.ResponseWriter, r *http.Request, who store.User) error {
	control := http.NewResponseController(w)
	until := time.Now().Add(uploadMost)
	if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until.Add(time.Minute))); err != nil {
		return fmt.Errorf("give an upload its time: %w", err)
	}
	file, err := uploaded(r)
	if err != nil {
		return err
	}
	if file == nil {
		return h.uploadPage(w, r, who, http.StatusUnprocessableEntity, "Choose a file first.")
	}
	name := path.Base(strings.ReplaceAll(plain(file.FileName()), `\`, "/"))
	id, err := h.Store.AddImport(r.Context(), who, clipped(name, 120), file)
	switch {
	case errors.Is(err, store.ErrDraftsMost):
		io.Copy(io.Discard, file) // a browser that cannot send it all does not show the answer
		return h.uploadPage(w, r, who, http.StatusConflict, fmt.Sprintf(
			"You have %d files here that are not imported. Import or discard some of them first.", store.DraftsMost))
	case tooLarge(err):
		return &web.Error{Status: http.StatusRequestEntityTooLarge, Sentence: fileTooLarge, Cause: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &web.Error{Status: http.StatusBadRequest, Sentence: brokeOff, Cause: err}
	case err != nil:
		return err
	}
	im, _, err := h.Store.Import(r.Context(), id)
	if err != nil {
		return err
	}
	if err := h.Imports.Guess(r.Context(), im, ""); err != nil {
		return err
	}
	http.Redirect(w, r, importURL(id), http.StatusSeeOther)
	return nil
}

// uploaded is the file of a form, or nil when none was chosen.
func uploaded(r *http.Request) (*multipart.Part, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, web.BadRequest("That is no upload of a file.")
	}
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case tooLarge(err):
			return nil, &web.Error{Status: http.StatusRequestEntityTooLarge, Sentence: fileTooLarge, Cause: err}
		case err != nil:
			return nil, web.BadRequest(brokeOff)
		case part.FormName() == "file" && part.FileName() != "":
			return part, nil
		}
	}
}

func tooLarge(err error) bool {
	_, is := errors.AsType[*http.MaxBytesError](err)
	return is
}

// importPage is one uploaded file: what is in it and what is to be mended, how far it is, or how it ended.
func (h *Handlers) importPage(w http.ResponseWriter, r *http.Request, who store.User) error {
	im, fixes, err := h.importOf(r)
	if err != nil {
		return err
	}
	s, err := h.frame(w, r, who, "/expenses", im.Name)
	if err != nil {
		return err
	}
	page := views.ImportPage{Frame: s.Frame, ID: im.ID, Name: im.Name, State: string(im.State), Trouble: im.Trouble,
		By: "Uploaded by " + im.Actor + ", " + s.clock.at(im.CreatedAt)}
	switch im.State {
	case store.ImportRunning:
		page.Live, page.Show = "imports", show(im.ID)
		page.Done, page.Of, page.Said = im.Entered, max(im.Total, 1), number(im.Entered)+" of "+expenses(im.Total)
	case store.ImportDone:
		page.Said = importEnd(im, s.clock)
	default:
		f, p, err := h.Imports.Preview(r.Context(), im, fixes)
		if err != nil {
			return err
		}
		companies, err := h.Store.Companies(r.Context())
		if err != nil {
			return err
		}
		draftPage(&page, f, p, fixes, companies)
	}
	return web.Render(w, r, http.StatusOK, views.Import(page))
}

// importEnd is how an import ended: "412 expenses were imported by anna@example.com, 14:02, which took 3.1 s."
func importEnd(i store.Import, c clock) string {
	said := capital(expenses(i.Entered)) + were(i.Entered) + "imported by " + i.Starter
	if i.EndedAt != nil && i.StartedAt != nil {
		said += ", " + c.at(*i.EndedAt) + ", which took " + took(i.EndedAt.Sub(*i.StartedAt))
	}
	said += "."
	if i.Here > 0 {
		said += " " + hereAlready(i.Here)
	}
	return said
}

func were(n int) string {
	if n == 1 {
		return " was "
	}
	return " were "
}

func hereAlready(n int) string {
	return capital(expenses(n)) + were(n) + "here already, with the same content, and nothing was done to them."
}

// importFormat says how a draft is to be read.
func (h *Handlers) importFormat(w http.ResponseWriter, r *http.Request, _ store.User) error {
	im, fixes, err := h.importOf(r)
	if err != nil {
		return err
	}
	if im.State != store.ImportDraft {
		return h.drafted(w, r, im.ID, store.ErrImportMoved)
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	was, p, err := h.Imports.Preview(r.Context(), im, fixes)
	if err != nil {
		return err
	}
	f := readFormat(r.PostForm.Get, len(p.Columns))
	if f.Separator != was.Separator { // the columns are others
		return h.drafted(w, r, im.ID, h.Imports.Guess(r.Context(), im, f.Separator))
	}
	return h.drafted(w, r, im.ID, h.Imports.Format(r.Context(), im, was, f))
}

const mostFixes = 500

// importFix changes a cell in all lines with one mistake, or in one of them, or leaves their expenses out.
func (h *Handlers) importFix(w http.ResponseWriter, r *http.Request, who store.User) error {
	im, fixes, err := h.importOf(r)
	if err != nil {
		return err
	}
	if im.State != store.ImportDraft {
		return h.drafted(w, r, im.ID, store.ErrImportMoved)
	}
	if len(fixes) >= mostFixes {
		return h.tell(w, r, importURL(im.ID), flash{Said: "That is a lot of changes for here. Download the file, mend it and upload it again.", Bad: true})
	}
	_, p, err := h.Imports.Preview(r.Context(), im, fixes)
	if err != nil {
		return err
	}
	var found *csvfile.Group
	for _, g := range p.Groups {
		if g.Key == r.PostFormValue("problem") && g.Leave {
			found = &g
		}
	}
	mended := flash{Said: "That has been mended already.", Bad: true}
	if found == nil {
		return h.tell(w, r, importURL(im.ID), mended)
	}
	fix := store.ImportFix{Cell: found.Column, Lines: found.Lines, Was: found.Value}
	if r.PostFormValue("leave") == "" {
		if only := r.PostFormValue("line"); only != "" {
			fix.Lines = slices.DeleteFunc(slices.Clone(found.Lines), func(l int32) bool { return strconv.Itoa(int(l)) != only })
			if len(fix.Lines) == 0 {
				return h.tell(w, r, importURL(im.ID), mended)
			}
		}
		if !found.Fixable() {
			return web.BadRequest("That cannot be changed here.")
		}
		value, err := h.fixValue(r, found.Column)
		if err != nil {
			return err
		}
		if value == found.Value && found.Column != "company" {
			return h.tell(w, r, importURL(im.ID), flash{Said: "That is what the file says. Type what it should be.", Bad: true})
		}
		fix.Becomes = &value
	}
	return h.drafted(w, r, im.ID, h.Store.FixImport(r.Context(), who, im.ID, fix))
}

// fixValue is what a cell becomes: of a company its name, or Codat's id where several have that name.
func (h *Handlers) fixValue(r *http.Request, column string) (string, error) {
	value := strings.TrimSpace(plain(r.PostFormValue("value")))
	if len(value) > 16<<10 {
		return "", web.Invalid("That is longer than a cell can be.")
	}
	if column != "company" {
		return value, nil
	}
	companies, err := h.Store.Companies(r.Context())
	if err != nil {
		return "", err
	}
	var chosen store.Company
	for _, c := range companies {
		if strconv.FormatInt(c.ID, 10) == value {
			chosen = c
		}
	}
	if chosen.ID == 0 {
		return "", web.Invalid("Choose one of the companies.")
	}
	if _, problem := store.NamesOf(companies).Find(chosen.Name); problem != "" {
		return chosen.CodatID, nil
	}
	return strings.TrimSpace(chosen.Name), nil
}

func (h *Handlers) importUndo(w http.ResponseWriter, r *http.Request, _ store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return h.drafted(w, r, id, h.Store.UnfixImport(r.Context(), id, readID(r.PostFormValue("fix"))))
}

// importStart has the expenses entered. That goes on whatever becomes of the page.
func (h *Handlers) importStart(w http.ResponseWriter, r *http.Request, who store.User) error {
	im, fixes, err := h.importOf(r)
	if err != nil {
		return err
	}
	if im.State == store.ImportDraft {
		_, p, err := h.Imports.Preview(r.Context(), im, fixes)
		if err != nil {
			return err
		}
		if p.Problems > 0 || p.Expenses == 0 {
			return h.tell(w, r, importURL(im.ID), flash{Said: "It cannot be imported yet.", Bad: true})
		}
	}
	return h.drafted(w, r, im.ID, h.Store.StartImport(r.Context(), who, im.ID))
}

func (h *Handlers) importDiscard(w http.ResponseWriter, r *http.Request, _ store.User) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	err = h.Store.DropImport(r.Context(), id)
	if errors.Is(err, store.ErrImportMoved) {
		return h.drafted(w, r, id, err)
	}
	if err != nil {
		return err
	}
	return h.done(w, r, "/expenses/import", "The file is discarded. Nothing of it was imported.")
}

// importProblems is the file with what is wrong with each line.
func (h *Handlers) importProblems(w http.ResponseWriter, r *http.Request, _ store.User) error {
	im, fixes, err := h.importOf(r)
	if err != nil {
		return err
	}
	if im.State != store.ImportDraft {
		return web.NotFound("The file has been imported: it is not kept.")
	}
	return h.download(w, csvType, "problems.csv", func(out io.Writer) error { return h.Imports.WriteProblems(r.Context(), out, im, fixes) })
}

func (h *Handlers) importOf(r *http.Request) (store.Import, []store.ImportFix, error) {
	id, err := pathID(r)
	if err != nil {
		return store.Import{}, nil, err
	}
	im, fixes, err := h.Store.Import(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return im, nil, web.NotFound("That file is not here. Files are removed a week after they were uploaded.")
	}
	return im, fixes, err
}

// drafted ends an action on a draft.
func (h *Handlers) drafted(w http.ResponseWriter, r *http.Request, id int64, err error) error {
	if errors.Is(err, store.ErrImportMoved) {
		return h.tell(w, r, importURL(id), flash{Said: "It has been imported, or discarded, meanwhile: nothing was changed.", Bad: true})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, importURL(id), http.StatusSeeOther)
	return nil
}

func importURL(id int64) string { return "/expenses/import/" + strconv.FormatInt(id, 10) }
