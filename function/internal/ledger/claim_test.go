package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Here the records come from where they really come from: invocations that do what remedy.Next
// says, over one store.

// armed is a policy that reboots, with the contract's defaults.
func armed() remedy.Policy {
	return remedy.Policy{
		Mode: remedy.ModeEnforce, Force: true, OptInTag: "auto-restart",
		Metrics: []string{"cpu_total"}, Rules: []string{"*"}, Levels: []string{"CRITICAL"},
		SecondCheck: true, HeartbeatFresh: 3 * time.Minute, AlarmMaxAge: 15 * time.Minute,
		AttemptTimeout: 5 * time.Minute, BootGrace: 15 * time.Minute, MaxAttempts: 5,
		IncidentLimit: 45 * time.Minute, Poll: 5 * time.Second, Lease: time.Minute,
		Cooldown: 30 * time.Minute, MaxIncidents: 3, IncidentWindow: 24 * time.Hour,
		FleetConcurrent: 3, FleetHourly: 20,
	}
}

// region is what the invocations see besides the ledger: the time, and the instances, which all
// hang in the same way.
type region struct {
	policy    remedy.Policy
	store     ledger.Store
	at        time.Time
	status    string
	startTime string
	heartbeat time.Time
	replies   func() remedy.Reply // what ECS answers to a reboot
}

func newRegion(store ledger.Store) *region {
	return &region{policy: armed(), store: store, at: ten, status: "Running",
		startTime: "2026-11-01T00:00Z", heartbeat: ten.Add(-time.Hour),
		replies: func() remedy.Reply { return remedy.Reply{Answer: remedy.AnswerAccepted} }}
}

// invocation handles one alarm, or one slot that is swept.
type invocation struct {
	*region
	ledger *ledger.Ledger
	facts  remedy.Facts
	apart  time.Duration // of its clock from the region's
	until  time.Time     // until when it waits, on its own clock
	sent   int           // so many reboots
	result *remedy.Result
	done   bool
}

func (w *region) invoke(owner string, alarm events.Alarm) *invocation {
	v := &invocation{region: w, facts: remedy.Facts{Owner: owner, Account: "1",
		Region: "cn-hangzhou", Book: w.policy.Book(), Alarm: alarm}}
	v.ledger = ledger.New(w.store, w.policy, v.now)
	return v
}

// hangs is the platform's event that an instance hangs.
func hangs(instance, key string, at time.Time) events.Alarm {
	const event = "Instance:InstanceFailure.PerformanceImpact"
	return events.Alarm{Format: events.FormatSystemEvent, Name: event + ":Executing", Rule: event,
		Event: event, EventStatus: "Executing", RawState: "Executing", State: events.StateFiring,
		Product: "ECS", Level: "CRITICAL", Key: key, Time: at, Account: "1", Region: "cn-hangzhou",
		Instance: instance}
}

func (v *invocation) now() time.Time { return v.at.Add(v.apart) }

// next is one decision, and what it leads to. wrote, if given, hears of every write that was done.
func (v *invocation) next(ctx context.Context, wrote func(remedy.Write)) remedy.Step {
	f := &v.facts
	f.Now = v.now()
	step := remedy.Next(&v.policy, f)
	f.Decided(&step)
	switch step.Do {
	case remedy.DoRead:
		v.read(ctx, step.Sources)
	case remedy.DoWrite:
		w := v.ledger.Write(ctx, f.Book, f.Alarm.Instance, step.Write)
		f.Wrote(step.Write, w)
		if w.Wrote == remedy.WroteDone && wrote != nil {
			wrote(step.Write)
		}
	case remedy.DoSend:
		v.sent++
		reply := v.replies()
		reply.At = v.now()
		f.Replied(step.Order, reply)
	case remedy.DoWait:
		v.until = step.Until
		f.Waited()
	default:
		if !f.Reported {
			v.result = step.Result
			f.Told(&step)
			v.done = !f.Reported // else what was not to be done before
		} else {
			v.done = true
		}
	}
	return step
}

func (v *invocation) read(ctx context.Context, sources remedy.Source) {
	f, now, date := &v.facts, v.now(), v.at.Truncate(time.Second)
	instance := f.Alarm.Instance
	if sources.Has(remedy.SourceRecord) {
		f.Record = v.ledger.Record(ctx, f.Book, instance)
	}
	if sources.Has(remedy.SourceFleet) {
		f.Fleet = v.ledger.Fleet(ctx, f.Book)
	}
	if sources.Has(remedy.SourceSign) {
		f.Sign = v.ledger.Sign(ctx, f.Book)
	}
	if sources.Has(remedy.SourceInstance) {
		f.Instance = remedy.Reading[remedy.Instance]{At: now, Date: date, Value: remedy.Instance{
			ID: instance, Region: "cn-hangzhou", Status: v.status, LocksKnown: true,
			ChargeType: "PostPaid", StartTime: v.startTime,
			Tags: map[string]string{"auto-restart": "true"}}}
	}
	if sources.Has(remedy.SourceVitals) {
		f.Vitals = remedy.Reading[remedy.Vitals]{At: now, Date: date,
			Value: remedy.Vitals{Heartbeat: v.heartbeat}}
	}
	if sources.Has(remedy.SourcePlatform) {
		f.Platform = remedy.Reading[[]remedy.PlatformEvent]{At: now, Date: date}
	}
	if sources.Has(remedy.SourceRehearsal) {
		f.Rehearsal = remedy.Reply{At: now, Answer: remedy.AnswerAccepted}
	}
}

// run goes on until the invocation has sent a reboot or has its result. It waits for nothing: its
// clock is set to the end of every wait.
func (v *invocation) run(ctx context.Context, most int) {
	for range most {
		if v.done || v.sent > 0 {
			return
		}
		if step := v.next(ctx, nil); step.Do == remedy.DoWait {
			v.apart = v.until.Sub(v.at)
		}
	}
}

const far = 1000 // more steps than any way to the first reboot has

// Two invocations open an incident of one instance, the second one at any moment of the first one's
// way: one of them reboots it, with one slot, and the other leaves no trace.
func TestTwoOpenOneInstance(t *testing.T) {
	for _, key := range []string{"first", "second"} { // the same alarm twice, and two alarms
		for moment := 0; ; moment++ {
			w := newRegion(ledger.NewMem())
			first := w.invoke("first", hangs("i-1", "first", ten))
			second := w.invoke("second", hangs("i-1", key, ten))
			first.run(t.Context(), moment)
			over := first.sent > 0
			second.run(t.Context(), far)
			first.run(t.Context(), far)
			if first.sent+second.sent != 1 {
				t.Errorf("after %d steps of the first: %d and %d reboots, want one", moment,
					first.sent, second.sent)
			}
			for _, v := range []*invocation{first, second} {
				if v.sent == 0 && (v.result == nil || v.result.Reason != remedy.ReasonInProgress) {
					t.Errorf("after %d steps of the first: the other one ends as %+v", moment,
						v.result)
				}
			}
			l := ledger.New(w.store, w.policy, first.now)
			f, r := fleet(t, l), record(t, l, "i-1")
			if len(f.Open) != 1 || len(f.Begun) != 1 || r.Open == nil ||
				f.Open[0].Incident != r.Open.ID || len(r.Open.Attempts) != 1 || len(r.Recent) != 0 {
				t.Errorf("after %d steps of the first: %+v, %+v", moment, f, r)
			}
			if over {
				break
			}
		}
	}
}

// The fleet's limits are exact, however many begin at once, in one process or in many.
func TestLimitsUnderConcurrency(t *testing.T) {
	const many = 24
	for _, row := range []struct {
		why                string
		concurrent, hourly int
		want               int
		refusal            remedy.Reason
	}{
		{"so many at once", 3, 100, 3, remedy.ReasonFleetConcurrent},
		{"so many within the hour", 100, 5, 5, remedy.ReasonFleetHourly},
		{"no limit reached", many, many, many, ""},
	} {
		w := newRegion(ledger.NewMem())
		w.policy.FleetConcurrent, w.policy.FleetHourly = row.concurrent, row.hourly
		invocations := make([]*invocation, many)
		var all sync.WaitGroup
		for n := range invocations {
			instance := fmt.Sprint("i-", n)
			invocations[n] = w.invoke("owner of "+instance, hangs(instance, instance, ten))
			all.Go(func() { invocations[n].run(t.Context(), far) })
		}
		all.Wait()
		sent := 0
		for _, v := range invocations {
			sent += v.sent
			if v.sent == 0 && (v.result == nil || v.result.Reason != row.refusal) {
				t.Errorf("%s: %s ends as %+v", row.why, v.facts.Alarm.Instance, v.result)
			}
		}
		f := fleet(t, ledger.New(w.store, w.policy, (&clock{ten}).now))
		if sent != row.want || len(f.Open) != row.want || len(f.Begun) != row.want {
			t.Errorf("%s: %d reboots, %d slots and %d beginnings, want %d of each", row.why, sent,
				len(f.Open), len(f.Begun), row.want)
		}
	}
}

// A clock that is set back between a claim and its answer makes no record that cannot be read: the
// next attempt is not claimed before the last one was.
func TestClockSetBack(t *testing.T) {
	for _, back := range []time.Duration{0, time.Second, time.Minute, remedy.MaxSkew} {
		w := newRegion(ledger.NewMem())
		w.replies = func() remedy.Reply {
			return remedy.Reply{Answer: remedy.AnswerNotExecuted, Code: "not-sent"}
		}
		v := w.invoke("owner", hangs("i-1", "key", ten))
		for n, claims := 0, 0; claims < 2 && !v.done && n < far; n++ {
			step := v.next(t.Context(), nil)
			switch {
			case step.Claims() != nil:
				claims++
				v.apart -= back
			case step.Do == remedy.DoWait:
				w.at = w.at.Add(v.until.Sub(v.now()))
			}
		}
		r := v.ledger.Record(t.Context(), remedy.BookEnforce, "i-1")
		if !r.OK() || r.Value.Open == nil || len(r.Value.Open.Attempts) != 2 {
			t.Errorf("set back by %v: %+v", back, r)
		}
	}
}

// life is a region through anything that may happen to it, and to those who look after it.
type life struct {
	*region
	faulty   *faulty
	mem      *ledger.Mem
	under    []*invocation // those that are at work
	names    int
	beats    bool                // the guests report
	versions map[string][]string // what was stored under each key
	saw      map[string]int      // how often things came to be, over all lives
}

var lifeInstances = []string{"i-1", "i-2"}

// check is what must be so at any time: whatever is stored can be read.
func (l *life) check(t *rapid.T) {
	reader := ledger.New(l.mem, l.policy, func() time.Time { return l.at })
	for _, book := range []remedy.Book{remedy.BookEnforce, remedy.BookObserve} {
		for _, instance := range lifeInstances {
			if r := reader.Record(t.Context(), book, instance); !r.OK() {
				value, _, _ := l.mem.Get(t.Context(), string(book)+"instance/"+instance)
				t.Fatalf("%s\n%s", r.Note, value)
			}
			l.remember(t, string(book)+"instance/"+instance)
		}
		if f := reader.Fleet(t.Context(), book); !f.OK() {
			t.Fatal(f.Note)
		}
		if sign := reader.Sign(t.Context(), book); !sign.OK() {
			t.Fatal(sign.Note)
		}
		l.remember(t, string(book)+"fleet")
	}
}

func (l *life) remember(t *rapid.T, key string) {
	value, _, err := l.mem.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if all := l.versions[key]; value != nil && (len(all) == 0 || all[len(all)-1] != string(value)) {
		l.versions[key] = append(all, string(value))
	}
}

func (l *life) owner() string {
	l.names++
	return fmt.Sprint("owner-", l.names)
}

// apart draws how far a clock is from the region's: as far as clocks may be.
func apart(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, time.Second, -time.Second, 20 * time.Second,
		-20 * time.Second, remedy.MaxSkew, -remedy.MaxSkew}).Draw(t, "clock")
}

// add lets an invocation begin, on a clock of its own.
func (l *life) add(t *rapid.T, v *invocation) {
	v.apart = apart(t)
	l.under = append(l.under, v)
}

// step lets an invocation make one step. What the ledger took from it reads as it wrote it.
func (l *life) step(t *rapid.T, v *invocation) {
	step := v.next(t.Context(), func(write remedy.Write) {
		reader := ledger.New(l.mem, l.policy, v.now)
		var diff string
		if write.Record != nil {
			read := reader.Record(t.Context(), v.facts.Book, v.facts.Alarm.Instance)
			diff = read.Note + cmp.Diff(v.facts.Record.Value, read.Value, equal)
		} else {
			read := reader.Fleet(t.Context(), v.facts.Book)
			diff = read.Note + cmp.Diff(v.facts.Fleet.Value, read.Value, equal)
		}
		if diff != "" {
			t.Fatalf("what its owner takes for stored is not (-owner +ledger):\n%s", diff)
		}
	})
	switch {
	case step.Do == remedy.DoWrite && step.Waits():
		l.saw["a wait"]++
	case step.Opens():
		l.saw["an opening"]++
	case step.Claims() != nil:
		l.saw["a claim"]++
	case step.Ends():
		l.saw["an end "+string(step.Reason)]++
	}
}

func (l *life) actions() map[string]func(*rapid.T) {
	actions := l.disasters()
	some := func(t *rapid.T) *invocation {
		if len(l.under) == 0 {
			t.Skip("nobody is at work")
		}
		return l.under[rapid.IntRange(0, len(l.under)-1).Draw(t, "whose")]
	}
	actions["an alarm"] = func(t *rapid.T) {
		instance := rapid.SampledFrom(lifeInstances).Draw(t, "of")
		alarm := hangs(instance, fmt.Sprint("key-", rapid.IntRange(0, 99).Draw(t, "key")), l.at)
		if rapid.IntRange(0, 5).Draw(t, "over") == 0 {
			alarm.State = events.StateResolved
		} else if rapid.IntRange(0, 5).Draw(t, "true") > 0 {
			l.status, l.beats, l.heartbeat = "Running", false, l.at.Add(-10*time.Minute)
		}
		v := l.invoke(l.owner(), alarm)
		v.facts.Redelivered = rapid.Bool().Draw(t, "again")
		l.add(t, v)
	}
	actions["the sweep"] = func(t *rapid.T) {
		for _, book := range l.policy.SweptBooks() {
			reader := ledger.New(l.store, l.policy, func() time.Time { return l.at })
			f, sign := reader.Fleet(t.Context(), book), reader.Sign(t.Context(), book)
			tending := remedy.Tending{Fleet: f, Sign: sign, Version: "version"}
			for {
				write, wanted := remedy.Tend(&l.policy, &tending, l.at)
				if !wanted {
					break
				}
				tending.Last, tending.Written = write, reader.Write(t.Context(), book, "", write)
			}
			for _, slot := range f.Value.Sweepable(l.policy, book, "cn-hangzhou", l.at) {
				v := l.invoke(l.owner(), events.Alarm{Instance: slot.Instance})
				v.facts.Swept, v.facts.Slot, v.facts.Book, v.facts.Fleet = true, slot, book, f
				l.add(t, v)
			}
			for _, w := range f.Value.DueWaiters(l.policy, "cn-hangzhou", l.at) {
				v := l.invoke(l.owner(), events.Alarm{})
				v.facts.TakeTurn(w, book, f)
				l.saw["a turn"]++
				l.add(t, v)
			}
		}
	}
	work := func(t *rapid.T) {
		v := some(t)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if v.done || v.now().Before(v.until) {
				break
			}
			l.step(t, v)
		}
	}
	goOn := func(t *rapid.T) {
		for range rapid.IntRange(1, 300).Draw(t, "polls") {
			l.at = l.at.Add(l.policy.Poll)
			l.live()
			for _, v := range l.under {
				for n := 0; n < 20 && !v.done && !v.now().Before(v.until); n++ {
					l.step(t, v)
				}
			}
		}
	}
	for _, often := range []string{"", " on", " and on"} { // it is most of what happens
		actions["work goes"+often] = work
		actions["all go on for minutes"+often] = goOn
		actions["an alarm"+often] = actions["an alarm"]
	}
	actions["time passes"] = func(t *rapid.T) {
		l.at = l.at.Add(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second,
			time.Minute, 6 * time.Minute, 40 * time.Minute, 25 * time.Hour}).Draw(t, "for"))
		l.policy.Mode = remedy.ModeEnforce
	}
	actions["the instances move"] = func(t *rapid.T) {
		l.status = rapid.SampledFrom([]string{"Running", "Stopping", "Starting", "Stopped"}).
			Draw(t, "to")
	}
	actions[""] = func(t *rapid.T) {
		var under []*invocation
		for _, v := range l.under {
			if !v.done {
				under = append(under, v)
			}
		}
		l.under = under
		l.check(t)
	}
	return actions
}

// live lets the instances go on by themselves: what is Starting will run, and report.
func (l *life) live() {
	if l.status == "Starting" {
		l.status, l.beats, l.startTime = "Running", true, l.at.Format("2006-01-02T15:04Z")
	} else if l.beats {
		l.heartbeat = l.at
	}
}

// reply is what ECS answers to a reboot, which an instance may ignore.
func (l *life) reply(t *rapid.T) remedy.Reply {
	reply := remedy.Reply{Answer: rapid.SampledFrom([]remedy.Answer{remedy.AnswerAccepted,
		remedy.AnswerAccepted, remedy.AnswerUnknown, remedy.AnswerRejected,
		remedy.AnswerNotExecuted}).Draw(t, "answer")}
	switch {
	case reply.Answer == remedy.AnswerRejected:
		reply.Reason = rapid.SampledFrom([]remedy.Reason{remedy.ReasonRejected,
			remedy.ReasonNotRunning}).Draw(t, "reason")
	case reply.Answer != remedy.AnswerNotExecuted && rapid.Bool().Draw(t, "restarts"):
		l.status = "Starting"
	}
	return reply
}

// disasters are what should not happen, and does; and what operators do.
func (l *life) disasters() map[string]func(*rapid.T) {
	records := func(t *rapid.T) *ledger.Records {
		late := apart(t)
		return ledger.New(l.mem, l.policy, func() time.Time { return l.at.Add(late) }).
			In(remedy.BookEnforce)
	}
	some := func(t *rapid.T) int {
		if len(l.under) == 0 {
			t.Skip("nobody is at work")
		}
		return rapid.IntRange(0, len(l.under)-1).Draw(t, "whose")
	}
	return map[string]func(*rapid.T){
		"a crash": func(t *rapid.T) {
			n := some(t)
			l.under = append(l.under[:n], l.under[n+1:]...)
		},
		"out of time": func(t *rapid.T) { v := l.under[some(t)]; v.facts.Interrupted(v.now()) },
		"a clock is set": func(t *rapid.T) {
			v := l.under[some(t)]
			v.apart = apart(t)
		},
		"an answer is lost": func(t *rapid.T) {
			kept := rapid.Bool().Draw(t, "kept")
			l.faulty.put = func(ctx context.Context, write func(context.Context) (uint64, error)) (
				uint64, error) {
				if kept {
					if _, err := write(ctx); err != nil {
						return 0, err
					}
				}
				l.faulty.get = func(context.Context) error { return errGone }
				return 0, errGone
			}
		},
		"an old record comes back": func(t *rapid.T) {
			keys := []string{"instance/i-1", "instance/i-2", "fleet"}
			key := rapid.SampledFrom(keys).Draw(t, "which")
			if len(l.versions[key]) == 0 {
				t.Skip("there is none")
			}
			old := rapid.SampledFrom(l.versions[key]).Draw(t, "old")
			_, revision, err := l.mem.Get(t.Context(), key)
			if err == nil {
				_, err = l.mem.Put(t.Context(), key, []byte(old), revision)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"the mode changes": func(t *rapid.T) {
			l.policy.Mode = rapid.SampledFrom([]remedy.Mode{remedy.ModeEnforce, remedy.ModeEnforce,
				remedy.ModeObserve, remedy.ModeOff}).Draw(t, "to")
		},
		"close": func(t *rapid.T) {
			instance := rapid.SampledFrom(lifeInstances).Draw(t, "of")
			if r := records(t).Record(t.Context(), instance); r.OK() && r.Value.Open != nil {
				if _, err := records(t).Close(t.Context(), r.Value.Open.ID); err != nil {
					t.Fatal(err)
				}
				l.saw["a close"]++
			}
		},
		"reset": func(t *rapid.T) {
			instance := rapid.SampledFrom(lifeInstances).Draw(t, "of")
			records(t).Reset(t.Context(), instance) // it may refuse
		},
		"pause": func(t *rapid.T) {
			until := l.at.Add(time.Minute)
			if _, err := records(t).Pause(t.Context(), until, "maintenance"); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// Whatever happens to those who write them, no record ever becomes unreadable by our own doing:
// nobody would look after its instance any more. And what its owner takes for stored is stored.
func TestWhatIsWrittenCanBeRead(t *testing.T) {
	saw := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		mem := ledger.NewMem()
		store := &faulty{Store: mem}
		l := &life{region: newRegion(store), faulty: store, mem: mem,
			versions: map[string][]string{}, saw: saw}
		l.policy.Cooldown = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "cool-down")
		l.policy.MaxIncidents, l.policy.FleetWaiting = 100, 2
		l.policy.FleetConcurrent = rapid.SampledFrom([]int{1, 1, 1, 3}).Draw(t, "slots")
		l.replies = func() remedy.Reply { return l.reply(t) }
		t.Repeat(l.actions())
	})
	t.Log(saw)
	for _, what := range []string{"an opening", "a claim", "a close", "an end recovered",
		"a wait"} {
		if saw[what] == 0 && !t.Failed() {
			t.Errorf("%s never came to be", what)
		}
	}
}
