package ledger_test

import (
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// A ledger is a place where others can write. What is read back must be of the instance that was
// asked for and make sense in itself; otherwise it is unreadable, and nothing is rebooted by it.
func TestWrongRecords(t *testing.T) {
	whole := func() remedy.Record {
		return remedy.Record{Open: opened("i-1", ten, 3), Recent: []remedy.Incident{
			ended("i-1", ten.Add(-2*time.Hour), remedy.VerdictFailed),
			ended("i-1", ten.Add(-time.Hour), remedy.VerdictRestarted),
		}}
	}
	const of, id, order = "is of another instance", "has the id of another instance's",
		"attempts out of order"
	for _, row := range []struct {
		why  string
		edit func(*remedy.Record)
		want string // empty: it is readable
	}{
		{"a whole record", func(*remedy.Record) {}, ""},
		{"nothing", func(r *remedy.Record) { *r = remedy.Record{} }, ""},
		{"incidents of this instance under names with more to them", func(r *remedy.Record) {
			r.Open.ID, r.Recent[0].ID = "i-1/one", "i-1/one/more"
		}, ""},
		{"an open incident of another", func(r *remedy.Record) { r.Open.Instance = "i-2" }, of},
		{"a past one of another", func(r *remedy.Record) { r.Recent[1].Instance = "i-2" }, of},
		{"an instance whose name begins alike", func(r *remedy.Record) { r.Open.Instance = "i-11" },
			of},
		{"no instance", func(r *remedy.Record) { r.Open.Instance = "" }, of},
		{"the name of another's incident", func(r *remedy.Record) {
			r.Open.ID = remedy.IncidentID("i-2", ten)
		}, id},
		{"a past one under such a name", func(r *remedy.Record) {
			r.Recent[0].ID = remedy.IncidentID("i-2", ten)
		}, id},
		{"a name that begins alike", func(r *remedy.Record) {
			r.Open.ID = remedy.IncidentID("i-11", ten)
		}, id},
		{"a name without a time", func(r *remedy.Record) { r.Open.ID = "i-1" }, id},
		{"no name", func(r *remedy.Record) { r.Open.ID = "" }, id},

		{"it opened at no time", func(r *remedy.Record) { r.Open.OpenedAt = time.Time{} },
			"no time of opening"},
		{"a past one did", func(r *remedy.Record) { r.Recent[0].OpenedAt = time.Time{} },
			"no time of opening"},
		{"it ended as it opened", func(r *remedy.Record) {
			r.Recent[0].EndedAt = r.Recent[0].OpenedAt
		}, ""},
		{"it ended before", func(r *remedy.Record) {
			r.Recent[0].EndedAt = r.Recent[0].OpenedAt.Add(-1)
		}, "ended before it opened"},
		{"evidence in a bucket", func(r *remedy.Record) {
			r.Open.Evidence = "oss://bucket/prefix/i-1/20261121T100000Z/"
		}, ""},
		{"evidence in a folder", func(r *remedy.Record) { r.Open.Evidence = "dir:///kept/" }, ""},
		{"evidence at an address", func(r *remedy.Record) {
			r.Open.Evidence = "https://example.com/"
		}, "what is no place"},
		{"evidence that moves the cursor", func(r *remedy.Record) {
			r.Recent[0].Evidence = "dir:///\x1b[2J"
		}, "what is no place"},
		{"evidence with a line of its own", func(r *remedy.Record) {
			r.Open.Evidence = "dir:///kept\nverdict"
		}, "what is no place"},
		{"evidence as long as can be", func(r *remedy.Record) {
			r.Open.Evidence = "dir:///" + strings.Repeat("x", 2048-7)
		}, ""},
		{"evidence that is longer", func(r *remedy.Record) {
			r.Open.Evidence = "dir:///" + strings.Repeat("x", 2049-7)
		}, "what is no place"},

		{"an open one with an end", func(r *remedy.Record) { r.Open.EndedAt = ten.Add(time.Hour) },
			"open incident has an end"},
		{"an open one with a verdict", func(r *remedy.Record) {
			r.Open.Verdict = remedy.VerdictFailed
		}, "open incident has an end"},
		{"a past one without an end", func(r *remedy.Record) { r.Recent[1].EndedAt = time.Time{} },
			"past incident 2 has no end"},
		{"a past one without a verdict: nobody could be told of it", func(r *remedy.Record) {
			r.Recent[1].Verdict = ""
		}, "past incident 2 has no end"},
		{"one that ended twice", func(r *remedy.Record) { r.Recent[1].ID = r.Recent[0].ID },
			"past incident 2 stands there twice"},
		{"one that is open and has ended", func(r *remedy.Record) { r.Recent[0].ID = r.Open.ID },
			"past incident 1 stands there twice"},

		{"no attempts", func(r *remedy.Record) { r.Open.Attempts = nil }, ""},
		{"the first is not the first", func(r *remedy.Record) {
			r.Open.Attempts = r.Open.Attempts[1:]
		}, order},
		{"one is missing", func(r *remedy.Record) {
			r.Open.Attempts = append(r.Open.Attempts[:1], r.Open.Attempts[2])
		}, order},
		{"one is there twice", func(r *remedy.Record) { r.Open.Attempts[1].N = 1 }, order},
		{"they are counted from nothing", func(r *remedy.Record) { r.Open.Attempts[0].N = 0 },
			order},
		{"a past one's are out of order", func(r *remedy.Record) { r.Recent[0].Attempts[0].N = 2 },
			order},
		{"two were claimed at one moment", func(r *remedy.Record) {
			a := r.Open.Attempts
			a[2].ClaimedAt = a[1].ClaimedAt
		}, ""},
		{"the later one was claimed before", func(r *remedy.Record) {
			a := r.Open.Attempts
			a[2].ClaimedAt = a[1].ClaimedAt.Add(-1)
		}, order},
		{"claimed at no time", func(r *remedy.Record) {
			r.Open.Attempts[0].ClaimedAt = time.Time{}
		}, "an attempt without a time"},
		{"to be sent at the moment of its claim at the latest", func(r *remedy.Record) {
			r.Open.Attempts[0].SendBefore = r.Open.Attempts[0].ClaimedAt
		}, ""},
		{"to be sent before its claim", func(r *remedy.Record) {
			r.Open.Attempts[0].SendBefore = r.Open.Attempts[0].ClaimedAt.Add(-1)
		}, "an attempt without a time"},
		{"to be sent at no time", func(r *remedy.Record) {
			r.Open.Attempts[2].SendBefore = time.Time{}
		}, "an attempt without a time"},

		{"a lease alone makes nothing unreadable: none", func(r *remedy.Record) {
			r.Open.LeaseUntil = time.Time{}
		}, ""},
		{"one of the distant future", func(r *remedy.Record) {
			r.Open.LeaseUntil = ten.AddDate(1000, 0, 0)
		}, ""},
		{"one from before the opening", func(r *remedy.Record) {
			r.Open.LeaseUntil = ten.Add(-time.Hour)
		}, ""},
	} {
		l := ledger.New(ledger.NewMem(), strict(), (&clock{ten}).now)
		r := whole()
		row.edit(&r)
		put(t, l, "i-1", r)
		got := l.Record(t.Context(), remedy.BookEnforce, "i-1")
		if row.want == "" {
			if !got.OK() || got.Value.Revision == 0 {
				t.Errorf("%s: %s %s, want it readable", row.why, got.Failure, got.Note)
			}
			continue
		}
		if got.Failure != remedy.FailureUnreadable || !strings.Contains(got.Note, row.want) ||
			!strings.Contains(got.Note, "record instance/i-1 is unreadable") ||
			!strings.Contains(got.Note, "look at it, and remove it") {
			t.Errorf("%s: %q, %q; want unreadable, %q and the cure", row.why, got.Failure, got.Note,
				row.want)
		}
		if got.Value.Open != nil || got.Value.Recent != nil || got.Value.Revision != 0 {
			t.Errorf("%s: of what is unreadable %+v is given", row.why, got.Value)
		}
	}
}

// The record of one instance under the key of another would reboot the wrong machine.
func TestRecordOfAnother(t *testing.T) {
	for why, r := range map[string]remedy.Record{
		"its open incident": {Open: opened("i-2", ten, 1)},
		"its past incident": {Recent: []remedy.Incident{ended("i-2", ten, remedy.VerdictFailed)}},
	} {
		store := ledger.NewMem()
		l := ledger.New(store, strict(), (&clock{ten}).now)
		put(t, l, "i-2", r)
		value := stored(t, store, "instance/i-2")
		if _, err := store.Put(t.Context(), "instance/i-1", []byte(value), 0); err != nil {
			t.Fatal(err)
		}
		if got := l.Record(t.Context(), remedy.BookEnforce, "i-1"); !strings.Contains(got.Note,
			why) ||
			got.Failure != remedy.FailureUnreadable {
			t.Errorf("%s: %q, %q", why, got.Failure, got.Note)
		}
		if got := l.Record(t.Context(), remedy.BookEnforce, "i-2"); !got.OK() {
			t.Errorf("%s, where it belongs: %s", why, got.Note)
		}
	}
}

// A slot that contradicts itself would have an incident ended in the record of another instance,
// and leave that unreadable.
func TestWrongFleets(t *testing.T) {
	for _, row := range []struct {
		why  string
		edit func(*remedy.Fleet)
		want string
	}{
		{"a whole record", func(*remedy.Fleet) {}, ""},
		{"nothing", func(f *remedy.Fleet) { *f = remedy.Fleet{} }, ""},
		{"two incidents of one instance: the older slot was not given back yet",
			func(f *remedy.Fleet) { f.Open[1].Instance, f.Open[1].Incident = "i-1", "i-1/later" },
			""},
		{"a slot of no instance", func(f *remedy.Fleet) { f.Open[0].Instance = "" },
			"slot 1 has the id of another instance's"},
		{"a slot of no instance, and none in its name", func(f *remedy.Fleet) {
			f.Open[0].Instance, f.Open[0].Incident = "", "/20261123T100000Z"
		}, "slot 1 has the id of another instance's"},
		{"a slot of another's incident", func(f *remedy.Fleet) { f.Open[1].Instance = "i-1" },
			"slot 2 has the id of another instance's"},
		{"a slot of an incident without a time",
			func(f *remedy.Fleet) { f.Open[0].Incident = "i-1" },
			"slot 1 has the id of another instance's"},
		{"a slot that opened at no time",
			func(f *remedy.Fleet) { f.Open[1].OpenedAt = time.Time{} },
			"slot 2 has no time of opening"},
		{"two slots of one incident", func(f *remedy.Fleet) { f.Open[1] = f.Open[0] },
			"slot 2 stands there twice"},
		{"a beginning of another's incident", func(f *remedy.Fleet) { f.Begun[0].Instance = "i-2" },
			"beginning 1 has the id of another instance's"},
		{"a beginning of no instance", func(f *remedy.Fleet) { f.Begun[1] = remedy.Begun{At: ten} },
			"beginning 2 has the id of another instance's"},
		{"a lease of the distant future", func(f *remedy.Fleet) {
			f.Open[0].LeaseUntil = ten.AddDate(1000, 0, 0)
		}, ""},
		{"a slot of no region: it is of any", func(f *remedy.Fleet) { f.Open[0].Region = "" }, ""},
		{"two of one moment: the one that waits longer is first", func(f *remedy.Fleet) {
			f.Waiting[1].Alarm.Time = f.Waiting[0].Alarm.Time
		}, ""},
		{"a younger alarm before an older one", func(f *remedy.Fleet) {
			f.Waiting[0], f.Waiting[1] = f.Waiting[1], f.Waiting[0]
		}, "waiting alarm 2 is out of order"},
		{"two alarms about one instance", func(f *remedy.Fleet) { f.Waiting[1].Instance = "i-3" },
			"waiting alarm 2 is the second one about its instance"},
		{"one about no instance", func(f *remedy.Fleet) { f.Waiting[0].Instance = "" },
			"waiting alarm 1 is about no instance"},
		{"one about the record of another key", func(f *remedy.Fleet) {
			f.Waiting[0].Instance = "i-3/../i-1"
		}, "waiting alarm 1 is about no instance"},
		{"one about what is no id", func(f *remedy.Fleet) { f.Waiting[1].Instance = "i-4\n" },
			"waiting alarm 2 is about no instance"},
		{"one that fired at no time", func(f *remedy.Fleet) {
			f.Waiting[0].Alarm.Time = time.Time{}
		}, "waiting alarm 1 has no time"},
		{"one that waits since no time", func(f *remedy.Fleet) { f.Waiting[1].Since = time.Time{} },
			"waiting alarm 2 has no time"},
		{"one that cannot be told from another",
			func(f *remedy.Fleet) { f.Waiting[0].Alarm.Key = "" },
			"waiting alarm 1 has no key"},
		{"a slot's alarm", func(f *remedy.Fleet) {
			w := waiter("i-1", 0)
			f.Open[0].Waiter = &w
		}, ""},
		{"a slot's alarm about another instance", func(f *remedy.Fleet) {
			w := waiter("i-2", 0)
			f.Open[0].Waiter = &w
		}, "the alarm in its slot 1 is about another instance"},
		{"a slot's alarm without a time", func(f *remedy.Fleet) {
			w := waiter("i-1", 0)
			w.Since = time.Time{}
			f.Open[0].Waiter = &w
		}, "the alarm in its slot 1 has no time"},
	} {
		l := ledger.New(ledger.NewMem(), strict(), (&clock{ten}).now)
		one, two := opened("i-1", ten, 0), opened("i-2", ten, 0)
		f := remedy.Fleet{Open: []remedy.Slot{slot(one), slot(two)},
			Begun:   []remedy.Begun{begun(one), begun(two)},
			Waiting: []remedy.Waiter{waiter("i-3", 0), waiter("i-4", 1)}}
		row.edit(&f)
		putFleet(t, l, f)
		got := l.Fleet(t.Context(), remedy.BookEnforce)
		if row.want == "" {
			if !got.OK() {
				t.Errorf("%s: %s %s, want it readable", row.why, got.Failure, got.Note)
			}
			continue
		}
		if got.Failure != remedy.FailureUnreadable || !strings.Contains(got.Note, row.want) ||
			!strings.Contains(got.Note, "look at it, and remove it") || got.Value.Open != nil {
			t.Errorf("%s: %q, %q; want unreadable, %q and the cure", row.why, got.Failure, got.Note,
				row.want)
		}
	}
}
