package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// scenario is what the simulated world is like.
type scenario struct {
	guest  ecssim.NamedGuest
	faults []ecssim.NamedFault
}

// newScenario finds the guest and the faults by their names.
func newScenario(guest string, faults []string) (scenario, error) {
	var s scenario
	var names []string
	for _, g := range ecssim.Guests() {
		if names = append(names, g.Name); g.Name == guest {
			s.guest = g
		}
	}
	if s.guest.Name == "" {
		return s, hinted{fmt.Errorf("--guest: there is no guest %q", guest), "the guests are " + strings.Join(names, ", ")}
	}
	all := ecssim.Faults()
	for _, name := range faults {
		n := slices.IndexFunc(all, func(f ecssim.NamedFault) bool { return f.Name == name })
		if n < 0 {
			return s, hinted{fmt.Errorf("--fault: there is no fault %q", name), "remedy drill --list names the faults"}
		}
		s.faults = append(s.faults, all[n])
	}
	return s, nil
}

// simulation is one world, with a function that believes in it: the real handler, adapter and SDK, over the world's
// in-process transport and in its virtual time.
type simulation struct {
	clock      *ecssim.Virtual
	world      *ecssim.World
	function   *app.Function
	invocation app.Invocation
	audit      *audit
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

// simulate makes a world that holds the instances which the input names, opted in by tag, and begins at the given time.
// An empty account is the alarm's own. The simulation's function closes the store.
func simulate(settings config.Config, in input, s scenario, start time.Time, account string, store ledger.Store,
	watcher handle.Watcher) (*simulation, error) {
	clock := ecssim.NewVirtual(start)
	sim := &simulation{clock: clock, world: ecssim.New(clock), audit: &audit{}}
	sim.world.SigningClock = time.Now
	region := "cn-hangzhou"
	added := map[string]bool{}
	for _, a := range in.alarms {
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
		sim.world.Add(ecssim.Instance{ID: a.Instance, Region: at, Guest: s.guest.Guest,
			Tags: map[string]string{settings.Policy.OptInTag: "true"}})
		for _, f := range s.faults {
			f.Apply(sim.world, a.Instance)
		}
	}
	if account == "" {
		account = in.account()
	}
	var err error
	sim.function, err = app.New(settings, sim.audit, app.Seams{
		Clock: clock, Transport: sim.world.RoundTripper(), Store: store, Watcher: watcher})
	sim.invocation = app.Invocation{Account: account, Region: region, Credentials: ecs.Credentials{
		AccessKeyID: ecssim.DefaultKeyID, AccessKeySecret: ecssim.DefaultSecret, SecurityToken: ecssim.DefaultToken}}
	return sim, err
}

// load reads the configuration from the environment, with a mode and a ledger on top; an empty one
// leaves the environment's. Its errors name the flags where what is wrong came from them.
func (c *console) load(mode, ledger string) (config.Config, error) {
	environ := c.environ
	flags := map[string]string{}
	if mode != "" {
		environ = append(environ[:len(environ):len(environ)], "REMEDY_MODE="+mode)
		flags["REMEDY_MODE"] = "--mode"
	}
	if ledger != "" {
		environ = append(environ[:len(environ):len(environ)], "REMEDY_LEDGER="+ledger)
		flags["REMEDY_LEDGER"] = "--ledger"
	}
	settings, err := config.Load(environ)
	return settings, flagged(err, flags)
}

// flagged gives the problems of a configuration the names of the flags that the values came from.
func flagged(err error, flags map[string]string) error {
	joined, several := err.(interface{ Unwrap() []error })
	if !several {
		return err
	}
	var all []error
	for _, err := range joined.Unwrap() {
		var problem config.Problem
		if errors.As(err, &problem) && flags[problem.Variable] != "" {
			problem.Variable = flags[problem.Variable]
			err = problem
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// getenv is the value of a variable; empty where it is not set.
func (c *console) getenv(name string) string {
	value := ""
	for _, entry := range c.environ {
		if key, v, _ := strings.Cut(entry, "="); key == name {
			value = v
		}
	}
	return value
}

// credentials are the operator's, under the names that Alibaba Cloud's tools use.
func (c *console) credentials() ecs.Credentials {
	return ecs.Credentials{AccessKeyID: c.getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"),
		AccessKeySecret: c.getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), SecurityToken: c.getenv("ALIBABA_CLOUD_SECURITY_TOKEN")}
}

// withToken returns an HTTP trigger's event as one that the function lets in, and the token that lets it in: that of the
// request, or else one that is put into it. Other events come back as they are.
func withToken(payload []byte) ([]byte, config.Secret, error) {
	request, ok := events.HTTP(payload)
	if !ok {
		return payload, "", nil
	}
	if token := request.Header["x-remedy-token"]; token != "" {
		return payload, config.Secret(token), nil
	}
	const token = "token-of-this-drill"
	var event map[string]json.RawMessage
	headers := map[string]json.RawMessage{}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, "", err
	}
	if raw := event["headers"]; raw != nil {
		if err := json.Unmarshal(raw, &headers); err != nil {
			return nil, "", err
		}
	}
	headers["X-Remedy-Token"] = json.RawMessage(`"` + token + `"`)
	var err error
	if event["headers"], err = json.Marshal(headers); err != nil {
		return nil, "", err
	}
	payload, err = json.Marshal(event)
	return payload, token, err
}
