package serve

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: a run's time passes as fast as it was asked for, and never holds up what is late, what
// is to hurry, or what ends.
func TestPace(t *testing.T) {
	for _, row := range []struct {
		why   string
		speed int
		at    time.Duration // in the run's time
		late  time.Duration // on the wall, since the run began
		hurry bool
		ends  bool
		waits time.Duration
	}{
		{"as in reality", 1, 5 * time.Second, 0, false, false, 5 * time.Second},
		{"60 times faster", 60, 5 * time.Minute, 0, false, false, 5 * time.Second},
		{"what passed already counts", 60, 5 * time.Minute, 2 * time.Second, false, false,
			3 * time.Second},
		{"just in time", 60, 5 * time.Minute, 5 * time.Second, false, false, 0},
		{"late", 10, time.Minute, time.Minute, false, false, 0},
		{"at once", 0, time.Hour, 0, false, false, 0},
		{"told to hurry", 1, time.Hour, 0, true, false, 0},
		{"everything ends", 1, time.Hour, 0, false, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			start := time.Date(2026, 11, 23, 7, 42, 0, 0, time.UTC)
			r := &run{asked: asked{Speed: row.speed}, Begun: time.Now(), start: start,
				hurried: make(chan struct{})}
			<-time.After(row.late)
			if row.hurry {
				close(r.hurried)
			}
			if row.ends {
				cancel()
			}
			before := time.Now()
			r.wait(ctx, start.Add(row.at))
			if waited := time.Since(before); waited != row.waits {
				t.Errorf("%s: it waits %v, not %v", row.why, waited, row.waits)
			}
		})
	}
}
