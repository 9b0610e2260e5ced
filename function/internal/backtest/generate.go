package backtest

import (
	"bufio"
	"container/heap"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// generatedAccount and generatedRegion are those of a generated history.
const (
	generatedAccount = "1234567890123456"
	generatedRegion  = "cn-hangzhou"
)

// generatedStart is when a generated history begins: it does not depend on when it is made.
var generatedStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Generate writes a realistic history of n alarms, as JSON lines in the shapes in which
// CloudMonitor sends them, in the order in which they arrive. The same n and seed give the same
// bytes. It has
//
//   - a daily rhythm: by day there are four times as many as by night, and few at the weekend
//   - metric rules that flap: firing and resolved again and again, on a few instances most of all
//   - agents that fall silent and report again, hangs that the platform reports, missing data
//   - events that no restart cures, and metrics that the default policy does not list
//   - an outage of a zone, once a month: a part of all agents falls silent within minutes
//   - duplicates, soon after the first
//   - late deliveries: a topic of MNS took them in long after the alarm's time, and says so
func Generate(w io.Writer, n int, seed uint64) error {
	g := &generator{random: rand.New(rand.NewPCG(seed, 0x5eed)), now: generatedStart,
		out: bufio.NewWriterSize(w, 1<<18), left: n,
		instances: max(100, min(20_000, n/20)),
		perHour:   float64(min(n, alarmsPerDay)) / 24 / linesPerOccasion}
	g.outage = g.now.Add(g.span(2*time.Hour, 20*time.Hour))
	for g.left > 0 {
		g.occasion()
	}
	if g.failed != nil {
		return g.failed
	}
	return g.out.Flush()
}

const (
	alarmsPerDay     = 3_000
	linesPerOccasion = 3 // roughly: what begins mostly ends, and some flaps
)

// generator makes one history.
type generator struct {
	random    *rand.Rand
	out       *bufio.Writer
	now       time.Time
	left      int
	instances int
	perHour   float64 // occasions, by the mean of a day
	outage    time.Time
	later     arrivals
	numbered  uint64
	failed    error
}

// arrival is a line that arrives later.
type arrival struct {
	at   time.Time
	n    uint64
	line []byte
}

// arrivals is a heap, the first to arrive on top.
type arrivals []arrival

func (a arrivals) Len() int { return len(a) }

func (a arrivals) Less(i, j int) bool {
	if c := a[i].at.Compare(a[j].at); c != 0 {
		return c < 0
	}
	return a[i].n < a[j].n
}

func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push and Pop are for package heap.
func (a *arrivals) Push(x any) { *a = append(*a, x.(arrival)) }

func (a *arrivals) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = arrival{}
	*a = (*a)[:last]
	return x
}

// span is a random time between two.
func (g *generator) span(least, most time.Duration) time.Duration {
	return least + time.Duration(g.random.Int64N(int64(most-least)))
}

// occasion lets time pass until something happens, and writes what arrives on the way.
func (g *generator) occasion() {
	day := math.Sin((float64(g.now.Unix()%86_400)/86_400 - 0.25) * 2 * math.Pi) // noon UTC: most
	rate := g.perHour * (1 + 0.6*day)
	if weekday := g.now.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		rate /= 2
	}
	g.now = g.now.Add(time.Duration(g.random.ExpFloat64() / rate * float64(time.Hour)))
	g.write(g.now)
	if !g.now.Before(g.outage) {
		g.zone()
		g.outage = g.outage.Add(g.span(25*24*time.Hour, 35*24*time.Hour))
	}
	instance := g.instance(g.any())
	switch roll := g.random.Float64(); {
	case roll < 0.20:
		g.flaps(g.instance(g.few()))
	case roll < 0.45:
		g.agent(instance, g.now, g.span(4*time.Minute, time.Hour))
	case roll < 0.60:
		g.hang(instance)
	case roll < 0.70:
		g.metric(instance, "cpu-no-data", "cpu_total#60", "INSUFFICIENT_DATA", "OK", g.now)
	case roll < 0.85:
		g.metric(instance, "memory-used", "memory_usedutilization#60", "WARN", "OK", g.now)
		end := g.now.Add(g.span(5*time.Minute, 2*time.Hour))
		g.metric(instance, "memory-used", "memory_usedutilization#60", "OK", "WARN", end)
	default:
		g.incurable(instance)
	}
}

// any is the number of an instance; few is one of the few that make most of the noise.
func (g *generator) any() int { return g.random.IntN(g.instances) }

func (g *generator) few() int {
	return int(math.Pow(g.random.Float64(), 4) * float64(g.instances))
}

func (g *generator) instance(n int) string {
	id := []byte("i-bp1gen0000000000000a")
	digits := strconv.AppendInt(nil, int64(n), 36)
	copy(id[len(id)-1-len(digits):], digits)
	return string(id)
}

// flaps is a metric rule that fires and is resolved again and again.
func (g *generator) flaps(instance string) {
	at := g.now
	for range 1 + g.random.IntN(5) {
		g.metric(instance, "ecs-hung-cpu", "CPUUtilization#60", "CRITICAL", "OK", at)
		at = at.Add(g.span(2*time.Minute, 15*time.Minute))
		g.metric(instance, "ecs-hung-cpu", "CPUUtilization#60", "OK", "CRITICAL", at)
		at = at.Add(g.span(3*time.Minute, 20*time.Minute))
	}
}

// metric is an alarm of a metric rule: what CloudMonitor writes to MNS, or what it sends to a
// callback.
func (g *generator) metric(instance, rule, metric, level, before string, at time.Time) {
	ms := at.UnixMilli()
	if g.random.IntN(5) == 0 && level != "INSUFFICIENT_DATA" {
		state := "ALERT"
		if level == "OK" {
			state = "OK"
		}
		g.arrives(at, fmt.Appendf(nil, `{"userId":%q,"alertName":%q,"timestamp":"%d",`+
			`"alertState":%q,"triggerLevel":%q,"preTriggerLevel":%q,"dimensions":[{"userId":%q,`+
			`"instanceId":%q}],"ruleId":"putNewAlarm_%s","curValue":"99.8","metricName":%q,`+
			`"metricProject":"acs_ecs_dashboard","namespace":"acs_ecs_dashboard","regionId":%q}`,
			generatedAccount, rule, ms, state, level, before, generatedAccount, instance, rule,
			metric, generatedRegion))
		return
	}
	name := ""
	if level == "OK" {
		name = `,"eventName":"AlertOk"`
	}
	g.arrives(at, fmt.Appendf(nil, `{"ruleId":"putNewAlarm_%s","ruleName":%q,"curLevel":%q,`+
		`"preLevel":%q,"resources":"{\"instanceId\": \"%s\"}","escalation":{"comparisonOperator":`+
		`"GreaterThanOrEqualToThreshold","level":2,"statistics":"Average","tag":"CRITICAL",`+
		`"threshold":"99","times":3},"metricData":{"timestamp":%d,"userId":%q,"instanceId":%q,`+
		`"Average":99.8,"Maximum":100,"Minimum":99},"metricName":%q,"namespace":`+
		`"acs_ecs_dashboard","period":"60","groupBy":"","productGroupName":"","groupId":"",`+
		`"lastTime":180000,"time":%d,"userId":%q,"eventType":"Alert","batchId":"4272653-%d-0",`+
		`"version":"1.0"%s}`, rule, rule, level, before, instance, ms, generatedAccount, instance,
		metric, ms, generatedAccount, ms, name))
}

// agent is CloudMonitor's agent that falls silent, and reports again after a while.
func (g *generator) agent(instance string, at time.Time, lasts time.Duration) {
	g.event(at, instance, "CloudMonitor", "Agent_Status_Stopped", "stopped",
		`{"ipGroup":"10.0.0.11","tianjimonVersion":"1.2.22"}`)
	g.event(at.Add(lasts), instance, "CloudMonitor", "Agent_Status_Running", "running",
		`{"ipGroup":"10.0.0.11","tianjimonVersion":"1.2.22"}`)
}

// hang is a hang that the platform reports, and its end.
func (g *generator) hang(instance string) {
	id := g.id("e-bp1gen")
	for _, part := range []struct {
		status string
		at     time.Time
	}{{"Executing", g.now}, {"Executed", g.now.Add(g.span(5*time.Minute, 3*time.Hour))}} {
		g.system(part.at, instance, "InstanceFailure.PerformanceImpact", part.status, id)
	}
}

// incurable is an event that no restart cures.
func (g *generator) incurable(instance string) {
	kinds := []string{"InstanceFailure.Reboot", "SystemFailure.Reboot",
		"SystemMaintenance.Redeploy", "SystemFailure.PerformanceImpact"}
	g.system(g.now, instance, kinds[g.random.IntN(len(kinds))], "Executing", g.id("e-bp1gen"))
	if g.random.IntN(2) == 0 {
		g.event(g.now, instance, "ECS", "Instance:StateChange", "Normal",
			fmt.Sprintf(`{"resourceId":%q,"resourceType":"ALIYUN::ECS::Instance",`+
				`"state":"Stopping"}`, instance))
	}
}

func (g *generator) system(at time.Time, instance, kind, status, id string) {
	g.event(at, instance, "ECS", "Instance:"+kind+":"+status, status, fmt.Sprintf(
		`{"eventId":%q,"instanceId":%q,"eventType":%q,"eventStatus":%q,"publishTime":%q,`+
			`"executeStartTime":%q}`, id, instance, kind, status, at.UTC().Format(time.RFC3339),
		at.UTC().Format(time.RFC3339)))
}

// event is a system event's notification.
func (g *generator) event(at time.Time, instance, product, name, status, content string) {
	g.arrives(at, fmt.Appendf(nil, `{"ver":"1.0","id":%q,"product":%q,"resourceId":`+
		`"acs:ecs:%s:%s:instance/%s","level":"CRITICAL","name":%q,"userId":%q,"eventTime":%q,`+
		`"regionId":%q,"instanceName":"web","status":%q,"content":%s}`, g.id("70fb6b53-"),
		product, generatedRegion, generatedAccount, instance, name, generatedAccount,
		at.In(china).Format("20060102T150405.000-0700"), generatedRegion, status, content))
}

var china = time.FixedZone("", 8*60*60)

// id is one that was not used before.
func (g *generator) id(prefix string) string {
	g.numbered++
	return prefix + fmt.Sprintf("%012x", g.numbered)
}

// zone is an outage: a tenth of all agents fall silent within three minutes, and most come back.
func (g *generator) zone() {
	first := g.any()
	for i := range max(10, g.instances/10) {
		at := g.now.Add(g.span(0, 3*time.Minute))
		g.agent(g.instance((first+i)%g.instances), at, g.span(15*time.Minute, 50*time.Minute))
	}
}

// arrives puts a line among those to come: a little after its time; some twice, and some late.
func (g *generator) arrives(at time.Time, line []byte) {
	arrives := at.Add(g.span(time.Second, 20*time.Second))
	if g.random.IntN(50) == 0 {
		arrives = at.Add(g.span(2*time.Minute, 3*time.Hour))
		line = fmt.Appendf(nil, `{"TopicOwner":%q,"Message":%q,"Subscriber":%q,"PublishTime":%d,`+
			`"SubscriptionName":"cms-to-fc","MessageMD5":"6E2F9EFA4412C4A6079BB8D365AEA8C4",`+
			`"TopicName":"cms-events","MessageId":%q}`, generatedAccount, line, generatedAccount,
			arrives.UnixMilli(), g.id("2F5B3C08"))
	}
	g.push(arrives, line)
	if g.random.IntN(25) == 0 {
		g.push(arrives.Add(g.span(time.Second, 3*time.Minute)), line)
	}
}

func (g *generator) push(at time.Time, line []byte) {
	g.numbered++
	heap.Push(&g.later, arrival{at, g.numbered, line})
}

// write writes what has arrived by the time.
func (g *generator) write(until time.Time) {
	for g.left > 0 && len(g.later) > 0 && !g.later[0].at.After(until) {
		next := heap.Pop(&g.later).(arrival)
		if _, err := g.out.Write(append(next.line, '\n')); err != nil {
			g.left, g.failed = 0, err
			return
		}
		g.left--
	}
}
