package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

// Story is what a page tells of one alarm. Everything in it may come from outside, and is shown as
// text and nothing else. What is not known is left zero, and the page says so where it matters.
type Story struct {
	Result  remedy.Result
	Name    string           // of the instance
	Entries []timeline.Entry // in the order of their times
	Alarm   *events.Alarm    // as received; nil: only what Result has of it

	Place    string    // where the evidence is kept
	Exhibits []Exhibit // in the order in which they were taken
	Missing  []string  // what evidence there is not, and why, in words

	Invocation string // the request id of the invocation
	Version    string // of the code
	Simulated  bool   // no real instance was touched
}

// Exhibit is a piece of evidence.
type Exhibit struct {
	Name  string // of the file
	Stage int    // 1: before the first attempt, 2: before force, 3: after the end

	// Picture is a JPEG or a PNG; Log is the text of a console. One of them is set.
	Picture []byte
	Log     string
	Marks   []Mark // lines of the Log to look at
}

// Limits of what a page shows: it is read on phones.
const (
	mostStories = 50
	mostSteps   = 400
	mostLines   = 200
	mostMarked  = 40
	// mostFindings is several times the rules that there are: what was read back may hold more.
	mostFindings = 100
	mostPicture  = 2 << 20 // bytes
)

//go:embed page.css
var style string

// The template is compiled to Go, and not read by html/template. That calls methods by their names,
// for which Go's linker keeps every exported method of every type that the function's binary
// reaches: it would be ten megabytes larger, and its cold start slower. Nor is there anything to
// parse before the first page.
//
//go:generate go tool qtc -file=page.qtpl -skipLineComments

// policy is the page's Content-Security-Policy: nothing is loaded and nothing runs.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; img-src data:; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// Page writes an incident page: one HTML file that loads nothing, with a part for each story. The
// error is out's.
func (w *Words) Page(out io.Writer, made time.Time, stories ...Story) error {
	view := pageView{Lang: w.Lang, Policy: policy(), L: &w.labels,
		Footer: fill(w.labels.Footer, "time", w.Time(made))}
	if more := len(stories) - mostStories; more > 0 {
		view.NotShown = fill(w.labels.NotShown, "n", strconv.Itoa(more))
		stories = stories[:mostStories]
	}
	for i := range stories {
		view.Stories = append(view.Stories, w.view(&stories[i], i+1))
	}
	if len(view.Stories) > 0 {
		view.Title = view.Stories[0].Headline
	}
	if len(view.Stories) > 1 {
		view.Title = w.labels.Contents
	}
	var file bytes.Buffer // quicktemplate keeps a writer's errors to itself, and this one has none
	writepage(&file, &view)
	_, err := file.WriteTo(out)
	return err
}

// pageView is what the template shows. Strings that may come from outside are passed through
// visible there.
type pageView struct {
	Lang, Policy, Title, Footer string
	NotShown                    string
	L                           *labels
	Stories                     []storyView
}

type storyView struct {
	N                      int
	Headline, Verdict, Why string
	Reason                 string
	Tone                   string
	Lead, Meaning, Todo    string
	Simulated              bool
	Summary                []Line
	Scale, Drawing         string
	Draw                   drawing
	Steps                  []stepView
	LeftOut                string
	Findings               []findingView
	NoFindings             string
	Place, Noted           string
	Exhibits               []exhibitView
	Missing                []string
	Alarm, IDs             []Line
	Attempts               []attemptView
}

type stepView struct {
	Clock, Elapsed, Label string
	Tone                  string
	Lines                 []string
	Refusals              []findingView
}

type findingView struct {
	Title, Rule, Answer, Saw string
	OK                       bool
}

type exhibitView struct {
	Title, Name, Alt string
	Picture          string // a data: URL
	Bad              string // why a picture is not shown
	IsLog            bool
	Count            string
	Before           []lineView // marked lines from before the tail
	Lines            []lineView
	Marked           []markedView
}

type lineView struct {
	N    int
	Text string
	Kind MarkKind
	What string
}

type markedView struct {
	Kind  MarkKind
	What  string
	Count int
}

type attemptView struct {
	N                      int
	How, At, Outcome, Code string
}

// view makes of a story what the template shows.
func (w *Words) view(s *Story, n int) storyView {
	r, l := &s.Result, &w.labels
	scale := reach(s.Entries)
	v := storyView{N: n, Verdict: w.Verdict(r.Verdict), Reason: string(r.Reason),
		Tone:      tone(r.Verdict),
		Headline:  w.headline(r.Verdict, or(s.Name, r.InstanceID)),
		Simulated: s.Simulated, Place: s.Place}
	for _, missing := range s.Missing {
		v.Missing = append(v.Missing, w.phrase(missing))
	}
	v.Meaning, v.Todo = w.Reason(r.Verdict, r.Reason)
	v.Lead = w.sentence(r)
	v.Summary = w.summary(s, scale)
	if len(s.Entries) > 0 {
		v.Scale = fill(l.Scale, "took", w.Duration(scale.to.Sub(scale.from)),
			"zone", w.zone.String())
		v.Drawing = fill(l.Drawing, "from", w.Time(scale.from), "to", w.Time(scale.to))
		v.Draw = w.draw(s.Entries, scale)
	}
	v.Steps, v.LeftOut = w.steps(s.Entries, scale)
	for i := range r.Findings[:min(len(r.Findings), mostFindings)] {
		v.Findings = append(v.Findings, w.finding(&r.Findings[i]))
	}
	slices.SortStableFunc(v.Findings, func(a, b findingView) int { // refusals first
		switch {
		case a.OK == b.OK:
			return 0
		case b.OK:
			return -1
		}
		return 1
	})
	if n := slices.IndexFunc(r.Findings, func(f remedy.Finding) bool {
		return f.Rule == RuleEvidence
	}); n >= 0 {
		v.Noted = w.phrase(r.Findings[n].Saw)
	}
	switch {
	case len(r.Findings) > 0:
	case r.Incident != "" || r.Verdict == VerdictOpen:
		v.NoFindings = l.NoFindings
	default:
		v.NoFindings = l.NoneAsked
	}
	for i := range s.Exhibits {
		v.Exhibits = append(v.Exhibits, w.exhibit(&s.Exhibits[i], r.InstanceID))
	}
	if len(s.Exhibits) == 0 && len(s.Missing) == 0 && v.Noted == "" {
		v.Missing = []string{l.NoEvidence}
	}
	v.Alarm = w.received(s)
	v.IDs = w.ids(s)
	for i := range r.Attempts {
		a := &r.Attempts[i]
		how := l.Graceful
		if a.Force {
			how = l.ByForce
		}
		v.Attempts = append(v.Attempts, attemptView{a.N, how, w.Time(a.At),
			or(w.outcomes[a.Outcome], string(a.Outcome)), a.Code})
	}
	return v
}

// filled drops lines without a value.
func filled(lines ...Line) []Line {
	return slices.DeleteFunc(lines, func(l Line) bool { return l.Value == "" })
}

// summary is what one wants to know first.
func (w *Words) summary(s *Story, scale scale) []Line {
	r, l := &s.Result, &w.labels
	var ended time.Time
	for i := range s.Entries {
		if s.Entries[i].Kind == timeline.KindEnd {
			ended = s.Entries[i].At
		}
	}
	took := ""
	if !ended.IsZero() {
		took = w.Duration(ended.Sub(scale.from))
	}
	return filled(Line{l.Instance, named(s.Name, r.InstanceID)}, Line{l.Region, r.Region},
		Line{l.Opened, w.Time(r.Alarm.Time)}, Line{l.Ended, w.Time(ended)}, Line{l.Took, took},
		Line{l.Attempts, or(strings.Join(w.all(r.Attempts), w.labels.Comma), l.NoAttempts)},
		Line{l.Incident, r.Incident})
}

// headline says in a few words how it ended for an instance.
func (w *Words) headline(verdict remedy.Verdict, instance string) string {
	if verdict == remedy.VerdictRefused && instance == "" {
		return w.nobody.headline
	}
	return fill(w.headlines[verdict], "subject", w.about(instance))
}

// steps words the entries, the middle of very many left out.
func (w *Words) steps(entries []timeline.Entry, scale scale) (views []stepView, leftOut string) {
	for i := range entries {
		e := &entries[i]
		said := w.Entry(e, w.Clock)
		v := stepView{Clock: w.Clock(e.At), Elapsed: Elapsed(e.At.Sub(scale.from)),
			Label: said.Label, Lines: said.Lines}
		switch e.Kind {
		case timeline.KindAlarm:
			v.Lines = said.Lines[:1]
		case timeline.KindRules:
			passed := e.Again
			for j := range e.Findings {
				if e.Findings[j].OK {
					passed++
				} else {
					v.Refusals = append(v.Refusals, w.finding(&e.Findings[j]))
				}
			}
			if passed > 0 {
				v.Lines = append(v.Lines, fill(w.labels.Passed, "n", strconv.Itoa(passed)))
			}
		case timeline.KindClaim:
			v.Tone = "graceful"
			if e.Attempt.Force {
				v.Tone = "forced"
			}
		case timeline.KindEnd:
			v.Tone = tone(e.Result.Verdict)
		}
		views = append(views, v)
	}
	if all := len(views); all > mostSteps {
		half := mostSteps / 2
		views = slices.Concat(views[:half], views[all-half:])
		leftOut = fill(w.labels.Rows, "n", strconv.Itoa(all-mostSteps), "all", strconv.Itoa(all))
	}
	return views, leftOut
}

func (w *Words) finding(f *remedy.Finding) findingView {
	answer := w.labels.NotOK
	if f.OK {
		answer = w.labels.OK
	}
	return findingView{Title: or(w.rules[f.Rule], string(f.Rule)), Rule: string(f.Rule),
		Answer: answer, Saw: w.phrase(f.Saw), OK: f.OK}
}

// exhibit is a picture that is believed to be one, or a log's last lines.
func (w *Words) exhibit(x *Exhibit, instance string) exhibitView {
	l := &w.labels
	stage := ""
	if x.Stage > 0 && x.Stage < len(l.Stages) {
		stage = l.Stages[x.Stage]
	}
	title := func(what string) string { return strings.TrimSpace(what + l.Comma + stage) }
	about := w.about(instance)
	if x.Picture != nil {
		v := exhibitView{Title: title(l.Screenshot), Name: x.Name,
			Alt: strings.TrimSpace(fill(l.Picture, "subject", about, "stage", stage))}
		kind := pictureType(x.Picture)
		if kind == "" || len(x.Picture) > mostPicture {
			v.Bad = l.NoPicture
			return v
		}
		v.Picture = "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(x.Picture)
		return v
	}
	v := exhibitView{Title: title(l.Console), Name: x.Name, IsLog: true,
		Alt: strings.TrimSpace(fill(l.Log, "subject", about, "stage", stage))}
	w.log(&v, x)
	return v
}

// log fills in a log's last lines, and the marked ones before them.
func (w *Words) log(v *exhibitView, x *Exhibit) {
	text := strings.TrimRight(strings.ReplaceAll(x.Log, "\r\n", "\n"), "\n")
	lines := strings.Split(text, "\n")
	kinds := map[int]MarkKind{}
	for _, m := range x.Marks {
		if w.marks[m.Kind] == "" || m.Line < 1 || m.Line > len(lines) || kinds[m.Line] != "" {
			continue
		}
		kinds[m.Line] = m.Kind
		n := slices.IndexFunc(v.Marked, func(k markedView) bool { return k.Kind == m.Kind })
		if n < 0 {
			v.Marked = append(v.Marked, markedView{m.Kind, w.marks[m.Kind], 0})
			n = len(v.Marked) - 1
		}
		v.Marked[n].Count++
	}
	first := max(0, len(lines)-mostLines)
	for i, line := range lines {
		view := lineView{i + 1, line, kinds[i+1], w.marks[kinds[i+1]]}
		switch {
		case i >= first:
			v.Lines = append(v.Lines, view)
		case view.Kind != "" && len(v.Before) < mostMarked:
			v.Before = append(v.Before, view)
		}
	}
	v.Count = fill(w.labels.Whole, "n", strconv.Itoa(len(lines)))
	if first > 0 {
		v.Count = fill(w.labels.Tail, "n", strconv.Itoa(mostLines), "all", strconv.Itoa(len(lines)))
	}
}

// pictureType is the type of a picture by its first bytes; empty for anything but a JPEG or a PNG.
func pictureType(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	}
	return ""
}

// received is the alarm as it was received, with every field that it has.
func (w *Words) received(s *Story) []Line {
	l := &w.labels
	a := s.Alarm
	if a == nil {
		view := &s.Result.Alarm
		a = &events.Alarm{Format: events.Format(view.Format), Name: view.Name,
			State: events.State(view.State), Level: view.Level, Key: view.ID, Time: view.Time,
			Instance: s.Result.InstanceID, Region: s.Result.Region}
	}
	return filled(Line{l.Format, string(a.Format)}, Line{l.Name, a.Name}, Line{l.AlarmRule, a.Rule},
		Line{l.State, or(w.states[string(a.State)], string(a.State))}, Line{l.RawState, a.RawState},
		Line{l.Level, a.Level}, Line{l.Time, w.Time(a.Time)}, Line{l.Instance, a.Instance},
		Line{l.Region, a.Region}, Line{l.Account, a.Account}, Line{l.Product, a.Product},
		Line{l.Event, strings.TrimSpace(a.Event + " " + a.EventStatus)}, Line{l.Metric, a.Metric},
		Line{l.Problem, string(a.Problem)}, Line{l.Note, w.phrase(a.Note)}, Line{l.Key, a.Key})
}

// ids are what to search logs with.
func (w *Words) ids(s *Story) []Line {
	l, r := &w.labels, &s.Result
	lines := []Line{{l.Incident, r.Incident}, {l.Instance, r.InstanceID}, {l.AlarmID, r.Alarm.ID},
		{l.Invocation, s.Invocation}, {l.Version, s.Version}}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		lines = append(lines, Line{fill(l.RequestID, "n", strconv.Itoa(a.N)), a.RequestID})
	}
	return filled(lines...)
}
