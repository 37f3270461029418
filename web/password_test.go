package web

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	const right = "correct horse battery ☂"
	a, err := HashPassword(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	b, err := HashPassword(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %s and %s", a, b)
	}
	for password, want := range map[string]bool{right: true, right + " ": false, "": false} {
		if ok, err := CheckPassword(t.Context(), a, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	if ok, err := CheckPassword(t.Context(), "", ""); ok || err != nil {
		t.Errorf("a person nobody knows: %v, %v", ok, err)
	}
}

// The hashes are those of the reference implementation's own tests.
func TestPasswordHashesOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	} {
		if ok, err := CheckPassword(t.Context(), kept, "password"); !ok || err != nil {
			t.Errorf("%s: %v, %v", kept, ok, err)
		}
	}
}

func TestPasswordHashThatCannotBe(t *testing.T) {
	t.Parallel()
	good, err := HashPassword(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"plain",
		good[:len(good)-30],
		strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=99999999", 1),
		strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1$", "p=1$!", 1),
	} {
		if ok, err := CheckPassword(t.Context(), bad, "correct horse battery"); ok || err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v, %v", bad, ok, err)
		}
	}
}

func TestPasswordsWaitTheirTurn(t *testing.T) {
	t.Parallel()
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CheckPassword(gone, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("more than %d at once: %v", cap(hashing), err)
	}
	for range cap(hashing) {
		<-hashing
	}
}

func TestPasswordProblem(t *testing.T) {
	t.Parallel()
	for password, fine := range map[string]bool{
		"": false, "elevenchars": false, "twelve chars": true, "zwölf Zeiche": true, "éééééé": false,
	} {
		if problem := PasswordProblem(password); (problem == "") != fine {
			t.Errorf("%q: %q", password, problem)
		}
	}
}
