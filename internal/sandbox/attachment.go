package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// fileRules are what a platform takes of attachments: Codat's table of them. The zero value takes everything.
type fileRules struct {
	none bool
	most int64 // bytes
	ends []string
}

var attachmentRules = map[string]fileRules{
	"xero":              {most: 4_000_000, ends: []string{".pdf", ".png", ".jpg", ".jpeg", ".gif"}},
	"quickbooks":        {ends: []string{".pdf", ".png", ".jpg", ".jpeg", ".gif"}},
	"quickbooksdesktop": {none: true},
	"freeagent":         {most: 5_000_000, ends: []string{".pdf", ".png", ".jpg", ".jpeg", ".gif"}},
	"zoho":              {most: 5_000_000, ends: []string{".pdf", ".png", ".jpg", ".jpeg", ".gif"}},
}

// pushAttachment takes a file for a directCost or directIncome that is in the ledger.
func pushAttachment(costs func(*books) *table[cost]) endpoint {
	return func(tx *tx, r *request) (any, error) {
		k, err := tx.pushable(r)
		if err != nil {
			return nil, err
		}
		p, _ := platformOf(k.Platform)
		if attachmentRules[p.files].none {
			return nil, refuse(http.StatusBadRequest, "%s does not support attachments.", p.Name)
		}
		id := r.PathValue("cost")
		record, ok := costs(tx.s.state.books[k.ID]).find(id)
		if !ok {
			return nil, refuse(http.StatusNotFound, "No direct cost was found with ID %s", id)
		}
		a, err := attached(r)
		if err != nil {
			return nil, err
		}
		return tx.accept(r, k, &operation{Key: uuid.NewString(), DataType: record.DataType, Attachment: a.ID, RecordID: id, Body: encode(a)})
	}
}

// attached is the file of a form.
func attached(r *request) (attachment, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return attachment{}, refuse(http.StatusBadRequest, "An attachment must be sent as multipart/form-data.")
	}
	parts := multipart.NewReader(bytes.NewReader(r.body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return attachment{}, refuse(http.StatusBadRequest, "An attachment must be sent as the part named file.")
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		size, err := io.Copy(io.Discard, part)
		if err != nil || size == 0 {
			return attachment{}, refuse(http.StatusBadRequest, "The attachment is empty.")
		}
		return attachment{ID: "att_" + strings.ReplaceAll(uuid.NewString(), "-", ""), Name: part.FileName(), ContentType: part.Header.Get("Content-Type"), FileSize: size}, nil
	}
}

// writeAttachment puts the file at its record, or fails o for the platform's reasons.
func (tx *tx) writeAttachment(k *connection, o *operation) {
	var a attachment
	if err := json.Unmarshal(o.Body, &a); err != nil {
		panic(fmt.Sprintf("read attachment: %v", err)) // our own
	}
	p, _ := platformOf(k.Platform)
	switch rules := attachmentRules[p.files]; {
	case rules.most > 0 && a.FileSize > rules.most:
		o.fail(http.StatusBadRequest, fmt.Sprintf("The file exceeds the maximum size of %d MB.", rules.most/1_000_000))
		return
	case len(rules.ends) > 0 && !slices.Contains(rules.ends, strings.ToLower(path.Ext(a.Name))):
		o.fail(http.StatusBadRequest, fmt.Sprintf("Files of the type %s are not supported.", path.Ext(a.Name)))
		return
	}
	b := tx.s.state.books[k.ID]
	at := &b.costs
	if o.DataType == "directIncomes" {
		at = &b.incomes
	}
	e := at.entryOf(o.RecordID)
	e.Record.Attachments = append(slices.Clone(e.Record.Attachments), a)
	o.RecordType = e.Record.DataType
	tx.put(change{On: k.ID, Cost: &e})
}

// attachmentList asks the platform itself: nothing of it is read beforehand.
func attachmentList(costs func(*books) *table[cost]) endpoint {
	return func(tx *tx, r *request) (any, error) {
		k, err := tx.connection(r)
		if err != nil {
			return nil, err
		}
		record, ok := costs(tx.s.state.books[k.ID]).find(r.PathValue("cost"))
		if !ok {
			return nil, refuse(http.StatusNotFound, "No direct cost was found with ID %s", r.PathValue("cost"))
		}
		return map[string]any{"attachments": append([]attachment{}, record.Attachments...)}, nil
	}
}
