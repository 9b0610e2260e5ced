package doctor

import (
	"context"
	"fmt"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Scene is a simulated account, in a virtual time that begins now.
type Scene struct {
	Name string

	key       ecssim.Key                             // what the credentials may do
	instances func(now time.Time) []ecssim.Instance  // Tags[""] stands for the tag that opts in
	change    func(world *ecssim.World)              // what else is wrong; nil: nothing
	life      func(sign *remedy.Sign, now time.Time) // changes what the ledger tells; nil: nothing
	policy    *ecssim.Policy                         // of the credentials; nil: all is allowed
}

// Under is the scene as credentials with the policy see it.
func (s Scene) Under(policy ecssim.Policy) *Scene {
	s.policy = &policy
	return &s
}

// SceneRegion is where a scene is looked at.
const SceneRegion = "cn-hangzhou"

// Scenes are the accounts that the doctor can be shown. The first has an instance of every kind.
func Scenes() []Scene {
	return []Scene{
		{Name: "example", instances: func(now time.Time) []ecssim.Instance {
			return append(well(now), locked("security"), locked("financial"), expires(now, -1),
				expires(now, 5), unheard("true"), inquiring("asked", time.Time{}),
				stopped("stopped"),
				patient("mistagged", "yes", nil),
				patient("optedout", "false", nil),
				patient("moved", "true", func(i *ecssim.Instance) {
					i.Events = []ecssim.Event{{ID: "e-bp1moved", Status: "Executing",
						Type: "SystemMaintenance.Redeploy"}}
				}),
				patient("unlisted", "true", func(i *ecssim.Instance) { i.LocksMissing = true }))
		}},
		{Name: "well", instances: well},
		{Name: "fleet", instances: fleet},
		{Name: "locked", instances: some(locked("security"))},
		{Name: "expired", instances: func(now time.Time) []ecssim.Instance {
			return []ecssim.Instance{expires(now, -1)}
		}},
		{Name: "expiring", instances: func(now time.Time) []ecssim.Instance {
			return []ecssim.Instance{expires(now, 5), expires(now, 12), expires(now, 40)}
		}},
		{Name: "stopped", instances: some(stopped("stopped"))},
		{Name: "mistagged", instances: some(patient("yes", "yes", nil),
			patient("capital", "True", nil), patient("space", "graceful ", nil),
			patient("empty", "", nil), patient("full", "true", nil))},
		{Name: "inquiring", instances: func(now time.Time) []ecssim.Instance {
			return []ecssim.Instance{inquiring("asked", time.Time{}),
				inquiring("dated", now.Add(72*time.Hour))}
		}},
		{Name: "no-heartbeat", instances: some(unheard("true"))},
		{Name: "untagged", instances: some(untagged())},
		{Name: "partly-tagged", instances: some(patient("full", "true", nil), untagged())},
		{Name: "wrong-region", instances: some(patient("elsewhere", "true",
			func(i *ecssim.Instance) { i.Region = "cn-beijing" }))},
		{Name: "no-permission", key: without("DescribeInstances"), instances: well},
		{Name: "no-heartbeat-permission", key: without("DescribeCloudAssistantStatus"),
			instances: well},
		{Name: "no-events-permission", key: without("DescribeInstanceHistoryEvents"),
			instances: well},
		{Name: "no-reboot-permission", key: without("RebootInstance"), instances: well},
		{Name: "wrong-key", key: ecssim.Key{Secret: "another-secret"}, instances: well},
		{Name: "unreachable", instances: well, change: func(w *ecssim.World) {
			w.Inject(ecssim.Fault{Kind: ecssim.KindDNS, Times: -1})
		}},
		{Name: "throttled", instances: well, change: func(w *ecssim.World) {
			for _, action := range []string{"DescribeInstances", "DescribeInstanceHistoryEvents",
				"RebootInstance"} {
				w.Inject(ecssim.Fault{Kind: ecssim.KindThrottle, Action: action, Skip: 1,
					DryRuns: true})
			}
		}},
		{Name: "clock", instances: well, change: func(w *ecssim.World) {
			w.Skew = 5 * time.Minute
		}},
		{Name: "never-seen", instances: well, life: func(s *remedy.Sign, _ time.Time) {
			*s = remedy.Sign{}
		}},
		{Name: "long-silent", instances: well, life: func(s *remedy.Sign, now time.Time) {
			s.At = now.Add(-3 * time.Hour)
		}},
		{Name: "other-function", instances: well, life: func(s *remedy.Sign, _ time.Time) {
			s.Version = "213c343"
			if s.Mode != remedy.ModeObserve {
				s.Mode = remedy.ModeObserve
			} else {
				s.Mode = remedy.ModeEnforce
			}
		}},
	}
}

// some is a scene's instances where they do not depend on the time.
func some(all ...ecssim.Instance) func(time.Time) []ecssim.Instance {
	return func(time.Time) []ecssim.Instance { return all }
}

// fleet has 300 instances: 281 get the whole ladder, 12 are rebooted gracefully only, 7 get
// nothing.
func fleet(now time.Time) []ecssim.Instance {
	var all []ecssim.Instance
	add := func(n int, one func(name string) ecssim.Instance) {
		for range n {
			all = append(all, one(fmt.Sprintf("fleet%03d", len(all))))
		}
	}
	tagged := func(value string, change func(*ecssim.Instance)) func(string) ecssim.Instance {
		return func(name string) ecssim.Instance { return patient(name, value, change) }
	}
	add(277, tagged("true", nil))
	add(4, tagged("true", prepaid(now, 9)))
	add(8, tagged("graceful", nil))
	add(4, tagged("graceful", func(i *ecssim.Instance) { i.Guest.Agent = ecssim.AgentNone }))
	add(3, tagged("yes", nil))
	add(2, stopped)
	add(1, tagged("true", func(i *ecssim.Instance) { i.Locks = []string{"security"} }))
	add(1, tagged("true", prepaid(now, -30)))
	return all
}

// patient is an instance that is well, but for a change. Its tag that opts in has the given value.
func patient(name, tag string, change func(*ecssim.Instance)) ecssim.Instance {
	i := ecssim.Instance{ID: "i-bp1" + name, Name: name, Region: SceneRegion,
		Tags: map[string]string{"": tag}, Guest: ecssim.Guest{Agent: ecssim.AgentAlive}}
	if change != nil {
		change(&i)
	}
	return i
}

func well(time.Time) []ecssim.Instance {
	return []ecssim.Instance{patient("full", "true", nil), patient("graceful", "graceful", nil)}
}

func locked(reason string) ecssim.Instance {
	return patient(reason+"lock", "true", func(i *ecssim.Instance) { i.Locks = []string{reason} })
}

func stopped(name string) ecssim.Instance {
	return patient(name, "true", func(i *ecssim.Instance) { i.Status = ecssim.StatusStopped })
}

// prepaid makes an instance a subscription that ends at the beginning of a day, so many days from
// today: two runs on one day show the same.
func prepaid(now time.Time, days int) func(*ecssim.Instance) {
	return func(i *ecssim.Instance) {
		i.ChargeType = "PrePaid"
		day := now.UTC().Truncate(24 * time.Hour)
		i.ExpiredTime = day.AddDate(0, 0, days).Format("2006-01-02T15:04Z")
	}
}

func expires(now time.Time, days int) ecssim.Instance {
	name := "expired"
	if days > 0 {
		name = fmt.Sprintf("ends%02d", days)
	}
	return patient(name, "true", prepaid(now, days))
}

func untagged() ecssim.Instance {
	return patient("untagged", "", func(i *ecssim.Instance) { i.Tags = nil })
}

func unheard(tag string) ecssim.Instance {
	return patient("unheard", tag, func(i *ecssim.Instance) { i.Guest.Agent = ecssim.AgentNone })
}

// inquiring is an instance that the platform wants to move, if its owner lets it.
func inquiring(name string, from time.Time) ecssim.Instance {
	return patient(name, "true", func(i *ecssim.Instance) {
		i.Events = []ecssim.Event{{ID: "e-bp1" + name, Type: "SystemMaintenance.Redeploy",
			Status: "Inquiring", NotBefore: from}}
	})
}

// without is a key that may call everything that the doctor needs but for one operation.
func without(action string) ecssim.Key {
	key := ecssim.Key{Actions: []string{}}
	for _, other := range []string{"DescribeInstances", "DescribeCloudAssistantStatus",
		"DescribeInstanceHistoryEvents", "RebootInstance"} {
		if other != action {
			key.Actions = append(key.Actions, other)
		}
	}
	return key
}

// play makes the account. It returns the credentials that open it, and the seams that lead to it.
func (s *Scene) play(tag string) (app.Credentials, app.Seams) {
	clock := ecssim.NewVirtual(time.Now())
	world := ecssim.New(clock)
	world.SetKey(s.key)
	if s.policy != nil {
		world.Authorize(*s.policy)
	}
	if s.change != nil {
		s.change(world)
	}
	for _, i := range s.instances(clock.Now()) {
		if value, has := i.Tags[""]; has {
			i.Tags = map[string]string{tag: value}
		}
		world.Add(i)
	}
	keys := app.Credentials{AccessKeyID: ecssim.DefaultKeyID,
		AccessKeySecret: ecssim.DefaultSecret, SecurityToken: ecssim.DefaultToken}
	return keys, app.Seams{Clock: clock, Transport: world.RoundTripper()}
}

// ledger makes the ledger of a function that lives there, with this version and in this mode, but
// for what the scene changes. Should a write fail, the ledger holds less, and the examination says
// so.
func (s *Scene) ledger(ctx context.Context, policy remedy.Policy, version string,
	now func() time.Time) ledger.Store {
	store := ledger.NewMem()
	book := ledger.New(store, policy, now)
	sign := remedy.Sign{Mode: policy.Mode, Version: version, At: now().Add(-20 * time.Second)}
	if s.life != nil {
		s.life(&sign, now())
	}
	if sign.At.IsZero() {
		return store
	}
	policy.Mode = sign.Mode
	book.Write(ctx, policy.Book(), "", remedy.Write{Fleet: &remedy.Fleet{Written: sign.At}})
	book.Write(ctx, policy.Book(), "", remedy.Write{Sign: &sign})
	return store
}
