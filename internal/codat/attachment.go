package codat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
)

// File is a file to be attached to a record of the ledger.
type File struct {
	Name        string
	ContentType string
	Content     []byte
	Folder      string // where Sage Intacct keeps it, "Folder/Sub"; "" where a package has no folders
}

// Attachment is a file at a record of the ledger.
type Attachment struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	FileSize    int    `json:"fileSize"`
}

// Attach sends a file to be attached to a directCost or directIncome. The same file is the same bytes each time, so that a key may
// be repeated as it may with Push. Codat answers with an operation or, as its older schema has it, with no body or with the
// attachment itself: then it is done, and the reply's operation has no key. Anything else is an *Error with that status: the file
// may have been attached.
func (c *Client) Attach(ctx context.Context, key, company, connection string, to RecordRef, f File) (PushReply, error) {
	if key == "" {
		return PushReply{}, &unsentError{errors.New("attachment without an idempotency key")}
	}
	kind, body, err := f.form()
	if err != nil {
		return PushReply{}, &unsentError{fmt.Errorf("write form of %q: %w", f.Name, err)}
	}
	r := call{method: http.MethodPost, path: []string{"companies", company, "connections", connection, "push", recordPath(to), to.ID, "attachment"},
		body: body, kind: kind, key: key, patience: pushPatience}
	status, reply, err := c.send(ctx, r)
	if err != nil {
		return PushReply{}, err
	}
	done := PushReply{Status: status, Body: reply}
	if len(bytes.TrimSpace(reply)) == 0 {
		return done, nil
	}
	var attached Attachment
	err = decode(reply, &done.Operation)
	if err == nil {
		err = decode(reply, &attached)
	}
	if err != nil {
		return PushReply{}, c.unreadable(r, status, reply, err)
	}
	if done.Operation.PushOperationKey = id(done.Operation.PushOperationKey); done.Operation.PushOperationKey == "" && (attached.ID == "" || attached.Name == "") {
		return PushReply{}, c.unreadable(r, status, reply, errors.New("the reply has neither a pushOperationKey nor an attachment"))
	}
	return done, nil
}

// Attachments reads the files at a directCost or directIncome. Codat asks the accounting package for them: nothing has to be synced
// first.
func (c *Client) Attachments(ctx context.Context, company, connection string, of RecordRef) ([]Attachment, error) {
	r := get("companies", company, "connections", connection, "data", recordPath(of), of.ID, "attachments")
	status, reply, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	var said struct {
		Attachments *[]Attachment `json:"attachments" alias:"results"`
	}
	if err := decode(reply, &said); err != nil {
		return nil, c.unreadable(r, status, reply, err)
	}
	if said.Attachments == nil {
		return nil, c.unreadable(r, status, reply, errors.New("the reply is no list"))
	}
	return *said.Attachments, nil
}

func recordPath(of RecordRef) string {
	if of.DataType == "directIncomes" {
		return of.DataType
	}
	return string(PushDirectCosts)
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")

// form is the file as multipart/form-data.
func (f File) form() (kind string, body []byte, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	sum := sha256.Sum256(f.Content)
	if err := w.SetBoundary(hex.EncodeToString(sum[:])); err != nil { // no file contains its own digest
		return "", nil, err
	}
	if f.Folder != "" {
		j, err := json.Marshal(map[string]string{"id": hex.EncodeToString(sum[:10]), "name": f.Folder})
		if err != nil {
			return "", nil, err
		}
		if err := w.WriteField("attachment", string(j)); err != nil {
			return "", nil, err
		}
	}
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="` + quoted.Replace(f.Name) + `"`}, "Content-Type": {f.ContentType}})
	if err != nil {
		return "", nil, err
	}
	if _, err := part.Write(f.Content); err != nil {
		return "", nil, err
	}
	err = w.Close()
	return w.FormDataContentType(), b.Bytes(), err
}
