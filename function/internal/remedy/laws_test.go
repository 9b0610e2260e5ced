package remedy

import (
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ecs-remedy/events"
)

// laws watches a world and remembers the first SAFETY law that was broken. It judges by what truly happened and by what was
// read, never by what Next makes of it.
type laws struct {
	broken string
	calls  []call // one for every claim, in order
	twice  bool   // ask Next everything twice (S9)
}

// call is one claimed attempt as it truly went.
type call struct {
	incident, owner     string
	n                   int
	force               bool
	claimed, sendBefore time.Time
	sent                time.Time
	answer              string // empty: not sent yet, and perhaps never
	inTransition        bool   // the instance was Stopping or Starting when it was sent
	lastRead            time.Time
	gap                 bool // nobody read the instance for longer than Policy.Gap, before the attempt's time was over
}

func (l *laws) violate(law, format string, values ...any) {
	if l.broken == "" {
		l.broken = law + ": " + fmt.Sprintf(format, values...)
	}
}

// again checks S9: the same policy and facts give the same step.
func (l *laws) again(w *world, f *Facts, step *Step) {
	if l.twice && !reflect.DeepEqual(w.next(w.policy, *f), *step) {
		l.violate("S9", "another step for the same facts at %v", w.now.Sub(start))
	}
}

// read keeps the watch of the last attempt.
func (l *laws) read(w *world, d *delivery) {
	if d.facts.Machine.Failure != "" || len(l.calls) == 0 {
		return
	}
	l.calls = slices.Clone(l.calls)
	c := &l.calls[len(l.calls)-1]
	if w.now.Sub(c.lastRead) > w.policy.Gap() && c.lastRead.Before(c.claimed.Add(w.policy.AttemptTimeout)) {
		c.gap = true
	}
	c.lastRead = w.now
	switch status := d.facts.Machine.Value.Status; {
	case d.stored.Open == nil:
	case status == "Starting" || status == "Stopped":
		d.left = true
	case status == "Running" && d.left:
		d.cameBack = true
	}
}

// claim checks the laws of claiming: S1, S2, S5, S6 and S7.
func (l *laws) claim(w *world, d *delivery, incident *Incident, first bool) {
	p, a := &w.policy, incident.Attempts[len(incident.Attempts)-1]
	if held := w.record.Open; first && held != nil {
		l.violate("S2", "an incident opens while %s is open", held.ID)
	} else if !first && (held == nil || held.Owner != d.facts.Owner || w.now.After(held.LeaseUntil)) {
		l.violate("S1", "attempt %d is claimed without a lease", a.N)
	}
	for _, c := range l.calls {
		if !w.now.Before(c.claimed.Add(p.AttemptTimeout)) {
			continue
		}
		switch c.answer {
		case "accepted":
			l.violate("S2", "attempt %d of %s has time left when another is claimed", c.n, c.incident)
		case "", "lost", "void":
			l.violate("S7", "attempt %d of %s may have been executed and is made again", c.n, c.incident)
		}
	}
	if w.now.After(incident.OpenedAt.Add(p.IncidentLimit)) {
		l.violate("S6", "attempt %d is claimed %v after the incident opened", a.N, w.now.Sub(incident.OpenedAt))
	}
	if first {
		l.opens(w, d.facts.Alarm)
	}
	l.calls = append(slices.Clone(l.calls), call{incident: incident.ID, owner: d.facts.Owner, n: a.N, force: a.Force,
		claimed: a.ClaimedAt, sendBefore: a.SendBefore, lastRead: a.SendBefore})
}

// opens checks S5, and S6 where it speaks of whole incidents.
func (l *laws) opens(w *world, a events.Alarm) {
	p := &w.policy
	if age := w.now.Sub(a.Time); age > p.AlarmMaxAge || age < -2*time.Minute {
		l.violate("S5", "an alarm %v old opens an incident", age)
	}
	lately := 0
	for _, past := range w.record.Recent {
		if past.Verdict == Restarted && a.Time.Before(past.EndedAt) {
			l.violate("S5", "the alarm is from before the recovery at %v", past.EndedAt.Sub(start))
		}
		if w.now.Before(past.EndedAt.Add(p.Cooldown)) {
			l.violate("S6", "the instance is not left alone after the incident that ended at %v", past.EndedAt.Sub(start))
		}
		if past.OpenedAt.After(w.now.Add(-p.IncidentWindow)) {
			lately++
		}
	}
	busy, begun := 0, 0
	for _, slot := range w.fleet.Open {
		if w.now.Before(slot.OpenedAt.Add(p.IncidentLimit)) {
			busy++
		}
	}
	for _, b := range w.fleet.Begun {
		if w.now.Before(b.At.Add(time.Hour)) {
			begun++
		}
	}
	if lately >= p.MaxIncidents || busy >= p.FleetConcurrent || begun >= p.FleetHourly {
		l.violate("S6", "incident %d of the instance, %d under way, %d within the hour", lately+1, busy+1, begun+1)
	}
}

// send checks the laws of sending: S1, S3, S4, S8 and S10.
func (l *laws) send(w *world, d *delivery, a *Attempt, answer string) {
	open := w.record.Open
	if open == nil || open.Owner != d.facts.Owner || len(open.Attempts) != a.N || open.Attempts[a.N-1].Outcome != Claimed {
		l.violate("S1", "attempt %d is sent without a claim", a.N)
	}
	if w.now.After(a.SendBefore) {
		l.violate("S1", "attempt %d is sent %v too late", a.N, w.now.Sub(a.SendBefore))
	}
	m := &d.facts.Machine
	c := &l.calls[len(l.calls)-1]
	acceptedBefore, failed := false, 0
	for _, earlier := range l.calls {
		if earlier.incident != c.incident || earlier.n >= a.N {
			continue
		}
		over := !w.now.Before(earlier.claimed.Add(w.policy.AttemptTimeout))
		refused := earlier.answer == "status" && earlier.inTransition && acceptedBefore
		if !earlier.force && (earlier.answer == "accepted" && over && !earlier.gap || refused) {
			failed++
		}
		acceptedBefore = acceptedBefore || earlier.answer == "accepted"
	}
	if a.Force && failed < 2 {
		l.violate("S3", "forced after %d graceful failures", failed)
	}
	transition := m.Value.Status == "Stopping" || m.Value.Status == "Starting"
	if bad := unfit(&w.policy, &d.facts, a.Force); bad != "" {
		l.violate("S4", "attempt %d is sent, and the last reading was %s", a.N, bad)
	} else if m.Value.Status != "Running" && (!transition || !acceptedBefore) {
		l.violate("S4", "attempt %d is sent to an instance that is %s", a.N, m.Value.Status)
	}
	if w.policy.Mode != Enforce || !d.facts.Fleet.OK() || d.facts.Fleet.Value.Paused.On(w.now) {
		l.violate("S8", "attempt %d is sent in mode %s, or paused", a.N, w.policy.Mode)
	}
	if d.cameBack || a.N > 1 && open != nil && m.Value.StartTime != open.Attempts[0].Before.StartTime {
		l.violate("S10", "attempt %d is sent after an earlier one was seen to work", a.N)
	}
	l.calls = slices.Clone(l.calls)
	c = &l.calls[len(l.calls)-1]
	c.sent, c.answer = w.now, answer
	c.inTransition = w.machine.Status == "Stopping" || w.machine.Status == "Starting"
}

// answer notes that an attempt was not sent at all.
func (l *laws) answer(_ *world, n int, answer string) {
	l.calls = slices.Clone(l.calls)
	for i := range l.calls {
		if l.calls[i].n == n {
			l.calls[i].answer = answer
		}
	}
}

// unfit says why an instance must not be rebooted, by its last readings; its status apart.
func unfit(p *Policy, f *Facts, force bool) string {
	m, v := &f.Machine, &f.Vitals
	grant := m.Value.Tags[p.OptInTag]
	switch {
	case !m.OK() || !m.Value.LocksKnown || !f.Events.OK() || p.SecondCheck && !v.OK():
		return "unreadable"
	case len(m.Value.Locks) > 0:
		return "locked"
	case m.Value.ChargeType == "PrePaid" && !m.Date.Before(m.Value.ExpiredTime):
		return "expired"
	case grant != "true" && (grant != "graceful" || force):
		return "not opted in"
	case p.SecondCheck && v.Date.Sub(v.Value.Heartbeat) < p.HeartbeatFresh:
		return "alive"
	}
	for _, e := range f.Events.Value {
		if e.Status == "Executing" && e.Type != "InstanceFailure.PerformanceImpact" {
			return "under the platform's hands"
		}
	}
	return ""
}

// longest is how long an incident may be looked after from any moment on: the last attempt may be claimed at the incident's
// limit, takes its time, and its guest the boot grace.
func (p *Policy) longest() time.Duration {
	return p.IncidentLimit + p.AttemptTimeout + p.BootGrace + p.CallLimit() + 2*p.Poll
}

// settles checks LIVENESS: with nobody else about, the sweep ends every open incident in a bounded time.
func (w *world) settles() string {
	w.others, w.outages, w.answers = nil, nil, nil
	for round := 0; w.record.Open != nil; round++ {
		open := w.record.Open
		if round == 3 {
			return "LIVENESS: " + open.ID + " never ends"
		}
		if at := w.policy.Takeover(open.LeaseUntil); at.After(w.now) {
			w.until(at)
		}
		d := sweep(fmt.Sprint("sweep-", round))
		from := w.now
		for d.phase != done {
			if d.wake.After(w.now) {
				w.until(d.wake)
			}
			w.move(d)
			if w.now.Sub(from) > w.policy.longest() {
				return "LIVENESS: " + open.ID + " is still open " + w.now.Sub(open.OpenedAt).String() + " after it opened"
			}
		}
	}
	return ""
}

// searched is one state of the exhaustive search: a world, two deliveries, and what may still go wrong.
type searched struct {
	w                                       world
	d                                       [2]delivery
	crashes, leaps, faults, changes, sweeps int
}

func (x *searched) copy() *searched {
	y := *x
	return &y
}

// search visits every state that can be reached from one, and returns the first broken law. Leaves are checked for LIVENESS.
type search struct {
	seen    map[uint64]struct{}
	seed    maphash.Seed
	limit   int
	changes []func(*world)
	broken  string
	history *history // of the world that broke a law
	partial bool
}

// faultyAnswers are what the API may say besides the truth.
var faultyAnswers = []string{"lost", "void", "throttled", "conflict", "status", "locked"}

// changes are what other people may do at any moment.
var changes = []func(*world){
	func(w *world) { w.machine.Locks = []string{"security"} },
	func(w *world) { w.machine.Tags = map[string]string{} },
	func(w *world) { w.fleet.Paused.Since = w.now; w.fleet.Revision++ },
	func(w *world) { w.machine.beatFrom = w.now },
	func(w *world) { w.machine.Status, w.machine.turns = "Stopped", nil },
}

func (s *search) visit(x *searched) {
	if s.broken != "" {
		return
	}
	if x.w.laws.broken != "" {
		s.broken = x.w.laws.broken
		s.history = x.w.log
		return
	}
	key := x.key(s.seed)
	if _, known := s.seen[key]; known {
		return
	}
	if len(s.seen) >= s.limit {
		s.partial = true
		return
	}
	s.seen[key] = struct{}{}
	if open := x.w.record.Open; open != nil && x.w.now.Sub(open.OpenedAt) > 2*x.w.policy.longest() {
		s.broken = "LIVENESS: " + open.ID + " is still open " + x.w.now.Sub(open.OpenedAt).String() + " after it opened"
		return
	}

	alive, runnable, wake := 0, 0, time.Time{}
	for i := range x.d {
		d := &x.d[i]
		if d.phase == done {
			continue
		}
		alive++
		if d.wake.After(x.w.now) {
			if wake.IsZero() || d.wake.Before(wake) {
				wake = d.wake
			}
			continue
		}
		runnable++
		answers := []string{""}
		if d.phase == sending && x.faults > 0 {
			answers = append(answers, faultyAnswers...)
		}
		for _, answer := range answers {
			y := x.copy()
			if answer != "" {
				y.w.answers = []string{answer}
				y.faults--
			}
			y.w.move(&y.d[i])
			s.visit(y)
		}
		if x.crashes > 0 && d.stored.Open != nil {
			y := x.copy()
			y.crashes--
			y.w.logf("%s crashes", d.facts.Owner)
			y.d[i].phase = done
			s.visit(y)
		}
	}
	if runnable > 0 && x.leaps > 0 && x.w.record.Open != nil {
		y := x.copy() // everything is frozen for two leases
		y.leaps--
		y.w.logf("all freeze")
		y.w.until(y.w.now.Add(2 * y.w.policy.Lease))
		s.visit(y)
	}
	if x.changes > 0 && runnable > 0 {
		for _, change := range s.changes {
			y := x.copy()
			y.changes--
			change(&y.w)
			s.visit(y)
		}
	}
	switch {
	case alive == 0 && s.broken == "":
		y := x.copy()
		s.broken = y.w.settles()
		if s.broken == "" {
			s.broken = y.w.laws.broken
		}
		s.history = y.w.log
	case runnable == 0 && alive > 0:
		y := x.copy()
		y.w.until(wake)
		s.visit(y)
		if x.w.record.Open != nil && x.sweeps > 0 && alive == 1 { // the sweep comes by while somebody is at work
			y := x.copy()
			y.sweeps--
			for i := range y.d {
				if y.d[i].phase == done {
					y.d[i] = *sweep("timer")
				}
			}
			s.visit(y)
		}
	}
}

// key is a hash of all that the future depends on.
func (x *searched) key(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	buf := make([]byte, 0, 1024)
	number := func(n int) { buf = append(buf, byte(n), byte(n>>8), byte(n>>16), byte(n>>24)) }
	when := func(t time.Time) {
		if t.IsZero() {
			number(-1 << 30)
		} else {
			number(int(t.Sub(start) / time.Second))
		}
	}
	text := func(s string) { buf = append(append(buf, s...), 0) }
	flag := func(b bool) {
		if b {
			buf = append(buf, 1)
		} else {
			buf = append(buf, 0)
		}
	}
	instance := func(i *Instance) {
		text(i.Status)
		text(i.StartTime)
		number(len(i.Locks))
		text(i.Tags["auto-restart"])
	}
	record := func(r *Record) {
		number(int(r.Revision))
		number(len(r.Recent))
		if r.Open == nil {
			return
		}
		text(r.Open.Owner)
		when(r.Open.OpenedAt)
		when(r.Open.LeaseUntil)
		when(r.Open.ResolvedAt)
		for i := range r.Open.Attempts {
			a := &r.Open.Attempts[i]
			flag(a.Force)
			flag(a.Stuck)
			text(string(a.Outcome))
			text(a.Code)
			when(a.ClaimedAt)
			when(a.AnsweredAt)
			when(a.LeftRunningAt)
			when(a.BackAt)
			when(a.LastReadAt)
		}
	}
	for _, n := range []int{x.crashes, x.leaps, x.faults, x.changes, x.sweeps, int(x.w.fleet.Revision)} {
		number(n)
	}
	when(x.w.now)
	when(x.w.fleet.Paused.Since)
	m := &x.w.machine
	instance(&m.Instance)
	when(m.beatFrom)
	when(m.lastBeat)
	number(m.ignores)
	number(m.ignoresForce)
	for _, t := range m.turns {
		when(t.at)
		text(t.status)
	}
	record(&x.w.record)
	for _, c := range x.w.laws.calls {
		text(c.answer)
		when(c.claimed)
		when(c.lastRead)
		flag(c.gap)
	}
	for i := range x.d {
		d := &x.d[i]
		buf = append(buf, byte(d.phase))
		if d.phase == done {
			continue
		}
		text(d.facts.Owner)
		flag(d.left)
		flag(d.cameBack)
		when(d.until)
		when(d.wake)
		text(d.reply.Code)
		record(&d.stored)
		f := &d.facts
		when(f.Record.At)
		record(&f.Record.Value)
		when(f.Fleet.At)
		number(int(f.Fleet.Value.Revision))
		when(f.Machine.At)
		instance(&f.Machine.Value)
		when(f.Vitals.At)
		when(f.Vitals.Value.Heartbeat)
		when(f.Events.At)
	}
	h.Write(buf)
	return h.Sum64()
}

// coarse is a policy with few polls in a ladder, so that the search is short.
func coarse() Policy {
	p := armed()
	p.Poll, p.AttemptTimeout, p.BootGrace, p.Lease = time.Minute, 2*time.Minute, 3*time.Minute, 6*time.Minute
	p.MaxAttempts, p.IncidentLimit = 4, 20*time.Minute
	return p
}

// guests are the behaviours that the search starts from.
var guests = map[string]guest{
	"obeys":                             {},
	"ignores one":                       {ignores: 1},
	"ignores every graceful one":        {ignores: 9},
	"ignores everything":                {ignores: 9, ignoresForce: 9},
	"shrugs":                            {ignores: 9, shrugs: true},
	"sticks in Stopping":                {sticks: "Stopping"},
	"sticks in Starting, forced, too":   {sticks: "Starting", sticksForced: true},
	"stays off":                         {sticks: "Stopped"},
	"obeys after the attempt's time":    {delay: 150 * time.Second},
	"comes back mute":                   {mute: true},
	"never reported, ignores every one": {agentless: true, ignores: 9},
}

// origin is where a search starts: two deliveries at once.
func origin(g guest, refuses bool, second events.Alarm) *searched {
	w := hung()
	w.policy, w.machine.guest, w.refuses = coarse(), g, refuses
	if g.agentless {
		w.machine.lastBeat = time.Time{}
	}
	x := &searched{w: *w}
	x.d[0], x.d[1] = *deliver("first", hangs()), *deliver("second", second)
	x.d[1].facts.Redelivered = true
	return x
}

// TestEveryHistory visits every interleaving of two deliveries, with every answer of the API, crash, freeze and change by
// somebody else at every move, to the stated depth: that many of them in one history.
func TestEveryHistory(t *testing.T) {
	resolved := hangs()
	resolved.State, resolved.Key, resolved.Time = events.Resolved, "e-1|Executed", start.Add(time.Second)
	another := busy()
	total := 0
	begun := time.Now()
	for name, g := range guests {
		for _, refuses := range []bool{false, true} {
			if refuses && g.sticks == "" {
				continue // the API's answer in a transition matters to those that stay in one
			}
			for _, second := range []events.Alarm{hangs(), another, resolved} {
				for _, depth := range []searched{{faults: 2}, {crashes: 1, faults: 1}, {leaps: 1, sweeps: 1}, {leaps: 1, faults: 1}, {changes: 1, faults: 1}, {crashes: 1, leaps: 1}} {
					if depth.faults != 1 && second.Key != hangs().Key && second.State != events.Resolved {
						continue
					}
					x := origin(g, refuses, second)
					x.crashes, x.leaps, x.faults, x.changes, x.sweeps = depth.crashes, depth.leaps, depth.faults, depth.changes, depth.sweeps
					s := &search{seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), limit: 1 << 20, changes: changes}
					s.visit(x)
					if s.broken != "" && testing.Verbose() {
						x.w.log = &history{}
						s = &search{seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), limit: 1 << 20, changes: changes}
						s.visit(x)
						t.Log(s.history)
					}
					if s.broken != "" {
						t.Errorf("%s, refuses=%v, second alarm %s, depth %+v: %s", name, refuses, second.Key,
							[]int{depth.crashes, depth.leaps, depth.faults, depth.changes}, s.broken)
					}
					if s.partial {
						t.Errorf("%s: more states than the search's limit", name)
					}
					total += len(s.seen)
				}
			}
		}
	}
	t.Logf("%d states in %v", total, time.Since(begun).Round(time.Millisecond))
}

var _ = rapid.Check
