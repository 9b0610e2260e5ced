package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

var (
	errTooMany   = errors.New("too many runs at once")
	errTooLarge  = errors.New("too large")
	errTooBroad  = errors.New("too many alarms")
	errMalformed = errors.New("malformed")
	errChoice    = errors.New("no such choice")
)

// send starts a run: POST /runs?guest=…&fault=…&mode=…&speed=…&sample=…, where the body is a pasted
// alarm, if sample is "paste".
func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	words := wordsOf(r)
	now := time.Now()
	a, err := s.ask(w, r, now)
	var begun *run
	if err == nil {
		begun, err = s.begin(a, now)
	}
	if err != nil {
		status, said := words.refusal(err)
		answer(w, status, map[string]string{"error": said})
		return
	}
	answer(w, http.StatusCreated, s.row(begun, words))
}

// refusal is an HTTP status and a sentence for why a run was not begun.
func (w *words) refusal(err error) (int, string) {
	said := shown(err.Error())
	switch {
	case errors.Is(err, errTooMany):
		return http.StatusTooManyRequests, fill(w.TooMany, mostAtOnce)
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge, fill(w.TooLarge, events.MaxPayload>>20)
	case errors.Is(err, errTooBroad):
		return http.StatusRequestEntityTooLarge, fill(w.TooBroad, mostAlarms)
	case errors.Is(err, errMalformed):
		_, said, _ = strings.Cut(said, ": ")
		return http.StatusUnprocessableEntity, w.Malformed + said
	}
	return http.StatusBadRequest, w.Refused + said
}

// ask reads what a run is to be made of.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, now time.Time) (asked, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return asked{}, errChoice
	}
	a := asked{Guest: query.Get("guest"), Mode: query.Get("mode"), Sample: query.Get("sample"),
		Speed: speeds[0]}
	if a.Guest == "" {
		a.Guest = catalogue[0].Name
	}
	if a.Mode == "" {
		a.Mode = modes[0]
	}
	if text := query.Get("speed"); text != "" {
		if a.Speed, err = strconv.Atoi(text); err != nil {
			a.Speed = -1
		}
	}
	if !slices.Contains(modes, a.Mode) || !slices.Contains(speeds, a.Speed) {
		return a, errChoice
	}
	for _, fault := range query["fault"] {
		if !slices.Contains(a.Faults, fault) {
			a.Faults = append(a.Faults, fault)
		}
	}
	if a.Scene, err = drill.NewScenario(a.Guest, a.Faults); err != nil {
		return a, err
	}
	if a.Setting, err = s.options.Load(a.Mode); err != nil {
		return a, err
	}
	switch a.Sample {
	case "":
		a.Event, err = drill.Default(now.UTC().Round(time.Second))
	case pasted:
		a.Event.Payload, err = io.ReadAll(http.MaxBytesReader(w, r.Body, events.MaxPayload))
		if large := new(http.MaxBytesError); errors.As(err, &large) {
			return a, errTooLarge
		}
	default:
		sample, ok := events.SampleByName(a.Sample)
		if !ok {
			return a, errChoice
		}
		a.Event.Payload = sample.Payload
	}
	if err != nil {
		return a, err
	}
	if a.Sample != "" {
		if a.Event.Alarms, err = events.Decode(a.Event.Payload); err != nil {
			return a, fmt.Errorf("%w: %w", errMalformed, err)
		}
	}
	if len(a.Event.Alarms) > mostAlarms {
		return a, errTooBroad
	}
	a.Event.Name = "alarm"
	a.Setting, a.Event, err = drill.Admit(a.Setting, a.Event)
	return a, err
}

// pasted is the name of the sample that is none: the alarm is in the body.
const pasted = "paste"

// row is a run in the list of runs.
type row struct {
	N        int      `json:"n"`
	Begun    string   `json:"begun"` // RFC 3339
	Alarm    string   `json:"alarm"` // what was chosen: a sample's name, or words
	Guest    string   `json:"guest"`
	Faults   []string `json:"faults"`
	Mode     string   `json:"mode"`
	Speed    int      `json:"speed"`
	Over     bool     `json:"over"`
	Failed   string   `json:"failed,omitempty"`
	Ends     []end    `json:"ends"`
	Said     string   `json:"said,omitempty"` // what happened, where there was one alarm
	Page     string   `json:"page,omitempty"` // where the run's page is, once there is one
	Region   string   `json:"region"`         // of the first instance
	Instance string   `json:"instance"`       // the first one
}

// end is what came of some of a run's alarms.
type end struct {
	Verdict string `json:"verdict"` // in words
	Reason  string `json:"reason"`
	Tone    string `json:"tone"`
	Count   int    `json:"count"`
}

func (s *Server) row(r *run, w *words) row {
	v := row{N: r.N, Begun: r.Begun.Format(time.RFC3339), Alarm: r.Sample, Guest: r.Guest,
		Faults: append([]string{}, r.Faults...), Mode: r.Mode, Speed: r.Speed, Over: r.ended(),
		Ends: []end{}}
	switch r.Sample {
	case "":
		v.Alarm = w.DefaultAlarm
	case pasted:
		v.Alarm = w.PastedAlarm
	}
	if a := r.about(); a != nil {
		v.Region, v.Instance = shown(a.Region), shown(a.Instance)
	}
	results, err := r.outcome()
	if err != nil {
		v.Failed = w.Failed + shown(err.Error())
	}
	report := report.In(w.lang)
	for i := range results {
		e := end{report.Verdict(results[i].Verdict), string(results[i].Reason),
			tone(results[i].Verdict), 1}
		n := slices.IndexFunc(v.Ends, func(o end) bool {
			return o.Verdict == e.Verdict && o.Reason == e.Reason
		})
		if n >= 0 {
			v.Ends[n].Count++
			continue
		}
		v.Ends = append(v.Ends, e)
	}
	if len(results) == 1 {
		v.Said = shown(report.Detail(&results[0]))
	}
	if len(results) > 0 {
		v.Page = fmt.Sprintf("/runs/%d/page?lang=%s", r.N, w.lang)
	}
	return v
}

// list lists the runs, the last one first.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	words := wordsOf(r)
	s.mu.Lock()
	all := slices.Clone(s.runs)
	s.mu.Unlock()
	rows := []row{}
	for _, r := range slices.Backward(all) {
		rows = append(rows, s.row(r, words))
	}
	answer(w, http.StatusOK, rows)
}

// named finds the run that a request names; it answers and returns nil where there is none.
func (s *Server) named(w http.ResponseWriter, r *http.Request) *run {
	n, err := strconv.Atoi(r.PathValue("run"))
	found := s.find(n)
	if err != nil || found == nil {
		http.Error(w, wordsOf(r).NoRun, http.StatusNotFound)
		return nil
	}
	return found
}

// hurry ends a run as fast as it goes.
func (s *Server) hurry(w http.ResponseWriter, r *http.Request) {
	if found := s.named(w, r); found != nil {
		found.hurry.Do(func() { close(found.hurried) })
		w.WriteHeader(http.StatusNoContent)
	}
}

// report is the page of a run that is over.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	found := s.named(w, r)
	if found == nil {
		return
	}
	words := wordsOf(r)
	spoken := report.In(words.lang)
	stories := found.stories(spoken)
	if len(stories) == 0 {
		http.Error(w, words.NotYet, http.StatusConflict)
		return
	}
	var page bytes.Buffer
	if err := spoken.Page(&page, time.Now(), stories...); err != nil {
		http.Error(w, shown(err.Error()), http.StatusInternalServerError)
		return
	}
	// The page has a stricter policy of its own, which allows its one style sheet.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; "+
		"style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // an error means that nobody reads
}

// line is an entry of the timeline as it is streamed.
type line struct {
	At      string   `json:"at"`             // since the start of the run's time
	Alarm   int      `json:"alarm"`          // 0: none or all of them
	About   string   `json:"about"`          // the instance, where a run has several alarms
	Kind    string   `json:"kind"`           // of the entry
	Tone    string   `json:"tone,omitempty"` // how it looks
	Label   string   `json:"label"`
	Reason  string   `json:"reason,omitempty"` // of a verdict
	Lines   []string `json:"lines"`
	Passed  []rule   `json:"passed,omitempty"`
	Pass    int      `json:"pass,omitempty"` // how many passed, those as before included
	Refused []rule   `json:"refused,omitempty"`
}

// rule is what one rule answered.
type rule struct {
	Rule string `json:"rule"`
	Saw  string `json:"saw"`
}

// worded is an entry in words.
func (r *run) worded(e *timeline.Entry, w *report.Words) line {
	clock := func(t time.Time) string { return report.Elapsed(t.Sub(r.start)) }
	said := w.Entry(e, clock)
	l := line{At: clock(e.At), Alarm: e.Alarm, Kind: string(e.Kind), Label: shown(said.Label),
		Lines: []string{}}
	for _, text := range said.Lines {
		l.Lines = append(l.Lines, shown(text))
	}
	if e.Alarm > 0 && len(r.Event.Alarms) > 1 {
		l.About = shown(r.Event.Alarms[e.Alarm-1].Instance)
	}
	switch e.Kind {
	case timeline.KindRules:
		for _, f := range e.Findings {
			answered := rule{string(f.Rule), shown(f.Saw)}
			if f.OK {
				l.Passed = append(l.Passed, answered)
			} else {
				l.Refused = append(l.Refused, answered)
			}
		}
		l.Pass = len(l.Passed) + e.Again
		if rules, saw, ok := w.Again(e); ok {
			l.Passed = append(l.Passed, rule{rules, saw})
		}
	case timeline.KindClaim:
		l.Tone = "graceful"
		if e.Attempt.Force {
			l.Tone = "forced"
		}
	case timeline.KindEnd:
		l.Tone, l.Reason = tone(e.Result.Verdict), string(e.Result.Reason)
	}
	return l
}

// events streams a run's timeline as server-sent events. Each entry is an event "entry" whose id is
// its number, from 1; the last event is "over", with the run's row. Whoever comes back with the id
// of the last event that arrived gets what came after it. In between, "now" says what an instance
// is seen to be; it has no id, and only the last one counts.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	found := s.named(w, r)
	if found == nil {
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, wordsOf(r).TooManyStreams, http.StatusServiceUnavailable)
		return
	}
	seen, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err != nil || seen < 0 {
		seen = 0
	}
	words := wordsOf(r)
	told := report.In(words.lang)
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	var out bytes.Buffer
	write := func(event string, id int, value any) {
		data, err := json.Marshal(value)
		if err != nil {
			panic(err) // strings and numbers always can be encoded
		}
		fmt.Fprintf(&out, "event: %s\n", event)
		if id > 0 {
			fmt.Fprintf(&out, "id: %d\n", id)
		}
		fmt.Fprintf(&out, "data: %s\n\n", data)
	}
	var looked *timeline.Look // told last
	// quiet is how long nothing is said before a comment shows whether anybody listens.
	const quiet = 15 * time.Second
	beat := time.NewTicker(quiet)
	defer beat.Stop()
	for {
		entries, now, over, more := found.after(seen)
		for i := range entries {
			seen++
			write("entry", seen, found.worded(&entries[i], told))
		}
		if now.Look != nil && now.Look != looked && !over {
			looked = now.Look
			line := found.worded(&now, told)
			line.About = shown(now.Event.Instance)
			write("now", 0, line)
		}
		if over {
			write("over", seen, s.row(found, words))
		}
		// An error of the deadline is one of a writer that has none, as in a test.
		_ = stream.SetWriteDeadline(time.Now().Add(callLimit))
		if _, err := out.WriteTo(w); err != nil || stream.Flush() != nil || over {
			return
		}
		select {
		case <-more:
		case <-beat.C:
			out.WriteString(": still here\n\n")
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// answer answers with JSON.
func answer(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings and numbers always can be encoded
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(data) // an error means that nobody reads
}

// tone is how a verdict looks: well, bad, wary or calm, as on the incident page.
func tone(v remedy.Verdict) string {
	switch v {
	case remedy.VerdictRestarted:
		return "well"
	case remedy.VerdictFailed, remedy.VerdictMalformed, remedy.VerdictPending:
		return "bad"
	case remedy.VerdictRefused, remedy.VerdictWaiting:
		return "wary"
	}
	return "calm"
}

// longest is how many letters of one text from outside are shown.
const longest = 4 << 10

// shown makes text from outside safe to look at: what has no shape of its own, or would turn other
// text round, is shown by its number, and the end of a very long text is left out.
func shown(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if n++; n > longest {
			b.WriteRune('…')
			break
		}
		if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
			unicode.Co, unicode.Cs) {
			fmt.Fprintf(&b, "⟨%U⟩", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
