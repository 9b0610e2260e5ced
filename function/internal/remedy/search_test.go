package remedy_test

import (
	"flag"
	"fmt"
	"hash/maphash"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/lawtest"
	. "ecs-remedy/function/internal/remedy"
)

// The search visits every history of a small world: several processes, each the loop of package
// handle around Next, interleaved move by move over one store. It proves what ships, for it runs
// nothing else: the rules are Next's, the records' changes are package remedy's, and the laws are
// lawtest's.

var deep = flag.Int("deep", 0, "how many more faults, crashes, freezes and changes than usual one "+
	"history of the search may hold")

// A deeper search has more states than anybody can wait for: it is given a time.
var deepFor = flag.Duration("deep-for", 20*time.Minute, "how long a deeper search goes on")

// raced: the test runs under the race detector.
var raced bool

// budget is how many things may go wrong in one history, of each kind.
type budget struct {
	faults  int // a read that fails, a write whose answer is lost (done or not), an answer of ECS
	crashes int // a process dies between two moves
	freezes int // a process stands still between two moves
	changes int // somebody else does something: an operator, the instance's owner, the guest
	sweeps  int // the timer comes by while somebody is at work
	losses  int // the ledger loses everything
}

// searched is one state: a world, its processes, and what may still go wrong.
type searched struct {
	w world
	p [2]process
	budget
	still  time.Duration // how long a freeze is; 0: longer than any lease
	timers int           // how often the timer came by
	queue  bool          // it is about the queue: things happen while nobody is at work, too
	over   bool          // settled
	trace  *history      // the commands that led here, as a scenario file has them; nil: not kept
}

// command carries out one command of a search's scenario file:
//
//	move NAME [FAULT]   the process's next effect; a fault is one of a read (down), of a write
//	                    (lost: done, and the answer is lost; void: not done, no answer) or of a
//	                    send
//	together NAME OTHER [newest] [FAULT]
//	                    the change of the fleet's record that it is about to make, and the
//	                    other's, in one write; it may know the newest record by then
//	along NAME CHANGE   its change, in one write with one of another instance: take or free
//	crash NAME          it dies
//	freeze NAME [11s]   it stands still for so long, or for two leases, with what it was about
//	                    to do
//	somebody CHANGE     see changes
//	lose                the ledger loses everything
//	timer               the sweep comes by
//	time                time passes, until somebody has something to do
//	end                 nobody else comes but the sweep, until nothing is under way
func (x *searched) command(line string) error {
	words := strings.Fields(line)
	name := strings.Join(words[1:], " ")
	named := func(n int) *process {
		for i := range x.p {
			if len(words) > n && x.p[i].facts.Owner == words[n] {
				return &x.p[i]
			}
		}
		return nil
	}
	switch p := named(1); words[0] {
	case "move", "crash", "freeze", "together", "along":
		if p == nil || p.done {
			return fmt.Errorf("%s: no such process is alive", line)
		}
		switch words[0] {
		case "together":
			other, rest := named(2), words[3:]
			if other == nil || !p.changesFleet() || !other.changesFleet() {
				return fmt.Errorf("%s: they do not both change the fleet's record", line)
			}
			newest := len(rest) > 0 && rest[0] == "newest"
			if newest {
				rest = rest[1:]
			}
			x.w.together(p, other, newest, strings.Join(rest, " "))
		case "along":
			change := map[string]func(*world){
				"take": func(w *world) { w.take() }, "free": (*world).free,
			}[strings.Join(words[2:], " ")]
			if change == nil || !p.changesFleet() {
				return fmt.Errorf("%s: nothing goes along", line)
			}
			x.w.withAnother(p, change)
		case "move":
			x.w.move(p, strings.Join(words[2:], " "))
		case "crash":
			p.done = true
		case "freeze":
			still := 2 * x.w.policy.Lease
			if len(words) > 2 {
				var err error
				if still, err = time.ParseDuration(words[2]); err != nil {
					return err
				}
			}
			p.wake = x.w.now.Add(still)
		}
	case "somebody":
		i := slices.IndexFunc(changes, func(c change) bool { return c.name == name })
		if i < 0 {
			return fmt.Errorf("%s: nobody does that", line)
		}
		changes[i].do(&x.w)
	case "lose":
		x.w.lose()
	case "timer":
		i := slices.IndexFunc(x.p[:], func(p process) bool { return p.done })
		if i < 0 {
			return fmt.Errorf("%s: both processes are alive", line)
		}
		x.p[i] = *sweep(x.timer())
	case "time":
		x.w.until(x.wake())
	case "end":
		if broken := x.settle(); broken != "" && x.w.laws.Broken == "" {
			x.w.laws.Broken = broken
		}
	default:
		return fmt.Errorf("%s: no such command", line)
	}
	return nil
}

// timer is the name of the next sweep.
func (x *searched) timer() string {
	if x.timers++; x.timers == 1 {
		return "timer"
	}
	return fmt.Sprint("timer-", x.timers)
}

// wake is when the next process has something to do.
func (x *searched) wake() time.Time {
	var wake time.Time
	for i := range x.p {
		if p := &x.p[i]; !p.done && (wake.IsZero() || p.wake.Before(wake)) {
			wake = p.wake
		}
	}
	return wake
}

// search visits every state that can be reached from one.
type search struct {
	seen    map[uint64]struct{}
	seed    maphash.Seed
	buf     []byte // of key
	moves   int
	limit   int
	until   time.Time // of a deeper search
	broken  string
	trace   *history // of the state that broke a law
	partial bool
	free    []*searched // states that are done with, to be used again
}

// copied is a copy of a state, in the place of one that is done with.
func (s *search) copied(x *searched) *searched {
	y := new(searched)
	if n := len(s.free); n > 0 {
		y, s.free = s.free[n-1], s.free[:n-1]
	}
	*y = *x
	return y
}

// change is what other people may do at any moment.
type change struct {
	name string
	do   func(*world)
}

var changes = []change{
	{"lock", func(w *world) { w.machine.Locks = []string{"security"} }},
	{"untag", func(w *world) { w.machine.Tags = map[string]string{} }},
	{"pause", func(w *world) { w.pause("now") }},
	{"beat", func(w *world) { w.machine.beatFrom = w.now }},
	{"stop", func(w *world) { w.machine.Status, w.machine.turns = "Stopped", nil }},
	{"close", (*world).close},
	{"resolve", (*world).resolve},
	{"lose fleet", (*world).loseFleet},
	{"free", (*world).free},
	{"take", func(w *world) { w.take() }},
	{
		"write",
		func(w *world) { w.changeFleet(func(f Fleet) Fleet { return f }) },
	}, // of another instance
	{"fill", (*world).crowd},
	{"delete", func(w *world) { w.hide(SourceInstance, FailureMissing) }},
	{"blind", func(w *world) { w.hide(SourceLive, FailureUnavailable) }},
}

// visit goes on from a state in every way. The state is done with then.
func (s *search) visit(x *searched) {
	if s.broken == "" && s.enter(x) {
		s.next(x, s.visit)
	}
	s.free = append(s.free, x)
}

// enter reports whether the state is a new one. A broken law ends the search.
func (s *search) enter(x *searched) bool {
	if x.w.laws.Broken != "" {
		s.broken, s.trace = x.w.laws.Broken, x.trace
		return false
	}
	key := s.key(x)
	if _, known := s.seen[key]; known {
		return false
	}
	late := !s.until.IsZero() && len(s.seen)%1024 == 0 && time.Now().After(s.until)
	if s.partial = s.partial || late || len(s.seen) >= s.limit; s.partial {
		return false
	}
	s.seen[key] = struct{}{}
	return true
}

// next makes every state that follows.
func (s *search) next(x *searched, visit func(*searched)) {
	to := func(spend func(*budget), command string) {
		if s.broken != "" {
			return
		}
		s.moves++
		y := s.copied(x)
		if y.trace != nil {
			y.trace = &history{y.trace, command}
		}
		if spend != nil {
			spend(&y.budget)
		}
		if err := y.command(command); err != nil {
			panic(err) // unreachable: the search makes its commands itself
		}
		visit(y)
	}
	alive, runnable := 0, 0
	s.joined(x, to)
	for i := range x.p {
		p := &x.p[i]
		if p.done {
			continue
		}
		alive++
		if p.wake.After(x.w.now) {
			continue
		}
		runnable++
		to(nil, "move "+p.facts.Owner)
		for _, fault := range faultsOf(p) {
			if x.faults > 0 {
				to(func(b *budget) { b.faults-- }, "move "+p.facts.Owner+" "+fault)
			}
		}
		// Before it has done anything, a process that dies or stands still is one that comes later.
		acts := p.ready && (p.step.Do == DoWrite || p.step.Do == DoSend)
		begun := acts || p.facts.Seen.Incident != nil || p.facts.Waiter != nil
		if x.crashes > 0 && begun {
			to(func(b *budget) { b.crashes-- }, "crash "+p.facts.Owner)
		}
		switch {
		case x.freezes == 0:
		case x.still == 0 && begun:
			to(func(b *budget) { b.freezes-- }, "freeze "+p.facts.Owner)
		case x.still > 0: // what it has read by then is still good
			to(func(b *budget) { b.freezes-- }, "freeze "+p.facts.Owner+" "+x.still.String())
		}
	}
	if x.changes > 0 && (runnable > 0 || x.queue && alive == 0 && !x.over) {
		for _, change := range changes {
			if !x.queue && (change.name == "free" || change.name == "take") {
				continue
			}
			to(func(b *budget) { b.changes-- }, "somebody "+change.name)
		}
	}
	known := x.w.record.Open != nil || len(x.w.fleet.Open) > 0 || len(x.w.fleet.Waiting) > 0
	if x.losses > 0 && runnable > 0 && known {
		to(func(b *budget) { b.losses-- }, "lose")
	}
	if x.sweeps > 0 && (len(x.w.fleet.Open) > 0 || x.queue) && alive < len(x.p) && !x.over &&
		(runnable == 0 || x.queue) {
		to(func(b *budget) { b.sweeps-- }, "timer")
	}
	switch {
	case alive == 0 && !x.over:
		to(nil, "end")
	case alive > 0 && runnable == 0:
		to(nil, "time")
	}
}

// joined makes every state that follows where changes of the fleet's record go together.
func (s *search) joined(x *searched, to func(spend func(*budget), command string)) {
	can := func(p *process) bool { return p.changesFleet() && !p.wake.After(x.w.now) }
	for i := range x.p {
		p, other := &x.p[i], &x.p[1-i]
		if !can(p) {
			continue
		}
		if x.changes > 0 && x.queue {
			to(func(b *budget) { b.changes-- }, "along "+p.facts.Owner+" take")
			to(func(b *budget) { b.changes-- }, "along "+p.facts.Owner+" free")
		}
		if !can(other) {
			continue
		}
		both := "together " + p.facts.Owner + " " + other.facts.Owner
		to(nil, both)
		if p.step.Write.Fleet.Revision != x.w.fleet.Revision {
			to(nil, both+" newest")
		}
		if x.faults > 0 {
			to(func(b *budget) { b.faults-- }, both+" "+faultLost)
			to(func(b *budget) { b.faults-- }, both+" "+faultVoid)
		}
	}
}

// faultsOf are what may become of the effect that the process is about to have.
func faultsOf(p *process) []string {
	switch {
	case !p.ready:
		return nil
	case p.step.Do == DoSend:
		return []string{"lost", "void", "throttled", "conflict", "status", "locked"}
	case p.step.Do == DoWrite:
		return []string{faultLost, faultVoid}
	case p.step.Do == DoRead:
		return []string{"down"}
	}
	return nil
}

// longest is how long an incident may be looked after.
func longest(p *Policy) time.Duration {
	return p.IncidentLimit + p.AttemptTimeout + p.BootGrace + 2*p.Lease
}

// settle checks LIVENESS at the end of a history: with nobody else about, and slots coming free,
// the sweep ends every incident and judges every alarm that waits in a bounded time, and every
// verdict is reported: one that was lost with its process, to the next delivery of its event, or to
// the sweep where nobody delivers it again. It returns what does not hold.
func (x *searched) settle() string {
	w := &x.w
	x.over = true
	w.others, w.outages, w.answers = nil, nil, nil
	for w.crowded() {
		w.free()
	}
	from := w.now
	for round := 0; len(w.fleet.Open) > 0 || len(w.fleet.Waiting) > 0; round++ {
		if due := x.due(); due.After(w.now) {
			w.until(due)
		}
		if len(w.fleet.Waiting) > 0 && w.fleet.Paused.On(w.now) {
			w.resume() // a pause keeps them waiting
		}
		p := sweep(fmt.Sprint("sweep-", round))
		for moves := 0; !p.done; moves++ {
			if p.wake.After(w.now) {
				w.until(p.wake)
			}
			w.move(p, "")
			if w.now.Sub(from) > 2*longest(&w.policy) || moves > 5000 {
				return lawtest.Liveness + ": a sweep never ends"
			}
		}
		if round == 6 {
			return fmt.Sprintf("%s: somebody is left: %+v", lawtest.Liveness, w.fleet)
		}
	}
	// Without its slot an incident whose owner died is found by its instance's next alarm only.
	if open := w.record.Open; open != nil && len(open.Attempts) > 0 && !w.slotless {
		return lawtest.Liveness + ": " + open.ID + " is open, and has no slot"
	}
	for _, e := range w.laws.Unreported() {
		if w.laws.Waited(e.ID) && !w.slotless {
			return fmt.Sprintf("%s: no sweep tells that %s ended %s/%s", lawtest.Liveness, e.ID,
				e.Verdict, e.Reason)
		}
		a := Hangs()
		for _, other := range []func() events.Alarm{Busy, Quiet} {
			if e.Alarm.Key == other().Key {
				a = other()
			}
		}
		p := alarmed("again", a)
		p.facts.Redelivered = true
		w.run(p, 100)
		if p.result == nil || p.result.Verdict != e.Verdict || p.result.Reason != e.Reason {
			return fmt.Sprintf("%s: nobody is told that %s ended %s/%s", lawtest.Liveness, e.ID,
				e.Verdict, e.Reason)
		}
	}
	return ""
}

// due is when a sweep has something to do: what somebody holds is left to him for as long as his
// lease runs, and the end of an incident to whoever wrote it.
func (x *searched) due() time.Time {
	w, p := &x.w, &x.w.policy
	var due time.Time
	until := func(t time.Time) {
		if t = p.Takeover(t); t.After(due) {
			due = t
		}
	}
	if open := w.record.Open; open != nil {
		until(open.LeaseUntil)
	}
	for _, waiter := range w.fleet.Waiting {
		until(waiter.LeaseUntil)
	}
	for _, slot := range w.fleet.Open {
		if ended := w.record.Ended(slot.Incident); ended != nil && slot.Waiter != nil {
			until(ended.EndedAt.Add(p.Lease))
		}
	}
	return due
}

// coarse is a policy with few polls in a ladder, so that the search is short.
func coarse() Policy {
	p := Armed()
	p.Poll, p.AttemptTimeout, p.BootGrace = time.Minute, 2*time.Minute, 3*time.Minute
	p.Lease, p.MaxAttempts, p.IncidentLimit = 6*time.Minute, 4, 20*time.Minute
	return p
}

type namedGuest struct {
	name string
	guest
}

// guests are the behaviours that the search starts from. The first ones are told apart by whatever
// an attempt may come to; some depths look at these only.
var guests = []namedGuest{
	{"obeys", guest{}},
	{"ignores one", guest{ignores: 1}},
	{"ignores everything", guest{ignores: 9, ignoresForce: 9}},
	{"sticks in Stopping", guest{sticks: "Stopping"}},
	{"late, and mute, its StartTime the same", guest{mute: true, same: true,
		delay: 150 * time.Second}},

	{"ignores every graceful one", guest{ignores: 9}},
	{"shrugs", guest{ignores: 9, shrugs: true}},
	{"sticks in Starting, forced, too", guest{sticks: "Starting", sticksForced: true}},
	{"shuts down slowly", guest{shutdown: 5 * time.Minute}},
	{"stays off", guest{sticks: "Stopped"}},
	{"obeys after the attempt's time", guest{delay: 150 * time.Second}},
	{"comes back mute, its StartTime the same", guest{mute: true, same: true}},
	{"never reported, ignores every one", guest{agentless: true, ignores: 9}},
}

// origin is where a search starts: two deliveries at once, the second of them a repetition.
func origin(name, second string) (*searched, error) {
	w := hung()
	i := slices.IndexFunc(guests, func(g namedGuest) bool { return g.name == name })
	if i < 0 || seconds[second] == nil {
		return nil, fmt.Errorf("no guest %q, or no second alarm %q", name, second)
	}
	g := guests[i].guest
	w.policy, w.machine.guest = coarse(), g
	w.laws.Policy = w.policy
	w.refuses = g.sticksForced || g.shutdown > 0
	if g.agentless {
		w.machine.lastBeat = time.Time{}
	}
	x := &searched{w: *w}
	x.p[0], x.p[1] = *alarmed("first", Hangs()), *alarmed("second", seconds[second]())
	x.p[1].facts.Redelivered = true
	if second == "hurried" {
		// Its time is over before the minute is, and with that what ECS's throttling tells it to
		// wait.
		x.w.now, x.w.answers = Start.Add(55*time.Second), []string{"throttled"}
		x.p[1].facts.StopAt = x.w.now.Add(4 * time.Second)
	}
	if second == "kept" {
		x.w.policy.EvidenceLimit = 3 * time.Second
	}
	return x, x.crowd(second)
}

// crowd sets up the origins that are about the queue. One other instance has the only slot, so that
// the alarm waits; where the turn is the first one's, it waits already and the slot is free, and
// the timer comes by: once, or twice at the same moment.
func (x *searched) crowd(second string) error {
	w := &x.w
	w.policy.FleetConcurrent, w.policy.FleetWaiting = 1, 1
	w.laws.Policy = w.policy
	switch words := strings.Fields(second); {
	case words[0] == "crowded":
		w.crowd()
	case words[0] == "turn":
		w.crowd()
		w.run(&x.p[0], 100)
		if len(w.fleet.Waiting) != 1 {
			return fmt.Errorf("the alarm does not wait: %+v", x.p[0].result)
		}
		w.free()
		x.p[0] = *sweep(x.timer())
		if second == "turn twice" {
			x.p[1] = *sweep(x.timer())
		}
	default:
		w.policy.FleetConcurrent = Armed().FleetConcurrent
		w.policy.FleetWaiting = Armed().FleetWaiting
		w.laws.Policy = w.policy
		return nil
	}
	x.queue = true
	return nil
}

// seconds are the alarms of the second delivery.
var seconds = map[string]func() events.Alarm{
	"same":     Hangs,
	"another":  Busy,
	"resolved": resolvedAlarm,
	"hurried":  Hangs, // the same, in an invocation whose time is nearly over
	"kept":     Hangs, // the same, and evidence is kept

	"crowded by the same":       Hangs, // see searched.crowd
	"crowded by another":        Busy,
	"crowded by its resolution": resolvedAlarm,
	"turn and the same":         Hangs,
	"turn and another":          Busy,
	"turn and its resolution":   resolvedAlarm,
	"turn twice":                Hangs,
}

// explore searches from an origin in depth; a deeper search for that long.
func explore(x *searched, share time.Duration) *search {
	s := &search{seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), limit: 1 << 24}
	if *deep > 0 {
		s.limit, s.until = 1<<28, time.Now().Add(share)
	}
	s.visit(x)
	return s
}

// shortest finds a shortest history in which a law is broken, and returns it as a scenario file.
func shortest(x *searched, header string) string {
	s := &search{seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), limit: 1 << 18}
	x.trace = &history{}
	for row := []*searched{x}; len(row) > 0 && s.broken == ""; {
		var next []*searched
		for _, y := range row {
			if s.enter(y) {
				s.next(y, func(z *searched) { next = append(next, z) })
			}
		}
		row = next
	}
	return "# " + s.broken + "\n" + header + "\n" + s.trace.String() + "----\n"
}

// depth is what one search allows to go wrong, and with which second alarm.
type depth struct {
	name string
	budget
	second string
	still  time.Duration // see searched
	first  int           // of the guests; 0: all of them
}

// resolved says that the hang is over.
func resolvedAlarm() events.Alarm {
	a := Hangs()
	a.State, a.Key, a.Time = events.StateResolved, "e-1|Executed", Start.Add(time.Second)
	return a
}

var depths = []depth{
	{"faults", budget{faults: 2}, "same", 0, 0},
	{"crash and fault", budget{crashes: 1, faults: 1, sweeps: 1}, "same", 0, 0},
	{"crash, resolved", budget{crashes: 1}, "resolved", 0, 0},
	{"freeze and sweep", budget{freezes: 1, sweeps: 1}, "same", 0, 0},
	{"freeze and crash", budget{freezes: 1, crashes: 1}, "another", 0, 0},
	{"change", budget{changes: 1, sweeps: 1}, "another", 0, 0},
	{"change and crash", budget{changes: 1, crashes: 1}, "same", 0, 0},
	{"loss", budget{losses: 1, crashes: 1}, "same", 0, 0},
	{"stall", budget{freezes: 1, changes: 1}, "another", 11 * time.Second, 5},
	{"evidence", budget{freezes: 1, faults: 1}, "kept", 11 * time.Second, 2},
	{"evidence and change", budget{freezes: 1, changes: 1}, "kept", 11 * time.Second, 2},
	{"hurry", budget{freezes: 1, faults: 1}, "hurried", 6 * time.Second, 5},
}

// queues are the searches of an alarm that waits, or whose turn it is.
var queues = []depth{
	{"comes twice", budget{changes: 1, sweeps: 2, faults: 1}, "crowded by the same", 0, 0},
	{"comes twice, crash", budget{changes: 1, sweeps: 2, crashes: 1}, "crowded by the same", 0, 0},
	{"another", budget{changes: 1, sweeps: 1, faults: 1}, "crowded by another", 0, 0},
	{"resolved while it comes", budget{changes: 1, sweeps: 1}, "crowded by its resolution", 0, 0},
	{"its turn, faults", budget{faults: 2, sweeps: 1}, "turn twice", 0, 0},
	{"its turn, crashes", budget{crashes: 2, sweeps: 2}, "turn twice", 0, 0},
	{"its turn, crash and fault", budget{crashes: 1, faults: 1, sweeps: 1}, "turn twice", 0, 0},
	{"its turn, freeze", budget{freezes: 1, sweeps: 1, crashes: 1}, "turn twice", 0, 0},
	{"its turn, change", budget{changes: 1, sweeps: 1}, "turn twice", 0, 0},
	{"its turn, loss", budget{losses: 1, sweeps: 1}, "turn twice", 0, 0},
	{"its turn, the same", budget{crashes: 1, faults: 1}, "turn and the same", 0, 0},
	{"its turn, another", budget{crashes: 1, changes: 1}, "turn and another", 0, 0},
	{"its turn, resolved", budget{crashes: 1, faults: 1}, "turn and its resolution", 0, 0},
}

// queued are the guests that those searches have: how far a ladder goes is the others' matter.
var queued = []string{"obeys"}

// TestEveryHistory visits every interleaving of two deliveries, with every fault, crash, freeze,
// sweep, loss and change by somebody else between any two moves, to the stated depth: that many of
// them in one history. A crash may fall between the writes of the two records.
func TestEveryHistory(t *testing.T) {
	// The states that are in use at once are few and short-lived.
	percent, begun := debug.SetGCPercent(1000), time.Now()
	var states, moves atomic.Int64
	var broken atomic.Bool
	t.Cleanup(func() { // when all of it has been searched
		debug.SetGCPercent(percent)
		t.Logf("%d states, %d moves in %v", states.Load(), moves.Load(),
			time.Since(begun).Round(time.Millisecond))
	})
	some := guests
	if raced || testing.Short() && !mutating {
		some = guests[1:2] // the detector makes it ten times slower, and the search shares nothing
	}
	type one struct {
		guest string
		depth
	}
	var searches []one
	for n, g := range some {
		all := depths
		if slices.Contains(queued, g.name) {
			all = slices.Concat(depths, queues)
		}
		for _, d := range all {
			if d.first == 0 || n < d.first {
				searches = append(searches, one{g.name, d})
			}
		}
	}
	share := *deepFor * time.Duration(runtime.GOMAXPROCS(0)) / time.Duration(len(searches))
	for _, d := range searches {
		t.Run(d.guest+", "+d.name, func(t *testing.T) {
			t.Parallel()
			if broken.Load() {
				return // one broken law is enough
			}
			s := d.search(t, d.guest, share)
			states.Add(int64(len(s.seen)))
			moves.Add(int64(s.moves))
			if t.Failed() {
				broken.Store(true)
			}
		})
	}
}

// search visits every history of a guest to the given depth. Without -short it finds a shortest one
// in which a law is broken.
func (d depth) search(t *testing.T, guest string, share time.Duration) *search {
	// The ledger loses everything once, however deep the search goes: after two losses in one
	// second there can be two incidents with one id.
	for _, n := range []*int{&d.faults, &d.crashes, &d.freezes, &d.changes} {
		if *n > 0 {
			*n += *deep
		}
	}
	start := func() *searched {
		x, err := origin(guest, d.second)
		if err != nil {
			t.Fatal(err)
		}
		x.budget, x.still = d.budget, d.still
		return x
	}
	header := "search " + guest + ", " + d.second
	s := explore(start(), share)
	if testing.Verbose() && *deep > 0 {
		t.Logf("%s, %+v: %d states, all of them: %t", header, d.budget, len(s.seen), !s.partial)
	}
	switch {
	case s.broken != "" && testing.Short():
		t.Errorf("%s: %s", header, s.broken)
	case s.broken != "":
		t.Errorf("%s\n%s", s.broken, shortest(start(), header))
	case s.partial && *deep == 0:
		t.Errorf("%s: more states than the search's limit", header)
	}
	return s
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
