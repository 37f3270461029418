package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// places are where the server binaries are looked for.
type places struct {
	bin  string // PG_BIN: if set, nowhere else
	glob string // one folder a version
	path string // PATH
}

func machine() places {
	return places{bin: os.Getenv("PG_BIN"), glob: "/usr/lib/postgresql/*/bin", path: os.Getenv("PATH")}
}

// find returns the folder with the newest PostgreSQL, or, when major is not empty, with that major version of it.
func (p places) find(ctx context.Context, major string) (string, error) {
	folders := p.folders()
	switch {
	case len(folders) == 0 && p.bin != "":
		return "", fmt.Errorf("PG_BIN is %s, but initdb and postgres are not there", p.bin)
	case len(folders) == 0:
		return "", errors.New("PostgreSQL is not installed: install it (on Debian the package is postgresql), " +
			"set PG_BIN to the folder of its programs, or set DATABASE_URL to a database of yours")
	case major == "":
		return folders[0], nil
	}
	for _, f := range folders {
		if v, err := majorVersion(ctx, f); err == nil && v == major {
			return f, nil
		}
	}
	return "", fmt.Errorf("the data was made by PostgreSQL %s, which is not installed (on Debian the package is postgresql-%s)",
		major, major)
}

// folders lists those that hold both programs, the best first.
func (p places) folders() []string {
	if p.bin != "" {
		return slices.DeleteFunc([]string{p.bin}, lacksServer)
	}
	versions, _ := filepath.Glob(p.glob) // the pattern is ours
	slices.SortFunc(versions, func(a, b string) int { return folderVersion(b) - folderVersion(a) })
	return slices.DeleteFunc(append(versions, filepath.SplitList(p.path)...), lacksServer)
}

func folderVersion(bin string) int {
	v, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return v
}

func lacksServer(folder string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil || !filepath.IsAbs(folder) {
			return true
		}
	}
	return false
}

var versionPattern = regexp.MustCompile(`\b(\d+)(\.|devel|beta|rc)`)

func majorVersion(ctx context.Context, bin string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return "", fmt.Errorf("ask PostgreSQL for its version: it says %q", strings.TrimSpace(string(out)))
	}
	return m[1], nil
}
