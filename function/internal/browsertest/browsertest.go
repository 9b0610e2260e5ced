// Package browsertest opens pages in a real Chromium, for the tests of whatever writes pages: what
// a person can read, whether it fits a phone and a desk, whether its contrasts are enough, and that
// nothing is loaded from elsewhere. A test that imports it has the flag -shots, a folder for
// pictures of the pages.
//
// It is for tests only, and no binary links it.
package browsertest

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "a folder for pictures of the pages: light, dark, and on a "+
	"phone")

// Widths are those of a phone and of a desk, in pixels.
var Widths = []int64{390, 1440}

// Browser is a running Chromium, until the test ends. A test that needs one is skipped without it,
// unless ECS_REMEDY_REQUIRE_CHROMIUM=1 says that there must be one.
func Browser(t *testing.T) context.Context {
	t.Helper()
	var binary string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		if os.Getenv("ECS_REMEDY_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("there is no Chromium, and ECS_REMEDY_REQUIRE_CHROMIUM=1 requires one")
		}
		t.Skip("there is no Chromium")
	}
	profile, err := os.MkdirTemp("", "chromium") // its last process may write while the test ends
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(binary), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	ctx, late := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(late)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return ctx
}

// Visit is a page that is open in the browser, and what it did besides being read. One goroutine at
// a time uses it.
type Visit struct {
	context.Context

	mu      sync.Mutex
	foreign []string // requests that left the page
	errors  []string // of scripts and of the Content-Security-Policy
}

// Open opens the page at the address and waits until the selector has something to show. Every
// request counts as one that left the page, but for those whose address begins with own.
func Open(t *testing.T, browser context.Context, address, own, ready string) *Visit {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	v := &Visit{Context: tab}
	chromedp.ListenTarget(tab, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			u, err := url.Parse(e.Request.URL)
			if err != nil || u.Scheme != "data" && !strings.HasPrefix(e.Request.URL, own) {
				v.foreign = append(v.foreign, e.Request.URL)
			}
		case *log.EventEntryAdded:
			v.errors = append(v.errors, e.Entry.Text+" "+e.Entry.URL)
		case *runtime.EventExceptionThrown:
			v.errors = append(v.errors, e.ExceptionDetails.Error())
		case *cdpage.EventJavascriptDialogOpening:
			v.errors = append(v.errors, "a dialog: "+e.Message)
		}
	})
	v.Do(t, network.Enable(), log.Enable(), runtime.Enable(), chromedp.Navigate(address),
		chromedp.WaitReady(ready))
	return v
}

// Show opens a page that is a document of its own: it may ask for nothing else at all.
func Show(t *testing.T, browser context.Context, document []byte, ready string) *Visit {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page.html" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(document)
	}))
	t.Cleanup(server.Close)
	address := server.URL + "/page.html"
	return Open(t, browser, address, address, ready)
}

// Do does something in the browser.
func (v *Visit) Do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(v, actions...); err != nil {
		t.Fatal(err)
	}
}

// Evaluate runs a script of ours in the page, which the page's own policy does not stop.
func Evaluate[T any](t *testing.T, v *Visit, script string) T {
	t.Helper()
	var value T
	if err := chromedp.Run(v, chromedp.Evaluate(script, &value)); err != nil {
		t.Fatalf("%v in %s", err, script)
	}
	return value
}

// Text is what a person can read on the page.
func (v *Visit) Text(t *testing.T) string {
	t.Helper()
	return Evaluate[string](t, v, `document.body.innerText`)
}

// Width makes the window as wide as a phone or a desk.
func (v *Visit) Width(t *testing.T, pixels int64) {
	t.Helper()
	v.Do(t, emulation.SetDeviceMetricsOverride(pixels, 900, 1, false))
}

// Fits: nothing is wider than the window, and no text of a drawing leaves it. What can be scrolled
// by itself, and matches the selector, may be wider; "" stands for nothing.
func (v *Visit) Fits(t *testing.T, scrolls string) {
	t.Helper()
	if scrolls == "" {
		scrolls = "nothing"
	}
	wide := Evaluate[[]string](t, v, `
		[...document.querySelectorAll("html, body, body *")].filter(e => {
		if (e.closest("`+scrolls+`")) return false;
		const r = e.getBoundingClientRect(), edge = document.documentElement.clientWidth + .5;
		const beyond = r.right > edge || r.left < 0;
		if (e instanceof SVGElement) return e instanceof SVGTextElement && beyond;
		return e.clientWidth > 0 && getComputedStyle(e).display !== "inline" &&
			!e.matches("select, option, optgroup") && (beyond || e.scrollWidth > e.clientWidth)
		}).map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60))`)
	if len(wide) > 0 {
		t.Errorf("at %d pixels these overflow: %q",
			Evaluate[int](t, v, `document.documentElement.clientWidth`), wide)
	}
}

// scheme shows the page as somebody sees it who likes it light or dark, and still.
func (v *Visit) scheme(t *testing.T, name string) {
	t.Helper()
	v.Do(t, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// Contrasts: every text has a contrast of 4.5 at least against what is behind it, in light and
// dark.
func (v *Visit) Contrasts(t *testing.T) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		v.scheme(t, scheme)
		faint := Evaluate[[]string](t, v, `(() => {
			const parts = c => c.match(/[\d.]+/g).map(Number);
			const linear = x => (x /= 255) <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
			const light = c => { const [r, g, b] = parts(c).map(linear);
				return .2126 * r + .7152 * g + .0722 * b };
			const behind = e => {
				for (; e; e = e.parentElement) {
					const c = getComputedStyle(e).backgroundColor, p = parts(c);
					if (p.length < 4 || p[3] > 0) return c
				}
				return "rgb(255, 255, 255)" };
			const drawing = e => {
				for (; e.parentElement instanceof SVGElement; e = e.parentElement);
				return e };
			const faint = new Set();
			for (const e of document.querySelectorAll("body *")) {
				if (e.matches("title, script, option, noscript, noscript *")) continue;
				if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
				const svg = e instanceof SVGElement;
				let back = behind(svg ? drawing(e).parentElement : e);
				const shape = svg && e.parentElement !== drawing(e) &&
					e.parentElement.querySelector("rect, circle");
				if (shape && !e.classList.contains("beside")) {
					const fill = getComputedStyle(shape).fill; if (fill !== "none") back = fill }
				const ink = getComputedStyle(e)[svg ? "fill" : "color"];
				const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
				const ratio = (a + .05) / (b + .05);
				if (ratio < 4.5) faint.add(ratio.toFixed(2) + " " + e.tagName + "." +
					(e.className.baseVal ?? e.className) + " " + e.textContent.slice(0, 30));
			}
			return [...faint] })()`)
		if len(faint) > 0 {
			t.Errorf("in %s these are too faint: %q", scheme, faint)
		}
	}
}

// Accessible: headings go down one level at a time, pictures and drawings have texts, and what one
// can work with and the parts of the page have names.
func (v *Visit) Accessible(t *testing.T) {
	t.Helper()
	levels := Evaluate[[]int](t, v,
		`[...document.querySelectorAll("h1, h2, h3, h4")].map(e => +e.tagName[1])`)
	for i, level := range levels {
		if i == 0 && level != 1 || i > 0 && level > levels[i-1]+1 {
			t.Errorf("headings of levels %v", levels)
			break
		}
	}
	nameless := Evaluate[[]string](t, v, `
		[...document.querySelectorAll("img, svg[role=img], section, article, [role=region], " +
			"input, select, textarea, button, form, [tabindex], a")].filter(e =>
		!(e.alt || e.labels?.[0]?.textContent.trim() || e.getAttribute("aria-label") ||
		e.matches("button, a") && e.textContent.trim() ||
		document.getElementById(e.getAttribute("aria-labelledby"))?.textContent.trim())).map(e =>
			e.outerHTML.slice(0, 99))`)
	if len(nameless) > 0 {
		t.Errorf("these have no name: %q", nameless)
	}
	broken := Evaluate[int](t, v,
		`[...document.images].filter(i => !i.complete || i.naturalWidth === 0).length`)
	if broken > 0 {
		t.Errorf("%d pictures do not show", broken)
	}
}

// Quiet: no request has left the page, no rule of its policy was broken, and no script failed. What
// answers a request with an error is said by the browser, too; those are expected.
func (v *Visit) Quiet(t *testing.T, expected ...string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.foreign) > 0 {
		t.Errorf("requests left the page: %q", v.foreign)
	}
	errors := slices.DeleteFunc(slices.Clone(v.errors), func(text string) bool {
		return slices.ContainsFunc(expected, func(e string) bool {
			return strings.Contains(text, e)
		})
	})
	if len(errors) > 0 {
		t.Errorf("the console says: %q", errors)
	}
}

// Inert: nothing on the page can run or load, whatever the texts say that it shows.
func (v *Visit) Inert(t *testing.T) {
	t.Helper()
	if n := Evaluate[int](t, v, `document.scripts.length + document.images.length +
		document.querySelectorAll("[onload], [onerror], iframe, object, form").length`); n != 0 {
		t.Errorf("%d things that could run or load", n)
	}
}

// Photograph takes pictures for people, where -shots says so.
func (v *Visit) Photograph(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	for _, view := range []struct {
		name, scheme string
		pixels       int64
	}{{"light", "light", Widths[1]}, {"dark", "dark", Widths[1]}, {"phone", "light", Widths[0]},
		{"phone-dark", "dark", Widths[0]}} {
		var picture []byte
		v.Width(t, view.pixels)
		v.scheme(t, view.scheme)
		v.Do(t, chromedp.FullScreenshot(&picture, 100))
		path := filepath.Join(*shots, name+"-"+view.name+".png")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
