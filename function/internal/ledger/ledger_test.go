package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// ten is when the incidents of the tests open.
var ten = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// strict is a policy in mode enforce whose durations are easy to add up.
func strict() remedy.Policy {
	return remedy.Policy{Mode: remedy.ModeEnforce, IncidentLimit: 45 * time.Minute,
		Lease: time.Minute, Cooldown: 30 * time.Minute, MaxIncidents: 3,
		IncidentWindow: 24 * time.Hour, FleetConcurrent: 3, FleetHourly: 20}
}

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// opened is an incident as its owner holds it, with so many attempts.
func opened(instance string, at time.Time, attempts int) *remedy.Incident {
	i := &remedy.Incident{ID: remedy.IncidentID(instance, at), Instance: instance,
		Region: "cn-hangzhou", Account: "1", OpenedAt: at, Owner: "owner",
		LeaseUntil: at.Add(time.Minute), Attempts: []remedy.Attempt{},
		Alarm: remedy.AlarmRef{Format: "threshold", Rule: "rule-1", Key: "key of " + instance,
			Time: at}}
	for n := range attempts {
		claimed := at.Add(time.Duration(n) * time.Minute)
		i.Attempts = append(i.Attempts, remedy.Attempt{N: n + 1, ClaimedAt: claimed,
			SendBefore: claimed.Add(10 * time.Second), Answer: remedy.AnswerAccepted,
			AnsweredAt: claimed.Add(time.Second)})
	}
	return i
}

// ended is an incident that ended a minute after it opened.
func ended(instance string, at time.Time, verdict remedy.Verdict) remedy.Incident {
	i := opened(instance, at, 1)
	i.Owner, i.LeaseUntil = "", time.Time{}
	i.EndedAt, i.Verdict, i.Reason = at.Add(time.Minute), verdict, remedy.ReasonNotRecovered
	return *i
}

// slot is the incident's slot.
func slot(i *remedy.Incident) remedy.Slot {
	return remedy.Slot{Incident: i.ID, Instance: i.Instance, Region: i.Region, OpenedAt: i.OpenedAt,
		LeaseUntil: i.LeaseUntil}
}

// begun is the incident's beginning.
func begun(i *remedy.Incident) remedy.Begun {
	return remedy.Begun{At: i.OpenedAt, Instance: i.Instance, Incident: i.ID}
}

// record reads an instance's record of mode enforce, and fails the test if it cannot.
func record(t *testing.T, l *ledger.Ledger, instance string) remedy.Record {
	t.Helper()
	reading := l.Record(t.Context(), remedy.BookEnforce, instance)
	if !reading.OK() {
		t.Fatalf("the record of %s: %s %s", instance, reading.Failure, reading.Note)
	}
	return reading.Value
}

// fleet reads the fleet's record of mode enforce, and fails the test if it cannot.
func fleet(t *testing.T, l *ledger.Ledger) remedy.Fleet {
	t.Helper()
	reading := l.Fleet(t.Context(), remedy.BookEnforce)
	if !reading.OK() {
		t.Fatalf("the fleet's record: %s %s", reading.Failure, reading.Note)
	}
	return reading.Value
}

// put writes an instance's record of mode enforce, and returns it as it is stored then.
func put(t *testing.T, l *ledger.Ledger, instance string, r remedy.Record) remedy.Record {
	t.Helper()
	w := l.Write(t.Context(), remedy.BookEnforce, instance, remedy.Write{Record: &r})
	if w.Wrote != remedy.WroteDone {
		t.Fatalf("writing the record of %s: %s %s", instance, w.Wrote, w.Note)
	}
	r.Revision = w.Revision
	return r
}

// putFleet writes the fleet's record of mode enforce, and returns it as it is stored then.
func putFleet(t *testing.T, l *ledger.Ledger, f remedy.Fleet) remedy.Fleet {
	t.Helper()
	w := l.Write(t.Context(), remedy.BookEnforce, "", remedy.Write{Fleet: &f})
	if w.Wrote != remedy.WroteDone {
		t.Fatalf("writing the fleet's record: %s %s", w.Wrote, w.Note)
	}
	f.Revision = w.Revision
	return f
}

// stored is the value under a key, as a store holds it.
func stored(t *testing.T, store ledger.Store, key string) string {
	t.Helper()
	value, _, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// equal are two records that say the same: no list and an empty one do.
var equal = cmpopts.EquateEmpty()

// anything draws values of a type with every field that it has, those of later versions too.
func anything[T any](t *rapid.T, label string) T {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 7).Draw(t, "known") == 0 {
			return time.Time{}
		}
		return ten.Add(time.Duration(rapid.Int64Range(-int64(1000*time.Hour),
			int64(1000*time.Hour)).
			Draw(t, "after ten")))
	})
	config := rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time](): moment.AsAny(),
	}}
	return rapid.MakeCustom[T](config).Draw(t, label)
}

// sound makes an incident of the instance of one that says anything: what must be so of it is.
func sound(i *remedy.Incident, instance string, at time.Time, open bool) {
	i.Instance, i.OpenedAt, i.ID = instance, at, remedy.IncidentID(instance, at)
	if i.Evidence != "" {
		i.Evidence = "oss://bucket/prefix/" + i.ID + "/"
	}
	if open {
		i.EndedAt, i.Verdict = time.Time{}, ""
	} else {
		i.EndedAt, i.Verdict = at.Add(i.EndedAt.Sub(ten).Abs()), "v"+i.Verdict
	}
	for n := range i.Attempts {
		a := &i.Attempts[n]
		a.N, a.ClaimedAt = n+1, at.Add(time.Duration(n)*time.Minute)
		if a.SendBefore.Before(a.ClaimedAt) {
			a.SendBefore = a.ClaimedAt
		}
	}
}

// soundWaiter makes the alarm the nth that waits of one that says anything.
func soundWaiter(w *remedy.Waiter, n int) {
	w.Instance, w.Since = fmt.Sprint("i-", n), ten
	w.Alarm.Time, w.Alarm.Key = ten.Add(time.Duration(n)*time.Second), "k"+w.Alarm.Key
}

// waiter is an alarm of the instance that waits, the nth of all.
func waiter(instance string, n int) remedy.Waiter {
	at := ten.Add(time.Duration(n) * time.Second)
	return remedy.Waiter{Instance: instance, Region: "cn-hangzhou", Since: at.Add(time.Minute),
		Alarm: remedy.WaitingAlarm{Account: "1", Metric: "cpu_total", AlarmRef: remedy.AlarmRef{
			Format: "threshold", Name: "ecs/cpu", Rule: "rule-1", State: "firing",
			Level: "CRITICAL",
			Key:   "t-1|1", Time: at}}}
}

// Whatever a record says, it says the same when it is read back: nothing that is known of an
// incident may be lost between two processes.
func TestAnyRecordSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const instance = "i-1"
		l := ledger.New(ledger.NewMem(), strict(), func() time.Time { return ten })
		want := anything[remedy.Record](t, "record")
		want.Revision = 0
		if want.Open != nil {
			sound(want.Open, instance, ten.Add(-time.Hour), true)
		}
		for n := range want.Recent {
			sound(&want.Recent[n], instance, ten.Add(time.Duration(n)*time.Hour), false)
		}
		w := l.Write(t.Context(), remedy.BookEnforce, instance, remedy.Write{Record: &want})
		got := l.Record(t.Context(), remedy.BookEnforce, instance)
		if w.Wrote != remedy.WroteDone || !got.OK() || got.Value.Revision != w.Revision {
			t.Fatalf("wrote %+v, read %+v", w, got)
		}
		want.Revision = w.Revision
		if diff := cmp.Diff(want, got.Value, equal); diff != "" {
			t.Fatalf("the record changed: (-written +read)\n%s", diff)
		}
	})
}

func TestAnyFleetSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ledger.New(ledger.NewMem(), strict(), func() time.Time { return ten })
		want := anything[remedy.Fleet](t, "fleet")
		want.Revision = 0
		for n := range want.Open {
			i := opened(fmt.Sprint("i-", n), ten, 0)
			s := &want.Open[n]
			s.Incident, s.Instance, s.OpenedAt = i.ID, i.Instance, ten
			if w := want.Open[n].Waiter; w != nil {
				soundWaiter(w, n)
			}
		}
		for n := range want.Waiting {
			soundWaiter(&want.Waiting[n], n)
		}
		for n := range want.Begun {
			i := opened(fmt.Sprint("i-", n), ten, 0)
			want.Begun[n] = begun(i)
		}
		w := l.Write(t.Context(), remedy.BookEnforce, "", remedy.Write{Fleet: &want})
		got := l.Fleet(t.Context(), remedy.BookEnforce)
		if w.Wrote != remedy.WroteDone || !got.OK() || got.Value.Revision != w.Revision {
			t.Fatalf("wrote %+v, read %+v", w, got)
		}
		want.Revision = w.Revision
		if diff := cmp.Diff(want, got.Value, equal); diff != "" {
			t.Fatalf("the record changed: (-written +read)\n%s", diff)
		}
	})
}

func TestAnySignSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ledger.New(ledger.NewMem(), strict(), func() time.Time { return ten })
		want := anything[remedy.Sign](t, "sign")
		want.Revision = 0
		w := l.Write(t.Context(), remedy.BookEnforce, "", remedy.Write{Sign: &want})
		want.Revision = w.Revision
		for _, got := range []remedy.Reading[remedy.Sign]{l.Sign(t.Context(), remedy.BookEnforce),
			l.In(remedy.BookEnforce).Sign(t.Context())} {
			if w.Wrote != remedy.WroteDone || !got.OK() || !cmp.Equal(want, got.Value) {
				t.Fatalf("wrote %+v (%+v), read %+v", want, w, got)
			}
		}
	})
}

// The stored form, word for word. Records of a function that is replaced by a newer one are read by
// it: a name that changes here needs a new version.
const (
	storedRecord = `{"version":2,"open":{"id":"i-1/20261123T100000Z","instance":"i-1",` +
		`"region":"cn-hangzhou","account":"1","alarm":{"format":"threshold","name":"ecs/cpu",` +
		`"rule":"rule-1","state":"firing","level":"CRITICAL","key":"t-1|1",` +
		`"time":"2026-11-23T09:59:00Z"},"openedAt":"2026-11-23T10:00:00Z","owner":"owner",` +
		`"leaseUntil":"2026-11-23T10:01:00Z","takenOverAt":"2026-11-23T10:00:30Z",` +
		`"resolvedAt":"2026-11-23T10:00:40Z","attempts":[{"n":1,"force":true,` +
		`"claimedAt":"2026-11-23T10:00:01Z","sendBefore":"2026-11-23T10:00:11Z",` +
		`"before":{"status":"Running","startTime":"2026-11-01T00:00Z",` +
		`"heartbeat":"2026-11-23T09:50:00Z"},"answer":"rejected",` +
		`"answeredAt":"2026-11-23T10:00:02.5Z","requestId":"R-1",` +
		`"code":"IncorrectInstanceStatus","reason":"not-running","throttled":true,` +
		`"fate":"failed","leftRunningAt":"2026-11-23T10:00:03Z","backAt":"2026-11-23T10:00:04Z",` +
		`"lastReadAt":"2026-11-23T10:00:05Z","stuck":true}]},` +
		`"recent":[{"id":"i-1/20261122T100000Z","instance":"i-1","region":"","account":"",` +
		`"alarm":{"format":"","name":"","rule":"","state":"","key":""},` +
		`"openedAt":"2026-11-22T10:00:00Z","endedAt":"2026-11-22T10:05:00Z",` +
		`"verdict":"restarted","reason":"recovered","why":"it restarted",` +
		`"forgiven":true,"attempts":[]}],"alarms":{"t-0|1":"2026-11-22T10:05:00Z"}}`
	storedFleet = `{"version":2,"open":[{"incident":"i-1/20261123T100000Z","instance":"i-1",` +
		`"region":"cn-hangzhou","openedAt":"2026-11-23T10:00:00Z",` +
		`"leaseUntil":"2026-11-23T10:01:00Z","waiter":{"alarm":{"format":"threshold",` +
		`"name":"ecs/cpu","rule":"rule-1","state":"firing","level":"CRITICAL","key":"t-1|1",` +
		`"time":"2026-11-23T10:00:00Z","account":"1","metric":"cpu_total"},"instance":"i-1",` +
		`"region":"cn-hangzhou","since":"2026-11-23T10:01:00Z"}}],` +
		`"waiting":[{"alarm":{"format":"system-event","name":"ecs/cpu","rule":"rule-1",` +
		`"state":"firing","level":"CRITICAL","key":"t-1|1","time":"2026-11-23T10:00:01Z",` +
		`"weak":true,"account":"1","product":"ECS","event":"Disk:Stalled",` +
		`"eventStatus":"Executing"},"instance":"i-2","region":"cn-hangzhou",` +
		`"since":"2026-11-23T10:01:01Z","resolvedAt":"2026-11-23T10:00:40Z","by":"owner",` +
		`"leaseUntil":"2026-11-23T10:01:00Z"}],"begun":[{"at":"2026-11-23T10:00:00Z",` +
		`"instance":"i-1","incident":"i-1/20261123T100000Z"}],` +
		`"paused":{"since":"2026-11-23T10:00:05Z","until":"2026-11-23T11:00:00Z",` +
		`"reason":"maintenance"},` +
		`"lost":"2026-11-23T09:00:00Z","written":"2026-11-23T10:00:06Z"}`
	storedSign = `{"version":2,"mode":"enforce","code":"abcdef0","at":"2026-11-23T10:00:07Z",` +
		`"open":1,"waiting":2}`
)

func TestStoredForm(t *testing.T) {
	at := func(seconds float64) time.Time {
		return ten.Add(time.Duration(seconds * float64(time.Second)))
	}
	yesterday := ten.Add(-24 * time.Hour)
	wantRecord := remedy.Record{
		Open: &remedy.Incident{ID: "i-1/20261123T100000Z", Instance: "i-1", Region: "cn-hangzhou",
			Account: "1", OpenedAt: ten, Owner: "owner", LeaseUntil: at(60), TakenOverAt: at(30),
			ResolvedAt: at(40),
			Alarm: remedy.AlarmRef{Format: "threshold", Name: "ecs/cpu", Rule: "rule-1",
				State: "firing", Level: "CRITICAL", Key: "t-1|1", Time: at(-60)},
			Attempts: []remedy.Attempt{{N: 1, Force: true, ClaimedAt: at(1), SendBefore: at(11),
				Before: remedy.Baseline{Status: "Running", StartTime: "2026-11-01T00:00Z",
					Heartbeat: at(-600)},
				Answer: remedy.AnswerRejected, AnsweredAt: at(2.5), RequestID: "R-1",
				Code: "IncorrectInstanceStatus", Reason: remedy.ReasonNotRunning, Throttled: true,
				Fate: remedy.FateFailed, LeftRunningAt: at(3), BackAt: at(4), LastReadAt: at(5),
				Stuck: true}}},
		Recent: []remedy.Incident{{ID: "i-1/20261122T100000Z", Instance: "i-1", OpenedAt: yesterday,
			EndedAt: yesterday.Add(5 * time.Minute), Verdict: remedy.VerdictRestarted,
			Reason: remedy.ReasonRecovered, Why: "it restarted", Forgiven: true,
			Attempts: []remedy.Attempt{}}},
		Keys: map[string]time.Time{"t-0|1": yesterday.Add(5 * time.Minute)},
	}
	i := wantRecord.Open
	wantFleet := remedy.Fleet{Open: []remedy.Slot{slot(i)}, Begun: []remedy.Begun{begun(i)},
		Paused:  remedy.Pause{Since: at(5), Until: at(3600), Reason: "maintenance"},
		Lost:    at(-3600),
		Written: at(6)}
	served, waits := waiter("i-1", 0), waiter("i-2", 1)
	wantFleet.Open[0].Waiter = &served
	waits.Alarm.Format, waits.Alarm.Weak, waits.Alarm.Metric = "system-event", true, ""
	waits.Alarm.Product, waits.Alarm.Event = "ECS", "Disk:Stalled"
	waits.Alarm.EventStatus = "Executing"
	waits.ResolvedAt, waits.By, waits.LeaseUntil = at(40), "owner", at(60)
	wantFleet.Waiting = []remedy.Waiter{waits}
	wantSign := remedy.Sign{Mode: remedy.ModeEnforce, Version: "abcdef0", At: at(7), Open: 1,
		Waiting: 2}

	written := ledger.NewMem()
	l := ledger.New(written, strict(), (&clock{ten}).now)
	put(t, l, "i-1", wantRecord)
	putFleet(t, l, wantFleet)
	sign := remedy.Write{Sign: &wantSign}
	if w := l.Write(t.Context(), remedy.BookEnforce, "", sign); w.Wrote != remedy.WroteDone {
		t.Fatalf("writing the sign: %+v", w)
	}
	if got := stored(t, written, "function"); got != storedSign {
		t.Errorf("the sign is stored as\n%s\nwant\n%s", got, storedSign)
	}
	if got := stored(t, written, "instance/i-1"); got != storedRecord {
		t.Errorf("a record is stored as\n%s\nwant\n%s", got, storedRecord)
	}
	if got := stored(t, written, "fleet"); got != storedFleet {
		t.Errorf("the fleet is stored as\n%s\nwant\n%s", got, storedFleet)
	}

	found := ledger.NewMem()
	for key, value := range map[string]string{"instance/i-1": storedRecord, "fleet": storedFleet,
		"function": storedSign} {
		if _, err := found.Put(t.Context(), key, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	l = ledger.New(found, strict(), (&clock{ten}).now)
	gotRecord, gotFleet := record(t, l, "i-1"), fleet(t, l)
	wantRecord.Revision, wantFleet.Revision = gotRecord.Revision, gotFleet.Revision
	if diff := cmp.Diff(wantRecord, gotRecord); diff != "" {
		t.Errorf("the record reads: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(wantFleet, gotFleet); diff != "" {
		t.Errorf("the fleet reads: (-want +got)\n%s", diff)
	}
	gotSign := l.Sign(t.Context(), remedy.BookEnforce)
	wantSign.Revision = gotSign.Value.Revision
	if diff := gotSign.Note + cmp.Diff(wantSign, gotSign.Value); diff != "" {
		t.Errorf("the sign reads: (-want +got)\n%s", diff)
	}
}

// Nothing stored is an answer: an instance that nothing is known of.
func TestNothingStored(t *testing.T) {
	l := ledger.New(ledger.NewMem(), strict(), (&clock{ten}).now)
	if r := l.Record(t.Context(), remedy.BookEnforce, "i-1"); !r.OK() || !r.At.Equal(ten) ||
		!reflect.DeepEqual(r.Value, remedy.Record{}) {
		t.Errorf("a record that is not there: %+v", r)
	}
	if f := l.Fleet(t.Context(), remedy.BookObserve); !f.OK() || !f.At.Equal(ten) ||
		!reflect.DeepEqual(f.Value, remedy.Fleet{}) {
		t.Errorf("a fleet that is not there: %+v", f)
	}
	if s := l.Sign(t.Context(), remedy.BookEnforce); !s.OK() || !s.At.Equal(ten) ||
		s.Value != (remedy.Sign{}) {
		t.Errorf("a sign that is not there: %+v", s)
	}
}

// Each mode has records of its own, so that a rehearsal never blocks the real thing.
func TestBooks(t *testing.T) {
	store := ledger.NewMem()
	l := ledger.New(store, strict(), (&clock{ten}).now)
	i := opened("i-1", ten, 1)
	real := remedy.Record{Open: i}
	rehearsed := remedy.Record{Recent: []remedy.Incident{ended("i-1", ten, remedy.VerdictObserved)}}
	for book, r := range map[remedy.Book]*remedy.Record{
		remedy.BookEnforce: &real, remedy.BookObserve: &rehearsed,
	} {
		f := remedy.Fleet{Paused: remedy.Pause{Since: ten, Reason: "book " + string(book)}}
		sign := remedy.Sign{Version: "book " + string(book)}
		for _, write := range []remedy.Write{{Record: r}, {Fleet: &f}, {Sign: &sign}} {
			if w := l.Write(t.Context(), book, "i-1", write); w.Wrote != remedy.WroteDone {
				t.Fatalf("book %q: %+v", book, w)
			}
		}
	}
	for _, key := range []string{"instance/i-1", "observe/instance/i-1", "fleet", "observe/fleet",
		"function", "observe/function"} {
		if stored(t, store, key) == "" {
			t.Errorf("nothing is stored under %s", key)
		}
	}
	for book, open := range map[remedy.Book]bool{remedy.BookEnforce: true,
		remedy.BookObserve: false} {
		mode := l.In(book)
		r, f := mode.Record(t.Context(), "i-1"), mode.Fleet(t.Context())
		sign := mode.Sign(t.Context())
		if (r.Value.Open != nil) != open || f.Value.Paused.Reason != "book "+string(book) ||
			sign.Value.Version != f.Value.Paused.Reason {
			t.Errorf("book %q: %+v, %+v, %+v", book, r.Value, f.Value, sign.Value)
		}
	}
}

// What this version did not write is unreadable, for ever, and says what to do.
func TestForeignValues(t *testing.T) {
	const remove, upgrade = "look at it, and remove it", "run the version that wrote it"
	for _, row := range []struct {
		why, value string
		cure       string // empty: it is readable
	}{
		{"what this version writes", `{"version":2}`, ""},
		{"a field of a later version that changes nothing of the others",
			`{"version":2,"later":[1]}`, ""},
		{"a form of before", `{"version":1}`, upgrade},
		{"a later form", `{"version":3}`, upgrade},
		{"no version at all: another program's", `{}`, remove},
		{"a version that is none", `{"version":"2"}`, remove},
		{"a part of a version", `{"version":2.5}`, remove},
		{"a field of the wrong type", `{"version":2,"open":"yes"}`, remove},
		{"a time that is none",
			`{"version":2,"written":"now","at":"now","open":{"openedAt":"now"}}`,
			remove},
		{"nothing", `null`, remove},
		{"no more than a number", `7`, remove},
	} {
		store := values{"instance/i-1": row.value, "fleet": row.value, "function": row.value}
		l := ledger.New(store, strict(), (&clock{ten}).now)
		r, f := l.Record(t.Context(), remedy.BookEnforce, "i-1"), l.Fleet(t.Context(),
			remedy.BookEnforce)
		check := func(key string, failure remedy.Failure, note string) {
			t.Helper()
			switch {
			case row.cure == "" && failure != "":
				t.Errorf("%s: %s is %s: %s", row.why, key, failure, note)
			case row.cure != "" && failure != remedy.FailureUnreadable,
				row.cure != "" && !strings.Contains(note, "record "+key+" is unreadable"),
				!strings.Contains(note, row.cure):
				t.Errorf("%s: %s is %q: %q, want unreadable, its key and %q", row.why, key, failure,
					note, row.cure)
			}
		}
		check("instance/i-1", r.Failure, r.Note)
		check("fleet", f.Failure, f.Note)
		sign := l.Sign(t.Context(), remedy.BookEnforce)
		check("function", sign.Failure, sign.Note)
		if row.cure == "" {
			continue
		}
		// And it is left as it is: what somebody else wrote is not overwritten by an operator's
		// command.
		records := l.In(remedy.BookEnforce)
		_, paused := records.Pause(t.Context(), time.Time{}, "")
		_, resumed := records.Resume(t.Context())
		_, closed := records.Close(t.Context(), "i-1/20261123T100000Z")
		_, reset := records.Reset(t.Context(), "i-1")
		_, looked := records.Look(t.Context())
		for what, err := range map[string]error{"pause": paused, "resume": resumed, "close": closed,
			"reset": reset, "look": looked} {
			if err == nil || !strings.Contains(err.Error(), row.cure) {
				t.Errorf("%s: %s gives %v, want an error with %q", row.why, what, err, row.cure)
			}
		}
	}
}

// values is a store that others filled, and that nobody may write to.
type values map[string]string

func (v values) Get(_ context.Context, key string) ([]byte, uint64, error) {
	if value, is := v[key]; is {
		return []byte(value), 1, nil
	}
	return nil, 0, nil
}

func (v values) Put(context.Context, string, []byte, uint64) (uint64, error) {
	panic("a value of somebody else is overwritten")
}

func (v values) Close() error { return nil }

// A record may be dropped exactly when nothing that is open, or paused, would be lost with it; and
// not before anything in it has ceased to count.
func TestExpires(t *testing.T) {
	const month = 30 * 24 * time.Hour
	i := opened("i-1", ten, 1)
	past := ended("i-1", ten.Add(-time.Hour), remedy.VerdictFailed)
	for _, row := range []struct {
		why    string
		write  remedy.Write
		window time.Duration
		want   time.Duration // from the real present; 0: never
	}{
		{"an open incident", remedy.Write{Record: &remedy.Record{Open: i,
			Recent: []remedy.Incident{past}}}, time.Hour, 0},
		{"an opening that nobody goes on with is nothing", remedy.Write{Record: &remedy.Record{
			Open: opened("i-1", ten, 0)}}, time.Hour, month},
		{"incidents that have ended", remedy.Write{Record: &remedy.Record{
			Recent: []remedy.Incident{past}}}, time.Hour, month},
		{"the same where they count for long", remedy.Write{Record: &remedy.Record{
			Recent: []remedy.Incident{past}}}, 60 * 24 * time.Hour, 61 * 24 * time.Hour},
		{"on this side of the month", remedy.Write{Record: &remedy.Record{}}, month - 24*time.Hour,
			month},
		{"on the other", remedy.Write{Record: &remedy.Record{}}, month - 23*time.Hour,
			month + time.Hour},
		{"a slot", remedy.Write{Fleet: &remedy.Fleet{Open: []remedy.Slot{slot(i)}}}, time.Hour, 0},
		{"a pause", remedy.Write{Fleet: &remedy.Fleet{Paused: remedy.Pause{Since: ten}}}, time.Hour,
			0},
		{"beginnings alone: a record of the fleet that is missing was lost",
			remedy.Write{Fleet: &remedy.Fleet{Begun: []remedy.Begun{begun(i)}}}, time.Hour, 0},
		{"nothing of the fleet", remedy.Write{Fleet: &remedy.Fleet{}}, time.Hour, 0},
		{"the sign of life, by which it is missed", remedy.Write{Sign: &remedy.Sign{}}, time.Hour,
			0},
	} {
		policy := strict()
		policy.IncidentWindow = row.window
		store := ledger.NewMem()
		// The ledger's own clock is somewhere else: in a drill, say. It is the store that drops.
		l := ledger.New(store, policy, (&clock{ten.Add(-10_000 * time.Hour)}).now)
		w := l.Write(t.Context(), remedy.BookEnforce, "i-1", row.write)
		if w.Wrote != remedy.WroteDone {
			t.Fatalf("%s: %+v", row.why, w)
		}
		key := "instance/i-1"
		switch {
		case row.write.Fleet != nil:
			key = "fleet"
		case row.write.Sign != nil:
			key = "function"
		}
		var form struct {
			Expires *time.Time `json:"expires"`
		}
		if err := json.Unmarshal([]byte(stored(t, store, key)), &form); err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if form.Expires == nil {
			if row.want != 0 {
				t.Errorf("%s: it never expires", row.why)
			}
			continue
		}
		if left := time.Until(*form.Expires); left > row.want || left < row.want-time.Minute {
			t.Errorf("%s: it expires in %v, want %v", row.why, left, row.want)
		}
	}
}

// A function that lives and has nothing to do for longer than any record is kept has lost nothing:
// its next alarm is judged as its first.
func TestQuietFunction(t *testing.T) {
	for why, pause := range map[string]time.Duration{
		"nothing was ever paused":  0,
		"a pause that ended early": time.Hour,
		"a pause all the time":     1000 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := ledger.New(ledger.NewMem(), strict(), time.Now)
			records := l.In(remedy.BookEnforce)
			var fleet remedy.Reading[remedy.Fleet]
			var sign remedy.Reading[remedy.Sign]
			for hour := range 40 * 24 {
				fleet, sign = records.Fleet(t.Context()), records.Sign(t.Context())
				tending, policy := remedy.Tending{Fleet: fleet, Sign: sign}, strict()
				for {
					write, wanted := remedy.Tend(&policy, &tending, time.Now())
					if !wanted {
						break
					}
					tending.Last = write
					tending.Written = l.Write(t.Context(), remedy.BookEnforce, "", write)
					if tending.Written.Wrote != remedy.WroteDone {
						t.Fatalf("%s: %+v", why, tending.Written)
					}
				}
				if hour == 0 && pause != 0 {
					until := time.Now().Add(pause)
					if _, err := records.Pause(t.Context(), until, "maintenance"); err != nil {
						t.Fatal(err)
					}
				}
				<-time.After(time.Hour)
			}
			if fleet.Value.Revision == 0 || sign.Value.Revision == 0 {
				t.Errorf("%s: after 40 days the fleet's record is %+v beside the sign %+v", why,
					fleet.Value, sign.Value)
			}
			if on := fleet.Value.Paused.On(time.Now()); on != (pause == 1000*time.Hour) {
				t.Errorf("%s: after 40 days it is paused: %v", why, on)
			}
		})
	}
}

// faulty is a store whose next write, or the read after it, goes wrong as a test says.
type faulty struct {
	ledger.Store
	put func(context.Context, func(context.Context) (uint64, error)) (uint64, error)
	get func(context.Context) error
}

var errGone = errors.New("the connection is gone")

func (f *faulty) Put(ctx context.Context, key string, value []byte, expected uint64) (
	uint64, error) {
	write := func(ctx context.Context) (uint64, error) {
		return f.Store.Put(ctx, key, value, expected)
	}
	if fault := f.put; fault != nil {
		f.put = nil
		return fault(ctx, write)
	}
	return write(ctx)
}

func (f *faulty) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if fault := f.get; fault != nil {
		f.get = nil
		if err := fault(ctx); err != nil {
			return nil, 0, err
		}
	}
	return f.Store.Get(ctx, key)
}

// A write is done, or somebody else was first, or nobody knows. A lost answer is looked into once.
func TestWrite(t *testing.T) {
	type write = func(context.Context) (uint64, error)
	lost := func(ctx context.Context, store bool, write write) (uint64, error) {
		if store {
			if _, err := write(ctx); err != nil {
				return 0, err
			}
		}
		return 0, errGone
	}
	// other is what somebody else writes over whatever is there.
	other := func(mem ledger.Store) {
		_, revision, err := mem.Get(context.Background(), "instance/i-1")
		if err == nil {
			_, err = mem.Put(context.Background(), "instance/i-1", []byte(`{"version":2}`),
				revision)
		}
		if err != nil {
			panic(err)
		}
	}
	deaf := func(context.Context) error { return errors.New("nor can it be read") }

	for _, row := range []struct {
		why   string
		first bool // nothing is stored before
		put   func(ledger.Store, context.Context, write) (uint64, error)
		get   func(context.Context) error
		want  remedy.Wrote
		note  string
		mine  bool // it is stored
	}{
		{"an answer", false, nil, nil, remedy.WroteDone, "", true},
		{"an answer to the first write of all", true, nil, nil, remedy.WroteDone, "", true},
		{"somebody else wrote first", false,
			func(mem ledger.Store, ctx context.Context, write write) (uint64, error) {
				other(mem)
				return write(ctx)
			}, nil, remedy.WroteConflict, ledger.ErrConflict.Error(), false},
		{"the answer is lost, and it was stored", false,
			func(_ ledger.Store, ctx context.Context, write write) (uint64, error) {
				return lost(ctx, true, write)
			}, nil, remedy.WroteDone, "", true},
		{"the same with the first write of all", true,
			func(_ ledger.Store, ctx context.Context, write write) (uint64, error) {
				return lost(ctx, true, write)
			}, nil, remedy.WroteDone, "", true},
		{"the answer is lost, and nothing is stored: it may still come", false,
			func(_ ledger.Store, ctx context.Context, write write) (uint64, error) {
				return lost(ctx, false, write)
			}, nil, remedy.WroteUnknown, errGone.Error(), false},
		{"the same with the first write of all", true,
			func(_ ledger.Store, ctx context.Context, write write) (uint64, error) {
				return lost(ctx, false, write)
			}, nil, remedy.WroteUnknown, errGone.Error(), false},
		{"the answer is lost, and somebody else wrote: it can never come", false,
			func(mem ledger.Store, ctx context.Context, write write) (uint64, error) {
				other(mem)
				return lost(ctx, false, write)
			}, nil, remedy.WroteConflict, ledger.ErrConflict.Error(), false},
		{"the answer is lost, and somebody else wrote the first of all", true,
			func(mem ledger.Store, ctx context.Context, write write) (uint64, error) {
				other(mem)
				return lost(ctx, false, write)
			}, nil, remedy.WroteConflict, ledger.ErrConflict.Error(), false},
		{"it was stored, and somebody else wrote on it: reading again tells", false,
			func(mem ledger.Store, ctx context.Context, write write) (uint64, error) {
				defer other(mem)
				return lost(ctx, true, write)
			}, nil, remedy.WroteConflict, ledger.ErrConflict.Error(), false},
		{"the answer is lost, it was stored, and it cannot be read", false,
			func(_ ledger.Store, ctx context.Context, write write) (uint64, error) {
				return lost(ctx, true, write)
			}, deaf, remedy.WroteUnknown, errGone.Error(), true},
		{"the answer is lost, nothing is stored, and it cannot be read", false,
			func(_ ledger.Store, ctx context.Context, write write) (uint64, error) {
				return lost(ctx, false, write)
			}, deaf, remedy.WroteUnknown, errGone.Error(), false},
	} {
		mem := ledger.NewMem()
		store := &faulty{Store: mem}
		l := ledger.New(store, strict(), (&clock{ten}).now)
		before := remedy.Record{}
		if !row.first {
			before = put(t, l, "i-1", remedy.Record{Open: opened("i-1", ten, 0)})
		}
		mine := remedy.Record{Open: opened("i-1", ten, 1), Revision: before.Revision}
		if row.put != nil {
			store.put = func(ctx context.Context, write write) (uint64, error) {
				store.get = row.get
				return row.put(mem, ctx, write)
			}
		}
		w := l.Write(t.Context(), remedy.BookEnforce, "i-1", remedy.Write{Record: &mine})
		if w.Wrote != row.want || w.Note != row.note || !w.At.Equal(ten) {
			t.Errorf("%s: %+v, want %s, %q", row.why, w, row.want, row.note)
		}
		now := record(t, l, "i-1")
		is := now.Open != nil && len(now.Open.Attempts) == 1
		if is != row.mine {
			t.Errorf("%s: it is stored: %v", row.why, is)
		}
		wantRevision := uint64(0) // of what is not stored nothing is known
		if row.want == remedy.WroteDone {
			wantRevision = now.Revision
		}
		if w.Revision != wantRevision {
			t.Errorf("%s: revision %d, want %d", row.why, w.Revision, wantRevision)
		}
	}
}

// A lost answer is looked into in as much time as the write had, even where that time is over: what
// was written at the last moment must not be lost.
func TestWriteLooksAfterTheDeadline(t *testing.T) {
	for _, row := range []struct {
		why  string
		had  time.Duration // the write's time; 0: it had no limit
		want time.Duration
	}{
		{"as long as the write had", 3 * time.Second, 3 * time.Second},
		{"but no longer than any call", time.Minute, strict().CallLimit()},
		{"which is what one without a limit has", 0, strict().CallLimit()},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if row.had != 0 {
				ctx, cancel = context.WithTimeout(ctx, row.had)
				defer cancel()
			}
			store := &faulty{Store: ledger.NewMem()}
			store.put = func(ctx context.Context, write func(context.Context) (uint64, error)) (
				uint64, error) {
				if _, err := write(ctx); err != nil {
					return 0, err
				}
				if row.had == 0 {
					cancel() // its caller goes away
				}
				<-ctx.Done() // no answer, until the write's time is over
				store.get = func(ctx context.Context) error {
					until, _ := ctx.Deadline()
					if left := time.Until(until); left != row.want || ctx.Err() != nil {
						t.Errorf("%s: the look has %v (%v), want %v", row.why, left, ctx.Err(),
							row.want)
					}
					return nil
				}
				return 0, ctx.Err()
			}
			l := ledger.New(store, strict(), time.Now)
			w := l.Write(ctx, remedy.BookEnforce, "i-1", remedy.Write{Record: &remedy.Record{}})
			if w.Wrote != remedy.WroteDone {
				t.Errorf("%s: %+v, want done", row.why, w)
			}
		})
	}
}

// A call without any time left does nothing, and says that nothing is known.
func TestCallsWithoutTime(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	store := ledger.NewMem()
	l := ledger.New(store, strict(), (&clock{ten}).now)
	if r := l.Record(over, remedy.BookEnforce, "i-1"); r.Failure != remedy.FailureUnavailable ||
		r.Note != context.Canceled.Error() || !r.At.Equal(ten) {
		t.Errorf("the record: %+v", r)
	}
	if f := l.Fleet(over, remedy.BookEnforce); f.Failure != remedy.FailureUnavailable {
		t.Errorf("the fleet: %+v", f)
	}
	w := l.Write(over, remedy.BookEnforce, "i-1", remedy.Write{Record: &remedy.Record{}})
	if w.Wrote != remedy.WroteUnknown || stored(t, store, "instance/i-1") != "" {
		t.Errorf("the write: %+v", w)
	}
}

// A record that JSON has no form for is not written, and the note says why.
func TestWriteWithoutForm(t *testing.T) {
	store := ledger.NewMem()
	l := ledger.New(store, strict(), (&clock{ten}).now)
	r := remedy.Record{Open: opened("i-1", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), 0)}
	w := l.Write(t.Context(), remedy.BookEnforce, "i-1", remedy.Write{Record: &r})
	if w.Wrote != remedy.WroteUnknown || !strings.Contains(w.Note, "year") ||
		stored(t, store, "instance/i-1") != "" {
		t.Errorf("the year 10000: %+v", w)
	}
}

// Notes are shown to people and logged: they name the ledger, and never its password.
func TestNotesHideThePassword(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // nobody listens there any more
	const user, password = "the-user", "the-password"
	store, err := ledger.OpenRedis("redis://"+user+":"+password+"@"+address+"/3", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l := ledger.New(store, strict(), (&clock{ten}).now)
	records := l.In(remedy.BookEnforce)
	_, paused := records.Pause(t.Context(), time.Time{}, "maintenance")
	_, resumed := records.Resume(t.Context())
	_, closed := records.Close(t.Context(), "i-1/20261123T100000Z")
	_, reset := records.Reset(t.Context(), "i-1")
	_, looked := records.Look(t.Context())
	said := map[string]string{
		"record": l.Record(t.Context(), remedy.BookEnforce, "i-1").Note,
		"fleet":  l.Fleet(t.Context(), remedy.BookEnforce).Note,
		"write": l.Write(t.Context(), remedy.BookEnforce, "i-1",
			remedy.Write{Record: &remedy.Record{}}).Note,
	}
	maps.Copy(said, map[string]string{"pause": fmt.Sprint(paused), "resume": fmt.Sprint(resumed),
		"close": fmt.Sprint(closed), "reset": fmt.Sprint(reset), "look": fmt.Sprint(looked)})
	for what, note := range said {
		if strings.Contains(note, password) || strings.Contains(note, user) ||
			!strings.Contains(note, address) {
			t.Errorf("%s says %q, want the ledger's address, and neither user nor password", what,
				note)
		}
	}
}
