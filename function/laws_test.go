package main_test

import (
	"encoding/json"
	"slices"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// lag is how long after it left a process a call may be written down as arrived: the simulator
// shares a busy machine with the processes. An owner that sends after a freeze of 2.3 s or more is
// later: the claim gives it 0.7 s of these at most.
const lag = 1500 * time.Millisecond

// history is what the world and the ledger know of everything that happened.
type history struct {
	s         *setting
	policy    remedy.Policy
	incidents map[string][]remedy.Incident // by instance, in the order of their opening
	calls     map[string][]ecssim.Call     // RebootInstance, by instance, in the order of their arrival
}

// historyOf reads the instances' records. An incident that is still open is one that never ended:
// that fails the test.
func (s *setting) historyOf(policy remedy.Policy, book *ledger.Records, ids []string) history {
	s.Helper()
	h := history{s: s, policy: policy, incidents: map[string][]remedy.Incident{}, calls: map[string][]ecssim.Call{}}
	for _, id := range ids {
		record := book.Record(s.Context(), id)
		if !record.OK() {
			s.Fatalf("the record of %s: %s", id, record.Note)
		}
		if open := record.Value.Open; underWay(open, policy) {
			s.Errorf("incident %s never ended: %+v", open.ID, *open)
		}
		text, err := json.Marshal(record.Value)
		if err != nil {
			s.Fatal(err)
		}
		s.recorded = append(s.recorded, text...)
		incidents := slices.DeleteFunc(slices.Clone(record.Value.Recent),
			func(i remedy.Incident) bool { return i.Void() })
		slices.SortFunc(incidents, func(a, b remedy.Incident) int { return a.OpenedAt.Compare(b.OpenedAt) })
		h.incidents[id] = incidents
		h.calls[id] = s.world.Reboots(id)
	}
	return h
}

// underWay reports whether the open incident still has to end. An opening that nobody has claimed
// when its lease is over is void: without a slot nothing is to be done about it.
func underWay(open *remedy.Incident, policy remedy.Policy) bool {
	return open != nil && (len(open.Attempts) > 0 || time.Now().Before(policy.Takeover(open.LeaseUntil)))
}

// lawful checks the safety laws, on what ECS really got and what the ledger holds.
func (h *history) lawful() {
	h.s.Helper()
	for _, call := range h.s.world.Calls() {
		switch {
		case call.Action == "StopInstance" || call.Action == "StartInstance" || call.Action == "RebootInstances":
			h.s.Errorf("%s was called", call.Action)
		case call.Reject != "":
			h.s.Errorf("%s was a bad request: %s", call.Action, call.Reject)
		case call.Action == "RebootInstance" && call.Instance == "":
			h.s.Error("RebootInstance named no instance")
		}
	}
	for id := range h.incidents {
		h.apart(id)
		for n := range h.incidents[id] {
			h.ladder(&h.incidents[id][n])
		}
		h.claimed(id)
	}
	h.fleet()
}

// apart: an instance has one incident at a time, no more of them than its budget, a cool-down
// between them, and none for an alarm that had one already or is older than the last recovery.
func (h *history) apart(id string) {
	incidents := h.incidents[id]
	if len(incidents) > h.policy.MaxIncidents {
		h.s.Errorf("%s had %d incidents, its budget is %d", id, len(incidents), h.policy.MaxIncidents)
	}
	keys := map[string]bool{}
	for n, incident := range incidents {
		if keys[incident.Alarm.Key] {
			h.s.Errorf("%s: one alarm opened two incidents", incident.ID)
		}
		keys[incident.Alarm.Key] = true
		if incident.OpenedAt.Sub(incident.Alarm.Time) > h.policy.AlarmMaxAge {
			h.s.Errorf("%s was opened for an alarm of %v", incident.ID, incident.Alarm.Time)
		}
		if n == 0 {
			continue
		}
		before := incidents[n-1]
		if incident.OpenedAt.Before(before.EndedAt.Add(h.policy.Cooldown)) {
			h.s.Errorf("%s opened %v after the one before ended", incident.ID, incident.OpenedAt.Sub(before.EndedAt))
		}
		if before.Verdict == remedy.VerdictRestarted && incident.Alarm.Time.Before(before.EndedAt) {
			h.s.Errorf("%s was opened for an alarm from before the last recovery", incident.ID)
		}
	}
}

// ladder: no attempt before the one before was settled, no force before two graceful attempts that
// failed, nothing after one that worked.
func (h *history) ladder(incident *remedy.Incident) {
	if incident.Verdict == remedy.VerdictRestarted && h.s.world.Instance(incident.Instance).Restarts == 0 {
		h.s.Errorf("%s ended restarted, and the instance never restarted", incident.ID)
	}
	failed := 0
	for n, a := range incident.Attempts {
		if n > 0 {
			switch before := incident.Attempts[n-1]; before.Fate {
			case remedy.FateOpen:
				if before.Answer != remedy.AnswerNotExecuted {
					h.s.Errorf("%s: attempt %d was claimed while the one before was %s", incident.ID, a.N,
						before.Outcome())
				}
			case remedy.FateWorked:
				h.s.Errorf("%s: attempt %d was claimed after one that worked", incident.ID, a.N)
			case remedy.FateFailed, remedy.FateUnconfirmed:
				if end := h.end(before); a.ClaimedAt.Before(end) {
					h.s.Errorf("%s: attempt %d was claimed %v before the end of the one before", incident.ID, a.N, end.Sub(a.ClaimedAt))
				}
			}
		}
		if a.Force && failed < 2 {
			h.s.Errorf("%s: forced after %d graceful attempts that failed", incident.ID, failed)
		}
		if a.Answer == remedy.AnswerRejected && a.Fate == remedy.FateFailed && failed == 0 {
			h.s.Errorf("%s: attempt %d was refused, and counts as a retry of nothing", incident.ID, a.N)
		}
		if !a.Force && a.Fate == remedy.FateFailed {
			failed++
		}
	}
}

// end is when an attempt's time has run out: counted from its answer, or where that is not known
// from when it may have been sent.
func (h *history) end(a remedy.Attempt) time.Time {
	if a.AnsweredAt.IsZero() {
		return a.SendBefore.Add(h.policy.AttemptTimeout)
	}
	return a.AnsweredAt.Add(h.policy.AttemptTimeout)
}

// claimed: every call belongs to an attempt of its own, which was claimed before, and left before
// the claim's end. And what ECS itself knows must agree: no force unless ECS took two graceful
// calls of the incident, which the guest ignored; nothing after a call that the guest obeyed.
func (h *history) claimed(id string) {
	type place struct{ incident, attempt int }
	taken := map[place]bool{}
	type tally struct {
		ignored, obeyed int
		until           time.Time // the end of the last attempt that ECS took
	}
	seen := map[int]tally{}
	for _, call := range h.calls[id] {
		at, found := place{}, false
		for i, incident := range h.incidents[id] {
			for n, a := range incident.Attempts {
				p := place{i, n}
				inTime := !call.At.Before(a.ClaimedAt) && !call.At.After(a.SendBefore.Add(lag))
				if !found && !taken[p] && a.Force == call.Force && inTime {
					at, found = p, true
				}
			}
		}
		if !found {
			h.s.Errorf("a reboot of %s at %v (force %v) has no claim: %+v", id, call.At, call.Force, h.incidents[id])
			continue
		}
		taken[at] = true
		t := seen[at.incident]
		incident := h.incidents[id][at.incident]
		attempt := incident.Attempts[at.attempt]
		// Whatever its owner got to know: what ECS took is watched until its end.
		if attempt.ClaimedAt.Before(t.until) {
			h.s.Errorf("%s: attempt %d was claimed %v before the end of one that ECS had taken", incident.ID, attempt.N,
				t.until.Sub(attempt.ClaimedAt))
		}
		if call.Effect {
			t.until = h.end(attempt)
		}
		if call.Force && t.ignored < 2 {
			h.s.Errorf("%s: forced after ECS had taken %d graceful reboots in vain", incident.ID, t.ignored)
		}
		// StartTime has a resolution of a minute: where it shows no change, an owner that was not
		// looking cannot know.
		if t.obeyed > 0 && attempt.Before.StartTime != minute(call.At) {
			h.s.Errorf("%s: rebooted again after it had worked", incident.ID)
		}
		switch {
		case call.Works:
			t.obeyed++
		case call.Force:
		case call.Effect && call.HTTP == 200:
			t.ignored++
		case call.Code == "IncorrectInstanceStatus" && t.ignored > 0 && attempt.Fate == remedy.FateFailed:
			// The first one's transition, in which it is stuck: refused, and watched for its whole
			// time.
			t.ignored, t.until = t.ignored+1, h.end(attempt)
		}
		seen[at.incident] = t
	}
}

// minute is a time as DescribeInstances shows StartTime.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

// fleet: the limits on all incidents together. An incident is under way from its first claim,
// before which its slot was reserved, to its end, after which the slot is given back.
func (h *history) fleet() {
	type edge struct {
		at   time.Time
		step int
	}
	var edges []edge
	begun := 0
	for _, incidents := range h.incidents {
		for _, i := range incidents {
			begun++
			if len(i.Attempts) == 0 {
				h.s.Errorf("%s holds no attempt", i.ID)
				continue
			}
			edges = append(edges, edge{i.Attempts[0].ClaimedAt, 1}, edge{i.EndedAt, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	under, most := 0, 0
	for _, e := range edges {
		under += e.step
		most = max(most, under)
	}
	if most > h.policy.FleetConcurrent {
		h.s.Errorf("%d incidents at once, the limit is %d", most, h.policy.FleetConcurrent)
	}
	if begun > h.policy.FleetHourly {
		h.s.Errorf("%d incidents within the hour, the limit is %d", begun, h.policy.FleetHourly)
	}
}
