package main

import (
	"cmp"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"tallylight/internal/sandbox"
	"tallylight/store"
)

var pictures = flag.Bool("pictures", false, "keep pictures of every page in out/screenshots")

// look is one way to look at a page.
type look struct {
	name   string // of the picture
	width  int64
	scheme string
	rules  []string // of axe, none for all: those whose verdict depends on colours or on the room there is
}

var (
	light    = look{"light", 1280, "light", nil}
	dark     = look{"dark", 1280, "dark", []string{"color-contrast"}}
	narrow   = look{"narrow", 360, "light", []string{"color-contrast", "target-size", "scrollable-region-focusable"}}
	standard = []look{light, {"dark and narrow", 360, "dark", narrow.rules}} // every colour and every width
	pictured = []look{light, dark, narrow}
)

// see looks at the page in every way: nothing that axe finds, nothing that sticks out sideways, and pictures of it if they are wanted.
func (b *tab) see(name string) {
	b.t.Helper()
	looks := standard
	if *pictures {
		looks = pictured
	}
	for _, l := range looks {
		b.width(l.width)
		b.scheme(l.scheme)
		if *pictures {
			b.shoot(name + " " + l.name)
		}
		if wide := evaluate[int64](b, `document.documentElement.scrollWidth`); wide > l.width {
			b.t.Errorf("%s, %s at %d: the page is %d wide", name, l.scheme, l.width, wide)
		}
		if broken := evaluate[string](b, brokenCells); l.width > 860 && broken != "" {
			b.t.Errorf("%s, %s at %d: these cells have left their table: %s", name, l.scheme, l.width, broken)
		}
		for _, v := range b.violations(l.rules...) {
			b.t.Errorf("%s, %s at %d: %s", name, l.scheme, l.width, v)
		}
	}
	b.width(1280)
	b.scheme("light")
}

// brokenCells are the classes of cells that are not laid out as cells, which they are where there is room.
const brokenCells = `[...document.querySelectorAll("td, th")].filter((c) => c.checkVisibility() && getComputedStyle(c).display !== "table-cell")
	.map((c) => c.className).join(", ")`

// glance looks at a page only for its pictures: the test sees the same page again, with more on it.
func (b *tab) glance(name string) {
	b.t.Helper()
	if *pictures {
		b.see(name)
	}
}

// TestPages sees every page in every state.
func TestPages(t *testing.T) {
	t.Parallel()
	needChromium(t)
	w := newWorld(t, takes, sandbox.Current)
	w.addUser("ada@example.com", store.Admin)
	w.addUser("vic@example.com", store.Viewer)
	p := w.serve()
	v := p.visit("ada@example.com", password)

	b := openTab(t, p.url)
	b.expect(`status of 422`) // of a wrong password
	b.open("/login")
	b.glance("login")
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=email]`), "ada@example.com"))
	b.leave(chromedp.SendKeys(chromedp.CSS(`[name=password]`), "not the password\r"))
	b.see("login error")
	b.complain()
	b.signIn("ada@example.com")
	b.open("/expenses")
	b.see("expenses none yet")

	for _, company := range []string{"Adatum Builders", "Contoso Retail Inc", "Fabrikam Espresso GmbH", northwind, "Tailspin Tours KK", "Wide World Importers"} {
		w.booksRead(company)
	}
	w.do("", "import", "testdata/pages.csv")
	// An expense for each status.
	notPushed, progress, complete, failed, checking, held := v.id("NW-1057"), v.id("NW-1060"), v.id("NW-1064"), v.id("NW-1063"), v.id("NW-1061"), v.id("AB-1047")
	w.scenario(`[{"delay":"1h","reference":"NW-1060"},
		{"effect":"fail","reference":"NW-1063","message":"The document date cannot be before the period lock date."},
		{"effect":"timeout","reference":"NW-1061"}]`)
	stream := v.live("topics=expenses")
	v.post("/expenses/push", "id", progress, "id", complete, "id", failed, "id", checking, "id", held)
	for id, status := range map[string]string{progress: "in_progress", complete: "complete", failed: "failed", checking: "needs_checking", held: "on_hold"} {
		stream.awaitExpense(id, status)
	}
	w.unlink("Tailspin Tours KK")
	w.until("the connection of Tailspin Tours KK to be down", func() bool { return w.connection("Tailspin Tours KK").Status == "Unlinked" })

	b.open("/connections")
	b.leave(submit(`form[action="/sending/pause"]`))
	b.untilLive()
	b.see("connections paused")
	b.leave(submit(`form[action="/sending/resume"]`))
	b.untilLive()
	b.glance("connections")
	b.do(chromedp.Navigate("about:blank")) // where nothing is live

	t.Run("expenses", func(t *testing.T) {
		t.Parallel()
		b := openTab(t, p.url)
		b.expect(`status of 422`) // of the form with problems
		badgesDiffer(t, v)
		b.signIn("ada@example.com")
		b.open("/expenses")
		b.glance("expenses")
		if *pictures {
			b.vision(emulation.SetEmulatedVisionDeficiencyTypeAchromatopsia)
			b.shoot("expenses without colours")
			b.vision(emulation.SetEmulatedVisionDeficiencyTypeNone)
		}
		b.do(b.click("td.pick input"), chromedp.Evaluate[chromedp.Void](`document.getElementById("menu-filter").open = true`))
		b.see("expenses menu and selection")
		v.post("/views", "name", "Month end", "query", "status=failed")
		b.visit(map[string]string{
			"expenses failed":        "/expenses?status=failed",
			"expenses of a company":  fmt.Sprintf("/expenses?status=not_pushed&company=%d&q=train", w.company(northwind).ID),
			"expenses no match":      "/expenses?q=nothing+is+called+that&status=complete",
			"expenses of a cause":    "/expenses?cause=period_closed&min=1&max=5000&currency=GBP&sort=-amount&cols=supplier,amount",
			"saved views":            "/views",
			"expense not pushed":     "/expenses/" + notPushed,
			"expense in progress":    "/expenses/" + progress,
			"expense needs checking": "/expenses/" + checking,
			"expense on hold":        "/expenses/" + held,
			"expense edit":           "/expenses/" + notPushed + "/edit",
			"expense edit failed":    "/expenses/" + failed + "/edit",
			"expense in a list":      "/expenses/" + complete + "?list=company%3D1",
		})
		b.open("/expenses/" + checking + "/check")
		mustContain(t, b.text("main"), "Xero did not answer Codat in time")
		b.glance("check")
		b.leave(submit("main .decision form"))
		b.see("check with problems")
		b.open("/expenses/" + failed)
		b.glance("expense failed")
		b.do(chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll("main details")) d.open = true`))
		b.see("expense failed unfolded")
		b.do(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = async (text) => { window.copied = text }`), b.click(".attempt .copier"))
		b.until(`(window.copied ?? "").includes('"reference": "NW-1063"')`)
		b.open("/expenses/new")
		b.glance("expense new")
		if !evaluate[bool](b, `document.querySelector("main button[name=more]").checkVisibility()`) {
			t.Error("no line can be added to a new expense")
		}
		b.leave(submit("main form"))
		b.see("expense new with problems")
	})
	t.Run("others", func(t *testing.T) {
		t.Parallel()
		b := openTab(t, p.url)
		b.expect(`status of 404`) // of the pages that are not there
		b.signIn("ada@example.com")
		b.visit(map[string]string{
			"overview":             "/",
			"month":                fmt.Sprintf("/companies/%d/month?month=2026-01", w.company(northwind).ID),
			"month without any":    fmt.Sprintf("/companies/%d/month?month=2020-01", w.company(northwind).ID),
			"companies":            "/companies",
			"company":              fmt.Sprintf("/companies/%d", w.company(northwind).ID),
			"company down":         fmt.Sprintf("/companies/%d", w.company("Adatum Builders").ID),
			"connections pending":  "/connections?show=pending",
			"connection":           fmt.Sprintf("/connections/%d", w.connection("Adatum Builders").ID),
			"deliveries none here": "/deliveries?verdict=not_ours",
			"account":              "/account",
			"not found":            "/nowhere",
		})
		b.open("/settings")
		b.glance("settings")
		b.do(chromedp.SendKeys(chromedp.CSS(`[name=name]`), "Spendesk"))
		b.leave(submit(".tokens .form"))
		b.see("token made")
		b.open("/settings")
		b.do(chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll(".tokens details")) d.open = true`))
		b.see("settings with a token")
		b.open("/deliveries")
		b.see("deliveries")
		b.leave(b.click("td.when a"))
		b.see("delivery")

		b.complain()
		b.expect(`status of 403`)
		b.signIn("vic@example.com")
		b.open("/expenses")
		b.see("expenses of a viewer")
		b.open("/expenses/new")
		b.see("not allowed")
	})
}

var (
	badgePattern  = regexp.MustCompile(`(?s)<span class="badge" data-status="(\w+)"><svg[^>]*><use href="([^"#]+)#(\w+)"></use></svg>(.*?)</span>`)
	symbolPattern = regexp.MustCompile(`(?s)<symbol id="(\w+)"[^>]*>(.*?)</symbol>`)
	paint         = regexp.MustCompile(` (fill|stroke|opacity)="[^"]*"`)
)

// badgesDiffer checks that each status on the list has a word and a shape of its own, so that nobody needs its colour.
func badgesDiffer(t *testing.T, v *visitor) {
	t.Helper()
	badges := badgePattern.FindAllStringSubmatch(v.page("/expenses"), -1)
	if len(badges) == 0 {
		t.Fatal("no badges are on the list")
	}
	shapes := map[string]string{} // by symbol
	for _, m := range symbolPattern.FindAllStringSubmatch(v.page(badges[0][2]), -1) {
		shapes[m[1]] = paint.ReplaceAllString(m[2], "")
	}
	statuses, words, drawn := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, m := range badges {
		status, shape, word := m[1], shapes[m[3]], strings.TrimSpace(m[4])
		statuses[status] = true
		if word == "" || cmp.Or(words[word], status) != status {
			t.Errorf("%s says %q, as %s does", status, word, words[word])
		}
		if shape == "" || cmp.Or(drawn[shape], status) != status {
			t.Errorf("%s is drawn as %q, as %s is", status, shape, drawn[shape])
		}
		words[word], drawn[shape] = status, status
	}
	if len(statuses) < 6 || len(words) != len(statuses) || len(drawn) != len(statuses) {
		t.Errorf("%d statuses on the list have %d words and %d shapes", len(statuses), len(words), len(drawn))
	}
}

// vision has the tab show what somebody sees whose eyes lack something.
func (b *tab) vision(lack emulation.SetEmulatedVisionDeficiencyType) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedVisionDeficiency, emulation.SetEmulatedVisionDeficiencyParams{Type: lack}); err != nil {
		b.t.Fatal(err)
	}
}

// visit sees the pages at some paths, by name.
func (b *tab) visit(paths map[string]string) {
	b.t.Helper()
	for name, path := range paths {
		b.open(path)
		b.see(name)
	}
}

// submit sends the first form of that kind as it is, though the browser would not.
func submit(form string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const form = document.querySelector(%q); form.noValidate = true; form.requestSubmit() }`, form))
}
