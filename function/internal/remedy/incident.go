package remedy

import (
	"slices"
	"time"
)

// Outcome is what became of an attempt. The strings are stored and part of the output: never change one's meaning.
type Outcome string

// The outcomes. Claimed, Accepted and Unknown attempts are still watched; the others are settled.
const (
	OutcomeClaimed     Outcome = "claimed"      // in the ledger; whether it was sent is not known yet
	OutcomeAccepted    Outcome = "accepted"     // ECS took it
	OutcomeUnknown     Outcome = "unknown"      // sent perhaps, executed perhaps: watched as if accepted, never sent again
	OutcomeWorked      Outcome = "worked"       // the instance restarted
	OutcomeFailed      Outcome = "failed"       // accepted, watched all the time, and the instance did not restart
	OutcomeUnconfirmed Outcome = "unconfirmed"  // not known to be accepted, or not watched all the time
	OutcomeRejected    Outcome = "rejected"     // ECS refused it for good
	OutcomeNotExecuted Outcome = "not-executed" // ECS provably did nothing: does not count
)

// Attempt is one RebootInstance, from its claim on. It is stored as JSON inside Incident.
type Attempt struct {
	N          int       `json:"n"`
	Force      bool      `json:"force"`
	ClaimedAt  time.Time `json:"claimedAt"`
	SendBefore time.Time `json:"sendBefore"` // RebootInstance is not written to the network after this
	Before     Baseline  `json:"before"`
	AnsweredAt time.Time `json:"answeredAt,omitzero"`
	RequestID  string    `json:"requestId,omitempty"`
	Code       string    `json:"code,omitempty"`
	Reason     Reason    `json:"reason,omitempty"` // why it was rejected
	Throttled  bool      `json:"throttled,omitempty"`
	Outcome    Outcome   `json:"outcome"`
	// LeftRunningAt is when the instance was first read Starting or Stopped after the claim.
	LeftRunningAt time.Time `json:"leftRunningAt,omitzero"`
	// BackAt is the first Running reading after the instance provably restarted.
	BackAt time.Time `json:"backAt,omitzero"`
	// LastReadAt is the last reading of the unbroken watch: a reading that comes later than Policy.Gap after it does not
	// move it, so an attempt was watched all the time exactly when LastReadAt is not before its end.
	LastReadAt time.Time `json:"lastReadAt,omitzero"`
	// Stuck: the instance was still Stopping or Starting at the attempt's end. The next attempt may be sent in that state.
	Stuck bool `json:"stuck,omitempty"`
}

// Baseline is what was read just before an attempt.
type Baseline struct {
	Status    string    `json:"status,omitempty"`
	StartTime string    `json:"startTime,omitempty"`
	Heartbeat time.Time `json:"heartbeat,omitzero"`
}

// AlarmRef is what an incident keeps of the alarm that opened it.
type AlarmRef struct {
	Format string    `json:"format"`
	Name   string    `json:"name"`
	Rule   string    `json:"rule"`
	State  string    `json:"state"`
	Level  string    `json:"level,omitempty"`
	Key    string    `json:"key"`
	Time   time.Time `json:"time,omitzero"`
}

// Incident is one hang of one instance, from the first claim to its end. It is the stored form; version 1. Compatible
// changes: a new field whose zero value means what its absence meant before. Anything else needs a new version of the ledger's records.
type Incident struct {
	ID         string    `json:"id"` // instance/openedAt, as in i-bp1…/20261123T074201Z
	Instance   string    `json:"instance"`
	Region     string    `json:"region"`
	Account    string    `json:"account"`
	Alarm      AlarmRef  `json:"alarm"`
	OpenedAt   time.Time `json:"openedAt"`
	Owner      string    `json:"owner,omitempty"`
	LeaseUntil time.Time `json:"leaseUntil,omitzero"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"` // its alarm was reported resolved
	EndedAt    time.Time `json:"endedAt,omitzero"`
	Verdict    Verdict   `json:"verdict,omitempty"`
	Reason     Reason    `json:"reason,omitempty"`
	// Forgiven: the operator reset the instance, so this incident counts neither for its cool-down nor for its budget.
	Forgiven bool      `json:"forgiven,omitempty"`
	Attempts []Attempt `json:"attempts"`
}

// Unwatch settles the attempts that are still watched: nobody will learn what becomes of them.
func (i *Incident) Unwatch() {
	for n := range i.Attempts {
		switch a := &i.Attempts[n]; a.Outcome {
		case OutcomeClaimed, OutcomeAccepted, OutcomeUnknown:
			a.Outcome = OutcomeUnconfirmed
		}
	}
}

// NewLease is the lease of an owner that is alive at the given time.
func (p Policy) NewLease(now time.Time) time.Time { return now.Add(p.Lease).UTC() }

// IncidentID names an incident of an instance that opens at the given time.
func IncidentID(instance string, at time.Time) string {
	name := append(make([]byte, 0, 64), instance...)
	return string(at.UTC().AppendFormat(append(name, '/'), "20060102T150405Z"))
}

// Record is what the ledger holds of one instance.
type Record struct {
	Open   *Incident
	Recent []Incident           // ended ones, oldest first: for cool-down, budget and last recovery
	Keys   map[string]time.Time // keys of alarms that opened incidents, and when
	// Revision is the store's; the zero one means that nothing is stored.
	Revision uint64
}

// Ended reports whether the record remembers the incident as one that has ended.
func (r *Record) Ended(incident string) bool {
	return slices.ContainsFunc(r.Recent, func(i Incident) bool { return i.ID == incident })
}

// Fleet is what the ledger holds of all instances together.
type Fleet struct {
	Open     []Slot
	Begun    []Begun // oldest first; those older than an hour only say which instances have a record worth looking at
	Paused   Pause
	Written  time.Time // when this was written
	Revision uint64
}

// Begun is an incident's beginning, for the hourly limit.
type Begun struct {
	At       time.Time `json:"at"`
	Instance string    `json:"instance"`
	Incident string    `json:"incident"`
}

// Slot is an incident's place among those under way at once.
type Slot struct {
	Incident   string    `json:"incident"`
	Instance   string    `json:"instance"`
	OpenedAt   time.Time `json:"openedAt"`
	LeaseUntil time.Time `json:"leaseUntil"` // until then the instance's record may not show the incident yet
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
