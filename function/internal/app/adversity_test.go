package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

const sweepEvent = `{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep","payload":""}`

// hookedStore calls hooks around a Store, with the call's context.
type hookedStore struct {
	ledger.Store
	before func(ctx context.Context, put bool, key string, value []byte) error
	after  func(ctx context.Context, put bool, key string, value []byte) error
}

// List is for the laws, which nothing hinders.
func (h *hookedStore) List(ctx context.Context, prefix string, each func(string) error) error {
	return h.Store.(ledger.Lister).List(ctx, prefix, each)
}

func (h *hookedStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if h.before != nil {
		if err := h.before(ctx, false, key, nil); err != nil {
			return nil, 0, err
		}
	}
	return h.Store.Get(ctx, key)
}

func (h *hookedStore) Put(
	ctx context.Context,
	key string,
	value []byte,
	expected uint64,
) (uint64, error) {
	if h.before != nil {
		if err := h.before(ctx, true, key, value); err != nil {
			return 0, err
		}
	}
	revision, err := h.Store.Put(ctx, key, value, expected)
	if err == nil && h.after != nil {
		if err := h.after(ctx, true, key, value); err != nil {
			return 0, err
		}
	}
	return revision, err
}

func (s *setting) hook(h *hookedStore) {
	h.Store = s.store.Store
	s.store.Store = h
}

// plain is the operator's view, past any hook.
func (s *setting) plain(now func() time.Time, env ...string) *ledger.Records {
	settings, err := config.Load(
		append([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:"}, env...),
	)
	if err != nil {
		s.t.Fatal(err)
	}
	store := s.store.Store
	if h, ok := store.(*hookedStore); ok {
		store = h.Store
	}
	return ledger.New(store, settings.Policy, now).In(remedy.BookEnforce)
}

// crashAfter delivers a payload to a process that dies right after its first write of the key.
func (s *setting) crashAfter(key string, env []string, payload string) {
	died := false
	h := &hookedStore{after: func(_ context.Context, _ bool, written string, _ []byte) error {
		if written == key && !died {
			died = true
			runtime.Goexit()
		}
		return nil
	}}
	s.hook(h)
	s.inBackground(s.another(env...), delivery(0), payload)()
	if !died {
		s.t.Fatal("it did not die")
	}
	s.store.Store = h.Store
}

// TestDroppedReservation: an incident that was opened and never claimed does not count for the
// hour, nor for anything else, whether its process died before it had a slot or with one, and
// whoever comes first.
func TestDroppedReservation(t *testing.T) {
	for _, row := range []struct{ why, key string }{
		{"opened, and no slot yet", "instance/" + instance},
		{"opened, with a slot", "fleet"},
	} {
		for _, swept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, swept=%v", row.why, swept), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					env := []string{"REMEDY_FLEET_HOURLY=1", "REMEDY_MAX_INCIDENTS=1"}
					s := newSetting(t, env, optedIn(ecssim.Guest{}))
					payload := agentStopped(instance, time.Now())
					s.crashAfter(row.key, env, payload)
					expect(t, s.deliverTo(s.function, delivery(0), payload), "refused/in-progress")
					expect(t, s.deliverTo(s.function, delivery(1), payload), "pending/lease-held")
					pass(66*time.Second - time.Nanosecond) // the lease and a tenth of it
					expect(t, s.deliverTo(s.function, delivery(1), payload), "pending/lease-held")
					pass(time.Nanosecond)
					if swept {
						expect(t, s.deliver(sweepEvent))
						if open := slots(t, s.plain(time.Now)); len(open) != 0 {
							t.Errorf("%d slots are left", len(open))
						}
					}
					check(t, s, s.deliverTo(s.function, delivery(1), payload),
						ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"})
				})
			})
		}
	}
}

// TestThawedBeforeFirstClaim: a process that froze before its first claim decides afresh when it
// thaws, half an hour later, wherever in the opening it froze.
func TestThawedBeforeFirstClaim(t *testing.T) {
	for _, row := range []struct {
		why string
		at  func(step *remedy.Step) bool
	}{
		{"before the opening", func(step *remedy.Step) bool { return step.Opens() }},
		{"before the slot", func(step *remedy.Step) bool {
			return step.Do == remedy.DoWrite && step.Write.Fleet != nil
		}},
		{"before the claim", func(step *remedy.Step) bool { return step.Claims() != nil }},
		{"before the send", func(step *remedy.Step) bool { return step.Do == remedy.DoSend }},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(ecssim.Guest{}))
				frozen := false
				slow := s.watched(spy{func(_ *remedy.Facts, step *remedy.Step) {
					if row.at(step) && !frozen {
						frozen = true
						s.world.Change(instance, ecssim.AtTime(time.Now().Add(time.Minute)),
							func(i *ecssim.Instance) { i.Tags = nil })
						pass(30 * time.Minute)
					}
				}})
				results := s.deliverTo(slow, delivery(0), agentStopped(instance, time.Now()))
				if s.sent(instance) != "" || !frozen {
					t.Errorf(
						"an alarm of half an hour ago led to %q of an instance that was opted out "+
							"meanwhile: %v",
						s.sent(instance),
						verdicts(results),
					)
				}
				if open := slots(t, s.plain(time.Now)); len(open) != 0 {
					t.Errorf("%d slots are left after %v", len(open), verdicts(results))
				}
				t.Log(verdicts(results))
			})
		})
	}
}

// TestPoisonedRecord: one record that cannot be understood is in nobody else's way.
func TestPoisonedRecord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_FLEET_WAITING=0"})
		ids := s.many(4)
		for _, id := range ids[:3] {
			hurried := delivery(0)
			hurried.Deadline = time.Now().Add(30 * time.Second)
			expect(
				t,
				s.deliverTo(s.function, hurried, agentStopped(id, time.Now())),
				"pending/out-of-time",
			)
		}
		key := "instance/" + ids[0]
		_, revision, err := s.store.Store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.store.Store.Put(t.Context(), key, []byte(`{"version":2}`), revision)
		if err != nil {
			t.Fatal(err)
		}
		pass(67 * time.Second)
		// The fleet is full for another instance: it must be told so, and not that something is
		// unreadable.
		expect(t, s.deliver(agentStopped(ids[3], time.Now())), "refused/fleet-concurrent")
		// And the two healthy incidents go on.
		restarted := 0
		for _, v := range verdicts(s.deliver(sweepEvent)) {
			if v == "restarted/recovered" {
				restarted++
			}
		}
		if restarted != 2 {
			t.Errorf("the sweep ended %d of the 2 incidents that can be read", restarted)
		}
	})
}

// TestLastAnswerLost: the verdict is reported although the answer to the write of the incident's
// end is lost.
func TestLastAnswerLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1}))
		payload, lost := kernelHang(instance, time.Now()), false
		s.hook(&hookedStore{after: func(_ context.Context, _ bool, key string, value []byte) error {
			if !lost && strings.HasPrefix(key, "instance/") &&
				strings.Contains(string(value), `"verdict":"failed"`) {
				lost = true
				return errors.New("ledger: no answer in time")
			}
			return nil
		}})
		all := verdicts(s.deliver(payload))
		pass(67 * time.Second)
		all = append(all, verdicts(s.deliverTo(s.function, delivery(1), payload))...)
		if !strings.Contains(strings.Join(all, " "), "failed/not-recovered") {
			t.Errorf("nobody was told that the instance needs a human: %v", all)
		}
	})
}

// TestSlowSibling: in a batch, an instance that is slow to open does not keep the others from being
// watched.
func TestSlowSibling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(
			t,
			[]string{"REMEDY_POLL=8s"},
			optedIn(ecssim.Guest{IgnoreGraceful: -1, Agent: ecssim.AgentNone}),
		)
		sibling := s.many(1)[0]
		// ECS does not answer twice about the sibling's events, then slowly; its reboot is not
		// answered.
		s.world.Inject(
			ecssim.Fault{
				Kind:     ecssim.KindHang,
				Action:   "DescribeInstanceHistoryEvents",
				Instance: sibling,
				Times:    2,
			},
		)
		s.world.Inject(
			ecssim.Fault{
				Kind:     ecssim.KindDelay,
				Delay:    9 * time.Second,
				Action:   "DescribeInstanceHistoryEvents",
				Instance: sibling,
			},
		)
		s.world.Inject(
			ecssim.Fault{
				Kind:     ecssim.KindHang,
				Action:   "RebootInstance",
				Instance: sibling,
				After:    true,
			},
		)
		results := s.deliver(
			batch(kernelHang(instance, time.Now()), kernelHang(sibling, time.Now())),
		)
		expect(t, results, "restarted/recovered", "restarted/recovered")
		if s.sent(instance) != "GGF" {
			t.Errorf("sent %q, want GGF: %s", s.sent(instance), results[0].Detail)
		}
	})
}

// TestHTTPWithSlowLedger: with a ledger that does not answer, the HTTP answer still comes while
// CloudMonitor waits; and so it does where ECS does not answer either.
func TestHTTPWithSlowLedger(t *testing.T) {
	for _, row := range []struct {
		why string
		// from is the first write that is not answered.
		from  func(t *testing.T, key string, value []byte) bool
		world func(w *ecssim.World)
	}{
		{"from the reboot's answer on", func(_ *testing.T, _ string, value []byte) bool {
			return strings.Contains(string(value), `"answer":"accepted"`)
		}, func(*ecssim.World) {}},
		{"at the last write, after ECS stopped answering", released, func(w *ecssim.World) {
			w.Inject(ecssim.Fault{Kind: ecssim.KindHang, Action: "DescribeInstances",
				Skip: 1, Times: -1})
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				env := []string{"REMEDY_HTTP_TOKEN=" + token, "REMEDY_POLL=1s"}
				s := newSetting(t, env, optedIn(ecssim.Guest{}))
				row.world(s.world)
				away := false
				s.hook(
					&hookedStore{
						before: func(
							ctx context.Context, put bool, key string, value []byte) error {
							if away = away || put && row.from(s.t, key, value); !away {
								return nil
							}
							select {
							case <-ctx.Done():
								return ctx.Err()
							case <-time.After(time.Hour):
								return nil
							}
						},
					},
				)
				start := time.Now()
				event := httpEvent(
					kernelHang(instance, time.Now()),
					nil,
					map[string]string{"token": token},
				)
				_, err := s.function.Invoke(t.Context(), delivery(0), []byte(event))
				if spent := time.Since(start); err != nil || spent > 5*time.Second || !away {
					t.Errorf("the answer took %v; CloudMonitor hangs up after 5s", spent)
				}
			})
		})
	}
}

// TestPauseDuringTheGuards: a pause holds at once, even while the guards of a retry are being
// asked.
func TestPauseDuringTheGuards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		// The retry's platform events take 9 s to read; the pause comes 5 s into that.
		s.world.Inject(
			ecssim.Fault{
				Kind:   ecssim.KindDelay,
				Delay:  9 * time.Second,
				Action: "DescribeInstanceHistoryEvents",
				Skip:   1,
			},
		)
		paused := make(chan time.Time, 1)
		begun := false
		f := s.watched(spy{func(facts *remedy.Facts, step *remedy.Step) {
			if step.Do == remedy.DoRead && step.Sources.Has(remedy.SourcePlatform) &&
				facts.Record.Value.Open != nil &&
				!begun {
				begun = true
				go func() {
					pass(5 * time.Second)
					_, err := s.plain(time.Now).Pause(s.t.Context(), time.Time{},
						"stop everything")
					if err != nil {
						t.Error(err)
					}
					paused <- time.Now()
				}()
			}
		}})
		results := s.deliverTo(f, delivery(0), kernelHang(instance, time.Now()))
		at := <-paused
		for _, c := range s.world.Reboots(instance) {
			if c.At.After(at) {
				t.Errorf(
					"a reboot was sent %v after the pause: %v",
					c.At.Sub(at),
					verdicts(results),
				)
			}
		}
	})
}

// TestClosedByHand: the result of an incident that the operator closed has its incident and its
// attempts, and its slot is free, also where its owner has not read its record again before it is
// about to claim the next attempt.
func TestClosedByHand(t *testing.T) {
	for _, row := range []struct {
		why   string
		env   []string
		after time.Duration
	}{
		{"the owner renews its lease next", nil, 2 * time.Minute},
		{"the owner claims next", []string{"REMEDY_ATTEMPT_TIMEOUT=15s"}, 10 * time.Second},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, row.env, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
				owner := s.inBackground(s.function, delivery(0), agentStopped(instance, time.Now()))
				pass(row.after)
				open := slots(t, s.plain(time.Now))
				if len(open) != 1 {
					t.Fatal(open)
				}
				if _, err := s.plain(time.Now).Close(t.Context(), open[0].Incident); err != nil {
					t.Fatal(err)
				}
				results := owner()
				expect(t, results, "failed/abandoned")
				if r := results[0]; r.Incident != open[0].Incident || len(r.Attempts) != 1 ||
					r.Attempts[0].Outcome != remedy.OutcomeUnconfirmed {
					t.Errorf("incident %q with attempts %v: what nobody watches any more is "+
						"unconfirmed", r.Incident, r.Attempts)
				}
				if left := slots(t, s.plain(time.Now)); len(left) > 0 {
					t.Errorf("it left %+v", left)
				}
			})
		})
	}
}

// TestReportedOnce: an owner that thaws after its heir finished does not report the heir's verdict
// as its own.
func TestReportedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		frozen, payload, start := false, agentStopped(instance, time.Now()), time.Now()
		slow := s.watched(spy{func(_ *remedy.Facts, step *remedy.Step) {
			if step.Do == remedy.DoWait && !frozen && time.Since(start) > 10*time.Second {
				frozen = true
				pass(20 * time.Minute)
			}
		}})
		owner := s.inBackground(slow, delivery(0), payload)
		pass(2 * time.Minute)
		expect(t, s.deliverTo(s.another(), delivery(1), payload), "restarted/recovered")
		results := owner()
		if results[0].Verdict == remedy.VerdictRestarted && results[0].Incident == "" {
			t.Errorf(
				"restarted is counted twice, the second time without an incident: %+v",
				results[0],
			)
		}
	})
}

// TestDisarmedWithAnIncidentOpen: an incident that is open when the operator goes from enforce to
// observe is ended by the sweep once it is overdue. Before that it is left to a function that is
// armed, if there is one.
func TestDisarmedWithAnIncidentOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1}))
		start := time.Now()
		hurried := delivery(0)
		hurried.Deadline = start.Add(30 * time.Second)
		expect(
			t,
			s.deliverTo(s.function, hurried, agentStopped(instance, start)),
			"pending/out-of-time",
		)
		observer := s.another("REMEDY_MODE=observe")
		pass(time.Until(start.Add(45 * time.Minute)))
		expect(t, s.deliverTo(observer, delivery(0), sweepEvent))
		pass(time.Second)
		expect(t, s.deliverTo(observer, delivery(0), sweepEvent), "failed/paused")
		if open := slots(t, s.plain(time.Now)); len(open) != 0 || s.sent(instance) != "G" {
			t.Errorf("still open after the sweep, or sent something: %v %s", open, s.sent(instance))
		}
	})
}

// TestOff: mode off refuses everything as paused.
func TestOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_MODE=off"}, optedIn(ecssim.Guest{}))
		expect(t, s.deliver(agentStopped(instance, time.Now().Add(-time.Hour))), "refused/paused")
		s.store.fail = func(int, bool) (error, error) { return errors.New("away"), nil }
		expect(t, s.deliver(agentStopped(instance, time.Now())), "refused/paused")
	})
}

// TestWeakLeader: where the first alarm of an instance is refused for being weak, the next one
// leads.
func TestWeakLeader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{Agent: ecssim.AgentNone}))
		expect(
			t,
			s.deliver(batch(agentStopped(instance, time.Now()), kernelHang(instance, time.Now()))),
			"refused/unconfirmed-hang",
			"restarted/recovered",
		)
	})
}

// TestLateEffectOfOurOwn: the first attempt takes effect just before the retry, which ECS refuses
// as in the wrong status.
func TestLateEffectOfOurOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1}))
		s.world.Change(
			instance,
			ecssim.BeforeCall("RebootInstance", 2),
			func(i *ecssim.Instance) { i.Status = ecssim.StatusStarting },
		)
		at := time.Now().Add(5*time.Minute + 45*time.Second)
		s.world.Change(instance, ecssim.AtTime(at), func(i *ecssim.Instance) {
			i.Status, i.StartTime, i.Guest.Agent = ecssim.StatusRunning, at, ecssim.AgentAlive
		})
		check(
			t,
			s,
			s.deliver(kernelHang(instance, time.Now())),
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"},
		)
	})
}

// TestUnreadableToTheEnd: guards that cannot be read to the end of the incident.
func TestUnreadableToTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1}))
		s.world.Inject(
			ecssim.Fault{
				Kind:   ecssim.KindFail,
				Action: "DescribeInstanceHistoryEvents",
				Skip:   1,
				Times:  -1,
			},
		)
		about := delivery(0)
		about.Deadline = time.Now().Add(3 * time.Hour)
		results := s.deliverTo(s.function, about, kernelHang(instance, time.Now()))
		check(t, s, results, ending{remedy.VerdictFailed, remedy.ReasonUnreadable, "G"})
	})
}

// aheadClock is a process's clock that is 2 minutes ahead.
type aheadClock struct{ app.RealClock }

func (aheadClock) Now() time.Time { return time.Now().Add(2 * time.Minute) }

// TestSweepWithAnotherClock: a sweep whose clock is 2 minutes ahead takes an opening for void whose
// owner is about to claim. The owner's claim is refused, it opens another, and that has the one
// slot.
func TestSweepWithAnotherClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		ahead := s.wired(app.Seams{Clock: aheadClock{}})
		swept := false
		s.hook(
			&hookedStore{before: func(_ context.Context, put bool, key string, value []byte) error {
				if put && key == "instance/"+instance && !swept && claimed(t, key, value) {
					swept = true
					expect(t, s.deliverTo(ahead, delivery(0), sweepEvent))
				}
				return nil
			}},
		)
		owner := s.inBackground(s.function, delivery(0), agentStopped(instance, time.Now()))
		pass(20 * time.Second)
		if open := slots(t, s.plain(time.Now)); len(open) != 1 || !swept {
			t.Errorf("%d slots for one incident under way", len(open))
		}
		check(t, s, owner(), ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"})
		if open := slots(t, s.plain(time.Now)); len(open) != 0 {
			t.Errorf("%d slots are left", len(open))
		}
	})
}

// TestStrangerWithoutCredentials: a stranger is told 401 in any case.
func TestStrangerWithoutCredentials(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_HTTP_TOKEN=" + token}, optedIn(ecssim.Guest{}))
		bare := delivery(0)
		bare.Credentials.AccessKeyID = ""
		answer, err := s.function.Invoke(t.Context(), bare, []byte(httpEvent("", nil, nil)))
		if err != nil || answer.(handle.HTTPResponse).StatusCode != http.StatusUnauthorized {
			t.Errorf("%v %v", answer, err)
		}
	})
}

// TestForeignResolved: a resolved alarm of another account is no reason to stop.
func TestForeignResolved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		owner := s.inBackground(s.function, delivery(0), agentStopped(instance, time.Now()))
		pass(2 * time.Minute)
		s.deliverTo(
			s.another(),
			delivery(0),
			strings.ReplaceAll(agentRunning(instance, time.Now()), account, "9999999999999999"),
		)
		expect(t, owner(), "restarted/recovered")
	})
}

// TestLongWindow: a budget over more than 30 days is not forgotten after 30.
func TestLongWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(
			t,
			[]string{"REMEDY_INCIDENT_WINDOW=1440h", "REMEDY_MAX_INCIDENTS=1"},
			optedIn(ecssim.Guest{HangsAgainAfter: time.Minute}),
		)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "restarted/recovered")
		pass(29 * 24 * time.Hour)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/incidents-spent")
		pass(2 * 24 * time.Hour)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/incidents-spent")
	})
}

// TestLeakedSlot: a slot that could not be given back does not look like an incident being opened.
func TestLeakedSlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		s.world.Inject(
			ecssim.Fault{
				Kind:   ecssim.KindFail,
				Action: "RebootInstance",
				Status: 403,
				Code:   "DiskError",
			},
		)
		fleets := 0
		s.hook(&hookedStore{before: func(_ context.Context, put bool, key string, _ []byte) error {
			if put && key == "fleet" {
				if fleets++; fleets == 2 {
					return errors.New("ledger: no answer in time")
				}
			}
			return nil
		}})
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/disk-error")
		if n, err := s.plain(time.Now).Reset(t.Context(), instance); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		pass(10 * time.Second)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "restarted/recovered")
	})
}

// TestPoisonedRecordWithAFullFleet: nor does it end the ladder of another instance, where the fleet
// is full.
func TestPoisonedRecordWithAFullFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		env := []string{"REMEDY_FLEET_CONCURRENT=2"}
		s := newSetting(t, env, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		other := s.many(1)[0]
		hurried := delivery(0)
		hurried.Deadline = time.Now().Add(30 * time.Second)
		expect(
			t,
			s.deliverTo(s.function, hurried, agentStopped(other, time.Now())),
			"pending/out-of-time",
		)
		s.change("instance/"+other, func(record map[string]any) {
			clear(record)
			record["version"] = 2
		})
		check(
			t,
			s,
			s.deliver(kernelHang(instance, time.Now())),
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"},
		)
	})
}

// TestDryRunThatWasNone: ECS answers a rehearsal as if it had rebooted. It is not asked again, for
// it may have.
func TestDryRunThatWasNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_MODE=observe"}, optedIn(ecssim.Guest{}))
		s.world.Inject(
			ecssim.Fault{
				Kind:    ecssim.KindBody,
				Action:  "RebootInstance",
				DryRuns: true,
				Times:   -1,
				Body:    `{"RequestId":"R"}`,
			},
		)
		expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/unreadable")
		asked := 0
		for _, c := range s.world.Calls() {
			if c.Action == "RebootInstance" {
				asked++
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// TestFrozenBeforeItsEnd: a process that freezes between the decision to settle and the write of
// it, for longer than its lease, takes its incident up again. An incident that is still open has no
// end in the ledger.
func TestFrozenBeforeItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1}))
		s.store.after = func(_ string, value []byte) {
			var record struct{ Open *remedy.Incident }
			if err := json.Unmarshal(value, &record); err == nil && record.Open != nil &&
				!record.Open.EndedAt.IsZero() {
				t.Errorf("the open incident has ended at %v", record.Open.EndedAt)
			}
		}
		frozen := false
		slow := s.watched(spy{func(_ *remedy.Facts, step *remedy.Step) {
			if step.Ends() && !frozen {
				frozen = true
				pass(90 * time.Second)
			}
		}})
		check(
			t,
			s,
			s.deliverTo(slow, delivery(0), kernelHang(instance, time.Now())),
			ending{remedy.VerdictFailed, remedy.ReasonNotRecovered, "GGF"},
		)
	})
}

// TestToldAgain: the platform delivers an event again whose verdict was lost with its process. It
// gets that verdict, once more and for nothing; anybody else's copy of the alarm is a duplicate.
func TestToldAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		payload, ended := kernelHang(instance, time.Now()), false
		mortal := s.watched(spy{func(_ *remedy.Facts, step *remedy.Step) {
			if step.Do == remedy.DoAnswer {
				ended = true
				runtime.Goexit()
			}
		}})
		s.inBackground(mortal, delivery(0), payload)()
		if !ended || s.written() != "" {
			t.Fatalf("it did not die before its verdict was told: %s", s.written())
		}
		pass(5 * time.Minute)
		calls := len(s.world.Calls())
		expect(t, s.deliver(payload), "refused/duplicate-alarm")
		results := s.deliverTo(s.function, delivery(1), payload)
		check(t, s, results, ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"})
		if r := results[0]; len(r.Attempts) != 2 || r.Incident == "" || r.Alarm.Name == "" {
			t.Errorf("told without what happened: %+v", r)
		}
		if len(s.world.Calls()) != calls {
			t.Error("ECS was asked about an incident that has ended")
		}
	})
}

// TestLedgerLost: an owner whose incident is gone from the ledger, wholly or in part, sends nothing
// more. It ends the incident as failed/ledger-lost and writes that down, so that the instance is
// left alone.
func TestLedgerLost(t *testing.T) {
	for _, row := range []struct {
		why  string
		lose func(record map[string]any)
	}{
		{"the whole record", func(record map[string]any) { delete(record, "open") }},
		{"the attempt",
			func(record map[string]any) { record["open"].(map[string]any)["attempts"] = []any{} }},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1}))
				payload := kernelHang(instance, time.Now())
				owner := s.inBackground(s.function, delivery(0), payload)
				pass(
					2*time.Minute + 2*time.Second,
				) // between two of its looks, so that it writes nothing now
				s.change("instance/"+instance, row.lose)
				results := owner()
				check(t, s, results, ending{remedy.VerdictFailed, remedy.ReasonLedgerLost, "G"})
				if r := results[0]; len(r.Attempts) != 1 ||
					r.Attempts[0].Outcome != remedy.OutcomeUnconfirmed {
					t.Errorf(
						"ended with the attempts %+v: what nobody watches any more is unconfirmed",
						r.Attempts,
					)
				}
				if open := slots(t, s.plain(time.Now)); len(open) != 0 {
					t.Errorf("%d slots are left", len(open))
				}
				expect(t, s.deliver(payload), "refused/duplicate-alarm")
				expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/cooling-down")
			})
		})
	}
}

// TestLostSlot: the record of an instance is lost while nobody looks after its incident. Whoever
// meets its slot ends it.
func TestLostSlot(t *testing.T) {
	for _, swept := range []bool{true, false} {
		t.Run(fmt.Sprintf("swept=%v", swept), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: -1}))
				hurried := delivery(0)
				hurried.Deadline = time.Now().Add(30 * time.Second)
				expect(
					t,
					s.deliverTo(s.function, hurried, agentStopped(instance, time.Now())),
					"pending/out-of-time",
				)
				s.change(
					"instance/"+instance,
					func(record map[string]any) { delete(record, "open") },
				)
				payload := sweepEvent
				if !swept {
					payload = kernelHang(instance, time.Now())
				}
				check(
					t,
					s,
					s.deliver(payload),
					ending{remedy.VerdictFailed, remedy.ReasonLedgerLost, "G"},
				)
				expect(t, s.deliver(kernelHang(instance, time.Now())), "refused/cooling-down")
				expect(t, s.deliver(sweepEvent))
				if open := slots(t, s.plain(time.Now)); len(open) != 0 {
					t.Errorf("%d slots are left", len(open))
				}
			})
		})
	}
}

// change writes a record as somebody else might: what was in it is lost.
func (s *setting) change(key string, how func(record map[string]any)) {
	s.t.Helper()
	s.lost = append(s.lost, time.Now())
	value, revision, err := s.store.Store.Get(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(value, &record); err != nil {
		s.t.Fatal(err)
	}
	how(record)
	if value, err = json.Marshal(record); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.store.Store.Put(s.t.Context(), key, value, revision); err != nil {
		s.t.Fatal(err)
	}
}

// TestRefusedInTransition: an instance that obeys slowly gets as much time as one that is deaf. The
// retry that ECS refuses while it is Stopping has a time of its own, and force comes only after
// that.
func TestRefusedInTransition(t *testing.T) {
	for _, row := range []struct {
		why     string
		takes   time.Duration // from the first attempt until it is back
		env     string
		want    ending
		outcome []remedy.Outcome
	}{
		{"back within the first one's time", 4 * time.Minute, "",
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
			[]remedy.Outcome{remedy.OutcomeWorked}},
		{"back within the retry's time", 9*time.Minute + 30*time.Second, "",
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GG"},
			[]remedy.Outcome{remedy.OutcomeWorked, remedy.OutcomeRejected}},
		{"back after a force that was refused, too", 30 * time.Minute, "",
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"},
			[]remedy.Outcome{remedy.OutcomeWorked, remedy.OutcomeRejected, remedy.OutcomeRejected}},
		{"back after the incident's limit", 50 * time.Minute, "",
			ending{remedy.VerdictFailed, remedy.ReasonStuck, "GGF"},
			[]remedy.Outcome{remedy.OutcomeFailed, remedy.OutcomeRejected, remedy.OutcomeRejected}},
		{"back late, where it may never be forced", 30 * time.Minute, "REMEDY_FORCE=never",
			ending{remedy.VerdictFailed, remedy.ReasonStuck, "GG"},
			[]remedy.Outcome{remedy.OutcomeFailed, remedy.OutcomeRejected}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var env []string
				if row.env != "" {
					env = []string{row.env}
				}
				s := newSetting(t, env, optedIn(ecssim.Guest{Stop: row.takes - 20*time.Second}))
				results := s.deliver(kernelHang(instance, time.Now()))
				check(t, s, results, row.want)
				var outcomes []remedy.Outcome
				for _, a := range results[0].Attempts {
					outcomes = append(outcomes, a.Outcome)
				}
				if !slices.Equal(outcomes, row.outcome) {
					t.Errorf("the attempts ended %v, want %v", outcomes, row.outcome)
				}
				sent := s.world.Reboots(instance)
				for n := 1; n < len(sent); n++ {
					if apart := sent[n].At.Sub(sent[n-1].At); apart < 5*time.Minute {
						t.Errorf("reboot %d came %v after the one before", n+1, apart)
					}
				}
			})
		})
	}
}

// TestLostFleet: the fleet's record is gone, and perhaps a pause with it. Nothing is begun until an
// operator says so; what is under way goes on.
func TestLostFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{IgnoreGraceful: 1}))
		other := s.many(1)[0]
		expect(t, s.deliver(sweepEvent))
		owner := s.inBackground(s.function, delivery(0), kernelHang(instance, time.Now()))
		pass(
			2*time.Minute + 2*time.Second,
		) // between two of its looks, so that it writes nothing now
		kept := ledger.NewMem()
		for _, key := range []string{"function", "instance/" + instance} {
			value, until, err := s.store.Store.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			// The revisions go on where they were: what was lost is a row, and not the ledger.
			for revision := uint64(0); revision < until; {
				if revision, err = kept.Put(t.Context(), key, value, revision); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.store.swap(kept)
		expect(t, s.deliver(agentStopped(other, time.Now())), "refused/unreadable")
		expect(t, s.deliver(sweepEvent))
		expect(t, s.deliver(agentStopped(other, time.Now())), "refused/unreadable")
		expect(t, owner(), "restarted/recovered")
		if s.sent(instance) != "GG" {
			t.Errorf("sent %q", s.sent(instance))
		}
		expect(t, s.deliver(agentStopped(other, time.Now())), "refused/unreadable")
		if _, err := s.ledgerOf().Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, s.deliver(agentStopped(other, time.Now())), "restarted/recovered")
	})
}

// TestSweepWithoutLedger: a timer's event never ends in an error, for the next one comes within a
// minute. The log says what is wrong; and the records that can be read are looked after.
func TestSweepWithoutLedger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, optedIn(ecssim.Guest{}))
		s.store.fail = func(int, bool) (before, after error) {
			return errors.New("ledger: nobody answers"), nil
		}
		answer, err := s.function.Invoke(t.Context(), delivery(0), []byte(sweepEvent))
		response, ok := answer.(handle.Response)
		if err != nil || !ok || response.Results == nil || len(response.Results) != 0 {
			t.Errorf("answered %+v, %v", answer, err)
		}
		if said := s.written(); strings.Count(said, "\n") != 1 ||
			!strings.Contains(said, `"msg":"sweep"`) || !strings.Contains(said, "nobody answers") {
			t.Errorf("it wrote %q", said)
		}
		// Nor does one whose invocation has no credentials.
		naked := delivery(0)
		naked.Credentials = app.Credentials{}
		if answer, err := s.function.Invoke(t.Context(), naked, []byte(sweepEvent)); err != nil {
			t.Errorf("without credentials it answered %+v, %v", answer, err)
		}
		if said := s.written(); strings.Count(said, `"msg":"sweep"`) != 2 {
			t.Errorf("it wrote %q", said)
		}
	})
}
