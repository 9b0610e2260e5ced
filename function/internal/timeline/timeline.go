// Package timeline holds what happened to an alarm as data: entries with a time, a kind and their
// facts. A [Recorder] makes them from the decisions as they fall, and [Of] from an incident of the
// ledger. A terminal's text, an incident page and a stream are renderings of them; the words are
// package report's.
package timeline

import (
	"cmp"
	"slices"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// Kind says what an entry is about. The strings are part of what streams carry.
type Kind string

// The kinds, each with the fields that it has besides Alarm, At and Kind.
const (
	KindAlarm     Kind = "alarm"     // the alarm as received: Event
	KindRules     Kind = "rules"     // rules were asked: Findings, Again
	KindRehearsal Kind = "rehearsal" // ECS is asked with DryRun
	KindQueue     Kind = "queue"     // the alarm waits for a slot: Why
	KindClaim     Kind = "claim"     // an attempt is claimed, and then sent: Attempt
	KindAnswer    Kind = "answer"    // what ECS answered to it: Attempt
	KindFate      Kind = "fate"      // what became of it: Attempt
	KindLook      Kind = "look"      // readings of the instance that showed the same: Look
	KindWait      Kind = "wait"      // nothing is done until then: Until
	KindSweep     Kind = "sweep"     // the invocation ended before the incident did
	KindTakeover  Kind = "takeover"  // another invocation took the incident up
	KindResolved  Kind = "resolved"  // the alarm was reported resolved
	KindEnd       Kind = "end"       // the verdict: Result
	KindIdle      Kind = "idle"      // a sweep found nothing to do
)

// Entry is one thing that happened. Fields that its kind does not have are zero.
type Entry struct {
	Alarm int       `json:"alarm"` // the alarm's place in its event, from 1; 0: none or all of them
	At    time.Time `json:"at"`
	Kind  Kind      `json:"kind"`

	Event    *events.Alarm    `json:"event,omitempty"`
	Findings []remedy.Finding `json:"findings,omitempty"` // those that are new, or that refuse
	Again    int              `json:"again,omitempty"`    // how many more answered as before
	Attempt  *remedy.Attempt  `json:"attempt,omitempty"`  // as it was then
	Look     *Look            `json:"look,omitempty"`
	Until    time.Time        `json:"until,omitzero"`
	Why      string           `json:"why,omitempty"` // for a human
	Result   *remedy.Result   `json:"result,omitempty"`
}

// Look is a row of readings of an instance that showed the same. Status is ECS's, unless the
// reading failed.
type Look struct {
	Status string    `json:"status,omitempty"`
	Failed *Failed   `json:"failed,omitempty"`
	Left   bool      `json:"left,omitempty"` // Starting or Stopped: the ledger does not say which
	Until  time.Time `json:"until"`          // of the last reading of the row
	Looks  int       `json:"looks"`          // how many there were; 0: not known

	// Heart is what the heartbeat told, where it was read: see the constants.
	Heart       Heart     `json:"heart,omitempty"`
	HeartAt     time.Time `json:"heartAt,omitzero"`
	HeartFailed *Failed   `json:"heartFailed,omitempty"`
}

// Heart is what a reading of the heartbeat told. The strings are part of what streams carry.
type Heart string

// What a heartbeat tells. The zero Heart means that it was not read.
const (
	HeartUnread  Heart = ""
	HeartFailed  Heart = "failed"  // it could not be read: HeartFailed
	HeartNever   Heart = "never"   // Cloud Assistant never reported
	HeartSilent  Heart = "silent"  // not since the attempt
	HeartBeating Heart = "beating" // since the attempt, last at HeartAt
)

// Failed is why something could not be read.
type Failed struct {
	Failure remedy.Failure `json:"failure"`
	Code    string         `json:"code,omitempty"` // the API's
	Note    string         `json:"note,omitempty"` // of the row's first reading, for a human
}

// fails is why a reading could not be read; nil where it could.
func fails[T any](r *remedy.Reading[T]) *Failed {
	if r.OK() {
		return nil
	}
	return &Failed{Failure: r.Failure, Code: r.Code, Note: r.Note}
}

// same reports whether two rows show the same. A note does not count: it names the request.
func (l *Look) same(other *Look) bool {
	return l.Status == other.Status && l.Left == other.Left && l.Heart == other.Heart &&
		l.HeartAt.Equal(other.HeartAt) && l.Failed.same(other.Failed) &&
		l.HeartFailed.same(other.HeartFailed)
}

func (f *Failed) same(other *Failed) bool {
	if f == nil || other == nil {
		return f == other
	}
	return f.Failure == other.Failure && f.Code == other.Code
}

// Of is what the ledger's record of an incident tells: the alarm, the attempts, and what was seen
// of the instance by the way. What the rules saw is not in the ledger. The entries are in the order
// of their times. An incident that is still open has no KindEnd.
func Of(i *remedy.Incident) []Entry {
	var all []Entry
	tell := func(at time.Time, e Entry) {
		if !at.IsZero() {
			e.Alarm, e.At = 1, at
			all = append(all, e)
		}
	}
	received := i.Alarm.Time
	if received.IsZero() {
		received = i.OpenedAt
	}
	tell(received, Entry{Kind: KindAlarm, Event: &events.Alarm{
		Format: events.Format(i.Alarm.Format), Name: i.Alarm.Name, Rule: i.Alarm.Rule,
		State: events.State(i.Alarm.State), Level: i.Alarm.Level, Key: i.Alarm.Key,
		Time: i.Alarm.Time, Account: i.Account, Region: i.Region, Instance: i.Instance}})
	for n := range i.Attempts {
		a := &i.Attempts[n]
		if a.Before.Status != "" {
			tell(a.ClaimedAt, Entry{Kind: KindLook,
				Look: &Look{Status: a.Before.Status, Until: a.ClaimedAt}})
		}
		tell(a.ClaimedAt, Entry{Kind: KindClaim, Attempt: a})
		tell(a.AnsweredAt, Entry{Kind: KindAnswer, Attempt: a})
		tell(a.LeftRunningAt, Entry{Kind: KindLook,
			Look: &Look{Left: true, Until: a.LeftRunningAt}})
		tell(a.BackAt, Entry{Kind: KindLook, Look: &Look{Status: "Running", Until: a.BackAt}})
		if a.Fate != remedy.FateOpen {
			tell(settledAt(i, n), Entry{Kind: KindFate, Attempt: a})
		}
	}
	tell(i.TakenOverAt, Entry{Kind: KindTakeover})
	tell(i.ResolvedAt, Entry{Kind: KindResolved})
	if !i.EndedAt.IsZero() {
		result := Result(i)
		tell(i.EndedAt, Entry{Kind: KindEnd, Result: &result})
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(order[a.Kind], order[b.Kind]))
	})
	return all
}

// Result is the incident as its result shows it, without the findings, which the ledger does not
// keep, and the detail, which package report words. The Verdict of an incident that is still open
// is empty.
func Result(i *remedy.Incident) remedy.Result {
	return remedy.Result{
		Alarm: remedy.AlarmView{Format: i.Alarm.Format, Name: i.Alarm.Name, State: i.Alarm.State,
			Level: i.Alarm.Level, ID: i.Alarm.Key, Time: i.Alarm.Time},
		Region: i.Region, InstanceID: i.Instance, Verdict: i.Verdict, Reason: i.Reason, Why: i.Why,
		Incident: i.ID, Forced: i.Forced(), Attempts: i.Views(), Findings: []remedy.Finding{},
	}
}

// order is how entries of one instant are told.
var order = map[Kind]int{KindAlarm: -1, KindEnd: 1}

// settledAt is when it was known what became of an attempt: its last reading, and never later than
// what came after it.
func settledAt(i *remedy.Incident, n int) time.Time {
	a := &i.Attempts[n]
	at := a.LastReadAt
	if a.BackAt.After(at) {
		at = a.BackAt
	}
	if at.IsZero() {
		at = a.SendBefore
	}
	next := i.EndedAt
	if n+1 < len(i.Attempts) {
		next = i.Attempts[n+1].ClaimedAt
	}
	if at.Before(a.ClaimedAt) {
		at = a.ClaimedAt
	}
	if !next.IsZero() && at.After(next) {
		at = next
	}
	return at
}

// About are the entries of one alarm of an event, in the order of their times: its own, and what
// was told of all alarms before its end.
func About(entries []Entry, alarm int) []Entry {
	var all []Entry
	var end time.Time
	for i := range entries {
		if e := &entries[i]; e.Alarm == alarm && e.Kind == KindEnd {
			end = e.At
		}
	}
	for i := range entries {
		e := &entries[i]
		if e.Alarm == alarm || e.Alarm == 0 && (end.IsZero() || e.At.Before(end)) {
			all = append(all, *e)
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(order[a.Kind], order[b.Kind]))
	})
	return all
}
