package remedy

import (
	"cmp"
	"strconv"
	"time"
)

// This file answers one question: what became of an attempt? It is followed until the instance has
// restarted and its guest has reported, or until its time is over.

// watch follows an attempt that was accepted, or may have been, until it worked or its time has run
// out.
func (m *machine) watch(a *Attempt) Step {
	reading, end := &m.f.Instance, a.end(m.p)
	if !reading.Read() {
		return m.read(SourceInstance)
	}
	if reading.OK() {
		a.see(m.p, reading)
		a.observe(reading)
	}
	if a.Fate == FateWorked {
		return m.welcome(a)
	}
	if reading.At.Before(end) {
		return m.poll(end)
	}
	if !reading.OK() {
		return m.unseen(reading.Failure, reading.Note)
	}
	switch status := reading.Value.Status; status {
	case "Running":
		a.timeIsOver(m.p)
		return m.climb()
	case "Starting":
		return m.starting()
	case "Stopping":
		if a.timeIsOver(m.p); a.Fate == FateFailed {
			a.Stuck = true
			return m.climb()
		}
		return m.fail(ReasonStuck, "it is "+status+", and it is not certain that our attempt "+
			strconv.Itoa(a.N)+" began that")
	default:
		a.timeIsOver(m.p)
		return m.fail(ReasonNotRunning, "it is "+status+" at the end of attempt "+strconv.Itoa(a.N))
	}
}

// begun is from when on the attempt may take effect at the latest: its answer, or where nobody
// knows of one the last moment at which it may have been sent. So every attempt has its whole time,
// whoever watches it.
func (a *Attempt) begun() time.Time {
	if a.AnsweredAt.IsZero() {
		return a.SendBefore
	}
	return a.AnsweredAt
}

// end is when the attempt's time has run out.
func (a *Attempt) end(p *Policy) time.Time { return a.begun().Add(p.AttemptTimeout) }

// watched reports whether the instance was read at or after the attempt's end, and without a gap
// until then.
func (a *Attempt) watched(p *Policy) bool { return !a.LastReadAt.Before(a.end(p)) }

// see keeps the unbroken watch.
func (a *Attempt) see(p *Policy, reading *Reading[Instance]) {
	from := a.LastReadAt
	if from.IsZero() {
		from = a.begun()
	}
	if reading.At.Sub(from) <= p.Gap() && reading.At.After(a.LastReadAt) {
		a.LastReadAt = reading.At
	}
}

// observe takes a reading of the instance into account: whether it left Running, and came back.
// Stopping and then Running is no proof: the platform may have given up on a guest that ignored it.
func (a *Attempt) observe(reading *Reading[Instance]) {
	switch reading.Value.Status {
	case "Starting", "Stopped":
		if a.LeftRunningAt.IsZero() {
			a.LeftRunningAt = reading.At
		}
	case "Running":
		if a.returned(&reading.Value) {
			a.Fate, a.BackAt = FateWorked, reading.At
		}
	}
}

// returned reports whether an instance that is Running now was restarted since the attempt.
// StartTime has a resolution of a minute and need not change, so that only a change of it is proof.
func (a *Attempt) returned(i *Instance) bool {
	changed := i.StartTime != "" && a.Before.StartTime != "" && i.StartTime != a.Before.StartTime
	return changed || !a.LeftRunningAt.IsZero()
}

// timeIsOver settles an attempt that did not work: it failed only if it is known that ECS took it,
// and that nobody looked away.
func (a *Attempt) timeIsOver(p *Policy) {
	a.Fate = FateUnconfirmed
	known := a.Answer == AnswerAccepted || a.Answer == AnswerRejected
	if known && a.watched(p) {
		a.Fate = FateFailed
	}
}

// starting is for an instance that is Starting when an attempt's time is over: the shutdown
// succeeded, and a boot may take long. Nothing is sent; the watch goes on to the incident's limit.
func (m *machine) starting() Step {
	if limit := m.incident.limit(m.p); m.f.Now.Before(limit) {
		return m.poll(limit)
	}
	if ours := m.lastAccepted(); ours != nil && ours.Fate == FateOpen {
		ours.timeIsOver(m.p)
		ours.Stuck = true
	}
	return m.fail(ReasonStuck, "it is still Starting at the incident's limit")
}

// welcome waits, after a restart, until the guest has reported or is known not to.
func (m *machine) welcome(a *Attempt) Step {
	i, v := &m.f.Instance, &m.f.Vitals
	if missing := (SourceInstance | SourceVitals) &^ m.f.have(); missing != 0 {
		return m.read(missing)
	}
	running := i.OK() && i.Value.Status == "Running"
	if running && i.At.After(a.BackAt) && m.speechless(a) {
		return m.restarted("it restarted and was read Running twice; Cloud Assistant never " +
			"reported from it")
	}
	if running && v.OK() && v.clockAgrees() && beatAt(v).After(a.BackAt) {
		return m.restarted("it restarted, and its guest reported at " + stamp(v.Value.Heartbeat))
	}
	end := a.BackAt.Add(m.p.BootGrace)
	switch {
	case i.At.Before(end) || v.At.Before(end):
		return m.poll(end)
	case !i.OK():
		return m.unseen(i.Failure, i.Note)
	case i.Value.Status == "Stopping" || i.Value.Status == "Starting":
		return m.fail(ReasonStuck, "it restarted, and is "+i.Value.Status+" again")
	case !running:
		return m.fail(ReasonNotRunning, "it restarted, and is "+i.Value.Status+" now")
	case !v.OK():
		return m.unseen(v.Failure, v.Note)
	case !v.clockAgrees():
		return m.unseen(FailureUnreadable, clockDispute)
	}
	return m.fail(ReasonNotRecovered, "it restarted, but its guest has not reported within "+
		short(m.p.BootGrace))
}

// speechless reports whether no heartbeat is to be expected of the guest: Cloud Assistant never
// reported from it, or there is no permission to read heartbeats and no rule that needs them.
func (m *machine) speechless(a *Attempt) bool {
	v := &m.f.Vitals
	if !a.Before.Heartbeat.IsZero() {
		return false
	}
	return v.OK() && v.Value.Heartbeat.IsZero() ||
		v.Failure == FailureForbidden && !m.p.SecondCheck
}

// beatAt is the last heartbeat on our clock. Both clocks are taken to the second, the resolution of
// ECS's times, so that a beat is never made to look later than it was.
func beatAt(v *Reading[Vitals]) time.Time {
	return v.Value.Heartbeat.Add(v.At.Truncate(time.Second).Sub(v.Date))
}

// rejected deals with ECS's refusal of an attempt. The wrong status is read again before it is
// believed: our own earlier attempt may have put the instance there.
func (m *machine) rejected(a *Attempt) Step {
	if a.Reason != ReasonNotRunning {
		return m.end(cmp.Or(a.Reason, ReasonRejected),
			"ECS refused attempt "+strconv.Itoa(a.N)+": "+a.Code)
	}
	reading, end := &m.f.Instance, a.end(m.p)
	if !reading.Read() {
		return m.read(SourceInstance)
	}
	if !reading.OK() {
		if reading.At.Before(end) {
			return m.poll(end) // an empty list may be a slip of the moment
		}
		return m.unseen(reading.Failure, reading.Note)
	}
	a.see(m.p, reading)
	ours, status := m.lastAccepted(), reading.Value.Status
	if ours != nil {
		ours.observe(reading)
		if ours.Fate == FateWorked {
			return m.welcome(ours)
		}
	}
	switch {
	case status == "Running" && !a.Stuck:
		return m.refusedThoughRunning(a)
	case status == "Running":
	case status != "Stopping" && status != "Starting":
		return m.end(ReasonNotRunning, "it is "+status)
	case ours == nil:
		return m.end(ReasonNotRunning, "it is "+status+", and not by our doing")
	case status == "Starting":
		return m.starting()
	}
	// The transition that our earlier attempt began. The machine obeys, and is not to get less time
	// than a deaf one.
	a.Stuck = true
	if a.Force {
		end = m.incident.limit(m.p)
	}
	if reading.At.Before(end) {
		return m.poll(end)
	}
	a.timeIsOver(m.p)
	switch {
	case a.Force && status == "Running":
		return m.fail(ReasonNotRecovered, "ECS refused to force it, and it did not restart")
	case a.Force:
		return m.fail(ReasonStuck, "it is "+status+", and ECS refuses to force it out of that")
	case a.Fate != FateFailed && status == "Stopping":
		return m.fail(ReasonStuck, "it is Stopping, and nobody watched it all the time")
	}
	return m.climb()
}

// refusedThoughRunning is for an attempt that ECS refused as not Running, of an instance that is.
func (m *machine) refusedThoughRunning(a *Attempt) Step {
	for i := range m.incident.Attempts {
		e := &m.incident.Attempts[i]
		if e.Answer == AnswerNotExecuted && e.Reason == ReasonNotRunning {
			return m.end(ReasonRejected, "ECS refused attempt "+strconv.Itoa(a.N)+
				" as not Running, though it is, for the second time")
		}
	}
	a.Answer = AnswerNotExecuted
	return m.climb()
}

// workedAfterAll is the attempt that was given up on and worked after all, if one did: nothing more
// is sent then.
func (m *machine) workedAfterAll() *Attempt {
	reading := &m.f.Instance
	if !reading.OK() || reading.Value.Status != "Running" {
		return nil
	}
	for i := len(m.incident.Attempts) - 1; i >= 0; i-- {
		if a := &m.incident.Attempts[i]; a.sent() && a.returned(&reading.Value) {
			a.Fate, a.BackAt = FateWorked, reading.At
			return a
		}
	}
	return nil
}

// reports reports whether the guest's heartbeat is back after an attempt that ECS accepted: that
// means recovered, even if no restart was seen.
func (m *machine) reports(state pulse) bool {
	return state == pulseBeating && m.p.SecondCheck && m.lastAccepted() != nil
}

// lastAccepted is the last attempt that ECS is known to have taken; nil: none.
func (m *machine) lastAccepted() *Attempt {
	for i := len(m.incident.Attempts) - 1; i >= 0; i-- {
		if a := &m.incident.Attempts[i]; a.accepted() {
			return a
		}
	}
	return nil
}

// revived: the guest reports although no restart was seen. The last attempt that ECS accepted gets
// the credit.
func (m *machine) revived(saw string) Step {
	m.lastAccepted().Fate = FateWorked
	return m.restarted("no restart was seen, but its guest reports again: " + saw)
}

// poll waits for the next look, or until the given time where that comes first.
func (m *machine) poll(end time.Time) Step {
	until := m.f.Now.Add(m.p.Poll)
	if m.f.Now.Before(end) {
		until = earlier(until, end)
	}
	return m.wait(until)
}

// unseen is what an instance that cannot be read leads to at the end of an attempt: not there is an
// answer; everything else is looked at again until the incident's limit.
func (m *machine) unseen(failure Failure, note string) Step {
	switch {
	case failure == FailureMissing:
		return m.end(ReasonNotFound, note)
	case m.f.Now.Before(m.incident.limit(m.p)):
		return m.poll(m.incident.limit(m.p))
	case failure == FailureForbidden:
		return m.end(ReasonForbidden, note)
	}
	return m.end(ReasonUnreadable, note)
}
