package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

var morning = time.Date(2026, 11, 23, 7, 42, 0, 0, time.UTC)

func written(t *testing.T, stories ...Story) string {
	t.Helper()
	var page bytes.Buffer
	if err := In(LangEnglish).Page(&page, morning, stories...); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// TestPolicyHoldsTheStyle: the one style sheet of the page is the one that its policy allows;
// nothing else is.
func TestPolicyHoldsTheStyle(t *testing.T) {
	page := written(t, Story{})
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	if style == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	policy := regexp.MustCompile(`Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	got := strings.ReplaceAll(strings.ReplaceAll(policy[1], "&#39;", "'"), "&#43;", "+")
	if got != "default-src 'none'; img-src data:; style-src "+want+
		"; base-uri 'none'; form-action 'none'" {
		t.Errorf("the policy is %s, and the style is %s", got, want)
	}
	if strings.Contains(page, "style=") {
		t.Error("a style of its own, which the policy forbids")
	}
}

// TestPageIsBounded: whatever it is given, a page can be read on a phone.
func TestPageIsBounded(t *testing.T) {
	many := make([]Story, mostStories+7)
	page := written(t, many...)
	if n := strings.Count(page, "<article"); n != mostStories {
		t.Errorf("%d stories", n)
	}
	if !strings.Contains(page, "7 further alarms are not shown.") {
		t.Error("it is not said that some are not shown")
	}

	steps := make([]timeline.Entry, mostSteps+9)
	for i := range steps {
		steps[i] = timeline.Entry{Alarm: 1, Kind: timeline.KindResolved,
			At: morning.Add(time.Duration(i) * time.Second)}
	}
	page = written(t, Story{Entries: steps})
	if n := strings.Count(page, `<span class="label">`); n != mostSteps {
		t.Errorf("%d steps", n)
	}
	if !strings.Contains(page, "9 of 409 steps are left out here.") {
		t.Error("it is not said that some are left out")
	}

	for size, cut := range map[int]bool{longest: false, longest + 1: true} {
		text := strings.Repeat("x", size)
		if got := strings.Contains(written(t, Story{Place: text}), "x…"); got != cut {
			t.Errorf("%d bytes: cut is %t", size, got)
		}
	}
	picture := append([]byte("\xff\xd8\xff"), make([]byte, mostPicture-3)...)
	if !strings.Contains(written(t, Story{Exhibits: []Exhibit{{Picture: picture}}}), "<img") {
		t.Error("a picture of the largest size is not shown")
	}
	if strings.Contains(written(t, Story{Exhibits: []Exhibit{{Picture: append(picture, 0)}}}),
		"<img") {
		t.Error("a larger picture is shown")
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"web-01 (ECS)CPU使用率":   "web-01 (ECS)CPU使用率", // text is left alone
		"a\tb":                 "a\tb",
		"a\x1b[31mb\x00":       "a␛[31mb␀", // control characters are pictures of themselves
		"a\x7fb\u009b":         "a␡b⟨U+009B⟩",
		"a\u202eb\u2066\ufeff": "a⟨U+202E⟩b⟨U+2066⟩⟨U+FEFF⟩", // what turns text round, or hides
		"a\xffb":               "a\ufffdb",
		"a\u2028b":             "a⟨U+2028⟩b",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	most := strings.Repeat("x", longest-1)
	if got := visible(most + "用"); got != most+"…" {
		t.Errorf("a letter is cut in two: …%q", got[len(got)-8:])
	}
}

// TestReach: a drawing covers the alarm's own time, unless that is absurd, and a second at least.
func TestReach(t *testing.T) {
	entry := func(alarm time.Duration) []timeline.Entry {
		return []timeline.Entry{{At: morning, Kind: timeline.KindAlarm,
			Event: &events.Alarm{Time: morning.Add(alarm)}}, {At: morning.Add(time.Minute)}}
	}
	const week = 7 * 24 * time.Hour
	for _, row := range []struct {
		why      string
		entries  []timeline.Entry
		from, to time.Duration
	}{
		{"from the alarm's time", entry(-30 * time.Second), -30 * time.Second, time.Minute},
		{"a week is not absurd", entry(-week), -week, time.Minute},
		{"more is", entry(-week - time.Second), 0, time.Minute},
		{"an alarm from the future", entry(time.Hour), 0, time.Minute},
		{"one instant", entry(0)[:1], 0, time.Second},
	} {
		got := reach(row.entries)
		if got.from.Sub(morning) != row.from || got.to.Sub(morning) != row.to {
			t.Errorf("%s: from %v to %v", row.why, got.from.Sub(morning), got.to.Sub(morning))
		}
	}
}

// TestTicks: an axis has two ticks at least and six at most, whatever it covers, and no two in one
// place.
func TestTicks(t *testing.T) {
	for _, all := range []time.Duration{time.Second, 5 * time.Second, time.Minute, 11 * time.Minute,
		time.Hour, 5 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		p := &painter{w: english(), scale: scale{morning, morning.Add(all)}}
		p.ticks()
		if n := len(p.d.Ticks); n < 2 || n > 6 {
			t.Errorf("%v: %d ticks", all, n)
		}
		seen := map[string]bool{}
		for _, tick := range p.d.Ticks {
			if seen[tick.X] {
				t.Errorf("%v: two ticks at %s", all, tick.X)
			}
			seen[tick.X] = true
		}
	}
}

// shelf holds files, and breaks where it is told to.
type shelf struct {
	files  map[string]string
	broken map[string]error // by name; "": the list
}

func (s shelf) List(context.Context, string) ([]string, error) {
	var names []string
	for name := range s.files {
		names = append(names, name)
	}
	return names, s.broken[""]
}

func (s shelf) Get(_ context.Context, _, name string, most int) ([]byte, error) {
	if err := s.broken[name]; err != nil {
		return nil, err
	}
	if len(s.files[name]) > most {
		return nil, errors.New("too large")
	}
	return []byte(s.files[name]), nil
}

// TestGather: what lies on the shelf is in the story, and what does not, or cannot be read, is
// said.
func TestGather(t *testing.T) {
	failed := func() Story {
		return Story{Result: remedy.Result{Incident: "i-bp1/20261123T074201Z",
			Verdict:  remedy.VerdictFailed,
			Attempts: []remedy.AttemptView{{N: 1}, {N: 2}, {N: 3, Force: true}}}}
	}
	whole := map[string]string{"1-screenshot.jpg": "1", "1-console.txt": "one\ntwo\n",
		"2-screenshot.png": "2", "2-console.txt": "", "3-screenshot.png": "3", "3-console.txt": "x",
		"incident.html": "<p>", "4-console.txt": "", "../1-console.txt": "", "1-console.txt.gz": "",
		"incident.json": `{"incident": "i-bp1/20261123T074201Z", ` +
			`"findings": [{"rule": "mode", "ok": true, "saw": "enforce"}]}`}
	without := func(names ...string) map[string]string {
		some := map[string]string{}
		for name, content := range whole {
			if !slices.Contains(names, name) {
				some[name] = content
			}
		}
		return some
	}
	for _, row := range []struct {
		why      string
		shelf    shelf
		exhibits int
		findings int
		missing  []string
	}{
		{"all is there, and other files are left alone", shelf{files: whole}, 6, 1, nil},
		{"one was not kept", shelf{files: without("2-console.txt")}, 5, 1,
			[]string{"Console log: none was kept before the forced attempt"}},
		{"one cannot be read", shelf{files: whole, broken: map[string]error{
			"3-screenshot.png": errors.New("forbidden")}}, 5, 1,
			[]string{"3-screenshot.png could not be read: forbidden"}},
		{"the list cannot be read",
			shelf{broken: map[string]error{"": errors.New("no bucket")}}, 0, 0,
			[]string{"What there is could not be listed: no bucket"}},
		{"a result of another incident", shelf{files: func() map[string]string {
			some := without("incident.json")
			some["incident.json"] = `{"incident": "i-bp2/20261123T074201Z", "findings": [{}]}`
			return some
		}()}, 6, 0, []string{"incident.json is about something else, and is not used"}},
		{"a log that is too large", shelf{files: func() map[string]string {
			some := without("1-console.txt")
			some["1-console.txt"] = strings.Repeat("x", mostLog+1)
			return some
		}()}, 5, 1, []string{"1-console.txt could not be read: too large"}},
	} {
		s := failed()
		marks := func(log string) []Mark {
			return []Mark{{Line: strings.Count(log, "\n"), Kind: MarkPanic}}
		}
		In(LangEnglish).Gather(context.Background(), row.shelf, marks, &s)
		if len(s.Exhibits) != row.exhibits || len(s.Result.Findings) != row.findings {
			t.Errorf("%s: %d exhibits, %d findings", row.why, len(s.Exhibits),
				len(s.Result.Findings))
		}
		if diff := cmp.Diff(row.missing, s.Missing); diff != "" {
			t.Errorf("%s: missing (-want +got):\n%s", row.why, diff)
		}
		for i := 1; i < len(s.Exhibits); i++ {
			if s.Exhibits[i].Stage < s.Exhibits[i-1].Stage {
				t.Errorf("%s: %s comes after %s", row.why, s.Exhibits[i].Name, s.Exhibits[i-1].Name)
			}
		}
	}
	s := failed()
	s.Result.Attempts, s.Result.Verdict = nil, remedy.VerdictRefused
	In(LangEnglish).Gather(context.Background(), shelf{}, nil, &s)
	if len(s.Missing) > 0 {
		t.Errorf("of an alarm for which nothing was sent nothing is missing: %q", s.Missing)
	}
}

// TestMarksOutsideTheLog: a mark of a line that there is not, or of a kind that is not known, is
// none.
func TestMarksOutsideTheLog(t *testing.T) {
	page := written(t, Story{Exhibits: []Exhibit{{Log: "one\ntwo", Marks: []Mark{
		{0, MarkPanic}, {2, MarkPanic}, {2, MarkHungTask},
		{3, MarkPanic}, {1, "another"}, {-1, MarkPanic}}}}})
	if n := strings.Count(page, `<mark class="panic"><b>`); n != 1 {
		t.Errorf("%d lines are marked", n)
	}
	if n := strings.Count(page, "<mark"); n != 2 { // the line, and its kind's number
		t.Errorf("%d marks", n)
	}
}

// TestOpenIncident: one that has no verdict yet says so.
func TestOpenIncident(t *testing.T) {
	incident := remedy.Incident{ID: "i-bp1/20261123T074201Z", Instance: "i-bp1", OpenedAt: morning,
		Attempts: []remedy.Attempt{{N: 1, ClaimedAt: morning,
			SendBefore: morning.Add(time.Second)}}}
	page := written(t, Story{Result: timeline.Result(&incident), Entries: timeline.Of(&incident)})
	for _, want := range []string{"i-bp1 is being looked after", "Its incident is still open.",
		"claimed, no answer yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestErrorsOfTheWriter: half a page is an error.
func TestErrorsOfTheWriter(t *testing.T) {
	full := errors.New("full")
	if err := In(LangEnglish).Page(refusing{full}, morning, Story{}); !errors.Is(err, full) {
		t.Error(err)
	}
}

type refusing struct{ error }

func (r refusing) Write([]byte) (int, error) { return 0, r.error }

// BenchmarkPage: how long writing a page takes after the first.
func BenchmarkPage(b *testing.B) {
	var entries []timeline.Entry
	for i := range 30 {
		entries = append(entries, timeline.Entry{Alarm: 1, Kind: timeline.KindResolved,
			At: morning.Add(time.Duration(i) * time.Second)})
	}
	for b.Loop() {
		var page bytes.Buffer
		if err := In(LangEnglish).Page(&page, morning, Story{Entries: entries}); err != nil {
			b.Fatal(err)
		}
	}
}
