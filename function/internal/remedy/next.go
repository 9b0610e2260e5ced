package remedy

import (
	"strings"
	"time"

	"ecs-remedy/events"
)

// Next decides what to do next. It is pure and total: it changes neither the policy nor the facts,
// and keeps neither; the same ones give the same step, and facts that make no sense give one that
// reboots nothing.
func Next(p *Policy, f *Facts) Step {
	m := machine{p: p, f: f, seen: f.Seen}
	step := m.decide()
	if f.Waiter != nil && step.Do == DoAnswer && step.Verdict == VerdictPending && !m.underWay() {
		step = m.stay() // nobody is to deliver it again
	}
	m.seen.Findings = merged(m.seen.Findings, step.Findings)
	if step.Do == DoAnswer && step.Verdict != "" {
		step.Result = m.result(&step)
	}
	step.Seen, step.Incident = m.seen, m.incident
	return step
}

// machine is one decision while it is made.
type machine struct {
	p    *Policy
	f    *Facts
	seen Seen // as the step will leave it
	// incident is the one that this invocation holds, with everything that it has seen of it.
	incident *Incident
	// ended is an incident that an answer is about and that is not open any more.
	ended  *Incident
	retold bool // it was read from the ledger
	// patient: what is written next is worth a rest, though nothing is under way.
	patient bool
}

// decide is the order of everything: what the alarm alone says, then the instance's record, and
// with that who owns the incident. No source is read before something depends on it.
func (m *machine) decide() Step {
	f := m.f
	switch {
	case f.Reported:
		return m.afterwards()
	case f.Waiter != nil && m.holds():
	case f.Waiter != nil:
		if step, done := m.turn(); done {
			return step // before anything is asked about it
		}
		fallthrough
	case !f.Swept:
		if step, done := dismiss(m.p, f); done {
			return step
		}
	}
	switch {
	case !f.Record.Read():
		return m.read(SourceRecord)
	case !f.Record.OK():
		return m.withoutRecord()
	}
	record := &f.Record.Value
	if m.seen.Ending != nil {
		if m.written(m.seen.Ending) {
			return m.over(m.seen.Ending)
		}
		m.seen.Ending = nil // its end is not in the ledger, so the incident has not ended
	}
	open := record.Open
	if open != nil && open.Owner == f.Owner {
		return m.hold(open)
	}
	if m.seen.Incident != nil {
		if step, done := m.gone(); done {
			return step
		}
		m.seen.Incident, m.seen.Claim = nil, nil
	}
	if f.Waiter != nil {
		if step, done := m.turn(); done {
			return step
		}
	}
	return m.look(open)
}

// underWay reports whether this invocation holds an incident that has begun.
func (m *machine) underWay() bool { return m.incident != nil && len(m.incident.Attempts) > 0 }

// dismiss answers alarms that no restart could be an answer to, from the alarm alone.
func dismiss(p *Policy, f *Facts) (Step, bool) {
	a := f.Alarm
	ignore := func(reason Reason, why string) (Step, bool) {
		return Step{Verdict: VerdictIgnored, Reason: reason, Why: why}, true
	}
	switch {
	case a.Problem == events.ProblemUndecodable:
		return Step{Verdict: VerdictMalformed, Reason: ReasonMalformed, Why: a.Note}, true
	case a.Problem == events.ProblemNotAnAlarm:
		return ignore(ReasonNotAnAlarm, a.Note)
	case a.Problem == events.ProblemContradiction:
		return Step{Verdict: VerdictRefused, Reason: ReasonUnreadable, Why: a.Note}, true
	case a.State == events.StateResolved && (a.Problem != "" || !concerns(p, a)):
		return ignore(ReasonResolved, "state "+a.RawState)
	case f.Superseded:
		return ignore(ReasonResolved, "a resolved alarm of the same rule, not older, came with it")
	case a.Problem == events.ProblemNotECS:
		return ignore(ReasonNotECS, a.Note)
	case a.Problem == events.ProblemNoInstance:
		return ignore(ReasonNoInstance, a.Note)
	case a.Problem == events.ProblemPlaceholder:
		return ignore(ReasonPlaceholder, a.Note)
	case a.Problem != "" && a.Problem != events.ProblemRegion || a.Instance == "":
		return ignore(ReasonNoInstance, "it names no instance")
	case a.State == events.StateResolved && elsewhere(f):
		return ignore(ReasonResolved, "state "+a.RawState)
	case a.State == events.StateResolved:
		return Step{}, false // an open incident wants to know
	}
	if !concerns(p, a) {
		return ignore(ReasonNotRestartable, incurable(a))
	}
	status := curable(a.Product, a.Event).Status
	if a.Event != "" && a.State == events.StateFiring && (status == "" || a.EventStatus != status) {
		return ignore(
			ReasonNotRestartable,
			a.Event+" in status "+a.EventStatus+", in which no restart cures it",
		)
	}
	if a.State == events.StateInsufficientData && !fromAgent(a.Metric) {
		return ignore(
			ReasonNotRestartable,
			"no data of "+a.Metric+", which does not come from inside the guest",
		)
	}
	if a.Problem == events.ProblemRegion {
		return answer(VerdictRefused, ReasonUnreadable, a.Note), true
	}
	if elsewhere(f) {
		return answer(VerdictRefused, ReasonWrongRegion, "the alarm is about "+a.Region+
			", and this function serves "+f.Region+" only"), true
	}
	if a.State != events.StateFiring && a.State != events.StateInsufficientData {
		return Step{
			Verdict: VerdictRefused,
			Reason:  ReasonUnreadable,
			Why:     "its state is " + quoted(a.RawState),
		}, true
	}
	return Step{}, false
}

// elsewhere reports whether the alarm is about another region than the function's. The role ends at
// the region's border, and so does the program: no alarm chooses where signed requests go.
func elsewhere(f *Facts) bool {
	return f.Alarm.Region != "" && f.Region != "" && f.Alarm.Region != f.Region
}

// concerns reports whether the alarm is about something that a restart can cure, whatever its
// state.
func concerns(p *Policy, a events.Alarm) bool {
	if a.Event == "" {
		for _, metric := range p.Metrics {
			if metric == a.Metric {
				return true
			}
		}
		return false
	}
	if a.Event == "Agent_Status_Running" {
		return true // it resolves Agent_Status_Stopped
	}
	return curable(a.Product, a.Event).Status != ""
}

// incurable says why an alarm is about nothing that a restart cures.
func incurable(a events.Alarm) string {
	if product := curedAs(a.Event); product != "" {
		return a.Event + " of product " + quoted(a.Product) +
			", and a restart cures it only as one of " + product
	}
	return subject(a) + ", which no restart cures"
}

func subject(a events.Alarm) string {
	switch {
	case a.Event != "":
		return a.Event
	case a.Metric != "":
		return "metric " + a.Metric
	case a.Product != "" || a.EventStatus != "" || a.Format == events.FormatSystemEvent ||
		a.Format == events.FormatSubscription:
		return "an event without a name"
	}
	return "an alarm of no known metric"
}

// look is for an invocation that holds no incident: an open one of the instance is taken up if
// nobody looks after it, and only without one is the alarm judged.
func (m *machine) look(open *Incident) Step {
	f := m.f
	switch {
	case !f.Swept && f.Alarm.State == events.StateResolved:
		return m.resolve(open)
	case open == nil && f.Swept:
		return m.lookAfterSlot()
	case open == nil:
		return m.judge()
	case f.Waiter != nil && len(open.Attempts) > 0:
		return answer(VerdictRefused, ReasonInProgress, "incident "+open.ID+" is under way")
	case open.heldFrom(f.Owner, m.p, f.Now):
		switch {
		case f.Swept:
			return Step{} // somebody looks after it
		case f.Waiter != nil:
			return m.stay() // somebody just opens it, or tries to
		case f.Redelivered && (f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0):
			// Its owner, or whoever is just opening it, may have died: then nobody else will come.
			return answer(
				VerdictPending,
				ReasonLeaseHeld,
				"its handler's lease has not run out yet",
			)
		}
		return answer(VerdictRefused, ReasonInProgress, "incident "+open.ID+" is being handled")
	case f.Leader.leads() && f.Waiter == nil:
		return followed
	case f.passed(f.StopAt):
		return outOfTime
	case len(open.Attempts) == 0: // an opening is void when its lease is over
		return m.write(Write{Record: ptr(f.Record.Value.voided(open, f.Now, m.p))})
	}
	return m.write(Write{Record: ptr(f.Record.Value.takenOver(open, f.Owner, m.p, f.Now))})
}

// followed is the answer to an alarm of a batch whose instance another one leads for.
var followed = answer(VerdictRefused, ReasonInProgress,
	"another alarm of this batch leads for the same instance")

// leads reports whether a leader's alarm leads anywhere: where only its own weakness refused it,
// the next alarm of the same instance is judged for itself.
func (l Leader) leads() bool {
	return l.Leads && !(l.Verdict == VerdictRefused && l.Reason == ReasonUnconfirmedHang)
}

// resolve answers a resolved alarm. An open incident that it is about is told, whoever owns it.
func (m *machine) resolve(open *Incident) Step {
	f, a := m.f, &m.f.Alarm
	if open != nil && open.ResolvedAt.IsZero() && open.Alarm.Rule == a.Rule &&
		open.Account == a.Account && !a.Time.Before(open.Alarm.Time) &&
		a.Time.Sub(f.Now) <= MaxSkew {
		return m.write(Write{Record: ptr(f.Record.Value.resolved(f.Now))})
	}
	ignored := answer(VerdictIgnored, ReasonResolved, "state "+a.RawState)
	switch {
	case open != nil && len(open.Attempts) > 0: // beside an opening, another alarm may still wait
		return ignored
	case !f.Fleet.Read():
		return m.read(SourceFleet)
	case f.Fleet.Failure == FailureUnavailable:
		return answer(VerdictPending, ReasonDependencyUnavailable, "the ledger: "+f.Fleet.Note)
	case !f.Fleet.OK():
		return ignored
	}
	w := f.Fleet.Value.waiterOf(a.Instance)
	if w != nil && w.ResolvedAt.IsZero() && w.Alarm.Rule == a.Rule &&
		w.Alarm.Account == a.Account && !a.Time.Before(w.Alarm.Time) &&
		a.Time.Sub(f.Now) <= MaxSkew {
		return m.write(Write{Fleet: ptr(f.Fleet.Value.waiterResolved(w.Instance, f.Now))})
	}
	return ignored
}

// lookAfterSlot is for a swept slot whose instance has no open incident. The end of one whose alarm
// had waited is told before its slot is given back: nobody delivers that alarm again. Whoever wrote
// the end has a lease's time to tell it.
func (m *machine) lookAfterSlot() Step {
	f, slot := m.f, &m.f.Slot
	ended := f.Record.Value.Ended(slot.Incident)
	switch {
	case ended == nil:
		return m.meetLost(slot)
	case slot.Waiter == nil || ended.Void():
		return m.dropSlot(ended)
	case f.Now.Before(m.p.Takeover(m.p.newLease(ended.EndedAt))):
		return Step{}
	}
	m.ended, m.retold = ended, true
	return answer(ended.Verdict, ended.Reason, ended.Why)
}

// dropSlot gives back the slot of an incident that has ended, if it still has one.
func (m *machine) dropSlot(ended *Incident) Step {
	f := m.f
	switch {
	case f.Written.Wrote == WroteUnknown && f.Written.Fleet:
		return Step{} // the next sweep tries again
	case !f.Fleet.Read():
		return m.read(SourceFleet)
	case !f.Fleet.OK() || f.Fleet.Value.slot(ended.ID) == nil:
		return Step{}
	}
	return m.write(Write{Fleet: ptr(f.Fleet.Value.freed(ended, f.Now))})
}

// blindRounds is how many rounds of reading may find a source unavailable before the event is asked
// for again.
const blindRounds = 3

// judge decides whether an alarm whose instance has no open incident opens one. The stages are
// ordered by what their facts cost; a stage whose facts are missing is read for only while nothing
// has refused yet and nothing was out of reach.
func (m *machine) judge() Step {
	p, f := m.p, m.f
	switch {
	case f.Leader.leads() && f.Waiter != nil:
		return m.stay()
	case f.Leader.leads():
		return followed
	}
	if told := m.alreadyEnded(); told != nil {
		m.ended, m.retold = told, true
		return answer(told.Verdict, told.Reason, told.Why)
	}
	if over := m.resolvedOpening(); over != nil {
		return answer(VerdictIgnored, ReasonResolved,
			"its alarm was resolved at "+stamp(over.ResolvedAt))
	}
	r := ruling{p: p, f: f, findings: make([]Finding, 0, 24)}
	if p.off() && f.Waiter == nil {
		r.reason, r.why = ReasonPaused, "mode "+string(p.Mode) // whatever else there is to say
	}
	if r.reason == "" {
		if step, left := m.leftSlot(); left {
			return step
		}
	}
	have, guards := f.have(), opening
	if f.Crowd {
		guards = openingOfCrowd
	}
	for _, stage := range guards {
		needs := stage.needs
		if needs == SourceFleet && f.Fleet.OK() && f.Fleet.Value.Revision == 0 {
			needs |= SourceSign // there is none: was there ever one?
		}
		if missing := needs &^ have; missing != 0 {
			if r.reason != "" || r.blind != "" || r.waits && f.Waiter != nil {
				break
			}
			return m.read(missing).with(r.findings)
		}
		if stage.needs == SourceFleet && r.reason == "" {
			if step, waits := m.alreadyWaits(); waits {
				return step.with(r.findings)
			}
		}
		stage.rule(&r)
	}
	switch {
	case f.Waiter != nil && (r.reason == ReasonPaused || r.reason == "" && (r.waits ||
		p.Mode != ModeEnforce)):
		return m.stay().with(r.findings)
	case r.reason == ReasonNotRunning && !m.seen.Reread:
		// It may be so by the doing of another invocation, which opened an incident since the
		// record was read.
		m.seen.Reread = true
		return m.read(SourceRecord).with(r.findings)
	case r.reason != "":
		return answer(VerdictRefused, r.reason, r.why).with(r.findings)
	case r.blind != "":
		return m.again(r.blind).with(r.findings)
	case r.waits:
		return m.await().with(r.findings)
	case p.Mode == ModeObserve:
		return m.rehearse().with(r.findings)
	case f.passed(f.StopAt) || f.passed(f.ClaimBy):
		return outOfTime.with(r.findings)
	}
	incident := m.opening()
	incident.Owner, incident.LeaseUntil = f.Owner, p.newLease(f.Now)
	return m.write(Write{Record: ptr(f.Record.Value.opened(incident))}).with(r.findings)
}

// meetLost ends an incident whose slot is there and which the instance's record does not know. It
// was opened before its slot was reserved, so the record must have been read after the slot was.
func (m *machine) meetLost(slot *Slot) Step {
	if m.f.Record.At.Before(m.f.Fleet.At) {
		return m.read(SourceRecord)
	}
	return m.lost(slot.incident())
}

// alreadyEnded is the incident that this very event opened, where it has ended and the platform
// delivers the event again: its verdict may have been lost with the process that reached it.
func (m *machine) alreadyEnded() *Incident {
	if !m.f.Redelivered {
		return nil
	}
	for i := range m.f.Record.Value.Recent {
		e := &m.f.Record.Value.Recent[i]
		if e.Alarm.Key == m.f.Alarm.Key && e.Alarm.Key != "" && !e.Void() {
			return e
		}
	}
	return nil
}

// resolvedOpening is an opening that was resolved before anybody claimed for it, if the alarm is no
// newer than its own: whoever opened it died, and the resolution is known to its trace alone.
func (m *machine) resolvedOpening() *Incident {
	a := &m.f.Alarm
	for i := range m.f.Record.Value.Recent {
		e := &m.f.Record.Value.Recent[i]
		if e.Void() && !e.ResolvedAt.IsZero() && e.Alarm.Rule == a.Rule &&
			!a.Time.After(e.Alarm.Time) {
			return e
		}
	}
	return nil
}

// leftSlot is for a slot that the alarm's instance still has though no incident of it is open. One
// of an incident that has ended is given back, so that it does not stand in its own instance's way.
// One of an incident that the record does not know means that the ledger has lost the incident.
func (m *machine) leftSlot() (Step, bool) {
	f := m.f
	if !f.Fleet.OK() {
		return Step{}, false
	}
	slot := f.Fleet.Value.slotOf(f.Alarm.Instance)
	if slot == nil {
		return Step{}, false
	}
	ended := f.Record.Value.Ended(slot.Incident)
	switch {
	case ended == nil:
		return m.meetLost(slot), true
	case slot.Waiter != nil && !ended.Void():
		return answer(VerdictRefused, ReasonInProgress, "the end of "+ended.ID+
			" has yet to be told"), true
	}
	return m.write(Write{Fleet: ptr(f.Fleet.Value.freed(ended, f.Now))}), true
}

// again is the answer while nothing is claimed and a source is unavailable: another look soon, and
// after some the event is asked for again, for nothing has been spent yet.
func (m *machine) again(blind string) Step {
	if m.seen.Blind+1 >= blindRounds || !m.f.Fleet.OK() {
		return answer(VerdictPending, ReasonDependencyUnavailable, blind)
	}
	m.seen.Blind++
	step := m.wait(m.f.Now.Add(m.p.Poll))
	if step.Do == DoAnswer && step.Reason == ReasonOutOfTime {
		step.Why += "; " + blind // which is why time was needed
	}
	return step
}

// rehearse asks ECS with DryRun, and takes only its exact yes for one. What would have been an
// incident is written down as one that has ended: it counts for cool-down, budget and limits.
func (m *machine) rehearse() Step {
	f := m.f
	if f.Rehearsal.At.IsZero() {
		return m.read(SourceRehearsal)
	}
	switch f.Rehearsal.Answer {
	case AnswerAccepted:
		incident := m.opening()
		incident.end(VerdictObserved, ReasonWouldRestart,
			"every guard passed, and ECS would accept the reboot", f.Now)
		return m.settle(incident)
	case AnswerRejected:
		return answer(VerdictRefused, f.Rehearsal.Reason,
			"ECS would refuse the reboot: "+said(&f.Rehearsal))
	}
	return m.again("the rehearsal (DryRun) had no answer: " + said(&f.Rehearsal))
}

// said is what ECS answered: a note that names the code says all of it.
func said(r *Reply) string {
	switch {
	case r.Note == "":
		return r.Code
	case r.Code == "" || strings.Contains(r.Note, r.Code):
		return r.Note
	}
	return r.Code + ": " + r.Note
}

// opening is the incident that the alarm opens now.
func (m *machine) opening() *Incident {
	f, a := m.f, &m.f.Alarm
	at := f.Now
	for { // without a cool-down two may begin in one second
		if f.Record.Value.Ended(IncidentID(a.Instance, at)) == nil {
			break
		}
		at = at.Add(time.Second)
	}
	return &Incident{
		ID:       IncidentID(a.Instance, at),
		Instance: a.Instance,
		Region:   f.InstanceRegion(),
		Account:  a.Account,
		Alarm:    refer(a),
		OpenedAt: f.Now.UTC(),
		Attempts: []Attempt{},
	}
}

// withoutRecord is for an instance's record that cannot be read.
func (m *machine) withoutRecord() Step {
	f, known := m.f, m.seen.Incident
	note := "the ledger: " + f.Record.Note
	switch {
	case known != nil && len(known.Attempts) > 0 && !f.Now.After(known.LeaseUntil):
		return m.withoutLedger(known)
	case known != nil:
		return answer(VerdictPending, ReasonDependencyUnavailable, note)
	case m.p.off() && f.Waiter == nil:
		return answer(VerdictRefused, ReasonPaused, "mode "+string(m.p.Mode))
	case f.Record.Failure == FailureUnreadable:
		return answer(VerdictRefused, ReasonUnreadable, note)
	}
	return answer(VerdictPending, ReasonDependencyUnavailable, note)
}

// Superseded reports which alarms of a batch are over because a resolved alarm of the same rule and
// instance, and not older, came with them.
func Superseded(alarms []events.Alarm) []bool {
	resolved := map[[2]string]time.Time{} // the latest resolved alarm by rule and instance
	for i := range alarms {
		a := &alarms[i]
		key := [2]string{a.Rule, a.Instance}
		if a.State == events.StateResolved && a.Rule != "" && !a.Time.Before(resolved[key]) {
			resolved[key] = a.Time
		}
	}
	over := make([]bool, len(alarms))
	for i := range alarms {
		a := &alarms[i]
		at, known := resolved[[2]string{a.Rule, a.Instance}]
		over[i] = known && a.State != events.StateResolved && !a.Time.IsZero() && !a.Time.After(at)
	}
	return over
}
