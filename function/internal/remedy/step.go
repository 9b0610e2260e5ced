// Package remedy decides. Next is the only place where anything is decided about an alarm, an incident or an instance: it
// takes a policy and the facts, and returns the next thing to do as data. It does no I/O, reads no clock, and is total: every
// input has an answer, and the zero Step refuses.
//
// The rest of the package is the vocabulary: what can be read (facts.go), what is remembered (incident.go), what the operator
// allows (policy.go), and how an answer is worded (Verdict, Reason, Finding).
package remedy

import "time"

// Do is what the loop does next.
type Do uint8

// The things to do. The zero Do refuses.
const (
	DoRefuse Do = iota // report why, and do nothing
	DoRead             // read Step.Sources in parallel, and ask again
	DoReboot           // claim Step.Attempt in the ledger, then call RebootInstance with ForceStop=false
	DoForce            // the same with ForceStop=true
	DoWait             // sleep until Step.Until, forget the live readings, and ask again
	DoSettle           // write the incident's end to the ledger and report it
)

// Step is what to do next, and why.
type Step struct {
	Do       Do
	Sources  Source    // of Read
	Until    time.Time // of Wait
	Attempt  Attempt   // of Reboot and Force: the attempt to claim
	Verdict  Verdict   // of Settle and Refuse
	Reason   Reason
	Why      string    // what the reason rests on, for a human
	Findings []Finding // every rule that had its facts, in order
	// Incident is the incident as the facts leave it, attempts updated; nil where none is open. The loop goes on from it
	// and writes it down.
	Incident *Incident
}

// Verdict is how the handling of an alarm ended. The strings are part of the output and stored.
type Verdict string

// The verdicts.
const (
	VerdictRestarted Verdict = "restarted"
	VerdictObserved  Verdict = "observed"
	VerdictRefused   Verdict = "refused"
	VerdictIgnored   Verdict = "ignored"
	VerdictFailed    Verdict = "failed"
	VerdictPending   Verdict = "pending"
	VerdictMalformed Verdict = "malformed"
)

// Reason is why a verdict was reached. The strings are part of the output and stored.
type Reason string

// The reasons.
const (
	ReasonRecovered       Reason = "recovered"
	ReasonWouldRestart    Reason = "would-restart"
	ReasonPaused          Reason = "paused"
	ReasonRuleNotAllowed  Reason = "rule-not-allowed"
	ReasonStaleAlarm      Reason = "stale-alarm"
	ReasonWrongAccount    Reason = "wrong-account"
	ReasonOutsideWindow   Reason = "outside-window"
	ReasonDuplicateAlarm  Reason = "duplicate-alarm"
	ReasonInProgress      Reason = "in-progress"
	ReasonCoolingDown     Reason = "cooling-down"
	ReasonIncidentsSpent  Reason = "incidents-spent"
	ReasonFleetConcurrent Reason = "fleet-concurrent"
	ReasonFleetHourly     Reason = "fleet-hourly"
	ReasonNotFound        Reason = "not-found"
	ReasonNotRunning      Reason = "not-running"
	ReasonSecurityLocked  Reason = "security-locked"
	ReasonLocked          Reason = "locked"
	ReasonExpired         Reason = "expired"
	ReasonNotOptedIn      Reason = "not-opted-in"
	ReasonPlatformActing  Reason = "platform-acting"
	ReasonGuestAlive      Reason = "guest-alive"
	ReasonUnconfirmedHang Reason = "unconfirmed-hang"
	ReasonUnreadable      Reason = "unreadable"
	ReasonForbidden       Reason = "forbidden"
	ReasonDiskError       Reason = "disk-error"
	ReasonRejected        Reason = "rejected"

	ReasonResolved       Reason = "resolved"
	ReasonNotECS         Reason = "not-ecs"
	ReasonNoInstance     Reason = "no-instance"
	ReasonNotRestartable Reason = "not-restartable"
	ReasonPlaceholder    Reason = "placeholder"
	ReasonNotAnAlarm     Reason = "not-an-alarm"

	ReasonNotRecovered    Reason = "not-recovered"
	ReasonStuck           Reason = "stuck"
	ReasonUnconfirmed     Reason = "unconfirmed"
	ReasonForceNotAllowed Reason = "force-not-allowed"
	ReasonAbandoned       Reason = "abandoned"

	ReasonOutOfTime             Reason = "out-of-time"
	ReasonLeaseHeld             Reason = "lease-held"
	ReasonDependencyUnavailable Reason = "dependency-unavailable"
	ReasonMalformed             Reason = "malformed"
)

// Finding is one rule's answer, kept so that a refusal can be explained.
type Finding struct {
	Rule string `json:"rule"`
	OK   bool   `json:"ok"`
	Saw  string `json:"saw"` // the value that the answer rests on
}

// Result is how the handling of one alarm ended: the program's output, word for word.
type Result struct {
	Alarm      AlarmView     `json:"alarm"`
	Region     string        `json:"region"`
	InstanceID string        `json:"instanceId"`
	Verdict    Verdict       `json:"verdict"`
	Reason     Reason        `json:"reason"`
	Detail     string        `json:"detail"`
	Incident   string        `json:"incident"`
	Forced     bool          `json:"forced"`
	Attempts   []AttemptView `json:"attempts"`
	Findings   []Finding     `json:"findings"`

	Why string `json:"-"` // Step.Why, for the detail
}

// AlarmView is the alarm within a Result.
type AlarmView struct {
	Format string    `json:"format"`
	Name   string    `json:"name"`
	State  string    `json:"state"`
	Level  string    `json:"level"`
	ID     string    `json:"id"`
	Time   time.Time `json:"time,omitzero"`
}

// AttemptView is an attempt within a Result.
type AttemptView struct {
	N         int       `json:"n"`
	Force     bool      `json:"force"`
	At        time.Time `json:"at,omitzero"`
	RequestID string    `json:"requestId"`
	Outcome   Outcome   `json:"outcome"`
	Code      string    `json:"code"`
}
