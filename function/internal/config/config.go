// Package config turns the environment into a Config, and reports everything that is wrong with it
// at once.
package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Config is what the environment says. It holds no open resource; its secrets are hidden however it
// is printed.
type Config struct {
	Policy    remedy.Policy
	Ledger    Ledger
	HTTPToken Secret        // empty: requests from an HTTP trigger are refused
	Endpoint  string        // base URL of ECS, without a path; empty: by region
	VPC       bool          // use the region's VPC endpoint
	Reserve   time.Duration // kept back from the invocation's deadline
	// what works but is risky, for the operator to read at start; no secrets
	Warnings []string

	Notify   []Address // who is told
	Lang     string    // of what people read: LangEnglish or LangChinese
	Evidence Evidence
}

// The languages, as REMEDY_LANG spells them.
const (
	LangEnglish = "en"
	LangChinese = "zh"
)

// Problem is one thing that is wrong with the environment. Its text is one line.
type Problem struct {
	Variable string
	Value    string // as given; empty if it is unset, may hold a secret, or is quoted in Wrong
	Wrong    string // what is wrong with it
	Cure     string // what to set instead
}

// Error says all of it in one line: NAME="value": what is wrong; cure: what to do.
func (p Problem) Error() string {
	name := p.Variable
	if !plain(name) { // the name of a variable comes from outside, too
		name = quoted(name)
	}
	if p.Value != "" {
		name += "=" + quoted(p.Value)
	}
	return name + ": " + p.Wrong + "; cure: " + p.Cure
}

// Load reads the REMEDY_* variables of environ, whose entries have the form of os.Environ; where a
// name is given twice the last one counts. White space around a value is dropped, and an empty
// value is the same as none. The error joins every Problem there is, one a line: those of single
// variables in the order of Variables, then those that lie between several, then unknown names.
// With an error the Config is empty.
func Load(environ []string) (Config, error) {
	given := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) {
			given[name] = strings.TrimSpace(value)
		}
	}
	maps.DeleteFunc(given, func(_, value string) bool { return value == "" })

	var c Config
	l := loader{given: given, wrong: map[string]bool{}}
	known := settings(&c)
	for _, s := range known {
		l.parse(s)
	}
	l.compare(&c)
	l.refuseUnknown(known)
	if len(l.problems) > 0 {
		return Config{}, errors.Join(l.problems...)
	}
	c.Warnings = warnings(&c)
	return c, nil
}

// prefix begins the name of every variable that is ours.
const prefix = "REMEDY_"

// loader collects the problems of one Load.
type loader struct {
	given    map[string]string
	wrong    map[string]bool // the names of variables that have a problem
	problems []error
}

// add keeps a problem, once: two items of a list may have the same.
func (l *loader) add(p Problem) {
	l.wrong[p.Variable] = true
	if !slices.Contains(l.problems, error(p)) {
		l.problems = append(l.problems, p)
	}
}

// parse reads one variable, or its default.
func (l *loader) parse(s setting) {
	value, isSet := l.given[s.Name]
	if !isSet {
		if s.worded {
			return
		}
		value = s.Default
	}
	shown := value
	if s.hides != nil && s.hides(value) {
		shown = ""
	}
	s.parse(value, func(cure, format string, args ...any) {
		l.add(Problem{Variable: s.Name, Value: shown, Wrong: fmt.Sprintf(format, args...),
			Cure: cure})
	})
}

// fine reports whether the variables were all parsed: a comparison with one that was not would only
// confuse.
func (l *loader) fine(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return l.wrong[name] })
}

// compare looks at the variables that must fit each other.
func (l *loader) compare(c *Config) {
	p := &c.Policy
	if _, isSet := l.given["REMEDY_LEDGER"]; !isSet && p.Mode == remedy.ModeEnforce {
		l.add(Problem{Variable: "REMEDY_LEDGER", Wrong: "not set, but mode enforce must know " +
			"where its incidents are kept",
			Cure: "set " + ledgerForms + "; mem: only where a single process runs"})
	}
	if l.fine("REMEDY_LEASE", "REMEDY_POLL") && p.Lease/2 < p.Poll {
		l.add(Problem{Variable: "REMEDY_LEASE", Value: l.given["REMEDY_LEASE"],
			Wrong: fmt.Sprintf("%v is shorter than 2 × REMEDY_POLL (%v): an owner at work would "+
				"look silent, and lose its incident", p.Lease, p.Poll),
			Cure: fmt.Sprintf("at least %v, or a shorter REMEDY_POLL", 2*p.Poll)})
	}
	if l.fine("REMEDY_ALARM_MAX_AGE", "REMEDY_INCIDENT_WINDOW") &&
		p.AlarmMaxAge > p.KeyRetention() {
		l.add(Problem{Variable: "REMEDY_ALARM_MAX_AGE", Value: l.given["REMEDY_ALARM_MAX_AGE"],
			Wrong: fmt.Sprintf("an alarm that opened an incident is forgotten after %v (24h, or "+
				"REMEDY_INCIDENT_WINDOW if longer): delivered again at the age of %v, it would "+
				"open a second one", p.KeyRetention(), p.AlarmMaxAge),
			Cure: fmt.Sprintf("at most %v, or a longer REMEDY_INCIDENT_WINDOW", p.KeyRetention())})
	}
	l.compareFleet(c)
	if c.Evidence.Kind != EvidenceOff {
		c.Policy.EvidenceLimit = c.Evidence.Timeout // no longer than a call may take: see remedy
	}
}

// What the fleet's record takes, in bytes, at most: half of what the smallest store holds in one
// record (ledger.MaxValue; a test ties the two), for the other half is for what no limit counts,
// and for a version to come. This package may not know the ledger, only its limits.
const (
	fleetBudget   = 1 << 20
	fleetBegun    = 200                 // an incident's beginning
	fleetAwaiting = 1_100               // an alarm that waits
	fleetSlot     = 300 + fleetAwaiting // an incident under way, and its alarm that may have waited

	// The largest of each limit, with the defaults of the two others.
	mostConcurrent = (fleetBudget - 20*fleetBegun - 50*fleetAwaiting) / fleetSlot
	mostHourly     = (fleetBudget - 3*fleetSlot - 50*fleetAwaiting) / fleetBegun
	mostWaiting    = (fleetBudget - 3*fleetSlot - 20*fleetBegun) / fleetAwaiting
)

// compareFleet refuses limits that are too large together: a record that has outgrown its store
// would stop every further incident.
func (l *loader) compareFleet(c *Config) {
	type limit struct {
		name       string
		cost, each int
	}
	limits := []limit{
		{"REMEDY_FLEET_CONCURRENT", c.Policy.FleetConcurrent * fleetSlot, fleetSlot},
		{"REMEDY_FLEET_HOURLY", c.Policy.FleetHourly * fleetBegun, fleetBegun},
		{"REMEDY_FLEET_WAITING", c.Policy.FleetWaiting * fleetAwaiting, fleetAwaiting},
	}
	sum := limits[0].cost + limits[1].cost + limits[2].cost
	if !l.fine(limits[0].name, limits[1].name, limits[2].name) || sum <= fleetBudget {
		return
	}
	costliest := slices.MaxFunc(limits, func(a, b limit) int { return a.cost - b.cost })
	cure := "lower one of the others too"
	if left := fleetBudget - (sum - costliest.cost); left >= costliest.each {
		cure = fmt.Sprintf("%d at most, or lower one of the others", left/costliest.each)
	}
	l.add(Problem{Variable: costliest.name, Value: l.given[costliest.name],
		Wrong: fmt.Sprintf("too large beside the other REMEDY_FLEET_ limits: at %d bytes for "+
			"each of REMEDY_FLEET_CONCURRENT, %d for REMEDY_FLEET_HOURLY and %d for "+
			"REMEDY_FLEET_WAITING, the ledger's record would have %d bytes, and holds %d",
			fleetSlot, fleetBegun, fleetAwaiting, sum, fleetBudget),
		Cure: cure})
}

// refuseUnknown reports names that are nobody's: a typo must not switch a guard off. It never shows
// their values, which may be a secret under a misspelt name.
func (l *loader) refuseUnknown(known []setting) {
	for _, s := range known {
		delete(l.given, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.given)) {
		few := name[:min(len(name), 100)] // the distance of more takes its time, and says nothing
		nearest := slices.MinFunc(known, func(a, b setting) int {
			return distance(few, a.Name) - distance(few, b.Name)
		})
		l.add(Problem{Variable: name, Wrong: "no such variable",
			Cure: "remove it; did you mean " + nearest.Name + "?"})
	}
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// warnings says what is allowed but risky.
func warnings(c *Config) []string {
	var all []string
	p := &c.Policy
	if c.Ledger.Kind == LedgerMemory || c.Ledger.Kind == LedgerBolt {
		all = append(all, "REMEDY_LEDGER: with "+c.Ledger.Name+" only one process may run: "+
			"several would not know of each other's incidents, and could reboot the same instance")
	}
	if p.SecondCheck && p.HeartbeatFresh < heartbeatPeriod {
		all = append(all, fmt.Sprintf("REMEDY_HEARTBEAT_FRESH: Cloud Assistant reports about "+
			"once a minute, so with %v a guest that lives can look silent, and be "+
			"rebooted", p.HeartbeatFresh))
	}
	if p.Force && p.IncidentLimit/2 <= p.AttemptTimeout {
		all = append(all, fmt.Sprintf("REMEDY_INCIDENT_LIMIT: two graceful attempts of "+
			"REMEDY_ATTEMPT_TIMEOUT (%v) use up all of %v, so no incident gets as far as a "+
			"forced reboot", p.AttemptTimeout, p.IncidentLimit))
	}
	for _, odd := range []struct {
		name string
		is   bool
		why  string
	}{
		{"REMEDY_ATTEMPT_TIMEOUT", p.AttemptTimeout < 3*time.Minute, "a normal restart takes 3 " +
			"to 5 minutes, so a shorter time takes one that is under way for a failure"},
		{"REMEDY_DEADLINE_RESERVE", c.Reserve > 5*time.Minute, "no incident gets further than " +
			"that long before an invocation's deadline"},
		{"REMEDY_LEASE", p.Lease > 10*time.Minute, "an incident whose owner died is left alone " +
			"for that long"},
	} {
		if odd.is {
			all = append(all, odd.name+": "+odd.why)
		}
	}
	return all
}

// heartbeatPeriod is the longest time between two heartbeats of Cloud Assistant (ECS API document
// DescribeCloudAssistantStatus).
const heartbeatPeriod = time.Minute

// enough is how much of a text from outside a message shows.
const enough = 100

// plain reports whether a text from outside can stand in a message as it is.
func plain(s string) bool {
	return len(s) <= enough && !strings.ContainsFunc(s,
		func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// quoted is text from outside on one line, kept short.
func quoted(s string) string {
	if runes := []rune(s); len(runes) > enough {
		return strconv.Quote(string(runes[:enough])) + "…"
	}
	return strconv.Quote(s)
}
