package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// What a new hash costs: 19 MiB and two passes, as OWASP advises for argon2id.
var newCost = cost{memory: 19 << 10, passes: 2, lanes: 1}

const (
	saltLength = 16
	hashLength = 32

	passwordLeast = 12
)

// hashing bounds the memory that hashes take: at most these many are made at once.
var hashing = make(chan struct{}, 4)

// PasswordProblem says in a sentence why a password cannot be used, or nothing.
func PasswordProblem(password string) string {
	if utf8.RuneCountInString(password) < passwordLeast {
		return fmt.Sprintf("A password needs at least %d characters.", passwordLeast)
	}
	return ""
}

// HashPassword returns what to keep of a password, an argon2id hash in PHC form. When many ask at once it waits its turn.
func HashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLength)
	rand.Read(salt)
	hash, err := newCost.hash(ctx, password, salt, hashLength)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, newCost.memory, newCost.passes, newCost.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(hash)), nil
}

// CheckPassword reports whether password is the one that kept was made of. For a person nobody knows pass "": it is never
// right, and takes as long to say so.
func CheckPassword(ctx context.Context, kept, password string) (bool, error) {
	if kept == "" {
		_, err := newCost.hash(ctx, password, make([]byte, saltLength), hashLength)
		return false, err
	}
	c, salt, want, err := parseHash(kept)
	if err != nil {
		return false, err
	}
	have, err := c.hash(ctx, password, salt, len(want))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(have, want) == 1, nil
}

// cost is the work of one hash. memory is in KiB.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

func (c cost) hash(ctx context.Context, password string, salt []byte, length int) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.lanes, uint32(length)), nil
}

func parseHash(kept string) (c cost, salt, hash []byte, err error) {
	refuse := errors.New("password hash is not argon2id in PHC form")
	parts := strings.Split(kept, "$") // "", argon2id, v=19, m=…,t=…,p=…, salt, hash
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, refuse
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil {
		return c, nil, nil, refuse
	}
	if c.memory > 1<<20 || c.passes < 1 || c.passes > 100 || c.lanes < 1 {
		return c, nil, nil, refuse
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	hash, errHash := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errHash != nil || len(salt) < 8 || len(hash) < 16 || len(hash) > 128 {
		return c, nil, nil, refuse
	}
	return c, salt, hash, nil
}
