package remedy_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/lawtest"
	. "ecs-remedy/function/internal/remedy"
)

// This file is the world of the tests: one simulated instance with its guest, a store with the two
// keys of the ledger, and processes that do what Next says. It decides nothing: a process is the
// loop of package handle, cut into moves, so that they can be put in any order. Every read, write,
// send and answer is one move.

// guest is how the instance takes a reboot. The zero guest restarts within 30 seconds and reports
// again.
type guest struct {
	ignores, ignoresForce int // so many reboots do nothing at all
	// shrugs: what it ignores shows as Stopping for 20 seconds, and then as Running.
	shrugs       bool
	sticks       string        // the status in which a graceful reboot leaves it for ever
	sticksForced bool          // and a forced one, too
	delay        time.Duration // until a reboot shows
	boot         time.Duration // how long it is Starting; 0: 20 seconds
	// shutdown is how long it is Stopping; 0: 10 seconds. A forced one cuts it short.
	shutdown  time.Duration
	mute      bool // restarts, but does not report again
	same      bool // and its StartTime stays as it was
	agentless bool // never reported
}

// turn is a change of the instance's status to come. A start ends with a new StartTime and a
// reporting guest.
type turn struct {
	at     time.Time
	status string
	booted bool
}

// machine is the instance. Times are whole seconds, as ECS gives them.
type machine struct {
	Instance
	guest
	turns    []turn
	lastBeat time.Time // before beatFrom
	beatFrom time.Time // from when on the guest reports every minute; zero: it hangs
	platform []PlatformEvent
}

// pass lets the instance do what is due.
func (m *machine) pass(now time.Time) {
	for len(m.turns) > 0 && !m.turns[0].at.After(now) {
		due := m.turns[0]
		m.turns = m.turns[1:]
		m.Status = due.status
		if due.booted {
			if !m.same {
				m.StartTime = due.at.Format("2006-01-02T15:04Z")
			}
			if !m.mute && !m.agentless {
				m.beatFrom = due.at.Add(30 * time.Second)
			}
		} else {
			m.lastBeat, m.beatFrom = m.heartbeat(due.at), time.Time{}
		}
	}
}

func (m *machine) heartbeat(now time.Time) time.Time {
	if m.beatFrom.IsZero() || now.Before(m.beatFrom) {
		return m.lastBeat
	}
	return m.beatFrom.Add(now.Sub(m.beatFrom).Truncate(time.Minute))
}

// reboot takes effect.
func (m *machine) reboot(now time.Time, force bool) {
	at := now.Add(m.delay)
	ignored := &m.ignores
	if force {
		ignored = &m.ignoresForce
	}
	switch {
	case m.delay > 0 && len(m.turns) > 0: // an earlier one is still to show
	case *ignored > 0:
		*ignored--
		if m.shrugs {
			m.turns = []turn{{at, "Stopping", false}, {at.Add(20 * time.Second), "Running", false}}
		}
	case m.sticks != "" && (!force || m.sticksForced):
		m.turns = []turn{{at, "Stopping", false}, {at.Add(10 * time.Second), m.sticks, false}}
	case !force && m.shutdown > 0 && m.Status == "Stopping": // it is on its way down already
	default:
		down := 10 * time.Second
		if m.shutdown > 0 && !force {
			down = m.shutdown
		}
		m.turns = []turn{{at, "Stopping", false}, {at.Add(down), "Starting", false},
			{at.Add(down + max(m.boot, 20*time.Second)), "Running", true}}
	}
}

// other is something that somebody else does at some time.
type other struct {
	at time.Time
	do func(*world)
}

// outage makes sources fail from one time until another.
type outage struct {
	from, until time.Time
	sources     Source
	failure     Failure
}

// world is everything but Next and the changes of the records.
type world struct {
	now      time.Time
	policy   Policy
	next     func(*Policy, *Facts) Step
	machine  machine
	record   Record // the store's two keys; what they hold is replaced, never changed
	fleet    Fleet
	sign     Sign
	slotless bool     // the fleet's record was lost, and slots with it
	came     string   // the incident whose owner saw that the instance came back, and waited then
	revision uint64   // of the last write
	answers  []string // of the coming RebootInstance calls; none left: as a healthy API
	refuses  bool     // the API refuses reboots of an instance that is Stopping or Starting
	others   []other  // in order
	outages  []outage
	laws     lawtest.Checker
	sent     string   // the calls that left: G graceful, F forced
	trips    int      // to the ledger
	log      *history // nil: nothing is written down
}

// history is what happened, newest first: worlds that part share what happened before.
type history struct {
	before *history
	line   string
}

func (h *history) String() string {
	if h == nil || h.before == nil {
		return ""
	}
	return h.before.String() + h.line + "\n"
}

// hung is a world whose instance hangs since ten minutes ago.
func hung() *world {
	p := Armed()
	return &world{
		now: Start.Add(30 * time.Second), policy: p, next: Next,
		machine: machine{
			Instance: Instance{
				ID:         InstanceID,
				Region:     "cn-hangzhou",
				Name:       "web-1",
				Status:     "Running",
				LocksKnown: true,
				ChargeType: "PostPaid",
				StartTime:  "2026-11-01T00:00Z",
				Tags:       map[string]string{"auto-restart": "true"},
			},
			lastBeat: Start.Add(-10 * time.Minute),
		},
		laws: lawtest.Checker{Policy: p},
		// The sweep was here before, as in every deployment.
		fleet: Fleet{Revision: 1}, sign: Sign{Revision: 1}, revision: 1,
	}
}

func (w *world) logf(format string, values ...any) {
	if w.log != nil {
		w.log = &history{
			w.log,
			fmt.Sprintf("+%v ", w.now.Sub(Start)) + fmt.Sprintf(format, values...),
		}
	}
}

// until lets time pass.
func (w *world) until(t time.Time) {
	for len(w.others) > 0 && !w.others[0].at.After(t) {
		due := w.others[0]
		w.others = w.others[1:]
		if due.at.After(w.now) {
			w.now = due.at
		}
		w.machine.pass(w.now)
		due.do(w)
	}
	w.now = t
	w.machine.pass(t)
}

// process is one invocation that handles an alarm, or the sweep.
type process struct {
	facts Facts
	step  Step      // what Next says, not done yet
	looks bool      // it is a sweep that has not read the fleet's record yet
	ready bool      // step is to be done; false: Next has to be asked
	wake  time.Time // when the next move is due
	done  bool
	// What this process itself saw of an open incident, for the laws: never what Next makes of it.
	left, came bool
	old        Source // what it has not read since it took an incident over
	busy       int    // how much it did since the time when it last waited
	since      time.Time
	basis      *lawtest.Basis
	result     *Result
	queue      []Waiter // of a resolved alarm: who waited when it last read or wrote something
}

// alarmed is a process that gets an alarm.
func alarmed(owner string, a events.Alarm) *process {
	return &process{facts: Facts{Owner: owner, Account: Account, Region: "cn-hangzhou", Alarm: a}}
}

// sweep is a process that gets the timer.
func sweep(owner string) *process {
	p := alarmed(owner, events.Alarm{})
	p.looks = true
	return p
}

// run makes moves until the process has ended, or until the given number of moves.
func (w *world) run(p *process, moves int) {
	for ; moves > 0 && !p.done; moves-- {
		if p.wake.After(w.now) {
			w.until(p.wake)
		}
		w.move(p, "")
	}
}

// effects are what a fault may make of a move, by the names that the scripts use.
const (
	faultLost = "lost" // done, and the answer is lost
	faultVoid = "void" // not done, and no answer comes
)

// move makes the process's next move: the effect that Next asked for, with a fault if one is named.
// Next is asked again at once, for that has no effect on anybody.
func (w *world) move(p *process, fault string) {
	if !p.ready && !p.looks {
		w.decide(p)
		if p.done || p.wake.After(w.now) {
			return
		}
	}
	w.effect(p, fault)
	if !p.done {
		w.decide(p)
	}
}

// effect does what Next asked for.
func (w *world) effect(p *process, fault string) {
	p.ready = false
	step, f := &p.step, &p.facts
	w.endless(p)
	if f.Alarm.State == events.StateResolved && step.Do != DoAnswer {
		p.queue = w.fleet.Waiting
	}
	switch {
	case p.looks:
		w.look(p, fault)
	case step.Do == DoRead:
		w.read(p, step.Sources, fault)
	case step.Do == DoWrite:
		f.Wrote(step.Write, w.write(p, step.Write, fault))
	case step.Do == DoSend:
		f.Replied(step.Order, w.send(p, step.Order, fault))
	case step.Do == DoWait:
		if p.came && f.Record.OK() && f.Written.Wrote == WroteDone {
			w.came = f.Record.Value.Open.ID // by now it is written: whoever comes next knows it
		}
		f.Waited()
	default:
		p.done, p.result = true, step.Result
		w.laws.Reported(step.Result)
		if f.Told(step); f.Reported {
			p.done = false // what was not to be done before
			w.judged(p)
		}
		if step.Result == nil {
			return
		}
		w.logf(
			"%s",
			strings.TrimSpace(fmt.Sprintf("%s %s: %s", step.Verdict, step.Reason, step.Why)),
		)
	}
}

// endless notices a process that goes round without a pause, or for ever.
func (w *world) endless(p *process) {
	if p.busy++; !p.since.Equal(w.now) {
		p.busy, p.since = 0, w.now
	}
	if w.laws.Broken == "" && (p.busy > 100 || w.now.Sub(Start) > 6*longest(&w.policy)) {
		w.laws.Broken = lawtest.Liveness + ": " + p.facts.Owner + " goes round without an end"
	}
}

// judged tells of an end that was reported what it means to those that wait.
func (w *world) judged(p *process) {
	if p.facts.Waiter != nil {
		w.laws.Judged(p.facts.Waiter)
	}
	a := &p.facts.Alarm
	for i := range p.queue {
		waiter := &p.queue[i]
		if waiter.Alarm.Rule == a.Rule && !a.Time.Before(waiter.Alarm.Time) {
			w.laws.Resolved(waiter)
		}
	}
}

// decide asks Next.
func (w *world) decide(p *process) {
	f := &p.facts
	f.Ask(w.now)
	before, sent := f.Seen.Incident, p.step.Do == DoSend
	p.step = w.next(&w.policy, f)
	f.Decided(&p.step)
	if p.ready = true; !sent { // what was answered is told where it was sent
		w.noticed(before, p.step.Incident)
	}
	if claim := p.step.Claims(); claim != nil {
		p.basis = &lawtest.Basis{
			At:       w.now,
			Mode:     w.policy.Mode,
			Instance: f.Instance,
			Vitals:   f.Vitals,
			Platform: f.Platform,
			Fleet:    f.Fleet,
			Old:      p.old != 0,
			Came:     p.came || w.came == f.Seen.Incident.ID,
		}
	}
	if p.step.Do == DoWait {
		p.wake = p.step.Until
	}
	if f.Reported && p.step.Do == DoAnswer {
		p.done = true
	}
}

// noticed logs what became of attempts.
func (w *world) noticed(before, after *Incident) {
	if w.log == nil || before == nil || after == nil {
		return
	}
	for i := range after.Attempts {
		a := &after.Attempts[i]
		if i < len(before.Attempts) && before.Attempts[i].Outcome() != a.Outcome() {
			w.logf("attempt %d %s", a.N, a.Outcome())
		}
	}
}

// look is the sweep's first move: it reads the fleet's record, and takes up the first slot in it,
// or the first alarm whose turn it is.
func (w *world) look(p *process, fault string) {
	f := &p.facts
	f.Fleet = answered(w, SourceFleet, w.fleet, fault)
	slots := f.Fleet.Value.Sweepable(w.policy, f.Book, f.Region, w.now)
	due := f.Fleet.Value.DueWaiters(w.policy, f.Region, w.now)
	switch p.looks = false; {
	case len(slots) > 0:
		f.Swept, f.Slot, f.Alarm.Instance = true, slots[0], slots[0].Instance
	case len(due) > 0:
		f.TakeTurn(due[0], f.Book, f.Fleet)
	default:
		p.done = true
	}
}

func (w *world) failure(source Source) Failure {
	for _, o := range w.outages {
		if o.sources.Has(source) && !w.now.Before(o.from) && w.now.Before(o.until) {
			return o.failure
		}
	}
	return ""
}

// answered is a reading as it arrives now.
func answered[T any](w *world, source Source, value T, fault string) Reading[T] {
	r := Reading[T]{At: w.now, Date: w.now.Truncate(time.Second), Failure: w.failure(source)}
	if fault != "" {
		r.Failure = FailureUnavailable
	}
	if r.Failure == "" {
		r.Value = value
	} else {
		r.Note = "scripted"
	}
	return r
}

func (w *world) read(p *process, sources Source, fault string) {
	f := &p.facts
	p.old &^= sources
	if sources.Has(SourceRecord) {
		w.trips++
		f.Record = answered(w, SourceRecord, w.record, fault)
	}
	if sources.Has(SourceFleet) {
		w.trips++
		f.Fleet = answered(w, SourceFleet, w.fleet, fault)
	}
	if sources.Has(SourceSign) {
		w.trips++
		f.Sign = answered(w, SourceSign, w.sign, fault)
	}
	if sources.Has(SourceInstance) {
		f.Instance = answered(w, SourceInstance, w.machine.Instance, fault)
		if f.Instance.OK() {
			w.laws.Looked(w.now, InstanceID)
			p.watch(f.Instance.Value)
		}
	}
	if sources.Has(SourceVitals) {
		f.Vitals = answered(w, SourceVitals, Vitals{Heartbeat: w.machine.heartbeat(w.now)}, fault)
	}
	if sources.Has(SourcePlatform) {
		f.Platform = answered(w, SourcePlatform, w.machine.platform, fault)
	}
	if order := p.step.Evidence; sources.Has(SourceEvidence) {
		f.Evidence = answered(w, SourceEvidence, Evidence{Place: "dir:///kept/"}, fault)
		f.Evidence.Value.Incident, f.Evidence.Value.Stage = order.Incident, order.Stage
	}
	if sources.Has(SourceRehearsal) {
		f.Rehearsal = Reply{At: w.now, Answer: AnswerAccepted}
	}
}

// watch keeps what the process itself has seen of an incident that it holds.
func (p *process) watch(i Instance) {
	open := p.facts.Record.Value.Open
	if open == nil || open.Owner != p.facts.Owner || len(open.Attempts) == 0 {
		return
	}
	switch before := open.Attempts[0].Before.StartTime; {
	case i.Status == "Starting" || i.Status == "Stopped":
		p.left = true
	case i.Status == "Running" && (p.left || i.StartTime != before):
		p.came = true
	}
}

// write puts one record into the store, by a compare-and-swap on its key.
func (w *world) write(p *process, write Write, fault string) Written {
	w.trips++
	written := Written{At: w.now, Wrote: WroteUnknown, Note: "scripted"}
	source, stored := SourceRecord, w.record.Revision
	if write.Fleet != nil {
		source, stored = SourceFleet, w.fleet.Revision
	}
	if fault == faultVoid || w.failure(source) != "" {
		w.logf("a write is lost")
		return written
	}
	expected := uint64(0)
	if write.Fleet != nil {
		expected = write.Fleet.Revision
	} else {
		expected = write.Record.Revision
	}
	if expected != stored {
		written.Wrote, written.Note = WroteConflict, ""
		if fault != faultLost {
			return written
		}
		return Written{At: w.now, Wrote: WroteUnknown, Note: "scripted"}
	}
	w.revision++
	if write.Fleet != nil {
		w.laws.StoredFleet(w.now, p.facts.Owner, &w.fleet, write.Fleet, &w.record)
		w.fleet = *write.Fleet
		w.fleet.Revision = w.revision
	} else {
		w.laws.Stored(w.now, p.facts.Owner, &w.record, write.Record)
		w.wrote(write.Record)
		if open, was := write.Record.Open, w.record.Open; open != nil && was != nil &&
			open.ID == was.ID && open.Owner != was.Owner {
			p.old = SourceInstance | SourceVitals | SourcePlatform
		}
		w.record = *write.Record
		w.record.Revision = w.revision
	}
	if fault == faultLost {
		w.logf("the answer to a write is lost")
		return written
	}
	return Written{At: w.now, Wrote: WroteDone, Revision: w.revision}
}

// changesFleet reports whether the process is about to write the fleet's record.
func (p *process) changesFleet() bool {
	return !p.done && p.ready && p.step.Do == DoWrite && p.step.Write.Fleet != nil
}

// together is one write of the fleet's record with the changes of two processes in it, as package
// handle makes it of those that run within one: the second is decided on what the first leaves. To
// the store it is one write, and to the laws it is two with nobody in between. With newest, the
// first is decided once more before, on what the store holds.
func (w *world) together(first, second *process, newest bool, fault string) {
	if newest {
		first.facts.CatchUp(answered(w, SourceFleet, w.fleet, ""), true)
		if w.decide(first); !first.changesFleet() {
			return
		}
	}
	one := first.step.Write
	facts, step, goes := second.facts.Joins(&w.policy, w.now, *one.Fleet, 0, 0)
	first.ready = false
	w.endless(first)
	before := w.revision
	written := w.write(first, one, fault)
	if goes {
		w.endless(second)
		second.facts, second.step, second.ready = facts, step, false
		if second.facts.Alarm.State == events.StateResolved {
			second.queue = w.fleet.Waiting
		}
		second.facts.Decided(&step)
		one = step.Write
		if stored := w.revision > before; stored {
			one.Fleet.Revision = w.revision
			if after := w.write(second, one, ""); written.Wrote == WroteDone {
				written = after
			}
		}
		second.facts.Wrote(one, written)
	}
	first.facts.Wrote(one, written)
	w.decide(first)
	if goes {
		w.decide(second)
	}
}

// withAnother is one write of the fleet's record with a change of another instance's in it, and
// after it the process's, if that still wants it then.
func (w *world) withAnother(p *process, change func(*world)) {
	before := w.fleet.Revision
	change(w)
	left := w.fleet
	left.Revision = before // nothing of it is stored when the process is asked
	facts, step, goes := p.facts.Along(&w.policy, w.now, left)
	if !goes {
		return
	}
	w.endless(p)
	p.facts, p.step, p.ready = facts, step, false
	p.facts.Decided(&step)
	step.Write.Fleet.Revision = w.fleet.Revision
	p.facts.Wrote(step.Write, w.write(p, step.Write, ""))
	w.decide(p)
}

// wrote logs what a write of the instance's record means.
func (w *world) wrote(record *Record) {
	if w.log == nil {
		return
	}
	if open := record.Open; open != nil {
		known := 0
		if w.record.Open != nil && w.record.Open.ID == open.ID {
			known = len(w.record.Open.Attempts)
		}
		for n := known; n < len(open.Attempts); n++ {
			w.logf("claims %d, %s", n+1, manner(open.Attempts[n].Force))
		}
	}
}

func manner(force bool) string {
	if force {
		return "forced"
	}
	return "graceful"
}

// codes are the API's refusals, by the names that the scripts use.
var codes = map[string]Reply{
	"throttled": {Answer: AnswerNotExecuted, Code: "Throttling.User", Throttled: true},
	"conflict":  {Answer: AnswerNotExecuted, Code: "OperationConflict"},
	"not-sent":  {Answer: AnswerNotExecuted, Code: "not-sent"},
	"void":      {Answer: AnswerUnknown, Code: "InternalError"},
	"status": {
		Answer: AnswerRejected,
		Code:   "IncorrectInstanceStatus",
		Reason: ReasonNotRunning,
	},
	"locked": {
		Answer: AnswerRejected,
		Code:   "InstanceLockedForSecurity",
		Reason: ReasonSecurityLocked,
	},
	"gone": {
		Answer: AnswerRejected,
		Code:   "InvalidInstanceId.NotFound",
		Reason: ReasonNotFound,
	},
	"expired": {
		Answer: AnswerRejected,
		Code:   "InstanceExpiredOrInArrears",
		Reason: ReasonExpired,
	},
	"disk":      {Answer: AnswerRejected, Code: "DiskError", Reason: ReasonDiskError},
	"forbidden": {Answer: AnswerRejected, Code: "Forbidden.RAM", Reason: ReasonForbidden},
	"odd":       {Answer: AnswerRejected, Code: "InvalidParameter", Reason: ReasonRejected},
}

// send calls RebootInstance, unless it is too late for that.
func (w *world) send(p *process, order Order, fault string) Reply {
	if w.now.After(order.SendBefore) { // the adapter's own check
		w.logf("sends nothing: it is past the claim's time")
		return Reply{At: w.now, Answer: AnswerNotExecuted, Code: "not-sent"}
	}
	answer := "accepted"
	transition := w.machine.Status == "Stopping" || w.machine.Status == "Starting"
	if w.machine.Status != "Running" && (!transition || w.refuses) {
		answer = "status"
	}
	if len(w.answers) > 0 {
		if w.answers[0] != "" {
			answer = w.answers[0]
		}
		w.answers = w.answers[1:]
	}
	if fault != "" {
		answer = fault
	}
	call := lawtest.Call{At: w.now, By: p.facts.Owner, Instance: order.Instance, Force: order.Force,
		Answer: lawtest.Refused, Status: w.machine.Status, Basis: p.basis}
	reply := codes[answer]
	switch answer {
	case "accepted":
		call.Answer, reply = lawtest.Accepted, Reply{Answer: AnswerAccepted, RequestID: "R"}
	case "lost":
		call.Answer, call.Unknown, reply = lawtest.Accepted, true, codes["void"]
	case "void":
		call.Answer, call.Unknown = lawtest.Nothing, true
	case "status":
		call.Answer = lawtest.WrongStatus
	case "not-sent":
		call.Answer = lawtest.Nothing
	}
	w.laws.Called(call)
	if call.Answer == lawtest.Accepted {
		w.machine.reboot(w.now, order.Force)
	}
	w.sent += map[bool]string{false: "G", true: "F"}[order.Force]
	w.logf("sends %d, %s: %s", p.facts.Seen.Claim.N, manner(order.Force), answer)
	w.machine.pass(w.now)
	reply.At = w.now
	return reply
}

// Somebody else's changes of the store, each a compare-and-swap that went through.

func (w *world) changeRecord(by string, change func(Record) Record) {
	after := change(w.record)
	w.laws.Stored(w.now, by, &w.record, &after)
	w.revision++
	w.record, w.record.Revision = after, w.revision
}

func (w *world) changeFleet(change func(Fleet) Fleet) {
	w.revision++
	w.fleet = change(w.fleet)
	w.fleet.Revision = w.revision
}

// pause is the operator's.
func (w *world) pause(reason string) {
	w.changeFleet(func(f Fleet) Fleet { return f.WithPause(time.Time{}, reason, w.now) })
	w.laws.Paused(w.fleet.Paused)
}

// resume is the operator's.
func (w *world) resume() {
	w.changeFleet(func(f Fleet) Fleet {
		f, _ = f.Resumed(w.now)
		return f
	})
	w.laws.Resumed(w.now)
}

// close is the operator's: the incident's record first, then its slot.
func (w *world) close() {
	if w.record.Open == nil {
		return
	}
	var ended Incident
	w.changeRecord("operator", func(r Record) Record {
		r, ended, _ = r.Closed(r.Open.ID, w.policy, w.now)
		return r
	})
	w.changeFleet(func(f Fleet) Fleet {
		f, _ = f.Freed(&ended, w.now)
		return f
	})
}

// elsewhere is where the other instances live that fill the fleet: their incidents are nobody's
// here.
const elsewhere = "cn-beijing"

// crowd fills the fleet with incidents of other instances.
func (w *world) crowd() {
	for w.take() {
	}
}

// take is an incident of another instance that gets a slot, if one is free; it reports whether one
// was. Where the fleet's record was lost, nothing begins.
func (w *world) take() bool {
	if full, _ := w.fleet.Full(w.policy, w.now); full != "" || w.slotless {
		return false
	}
	name := fmt.Sprintf("i-other-%d", w.revision)
	w.changeFleet(func(f Fleet) Fleet {
		f.Open = append(slices.Clone(f.Open), Slot{Incident: IncidentID(name, w.now),
			Instance: name,
			Region:   elsewhere, OpenedAt: w.now, LeaseUntil: w.now.Add(w.policy.Lease)})
		return f
	})
	w.laws.Busy(w.now, true)
	return true
}

// crowded reports whether another instance has a slot.
func (w *world) crowded() bool {
	return slices.ContainsFunc(w.fleet.Open, func(s Slot) bool { return s.Region == elsewhere })
}

// free is another instance's incident that ends.
func (w *world) free() {
	i := slices.IndexFunc(w.fleet.Open, func(s Slot) bool { return s.Region == elsewhere })
	if i < 0 {
		return
	}
	w.changeFleet(func(f Fleet) Fleet {
		f.Open = slices.Delete(slices.Clone(f.Open), i, i+1)
		return f
	})
	w.laws.Left()
}

// resolve notes that the alarm of the open incident is over, or the one that waits, as another
// invocation does it.
func (w *world) resolve() {
	if w.record.Open == nil && len(w.fleet.Waiting) == 0 {
		return
	}
	a := Hangs()
	a.State, a.RawState, a.Key = events.StateResolved, "Executed", "e-1|Executed"
	a.Time = w.now
	w.run(alarmed("resolver", a), 10)
}

// hide lets sources fail from now on.
func (w *world) hide(sources Source, failure Failure) {
	w.outages = append(slices.Clip(w.outages), outage{w.now, w.now.AddDate(1, 0, 0), sources,
		failure})
}

// loseFleet is a ledger that lost the fleet's record alone, and a pause with it.
func (w *world) loseFleet() {
	for w.crowded() {
		w.free()
	}
	w.fleet, w.slotless = Fleet{}, true
	w.laws.Resumed(w.now) // nothing begins any more, but what is under way cannot know
}

// lose is a ledger that lost everything.
func (w *world) lose() {
	w.record, w.fleet, w.sign = Record{}, Fleet{}, Sign{}
	w.laws.Lost(w.now)
}
