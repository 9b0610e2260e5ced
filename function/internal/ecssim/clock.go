package ecssim

import (
	"context"
	"sync"
	"time"
)

// Clock is the time that a World lives in. Every implementation is safe for concurrent use.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// Sleep returns nil after d, or the context's error as soon as the context ends.
	Sleep(ctx context.Context, d time.Duration) error
	// Each runs do(0) to do(n-1) at once and returns when all of them have returned.
	Each(n int, do func(int))
}

// Real returns the wall clock. Within a testing/synctest bubble that is the bubble's virtual time.
func Real() Clock { return wall{} }

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (wall) Each(n int, do func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// Virtual is virtual time outside of tests: when every running goroutine sleeps, time jumps to the
// one that wakes first. A Virtual counts the goroutine that made it and those that Each starts; no
// others may sleep. A goroutine that is blocked in any other way than by Sleep or Each counts as
// running, so time stands still for it. All that wake at one instant run at once, in no particular
// order.
type Virtual struct {
	mu       sync.Mutex
	now      time.Time
	running  int
	sleepers []*sleeper
}

type sleeper struct {
	until time.Time
	ctx   context.Context
	woken chan error // receives once, when the sleeper counts as running again
}

// NewVirtual returns a Virtual that shows start and counts its caller as running.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start, running: 1} }

// Now is the current virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Sleep returns nil when virtual time has advanced by d, or the context's error as soon as the
// context ends. Time never passes a sleeper whose context has ended.
func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	v.mu.Lock()
	s := &sleeper{until: v.now.Add(d), ctx: ctx, woken: make(chan error, 1)}
	v.sleepers = append(v.sleepers, s)
	v.running--
	v.advance()
	v.mu.Unlock()

	select {
	case err := <-s.woken:
		return err
	case <-ctx.Done():
	}
	v.mu.Lock()
	v.wake(func(other *sleeper) bool { return other == s }) // finds nobody where advance was faster
	v.mu.Unlock()
	return <-s.woken
}

// Each runs do(0) to do(n-1) at once, each on a goroutine that counts as running. The caller does
// not count until all have returned.
func (v *Virtual) Each(n int, do func(int)) {
	if n <= 0 {
		return
	}
	v.mu.Lock()
	v.running += n - 1
	v.mu.Unlock()
	left := n
	finish := func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		// The last one hands its place to the caller, so that no time passes in between.
		if left--; left > 0 {
			v.running--
			v.advance()
		}
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			defer finish()
			do(i)
		})
	}
	all.Wait()
}

// advance lets time jump if nobody is running. Those whose context has ended wake first, without a
// jump: otherwise it would depend on the scheduler whether a cancelled sleep costs time.
func (v *Virtual) advance() {
	if v.running > 0 || len(v.sleepers) == 0 {
		return
	}
	if v.wake(func(s *sleeper) bool { return s.ctx.Err() != nil }) {
		return
	}
	next := v.sleepers[0].until
	for _, s := range v.sleepers {
		if s.until.Before(next) {
			next = s.until
		}
	}
	v.now = next
	v.wake(func(s *sleeper) bool { return s.until.Equal(next) })
}

// wake lets the chosen sleepers run again and reports whether there were any.
func (v *Virtual) wake(chosen func(*sleeper) bool) bool {
	rest := v.sleepers[:0]
	var found bool
	for _, s := range v.sleepers {
		if !chosen(s) {
			rest = append(rest, s)
			continue
		}
		found = true
		v.running++
		if s.until.After(v.now) {
			s.woken <- s.ctx.Err() // woken early: only an ended context does that
		} else {
			s.woken <- nil
		}
	}
	clear(v.sleepers[len(rest):])
	v.sleepers = rest
	return found
}
