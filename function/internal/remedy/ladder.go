package remedy

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// The ladder of an open incident: a graceful reboot, a graceful retry, a forced one, and then a human. resume takes up an
// incident wherever it stands: it watches the last attempt until that is settled, and climbs on from there.
func resume(p *Policy, f *Facts, incident *Incident) Step {
	l := ladder{p: p, f: f, incident: incident}
	step := l.next()
	step.Incident = incident
	return step
}

type ladder struct {
	p        *Policy
	f        *Facts
	incident *Incident
}

// last is the attempt that decides what comes next; nil before the first.
func (l *ladder) last() *Attempt {
	if n := len(l.incident.Attempts); n > 0 {
		return &l.incident.Attempts[n-1]
	}
	return nil
}

func (l *ladder) next() Step {
	a := l.last()
	if a == nil {
		return l.settle(ReasonAbandoned, "the incident holds no attempt") // no writer of ours leaves one like that
	}
	for i := range l.incident.Attempts {
		if worked := &l.incident.Attempts[i]; worked.Outcome == OutcomeWorked {
			return l.welcome(worked) // not always the last one: ECS may not have executed the retry
		}
	}
	if a.Outcome == OutcomeClaimed {
		// Whoever claimed it is gone, or froze. It may have been sent until SendBefore, so that is where the watch begins.
		a.Outcome = OutcomeUnknown
	}
	switch a.Outcome {
	case OutcomeAccepted, OutcomeUnknown:
		return l.watch(a)
	case OutcomeRejected:
		return l.rejected(a)
	case OutcomeFailed, OutcomeUnconfirmed, OutcomeNotExecuted:
		return l.climb()
	}
	return l.settle(ReasonUnreadable, "attempt "+strconv.Itoa(a.N)+" has the unknown outcome "+quoted(string(a.Outcome)))
}

// begun is from when on the attempt may take effect at the latest: its answer, or where nobody knows of one the last moment at
// which it may have been sent. So every attempt has its whole time, whoever watches it.
func (a *Attempt) begun() time.Time {
	if a.AnsweredAt.IsZero() {
		return a.SendBefore
	}
	return a.AnsweredAt
}

// end is when the attempt's time has run out.
func (a *Attempt) end(p *Policy) time.Time { return a.begun().Add(p.AttemptTimeout) }

// watched reports whether the instance was read at or after the attempt's end, and without a gap until then.
func (a *Attempt) watched(p *Policy) bool { return !a.LastReadAt.Before(a.end(p)) }

// accepted reports whether ECS is known to have taken the attempt.
func (a *Attempt) accepted() bool {
	switch a.Outcome {
	case OutcomeAccepted, OutcomeWorked, OutcomeFailed:
		return true
	case OutcomeUnconfirmed:
		return a.RequestID != "" && a.Code == ""
	}
	return false
}

// sent reports whether the attempt may have reached the instance.
func (a *Attempt) sent() bool { return a.Outcome != OutcomeRejected && a.Outcome != OutcomeNotExecuted }

// see takes a reading of the instance into account: whether it left Running and came back, and the unbroken watch.
func (a *Attempt) see(p *Policy, m *Reading[Instance]) {
	from := a.LastReadAt
	if from.IsZero() {
		from = a.begun()
	}
	if m.At.Sub(from) <= p.Gap() && m.At.After(a.LastReadAt) {
		a.LastReadAt = m.At
	}
	switch m.Value.Status {
	case "Starting", "Stopped":
		if a.LeftRunningAt.IsZero() {
			a.LeftRunningAt = m.At
		}
	case "Running":
		if !a.LeftRunningAt.IsZero() || a.restarted(&m.Value) {
			a.Outcome, a.BackAt = OutcomeWorked, m.At
		}
	}
}

// moves notes that the instance is restarting after the attempt's time was over.
func (a *Attempt) moves(m *Reading[Instance]) {
	if m.Value.Status == "Starting" && a.LeftRunningAt.IsZero() {
		a.LeftRunningAt = m.At
	}
}

// restarted reports whether the instance was started since the attempt's baseline. The time has a resolution of a minute and
// need not change, so that only a change is proof.
func (a *Attempt) restarted(m *Instance) bool {
	return m.StartTime != "" && a.Before.StartTime != "" && m.StartTime != a.Before.StartTime
}

// watch follows an attempt that was accepted, or may have been, until it worked or its time has run out.
func (l *ladder) watch(a *Attempt) Step {
	m, end := &l.f.Machine, a.end(l.p)
	if !m.Read() {
		return Step{Do: DoRead, Sources: SourceInstance}
	}
	if m.OK() {
		a.see(l.p, m)
	}
	if a.Outcome == OutcomeWorked {
		return l.welcome(a)
	}
	if m.At.Before(end) {
		return l.poll(end)
	}
	if !m.OK() {
		return l.blind(m.Failure, m.Note)
	}
	accepted, watched := a.Outcome == OutcomeAccepted, a.watched(l.p)
	if accepted && watched {
		a.Outcome = OutcomeFailed
	} else {
		a.Outcome = OutcomeUnconfirmed
	}
	switch status := m.Value.Status; status {
	case "Running":
		return l.climb()
	case "Stopping", "Starting":
		if a.Outcome == OutcomeFailed {
			a.Stuck = true
			return l.climb()
		}
		return l.settle(ReasonStuck, "it is "+status+", and it is not certain that our attempt "+strconv.Itoa(a.N)+" began that")
	default:
		return l.settle(ReasonNotRunning, "it is "+status+" at the end of attempt "+strconv.Itoa(a.N))
	}
}

// welcome waits, after a restart, until the guest has reported or is known not to.
func (l *ladder) welcome(a *Attempt) Step {
	m, v := &l.f.Machine, &l.f.Vitals
	if !m.Read() || !v.Read() {
		return Step{Do: DoRead, Sources: (SourceInstance | SourceVitals) &^ l.f.have()}
	}
	end := a.BackAt.Add(l.p.BootGrace)
	running := m.OK() && m.Value.Status == "Running"
	// Without permission to read heartbeats, and with no rule that needs them, there is no more to learn than without an agent.
	reported := !a.Before.Heartbeat.IsZero() || v.OK() && !v.Value.Heartbeat.IsZero()
	known := v.OK() || v.Failure == FailureForbidden && !l.p.SecondCheck
	if running && !reported && known && m.At.After(a.BackAt) {
		return l.restarted("it restarted and was read Running twice; Cloud Assistant never reported from it")
	}
	if running && reported && v.OK() && v.clockAgrees() && beatAt(v).After(a.BackAt) {
		return l.restarted("it restarted, and its guest reported at " + stamp(v.Value.Heartbeat))
	}
	switch {
	case m.At.Before(end) || v.At.Before(end):
		return l.poll(end)
	case !m.OK():
		return l.blind(m.Failure, m.Note)
	case m.Value.Status == "Stopping" || m.Value.Status == "Starting":
		return l.settle(ReasonStuck, "it restarted, and is "+m.Value.Status+" again")
	case !running:
		return l.settle(ReasonNotRunning, "it restarted, and is "+m.Value.Status+" now")
	case !v.OK():
		return l.blind(v.Failure, v.Note)
	case !v.clockAgrees():
		return l.blind(FailureUnreadable, clockDispute)
	}
	return l.settle(ReasonNotRecovered, "it restarted, but its guest has not reported within "+short(l.p.BootGrace))
}

// beatAt is the last heartbeat on our clock. Both clocks are taken to the second, the resolution of ECS's times, so that a
// beat is never made to look later than it was.
func beatAt(v *Reading[Vitals]) time.Time {
	return v.Value.Heartbeat.Add(v.At.Truncate(time.Second).Sub(v.Date))
}

// rejected deals with ECS's refusal. The wrong status is read again before it is believed: our own attempt may have put the
// instance there.
func (l *ladder) rejected(a *Attempt) Step {
	if a.Reason != ReasonNotRunning {
		return l.end(cmp.Or(a.Reason, ReasonRejected), "ECS refused attempt "+strconv.Itoa(a.N)+": "+a.Code)
	}
	m := &l.f.Machine
	if !m.Read() {
		return Step{Do: DoRead, Sources: SourceInstance}
	}
	if !m.OK() {
		if end := a.end(l.p); m.At.Before(end) {
			return l.poll(end) // an empty list may be a slip of the moment
		}
		return l.blind(m.Failure, m.Note)
	}
	// It may be our own earlier attempt that takes effect only now.
	before := l.counted(a)
	ours := before != nil && before.accepted()
	switch status := m.Value.Status; status {
	case "Running":
		if late := l.late(); late != nil {
			a.Outcome = OutcomeNotExecuted
			return l.welcome(late)
		}
		for _, earlier := range l.incident.Attempts {
			if earlier.Outcome == OutcomeNotExecuted && earlier.Reason == ReasonNotRunning {
				return l.end(ReasonRejected, "ECS refused attempt "+strconv.Itoa(a.N)+" as not Running, though it is, for the second time")
			}
		}
		a.Outcome = OutcomeNotExecuted
		return l.climb()
	case "Stopping", "Starting":
		if !ours {
			return l.end(ReasonNotRunning, "it is "+status+", and not by our doing")
		}
		if end := a.end(l.p); !before.Stuck && m.At.Before(end) {
			before.moves(m)
			return l.poll(end)
		}
		a.Outcome, a.Stuck = OutcomeFailed, true
		if a.Force {
			return l.settle(ReasonStuck, "it is "+status+", and ECS refuses to force it out of that")
		}
		return l.climb()
	default:
		return l.end(ReasonNotRunning, "it is "+status)
	}
}

// counted is the last attempt before a (all: nil) that counts: not one that ECS provably did not execute.
func (l *ladder) counted(a *Attempt) *Attempt {
	for i := len(l.incident.Attempts) - 1; i >= 0; i-- {
		if c := &l.incident.Attempts[i]; c != a && c.Outcome != OutcomeNotExecuted && (a == nil || c.N < a.N) {
			return c
		}
	}
	return nil
}

// climb decides on the next attempt, the last one being settled.
func (l *ladder) climb() Step {
	p, f, incident := l.p, l.f, l.incident
	previous := l.counted(nil)
	graceful, all := 0, 0
	for i := range incident.Attempts {
		a := &incident.Attempts[i]
		if a.Outcome != OutcomeNotExecuted {
			all++
		}
		if a.Outcome == OutcomeFailed && !a.Force {
			graceful++
		}
	}
	if barred, why := l.barred(previous, all); barred != "" {
		// A last look: it may have worked after all.
		overdue := f.Now.After(incident.limit(p))
		last := SourceInstance | SourceVitals
		if overdue {
			last |= SourcePlatform
		}
		if missing := last &^ f.have(); missing != 0 {
			return Step{Do: DoRead, Sources: missing}
		}
		if !f.Machine.OK() {
			return l.blind(f.Machine.Failure, f.Machine.Note)
		}
		if late := l.late(); late != nil {
			return l.welcome(late)
		}
		if pulse, saw := f.pulse(p); l.reports(pulse) && f.Machine.Value.Status == "Running" {
			return l.revived(saw)
		}
		if overdue && !f.Events.OK() { // what kept the next attempt from being sent
			return l.blind(f.Events.Failure, f.Events.Note)
		}
		switch barred {
		case ReasonNotRecovered:
			return l.giveUp(why)
		case ReasonPaused:
			return l.end(barred, why)
		}
		return l.settle(barred, why)
	}
	if until := l.backoff(); f.Now.Before(until) {
		return Step{Do: DoWait, Until: until}
	}
	if missing := (SourceFleet | SourceInstance | SourceVitals | SourcePlatform) &^ f.have(); missing != 0 {
		return Step{Do: DoRead, Sources: missing}
	}
	if late := l.late(); late != nil {
		return l.welcome(late)
	}
	r := ruling{p: p, f: f, findings: make([]Finding, 0, 12)}
	step := l.guard(&r, previous, graceful)
	step.Findings = r.findings
	return step
}

// guard asks the live guards again, and claims the next attempt if none objects.
func (l *ladder) guard(r *ruling, previous *Attempt, graceful int) Step {
	p, f := l.p, l.f
	pauseRule(r)
	foundRule(r)
	stuck := previous != nil && previous.Outcome == OutcomeFailed && previous.Stuck
	moving := false
	if f.Machine.OK() {
		switch status := f.Machine.Value.Status; {
		case status == "Running":
			r.pass("running", status)
		case stuck && (status == "Stopping" || status == "Starting"):
			r.pass("running", status+", in which our own attempt left it")
		case (status == "Stopping" || status == "Starting") && previous != nil && previous.accepted() &&
			f.Machine.At.Before(previous.end(p).Add(p.AttemptTimeout)):
			moving = true
			previous.moves(&f.Machine)
			r.pass("running", status+", as if our own attempt took effect only now")
		default:
			r.refuse("running", ReasonNotRunning, status)
		}
	}
	for _, rule := range live {
		rule(r)
	}
	pulse, saw := f.pulse(p)
	if l.reports(pulse) && f.Machine.OK() {
		if f.Machine.Value.Status != "Running" {
			return l.settle(ReasonStuck, "it is "+f.Machine.Value.Status+", but its guest still reports: "+saw)
		}
		return l.revived(saw)
	}
	heartbeatRule(r)
	switch {
	case r.reason != "":
		return l.end(r.reason, r.why)
	case r.blind != "" || moving:
		return l.poll(l.incident.limit(p))
	}
	if previous != nil && previous.Outcome == OutcomeUnconfirmed && !previous.watched(p) && pulse != pulseSilent {
		return l.settle(ReasonUnconfirmed, "nobody watched attempt "+strconv.Itoa(previous.N)+" all the time, and no heartbeat tells")
	}
	force := graceful >= 2 && (previous == nil || previous.Outcome != OutcomeUnconfirmed)
	if force {
		grant, tag := p.granted(&f.Machine.Value)
		switch {
		case !p.Force:
			r.refuse("force", ReasonForceNotAllowed, "REMEDY_FORCE=never")
		case grant != GrantFull:
			r.refuse("force", ReasonForceNotAllowed, tag)
		case stuck && previous.Code != "":
			r.pass("force", "a graceful attempt was accepted and left it "+f.Machine.Value.Status+", and ECS refused the retry for that")
		default:
			r.pass("force", "two graceful attempts were accepted and seen to fail")
		}
		if r.reason != "" && stuck {
			return l.settle(ReasonStuck, "it is "+f.Machine.Value.Status+", and no force may get it out of that: "+r.why)
		}
		if r.reason != "" {
			return l.settle(r.reason, r.why)
		}
		return Step{Do: DoForce, Attempt: attempt(f, l.incident, true)}
	}
	return Step{Do: DoReboot, Attempt: attempt(f, l.incident, false)}
}

// barred says why no further attempt may be claimed, whatever the instance looks like; empty: one may. It is given the last
// attempt that counts, and how many do.
func (l *ladder) barred(previous *Attempt, all int) (Reason, string) {
	switch p, f := l.p, l.f; {
	case previous != nil && previous.Force && previous.Outcome == OutcomeFailed:
		return ReasonNotRecovered, "the forced reboot did not restart it either"
	case all >= p.MaxAttempts:
		return ReasonNotRecovered, "all " + strconv.Itoa(all) + " attempts are used up"
	case p.Mode != ModeEnforce:
		return ReasonPaused, "the mode is " + string(p.Mode) + " now"
	case f.Fleet.OK() && f.Fleet.Value.Paused.On(f.Now):
		return ReasonPaused, "paused: " + f.Fleet.Value.Paused.Reason
	case !l.incident.ResolvedAt.IsZero():
		return ReasonResolved, "its alarm was resolved at " + stamp(l.incident.ResolvedAt)
	case f.Now.After(l.incident.limit(p)):
		return ReasonNotRecovered, "the incident is older than " + short(p.IncidentLimit)
	}
	return "", ""
}

// late is the attempt that was given up on and worked after all, if one did: nothing more is sent then.
func (l *ladder) late() *Attempt {
	m := &l.f.Machine
	if !m.OK() || m.Value.Status != "Running" {
		return nil
	}
	for i := len(l.incident.Attempts) - 1; i >= 0; i-- {
		if a := &l.incident.Attempts[i]; a.sent() && (!a.LeftRunningAt.IsZero() || a.restarted(&m.Value)) {
			a.Outcome, a.BackAt = OutcomeWorked, m.At
			return a
		}
	}
	return nil
}

// backoff is when an attempt that ECS did not execute may be sent anew: in the next minute where the account was throttled
// (ECS counts calls by the clock's minutes), and otherwise after REMEDY_POLL, doubling to a minute.
func (l *ladder) backoff() time.Time {
	row, wait := 0, l.p.Poll
	var last *Attempt
	for i := len(l.incident.Attempts) - 1; i >= 0 && l.incident.Attempts[i].Outcome == OutcomeNotExecuted; i-- {
		if row++; last == nil {
			last = &l.incident.Attempts[i]
		}
	}
	if last == nil {
		return time.Time{}
	}
	if last.Throttled {
		return last.AnsweredAt.Truncate(time.Minute).Add(time.Minute)
	}
	for ; row > 1 && wait < time.Minute; row-- {
		wait *= 2
	}
	return last.AnsweredAt.Add(min(wait, max(time.Minute, l.p.Poll)))
}

// poll waits for the next look, or until the given time where that comes first.
func (l *ladder) poll(end time.Time) Step {
	until := l.f.Now.Add(l.p.Poll)
	if l.f.Now.Before(end) && end.Before(until) {
		until = end
	}
	return Step{Do: DoWait, Until: until}
}

// blind is what an unreadable instance leads to at the end of an attempt: not there is an answer; everything else is looked
// at again until the incident's limit.
func (l *ladder) blind(failure Failure, note string) Step {
	switch {
	case failure == FailureMissing:
		return l.end(ReasonNotFound, note)
	case l.f.Now.Before(l.incident.limit(l.p)):
		return l.poll(l.incident.limit(l.p))
	case failure == FailureForbidden:
		return l.end(ReasonForbidden, note)
	}
	return l.end(ReasonUnreadable, note)
}

// reports reports whether the guest's heartbeat is back after an attempt that ECS accepted: that means recovered, even if no
// restart was seen.
func (l *ladder) reports(state pulse) bool {
	return state == pulseBeating && l.p.SecondCheck && slices.ContainsFunc(l.incident.Attempts, func(a Attempt) bool { return a.accepted() })
}

// revived: the guest reports although no restart was seen. The last attempt that ECS accepted gets the credit.
func (l *ladder) revived(saw string) Step {
	for i := len(l.incident.Attempts) - 1; i >= 0; i-- {
		if a := &l.incident.Attempts[i]; a.accepted() {
			a.Outcome = OutcomeWorked
			break
		}
	}
	return l.restarted("no restart was seen, but its guest reports again: " + saw)
}

func (l *ladder) restarted(why string) Step {
	return l.close(VerdictRestarted, ReasonRecovered, why)
}

func (l *ladder) settle(reason Reason, why string) Step { return l.close(VerdictFailed, reason, why) }

// end settles with a guard's or ECS's refusal: the alarm was refused if no attempt can have reached the instance, and the
// incident failed otherwise.
func (l *ladder) end(reason Reason, why string) Step {
	for i := range l.incident.Attempts {
		if l.incident.Attempts[i].sent() {
			return l.settle(reason, why)
		}
	}
	return l.close(VerdictRefused, reason, why)
}

// giveUp settles for want of anything left to try, and says what is known of the last attempt.
func (l *ladder) giveUp(why string) Step {
	switch last := l.counted(nil); {
	case last != nil && last.Outcome == OutcomeUnconfirmed:
		return l.settle(ReasonUnconfirmed, why)
	case last != nil && last.Stuck:
		return l.settle(ReasonStuck, why)
	}
	return l.settle(ReasonNotRecovered, why)
}

func (l *ladder) close(verdict Verdict, reason Reason, why string) Step {
	l.incident.Unwatch()
	l.incident.EndedAt, l.incident.Verdict, l.incident.Reason = l.f.Now.UTC(), verdict, reason
	return Step{Do: DoSettle, Verdict: verdict, Reason: reason, Why: why}
}
