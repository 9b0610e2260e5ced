package remedy

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The changes of the fleet's record, as those of an instance's in record_test.go.

// fleetWith is the record that a change is made of: two slots, and two beginnings within the hour.
func fleetWith() Fleet {
	slot := func(instance string, minutes int) Slot {
		at := recordNoon.Add(time.Duration(minutes) * time.Minute)
		return Slot{Incident: IncidentID(instance, at), Instance: instance, Region: "cn-hangzhou",
			OpenedAt: at, LeaseUntil: at.Add(time.Minute)}
	}
	fl := Fleet{Open: make([]Slot, 0, 8), Begun: make([]Begun, 0, 8),
		Waiting: make([]Waiter, 0, 8),
		Lost:    recordNoon.Add(-48 * time.Hour), Written: recordNoon.Add(-20 * time.Minute),
		Revision: 7}
	for _, s := range []Slot{slot("i-8", -30), slot("i-9", -20)} {
		fl.Open = append(fl.Open, s)
		fl.Begun = append(fl.Begun, Begun{At: s.OpenedAt, Instance: s.Instance,
			Incident: s.Incident})
	}
	return fl
}

// fleetShape is all of a record that a change could reach, with the room that its lists have.
func fleetShape(fl *Fleet) string {
	return recordText(struct {
		Fleet
		Slots      []Slot
		Beginnings []Begun
		Queue      []Waiter
	}{*fl, fl.Open[:cap(fl.Open)], fl.Begun[:cap(fl.Begun)], fl.Waiting[:cap(fl.Waiting)]})
}

func TestFleetChanges(t *testing.T) {
	p := recordPolicy()
	now := recordNoon
	local := now.In(recordZone)
	incident := recordOpen(now.Add(-time.Second), 0)
	slot := Slot{Incident: incident.ID, Instance: "i-1", Region: "cn-hangzhou",
		OpenedAt: incident.OpenedAt, LeaseUntil: now.Add(p.Lease)}
	begun := Begun{At: now, Instance: "i-1", Incident: incident.ID}
	old := fleetWith()
	ended := func(attempts int) *Incident {
		return &Incident{ID: old.Open[0].Incident, Instance: "i-8", Verdict: VerdictRefused,
			Attempts: make([]Attempt, attempts)}
	}
	pause := Pause{Since: now.Add(-time.Hour), Reason: "maintenance"}
	freed := func(want bool) func(Fleet, bool) Fleet {
		return func(fl Fleet, had bool) Fleet {
			if had != want {
				t.Errorf("freeing a slot says that there was one: %v", had)
			}
			return fl
		}
	}

	for _, row := range []struct {
		why    string
		before func(*Fleet)
		change func(Fleet) Fleet
		want   func(*Fleet)
	}{
		{
			"a reservation is a slot and a beginning",
			nil,
			func(fl Fleet) Fleet { return fl.reserved(incident, p, local) },
			func(fl *Fleet) { fl.Open, fl.Begun = append(fl.Open, slot), append(fl.Begun, begun) },
		},
		{
			"the first one of all",
			func(fl *Fleet) { *fl = Fleet{} },
			func(fl Fleet) Fleet { return fl.reserved(incident, p, local) },
			func(fl *Fleet) { fl.Open, fl.Begun = []Slot{slot}, []Begun{begun} },
		},
		{
			"a rehearsal is a beginning only",
			nil,
			func(fl Fleet) Fleet { return fl.begun(incident, local) },
			func(fl *Fleet) { fl.Begun = append(fl.Begun, begun) },
		},
		{
			"an incident that lost its slot takes one, and begins no second time",
			nil,
			func(fl Fleet) Fleet { return fl.retaken(incident, p, local) },
			func(fl *Fleet) { fl.Open = append(fl.Open, slot) },
		},
		{
			"where its record is gone, a pause may be lost with it, since now",
			func(fl *Fleet) { *fl = Fleet{} },
			func(fl Fleet) Fleet { return fl.retaken(incident, p, local) },
			func(fl *Fleet) { fl.Open, fl.Lost = []Slot{slot}, now },
		},
		{
			"the slot of one that has ended; its beginning counts on",
			nil,
			func(fl Fleet) Fleet { return fl.freed(ended(1), local) },
			func(fl *Fleet) { fl.Open = slices.Delete(fl.Open, 0, 1) },
		},
		{
			"one that was never claimed did not begin",
			nil,
			func(fl Fleet) Fleet { return fl.freed(ended(0), local) },
			func(fl *Fleet) {
				fl.Open, fl.Begun = slices.Delete(fl.Open, 0, 1), slices.Delete(fl.Begun, 0, 1)
			},
		},
		{
			"an operator's close frees it, too",
			nil,
			func(fl Fleet) Fleet { return freed(true)(fl.Freed(ended(1), local)) },
			func(fl *Fleet) { fl.Open = slices.Delete(fl.Open, 0, 1) },
		},
		{
			"another incident of the instance is not the one of the slot",
			nil,
			func(fl Fleet) Fleet {
				other := ended(1)
				other.ID = IncidentID("i-8", now)
				return freed(false)(fl.Freed(other, local))
			},
			func(*Fleet) {},
		},
		{
			"a pause stands beside what is under way",
			nil,
			func(fl Fleet) Fleet { return fl.WithPause(now.Add(time.Hour), "maintenance", local) },
			func(fl *Fleet) {
				fl.Paused = Pause{Since: now, Until: now.Add(time.Hour), Reason: "maintenance"}
			},
		},
		{
			"the last pause is the one that counts",
			func(fl *Fleet) { fl.Paused = pause },
			func(fl Fleet) Fleet { return fl.WithPause(time.Time{}, "another", local) },
			func(fl *Fleet) { fl.Paused = Pause{Since: now, Reason: "another"} },
		},
		{
			"a pause is ended, and with it the fear that one was lost",
			func(fl *Fleet) { fl.Paused = pause },
			func(fl Fleet) Fleet {
				resumed, was := fl.Resumed(local)
				if !was {
					t.Error("resuming says that there was no pause")
				}
				return resumed
			},
			func(fl *Fleet) { fl.Paused, fl.Lost = Pause{}, time.Time{} },
		},
		{
			"a pause that is over leaves nothing, and was none any more",
			func(fl *Fleet) { fl.Paused = pause; fl.Paused.Until = now },
			func(fl Fleet) Fleet {
				resumed, was := fl.Resumed(local)
				if was {
					t.Error("resuming says that there was a pause")
				}
				return resumed
			},
			func(fl *Fleet) { fl.Paused, fl.Lost = Pause{}, time.Time{} },
		},
		{
			"a pause is written anew, as it is",
			func(fl *Fleet) { fl.Paused = pause; fl.Written = now.Add(-25 * time.Hour) },
			func(fl Fleet) Fleet { refreshed, _ := fl.Refreshed(local); return refreshed },
			func(*Fleet) {},
		},
		{
			"every change forgets the beginnings of more than an hour ago, and no slot",
			func(fl *Fleet) {
				fl.Begun[0].At = now.Add(-time.Hour)
				fl.Begun[1].At = now.Add(-time.Hour + 1)
				fl.Open[0].OpenedAt = now.Add(-48 * time.Hour)
			},
			func(fl Fleet) Fleet { return fl.changed(local) },
			func(fl *Fleet) { fl.Begun = slices.Delete(fl.Begun, 0, 1) },
		},
	} {
		before, want := fleetWith(), fleetWith()
		if row.before != nil {
			row.before(&before)
			row.before(&want)
		}
		row.want(&want)
		want.Written = now
		shape := fleetShape(&before)
		after := row.change(before)
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
		if now := fleetShape(&before); now != shape {
			t.Errorf("%s: the record that it was made from was\n%s\nand is\n%s", row.why, shape,
				now)
		}
		recordAllUTC(t, row.why, reflect.ValueOf(after))
	}
}

// Every change forgets the beginnings that count no longer: none of them lets the record grow.
func TestFleetChangesForgetBeginnings(t *testing.T) {
	p := recordPolicy()
	incident := recordOpen(recordNoon, 1)
	for why, change := range map[string]func(Fleet) Fleet{
		"reserved": func(fl Fleet) Fleet { return fl.reserved(incident, p, recordNoon) },
		"begun":    func(fl Fleet) Fleet { return fl.begun(incident, recordNoon) },
		"retaken":  func(fl Fleet) Fleet { return fl.retaken(incident, p, recordNoon) },
		"freed":    func(fl Fleet) Fleet { return fl.freed(incident, recordNoon) },
		"Freed": func(fl Fleet) Fleet {
			freed, _ := fl.Freed(incident, recordNoon)
			return freed
		},
		"waited":    func(fl Fleet) Fleet { return fl.waited(Waiter{Instance: "i-1"}, recordNoon) },
		"leased":    func(fl Fleet) Fleet { return fl.leased("i-1", "owner", p, recordNoon) },
		"unleased":  func(fl Fleet) Fleet { return fl.unleased("i-1", recordNoon) },
		"resolved":  func(fl Fleet) Fleet { return fl.waiterResolved("i-1", recordNoon) },
		"unqueued":  func(fl Fleet) Fleet { return fl.unqueued("i-1", recordNoon) },
		"WithPause": func(fl Fleet) Fleet { return fl.WithPause(time.Time{}, "", recordNoon) },
		"Resumed":   func(fl Fleet) Fleet { resumed, _ := fl.Resumed(recordNoon); return resumed },
		"Refreshed": func(fl Fleet) Fleet {
			fl.Paused = Pause{Since: recordNoon.Add(-48 * time.Hour)}
			fl.Written = fl.Paused.Since
			refreshed, _ := fl.Refreshed(recordNoon)
			return refreshed
		},
	} {
		before := fleetWith()
		before.Begun[0].At = recordNoon.Add(-time.Hour)
		after := change(before)
		if after.hasBegun(before.Begun[0].Incident) || !after.hasBegun(before.Begun[1].Incident) {
			t.Errorf("%s: the beginnings are %+v, want the one of within the hour kept", why,
				after.Begun)
		}
		if !after.Written.Equal(recordNoon) {
			t.Errorf("%s: written at %v, want %v", why, after.Written, recordNoon)
		}
	}
}

func TestFleetPauseOn(t *testing.T) {
	since, until := recordNoon, recordNoon.Add(time.Hour)
	for _, row := range []struct {
		why   string
		pause Pause
		at    time.Time
		want  bool
	}{
		{"no pause", Pause{}, since, false},
		{"at once", Pause{Since: since}, since, true},
		{"without an end, for ever", Pause{Since: since}, since.Add(10_000 * time.Hour), true},
		{"until its last moment", Pause{Since: since, Until: until}, until.Add(-1), true},
		{"and not after it", Pause{Since: since, Until: until}, until, false},
		{"for one whose clock is behind the operator's", Pause{Since: since, Until: until},
			since.Add(-MaxSkew), true},
		{"an end alone is no pause", Pause{Until: until}, since, false},
	} {
		if got := row.pause.On(row.at); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}

func TestFleetRefreshed(t *testing.T) {
	day := 24 * time.Hour
	for _, row := range []struct {
		why   string
		pause Pause
		age   time.Duration // of the record
		want  bool
	}{
		{"nothing is paused, and it must not look lost", Pause{}, 48 * day, true},
		{"nothing is paused, a day ago", Pause{}, day, false},
		{"written a day ago", Pause{Since: recordNoon}, day, false},
		{"written more than a day ago", Pause{Since: recordNoon}, day + 1, true},
	} {
		fl := Fleet{Paused: row.pause, Written: recordNoon, Revision: 3}
		got, due := fl.Refreshed(recordNoon.Add(row.age))
		if due != row.want || got.Paused != row.pause || got.Revision != 3 {
			t.Errorf("%s: due %v, and %+v", row.why, due, got)
		}
		if !due && !got.Written.Equal(recordNoon) {
			t.Errorf("%s: there is no need, and it is written at %v", row.why, got.Written)
		}
	}
}

// A slot counts for as long as its incident may be under way, and later only while its owner's
// lease runs.
func TestFleetSlotCounts(t *testing.T) {
	p := recordPolicy()
	longest := p.IncidentLimit + p.AttemptTimeout + p.BootGrace
	if p.longest() != longest {
		t.Fatalf("an incident takes %v at the longest, want %v", p.longest(), longest)
	}
	for _, row := range []struct {
		why   string
		after time.Duration // since it opened
		lease time.Duration // since it opened
		want  bool
	}{
		{"just opened", 0, p.Lease, true},
		{"its owner is gone, and somebody may take it up", 10 * time.Minute, p.Lease, true},
		{"to the last moment at which it may be under way", longest - 1, p.Lease, true},
		{"and not longer", longest, p.Lease, false},
		{"but while the lease runs", longest, longest + 1, true},
		{"to its last moment", longest + time.Minute - 1, longest + time.Minute, true},
		{"and not longer", longest + time.Minute, longest + time.Minute, false},
		{"as late as a clock that is ahead may write it", longest, longest + p.Lease + MaxSkew,
			true},
		{"no clock of ours wrote it", longest, longest + p.Lease + MaxSkew + 1, false},
	} {
		s := Slot{OpenedAt: recordNoon, LeaseUntil: recordNoon.Add(row.lease)}
		now := recordNoon.Add(row.after)
		if got := s.counts(p, now); got != row.want {
			t.Errorf("%s: counts %v", row.why, got)
		}
		one := *p
		one.FleetConcurrent = 1
		if full, _ := (&Fleet{Open: []Slot{s}}).Full(one, now); (full != "") != row.want {
			t.Errorf("%s: the fleet is full: %q", row.why, full)
		}
	}
}

func TestFleetFull(t *testing.T) {
	p := recordPolicy()
	p.FleetConcurrent, p.FleetHourly = 2, 3
	for _, row := range []struct {
		why         string
		busy, stale int           // slots that count, and that do not
		begun       int           // so many beginnings
		age         time.Duration // of the oldest of them
		want        Reason
		saw         string
	}{
		{"nothing", 0, 0, 0, 0, "", "0 of 2 under way, 0 of 3 within the hour"},
		{"room for one more of each", 1, 0, 2, 0, "", "1 of 2 under way, 2 of 3 within the hour"},
		{"as many at once as may be", 2, 0, 2, 0, ReasonFleetConcurrent,
			"2 of 2 under way, 2 of 3 within the hour"},
		{"more than that: the limit was lowered", 5, 0, 0, 0, ReasonFleetConcurrent,
			"5 of 2 under way, 0 of 3 within the hour"},
		{"slots that nobody holds any more", 1, 5, 0, 0, "",
			"1 of 2 under way, 0 of 3 within the hour"},
		{"as many in an hour as may be", 1, 0, 3, 0, ReasonFleetHourly,
			"1 of 2 under way, 3 of 3 within the hour"},
		{"the oldest of them at its last moment", 1, 0, 3, time.Hour - 1, ReasonFleetHourly,
			"1 of 2 under way, 3 of 3 within the hour"},
		{"an hour old it counts no longer, even where nothing was written since", 1, 0, 3,
			time.Hour, "", "1 of 2 under way, 2 of 3 within the hour"},
		{"one as late as a clock that is ahead may write it", 1, 0, 3, -2 * time.Minute,
			ReasonFleetHourly, "1 of 2 under way, 3 of 3 within the hour"},
		{"no clock of ours wrote it", 1, 0, 3, -2*time.Minute - 1, "",
			"1 of 2 under way, 2 of 3 within the hour"},
		{"both: nobody waits for a breaker", 2, 0, 3, 0, ReasonFleetHourly,
			"2 of 2 under way, 3 of 3 within the hour"},
	} {
		var fl Fleet
		for range row.busy {
			fl.Open = append(fl.Open, Slot{OpenedAt: recordNoon})
		}
		for range row.stale {
			fl.Open = append(fl.Open, Slot{OpenedAt: recordNoon.Add(-p.longest())})
		}
		for n := range row.begun {
			at := recordNoon
			if n == 0 {
				at = at.Add(-row.age)
			}
			fl.Begun = append(fl.Begun, Begun{At: at})
		}
		if full, saw := fl.Full(*p, recordNoon); full != row.want || saw != row.saw {
			t.Errorf("%s: %q, %q; want %q, %q", row.why, full, saw, row.want, row.saw)
		}
	}
}

func TestFleetFinds(t *testing.T) {
	fl := fleetWith()
	first := fl.Open[0]
	if got := fl.slot(fl.Open[1].Incident); got != &fl.Open[1] {
		t.Errorf("the slot of %s: %+v", fl.Open[1].Incident, got)
	}
	if got := fl.slotOf("i-9"); got != &fl.Open[1] {
		t.Errorf("the slot of i-9: %+v", got)
	}
	other := IncidentID("i-8", recordNoon)
	if fl.slot(other) != nil || fl.slotOf("i-7") != nil || fl.hasBegun(other) {
		t.Error("what was never there is found")
	}
	if !fl.hasBegun(first.Incident) {
		t.Errorf("%s has not begun", first.Incident)
	}
	lost := first.incident()
	want := &Incident{ID: first.Incident, Instance: "i-8", Region: "cn-hangzhou",
		OpenedAt: first.OpenedAt, Alarm: AlarmRef{Format: "unknown", State: "unknown"},
		Attempts: []Attempt{}}
	if diff := cmp.Diff(want, lost); diff != "" {
		t.Errorf("what a slot tells of its incident: (-want +got)\n%s", diff)
	}
}

func TestFleetSweepable(t *testing.T) {
	limit := recordPolicy().IncidentLimit
	for _, row := range []struct {
		why    string
		mode   Mode
		book   Book
		region string        // of the slot
		age    time.Duration // since it opened
		want   bool
	}{
		{"our own, from the first moment", ModeEnforce, BookEnforce, "here", 0, true},
		{"of another region, for ever", ModeEnforce, BookEnforce, "there", 1000 * limit, false},
		{"of no known region", ModeEnforce, BookEnforce, "", 0, true},
		{"mode off looks after what enforce began", ModeOff, BookEnforce, "here", 0, true},
		{"observe leaves it alone until its time is over", ModeObserve, BookEnforce, "here", limit,
			false},
		{"and then ends it", ModeObserve, BookEnforce, "here", limit + 1, true},
		{"of another region not even then", ModeObserve, BookEnforce, "there", limit + 1, false},
		{"its own it sweeps at once", ModeObserve, BookObserve, "here", 0, true},
	} {
		p := recordPolicy()
		p.Mode = row.mode
		fl := Fleet{Open: []Slot{{Incident: "one", Region: row.region, OpenedAt: recordNoon}}}
		got := fl.Sweepable(*p, row.book, "here", recordNoon.Add(row.age))
		if (len(got) == 1) != row.want {
			t.Errorf("%s: %d slots", row.why, len(got))
		}
	}
	fl := Fleet{Open: []Slot{{Incident: "one", Region: "here"}, {Incident: "two", Region: "there"},
		{Incident: "three", Region: "here"}}}
	shape := fleetShape(&fl)
	got := fl.Sweepable(*recordPolicy(), BookEnforce, "here", recordNoon)
	if len(got) != 2 || got[0].Incident != "one" || got[1].Incident != "three" {
		t.Errorf("of three, one of them elsewhere: %+v", got)
	}
	if fleetShape(&fl) != shape {
		t.Error("looking for them changed the record")
	}
}

func TestFleetSweptBooks(t *testing.T) {
	for _, row := range []struct {
		mode Mode
		want []Book
	}{
		{ModeEnforce, []Book{BookEnforce}},
		{ModeOff, []Book{BookEnforce}},
		{ModeObserve, []Book{BookObserve, BookEnforce}}, // from before the mode was changed
		{"", []Book{BookEnforce}},
	} {
		if got := (Policy{Mode: row.mode}).SweptBooks(); !slices.Equal(got, row.want) {
			t.Errorf("mode %q: %q, want %q", row.mode, got, row.want)
		}
	}
}

// What a sweep writes besides: the fleet's record before the sign of life, so that one which is
// missing beside a sign was lost; and what was lost is not made anew.
func TestFleetTend(t *testing.T) {
	local := recordNoon.In(recordZone)
	there := Reading[Fleet]{At: recordNoon, Value: fleetWith()}
	old := there
	old.Value.Paused, old.Value.Written = Pause{Since: recordNoon}, recordNoon.Add(-25*time.Hour)
	none := Reading[Fleet]{At: recordNoon}
	unread := Reading[Fleet]{At: recordNoon, Failure: FailureUnavailable}
	first := Reading[Sign]{At: recordNoon}
	again := Reading[Sign]{At: recordNoon, Value: Sign{Version: "before", Revision: 9}}
	unseen := Reading[Sign]{At: recordNoon, Failure: FailureUnreadable}
	for _, row := range []struct {
		why   string
		fleet Reading[Fleet]
		sign  Reading[Sign]
		wrote bool // the fleet's record
		open  int  // what the sign says; -1: there is none
	}{
		{"the first sweep of all", none, first, true, 0},
		{"every other one", there, again, false, 2},
		{"the first one that says so, beside what is there", there, first, false, 2},
		{"a pause must be kept from expiring", old, again, true, 2},
		{"the fleet's record was lost", none, again, false, 0},
		{"it cannot be read", unread, again, false, -1},
		{"nor can it be told whether it was lost", none, unseen, false, -1},
	} {
		tending := Tending{Fleet: row.fleet, Sign: row.sign, Version: "version"}
		writes := tend(t, &tending, local, WroteDone)
		var wantSign []Write
		if row.open >= 0 {
			wantSign = []Write{{Sign: &Sign{Mode: ModeEnforce, Version: "version", At: recordNoon,
				Open: row.open, Revision: row.sign.Value.Revision}}}
		}
		wrote := len(writes) > 0 && writes[0].Fleet != nil
		if wrote {
			fleet := writes[0].Fleet
			if !fleet.Written.Equal(recordNoon) || fleet.Revision != row.fleet.Value.Revision ||
				fleet.Paused != row.fleet.Value.Paused || !fleet.Lost.Equal(row.fleet.Value.Lost) {
				t.Errorf("%s: the fleet's record becomes %+v", row.why, fleet)
			}
			writes = writes[1:]
		}
		diff := cmp.Diff(wantSign, writes, cmpopts.EquateEmpty())
		if wrote != row.wrote || diff != "" {
			t.Errorf("%s: the fleet's is written: %v, and (-want +got)\n%s", row.why, wrote, diff)
		}
		recordAllUTC(t, row.why, reflect.ValueOf(writes))
	}
}

// tend is what a sweep writes where that becomes of every write.
func tend(t *testing.T, tending *Tending, now time.Time, became Wrote) (writes []Write) {
	for {
		write, wanted := Tend(recordPolicy(), tending, now)
		if !wanted {
			return writes
		}
		if writes = append(writes, write); len(writes) > 9 {
			t.Fatal("a sweep writes for ever")
		}
		tending.Last, tending.Written = write, Written{At: now, Wrote: became}
	}
}

// No sign of life is written before the fleet's record is: of a record that is missing beside a
// sign everybody believes that it was lost.
func TestTendInOrder(t *testing.T) {
	none := Reading[Fleet]{At: recordNoon}
	old := Reading[Fleet]{At: recordNoon, Value: fleetWith()}
	old.Value.Written = recordNoon.Add(-25 * time.Hour)
	for why, fleet := range map[string]Reading[Fleet]{"none yet": none, "an old one": old} {
		for _, row := range []struct {
			became Wrote
			signs  int
		}{
			{WroteDone, 1},
			{WroteConflict, 0}, // perhaps somebody else has lost it since
			{WroteUnknown, 0},
		} {
			tending := Tending{Fleet: fleet, Sign: Reading[Sign]{At: recordNoon}}
			writes := tend(t, &tending, recordNoon, row.became)
			if len(writes) != 1+row.signs || writes[0].Fleet == nil {
				t.Errorf("%s, and the write is %s: %d writes", why, row.became, len(writes))
			}
		}
	}
	// A sign that is not written is written by the next sweep, and not again and again by this one.
	there := Reading[Fleet]{At: recordNoon, Value: fleetWith()}
	for _, became := range []Wrote{WroteDone, WroteConflict, WroteUnknown} {
		tending := Tending{Fleet: there, Sign: Reading[Sign]{At: recordNoon}}
		writes := tend(t, &tending, recordNoon, became)
		if len(writes) != 1 || writes[0].Sign == nil {
			t.Errorf("the sign, and its write is %s: %d writes", became, len(writes))
		}
	}
}
