package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTallyInTime: one invocation writes for those that come meanwhile, 1 ms apart, and who runs
// out of time, waiting or writing, holds up nobody. Every call to the ledger takes a second, so a
// count takes two.
func TestTallyInTime(t *testing.T) {
	for _, row := range []struct {
		left  [4]time.Duration // of each invocation; half of it is for the ledger
		fails string           // which of them fail
		heard []string
		took  time.Duration
		why   string
	}{
		{[4]time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}, "", []string{"+0"},
			4 * time.Second,
			"the first counts alone, and one of the others for all three"},
		{[4]time.Duration{2 * time.Second, time.Hour, time.Hour, time.Hour}, "0", []string{"+2"},
			3 * time.Second, "the first gives up after a second, and the second counts for three"},
		{[4]time.Duration{time.Hour, 2 * time.Second, time.Hour, time.Hour}, "1", []string{"+0"},
			4 * time.Second, "the second gives up waiting"},
		{[4]time.Duration{time.Hour, 5 * time.Second, time.Hour, time.Hour}, "1", []string{"+0"},
			4501 * time.Millisecond, "the second gives up writing, and the third writes for two"},
		{[4]time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second},
			"0123", nil,
			time.Second + 3*time.Millisecond, "nobody has the time"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			n := w.process(t, slow{w.store, time.Second})
			o := n.Options
			o.Budget = time.Hour
			n, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			var group sync.WaitGroup
			var fails [4]string
			for i, left := range row.left {
				group.Go(func() {
					<-time.After(time.Duration(i) * time.Millisecond)
					ctx, cancel := context.WithTimeout(t.Context(), left)
					defer cancel()
					errs := n.Tell(ctx, news(fmt.Sprintf("refused/locked i-%d", i)))
					for _, text := range hidden(t, errs) {
						fails[i] = fmt.Sprint(i)
						if text != "notify: counting refusals: context deadline exceeded" {
							t.Errorf("%s: %s", row.why, text)
						}
					}
				})
			}
			group.Wait()
			if took := time.Since(begin); took != row.took {
				t.Errorf("%s: it took %v, want %v", row.why, took, row.took)
			}
			if got := strings.Join(fails[:], ""); got != row.fails {
				t.Errorf("%s: %q fail, want %q", row.why, got, row.fails)
			}
			heard := w.group.heard()
			for i := range heard {
				_, number, _ := strings.Cut(strings.TrimSuffix(heard[i], " since never"), " +")
				heard[i] = "+" + number
			}
			if !slices.Equal(heard, row.heard) {
				t.Errorf("%s: heard %q, want %q", row.why, heard, row.heard)
			}
			if n.Tally.busy || len(n.Tally.queue) > 0 {
				t.Errorf("%s: somebody is still waited for", row.why)
			}
		})
	}
}

// TestTallyFails: what goes wrong is everybody's.
func TestTallyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.process(t, slow{&faulty{Ledger: w.store, put: errors.New("down")}, time.Second})
		var group sync.WaitGroup
		var mutex sync.Mutex
		failed := 0
		for range 5 {
			group.Go(func() {
				errs := n.Tell(t.Context(), news("refused/locked i-a"))
				mutex.Lock()
				defer mutex.Unlock()
				failed += len(hidden(t, errs))
			})
		}
		group.Wait()
		if failed != 5 || len(w.group.heard()) > 0 {
			t.Errorf("%d of 5 failed", failed)
		}
	})
}
