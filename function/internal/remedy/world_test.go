package remedy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ecs-remedy/events"
)

// This file is the world of the tests: one simulated instance with its guest, a ledger of one record, and deliveries that do
// what Next says. It is pure, knows only virtual time, and every move of it is one decision with its one effect, so that
// laws_test.go can put moves in any order. It is much smaller than the real ledger and ECS: it holds what the laws speak of.

// start is when the alarms of the tests fire: a Monday.
var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const (
	instanceID = "i-bp1a2b3c4d5e6f7g8h9j"
	account    = "1234567890123456"
)

// armed is the contract's default policy in mode enforce.
func armed() Policy {
	return Policy{
		Mode: ModeEnforce, Force: true, OptInTag: "auto-restart",
		Metrics: []string{"CPUUtilization", "cpu_total"}, Rules: []string{"*"}, Levels: []string{"CRITICAL"},
		SecondCheck: true, HeartbeatFresh: 3 * time.Minute, AlarmMaxAge: 15 * time.Minute,
		AttemptTimeout: 5 * time.Minute, BootGrace: 15 * time.Minute, MaxAttempts: 5, IncidentLimit: 45 * time.Minute,
		Poll: 5 * time.Second, Lease: time.Minute, Cooldown: 30 * time.Minute, MaxIncidents: 3,
		IncidentWindow:  24 * time.Hour,
		FleetConcurrent: 3, FleetHourly: 20,
	}
}

// hangs is the platform's event that the instance's kernel hangs.
func hangs() events.Alarm {
	return events.Alarm{
		Format: events.FormatSystemEvent, Name: "Instance:InstanceFailure.PerformanceImpact:Executing", State: events.StateFiring,
		Rule: "Instance:InstanceFailure.PerformanceImpact", Event: "Instance:InstanceFailure.PerformanceImpact",
		EventStatus: "Executing", RawState: "Executing", Product: "ECS", Level: "CRITICAL", Key: "e-1|Executing",
		Time: start, Account: account, Region: "cn-hangzhou", Instance: instanceID,
	}
}

// busy is a metric alarm: the CPU is at 100 %.
func busy() events.Alarm {
	return events.Alarm{
		Format: events.FormatThreshold, Name: "ecs/cpu/stuck", Rule: "rule-1", State: events.StateFiring, RawState: "ALERT",
		Level: "CRITICAL", Metric: "CPUUtilization", Key: "t-1|1", Time: start, Account: account, Region: "cn-hangzhou",
		Instance: instanceID,
	}
}

// quiet is the weak alarm that CloudMonitor's agent fell silent.
func quiet() events.Alarm {
	return events.Alarm{
		Format: events.FormatSystemEvent, Name: "Agent_Status_Stopped", Rule: "Agent_Status_Stopped",
		Event:       "Agent_Status_Stopped",
		EventStatus: "stopped", RawState: "stopped", State: events.StateFiring, Product: "CloudMonitor", Level: "CRITICAL",
		Key: "e-2|stopped", Time: start, Account: account, Region: "cn-hangzhou", Instance: instanceID,
	}
}

// guest is how the instance takes a reboot. The zero guest restarts within 30 seconds and reports again.
type guest struct {
	ignores, ignoresForce int           // so many reboots do nothing at all
	shrugs                bool          // what it ignores shows as Stopping for 20 seconds, and then as Running
	sticks                string        // the status in which a graceful reboot leaves it for ever
	sticksForced          bool          // and a forced one, too
	delay                 time.Duration // until a reboot shows
	boot                  time.Duration // how long it is Starting; 0: 20 seconds
	mute                  bool          // restarts, but does not report again
	agentless             bool          // never reported
}

// turn is a change of the instance's status to come. A start ends with a new StartTime and a reporting guest.
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
			m.StartTime = due.at.Format("2006-01-02T15:04Z")
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
	default:
		m.turns = []turn{{at, "Stopping", false}, {at.Add(10 * time.Second), "Starting", false},
			{at.Add(10*time.Second + max(m.boot, 20*time.Second)), "Running", true}}
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

// flaws are mutants of the ledger: what a law must notice.
type flaws struct{ noClaim, anyLease, lateSend bool }

// world is everything but Next.
type world struct {
	now     time.Time
	policy  Policy
	next    func(Policy, Facts) Step
	machine machine
	record  Record // the ledger's; values in it are replaced, never changed
	fleet   Fleet
	answers []string // of the coming RebootInstance calls; none left: as a healthy API
	refuses bool     // the API refuses reboots of an instance that is Stopping or Starting
	others  []other  // in order
	outages []outage
	flaws   flaws
	laws    laws
	log     *history // nil: nothing is written down
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
	return &world{
		now: start.Add(30 * time.Second), policy: armed(), next: Next,
		machine: machine{
			Instance: Instance{ID: instanceID, Region: "cn-hangzhou", Name: "web-1", Status: "Running", LocksKnown: true,
				ChargeType: "PostPaid", StartTime: "2026-11-01T00:00Z", Tags: map[string]string{"auto-restart": "true"}},
			lastBeat: start.Add(-10 * time.Minute),
		},
	}
}

func (w *world) logf(format string, values ...any) {
	if w.log != nil {
		w.log = &history{w.log, fmt.Sprintf("+%v ", w.now.Sub(start)) + fmt.Sprintf(format, values...)}
	}
}

// until lets time pass.
func (w *world) until(t time.Time) {
	for len(w.others) > 0 && !w.others[0].at.After(t) {
		due := w.others[0]
		w.others = w.others[1:]
		w.now = due.at
		w.machine.pass(w.now)
		due.do(w)
	}
	w.now = t
	w.machine.pass(t)
}

// phase is what a delivery does with its next move.
type phase uint8

const (
	deciding phase = iota
	waiting        // asleep until wake
	sending        // an attempt is claimed
	noting         // ECS answered
	done
)

// delivery is one invocation that handles an alarm, or the sweep when the alarm only names the instance.
type delivery struct {
	facts   Facts
	stored  Record // as last read or written
	phase   phase
	until   time.Time // of Wait
	wake    time.Time // when the next move is due
	reply   Reply
	verdict Verdict
	reason  Reason
	reads   []Source
	// What this delivery itself saw of an open incident, for the laws.
	left, cameBack bool
}

func deliver(owner string, a events.Alarm) *delivery {
	return &delivery{facts: Facts{Owner: owner, Account: account, Region: "cn-hangzhou", Alarm: a}}
}

func sweep(owner string) *delivery {
	d := deliver(owner, events.Alarm{Instance: instanceID})
	d.facts.Swept = true
	return d
}

// run makes moves until the delivery has ended, or until the given number of moves.
func (w *world) run(d *delivery, moves int) {
	for ; moves > 0 && d.phase != done; moves-- {
		if d.wake.After(w.now) {
			w.until(d.wake)
		}
		w.move(d)
	}
}

func (w *world) move(d *delivery) {
	switch d.phase {
	case deciding:
		w.decide(d)
	case waiting:
		w.wait(d)
	case sending:
		w.send(d)
	case noting:
		w.note(d)
	}
}

// decide asks Next, and does what it says up to the first effect.
func (w *world) decide(d *delivery) {
	d.facts.Now = w.now
	step := w.next(w.policy, d.facts)
	w.laws.again(w, &d.facts, &step)
	if step.Incident != nil && d.facts.Record.Value.Open != nil && (step.Do != DoRefuse || step.Reason == ReasonOutOfTime) {
		w.noticed(d.facts.Record.Value.Open, step.Incident)
		d.facts.Record.Value.Open = step.Incident
	}
	if !w.hold(d, step.Do) {
		return
	}
	switch step.Do {
	case DoRead:
		d.reads = append(d.reads, step.Sources)
		w.read(d, step.Sources)
	case DoWait:
		d.phase, d.until = waiting, step.Until
		w.wait(d)
	case DoReboot, DoForce:
		w.claim(d, &step)
	case DoSettle:
		if w.write(d, step.Incident, true) {
			w.end(d, step.Verdict, step.Reason, step.Why)
		}
	default:
		if open := w.record.Open; step.Reason == ReasonResolved && step.Incident != nil && open != nil && open.ResolvedAt.IsZero() {
			told := open.clone()
			told.ResolvedAt = step.Incident.ResolvedAt
			w.record.Open = told
			w.record.Revision++
		}
		w.release(d)
		w.end(d, step.Verdict, step.Reason, step.Why)
	}
}

// noticed logs what changed about the last attempts.
func (w *world) noticed(before, after *Incident) {
	for i := range after.Attempts {
		if a := &after.Attempts[i]; i < len(before.Attempts) && before.Attempts[i].Outcome != a.Outcome {
			w.logf("attempt %d %s", a.N, a.Outcome)
		}
	}
}

// hold takes over, renews, and writes down that the instance is back. It reports whether the step still stands.
func (w *world) hold(d *delivery, do Do) bool {
	stored, known := d.stored.Open, d.facts.Record.Value.Open
	if stored == nil || do == DoRefuse {
		return true
	}
	lapsed := stored.Owner != d.facts.Owner || w.now.After(stored.LeaseUntil)
	back := known.Attempts[len(known.Attempts)-1].BackAt.Equal(stored.Attempts[len(stored.Attempts)-1].BackAt)
	if !lapsed && w.now.Before(renewal(stored, &w.policy)) && (back || do == DoSettle) {
		return true
	}
	held := w.write(d, known, false)
	if lapsed {
		d.forget()
		return false
	}
	return held
}

func renewal(i *Incident, p *Policy) time.Time { return i.LeaseUntil.Add(-p.Lease * 2 / 3) }

func (w *world) wait(d *delivery) {
	d.wake = d.until
	if open := d.stored.Open; open != nil {
		if !w.now.Before(renewal(open, &w.policy)) && !w.write(d, d.facts.Record.Value.Open, false) {
			d.forget()
			d.phase, d.wake = deciding, w.now
			return
		}
		if renew := renewal(d.stored.Open, &w.policy); renew.Before(d.until) {
			d.wake = renew
		}
	}
	if !w.now.Before(d.until) {
		d.forget()
		d.phase = deciding
	}
}

func (d *delivery) forget() {
	f := &d.facts
	f.Fleet, f.Machine, f.Vitals, f.Events, f.Dry = Reading[Fleet]{}, Reading[Instance]{}, Reading[Vitals]{},
		Reading[[]PlatformEvent]{}, Reply{}
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
func answered[T any](w *world, source Source, value T) Reading[T] {
	r := Reading[T]{At: w.now, Date: w.now.Truncate(time.Second), Failure: w.failure(source)}
	if r.Failure == "" {
		r.Value = value
	} else {
		r.Note = "scripted"
	}
	return r
}

func (w *world) read(d *delivery, sources Source) {
	f := &d.facts
	if sources.Has(SourceRecord) {
		f.Record = answered(w, SourceRecord, w.record)
		d.stored = f.Record.Value
	}
	if sources.Has(SourceFleet) {
		f.Fleet = answered(w, SourceFleet, w.fleet)
	}
	if sources.Has(SourceInstance) {
		f.Machine = answered(w, SourceInstance, w.machine.Instance)
		w.laws.read(w, d)
	}
	if sources.Has(SourceVitals) {
		f.Vitals = answered(w, SourceVitals, Vitals{w.machine.heartbeat(w.now)})
	}
	if sources.Has(SourcePlatform) {
		f.Events = answered(w, SourcePlatform, w.machine.platform)
	}
	if sources.Has(SourceRehearsal) {
		f.Dry = Reply{At: w.now, Outcome: OutcomeAccepted}
	}
	if f.Machine.Failure == FailureUnavailable || f.Vitals.Failure == FailureUnavailable || f.Events.Failure == FailureUnavailable {
		f.Failures++
	}
}

// claim writes the attempt, by compare-and-swap on the instance's and the fleet's record.
func (w *world) claim(d *delivery, step *Step) {
	first := d.stored.Open == nil
	stale := w.record.Revision != d.stored.Revision || first && w.fleet.Revision != d.facts.Fleet.Value.Revision
	lapsed := !first && (d.stored.Open.Owner != d.facts.Owner || w.now.After(d.stored.Open.LeaseUntil))
	if (stale || lapsed) && !w.flaws.anyLease {
		d.reread(w)
		return
	}
	claimed := step.Incident.clone()
	attempt := step.Attempt
	attempt.ClaimedAt, attempt.SendBefore = w.now, w.now.Add(w.policy.CallLimit())
	claimed.Attempts = append(claimed.Attempts, attempt)
	claimed.Owner, claimed.LeaseUntil = d.facts.Owner, w.policy.NewLease(w.now)
	w.laws.claim(w, d, claimed, first)
	if !w.flaws.noClaim {
		if first {
			w.fleet.Open = append(slices.Clone(w.fleet.Open),
				Slot{Incident: claimed.ID, Instance: claimed.Instance, OpenedAt: claimed.OpenedAt})
			w.fleet.Begun = append(slices.Clone(w.fleet.Begun), Begun{At: w.now, Instance: claimed.Instance})
			w.fleet.Revision++
		}
		w.record.Open = claimed
		w.record.Revision++
		d.stored = w.record
	} else {
		d.stored.Open = claimed
	}
	d.facts.Record.Value = d.stored
	d.phase = sending
	w.logf("claims %d, %s", attempt.N, manner(attempt.Force))
}

func manner(force bool) string {
	if force {
		return "forced"
	}
	return "graceful"
}

// codes are the API's refusals, by the names that the scripts use.
var codes = map[string]Reply{
	"throttled": {Outcome: OutcomeNotExecuted, Code: "Throttling.User", Throttled: true},
	"conflict":  {Outcome: OutcomeNotExecuted, Code: "OperationConflict"},
	"not-sent":  {Outcome: OutcomeNotExecuted, Code: "not-sent"},
	"void":      {Outcome: OutcomeUnknown, Code: "InternalError"},
	"status":    {Outcome: OutcomeRejected, Code: "IncorrectInstanceStatus", Reason: ReasonNotRunning},
	"locked":    {Outcome: OutcomeRejected, Code: "InstanceLockedForSecurity", Reason: ReasonSecurityLocked},
	"gone":      {Outcome: OutcomeRejected, Code: "InvalidInstanceId.NotFound", Reason: ReasonNotFound},
	"expired":   {Outcome: OutcomeRejected, Code: "InstanceExpiredOrInArrears", Reason: ReasonExpired},
	"disk":      {Outcome: OutcomeRejected, Code: "DiskError", Reason: ReasonDiskError},
	"forbidden": {Outcome: OutcomeRejected, Code: "Forbidden.RAM", Reason: ReasonForbidden},
	"odd":       {Outcome: OutcomeRejected, Code: "InvalidParameter", Reason: ReasonRejected},
}

// send calls RebootInstance, unless it is too late for that.
func (w *world) send(d *delivery) {
	open := d.facts.Record.Value.Open
	attempt := &open.Attempts[len(open.Attempts)-1]
	d.phase = noting
	if w.now.After(attempt.SendBefore) && !w.flaws.lateSend {
		d.reply = codes["not-sent"]
		d.reply.At = w.now
		w.laws.answer(d.facts.Owner, attempt.N, "not-sent")
		w.logf("sends nothing: it is past the claim's time")
		return
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
	w.laws.send(w, d, attempt, answer)
	if answer == "accepted" || answer == "lost" {
		w.machine.reboot(w.now, attempt.Force)
	}
	switch answer {
	case "accepted":
		d.reply = Reply{Outcome: OutcomeAccepted, RequestID: fmt.Sprint("R-", attempt.N)}
	case "lost":
		d.reply = codes["void"]
	default:
		d.reply = codes[answer]
	}
	d.reply.At = w.now
	w.machine.pass(w.now)
	w.logf("sends %d, %s: %s", attempt.N, manner(attempt.Force), answer)
}

// note writes down what came back.
func (w *world) note(d *delivery) {
	d.forget()
	open := d.facts.Record.Value.Open.clone()
	a := &open.Attempts[len(open.Attempts)-1]
	a.AnsweredAt, a.Outcome, a.RequestID, a.Code = d.reply.At, d.reply.Outcome, d.reply.RequestID, d.reply.Code
	a.Reason, a.Throttled = d.reply.Reason, d.reply.Throttled
	d.facts.Record.Value.Open = open
	d.phase = deciding
	w.write(d, open, false)
}

// write keeps or ends the incident, for its owner or whoever takes it over. It reports whether that was possible; if not, the
// record was read again.
func (w *world) write(d *delivery, incident *Incident, ends bool) bool {
	mine := *incident
	mine.Owner = d.facts.Owner
	if w.record.Revision != d.stored.Revision {
		now := w.record.Open
		if now == nil || now.ID != mine.ID || now.Owner != mine.Owner {
			d.reread(w)
			return false
		}
		mine.ResolvedAt = now.ResolvedAt // nothing else can have been added
	}
	switch {
	case ends:
		mine.Owner, mine.LeaseUntil = "", time.Time{}
		w.record.Open = nil
		w.record.Recent = append(slices.Clone(w.record.Recent), mine)
		w.record.Keys = maps.Clone(w.record.Keys)
		if w.record.Keys == nil {
			w.record.Keys = map[string]time.Time{}
		}
		w.record.Keys[mine.Alarm.Key] = w.now
		w.fleet.Open = slices.DeleteFunc(slices.Clone(w.fleet.Open), func(s Slot) bool { return s.Incident == mine.ID })
		w.fleet.Revision++
	default:
		mine.LeaseUntil = w.policy.NewLease(w.now)
		w.record.Open = &mine
	}
	w.record.Revision++
	d.stored = w.record
	d.facts.Record.Value = w.record
	return true
}

// release gives the incident free for the next delivery.
func (w *world) release(d *delivery) {
	if open := w.record.Open; open != nil && open.Owner == d.facts.Owner && w.record.Revision == d.stored.Revision {
		free := d.facts.Record.Value.Open.clone()
		free.Owner, free.LeaseUntil = d.facts.Owner, time.Time{}
		w.record.Open = free
		w.record.Revision++
	}
}

// reread looks at the ledger again after somebody else wrote to it; what was read of the instance may be old by now.
func (d *delivery) reread(w *world) {
	d.forget()
	d.facts.Record = Reading[Record]{}
	d.stored = Record{}
	d.phase, d.wake = deciding, w.now
}

func (w *world) end(d *delivery, verdict Verdict, reason Reason, why string) {
	d.phase, d.verdict, d.reason = done, verdict, reason
	w.logf("%s", strings.TrimSpace(fmt.Sprintf("%s %s: %s", verdict, reason, why)))
}
