package remedy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/events"
)

// TestWords: what a human reads of an answer, where it tells something that is nowhere else.
func TestWords(t *testing.T) {
	from := func(c *candidate, change func(*candidate)) *candidate { change(c); return c }
	about := func(event, metric string) *candidate {
		return from(opens(), func(c *candidate) {
			c.Alarm = Busy()
			c.Alarm.Product, c.Alarm.Event, c.Alarm.Metric = "ECS", event, metric
		})
	}
	aged := func(age time.Duration) *candidate {
		return from(opens(), func(c *candidate) { c.Alarm.Time = c.Now.Add(-age) })
	}
	tag := func(value string) *candidate {
		return from(opens(), func(c *candidate) { c.Instance.Value.Tags["auto-restart"] = value })
	}
	account := func(note string) *candidate {
		return from(opens(), func(c *candidate) { c.Alarm.Account, c.Alarm.Note = "", note })
	}
	rehearsed := func(answer Answer, code, note string) *candidate {
		return from(opens(), func(c *candidate) {
			c.Mode = ModeObserve
			c.Rehearsal = Reply{At: c.Now, Answer: answer, Code: code, Note: note}
			if answer == AnswerRejected {
				c.Rehearsal.Reason = ReasonForbidden
			}
		})
	}
	// late is an attempt that was answered just now, with no time left to wait for anything.
	late := func(last standing, code string) *candidate {
		return from(incident(0, last), func(c *candidate) {
			c.later(-5 * time.Minute)
			c.last().Code = code
			c.StopAt = c.Now.Add(1)
		})
	}
	for _, row := range []struct {
		why  string
		c    *candidate
		rule Rule // whose finding it is; empty: why it ends so
		want string
	}{
		{"an event", about("Disk:Stalled", ""), "", "Disk:Stalled, which no restart cures"},
		{"a metric", about("", "eip"), "", "metric eip, which no restart cures"},
		{"a metric alarm without one", from(about("", ""), func(c *candidate) {
			c.Alarm.Product, c.Alarm.Format = "", events.FormatThreshold
		}), "", "an alarm of no known metric, which no restart cures"},
		{"an event without a name", about("", ""), "",
			"an event without a name, which no restart cures"},
		{"one that names no product either", from(about("", ""), func(c *candidate) {
			c.Alarm.Product, c.Alarm.Format = "", events.FormatSystemEvent
		}), "", "an event without a name, which no restart cures"},
		{"the right event of the wrong product", from(opens(), func(c *candidate) {
			c.Alarm.Product = "CloudMonitor"
		}), "", `Instance:InstanceFailure.PerformanceImpact of product "CloudMonitor", and a ` +
			"restart cures it only as one of ECS"},
		{"and the other way round", about("Agent_Status_Stopped", ""), "",
			`Agent_Status_Stopped of product "ECS", and a restart cures it only as one of ` +
				"CloudMonitor"},

		{"no account", account(""), RuleAccount, "the alarm does not say whose instance it is"},
		{"two accounts", account("the account is not known: " +
			`resourceId says "1", but userId says "2"`), RuleAccount,
			`the alarm names two accounts: resourceId says "1", but userId says "2"`},
		{"two accounts, and a doubt besides", account("curLevel says so; the account is not " +
			`known: resourceId says "1", but userId says "2"`),
			RuleAccount, `the alarm names two accounts: resourceId says "1", but userId says "2"`},
		{"no account, and a doubt", account("curLevel says so"), RuleAccount,
			"the alarm does not say whose instance it is"},

		{"nothing is under way, but somebody waits before it", from(opens(), func(c *candidate) {
			c.FleetConcurrent = 1
			others(nil, time.Second)(c)
		}), RuleFleet, "0 of 1 under way, 0 of 20 within the hour, 1 of 50 waiting; what is " +
			"free is for those who wait before it"},
		{"the same, in its place", from(opens(), func(c *candidate) {
			c.FleetConcurrent = 1
			others(nil, time.Second)(c)
		}), "", "number 2; 0 of 1 under way, 0 of 20 within the hour, 2 of 50 waiting; what " +
			"is free is for those who wait before it"},
		{"all is taken", from(opens(), func(c *candidate) {
			busy(3)(c)
			others(nil, time.Second)(c)
		}), "", "number 2; 3 of 3 under way, 0 of 20 within the hour, 2 of 50 waiting"},

		{"force that the tag forbids: the tag is named, too", from(incident(1, isFailed),
			func(c *candidate) { c.Instance.Value.Tags["auto-restart"] = "graceful" }), RuleForce,
			"auto-restart=graceful"},
		{"force that the tag's absence forbids", from(incident(1, isFailed),
			func(c *candidate) {
				c.Instance.Value.Tags = nil
				c.Untagged = GrantGraceful
			}), RuleForce, "no tag auto-restart; untagged instances get graceful"},

		{"a rehearsal that ECS refuses: its code once", rehearsed(AnswerRejected, "Forbidden.RAM",
			"RebootInstance: Forbidden.RAM: no (status 403)"), "",
			"ECS would refuse the reboot: RebootInstance: Forbidden.RAM: no (status 403)"},
		{"with nothing but a code", rehearsed(AnswerRejected, "Forbidden.RAM", ""), "",
			"ECS would refuse the reboot: Forbidden.RAM"},
		{"with a note that does not name it", rehearsed(AnswerRejected, "DiskError", "no disk"), "",
			"ECS would refuse the reboot: DiskError: no disk"},
		{"with nothing but a note", rehearsed(AnswerRejected, "", "RebootInstance answered"), "",
			"ECS would refuse the reboot: RebootInstance answered"},
		{"one without an answer", from(rehearsed(AnswerUnknown, "", "RebootInstance: no answer"),
			func(c *candidate) { c.Seen.Blind = blindRounds }), "",
			"the rehearsal (DryRun) had no answer: RebootInstance: no answer"},
		{"one without an answer, and no time for another", from(rehearsed(AnswerNotExecuted,
			"Throttling", "RebootInstance: Throttling"), func(c *candidate) {
			c.StopAt = c.Now.Add(1)
		}), "", "the invocation's time is nearly over; the rehearsal (DryRun) had no answer: " +
			"RebootInstance: Throttling"},

		{"an alarm of the future", aged(-3 * time.Minute), RuleAlarmAge,
			"the alarm's time is 3m0s in the future"},
		{"a heartbeat of the future", from(opens(), func(c *candidate) {
			c.Vitals.Value.Heartbeat = c.Now.Add(3 * time.Minute)
		}), RuleHeartbeat, "the last heartbeat is 3m0s in the future"},
		{"less than ten seconds, to the millisecond", aged(10*time.Second - 600*time.Microsecond),
			RuleAlarmAge, "9.999s"},
		{"more, to the second", aged(10*time.Second + 400*time.Millisecond), RuleAlarmAge, "10s"},
		{"in the future, too", aged(-1500 * time.Millisecond), RuleAlarmAge, "-1.5s"},

		{"80 bytes of what somebody else wrote", tag(strings.Repeat("x", 80)), RuleOptIn,
			`auto-restart="` + strings.Repeat("x", 80) + `"`},
		{"and no more", tag(strings.Repeat("x", 81)), RuleOptIn,
			`auto-restart="` + strings.Repeat("x", 80) + `"`},

		{"force after two failures", incident(1, isFailed), RuleForce,
			"two graceful attempts were accepted and seen to fail"},
		{"force after a refused retry", from(incident(1, isRejected), func(c *candidate) {
			c.last().Reason, c.Instance.Value.Status = ReasonNotRunning, "Stopping"
		}), RuleForce, "a graceful attempt was accepted and left it Stopping, ECS refused the " +
			"retry for that, and both had their time"},

		{"out of time", late(isAccepted, ""), "", "the invocation's time is nearly over"},
		{"out of time, and ECS said something that may be mended", late(isNotExecuted,
			"Throttling.User"), "",
			"the invocation's time is nearly over; ECS answered Throttling.User last"},
		{"throttled to the next minute, which is too late", from(late(isNotExecuted,
			"Throttling.User"), func(c *candidate) {
			c.last().Throttled, c.last().AnsweredAt = true, c.Now
		}), "", "the invocation's time is nearly over; ECS throttled the last call " +
			"(Throttling.User), and may be asked again at 2026-11-23T08:01:00Z"},
	} {
		step := row.c.ask()
		for row.c.comesTo(&step) == toRelease {
			step = row.c.after(step)
		}
		got := step.Why
		if row.rule != "" {
			got = "no finding"
			for _, f := range step.Seen.Findings {
				if f.Rule == row.rule {
					got = f.Saw
				}
			}
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}

// TestRegion: where an answer says that its instance is.
func TestRegion(t *testing.T) {
	for _, row := range []struct {
		why  string
		c    func() *candidate
		want string
	}{
		{"where the alarm says", opens, "cn-hangzhou"},
		{"where we run, if it does not", func() *candidate {
			c := opens()
			c.Alarm.Region = ""
			return c
		}, "cn-hangzhou"},
		{"of another region", func() *candidate {
			c := opens()
			c.Alarm.Region = "cn-beijing"
			return c
		}, "cn-beijing"},
		{"where the alarm says, though it names no instance", func() *candidate {
			c := opens()
			c.Alarm.Instance = ""
			return c
		}, "cn-hangzhou"},
		{"nor a region, so that there is none", func() *candidate {
			c := opens()
			c.Alarm.Instance, c.Alarm.Region = "", ""
			return c
		}, ""},
		{"where the alarm says, whatever else is wrong", func() *candidate {
			c := opens()
			c.Alarm.Instance, c.Alarm.Problem = "", events.ProblemContradiction
			return c
		}, "cn-hangzhou"},
		{"what it says is no region, so that none is known", func() *candidate {
			c := opens()
			c.Alarm.Region, c.Alarm.Problem = "", events.ProblemRegion
			return c
		}, ""},
		{"where its incident is", func() *candidate {
			c := opens()
			c.Alarm.Region, c.Record.Value.Open = "", recordOpen(Start, 1)
			c.Record.Value.Open.Region, c.Record.Value.Open.LeaseUntil = "cn-wuhan", c.Now
			return c
		}, "cn-wuhan"},
	} {
		c := row.c()
		c.Instance.Value.Tags = nil // it is refused, whatever else
		step := c.ask()
		if step.Result == nil || step.Result.Region != row.want {
			t.Errorf("%s: %+v, want region %q", row.why, step.Result, row.want)
		}
	}
}

// TestUntoldOpening: an opening is no incident to anybody but the ledger. Where it is given free
// before its first claim, the answer names none.
func TestUntoldOpening(t *testing.T) {
	c := opens()
	opening := c.ask()
	c.do(&opening)
	c.told.StopAt = c.Now
	step := c.goOn()
	for c.comesTo(&step) == toRelease {
		step = c.after(step)
	}
	if step.Verdict != VerdictPending || step.Reason != ReasonOutOfTime || step.Result == nil ||
		step.Result.Incident != "" || c.Record.Value.Open == nil {
		t.Errorf("%+v, and open is %+v", step, c.Record.Value.Open)
	}
}

// TestObservedCounts: what would have been a reboot counts for the hour, once, and takes no slot.
func TestObservedCounts(t *testing.T) {
	c := opens()
	c.Mode = ModeObserve
	step := c.ask()
	c.reports(t, step)
	ended := c.Record.Value.Recent
	if len(ended) != 1 || ended[0].Verdict != VerdictObserved {
		t.Fatalf("it ended as %+v", ended)
	}
	want := []Begun{{At: c.Now, Instance: InstanceID, Incident: ended[0].ID}}
	if fl := &c.Fleet.Value; !slices.Equal(fl.Begun, want) || len(fl.Open) != 0 {
		t.Errorf("begun are %+v, and under way %+v; want %+v, and none", fl.Begun, fl.Open, want)
	}
}

// TestSuperseded: which alarms of a batch are over by another one of it.
func TestSuperseded(t *testing.T) {
	firing := func(change func(*events.Alarm)) events.Alarm {
		a := Busy()
		if change != nil {
			change(&a)
		}
		return a
	}
	resolved := func(after time.Duration, change func(*events.Alarm)) events.Alarm {
		a := firing(change)
		a.State, a.Time = events.StateResolved, Start.Add(after)
		return a
	}
	ruleless := func(a *events.Alarm) { a.Rule = "" }
	for _, row := range []struct {
		why   string
		batch []events.Alarm
		want  []bool
	}{
		{"nothing", nil, nil},
		{"alone", []events.Alarm{firing(nil)}, []bool{false}},
		{"two that fire", []events.Alarm{firing(nil), firing(nil)}, []bool{false, false}},
		{"a resolved one of the same moment", []events.Alarm{firing(nil), resolved(0, nil)},
			[]bool{true, false}},
		{"whichever comes first", []events.Alarm{resolved(0, nil), firing(nil)},
			[]bool{false, true}},
		{"an older one: it fires again", []events.Alarm{firing(nil), resolved(-1, nil)},
			[]bool{false, false}},
		{"the newest of two counts", []events.Alarm{resolved(0, nil), resolved(-1, nil),
			firing(nil)}, []bool{false, false, true}},
		{"and in the other order", []events.Alarm{resolved(-1, nil), resolved(0, nil),
			firing(nil)}, []bool{false, false, true}},
		{"of another rule", []events.Alarm{firing(nil), resolved(0, func(a *events.Alarm) {
			a.Rule = "rule-2"
		})}, []bool{false, false}},
		{"of another instance", []events.Alarm{firing(nil), resolved(0, func(a *events.Alarm) {
			a.Instance = "i-other"
		})}, []bool{false, false}},
		{"of no rule: whose end is it?", []events.Alarm{firing(ruleless), resolved(0, ruleless)},
			[]bool{false, false}},
		{"one that has no time that can be read", []events.Alarm{firing(func(a *events.Alarm) {
			a.Time = time.Time{}
		}), resolved(0, nil)}, []bool{false, false}},
		{"missing data is over, too", []events.Alarm{firing(func(a *events.Alarm) {
			a.State = events.StateInsufficientData
		}), resolved(0, nil)}, []bool{true, false}},
	} {
		if got := Superseded(row.batch); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}
