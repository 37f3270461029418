package codat_test

import (
	"strings"
	"testing"

	"tallylight/internal/codat"
)

func TestStrangeSigns(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Smith & Sons, 2nd - 'The Best' @ home.Ltd?!": "",
		"Müller (Müller)":                             "ü ( )",
		"Fred’s":                                      "’",
		"a_b/c":                                       "_ /",
		"tab\tnew\n":                                  "\t \n", // Codat takes them, and nobody means them
		"":                                            "",
	} {
		if got := strings.Join(codat.StrangeSigns(name), " "); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
