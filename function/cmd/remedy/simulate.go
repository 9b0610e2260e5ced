package main

import (
	"errors"
	"fmt"
	"strings"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ecs"
)

// newScenario finds the guest and the faults that the flags --guest and --fault name.
func newScenario(guest string, faults []string) (drill.Scenario, error) {
	scenario, err := drill.NewScenario(guest, faults)
	var unknown *drill.UnknownName
	if errors.As(err, &unknown) {
		hint := "remedy drill --list names the faults"
		if unknown.What == "guest" {
			hint = "the guests are " + strings.Join(unknown.Known, ", ")
		}
		return scenario, hinted{fmt.Errorf("--%s: %w", unknown.What, err), hint}
	}
	return scenario, err
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
	settings, err := app.Load(environ)
	return settings, flagged(err, flags)
}

// unopened is the error of a ledger that could not be opened, under the name of the flag where its
// URL came from that.
func unopened(err error, flag string) error {
	flags := map[string]string{}
	if flag != "" {
		flags["REMEDY_LEDGER"] = "--ledger"
	}
	return flagged(errors.Join(err), flags)
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
		AccessKeySecret: c.getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
		SecurityToken:   c.getenv("ALIBABA_CLOUD_SECURITY_TOKEN")}
}
