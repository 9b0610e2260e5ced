package remedy

import (
	"hash/fnv"
	"io"
	"strconv"
	"time"
)

// This file is the protocol around an incident: who owns it, what is written before what, when a
// lease is renewed, and what a conflict, a lost answer or a freeze means. The order of writes is
//
//	the opening in the instance's record -> the slot in the fleet's record -> the first claim
//	 -> send
//	the end in the instance's record -> the slot is given back -> the answer
//
// so that a crash between any two leaves something that the next who looks understands: an opening
// without a claim is void when its lease runs out, a claim that nobody answers for is watched as
// one that was sent, and a slot whose incident has ended is given back. A slot whose incident is
// not in its instance's record at all means that the ledger has lost data.

// hold is for the invocation that owns the open incident: the record says so. What it has seen
// since is taken along, unless the ledger has lost something that it knew; then whatever is due
// about the lease and the claim; and then the ladder says what is next.
func (m *machine) hold(open *Incident) Step {
	f, now := m.f, m.f.Now
	if known := m.seen.Incident; known != nil && lacks(open, known) {
		return m.lost(known)
	}
	m.incident = updated(open, m.seen.Incident)
	m.seen.Incident = m.incident
	switch {
	case open.LeaseUntil.IsZero():
		return m.pendingOutOfTime() // we gave it free, for this reason
	case now.After(open.LeaseUntil) && f.Written.Wrote == WroteUnknown:
		return answer(VerdictPending, ReasonDependencyUnavailable, "the ledger: "+f.Written.Note)
	case now.After(open.LeaseUntil) && len(open.Attempts) == 0:
		// We stood still, and whatever was read may be old: others may have voided it long ago.
		return m.write(Write{Record: ptr(f.Record.Value.voided(m.incident, now, m.p))})
	case now.After(open.LeaseUntil):
		if f.passed(f.StopAt) {
			return outOfTime
		}
		return m.write(Write{Record: ptr(f.Record.Value.takenOver(m.incident, f.Owner, m.p, now))})
	}
	if taken := m.incident.TakenOverAt; !taken.IsZero() && !taken.After(now) {
		fresh := *f // Next's facts stay as they are
		fresh.forget(taken)
		f, m.f = &fresh, &fresh
	}
	if step, sends := m.send(); sends {
		return step
	}
	if len(m.incident.Attempts) == 0 {
		return m.first()
	}
	step := m.ladder()
	switch {
	case step.Do == DoWrite || step.Do == DoAnswer:
		return step
	case m.unwritten(open) || !now.Before(open.renewAt(m.p)):
		return m.write(Write{Record: ptr(f.Record.Value.kept(m.incident, m.p, now))})
	case now.Before(m.seen.WaitUntil) && step.Do == DoRead:
		return m.wait(m.seen.WaitUntil)
	}
	return step
}

// lacks reports whether the ledger's incident lacks an attempt that its owner knows to be written:
// an old record was restored.
func lacks(open, known *Incident) bool {
	if open.ID != known.ID || len(open.Attempts) < len(known.Attempts) {
		return open.ID == known.ID
	}
	for i := range known.Attempts {
		if !open.Attempts[i].ClaimedAt.Equal(known.Attempts[i].ClaimedAt) {
			return true
		}
	}
	return false
}

// updated is the ledger's incident with what its owner has seen of its attempts since. Nobody but
// the owner writes attempts, so what it has seen is never older.
func updated(open, known *Incident) *Incident {
	i := open.clone()
	if known != nil && known.ID == open.ID {
		copy(i.Attempts, known.Attempts)
	}
	return i
}

// unwritten reports whether something was seen that must survive a crash: what ECS answered, or
// that the instance came back. Without the one an attempt would count as unknown, without the other
// somebody might reboot a guest that is starting.
func (m *machine) unwritten(open *Incident) bool {
	for i := range open.Attempts {
		if open.Attempts[i].Answer != m.incident.Attempts[i].Answer {
			return true
		}
	}
	return !open.backAt().Equal(m.incident.backAt())
}

// send is for an attempt that this invocation has claimed and not sent: once the claim is in the
// ledger it is sent, before its SendBefore and never after; and the answer is taken down.
func (m *machine) send() (Step, bool) {
	f, claim := m.f, m.seen.Claim
	if claim == nil {
		return Step{}, false
	}
	n := len(m.incident.Attempts)
	if n == 0 || n != claim.N || !m.incident.Attempts[n-1].ClaimedAt.Equal(claim.ClaimedAt) {
		m.seen.Claim = nil // the claim is not in the ledger, so it was never made
		return Step{}, false
	}
	a, order := &m.incident.Attempts[n-1], Order{Region: m.incident.Region,
		Instance: m.incident.Instance, Force: claim.Force, SendBefore: claim.SendBefore}
	switch {
	case f.Sent == order:
		a.AnsweredAt, a.Answer = f.Reply.At.UTC(), f.Reply.Answer
		a.RequestID, a.Code = f.Reply.RequestID, f.Reply.Code
		a.Reason, a.Throttled = f.Reply.Reason, f.Reply.Throttled
	case !f.Now.After(claim.SendBefore):
		return Step{Do: DoSend, Order: order}, true
	default:
		a.AnsweredAt, a.Answer, a.Code = f.Now.UTC(), AnswerNotExecuted, "not-sent"
	}
	m.seen.Claim = nil
	return Step{}, false
}

// first is for an incident that this invocation has opened and not claimed yet: the live guards are
// asked on fresh readings, the slot is reserved, and only then is the first attempt claimed.
// Whatever forbids it takes the opening back, and the alarm is judged again by what forbade it.
func (m *machine) first() Step {
	f := m.f
	if f.passed(f.StopAt) || f.passed(f.ClaimBy) {
		return m.outOfTime()
	}
	if m.p.Mode != ModeEnforce || !m.incident.ResolvedAt.IsZero() {
		return m.void()
	}
	if missing := sourceGuards &^ f.have(); missing != 0 {
		return m.read(missing)
	}
	r := ruling{p: m.p, f: f, findings: make([]Finding, 0, 16)}
	foundRule(&r)
	runningRule(&r)
	for _, rule := range live {
		rule(&r)
	}
	heartbeatRule(&r)
	hangRule(&r)
	switch {
	case r.reason != "":
		return m.void().with(r.findings)
	case r.blind != "":
		return m.anotherLook(r.blind)
	case m.stale():
		return m.afresh("the readings are too old for a claim")
	case !f.Fleet.Read():
		return m.read(SourceFleet)
	case !f.Fleet.OK():
		return m.void()
	}
	return m.reserve()
}

// reserve gives the opening its slot, unless a limit or a pause forbids it, and then claims.
func (m *machine) reserve() Step {
	f, fleet := m.f, &m.f.Fleet.Value
	if _, lost := f.lostFleet(); lost || fleet.Paused.On(f.Now) {
		return m.void()
	}
	if fleet.slot(m.incident.ID) != nil {
		if f.Fleet.At.Before(f.Instance.At) { // the evidence took long, and all was read again
			return m.read(SourceFleet) // the pause is looked for last, so that it holds at once
		}
		if step, wanted := m.evidence(m.incident, EvidenceBefore); wanted {
			return step
		}
		return m.claim(false).with(m.kept(m.incident, EvidenceBefore))
	}
	if fleet.slotOf(m.incident.Instance) != nil {
		return m.void() // of another incident: the alarm is judged again by what that means
	}
	if full, _ := fleet.Full(*m.p, f.Now); full != "" || !m.served() {
		return m.void()
	}
	return m.write(Write{Fleet: ptr(fleet.reserved(m.incident, m.p, f.Now))})
}

// served reports whether the slot is the alarm's to take: none of its instance waits and nobody
// else is before it, or it is the one that waited, was not resolved meanwhile, and nobody else
// judges it.
func (m *machine) served() bool {
	f, fleet := m.f, &m.f.Fleet.Value
	w := fleet.waiterOf(m.incident.Instance)
	if f.Waiter == nil {
		newcomer := f.waiter()
		return w == nil && fleet.admits(&newcomer, m.p, f.Now)
	}
	return w != nil && w.is(&f.Alarm) && w.ResolvedAt.IsZero() &&
		(w.By == f.Owner || !w.leased(m.p, f.Now))
}

// anotherLook is again for an incident that is open: when there is no more time for it, the opening
// is taken back.
func (m *machine) anotherLook(blind string) Step {
	if m.seen.Blind+1 >= blindRounds {
		m.seen.Blind = blindRounds
		return m.void()
	}
	return m.again(blind)
}

// void takes the opening back.
func (m *machine) void() Step {
	return m.write(Write{Record: ptr(m.f.Record.Value.voided(m.incident, m.f.Now, m.p))})
}

// claim writes down that the next attempt is about to be sent. RebootInstance has no client token,
// so this is the only guard against a second reboot.
func (m *machine) claim(force bool) Step {
	f, p := m.f, m.p
	if f.passed(f.StopAt) || f.passed(f.ClaimBy) {
		return m.outOfTime()
	}
	m.seen.Claim = &Attempt{
		N: len(m.incident.Attempts) + 1, Force: force,
		ClaimedAt: f.Now.UTC(), SendBefore: f.Now.Add(p.CallLimit()).UTC(),
		Before: Baseline{Status: f.Instance.Value.Status, StartTime: f.Instance.Value.StartTime,
			Heartbeat: f.Vitals.Value.Heartbeat},
	}
	m.seen.Reread = false
	m.incident.Evidence = f.place(m.incident)
	return m.write(Write{Record: ptr(f.Record.Value.claimed(m.incident, *m.seen.Claim, p, f.Now))})
}

// stale reports whether a live reading is too old for a claim.
func (m *machine) stale() bool {
	oldest := m.f.Now.Add(-m.p.CallLimit())
	return m.f.Instance.before(oldest) || m.f.Vitals.before(oldest) || m.f.Platform.before(oldest)
}

// afresh asks for all live readings again, once. When they are too old a second time, reading takes
// too long: that counts as a round in which a source was unavailable.
func (m *machine) afresh(why string) Step {
	if !m.seen.Reread {
		m.seen.Reread = true
		return m.read(sourceGuards)
	}
	m.seen.Reread = false
	if len(m.incident.Attempts) == 0 {
		return m.anotherLook(why)
	}
	return m.wait(m.f.Now.Add(m.p.Poll))
}

// gone is for an invocation that held an incident which the record does not show as its own any
// more. It reports false where the invocation lets go, and looks at the record like anybody else.
func (m *machine) gone() (Step, bool) {
	f, mine := m.f, m.seen.Incident
	record := &f.Record.Value
	ended := record.Ended(mine.ID)
	switch {
	case len(mine.Attempts) == 0:
		return m.takenBack(mine, ended)
	case ended != nil && ended.Reason == ReasonAbandoned:
		return m.over(ended), true // a slot that we took back meanwhile is given back
	case ended != nil, record.Open != nil && record.Open.ID == mine.ID:
		return Step{}, false // another owner took it over
	}
	return m.lost(mine), true
}

// takenBack is for an opening that is void: its slot is given back, if it ever had one.
func (m *machine) takenBack(mine, ended *Incident) (Step, bool) {
	f := m.f
	if ended != nil && ended.Void() && f.Fleet.OK() && f.Fleet.Value.slot(mine.ID) != nil {
		return m.write(Write{Fleet: ptr(f.Fleet.Value.freed(ended, f.Now))}), true
	}
	if m.seen.Blind >= blindRounds {
		return answer(VerdictPending, ReasonDependencyUnavailable,
			"nothing that is recent enough could be read of it"), true
	}
	if !mine.ResolvedAt.IsZero() {
		return answer(VerdictIgnored, ReasonResolved, "its alarm was resolved meanwhile"), true
	}
	return Step{}, false
}

// lost ends an incident that the ledger has lost, or a part of it. Nobody knows what was sent for
// it, so nothing more is, and the instance is left alone for its cool-down.
func (m *machine) lost(known *Incident) Step {
	ended := known.clone()
	ended.end(VerdictFailed, ReasonLedgerLost,
		"the ledger has lost what was written of this incident", m.f.Now)
	return m.settle(ended)
}

// settle writes the incident's end. It has ended when the ledger says so, and not before.
func (m *machine) settle(ended *Incident) Step {
	m.seen.Ending, m.seen.Claim = ended, nil
	step := m.write(Write{Record: ptr(m.f.Record.Value.settled(ended, m.p))})
	if step.Do != DoWrite || m.seen.Ending == nil {
		m.seen.Ending = nil // there is no time for it, or none yet
		return step
	}
	step.Verdict, step.Reason, step.Why = ended.Verdict, ended.Reason, ended.Why
	return step
}

// written reports whether the incident's end is in the ledger, as this invocation wrote it.
func (m *machine) written(ending *Incident) bool {
	ended := m.f.Record.Value.Ended(ending.ID)
	return ended != nil && ended.EndedAt.Equal(ending.EndedAt) && ended.Reason == ending.Reason
}

// over is for an incident whose end is in the ledger: what the fleet's record must know is written
// there, if that is possible, and the end is reported. A slot that is left is dropped by the sweep.
func (m *machine) over(ended *Incident) Step {
	f := m.f
	m.ended = ended
	done := answer(ended.Verdict, ended.Reason, ended.Why)
	if ended.Verdict == VerdictFailed && len(ended.Attempts) > 0 {
		if step, wanted := m.evidence(ended, EvidenceFailed); wanted {
			return step
		}
		done = done.with(m.kept(ended, EvidenceFailed))
	}
	step := done
	switch fleet := &f.Fleet.Value; {
	case f.Written.Wrote == WroteUnknown && f.Written.Fleet:
	case !f.Fleet.Read():
		step = m.read(SourceFleet)
	case !f.Fleet.OK():
	case fleet.waitedFor(ended.ID): // nobody delivers its alarm again: it is told first
	case ended.Verdict == VerdictObserved && !fleet.hasBegun(ended.ID):
		step = m.write(Write{Fleet: ptr(fleet.begun(ended, f.Now))})
	case fleet.slot(ended.ID) != nil:
		step = m.write(Write{Fleet: ptr(fleet.freed(ended, f.Now))})
	}
	if step.Do == DoAnswer {
		return done // whatever kept the fleet's record from being written
	}
	return step
}

// withoutLedger is for an owner that cannot read its incident's record. While its lease runs it
// looks on, for a gap in the watch would cost an attempt its meaning; it writes and claims nothing.
func (m *machine) withoutLedger(known *Incident) Step {
	f := m.f
	due := f.Record.At.Add(m.p.retryAfter())
	if !f.Now.Before(due) {
		return m.read(SourceRecord)
	}
	m.incident = updated(known, nil)
	m.seen.Incident = m.incident
	step := m.ladder()
	m.seen.Ending, m.seen.Claim = nil, nil
	switch {
	case step.Do == DoRead && f.Now.Before(m.seen.WaitUntil):
		return m.wait(earlier(m.seen.WaitUntil, due))
	case step.Do == DoRead:
		return step
	case step.Do == DoWait:
		return m.wait(earlier(step.Until, due))
	}
	return m.wait(due)
}

// outOfTime gives the incident free, so that the next delivery or the sweep goes on at once, and
// asks for the event again.
func (m *machine) outOfTime() Step {
	f := m.f
	held := m.incident != nil && f.Record.OK() && f.Record.Value.Open != nil &&
		f.Record.Value.Open.Owner == f.Owner && !f.Record.Value.Open.LeaseUntil.IsZero()
	if !held || f.Written.Wrote == WroteUnknown && !m.rested() {
		return m.pendingOutOfTime()
	}
	m.seen.Claim, m.seen.Ending = nil, nil
	return Step{Do: DoWrite, Write: Write{Record: ptr(f.Record.Value.released(m.incident))}}
}

// pendingOutOfTime names what ECS said last: where it says the same for ever, that is what to mend.
func (m *machine) pendingOutOfTime() Step {
	step := outOfTime
	if m.incident != nil && len(m.incident.Attempts) > 0 {
		last := &m.incident.Attempts[len(m.incident.Attempts)-1]
		switch until := m.backoff(); {
		case last.Code == "":
		case last.Throttled && m.f.Now.Before(until):
			step.Why += "; ECS throttled the last call (" + last.Code +
				"), and may be asked again at " + stamp(until)
		default:
			step.Why += "; ECS answered " + last.Code + " last"
		}
	}
	return step
}

// outOfTime is the answer when the invocation's time is nearly over.
var outOfTime = answer(VerdictPending, ReasonOutOfTime, "the invocation's time is nearly over")

// read asks for sources, unless the time for that is over. After more than one conflict in a row a
// writer steps back for a moment that grows, and reads then: what it had read before the rest would
// be old after it, and the next conflict certain.
func (m *machine) read(sources Source) Step {
	switch {
	case m.f.passed(m.f.StopAt):
		return m.outOfTime()
	case m.f.Conflicts > 1 && !m.rested():
		return m.rest(m.stepBack())
	}
	return Step{Do: DoRead, Sources: sources}
}

// wait sleeps until the given time. A lease that would run low meanwhile is renewed on the way.
func (m *machine) wait(until time.Time) Step {
	f := m.f
	if !f.StopAt.IsZero() && until.After(f.StopAt) {
		return m.outOfTime()
	}
	m.seen.WaitUntil = until
	if open := m.incident; open != nil && len(open.Attempts) > 0 && f.Record.OK() {
		if renew := open.renewAt(m.p); renew.After(f.Now) {
			until = earlier(until, renew)
		}
	}
	return Step{Do: DoWait, Until: until}
}

// write puts a record into the ledger. After a write whose fate is not known nothing is written for
// a while: it would otherwise go round without a pause.
func (m *machine) write(w Write) Step {
	f := m.f
	switch {
	case m.rested():
	case f.Written.Wrote == WroteUnknown && m.incident == nil && !m.patient:
		return answer(VerdictPending, ReasonDependencyUnavailable, "the ledger: "+f.Written.Note)
	case f.Written.Wrote == WroteUnknown:
		return m.rest(m.p.retryAfter())
	}
	return Step{Do: DoWrite, Write: w}
}

// rested reports whether the pause after the last write is over.
func (m *machine) rested() bool {
	return m.seen.RestUntil.After(m.f.Written.At) && !m.f.Now.Before(m.seen.RestUntil)
}

// rest waits before the next write. What was read stays: it is as old as it is.
func (m *machine) rest(d time.Duration) Step {
	until, before := m.f.Now.Add(d), m.seen.WaitUntil
	step := m.wait(until)
	m.seen.WaitUntil, m.seen.RestUntil = before, until
	return step
}

// stepBack is how long a writer steps back after conflicts: up to 80 ms after the second in a row,
// doubling to 640 ms. Two writers step back for different times, for their names differ. With less
// a crowd asks more often than it gets through, with more the last of it waits for nothing.
func (m *machine) stepBack() time.Duration {
	most := 80 * time.Millisecond << min(m.f.Conflicts-2, 3)
	h := fnv.New32a()
	io.WriteString(h, m.f.Owner+strconv.Itoa(m.f.Conflicts))
	return most/8 + time.Duration(float64(most-most/8)*float64(h.Sum32())/(1<<32))
}

// passed reports whether a time that is set has come.
func (f *Facts) passed(t time.Time) bool { return !t.IsZero() && !f.Now.Before(t) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func ptr[T any](value T) *T { return &value }
