package remedy

import (
	"testing"
	"time"
)

// well is what is read of an instance that is ready: its guest is alive, and ECS would accept a
// reboot.
func well() Facts {
	f := Readable()
	f.Vitals.Value.Heartbeat = f.Now.Add(-20 * time.Second)
	f.Rehearsal.Code = "DryRunOperation"
	return Facts{Now: f.Now, Region: f.Region, Record: f.Record, Instance: f.Instance,
		Vitals: f.Vitals, Platform: f.Platform, Rehearsal: f.Rehearsal}
}

func TestForesee(t *testing.T) {
	reply := func(answer Answer, reason Reason) func(*Policy, *Facts) {
		return func(_ *Policy, f *Facts) {
			f.Rehearsal = Reply{At: f.Now, Answer: answer, Reason: reason}
		}
	}
	tag := func(value string) func(*Policy, *Facts) {
		return func(_ *Policy, f *Facts) {
			f.Instance.Value.Tags = map[string]string{"auto-restart": value}
		}
	}
	stands := func(status string) func(*Policy, *Facts) {
		return func(_ *Policy, f *Facts) { f.Instance.Value.Status = status }
	}
	unread := func(failure Failure) func(*Policy, *Facts) {
		return func(_ *Policy, f *Facts) {
			f.Instance = Reading[Instance]{At: f.Now, Failure: failure}
		}
	}
	for _, row := range []struct {
		why    string
		change func(*Policy, *Facts)
		reason Reason
		grant  Grant
	}{
		{"all is well", func(*Policy, *Facts) {}, ReasonWouldRestart, GrantFull},
		{"a policy that never forces is as good as a tag that says so",
			func(p *Policy, _ *Facts) { p.Force = false }, ReasonWouldRestart, GrantGraceful},
		{"the owner's tag", tag("graceful"), ReasonWouldRestart, GrantGraceful},
		{"any other value grants nothing", tag("yes"), ReasonNotOptedIn, GrantNone},
		{"what concerns all instances is left out: the mode",
			func(p *Policy, _ *Facts) { p.Mode = ModeOff }, ReasonWouldRestart, GrantFull},
		{"the windows", func(p *Policy, _ *Facts) { p.Windows = []Window{{Location: time.UTC}} },
			ReasonWouldRestart, GrantFull},
		{"and a pause", func(_ *Policy, f *Facts) { f.Fleet.Value.Paused.Since = Start },
			ReasonWouldRestart, GrantFull},
		{"an open incident says nothing of the next one",
			func(_ *Policy, f *Facts) { f.Record.Value.Open = &Incident{ID: "x"} },
			ReasonWouldRestart, GrantFull},
		{"not even one of this very caller",
			func(_ *Policy, f *Facts) {
				f.Owner = "me"
				f.Record.Value.Open = &Incident{ID: "x", Owner: "me", LeaseUntil: f.Now}
				f.Seen.Incident = f.Record.Value.Open
			}, ReasonWouldRestart, GrantFull},
		{"a lock", func(_ *Policy, f *Facts) { f.Instance.Value.Locks = []string{"security"} },
			ReasonSecurityLocked, GrantFull},
		{"a stopped instance", stands("Stopped"), ReasonNotRunning, GrantFull},
		{"one that is on its way, and nobody looks again", stands("Stopping"), ReasonNotRunning,
			GrantFull},
		{"a heartbeat from the future is no telling", func(_ *Policy, f *Facts) {
			f.Vitals.Value.Heartbeat = f.Now.Add(time.Hour)
		}, ReasonUnreadable, GrantFull},
		{"a guest that never reported is none that is alive", func(_ *Policy, f *Facts) {
			f.Vitals.Value.Heartbeat = time.Time{}
		}, ReasonWouldRestart, GrantFull},
		{"its cool-down", func(_ *Policy, f *Facts) {
			f.Record.Value.Recent = []Incident{{OpenedAt: f.Now.Add(-20 * time.Minute),
				EndedAt: f.Now.Add(-10 * time.Minute)}}
		}, ReasonCoolingDown, GrantFull},
		{"nothing read of it", unread(FailureMissing), ReasonNotFound, GrantNone},
		{"it is out of reach, and nobody waits for another look", unread(FailureUnavailable),
			ReasonDependencyUnavailable, GrantNone},
		{"ECS would refuse", reply(AnswerRejected, ReasonForbidden), ReasonForbidden, GrantFull},
		{"ECS has no answer", reply(AnswerNotExecuted, ""), ReasonDependencyUnavailable,
			GrantFull},
	} {
		p, f := Armed(), well()
		row.change(&p, &f)
		got := Foresee(p, f)
		if got.Step.Reason != row.reason || got.Grant != row.grant {
			t.Errorf("%s: %s (%s) with grant %q, want %s with %q", row.why, got.Step.Reason,
				got.Step.Why, got.Grant, row.reason, row.grant)
		}
		would := got.Step.Ends() && row.reason == ReasonWouldRestart
		if !would && got.Step.Do != DoAnswer {
			t.Errorf("%s: the step is %v, want an end", row.why, got.Step.Do)
		}
	}
}

func TestSpentUntil(t *testing.T) {
	p := Armed()
	at := func(hour int) Incident {
		opened := Start.Add(time.Duration(hour) * time.Hour)
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
		{"at the limit: until the oldest of them leaves the window",
			[]Incident{at(-20), at(-5), at(-3)}, Start.Add(4 * time.Hour)},
		{"over a limit that was lowered", []Incident{at(-20), at(-5), at(-3), at(-2)},
			Start.Add(19 * time.Hour)},
		{"one that left the window already", []Incident{at(-25), at(-20), at(-3)}, time.Time{}},
	} {
		r := Record{Recent: row.recent}
		if got := r.SpentUntil(p, Start); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
		spent := r.Spent(Start.Add(-p.IncidentWindow)) >= p.MaxIncidents
		if spent != !row.want.IsZero() {
			t.Errorf("%s: the rule says %v", row.why, spent)
		}
	}
	ended := Record{Recent: []Incident{at(-2), at(-1)}}
	want := Start.Add(-time.Hour + 10*time.Minute + p.Cooldown)
	if got := ended.LeftAloneUntil(p); !got.Equal(want) {
		t.Errorf("the cool-down is over at %v, want %v", got, want)
	}
	if got := (&Record{Recent: []Incident{reset}}).LeftAloneUntil(p); !got.IsZero() {
		t.Errorf("a reset incident has a cool-down until %v, want none", got)
	}
}
