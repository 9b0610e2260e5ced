// Package lawtest checks histories against the laws that package remedy states. It is the one
// checker: the exhaustive search, the generated histories, the whole-path tests and the tests of
// the built processes all tell it what happened, each as far as it knows, and no law is written
// anywhere else.
//
// A history is told in the order of time: what was written (Stored, or Opened, Claimed and Ended
// where only the final records are known), what was read (Looked), what was sent (Called), what was
// reported (Reported). A Checker is a value: a copy goes its own way, so that a search can fork it.
package lawtest

import (
	"fmt"
	"slices"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// The laws, by the words that a broken one is named with.
const (
	S1 = "S1: no reboot without an earlier claim by the owner of the lease, none after " +
		"sendBefore"
	S2       = "S2: at most one unsettled attempt per instance"
	S3       = "S3: no force unless two graceful attempts were accepted and seen to fail"
	S4       = "S4: no reboot on readings that are old, or that forbid it"
	S5       = "S5: no incident for an alarm that is too old, or older than the last recovery"
	S5Over   = "S5: no attempt for an alarm of which the ledger says that it is over"
	S6       = "S6: cool-down, budget, incident limit and fleet limits hold across processes"
	S7       = "S7: an attempt whose outcome is unknown is never sent again"
	S8       = "S8: in observe mode, off, or paused nothing is rebooted"
	S10      = "S10: after an attempt worked, the incident sends nothing more"
	S11      = "S11: an owner whose incident is gone from the ledger sends nothing more"
	Liveness = "LIVENESS: every attempt is settled, every incident ends, every waiting alarm is " +
		"judged, every verdict is reported"
)

// Answers of ECS as they truly were, whatever arrived.
const (
	Accepted    = "accepted"     // it took effect
	Refused     = "refused"      // with any code: no effect
	WrongStatus = "wrong-status" // refused with IncorrectInstanceStatus
	Nothing     = "nothing"      // it never reached ECS, or ECS failed before it did anything
)

// Truth is which of them it was, of a call whose effect on the instance is known, by the HTTP
// status (0: there was no answer) and the error code of ECS's answer.
func Truth(effect bool, status int, code string) string {
	switch {
	case effect:
		return Accepted
	case code == "IncorrectInstanceStatus":
		return WrongStatus
	case status == 0 || status >= 500:
		return Nothing
	}
	return Refused
}

// Call is a RebootInstance that left a process.
type Call struct {
	At       time.Time
	By       string // the owner that sent it; empty: not known
	Instance string
	Force    bool
	Answer   string // Accepted, Refused, WrongStatus or Nothing, as it truly was
	// Unknown: the sender got no answer that it can trust.
	Unknown bool
	// Works: the instance truly restarted from it.
	Works bool
	// Status is the instance's true status when the call arrived; empty: not known.
	Status string
	// Basis is what the sender had read; nil: not known.
	Basis *Basis
}

// Basis is what an attempt rests on, at its claim.
type Basis struct {
	At       time.Time // of the decision to claim
	Mode     remedy.Mode
	Instance remedy.Reading[remedy.Instance]
	Vitals   remedy.Reading[remedy.Vitals]
	Platform remedy.Reading[[]remedy.PlatformEvent]
	Fleet    remedy.Reading[remedy.Fleet]
	// Came: the sender itself has seen the instance leave Running and come back, or a new
	// StartTime.
	Came bool
	// Old: some of this was read before the sender took the incident over from another owner.
	Old bool
}

// Checker is what of a history the laws need. Set Policy before the first event.
type Checker struct {
	Policy remedy.Policy
	// Lag is how much later than it left a call may be written down as arrived: a process test
	// shares a busy machine with the processes.
	Lag time.Duration
	// Unwatched: the history does not tell what was read, so gaps in the watch are not known.
	Unwatched bool

	Broken string // the first law that was broken, and how; empty: none

	attempts []attempt // of all instances, in the order of their claims
	open     []opened  // incidents between their first claim and their end
	begun    []time.Time
	ended    []remedy.Incident
	losses   []time.Time
	// lostClaims is how many of the attempts were claimed before the last loss.
	lostClaims int
	reported   []string // incidents whose verdict was reported
	judged     []string // alarms that waited, and whose end was reported
	over       []string // alarms that waited while they were resolved
	waited     []served // incidents that had a slot for which their alarm waited
	pauses     []remedy.Pause
}

// attempt is one claim, and what truly became of it.
type attempt struct {
	incident, instance, by string
	n                      int
	force                  bool
	claimed, sendBefore    time.Time
	start                  string // StartTime before it

	called   bool
	at       time.Time // when the call left, at the latest
	works    bool
	answer   string
	unknown  bool
	status   string
	lastRead time.Time
	gap      bool // nobody looked for longer than Policy.Gap before its time was over
}

// served is an incident whose alarm had waited for its slot.
type served struct{ incident, alarm string }

type opened struct {
	id, instance string
	at           time.Time
}

// violate notes the first broken law.
func (c *Checker) violate(law, format string, values ...any) {
	if c.Broken == "" {
		c.Broken = law + ": " + fmt.Sprintf(format, values...)
	}
}

// Stored tells that an instance's record was written, and derives what that means. Held is the
// lease under which it was written, by the process that wrote.
func (c *Checker) Stored(at time.Time, by string, before, after *remedy.Record) {
	old, now := before.Open, after.Open
	if now != nil {
		known := 0
		if old != nil && old.ID == now.ID {
			known = len(old.Attempts)
		} else if old != nil && len(old.Attempts) > 0 && after.Ended(old.ID) == nil {
			c.violate(S2, "%s opens while %s is open", now.ID, old.ID)
		}
		for n := known; n < len(now.Attempts); n++ {
			held := old != nil && old.ID == now.ID && old.Owner == by &&
				!now.Attempts[n].ClaimedAt.After(old.LeaseUntil)
			if !held {
				c.violate(S1, "attempt %d of %s is claimed by %s without a lease", n+1, now.ID, by)
			}
			c.Claimed(by, now, &now.Attempts[n], before)
		}
	}
	for i := range after.Recent {
		if e := &after.Recent[i]; before.Ended(e.ID) == nil {
			c.Ended(e)
		}
	}
}

// StoredFleet tells that the fleet's record was written by a process, while the instance's record
// was as given.
func (c *Checker) StoredFleet(at time.Time, by string, before, after *remedy.Fleet,
	record *remedy.Record) {
	c.queue(at, by, before, after)
	if len(after.Open) > len(before.Open) && len(after.Begun) > len(before.Begun) {
		if full, saw := before.Full(c.Policy, at); full != "" {
			c.violate(S6, "an incident begins with %s", saw)
		}
	}
	open := record.Open
	if open == nil || len(open.Attempts) == 0 {
		return
	}
	has := func(f *remedy.Fleet) bool {
		return slices.ContainsFunc(
			f.Open,
			func(s remedy.Slot) bool { return s.Incident == open.ID },
		)
	}
	if has(before) && !has(after) {
		c.violate(S6, "the slot of %s is given back before its end is written", open.ID)
	}
}

// queue checks what a write does to the alarms that wait. None leaves the queue but into a slot or
// after its end was told; none leaves a slot but back into the queue or after its incident's end
// was told; and while somebody judges one, nobody else does.
func (c *Checker) queue(at time.Time, by string, before, after *remedy.Fleet) {
	slotOf := func(fl *remedy.Fleet, instance string) *remedy.Slot {
		i := slices.IndexFunc(fl.Open, func(s remedy.Slot) bool { return s.Instance == instance })
		if i < 0 {
			return nil
		}
		return &fl.Open[i]
	}
	for i := range before.Waiting {
		w := &before.Waiting[i]
		if n := after.Place(w.Instance); n > 0 {
			held := w.By != "" && w.By != by && at.Before(w.LeaseUntil)
			if now := &after.Waiting[n-1]; held && (now.By != w.By ||
				!now.LeaseUntil.Equal(w.LeaseUntil)) {
				c.violate(S2, "%s takes the alarm about %s, which %s judges", by, w.Instance, w.By)
			}
			continue
		}
		slot := slotOf(after, w.Instance)
		moved := slot != nil && slot.Waiter != nil && slot.Waiter.Alarm.Key == w.Alarm.Key
		if !moved && !slices.Contains(c.judged, waits(w)) {
			c.violate(Liveness, "the alarm about %s leaves the queue, and nobody was told",
				w.Instance)
		}
		if !moved { // the same alarm delivered once more is another one that waits
			c.over = slices.DeleteFunc(slices.Clone(c.over), func(o string) bool {
				return o == since(w)
			})
		}
	}
	for i := range after.Open {
		if s := &after.Open[i]; s.Waiter != nil && !c.Waited(s.Incident) {
			c.waited = append(slices.Clip(c.waited), served{s.Incident, since(s.Waiter)})
		}
		if after.Place(after.Open[i].Instance) > 0 {
			c.violate(S6, "an alarm about %s waits, and has a slot", after.Open[i].Instance)
		}
	}
	for i := range before.Open {
		s := &before.Open[i]
		gone := s.Waiter != nil && slotOf(after, s.Instance) == nil
		if gone && after.Place(s.Instance) == 0 && !slices.Contains(c.reported, s.Incident) {
			c.violate(Liveness, "%s leaves its slot, and nobody was told its end", s.Incident)
		}
	}
	if len(after.Waiting) > len(before.Waiting) && len(after.Open) >= len(before.Open) &&
		len(after.Waiting) > c.Policy.FleetWaiting {
		c.violate(S6, "%d alarms wait", len(after.Waiting))
	}
	for i := range after.Waiting {
		w := &after.Waiting[i]
		if i > 0 && after.Waiting[i-1].Compare(*w) >= 0 || after.Place(w.Instance) != i+1 {
			c.violate(S6, "the alarm about %s does not wait in its place", w.Instance)
		}
	}
}

// Resolved tells that a resolved alarm was answered while the one that it is about waited.
func (c *Checker) Resolved(w *remedy.Waiter) { c.over = append(slices.Clip(c.over), since(w)) }

// since names an alarm that waits, and no other delivery of it.
func since(w *remedy.Waiter) string { return waits(w) + " " + w.Since.Format(time.RFC3339Nano) }

// waits names an alarm that waits.
func waits(w *remedy.Waiter) string { return w.Instance + " " + w.Alarm.Key }

// Judged tells that the end of an alarm that had waited was reported.
func (c *Checker) Judged(w *remedy.Waiter) { c.judged = append(slices.Clip(c.judged), waits(w)) }

// Waited reports whether the incident's alarm had waited for its slot: nobody delivers it again.
func (c *Checker) Waited(incident string) bool {
	return slices.ContainsFunc(c.waited, func(s served) bool { return s.incident == incident })
}

// Claimed tells that an attempt was claimed. Before is the instance's record before it; nil: not
// known.
func (c *Checker) Claimed(by string, incident *remedy.Incident, a *remedy.Attempt,
	before *remedy.Record) {
	p := &c.Policy
	for i := range c.attempts {
		e := &c.attempts[i]
		if e.instance != incident.Instance || !e.mayWork() || c.lost(e.claimed) ||
			c.abandoned(e.incident) {
			continue
		}
		switch end := e.end(p); {
		case !a.ClaimedAt.Before(end):
		case e.unknown || !e.called:
			c.violate(S7, "attempt %d of %s may have been executed, and another is claimed", e.n,
				e.incident)
		default:
			c.violate(S2, "attempt %d of %s has %v left when another is claimed", e.n, e.incident,
				end.Sub(a.ClaimedAt))
		}
	}
	if a.ClaimedAt.After(incident.OpenedAt.Add(p.IncidentLimit)) {
		c.violate(S6, "attempt %d of %s is claimed %v after it opened", a.N, incident.ID,
			a.ClaimedAt.Sub(incident.OpenedAt))
	}
	over := before != nil && before.Open != nil && before.Open.ID == incident.ID &&
		!before.Open.ResolvedAt.IsZero()
	for _, s := range c.waited {
		over = over || s.incident == incident.ID && slices.Contains(c.over, s.alarm)
	}
	if over {
		c.violate(
			S5Over,
			"attempt %d of %s is claimed after its alarm was resolved",
			a.N,
			incident.ID,
		)
	}
	if a.N == 1 {
		c.opens(incident, a.ClaimedAt)
	}
	c.attempts = append(slices.Clip(c.attempts), attempt{incident: incident.ID,
		instance: incident.Instance, by: by, n: a.N, force: a.Force, claimed: a.ClaimedAt,
		sendBefore: a.SendBefore, lastRead: a.SendBefore, start: a.Before.StartTime})
}

// mayWork reports whether the attempt may still take effect: it was not called yet, or ECS took it.
func (a *attempt) mayWork() bool { return !a.called || a.answer == Accepted || a.unknown }

// end is when the attempt's time is over, counted from the call, or from when it may have been
// sent.
func (a *attempt) end(p *remedy.Policy) time.Time {
	if a.called && !a.unknown {
		return a.at.Add(p.AttemptTimeout)
	}
	if a.called {
		return a.claimed.Add(p.AttemptTimeout)
	}
	return a.sendBefore
}

// opens checks what holds when an incident has its first claim.
func (c *Checker) opens(incident *remedy.Incident, at time.Time) {
	p := &c.Policy
	if age := incident.OpenedAt.Sub(incident.Alarm.Time); age > p.AlarmMaxAge ||
		age < -remedy.MaxSkew {
		c.violate(S5, "%s was opened for an alarm %v old", incident.ID, age)
	}
	lately, hour, busy := 0, 0, 0
	for i := range c.ended {
		e := &c.ended[i]
		if e.Instance != incident.Instance || c.lost(e.OpenedAt) || e.Forgiven {
			continue
		}
		if e.Verdict == remedy.VerdictRestarted &&
			incident.Alarm.Time.Before(e.EndedAt.Truncate(time.Second)) {
			c.violate(S5, "%s was opened for an alarm from before the recovery at %v", incident.ID,
				e.EndedAt)
		}
		if incident.OpenedAt.Before(e.EndedAt.Add(p.Cooldown)) {
			c.violate(
				S6,
				"%s opened %v after %s ended",
				incident.ID,
				incident.OpenedAt.Sub(e.EndedAt),
				e.ID,
			)
		}
		if incident.Alarm.Key != "" && e.Alarm.Key == incident.Alarm.Key {
			c.violate(S6, "the alarm of %s opened %s, too", incident.ID, e.ID)
		}
		if e.OpenedAt.After(incident.OpenedAt.Add(-p.IncidentWindow)) {
			lately++
		}
	}
	for _, o := range c.open {
		if !c.lost(o.at) {
			busy++
			if o.instance == incident.Instance {
				c.violate(S2, "%s opens while %s is open", incident.ID, o.id)
			}
		}
	}
	for _, t := range c.begun {
		if !c.lost(t) && at.Sub(t) < time.Hour {
			hour++
		}
	}
	if lately >= p.MaxIncidents {
		c.violate(S6, "%s is number %d of its instance", incident.ID, lately+1)
	}
	if busy >= p.FleetConcurrent {
		c.violate(S6, "%s is number %d at once", incident.ID, busy+1)
	}
	if hour >= p.FleetHourly {
		c.violate(S6, "%s is number %d within the hour", incident.ID, hour+1)
	}
	c.open = append(slices.Clip(c.open), opened{incident.ID, incident.Instance, at})
	c.begun = append(slices.Clip(c.begun), at)
}

// Busy tells of incidents of other instances that are under way or began before, so that limits can
// be reached by a history of few instances.
func (c *Checker) Busy(began time.Time, underWay bool) {
	if underWay {
		c.open = append(slices.Clip(c.open), opened{at: began})
	}
	c.begun = append(slices.Clip(c.begun), began)
}

// Left tells that one of the incidents of which Busy told that they are under way has ended.
func (c *Checker) Left() {
	i := slices.IndexFunc(c.open, func(o opened) bool { return o.id == "" })
	if i >= 0 {
		c.open = slices.Delete(slices.Clone(c.open), i, i+1)
	}
}

// Past tells of an incident that ended before the history begins.
func (c *Checker) Past(e remedy.Incident) { c.ended = append(slices.Clip(c.ended), e) }

// Ended tells that an incident's end was written.
func (c *Checker) Ended(e *remedy.Incident) {
	if e.Void() {
		return
	}
	c.ended = append(slices.Clip(c.ended), *e)
	c.open = slices.DeleteFunc(slices.Clone(c.open), func(o opened) bool { return o.id == e.ID })
	if e.Reason == remedy.ReasonLedgerLost && len(c.losses) == 0 {
		c.violate(Liveness, "%s ended as ledger-lost, and nothing was lost", e.ID)
	}
}

// Looked tells that the instance was read, and what it showed.
func (c *Checker) Looked(at time.Time, instance string) {
	for i := len(c.attempts) - 1; i >= 0; i-- {
		if c.attempts[i].instance != instance {
			continue
		}
		a := c.attempts[i]
		if at.Sub(a.lastRead) > c.Policy.Gap() && a.lastRead.Before(a.end(&c.Policy)) {
			a.gap = true
		}
		a.lastRead = at
		c.attempts = slices.Clone(c.attempts)
		c.attempts[i] = a
		return
	}
}

// Called tells that a RebootInstance left a process.
func (c *Checker) Called(call Call) {
	i := c.claimOf(&call)
	if i < 0 && c.lost(call.At) {
		return // so is its claim
	}
	if i < 0 {
		c.violate(
			S1,
			"a reboot of %s at %v (force %v) has no claim that still holds",
			call.Instance,
			call.At,
			call.Force,
		)
		return
	}
	c.attempts = slices.Clone(c.attempts)
	a := &c.attempts[i]
	a.called, a.at, a.status, a.works = true, call.At, call.Status, call.Works
	a.answer, a.unknown = call.Answer, call.Unknown
	if a.at.After(a.sendBefore) { // it was written down late
		a.at = a.sendBefore
	}
	if a.lastRead.Before(call.At) {
		a.lastRead = call.At
	}
	if call.Basis != nil && call.Basis.Instance.OK() {
		// What came after that reading nobody could know.
		a.status = call.Basis.Instance.Value.Status
	}
	c.ladder(a)
	for n := range c.attempts {
		// StartTime has a resolution of a minute: where it shows no change, an owner that did not
		// look while the instance was away cannot know.
		e := &c.attempts[n]
		if e.incident == a.incident && e.n < a.n && e.works && e.start != a.start {
			c.violate(
				S10,
				"attempt %d of %s is sent after attempt %d worked, and StartTime told",
				a.n,
				a.incident,
				e.n,
			)
		}
	}
	if call.Basis != nil {
		c.basis(a, call.Basis)
	}
	for _, pause := range c.pauses {
		if a.claimed.Sub(pause.Since) > c.Policy.CallLimit() && pause.On(a.claimed) {
			c.violate(S8, "attempt %d of %s is claimed %v after a pause", a.n, a.incident,
				a.claimed.Sub(pause.Since))
		}
	}
	for n := range c.lostClaims {
		if e := &c.attempts[n]; i >= c.lostClaims && e.by != "" && e.by == a.by {
			c.violate(S11, "attempt %d of %s is sent by %s, whose incident was lost", a.n,
				a.incident,
				a.by)
		}
	}
	for _, at := range c.losses {
		if a.claimed.Before(at) && call.At.Sub(at) > c.Policy.CallLimit()+c.Lag {
			c.violate(
				S11,
				"attempt %d of %s is sent %v after its incident was lost",
				a.n,
				a.incident,
				call.At.Sub(at),
			)
		}
	}
}

// claimOf finds the claim that the call belongs to, which no other call has used; -1: none. One
// that the call was in time for comes before one that it is late for: of an attempt that was
// claimed and never sent there is no call.
func (c *Checker) claimOf(call *Call) int {
	for _, lag := range []time.Duration{0, c.Lag} {
		for i := range c.attempts {
			a := &c.attempts[i]
			inTime := !call.At.Before(a.claimed) && !call.At.After(a.sendBefore.Add(lag))
			if !a.called && a.instance == call.Instance && a.force == call.Force && inTime &&
				(call.By == "" || a.by == call.By) {
				return i
			}
		}
	}
	return -1
}

// ladder checks the order of an incident's attempts as they truly went.
func (c *Checker) ladder(a *attempt) {
	failed, accepted := 0, false
	for i := range c.attempts {
		e := &c.attempts[i]
		if e.incident != a.incident || e.n >= a.n || !e.called {
			continue
		}
		over := !a.claimed.Before(e.at.Add(c.Policy.AttemptTimeout))
		watched := c.Unwatched || !e.gap
		stuck := e.answer == WrongStatus && accepted
		if !e.force && !e.unknown && (e.answer == Accepted || stuck) && over && watched {
			failed++
		}
		accepted = accepted || e.answer == Accepted
	}
	if a.force && failed < 2 {
		c.violate(
			S3,
			"attempt %d of %s is forced after %d graceful failures",
			a.n,
			a.incident,
			failed,
		)
	}
	if a.status == "" || a.status == "Running" || len(c.losses) > 0 {
		return // what two owners do who cannot know of each other is no doing of ours
	}
	if a.answer == Accepted && (a.status != "Stopping" || !accepted) {
		c.violate(
			S4,
			"attempt %d of %s is sent to an instance that is %s",
			a.n,
			a.incident,
			a.status,
		)
	}
}

// basis checks what the sender had read.
func (c *Checker) basis(a *attempt, b *Basis) {
	old := b.At.Add(-c.Policy.CallLimit())
	for _, at := range []time.Time{b.Instance.At, b.Vitals.At, b.Platform.At} {
		if at.Before(old) {
			c.violate(
				S4,
				"attempt %d of %s rests on a reading %v old",
				a.n,
				a.incident,
				b.At.Sub(at),
			)
		}
	}
	if bad := Unfit(&c.Policy, b, a.force); bad != "" {
		c.violate(S4, "attempt %d of %s is sent, and the last reading was %s", a.n, a.incident, bad)
	}
	if b.Mode != remedy.ModeEnforce {
		c.violate(S8, "attempt %d of %s is sent in mode %q", a.n, a.incident, b.Mode)
	}
	if !b.Fleet.OK() || b.Fleet.Value.Paused.On(b.At) {
		c.violate(S8, "attempt %d of %s is sent while paused, or without looking", a.n, a.incident)
	}
	if b.Old {
		c.violate(S4, "attempt %d of %s rests on a reading from before its owner held the incident",
			a.n, a.incident)
	}
	if b.Came {
		c.violate(
			S10,
			"attempt %d of %s is sent after an earlier one was seen to work",
			a.n,
			a.incident,
		)
	}
}

// Unfit says why an instance must not be rebooted, by its last readings; empty: it may.
func Unfit(p *remedy.Policy, b *Basis, force bool) string {
	i := &b.Instance.Value
	grant := i.Tags[p.OptInTag]
	switch {
	case !b.Instance.OK() || !i.LocksKnown || !b.Platform.OK() || p.SecondCheck && !b.Vitals.OK():
		return "unreadable"
	case i.Status != "Running" && i.Status != "Stopping":
		return "of an instance that is " + i.Status
	case len(i.Locks) > 0:
		return "locked"
	case i.ChargeType == "PrePaid" && !b.Instance.Date.Before(i.ExpiredTime):
		return "expired"
	case grant != "true" && (grant != "graceful" || force):
		return "not opted in"
	case p.SecondCheck && !b.Vitals.Value.Heartbeat.IsZero() &&
		b.Vitals.Date.Sub(b.Vitals.Value.Heartbeat) < p.HeartbeatFresh:
		return "alive"
	}
	for _, e := range b.Platform.Value {
		if e.Status == "Executing" && e.Type != "InstanceFailure.PerformanceImpact" {
			return "under the platform's hands"
		}
	}
	return ""
}

// Paused tells that the operator paused everything.
func (c *Checker) Paused(pause remedy.Pause) { c.pauses = append(slices.Clip(c.pauses), pause) }

// Resumed tells that the operator ended every pause.
func (c *Checker) Resumed(at time.Time) {
	c.pauses = slices.Clone(c.pauses)
	for i := range c.pauses {
		if p := &c.pauses[i]; p.On(at) {
			p.Until = at
		}
	}
}

// Lost tells that the ledger lost its data. What was written before that binds nobody who did not
// see it; whoever owned an incident sends nothing more for it.
func (c *Checker) Lost(at time.Time) {
	c.losses, c.lostClaims = append(slices.Clip(c.losses), at), len(c.attempts)
	c.open = slices.DeleteFunc(slices.Clone(c.open), func(o opened) bool { return o.id != "" })
}

// lost reports whether the ledger has lost what was written at the given time.
func (c *Checker) lost(at time.Time) bool {
	return slices.ContainsFunc(c.losses, func(loss time.Time) bool { return !at.After(loss) })
}

// abandoned reports whether an operator ended the incident by hand, with what was under way.
func (c *Checker) abandoned(incident string) bool {
	return slices.ContainsFunc(c.ended, func(e remedy.Incident) bool {
		return e.ID == incident && e.Reason == remedy.ReasonAbandoned
	})
}

// Reported tells that a result was reported. The end of an incident is written before it is
// reported.
func (c *Checker) Reported(r *remedy.Result) {
	if r == nil || r.Incident == "" || r.Verdict == remedy.VerdictPending {
		return
	}
	c.reported = append(slices.Clip(c.reported), r.Incident)
	if !slices.ContainsFunc(c.ended, func(e remedy.Incident) bool {
		return e.ID == r.Incident && e.Verdict == r.Verdict && e.Reason == r.Reason
	}) {
		c.violate(Liveness, "%s is reported as %s/%s before that is written", r.Incident, r.Verdict,
			r.Reason)
	}
}

// Unreported are the incidents that have ended, and whose verdict nobody has reported.
func (c *Checker) Unreported() []remedy.Incident {
	var silent []remedy.Incident
	for _, e := range c.ended {
		told := slices.Contains(c.reported, e.ID) || e.Reason == remedy.ReasonAbandoned
		if !told && len(e.Attempts) > 0 && !c.lost(e.EndedAt) {
			silent = append(silent, e)
		}
	}
	return silent
}

// Over tells that the history is over: nothing may be left under way.
func (c *Checker) Over() {
	for _, o := range c.open {
		if o.id != "" {
			c.violate(Liveness, "%s never ended", o.id)
		}
	}
	for _, e := range c.Unreported() {
		c.violate(Liveness, "nobody was told that %s ended %s/%s", e.ID, e.Verdict, e.Reason)
	}
}

// Incidents tells a history of which only the final records are known, in the order of time. Of
// what happened at one instant an incident's end comes after its claims and calls, and before
// whatever begins.
func (c *Checker) Incidents(all []remedy.Incident, calls []Call) {
	type event struct {
		at   time.Time
		rank int
		tell func()
	}
	const ends, claims, sends, answers, endsAtOnce = 0, 1, 2, 3, 4
	var events []event
	for i := range all {
		incident, end := &all[i], ends
		for n := range incident.Attempts {
			a := &incident.Attempts[n]
			events = append(events, event{a.ClaimedAt, claims, func() {
				c.Claimed("", incident, a, nil)
			}})
			if a.Answer == remedy.AnswerNotExecuted {
				events = append(events, event{a.AnsweredAt, answers, func() {
					c.unsent(incident.ID, a.N)
				}})
			}
			if n > 0 {
				c.order(incident, &incident.Attempts[n-1], a)
			}
			if !a.ClaimedAt.Before(incident.EndedAt) || !a.AnsweredAt.Before(incident.EndedAt) {
				end = endsAtOnce
			}
		}
		if incident.EndedAt.IsZero() {
			continue // that it never ends is for Over to say
		}
		events = append(events, event{incident.EndedAt, end, func() { c.Ended(incident) }})
	}
	for i := range calls {
		events = append(events, event{calls[i].At, sends, func() { c.Called(calls[i]) }})
	}
	slices.SortStableFunc(events, func(a, b event) int {
		if d := a.at.Compare(b.at); d != 0 {
			return d
		}
		return a.rank - b.rank
	})
	for _, e := range events {
		e.tell()
	}
}

// unsent takes the owner's word that an attempt of which nothing arrived was not executed.
func (c *Checker) unsent(incident string, n int) {
	for i := range c.attempts {
		if a := &c.attempts[i]; a.incident == incident && a.n == n && !a.called {
			a.called, a.at, a.answer = true, a.claimed, Nothing
		}
	}
}

// order checks two attempts of one incident as the ledger has them.
func (c *Checker) order(incident *remedy.Incident, before, a *remedy.Attempt) {
	switch before.Outcome() {
	case remedy.OutcomeClaimed, remedy.OutcomeAccepted, remedy.OutcomeUnknown:
		c.violate(S2, "%s: attempt %d was claimed while the one before was %s", incident.ID, a.N,
			before.Outcome())
	case remedy.OutcomeWorked:
		if !before.BackAt.IsZero() && a.ClaimedAt.Before(before.BackAt) {
			return // it worked only after that
		}
		c.violate(S10, "%s: attempt %d was claimed after one that worked", incident.ID, a.N)
	}
}

// Digest tells two checkers apart that may judge the same future differently. It is for a search
// that remembers where it has been.
func (c *Checker) Digest() string {
	b := make([]byte, 0, 256)
	when := func(t time.Time) { b = t.AppendFormat(b, "150405.000") }
	flag := func(set bool) {
		if set {
			b = append(b, '1')
		} else {
			b = append(b, '0')
		}
	}
	for i := range c.attempts {
		a := &c.attempts[i]
		b = append(b, a.answer...)
		when(a.claimed)
		when(a.lastRead)
		when(a.at)
		flag(a.gap)
		flag(a.called)
	}
	b = append(b, byte(len(c.open)), byte(len(c.ended)), byte(len(c.losses)), byte(len(c.pauses)))
	for _, id := range c.reported {
		b = append(b, id...)
	}
	b = append(b, byte(len(c.judged)), byte(len(c.waited)), byte(len(c.over)))
	return string(b)
}
