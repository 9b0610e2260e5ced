package remedy

import (
	"time"

	"ecs-remedy/events"
)

// Source is something that can be read; a Step names a set of them.
type Source uint8

// The sources. Ledger and FleetLog are records of the ledger; the live ones are answers of ECS.
const (
	SourceRecord    Source = 1 << iota // the instance's record
	SourceFleet                        // the fleet's record
	SourceInstance                     // DescribeInstances
	SourceVitals                       // DescribeCloudAssistantStatus
	SourcePlatform                     // DescribeInstanceHistoryEvents
	SourceRehearsal                    // RebootInstance with DryRun
)

// Live are the sources that are answers of ECS.
const SourceLive = SourceInstance | SourceVitals | SourcePlatform | SourceRehearsal

// Has reports whether the set s holds every source of t.
func (s Source) Has(t Source) bool { return s&t == t }

// Failure says why a source could not be read; empty means that it was.
type Failure string

// The failures.
const (
	FailureUnavailable Failure = "unavailable" // not reached, throttled, or an answer that makes no sense: worth another try
	FailureForbidden   Failure = "forbidden"   // no permission or no credentials: another try gives the same
	FailureMissing     Failure = "missing"     // not in the answer, which may also mean that reading it is not permitted
	FailureUnreadable  Failure = "unreadable"  // in the answer, with a value that cannot be understood
)

// Reading is one answer of a source.
type Reading[T any] struct {
	At      time.Time // our clock when it had arrived; zero: not read yet
	Date    time.Time // the Date that ECS put on it; zero: none
	Value   T         // meaningful only without a Failure
	Failure Failure
	Note    string // what went wrong, for a human: an error code, never a URL
}

// Read reports whether there is an answer, readable or not.
func (r Reading[T]) Read() bool { return !r.At.IsZero() }

// OK reports whether there is a readable answer.
func (r Reading[T]) OK() bool { return r.Read() && r.Failure == "" }

// clockAgrees reports whether ECS's clock and ours are at most 2 minutes apart, so that times which ECS gave can be used.
func (r Reading[T]) clockAgrees() bool {
	return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew
}

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
	Heartbeat time.Time // LastHeartbeatTime; zero: Cloud Assistant never reported from this instance
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
	Outcome   Outcome   // Accepted, Rejected, NotExecuted or Unknown
	RequestID string
	Code      string // the API's error code, "not-sent", or empty
	Reason    Reason // of a rejection: NotRunning where the instance was in the wrong status
	Throttled bool   // of a NotExecuted: the account's calls for this minute are used up
	Note      string // for a human, never a URL
}

// Facts are all that Next decides on. A zero field means "not known yet"; Next asks for what it needs. The loop forgets the
// live readings when it has waited, so that every decision after a wait is made on fresh ones.
type Facts struct {
	Now     time.Time
	Owner   string // this invocation's hold on incidents: compared with Incident.Owner
	Account string // the account whose credentials we have
	Region  string // the region we run in, for alarms that name none
	Alarm   events.Alarm

	Redelivered bool // the platform delivers this event again, after an error or a time-out
	Followed    bool // another alarm of this batch leads for the same instance
	Superseded  bool // a resolved alarm of the same rule and instance, not older, is in this batch
	Swept       bool // no alarm: the timer looks after an incident

	Record  Reading[Record]
	Fleet   Reading[Fleet]
	Machine Reading[Instance]
	Vitals  Reading[Vitals]
	Events  Reading[[]PlatformEvent]
	Dry     Reply

	// StopAt is when everything must be written down, a reserve before the invocation's deadline; zero: no deadline.
	StopAt time.Time
	// ClaimBy is when it is too late to begin another attempt; zero: StopAt.
	ClaimBy time.Time
	// Failures counts the rounds of reading, without an open incident, in which a source was unavailable.
	Failures int
}

// Order is one RebootInstance to be sent.
type Order struct {
	Region, Instance string
	Force            bool
	DryRun           bool
	SendBefore       time.Time // nothing is written to the network after this; not used by a dry run
}
