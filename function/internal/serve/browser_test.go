package serve_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ecs-remedy/function/internal/browsertest"
)

// visit is the page of the demonstration, open in a browser.
type visit struct{ *browsertest.Visit }

// open opens the page in a language.
func open(t *testing.T, browser context.Context, base, lang string) visit {
	t.Helper()
	return visit{browsertest.Open(t, browser, base+"/?lang="+lang, base+"/",
		"#guest-title:not(:empty)")}
}

// choose chooses in a list, as a person would.
func (v visit) choose(t *testing.T, list, value string) {
	t.Helper()
	v.Do(t, chromedp.SetValue(list, value), chromedp.Evaluate(
		`document.querySelector("`+list+`").dispatchEvent(
			new Event("change", {bubbles: true}))`, nil))
}

// see waits until something is visible.
func (v visit) see(t *testing.T, selector string) {
	t.Helper()
	soon, cancel := context.WithTimeout(v, time.Minute)
	defer cancel()
	if err := chromedp.Run(soon, chromedp.WaitVisible(selector)); err != nil {
		t.Fatalf("no %s: %v: %s", selector, err, browsertest.Evaluate[string](t, v.Visit,
			`location + " " + document.activeElement.outerHTML + " " + document.body.innerText`))
	}
}

// over waits until the run of that number is over, as people see it.
func (v visit) over(t *testing.T) {
	t.Helper()
	v.see(t, "#state .badge:not(.under)")
}

// fits: nothing is wider than the window, on a phone and at a desk.
func (v visit) fits(t *testing.T) {
	t.Helper()
	for _, pixels := range browsertest.Widths {
		v.Width(t, pixels)
		v.Fits(t, "")
	}
}

// step is an entry of the timeline as it stands on the page.
type step struct{ Time, Label, Text, Class string }

func (v visit) steps(t *testing.T) []step {
	t.Helper()
	return browsertest.Evaluate[[]step](t, v.Visit, `
		[...document.querySelectorAll("#steps > li")].map(e => ({
		Time: e.querySelector(".time").textContent, Label: e.querySelector(".label").textContent,
		Text: e.querySelector(".what").innerText, Class: e.className}))`)
}

// TestPageInABrowser: somebody chooses, sends with the keyboard alone, follows the timeline and
// opens the page of what happened, in both languages.
func TestPageInABrowser(t *testing.T) {
	browser := browsertest.Browser(t)
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
			text := v.Text(t)
			if !strings.Contains(text, row.reads) {
				t.Errorf("nobody can read %q in:\n%s", row.reads, text)
			}
			v.fits(t)
			v.Contrasts(t)
			v.Accessible(t)
			v.Photograph(t, "empty-"+row.lang)

			// The keyboard alone: the last speed, "at once", and the button.
			v.Do(t, chromedp.Focus(`[name=speed][value="60"]`), chromedp.KeyEvent(kb.ArrowRight),
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
			state := browsertest.Evaluate[string](t, v.Visit,
				`document.getElementById("state").innerText`)
			if state != row.verdict {
				t.Errorf("in the end it says %q", state)
			}
			v.fits(t)
			v.Contrasts(t)
			v.Accessible(t)
			v.Photograph(t, "over-"+row.lang)
			v.see(t, `#runs a[href*="/page"]`)
			v.Do(t, chromedp.Focus(`#runs a[href*="/page"]`), chromedp.KeyEvent("\r"))
			v.see(t, "article header")
			text = v.Text(t)
			if !strings.Contains(text, row.page) {
				t.Errorf("the page does not say %q:\n%s", row.page, text)
			}
			v.Quiet(t)
		})
	}
}

// TestHostileAlarmStaysText: what a pasted alarm says is read, whatever it is.
func TestHostileAlarmStaysText(t *testing.T) {
	browser := browsertest.Browser(t)
	_, base, _ := served(t)
	v := open(t, browser, base, "en")
	const script = `<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>`
	alarm := strings.NewReplacer("NAME", strings.ReplaceAll(script, `"`, `\"`)).Replace(hostile)
	v.choose(t, "#sample", "paste")
	v.Do(t,
		chromedp.WaitVisible("#payload"), chromedp.SetValue("#payload", alarm),
		chromedp.Click(`[name=speed][value="0"]`), chromedp.Click("#send"))
	v.over(t)
	text := browsertest.Evaluate[string](t, v.Visit, `document.getElementById("steps").innerText`)
	if !strings.Contains(text, script) {
		t.Errorf("the script cannot be read:\n%s", text)
	}
	if n := browsertest.Evaluate[int](t, v.Visit, `document.images.length +
		document.querySelectorAll("#steps script, [onerror]").length`); n > 0 {
		t.Errorf("%d things that could run or load", n)
	}
	v.fits(t)
	v.Photograph(t, "hostile")
	v.Do(t, chromedp.SetValue("#payload", `{"`+script), chromedp.Click("#send"))
	v.see(t, "#error")
	text = browsertest.Evaluate[string](t, v.Visit, `document.getElementById("error").innerText`)
	if !strings.Contains(text, "malformed") {
		t.Errorf("an alarm that is none: %q", text)
	}
	v.Quiet(t, "422")
}

// TestManyChoices: faults of which several are chosen, a sample, and a run that is followed as it
// goes and then skipped to its end.
func TestManyChoices(t *testing.T) {
	browser := browsertest.Browser(t)
	_, base, _ := served(t)
	v := open(t, browser, base, "en")
	v.Do(t, chromedp.Click("#faults"), chromedp.Click(`[name=fault][value="throttled"]`),
		chromedp.Click(`[name=fault][value="describe-flaky"]`))
	text := browsertest.Evaluate[string](t, v.Visit,
		`document.getElementById("faults").textContent`)
	if text != "2 chosen" {
		t.Errorf("of faults it says %q", text)
	}
	v.choose(t, "#sample", "batch-two-instances")
	v.Do(t,
		chromedp.WaitVisible("#sent"), chromedp.Click("#sent summary"),
		chromedp.Click(`[name=speed][value="10"]`), chromedp.Click("#send"),
		chromedp.WaitVisible("#hurry"),
		chromedp.WaitVisible("#steps > li.graceful"))
	v.see(t, "#now strong")
	v.fits(t)
	v.Contrasts(t)
	v.Photograph(t, "underway")
	v.Do(t, chromedp.Click("#hurry"))
	v.over(t)
	steps := v.steps(t)
	if last := steps[len(steps)-1]; !strings.Contains(last.Class, "end") {
		t.Errorf("the timeline ends with %+v", last)
	}
	v.Do(t, chromedp.Click("#steps details summary")) // what the rules saw
	v.fits(t)
	v.Contrasts(t)
	v.Accessible(t)
	v.Photograph(t, "two")
	v.Do(t, chromedp.Reload()) // the run is found again by its address
	v.see(t, "#steps > li.end")
	v.Quiet(t)
}
