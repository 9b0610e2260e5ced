package remedy

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ecs-remedy/events"
)

// waiterAt is an alarm that fired so many seconds after noon, and waits since then.
func waiterAt(instance string, seconds int) Waiter {
	at := recordNoon.Add(time.Duration(seconds) * time.Second)
	return Waiter{Instance: instance, Region: "cn-hangzhou", Since: at,
		Alarm: WaitingAlarm{AlarmRef: AlarmRef{Format: "threshold", State: "firing", Rule: "rule-1",
			Key: "key of " + instance, Time: at}, Account: "1"}}
}

// The changes of the queue. Each says all that it makes of the record.
func TestQueueChanges(t *testing.T) {
	p, now := recordPolicy(), recordNoon
	local := now.In(recordZone)
	incident := func(attempts int) *Incident {
		i := recordOpen(now, attempts)
		i.Alarm.Key = "key of i-1"
		return i
	}
	void := incident(0)
	void.Verdict = VerdictRefused
	resolved := incident(0)
	resolved.Verdict, resolved.ResolvedAt = VerdictRefused, now.Add(-time.Second)
	slot := func(w *Waiter) Slot {
		i := incident(0)
		return Slot{Incident: i.ID, Instance: "i-1", Region: "cn-hangzhou", OpenedAt: now,
			LeaseUntil: now.Add(p.Lease), Waiter: w}
	}
	begun := Begun{At: now, Instance: "i-1", Incident: void.ID}
	one, two, three := waiterAt("i-1", -30), waiterAt("i-2", -20), waiterAt("i-3", -10)
	one.Since = now // it was delivered late
	tie := waiterAt("i-0", -20)
	tie.Since = tie.Since.Add(time.Nanosecond)
	twin := tie
	twin.Instance = "i-9"
	leased := one
	leased.By, leased.LeaseUntil = "me", now.Add(p.Lease)
	over := one
	over.ResolvedAt = now
	back := one
	back.ResolvedAt = resolved.ResolvedAt

	for _, row := range []struct {
		why    string
		before Fleet
		change func(Fleet) Fleet
		want   Fleet
	}{
		{"the first to wait", Fleet{}, func(fl Fleet) Fleet { return fl.waited(one, local) },
			Fleet{Waiting: []Waiter{one}}},
		{"a younger alarm waits behind", Fleet{Waiting: []Waiter{one}},
			func(fl Fleet) Fleet { return fl.waited(two, local) }, Fleet{Waiting: []Waiter{one,
				two}}},
		{"an older one in front, whoever came first", Fleet{Waiting: []Waiter{two, three}},
			func(fl Fleet) Fleet { return fl.waited(one, local) },
			Fleet{Waiting: []Waiter{one, two, three}}},
		{"of two alarms of one moment the one that waits longer", Fleet{Waiting: []Waiter{tie,
			three}},
			func(fl Fleet) Fleet { return fl.waited(two, local) },
			Fleet{Waiting: []Waiter{two, tie, three}}},
		{"of two of one event the one whose instance comes first", Fleet{Waiting: []Waiter{twin,
			three}},
			func(fl Fleet) Fleet { return fl.waited(tie, local) },
			Fleet{Waiting: []Waiter{tie, twin, three}}},
		{"whichever of them came first", Fleet{Waiting: []Waiter{tie, three}},
			func(fl Fleet) Fleet { return fl.waited(twin, local) },
			Fleet{Waiting: []Waiter{tie, twin, three}}},
		{"an instance waits once", Fleet{Waiting: []Waiter{one}}, func(fl Fleet) Fleet {
			again := waiterAt("i-1", 5)
			again.Alarm.Key = "another"
			return fl.waited(again, local)
		}, Fleet{Waiting: []Waiter{one}}},
		{"a lease", Fleet{Waiting: []Waiter{one, two}},
			func(fl Fleet) Fleet { return fl.leased("i-1", "me", p, local) },
			Fleet{Waiting: []Waiter{leased, two}}},
		{"a lease on nothing", Fleet{Waiting: []Waiter{two}},
			func(fl Fleet) Fleet { return fl.leased("i-1", "me", p, local) },
			Fleet{Waiting: []Waiter{two}}},
		{"let go", Fleet{Waiting: []Waiter{leased, two}},
			func(fl Fleet) Fleet { return fl.unleased("i-1", local) }, Fleet{Waiting: []Waiter{one,
				two}}},
		{"resolved", Fleet{Waiting: []Waiter{one, two}},
			func(fl Fleet) Fleet { return fl.waiterResolved("i-1", local) },
			Fleet{Waiting: []Waiter{over, two}}},
		{"it waits no longer", Fleet{Waiting: []Waiter{one, two, three}},
			func(fl Fleet) Fleet { return fl.unqueued("i-2", local) },
			Fleet{Waiting: []Waiter{one, three}}},
		{"it moves into its slot", Fleet{Waiting: []Waiter{leased, two}},
			func(fl Fleet) Fleet { return fl.reserved(incident(0), p, local) },
			Fleet{Open: []Slot{slot(&one)}, Begun: []Begun{begun}, Waiting: []Waiter{two}}},
		{"not into that of another alarm", Fleet{Waiting: []Waiter{one}}, func(fl Fleet) Fleet {
			i := incident(0)
			i.Alarm.Key = "another"
			return fl.reserved(i, p, local)
		}, Fleet{Open: []Slot{slot(nil)}, Begun: []Begun{begun}, Waiting: []Waiter{one}}},
		{"another instance's incident leaves it where it is", Fleet{Waiting: []Waiter{two}},
			func(fl Fleet) Fleet { return fl.reserved(incident(0), p, local) },
			Fleet{Open: []Slot{slot(nil)}, Begun: []Begun{begun}, Waiting: []Waiter{two}}},
		{"a reservation that is void: it returns to its place, and nothing has begun",
			Fleet{Open: []Slot{slot(&two)}, Begun: []Begun{begun}, Waiting: []Waiter{one, three}},
			func(fl Fleet) Fleet { return fl.freed(void, local) },
			Fleet{Open: []Slot{}, Begun: []Begun{}, Waiting: []Waiter{one, two, three}}},
		{"and its resolution is not forgotten", Fleet{Open: []Slot{slot(&one)}},
			func(fl Fleet) Fleet { return fl.freed(resolved, local) },
			Fleet{Open: []Slot{}, Waiting: []Waiter{back}}},
		{"an incident that has ended takes it along",
			Fleet{Open: []Slot{slot(&one)}, Begun: []Begun{begun}, Waiting: []Waiter{two}},
			func(fl Fleet) Fleet { return fl.freed(incident(1), local) },
			Fleet{Open: []Slot{}, Begun: []Begun{begun}, Waiting: []Waiter{two}}},
	} {
		before := row.before
		before.Waiting = append(make([]Waiter, 0, 8), before.Waiting...)
		shape := fleetShape(&before)
		after := row.change(before)
		row.want.Written = now
		if diff := cmp.Diff(row.want, after, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
		if now := fleetShape(&before); now != shape {
			t.Errorf("%s: the record that it was made from was\n%s\nand is\n%s", row.why, shape,
				now)
		}
		recordAllUTC(t, row.why, reflect.ValueOf(after))
	}
}

// What is kept of an alarm takes 1 KB at most, whatever it says and whoever judges it; only its
// name is cut for that.
func TestWaiterSize(t *testing.T) {
	long := func(n int, of string) string { return strings.Repeat(of, n) }
	for _, row := range []struct {
		why  string
		edit func(*events.Alarm)
		fits bool
		cut  bool
	}{
		{"an event", func(*events.Alarm) {}, true, false},
		{"a metric alarm whose rule has a name of 80 Chinese characters", func(a *events.Alarm) {
			*a = Busy()
			a.Rule, a.Key = "putNewAlarm_user_"+long(36, "f"), long(36, "f")+"|1700000000000"
			a.Name = long(80, "机")
		}, true, false},
		{"a name that fits to the byte", func(a *events.Alarm) { a.Name = long(461, "x") }, true,
			false},
		{"and one byte more", func(a *events.Alarm) { a.Name = long(462, "x") }, true, true},
		{"a time that JSON has no word for", func(a *events.Alarm) {
			a.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
		}, false, true},
		{"a name of 512 bytes", func(a *events.Alarm) { a.Name = long(512, "x") }, true, true},
		{"a name in which every byte takes six", func(a *events.Alarm) { a.Name = long(512, "<") },
			true, true},
		{"a name that is cut within a character", func(a *events.Alarm) {
			a.Name = long(170, "机")
		}, true, true},
		{"a key that leaves no room for a name", func(a *events.Alarm) { a.Key = long(500, "x") },
			false,
			true},
		{"a rule in which every byte takes six", func(a *events.Alarm) { a.Rule = long(512, "&") },
			false, true},
	} {
		f := Readable()
		row.edit(&f.Alarm)
		w, fits := f.waiter().cut()
		if fits != row.fits {
			t.Errorf("%s: fits %v", row.why, fits)
			continue
		}
		if (w.Alarm.Name != f.Alarm.Name) != row.cut {
			t.Errorf("%s: the name is %q", row.why, w.Alarm.Name)
		}
		if !fits {
			continue
		}
		var fl Fleet
		fl = fl.waited(w, f.Now.Add(123456789))
		fl = fl.leased(w.Instance, strings.Repeat("O", 26), &Policy{Lease: time.Minute + 1}, f.Now)
		fl = fl.waiterResolved(w.Instance, f.Now.Add(987654321))
		text, err := json.Marshal(fl.Waiting[0])
		if err != nil || len(text) > WaiterSize {
			t.Errorf("%s: %d bytes, %v: %s", row.why, len(text), err, text)
		}
		var read Waiter
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fl.Waiting[0], read); diff != "" {
			t.Errorf("%s: (-written +read)\n%s", row.why, diff)
		}
		back := read.alarm()
		back.RawState = f.Alarm.RawState // nobody judges by it
		want := f.Alarm
		if row.cut {
			want.Name = back.Name
			if !strings.HasSuffix(back.Name, "…") || !strings.HasPrefix(f.Alarm.Name,
				strings.TrimSuffix(back.Name, "…")) {
				t.Errorf("%s: cut to %q", row.why, back.Name)
			}
		}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Errorf("%s: it is judged again as another: (-was +is)\n%s", row.why, diff)
		}
	}
}

// others puts alarms of other instances into the queue, each so many seconds older than the
// candidate's.
func others(change func(c *candidate, w *Waiter), older ...time.Duration) func(*candidate) {
	return func(c *candidate) {
		for n, d := range older {
			w := waiterAt("i-other-"+string(rune('a'+n)), 0)
			w.Region, w.Alarm.Time, w.Since = "cn-hangzhou", c.Alarm.Time.Add(-d), c.Now.Add(-d)
			if change != nil {
				change(c, &w)
			}
			c.Fleet.Value = c.Fleet.Value.waited(w, c.Now)
		}
	}
}

// busy puts so many slots of other instances into the fleet's record.
func busy(n int) func(*candidate) {
	return func(c *candidate) {
		for range n {
			c.Fleet.Value.Open = append(c.Fleet.Value.Open, Slot{OpenedAt: c.Now})
		}
	}
}

func judgedBy(owner string, left time.Duration) func(*candidate, *Waiter) {
	return func(c *candidate, w *Waiter) { w.By, w.LeaseUntil = owner, c.Now.Add(left) }
}

// Who gets a slot at once, who waits, and who is refused.
func TestWaits(t *testing.T) {
	pause := func(c *candidate) { c.Fleet.Value.Paused = Pause{Since: Start, Reason: "release"} }
	hour := func(c *candidate) {
		for range c.FleetHourly {
			c.Fleet.Value.Begun = append(c.Fleet.Value.Begun, Begun{At: c.Now})
		}
	}
	itself := func(change func(*Waiter)) func(*candidate) {
		return func(c *candidate) {
			w := c.Facts.waiter()
			if change != nil {
				change(&w)
			}
			c.Fleet.Value = c.Fleet.Value.waited(w, c.Now)
		}
	}
	resolvedOne := func(c *candidate, w *Waiter) { w.ResolvedAt = c.Now }
	age := func(d time.Duration) func(*candidate, *Waiter) {
		return func(c *candidate, w *Waiter) { w.Alarm.Time = c.Now.Add(-d) }
	}
	room := func(n int) func(*candidate) { return func(c *candidate) { c.FleetWaiting = n } }
	tagless := func(c *candidate) { c.Instance.Value.Tags = nil }
	blind := func(c *candidate) { c.Instance.Failure = FailureUnavailable }
	const second = time.Second

	for _, row := range []struct {
		why     string
		change  func(*candidate)
		verdict Verdict // empty: it opens
		reason  Reason
		reads   string
	}{
		{"a slot is free", busy(2), "", "", everything},
		{"none is: its instance is read before it waits", busy(3), VerdictWaiting,
			ReasonFleetConcurrent, everything},
		{"and only what could be restarted waits", all(busy(3), tagless), VerdictRefused,
			ReasonNotOptedIn, everything},
		{"who knows whether it could: nobody now", all(busy(3), blind), VerdictPending,
			ReasonDependencyUnavailable, everything},
		{"the last place", all(busy(3), others(nil, second, 2*second), room(3)), VerdictWaiting,
			ReasonFleetConcurrent, everything},
		{"no place is left", all(busy(3), others(nil, second, 2*second), room(2)), VerdictRefused,
			ReasonFleetConcurrent, noECS},
		{"the limit was lowered", all(busy(3), others(nil, second, 2*second), room(0)),
			VerdictRefused,
			ReasonFleetConcurrent, noECS},
		{"the hour is spent: nobody waits for a breaker", all(busy(3), hour), VerdictRefused,
			ReasonFleetHourly, noECS},

		{"a slot is free, and an older alarm waits for it", others(nil, second), VerdictWaiting,
			ReasonFleetConcurrent, everything},
		{"a younger one", others(nil, -second), "", "", everything},
		{"one of the same moment that came before", others(func(c *candidate, w *Waiter) {
			w.Since = c.Now.Add(-1)
		}, 0), VerdictWaiting, ReasonFleetConcurrent, everything},
		{"an older one that is over", others(resolvedOne, second), "", "", everything},
		{"one that is too old by now", others(age(15*time.Minute+1), 0), "", "", everything},
		{"one that is as old as may be", others(age(15*time.Minute), 0), VerdictWaiting,
			ReasonFleetConcurrent, everything},
		{"an older one behind others: three slots are free, and the first is the oldest's",
			all(room(50), others(nil, second)), VerdictWaiting, ReasonFleetConcurrent, everything},

		{"the last slot is about to be another's, who is judged",
			all(busy(2), others(judgedBy("you", 1),
				-second)), VerdictWaiting, ReasonFleetConcurrent,
			everything},
		{"one more is free than are promised", all(busy(1), others(judgedBy("you", 1), second)), "",
			"",
			everything},
		{"whoever judged it is silent for a lease and a tenth",
			all(busy(2), others(judgedBy("you", -6*second), -second)), "", "", everything},
		{"and was still heard just before", all(busy(2), others(judgedBy("you", -6*second+1),
			-second)),
			VerdictWaiting, ReasonFleetConcurrent, everything},
		{"a lease of the distant future is none",
			all(busy(2), others(judgedBy("you", 3*time.Minute+1), -second)), "", "", everything},
		{"one as late as clocks may differ is", all(busy(2),
			others(judgedBy("you", 3*time.Minute), -second)), VerdictWaiting, ReasonFleetConcurrent,
			everything},
		{"one that is judged, and over, needs no slot", all(busy(2),
			others(func(c *candidate, w *Waiter) { judgedBy("you", 1)(c, w); resolvedOne(c, w) },
				second)),
			"", "", everything},

		{"the same alarm waits", all(busy(3), itself(nil)), VerdictWaiting, ReasonFleetConcurrent,
			noECS},
		{"and on through a pause", all(busy(3), itself(nil), pause), VerdictWaiting,
			ReasonFleetConcurrent, noECS},
		{"and with the hour spent", all(busy(3), itself(nil), hour), VerdictWaiting,
			ReasonFleetConcurrent, noECS},
		{"another one about the instance waits", itself(func(w *Waiter) { w.Alarm.Key = "other" }),
			VerdictRefused, ReasonInProgress, noECS},
		{"one with this key, and of another time", itself(func(w *Waiter) {
			w.Alarm.Time = w.Alarm.Time.Add(-1)
		}), VerdictRefused, ReasonInProgress, noECS},
		{"nobody begins to wait in a pause", all(busy(3), pause), VerdictRefused, ReasonPaused,
			noECS},
		{"nor in observe mode, where nothing is under way", all(busy(3), func(c *candidate) {
			c.Mode = ModeObserve
		}), VerdictRefused, ReasonFleetConcurrent, noECS},
		{"nor an alarm that is too long", all(busy(3), func(c *candidate) {
			c.Alarm.Rule = strings.Repeat("&", 512)
		}), VerdictRefused, ReasonFleetConcurrent, noECS},
		{"it may wait though there is no time for an attempt", all(busy(3), func(c *candidate) {
			c.ClaimBy = c.Now
		}), VerdictWaiting, ReasonFleetConcurrent, everything},
		{"two of a batch: the first waits", func(c *candidate) {
			c.Leader = Leader{Leads: true, Verdict: VerdictWaiting, Reason: ReasonFleetConcurrent}
		}, VerdictRefused, ReasonInProgress, ledgerOnly},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := opens()
			row.change(c)
			before := c.Fleet.Value
			step := c.ask()
			want := toAnswer
			if row.verdict == "" {
				want = toOpen
			}
			for c.comesTo(&step) == toWait { // for another look
				step, c.read = c.after(step), strings.Fields(everything)
			}
			if do := c.comesTo(&step); do != want || step.Verdict != row.verdict ||
				step.Reason != row.reason {
				t.Fatalf("%s, %s %s: %s\nwant %s, %s %s", do, step.Verdict, step.Reason, step.Why,
					want,
					row.verdict, row.reason)
			}
			if reads := strings.Join(c.read, " "); reads != row.reads {
				t.Errorf("read %q, want %q", reads, row.reads)
			}
			if want == toOpen {
				c.opensAndSends(t, step)
				return
			}
			c.answers(t, &step)
			w := c.Fleet.Value.waiterOf(c.Alarm.Instance)
			began := w != nil && before.waiterOf(c.Alarm.Instance) == nil
			if began != (row.verdict == VerdictWaiting && row.reads == everything) ||
				began != (len(c.wrote) == 1) {
				t.Fatalf("the queue is %+v after %d writes", c.Fleet.Value.Waiting, len(c.wrote))
			}
			if began && (!w.is(&c.Alarm) || !w.Since.Equal(c.Now) || w.By != "" ||
				!strings.Contains(step.Why, "number ")) {
				t.Errorf("it waits as %+v: %s", w, step.Why)
			}
		})
	}
}

// TestBeginsToWait: the write that puts an alarm into the queue says so; what delays or prevents it
// does not.
func TestBeginsToWait(t *testing.T) {
	c := opens()
	busy(3)(c)
	step := c.first(t)
	for ; step.Do != DoWrite; step = c.one(step) {
		if step.Waits() || step.Do == DoAnswer {
			t.Fatalf("before it waits: %+v", step)
		}
	}
	const want = "number 1; 3 of 3 under way, 0 of 20 within the hour, 1 of 50 waiting"
	if !step.Waits() || step.Reason != ReasonFleetConcurrent || step.Why != want ||
		len(step.Write.Fleet.Waiting) != 1 {
		t.Errorf("it begins to wait: %+v, want %q", step, want)
	}
	c.told.Decided(&step)
	c.told.Wrote(step.Write, Written{At: c.Now, Wrote: WroteUnknown, Note: "no answer"})
	for step = c.next(); step.Do == DoRead; step = c.one(step) {
	}
	if step.Waits() || step.Verdict != VerdictPending ||
		step.Reason != ReasonDependencyUnavailable {
		t.Errorf("whether it waits is not known: %+v", step)
	}
}

// TestNotBehindItself: an alarm is not before itself.
func TestNotBehindItself(t *testing.T) {
	c := opens()
	w := c.Facts.waiter()
	for _, row := range []struct {
		why   string
		since time.Duration
		want  bool
	}{
		{"itself", 0, true},
		{"itself, waiting since before", -1, false},
	} {
		before := w
		before.Since = w.Since.Add(row.since)
		fl := Fleet{Waiting: []Waiter{before}}
		if got := fl.admits(&w, &c.Policy, c.Now); got != row.want {
			t.Errorf("%s: admitted %v", row.why, got)
		}
	}
}

// its is a candidate whose alarm waits since it fired, and whose turn it may be.
func its(changes ...func(*candidate)) *candidate {
	c := opens()
	w := c.Facts.waiter()
	w.Since = c.Alarm.Time
	c.Fleet.Value = c.Fleet.Value.waited(w, c.Now)
	c.TakeTurn(w, BookEnforce, c.Fleet)
	all(changes...)(c)
	return c
}

// tell is the loop after an answer: it is reported, and what must come after it is done.
func (c *candidate) tell(step Step) {
	c.told.Decided(&step)
	c.told.Told(&step)
	if c.told.Reported {
		if last := c.goOn(); last.Do != DoAnswer || last.Result != nil {
			panic("it goes on after its answer")
		}
	}
}

// The turn of an alarm that waits.
func TestTurn(t *testing.T) {
	waiter := func(change func(*candidate, *Waiter)) func(*candidate) {
		return func(c *candidate) { change(c, &c.Fleet.Value.Waiting[0]) }
	}
	aged := func(age time.Duration) func(*candidate) {
		return func(c *candidate) {
			w := &c.Fleet.Value.Waiting[0]
			w.Alarm.Time = c.Now.Add(-age)
			c.TakeTurn(*w, BookEnforce, c.Fleet)
		}
	}
	mode := func(m Mode) func(*candidate) { return func(c *candidate) { c.Mode = m } }
	pause := func(c *candidate) { c.Fleet.Value.Paused = Pause{Since: Start, Reason: "release"} }
	resolved := waiter(func(c *candidate, w *Waiter) { w.ResolvedAt = c.Now })
	hour := func(c *candidate) {
		for range c.FleetHourly {
			c.Fleet.Value.Begun = append(c.Fleet.Value.Begun, Begun{At: c.Now})
		}
	}
	open := func(owner string, attempts int, left time.Duration) func(*candidate) {
		return func(c *candidate) {
			i := recordOpen(Start, attempts)
			i.ID, i.Instance, i.Owner = IncidentID(InstanceID, Start), InstanceID, owner
			i.LeaseUntil = c.Now.Add(left)
			c.Record.Value.Open = i
		}
	}
	failing := func(source Source, failure Failure) func(*candidate) {
		return func(c *candidate) {
			switch source {
			case SourceRecord:
				c.Record.Failure = failure
			case SourceFleet:
				c.Fleet.Failure = failure
			case SourceInstance:
				c.Instance.Failure = failure
			}
		}
	}
	const stays, gone = "stays", "gone"
	for _, row := range []struct {
		why     string
		change  func(*candidate)
		verdict Verdict // empty: it opens, or with stays there is no answer
		reason  Reason
		after   string // of the queue
		wrote   string
	}{
		{"a slot is free", busy(2), "", "", "", "fleet"},
		{"none is", busy(3), "", "", stays, ""},
		{"an older one has its turn", all(busy(2), others(nil, time.Second)), "", "", stays, ""},
		{"two slots, and one that is older", all(busy(1), others(nil, time.Second)), "", "", "",
			"fleet"},
		{"an older one is over: it needs no slot", all(busy(2), others(
			func(c *candidate, w *Waiter) { w.ResolvedAt = c.Now }, time.Second)), "", "", "",
			"fleet"},
		{"somebody judges a younger one, and that has the slot",
			all(busy(2), others(judgedBy("you", 1), -time.Second)), "", "", stays, ""},
		{"no slot is free after all", all(busy(3), waiter(judgedBy("me", time.Minute))), "", "",
			stays,
			"fleet"},
		{"somebody judges it", waiter(judgedBy("you", 1)), "", "", stays, ""},
		{"somebody did, and is silent", waiter(judgedBy("you", -6*time.Second)), "", "", "",
			"fleet"},
		{"and was still heard just before", waiter(judgedBy("you", -6*time.Second+1)), "", "",
			stays, ""},
		{"our own lease is over: it is taken anew", waiter(judgedBy("me", -6*time.Second)), "", "",
			"",
			"fleet"},
		{"it is gone: somebody told its end", func(c *candidate) { c.Fleet.Value.Waiting = nil },
			"", "",
			gone, ""},
		{"another alarm of its instance is in its place",
			waiter(func(_ *candidate, w *Waiter) { w.Alarm.Key = "other" }), "", "", stays, ""},
		{"of another region: it is left to that", waiter(func(_ *candidate, w *Waiter) {
			w.Region = "cn-beijing"
		}), "", "", stays, ""},
		{"of no region: it is of any", waiter(func(_ *candidate, w *Waiter) { w.Region = "" }), "",
			"", "",
			"fleet"},

		{"a pause keeps it waiting", pause, "", "", stays, ""},
		{"and what is over, too", all(pause, resolved), "", "", stays, ""},
		{"a pause that begins while it is judged lets go of it",
			all(pause, waiter(judgedBy("me", time.Minute))), "", "", stays, "fleet"},
		{"resolved meanwhile", resolved, VerdictIgnored, ReasonResolved, gone, "fleet fleet"},
		{"resolved, and no slot is free", all(resolved, busy(3)), VerdictIgnored, ReasonResolved,
			gone,
			"fleet fleet"},
		{"as old as may be", aged(15 * time.Minute), "", "", "", "fleet"},
		{"too old", aged(15*time.Minute + 1), VerdictRefused, ReasonStaleAlarm, gone,
			"fleet fleet"},
		{"too old, and no slot is free", all(aged(15*time.Minute+1), busy(3)), VerdictRefused,
			ReasonStaleAlarm, gone, "fleet fleet"},
		{"switched off: it waits on", mode(ModeOff), "", "", stays, ""},
		{"switched off, and too old", all(mode(ModeOff), aged(15*time.Minute+1)), VerdictRefused,
			ReasonStaleAlarm, gone, "fleet fleet"},
		{"switched off, too old, and the ledger is out of reach", all(mode(ModeOff),
			aged(15*time.Minute+1), failing(SourceRecord, FailureUnavailable)), "", "", stays,
			"fleet fleet"},
		{"to observe mode it is nothing", mode(ModeObserve), "", "", stays, ""},
		{"but that it is too old", all(mode(ModeObserve), aged(15*time.Minute+1)), VerdictRefused,
			ReasonStaleAlarm, gone, "fleet fleet"},
		{"the hour is spent", hour, VerdictRefused, ReasonFleetHourly, gone, "fleet fleet"},

		{"locked meanwhile", func(c *candidate) { c.Instance.Value.Locks = []string{"security"} },
			VerdictRefused, ReasonSecurityLocked, gone, "fleet fleet"},
		{"stopped meanwhile", status("Stopped"), VerdictRefused, ReasonNotRunning, gone,
			"fleet fleet"},
		{"alive again", func(c *candidate) { c.Vitals.Value.Heartbeat = c.Now }, VerdictRefused,
			ReasonGuestAlive, gone, "fleet fleet"},
		{"no longer a metric that is cured", func(c *candidate) {
			w := &c.Fleet.Value.Waiting[0]
			w.Alarm.Event, w.Alarm.Metric = "", "cpu_idle"
			c.TakeTurn(*w, BookEnforce, c.Fleet)
		}, VerdictIgnored, ReasonNotRestartable, gone, "fleet fleet"},
		{"out of reach: it waits on", failing(SourceInstance, FailureUnavailable), "", "", stays,
			"fleet fleet"},
		{"the ledger is out of reach", failing(SourceRecord, FailureUnavailable), "", "", stays,
			"fleet fleet"},
		{"the fleet's record is", failing(SourceFleet, FailureUnavailable), "", "", stays, ""},
		{"its record is garbled", failing(SourceRecord, FailureUnreadable), VerdictRefused,
			ReasonUnreadable, gone, "fleet fleet"},
		{"no time: it waits on", func(c *candidate) { c.StopAt = c.Now }, "", "", stays, ""},
		{"no time for an attempt", func(c *candidate) { c.ClaimBy = c.Now }, "", "", stays,
			"fleet fleet"},

		{"somebody opens an incident at this moment", open("you", 0, time.Minute), "", "", stays,
			"fleet fleet"},
		{"somebody did, and never claimed", open("you", 0, -7*time.Second), "", "", "",
			"fleet record"},
		{"an incident is under way", open("you", 1, time.Minute), VerdictRefused, ReasonInProgress,
			gone,
			"fleet fleet"},
		{"and nobody looks after it: that is the sweep's", open("you", 1, -time.Hour),
			VerdictRefused,
			ReasonInProgress, gone, "fleet fleet"},
		{"another of the sweep leads for its instance",
			func(c *candidate) { c.Leader.Leads = true }, "",
			"", stays, "fleet fleet"},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := its(row.change)
			before := slices.Clone(c.Fleet.Value.Waiting)
			step := c.ask()
			do, want := c.comesTo(&step), toAnswer
			if row.after == "" {
				want = toOpen
			}
			for do == toWait { // for another look
				step = c.after(step)
				do = c.comesTo(&step)
			}
			if do != want || step.Verdict != row.verdict || step.Reason != row.reason ||
				(step.Result == nil) != (row.verdict == "") {
				t.Fatalf("%s, %s %s: %s\nwant %s, %s %s", do, step.Verdict, step.Reason, step.Why,
					want,
					row.verdict, row.reason)
			}
			if want == toOpen {
				if w := c.Fleet.Value.waiterOf(InstanceID); w.By != "me" ||
					!w.LeaseUntil.Equal(c.Now.Add(c.Lease)) {
					t.Errorf("it opens an incident for %+v", w)
				}
				if wrote := strings.Join(c.wrote, " "); wrote != row.wrote {
					t.Errorf("wrote %q, want %q", wrote, row.wrote)
				}
				c.opensAndSends(t, step)
				return
			}
			if step.Result != nil {
				if w := c.Fleet.Value.waiterOf(InstanceID); w == nil || w.By != "me" {
					t.Errorf("before its end is told the queue is %+v", c.Fleet.Value.Waiting)
				}
				c.answers(t, &step)
			}
			c.tell(step)
			queue := c.Fleet.Value.Waiting
			switch w := c.Fleet.Value.waiterOf(InstanceID); row.after {
			case gone:
				if w != nil {
					t.Errorf("its end was told, and it waits: %+v", w)
				}
			case stays:
				for i := range before {
					if before[i].By == "me" { // as it was taken up here
						before[i].By, before[i].LeaseUntil = "", time.Time{}
					}
				}
				if diff := cmp.Diff(before, queue); diff != "" {
					t.Errorf("the queue: (-before +after)\n%s", diff)
				}
			}
			if wrote := strings.Join(c.wrote, " "); wrote != row.wrote {
				t.Errorf("wrote %q, want %q", wrote, row.wrote)
			}
		})
	}
}

// Where no slot is free after all, nothing is asked about the instance.
func TestNoSlotAfterAll(t *testing.T) {
	c := its(busy(3))
	judgedBy("me", time.Minute)(c, &c.Fleet.Value.Waiting[0])
	if step := c.ask(); step.Do != DoAnswer || step.Result != nil {
		t.Errorf("%+v", step)
	}
	if read := strings.Join(c.read, " "); read != "fleet ledger" {
		t.Errorf("read %q", read)
	}
}

// From the queue into a slot, and out of it: the slot is given back only when the end was told.
func TestServed(t *testing.T) {
	c := its()
	c.opensAndSends(t, c.ask())
	fleet := &c.Fleet.Value
	if len(fleet.Waiting) != 0 || len(fleet.Open) != 1 || fleet.Open[0].Waiter == nil ||
		!fleet.Open[0].Waiter.is(&c.Alarm) || fleet.Open[0].Waiter.By != "" {
		t.Fatalf("it has its slot: %+v", fleet)
	}
	c.StopAt = time.Time{}
	c.told.StopAt = c.StopAt
	c.Fleet.Value.Paused = Pause{Since: c.Now, Reason: "release"} // ends it without a ladder
	step := c.goOn()
	for c.comesTo(&step) != toAnswer {
		c.Instance.Value.StartTime = "2026-11-23T08:01Z" // it restarted
		c.Vitals.Value.Heartbeat = c.Now.Add(time.Minute).Truncate(time.Minute)
		step = c.after(step)
	}
	if step.Verdict != VerdictRestarted || step.Result.Alarm.ID != c.Alarm.Key {
		t.Fatalf("it ends as %s %s: %s", step.Verdict, step.Reason, step.Why)
	}
	if len(c.Fleet.Value.Open) != 1 {
		t.Error("its slot is given back before its end was told")
	}
	c.tell(step)
	if len(c.Fleet.Value.Open) != 0 || len(c.Fleet.Value.Waiting) != 0 ||
		len(c.Fleet.Value.Begun) != 1 {
		t.Errorf("its end was told: %+v", c.Fleet.Value)
	}
}

// An incident that has begun is no longer an alarm that waits: where the time is over, it says
// where it stands, and keeps its slot.
func TestServedOutOfTime(t *testing.T) {
	c := its()
	c.opensAndSends(t, c.ask())
	c.told.StopAt = c.Now.Add(time.Second)
	step := c.goOn()
	for c.comesTo(&step) != toAnswer {
		step = c.after(step)
	}
	if step.Verdict != VerdictPending || step.Reason != ReasonOutOfTime || step.Result == nil ||
		step.Result.Incident == "" {
		t.Fatalf("%+v", step)
	}
	c.tell(step)
	if c.told.Reported || len(c.Fleet.Value.Open) != 1 || !c.Record.Value.Open.LeaseUntil.IsZero() {
		t.Errorf("it is reported for good: %v; %+v, %+v", c.told.Reported, c.Fleet.Value,
			c.Record.Value.Open)
	}
}

// What somebody else writes between the opening and the slot: the opening is taken back, and the
// alarm is judged again by that.
func TestOvertaken(t *testing.T) {
	waits := func(change func(c *candidate, w *Waiter)) func(*candidate) {
		return func(c *candidate) {
			if change == nil {
				c.Fleet.Value.Waiting = nil
				return
			}
			w := c.Facts.waiter()
			if c.Facts.Waiter != nil {
				w = c.Fleet.Value.Waiting[0]
			}
			change(c, &w)
			c.Fleet.Value.Waiting = []Waiter{w}
		}
	}
	for _, row := range []struct {
		why     string
		c       *candidate
		change  func(*candidate)
		verdict Verdict // empty: no answer
		reason  Reason
		waits   bool // in the end
	}{
		{"an older alarm waits for the slot", opens(), others(nil, time.Second), VerdictWaiting,
			ReasonFleetConcurrent, true},
		{"the last slot is taken", opens(), busy(3), VerdictWaiting, ReasonFleetConcurrent, true},
		{"the same alarm waits", opens(), waits(func(*candidate, *Waiter) {}), VerdictWaiting,
			ReasonFleetConcurrent, true},
		{"another alarm of the instance waits", opens(), waits(func(_ *candidate, w *Waiter) {
			w.Alarm.Key = "other"
		}), VerdictRefused, ReasonInProgress, true},
		{"its turn, and it was resolved", its(), waits(func(c *candidate, w *Waiter) {
			w.ResolvedAt = c.Now
		}), VerdictIgnored, ReasonResolved, false},
		{"its turn, and somebody else has it", its(), waits(judgedBy("you", time.Minute)), "", "",
			true},
		{"its turn, and it is gone", its(), waits(nil), "", "", false},
		{"its turn, and the slot is another's", its(), busy(3), "", "", true},
	} {
		c := row.c
		opening := c.ask()
		if c.comesTo(&opening) != toOpen {
			t.Fatalf("%s: %+v", row.why, opening)
		}
		c.do(&opening)
		row.change(c)
		c.told.Fleet = Reading[Fleet]{}
		step := c.goOn()
		if c.comesTo(&step) != toAnswer || step.Verdict != row.verdict ||
			step.Reason != row.reason {
			t.Errorf("%s: %+v", row.why, step)
			continue
		}
		c.tell(step)
		if waits := c.Fleet.Value.Place(c.Alarm.Instance) > 0; waits != row.waits {
			t.Errorf("%s: the queue is %+v", row.why, c.Fleet.Value.Waiting)
		}
		if c.Record.Value.Open != nil || c.Fleet.Value.slotOf(c.Alarm.Instance) != nil {
			t.Errorf("%s: the opening is left: %+v, %+v", row.why, c.Record.Value.Open,
				c.Fleet.Value.Open)
		}
	}
}

// What is done after the answer was reported.
func TestAfterwards(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(*candidate)
		lost   bool // the answers to the first writes
		gone   bool
	}{
		{"it leaves the queue", no, false, true},
		{"though the time is over, and the fleet's record is not known", func(c *candidate) {
			c.told.StopAt, c.told.Fleet = c.Now, Reading[Fleet]{}
		}, false, true},
		{"though it is not known at first whether it does", no, true, true},
		{"another alarm of its instance stays", func(c *candidate) {
			c.Fleet.Value.Waiting[0].Alarm.Key = "other"
		}, false, false},
		{"without the fleet's record it stays, and is told again", func(c *candidate) {
			c.told.Fleet, c.Fleet.Failure = Reading[Fleet]{}, FailureUnavailable
		}, false, false},
	} {
		c := its(func(c *candidate) { c.Instance.Value.Tags = nil })
		step := c.ask()
		if step.Verdict != VerdictRefused || step.Reason != ReasonNotOptedIn {
			t.Fatalf("%+v", step)
		}
		row.change(c)
		c.told.Decided(&step)
		c.told.Told(&step)
		for n := 0; ; n++ {
			c.told.Ask(c.Now)
			if step = c.next(); step.Do == DoAnswer || n == 20 {
				break
			}
			if row.lost && step.Do == DoWrite && n < 4 {
				c.told.Decided(&step)
				c.told.Wrote(step.Write, Written{At: c.Now, Wrote: WroteUnknown})
				continue
			}
			c.do(&step)
		}
		if step.Do != DoAnswer || step.Result != nil {
			t.Errorf("%s: %+v", row.why, step)
		}
		if gone := len(c.Fleet.Value.Waiting) == 0; gone != row.gone {
			t.Errorf("%s: the queue is %+v", row.why, c.Fleet.Value.Waiting)
		}
	}
}

// Out of time, an opening is given free; the alarm is let go by whoever holds its lease.
func TestLetGo(t *testing.T) {
	for owner, want := range map[string]string{"me": "", "you": "you"} {
		c := its()
		opening := c.ask()
		c.do(&opening)
		judgedBy(owner, time.Minute)(c, &c.Fleet.Value.Waiting[0])
		c.told.Fleet, c.told.StopAt = c.Fleet, c.Now
		step := c.goOn()
		for c.comesTo(&step) == toRelease {
			step = c.after(step)
		}
		if step.Do != DoAnswer || step.Result != nil || !c.Record.Value.Open.LeaseUntil.IsZero() {
			t.Errorf("%s: %+v", owner, step)
		}
		if by := c.Fleet.Value.Waiting[0].By; by != want {
			t.Errorf("%s had the lease, and then %q", owner, by)
		}
	}
}

// All that is known of a lost incident is its slot, and its alarm if that had waited.
func TestLostWaiter(t *testing.T) {
	w := waiterAt("i-1", 0)
	slot := Slot{Incident: "i-1/x", Instance: "i-1", Waiter: &w}
	if i := slot.incident(); i.Alarm != w.Alarm.AlarmRef || i.Account != "1" {
		t.Errorf("it is %+v", i)
	}
}

// The sweep tells the end of an incident whose alarm had waited, if whoever wrote it did not: it
// has a lease's time for that. Of any other incident the slot alone is given back.
func TestSweptEnd(t *testing.T) {
	for _, row := range []struct {
		why    string
		waited bool
		void   bool
		after  time.Duration // since the end was written
		told   bool
		freed  bool
	}{
		{"its owner is about to tell it", true, false, 66*time.Second - 1, false, false},
		{"its owner must have died", true, false, 66 * time.Second, true, true},
		{"its event is delivered again", false, false, 0, false, true},
		{"nothing was sent, and the alarm returns to the queue", true, true, 0, false, true},
	} {
		c := opens()
		i := recordOpen(Start, 1)
		i.ID, i.Instance = IncidentID(InstanceID, Start), InstanceID
		i.Alarm = refer(&c.Alarm)
		slot := Slot{Incident: i.ID, Instance: InstanceID, Region: "cn-hangzhou", OpenedAt: Start}
		if row.waited {
			w := c.Facts.waiter()
			slot.Waiter = &w
		}
		verdict := VerdictFailed
		if row.void {
			i.Attempts, verdict = nil, VerdictRefused
		}
		i.end(verdict, ReasonStuck, "it is Stopping", c.Now)
		c.Record.Value = c.Record.Value.settled(i, &c.Policy)
		c.Fleet.Value.Open = []Slot{slot}
		c.Swept, c.Slot, c.Alarm = true, slot, events.Alarm{Instance: InstanceID}
		c.pass(row.after)
		step := c.ask()
		if told := step.Result != nil; step.Do != DoAnswer || told != row.told {
			t.Errorf("%s: %+v", row.why, step)
			continue
		}
		if row.told {
			if r := step.Result; r.Verdict != VerdictFailed || r.Reason != ReasonStuck ||
				r.Incident != i.ID || r.Alarm.ID != Hangs().Key || len(r.Attempts) != 1 {
				t.Errorf("%s: told %+v", row.why, r)
			}
			if len(c.Fleet.Value.Open) != 1 {
				t.Errorf("%s: the slot is given back before", row.why)
			}
		}
		c.tell(step)
		if freed := len(c.Fleet.Value.Open) == 0; freed != row.freed {
			t.Errorf("%s: the slots are %+v", row.why, c.Fleet.Value.Open)
		}
		if back := c.Fleet.Value.Place(InstanceID) > 0; back != (row.void && row.waited) {
			t.Errorf("%s: the queue is %+v", row.why, c.Fleet.Value.Waiting)
		}
	}
}

// An alarm of an instance whose last incident has ended, and whose end has yet to be told, does not
// take that away.
func TestUntoldEnd(t *testing.T) {
	c := opens()
	c.Cooldown = 0
	w := c.Facts.waiter()
	i := recordOpen(Start, 1)
	i.ID, i.Instance = IncidentID(InstanceID, Start), InstanceID
	i.end(VerdictFailed, ReasonStuck, "it is Stopping", c.Now)
	c.Record.Value = c.Record.Value.settled(i, &c.Policy)
	c.Fleet.Value.Open = []Slot{{Incident: i.ID, Instance: InstanceID, OpenedAt: Start, Waiter: &w}}
	step := c.ask()
	if step.Verdict != VerdictRefused || step.Reason != ReasonInProgress ||
		len(c.Fleet.Value.Open) != 1 {
		t.Errorf("%+v with the slots %+v", step, c.Fleet.Value.Open)
	}
}

// A resolved alarm is told to the one of its rule and instance that waits.
func TestWaiterResolved(t *testing.T) {
	for _, row := range []struct {
		why  string
		edit func(c *candidate, w *Waiter)
		want bool
	}{
		{"of its rule and instance", func(*candidate, *Waiter) {}, true},
		{"of the same moment", func(c *candidate, w *Waiter) { c.Alarm.Time = w.Alarm.Time }, true},
		{"older than it", func(c *candidate, w *Waiter) { c.Alarm.Time = w.Alarm.Time.Add(-1) },
			false},
		{"2 minutes in the future: clocks differ", func(c *candidate, _ *Waiter) {
			c.Alarm.Time = c.Now.Add(MaxSkew)
		}, true},
		{"further in the future", func(c *candidate, _ *Waiter) {
			c.Alarm.Time = c.Now.Add(MaxSkew + 1)
		}, false},
		{"of another rule", func(_ *candidate, w *Waiter) { w.Alarm.Rule = "other" }, false},
		{"of another account", func(_ *candidate, w *Waiter) { w.Alarm.Account = "9" }, false},
		{"of another instance", func(_ *candidate, w *Waiter) { w.Instance = "i-other" }, false},
		{"somebody judges it", func(c *candidate, w *Waiter) { judgedBy("you", time.Minute)(c, w) },
			true},
	} {
		c := opens()
		w := c.Facts.waiter()
		c.Alarm.State, c.Alarm.RawState = events.StateResolved, "Executed"
		c.Alarm.Key = "e-1|Executed"
		c.Alarm.Time = c.Now
		row.edit(c, &w)
		c.Fleet.Value.Waiting = []Waiter{w}
		step := c.ask()
		if step.Verdict != VerdictIgnored || step.Reason != ReasonResolved {
			t.Errorf("%s: %s %s", row.why, step.Verdict, step.Reason)
		}
		if row.want {
			w.ResolvedAt = c.Now
		}
		if diff := cmp.Diff([]Waiter{w}, c.Fleet.Value.Waiting); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.why, diff)
		}
		if row.want != (len(c.wrote) == 1) {
			t.Errorf("%s: wrote %v", row.why, c.wrote)
		}
	}
}

// The alarms of one event.
func TestTogether(t *testing.T) {
	older, younger := opens().Facts, opens().Facts
	younger.Alarm.Time = older.Alarm.Time.Add(1)
	if older.Compare(&younger) >= 0 || younger.Compare(&older) <= 0 || older.Compare(&older) != 0 {
		t.Error("the older alarm does not come first")
	}
	if !older.Leads() || older.ForOthers() {
		t.Error("an alarm does not lead, or is somebody else's")
	}
	older.Alarm.State = events.StateResolved
	if older.Leads() {
		t.Error("an alarm that is over leads")
	}
	if swept := (&Facts{Swept: true}); !swept.ForOthers() {
		t.Error("a sweep is for itself")
	}
	read := Reading[Fleet]{At: recordNoon, Value: Fleet{Revision: 1}}
	later := Reading[Fleet]{At: recordNoon.Add(1), Value: Fleet{Revision: 2}}
	failed := Reading[Fleet]{At: later.At, Failure: FailureUnavailable}
	for _, row := range []struct {
		why         string
		mine, other Facts
		want        uint64
	}{
		{"what is newer", Facts{Fleet: read}, Facts{Fleet: later}, 2},
		{"not what is older", Facts{Fleet: later}, Facts{Fleet: read}, 2},
		{"not what could not be read", Facts{Fleet: read}, Facts{Fleet: failed}, 1},
		{"not what is not known", Facts{Fleet: read}, Facts{}, 1},
		{"not of another book", Facts{Fleet: read}, Facts{Book: BookObserve, Fleet: later}, 1},
	} {
		row.mine.Hear(&row.other)
		if got := row.mine.Fleet.Value.Revision; got != row.want {
			t.Errorf("%s: it knows revision %d, want %d", row.why, got, row.want)
		}
	}
}

// Who takes a turn after an incident has settled: one alarm, if the invocation has time for it.
func TestSucceed(t *testing.T) {
	fleet := func(at time.Duration, waiting ...Waiter) Reading[Fleet] {
		return Reading[Fleet]{At: recordNoon.Add(at), Value: Fleet{Waiting: waiting,
			Revision: uint64(9 + at/time.Second)}}
	}
	p := *recordPolicy()
	p.AlarmMaxAge = time.Minute
	one, two, old := waiterAt("i-1", -30), waiterAt("i-2", -20), waiterAt("i-0", -61)
	p.FleetConcurrent = 2
	leased, leasedToo := one, two
	leased.By, leased.LeaseUntil = "you", recordNoon.Add(1-p.Lease/10)
	leasedToo.By, leasedToo.LeaseUntil = "you", leased.LeaseUntil
	settled := func(f Reading[Fleet]) *Facts {
		return &Facts{Fleet: f, Seen: Seen{Ending: recordOpen(recordNoon, 1)}}
	}
	swept := func(wrote Wrote, ofFleet bool) *Facts {
		return &Facts{Fleet: fleet(0, one), Swept: true,
			Written: Written{Wrote: wrote, Fleet: ofFleet}}
	}
	for _, row := range []struct {
		why  string
		all  []*Facts
		edit func(*Facts)
		want string
	}{
		{"the oldest", []*Facts{settled(fleet(0, one, two))}, nil, "i-1"},
		{"nobody waits", []*Facts{settled(fleet(0))}, nil, ""},
		{"nothing has settled", []*Facts{{Fleet: fleet(0, one)}}, nil, ""},
		{"the sweep gave back the slot of an incident that has ended",
			[]*Facts{swept(WroteDone, true)}, nil, "i-1"},
		{"it tried to", []*Facts{swept(WroteConflict, true)}, nil, ""},
		{"it wrote the instance's record", []*Facts{swept(WroteDone, false)}, nil, ""},
		{"an alarm's own write gave nothing back", []*Facts{{Fleet: fleet(0, one),
			Written: swept(WroteDone, true).Written}}, nil, ""},
		{"one that gets the slot comes before one that is too old",
			[]*Facts{settled(fleet(0, old, one))}, nil, "i-1"},
		{"with nobody else, one that is too old", []*Facts{settled(fleet(0, old))}, nil, "i-0"},
		{"as the newest reading shows them", []*Facts{settled(fleet(0, one, two)),
			settled(fleet(time.Second, two)), settled(fleet(-time.Second, one))}, nil, "i-2"},
		{"not of a record that is not known", []*Facts{settled(Reading[Fleet]{})}, nil, ""},
		{"not of another book", []*Facts{{Book: BookObserve, Fleet: fleet(0, one),
			Seen: settled(fleet(0)).Seen}}, nil, ""},
		{"not at the end of the time", []*Facts{settled(fleet(0, one))},
			func(f *Facts) { f.StopAt = f.Now }, ""},
		{"just before it", []*Facts{settled(fleet(0, one))},
			func(f *Facts) { f.StopAt = f.Now.Add(1) }, "i-1"},
		{"not one that is judged already", []*Facts{settled(fleet(0, leased, two))}, nil, "i-2"},
		{"nor one whose slot is another's, who is judged",
			[]*Facts{settled(fleet(0, leased, leasedToo, waiterAt("i-3", -10)))}, nil, ""},
		{"not over HTTP", []*Facts{settled(fleet(0, one))},
			func(f *Facts) { f.ClaimBy = f.Now.Add(time.Hour) }, ""},
		{"not of another region", []*Facts{settled(fleet(0, one))},
			func(f *Facts) { f.Region = "cn-beijing" }, ""},
	} {
		f := Facts{Now: recordNoon, Region: "cn-hangzhou", Redelivered: true}
		if row.edit != nil {
			row.edit(&f)
		}
		turn := f.Succeed(p, row.all)
		if turn != (row.want != "") || turn && (f.Waiter.Instance != row.want ||
			f.Alarm.Instance != row.want || f.Redelivered || !f.ForOthers()) {
			t.Errorf("%s: %v, %+v", row.why, turn, f.Waiter)
		}
	}
}
