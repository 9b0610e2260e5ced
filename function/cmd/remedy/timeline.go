package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// timeline prints what a function decides, as it does: it is a handle.Watcher. The alarms of a batch are handled at once, so
// what happens at one instant is held back until time moves on, and then printed alarm by alarm: the order is the same in
// every run.
type timeline struct {
	page  *page
	start time.Time

	mu      sync.Mutex
	stories []*story
	byAlarm map[string]*story // by key and instance
	now     time.Time         // the instant that is held back
	held    []entry
	last    *story // whose entry was printed last
}

// entry is something to print about an alarm.
type entry struct {
	of    *story
	print func()
}

// story is what was told of one alarm.
type story struct {
	n        int // its place in the event, from 1
	instance string
	answers  map[remedy.Rule]remedy.Finding // by rule, as printed last
	attempts map[int]remedy.Attempt         // by number, as told last
	looked   time.Time                      // of the last reading that was counted
	seen     streak
	waits    time.Time // until when it was said to wait
	ended    time.Time
}

// streak is a row of readings that showed the same.
type streak struct {
	saw      string
	from, to time.Time
	looks    int
}

func newTimeline(p *page, in input, start time.Time) *timeline {
	t := &timeline{page: p, start: start, now: start, byAlarm: map[string]*story{}}
	for n, a := range in.alarms {
		s := &story{n: n + 1, instance: a.Instance, answers: map[remedy.Rule]remedy.Finding{}, attempts: map[int]remedy.Attempt{}}
		t.stories = append(t.stories, s)
		if name := a.Key + " " + a.Instance; t.byAlarm[name] == nil {
			t.byAlarm[name] = s
		}
	}
	return t
}

// begin prints what the drill is about.
func (t *timeline) begin(in input, s scenario) {
	t.page.text(bold, "Drill of "+in.name)
	t.page.gap()
	t.page.row("", cell{"guest", normal}, s.guest.Name+": "+s.guest.Title)
	for _, f := range s.faults {
		t.page.row("", cell{"fault", normal}, f.Name+": "+f.Title)
	}
	for n, a := range in.alarms {
		label := "alarm"
		if len(in.alarms) > 1 {
			label += " " + strconv.Itoa(n+1)
		}
		for _, text := range describe(a, t.start) {
			t.page.row(t.since(t.start), cell{label, bold}, text)
			label = ""
		}
	}
}

// describe says in a few lines what an alarm says.
func describe(a events.Alarm, now time.Time) []string {
	lines := []string{a.Name}
	if a.Name == "" {
		lines[0] = "an alarm without a name"
	}
	what := []string{string(a.State)}
	for _, more := range []string{a.Level, a.Metric, a.EventStatus} {
		if more != "" && !strings.Contains(a.Name, more) {
			what = append(what, more)
		}
	}
	what = append(what, "format "+string(a.Format))
	if !a.Time.IsZero() {
		what = append(what, stamp(a.Time, now))
	}
	lines = append(lines, strings.Join(what, ", "))
	var where []string
	for _, part := range [][2]string{{"", a.Instance}, {"region ", a.Region}, {"account ", a.Account}} {
		if part[1] != "" {
			where = append(where, part[0]+part[1])
		}
	}
	if len(where) > 0 {
		lines = append(lines, strings.Join(where, ", "))
	}
	if a.Note != "" {
		lines = append(lines, a.Note)
	}
	return lines
}

// stamp is a time, and how long before now that is; empty for the zero time.
func stamp(t, now time.Time) string {
	switch ago := now.Sub(t).Round(time.Second); {
	case t.IsZero():
		return ""
	case ago < 0:
		return t.Format(time.RFC3339) + " (" + ago.Abs().String() + " ahead)"
	default:
		return t.Format(time.RFC3339) + " (" + ago.String() + " ago)"
	}
}

// Decided implements handle.Watcher.
func (t *timeline) Decided(facts *remedy.Facts, step *remedy.Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until(facts.Now)
	s := t.story(facts.Alarm)
	t.look(s, facts, step)
	t.settled(s, facts, step)
	claim := step.Claims()
	switch {
	case step.Do == remedy.DoRead && step.Sources.Has(remedy.SourceRehearsal):
		t.findings(s, facts.Now, step.Findings)
		t.tell(s, facts.Now, cell{"rehearsal", yellow}, "RebootInstance with DryRun: would ECS accept a reboot?")
	case step.Opens():
		t.findings(s, facts.Now, step.Findings)
	case step.Do == remedy.DoWrite && step.Waits():
		t.findings(s, facts.Now, step.Findings)
		t.tell(s, facts.Now, cell{"waits", yellow}, step.Why)
	case claim != nil:
		t.findings(s, facts.Now, step.Findings)
		t.stop(s)
		what := "graceful reboot"
		if claim.Force {
			what = "FORCED reboot"
		}
		t.tell(s, facts.Now, cell{"attempt " + strconv.Itoa(claim.N), yellow}, what+": claimed in the ledger, then sent")
	case step.Do == remedy.DoWait:
		t.findings(s, facts.Now, step.Findings)
		if until := step.Seen.WaitUntil; (!facts.Instance.Read() || step.Incident == nil) && !until.Equal(s.waits) {
			s.waits = until // a renewal of the lease may interrupt the wait
			t.tell(s, facts.Now, cell{"wait", normal}, "looks again at "+t.since(until))
		}
	case step.Ends(), step.Do == remedy.DoAnswer:
		if step.Verdict != remedy.VerdictObserved { // a rehearsal's were told before it
			t.findings(s, facts.Now, step.Findings)
		}
		t.stop(s)
		s.ended = facts.Now
	}
}

// answered tells what ECS answered to an attempt.
func (t *timeline) answered(s *story, a *remedy.Attempt) {
	code := ""
	if a.Code != "" {
		code = " (" + a.Code + ")"
	}
	var said string
	switch a.Answer {
	case remedy.AnswerAccepted:
		said = "accepted by ECS"
	case remedy.AnswerRejected:
		said = "refused by ECS" + code
	case remedy.AnswerNotExecuted:
		said = "not executed" + code + ": it counts for nothing, and is sent anew later"
	default:
		said = "no answer that can be trusted" + code + ": perhaps executed, so it is watched and never sent again"
	}
	if a.RequestID != "" {
		said += ", RequestId " + a.RequestID
	}
	t.tell(s, a.AnsweredAt, cell{}, said)
}

// sweep says that the answer to the event left something under way.
func (t *timeline) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until(now)
	for _, s := range t.stories {
		t.stop(s)
	}
	t.flush()
	t.page.row(t.since(now), cell{"pending", normal}, "this invocation has ended; the timer's sweep takes up what is under way")
	t.last = nil
}

// end prints the results: when each was reached, and how long everything took.
func (t *timeline) end(results []remedy.Result, now time.Time, real time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.stories {
		t.stop(s)
	}
	t.flush()
	for n, r := range results {
		t.page.gap()
		at, label := now, string(r.Verdict)
		if n < len(t.stories) {
			if ended := t.stories[n].ended; !ended.IsZero() {
				at = ended
			}
			if len(t.stories) > 1 {
				t.page.row(t.since(at), cell{"alarm " + strconv.Itoa(n+1), bold}, r.InstanceID)
			}
		}
		t.page.row(t.since(at), cell{label, color(r.Verdict)}, string(r.Reason))
		t.page.row("", cell{}, r.Detail)
	}
	if len(results) == 0 {
		t.page.gap()
		t.page.row(t.since(now), cell{"done", normal}, "no incident is under way: nothing to do")
	}
	t.page.gap()
	t.page.row("", cell{}, fmt.Sprintf("%v of simulated time in %v of real time", now.Sub(t.start).Round(time.Second),
		real.Round(time.Millisecond)))
}

func color(v remedy.Verdict) style {
	switch v {
	case remedy.VerdictRestarted, remedy.VerdictObserved:
		return green
	case remedy.VerdictFailed, remedy.VerdictPending, remedy.VerdictMalformed:
		return red
	}
	return yellow
}

// story finds an alarm's story. A swept incident belongs to the first alarm about its instance.
func (t *timeline) story(a events.Alarm) *story {
	if s := t.byAlarm[a.Key+" "+a.Instance]; s != nil {
		return s
	}
	for _, s := range t.stories {
		if s.instance == a.Instance {
			return s
		}
	}
	return t.stories[0]
}

// since is a time as the drill shows it.
func (t *timeline) since(at time.Time) string { return elapsed(at.Sub(t.start)) }

// tell holds a row back until time moves on.
func (t *timeline) tell(s *story, at time.Time, label cell, text string) {
	t.held = append(t.held, entry{s, func() { t.page.row(t.since(at), label, text) }})
}

// until prints what was held back if time has moved on.
func (t *timeline) until(now time.Time) {
	if now.After(t.now) {
		t.flush()
		t.now = now
	}
}

func (t *timeline) flush() {
	slices.SortStableFunc(t.held, func(a, b entry) int { return a.of.n - b.of.n })
	for _, e := range t.held {
		if len(t.stories) > 1 && e.of != t.last {
			t.page.row("", cell{"alarm " + strconv.Itoa(e.of.n), bold}, e.of.instance)
			t.last = e.of
		}
		e.print()
	}
	t.held = nil
}

// look counts what a reading of the instance showed while an attempt is watched. Readings that show the same are one row.
func (t *timeline) look(s *story, facts *remedy.Facts, step *remedy.Step) {
	m, v := &facts.Instance, &facts.Vitals
	if !m.Read() || m.At.Equal(s.looked) || step.Do == remedy.DoSend || step.Incident == nil || len(step.Incident.Attempts) == 0 {
		return
	}
	last := step.Incident.Attempts[len(step.Incident.Attempts)-1]
	back := !last.BackAt.IsZero()
	if back && !v.Read() {
		return // the heartbeat is about to be read
	}
	s.looked = m.At
	saw := m.Value.Status
	if !m.OK() {
		saw = blind(m.Failure, m.Note)
	}
	if back && v.Read() {
		switch {
		case !v.OK():
			saw += "; heartbeat " + blind(v.Failure, v.Note)
		case v.Value.Heartbeat.IsZero():
			saw += "; Cloud Assistant never reported"
		case v.Value.Heartbeat.After(last.ClaimedAt):
			saw += "; last heartbeat at " + t.since(v.Value.Heartbeat)
		default:
			saw += "; no heartbeat yet"
		}
	}
	if saw != s.seen.saw {
		t.stop(s)
		s.seen = streak{saw: saw, from: m.At}
	}
	s.seen.to = m.At
	s.seen.looks++
}

// blind words a reading that failed, without the request's id, which is another one each time.
func blind(failure remedy.Failure, note string) string {
	note, _, _ = strings.Cut(note, " (status ")
	return string(failure) + ": " + strings.TrimSuffix(note, ".")
}

// stop ends the row of readings that show the same.
func (t *timeline) stop(s *story) {
	r := s.seen
	s.seen = streak{}
	switch {
	case r.looks == 0:
	case r.looks == 1:
		t.tell(s, r.from, cell{"saw", normal}, r.saw)
	default:
		t.tell(s, r.from, cell{"saw", normal}, fmt.Sprintf("%s, until %s (%d looks)", r.saw, t.since(r.to), r.looks))
	}
}

// settled tells what was answered to attempts, and what became of them since.
func (t *timeline) settled(s *story, facts *remedy.Facts, step *remedy.Step) {
	incident := step.Incident
	if step.Ends() {
		incident = step.Seen.Ending
	}
	if incident == nil {
		return
	}
	for i := range incident.Attempts {
		a := &incident.Attempts[i]
		before, known := s.attempts[a.N]
		s.attempts[a.N] = *a
		if before.Answer != a.Answer && !a.AnsweredAt.IsZero() && (!known || before.AnsweredAt.IsZero()) {
			t.answered(s, a)
			before.Answer = a.Answer
		}
		if before.Fate == a.Fate && before.Answer == a.Answer {
			continue
		}
		if said := became(a, t.since); said != "" {
			t.stop(s)
			t.tell(s, facts.Now, cell{"attempt " + strconv.Itoa(a.N), yellow}, said)
		}
	}
}

// became says what became of an attempt; empty while it is watched.
func became(a *remedy.Attempt, since func(time.Time) string) string {
	switch a.Fate {
	case remedy.FateWorked:
		switch {
		case a.BackAt.IsZero():
			return "worked: the guest reports again"
		case a.LeftRunningAt.IsZero():
			return "worked: the instance restarted, for it has a new StartTime"
		}
		return "worked: the instance left Running by " + since(a.LeftRunningAt) + " and was back by " + since(a.BackAt)
	case remedy.FateFailed:
		switch {
		case a.Answer == remedy.AnswerRejected && a.Force:
			return "refused by ECS, watched to the incident's limit, and the instance did not restart"
		case a.Answer == remedy.AnswerRejected:
			return "refused by ECS, watched as long as an attempt, and the instance did not restart"
		case a.Stuck:
			return "failed: it left the instance stuck on its way"
		}
		return "failed: accepted, watched all the time, and the instance did not restart"
	case remedy.FateUnconfirmed:
		if a.Answer == remedy.AnswerAccepted {
			return "unconfirmed: accepted, but not watched all the time, so it proves nothing"
		}
		return "unconfirmed: perhaps it was never executed, so it proves nothing"
	}
	if a.Answer == remedy.AnswerNotExecuted {
		return "not executed: it counts for nothing"
	}
	return ""
}

// findings tells the rules' answers. Rules that are asked again, and answer as before, share a row.
func (t *timeline) findings(s *story, at time.Time, findings []remedy.Finding) {
	label := cell{"rules", normal}
	show := func(ok bool, rule, saw string) {
		beside := label
		t.held = append(t.held, entry{s, func() { t.page.finding(t.since(at), beside, ok, rule, saw) }})
		label = cell{}
	}
	if len(findings) > 0 {
		t.stop(s)
	}
	again := 0
	for _, f := range findings {
		if before, asked := s.answers[f.Rule]; asked && before == f && f.OK {
			again++
			continue
		}
		s.answers[f.Rule] = f
		show(f.OK, string(f.Rule), f.Saw)
	}
	switch {
	case again == 0:
	case again == len(findings):
		show(true, "all "+strconv.Itoa(again), "asked again: as before")
	default:
		show(true, strconv.Itoa(again)+" more", "asked again: as before")
	}
}
