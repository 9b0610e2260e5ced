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

// TestReadBeforeATakeOver: what was read before the invocation took the incident over is read again,
// and stays among the facts, which are the loop's to change.
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
