package remedy

import (
	"slices"
	"strings"
	"time"

	"ecs-remedy/events"
)

// Answer is what ECS answered to an attempt. The strings are stored: never change one's meaning.
type Answer string

// The answers. The zero Answer means that none is known (yet).
const (
	AnswerNone        Answer = ""
	AnswerAccepted    Answer = "accepted"     // ECS took it
	AnswerUnknown     Answer = "unknown"      // perhaps sent and executed: watched, not sent again
	AnswerRejected    Answer = "rejected"     // ECS refused it
	AnswerNotExecuted Answer = "not-executed" // ECS provably did nothing: it counts for nothing
)

// Fate is what became of an attempt. The strings are stored: never change one's meaning.
type Fate string

// The fates. The zero Fate means that the attempt is still watched, or has no fate of its own.
const (
	FateOpen        Fate = ""
	FateWorked      Fate = "worked"      // the instance restarted
	FateFailed      Fate = "failed"      // watched to its end, and the instance did not restart
	FateUnconfirmed Fate = "unconfirmed" // not known to be accepted, or not watched all the time
)

// Outcome is an attempt's answer and fate in one word: the program's output.
type Outcome string

// The outcomes. Claimed, Accepted and Unknown attempts are still watched; the others are settled.
const (
	OutcomeClaimed     Outcome = "claimed"
	OutcomeAccepted    Outcome = "accepted"
	OutcomeUnknown     Outcome = "unknown"
	OutcomeWorked      Outcome = "worked"
	OutcomeFailed      Outcome = "failed"
	OutcomeUnconfirmed Outcome = "unconfirmed"
	OutcomeRejected    Outcome = "rejected"
	OutcomeNotExecuted Outcome = "not-executed"
)

// Attempt is one RebootInstance, from its claim on. It is stored as JSON inside Incident.
type Attempt struct {
	N          int       `json:"n"` // 1 for the incident's first
	Force      bool      `json:"force"`
	ClaimedAt  time.Time `json:"claimedAt"`
	SendBefore time.Time `json:"sendBefore"` // nothing is written to the network after this
	Before     Baseline  `json:"before"`

	Answer     Answer    `json:"answer,omitempty"`
	AnsweredAt time.Time `json:"answeredAt,omitzero"`
	RequestID  string    `json:"requestId,omitempty"`
	Code       string    `json:"code,omitempty"`
	Reason     Reason    `json:"reason,omitempty"` // why it was rejected
	Throttled  bool      `json:"throttled,omitempty"`

	Fate Fate `json:"fate,omitempty"`
	// LeftRunningAt is when the instance was first read Starting or Stopped after the claim.
	LeftRunningAt time.Time `json:"leftRunningAt,omitzero"`
	// BackAt is the first Running reading after the instance provably restarted.
	BackAt time.Time `json:"backAt,omitzero"`
	// LastReadAt is the last reading of the unbroken watch: a reading that comes later than
	// Policy.Gap after it does not move it, so an attempt was watched all the time exactly when
	// LastReadAt is not before its end.
	LastReadAt time.Time `json:"lastReadAt,omitzero"`
	// Stuck: the instance was still Stopping or Starting at the attempt's end.
	Stuck bool `json:"stuck,omitempty"`
}

// Outcome says in one word how the attempt stands.
func (a *Attempt) Outcome() Outcome {
	switch {
	case a.Answer == AnswerRejected:
		return OutcomeRejected // whatever came after: the code says why
	case a.Fate != FateOpen:
		return Outcome(a.Fate)
	case a.Answer == AnswerNone:
		return OutcomeClaimed
	}
	return Outcome(a.Answer)
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

// refer is what is kept of an alarm.
func refer(a *events.Alarm) AlarmRef {
	return AlarmRef{Format: string(a.Format), Name: a.Name, Rule: a.Rule, State: string(a.State),
		Level: a.Level, Key: a.Key, Time: a.Time}
}

// view is the alarm as a result shows it.
func (a *AlarmRef) view() AlarmView {
	return AlarmView{Format: a.Format, Name: a.Name, State: a.State, Level: a.Level, ID: a.Key,
		Time: a.Time}
}

// Incident is one hang of one instance, from its opening to its end. It is the stored form.
// Compatible changes: a new field whose zero value means what its absence meant before. Anything
// else needs a new version of the ledger's records.
type Incident struct {
	ID       string    `json:"id"` // instance/openedAt, as in i-bp1…/20261123T074201Z
	Instance string    `json:"instance"`
	Region   string    `json:"region"`
	Account  string    `json:"account"`
	Alarm    AlarmRef  `json:"alarm"`
	OpenedAt time.Time `json:"openedAt"`

	// Owner is the invocation that looks after the incident, while its lease runs. A zero
	// LeaseUntil means that the owner gave the incident free.
	Owner      string    `json:"owner,omitempty"`
	LeaseUntil time.Time `json:"leaseUntil,omitzero"`
	// TakenOverAt is since when the owner holds an incident whose lease had run out. What it read
	// before that may be old, and decides nothing.
	TakenOverAt time.Time `json:"takenOverAt,omitzero"`

	ResolvedAt time.Time `json:"resolvedAt,omitzero"` // its alarm was reported resolved
	EndedAt    time.Time `json:"endedAt,omitzero"`
	Verdict    Verdict   `json:"verdict,omitempty"`
	Reason     Reason    `json:"reason,omitempty"`
	Why        string    `json:"why,omitempty"` // what the reason rests on, for a human
	// Forgiven: the operator reset the instance, so this incident counts neither for its cool-down
	// nor for its budget.
	Forgiven bool `json:"forgiven,omitempty"`
	// Evidence is where what the console showed is kept; empty: nothing was.
	Evidence string `json:"evidence,omitempty"`
	// Attempts are in the order of their claims. An open incident without any is an opening: its
	// owner has not claimed yet, and when the lease runs out it is void.
	Attempts []Attempt `json:"attempts"`
}

// IncidentID names an incident of an instance that opens at the given time.
func IncidentID(instance string, at time.Time) string {
	name := append(make([]byte, 0, 64), instance...)
	return string(at.UTC().AppendFormat(append(name, '/'), "20060102T150405Z"))
}

// InstanceOf is the instance that an incident's id names.
func InstanceOf(incident string) string {
	instance, _, _ := strings.Cut(incident, "/")
	return instance
}

// clone is a copy whose attempts can be changed.
func (i *Incident) clone() *Incident {
	c := *i
	c.Attempts = append(make([]Attempt, 0, len(i.Attempts)+1), i.Attempts...)
	return &c
}

// limit is the last moment at which the incident may claim an attempt.
func (i *Incident) limit(p *Policy) time.Time { return i.OpenedAt.Add(p.IncidentLimit) }

// heldFrom reports whether another owner than the given one is alive, as far as its lease tells.
func (i *Incident) heldFrom(owner string, p *Policy, now time.Time) bool {
	return i.Owner != owner && i.held(p, now)
}

// held reports whether the owner is alive, as far as its lease tells. A lease that ends later than
// any of ours could holds nothing.
func (i *Incident) held(p *Policy, now time.Time) bool {
	return now.Before(p.Takeover(i.LeaseUntil)) && !p.absurd(i.LeaseUntil, now)
}

// Held reports whether the incident's owner is alive at this moment, as far as its lease tells; of
// an opening, whether it may still come to a first attempt.
func (i *Incident) Held(p Policy, now time.Time) bool { return i.held(&p, now) }

// takenOverSince reports whether the incident has a new owner since it was read.
func (i *Incident) takenOverSince(read *Incident) bool {
	return read != nil && read.ID == i.ID && !read.TakenOverAt.Equal(i.TakenOverAt)
}

// renewAt is when the owner's lease is due for renewal: a third of it after the last write.
func (i *Incident) renewAt(p *Policy) time.Time { return i.LeaseUntil.Add(-p.Lease * 2 / 3) }

// backAt is when the instance was seen to be back, whichever attempt it came back from.
func (i *Incident) backAt() time.Time {
	var last time.Time
	for n := range i.Attempts {
		if at := i.Attempts[n].BackAt; at.After(last) {
			last = at
		}
	}
	return last
}

// unwatch settles the attempts that are still watched: nobody will learn what becomes of them.
func (i *Incident) unwatch() {
	for n := range i.Attempts {
		a := &i.Attempts[n]
		if a.Fate == FateOpen && a.sent() {
			a.Fate = FateUnconfirmed
		}
	}
}

// Forced reports whether ECS accepted a forced attempt of the incident, or may have.
func (i *Incident) Forced() bool {
	return slices.ContainsFunc(i.Attempts, func(a Attempt) bool { return a.Force && a.sent() })
}

// sent reports whether the attempt may have reached the instance.
func (a *Attempt) sent() bool { return a.Answer != AnswerRejected && a.Answer != AnswerNotExecuted }

// accepted reports whether ECS is known to have taken the attempt.
func (a *Attempt) accepted() bool { return a.Answer == AnswerAccepted }
