package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
)

// fleetWrites are the writes of the fleet's record that a setting's store has taken, and what is to
// befall one of them. The store takes 5 ms for every call.
type fleetWrites struct {
	s *setting

	mu     sync.Mutex
	begins []int // incidents that began with each write that began any
	most   int   // slots that were taken at once
	gets   int
	puts   int
	befall func(ctx context.Context, n int) error // before the nth write, from 1; nil: nothing
	mute   bool                                   // the next read has no answer
}

func (f *fleetWrites) hook() {
	known := map[string]bool{}
	f.s.hook(&hookedStore{
		before: func(ctx context.Context, put bool, key string, _ []byte) error {
			<-time.After(5 * time.Millisecond)
			if key != "fleet" {
				return nil
			}
			f.mu.Lock()
			if put {
				f.puts++
			} else {
				f.gets++
			}
			n, mute := f.puts, f.mute && !put
			f.mute = f.mute && put
			f.mu.Unlock()
			switch {
			case put && f.befall != nil:
				return f.befall(ctx, n)
			case mute:
				return errors.New("no answer")
			}
			return nil
		},
		after: func(_ context.Context, _ bool, key string, value []byte) error {
			var fleet struct{ Open []remedy.Slot }
			if key != "fleet" {
				return nil
			}
			if err := json.Unmarshal(value, &fleet); err != nil {
				return err
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			begins := 0
			for _, slot := range fleet.Open {
				if !known[slot.Incident] {
					known[slot.Incident] = true
					begins++
				}
			}
			if begins > 0 {
				f.begins = append(f.begins, begins)
			}
			f.most = max(f.most, len(fleet.Open))
			return nil
		},
	})
}

// TestTogether: ten invocations of one process that change the fleet's record at one moment. What
// waits for a write that is on its way goes with the next one, whatever becomes of either.
func TestTogether(t *testing.T) {
	const restarted, refused = "restarted/recovered", "refused/fleet-concurrent"
	const pending = "pending/dependency-unavailable"
	for _, row := range []struct {
		why    string
		env    []string
		befall func(f *fleetWrites, ctx context.Context, n int) error
		want   map[string]int
		writes int // that begin incidents, at most
	}{
		{"there is room for all", nil, nil, map[string]int{restarted: 10}, 4},
		{"there is room for three", []string{"REMEDY_FLEET_CONCURRENT=3"}, nil,
			map[string]int{restarted: 3, refused: 7}, 3},
		{"another process writes before the first", nil,
			func(f *fleetWrites, ctx context.Context, n int) error {
				if n == 1 {
					_, err := f.s.plain(time.Now).Resume(ctx)
					return err
				}
				return nil
			}, map[string]int{restarted: 10}, 4},
		{"and before the second, in which the others are", nil,
			func(f *fleetWrites, ctx context.Context, n int) error {
				if n == 2 {
					_, err := f.s.plain(time.Now).Resume(ctx)
					return err
				}
				return nil
			}, map[string]int{restarted: 10}, 7},
		{"an operator pauses before the second: what is in it does not begin", nil,
			func(f *fleetWrites, ctx context.Context, n int) error {
				if n == 2 {
					_, err := f.s.plain(time.Now).Pause(ctx, time.Time{}, "now")
					return err
				}
				return nil
			}, map[string]int{restarted: 1, "refused/paused": 9}, 1},
		{"it is not known whether the second was stored", nil,
			func(f *fleetWrites, _ context.Context, n int) error {
				f.mu.Lock()
				defer f.mu.Unlock()
				if n != 2 {
					return nil
				}
				f.mute = true // nor does looking tell
				return errors.New("no answer")
			}, map[string]int{restarted: 10}, 7},
		{"the second has no answer for as long as a call may take", nil,
			func(f *fleetWrites, ctx context.Context, n int) error {
				if n == 2 {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}, map[string]int{restarted: 10}, 7},
		{"the store panics at the second", nil,
			func(_ *fleetWrites, _ context.Context, n int) error {
				if n == 2 {
					panic("the store's")
				}
				return nil
			}, map[string]int{restarted: 9, pending: 1}, 7},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				env := append([]string{"REMEDY_FLEET_CONCURRENT=10", "REMEDY_FLEET_WAITING=0"},
					row.env...)
				s := newSetting(t, env)
				ids := s.many(10)
				s.deliver(sweepEvent) // it creates the fleet's record
				f := &fleetWrites{s: s}
				if row.befall != nil {
					f.befall = func(ctx context.Context, n int) error {
						return row.befall(f, ctx, n)
					}
				}
				f.hook()
				var waits []func() []remedy.Result
				for _, id := range ids {
					waits = append(waits,
						s.inBackground(s.function, delivery(0), kernelHang(id, time.Now())))
				}
				got := map[string]int{}
				var results []remedy.Result
				for _, wait := range waits {
					some := wait()
					results = append(results, some...)
					got[verdicts(some)[0]]++
				}
				if !maps.Equal(got, row.want) {
					t.Errorf("they ended %v, want %v", got, row.want)
				}
				if len(f.begins) > row.writes || f.most > load(t, env).Policy.FleetConcurrent {
					t.Errorf("with the writes began %v incidents, %d of them at once", f.begins,
						f.most)
				}
				t.Logf("incidents by writes %v; %d reads, %d writes", f.begins, f.gets, f.puts)
				for _, id := range ids {
					if sent := s.sent(id); len(sent) > 1 {
						t.Errorf("%s: sent %s", id, sent)
					}
				}
				s.lawful(results)
			})
		})
	}
}

// TestTogetherInItsOwnTime: whoever waits for another's write does so for no longer than a write of
// its own may take: an HTTP request is answered while CloudMonitor waits, beside an invocation that
// has more time, and whose write has no answer.
func TestTogetherInItsOwnTime(t *testing.T) {
	for n := 1; n <= 2; n++ { // the request's change waits for that write, or goes along with it
		t.Run(fmt.Sprint("write ", n), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				env := []string{"REMEDY_HTTP_TOKEN=" + token, "REMEDY_FLEET_CONCURRENT=10"}
				s := newSetting(t, env)
				ids := s.many(3)
				s.deliver(sweepEvent)
				f := &fleetWrites{s: s}
				f.befall = func(ctx context.Context, write int) error {
					if write == n {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
				f.hook()
				var waits []func() []remedy.Result
				for _, id := range ids[:2] {
					waits = append(waits,
						s.inBackground(s.function, delivery(0), kernelHang(id, time.Now())))
				}
				start := time.Now()
				answer, err := s.function.Invoke(t.Context(), delivery(0), []byte(httpEvent(
					kernelHang(ids[2], time.Now()), nil, map[string]string{"token": token})))
				response, ok := answer.(handle.HTTPResponse)
				if spent := time.Since(start); err != nil || !ok || spent > 3500*time.Millisecond {
					t.Errorf("%v after %v: %v", answer, spent, err)
				}
				t.Logf("answered %d after %v", response.StatusCode, time.Since(start))
				for _, wait := range waits {
					expect(t, wait(), "restarted/recovered")
				}
				s.lawful(nil)
			})
		})
	}
}

// TestTogetherInHaste: an HTTP request has little time for its last write, and nobody who has more
// goes along with that: a slow store is no answer for them.
func TestTogetherInHaste(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_HTTP_TOKEN=" + token, "REMEDY_FLEET_CONCURRENT=1"})
		ids := s.many(4)
		s.deliver(sweepEvent)
		f := &fleetWrites{s: s}
		f.befall = func(ctx context.Context, write int) error {
			took := time.Second // too long for the request, and for nobody else
			switch write {
			case 1:
				took = 0 // the first gets the slot
			case 2:
				took = 100 * time.Millisecond // the others come while this is written
			}
			select {
			case <-ctx.Done():
			case <-time.After(took):
			}
			return ctx.Err()
		}
		f.hook()
		first := s.inBackground(s.function, delivery(0), kernelHang(ids[0], time.Now()))
		<-time.After(time.Second)
		second := s.inBackground(s.function, delivery(0), kernelHang(ids[1], time.Now()))
		<-time.After(10 * time.Millisecond)
		request := make(chan any, 1)
		go func() {
			answer, err := s.function.Invoke(t.Context(), delivery(0), []byte(httpEvent(
				kernelHang(ids[2], time.Now()), nil, map[string]string{"token": token})))
			if err != nil {
				t.Error(err)
			}
			request <- answer
		}()
		<-time.After(10 * time.Millisecond)
		third := s.inBackground(s.function, delivery(0), kernelHang(ids[3], time.Now()))
		expect(t, second(), "waiting/fleet-concurrent")
		expect(t, third(), "waiting/fleet-concurrent")
		if answer, ok := (<-request).(handle.HTTPResponse); !ok || answer.StatusCode != 503 {
			t.Errorf("the request was answered %+v", answer)
		}
		expect(t, first(), "restarted/recovered")
	})
}
