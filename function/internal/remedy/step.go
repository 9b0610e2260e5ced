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
	Refuse Do = iota // report why, and do nothing
	Read             // read Step.Sources in parallel, and ask again
	Reboot           // claim Step.Attempt in the ledger, then call RebootInstance with ForceStop=false
	Force            // the same with ForceStop=true
	Wait             // sleep until Step.Until, forget the live readings, and ask again
	Settle           // write the incident's end to the ledger and report it
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
	Restarted Verdict = "restarted"
	Observed  Verdict = "observed"
	Refused   Verdict = "refused"
	Ignored   Verdict = "ignored"
	GaveUp    Verdict = "failed"
	Pending   Verdict = "pending"
	Malformed Verdict = "malformed"
)

// Reason is why a verdict was reached. The strings are part of the output and stored.
type Reason string

// The reasons.
const (
	Recovered     Reason = "recovered"
	WouldRestart  Reason = "would-restart"
	Paused        Reason = "paused"
	RuleForbidden Reason = "rule-not-allowed"
	StaleAlarm    Reason = "stale-alarm"
	WrongAccount  Reason = "wrong-account"
	OutsideWindow Reason = "outside-window"
	Duplicate     Reason = "duplicate-alarm"
	InProgress    Reason = "in-progress"
	CoolingDown   Reason = "cooling-down"
	Spent         Reason = "incidents-spent"
	FleetBusy     Reason = "fleet-concurrent"
	FleetHourly   Reason = "fleet-hourly"
	NotFound      Reason = "not-found"
	NotRunning    Reason = "not-running"
	SecurityLock  Reason = "security-locked"
	Locked        Reason = "locked"
	Expired       Reason = "expired"
	NotOptedIn    Reason = "not-opted-in"
	PlatformActs  Reason = "platform-acting"
	GuestAlive    Reason = "guest-alive"
	Unproven      Reason = "unconfirmed-hang"
	Unreadable    Reason = "unreadable"
	Forbidden     Reason = "forbidden"
	DiskError     Reason = "disk-error"
	NotAccepted   Reason = "rejected"

	Resolved       Reason = "resolved"
	NotECS         Reason = "not-ecs"
	NoInstance     Reason = "no-instance"
	NotRestartable Reason = "not-restartable"
	Placeholder    Reason = "placeholder"
	NotAnAlarm     Reason = "not-an-alarm"

	NotRecovered    Reason = "not-recovered"
	Stuck           Reason = "stuck"
	NotConfirmed    Reason = "unconfirmed"
	ForceNotAllowed Reason = "force-not-allowed"
	Abandoned       Reason = "abandoned"

	OutOfTime   Reason = "out-of-time"
	LeaseHeld   Reason = "lease-held"
	Dependency  Reason = "dependency-unavailable"
	CannotParse Reason = "malformed"
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
