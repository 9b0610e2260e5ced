package backtest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
)

// sweepEvery is the period of the timer in a deployment.
const sweepEvery = time.Minute

// replay is a history on its way through one policy.
type replay struct {
	clock   schedule
	records *records
	guests  *guests
	tally   *tally
	handler handle.Handler
	about   handle.Invocation

	owners   uint64
	sweeping bool // the next sweep is due
	over     bool // no more are
	// waiting are the alarms that wait, by instance: their numbers, and since when.
	waiting map[string]*waiters
}

type waiters struct {
	key   string
	since time.Time
	all   []int
}

// Replay takes a history through the policy, and reports what would have come of it. An invocation
// lives as long as its incident, and the ledger never fails: what a deployment makes of both is for
// Simulate. progress is told now and then how many alarms are done; nil: nobody asks. Two replays
// of one history may go on at once.
func (h *History) Replay(p remedy.Policy, assumed Assumptions, progress func(alarms int)) (
	*Report, error) {
	account := h.Account
	if account == "" {
		account = ownAccount // where no alarm names one, that of the audit lines is as good as any
	}
	r := newReplay(p, &assumed, account, h.Region)
	defer r.clock.close()
	alarms, told := 0, 0
	if err := h.spool.ahead(func(d *delivery) {
		if d.at.IsZero() {
			d.at = h.start // it came before any that has a time
		}
		r.deliver(d, alarms)
		if alarms += max(1, len(d.alarms)); progress != nil && alarms-told >= 1000 {
			told = alarms
			progress(alarms)
		}
	}); err != nil {
		return nil, err
	}
	r.finish()
	if progress != nil {
		progress(alarms)
	}
	return r.tally.report(p, alarms), nil
}

func newReplay(p remedy.Policy, assumed *Assumptions, account, region string) *replay {
	r := &replay{tally: newTally(), waiting: map[string]*waiters{},
		about: handle.Invocation{Account: account, Region: region}}
	clock := &r.clock
	r.records = newRecords(clock, &p, r.sweepSoon)
	r.guests = newGuests(clock, assumed, p.OptInTag)
	r.guests.rebooted = func(instance string, force bool) {
		r.tally.rebooted(clock.now, instance, force)
	}
	r.handler = handle.Handler{Policy: p, Clock: clock, Ledger: r.records, Signs: r.records,
		Version: "backtest", Cloud: r.guests, Rebooter: r.guests, Name: r.name}
	return r
}

// name names owners, so that two replays of one history are the same in everything.
func (r *replay) name() string {
	r.owners++
	return "backtest-" + strconv.FormatUint(r.owners, 36)
}

// deliver lets time pass until an event arrives, and hands it to the function. Its first alarm is
// the nth of the history.
func (r *replay) deliver(d *delivery, n int) {
	if r.clock.now.IsZero() {
		r.clock.now = d.at
		r.clock.start(r.sweep) // a function that is deployed has swept before its first alarm
	}
	r.clock.run(d.at)
	now := r.clock.now
	r.records.forget()
	r.guests.forget()
	e := &event{replay: r, first: n, alarms: make([]told, len(d.alarms))}
	alarms := make([]events.Alarm, len(d.alarms))
	for i := range d.alarms {
		a := &d.alarms[i]
		alarms[i], e.alarms[i] = a.Alarm, told{instance: a.Instance, time: a.Time}
		if a.Account == ownAccount {
			alarms[i].Account = r.about.Account
		}
		r.tally.delivered(now, a.Instance)
		if a.Instance != "" && (a.firing() || a.resolved()) {
			at := a.Time
			if at.IsZero() || at.After(now) {
				at = now
			}
			r.guests.alarmed(a.Instance, a.firing(), at)
		}
	}
	if len(alarms) == 0 {
		r.tally.delivered(now, "")
		payload := d.payload
		r.clock.start(func() { r.invoke(e, payload) })
		return
	}
	r.clock.start(func() {
		handler := r.handler
		handler.Reporter = e
		handler.HandleAlarms(context.Background(), r.about, alarms)
	})
}

// finish lets what is under way come to its end. Every incident and every wait ends by itself; what
// did not would be swept for ever.
func (r *replay) finish() {
	p := &r.handler.Policy
	r.clock.run(r.clock.now.Add(24*time.Hour + 2*(p.IncidentLimit+p.AttemptTimeout+p.BootGrace+
		p.AlarmMaxAge)))
	r.over = true
	r.clock.drain()
}

// invoke hands an event to the function. Its error asks for the event again, which without
// deadlines and failures never is; that some payloads are malformed has been reported.
func (r *replay) invoke(e *event, payload []byte) {
	handler := r.handler
	handler.Reporter = e
	handler.Handle(context.Background(), r.about, payload)
}

// sweepSoon lets the timer's next sweep come where it has something to do: the others would find
// nothing, and years of them take their time.
func (r *replay) sweepSoon() {
	if r.sweeping || r.over {
		return
	}
	r.sweeping = true
	now := r.clock.now
	r.clock.startAt(now.Truncate(sweepEvery).Add(sweepEvery), func() {
		r.sweeping = false
		if r.records.fleetIsIdle() {
			return
		}
		r.sweep()
		if !r.records.fleetIsIdle() {
			r.sweepSoon()
		}
	})
}

func (r *records) fleetIsIdle() bool { return len(r.fleet.Open) == 0 && len(r.fleet.Waiting) == 0 }

// sweep is the timer's event.
func (r *replay) sweep() {
	r.invoke(&event{replay: r, sweep: true}, timerEvent(r.clock.now))
}

func timerEvent(now time.Time) []byte {
	return fmt.Appendf(nil, `{"triggerTime": %q, "triggerName": "sweep", "payload": ""}`,
		now.UTC().Format(time.RFC3339))
}

// told is an alarm of an event, and whether its result was reported.
type told struct {
	instance string
	time     time.Time
	reported bool
}

// event is one invocation, which reports its results. It implements handle.Reporter.
type event struct {
	*replay
	sweep   bool
	first   int
	alarms  []told
	results int // of its own alarms, so far: what is done for others is reported after them

	calls int    // of the ledger, so far
	asked int    // of ECS, so far
	begun func() // called when its own alarm's incident has ended; nil: nobody asks
}

// Unswept implements handle.Reporter: nothing is lost, for the ledger is this process's memory.
func (e *event) Unswept(string) {}

// Report implements handle.Reporter.
func (e *event) Report(result *remedy.Result) {
	now := e.clock.now
	code := e.tally.reported(now, result)
	if !e.sweep && e.results < max(1, len(e.alarms)) {
		e.results++
		n := e.number(result)
		e.tally.ended(n, code)
		if e.begun != nil && result.Incident != "" && (result.Verdict == remedy.VerdictRestarted ||
			result.Verdict == remedy.VerdictFailed) {
			e.begun()
		}
		if result.Verdict == remedy.VerdictWaiting {
			e.await(result, n)
		}
		return
	}
	w := e.waiting[result.InstanceID]
	if w == nil || w.key != result.Alarm.ID || result.Verdict == remedy.VerdictWaiting {
		return
	}
	delete(e.waiting, result.InstanceID)
	e.tally.waited = append(e.tally.waited, now.Sub(w.since))
	for _, n := range w.all {
		e.tally.ended(n, code)
	}
}

// number is that of the alarm which a result of this event is about.
func (e *event) number(result *remedy.Result) int {
	for i := range e.alarms {
		a := &e.alarms[i]
		if !a.reported && a.instance == result.InstanceID && a.time.Equal(result.Alarm.Time) {
			a.reported = true
			return e.first + i
		}
	}
	return e.first
}

func (r *replay) await(result *remedy.Result, n int) {
	w := r.waiting[result.InstanceID]
	if w == nil || w.key != result.Alarm.ID {
		w = &waiters{key: result.Alarm.ID, since: r.clock.now}
		r.waiting[result.InstanceID] = w
	}
	w.all = append(w.all, n)
}
