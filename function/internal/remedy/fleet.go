package remedy

import (
	"slices"
	"strconv"
	"time"

	"ecs-remedy/events"
)

// Fleet is what the ledger holds of all instances together, and every process writes it: only what
// the limits need. Its methods are every change that is ever made of it; each returns the record as
// it is to be written, at the revision of the one that it was made from, and leaves the receiver as
// it was.
type Fleet struct {
	Open     []Slot   // who is under way
	Waiting  []Waiter // who waits for a slot, in the order of Waiter.Compare
	Begun    []Begun  // the beginnings of the last hour, oldest first
	Paused   Pause
	Lost     time.Time // since when a pause may be lost with the record; zero: nothing was lost
	Written  time.Time // when this was written
	Revision uint64    // the store's; zero: nothing is stored
}

// Slot is an incident's place among those under way at once. It is reserved after the incident was
// opened in its instance's record, and given back after the incident's end was written there. So a
// slot whose incident is not in its instance's record means that the ledger lost the incident.
type Slot struct {
	Incident string    `json:"incident"`
	Instance string    `json:"instance"`
	Region   string    `json:"region,omitempty"`
	OpenedAt time.Time `json:"openedAt"`
	// LeaseUntil is the lease of the owner when it last wrote the slot.
	LeaseUntil time.Time `json:"leaseUntil"`
	// Waiter is the alarm that waited for this slot; nil: it did not have to. What it points to is
	// never changed.
	Waiter *Waiter `json:"waiter,omitempty"`
}

// incident is all that a slot tells of its incident.
func (s *Slot) incident() *Incident {
	i := &Incident{ID: s.Incident, Instance: s.Instance, Region: s.Region, OpenedAt: s.OpenedAt,
		Alarm: AlarmRef{
			Format: string(events.FormatUnknown),
			State:  string(events.StateUnknown),
		},
		Attempts: []Attempt{}}
	if s.Waiter != nil {
		i.Alarm, i.Account = s.Waiter.Alarm.AlarmRef, s.Waiter.Alarm.Account
	}
	return i
}

// Begun is an incident's beginning, for the hourly limit.
type Begun struct {
	At       time.Time `json:"at"`
	Instance string    `json:"instance"`
	Incident string    `json:"incident"`
}

// Pause is the operator's stop switch. The zero Pause is not a pause.
type Pause struct {
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // zero: until resumed
	Reason string    `json:"reason,omitempty"`
}

// On reports whether the pause is in force.
func (p Pause) On(now time.Time) bool {
	return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))
}

// slot finds an incident's slot; nil where it has none.
func (fl *Fleet) slot(incident string) *Slot {
	for i := range fl.Open {
		if fl.Open[i].Incident == incident {
			return &fl.Open[i]
		}
	}
	return nil
}

// slotOf finds the slot of an instance; nil where it has none.
func (fl *Fleet) slotOf(instance string) *Slot {
	for i := range fl.Open {
		if fl.Open[i].Instance == instance {
			return &fl.Open[i]
		}
	}
	return nil
}

// hasBegun reports whether the incident's beginning counts for the hour.
func (fl *Fleet) hasBegun(incident string) bool {
	return slices.ContainsFunc(fl.Begun, func(b Begun) bool { return b.Incident == incident })
}

// changed is a copy whose lists can be changed, written at the given time. What happened longer
// than an hour ago is forgotten: it counts for nothing.
func (fl Fleet) changed(now time.Time) Fleet {
	fl.Open, fl.Waiting = slices.Clone(fl.Open), slices.Clone(fl.Waiting)
	fl.Begun = slices.DeleteFunc(slices.Clone(fl.Begun), func(b Begun) bool {
		return !b.counts(now)
	})
	fl.Written = now.UTC()
	return fl
}

// reserved: the incident takes a slot, and its beginning counts for the hour. An alarm that waited
// for it moves into the slot.
func (fl Fleet) reserved(incident *Incident, p *Policy, now time.Time) Fleet {
	fl = fl.slotted(incident, p, now).begun(incident, now)
	if w := fl.waiterOf(incident.Instance); w != nil && w.Alarm.Key == incident.Alarm.Key {
		served := *w
		served.By, served.LeaseUntil = "", time.Time{}
		fl.Open[len(fl.Open)-1].Waiter = &served
		fl = fl.unqueued(incident.Instance, now)
	}
	return fl
}

// begun: the incident's beginning counts for the hour.
func (fl Fleet) begun(incident *Incident, now time.Time) Fleet {
	fl = fl.changed(now)
	fl.Begun = append(fl.Begun, Begun{At: now.UTC(), Instance: incident.Instance,
		Incident: incident.ID})
	return fl
}

// retaken: an incident that is under way takes a slot without being counted as another beginning.
// No limit stops what has begun. Where there is no record any more, it was lost: the incident had a
// slot.
func (fl Fleet) retaken(incident *Incident, p *Policy, now time.Time) Fleet {
	if fl.Revision == 0 {
		fl.Lost = now.UTC()
	}
	return fl.slotted(incident, p, now)
}

func (fl Fleet) slotted(incident *Incident, p *Policy, now time.Time) Fleet {
	fl = fl.changed(now)
	fl.Open = append(fl.Open, Slot{Incident: incident.ID, Instance: incident.Instance,
		Region: incident.Region, OpenedAt: incident.OpenedAt, LeaseUntil: p.newLease(now)})
	return fl
}

// freed: the slot of an incident that has ended is given back. The beginning of one that was never
// claimed does not count, and an alarm that had waited for its slot returns to its place.
func (fl Fleet) freed(ended *Incident, now time.Time) Fleet {
	var served *Waiter
	if slot := fl.slot(ended.ID); slot != nil {
		served = slot.Waiter
	}
	fl = fl.changed(now)
	fl.Open = slices.DeleteFunc(fl.Open, func(s Slot) bool { return s.Incident == ended.ID })
	if !ended.Void() {
		return fl
	}
	fl.Begun = slices.DeleteFunc(fl.Begun, func(b Begun) bool { return b.Incident == ended.ID })
	if served != nil {
		back := *served
		if back.ResolvedAt.IsZero() {
			back.ResolvedAt = ended.ResolvedAt
		}
		fl = fl.waited(back, now)
	}
	return fl
}

// waited: the alarm waits from now on, in its place. An instance waits once.
func (fl Fleet) waited(w Waiter, now time.Time) Fleet {
	fl = fl.changed(now)
	if fl.waiterOf(w.Instance) != nil {
		return fl
	}
	at, _ := slices.BinarySearchFunc(fl.Waiting, w, Waiter.Compare)
	fl.Waiting = slices.Insert(fl.Waiting, at, w)
	return fl
}

// leased: the owner judges the instance's alarm from now on, and nobody else does.
func (fl Fleet) leased(instance, owner string, p *Policy, now time.Time) Fleet {
	fl = fl.changed(now)
	if w := fl.waiterOf(instance); w != nil {
		w.By, w.LeaseUntil = owner, p.newLease(now)
	}
	return fl
}

// unleased: the instance's alarm waits on, and anybody may judge it.
func (fl Fleet) unleased(instance string, now time.Time) Fleet {
	fl = fl.changed(now)
	if w := fl.waiterOf(instance); w != nil {
		w.By, w.LeaseUntil = "", time.Time{}
	}
	return fl
}

// waiterResolved: the alarm of the instance that waits is over.
func (fl Fleet) waiterResolved(instance string, now time.Time) Fleet {
	fl = fl.changed(now)
	if w := fl.waiterOf(instance); w != nil {
		w.ResolvedAt = now.UTC()
	}
	return fl
}

// unqueued: the instance's alarm waits no longer.
func (fl Fleet) unqueued(instance string, now time.Time) Fleet {
	fl = fl.changed(now)
	fl.Waiting = slices.DeleteFunc(fl.Waiting,
		func(w Waiter) bool { return w.Instance == instance })
	return fl
}

// WithPause stops claims everywhere, from now until the given time (zero: until resumed). Attempts
// that were claimed before are still watched.
func (fl Fleet) WithPause(until time.Time, reason string, now time.Time) Fleet {
	fl = fl.changed(now)
	fl.Paused = Pause{Since: now.UTC(), Until: utc(until), Reason: reason}
	return fl
}

// Resumed ends a pause. It reports whether there was one.
func (fl Fleet) Resumed(now time.Time) (Fleet, bool) {
	paused := fl.Paused.On(now)
	fl = fl.changed(now)
	fl.Paused, fl.Lost = Pause{}, time.Time{}
	return fl, paused
}

// Refreshed is the same record, written anew; false: there is no need. It is written once a day, so
// that a table whose rows all expire after some weeks neither ends a pause nor looks like one that
// lost it.
func (fl Fleet) Refreshed(now time.Time) (Fleet, bool) {
	if now.Sub(fl.Written) <= 24*time.Hour {
		return fl, false
	}
	return fl.changed(now), true
}

// counts reports whether the slot still counts for the limit: while its incident may be under way
// by the limits, and later only while the lease runs. Whoever meets the incident after that ends
// it.
func (s *Slot) counts(p *Policy, now time.Time) bool {
	return now.Before(s.OpenedAt.Add(p.longest())) ||
		now.Before(s.LeaseUntil) && !p.absurd(s.LeaseUntil, now)
}

// counts reports whether the beginning counts for the hourly limit. One of the far future was
// written by no clock of ours.
func (b *Begun) counts(now time.Time) bool {
	return now.Sub(b.At) < time.Hour && b.At.Sub(now) <= MaxSkew
}

// busy is how many slots count.
func (fl *Fleet) busy(p *Policy, now time.Time) int {
	busy := 0
	for i := range fl.Open {
		if fl.Open[i].counts(p, now) {
			busy++
		}
	}
	return busy
}

// Full says which limit of the fleet leaves no room for another incident, if any, and what it rests
// on. The hourly one comes first: it is a breaker, and nobody waits for it.
func (fl *Fleet) Full(p Policy, now time.Time) (Reason, string) {
	busy := fl.busy(&p, now)
	begun := 0
	for _, b := range fl.Begun {
		if b.counts(now) {
			begun++
		}
	}
	saw := strconv.Itoa(busy) + " of " + strconv.Itoa(p.FleetConcurrent) + " under way, " +
		strconv.Itoa(begun) + " of " + strconv.Itoa(p.FleetHourly) + " within the hour"
	if n := len(fl.Waiting); n > 0 {
		saw += ", " + strconv.Itoa(n) + " of " + strconv.Itoa(p.FleetWaiting) + " waiting"
	}
	switch {
	case begun >= p.FleetHourly:
		return ReasonFleetHourly, saw
	case busy >= p.FleetConcurrent:
		return ReasonFleetConcurrent, saw
	}
	return "", saw
}

// Freed is the record without the slot of an incident that has ended; false: it has none.
func (fl Fleet) Freed(ended *Incident, now time.Time) (Fleet, bool) {
	return fl.freed(ended, now), fl.slot(ended.ID) != nil
}

// Sweepable are the slots that a sweep looks after. Those of another region are left to the
// function that runs there. A book that is not the mode's own holds incidents from before the mode
// was changed: they are ended when their time is over, and nothing more is done for them.
func (fl Fleet) Sweepable(p Policy, book Book, region string, now time.Time) []Slot {
	var slots []Slot
	for _, slot := range fl.Open {
		elsewhere := slot.Region != "" && slot.Region != region
		early := book != p.Book() && !now.After(slot.OpenedAt.Add(p.IncidentLimit))
		if !elsewhere && !early {
			slots = append(slots, slot)
		}
	}
	return slots
}

// SweptBooks are the books that a sweep looks into: the mode's own, and where it reboots nothing
// any more that of mode enforce.
func (p Policy) SweptBooks() []Book {
	if p.Mode == ModeObserve {
		return []Book{BookObserve, BookEnforce}
	}
	return []Book{p.Book()}
}

// utc is a time in UTC; the zero time stays what it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
