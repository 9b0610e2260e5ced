package remedy

import (
	"slices"
	"time"
)

// Record is what the ledger holds of one instance. Its methods are every change that is ever made
// of it: each returns the record as it is to be written, at the revision of the one that it was
// made from, and leaves the receiver as it was. Nobody else changes a record: the function, the
// operator's commands and the search of the tests share these.
type Record struct {
	Open   *Incident
	Recent []Incident           // ended ones, oldest first: for cool-down, budget, last recovery
	Keys   map[string]time.Time // keys of alarms that opened incidents, and when they ended
	// Revision is the store's; the zero one means that nothing is stored.
	Revision uint64
}

// Ended finds an incident among those that have ended; nil where it is none of them.
func (r *Record) Ended(incident string) *Incident {
	for i := range r.Recent {
		if r.Recent[i].ID == incident {
			return &r.Recent[i]
		}
	}
	return nil
}

// opened: the incident is opened, without an attempt yet. It replaces an opening that is void.
func (r Record) opened(incident *Incident) Record {
	r.Open = incident
	return r
}

// voided: an opening that never had an attempt is taken back. Nothing is spent. A trace of it stays
// among the recent ones, so that its slot, should it have one or get one yet, is no sign of a loss.
func (r Record) voided(opening *Incident, now time.Time, p *Policy) Record {
	void := *opening
	void.Alarm.Key, void.Forgiven = "", true
	void.end(VerdictRefused, ReasonInProgress, "it was opened and never claimed", now)
	return r.settled(&void, p)
}

// claimed: the owner claims an attempt, before it is sent. The claim renews the lease.
func (r Record) claimed(incident *Incident, attempt Attempt, p *Policy, now time.Time) Record {
	claimed := incident.clone()
	claimed.Attempts = append(claimed.Attempts, attempt)
	claimed.LeaseUntil = p.newLease(now)
	r.Open = claimed
	return r
}

// kept: the owner writes down what it has seen, and renews its lease.
func (r Record) kept(incident *Incident, p *Policy, now time.Time) Record {
	kept := incident.clone()
	kept.LeaseUntil = p.newLease(now)
	r.Open = kept
	return r
}

// takenOver: a new owner takes up an incident whose lease has run out; or the old one does, after
// it stood still for longer than its lease.
func (r Record) takenOver(incident *Incident, owner string, p *Policy, now time.Time) Record {
	taken := incident.clone()
	taken.Owner, taken.LeaseUntil, taken.TakenOverAt = owner, p.newLease(now), now.UTC()
	r.Open = taken
	return r
}

// released: the owner gives the incident free. The next delivery or the sweep goes on at once.
func (r Record) released(incident *Incident) Record {
	free := incident.clone()
	free.LeaseUntil = time.Time{}
	r.Open = free
	return r
}

// resolved: the open incident's alarm is over, whoever owns the incident.
func (r Record) resolved(at time.Time) Record {
	told := r.Open.clone()
	told.ResolvedAt = at.UTC()
	r.Open = told
	return r
}

// settled: the incident ends, with its EndedAt, Verdict and Reason as given. It becomes one of the
// recent ones, its alarm's key is remembered, and what is too old to matter is forgotten.
func (r Record) settled(ended *Incident, p *Policy) Record {
	done := *ended.clone()
	done.Owner, done.LeaseUntil = "", time.Time{}
	if r.Open != nil && r.Open.ID == done.ID {
		r.Open = nil
	}
	now := done.EndedAt
	r.Recent = append(slices.Clone(r.Recent), done)
	r.Recent = slices.DeleteFunc(r.Recent, func(i Incident) bool {
		return now.Sub(i.EndedAt) >= p.Retention()
	})
	keys := map[string]time.Time{}
	for key, at := range r.Keys {
		if now.Sub(at) < p.KeyRetention() {
			keys[key] = at
		}
	}
	if done.Alarm.Key != "" {
		keys[done.Alarm.Key] = now
	}
	r.Keys = keys
	return r
}

// Closed ends the open incident by hand, as failed/abandoned: nothing more is sent for it, even by
// an owner that is alive. It counts like any other that has ended. False: no such incident is open.
func (r Record) Closed(incident string, p Policy, now time.Time) (Record, Incident, bool) {
	if r.Open == nil || r.Open.ID != incident {
		return r, Incident{}, false
	}
	ended := r.Open.clone()
	ended.end(VerdictFailed, ReasonAbandoned, "by an operator", now)
	return r.settled(ended, &p), *ended, true
}

// Reset forgets what the instance's incidents cost it: its next alarm is judged as if it had had
// none. Keys of alarms and the last recovery stay: old alarms stay old. It returns how many
// incidents were forgiven. False: an incident is open, and would be judged by half of its past.
func (r Record) Reset() (Record, int, bool) {
	if r.Open != nil {
		return r, 0, false
	}
	forgiven := 0
	r.Recent = slices.Clone(r.Recent)
	for i := range r.Recent {
		if !r.Recent[i].Forgiven {
			r.Recent[i].Forgiven = true
			forgiven++
		}
	}
	return r, forgiven, true
}

// end gives the incident its end. What is still watched is settled: nobody will learn more of it.
// No incident ends before it opened, however far behind the clock is of whoever ends it.
func (i *Incident) end(verdict Verdict, reason Reason, why string, now time.Time) {
	i.unwatch()
	if now.Before(i.OpenedAt) {
		now = i.OpenedAt
	}
	i.EndedAt, i.Verdict, i.Reason, i.Why = now.UTC(), verdict, reason, why
}

// recovered is when the instance last recovered by our doing; zero: not known to have.
func (r *Record) recovered() time.Time {
	var last time.Time
	for i := range r.Recent {
		if e := &r.Recent[i]; e.Verdict == VerdictRestarted && e.EndedAt.After(last) {
			last = e.EndedAt
		}
	}
	return last
}

// lastEnd is when the instance's last incident ended; zero: there was none. A reset incident does
// not count.
func (r *Record) lastEnd() time.Time {
	var last time.Time
	for i := range r.Recent {
		if e := &r.Recent[i]; !e.Forgiven && e.EndedAt.After(last) {
			last = e.EndedAt
		}
	}
	return last
}

// Spent counts the instance's incidents that opened after the given time. A reset incident does not
// count.
func (r *Record) Spent(since time.Time) int {
	n := 0
	for i := range r.Recent {
		if e := &r.Recent[i]; !e.Forgiven && e.OpenedAt.After(since) {
			n++
		}
	}
	return n
}

// LeftAloneUntil is when the instance's cool-down is over; zero: no incident counts for one.
func (r *Record) LeftAloneUntil(p Policy) time.Time {
	ended := r.lastEnd()
	if ended.IsZero() {
		return ended
	}
	return ended.Add(p.Cooldown)
}

// SpentUntil is when the instance may have an incident again after it used up those of its window;
// zero: it may now.
func (r *Record) SpentUntil(p Policy, now time.Time) time.Time {
	if r.Spent(now.Add(-p.IncidentWindow)) < p.MaxIncidents {
		return time.Time{}
	}
	var opened []time.Time
	for i := range r.Recent {
		if e := &r.Recent[i]; !e.Forgiven {
			opened = append(opened, e.OpenedAt)
		}
	}
	slices.SortFunc(opened, time.Time.Compare)
	return opened[len(opened)-p.MaxIncidents].Add(p.IncidentWindow)
}

// Void reports whether the incident was opened and never claimed: it counts for nothing.
func (i *Incident) Void() bool { return i.Verdict == VerdictRefused && len(i.Attempts) == 0 }
