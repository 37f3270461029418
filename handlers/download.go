package handlers

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	csvType       = "text/csv; charset=utf-8"
	downloadStall = 30 * time.Second // how long a reader may take nothing
)

// download answers with a file. It takes as long as its reader takes it; one that ends early is told so by a connection that breaks,
// never by a file that looks whole.
func (h *Handlers) download(w http.ResponseWriter, mime, name string, write func(io.Writer) error) error {
	w.Header().Set("Content-Type", mime)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, name))
	w.Header().Set("Cache-Control", "no-store")
	out := &patient{w: w, control: http.NewResponseController(w)}
	err := write(out)
	if err != nil && out.begun {
		h.Log.Warn("download ended early", "file", name, "err", err)
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		w.Header().Del("Content-Disposition")
	}
	return err
}

// patient gives its reader time for every piece anew.
type patient struct {
	w       io.Writer
	control *http.ResponseController
	begun   bool
}

func (p *patient) Write(b []byte) (int, error) {
	p.begun = true
	if err := p.control.SetWriteDeadline(time.Now().Add(downloadStall)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}
