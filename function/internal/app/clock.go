package app

import (
	"context"
	"sync"
	"time"
)

// RealClock is the machine's time.
type RealClock struct{}

// Now is the wall clock, in UTC.
func (RealClock) Now() time.Time { return time.Now().UTC() }

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

// Each runs do(0) to do(n-1) at once and returns when all have returned. A panic in one of them ends the process, as it would
// in any goroutine.
func (RealClock) Each(n int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}
