package backtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Outcomes of results are counted under this.
type outcome struct {
	verdict remedy.Verdict
	reason  remedy.Reason
}

func (o outcome) String() string { return string(o.verdict) + "/" + string(o.reason) }

// tally counts what came of a history under one policy, while it is replayed.
type tally struct {
	codes    map[outcome]uint16
	outcomes []outcome
	counts   []count // by code

	hours     map[int64]*hour // by hours since 1970
	instances counted
	rules     counted
	ends      []uint16 // by alarm: the code of its last verdict, plus one
	latest    hourly   // of lookups: most are of the hour of the one before
	reboots   int
	forced    int
	waited    []time.Duration
	first     time.Time
	last      time.Time
}

// count is how often something happened, and from when to when.
type count struct {
	n           int
	first, last time.Time
}

type hourly struct {
	key  int64
	hour *hour
}

// hour is what happened within one hour.
type hour struct {
	alarms, reboots, forced int
	results                 []uint32 // by code
}

// counted counts by name. After so many names all new ones are one: nothing that comes from outside
// makes a report outgrow the memory.
type counted struct {
	most   int
	names  map[string]*Load
	others Load
}

// Load is what an instance or a rule of alarms caused.
type Load struct {
	Name                             string
	Alarms, Reboots, Forced, Refused int
	Failed, Restarted                int
}

func newTally() *tally {
	return &tally{codes: map[outcome]uint16{}, hours: map[int64]*hour{},
		instances: counted{most: 100_000, names: map[string]*Load{}},
		rules:     counted{most: 10_000, names: map[string]*Load{}}}
}

func (c *counted) of(name string) *Load {
	if load := c.names[name]; load != nil {
		return load
	}
	if len(c.names) >= c.most {
		return &c.others
	}
	name = strings.Clone(name) // it is a part of all texts of an alarm
	load := &Load{Name: name}
	c.names[name] = load
	return load
}

func (t *tally) hour(at time.Time) *hour {
	key := at.Unix() / 3600
	if t.latest.hour == nil || t.latest.key != key {
		h := t.hours[key]
		if h == nil {
			h = &hour{}
			t.hours[key] = h
		}
		t.latest = hourly{key, h}
	}
	return t.latest.hour
}

func (t *tally) code(o outcome) uint16 {
	code, known := t.codes[o]
	if !known {
		code = uint16(len(t.outcomes))
		t.codes[o] = code
		t.outcomes = append(t.outcomes, o)
		t.counts = append(t.counts, count{})
	}
	return code
}

// delivered counts an alarm that arrives.
func (t *tally) delivered(at time.Time, instance string) {
	if t.first.IsZero() {
		t.first = at
	}
	t.last = at
	t.hour(at).alarms++
	if instance != "" {
		t.instances.of(instance).Alarms++
	}
}

// rebooted counts a reboot that ECS accepted.
func (t *tally) rebooted(at time.Time, instance string, force bool) {
	t.reboots++
	h, load := t.hour(at), t.instances.of(instance)
	h.reboots++
	load.Reboots++
	if force {
		t.forced++
		h.forced++
		load.Forced++
	}
}

// reported counts a result, and returns its code.
func (t *tally) reported(at time.Time, r *remedy.Result) uint16 {
	code := t.code(outcome{r.Verdict, r.Reason})
	c := &t.counts[code]
	if c.n++; c.first.IsZero() {
		c.first = at
	}
	c.last = at
	h := t.hour(at)
	for len(h.results) <= int(code) {
		h.results = append(h.results, 0)
	}
	h.results[code]++
	rule := t.rules.of(r.Alarm.Name)
	loads := []*Load{rule}
	if r.Verdict != remedy.VerdictWaiting {
		rule.Alarms++
	}
	if r.InstanceID != "" {
		loads = append(loads, t.instances.of(r.InstanceID))
	}
	for _, load := range loads {
		switch r.Verdict {
		case remedy.VerdictRefused:
			load.Refused++
		case remedy.VerdictFailed:
			load.Failed++
		case remedy.VerdictRestarted, remedy.VerdictObserved:
			load.Restarted++
		}
	}
	for _, a := range r.Attempts {
		if a.Outcome != remedy.OutcomeNotExecuted && a.Outcome != remedy.OutcomeRejected &&
			(r.Verdict == remedy.VerdictRestarted || r.Verdict == remedy.VerdictFailed) {
			rule.Reboots++
			if a.Force {
				rule.Forced++
			}
		}
	}
	return code
}

// ended keeps what an alarm ended with.
func (t *tally) ended(n int, code uint16) {
	for len(t.ends) <= n {
		t.ends = append(t.ends, 0)
	}
	t.ends[n] = code + 1
}

// end is what the alarm ended with; the zero outcome: it has not ended.
func (t *tally) end(n int) outcome {
	if n >= len(t.ends) || t.ends[n] == 0 {
		return outcome{}
	}
	return t.outcomes[t.ends[n]-1]
}

// Report is what came of a history under one policy.
type Report struct {
	Policy      remedy.Policy
	Alarms      int
	First, Last time.Time // when the first and the last alarm arrived
	Reboots     int       // that ECS accepted
	Forced      int
	Verdicts    []Verdict // the most frequent of each kind first
	Busiest     *Hour     // nil: there was no alarm
	Hours       []Hour    // in order, those in which nothing happened left out
	Instances   []Load    // the ones with the most alarms first
	Rules       []Load    // the ones with the most alarms first
	Others      Load      // of the instances that are not listed
	Many        bool      // there were more instances than are counted one by one
	Waited      []time.Duration
	tally       *tally
}

// Verdict is how often results had a verdict and a reason.
type Verdict struct {
	Verdict     remedy.Verdict
	Reason      remedy.Reason
	N           int
	First, Last time.Time
	Worst       int       // most within one hour
	WorstAt     time.Time // that hour
}

// Hour is what happened within an hour, of UTC.
type Hour struct {
	At       time.Time
	Alarms   int
	Reboots  int
	Forced   int
	Refused  int
	Waited   int
	Failed   int
	Verdicts map[string]int
}

// verdictOrder is that of reports: what was done first.
var verdictOrder = []remedy.Verdict{remedy.VerdictRestarted, remedy.VerdictObserved,
	remedy.VerdictFailed, remedy.VerdictWaiting, remedy.VerdictPending, remedy.VerdictRefused,
	remedy.VerdictIgnored, remedy.VerdictMalformed}

func (t *tally) report(p remedy.Policy, alarms int) *Report {
	r := &Report{Policy: p, Alarms: alarms, First: t.first, Last: t.last, Reboots: t.reboots,
		Forced: t.forced, Others: t.instances.others, tally: t, Waited: t.waited,
		Many: len(t.instances.names) >= t.instances.most}
	for code, o := range t.outcomes {
		c := t.counts[code]
		r.Verdicts = append(r.Verdicts, Verdict{Verdict: o.verdict, Reason: o.reason, N: c.n,
			First: c.first, Last: c.last})
	}
	for key, h := range t.hours {
		one := Hour{At: time.Unix(key*3600, 0).UTC(), Alarms: h.alarms, Reboots: h.reboots,
			Forced: h.forced, Verdicts: map[string]int{}}
		for code, n := range h.results {
			if n == 0 {
				continue
			}
			one.Verdicts[t.outcomes[code].String()] = int(n)
			switch t.outcomes[code].verdict {
			case remedy.VerdictRefused:
				one.Refused += int(n)
			case remedy.VerdictWaiting:
				one.Waited += int(n)
			case remedy.VerdictFailed:
				one.Failed += int(n)
			}
			v := &r.Verdicts[code]
			if int(n) > v.Worst || int(n) == v.Worst && one.At.Before(v.WorstAt) {
				v.Worst, v.WorstAt = int(n), one.At
			}
		}
		r.Hours = append(r.Hours, one)
	}
	slices.SortFunc(r.Hours, func(a, b Hour) int { return a.At.Compare(b.At) })
	for i := range r.Hours {
		if h := &r.Hours[i]; h.Alarms > 0 && (r.Busiest == nil || h.Alarms > r.Busiest.Alarms) {
			r.Busiest = h
		}
	}
	slices.SortFunc(r.Verdicts, func(a, b Verdict) int {
		return cmp.Or(
			cmp.Compare(
				slices.Index(verdictOrder, a.Verdict),
				slices.Index(verdictOrder, b.Verdict),
			),
			cmp.Compare(b.N, a.N),
			cmp.Compare(a.Reason, b.Reason),
		)
	})
	r.Instances, r.Rules = t.instances.sorted(), t.rules.sorted()
	return r
}

func (c *counted) sorted() []Load {
	all := make([]Load, 0, len(c.names))
	for _, load := range c.names {
		all = append(all, *load)
	}
	slices.SortFunc(all, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Alarms, a.Alarms), cmp.Compare(b.Reboots, a.Reboots),
			cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Total is how many results had the verdict, whatever the reason.
func (r *Report) Total(verdict remedy.Verdict) int {
	n := 0
	for _, v := range r.Verdicts {
		if v.Verdict == verdict {
			n += v.N
		}
	}
	return n
}

// Counts are the results by VERDICT/REASON.
func (r *Report) Counts() map[string]int {
	counts := map[string]int{}
	for _, v := range r.Verdicts {
		counts[string(v.Verdict)+"/"+string(v.Reason)] = v.N
	}
	return counts
}

// limits names the variable behind a reason that is a limit of the policy.
var limits = map[remedy.Reason]string{
	remedy.ReasonFleetConcurrent: "REMEDY_FLEET_CONCURRENT",
	remedy.ReasonFleetHourly:     "REMEDY_FLEET_HOURLY",
	remedy.ReasonIncidentsSpent:  "REMEDY_MAX_INCIDENTS",
	remedy.ReasonCoolingDown:     "REMEDY_COOLDOWN",
	remedy.ReasonOutsideWindow:   "REMEDY_WINDOWS",
	remedy.ReasonStaleAlarm:      "REMEDY_ALARM_MAX_AGE",
}

// Limit is a limit of the policy that held alarms back.
type Limit struct {
	Variable string
	Verdict
}

// Limits are those that held alarms back, the one that did most first.
func (r *Report) Limits() []Limit {
	var all []Limit
	for _, v := range r.Verdicts {
		name := limits[v.Reason]
		if v.Reason == remedy.ReasonFleetConcurrent && v.Verdict == remedy.VerdictRefused &&
			r.Policy.FleetWaiting > 0 {
			name = "REMEDY_FLEET_WAITING"
		}
		if name != "" {
			all = append(all, Limit{name, v})
		}
	}
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(b.N, a.N) })
	return all
}

// Difference is an alarm that ends in another way under a second policy.
type Difference struct {
	Key      string    `json:"key"`
	Instance string    `json:"instance"`
	Time     time.Time `json:"time,omitzero"`
	First    string    `json:"first"`
	Second   string    `json:"second"`
}

// Differences calls with every alarm that ended in another way, in the order of time, until it says
// no.
func (h *History) Differences(first, second *Report, each func(Difference) bool) error {
	n := 0
	return h.spool.each(func(d *delivery) bool {
		for i := range max(1, len(d.alarms)) {
			a, b := first.tally.end(n), second.tally.end(n)
			n++
			if a == b {
				continue
			}
			var about alarm
			if len(d.alarms) > 0 {
				about = d.alarms[i]
			}
			if !each(Difference{about.key, about.Instance, about.Time, a.String(), b.String()}) {
				return false
			}
		}
		return true
	})
}
