package remedy

import (
	"strings"
	"time"

	"ecs-remedy/events"
)

// Next decides what to do next. It is pure and total: the same policy and facts give the same step, and facts that make no
// sense give one that refuses.
func Next(p Policy, f Facts) Step {
	step := decide(&p, &f)
	// Whatever takes time must end before the invocation does; what is known by then is written down, and the event asked
	// for again.
	if step.tooLate(&f) {
		step.Do, step.Verdict, step.Reason, step.Why = DoRefuse, VerdictPending, ReasonOutOfTime, "the invocation's time is nearly over"
	}
	return step
}

func (s *Step) tooLate(f *Facts) bool {
	passed := func(t time.Time) bool { return !t.IsZero() && !f.Now.Before(t) }
	switch s.Do {
	case DoWait:
		return !f.StopAt.IsZero() && s.Until.After(f.StopAt)
	case DoRead:
		return passed(f.StopAt)
	case DoReboot, DoForce:
		return passed(f.StopAt) || passed(f.ClaimBy)
	}
	return false
}

func decide(p *Policy, f *Facts) Step {
	if f.Swept {
		return look(p, f)
	}
	if step, done := dismiss(p, f); done {
		return step
	}
	return look(p, f)
}

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
	case a.Problem != "" || a.Instance == "":
		return ignore(ReasonNoInstance, "it names no instance")
	case a.State == events.StateResolved:
		return Step{}, false // an open incident wants to know
	}
	if !concerns(p, a) {
		return ignore(ReasonNotRestartable, subject(a)+", which no restart cures")
	}
	status := curable(a.Product, a.Event).Status
	if a.Event != "" && a.State == events.StateFiring && (status == "" || a.EventStatus != status) {
		return ignore(ReasonNotRestartable, a.Event+" in status "+a.EventStatus+", in which no restart cures it")
	}
	if a.State == events.StateInsufficientData && !fromAgent(a.Metric) {
		return ignore(ReasonNotRestartable, "no data of "+a.Metric+", which does not come from inside the guest")
	}
	if a.State != events.StateFiring && a.State != events.StateInsufficientData {
		return Step{Verdict: VerdictRefused, Reason: ReasonUnreadable, Why: "its state is " + quoted(a.RawState)}, true
	}
	return Step{}, false
}

// concerns reports whether the alarm is about something that a restart can cure, whatever its state.
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

func subject(a events.Alarm) string {
	switch {
	case a.Event != "":
		return a.Event
	case a.Metric != "":
		return "metric " + a.Metric
	}
	return "an alarm of no known metric"
}

// look turns to the ledger: an open incident of the instance is resumed, and only without one is the alarm judged.
func look(p *Policy, f *Facts) Step {
	switch {
	case !f.Record.Read():
		return Step{Do: DoRead, Sources: SourceRecord}
	case !f.Record.OK() && p.off():
		return Step{Verdict: VerdictRefused, Reason: ReasonPaused, Why: "mode " + string(p.Mode)}
	case f.Record.Failure == FailureUnreadable:
		return Step{Verdict: VerdictRefused, Reason: ReasonUnreadable, Why: "the ledger: " + f.Record.Note}
	case !f.Record.OK():
		return Step{Verdict: VerdictPending, Reason: ReasonDependencyUnavailable, Why: "the ledger: " + f.Record.Note}
	}
	open := f.Record.Value.Open
	switch {
	case !f.Swept && f.Alarm.State == events.StateResolved:
		return resolve(f, open)
	case open == nil && f.Swept:
		return Step{} // it ended meanwhile
	case open == nil:
		return judge(p, f)
	case open.heldFrom(f.Owner, p, f.Now):
		if f.Swept {
			return Step{} // somebody looks after it
		}
		if f.Redelivered && f.Alarm.Key == open.Alarm.Key {
			return Step{Verdict: VerdictPending, Reason: ReasonLeaseHeld, Why: "its handler's lease has not run out yet", Incident: open}
		}
		return Step{Verdict: VerdictRefused, Reason: ReasonInProgress, Why: "incident " + open.ID + " is being handled", Incident: open}
	case f.Followed:
		return Step{Verdict: VerdictRefused, Reason: ReasonInProgress, Why: "another alarm of this batch leads", Incident: open}
	}
	return resume(p, f, open.clone())
}

// resolve answers a resolved alarm. The Step carries the open incident where it must be told: the loop writes its ResolvedAt.
func resolve(f *Facts, open *Incident) Step {
	step := Step{Verdict: VerdictIgnored, Reason: ReasonResolved, Why: "state " + f.Alarm.RawState}
	a := &f.Alarm
	if open != nil && open.ResolvedAt.IsZero() && open.Alarm.Rule == a.Rule && open.Account == a.Account &&
		!a.Time.Before(open.Alarm.Time) && a.Time.Sub(f.Now) <= MaxSkew {
		told := open.clone()
		told.ResolvedAt = f.Now
		step.Incident = told
	}
	return step
}

// retries is how many rounds of reading may find a source unavailable before the event is asked for again.
const retries = 3

// judge decides whether an alarm whose instance has no open incident opens one. The stages are ordered by what their facts
// cost; a stage whose facts are missing is read for only while nothing has refused yet and nothing was out of reach.
func judge(p *Policy, f *Facts) Step {
	if f.Followed {
		return Step{Verdict: VerdictRefused, Reason: ReasonInProgress, Why: "another alarm of this batch leads for the same instance"}
	}
	r := ruling{p: p, f: f, findings: make([]Finding, 0, 24)}
	if p.off() {
		r.reason, r.why = ReasonPaused, "mode "+string(p.Mode) // whatever else there is to say
	}
	have := f.have()
	for _, stage := range opening {
		if missing := stage.needs &^ have; missing != 0 {
			if r.reason != "" || r.blind != "" {
				break
			}
			return Step{Do: DoRead, Sources: missing, Findings: r.findings}
		}
		stage.rule(&r)
	}
	switch {
	case r.reason == ReasonInProgress && f.Redelivered:
		// Whoever is opening an incident may have died before it could claim, this event's own last handler perhaps: then
		// nobody else will.
		return Step{Verdict: VerdictPending, Reason: ReasonLeaseHeld, Why: r.why, Findings: r.findings}
	case r.reason != "":
		return Step{Verdict: VerdictRefused, Reason: r.reason, Why: r.why, Findings: r.findings}
	case r.blind != "":
		return again(p, f, r.blind, r.findings)
	case p.Mode == ModeObserve:
		return rehearse(p, f, r.findings)
	}
	incident := opened(f)
	return Step{Do: DoReboot, Attempt: attempt(f, incident, false), Incident: incident, Findings: r.findings}
}

// again is the answer while nothing is open and a source is unavailable: another look soon, and after some the event is asked
// for again, for nothing has been spent yet.
func again(p *Policy, f *Facts, blind string, findings []Finding) Step {
	if f.Failures >= retries || !f.Fleet.OK() {
		return Step{Verdict: VerdictPending, Reason: ReasonDependencyUnavailable, Why: blind, Findings: findings}
	}
	return Step{Do: DoWait, Until: f.Now.Add(p.Poll), Findings: findings}
}

// rehearse asks ECS with DryRun, and takes only its exact yes for one.
func rehearse(p *Policy, f *Facts, findings []Finding) Step {
	if f.Dry.At.IsZero() {
		return Step{Do: DoRead, Sources: SourceRehearsal, Findings: findings}
	}
	switch f.Dry.Outcome {
	case OutcomeAccepted:
		incident := opened(f)
		incident.EndedAt, incident.Verdict, incident.Reason = f.Now, VerdictObserved, ReasonWouldRestart
		return Step{Do: DoSettle, Verdict: VerdictObserved, Reason: ReasonWouldRestart, Incident: incident, Findings: findings,
			Why: "every guard passed, and ECS would accept the reboot"}
	case OutcomeRejected:
		return Step{Verdict: VerdictRefused, Reason: f.Dry.Reason, Findings: findings,
			Why: strings.TrimSpace("ECS would refuse the reboot: " + f.Dry.Code + " " + f.Dry.Note)}
	}
	return again(p, f, "the rehearsal (DryRun) had no answer: "+f.Dry.Code+" "+f.Dry.Note, findings)
}

// opened is the incident that the alarm opens now.
func opened(f *Facts) *Incident {
	a := f.Alarm
	id := IncidentID(a.Instance, f.Now)
	for at := f.Now; f.Record.Value.Ended(id); { // without a cool-down two may begin in one second
		at = at.Add(time.Second)
		id = IncidentID(a.Instance, at)
	}
	return &Incident{
		ID:       id,
		Instance: a.Instance,
		Region:   f.region(),
		Account:  a.Account,
		Alarm: AlarmRef{Format: string(a.Format), Name: a.Name, Rule: a.Rule, State: string(a.State), Level: a.Level,
			Key: a.Key, Time: a.Time},
		OpenedAt: f.Now.UTC(),
	}
}

// region is where the alarm's instance lives; an alarm that does not say is about the region we run in.
func (f *Facts) region() string {
	if f.Alarm.Region != "" {
		return f.Alarm.Region
	}
	return f.Region
}

// attempt is the incident's next attempt, with the readings it is measured against. The ledger stamps its times.
func attempt(f *Facts, incident *Incident, force bool) Attempt {
	return Attempt{
		N: len(incident.Attempts) + 1, Force: force, Outcome: OutcomeClaimed,
		Before: Baseline{Status: f.Machine.Value.Status, StartTime: f.Machine.Value.StartTime, Heartbeat: f.Vitals.Value.Heartbeat},
	}
}

// have is the set of sources that have been read.
func (f *Facts) have() Source {
	var s Source
	if f.Record.Read() {
		s |= SourceRecord
	}
	if f.Fleet.Read() {
		s |= SourceFleet
	}
	if f.Machine.Read() {
		s |= SourceInstance
	}
	if f.Vitals.Read() {
		s |= SourceVitals
	}
	if f.Events.Read() {
		s |= SourcePlatform
	}
	if !f.Dry.At.IsZero() {
		s |= SourceRehearsal
	}
	return s
}

func (i *Incident) clone() *Incident {
	c := *i
	c.Attempts = append(make([]Attempt, 0, len(i.Attempts)+1), i.Attempts...)
	return &c
}

// heldFrom reports whether another owner than the given one is alive, as far as its lease tells.
func (i *Incident) heldFrom(owner string, p *Policy, now time.Time) bool {
	return i.Owner != owner && now.Before(p.Takeover(i.LeaseUntil))
}

// limit is the last moment at which the incident may claim an attempt.
func (i *Incident) limit(p *Policy) time.Time { return i.OpenedAt.Add(p.IncidentLimit) }
