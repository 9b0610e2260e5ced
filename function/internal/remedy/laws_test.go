package remedy

import (
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"
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
	only   string // the law that a mutant is to break; empty: every law
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
	if l.broken == "" && (l.only == "" || l.only == law) {
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
		if past.Verdict == VerdictRestarted && a.Time.Before(past.EndedAt) {
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
	if open == nil || open.Owner != d.facts.Owner || len(open.Attempts) != a.N || open.Attempts[a.N-1].Outcome != OutcomeClaimed {
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
	if w.policy.Mode != ModeEnforce || !d.facts.Fleet.OK() || d.facts.Fleet.Value.Paused.On(w.now) {
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
func (l *laws) answer(owner string, n int, answer string) {
	l.calls = slices.Clone(l.calls)
	for i := range l.calls {
		if l.calls[i].owner == owner && l.calls[i].n == n {
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
	buf     []byte // of key
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
	key := s.key(x)
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
		s.history = x.w.log
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
func (s *search) key(x *searched) uint64 {
	buf := s.buf[:0]
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
	s.buf = buf
	return maphash.Bytes(s.seed, buf)
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

// explore searches from an origin, and once more with a history to show where a law was broken.
func explore(x *searched) *search {
	s := &search{seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), limit: 1 << 18, changes: changes}
	s.visit(x.copy())
	if s.broken != "" && x.w.log == nil {
		x.w.log = &history{}
		return explore(x)
	}
	return s
}

// TestEveryHistory visits every interleaving of two deliveries, with every answer of the API, crash, freeze, sweep and change
// by somebody else at every move, to the stated depth: that many of them in one history.
func TestEveryHistory(t *testing.T) {
	resolved, another := hangs(), busy()
	resolved.State, resolved.Key, resolved.Time = events.StateResolved, "e-1|Executed", start.Add(time.Second)
	depths := []struct {
		searched
		seconds []events.Alarm
	}{
		{searched{faults: 2}, []events.Alarm{hangs()}},
		{searched{crashes: 1, faults: 1}, []events.Alarm{hangs(), resolved}},
		{searched{leaps: 1, sweeps: 1}, []events.Alarm{hangs()}},
		{searched{changes: 1}, []events.Alarm{another}},
		{searched{crashes: 1, leaps: 1}, []events.Alarm{another}},
	}
	states, begun := 0, time.Now()
	for name, g := range guests {
		for _, depth := range depths {
			for _, second := range depth.seconds {
				x := origin(g, g.sticksForced, second)
				x.crashes, x.leaps, x.faults, x.changes, x.sweeps = depth.crashes, depth.leaps, depth.faults, depth.changes,
					depth.sweeps
				s := explore(x)
				states += len(s.seen)
				if s.broken != "" {
					t.Errorf("%s, second alarm %s: %s\n%s", name, second.Key, s.broken, s.history)
				}
				if s.partial {
					t.Errorf("%s, second alarm %s: more states than the search's limit", name, second.Key)
				}
			}
		}
	}
	t.Logf("%d states in %v", states, time.Since(begun).Round(time.Millisecond))
}

// instead is Next with its facts changed first: a mutant. The changed incident is a copy.
func instead(change func(*Policy, *Facts)) func(Policy, Facts) Step {
	return func(p Policy, f Facts) Step {
		if open := f.Record.Value.Open; open != nil {
			f.Record.Value.Open = open.clone()
		}
		change(&p, &f)
		return Next(p, f)
	}
}

// outcomes is a mutant that takes attempts of one outcome for attempts of another.
func outcomes(is, seems Outcome) func(Policy, Facts) Step {
	return instead(func(_ *Policy, f *Facts) {
		if open := f.Record.Value.Open; open != nil {
			for i := range open.Attempts {
				if a := &open.Attempts[i]; a.Outcome == is {
					a.Outcome, a.AnsweredAt = seems, a.ClaimedAt
				}
			}
		}
	})
}

// forgetful is a mutant to which attempts of one outcome failed and left no trace.
func forgetful(outcome Outcome) func(Policy, Facts) Step {
	return instead(func(_ *Policy, f *Facts) {
		if open := f.Record.Value.Open; open != nil {
			for i := range open.Attempts {
				if a := &open.Attempts[i]; a.Outcome == outcome {
					a.Outcome, a.Before.StartTime, a.LeftRunningAt = OutcomeFailed, "", time.Time{}
				}
			}
		}
	})
}

// TestLawsCatchMutants breaks one rule after the other. A law that does not notice is worth nothing.
func TestLawsCatchMutants(t *testing.T) {
	ended := func(verdict Verdict, after time.Duration) func(*searched) {
		return func(x *searched) {
			x.w.record.Recent = []Incident{{Verdict: verdict, OpenedAt: start.Add(after - time.Minute),
				EndedAt: start.Add(after)}}
		}
	}
	calls := 0
	tests := []struct {
		law, rule string
		guest     guest
		next      func(Policy, Facts) Step
		setup     func(*searched)
	}{
		{"S1", "sends without a claim", guest{}, Next, func(x *searched) { x.w.flaws.noClaim = true }},
		{"S1", "sends after sendBefore", guest{}, Next, func(x *searched) { x.leaps, x.w.flaws.lateSend = 1, true }},
		{"S1", "claims without the lease", guest{ignores: 9}, Next,
			func(x *searched) { x.leaps, x.sweeps, x.w.flaws.anyLease = 1, 1, true }},
		{"S2", "opens twice", guest{}, Next, func(x *searched) { x.w.flaws.anyLease = true }},
		{"S2", "does not wait for an accepted attempt", guest{ignores: 9}, outcomes(OutcomeAccepted, OutcomeFailed), nil},
		{"S3", "forces after one failure", guest{ignores: 9}, func(p Policy, f Facts) Step {
			step := Next(p, f)
			if step.Do == DoReboot && step.Attempt.N == 2 {
				step.Do, step.Attempt.Force = DoForce, true
			}
			return step
		}, nil},
		{"S3", "counts what is not confirmed", guest{ignores: 9}, outcomes(OutcomeUnconfirmed, OutcomeFailed),
			func(x *searched) { x.faults = 2 }},
		{"S3", "counts unknown answers", guest{ignores: 9}, outcomes(OutcomeUnknown, OutcomeAccepted), func(x *searched) { x.faults = 2 }},
		{"S3", "does not mind gaps", guest{ignores: 9}, instead(func(_ *Policy, f *Facts) {
			if open := f.Record.Value.Open; open != nil {
				open.Attempts[len(open.Attempts)-1].LastReadAt = f.Now.Add(-time.Second)
			}
		}), func(x *searched) { x.leaps = 1 }},
		{"S4", "ignores locks", guest{}, instead(func(_ *Policy, f *Facts) { f.Machine.Value.Locks = nil }),
			func(x *searched) { x.w.machine.Locks = []string{"financial"} }},
		{"S4", "takes missing locks for none", guest{},
			instead(func(_ *Policy, f *Facts) { f.Machine.Value.LocksKnown = true }),
			func(x *searched) { x.w.machine.LocksKnown = false }},
		{"S4", "ignores expiry", guest{}, instead(func(_ *Policy, f *Facts) { f.Machine.Value.ChargeType = "PostPaid" }),
			func(x *searched) { x.w.machine.ChargeType, x.w.machine.ExpiredTime = "PrePaid", start }},
		{"S4", "ignores the tag", guest{}, instead(func(p *Policy, _ *Facts) { p.Untagged = GrantFull }),
			func(x *searched) { x.w.machine.Tags = nil }},
		{"S4", "forces where the tag says graceful", guest{ignores: 9}, instead(func(_ *Policy, f *Facts) {
			f.Machine.Value.Tags = map[string]string{"auto-restart": "true"}
		}), func(x *searched) { x.w.machine.Tags = map[string]string{"auto-restart": "graceful"} }},
		{"S4", "ignores the heartbeat", guest{}, instead(func(p *Policy, _ *Facts) { p.SecondCheck = false }),
			func(x *searched) { x.w.machine.beatFrom = start.Add(-time.Minute) }},
		{"S4", "ignores the platform", guest{}, instead(func(_ *Policy, f *Facts) { f.Events.Value = nil }),
			func(x *searched) {
				x.w.machine.platform = []PlatformEvent{{Type: "SystemFailure.Reboot", Status: "Executing"}}
			}},
		{"S4", "takes unreadable for nothing", guest{}, instead(func(_ *Policy, f *Facts) { f.Events.Failure = "" }),
			func(x *searched) {
				x.w.outages = []outage{{start, start.Add(time.Hour), SourcePlatform, FailureUnavailable}}
			}},
		{"S4", "reboots what is stopped", guest{}, instead(func(_ *Policy, f *Facts) { f.Machine.Value.Status = "Running" }),
			func(x *searched) { x.w.machine.Status = "Stopped" }},
		{"S5", "believes old alarms", guest{}, instead(func(p *Policy, f *Facts) { p.AlarmMaxAge = time.Hour }),
			func(x *searched) { x.w.now = start.Add(15*time.Minute + time.Second) }},
		{"S5", "forgets recoveries", guest{}, instead(func(_ *Policy, f *Facts) { f.Record.Value.Recent = nil }),
			ended(VerdictRestarted, time.Second)},
		{"S6", "does not cool down", guest{}, instead(func(p *Policy, _ *Facts) { p.Cooldown = 0 }),
			ended(VerdictFailed, -29*time.Minute)},
		{"S6", "has no budget", guest{}, instead(func(p *Policy, _ *Facts) { p.MaxIncidents++ }), func(x *searched) {
			for _, hours := range []time.Duration{20, 10, 5} {
				x.w.record.Recent = append(x.w.record.Recent,
					Incident{OpenedAt: start.Add(-hours * time.Hour), EndedAt: start.Add(-hours * time.Hour)})
			}
		}},
		{"S6", "has no limit for the fleet", guest{}, instead(func(_ *Policy, f *Facts) { f.Fleet.Value.Open = nil }),
			func(x *searched) {
				x.w.fleet.Open = []Slot{{OpenedAt: start}, {OpenedAt: start}, {OpenedAt: start}}
			}},
		{"S6", "has no limit for the hour", guest{}, instead(func(_ *Policy, f *Facts) { f.Fleet.Value.Begun = nil }),
			func(x *searched) {
				x.w.policy.FleetHourly = 1
				x.w.fleet.Begun = []Begun{{At: start.Add(-time.Minute)}}
			}},
		{"S6", "goes on after the incident's limit", guest{ignores: 9},
			instead(func(p *Policy, _ *Facts) { p.IncidentLimit = time.Hour }),
			func(x *searched) { x.w.policy.IncidentLimit = 3 * time.Minute }},
		{"S7", "sends an unknown one again", guest{ignores: 9}, outcomes(OutcomeUnknown, OutcomeNotExecuted),
			func(x *searched) { x.faults = 1 }},
		{"S7", "sends again what a dead owner claimed", guest{ignores: 9}, outcomes(OutcomeClaimed, OutcomeNotExecuted),
			func(x *searched) {
				x.crashes, x.w.policy.Lease, x.w.policy.AttemptTimeout = 1, time.Minute, 5*time.Minute
			}},
		{"S8", "enforces in observe mode", guest{}, instead(func(p *Policy, _ *Facts) { p.Mode = ModeEnforce }),
			func(x *searched) { x.w.policy.Mode = ModeObserve }},
		{"S8", "enforces when off", guest{}, instead(func(p *Policy, _ *Facts) { p.Mode = ModeEnforce }),
			func(x *searched) { x.w.policy.Mode = ModeOff }},
		{"S8", "ignores the pause", guest{}, instead(func(_ *Policy, f *Facts) { f.Fleet.Value.Paused = Pause{} }),
			func(x *searched) { x.w.fleet.Paused.Since = start }},
		{"S9", "is not pure", guest{}, func(p Policy, f Facts) Step {
			calls++
			step := Next(p, f)
			step.Until = step.Until.Add(time.Duration(calls))
			return step
		}, nil},
		{"S10", "goes on after a restart", guest{mute: true}, forgetful(OutcomeWorked), nil},
		{"S10", "does not see a late restart", guest{delay: 150 * time.Second, mute: true}, forgetful(OutcomeFailed), nil},
		{"LIVENESS", "never settles", guest{}, func(p Policy, f Facts) Step {
			step := Next(p, f)
			if step.Do == DoSettle {
				return Step{Do: DoWait, Until: f.Now.Add(p.Poll)}
			}
			return step
		}, nil},
		{"LIVENESS", "waits anew for the guest at every look", guest{mute: true}, instead(func(_ *Policy, f *Facts) {
			if open := f.Record.Value.Open; open != nil {
				if a := &open.Attempts[len(open.Attempts)-1]; !a.BackAt.IsZero() {
					a.BackAt = f.Now
				}
			}
		}), nil},
	}
	caught := map[string]bool{}
	for _, test := range tests {
		x := origin(test.guest, false, hangs())
		x.w.next, x.w.laws.twice, x.w.laws.only = test.next, test.law == "S9", test.law
		if test.setup != nil {
			test.setup(x)
		}
		s := explore(x)
		if law, _, _ := strings.Cut(s.broken, ":"); law != test.law {
			t.Errorf("%s does not notice a Next that %s: %d states, %q", test.law, test.rule, len(s.seen), s.broken)
		}
		if test.law == "S9" || test.law == "LIVENESS" {
			continue
		}
		x.w.next, x.w.flaws, x.w.laws.only, x.w.log = Next, flaws{}, "", nil
		if s := explore(x); s.broken != "" {
			t.Errorf("%s: without the mutant: %s\n%s", test.rule, s.broken, s.history)
		}
		caught[test.law] = true
	}
	for i := range 10 {
		if law := fmt.Sprint("S", i+1); !caught[law] && law != "S9" {
			t.Errorf("no mutant for %s", law)
		}
	}
}

// TestAnyHistory checks the laws on generated histories: any guest, answers, outages and changes, up to four deliveries that
// are crashed and frozen at any move, and the real time scale.
func TestAnyHistory(t *testing.T) {
	alarms := []func() events.Alarm{hangs, busy, quiet}
	rapid.Check(t, func(t *rapid.T) {
		span := func(label string, limit time.Duration) time.Duration {
			return time.Duration(rapid.IntRange(0, int(limit/time.Second)).Draw(t, label)) * time.Second
		}
		w := hung()
		w.log, w.laws.twice = &history{}, true
		p := &w.policy
		p.Force, p.SecondCheck = rapid.Bool().Draw(t, "force"), rapid.Bool().Draw(t, "second check")
		p.MaxAttempts = rapid.IntRange(3, 6).Draw(t, "attempts")
		p.Poll = rapid.SampledFrom([]time.Duration{5 * time.Second, 20 * time.Second, time.Minute}).Draw(t, "poll")
		p.Lease = max(p.Lease, 2*p.Poll)
		p.Cooldown = span("cool-down", 40*time.Minute)
		w.machine.guest = guest{
			ignores: rapid.IntRange(0, 4).Draw(t, "ignores"), ignoresForce: rapid.IntRange(0, 2).Draw(t, "ignores force"),
			shrugs:       rapid.Bool().Draw(t, "shrugs"),
			sticks:       rapid.SampledFrom([]string{"", "", "Stopping", "Starting", "Stopped"}).Draw(t, "sticks"),
			sticksForced: rapid.Bool().Draw(t, "sticks forced"), mute: rapid.Bool().Draw(t, "mute"),
			delay: rapid.SampledFrom([]time.Duration{0, 0, 5 * time.Minute, 6 * time.Minute}).Draw(t, "delay"),
			boot:  span("boot", 7*time.Minute),
		}
		if rapid.Bool().Draw(t, "agentless") {
			w.machine.agentless, w.machine.lastBeat = true, time.Time{}
		}
		w.refuses = rapid.Bool().Draw(t, "refuses")
		w.answers = rapid.SliceOfN(rapid.SampledFrom(append(faultyAnswers, "", "", "", "gone")), 0, 6).Draw(t, "answers")
		for i := range rapid.IntRange(0, 3).Draw(t, "changes") {
			w.others = append(w.others, other{start.Add(span("change at", 40*time.Minute)),
				rapid.SampledFrom(changes).Draw(t, fmt.Sprint("change ", i))})
		}
		slices.SortStableFunc(w.others, func(a, b other) int { return a.at.Compare(b.at) })
		for range rapid.IntRange(0, 3).Draw(t, "outages") {
			from := start.Add(span("outage from", 30*time.Minute))
			w.outages = append(w.outages, outage{from, from.Add(span("outage for", 8*time.Minute)),
				rapid.SampledFrom([]Source{SourceRecord, SourceFleet, SourceInstance, SourceVitals, SourcePlatform}).Draw(t, "source"),
				rapid.SampledFrom([]Failure{FailureUnavailable, FailureForbidden, FailureMissing, FailureUnreadable}).Draw(t, "failure")})
		}
		var working []*delivery
		for i := range rapid.IntRange(1, 4).Draw(t, "deliveries") {
			a := rapid.SampledFrom(alarms).Draw(t, "alarm")()
			d := deliver(fmt.Sprint("delivery-", i), a)
			d.wake = w.now.Add(span("arrives", 10*time.Minute))
			d.facts.Redelivered = rapid.Bool().Draw(t, "redelivered")
			if rapid.Bool().Draw(t, "deadline") {
				d.facts.StopAt = d.wake.Add(span("stops", 20*time.Minute))
			}
			working = append(working, d)
		}
		mishaps := rapid.SliceOfN(rapid.IntRange(1, 120), 0, 4).Draw(t, "moves between mishaps")
		for moves := 0; len(working) > 0; {
			next := working[0]
			for _, d := range working {
				if d.wake.Before(next.wake) {
					next = d
				}
			}
			if next.wake.After(w.now) {
				w.until(next.wake)
			}
			if moves++; len(mishaps) > 0 && moves >= mishaps[0] {
				moves, mishaps = 0, mishaps[1:]
				if rapid.Bool().Draw(t, "crash") {
					w.logf("%s crashes", next.facts.Owner)
					next.phase = done
				} else {
					next.wake = w.now.Add(span("freeze", 3*p.Lease)) // it alone: others go on
					w.logf("%s freezes", next.facts.Owner)
				}
			} else {
				w.move(next)
			}
			working = slices.DeleteFunc(working, func(d *delivery) bool { return d.phase == done })
		}
		if broken := w.settles(); broken != "" && w.laws.broken == "" {
			w.laws.broken = broken
		}
		if w.laws.broken != "" {
			t.Fatalf("%s\n%s", w.laws.broken, w.log)
		}
	})
}
