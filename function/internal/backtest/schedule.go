package backtest

import (
	"container/heap"
	"context"
	"iter"
	"time"
)

// schedule is virtual time for the loop of package handle. Everything that sleeps is a coroutine,
// and one runs at a time, in the order of waking and then of going to sleep: the same history gives
// the same run, and nothing needs a lock. It is a handle.Clock to the coroutines that it runs;
// whoever drives it calls run and start.
type schedule struct {
	now     time.Time
	asleep  sleepers
	slept   uint64 // numbers those that sleep, in their order
	ready   []*coroutine
	idle    []*coroutine // finished ones, to be used again: a new one must grow its stack anew
	current *coroutine
}

// coroutine runs jobs, one after the other. While a job sleeps, the schedule runs others.
type coroutine struct {
	resume func() (struct{}, bool)
	stop   func()
	pause  func(struct{}) bool
	job    func()
}

// sleeper is a coroutine that is to go on at a time.
type sleeper struct {
	at time.Time
	n  uint64
	c  *coroutine
}

// sleepers is a heap, the first to wake on top.
type sleepers []sleeper

func (s sleepers) Len() int { return len(s) }

func (s sleepers) Less(i, j int) bool {
	if c := s[i].at.Compare(s[j].at); c != 0 {
		return c < 0
	}
	return s[i].n < s[j].n
}

func (s sleepers) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push and Pop are for package heap.
func (s *sleepers) Push(x any) { *s = append(*s, x.(sleeper)) }

func (s *sleepers) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = sleeper{}
	*s = (*s)[:last]
	return x
}

// Now implements handle.Clock.
func (s *schedule) Now() time.Time { return s.now }

// Sleep implements handle.Clock. Nothing in a replay ends a context, so that it never wakes early.
func (s *schedule) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	s.sleepUntil(s.now.Add(d), s.current)
	s.yield()
	return nil
}

// Each implements handle.Clock: those that sleep do so side by side.
func (s *schedule) Each(n int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	if n <= 0 {
		return
	}
	parent, left := s.current, n
	for i := range n {
		s.ready = append(s.ready, s.with(func() {
			do(i)
			if left--; left == 0 {
				s.ready = append(s.ready, parent)
			}
		}))
	}
	s.yield()
}

func (s *schedule) sleepUntil(at time.Time, c *coroutine) {
	s.slept++
	heap.Push(&s.asleep, sleeper{at, s.slept, c})
}

// yield lets others run until somebody resumes the current coroutine.
func (s *schedule) yield() {
	c := s.current
	c.pause(struct{}{})
	s.current = c
}

// with is a coroutine that will do the job when it is resumed.
func (s *schedule) with(job func()) *coroutine {
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		c.job = job
		return c
	}
	c := &coroutine{job: job}
	c.resume, c.stop = iter.Pull(func(pause func(struct{}) bool) {
		c.pause = pause
		for {
			c.job()
			c.job = nil
			s.idle = append(s.idle, c)
			if !pause(struct{}{}) {
				return
			}
		}
	})
	return c
}

// start does the job at the present time, until it sleeps or ends, and whatever that makes ready.
func (s *schedule) start(job func()) {
	s.ready = append(s.ready, s.with(job))
	s.settle()
}

// startAt does the job at a later time.
func (s *schedule) startAt(at time.Time, job func()) { s.sleepUntil(at, s.with(job)) }

// settle runs all that is ready.
func (s *schedule) settle() {
	for len(s.ready) > 0 {
		c := s.ready[0]
		if s.ready = s.ready[1:]; len(s.ready) == 0 {
			s.ready = nil
		}
		s.current = c
		c.resume()
	}
}

// run lets time pass until the given one, and wakes whoever is due on the way, those included that
// are due then. Time never goes back.
func (s *schedule) run(until time.Time) {
	for len(s.asleep) > 0 && !s.asleep[0].at.After(until) {
		s.wake()
	}
	if until.After(s.now) {
		s.now = until
	}
}

// drain lets time pass until nobody sleeps any more.
func (s *schedule) drain() {
	for len(s.asleep) > 0 {
		s.wake()
	}
}

func (s *schedule) wake() {
	next := heap.Pop(&s.asleep).(sleeper)
	if next.at.After(s.now) {
		s.now = next.at
	}
	s.ready = append(s.ready, next.c)
	s.settle()
}

// close ends the coroutines that are idle. All are, when a replay was drained.
func (s *schedule) close() {
	for _, c := range s.idle {
		c.stop()
	}
	s.idle = nil
}
