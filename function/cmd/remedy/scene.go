package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
)

// sceneFlag is the name of a scene; the flag alone names the first one.
type sceneFlag string

// Decode implements kong.MapperValue.
func (f *sceneFlag) Decode(ctx *kong.DecodeContext) error {
	*f = sceneFlag(scenes[0].name)
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	token, err := ctx.Scan.PopValue("scene")
	if name, ok := token.Value.(string); ok {
		*f = sceneFlag(name)
	}
	return err
}

// IsBool implements kong.BoolMapperValue: the flag may stand alone.
func (*sceneFlag) IsBool() bool { return true }

// scene is a simulated account for the doctor.
type scene struct {
	name      string
	key       ecssim.Key                // what the credentials may do
	instances func() []ecssim.Instance  // Tags[""] stands for the tag that opts in
	change    func(world *ecssim.World) // what else is wrong; nil: nothing
}

// sceneRegion is where a scene is looked at.
const sceneRegion = "cn-hangzhou"

// scenes are the accounts that the doctor can be shown. The first has an instance of every kind.
var scenes = []scene{
	{name: "example", instances: func() []ecssim.Instance {
		return append(well(), locked("security"), locked("financial"), expired(), unheard(),
			patient("stopped", "true", func(i *ecssim.Instance) { i.Status = ecssim.StatusStopped }),
			patient("mistagged", "yes", nil),
			patient("optedout", "false", nil),
			patient("moved", "true", func(i *ecssim.Instance) {
				i.Events = []ecssim.Event{{ID: "e-simulated", Type: "SystemMaintenance.Redeploy", Status: "Executing"}}
			}),
			patient("unlisted", "true", func(i *ecssim.Instance) { i.LocksMissing = true }))
	}},
	{name: "well", instances: well},
	{name: "locked", instances: func() []ecssim.Instance { return []ecssim.Instance{locked("security")} }},
	{name: "expired", instances: func() []ecssim.Instance { return []ecssim.Instance{expired()} }},
	{name: "no-heartbeat", instances: func() []ecssim.Instance { return []ecssim.Instance{unheard()} }},
	{name: "untagged", instances: func() []ecssim.Instance {
		return []ecssim.Instance{patient("untagged", "", func(i *ecssim.Instance) { i.Tags = nil })}
	}},
	{name: "wrong-region", instances: func() []ecssim.Instance {
		return []ecssim.Instance{patient("elsewhere", "true", func(i *ecssim.Instance) { i.Region = "cn-beijing" })}
	}},
	{name: "no-permission", key: without("DescribeInstances"), instances: well},
	{name: "no-heartbeat-permission", key: without("DescribeCloudAssistantStatus"), instances: well},
	{name: "no-events-permission", key: without("DescribeInstanceHistoryEvents"), instances: well},
	{name: "no-reboot-permission", key: without("RebootInstance"), instances: well},
	{name: "wrong-key", key: ecssim.Key{Secret: "another-secret"}, instances: well},
	{name: "unreachable", instances: well, change: func(w *ecssim.World) {
		w.Inject(ecssim.Fault{Kind: ecssim.KindDNS, Times: -1})
	}},
	{name: "throttled", instances: well, change: func(w *ecssim.World) {
		for _, action := range []string{"DescribeInstances", "DescribeInstanceHistoryEvents", "RebootInstance"} {
			w.Inject(ecssim.Fault{Kind: ecssim.KindThrottle, Action: action, Skip: 1, DryRuns: true})
		}
	}},
	{name: "clock", instances: well, change: func(w *ecssim.World) { w.Skew = 5 * time.Minute }},
	{name: "fleet", instances: func() []ecssim.Instance {
		var all []ecssim.Instance
		for n := range 120 {
			all = append(all, patient(fmt.Sprintf("fleet%03d", n), "true", nil))
		}
		return all
	}},
}

// patient is an instance that is well, but for a change. Its tag that opts in has the given value.
func patient(name, tag string, change func(*ecssim.Instance)) ecssim.Instance {
	i := ecssim.Instance{ID: "i-bp1" + name, Name: name, Region: sceneRegion, Tags: map[string]string{"": tag},
		Guest: ecssim.Guest{Agent: ecssim.AgentAlive}}
	if change != nil {
		change(&i)
	}
	return i
}

func well() []ecssim.Instance {
	return []ecssim.Instance{patient("full", "true", nil), patient("graceful", "graceful", nil)}
}

func locked(reason string) ecssim.Instance {
	return patient(reason+"lock", "true", func(i *ecssim.Instance) { i.Locks = []string{reason} })
}

func expired() ecssim.Instance {
	return patient("expired", "true", func(i *ecssim.Instance) { i.ChargeType, i.ExpiredTime = "PrePaid", "2020-01-01T16:00Z" })
}

func unheard() ecssim.Instance {
	return patient("unheard", "true", func(i *ecssim.Instance) { i.Guest.Agent = ecssim.AgentNone })
}

// without is a key that may call everything that the doctor needs but for one operation.
func without(action string) ecssim.Key {
	key := ecssim.Key{Actions: []string{}}
	for _, other := range []string{"DescribeInstances", "DescribeCloudAssistantStatus", "DescribeInstanceHistoryEvents",
		"RebootInstance"} {
		if other != action {
			key.Actions = append(key.Actions, other)
		}
	}
	return key
}

// newScene finds a scene by its name.
func newScene(name string) (*scene, error) {
	var names []string
	for i := range scenes {
		if scenes[i].name == name {
			return &scenes[i], nil
		}
		names = append(names, scenes[i].name)
	}
	return nil, hinted{fmt.Errorf("--simulate: there is no %q", name), "there are " + strings.Join(names, ", ")}
}

// play makes the account. It returns the credentials that open it, its clock, and what carries calls to it.
func (s *scene) play(tag string) (ecs.Credentials, handle.Clock, http.RoundTripper) {
	clock := ecssim.NewVirtual(time.Now())
	world := ecssim.New(clock)
	world.SetKey(s.key)
	if s.change != nil {
		s.change(world)
	}
	for _, i := range s.instances() {
		if value, has := i.Tags[""]; has {
			i.Tags = map[string]string{tag: value}
		}
		world.Add(i)
	}
	return ecs.Credentials{AccessKeyID: ecssim.DefaultKeyID, AccessKeySecret: ecssim.DefaultSecret,
		SecurityToken: ecssim.DefaultToken}, clock, world.RoundTripper()
}
