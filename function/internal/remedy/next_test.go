package remedy

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecs-remedy/events"
)

func TestNothingKnown(t *testing.T) {
	for name, p := range map[string]Policy{"the zero policy": {}, "an armed one": armed()} {
		if step := Next(p, Facts{}); step.Do != DoRefuse || step.Verdict != VerdictIgnored || step.Reason != ReasonNoInstance {
			t.Errorf("%s, zero facts: %+v", name, step)
		}
		if step := Next(p, Facts{Swept: true}); step.Do != DoRead || step.Sources != SourceRecord {
			t.Errorf("%s, a sweep that knows nothing: %+v", name, step)
		}
	}
	if step := (Step{}); step.Do != DoRefuse {
		t.Error("the zero step does not refuse")
	}
	c := opens()
	c.Policy = Policy{}
	if step := c.ask(); step.Do != DoRefuse {
		t.Errorf("the zero policy lets an alarm through: %+v", step)
	}
}

// anyFacts draws a policy and facts that may contradict themselves in every way; only durations are positive, as Policy says.
func anyFacts(t *rapid.T) (Policy, Facts) {
	flip := func(label string) bool { return rapid.Bool().Draw(t, label) }
	// often is mostly the usual, so that the draws come far.
	often := func(label string) bool { return rapid.IntRange(0, 7).Draw(t, label) > 0 }
	moment := func(label string) time.Time {
		if !often(label + " known") {
			return time.Time{}
		}
		return start.Add(time.Duration(rapid.IntRange(-3600, 3600).Draw(t, label)) * time.Second)
	}
	p := armed()
	p.Mode = rapid.SampledFrom([]Mode{ModeEnforce, ModeEnforce, ModeObserve, ModeOff, ""}).Draw(t, "mode")
	p.Force, p.SecondCheck = flip("force"), flip("second check")
	p.MaxAttempts = rapid.IntRange(0, 6).Draw(t, "attempts")
	p.Poll = time.Duration(rapid.IntRange(1, 120).Draw(t, "poll")) * time.Second
	if flip("windows") {
		p.Windows = []Window{{From: rapid.IntRange(-1, 1441).Draw(t, "from"), To: rapid.IntRange(-1, 1441).Draw(t, "to")}}
	}

	c := opens()
	f := c.Facts
	f.Now = start.Add(time.Duration(rapid.IntRange(-120, 3600).Draw(t, "now")) * time.Second)
	f.Alarm = rapid.SampledFrom([]func() events.Alarm{hangs, busy, quiet}).Draw(t, "alarm")()
	f.Alarm.State = rapid.SampledFrom([]events.State{events.StateFiring, events.StateFiring, events.StateResolved, events.StateInsufficientData,
		""}).Draw(t, "state")
	f.Alarm.Problem = rapid.SampledFrom([]events.Problem{"", "", "", "", events.ProblemNotECS, events.ProblemContradiction, "odd"}).Draw(t,
		"problem")
	f.Alarm.Time, f.StopAt, f.ClaimBy = moment("alarm time"), time.Time{}, time.Time{}
	if flip("deadline") {
		f.StopAt, f.ClaimBy = moment("stop"), moment("claim by")
	}
	f.Swept, f.Followed, f.Superseded, f.Redelivered = !often("alarm"), !often("leads"), !often("not superseded"),
		flip("redelivered")
	f.Failures = rapid.IntRange(0, 4).Draw(t, "failures")

	failure := func(label string) Failure {
		return rapid.SampledFrom([]Failure{"", "", "", "", FailureUnavailable, FailureForbidden, FailureMissing, FailureUnreadable, "odd"}).Draw(t, label)
	}
	f.Record.Failure, f.Fleet.Failure = failure("ledger"), failure("fleet")
	f.Machine.Failure, f.Vitals.Failure, f.Events.Failure = failure("machine"), failure("vitals"), failure("events")
	f.Record.At, f.Fleet.At, f.Machine.At, f.Vitals.At, f.Events.At = moment("record at"), moment("fleet at"),
		moment("machine at"), moment("vitals at"), moment("events at")
	if often("clocks agree") {
		f.Machine.Date, f.Vitals.Date, f.Events.Date = f.Machine.At, f.Vitals.At, f.Events.At
	}
	m := &f.Machine.Value
	m.Status = rapid.SampledFrom([]string{"Running", "Running", "Stopping", "Starting", "Stopped", ""}).Draw(t, "status")
	m.LocksKnown = often("locks known")
	m.Locks = rapid.SampledFrom([][]string{nil, nil, nil, {"security"}, {""}}).Draw(t, "locks")
	m.ChargeType = rapid.SampledFrom([]string{"PostPaid", "PostPaid", "PrePaid", ""}).Draw(t, "charge type")
	m.ExpiredTime = moment("expires")
	m.Tags = rapid.SampledFrom([]map[string]string{{"auto-restart": "true"}, {"auto-restart": "graceful"},
		{"auto-restart": ""}, nil}).Draw(t, "tags")
	m.StartTime = rapid.SampledFrom([]string{m.StartTime, m.StartTime, "2026-11-23T08:03Z", ""}).Draw(t, "start time")
	f.Vitals.Value.Heartbeat = moment("heartbeat")
	if !often("platform idle") {
		f.Events.Value = []PlatformEvent{{Type: rapid.SampledFrom([]string{"SystemFailure.Reboot",
			"InstanceFailure.PerformanceImpact", ""}).Draw(t, "event"),
			Status:    rapid.SampledFrom([]string{"Executing", "Scheduled", ""}).Draw(t, "event status"),
			NotBefore: moment("not before")}}
	}
	if !often("not paused") {
		f.Fleet.Value.Paused = Pause{Since: moment("paused"), Until: moment("paused until")}
	}
	f.Dry.At, f.Dry.Outcome = moment("rehearsed"),
		rapid.SampledFrom([]Outcome{OutcomeAccepted, OutcomeRejected, OutcomeNotExecuted, OutcomeUnknown, ""}).Draw(t, "rehearsal")
	f.Dry.Reason = ReasonRejected

	if flip("open") {
		open := &Incident{ID: "i/1", Instance: instanceID, OpenedAt: start,
			Owner: rapid.SampledFrom([]string{"me", "me", "you"}).Draw(t, "owner"), LeaseUntil: moment("lease")}
		for n := range rapid.IntRange(0, 5).Draw(t, "attempts made") {
			open.Attempts = append(open.Attempts, Attempt{
				N: n + 1, Force: !often("graceful"), ClaimedAt: moment("claimed"), SendBefore: moment("send before"),
				AnsweredAt: moment("answered"),
				Before:     Baseline{StartTime: c.Machine.Value.StartTime, Heartbeat: moment("beat before")},
				Outcome: rapid.SampledFrom([]Outcome{OutcomeFailed, OutcomeFailed, OutcomeAccepted, OutcomeClaimed, OutcomeUnknown, OutcomeWorked, OutcomeUnconfirmed,
					OutcomeRejected, OutcomeNotExecuted, "odd"}).Draw(t, "outcome"),
				Reason:    rapid.SampledFrom([]Reason{ReasonNotRunning, ReasonSecurityLocked}).Draw(t, "rejected as"),
				Throttled: flip("throttled"), Stuck: !often("not stuck"),
				LeftRunningAt: moment("left"), BackAt: moment("back"), LastReadAt: moment("last read"), RequestID: "R",
			})
		}
		if !often("not resolved") {
			open.ResolvedAt = moment("resolved")
		}
		f.Record.Value.Open = open
	}
	return p, f
}

// total checks what holds for every answer to any facts.
func total(t *rapid.T) {
	p, f := anyFacts(t)
	var before []Attempt
	if open := f.Record.Value.Open; open != nil {
		before = slices.Clone(open.Attempts)
	}
	step := Next(p, f)
	if !reflect.DeepEqual(Next(p, f), step) {
		t.Fatal("the same facts give another step")
	}
	if open := f.Record.Value.Open; open != nil && !slices.Equal(before, open.Attempts) {
		t.Fatal("Next changes its facts")
	}
	known := f.have()
	switch step.Do {
	case DoRefuse:
		if (step.Verdict == "" || step.Reason == "") && !f.Swept {
			t.Fatalf("a refusal without a reason: %+v", step)
		}
	case DoRead:
		if step.Sources == 0 || step.Sources&known != 0 {
			t.Fatalf("it asks for %b and knows %b", step.Sources, known)
		}
	case DoWait:
		if !step.Until.After(f.Now) {
			t.Fatalf("it waits until %v at %v", step.Until, f.Now)
		}
	case DoSettle:
		i := step.Incident
		if i == nil || i.EndedAt.IsZero() || i.Verdict != step.Verdict || i.Reason != step.Reason || i.Reason == "" {
			t.Fatalf("it settles %+v", step)
		}
	case DoReboot, DoForce:
		a, force := step.Attempt, step.Do == DoForce
		if step.Incident == nil || a.N != len(step.Incident.Attempts)+1 || a.Force != force || a.Outcome != OutcomeClaimed {
			t.Fatalf("it claims %+v", a)
		}
		if bad := unfit(&p, &f, force); bad != "" {
			t.Fatalf("it reboots an instance that is %s", bad)
		}
		if p.Mode != ModeEnforce || !f.Fleet.OK() || f.Fleet.Value.Paused.On(f.Now) {
			t.Fatalf("it reboots in mode %q, or paused", p.Mode)
		}
		for i := range step.Incident.Attempts {
			last, o := i == len(step.Incident.Attempts)-1, step.Incident.Attempts[i].Outcome
			if o == OutcomeWorked || last && (o == OutcomeClaimed || o == OutcomeAccepted || o == OutcomeUnknown) {
				t.Fatalf("it reboots while attempt %d is %s", i+1, o)
			}
		}
	default:
		t.Fatalf("do %d", step.Do)
	}
}

func TestTotal(t *testing.T) { rapid.Check(t, total) }

func FuzzNext(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(total))
}

// BenchmarkNext measures the two answers that matter: an opening with every guard, and a look at an instance that is watched.
func BenchmarkNext(b *testing.B) {
	opening := opens()
	watching := incident(0, OutcomeAccepted)
	watching.later(-time.Minute)
	watching.Record.Value.Open.Attempts[0].LastReadAt = watching.Now.Add(-5 * time.Second)
	for _, bench := range []struct {
		name string
		c    *candidate
		want Do
	}{{"opening", opening, DoReboot}, {"poll", watching, DoWait}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if step := Next(bench.c.Policy, bench.c.Facts); step.Do != bench.want {
					b.Fatalf("do %d, want %d", step.Do, bench.want)
				}
			}
		})
	}
}
