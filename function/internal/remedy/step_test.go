package remedy

import (
	"strings"
	"testing"
	"time"
)

// standing is how an attempt stands.
type standing struct {
	Answer
	Fate
}

// The standings that a ladder meets.
var (
	isClaimed     = standing{AnswerNone, FateOpen}
	isAccepted    = standing{AnswerAccepted, FateOpen}
	isUnknown     = standing{AnswerUnknown, FateOpen}
	isRejected    = standing{AnswerRejected, FateOpen}
	isNotExecuted = standing{AnswerNotExecuted, FateOpen}
	isWorked      = standing{AnswerAccepted, FateWorked}
	isFailed      = standing{AnswerAccepted, FateFailed}
	isUnwatched   = standing{AnswerAccepted, FateUnconfirmed} // accepted, and somebody looked away
	isUnconfirmed = standing{AnswerUnknown, FateUnconfirmed}
	isRefused     = standing{AnswerRejected, FateFailed} // rejected, and watched for its whole time
)

// incident opens facts with an incident of ours whose last attempt stands as given, seen as late as
// possible: at its end, on an unbroken watch, the instance Running as ever. Earlier attempts
// failed.
func incident(earlier int, last standing) *candidate {
	c := opens()
	open := &Incident{ID: IncidentID(InstanceID, Start), Instance: InstanceID,
		Region: "cn-hangzhou", Account: Account, OpenedAt: Start, Owner: "me",
		Alarm: AlarmRef{Key: c.Alarm.Key}}
	for n := range earlier + 1 {
		sendBefore := Start.Add(time.Duration(n)*6*time.Minute + 10*time.Second)
		a := Attempt{N: n + 1, ClaimedAt: sendBefore.Add(-10 * time.Second), SendBefore: sendBefore,
			AnsweredAt: sendBefore, RequestID: "R", Answer: AnswerAccepted, Fate: FateFailed,
			Before: Baseline{Status: "Running", StartTime: c.Instance.Value.StartTime,
				Heartbeat: Start.Add(-10 * time.Minute)},
			LastReadAt: sendBefore.Add(5 * time.Minute)}
		open.Attempts = append(open.Attempts, a)
	}
	c.Record.Value.Open = open
	a := c.last()
	a.Answer, a.Fate = last.Answer, last.Fate
	end := a.SendBefore.Add(c.AttemptTimeout)
	switch last {
	case isClaimed:
		a.AnsweredAt, a.LastReadAt = time.Time{}, end.Add(-5*time.Second)
	case isAccepted, isUnknown:
		a.LastReadAt = end.Add(-5 * time.Second)
	}
	if last != isAccepted && last != isFailed {
		a.RequestID = ""
	}
	c.later(end.Sub(c.Now))
	open.LeaseUntil = c.Now.Add(c.Lease)
	c.Vitals.Value.Heartbeat = Start.Add(-10 * time.Minute)
	c.Fleet.Value.Open = []Slot{{Incident: open.ID, Instance: InstanceID, Region: "cn-hangzhou",
		OpenedAt: Start, LeaseUntil: open.LeaseUntil}}
	return c
}

// last is the last attempt of the candidate's open incident.
func (c *candidate) last() *Attempt {
	attempts := c.Record.Value.Open.Attempts
	return &attempts[len(attempts)-1]
}

// TestLadderStep asks for one step of an open incident: a row on each side of every boundary.
func TestLadderStep(t *testing.T) {
	const gap = 30 * time.Second
	lastRead := func(beforeEnd time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.last().LastReadAt = c.last().SendBefore.Add(c.AttemptTimeout - beforeEnd)
		}
	}
	clock := func(d time.Duration) func(*candidate) { return func(c *candidate) { c.later(d) } }
	// since puts the clock so long after the incident opened.
	since := func(d time.Duration) func(*candidate) {
		return func(c *candidate) { c.later(Start.Add(d).Sub(c.Now)) }
	}
	silence := func(c *candidate) { c.Vitals.Value.Heartbeat = time.Time{} }
	beats := func(c *candidate) { c.Vitals.Value.Heartbeat = c.Vitals.Date }
	startTime := func(s string) func(*candidate) {
		return func(c *candidate) { c.Instance.Value.StartTime = s }
	}
	// back puts the restart's first Running reading so long before now, and the last heartbeat so
	// long after that reading.
	back := func(ago, beat time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.last().BackAt = c.Now.Add(-ago)
			c.Vitals.Value.Heartbeat = c.last().BackAt.Add(beat)
		}
	}
	agentless := func(c *candidate) {
		c.last().Before.Heartbeat, c.Vitals.Value.Heartbeat = time.Time{}, time.Time{}
	}
	// heartbeatDate puts ECS's clock so far ahead of ours, where it says when the guest reported.
	heartbeatDate := func(ahead time.Duration) func(*candidate) {
		return func(c *candidate) { c.Vitals.Date = c.Vitals.At.Add(ahead) }
	}
	instance := func(failure Failure) func(*candidate) {
		return func(c *candidate) { c.Instance.Failure, c.Instance.Note = failure, "no answer" }
	}
	vitals := func(failure Failure) func(*candidate) {
		return func(c *candidate) { c.Vitals.Failure, c.Vitals.Note = failure, "no answer" }
	}
	platform := func(failure Failure) func(*candidate) {
		return func(c *candidate) { c.Platform.Failure, c.Platform.Note = failure, "no answer" }
	}
	fleet := func(failure Failure) func(*candidate) {
		return func(c *candidate) { c.Fleet.Failure, c.Fleet.Note = failure, "no answer" }
	}
	refused := func(c *candidate) {
		c.last().Reason, c.last().Code = ReasonNotRunning, "IncorrectInstanceStatus"
	}
	force := func(c *candidate) { c.last().Force = true }
	throttled := func(c *candidate) { c.last().Throttled = true }
	// seen: the instance was read Stopping at the end of the attempt before the last one.
	seen := func(c *candidate) {
		attempts := c.Record.Value.Open.Attempts
		attempts[len(attempts)-2].Stuck = true
	}
	// gone: it left Running after the attempt before the last one.
	gone := func(c *candidate) {
		attempts := c.Record.Value.Open.Attempts
		attempts[len(attempts)-2].LeftRunningAt = c.Now.Add(-time.Minute)
	}
	// slipped: ECS had refused the attempt before the last one of a Running instance, too.
	slipped := func(c *candidate) {
		attempts := c.Record.Value.Open.Attempts
		before := &attempts[len(attempts)-2]
		before.Answer, before.Fate, before.Reason = AnswerNotExecuted, FateOpen, ReasonNotRunning
	}
	stuck := func(c *candidate) { c.last().Stuck = true }
	left := func(c *candidate) { c.last().LeftRunningAt = c.Now.Add(-time.Minute) }
	never := func(c *candidate) { c.Force = false }
	unchecked := func(c *candidate) { c.SecondCheck = false }
	graceful := func(c *candidate) {
		c.Instance.Value.Tags = map[string]string{"auto-restart": "graceful"}
	}
	untagged := func(grant Grant) func(*candidate) {
		return func(c *candidate) { c.Instance.Value.Tags, c.Untagged = nil, grant }
	}
	locked := func(c *candidate) { c.Instance.Value.Locks = []string{"security"} }
	paused := func(c *candidate) { c.Fleet.Value.Paused = Pause{Since: c.Now, Reason: "release"} }
	slotless := func(c *candidate) { c.Fleet.Value.Open = nil }
	bare := func(c *candidate) { c.Fleet.Value = Fleet{} }
	unclaimed := func(c *candidate) { c.Record.Value.Open.Attempts = nil }
	unread := func(c *candidate) { c.last().LastReadAt = time.Time{} }
	quick := func(c *candidate) { c.AttemptTimeout = 20 * time.Second }
	slowly := func(c *candidate) { c.Poll = 20 * time.Second }
	stopAt := func(left time.Duration) func(*candidate) {
		return func(c *candidate) { c.StopAt = c.Now.Add(left) }
	}
	claimBy := func(left time.Duration) func(*candidate) {
		return func(c *candidate) { c.ClaimBy = c.Now.Add(left) }
	}

	tests := []struct {
		name    string
		from    *candidate
		change  func(*candidate)
		do      string
		verdict Verdict
		reason  Reason
		stands  standing // the last attempt, as the step leaves it
		why     string
	}{
		// The end of an attempt.
		{"before the end", incident(0, isAccepted), clock(-1), toWait, "", "", isAccepted,
			"a nanosecond left"},
		{"at the end", incident(0, isAccepted), no, toReboot, "", "", isFailed,
			"watched to its end"},
		{"a gap at the limit", incident(0, isAccepted), lastRead(gap), toReboot, "", "", isFailed,
			"no gap above 30 s"},
		{"a gap above it", incident(1, isAccepted), lastRead(gap + 1), toReboot, "", "",
			isUnwatched, "a nanosecond above: graceful again, not forced"},
		{"no gap", incident(1, isAccepted), no, toForce, "", "", isFailed,
			"the same without the gap"},
		{"a gap of three polls", incident(0, isAccepted), all(slowly, lastRead(time.Minute)),
			toReboot, "", "", isFailed, "slow polls allow more"},
		{"a gap above three polls", incident(0, isAccepted), all(slowly, lastRead(time.Minute+1)),
			toReboot, "", "", isUnwatched, "and no more than that"},
		{"never read, a gap at the limit from sendBefore", incident(0, isAccepted),
			all(unread, quick, clock(gap-5*time.Minute)), toReboot, "", "", isFailed,
			"the watch begins at sendBefore"},
		{"never read, a gap above it", incident(0, isAccepted),
			all(unread, quick, clock(gap-5*time.Minute+1)), toReboot, "", "", isUnwatched,
			"nobody looked for longer than 30 s"},
		{"a gap, no heartbeat known", incident(0, isAccepted), all(lastRead(gap+1), silence),
			toSettle, VerdictFailed, ReasonUnconfirmed, isUnwatched,
			"nothing tells that it still hangs"},
		{"a gap, heartbeat fresh", incident(0, isAccepted), all(lastRead(gap+1), beats), toSettle,
			VerdictRestarted, ReasonRecovered, isWorked, "accepted, and alive"},
		{"unknown, watched", incident(0, isUnknown), silence, toReboot, "", "", isUnconfirmed,
			"watched all the time: another graceful one"},
		{"unknown, a gap, silent", incident(0, isUnknown), lastRead(gap + 1), toReboot, "", "",
			isUnconfirmed, "a known heartbeat is still silent"},
		{"unknown, a gap, never reported", incident(0, isUnknown), all(lastRead(gap+1), silence),
			toSettle, VerdictFailed, ReasonUnconfirmed, isUnconfirmed, "nothing tells"},
		{"claimed by a dead owner, before the end", incident(0, isClaimed), clock(-time.Second),
			toWait, "", "", isUnknown, "watched as if accepted"},
		{"claimed by a dead owner, at the end", incident(0, isClaimed), no, toReboot, "", "",
			isUnconfirmed, "not known to be accepted"},
		{"two failures and an unknown one", incident(2, isUnknown), no, toReboot, "", "",
			isUnconfirmed, "graceful again; force follows a failure"},
		{"Stopping at the end", incident(0, isAccepted), status("Stopping"), toReboot, "", "",
			isFailed, "stuck: the next is sent in that state"},
		{"Stopping at the end, and the guest beats", incident(0, isAccepted),
			all(status("Stopping"), beats), toWait, "", "", isFailed,
			"the old system is alive while it shuts down: nothing is sent, and the watch goes on"},
		{"Stopping at the end, and nobody asks for beats", incident(0, isAccepted),
			all(status("Stopping"), beats, unchecked), toReboot, "", "", isFailed,
			"REMEDY_SECOND_CHECK=none"},
		{"Stopping, and the guest beats, at the incident's limit", incident(0, isFailed),
			all(stuck, status("Stopping"), since(45*time.Minute), beats), toWait, "", "", isFailed,
			"the limit is not past yet"},
		{"Stopping, and the guest beats, past the incident's limit", incident(0, isFailed),
			all(stuck, status("Stopping"), since(45*time.Minute+1), beats), toSettle, VerdictFailed,
			ReasonStuck, isFailed, "it never came out of it"},
		{"Starting at the end", incident(0, isAccepted), status("Starting"), toWait, "", "",
			isAccepted, "the shutdown succeeded, and a boot may take long: nothing is sent"},
		{"Starting at the end, unknown", incident(0, isUnknown), status("Starting"), toWait, "", "",
			isUnknown, "whoever began that, nothing is sent into a boot"},
		{"Starting before the incident's limit", incident(0, isAccepted),
			all(status("Starting"), since(45*time.Minute-1)), toWait, "", "", isAccepted,
			"watched to the limit"},
		{"Starting at the incident's limit, a gap", incident(0, isAccepted),
			all(status("Starting"), since(45*time.Minute)), toSettle, VerdictFailed, ReasonStuck,
			isUnwatched, "nobody looked since the attempt's end"},
		{"Starting at the incident's limit", incident(0, isAccepted),
			all(status("Starting"), since(45*time.Minute), lastRead(0)), toSettle, VerdictFailed,
			ReasonStuck, isFailed, "it does not come back"},
		{"Running after Starting", incident(0, isAccepted), all(left, clock(10*time.Minute)),
			toWait, "", "", isWorked, "it restarted, however late"},
		{"Stopping at the end, unknown", incident(0, isUnknown), status("Stopping"), toSettle,
			VerdictFailed, ReasonStuck, isUnconfirmed, "not certain that we began that"},
		{"Stopped at the end", incident(0, isAccepted), status("Stopped"), toSettle, VerdictFailed,
			ReasonNotRunning, isFailed, "never started"},
		{"no known status at the end", incident(0, isAccepted), status("Hibernating"), toSettle,
			VerdictFailed, ReasonNotRunning, isFailed, "nothing is sent in that"},
		{"StartTime differs", incident(0, isAccepted), startTime("2026-11-23T08:03Z"), toWait, "",
			"", isWorked, "it restarted: the guest is waited for"},
		{"StartTime missing", incident(0, isAccepted), startTime(""), toReboot, "", "", isFailed,
			"missing is no change"},
		{"StartTime differs late", incident(0, isFailed), startTime("2026-11-23T08:03Z"), toWait,
			"", "", isWorked, "it worked after all"},
		{"StartTime of an attempt that was not executed", incident(0, isNotExecuted),
			all(clock(time.Minute), startTime("2026-11-23T08:03Z")), toReboot, "", "",
			isNotExecuted, "somebody else's restart is not ours; it hangs still"},
		{"Stopping late", incident(0, isFailed), all(status("Stopping"), clock(5*time.Minute-1)),
			toWait, "", "", isFailed, "our own attempt may take effect only now"},
		{"Stopping too late", incident(0, isFailed), all(status("Stopping"), clock(5*time.Minute)),
			toSettle, VerdictFailed, ReasonNotRunning, isFailed,
			"a whole attempt time later it is somebody else's doing"},
		{"Stopping late, unknown", incident(0, isUnconfirmed), status("Stopping"), toSettle,
			VerdictFailed, ReasonNotRunning, isUnconfirmed, "not known to be our doing"},
		{"Starting late", incident(0, isFailed), all(status("Starting"), clock(20*time.Minute)),
			toWait, "", "", isFailed, "nothing is sent into a boot"},

		// After the restart.
		{"beat after the return", incident(0, isWorked), back(time.Minute, time.Second), toSettle,
			VerdictRestarted, ReasonRecovered, isWorked, "later than the first Running reading"},
		{"beat at the return", incident(0, isWorked), back(time.Minute, 0), toWait, "", "",
			isWorked, "may be the old system's last"},
		{"beat before the return", incident(0, isWorked), back(time.Minute, -time.Second), toWait,
			"", "", isWorked, "the old system's"},
		{"before the end of the grace", incident(0, isWorked), back(15*time.Minute-1, -time.Second),
			toWait, "", "", isWorked, "a nanosecond left"},
		{"at the end of the grace", incident(0, isWorked), back(15*time.Minute, -time.Second),
			toSettle, VerdictFailed, ReasonNotRecovered, isWorked, "never sent again"},
		{"reported at the end of the grace", incident(0, isWorked),
			back(15*time.Minute, time.Second), toSettle, VerdictRestarted, ReasonRecovered,
			isWorked, "in time"},
		{"clocks apart", incident(0, isWorked),
			all(back(time.Minute, time.Second), heartbeatDate(-2*time.Minute-time.Second)),
			toWait, "", "", isWorked, "no telling"},
		{"ECS's clock is ahead", incident(0, isWorked),
			all(back(time.Minute, time.Second), heartbeatDate(time.Second)), toWait, "", "",
			isWorked, "on our clock the beat was at the return"},
		{"never reported, first reading", incident(0, isWorked), all(back(0, 0), agentless), toWait,
			"", "", isWorked, "the first of two"},
		{"never reported, second reading", incident(0, isWorked), all(back(1, 0), agentless),
			toSettle, VerdictRestarted, ReasonRecovered, isWorked, "Running twice"},
		{"never reported, not Running", incident(0, isWorked),
			all(back(time.Minute, 0), agentless, status("Stopping")), toWait, "", "", isWorked,
			"not Running now"},
		{"Stopped after the grace", incident(0, isWorked),
			all(back(15*time.Minute, 0), status("Stopped")), toSettle, VerdictFailed,
			ReasonNotRunning, isWorked, "never started"},
		{"Starting after the grace", incident(0, isWorked),
			all(back(15*time.Minute, 0), status("Starting")), toSettle, VerdictFailed, ReasonStuck,
			isWorked, "it restarts again and again"},
		{"gone after the grace", incident(0, isWorked),
			all(back(15*time.Minute, 0), instance(FailureMissing)), toSettle, VerdictFailed,
			ReasonNotFound, isWorked, "released"},
		{"unreadable after the grace", incident(0, isWorked),
			all(back(15*time.Minute, 0), vitals(FailureUnavailable)), toWait, "", "", isWorked,
			"until the incident's limit"},
		{"unreadable before the limit", incident(0, isWorked),
			all(since(45*time.Minute-1), back(15*time.Minute, 0), vitals(FailureUnavailable)),
			toWait, "", "", isWorked, "a nanosecond left"},
		{"unreadable at the limit", incident(0, isWorked),
			all(since(45*time.Minute), back(15*time.Minute, 0), vitals(FailureUnavailable)),
			toSettle, VerdictFailed, ReasonUnreadable, isWorked, "no more to wait for"},
		{"denied, no second check", incident(0, isWorked),
			all(back(time.Minute, 0), agentless, unchecked, vitals(FailureForbidden)), toSettle,
			VerdictRestarted, ReasonRecovered, isWorked,
			"no permission, and no rule that needs it"},

		// The wrong status.
		{"refused, Stopped", incident(0, isRejected), all(refused, status("Stopped")), toSettle,
			VerdictRefused, ReasonNotRunning, isRejected,
			"nothing was sent, and it is never started"},
		{"refused, Stopped, after a failure", incident(1, isRejected),
			all(refused, status("Stopped")), toSettle, VerdictFailed, ReasonNotRunning, isRejected,
			"one was accepted"},
		{"refused, Stopping before its end", incident(1, isRejected),
			all(refused, clock(-1), status("Stopping")), toWait, "", "", isRejected,
			"a machine that obeys gets as much time as a deaf one"},
		{"refused, Stopping to the end", incident(1, isRejected), all(refused, status("Stopping")),
			toForce, "", "", isRefused,
			"in our own attempt's transition, and watched for its whole time: a failed retry"},
		{"refused, Stopping by others", incident(0, isRejected), all(refused, status("Stopping")),
			toSettle, VerdictRefused, ReasonNotRunning, isRejected, "nothing of ours was accepted"},
		{"refused, Stopping to the end, and force is forbidden", incident(1, isRejected),
			all(refused, seen, status("Stopping"), never), toSettle, VerdictFailed, ReasonStuck,
			isRefused, "the second attempt is the last one, and it is Stopping"},
		{"refused, Stopping before its end, and at the end of the one before",
			incident(1, isRejected), all(refused, seen, clock(-1), status("Stopping")), toWait, "",
			"", isRejected, "likewise: the refusal alone is no failure"},
		{"refused, Stopping to the end, and at the end of the one before", incident(1, isRejected),
			all(refused, seen, status("Stopping")), toForce, "", "", isRefused, "a failed retry"},
		{"refused, Stopping to the end, a gap", incident(1, isRejected),
			all(refused, status("Stopping"), lastRead(gap+1)), toSettle, VerdictFailed,
			ReasonStuck, standing{AnswerRejected, FateUnconfirmed},
			"nobody watched it all the time: no failure, and nothing is sent on uncertain ground"},
		{"refused, Stopping and then Running, before its end", incident(1, isRejected),
			all(refused, stuck, clock(-1)), toWait, "", "", isRejected,
			"that is no restart: the watch goes on"},
		{"refused, Stopping and then Running to its end", incident(1, isRejected),
			all(refused, stuck), toForce, "", "", isRefused,
			"the platform gave up on a guest that ignored it"},
		{"refused, Starting by us", incident(1, isRejected), all(refused, seen, status("Starting")),
			toWait, "", "", isRejected,
			"the shutdown succeeded: nothing is sent, and the watch goes on"},
		{"refused, Starting by us, before the incident's limit", incident(1, isRejected),
			all(refused, seen, status("Starting"), since(45*time.Minute-1)), toWait, "", "",
			isRejected, "a nanosecond left"},
		{"refused, Starting by us, at the incident's limit", incident(1, isRejected),
			all(refused, seen, status("Starting"), since(45*time.Minute)), toSettle, VerdictFailed,
			ReasonStuck, isRejected, "it does not come back"},
		{"refused, and back after Starting", incident(1, isRejected), all(refused, gone), toWait,
			"", "", isRejected, "the attempt before worked, and its guest is waited for"},
		{"refused, and the StartTime differs", incident(1, isRejected),
			all(refused, startTime("2026-11-23T08:06Z")), toWait, "", "", isRejected, "likewise"},
		{"refused force, Stopping by us", incident(2, isRejected),
			all(refused, seen, status("Stopping"), force), toWait, "", "", isRejected,
			"it still obeys: the watch goes on to the incident's limit"},
		{"refused force, Stopping before the incident's limit", incident(2, isRejected),
			all(refused, seen, status("Stopping"), force, since(45*time.Minute-1)), toWait, "", "",
			isRejected, "a nanosecond left"},
		{"refused force, Stopping at the incident's limit", incident(2, isRejected),
			all(refused, seen, status("Stopping"), force, since(45*time.Minute)), toSettle,
			VerdictFailed, ReasonStuck, isRefused, "nothing is left to try"},
		{"refused force, Running again at the incident's limit", incident(2, isRejected),
			all(refused, seen, stuck, force, since(45*time.Minute)), toSettle, VerdictFailed,
			ReasonNotRecovered, isRefused, "it did not restart"},
		{"refused force, and it restarts before the limit", incident(2, isRejected),
			all(refused, seen, stuck, force, since(40*time.Minute), startTime("2026-11-23T08:39Z")),
			toWait, "", "", isRejected, "an attempt before worked, and its guest is waited for"},
		{"refused, Running", incident(0, isRejected), all(refused, clock(-5*time.Minute)), toWait,
			"", "", isNotExecuted, "a hiccup, sent anew after a wait"},
		{"refused, Running, for the second time", incident(1, isRejected), all(refused, slipped),
			toSettle, VerdictRefused, ReasonRejected, isRejected,
			"once is a hiccup, twice is an answer"},
		{"refused, not readable", incident(0, isRejected),
			all(refused, instance(FailureUnavailable)), toWait, "", "", isRejected,
			"read again before it is believed"},
		{"refused, gone", incident(0, isRejected), all(refused, instance(FailureMissing)), toSettle,
			VerdictRefused, ReasonNotFound, isRejected, "gone"},
		{"refused, gone for a moment", incident(0, isRejected),
			all(refused, instance(FailureMissing), clock(-1)), toWait, "", "", isRejected,
			"an empty list may be a slip"},

		// Sending again what was not executed: answered 5 minutes before now.
		{"one row, early", incident(0, isNotExecuted), clock(-5*time.Minute + 5*time.Second - 1),
			toWait, "", "", isNotExecuted, "REMEDY_POLL later"},
		{"one row, in time", incident(0, isNotExecuted), clock(-5*time.Minute + 5*time.Second),
			toReboot, "", "", isNotExecuted, "REMEDY_POLL is over"},
		{"throttled, early", incident(0, isNotExecuted),
			all(throttled, clock(-5*time.Minute+50*time.Second-1)), toWait, "", "", isNotExecuted,
			"this minute"},
		{"throttled, next minute", incident(0, isNotExecuted),
			all(throttled, clock(-5*time.Minute+50*time.Second)), toReboot, "", "", isNotExecuted,
			"the next one"},

		// Limits.
		{"at the incident's limit", incident(0, isFailed), since(45 * time.Minute), toReboot, "",
			"", isFailed, "no later than that"},
		{"past the incident's limit", incident(0, isFailed), since(45*time.Minute + 1), toSettle,
			VerdictFailed, ReasonNotRecovered, isFailed, "a nanosecond later"},
		{"past it, unconfirmed", incident(0, isUnconfirmed), clock(45 * time.Minute), toSettle,
			VerdictFailed, ReasonUnconfirmed, isUnconfirmed, "the last attempt says why"},
		{"past it, worked late", incident(0, isFailed),
			all(clock(45*time.Minute), startTime("2026-11-23T08:07Z")), toWait, "", "", isWorked,
			"read once more"},
		{"fourth of five", incident(3, isUnconfirmed), no, toReboot, "", "", isUnconfirmed,
			"one is left"},
		{"fifth of five", incident(4, isUnconfirmed), no, toSettle, VerdictFailed,
			ReasonUnconfirmed, isUnconfirmed, "none is left"},
		{"fifth of five, worked late", incident(4, isUnconfirmed), startTime("2026-11-23T08:31Z"),
			toWait, "", "", standing{AnswerUnknown, FateWorked}, "read once more"},
		{"fifth of five, Starting", incident(4, isFailed), status("Starting"), toWait, "", "",
			isFailed, "our own doing: nothing more is claimed, and the watch goes on"},
		{"one of one, not known to be accepted, Starting", incident(0, isUnconfirmed),
			all(status("Starting"), func(c *candidate) { c.MaxAttempts = 1 }), toSettle,
			VerdictFailed, ReasonUnconfirmed, isUnconfirmed, "not known to be our doing"},
		{"forced and failed", incident(2, isFailed), force, toSettle, VerdictFailed,
			ReasonNotRecovered, isFailed, "a human"},
		{"forced and failed, worked late", incident(2, isFailed),
			all(force, startTime("2026-11-23T08:18Z")), toWait, "", "", isWorked, "read once more"},
		{"two failures", incident(1, isFailed), no, toForce, "", "", isFailed, "force"},
		{"two failures, graceful tag", incident(1, isFailed), graceful, toSettle, VerdictFailed,
			ReasonForceNotAllowed, isFailed, "read again now"},
		{"two failures, untagged graceful", incident(1, isFailed), untagged(GrantGraceful),
			toSettle, VerdictFailed, ReasonForceNotAllowed, isFailed, "never force"},
		{"two failures, untagged true", incident(1, isFailed), untagged(GrantFull), toForce, "", "",
			isFailed, "the whole ladder"},
		{"two failures, force never", incident(1, isFailed), never, toSettle, VerdictFailed,
			ReasonForceNotAllowed, isFailed, "REMEDY_FORCE=never"},

		// The last looks before a claim.
		{"its slot is gone", incident(0, isFailed), slotless, toReboot, "", "", isFailed,
			"an old record was restored: the slot is taken again, whatever the limits"},
		{"the fleet's record is gone", incident(0, isFailed), bare, toReboot, "", "", isFailed,
			"no first claim is made then, but what has begun goes on"},
		{"fleet out of reach", incident(0, isFailed), fleet(FailureUnavailable), toWait, "", "",
			isFailed, "there may be a pause in it"},
		{"fleet out of reach at the limit", incident(0, isFailed),
			all(fleet(FailureUnavailable), since(45*time.Minute+1)), toSettle, VerdictFailed,
			ReasonNotRecovered, isFailed, "nothing more may be claimed"},
		{"paused", incident(0, isFailed), paused, toSettle, VerdictFailed, ReasonPaused, isFailed,
			"the stop switch holds at once"},
		{"paused, nothing sent yet", incident(0, isNotExecuted), paused, toSettle, VerdictRefused,
			ReasonPaused, isNotExecuted, "ECS did nothing: refused"},
		{"paused, and locked", incident(0, isFailed), all(paused, locked), toSettle, VerdictFailed,
			ReasonSecurityLocked, isFailed, "the pause is asked last"},
		{"platform out of reach", incident(0, isFailed), platform(FailureUnavailable), toWait, "",
			"", isFailed, "it may be acting"},
		{"platform out of reach past the limit", incident(0, isFailed),
			all(platform(FailureUnavailable), since(45*time.Minute+1)), toSettle, VerdictFailed,
			ReasonUnreadable, isFailed, "that is what kept the next attempt from being sent"},
		{"platform denied", incident(0, isFailed), platform(FailureForbidden), toSettle,
			VerdictFailed, ReasonForbidden, isFailed, "no other answer will come"},

		// What no writer of ours leaves.
		{"no attempts", incident(0, isFailed), unclaimed, toReboot, "", "", standing{},
			"an opening: its owner goes on to the first claim"},
		{"no attempts, and a lock", incident(0, isFailed), all(unclaimed, locked), toAnswer,
			VerdictRefused, ReasonSecurityLocked, standing{},
			"the opening is taken back, and the alarm judged again by what forbade it"},
		{"an answer of tomorrow", incident(0, standing{"exploded", FateOpen}), no, toSettle,
			VerdictFailed, ReasonUnreadable, standing{"exploded", FateUnconfirmed},
			"unreadable is no; and what was sent is settled with its incident"},

		{"a fate of tomorrow", incident(0, standing{AnswerAccepted, "exploded"}), no, toSettle,
			VerdictFailed, ReasonUnreadable, standing{AnswerAccepted, "exploded"},
			"unreadable is no"},

		// Time runs out.
		{"stop before a wait", incident(0, isAccepted),
			all(clock(-time.Minute), stopAt(5*time.Second-1)), toRelease, "", "", isAccepted,
			"it would end too late"},
		{"a wait until the stop", incident(0, isAccepted),
			all(clock(-time.Minute), stopAt(5*time.Second)), toWait, "", "", isAccepted,
			"it ends in time"},
		{"stop before a reboot", incident(0, isFailed), stopAt(1), toReboot, "", "", isFailed,
			"a moment left"},
		{"too late to claim", incident(0, isFailed), claimBy(0), toRelease, "", "", isFailed,
			"no attempt is begun"},
		{"too late to force", incident(1, isFailed), claimBy(0), toRelease, "", "", isFailed,
			"no attempt is begun"},
		{"in time to force", incident(1, isFailed), claimBy(1), toForce, "", "", isFailed,
			"a moment left"},
		{"too late to claim, time to settle", incident(4, isUnconfirmed), claimBy(0), toSettle,
			VerdictFailed, ReasonUnconfirmed, isUnconfirmed, "an end is written at any time"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := test.from
			test.change(c)
			step := c.ask()
			do := c.comesTo(&step)
			if do != test.do || step.Verdict != test.verdict || step.Reason != test.reason {
				t.Fatalf("%s, %s %s: %s\nwant %s, %s %s: %s", do, step.Verdict, step.Reason,
					step.Why, test.do, test.verdict, test.reason, test.why)
			}
			var last Attempt
			left := step.Incident
			if do == toSettle {
				left = step.Seen.Ending
			}
			if left != nil && len(left.Attempts) > 0 {
				last = left.Attempts[len(left.Attempts)-1]
			}
			if stands := (standing{last.Answer, last.Fate}); stands != test.stands {
				t.Errorf("the attempt is %v, want %v: %s", stands, test.stands, test.why)
			}
			switch do {
			case toSettle:
				c.reports(t, step)
			case toReboot, toForce:
				c.sends(t, step, last.N+1)
			case toRelease:
				if step = c.after(step); step.Do != DoAnswer || step.Verdict != VerdictPending ||
					step.Reason != ReasonOutOfTime || c.Record.Value.Open == nil {
					t.Errorf("after it let go: %+v, want that the event is asked for again", step)
				}
			case toAnswer:
				c.answers(t, &step)
				if c.Record.Value.Open != nil {
					t.Error("it answers, and leaves the incident open")
				}
			case toWait:
				if !step.Until.After(c.Now) || step.Until.After(c.Now.Add(time.Minute)) {
					t.Errorf("it waits until %v at %v", step.Until, c.Now)
				}
			}
		})
	}
}

// sends follows a claim to its order: the owner's lease is renewed with it, and what is sent is
// what was claimed.
func (c *candidate) sends(t *testing.T, step Step, n int) {
	t.Helper()
	a, written := step.Claims(), step.Write.Record.Open
	if a.N != n || a.Outcome() != OutcomeClaimed || !a.ClaimedAt.Equal(c.Now) ||
		len(written.Attempts) != n || written.Attempts[n-1] != *a || written.Owner != c.Owner ||
		!written.LeaseUntil.Equal(c.Now.Add(c.Lease)) {
		t.Errorf("the attempt to claim is %+v, in %+v", a, written)
	}
	if c.Fleet.Value.slot(written.ID) == nil {
		t.Error("it claims without a slot")
	}
	send := c.after(step)
	want := Order{Region: "cn-hangzhou", Instance: InstanceID, Force: a.Force,
		SendBefore: c.Now.Add(c.CallLimit())}
	if send.Do != DoSend || send.Order != want {
		t.Errorf("after the claim %+v, want that %+v is sent", send, want)
	}
}

// TestOutOfTime: an owner whose time is over when a wait ends gives its incident free, and looks no
// more.
func TestOutOfTime(t *testing.T) {
	for _, row := range []struct {
		left time.Duration // after the wait
		want string
		why  string
	}{
		{0, toRelease, "there is no time for another look"},
		{1, toRelease, "there is time for a look, and none for the wait after it"},
		{5 * time.Second, toWait, "there is time for both"},
	} {
		c := incident(0, isAccepted)
		c.later(-time.Minute)
		wait := c.ask()
		c.told.StopAt = wait.Until.Add(row.left)
		looks := len(c.read)
		step := c.after(wait)
		if do := c.comesTo(&step); do != row.want {
			t.Errorf("%v left: %s, want %s: %s", row.left, do, row.want, row.why)
		}
		if looked := len(c.read) > looks; looked != (row.left > 0) {
			t.Errorf("%v left: looked=%v: %s", row.left, looked, row.why)
		}
	}
}

// TestStaleReadings: a claim rests on readings of the last 10 seconds. Older ones are read again,
// all together; when they are too old a second time, reading takes too long, and that is an
// unavailable round.
func TestStaleReadings(t *testing.T) {
	const limit = 10 * time.Second
	vitals := func(f *Facts) *time.Time { return &f.Vitals.At }
	tests := []struct {
		name string
		from *candidate
		old  func(*Facts) *time.Time // the reading that arrived too early
		age  time.Duration
		slow bool // and again when it is read anew
		do   string
		read string // of ECS, before the claim
		why  string
	}{
		{"at the limit", incident(0, isFailed), vitals, limit, false, toReboot,
			"machine heartbeat platform fleet", "a reading may be as old as a call may take"},
		{"above it", incident(0, isFailed), vitals, limit + 1, false, toReboot,
			"machine heartbeat platform machine heartbeat platform fleet",
			"all are read again, or one of them would be too old soon"},
		{"the instance", incident(0, isFailed), func(f *Facts) *time.Time { return &f.Instance.At },
			limit + 1, false, toReboot,
			"machine heartbeat platform machine heartbeat platform fleet", "whichever it is"},
		{"the platform", incident(0, isFailed), func(f *Facts) *time.Time { return &f.Platform.At },
			limit + 1, false, toReboot,
			"machine heartbeat platform machine heartbeat platform fleet", "whichever it is"},
		{"above it, again", incident(0, isFailed), vitals, limit + 1, true, toWait,
			"machine heartbeat platform machine heartbeat platform",
			"one REMEDY_POLL later another look: the ladder goes on to the incident's limit"},
		{"before force", incident(1, isFailed), vitals, limit + 1, false, toForce,
			"machine heartbeat platform machine heartbeat platform fleet",
			"force rests on no less"},
	}
	for _, test := range tests {
		c := test.from
		*test.old(&c.Facts) = c.Now.Add(-test.age)
		if !test.slow {
			c.meanwhile = func(c *candidate) { *test.old(&c.Facts) = c.Now }
		}
		step := c.ask()
		if do := c.comesTo(&step); do != test.do {
			t.Errorf("%s: %s, want %s: %s", test.name, do, test.do, test.why)
		}
		if read := strings.Join(c.read[1:], " "); read != test.read {
			t.Errorf("%s: read %q, want %q: %s", test.name, read, test.read, test.why)
		}
		if test.do == toWait && !step.Until.Equal(c.Now.Add(c.Poll)) {
			t.Errorf("%s: it waits until %v, want one REMEDY_POLL", test.name, step.Until)
		}
	}
}

// TestStaleOpening: before the first claim the third round in which reading took too long takes the
// opening back, and asks for the event again.
func TestStaleOpening(t *testing.T) {
	for _, poll := range []time.Duration{5 * time.Second, 30 * time.Second} {
		// With the longer one, a third of the lease is over before: no opening's lease is renewed.
		c := opens()
		c.Poll = poll
		c.Instance.At = c.Now.Add(-10*time.Second - 1)
		step := c.ask()
		if c.comesTo(&step) != toOpen {
			t.Fatalf("%s, want that it opens: no claim rests on these readings", c.comesTo(&step))
		}
		step = c.after(step)
		for round := 1; round < 3; round++ {
			if do := c.comesTo(&step); do != toWait || !step.Until.Equal(c.Now.Add(poll)) {
				t.Fatalf("round %d: %s until %v at %v, want one REMEDY_POLL", round, do, step.Until,
					c.Now)
			}
			step = c.after(step)
		}
		if do := c.comesTo(&step); do != toAnswer || step.Verdict != VerdictPending ||
			step.Reason != ReasonDependencyUnavailable {
			t.Errorf("the third round: %s, %s %s, want that the event is asked for again", do,
				step.Verdict, step.Reason)
		}
		if c.Record.Value.Open != nil || len(c.Fleet.Value.Open) != 0 ||
			len(c.Record.Value.Keys) != 0 {
			t.Errorf("it leaves %+v and %+v, want nothing spent", c.Record.Value, c.Fleet.Value)
		}
	}
}

// TestStartsLate: an attempt that was given up on, and whose instance is read Starting after all:
// it restarted when it is back, though its StartTime is the same.
func TestStartsLate(t *testing.T) {
	for _, row := range []struct {
		why  string
		from *candidate
	}{
		{"another attempt is left", incident(0, isFailed)},
		{"none is left", incident(4, isFailed)},
	} {
		c := row.from
		c.Instance.Value.Status = "Starting"
		step := c.ask()
		if c.comesTo(&step) != toWait {
			t.Fatalf("%s: %+v", row.why, step)
		}
		c.Instance.Value.Status = "Running"
		step = c.after(step)
		attempts := step.Incident.Attempts
		last := attempts[len(attempts)-1]
		if c.comesTo(&step) != toWait || last.Fate != FateWorked {
			t.Errorf("%s: %s, and the attempt is %+v", row.why, c.comesTo(&step), last)
		}
	}
}

// TestSend: what is claimed is sent once, in time, and only while the record shows the claim.
func TestSend(t *testing.T) {
	var claim Attempt
	tests := []struct {
		name   string
		change func(*candidate)
		do     string
		stands standing // the last attempt of the incident
		code   string
		why    string
	}{
		{"at once", no, toSend, isClaimed, "", "the claim is in the ledger"},
		{"at sendBefore", func(c *candidate) { c.told.Now = claim.SendBefore }, toSend,
			isClaimed, "", "the last moment"},
		{"after sendBefore", func(c *candidate) { c.told.Now = claim.SendBefore.Add(1) }, toWait,
			isNotExecuted, "not-sent",
			"an owner that froze sends nothing: it is claimed anew later"},
		{"after its lease", func(c *candidate) { c.told.Now = c.Now.Add(time.Minute + 1) }, toWait,
			isNotExecuted, "not-sent",
			"it takes its incident up again, and knows that it sent nothing"},
		{"answered", func(c *candidate) {
			c.told.Replied(Order{Region: "cn-hangzhou", Instance: InstanceID,
				SendBefore: claim.SendBefore}, Reply{At: c.Now, Answer: AnswerAccepted})
		}, toWait, isAccepted, "", "sent already, and watched"},
		{"answered, and nobody knows what", func(c *candidate) {
			c.told.Replied(Order{Region: "cn-hangzhou", Instance: InstanceID,
				SendBefore: claim.SendBefore}, Reply{At: c.Now, Answer: AnswerUnknown})
		}, toWait, isUnknown, "", "never sent again"},
		{"another order was answered", func(c *candidate) {
			c.told.Replied(Order{Region: "cn-hangzhou", Instance: InstanceID,
				SendBefore: claim.SendBefore.Add(-time.Minute)},
				Reply{At: c.Now, Answer: AnswerAccepted})
		}, toSend, isClaimed, "", "that was the attempt before"},
		{"lost from the ledger", func(c *candidate) {
			c.told.Record = Reading[Record]{At: c.Now}
			c.Record.Value.Open = nil
		}, toSettle, standing{}, "",
			"the slot shows that the ledger has lost it: nothing more is sent for it"},
		{"taken by somebody else", func(c *candidate) { c.told.Record.Value.Open.Owner = "you" },
			toAnswer, standing{}, "", "whoever holds it sends"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := opens()
			step := c.after(c.ask())
			claim = *step.Claims()
			c.do(&step)
			test.change(c)
			c.pass(c.told.Now.Sub(c.Now))
			step = c.goOn()
			if do := c.comesTo(&step); do != test.do {
				t.Fatalf("%s, %s %s, want %s: %s", do, step.Verdict, step.Reason, test.do, test.why)
			}
			var last Attempt
			left := step.Incident
			if test.do == toSettle {
				left = step.Seen.Ending
			}
			if left != nil && len(left.Attempts) > 0 {
				last = left.Attempts[len(left.Attempts)-1]
			}
			stands := standing{last.Answer, last.Fate}
			if stands != test.stands || last.Code != test.code {
				t.Errorf("the attempt is %v %q, want %v %q: %s", stands, last.Code, test.stands,
					test.code, test.why)
			}
		})
	}
}

// TestClaimNotStored: a claim whose write was refused or got no answer is sent only if the ledger
// has it.
func TestClaimNotStored(t *testing.T) {
	for _, row := range []struct {
		name   string
		wrote  Wrote
		stored bool
		do     string
		why    string
	}{
		{"conflict", WroteConflict, false, toReboot, "it was never made: claimed anew at once"},
		{"no answer, and not stored", WroteUnknown, false, toWait,
			"never made: claimed anew after a rest"},
		{"no answer, and stored", WroteUnknown, true, toSend, "it is ours, and there is time"},
	} {
		c := opens()
		step := c.after(c.ask())
		c.told.Decided(&step)
		if row.stored {
			c.Record.Value = *step.Write.Record
		}
		c.told.Wrote(step.Write, Written{At: c.Now, Wrote: row.wrote})
		step = c.goOn()
		if do := c.comesTo(&step); do != row.do {
			t.Errorf("%s: %s, want %s: %s", row.name, do, row.do, row.why)
		}
		if row.do == toWait && !step.Until.Equal(c.Now.Add(c.Lease/10)) {
			t.Errorf("%s: it rests until %v, want a tenth of a lease", row.name, step.Until)
		}
	}
}

// TestBackoff: REMEDY_POLL, doubling to a minute. The lease is renewed on the way.
func TestBackoff(t *testing.T) {
	for row, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second,
		40 * time.Second, time.Minute, time.Minute} {
		c := incident(row, isNotExecuted)
		for i := range c.Record.Value.Open.Attempts {
			a := &c.Record.Value.Open.Attempts[i]
			a.Answer, a.Fate = AnswerNotExecuted, FateOpen
		}
		c.later(c.last().AnsweredAt.Sub(c.Now))
		answered, step := c.Now, c.ask()
		for c.comesTo(&step) == toWait {
			if renewal := c.Record.Value.Open.renewAt(&c.Policy); step.Until.After(renewal) {
				t.Errorf("row of %d: it sleeps until %v, past %v when its lease is due", row+1,
					step.Until, renewal)
			}
			step = c.after(step)
		}
		if waited := c.Now.Sub(answered); waited != want || c.comesTo(&step) != toReboot {
			t.Errorf("row of %d: %s after %v, want it sent anew after %v", row+1,
				c.comesTo(&step), waited, want)
		}
	}
}
