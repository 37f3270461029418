package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"tallylight/store"
	"tallylight/views"
	"tallylight/web"
)

// personal is a handler for somebody who is signed in and whose role suffices.
type personal func(w http.ResponseWriter, r *http.Request, who store.User) error

// catchUp is the header of a request that the live script makes by itself: it is no use of the session, and nobody has read
// yet what was to be told once.
const catchUp = "X-Catch-Up"

// errNobody means that nobody is signed in.
var errNobody = errors.New("nobody is signed in")

// person is who is signed in, or errNobody. With touch the question counts as use of the session.
func (h *Handlers) person(r *http.Request, touch bool) (store.User, error) {
	id, err := h.Sessions.UserID(r, touch)
	if err != nil {
		return store.User{}, err
	}
	if id == 0 {
		return store.User{}, errNobody
	}
	who, err := h.Store.User(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, errNobody
	}
	return who, err
}

// only lets in people whose role is least or more. Who is not signed in is sent to sign in, and comes back to the page they
// asked for.
func (h *Handlers) only(least store.Role, do personal) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, err := h.person(r, r.Header.Get(catchUp) == "")
		if errors.Is(err, errNobody) {
			next := ""
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				next = r.URL.RequestURI()
			}
			http.Redirect(w, r, loginURL(next), http.StatusSeeOther)
			return nil
		}
		if err != nil {
			return err
		}
		if !who.Role.May(least) {
			return web.Forbidden("You may look, but not do this. An administrator of Tallylight can change what you may do.")
		}
		return do(w, r, who)
	}
}

func loginURL(next string) string {
	if next = localPath(next); next == "" || next == "/" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(next)
}

// localPath is s when it is a path of ours, "" when it could lead a browser elsewhere.
func localPath(s string) string {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsRune(s, '\\') || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return ""
	}
	return s
}

// back is the page of ours that the request was made from, or other when that is not known.
func back(r *http.Request, other string) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return other
	}
	if page := localPath(u.RequestURI()); page != "" && u.Path != "/login" {
		return page
	}
	return other
}

func rights(who store.User) views.Rights {
	return views.Rights{Enter: who.Role.May(store.Finance), Admin: who.Role.May(store.Admin)}
}

// surroundings are what every page of a signed-in person stands in, with what was read for it.
type surroundings struct {
	views.Frame
	clock  clock
	counts store.StatusCount // of all companies
	down   []store.ConnectionItem
	held   map[int64][]store.Sum // what waits for each connection
	pauses []store.SendPause
}

// frame reads what surrounds a page: the counts of the rail, the notices, and what was to be told once.
func (h *Handlers) frame(w http.ResponseWriter, r *http.Request, who store.User, section, title string) (surroundings, error) {
	ctx := r.Context()
	in := h.zoneOf(who)
	s := surroundings{Frame: views.Frame{Title: title, Section: section, Email: who.Email, May: rights(who), Zone: zoneName(in)}, clock: clock{in: in}}
	st, err := h.Store.Overall(ctx)
	if err != nil {
		return s, err
	}
	s.clock.now, s.counts, s.Failed = st.Now, st.Counts, attention(st.Counts)
	if st.Down {
		if s.down, err = h.Store.DownConnections(ctx); err != nil {
			return s, err
		}
		s.down = slices.DeleteFunc(s.down, signedOff)
		s.Down = len(s.down)
	}
	if st.Counts[store.OnHold] > 0 {
		if s.held, err = h.Store.HeldSums(ctx); err != nil {
			return s, err
		}
	}
	if s.Notices, err = h.notices(ctx, &s, st); err != nil {
		return s, err
	}
	if r.Header.Get(catchUp) == "" {
		s.Flashes, err = h.flashes(w, r)
	}
	return s, err
}
