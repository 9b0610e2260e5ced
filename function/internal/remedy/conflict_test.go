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
			step := Next(&c.Policy, &c.told)
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
				step = Next(&c.Policy, &c.told)
				if waits := step.Do == DoWait; waits != (conflicts > 1) {
					t.Fatalf("%s: after conflict %d it waits: %v", row.why, conflicts, waits)
				}
				if step.Do == DoWait {
					rests[n] = append(rests[n], step.Until.Sub(c.Now))
					c.do(&step)
					c.told.Ask(c.Now)
					step = Next(&c.Policy, &c.told)
				}
				if step.Do != DoRead || !step.Sources.Has(row.source) {
					t.Fatalf("%s: after conflict %d it does not read: %+v", row.why, conflicts,
						step)
				}
				c.do(&step)
				c.told.Ask(c.Now)
				if step = Next(&c.Policy, &c.told); !row.writes(&step) {
					t.Fatalf("%s: after conflict %d it does not write: %+v", row.why, conflicts,
						step)
				}
			}
		}
		same := 0
		// After the second conflict in a row, the third and so on, in ms: it stops growing.
		for i, most := range []time.Duration{80, 160, 320, 640, 640, 640} {
			most, rest := most*time.Millisecond, rests[0][i]
			for _, r := range []time.Duration{rest, rests[1][i]} {
				if r < most/8 || r > most {
					t.Errorf("%s: rest %d is %v, want an eighth to the whole of %v", row.why, i+1,
						r, most)
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

// Out of time nobody rests: the answer was reported, and is no other for that. What is left to do,
// the sweep does.
func TestConflictOutOfTime(t *testing.T) {
	for _, why := range []string{"an alarm that waited", "an incident that has ended"} {
		c := its()
		if c.told = c.Facts; why != "an alarm that waited" {
			c.told.Waiter = nil
			c.told.Seen.Ending = &Incident{ID: IncidentID(InstanceID, c.Now), EndedAt: c.Now}
		}
		c.told.Reported, c.told.StopAt, c.told.Conflicts = true, c.Now, 2
		c.told.Written = Written{At: c.Now, Wrote: WroteConflict, Fleet: true}
		c.told.Fleet = Reading[Fleet]{}
		step := Next(&c.Policy, &c.told)
		if step.Do != DoAnswer || step.Result != nil {
			t.Errorf("%s: %+v", why, step)
		}
	}
}

// TestAlong: what goes into one write with others' changes is decided on the record as they leave
// it, and what is no change of that record then does not go along.
func TestAlong(t *testing.T) {
	other := func(c *candidate, n int) *Incident {
		id := "i-other-" + string(rune('a'+n))
		return &Incident{ID: IncidentID(id, c.Now), Instance: id, OpenedAt: c.Now}
	}
	for _, row := range []struct {
		why    string
		others int           // incidents of other instances that the write begins
		paused bool          // by the write
		late   time.Duration // by how much the clock has moved on
		goes   bool
	}{
		{"nobody else's change limits it", 0, false, 0, true},
		{"one slot is left", 2, false, 0, true},
		{"the others take the last slot", 3, false, 0, false},
		{"a pause comes first", 0, true, 0, false},
		{"its readings are still good", 0, false, Armed().CallLimit(), true},
		{"its readings are too old by then", 0, false, Armed().CallLimit() + 1, false},
		{"the clock was set back: its readings are of the future", 0, false, -1, false},
	} {
		c := opens()
		c.FleetConcurrent, c.FleetHourly = 3, 20
		c.told = c.Facts
		c.told.Record, c.told.Fleet = Reading[Record]{}, Reading[Fleet]{}
		var step Step
		for n := 0; step.Write.Fleet == nil; n++ {
			if c.told.Ask(c.Now); n == 50 {
				t.Fatal("it never reserves")
			}
			if step = Next(&c.Policy, &c.told); step.Write.Fleet == nil {
				c.do(&step)
			}
		}
		left := c.Fleet.Value
		for n := range row.others {
			left = left.reserved(other(c, n), &c.Policy, c.Now)
		}
		if row.paused {
			left = left.WithPause(time.Time{}, "now", c.Now)
		}
		now := c.Now.Add(row.late)
		facts, step, goes := c.told.Along(&c.Policy, now, left)
		if goes != row.goes {
			t.Errorf("%s: it goes along: %v, and does %+v", row.why, goes, step)
			continue
		}
		if !goes {
			continue
		}
		fleet := step.Write.Fleet
		if len(fleet.Open) != row.others+1 || fleet.Revision != left.Revision ||
			!facts.Now.Equal(now) {
			t.Errorf("%s: it writes %+v", row.why, fleet)
		}
	}
}

// TestRestAfterTheClockWentBack: a rest is over after its time, though the write that it follows is
// of the future by a clock that was set back since.
func TestRestAfterTheClockWentBack(t *testing.T) {
	for _, wrote := range []Wrote{WroteConflict, WroteUnknown} {
		c := its(func(c *candidate) { c.Instance.Value.Tags = nil })
		step := c.ask()
		c.told.Decided(&step)
		c.told.Told(&step)
		c.told.Conflicts = 1
		c.told.Wrote(Write{Fleet: &Fleet{}}, Written{At: c.Now, Wrote: wrote})
		c.Now = c.Now.Add(-time.Hour)
		rests := 0
		for step = (Step{}); step.Do != DoWrite && rests < 10; c.do(&step) {
			c.told.Ask(c.Now)
			if step = Next(&c.Policy, &c.told); step.Do == DoWait {
				rests++
			}
		}
		if rests != 1 {
			t.Errorf("%s: it rests %d times, and then: %+v", wrote, rests, step)
		}
	}
}
