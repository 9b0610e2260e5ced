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

	"ecs-remedy/function/internal/remedy"
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

// TestTallyGoesOn: in whatever order those who count give up, waiting or writing, and however a
// write ends, nobody is kept longer than its own time, and whoever comes next is served at once.
// Four come 1 ms apart, each with a time of its own; the tables are of all combinations.
func TestTallyGoesOn(t *testing.T) {
	down := errors.New("down")
	for _, write := range []struct {
		why string
		do  func(context.Context) error
	}{
		{"the ledger hangs", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}},
		{"it takes a second and a half", func(ctx context.Context) error {
			select {
			case <-time.After(1500 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
		{"it is down after a second and a half", func(ctx context.Context) error {
			select {
			case <-time.After(1500 * time.Millisecond):
				return down
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
		{"it panics after half a second", func(context.Context) error {
			<-time.After(500 * time.Millisecond)
			panic("a defect")
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			const choices = 5 // seconds
			for n := range choices * choices * choices * choices {
				left := [4]time.Duration{}
				for i := range left {
					left[i] = time.Duration(n%choices+1) * time.Second
					n /= choices
				}
				var tally Tally
				var group sync.WaitGroup
				for i, left := range left {
					<-time.After(time.Duration(i) * time.Millisecond)
					begun := time.Now()
					group.Go(func() {
						defer func() { recover() }() // of the ledger that panics
						defer func() {
							if took := time.Since(begun); took > left {
								t.Errorf("%s, %v: one was kept for %v", write.why, left, took)
							}
						}()
						ctx, cancel := context.WithTimeout(t.Context(), left)
						defer cancel()
						tally.count(ctx, nil, func(ctx context.Context,
							_ map[remedy.Reason][]Notice) ([]Notice, error) {
							return nil, write.do(ctx)
						})
					})
				}
				group.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				begun := time.Now()
				_, err := tally.count(ctx, nil, func(context.Context,
					map[remedy.Reason][]Notice) ([]Notice, error) {
					return nil, nil
				})
				cancel()
				if took := time.Since(begun); err != nil || took > 0 {
					t.Fatalf("%s, %v: the next one gets %v after %v", write.why, left, err, took)
				}
			}
		})
	}
}

// TestTallyBreaksOff: those whose groups a write takes along hear of it where it panics.
func TestTallyBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally Tally
		panics := func(context.Context, map[remedy.Reason][]Notice) ([]Notice, error) {
			<-time.After(time.Second)
			panic("a defect")
		}
		var errs [3]error
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() {
				defer func() { recover() }() // of who writes
				_, errs[i] = tally.count(t.Context(), nil, panics)
			})
			synctest.Wait()
		}
		group.Wait()
		// The first wrote for itself, the second for the third as well.
		if errs != [3]error{nil, nil, errBrokenOff} {
			t.Errorf("they got %v", errs)
		}
	})
}
