package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tallylight/internal/codat"
	"tallylight/internal/explain"
	"tallylight/store"
)

// ReceiptLimit is how large a receipt may be for an accounting package, in bytes, 0 when it takes none. Of a package that nobody
// here knows it is what we take ourselves.
func ReceiptLimit(platformKey string) int {
	p := platformOf(platformKey)
	switch {
	case p.noReceipts:
		return 0
	case p.receiptMost > 0:
		return min(p.receiptMost, store.ReceiptLimit)
	}
	return store.ReceiptLimit
}

// upload is the body of an attachment's step: which file goes where. The bytes that are sent follow from it and from the receipt,
// which is not kept twice.
type upload struct {
	Receipt int64           `json:"receipt"`
	To      codat.RecordRef `json:"to"`
	File    string          `json:"file"`
	Type    string          `json:"type"`
	Size    int             `json:"size"`
	SHA256  string          `json:"sha256"`
	Folder  string          `json:"folder,omitempty"`
}

func attachmentBody(ctx context.Context, s *store.Store, c store.Claim) ([]byte, error) {
	u, err := s.Upload(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, store.ErrLeaseLost // somebody settled it, and a person removed the receipt or had it uploaded again
	}
	if err != nil {
		return nil, err
	}
	most := ReceiptLimit(c.PlatformKey)
	switch {
	case most == 0:
		return nil, &cannotSend{cause: explain.CauseNoReceipts}
	case u.Size > most:
		return nil, &cannotSend{explain.CauseReceiptTooLarge, fmt.Sprintf("%d MB", most/1_000_000)}
	case u.RecordID == nil:
		return nil, &cannotSend{cause: explain.CauseReceiptNowhere}
	}
	return json.Marshal(upload{Receipt: u.ReceiptID, To: codat.RecordRef{ID: *u.RecordID, DataType: u.RecordType}, File: u.Name, Type: u.Type, Size: u.Size,
		SHA256: u.Digest, Folder: platformOf(c.PlatformKey).receiptFolder})
}

// sendAttachment sends the file that the body names.
func sendAttachment(ctx context.Context, w *Worker, c store.Claim, body []byte) (codat.PushReply, error) {
	u, err := uploadOf(body)
	if err != nil {
		return codat.PushReply{}, err
	}
	content, err := w.Store.ReceiptContent(ctx, u.Receipt)
	if err != nil {
		return codat.PushReply{}, err
	}
	return w.Codat.Attach(ctx, c.IdempotencyKey, c.Company, c.Connection, u.To, codat.File{Name: u.File, ContentType: u.Type, Content: content, Folder: u.Folder})
}

func uploadOf(body []byte) (upload, error) {
	var u upload
	if err := json.Unmarshal(body, &u); err != nil {
		return u, fmt.Errorf("read what was uploaded: %w", err)
	}
	return u, nil
}

// lookForReceipts looks at their expenses in the ledger for receipts in doubt. One of that name and size is the one. None, twice, a
// minute apart, means that it was never accepted, unless an operation in the history may be it, or a file of that size has another
// name: then only a person can tell, after a while. So it is where Codat does not list the files of a package: a refusal about one
// receipt does not keep the others waiting.
func (s *Sweeper) lookForReceipts(ctx context.Context, sw store.Sweep, steps []store.SweepStep, h history) error {
	for _, step := range steps {
		if err := s.lookForReceipt(ctx, sw, step, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) lookForReceipt(ctx context.Context, sw store.Sweep, step store.SweepStep, h history) error {
	u, err := uploadOf(step.Body)
	if err != nil {
		return err
	}
	files, err := s.Codat.Attachments(ctx, sw.Company, step.Connection, u.To)
	if err != nil {
		e, answered := errors.AsType[*codat.Error](err)
		switch {
		case !answered || e.HTTPStatus != http.StatusNotFound && e.HTTPStatus != http.StatusBadRequest && e.HTTPStatus < 500: // of more than this receipt
			return err
		case !late(sw, step):
			return nil // and is asked again: looking was put off when it was claimed
		}
		return s.Store.GiveUp(ctx, step.ID, known(explain.CauseLostReply, ""))
	}
	alike := false
	for _, f := range files {
		if f.Name == u.File && f.FileSize == u.Size {
			return s.foundReceipt(ctx, step, u, f, h)
		}
		alike = alike || f.Name == u.File || f.FileSize == u.Size
	}
	switch {
	case !alike && step.OperationKey == nil && len(h.uploads(step, u)) == 0:
		_, err = s.Store.Absent(ctx, step.ID, sw.Now)
		return err
	case late(sw, step):
		return s.Store.GiveUp(ctx, step.ID, known(explain.CauseLostReply, ""))
	}
	return s.Store.Synced(ctx, step.ID, "", patience(sw, step, 30*time.Second, 10*time.Minute))
}

// foundReceipt takes the file's operation for the step's own where the history says which one it is, so that it does not pass for
// another program's.
func (s *Sweeper) foundReceipt(ctx context.Context, step store.SweepStep, u upload, f codat.Attachment, h history) error {
	for _, op := range h.uploads(step, u) {
		if step.OperationKey == nil && op.Status == codat.PushSuccess && len(op.Changes) > 0 && op.Changes[0].AttachmentID == f.ID && f.ID != "" {
			return s.Store.Adopt(ctx, step.ID, op.PushOperationKey, outcome(op, step.Kind, step.PlatformName, "history"))
		}
	}
	return s.Store.Found(ctx, step.ID, u.To.ID)
}

// uploads are the operations that may be that upload. One that has not ended does not say whether it is of a file.
func (h history) uploads(step store.SweepStep, u upload) []codat.PushOperation {
	var ops []codat.PushOperation
	for _, op := range h.since(step) {
		if len(op.Changes) == 0 || op.Changes[0].Type == "AttachmentUploaded" && op.Changes[0].RecordRef.ID == u.To.ID {
			ops = append(ops, op)
		}
	}
	return ops
}
