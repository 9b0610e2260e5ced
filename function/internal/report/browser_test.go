package report_test

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
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

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

var shots = flag.String("shots", "", "a folder for pictures of the pages: light, dark, and on a "+
	"phone")

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
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(binary), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile(t)), chromedp.WSURLReadTimeout(time.Minute))
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

// profile is a folder for the browser, whose last process may write into it while the test ends.
func profile(t *testing.T) string {
	folder, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// visit is a page that is open in the browser, and what it did besides being read.
type visit struct {
	context.Context

	mu       sync.Mutex
	requests []string // but for the page's own
	errors   []string // of scripts and of the Content-Security-Policy
}

// open serves the page and opens it.
func open(t *testing.T, browser context.Context, page []byte) *visit {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page.html" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	}))
	t.Cleanup(server.Close)
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	v := &visit{Context: tab}
	chromedp.ListenTarget(tab, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			u, err := url.Parse(e.Request.URL)
			if err != nil || u.Scheme != "data" && e.Request.URL != server.URL+"/page.html" {
				v.requests = append(v.requests, e.Request.URL)
			}
		case *log.EventEntryAdded:
			v.errors = append(v.errors, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			v.errors = append(v.errors, e.ExceptionDetails.Error())
		case *cdpage.EventJavascriptDialogOpening:
			v.errors = append(v.errors, "a dialog: "+e.Message)
		}
	})
	err := chromedp.Run(tab, network.Enable(), log.Enable(), runtime.Enable(),
		chromedp.Navigate(server.URL+"/page.html"), chromedp.WaitReady("footer"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// width makes the window as wide as a phone or a desk.
func (v *visit) width(t *testing.T, pixels int64) {
	t.Helper()
	if err := chromedp.Run(v, emulation.SetDeviceMetricsOverride(pixels, 900, 1, false)); err != nil {
		t.Fatal(err)
	}
}

// evaluate runs a script of ours in the page, which the page's own policy does not stop.
func evaluate[T any](t *testing.T, v *visit, script string) T {
	t.Helper()
	var value T
	if err := chromedp.Run(v, chromedp.Evaluate(script, &value)); err != nil {
		t.Fatalf("%v in %s", err, script)
	}
	return value
}

// told is one page of the tests.
type told struct {
	name    string
	stories []report.Story
	reads   []string // in the page in English
	liest   []string // in the page in Chinese
}

// drilled drills an event, and makes stories of what happened.
func drilled(t *testing.T, guest string, event drill.Event, environ ...string) []report.Story {
	t.Helper()
	settings, err := config.Load(append([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:"},
		environ...))
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := drill.NewScenario(guest, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := app.OpenStore(settings, app.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	var entries []timeline.Entry
	start := event.Starts(time.Now())
	recorder := timeline.NewRecorder(event.Alarms, start, func(e timeline.Entry) {
		entries = append(entries, e)
	})
	sim, err := drill.Simulate(drill.Options{Settings: settings, Event: event, Scenario: scenario,
		Start: start, Store: store, Watcher: recorder})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Function.Close()
	recorder.Begin()
	results, err := sim.Play(context.Background(), event.Payload, recorder)
	if err != nil {
		t.Fatal(err)
	}
	return drill.Stories(report.In(report.LangEnglish), event, entries, results, nil)
}

// hung is an event that says that an instance hangs.
func hung(t *testing.T) drill.Event {
	t.Helper()
	event, err := drill.Default(time.Date(2026, 11, 23, 7, 42, 30, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func sample(t *testing.T, name string) drill.Event {
	t.Helper()
	s, ok := events.SampleByName(name)
	if !ok {
		t.Fatalf("no sample %s", name)
	}
	alarms, err := events.Decode(s.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return drill.Event{Name: name, Payload: s.Payload, Alarms: alarms}
}

// picture is a screenshot of a console, more or less.
func picture(t *testing.T, asPNG bool) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 720, 400))
	for y := range 400 {
		for x := range 720 {
			img.Set(x, y, color.RGBA{12, 12, 16, 255})
			if y%20 > 6 && y%20 < 15 && x%9 < 6 && x > 10 && x < 150+(y/20*97)%500 && y < 330 {
				img.Set(x, y, color.RGBA{200, 200, 200, 255})
			}
		}
	}
	var file bytes.Buffer
	err := jpeg.Encode(&file, img, nil)
	if asPNG {
		file.Reset()
		err = png.Encode(&file, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

const consoleLog = `[    0.000000] Linux version 5.10.134-17.2.al8.x86_64 (gcc 10.2.1) #1 SMP
[    1.300000] EXT4-fs (vda3): mounted filesystem with ordered data mode
[    4.200000] systemd[1]: Set hostname to <web-hung>.
[   12.000000] cloud-init[912]: Cloud-init finished
[81234.100000] Out of memory: Killed process 2817 (java) total-vm:16251164kB, anon-rss:15003816kB
[81290.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kswapd0:54]
[81320.000000] INFO: task java:2817 blocked for more than 120 seconds.
[81320.000000] rcu: INFO: rcu_sched self-detected stall on CPU
[81401.000000] Kernel panic - not syncing: hung_task: blocked tasks
`

var consoleMarks = []report.Mark{{Line: 5, Kind: report.MarkOutOfMemory},
	{Line: 6, Kind: report.MarkLockup}, {Line: 7, Kind: report.MarkHungTask},
	{Line: 8, Kind: report.MarkLockup}, {Line: 9, Kind: report.MarkPanic}}

// pages are the pages of several verdicts.
func pages(t *testing.T) []told {
	t.Helper()
	restarted := drilled(t, "ignores-graceful", hung(t))
	restarted[0].Place = "oss://evidence-1234567890123456/remedy/" + restarted[0].Result.Incident + "/"
	restarted[0].Exhibits = []report.Exhibit{
		{Name: "1-screenshot.jpg", Stage: 1, Picture: picture(t, false)},
		{Name: "1-console.txt", Stage: 1, Log: consoleLog, Marks: consoleMarks},
		{Name: "2-screenshot.png", Stage: 2, Picture: picture(t, true)},
		{Name: "2-console.txt", Stage: 2, Log: strings.Repeat("a quiet line\n", 2000),
			Marks: []report.Mark{{Line: 3, Kind: report.MarkReadOnly}}}}
	restarted[0].Missing = []string{"3-console.txt: unavailable (Throttling.User)"}

	dead := drilled(t, "dead", hung(t))
	alive := drilled(t, "alive", hung(t))
	observed := drilled(t, "ignores-graceful", hung(t), "REMEDY_MODE=observe")
	off := drilled(t, "ignores-graceful", hung(t), "REMEDY_MODE=off")
	ignored := drilled(t, "alive", sample(t, "metric-mns-resolved"))
	return []told{
		{"restarted", restarted, []string{"web-hung was restarted",
			"i-bp1drill00000000hung was restarted and recovered after 2 graceful reboots and 1 " +
				"forced reboot", "What to do", "Check its services", "FORCED reboot", "Heartbeat",
			"kernel panic", "hung task", "out of memory", "The last 200 of 2000 lines.",
			"Throttling.User", "EC500000-2014-4526-8000-", "Instance:InstanceFailure.PerformanceImpact",
			"Simulated: no real instance was touched.", "oss://evidence-1234567890123456/remedy/"},
			[]string{"web-hung 已重启", "经 2 次正常重启、1 次强制重启后已重启并恢复正常", "处理建议", "内核崩溃",
				"任务挂起", "共 2000 行，显示最后 200 行。", "强制重启：先登记到台账"}},
		{"failed", dead, []string{"web-hung needs a human", "it did not recover", "over VNC"},
			[]string{"web-hung 需要人工处理", "该实例没有恢复", "VNC"}},
		{"refused", alive, []string{"web-hung was not restarted", "its guest is alive", "✗ Heartbeat",
			"none: nothing was sent"}, []string{"web-hung 未被重启", "该实例的操作系统仍在响应", "✗ 心跳"}},
		{"observed", observed, []string{"would have been restarted", "REMEDY_MODE=enforce"},
			[]string{"本应被重启"}},
		{"paused", off, []string{"restarting is switched off or paused"}, []string{"自动重启已关闭或暂停"}},
		{"ignored", ignored, []string{"needs no restart", "its alarm is resolved"},
			[]string{"无需重启", "告警已恢复"}},
	}
}

// TestPagesInABrowser opens the pages of several verdicts in both languages, on a phone and at a
// desk: what a person would read is there, nothing is loaded, nothing overflows, and the marks of
// the drawing stand in the order of their times.
func TestPagesInABrowser(t *testing.T) {
	browser := browser(t)
	for _, p := range pages(t) {
		for _, lang := range []string{report.LangEnglish, report.LangChinese} {
			t.Run(p.name+"-"+lang, func(t *testing.T) {
				words := report.In(lang)
				var page bytes.Buffer
				made := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
				if err := words.Page(&page, made, p.stories...); err != nil {
					t.Fatal(err)
				}
				v := open(t, browser, page.Bytes())
				text := evaluate[string](t, v, `document.body.innerText`)
				reads := p.reads
				if lang == report.LangChinese {
					reads = p.liest
				}
				for _, want := range reads {
					if !strings.Contains(text, want) {
						t.Errorf("nobody can read %q in:\n%s", want, text)
					}
				}
				if got := evaluate[string](t, v, `document.documentElement.lang`); got != words.Lang {
					t.Errorf("the language is %q", got)
				}
				for _, pixels := range []int64{390, 1440} {
					v.width(t, pixels)
					fits(t, v, pixels)
					ordered(t, v)
				}
				contrasts(t, v)
				accessible(t, v)
				photograph(t, v, p.name+"-"+lang)
				quiet(t, v)
			})
		}
	}
}

// quiet: the page has loaded nothing, run nothing and broken no rule of its policy, and its styles
// apply.
func quiet(t *testing.T, v *visit) {
	t.Helper()
	if got := evaluate[string](t, v, `getComputedStyle(document.querySelector("main")).maxWidth`); got != "960px" {
		t.Errorf("the styles do not apply: the width is %q", got)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.requests) > 0 {
		t.Errorf("requests left the page: %q", v.requests)
	}
	if len(v.errors) > 0 {
		t.Errorf("the console says: %q", v.errors)
	}
}

// fits: nothing is wider than the window, and no text of the drawing leaves it.
func fits(t *testing.T, v *visit, pixels int64) {
	t.Helper()
	wide := evaluate[[]string](t, v, `[...document.querySelectorAll("html, body, body *")].filter(e =>
		e.scrollWidth > e.clientWidth && e.clientWidth > 0 && getComputedStyle(e).display !== "inline" &&
		!(e instanceof SVGElement) || e instanceof SVGTextElement &&
		(e.getBoundingClientRect().right > document.documentElement.clientWidth ||
		e.getBoundingClientRect().left < 0)).map(e => e.tagName + "." + e.className + ": " +
		e.textContent.slice(0, 60))`)
	if len(wide) > 0 {
		t.Errorf("at %d pixels these overflow: %q", pixels, wide)
	}
}

// ordered: what happened earlier stands further left, and something stands there at all.
func ordered(t *testing.T, v *visit) {
	t.Helper()
	type place struct{ At, Left, Middle float64 }
	for _, kind := range []string{".mark", ".bar"} {
		marks := evaluate[[]place](t, v, `[...document.querySelectorAll(".drawing `+kind+`[data-at]")].map(e => {
			const r = (e.querySelector("circle, path, rect")).getBoundingClientRect();
			return {At: +e.dataset.at, Left: r.left, Middle: r.left + r.width / 2}})`)
		slices.SortFunc(marks, func(a, b place) int { return int(a.At - b.At) })
		if kind == ".mark" && len(marks) < 2 {
			t.Errorf("only %d marks: an alarm and a verdict are two at least", len(marks))
		}
		for i := 1; i < len(marks); i++ {
			before, after := marks[i-1].Middle, marks[i].Middle
			if kind == ".bar" {
				before, after = marks[i-1].Left, marks[i].Left
			}
			if marks[i].At > marks[i-1].At && after < before-1 {
				t.Errorf("%s of %v stands at %v, and that of %v at %v", kind, marks[i].At, after,
					marks[i-1].At, before)
			}
		}
	}
}

// contrasts: every text has a contrast of 4.5 at least against what is behind it, in light and
// dark.
func contrasts(t *testing.T, v *visit) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		err := chromedp.Run(v, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}}))
		if err != nil {
			t.Fatal(err)
		}
		faint := evaluate[[]string](t, v, `(() => {
			const parts = c => c.match(/[\d.]+/g).map(Number);
			const light = c => { const [r, g, b] = parts(c).map(x => (x /= 255) <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
				return .2126 * r + .7152 * g + .0722 * b };
			const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
				const p = parts(c); if (p.length < 4 || p[3] > 0) return c } return "rgb(255, 255, 255)" };
			const faint = new Set();
			for (const e of document.querySelectorAll("body *")) {
				if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
				if (e.tagName === "title") continue;
				const svg = e instanceof SVGElement;
				let back = behind(svg ? e.closest("svg.drawing").parentElement : e);
				const shape = svg && !e.parentElement.matches(".drawing") && e.parentElement.querySelector("rect, circle");
				if (shape && !e.classList.contains("beside")) {
					const fill = getComputedStyle(shape).fill; if (fill !== "none") back = fill }
				const ink = getComputedStyle(e)[svg ? "fill" : "color"];
				const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
				const ratio = (a + .05) / (b + .05);
				if (ratio < 4.5) faint.add(ratio.toFixed(2) + " " + e.tagName + "." + (e.className.baseVal ?? e.className) + " " + e.textContent.slice(0, 30));
			}
			return [...faint] })()`)
		if len(faint) > 0 {
			t.Errorf("in %s these are too faint: %q", scheme, faint)
		}
	}
}

// accessible: headings go down one level at a time, pictures and drawings have texts, and parts
// have names.
func accessible(t *testing.T, v *visit) {
	t.Helper()
	levels := evaluate[[]int](t, v, `[...document.querySelectorAll("h1, h2, h3, h4")].map(e => +e.tagName[1])`)
	for i, level := range levels {
		if i == 0 && level != 1 || i > 0 && level > levels[i-1]+1 {
			t.Errorf("headings of levels %v", levels)
			break
		}
	}
	nameless := evaluate[[]string](t, v, `[...document.querySelectorAll("img, svg[role=img], section, article, [role=region]")].filter(e =>
		!(e.alt || e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent.trim())).map(e => e.outerHTML.slice(0, 99))`)
	if len(nameless) > 0 {
		t.Errorf("these have no name: %q", nameless)
	}
	broken := evaluate[int](t, v, `[...document.images].filter(i => !i.complete || i.naturalWidth === 0).length`)
	if broken > 0 {
		t.Errorf("%d pictures do not show", broken)
	}
}

// photograph takes pictures for people, where -shots says so.
func photograph(t *testing.T, v *visit, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	for _, view := range []struct {
		name, scheme string
		pixels       int64
	}{{"light", "light", 1440}, {"dark", "dark", 1440}, {"phone", "light", 390}, {"phone-dark", "dark", 390}} {
		var picture []byte
		v.width(t, view.pixels)
		err := chromedp.Run(v, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: view.scheme}}),
			chromedp.FullScreenshot(&picture, 100))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(*shots, name+"-"+view.name+".png")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostileTextStaysText: markup and scripts in a name, an alarm, a log and a finding are read as
// they are, and letters that would turn other text round are shown by their numbers.
func TestHostileTextStaysText(t *testing.T) {
	browser := browser(t)
	const script = `<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>`
	const breakout = `"><svg onload=alert(3)></style></pre>` + "\u202etxt.exe"
	evil := script + breakout
	stories := drilled(t, "ignores-graceful", hung(t))
	s := &stories[0]
	alarm := *s.Alarm
	alarm.Name, alarm.Note, alarm.Level, alarm.Key = evil, evil, evil, evil
	s.Alarm, s.Name, s.Place = &alarm, evil, evil
	s.Result.Why, s.Result.Region, s.Result.Reason = evil, evil, remedy.Reason(evil)
	s.Result.Alarm.Name, s.Result.Incident = evil, evil
	s.Result.Findings = []remedy.Finding{{Rule: remedy.Rule(evil), Saw: evil}}
	for i := range s.Result.Attempts {
		s.Result.Attempts[i].RequestID, s.Result.Attempts[i].Code = evil, evil
	}
	s.Invocation, s.Version = evil, evil
	s.Missing = []string{evil}
	s.Exhibits = []report.Exhibit{{Name: evil, Stage: 1, Log: evil + "\n\x1b[2J\x00\n" + evil,
		Marks: []report.Mark{{Line: 1, Kind: report.MarkPanic}, {Line: 9, Kind: report.MarkPanic},
			{Line: 2, Kind: report.MarkKind(evil)}}},
		{Name: "1-screenshot.png", Stage: 1, Picture: []byte("<svg onload=alert(4)>")}}
	for i := range s.Entries {
		e := &s.Entries[i]
		if e.Event != nil {
			e.Event = &alarm
		}
		if e.Look != nil {
			e.Look.Status = evil
		}
		if e.Attempt != nil {
			e.Attempt.Code, e.Attempt.RequestID = evil, evil
		}
	}
	var page bytes.Buffer
	if err := report.In(report.LangEnglish).Page(&page, time.Now(), stories...); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page.Bytes(), []byte("\u202e")) || bytes.Contains(page.Bytes(), []byte{0x1b}) {
		t.Error("a letter that turns text round, or an escape, is in the page")
	}
	v := open(t, browser, page.Bytes())
	text := evaluate[string](t, v, `document.body.innerText`)
	if n := strings.Count(text, script); n < 15 {
		t.Errorf("the script is read as text only %d times:\n%s", n, text)
	}
	if !strings.Contains(text, "⟨U+202E⟩txt.exe") || !strings.Contains(text, "␛[2J␀") {
		t.Error("what has no shape is not shown")
	}
	if n := evaluate[int](t, v, `document.scripts.length + document.images.length +
		document.querySelectorAll("[onload], [onerror], iframe, object, form").length`); n != 0 {
		t.Errorf("%d things that could run or load", n)
	}
	if !strings.Contains(text, "The picture is no JPEG or PNG") {
		t.Error("a picture that is none is not said to be none")
	}
	for _, pixels := range []int64{390, 1440} {
		v.width(t, pixels)
		fits(t, v, pixels)
	}
	photograph(t, v, "hostile")
	quiet(t, v)
}
