package main

import (
	"fmt"
	"strconv"
	"time"

	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

// english are the words of the terminal.
var english = report.In(report.LangEnglish)

// printer prints the entries of a drill's timeline as they come.
type printer struct {
	page  *page
	event drill.Event
	start time.Time
	last  int // the alarm whose entry was printed last; 0: none
}

// begin prints what the drill is about.
func (p *printer) begin(s drill.Scenario) {
	p.page.text(bold, "Drill of "+p.event.Name)
	p.page.gap()
	p.page.row("", cell{"guest", normal}, s.Guest.Name+": "+s.Guest.Title)
	for _, f := range s.Faults {
		p.page.row("", cell{"fault", normal}, f.Name+": "+f.Title)
	}
}

// end prints how long everything took.
func (p *printer) end(now time.Time, real time.Duration) {
	p.page.gap()
	p.page.row("", cell{}, fmt.Sprintf("%v of simulated time in %v of real time",
		now.Sub(p.start).Round(time.Second), real.Round(time.Millisecond)))
}

// entry prints one entry.
func (p *printer) entry(e timeline.Entry) {
	said := english.Entry(&e, p.since)
	label := cell{said.Label, normal}
	switch e.Kind {
	case timeline.KindAlarm:
		label.style = bold
		if p.several() {
			label.text += " " + strconv.Itoa(e.Alarm)
		}
	case timeline.KindEnd:
		p.result(&e, said)
		return
	case timeline.KindIdle:
		p.page.gap()
	case timeline.KindSweep:
		p.last = 0
	case timeline.KindRules:
		p.heading(&e)
		p.rules(&e, label)
	case timeline.KindAnswer:
		p.heading(&e)
		label = cell{} // beside the attempt's claim
	case timeline.KindClaim, timeline.KindFate, timeline.KindRehearsal, timeline.KindQueue:
		p.heading(&e)
		label.style = yellow
	default:
		p.heading(&e)
	}
	for _, line := range said.Lines {
		p.page.row(p.since(e.At), label, line)
		label.text = ""
	}
}

// heading says which alarm an entry is about, where there are several and it is another one.
func (p *printer) heading(e *timeline.Entry) {
	if p.several() && e.Alarm != p.last && e.Alarm > 0 {
		p.page.row("", cell{"alarm " + strconv.Itoa(e.Alarm), bold},
			p.event.Alarms[e.Alarm-1].Instance)
		p.last = e.Alarm
	}
}

// rules prints the rules' answers. Those that answered as before share a row.
func (p *printer) rules(e *timeline.Entry, label cell) {
	at := p.since(e.At)
	for _, f := range e.Findings {
		p.page.finding(at, label, f.OK, string(f.Rule), f.Saw)
		label = cell{}
	}
	if rules, saw, ok := english.Again(e); ok {
		p.page.finding(at, label, true, rules, saw)
	}
}

// result prints how an alarm's handling ended.
func (p *printer) result(e *timeline.Entry, said report.Said) {
	r, at := e.Result, p.since(e.At)
	p.page.gap()
	if p.several() && e.Alarm > 0 {
		p.page.row(at, cell{"alarm " + strconv.Itoa(e.Alarm), bold}, r.InstanceID)
	}
	p.page.row(at, cell{said.Label, color(r.Verdict)}, string(r.Reason))
	for _, line := range said.Lines {
		p.page.row("", cell{}, line)
	}
}

func (p *printer) several() bool { return len(p.event.Alarms) > 1 }

// since is a time as the drill shows it.
func (p *printer) since(at time.Time) string { return elapsed(at.Sub(p.start)) }

func color(v remedy.Verdict) style {
	switch v {
	case remedy.VerdictRestarted, remedy.VerdictObserved:
		return green
	case remedy.VerdictFailed, remedy.VerdictPending, remedy.VerdictMalformed:
		return red
	}
	return yellow
}
