package remedy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Every change of a record is pure. A test of one says all that it makes of the record, by what it
// expects of the whole of it, and so also what it leaves; and that the record it was made from is
// as it was.

// recordNoon is when the incidents of these tests open.
var recordNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// recordZone is another than UTC: what is stored is in UTC, wherever the program runs.
var recordZone = time.FixedZone("UTC+8", 8*60*60)

// recordPolicy has durations that cannot be taken for one another.
func recordPolicy() *Policy {
	return &Policy{Mode: ModeEnforce, Lease: time.Minute, Cooldown: 30 * time.Minute,
		MaxIncidents: 3, IncidentWindow: 24 * time.Hour,
		IncidentLimit: 45 * time.Minute, AttemptTimeout: 5 * time.Minute,
		BootGrace: 15 * time.Minute, Poll: 5 * time.Second, MaxAttempts: 5, FleetConcurrent: 3,
		FleetHourly: 20}
}

// recordOpen is an incident as its owner holds it, with so many attempts that ECS accepted.
func recordOpen(opened time.Time, attempts int) *Incident {
	i := &Incident{
		ID: IncidentID("i-1", opened), Instance: "i-1", Region: "cn-hangzhou", Account: "1",
		Alarm: AlarmRef{Format: "threshold", Rule: "rule-1",
			Key: "key of " + recordStamp(opened)},
		OpenedAt: opened, Owner: "owner", LeaseUntil: opened.Add(time.Minute),
		Attempts: []Attempt{},
	}
	for n := range attempts {
		at := opened.Add(time.Duration(n) * time.Minute)
		i.Attempts = append(i.Attempts, Attempt{N: n + 1, ClaimedAt: at,
			SendBefore: at.Add(time.Second), Answer: AnswerAccepted,
			AnsweredAt: at.Add(time.Second)})
	}
	return i
}

// recordEnded is an incident that ended a minute after it opened.
func recordEnded(opened time.Time, verdict Verdict) Incident {
	i := recordOpen(opened, 1)
	i.Owner, i.LeaseUntil = "", time.Time{}
	i.EndedAt, i.Verdict, i.Reason = opened.Add(time.Minute), verdict, ReasonNotRecovered
	i.Attempts[0].Fate = FateFailed
	return *i
}

func recordStamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// recordWith is the record that a change is made of: an open incident with two attempts, one that
// has ended, and its key. Its lists have room, into which a careless append would write.
func recordWith() Record {
	before := recordEnded(recordNoon.Add(-time.Hour), VerdictFailed)
	open := recordOpen(recordNoon, 2)
	open.Attempts = append(make([]Attempt, 0, 8), open.Attempts...)
	return Record{
		Open:   open,
		Recent: append(make([]Incident, 0, 8), before),
		Keys:   map[string]time.Time{before.Alarm.Key: before.EndedAt}, Revision: 7,
	}
}

// recordShape is all of a record that a change could reach, with the room that its lists have.
func recordShape(r *Record) string {
	whole := struct {
		Record
		Room  []Incident
		Rooms [][]Attempt
	}{Record: *r, Room: r.Recent[:cap(r.Recent)]}
	if r.Open != nil {
		whole.Rooms = append(whole.Rooms, r.Open.Attempts[:cap(r.Open.Attempts)])
	}
	for _, i := range whole.Room {
		whole.Rooms = append(whole.Rooms, i.Attempts[:cap(i.Attempts)])
	}
	return recordText(whole)
}

func recordText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// recordAllUTC fails the test where a time of the value is in another zone.
func recordAllUTC(t *testing.T, why string, value reflect.Value) {
	t.Helper()
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			recordAllUTC(t, why, value.Elem())
		}
	case reflect.Slice:
		for i := range value.Len() {
			recordAllUTC(t, why, value.Index(i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			recordAllUTC(t, why, value.MapIndex(key))
		}
	case reflect.Struct:
		if at, is := value.Interface().(time.Time); is {
			if at.Location() != time.UTC {
				t.Errorf("%s: %v is not in UTC", why, at)
			}
			return
		}
		for i := range value.NumField() {
			recordAllUTC(t, why, value.Field(i))
		}
	}
}

func TestRecordChanges(t *testing.T) {
	p := recordPolicy()
	now := recordNoon.Add(10 * time.Minute)
	local := now.In(recordZone)
	lease := now.Add(p.Lease)
	// seen is the open incident with what its owner has seen since it was written.
	seen := func(r Record) *Incident {
		i := r.Open.clone()
		i.Attempts[1].LastReadAt = now
		return i
	}
	third := Attempt{N: 3, Force: true, ClaimedAt: now, SendBefore: now.Add(time.Second)}
	void := recordOpen(recordNoon.Add(-time.Minute), 0)
	fresh := recordOpen(now, 0)

	for _, row := range []struct {
		why    string
		before func(*Record) // what is different before
		change func(Record) Record
		want   func(*Record)
	}{
		{
			"an opening stands in the record as it is",
			func(r *Record) { r.Open = nil },
			func(r Record) Record { return r.opened(fresh) },
			func(r *Record) { r.Open = fresh },
		},
		{
			"an opening that is void leaves a trace, and no key: its alarm may come again",
			func(r *Record) { r.Open = void },
			func(r Record) Record { return r.voided(void, local, p) },
			func(r *Record) {
				trace := *void
				trace.Owner, trace.LeaseUntil, trace.Alarm.Key = "", time.Time{}, ""
				trace.EndedAt, trace.Forgiven = now, true
				trace.Verdict, trace.Reason = VerdictRefused, ReasonInProgress
				trace.Why = "it was opened and never claimed"
				r.Open, r.Recent = nil, append(r.Recent, trace)
			},
		},
		{
			"the new attempt comes last, what was seen of the others comes along, with a new lease",
			nil,
			func(r Record) Record { return r.claimed(seen(r), third, p, local) },
			func(r *Record) {
				r.Open = seen(*r)
				r.Open.Attempts = append(r.Open.Attempts, third)
				r.Open.LeaseUntil = lease
			},
		},
		{
			"what the owner has seen, and a new lease",
			nil,
			func(r Record) Record { return r.kept(seen(r), p, local) },
			func(r *Record) { r.Open = seen(*r); r.Open.LeaseUntil = lease },
		},
		{
			"a new owner, since now",
			nil,
			func(r Record) Record { return r.takenOver(seen(r), "heir", p, local) },
			func(r *Record) {
				r.Open = seen(*r)
				r.Open.Owner, r.Open.LeaseUntil, r.Open.TakenOverAt = "heir", lease, now
			},
		},
		{
			"the old owner after it stood still: since now, too",
			nil,
			func(r Record) Record { return r.takenOver(seen(r), "owner", p, local) },
			func(r *Record) {
				r.Open = seen(*r)
				r.Open.LeaseUntil, r.Open.TakenOverAt = lease, now
			},
		},
		{
			"given free: the owner's name stays, for it tells who had it",
			nil,
			func(r Record) Record { return r.released(seen(r)) },
			func(r *Record) { r.Open = seen(*r); r.Open.LeaseUntil = time.Time{} },
		},
		{
			"resolved: its owner and its lease stay",
			nil,
			func(r Record) Record { return r.resolved(local) },
			func(r *Record) { r.Open = r.Open.clone(); r.Open.ResolvedAt = now },
		},
		{
			"settled: it stands among those that have ended, without an owner; its key is known",
			nil,
			func(r Record) Record {
				ended := seen(r)
				ended.end(VerdictFailed, ReasonStuck, "why", local)
				return r.settled(ended, p)
			},
			func(r *Record) {
				ended := *seen(*r)
				ended.Owner, ended.LeaseUntil, ended.EndedAt = "", time.Time{}, now
				ended.Verdict, ended.Reason, ended.Why = VerdictFailed, ReasonStuck, "why"
				for n := range ended.Attempts {
					ended.Attempts[n].Fate = FateUnconfirmed // it was still watched
				}
				r.Open, r.Recent = nil, append(r.Recent, ended)
				r.Keys[ended.Alarm.Key] = now
			},
		},
		{
			"one that never was open is settled beside the open one",
			nil,
			func(r Record) Record {
				lost := recordEnded(recordNoon.Add(-5*time.Minute), VerdictFailed)
				return r.settled(&lost, p)
			},
			func(r *Record) {
				lost := recordEnded(recordNoon.Add(-5*time.Minute), VerdictFailed)
				r.Recent = append(r.Recent, lost)
				r.Keys[lost.Alarm.Key] = lost.EndedAt
			},
		},
		{
			"the first incident of an instance that nothing was known of",
			func(r *Record) { *r = Record{Open: recordOpen(recordNoon, 1)} },
			func(r Record) Record {
				ended := r.Open.clone()
				ended.end(VerdictRestarted, ReasonRecovered, "", local)
				return r.settled(ended, p)
			},
			func(r *Record) {
				ended := *recordOpen(recordNoon, 1)
				ended.Owner, ended.LeaseUntil, ended.EndedAt = "", time.Time{}, now
				ended.Verdict, ended.Reason = VerdictRestarted, ReasonRecovered
				ended.Attempts[0].Fate = FateUnconfirmed
				*r = Record{Recent: []Incident{ended},
					Keys: map[string]time.Time{ended.Alarm.Key: now}}
			},
		},
		{
			"closed by hand",
			nil,
			func(r Record) Record {
				closed, ended, open := r.Closed(r.Open.ID, *p, local)
				if !open || ended.ID != r.Open.ID || ended.Reason != ReasonAbandoned ||
					!ended.EndedAt.Equal(now) {
					t.Errorf("closing says %v of %+v", open, ended)
				}
				return closed
			},
			func(r *Record) {
				ended := *r.Open.clone()
				ended.Owner, ended.LeaseUntil, ended.EndedAt = "", time.Time{}, now
				ended.Verdict, ended.Reason, ended.Why = VerdictFailed, ReasonAbandoned,
					"by an operator"
				for n := range ended.Attempts {
					ended.Attempts[n].Fate = FateUnconfirmed
				}
				r.Open, r.Recent = nil, append(r.Recent, ended)
				r.Keys[ended.Alarm.Key] = now
			},
		},
		{
			"another incident than the open one cannot be closed",
			nil,
			func(r Record) Record {
				closed, ended, open := r.Closed(r.Recent[0].ID, *p, local)
				if open || !reflect.DeepEqual(ended, Incident{}) {
					t.Errorf("closing says %v of %+v", open, ended)
				}
				return closed
			},
			func(*Record) {},
		},
		{
			"nor can any where none is open",
			func(r *Record) { r.Open = nil },
			func(r Record) Record {
				closed, _, open := r.Closed("", *p, local)
				if open {
					t.Error("closing says that there was one")
				}
				return closed
			},
			func(*Record) {},
		},
		{
			"a reset forgives what counts, and forgets neither keys nor ends",
			func(r *Record) {
				forgiven := recordEnded(recordNoon.Add(-30*time.Minute), VerdictRestarted)
				forgiven.Forgiven = true
				r.Open, r.Recent = nil, append(r.Recent, forgiven)
			},
			func(r Record) Record {
				reset, n, allowed := r.Reset()
				if n != 1 || !allowed {
					t.Errorf("the reset forgave %d (%v), want the one that counted", n, allowed)
				}
				return reset
			},
			func(r *Record) { r.Recent[0].Forgiven = true },
		},
		{
			"there is no reset beside an open incident",
			nil,
			func(r Record) Record {
				reset, n, allowed := r.Reset()
				if n != 0 || allowed {
					t.Errorf("the reset forgave %d (%v)", n, allowed)
				}
				return reset
			},
			func(*Record) {},
		},
	} {
		before, want := recordWith(), recordWith()
		if row.before != nil {
			row.before(&before)
			row.before(&want)
		}
		row.want(&want)
		shape := recordShape(&before)
		after := row.change(before)
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
		if now := recordShape(&before); now != shape {
			t.Errorf("%s: the record that it was made from was\n%s\nand is\n%s", row.why, shape,
				now)
		}
		recordAllUTC(t, row.why, reflect.ValueOf(after))
	}
}

// What is written and what its maker goes on with are two: each goes its own way afterwards.
func TestRecordChangesShareNoAttempts(t *testing.T) {
	p := recordPolicy()
	for why, change := range map[string]func(Record, *Incident) Record{
		"claimed": func(r Record, i *Incident) Record {
			return r.claimed(i, Attempt{N: 3, ClaimedAt: recordNoon}, p, recordNoon)
		},
		"kept": func(r Record, i *Incident) Record { return r.kept(i, p, recordNoon) },
		"takenOver": func(r Record, i *Incident) Record {
			return r.takenOver(i, "heir", p,
				recordNoon)
		},
		"released": func(r Record, i *Incident) Record { return r.released(i) },
		"settled":  func(r Record, i *Incident) Record { return r.settled(i, p) },
		"resolved": func(r Record, _ *Incident) Record { return r.resolved(recordNoon) },
		"Closed": func(r Record, i *Incident) Record {
			closed, ended, _ := r.Closed(i.ID, *p, recordNoon)
			ended.Attempts[0].Code = "seen later"
			return closed
		},
	} {
		before := recordWith()
		mine := before.Open.clone()
		mine.EndedAt = recordNoon
		after := change(before, mine)
		shape, written := recordShape(&before), recordText(after)
		for n := range mine.Attempts {
			mine.Attempts[n].Code = "seen later"
		}
		mine.Attempts = append(mine.Attempts, Attempt{Code: "seen later"})
		if recordShape(&before) != shape || recordText(after) != written {
			t.Errorf("%s: what its owner saw later is in the record already", why)
		}
		for n := range before.Open.Attempts {
			before.Open.Attempts[n].Code = "another"
		}
		if recordText(after) != written {
			t.Errorf("%s: the record shares attempts with the one that it was made from", why)
		}
	}
}

// Each end of an incident: what was watched when it came is settled, and what was settled stays.
func TestRecordEndSettlesAttempts(t *testing.T) {
	for _, row := range []struct {
		why    string
		answer Answer
		fate   Fate
		want   Fate
	}{
		{"claimed, and nobody knows whether it was sent", AnswerNone, FateOpen, FateUnconfirmed},
		{"accepted, and nobody will learn what became of it", AnswerAccepted, FateOpen,
			FateUnconfirmed},
		{"the same without an answer", AnswerUnknown, FateOpen, FateUnconfirmed},
		{"ECS refused it: it has no fate of its own", AnswerRejected, FateOpen, FateOpen},
		{"ECS did nothing", AnswerNotExecuted, FateOpen, FateOpen},
		{"it worked", AnswerAccepted, FateWorked, FateWorked},
		{"it failed", AnswerAccepted, FateFailed, FateFailed},
		{"it failed after ECS refused it in its own transition", AnswerRejected, FateFailed,
			FateFailed},
		{"an answer of a later version is no reason to call it settled", "later", FateOpen,
			FateUnconfirmed},
	} {
		i := recordOpen(recordNoon, 1)
		i.Attempts[0].Answer, i.Attempts[0].Fate = row.answer, row.fate
		i.end(VerdictFailed, ReasonStuck, "why", recordNoon)
		if got := i.Attempts[0].Fate; got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}

// No clock of those who open, claim and end an incident makes an end before its beginning: the
// ledger calls such a record unreadable, and then nobody looks after the instance any more.
func TestRecordEndIsNotBeforeTheOpening(t *testing.T) {
	p := recordPolicy()
	late := recordNoon.Add(-MaxSkew) // whose clock is as slow as a clock may be
	for why, ended := range map[string]func() Incident{
		"an opening that was given free is voided": func() Incident {
			open := recordOpen(recordNoon, 0)
			r := Record{Open: open}.voided(open, late, p)
			return r.Recent[0]
		},
		"an operator closes it": func() Incident {
			open := recordOpen(recordNoon, 1)
			_, ended, _ := Record{Open: open}.Closed(open.ID, *p, late)
			return ended
		},
		"a sweep finds that the ledger lost it": func() Incident {
			slot := Slot{Incident: IncidentID("i-1", recordNoon), Instance: "i-1",
				OpenedAt: recordNoon}
			lost := slot.incident()
			lost.end(VerdictFailed, ReasonLedgerLost, "", late)
			return Record{}.settled(lost, p).Recent[0]
		},
	} {
		i := ended()
		if i.EndedAt.Before(i.OpenedAt) {
			t.Errorf("%s: it ended at %v, and opened at %v", why, i.EndedAt, i.OpenedAt)
		}
	}
}

// What has ended counts for as long as anything rests on it, and no longer.
func TestRecordRetention(t *testing.T) {
	for _, row := range []struct {
		why              string
		window, cooldown time.Duration
		retention, keys  time.Duration
	}{
		{"a day at least", time.Hour, time.Minute, 24 * time.Hour, 24 * time.Hour},
		{"as long as budgets are counted over", 72 * time.Hour, time.Minute, 72 * time.Hour,
			72 * time.Hour},
		{"as long as it is left alone; an alarm that old opens nothing", time.Hour, 48 * time.Hour,
			48 * time.Hour, 24 * time.Hour},
	} {
		p := recordPolicy()
		p.IncidentWindow, p.Cooldown = row.window, row.cooldown
		if p.Retention() != row.retention || p.KeyRetention() != row.keys {
			t.Errorf("%s: %v, and keys for %v, want %v and %v", row.why, p.Retention(),
				p.KeyRetention(), row.retention, row.keys)
		}
		for _, side := range []struct {
			why  string
			age  time.Duration // of the end of the past incident when the next one ends
			kept bool
			key  bool
		}{
			{"just within it", row.retention - 1, true, row.keys == row.retention},
			{"over", row.retention, false, false},
			{"just within the keys'", row.keys - 1, true, true},
			{"the keys' is over", row.keys, row.keys < row.retention, false},
			{"its clock was ahead of ours", -MaxSkew, true, true},
		} {
			past := recordEnded(recordNoon, VerdictRestarted)
			before := Record{Recent: []Incident{past},
				Keys: map[string]time.Time{past.Alarm.Key: past.EndedAt}}
			next := recordEnded(recordNoon, VerdictFailed)
			next.ID, next.Alarm.Key = IncidentID("i-1", recordNoon.Add(time.Second)), "next"
			next.EndedAt = past.EndedAt.Add(side.age)
			after := before.settled(&next, p)
			kept := after.Ended(past.ID) != nil
			_, key := after.Keys[past.Alarm.Key]
			if kept != side.kept || key != side.key || after.Ended(next.ID) == nil ||
				!after.Keys["next"].Equal(next.EndedAt) {
				t.Errorf("%s, %s: kept %v, its key %v; want %v and %v; and the next one %+v",
					row.why, side.why, kept, key, side.kept, side.key, after.Recent)
			}
		}
	}
}

func TestRecordEnded(t *testing.T) {
	r := recordWith()
	r.Recent = append(r.Recent, recordEnded(recordNoon.Add(-30*time.Minute), VerdictRestarted))
	for _, row := range []struct {
		why, id string
		want    *Incident
	}{
		{"the first of them", r.Recent[0].ID, &r.Recent[0]},
		{"the last of them", r.Recent[1].ID, &r.Recent[1]},
		{"the open one has not ended", r.Open.ID, nil},
		{"one of another second", IncidentID("i-1", recordNoon.Add(-time.Hour-time.Second)), nil},
		{"none", "", nil},
	} {
		if got := r.Ended(row.id); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.why, got, row.want)
		}
	}
}

// An opening that was taken back counts for nothing; whatever was claimed counts, refused or not.
func TestRecordVoid(t *testing.T) {
	void := recordOpen(recordNoon, 0)
	for _, row := range []struct {
		why      string
		verdict  Verdict
		attempts int
		want     bool
	}{
		{"it was never claimed", VerdictRefused, 0, true},
		{"ECS refused its attempt", VerdictRefused, 1, false},
		{"the ledger lost it: who knows what was sent", VerdictFailed, 0, false},
		{"it was rehearsed", VerdictObserved, 0, false},
		{"it is open", "", 0, false},
	} {
		i := recordOpen(recordNoon, row.attempts)
		i.Verdict = row.verdict
		if i.Void() != row.want {
			t.Errorf("%s: void %v", row.why, i.Void())
		}
	}
	r := Record{Open: void}.voided(void, recordNoon.Add(time.Minute), recordPolicy())
	if n := r.Spent(time.Time{}); n != 0 || !r.lastEnd().IsZero() || !r.recovered().IsZero() ||
		len(r.Keys) != 0 || !r.Recent[0].Void() {
		t.Errorf("a void opening counts: %d spent, ended at %v, keys %v", n, r.lastEnd(), r.Keys)
	}
}

func TestRecordCounts(t *testing.T) {
	p := recordPolicy()
	at := func(minutes int) time.Time {
		return recordNoon.Add(time.Duration(minutes) * time.Minute)
	}
	past := func(minutes int, verdict Verdict, forgiven bool) Incident {
		i := recordEnded(at(minutes), verdict)
		i.Forgiven = forgiven
		return i
	}
	for _, row := range []struct {
		why       string
		recent    []Incident
		lastEnd   time.Time
		recovered time.Time
		spent     int
	}{
		{"nothing happened", nil, time.Time{}, time.Time{}, 0},
		{"one failed: no recovery", []Incident{past(0, VerdictFailed, false)}, at(1), time.Time{},
			1},
		{"one recovered", []Incident{past(0, VerdictRestarted, false)}, at(1), at(1), 1},
		{"a refused one and a rehearsed one count everywhere", []Incident{
			past(0, VerdictRefused, false), past(5, VerdictObserved, false)}, at(6), time.Time{},
			2},
		{"the last of several, whatever their order", []Incident{
			past(10, VerdictRestarted, false), past(0, VerdictRestarted, false),
			past(5, VerdictFailed, false)}, at(11), at(11), 3},
		{"a forgiven one counts no longer; that it recovered is true still", []Incident{
			past(0, VerdictFailed, false), past(5, VerdictRestarted, true)}, at(1), at(6), 1},
		{"all forgiven", []Incident{past(0, VerdictFailed, true)}, time.Time{}, time.Time{}, 0},
	} {
		r := Record{Recent: row.recent}
		if !r.lastEnd().Equal(row.lastEnd) || !r.recovered().Equal(row.recovered) ||
			r.Spent(time.Time{}) != row.spent {
			t.Errorf("%s: ended %v, recovered %v, spent %d; want %v, %v, %d", row.why, r.lastEnd(),
				r.recovered(), r.Spent(time.Time{}), row.lastEnd, row.recovered, row.spent)
		}
		alone := row.lastEnd
		if !alone.IsZero() {
			alone = alone.Add(p.Cooldown)
		}
		if got := r.LeftAloneUntil(*p); !got.Equal(alone) {
			t.Errorf("%s: left alone until %v, want %v", row.why, got, alone)
		}
	}
	one := Record{Recent: []Incident{past(0, VerdictFailed, false)}}
	for _, row := range []struct {
		why   string
		since time.Time
		want  int
	}{
		{"it opened after that", at(0).Add(-1), 1},
		{"it opened at that moment, which is not after it", at(0), 0},
		{"it opened before, and ended after", at(0).Add(1), 0},
	} {
		if got := one.Spent(row.since); got != row.want {
			t.Errorf("%s: %d, want %d", row.why, got, row.want)
		}
	}
}

func TestRecordSpentUntil(t *testing.T) {
	p := recordPolicy()
	hour := func(n int, forgiven bool) Incident {
		i := recordEnded(recordNoon.Add(time.Duration(n)*time.Hour), VerdictFailed)
		i.Forgiven = forgiven
		return i
	}
	day := p.IncidentWindow
	for _, row := range []struct {
		why    string
		recent []Incident
		after  time.Duration // since noon
		want   time.Duration // since noon; 0: it may have one now
	}{
		{"two of three", []Incident{hour(0, false), hour(1, false)}, 2 * time.Hour, 0},
		{"three of three, until the first of them is a day old", []Incident{hour(0, false),
			hour(1, false), hour(2, false)}, 3 * time.Hour, day},
		{"to the last moment", []Incident{hour(0, false), hour(1, false), hour(2, false)}, day - 1,
			day},
		{"and not longer", []Incident{hour(0, false), hour(1, false), hour(2, false)}, day, 0},
		{"of four it is the second, in whatever order they stand", []Incident{hour(3, false),
			hour(0, false), hour(2, false), hour(1, false)}, 4 * time.Hour, day + time.Hour},
		{"a forgiven one does not count", []Incident{hour(0, false), hour(1, true), hour(2, false)},
			3 * time.Hour, 0},
		{"and nothing is counted by it", []Incident{hour(0, false), hour(1, false), hour(2, true),
			hour(3, false)}, 4 * time.Hour, day},
	} {
		r := Record{Recent: row.recent}
		now, want := recordNoon.Add(row.after), time.Time{}
		if row.want != 0 {
			want = recordNoon.Add(row.want)
		}
		if got := r.SpentUntil(*p, now); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", row.why, got, want)
		}
		if spent := r.Spent(now.Add(-day)) >= p.MaxIncidents; spent == want.IsZero() {
			t.Errorf("%s: the budget is spent: %v", row.why, spent)
		}
	}
}

// recordLife is an instance's record and the fleet's through any changes in any order that the
// protocol allows, and what must be true of them whatever the order was.
type recordLife struct {
	p      *Policy
	now    time.Time
	record Record
	fleet  Fleet
	next   int // for the names of owners and pauses

	ended map[string]Incident  // every one that has ended, as it ended
	keys  map[string]time.Time // of their alarms, with their last ends
	begun map[string]time.Time // when those began that count for the hour
	older []recordAge
}

// recordAge is a record of before, and what it looked like then.
type recordAge struct {
	record *Record
	fleet  *Fleet
	shape  string
}

// put takes a changed record for the one that is stored now.
func (l *recordLife) put(r Record) {
	r.Revision++
	before := l.record
	l.older = append(l.older, recordAge{record: &before, shape: recordShape(&before)})
	l.record = r
}

func (l *recordLife) putFleet(fl Fleet) {
	fl.Revision++
	before := l.fleet
	l.older = append(l.older, recordAge{fleet: &before, shape: fleetShape(&before)})
	l.fleet = fl
}

// end notes an incident's end.
func (l *recordLife) end(i *Incident) {
	l.ended[i.ID] = *i.clone()
	if i.Alarm.Key != "" {
		l.keys[i.Alarm.Key] = i.EndedAt
	}
}

// check is what must be true at any time.
func (l *recordLife) check(t *rapid.T) {
	seen := map[string]bool{}
	for i := range l.record.Recent {
		e := &l.record.Recent[i]
		if seen[e.ID] {
			t.Fatalf("%s has ended twice", e.ID)
		}
		seen[e.ID] = true
		if e.EndedAt.IsZero() || e.Verdict == "" || e.Owner != "" || !e.LeaseUntil.IsZero() {
			t.Fatalf("%s has ended, and is %+v", e.ID, e)
		}
		recordInOrder(t, e)
	}
	if open := l.record.Open; open != nil {
		if seen[open.ID] || !open.EndedAt.IsZero() || open.Verdict != "" {
			t.Fatalf("%s is open and has ended", open.ID)
		}
		recordInOrder(t, open)
	}
	for id, i := range l.ended {
		if found := l.record.Ended(id); found == nil {
			if l.now.Sub(i.EndedAt) < l.p.Retention() {
				t.Fatalf("%s, which ended at %v, is forgotten at %v", id, i.EndedAt, l.now)
			}
			delete(l.ended, id)
		} else if found.Verdict != i.Verdict || !found.EndedAt.Equal(i.EndedAt) ||
			i.Forgiven && !found.Forgiven || len(found.Attempts) != len(i.Attempts) {
			t.Fatalf("%s ended as %+v, and is %+v", id, i, found)
		}
	}
	for key, at := range l.keys {
		if _, kept := l.record.Keys[key]; !kept {
			if l.now.Sub(at) < l.p.KeyRetention() {
				t.Fatalf("key %q of %v is forgotten at %v", key, at, l.now)
			}
			delete(l.keys, key)
		}
	}
	l.checkFleet(t)
}

// checkOlder: no change reached into a record of before.
func (l *recordLife) checkOlder(t *rapid.T) {
	for _, age := range l.older {
		now := ""
		if age.record != nil {
			now = recordShape(age.record)
		} else {
			now = fleetShape(age.fleet)
		}
		if now != age.shape {
			t.Fatalf("a record of before was\n%s\nand is\n%s", age.shape, now)
		}
	}
}

func (l *recordLife) checkFleet(t *rapid.T) {
	slots := map[string]bool{}
	for _, s := range l.fleet.Open {
		if slots[s.Incident] {
			t.Fatalf("%s has two slots", s.Incident)
		}
		slots[s.Incident] = true
	}
	counted := map[string]bool{}
	for i, b := range l.fleet.Begun {
		switch {
		case counted[b.Incident]:
			t.Fatalf("%s began twice", b.Incident)
		case l.fleet.Written.Sub(b.At) >= time.Hour:
			t.Fatalf("%s, which began at %v, was written down at %v", b.Incident, b.At,
				l.fleet.Written)
		case i > 0 && b.At.Before(l.fleet.Begun[i-1].At):
			t.Fatalf("the beginnings are not in order: %+v", l.fleet.Begun)
		}
		counted[b.Incident] = true
	}
	for id, at := range l.begun {
		if !counted[id] && l.now.Sub(at) < time.Hour {
			t.Fatalf("%s, which began at %v, is forgotten at %v", id, at, l.now)
		}
		if l.now.Sub(at) >= time.Hour {
			delete(l.begun, id)
		}
	}
}

func recordInOrder(t *rapid.T, i *Incident) {
	for n := range i.Attempts {
		if i.Attempts[n].N != n+1 ||
			n > 0 && i.Attempts[n].ClaimedAt.Before(i.Attempts[n-1].ClaimedAt) {
			t.Fatalf("the attempts of %s are out of order: %+v", i.ID, i.Attempts)
		}
	}
}

// actions are the changes, each where the protocol allows it.
func (l *recordLife) actions() map[string]func(*rapid.T) {
	open := func(t *rapid.T, claimed bool) *Incident {
		if l.record.Open == nil || claimed != (len(l.record.Open.Attempts) > 0) {
			t.Skip("there is no such incident")
		}
		return l.record.Open.clone()
	}
	settle := func(t *rapid.T, i *Incident) {
		verdict := rapid.SampledFrom([]Verdict{VerdictRestarted, VerdictFailed, VerdictRefused}).
			Draw(t, "verdict")
		i.end(verdict, ReasonNotRecovered, "", l.now)
		l.put(l.record.settled(i, l.p))
		l.end(i)
	}
	return map[string]func(*rapid.T){
		"": l.check,
		// Rapid prefers what stands first by its name: that must be possible at any time.
		"a while passes": func(t *rapid.T) {
			l.now = l.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute,
				20 * time.Minute, time.Hour - time.Second, time.Hour, 7 * time.Hour}).Draw(t,
				"for"))
		},
		"open": func(t *rapid.T) {
			if l.record.Open != nil || l.ended[IncidentID("i-1", l.now)].ID != "" {
				t.Skip("one is open, or began in this second")
			}
			l.next++
			i := recordOpen(l.now, 0)
			i.Owner = fmt.Sprint("owner ", l.next)
			l.put(l.record.opened(i))
		},
		"void": func(t *rapid.T) {
			i := open(t, false)
			l.put(l.record.voided(i, l.now, l.p))
			l.end(l.record.Ended(i.ID))
		},
		"reserve": func(t *rapid.T) {
			i := open(t, false)
			if l.fleet.slot(i.ID) != nil || l.fleet.hasBegun(i.ID) {
				t.Skip("it has a slot")
			}
			l.putFleet(l.fleet.reserved(i, l.p, l.now))
			l.begun[i.ID] = l.now
		},
		"claim": func(t *rapid.T) {
			if l.record.Open == nil {
				t.Skip("no incident is open")
			}
			i := l.record.Open.clone()
			l.put(l.record.claimed(i, Attempt{N: len(i.Attempts) + 1, ClaimedAt: l.now,
				SendBefore: l.now.Add(l.p.CallLimit())}, l.p, l.now))
		},
		"keep": func(t *rapid.T) {
			i := open(t, true)
			i.Attempts[len(i.Attempts)-1].LastReadAt = l.now
			l.put(l.record.kept(i, l.p, l.now))
		},
		"take over": func(t *rapid.T) {
			l.next++
			l.put(l.record.takenOver(open(t, true), fmt.Sprint("owner ", l.next), l.p, l.now))
		},
		"release": func(t *rapid.T) { l.put(l.record.released(open(t, true))) },
		"resolve": func(t *rapid.T) { open(t, true); l.put(l.record.resolved(l.now)) },
		"take a slot again": func(t *rapid.T) {
			i := open(t, true)
			if l.fleet.slot(i.ID) != nil {
				t.Skip("it has a slot")
			}
			l.putFleet(l.fleet.retaken(i, l.p, l.now))
		},
		"settle": func(t *rapid.T) { settle(t, open(t, true)) },
		"lose": func(t *rapid.T) { // an incident that is not in the record at all
			i := recordOpen(l.now.Add(-time.Minute), 0)
			if l.ended[i.ID].ID != "" || l.record.Open != nil && l.record.Open.ID == i.ID {
				t.Skip("it is in the record")
			}
			settle(t, i)
		},
		"rehearse": func(t *rapid.T) {
			i := recordOpen(l.now, 0)
			if l.record.Open != nil || l.ended[i.ID].ID != "" {
				t.Skip("one is open, or began in this second")
			}
			i.end(VerdictObserved, ReasonWouldRestart, "", l.now)
			l.put(l.record.settled(i, l.p))
			l.end(i)
			l.putFleet(l.fleet.begun(i, l.now))
			l.begun[i.ID] = l.now
		},
		"free": func(t *rapid.T) {
			for _, s := range l.fleet.Open {
				ended := l.record.Ended(s.Incident)
				if ended == nil {
					continue
				}
				fleet, had := l.fleet.Freed(ended, l.now)
				if !had {
					t.Fatalf("%s has a slot, and had none", s.Incident)
				}
				l.putFleet(fleet)
				if ended.Void() {
					delete(l.begun, ended.ID)
				}
				return
			}
			t.Skip("no slot is over")
		},
		"close": func(t *rapid.T) {
			if l.record.Open == nil {
				t.Skip("no incident is open")
			}
			record, ended, _ := l.record.Closed(l.record.Open.ID, *l.p, l.now)
			l.put(record)
			l.end(&ended)
		},
		"reset": func(t *rapid.T) {
			record, n, allowed := l.record.Reset()
			if allowed != (l.record.Open == nil) {
				t.Fatalf("a reset beside %+v is allowed: %v", l.record.Open, allowed)
			}
			if !allowed || n == 0 {
				t.Skip("nothing to forgive")
			}
			l.put(record)
			if l.record.Spent(time.Time{}) != 0 || !l.record.lastEnd().IsZero() {
				t.Fatalf("after a reset the record counts: %+v", l.record)
			}
		},
		"pause": func(t *rapid.T) {
			until := l.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 48 * time.Hour}).
				Draw(t, "for"))
			l.putFleet(l.fleet.WithPause(until, "maintenance", l.now))
		},
		"resume": func(t *rapid.T) {
			on := l.fleet.Paused.On(l.now)
			fleet, was := l.fleet.Resumed(l.now)
			if was != on || fleet.Paused.On(l.now) {
				t.Fatalf("resuming says %v of %+v, and leaves %+v", was, l.fleet.Paused,
					fleet.Paused)
			}
			l.putFleet(fleet)
		},
		"refresh": func(t *rapid.T) {
			fleet, due := l.fleet.Refreshed(l.now)
			if !due {
				t.Skip("there is no need")
			}
			if fleet.Paused != l.fleet.Paused || !slices.Equal(fleet.Open, l.fleet.Open) {
				t.Fatalf("refreshing made %+v of %+v", fleet, l.fleet)
			}
			l.putFleet(fleet)
		},
	}
}

// Whatever changes follow one another, no incident is lost within its time, none is open and ended
// at once, the fleet's hour is an hour, and no change reaches into a record of before.
func TestRecordAnyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := recordPolicy()
		p.IncidentWindow = rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour,
			30 * time.Hour}).
			Draw(t, "window")
		p.Cooldown = rapid.SampledFrom([]time.Duration{0, time.Minute, 40 * time.Hour}).
			Draw(t, "cool-down")
		l := &recordLife{p: p, now: recordNoon, ended: map[string]Incident{},
			keys: map[string]time.Time{}, begun: map[string]time.Time{}}
		t.Repeat(l.actions())
		l.checkOlder(t)
	})
}
