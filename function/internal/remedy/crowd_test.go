package remedy

import (
	"slices"
	"testing"
)

// TestCrowd: of one of many, the instance is read first and its heartbeat next, for each is one
// call for a hundred, and the answer is mostly no; the platform's events, a call each, come last.
// One by itself has everything read at once.
func TestCrowd(t *testing.T) {
	gone := func(c *candidate) { c.Instance.Failure = FailureMissing }
	alive := func(c *candidate) { c.Vitals.Value.Heartbeat = c.Vitals.Date }
	acting := func(c *candidate) {
		c.Platform.Value = []PlatformEvent{{Type: "SystemFailure.Reboot", Status: "Executing"}}
	}
	for _, row := range []struct {
		why    string
		crowd  bool
		change func(*candidate)
		steps  []Source // what is read of ECS, step by step, before the incident opens
	}{
		{"by itself", false, nil, []Source{sourceGuards}},
		{"by itself, and it is not there", false, gone, []Source{sourceGuards}},
		{"by itself, and it is alive", false, alive, []Source{sourceGuards}},
		{"one of many", true, nil, []Source{SourceInstance, SourceVitals, SourcePlatform}},
		{"one of many, and it is alive", true, alive, []Source{SourceInstance, SourceVitals}},
		{"one of many, and the platform acts on it: that forbids it all the same", true, acting,
			[]Source{SourceInstance, SourceVitals, SourcePlatform}},
		{"one of many, and it is not there", true, gone, []Source{SourceInstance}},
	} {
		c := opens()
		c.Crowd = row.crowd
		if row.change != nil {
			row.change(c)
		}
		var steps []Source
		step := c.first(t)
		for ; !step.Opens() && step.Do != DoAnswer; step = c.one(step) {
			if live := step.Sources & SourceLive; step.Do == DoRead && live != 0 {
				steps = append(steps, live)
			}
		}
		if refused := row.change != nil; step.Opens() == refused {
			t.Errorf("%s: an incident opens: %v", row.why, step.Opens())
		}
		if !slices.Equal(steps, row.steps) {
			t.Errorf("%s: read %b, want %b", row.why, steps, row.steps)
		}
	}
}
