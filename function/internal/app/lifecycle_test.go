package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// spy sees every decision and may interfere: with Goexit, which is as near to a crash as a
// goroutine comes, or by freezing.
type spy struct {
	decided func(*remedy.Facts, *remedy.Step)
}

func (s spy) Decided(f *remedy.Facts, step *remedy.Step) { s.decided(f, step) }

// inBackground runs an invocation beside the test and returns its results when asked; none where it
// crashed.
func (s *setting) inBackground(
	f *app.Function,
	about app.Invocation,
	payload string,
) func() []remedy.Result {
	done := make(chan []remedy.Result, 1)
	go func() {
		defer close(done)
		done <- s.deliverTo(f, about, payload)
	}()
	return func() []remedy.Result { return <-done }
}

// ledgerOf is the operator's view of the setting's ledger.
func (s *setting) ledgerOf() *ledger.Records {
	return ledger.New(s.store.Store, load(s.t, nil).Policy, time.Now).In(remedy.BookEnforce)
}

// slots are the incidents under way, as the fleet's record has them.
func slots(t *testing.T, book *ledger.Records) []remedy.Slot {
	t.Helper()
	fleet := book.Fleet(t.Context())
	if !fleet.OK() {
		t.Fatal(fleet.Note)
	}
	return fleet.Value.Open
}

// opened is the open incident in a stored value; nil: there is none.
func opened(t *testing.T, key string, value []byte) *remedy.Incident {
	if !strings.HasPrefix(key, "instance/") {
		return nil
	}
	var record struct{ Open *remedy.Incident }
	if err := json.Unmarshal(value, &record); err != nil {
		t.Fatal(err)
	}
	return record.Open
}

// claimed reports whether a stored value is the claim of an attempt that has no answer yet.
func claimed(t *testing.T, key string, value []byte) bool {
	open := opened(t, key, value)
	if open == nil || len(open.Attempts) == 0 {
		return false
	}
	return open.Attempts[len(open.Attempts)-1].Answer == remedy.AnswerNone
}

// released reports whether a stored value gives an incident free.
func released(t *testing.T, key string, value []byte) bool {
	open := opened(t, key, value)
	return open != nil && open.LeaseUntil.IsZero()
}

func verdicts(results []remedy.Result) []string {
	var said []string
	for _, r := range results {
		said = append(said, string(r.Verdict)+"/"+string(r.Reason))
	}
	return said
}

func expect(t *testing.T, results []remedy.Result, want ...string) {
	t.Helper()
	if got := verdicts(results); !slices.Equal(got, want) {
		t.Errorf("ended %v, want %v", got, want)
		for _, r := range results {
			t.Log(r.Detail)
		}
	}
}

// TestCrashAnywhere ends the handler at its nth decision, for every n, and delivers the alarm again
// once the lease is over: whatever was claimed is never sent again, and the incident ends well.
func TestCrashAnywhere(t *testing.T) {
	for n := 1; ; n += 1 + n/12 {
		crashed := false
		t.Run(fmt.Sprintf("decision %d", n), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 2}))
				payload := kernelHang(instance, time.Now())
				count := 0
				mortal := s.watched(spy{func(*remedy.Facts, *remedy.Step) {
					if count++; count == n {
						crashed = true
						runtime.Goexit()
					}
				}})
				first := s.inBackground(mortal, delivery(0), payload)()
				if !crashed {
					expect(t, first, "restarted/recovered")
					return
				}
				before := s.sent(instance)
				pass(67 * time.Second) // the lease and a tenth of it
				results := s.deliverTo(s.function, delivery(1), payload)
				s.lawful(results)
				expect(t, results, "restarted/recovered")
				if after := s.sent(instance); !strings.HasPrefix(after, before) || len(after) > 5 {
					t.Errorf("sent %s before the crash and %s in all", before, after)
				}
			})
		})
		if !crashed {
			return
		}
	}
}

// TestDuplicatesAtOnce delivers one alarm to twenty processes at the same moment.
func TestDuplicatesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		payload := agentStopped(instance, time.Now())
		var waits []func() []remedy.Result
		for range 20 {
			waits = append(waits, s.inBackground(s.another(), delivery(0), payload))
		}
		counts := map[string]int{}
		for _, wait := range waits {
			for _, v := range verdicts(wait()) {
				counts[v]++
			}
		}
		if s.sent(instance) != "G" || counts["restarted/recovered"] != 1 ||
			counts["refused/in-progress"] != 19 {
			t.Errorf("sent %q, ended %v", s.sent(instance), counts)
		}
		// Afterwards the alarm is known, and a new one finds the instance cooling down.
		expect(t, s.deliver(payload), "refused/duplicate-alarm")
		expect(t, s.deliver(agentStopped(instance, time.Now())), "refused/cooling-down")
		expect(
			t,
			s.deliver(agentStopped(instance, time.Now().Add(-3*time.Minute))),
			"refused/stale-alarm",
		) // from before the recovery
	})
}

// TestBudget: three incidents within a day, and then a human is needed, until the first of them is
// a day old.
func TestBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{HangsAgainAfter: time.Minute}))
		start := time.Now()
		for range 3 {
			expect(t, s.deliver(kernelHang(instance, time.Now())), "restarted/recovered")
			pass(30*time.Minute - time.Nanosecond)
			expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/cooling-down")
			pass(time.Nanosecond)
		}
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/incidents-spent")
		pass(time.Until(start.Add(24*time.Hour - time.Nanosecond)))
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/incidents-spent")
		pass(time.Nanosecond)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "restarted/recovered")
	})
}

// TestNoCooldown: with a cool-down of nothing the next alarm is judged at once, and every incident
// has an id of its own.
func TestNoCooldown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_COOLDOWN=0s"}, optedIn(ecssim.Guest{}))
		s.world.Inject(
			ecssim.Fault{
				Kind:   ecssim.KindFail,
				Action: "RebootInstance",
				Status: 403,
				Code:   "DiskError",
				Times:  -1,
			},
		)
		ids := map[string]bool{}
		for range 3 {
			results := s.deliver(kernelHang(instance, time.Now()))
			expect(t, results, "refused/disk-error")
			ids[results[0].Incident] = true
			pass(time.Millisecond)
		}
		if len(ids) != 3 {
			t.Errorf("three incidents, and the ids %v", ids)
		}
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/incidents-spent")
	})
}

// ids are n instances in a world, all opted in.
func (s *setting) many(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("i-bp1fleet%012d", i)
		s.world.Add(ecssim.Instance{ID: ids[i], Tags: map[string]string{"auto-restart": "true"}})
	}
	return ids
}

// TestFleetConcurrent: of ten hangs at once, delivered to ten processes, three are restarted where
// none may wait.
func TestFleetConcurrent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil)
		var waits []func() []remedy.Result
		for _, id := range s.many(10) {
			waits = append(
				waits,
				s.inBackground(
					s.another("REMEDY_FLEET_WAITING=0"),
					delivery(0),
					agentStopped(id, time.Now()),
				),
			)
		}
		counts := map[string]int{}
		for _, wait := range waits {
			counts[verdicts(wait())[0]]++
		}
		if counts["restarted/recovered"] != 3 || counts["refused/fleet-concurrent"] != 7 {
			t.Error(counts)
		}
		// What was refused spent nothing: its next alarm is judged afresh, and the slots are free
		// again.
		again := ""
		for _, id := range s.many(10) {
			if s.sent(id) == "" {
				again = id
			}
		}
		expect(t, s.deliver(agentStopped(again, time.Now())), "restarted/recovered")
	})
}

// TestFleetHourly: the limit counts beginnings within the hour.
func TestFleetHourly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_FLEET_HOURLY=2"})
		ids := s.many(4)
		start := time.Now()
		expect(t, s.deliver(agentStopped(ids[0], time.Now())), "restarted/recovered")
		expect(t, s.deliver(agentStopped(ids[1], time.Now())), "restarted/recovered")
		expect(t, s.deliver(agentStopped(ids[2], time.Now())), "refused/fleet-hourly")
		pass(time.Until(start.Add(time.Hour - time.Nanosecond)))
		expect(t, s.deliver(agentStopped(ids[2], time.Now())), "refused/fleet-hourly")
		pass(time.Nanosecond)
		expect(t, s.deliver(agentStopped(ids[2], time.Now())), "restarted/recovered")
	})
}

// TestBatchReadsTogether: 250 candidates in one event cost one call of each kind for the first
// hundred, and once as many wait as may the others are refused unread.
func TestBatchReadsTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil)
		var payloads []string
		for _, id := range s.many(250) {
			payloads = append(payloads, agentStopped(id, time.Now()))
		}
		counts := map[string]int{}
		for _, v := range verdicts(s.deliver(batch(payloads...))) {
			counts[v]++
		}
		if counts["restarted/recovered"] != 3 || counts["waiting/fleet-concurrent"] != 50 ||
			counts["refused/fleet-concurrent"] != 197 {
			t.Error(counts)
		}
		first := s.world.Calls()
		calls := map[string]int{}
		for _, c := range first {
			if c.Action == "RebootInstance" {
				break
			}
			calls[c.Action]++
		}
		if calls["DescribeInstances"] != 1 || calls["DescribeCloudAssistantStatus"] != 1 ||
			calls["DescribeInstanceHistoryEvents"] != 100 {
			t.Errorf("before the first reboot: %v", calls)
		}
	})
}

// TestBatchOfOneInstance: the first alarm that may lead leads, and one that is resolved in the same
// batch does not count.
func TestBatchOfOneInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		now := time.Now()
		results := s.deliver(batch(
			kernelHang(instance, now.Add(-time.Hour)), // stale: does not lead
			kernelHang(instance, now),
			threshold(instance, "CPUUtilization", "ALERT", now),
			agentStopped(instance, now.Add(-2*time.Second)), // over since
			agentRunning(instance, now.Add(-time.Second)),
			`{"not":"an alarm"}`,
			`{broken`,
		))
		expect(
			t,
			results,
			"refused/stale-alarm",
			"restarted/recovered",
			"refused/in-progress",
			"ignored/resolved",
			"ignored/resolved",
			"ignored/not-an-alarm",
			"malformed/malformed",
		)
		if s.sent(instance) != "G" {
			t.Errorf("sent %q", s.sent(instance))
		}
	})
}

// TestOutOfTime: at the deadline's reserve everything is written down and the lease is free, so
// that the next delivery goes on without a wait and without another reboot.
func TestOutOfTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		payload := agentStopped(instance, time.Now())
		hurried := delivery(0)
		hurried.Deadline = time.Now().Add(2 * time.Minute)
		start := time.Now()
		expect(t, s.deliverTo(s.function, hurried, payload), "pending/out-of-time")
		if spent := time.Since(start); spent > 105*time.Second || spent < 95*time.Second {
			t.Errorf("it stopped after %v, the reserve begins after 1m45s", spent)
		}
		if s.sent(instance) != "G" {
			t.Errorf("sent %q", s.sent(instance))
		}
		results := s.deliverTo(s.another(), delivery(1), payload)
		check(t, s, results, ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"})
		if results[0].Attempts[0].Outcome != remedy.OutcomeFailed {
			t.Errorf(
				"the first attempt was watched by two invocations without a gap, and ended %s",
				results[0].Attempts[0].Outcome,
			)
		}
	})
}

// TestLeaseHeld: while an owner is alive, others have nothing to do; but the platform's redelivery
// of its own alarm must not be lost.
func TestLeaseHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		payload := agentStopped(instance, time.Now())
		owner := s.inBackground(s.function, delivery(0), payload)
		pass(2 * time.Minute)
		expect(t, s.deliverTo(s.another(), delivery(0), payload), "refused/in-progress")
		expect(t, s.deliverTo(s.another(), delivery(1), payload), "pending/lease-held")
		expect(
			t,
			s.deliverTo(s.another(), delivery(1), kernelHang(instance, time.Now())),
			"refused/in-progress",
		)
		expect(t, owner(), "restarted/recovered")
	})
}

// TestWhileUnderWay is what other people do to an open incident through the ledger.
func TestWhileUnderWay(t *testing.T) {
	for _, row := range []struct {
		why  string
		do   func(s *setting)
		want string
		sent string
	}{
		{"nothing", func(*setting) {}, "restarted/recovered", "GG"},
		{"its alarm is resolved: nothing more is sent", func(s *setting) {
			expect(s.t, s.deliverTo(s.another(), delivery(0), agentRunning(instance, time.Now())),
				"ignored/resolved")
		}, "failed/resolved", "G"},
		{"another rule's alarm is resolved: none of its business", func(s *setting) {
			expect(s.t, s.deliverTo(s.another(), delivery(0), threshold(instance, "cpu_total", "OK",
				time.Now(), "triggerLevel", "OK")), "ignored/resolved")
		}, "restarted/recovered", "GG"},
		{"everything is paused", func(s *setting) {
			_, err := s.ledgerOf().Pause(s.t.Context(), time.Time{}, "a change freeze")
			if err != nil {
				s.t.Fatal(err)
			}
		}, "failed/paused", "G"},
		{"paused, and resumed in time", func(s *setting) {
			if _, err := s.ledgerOf().Pause(s.t.Context(), time.Time{}, "by mistake"); err != nil {
				s.t.Fatal(err)
			}
			if was, err := s.ledgerOf().Resume(s.t.Context()); !was || err != nil {
				s.t.Fatal(was, err)
			}
		}, "restarted/recovered", "GG"},
		{"the incident is closed by hand", func(s *setting) {
			open := slots(s.t, s.ledgerOf())
			if len(open) != 1 {
				s.t.Fatal(open)
			}
			if _, err := s.ledgerOf().Close(s.t.Context(), open[0].Incident); err != nil {
				s.t.Fatal(err)
			}
		}, "failed/abandoned", "G"},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
				owner := s.inBackground(s.function, delivery(0), agentStopped(instance, time.Now()))
				pass(2 * time.Minute)
				row.do(s)
				expect(t, owner(), row.want)
				if s.sent(instance) != row.sent {
					t.Errorf("sent %q, want %q", s.sent(instance), row.sent)
				}
			})
		})
	}
}

// TestPausedOpensNothing: pause and resume, and a reset, as an operator uses them.
func TestPausedOpensNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{HangsAgainAfter: time.Minute}))
		until := time.Now().Add(time.Hour)
		if _, err := s.ledgerOf().Pause(t.Context(), until, "a change freeze"); err != nil {
			t.Fatal(err)
		}
		expect(t, s.deliver(agentStopped(instance, time.Now())), "refused/paused")
		pass(time.Until(until) - time.Nanosecond)
		expect(t, s.deliver(agentStopped(instance, time.Now())), "refused/paused")
		pass(time.Nanosecond)
		expect(t, s.deliver(agentStopped(instance, time.Now())), "restarted/recovered")
		pass(10 * time.Minute)
		expect(t, s.deliver(agentStopped(instance, time.Now())), "refused/cooling-down")
		if n, err := s.ledgerOf().Reset(t.Context(), instance); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		expect(t, s.deliver(agentStopped(instance, time.Now())), "restarted/recovered")
	})
}

// TestGapInTheWatch: an attempt that nobody watched all the time never counts towards force.
func TestGapInTheWatch(t *testing.T) {
	for _, row := range []struct {
		why    string
		frozen time.Duration
		guest  ecssim.Guest
		want   ending
	}{
		{"24 s and a poll are no gap", 24 * time.Second, ecssim.Guest{IgnoreGraceful: -1},
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"}},
		{"40 s are one: one more graceful attempt before force", 40 * time.Second,
			ecssim.Guest{IgnoreGraceful: -1},
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GGGF"}},
		{"without a heartbeat nobody can tell any more", 40 * time.Second,
			ecssim.Guest{IgnoreGraceful: -1, Agent: ecssim.AgentNone},
			ending{remedy.VerdictFailed, remedy.ReasonUnconfirmed, "G"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(row.guest))
				start, frozen := time.Now(), false
				slow := s.watched(spy{func(f *remedy.Facts, step *remedy.Step) {
					if !frozen && step.Do == remedy.DoWait && time.Since(start) > time.Minute {
						frozen = true
						pass(row.frozen)
					}
				}})
				check(
					t,
					s,
					s.deliverTo(slow, delivery(0), kernelHang(instance, time.Now())),
					row.want,
				)
			})
		})
	}
}

// TestFrozenOwner: a process that freezes for longer than its lease sends nothing when it thaws,
// wherever it froze.
func TestFrozenOwner(t *testing.T) {
	for _, row := range []struct {
		why    string
		freeze func(s *setting, freeze func()) *app.Function
	}{
		{"before its claim", func(s *setting, freeze func()) *app.Function {
			return s.watched(spy{func(_ *remedy.Facts, step *remedy.Step) {
				if step.Claims() != nil {
					freeze()
				}
			}})
		}},
		{"between its claim and its send", func(s *setting, freeze func()) *app.Function {
			s.store.after = func(key string, value []byte) {
				if claimed(s.t, key, value) {
					freeze()
				}
			}
			return s.function
		}},
		{"while it waits", func(s *setting, freeze func()) *app.Function {
			start := time.Now()
			return s.watched(spy{func(_ *remedy.Facts, step *remedy.Step) {
				if step.Do == remedy.DoWait && time.Since(start) > 3*time.Minute {
					freeze()
				}
			}})
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
				frozen := make(chan struct{})
				thaw := make(chan struct{})
				var before atomic.Bool
				function := row.freeze(s, func() {
					if !before.Swap(true) {
						close(frozen)
						<-thaw
					}
				})
				payload := agentStopped(instance, time.Now())
				sleeper := s.inBackground(function, delivery(0), payload)
				<-frozen
				sent := len(s.sent(instance))
				pass(67 * time.Second)
				heir := s.inBackground(s.another(), delivery(1), payload)
				pass(time.Minute)
				taken := len(s.sent(instance))
				close(thaw)
				late := sleeper()
				if len(s.sent(instance)) != taken {
					t.Errorf(
						"the thawed one sent something: %d before, %d by the heir, %s now",
						sent,
						taken,
						s.sent(instance),
					)
				}
				expect(t, late, "refused/in-progress")
				results := heir()
				s.lawful(results)
				expect(t, results, "restarted/recovered")
			})
		})
	}
}

// TestSweep: the timer takes up every incident whose owner is gone, and leaves the others alone.
func TestSweep(t *testing.T) {
	const timer = `{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep","payload":""}`
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil)
		expect(t, s.deliver(timer))
		ids := s.many(3)
		hurried := delivery(0)
		hurried.Deadline = time.Now().Add(30 * time.Second)
		for _, id := range ids[:2] {
			expect(
				t,
				s.deliverTo(s.function, hurried, agentStopped(id, time.Now())),
				"pending/out-of-time",
			)
			hurried.Deadline = time.Now().Add(30 * time.Second)
		}
		alive := s.inBackground(s.another(), delivery(0), agentStopped(ids[2], time.Now()))
		pass(5 * time.Second)
		results := s.deliver(timer)
		expect(t, results, "restarted/recovered", "restarted/recovered")
		for _, r := range results {
			if r.Alarm.Name != "Agent_Status_Stopped" || r.Incident == "" || r.Region != region {
				t.Errorf("a swept incident has lost its alarm: %+v", r)
			}
		}
		expect(t, alive(), "restarted/recovered")
		for _, id := range ids {
			if s.sent(id) != "G" {
				t.Errorf("%s was sent %q", id, s.sent(id))
			}
		}
	})
}

// TestObserve: a rehearsal asks ECS, reboots nothing, and keeps records of its own.
func TestObserve(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		observer := s.another("REMEDY_MODE=observe")
		payload := agentStopped(instance, time.Now())
		expect(t, s.deliverTo(observer, delivery(0), payload), "observed/would-restart")
		expect(t, s.deliverTo(observer, delivery(0), payload), "refused/duplicate-alarm")
		expect(
			t,
			s.deliverTo(observer, delivery(0), agentStopped(instance, time.Now().Add(time.Second))),
			"refused/cooling-down",
		)
		if s.sent(instance) != "" {
			t.Errorf("sent %q", s.sent(instance))
		}
		dry := 0
		for _, c := range s.world.Calls() {
			if c.Action == "RebootInstance" && c.DryRun {
				dry++
			}
		}
		if dry != 1 {
			t.Errorf("%d dry runs", dry)
		}
		check(
			t,
			s,
			s.deliver(payload),
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
		)
	})
}

// TestRoundTrips: what an alarm costs the ledger.
func TestRoundTrips(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		s.deliver(sweepEvent) // it creates the fleet's record
		s.store.trips = 0
		payload, start := agentStopped(instance, time.Now()), time.Now()
		expect(t, s.deliver(payload), "restarted/recovered")
		waited := time.Since(start)
		if most := 9 + int(waited/(20*time.Second)); s.store.trips > most {
			t.Errorf("%d round trips in %v, want %d at most", s.store.trips, waited, most)
		}
		t.Logf("one graceful reboot: %d round trips in %v", s.store.trips, waited)
		s.store.trips = 0
		expect(t, s.deliver(payload), "refused/duplicate-alarm")
		if s.store.trips != 1 {
			t.Errorf("a duplicate cost %d round trips", s.store.trips)
		}
		s.store.trips = 0
		expect(t, s.deliver(`{"hello":"world"}`), "ignored/not-an-alarm")
		if s.store.trips != 0 {
			t.Errorf("an alarm about nothing cost %d round trips", s.store.trips)
		}
	})
}

// TestLedgerFails loses the ledger at every round trip in turn, before and after the write took
// effect, for that one trip and for good: there is never a reboot without its claim, and with the
// ledger back the incident ends well.
func TestLedgerFails(t *testing.T) {
	away := errors.New("ledger redis://10.0.0.1:6379/0: connection refused")
	for _, after := range []bool{false, true} {
		for _, forGood := range []bool{false, true} {
			for n := 1; n <= 12; n++ {
				t.Run(
					fmt.Sprintf("trip %d, after=%v, for good=%v", n, after, forGood),
					func(t *testing.T) {
						bubble(t, func(t *testing.T) {
							s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
							payload := agentStopped(instance, time.Now())
							s.store.fail = func(trip int, put bool) (error, error) {
								if trip != n && !(forGood && trip > n) {
									return nil, nil
								}
								if after && put {
									return nil, away
								}
								return away, nil
							}
							first := s.deliver(payload)
							s.lawful(first)
							if sent, claims := len(s.sent(instance)), s.claims(); sent > claims {
								t.Errorf("%d reboots, %d claims", sent, claims)
							}
							if forGood {
								expect(t, first, "pending/dependency-unavailable")
								if !strings.Contains(first[0].Detail, "redis://10.0.0.1:6379/0") {
									t.Errorf(
										"the message does not name the ledger: %s",
										first[0].Detail,
									)
								}
							}
							s.store.fail = nil
							if first[0].Verdict == remedy.VerdictRestarted {
								return
							}
							pass(67 * time.Second)
							results := s.deliverTo(s.another(), delivery(1), payload)
							s.lawful(results)
							expect(t, results, "restarted/recovered")
							if sent, claims := len(s.sent(instance)), s.claims(); sent > claims {
								t.Errorf("%d reboots, %d claims", sent, claims)
							}
						})
					},
				)
			}
		}
	}
}

// claims counts the attempts that the ledger's records of the instance hold.
func (s *setting) claims() int {
	record := s.ledgerOf().Record(s.t.Context(), instance)
	if !record.OK() {
		s.t.Fatal(record.Note)
	}
	n := 0
	if record.Value.Open != nil {
		n = len(record.Value.Open.Attempts)
	}
	for _, i := range record.Value.Recent {
		n += len(i.Attempts)
	}
	return n
}

// TestAuditLine: one line of JSON per result, with the result's own fields.
func TestAuditLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		results := s.deliver(batch(agentStopped(instance, time.Now()), `{"hello":"world"}`))
		lines := strings.Split(strings.TrimSpace(s.written()), "\n")
		if len(lines) != len(results) {
			t.Fatalf("%d lines for %d results:\n%s", len(lines), len(results), s.written())
		}
		for _, line := range lines {
			var audit struct {
				Msg, Verdict, Reason, Detail string
				Attempts, Findings           []any
			}
			if err := json.Unmarshal([]byte(line), &audit); err != nil {
				t.Fatal(err)
			}
			if audit.Msg != "verdict" || audit.Verdict == "" || audit.Reason == "" ||
				audit.Detail == "" ||
				audit.Attempts == nil ||
				audit.Findings == nil {
				t.Errorf("an audit line lacks something: %s", line)
			}
		}
	})
}

// TestPauseOutlivesItsTable: the sweep writes a pause anew once a day, so that a table whose rows
// expire does not end it.
func TestPauseOutlivesItsTable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil)
		_, err := s.ledgerOf().Pause(t.Context(), time.Time{}, "until further notice")
		if err != nil {
			t.Fatal(err)
		}
		revision := func() uint64 { return s.ledgerOf().Fleet(t.Context()).Value.Revision }
		first := revision()
		pass(24 * time.Hour)
		s.deliver(`{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep"}`)
		if revision() != first {
			t.Error("written anew after a day or less")
		}
		pass(time.Second)
		s.deliver(`{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep"}`)
		if revision() == first {
			t.Error("not written anew after more than a day")
		}
	})
}

// TestLastLook: before an incident is given up, the instance is read once more, and what that shows
// counts.
func TestLastLook(t *testing.T) {
	for _, row := range []struct {
		why   string
		guest ecssim.Guest
		world func(s *setting)
		want  ending
	}{
		{"the forced reboot was over between two looks, and only the heartbeat tells",
			ecssim.Guest{IgnoreGraceful: 2, Stop: time.Second, SkipsStarting: true,
				StartTimeUnchanged: true}, nil,
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"}},
		{"ECS cannot be read from the end of the forced attempt to the incident's limit",
			ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1},
			func(s *setting) {
				s.world.Inject(ecssim.Fault{Kind: ecssim.KindFail, Action: "DescribeInstances",
					Skip: 180, Times: -1})
			}, ending{remedy.VerdictFailed, remedy.ReasonUnreadable, "GGF"}},
		{"nobody saw what became of the forced attempt: it counts for nothing, " +
			"and the ladder is climbed once more",
			ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1},
			func(s *setting) {
				s.world.Inject(ecssim.Fault{Kind: ecssim.KindFail, Action: "DescribeInstances",
					Skip: 183, Times: 60})
			}, ending{remedy.VerdictFailed, remedy.ReasonNotRecovered, "GGFGF"}},
		{"an empty list right after ECS called it not Running is a slip of the moment",
			ecssim.Guest{},
			func(s *setting) {
				s.world.Inject(ecssim.Fault{Kind: ecssim.KindFail, Action: "RebootInstance",
					Status: 403, Code: "IncorrectInstanceStatus"})
				s.world.Inject(ecssim.Fault{Kind: ecssim.KindBody, Action: "DescribeInstances",
					Skip: 1,
					Body: `{"RequestId":"R","TotalCount":0,"PageNumber":1,"PageSize":10,` +
						`"Instances":{"Instance":[]}}`})
			}, ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(row.guest))
				if row.world != nil {
					row.world(s)
				}
				check(t, s, s.deliver(kernelHang(instance, time.Now())), row.want)
			})
		})
	}
}
