package backtest

import (
	"context"
	"maps"
	"strconv"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Outcome is what reboots do to a hung guest. An alarm does not tell, so it is supposed.
type Outcome string

// The outcomes, as a file of instances spells them.
const (
	OutcomeGraceful Outcome = "graceful" // the first graceful reboot works
	OutcomeRetry    Outcome = "retry"    // the second graceful reboot works
	OutcomeForce    Outcome = "force"    // only a forced one works
	OutcomeNever    Outcome = "never"    // none works
)

// Heartbeat is what is known of the agent of an instance when an alarm about it fires.
type Heartbeat string

// The heartbeats, as a file of instances spells them.
const (
	HeartbeatSilent Heartbeat = "silent" // it reported, but not lately
	HeartbeatAlive  Heartbeat = "alive"  // it reports: the guest does not hang
	HeartbeatNone   Heartbeat = "none"   // it never reported
)

// Instance is what is known or supposed of an instance whenever an alarm about it fires. The zero
// one is not opted in.
type Instance struct {
	ID        string
	Tag       string // the value of the opt-in tag, whatever its key; empty: the tag is missing
	Locks     []string
	Outcome   Outcome   // empty: graceful
	Heartbeat Heartbeat // empty: silent
}

// Assumptions are what a replay supposes where nothing is known.
type Assumptions struct {
	// Delay is how long after its time, or after it was published if the payload says so, an alarm
	// arrives.
	Delay time.Duration
	// Restart is how long a reboot that works takes until the instance is Running again; a third of
	// it is Stopping. The guest reports Report after that.
	Restart, Report time.Duration
	// Silent is how long before its alarm a guest fell silent.
	Silent time.Duration
	// Instance is every instance that Instances does not hold.
	Instance  Instance
	Instances map[string]Instance
	// Account and Region are those of the function; empty: those of the oldest alarm that names
	// one.
	Account, Region string
}

// Assumed are the usual assumptions. They are those of the drill: an alarm arrives within half a
// minute, and a hung guest has been silent for longer than any sensible REMEDY_HEARTBEAT_FRESH.
func Assumed() Assumptions {
	return Assumptions{Delay: 30 * time.Second, Restart: 60 * time.Second, Report: 30 * time.Second,
		Silent: 20 * time.Minute, Instance: Instance{Tag: string(remedy.GrantFull),
			Outcome: OutcomeGraceful, Heartbeat: HeartbeatSilent}}
}

// guests are the instances of a replay. An instance of which no reboot and no end of a hang is
// remembered hangs whenever it is looked at: nobody looks before an alarm fires. It implements
// handle.Cloud and handle.Rebooter.
type guests struct {
	clock   *schedule
	assumed *Assumptions
	tag     string // the key of the policy's opt-in tag
	known   map[string]*guest
	swept   time.Time
	sent    int // RebootInstance calls, which number the request ids
	// rebooted is told of every reboot that was accepted.
	rebooted func(instance string, force bool)
}

// guest is an instance after its first reboot, or after an alarm said that its hang is over.
type guest struct {
	changed          time.Time
	graceful, forced int       // reboots since it hung
	stopping         time.Time // when the reboot that works began; zero: none
	starting         time.Time
	back             time.Time // when it is Running again
	beats            time.Time // from when on the guest reports; zero: it hangs
	lastBeat         time.Time // before beats
}

// stock is the StartTime of an instance that was never restarted.
const stock = "2020-01-01T00:00Z"

func newGuests(clock *schedule, assumed *Assumptions, tag string) *guests {
	return &guests{clock: clock, assumed: assumed, tag: tag, known: map[string]*guest{},
		rebooted: func(string, bool) {}}
}

func (g *guests) about(id string) Instance {
	about, known := g.assumed.Instances[id]
	if !known {
		about = g.assumed.Instance
	}
	return about
}

// alarmed takes note of an alarm that arrives: what fires means that the guest hangs, since a
// while; and what is resolved that it works again.
func (g *guests) alarmed(id string, firing bool, at time.Time) {
	known := g.known[id]
	switch {
	case firing && known != nil && !known.beats.IsZero() && known.beats.Before(at):
		silent := at.Add(-g.assumed.Silent)
		if silent.Before(known.beats) {
			silent = known.beats
		}
		known.lastBeat, known.beats = known.heartbeat(silent), time.Time{}
		known.graceful, known.forced, known.changed = 0, 0, g.clock.now
	case !firing && known == nil:
		g.known[id] = &guest{changed: g.clock.now, beats: at, lastBeat: at}
	case !firing && known.beats.IsZero():
		known.beats, known.changed = at, g.clock.now
	}
}

// forget drops, once a day of virtual time, the guests that an alarm would find as if nothing were
// known of them.
func (g *guests) forget() {
	if g.clock.now.Sub(g.swept) < 24*time.Hour {
		return
	}
	g.swept = g.clock.now
	keep := g.assumed.Silent + 24*time.Hour
	maps.DeleteFunc(g.known, func(_ string, known *guest) bool {
		return g.clock.now.Sub(known.changed) > keep
	})
}

func (k *guest) heartbeat(at time.Time) time.Time {
	if k.beats.IsZero() || at.Before(k.beats) {
		return k.lastBeat
	}
	return k.beats.Add(at.Sub(k.beats).Truncate(time.Minute)).Truncate(time.Second)
}

func (k *guest) status(now time.Time) string {
	switch {
	case k == nil || k.stopping.IsZero() || !now.Before(k.back):
		return "Running"
	case now.Before(k.starting):
		return "Stopping"
	}
	return "Starting"
}

// Machines implements handle.Cloud.
func (g *guests) Machines(_ context.Context, region string, ids []string) (
	all map[string]remedy.Reading[remedy.Instance]) {
	all = make(map[string]remedy.Reading[remedy.Instance], len(ids))
	for _, id := range ids {
		all[id] = remedy.Reading[remedy.Instance]{At: g.clock.now, Date: g.clock.now,
			Value: g.machine(region, id)}
	}
	return all
}

func (g *guests) machine(region, id string) remedy.Instance {
	about, known := g.about(id), g.known[id]
	machine := remedy.Instance{ID: id, Region: region, Status: known.status(g.clock.now),
		Locks: about.Locks, LocksKnown: true, ChargeType: "PostPaid", StartTime: stock}
	if about.Tag != "" {
		machine.Tags = map[string]string{g.tag: about.Tag}
	}
	if known != nil && !known.back.IsZero() && !g.clock.now.Before(known.back) {
		machine.StartTime = known.back.UTC().Format("2006-01-02T15:04Z")
	}
	return machine
}

// Heartbeats implements handle.Cloud.
func (g *guests) Heartbeats(_ context.Context, _ string, ids []string) (
	all map[string]remedy.Reading[remedy.Vitals]) {
	all = make(map[string]remedy.Reading[remedy.Vitals], len(ids))
	for _, id := range ids {
		all[id] = remedy.Reading[remedy.Vitals]{At: g.clock.now, Date: g.clock.now,
			Value: remedy.Vitals{Heartbeat: g.heartbeat(id)}}
	}
	return all
}

func (g *guests) heartbeat(id string) time.Time {
	now := g.clock.now
	switch about, known := g.about(id), g.known[id]; {
	case about.Heartbeat == HeartbeatNone:
		return time.Time{}
	case about.Heartbeat == HeartbeatAlive:
		return now.Truncate(time.Second)
	case known == nil:
		return now.Add(-g.assumed.Silent).Truncate(time.Second)
	default:
		return known.heartbeat(now)
	}
}

// PlatformEvents implements handle.Cloud: the platform does nothing of itself.
func (g *guests) PlatformEvents(context.Context, string, string) (
	none remedy.Reading[[]remedy.PlatformEvent]) {
	none.At, none.Date = g.clock.now, g.clock.now
	return none
}

// Reboot implements handle.Rebooter.
func (g *guests) Reboot(_ context.Context, order remedy.Order) remedy.Reply {
	now := g.clock.now
	g.sent++
	reply := remedy.Reply{At: now, Answer: remedy.AnswerAccepted,
		RequestID: "BACKTEST-" + strconv.Itoa(g.sent)}
	known := g.known[order.Instance]
	switch {
	case known.status(now) != "Running":
		reply.Answer, reply.Code = remedy.AnswerRejected, "IncorrectInstanceStatus"
		reply.Reason = remedy.ReasonNotRunning
		return reply
	case order.DryRun:
		return reply
	case known == nil:
		known = &guest{lastBeat: g.heartbeat(order.Instance)}
		g.known[order.Instance] = known
	}
	known.changed = now
	if order.Force {
		known.forced++
	} else {
		known.graceful++
	}
	g.rebooted(order.Instance, order.Force)
	if about := g.about(order.Instance); about.works(order.Force, known.graceful) {
		known.lastBeat = known.heartbeat(now)
		known.stopping, known.starting = now, now.Add(g.assumed.Restart/3)
		known.back = now.Add(g.assumed.Restart)
		known.beats = known.back.Add(g.assumed.Report)
	}
	return reply
}

// works reports whether a reboot works, which is the nth graceful one where it is not forced.
func (i *Instance) works(force bool, n int) bool {
	switch i.Outcome {
	case OutcomeNever:
		return false
	case OutcomeForce:
		return force
	case OutcomeRetry:
		return force || n >= 2
	}
	return true
}
