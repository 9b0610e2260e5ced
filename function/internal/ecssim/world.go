// Package ecssim is a small ECS world, for tests and drills: instances as state machines that pass
// through their statuses in the time of a Clock, and the ECS RPC API (version 2014-05-26) in front
// of them, with the gateway's checks of signature, token, time and nonce, RAM permissions, and
// faults before and after the effect. It speaks in process (World.RoundTripper) and on a port
// (World.Listen), and remembers every call, so that it can be asked afterwards what really
// happened.
//
// Sources: the ECS API documents of each operation, "Request signatures", "Common errors" and
// "Instance lifecycle". Where they are silent or disagree, Guest has an option for each
// possibility. Nothing but the standard library is used.
package ecssim

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"
)

// World is a simulated ECS. The exported fields are set before its first use; the methods are safe
// for concurrent use.
type World struct {
	// CallLimit is how long a client waits for an answer that never comes, on the World's clock.
	// Zero: until the request's context ends, which is right for the wall clock and in a
	// testing/synctest bubble. New sets 10 s for a Virtual.
	CallLimit time.Duration
	// Latency is how long every call takes before it arrives.
	Latency time.Duration
	// Skew is how far ECS's clock is ahead of Clock: in its Date, its heartbeats, its times, and
	// its check of timestamps.
	Skew time.Duration
	// SigningClock is what callers take the Timestamp of their requests from; nil: the World's
	// clock. The SDK takes it from the machine's, which is another one where the World's is a
	// Virtual.
	SigningClock func() time.Time

	clock Clock

	mu     sync.Mutex
	ids    []string // in the order of Add
	by     map[string]*machine
	keys   map[string]*Key
	policy *Policy // nil: everything is allowed
	nonces map[string]bool
	faults []*fault
	calls  []*Call
	// serials is how many RequestIds each instance had.
	serials map[string]int
}

// New returns an empty World with the default Key.
func New(clock Clock) *World {
	w := &World{clock: clock, by: map[string]*machine{}, keys: map[string]*Key{},
		nonces: map[string]bool{}, serials: map[string]int{}}
	if _, virtual := clock.(*Virtual); virtual {
		w.CallLimit = 10 * time.Second
	}
	w.SetKey(Key{})
	return w
}

// now is the time by ECS's clock.
func (w *World) now() time.Time { return w.clock.Now().Add(w.Skew) }

// Add puts an instance into the World, in place of an older one with the same ID.
func (w *World) Add(i Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[i.ID] == nil {
		w.ids = append(w.ids, i.ID)
	}
	w.by[i.ID] = newMachine(i, w.now())
}

// Instance is where an instance stands now; the zero State where there is none with that id. It is
// never a read that lags.
func (w *World) Instance(id string) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.settle()
	m := w.by[id]
	if m == nil {
		return State{}
	}
	return State{Instance: m.Instance.clone(), Heartbeat: m.heartbeat(now), Restarts: m.restarts}
}

// settle lets everything happen that is due, and returns the time.
func (w *World) settle() time.Time {
	now := w.now()
	for _, id := range w.ids {
		w.by[id].settle(now)
	}
	return now
}

// When is the moment of a change: made by AtTime, BeforeCall, AfterCall or OnStatus.
type When struct {
	at     time.Time
	action string
	nth    int
	after  bool
	status string
}

// AtTime is a time of the World's clock.
func AtTime(t time.Time) When { return When{at: t} }

// BeforeCall is just before the nth call of an action (1 is the next one) has its effect. Calls
// count that name the instance, pass the gateway's checks, and are no dry runs.
func BeforeCall(action string, nth int) When { return When{action: action, nth: nth} }

// AfterCall is just after the nth call of an action, counted in the same way, whether it had an
// effect or not. A call that a fault met before its effect does not count.
func AfterCall(action string, nth int) When { return When{action: action, nth: nth, after: true} }

// OnStatus is the next time that the instance enters a status.
func OnStatus(status string) When { return When{status: status} }

// change is what somebody else does to an instance, once.
type change struct {
	when When
	do   func(*Instance)
}

// Change lets somebody else change an instance at a moment, once. If do sets Status, whatever was
// under way is over, and Running means that the guest boots; if it sets Guest.Agent, the agent
// falls silent or begins to report. It must not call the World.
func (w *World) Change(id string, at When, do func(*Instance)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.by[id]
	if m == nil {
		panic(fmt.Sprintf("ecssim: no instance %q to change", id))
	}
	if !at.at.IsZero() {
		at.at = at.at.Add(w.Skew)
	}
	m.pendingChanges = append(m.pendingChanges, &change{when: at, do: do})
}

// changeAround makes the changes that are bound to a call.
func (w *World) changeAround(c *Call, after bool) {
	if c.DryRun {
		return
	}
	now := w.settle()
	for _, id := range c.Instances {
		m := w.by[id]
		if m == nil {
			continue
		}
		for _, ch := range slices.Clone(m.pendingChanges) {
			if ch.when.action != c.Action || ch.when.after != after {
				continue
			}
			if ch.when.nth--; ch.when.nth <= 0 {
				m.apply(ch, now)
			}
		}
	}
}

// Call is one request that arrived.
type Call struct {
	At            time.Time // by the World's clock, when it arrived
	Action        string
	Region        string
	Host, Scheme  string   // where it was sent
	Instance      string   // the first of Instances
	Instances     []string // those that the request names
	Force, DryRun bool
	// of Instance, when it arrived: the truth, not what a read would have shown
	StatusBefore string
	Key          string // AccessKeyId
	Params       url.Values

	HTTP      int    // the status of the answer; 0: none was given
	Code      string // the error code of the answer
	RequestID string // the platform's, whether it was delivered or not
	Reject    string // why the request itself was bad
	Effect    bool   // RebootInstance: the platform accepted and began it, whatever the answer was
	Works     bool   // RebootInstance: the guest restarts from it
	Fault     Kind   // the fault that it met
}

// Calls is everything that arrived, in that order. Signatures and tokens are left out of Params.
func (w *World) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := make([]Call, len(w.calls))
	for n, c := range w.calls {
		calls[n] = *c
		calls[n].Instances = slices.Clone(c.Instances)
		calls[n].Params = maps.Clone(c.Params)
	}
	return calls
}

// Reboots is every RebootInstance for an instance, or for any where id is empty. Dry runs are left
// out, refused calls not.
func (w *World) Reboots(id string) []Call {
	return slices.DeleteFunc(w.Calls(), func(c Call) bool {
		return c.Action != "RebootInstance" || c.DryRun || id != "" && c.Instance != id
	})
}

// sleep lets time pass without holding the World. The caller holds it before and after.
func (w *World) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Unlock()
	defer w.mu.Lock()
	return w.clock.Sleep(ctx, d)
}

// requestID is the next RequestId of the call's first instance: a UUID in form, the same in every
// run in which the calls about that instance come in the same order. What is done about others at
// the same time changes nothing.
func (w *World) requestID(c *Call) string {
	w.serials[c.Instance]++
	nth := max(0, slices.Index(w.ids, c.Instance)) & 0xFFF
	return fmt.Sprintf("EC500000-2014-4526-8%03X-%012X", nth, w.serials[c.Instance])
}
