package remedy

import (
	"testing"
	"time"
)

// TestConflicts: after a conflict a writer reads and writes again. After the second in a row, and
// every one that follows, it first steps back for a moment that grows, and it reads after that, for
// what it had read before would be old. Two writers step back for different times.
func TestConflicts(t *testing.T) {
	reaches := func(c *candidate, is func(*Step) bool) Step {
		for range 50 {
			c.told.Ask(c.Now)
			step := Next(c.Policy, c.told)
			if is(&step) {
				return step
			}
			c.do(&step)
		}
		t.Fatal("it never comes to the write")
		return Step{}
	}
	fleet := func(step *Step) bool { return step.Do == DoWrite && step.Write.Fleet != nil }
	for _, row := range []struct {
		why    string
		source Source // which record it is
		begin  func() *candidate
		writes func(*Step) bool
	}{
		{"a reservation", SourceFleet, func() *candidate { return opens() }, fleet},
		{"a claim", SourceRecord, func() *candidate { return opens() },
			func(step *Step) bool { return step.Claims() != nil }},
		{"what is left after the answer", SourceFleet, func() *candidate {
			c := its(func(c *candidate) { c.Instance.Value.Tags = nil })
			step := c.ask()
			c.told.Decided(&step)
			c.told.Told(&step)
			return c
		}, fleet},
	} {
		var rests [2][]time.Duration
		for n, owner := range []string{"me", "you"} {
			c := row.begin()
			if c.told.Reported {
				c.told.Owner = owner
			} else {
				c.Owner, c.told = owner, Facts{}
				c.told = c.Facts
				c.told.Record, c.told.Fleet = Reading[Record]{}, Reading[Fleet]{}
			}
			step := reaches(c, row.writes)
			for conflicts := 1; conflicts <= 7; conflicts++ {
				c.told.Decided(&step)
				c.told.Wrote(step.Write, Written{At: c.Now, Wrote: WroteConflict})
				c.told.Ask(c.Now)
				step = Next(c.Policy, c.told)
				if waits := step.Do == DoWait; waits != (conflicts > 1) {
					t.Fatalf("%s: after conflict %d it waits: %v", row.why, conflicts, waits)
				}
				if step.Do == DoWait {
					rests[n] = append(rests[n], step.Until.Sub(c.Now))
					c.do(&step)
					c.told.Ask(c.Now)
					step = Next(c.Policy, c.told)
				}
				if step.Do != DoRead || !step.Sources.Has(row.source) {
					t.Fatalf("%s: after conflict %d it does not read: %+v", row.why, conflicts, step)
				}
				c.do(&step)
				c.told.Ask(c.Now)
				if step = Next(c.Policy, c.told); !row.writes(&step) {
					t.Fatalf("%s: after conflict %d it does not write: %+v", row.why, conflicts, step)
				}
			}
		}
		same := 0
		for i, rest := range rests[0] {
			most := 80 * time.Millisecond << min(i, 3)
			for _, r := range []time.Duration{rest, rests[1][i]} {
				if r < most/8 || r > most {
					t.Errorf("%s: rest %d is %v, want an eighth to the whole of %v", row.why, i+1, r, most)
				}
			}
			if rest == rests[1][i] {
				same++
			}
		}
		if same > 0 {
			t.Errorf("%s: two writers rest for the same times: %v", row.why, rests)
		}
	}
}

// Out of time nobody rests: the end of an alarm that waited has been told, and is told again.
func TestConflictOutOfTime(t *testing.T) {
	c := its(func(c *candidate) { c.Instance.Value.Tags = nil })
	step := c.ask()
	c.told.Decided(&step)
	c.told.Told(&step)
	c.told.StopAt, c.told.Conflicts = c.Now, 2
	c.told.Written = Written{At: c.Now, Wrote: WroteConflict, Fleet: true}
	c.told.Fleet = Reading[Fleet]{}
	c.told.Ask(c.Now)
	if step = Next(c.Policy, c.told); step.Do != DoAnswer || step.Result != nil {
		t.Errorf("%+v", step)
	}
}
