package remedy

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/events"
)

// candidate is an alarm that opens an incident, with everything that can be read about it, and a
// ledger that nobody else writes. Its clock stands 30 seconds after the alarm.
type candidate struct {
	Policy
	Facts // what can be read; Record, Fleet and Sign are what the ledger holds

	told  Facts    // what Next knows of it by now
	read  []string // what Next asked for
	wrote []string // what it had written

	takes     time.Duration    // until evidence is kept
	steps     int              // that were done one by one
	meanwhile func(*candidate) // what happens before a source is read a second time
}

func opens() *candidate {
	return &candidate{Policy: Armed(), Facts: Readable()}
}

// Readable is the facts of an alarm that opens an incident, 30 seconds after it, with everything
// read just now.
func Readable() Facts {
	now := Start.Add(30 * time.Second)
	return Facts{
		Now: now, Owner: "me", Account: Account, Region: "cn-hangzhou", Alarm: Hangs(),
		Record: Reading[Record]{At: now, Value: Record{Keys: map[string]time.Time{}}},
		Fleet:  Reading[Fleet]{At: now, Value: Fleet{Revision: 1}},
		Sign:   Reading[Sign]{At: now, Value: Sign{Revision: 1}},
		Instance: Reading[Instance]{At: now, Date: now, Value: Instance{
			ID: InstanceID, Region: "cn-hangzhou", Name: "web-1", Status: "Running",
			LocksKnown: true, ChargeType: "PostPaid", StartTime: "2026-11-01T00:00Z",
			Tags: map[string]string{"auto-restart": "true"}}},
		Vitals: Reading[Vitals]{At: now, Date: now,
			Value: Vitals{Heartbeat: now.Add(-10 * time.Minute)}},
		Platform:  Reading[[]PlatformEvent]{At: now, Date: now},
		Rehearsal: Reply{At: now, Answer: AnswerAccepted},
	}
}

// later moves the clock, with it every reading, and the lease of an incident of ours, as if it had
// been renewed.
func (c *candidate) later(d time.Duration) {
	c.pass(d)
	open := c.Record.Value.Open
	if open != nil && open.Owner == c.Owner && !open.LeaseUntil.IsZero() {
		open.LeaseUntil = open.LeaseUntil.Add(d)
	}
}

// pass lets time pass: what is read is as new as ever, and what is written as old as it is.
func (c *candidate) pass(d time.Duration) {
	c.Now = c.Now.Add(d)
	for _, t := range []*time.Time{&c.Instance.At, &c.Instance.Date, &c.Vitals.At, &c.Vitals.Date,
		&c.Platform.At, &c.Platform.Date, &c.Rehearsal.At} {
		if !t.IsZero() {
			*t = t.Add(d)
		}
	}
}

// What a step comes to. Reading, and every write but those that have a name here, is upkeep.
const (
	upkeep    = "upkeep"
	toOpen    = "open"    // an incident is opened
	toReboot  = "reboot"  // a graceful attempt is claimed
	toForce   = "force"   // a forced one is
	toSend    = "send"    // the attempt that was claimed is sent
	toSettle  = "settle"  // an incident's end is written
	toRelease = "release" // its owner gives it free
	toWait    = "wait"
	toAnswer  = "answer"
)

// comesTo says what a step comes to.
func (c *candidate) comesTo(step *Step) string {
	switch claim := step.Claims(); {
	case claim != nil && claim.Force:
		return toForce
	case claim != nil:
		return toReboot
	case step.Opens():
		return toOpen
	case step.Ends():
		return toSettle
	case c.releases(step):
		return toRelease
	}
	switch step.Do {
	case DoAnswer:
		return toAnswer
	case DoSend:
		return toSend
	case DoWait:
		return toWait
	}
	return upkeep
}

func (c *candidate) releases(step *Step) bool {
	record, before := step.Write.Record, c.told.Record.Value.Open
	return record != nil && record.Open != nil && before != nil && record.Open.ID == before.ID &&
		record.Open.LeaseUntil.IsZero() && !before.LeaseUntil.IsZero()
}

// ask gives Next what it asks for, as the loop does, until there is something other than upkeep.
func (c *candidate) ask() Step {
	c.told = c.Facts
	c.told.Record = Reading[Record]{}
	if !c.Swept { // a sweep has found its slot in the fleet's record
		c.told.Fleet = Reading[Fleet]{}
	}
	c.told.Sign = Reading[Sign]{}
	c.told.forgetLive()
	return c.goOn()
}

// after does what a step says, and goes on from there.
func (c *candidate) after(step Step) Step {
	c.do(&step)
	return c.goOn()
}

func (c *candidate) goOn() Step {
	for range 50 {
		c.told.Ask(c.Now)
		step := c.next()
		if c.comesTo(&step) != upkeep {
			return step
		}
		c.do(&step)
	}
	panic("Next asks and writes without end")
}

// next asks Next, which leaves what it is told as it is.
func (c *candidate) next() Step {
	policy, told := c.Policy, c.told
	step := Next(&c.Policy, &c.told)
	if !reflect.DeepEqual(c.told, told) || !reflect.DeepEqual(c.Policy, policy) {
		panic("Next changes its facts or its policy")
	}
	return step
}

// do does what a step says, as the loop does: what is written is stored, and an order is accepted.
func (c *candidate) do(step *Step) {
	f := &c.told
	f.Decided(step)
	switch step.Do {
	case DoRead:
		c.answer(step)
	case DoWrite:
		before := c.Record.Value.Revision
		written := Written{At: f.Now, Wrote: WroteDone, Revision: before + 1}
		if f.Wrote(step.Write, written); step.Write.Fleet != nil {
			c.wrote, c.Fleet = append(c.wrote, "fleet"), f.Fleet
		} else {
			c.wrote, c.Record = append(c.wrote, "record"), f.Record
		}
	case DoSend:
		f.Replied(step.Order, Reply{At: f.Now, Answer: AnswerAccepted, RequestID: "R"})
	case DoWait:
		c.pass(step.Until.Sub(f.Now))
		f.Waited()
	}
}

// answer reads sources, and notes which.
func (c *candidate) answer(step *Step) {
	f, sources := &c.told, step.Sources
	for _, source := range []struct {
		Source
		name string
		read func()
	}{
		{SourceRecord, "ledger", func() { f.Record, f.Record.At = c.Record, c.Now }},
		{SourceFleet, "fleet", func() { f.Fleet, f.Fleet.At = c.Fleet, c.Now }},
		{SourceSign, "sign", func() { f.Sign, f.Sign.At = c.Sign, c.Now }},
		{SourceInstance, "machine", func() { f.Instance = c.Instance }},
		{SourceVitals, "heartbeat", func() { f.Vitals = c.Vitals }},
		{SourcePlatform, "platform", func() { f.Platform = c.Platform }},
		{SourceRehearsal, "dry-run", func() { f.Rehearsal = c.Rehearsal }},
		{SourceEvidence, "evidence", func() {
			c.Now = c.Now.Add(min(c.takes, step.Evidence.Limit))
			f.Evidence, f.Evidence.At = c.Evidence, c.Now
			f.Evidence.Value.Incident = step.Evidence.Incident
			f.Evidence.Value.Stage = step.Evidence.Stage
		}},
	} {
		if sources.Has(source.Source) {
			if c.meanwhile != nil && slices.Contains(c.read, source.name) {
				c.meanwhile(c)
			}
			source.read()
			c.read = append(c.read, source.name)
		}
	}
}

// What an answer at each stage costs.
const (
	nothing    = ""
	ledgerOnly = "ledger"
	noECS      = "ledger fleet"
	everything = "ledger fleet machine heartbeat platform" // of ECS at once
	lookedAt   = everything + " ledger"                    // and once more who handles the instance
	rehearsed  = everything + " dry-run"
	signed     = noECS + " sign" // and whether the fleet's record was ever there
)

// all is several changes, one after the other.
func all(changes ...func(*candidate)) func(*candidate) {
	return func(c *candidate) {
		for _, change := range changes {
			change(c)
		}
	}
}

func no(*candidate) {}

// status changes what the instance is read as.
func status(s string) func(*candidate) {
	return func(c *candidate) { c.Instance.Value.Status = s }
}

func TestOpening(t *testing.T) {
	metric := func(c *candidate) { c.Alarm = Busy() }
	noData := func(metric string) func(*candidate) {
		return func(c *candidate) {
			c.Metrics = append(c.Metrics, metric)
			c.Alarm = Busy()
			c.Alarm.Metric, c.Alarm.Level = metric, ""
			c.Alarm.State, c.Alarm.RawState = events.StateInsufficientData, "INSUFFICIENT_DATA"
		}
	}
	event := func(product, name, status string) func(*candidate) {
		return func(c *candidate) {
			c.Alarm.Product, c.Alarm.Event, c.Alarm.EventStatus = product, name, status
		}
	}
	problem := func(p events.Problem) func(*candidate) {
		return func(c *candidate) { c.Alarm.Problem = p }
	}
	state := func(s events.State) func(*candidate) {
		return func(c *candidate) { c.Alarm.State = s }
	}
	rule := func(glob, name string) func(*candidate) {
		return func(c *candidate) {
			c.Alarm = Busy()
			c.Rules, c.Alarm.Name = []string{"other", glob}, name
		}
	}
	aged := func(age time.Duration) func(*candidate) {
		return func(c *candidate) { c.Alarm.Time = c.Now.Add(-age) }
	}
	region := func(id string) func(*candidate) {
		return func(c *candidate) { c.Alarm.Region = id }
	}
	mode := func(m Mode) func(*candidate) { return func(c *candidate) { c.Mode = m } }
	rehearsal := func(reply Reply) func(*candidate) {
		return func(c *candidate) {
			c.Mode = ModeObserve
			reply.At = c.Rehearsal.At
			c.Rehearsal = reply
		}
	}
	window := func(windows ...Window) func(*candidate) {
		return func(c *candidate) { c.Windows = windows }
	}
	past := func(verdict Verdict, opened, ended time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Record.Value.Recent = append(c.Record.Value.Recent, Incident{Verdict: verdict,
				OpenedAt: c.Now.Add(-opened), EndedAt: c.Now.Add(-ended),
				Attempts: []Attempt{{N: 1}}})
		}
	}
	cold := func(c *candidate) { c.Cooldown = 0 }
	slots := func(ages ...time.Duration) func(*candidate) {
		return func(c *candidate) {
			for _, age := range ages {
				c.Fleet.Value.Open = append(c.Fleet.Value.Open, Slot{OpenedAt: c.Now.Add(-age)})
			}
		}
	}
	lease := func(left time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Fleet.Value.Open[len(c.Fleet.Value.Open)-1].LeaseUntil = c.Now.Add(left)
		}
	}
	queueOf := func(most int) func(*candidate) {
		return func(c *candidate) { c.FleetWaiting = most }
	}
	begun := func(n int, age time.Duration) func(*candidate) {
		return func(c *candidate) {
			for range n {
				c.Fleet.Value.Begun = append(c.Fleet.Value.Begun, Begun{At: c.Now.Add(-age)})
			}
		}
	}
	paused := func(until time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Fleet.Value.Paused = Pause{Since: Start, Reason: "release"}
			if until != 0 {
				c.Fleet.Value.Paused.Until = c.Now.Add(until)
			}
		}
	}
	locked := func(locks ...string) func(*candidate) {
		return func(c *candidate) { c.Instance.Value.Locks = locks }
	}
	prepaid := func(left time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Instance.Value.ChargeType = "PrePaid"
			c.Instance.Value.ExpiredTime = c.Instance.Date.Add(left)
		}
	}
	clock := func(ahead time.Duration) func(*candidate) {
		return func(c *candidate) { c.Instance.Date = c.Now.Add(ahead) }
	}
	tag := func(value string) func(*candidate) {
		return func(c *candidate) {
			c.Instance.Value.Tags = map[string]string{"auto-restart": value, "env": "true"}
		}
	}
	untagged := func(grant Grant) func(*candidate) {
		return func(c *candidate) {
			c.Untagged, c.Instance.Value.Tags = grant, map[string]string{"Auto-Restart": "true"}
		}
	}
	platform := func(eventType, status string, in time.Duration) func(*candidate) {
		return func(c *candidate) {
			e := PlatformEvent{ID: "e-9", Type: eventType, Status: status}
			if in != 0 {
				e.NotBefore = c.Platform.Date.Add(in)
			}
			c.Platform.Value = append(c.Platform.Value, e)
		}
	}
	beat := func(age time.Duration) func(*candidate) {
		return func(c *candidate) { c.Vitals.Value.Heartbeat = c.Vitals.Date.Add(-age) }
	}
	unheard := func(c *candidate) { c.Vitals.Value.Heartbeat = time.Time{} }
	failing := func(failure Failure, sources Source) func(*candidate) {
		return func(c *candidate) {
			c.Seen.Blind = 2 // the third round
			for source, f := range map[Source]*Failure{SourceRecord: &c.Record.Failure,
				SourceFleet: &c.Fleet.Failure, SourceInstance: &c.Instance.Failure,
				SourceVitals: &c.Vitals.Failure, SourcePlatform: &c.Platform.Failure} {
				if sources.Has(source) {
					*f = failure
				}
			}
		}
	}
	// bare: nobody wrote the fleet's record yet, or it was lost.
	bare := func(c *candidate) { c.Fleet.Value = Fleet{} }
	sign := func(failure Failure) func(*candidate) {
		return func(c *candidate) {
			c.Seen.Blind = 2 // the third round
			c.Sign.Failure = failure
		}
	}
	unchecked := func(c *candidate) { c.SecondCheck = false }
	weakly := func(c *candidate) { c.Alarm = Quiet() }
	leader := func(verdict Verdict, reason Reason) func(*candidate) {
		return func(c *candidate) { c.Leader = Leader{true, verdict, reason} }
	}
	// own is this very event's incident, which has ended.
	own := func(c *candidate) {
		opened := c.Now.Add(-10 * time.Minute)
		c.Record.Value.Keys[c.Alarm.Key] = opened.Add(5 * time.Minute)
		c.Record.Value.Recent = []Incident{{
			ID: IncidentID(InstanceID, opened), Instance: InstanceID, OpenedAt: opened,
			EndedAt: opened.Add(5 * time.Minute), Verdict: VerdictFailed, Reason: ReasonStuck,
			Why: "it is Stopping", Alarm: AlarmRef{Key: c.Alarm.Key}, Attempts: []Attempt{{N: 1}}}}
	}
	// void is what is left of an opening that nobody claimed.
	void := func(c *candidate) {
		own(c)
		clear(c.Record.Value.Keys)
		left := &c.Record.Value.Recent[0]
		left.Verdict, left.Reason, left.Attempts = VerdictRefused, ReasonInProgress, nil
		left.Forgiven = true
	}
	// over is an opening that was resolved, for an alarm so much newer than the candidate's.
	over := func(newer time.Duration) func(*candidate) {
		return func(c *candidate) {
			left := &c.Record.Value.Recent[0]
			left.ResolvedAt = left.EndedAt
			left.Alarm.Rule, left.Alarm.Time = c.Alarm.Rule, c.Alarm.Time.Add(newer)
		}
	}
	redelivered := func(c *candidate) { c.Redelivered = true }
	// opening is an incident that somebody opened and has not claimed yet.
	opening := func(leaseLeft time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Record.Value.Open = &Incident{ID: IncidentID(InstanceID, Start), Instance: InstanceID,
				Region: "cn-hangzhou", Account: Account, OpenedAt: Start, Owner: "somebody",
				LeaseUntil: c.Now.Add(leaseLeft), Alarm: AlarmRef{Key: "another"}}
		}
	}
	// slot is one of the instance whose incident is not in its record.
	slot := func(c *candidate) {
		c.Fleet.Value.Open = []Slot{{Incident: IncidentID(InstanceID, Start), Instance: InstanceID,
			Region: "cn-hangzhou", OpenedAt: Start}}
	}

	// alone: one incident at once, and one within the hour, and that is the slot's.
	alone := func(c *candidate) {
		c.FleetConcurrent, c.FleetHourly = 1, 1
		c.Fleet.Value.Begun = []Begun{{At: c.Now, Instance: InstanceID,
			Incident: c.Fleet.Value.Open[0].Incident}}
	}

	// An empty verdict: it opens, and goes on to a graceful reboot.
	tests := []struct {
		name    string
		change  func(*candidate)
		verdict Verdict
		reason  Reason
		reads   string
		why     string
	}{
		{"a hang", no, "", "", everything, "the one event that means it"},

		// The alarm itself.
		{"undecodable", problem(events.ProblemUndecodable), VerdictMalformed, ReasonMalformed,
			nothing, "an element of a batch"},
		{"not an alarm", problem(events.ProblemNotAnAlarm), VerdictIgnored, ReasonNotAnAlarm,
			nothing, "JSON of another shape"},
		{"contradiction", problem(events.ProblemContradiction), VerdictRefused, ReasonUnreadable,
			nothing, "which instance it is about is not certain"},
		{"not ECS", problem(events.ProblemNotECS), VerdictIgnored, ReasonNotECS, nothing,
			"another product"},
		{"no instance", problem(events.ProblemNoInstance), VerdictIgnored, ReasonNoInstance,
			nothing, "a probe names only the machine that probed"},
		{"placeholder", problem(events.ProblemPlaceholder), VerdictIgnored, ReasonPlaceholder,
			nothing, "the console's test button"},
		{"a problem of tomorrow", problem("odd"), VerdictIgnored, ReasonNoInstance, nothing,
			"a problem without a name here is one, too"},
		{"no id", func(c *candidate) { c.Alarm.Instance = "" }, VerdictIgnored, ReasonNoInstance,
			nothing, "nothing to restart"},
		{"resolved", state(events.StateResolved), VerdictIgnored, ReasonResolved, noECS,
			"an open incident would want to know, or an alarm that waits"},
		{"resolved, and the fleet is out of reach", all(state(events.StateResolved),
			failing(FailureUnavailable, SourceFleet)), VerdictPending, ReasonDependencyUnavailable,
			noECS, "an alarm that waits would not hear of it"},
		{"resolved, and the fleet is garbled", all(state(events.StateResolved),
			failing(FailureUnreadable, SourceFleet)), VerdictIgnored, ReasonResolved, noECS,
			"another try gives the same, and nothing is begun with such a record"},
		{"resolved, of no curable metric",
			all(metric, func(c *candidate) { c.Alarm.Metric = "eip" }, state(events.StateResolved)),
			VerdictIgnored, ReasonResolved, nothing, "no incident can be waiting for it"},
		{"resolved, of another product",
			all(problem(events.ProblemNotECS), state(events.StateResolved)), VerdictIgnored,
			ReasonResolved, nothing, "likewise"},
		{"superseded", func(c *candidate) { c.Superseded = true }, VerdictIgnored, ReasonResolved,
			nothing, "resolved in the same batch"},
		{"no state", all(metric, state(events.StateUnknown)), VerdictRefused, ReasonUnreadable,
			nothing, "firing or not? unreadable"},
		{"no data from the agent", noData("cpu_idle"), "", "", everything,
			"its reporter inside the guest fell silent"},
		{"no data from the host", noData("CPUUtilization"), VerdictIgnored, ReasonNotRestartable,
			nothing, "the guest has no part in that metric"},
		{"followed", leader("", ""), VerdictRefused, ReasonInProgress, ledgerOnly,
			"another of this batch leads, and has an incident"},
		{"followed, the leader was refused", leader(VerdictRefused, ReasonOutsideWindow),
			VerdictRefused, ReasonInProgress, ledgerOnly,
			"whatever refused it, one alarm of a batch speaks for the instance"},
		{"followed, the leader was too weak", leader(VerdictRefused, ReasonUnconfirmedHang), "", "",
			everything, "only its own weakness refused it, and this alarm is not weak"},
		{"followed, the leader was too weak, and failed",
			leader(VerdictFailed, ReasonUnconfirmedHang), VerdictRefused, ReasonInProgress,
			ledgerOnly, "it had an incident, so that it was not refused"},

		// Curable events and metrics.
		{"hang over", event("ECS", "Instance:InstanceFailure.PerformanceImpact", "Executed"),
			VerdictIgnored, ReasonNotRestartable, nothing, "the other status of it"},
		{"status in capitals",
			event("ECS", "Instance:InstanceFailure.PerformanceImpact", "EXECUTING"), VerdictIgnored,
			ReasonNotRestartable, nothing, "compared exactly: deny by default"},
		{"agent stopped", weakly, "", "", everything, "weak, and the heartbeat is silent, too"},
		{"agent stopped, another product", event("ECS", "Agent_Status_Stopped", "stopped"),
			VerdictIgnored, ReasonNotRestartable, nothing, "the name alone is not enough"},
		{"agent running", event("CloudMonitor", "Agent_Status_Running", "running"), VerdictIgnored,
			ReasonNotRestartable, nothing, "good news that does not say resolved"},
		{"agent running, resolved", all(event("CloudMonitor", "Agent_Status_Running", "running"),
			state(events.StateResolved)), VerdictIgnored, ReasonResolved, noECS,
			"an incident of the agent that stopped would want to know"},
		{"disk no longer stalled", all(event("ECS", "Disk:Stalled", "Executed"),
			state(events.StateResolved)), VerdictIgnored, ReasonResolved, nothing,
			"no incident can be waiting for it"},
		{"guest crashed", event("ECS", "Instance:InstanceFailure.Reboot", "Executing"),
			VerdictIgnored, ReasonNotRestartable, nothing, "the platform reboots it"},
		{"disk stalled", event("ECS", "Disk:Stalled", "Executing"), VerdictIgnored,
			ReasonNotRestartable, nothing, "no cure"},
		{"an event of tomorrow", event("ECS", "Instance:InstanceFailure.Tomorrow", "Executing"),
			VerdictIgnored, ReasonNotRestartable, nothing, "deny by default"},
		{"no event, no metric", func(c *candidate) { c.Alarm = Busy(); c.Alarm.Metric = "" },
			VerdictIgnored, ReasonNotRestartable, nothing, "about nothing known"},
		{"metric in the list", metric, "", "", everything, "REMEDY_METRICS"},
		{"metric not in the list",
			func(c *candidate) { c.Alarm = Busy(); c.Alarm.Metric = "cpu_idle" }, VerdictIgnored,
			ReasonNotRestartable, nothing, "deny by default"},

		// Its region.
		{"another region", region("cn-beijing"), VerdictRefused, ReasonWrongRegion, nothing,
			"the role ends at the region's border: nothing is asked of anybody"},
		{"no region", region(""), "", "", everything,
			"an alarm that names none is about the region we run in"},
		{"another region, and no cure",
			all(event("ECS", "Disk:Stalled", "Executing"), region("cn-beijing")), VerdictIgnored,
			ReasonNotRestartable, nothing, "what is ignored is ignored in any region"},
		{"another region, and no state",
			all(metric, state(events.StateUnknown), region("cn-beijing")), VerdictRefused,
			ReasonWrongRegion, nothing, "the region comes before every other refusal"},
		{"another region, resolved", all(state(events.StateResolved), region("cn-beijing")),
			VerdictIgnored, ReasonResolved, nothing, "no incident of ours can be waiting for it"},

		// The rule, its level, the account. From here on the ledger is asked first: an open
		// incident would be resumed.
		{"rule equal", rule("db-cpu", "db-cpu"), "", "", everything, "a glob without a star"},
		{"rule longer", rule("db-cpu", "db-cpu2"), VerdictRefused, ReasonRuleNotAllowed, ledgerOnly,
			"a glob matches the whole name"},
		{"rule by star", rule("db-*", "db-cpu"), "", "", everything, "a star"},
		{"rule by star over slashes", rule("ecs*stuck", "ecs/cpu/stuck"), "", "", everything,
			"a name is no path"},
		{"rule by one character", rule("ecs?cpu", "ecs/cpu"), "", "", everything,
			"a slash is a character, too"},
		{"rule by class", rule("db-[0-4]", "db-4"), "", "", everything, "in the class"},
		{"rule not in class", rule("db-[0-4]", "db-5"), VerdictRefused, ReasonRuleNotAllowed,
			ledgerOnly, "not in the class"},
		{"broken glob", rule("db-[", "db-["), VerdictRefused, ReasonRuleNotAllowed, ledgerOnly,
			"a glob that cannot be read matches nothing"},
		{"no rules", func(c *candidate) { c.Alarm = Busy(); c.Rules = nil }, VerdictRefused,
			ReasonRuleNotAllowed, ledgerOnly, "none is allowed"},
		{"an event has no rule", func(c *candidate) { c.Rules, c.Levels = nil, nil }, "", "",
			everything, "rules and levels are of metric alarms"},
		{"level warn", func(c *candidate) { c.Alarm = Busy(); c.Alarm.Level = "WARN" },
			VerdictRefused, ReasonRuleNotAllowed, ledgerOnly, "not in REMEDY_LEVELS"},
		{"level allowed", func(c *candidate) {
			c.Alarm = Busy()
			c.Alarm.Level, c.Levels = "WARN", []string{"CRITICAL", "WARN"}
		}, "", "", everything, "in REMEDY_LEVELS"},
		{"no level", func(c *candidate) { c.Alarm = Busy(); c.Alarm.Level = "" }, VerdictRefused,
			ReasonRuleNotAllowed, ledgerOnly, "a firing alarm has one"},
		{"another account", func(c *candidate) { c.Alarm.Account = "9" }, VerdictRefused,
			ReasonWrongAccount, ledgerOnly, "its instance is not ours"},
		{"no account", func(c *candidate) { c.Alarm.Account = "" }, VerdictRefused,
			ReasonWrongAccount, ledgerOnly, "whose instance?"},
		{"no account on either side", func(c *candidate) { c.Alarm.Account, c.Account = "", "" },
			VerdictRefused, ReasonWrongAccount, ledgerOnly, "two unknowns are not equal"},

		// Its time.
		{"age at the limit", aged(15 * time.Minute), "", "", everything,
			"not older than the limit"},
		{"age above it", aged(15*time.Minute + 1), VerdictRefused, ReasonStaleAlarm, ledgerOnly,
			"older by a nanosecond"},
		{"2 minutes ahead", aged(-2 * time.Minute), "", "", everything,
			"two clocks may differ that much"},
		{"more than that", aged(-2*time.Minute - 1), VerdictRefused, ReasonUnreadable, ledgerOnly,
			"more is no clock"},
		{"no time", func(c *candidate) { c.Alarm.Time = time.Time{} }, VerdictRefused,
			ReasonUnreadable, ledgerOnly, "unreadable is no"},

		// Mode and window.
		{"off", mode(ModeOff), VerdictRefused, ReasonPaused, ledgerOnly, "REMEDY_MODE=off"},
		{"no mode", mode(""), VerdictRefused, ReasonPaused, ledgerOnly,
			"the zero policy allows nothing"},
		{"observe", mode(ModeObserve), VerdictObserved, ReasonWouldRestart, rehearsed,
			"every guard, then the rehearsal"},
		{"observe, ECS says no", rehearsal(Reply{Answer: AnswerRejected, Reason: ReasonForbidden}),
			VerdictRefused, ReasonForbidden, rehearsed, "its reason"},
		{"observe, no answer",
			all(rehearsal(Reply{Answer: AnswerUnknown}), func(c *candidate) { c.Seen.Blind = 2 }),
			VerdictPending, ReasonDependencyUnavailable, rehearsed, "only its exact yes is one"},
		{"observe, not executed",
			all(rehearsal(Reply{Answer: AnswerNotExecuted}),
				func(c *candidate) { c.Seen.Blind = 2 }), VerdictPending,
			ReasonDependencyUnavailable, rehearsed, "throttled three times says nothing"},
		{"window opens",
			all(window(on(time.Monday, 8*60, 9*60)),
				func(c *candidate) { c.later(-30 * time.Second) }), "", "", everything,
			"its first minute"},
		{"window not open yet", window(on(time.Monday, 8*60+1, 9*60)), VerdictRefused,
			ReasonOutsideWindow, ledgerOnly, "the minute before"},
		{"window closes", window(on(time.Monday, 7*60, 8*60)), VerdictRefused, ReasonOutsideWindow,
			ledgerOnly, "its end is exclusive"},
		{"window's last minute", window(on(time.Monday, 7*60, 8*60+1)), "", "", everything,
			"the last one"},
		{"second window", window(on(time.Sunday, 0, 1440), on(time.Monday, 0, 1440)), "", "",
			everything, "any of them"},

		// The ledger.
		{"duplicate", func(c *candidate) { c.Record.Value.Keys[c.Alarm.Key] = Start },
			VerdictRefused, ReasonDuplicateAlarm, ledgerOnly, "it opened one that has ended"},
		{"duplicate, redelivered",
			all(func(c *candidate) { c.Record.Value.Keys[c.Alarm.Key] = Start }, redelivered),
			VerdictRefused, ReasonDuplicateAlarm, ledgerOnly,
			"its incident is forgotten, and so is what there was to say"},
		{"another's key", func(c *candidate) { c.Record.Value.Keys["e-1|Executed"] = Start }, "",
			"", everything, "another key"},
		{"redelivered, its incident has ended", all(own, redelivered), VerdictFailed, ReasonStuck,
			ledgerOnly, "its verdict may have been lost with the process that reached it"},
		{"not redelivered, its incident has ended", own, VerdictRefused, ReasonDuplicateAlarm,
			ledgerOnly, "the same alarm from elsewhere"},
		{"redelivered, its opening was void", all(void, redelivered), "", "", everything,
			"nothing was sent for it, so that there is no verdict to repeat"},
		{"redelivered, its opening was resolved", all(void, over(0), redelivered), VerdictIgnored,
			ReasonResolved, ledgerOnly, "whoever opened it died, and its trace alone knows of it"},
		{"an older one of the rule whose opening was resolved", all(void, over(1)), VerdictIgnored,
			ReasonResolved, ledgerOnly, "it is over, too"},
		{"a newer one", all(void, over(-1)), "", "", everything, "it hangs again"},
		{"one of another rule", all(void, over(0), func(c *candidate) {
			c.Record.Value.Recent[0].Alarm.Rule = "other"
		}), "", "", everything, "which may go on"},
		{"one whose opening was not resolved", all(void, over(0), func(c *candidate) {
			c.Record.Value.Recent[0].ResolvedAt = time.Time{}
		}), "", "", everything, "nothing is known of its end"},
		{"one whose incident was resolved in its course", all(own, over(1), func(c *candidate) {
			clear(c.Record.Value.Keys)
			c.Cooldown = 0
		}), "", "", everything, "that incident has its own end"},
		{"an opening of somebody alive", opening(-6*time.Second + 1), VerdictRefused,
			ReasonInProgress, ledgerOnly, "a tenth of a lease is granted for clocks"},
		{"an opening of somebody alive, redelivered", all(opening(-6*time.Second+1), redelivered),
			VerdictPending, ReasonLeaseHeld, ledgerOnly,
			"whoever is opening may have died, and then nobody else comes"},
		{"an opening that nobody claimed", opening(-6 * time.Second), "", "", everything,
			"void: the alarm is judged as if it had not been"},
		{"an opening that nobody claimed, with the last slot", all(opening(-6*time.Second), slot,
			alone), "", "", everything, "its slot and its beginning count no more"},
		{"a slot without its incident", slot, VerdictFailed, ReasonLedgerLost, noECS,
			"the ledger has lost the incident: nobody knows what was sent for it"},
		{"a slot without its incident, and a pause", all(slot, paused(0)), VerdictFailed,
			ReasonLedgerLost, noECS, "what was lost is written down, whatever forbids a reboot"},
		{"a slot without its incident, and an old alarm", all(slot, aged(time.Hour)),
			VerdictRefused, ReasonStaleAlarm, ledgerOnly,
			"the fleet's record is not read for it: the sweep ends what was lost"},
		{"before the last recovery",
			all(past(VerdictRestarted, 40*time.Minute, 29*time.Second), cold), VerdictRefused,
			ReasonStaleAlarm, ledgerOnly, "a hang that is over"},
		{"in the second of the last recovery",
			all(past(VerdictRestarted, 40*time.Minute, 30*time.Second-time.Millisecond), cold), "",
			"", everything, "alarms may have their time to the second"},
		{"at the last recovery", all(past(VerdictRestarted, 40*time.Minute, 30*time.Second), cold),
			"", "", everything, "not before it"},
		{"before the last failure", all(past(VerdictFailed, 40*time.Minute, 29*time.Second), cold),
			"", "", everything, "no recovery"},
		{"cooling down", past(VerdictFailed, time.Hour, 30*time.Minute-1), VerdictRefused,
			ReasonCoolingDown, ledgerOnly, "a nanosecond left"},
		{"cooled down", past(VerdictFailed, time.Hour, 30*time.Minute), "", "", everything, "over"},
		{"cooling down, forgiven", func(c *candidate) {
			c.Record.Value.Recent = []Incident{{OpenedAt: c.Now, EndedAt: c.Now, Forgiven: true}}
		}, "", "", everything, "the operator reset it"},
		{"budget left",
			all(past(VerdictFailed, 9*time.Hour, 8*time.Hour),
				past(VerdictFailed, 7*time.Hour, 6*time.Hour),
				past(VerdictFailed, 24*time.Hour, 23*time.Hour)), "", "", everything,
			"the third one is a window old"},
		{"budget spent",
			all(past(VerdictFailed, 9*time.Hour, 8*time.Hour),
				past(VerdictFailed, 7*time.Hour, 6*time.Hour),
				past(VerdictFailed, 24*time.Hour-1, 23*time.Hour)), VerdictRefused,
			ReasonIncidentsSpent, ledgerOnly, "a nanosecond younger"},
		{"paused", paused(0), VerdictRefused, ReasonPaused, noECS, "until resumed"},
		{"paused for a moment", paused(1), VerdictRefused, ReasonPaused, noECS,
			"a nanosecond left"},
		{"pause over", paused(-1), "", "", everything, "over"},
		{"fleet has room", slots(0, time.Minute), "", "", everything, "two of three"},
		{"fleet is full", slots(0, time.Minute, 65*time.Minute-1), VerdictWaiting,
			ReasonFleetConcurrent, everything, "three of three, the last one by a nanosecond"},
		{"fleet is full, and nobody may wait", all(slots(0, 0, 0), queueOf(0)), VerdictRefused,
			ReasonFleetConcurrent, noECS, "REMEDY_FLEET_WAITING=0"},
		{"a slot past all that its incident may take", slots(0, time.Minute, 65*time.Minute), "",
			"", everything, "45 minutes, an attempt and the boot grace: it no longer counts"},
		{"a slot past that, its lease runs", all(slots(0, time.Minute, 65*time.Minute), lease(1)),
			VerdictWaiting, ReasonFleetConcurrent, everything,
			"its owner lives, so that it counts"},
		{"a slot past that, its lease is over",
			all(slots(0, time.Minute, 65*time.Minute), lease(0)), "", "", everything,
			"whoever meets its incident ends it"},
		{"no fleet's record yet", all(bare, func(c *candidate) { c.Sign.Value = Sign{} }), "", "",
			signed + strings.TrimPrefix(everything, noECS), "no function ever wrote here"},
		{"no fleet's record any more", bare, VerdictRefused, ReasonUnreadable, signed,
			"a function wrote here: the record was lost, and perhaps a pause with it"},
		{"no fleet's record, and a sign that is out of reach", all(bare, sign(FailureUnavailable)),
			VerdictPending, ReasonDependencyUnavailable, signed, "tried three times"},
		{"no fleet's record, and a garbled sign", all(bare, sign(FailureUnreadable)),
			VerdictRefused, ReasonUnreadable, signed, "whether a pause was lost cannot be known"},
		{"a fleet's record after a loss", func(c *candidate) { c.Fleet.Value.Lost = Start },
			VerdictRefused, ReasonUnreadable, noECS,
			"until an operator says that nothing is paused"},
		{"hour has room", begun(19, time.Minute), "", "", everything, "19 of 20"},
		{"hour is full", begun(20, time.Hour-1), VerdictRefused, ReasonFleetHourly, noECS,
			"20 within the hour"},
		{"hour is over", begun(20, time.Hour), "", "", everything, "an hour ago does not count"},
		{"ledger out of reach", failing(FailureUnavailable, SourceRecord), VerdictPending,
			ReasonDependencyUnavailable, ledgerOnly, "nothing may be done without it"},
		{"ledger garbled", failing(FailureUnreadable, SourceRecord), VerdictRefused,
			ReasonUnreadable, ledgerOnly, "another try gives the same"},
		{"fleet out of reach", failing(FailureUnavailable, SourceFleet), VerdictPending,
			ReasonDependencyUnavailable, noECS, "no use in reading ECS"},
		{"fleet garbled", failing(FailureUnreadable, SourceFleet), VerdictRefused, ReasonUnreadable,
			noECS, "another try gives the same"},

		// The instance.
		{"missing", failing(FailureMissing, SourceInstance), VerdictRefused, ReasonNotFound,
			everything, "gone, or not permitted"},
		{"denied", failing(FailureForbidden, SourceInstance), VerdictRefused, ReasonForbidden,
			everything, "no permission"},
		{"garbled", failing(FailureUnreadable, SourceInstance), VerdictRefused, ReasonUnreadable,
			everything, "a value that cannot be understood"},
		{"out of reach", failing(FailureUnavailable, SourceInstance), VerdictPending,
			ReasonDependencyUnavailable, everything, "tried three times"},
		{"out of reach, and alive",
			all(failing(FailureUnavailable, SourceInstance), beat(time.Minute)), VerdictRefused,
			ReasonGuestAlive, everything, "what is known is enough to refuse"},
		{"Stopped", status("Stopped"), VerdictRefused, ReasonNotRunning, lookedAt, "never started"},
		{"Stopping", status("Stopping"), VerdictRefused, ReasonNotRunning, lookedAt,
			"not by our doing"},
		{"Starting", status("Starting"), VerdictRefused, ReasonNotRunning, lookedAt,
			"not by our doing"},
		{"Pending", status("Pending"), VerdictRefused, ReasonNotRunning, lookedAt, "being created"},
		{"running in lower case", status("running"), VerdictRefused, ReasonNotRunning, lookedAt,
			"an unknown status"},
		{"Stopping, and another invocation opened an incident meanwhile",
			all(status("Stopping"), func(c *candidate) { c.meanwhile = opening(time.Minute) }),
			VerdictRefused, ReasonInProgress, lookedAt, "it is Stopping by the doing of that one"},
		{"security lock", locked("security"), VerdictRefused, ReasonSecurityLocked, everything,
			"a human's matter"},
		{"security lock in capitals", locked("Security "), VerdictRefused, ReasonSecurityLocked,
			everything, "without case and blanks"},
		{"financial lock", locked("financial"), VerdictRefused, ReasonLocked, everything,
			"any lock"},
		{"unknown lock", locked("Recycling-2"), VerdictRefused, ReasonLocked, everything,
			"also one without a name here"},
		{"empty lock", locked(""), VerdictRefused, ReasonLocked, everything,
			"also one without any name"},
		{"two locks", locked("financial", "security"), VerdictRefused, ReasonSecurityLocked,
			everything, "security is named first"},
		{"locks unknown", func(c *candidate) { c.Instance.Value.LocksKnown = false },
			VerdictRefused, ReasonUnreadable, everything, "missing is not none"},
		{"subscription with a second left", prepaid(time.Second), "", "", everything,
			"not expired yet"},
		{"subscription at its end", prepaid(0), VerdictRefused, ReasonExpired, everything,
			"expired"},
		{"subscription a second over", prepaid(-time.Second), VerdictRefused, ReasonExpired,
			everything, "expired"},
		{"pay-as-you-go",
			func(c *candidate) { c.Instance.Value.ExpiredTime = Start.Add(-time.Hour) }, "", "",
			everything, "its date means nothing"},
		{"no charge type", func(c *candidate) { c.Instance.Value.ChargeType = "" }, VerdictRefused,
			ReasonUnreadable, everything, "may be a subscription"},
		{"subscription without a date",
			all(prepaid(0), func(c *candidate) { c.Instance.Value.ExpiredTime = time.Time{} }),
			VerdictRefused, ReasonUnreadable, everything, "unreadable is no"},
		{"clocks 2 minutes apart", all(prepaid(time.Hour), clock(2*time.Minute)), "", "",
			everything, "as far as they may"},
		{"clocks further apart", all(prepaid(time.Hour), clock(2*time.Minute+1)), VerdictRefused,
			ReasonUnreadable, everything, "ECS's clock cannot be believed"},
		{"clock behind", all(prepaid(time.Hour), clock(-2*time.Minute-1)), VerdictRefused,
			ReasonUnreadable, everything, "the other way"},
		{"no clock", all(prepaid(time.Hour), func(c *candidate) { c.Instance.Date = time.Time{} }),
			VerdictRefused, ReasonUnreadable, everything, "without a Date no time can be compared"},
		{"no clock needed", func(c *candidate) { c.Instance.Date = time.Time{} }, "", "",
			everything, "pay-as-you-go has no time to compare"},

		// The tag.
		{"graceful", tag("graceful"), "", "", everything, "opted in, but for force"},
		{"True", tag("True"), VerdictRefused, ReasonNotOptedIn, everything, "the exact word"},
		{"empty", tag(""), VerdictRefused, ReasonNotOptedIn, everything, "no word"},
		{"false", tag("false"), VerdictRefused, ReasonNotOptedIn, everything, "a clear no"},
		{"no, though untagged would do",
			all(tag("false"), func(c *candidate) { c.Untagged = GrantFull }), VerdictRefused,
			ReasonNotOptedIn, everything, "a tag is an answer"},
		{"untagged", untagged(GrantNone), VerdictRefused, ReasonNotOptedIn, everything,
			"REMEDY_UNTAGGED=refuse; a key of another case is another tag"},
		{"untagged, graceful", untagged(GrantGraceful), "", "", everything,
			"REMEDY_UNTAGGED=graceful"},
		{"untagged, true", untagged(GrantFull), "", "", everything, "REMEDY_UNTAGGED=true"},

		// The platform.
		{"system failure", platform("SystemFailure.Reboot", "Executing", 0), VerdictRefused,
			ReasonPlatformActing, everything, "it reboots it"},
		{"guest failure", platform("InstanceFailure.Reboot", "Executing", 0), VerdictRefused,
			ReasonPlatformActing, everything, "it reboots it"},
		{"maintenance", platform("SystemMaintenance.Redeploy", "Executing", 0), VerdictRefused,
			ReasonPlatformActing, everything, "it moves it"},
		{"unknown type", platform("Tomorrow.Reboot", "Executing", 0), VerdictRefused,
			ReasonPlatformActing, everything, "whatever it does"},
		{"unknown type, planned", platform("Tomorrow.Reboot", "Scheduled", time.Minute), "", "",
			everything, "not under way, and no known action"},
		{"our own reason", platform("InstanceFailure.PerformanceImpact", "Executing", 0), "", "",
			everything, "why we are here"},
		{"our own reason, planned",
			platform("InstanceFailure.PerformanceImpact", "Scheduled", time.Minute), "", "",
			everything, "never blocks"},
		{"our own reason and another",
			all(platform("InstanceFailure.PerformanceImpact", "Executing", 0),
				platform("SystemFailure.Stop", "Executing", 0)), VerdictRefused,
			ReasonPlatformActing, everything, "the other one blocks"},
		{"planned in 30 minutes", platform("SystemMaintenance.Reboot", "Scheduled", 30*time.Minute),
			VerdictRefused, ReasonPlatformActing, everything, "within 30 minutes"},
		{"planned later", platform("SystemMaintenance.Reboot", "Scheduled", 30*time.Minute+1), "",
			"", everything, "not soon"},
		{"planned a while ago", platform("SystemMaintenance.Reboot", "Scheduled", -time.Hour),
			VerdictRefused, ReasonPlatformActing, everything, "due, and not over"},
		{"inquired", platform("SystemFailure.Redeploy", "Inquiring", 30*time.Minute),
			VerdictRefused, ReasonPlatformActing, everything, "as if scheduled"},
		{"inquired, later", platform("SystemFailure.Redeploy", "Inquiring", 31*time.Minute), "", "",
			everything, "not soon"},
		{"planned for an unknown time", platform("SystemMaintenance.Reboot", "Scheduled", 0),
			VerdictRefused, ReasonPlatformActing, everything, "it may be now"},
		{"planned, no clock",
			all(platform("SystemMaintenance.Reboot", "Scheduled", time.Hour),
				func(c *candidate) { c.Platform.Date = time.Time{} }), VerdictRefused,
			ReasonUnreadable, everything, "without a Date no time can be compared"},
		{"avoided", platform("SystemFailure.Reboot", "Avoided", 0), VerdictRefused,
			ReasonUnreadable, everything, "over, but only those that are not were asked for"},
		{"status unknown", platform("SystemMaintenance.Reboot", "Foo", time.Hour), VerdictRefused,
			ReasonUnreadable, everything, "not known to be harmless"},
		{"status in another case", platform("SystemMaintenance.Reboot", "scheduled", time.Hour),
			VerdictRefused, ReasonUnreadable, everything, "no status of ECS's"},
		{"status and type unknown", platform("Tomorrow.Reboot", "Foo", 0), VerdictRefused,
			ReasonUnreadable, everything, "nor is this one"},
		{"status unknown of our own reason",
			platform("InstanceFailure.PerformanceImpact", "Executed", 0), VerdictRefused,
			ReasonUnreadable, everything, "the answer to another question tells nothing"},
		{"status unknown beside a known one",
			all(platform("SystemMaintenance.Reboot", "Scheduled", time.Hour),
				platform("SystemMaintenance.Reboot", "", time.Hour)), VerdictRefused,
			ReasonUnreadable, everything, "every event counts"},
		{"platform denied", failing(FailureForbidden, SourcePlatform), VerdictRefused,
			ReasonForbidden, everything, "no permission"},
		{"platform garbled", failing(FailureUnreadable, SourcePlatform), VerdictRefused,
			ReasonUnreadable, everything, "unreadable is no"},
		{"platform missing", failing(FailureMissing, SourcePlatform), VerdictRefused,
			ReasonUnreadable, everything, "unreadable is no"},
		{"platform out of reach", failing(FailureUnavailable, SourcePlatform), VerdictPending,
			ReasonDependencyUnavailable, everything, "tried three times"},

		// The heartbeat.
		{"beating", beat(3*time.Minute - 1), VerdictRefused, ReasonGuestAlive, everything,
			"younger than REMEDY_HEARTBEAT_FRESH"},
		{"silent", beat(3 * time.Minute), "", "", everything, "as old as that"},
		{"a beat 2 minutes ahead", beat(-2 * time.Minute), VerdictRefused, ReasonGuestAlive,
			everything, "two clocks may differ that much"},
		{"a beat further ahead", beat(-2*time.Minute - 1), VerdictRefused, ReasonUnreadable,
			everything, "no telling"},
		{"beat, no clock", func(c *candidate) { c.Vitals.Date = time.Time{} }, VerdictRefused,
			ReasonUnreadable, everything, "no telling"},
		{"never reported", unheard, "", "", everything, "a strong alarm needs no heartbeat"},
		{"never reported, no clock",
			all(unheard, func(c *candidate) { c.Vitals.Date = time.Time{} }), "", "", everything,
			"no time to compare"},
		{"heartbeat denied", failing(FailureForbidden, SourceVitals), VerdictRefused,
			ReasonForbidden, everything, "no permission"},
		{"heartbeat missing", failing(FailureMissing, SourceVitals), VerdictRefused,
			ReasonUnreadable, everything, "unreadable is no"},
		{"heartbeat out of reach", failing(FailureUnavailable, SourceVitals), VerdictPending,
			ReasonDependencyUnavailable, everything, "tried three times"},
		{"weak, never reported", all(weakly, unheard), VerdictRefused, ReasonUnconfirmedHang,
			everything, "an agent that never was cannot fall silent"},
		{"weak, beating", all(weakly, beat(time.Minute)), VerdictRefused, ReasonGuestAlive,
			everything, "only CloudMonitor's agent stopped"},
		{"no data, never reported", all(noData("cpu_idle"), unheard), VerdictRefused,
			ReasonUnconfirmedHang, everything, "as weak as a stopped agent"},
		{"unchecked, beating", all(unchecked, beat(time.Minute)), "", "", everything,
			"REMEDY_SECOND_CHECK=none"},
		{"unchecked, weak, never reported", all(unchecked, weakly, unheard), "", "", everything,
			"REMEDY_SECOND_CHECK=none"},
		{"unchecked, denied", all(unchecked, failing(FailureForbidden, SourceVitals)), "", "",
			everything, "REMEDY_SECOND_CHECK=none"},

		// Who comes first.
		{"many reasons", all(aged(time.Hour), mode(ModeOff)), VerdictRefused, ReasonPaused,
			ledgerOnly, "switched off comes before everything"},
		{"two reasons", all(aged(time.Hour), func(c *candidate) { c.Alarm.Account = "9" }),
			VerdictRefused, ReasonWrongAccount, ledgerOnly, "the first refusal is the reason"},
		{"no time left", func(c *candidate) { c.StopAt = c.Now }, VerdictPending, ReasonOutOfTime,
			nothing, "nothing is begun at the deadline's reserve"},
		{"a moment left", func(c *candidate) { c.StopAt = c.Now.Add(1) }, "", "", everything,
			"just before it"},
		{"no time left for an attempt", func(c *candidate) { c.ClaimBy = c.Now }, VerdictPending,
			ReasonOutOfTime, everything, "guards are asked, nothing is claimed"},
		{"no time, and none needed",
			all(problem(events.ProblemNotECS), func(c *candidate) { c.StopAt = c.Now }),
			VerdictIgnored, ReasonNotECS, nothing, "it is known already"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := opens()
			test.change(c)
			before := c.Record.Value.Open
			step := c.ask()
			do := c.comesTo(&step)
			want := toAnswer
			switch {
			case test.verdict == "":
				want = toOpen
			case test.reason == ReasonWouldRestart, test.reason == ReasonLedgerLost:
				want = toSettle
			}
			if do != want || step.Verdict != test.verdict || step.Reason != test.reason {
				t.Fatalf("%s, %s %s: %s\nwant %s, %s %s: %s", do, step.Verdict, step.Reason,
					step.Why, want, test.verdict, test.reason, test.why)
			}
			switch do {
			case toOpen:
				if before != nil {
					left := c.Record.Value.Ended(before.ID)
					if left == nil || !left.Void() {
						t.Errorf("the opening before it has left %+v, want a void one", left)
					}
				}
				c.opensAndSends(t, step)
			case toSettle:
				c.reports(t, step)
			case toAnswer:
				c.answers(t, &step)
			}
			if reads := strings.Join(c.read, " "); reads != test.reads {
				t.Errorf("read %q, want %q: %s", reads, test.reads, test.why)
			}
			if test.verdict == VerdictRefused && test.reads != nothing && step.Why == "" {
				t.Error("a refusal without a word")
			}
		})
	}
}

// opensAndSends follows an opening to the first order: the opening is in the instance's record
// before the slot is reserved, that before the claim is written, and that before anything is sent.
func (c *candidate) opensAndSends(t *testing.T, step Step) {
	t.Helper()
	written, wrote := step.Write.Record, len(c.wrote)
	if open := written.Open; open.Owner != c.Owner || !open.LeaseUntil.Equal(c.Now.Add(c.Lease)) ||
		open.Instance != c.Alarm.Instance || open.Account != c.Alarm.Account ||
		open.Alarm.Key != c.Alarm.Key || !open.OpenedAt.Equal(c.Now) || len(open.Attempts) != 0 {
		t.Errorf("it opens %+v", open)
	}
	claim := c.after(step)
	attempt := claim.Claims()
	if c.comesTo(&claim) != toReboot || attempt.N != 1 ||
		attempt.Outcome() != OutcomeClaimed || !attempt.ClaimedAt.Equal(c.Now) ||
		attempt.Before.StartTime != c.Instance.Value.StartTime ||
		!attempt.Before.Heartbeat.Equal(c.Vitals.Value.Heartbeat) {
		t.Fatalf("%+v\nwant a first graceful reboot after the opening", claim)
	}
	fleet, id := &c.Fleet.Value, written.Open.ID
	if fleet.slot(id) == nil || !fleet.hasBegun(id) {
		t.Error("the first attempt is claimed without a slot, or the hour does not count it")
	}
	if got := strings.Join(c.wrote[wrote:], " "); got != "record fleet" {
		t.Errorf("wrote %q before the first claim, want the record and then the fleet", got)
	}
	send := c.after(claim)
	want := Order{Region: "cn-hangzhou", Instance: c.Alarm.Instance, SendBefore: attempt.SendBefore}
	if send.Do != DoSend || send.Order != want || !want.SendBefore.Equal(c.Now.Add(c.CallLimit())) {
		t.Errorf("after the claim %+v, want that %+v is sent", send, want)
	}
}

// reports follows an end that is written to its answer: the slot is given back before it.
func (c *candidate) reports(t *testing.T, step Step) {
	t.Helper()
	read := slices.Clone(c.read) // the fleet's record may be read for its slot
	ended := step.Seen.Ending
	if ended.EndedAt.IsZero() || ended.Verdict != step.Verdict || ended.Reason != step.Reason ||
		ended.Why != step.Why || step.Why == "" {
		t.Errorf("the incident's end is not what the step says: %+v", ended)
	}
	answer := c.after(step)
	if c.comesTo(&answer) != toAnswer || answer.Verdict != ended.Verdict ||
		answer.Reason != ended.Reason {
		t.Errorf("the end is reported as %+v, want %s %s", answer, step.Verdict, step.Reason)
	}
	c.answers(t, &answer)
	if c.Record.Value.Open != nil {
		t.Error("the incident has ended, and is still open")
	}
	if c.Fleet.Failure == "" && c.Fleet.Value.slot(ended.ID) != nil {
		t.Error("the incident has ended, and still has its slot")
	}
	c.read = read
}

// answers checks that an answer's result says the same.
func (c *candidate) answers(t *testing.T, step *Step) {
	t.Helper()
	r := step.Result
	if r == nil || r.Verdict != step.Verdict || r.Reason != step.Reason || r.Why != step.Why ||
		r.InstanceID != c.Alarm.Instance || r.Attempts == nil || r.Findings == nil {
		t.Errorf("the result is %+v, want %s %s", r, step.Verdict, step.Reason)
	}
}

// on is a window on one day, in UTC.
func on(day time.Weekday, from, to int) Window {
	w := Window{From: from, To: to, Location: time.UTC}
	w.Days[day] = true
	return w
}

func TestWindow(t *testing.T) {
	shanghai := time.FixedZone("Asia/Shanghai", 8*60*60)
	night := on(time.Monday, 22*60, 6*60)
	tests := []struct {
		window Window
		at     string
		open   bool
		why    string
	}{
		{night, "2026-11-23T21:59:59Z", false, "the second before it begins on Monday"},
		{night, "2026-11-23T22:00:00Z", true, "it begins"},
		{night, "2026-11-24T05:59:59Z", true, "Tuesday morning belongs to Monday's night"},
		{night, "2026-11-24T06:00:00Z", false, "its end is exclusive"},
		{night, "2026-11-23T05:00:00Z", false, "Monday morning belongs to Sunday's night"},
		{night, "2026-11-24T22:00:00Z", false, "Tuesday night is not in it"},
		{on(time.Monday, 8*60, 8*60), "2026-11-23T08:00:00Z", true,
			"one that ends when it began ends a day later"},
		{on(time.Monday, 8*60, 8*60), "2026-11-24T07:59:59Z", true, "its last second"},
		{on(time.Monday, 8*60, 8*60), "2026-11-24T08:00:00Z", false, "its end"},
		{on(time.Monday, 0, 1440), "2026-11-23T00:00:00Z", true, "a whole day, its first second"},
		{on(time.Monday, 0, 1440), "2026-11-23T23:59:59Z", true, "its last"},
		{on(time.Monday, 0, 1440), "2026-11-24T00:00:00Z", false, "the next day"},
		{Window{Days: night.Days, From: 0, To: 60, Location: shanghai}, "2026-11-22T16:30:00Z",
			true, "Monday half past midnight in Shanghai"},
		{Window{Days: night.Days, To: 1440}, "2026-11-23T00:30:00Z", false,
			"without a time zone it means nothing"},
		{Window{Days: night.Days, From: 0, To: 60, Location: shanghai}, "2026-11-23T00:30:00Z",
			false, "Monday half past eight there"},
	}
	for _, test := range tests {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		if open := test.window.Open(at); open != test.open {
			t.Errorf("%s: open=%v: %s", test.at, open, test.why)
		}
	}
}

// TestOpenIncident: an open incident of the instance is looked up before anything that could
// refuse.
func TestOpenIncident(t *testing.T) {
	other := func(leaseLeft time.Duration) func(*candidate) {
		return func(c *candidate) {
			attempt := Attempt{N: 1, ClaimedAt: c.Now, SendBefore: c.Now.Add(10 * time.Second),
				Answer: AnswerAccepted, AnsweredAt: c.Now}
			open := &Incident{ID: IncidentID(InstanceID, Start), Instance: InstanceID,
				Region: c.Alarm.Region, Account: c.Alarm.Account, OpenedAt: Start,
				Alarm: AlarmRef{Key: c.Alarm.Key, Rule: c.Alarm.Rule, Time: Start},
				Owner: "somebody", LeaseUntil: c.Now.Add(leaseLeft), Attempts: []Attempt{attempt}}
			c.Record.Value.Open = open
			c.Slot = Slot{Incident: open.ID, Instance: InstanceID, Region: open.Region,
				OpenedAt: Start, LeaseUntil: open.LeaseUntil}
			c.Fleet.Value.Open = []Slot{c.Slot}
		}
	}
	// The lease is 60 s, and a tenth is granted for clocks.
	held, free := other(-6*time.Second+1), other(-6*time.Second)
	ours := func(leaseLeft time.Duration) func(*candidate) {
		return all(other(leaseLeft), func(c *candidate) { c.Record.Value.Open.Owner = "me" })
	}
	released := func(c *candidate) { c.Record.Value.Open.LeaseUntil = time.Time{} }
	unclaimed := func(c *candidate) { c.Record.Value.Open.Attempts = nil }
	key := func(key string) func(*candidate) { return func(c *candidate) { c.Alarm.Key = key } }
	redelivered := func(c *candidate) { c.Redelivered = true }
	swept := func(c *candidate) { c.Swept = true }
	followed := func(c *candidate) { c.Leader.Leads = true }
	account := func(id string) func(*candidate) {
		return func(c *candidate) { c.Alarm.Account = id }
	}
	resolved := func(after time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Alarm.State, c.Alarm.Time = events.StateResolved, Start.Add(after)
		}
	}
	stopAt := func(left time.Duration) func(*candidate) {
		return func(c *candidate) { c.StopAt = c.Now.Add(left) }
	}
	ended := func(c *candidate) {
		over := *c.Record.Value.Open
		over.end(VerdictFailed, ReasonStuck, "it is Stopping", c.Now)
		c.Record.Value.Open, c.Record.Value.Recent = nil, []Incident{over}
	}
	gone := func(c *candidate) { c.Record.Value.Open = nil }
	slotless := func(c *candidate) { c.Fleet.Value.Open = nil }
	garbled := func(c *candidate) { c.Record.Failure = FailureUnreadable }

	tests := []struct {
		name    string
		change  func(*candidate)
		do      string
		verdict Verdict
		reason  Reason
		wrote   string // on the way
		told    bool   // the ledger's incident has its ResolvedAt
		why     string
	}{
		{"held", held, toAnswer, VerdictRefused, ReasonInProgress, "", false, "its owner lives"},
		{"lease over", free, toWait, "", "", "record", false, "taken over, and watched"},
		{"released", all(held, released), toWait, "", "", "record", false,
			"its owner gave it free: no lease to wait for"},
		{"ours", ours(time.Minute), toWait, "", "", "", false,
			"watched: nothing is due about its lease"},
		{"ours, renewal not due", ours(40*time.Second + 1), toWait, "", "", "", false,
			"a nanosecond before a third of the lease is over"},
		{"ours, renewal due", ours(40 * time.Second), toWait, "", "", "record", false,
			"a third of the lease is over"},
		{"held as late as a clock that is ahead may say", other(3 * time.Minute), toAnswer,
			VerdictRefused, ReasonInProgress, "", false, "a lease and 2 minutes"},
		{"held for longer than any clock of ours says", other(3*time.Minute + 1), toWait, "", "",
			"record", false, "such a lease holds nothing"},
		{"ours, lease at its end", ours(0), toWait, "", "", "record", false,
			"renewed at the last moment"},
		{"ours, lease over", ours(-1), toWait, "", "", "record", false,
			"we stood still: taken up again, and read anew"},
		{"ours, released", all(ours(time.Minute), released), toAnswer, VerdictPending,
			ReasonOutOfTime, "", false, "we gave it free for want of time"},
		{"held, redelivered", all(held, redelivered), toAnswer, VerdictPending, ReasonLeaseHeld, "",
			false, "so that it is delivered again"},
		{"held, another alarm redelivered", all(held, redelivered, key("e-2")), toAnswer,
			VerdictRefused, ReasonInProgress, "", false, "not the incident's own"},
		{"held, unclaimed, another alarm redelivered",
			all(held, unclaimed, redelivered, key("e-2")), toAnswer, VerdictPending,
			ReasonLeaseHeld, "", false,
			"whoever is opening may have died: then nobody else will come"},
		{"old alarm", all(free, func(c *candidate) { c.Alarm.Time = Start.Add(-time.Hour) }),
			toWait, "", "", "record", false, "it is not judged by its age"},
		{"another account", all(free, account("9")), toWait, "", "", "record", false,
			"nor by anything else that could refuse"},
		{"followed", all(free, followed), toAnswer, VerdictRefused, ReasonInProgress, "", false,
			"the leader resumes it"},
		{"no time to take over", all(free, stopAt(0)), toAnswer, VerdictPending, ReasonOutOfTime,
			"", false, "whoever took it over now could not watch it"},
		{"a moment to take over", all(free, stopAt(1)), toRelease, "", "", "record", false,
			"taken over in time, and no time to wait: given free again"},
		{"resolved", all(held, resolved(time.Second)), toAnswer, VerdictIgnored, ReasonResolved,
			"record", true, "the incident is told, whoever owns it"},
		{"resolved at once", all(held, resolved(0)), toAnswer, VerdictIgnored, ReasonResolved,
			"record", true, "not before its own alarm"},
		{"resolved by a stranger", all(held, resolved(time.Second), account("9")), toAnswer,
			VerdictIgnored, ReasonResolved, "", false,
			"another account's alarms are about another account's instances"},
		{"resolved in the future", all(held, resolved(30*time.Second+2*time.Minute+1)), toAnswer,
			VerdictIgnored, ReasonResolved, "", false, "no clock is that far off"},
		{"resolved 2 minutes ahead", all(held, resolved(30*time.Second+2*time.Minute)), toAnswer,
			VerdictIgnored, ReasonResolved, "record", true, "two clocks may differ that much"},
		{"resolved before", all(held, resolved(-1)), toAnswer, VerdictIgnored, ReasonResolved, "",
			false, "that was another episode"},
		{"another rule resolved",
			all(held, resolved(time.Second), func(c *candidate) { c.Alarm.Rule = "another" }),
			toAnswer, VerdictIgnored, ReasonResolved, "", false, "not its alarm"},
		{"resolved twice",
			all(held, resolved(time.Second),
				func(c *candidate) { c.Record.Value.Open.ResolvedAt = Start }), toAnswer,
			VerdictIgnored, ReasonResolved, "", false, "known already"},
		{"swept, held", all(held, swept), toAnswer, "", "", "", false, "somebody looks after it"},
		{"swept, free", all(free, swept), toWait, "", "", "record", false, "taken over"},
		{"swept, an opening of somebody alive", all(held, unclaimed, swept), toAnswer, "", "", "",
			false, "somebody is about to claim"},
		{"swept, an opening that nobody claimed", all(free, unclaimed, swept), toAnswer, "", "",
			"record fleet", false, "void: taken back, and its slot given back"},
		{"swept, ended", all(free, ended, swept, slotless), toAnswer, "", "", "", false,
			"nothing to do"},
		{"swept, ended, and the slot is left", all(free, ended, swept), toAnswer, "", "", "fleet",
			false, "whoever ended it died before it gave the slot back"},
		{"swept, gone", all(free, gone, swept), toSettle, VerdictFailed, ReasonLedgerLost, "",
			false, "a slot without its incident: the ledger has lost it"},
		{"free, ledger garbled", all(free, garbled), toAnswer, VerdictRefused, ReasonUnreadable, "",
			false, "unreadable is no"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := opens()
			test.change(c)
			step := c.ask()
			do := c.comesTo(&step)
			open := c.Record.Value.Open
			told := open != nil && open.ResolvedAt.Equal(c.Now)
			if do != test.do || step.Verdict != test.verdict || step.Reason != test.reason ||
				told != test.told {
				t.Fatalf("%s, %s %s, told=%v\nwant %s, %s %s: %s", do, step.Verdict, step.Reason,
					told, test.do, test.verdict, test.reason, test.why)
			}
			if wrote := strings.Join(c.wrote, " "); wrote != test.wrote {
				t.Errorf("wrote %q, want %q: %s", wrote, test.wrote, test.why)
			}
			switch {
			case do == toSettle:
				c.reports(t, step)
			case do == toAnswer && test.verdict == "":
				if step.Result != nil {
					t.Errorf("it reports %+v, and nobody asked", step.Result)
				}
			case do == toAnswer:
				c.answers(t, &step)
			case open.Owner != "me" || open.LeaseUntil.Before(c.Now.Add(40*time.Second)):
				t.Errorf("it goes on with an incident of %q until %v", open.Owner, open.LeaseUntil)
			}
		})
	}
}

// TestUnavailable: a source that is out of reach is tried three times before the event is asked for
// again.
func TestUnavailable(t *testing.T) {
	for rounds, want := range []string{toOpen, toOpen, toOpen, toAnswer} {
		c := opens()
		outOfReach := func(rounds int) {
			c.Vitals.Failure = ""
			if rounds > 0 {
				c.Vitals.Failure = FailureUnavailable
			}
		}
		outOfReach(rounds)
		step := c.ask()
		for left := rounds - 1; c.comesTo(&step) == toWait; left-- {
			if !step.Until.Equal(c.Now.Add(5 * time.Second)) {
				t.Errorf("it waits until %v at %v, want one REMEDY_POLL", step.Until, c.Now)
			}
			outOfReach(left)
			step = c.after(step)
		}
		if do := c.comesTo(&step); do != want {
			t.Errorf("out of reach in %d rounds: %s, want %s", rounds, do, want)
		}
	}
}

// TestCurable: every row of the table, as an event in its own status and in any other, and as the
// platform's action.
func TestCurable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range CurableEvents {
		product := row.Product == "ECS" || row.Product == "CloudMonitor"
		if seen[row.Event] || row.Why == "" || !product {
			t.Errorf("%s: twice, or without a reason or a product", row.Event)
		}
		seen[row.Event] = true
		all := []string{"Executing", "Executed", "stopped", "Normal", "Scheduled", ""}
		for _, status := range all {
			c := opens()
			c.Alarm.Product, c.Alarm.Event, c.Alarm.EventStatus = row.Product, row.Event, status
			step := c.ask()
			if opened := step.Opens(); opened != (status != "" && status == row.Status) {
				t.Errorf("%s %s in status %q: opened=%v", row.Product, row.Event, status, opened)
			}
		}
		c := opens()
		c.Platform.Value = []PlatformEvent{
			{Type: strings.TrimPrefix(row.Event, "Instance:"), Status: "Executing"}}
		if step := c.ask(); row.Product == "ECS" && step.Opens() != (row.Status != "") {
			t.Errorf("%s under way: %s", row.Event, c.comesTo(&step))
		}
	}
}

// TestFindings: every rule that had its facts is told, once, also after the first refusal.
func TestFindings(t *testing.T) {
	early := "alarm-rule account alarm-age mode window duplicate last-recovery cool-down incidents"
	every := early + " pause fleet found running security-lock other-lock expiry opt-in " +
		"platform heartbeat"
	tests := []struct {
		name   string
		change func(*candidate)
		rules  string
		wrong  string
		why    string
	}{
		{"nothing wrong", no, every, "", "an opening has passed every rule"},
		{"a weak alarm", func(c *candidate) { c.Alarm = Quiet() }, every + " hang", "",
			"whose second signal is one more rule"},
		{"three locks and a tag", func(c *candidate) {
			c.Instance.Value.Locks = []string{"security", "financial"}
			c.Instance.Value.Tags = nil
		}, every, "security-lock other-lock opt-in", "each has its own cure"},
		{"refused by the alarm", func(c *candidate) { c.Mode, c.Alarm.Account = ModeOff, "" },
			early, "account mode", "what costs nothing more is asked, and nothing else"},
		{"it waits already", func(c *candidate) {
			c.Fleet.Value.Waiting = []Waiter{c.Facts.waiter()}
		}, early, "", "how it stands with the fleet is said when the alarm itself was looked at"},
	}
	for _, test := range tests {
		c := opens()
		test.change(c)
		step := c.ask()
		said := func(findings []Finding) (rules, wrong []string) {
			for _, f := range findings {
				rules = append(rules, string(f.Rule))
				if !f.OK {
					wrong = append(wrong, string(f.Rule))
				}
				if f.Saw == "" {
					t.Errorf("%s: rule %s says nothing of what it saw", test.name, f.Rule)
				}
			}
			return rules, wrong
		}
		rules, wrong := said(step.Findings)
		if got := strings.Join(rules, " "); got != test.rules {
			t.Errorf("%s: rules\n%s\nwant\n%s: %s", test.name, got, test.rules, test.why)
		}
		if got := strings.Join(wrong, " "); got != test.wrong {
			t.Errorf("%s: wrong %q, want %q: %s", test.name, got, test.wrong, test.why)
		}
		if !slices.Equal(step.Seen.Findings, step.Findings) {
			t.Errorf("%s: kept for the result are %v", test.name, step.Seen.Findings)
		}
	}
}

// TestAge: an age is to the second, and from two days on it is said in days.
func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "0s",
		-1500 * time.Millisecond:      "-1.5s",
		20 * time.Minute:              "20m0s",
		48*time.Hour - time.Second:    "47h59m59s",
		48 * time.Hour:                "2d",
		49*time.Hour - time.Second:    "2d",
		49 * time.Hour:                "2d1h",
		26572*time.Hour + time.Minute: "1107d4h",
	} {
		if got := Age(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// TestLostBeside: a fleet's record that is missing was lost where a function wrote beside it.
func TestLostBeside(t *testing.T) {
	never := Reading[Sign]{At: recordNoon}
	wrote := Reading[Sign]{At: recordNoon, Value: Sign{Revision: 1}}
	unread := Reading[Sign]{At: recordNoon, Value: Sign{Revision: 1}, Failure: FailureUnavailable}
	for _, row := range []struct {
		why   string
		fleet Fleet
		sign  Reading[Sign]
		want  bool
	}{
		{"nothing was ever written", Fleet{}, never, false},
		{"a sign stands alone", Fleet{}, wrote, true},
		{"whether one stands there is not known", Fleet{}, unread, false},
		{"nobody has read it", Fleet{}, Reading[Sign]{}, false},
		{"both stand there", Fleet{Revision: 1}, wrote, false},
		{"it was made anew after its loss", Fleet{Revision: 1, Lost: recordNoon}, wrote, true},
		{"which it says itself", Fleet{Revision: 1, Lost: recordNoon}, never, true},
	} {
		if got := row.fleet.LostBeside(&row.sign); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}
