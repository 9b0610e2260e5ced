package remedy

import (
	"time"

	"ecs-remedy/events"
)

// Source is something that can be read; a Step names a set of them.
type Source uint8

// The sources. SourceRecord and SourceFleet are records of the ledger; the live ones are answers of
// ECS.
const (
	SourceRecord    Source = 1 << iota // the instance's record
	SourceFleet                        // the fleet's record
	SourceInstance                     // DescribeInstances
	SourceVitals                       // DescribeCloudAssistantStatus
	SourcePlatform                     // DescribeInstanceHistoryEvents
	SourceRehearsal                    // RebootInstance with DryRun
	SourceSign                         // the function's sign of life
	SourceEvidence                     // what the console shows, kept
)

// SourceLive are the sources that are answers of ECS.
const SourceLive = SourceInstance | SourceVitals | SourcePlatform | SourceRehearsal

// sourceGuards are the sources that the live guards need.
const sourceGuards = SourceInstance | SourceVitals | SourcePlatform

// Has reports whether the set s holds every source of t.
func (s Source) Has(t Source) bool { return s&t == t }

// Failure says why a source could not be read; empty means that it was.
type Failure string

// The failures.
const (
	FailureUnavailable Failure = "unavailable" // not reached, throttled, or no sense in the answer
	FailureForbidden   Failure = "forbidden"   // no permission or credentials: the same next time
	FailureMissing     Failure = "missing"     // not in the answer, or reading it is not permitted
	FailureUnreadable  Failure = "unreadable"  // in the answer, and not to be understood
)

// Reading is one answer of a source.
type Reading[T any] struct {
	At      time.Time // our clock when it had arrived; zero: not read yet
	Date    time.Time // the Date that ECS put on it; zero: none
	Value   T         // meaningful only without a Failure
	Failure Failure
	Code    string // the API's error code, or "not-sent"; empty: none
	Note    string // what went wrong, for a human; never a URL
}

// Read reports whether there is an answer, readable or not.
func (r Reading[T]) Read() bool { return !r.At.IsZero() }

// OK reports whether there is a readable answer.
func (r Reading[T]) OK() bool { return r.Read() && r.Failure == "" }

// clockAgrees reports whether ECS's clock and ours are at most 2 minutes apart, so that times which
// ECS gave can be used.
func (r Reading[T]) clockAgrees() bool {
	return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew
}

// before reports whether the source was read, and had answered before the given time.
func (r Reading[T]) before(t time.Time) bool { return r.Read() && r.At.Before(t) }

// MaxSkew is how far apart two clocks may be before times of one mean nothing to the other.
const MaxSkew = 2 * time.Minute

// Instance is what DescribeInstances says of one instance. Strings are as the API gives them.
type Instance struct {
	ID, Region, Name string
	Status           string // Pending, Running, Starting, Stopping, Stopped
	Locks            []string
	LocksKnown       bool // false: OperationLocks was missing, null or malformed
	ChargeType       string
	ExpiredTime      time.Time // zero: missing or malformed
	StartTime        string    // minute resolution; compared for a change only
	Tags             map[string]string
}

// Vitals is what DescribeCloudAssistantStatus says of one instance.
type Vitals struct {
	// Heartbeat is LastHeartbeatTime; zero: Cloud Assistant never reported from this instance.
	Heartbeat time.Time
}

// PlatformEvent is a system event of one instance that is not over (DescribeInstanceHistoryEvents).
type PlatformEvent struct {
	ID        string
	Type      string    // SystemFailure.Reboot and so on
	Status    string    // Executing, Scheduled, Inquiring
	NotBefore time.Time // when a scheduled one begins; zero: not given or malformed
}

// Reply is what came back of RebootInstance.
type Reply struct {
	At        time.Time // zero: not sent yet
	Answer    Answer
	RequestID string
	Code      string // the API's error code, "not-sent", or empty
	Reason    Reason // of a rejection: ReasonNotRunning where the instance was in the wrong status
	Throttled bool   // of AnswerNotExecuted: the account's calls for this minute are used up
	Note      string // for a human, never a URL
}

// Write is one record to be put into the ledger, at the revision that it carries: exactly one of
// them is set.
type Write struct {
	Record *Record // of the facts' instance
	Fleet  *Fleet
	Sign   *Sign
}

// Wrote is what became of a write.
type Wrote string

// What can become of a write.
const (
	WroteNothing  Wrote = ""         // nothing was written yet
	WroteDone     Wrote = "done"     // it is stored
	WroteConflict Wrote = "conflict" // somebody else wrote first; nothing was stored
	WroteUnknown  Wrote = "unknown"  // no answer: stored perhaps
)

// Written is the answer of the ledger to a write.
type Written struct {
	At       time.Time // our clock when the answer had arrived
	Wrote    Wrote
	Fleet    bool   // it was the fleet's record
	Revision uint64 // of what is stored now, if it was done
	Note     string // what went wrong, for a human; never a password
}

// Facts are all that Next decides on. A zero field means "not known yet"; Next asks for what it
// needs.
type Facts struct {
	Now     time.Time
	Owner   string // this invocation's name as an owner of incidents, never used before
	Account string // the account whose credentials we have
	Region  string // the region we run in, for alarms that name none
	Book    Book   // whose records these are
	Alarm   events.Alarm

	Redelivered bool   // the platform delivers this event again, after an error or a time-out
	Superseded  bool   // a resolved alarm of the same rule and instance is in this batch
	Leader      Leader // another alarm of this batch about the same instance, which comes first
	Crowd       bool   // one of many instances of an event: what is read for all comes first
	Swept       bool   // no alarm: the timer looks after the incident that Slot names
	Slot        Slot
	// Waiter is the alarm that waited and is judged again, as it was when it was taken up; nil: the
	// alarm was just delivered. See TakeTurn.
	Waiter *Waiter
	// Reported: the answer has been reported. Only what must not be done before is left.
	Reported bool

	// Record and Fleet are what the ledger said last, and nothing else.
	Record Reading[Record]
	Fleet  Reading[Fleet]
	Sign   Reading[Sign]

	Instance  Reading[Instance]
	Vitals    Reading[Vitals]
	Platform  Reading[[]PlatformEvent]
	Rehearsal Reply
	// Evidence is what became of the last evidence that was asked for.
	Evidence Reading[Evidence]

	Seen      Seen    // as Next left it in the last step
	Written   Written // what became of the last write
	Conflicts int     // how many writes in a row were conflicts
	Sent      Order   // the last order that was sent
	Reply     Reply   // what ECS answered to it

	// StopAt is when everything must be written down, a reserve before the invocation's deadline;
	// zero: no deadline.
	StopAt time.Time
	// ClaimBy is when it is too late to begin another attempt; zero: StopAt.
	ClaimBy time.Time
}

// Leader is how far the alarm has come that leads for an instance; the zero Leader is none.
type Leader struct {
	Leads   bool
	Verdict Verdict // empty: it has an incident
	Reason  Reason
}

// Seen is what this invocation has seen of its incident, and what it is in the middle of. Next
// makes it and hands it back with every step; the loop keeps it, and reads and changes nothing in
// it. None of it is true for anybody else before it is written down.
type Seen struct {
	// Incident is the incident that this invocation holds, with what it saw of it since the
	// ledger's record. After it let go or lost it, what it knew of it.
	Incident *Incident
	// Claim is the attempt that this invocation claims and has not sent yet.
	Claim *Attempt
	// Ending is the incident with the end that is being written. It has ended when it stands among
	// the record's recent ones, and not before.
	Ending *Incident
	// WaitUntil is until when the last wait goes on: a renewal of the lease may interrupt it. What
	// was read of the instance before that is not used: after a wait, every decision is made
	// afresh.
	WaitUntil time.Time
	// RestUntil is until when nothing is written after a write that failed.
	RestUntil time.Time
	// Blind counts the rounds of reading, before the first claim, in which a source was
	// unavailable.
	Blind int
	// Stays: an alarm that waited cannot have its turn now, and waits on.
	Stays bool
	// Reread: what was read could not be relied on, and was asked for again once.
	Reread bool
	// Findings are the newest of every rule.
	Findings []Finding
}

// EvidenceOrder is the evidence that is to be kept of an instance.
type EvidenceOrder struct {
	Region, Instance, Incident string
	Stage                      EvidenceStage
	Limit                      time.Duration // after which nobody waits for it any more
}

// Order is one RebootInstance to be sent.
type Order struct {
	Region, Instance string
	Force            bool
	DryRun           bool
	SendBefore       time.Time // nothing is written to the network after this; not of a dry run
}

// What the loop does with the answer to a step. These are the only changes of Facts besides
// readings.

// Ask sets the time of the next decision. Where our clock was set back, what was read and written
// before is from the future, and would look newer than what comes: it is forgotten. A write has its
// answer no later than now, or nobody would ever have rested since.
func (f *Facts) Ask(now time.Time) {
	f.Now = now
	ahead := func(at time.Time) bool { return at.After(now) }
	if ahead(f.Record.At) {
		f.Record = Reading[Record]{}
	}
	if ahead(f.Fleet.At) {
		f.Fleet = Reading[Fleet]{}
	}
	if ahead(f.Instance.At) || ahead(f.Vitals.At) || ahead(f.Platform.At) || ahead(f.Rehearsal.At) {
		f.forgetLive()
	}
	if ahead(f.Written.At) {
		f.Written.At = now
	}
}

// Decided keeps what Next made of what it saw.
func (f *Facts) Decided(step *Step) { f.Seen = step.Seen }

// Wrote takes the ledger's answer to a write: what was stored is what the ledger says now; after
// anything else nobody knows what it says, and it must be read again.
func (f *Facts) Wrote(write Write, w Written) {
	f.Written = w
	f.Written.Fleet = write.Fleet != nil
	if w.Wrote == WroteConflict {
		f.Conflicts++
	} else {
		f.Conflicts = 0
	}
	switch done := w.Wrote == WroteDone; {
	case write.Record != nil && done:
		if open := write.Record.Open; open != nil && open.takenOverSince(f.Record.Value.Open) {
			f.forgetLive() // what was read by then may be old
		}
		f.Record = Reading[Record]{At: w.At, Value: *write.Record}
		f.Record.Value.Revision = w.Revision
	case write.Record != nil:
		f.Record = Reading[Record]{}
	default:
		f.Fleet = w.Left(*write.Fleet)
	}
}

// Along is for a change of the fleet's record that goes into one write with others', after them:
// Next is asked again, on the record as they leave it. False: it would do something else there, and
// that has to wait for the answer to the write, for nothing of it is stored yet.
func (f Facts) Along(p *Policy, now time.Time, left Fleet) (Facts, Step, bool) {
	f.Ask(now)
	f.Fleet = Reading[Fleet]{At: now, Value: left}
	step := Next(p, &f)
	return f, step, step.Do == DoWrite && step.Write.Fleet != nil
}

// Told notes that the answer was reported, if it was one for good. What must come after it is asked
// for then.
func (f *Facts) Told(step *Step) {
	f.Reported = step.Result != nil && step.Verdict != VerdictPending
}

// Replied takes ECS's answer to an order. What was read of the instance before says nothing about
// it any more.
func (f *Facts) Replied(order Order, reply Reply) {
	f.Sent, f.Reply = order, reply
	f.forgetLive()
}

// Waited drops what was read before the wait: after one, every decision is made on fresh readings.
// A rest between two writes is no such wait, and leaves WaitUntil as it was.
func (f *Facts) Waited() { f.forget(f.Seen.WaitUntil) }

// Interrupted: the invocation's context ended during a wait, and with it the time for anything new.
func (f *Facts) Interrupted(now time.Time) { f.StopAt = now }

// InstanceRegion is where the alarm's instance lives; an alarm that does not say is about the
// region we run in, and a sweep looks after no slot of another one.
func (f *Facts) InstanceRegion() string {
	switch {
	case f.Record.OK() && f.Record.Value.Open != nil:
		return f.Record.Value.Open.Region
	case f.Alarm.Region != "":
		return f.Alarm.Region
	}
	return f.Region
}

// have is the set of sources that have been read.
func (f *Facts) have() Source {
	var s Source
	if f.Record.Read() {
		s |= SourceRecord
	}
	if f.Fleet.Read() {
		s |= SourceFleet
	}
	if f.Instance.Read() {
		s |= SourceInstance
	}
	if f.Vitals.Read() {
		s |= SourceVitals
	}
	if f.Platform.Read() {
		s |= SourcePlatform
	}
	if !f.Rehearsal.At.IsZero() {
		s |= SourceRehearsal
	}
	if f.Sign.Read() {
		s |= SourceSign
	}
	return s
}

func (f *Facts) forgetLive() {
	f.Instance, f.Vitals = Reading[Instance]{}, Reading[Vitals]{}
	f.Platform, f.Rehearsal = Reading[[]PlatformEvent]{}, Reply{}
}

// forget drops live readings from before the given time.
func (f *Facts) forget(before time.Time) {
	if before.IsZero() {
		return
	}
	if f.Instance.before(before) {
		f.Instance = Reading[Instance]{}
	}
	if f.Vitals.before(before) {
		f.Vitals = Reading[Vitals]{}
	}
	if f.Platform.before(before) {
		f.Platform = Reading[[]PlatformEvent]{}
	}
	if !f.Rehearsal.At.IsZero() && f.Rehearsal.At.Before(before) {
		f.Rehearsal = Reply{}
	}
}
