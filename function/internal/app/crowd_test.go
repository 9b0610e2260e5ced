package app_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

var wholeCrowds = flag.Bool("crowds", false, "measure crowds in their whole size")

// away is a network: whoever calls waits for half of the way, and for the other half after the
// effect. No way is as long as another, so that callers get out of step.
type away struct {
	trip   time.Duration // there and back
	mu     sync.Mutex
	random *rand.Rand
}

func newAway(trip time.Duration) *away {
	return &away{trip: trip, random: rand.New(rand.NewPCG(1, 2))}
}

// half waits for the way in one direction, a tenth more or less.
func (a *away) half() {
	a.mu.Lock()
	way := a.trip/2 - a.trip/20 + time.Duration(a.random.Int64N(int64(a.trip/10)))
	a.mu.Unlock()
	<-time.After(way)
}

// distantStore is a Store at the other end of a network, and counts what it is asked for.
type distantStore struct {
	*ledger.Mem
	*away

	mu             sync.Mutex
	gets, puts     int
	fleet          int // of those, about the fleet's record
	conflicts      int
	opened         map[string]time.Time // by key, when the first incident was stored
	untilAllClaims int                  // commands until the last of them was claimed
	claims         map[string]bool
}

func (d *distantStore) count(key string, n *int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n++
	if key == "fleet" {
		d.fleet++
	}
}

func (d *distantStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	d.count(key, &d.gets)
	d.half()
	value, revision, err := d.Mem.Get(ctx, key)
	d.half()
	return value, revision, err
}

func (d *distantStore) Put(ctx context.Context, key string, value []byte, expected uint64) (
	uint64, error) {
	d.count(key, &d.puts)
	d.half()
	revision, err := d.Mem.Put(ctx, key, value, expected)
	d.mu.Lock()
	switch {
	case errors.Is(err, ledger.ErrConflict):
		d.conflicts++
	case strings.HasPrefix(key, "instance/") && err == nil:
		if d.opened[key].IsZero() {
			d.opened[key] = time.Now()
		}
		if !d.claims[key] && strings.Contains(string(value), `"claimedAt"`) {
			d.claims[key], d.untilAllClaims = true, d.gets+d.puts
		}
	}
	d.mu.Unlock()
	d.half()
	return revision, err
}

// distantCloud is ECS at the other end of a network.
type distantCloud struct {
	http.RoundTripper
	*away
}

func (d distantCloud) RoundTrip(r *http.Request) (*http.Response, error) {
	d.half()
	answer, err := d.RoundTripper.RoundTrip(r)
	d.half()
	return answer, err
}

// TestCrowds: many instances hang at one moment, nothing limits how many may be restarted, and the
// ledger is 5 ms away. Nobody's event has to be asked for again, every incident is opened and ends
// well, and the fleet's record, which all of them write, costs each of them a few commands only.
// With -crowds it has the size that the figures of the documentation are about.
func TestCrowds(t *testing.T) {
	for _, row := range []struct {
		why              string
		processes, every int // alarms, as many events
		batch            bool
		small            int // as many alarms in all without -crowds
		alike            bool
		most             int // commands of the ledger an incident
	}{
		{"a process each", 100, 1, false, 30, false, 24},
		{"a process each, and all guests alike", 100, 1, false, 30, true, 24},
		{"in eight processes", 8, 75, false, 80, false, 24},
		{"in one event", 1, 600, true, 60, false, 24},
	} {
		t.Run(row.why, func(t *testing.T) {
			processes, every := row.processes, row.every
			if !*wholeCrowds {
				if every == 1 {
					processes = row.small
				} else {
					every = row.small / processes
				}
			}
			bubble(t, func(t *testing.T) {
				crowd(t, processes, every, row.batch, row.alike, row.most)
			})
		})
	}
}

func crowd(t *testing.T, processes, every int, inOne, alike bool, most int) {
	all := processes * every
	env := []string{
		fmt.Sprintf("REMEDY_FLEET_CONCURRENT=%d", all), fmt.Sprintf("REMEDY_FLEET_HOURLY=%d", all),
		"REMEDY_FLEET_WAITING=0",
	}
	s := newSetting(t, env)
	store := &distantStore{Mem: ledger.NewMem(), away: newAway(5 * time.Millisecond),
		opened: map[string]time.Time{}, claims: map[string]bool{}}
	s.store.Store = store.Mem
	s.deliver(sweepEvent) // it creates the fleet's record
	random := rand.New(rand.NewPCG(3, 4))
	between := func(least, most time.Duration) time.Duration {
		if alike {
			return (least + most) / 2
		}
		return least + time.Duration(random.Int64N(int64(most-least)))
	}
	ids := make([]string, all)
	for n := range ids {
		ids[n] = fmt.Sprintf("i-bp1crowd%012d", n)
		s.world.Add(ecssim.Instance{ID: ids[n], Tags: map[string]string{"auto-restart": "true"},
			Guest: ecssim.Guest{
				Stop:     between(5*time.Second, 30*time.Second),
				Start:    between(5*time.Second, 30*time.Second),
				BootTime: between(20*time.Second, 60*time.Second),
			}})
	}
	cloud := distantCloud{s.world.RoundTripper(), newAway(5 * time.Millisecond)}
	start := time.Now()
	var waits []func() []remedy.Result
	for p := range processes {
		function, err := app.New(load(t, env), s.out, app.Seams{Transport: cloud, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		var payloads []string
		for _, id := range ids[p*every : (p+1)*every] {
			payloads = append(payloads, kernelHang(id, start))
		}
		if inOne {
			payloads = []string{batch(payloads...)}
		}
		for _, payload := range payloads {
			waits = append(waits, s.inBackground(function, delivery(0), payload))
		}
	}
	count := map[string]int{}
	var results []remedy.Result
	for _, wait := range waits {
		some := wait()
		results = append(results, some...)
		for _, verdict := range verdicts(some) {
			count[verdict]++
		}
	}
	var opened, rebooted time.Duration
	for _, id := range ids {
		opened = max(opened, store.opened["instance/"+id].Sub(start))
		if sent := s.world.Reboots(id); len(sent) > 0 {
			rebooted = max(rebooted, sent[0].At.Sub(start))
		}
	}
	commands := store.gets + store.puts
	t.Logf("%d alarms, %d processes: the last incident opened after %v, the last first reboot "+
		"after %v; commands of the ledger an incident: %.1f until then, %.1f to the end, %.1f of "+
		"them about the fleet's record; %d conflicts; %v in all; they ended %v", all, processes,
		opened.Round(time.Millisecond), rebooted.Round(time.Millisecond),
		float64(store.untilAllClaims)/float64(all), float64(commands)/float64(all),
		float64(store.fleet)/float64(all), store.conflicts,
		time.Since(start).Round(time.Millisecond), count)
	if len(store.opened) != all || count["restarted/recovered"] != all {
		t.Errorf("%d of %d incidents opened, and they ended %v", len(store.opened), all, count)
	}
	if commands > most*all {
		t.Errorf("%d commands of the ledger for %d incidents, want %d each at most", commands, all,
			most)
	}
	s.lawful(results)
}
