package main_test

import (
	"cmp"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/lawtest"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// history is what the world and the ledger know of everything that happened.
type history struct {
	s         *setting
	policy    remedy.Policy
	incidents map[string][]remedy.Incident // by instance, in the order of their opening
	calls     map[string][]ecssim.Call     // RebootInstance, by instance, as they arrived
}

// historyOf reads the instances' records. An incident that is still open is one that never ended:
// that fails the test.
func (s *setting) historyOf(policy remedy.Policy, book *ledger.Records, ids []string) history {
	s.Helper()
	h := history{s: s, policy: policy, incidents: map[string][]remedy.Incident{},
		calls: map[string][]ecssim.Call{}}
	for _, id := range ids {
		record := book.Record(s.Context(), id)
		if !record.OK() {
			s.Fatalf("the record of %s: %s", id, record.Note)
		}
		if open := record.Value.Open; underWay(open, policy) {
			s.Errorf("incident %s never ended: %+v", open.ID, *open)
		}
		text, err := json.Marshal(record.Value)
		if err != nil {
			s.Fatal(err)
		}
		s.recorded = append(s.recorded, text...)
		incidents := slices.DeleteFunc(slices.Clone(record.Value.Recent),
			func(i remedy.Incident) bool { return i.Void() })
		slices.SortFunc(incidents, func(a, b remedy.Incident) int {
			return a.OpenedAt.Compare(b.OpenedAt)
		})
		h.incidents[id] = incidents
		h.calls[id] = s.world.Reboots(id)
	}
	return h
}

// underWay reports whether the open incident still has to end. An opening that nobody has claimed
// when its lease is over is void: without a slot nothing is to be done about it.
func underWay(open *remedy.Incident, policy remedy.Policy) bool {
	return open != nil && (len(open.Attempts) > 0 || open.Held(policy, time.Now()))
}

// lawful checks the laws on what ECS really got and what the ledger holds. Lost tells when the
// ledger lost its data.
func (h *history) lawful(lost ...time.Time) {
	h.s.Helper()
	for _, call := range h.s.world.Calls() {
		switch {
		case call.Action == "StopInstance" || call.Action == "StartInstance" ||
			call.Action == "RebootInstances":
			h.s.Errorf("%s was called", call.Action)
		case call.Reject != "":
			h.s.Errorf("%s was a bad request: %s", call.Action, call.Reject)
		case call.Action == "RebootInstance" && call.Instance == "":
			h.s.Error("RebootInstance named no instance")
		}
	}
	laws := lawtest.Checker{Policy: h.policy, Lag: lag + 3*h.s.slowness(), Unwatched: true}
	var incidents []remedy.Incident
	var calls []lawtest.Call
	for id := range h.incidents {
		for _, i := range h.incidents[id] {
			if len(i.Attempts) == 0 {
				h.s.Errorf("%s holds no attempt", i.ID)
			}
			incidents = append(incidents, i)
		}
		for _, call := range h.calls[id] {
			calls = append(calls, lawtest.Call{At: call.At, Instance: id, Force: call.Force,
				Answer:  lawtest.Truth(call.Effect, call.HTTP, call.Code),
				Unknown: call.HTTP != 200 && call.Effect, Works: call.Works})
		}
	}
	slices.SortFunc(incidents, func(a, b remedy.Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	for _, at := range lost {
		laws.Lost(at)
	}
	laws.Incidents(incidents, calls)
	if laws.Broken != "" {
		h.s.Errorf("%s (lag %v)", laws.Broken, laws.Lag)
		for _, i := range incidents {
			if strings.Contains(laws.Broken, i.Instance) {
				h.s.Logf("incident %+v\ncalls %+v", i, h.calls[i.Instance])
			}
		}
	}
	for _, i := range incidents {
		if i.Verdict == remedy.VerdictRestarted && h.s.world.Instance(i.Instance).Restarts == 0 {
			h.s.Errorf("%s ended restarted, and the instance never restarted", i.ID)
		}
	}
}

// lag is how long after it left a process a call may be written down as arrived, on a machine that
// is not busy. An owner that sends after a freeze of 2.3 s or more is later: the claim gives it 0.7
// s of these at most.
const lag = 1500 * time.Millisecond

// pace is how slow this machine is: the longest that something small took, of what was tried all
// the time beside the tests.
type pace struct{ longest atomic.Int64 }

// slowness is how long something small took at worst. The simulator does more for a call, so it may
// have been later by a small multiple of that: what was in time must not be taken for late.
func (s *setting) slowness() time.Duration { return time.Duration(s.pace.longest.Load()) }

// watch measures until stop is closed: a connection is made, accepted and answered, as the
// simulator's are. It returns at once.
func (p *pace) watch(stop <-chan struct{}) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "!") // whoever asked measures how long that took
			c.Close()
		}
	}()
	go func() {
		defer listener.Close()
		const every = 50 * time.Millisecond
		for {
			before := time.Now()
			select {
			case <-stop:
				return
			case <-time.After(every):
			}
			if c, err := net.Dial("tcp", listener.Addr().String()); err == nil {
				io.ReadAll(c) // nothing but how long it took matters
				c.Close()
			}
			if took := int64(time.Since(before) - every); took > p.longest.Load() {
				p.longest.Store(took)
			}
		}
	}()
	return nil
}
