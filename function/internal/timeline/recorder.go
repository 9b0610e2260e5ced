package timeline

import (
	"slices"
	"sync"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// Recorder makes entries from what a function decides, as it does: it is a handle.Watcher. The
// alarms of a batch are handled at once, so what happens at one instant is held back until time
// moves on, and then told alarm by alarm: the order is the same in every run. It is safe for
// concurrent use.
type Recorder struct {
	tell   func(Entry)
	alarms []events.Alarm
	start  time.Time

	mu      sync.Mutex
	stories []*story
	byAlarm map[string]*story // by key and instance
	now     time.Time         // the instant that is held back
	held    []Entry
}

// story is what was told of one alarm.
type story struct {
	n        int // its place in the event, from 1
	instance string
	answers  map[remedy.Rule]remedy.Finding // by rule, as told last
	attempts map[int]remedy.Attempt         // by number, as told last
	looked   time.Time                      // of the last reading that was counted
	row      *Entry                         // of readings that showed the same; nil: none
	waits    time.Time                      // until when it was said to wait
	ended    time.Time
}

// NewRecorder is for an event with these alarms, which is delivered at start. The Recorder calls
// tell with every entry, one at a time, in the order in which they are to be shown; tell must not
// call the Recorder.
func NewRecorder(alarms []events.Alarm, start time.Time, tell func(Entry)) *Recorder {
	r := &Recorder{tell: tell, alarms: alarms, start: start, now: start,
		byAlarm: map[string]*story{}}
	for n := range alarms {
		a := &alarms[n]
		s := &story{n: n + 1, instance: a.Instance, answers: map[remedy.Rule]remedy.Finding{},
			attempts: map[int]remedy.Attempt{}}
		r.stories = append(r.stories, s)
		if name := a.Key + " " + a.Instance; r.byAlarm[name] == nil {
			r.byAlarm[name] = s
		}
	}
	return r
}

// Begin tells the alarms. It comes before everything else.
func (r *Recorder) Begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range r.alarms {
		a := r.alarms[n]
		r.tell(Entry{Alarm: n + 1, At: r.start, Kind: KindAlarm, Event: &a})
	}
}

// Decided implements handle.Watcher.
func (r *Recorder) Decided(facts *remedy.Facts, step *remedy.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until(facts.Now)
	s := r.story(&facts.Alarm)
	if s == nil {
		return // the event held no alarm
	}
	r.look(s, facts, step)
	r.settled(s, facts, step)
	switch claim := step.Claims(); {
	case step.Do == remedy.DoRead && step.Sources.Has(remedy.SourceRehearsal):
		r.asked(s, facts.Now, step.Findings)
		r.hold(s, facts.Now, Entry{Kind: KindRehearsal})
	case step.Opens():
		r.asked(s, facts.Now, step.Findings)
	case step.Do == remedy.DoWrite && step.Waits():
		r.asked(s, facts.Now, step.Findings)
		r.hold(s, facts.Now, Entry{Kind: KindQueue, Why: step.Why})
	case claim != nil:
		r.asked(s, facts.Now, step.Findings)
		r.stop(s)
		attempt := *claim
		r.hold(s, facts.Now, Entry{Kind: KindClaim, Attempt: &attempt})
	case step.Do == remedy.DoWait:
		r.asked(s, facts.Now, step.Findings)
		until := step.Seen.WaitUntil
		watching := facts.Instance.Read() && step.Incident != nil
		if !watching && !until.Equal(s.waits) {
			s.waits = until // a renewal of the lease may interrupt the wait
			r.hold(s, facts.Now, Entry{Kind: KindWait, Until: until})
		}
	case step.Ends(), step.Do == remedy.DoAnswer:
		if step.Verdict != remedy.VerdictObserved { // a rehearsal's were told before it
			r.asked(s, facts.Now, step.Findings)
		}
		r.stop(s)
		s.ended = facts.Now
	}
}

// Sweep notes that the answer to the event left something under way.
func (r *Recorder) Sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until(now)
	r.stopAll()
	r.tell(Entry{At: now, Kind: KindSweep})
}

// End notes the results, which are in the order of the alarms, each when it was reached, and
// without any that there was nothing to do.
func (r *Recorder) End(results []remedy.Result, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopAll()
	for n := range results {
		result := results[n]
		e := Entry{At: now, Kind: KindEnd, Result: &result}
		if n < len(r.stories) {
			e.Alarm = n + 1
			if ended := r.stories[n].ended; !ended.IsZero() {
				e.At = ended
			}
		}
		r.tell(e)
	}
	if len(results) == 0 {
		r.tell(Entry{At: now, Kind: KindIdle})
	}
}

// story finds an alarm's story. A swept incident belongs to the first alarm about its instance.
func (r *Recorder) story(a *events.Alarm) *story {
	if s := r.byAlarm[a.Key+" "+a.Instance]; s != nil {
		return s
	}
	for _, s := range r.stories {
		if s.instance == a.Instance {
			return s
		}
	}
	if len(r.stories) == 0 {
		return nil
	}
	return r.stories[0]
}

// hold holds an entry back until time moves on.
func (r *Recorder) hold(s *story, at time.Time, e Entry) {
	e.Alarm, e.At = s.n, at
	r.held = append(r.held, e)
}

// until tells what was held back if time has moved on.
func (r *Recorder) until(now time.Time) {
	if now.After(r.now) {
		r.flush()
		r.now = now
	}
}

func (r *Recorder) flush() {
	slices.SortStableFunc(r.held, func(a, b Entry) int { return a.Alarm - b.Alarm })
	for _, e := range r.held {
		r.tell(e)
	}
	r.held = nil
}

func (r *Recorder) stopAll() {
	for _, s := range r.stories {
		r.stop(s)
	}
	r.flush()
}

// look counts what a reading of the instance showed while an attempt is watched. Readings that show
// the same are one entry.
func (r *Recorder) look(s *story, facts *remedy.Facts, step *remedy.Step) {
	m, v := &facts.Instance, &facts.Vitals
	if !m.Read() || m.At.Equal(s.looked) || step.Do == remedy.DoSend || step.Incident == nil ||
		len(step.Incident.Attempts) == 0 {
		return
	}
	last := &step.Incident.Attempts[len(step.Incident.Attempts)-1]
	back := !last.BackAt.IsZero()
	if back && !v.Read() {
		return // the heartbeat is about to be read
	}
	s.looked = m.At
	seen := Look{Failed: fails(m), Until: m.At, Looks: 1}
	if m.OK() {
		seen.Status = m.Value.Status
	}
	if back {
		seen.HeartFailed = fails(v)
		switch {
		case !v.OK():
			seen.Heart = HeartFailed
		case v.Value.Heartbeat.IsZero():
			seen.Heart = HeartNever
		case v.Value.Heartbeat.After(last.ClaimedAt):
			seen.Heart, seen.HeartAt = HeartBeating, v.Value.Heartbeat
		default:
			seen.Heart = HeartSilent
		}
	}
	if s.row != nil && s.row.Look.same(&seen) {
		s.row.Look.Until = m.At
		s.row.Look.Looks++
		return
	}
	r.stop(s)
	s.row = &Entry{At: m.At, Kind: KindLook, Look: &seen}
}

// stop ends the row of readings that show the same.
func (r *Recorder) stop(s *story) {
	if s.row != nil {
		r.hold(s, s.row.At, *s.row)
		s.row = nil
	}
}

// settled tells what was answered to attempts, and what became of them since.
func (r *Recorder) settled(s *story, facts *remedy.Facts, step *remedy.Step) {
	incident := step.Incident
	if step.Ends() {
		incident = step.Seen.Ending
	}
	if incident == nil {
		return
	}
	for i := range incident.Attempts {
		a := incident.Attempts[i]
		before, known := s.attempts[a.N]
		s.attempts[a.N] = a
		if before.Answer != a.Answer && !a.AnsweredAt.IsZero() &&
			(!known || before.AnsweredAt.IsZero()) {
			r.hold(s, a.AnsweredAt, Entry{Kind: KindAnswer, Attempt: &a})
			before.Answer = a.Answer
		}
		if before.Fate == a.Fate && before.Answer == a.Answer {
			continue
		}
		if a.Fate != remedy.FateOpen || a.Answer == remedy.AnswerNotExecuted {
			r.stop(s)
			r.hold(s, facts.Now, Entry{Kind: KindFate, Attempt: &a})
		}
	}
}

// asked tells the rules' answers. Of those that are asked again, and let pass as before, only the
// number is told.
func (r *Recorder) asked(s *story, at time.Time, findings []remedy.Finding) {
	if len(findings) == 0 {
		return
	}
	r.stop(s)
	e := Entry{Kind: KindRules}
	for _, f := range findings {
		if before, asked := s.answers[f.Rule]; asked && before == f && f.OK {
			e.Again++
			continue
		}
		s.answers[f.Rule] = f
		e.Findings = append(e.Findings, f)
	}
	r.hold(s, at, e)
}
