// Package report words what happened: the detail sentence that a tired human understands at 3 a.m., and the audit line that a
// dashboard counts.
package report

import (
	"io"
	"log/slog"
	"strconv"
	"strings"

	"ecs-remedy/function/internal/remedy"
)

// Reporter writes one JSON line per result. It is safe for concurrent use; a line is written whole.
type Reporter struct{ log *slog.Logger }

// New returns a Reporter that writes to w. Every line carries the code's version, and the invocation's
// request id if there is one.
func New(w io.Writer, requestID, version string) *Reporter {
	log := slog.New(slog.NewJSONHandler(w, nil)).With("version", version)
	if requestID != "" {
		log = log.With("requestId", requestID)
	}
	return &Reporter{log: log}
}

// Report words the result's Detail and writes its audit line, whose message is "verdict" and whose other fields are the
// result's own.
func (r *Reporter) Report(result *remedy.Result) {
	result.Detail = Detail(result)
	r.log.Info("verdict",
		"verdict", result.Verdict, "reason", result.Reason, "detail", result.Detail,
		"region", result.Region, "instanceId", result.InstanceID, "incident", result.Incident, "forced", result.Forced,
		"evidence", result.Evidence,
		"alarm", result.Alarm, "attempts", result.Attempts, "findings", result.Findings)
}

// Unswept writes the line of a sweep that could not do its work.
func (r *Reporter) Unswept(why string) {
	r.log.Warn("sweep", "detail", "this sweep could not look after open incidents, and the next one "+
		"tries again: "+why)
}

// Detail is the result in one sentence: what happened to which instance, and what it rests on.
func Detail(r *remedy.Result) string {
	subject := r.InstanceID
	if subject == "" {
		subject = "this event"
	}
	said := map[remedy.Verdict]string{
		remedy.VerdictRestarted: subject + " was restarted and recovered" + attempts(r),
		remedy.VerdictObserved:  subject + " would have been restarted (observe mode: nothing was sent)",
		remedy.VerdictWaiting: subject + " waits for its turn, and gets a second result then: " +
			waiting[r.Reason],
		remedy.VerdictIgnored:   subject + " needs no restart: " + ignored[r.Reason],
		remedy.VerdictFailed:    subject + " needs a human" + attempts(r) + ": " + failures[r.Reason],
		remedy.VerdictPending:   subject + " is not finished, and the event is to be delivered again: " + pending[r.Reason],
		remedy.VerdictMalformed: "this payload cannot be understood",
	}[r.Verdict]
	if r.Verdict == remedy.VerdictRefused {
		said = subject + " was not restarted" + attempts(r) + ": " + refusals[r.Reason]
	}
	if r.Verdict == remedy.VerdictFailed && failures[r.Reason] == "" {
		said = subject + " needs a human" + attempts(r) + ": " + refusals[r.Reason]
	}
	if r.Why != "" {
		said += " (" + r.Why + ")"
	}
	return strings.ToValidUTF8(said, "") + "."
}

// attempts says how often what was tried: " after 2 graceful reboots and 1 forced reboot".
func attempts(r *remedy.Result) string {
	graceful, forced, nothing, rejected := 0, 0, 0, 0
	for _, a := range r.Attempts {
		switch {
		case a.Outcome == remedy.OutcomeNotExecuted:
			nothing++
		case a.Outcome == remedy.OutcomeRejected:
			rejected++
		case a.Force:
			forced++
		default:
			graceful++
		}
	}
	var said []string
	for _, part := range []struct {
		n    int
		what string
	}{{graceful, "graceful reboot"}, {forced, "forced reboot"}, {nothing, "call that ECS did not execute"},
		{rejected, "call that ECS rejected"}} {
		switch {
		case part.n == 1:
			said = append(said, "1 "+part.what)
		case part.n > 1 && strings.HasPrefix(part.what, "call "):
			said = append(said, strconv.Itoa(part.n)+" calls"+strings.TrimPrefix(part.what, "call"))
		case part.n > 1:
			said = append(said, strconv.Itoa(part.n)+" "+part.what+"s")
		}
	}
	if len(said) == 0 {
		return ""
	}
	return " after " + strings.Join(said, " and ")
}

var ignored = map[remedy.Reason]string{
	remedy.ReasonResolved:       "its alarm is resolved",
	remedy.ReasonNotECS:         "it is not about an ECS instance",
	remedy.ReasonNoInstance:     "it names no instance that hangs",
	remedy.ReasonNotRestartable: "a restart does not cure this",
	remedy.ReasonPlaceholder:    "it names a placeholder, as samples and test events do",
	remedy.ReasonNotAnAlarm:     "it is not an alarm of CloudMonitor",
}

var refusals = map[remedy.Reason]string{
	remedy.ReasonPaused:          "restarting is switched off or paused",
	remedy.ReasonRuleNotAllowed:  "this alarm rule or level may not restart anything",
	remedy.ReasonStaleAlarm:      "the alarm is old news",
	remedy.ReasonWrongAccount:    "nothing says that it is this account's",
	remedy.ReasonWrongRegion:     "it is in another region than this function",
	remedy.ReasonOutsideWindow:   "no incident may open at this time of the week",
	remedy.ReasonDuplicateAlarm:  "this alarm was dealt with before",
	remedy.ReasonInProgress:      "it is being handled already",
	remedy.ReasonCoolingDown:     "it had an incident a short while ago",
	remedy.ReasonIncidentsSpent:  "it had too many incidents lately, and restarting it again would only hide why",
	remedy.ReasonFleetConcurrent: "as many instances as allowed are being restarted right now",
	remedy.ReasonFleetHourly:     "as many incidents as allowed have begun within the hour",
	remedy.ReasonNotFound:        "ECS does not show it here, or we may not see it",
	remedy.ReasonNotRunning:      "it is not Running",
	remedy.ReasonSecurityLocked:  "it is locked for security reasons",
	remedy.ReasonLocked:          "it is locked",
	remedy.ReasonExpired:         "its subscription has expired or its account is in arrears",
	remedy.ReasonNotOptedIn:      "its owner has not opted it in",
	remedy.ReasonPlatformActing:  "Alibaba Cloud itself is acting on it, or about to",
	remedy.ReasonGuestAlive:      "its guest is alive",
	remedy.ReasonUnconfirmedHang: "nothing confirms that it hangs",
	remedy.ReasonUnreadable:      "something that decides cannot be read, and unreadable means no",
	remedy.ReasonForbidden:       "the function's role does not allow it",
	remedy.ReasonDiskError:       "one of its disks is in a state that forbids it",
	remedy.ReasonRejected:        "ECS rejected the reboot for good",
}

var waiting = map[remedy.Reason]string{
	remedy.ReasonFleetConcurrent: "as many instances as allowed are being restarted right now",
}

var failures = map[remedy.Reason]string{
	remedy.ReasonNotRecovered:    "it did not recover",
	remedy.ReasonStuck:           "it is stuck between two states",
	remedy.ReasonUnconfirmed:     "nobody knows whether the reboot took place",
	remedy.ReasonForceNotAllowed: "it ignores graceful reboots, and forcing it is not allowed",
	remedy.ReasonNotRunning:      "it is not Running any more",
	remedy.ReasonResolved:        "its alarm was resolved before it was seen to restart, so nothing more was sent",
	remedy.ReasonPaused:          "restarting was paused or switched off before it recovered",
	remedy.ReasonAbandoned:       "its incident was ended by hand",
	remedy.ReasonLedgerLost:      "nobody knows what was sent for it, so nothing more is",
}

var pending = map[remedy.Reason]string{
	remedy.ReasonOutOfTime:             "this invocation has no time left",
	remedy.ReasonLeaseHeld:             "another invocation still holds it",
	remedy.ReasonDependencyUnavailable: "ECS or the ledger cannot be reached",
}
