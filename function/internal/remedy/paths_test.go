package remedy_test

import (
	"strings"
	"testing"
	"time"

	. "ecs-remedy/function/internal/remedy"
)

// ended runs one process to its end, and gives back what became of the attempts.
func (w *world) ended(t *testing.T, p *process) (outcomes string) {
	t.Helper()
	w.run(p, 10_000)
	if !p.done {
		t.Fatalf("no end after 10000 moves, at %v", w.now.Sub(Start))
	}
	if w.laws.Broken != "" {
		t.Errorf("law broken: %s\n%s", w.laws.Broken, w.log)
	}
	var attempts []Attempt
	if n := len(w.record.Recent); n > 0 {
		attempts = w.record.Recent[n-1].Attempts
	} else if w.record.Open != nil {
		attempts = w.record.Open.Attempts
	}
	var said []string
	for i := range attempts {
		said = append(said, string(attempts[i].Outcome()))
	}
	return strings.Join(said, " ")
}

// during is the time at which the first attempt is under way, and second when the second one is.
const (
	during = time.Minute
	second = 6 * time.Minute
)

func TestLadder(t *testing.T) {
	// at lets somebody do something, so long after the alarm.
	at := func(after time.Duration, do func(*world)) func(*world) {
		return func(w *world) { w.others = append(w.others, other{Start.Add(after), do}) }
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
			w.outages = append(
				w.outages,
				outage{Start.Add(from), Start.Add(until), sources, failure},
			)
		}
	}
	without := func(w *world) { w.machine.agentless, w.machine.lastBeat = true, time.Time{} }
	locks := func(w *world) { w.machine.Locks = []string{"security"} }
	obeys, ignoring, dead := is(
		guest{},
	), is(
		guest{ignores: 9},
	), is(
		guest{ignores: 9, ignoresForce: 9},
	)
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
		{
			"obeys",
			obeys,
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"one graceful reboot is enough",
		},
		{
			"ignores one",
			is(guest{ignores: 1}),
			VerdictRestarted,
			ReasonRecovered,
			"GG",
			"failed worked",
			"the retry",
		},
		{
			"ignores two",
			is(guest{ignores: 2}),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed failed worked",
			"two failures allow force",
		},
		{
			"dead",
			dead,
			VerdictFailed,
			ReasonNotRecovered,
			"GGF",
			"failed failed failed",
			"after force comes a human",
		},
		{
			"shrugs",
			is(guest{ignores: 9, shrugs: true}),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed failed worked",
			"Stopping and back to Running is no restart",
		},
		{
			"late",
			is(guest{delay: 6 * time.Minute}),
			VerdictRestarted,
			ReasonRecovered,
			"GG",
			"failed worked",
			"the first one's effect comes during the second: the second gets the credit, and " +
				"nothing more is sent",
		},
		{"comes back mute", is(guest{mute: true}), VerdictFailed, ReasonNotRecovered, "G", "worked",
			"it restarted and does not report: it may be checking its disks, " +
				"so nothing more is sent"},
		{
			"reports at the end of the grace",
			is(guest{boot: 4 * time.Minute}),
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"a slow boot",
		},
		{"stays off", is(guest{sticks: "Stopped"}), VerdictFailed, ReasonNotRunning, "G", "failed",
			"a stopped instance is never started"},
		{"odd status", is(guest{sticks: "Pending"}), VerdictFailed, ReasonNotRunning, "G", "failed",
			"nothing is sent in a status like that"},

		// Without Cloud Assistant.
		{
			"no agent, obeys",
			without,
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"Running twice is all that can be known",
		},
		{
			"no agent, ignores two",
			all(ignoring, without),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed failed worked",
			"as with one",
		},
		{"no agent, unknown and unwatched",
			all(
				ignoring,
				without,
				reply("void"),
				outOfReach(during, 3*time.Minute, SourceInstance, FailureUnavailable),
			),
			VerdictFailed, ReasonUnconfirmed, "G", "unconfirmed",
			"no heartbeat tells whether it still hangs"},

		// Stuck.
		{
			"stuck in Stopping, retry accepted",
			is(guest{sticks: "Stopping"}),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed failed worked",
			"our own transition: the ladder goes on in it",
		},
		{
			"stuck in Starting",
			is(guest{sticks: "Starting"}),
			VerdictFailed,
			ReasonStuck,
			"G",
			"failed",
			"the shutdown succeeded: nothing more is sent, and the watch goes on to the limit",
		},
		{
			"shuts down in 4 minutes",
			is(guest{shutdown: 4 * time.Minute}),
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"within the first attempt's time",
		},
		{"shuts down in 8 minutes, API refuses", all(is(guest{shutdown: 8 * time.Minute}),
			func(w *world) { w.refuses = true }), VerdictRestarted, ReasonRecovered, "GG",
			"worked rejected", "it obeys: no force before two attempt times have passed"},
		{"shuts down in 20 minutes, API refuses", all(is(guest{shutdown: 20 * time.Minute}),
			func(w *world) { w.refuses = true }), VerdictRestarted, ReasonRecovered, "GGF",
			"worked rejected rejected", "a refused force does not end the incident"},
		{"shuts down in 20 minutes, API accepts", is(guest{shutdown: 20 * time.Minute}),
			VerdictRestarted, ReasonRecovered, "GGF", "failed failed worked",
			"forced at the earliest after two attempt times"},
		{
			"stuck for ever",
			is(guest{sticks: "Stopping", sticksForced: true}),
			VerdictFailed,
			ReasonStuck,
			"GGF",
			"failed failed failed",
			"after force too",
		},
		{
			"stuck, API refuses",
			all(is(guest{sticks: "Stopping"}), func(w *world) { w.refuses = true }),
			VerdictFailed,
			ReasonStuck,
			"GGF",
			"failed rejected rejected",
			"a refused retry is watched like any, and so is a refused force, to the limit",
		},
		{
			"stuck, API refuses the retry only",
			all(is(guest{sticks: "Stopping"}), reply("", "status")),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed rejected worked",
			"a refused retry counts towards force when its time is over",
		},
		{
			"unknown, then Stopping at its end",
			all(is(guest{sticks: "Stopping"}), reply("lost")),
			VerdictFailed,
			ReasonStuck,
			"G",
			"unconfirmed",
			"not certain that our attempt began it",
		},
		{
			"stuck in Starting, and back",
			all(is(guest{sticks: "Starting"}), at(
				5*time.Minute+50*time.Second,
				func(w *world) {
					w.machine.Status, w.machine.beatFrom = "Running", w.now.Add(time.Minute)
				},
			)),
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"seen Starting and then Running: it worked, though StartTime is the same",
		},
		{"other people's transition", all(ignoring,
			at(5*time.Minute+41*time.Second, func(w *world) { w.machine.Status = "Stopping" }),
			reply("", "throttled")), VerdictFailed, ReasonNotRunning, "GG", "failed not-executed",
			"the first attempt was over and had failed in Running"},

		// Answers of the API.
		{"unknown with effect", reply("lost"), VerdictRestarted, ReasonRecovered, "G", "worked",
			"watched as if accepted, and not sent again"},
		{
			"unknown without effect",
			reply("void"),
			VerdictRestarted,
			ReasonRecovered,
			"GG",
			"unconfirmed worked",
			"watched all the time, then another",
		},
		{
			"unknown never counts",
			all(ignoring, reply("void")),
			VerdictRestarted,
			ReasonRecovered,
			"GGGF",
			"unconfirmed failed failed worked",
			"three graceful ones, two of them failures, before force",
		},
		{
			"all unknown",
			all(dead, reply("void", "void", "void", "void", "void", "void")),
			VerdictFailed,
			ReasonUnconfirmed,
			"GGGGG",
			"unconfirmed unconfirmed unconfirmed unconfirmed unconfirmed",
			"never force; the end is REMEDY_MAX_ATTEMPTS",
		},
		{
			"throttled",
			reply("throttled"),
			VerdictRestarted,
			ReasonRecovered,
			"GG",
			"not-executed worked",
			"sent anew in the next minute",
		},
		{
			"conflict",
			reply("conflict", "conflict"),
			VerdictRestarted,
			ReasonRecovered,
			"GGG",
			"not-executed not-executed worked",
			"sent anew",
		},
		{
			"not executed does not count",
			all(ignoring, reply("conflict", "", "conflict", "", "conflict", "", "conflict")),
			VerdictRestarted,
			ReasonRecovered,
			"GGGGFF",
			"not-executed failed not-executed failed not-executed worked",
			"neither towards force nor towards the attempts",
		},
		{
			"rejected at once",
			reply("locked"),
			VerdictRefused,
			ReasonSecurityLocked,
			"G",
			"rejected",
			"nothing was done: refused",
		},
		{
			"gone",
			reply("gone"),
			VerdictRefused,
			ReasonNotFound,
			"G",
			"rejected",
			"each code has its reason",
		},
		{
			"expired",
			reply("expired"),
			VerdictRefused,
			ReasonExpired,
			"G",
			"rejected",
			"each code has its reason",
		},
		{
			"disk",
			reply("disk"),
			VerdictRefused,
			ReasonDiskError,
			"G",
			"rejected",
			"each code has its reason",
		},
		{
			"forbidden",
			reply("forbidden"),
			VerdictRefused,
			ReasonForbidden,
			"G",
			"rejected",
			"each code has its reason",
		},
		{
			"odd",
			reply("odd"),
			VerdictRefused,
			ReasonRejected,
			"G",
			"rejected",
			"each code has its reason",
		},
		{
			"rejected after a conflict",
			reply("conflict", "locked"),
			VerdictRefused,
			ReasonSecurityLocked,
			"GG",
			"not-executed rejected",
			"still nothing was done",
		},
		{
			"rejected after an accepted one",
			all(ignoring, reply("", "locked")),
			VerdictFailed,
			ReasonSecurityLocked,
			"GG",
			"failed rejected",
			"one was accepted",
		},
		{
			"rejected after an unknown one",
			all(ignoring, reply("void", "locked")),
			VerdictFailed,
			ReasonSecurityLocked,
			"GG",
			"unconfirmed rejected",
			"one may have been",
		},
		{
			"wrong status, yet Running",
			reply("status"),
			VerdictRestarted,
			ReasonRecovered,
			"GG",
			"not-executed worked",
			"once is a hiccup",
		},
		{
			"wrong status twice, yet Running",
			reply("status", "status"),
			VerdictRefused,
			ReasonRejected,
			"GG",
			"not-executed rejected",
			"twice is an answer",
		},

		// The live guards in the middle.
		{
			"locked",
			all(ignoring, at(during, locks)),
			VerdictFailed,
			ReasonSecurityLocked,
			"G",
			"failed",
			"asked again before the retry",
		},
		{
			"locked, nothing sent yet",
			all(reply("throttled"), at(31*time.Second, locks)),
			VerdictRefused,
			ReasonSecurityLocked,
			"G",
			"not-executed",
			"refused: ECS did nothing",
		},
		{
			"locked before force",
			all(ignoring, at(second, locks)),
			VerdictFailed,
			ReasonSecurityLocked,
			"GG",
			"failed failed",
			"asked again before force",
		},
		{
			"locked, but restarted",
			at(35*time.Second, locks),
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"nothing more is to be sent",
		},
		{"expired", all(ignoring, func(w *world) {
			w.machine.ChargeType, w.machine.ExpiredTime = "PrePaid",
				Start.Add(during)
		}),
			VerdictFailed, ReasonExpired, "G", "failed", "its subscription ran out"},
		{
			"tag taken away",
			all(ignoring, at(during, func(w *world) { w.machine.Tags = nil })),
			VerdictFailed,
			ReasonNotOptedIn,
			"G",
			"failed",
			"its owner said stop",
		},
		{"tag reduced", all(ignoring, at(second,
			func(w *world) { w.machine.Tags = map[string]string{"auto-restart": "graceful"} })),
			VerdictFailed, ReasonForceNotAllowed, "GG", "failed failed",
			"the tag is read again for force"},
		{
			"force never",
			all(ignoring, never),
			VerdictFailed,
			ReasonForceNotAllowed,
			"GG",
			"failed failed",
			"REMEDY_FORCE=never",
		},
		{"platform acts", all(ignoring, at(during, func(w *world) {
			w.machine.platform = []PlatformEvent{
				{Type: "SystemFailure.Reboot", Status: "Executing"},
			}
		})), VerdictFailed, ReasonPlatformActing, "G", "failed", "the platform repairs it"},
		{
			"platform acts, nothing sent yet",
			all(reply("conflict"), at(31*time.Second, func(w *world) {
				w.machine.platform = []PlatformEvent{
					{Type: "SystemFailure.Reboot", Status: "Executing"},
				}
			})),
			VerdictRefused,
			ReasonPlatformActing,
			"G",
			"not-executed",
			"refused: ECS did nothing",
		},
		{
			"stopped by somebody",
			all(ignoring, at(during, func(w *world) { w.machine.Status = "Stopped" })),
			VerdictFailed,
			ReasonNotRunning,
			"G",
			"failed",
			"never started",
		},
		{
			"paused",
			all(ignoring, at(during, func(w *world) { w.pause("now") })),
			VerdictFailed,
			ReasonPaused,
			"G",
			"failed",
			"the stop switch",
		},
		{"paused, nothing sent yet", all(
			reply("conflict"),
			at(
				31*time.Second,
				func(w *world) { w.pause("now") },
			),
		), VerdictRefused, ReasonPaused, "G",
			"not-executed", "like every other guard"},
		{
			"mode",
			all(ignoring, at(during, func(w *world) { w.policy.Mode = ModeOff })),
			VerdictFailed,
			ReasonPaused,
			"G",
			"failed",
			"the policy of now applies",
		},
		{
			"resolved",
			all(ignoring, at(during, (*world).resolve)),
			VerdictFailed,
			ReasonResolved,
			"G",
			"failed",
			"its alarm is over; what was sent is watched to its end",
		},
		{
			"alive after an accepted attempt",
			all(ignoring, at(5*time.Minute, func(w *world) { w.machine.beatFrom = w.now })),
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"a fresh heartbeat then means recovered",
		},
		{"alive after an unknown attempt",
			all(
				reply("void"),
				at(5*time.Minute, func(w *world) { w.machine.beatFrom = w.now }),
			), VerdictFailed, ReasonGuestAlive, "G",
			"unconfirmed",
			"nothing of ours is known to have done that"},
		{"alive, nothing sent yet", all(
			reply("conflict"),
			at(
				31*time.Second,
				func(w *world) { w.machine.beatFrom = w.now },
			),
		), VerdictRefused, ReasonGuestAlive, "G", "not-executed",
			"refused: ECS did nothing"},
		{"restarts late, after a refused retry",
			all(
				is(guest{delay: 5*time.Minute + time.Second}),
				reply("", "conflict"),
				slow,
			), VerdictRestarted, ReasonRecovered, "GG",
			"worked not-executed",
			"the first one worked after all"},
		{
			"restarts late, no agent",
			all(is(guest{delay: 5*time.Minute + time.Second}), without, reply("", "conflict"),
				slow),
			VerdictRestarted,
			ReasonRecovered,
			"GG",
			"worked not-executed",
			"likewise, and Running twice is enough",
		},

		// Blindness.
		{
			"an empty list in between",
			all(
				ignoring,
				outOfReach(during, during+20*time.Second, SourceInstance, FailureMissing),
			),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed failed worked",
			"an unreadable poll, within the allowed gap",
		},
		{
			"an empty list at the end",
			all(ignoring, outOfReach(during, time.Hour, SourceInstance, FailureMissing)),
			VerdictFailed,
			ReasonNotFound,
			"G",
			"unconfirmed",
			"not there is an answer then",
		},
		{
			"a gap",
			all(ignoring, outOfReach(during, 2*time.Minute, SourceInstance, FailureUnavailable)),
			VerdictRestarted,
			ReasonRecovered,
			"GGGF",
			"unconfirmed failed failed worked",
			"not watched all the time: it does not count, but the silent heartbeat allows another",
		},
		{"unreadable around the end", all(
			ignoring,
			outOfReach(
				5*time.Minute+30*time.Second,
				5*time.Minute+50*time.Second,
				SourceInstance,
				FailureUnavailable,
			),
		), VerdictRestarted,
			ReasonRecovered, "GGF",
			"failed failed worked", "the reading after the end comes within the gap"},
		{
			"unreadable for good",
			all(ignoring, outOfReach(during, 3*time.Hour, SourceInstance, FailureUnavailable)),
			VerdictFailed,
			ReasonUnreadable,
			"G",
			"unconfirmed",
			"at the incident's limit",
		},
		{
			"forbidden for good",
			all(ignoring, outOfReach(during, 3*time.Hour, SourceInstance, FailureForbidden)),
			VerdictFailed,
			ReasonForbidden,
			"G",
			"unconfirmed",
			"at the incident's limit",
		},
		{
			"platform unreadable for a while",
			all(ignoring, outOfReach(during, 10*time.Minute, SourcePlatform, FailureUnavailable)),
			VerdictRestarted,
			ReasonRecovered,
			"GGF",
			"failed failed worked",
			"asked again until it can be read",
		},
		{
			"platform forbidden",
			all(ignoring, outOfReach(during, time.Hour, SourcePlatform, FailureForbidden)),
			VerdictFailed,
			ReasonForbidden,
			"G",
			"failed",
			"no other answer will come",
		},
		{
			"heartbeats unreadable after the restart",
			outOfReach(during, 5*time.Minute, SourceVitals, FailureUnavailable),
			VerdictRestarted,
			ReasonRecovered,
			"G",
			"worked",
			"waited for",
		},

		// Limits.
		{
			"attempts",
			all(dead, reply("", "void", "void", "void", "void")),
			VerdictFailed,
			ReasonUnconfirmed,
			"GGGGG",
			"failed unconfirmed unconfirmed unconfirmed unconfirmed",
			"five, and no more",
		},
		{
			"three attempts at least hold the ladder",
			all(dead, func(w *world) { w.policy.MaxAttempts = 3 }),
			VerdictFailed,
			ReasonNotRecovered,
			"GGF",
			"failed failed failed",
			"3 is the least",
		},
		{
			"throttled for ever",
			all(
				reply("throttled", "throttled", "throttled", "throttled", "throttled"),
				func(w *world) {
					w.policy.IncidentLimit = 3 * time.Minute
				},
			),
			VerdictFailed,
			ReasonNotRecovered,
			"GGGG",
			"not-executed not-executed not-executed not-executed",
			"one a minute until the incident's limit",
		},
		{
			"the incident's limit",
			all(ignoring, func(w *world) { w.policy.IncidentLimit = 6 * time.Minute }),
			VerdictFailed,
			ReasonNotRecovered,
			"GG",
			"failed failed",
			"no third attempt",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := hung()
			w.log = &history{}
			test.setup(w)
			w.laws.Policy = w.policy
			p := alarmed("me", Hangs())
			outcomes := w.ended(t, p)
			got := [2]string{string(p.result.Verdict), string(p.result.Reason)}
			want := [2]string{string(test.verdict), string(test.reason)}
			if got != want || w.sent != test.calls || outcomes != test.outcomes {
				t.Errorf("%s, calls %s, %s\nwant %s, calls %s, %s: %s\n%s", got, w.sent, outcomes,
					want, test.calls, test.outcomes, test.why, w.log)
			}
		})
	}
}

// TestTakeover: whoever takes over goes on from the ledger, and what was never sent is watched
// before it is made again.
func TestTakeover(t *testing.T) {
	for _, test := range []struct {
		name     string
		until    func(*world, *process) bool // the first owner dies then
		swept    bool
		calls    string
		outcomes string
		why      string
	}{
		{"opened, no slot", func(w *world, _ *process) bool { return w.record.Open != nil }, false,
			"G",
			"worked", "an opening is void when its lease is over"},
		{"reserved, not claimed", func(w *world, _ *process) bool { return len(w.fleet.Open) > 0 },
			false,
			"G", "worked", "its slot is given back, and the alarm is judged afresh"},
		{"claimed, not sent", claimed, false, "G", "unconfirmed worked",
			"the claim counts as unknown"},
		{"claimed, not sent, swept", claimed, true, "G", "unconfirmed worked",
			"the sweep does the same"},
		{"sent, answer lost", sent, false, "G", "worked", "it restarted: nothing is sent again"},
		{"sent, answer lost, swept", sent, true, "G", "worked", "the sweep does the same"},
	} {
		w := hung()
		w.log = &history{}
		first := alarmed("first", Hangs())
		for !test.until(w, first) {
			w.move(first, "")
		}
		w.until(w.policy.Takeover(w.record.Open.LeaseUntil))
		p := alarmed("second", Hangs())
		if test.swept {
			p = sweep("second")
		}
		outcomes := w.ended(t, p)
		if p.result == nil || p.result.Verdict != VerdictRestarted || w.sent != test.calls ||
			outcomes != test.outcomes {
			t.Errorf(
				"%s: %+v, calls %s, %s: %s\n%s",
				test.name,
				p.result,
				w.sent,
				outcomes,
				test.why,
				w.log,
			)
		}
		if len(w.fleet.Open) > 0 || len(w.fleet.Begun) != 1 {
			t.Errorf(
				"%s: slots %+v, beginnings %+v are left",
				test.name,
				w.fleet.Open,
				w.fleet.Begun,
			)
		}
	}
}

func claimed(w *world, _ *process) bool {
	return w.record.Open != nil && len(w.record.Open.Attempts) > 0
}

func sent(w *world, _ *process) bool { return w.sent != "" }

// TestRoundTrips: one graceful reboot costs nine round trips to the ledger, and a duplicate one.
func TestRoundTrips(t *testing.T) {
	w := hung()
	w.policy.Lease = time.Hour // renewals are besides
	w.laws.Policy = w.policy
	w.run(alarmed("first", Hangs()), 1000)
	if w.trips > 9 {
		t.Errorf("a graceful reboot took %d round trips to the ledger, 9 at most", w.trips)
	}
	w.trips = 0
	duplicate := alarmed("second", Hangs())
	w.run(duplicate, 1000)
	if w.trips != 1 || duplicate.result.Reason != ReasonDuplicateAlarm {
		t.Errorf("a duplicate took %d round trips, and ended %s", w.trips, duplicate.result.Reason)
	}
}
