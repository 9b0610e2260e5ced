package remedy

import (
	"testing"
	"time"
)

func TestNothingKnown(t *testing.T) {
	for name, p := range map[string]Policy{"the zero policy": {}, "an armed one": Armed()} {
		step := Next(&p, &Facts{})
		if step.Do != DoAnswer || step.Verdict != VerdictIgnored ||
			step.Reason != ReasonNoInstance {
			t.Errorf("%s, zero facts: %+v", name, step)
		}
		step = Next(&p, &Facts{Swept: true})
		if step.Do != DoRead || step.Sources != SourceRecord {
			t.Errorf("%s, a sweep that knows nothing: %+v", name, step)
		}
	}
	zero := Step{}
	if zero.Do != DoAnswer || zero.Claims() != nil || zero.Opens() || zero.Ends() {
		t.Error("the zero step does not only report")
	}
	c := opens()
	c.Policy = Policy{}
	if step := c.ask(); step.Do != DoAnswer || len(c.wrote) != 0 {
		t.Errorf("the zero policy lets an alarm through: %+v", step)
	}
}

// TestReadBeforeATakeOver: what was read before the invocation took the incident over is read
// again, and stays among the facts, which are the loop's to change.
func TestReadBeforeATakeOver(t *testing.T) {
	for _, row := range []struct {
		why   string
		later time.Duration // from the reading to the take-over
		do    Do
	}{
		{"a reading of that very moment counts", 0, DoWait},
		{"an older one does not", time.Millisecond, DoRead},
	} {
		c := incident(0, isAccepted)
		c.pass(-time.Minute)
		c.last().LastReadAt = c.Now.Add(-5 * time.Second)
		c.told = c.Facts
		c.told.Ask(c.Now.Add(row.later))
		c.told.Record.Value.Open.TakenOverAt = c.told.Now
		if step := c.next(); step.Do != row.do {
			t.Errorf("%s: %+v", row.why, step)
		}
		if c.told.Instance.At.IsZero() {
			t.Errorf("%s: Next changed its facts", row.why)
		}
	}
}

// TestKnownFleet: what another alarm of the same event has learned of the fleet costs an alarm
// nothing that is answered before that matters.
func TestKnownFleet(t *testing.T) {
	aged := func(c *candidate) { c.Alarm.Time = c.Now.Add(-time.Hour) }
	waits := func(c *candidate) { c.Fleet.Value.Waiting = []Waiter{c.Facts.waiter()} }
	bare := func(c *candidate) { c.Fleet.Value = Fleet{} }
	for _, row := range []struct {
		why     string
		change  func(*candidate)
		do      Do
		sources Source
		reason  Reason
	}{
		{"too old: refused for that", aged, DoAnswer, 0, ReasonStaleAlarm},
		{"too old, and it waits", all(aged, waits), DoAnswer, 0, ReasonStaleAlarm},
		{"it waits", waits, DoAnswer, 0, ReasonFleetConcurrent},
		{"too old, and the fleet's record may be lost", all(aged, bare), DoAnswer, 0,
			ReasonStaleAlarm},
		{"the fleet's record may be lost", bare, DoRead, SourceSign, ""},
		{"nothing is wrong so far", no, DoRead, sourceGuards, ""},
	} {
		c := opens()
		row.change(c)
		c.told = c.Facts
		c.told.Sign = Reading[Sign]{}
		c.told.forgetLive()
		step := c.next()
		if step.Do != row.do || step.Sources != row.sources || step.Reason != row.reason {
			t.Errorf("%s: %d of %b, %s %s: %s", row.why, step.Do, step.Sources, step.Verdict,
				step.Reason, step.Why)
		}
	}
}

// BenchmarkNext measures the two answers that matter: an opening with every guard, and a look at an
// instance that is watched.
func BenchmarkNext(b *testing.B) {
	opening := opens()
	watching := incident(0, isAccepted)
	watching.later(-time.Minute)
	watching.last().LastReadAt = watching.Now.Add(-5 * time.Second)
	watching.Seen.Incident = watching.Record.Value.Open.clone()
	for _, bench := range []struct {
		name string
		c    *candidate
		want string
	}{{"opening", opening, toOpen}, {"poll", watching, toWait}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step := Next(&bench.c.Policy, &bench.c.Facts)
				if do := bench.c.comesTo(&step); do != bench.want {
					b.Fatalf("%s, want %s", do, bench.want)
				}
			}
		})
	}
}
