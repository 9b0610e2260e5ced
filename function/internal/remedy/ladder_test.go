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
		{"obeys", obeys, Restarted, Recovered, "G", "worked", "one graceful reboot is enough"},
		{"ignores one", is(guest{ignores: 1}), Restarted, Recovered, "GG", "failed worked", "the retry"},
		{"ignores two", is(guest{ignores: 2}), Restarted, Recovered, "GGF", "failed failed worked", "two failures allow force"},
		{"dead", dead, GaveUp, NotRecovered, "GGF", "failed failed failed", "after force comes a human"},
		{"shrugs", is(guest{ignores: 9, shrugs: true}), Restarted, Recovered, "GGF", "failed failed worked",
			"Stopping and back to Running is no restart"},
		{"late", is(guest{delay: 6 * time.Minute}), Restarted, Recovered, "GG", "failed worked",
			"the first one's effect comes during the second: the second gets the credit, and nothing more is sent"},
		{"comes back mute", is(guest{mute: true}), GaveUp, NotRecovered, "G", "worked",
			"it restarted and does not report: it may be checking its disks, so nothing more is sent"},
		{"reports at the end of the grace", is(guest{boot: 4 * time.Minute}), Restarted, Recovered, "G", "worked", "a slow boot"},
		{"stays off", is(guest{sticks: "Stopped"}), GaveUp, NotRunning, "G", "failed", "a stopped instance is never started"},
		{"odd status", is(guest{sticks: "Pending"}), GaveUp, NotRunning, "G", "failed", "nothing is sent in a status like that"},

		// Without Cloud Assistant.
		{"no agent, obeys", without, Restarted, Recovered, "G", "worked", "Running twice is all that can be known"},
		{"no agent, ignores two", all(ignoring, without), Restarted, Recovered, "GGF", "failed failed worked", "as with one"},
		{"no agent, unknown and unwatched", all(ignoring, without, reply("void"), outOfReach(during, 3*time.Minute, Machine, Unavailable)),
			GaveUp, NotConfirmed, "G", "unconfirmed", "no heartbeat tells whether it still hangs"},

		// Stuck.
		{"stuck in Stopping, retry accepted", is(guest{sticks: "Stopping"}), Restarted, Recovered, "GGF", "failed failed worked",
			"our own transition: the ladder goes on in it"},
		{"stuck in Starting, retry accepted", is(guest{sticks: "Starting"}), Restarted, Recovered, "GGF", "failed failed worked", "likewise"},
		{"stuck for ever", is(guest{sticks: "Stopping", sticksForced: true}), GaveUp, Stuck, "GGF", "failed failed failed", "after force too"},
		{"stuck, API refuses", all(is(guest{sticks: "Stopping"}), func(w *world) { w.refuses = true }), GaveUp, Stuck, "GGF",
			"failed failed failed", "a refused retry is a failed one; a refused force is the end"},
		{"stuck, API refuses the retry only", all(is(guest{sticks: "Stopping"}), reply("", "status")), Restarted, Recovered, "GGF",
			"failed failed worked", "a refused retry counts towards force"},
		{"unknown, then Stopping at its end", all(is(guest{sticks: "Stopping"}), reply("lost")), GaveUp, Stuck, "G", "unconfirmed",
			"not certain that our attempt began it"},
		{"stuck in Starting, refused by throttling, and back", all(is(guest{sticks: "Starting"}), reply("", "throttled"),
			at(5*time.Minute+50*time.Second, func(w *world) { w.machine.Status, w.machine.beatFrom = "Running", w.now.Add(time.Minute) })),
			Restarted, Recovered, "GG", "worked not-executed", "seen Starting and then Running: it worked, though StartTime is the same"},
		{"other people's transition", all(ignoring, at(5*time.Minute+40*time.Second, func(w *world) { w.machine.Status = "Stopping" }),
			reply("", "throttled")), GaveUp, NotRunning, "GG", "failed not-executed", "the first attempt was over and had failed in Running"},

		// Answers of the API.
		{"unknown with effect", reply("lost"), Restarted, Recovered, "G", "worked", "watched as if accepted, and not sent again"},
		{"unknown without effect", reply("void"), Restarted, Recovered, "GG", "unconfirmed worked", "watched all the time, then another"},
		{"unknown never counts", all(ignoring, reply("void")), Restarted, Recovered, "GGGF", "unconfirmed failed failed worked",
			"three graceful ones, two of them failures, before force"},
		{"all unknown", all(dead, reply("void", "void", "void", "void", "void", "void")), GaveUp, NotConfirmed, "GGGGG",
			"unconfirmed unconfirmed unconfirmed unconfirmed unconfirmed", "never force; the end is REMEDY_MAX_ATTEMPTS"},
		{"throttled", reply("throttled"), Restarted, Recovered, "GG", "not-executed worked", "sent anew in the next minute"},
		{"conflict", reply("conflict", "conflict"), Restarted, Recovered, "GGG", "not-executed not-executed worked", "sent anew"},
		{"not executed does not count", all(ignoring, reply("conflict", "", "conflict", "", "conflict", "", "conflict")), Restarted, Recovered,
			"GGGGFFF"[:4] + "FF", "not-executed failed not-executed failed not-executed worked", "neither towards force nor towards the attempts"},
		{"rejected at once", reply("locked"), Refused, SecurityLock, "G", "rejected", "nothing was done: refused"},
		{"gone", reply("gone"), Refused, NotFound, "G", "rejected", "each code has its reason"},
		{"expired", reply("expired"), Refused, Expired, "G", "rejected", "each code has its reason"},
		{"disk", reply("disk"), Refused, DiskError, "G", "rejected", "each code has its reason"},
		{"forbidden", reply("forbidden"), Refused, Forbidden, "G", "rejected", "each code has its reason"},
		{"odd", reply("odd"), Refused, NotAccepted, "G", "rejected", "each code has its reason"},
		{"rejected after a conflict", reply("conflict", "locked"), Refused, SecurityLock, "GG", "not-executed rejected", "still nothing was done"},
		{"rejected after an accepted one", all(ignoring, reply("", "locked")), GaveUp, SecurityLock, "GG", "failed rejected", "one was accepted"},
		{"rejected after an unknown one", all(ignoring, reply("void", "locked")), GaveUp, SecurityLock, "GG", "unconfirmed rejected", "one may have been"},
		{"wrong status, yet Running", reply("status"), Restarted, Recovered, "GG", "not-executed worked", "once is a hiccup"},
		{"wrong status twice, yet Running", reply("status", "status"), Refused, NotAccepted, "GG", "not-executed rejected", "twice is an answer"},
		{"wrong status: Stopped", all(reply("status"), at(30*time.Second, func(w *world) { w.machine.Status = "Running" })), Restarted, Recovered, "GG",
			"not-executed worked", "read again, it is Running"},

		// The live guards in the middle.
		{"locked", all(ignoring, at(during, locks)), GaveUp, SecurityLock, "G", "failed", "asked again before the retry"},
		{"locked, nothing sent yet", all(reply("throttled"), at(31*time.Second, locks)), Refused, SecurityLock, "G", "not-executed", "refused: ECS did nothing"},
		{"locked before force", all(ignoring, at(second, locks)), GaveUp, SecurityLock, "GG", "failed failed", "asked again before force"},
		{"locked, but restarted", at(35*time.Second, locks), Restarted, Recovered, "G", "worked", "nothing more is to be sent"},
		{"expired", all(ignoring, func(w *world) { w.machine.ChargeType, w.machine.ExpiredTime = "PrePaid", start.Add(during) }),
			GaveUp, Expired, "G", "failed", "its subscription ran out"},
		{"tag taken away", all(ignoring, at(during, func(w *world) { w.machine.Tags = nil })), GaveUp, NotOptedIn, "G", "failed", "its owner said stop"},
		{"tag reduced", all(ignoring, at(second, func(w *world) { w.machine.Tags = map[string]string{"auto-restart": "graceful"} })),
			GaveUp, ForceNotAllowed, "GG", "failed failed", "the tag is read again for force"},
		{"force never", all(ignoring, never), GaveUp, ForceNotAllowed, "GG", "failed failed", "REMEDY_FORCE=never"},
		{"platform acts", all(ignoring, at(during, func(w *world) {
			w.machine.platform = []PlatformEvent{{Type: "SystemFailure.Reboot", Status: "Executing"}}
		})), GaveUp, PlatformActs, "G", "failed", "the platform repairs it"},
		{"platform acts, nothing sent yet", all(reply("conflict"), at(31*time.Second, func(w *world) {
			w.machine.platform = []PlatformEvent{{Type: "SystemFailure.Reboot", Status: "Executing"}}
		})), Refused, PlatformActs, "G", "not-executed", "refused: ECS did nothing"},
		{"stopped by somebody", all(ignoring, at(during, func(w *world) { w.machine.Status = "Stopped" })), GaveUp, NotRunning, "G", "failed", "never started"},
		{"paused", all(ignoring, at(during, func(w *world) { w.fleet.Paused.Since = w.now })), GaveUp, Paused, "G", "failed", "the stop switch"},
		{"paused, nothing sent yet", all(reply("conflict"), at(31*time.Second, func(w *world) { w.fleet.Paused.Since = w.now })), Refused, Paused, "G",
			"not-executed", "like every other guard"},
		{"mode", all(ignoring, at(during, func(w *world) { w.policy.Mode = Off })), GaveUp, Paused, "G", "failed", "the policy of now applies"},
		{"resolved", all(ignoring, at(during, func(w *world) {
			told := w.record.Open.clone()
			told.ResolvedAt = w.now
			w.record.Open, w.record.Revision = told, w.record.Revision+1
		})), GaveUp, Resolved, "G", "failed", "its alarm is over; what was sent is watched to its end"},
		{"alive after an accepted attempt", all(ignoring, at(5*time.Minute, func(w *world) { w.machine.beatFrom = w.now })), Restarted, Recovered, "G", "worked",
			"a fresh heartbeat then means recovered"},
		{"alive after an unknown attempt", all(reply("void"), at(5*time.Minute, func(w *world) { w.machine.beatFrom = w.now })), GaveUp, GuestAlive, "G", "unconfirmed",
			"nothing of ours is known to have done that"},
		{"alive, nothing sent yet", all(reply("conflict"), at(31*time.Second, func(w *world) { w.machine.beatFrom = w.now })), Refused, GuestAlive, "G", "not-executed",
			"refused: ECS did nothing"},
		{"restarts late, after a refused retry", all(is(guest{delay: 5*time.Minute + 20*time.Second}), reply("", "throttled")), Restarted, Recovered, "GG", "worked not-executed",
			"the first one worked after all"},
		{"restarts late, no agent", all(without, func(w *world) { w.machine.delay = 5*time.Minute + 20*time.Second }, reply("", "throttled")), Restarted, Recovered, "GG",
			"worked not-executed", "likewise, and Running twice is enough"},

		// Blindness.
		{"an empty list in between", all(ignoring, outOfReach(during, during+20*time.Second, Machine, Missing)), Restarted, Recovered, "GGF",
			"failed failed worked", "an unreadable poll, within the allowed gap"},
		{"an empty list at the end", all(ignoring, outOfReach(during, time.Hour, Machine, Missing)), GaveUp, NotFound, "G", "accepted", "not there is an answer then"},
		{"a gap", all(ignoring, outOfReach(during, 2*time.Minute, Machine, Unavailable)), Restarted, Recovered, "GGGF", "unconfirmed failed failed worked",
			"not watched all the time: it does not count, but the silent heartbeat allows another"},
		{"unreadable around the end", all(ignoring, outOfReach(5*time.Minute+30*time.Second, 5*time.Minute+50*time.Second, Machine, Unavailable)), Restarted, Recovered, "GGF",
			"failed failed worked", "the reading after the end comes within the gap"},
		{"unreadable for good", all(ignoring, outOfReach(during, 3*time.Hour, Machine, Unavailable)), GaveUp, Unreadable, "G", "accepted", "at the incident's limit"},
		{"forbidden for good", all(ignoring, outOfReach(during, 3*time.Hour, Machine, Denied)), GaveUp, Forbidden, "G", "accepted", "at the incident's limit"},
		{"platform unreadable for a while", all(ignoring, outOfReach(during, 10*time.Minute, Platform, Unavailable)), Restarted, Recovered, "GGF", "failed failed worked",
			"asked again until it can be read"},
		{"platform forbidden", all(ignoring, outOfReach(during, time.Hour, Platform, Denied)), GaveUp, Forbidden, "G", "failed", "no other answer will come"},
		{"heartbeats unreadable after the restart", outOfReach(during, 5*time.Minute, Heartbeat, Unavailable), Restarted, Recovered, "G", "worked", "waited for"},

		// Limits.
		{"attempts", all(dead, reply("", "void", "void", "void", "void")), GaveUp, NotConfirmed, "GGGGG", "failed unconfirmed unconfirmed unconfirmed unconfirmed",
			"five, and no more"},
		{"three attempts at least hold the ladder", all(dead, func(w *world) { w.policy.MaxAttempts = 3 }), GaveUp, NotRecovered, "GGF", "failed failed failed", "3 is the least"},
		{"throttled for ever", func(w *world) {
			for range 100 {
				w.answers = append(w.answers, "throttled")
			}
		}, GaveUp, NotRecovered, strings.Repeat("G", 45), strings.TrimSpace(strings.Repeat("not-executed ", 45)),
			"one a minute until the incident's limit"},
		{"the incident's limit", all(ignoring, func(w *world) { w.policy.IncidentLimit = 6 * time.Minute }), GaveUp, NotRecovered, "GG", "failed failed", "no third attempt"},
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
