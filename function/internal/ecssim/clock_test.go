package ecssim

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// diary collects who did what when.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(clock Clock, start time.Time, who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v %s", clock.Now().Sub(start), who))
}

// sorted is for those that act at the same instant, in no particular order.
func (d *diary) sorted() []string { return slices.Sorted(slices.Values(d.lines)) }

// clocks runs a test with virtual time of both kinds.
func clocks(t *testing.T, test func(t *testing.T, clock Clock)) {
	t.Run("virtual", func(t *testing.T) { test(t, NewVirtual(noon)) })
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, Real()) }) })
}

func TestSleepersWakeInOrder(t *testing.T) {
	clocks(t, func(t *testing.T, clock Clock) {
		var d diary
		start, ctx := clock.Now(), t.Context()
		clock.Each(3, func(n int) {
			for range 3 {
				if err := clock.Sleep(ctx, time.Duration(n+1)*time.Second); err != nil {
					t.Error(err)
				}
				d.note(clock, start, fmt.Sprint("sleeper ", n))
			}
		})
		d.note(clock, start, "end")
		want := []string{"1s sleeper 0", "2s sleeper 0", "2s sleeper 1", "3s sleeper 0",
			"3s sleeper 2",
			"4s sleeper 1", "6s sleeper 1", "6s sleeper 2", "9s end", "9s sleeper 2"}
		if got := d.sorted(); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if len(d.lines) > 0 && d.lines[len(d.lines)-1] != "9s end" {
			t.Error("Each returned before its children")
		}
	})
}

func TestNestedEach(t *testing.T) {
	clocks(t, func(t *testing.T, clock Clock) {
		var d diary
		start, ctx := clock.Now(), t.Context()
		sleep := func(n int) {
			if err := clock.Sleep(ctx, time.Duration(n)*time.Minute); err != nil {
				t.Error(err)
			}
		}
		clock.Each(2, func(outer int) {
			clock.Each(2, func(inner int) { sleep(1 + 2*outer + inner) })
			// with its slowest child, and no later
			d.note(clock, start, fmt.Sprint("outer ", outer))
			clock.Each(0, func(int) { t.Error("a child of none") })
			sleep(1)
			d.note(clock, start, fmt.Sprint("slept ", outer))
		})
		want := []string{"2m0s outer 0", "3m0s slept 0", "4m0s outer 1", "5m0s slept 1"}
		if got := d.sorted(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCancelledSleepCostsNoTime(t *testing.T) {
	clocks(t, func(t *testing.T, clock Clock) {
		for range 50 { // the canceller sleeps at once: a race between waking and jumping would show
			start := clock.Now()
			ctx, cancel := context.WithCancel(t.Context())
			clock.Each(2, func(n int) {
				if n == 0 {
					if err := clock.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
						t.Errorf("the sleeper got %v", err)
					}
					if slept := clock.Now().Sub(start); slept != time.Second {
						t.Errorf("the sleeper woke after %v, not with its context", slept)
					}
					return
				}
				if err := clock.Sleep(t.Context(), time.Second); err != nil {
					t.Error(err)
				}
				cancel()
				if err := clock.Sleep(t.Context(), time.Minute); err != nil {
					t.Error(err)
				}
			})
			if took := clock.Now().Sub(start); took != time.Minute+time.Second {
				t.Errorf("took %v", took)
			}
		}
	})
}

func TestSleepBoundaries(t *testing.T) {
	clocks(t, func(t *testing.T, clock Clock) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		start := clock.Now()
		for _, row := range []struct {
			ctx  context.Context
			d    time.Duration
			took time.Duration
			err  error
		}{
			{t.Context(), 1, 1, nil},              // the shortest sleep
			{t.Context(), 0, 0, nil},              // no sleep
			{t.Context(), -time.Hour, 0, nil},     // time never runs back
			{ended, time.Hour, 0, ended.Err()},    // already over
			{ended, -time.Second, 0, ended.Err()}, // over wins
		} {
			before := clock.Now()
			if err := clock.Sleep(row.ctx, row.d); !errors.Is(err, row.err) {
				t.Errorf("Sleep(%v): %v, want %v", row.d, err, row.err)
			}
			if took := clock.Now().Sub(before); took != row.took {
				t.Errorf("Sleep(%v) took %v", row.d, took)
			}
		}
		if clock.Now().Sub(start) != 1 {
			t.Error("time passed by itself")
		}
	})
}

// A sleeper that nobody in the count can wake is woken by a context from outside.
func TestVirtualSleepEndsFromOutside(t *testing.T) {
	clock := NewVirtual(noon)
	ctx, cancel := context.WithCancel(t.Context())
	outside := make(chan struct{})
	clock.Each(2, func(n int) {
		if n == 0 {
			if err := clock.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			return
		}
		go func() { defer close(outside); cancel() }()
		<-ctx.Done() // blocked, but not by Sleep: it counts as running, so no time may pass
	})
	<-outside
	if !clock.Now().Equal(noon) {
		t.Errorf("time went on to %v", clock.Now())
	}
}
