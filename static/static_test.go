package static

import (
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestEveryFileIsServedUnderItsURL(t *testing.T) {
	t.Parallel()
	hashed := regexp.MustCompile(`^/static/[a-z]+\.[0-9a-f]{12}\.(css|js|svg)$`)
	for name, wantType := range map[string]string{
		"look.css": "text/css", "live.js": "text/javascript", "idiomorph.js": "text/javascript", "icons.svg": "image/svg+xml", "favicon.svg": "image/svg+xml",
	} {
		url := URL(name)
		if !hashed.MatchString(url) {
			t.Errorf("URL(%q) = %q, no hashed path", name, url)
		}
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		embedded, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusOK || w.Body.String() != string(embedded) {
			t.Errorf("GET %s: %d, %d bytes, want 200 and the %d of %s", url, w.Code, w.Body.Len(), len(embedded), name)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, wantType) {
			t.Errorf("%s has type %q, want %s", name, got, wantType)
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s is cached as %q", name, got)
		}
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"/static/", "/static/look.css", "/static/look.000000000000.css", "/static/static.go", "/static/idiomorph.LICENSE"} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path.Clean(url), nil))
		if w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "" {
			t.Errorf("GET %s: %d, cached %q; want 404, uncached", url, w.Code, w.Header().Get("Cache-Control"))
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest("HEAD", URL("look.css"), nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d with %d bytes", w.Code, w.Body.Len())
	}
}
