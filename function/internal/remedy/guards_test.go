package remedy

import (
	"strings"
	"testing"
	"time"

	"ecs-remedy/events"
)

// candidate is an alarm that opens an incident, with everything that can be read about it. Its clock stands 30 seconds after
// the alarm.
type candidate struct {
	Policy
	Facts
	read []string // what Next asked for
}

func opens() *candidate {
	now := start.Add(30 * time.Second)
	machine := hung().machine
	return &candidate{
		Policy: armed(),
		Facts: Facts{
			Now: now, Owner: "me", Account: account, Region: "cn-hangzhou", Alarm: hangs(),
			Record:  Reading[Record]{At: now, Value: Record{Keys: map[string]time.Time{}}},
			Fleet:   Reading[Fleet]{At: now},
			Machine: Reading[Instance]{At: now, Date: now, Value: machine.Instance},
			Vitals:  Reading[Vitals]{At: now, Date: now, Value: Vitals{now.Add(-10 * time.Minute)}},
			Events:  Reading[[]PlatformEvent]{At: now, Date: now},
			Dry:     Reply{At: now, Outcome: OutcomeAccepted},
		},
	}
}

// later moves the clock, and every reading with it.
func (c *candidate) later(d time.Duration) {
	c.Now = c.Now.Add(d)
	for _, t := range []*time.Time{&c.Record.At, &c.Fleet.At, &c.Machine.At, &c.Machine.Date, &c.Vitals.At, &c.Vitals.Date,
		&c.Events.At, &c.Events.Date} {
		*t = t.Add(d)
	}
}

// ask gives Next what it asks for until it has an answer, as the loop does, and notes what that was.
func (c *candidate) ask() Step {
	f := Facts{Now: c.Now, Owner: c.Owner, Account: c.Account, Region: c.Region, Alarm: c.Alarm, Redelivered: c.Redelivered,
		Followed: c.Followed, Superseded: c.Superseded, Swept: c.Swept, StopAt: c.StopAt, ClaimBy: c.ClaimBy,
		Failures: c.Failures}
	for {
		step := Next(c.Policy, f)
		if step.Do != DoRead || step.Sources == 0 {
			return step
		}
		for _, source := range []struct {
			Source
			name string
			read func()
		}{
			{SourceRecord, "ledger", func() { f.Record = c.Record }}, {SourceFleet, "fleet", func() { f.Fleet = c.Fleet }},
			{SourceInstance, "machine", func() { f.Machine = c.Machine }}, {SourceVitals, "heartbeat", func() { f.Vitals = c.Vitals }},
			{SourcePlatform, "platform", func() { f.Events = c.Events }}, {SourceRehearsal, "dry-run", func() { f.Dry = c.Dry }},
		} {
			if step.Sources.Has(source.Source) {
				c.read = append(c.read, source.name)
				source.read()
			}
		}
	}
}

// What an answer at each stage costs.
const (
	nothing    = ""
	ledgerOnly = "ledger"
	noECS      = "ledger fleet"
	everything = "ledger fleet machine heartbeat platform" // of ECS at once
	rehearsed  = everything + " dry-run"
)

func TestOpening(t *testing.T) {
	metric := func(c *candidate) { c.Alarm = busy() }
	noData := func(metric string) func(*candidate) {
		return func(c *candidate) {
			c.Metrics = append(c.Metrics, metric)
			c.Alarm = busy()
			c.Alarm.Metric, c.Alarm.State, c.Alarm.RawState, c.Alarm.Level = metric, events.StateInsufficientData,
				"INSUFFICIENT_DATA", ""
		}
	}
	event := func(product, name, status string) func(*candidate) {
		return func(c *candidate) { c.Alarm.Product, c.Alarm.Event, c.Alarm.EventStatus = product, name, status }
	}
	problem := func(p events.Problem) func(*candidate) { return func(c *candidate) { c.Alarm.Problem = p } }
	rule := func(glob, name string) func(*candidate) {
		return func(c *candidate) { c.Alarm = busy(); c.Rules, c.Alarm.Name = []string{"other", glob}, name }
	}
	aged := func(age time.Duration) func(*candidate) { return func(c *candidate) { c.Alarm.Time = c.Now.Add(-age) } }
	past := func(verdict Verdict, opened, ended time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Record.Value.Recent = append(c.Record.Value.Recent,
				Incident{Verdict: verdict, OpenedAt: c.Now.Add(-opened), EndedAt: c.Now.Add(-ended)})
		}
	}
	slots := func(ages ...time.Duration) func(*candidate) {
		return func(c *candidate) {
			for _, age := range ages {
				c.Fleet.Value.Open = append(c.Fleet.Value.Open, Slot{OpenedAt: c.Now.Add(-age)})
			}
		}
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
			c.Fleet.Value.Paused = Pause{Since: start, Reason: "release"}
			if until != 0 {
				c.Fleet.Value.Paused.Until = c.Now.Add(until)
			}
		}
	}
	locked := func(locks ...string) func(*candidate) { return func(c *candidate) { c.Machine.Value.Locks = locks } }
	prepaid := func(left time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Machine.Value.ChargeType, c.Machine.Value.ExpiredTime = "PrePaid", c.Machine.Date.Add(left)
		}
	}
	tag := func(value string) func(*candidate) {
		return func(c *candidate) { c.Machine.Value.Tags = map[string]string{"auto-restart": value, "env": "true"} }
	}
	untagged := func(grant Grant) func(*candidate) {
		return func(c *candidate) {
			c.Untagged, c.Machine.Value.Tags = grant, map[string]string{"Auto-Restart": "true"}
		}
	}
	platform := func(eventType, status string, in time.Duration) func(*candidate) {
		return func(c *candidate) {
			e := PlatformEvent{ID: "e-9", Type: eventType, Status: status}
			if in != 0 {
				e.NotBefore = c.Events.Date.Add(in)
			}
			c.Events.Value = append(c.Events.Value, e)
		}
	}
	beat := func(age time.Duration) func(*candidate) {
		return func(c *candidate) { c.Vitals.Value.Heartbeat = c.Vitals.Date.Add(-age) }
	}
	unheard := func(c *candidate) { c.Vitals.Value.Heartbeat = time.Time{} }
	failing := func(failure Failure, sources Source) func(*candidate) {
		return func(c *candidate) {
			c.Failures = 3
			for source, f := range map[Source]*Failure{SourceRecord: &c.Record.Failure, SourceFleet: &c.Fleet.Failure,
				SourceInstance: &c.Machine.Failure,
				SourceVitals:   &c.Vitals.Failure, SourcePlatform: &c.Events.Failure} {
				if sources.Has(source) {
					*f = failure
				}
			}
		}
	}
	with := func(steps ...func(*candidate)) func(*candidate) {
		return func(c *candidate) {
			for _, step := range steps {
				step(c)
			}
		}
	}
	no := func(*candidate) {}
	unchecked := func(c *candidate) { c.SecondCheck = false }
	weakly := func(c *candidate) { c.Alarm = quiet() }

	// An empty verdict: it opens, with a graceful reboot.
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
		{"undecodable", problem(events.ProblemUndecodable), VerdictMalformed, ReasonMalformed, nothing, "an element of a batch"},
		{"not an alarm", problem(events.ProblemNotAnAlarm), VerdictIgnored, ReasonNotAnAlarm, nothing, "JSON of another shape"},
		{"contradiction", problem(events.ProblemContradiction), VerdictRefused, ReasonUnreadable, nothing,
			"which instance it is about is not certain"},
		{"not ECS", problem(events.ProblemNotECS), VerdictIgnored, ReasonNotECS, nothing, "another product"},
		{"no instance", problem(events.ProblemNoInstance), VerdictIgnored, ReasonNoInstance, nothing,
			"a probe names only the machine that probed"},
		{"placeholder", problem(events.ProblemPlaceholder), VerdictIgnored, ReasonPlaceholder, nothing, "the console's test button"},
		{"a problem of tomorrow", problem("odd"), VerdictIgnored, ReasonNoInstance, nothing, "a problem without a name here is one, too"},
		{"no id", func(c *candidate) { c.Alarm.Instance = "" }, VerdictIgnored, ReasonNoInstance, nothing, "nothing to restart"},
		{"resolved", func(c *candidate) { c.Alarm.State = events.StateResolved }, VerdictIgnored, ReasonResolved, ledgerOnly,
			"an open incident would want to know"},
		{"resolved, of no curable metric",
			func(c *candidate) { c.Alarm = busy(); c.Alarm.Metric, c.Alarm.State = "eip", events.StateResolved },
			VerdictIgnored, ReasonResolved, nothing, "no incident can be waiting for it"},
		{"resolved, of another product",
			with(problem(events.ProblemNotECS), func(c *candidate) { c.Alarm.State = events.StateResolved }), VerdictIgnored, ReasonResolved, nothing,
			"likewise"},
		{"superseded", func(c *candidate) { c.Superseded = true }, VerdictIgnored, ReasonResolved, nothing, "resolved in the same batch"},
		{"no state", func(c *candidate) { c.Alarm = busy(); c.Alarm.State = events.StateUnknown }, VerdictRefused, ReasonUnreadable,
			nothing, "firing or not? unreadable"},
		{"no data from the agent", noData("cpu_idle"), "", "", everything, "its reporter inside the guest fell silent"},
		{"no data from the host", noData("CPUUtilization"), VerdictIgnored, ReasonNotRestartable, nothing,
			"the guest has no part in that metric"},
		{"followed", func(c *candidate) { c.Followed = true }, VerdictRefused, ReasonInProgress, ledgerOnly,
			"another of this batch leads"},

		// Curable events and metrics.
		{"hang over", event("ECS", "Instance:InstanceFailure.PerformanceImpact", "Executed"), VerdictIgnored, ReasonNotRestartable,
			nothing, "the other status of it"},
		{"status in capitals", event("ECS", "Instance:InstanceFailure.PerformanceImpact", "EXECUTING"), VerdictIgnored,
			ReasonNotRestartable, nothing, "compared exactly: deny by default"},
		{"agent stopped", weakly, "", "", everything, "weak, and the heartbeat is silent, too"},
		{"agent stopped, another product", event("ECS", "Agent_Status_Stopped", "stopped"), VerdictIgnored, ReasonNotRestartable, nothing,
			"the name alone is not enough"},
		{"agent running", event("CloudMonitor", "Agent_Status_Running", "running"), VerdictIgnored, ReasonNotRestartable, nothing,
			"good news that does not say resolved"},
		{"guest crashed", event("ECS", "Instance:InstanceFailure.Reboot", "Executing"), VerdictIgnored, ReasonNotRestartable, nothing,
			"the platform reboots it"},
		{"disk stalled", event("ECS", "Disk:Stalled", "Executing"), VerdictIgnored, ReasonNotRestartable, nothing, "no cure"},
		{"an event of tomorrow", event("ECS", "Instance:InstanceFailure.Tomorrow", "Executing"), VerdictIgnored, ReasonNotRestartable,
			nothing, "deny by default"},
		{"no event, no metric", func(c *candidate) { c.Alarm = busy(); c.Alarm.Metric = "" }, VerdictIgnored, ReasonNotRestartable,
			nothing, "about nothing known"},
		{"metric in the list", metric, "", "", everything, "REMEDY_METRICS"},
		{"metric not in the list", func(c *candidate) { c.Alarm = busy(); c.Alarm.Metric = "cpu_idle" }, VerdictIgnored,
			ReasonNotRestartable, nothing, "deny by default"},

		// The rule, its level, the account. From here on the ledger is asked first: an open incident would be resumed.
		{"rule equal", rule("db-cpu", "db-cpu"), "", "", everything, "a glob without a star"},
		{"rule longer", rule("db-cpu", "db-cpu2"), VerdictRefused, ReasonRuleNotAllowed, ledgerOnly, "a glob matches the whole name"},
		{"rule by star", rule("db-*", "db-cpu"), "", "", everything, "a star"},
		{"rule by star over slashes", rule("ecs*stuck", "ecs/cpu/stuck"), "", "", everything, "a name is no path"},
		{"rule by one character", rule("ecs?cpu", "ecs/cpu"), "", "", everything, "a slash is a character, too"},
		{"rule by class", rule("db-[0-4]", "db-4"), "", "", everything, "in the class"},
		{"rule not in class", rule("db-[0-4]", "db-5"), VerdictRefused, ReasonRuleNotAllowed, ledgerOnly, "not in the class"},
		{"broken glob", rule("db-[", "db-["), VerdictRefused, ReasonRuleNotAllowed, ledgerOnly,
			"a glob that cannot be read matches nothing"},
		{"no rules", func(c *candidate) { c.Alarm = busy(); c.Rules = nil }, VerdictRefused, ReasonRuleNotAllowed, ledgerOnly,
			"none is allowed"},
		{"an event has no rule", func(c *candidate) { c.Rules, c.Levels = nil, nil }, "", "", everything,
			"rules and levels are of metric alarms"},
		{"level warn", func(c *candidate) { c.Alarm = busy(); c.Alarm.Level = "WARN" }, VerdictRefused, ReasonRuleNotAllowed, ledgerOnly,
			"not in REMEDY_LEVELS"},
		{"level allowed", func(c *candidate) {
			c.Alarm = busy()
			c.Alarm.Level, c.Levels = "WARN", []string{"CRITICAL", "WARN"}
		}, "", "", everything, "in REMEDY_LEVELS"},
		{"no level", func(c *candidate) { c.Alarm = busy(); c.Alarm.Level = "" }, VerdictRefused, ReasonRuleNotAllowed, ledgerOnly,
			"a firing alarm has one"},
		{"another account", func(c *candidate) { c.Alarm.Account = "9" }, VerdictRefused, ReasonWrongAccount, ledgerOnly,
			"its instance is not ours"},
		{"no account", func(c *candidate) { c.Alarm.Account = "" }, VerdictRefused, ReasonWrongAccount, ledgerOnly, "whose instance?"},
		{"no account on either side", func(c *candidate) { c.Alarm.Account, c.Account = "", "" }, VerdictRefused, ReasonWrongAccount,
			ledgerOnly, "two unknowns are not equal"},

		// Its time.
		{"age at the limit", aged(15 * time.Minute), "", "", everything, "not older than the limit"},
		{"age above it", aged(15*time.Minute + 1), VerdictRefused, ReasonStaleAlarm, ledgerOnly, "older by a nanosecond"},
		{"2 minutes ahead", aged(-2 * time.Minute), "", "", everything, "two clocks may differ that much"},
		{"more than that", aged(-2*time.Minute - 1), VerdictRefused, ReasonUnreadable, ledgerOnly, "more is no clock"},
		{"no time", func(c *candidate) { c.Alarm.Time = time.Time{} }, VerdictRefused, ReasonUnreadable, ledgerOnly, "unreadable is no"},

		// Mode and window.
		{"off", func(c *candidate) { c.Mode = ModeOff }, VerdictRefused, ReasonPaused, ledgerOnly, "REMEDY_MODE=off"},
		{"no mode", func(c *candidate) { c.Mode = "" }, VerdictRefused, ReasonPaused, ledgerOnly, "the zero policy allows nothing"},
		{"observe", func(c *candidate) { c.Mode = ModeObserve }, VerdictObserved, ReasonWouldRestart, rehearsed,
			"every guard, then the rehearsal"},
		{"observe, ECS says no", func(c *candidate) {
			c.Mode, c.Dry.Outcome, c.Dry.Reason = ModeObserve, OutcomeRejected, ReasonForbidden
		},
			VerdictRefused, ReasonForbidden, rehearsed, "its reason"},
		{"observe, no answer", func(c *candidate) { c.Mode, c.Dry.Outcome, c.Failures = ModeObserve, OutcomeUnknown, 3 }, VerdictPending,
			ReasonDependencyUnavailable, rehearsed, "only its exact yes is one"},
		{"window opens", func(c *candidate) {
			c.Windows = []Window{on(time.Monday, 8*60,
				9*60)}
			c.later(-30 * time.Second)
		}, "", "", everything, "its first minute"},
		{"window not open yet", func(c *candidate) { c.Windows = []Window{on(time.Monday, 8*60+1, 9*60)} }, VerdictRefused,
			ReasonOutsideWindow, ledgerOnly, "the minute before"},
		{"window closes", func(c *candidate) { c.Windows = []Window{on(time.Monday, 7*60, 8*60)} }, VerdictRefused, ReasonOutsideWindow,
			ledgerOnly, "its end is exclusive"},
		{"window's last minute", func(c *candidate) { c.Windows = []Window{on(time.Monday, 7*60, 8*60+1)} }, "", "",
			everything, "the last one"},
		{"second window", func(c *candidate) { c.Windows = []Window{on(time.Sunday, 0, 1440), on(time.Monday, 0, 1440)} },
			"", "", everything, "any of them"},

		// The ledger.
		{"duplicate", func(c *candidate) { c.Record.Value.Keys[c.Alarm.Key] = start }, VerdictRefused, ReasonDuplicateAlarm, ledgerOnly,
			"it opened one that has ended"},
		{"another's key", func(c *candidate) { c.Record.Value.Keys["e-1|Executed"] = start }, "", "", everything,
			"another key"},
		{"before the last recovery", with(past(VerdictRestarted, 40*time.Minute, 29*time.Second),
			func(c *candidate) { c.Cooldown = 0 }), VerdictRefused, ReasonStaleAlarm, ledgerOnly,
			"a hang that is over"},
		{"in the second of the last recovery", with(past(VerdictRestarted, 40*time.Minute, 30*time.Second-time.Millisecond),
			func(c *candidate) { c.Cooldown = 0 }), "", "", everything, "alarms may have their time to the second"},
		{"at the last recovery", with(past(VerdictRestarted, 40*time.Minute, 30*time.Second),
			func(c *candidate) { c.Cooldown = 0 }), "", "", everything, "not before it"},
		{"before the last failure", with(past(VerdictFailed, 40*time.Minute, 29*time.Second),
			func(c *candidate) { c.Cooldown = 0 }), "", "", everything, "no recovery"},
		{"cooling down", past(VerdictFailed, time.Hour, 30*time.Minute-1), VerdictRefused, ReasonCoolingDown, ledgerOnly, "a nanosecond left"},
		{"cooled down", past(VerdictFailed, time.Hour, 30*time.Minute), "", "", everything, "over"},
		{"cooling down, forgiven", func(c *candidate) {
			c.Record.Value.Recent = []Incident{{OpenedAt: c.Now, EndedAt: c.Now, Forgiven: true}}
		}, "", "", everything, "the operator reset it"},
		{"budget left", with(past(VerdictFailed, 9*time.Hour, 8*time.Hour), past(VerdictFailed, 7*time.Hour, 6*time.Hour),
			past(VerdictFailed, 24*time.Hour, 23*time.Hour)), "", "", everything,
			"the third one is a window old"},
		{"budget spent", with(past(VerdictFailed, 9*time.Hour, 8*time.Hour), past(VerdictFailed, 7*time.Hour, 6*time.Hour),
			past(VerdictFailed, 24*time.Hour-1, 23*time.Hour)), VerdictRefused, ReasonIncidentsSpent, ledgerOnly,
			"a nanosecond younger"},
		{"paused", paused(0), VerdictRefused, ReasonPaused, noECS, "until resumed"},
		{"paused for a moment", paused(1), VerdictRefused, ReasonPaused, noECS, "a nanosecond left"},
		{"pause over", paused(-1), "", "", everything, "over"},
		{"fleet has room", slots(0, time.Minute), "", "", everything, "two of three"},
		{"fleet is full", slots(0, time.Minute, 45*time.Minute-1), VerdictRefused, ReasonFleetConcurrent, noECS, "three of three"},
		{"a slot past the incident's limit", slots(0, time.Minute, 45*time.Minute), "", "", everything,
			"it no longer counts"},
		{"hour has room", begun(19, time.Minute), "", "", everything, "19 of 20"},
		{"hour is full", begun(20, time.Hour-1), VerdictRefused, ReasonFleetHourly, noECS, "20 within the hour"},
		{"hour is over", begun(20, time.Hour), "", "", everything, "an hour ago does not count"},
		{"ledger out of reach", failing(FailureUnavailable, SourceRecord), VerdictPending, ReasonDependencyUnavailable, ledgerOnly,
			"nothing may be done without it"},
		{"ledger garbled", failing(FailureUnreadable, SourceRecord), VerdictRefused, ReasonUnreadable, ledgerOnly, "another try gives the same"},
		{"fleet out of reach", failing(FailureUnavailable, SourceFleet), VerdictPending, ReasonDependencyUnavailable, noECS, "no use in reading ECS"},
		{"fleet garbled", failing(FailureUnreadable, SourceFleet), VerdictRefused, ReasonUnreadable, noECS, "another try gives the same"},

		// The instance.
		{"missing", failing(FailureMissing, SourceInstance), VerdictRefused, ReasonNotFound, everything, "gone, or not permitted"},
		{"denied", failing(FailureForbidden, SourceInstance), VerdictRefused, ReasonForbidden, everything, "no permission"},
		{"garbled", failing(FailureUnreadable, SourceInstance), VerdictRefused, ReasonUnreadable, everything, "a value that cannot be understood"},
		{"out of reach", failing(FailureUnavailable, SourceInstance), VerdictPending, ReasonDependencyUnavailable, everything, "tried three times"},
		{"out of reach, and alive", with(failing(FailureUnavailable, SourceInstance), beat(time.Minute)), VerdictRefused, ReasonGuestAlive, everything,
			"what is known is enough to refuse"},
		{"Stopped", func(c *candidate) { c.Machine.Value.Status = "Stopped" }, VerdictRefused, ReasonNotRunning, everything,
			"never started"},
		{"Stopping", func(c *candidate) { c.Machine.Value.Status = "Stopping" }, VerdictRefused, ReasonNotRunning, everything,
			"not by our doing"},
		{"Starting", func(c *candidate) { c.Machine.Value.Status = "Starting" }, VerdictRefused, ReasonNotRunning, everything,
			"not by our doing"},
		{"Pending", func(c *candidate) { c.Machine.Value.Status = "Pending" }, VerdictRefused, ReasonNotRunning, everything,
			"being created"},
		{"running in lower case", func(c *candidate) { c.Machine.Value.Status = "running" }, VerdictRefused, ReasonNotRunning, everything,
			"an unknown status"},
		{"security lock", locked("security"), VerdictRefused, ReasonSecurityLocked, everything, "a human's matter"},
		{"security lock in capitals", locked("Security "), VerdictRefused, ReasonSecurityLocked, everything, "without case and blanks"},
		{"financial lock", locked("financial"), VerdictRefused, ReasonLocked, everything, "any lock"},
		{"unknown lock", locked("Recycling-2"), VerdictRefused, ReasonLocked, everything, "also one without a name here"},
		{"empty lock", locked(""), VerdictRefused, ReasonLocked, everything, "also one without any name"},
		{"two locks", locked("financial", "security"), VerdictRefused, ReasonSecurityLocked, everything, "security is named first"},
		{"locks unknown", func(c *candidate) { c.Machine.Value.LocksKnown = false }, VerdictRefused, ReasonUnreadable, everything,
			"missing is not none"},
		{"subscription with a second left", prepaid(time.Second), "", "", everything, "not expired yet"},
		{"subscription at its end", prepaid(0), VerdictRefused, ReasonExpired, everything, "expired"},
		{"subscription a second over", prepaid(-time.Second), VerdictRefused, ReasonExpired, everything, "expired"},
		{"pay-as-you-go", func(c *candidate) { c.Machine.Value.ExpiredTime = start.Add(-time.Hour) }, "", "", everything,
			"its date means nothing"},
		{"no charge type", func(c *candidate) { c.Machine.Value.ChargeType = "" }, VerdictRefused, ReasonUnreadable, everything,
			"may be a subscription"},
		{"subscription without a date", with(prepaid(0), func(c *candidate) { c.Machine.Value.ExpiredTime = time.Time{} }),
			VerdictRefused, ReasonUnreadable, everything, "unreadable is no"},
		{"clocks 2 minutes apart", with(prepaid(time.Hour),
			func(c *candidate) { c.Machine.Date = c.Now.Add(2 * time.Minute) }), "", "", everything, "as far as they may"},
		{"clocks further apart", with(prepaid(time.Hour),
			func(c *candidate) { c.Machine.Date = c.Now.Add(2*time.Minute + 1) }), VerdictRefused, ReasonUnreadable, everything,
			"ECS's clock cannot be believed"},
		{"clock behind", with(prepaid(time.Hour), func(c *candidate) { c.Machine.Date = c.Now.Add(-2*time.Minute - 1) }),
			VerdictRefused, ReasonUnreadable, everything, "the other way"},
		{"no clock", with(prepaid(time.Hour), func(c *candidate) { c.Machine.Date = time.Time{} }), VerdictRefused, ReasonUnreadable,
			everything, "without a Date no time can be compared"},
		{"no clock needed", func(c *candidate) { c.Machine.Date = time.Time{} }, "", "", everything,
			"pay-as-you-go has no time to compare"},

		// The tag.
		{"graceful", tag("graceful"), "", "", everything, "opted in, but for force"},
		{"True", tag("True"), VerdictRefused, ReasonNotOptedIn, everything, "the exact word"},
		{"empty", tag(""), VerdictRefused, ReasonNotOptedIn, everything, "no word"},
		{"false", tag("false"), VerdictRefused, ReasonNotOptedIn, everything, "a clear no"},
		{"no, though untagged would do", with(tag("false"), func(c *candidate) { c.Untagged = GrantFull }), VerdictRefused,
			ReasonNotOptedIn, everything, "a tag is an answer"},
		{"untagged", untagged(GrantNone), VerdictRefused, ReasonNotOptedIn, everything,
			"REMEDY_UNTAGGED=refuse; a key of another case is another tag"},
		{"untagged, graceful", untagged(GrantGraceful), "", "", everything, "REMEDY_UNTAGGED=graceful"},
		{"untagged, true", untagged(GrantFull), "", "", everything, "REMEDY_UNTAGGED=true"},

		// The platform.
		{"system failure", platform("SystemFailure.Reboot", "Executing", 0), VerdictRefused, ReasonPlatformActing, everything,
			"it reboots it"},
		{"guest failure", platform("InstanceFailure.Reboot", "Executing", 0), VerdictRefused, ReasonPlatformActing, everything,
			"it reboots it"},
		{"maintenance", platform("SystemMaintenance.Redeploy", "Executing", 0), VerdictRefused, ReasonPlatformActing, everything,
			"it moves it"},
		{"unknown type", platform("Tomorrow.Reboot", "Executing", 0), VerdictRefused, ReasonPlatformActing, everything, "whatever it does"},
		{"unknown type, planned", platform("Tomorrow.Reboot", "Scheduled", time.Minute), "", "", everything,
			"not under way, and no known action"},
		{"our own reason", platform("InstanceFailure.PerformanceImpact", "Executing", 0), "", "", everything,
			"why we are here"},
		{"our own reason, planned", platform("InstanceFailure.PerformanceImpact", "Scheduled", time.Minute), "", "",
			everything, "never blocks"},
		{"our own reason and another", with(platform("InstanceFailure.PerformanceImpact", "Executing", 0),
			platform("SystemFailure.Stop", "Executing", 0)),
			VerdictRefused, ReasonPlatformActing, everything, "the other one blocks"},
		{"planned in 30 minutes", platform("SystemMaintenance.Reboot", "Scheduled", 30*time.Minute), VerdictRefused, ReasonPlatformActing,
			everything, "within 30 minutes"},
		{"planned later", platform("SystemMaintenance.Reboot", "Scheduled", 30*time.Minute+1), "", "", everything,
			"not soon"},
		{"planned a while ago", platform("SystemMaintenance.Reboot", "Scheduled", -time.Hour), VerdictRefused, ReasonPlatformActing,
			everything, "due, and not over"},
		{"inquired", platform("SystemFailure.Redeploy", "Inquiring", 30*time.Minute), VerdictRefused, ReasonPlatformActing, everything,
			"as if scheduled"},
		{"inquired, later", platform("SystemFailure.Redeploy", "Inquiring", 31*time.Minute), "", "", everything, "not soon"},
		{"planned for an unknown time", platform("SystemMaintenance.Reboot", "Scheduled", 0), VerdictRefused, ReasonPlatformActing,
			everything, "it may be now"},
		{"planned, no clock", with(platform("SystemMaintenance.Reboot", "Scheduled", time.Hour),
			func(c *candidate) { c.Events.Date = time.Time{} }),
			VerdictRefused, ReasonUnreadable, everything, "without a Date no time can be compared"},
		{"avoided", platform("SystemFailure.Reboot", "Avoided", 0), "", "", everything, "over"},
		{"platform denied", failing(FailureForbidden, SourcePlatform), VerdictRefused, ReasonForbidden, everything, "no permission"},
		{"platform garbled", failing(FailureUnreadable, SourcePlatform), VerdictRefused, ReasonUnreadable, everything, "unreadable is no"},
		{"platform missing", failing(FailureMissing, SourcePlatform), VerdictRefused, ReasonUnreadable, everything, "unreadable is no"},
		{"platform out of reach", failing(FailureUnavailable, SourcePlatform), VerdictPending, ReasonDependencyUnavailable, everything, "tried three times"},

		// The heartbeat.
		{"beating", beat(3*time.Minute - 1), VerdictRefused, ReasonGuestAlive, everything, "younger than REMEDY_HEARTBEAT_FRESH"},
		{"silent", beat(3 * time.Minute), "", "", everything, "as old as that"},
		{"a beat 2 minutes ahead", beat(-2 * time.Minute), VerdictRefused, ReasonGuestAlive, everything,
			"two clocks may differ that much"},
		{"a beat further ahead", beat(-2*time.Minute - 1), VerdictRefused, ReasonUnreadable, everything, "no telling"},
		{"beat, no clock", func(c *candidate) { c.Vitals.Date = time.Time{} }, VerdictRefused, ReasonUnreadable, everything,
			"no telling"},
		{"never reported", unheard, "", "", everything, "a strong alarm needs no heartbeat"},
		{"never reported, no clock", with(unheard, func(c *candidate) { c.Vitals.Date = time.Time{} }), "", "", everything,
			"no time to compare"},
		{"heartbeat denied", failing(FailureForbidden, SourceVitals), VerdictRefused, ReasonForbidden, everything, "no permission"},
		{"heartbeat missing", failing(FailureMissing, SourceVitals), VerdictRefused, ReasonUnreadable, everything, "unreadable is no"},
		{"heartbeat out of reach", failing(FailureUnavailable, SourceVitals), VerdictPending, ReasonDependencyUnavailable, everything, "tried three times"},
		{"weak, never reported", with(weakly, unheard), VerdictRefused, ReasonUnconfirmedHang, everything,
			"an agent that never was cannot fall silent"},
		{"weak, beating", with(weakly, beat(time.Minute)), VerdictRefused, ReasonGuestAlive, everything,
			"only CloudMonitor's agent stopped"},
		{"no data, never reported", with(noData("cpu_idle"), unheard), VerdictRefused, ReasonUnconfirmedHang, everything,
			"as weak as a stopped agent"},
		{"unchecked, beating", with(unchecked, beat(time.Minute)), "", "", everything, "REMEDY_SECOND_CHECK=none"},
		{"unchecked, weak, never reported", with(unchecked, weakly, unheard), "", "", everything,
			"REMEDY_SECOND_CHECK=none"},
		{"unchecked, denied", with(unchecked, failing(FailureForbidden, SourceVitals)), "", "", everything, "REMEDY_SECOND_CHECK=none"},

		// Who comes first.
		{"many reasons", with(aged(time.Hour), func(c *candidate) { c.Mode = ModeOff }), VerdictRefused, ReasonPaused, ledgerOnly,
			"switched off comes before everything"},
		{"two reasons", with(aged(time.Hour), func(c *candidate) { c.Alarm.Account = "9" }), VerdictRefused, ReasonWrongAccount, ledgerOnly,
			"the first refusal is the reason"},
		{"no time left", func(c *candidate) { c.StopAt = c.Now }, VerdictPending, ReasonOutOfTime, nothing,
			"nothing is begun at the deadline's reserve"},
		{"a moment left", func(c *candidate) { c.StopAt = c.Now.Add(1) }, "", "", everything, "just before it"},
		{"no time left for an attempt", func(c *candidate) { c.ClaimBy = c.Now }, VerdictPending, ReasonOutOfTime, everything,
			"guards are asked, nothing is claimed"},
		{"no time, and none needed", with(problem(events.ProblemNotECS), func(c *candidate) { c.StopAt = c.Now }), VerdictIgnored, ReasonNotECS,
			nothing, "it is known already"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := opens()
			test.change(c)
			step := c.ask()
			if test.verdict == "" {
				if a := step.Attempt; step.Do != DoReboot || step.Incident == nil || a.Force || a.N != 1 || a.Outcome != OutcomeClaimed {
					t.Errorf("%+v\nwant a first graceful reboot: %s", step, test.why)
				}
			} else if step.Verdict != test.verdict || step.Reason != test.reason || step.Do != DoRefuse && step.Do != DoSettle {
				t.Errorf("do %d, %s %s: %s\nwant %s %s: %s", step.Do, step.Verdict, step.Reason, step.Why, test.verdict,
					test.reason, test.why)
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
		{on(time.Monday, 0, 1440), "2026-11-23T00:00:00Z", true, "a whole day, its first second"},
		{on(time.Monday, 0, 1440), "2026-11-23T23:59:59Z", true, "its last"},
		{on(time.Monday, 0, 1440), "2026-11-24T00:00:00Z", false, "the next day"},
		{Window{Days: night.Days, From: 0, To: 60, Location: shanghai}, "2026-11-22T16:30:00Z", true,
			"Monday half past midnight in Shanghai"},
		{Window{Days: night.Days, To: 1440}, "2026-11-23T00:30:00Z", false, "without a time zone it means nothing"},
		{Window{Days: night.Days, From: 0, To: 60, Location: shanghai}, "2026-11-23T00:30:00Z", false,
			"Monday half past eight there"},
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

// TestOpenIncident: an open incident of the instance is looked up before anything that could refuse.
func TestOpenIncident(t *testing.T) {
	other := func(leaseLeft time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.Record.Value.Open = &Incident{ID: "i/1", Instance: instanceID, Account: c.Alarm.Account, OpenedAt: start, Owner: "somebody",
				LeaseUntil: c.Now.Add(leaseLeft),
				Alarm:      AlarmRef{Key: c.Alarm.Key, Rule: c.Alarm.Rule, Time: start},
				Attempts: []Attempt{{N: 1, ClaimedAt: c.Now, SendBefore: c.Now.Add(10 * time.Second), Outcome: OutcomeAccepted,
					AnsweredAt: c.Now}}}
		}
	}
	with := func(steps ...func(*candidate)) func(*candidate) {
		return func(c *candidate) {
			for _, step := range steps {
				step(c)
			}
		}
	}
	held, free := other(-6*time.Second+1), other(-6*time.Second) // the lease is 60 s, a tenth is granted for clocks
	redelivered := func(c *candidate) { c.Redelivered = true }
	resolved := func(after time.Duration) func(*candidate) {
		return func(c *candidate) { c.Alarm.State, c.Alarm.Time = events.StateResolved, start.Add(after) }
	}
	tests := []struct {
		name    string
		change  func(*candidate)
		do      Do
		verdict Verdict
		reason  Reason
		told    bool // the step carries the incident with its ResolvedAt
		why     string
	}{
		{"held", held, DoRefuse, VerdictRefused, ReasonInProgress, false, "its owner lives"},
		{"lease over", free, DoWait, "", "", false, "taken over, and watched"},
		{"ours", func(c *candidate) { held(c); c.Record.Value.Open.Owner = "me" }, DoWait, "", "", false, "watched"},
		{"held, redelivered", with(held, redelivered), DoRefuse, VerdictPending, ReasonLeaseHeld, false, "so that it is delivered again"},
		{"held, another alarm redelivered", with(held, redelivered, func(c *candidate) { c.Alarm.Key = "e-2" }), DoRefuse,
			VerdictRefused, ReasonInProgress, false, "not the incident's own"},
		{"old alarm", func(c *candidate) { free(c); c.Alarm.Time = start.Add(-time.Hour) }, DoWait, "", "", false,
			"it is not judged by its age"},
		{"another account", func(c *candidate) { free(c); c.Alarm.Account = "9" }, DoWait, "", "", false,
			"nor by anything else that could refuse"},
		{"followed", func(c *candidate) { free(c); c.Followed = true }, DoRefuse, VerdictRefused, ReasonInProgress, false,
			"the leader resumes it"},
		{"resolved", with(held, resolved(time.Second)), DoRefuse, VerdictIgnored, ReasonResolved, true,
			"the incident is told, whoever owns it"},
		{"resolved at once", with(held, resolved(0)), DoRefuse, VerdictIgnored, ReasonResolved, true, "not before its own alarm"},
		{"resolved by a stranger", with(held, resolved(time.Second), func(c *candidate) { c.Alarm.Account = "9" }), DoRefuse,
			VerdictIgnored, ReasonResolved, false, "another account's alarms are about another account's instances"},
		{"resolved in the future", with(held, resolved(time.Hour)), DoRefuse, VerdictIgnored, ReasonResolved, false, "no clock is that far off"},
		{"resolved before", with(held, resolved(-time.Second)), DoRefuse, VerdictIgnored, ReasonResolved, false,
			"that was another episode"},
		{"another rule resolved", with(held, resolved(time.Second), func(c *candidate) { c.Alarm.Rule = "another" }), DoRefuse,
			VerdictIgnored, ReasonResolved, false, "not its alarm"},
		{"resolved twice", with(held, resolved(time.Second), func(c *candidate) { c.Record.Value.Open.ResolvedAt = start }),
			DoRefuse, VerdictIgnored, ReasonResolved, false, "known already"},
		{"swept, held", func(c *candidate) { held(c); c.Swept = true }, DoRefuse, "", "", false, "somebody looks after it"},
		{"swept, free", func(c *candidate) { free(c); c.Swept = true }, DoWait, "", "", false, "taken over"},
		{"swept, ended", func(c *candidate) { c.Swept = true }, DoRefuse, "", "", false, "nothing to do"},
		{"free, ledger garbled", func(c *candidate) { free(c); c.Record.Failure = FailureUnreadable }, DoRefuse, VerdictRefused, ReasonUnreadable,
			false, "unreadable is no"},
	}
	for _, test := range tests {
		c := opens()
		test.change(c)
		step := c.ask()
		told := step.Incident != nil && step.Incident.ResolvedAt.Equal(c.Now)
		if step.Do != test.do || step.Verdict != test.verdict || step.Reason != test.reason || told != test.told {
			t.Errorf("%s: do %d, %s %s, told=%v\nwant do %d, %s %s: %s", test.name, step.Do, step.Verdict, step.Reason, told,
				test.do, test.verdict, test.reason, test.why)
		}
	}
}

// TestUnavailable: a source that is out of reach is tried again before the event is asked for again.
func TestUnavailable(t *testing.T) {
	for failures, want := range []Do{DoWait, DoWait, DoWait, DoRefuse} {
		c := opens()
		c.Vitals.Failure, c.Failures = FailureUnavailable, failures
		if step := c.ask(); step.Do != want || want == DoWait && !step.Until.Equal(c.Now.Add(5*time.Second)) {
			t.Errorf("after %d failures: do %d until %v, want %d", failures, step.Do, step.Until, want)
		}
	}
}

// TestCurable: every row of the table, as an event in its own status and in any other, and as the platform's action.
func TestCurable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range CurableEvents {
		if seen[row.Event] || row.Why == "" || row.Product != "ECS" && row.Product != "CloudMonitor" {
			t.Errorf("%s: twice, or without a reason or a product", row.Event)
		}
		seen[row.Event] = true
		for _, status := range []string{"Executing", "Executed", "stopped", "Normal", "Scheduled", ""} {
			c := opens()
			c.Alarm.Product, c.Alarm.Event, c.Alarm.EventStatus = row.Product, row.Event, status
			step := c.ask()
			if opened := step.Do == DoReboot; opened != (status != "" && status == row.Status) {
				t.Errorf("%s %s in status %q: opened=%v", row.Product, row.Event, status, opened)
			}
		}
		c := opens()
		c.Events.Value = []PlatformEvent{{Type: strings.TrimPrefix(row.Event, "Instance:"), Status: "Executing"}}
		if step := c.ask(); row.Product == "ECS" && (step.Do == DoReboot) != (row.Status != "") {
			t.Errorf("%s under way: do %d", row.Event, step.Do)
		}
	}
}

// TestFindings: every rule that had its facts is told, once, also after the first refusal.
func TestFindings(t *testing.T) {
	all := "alarm-rule account alarm-age mode window duplicate last-recovery cool-down incidents pause fleet found running " +
		"security-lock other-lock expiry opt-in platform heartbeat"
	tests := []struct {
		name   string
		change func(*candidate)
		rules  string
		wrong  string
	}{
		{"nothing wrong", func(*candidate) {}, all, ""},
		{"three locks and a tag", func(c *candidate) {
			c.Machine.Value.Locks, c.Machine.Value.Tags = []string{"security", "financial"}, nil
		}, all, "security-lock other-lock opt-in"},
		{"refused by the alarm", func(c *candidate) { c.Mode, c.Alarm.Account = ModeOff, "" },
			"alarm-rule account alarm-age mode window duplicate last-recovery cool-down incidents",
			"account mode"},
	}
	for _, test := range tests {
		c := opens()
		test.change(c)
		var rules, wrong []string
		for _, f := range c.ask().Findings {
			rules = append(rules, f.Rule)
			if !f.OK {
				wrong = append(wrong, f.Rule)
			}
			if f.Saw == "" {
				t.Errorf("%s: rule %s says nothing of what it saw", test.name, f.Rule)
			}
		}
		if got := strings.Join(rules, " "); got != test.rules {
			t.Errorf("%s: rules\n%s\nwant\n%s", test.name, got, test.rules)
		}
		if got := strings.Join(wrong, " "); got != test.wrong {
			t.Errorf("%s: wrong %q, want %q", test.name, got, test.wrong)
		}
	}
}
