package serve_test

import (
	"context"
	"flag"
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
	"github.com/chromedp/chromedp/kb"
)

var shots = flag.String("shots", "", "a folder for pictures of the page: light, dark, and on a phone")

// browser is a running Chromium. The tests that need one are skipped without it, unless
// ECS_REMEDY_REQUIRE_CHROMIUM=1 says that there must be one.
func browser(t *testing.T) context.Context {
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

// visit is the page in the browser, and what went wrong besides.
type visit struct {
	context.Context

	mu      sync.Mutex
	foreign []string // requests that left the page's own address
	errors  []string // of scripts and of the Content-Security-Policy
}

// open opens the page in a language.
func open(t *testing.T, browser context.Context, base, lang string) *visit {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	v := &visit{Context: tab}
	chromedp.ListenTarget(tab, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			u, err := url.Parse(e.Request.URL)
			if err != nil || u.Scheme != "data" && u.Scheme+"://"+u.Host != base {
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
	v.do(t, network.Enable(), log.Enable(), runtime.Enable(),
		chromedp.Navigate(base+"/?lang="+lang), chromedp.WaitReady("#guest-title:not(:empty)"))
	return v
}

func (v *visit) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(v, actions...); err != nil {
		t.Fatal(err)
	}
}

func (v *visit) width(t *testing.T, pixels int64) {
	t.Helper()
	v.do(t, emulation.SetDeviceMetricsOverride(pixels, 900, 1, false))
}

// evaluate runs a script of ours in the page, which the page's own policy does not stop.
func evaluate[T any](t *testing.T, v *visit, script string) T {
	t.Helper()
	var value T
	v.do(t, chromedp.Evaluate(script, &value))
	return value
}

// choose chooses in a list, as a person would.
func (v *visit) choose(t *testing.T, list, value string) {
	t.Helper()
	v.do(t, chromedp.SetValue(list, value), chromedp.Evaluate(
		`document.querySelector("`+list+`").dispatchEvent(new Event("change", {bubbles: true}))`, nil))
}

// see waits until something is visible.
func (v *visit) see(t *testing.T, selector string) {
	t.Helper()
	soon, cancel := context.WithTimeout(v, time.Minute)
	defer cancel()
	if err := chromedp.Run(soon, chromedp.WaitVisible(selector)); err != nil {
		t.Fatalf("no %s: %v: %s", selector, err, evaluate[string](t, v,
			`location + " " + document.activeElement.outerHTML + " " + document.body.innerText`))
	}
}

// over waits until the run of that number is over, as people see it.
func (v *visit) over(t *testing.T) {
	t.Helper()
	v.see(t, "#state .badge:not(.under)")
}

// fits: nothing is wider than the window.
func (v *visit) fits(t *testing.T) {
	t.Helper()
	for _, pixels := range []int64{390, 1440} {
		v.width(t, pixels)
		wide := evaluate[[]string](t, v, `[...document.querySelectorAll("html, body, body *")].filter(e =>
			e.clientWidth > 0 && getComputedStyle(e).display !== "inline" && !e.matches("select, option, optgroup") &&
			(e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > document.documentElement.clientWidth)).map(e =>
			e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60))`)
		if len(wide) > 0 {
			t.Errorf("at %d pixels these overflow: %q", pixels, wide)
		}
	}
}

// contrasts: every text has a contrast of 4.5 at least against what is behind it, in light and
// dark.
func (v *visit) contrasts(t *testing.T) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		v.do(t, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}}))
		faint := evaluate[[]string](t, v, `(() => {
			const parts = c => c.match(/[\d.]+/g).map(Number);
			const light = c => { const [r, g, b] = parts(c).map(x => (x /= 255) <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
				return .2126 * r + .7152 * g + .0722 * b };
			const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
				const p = parts(c); if (p.length < 4 || p[3] > 0) return c } return "rgb(255, 255, 255)" };
			const faint = new Set();
			for (const e of document.querySelectorAll("body *")) {
				if (e.matches("script, option, noscript, noscript *") || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
				const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
				const ratio = (a + .05) / (b + .05);
				if (ratio < 4.5) faint.add(ratio.toFixed(2) + " " + e.tagName + "." + e.className + " " + e.textContent.slice(0, 30));
			}
			return [...faint] })()`)
		if len(faint) > 0 {
			t.Errorf("in %s these are too faint: %q", scheme, faint)
		}
	}
}

// accessible: headings go down one level at a time, and what one can work with has a name.
func (v *visit) accessible(t *testing.T) {
	t.Helper()
	levels := evaluate[[]int](t, v, `[...document.querySelectorAll("h1, h2, h3")].map(e => +e.tagName[1])`)
	for i, level := range levels {
		if i == 0 && level != 1 || i > 0 && level > levels[i-1]+1 {
			t.Errorf("headings of levels %v", levels)
			break
		}
	}
	nameless := evaluate[[]string](t, v, `[...document.querySelectorAll("input, select, textarea, button, section, form, [tabindex], a")].filter(e =>
		!(e.labels?.[0]?.textContent.trim() || e.getAttribute("aria-label") || e.matches("button, a") && e.textContent.trim() ||
		document.getElementById(e.getAttribute("aria-labelledby"))?.textContent.trim())).map(e => e.outerHTML.slice(0, 99))`)
	if len(nameless) > 0 {
		t.Errorf("these have no name: %q", nameless)
	}
}

// quiet: no request has left the page's address, no rule of its policy was broken and no script
// failed. What answers a request with an error is said by the browser, too; those are expected.
func (v *visit) quiet(t *testing.T, expected ...string) {
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

// photograph takes pictures for people, where -shots says so.
func (v *visit) photograph(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	for _, view := range []struct {
		name, scheme string
		pixels       int64
	}{{"light", "light", 1440}, {"dark", "dark", 1440}, {"phone", "light", 390},
		{"phone-dark", "dark", 390}} {
		var picture []byte
		v.width(t, view.pixels)
		v.do(t, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: view.scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}}),
			chromedp.FullScreenshot(&picture, 100))
		path := filepath.Join(*shots, name+"-"+view.name+".png")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// step is an entry of the timeline as it stands on the page.
type step struct{ Time, Label, Text, Class string }

func (v *visit) steps(t *testing.T) []step {
	t.Helper()
	return evaluate[[]step](t, v, `[...document.querySelectorAll("#steps > li")].map(e => ({
		Time: e.querySelector(".time").textContent, Label: e.querySelector(".label").textContent,
		Text: e.querySelector(".what").innerText, Class: e.className}))`)
}

// TestPageInABrowser: somebody chooses, sends with the keyboard alone, follows the timeline and
// opens the page of what happened, in both languages.
func TestPageInABrowser(t *testing.T) {
	browser := browser(t)
	for _, row := range []struct {
		lang, reads, verdict, page string
		labels                     []string // in this order
	}{
		{"en", "no real instance is touched", "restarted", "was restarted and recovered",
			[]string{"alarm", "rules", "attempt 1", "attempt 2", "attempt 3", "restarted"}},
		{"zh", "不会访问任何云服务", "已重启", "已重启并恢复正常", nil},
	} {
		t.Run(row.lang, func(t *testing.T) {
			_, base, _ := served(t)
			v := open(t, browser, base, row.lang)
			text := evaluate[string](t, v, `document.body.innerText`)
			if !strings.Contains(text, row.reads) {
				t.Errorf("nobody can read %q in:\n%s", row.reads, text)
			}
			v.fits(t)
			v.contrasts(t)
			v.accessible(t)
			v.photograph(t, "empty-"+row.lang)

			// The keyboard alone: the last speed, "at once", and the button.
			v.do(t, chromedp.Focus(`[name=speed][value="60"]`), chromedp.KeyEvent(kb.ArrowRight),
				chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
			v.over(t)
			steps := v.steps(t)
			n := 0
			for _, s := range steps {
				if n < len(row.labels) && s.Label == row.labels[n] {
					n++
				}
			}
			if n < len(row.labels) {
				t.Errorf("no %q after its predecessors in %+v", row.labels[n], steps)
			}
			state := evaluate[string](t, v, `document.getElementById("state").innerText`)
			if state != row.verdict {
				t.Errorf("in the end it says %q", state)
			}
			v.fits(t)
			v.contrasts(t)
			v.accessible(t)
			v.photograph(t, "over-"+row.lang)
			v.see(t, `#runs a[href*="/page"]`)
			v.do(t, chromedp.Focus(`#runs a[href*="/page"]`), chromedp.KeyEvent("\r"))
			v.see(t, "article header")
			text = evaluate[string](t, v, `document.body.innerText`)
			if !strings.Contains(text, row.page) {
				t.Errorf("the page does not say %q:\n%s", row.page, text)
			}
			v.quiet(t)
		})
	}
}

// TestHostileAlarmStaysText: what a pasted alarm says is read, whatever it is.
func TestHostileAlarmStaysText(t *testing.T) {
	browser := browser(t)
	_, base, _ := served(t)
	v := open(t, browser, base, "en")
	const script = `<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>`
	alarm := strings.NewReplacer("NAME", strings.ReplaceAll(script, `"`, `\"`)).Replace(hostile)
	v.choose(t, "#sample", "paste")
	v.do(t,
		chromedp.WaitVisible("#payload"), chromedp.SetValue("#payload", alarm),
		chromedp.Click(`[name=speed][value="0"]`), chromedp.Click("#send"))
	v.over(t)
	text := evaluate[string](t, v, `document.getElementById("steps").innerText`)
	if !strings.Contains(text, script) {
		t.Errorf("the script cannot be read:\n%s", text)
	}
	if n := evaluate[int](t, v, `document.images.length +
		document.querySelectorAll("#steps script, [onerror]").length`); n > 0 {
		t.Errorf("%d things that could run or load", n)
	}
	v.fits(t)
	v.photograph(t, "hostile")
	v.do(t, chromedp.SetValue("#payload", `{"`+script), chromedp.Click("#send"))
	v.see(t, "#error")
	text = evaluate[string](t, v, `document.getElementById("error").innerText`)
	if !strings.Contains(text, "malformed") {
		t.Errorf("an alarm that is none: %q", text)
	}
	v.quiet(t, "422")
}

// TestManyChoices: faults of which several are chosen, a sample, and a run that is followed as it
// goes and then skipped to its end.
func TestManyChoices(t *testing.T) {
	browser := browser(t)
	_, base, _ := served(t)
	v := open(t, browser, base, "en")
	v.do(t, chromedp.Click("#faults"), chromedp.Click(`[name=fault][value="throttled"]`),
		chromedp.Click(`[name=fault][value="describe-flaky"]`))
	text := evaluate[string](t, v, `document.getElementById("faults").textContent`)
	if text != "2 chosen" {
		t.Errorf("of faults it says %q", text)
	}
	v.choose(t, "#sample", "batch-two-instances")
	v.do(t,
		chromedp.WaitVisible("#sent"), chromedp.Click("#sent summary"),
		chromedp.Click(`[name=speed][value="10"]`), chromedp.Click("#send"),
		chromedp.WaitVisible("#hurry"),
		chromedp.WaitVisible("#steps > li.graceful"))
	v.see(t, "#now strong")
	v.fits(t)
	v.contrasts(t)
	v.photograph(t, "underway")
	v.do(t, chromedp.Click("#hurry"))
	v.over(t)
	steps := v.steps(t)
	if last := steps[len(steps)-1]; !strings.Contains(last.Class, "end") {
		t.Errorf("the timeline ends with %+v", last)
	}
	v.do(t, chromedp.Click("#steps details summary")) // what the rules saw
	v.fits(t)
	v.contrasts(t)
	v.accessible(t)
	v.photograph(t, "two")
	v.do(t, chromedp.Reload()) // the run is found again by its address
	v.see(t, "#steps > li.end")
	v.quiet(t)
}
