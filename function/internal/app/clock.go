package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// RealClock is the machine's time.
type RealClock struct{}

// Now is the wall clock, in UTC, and nothing else: the monotonic clock of a machine that is frozen
// stands still, and a lease or a reading would look younger than it is.
func (RealClock) Now() time.Time { return time.Now().UTC().Round(0) }

// Sleep returns after d, or with ctx's error when that ends first.
func (RealClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Each runs do(0) to do(n-1) at once and returns when all have returned. A panic in one of them is
// the caller's then: whoever waits for them can take it for a failure, and the process lives.
func (RealClock) Each(n int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var all sync.WaitGroup
	var first atomic.Pointer[any]
	for i := range n {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					first.CompareAndSwap(nil, &p)
				}
			}()
			do(i)
		})
	}
	all.Wait()
	if p := first.Load(); p != nil {
		panic(*p)
	}
}
