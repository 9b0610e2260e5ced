package remedy

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"ecs-remedy/events"
)

// This file is about alarms that wait for a slot: when one does, whose turn it is, and how it is
// judged again. An alarm that waits was let through by every guard but the fleet's limit, so the
// queue holds only what could be restarted. Its turn goes
//
//	the lease on it in the fleet's record -> judged like any alarm -> the answer -> out of it
//	... -> the opening in the instance's record -> it moves into its slot, in one write -> claim
//	... -> the end in the instance's record -> the answer -> the slot is given back
//
// so that a crash between any two loses none: whoever looks next finds it in the queue or in a
// slot, and nothing leaves either before its end was told. A crash after that makes it be told
// twice.

// Waiter is an alarm that waits for a slot. An instance has one at most.
type Waiter struct {
	Alarm      WaitingAlarm `json:"alarm"`
	Instance   string       `json:"instance"`
	Region     string       `json:"region,omitempty"`
	Since      time.Time    `json:"since"`
	ResolvedAt time.Time    `json:"resolvedAt,omitzero"` // it was reported resolved meanwhile
	// By is who judges it now, while the lease runs.
	By         string    `json:"by,omitempty"`
	LeaseUntil time.Time `json:"leaseUntil,omitzero"`
}

// WaitingAlarm is all of an alarm that it takes to judge it again and to tell its end. It is
// stored: never change a field's meaning.
type WaitingAlarm struct {
	AlarmRef
	Weak        bool   `json:"weak,omitempty"`
	Account     string `json:"account"`
	Product     string `json:"product,omitempty"`
	Event       string `json:"event,omitempty"`
	EventStatus string `json:"eventStatus,omitempty"`
	Metric      string `json:"metric,omitempty"`
}

// WaiterSize is how many bytes an alarm that waits takes in the ledger at most, whoever judges it.
const WaiterSize = 1 << 10

// waiter is the facts' alarm as it would wait from now on.
func (f *Facts) waiter() Waiter {
	a := &f.Alarm
	return Waiter{Instance: a.Instance, Region: f.InstanceRegion(), Since: f.Now.UTC(),
		Alarm: WaitingAlarm{AlarmRef: refer(a), Weak: a.Weak, Account: a.Account,
			Product: a.Product,
			Event:   a.Event, EventStatus: a.EventStatus, Metric: a.Metric}}
}

// cut shortens the name of the alarm until all of it has room; false: it has none even without a
// name.
func (w Waiter) cut() (Waiter, bool) {
	const ellipsis = "…"
	name := w.Alarm.Name
	for w.size() > WaiterSize {
		if name == "" {
			return w, false
		}
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
		w.Alarm.Name = name + ellipsis
	}
	return w, true
}

// size is how many bytes the waiter takes at most while it waits.
func (w Waiter) size() int {
	longest := time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC)
	w.ResolvedAt, w.LeaseUntil = longest, longest
	w.By = "an owner's name has 26 letters at most, or it is not one of ours"
	text, err := json.Marshal(w)
	if err != nil { // a time beyond the year 9999
		return WaiterSize + 1
	}
	return len(text)
}

// alarm is the alarm as it was received, as far as it was kept.
func (w *Waiter) alarm() events.Alarm {
	a := &w.Alarm
	return events.Alarm{
		Format: events.Format(a.Format), Name: a.Name, Rule: a.Rule, State: events.State(a.State),
		RawState: a.State, Weak: a.Weak, Level: a.Level, Key: a.Key, Time: a.Time,
		Account: a.Account, Region: w.Region, Instance: w.Instance, Product: a.Product,
		Event: a.Event, EventStatus: a.EventStatus, Metric: a.Metric,
	}
}

// is reports whether the waiter is this very alarm.
func (w *Waiter) is(a *events.Alarm) bool {
	return w.Instance == a.Instance && w.Alarm.Key == a.Key && w.Alarm.Time.Equal(a.Time)
}

// Compare orders alarms as they get their slots: by their times, then by how long they have waited,
// and those of one event by their instances.
func (w Waiter) Compare(other Waiter) int {
	return cmp.Or(w.Alarm.Time.Compare(other.Alarm.Time), w.Since.Compare(other.Since),
		cmp.Compare(w.Instance, other.Instance))
}

// leased reports whether somebody judges the alarm now, as far as the lease tells. A lease that
// ends later than any of ours could holds nothing.
func (w *Waiter) leased(p *Policy, now time.Time) bool {
	return now.Before(p.Takeover(w.LeaseUntil)) && !p.absurd(w.LeaseUntil, now)
}

// Judged reports whether somebody judges the alarm at this moment.
func (w *Waiter) Judged(p Policy, now time.Time) bool { return w.leased(&p, now) }

// wants reports whether the alarm may still come to a slot: it was not resolved, and is not too
// old.
func (w *Waiter) wants(p *Policy, now time.Time) bool {
	return w.ResolvedAt.IsZero() && now.Sub(w.Alarm.Time) <= p.AlarmMaxAge
}

// Place is the number of the instance's alarm among those that wait, from 1; 0: none does.
func (fl *Fleet) Place(instance string) int {
	return 1 + slices.IndexFunc(fl.Waiting, func(w Waiter) bool { return w.Instance == instance })
}

// waiterOf finds the alarm of an instance that waits; nil where none does.
func (fl *Fleet) waiterOf(instance string) *Waiter {
	if n := fl.Place(instance); n > 0 {
		return &fl.Waiting[n-1]
	}
	return nil
}

// unpromised is how many slots are neither taken nor about to be by an alarm that is being judged;
// it may be negative.
func (fl *Fleet) unpromised(p *Policy, now time.Time) int {
	free := p.FleetConcurrent - fl.busy(p, now)
	for i := range fl.Waiting {
		if w := &fl.Waiting[i]; w.wants(p, now) && w.leased(p, now) {
			free--
		}
	}
	return free
}

// admits reports whether an alarm that does not wait yet gets a slot at once: one is free, and
// nobody with an older alarm waits for it.
func (fl *Fleet) admits(newcomer *Waiter, p *Policy, now time.Time) bool {
	for i := range fl.Waiting {
		w := &fl.Waiting[i]
		if w.wants(p, now) && !w.leased(p, now) && w.Compare(*newcomer) < 0 {
			return false
		}
	}
	return fl.unpromised(p, now) > 0
}

// DueWaiters are the alarms whose turn it is, oldest first: those that have waited for nothing,
// since they were resolved or are too old by now; and as many others as slots are free. One of
// another region is left to the function that runs there. While everything is paused it is nobody's
// turn, and in another mode than enforce nobody gets a slot.
func (fl *Fleet) DueWaiters(p Policy, region string, now time.Time) []Waiter {
	if fl.Paused.On(now) {
		return nil
	}
	var due []Waiter
	free := fl.unpromised(&p, now)
	for i := range fl.Waiting {
		w := &fl.Waiting[i]
		if w.leased(&p, now) {
			continue
		}
		if w.wants(&p, now) {
			if free--; free < 0 || p.Mode != ModeEnforce {
				continue
			}
		}
		if w.Region == "" || w.Region == region {
			due = append(due, *w)
		}
	}
	return due
}

// TakeTurn makes the facts those of an alarm that waits, as a reading of the fleet's record shows
// it.
func (f *Facts) TakeTurn(w Waiter, book Book, fleet Reading[Fleet]) {
	f.Waiter, f.Alarm, f.Book, f.Fleet, f.Redelivered = &w, w.alarm(), book, fleet, false
}

// Succeed makes the facts those of the alarm whose turn it is now that incidents have settled,
// which gave their slots free: of the oldest one that gets a slot, or that has waited for nothing.
// False: no slot was given back, nobody waits for one, or this invocation has no time for others.
func (f *Facts) Succeed(p Policy, settled []*Facts) bool {
	if f.passed(f.StopAt) || !f.ClaimBy.IsZero() {
		return false
	}
	var last *Facts // the newest of all that is known of the fleet
	for _, s := range settled {
		// The sweep gives back slots of incidents that others have ended, too.
		swept := s.Swept && s.Written.Fleet && s.Written.Wrote == WroteDone
		gave := (s.Seen.Ending != nil || swept) && s.Book == p.Book() && s.Fleet.OK()
		if gave && (last == nil || newer(last.Fleet, s.Fleet)) {
			last = s
		}
	}
	if last == nil {
		return false
	}
	due := last.Fleet.Value.DueWaiters(p, f.Region, f.Now)
	if len(due) == 0 {
		return false
	}
	next := max(0, slices.IndexFunc(due, func(w Waiter) bool { return w.wants(&p, f.Now) }))
	f.TakeTurn(due[next], last.Book, last.Fleet)
	return true
}

// ForOthers reports whether this is done for others than those who delivered the invocation's
// event: it never makes the answer to them an error.
func (f *Facts) ForOthers() bool { return f.Swept || f.Waiter != nil }

// Leads reports whether the alarm may speak for its instance among those of one event. One that
// says that the hang is over does not: it is told to whom it concerns, and no other alarm is judged
// by it.
func (f *Facts) Leads() bool { return f.Alarm.State != events.StateResolved }

// Compare orders the alarms of one event as they get their slots: the oldest first.
func (f *Facts) Compare(other *Facts) int { return f.Alarm.Time.Compare(other.Alarm.Time) }

// alreadyWaits answers an alarm whose instance has one that waits: it is that one, or it adds
// nothing.
func (m *machine) alreadyWaits() (Step, bool) {
	f := m.f
	if f.Waiter != nil || !f.Fleet.OK() {
		return Step{}, false
	}
	switch w := f.Fleet.Value.waiterOf(f.Alarm.Instance); {
	case w == nil:
		return Step{}, false
	case w.is(&f.Alarm):
		return answer(VerdictWaiting, ReasonFleetConcurrent, m.place(&f.Fleet.Value)), true
	}
	return answer(VerdictRefused, ReasonInProgress,
		"another alarm about it waits for its turn"), true
}

// place says how many are before the alarm.
func (m *machine) place(fleet *Fleet) string {
	full, saw := fleet.Full(*m.p, m.f.Now)
	place := fleet.Place(m.f.Alarm.Instance)
	if full == "" && place > 1 {
		saw += promised
	}
	return "number " + strconv.Itoa(place) + "; " + saw
}

// promised is what else keeps an alarm from a slot that is free.
const promised = "; what is free is for those who wait before it"

// await writes down that the alarm waits from now on.
func (m *machine) await() Step {
	f := m.f
	w, _ := f.waiter().cut()
	fleet := f.Fleet.Value.waited(w, f.Now)
	step := m.write(Write{Fleet: &fleet})
	if step.Do == DoWrite {
		step.Verdict, step.Reason = VerdictWaiting, ReasonFleetConcurrent
		step.Why = m.place(&fleet)
	}
	return step
}

const tooLong = "its alarm is too long to be kept until a slot is free"

// turn is for an alarm that waited, before it is judged again: whoever judges it leases it first,
// so that nobody else does. It reports false where it is to be judged now.
func (m *machine) turn() (Step, bool) {
	f, fleet := m.f, &m.f.Fleet.Value
	switch {
	case !f.Fleet.Read():
		return m.read(SourceFleet), true
	case !f.Fleet.OK():
		return Step{}, true // it waits on
	}
	w := fleet.waiterOf(f.Alarm.Instance)
	switch {
	case w == nil || !w.is(&f.Alarm):
		return Step{}, true // somebody else told its end, or its incident is under way
	case m.seen.Stays:
		return m.stay(), true
	case w.leased(m.p, f.Now) && w.By != f.Owner:
		return Step{}, true
	case !w.leased(m.p, f.Now) && !m.due(w):
		return Step{}, true
	case !w.leased(m.p, f.Now):
		leased := fleet.leased(w.Instance, f.Owner, m.p, f.Now)
		return m.write(Write{Fleet: &leased}), true
	case !w.ResolvedAt.IsZero():
		return answer(VerdictIgnored, ReasonResolved, "its alarm was resolved at "+
			stamp(w.ResolvedAt)), true
	}
	return Step{}, false
}

// due reports whether it is the waiter's turn.
func (m *machine) due(w *Waiter) bool {
	due := m.f.Fleet.Value.DueWaiters(*m.p, m.f.Region, m.f.Now)
	return slices.ContainsFunc(due, func(d Waiter) bool { return d.Instance == w.Instance })
}

// holds reports whether this invocation holds an incident, or did until something befell that.
func (m *machine) holds() bool {
	open := m.f.Record.Value.Open
	return m.seen.Incident != nil || m.seen.Ending != nil ||
		m.f.Record.OK() && open != nil && open.Owner == m.f.Owner
}

// stay lets go of an alarm that cannot have its turn now. It keeps its place.
func (m *machine) stay() Step {
	f := m.f
	m.seen.Stays = true
	if !f.Fleet.OK() || f.Written.Wrote == WroteUnknown {
		return Step{} // the lease runs out
	}
	w := f.Fleet.Value.waiterOf(f.Alarm.Instance)
	if w == nil || !w.is(&f.Alarm) || w.By != f.Owner {
		return Step{}
	}
	step := m.write(Write{Fleet: ptr(f.Fleet.Value.unleased(w.Instance, f.Now))})
	if step.Do == DoAnswer {
		return Step{}
	}
	return step
}

// afterwards is what may be done only when the answer has been reported: an alarm that waited
// leaves the queue, and an incident that it led to its slot. Should this not come to be, the answer
// is told again.
func (m *machine) afterwards() Step {
	f := m.f
	ended := m.seen.Ending
	if f.Swept && f.Record.OK() {
		ended = f.Record.Value.Ended(f.Slot.Incident)
	}
	m.patient = true
	switch {
	case f.Waiter == nil && ended == nil:
		return Step{}
	case !f.Fleet.Read() && f.Conflicts > 1 && !m.rested():
		if step := m.rest(m.stepBack()); step.Do == DoWait {
			return step
		}
		return Step{}
	case !f.Fleet.Read():
		return Step{Do: DoRead, Sources: SourceFleet} // whatever the time: it is the last thing
	case !f.Fleet.OK():
		return Step{}
	}
	fleet := &f.Fleet.Value
	var step Step
	switch w := fleet.waiterOf(f.Alarm.Instance); {
	case ended != nil && fleet.slot(ended.ID) != nil:
		step = m.write(Write{Fleet: ptr(fleet.freed(ended, f.Now))})
	case f.Waiter != nil && w != nil && w.is(&f.Alarm):
		step = m.write(Write{Fleet: ptr(fleet.unqueued(w.Instance, f.Now))})
	}
	if step.Do == DoAnswer {
		return Step{}
	}
	return step
}

// waitedFor reports whether the incident's slot is one that its alarm had waited for.
func (fl *Fleet) waitedFor(incident string) bool {
	slot := fl.slot(incident)
	return slot != nil && slot.Waiter != nil
}
