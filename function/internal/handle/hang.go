package handle

import (
	"context"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// hang is one alarm, or one swept incident, on its way to a result. One goroutine at a time works on it.
type hang struct {
	*Handler
	facts  remedy.Facts
	stored remedy.Record // as last read from or written to the ledger; facts.Record is ahead of it by what was seen since
	result remedy.Result
	done   bool

	followers []*hang // other alarms of the same event about the same instance
}

func (h *Handler) newHang(invocation Invocation) *hang {
	return &hang{Handler: h, facts: remedy.Facts{Owner: h.Name(), Account: invocation.Account, Region: invocation.Region,
		Redelivered: invocation.Retry > 0, StopAt: h.stopAt(invocation), ClaimBy: invocation.ClaimBy}}
}

// run asks Next what to do and does it, until there is a result or stop says that this is far enough for now.
func (g *hang) run(ctx context.Context, stop func(*hang, *remedy.Step) bool) {
	for !g.done {
		g.facts.Now = g.Clock.Now()
		step := remedy.Next(g.Policy, g.facts)
		// What this look has shown. An end is none before it is written: should that fail, the incident is still open.
		if looked := step.Do != remedy.DoRefuse && step.Do != remedy.DoSettle || step.Reason == remedy.ReasonOutOfTime; looked &&
			step.Incident != nil && g.open() != nil {
			g.facts.Record.Value.Open = step.Incident
		}
		g.merge(step.Findings)
		if stop != nil && stop(g, &step) {
			return
		}
		if g.Watcher != nil {
			g.Watcher.Decided(&g.facts, &step)
		}
		if !g.hold(ctx, &step) {
			continue
		}
		switch step.Do {
		case remedy.DoRead:
			g.read(ctx, step.Sources)
		case remedy.DoWait:
			g.wait(ctx, step.Until)
		case remedy.DoReboot, remedy.DoForce:
			g.reboot(ctx, &step)
		case remedy.DoSettle:
			g.settle(ctx, &step)
		default:
			g.refuse(ctx, &step)
		}
	}
}

// open is the incident as this invocation knows it, nil before its first claim.
func (g *hang) open() *remedy.Incident { return g.facts.Record.Value.Open }

// region is where the instance lives; an alarm that does not say is about the region we run in.
func (g *hang) region() string {
	switch {
	case g.open() != nil:
		return g.open().Region
	case g.facts.Alarm.Region != "":
		return g.facts.Alarm.Region
	}
	return g.facts.Region
}

// hold makes sure that an open incident is ours before anything is done about it: it takes over one whose owner fell silent,
// renews the lease in time, and writes down at once that an instance came back, so that no crash makes anybody reboot it
// again. It reports whether the step still stands.
func (g *hang) hold(ctx context.Context, step *remedy.Step) bool {
	stored, known := g.stored.Open, g.open()
	if stored == nil || step.Do == remedy.DoRefuse {
		return true
	}
	now := g.Clock.Now()
	lapsed := stored.Owner != g.facts.Owner || now.After(stored.LeaseUntil)
	if !lapsed && now.Before(g.renewAt()) && (back(known).Equal(back(stored)) || step.Do == remedy.DoSettle) {
		return true
	}
	if !g.keep(ctx, g.Policy.NewLease(now)) {
		return false
	}
	if lapsed {
		g.forget() // whatever was read may be old by now
		return false
	}
	return true
}

// back is when the instance was seen to be back, whichever attempt it came back from.
func back(i *remedy.Incident) time.Time {
	var last time.Time
	for _, a := range i.Attempts {
		if a.BackAt.After(last) {
			last = a.BackAt
		}
	}
	return last
}

// renewAt is when the lease is due for renewal, a third of it after the last write.
func (g *hang) renewAt() time.Time { return g.stored.Open.LeaseUntil.Add(-g.Policy.Lease * 2 / 3) }

// keep writes where the incident stands, with a lease until the given time. It reports whether it is still ours.
func (g *hang) keep(ctx context.Context, until time.Time) bool {
	incident := *g.open()
	incident.Owner, incident.LeaseUntil = g.facts.Owner, until
	ctx, cancel := g.writing(ctx)
	defer cancel()
	record, reason, err := g.Owner.Keep(ctx, g.stored, &incident)
	switch {
	case err != nil && g.stored.Open.Owner == g.facts.Owner && g.Clock.Now().Before(g.stored.Open.LeaseUntil):
		return true // it is ours for a while yet; the next write may go through
	case err != nil:
		g.answer(remedy.VerdictPending, remedy.ReasonDependencyUnavailable, "the ledger: "+err.Error())
		return false
	case reason != "":
		g.reread(ctx)
		return false
	}
	g.store(record)
	return true
}

// store takes over a record as written.
func (g *hang) store(record remedy.Record) {
	g.stored = record
	g.facts.Record.Value = record
}

// reread looks at the record again after somebody else wrote it. What this invocation has seen since its last write is kept
// where the incident is still its own.
func (g *hang) reread(ctx context.Context) {
	mine := g.open()
	ctx, cancel := context.WithTimeout(ctx, g.Policy.CallLimit())
	defer cancel()
	g.facts.Record = g.Ledger.Record(ctx, g.facts.Alarm.Instance)
	g.stored = g.facts.Record.Value
	now := g.open()
	switch {
	case mine == nil || mine.Owner != g.facts.Owner:
	case now != nil && now.ID == mine.ID && now.Owner == mine.Owner:
		kept := *mine
		kept.ResolvedAt = now.ResolvedAt
		g.facts.Record.Value.Open = &kept
	case now == nil:
		for _, ended := range g.facts.Record.Value.Recent {
			if ended.ID == mine.ID && ended.Reason == remedy.ReasonAbandoned {
				ended.Owner = g.facts.Owner
				g.facts.Record.Value.Open = &ended
				g.answer(ended.Verdict, ended.Reason, "by an operator")
				return
			}
		}
	}
}

// read reads the sources that Next asked for, all at once.
func (g *hang) read(ctx context.Context, sources remedy.Source) {
	ids, region := []string{g.facts.Alarm.Instance}, g.region()
	id := ids[0]
	reads := map[remedy.Source]func(){
		remedy.SourceRecord: func() {
			ctx, cancel := context.WithTimeout(ctx, g.Policy.CallLimit())
			defer cancel()
			g.facts.Record = g.Ledger.Record(ctx, id)
			g.stored = g.facts.Record.Value
		},
		remedy.SourceFleet:    func() { g.facts.Fleet = g.readFleet(ctx) },
		remedy.SourceInstance: func() { g.facts.Machine = g.Cloud.Machines(ctx, region, ids)[id] },
		remedy.SourceVitals:   func() { g.facts.Vitals = g.Cloud.Heartbeats(ctx, region, ids)[id] },
		remedy.SourcePlatform: func() { g.facts.Events = g.Cloud.PlatformEvents(ctx, region, id) },
		remedy.SourceRehearsal: func() {
			g.facts.Dry = g.Rebooter.Reboot(ctx, remedy.Order{Region: region, Instance: id, DryRun: true})
		},
	}
	var wanted []func()
	for source, read := range reads {
		if sources.Has(source) {
			wanted = append(wanted, read)
		}
	}
	g.Clock.Each(len(wanted), func(i int) { wanted[i]() })
	if sources&remedy.SourceLive != 0 {
		g.count()
	}
}

// count counts the rounds of reading in which a source was unavailable before anything was opened.
func (g *hang) count() {
	f := &g.facts
	rehearsed := f.Dry.Outcome == remedy.OutcomeUnknown || f.Dry.Outcome == remedy.OutcomeNotExecuted
	if f.Machine.Failure == remedy.FailureUnavailable || f.Vitals.Failure == remedy.FailureUnavailable ||
		f.Events.Failure == remedy.FailureUnavailable || rehearsed {
		f.Failures++
	}
}

// forget drops what was read from ECS and of the fleet: after a wait, every decision is made on fresh readings.
func (g *hang) forget() {
	f := &g.facts
	f.Fleet = remedy.Reading[remedy.Fleet]{}
	f.Machine = remedy.Reading[remedy.Instance]{}
	f.Vitals = remedy.Reading[remedy.Vitals]{}
	f.Events = remedy.Reading[[]remedy.PlatformEvent]{}
	f.Dry = remedy.Reply{}
}

// wait sleeps, renewing the lease when that is due, and forgets what was read.
func (g *hang) wait(ctx context.Context, until time.Time) {
	for now := g.Clock.Now(); now.Before(until); now = g.Clock.Now() {
		next := until
		if g.stored.Open != nil && !now.Before(g.renewAt()) {
			if !g.keep(ctx, g.Policy.NewLease(now)) {
				break
			}
			if soon := now.Add(g.Policy.Lease / 10); !now.Before(g.renewAt()) && soon.Before(until) {
				next = soon // it could not be written
			}
		}
		if g.stored.Open != nil && now.Before(g.renewAt()) && g.renewAt().Before(next) {
			next = g.renewAt()
		}
		if err := g.Clock.Sleep(ctx, next.Sub(g.Clock.Now())); err != nil {
			g.release(ctx)
			g.answer(remedy.VerdictPending, remedy.ReasonOutOfTime, "the invocation ended while waiting")
			return
		}
	}
	g.forget()
}

// reboot claims the attempt, and only then sends it. What came back is written down at once.
func (g *hang) reboot(ctx context.Context, step *remedy.Step) {
	if g.Clock.Now().Sub(g.facts.Now) > g.Policy.CallLimit() {
		g.forget() // the process was frozen since this was decided: what it rests on may be old
		return
	}
	incident := *step.Incident
	incident.Owner = g.facts.Owner
	record, reason, err := g.claim(ctx, &incident, step.Attempt)
	switch {
	case err != nil:
		g.answer(remedy.VerdictPending, remedy.ReasonDependencyUnavailable, "the ledger: "+err.Error())
		return
	case reason != "":
		g.surprised(ctx)
		return
	}
	g.store(record)
	attempt := g.last()
	order := remedy.Order{Region: incident.Region, Instance: incident.Instance, Force: attempt.Force, SendBefore: attempt.SendBefore}
	reply := g.Rebooter.Reboot(ctx, order)
	g.forget()
	open := *g.open()
	open.Attempts = append([]remedy.Attempt(nil), open.Attempts...)
	g.facts.Record.Value.Open = &open
	attempt = g.last()
	attempt.AnsweredAt, attempt.Outcome = reply.At.UTC(), reply.Outcome
	attempt.RequestID, attempt.Code, attempt.Reason, attempt.Throttled = reply.RequestID, reply.Code, reply.Reason, reply.Throttled
	if g.Watcher != nil {
		g.Watcher.Answered(&g.facts, attempt)
	}
	g.keep(ctx, g.Policy.NewLease(g.Clock.Now()))
}

func (g *hang) claim(ctx context.Context, incident *remedy.Incident, attempt remedy.Attempt) (remedy.Record, remedy.Reason, error) {
	ctx, cancel := context.WithTimeout(ctx, g.Policy.CallLimit())
	defer cancel()
	return g.Owner.Claim(ctx, g.stored, incident, attempt)
}

// last is the incident's last attempt.
func (g *hang) last() *remedy.Attempt {
	attempts := g.open().Attempts
	return &attempts[len(attempts)-1]
}

// surprised reads the record again after a write was refused: it, or the fleet's, is not as it was read, and Next says what
// that means.
func (g *hang) surprised(ctx context.Context) {
	g.forget()
	g.reread(ctx)
}

// settle writes the incident's end and reports it.
func (g *hang) settle(ctx context.Context, step *remedy.Step) {
	incident := *step.Incident
	incident.Owner = g.facts.Owner
	writing, cancel := g.writing(ctx)
	defer cancel()
	_, reason, err := g.Owner.Settle(writing, g.stored, &incident)
	switch {
	case err != nil && g.settled(ctx, step):
	case err != nil:
		g.answer(remedy.VerdictPending, remedy.ReasonDependencyUnavailable, "the ledger: "+err.Error())
	case reason != "":
		g.surprised(ctx)
	default:
		g.facts.Record.Value.Open = &incident
		g.answer(step.Verdict, step.Reason, step.Why)
	}
}

// settled looks whether the incident's end was written after all, although its answer was lost: then the verdict stands, and
// nobody else would ever report it.
func (g *hang) settled(ctx context.Context, step *remedy.Step) bool {
	ctx, cancel := g.writing(ctx)
	defer cancel()
	record := g.Ledger.Record(ctx, step.Incident.Instance)
	for _, ended := range record.Value.Recent {
		if ended.ID == step.Incident.ID && ended.EndedAt.Equal(step.Incident.EndedAt) {
			ended.Owner = g.facts.Owner
			g.facts.Record.Value.Open = &ended
			g.answer(step.Verdict, step.Reason, step.Why)
			return true
		}
	}
	return false
}

// writing is a context for writing something down that must not be lost because the invocation's time is over.
func (g *hang) writing(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := g.Policy.CallLimit()
	if g.WriteLimit != 0 {
		limit = min(limit, g.WriteLimit)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// refuse reports a verdict that leaves the ledger alone, but for what others must know: that an alarm was resolved, or that
// this invocation has no time left and the incident is free for the next.
func (g *hang) refuse(ctx context.Context, step *remedy.Step) {
	switch {
	case step.Reason == remedy.ReasonResolved && step.Incident != nil:
		ctx, cancel := context.WithTimeout(ctx, g.Policy.CallLimit())
		defer cancel()
		if err := g.Resolver.Resolve(ctx, step.Incident); err != nil {
			g.answer(remedy.VerdictPending, remedy.ReasonDependencyUnavailable, "the ledger: "+err.Error())
			return
		}
	case step.Reason == remedy.ReasonOutOfTime:
		g.release(ctx)
	case step.Reason == remedy.ReasonNotRunning && g.changed(ctx):
		return
	}
	g.answer(step.Verdict, step.Reason, step.Why)
}

// changed looks whether somebody wrote the instance's record since it was read. An instance that is not Running may be so by
// another invocation's doing, and then that is what there is to say.
func (g *hang) changed(ctx context.Context) bool {
	before := g.stored.Revision
	g.read(ctx, remedy.SourceRecord)
	return g.stored.Revision != before
}

// release gives the incident free, if it is ours: the next delivery or the sweep goes on at once.
func (g *hang) release(ctx context.Context) {
	if g.stored.Open != nil && g.stored.Open.Owner == g.facts.Owner {
		g.keep(ctx, time.Time{})
	}
}

// merge keeps the newest finding of every rule.
func (g *hang) merge(findings []remedy.Finding) {
next:
	for _, finding := range findings {
		for i := range g.result.Findings {
			if g.result.Findings[i].Rule == finding.Rule {
				g.result.Findings[i] = finding
				continue next
			}
		}
		g.result.Findings = append(g.result.Findings, finding)
	}
}

// answer makes the result and reports it.
func (g *hang) answer(verdict remedy.Verdict, reason remedy.Reason, why string) {
	if g.done {
		return
	}
	g.done = true
	if verdict == "" {
		return // a swept incident that somebody else looks after: nothing to tell
	}
	a, r := &g.facts.Alarm, &g.result
	r.Verdict, r.Reason, r.Why = verdict, reason, why
	r.InstanceID = a.Instance
	r.Alarm = remedy.AlarmView{Format: string(a.Format), Name: a.Name, State: string(a.State), Level: a.Level, ID: a.Key, Time: a.Time}
	if a.Instance != "" {
		r.Region = g.region()
	}
	r.Attempts = []remedy.AttemptView{}
	if incident := g.open(); incident != nil && incident.Owner == g.facts.Owner {
		if g.facts.Swept {
			ref := &incident.Alarm
			r.Alarm = remedy.AlarmView{Format: ref.Format, Name: ref.Name, State: ref.State, Level: ref.Level, ID: ref.Key, Time: ref.Time}
		}
		r.Incident = incident.ID
		for _, t := range incident.Attempts {
			r.Attempts = append(r.Attempts, remedy.AttemptView{N: t.N, Force: t.Force, At: t.ClaimedAt,
				RequestID: t.RequestID, Outcome: t.Outcome, Code: t.Code})
			r.Forced = r.Forced || t.Force && t.Outcome != remedy.OutcomeNotExecuted && t.Outcome != remedy.OutcomeRejected
		}
	}
	if r.Findings == nil {
		r.Findings = []remedy.Finding{}
	}
	g.Reporter.Report(r)
}
