package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tallylight/store"
	"tallylight/web"
)

// receiptAdd takes files for an expense, one after the other: those that are no receipts are told by name, the others are added.
func (h *Handlers) receiptAdd(w http.ResponseWriter, r *http.Request, who store.User) error {
	ctx := r.Context()
	id, err := pathID(r)
	if err != nil {
		return err
	}
	i, err := h.expenseItem(ctx, id)
	if err != nil {
		return err
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return badForm(err)
	}
	select {
	case h.uploads <- struct{}{}:
		defer func() { <-h.uploads }()
	case <-ctx.Done():
		return ctx.Err()
	}
	// Files take longer to arrive than forms. A writer that cannot be told so keeps its own deadlines.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(receiptTime))
	_ = c.SetWriteDeadline(time.Now().Add(receiptTime + time.Minute))

	var added, refused []string
	more := false
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badForm(err)
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		if more = len(added)+len(refused) == receiptFiles; more {
			continue
		}
		name, no, err := h.addReceipt(r, who, id, part, receiptLimit(i.PlatformKey))
		switch {
		case err != nil:
			return err
		case no != "":
			refused = append(refused, no)
		default:
			added = append(added, name)
		}
	}
	if more {
		refused = append(refused, fmt.Sprintf("Files after the first %d were not looked at.", receiptFiles))
	}
	f := flash{Bad: len(added) == 0}
	switch {
	case len(added) > 0 && i.Status == store.Complete:
		f.Said = and(added) + " " + isAre(len(added)) + " added."
	case len(added) > 0:
		f.Said = and(added) + " " + isAre(len(added)) + " added to " + i.Reference + "."
	case len(refused) == 0:
		f.Said = "No file was chosen, so nothing was added."
	}
	f.Said = strings.TrimSpace(f.Said + " " + strings.Join(refused, " "))
	return h.tell(w, r, back(r, expenseURL(id))+"#receipts", f)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// addReceipt adds one file; refused is why it is none that we take.
func (h *Handlers) addReceipt(r *http.Request, who store.User, expenseID int64, part *multipart.Part, limit int) (name, refused string, err error) {
	name = receiptName(part.FileName())
	content, err := io.ReadAll(io.LimitReader(part, int64(limit)+1))
	if err != nil {
		return "", "", badForm(err)
	}
	n := store.NewReceipt{Name: name, Type: http.DetectContentType(content), Content: content}
	kind, taken := receiptTypes[n.Type]
	switch {
	case len(content) == 0:
		return "", name + " is empty.", nil
	case !taken:
		return "", name + " is not a PDF, PNG or JPEG file.", nil
	case len(content) > limit:
		return "", fmt.Sprintf("%s is larger than %s.", name, size(limit)), nil
	}
	if !slices.Contains(kind.ends, strings.ToLower(path.Ext(name))) {
		n.Name += kind.ends[0] // it is what it is, whatever it was called
	}
	name, err = h.Store.AddReceipt(r.Context(), who, expenseID, n)
	switch {
	case errors.Is(err, store.ErrReceiptKnown):
		return "", n.Name + " is here already.", nil
	case errors.Is(err, store.ErrReceiptsMost):
		return "", fmt.Sprintf("%s was left out: an expense has at most %d receipts.", n.Name, store.ReceiptsMost), nil
	}
	return name, "", err
}

// receiptNameMost is how long the name of a receipt may be, in characters.
const receiptNameMost = 100

// receiptName is a file's name without the folders it was in, in one line of characters that can be seen.
func receiptName(said string) string {
	said = said[strings.LastIndexAny(said, `/\`)+1:]
	said = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`"<>:|?*`, r):
			return -1
		}
		return r
	}, said)
	said = strings.Trim(strings.Join(strings.Fields(said), " "), ". ")
	ext := path.Ext(said)
	base := []rune(strings.TrimSuffix(said, ext))
	if len([]rune(ext)) > 10 {
		base, ext = []rune(said), ""
	}
	if len(base) > receiptNameMost {
		base = base[:receiptNameMost]
	}
	if len(base) == 0 {
		return "receipt" + ext
	}
	return string(base) + ext
}

// receiptOf are the ids in the path of one receipt.
func receiptOf(r *http.Request) (expense, receipt int64, err error) {
	if expense, err = pathID(r); err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(r.PathValue("receipt"), &receipt); err != nil || receipt <= 0 {
		return 0, 0, web.NotFound("There is no such receipt.")
	}
	return expense, receipt, nil
}
