package remedy

import (
	"slices"
	"testing"
)

// TestCrowd: of one of many, the instance is read first, for that is one call for a hundred, and
// its answer is mostly no; only then the rest, together. One by itself has everything read at once.
func TestCrowd(t *testing.T) {
	gone := func(c *candidate) { c.Instance.Failure = FailureMissing }
	for _, row := range []struct {
		why    string
		crowd  bool
		change func(*candidate)
		steps  []Source // what is read of ECS, step by step, before the incident opens
	}{
		{"by itself", false, nil, []Source{sourceGuards}},
		{"by itself, and it is not there", false, gone, []Source{sourceGuards}},
		{"one of many", true, nil, []Source{SourceInstance, SourcePlatform | SourceVitals}},
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
		if !slices.Equal(steps, row.steps) {
			t.Errorf("%s: read %b, want %b", row.why, steps, row.steps)
		}
	}
}
