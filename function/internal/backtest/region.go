package backtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
)

// Region is a region to be simulated: two bad hours of it. At its beginning a part of all instances
// hangs at once, and an hour later a zone goes down for forty minutes. The zero values of sizes
// mean none.
type Region struct {
	Instances int
	Hung      int // so many hang within the first minute, as the platform reports
	Outage    int // so many agents fall silent within three minutes, and report again later
	Functions int // invocations at once, all together: the account's quota of function instances
	Seed      uint64
}

// What a simulated region supposes besides. Limits are calls within one minute of the clock, each
// API for itself; the documents name 1,000, 500 and 60 for other APIs and none for these.
const (
	limitDescribe = 1_000 // DescribeInstances, DescribeCloudAssistantStatus
	limitEvents   = 500   // DescribeInstanceHistoryEvents
	limitReboot   = 60    // RebootInstance

	functionTimeout = time.Hour        // of the template
	functionReserve = 15 * time.Second // REMEDY_DEADLINE_RESERVE
	functionRetries = 3                // MaxAsyncRetryAttempts of the template

	// Function Compute bills 75 units for 10,000 calls, 1 for a second of a vCPU, 0.15 for a
	// GB-second of memory and 0.05 for one of disk; USD 0.00002 a unit. The template has 0.1 vCPU,
	// 128 MB and 512 MB.
	unitsOfCall   = 75.0 / 10_000
	unitsOfSecond = 0.1 + 0.15*128/1024 + 0.05*512/1024
	usdOfUnit     = 0.00002
	sweepSeconds  = 0.05 // of a sweep that finds nothing to do
)

// RegionReport is what came of a region.
type RegionReport struct {
	*Report
	Region     Region
	Deliveries int // of alarms, with duplicates and what was delivered again
	Incidents  int // begun
	// Delays are from an incident's alarm to its first reboot, sorted.
	Delays        []time.Duration
	LedgerCalls   int
	LedgerOfSweep int // of those, the timer's
	// PerIncident are the calls of the ledger that an alarm took whose incident began at once, to
	// its end, sorted. Most are renewals of its lease.
	PerIncident []int
	// AskedPerIncident are the calls of ECS that such an alarm took, sorted.
	AskedPerIncident []int
	CloudCalls       int
	Conflicts        int
	Throttled        int           // calls of ECS that were refused for their number
	Queued           time.Duration // the longest that a delivery waited for a function instance
	Busy             time.Duration // of all function instances together
	Invocations      int
}

// Quantile is the duration that a part of the sorted ones does not exceed; zero where there is
// none.
func Quantile[T int | time.Duration](sorted []T, part float64) T {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// CostUSD is what the simulated hours cost, and a month of 30 days that has them once and is quiet
// otherwise: the timer's sweep every minute.
func (r *RegionReport) CostUSD() (hours, month float64) {
	units := float64(r.Invocations)*unitsOfCall + r.Busy.Seconds()*unitsOfSecond
	const sweeps = 30 * 24 * 60
	quiet := sweeps * (unitsOfCall + sweepSeconds*unitsOfSecond)
	return units * usdOfUnit, (units + quiet) * usdOfUnit
}

// Simulate lets a region have its bad hours under the policy: the loop, the rules and the records
// are those that ship; invocations, calls and their latencies interleave in virtual time. The same
// region and policy give the same report.
func Simulate(p remedy.Policy, region Region) *RegionReport {
	assumed := Assumed()
	assumed.Instances = map[string]Instance{}
	s := &simulated{region: region, random: rand.New(rand.NewPCG(region.Seed, 0x4e610)),
		first: map[string]time.Time{}, seen: map[string]bool{}}
	s.replay = newReplay(p, &assumed, generatedAccount, generatedRegion)
	defer s.clock.close()
	s.over = true // this world has a timer of its own
	s.clock.now = generatedStart
	s.handler.Ledger, s.handler.Signs = (*slowLedger)(s), (*slowLedger)(s)
	s.handler.Cloud, s.handler.Rebooter = (*slowCloud)(s), (*slowCloud)(s)
	s.handler.Reserve = functionReserve
	counted := s.guests.rebooted
	s.guests.rebooted = func(instance string, force bool) {
		counted(instance, force)
		if at, known := s.first[instance]; known && !s.seen[instance] {
			s.seen[instance] = true
			s.delays = append(s.delays, s.clock.now.Sub(at))
		}
	}
	s.storm(&assumed)
	const bad, after = 2 * time.Hour, 3 * time.Hour
	end := generatedStart.Add(bad + after)
	for at := generatedStart.Add(time.Minute); at.Before(end); at = at.Add(sweepEvery) {
		s.clock.startAt(at, func() {
			e := &event{replay: s.replay, sweep: true}
			s.invokeSlowly(e, timerEvent(s.clock.now), 0)
		})
	}
	s.clock.drain()
	slices.Sort(s.delays)
	slices.Sort(s.tally.waited)
	slices.Sort(s.perIncident)
	slices.Sort(s.asked)
	return &RegionReport{Report: s.tally.report(p, s.alarms), Region: region,
		Deliveries: s.deliveries, Incidents: len(s.seen), Delays: s.delays,
		LedgerCalls: s.ledgerCalls, LedgerOfSweep: s.sweepCalls, CloudCalls: s.cloudCalls,
		Conflicts: s.conflicts, Throttled: s.throttled, Queued: s.queued, Busy: s.busy,
		Invocations: s.invocations, PerIncident: s.perIncident, AskedPerIncident: s.asked}
}

// simulated is a region while it is simulated.
type simulated struct {
	*replay
	region Region
	random *rand.Rand

	running int // invocations
	queue   []*coroutine
	alarms  int

	first  map[string]time.Time // of an instance's alarms
	seen   map[string]bool      // instances that were rebooted
	delays []time.Duration

	minute time.Time // of the counts
	calls  [4]int    // within it, by API

	deliveries, ledgerCalls, sweepCalls, cloudCalls int
	conflicts, throttled, invocations               int
	queued, busy                                    time.Duration
	perIncident, asked                              []int // of the ledger, of ECS
}

// storm plans all deliveries.
func (s *simulated) storm(assumed *Assumptions) {
	g := &generator{random: s.random, instances: s.region.Instances, now: generatedStart}
	outcome := func() Outcome {
		switch roll := s.random.Float64(); {
		case roll < 0.70:
			return OutcomeGraceful
		case roll < 0.80:
			return OutcomeRetry
		case roll < 0.95:
			return OutcomeForce
		}
		return OutcomeNever
	}
	for n := range s.region.Hung + s.region.Outage {
		id := g.instance(n)
		one := assumed.Instance
		one.ID, one.Outcome = id, outcome()
		assumed.Instances[id] = one
		if n < s.region.Hung {
			at := generatedStart.Add(g.span(0, time.Minute))
			s.first[id] = at
			g.now = at
			g.system(at, id, "InstanceFailure.PerformanceImpact", "Executing", g.id("e-bp1gen"))
			s.planned(g, id, at, true)
			continue
		}
		at := generatedStart.Add(time.Hour + g.span(0, 3*time.Minute))
		s.first[id] = at
		g.agent(id, at, g.span(35*time.Minute, 45*time.Minute))
		s.planned(g, id, at, true)
	}
}

// planned delivers what the generator has just made, with the duplicates and delays that it gave
// it.
func (s *simulated) planned(g *generator, id string, at time.Time, firing bool) {
	for _, one := range g.later {
		fires := firing && one.at.Sub(at) < 30*time.Minute
		s.clock.startAt(one.at, func() { s.arrives(id, fires, one.line) })
	}
	g.later = g.later[:0]
}

func (s *simulated) arrives(id string, firing bool, line []byte) {
	now := s.clock.now
	s.tally.delivered(now, id)
	s.guests.alarmed(id, firing, now)
	e := &event{replay: s.replay, first: s.alarms, alarms: []told{{instance: id}}}
	e.begun = func() {
		s.perIncident, s.asked = append(s.perIncident, e.calls), append(s.asked, e.asked)
	}
	s.alarms++
	for retry := 0; ; retry++ {
		s.deliveries++
		e.results, e.alarms[0].reported = 0, false
		if !s.invokeSlowly(e, line, retry) || retry == functionRetries {
			return
		}
		s.sleep(time.Minute << retry)
	}
}

func (s *simulated) sleep(d time.Duration) { s.clock.Sleep(context.Background(), d) }

// invokeSlowly waits for a function instance and runs one invocation on it. It reports whether that
// asks for the event again.
func (s *simulated) invokeSlowly(e *event, payload []byte, retry int) (again bool) {
	from := s.clock.now
	if s.running >= max(1, s.region.Functions) {
		s.queue = append(s.queue, s.clock.current)
		s.clock.yield() // whoever ends hands its place over
		s.queued = max(s.queued, s.clock.now.Sub(from))
	} else {
		s.running++
	}
	began := s.clock.now
	s.invocations++
	handler, about := s.handler, s.about
	handler.Reporter = e
	about.Retry, about.Deadline = retry, began.Add(functionTimeout)
	ctx := context.WithValue(context.Background(), eventKey{}, e)
	_, err := handler.Handle(ctx, about, payload)
	s.busy += s.clock.now.Sub(began)
	if len(s.queue) > 0 {
		s.clock.ready = append(s.clock.ready, s.queue[0])
		s.queue = s.queue[1:]
	} else {
		s.running--
	}
	var pending *handle.Pending
	return errors.As(err, &pending) && !e.sweep
}

// eventKey is that of an invocation's event within its context.
type eventKey struct{}

// between is a latency.
func (s *simulated) between(least, most time.Duration) {
	s.sleep(least + time.Duration(s.random.Int64N(int64(most-least))))
}

// slowLedger is the records a network away: a call is in effect half-way.
type slowLedger simulated

func (l *slowLedger) trip(ctx context.Context) {
	l.ledgerCalls++
	if e, _ := ctx.Value(eventKey{}).(*event); e != nil {
		if e.calls++; e.sweep {
			l.sweepCalls++
		}
	}
	(*simulated)(l).between(1*time.Millisecond, 4*time.Millisecond)
}

func (l *slowLedger) back() { (*simulated)(l).between(1*time.Millisecond, 4*time.Millisecond) }

// Record implements handle.Ledger.
func (l *slowLedger) Record(ctx context.Context, book remedy.Book, instance string) (
	reading remedy.Reading[remedy.Record]) {
	l.trip(ctx)
	reading = l.records.Record(ctx, book, instance)
	l.back()
	reading.At = l.clock.now
	return reading
}

// Fleet implements handle.Ledger.
func (l *slowLedger) Fleet(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Fleet] {
	l.trip(ctx)
	reading := l.records.Fleet(ctx, book)
	l.back()
	reading.At = l.clock.now
	return reading
}

// Sign implements handle.Signs.
func (l *slowLedger) Sign(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Sign] {
	l.trip(ctx)
	reading := l.records.Sign(ctx, book)
	l.back()
	reading.At = l.clock.now
	return reading
}

// Write implements handle.Ledger.
func (l *slowLedger) Write(ctx context.Context, book remedy.Book, instance string,
	write remedy.Write) remedy.Written {
	l.trip(ctx)
	written := l.records.Write(ctx, book, instance, write)
	l.back()
	written.At = l.clock.now
	if written.Wrote == remedy.WroteConflict {
		l.conflicts++
	}
	return written
}

// slowCloud is ECS a network away, with its limits.
type slowCloud simulated

// The APIs whose calls are counted, and their limits.
const (
	apiInstances = iota
	apiHeartbeats
	apiEvents
	apiReboot
)

var apiLimits = [4]int{limitDescribe, limitDescribe, limitEvents, limitReboot}

// trip reports whether the call is within the limit.
func (c *slowCloud) trip(ctx context.Context, api int) bool {
	c.cloudCalls++
	if e, _ := ctx.Value(eventKey{}).(*event); e != nil {
		e.asked++
	}
	(*simulated)(c).between(10*time.Millisecond, 40*time.Millisecond)
	if minute := c.clock.now.Truncate(time.Minute); !minute.Equal(c.minute) {
		c.minute, c.calls = minute, [4]int{}
	}
	if c.calls[api]++; c.calls[api] > apiLimits[api] {
		c.throttled++
		return false
	}
	return true
}

func (c *slowCloud) back() { (*simulated)(c).between(10*time.Millisecond, 40*time.Millisecond) }

const throttling = "Throttling.User"

func throttled[T any](now time.Time) remedy.Reading[T] {
	return remedy.Reading[T]{At: now, Date: now, Failure: remedy.FailureUnavailable,
		Code: throttling, Note: "too many calls within this minute"}
}

// Machines implements handle.Cloud.
func (c *slowCloud) Machines(ctx context.Context, region string, ids []string) (
	all map[string]remedy.Reading[remedy.Instance]) {
	within := c.trip(ctx, apiInstances)
	if within {
		all = c.guests.Machines(ctx, region, ids)
	} else {
		all = map[string]remedy.Reading[remedy.Instance]{}
	}
	c.back()
	for _, id := range ids {
		reading := all[id]
		if reading.At, reading.Date = c.clock.now, c.clock.now; !within {
			reading = throttled[remedy.Instance](c.clock.now)
		}
		all[id] = reading
	}
	return all
}

// Heartbeats implements handle.Cloud.
func (c *slowCloud) Heartbeats(ctx context.Context, region string, ids []string) (
	all map[string]remedy.Reading[remedy.Vitals]) {
	within := c.trip(ctx, apiHeartbeats)
	if within {
		all = c.guests.Heartbeats(ctx, region, ids)
	} else {
		all = map[string]remedy.Reading[remedy.Vitals]{}
	}
	c.back()
	for _, id := range ids {
		reading := all[id]
		if reading.At, reading.Date = c.clock.now, c.clock.now; !within {
			reading = throttled[remedy.Vitals](c.clock.now)
		}
		all[id] = reading
	}
	return all
}

// PlatformEvents implements handle.Cloud.
func (c *slowCloud) PlatformEvents(ctx context.Context, region, id string) (
	reading remedy.Reading[[]remedy.PlatformEvent]) {
	within := c.trip(ctx, apiEvents)
	c.back()
	if !within {
		return throttled[[]remedy.PlatformEvent](c.clock.now)
	}
	return c.guests.PlatformEvents(ctx, region, id)
}

// Reboot implements handle.Rebooter.
func (c *slowCloud) Reboot(ctx context.Context, order remedy.Order) remedy.Reply {
	within := c.trip(ctx, apiReboot)
	reply := remedy.Reply{Answer: remedy.AnswerNotExecuted, Code: throttling, Throttled: true}
	if within {
		reply = c.guests.Reboot(ctx, order)
	}
	c.back()
	reply.At = c.clock.now
	return reply
}

// Suppositions says what a simulated region rests on, a sentence each.
func (r *Region) Suppositions() []string {
	return []string{
		fmt.Sprintf("%s instances; %s hang within a minute, and an hour later %s agents of a zone "+
			"fall silent within three minutes, for about 40 minutes.", grouped(r.Instances),
			grouped(r.Hung), grouped(r.Outage)),
		"Of the hung guests 70 % obey the first graceful reboot, 10 % the second, 15 % a forced " +
			"one, 5 % none; all are opted in.",
		fmt.Sprintf("Deliveries take up to 20 s, 4 %% come twice, 2 %% late; %s function "+
			"instances, one invocation each, asked again %d times after an error.",
			grouped(r.Functions), functionRetries),
		fmt.Sprintf("A ledger's call takes 2 to 8 ms, one of ECS 20 to 80 ms; within a minute ECS "+
			"takes %d DescribeInstances, %d DescribeInstanceHistoryEvents, %d RebootInstance.",
			limitDescribe, limitEvents, limitReboot),
		"Prices are those of Function Compute's list, USD; what the ledger's host costs is not " +
			"counted.",
	}
}
