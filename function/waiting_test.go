package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
)

// verdicts are those that were reported about each instance, in any order: the audit log of all
// processes, without those that asked for the event again.
func (s *setting) verdicts() map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(s.platform.Output()) {
		var said struct{ Msg, InstanceID, Verdict, Reason string }
		if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "verdict" &&
			said.Verdict != "pending" {
			all[said.InstanceID] = append(all[said.InstanceID], said.Verdict+"/"+said.Reason)
		}
	}
	return all
}

// TestTwelveProcesses: twelve alarms in twelve processes at once, on one ledger, with the limits'
// defaults: twelve incidents, three at a time, and each result in the audit log. So it is where
// processes are killed in between.
//
// It runs by itself: so many processes would leave the others no time.
func TestTwelveProcesses(t *testing.T) {
	server := redisServer(t, "")
	for n, kills := range []int{0, 12} {
		t.Run(fmt.Sprintf("%d are killed", kills), func(t *testing.T) {
			twelveProcesses(t, fmt.Sprintf("redis://%s/%d", server, n), kills)
		})
	}
}

func twelveProcesses(t *testing.T, address string, kills int) {
	s := newSetting(t)
	s.platform.Concurrency = 1 // a process of its own for each
	// A call may take 2 s: the machine is a busy one.
	s.env = append(s.env, "REMEDY_LEDGER="+address, "REMEDY_LEASE=6s")
	settings, book := s.ledgerOf(time.Now)
	var ids []string
	reboot := make(chan string, 1000) // told at every first reboot
	for n := range 12 {
		id := fmt.Sprintf("i-bp1twelve%09d", n)
		s.world.Add(optedIn(id, ecssim.Guest{}))
		s.world.Change(id, ecssim.AfterCall("RebootInstance", 1),
			func(*ecssim.Instance) { reboot <- id })
		ids = append(ids, id)
	}
	processes := make([]*fcsim.Process, 16) // the timer's sweeps need some, too
	for n := range processes {
		processes[n] = s.start()
	}
	begun := time.Now()
	var sent []*fcsim.Invocation
	for n, id := range ids {
		fired := begun.Add(time.Duration(n-12) * 100 * time.Millisecond)
		sent = append(sent, s.send(fcsim.Event{Payload: []byte(kernelHang(id, fired)),
			Retries: 1000}))
	}

	left := kills
	strike := func() {
		if left > 0 {
			left--
			n := rand.IntN(len(processes))
			processes[n].Kill()
			processes[n] = s.start()
		}
	}
	sweep, blow := time.NewTicker(300*time.Millisecond), time.NewTicker(400*time.Millisecond)
	defer sweep.Stop()
	defer blow.Stop()
	var told map[string][]string
	over := func() bool {
		told = s.verdicts()
		untold := slices.ContainsFunc(ids, func(id string) bool {
			return !slices.Contains(told[id], "restarted/recovered")
		})
		fleet := book.Fleet(t.Context())
		return !untold && fleet.OK() && len(fleet.Value.Open)+len(fleet.Value.Waiting) == 0
	}
	for deadline := time.After(patience); !over(); {
		select {
		case <-sweep.C:
			s.send(fcsim.Event{Payload: []byte(timer)})
		case <-blow.C:
			strike()
		case <-reboot:
			if rand.IntN(2) == 0 {
				strike()
			}
		case <-deadline:
			t.Fatalf("the queue never ends: told %v; %+v", told, book.Fleet(t.Context()))
		}
	}
	var waited []string // in the order of their alarms
	for n, i := range sent {
		results := s.results(s.wait(i))
		if len(results) != 1 || results[0].InstanceID != ids[n] {
			t.Errorf("the answer about %s holds %+v", ids[n], results)
		}
		if ended(results) == "waiting/fleet-concurrent" {
			waited = append(waited, ids[n])
		}
	}
	if len(waited) == 0 {
		t.Error("nobody had to wait")
	}
	told = s.verdicts()
	h := s.historyOf(settings.Policy, book, ids)
	h.lawful()
	for _, id := range ids {
		if n := len(h.incidents[id]); n != 1 {
			t.Errorf("%s had %d incidents", id, n)
		}
		slices.Sort(told[id])
		want := []string{"restarted/recovered"}
		if slices.Contains(waited, id) {
			want = append(want, "waiting/fleet-concurrent")
		}
		if exact := slices.Equal(told[id], want); !exact && kills == 0 ||
			!slices.Contains(told[id], want[len(want)-1]) {
			t.Errorf("the audit log has %v about %s, want %v", told[id], id, want)
		}
	}
	t.Logf("%d waited; %d reboots in %v", len(waited), len(s.world.Reboots("")),
		time.Since(begun).Round(time.Millisecond))
	if kills > 0 {
		return // whom a killed process judged comes later
	}
	// Three have their turns at once, so one may overtake two others by a moment, and no more.
	turns := slices.Clone(waited)
	slices.SortFunc(turns, func(a, b string) int {
		return s.world.Reboots(a)[0].At.Compare(s.world.Reboots(b)[0].At)
	})
	for n, id := range waited {
		if turn := slices.Index(turns, id); turn > n+2 || turn < n-2 {
			t.Errorf("the turns were %v, and the alarms of %v", turns, waited)
		}
	}
}
