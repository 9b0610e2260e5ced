package app_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// told are the verdicts that were reported about an instance, in order: the audit log.
func (s *setting) told(id string) []string {
	s.t.Helper()
	var told []string
	for line := range strings.Lines(s.written()) {
		var said struct{ Msg, InstanceID, Verdict, Reason string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		if said.Msg == "verdict" && said.InstanceID == id {
			told = append(told, said.Verdict+"/"+said.Reason)
		}
	}
	return told
}

// expectTold compares the audit log of an instance.
func (s *setting) expectTold(id string, want ...string) {
	s.t.Helper()
	if told := s.told(id); !slices.Equal(told, want) {
		s.t.Errorf("told of %s: %v, want %v", id, told, want)
	}
}

// waiting are the instances that wait, in their order.
func (s *setting) waiting() []string {
	s.t.Helper()
	fleet := s.ledgerOf().Fleet(s.t.Context())
	if !fleet.OK() {
		s.t.Fatal(fleet.Note)
	}
	ids := []string{}
	for _, w := range fleet.Value.Waiting {
		ids = append(ids, w.Instance)
	}
	return ids
}

// expectWaiting compares the queue.
func (s *setting) expectWaiting(want ...string) {
	s.t.Helper()
	if got := s.waiting(); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		s.t.Errorf("%v wait, want %v", got, want)
	}
}

// sweep is the timer, in a process of its own.
func (s *setting) sweep(env ...string) []remedy.Result {
	s.t.Helper()
	return s.deliverTo(s.another(env...), delivery(0), sweepEvent)
}

// TestTwelveAtOnce: twelve instances hang at once, with the defaults. All are restarted in the
// order of their alarms' times, never more than three at a time, and each that had to wait has two
// results.
func TestTwelveAtOnce(t *testing.T) {
	for _, row := range []struct {
		why     string
		deliver func(s *setting, payloads []string) (wait func())
	}{
		{"in twelve processes", func(s *setting, payloads []string) func() {
			var waits []func() []remedy.Result
			for _, payload := range payloads {
				waits = append(waits, s.inBackground(s.another(), delivery(0), payload))
				pass(100 * time.Millisecond) // one after the other, as they fired
			}
			return func() {
				for _, wait := range waits {
					if results := wait(); len(results) != 1 {
						s.t.Errorf("the answer to one alarm has the results %v", verdicts(results))
					}
				}
			}
		}},
		{"in one event, the youngest first", func(s *setting, payloads []string) func() {
			slices.Reverse(payloads)
			wait := s.inBackground(s.another(), delivery(0), batch(payloads...))
			return func() {
				if results := wait(); len(results) != 12 {
					s.t.Errorf("the answer to twelve alarms has the results %v", verdicts(results))
				}
			}
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil)
				ids := s.many(12)
				var mu sync.Mutex // twelve processes write
				most := 0
				s.store.after = func(key string, value []byte) {
					var fleet struct{ Open []remedy.Slot }
					if key == "fleet" && json.Unmarshal(value, &fleet) == nil {
						mu.Lock()
						defer mu.Unlock()
						most = max(most, len(fleet.Open))
					}
				}
				now := time.Now()
				var payloads []string
				for n, id := range ids {
					payloads = append(payloads, kernelHang(id,
						now.Add(time.Duration(n-20)*time.Second)))
				}
				wait := row.deliver(s, payloads)
				pass(10 * time.Second)
				s.expectWaiting(ids[3:]...)
				var sweeps []func() []remedy.Result
				for minutes := 0; minutes < 30 && len(s.waiting()) > 0; minutes++ {
					sweeps = append(sweeps, s.inBackground(s.another(), delivery(0), sweepEvent))
					pass(time.Minute)
				}
				wait()
				for _, ended := range sweeps {
					ended()
				}
				pass(10 * time.Minute) // the last ones recover
				s.expectWaiting()
				first := map[string]time.Time{}
				for n, id := range ids {
					first[id] = s.world.Reboots(id)[0].At
					if s.sent(id) != "G" {
						t.Errorf("%s: sent %q", id, s.sent(id))
					}
					// Those whose turn comes at one moment are rebooted side by side.
					if n > 0 && first[ids[n-1]].Sub(first[id]) > time.Second {
						t.Errorf("%s is rebooted at %v, %v before an older alarm's", id, first[id],
							first[ids[n-1]].Sub(first[id]))
					}
					if n < 3 {
						s.expectTold(id, "restarted/recovered")
					} else {
						s.expectTold(id, "waiting/fleet-concurrent", "restarted/recovered")
					}
				}
				if most != 3 {
					t.Errorf("%d at once, want 3", most)
				}
				if open := slots(t, s.ledgerOf()); len(open) != 0 {
					t.Errorf("%d slots are left", len(open))
				}
				s.lawful(nil)
			})
		})
	}
}

// crowded is a setting in which one instance, of a guest that is deaf for half an hour, has the
// only slot, and the alarm of another one waits. It returns their ids, and what waits for the
// answer about the first.
func crowded(t *testing.T, env ...string) (s *setting, busy, waits string,
	answer func() []remedy.Result) {
	t.Helper()
	env = append([]string{"REMEDY_FLEET_CONCURRENT=1"}, env...)
	s = newSetting(t, env)
	s.function = s.another(env...)
	ids := s.many(2)
	s.world.Change(ids[0], ecssim.AtTime(time.Now()), func(i *ecssim.Instance) {
		i.Guest.IgnoreGraceful, i.Guest.IgnoreForced = -1, -1
	})
	pass(time.Second)
	answer = sync.OnceValue(s.inBackground(s.function, delivery(0), kernelHang(ids[0], time.Now())))
	t.Cleanup(func() { answer() }) // nothing outlives the bubble
	pass(10 * time.Second)
	expect(t, s.deliver(kernelHang(ids[1], time.Now())), "waiting/fleet-concurrent")
	s.expectWaiting(ids[1])
	return s, ids[0], ids[1], answer
}

const oneSlot = "REMEDY_FLEET_CONCURRENT=1"

// TestWaits is what becomes of an alarm that waits.
func TestWaits(t *testing.T) {
	bubbled := func(why string, test func(t *testing.T)) {
		t.Run(why, func(t *testing.T) { bubble(t, test) })
	}
	bubbled("the slot comes free: who settled judges it, and its own answer is its own",
		func(t *testing.T) {
			s, _, waits, answer := crowded(t)
			expect(t, answer(), "failed/not-recovered")
			s.expectTold(waits, "waiting/fleet-concurrent", "restarted/recovered")
			s.expectWaiting()
			expect(t, s.sweep(oneSlot))
		})
	bubbled("the slot comes free by another way, and the sweep judges it", func(t *testing.T) {
		s, busy, waits, answer := crowded(t)
		record := s.ledgerOf().Record(t.Context(), busy)
		if _, err := s.ledgerOf().Close(t.Context(), record.Value.Open.ID); err != nil {
			t.Fatal(err)
		}
		results := s.sweep(oneSlot)
		expect(t, results, "restarted/recovered")
		if r := results[0]; r.InstanceID != waits || r.Alarm.State != "firing" ||
			r.Incident == "" || r.Alarm.ID == "" {
			t.Errorf("the second result is %+v", r)
		}
		s.expectTold(waits, "waiting/fleet-concurrent", "restarted/recovered")
		expect(t, answer(), "failed/abandoned")
	})
	bubbled("it grows too old", func(t *testing.T) {
		s, _, waits, _ := crowded(t, "REMEDY_ALARM_MAX_AGE=5m")
		pass(5*time.Minute - 20*time.Second)
		expect(t, s.sweep(oneSlot, "REMEDY_ALARM_MAX_AGE=5m"))
		s.expectWaiting(waits)
		pass(time.Minute)
		results := s.sweep(oneSlot, "REMEDY_ALARM_MAX_AGE=5m")
		expect(t, results, "refused/stale-alarm")
		s.expectWaiting()
		expect(t, s.sweep(oneSlot, "REMEDY_ALARM_MAX_AGE=5m"))
		if s.sent(waits) != "" {
			t.Errorf("sent %q", s.sent(waits))
		}
	})
	bubbled("it is resolved", func(t *testing.T) {
		s, _, waits, _ := crowded(t)
		over := strings.NewReplacer(":Executing", ":Executed", `"Executing"`,
			`"Executed"`).Replace(kernelHang(waits, time.Now()))
		expect(t, s.deliver(over), "ignored/resolved")
		s.expectWaiting(waits) // until that is told
		results := s.sweep(oneSlot)
		expect(t, results, "ignored/resolved")
		if results[0].Alarm.State != "firing" {
			t.Errorf("the second result is about %+v", results[0].Alarm)
		}
		s.expectWaiting()
		s.expectTold(waits, "waiting/fleet-concurrent", "ignored/resolved", "ignored/resolved")
		if s.sent(waits) != "" {
			t.Errorf("sent %q", s.sent(waits))
		}
	})
	bubbled("everything is paused, and resumed", func(t *testing.T) {
		s, _, waits, answer := crowded(t)
		if _, err := s.ledgerOf().Pause(t.Context(), time.Time{}, "maintenance"); err != nil {
			t.Fatal(err)
		}
		expect(t, answer(), "failed/paused")
		expect(t, s.sweep(oneSlot))
		s.expectWaiting(waits)
		if _, err := s.ledgerOf().Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, s.sweep(oneSlot), "restarted/recovered")
		s.expectWaiting()
	})
	bubbled("it is opted out", func(t *testing.T) {
		s, _, waits, answer := crowded(t)
		s.world.Change(waits, ecssim.AtTime(time.Now()), func(i *ecssim.Instance) { i.Tags = nil })
		answer()
		s.expectTold(waits, "waiting/fleet-concurrent", "refused/not-opted-in")
		s.expectWaiting()
	})
	bubbled("ECS is out of reach when its turn comes: it keeps its place", func(t *testing.T) {
		s, _, waits, answer := crowded(t)
		s.world.Inject(ecssim.Fault{Kind: ecssim.KindFail, Action: "DescribeInstances",
			Instance: waits, Status: 503,
			Code: "ServiceUnavailable", Times: 3})
		answer()
		s.expectWaiting(waits)
		expect(t, s.sweep(oneSlot), "restarted/recovered")
		s.expectTold(waits, "waiting/fleet-concurrent", "restarted/recovered")
	})
	bubbled("it is delivered again, and another alarm comes", func(t *testing.T) {
		s, _, waits, _ := crowded(t)
		expect(t, s.deliverTo(s.another(oneSlot), delivery(1), kernelHang(waits, time.Now())),
			"waiting/fleet-concurrent")
		expect(t, s.deliver(threshold(waits, "CPUUtilization", "ALERT", time.Now())),
			"refused/in-progress")
		s.expectWaiting(waits)
	})
	bubbled("a newcomer waits behind it, though a slot is free", func(t *testing.T) {
		s, busy, waits, _ := crowded(t)
		record := s.ledgerOf().Record(t.Context(), busy)
		if _, err := s.ledgerOf().Close(t.Context(), record.Value.Open.ID); err != nil {
			t.Fatal(err)
		}
		s.world.Add(optedIn(ecssim.Guest{}))
		expect(t, s.deliver(kernelHang(instance, time.Now())), "waiting/fleet-concurrent")
		s.expectWaiting(waits, instance)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "waiting/fleet-concurrent")
		results := s.sweep(oneSlot) // and whom it settled is followed by the next
		expect(t, results, "restarted/recovered", "restarted/recovered")
		s.expectWaiting()
	})
	bubbled("the queue is full", func(t *testing.T) {
		s, _, waits, _ := crowded(t, "REMEDY_FLEET_WAITING=1")
		s.world.Add(optedIn(ecssim.Guest{}))
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/fleet-concurrent")
		for _, call := range s.world.Calls() { // the busy one's watch goes on beside it
			if strings.Contains(call.Params.Encode(), instance) {
				t.Errorf("%s asks about an alarm that cannot even wait", call.Action)
			}
		}
		s.expectWaiting(waits)
	})
	bubbled("what could not be restarted does not wait", func(t *testing.T) {
		s, _, waits, _ := crowded(t)
		locked := optedIn(ecssim.Guest{})
		locked.Locks = []string{"security"}
		s.world.Add(locked)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/security-locked")
		s.expectWaiting(waits)
	})
	bubbled("the hour is spent when its turn comes", func(t *testing.T) {
		s, _, waits, answer := crowded(t, "REMEDY_FLEET_HOURLY=2")
		s.change("fleet", func(fleet map[string]any) {
			begun := fleet["begun"].([]any)
			fleet["begun"] = append(begun, begun[0])
		})
		answer()
		s.expectTold(waits, "waiting/fleet-concurrent", "refused/fleet-hourly")
		s.expectWaiting()
	})
	for _, http := range []bool{true, false} {
		bubbled(fmt.Sprintf("whoever settled judges it, but not over HTTP: %v", http),
			func(t *testing.T) {
				s, busy, waits, _ := crowded(t, "REMEDY_HTTP_TOKEN="+token)
				record := s.ledgerOf().Record(t.Context(), busy)
				if _, err := s.ledgerOf().Close(t.Context(), record.Value.Open.ID); err != nil {
					t.Fatal(err)
				}
				// An older alarm comes before the one that waits, and ends at once.
				s.world.Add(optedIn(ecssim.Guest{}))
				s.world.Inject(ecssim.Fault{Kind: ecssim.KindFail, Action: "RebootInstance",
					Instance: instance, Status: 403,
					Code: "DiskError"})
				fired := time.Now().Add(-time.Minute)
				payload := threshold(instance, "CPUUtilization", "ALERT", fired)
				if http {
					_, response := s.request(s.function, httpEvent(payload,
						map[string]string{"X-Remedy-Token": token}, nil))
					expect(t, response.Results, "refused/disk-error")
					s.expectWaiting(waits)
					s.expectTold(waits, "waiting/fleet-concurrent")
				} else {
					expect(t, s.deliver(payload), "refused/disk-error")
					s.expectWaiting()
					s.expectTold(waits, "waiting/fleet-concurrent", "restarted/recovered")
				}
			})
	}
}

// TestTurnCrashes: whoever judges an alarm that waited dies at any moment. The next sweeps judge
// it, tell its end, and reboot nothing twice.
func TestTurnCrashes(t *testing.T) {
	fleetWrite := func(step *remedy.Step) bool {
		return step.Do == remedy.DoWrite &&
			step.Write.Fleet != nil
	}
	for _, row := range []struct {
		why   string
		tags  map[string]string // of the instance, when its turn comes; nil: opted in
		at    func(facts *remedy.Facts, step *remedy.Step) bool
		final string
		told  int // how often
	}{
		{"before its lease", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return fleetWrite(step)
		}, "restarted/recovered", 1},
		{"with its lease", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Do == remedy.DoRead
		}, "restarted/recovered", 1},
		{"before the opening", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Opens()
		}, "restarted/recovered", 1},
		{"after the opening, before the slot", nil, func(f *remedy.Facts, step *remedy.Step) bool {
			return fleetWrite(step) && f.Seen.Incident != nil
		}, "restarted/recovered", 1},
		{"with the slot, before the claim", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Claims() != nil
		}, "restarted/recovered", 1},
		{"before the send", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Do == remedy.DoSend
		}, "restarted/recovered", 1},
		{"while it watches", nil, func(f *remedy.Facts, step *remedy.Step) bool {
			return step.Do == remedy.DoWait && f.Seen.Incident != nil
		}, "restarted/recovered", 1},
		{"before the end is written", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Ends()
		}, "restarted/recovered", 1},
		{"before the end is told", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Do == remedy.DoAnswer
		}, "restarted/recovered", 1},
		{"before the slot is given back", nil, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return f.Reported
		}, "restarted/recovered", 2},
		{"before a refusal is told", map[string]string{}, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return step.Do == remedy.DoAnswer
		},
			"refused/not-opted-in", 1},
		{"before a refused one leaves the queue", map[string]string{}, func(f *remedy.Facts,
			step *remedy.Step) bool {
			return f.Reported
		},
			"refused/not-opted-in", 2},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s, busy, waits, _ := crowded(t)
				if row.tags != nil {
					s.world.Change(waits, ecssim.AtTime(time.Now()),
						func(i *ecssim.Instance) { i.Tags = row.tags })
				}
				record := s.ledgerOf().Record(t.Context(), busy)
				if _, err := s.ledgerOf().Close(t.Context(), record.Value.Open.ID); err != nil {
					t.Fatal(err)
				}
				died := false
				mortal := s.watched(spy{func(f *remedy.Facts, step *remedy.Step) {
					if f.Waiter != nil && row.at(f, step) {
						died = true
						runtime.Goexit()
					}
				}}, oneSlot)
				s.inBackground(mortal, delivery(0), sweepEvent)()
				if !died {
					t.Fatal("it did not die")
				}
				for range 10 {
					pass(time.Minute)
					s.sweep(oneSlot)
				}
				want := []string{"waiting/fleet-concurrent"}
				for range row.told {
					want = append(want, row.final)
				}
				s.expectTold(waits, want...)
				s.expectWaiting()
				if open := slots(t, s.ledgerOf()); len(open) != 0 {
					t.Errorf("%d slots are left", len(open))
				}
				sent := map[bool]string{true: "G", false: ""}[row.final == "restarted/recovered"]
				// A claim of which nobody knows whether it was sent is never sent again, and
				// another attempt follows.
				if got := s.sent(waits); got != sent {
					t.Errorf("sent %q, want %q", got, sent)
				}
			})
		})
	}
}

// TestTwoTurns: two sweeps at one moment judge an alarm once.
func TestTwoTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, busy, waits, _ := crowded(t)
		record := s.ledgerOf().Record(t.Context(), busy)
		if _, err := s.ledgerOf().Close(t.Context(), record.Value.Open.ID); err != nil {
			t.Fatal(err)
		}
		var sweeps []func() []remedy.Result
		for range 5 {
			sweeps = append(sweeps, s.inBackground(s.another(oneSlot), delivery(0), sweepEvent))
		}
		told := 0
		for _, sweep := range sweeps {
			told += len(sweep())
		}
		if told != 1 || s.sent(waits) != "G" {
			t.Errorf("%d results, sent %q", told, s.sent(waits))
		}
		s.expectTold(waits, "waiting/fleet-concurrent", "restarted/recovered")
	})
}

// TestOthersAreNoError: a sweep whose time is over while it looks after others says where they
// stand, and succeeds.
func TestOthersAreNoError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, busy, waits, _ := crowded(t)
		s.world.Change(waits, ecssim.AtTime(time.Now()),
			func(i *ecssim.Instance) { i.Guest.IgnoreGraceful = -1 })
		record := s.ledgerOf().Record(t.Context(), busy)
		if _, err := s.ledgerOf().Close(t.Context(), record.Value.Open.ID); err != nil {
			t.Fatal(err)
		}
		hurried := delivery(0)
		hurried.Deadline = time.Now().Add(time.Minute)
		answer, err := s.another(oneSlot).Invoke(t.Context(), app.Invocation(hurried),
			[]byte(sweepEvent))
		if err != nil {
			t.Errorf("the sweep fails: %v", err)
		}
		if said := fmt.Sprintf("%v", answer); !strings.Contains(said, "out-of-time") {
			t.Errorf("it answers %s", said)
		}
		expect(t, s.sweep(oneSlot), "restarted/recovered")
		s.expectTold(waits, "waiting/fleet-concurrent", "pending/out-of-time",
			"restarted/recovered")
	})
}
