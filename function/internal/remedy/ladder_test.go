package remedy

import (
	"strings"
	"testing"
	"time"
)

// ended runs one delivery to its end, and gives back what a table can say: the calls that reached the API (G graceful, F
// forced), and what became of the attempts.
func (w *world) ended(t *testing.T, d *delivery) (calls, outcomes string) {
	t.Helper()
	w.run(d, 10_000)
	if d.phase != done {
		t.Fatalf("no end after 10000 moves, at %v", w.now.Sub(start))
	}
	if w.laws.broken != "" {
		t.Errorf("law broken: %s", w.laws.broken)
	}
	for _, c := range w.laws.calls {
		switch {
		case c.sent.IsZero():
		case c.force:
			calls += "F"
		default:
			calls += "G"
		}
	}
	var attempts []Attempt
	if n := len(w.record.Recent); n > 0 {
		attempts = w.record.Recent[n-1].Attempts
	} else if w.record.Open != nil {
		attempts = w.record.Open.Attempts
	}
	var said []string
	for i := range attempts {
		said = append(said, string(attempts[i].Outcome))
	}
	return calls, strings.Join(said, " ")
}

// during is the time at which the first attempt is under way, and second when the second one is.
const (
	during = time.Minute
	second = 6 * time.Minute
)

func TestLadder(t *testing.T) {
	// at lets somebody do something, so long after the alarm.
	at := func(after time.Duration, do func(*world)) func(*world) {
		return func(w *world) { w.others = append(w.others, other{start.Add(after), do}) }
	}
	reply := func(answers ...string) func(*world) {
		return func(w *world) { w.answers = answers }
	}
	is := func(g guest) func(*world) { return func(w *world) { w.machine.guest = g } }
	all := func(steps ...func(*world)) func(*world) {
		return func(w *world) {
			for _, step := range steps {
				step(w)
			}
		}
	}
	outOfReach := func(from, until time.Duration, sources Source, failure Failure) func(*world) {
		return func(w *world) {
			w.outages = append(w.outages, outage{start.Add(from), start.Add(until), sources, failure})
		}
	}
	without := func(w *world) { w.machine.agentless, w.machine.lastBeat = true, time.Time{} }
	locks := func(w *world) { w.machine.Locks = []string{"security"} }
	obeys, ignoring, dead := is(guest{}), is(guest{ignores: 9}), is(guest{ignores: 9, ignoresForce: 9})
	slow := func(w *world) { w.policy.Poll = 40 * time.Second }
	never := func(w *world) { w.policy.Force = false }

	tests := []struct {
		name     string
		setup    func(*world)
		verdict  Verdict
		reason   Reason
		calls    string
		outcomes string
		why      string
	}{
		// Guests.
		{"obeys", obeys, VerdictRestarted, ReasonRecovered, "G", "worked", "one graceful reboot is enough"},
		{"ignores one", is(guest{ignores: 1}), VerdictRestarted, ReasonRecovered, "GG", "failed worked", "the retry"},
		{"ignores two", is(guest{ignores: 2}), VerdictRestarted, ReasonRecovered, "GGF", "failed failed worked",
			"two failures allow force"},
		{"dead", dead, VerdictFailed, ReasonNotRecovered, "GGF", "failed failed failed", "after force comes a human"},
		{"shrugs", is(guest{ignores: 9, shrugs: true}), VerdictRestarted, ReasonRecovered, "GGF", "failed failed worked",
			"Stopping and back to Running is no restart"},
		{"late", is(guest{delay: 6 * time.Minute}), VerdictRestarted, ReasonRecovered, "GG", "failed worked",
			"the first one's effect comes during the second: the second gets the credit, and nothing more is sent"},
		{"comes back mute", is(guest{mute: true}), VerdictFailed, ReasonNotRecovered, "G", "worked",
			"it restarted and does not report: it may be checking its disks, so nothing more is sent"},
		{"reports at the end of the grace", is(guest{boot: 4 * time.Minute}), VerdictRestarted, ReasonRecovered, "G", "worked",
			"a slow boot"},
		{"stays off", is(guest{sticks: "Stopped"}), VerdictFailed, ReasonNotRunning, "G", "failed",
			"a stopped instance is never started"},
		{"odd status", is(guest{sticks: "Pending"}), VerdictFailed, ReasonNotRunning, "G", "failed",
			"nothing is sent in a status like that"},

		// Without Cloud Assistant.
		{"no agent, obeys", without, VerdictRestarted, ReasonRecovered, "G", "worked", "Running twice is all that can be known"},
		{"no agent, ignores two", all(ignoring, without), VerdictRestarted, ReasonRecovered, "GGF", "failed failed worked",
			"as with one"},
		{"no agent, unknown and unwatched",
			all(ignoring, without, reply("void"), outOfReach(during, 3*time.Minute, SourceInstance, FailureUnavailable)),
			VerdictFailed, ReasonUnconfirmed, "G", "unconfirmed", "no heartbeat tells whether it still hangs"},

		// Stuck.
		{"stuck in Stopping, retry accepted", is(guest{sticks: "Stopping"}), VerdictRestarted, ReasonRecovered, "GGF",
			"failed failed worked",
			"our own transition: the ladder goes on in it"},
		{"stuck in Starting, retry accepted", is(guest{sticks: "Starting"}), VerdictRestarted, ReasonRecovered, "GGF",
			"failed failed worked", "likewise"},
		{"stuck for ever", is(guest{sticks: "Stopping", sticksForced: true}), VerdictFailed, ReasonStuck, "GGF", "failed failed failed",
			"after force too"},
		{"stuck, API refuses", all(is(guest{sticks: "Stopping"}), func(w *world) { w.refuses = true }), VerdictFailed, ReasonStuck, "GGF",
			"failed failed failed", "a refused retry is a failed one; a refused force is the end"},
		{"stuck, API refuses the retry only", all(is(guest{sticks: "Stopping"}), reply("", "status")), VerdictRestarted, ReasonRecovered,
			"GGF",
			"failed failed worked", "a refused retry counts towards force"},
		{"unknown, then Stopping at its end", all(is(guest{sticks: "Stopping"}), reply("lost")), VerdictFailed, ReasonStuck, "G",
			"unconfirmed",
			"not certain that our attempt began it"},
		{"stuck in Starting, refused by throttling, and back", all(is(guest{sticks: "Starting"}), reply("", "throttled"),
			at(5*time.Minute+50*time.Second,
				func(w *world) { w.machine.Status, w.machine.beatFrom = "Running", w.now.Add(time.Minute) })),
			VerdictRestarted, ReasonRecovered, "GG", "worked not-executed",
			"seen Starting and then Running: it worked, though StartTime is the same"},
		{"stuck in Starting, retry refused, force throttled, and back",
			all(is(guest{sticks: "Starting"}), reply("", "status", "throttled"),
				at(5*time.Minute+50*time.Second,
					func(w *world) { w.machine.Status, w.machine.beatFrom = "Running", w.now.Add(time.Minute) })),
			VerdictRestarted, ReasonRecovered, "GGF", "worked failed not-executed",
			"the first attempt gets the credit, and is waited for"},
		{"other people's transition", all(ignoring,
			at(5*time.Minute+41*time.Second, func(w *world) { w.machine.Status = "Stopping" }),
			reply("", "throttled")), VerdictFailed, ReasonNotRunning, "GG", "failed not-executed",
			"the first attempt was over and had failed in Running"},

		// Answers of the API.
		{"unknown with effect", reply("lost"), VerdictRestarted, ReasonRecovered, "G", "worked",
			"watched as if accepted, and not sent again"},
		{"unknown without effect", reply("void"), VerdictRestarted, ReasonRecovered, "GG", "unconfirmed worked",
			"watched all the time, then another"},
		{"unknown never counts", all(ignoring, reply("void")), VerdictRestarted, ReasonRecovered, "GGGF",
			"unconfirmed failed failed worked",
			"three graceful ones, two of them failures, before force"},
		{"all unknown", all(dead, reply("void", "void", "void", "void", "void", "void")), VerdictFailed, ReasonUnconfirmed, "GGGGG",
			"unconfirmed unconfirmed unconfirmed unconfirmed unconfirmed", "never force; the end is REMEDY_MAX_ATTEMPTS"},
		{"throttled", reply("throttled"), VerdictRestarted, ReasonRecovered, "GG", "not-executed worked", "sent anew in the next minute"},
		{"conflict", reply("conflict", "conflict"), VerdictRestarted, ReasonRecovered, "GGG", "not-executed not-executed worked",
			"sent anew"},
		{"not executed does not count", all(ignoring, reply("conflict", "", "conflict", "", "conflict", "", "conflict")),
			VerdictRestarted, ReasonRecovered,
			"GGGGFF", "not-executed failed not-executed failed not-executed worked",
			"neither towards force nor towards the attempts"},
		{"rejected at once", reply("locked"), VerdictRefused, ReasonSecurityLocked, "G", "rejected", "nothing was done: refused"},
		{"gone", reply("gone"), VerdictRefused, ReasonNotFound, "G", "rejected", "each code has its reason"},
		{"expired", reply("expired"), VerdictRefused, ReasonExpired, "G", "rejected", "each code has its reason"},
		{"disk", reply("disk"), VerdictRefused, ReasonDiskError, "G", "rejected", "each code has its reason"},
		{"forbidden", reply("forbidden"), VerdictRefused, ReasonForbidden, "G", "rejected", "each code has its reason"},
		{"odd", reply("odd"), VerdictRefused, ReasonRejected, "G", "rejected", "each code has its reason"},
		{"rejected after a conflict", reply("conflict", "locked"), VerdictRefused, ReasonSecurityLocked, "GG", "not-executed rejected",
			"still nothing was done"},
		{"rejected after an accepted one", all(ignoring, reply("", "locked")), VerdictFailed, ReasonSecurityLocked, "GG", "failed rejected",
			"one was accepted"},
		{"rejected after an unknown one", all(ignoring, reply("void", "locked")), VerdictFailed, ReasonSecurityLocked, "GG",
			"unconfirmed rejected", "one may have been"},
		{"wrong status, yet Running", reply("status"), VerdictRestarted, ReasonRecovered, "GG", "not-executed worked",
			"once is a hiccup"},
		{"wrong status twice, yet Running", reply("status", "status"), VerdictRefused, ReasonRejected, "GG", "not-executed rejected",
			"twice is an answer"},

		// The live guards in the middle.
		{"locked", all(ignoring, at(during, locks)), VerdictFailed, ReasonSecurityLocked, "G", "failed", "asked again before the retry"},
		{"locked, nothing sent yet", all(reply("throttled"), at(31*time.Second, locks)), VerdictRefused, ReasonSecurityLocked, "G",
			"not-executed", "refused: ECS did nothing"},
		{"locked before force", all(ignoring, at(second, locks)), VerdictFailed, ReasonSecurityLocked, "GG", "failed failed",
			"asked again before force"},
		{"locked, but restarted", at(35*time.Second, locks), VerdictRestarted, ReasonRecovered, "G", "worked",
			"nothing more is to be sent"},
		{"expired", all(ignoring, func(w *world) {
			w.machine.ChargeType, w.machine.ExpiredTime = "PrePaid",
				start.Add(during)
		}),
			VerdictFailed, ReasonExpired, "G", "failed", "its subscription ran out"},
		{"tag taken away", all(ignoring, at(during, func(w *world) { w.machine.Tags = nil })), VerdictFailed, ReasonNotOptedIn, "G",
			"failed", "its owner said stop"},
		{"tag reduced", all(ignoring, at(second,
			func(w *world) { w.machine.Tags = map[string]string{"auto-restart": "graceful"} })),
			VerdictFailed, ReasonForceNotAllowed, "GG", "failed failed", "the tag is read again for force"},
		{"force never", all(ignoring, never), VerdictFailed, ReasonForceNotAllowed, "GG", "failed failed", "REMEDY_FORCE=never"},
		{"platform acts", all(ignoring, at(during, func(w *world) {
			w.machine.platform = []PlatformEvent{{Type: "SystemFailure.Reboot", Status: "Executing"}}
		})), VerdictFailed, ReasonPlatformActing, "G", "failed", "the platform repairs it"},
		{"platform acts, nothing sent yet", all(reply("conflict"), at(31*time.Second, func(w *world) {
			w.machine.platform = []PlatformEvent{{Type: "SystemFailure.Reboot", Status: "Executing"}}
		})), VerdictRefused, ReasonPlatformActing, "G", "not-executed", "refused: ECS did nothing"},
		{"stopped by somebody", all(ignoring, at(during, func(w *world) { w.machine.Status = "Stopped" })), VerdictFailed,
			ReasonNotRunning, "G", "failed", "never started"},
		{"paused", all(ignoring, at(during, func(w *world) { w.fleet.Paused.Since = w.now })), VerdictFailed, ReasonPaused, "G", "failed",
			"the stop switch"},
		{"paused, nothing sent yet", all(reply("conflict"),
			at(31*time.Second, func(w *world) { w.fleet.Paused.Since = w.now })), VerdictRefused, ReasonPaused, "G",
			"not-executed", "like every other guard"},
		{"mode", all(ignoring, at(during, func(w *world) { w.policy.Mode = ModeOff })), VerdictFailed, ReasonPaused, "G", "failed",
			"the policy of now applies"},
		{"resolved", all(ignoring, at(during, func(w *world) {
			told := w.record.Open.clone()
			told.ResolvedAt = w.now
			w.record.Open, w.record.Revision = told, w.record.Revision+1
		})), VerdictFailed, ReasonResolved, "G", "failed", "its alarm is over; what was sent is watched to its end"},
		{"alive after an accepted attempt", all(ignoring, at(5*time.Minute, func(w *world) { w.machine.beatFrom = w.now })),
			VerdictRestarted, ReasonRecovered, "G", "worked",
			"a fresh heartbeat then means recovered"},
		{"alive after an unknown attempt",
			all(reply("void"), at(5*time.Minute, func(w *world) { w.machine.beatFrom = w.now })), VerdictFailed, ReasonGuestAlive, "G",
			"unconfirmed",
			"nothing of ours is known to have done that"},
		{"alive, nothing sent yet", all(reply("conflict"),
			at(31*time.Second, func(w *world) { w.machine.beatFrom = w.now })), VerdictRefused, ReasonGuestAlive, "G", "not-executed",
			"refused: ECS did nothing"},
		{"restarts late, after a refused retry",
			all(is(guest{delay: 5*time.Minute + time.Second}), reply("", "conflict"), slow), VerdictRestarted, ReasonRecovered, "GG",
			"worked not-executed",
			"the first one worked after all"},
		{"restarts late, no agent", all(is(guest{delay: 5*time.Minute + time.Second}), without, reply("", "conflict"),
			slow), VerdictRestarted, ReasonRecovered, "GG",
			"worked not-executed", "likewise, and Running twice is enough"},

		// Blindness.
		{"an empty list in between", all(ignoring, outOfReach(during, during+20*time.Second, SourceInstance, FailureMissing)), VerdictRestarted,
			ReasonRecovered, "GGF",
			"failed failed worked", "an unreadable poll, within the allowed gap"},
		{"an empty list at the end", all(ignoring, outOfReach(during, time.Hour, SourceInstance, FailureMissing)), VerdictFailed, ReasonNotFound, "G",
			"unconfirmed", "not there is an answer then"},
		{"a gap", all(ignoring, outOfReach(during, 2*time.Minute, SourceInstance, FailureUnavailable)), VerdictRestarted, ReasonRecovered, "GGGF",
			"unconfirmed failed failed worked",
			"not watched all the time: it does not count, but the silent heartbeat allows another"},
		{"unreadable around the end", all(ignoring,
			outOfReach(5*time.Minute+30*time.Second, 5*time.Minute+50*time.Second, SourceInstance, FailureUnavailable)), VerdictRestarted,
			ReasonRecovered, "GGF",
			"failed failed worked", "the reading after the end comes within the gap"},
		{"unreadable for good", all(ignoring, outOfReach(during, 3*time.Hour, SourceInstance, FailureUnavailable)), VerdictFailed, ReasonUnreadable,
			"G", "unconfirmed", "at the incident's limit"},
		{"forbidden for good", all(ignoring, outOfReach(during, 3*time.Hour, SourceInstance, FailureForbidden)), VerdictFailed, ReasonForbidden, "G",
			"unconfirmed", "at the incident's limit"},
		{"platform unreadable for a while", all(ignoring, outOfReach(during, 10*time.Minute, SourcePlatform, FailureUnavailable)),
			VerdictRestarted, ReasonRecovered, "GGF", "failed failed worked",
			"asked again until it can be read"},
		{"platform forbidden", all(ignoring, outOfReach(during, time.Hour, SourcePlatform, FailureForbidden)), VerdictFailed, ReasonForbidden, "G",
			"failed", "no other answer will come"},
		{"heartbeats unreadable after the restart", outOfReach(during, 5*time.Minute, SourceVitals, FailureUnavailable), VerdictRestarted,
			ReasonRecovered, "G", "worked", "waited for"},

		// Limits.
		{"attempts", all(dead, reply("", "void", "void", "void", "void")), VerdictFailed, ReasonUnconfirmed, "GGGGG",
			"failed unconfirmed unconfirmed unconfirmed unconfirmed",
			"five, and no more"},
		{"three attempts at least hold the ladder", all(dead, func(w *world) { w.policy.MaxAttempts = 3 }), VerdictFailed,
			ReasonNotRecovered, "GGF", "failed failed failed", "3 is the least"},
		{"throttled for ever", all(reply("throttled", "throttled", "throttled", "throttled", "throttled"), func(w *world) {
			w.policy.IncidentLimit = 3 * time.Minute
		}), VerdictFailed, ReasonNotRecovered, "GGGG", "not-executed not-executed not-executed not-executed",
			"one a minute until the incident's limit"},
		{"the incident's limit", all(ignoring, func(w *world) { w.policy.IncidentLimit = 6 * time.Minute }), VerdictFailed,
			ReasonNotRecovered, "GG", "failed failed", "no third attempt"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := hung()
			w.log = &history{}
			test.setup(w)
			d := deliver("me", hangs())
			calls, outcomes := w.ended(t, d)
			if d.verdict != test.verdict || d.reason != test.reason || calls != test.calls || outcomes != test.outcomes {
				t.Errorf("%s %s, calls %s, %s\nwant %s %s, calls %s, %s: %s\n%s", d.verdict, d.reason, calls, outcomes,
					test.verdict, test.reason, test.calls, test.outcomes, test.why, w.log)
			}
		})
	}
}

// incident opens facts with an incident whose last attempt has the given outcome, seen as late as possible: at its end, on an
// unbroken watch, the instance Running as ever. Earlier attempts failed.
func incident(earlier int, outcome Outcome) *candidate {
	c := opens()
	open := &Incident{ID: "i/1", Instance: instanceID, Region: "cn-hangzhou", OpenedAt: start, Owner: "me",
		Alarm: AlarmRef{Key: c.Alarm.Key}}
	for n := range earlier + 1 {
		sendBefore := start.Add(time.Duration(n)*6*time.Minute + 10*time.Second)
		a := Attempt{N: n + 1, ClaimedAt: sendBefore.Add(-10 * time.Second), SendBefore: sendBefore,
			AnsweredAt: sendBefore, RequestID: "R", Outcome: OutcomeFailed,
			Before: Baseline{Status: "Running", StartTime: c.Machine.Value.StartTime,
				Heartbeat: start.Add(-10 * time.Minute)},
			LastReadAt: sendBefore.Add(5 * time.Minute)}
		open.Attempts = append(open.Attempts, a)
	}
	last := &open.Attempts[earlier]
	last.Outcome = outcome
	end := last.SendBefore.Add(c.AttemptTimeout)
	if outcome == OutcomeAccepted || outcome == OutcomeUnknown || outcome == OutcomeClaimed {
		last.LastReadAt = end.Add(-5 * time.Second)
	}
	if outcome != OutcomeAccepted && outcome != OutcomeFailed {
		last.RequestID = ""
	}
	c.Record.Value.Open = open
	c.later(end.Sub(c.Now))
	c.Vitals.Value.Heartbeat = start.Add(-10 * time.Minute)
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
		return func(c *candidate) { c.last().LastReadAt = c.last().SendBefore.Add(c.AttemptTimeout - beforeEnd) }
	}
	clock := func(d time.Duration) func(*candidate) { return func(c *candidate) { c.later(d) } }
	status := func(s string) func(*candidate) { return func(c *candidate) { c.Machine.Value.Status = s } }
	silence := func(c *candidate) { c.Vitals.Value.Heartbeat = time.Time{} }
	// back puts the restart's first Running reading so long before now, and the last heartbeat so long after that reading.
	back := func(ago, beat time.Duration) func(*candidate) {
		return func(c *candidate) {
			c.last().BackAt = c.Now.Add(-ago)
			c.Vitals.Value.Heartbeat = c.last().BackAt.Add(beat)
		}
	}
	agentless := func(c *candidate) { c.last().Before.Heartbeat, c.Vitals.Value.Heartbeat = time.Time{}, time.Time{} }
	refused := func(c *candidate) { c.last().Reason, c.last().Code = ReasonNotRunning, "IncorrectInstanceStatus" }
	stuck := func(c *candidate) { c.Record.Value.Open.Attempts[len(c.Record.Value.Open.Attempts)-2].Stuck = true }
	with := func(steps ...func(*candidate)) func(*candidate) {
		return func(c *candidate) {
			for _, step := range steps {
				step(c)
			}
		}
	}
	no := func(*candidate) {}

	tests := []struct {
		name    string
		from    *candidate
		change  func(*candidate)
		do      Do
		verdict Verdict
		reason  Reason
		outcome Outcome // of the last attempt, as the step leaves it
		why     string
	}{
		// The end of an attempt.
		{"before the end", incident(0, OutcomeAccepted), clock(-1), DoWait, "", "", OutcomeAccepted, "a nanosecond left"},
		{"at the end", incident(0, OutcomeAccepted), no, DoReboot, "", "", OutcomeFailed, "watched to its end"},
		{"a gap at the limit", incident(0, OutcomeAccepted), lastRead(gap), DoReboot, "", "", OutcomeFailed, "no gap above 30 s"},
		{"a gap above it", incident(1, OutcomeAccepted), lastRead(gap + 1), DoReboot, "", "", OutcomeUnconfirmed,
			"a nanosecond above: graceful again, not forced"},
		{"no gap", incident(1, OutcomeAccepted), no, DoForce, "", "", OutcomeFailed, "the same without the gap"},
		{"a gap of three polls", incident(0, OutcomeAccepted),
			with(func(c *candidate) { c.Poll = 20 * time.Second }, lastRead(time.Minute)), DoReboot, "", "", OutcomeFailed,
			"slow polls allow more"},
		{"a gap above three polls", incident(0, OutcomeAccepted),
			with(func(c *candidate) { c.Poll = 20 * time.Second }, lastRead(time.Minute+1)), DoReboot, "", "", OutcomeUnconfirmed,
			"and no more than that"},
		{"never read, gap from sendBefore", incident(0, OutcomeAccepted), with(func(c *candidate) {
			c.last().LastReadAt = time.Time{}
			c.AttemptTimeout = 20 * time.Second
		}, func(c *candidate) { c.later(gap - 5*time.Minute) }), DoReboot, "", "", OutcomeFailed, "the watch begins at sendBefore"},
		{"a gap, no heartbeat known", incident(0, OutcomeAccepted), with(lastRead(gap+1), silence), DoSettle, VerdictFailed, ReasonUnconfirmed,
			OutcomeUnconfirmed, "nothing tells that it still hangs"},
		{"a gap, heartbeat fresh", incident(0, OutcomeAccepted),
			with(lastRead(gap+1), func(c *candidate) { c.Vitals.Value.Heartbeat = c.Now }), DoSettle, VerdictRestarted, ReasonRecovered,
			OutcomeWorked,
			"accepted, and alive"},
		{"unknown, watched", incident(0, OutcomeUnknown), silence, DoReboot, "", "", OutcomeUnconfirmed,
			"watched all the time: another graceful one"},
		{"unknown, a gap, silent", incident(0, OutcomeUnknown), lastRead(gap + 1), DoReboot, "", "", OutcomeUnconfirmed,
			"a known heartbeat is still silent"},
		{"unknown, a gap, never reported", incident(0, OutcomeUnknown), with(lastRead(gap+1), silence), DoSettle, VerdictFailed,
			ReasonUnconfirmed, OutcomeUnconfirmed, "nothing tells"},
		{"claimed by a dead owner, before the end", incident(0, OutcomeClaimed), clock(-time.Second), DoWait, "", "", OutcomeUnknown,
			"watched as if accepted"},
		{"claimed by a dead owner, at the end", incident(0, OutcomeClaimed), no, DoReboot, "", "", OutcomeUnconfirmed,
			"not known to be accepted"},
		{"two failures and an unknown one", incident(2, OutcomeUnknown), no, DoReboot, "", "", OutcomeUnconfirmed,
			"graceful again; force follows a failure"},
		{"Stopping at the end", incident(0, OutcomeAccepted), status("Stopping"), DoReboot, "", "", OutcomeFailed,
			"stuck: the next is sent in that state"},
		{"Stopping at the end, unknown", incident(0, OutcomeUnknown), status("Stopping"), DoSettle, VerdictFailed, ReasonStuck, OutcomeUnconfirmed,
			"not certain that we began that"},
		{"Stopped at the end", incident(0, OutcomeAccepted), status("Stopped"), DoSettle, VerdictFailed, ReasonNotRunning, OutcomeFailed,
			"never started"},
		{"no known status at the end", incident(0, OutcomeAccepted), status("Hibernating"), DoSettle, VerdictFailed, ReasonNotRunning, OutcomeFailed,
			"nothing is sent in that"},
		{"StartTime differs", incident(0, OutcomeAccepted), func(c *candidate) { c.Machine.Value.StartTime = "2026-11-23T08:03Z" },
			DoWait, "", "", OutcomeWorked, "it restarted: the guest is waited for"},
		{"StartTime missing", incident(0, OutcomeAccepted), func(c *candidate) { c.Machine.Value.StartTime = "" }, DoReboot, "", "",
			OutcomeFailed, "missing is no change"},
		{"StartTime differs late", incident(0, OutcomeFailed),
			func(c *candidate) { c.Machine.Value.StartTime = "2026-11-23T08:03Z" }, DoWait, "", "", OutcomeWorked,
			"it worked after all"},
		{"StartTime of an attempt that was not executed", incident(0, OutcomeNotExecuted),
			with(clock(time.Minute), func(c *candidate) { c.Machine.Value.StartTime = "2026-11-23T08:03Z" }), DoReboot, "", "",
			OutcomeNotExecuted,
			"somebody else's restart is not ours; it hangs still"},

		// After the restart.
		{"beat after the return", incident(0, OutcomeWorked), back(time.Minute, time.Second), DoSettle, VerdictRestarted, ReasonRecovered, OutcomeWorked,
			"later than the first Running reading"},
		{"beat at the return", incident(0, OutcomeWorked), back(time.Minute, 0), DoWait, "", "", OutcomeWorked,
			"may be the old system's last"},
		{"beat before the return", incident(0, OutcomeWorked), back(time.Minute, -time.Second), DoWait, "", "", OutcomeWorked,
			"the old system's"},
		{"before the end of the grace", incident(0, OutcomeWorked), back(15*time.Minute-1, -time.Second), DoWait, "", "", OutcomeWorked,
			"a nanosecond left"},
		{"at the end of the grace", incident(0, OutcomeWorked), back(15*time.Minute, -time.Second), DoSettle, VerdictFailed, ReasonNotRecovered,
			OutcomeWorked, "never sent again"},
		{"reported at the end of the grace", incident(0, OutcomeWorked), back(15*time.Minute, time.Second), DoSettle, VerdictRestarted,
			ReasonRecovered, OutcomeWorked, "in time"},
		{"clocks apart", incident(0, OutcomeWorked),
			with(back(time.Minute, time.Second),
				func(c *candidate) { c.Vitals.Date = c.Vitals.At.Add(-2*time.Minute - time.Second) }), DoWait, "", "", OutcomeWorked,
			"no telling"},
		{"ECS's clock is ahead", incident(0, OutcomeWorked),
			with(back(time.Minute, time.Second), func(c *candidate) { c.Vitals.Date = c.Vitals.At.Add(time.Second) }), DoWait,
			"", "", OutcomeWorked,
			"on our clock the beat was at the return"},
		{"never reported, first reading", incident(0, OutcomeWorked), with(back(0, 0), agentless), DoWait, "", "", OutcomeWorked,
			"the first of two"},
		{"never reported, second reading", incident(0, OutcomeWorked), with(back(1, 0), agentless), DoSettle, VerdictRestarted, ReasonRecovered,
			OutcomeWorked, "Running twice"},
		{"never reported, not Running", incident(0, OutcomeWorked), with(back(time.Minute, 0), agentless, status("Stopping")), DoWait,
			"", "", OutcomeWorked, "not Running now"},
		{"Stopped after the grace", incident(0, OutcomeWorked), with(back(15*time.Minute, 0), status("Stopped")), DoSettle, VerdictFailed,
			ReasonNotRunning, OutcomeWorked, "never started"},
		{"Starting after the grace", incident(0, OutcomeWorked), with(back(15*time.Minute, 0), status("Starting")), DoSettle, VerdictFailed,
			ReasonStuck, OutcomeWorked, "it restarts again and again"},
		{"gone after the grace", incident(0, OutcomeWorked),
			with(back(15*time.Minute, 0), func(c *candidate) {
				c.Machine.Failure, c.Machine.Note = FailureMissing,
					"an empty list"
			}), DoSettle, VerdictFailed, ReasonNotFound, OutcomeWorked, "released"},
		{"unreadable after the grace", incident(0, OutcomeWorked),
			with(back(15*time.Minute, 0), func(c *candidate) { c.Vitals.Failure, c.Vitals.Note = FailureUnavailable, "timeout" }),
			DoWait, "", "", OutcomeWorked, "until the incident's limit"},
		{"unreadable at the limit", incident(0, OutcomeWorked),
			with(clock(40*time.Minute), back(15*time.Minute, 0),
				func(c *candidate) { c.Vitals.Failure, c.Vitals.Note = FailureUnavailable, "timeout" }), DoSettle, VerdictFailed, ReasonUnreadable,
			OutcomeWorked, "no more to wait for"},
		{"denied, no second check", incident(0, OutcomeWorked),
			with(back(time.Minute, 0), agentless, func(c *candidate) { c.Vitals.Failure, c.SecondCheck = FailureForbidden, false }),
			DoSettle, VerdictRestarted, ReasonRecovered, OutcomeWorked,
			"no permission, and no rule that needs it"},

		// The wrong status.
		{"refused, Stopped", incident(0, OutcomeRejected), with(refused, status("Stopped")), DoSettle, VerdictRefused, ReasonNotRunning, OutcomeRejected,
			"nothing was sent, and it is never started"},
		{"refused, Stopped, after a failure", incident(1, OutcomeRejected), with(refused, status("Stopped")), DoSettle, VerdictFailed,
			ReasonNotRunning, OutcomeRejected, "one was accepted"},
		{"refused, Stopping after a failure", incident(1, OutcomeRejected), with(refused, clock(-1), status("Stopping")), DoWait, "", "",
			OutcomeRejected, "the attempt before may take effect only now"},
		{"refused, Stopping to the end after a failure", incident(1, OutcomeRejected), with(refused, status("Stopping")), DoForce, "", "",
			OutcomeFailed, "it is stuck in what our own attempt began: a failed retry"},
		{"refused, Stopping by others", incident(0, OutcomeRejected), with(refused, status("Stopping")), DoSettle, VerdictRefused, ReasonNotRunning,
			OutcomeRejected, "nothing of ours was accepted"},
		{"stuck, and force is forbidden", incident(1, OutcomeRejected),
			with(refused, stuck, status("Stopping"), func(c *candidate) { c.Force = false }), DoSettle, VerdictFailed, ReasonStuck, OutcomeFailed,
			"the second attempt is the last one, and it is Stopping"},
		{"refused, Stopping by us", incident(1, OutcomeRejected), with(refused, stuck, status("Stopping")), DoForce, "", "", OutcomeFailed,
			"a failed retry"},
		{"refused, Starting by us", incident(1, OutcomeRejected), with(refused, stuck, status("Starting")), DoForce, "", "", OutcomeFailed,
			"a failed retry"},
		{"refused force, Stopping by us", incident(2, OutcomeRejected),
			with(refused, stuck, status("Stopping"), func(c *candidate) { c.last().Force = true }), DoSettle, VerdictFailed, ReasonStuck,
			OutcomeFailed, "the end"},
		{"refused, Running", incident(0, OutcomeRejected), with(refused, clock(-5*time.Minute)), DoWait, "", "",
			OutcomeNotExecuted, "a hiccup, sent anew after a wait"},
		{"refused, not readable", incident(0, OutcomeRejected),
			with(refused, func(c *candidate) { c.Machine.Failure = FailureUnavailable }), DoWait, "", "", OutcomeRejected,
			"read again before it is believed"},
		{"refused, gone", incident(0, OutcomeRejected),
			with(refused, func(c *candidate) { c.Machine.Failure, c.Machine.Note = FailureMissing, "an empty list" }), DoSettle,
			VerdictRefused, ReasonNotFound, OutcomeRejected, "gone"},

		// Sending again what was not executed: answered 5 minutes before now.
		{"one row, early", incident(0, OutcomeNotExecuted), clock(-5*time.Minute + 5*time.Second - 1), DoWait, "", "",
			OutcomeNotExecuted, "REMEDY_POLL later"},
		{"one row, in time", incident(0, OutcomeNotExecuted), clock(-5*time.Minute + 5*time.Second), DoReboot, "", "",
			OutcomeNotExecuted, "REMEDY_POLL is over"},
		{"throttled, early", incident(0, OutcomeNotExecuted),
			with(func(c *candidate) { c.last().Throttled = true }, clock(-5*time.Minute+50*time.Second-1)), DoWait, "", "",
			OutcomeNotExecuted, "this minute"},
		{"throttled, next minute", incident(0, OutcomeNotExecuted),
			with(func(c *candidate) { c.last().Throttled = true }, clock(-5*time.Minute+50*time.Second)), DoReboot, "", "",
			OutcomeNotExecuted, "the next one"},

		// Limits.
		{"at the incident's limit", incident(0, OutcomeFailed), clock(45*time.Minute - 5*time.Minute - 10*time.Second), DoReboot, "",
			"", OutcomeFailed, "no later than that"},
		{"past the incident's limit", incident(0, OutcomeFailed), clock(45*time.Minute - 5*time.Minute - 10*time.Second + 1),
			DoSettle, VerdictFailed, ReasonNotRecovered, OutcomeFailed, "a nanosecond later"},
		{"past it, unconfirmed", incident(0, OutcomeUnconfirmed), clock(45 * time.Minute), DoSettle, VerdictFailed, ReasonUnconfirmed,
			OutcomeUnconfirmed, "the last attempt says why"},
		{"past it, worked late", incident(0, OutcomeFailed),
			with(clock(45*time.Minute), func(c *candidate) { c.Machine.Value.StartTime = "2026-11-23T08:07Z" }), DoWait, "",
			"", OutcomeWorked, "read once more"},
		{"fourth of five", incident(3, OutcomeUnconfirmed), no, DoReboot, "", "", OutcomeUnconfirmed, "one is left"},
		{"fifth of five", incident(4, OutcomeUnconfirmed), no, DoSettle, VerdictFailed, ReasonUnconfirmed, OutcomeUnconfirmed, "none is left"},
		{"fifth of five, worked late", incident(4, OutcomeUnconfirmed),
			func(c *candidate) { c.Machine.Value.StartTime = "2026-11-23T08:31Z" }, DoWait, "", "", OutcomeWorked, "read once more"},
		{"forced and failed", incident(2, OutcomeFailed), func(c *candidate) { c.last().Force = true }, DoSettle, VerdictFailed,
			ReasonNotRecovered, OutcomeFailed, "a human"},
		{"forced and failed, worked late", incident(2, OutcomeFailed), func(c *candidate) {
			c.last().Force, c.Machine.Value.StartTime = true, "2026-11-23T08:18Z"
		}, DoWait, "", "", OutcomeWorked, "read once more"},
		{"two failures", incident(1, OutcomeFailed), no, DoForce, "", "", OutcomeFailed, "force"},
		{"two failures, graceful tag", incident(1, OutcomeFailed),
			func(c *candidate) { c.Machine.Value.Tags = map[string]string{"auto-restart": "graceful"} }, DoSettle, VerdictFailed,
			ReasonForceNotAllowed, OutcomeFailed, "read again now"},
		{"two failures, untagged graceful", incident(1, OutcomeFailed),
			func(c *candidate) { c.Machine.Value.Tags, c.Untagged = nil, GrantGraceful }, DoSettle, VerdictFailed, ReasonForceNotAllowed,
			OutcomeFailed, "never force"},
		{"two failures, untagged true", incident(1, OutcomeFailed),
			func(c *candidate) { c.Machine.Value.Tags, c.Untagged = nil, GrantFull }, DoForce, "", "", OutcomeFailed,
			"the whole ladder"},

		// What no writer of ours leaves.
		{"no attempts", incident(0, OutcomeFailed), func(c *candidate) { c.Record.Value.Open.Attempts = nil }, DoSettle, VerdictFailed,
			ReasonAbandoned, "", "nothing to go on from"},
		{"an outcome of tomorrow", incident(0, "exploded"), no, DoSettle, VerdictFailed, ReasonUnreadable, "exploded", "unreadable is no"},

		// Time runs out.
		{"stop before a wait", incident(0, OutcomeAccepted),
			with(clock(-time.Minute), func(c *candidate) { c.StopAt = c.Now.Add(5*time.Second - 1) }), DoRefuse, VerdictPending,
			ReasonOutOfTime, OutcomeAccepted, "it would end too late"},
		{"a wait until the stop", incident(0, OutcomeAccepted),
			with(clock(-time.Minute), func(c *candidate) { c.StopAt = c.Now.Add(5 * time.Second) }), DoWait, "", "", OutcomeAccepted,
			"it ends in time"},
		{"stop before a reboot", incident(0, OutcomeFailed), func(c *candidate) { c.StopAt = c.Now.Add(1) }, DoReboot, "", "", OutcomeFailed,
			"a moment left"},
		{"too late to claim", incident(0, OutcomeFailed), func(c *candidate) { c.ClaimBy = c.Now }, DoRefuse, VerdictPending, ReasonOutOfTime,
			OutcomeFailed, "no attempt is begun"},
		{"too late to force", incident(1, OutcomeFailed), func(c *candidate) { c.ClaimBy = c.Now }, DoRefuse, VerdictPending, ReasonOutOfTime,
			OutcomeFailed, "no attempt is begun"},
		{"in time to force", incident(1, OutcomeFailed), func(c *candidate) { c.ClaimBy = c.Now.Add(1) }, DoForce, "", "", OutcomeFailed,
			"a moment left"},
		{"too late to claim, time to settle", incident(4, OutcomeUnconfirmed), func(c *candidate) { c.ClaimBy = c.Now }, DoSettle,
			VerdictFailed, ReasonUnconfirmed, OutcomeUnconfirmed, "an end is written at any time"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.change(test.from)
			step := test.from.ask()
			if step.Do != test.do || step.Verdict != test.verdict || step.Reason != test.reason {
				t.Fatalf("do %d, %s %s: %s\nwant do %d, %s %s: %s", step.Do, step.Verdict, step.Reason, step.Why, test.do,
					test.verdict, test.reason, test.why)
			}
			var last Attempt
			if n := len(step.Incident.Attempts); n > 0 {
				last = step.Incident.Attempts[n-1]
			}
			if last.Outcome != test.outcome {
				t.Errorf("the attempt is %q, want %q: %s", last.Outcome, test.outcome, test.why)
			}
			i, a := step.Incident, step.Attempt
			switch step.Do {
			case DoSettle:
				if i.EndedAt.IsZero() || i.Verdict != step.Verdict || i.Reason != step.Reason || step.Why == "" {
					t.Errorf("the incident's end is not what the step says: %+v", i)
				}
			case DoReboot, DoForce:
				if a.N != last.N+1 || a.Force != (step.Do == DoForce) {
					t.Errorf("the attempt to claim is %+v", a)
				}
			}
		})
	}
}

// TestBackoff: REMEDY_POLL, doubling to a minute.
func TestBackoff(t *testing.T) {
	for row, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second,
		time.Minute, time.Minute} {
		c := incident(row, OutcomeNotExecuted)
		for i := range c.Record.Value.Open.Attempts {
			c.Record.Value.Open.Attempts[i].Outcome = OutcomeNotExecuted
		}
		c.later(c.last().AnsweredAt.Sub(c.Now))
		if step := c.ask(); step.Do != DoWait || !step.Until.Equal(c.Now.Add(want)) {
			t.Errorf("row of %d: do %d, until %v later, want %v", row+1, step.Do, step.Until.Sub(c.Now), want)
		}
	}
}

// TestTakeover: whoever takes over goes on from the ledger, and what was never sent is watched before it is made again.
func TestTakeover(t *testing.T) {
	for _, test := range []struct {
		name     string
		crash    phase // of the first owner
		swept    bool
		calls    string
		outcomes string
		why      string
	}{
		{"claimed, not sent", sending, false, "G", "unconfirmed worked", "the claim alone counts as unknown"},
		{"claimed, not sent, swept", sending, true, "G", "unconfirmed worked", "the sweep does the same"},
		{"sent, answer lost", noting, false, "G", "worked", "it restarted: nothing is sent again"},
		{"sent, answer lost, swept", noting, true, "G", "worked", "the sweep does the same"},
	} {
		w := hung()
		w.log = &history{}
		first := deliver("first", hangs())
		for first.phase != test.crash {
			w.move(first)
		}
		w.until(w.record.Open.LeaseUntil.Add(w.policy.Lease / 10))
		d := deliver("second", hangs())
		if test.swept {
			d = sweep("second")
		}
		calls, outcomes := w.ended(t, d)
		if d.verdict != VerdictRestarted || calls != test.calls || outcomes != test.outcomes {
			t.Errorf("%s: %s %s, calls %s, %s: %s\n%s", test.name, d.verdict, d.reason, calls, outcomes, test.why, w.log)
		}
	}
}
