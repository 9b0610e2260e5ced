package report

import "ecs-remedy/function/internal/remedy"

// labels are the short texts of messages and of the incident page.
type labels struct {
	Colon, Comma string

	Todo, Instance, Region, Reason, More, Took, Forced, Incident, Page string

	Summary, Opened, Ended, Attempts, NoAttempts, Simulated string
	Contents, NotShown                                      string // of several alarms: {n}

	Timeline, Scale, Drawing, Start                          string // {took}, {zone}; {from}, {to}
	Events, Statuses, Heart, Waits                           string // lanes of the drawing
	NoReading, Failed, Graceful, ByForce, NotSent            string // its legend
	HeartAgo, NoHeart, Silent, NoStatus, Steps, Passed, Rows string // {time}, {n}, {all}
	Findings, Rule, Answer, Saw, OK, NotOK, NoFindings       string
	NoneAsked                                                string
	Evidence, Place, Screenshot, Picture, Console, Log, Tail string // {subject}, {stage}, {n}
	Whole, Marked, NoMarks, Missing, NoEvidence, Earlier     string
	NoPicture, Noted, NotKept, NotRead, NotListed, Alien     string    // {what}, {name}, {why}
	Stages                                                   [4]string // from 1 on

	Received, Format, Name, AlarmRule, State, RawState, Level, Time, Key, Account, Product string
	Event, Metric, Problem, Note                                                           string

	Search, SearchText, Invocation, AlarmID, RequestID, Version string
	Number, How, Sent, Outcome, Code                            string // of a table of attempts
	Footer                                                      string // {time}
}

// VerdictOpen and ReasonOpen stand for the verdict of an incident that has none yet: one that the
// ledger holds as open. The strings are no part of any output.
const (
	VerdictOpen remedy.Verdict = ""
	ReasonOpen  remedy.Reason  = ""
)

// RuleEvidence is the rule under which findings say what evidence was kept, and what not.
const RuleEvidence remedy.Rule = "evidence"

// MarkKind is what a line of a console log tells of why a machine hangs. The strings are those of
// package evidence, and names of styles of the page.
type MarkKind string

// The kinds of marks.
const (
	MarkPanic       MarkKind = "panic"         // the kernel crashed
	MarkLockup      MarkKind = "lockup"        // a CPU that does not come back
	MarkHungTask    MarkKind = "hung-task"     // a task that waits for ever
	MarkOutOfMemory MarkKind = "out-of-memory" // the kernel killed a process for its memory
	MarkIOError     MarkKind = "io-error"      // a disk or a file system failed
	MarkReadOnly    MarkKind = "read-only"     // a file system takes no more writes
)

// Mark says that a line of a console log is one to look at.
type Mark struct {
	Line int // from 1
	Kind MarkKind
}
