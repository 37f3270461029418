package web

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// SessionRows keeps sessions, a row each, under a hash of the token that the browser holds: who reads the rows cannot sign
// in with them. How long a session lasts is theirs to say.
type SessionRows interface {
	// LoadSession returns a live session, or an error that is sql.ErrNoRows. With touch the reading counts as use.
	LoadSession(ctx context.Context, hash []byte, touch bool) (userID int64, values []byte, err error)
	AddSession(ctx context.Context, hash []byte, userID int64, values []byte) error
	SaveSession(ctx context.Context, hash []byte, values []byte) error // one that has ended meanwhile stays so
	DeleteSession(ctx context.Context, hash []byte) error
}

// Sessions says who is signed in. The row of a session is read once per request, at the first question.
type Sessions struct {
	rows   SessionRows
	codecs []securecookie.Codec
	cookie string
	secure bool
}

// NewSessions keeps sessions in rows. Cookies are signed with the first of keys and accepted with any, so that a new key can
// be put in front; a key is any text of 32 bytes or more. secure says that people reach us by https: the cookie is then sent
// by no other way.
func NewSessions(rows SessionRows, keys []string, secure bool) (*Sessions, error) {
	s := &Sessions{rows: rows, cookie: "tallylight", secure: secure}
	if secure {
		s.cookie = "__Host-tallylight" // browsers take this prefix from our own host by https alone
	}
	if len(keys) == 0 {
		return nil, errors.New("session keys: none given")
	}
	for i, key := range keys {
		if len(key) < 32 {
			return nil, fmt.Errorf("session key %d is shorter than 32 bytes", i+1)
		}
		derived, err := hkdf.Key(sha256.New, []byte(key), nil, "session cookie", 32)
		if err != nil {
			return nil, fmt.Errorf("session key %d: %w", i+1, err)
		}
		codec := securecookie.New(derived, nil)
		codec.SetSerializer(securecookie.NopEncoder{})
		codec.MaxAge(0) // the row ends a session
		s.codecs = append(s.codecs, codec)
	}
	return s, nil
}

// UserID returns who is signed in, or 0. With touch the question counts as use of the session; a stream, which asks by
// itself, passes false.
func (s *Sessions) UserID(r *http.Request, touch bool) (int64, error) {
	session, err := s.load(r, touch)
	if err != nil {
		return 0, err
	}
	return userOf(session), nil
}

// TokenHash is the key of the session's row, or nil when nobody is signed in.
func (s *Sessions) TokenHash(r *http.Request) []byte {
	session, err := s.load(r, false)
	if err != nil || session.IsNew {
		return nil
	}
	return hashOf(session)
}

// Alive returns a question for an answer that lasts: is the session of r still there? While the rows cannot be read it is.
func (s *Sessions) Alive(r *http.Request) func(context.Context) bool {
	hash := s.TokenHash(r)
	return func(ctx context.Context) bool {
		if hash == nil {
			return false
		}
		_, _, err := s.rows.LoadSession(ctx, hash, false)
		return !errors.Is(err, sql.ErrNoRows)
	}
}

// SignIn starts a new session for that person, under a new token. The old one, if any, ends.
func (s *Sessions) SignIn(w http.ResponseWriter, r *http.Request, userID int64) error {
	session, err := s.load(r, false)
	if err != nil {
		return err
	}
	if !session.IsNew {
		if err := s.rows.DeleteSession(r.Context(), hashOf(session)); err != nil {
			return err
		}
	}
	session.ID = ""
	session.Values = map[any]any{userKey{}: userID}
	return session.Save(r, w)
}

// SignOut ends the session, if there is one.
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request) error {
	session, err := s.load(r, false)
	if err != nil {
		return err
	}
	session.Options.MaxAge = -1
	return session.Save(r, w)
}

// Flash keeps a sentence for the next page of the person who is signed in. With nobody signed in it is dropped.
func (s *Sessions) Flash(w http.ResponseWriter, r *http.Request, text string) error {
	session, err := s.load(r, true)
	if err != nil || session.IsNew {
		return err
	}
	session.AddFlash(text)
	return session.Save(r, w)
}

// Flashes returns the sentences kept for this page, and forgets them.
func (s *Sessions) Flashes(w http.ResponseWriter, r *http.Request) ([]string, error) {
	session, err := s.load(r, true)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, v := range session.Flashes() {
		if text, ok := v.(string); ok {
			texts = append(texts, text)
		}
	}
	if texts == nil {
		return nil, nil
	}
	return texts, session.Save(r, w)
}

func (s *Sessions) load(r *http.Request, touch bool) (*sessions.Session, error) {
	return rowStore{s, touch}.Get(r, s.cookie)
}

// userKey is where a loaded session's values hold the person's id; in the row it is a column.
type userKey struct{}

func userOf(session *sessions.Session) int64 {
	id, _ := session.Values[userKey{}].(int64)
	return id
}

func hashOf(session *sessions.Session) []byte {
	hash := sha256.Sum256([]byte(session.ID))
	return hash[:]
}

// rowStore is Sessions as a store of gorilla/sessions. A session's ID is its token; a session that IsNew has no row.
type rowStore struct {
	*Sessions
	touch bool
}

func (s rowStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

func (s rowStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.IsNew = true
	session.Options = &sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure}
	session.ID = s.token(r, name)
	if session.ID == "" {
		return session, nil
	}
	userID, values, err := s.rows.LoadSession(r.Context(), hashOf(session), s.touch)
	if errors.Is(err, sql.ErrNoRows) {
		return session, nil
	}
	if err != nil {
		return session, err
	}
	if len(values) > 0 {
		// Values that cannot be read are those of another version: a person stays signed in without them.
		if err := (securecookie.GobEncoder{}).Deserialize(values, &session.Values); err != nil {
			session.Values = map[any]any{}
		}
	}
	session.Values[userKey{}] = userID
	session.IsNew = false
	return session, nil
}

// token is what the request's cookie holds, or "" when there is none that we signed.
func (s rowStore) token(r *http.Request, name string) string {
	for _, cookie := range r.CookiesNamed(name) {
		var token []byte
		if err := securecookie.DecodeMulti(name, cookie.Value, &token, s.codecs...); err == nil {
			return string(token)
		}
	}
	return ""
}

func (s rowStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		if !session.IsNew {
			if err := s.rows.DeleteSession(r.Context(), hashOf(session)); err != nil {
				return err
			}
		}
		session.ID, session.IsNew, session.Values = "", true, map[any]any{}
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return nil
	}
	userID := userOf(session)
	delete(session.Values, userKey{})
	values, err := (securecookie.GobEncoder{}).Serialize(session.Values)
	session.Values[userKey{}] = userID
	if err != nil {
		return fmt.Errorf("write session values: %w", err)
	}
	if session.ID != "" {
		return s.rows.SaveSession(r.Context(), hashOf(session), values)
	}
	session.ID = rand.Text() + rand.Text() // 26 letters of 5 bits, twice
	if err := s.rows.AddSession(r.Context(), hashOf(session), userID, values); err != nil {
		return err
	}
	session.IsNew = false
	cookie, err := securecookie.EncodeMulti(session.Name(), []byte(session.ID), s.codecs...)
	if err != nil {
		return fmt.Errorf("sign session cookie: %w", err)
	}
	http.SetCookie(w, sessions.NewCookie(session.Name(), cookie, session.Options))
	return nil
}
