package report

import (
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

// story are the words of a timeline. The labels are short: a terminal shows them beside the text.
type story struct {
	alarm, rules, rehearsal, queue, attempt, look, wait, sweep, takeover, resolved, idle string

	unnamed, format, region, account, ago, ahead string // of an alarm: {value}, {time}, {ago}

	rehearse, sweeps, takesOver, isResolved, nothing string
	graceful, forced                                 string // how an attempt is claimed

	accepted, rejected, notExecuted, uncertain string // answers: {code}
	code, requestID                            string // {code}, {id}

	worked, workedStart, workedBack         string // fates: {left}, {back}
	failed, stuck, failedForce, failedRetry string
	unwatched, unconfirmed, neverSent       string

	until, left                                      string // of looks: {saw}, {time}, {n}
	heartFailed, heartNever, heartSilent, heartBeats string // {saw}, {why}, {time}
	looksAgain                                       string // {time}

	all, more, asBefore string // rules that answered as before: {n}
}

// Said is an entry of a timeline in words: a label of a word or two, and what happened, which may
// take several lines.
type Said struct {
	Label string
	Lines []string
}

// Entry words an entry of a timeline. Times are shown as the clock does. What comes from outside is
// put in as it came. The rules of a KindRules are not among the lines: whoever shows them shows
// each in its own way; nor is the verdict of a KindEnd, whose one line is its detail.
func (w *Words) Entry(e *timeline.Entry, clock func(time.Time) string) Said {
	s := &w.events
	one := func(label, text string) Said { return Said{label, []string{text}} }
	switch e.Kind {
	case timeline.KindAlarm:
		return Said{s.alarm, w.describe(e)}
	case timeline.KindRules:
		return Said{Label: s.rules}
	case timeline.KindRehearsal:
		return one(s.rehearsal, s.rehearse)
	case timeline.KindQueue:
		return one(s.queue, w.phrase(e.Why))
	case timeline.KindClaim:
		said := s.graceful
		if e.Attempt.Force {
			said = s.forced
		}
		return one(w.attempt(e), said)
	case timeline.KindAnswer:
		return one(w.attempt(e), w.answered(e.Attempt))
	case timeline.KindFate:
		return one(w.attempt(e), w.became(e.Attempt, clock))
	case timeline.KindLook:
		return one(s.look, w.looked(e, clock))
	case timeline.KindWait:
		return one(s.wait, fill(s.looksAgain, "time", clock(e.Until)))
	case timeline.KindSweep:
		return one(s.sweep, s.sweeps)
	case timeline.KindTakeover:
		return one(s.takeover, s.takesOver)
	case timeline.KindResolved:
		return one(s.resolved, s.isResolved)
	case timeline.KindEnd:
		return one(w.Verdict(e.Result.Verdict), w.sentence(e.Result))
	case timeline.KindIdle:
		return one(s.idle, s.nothing)
	}
	return one(string(e.Kind), "")
}

// Again words the rules of an entry that answered as before, in place of a rule's name and of what
// it saw; ok is false where there are none.
func (w *Words) Again(e *timeline.Entry) (rules, saw string, ok bool) {
	if e.Again == 0 {
		return "", "", false
	}
	template := w.events.more
	if len(e.Findings) == 0 {
		template = w.events.all
	}
	return fill(template, "n", strconv.Itoa(e.Again)), w.events.asBefore, true
}

func (w *Words) attempt(e *timeline.Entry) string {
	return fill(w.events.attempt, "n", strconv.Itoa(e.Attempt.N))
}

// describe says in a few lines what an alarm says.
func (w *Words) describe(e *timeline.Entry) []string {
	a, s := e.Event, &w.events
	lines := []string{or(a.Name, s.unnamed)}
	what := []string{or(w.states[string(a.State)], string(a.State))}
	for _, more := range []string{a.Level, a.Metric, a.EventStatus} {
		if more != "" && !strings.Contains(a.Name, more) {
			what = append(what, more)
		}
	}
	what = append(what, fill(s.format, "value", string(a.Format)))
	if !a.Time.IsZero() {
		what = append(what, w.Stamp(a.Time, e.At))
	}
	lines = append(lines, strings.Join(what, w.labels.Comma))
	var where []string
	for _, part := range [][2]string{
		{"{value}", a.Instance}, {s.region, a.Region}, {s.account, a.Account}} {
		if part[1] != "" {
			where = append(where, fill(part[0], "value", part[1]))
		}
	}
	if len(where) > 0 {
		lines = append(lines, strings.Join(where, w.labels.Comma))
	}
	if a.Note != "" {
		lines = append(lines, w.phrase(a.Note))
	}
	return lines
}

// Stamp is a time, and how long before now that is; empty for the zero time.
func (w *Words) Stamp(t, now time.Time) string {
	template, ago := w.events.ago, now.Sub(t).Round(time.Second)
	if t.IsZero() {
		return ""
	}
	if ago < 0 {
		template, ago = w.events.ahead, -ago
	}
	return fill(template, "time", t.Format(time.RFC3339), "ago", remedy.Age(ago))
}

// answered says what ECS answered to an attempt.
func (w *Words) answered(a *remedy.Attempt) string {
	s := &w.events
	said := s.uncertain
	switch a.Answer {
	case remedy.AnswerAccepted:
		said = s.accepted
	case remedy.AnswerRejected:
		said = s.rejected
	case remedy.AnswerNotExecuted:
		said = s.notExecuted
	}
	code := ""
	if a.Code != "" {
		code = fill(s.code, "code", a.Code)
	}
	said = fill(said, "code", code)
	if a.RequestID != "" {
		said += fill(s.requestID, "id", a.RequestID)
	}
	return said
}

// became says what became of an attempt.
func (w *Words) became(a *remedy.Attempt, clock func(time.Time) string) string {
	s := &w.events
	switch a.Fate {
	case remedy.FateWorked:
		switch {
		case a.BackAt.IsZero():
			return s.worked
		case a.LeftRunningAt.IsZero():
			return s.workedStart
		}
		return fill(s.workedBack, "left", clock(a.LeftRunningAt), "back", clock(a.BackAt))
	case remedy.FateFailed:
		switch {
		case a.Answer == remedy.AnswerRejected && a.Force:
			return s.failedForce
		case a.Answer == remedy.AnswerRejected:
			return s.failedRetry
		case a.Stuck:
			return s.stuck
		}
		return s.failed
	case remedy.FateUnconfirmed:
		if a.Answer == remedy.AnswerAccepted {
			return s.unwatched
		}
		return s.unconfirmed
	case remedy.FateOpen:
		return s.neverSent
	}
	return string(a.Fate)
}

// looked says what a row of readings showed.
func (w *Words) looked(e *timeline.Entry, clock func(time.Time) string) string {
	s, l := &w.events, e.Look
	saw := w.status(l)
	switch l.Heart {
	case timeline.HeartFailed:
		saw = fill(s.heartFailed, "saw", saw, "why", w.failure(l.HeartFailed))
	case timeline.HeartNever:
		saw = fill(s.heartNever, "saw", saw)
	case timeline.HeartSilent:
		saw = fill(s.heartSilent, "saw", saw)
	case timeline.HeartBeating:
		saw = fill(s.heartBeats, "saw", saw, "time", clock(l.HeartAt))
	}
	if l.Looks < 2 {
		return saw
	}
	return fill(s.until, "saw", saw, "time", clock(l.Until), "n", strconv.Itoa(l.Looks))
}

// status is what a reading of an instance showed.
func (w *Words) status(l *timeline.Look) string {
	switch {
	case l.Failed != nil:
		return w.failure(l.Failed)
	case l.Left:
		return w.events.left
	}
	return or(w.statuses[l.Status], l.Status)
}

// failure says why a reading failed: with the API's code, or where there is none the note.
func (w *Words) failure(f *timeline.Failed) string {
	said := or(w.failures[f.Failure], string(f.Failure))
	if more := or(f.Code, w.phrase(strings.TrimSuffix(f.Note, "."))); more != "" {
		said += w.labels.Colon + more
	}
	return said
}
