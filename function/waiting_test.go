package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
	"ecs-remedy/function/internal/remedy"
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
			twelveProcesses(t, server, n, kills)
		})
	}
}

func twelveProcesses(t *testing.T, server string, db, kills int) {
	s := newSetting(t)
	turns := watchTurns(t, server, db)
	s.platform.Concurrency = 1 // a process of its own for each
	// A call may take 2 s: the machine is a busy one.
	s.env = append(s.env, fmt.Sprintf("REMEDY_LEDGER=redis://%s/%d", server, db), "REMEDY_LEASE=6s")
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
	last := book.Fleet(t.Context()).Value.Revision
	s.until("the last write of the fleet's record is seen", func() bool {
		return turns.seen() >= last
	})
	had := turns.fair(t, settings.Policy, ids)
	for _, id := range waited {
		if !had[id] {
			t.Errorf("%s waited, and was never seen to have its turn", id)
		}
	}
}

// turns is what was written to the fleet's record, one write after the other.
type turns struct {
	mu     sync.Mutex
	fleets []remedy.Fleet
}

// watchTurns has the server tell of every write, from now on until the test ends.
func watchTurns(t *testing.T, server string, db int) *turns {
	t.Helper()
	c, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	lines := bufio.NewReader(c)
	if _, err := io.WriteString(c, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	if said, err := lines.ReadString('\n'); err != nil || said != "+OK\r\n" {
		t.Fatalf("MONITOR was answered %q, %v", said, err)
	}
	w := &turns{}
	// As the script writes it, which is where it takes effect.
	source := fmt.Sprintf("[%d lua] ", db)
	go func() {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // the test is over, or it waits in vain and says so
			}
			_, command, is := strings.Cut(line, source)
			if !is {
				continue
			}
			var words []string
			for command != "" {
				quoted, err := strconv.QuotedPrefix(command)
				if err != nil {
					break
				}
				word, err := strconv.Unquote(quoted)
				if err != nil {
					break
				}
				words = append(words, word)
				command = strings.TrimSpace(command[len(quoted):])
			}
			w.wrote(words)
		}
	}()
	return w
}

// wrote takes a command, if it is one that writes the fleet's record.
func (w *turns) wrote(words []string) {
	if len(words) < 2 || words[0] != "HSET" || words[1] != "ecs-remedy/fleet" {
		return
	}
	var fleet remedy.Fleet
	for n := 2; n+1 < len(words); n += 2 {
		switch words[n] {
		case "revision":
			fleet.Revision, _ = strconv.ParseUint(words[n+1], 10, 64) // 0 is never the last
		case "value": // of it only what the fields of the same names hold is looked at
			if json.Unmarshal([]byte(words[n+1]), &fleet) != nil {
				return
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fleets = append(w.fleets, fleet)
}

// seen is the revision of the last write that was seen.
func (w *turns) seen() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.fleets) == 0 {
		return 0
	}
	return w.fleets[len(w.fleets)-1].Revision
}

// fair checks every turn that was given: whoever has an older alarm and waits for its turn has a
// free slot, too, and nobody gets one without waiting while an older alarm waits. It returns who
// had a turn. The instances are in the order of their alarms.
func (w *turns) fair(t *testing.T, policy remedy.Policy, ids []string) map[string]bool {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	had := map[string]bool{}
	before := remedy.Fleet{}
	for _, after := range w.fleets {
		now := after.Written
		// older is how many in the record wait for their turn and are before the instance.
		older := func(fleet remedy.Fleet, instance string) (n int) {
			for _, waiter := range fleet.Waiting {
				if !waiter.Judged(policy, now) &&
					slices.Index(ids, waiter.Instance) < slices.Index(ids, instance) {
					n++
				}
			}
			return n
		}
		for _, slot := range after.Open {
			known := slices.ContainsFunc(before.Open, func(s remedy.Slot) bool {
				return s.Incident == slot.Incident
			})
			if n := older(before, slot.Instance); !known && slot.Waiter == nil && n > 0 {
				t.Errorf("%s does not wait, and %d older alarms do: %+v", slot.Instance, n, after)
			}
		}
		free := policy.FleetConcurrent - len(after.Open)
		var turns []string
		for _, waiter := range after.Waiting {
			if !waiter.Judged(policy, now) {
				continue
			}
			free--
			at := before.Place(waiter.Instance)
			if at == 0 || before.Waiting[at-1].By != waiter.By {
				turns = append(turns, waiter.Instance)
			}
		}
		for _, instance := range turns {
			had[instance] = true
			if n := older(after, instance); n > max(free, 0) {
				t.Errorf("%s has its turn, %d older alarms wait, and %d slots are free: %+v",
					instance, n, free, after)
			}
		}
		before = after
	}
	return had
}
