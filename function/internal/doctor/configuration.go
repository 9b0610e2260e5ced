package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
)

// instancesPerRegion is how many instances of functions an account may have at once in a region,
// unless its quota was raised (Function Compute document "Limits"). A reboot under way holds one of
// them for the whole ladder, for go1 runs one invocation at a time; instancesSpare are for the
// sweep, alarms that are refused, and whatever else the account runs.
const (
	instancesPerRegion = 100
	instancesSpare     = 10
)

// configuration reports every problem of the environment, and whether it can be worked with.
func (e *examination) configuration() bool {
	const name = "configuration"
	if e.Wrong != nil {
		for _, p := range problems(e.Wrong) {
			e.add(name, ResultFinding, wrong(p), p.Cure)
		}
		e.add(name, ResultWarning, "the rest is not checked: it depends on the configuration")
		return false
	}
	p := &e.Settings.Policy
	force := "allowed"
	if !p.Force {
		force = "never"
	}
	e.well(name, fmt.Sprintf("mode %s, force %s, tag %s, ledger %s", p.Mode, force, p.OptInTag,
		e.Settings.Ledger.Name))
	if p.Mode != remedy.ModeEnforce {
		e.add(name, ResultWarning, fmt.Sprintf("in mode %s nothing is rebooted", p.Mode),
			"REMEDY_MODE=enforce arms it")
	}
	if !p.SecondCheck {
		e.add(name, ResultWarning, "REMEDY_SECOND_CHECK=none: instances are rebooted even if "+
			"their guest is known to be alive", "REMEDY_SECOND_CHECK=heartbeat")
	}
	if now := e.seams.Clock.Now(); len(p.Windows) > 0 && !anyOpen(p.Windows, now) {
		e.add(name, ResultWarning,
			"no window of REMEDY_WINDOWS is open now: an alarm would be refused as outside-window",
			"wait for the next one, or widen REMEDY_WINDOWS")
	}
	if e.Settings.HTTPToken != "" && e.Settings.Ledger.Kind == config.LedgerMemory {
		e.add(name, ResultFinding, "REMEDY_HTTP_TOKEN with the ledger mem: an incident that the "+
			"HTTP trigger begins is left to the timer's sweep, which runs in another process and "+
			"cannot see it", "a ledger that every process reaches: "+sharedLedgers)
	}
	if most := instancesPerRegion - instancesSpare; p.FleetConcurrent > most {
		e.add(name, ResultWarning, fmt.Sprintf("REMEDY_FLEET_CONCURRENT=%d: each reboot under way "+
			"holds an instance of the function for the whole ladder, and an account has %d of "+
			"them in a region unless its quota was raised, with the sweep and all else "+
			"that it runs",
			p.FleetConcurrent, instancesPerRegion),
			fmt.Sprintf("REMEDY_FLEET_CONCURRENT=%d at most, or a quota of %d function instances "+
				"in the region (Quota Center, Function Compute)", most,
				p.FleetConcurrent+instancesSpare))
	}
	for _, warning := range e.Settings.Warnings {
		e.add(name, ResultWarning, warning,
			"another value of that variable")
	}
	return true
}

const sharedLedgers = "redis://…, rediss://… or ots://INSTANCE.REGION/TABLE"

// problems takes the error of config.Load apart.
func problems(err error) []config.Problem {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []config.Problem{{Wrong: err.Error()}}
	}
	var all []config.Problem
	for _, err := range joined.Unwrap() {
		var problem config.Problem
		if !errors.As(err, &problem) {
			problem = config.Problem{Wrong: err.Error()}
		}
		all = append(all, problem)
	}
	return all
}

// wrong says what is wrong with a variable, without the cure.
func wrong(p config.Problem) string {
	name := p.Variable
	if name == "" {
		return p.Wrong
	}
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	if len(name) > enough || strings.ContainsFunc(name, odd) {
		name = quoted(name)
	}
	if p.Value != "" {
		name += "=" + quoted(p.Value)
	}
	return name + ": " + p.Wrong
}

// enough is how many characters are shown of what comes from outside.
const enough = 100

func quoted(s string) string {
	if runes := []rune(s); len(runes) > enough {
		return strconv.Quote(string(runes[:enough])) + "…"
	}
	return strconv.Quote(s)
}

func anyOpen(windows []remedy.Window, now time.Time) bool {
	return slices.ContainsFunc(windows, func(w remedy.Window) bool { return w.Open(now) })
}
