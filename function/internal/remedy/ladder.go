package remedy

import (
	"strconv"
	"time"
)

// This file is the ladder of an open incident: a graceful reboot, a graceful retry, a forced one,
// and then a human. It takes up an incident wherever it stands: the last attempt is watched until
// it is settled, and then the next rung is chosen.

// ladder says what is next for an incident that this invocation holds and that has an attempt.
func (m *machine) ladder() Step {
	for i := range m.incident.Attempts {
		switch a := &m.incident.Attempts[i]; a.Fate {
		case FateWorked:
			return m.welcome(a) // not always the last one: ECS may not have executed the retry
		case FateOpen, FateFailed, FateUnconfirmed:
		default:
			return m.fail(ReasonUnreadable, "attempt "+strconv.Itoa(a.N)+" has the unknown fate "+
				quoted(string(a.Fate)))
		}
	}
	a := &m.incident.Attempts[len(m.incident.Attempts)-1]
	if a.Answer == AnswerNone {
		// Whoever claimed it is gone, or froze. It may have been sent until SendBefore, so that is
		// where the watch begins.
		a.Answer = AnswerUnknown
	}
	switch {
	case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:
		return m.climb()
	case a.Answer == AnswerAccepted, a.Answer == AnswerUnknown:
		return m.watch(a)
	case a.Answer == AnswerRejected:
		return m.rejected(a)
	}
	return m.fail(ReasonUnreadable, "attempt "+strconv.Itoa(a.N)+" has the unknown answer "+
		quoted(string(a.Answer)))
}

// counted is the last attempt that counts: not one that ECS provably did not execute; nil: none.
func (m *machine) counted() *Attempt {
	for i := len(m.incident.Attempts) - 1; i >= 0; i-- {
		if a := &m.incident.Attempts[i]; a.Answer != AnswerNotExecuted {
			return a
		}
	}
	return nil
}

// climb decides on the next attempt, the last one being settled.
func (m *machine) climb() Step {
	f := m.f
	if reason, why := m.barred(); reason != "" {
		return m.lastLook(reason, why)
	}
	if until := m.backoff(); f.Now.Before(until) {
		return m.wait(until)
	}
	if last := &m.incident.Attempts[len(m.incident.Attempts)-1]; f.Now.Before(last.ClaimedAt) {
		return m.poll(last.ClaimedAt) // by a clock that is ahead of ours: attempts stay in order
	}
	if missing := sourceGuards &^ f.have(); missing != 0 {
		return m.read(missing)
	}
	if late := m.workedAfterAll(); late != nil {
		return m.welcome(late)
	}
	if step, over := m.recovered(); over {
		return step
	}
	r := ruling{p: m.p, f: f, findings: make([]Finding, 0, 12)}
	moving := m.mayReboot(&r)
	switch {
	case r.reason != "":
		return m.end(r.reason, r.why).with(r.findings)
	case moving && f.Instance.Value.Status == "Starting":
		return m.starting().with(r.findings)
	case r.blind != "" || moving:
		return m.poll(m.incident.limit(m.p)).with(r.findings)
	}
	step := m.rung(&r)
	return step.with(r.findings)
}

// barred says why no further attempt may be claimed, whatever the instance looks like; empty: one
// may.
func (m *machine) barred() (Reason, string) {
	p, f, previous := m.p, m.f, m.counted()
	all := 0
	for i := range m.incident.Attempts {
		if m.incident.Attempts[i].Answer != AnswerNotExecuted {
			all++
		}
	}
	switch {
	case previous != nil && previous.Force && previous.Fate == FateFailed:
		return ReasonNotRecovered, "the forced reboot did not restart it either"
	case all >= p.MaxAttempts:
		return ReasonNotRecovered, "all " + strconv.Itoa(all) + " attempts are used up"
	case p.Mode != ModeEnforce:
		return ReasonPaused, "the mode is " + string(p.Mode) + " now"
	case f.Fleet.OK() && f.Fleet.Value.Paused.On(f.Now):
		return ReasonPaused, "paused: " + f.Fleet.Value.Paused.Reason
	case !m.incident.ResolvedAt.IsZero():
		return ReasonResolved, "its alarm was resolved at " + stamp(m.incident.ResolvedAt)
	case f.Now.After(m.incident.limit(p)):
		return ReasonNotRecovered, "the incident is older than " + short(p.IncidentLimit)
	}
	return "", ""
}

// lastLook is for an incident that may claim nothing more: it may have worked after all.
func (m *machine) lastLook(reason Reason, why string) Step {
	f := m.f
	overdue := f.Now.After(m.incident.limit(m.p))
	last := SourceInstance | SourceVitals
	if overdue {
		last |= SourcePlatform
	}
	if missing := last &^ f.have(); missing != 0 {
		return m.read(missing)
	}
	if !f.Instance.OK() {
		return m.unseen(f.Instance.Failure, f.Instance.Note)
	}
	if late := m.workedAfterAll(); late != nil {
		return m.welcome(late)
	}
	if step, over := m.recovered(); over {
		return step
	}
	if accepted := m.lastAccepted(); accepted != nil && f.Instance.Value.Status == "Starting" {
		accepted.observe(&f.Instance)
		return m.starting()
	}
	if overdue && !f.Platform.OK() { // what kept the next attempt from being sent
		return m.unseen(f.Platform.Failure, f.Platform.Note)
	}
	switch reason {
	case ReasonNotRecovered:
		return m.giveUp(why)
	case ReasonPaused:
		return m.end(reason, why)
	}
	return m.fail(reason, why)
}

// recovered: does the guest report again, though no restart was seen? A heartbeat of an instance
// that is on its way down says nothing: the old system beats while it shuts down.
func (m *machine) recovered() (Step, bool) {
	state, saw := m.f.pulse(m.p)
	if !m.reports(state) || !m.f.Instance.OK() || m.f.Instance.Value.Status != "Running" {
		return Step{}, false
	}
	return m.revived(saw), true
}

// mayReboot asks the live guards again. It reports whether the instance is on its way by our own
// doing, so that nothing is sent and the watch goes on.
func (m *machine) mayReboot(r *ruling) (moving bool) {
	f, previous := m.f, m.counted()
	foundRule(r)
	if f.Instance.OK() {
		status := f.Instance.Value.Status
		onItsWay := status == "Stopping" || status == "Starting"
		ours := previous != nil && previous.accepted() || m.stuck()
		switch {
		case status == "Running":
			r.pass(RuleRunning, status)
		case status == "Stopping" && m.stuck():
			r.pass(RuleRunning, status+", in which our own attempt left it")
		case onItsWay && ours && (status == "Starting" ||
			f.Instance.At.Before(previous.end(m.p).Add(m.p.AttemptTimeout))):
			moving = true
			if accepted := m.lastAccepted(); accepted != nil {
				accepted.observe(&f.Instance)
			}
			r.pass(RuleRunning, status+", as if our own attempt took effect only now")
		default:
			r.refuse(RuleRunning, ReasonNotRunning, status)
		}
	}
	for _, rule := range live {
		rule(r)
	}
	state, saw := f.pulse(m.p)
	if state == pulseBeating && m.p.SecondCheck && f.Instance.OK() &&
		f.Instance.Value.Status != "Running" {
		// It shuts down, and is alive while it does. Nothing is sent; the watch goes on.
		r.pass(RuleHeartbeat, saw+", while it is "+f.Instance.Value.Status)
		return true
	}
	heartbeatRule(r)
	return moving
}

// stuck reports whether the last attempt that counts failed and left the instance Stopping: the
// next one may be sent in that state.
func (m *machine) stuck() bool {
	previous := m.counted()
	return previous != nil && previous.Fate == FateFailed && previous.Stuck
}

// rung chooses between a graceful attempt and a forced one, and claims it. Before that the pause is
// looked for once more, and that the incident has its slot.
func (m *machine) rung(r *ruling) Step {
	f, previous := m.f, m.counted()
	unconfirmed := previous != nil && previous.Fate == FateUnconfirmed
	if unconfirmed && !previous.watched(m.p) {
		if state, _ := f.pulse(m.p); state != pulseSilent {
			return m.fail(ReasonUnconfirmed, "nobody watched attempt "+strconv.Itoa(previous.N)+
				" all the time, and no heartbeat tells")
		}
	}
	graceful := 0
	for i := range m.incident.Attempts {
		if a := &m.incident.Attempts[i]; a.Fate == FateFailed && !a.Force {
			graceful++
		}
	}
	force := graceful >= 2 && !unconfirmed
	if force {
		if forceRule(r, previous); r.reason != "" {
			if m.stuck() {
				return m.fail(ReasonStuck, "it is "+f.Instance.Value.Status+
					", and no force may get it out of that: "+r.why)
			}
			return m.fail(r.reason, r.why)
		}
	}
	switch {
	case m.stale():
		return m.afresh("the readings are too old for a claim")
	case !f.Fleet.Read() || f.Fleet.At.Before(f.Instance.At):
		return m.read(SourceFleet) // the pause is looked for last, so that it holds at once
	case !f.Fleet.OK():
		return m.poll(m.incident.limit(m.p))
	}
	r.pass(RulePause, "none")
	if f.Fleet.Value.slot(m.incident.ID) == nil {
		return m.write(Write{Fleet: ptr(f.Fleet.Value.retaken(m.incident, m.p, f.Now))})
	}
	if force {
		if step, wanted := m.evidence(m.incident, EvidenceForce); wanted {
			return step
		}
		r.findings = append(r.findings, m.kept(m.incident, EvidenceForce)...)
	}
	return m.claim(force)
}

// backoff is when an attempt that ECS did not execute may be sent anew: in the next minute where
// the account was throttled (ECS counts calls by the clock's minutes), and otherwise after
// REMEDY_POLL, doubling to a minute.
func (m *machine) backoff() time.Time {
	row, wait, longest := 0, m.p.Poll, max(time.Minute, m.p.Poll)
	var last *Attempt
	for i := len(m.incident.Attempts) - 1; i >= 0; i-- {
		if m.incident.Attempts[i].Answer != AnswerNotExecuted {
			break
		}
		if row++; last == nil {
			last = &m.incident.Attempts[i]
		}
	}
	if last == nil {
		return time.Time{}
	}
	if last.Throttled {
		return last.AnsweredAt.Truncate(time.Minute).Add(time.Minute)
	}
	for range row - 1 {
		wait = min(2*wait, longest)
	}
	return last.AnsweredAt.Add(wait)
}

func (m *machine) restarted(why string) Step {
	return m.finish(VerdictRestarted, ReasonRecovered, why)
}

func (m *machine) fail(reason Reason, why string) Step {
	return m.finish(VerdictFailed, reason, why)
}

// end settles with a guard's or ECS's refusal: the alarm was refused if no attempt can have reached
// the instance, and the incident failed otherwise.
func (m *machine) end(reason Reason, why string) Step {
	for i := range m.incident.Attempts {
		if m.incident.Attempts[i].sent() {
			return m.fail(reason, why)
		}
	}
	return m.finish(VerdictRefused, reason, why)
}

// giveUp settles for want of anything left to try, and says what is known of the last attempt.
func (m *machine) giveUp(why string) Step {
	switch last := m.counted(); {
	case last != nil && last.Fate == FateUnconfirmed:
		return m.fail(ReasonUnconfirmed, why)
	case last != nil && last.Stuck:
		return m.fail(ReasonStuck, why)
	}
	return m.fail(ReasonNotRecovered, why)
}

func (m *machine) finish(verdict Verdict, reason Reason, why string) Step {
	ended := m.incident.clone()
	ended.end(verdict, reason, why, m.f.Now)
	return m.settle(ended)
}
