package remedy

import (
	"testing"
	"time"
)

// well is what is read of an instance that is ready: its guest is alive, and ECS would accept a reboot.
func well() Facts {
	return Facts{
		Now: start, Region: "cn-hangzhou", Record: Reading[Record]{At: start},
		Machine: Reading[Instance]{At: start, Date: start, Value: Instance{ID: instanceID, Region: "cn-hangzhou", Name: "web",
			Status: "Running", LocksKnown: true, ChargeType: "PostPaid", Tags: map[string]string{"auto-restart": "true"}}},
		Vitals: Reading[Vitals]{At: start, Date: start, Value: Vitals{Heartbeat: start.Add(-20 * time.Second)}},
		Events: Reading[[]PlatformEvent]{At: start, Date: start},
		Dry:    Reply{At: start, Outcome: OutcomeAccepted, Code: "DryRunOperation"},
	}
}

func TestForesee(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(*Policy, *Facts)
		reason Reason
		grant  Grant
	}{
		{"all is well", func(*Policy, *Facts) {}, ReasonWouldRestart, GrantFull},
		{"a policy that never forces is as good as a tag that says so", func(p *Policy, _ *Facts) { p.Force = false },
			ReasonWouldRestart, GrantGraceful},
		{"the owner's tag", func(_ *Policy, f *Facts) { f.Machine.Value.Tags["auto-restart"] = "graceful" },
			ReasonWouldRestart, GrantGraceful},
		{"any other value grants nothing", func(_ *Policy, f *Facts) { f.Machine.Value.Tags["auto-restart"] = "yes" },
			ReasonNotOptedIn, GrantNone},
		{"what concerns all instances is left out: the mode", func(p *Policy, _ *Facts) { p.Mode = ModeOff }, ReasonWouldRestart, GrantFull},
		{"the windows", func(p *Policy, _ *Facts) { p.Windows = []Window{{Location: time.UTC}} }, ReasonWouldRestart, GrantFull},
		{"and a pause", func(_ *Policy, f *Facts) { f.Fleet.Value.Paused.Since = start }, ReasonWouldRestart, GrantFull},
		{"an open incident says nothing of the next one", func(_ *Policy, f *Facts) { f.Record.Value.Open = &Incident{ID: "x"} },
			ReasonWouldRestart, GrantFull},
		{"a lock", func(_ *Policy, f *Facts) { f.Machine.Value.Locks = []string{"security"} }, ReasonSecurityLocked, GrantFull},
		{"a stopped instance", func(_ *Policy, f *Facts) { f.Machine.Value.Status = "Stopped" }, ReasonNotRunning, GrantFull},
		{"a heartbeat from the future is no telling", func(_ *Policy, f *Facts) {
			f.Vitals.Value.Heartbeat = start.Add(time.Hour)
		}, ReasonUnreadable, GrantFull},
		{"a guest that never reported is none that is alive", func(_ *Policy, f *Facts) { f.Vitals.Value.Heartbeat = time.Time{} },
			ReasonWouldRestart, GrantFull},
		{"its cool-down", func(_ *Policy, f *Facts) {
			f.Record.Value.Recent = []Incident{{OpenedAt: start.Add(-20 * time.Minute), EndedAt: start.Add(-10 * time.Minute)}}
		}, ReasonCoolingDown, GrantFull},
		{"nothing read of it", func(_ *Policy, f *Facts) { f.Machine = Reading[Instance]{At: start, Failure: FailureMissing} },
			ReasonNotFound, GrantNone},
		{"ECS would refuse", func(_ *Policy, f *Facts) { f.Dry = Reply{At: start, Outcome: OutcomeRejected, Reason: ReasonForbidden} },
			ReasonForbidden, GrantFull},
		{"ECS has no answer", func(_ *Policy, f *Facts) { f.Dry = Reply{At: start, Outcome: OutcomeNotExecuted} }, ReasonDependencyUnavailable, GrantFull},
	} {
		p, f := armed(), well()
		row.change(&p, &f)
		got := Foresee(p, f)
		if got.Step.Reason != row.reason || got.Grant != row.grant {
			t.Errorf("%s: %s (%s) with grant %q, want %s with %q", row.why, got.Step.Reason, got.Step.Why, got.Grant,
				row.reason, row.grant)
		}
		if got.Step.Do != DoRefuse && got.Step.Do != DoSettle {
			t.Errorf("%s: the step is %v, want an end", row.why, got.Step.Do)
		}
	}
}

func TestSpentUntil(t *testing.T) {
	p := armed()
	at := func(hour int) Incident {
		opened := start.Add(time.Duration(hour) * time.Hour)
		return Incident{OpenedAt: opened, EndedAt: opened.Add(10 * time.Minute)}
	}
	reset := at(-1)
	reset.Forgiven = true
	for _, row := range []struct {
		why    string
		recent []Incident
		want   time.Time
	}{
		{"one fewer than the limit", []Incident{at(-20), at(-5)}, time.Time{}},
		{"a reset one does not count", []Incident{at(-20), at(-5), reset}, time.Time{}},
		{"at the limit: until the oldest of them leaves the window", []Incident{at(-20), at(-5), at(-3)}, start.Add(4 * time.Hour)},
		{"over a limit that was lowered", []Incident{at(-20), at(-5), at(-3), at(-2)}, start.Add(19 * time.Hour)},
		{"one that left the window already", []Incident{at(-25), at(-20), at(-3)}, time.Time{}},
	} {
		r := Record{Recent: row.recent}
		if got := r.SpentUntil(p, start); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
		if blocked := r.Spent(start.Add(-p.IncidentWindow)) >= p.MaxIncidents; blocked != !row.want.IsZero() {
			t.Errorf("%s: the rule says %v", row.why, blocked)
		}
	}
	ended := Record{Recent: []Incident{at(-2), at(-1)}}
	if got, want := ended.LeftAloneUntil(p), start.Add(-time.Hour+10*time.Minute+p.Cooldown); !got.Equal(want) {
		t.Errorf("the cool-down is over at %v, want %v", got, want)
	}
	if got := (&Record{Recent: []Incident{reset}}).LeftAloneUntil(p); !got.IsZero() {
		t.Errorf("a reset incident has a cool-down until %v, want none", got)
	}
}
