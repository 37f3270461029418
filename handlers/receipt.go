package handlers

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"tallylight/internal/explain"
	"tallylight/internal/push"
	"tallylight/store"
	"tallylight/views"
)

// receiptTypes are the kinds of files we take as receipts: what they are called, and how their names end.
var receiptTypes = map[string]struct {
	word string
	ends []string
}{
	"application/pdf": {"PDF", []string{".pdf"}},
	"image/png":       {"PNG", []string{".png"}},
	"image/jpeg":      {"JPEG", []string{".jpg", ".jpeg"}},
}

const receiptAccept = "application/pdf,image/png,image/jpeg,.pdf,.png,.jpg,.jpeg"

// receiptsOf are the receipts of an expense, and what becomes of them.
func receiptsOf(rs []store.Receipt, e store.Expense, i store.ExpenseItem, pushes []store.Push, c clock) views.Receipts {
	platform, key := platformOr(i.Platform), i.PlatformKey
	if e.Status == store.Complete && len(pushes) > 0 {
		platform, key = platformOr(pushes[0].Platform), pushes[0].PlatformKey
	}
	limit := receiptLimit(key)
	takes, example := push.ReceiptLimit(key) > 0, e.Source == "example"
	told := e.Status == store.Complete && len(pushes) > 0 && costOf(pushes[0]).ToldBy == "person"
	out := views.Receipts{Accept: receiptAccept, Add: len(rs) < store.ReceiptsMost,
		Hint: fmt.Sprintf("PDF, PNG or JPEG, at most %s each.", size(limit))}
	switch {
	case example:
		out.Told = "This is an example: its receipts are kept here only."
	case !takes:
		out.Told = platform + " takes no receipts through Codat: they are kept here only."
	case told:
		out.Told = "A person said which record of " + platform + " this is, not Codat. So receipts are kept here only: add them there by hand."
	case e.Status != store.Complete && len(rs) > 0 && i.ConnectionStatus != "":
		out.Told = "Uploaded to " + platform + " once the expense is in there."
	}
	if !out.Add {
		out.Told = strings.TrimSpace(fmt.Sprintf("%s An expense has at most %d receipts.", out.Told, store.ReceiptsMost))
	}
	for _, r := range rs {
		item := views.Receipt{ID: r.ID, Name: r.Name, Detail: receiptTypes[r.Type].word + ", " + size(r.Size),
			Added: cmp.Or(r.By, "somebody") + ", " + c.at(r.AddedAt), Remove: r.Removable(), LookedAt: "It is in " + platform}
		receiptState(&item, r, platform, takes && !example && !told, c)
		if r.State == "" && takes && !example && r.Size > limit {
			item.Word, item.Sub = "Kept here", "larger than "+platform+" takes: "+size(limit)+" at most"
		}
		out.Items = append(out.Items, item)
	}
	return out
}

// receiptState says how the upload of a receipt stands.
func receiptState(v *views.Receipt, r store.Receipt, platform string, takes bool, c clock) {
	v.Tone, v.Icon, v.Word = "busy", "in_progress", "Uploading"
	switch r.State {
	case "":
		v.Tone, v.Icon, v.Word = "idle", "not_pushed", "Not uploaded yet"
		if !takes {
			v.Word = "Kept here"
		}
	case store.StepWaiting:
		v.Sub = "waits until Codat says which record the expense is"
	case store.StepReady:
		v.Sub = "waiting to be sent"
		switch {
		case r.Down:
			v.Tone, v.Icon, v.Word, v.Sub = "hold", "on_hold", "On hold", "waits for the connection to "+platform
		case r.Paused:
			v.Sub = "sending is paused"
		case r.NextTryAt != nil && r.NextTryAt.After(c.now) && r.WaitReason != "":
			v.Sub = nextTry(r.WaitReason, c.at(*r.NextTryAt))
		}
	case store.StepSending:
		v.Sub = "being sent"
	case store.StepLooking:
		v.Sub = "no answer · looking for it in " + platform
	case store.StepPending:
		v.Sub = "Codat has accepted it"
	case store.StepSuccess:
		v.Tone, v.Icon, v.Word = "good", "complete", "Uploaded"
		if r.SettledAt != nil {
			v.Sub = "to " + platform + ", " + c.at(*r.SettledAt)
		}
	case store.StepFailed:
		v.Tone, v.Icon, v.Word, v.Retry = "bad", "failed", "Not uploaded", true
		v.Why = receiptWhy(r, platform)
		v.Why.Cause = "The receipt could not be uploaded. " + v.Why.Cause
	case store.StepNeedsChecking:
		v.Tone, v.Icon, v.Word, v.Decide = "doubt", "needs_checking", "Needs checking", true
		v.Why = receiptWhy(r, platform)
		v.Why.Do = "Look at the expense in " + platform + ". It is not sent again before you say that it is not there, or it might be there twice."
	}
}

func receiptWhy(r store.Receipt, platform string) *views.Explanation {
	step := store.Step{Kind: store.AttachmentStep, Error: r.Error}
	fact := failureOf(step, platform)
	x := explain.Explain(explain.Cause(r.Cause), r.Subject, fact)
	return &views.Explanation{Cause: x.Cause, Do: x.Do, Raw: rawFailure(fact, step)}
}

// receiptLimit is how large a receipt may be for a platform, in bytes; for one that takes none it may be kept here.
func receiptLimit(platformKey string) int {
	if most := push.ReceiptLimit(platformKey); most > 0 {
		return most
	}
	return store.ReceiptLimit
}

// size is "812 bytes", "120 KB" or "3.4 MB".
func size(bytes int) string {
	switch {
	case bytes < 1000:
		return number(bytes) + " bytes"
	case bytes < 1_000_000:
		return fmt.Sprintf("%d KB", bytes/1000)
	case bytes%1_000_000 == 0 || bytes >= 10_000_000:
		return fmt.Sprintf("%d MB", bytes/1_000_000)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// The route that takes files.
const (
	receiptUploads = 4               // read into memory at once, in this process
	receiptFiles   = 20              // of one form that are looked at
	receiptTime    = 5 * time.Minute // for all files of one form to arrive, or for one to be taken
	receiptBody    = store.ReceiptsMost*store.ReceiptLimit + 1<<20
)
