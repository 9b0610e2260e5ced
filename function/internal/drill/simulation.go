package drill

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Scenario is what the simulated world is like.
type Scenario struct {
	Guest  ecssim.NamedGuest
	Faults []ecssim.NamedFault
}

// UnknownName is the error of a scenario that asks for something that there is not.
type UnknownName struct {
	What  string // guest or fault
	Name  string
	Known []string
}

// Error says what there is not.
func (e *UnknownName) Error() string { return "there is no " + e.What + ` "` + e.Name + `"` }

// NewScenario finds the guest and the faults by their names. The error is an *UnknownName.
func NewScenario(guest string, faults []string) (Scenario, error) {
	var s Scenario
	guests, all := ecssim.Guests(), ecssim.Faults()
	n := slices.IndexFunc(guests, func(g ecssim.NamedGuest) bool { return g.Name == guest })
	if n < 0 {
		unknown := &UnknownName{What: "guest", Name: guest}
		for _, g := range guests {
			unknown.Known = append(unknown.Known, g.Name)
		}
		return s, unknown
	}
	s.Guest = guests[n]
	for _, name := range faults {
		n := slices.IndexFunc(all, func(f ecssim.NamedFault) bool { return f.Name == name })
		if n < 0 {
			unknown := &UnknownName{What: "fault", Name: name}
			for _, f := range all {
				unknown.Known = append(unknown.Known, f.Name)
			}
			return s, unknown
		}
		s.Faults = append(s.Faults, all[n])
	}
	return s, nil
}

// Simulation is one world, with a function that believes in it. It is for one goroutine.
type Simulation struct {
	Clock      *ecssim.Virtual
	World      *ecssim.World
	Function   *app.Function
	Invocation app.Invocation
	// Shelf is what the guests' consoles showed before and after, once Play is over; nil: nothing
	// was kept.
	Shelf Shelf

	audit    *audit
	evidence config.Evidence
}

// Options say what is simulated.
type Options struct {
	Settings config.Config
	Event    Event
	Scenario Scenario
	Start    time.Time      // of virtual time
	Account  string         // that the function works for; empty: the alarm's own
	Store    ledger.Store   // the function's; closing the function closes it
	Watcher  handle.Watcher // nil: nobody watches
	// Evidence is an empty folder in which the function keeps what the guests' consoles show, until
	// Play is over; empty: it keeps nothing.
	Evidence string
}

// defaultRegion is where the function runs if no alarm names a region.
const defaultRegion = "cn-hangzhou"

// Simulate makes a world that holds the instances which the event names, opted in by tag, and a
// function in it. Whoever makes it closes the function. On an error the store is not closed.
func Simulate(o Options) (*Simulation, error) {
	// What happens to simulated instances is nobody's news, and no evidence of a real place.
	o.Settings.Notify, o.Settings.Evidence = nil, keeping(o.Evidence)
	o.Settings.Policy.EvidenceLimit = o.Settings.Evidence.Timeout
	clock := ecssim.NewVirtual(o.Start)
	sim := &Simulation{Clock: clock, World: ecssim.New(clock), audit: &audit{},
		evidence: o.Settings.Evidence}
	sim.World.SigningClock = time.Now
	region := defaultRegion
	added := map[string]bool{}
	for i := range o.Event.Alarms {
		a := &o.Event.Alarms[i]
		if a.Region != "" && len(added) == 0 {
			region = a.Region // where the function runs
		}
		if a.Instance == "" || added[a.Instance] {
			continue
		}
		added[a.Instance] = true
		at := a.Region
		if at == "" {
			at = region
		}
		sim.World.Add(ecssim.Instance{ID: a.Instance, Region: at, Guest: o.Scenario.Guest.Guest,
			Tags: map[string]string{o.Settings.Policy.OptInTag: "true"}})
		for _, f := range o.Scenario.Faults {
			f.Apply(sim.World, a.Instance)
		}
	}
	account := o.Account
	if account == "" {
		account = o.Event.Account()
	}
	var err error
	sim.Function, err = app.New(o.Settings, sim.audit, app.Seams{
		Clock: clock, Transport: sim.World.RoundTripper(), Store: o.Store, Watcher: o.Watcher})
	sim.Invocation = app.Invocation{Account: account, Region: region, Credentials: app.Credentials{
		AccessKeyID: ecssim.DefaultKeyID, AccessKeySecret: ecssim.DefaultSecret,
		SecurityToken: ecssim.DefaultToken}}
	return sim, err
}

// audit is what the function reported: its audit lines, read as results.
type audit struct{ results []remedy.Result }

// Write takes one line, or several whole ones.
func (a *audit) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		var result remedy.Result
		if err := json.Unmarshal(line, &result); err != nil {
			return 0, err // the function writes nothing else
		}
		a.results = append(a.results, result)
	}
	return len(lines), nil
}

// last is the last result that was reported about a result's alarm.
func (a *audit) last(r remedy.Result) remedy.Result {
	for _, reported := range a.results {
		if reported.Alarm.ID == r.Alarm.ID && reported.InstanceID == r.InstanceID {
			r = reported
		}
	}
	return r
}
