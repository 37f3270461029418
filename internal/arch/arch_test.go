// Package arch keeps the rooms of the program apart: which package may import which. It holds only this test.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module  = "tallylight"
	ours    = "ours"    // every package of this module
	foreign = "foreign" // every module of somebody else
)

// rooms says what each package may import beside the standard library: packages of ours, and modules or prefixes of them.
// Tests may import what they like.
var rooms = map[string]string{
	"": ours + " " + foreign,

	"handlers": "web views static store internal/push internal/ledger internal/codat internal/explain internal/csvfile internal/xlsx " + foreign,
	"views":    "static store internal/explain " + foreign,
	"static":   "",
	"web":      "github.com/a-h/templ github.com/gorilla github.com/prometheus golang.org/x",

	"store": "github.com/bojanz/currency github.com/google/uuid github.com/govalues/decimal " +
		"github.com/jmoiron/sqlx github.com/lib/pq github.com/pressly/goose golang.org/x",
	"store/storetest": "store internal/devdb " + foreign,

	"internal/push/simulation": "",
	"internal/push":            "store internal/codat internal/explain " + foreign,
	"internal/inbox":           "store internal/codat internal/explain " + foreign,
	"internal/ledger":          "store internal/codat internal/explain " + foreign,
	"internal/csvfile":         "store " + foreign,
	"internal/demo":            "store internal/csvfile " + foreign,

	"internal/codat":   "github.com/standard-webhooks golang.org/x/time",
	"internal/explain": "",
	"internal/sandbox": "github.com/google/uuid github.com/standard-webhooks golang.org/x",
	"internal/devdb":   "github.com/lib/pq",
	"internal/xlsx":    "",
	"internal/config":  "github.com/alecthomas/kong",
	"internal/arch":    "",
}

// listed is a package as go list prints it.
type listed struct {
	ImportPath string
	Imports    []string
}

func TestRooms(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-buildvcs=false", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; packages++ {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, complaint := range complaints(p) {
			t.Error(complaint)
		}
	}
	if packages < 10 {
		t.Errorf("go list knows %d packages of %s", packages, module)
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		room    string
		imports []string
		want    []string // what is complained about
	}{
		{module, []string{"os", module + "/internal/devdb", "github.com/any/thing"}, nil},
		{module + "/store", []string{"database/sql", "github.com/lib/pq/pqerror"}, nil},
		{module + "/store", []string{module + "/internal/codat", "github.com/lib/pqx"}, []string{module + "/internal/codat", "github.com/lib/pqx"}},
		{module + "/internal/codat", []string{module + "/store"}, []string{module + "/store"}},
		{module + "/internal/sandbox", []string{module + "/internal/codat"}, []string{module + "/internal/codat"}},
		{module + "/internal/demo", []string{module + "/store", module + "/store/storetest"}, []string{module + "/store/storetest"}},
		{module + "/views", []string{module + "/handlers", "github.com/a-h/templ"}, []string{module + "/handlers"}},
		{module + "/attic", nil, []string{"attic"}},
	} {
		got := complaints(listed{c.room, c.imports})
		if len(got) != len(c.want) {
			t.Errorf("%s, %v: %q", c.room, c.imports, got)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want a word about %s", c.room, got[i], want)
			}
		}
	}
}

func complaints(p listed) (found []string) {
	room := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
	allowed, known := rooms[room]
	if !known {
		return []string{"the room " + room + " is new: say in the table of internal/arch what it may import"}
	}
	for _, path := range p.Imports {
		if !mayImport(strings.Fields(allowed), path) {
			found = append(found, p.ImportPath+" must not import "+path+"; the table in internal/arch says what it may")
		}
	}
	return found
}

func mayImport(allowed []string, path string) bool {
	if path == module || strings.HasPrefix(path, module+"/") {
		return slices.Contains(allowed, ours) || slices.Contains(allowed, strings.TrimPrefix(path, module+"/"))
	}
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") { // the standard library
		return true
	}
	return slices.Contains(allowed, foreign) || slices.ContainsFunc(allowed, func(module string) bool {
		return path == module || strings.HasPrefix(path, module+"/")
	})
}
