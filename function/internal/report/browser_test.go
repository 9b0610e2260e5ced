package report_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/browsertest"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

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
	restarted[0].Place = "oss://evidence-1234567890123456/remedy/" +
		restarted[0].Result.Incident + "/"
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
			"Throttling.User", "EC500000-2014-4526-8000-",
			"Instance:InstanceFailure.PerformanceImpact",
			"Simulated: no real instance was touched.", "oss://evidence-1234567890123456/remedy/"},
			[]string{"web-hung 已重启", "经 2 次正常重启、1 次强制重启后已重启并恢复正常", "处理建议", "内核崩溃",
				"任务挂起", "共 2000 行，显示最后 200 行。", "强制重启：先登记到台账"}},
		{"failed", dead, []string{"web-hung needs a human", "it did not recover", "over VNC"},
			[]string{"web-hung 需要人工处理", "该实例没有恢复", "VNC"}},
		{"refused", alive,
			[]string{"web-hung was not restarted", "its guest is alive", "✗ Heartbeat",
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
	browser := browsertest.Browser(t)
	for _, p := range pages(t) {
		for _, lang := range []string{report.LangEnglish, report.LangChinese} {
			t.Run(p.name+"-"+lang, func(t *testing.T) {
				words := report.In(lang)
				var page bytes.Buffer
				made := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
				if err := words.Page(&page, made, p.stories...); err != nil {
					t.Fatal(err)
				}
				v := browsertest.Show(t, browser, page.Bytes(), "footer")
				text := v.Text(t)
				reads := p.reads
				if lang == report.LangChinese {
					reads = p.liest
				}
				for _, want := range reads {
					if !strings.Contains(text, want) {
						t.Errorf("nobody can read %q in:\n%s", want, text)
					}
				}
				got := browsertest.Evaluate[string](t, v, `document.documentElement.lang`)
				if got != words.Lang {
					t.Errorf("the language is %q", got)
				}
				for _, pixels := range browsertest.Widths {
					v.Width(t, pixels)
					v.Fits(t, "")
					ordered(t, v)
				}
				v.Contrasts(t)
				v.Accessible(t)
				v.Photograph(t, p.name+"-"+lang)
				quiet(t, v)
			})
		}
	}
}

// quiet: the page has loaded nothing, run nothing and broken no rule of its policy, and its styles
// apply.
func quiet(t *testing.T, v *browsertest.Visit) {
	t.Helper()
	got := browsertest.Evaluate[string](t, v,
		`getComputedStyle(document.querySelector("main")).maxWidth`)
	if got != "960px" {
		t.Errorf("the styles do not apply: the width is %q", got)
	}
	v.Quiet(t)
}

// ordered: what happened earlier stands further left, and something stands there at all.
func ordered(t *testing.T, v *browsertest.Visit) {
	t.Helper()
	type place struct{ At, Left, Middle float64 }
	for _, kind := range []string{".mark", ".bar"} {
		marks := browsertest.Evaluate[[]place](t, v, `
			[...document.querySelectorAll(".drawing `+kind+`[data-at]")].map(e => {
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

// TestHostileTextStaysText: markup and scripts in a name, an alarm, a log and a finding are read as
// they are, and letters that would turn other text round are shown by their numbers.
func TestHostileTextStaysText(t *testing.T) {
	browser := browsertest.Browser(t)
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
	if bytes.Contains(page.Bytes(), []byte("\u202e")) ||
		bytes.Contains(page.Bytes(), []byte{0x1b}) {
		t.Error("a letter that turns text round, or an escape, is in the page")
	}
	v := browsertest.Show(t, browser, page.Bytes(), "footer")
	text := v.Text(t)
	if n := strings.Count(text, script); n < 15 {
		t.Errorf("the script is read as text only %d times:\n%s", n, text)
	}
	if !strings.Contains(text, "⟨U+202E⟩txt.exe") || !strings.Contains(text, "␛[2J␀") {
		t.Error("what has no shape is not shown")
	}
	v.Inert(t)
	if !strings.Contains(text, "The picture is no JPEG or PNG") {
		t.Error("a picture that is none is not said to be none")
	}
	for _, pixels := range browsertest.Widths {
		v.Width(t, pixels)
		v.Fits(t, "")
	}
	v.Photograph(t, "hostile")
	quiet(t, v)
}
