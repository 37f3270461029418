package handlers

import (
	"fmt"
	"strings"

	go_qr "github.com/piglig/go-qr"

	"tallylight/views"
)

// invite is what is sent to a customer who was connected before, or not.
func invite(link string, before bool) views.Invite {
	if link == "" {
		return views.Invite{}
	}
	i := views.Invite{URL: link, Title: "Ask the customer to connect their accounting software", QR: qr(link)}
	if before {
		i.Title = "Ask the customer to connect again"
	}
	// Where Codat makes links that work once, they have a query, and others do not (Codat).
	_, query, _ := strings.Cut(link, "?")
	i.Once = query != ""
	return i
}

// quiet is how many modules must be light around a QR code.
const quiet = 4

// qr is a text as a QR code, none when the text is too long for one.
func qr(text string) views.QR {
	code, err := go_qr.EncodeText(text, go_qr.Medium)
	if err != nil {
		return views.QR{}
	}
	var path strings.Builder
	for y := range code.Size() {
		for x := 0; x < code.Size(); x++ {
			run := 0
			for x+run < code.Size() && code.Module(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return views.QR{Size: code.Size() + 2*quiet, Path: path.String()}
}
