package report

import (
	"fmt"
	"strconv"
	"time"

	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

// drawing is a timeline to scale, as the template of the page needs it. Horizontal places are
// percentages of the width, so that the same drawing fits a phone and a desk with letters of one
// size; vertical ones are pixels.
type drawing struct {
	Height int
	Lanes  []laneText
	Ticks  []tick
	Bars   []bar
	Marks  []mark
	Notes  []note
	Legend []legend
}

// laneText is the heading of a lane, and where its line is.
type laneText struct {
	Y    int
	Text string
}

type tick struct {
	X, Label string
	Anchor   string // start, middle or end
}

// bar is a span of time. Class is a style of the page; Label stands in the bar where it has room.
type bar struct {
	X, W, Middle string
	Y, H, TextY  int
	Class        string
	Title, Label string
	At           int64 // seconds since 1970, for tests of the order
}

// mark is a moment.
type mark struct {
	X       string
	Y       int
	Shape   string // a name that the template knows
	Class   string
	Title   string
	Label   string // in the mark
	At      int64
	Beside  string // text beside it
	BesideX string
	Anchor  string
}

// note is text in a lane that has nothing else to show.
type note struct {
	X    string
	Y    int
	Text string
}

type legend struct{ Class, Shape, Text string }

// scale maps time to places. It leaves room at both sides for half a mark.
type scale struct{ from, to time.Time }

const (
	margin = 2.5  // per cent
	across = 95.0 // per cent
)

func (s scale) place(t time.Time) float64 {
	switch {
	case t.Before(s.from):
		t = s.from
	case t.After(s.to):
		t = s.to
	}
	return margin + across*float64(t.Sub(s.from))/float64(s.to.Sub(s.from))
}

func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }

// reach is the time that a drawing covers: from the alarm's own time, if that is not absurd, to the
// last that is known. A drawing covers a second at least.
func reach(entries []timeline.Entry) scale {
	const longest = 7 * 24 * time.Hour
	var s scale
	take := func(t time.Time) {
		if t.IsZero() {
			return
		}
		if s.from.IsZero() || t.Before(s.from) {
			s.from = t
		}
		if t.After(s.to) {
			s.to = t
		}
	}
	for i := range entries {
		e := &entries[i]
		take(e.At)
		if e.Look != nil {
			take(e.Look.Until)
		}
	}
	for i := range entries {
		if e := &entries[i]; e.Event != nil && !e.Event.Time.IsZero() {
			if early := s.from.Sub(e.Event.Time); early > 0 && early <= longest {
				s.from = e.Event.Time
			}
		}
	}
	if s.to.Sub(s.from) < time.Second {
		s.to = s.from.Add(time.Second)
	}
	return s
}

const (
	laneHeight = 52 // of a lane with its heading
	rowHeight  = 24 // of a further row within a lane
	firstLane  = 4
)

// painter draws one lane after the other.
type painter struct {
	w       *Words
	scale   scale
	entries []timeline.Entry
	d       drawing
	y       int
	clock   func(time.Time) string
}

// draw makes the drawing of a story's entries.
func (w *Words) draw(entries []timeline.Entry, s scale) drawing {
	p := &painter{w: w, scale: s, entries: entries, y: firstLane, clock: w.Clock}
	p.moments()
	if p.attempts() { // otherwise nobody watched the instance
		p.statuses()
		p.hearts()
	}
	p.waits()
	p.ticks()
	return p.d
}

// lane begins a lane, and returns where its content begins.
func (p *painter) lane(text string) int {
	p.d.Lanes = append(p.d.Lanes, laneText{p.y + 12, text})
	y := p.y + 20
	p.y += laneHeight
	return y
}

func (p *painter) at(t time.Time) string { return percent(p.scale.place(t)) }

// span is a bar from one time to another.
func (p *painter) span(from, to time.Time, y, h int, class, title, label string) {
	const least, roomy = 0.6, 18.0 // per cent
	x := p.scale.place(from)
	width := max(least, p.scale.place(to)-x)
	x = min(x, 100-width)
	if width < roomy {
		label = ""
	}
	p.d.Bars = append(p.d.Bars, bar{X: percent(x), W: percent(width), Middle: percent(x + width/2),
		Y: y, H: h, TextY: y + h/2 + 4, Class: class, Title: title, Label: label, At: from.Unix()})
}

func (p *painter) mark(t time.Time, y int, shape, class, title string) *mark {
	p.d.Marks = append(p.d.Marks, mark{X: p.at(t), Y: y, Shape: shape, Class: class, At: t.Unix(),
		Title: p.clock(t) + " " + title})
	return &p.d.Marks[len(p.d.Marks)-1]
}

func (p *painter) legend(class, shape, text string) {
	for _, l := range p.d.Legend {
		if l.Class == class && l.Shape == shape {
			return
		}
	}
	p.d.Legend = append(p.d.Legend, legend{class, shape, text})
}

// moments draws the alarm, what was told of it on the way, and the verdict.
func (p *painter) moments() {
	y := p.lane(p.w.labels.Events) + 10
	for i := range p.entries {
		e := &p.entries[i]
		said := p.w.Entry(e, p.clock)
		switch e.Kind {
		case timeline.KindAlarm:
			at := e.Event.Time
			if at.IsZero() || at.Before(p.scale.from) || at.After(p.scale.to) {
				at = e.At
			}
			m := p.mark(at, y, "alarm", "alarm", said.Label+p.w.labels.Colon+e.Event.Name)
			m.Beside, m.Anchor = said.Label, "start"
		case timeline.KindResolved, timeline.KindTakeover, timeline.KindSweep,
			timeline.KindRehearsal:
			p.mark(e.At, y, "moment", "moment", said.Lines[0])
			p.legend("moment", "moment", said.Label)
		case timeline.KindEnd:
			m := p.mark(e.At, y, "end", tone(e.Result.Verdict), said.Label)
			if m.Class == "bad" {
				m.Shape = "end-bad"
			}
			m.Beside, m.Anchor = said.Label, "end"
		}
	}
}

// attempts draws each attempt from its claim to when it was settled. False: there is none.
func (p *painter) attempts() bool {
	const apart = 7.0 // per cent between two numbers: what they take on a phone
	l := &p.w.labels
	y := p.lane(l.Attempts)
	var ends []float64 // of the last number of each row
	for i := range p.entries {
		e := &p.entries[i]
		if e.Kind != timeline.KindClaim {
			continue
		}
		until, last := p.scale.to, e.Attempt
		for j := range p.entries[i+1:] {
			later := &p.entries[i+1+j]
			if later.Attempt == nil || later.Attempt.N != e.Attempt.N {
				continue
			}
			last = later.Attempt
			if later.Kind == timeline.KindFate || last.Answer == remedy.AnswerNotExecuted {
				until = later.At
				break
			}
		}
		row := 0
		for row < len(ends) && p.scale.place(e.At) < ends[row]+apart {
			row++
		}
		if row == len(ends) {
			ends = append(ends, 0)
		}
		ends[row] = p.scale.place(e.At)
		class, text := "graceful", l.Graceful
		switch last.Outcome() {
		case remedy.OutcomeNotExecuted, remedy.OutcomeRejected:
			class, text = "nothing", l.NotSent
		default:
			if last.Force {
				class, text = "forced", l.ByForce
			}
		}
		top := y + row*rowHeight
		outcome := or(p.w.outcomes[last.Outcome()], string(last.Outcome()))
		title := p.w.attempt(e) + p.w.labels.Colon + text + p.w.labels.Comma + outcome
		p.span(e.At, until, top+5, 10, class, title, "")
		p.mark(e.At, top+10, "attempt", class, title).Label = strconv.Itoa(last.N)
		p.legend(class, "bar", text)
	}
	switch {
	case len(ends) == 0:
		p.d.Notes = append(p.d.Notes, note{percent(margin), y + 14, l.NoAttempts})
	case len(ends) > 1:
		p.y += (len(ends) - 1) * rowHeight
	}
	return len(ends) > 0
}

// level is how high a status stands: a glance tells up from down without the colour.
var level = map[string]int{"Running": 22, "Starting": 16, "Stopping": 12, "Stopped": 7}

// statuses draws what readings of the instance showed.
func (p *painter) statuses() {
	const bridged = 30 * time.Second // between two readings of an unbroken watch
	y := p.lane(p.w.labels.Statuses)
	var looks []*timeline.Entry
	for i := range p.entries {
		if p.entries[i].Kind == timeline.KindLook {
			looks = append(looks, &p.entries[i])
		} else if a := p.entries[i].Attempt; p.entries[i].Kind == timeline.KindClaim &&
			a.Before.Status != "" { // what was read just before it
			looks = append(looks, &timeline.Entry{At: p.entries[i].At,
				Look: &timeline.Look{Status: a.Before.Status, Until: p.entries[i].At}})
		}
	}
	for n := 0; n < len(looks); n++ {
		e := looks[n]
		look, read, until := e.Look, e.Look.Until, e.Look.Until
		for {
			next := p.scale.to
			if n+1 < len(looks) {
				next = looks[n+1].At
			}
			if next.Sub(until) > bridged {
				break
			}
			if next.After(until) {
				until = next
			}
			if n+1 == len(looks) || p.w.status(looks[n+1].Look) != p.w.status(look) {
				break
			}
			n++ // the same again: one bar
			read = looks[n].Look.Until
			if read.After(until) {
				until = read
			}
		}
		class, height := "other", 10
		switch {
		case look.Failed != nil:
			class = "unread"
		case look.Left:
			class = "starting"
		case level[look.Status] > 0:
			class, height = statusClass[look.Status], level[look.Status]
		}
		text := p.w.status(look)
		title := p.clock(e.At) + "–" + p.clock(read) + " " + text
		if look.Failed != nil {
			text = p.w.labels.Failed
		}
		label := p.w.statuses[look.Status] // no others: who knows how long they are
		p.span(e.At, until, y+22-height, height, class, title, label)
		p.legend(class, "bar", text)
	}
	if len(looks) == 0 {
		p.d.Notes = append(p.d.Notes, note{percent(margin), y + 14, p.w.labels.NoStatus})
	}
}

var statusClass = map[string]string{"Running": "running", "Starting": "starting",
	"Stopping": "stopping", "Stopped": "stopped"}

// hearts draws the heartbeats that are known, and the silence between them.
func (p *painter) hearts() {
	y := p.lane(p.w.labels.Heart)
	known := map[int64]bool{}
	var last, first time.Time // before the drawing's time, and the first within it
	beat := func(t time.Time) {
		if t.IsZero() || known[t.Unix()] {
			return
		}
		known[t.Unix()] = true
		if t.Before(p.scale.from) {
			if t.After(last) {
				last = t
			}
			return
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
		p.mark(t, y+10, "heart", "heart", p.w.labels.Heart)
	}
	for i := range p.entries {
		e := &p.entries[i]
		if e.Kind == timeline.KindClaim {
			beat(e.Attempt.Before.Heartbeat)
		}
		if e.Look != nil && e.Look.Heart == timeline.HeartBeating {
			beat(e.Look.HeartAt)
		}
	}
	if !last.IsZero() {
		until := first
		if until.IsZero() {
			until = p.scale.to
		}
		p.span(p.scale.from, until, y+18, 2, "silence", p.w.labels.Silent, "")
		p.legend("silence", "line", p.w.labels.Silent)
		before := p.w.Duration(p.scale.from.Sub(last))
		p.d.Marks = append(p.d.Marks, mark{X: "0%", Y: y + 10, Shape: "earlier", Class: "heart",
			At: last.Unix(), Title: p.w.Time(last), Anchor: "start",
			Beside: fill(p.w.labels.HeartAgo, "time", before)})
	}
	if len(known) == 0 {
		p.d.Notes = append(p.d.Notes, note{percent(margin), y + 14, p.w.labels.NoHeart})
	}
}

// waits draws when nothing was done: in the queue, until a time, or between two invocations.
func (p *painter) waits() {
	y := -1
	for i := range p.entries {
		e := &p.entries[i]
		var until time.Time
		switch e.Kind {
		case timeline.KindWait:
			until = e.Until
		case timeline.KindQueue, timeline.KindSweep:
			until = p.scale.to
			for j := range p.entries[i+1:] {
				if later := p.entries[i+1+j].At; later.After(e.At) {
					until = later
					break
				}
			}
		}
		if !until.After(e.At) {
			continue
		}
		if y < 0 {
			y = p.lane(p.w.labels.Waits)
		}
		said := p.w.Entry(e, p.clock)
		title := said.Label + p.w.labels.Colon + said.Lines[0]
		p.span(e.At, until, y+5, 12, "waiting", title, said.Label)
	}
}

// steps are the distances between two ticks.
var steps = []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second,
	30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
	12 * time.Hour, 24 * time.Hour, 48 * time.Hour}

// ticks draws the axis: as few as a phone has room for.
func (p *painter) ticks() {
	const most = 5 // besides the one at the start
	all := p.scale.to.Sub(p.scale.from)
	step := steps[len(steps)-1]
	for _, s := range steps {
		if all/s <= most {
			step = s
			break
		}
	}
	for at := time.Duration(0); at <= all; at += step {
		t := tick{X: p.at(p.scale.from.Add(at)), Label: Elapsed(at), Anchor: "middle"}
		switch x := p.scale.place(p.scale.from.Add(at)); {
		case x < 8:
			t.X, t.Anchor = percent(margin), "start"
		case x > 92:
			t.Anchor = "end"
		}
		p.d.Ticks = append(p.d.Ticks, t)
	}
	p.d.Height = p.y + 22
}

// Elapsed is a time since a start, as "+5:10" or "+1:05:10".
func Elapsed(d time.Duration) string {
	d = d.Round(time.Second)
	sign := "+"
	if d < 0 {
		sign, d = "−", -d
	}
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if hours > 0 {
		return fmt.Sprintf("%s%d:%02d:%02d", sign, hours, minutes, seconds)
	}
	return fmt.Sprintf("%s%d:%02d", sign, minutes, seconds)
}

// tone is the style of a verdict: well, bad, wary or calm.
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
