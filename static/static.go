// Package static holds the files a browser fetches beside the pages: the look, the live script, the icons. They are embedded in
// the program and served under a name that carries a hash of their content, so that browsers may keep them for ever.
//
// idiomorph.js is idiomorph 0.8.0 as published on npm (dist/idiomorph.min.js); idiomorph.LICENSE is its licence.
package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed look.css live.js receipts.js idiomorph.js icons.svg favicon.svg
var files embed.FS

var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

type file struct {
	contentType string
	content     []byte
}

var (
	urls   = map[string]string{} // by name: look.css -> /static/look.0123456789ab.css
	served = map[string]file{}   // by URL path
)

func init() {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("read embedded files: %v", err))
	}
	for _, e := range entries {
		content, err := files.ReadFile(e.Name())
		if err != nil {
			panic(fmt.Sprintf("read embedded %s: %v", e.Name(), err))
		}
		ext, sum := path.Ext(e.Name()), sha256.Sum256(content)
		url := "/static/" + strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		urls[e.Name()], served[url] = url, file{types[ext], content}
	}
}

// URL returns the path under which the file of that name is served: "look.css" is at "/static/look.0123456789ab.css". A name
// that is not embedded is a mistake in the program, and panics.
func URL(name string) string {
	url, ok := urls[name]
	if !ok {
		panic("no static file " + name)
	}
	return url
}

// Handler serves the files at their URLs, to be kept for a year; anything else under it is 404.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("Content-Length", strconv.Itoa(len(f.content)))
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodHead {
			_, _ = w.Write(f.content)
		}
	})
}
