package app_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
)

// storm is an event of as many alarms as one can have, and what is true of the instances that they
// name.
type storm struct {
	name     string
	one      bool             // all are about one instance, with different times
	instance *ecssim.Instance // each of them; nil: there is none
	ends     map[string]int   // how many alarms end how
	calls    int              // of ECS, RebootInstance included
	trips    int              // to the ledger
}

func newStorms() []storm {
	tagged := func(optIn string, guest ecssim.Guest) *ecssim.Instance {
		return &ecssim.Instance{Tags: map[string]string{"auto-restart": optIn}, Guest: guest}
	}
	const all = events.MaxAlarms
	return []storm{
		// Each instance's record is read, and with each hundred the fleet's and the sweep's sign.
		// DescribeInstances takes a hundred.
		{"absent", false, nil, map[string]int{"refused/not-found": all}, 50, 5100},
		{"unfit", false, tagged("no", ecssim.Guest{}),
			map[string]int{"refused/not-opted-in": all}, 50, 5100},
		// Another 50 for the heartbeats; nobody asks what the platform does.
		{"healthy", false, tagged("true", ecssim.Guest{Agent: ecssim.AgentAlive}),
			map[string]int{"refused/guest-alive": all}, 100, 5100},
		// The platform's events are a call each, for the first hundred. Then three slots and 50
		// places are taken, and the rest is refused unread. Besides, there are three reboots, and
		// what became of each is read once. Three openings, slots and claims, and the waiters.
		{"hung", false, tagged("true", ecssim.Guest{}), map[string]int{"pending/out-of-time": 3,
			"waiting/fleet-concurrent": 50, "refused/fleet-concurrent": all - 53}, 108, 5120},
		// Three sources, the reboot, and one more look; the record is read once for all.
		{"one", true, tagged("true", ecssim.Guest{}), map[string]int{"pending/out-of-time": 1,
			"refused/in-progress": all - 1}, 5, 10},
	}
}

// gather puts the storm's instances into a world and returns the event.
func (s *storm) gather(world *ecssim.World) []byte {
	now := time.Now()
	payloads := make([]string, events.MaxAlarms)
	for n := range payloads {
		id, at := fmt.Sprintf("i-bp1storm%012d", n), now
		if s.one {
			id, at = instance, now.Add(-time.Duration(n)*time.Millisecond)
		}
		payloads[n] = kernelHang(id, at)
		if s.instance != nil && (n == 0 || !s.one) {
			i := *s.instance
			i.ID = id
			world.Add(i)
		}
	}
	return []byte(batch(payloads...))
}

// impatient is the real time for an invocation that ends where it would wait for an instance: by
// then every alarm has its first answer, or its reboot was sent.
type impatient struct{ app.RealClock }

// Sleep implements handle.Clock.
func (c impatient) Sleep(ctx context.Context, d time.Duration) error {
	if d >= time.Second {
		return context.Canceled
	}
	return c.RealClock.Sleep(ctx, d)
}

// blown is what a storm was answered and what it cost.
type blown struct {
	ends         map[string]int
	calls, trips int
}

// blow delivers the storm to a function in a new world. around is given what handles it.
func (s *storm) blow(t testing.TB, around func(payload []byte, invoke func())) blown {
	t.Helper()
	world := ecssim.New(ecssim.Real())
	store := &countingStore{Store: ledger.NewMem()}
	payload := s.gather(world)
	function, err := app.New(load(t, nil), io.Discard, app.Seams{
		Clock: impatient{}, Transport: world.RoundTripper(), Store: store,
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer any
	around(payload, func() { answer, _ = function.Invoke(t.Context(), delivery(0), payload) })
	b := blown{map[string]int{}, len(world.Calls()), store.trips}
	for _, end := range verdicts(answer.(handle.Response).Results) {
		b.ends[end]++
	}
	return b
}

// TestStorm: however many alarms one event has, ECS is asked for a hundred instances at once, and
// for no more than what decides; about one instance it is asked once.
func TestStorm(t *testing.T) {
	for _, s := range newStorms() {
		t.Run(s.name, func(t *testing.T) {
			got := s.blow(t, func(_ []byte, invoke func()) { invoke() })
			if fmt.Sprint(got.ends) != fmt.Sprint(s.ends) {
				t.Errorf("they ended %v, want %v", got.ends, s.ends)
			}
			if got.calls > s.calls || got.trips > s.trips {
				t.Errorf("%d calls of ECS and %d of the ledger, want %d and %d at most", got.calls,
					got.trips, s.calls, s.trips)
			}
		})
	}
}
