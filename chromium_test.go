package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium is one browser for all tests, started by the first that needs it.
var chromium = sync.OnceValues(startChromium)

// closeChromium ends it, if it was started.
var closeChromium = func() {}

func startChromium() (context.Context, error) {
	path := os.Getenv("CHROME_BIN")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		return nil, fmt.Errorf("no chromium: not in CHROME_BIN, and not in PATH")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true))
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	closeChromium = func() { cancel(); end() }
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return ctx, nil
}

// needChromium ends a test at once that would have nothing to see with.
func needChromium(t testing.TB) context.Context {
	t.Helper()
	ctx, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is an open tab, with cookies of its own.
type tab struct {
	t   testing.TB
	url string // of the program
	ctx context.Context

	mu       sync.Mutex
	troubles []string // what the page complained of in the console
	expected *regexp.Regexp
}

// openTab opens a tab of the size of a laptop's window. Whatever its pages complain of fails the test, unless it is expected.
func openTab(t testing.TB, url string) *tab {
	t.Helper()
	b := &tab{t: t, url: url}
	ctx, closeTab := chromedp.NewContext(needChromium(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	b.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b.width(1280)
	b.scheme("light")
	t.Cleanup(func() {
		if t.Failed() {
			b.shoot("failed " + t.Name())
		}
		closeTab()
		b.complain()
	})
	return b
}

// complain fails the test for what the pages complained of up to now, unless it was expected.
func (b *tab) complain() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		if b.expected == nil || !b.expected.MatchString(trouble) {
			b.t.Errorf("the browser complains: %s", trouble)
		}
	}
	b.troubles, b.expected = nil, nil
}

// expect excuses complaints that belong to the test.
func (b *tab) expect(complaints string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = regexp.MustCompile(complaints)
}

func (b *tab) listen(e any) {
	trouble := ""
	switch e := e.(type) {
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			trouble += fmt.Sprintf("console.%s: %s %s", e.Type, a.Value, a.Description)
		}
	case *runtime.EventExceptionThrown:
		trouble = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			trouble += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		trouble = fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, trouble)
}

// do carries out steps one after the other.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns what an expression gives in the page, a promise when it is kept.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits until a condition holds in the page, looking whenever the page changes.
func (b *tab) until(condition string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`new Promise((met) => {
		const watch = new MutationObserver(look);
		function look() {
			if (!(`+condition+`)) return;
			watch.disconnect();
			met();
		}
		watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		look();
	})`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("waited in vain for %s: %v\n%s", condition, err, evaluate[string](b, `document.body.innerText`))
	}
}

// untilRow waits until the page shows a row so.
func (b *tab) untilRow(id, status, word string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.getElementById(%q)?.dataset.status === %q && document.getElementById(%q).innerText.includes(%q)`, id, status, id, word))
}

func (b *tab) untilExpense(id, status, word string) {
	b.t.Helper()
	b.untilRow("expense-"+id, status, word)
}

// untilLive waits until the page says that it changes by itself.
func (b *tab) untilLive() {
	b.t.Helper()
	b.until(`document.getElementById("live")?.dataset.state === "live"`)
}

// open goes to a page, and waits for it to be live when it can be.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
	if evaluate[bool](b, `!!document.getElementById("live")`) {
		b.untilLive()
	}
}

// leave carries out a step that leads to another page, and waits for that page.
func (b *tab) leave(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.WaitEvent(page.LoadEventFired, nil, step)(ctx, t)
		return chromedp.Void{}, err
	})
}

// tabTo presses Tab until the focus is on what is called so.
func (b *tab) tabTo(name string) {
	b.t.Helper()
	const focused = `(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()`
	var passed []string
	for range 80 {
		b.do(chromedp.KeyEvent(kb.Tab))
		at := evaluate[string](b, focused)
		if at == name {
			return
		}
		passed = append(passed, fmt.Sprintf("%.30q", at))
	}
	b.t.Fatalf("Tab does not lead to %q, but to %s", name, passed)
}

// drop drops files of this machine onto what the selector finds.
func (b *tab) drop(selector string, files ...string) {
	b.t.Helper()
	at := evaluate[struct{ X, Y float64 }](b, fmt.Sprintf(`(() => {
		const el = document.querySelector(%q);
		el.scrollIntoView({ block: "center" });
		const box = el.getBoundingClientRect();
		return { X: box.x + box.width / 2, Y: box.y + box.height / 2 };
	})()`, selector))
	for _, kind := range []input.DispatchDragEventType{
		input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
	} {
		_, err := chromedp.Call(b.ctx, input.DispatchDragEvent, input.DispatchDragEventParams{
			Type: kind, X: at.X, Y: at.Y, Data: &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1}})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// scripts switches the scripts of pages on or off.
func (b *tab) scripts(on bool) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// signIn gives the tab a session of somebody, without the sign-in page.
func (b *tab) signIn(email string) {
	b.t.Helper()
	at, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range (&program{t: b.t, url: b.url}).visit(email, password).client.Jar.Cookies(at) {
		_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: b.url, HTTPOnly: new(true)})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// typeSignIn does what a person does on the sign-in page.
func (b *tab) typeSignIn(email string) {
	b.t.Helper()
	b.open("/login")
	b.do(chromedp.SendKeys(chromedp.CSS(`[name=email]`), email))
	b.leave(chromedp.SendKeys(chromedp.CSS(`[name=password]`), password+"\r"))
	if got := evaluate[string](b, `location.pathname`); got != "/expenses" {
		b.t.Fatalf("signing in leads to %s", got)
	}
	b.untilLive()
}

// width sets how wide the window is.
func (b *tab) width(pixels int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(pixels, 900))
}

// scheme is light or dark.
func (b *tab) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// shoot keeps a picture of the whole page in out/screenshots.
func (b *tab) shoot(name string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	size, err := chromedp.Run(ctx, chromedp.Evaluate[struct{ Width, Height float64 }](
		`({ Width: innerWidth, Height: Math.max(innerHeight, document.documentElement.scrollHeight) })`))
	if err != nil {
		b.t.Errorf("measure %s: %v", name, err)
		return
	}
	picture, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: new(true), OptimizeForSpeed: new(true), Clip: &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1}})
	if err != nil {
		b.t.Errorf("take a picture of %s: %v", name, err)
		return
	}
	keep(b.t, filepath.Join("screenshots", unfit.ReplaceAllString(name, "-")+".png"), picture.Data)
}

var unfit = regexp.MustCompile(`[^\w.]+`)

// keep writes a file into out, where CI picks it up.
func keep(t testing.TB, name string, content []byte) {
	t.Helper()
	path := filepath.Join("out", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// axe is the accessibility checker that runs in a page.
var axe = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
	return string(source), err
})

// violation is a rule of axe that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, n := range v.Nodes[:min(len(v.Nodes), 3)] {
		fmt.Fprintf(&b, "\n  %.300s\n  %s", n.HTML, n.FailureSummary)
	}
	return b.String()
}

// violations are the rules that the page breaks as it is now; only names those to look at, none for all.
func (b *tab) violations(only ...string) []violation {
	b.t.Helper()
	source, err := axe()
	if err != nil {
		b.t.Fatal(err)
	}
	if !evaluate[bool](b, `typeof axe === "object"`) {
		b.do(chromedp.Evaluate[chromedp.Void](source))
	}
	options := map[string]any{"resultTypes": []string{"violations"}, "preload": false, "selectors": false}
	if len(only) > 0 {
		options["runOnly"] = only
	}
	how, err := json.Marshal(options)
	if err != nil {
		b.t.Fatal(err)
	}
	return evaluate[[]violation](b, fmt.Sprintf(`axe.run(document, %s).then((r) => r.violations)`, how))
}
