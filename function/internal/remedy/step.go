package remedy

import "time"

// Do is what the loop does next.
type Do uint8

// The verbs of the loop. The zero one only reports: it sends nothing and writes nothing.
const (
	DoAnswer Do = iota // report Step.Result, and end
	DoRead             // read Step.Sources in parallel
	DoWrite            // put Step.Write into the ledger, at the revision that it carries
	DoSend             // call RebootInstance as Step.Order says
	DoWait             // sleep until Step.Until, and drop the live readings
)

// Step is what to do next, and why.
type Step struct {
	Do      Do
	Sources Source // of DoRead
	// Evidence is what to keep, of DoRead with SourceEvidence.
	Evidence EvidenceOrder
	Write    Write     // of DoWrite
	Order    Order     // of DoSend
	Until    time.Time // of DoWait
	Result   *Result   // of DoAnswer; nil: there is nothing to tell
	Seen     Seen      // for the facts of the next step

	// For those who watch. Verdict, Reason and Why belong to an answer, and to the write of an
	// incident's end, or of an alarm that waits from then on; Incident is the incident as the facts
	// leave it; Findings are of every rule that was asked in this step, in order.
	Verdict  Verdict
	Reason   Reason
	Why      string
	Incident *Incident
	Findings []Finding
}

// Claims is the attempt that the step claims; nil where it claims none.
func (s *Step) Claims() *Attempt {
	if s.Do != DoWrite || s.Write.Record == nil {
		return nil
	}
	open, known := s.Write.Record.Open, s.Seen.Incident
	if open == nil || known == nil || len(open.Attempts) != len(known.Attempts)+1 {
		return nil
	}
	return s.Seen.Claim
}

// Opens reports whether the step opens an incident.
func (s *Step) Opens() bool {
	if s.Do != DoWrite || s.Write.Record == nil || s.Write.Record.Open == nil {
		return false
	}
	open := s.Write.Record.Open
	return len(open.Attempts) == 0 && open.ResolvedAt.IsZero() && s.Seen.Incident == nil
}

// Ends reports whether the step writes an incident's end.
func (s *Step) Ends() bool {
	return s.Do == DoWrite && s.Seen.Ending != nil && s.Write.Record != nil
}

// Waits reports whether the alarm waits for a slot: the step writes that down, or says so again.
func (s *Step) Waits() bool { return s.Verdict == VerdictWaiting }

// Verdict is how the handling of an alarm ended. The strings are part of the output and stored.
type Verdict string

// The verdicts.
const (
	VerdictRestarted Verdict = "restarted"
	VerdictObserved  Verdict = "observed"
	VerdictWaiting   Verdict = "waiting"
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
	ReasonWrongRegion     Reason = "wrong-region"
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
	ReasonLedgerLost      Reason = "ledger-lost"

	ReasonOutOfTime             Reason = "out-of-time"
	ReasonLeaseHeld             Reason = "lease-held"
	ReasonDependencyUnavailable Reason = "dependency-unavailable"
	ReasonMalformed             Reason = "malformed"
)

// Finding is one rule's answer, kept so that a refusal can be explained.
type Finding struct {
	Rule Rule   `json:"rule"`
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
	Evidence   string        `json:"evidence"` // where; empty: nothing was kept
	Attempts   []AttemptView `json:"attempts"`
	Findings   []Finding     `json:"findings"`

	Why   string    `json:"-"` // Step.Why, for the detail
	Name  string    `json:"-"` // the instance's, if it was read
	Ended *Incident `json:"-"` // the incident that this is the end of; nil: none

	// Retold: the end was read from the ledger. Whoever wrote it there may have told it, and knew
	// more.
	Retold bool `json:"-"`
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
