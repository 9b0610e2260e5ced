package remedy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecs-remedy/events"
	. "ecs-remedy/function/internal/remedy"
)

// TestAnyHistory checks the laws on generated histories: any guest, answers, outages and changes, a
// fleet that is full of others or not, up to four deliveries that are crashed and frozen at any
// move, and the real time scale.
func TestAnyHistory(t *testing.T) {
	alarms := []func() events.Alarm{Hangs, Busy, Quiet}
	rapid.Check(t, func(t *rapid.T) {
		span := func(label string, limit time.Duration) time.Duration {
			return time.Duration(
				rapid.IntRange(0, int(limit/time.Second)).Draw(t, label),
			) * time.Second
		}
		w := hung()
		w.log = &history{}
		p := &w.policy
		p.Force, p.SecondCheck = rapid.Bool().Draw(t, "force"), rapid.Bool().Draw(t, "second check")
		p.MaxAttempts = rapid.IntRange(3, 6).Draw(t, "attempts")
		p.Poll = rapid.SampledFrom([]time.Duration{5 * time.Second, 20 * time.Second, time.Minute}).
			Draw(t, "poll")
		p.Lease = max(p.Lease, 2*p.Poll)
		p.Cooldown = span("cool-down", 40*time.Minute)
		w.machine.guest = guest{
			ignores: rapid.IntRange(0, 4).
				Draw(t, "ignores"),
			ignoresForce: rapid.IntRange(0, 2).Draw(t, "ignores force"),
			shrugs:       rapid.Bool().Draw(t, "shrugs"),
			sticks: rapid.SampledFrom([]string{"", "", "Stopping", "Starting", "Stopped"}).
				Draw(t, "sticks"),
			sticksForced: rapid.Bool().Draw(t, "sticks forced"),
			shutdown: rapid.SampledFrom([]time.Duration{0, 0, 4 * time.Minute, 8 * time.Minute}).
				Draw(t, "shutdown"),
			mute: rapid.Bool().Draw(t, "mute"),
			delay: rapid.SampledFrom([]time.Duration{0, 0, 5 * time.Minute, 6 * time.Minute}).
				Draw(t, "delay"),
			boot: span("boot", 7*time.Minute),
		}
		if rapid.Bool().Draw(t, "agentless") {
			w.machine.agentless, w.machine.lastBeat = true, time.Time{}
		}
		w.refuses = rapid.Bool().Draw(t, "refuses")
		w.answers = rapid.SliceOfN(rapid.SampledFrom([]string{"lost", "void", "throttled",
			"conflict", "status", "locked", "", "", "", "gone"}), 0, 6).Draw(t, "answers")
		for i := range rapid.IntRange(0, 3).Draw(t, "changes") {
			w.others = append(w.others, other{Start.Add(span("change at", 40*time.Minute)),
				rapid.SampledFrom(changes).Draw(t, fmt.Sprint("change ", i)).do})
		}
		slices.SortStableFunc(w.others, func(a, b other) int { return a.at.Compare(b.at) })
		for range rapid.IntRange(0, 3).Draw(t, "outages") {
			from := Start.Add(span("outage from", 30*time.Minute))
			w.outages = append(w.outages, outage{from, from.Add(span("outage for", 8*time.Minute)),
				rapid.SampledFrom([]Source{SourceRecord, SourceFleet, SourceInstance,
					SourceVitals, SourcePlatform}).
					Draw(t, "source"),
				rapid.SampledFrom([]Failure{FailureUnavailable, FailureForbidden,
					FailureMissing, FailureUnreadable}).
					Draw(t, "failure"),
			})
		}
		w.laws.Policy = w.policy
		var working []*process
		if rapid.Bool().Draw(t, "crowded") {
			p.FleetConcurrent = rapid.IntRange(1, 2).Draw(t, "slots")
			p.FleetWaiting = rapid.IntRange(0, 2).Draw(t, "places")
			w.laws.Policy = w.policy
			w.crowd()
			for i := range rapid.IntRange(0, 3).Draw(t, "sweeps") {
				d := sweep(fmt.Sprint("timer-", i))
				d.wake = w.now.Add(span("timer at", 20*time.Minute))
				working = append(working, d)
			}
		}
		for i := range rapid.IntRange(1, 4).Draw(t, "deliveries") {
			a := rapid.SampledFrom(alarms).Draw(t, "alarm")()
			d := alarmed(fmt.Sprint("delivery-", i), a)
			d.wake = w.now.Add(span("arrives", 10*time.Minute))
			d.facts.Redelivered = rapid.Bool().Draw(t, "redelivered")
			if rapid.Bool().Draw(t, "deadline") {
				d.facts.StopAt = d.wake.Add(span("stops", 20*time.Minute))
			}
			working = append(working, d)
		}
		mishaps := rapid.SliceOfN(rapid.IntRange(1, 120), 0, 4).Draw(t, "moves between mishaps")
		for moves := 0; len(working) > 0; {
			next := working[0]
			for _, d := range working {
				if d.wake.Before(next.wake) {
					next = d
				}
			}
			if next.wake.After(w.now) {
				w.until(next.wake)
			}
			if moves++; len(mishaps) > 0 && moves >= mishaps[0] {
				moves, mishaps = 0, mishaps[1:]
				if rapid.Bool().Draw(t, "crash") {
					w.logf("%s crashes", next.facts.Owner)
					next.done = true
				} else {
					next.wake = w.now.Add(span("freeze", 3*p.Lease)) // it alone: others go on
					w.logf("%s freezes", next.facts.Owner)
				}
			} else {
				w.move(next, "")
			}
			working = slices.DeleteFunc(working, func(d *process) bool { return d.done })
		}
		w.laws.Policy.IncidentLimit = p.IncidentLimit
		x := searched{w: *w}
		broken := x.settle()
		if x.w.laws.Broken != "" {
			broken = x.w.laws.Broken
		}
		if broken != "" {
			t.Fatalf("%s\n%s", broken, x.w.log)
		}
	})
}
